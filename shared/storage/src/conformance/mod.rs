//! What every [`Storage`] does alike, as one suite: the folder passes it here, S3 in the crate `aws`.
//!
//! Each check works on keys of its own and removes them; [`run`] wants a storage that holds nothing else.

mod appends;
mod lists;
mod objects;
mod parts;
mod streams;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::error::Error;
use crate::key::ObjectKey;
use crate::object::{Attributes, ObjectInfo};
use crate::storage::{GetOptions, ListOptions, Listing, PutOptions, Storage};

pub use appends::*;
pub use lists::*;
pub use objects::*;
pub use parts::*;
pub use streams::*;

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
    puts_streams(storage).await;
    holds_the_length_of_streams(storage).await;
    copies_into_parts(storage).await;
    streams_into_parts(storage).await;
    appends(storage).await;
    appends_to_large_objects(storage).await;
    appends_only_where_it_was_begun(storage).await;
    keeps_storage_classes(storage).await;
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
        storage_class: None,
        metadata: BTreeMap::from([
            ("author".to_owned(), "A B; c=\"d\"".to_owned()),
            ("mogr-source".to_owned(), "1234-5678".to_owned()),
        ]),
    }
}
