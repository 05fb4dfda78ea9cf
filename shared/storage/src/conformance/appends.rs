//! Objects that grow.

use bytes::Bytes;

use crate::checksum::crc64;
use crate::error::Error;
use crate::object::{Attributes, ObjectInfo};
use crate::storage::{AppendOptions, Precondition, PutOptions, Storage};

use super::steps::{attributes, get, is_missing, key, noise, put, remove};

async fn append(
    storage: &dyn Storage,
    name: &str,
    position: u64,
    bytes: &[u8],
) -> Result<ObjectInfo, Error> {
    let options = AppendOptions {
        attributes: attributes(),
        max_bytes: 20_000_000,
    };
    let body = Bytes::copy_from_slice(bytes);
    storage.append(&key(name), position, body, options).await
}

#[track_caller]
fn is_wrong(result: Result<ObjectInfo, Error>, expected: u64) {
    match result {
        Err(Error::WrongPosition { size, .. }) => assert_eq!(size, expected),
        other => panic!("the object has {expected} bytes: {other:?}"),
    }
}

/// What is appended comes after what is there, under another tag each time, and the first append says what the object is.
pub async fn appends(storage: &dyn Storage) {
    is_wrong(append(storage, "log", 5, b"x").await, 0);
    let mut held: Vec<u8> = Vec::new();
    let mut tags = Vec::new();
    for bytes in [&b"first "[..], b"", b"second ", &noise(300_000)] {
        let position = held.len() as u64;
        let told = append(storage, "log", position, bytes).await;
        let told = told.expect("the position is the end");
        held.extend_from_slice(bytes);
        let (info, found) = get(storage, "log").await;
        assert!(found == held, "all bytes, in order");
        for info in [&told, &info] {
            assert_eq!(info.size, held.len() as u64);
            assert_eq!(info.crc64, Some(crc64(&held)), "CRC-64/XZ of all");
            assert!(info.appendable);
            assert_eq!(info.attributes, attributes());
        }
        assert_eq!(told.etag, info.etag);
        if !bytes.is_empty() {
            assert!(!tags.contains(&info.etag), "{tags:?}");
        }
        tags.push(info.etag);
    }
    let size = held.len() as u64;
    for position in [0, size - 1, size + 1, u64::MAX] {
        is_wrong(append(storage, "log", position, b"x").await, size);
    }
    assert!(get(storage, "log").await.1 == held, "as it was");
    remove(storage, &["log"]).await;
    let again = append(storage, "log", 0, b"anew").await;
    assert_eq!(again.expect("nothing is there").size, 4);
    remove(storage, &["log"]).await;
}

/// An object of more than S3's smallest part grows as well, up to its bound.
pub async fn appends_to_large_objects(storage: &dyn Storage) {
    let (first, second) = (noise(6 * 1024 * 1024), noise(1000));
    let begun = append(storage, "large.log", 0, &first).await;
    let begun = begun.expect("begun");
    let size = begun.size;
    let told = append(storage, "large.log", size, &second).await;
    let told = told.expect("the position is the end");
    let held = [first, second].concat();
    let (info, found) = get(storage, "large.log").await;
    assert!(found == held, "all bytes, in order");
    assert_eq!(info.crc64, Some(crc64(&held)));
    assert_eq!(info.attributes, attributes());
    assert!(info.appendable && info.etag == told.etag && info.etag != begun.etag);
    let options = AppendOptions {
        attributes: Attributes::default(),
        max_bytes: told.size + 9,
    };
    let body = Bytes::from_static(b"ten bytes.");
    let name = key("large.log");
    match storage.append(&name, told.size, body, options).await {
        Err(Error::TooManyBytes { limit }) => assert_eq!(limit, told.size + 9),
        other => panic!("one byte over the bound: {other:?}"),
    }
    assert_eq!(get(storage, "large.log").await.0.etag, told.etag);
    remove(storage, &["large.log"]).await;
}

/// Objects that were put, or copied from one that grew, do not grow.
pub async fn appends_only_where_it_was_begun(storage: &dyn Storage) {
    put(storage, "plain", b"put").await;
    let begun = append(storage, "grows", 0, b"begun").await;
    begun.expect("begun");
    let (grows, copied) = (key("grows"), key("copied"));
    for replaced in [None, Some(Attributes::default())] {
        let copy = storage.copy(&grows, None, &copied, replaced, Precondition::None);
        let info = copy.await.expect("copied");
        assert!(!info.appendable);
        for (name, size) in [("plain", 3), ("copied", 5)] {
            let refused = append(storage, name, size, b"x").await;
            assert!(
                matches!(&refused, Err(Error::NotAppendable(found)) if *found == key(name)),
                "{name}: {refused:?}"
            );
        }
    }
    // A put over it makes it an object of the common kind.
    put(storage, "grows", b"put").await;
    let refused = append(storage, "grows", 3, b"x").await;
    assert!(matches!(refused, Err(Error::NotAppendable(_))));
    remove(storage, &["plain", "grows", "copied"]).await;
}

/// `STANDARD` is what all have; a class that the storage does not have is refused by name, and nothing is stored.
pub async fn keeps_storage_classes(storage: &dyn Storage) {
    let of = |class: &str| PutOptions {
        attributes: Attributes {
            storage_class: Some(class.to_owned()),
            ..Attributes::default()
        },
        ..PutOptions::default()
    };
    let name = key("class");
    let body = Bytes::from_static(b"x");
    let put = storage.put(&name, body.clone(), of("STANDARD")).await;
    put.expect("every storage has it");
    let info = storage.head(&name, None).await.expect("head");
    let told = info.attributes.storage_class;
    assert_eq!(told.as_deref().unwrap_or("STANDARD"), "STANDARD");
    remove(storage, &["class"]).await;
    let refused = |error: Error| match error {
        Error::Unsupported(text) => assert!(text.contains("`COLDEST`"), "{text}"),
        other => panic!("{other:?}"),
    };
    let put = storage.put(&name, body, of("COLDEST")).await;
    refused(put.expect_err("no such class"));
    let begun = storage
        .create_multipart(&name, of("COLDEST").attributes)
        .await;
    refused(begun.expect_err("no such class"));
    is_missing(storage, "class").await;
}
