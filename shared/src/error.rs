//! Every failure, and what it is answered with: status, COS code and X-ErrNo, in one `match`.

use http::StatusCode;
use pipeline::Fault;
use raster::Stopped;

use crate::config::hosts;
use crate::storage;
use crate::storage::{BadKey, ObjectKey};
use crate::wire::incoming::Broken;
use crate::wire::{form, pic_operations, xml};

/// Why a request was not answered as it asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host leads to no bucket.
    #[error("{0}")]
    NoBucket(#[source] hosts::Lost),
    /// There is no Host header, more than one, or one that is none.
    #[error("expected one Host header with a name or an address and perhaps a port, found {0}")]
    BadHost(String),
    /// The body is coded otherwise than in chunks.
    #[error("the transfer coding `{0}` is not supported; allowed is `chunked`")]
    TransferCoding(String),
    /// The path is not a key.
    #[error("{0}")]
    BadKey(#[from] BadKey),
    /// The request needs a key, and names none.
    #[error("{method} needs an object key in the path")]
    NoKey {
        /// The request's method.
        method: String,
    },
    /// A parameter or header with a value that cannot be.
    #[error("{0}")]
    InvalidArgument(String),
    /// A part of the COS API that this service does not have.
    #[error("not supported here: {0}")]
    NotSupported(String),
    /// `?cors` where no page of another origin may send requests.
    #[error("no [[cors]] is configured, so that no page of another origin may send requests")]
    NoCors,
    /// The list of the buckets, asked for without a signature.
    #[error("the list of the buckets is told to signed requests alone")]
    ServiceUnsigned,
    /// A signature of AWS.
    #[error(
        "found a signature of AWS ({0}); expected one of COS (q-sign-algorithm=sha1), or the endpoint of the S3 bucket itself"
    )]
    SignedForAws(&'static str),
    /// A method that means nothing here.
    #[error("the method {0} is not allowed here")]
    MethodNotAllowed(String),
    /// The rule cannot be read.
    #[error("{0}")]
    Rule(#[from] rules::Error),
    /// The `Pic-Operations` document cannot be read, or asks for what cannot be.
    #[error("{0}")]
    PicOperations(#[from] pic_operations::Error),
    /// Two rules, one target.
    #[error("two rules have the same target `{0}`; each result needs a key of its own")]
    SameTarget(ObjectKey),
    /// A `fileid` that makes no key together with its source.
    #[error("fileid `{fileid}`: {source}")]
    Target {
        /// As it was given.
        fileid: String,
        /// What is wrong with it.
        #[source]
        source: BadKey,
    },
    /// An image named in a rule leads nowhere.
    #[error("image {number} of the rule, `{url}`: {reason}")]
    ImageSource {
        /// Which, from 1.
        number: usize,
        /// Its URL, without its query.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The signature does not hold.
    #[error("{0}")]
    Signature(#[source] auth::Error),
    /// What the caller asks for is not allowed to it.
    #[error("{0}")]
    Denied(String),
    /// A parameter that must be signed.
    #[error("{0} is honored only on a signed request whose signature covers it")]
    OverrideNotSigned(&'static str),
    /// A call of the storage failed.
    #[error("{0}")]
    Storage(#[from] storage::Error),
    /// No result can be made of the sources.
    #[error("{0}")]
    Pipeline(#[from] pipeline::Error),
    /// One rule of several failed; nothing of any rule was stored.
    #[error("{source}; fileid `{fileid}`")]
    InRule {
        /// The failing rule's `fileid`.
        fileid: String,
        /// What failed.
        #[source]
        source: Box<Error>,
    },
    /// A failure, and what became of the original.
    #[error("{source}{outcome}")]
    WithOutcome {
        /// What became of the original, for the message.
        outcome: &'static str,
        /// What failed.
        #[source]
        source: Box<Error>,
    },
    /// The sources of a rule have too many bytes together.
    #[error("the sources have {found} bytes together; at most {max} are allowed")]
    SourcesTooLarge {
        /// Bytes that they have.
        found: u64,
        /// What is allowed.
        max: u64,
    },
    /// A condition of the request does not hold.
    #[error("a condition of the request (If-Match, If-Unmodified-Since or the like) does not hold")]
    PreconditionFailed,
    /// A range that cannot be met.
    #[error("the range begins past the end of the object, which has {size} bytes")]
    InvalidRange {
        /// Bytes of the object.
        size: u64,
    },
    /// The body is not as long as announced.
    #[error("Content-Length says {announced}; the body has {found} bytes")]
    IncompleteBody {
        /// As it was sent.
        announced: String,
        /// Bytes that came.
        found: usize,
    },
    /// The body stopped coming.
    #[error("the rest of the body did not come in time")]
    SlowBody,
    /// The connection ended before the body did, or the body is not what its framing says.
    #[error("the body broke off, or is not chunked as its header says")]
    BrokenBody,
    /// The body is too large.
    #[error("the body has more than the {limit} bytes allowed here; {way_out}")]
    EntityTooLarge {
        /// What is allowed.
        limit: u64,
        /// What to do instead.
        way_out: &'static str,
    },
    /// An object would grow past its bound.
    #[error("the object would have more than the {limit} bytes to which one may grow by appends")]
    AppendedTooLarge {
        /// What is allowed.
        limit: u64,
    },
    /// The body cannot be read as the form that it is said to be.
    #[error("{0}")]
    Form(#[from] form::Error),
    /// The file of a form has fewer bytes than its policy wants.
    #[error("{0}")]
    EntityTooSmall(Broken),
    /// The answer has more bytes than whatever stands in front lets through.
    #[error(
        "the answer is larger than the {limit} bytes that fit through this endpoint; {way_out}"
    )]
    AnswerTooLarge {
        /// What fits.
        limit: u64,
        /// What to do instead.
        way_out: &'static str,
    },
    /// The bytes of an object stopped coming before the answer was sent.
    #[error("the object could not be read to its end")]
    AnswerBroke(#[source] storage::Error),
    /// Content-MD5 that is no digest.
    #[error("Content-MD5 `{0}` is not the base64 of 16 bytes")]
    InvalidDigest(String),
    /// The body is not what its digest says.
    #[error("the body's MD5 is not the one in Content-MD5")]
    BadDigest,
    /// A body that is not the expected XML.
    #[error("the body is not the expected XML: {0}")]
    MalformedXml(String),
    /// No preflight rule fits.
    #[error("no CORS rule allows this origin, method and headers")]
    CorsForbidden,
    /// As many requests wait for processing as may, or this one waited until its deadline.
    #[error("too many requests are being processed; try again in a moment")]
    Overload,
    /// The work was not done at its deadline.
    #[error("the request took longer than the {seconds} s allowed")]
    Deadline {
        /// What is allowed.
        seconds: u64,
    },
    /// What the front sent is no request.
    #[error("{0}")]
    Unreadable(&'static str),
    /// The operator's mistake, of which the client is told no more.
    #[error("the configuration of this endpoint is refused; its log says why")]
    Misconfigured(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of the service itself.
    #[error("an internal error; it is in the service's log under this request id")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a failure is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code of the COS API.
    pub code: &'static str,
    /// `X-ErrNo`, on processing at download time.
    pub number: Option<i32>,
    /// Whether `ignore-error/1` turns it into the original.
    pub suppressible: bool,
}

const fn answer(status: StatusCode, code: &'static str) -> Answer {
    Answer {
        status,
        code,
        number: None,
        suppressible: false,
    }
}

const fn numbered(code: &'static str, number: i32, suppressible: bool) -> Answer {
    Answer {
        status: StatusCode::BAD_REQUEST,
        code,
        number: Some(number),
        suppressible,
    }
}

impl Error {
    /// The status, code and number of this failure; no other place knows any of them.
    pub fn answer(&self) -> Answer {
        use StatusCode as S;
        match self {
            Self::NoBucket(hosts::Lost::Host(_)) => answer(S::NOT_FOUND, "NoSuchBucket"),
            Self::NoBucket(hosts::Lost::Path) => answer(S::BAD_REQUEST, "InvalidURI"),
            Self::BadKey(BadKey::TooLong(_))
            | Self::Target {
                source: BadKey::TooLong(_),
                ..
            } => answer(S::BAD_REQUEST, "KeyTooLong"),
            Self::BadKey(
                BadKey::Empty | BadKey::TooManySlashes(_) | BadKey::Nul | BadKey::NotUtf8,
            ) => answer(S::BAD_REQUEST, "InvalidObjectName"),
            Self::NoKey { .. } | Self::InvalidArgument(_) => {
                answer(S::BAD_REQUEST, "InvalidArgument")
            }
            Self::NotSupported(_)
            | Self::Unreadable(_)
            | Self::BadHost(_)
            | Self::SignedForAws(_) => answer(S::BAD_REQUEST, "InvalidRequest"),
            Self::NoCors => answer(S::NOT_FOUND, "NoSuchCORSConfiguration"),
            Self::TransferCoding(_) => answer(S::NOT_IMPLEMENTED, "NotImplemented"),
            Self::MethodNotAllowed(_) => answer(S::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
            Self::Rule(error)
            | Self::PicOperations(pic_operations::Error::Rule { source: error, .. }) => match error
            {
                error if error.is_of_image() => {
                    numbered("InvalidImageSource", -106, error.is_suppressible())
                }
                _ => numbered("InvalidArgument", -103, error.is_suppressible()),
            },
            Self::PicOperations(_)
            | Self::SameTarget(_)
            | Self::Target {
                source: BadKey::Empty | BadKey::TooManySlashes(_) | BadKey::Nul | BadKey::NotUtf8,
                ..
            } => answer(S::BAD_REQUEST, "InvalidPicOperations"),
            Self::ImageSource { .. } => numbered("InvalidImageSource", -106, false),
            Self::Signature(error) => match error {
                auth::Error::Algorithm(_) => answer(S::BAD_REQUEST, "VerifyAlgorithmNotSupported"),
                auth::Error::UnknownKey(_) => answer(S::FORBIDDEN, "InvalidAccessKeyId"),
                auth::Error::TimeTooSkewed { .. } => answer(S::FORBIDDEN, "RequestTimeTooSkewed"),
                auth::Error::Mismatch(_) => answer(S::FORBIDDEN, "SignatureDoesNotMatch"),
                auth::Error::PolicyDocument(_) => answer(S::BAD_REQUEST, "InvalidPolicyDocument"),
                auth::Error::Malformed(_)
                | auth::Error::Condition(_)
                | auth::Error::TooManyNames { .. }
                | auth::Error::TooManyParameters { .. }
                | auth::Error::Expired { .. }
                | auth::Error::UnknownToken
                | auth::Error::MissingToken => answer(S::FORBIDDEN, "AccessDenied"),
            },
            Self::Denied(_)
            | Self::OverrideNotSigned(_)
            | Self::CorsForbidden
            | Self::ServiceUnsigned => answer(S::FORBIDDEN, "AccessDenied"),
            Self::Storage(error) => match error {
                storage::Error::NotFound(_) => Answer {
                    number: Some(-6101),
                    ..answer(S::NOT_FOUND, "NoSuchKey")
                },
                storage::Error::NoSuchVersion(..) => answer(S::NOT_FOUND, "NoSuchVersion"),
                storage::Error::NoSuchBucket(_) => answer(S::NOT_FOUND, "NoSuchBucket"),
                storage::Error::NoSuchUpload(_) => answer(S::NOT_FOUND, "NoSuchUpload"),
                storage::Error::Denied(_) => answer(S::FORBIDDEN, "AccessDenied"),
                storage::Error::PreconditionFailed(_) => {
                    answer(S::PRECONDITION_FAILED, "PreconditionFailed")
                }
                storage::Error::InvalidRange { .. } => {
                    answer(S::RANGE_NOT_SATISFIABLE, "InvalidRange")
                }
                storage::Error::NotAppendable(_) => answer(S::CONFLICT, "ObjectNotAppendable"),
                storage::Error::WrongPosition { .. } => {
                    answer(S::CONFLICT, "PositionNotEqualToLength")
                }
                storage::Error::Unsupported(_) => answer(S::BAD_REQUEST, "InvalidRequest"),
                storage::Error::Archived(_) => answer(S::FORBIDDEN, "InvalidObjectState"),
                storage::Error::TooManyBytes { .. } => numbered("ImageTooLarge", -167, true),
                storage::Error::MetadataTooLarge { .. } => {
                    answer(S::BAD_REQUEST, "MetadataTooLarge")
                }
                storage::Error::InvalidPart(_) => answer(S::BAD_REQUEST, "InvalidPart"),
                storage::Error::InvalidPartOrder => answer(S::BAD_REQUEST, "InvalidPartOrder"),
                storage::Error::Busy { .. } => answer(S::SERVICE_UNAVAILABLE, "SlowDown"),
                storage::Error::Unavailable(_) => {
                    answer(S::SERVICE_UNAVAILABLE, "ServiceUnavailable")
                }
                storage::Error::Other(_) => answer(S::INTERNAL_SERVER_ERROR, "InternalError"),
            },
            Self::SourcesTooLarge { .. } => numbered("ImageTooLarge", -167, true),
            Self::Pipeline(error) => pipeline_answer(error),
            Self::InRule { source, .. } | Self::WithOutcome { source, .. } => source.answer(),
            Self::PreconditionFailed => answer(S::PRECONDITION_FAILED, "PreconditionFailed"),
            Self::InvalidRange { .. } => answer(S::RANGE_NOT_SATISFIABLE, "InvalidRange"),
            Self::SlowBody | Self::Form(form::Error::Body(Broken::Slow)) => {
                answer(S::BAD_REQUEST, "RequestTimeout")
            }
            Self::IncompleteBody { .. } | Self::BrokenBody | Self::Form(form::Error::Body(_)) => {
                answer(S::BAD_REQUEST, "IncompleteBody")
            }
            Self::Form(form::Error::Malformed(_)) => answer(S::BAD_REQUEST, "MalformedPOSTRequest"),
            Self::Form(form::Error::TooLong) => {
                answer(S::BAD_REQUEST, "MaxPostPreDataLengthExceeded")
            }
            Self::EntityTooSmall(_) => answer(S::BAD_REQUEST, "EntityTooSmall"),
            Self::EntityTooLarge { .. }
            | Self::AppendedTooLarge { .. }
            | Self::AnswerTooLarge { .. } => answer(S::BAD_REQUEST, "EntityTooLarge"),
            Self::InvalidDigest(_) => answer(S::BAD_REQUEST, "InvalidDigest"),
            Self::BadDigest => answer(S::BAD_REQUEST, "BadDigest"),
            Self::MalformedXml(_) => answer(S::BAD_REQUEST, "MalformedXML"),
            Self::Overload => answer(S::SERVICE_UNAVAILABLE, "SlowDown"),
            Self::Deadline { .. } => numbered("RequestTimeout", -901, true),
            Self::AnswerBroke(_) => answer(S::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            Self::Internal(_) | Self::Misconfigured(_) => {
                answer(S::INTERNAL_SERVER_ERROR, "InternalError")
            }
        }
    }

    /// What a panic is answered with.
    pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("a panic");
        Self::Internal(text.to_owned().into())
    }

    /// An answer that is larger than the `limit` of bytes that the front lets through.
    pub(crate) fn answer_too_large(limit: u64) -> Self {
        let way_out = "ask for it through the streaming endpoint, for an object in parts with Range, or store a result \
                       with POST ?image_process";
        Self::AnswerTooLarge { limit, way_out }
    }

    /// Adds to a failure what became of the original.
    pub(crate) fn with_outcome(self, outcome: &'static str) -> Self {
        Self::WithOutcome {
            source: Box::new(self),
            outcome,
        }
    }

    /// A source with more bytes than are allowed; 0 is the object, n the rule's n-th image.
    pub(crate) fn source_too_large(index: usize, found: u64, max: u64) -> Self {
        let fault = Fault::TooManyBytes { found, max };
        Self::Pipeline(pipeline::Error::Source { index, fault })
    }

    /// The key that is at fault, where it is not the request's own.
    pub(crate) fn resource(&self) -> Option<&ObjectKey> {
        match self {
            Self::Storage(
                storage::Error::NotFound(key) | storage::Error::NoSuchVersion(key, _),
            ) => Some(key),
            Self::InRule { source, .. } | Self::WithOutcome { source, .. } => source.resource(),
            _ => None,
        }
    }

    /// Seconds after which trying again makes sense.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        (self.answer().status == StatusCode::SERVICE_UNAVAILABLE).then_some(2)
    }

    /// True where the caller is at fault, and the operator need not look.
    pub(crate) fn is_callers(&self) -> bool {
        self.answer().status.is_client_error()
    }
}

/// A failure of the rule whose result goes to `fileid`.
pub(crate) fn in_rule(fileid: &str, error: Error) -> Error {
    Error::InRule {
        fileid: fileid.to_owned(),
        source: Box::new(error),
    }
}

fn pipeline_answer(error: &pipeline::Error) -> Answer {
    use pipeline::Error as P;
    match error {
        P::Source { fault, .. } => match fault {
            Fault::TooManyBytes { .. } => numbered("ImageTooLarge", -167, true),
            Fault::SideTooLong { .. }
            | Fault::FrameTooLarge { .. }
            | Fault::TooManyPixels { .. }
            | Fault::TooManySourceFrames { .. }
            | Fault::TooManyAnimationPixels { .. }
            | Fault::TooMuchMemory { .. }
            | Fault::TooManyPasses { .. }
            | Fault::TooManyScans { .. } => numbered("ImageResolutionExceed", -447, true),
            Fault::Empty
            | Fault::UnknownFormat
            | Fault::NotAFrame(_)
            | Fault::NotWritten(_)
            | Fault::Broken { .. }
            | Fault::Unsupported { .. } => numbered("InvalidImageFormat", -441, true),
        },
        P::TooManyFrames { .. } => numbered("ImageResolutionExceed", -447, true),
        P::Stopped(Stopped::Deadline | Stopped::Cancelled) => {
            numbered("RequestTimeout", -901, true)
        }
        P::Output(_) | P::SourceCount { .. } | P::Encoder { .. } => {
            answer(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
        }
    }
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Slow => Self::SlowBody,
            Broken::Off => Self::BrokenBody,
            Broken::Form(text) => Self::Form(form::Error::Malformed(text.into())),
            Broken::Short { .. } => Self::EntityTooSmall(broken),
        }
    }
}

impl From<xml::Malformed> for Error {
    fn from(xml::Malformed(reason): xml::Malformed) -> Self {
        Self::MalformedXml(reason)
    }
}
