//! An S3 bucket, or the part of it under a prefix, as a [`Storage`].

mod attributes;
mod body;
mod client;
mod error;
mod list;

use std::fmt::Debug;
use std::future::Future;
use std::time::SystemTime;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::{ByteStream as SdkStream, DateTime};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, MetadataDirective};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use storage::{
    Attributes, ByteRange, ETag, Error, GetOptions, ListOptions, Listing, Object, ObjectInfo,
    ObjectKey, OpenUpload, Part, Precondition, PutOptions, Storage, UploadId, Version, crc64,
};

use attributes::{object_info, with_attributes};
/// A client of S3; see [`client`].
pub use aws_sdk_s3::Client;
pub use client::{BucketCheck, Settings, SettingsError, check_bucket, client};
use error::{About, Failure};

/// What may stand in a copy source as it is.
const COPY_SOURCE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// An S3 bucket, or the part of it under a prefix.
///
/// - A call that S3 refuses for now (503, timeouts, broken connections) is tried again until the
///   [deadline](crate::deadline) of the task, then it is [`Error::Unavailable`].
/// - S3 answers 403 for a key that is not there unless the role has `s3:ListBucket`: give it that, or [`Error::NotFound`]
///   is told as [`Error::Denied`].
/// - `ETag`s are S3's: the MD5 of the bytes, but not for multipart uploads or with KMS keys.
#[derive(Clone, Debug)]
pub struct S3 {
    client: Client,
    bucket: String,
    prefix: String,
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

    fn full(&self, key: &ObjectKey) -> String {
        format!("{}{key}", self.prefix)
    }

    fn about<'a>(&'a self, key: &'a ObjectKey) -> About<'a> {
        About {
            bucket: &self.bucket,
            key,
            version: None,
            upload: None,
        }
    }

    /// The body from `next` on, if the object is still the same.
    async fn resume(
        &self,
        key: &ObjectKey,
        version: Option<&Version>,
        etag: &ETag,
        (next, end): (u64, u64),
        deadline: tokio::time::Instant,
    ) -> Result<SdkStream, Error> {
        let output = until(
            deadline,
            self.client
                .get_object()
                .bucket(&self.bucket)
                .key(self.full(key))
                .set_version_id(version.map(|version| version.0.clone()))
                .if_match(etag.as_str())
                .range(format!("bytes={next}-{}", end - 1))
                .send(),
        )
        .await
        .map_err(|failure| failure.about(self.about(key)))?;
        Ok(output.body)
    }
}

/// The answer, unless the deadline of the task comes first.
fn within<T, E>(
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> impl Future<Output = Result<T, Failure<E>>> {
    until(crate::deadline::current(), call)
}

async fn until<T, E>(
    deadline: tokio::time::Instant,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, Failure<E>> {
    match tokio::time::timeout_at(deadline, call).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(Failure::Sdk(Box::new(error))),
        Err(_) => Err(Failure::Deadline),
    }
}

/// An answer that S3 should not have given.
fn odd(what: &'static str) -> Error {
    Error::Other(what.into())
}

fn size(length: Option<i64>) -> Result<u64, Error> {
    length
        .and_then(|length| u64::try_from(length).ok())
        .ok_or_else(|| odd("S3 told no Content-Length"))
}

fn time(time: Option<&DateTime>) -> SystemTime {
    storage::tellable(time.map_or(0, |time| i128::from(time.secs())))
}

fn now() -> SystemTime {
    storage::whole_seconds(SystemTime::now())
}

/// A bucket without versioning tells `null` or nothing.
fn version(id: Option<&str>) -> Option<Version> {
    id.filter(|id| *id != "null")
        .map(|id| Version(id.to_owned()))
}

fn range_header(range: ByteRange) -> String {
    match range {
        ByteRange::FromTo(first, last) => format!("bytes={first}-{last}"),
        ByteRange::From(first) => format!("bytes={first}-"),
        ByteRange::Last(count) => format!("bytes=-{count}"),
    }
}

/// `bytes first-last/size` as a half-open range, and the size.
fn content_range(header: &str) -> Option<((u64, u64), u64)> {
    let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((
        (
            first.parse().ok()?,
            last.parse::<u64>().ok()?.checked_add(1)?,
        ),
        size.parse().ok()?,
    ))
}

fn if_match(precondition: &Precondition) -> Option<String> {
    match precondition {
        Precondition::Match(etag) => Some(etag.to_string()),
        Precondition::None | Precondition::Absent => None,
    }
}

fn if_none_match(precondition: &Precondition) -> Option<String> {
    (*precondition == Precondition::Absent).then(|| "*".to_owned())
}

fn is_match(precondition: &Precondition) -> bool {
    matches!(precondition, Precondition::Match(_))
}

fn part_number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[async_trait::async_trait]
impl Storage for S3 {
    async fn head(&self, key: &ObjectKey, version: Option<&Version>) -> Result<ObjectInfo, Error> {
        let output = within(
            self.client
                .head_object()
                .bucket(&self.bucket)
                .key(self.full(key))
                .set_version_id(version.map(|version| version.0.clone()))
                .send(),
        )
        .await
        .map_err(|failure| {
            failure.about(About {
                version,
                ..self.about(key)
            })
        })?;
        Ok(object_info!(output, size(output.content_length())?))
    }

    async fn get(&self, key: &ObjectKey, options: GetOptions) -> Result<Object, Error> {
        let unmet = |size| Error::InvalidRange { size };
        // S3 takes a range that means nothing as no range; the client is told instead.
        if let Some(ByteRange::Last(0)) = options.range {
            return Err(unmet(self.head(key, options.version.as_ref()).await?.size));
        }
        if let Some(ByteRange::FromTo(first, last)) = options.range
            && first > last
        {
            return Err(unmet(self.head(key, options.version.as_ref()).await?.size));
        }
        let answer = within(
            self.client
                .get_object()
                .bucket(&self.bucket)
                .key(self.full(key))
                .set_version_id(options.version.as_ref().map(|version| version.0.clone()))
                .set_if_match(options.if_match.as_ref().map(ETag::to_string))
                .set_range(options.range.map(range_header))
                .send(),
        )
        .await;
        let output = match answer {
            Ok(output) => output,
            Err(failure) if failure.status() == Some(416) => {
                return Err(unmet(self.head(key, options.version.as_ref()).await?.size));
            }
            Err(failure) => {
                return Err(failure.about(About {
                    version: options.version.as_ref(),
                    ..self.about(key)
                }));
            }
        };
        let length = size(output.content_length())?;
        let ((start, end), whole) = match output.content_range() {
            Some(header) => content_range(header).ok_or_else(|| odd("an odd Content-Range"))?,
            None => ((0, length), length),
        };
        let info = object_info!(output, whole);
        Ok(Object {
            range: options.range.map(|_| start..end),
            body: body::stream(
                self.clone(),
                key.clone(),
                options.version,
                info.etag.clone(),
                (start, end),
                output.body,
            ),
            info,
        })
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error> {
        let size = body.len() as u64;
        let crc64 = crc64(&body);
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(self.full(key))
            .set_if_match(if_match(&options.precondition))
            .set_if_none_match(if_none_match(&options.precondition))
            .body(SdkStream::from(body));
        let output = within(with_attributes!(request, &options.attributes, Some(crc64)).send())
            .await
            .map_err(|failure| match failure.about(self.about(key)) {
                // Nothing is there, so it has not the tag that was asked for.
                Error::NotFound(key) if is_match(&options.precondition) => {
                    Error::PreconditionFailed(key)
                }
                error => error,
            })?;
        Ok(ObjectInfo {
            size,
            etag: ETag::new(output.e_tag().unwrap_or_default()),
            last_modified: now(),
            attributes: options.attributes,
            crc64: Some(crc64),
            version: version(output.version_id()),
        })
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let call = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(self.full(key));
        match within(call.send()).await {
            Ok(_) => Ok(()),
            Err(failure) => match failure.about(self.about(key)) {
                Error::NotFound(_) => Ok(()),
                error => Err(error),
            },
        }
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
        let about = About {
            version,
            ..self.about(source)
        };
        // S3 refuses a copy onto itself that changes nothing.
        if source == target && version.is_none() && attributes.is_none() {
            return self.head(source, None).await;
        }
        let name = format!("{}/{}", self.bucket, self.full(source));
        let mut copy_source = utf8_percent_encode(&name, COPY_SOURCE).to_string();
        if let Some(Version(id)) = version {
            copy_source.push_str("?versionId=");
            copy_source.extend(utf8_percent_encode(id, COPY_SOURCE));
        }
        let request = self
            .client
            .copy_object()
            .bucket(&self.bucket)
            .key(self.full(target))
            .set_if_match(if_match(&precondition))
            .set_if_none_match(if_none_match(&precondition))
            .copy_source(copy_source);
        let answer = if let Some(attributes) = &attributes {
            let crc64 = self.head(source, version).await?.crc64;
            let request = request.metadata_directive(MetadataDirective::Replace);
            within(with_attributes!(request, attributes, crc64).send()).await
        } else {
            Box::pin(within(request.send())).await
        };
        match answer.map_err(|failure| failure.about(about)) {
            Ok(_) => self.head(target, None).await,
            // The condition was on the target. Of two keys that may be missing S3 does not tell which is.
            Err(Error::PreconditionFailed(_)) => Err(Error::PreconditionFailed(target.clone())),
            Err(Error::NotFound(_)) if is_match(&precondition) => {
                self.head(source, version).await?;
                Err(Error::PreconditionFailed(target.clone()))
            }
            Err(error) => Err(error),
        }
    }

    async fn create_multipart(
        &self,
        key: &ObjectKey,
        attributes: Attributes,
    ) -> Result<UploadId, Error> {
        let request = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(self.full(key));
        let output = within(with_attributes!(request, &attributes, None).send())
            .await
            .map_err(|failure| failure.about(self.about(key)))?;
        let id = output
            .upload_id
            .ok_or_else(|| odd("S3 told no upload id"))?;
        Ok(UploadId(id))
    }

    async fn put_part(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<ETag, Error> {
        let about = self.of_upload(key, upload)?;
        let output = within(
            self.client
                .upload_part()
                .bucket(&self.bucket)
                .key(self.full(key))
                .upload_id(&upload.0)
                .part_number(part_number(number))
                .body(SdkStream::from(body))
                .send(),
        )
        .await
        .map_err(|failure| failure.about(about))?;
        Ok(ETag::new(output.e_tag().unwrap_or_default()))
    }

    async fn list_parts(&self, key: &ObjectKey, upload: &UploadId) -> Result<Vec<Part>, Error> {
        let about = self.of_upload(key, upload)?;
        let mut parts = Vec::new();
        let mut marker = None;
        loop {
            let output = within(
                self.client
                    .list_parts()
                    .bucket(&self.bucket)
                    .key(self.full(key))
                    .upload_id(&upload.0)
                    .set_part_number_marker(marker)
                    .send(),
            )
            .await
            .map_err(|failure| failure.about(about))?;
            parts.extend(output.parts().iter().map(|part| Part {
                number: part.part_number().map_or(0, i32::unsigned_abs),
                etag: ETag::new(part.e_tag().unwrap_or_default()),
                size: part.size().map_or(0, i64::unsigned_abs),
                last_modified: time(part.last_modified()),
            }));
            marker = output.next_part_number_marker;
            if output.is_truncated != Some(true) || marker.is_none() {
                return Ok(parts);
            }
        }
    }

    async fn complete_multipart(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[(u32, ETag)],
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error> {
        let about = self.of_upload(key, upload)?;
        if !parts.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(Error::InvalidPartOrder);
        }
        let named = parts
            .iter()
            .map(|(number, etag)| {
                CompletedPart::builder()
                    .part_number(part_number(*number))
                    .e_tag(etag.as_str())
                    .build()
            })
            .collect();
        let answer = within(
            self.client
                .complete_multipart_upload()
                .bucket(&self.bucket)
                .key(self.full(key))
                .upload_id(&upload.0)
                .set_if_match(if_match(&precondition))
                .set_if_none_match(if_none_match(&precondition))
                .multipart_upload(
                    CompletedMultipartUpload::builder()
                        .set_parts(Some(named))
                        .build(),
                )
                .send(),
        )
        .await;
        match answer {
            Ok(_) => self.head(key, None).await,
            // Nothing is there, so it has not the tag that was asked for.
            Err(failure) if failure.code() == Some("NoSuchKey") && is_match(&precondition) => {
                Err(Error::PreconditionFailed(key.clone()))
            }
            // S3 does not tell the SDK which part it means.
            Err(failure) if matches!(failure.code(), Some("InvalidPart" | "MalformedXML")) => {
                let stored = self.list_parts(key, upload).await.unwrap_or_default();
                let wrong = parts.iter().find(|(number, etag)| {
                    !stored
                        .iter()
                        .any(|part| part.number == *number && part.etag == *etag)
                });
                Err(match wrong {
                    Some((number, _)) => Error::InvalidPart(*number),
                    None if parts.is_empty() => Error::InvalidPart(1),
                    None => failure.about(about),
                })
            }
            Err(failure) => Err(failure.about(about)),
        }
    }

    async fn list_multipart(&self, prefix: &str) -> Result<Vec<OpenUpload>, Error> {
        list::uploads(self, prefix).await
    }

    async fn abort_multipart(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), Error> {
        let about = self.of_upload(key, upload)?;
        within(
            self.client
                .abort_multipart_upload()
                .bucket(&self.bucket)
                .key(self.full(key))
                .upload_id(&upload.0)
                .send(),
        )
        .await
        .map(drop)
        .map_err(|failure| failure.about(about))
    }
}

impl S3 {
    /// The SDK sends no request with an empty id, and no upload has one.
    fn of_upload<'a>(
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
