//! What a request says of the object that it stores: attributes, preconditions, and a body that came whole.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderName};
use md5::{Digest, Md5};

use crate::authority::call::Call;
use crate::error::Error;
use crate::storage::{self, Attributes, ETag, Precondition, PutOptions};
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
    let Some(given) = call.header(CONTENT_MD5).filter(|given| !given.is_empty()) else {
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
