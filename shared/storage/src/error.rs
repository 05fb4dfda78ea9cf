//! Why a storage did not do what was asked.

use crate::key::ObjectKey;

/// Why a storage did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is stored under the key.
    #[error("nothing is stored under `{0}`")]
    NotFound(ObjectKey),
    /// The key has no such version.
    #[error("`{0}` has no version `{1}`")]
    NoSuchVersion(ObjectKey, String),
    /// The bucket itself is not there.
    #[error("the bucket `{0}` does not exist")]
    NoSuchBucket(String),
    /// The storage refused, to the service as a whole.
    #[error("the storage denied access to `{0}`")]
    Denied(ObjectKey),
    /// A [`Precondition`](crate::Precondition), or `if_match`, did not hold.
    #[error("`{0}` is not in the state that the request asked for")]
    PreconditionFailed(ObjectKey),
    /// The range begins past the end.
    #[error("the range begins past the end of the object, which has {size} bytes")]
    InvalidRange {
        /// Bytes of the object.
        size: u64,
    },
    /// The object was not begun by an append.
    #[error("`{0}` was not begun by an append, and cannot be lengthened")]
    NotAppendable(ObjectKey),
    /// An append that does not begin at the object's end.
    #[error("the position {position} is not the end of the object, which has {size} bytes")]
    WrongPosition {
        /// Where it was to begin.
        position: u64,
        /// Bytes of the object, 0 where there is none.
        size: u64,
    },
    /// The storage cannot do this at all.
    #[error("{0} is not supported by this storage")]
    Unsupported(String),
    /// The object is of a storage class from which it must be restored before it can be read.
    #[error("`{0}` is archived and must be restored before it can be read")]
    Archived(ObjectKey),
    /// More bytes than were allowed.
    #[error("more than the allowed {limit} bytes")]
    TooManyBytes {
        /// What is allowed.
        limit: u64,
    },
    /// Metadata over the storage's limit.
    #[error("user metadata takes {found} bytes; at most {limit} are stored")]
    MetadataTooLarge {
        /// Names and values together, in bytes.
        found: usize,
        /// What is allowed.
        limit: usize,
    },
    /// No upload of that id is open for the key.
    #[error("no multipart upload `{0}` is open for this key")]
    NoSuchUpload(String),
    /// A part that was not uploaded, or has another tag.
    #[error("part {0} was not uploaded, or its ETag is another")]
    InvalidPart(u32),
    /// Part numbers must rise.
    #[error("the parts are not in rising order")]
    InvalidPartOrder,
    /// Too many wait already to write under the key, or to end the upload: trying again later may help.
    #[error("this is being written already, and {waiting} others wait for it")]
    Busy {
        /// Who has it or waits for it at most.
        waiting: usize,
    },
    /// The storage cannot be reached or is overloaded: trying again may help.
    #[error("the storage did not answer: {0}")]
    Unavailable(String),
    /// Anything else that is the storage's fault.
    #[error("the storage failed")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}
