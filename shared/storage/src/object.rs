//! An object: its tag, its attributes, its bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use crate::error::Error;

/// An entity tag, quotes included, as it stands in headers and XML.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ETag(String);

impl ETag {
    /// A tag of this opaque text, given with or without its quotes.
    pub fn new(text: &str) -> Self {
        Self(format!("\"{}\"", text.trim_matches('"')))
    }

    /// The tag with its quotes, as it stands in headers.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag without its quotes.
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
    /// Storage class, as COS names it; `None` is `STANDARD`. A storage that does not have it refuses it by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
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
    /// Whether the tag is the MD5 of the bytes, in hexadecimal digits.
    pub etag_is_md5: bool,
    /// When it was stored, in whole seconds.
    pub last_modified: SystemTime,
    /// What the client said of it.
    pub attributes: Attributes,
    /// CRC-64/XZ of the bytes (`x-cos-hash-crc64ecma`), for objects put through this service.
    pub crc64: Option<u64>,
    /// Which version this is, where the storage keeps several.
    pub version: Option<Version>,
    /// Whether it was begun by [`Storage::append`](crate::Storage::append), and can be lengthened so.
    pub appendable: bool,
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

    /// All bytes, in memory.
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

/// Bytes as they arrive, of which it is known how many they are.
pub struct SizedStream {
    /// How many.
    pub size: u64,
    /// The bytes.
    pub bytes: ByteStream,
}

impl fmt::Debug for SizedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SizedStream")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl SizedStream {
    /// The next piece, of as many bytes as come at once.
    ///
    /// # Errors
    ///
    /// What the stream says; [`Error::Unavailable`] if it ends with another number of bytes than was told.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let wrong = || {
            Error::Unavailable("the body has another length than it was told to have".to_owned())
        };
        match self.bytes.next().await.transpose()? {
            Some(bytes) => {
                self.size = self
                    .size
                    .checked_sub(bytes.len() as u64)
                    .ok_or_else(wrong)?;
                Ok(Some(bytes))
            }
            None if self.size == 0 => Ok(None),
            None => Err(wrong()),
        }
    }
}
