//! The way in: a request is taken apart, its caller is authenticated and allowed, the operation is carried out, and what
//! comes of it is answered.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, Response, header};

use crate::answer::{Seen, finish};
use crate::authority::call::{Call, Front, header_text, now};
use crate::authority::cors;
use crate::authority::decide::Who;
use crate::authority::form;
use crate::authority::jobs::Created;
use crate::authority::operation::Operation;
use crate::authority::signature::refuse_uncovered;
use crate::config::hosts::{self, Asked};
use crate::error::Error;
use crate::operations::request::Longest;
use crate::operations::trigger::{UploadError, Uploaded};
use crate::operations::{
    self, copy, describe, download, list, multipart, object, process, trigger,
};
use crate::service::Service;
use crate::storage::deadline::{within, within_until};
use crate::wire::body::Body;
use crate::wire::incoming::Incoming;
use crate::wire::names::{CHOOSING, DESCRIBING, UNSUPPORTED};
use crate::work::{self, Timer};

/// The one host of a request. Were there two, this service could take the one and a front before it the other.
fn one_host(headers: &HeaderMap) -> Result<&str, Error> {
    let found = headers.get_all(header::HOST).iter().count();
    let host = header_text(headers, &header::HOST);
    match found {
        1 if hosts::is_host(host) => Ok(host),
        0 => Err(Error::BadHost("none".to_owned())),
        1 => Err(Error::BadHost(format!("`{host}`"))),
        count => Err(Error::BadHost(format!("{count} of them"))),
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
    /// else is changed; headers are as the client sent them; a [`Front`] may be among the extensions. Nothing
    /// of the body is asked for before the head is judged, and nothing of one that the request needs not.
    pub async fn answer(&self, request: Request<impl Into<Incoming>>) -> Response<Body> {
        self.respond(request.map(Into::into), Part::All).await
    }

    /// Answers GET and HEAD (and OPTIONS): objects as they are, or processed.
    pub async fn download(&self, request: Request<impl Into<Incoming>>) -> Response<Body> {
        self.respond(request.map(Into::into), Part::Download).await
    }

    /// Answers PUT, POST, DELETE and OPTIONS: uploads, stored processing and the object API.
    pub async fn process(&self, request: Request<impl Into<Incoming>>) -> Response<Body> {
        self.respond(request.map(Into::into), Part::Process).await
    }

    /// Answers a request that the host cannot hand over, or cannot answer as the service did; it is logged like any other.
    pub fn refuse(&self, seen: impl Into<Seen>, error: Error) -> Response<Body> {
        finish(Some(&self.authority.config), &seen.into(), Err(error))
    }

    async fn respond(&self, request: Request<Incoming>, part: Part) -> Response<Body> {
        let seen = Seen::from(&request);
        let routed = AssertUnwindSafe(self.route(request, part))
            .catch_unwind()
            .await;
        let result = routed.unwrap_or_else(|panic| Err(Error::panicked(panic.as_ref())));
        finish(Some(&self.authority.config), &seen, result)
    }

    async fn route(&self, request: Request<Incoming>, part: Part) -> Result<Response<Body>, Error> {
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
        let host = one_host(&parts.headers)?.to_owned();
        let raw_path = parts.uri.path();
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let now = now();
        if parts.method == Method::GET && hosts::is_service(&host, raw_path) {
            let key = self.authority.authenticate_for_service(
                &parts.method,
                raw_path,
                &raw_query,
                &parts.headers,
                now,
            )?;
            let region = region_of_list(&raw_query)?;
            let who = Who::Key(key, front.client);
            return Ok(describe::buckets(self, &who, region.as_deref()));
        }
        let place = hosts::find(&self.authority.config, &host, raw_path, Asked::ByRequest)
            .map_err(Error::NoBucket)?;
        let caller = self.authority.authenticate(
            &parts.method,
            raw_path,
            &raw_query,
            &parts.headers,
            &place,
            now,
        )?;
        let query = rules::split_query(&raw_query)?;
        // Who sends a form is told by its fields.
        if form::boundary(&parts.method, &place, &query, &parts.headers).is_none() {
            self.authority
                .refuse_other_pages(&caller, &parts.method, &parts.headers)?;
        }
        let call = Call {
            method: parts.method,
            raw_query,
            query,
            headers: parts.headers,
            front,
            host,
            place,
            caller,
            now,
        };
        refuse_uncovered(&call)?;
        let work = Box::pin(self.operate(&call, body));
        self.within(&call, work).await
    }

    /// Carries out what the request asks for, once its caller is allowed to.
    async fn operate(&self, call: &Call, body: Incoming) -> Result<Response<Body>, Error> {
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
            Operation::PutObject => object::put(self, call, body, &Longest::put(self)).await,
            Operation::PutProcessed => process::put(self, call, body, &Longest::put(self)).await,
            Operation::PutPart(upload) => multipart::put_part(self, call, &upload, body).await,
            Operation::CopyPart(upload, source) => copy::part(self, call, &upload, source).await,
            Operation::Append(position) => object::append(self, call, position, body).await,
            Operation::Copy(source) => copy::object(self, call, source).await,
            Operation::ProcessStored => process::stored(self, call).await,
            Operation::CreateMultipart => multipart::create(self, call).await,
            Operation::CompleteMultipart(upload) => {
                process::complete_multipart(self, call, &upload, body).await
            }
            Operation::AbortMultipart(upload) => multipart::abort(self, call, &upload).await,
            Operation::DeleteObject => object::delete(self, call).await,
            Operation::PostForm(boundary) => {
                operations::form::post(self, call, boundary, body).await
            }
            Operation::DeleteObjects => object::delete_many(self, call, body).await,
            Operation::Describe(described) => describe::describe(self, call, described).await,
        }
    }

    /// Runs the rules that belong to a new object, and stores the results. `end` is when whatever runs the service will end
    /// it.
    ///
    /// # Errors
    ///
    /// [`UploadError::Permanent`] is recorded here (an error marker, if configured) and is not worth a retry;
    /// [`UploadError::Transient`] is.
    pub async fn upload(
        &self,
        created: &Created,
        end: Option<Instant>,
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
        let deadline = work::deadline(self.authority.config.limits.deadline_seconds, end);
        let timer = Timer::new(deadline);
        let work = trigger::run(self, bucket, &key, created.version.as_ref(), &timer);
        let work = within_until(deadline, end, work);
        let result = AssertUnwindSafe(work)
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(Error::panicked(panic.as_ref())));
        let result = result.map_err(|error| UploadError::from(self.timed(error)));
        if let Err(UploadError::Permanent { code, message }) = &result
            && self.authority.config.upload.error_markers
        {
            let marked = trigger::mark_error(self, bucket, &key, code, message);
            match end {
                Some(end) => within(end, marked).await,
                None => marked.await,
            }
        }
        result
    }
}

/// The region of the buckets that shall be listed, if the query names one. What it asks of the service beside the list is
/// refused.
fn region_of_list(raw_query: &str) -> Result<Option<String>, Error> {
    let query = rules::split_query(raw_query)?;
    let mut others = CHOOSING.iter().chain(&DESCRIBING).chain(&UNSUPPORTED);
    let rule = query.rule.as_ref().map(|rule| rule.text.as_str());
    let other = others.find(|name| query.parameter(name).is_some());
    if let Some(name) = other.copied().or(rule) {
        let text = format!("?{name} of the service, which is asked for its buckets alone");
        return Err(Error::NotSupported(text));
    }
    let region = query
        .parameter("region")
        .filter(|region| !region.is_empty());
    Ok(region.map(str::to_owned))
}
