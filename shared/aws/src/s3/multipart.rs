//! Multipart uploads.

use aws_sdk_s3::primitives::ByteStream as SdkStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use storage::{
    Attributes, ETag, Error, GetOptions, ObjectInfo, ObjectKey, Part, Precondition, SizedStream,
    UploadId,
};

use super::attributes::{Marks, with_attributes};
use super::body;
use super::bucket::S3;
use super::call::{if_match, if_none_match, is_match, odd, time, within};
use super::object::{copy_source, head};

/// [`Storage::create_multipart`](storage::Storage::create_multipart).
pub(super) async fn create(
    s3: &S3,
    key: &ObjectKey,
    attributes: Attributes,
) -> Result<UploadId, Error> {
    create_marked(s3, key, &attributes, Marks::default()).await
}

/// As [`create`], with these marks.
pub(super) async fn create_marked(
    s3: &S3,
    key: &ObjectKey,
    attributes: &Attributes,
    marks: Marks,
) -> Result<UploadId, Error> {
    let request = s3
        .client
        .create_multipart_upload()
        .bucket(&s3.bucket)
        .key(s3.full(key));
    let output = within(with_attributes!(request, attributes, marks).send())
        .await
        .map_err(|failure| failure.about(s3.about(key)))?;
    let id = output
        .upload_id
        .ok_or_else(|| odd("S3 told no upload id"))?;
    Ok(UploadId(id))
}

/// [`Storage::put_part`](storage::Storage::put_part).
pub(super) async fn put_part(
    s3: &S3,
    key: &ObjectKey,
    upload: &UploadId,
    number: u32,
    body: Bytes,
) -> Result<ETag, Error> {
    let about = s3.of_upload(key, upload)?;
    let output = within(
        s3.client
            .upload_part()
            .bucket(&s3.bucket)
            .key(s3.full(key))
            .upload_id(&upload.0)
            .part_number(part_number(number))
            .body(SdkStream::from(body))
            .send(),
    )
    .await
    .map_err(|failure| failure.about(about))?;
    Ok(ETag::new(output.e_tag().unwrap_or_default()))
}

/// [`Storage::put_part_stream`](storage::Storage::put_part_stream). A body that has begun cannot be sent again, so nothing
/// is tried twice.
pub(super) async fn put_part_stream(
    s3: &S3,
    key: &ObjectKey,
    upload: &UploadId,
    number: u32,
    body: SizedStream,
) -> Result<ETag, Error> {
    let about = s3.of_upload(key, upload)?;
    let (body, failed) = body::upload(body);
    let sent = within(
        s3.client
            .upload_part()
            .bucket(&s3.bucket)
            .key(s3.full(key))
            .upload_id(&upload.0)
            .part_number(part_number(number))
            .body(body)
            .send(),
    )
    .await;
    match sent {
        Ok(output) => Ok(ETag::new(output.e_tag().unwrap_or_default())),
        // What the body's source said comes before what that made of the connection.
        Err(failure) => Err(failed.take().unwrap_or_else(|| failure.about(about))),
    }
}

/// [`Storage::copy_part`](storage::Storage::copy_part).
pub(super) async fn copy_part(
    s3: &S3,
    source: &ObjectKey,
    options: GetOptions,
    key: &ObjectKey,
    upload: &UploadId,
    number: u32,
) -> Result<Part, Error> {
    let about = s3.of_upload(key, upload)?;
    let version = options.version.as_ref();
    let changed = || Error::PreconditionFailed(source.clone());
    let info = head(s3, source, version).await?;
    if options.if_match.is_some_and(|etag| etag != info.etag) {
        return Err(changed());
    }
    // S3 takes neither an end past the object's nor a range from its end.
    let size = info.size;
    let range = match options.range {
        Some(range) => range.resolve(size).ok_or(Error::InvalidRange { size })?,
        None => 0..size,
    };
    let header = options
        .range
        .map(|_| format!("bytes={}-{}", range.start, range.end - 1));
    let copied = within(
        s3.client
            .upload_part_copy()
            .bucket(&s3.bucket)
            .key(s3.full(key))
            .upload_id(&upload.0)
            .part_number(part_number(number))
            .copy_source(copy_source(s3, source, version))
            .copy_source_if_match(info.etag.as_str())
            .set_copy_source_range(header)
            .send(),
    )
    .await;
    let output = copied.map_err(|failure| match failure.code() {
        Some("NoSuchKey") => Error::NotFound(source.clone()),
        _ => match failure.about(about) {
            Error::PreconditionFailed(_) => changed(),
            error => error,
        },
    })?;
    let result = output.copy_part_result();
    let etag = result.and_then(|result| result.e_tag());
    Ok(Part {
        number,
        etag: ETag::new(etag.ok_or_else(|| odd("S3 told no ETag of a copied part"))?),
        size: range.end - range.start,
        last_modified: time(result.and_then(|result| result.last_modified())),
    })
}

/// [`Storage::list_parts`](storage::Storage::list_parts).
pub(super) async fn list_parts(
    s3: &S3,
    key: &ObjectKey,
    upload: &UploadId,
) -> Result<Vec<Part>, Error> {
    let about = s3.of_upload(key, upload)?;
    let mut parts = Vec::new();
    let mut marker = None;
    loop {
        let output = within(
            s3.client
                .list_parts()
                .bucket(&s3.bucket)
                .key(s3.full(key))
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

/// [`Storage::complete_multipart`](storage::Storage::complete_multipart).
pub(super) async fn complete(
    s3: &S3,
    key: &ObjectKey,
    upload: &UploadId,
    parts: &[(u32, ETag)],
    precondition: Precondition,
) -> Result<ObjectInfo, Error> {
    let about = s3.of_upload(key, upload)?;
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
        s3.client
            .complete_multipart_upload()
            .bucket(&s3.bucket)
            .key(s3.full(key))
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
        Ok(_) => head(s3, key, None).await,
        // Nothing is there, so it has not the tag that was asked for.
        Err(failure) if failure.code() == Some("NoSuchKey") && is_match(&precondition) => {
            Err(Error::PreconditionFailed(key.clone()))
        }
        // S3 does not tell the SDK which part it means.
        Err(failure) if matches!(failure.code(), Some("InvalidPart" | "MalformedXML")) => {
            let stored = list_parts(s3, key, upload).await.unwrap_or_default();
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

/// [`Storage::abort_multipart`](storage::Storage::abort_multipart).
pub(super) async fn abort(s3: &S3, key: &ObjectKey, upload: &UploadId) -> Result<(), Error> {
    let about = s3.of_upload(key, upload)?;
    within(
        s3.client
            .abort_multipart_upload()
            .bucket(&s3.bucket)
            .key(s3.full(key))
            .upload_id(&upload.0)
            .send(),
    )
    .await
    .map(drop)
    .map_err(|failure| failure.about(about))
}

fn part_number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
