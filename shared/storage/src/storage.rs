//! The verbs of a storage, what they take and what they list.

use std::time::SystemTime;

use bytes::Bytes;

use crate::error::Error;
use crate::key::ObjectKey;
use crate::object::{Attributes, ByteRange, ETag, Object, ObjectInfo, UploadId, Version};

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
