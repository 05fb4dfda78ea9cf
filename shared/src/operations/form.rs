//! POST Object: a form that uploads a file.

use std::time::Duration;

use http::header::{self, HeaderName};
use http::{Response, StatusCode};

use crate::authority::call::Call;
use crate::authority::form::{Upload, is_known};
use crate::error::Error;
use crate::escape;
use crate::operations::request::Longest;
use crate::operations::upload_result::location;
use crate::operations::{object, process};
use crate::service::Service;
use crate::wire::body::Body;
use crate::wire::form::{Form, MAX_FIELDS_BYTES};
use crate::wire::headers::{set, xml};
use crate::wire::incoming::Incoming;
use crate::wire::names::PIC_OPERATIONS;
use crate::wire::xml::Writer;

/// How long the fields before the file may take to come.
const FIELDS_TIME: Duration = Duration::from_secs(10);

/// `POST /` with a form. Its fields are read and judged first, and then its file is stored as by a PUT.
pub(crate) async fn post(
    service: &Service,
    call: &Call,
    boundary: &str,
    body: Incoming,
) -> Result<Response<Body>, Error> {
    let announced = body.len();
    let mut form = Form::new(body, boundary);
    let fields = {
        let _one = service.forms.try_acquire().map_err(|_| Error::Overload)?;
        let fields = tokio::time::timeout(FIELDS_TIME, form.fields());
        fields.await.map_err(|_| Error::SlowBody)??
    };
    let Upload {
        call,
        bytes: (least, most),
        status,
    } = service.authority.upload_of_form(call, fields)?;
    let mut longest = Longest::put(service);
    if most < longest.bytes {
        longest = Longest {
            bytes: most,
            way_out: "the policy of the form says so (content-length-range)",
        };
    }
    // Beside the file there are fields, before it and after it.
    let around = 2 * MAX_FIELDS_BYTES as u64;
    if announced.is_some_and(|bytes| bytes.saturating_sub(around) > longest.bytes) {
        return Err(longest.exceeded());
    }
    let file = form.file(least, is_known);
    let is_processed = call.headers.contains_key(PIC_OPERATIONS);
    let stored = if is_processed {
        process::put(service, &call, file, &longest).await?
    } else {
        object::put(service, &call, file, &longest).await?
    };
    Ok(answer(service, &call, stored, status, is_processed))
}

/// What the answer to a PUT comes to for a form: 204 where the client wants nothing else, with the object's address.
fn answer(
    service: &Service,
    call: &Call,
    mut stored: Response<Body>,
    status: Option<StatusCode>,
    is_processed: bool,
) -> Response<Body> {
    let (bucket, key) = (call.place.bucket, &call.place.key);
    let authority = &service.authority;
    let at = location(authority, call, bucket, &escape::key(key));
    let at = format!("http://{at}");
    let mut response = match (status, is_processed) {
        // The results of rules are told unless the client wants to be told nothing.
        (None | Some(StatusCode::OK | StatusCode::CREATED), true) => {
            *stored.status_mut() = status.unwrap_or(StatusCode::OK);
            stored
        }
        (Some(StatusCode::CREATED), false) => {
            let etag = stored.headers().get(header::ETAG).cloned();
            let etag = etag.as_ref().and_then(|etag| etag.to_str().ok());
            let mut document = Writer::new("PostResponse");
            document
                .leaf("Location", &at)
                .leaf("Bucket", authority.bucket_name(bucket))
                .leaf("Key", key)
                .leaf("ETag", etag.unwrap_or_default());
            let mut response = xml(document);
            *response.status_mut() = StatusCode::CREATED;
            for (name, value) in stored.headers() {
                response.headers_mut().entry(name).or_insert(value.clone());
            }
            response
        }
        (status, _) => {
            let mut headers = std::mem::take(stored.headers_mut());
            for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
                headers.remove::<HeaderName>(name);
            }
            let mut response = Response::new(Body::Empty);
            *response.headers_mut() = headers;
            *response.status_mut() = status.unwrap_or(StatusCode::NO_CONTENT);
            response
        }
    };
    set(response.headers_mut(), header::LOCATION, &at);
    response
}
