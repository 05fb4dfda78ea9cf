//! Whole objects and ranges of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::StreamExt;

use crate::error::Error;
use crate::object::{Attributes, ByteRange, ETag, ObjectInfo, Version};
use crate::storage::{GetOptions, Precondition, PutOptions, Storage};

use super::steps::{attributes, get, is_missing, key, list, names, noise, options, put, remove};

/// An object comes back as it went in, with its MD5 as its tag, and the same by `put`, `head` and `get`.
pub async fn puts_and_gets(storage: &dyn Storage) {
    let put_info = put(storage, "plain/hello.txt", b"123456789").await;
    let head_info = storage.head(&key("plain/hello.txt"), None).await;
    let head_info = head_info.expect("head finds what was put");
    let (get_info, bytes) = get(storage, "plain/hello.txt").await;
    assert_eq!(bytes, &b"123456789"[..]);
    for info in [&put_info, &head_info, &get_info] {
        assert_eq!(info.size, 9);
        assert_eq!(info.etag.as_str(), "\"25f9e794323b453885f5181f1b624d0b\"");
        assert!(info.etag_is_md5, "it was put in one piece");
        assert_eq!(info.crc64, Some(0x995d_c9bb_df19_39fa), "CRC-64/XZ is kept");
    }
    assert_eq!(head_info.last_modified, get_info.last_modified);
    let age = std::time::SystemTime::now().duration_since(get_info.last_modified);
    assert!(age.is_ok_and(|age| age.as_secs() < 3600), "stored just now");

    let empty = put(storage, "plain/empty", b"").await;
    assert_eq!(empty.etag.opaque(), "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(get(storage, "plain/empty").await.1.len(), 0);
    remove(storage, &["plain/hello.txt", "plain/empty"]).await;
}

/// Headers and user metadata come back as they went in.
pub async fn keeps_attributes(storage: &dyn Storage) {
    let put_options = PutOptions {
        attributes: attributes(),
        ..PutOptions::default()
    };
    let name = key("attributes.bin");
    let put = storage
        .put(&name, Bytes::from_static(b"x"), put_options)
        .await;
    assert_eq!(put.expect("put").attributes, attributes());
    let head = storage.head(&name, None).await.expect("head");
    assert_eq!(head.attributes, attributes());
    assert_eq!(
        get(storage, "attributes.bin").await.0.attributes,
        attributes()
    );
    remove(storage, &["attributes.bin"]).await;
}

/// A second put leaves nothing of the first: neither bytes nor attributes.
pub async fn replaces_whole_objects(storage: &dyn Storage) {
    let put_options = PutOptions {
        attributes: attributes(),
        ..PutOptions::default()
    };
    let body = Bytes::from(noise(1000));
    let first = storage.put(&key("replaced"), body, put_options).await;
    let first = first.expect("put");
    let second = put(storage, "replaced", b"short").await;
    assert_ne!(first.etag, second.etag);
    let (info, bytes) = get(storage, "replaced").await;
    assert_eq!(bytes, &b"short"[..]);
    assert_eq!(info.size, 5);
    assert_eq!(info.attributes.metadata, BTreeMap::new());
    assert_eq!(info.attributes.cache_control, None);
    remove(storage, &["replaced"]).await;
}

/// What is not there is [`Error::NotFound`], a folder of keys included; a made-up version is told apart.
pub async fn tells_what_is_missing(storage: &dyn Storage) {
    is_missing(storage, "missing").await;
    is_missing(storage, "missing/deep/down.jpg").await;
    put(storage, "present/file", b"x").await;
    is_missing(storage, "present").await;
    is_missing(storage, "present/").await;
    is_missing(storage, "present/file/").await;
    is_missing(storage, "present/file/below").await;
    let version = Version("no-such-version".to_owned());
    match storage.head(&key("present/file"), Some(&version)).await {
        Err(Error::NoSuchVersion(..)) => {}
        other => panic!("a version that is not there: {other:?}"),
    }
    remove(storage, &["present/file"]).await;
}

/// Delete removes the object and nothing beside it, and minds nothing that is not there.
pub async fn deletes(storage: &dyn Storage) {
    put(storage, "deleted/one", b"1").await;
    put(storage, "deleted/two", b"2").await;
    remove(
        storage,
        &["deleted/one", "deleted/one", "deleted", "deleted/"],
    )
    .await;
    is_missing(storage, "deleted/one").await;
    assert_eq!(get(storage, "deleted/two").await.1, &b"2"[..]);
    remove(storage, &["deleted/two"]).await;
    assert_eq!(names(&list(storage, options("deleted")).await), [""; 0]);
}

/// Ranges are cut at the end; one that begins past it is refused with the object's size.
pub async fn gets_ranges(storage: &dyn Storage) {
    put(storage, "range", b"0123456789").await;
    let cases: [(ByteRange, &[u8], std::ops::Range<u64>); 6] = [
        (ByteRange::FromTo(0, 0), b"0", 0..1),
        (ByteRange::FromTo(2, 4), b"234", 2..5),
        (ByteRange::FromTo(8, 100), b"89", 8..10),
        (ByteRange::From(7), b"789", 7..10),
        (ByteRange::Last(3), b"789", 7..10),
        (ByteRange::Last(100), b"0123456789", 0..10),
    ];
    for (range, expected, place) in cases {
        let get_options = GetOptions {
            range: Some(range),
            ..GetOptions::default()
        };
        let object = storage.get(&key("range"), get_options).await;
        let object = object.unwrap_or_else(|error| panic!("{range:?}: {error:?}"));
        assert_eq!(object.range, Some(place), "{range:?}");
        assert_eq!(object.info.size, 10, "size is the whole object's");
        let bytes = object.body.collect(100).await.expect("the range is read");
        assert_eq!(bytes, expected, "{range:?}");
    }
    for range in [
        ByteRange::From(10),
        ByteRange::FromTo(10, 20),
        ByteRange::Last(0),
    ] {
        let get_options = GetOptions {
            range: Some(range),
            ..GetOptions::default()
        };
        match storage.get(&key("range"), get_options).await {
            Err(Error::InvalidRange { size: 10 }) => {}
            other => panic!("{range:?}: {other:?}"),
        }
    }
    remove(storage, &["range"]).await;
}

/// A large object comes whole, and of one state even when it is replaced while it is read.
pub async fn streams_large_objects(storage: &dyn Storage) {
    let bytes = noise(3_000_001);
    put(storage, "large", &bytes).await;
    assert!(
        get(storage, "large").await.1 == bytes,
        "all bytes, in order"
    );

    let object = storage.get(&key("large"), GetOptions::default()).await;
    let mut body = object.expect("get").body;
    let mut read = body
        .next()
        .await
        .expect("bytes")
        .expect("first bytes")
        .to_vec();
    put(storage, "large", &vec![0; 3_000_001]).await;
    while let Some(bytes) = body.next().await {
        read.extend_from_slice(&bytes.expect("the old bytes are still there"));
    }
    assert!(read == bytes, "a reader keeps the state that it began with");
    match storage.get(&key("large"), GetOptions::default()).await {
        Ok(object) => match object.body.collect(1_000_000).await {
            Err(Error::TooManyBytes { limit: 1_000_000 }) => {}
            other => panic!("over the limit: {:?}", other.map(|bytes| bytes.len())),
        },
        other => panic!("{other:?}"),
    }
    remove(storage, &["large"]).await;
}

/// Preconditions hold or the request does nothing.
pub async fn holds_preconditions(storage: &dyn Storage) {
    let fails = |result: Result<ObjectInfo, Error>| match result {
        Err(Error::PreconditionFailed(found)) => assert_eq!(found, key("guarded")),
        other => panic!("the precondition must fail: {other:?}"),
    };
    let absent = PutOptions {
        precondition: Precondition::Absent,
        ..PutOptions::default()
    };
    let matching = |etag: &ETag| PutOptions {
        precondition: Precondition::Match(etag.clone()),
        ..PutOptions::default()
    };
    let (name, body) = (key("guarded"), Bytes::from_static(b"second"));
    let first = storage
        .put(&name, Bytes::from_static(b"first"), absent.clone())
        .await
        .expect("nothing is there yet");
    fails(storage.put(&name, body.clone(), absent).await);
    let wrong = ETag::new("00000000000000000000000000000000");
    fails(storage.put(&name, body.clone(), matching(&wrong)).await);
    assert_eq!(get(storage, "guarded").await.1, &b"first"[..]);
    let second = storage.put(&name, body, matching(&first.etag)).await;
    let second = second.expect("the tag is right");

    let guarded = |etag: &ETag| GetOptions {
        if_match: Some(etag.clone()),
        ..GetOptions::default()
    };
    let object = storage.get(&name, guarded(&second.etag)).await;
    assert_eq!(object.expect("the tag is right").info.etag, second.etag);
    fails(
        storage
            .get(&name, guarded(&first.etag))
            .await
            .map(|object| object.info),
    );
    remove(storage, &["guarded"]).await;
}

/// User metadata over 2048 bytes, names and values together, is refused, and nothing is stored.
pub async fn limits_metadata(storage: &dyn Storage) {
    let with = |len: usize| PutOptions {
        attributes: Attributes {
            metadata: BTreeMap::from([("name".to_owned(), "v".repeat(len))]),
            ..Attributes::default()
        },
        ..PutOptions::default()
    };
    let name = key("metadata");
    let most = storage.put(&name, Bytes::new(), with(2044)).await;
    assert_eq!(
        most.expect("2048 bytes are allowed").attributes.metadata["name"].len(),
        2044
    );
    remove(storage, &["metadata"]).await;
    match storage.put(&name, Bytes::new(), with(2045)).await {
        Err(Error::MetadataTooLarge {
            found: 2049,
            limit: 2048,
        }) => {}
        other => panic!("2049 bytes of metadata: {other:?}"),
    }
    is_missing(storage, "metadata").await;
}

/// A copy has the source's bytes, and its attributes unless others are given.
pub async fn copies(storage: &dyn Storage) {
    let (source, target) = (key("copied/source"), key("copied/target+ \u{e9}"));
    let put_options = PutOptions {
        attributes: attributes(),
        ..PutOptions::default()
    };
    let body = Bytes::from(noise(10_000));
    let put = storage.put(&source, body.clone(), put_options).await;
    let put = put.expect("put");
    let any = || Precondition::None;
    let copy = storage.copy(&source, None, &target, None, any()).await;
    let copy = copy.expect("copy");
    assert_eq!(copy.etag, put.etag);
    let (info, bytes) = get(storage, target.as_str()).await;
    assert!(bytes == body && info.attributes == attributes());

    let others = Attributes {
        content_type: Some("text/plain".to_owned()),
        ..Attributes::default()
    };
    // Onto itself as well: that is how attributes are changed.
    for to in [&target, &source] {
        let replaced = Some(others.clone());
        let copy = storage.copy(&source, None, to, replaced, any()).await;
        assert_eq!(copy.expect("copy").attributes, others);
        let (info, bytes) = get(storage, to.as_str()).await;
        assert!(bytes == body && info.attributes == others);
    }
    let none = key("copied/none");
    match storage.copy(&none, None, &target, None, any()).await {
        Err(Error::NotFound(found)) => assert_eq!(found.as_str(), "copied/none"),
        other => panic!("a source that is not there: {other:?}"),
    }
    remove(storage, &[source.as_str(), target.as_str()]).await;
}
