//! What an answer says: of objects, and of documents.

use http::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::storage::ObjectInfo;
use crate::wire::body::Body;
use crate::wire::names::{CRC64, META, NEXT_POSITION, OBJECT_TYPE, OBJECT_VERSION, STORAGE_CLASS};
use crate::wire::xml::Writer;

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
    // COS says nothing of STANDARD.
    let class = attributes.storage_class.as_deref();
    if let Some(class) = class.filter(|class| *class != "STANDARD") {
        set(headers, STORAGE_CLASS, class);
    }
    if info.appendable {
        set(headers, OBJECT_TYPE, "appendable");
        set(headers, NEXT_POSITION, &info.size.to_string());
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
