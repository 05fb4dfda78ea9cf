//! What S3 answered, in the words of the storage.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use storage::{Error, ObjectKey, UploadId, Version};

/// What a call was about, for the error to name.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a ObjectKey,
    pub(super) version: Option<&'a Version>,
    pub(super) upload: Option<&'a UploadId>,
}

/// Why a call did not succeed: S3 said so, or the deadline came first.
#[derive(Debug)]
pub(super) enum Failure<E> {
    Sdk(Box<SdkError<E, HttpResponse>>),
    Deadline,
}

impl<E> Failure<E> {
    /// The status that S3 answered with.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Sdk(error) => error.raw_response().map(|raw| raw.status().as_u16()),
            Self::Deadline => None,
        }
    }
}

impl<E> Failure<E>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Sdk(error) => error.code(),
            Self::Deadline => None,
        }
    }

    /// The storage's word for it.
    pub(super) fn about(self, about: About<'_>) -> Error {
        let error = match self {
            Self::Deadline => {
                return Error::Unavailable("no answer before the deadline".to_owned());
            }
            Self::Sdk(error) => *error,
        };
        match &error {
            SdkError::TimeoutError(_) => {
                return Error::Unavailable("no answer in time".to_owned());
            }
            SdkError::DispatchFailure(failure) if !failure.is_user() => {
                return Error::Unavailable("the connection failed".to_owned());
            }
            _ => {}
        }
        let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
        let code = error.code().unwrap_or_default();
        let version =
            |version: &Version| Error::NoSuchVersion(about.key.clone(), version.0.clone());
        match (code, about.version, about.upload) {
            ("NoSuchBucket", ..) => return Error::NoSuchBucket(about.bucket.to_owned()),
            ("NoSuchVersion", Some(id), _) => return version(id),
            // S3 calls a version id that it could not have given an invalid argument; a HEAD answer has no code at all.
            ("InvalidArgument" | "", Some(id), None) if status == 400 => return version(id),
            ("NoSuchUpload", _, Some(id)) => return Error::NoSuchUpload(id.0.clone()),
            ("InvalidObjectState", ..) => return Error::Archived(about.key.clone()),
            ("InvalidPartOrder", ..) => return Error::InvalidPartOrder,
            (
                "RequestTimeout" | "SlowDown" | "ConditionalRequestConflict" | "OperationAborted",
                ..,
            ) => {
                return Error::Unavailable(code.to_owned());
            }
            _ => {}
        }
        match (status, about.upload) {
            (404, Some(id)) => Error::NoSuchUpload(id.0.clone()),
            // 405: the version is a delete marker.
            (404 | 405, None) => match about.version {
                Some(id) if status == 404 && code != "NoSuchKey" => version(id),
                _ => Error::NotFound(about.key.clone()),
            },
            (403, _) => Error::Denied(about.key.clone()),
            (412, _) => Error::PreconditionFailed(about.key.clone()),
            (408 | 429 | 500.., _) => {
                Error::Unavailable(format!("{status} {code}").trim().to_owned())
            }
            _ => Error::Other(Box::new(error)),
        }
    }
}
