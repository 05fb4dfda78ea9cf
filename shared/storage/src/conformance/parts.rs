//! Multipart uploads.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::error::Error;
use crate::object::{Attributes, ETag, ObjectInfo, UploadId};
use crate::storage::{Precondition, Storage};

use super::steps::{attributes, get, is_missing, key, list, names, noise, options, put, remove};

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
    assert!(!info.etag_is_md5, "it is the MD5 of MD5s");
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
