//! Download-time processing: `GET` and `HEAD /<key>?<rule>`.

use std::time::SystemTime;

use auth::policy::Action;
use http::header;
use http::{Method, Response, StatusCode};
use rules::{Format, QueryRule, Rule, Stage};

use crate::authority::call::{Call, response_overrides};
use crate::authority::images::SourceName;
use crate::error::Error;
use crate::memory::Since;
use crate::operations::image_info::{image_info, is_of_headers};
use crate::operations::sources;
use crate::service::Service;
use crate::storage::{ETag, GetOptions, ObjectKey};
use crate::wire::body::Body;
use crate::wire::conditions::{self, Verdict};
use crate::wire::headers::{self, set};
use crate::wire::names::IGNORED_ERROR;
use crate::work::{self, Made, Timer};

/// `GET /<key>?<rule>` and `HEAD` of it.
pub(crate) async fn download(
    service: &Service,
    call: &Call,
    item: &QueryRule,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    service.authority.may_use_rule(call, item)?;
    let overrides = response_overrides(call)?;
    let mut response = match Rule::parse(&item.text) {
        Ok(rule) => {
            let rendered = match service.authority.sources_of(call, &key, &rule, item) {
                Ok(names) => render(service, call, &rule, &names).await,
                Err(error) => Err(error),
            };
            match rendered {
                Err(error) if rule.ignore_error() && error.answer().suppressible => {
                    original(service, call, &key, &error).await?
                }
                result => result?,
            }
        }
        Err(error) if call.hides(item, &error) => {
            original(service, call, &key, &error.into()).await?
        }
        Err(error) => return Err(error.into()),
    };
    for (name, value) in overrides {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

async fn render(
    service: &Service,
    call: &Call,
    rule: &Rule,
    names: &[SourceName],
) -> Result<Response<Body>, Error> {
    let timer = Timer::of_work();
    // A 304 or 412 needs neither a wait at the gate nor an open source, so conditions are weighed first.
    if conditions::are_given(&call.headers) {
        let (etag, last_modified, said) = sources::head(service, names, rule).await?;
        match conditions::evaluate(&call.headers, &etag, last_modified) {
            Verdict::PreconditionFailed => return Err(Error::PreconditionFailed),
            Verdict::NotModified => {
                let mut response = answer_without_body(service, names, &etag, last_modified);
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                set(response.headers_mut(), header::CONTENT_LENGTH, "0");
                // As of an object, see `not_modified`.
                let media_type = likely_type(rule).unwrap_or(&said);
                set(response.headers_mut(), header::CONTENT_TYPE, media_type);
                return Ok(response);
            }
            Verdict::Proceed => {}
        }
    }
    let entry = service.gate.enter(timer.deadline).await?;
    let opened = sources::open(service, names).await?;
    let (etag, last_modified) = opened.tag_and_time(rule);
    let mut response = answer_without_body(service, names, &etag, last_modified);
    if is_of_headers(rule) {
        let object = opened.into_first().expect("one source was opened");
        let document = image_info(service, object, &timer).await?;
        set(
            response.headers_mut(),
            header::CONTENT_TYPE,
            "application/json",
        );
        return Ok(with_body(call, response, Body::Full(document.into())));
    }
    let limit = service.authority.config.limits.source_bytes;
    let sources = sources::read(service, opened, limit, Since::New, &timer).await?;
    let made = work::prepare(
        &service.gate,
        &entry,
        sources,
        rule.clone(),
        service.authority.config.pipeline_limits(),
        service.authority.config.limits.pipeline_options(),
        &timer,
    );
    let made = made.await.map_err(|error| service.timed(error))?;
    set(
        response.headers_mut(),
        header::CONTENT_TYPE,
        made.media_type,
    );
    let body = body_of(service, call, made, timer).await?;
    Ok(with_body(call, response, body))
}

/// The answer with its bytes or, to HEAD, only their number.
fn with_body(call: &Call, mut response: Response<Body>, body: Body) -> Response<Body> {
    if let Some(len) = body.len() {
        set(
            response.headers_mut(),
            header::CONTENT_LENGTH,
            &len.to_string(),
        );
    }
    if call.method != Method::HEAD {
        *response.body_mut() = body;
    }
    response
}

/// An answer with what is told of a result, whether or not its bytes follow.
fn answer_without_body(
    service: &Service,
    names: &[SourceName],
    etag: &ETag,
    last_modified: SystemTime,
) -> Response<Body> {
    let objects = names.iter().map(|name| (name.bucket, &name.key));
    let cache_control = service.authority.cache_control(objects, None);
    let mut response = Response::new(Body::Empty);
    let headers = response.headers_mut();
    set(headers, header::ETAG, etag.as_str());
    set(
        headers,
        header::LAST_MODIFIED,
        &httpdate::fmt_http_date(last_modified),
    );
    set(headers, header::CACHE_CONTROL, &cache_control);
    response
}

/// The result's bytes: at hand, or streamed where the front streams.
async fn body_of(service: &Service, call: &Call, made: Made, timer: Timer) -> Result<Body, Error> {
    if let Some(limit) = call.front.response_limit {
        let bytes = work::to_bytes(&service.gate, made, limit, &timer)
            .await
            .map_err(|error| service.timed(error))?;
        return Ok(Body::Full(bytes));
    }
    if let Some(bytes) = made.bytes() {
        return Ok(Body::Full(bytes.clone()));
    }
    if call.method == Method::HEAD {
        return Ok(Body::Stream {
            stream: bytes::Bytes::new().into(),
            len: None,
        });
    }
    Ok(Body::Stream {
        stream: work::stream(&service.gate, made, timer),
        len: None,
    })
}

/// The object as it is, in place of a result.
async fn original(
    service: &Service,
    call: &Call,
    key: &ObjectKey,
    hidden: &Error,
) -> Result<Response<Body>, Error> {
    let options = GetOptions {
        version: call.version(),
        ..GetOptions::default()
    };
    let stored = service.storage(call.place.bucket).get(key, options).await?;
    let mut response = Response::new(Body::Empty);
    let headers = response.headers_mut();
    headers::describe(headers, &stored.info);
    headers.remove(header::ACCEPT_RANGES);
    // Kept for 60 s, so that the result is soon asked for again; by shared caches only where anyone may read the object.
    let public = service
        .authority
        .anyone_may(Action::GetObject, call.place.bucket, key);
    let whose = if public { "public" } else { "private" };
    let short = format!("{whose}, max-age=60");
    set(headers, header::CACHE_CONTROL, &short);
    set(headers, IGNORED_ERROR, hidden.answer().code);
    set(
        headers,
        header::CONTENT_LENGTH,
        &stored.info.size.to_string(),
    );
    if let Some(limit) = call.front.response_limit
        && stored.info.size > limit
    {
        return Err(Error::answer_too_large(limit));
    }
    if call.method != Method::HEAD {
        *response.body_mut() = Body::Stream {
            len: Some(stored.info.size),
            stream: stored.body,
        };
    }
    Ok(response)
}

/// The media type of a result that is not made, where the rule says it; else it is what the object is said to be.
fn likely_type(rule: &Rule) -> Option<&'static str> {
    rule.stages().iter().rev().find_map(|stage| {
        let (format, animates) = match stage {
            Stage::ImageMogr2(stage) => (stage.output.format, stage.animate.is_some()),
            Stage::ImageView2(stage) => (stage.output.format, false),
            Stage::Info(_) => return Some("application/json"),
            Stage::Watermark(_) | Stage::ImageSlim | Stage::Style(_) => (None, false),
        };
        match format {
            Some(Format::Jpg) => Some("image/jpeg"),
            Some(Format::Png) => Some("image/png"),
            Some(Format::WebP) => Some("image/webp"),
            Some(Format::Gif) => Some("image/gif"),
            Some(Format::Bmp) => Some("image/bmp"),
            Some(Format::Avif) => Some("image/avif"),
            Some(Format::Source) | None => animates.then_some("image/gif"),
        }
    })
}
