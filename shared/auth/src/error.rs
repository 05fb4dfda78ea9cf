//! Why a signed request is refused. No text here holds a secret or a signature that would have been right.

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

/// What a client needs to find out why its signature differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The three lines that were to be signed, as the server has them.
    pub string_to_sign: String,
    /// The four lines whose SHA-1 is in `string_to_sign`, as the server has them; bytes that are not UTF-8 replaced
    /// and the values of security tokens hidden.
    pub format_string: String,
    /// Names listed as signed that the request lacks, in their escaped form.
    pub missing: Vec<String>,
}

impl Mismatch {
    fn missing_text(&self) -> String {
        match self.missing.as_slice() {
            [] => String::new(),
            names => format!(": it lacks the signed {}", names.join(", ")),
        }
    }
}
