//! The verbs of a storage, what they take and what they list.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};

use crate::error::Error;
use crate::key::ObjectKey;
use crate::object::{
    Attributes, ByteRange, ETag, Object, ObjectInfo, SizedStream, UploadId, Version,
};

/// Where objects live: every verb that the object API needs.
///
/// Keys are names, never paths: `a` and `a/b` live beside each other, and `..`, `//` and a trailing slash mean nothing.
#[async_trait::async_trait]
pub trait Storage: Send + Sync {
    /// What is known of an object, without its bytes.
    async fn head(&self, key: &ObjectKey, version: Option<&Version>) -> Result<ObjectInfo, Error>;

    /// The object, or a range of it. The bytes are of one state of the object, even if it is replaced meanwhile.
    async fn get(&self, key: &ObjectKey, options: GetOptions) -> Result<Object, Error>;

    /// Replaces what `key` holds; readers see the old bytes or the new, never a mixture.
    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error>;

    /// As [`put`](Self::put), of a body that comes bit by bit: by parts of 8 MiB, of which one is in memory, unless the
    /// storage can do better.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if fewer or more bytes come than were told; nothing is stored then.
    async fn put_stream(
        &self,
        key: &ObjectKey,
        body: SizedStream,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error> {
        put_by_parts(self, key, body, options).await
    }

    /// Lengthens what `key` holds, or begins it. Only what was begun so can be lengthened, and only from its end on, so
    /// that of several who append at the same position one does; a put or copy makes an object of the common kind of it.
    ///
    /// # Errors
    ///
    /// - [`Error::NotAppendable`] if the object was not begun so.
    /// - [`Error::WrongPosition`] if `position` is not its end.
    /// - [`Error::TooManyBytes`] if it would have more than `options.max_bytes`.
    async fn append(
        &self,
        key: &ObjectKey,
        position: u64,
        body: Bytes,
        options: AppendOptions,
    ) -> Result<ObjectInfo, Error> {
        let _ = (key, position, body, options);
        Err(Error::Unsupported("appending to objects".to_owned()))
    }

    /// Removes what `key` holds. A key that holds nothing is no error.
    async fn delete(&self, key: &ObjectKey) -> Result<(), Error>;

    /// Keys in byte order, a page at a time.
    async fn list(&self, options: ListOptions) -> Result<Listing, Error>;

    /// Copies an object within this storage; `attributes` replaces the source's if given. The precondition is on
    /// what the target holds.
    async fn copy(
        &self,
        source: &ObjectKey,
        version: Option<&Version>,
        target: &ObjectKey,
        attributes: Option<Attributes>,
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error>;

    /// Begins a multipart upload.
    async fn create_multipart(
        &self,
        key: &ObjectKey,
        attributes: Attributes,
    ) -> Result<UploadId, Error>;

    /// Stores one part, replacing an earlier one of the same number (1 to 10 000).
    async fn put_part(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<ETag, Error>;

    /// As [`put_part`](Self::put_part), of a body that comes bit by bit.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if fewer or more bytes come than were told; nothing is stored then.
    async fn put_part_stream(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: SizedStream,
    ) -> Result<ETag, Error> {
        let _ = (key, upload, number, body);
        let text = "a part of a multipart upload that comes as a stream";
        Err(Error::Unsupported(text.to_owned()))
    }

    /// Stores as a part what `options` name of another object of this storage.
    async fn copy_part(
        &self,
        source: &ObjectKey,
        options: GetOptions,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
    ) -> Result<Part, Error> {
        let _ = (source, options, key, upload, number);
        let text = "copying into a part of a multipart upload";
        Err(Error::Unsupported(text.to_owned()))
    }

    /// The parts stored so far, by number.
    async fn list_parts(&self, key: &ObjectKey, upload: &UploadId) -> Result<Vec<Part>, Error>;

    /// Joins the named parts, in the order given, into the object, and ends the upload; if the precondition does not
    /// hold, the upload stays open.
    async fn complete_multipart(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[(u32, ETag)],
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error>;

    /// Uploads that are open, for keys that begin with `prefix`, in byte order of their keys.
    async fn list_multipart(&self, prefix: &str) -> Result<Vec<OpenUpload>, Error>;

    /// Ends the upload and removes its parts.
    async fn abort_multipart(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), Error>;

    /// The tags of an object, name and value. A storage that keeps none has none to tell of an object that is there.
    async fn tags(
        &self,
        key: &ObjectKey,
        version: Option<&Version>,
    ) -> Result<Vec<(String, String)>, Error> {
        self.head(key, version).await.map(|_| Vec::new())
    }

    /// Whether replaced objects are kept as versions.
    async fn versioning(&self) -> Result<Versioning, Error> {
        Ok(Versioning::Never)
    }
}

/// Whether a storage keeps what is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// It never did.
    Never,
    /// It does.
    Enabled,
    /// It did, and keeps the versions of that time.
    Suspended,
}

/// What of an object is read, and on what condition.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    /// Only these bytes, `None` for all. An end past the end of the object is cut.
    pub range: Option<ByteRange>,
    /// This version of the object; `None` for the newest.
    pub version: Option<Version>,
    /// Only if the object still has this tag, else [`Error::PreconditionFailed`].
    pub if_match: Option<ETag>,
}

/// What is stored with an object's bytes, and on what condition.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// What the client says of the object.
    pub attributes: Attributes,
    /// What the key must hold for the object to be stored.
    pub precondition: Precondition,
}

/// What an append brings with it, and how large it may make the object.
#[derive(Clone, Debug)]
pub struct AppendOptions {
    /// What the client says of an object that this begins; one that is lengthened keeps what was said.
    pub attributes: Attributes,
    /// Bytes that the object has at most afterwards.
    pub max_bytes: u64,
}

/// What a key must hold for something to be stored under it, else [`Error::PreconditionFailed`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// The key may hold anything or nothing.
    #[default]
    None,
    /// The key must hold nothing.
    Absent,
    /// The key must hold an object with this tag.
    Match(ETag),
}

/// Which keys to list.
#[derive(Clone, Debug)]
pub struct ListOptions {
    /// Only keys that begin with this text.
    pub prefix: String,
    /// Keys that hold this text after `prefix` are told as one common prefix, which ends with it. `/` lists a folder.
    pub delimiter: Option<String>,
    /// Only keys and common prefixes after this text in byte order; empty for all.
    pub after: String,
    /// Keys and common prefixes at most, together.
    pub max: usize,
}

/// A page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Objects in byte order of their keys.
    pub objects: Vec<Listed>,
    /// Common prefixes, in byte order.
    pub prefixes: Vec<String>,
    /// Give this as `after` for the next page; `None` on the last.
    pub next: Option<String>,
}

/// One object of a [`Listing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: ObjectKey,
    /// Bytes.
    pub size: u64,
    /// Its tag.
    pub etag: ETag,
    /// When it was stored.
    pub last_modified: SystemTime,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenUpload {
    /// The key it will become.
    pub key: ObjectKey,
    /// Its id.
    pub upload: UploadId,
    /// When it began.
    pub initiated: SystemTime,
}

/// A stored part of a multipart upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// 1 to 10 000.
    pub number: u32,
    /// Its tag.
    pub etag: ETag,
    /// Bytes.
    pub size: u64,
    /// When it was stored.
    pub last_modified: SystemTime,
}

/// Bytes of a part, and so of a body that is in memory at a time.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts of an upload at most.
const MAX_PARTS: u64 = 10_000;

/// Puts a body part by part: never more of it is in memory than one part and one piece of the stream.
async fn put_by_parts<S: Storage + ?Sized>(
    storage: &S,
    key: &ObjectKey,
    mut body: SizedStream,
    options: PutOptions,
) -> Result<ObjectInfo, Error> {
    let part_bytes = body.size.div_ceil(MAX_PARTS).max(PART_BYTES as u64) as usize;
    let mut rest = BytesMut::new();
    if body.size <= part_bytes as u64 {
        while let Some(bytes) = body.next().await? {
            rest.extend_from_slice(&bytes);
        }
        return storage.put(key, rest.freeze(), options).await;
    }
    // What can be refused is refused before the first byte is copied. It counts at the end, once more.
    if options.precondition != Precondition::None {
        let held = match storage.head(key, None).await {
            Ok(info) => Precondition::Match(info.etag),
            Err(Error::NotFound(_)) => Precondition::Absent,
            Err(error) => return Err(error),
        };
        if options.precondition != held {
            return Err(Error::PreconditionFailed(key.clone()));
        }
    }
    let upload = storage.create_multipart(key, options.attributes).await?;
    let stored = async {
        let mut parts = Vec::new();
        loop {
            let more = body.next().await?;
            let ended = more.is_none();
            rest.extend_from_slice(&more.unwrap_or_default());
            while rest.len() >= part_bytes || (ended && !rest.is_empty()) {
                let part = rest.split_to(part_bytes.min(rest.len())).freeze();
                put_next(storage, key, &upload, &mut parts, part).await?;
            }
            if ended {
                break;
            }
        }
        let complete = storage.complete_multipart(key, &upload, &parts, options.precondition);
        complete.await
    };
    let stored = stored.await;
    if stored.is_err() {
        // Nothing more can be done about parts that stay; the first error is what counts.
        let _ = storage.abort_multipart(key, &upload).await;
    }
    stored
}

async fn put_next<S: Storage + ?Sized>(
    storage: &S,
    key: &ObjectKey,
    upload: &UploadId,
    parts: &mut Vec<(u32, ETag)>,
    part: Bytes,
) -> Result<(), Error> {
    let number = parts.len() as u32 + 1;
    let etag = storage.put_part(key, upload, number, part).await?;
    parts.push((number, etag));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::faults::{Faulty, Verb};
    use crate::folder::Folder;
    use crate::object::ByteStream;

    /// A body of 100 MB is never in memory: each part is stored before more than one piece of the next is taken.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_body_by_parts_is_in_memory_a_part_at_a_time() {
        const PIECES: usize = 400;
        const PIECE: usize = 250_000;
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Faulty::new(Folder::open(folder.path()).expect("it opens"));
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let pieces = (0..PIECES).map(move |piece| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Bytes::from(vec![piece as u8; PIECE]))
        });
        let body = SizedStream {
            size: (PIECES * PIECE) as u64,
            bytes: ByteStream::new(futures_util::stream::iter(pieces)),
        };
        let key = ObjectKey::new("large").expect("a key");
        let mut hold = storage.hold(Verb::PutPart);
        let by_parts = {
            let (storage, key) = (storage.clone(), key.clone());
            tokio::spawn(
                async move { put_by_parts(&storage, &key, body, PutOptions::default()).await },
            )
        };
        let parts = (PIECES * PIECE).div_ceil(PART_BYTES);
        loop {
            hold.reached(1).await;
            let stored = storage.calls(Verb::PutPart) - 1;
            let held = taken.load(Ordering::Relaxed) * PIECE - stored * PART_BYTES;
            assert!(held < PART_BYTES + PIECE, "{held} bytes are in memory");
            if stored + 1 == parts {
                break;
            }
            let next = storage.hold(Verb::PutPart);
            hold.release();
            hold = next;
        }
        hold.release();
        let info = by_parts.await.expect("no panic").expect("stored");
        assert_eq!(info.size, (PIECES * PIECE) as u64);
        assert_eq!(storage.calls(Verb::PutPart), parts);
        assert_eq!(storage.calls(Verb::Put), 0);
    }
}
