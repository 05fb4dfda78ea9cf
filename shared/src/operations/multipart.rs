//! Multipart uploads: begin one, put its parts, abort it. Completing one belongs to the rules, and so to `process`.

use http::header::{self};
use http::{Response, StatusCode};

use crate::authority::call::Call;
use crate::error::Error;
use crate::operations::request::{Longest, put_options, receive};
use crate::service::Service;
use crate::storage::{self, ETag, Precondition, PutOptions, UploadId};
use crate::wire::body::Body;
use crate::wire::headers::{self, set};
use crate::wire::incoming::Incoming;
use crate::wire::names::{BEGUN_WITH_RULES, CRC64, PART_NUMBER, PIC_OPERATIONS};
use crate::wire::xml::{self, Writer};
use crate::work;

/// Parts of a multipart upload at most, and the number of the last of them.
const MOST_PARTS: u32 = 10_000;

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
    // Some SDKs send the rules here and on the completion, others here alone. They count there; where they are missing
    // there, the id tells.
    let mark = if call.headers.contains_key(PIC_OPERATIONS) {
        BEGUN_WITH_RULES
    } else {
        ""
    };
    let mut answer = Writer::new("InitiateMultipartUploadResult");
    answer
        .leaf("Bucket", service.authority.bucket_name(call.place.bucket))
        .leaf("Key", &key)
        .leaf("UploadId", format_args!("{}{mark}", upload.0));
    Ok(headers::xml(answer))
}

/// `PUT /<key>?partNumber=N&uploadId=ID`.
pub(crate) async fn put_part(
    service: &Service,
    call: &Call,
    upload: &UploadId,
    body: Incoming,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let number = part_number(call)?;
    let body = receive(service, call, body, &Longest::put(service)).await?;
    let summed = body.clone();
    let crc64 = work::run(move || Ok(storage::crc64(&summed))).await?;
    let storage = service.storage(call.place.bucket);
    let put = storage.put_part(&key, upload, number, body);
    let etag = service.within(call, put).await?;
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
        .filter(|number| (1..=MOST_PARTS).contains(number))
        .ok_or_else(|| {
            Error::InvalidArgument(format!(
                "partNumber: expected 1 to {MOST_PARTS}, found `{text}`"
            ))
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
pub(crate) fn parts_named(document: &[u8]) -> Result<Vec<(u32, ETag)>, Error> {
    let malformed = |text: &str| xml::Malformed(text.to_owned());
    let mut parts = Vec::new();
    let (mut number, mut etag) = (None, None);
    xml::read(document, "CompleteMultipartUpload", |path, text| {
        match path {
            ["Part", "PartNumber"] => number = number.or(text.trim().parse().ok()),
            ["Part", "ETag"] => etag = etag.take().or_else(|| Some(ETag::new(text.trim()))),
            ["Part"] if parts.len() == MOST_PARTS as usize => {
                let text = format!("more parts than the {MOST_PARTS} that are allowed");
                return Err(malformed(&text));
            }
            ["Part"] => match (number.take(), etag.take()) {
                (Some(number), Some(etag)) => parts.push((number, etag)),
                _ => return Err(malformed("expected `Part`s with `PartNumber` and `ETag`")),
            },
            _ => {}
        }
        Ok(())
    })?;
    if parts.is_empty() {
        return Err(malformed("expected `Part`s with `PartNumber` and `ETag`").into());
    }
    Ok(parts)
}
