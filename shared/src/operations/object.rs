//! The plain object API around the rules: get, put, delete and copy objects.

use std::ops::Range;

use http::header::{self, HeaderMap};
use http::{Response, StatusCode};

use crate::authority::call::{Call, response_overrides};
use crate::error::Error;
use crate::operations::list::MOST_KEYS;
use crate::operations::request::{Longest, put_options, receive};
use crate::service::{DOCUMENT_BYTES, Service};
use crate::storage::{
    self, AppendOptions, ByteRange, ByteStream, GetOptions, Object, ObjectInfo, ObjectKey,
    Precondition, PutOptions,
};
use crate::wire::body::Body;
use crate::wire::conditions::{self, Verdict};
use crate::wire::headers::{self, content_type, describe, set, tell_stored};
use crate::wire::incoming::Incoming;
use crate::wire::names::{CONTENT_MD5, NEXT_POSITION};
use crate::wire::xml::{self, Writer};

/// How often a conditional GET is tried that a PUT came before.
const ATTEMPTS: usize = 5;

/// `GET /<key>` and `HEAD /<key>` without a rule: the object as it is.
pub(crate) async fn get(service: &Service, call: &Call) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let head = call.method == http::Method::HEAD;
    let overrides = response_overrides(call)?;
    let mut response = if head || conditions::are_given(&call.headers) {
        weighed(service, call, &key, head).await?
    } else {
        let options = GetOptions {
            range: conditions::range(&call.headers),
            version: call.version(),
            if_match: None,
        };
        let storage = service.storage(call.place.bucket);
        let Object { info, range, body } = storage.get(&key, options).await?;
        found(service, call, &key, &info, range.as_ref(), Some(body))
    };
    // Its bytes are not read yet.
    if let (Some(limit), Some(len)) = (call.front.response_limit, response.body().len())
        && len > limit
    {
        return Err(Error::answer_too_large(limit));
    }
    let headers = response.headers_mut();
    for (name, value) in overrides {
        headers.insert(name, value);
    }
    if !service.authority.config.active_content && is_active(headers) {
        // A page that someone has stored must not act in the name of the host it comes from.
        set(headers, header::CONTENT_SECURITY_POLICY, "sandbox");
    }
    Ok(response)
}

/// HEAD, and GET with conditions: the state that was weighed is the one that is answered with.
async fn weighed(
    service: &Service,
    call: &Call,
    key: &ObjectKey,
    head: bool,
) -> Result<Response<Body>, Error> {
    let storage = service.storage(call.place.bucket);
    let version = call.version();
    for _ in 0..ATTEMPTS {
        let info = storage.head(key, version.as_ref()).await?;
        match conditions::evaluate(&call.headers, &info.etag, info.last_modified) {
            Verdict::PreconditionFailed => return Err(Error::PreconditionFailed),
            Verdict::NotModified => return Ok(not_modified(service, call, key, &info)),
            Verdict::Proceed => {}
        }
        let range = conditions::range(&call.headers)
            .filter(|_| conditions::range_applies(&call.headers, &info.etag, info.last_modified));
        if head {
            let unmet = Error::InvalidRange { size: info.size };
            let resolve = |range: ByteRange| range.resolve(info.size).ok_or(unmet);
            let range = range.map(resolve).transpose()?;
            return Ok(found(service, call, key, &info, range.as_ref(), None));
        }
        let options = GetOptions {
            range,
            version: version.clone(),
            if_match: Some(info.etag),
        };
        match storage.get(key, options).await {
            Ok(Object { info, range, body }) => {
                return Ok(found(service, call, key, &info, range.as_ref(), Some(body)));
            }
            // Replaced since it was weighed: what is there now is weighed in turn.
            Err(storage::Error::PreconditionFailed(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let text = format!("`{key}` is replaced all the time");
    Err(Error::Storage(storage::Error::Unavailable(text)))
}

/// 200 or 206: what is told of an object, and its bytes but for HEAD.
fn found(
    service: &Service,
    call: &Call,
    key: &ObjectKey,
    info: &ObjectInfo,
    range: Option<&Range<u64>>,
    body: Option<ByteStream>,
) -> Response<Body> {
    let len = range.map_or(info.size, |range| range.end - range.start);
    let mut response = Response::new(body.map_or(Body::Empty, |stream| Body::Stream {
        stream,
        len: Some(len),
    }));
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    let headers = response.headers_mut();
    set(headers, header::CONTENT_LENGTH, &len.to_string());
    if let Some(range) = range {
        let content_range = content_range(range, info.size);
        set(headers, header::CONTENT_RANGE, &content_range);
    }
    describe(headers, info);
    let cache_control = cache_control(service, call, key, info);
    set(headers, header::CACHE_CONTROL, &cache_control);
    response
}

/// 304, with the length that one SDK needs to see.
fn not_modified(
    service: &Service,
    call: &Call,
    key: &ObjectKey,
    info: &ObjectInfo,
) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    set(headers, header::ETAG, info.etag.as_str());
    set(
        headers,
        header::LAST_MODIFIED,
        &httpdate::fmt_http_date(info.last_modified),
    );
    let cache_control = cache_control(service, call, key, info);
    set(headers, header::CACHE_CONTROL, &cache_control);
    set(headers, header::CONTENT_LENGTH, "0");
    // Lambda names a streamed answer `application/octet-stream` if nothing else does, and caches may take that over.
    set(headers, header::CONTENT_TYPE, content_type(info));
    response
}

fn cache_control(service: &Service, call: &Call, key: &ObjectKey, info: &ObjectInfo) -> String {
    let said = info.attributes.cache_control.as_deref();
    let object = (call.place.bucket, key);
    service.authority.cache_control([object], said)
}

/// `PUT /<key>` without rules, of a body of `longest` bytes at most.
pub(crate) async fn put(
    service: &Service,
    call: &Call,
    body: Incoming,
    longest: &Longest,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let options = put_options(&call.headers)?;
    let body = receive(service, call, body, longest).await?;
    let storage = service.storage(call.place.bucket);
    let put = storage.put(&key, body, options);
    let info = service.within(call, put).await?;
    let mut response = Response::new(Body::Empty);
    tell_stored(response.headers_mut(), &info);
    Ok(response)
}

/// `DELETE /<key>`.
pub(crate) async fn delete(service: &Service, call: &Call) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    if call.version().is_some() {
        return Err(one_version());
    }
    service.storage(call.place.bucket).delete(&key).await?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// To delete the object in its place would be to delete what was not asked for.
fn one_version() -> Error {
    Error::NotSupported("deleting one version of an object".to_owned())
}

/// Whether a request to delete several objects says what it deletes: that stands in the body alone.
pub(crate) fn announces_digest(call: &Call) -> Result<(), Error> {
    if call.header(CONTENT_MD5).is_none_or(str::is_empty) {
        let text = "?delete needs the header Content-MD5, the base64 of the body's MD5";
        return Err(Error::InvalidArgument(text.to_owned()));
    }
    Ok(())
}

/// `POST /?delete`: up to 1000 keys at once.
pub(crate) async fn delete_many(
    service: &Service,
    call: &Call,
    body: Incoming,
) -> Result<Response<Body>, Error> {
    announces_digest(call)?;
    let longest = Longest {
        bytes: DOCUMENT_BYTES,
        way_out: "delete fewer keys at once",
    };
    let body = receive(service, call, body, &longest).await?;
    let Deleted { names, quiet } = Deleted::read(&body)?;
    drop(body);
    let deleted = delete_each(service, call, &names, quiet);
    service.within(call, deleted).await
}

/// What a `Delete` document asks for.
#[derive(Default)]
struct Deleted {
    /// Keys as they are written, and whether only one version of each is meant.
    names: Vec<(String, bool)>,
    quiet: bool,
}

impl Deleted {
    fn read(document: &[u8]) -> Result<Self, Error> {
        let mut found = Self::default();
        let (mut key, mut has_version) = (None, false);
        xml::read(document, "Delete", |path, text| {
            match path {
                ["Quiet"] => found.quiet = text.trim() == "true",
                ["Object", "Key"] if key.is_none() => key = Some(text.to_owned()),
                ["Object"] if found.names.len() == MOST_KEYS => {
                    let text = format!("more keys than the {MOST_KEYS} that are allowed");
                    return Err(xml::Malformed(text));
                }
                ["Object", "VersionId"] => has_version |= !text.trim().is_empty(),
                ["Object"] => {
                    let name = key.take().unwrap_or_default();
                    found.names.push((name, std::mem::take(&mut has_version)));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(found)
    }
}

async fn delete_each(
    service: &Service,
    call: &Call,
    names: &[(String, bool)],
    quiet: bool,
) -> Result<Response<Body>, Error> {
    let mut answer = Writer::new("DeleteResult");
    for (name, has_version) in names {
        let deleted = async {
            if *has_version {
                return Err(one_version());
            }
            let key = ObjectKey::new(name.strip_prefix('/').unwrap_or(name))?;
            service.authority.may_delete_among_others(call, &key)?;
            Ok(service.storage(call.place.bucket).delete(&key).await?)
        };
        let deleted: Result<(), Error> = deleted.await;
        match deleted {
            Ok(()) if quiet => {}
            Ok(()) => {
                answer.begin("Deleted").leaf("Key", name).end();
            }
            Err(error) => {
                answer
                    .begin("Error")
                    .leaf("Key", name)
                    .leaf("Code", error.answer().code)
                    .leaf("Message", &error)
                    .end();
            }
        }
    }
    Ok(headers::xml(answer))
}

/// `POST /<key>?append&position=N`.
pub(crate) async fn append(
    service: &Service,
    call: &Call,
    position: u64,
    body: Incoming,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let PutOptions {
        attributes,
        precondition,
    } = put_options(&call.headers)?;
    if precondition != Precondition::None {
        let text = "x-cos-forbid-overwrite, If-None-Match and If-Match with ?append; the position says what is there";
        return Err(Error::NotSupported(text.to_owned()));
    }
    let body = receive(service, call, body, &Longest::put(service)).await?;
    let options = AppendOptions {
        attributes,
        max_bytes: service.authority.config.limits.append_bytes,
    };
    let storage = service.storage(call.place.bucket);
    let append = storage.append(&key, position, body, options);
    let appended = service.within(call, append).await;
    let info = appended.map_err(|error| match error {
        storage::Error::TooManyBytes { limit } => Error::AppendedTooLarge { limit },
        error => error.into(),
    })?;
    let mut response = Response::new(Body::Empty);
    tell_stored(response.headers_mut(), &info);
    set(
        response.headers_mut(),
        NEXT_POSITION,
        &info.size.to_string(),
    );
    Ok(response)
}

/// Whether a browser may run scripts of an answer of this type that it opens as a page: HTML, SVG and other XML.
fn is_active(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE);
    let said = said.map_or(&[][..], |value| value.as_bytes());
    let end = said.iter().position(|byte| b"; \t,".contains(byte));
    let media_type = said[..end.unwrap_or(said.len())].to_ascii_lowercase();
    media_type.ends_with(b"xml")
        || matches!(
            &*media_type,
            b"text/html" | b"application/xslt" | b"text/xsl"
        )
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}
