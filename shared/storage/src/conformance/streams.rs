//! Bodies that come bit by bit, and parts of other objects.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream;

use crate::error::Error;
use crate::object::{Attributes, ByteRange, ByteStream, ETag, SizedStream, UploadId};
use crate::storage::{GetOptions, Precondition, PutOptions, Storage};

use super::steps::{attributes, get, is_missing, key, noise, put, remove};

/// S3 takes parts of no less, but for the last.
const PART: usize = 5 * 1024 * 1024;

/// `bytes` in pieces of an odd length, said to be `size`, and how many pieces were taken.
fn streamed(bytes: &[u8], size: u64) -> (SizedStream, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let pieces: Vec<Bytes> = bytes.chunks(99_991).map(Bytes::copy_from_slice).collect();
    let pieces = pieces.into_iter().map(move |piece| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(piece)
    });
    let bytes = ByteStream::new(stream::iter(pieces));
    (SizedStream { size, bytes }, taken)
}

/// A stream is stored as it comes, small or large; what cannot be stored is refused before it is read.
pub async fn puts_streams(storage: &dyn Storage) {
    let name = key("streamed");
    for bytes in [noise(0), noise(1), noise(100_000), noise(9_000_001)] {
        let (body, _) = streamed(&bytes, bytes.len() as u64);
        let options = PutOptions {
            attributes: attributes(),
            ..PutOptions::default()
        };
        let told = storage.put_stream(&name, body, options).await;
        let told = told.unwrap_or_else(|error| panic!("{} bytes: {error:?}", bytes.len()));
        let (info, found) = get(storage, "streamed").await;
        assert!(found == bytes, "{} bytes come back", bytes.len());
        assert_eq!(info.attributes, attributes());
        assert_eq!((info.size, &info.etag), (told.size, &told.etag));
    }
    for precondition in [Precondition::Absent, Precondition::Match(ETag::new("0"))] {
        let (body, taken) = streamed(&noise(9_000_001), 9_000_001);
        let options = PutOptions {
            precondition,
            ..PutOptions::default()
        };
        match storage.put_stream(&name, body, options).await {
            Err(Error::PreconditionFailed(found)) => assert_eq!(found, name),
            other => panic!("the precondition must fail: {other:?}"),
        }
        assert_eq!(taken.load(Ordering::Relaxed), 0, "nothing is read");
    }
    remove(storage, &["streamed"]).await;
}

/// A stream that ends early, or goes on, or fails, leaves the key as it was, and no upload open.
pub async fn holds_the_length_of_streams(storage: &dyn Storage) {
    let name = key("streamed");
    for (len, size) in [
        (10, 11),
        (10, 9),
        (9_000_000, 9_000_001),
        (9_000_001, 9_000_000),
    ] {
        let (body, _) = streamed(&noise(len), size);
        match storage.put_stream(&name, body, PutOptions::default()).await {
            Err(Error::Unavailable(_)) => {}
            other => panic!("{len} bytes told as {size}: {other:?}"),
        }
        is_missing(storage, "streamed").await;
        let open = storage.list_multipart("").await.expect("uploads");
        assert_eq!(open, []);
    }
}

/// A part can be a range of another object, or all of it.
pub async fn copies_into_parts(storage: &dyn Storage) {
    let (source, target) = (key("source+ \u{e9}"), key("target"));
    let bytes = noise(PART + 1000);
    let put = put(storage, source.as_str(), &bytes).await;
    let upload = storage.create_multipart(&target, Attributes::default());
    let upload = upload.await.expect("an upload begins");
    let copy = |range: Option<ByteRange>, if_match: Option<ETag>, number: u32| {
        let options = GetOptions {
            range,
            if_match,
            version: None,
        };
        storage.copy_part(&source, options, &target, &upload, number)
    };
    let whole = copy(None, Some(put.etag), 1).await.expect("the whole");
    assert_eq!((whole.number, whole.size), (1, bytes.len() as u64));
    let first = ByteRange::FromTo(3, PART as u64 + 2);
    let first = copy(Some(first), None, 2).await.expect("a range");
    assert_eq!((first.number, first.size), (2, PART as u64));
    let last = copy(Some(ByteRange::From(PART as u64)), None, 7).await;
    let last = last.expect("the end");
    assert_eq!(last.size, 1000);

    let size = bytes.len() as u64;
    match copy(Some(ByteRange::From(size)), None, 8).await {
        Err(Error::InvalidRange { size: found }) => assert_eq!(found, size),
        other => panic!("a range that begins at the end: {other:?}"),
    }
    match copy(None, Some(ETag::new("0")), 8).await {
        Err(Error::PreconditionFailed(found)) => assert_eq!(found, source),
        other => panic!("a source of another tag: {other:?}"),
    }
    let none = key("no-source");
    let all = GetOptions::default();
    match storage
        .copy_part(&none, all.clone(), &target, &upload, 8)
        .await
    {
        Err(Error::NotFound(found)) => assert_eq!(found, none),
        other => panic!("no source: {other:?}"),
    }
    let unknown = UploadId("0123456789abcdef0123456789abcdef".to_owned());
    match storage.copy_part(&source, all, &target, &unknown, 8).await {
        Err(Error::NoSuchUpload(_)) => {}
        other => panic!("no upload: {other:?}"),
    }
    let parts: Vec<_> = [whole, first, last]
        .into_iter()
        .map(|part| (part.number, part.etag))
        .collect();
    let done = storage.complete_multipart(&target, &upload, &parts, Precondition::None);
    done.await.expect("the parts are joined");
    let expected = [&bytes, &bytes[3..PART + 3], &bytes[PART..]].concat();
    assert!(get(storage, "target").await.1 == expected, "bytes in order");
    remove(storage, &[source.as_str(), "target"]).await;
}

/// A part can come bit by bit.
pub async fn streams_into_parts(storage: &dyn Storage) {
    let target = key("target");
    let upload = storage.create_multipart(&target, Attributes::default());
    let upload = upload.await.expect("an upload begins");
    let (one, two) = (noise(PART), noise(777));
    let mut parts = Vec::new();
    for (number, bytes) in [(1, &one), (2, &two)] {
        let (body, _) = streamed(bytes, bytes.len() as u64);
        let put = storage.put_part_stream(&target, &upload, number, body);
        parts.push((number, put.await.expect("a part is stored")));
    }
    for size in [776, 778] {
        let (body, _) = streamed(&two, size);
        let put = storage.put_part_stream(&target, &upload, 3, body).await;
        assert!(matches!(put, Err(Error::Unavailable(_))), "{put:?}");
    }
    let stored = storage.list_parts(&target, &upload).await.expect("parts");
    assert_eq!(stored.len(), 2);
    let done = storage.complete_multipart(&target, &upload, &parts, Precondition::None);
    done.await.expect("the parts are joined");
    assert!(get(storage, "target").await.1 == [one, two].concat());
    remove(storage, &["target"]).await;
}
