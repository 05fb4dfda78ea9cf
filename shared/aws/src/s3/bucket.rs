//! Which part of which bucket a storage is, and how it is named in requests and errors.

use aws_sdk_s3::Client;
use storage::{Error, ObjectKey, UploadId};

use super::error::About;

/// An S3 bucket, or the part of it under a prefix.
///
/// - A call that S3 refuses for now (503, timeouts, broken connections) is tried again until the
///   [deadline](storage::deadline) of the task, then it is [`Error::Unavailable`].
/// - S3 answers 403 for a key that is not there unless the role has `s3:ListBucket`: give it that, or [`Error::NotFound`]
///   is told as [`Error::Denied`].
/// - `ETag`s are S3's: the MD5 of the bytes, but not for multipart uploads or with KMS keys.
#[derive(Clone, Debug)]
pub struct S3 {
    pub(super) client: Client,
    pub(super) bucket: String,
    pub(super) prefix: String,
}

impl S3 {
    /// The objects of `bucket` whose keys begin with `prefix`, named by the rest of their keys.
    pub fn new(client: Client, bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
            prefix: prefix.into(),
        }
    }

    pub(super) fn full(&self, key: &ObjectKey) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) fn about<'a>(&'a self, key: &'a ObjectKey) -> About<'a> {
        About {
            bucket: &self.bucket,
            key,
            version: None,
            upload: None,
        }
    }

    /// The SDK sends no request with an empty id, and no upload has one.
    pub(super) fn of_upload<'a>(
        &'a self,
        key: &'a ObjectKey,
        upload: &'a UploadId,
    ) -> Result<About<'a>, Error> {
        if upload.0.is_empty() {
            return Err(Error::NoSuchUpload(String::new()));
        }
        Ok(About {
            upload: Some(upload),
            ..self.about(key)
        })
    }
}
