//! What the checks are made of: objects put, got, listed and removed, each a failure of the check if it fails.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::error::Error;
use crate::key::ObjectKey;
use crate::object::{Attributes, ObjectInfo};
use crate::storage::{GetOptions, ListOptions, Listing, PutOptions, Storage};

/// The key of this name.
pub(super) fn key(name: &str) -> ObjectKey {
    ObjectKey::new(name).expect("the suite's keys are valid")
}

/// Puts these bytes under the key of this name, with no attributes.
pub(super) async fn put(storage: &dyn Storage, name: &str, bytes: &[u8]) -> ObjectInfo {
    let body = Bytes::copy_from_slice(bytes);
    let put = storage.put(&key(name), body, PutOptions::default()).await;
    put.unwrap_or_else(|error| panic!("put {name:?}: {error:?}"))
}

/// What is known of the object, and all its bytes.
pub(super) async fn get(storage: &dyn Storage, name: &str) -> (ObjectInfo, Bytes) {
    let object = storage.get(&key(name), GetOptions::default()).await;
    let object = object.unwrap_or_else(|error| panic!("get {name:?}: {error:?}"));
    assert_eq!(object.range, None);
    let bytes = object.body.collect(u64::MAX).await;
    (
        object.info,
        bytes.unwrap_or_else(|error| panic!("read {name:?}: {error:?}")),
    )
}

/// Deletes what the keys of these names hold.
pub(super) async fn remove(storage: &dyn Storage, names: &[&str]) {
    for name in names {
        let deleted = storage.delete(&key(name)).await;
        deleted.unwrap_or_else(|error| panic!("delete {name:?}: {error:?}"));
    }
}

/// Holds the storage to say that the key holds nothing.
pub(super) async fn is_missing(storage: &dyn Storage, name: &str) {
    match storage.head(&key(name), None).await {
        Err(Error::NotFound(found)) => assert_eq!(found, key(name)),
        other => panic!("{name:?} must not be found, but: {other:?}"),
    }
    match storage.get(&key(name), GetOptions::default()).await {
        Err(Error::NotFound(found)) => assert_eq!(found, key(name)),
        other => panic!("{name:?} must not be found, but: {other:?}"),
    }
}

/// Lists all keys that begin with `prefix`, in one page.
pub(super) fn options(prefix: &str) -> ListOptions {
    ListOptions {
        prefix: prefix.to_owned(),
        delimiter: None,
        after: String::new(),
        max: 1000,
    }
}

/// A page of keys.
pub(super) async fn list(storage: &dyn Storage, options: ListOptions) -> Listing {
    let listed = storage.list(options.clone()).await;
    listed.unwrap_or_else(|error| panic!("list {options:?}: {error:?}"))
}

/// The names of a page's objects.
pub(super) fn names(listing: &Listing) -> Vec<&str> {
    listing
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect()
}

/// Bytes that differ from place to place.
pub(super) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// One of each attribute, and metadata with characters that headers escape.
pub(super) fn attributes() -> Attributes {
    Attributes {
        content_type: Some("image/jpeg".to_owned()),
        cache_control: Some("max-age=60".to_owned()),
        content_disposition: Some("attachment; filename=\"a.jpg\"".to_owned()),
        content_encoding: Some("identity".to_owned()),
        content_language: Some("en".to_owned()),
        expires: Some("Thu, 01 Dec 2033 16:00:00 GMT".to_owned()),
        storage_class: None,
        metadata: BTreeMap::from([
            ("author".to_owned(), "A B; c=\"d\"".to_owned()),
            ("mogr-source".to_owned(), "1234-5678".to_owned()),
        ]),
    }
}
