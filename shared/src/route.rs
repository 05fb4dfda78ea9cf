//! The way in: a request is taken apart, its caller is authenticated and allowed, the operation is carried out, and the
//! answer goes out with what all answers have in common, and into the log.

use std::panic::AssertUnwindSafe;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};

use crate::authority::call::{Call, Front, header_text, now};
use crate::authority::cors;
use crate::authority::decide::Who;
use crate::authority::jobs::Created;
use crate::authority::operation::Operation;
use crate::authority::signature::refuse_uncovered;
use crate::causes::chain;
use crate::config::Config;
use crate::config::hosts::{self, Asked};
use crate::error::Error;
use crate::operations::trigger::{UploadError, Uploaded};
use crate::operations::{download, list, multipart, object, process, trigger};
use crate::service::Service;
use crate::wire::body::Body;
use crate::wire::headers::set;
use crate::wire::names::{ERROR_NUMBER, MOGR_HOST, REQUEST_ID};
use crate::wire::request_id;
use crate::wire::xml::Writer;
use crate::work::{self, Timer};

/// What is kept of a request for its answer and the log.
struct Seen {
    started: Instant,
    method: Method,
    path: String,
    headers: HeaderMap,
    /// As the viewer called it.
    host: String,
    has_rule: bool,
}

impl Seen {
    fn of(method: &Method, uri: &http::Uri, headers: &HeaderMap, config: &Config) -> Self {
        let viewed = config.trusted_front && headers.contains_key(&MOGR_HOST);
        let said_in = if viewed { MOGR_HOST } else { header::HOST };
        Self {
            started: Instant::now(),
            method: method.clone(),
            path: uri.path().to_owned(),
            headers: headers.clone(),
            host: header_text(headers, &said_in).to_owned(),
            has_rule: uri.query().is_some_and(|query| {
                rules::split_query(query).map_or(true, |query| query.rule.is_some())
            }),
        }
    }
}

/// Which part of the service a request may reach.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    Download,
    Process,
}

impl Service {
    /// Answers any request.
    ///
    /// The URI is a path and query in which every byte that cannot stand in one is percent-escaped, and nothing
    /// else is changed; headers are as the client sent them; a [`Front`] may be among the extensions.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Body> {
        self.respond(request, Part::All).await
    }

    /// Answers GET and HEAD (and OPTIONS): objects as they are, or processed.
    pub async fn download(&self, request: Request<Bytes>) -> Response<Body> {
        self.respond(request, Part::Download).await
    }

    /// Answers PUT, POST, DELETE and OPTIONS: uploads, stored processing and the object API.
    pub async fn process(&self, request: Request<Bytes>) -> Response<Body> {
        self.respond(request, Part::Process).await
    }

    /// Answers a request whose body did not come whole, so that nothing can be done with it; it is logged like any other.
    pub fn refuse(&self, head: &http::request::Parts, error: Error) -> Response<Body> {
        let seen = Seen::of(
            &head.method,
            &head.uri,
            &head.headers,
            &self.authority.config,
        );
        self.finish(&seen, Err(error))
    }

    async fn respond(&self, request: Request<Bytes>, part: Part) -> Response<Body> {
        let seen = Seen::of(
            request.method(),
            request.uri(),
            request.headers(),
            &self.authority.config,
        );
        let routed = AssertUnwindSafe(self.route(request, part))
            .catch_unwind()
            .await;
        let result = routed.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        self.finish(&seen, result)
    }

    /// What is common to all answers, and the one line of the log.
    fn finish(&self, seen: &Seen, result: Result<Response<Body>, Error>) -> Response<Body> {
        let id = request_id::new();
        let (mut response, failure) = match result {
            Ok(response) => (response, None),
            Err(error) => (error_answer(&error, &id, seen), Some(error)),
        };
        let answer = response.headers_mut();
        set(answer, REQUEST_ID, &id);
        set(answer, header::SERVER, "mogr");
        set(
            answer,
            header::DATE,
            &httpdate::fmt_http_date(SystemTime::now()),
        );
        set(answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        cors::annotate(
            &self.authority.config.cors,
            &seen.method,
            &seen.headers,
            answer,
        );
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    request_id = id,
                    method = %seen.method,
                    path = seen.path,
                    status = response.status().as_u16(),
                    code = failure.as_ref().map(|error| error.answer().code),
                    error = failure.as_ref().map(|error| chain(error)),
                    bytes = response.body().len(),
                    ms = seen.started.elapsed().as_millis() as u64,
                    "request"
                )
            };
        }
        // The caller's mistakes are not the operator's business.
        if failure.as_ref().is_none_or(Error::is_callers) {
            log!(info);
        } else {
            log!(error);
        }
        response
    }

    async fn route(&self, request: Request<Bytes>, part: Part) -> Result<Response<Body>, Error> {
        let (mut parts, body) = request.into_parts();
        let mut front = parts.extensions.remove::<Front>().unwrap_or_default();
        self.authority.believe_front(&mut parts.headers, &mut front);
        if parts.method == Method::OPTIONS {
            return cors::preflight(&self.authority.config.cors, &parts.headers)
                .ok_or(Error::CorsForbidden);
        }
        let allowed = match part {
            Part::All => true,
            Part::Download => matches!(parts.method, Method::GET | Method::HEAD),
            Part::Process => !matches!(parts.method, Method::GET | Method::HEAD),
        };
        if !allowed {
            return Err(Error::MethodNotAllowed(parts.method.to_string()));
        }
        if body.len() as u64 > self.authority.config.limits.put_bytes {
            return Err(Error::EntityTooLarge {
                limit: self.authority.config.limits.put_bytes,
                way_out: "upload it in parts",
            });
        }
        let host = header_text(&parts.headers, &header::HOST).to_owned();
        let raw_path = parts.uri.path();
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let place = hosts::find(&self.authority.config, &host, raw_path, Asked::ByRequest)
            .map_err(Error::NoBucket)?;
        let now = now();
        let caller = self.authority.authenticate(
            &parts.method,
            raw_path,
            &raw_query,
            &parts.headers,
            &place,
            now,
        )?;
        self.authority
            .refuse_other_pages(&caller, &parts.method, &parts.headers)?;
        let query = rules::split_query(&raw_query)?;
        let call = Call {
            method: parts.method,
            raw_query,
            query,
            headers: parts.headers,
            body,
            front,
            host,
            place,
            caller,
            now,
        };
        refuse_uncovered(&call)?;
        self.operate(&call).await
    }

    /// Carries out what the request asks for, once its caller is allowed to.
    async fn operate(&self, call: &Call) -> Result<Response<Body>, Error> {
        let operation = Operation::of(call)?;
        self.authority.allow(
            &Who::of_request(call),
            &self.authority.asks(call, &operation)?,
        )?;
        match operation {
            Operation::Render(rule) => download::download(self, call, rule).await,
            Operation::GetObject | Operation::HeadObject => object::get(self, call).await,
            Operation::HeadBucket => Ok(Response::new(Body::Empty)),
            Operation::ListObjects => list::objects(self, call).await,
            Operation::ListMultipart => list::multipart_uploads(self, call).await,
            Operation::ListParts(upload) => list::parts(self, call, &upload).await,
            Operation::PutObject => object::put(self, call).await,
            Operation::PutProcessed => process::put(self, call).await,
            Operation::PutPart(upload) => multipart::put_part(self, call, &upload).await,
            Operation::Copy(source) => object::copy(self, call, source).await,
            Operation::ProcessStored => process::stored(self, call).await,
            Operation::CreateMultipart => multipart::create(self, call).await,
            Operation::CompleteMultipart(upload) => {
                process::complete_multipart(self, call, &upload).await
            }
            Operation::AbortMultipart(upload) => multipart::abort(self, call, &upload).await,
            Operation::DeleteObject => object::delete(self, call).await,
            Operation::DeleteObjects => object::delete_many(self, call).await,
        }
    }

    /// Runs the rules that belong to a new object, and stores the results.
    ///
    /// # Errors
    ///
    /// [`UploadError::Permanent`] is recorded here (an error marker, if configured) and is not worth a retry;
    /// [`UploadError::Transient`] is.
    pub async fn upload(
        &self,
        created: &Created,
        deadline: Option<std::time::Instant>,
    ) -> Result<Uploaded, UploadError> {
        let Some((bucket, key)) = self.authority.place_of(created) else {
            return Ok(Uploaded {
                skipped: Some("the key belongs to no configured bucket"),
                ..Uploaded::default()
            });
        };
        if key
            .as_str()
            .starts_with(&self.authority.config.upload.output_prefix)
        {
            return Ok(Uploaded {
                skipped: Some("it is a result"),
                ..Uploaded::default()
            });
        }
        let timer = Timer::new(work::deadline(
            self.authority.config.limits.deadline_seconds,
            deadline,
        ));
        let work = trigger::run(self, bucket, &key, created.version.as_ref(), &timer);
        let result = AssertUnwindSafe(work)
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        let result = result.map_err(|error| UploadError::from(self.timed(error)));
        if let Err(UploadError::Permanent { code, message }) = &result
            && self.authority.config.upload.error_markers
        {
            trigger::mark_error(self, bucket, &key, code, message).await;
        }
        result
    }
}

/// A panic as the error that it is answered with.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic");
    Error::Internal(text.to_owned().into())
}

/// The XML answer of a failure, all five nodes filled.
fn error_answer(error: &Error, id: &str, seen: &Seen) -> Response<Body> {
    let Seen { host, path, .. } = seen;
    let answer = error.answer();
    let message = if answer.status == StatusCode::INTERNAL_SERVER_ERROR {
        "an internal error; the service's log says more under this request id".to_owned()
    } else {
        error.to_string()
    };
    let mut writer = Writer::new("Error");
    writer.leaf("Code", answer.code).leaf("Message", message);
    if let Error::Signature(auth::Error::Mismatch(mismatch)) = error {
        writer
            .leaf("StringToSign", &mismatch.string_to_sign)
            .leaf("FormatString", &mismatch.format_string);
    }
    let resource = match error.resource() {
        Some(key) => format!("{host}/{key}"),
        None => format!("{host}{path}"),
    };
    writer
        .leaf("Resource", resource)
        .leaf("RequestId", id)
        .leaf("TraceId", id);
    let text = writer.finish();
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(number) = answer.number
        && seen.has_rule
        && matches!(seen.method, Method::GET | Method::HEAD)
    {
        set(headers, ERROR_NUMBER, &number.to_string());
    }
    if let Some(seconds) = error.retry_after() {
        set(headers, header::RETRY_AFTER, &seconds.to_string());
    }
    set(headers, header::CONTENT_LENGTH, &text.len().to_string());
    if seen.method != Method::HEAD {
        *response.body_mut() = text.into();
    }
    response
}
