//! The service: which operation a request is, who asks, and what is common to all answers.

use auth::policy::Action;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use rules::Query;

use crate::authority::{Caller, Who, idle_actions, now, refuse_uncovered};
use crate::config::hosts::{self, Asked, Place};
use crate::config::{self, Config};
use crate::error::Error;
use crate::operation::Operation;
use crate::storage::{self, ObjectKey, Storage, UploadId, Version};
use crate::wire::body::Body;
use crate::wire::headers::set;
use crate::wire::names::{
    ERROR_NUMBER, MOGR_AUTHORIZATION, MOGR_CLIENT, MOGR_HOST, REQUEST_ID, UPLOAD_ID, VERSION_ID,
};
use crate::wire::request_id;
use crate::wire::xml::Writer;
use crate::work::{self, Gate, Timer};
use crate::{causes, cors};

/// What stands between the client and the service knows and allows: an extension of each request.
#[derive(Clone, Debug, Default)]
pub struct Front {
    /// The client's address, where it is verified.
    pub client: Option<IpAddr>,
    /// Bytes of an answer's body that fit through, where answers are buffered.
    pub response_limit: Option<u64>,
    /// When whatever runs the service will end it.
    pub deadline: Option<Instant>,
}

/// The three modes over the configured buckets.
pub struct Service {
    pub(crate) config: Config,
    /// The keys of the configuration, in its order.
    pub(crate) keys: Vec<auth::Key>,
    storages: Vec<Arc<dyn Storage>>,
    pub(crate) gate: Gate,
}

/// One request, taken apart.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) raw_query: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) front: Front,
    pub(crate) host: String,
    pub(crate) place: Place,
    pub(crate) caller: Caller,
    /// When it came, in seconds since 1970.
    pub(crate) now: u64,
}

impl Call {
    /// The key that the request names.
    pub(crate) fn key(&self) -> Result<ObjectKey, Error> {
        if self.place.key.is_empty() {
            let method = self.method.to_string();
            return Err(Error::NoKey { method });
        }
        Ok(ObjectKey::new(self.place.key.as_str())?)
    }

    pub(crate) fn version(&self) -> Option<Version> {
        let version = self.query.parameter(VERSION_ID)?;
        (!version.is_empty()).then(|| Version(version.to_owned()))
    }

    /// A header's text, if it is one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn upload_id(&self) -> Option<UploadId> {
        self.query
            .parameter(UPLOAD_ID)
            .map(|id| UploadId(id.to_owned()))
    }

    pub(crate) fn asks_for(&self, name: &str) -> bool {
        self.query.parameter(name).is_some()
    }
}

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
    /// A service over the buckets of `config`; `open` finds each one's storage.
    ///
    /// # Errors
    ///
    /// What `open` fails with, with the bucket's name.
    pub fn new(
        config: Config,
        mut open: impl FnMut(&config::Bucket) -> Result<Arc<dyn Storage>, storage::Error>,
    ) -> Result<Self, config::Error> {
        let storages = config
            .buckets
            .iter()
            .map(|bucket| {
                open(bucket).map_err(|error| config::Error::Value {
                    key: format!("bucket {}", bucket.name),
                    reason: causes::chain(&error),
                })
            })
            .collect::<Result<_, _>>()?;
        for warning in idle_actions(&config) {
            tracing::warn!("{warning}");
        }
        Ok(Self {
            storages,
            ..Self::without_storage(config)
        })
    }

    /// One that decides and neither reads nor stores.
    pub(crate) fn without_storage(config: Config) -> Self {
        let gate = Gate::new(config.limits.concurrency, config.limits.queue);
        let keys = config.keys.iter().map(|key| key.key.clone()).collect();
        Self {
            config,
            keys,
            storages: Vec::new(),
            gate,
        }
    }

    /// The configuration it runs with.
    pub fn config(&self) -> &Config {
        &self.config
    }

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
        let seen = Seen::of(&head.method, &head.uri, &head.headers, &self.config);
        self.finish(&seen, Err(error))
    }

    async fn respond(&self, request: Request<Bytes>, part: Part) -> Response<Body> {
        let seen = Seen::of(
            request.method(),
            request.uri(),
            request.headers(),
            &self.config,
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
        cors::annotate(&self.config.cors, &seen.method, &seen.headers, answer);
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    request_id = id,
                    method = %seen.method,
                    path = seen.path,
                    status = response.status().as_u16(),
                    code = failure.as_ref().map(|error| error.answer().code),
                    error = failure.as_ref().map(|error| causes::chain(error)),
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
        self.believe_front(&mut parts.headers, &mut front);
        if parts.method == Method::OPTIONS {
            return cors::preflight(&self.config.cors, &parts.headers).ok_or(Error::CorsForbidden);
        }
        let allowed = match part {
            Part::All => true,
            Part::Download => matches!(parts.method, Method::GET | Method::HEAD),
            Part::Process => !matches!(parts.method, Method::GET | Method::HEAD),
        };
        if !allowed {
            return Err(Error::MethodNotAllowed(parts.method.to_string()));
        }
        if body.len() as u64 > self.config.limits.put_bytes {
            return Err(Error::EntityTooLarge {
                limit: self.config.limits.put_bytes,
                way_out: "upload it in parts",
            });
        }
        let host = header_text(&parts.headers, &header::HOST).to_owned();
        let raw_path = parts.uri.path();
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let place = hosts::find(&self.config, &host, raw_path, Asked::ByRequest)
            .map_err(Error::NoBucket)?;
        let now = now();
        let caller = self.authenticate(
            &parts.method,
            raw_path,
            &raw_query,
            &parts.headers,
            &place,
            now,
        )?;
        self.refuse_other_pages(&caller, &parts.method, &parts.headers)?;
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

    /// A signature tells who means it. An unsigned request may be any page's that a browser has open: on loopback that
    /// browser is let in.
    pub(crate) fn refuse_other_pages(
        &self,
        caller: &Caller,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        let is_harmless = matches!(*method, Method::GET | Method::HEAD);
        if matches!(caller, Caller::Anonymous)
            && !is_harmless
            && !cors::may_come(&self.config.cors, method, headers)
        {
            return Err(Error::CorsForbidden);
        }
        Ok(())
    }

    /// Carries out what the request asks for, once its caller is allowed to.
    async fn operate(&self, call: &Call) -> Result<Response<Body>, Error> {
        let operation = Operation::of(call)?;
        self.allow(&Who::of_request(call), &self.asks(call, &operation)?)?;
        match operation {
            Operation::Render(rule) => self.download_rule(call, rule).await,
            Operation::GetObject | Operation::HeadObject => self.get_object(call).await,
            Operation::HeadBucket => Ok(Response::new(Body::Empty)),
            Operation::ListObjects => self.list_objects(call).await,
            Operation::ListMultipart => self.list_multipart(call).await,
            Operation::ListParts(upload) => self.list_parts(call, &upload).await,
            Operation::PutObject => self.put_object(call).await,
            Operation::PutProcessed => self.put_processed(call).await,
            Operation::PutPart(upload) => self.put_part(call, &upload).await,
            Operation::Copy(source) => self.copy_object(call, source).await,
            Operation::ProcessStored => self.process_stored(call).await,
            Operation::CreateMultipart => self.create_multipart(call).await,
            Operation::CompleteMultipart(upload) => self.complete_multipart(call, &upload).await,
            Operation::AbortMultipart(upload) => self.abort_multipart(call, &upload).await,
            Operation::DeleteObject => self.delete_object(call).await,
            Operation::DeleteObjects => self.delete_objects(call).await,
        }
    }

    /// Takes what a trusted front says of the client, and drops what anyone else says in its name.
    pub(crate) fn believe_front(&self, headers: &mut HeaderMap, front: &mut Front) {
        let said = [MOGR_HOST, MOGR_AUTHORIZATION, MOGR_CLIENT].map(|name| headers.remove(name));
        if !self.config.trusted_front {
            return;
        }
        let [host, authorization, client] = said;
        if let Some(host) = host {
            headers.insert(header::HOST, host);
            // What the front itself signed is not the client's.
            headers.remove(header::AUTHORIZATION);
        }
        if let Some(authorization) = authorization.filter(|value| !value.is_empty()) {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        if let Some(client) = client {
            front.client = client.to_str().ok().and_then(client_address);
        }
    }

    pub(crate) fn storage(&self, bucket: usize) -> &Arc<dyn Storage> {
        &self.storages[bucket]
    }

    pub(crate) fn bucket_name(&self, bucket: usize) -> &str {
        &self.config.buckets[bucket].name
    }

    pub(crate) fn timer(&self, call: &Call) -> Timer {
        Timer::new(work::deadline(
            self.config.limits.deadline_seconds,
            call.front.deadline,
        ))
    }

    /// `Cache-Control` of an answer about this object.
    pub(crate) fn cache_control(&self, call: &Call, key: &ObjectKey) -> String {
        if let Some(configured) = &self.config.cache_control {
            return configured.clone();
        }
        if self.anyone_may(Action::GetObject, call.place.bucket, key) {
            "public, max-age=31536000"
        } else {
            "private"
        }
        .to_owned()
    }
}

/// `192.0.2.1`, `192.0.2.1:443` (CloudFront-Viewer-Address has the port) or an IPv6 address, with or without one.
fn client_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (address, _port) = text.rsplit_once(':')?;
    address.trim_matches(['[', ']']).parse().ok()
}

pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
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
