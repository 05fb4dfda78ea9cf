//! The functions: events in, answers out, between the Lambda runtime and the [`Service`].
//!
//! Of `lambda_http` nothing is used: its types lose or panic on requests that are ordinary here (a raw `>` in the query,
//! a path that the front decoded). `lambda_runtime` speaks with Lambda; the shapes of events and answers are read and
//! written here, see [`front`] and [`trigger`].

mod answer;
mod configuration;
pub mod front;
mod journal;
mod target;
pub mod trigger;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
pub use lambda_runtime::Error as RuntimeError;
use lambda_runtime::{FunctionResponse, LambdaEvent, service_fn};
use serde_json::{Value, json};
use shared::{Body, Front, Service, UploadError};

use answer::Chunks;
pub use configuration::Error;
use configuration::{Check, env};
use front::{Arrived, Kind, PathEncoding, Refused};
use journal::Entry;
use trigger::{Message, Told};

type Reply = FunctionResponse<Value, Chunks>;

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
    let (mode, (service, checks)) = refuse(started).await?;
    let service = Arc::new(service);
    check(checks);
    serve(mode, move |request| {
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
    let (service, checks) = refuse(configuration::service()).await?;
    let service = &service;
    check(checks);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = deadline(event.context.deadline);
        let messages = trigger::read(&event.payload);
        crate::deadline::within(deadline, uploads(service, messages, deadline)).await
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
    let operation = &operation;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        reply(mode, operation, event)
    }))
    .await
}

async fn reply<F, R>(
    mode: Mode,
    operation: &F,
    event: LambdaEvent<Value>,
) -> Result<Reply, RuntimeError>
where
    F: Fn(Request<Bytes>) -> R,
    R: Future<Output = Response<Body>>,
{
    let LambdaEvent { payload, context } = event;
    let mut entry = Entry::new(&context.request_id);
    let deadline = deadline(context.deadline);
    let (kind, multi_value, response) = match front::read(payload, mode.path_encoding) {
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
                request_limit: Some(limit),
                deadline: Some(deadline),
            });
            let work = AssertUnwindSafe(crate::deadline::within(deadline, operation(request)));
            let response = if found > limit {
                too_large(found, limit, &context.request_id)
            } else {
                let answered = work.catch_unwind().await;
                answered.unwrap_or_else(|_| panicked(&context.request_id))
            };
            (kind, multi_value, response)
        }
        Err(Refused::Bad {
            kind,
            multi_value,
            why,
        }) => {
            let refused = refusal(
                StatusCode::BAD_REQUEST,
                "InvalidRequest",
                why,
                &context.request_id,
            );
            (kind, multi_value, refused)
        }
        Err(refused @ Refused::NotHttp(_)) => return Err(refused.into()),
    };
    entry.status(response.status());
    if mode.stream {
        entry.write(response.body().len());
        return Ok(FunctionResponse::StreamingResponse(answer::streamed(
            response,
        )));
    }
    let answer = collect(kind, multi_value, response, &context.request_id).await;
    entry.write(answer["body"].as_str().map(|body| body.len() as u64));
    Ok(FunctionResponse::BufferedResponse(answer))
}

/// The whole answer in one; a body that breaks off, or is larger than the service was told it may be, is an error yet.
async fn collect(kind: Kind, multi_value: bool, response: Response<Body>, id: &str) -> Value {
    let (parts, body) = response.into_parts();
    let work = AssertUnwindSafe(body.collect(kind.buffered_limit()))
        .catch_unwind()
        .await;
    let response = match work {
        Ok(Ok(bytes)) => Response::from_parts(parts, bytes),
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
    };
    answer::buffered(kind, multi_value, response)
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
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = status;
    let headers = response.headers_mut();
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

/// Works through an event. What can help is asked of Lambda: to send again a message, or the whole event.
async fn uploads(
    service: &Service,
    messages: Vec<Message>,
    deadline: Instant,
) -> Result<Value, RuntimeError> {
    let mut again = Vec::new();
    let mut reason = None;
    let queued = messages.iter().any(|message| message.id.is_some());
    for message in messages {
        for told in message.told {
            if let Err(error) = one_upload(service, told, deadline).await {
                if let Some(id) = &message.id
                    && again.last() != Some(id)
                {
                    again.push(id.clone());
                }
                reason = Some(error);
            }
        }
    }
    match reason {
        Some(error) if !queued => Err(error.into()),
        _ if queued => Ok(json!({
            "batchItemFailures": again.iter().map(|id| json!({ "itemIdentifier": id })).collect::<Vec<_>>(),
        })),
        _ => Ok(Value::Null),
    }
}

/// Runs what belongs to one object. An error is one that another try may not meet.
async fn one_upload(service: &Service, told: Told, deadline: Instant) -> Result<(), String> {
    let created = match told {
        Told::Created(created) => created,
        Told::Nothing(what) => {
            tracing::info!(what, "nothing to do");
            return Ok(());
        }
        Told::Unreadable(what) => {
            tracing::error!(
                what,
                "an event that cannot be read; it will not be tried again"
            );
            journal::upload("unreadable", Duration::ZERO);
            return Ok(());
        }
    };
    let begun = Instant::now();
    let (bucket, key) = (&created.bucket, created.key.as_str());
    let work = AssertUnwindSafe(service.upload(&created, Some(deadline)))
        .catch_unwind()
        .await;
    let ms = begun.elapsed().as_millis() as u64;
    let (outcome, result) = match work {
        Ok(Ok(uploaded)) => {
            let names = |keys: &[shared::storage::ObjectKey]| {
                keys.iter().map(ToString::to_string).collect::<Vec<_>>()
            };
            tracing::info!(
                bucket,
                key,
                ms,
                stored = ?names(&uploaded.stored),
                unchanged = ?names(&uploaded.unchanged),
                skipped = uploaded.skipped,
                "upload"
            );
            ("done", Ok(()))
        }
        Ok(Err(UploadError::Permanent { code, message })) => {
            tracing::warn!(
                bucket,
                key,
                ms,
                code,
                message,
                "upload refused; it will not be tried again"
            );
            ("refused", Ok(()))
        }
        Ok(Err(UploadError::Transient { code, message })) => {
            tracing::error!(
                bucket,
                key,
                ms,
                code,
                message,
                "upload failed; it will be tried again"
            );
            ("failed", Err(format!("{code}: {message} (`{key}`)")))
        }
        // The same bytes would do the same again.
        Err(_) => {
            tracing::error!(
                bucket,
                key,
                ms,
                "a panic; the upload will not be tried again"
            );
            ("panicked", Ok(()))
        }
    };
    journal::upload(outcome, begun.elapsed());
    result
}

/// When work has to end so that there is time to say so: a tenth before Lambda's own end, or a second and a half.
fn deadline(epoch_ms: u64) -> Instant {
    let end = SystemTime::UNIX_EPOCH + Duration::from_millis(epoch_ms);
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
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

/// Asks S3 for the buckets while the runtime is already waiting for its first event, or working on it; the connection that
/// this opens is used again. A bucket that is not there ends the process: no request could be answered.
fn check(checks: Vec<Check>) {
    tokio::spawn(async move {
        for check in checks {
            if let Err(error) = check.run().await {
                tracing::error!("{error}");
                std::process::exit(78);
            }
        }
    });
}
