//! What a request says of the object that it stores: attributes, preconditions, and a body that came whole.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName};
use md5::{Digest, Md5};

use crate::authority::call::{Call, Caller};
use crate::error::Error;
use crate::memory::For;
use crate::service::Service;
use crate::storage::{self, Attributes, ETag, Precondition, PutOptions};
use crate::wire::incoming::Incoming;
use crate::wire::names::{
    ACL, CONTENT_MD5, ENCRYPTION, ENCRYPTION_BY_CUSTOMER, FORBID_OVERWRITE, META, STORAGE_CLASS,
    TAGGING,
};
use crate::work;

/// Bytes that all user metadata of an object may take together, as S3 has it.
const MAX_METADATA_BYTES: usize = 2048;
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
        storage_class: text(&STORAGE_CLASS)?,
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

/// What a body may have, and what to do with one that has more.
pub(crate) struct Longest {
    pub(crate) bytes: u64,
    pub(crate) way_out: &'static str,
}

impl Longest {
    /// Of an object or a part that is stored as it is.
    pub(crate) fn put(service: &Service) -> Self {
        Self {
            bytes: service.authority.config.limits.put_bytes,
            way_out: "upload it in parts",
        }
    }

    pub(crate) fn exceeded(&self) -> Error {
        Error::EntityTooLarge {
            limit: self.bytes,
            way_out: self.way_out,
        }
    }
}

/// The whole body of a request whose head is judged, held to its limit, its announced length and its digest.
///
/// What the head says of these is judged before anything of the body is asked for. The bytes count against what bodies may
/// take of the memory for as long as any of them is kept.
///
/// # Errors
///
/// - [`Error::EntityTooLarge`], [`Error::IncompleteBody`], [`Error::InvalidDigest`] or [`Error::BadDigest`];
/// - [`Error::Overload`] where other bodies take the memory;
/// - [`Error::SlowBody`] or [`Error::BrokenBody`] where it does not come.
pub(crate) async fn receive(
    service: &Service,
    call: &Call,
    mut body: Incoming,
    longest: &Longest,
) -> Result<Bytes, Error> {
    let announced = call.header("content-length");
    let digest = digest(call)?;
    let len = body.len().or_else(|| announced?.parse().ok());
    let what = match call.caller {
        Caller::Anonymous => For::UnsignedBody,
        Caller::Key { .. } => For::SignedBody,
    };
    // For what is longer than all that bodies may take there will be no room later either.
    let longest = &Longest {
        bytes: longest.bytes.min(service.gate.memory.most(what)),
        ..*longest
    };
    if len.is_some_and(|len| len > longest.bytes) {
        return Err(longest.exceeded());
    }
    let len = len.unwrap_or_default();
    let held = service.gate.memory.hold(what, len);
    let mut held = held.ok_or(Error::Overload)?;
    let mut bytes = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(part) = body.next().await {
        let part = part?;
        let found = (bytes.len() + joined.len() + part.len()) as u64;
        if found > longest.bytes {
            return Err(longest.exceeded());
        }
        if !held.grow(found) {
            return Err(Error::Overload);
        }
        if bytes.is_empty() && joined.is_empty() {
            bytes = part;
            continue;
        }
        if joined.is_empty() {
            joined.reserve(usize::try_from(len.max(found)).unwrap_or_default());
            joined.extend_from_slice(&bytes);
            bytes = Bytes::new();
        }
        joined.extend_from_slice(&part);
        // An unknown length doubles the room for it.
        if !held.grow(joined.capacity() as u64) {
            return Err(Error::Overload);
        }
    }
    if !joined.is_empty() {
        bytes = joined.freeze();
    }
    let bytes = held.keep(bytes);
    if let Some(announced) = announced
        && announced.parse() != Ok(bytes.len())
    {
        return Err(Error::IncompleteBody {
            announced: announced.to_owned(),
            found: bytes.len(),
        });
    }
    if let Some(digest) = digest {
        let body = bytes.clone();
        let found = work::run(move || Ok(Md5::digest(&body))).await?;
        if found[..] != digest[..] {
            return Err(Error::BadDigest);
        }
    }
    Ok(bytes)
}

/// The MD5 that the head announces.
fn digest(call: &Call) -> Result<Option<Vec<u8>>, Error> {
    let Some(given) = call.header(CONTENT_MD5).filter(|given| !given.is_empty()) else {
        return Ok(None);
    };
    STANDARD
        .decode(given)
        .ok()
        .filter(|digest| digest.len() == 16)
        .map(Some)
        .ok_or_else(|| Error::InvalidDigest(given.to_owned()))
}
