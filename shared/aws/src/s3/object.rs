//! Whole objects: HEAD, GET, PUT, DELETE and copies.

use std::time::SystemTime;

use aws_sdk_s3::primitives::ByteStream as SdkStream;
use aws_sdk_s3::types::MetadataDirective;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use storage::{
    Attributes, ByteRange, ETag, Error, GetOptions, Object, ObjectInfo, ObjectKey, Precondition,
    PutOptions, Version, crc64,
};

use super::attributes::{Marks, etag_is_md5, object_info, with_attributes};
use super::body;
use super::bucket::S3;
use super::call::{if_match, if_none_match, is_match, odd, version, within};
use super::error::About;

/// What may stand in a copy source as it is.
const COPY_SOURCE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// [`Storage::head`](storage::Storage::head).
pub(super) async fn head(
    s3: &S3,
    key: &ObjectKey,
    version: Option<&Version>,
) -> Result<ObjectInfo, Error> {
    let output = within(
        s3.client
            .head_object()
            .bucket(&s3.bucket)
            .key(s3.full(key))
            .set_version_id(version.map(|version| version.0.clone()))
            .send(),
    )
    .await
    .map_err(|failure| {
        failure.about(About {
            version,
            ..s3.about(key)
        })
    })?;
    Ok(object_info!(output, size(output.content_length())?))
}

/// [`Storage::tags`](storage::Storage::tags).
pub(super) async fn tags(
    s3: &S3,
    key: &ObjectKey,
    version: Option<&Version>,
) -> Result<Vec<(String, String)>, Error> {
    let asked = within(
        s3.client
            .get_object_tagging()
            .bucket(&s3.bucket)
            .key(s3.full(key))
            .set_version_id(version.map(|version| version.0.clone()))
            .send(),
    );
    let output = asked.await.map_err(|failure| {
        failure.about(About {
            version,
            ..s3.about(key)
        })
    })?;
    let tags = output.tag_set().iter();
    Ok(tags
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect())
}

/// [`Storage::get`](storage::Storage::get).
pub(super) async fn get(s3: &S3, key: &ObjectKey, options: GetOptions) -> Result<Object, Error> {
    let unmet = |size| Error::InvalidRange { size };
    // S3 takes a range that means nothing as no range; the client is told instead.
    if let Some(ByteRange::Last(0)) = options.range {
        return Err(unmet(head(s3, key, options.version.as_ref()).await?.size));
    }
    if let Some(ByteRange::FromTo(first, last)) = options.range
        && first > last
    {
        return Err(unmet(head(s3, key, options.version.as_ref()).await?.size));
    }
    let answer = within(
        s3.client
            .get_object()
            .bucket(&s3.bucket)
            .key(s3.full(key))
            .set_version_id(options.version.as_ref().map(|version| version.0.clone()))
            .set_if_match(options.if_match.as_ref().map(ETag::to_string))
            .set_range(options.range.map(range_header))
            .send(),
    )
    .await;
    let output = match answer {
        Ok(output) => output,
        Err(failure) if failure.status() == Some(416) => {
            return Err(unmet(head(s3, key, options.version.as_ref()).await?.size));
        }
        Err(failure) => {
            return Err(failure.about(About {
                version: options.version.as_ref(),
                ..s3.about(key)
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
            s3.clone(),
            key.clone(),
            options.version,
            info.etag.clone(),
            (start, end),
            output.body,
        ),
        info,
    })
}

/// [`Storage::put`](storage::Storage::put).
pub(super) async fn put(
    s3: &S3,
    key: &ObjectKey,
    body: Bytes,
    options: PutOptions,
) -> Result<ObjectInfo, Error> {
    let marks = Marks {
        crc64: Some(crc64(&body)),
        appendable: false,
    };
    put_marked(s3, key, body, options, marks).await
}

/// As [`put`], with these marks.
pub(super) async fn put_marked(
    s3: &S3,
    key: &ObjectKey,
    body: Bytes,
    options: PutOptions,
    marks: Marks,
) -> Result<ObjectInfo, Error> {
    let size = body.len() as u64;
    let request = s3
        .client
        .put_object()
        .bucket(&s3.bucket)
        .key(s3.full(key))
        .set_if_match(if_match(&options.precondition))
        .set_if_none_match(if_none_match(&options.precondition))
        .body(SdkStream::from(body));
    let output = within(with_attributes!(request, &options.attributes, marks).send())
        .await
        .map_err(|failure| match failure.about(s3.about(key)) {
            // Nothing is there, so it has not the tag that was asked for.
            Error::NotFound(key) if is_match(&options.precondition) => {
                Error::PreconditionFailed(key)
            }
            error => error,
        })?;
    Ok(ObjectInfo {
        size,
        etag: ETag::new(output.e_tag().unwrap_or_default()),
        etag_is_md5: etag_is_md5(
            output.e_tag(),
            output.server_side_encryption(),
            output.sse_customer_algorithm(),
        ),
        last_modified: now(),
        attributes: options.attributes,
        crc64: marks.crc64,
        version: version(output.version_id()),
        appendable: marks.appendable,
    })
}

/// [`Storage::delete`](storage::Storage::delete).
pub(super) async fn delete(s3: &S3, key: &ObjectKey) -> Result<(), Error> {
    let call = s3
        .client
        .delete_object()
        .bucket(&s3.bucket)
        .key(s3.full(key));
    match within(call.send()).await {
        Ok(_) => Ok(()),
        Err(failure) => match failure.about(s3.about(key)) {
            Error::NotFound(_) => Ok(()),
            error => Err(error),
        },
    }
}

/// [`Storage::copy`](storage::Storage::copy).
pub(super) async fn copy(
    s3: &S3,
    source: &ObjectKey,
    version: Option<&Version>,
    target: &ObjectKey,
    attributes: Option<Attributes>,
    precondition: Precondition,
) -> Result<ObjectInfo, Error> {
    let about = About {
        version,
        ..s3.about(source)
    };
    // S3 refuses a copy onto itself that changes nothing.
    if source == target && version.is_none() && attributes.is_none() {
        return head(s3, source, None).await;
    }
    let request = s3
        .client
        .copy_object()
        .bucket(&s3.bucket)
        .key(s3.full(target))
        .set_if_match(if_match(&precondition))
        .set_if_none_match(if_none_match(&precondition))
        .copy_source(copy_source(s3, source, version));
    let answer = if let Some(attributes) = &attributes {
        let marks = Marks {
            crc64: head(s3, source, version).await?.crc64,
            appendable: false,
        };
        let request = request.metadata_directive(MetadataDirective::Replace);
        within(with_attributes!(request, attributes, marks).send()).await
    } else {
        Box::pin(within(request.send())).await
    };
    match answer.map_err(|failure| failure.about(about)) {
        Ok(_) => {
            let info = head(s3, target, None).await?;
            if !info.appendable {
                return Ok(info);
            }
            // The mark came along, and only what was begun by an append has it.
            let (attributes, etag) = (Some(info.attributes), info.etag);
            let precondition = Precondition::Match(etag);
            Box::pin(copy(s3, source, version, target, attributes, precondition)).await
        }
        // The condition was on the target. Of two keys that may be missing S3 does not tell which is.
        Err(Error::PreconditionFailed(_)) => Err(Error::PreconditionFailed(target.clone())),
        Err(Error::NotFound(_)) if is_match(&precondition) => {
            head(s3, source, version).await?;
            Err(Error::PreconditionFailed(target.clone()))
        }
        Err(error) => Err(error),
    }
}

/// The value of `x-amz-copy-source`.
pub(super) fn copy_source(s3: &S3, source: &ObjectKey, version: Option<&Version>) -> String {
    let name = format!("{}/{}", s3.bucket, s3.full(source));
    let mut text = utf8_percent_encode(&name, COPY_SOURCE).to_string();
    if let Some(Version(id)) = version {
        text.push_str("?versionId=");
        text.extend(utf8_percent_encode(id, COPY_SOURCE));
    }
    text
}

fn size(length: Option<i64>) -> Result<u64, Error> {
    length
        .and_then(|length| u64::try_from(length).ok())
        .ok_or_else(|| odd("S3 told no Content-Length"))
}

fn now() -> SystemTime {
    storage::whole_seconds(SystemTime::now())
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
