//! The functions: events in, answers out, between the Lambda runtime and the [`Service`].
//!
//! `lambda_http` is no part of it: its types lose or panic on requests that are ordinary here (a raw `>` in the query,
//! a path that the front decoded). `lambda_runtime` speaks with Lambda; the shapes of events and answers are read and
//! written here, see [`front`] and [`trigger`], and the tests hold them to those of `lambda_http` where these are sound.

mod answer;
mod buckets;
mod configuration;
pub mod front;
mod journal;
mod target;
pub mod trigger;
mod uploads;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
pub use lambda_runtime::Error as RuntimeError;
use lambda_runtime::{FunctionResponse, LambdaEvent, service_fn};
use serde_json::Value;
use shared::storage;
use shared::{Body, Front, Service};

use answer::Chunks;
pub use answer::buffered;
use buckets::Buckets;
pub use configuration::Error;
use configuration::env;
use front::{Arrived, Kind, Refused};
use journal::Entry;
pub use target::PathEncoding;

type Reply = FunctionResponse<Value, Chunks>;

/// The most that Lambda streams of one answer.
const STREAM_LIMIT: u64 = 200 << 20;

/// How a function speaks with its front.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    stream: bool,
    path_encoding: PathEncoding,
}

impl Mode {
    /// As `RESPONSE_MODE` (`buffered`, `stream`) and `PATH_ENCODING` (`auto`, `encoded`, `decoded`) say.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for another value.
    pub fn from_env() -> Result<Self, Error> {
        let setting = |name, allowed| {
            let found = env(name).unwrap_or_default();
            move || Error::Setting {
                name,
                found,
                allowed,
            }
        };
        let value = |name| env(name).filter(|value| !value.is_empty());
        Ok(Self {
            stream: match value("RESPONSE_MODE").as_deref() {
                None | Some("buffered") => false,
                Some("stream") => true,
                Some(_) => return Err(setting("RESPONSE_MODE", "buffered and stream")()),
            },
            path_encoding: match value("PATH_ENCODING").as_deref() {
                None | Some("auto") => PathEncoding::Auto,
                Some("encoded") => PathEncoding::Encoded,
                Some("decoded") => PathEncoding::Decoded,
                Some(_) => return Err(setting("PATH_ENCODING", "auto, encoded and decoded")()),
            },
        })
    }
}

/// The function `download`.
///
/// # Errors
///
/// [`Error`] if it does not start, and what ends the runtime.
pub async fn download() -> Result<(), RuntimeError> {
    run_http(|service, request| async move { service.download(request).await }).await
}

/// The function `process`.
///
/// # Errors
///
/// [`Error`] if it does not start, and what ends the runtime.
pub async fn process() -> Result<(), RuntimeError> {
    run_http(|service, request| async move { service.process(request).await }).await
}

async fn run_http<F, R>(operation: F) -> Result<(), RuntimeError>
where
    F: Fn(Arc<Service>, Request<Bytes>) -> R,
    R: Future<Output = Response<Body>>,
{
    log();
    let started = Mode::from_env().and_then(|mode| Ok((mode, configuration::service()?)));
    let (mode, (service, buckets)) = refuse(started).await?;
    let service = Arc::new(service);
    run(mode, Buckets::ask(buckets), move |request| {
        operation(Arc::clone(&service), request)
    })
    .await
}

/// The function `upload`.
///
/// # Errors
///
/// [`Error`] if it does not start, and what ends the runtime.
pub async fn upload() -> Result<(), RuntimeError> {
    log();
    let (service, buckets) = refuse(configuration::service()).await?;
    let (service, buckets) = (&service, &Buckets::ask(buckets));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        if let Some(wrong) = buckets.wrong().await {
            tracing::error!("{wrong}");
            return Err(wrong.to_owned().into());
        }
        let deadline = deadline(event.context.deadline);
        let messages = trigger::read(&event.payload);
        crate::deadline::within(deadline, uploads::run(service, messages, deadline)).await
    }))
    .await
}

/// Answers HTTP events with `operation` until Lambda ends the process.
///
/// # Errors
///
/// What ends the runtime.
pub async fn serve<F, R>(mode: Mode, operation: F) -> Result<(), RuntimeError>
where
    F: Fn(Request<Bytes>) -> R,
    R: Future<Output = Response<Body>>,
{
    run(mode, Buckets::default(), operation).await
}

async fn run<F, R>(mode: Mode, buckets: Buckets, operation: F) -> Result<(), RuntimeError>
where
    F: Fn(Request<Bytes>) -> R,
    R: Future<Output = Response<Body>>,
{
    let (buckets, operation) = (&buckets, &operation);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        reply(mode, buckets, operation, event)
    }))
    .await
}

async fn reply<F, R>(
    mode: Mode,
    buckets: &Buckets,
    operation: &F,
    event: LambdaEvent<Value>,
) -> Result<Reply, RuntimeError>
where
    F: Fn(Request<Bytes>) -> R,
    R: Future<Output = Response<Body>>,
{
    let LambdaEvent { payload, context } = event;
    let mut entry = Entry::new(&context.request_id);
    let id = context.request_id.as_str();
    let deadline = deadline(context.deadline);
    let head = front::is_head(&payload);
    let (kind, multi_value, mut response) = match front::read(payload, mode.path_encoding) {
        Ok(Arrived {
            kind,
            multi_value,
            mut request,
            client,
        }) => {
            let limit = kind.buffered_limit();
            let found = request.body().len() as u64;
            request.extensions_mut().insert(Front {
                client,
                response_limit: (!mode.stream).then_some(limit),
                deadline: Some(deadline),
            });
            let work = AssertUnwindSafe(crate::deadline::within(deadline, operation(request)));
            let response = if let Some(wrong) = buckets.known_wrong() {
                misconfigured(wrong, id)
            } else if found > limit {
                too_large(found, limit, id)
            } else {
                let answered = work.catch_unwind().await;
                let response = answered.unwrap_or_else(|_| panicked(id));
                // What failed may have failed for want of its bucket, which S3 does not say of a HEAD.
                let failed = response.status().as_u16() >= 400;
                match if failed { buckets.wrong().await } else { None } {
                    Some(wrong) => misconfigured(wrong, id),
                    None => response,
                }
            };
            (kind, multi_value, response)
        }
        Err(Refused::Bad {
            kind,
            multi_value,
            why,
        }) => {
            let refused = refusal(StatusCode::BAD_REQUEST, "InvalidRequest", why, id);
            (kind, multi_value, refused)
        }
        Err(refused @ Refused::NotHttp(_)) => return Err(refused.into()),
    };
    if mode.stream
        && let Some(found) = response.body().len()
        && found > STREAM_LIMIT
    {
        response = answer_too_large(STREAM_LIMIT, "ask for it in parts with Range", id);
    }
    if head {
        *response.body_mut() = Body::Empty;
    }
    if mode.stream {
        entry.status(response.status());
        entry.write(response.body().len());
        return Ok(FunctionResponse::StreamingResponse(answer::streamed(
            response,
        )));
    }
    let collected = crate::deadline::within(deadline, collect(kind, response, id)).await;
    entry.status(collected.status());
    let answer = answer::buffered(kind, multi_value, collected);
    entry.write(answer["body"].as_str().map(|body| body.len() as u64));
    Ok(FunctionResponse::BufferedResponse(answer))
}

/// The whole answer in one; a body that breaks off, or is larger than the service was told it may be, is an error yet.
async fn collect(kind: Kind, response: Response<Body>, id: &str) -> Response<Bytes> {
    let (parts, body) = response.into_parts();
    let limit = kind.buffered_limit();
    let work = AssertUnwindSafe(body.collect(limit)).catch_unwind().await;
    match work {
        Ok(Ok(bytes)) => Response::from_parts(parts, bytes),
        Ok(Err(storage::Error::TooManyBytes { .. })) => {
            let way_out = "ask for it through the streaming endpoint, or for less at once";
            answer_too_large(limit, way_out, id).map(full)
        }
        Ok(Err(error)) => {
            tracing::error!(request_id = id, %error, "an answer broke off in the middle");
            let code = "ServiceUnavailable";
            let response = refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                code,
                "the object could not be read to its end",
                id,
            );
            response.map(full)
        }
        Err(_) => panicked(id).map(full),
    }
}

fn full(body: Body) -> Bytes {
    match body {
        Body::Full(bytes) => bytes,
        _ => Bytes::new(),
    }
}

fn panicked(id: &str) -> Response<Body> {
    tracing::error!(request_id = id, "a panic; the function lives on");
    refusal(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalError",
        "the request could not be answered",
        id,
    )
}

/// The operator's mistake: the client is told no more of it than that.
fn misconfigured(wrong: &str, id: &str) -> Response<Body> {
    tracing::error!(request_id = id, "{wrong}");
    refusal(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalError",
        "the configuration of this endpoint is refused; its log says why",
        id,
    )
}

/// Lambda would cut it off, or answer 502.
fn answer_too_large(limit: u64, way_out: &str, id: &str) -> Response<Body> {
    let message = format!(
        "the answer is larger than the {limit} bytes that fit through this endpoint; {way_out}"
    );
    refusal(StatusCode::BAD_REQUEST, "EntityTooLarge", &message, id)
}

/// Lambda itself refuses bodies not much larger, without saying what to do instead.
fn too_large(found: u64, limit: u64, id: &str) -> Response<Body> {
    let message = format!(
        "the body has {found} bytes; at most {limit} fit through this endpoint; put it directly into the bucket with a \
         presigned S3 PUT, where the upload function works on it"
    );
    refusal(StatusCode::BAD_REQUEST, "EntityTooLarge", &message, id)
}

/// An answer for what does not reach the service. All five nodes are filled, as SDKs need them.
fn refusal(status: StatusCode, code: &str, message: &str, id: &str) -> Response<Body> {
    let xml = format!(
        "<?xml version='1.0' encoding='utf-8' ?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <Resource>/</Resource><RequestId>{id}</RequestId><TraceId>{id}</TraceId></Error>"
    );
    let length = xml.len();
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-length", length.into());
    headers.insert(
        "content-type",
        http::HeaderValue::from_static("application/xml"),
    );
    headers.insert("cache-control", http::HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert("retry-after", http::HeaderValue::from_static("1"));
    }
    if let Ok(id) = http::HeaderValue::from_str(id) {
        headers.insert("x-cos-request-id", id);
    }
    response
}

/// When work has to end so that there is time to say so: a tenth before Lambda's own end, or a second and a half.
fn deadline(epoch_ms: u64) -> Instant {
    // `cargo lambda watch` tells a moment in 1970: no event that may still be answered has its end behind it.
    const UNKNOWN: Duration = Duration::from_secs(29);
    let end = SystemTime::UNIX_EPOCH + Duration::from_millis(epoch_ms);
    let left = end.duration_since(SystemTime::now()).unwrap_or(UNKNOWN);
    Instant::now() + left.saturating_sub((left / 10).min(Duration::from_millis(1500)))
}

fn log() {
    lambda_runtime::tracing::init_default_subscriber();
}

/// Says why the function does not start, in the log and to Lambda, which shows it to whoever invoked it.
async fn refuse<T>(started: Result<T, Error>) -> Result<T, Error> {
    if let Err(error) = &started {
        tracing::error!("{error}");
        journal::init_error(&error.to_string()).await;
    }
    started
}
