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
use http::{Request, Response};
pub use lambda_runtime::Error as RuntimeError;
use lambda_runtime::{FunctionResponse, LambdaEvent, service_fn};
use serde_json::Value;
use shared::storage;
use shared::{Body, Front, Seen, Service};

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
    let host = Host {
        mode,
        buckets: Buckets::ask(buckets),
        refuse: |seen: &Seen, error| service.refuse(seen.clone(), error),
        operation: |request| operation(Arc::clone(&service), request),
    };
    run(host).await
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
        uploads::run(service, messages, deadline).await
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
    let host = Host {
        mode,
        buckets: Buckets::default(),
        refuse: shared::refuse,
        operation,
    };
    run(host).await
}

/// What answers the events of a front.
struct Host<F, G> {
    mode: Mode,
    buckets: Buckets,
    /// Carries out a request.
    operation: F,
    /// Writes the Error document.
    refuse: G,
}

async fn run<F, G, R>(host: Host<F, G>) -> Result<(), RuntimeError>
where
    F: Fn(Request<Bytes>) -> R,
    G: Fn(&Seen, shared::Error) -> Response<Body>,
    R: Future<Output = Response<Body>>,
{
    let host = &host;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        reply(host, event)
    }))
    .await
}

async fn reply<F, G, R>(host: &Host<F, G>, event: LambdaEvent<Value>) -> Result<Reply, RuntimeError>
where
    F: Fn(Request<Bytes>) -> R,
    G: Fn(&Seen, shared::Error) -> Response<Body>,
    R: Future<Output = Response<Body>>,
{
    let LambdaEvent { payload, context } = event;
    let mut entry = Entry::new(&context.request_id);
    let mode = host.mode;
    let head = front::is_head(&payload);
    let (kind, multi_value, seen, answered) = match front::read(payload, mode.path_encoding) {
        Ok(Arrived {
            kind,
            multi_value,
            mut request,
            client,
        }) => {
            request.extensions_mut().insert(Front {
                client,
                response_limit: (!mode.stream).then_some(kind.buffered_limit()),
                deadline: Some(deadline(context.deadline)),
            });
            let seen = Seen::from(&request);
            (
                kind,
                multi_value,
                seen,
                carry_out(host, kind, request).await,
            )
        }
        Err(Refused::Bad {
            kind,
            multi_value,
            why,
        }) => {
            let refused = Err(shared::Error::Unreadable(why));
            (kind, multi_value, Seen::nothing(), refused)
        }
        Err(refused @ Refused::NotHttp(_)) => return Err(refused.into()),
    };
    let refuse = |error| (host.refuse)(&seen, error);
    if mode.stream {
        let mut response = answered.and_then(bounded).unwrap_or_else(refuse);
        if head {
            *response.body_mut() = Body::Empty;
        }
        entry.status(response.status());
        entry.write(response.body().len());
        return Ok(FunctionResponse::StreamingResponse(answer::streamed(
            response,
        )));
    }
    let mut response = answered.unwrap_or_else(refuse);
    if head {
        *response.body_mut() = Body::Empty;
    }
    let collected = match collect(kind, response).await {
        Ok(collected) => collected,
        Err(error) => refuse(error).map(full),
    };
    entry.status(collected.status());
    let answer = answer::buffered(kind, multi_value, collected);
    entry.write(answer["body"].as_str().map(|body| body.len() as u64));
    Ok(FunctionResponse::BufferedResponse(answer))
}

/// What the operation answers, if the request can be handed to it and its buckets are there.
async fn carry_out<F, G, R>(
    host: &Host<F, G>,
    kind: Kind,
    request: Request<Bytes>,
) -> Result<Response<Body>, shared::Error>
where
    F: Fn(Request<Bytes>) -> R,
    R: Future<Output = Response<Body>>,
{
    let misconfigured = |wrong: &str| shared::Error::Misconfigured(wrong.to_owned().into());
    if let Some(wrong) = host.buckets.known_wrong() {
        return Err(misconfigured(wrong));
    }
    let limit = kind.buffered_limit();
    if request.body().len() as u64 > limit {
        // Lambda itself refuses bodies not much larger, without saying what to do instead.
        return Err(shared::Error::EntityTooLarge {
            limit,
            way_out: "put it directly into the bucket with a presigned S3 PUT, where the upload function works on it",
        });
    }
    let work = async { (host.operation)(request).await };
    let answered = AssertUnwindSafe(work).catch_unwind().await;
    let response = answered.map_err(|panic| shared::Error::panicked(panic.as_ref()))?;
    // What failed may have failed for want of its bucket, which S3 does not say of a HEAD.
    if response.status().as_u16() >= 400
        && let Some(wrong) = host.buckets.wrong().await
    {
        return Err(misconfigured(wrong));
    }
    Ok(response)
}

/// An answer that Lambda streams to its end, as far as its length is known: it would cut a longer one off.
fn bounded(response: Response<Body>) -> Result<Response<Body>, shared::Error> {
    match response.body().len() {
        Some(found) if found > STREAM_LIMIT => Err(shared::Error::AnswerTooLarge {
            limit: STREAM_LIMIT,
            way_out: "ask for it in parts with Range",
        }),
        _ => Ok(response),
    }
}

/// The whole answer in one; a body that breaks off, or is larger than the service was told it may be, is an error yet.
async fn collect(kind: Kind, response: Response<Body>) -> Result<Response<Bytes>, shared::Error> {
    let (parts, body) = response.into_parts();
    let limit = kind.buffered_limit();
    let work = AssertUnwindSafe(body.collect(limit)).catch_unwind().await;
    match work {
        Ok(Ok(bytes)) => Ok(Response::from_parts(parts, bytes)),
        Ok(Err(storage::Error::TooManyBytes { .. })) => Err(shared::Error::AnswerTooLarge {
            limit,
            way_out: "ask for it through the streaming endpoint, or for less at once",
        }),
        Ok(Err(error)) => Err(shared::Error::AnswerBroke(error)),
        Err(panic) => Err(shared::Error::panicked(panic.as_ref())),
    }
}

fn full(body: Body) -> Bytes {
    match body {
        Body::Full(bytes) => bytes,
        _ => Bytes::new(),
    }
}

/// When work has to end so that there is time to say so: a tenth before Lambda's own end, or a second and a half.
fn deadline(epoch_ms: u64) -> Instant {
    // `cargo lambda watch` tells a moment in 1970: no event that may still be answered is past its end.
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

#[cfg(test)]
mod tests {
    use super::*;

    use futures_util::{StreamExt, stream};
    use serde_json::json;
    use shared::config::Outside;
    use shared::storage::{ByteStream, Error as StorageError, Folder};

    fn service() -> Service {
        let text = r#"
            [[bucket]]
            name = "examples-1250000000"
            folder = "."
            hosts = ["mogr.example.com"]
            [[cors]]
            origins = ["https://www.example.com"]
            methods = ["GET", "PUT"]
        "#;
        let outside = Outside {
            env: &|_| None,
            file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        let config = shared::Config::parse(text, &outside).expect("the text above is right");
        let folder = std::env::temp_dir();
        Service::new(config, |_| {
            Ok(Arc::new(Folder::open(&folder).expect("a folder")))
        })
        .expect("a service")
    }

    fn event(method: &str, body: &str) -> Value {
        json!({
            "version": "2.0",
            "rawPath": "/a.jpg",
            "rawQueryString": "imageMogr2/interlace/1",
            "headers": { "host": "mogr.example.com", "origin": "https://www.example.com" },
            "requestContext": { "domainName": "mogr.example.com", "http": { "method": method, "path": "/a.jpg" } },
            "body": body,
        })
    }

    /// What a function answers whose operation gives `body`, or panics without one.
    async fn answered(event: Value, body: Option<fn() -> Body>) -> Value {
        let service = service();
        let host = Host {
            mode: Mode {
                stream: false,
                path_encoding: PathEncoding::Auto,
            },
            buckets: Buckets::default(),
            operation: |_| async move { Response::new(body.expect("asked to panic")()) },
            refuse: |seen: &Seen, error| service.refuse(seen.clone(), error),
        };
        match reply(
            &host,
            LambdaEvent::new(event, lambda_runtime::Context::default()),
        )
        .await
        {
            Ok(FunctionResponse::BufferedResponse(answer)) => answer,
            _ => panic!("not buffered"),
        }
    }

    /// Holds a refusal to what all answers of the service have.
    #[track_caller]
    fn is_document(answer: &Value, status: u16, code: &str, resource: &str) {
        let body = answer["body"].as_str().expect("a text");
        assert_eq!(answer["statusCode"], status, "{body}");
        let headers = &answer["headers"];
        let id = headers["x-cos-request-id"].as_str().expect("a request id");
        for part in [
            format!("<Code>{code}</Code>"),
            format!("<Resource>{resource}</Resource>"),
            format!("<RequestId>{id}</RequestId><TraceId>{id}</TraceId>"),
        ] {
            assert!(body.contains(&part), "no {part} in {body}");
        }
        for (name, value) in [
            ("content-type", "application/xml"),
            ("cache-control", "no-store"),
            ("server", "mogr"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        assert!(headers["date"].is_string());
        assert_eq!(headers["content-length"], body.len().to_string());
    }

    #[tokio::test]
    async fn refusals_of_a_function_are_those_of_the_service() {
        let resource = "mogr.example.com/a.jpg";
        let well = || Body::from("well".to_owned());
        let large = "x".repeat(5 << 20);
        let origin = "access-control-allow-origin";

        let answer = answered(event("PUT", &large), Some(well)).await;
        is_document(&answer, 400, "EntityTooLarge", resource);
        assert!(
            answer["body"]
                .as_str()
                .is_some_and(|body| body.contains("presigned"))
        );
        assert_eq!(answer["headers"][origin], "https://www.example.com");

        let answer = answered(event("GET", ""), None).await;
        is_document(&answer, 500, "InternalError", resource);
        assert_eq!(answer["headers"][origin], "https://www.example.com");

        let broken = || Body::Stream {
            stream: ByteStream::new(
                stream::once(async { Err(StorageError::Unavailable("gone".to_owned())) }).boxed(),
            ),
            len: None,
        };
        let answer = answered(event("GET", ""), Some(broken)).await;
        is_document(&answer, 503, "ServiceUnavailable", resource);
        assert_eq!(answer["headers"]["retry-after"], "2");

        let long = || Body::from("x".repeat(5 << 20));
        let answer = answered(event("GET", ""), Some(long)).await;
        is_document(&answer, 400, "EntityTooLarge", resource);

        let answer = answered(event("no method", ""), Some(well)).await;
        is_document(&answer, 400, "InvalidRequest", "/");
    }
}
