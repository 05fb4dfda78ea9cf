//! Copies of objects, whole or into a part of a multipart upload. Bytes that leave a bucket for another go through as a
//! stream; within one, its storage copies.

use http::Response;
use http::header::{self, HeaderMap};

use crate::authority::call::Call;
use crate::authority::images::SourceName;
use crate::error::Error;
use crate::operations::list::iso8601;
use crate::operations::multipart::part_number;
use crate::operations::request::put_options;
use crate::service::Service;
use crate::storage::{
    Attributes, ByteRange, ETag, GetOptions, ObjectInfo, PutOptions, SizedStream, UploadId,
};
use crate::wire::body::Body;
use crate::wire::conditions::{self, Verdict};
use crate::wire::headers::xml;
use crate::wire::names::{
    COPY_IF_MATCH, COPY_IF_MODIFIED_SINCE, COPY_IF_NONE_MATCH, COPY_IF_UNMODIFIED_SINCE,
    COPY_RANGE, METADATA_DIRECTIVE,
};
use crate::wire::xml::Writer;

/// Bytes of one copy at most, as COS has it (436/10881, 436/8287).
const MAX_BYTES: u64 = 5 << 30;

/// The source of a copy, what it is, and the tag that it must still have when it is copied, if there are conditions on it,
/// which hold.
async fn weighed(
    service: &Service,
    call: &Call,
    source: &str,
) -> Result<(SourceName, ObjectInfo, Option<ETag>), Error> {
    let name = service.authority.copy_source(source)?;
    let info = service
        .storage(name.bucket)
        .head(&name.key, name.version.as_ref())
        .await?;
    let mut conditional = HeaderMap::new();
    for (ours, plain) in [
        (COPY_IF_MATCH, header::IF_MATCH),
        (COPY_IF_NONE_MATCH, header::IF_NONE_MATCH),
        (COPY_IF_MODIFIED_SINCE, header::IF_MODIFIED_SINCE),
        (COPY_IF_UNMODIFIED_SINCE, header::IF_UNMODIFIED_SINCE),
    ] {
        if let Some(value) = call.headers.get(ours) {
            conditional.insert(plain, value.clone());
        }
    }
    if conditions::evaluate(&conditional, &info.etag, info.last_modified) != Verdict::Proceed {
        return Err(Error::PreconditionFailed);
    }
    // What was weighed is what is copied.
    let same = (!conditional.is_empty()).then(|| info.etag.clone());
    Ok((name, info, same))
}

fn check_size(size: u64) -> Result<(), Error> {
    if size > MAX_BYTES {
        let text = format!(
            "a copy of {size} bytes at once, of which {MAX_BYTES} are allowed; copy by parts with {COPY_RANGE}"
        );
        return Err(Error::NotSupported(text));
    }
    Ok(())
}

/// `PUT /<key>` with `x-cos-copy-source`.
pub(crate) async fn object(
    service: &Service,
    call: &Call,
    source: &str,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let options = put_options(&call.headers)?;
    let replace = match call.header(METADATA_DIRECTIVE) {
        None | Some("Copy" | "COPY") => false,
        Some("Replaced" | "REPLACED" | "Replace" | "REPLACE") => true,
        Some(other) => {
            let text = format!("{METADATA_DIRECTIVE}: expected Copy or Replaced, found `{other}`");
            return Err(Error::InvalidArgument(text));
        }
    };
    let (source, info, if_match) = weighed(service, call, source).await?;
    let attributes = if replace {
        options.attributes
    } else {
        Attributes {
            // A copy is of the class that it asks for, whatever its source is of.
            storage_class: options.attributes.storage_class,
            ..info.attributes
        }
    };
    let stored = if source.bucket == call.place.bucket {
        if source.key == key && !replace {
            let text =
                "an object can be copied onto itself only with x-cos-metadata-directive: Replaced";
            return Err(Error::InvalidArgument(text.to_owned()));
        }
        let attributes = (replace || attributes.storage_class.is_some()).then_some(attributes);
        service
            .storage(source.bucket)
            .copy(
                &source.key,
                source.version.as_ref(),
                &key,
                attributes,
                options.precondition,
            )
            .await?
    } else {
        check_size(info.size)?;
        let get = GetOptions {
            version: source.version,
            if_match,
            range: None,
        };
        let object = service.storage(source.bucket).get(&source.key, get).await?;
        let body = SizedStream {
            size: object.info.size,
            bytes: object.body,
        };
        let put = PutOptions {
            attributes,
            precondition: options.precondition,
        };
        service
            .storage(call.place.bucket)
            .put_stream(&key, body, put)
            .await?
    };
    let mut answer = Writer::new("CopyObjectResult");
    answer
        .leaf("ETag", &stored.etag)
        .leaf("LastModified", iso8601(stored.last_modified));
    if let Some(crc64) = stored.crc64 {
        answer.leaf("CRC64", crc64);
    }
    Ok(xml(answer))
}

/// `PUT /<key>?partNumber=N&uploadId=ID` with `x-cos-copy-source`, and `x-cos-copy-source-range` for a part of it.
pub(crate) async fn part(
    service: &Service,
    call: &Call,
    upload: &UploadId,
    source: &str,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let number = part_number(call)?;
    let (source, info, if_match) = weighed(service, call, source).await?;
    let range = copied_range(call, info.size)?;
    let bytes = range.map_or(info.size, |(first, last)| last - first + 1);
    check_size(bytes)?;
    let get = GetOptions {
        version: source.version,
        if_match,
        range: range.map(|(first, last)| ByteRange::FromTo(first, last)),
    };
    let target = service.storage(call.place.bucket);
    let mut answer = Writer::new("CopyPartResult");
    if source.bucket == call.place.bucket {
        let part = target
            .copy_part(&source.key, get, &key, upload, number)
            .await?;
        answer
            .leaf("ETag", &part.etag)
            .leaf("LastModified", iso8601(part.last_modified));
    } else {
        let object = service.storage(source.bucket).get(&source.key, get).await?;
        let body = SizedStream {
            size: object
                .range
                .map_or(object.info.size, |range| range.end - range.start),
            bytes: object.body,
        };
        let etag = target.put_part_stream(&key, upload, number, body).await?;
        let now = std::time::SystemTime::now();
        answer
            .leaf("ETag", &etag)
            .leaf("LastModified", iso8601(now));
    }
    Ok(xml(answer))
}

/// The first and the last byte that are copied of an object of `size` bytes; `None` for all.
fn copied_range(call: &Call, size: u64) -> Result<Option<(u64, u64)>, Error> {
    let Some(given) = call.headers.get(COPY_RANGE) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(given.as_bytes());
    // Unlike those of a GET, both ends must be given and within the object (436/8287).
    let range = text.strip_prefix("bytes=").and_then(|range| {
        let (first, last) = range.split_once('-')?;
        // Not `+0`, which a number may be in Rust.
        let number = |text: &str| {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<u64>().ok()).flatten()
        };
        let range = (number(first)?, number(last)?);
        (range.0 <= range.1 && range.1 < size).then_some(range)
    });
    range.map(Some).ok_or_else(|| {
        Error::InvalidArgument(format!(
            "{COPY_RANGE}: expected bytes=first-last within the {size} bytes of the source, found `{text}`"
        ))
    })
}
