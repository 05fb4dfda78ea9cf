//! The plain object API around the rules: get, put, delete and copy objects.

use std::ops::Range;

use http::header;
use http::{Response, StatusCode};

use crate::authority::call::{Call, response_overrides};
use crate::error::Error;
use crate::operations::list::MOST_KEYS;
use crate::operations::request::{check_body, put_options};
use crate::service::Service;
use crate::storage::{
    self, AppendOptions, ByteRange, ByteStream, GetOptions, Object, ObjectInfo, ObjectKey,
    Precondition, PutOptions,
};
use crate::wire::body::Body;
use crate::wire::conditions::{self, Verdict};
use crate::wire::headers::{content_type, describe, set, tell_stored, xml};
use crate::wire::names::{CONTENT_MD5, NEXT_POSITION};
use crate::wire::xml::{Element, Writer};

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
    for (name, value) in overrides {
        response.headers_mut().insert(name, value);
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
    if info.attributes.cache_control.is_none() {
        set(
            headers,
            header::CACHE_CONTROL,
            &service.authority.cache_control(call, key),
        );
    }
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
    let cache_control = match &info.attributes.cache_control {
        Some(own) => own.clone(),
        None => service.authority.cache_control(call, key),
    };
    set(headers, header::CACHE_CONTROL, &cache_control);
    set(headers, header::CONTENT_LENGTH, "0");
    // Lambda names a streamed answer `application/octet-stream` if nothing else does, and caches may take that over.
    set(headers, header::CONTENT_TYPE, content_type(info));
    response
}

/// `PUT /<key>` without rules.
pub(crate) async fn put(service: &Service, call: &Call) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let options = put_options(&call.headers)?;
    check_body(call).await?;
    let storage = service.storage(call.place.bucket);
    let info = storage.put(&key, call.body.clone(), options).await?;
    let mut response = Response::new(Body::Empty);
    tell_stored(response.headers_mut(), &info);
    Ok(response)
}

/// `DELETE /<key>`.
pub(crate) async fn delete(service: &Service, call: &Call) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    if call.version().is_some() {
        return Err(Error::NotSupported(
            "deleting one version of an object".to_owned(),
        ));
    }
    service.storage(call.place.bucket).delete(&key).await?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// `POST /?delete`: up to 1000 keys at once.
pub(crate) async fn delete_many(service: &Service, call: &Call) -> Result<Response<Body>, Error> {
    if call.header(CONTENT_MD5).is_none_or(str::is_empty) {
        // What is deleted stands in the body alone.
        let text = "?delete needs the header Content-MD5, the base64 of the body's MD5";
        return Err(Error::InvalidArgument(text.to_owned()));
    }
    check_body(call).await?;
    let document = Element::parse(&call.body)?;
    if document.name != "Delete" {
        return Err(Error::MalformedXml(format!(
            "expected `Delete`, found `{}`",
            document.name
        )));
    }
    let quiet = document.child("Quiet") == Some("true");
    let names: Vec<&str> = document
        .all("Object")
        .map(|object| {
            object
                .children
                .iter()
                .find(|c| c.name == "Key")
                .map_or("", |c| c.text.as_str())
        })
        .collect();
    if names.len() > MOST_KEYS {
        return Err(Error::MalformedXml(format!(
            "{} keys; at most {MOST_KEYS} are allowed",
            names.len()
        )));
    }
    let mut answer = Writer::new("DeleteResult");
    for name in names {
        let deleted = async {
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
    Ok(xml(answer))
}

/// `POST /<key>?append&position=N`.
pub(crate) async fn append(
    service: &Service,
    call: &Call,
    position: u64,
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
    check_body(call).await?;
    let options = AppendOptions {
        attributes,
        max_bytes: service.authority.config.limits.append_bytes,
    };
    let appended = service
        .storage(call.place.bucket)
        .append(&key, position, call.body.clone(), options)
        .await;
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

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}
