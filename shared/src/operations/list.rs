//! Lists of objects, of open multipart uploads and of their parts, page by page.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;

use crate::authority::call::Call;
use crate::error::Error;
use crate::escape;
use crate::service::Service;
use crate::storage::{self, ListOptions, UploadId};
use crate::wire::body::Body;
use crate::wire::headers::xml;
use crate::wire::names;
use crate::wire::xml::Writer;

/// Keys in one page of a list at most, and in one request to delete several.
pub(crate) const MOST_KEYS: usize = 1000;

/// `GET /`: a page of keys, in the shape of the first version or, with `list-type=2`, of the second.
pub(crate) async fn objects(service: &Service, call: &Call) -> Result<Response<Body>, Error> {
    let parameter = |name: &str| call.query.parameter(name).unwrap_or_default().to_owned();
    let (prefix, delimiter) = (parameter(names::PREFIX), parameter(names::DELIMITER));
    let is_second = match call.query.parameter(names::LIST_TYPE) {
        None | Some("1") => false,
        Some("2") => true,
        Some(other) => {
            let text = format!("{}: expected 1 or 2, found `{other}`", names::LIST_TYPE);
            return Err(Error::InvalidArgument(text));
        }
    };
    // A token is the key after which the page begins; where one is given, the list has begun already.
    let (token, start_after) = (
        parameter(names::CONTINUATION_TOKEN),
        parameter(names::START_AFTER),
    );
    let marker = match (is_second, token.is_empty()) {
        (false, _) => parameter(names::MARKER),
        (true, true) => start_after.clone(),
        (true, false) => key_of_token(&token)?,
    };
    let max = max_keys(call, names::MAX_KEYS)?;
    let encode = encoder(call)?;
    let options = ListOptions {
        prefix: prefix.clone(),
        delimiter: (!delimiter.is_empty()).then(|| delimiter.clone()),
        after: marker.clone(),
        max,
    };
    let listing = if max == 0 {
        storage::Listing::default()
    } else {
        service.storage(call.place.bucket).list(options).await?
    };
    let mut answer = Writer::new("ListBucketResult");
    answer.leaf("Name", service.authority.bucket_name(call.place.bucket));
    if call.query.parameter(names::ENCODING_TYPE).is_some() {
        answer.leaf("EncodingType", "url");
    }
    answer.leaf("Prefix", encode(&prefix));
    if is_second {
        answer.leaf("KeyCount", listing.objects.len() + listing.prefixes.len());
        if !start_after.is_empty() {
            answer.leaf("StartAfter", encode(&start_after));
        }
        if !token.is_empty() {
            answer.leaf("ContinuationToken", &token);
        }
    } else {
        answer.leaf("Marker", encode(&marker));
    }
    answer.leaf("MaxKeys", max);
    if !delimiter.is_empty() {
        answer.leaf("Delimiter", encode(&delimiter));
    }
    answer.leaf("IsTruncated", listing.next.is_some());
    if let Some(next) = &listing.next {
        if is_second {
            answer.leaf("NextContinuationToken", token_of_key(next));
        } else {
            answer.leaf("NextMarker", encode(next));
        }
    }
    for object in &listing.objects {
        answer
            .begin("Contents")
            .leaf("Key", encode(object.key.as_str()))
            .leaf("LastModified", iso8601(object.last_modified))
            .leaf("ETag", &object.etag)
            .leaf("Size", object.size)
            .begin("Owner")
            .leaf("ID", "0")
            .leaf("DisplayName", "0")
            .end()
            .leaf("StorageClass", "STANDARD")
            .end();
    }
    for prefix in &listing.prefixes {
        answer
            .begin("CommonPrefixes")
            .leaf("Prefix", encode(prefix))
            .end();
    }
    Ok(xml(answer))
}

/// Where a list of the second shape goes on. Base64, since a key may hold what XML cannot.
fn token_of_key(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

fn key_of_token(token: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| {
        let text = format!(
            "{}: expected the NextContinuationToken of the page before, found `{token}`",
            names::CONTINUATION_TOKEN
        );
        Error::InvalidArgument(text)
    })
}

/// `GET /?uploads`: the uploads that are open.
pub(crate) async fn multipart_uploads(
    service: &Service,
    call: &Call,
) -> Result<Response<Body>, Error> {
    let prefix = call.query.parameter(names::PREFIX).unwrap_or_default();
    let max = max_keys(call, names::MAX_UPLOADS)?;
    let encode = encoder(call)?;
    let key_marker = call.query.parameter(names::KEY_MARKER).unwrap_or_default();
    let id_marker = call
        .query
        .parameter(names::UPLOAD_ID_MARKER)
        .unwrap_or_default();
    let uploads = service
        .storage(call.place.bucket)
        .list_multipart(prefix)
        .await?;
    let mut uploads = uploads.into_iter().filter(|open| {
        let key = open.key.as_str();
        key > key_marker
            || (key == key_marker && !id_marker.is_empty() && open.upload.0.as_str() > id_marker)
    });
    let page: Vec<_> = uploads.by_ref().take(max).collect();
    let truncated = uploads.next().is_some();
    let mut answer = Writer::new("ListMultipartUploadsResult");
    answer
        .leaf("Bucket", service.authority.bucket_name(call.place.bucket))
        .leaf("Prefix", encode(prefix))
        .leaf("KeyMarker", encode(key_marker))
        .leaf("UploadIdMarker", id_marker)
        .leaf("MaxUploads", max)
        .leaf("IsTruncated", truncated);
    if let (true, Some(last)) = (truncated, page.last()) {
        answer
            .leaf("NextKeyMarker", encode(last.key.as_str()))
            .leaf("NextUploadIdMarker", &last.upload.0);
    }
    for open in &page {
        answer
            .begin("Upload")
            .leaf("Key", encode(open.key.as_str()))
            .leaf("UploadId", &open.upload.0)
            .leaf("StorageClass", "STANDARD")
            .leaf("Initiated", iso8601(open.initiated))
            .end();
    }
    Ok(xml(answer))
}

/// `GET /<key>?uploadId=ID`.
pub(crate) async fn parts(
    service: &Service,
    call: &Call,
    upload: &UploadId,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let max = max_keys(call, names::MAX_PARTS)?;
    let encode = encoder(call)?;
    let marker: u32 = match call.query.parameter(names::PART_NUMBER_MARKER) {
        None | Some("") => 0,
        Some(text) => text.parse().map_err(|_| {
            Error::InvalidArgument(format!(
                "{}: expected a number, found `{text}`",
                names::PART_NUMBER_MARKER
            ))
        })?,
    };
    let parts = service
        .storage(call.place.bucket)
        .list_parts(&key, upload)
        .await?;
    let mut parts = parts.into_iter().filter(|part| part.number > marker);
    let page: Vec<_> = parts.by_ref().take(max).collect();
    let truncated = parts.next().is_some();
    let mut answer = Writer::new("ListPartsResult");
    answer
        .leaf("Bucket", service.authority.bucket_name(call.place.bucket))
        .leaf("Key", encode(key.as_str()))
        .leaf("UploadId", &upload.0)
        .leaf("StorageClass", "STANDARD")
        .leaf("PartNumberMarker", marker);
    if truncated {
        answer.leaf(
            "NextPartNumberMarker",
            page.last().map_or(marker, |part| part.number),
        );
    }
    answer.leaf("MaxParts", max).leaf("IsTruncated", truncated);
    for part in &page {
        answer
            .begin("Part")
            .leaf("PartNumber", part.number)
            .leaf("LastModified", iso8601(part.last_modified))
            .leaf("ETag", &part.etag)
            .leaf("Size", part.size)
            .end();
    }
    Ok(xml(answer))
}

fn max_keys(call: &Call, name: &str) -> Result<usize, Error> {
    match call.query.parameter(name) {
        None | Some("") => Ok(MOST_KEYS),
        Some(text) => text
            .parse::<usize>()
            .map(|max| max.min(MOST_KEYS))
            .map_err(|_| {
                Error::InvalidArgument(format!("{name}: expected 0 to {MOST_KEYS}, found `{text}`"))
            }),
    }
}

fn encoder(call: &Call) -> Result<fn(&str) -> String, Error> {
    match call.query.parameter(names::ENCODING_TYPE) {
        None | Some("") => Ok(str::to_owned),
        Some("url") => Ok(escape::key),
        Some(other) => Err(Error::InvalidArgument(format!(
            "encoding-type: expected url, found `{other}`"
        ))),
    }
}

/// `2026-11-22T12:00:00.000Z`.
pub(crate) fn iso8601(at: SystemTime) -> String {
    let at = time::OffsetDateTime::from(at);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}
