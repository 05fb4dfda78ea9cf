//! Multipart uploads: begin one, put its parts, abort it. Completing one belongs to the rules, and so to `process`.

use http::header::{self};
use http::{Response, StatusCode};

use crate::authority::call::Call;
use crate::error::Error;
use crate::operations::request::{check_body, put_options};
use crate::service::Service;
use crate::storage::{self, ETag, Precondition, PutOptions, UploadId};
use crate::wire::body::Body;
use crate::wire::headers::{set, xml};
use crate::wire::names::{CRC64, PART_NUMBER};
use crate::wire::xml::{Element, Writer};
use crate::work;

/// `POST /<key>?uploads`.
pub(crate) async fn create(service: &Service, call: &Call) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let PutOptions {
        attributes,
        precondition,
    } = put_options(&call.headers)?;
    if precondition != Precondition::None {
        let text = "x-cos-forbid-overwrite, If-None-Match and If-Match with ?uploads; they count at the completion";
        return Err(Error::NotSupported(text.to_owned()));
    }
    let upload = service
        .storage(call.place.bucket)
        .create_multipart(&key, attributes)
        .await?;
    let mut answer = Writer::new("InitiateMultipartUploadResult");
    answer
        .leaf("Bucket", service.authority.bucket_name(call.place.bucket))
        .leaf("Key", &key)
        .leaf("UploadId", upload.0);
    Ok(xml(answer))
}

/// `PUT /<key>?partNumber=N&uploadId=ID`.
pub(crate) async fn put_part(
    service: &Service,
    call: &Call,
    upload: &UploadId,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let number = part_number(call)?;
    check_body(call).await?;
    let body = call.body.clone();
    let crc64 = work::run(move || Ok(storage::crc64(&body))).await?;
    let etag = service
        .storage(call.place.bucket)
        .put_part(&key, upload, number, call.body.clone())
        .await?;
    let mut response = Response::new(Body::Empty);
    set(response.headers_mut(), header::ETAG, etag.as_str());
    set(response.headers_mut(), CRC64, &crc64.to_string());
    Ok(response)
}

/// Which part the request means.
pub(crate) fn part_number(call: &Call) -> Result<u32, Error> {
    let text = call.query.parameter(PART_NUMBER).unwrap_or_default();
    text.parse()
        .ok()
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| {
            Error::InvalidArgument(format!("partNumber: expected 1 to 10000, found `{text}`"))
        })
}

/// `DELETE /<key>?uploadId=ID`.
pub(crate) async fn abort(
    service: &Service,
    call: &Call,
    upload: &UploadId,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    service
        .storage(call.place.bucket)
        .abort_multipart(&key, upload)
        .await?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// The parts that a `CompleteMultipartUpload` document names.
pub(crate) fn parts_named(body: &[u8]) -> Result<Vec<(u32, ETag)>, Error> {
    let document = Element::parse(body)?;
    if document.name != "CompleteMultipartUpload" {
        let text = format!(
            "expected `CompleteMultipartUpload`, found `{}`",
            document.name
        );
        return Err(Error::MalformedXml(text));
    }
    let parts: Option<Vec<_>> = document
        .all("Part")
        .map(|part| {
            let number = part.child("PartNumber")?.parse().ok()?;
            Some((number, ETag::new(part.child("ETag")?)))
        })
        .collect();
    match parts {
        Some(parts) if !parts.is_empty() => Ok(parts),
        _ => Err(Error::MalformedXml(
            "expected `Part`s with `PartNumber` and `ETag`".to_owned(),
        )),
    }
}
