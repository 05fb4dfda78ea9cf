//! Where objects live: S3 when deployed, a folder on a developer's machine.
//!
//! The trait holds every verb that the object API needs. What an implementation must do beyond its types is one suite,
//! `conformance`, behind the feature of that name.

mod checksum;
#[cfg(feature = "conformance")]
pub mod conformance;
mod date;
pub mod deadline;
#[cfg(feature = "faults")]
pub mod faults;
mod folder;
mod key;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

pub use checksum::crc64;
pub use date::{tellable, whole_seconds};
pub use folder::Folder;
pub use key::{BadKey, ObjectKey};

/// Where objects live.
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
}

/// An entity tag, quotes included, as it stands in headers and XML.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ETag(String);

impl ETag {
    /// A tag of this opaque text, given with or without its quotes.
    pub fn new(text: &str) -> Self {
        Self(format!("\"{}\"", text.trim_matches('"')))
    }

    /// With quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without quotes.
    pub fn opaque(&self) -> &str {
        self.0.trim_matches('"')
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One stored state of an object, where the storage keeps several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub String);

/// Names a multipart upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(pub String);

/// What a client says of an object and gets back with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Expires`, as it was sent.
    pub expires: Option<String>,
    /// User metadata: names in lower case, without the `x-cos-meta-` before them.
    pub metadata: BTreeMap<String, String>,
}

/// What is known of an object, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Bytes.
    pub size: u64,
    /// Changes whenever the bytes change.
    pub etag: ETag,
    /// When it was stored, in whole seconds.
    pub last_modified: SystemTime,
    /// What the client said of it.
    pub attributes: Attributes,
    /// CRC-64/XZ of the bytes (`x-cos-hash-crc64ecma`), for objects put through this service.
    pub crc64: Option<u64>,
    /// Which version this is, where the storage keeps several.
    pub version: Option<Version>,
}

/// How to get.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    /// Only these bytes; an end past the object's is cut. `None` for all.
    pub range: Option<ByteRange>,
    /// This version.
    pub version: Option<Version>,
    /// Only if the object still has this tag, else [`Error::PreconditionFailed`].
    pub if_match: Option<ETag>,
}

/// A range as clients ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=first-last`, last included.
    FromTo(u64, u64),
    /// `bytes=first-`.
    From(u64),
    /// `bytes=-count`.
    Last(u64),
}

impl ByteRange {
    /// The bytes that it means in an object of `size` bytes; `None` if it cannot be met (416).
    pub fn resolve(self, size: u64) -> Option<Range<u64>> {
        match self {
            Self::FromTo(first, last) => {
                (first <= last && first < size).then(|| first..size.min(last.saturating_add(1)))
            }
            Self::From(first) => (first < size).then_some(first..size),
            Self::Last(count) => (count > 0 && size > 0).then(|| size.saturating_sub(count)..size),
        }
    }
}

/// An object and its bytes.
pub struct Object {
    /// What is known of it; `size` is the whole object's.
    pub info: ObjectInfo,
    /// Which bytes `body` holds, if a range was asked for.
    pub range: Option<Range<u64>>,
    /// The bytes.
    pub body: ByteStream,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("info", &self.info)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// Bytes as they arrive.
pub struct ByteStream(Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>);

impl ByteStream {
    /// The items of `stream`, in turn.
    pub fn new(stream: impl Stream<Item = Result<Bytes, Error>> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }

    /// All bytes.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyBytes`] as soon as more than `limit` bytes have come.
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, Error> {
        let mut all = BytesMut::new();
        while let Some(bytes) = self.next().await {
            let bytes = bytes?;
            if all.len() as u64 + bytes.len() as u64 > limit {
                return Err(Error::TooManyBytes { limit });
            }
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }
}

impl From<Bytes> for ByteStream {
    fn from(bytes: Bytes) -> Self {
        Self::new(futures_util::stream::once(std::future::ready(Ok(bytes))))
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

/// How to put.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// What the client says of the object.
    pub attributes: Attributes,
    /// What the key must hold before.
    pub precondition: Precondition,
}

/// What a key must hold for something to be stored under it, else [`Error::PreconditionFailed`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Anything or nothing.
    #[default]
    None,
    /// Nothing.
    Absent,
    /// An object with this tag.
    Match(ETag),
}

/// Which keys to list.
#[derive(Clone, Debug)]
pub struct ListOptions {
    /// Keys that begin so.
    pub prefix: String,
    /// Keys with this behind the prefix are told once, cut behind it.
    pub delimiter: Option<String>,
    /// Only keys (and common prefixes) behind this one in byte order.
    pub after: String,
    /// Keys and common prefixes at most.
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

/// Why a storage did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is stored under the key.
    #[error("nothing is stored under `{0}`")]
    NotFound(ObjectKey),
    /// The key has no such version.
    #[error("`{0}` has no version `{1}`")]
    NoSuchVersion(ObjectKey, String),
    /// The bucket itself is not there.
    #[error("the bucket `{0}` does not exist")]
    NoSuchBucket(String),
    /// The storage refused, to the service as a whole.
    #[error("the storage denied access to `{0}`")]
    Denied(ObjectKey),
    /// A [`Precondition`], or `if_match`, did not hold.
    #[error("`{0}` is not in the state that the request asked for")]
    PreconditionFailed(ObjectKey),
    /// The range begins behind the end.
    #[error("the range begins behind the end of the object, which has {size} bytes")]
    InvalidRange {
        /// Bytes of the object.
        size: u64,
    },
    /// More bytes than were allowed.
    #[error("more than the allowed {limit} bytes")]
    TooManyBytes {
        /// What is allowed.
        limit: u64,
    },
    /// Metadata over the storage's limit.
    #[error("user metadata takes {found} bytes; at most {limit} are stored")]
    MetadataTooLarge {
        /// Names and values together, in bytes.
        found: usize,
        /// What is allowed.
        limit: usize,
    },
    /// No upload of that id is open for the key.
    #[error("no multipart upload `{0}` is open for this key")]
    NoSuchUpload(String),
    /// A part that was not uploaded, or has another tag.
    #[error("part {0} was not uploaded, or its ETag is another")]
    InvalidPart(u32),
    /// Part numbers must rise.
    #[error("the parts are not in rising order")]
    InvalidPartOrder,
    /// Too many wait already to write under the key, or to end the upload: trying again later may help.
    #[error("this is being written already, and {waiting} others wait for it")]
    Busy {
        /// Who has it or waits for it at most.
        waiting: usize,
    },
    /// The storage cannot be reached or is overloaded: trying again may help.
    #[error("the storage did not answer: {0}")]
    Unavailable(String),
    /// Anything else that is the storage's fault.
    #[error("the storage failed")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}
