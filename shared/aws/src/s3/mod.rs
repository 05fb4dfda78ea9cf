//! An S3 bucket, or the part of it under a prefix, as a [`Storage`].

mod append;
mod attributes;
mod body;
mod bucket;
#[cfg(feature = "buckets")]
mod buckets;
mod call;
mod client;
mod error;
mod list;
mod multipart;
mod object;

/// A client of S3; see [`client`].
pub use aws_sdk_s3::Client;
use bytes::Bytes;
use storage::{
    AppendOptions, Attributes, ETag, Error, GetOptions, ListOptions, Listing, Object, ObjectInfo,
    ObjectKey, OpenUpload, Part, Precondition, PutOptions, SizedStream, Storage, UploadId, Version,
    Versioning,
};

pub use bucket::S3;
#[cfg(feature = "buckets")]
pub use buckets::{ConfiguredBuckets, Unusable};
pub use client::{BucketCheck, Settings, SettingsError, check_bucket, client};

#[async_trait::async_trait]
impl Storage for S3 {
    async fn head(&self, key: &ObjectKey, version: Option<&Version>) -> Result<ObjectInfo, Error> {
        object::head(self, key, version).await
    }

    async fn get(&self, key: &ObjectKey, options: GetOptions) -> Result<Object, Error> {
        object::get(self, key, options).await
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error> {
        object::put(self, key, body, options).await
    }

    async fn append(
        &self,
        key: &ObjectKey,
        position: u64,
        body: Bytes,
        options: AppendOptions,
    ) -> Result<ObjectInfo, Error> {
        append::append(self, key, position, body, options).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        object::delete(self, key).await
    }

    async fn list(&self, options: ListOptions) -> Result<Listing, Error> {
        list::list(self, options).await
    }

    async fn copy(
        &self,
        source: &ObjectKey,
        version: Option<&Version>,
        target: &ObjectKey,
        attributes: Option<Attributes>,
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error> {
        object::copy(self, source, version, target, attributes, precondition).await
    }

    async fn create_multipart(
        &self,
        key: &ObjectKey,
        attributes: Attributes,
    ) -> Result<UploadId, Error> {
        multipart::create(self, key, attributes).await
    }

    async fn put_part(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<ETag, Error> {
        multipart::put_part(self, key, upload, number, body).await
    }

    async fn put_part_stream(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: SizedStream,
    ) -> Result<ETag, Error> {
        multipart::put_part_stream(self, key, upload, number, body).await
    }

    async fn copy_part(
        &self,
        source: &ObjectKey,
        options: GetOptions,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
    ) -> Result<Part, Error> {
        multipart::copy_part(self, source, options, key, upload, number).await
    }

    async fn list_parts(&self, key: &ObjectKey, upload: &UploadId) -> Result<Vec<Part>, Error> {
        multipart::list_parts(self, key, upload).await
    }

    async fn complete_multipart(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[(u32, ETag)],
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error> {
        multipart::complete(self, key, upload, parts, precondition).await
    }

    async fn list_multipart(&self, prefix: &str) -> Result<Vec<OpenUpload>, Error> {
        list::uploads(self, prefix).await
    }

    async fn abort_multipart(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), Error> {
        multipart::abort(self, key, upload).await
    }
    async fn tags(
        &self,
        key: &ObjectKey,
        version: Option<&Version>,
    ) -> Result<Vec<(String, String)>, Error> {
        object::tags(self, key, version).await
    }

    async fn versioning(&self) -> Result<Versioning, Error> {
        list::versioning(self).await
    }
}
