//! COS request signatures and access policies; pure, the clock is an argument.
//!
//! [`verify`] says who sent a request and what of it the signature covers; [`policy`] says what that principal may do;
//! [`explain`](mod@explain) says why a signature does not come out. Nothing here reads a clock, a file or the network.

mod canonical;
mod encoding;
pub mod explain;
mod fields;
mod key;
pub mod policy;
mod query;
mod sign;
mod verify;

pub use encoding::{escape, unescape};
pub use explain::explain;
pub use fields::{Carrier, Window};
pub use key::{Key, Secret};
pub use policy::Policy;
pub use sign::Signing;
pub use verify::{Access, Mismatch, Request, Verified, verify, verify_url};

/// How far ahead of the server's clock a signature may begin, in seconds.
///
/// A client whose clock is further off is answered `RequestTimeTooSkewed`, as COS does from 15 minutes on.
pub const MAX_SKEW_SECONDS: u64 = 900;

/// Why a signed request is refused. No text of these carries a secret, or a signature that would have been right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The signature fields cannot be read. COS: `AccessDenied`.
    #[error("signature fields: {0}")]
    Malformed(String),
    /// `q-sign-algorithm` is not `sha1`. COS: `VerifyAlgorithmNotSupported`.
    #[error("q-sign-algorithm: found `{0}`, allowed is `sha1`")]
    Algorithm(String),
    /// No active key has this `q-ak`. COS: `InvalidAccessKeyId`.
    #[error("the access key id `{0}` is not known")]
    UnknownKey(String),
    /// The signature begins too far in the future. COS: `RequestTimeTooSkewed`.
    #[error(
        "the signature begins {ahead} s ahead of the server's clock; at most {MAX_SKEW_SECONDS} s are allowed"
    )]
    TimeTooSkewed {
        /// Seconds from now to the beginning of the signature.
        ahead: u64,
    },
    /// The signature has ended. COS: `AccessDenied` with the message `Request has expired`.
    #[error("Request has expired")]
    Expired {
        /// Unix seconds at which the signature ended.
        end: u64,
    },
    /// The signature is not what the key gives for this request. COS: `SignatureDoesNotMatch`.
    #[error("the signature does not match the request{}", .0.missing_text())]
    Mismatch(Box<Mismatch>),
    /// The request carries a security token that is not the key's. COS: `AccessDenied`.
    #[error("the security token is not one of this access key's")]
    UnknownToken,
    /// The key belongs to temporary credentials, and the request carries no security token. COS: `AccessDenied`.
    #[error("this access key needs its security token in `x-cos-security-token`")]
    MissingToken,
}
