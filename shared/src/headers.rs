//! What headers say of objects, in both directions, and the bodies that go with them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use md5::{Digest, Md5};

use crate::body::Body;
use crate::error::Error;
use crate::service::Call;
use crate::storage::{self, Attributes, ETag, ObjectInfo, Precondition, PutOptions};
use crate::wire::names;
use crate::wire::names::{
    ACL, CRC64, ENCRYPTION, ENCRYPTION_BY_CUSTOMER, FORBID_OVERWRITE, META, OBJECT_VERSION, TAGGING,
};
use crate::work;
use crate::xml::Writer;

/// Bytes that all user metadata of an object may take together, as S3 has it.
const MAX_METADATA_BYTES: usize = 2048;
/// An XML answer.
pub(crate) fn xml(writer: Writer) -> Response<Body> {
    let text = writer.finish();
    let mut response = Response::new(Body::Empty);
    set(
        response.headers_mut(),
        header::CONTENT_TYPE,
        "application/xml",
    );
    set(
        response.headers_mut(),
        header::CONTENT_LENGTH,
        &text.len().to_string(),
    );
    *response.body_mut() = text.into();
    response
}

/// Sets a header, if the value can stand in one.
pub(crate) fn set(headers: &mut HeaderMap, name: impl header::IntoHeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// What an answer to a PUT tells of the stored object.
pub(crate) fn tell_stored(headers: &mut HeaderMap, info: &ObjectInfo) {
    set(headers, header::ETAG, info.etag.as_str());
    if let Some(crc64) = info.crc64 {
        set(headers, CRC64, &crc64.to_string());
    }
    if let Some(version) = &info.version {
        set(headers, OBJECT_VERSION, &version.0);
    }
}

/// The headers that describe an object.
pub(crate) fn describe(headers: &mut HeaderMap, info: &ObjectInfo) {
    let attributes = &info.attributes;
    set(headers, header::CONTENT_TYPE, content_type(info));
    for (name, value) in [
        (header::CACHE_CONTROL, &attributes.cache_control),
        (header::CONTENT_DISPOSITION, &attributes.content_disposition),
        (header::CONTENT_ENCODING, &attributes.content_encoding),
        (header::CONTENT_LANGUAGE, &attributes.content_language),
        (header::EXPIRES, &attributes.expires),
    ] {
        if let Some(value) = value {
            set(headers, name, value);
        }
    }
    for (name, value) in &attributes.metadata {
        if let Ok(name) = HeaderName::try_from(format!("{META}{name}")) {
            set(headers, name, value);
        }
    }
    set(headers, header::ACCEPT_RANGES, "bytes");
    set(
        headers,
        header::LAST_MODIFIED,
        &httpdate::fmt_http_date(info.last_modified),
    );
    tell_stored(headers, info);
}

/// The media type of an object, as the client said it.
pub(crate) fn content_type(info: &ObjectInfo) -> &str {
    let said = info.attributes.content_type.as_deref();
    said.unwrap_or("application/octet-stream")
}

/// What the headers of a PUT ask for.
pub(crate) fn put_options(headers: &HeaderMap) -> Result<PutOptions, Error> {
    let text = |name: &HeaderName| -> Result<Option<String>, Error> {
        match headers.get(name) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => std::str::from_utf8(value.as_bytes())
                .map(|text| Some(text.to_owned()))
                .map_err(|_| Error::InvalidArgument(format!("the header {name} is not UTF-8"))),
        }
    };
    let mut attributes = Attributes {
        content_type: text(&header::CONTENT_TYPE)?,
        cache_control: text(&header::CACHE_CONTROL)?,
        content_disposition: text(&header::CONTENT_DISPOSITION)?,
        content_encoding: text(&header::CONTENT_ENCODING)?.filter(|coding| coding != "aws-chunked"),
        content_language: text(&header::CONTENT_LANGUAGE)?,
        expires: text(&header::EXPIRES)?,
        ..Attributes::default()
    };
    let mut bytes = 0;
    for name in headers.keys() {
        if let Some(plain) = name.as_str().strip_prefix(META) {
            let value = text(name)?.unwrap_or_default();
            bytes += plain.len() + value.len();
            attributes.metadata.insert(plain.to_owned(), value);
        }
    }
    if bytes > MAX_METADATA_BYTES {
        return Err(Error::Storage(storage::Error::MetadataTooLarge {
            found: bytes,
            limit: MAX_METADATA_BYTES,
        }));
    }
    for (name, accepted) in [
        (ACL, &["", "default", "private"][..]),
        (ENCRYPTION, &[""][..]),
        (ENCRYPTION_BY_CUSTOMER, &[""][..]),
        (TAGGING, &[""][..]),
    ] {
        if let Some(value) = headers.get(name)
            && !accepted
                .iter()
                .any(|accepted| accepted.as_bytes() == value.as_bytes())
        {
            let value = String::from_utf8_lossy(value.as_bytes());
            return Err(Error::NotSupported(format!("the header {name}: {value}")));
        }
    }
    Ok(PutOptions {
        attributes,
        precondition: precondition(headers)?,
    })
}

/// What the headers of a request that stores something demand of the key: `x-cos-forbid-overwrite: true` or
/// `If-None-Match: *`, or `If-Match` with a tag.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Precondition, Error> {
    let is = |name: HeaderName, wanted: &str| headers.get(name).is_some_and(|v| v == wanted);
    let absent = is(FORBID_OVERWRITE, "true") || is(header::IF_NONE_MATCH, "*");
    let etag = headers
        .get(header::IF_MATCH)
        .filter(|tag| !tag.is_empty())
        .map(|tag| String::from_utf8_lossy(tag.as_bytes()));
    match (absent, etag) {
        (true, Some(_)) => Err(Error::InvalidArgument(
            "If-Match asks for an object, If-None-Match or x-cos-forbid-overwrite for none; give one of them"
                .to_owned(),
        )),
        (true, None) => Ok(Precondition::Absent),
        (false, Some(tag)) => Ok(Precondition::Match(ETag::new(&tag))),
        (false, None) => Ok(Precondition::None),
    }
}

/// Holds a body to its limit, its announced length and its digest.
pub(crate) async fn check_body(call: &Call) -> Result<(), Error> {
    if let Some(announced) = call.header("content-length")
        && announced.parse() != Ok(call.body.len())
    {
        return Err(Error::IncompleteBody {
            announced: announced.to_owned(),
            found: call.body.len(),
        });
    }
    let Some(given) = call.header("content-md5").filter(|given| !given.is_empty()) else {
        return Ok(());
    };
    let given = STANDARD
        .decode(given)
        .ok()
        .filter(|digest| digest.len() == 16)
        .ok_or_else(|| Error::InvalidDigest(given.to_owned()))?;
    let body = call.body.clone();
    let found = work::run(move || Ok(Md5::digest(&body))).await?;
    if found[..] != given[..] {
        return Err(Error::BadDigest);
    }
    Ok(())
}

/// `response-content-type` and the like, which only a signed request may ask for, and only where it signed them:
/// whoever holds an URL could otherwise have an image shown as a page.
pub(crate) fn response_overrides(call: &Call) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let mut overrides = Vec::new();
    for (parameter, name) in [
        (names::RESPONSE_CONTENT_TYPE, header::CONTENT_TYPE),
        (names::RESPONSE_CONTENT_LANGUAGE, header::CONTENT_LANGUAGE),
        (names::RESPONSE_EXPIRES, header::EXPIRES),
        (names::RESPONSE_CACHE_CONTROL, header::CACHE_CONTROL),
        (
            names::RESPONSE_CONTENT_DISPOSITION,
            header::CONTENT_DISPOSITION,
        ),
        (names::RESPONSE_CONTENT_ENCODING, header::CONTENT_ENCODING),
    ] {
        let Some(value) = call.query.parameter(parameter) else {
            continue;
        };
        if !call.covers_parameter(parameter) {
            return Err(Error::OverrideNotSigned(parameter));
        }
        let value = HeaderValue::from_str(value).map_err(|_| {
            Error::InvalidArgument(format!("{parameter}: `{value}` cannot stand in a header"))
        })?;
        overrides.push((name, value));
    }
    Ok(overrides)
}
