//! What every [`Storage`] does alike, as one suite: the folder passes it here, S3 in the crate `aws`.
//!
//! Each check works on keys of its own and removes them; [`run`] wants a storage that holds nothing else.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::StreamExt;

use crate::error::Error;
use crate::key::ObjectKey;
use crate::object::{Attributes, ByteRange, ETag, ObjectInfo, UploadId, Version};
use crate::storage::{GetOptions, ListOptions, Listing, Precondition, PutOptions, Storage};

/// Runs every check.
///
/// # Panics
///
/// If the storage does something else than it must; the message names the check's expectation.
pub async fn run(storage: &dyn Storage) {
    puts_and_gets(storage).await;
    keeps_attributes(storage).await;
    replaces_whole_objects(storage).await;
    tells_what_is_missing(storage).await;
    deletes(storage).await;
    gets_ranges(storage).await;
    streams_large_objects(storage).await;
    holds_preconditions(storage).await;
    limits_metadata(storage).await;
    keeps_odd_keys(storage).await;
    lists_in_byte_order(storage).await;
    lists_by_delimiter(storage).await;
    lists_in_pages(storage).await;
    copies(storage).await;
    holds_preconditions_of_copies_and_parts(storage).await;
    joins_parts(storage).await;
    refuses_wrong_parts(storage).await;
    aborts_uploads(storage).await;
}

/// The key of this name.
fn key(name: &str) -> ObjectKey {
    ObjectKey::new(name).expect("the suite's keys are valid")
}

async fn put(storage: &dyn Storage, name: &str, bytes: &[u8]) -> ObjectInfo {
    let body = Bytes::copy_from_slice(bytes);
    let put = storage.put(&key(name), body, PutOptions::default()).await;
    put.unwrap_or_else(|error| panic!("put {name:?}: {error:?}"))
}

async fn get(storage: &dyn Storage, name: &str) -> (ObjectInfo, Bytes) {
    let object = storage.get(&key(name), GetOptions::default()).await;
    let object = object.unwrap_or_else(|error| panic!("get {name:?}: {error:?}"));
    assert_eq!(object.range, None);
    let bytes = object.body.collect(u64::MAX).await;
    (
        object.info,
        bytes.unwrap_or_else(|error| panic!("read {name:?}: {error:?}")),
    )
}

async fn remove(storage: &dyn Storage, names: &[&str]) {
    for name in names {
        let deleted = storage.delete(&key(name)).await;
        deleted.unwrap_or_else(|error| panic!("delete {name:?}: {error:?}"));
    }
}

async fn is_missing(storage: &dyn Storage, name: &str) {
    match storage.head(&key(name), None).await {
        Err(Error::NotFound(found)) => assert_eq!(found, key(name)),
        other => panic!("{name:?} must not be found, but: {other:?}"),
    }
    match storage.get(&key(name), GetOptions::default()).await {
        Err(Error::NotFound(found)) => assert_eq!(found, key(name)),
        other => panic!("{name:?} must not be found, but: {other:?}"),
    }
}

fn options(prefix: &str) -> ListOptions {
    ListOptions {
        prefix: prefix.to_owned(),
        delimiter: None,
        after: String::new(),
        max: 1000,
    }
}

async fn list(storage: &dyn Storage, options: ListOptions) -> Listing {
    let listed = storage.list(options.clone()).await;
    listed.unwrap_or_else(|error| panic!("list {options:?}: {error:?}"))
}

fn names(listing: &Listing) -> Vec<&str> {
    listing
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect()
}

/// Bytes that differ from place to place.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn attributes() -> Attributes {
    Attributes {
        content_type: Some("image/jpeg".to_owned()),
        cache_control: Some("max-age=60".to_owned()),
        content_disposition: Some("attachment; filename=\"a.jpg\"".to_owned()),
        content_encoding: Some("identity".to_owned()),
        content_language: Some("en".to_owned()),
        expires: Some("Thu, 01 Dec 2033 16:00:00 GMT".to_owned()),
        metadata: BTreeMap::from([
            ("author".to_owned(), "A B; c=\"d\"".to_owned()),
            ("mogr-source".to_owned(), "1234-5678".to_owned()),
        ]),
    }
}

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

/// Ranges are cut at the end; one that begins behind it is refused with the object's size.
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

/// Keys that a careless storage would take for paths, all at the same time.
pub const ODD_KEYS: [&str; 41] = [
    "odd/a b+c&d=e.jpg",
    "odd/100%",
    "odd/%2e%2e",
    "odd/%2F",
    "odd/ ",
    " odd",
    "odd/\u{4e2d}\u{6587}.gif",
    // One letter and two code points for it are two keys.
    "odd/\u{e9}",
    "odd/e\u{301}",
    "odd/\u{1f600}",
    "odd/Case",
    "odd/case",
    "odd/CASE",
    "odd/\u{c9}",
    "odd",
    "odd/",
    "odd//",
    "odd//x",
    "odd/x",
    "odd/x/",
    "odd/x/y",
    "odd/x/y/z",
    "odd/./x",
    "odd/../x",
    "odd/..",
    "..",
    "../odd",
    "../../etc/passwd",
    ".",
    "/",
    "/odd",
    "//odd",
    "odd\\x",
    "odd\n\r\t",
    "odd:x",
    "odd*?\"<>|",
    "con",
    "odd.",
    ".mogr",
    ".mogr/objects/a=",
    "odd~'\u{7f}",
];

/// Every valid key is a name of its own: [`ODD_KEYS`] and very long ones, side by side.
pub async fn keeps_odd_keys(storage: &dyn Storage) {
    let mut keys: Vec<String> = ODD_KEYS.map(str::to_owned).into();
    keys.push("n".repeat(1024));
    keys.push(format!("{}/{}", "d".repeat(255), "e".repeat(256)));
    keys.push("\u{4e2d}".repeat(341));
    keys.push("/".repeat(64));
    keys.push("l/".repeat(64));
    keys.push(format!("{}{}", "m/".repeat(64), "n".repeat(1024 - 128)));
    for name in &keys {
        put(storage, name, name.as_bytes()).await;
    }
    for name in &keys {
        assert_eq!(get(storage, name).await.1, name.as_bytes(), "{name:?}");
    }
    let mut sorted: Vec<&str> = keys.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    assert_eq!(names(&list(storage, options("")).await), sorted);
    // Each goes alone, in an order that takes parents before children and after.
    for (index, name) in keys.iter().enumerate() {
        remove(storage, &[name]).await;
        is_missing(storage, name).await;
        for other in &keys[index + 1..] {
            let found = storage.head(&key(other), None).await;
            assert!(found.is_ok(), "{other:?} went with {name:?}: {found:?}");
        }
    }
    assert_eq!(list(storage, options("")).await, Listing::default());
}

/// Keys come in the order of their bytes, with what `head` says of each.
pub async fn lists_in_byte_order(storage: &dyn Storage) {
    // `.` and `-` sort before `/`, `0` behind it, capitals before small letters, and U+FF5E before U+1F600.
    let expected = [
        "l",
        "l-a",
        "l.a",
        "l/",
        "l/a",
        "l/a/b",
        "l0",
        "lA",
        "la",
        "l\u{e9}",
        "l\u{ff5e}",
        "l\u{1f600}",
    ];
    for name in expected.iter().rev() {
        put(storage, name, name.as_bytes()).await;
    }
    let listing = list(storage, options("l")).await;
    assert_eq!(names(&listing), expected);
    assert_eq!((&listing.prefixes, &listing.next), (&Vec::new(), &None));
    for object in &listing.objects {
        let head = storage.head(&object.key, None).await.expect("it is listed");
        assert_eq!(object.size, head.size);
        assert_eq!(object.etag, head.etag);
        assert_eq!(object.last_modified, head.last_modified);
    }
    assert_eq!(
        names(&list(storage, options("l/")).await),
        ["l/", "l/a", "l/a/b"]
    );
    assert_eq!(names(&list(storage, options("l/a/")).await), ["l/a/b"]);
    assert_eq!(names(&list(storage, options("l.")).await), ["l.a"]);
    assert_eq!(names(&list(storage, options("x")).await), [""; 0]);
    remove(storage, &expected).await;
}

/// With a delimiter, what goes on behind it is told once.
pub async fn lists_by_delimiter(storage: &dyn Storage) {
    let all = ["d/a", "d/a/1", "d/a/2", "d/b", "d/c/1/2/3", "d/c/4", "d//x"];
    for name in all {
        put(storage, name, b"x").await;
    }
    let by = |prefix: &str, delimiter: &str| ListOptions {
        delimiter: Some(delimiter.to_owned()),
        ..options(prefix)
    };
    let listing = list(storage, by("d/", "/")).await;
    assert_eq!(names(&listing), ["d/a", "d/b"]);
    assert_eq!(listing.prefixes, ["d//", "d/a/", "d/c/"]);
    let listing = list(storage, by("d", "/")).await;
    assert_eq!(names(&listing), [""; 0]);
    assert_eq!(listing.prefixes, ["d/"]);
    let listing = list(storage, by("d/c/", "/")).await;
    assert_eq!(names(&listing), ["d/c/4"]);
    assert_eq!(listing.prefixes, ["d/c/1/"]);
    let listing = list(storage, by("d/", "a/")).await;
    assert_eq!(
        names(&listing),
        ["d//x", "d/a", "d/b", "d/c/1/2/3", "d/c/4"]
    );
    assert_eq!(listing.prefixes, ["d/a/"]);
    remove(storage, &all).await;
}

/// Pages of any size put together are the whole, and the last one says so.
pub async fn lists_in_pages(storage: &dyn Storage) {
    let all = [
        "p/1", "p/2/a", "p/2/b", "p/3", "p/4/a", "p/5", "p/6/x/y", "p/7",
    ];
    for name in all {
        put(storage, name, b"x").await;
    }
    for delimiter in [None, Some("/".to_owned())] {
        for max in 1..=all.len() + 1 {
            let mut found = Vec::new();
            let mut after = String::new();
            loop {
                let page = list(
                    storage,
                    ListOptions {
                        delimiter: delimiter.clone(),
                        after,
                        max,
                        ..options("p/")
                    },
                )
                .await;
                assert!(page.objects.len() + page.prefixes.len() <= max);
                found.extend(names(&page).iter().map(|&name| name.to_owned()));
                found.extend(page.prefixes.iter().cloned());
                match page.next {
                    Some(next) => {
                        assert_eq!(page.objects.len() + page.prefixes.len(), max);
                        after = next;
                    }
                    None => break,
                }
            }
            found.sort_unstable();
            let expected: &[&str] = match delimiter {
                None => &all,
                Some(_) => &["p/1", "p/2/", "p/3", "p/4/", "p/5", "p/6/", "p/7"],
            };
            assert_eq!(found, expected, "{max} at a time, delimiter {delimiter:?}");
        }
    }
    let from = ListOptions {
        after: "p/2/a0".to_owned(),
        max: 2,
        ..options("p/")
    };
    assert_eq!(names(&list(storage, from).await), ["p/2/b", "p/3"]);
    remove(storage, &all).await;
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

/// A copy, or the end of an upload, over a key that holds something else than it must leaves both as they were.
pub async fn holds_preconditions_of_copies_and_parts(storage: &dyn Storage) {
    let (source, target) = (key("conditions/source"), key("conditions/target"));
    let other = Precondition::Match(ETag::new("00000000000000000000000000000000"));
    let held = put(storage, source.as_str(), b"source").await.etag;
    let upload = storage
        .create_multipart(&target, Attributes::default())
        .await;
    let upload = upload.expect("an upload begins");
    let body = Bytes::from_static(b"part");
    let part = storage.put_part(&target, &upload, 1, body).await;
    let parts = [(1, part.expect("a part is stored"))];
    let fails = |result: Result<ObjectInfo, Error>| match result {
        Err(Error::PreconditionFailed(found)) => assert_eq!(found, target),
        other => panic!("the precondition must fail: {other:?}"),
    };
    let copy = |condition| storage.copy(&source, None, &target, None, condition);
    let complete = |condition| storage.complete_multipart(&target, &upload, &parts, condition);

    fails(copy(other.clone()).await);
    fails(complete(other.clone()).await);
    is_missing(storage, target.as_str()).await;
    let copied = copy(Precondition::Absent).await.expect("nothing is there");
    fails(copy(Precondition::Absent).await);
    fails(copy(other.clone()).await);
    fails(complete(Precondition::Absent).await);
    fails(complete(other).await);
    assert_eq!(get(storage, target.as_str()).await.1, &b"source"[..]);
    assert_eq!(copied.etag, held);
    let copied = copy(Precondition::Match(held)).await;
    let held = copied.expect("the tag is right").etag;
    let done = complete(Precondition::Match(held)).await;
    assert_eq!(done.expect("the tag is right").size, 4);
    assert_eq!(get(storage, target.as_str()).await.1, &b"part"[..]);
    remove(storage, &[source.as_str(), target.as_str()]).await;
}

/// Bytes of a part that S3 joins: all but the last have 5 MiB or more.
const PART: usize = 5 * 1024 * 1024;

/// Parts become one object in the order of the list, whichever way they came, and nothing shows before.
pub async fn joins_parts(storage: &dyn Storage) {
    let name = key("parts/joined+ \u{e9}.bin");
    let (one, two, three) = (noise(PART), vec![2; PART], vec![3; 10]);
    let upload = storage.create_multipart(&name, attributes()).await;
    let upload = upload.expect("an upload begins");
    let mut tags = BTreeMap::new();
    for (number, body) in [(10_000, &three), (1, &two), (7, &two), (1, &one)] {
        let body = Bytes::copy_from_slice(body);
        let put = storage.put_part(&name, &upload, number, body).await;
        tags.insert(number, put.expect("a part is stored"));
    }
    is_missing(storage, name.as_str()).await;
    assert_eq!(names(&list(storage, options("")).await), [""; 0]);
    let other = storage.create_multipart(&key("parts"), attributes()).await;
    let other = other.expect("another upload begins");
    for (prefix, expected) in [
        ("", vec![("parts", &other), (name.as_str(), &upload)]),
        ("parts/", vec![(name.as_str(), &upload)]),
        ("x", vec![]),
    ] {
        let open = storage.list_multipart(prefix).await.expect("uploads");
        let open: Vec<_> = open
            .iter()
            .map(|open| (open.key.as_str(), &open.upload))
            .collect();
        assert_eq!(open, expected, "open uploads under {prefix:?}");
    }
    let aborted = storage.abort_multipart(&key("parts"), &other).await;
    aborted.expect("the other upload ends");

    let parts = storage.list_parts(&name, &upload).await.expect("parts");
    let told: Vec<(u32, u64)> = parts.iter().map(|part| (part.number, part.size)).collect();
    assert_eq!(told, [(1, PART as u64), (7, PART as u64), (10_000, 10)]);
    for part in &parts {
        assert_eq!(part.etag, tags[&part.number], "the later part 1 counts");
    }
    let tags: Vec<(u32, ETag)> = tags.into_iter().collect();
    let done = storage
        .complete_multipart(&name, &upload, &tags, Precondition::None)
        .await;
    let done = done.expect("the parts are joined");
    let (info, bytes) = get(storage, name.as_str()).await;
    assert!(bytes == [one, two, three].concat(), "bytes in order");
    assert_eq!(info.size, 2 * PART as u64 + 10);
    assert_eq!(info.attributes, attributes());
    assert_eq!(info.etag, done.etag);
    assert!(info.etag.opaque().ends_with("-3"), "{}", info.etag);
    match storage.list_parts(&name, &upload).await {
        Err(Error::NoSuchUpload(id)) => assert_eq!(id, upload.0),
        other => panic!("the upload has ended: {other:?}"),
    }
    let open = storage.list_multipart("").await.expect("uploads");
    assert_eq!(open, [], "none is open any more");
    remove(storage, &[name.as_str()]).await;
}

/// A list of parts that is not right is refused, and the upload stays open.
pub async fn refuses_wrong_parts(storage: &dyn Storage) {
    let name = key("parts/refused");
    let upload = storage.create_multipart(&name, Attributes::default()).await;
    let upload = upload.expect("an upload begins");
    let mut tags = Vec::new();
    for number in [1, 2] {
        let body = Bytes::from(vec![number as u8; PART]);
        let put = storage.put_part(&name, &upload, number, body).await;
        tags.push((number, put.expect("a part is stored")));
    }
    let absent = vec![tags[0].clone(), (3, tags[1].1.clone())];
    match storage
        .complete_multipart(&name, &upload, &absent, Precondition::None)
        .await
    {
        Err(Error::InvalidPart(_)) => {}
        other => panic!("a part that was not uploaded: {other:?}"),
    }
    let swapped = vec![(1, tags[1].1.clone()), (2, tags[0].1.clone())];
    match storage
        .complete_multipart(&name, &upload, &swapped, Precondition::None)
        .await
    {
        Err(Error::InvalidPart(_)) => {}
        other => panic!("parts with other tags: {other:?}"),
    }
    let falling = vec![tags[1].clone(), tags[0].clone()];
    match storage
        .complete_multipart(&name, &upload, &falling, Precondition::None)
        .await
    {
        Err(Error::InvalidPartOrder) => {}
        other => panic!("parts in falling order: {other:?}"),
    }
    is_missing(storage, name.as_str()).await;
    let unknown = UploadId("../../0123456789abcdef".to_owned());
    match storage
        .complete_multipart(&name, &unknown, &tags, Precondition::None)
        .await
    {
        Err(Error::NoSuchUpload(_)) => {}
        other => panic!("an upload that never was: {other:?}"),
    }
    match storage.list_parts(&key("parts/another"), &upload).await {
        Err(Error::NoSuchUpload(_)) => {}
        other => panic!("another key's upload: {other:?}"),
    }
    let done = storage
        .complete_multipart(&name, &upload, &tags, Precondition::None)
        .await;
    assert_eq!(done.expect("still open").size, 2 * PART as u64);
    remove(storage, &[name.as_str()]).await;
}

/// An aborted upload is gone, and leaves the object as it was.
pub async fn aborts_uploads(storage: &dyn Storage) {
    let name = key("parts/aborted");
    put(storage, name.as_str(), b"before").await;
    let upload = storage.create_multipart(&name, attributes()).await;
    let upload = upload.expect("an upload begins");
    let body = Bytes::from_static(b"part");
    let put = storage.put_part(&name, &upload, 1, body.clone()).await;
    put.expect("a part is stored");
    let aborted = storage.abort_multipart(&name, &upload).await;
    aborted.expect("the upload ends");
    match storage.put_part(&name, &upload, 2, body).await {
        Err(Error::NoSuchUpload(_)) => {}
        other => panic!("the upload has ended: {other:?}"),
    }
    let (info, bytes) = get(storage, name.as_str()).await;
    assert_eq!(bytes, &b"before"[..]);
    assert_eq!(info.attributes.metadata, BTreeMap::new());
    remove(storage, &[name.as_str()]).await;
}
