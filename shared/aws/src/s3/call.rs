//! What calls of S3 have in common: the deadline, the conditions that they send, the values that they get back.

use std::future::Future;
use std::time::SystemTime;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::DateTime;
use storage::{Error, Precondition, Version};

use super::error::Failure;

/// The answer, unless the deadline of the task comes first.
pub(super) fn within<T, E>(
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> impl Future<Output = Result<T, Failure<E>>> {
    until(storage::deadline::current().into(), call)
}

/// The answer, unless `deadline` comes first.
pub(super) async fn until<T, E>(
    deadline: tokio::time::Instant,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, Failure<E>> {
    match tokio::time::timeout_at(deadline, call).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(Failure::Sdk(Box::new(error))),
        Err(_) => Err(Failure::Deadline),
    }
}

/// An answer that S3 should not have given.
pub(super) fn odd(what: &'static str) -> Error {
    Error::Other(what.into())
}

/// A time as S3 tells it, in whole seconds.
pub(super) fn time(time: Option<&DateTime>) -> SystemTime {
    storage::tellable(time.map_or(0, |time| i128::from(time.secs())))
}

/// A bucket without versioning tells `null` or nothing.
pub(super) fn version(id: Option<&str>) -> Option<Version> {
    id.filter(|id| *id != "null")
        .map(|id| Version(id.to_owned()))
}

/// The value of `If-Match`.
pub(super) fn if_match(precondition: &Precondition) -> Option<String> {
    match precondition {
        Precondition::Match(etag) => Some(etag.to_string()),
        Precondition::None | Precondition::Absent => None,
    }
}

/// The value of `If-None-Match`.
pub(super) fn if_none_match(precondition: &Precondition) -> Option<String> {
    (*precondition == Precondition::Absent).then(|| "*".to_owned())
}

/// Whether the key must hold an object with a certain tag.
pub(super) fn is_match(precondition: &Precondition) -> bool {
    matches!(precondition, Precondition::Match(_))
}
