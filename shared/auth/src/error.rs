//! Why a signed request is refused. No text here holds a secret or a signature that would have been right.

/// How far ahead of the server's clock a signature may begin, in seconds.
///
/// A client whose clock is further off is answered `RequestTimeTooSkewed`, as COS does from 15 minutes on.
pub const MAX_SKEW_SECONDS: u64 = 900;

/// How many names `q-header-list` and `q-url-param-list` may hold together.
///
/// Clients sign the headers that they set and a rule or two, ten names or so. Whoever knows a key's id, which stands in
/// every presigned URL, chooses the lists, and each name is looked up before the signature can be judged.
pub const MAX_LISTED_NAMES: usize = 100;

/// How many parameters the query of a signed request may have.
///
/// SDKs send a dozen. Each is read in every way in which a client may have meant it, escaped and sorted before the signature
/// can be judged, on the thread that reads requests.
pub const MAX_PARAMETERS: usize = 1000;

/// Characters of a request's own text that a message quotes.
const MAX_QUOTED: usize = 100;

/// Missing names that a message tells one by one.
const MAX_NAMED: usize = 10;

/// `text` as messages quote it: cut, so that a request of 256 KiB is not a line of 256 KiB in the log.
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.into(),
    }
}

/// Why a signed request is refused. No text of these carries a secret, or a signature that would have been right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The signature fields cannot be read. COS: `AccessDenied`.
    #[error("signature fields: {0}")]
    Malformed(String),
    /// `q-sign-algorithm` is not `sha1`. COS: `VerifyAlgorithmNotSupported`.
    #[error("q-sign-algorithm: found `{0}`, allowed is `sha1`")]
    Algorithm(String),
    /// The lists of a signature hold more than [`MAX_LISTED_NAMES`]. COS: `AccessDenied`.
    #[error(
        "the signature lists {found} names in q-header-list and q-url-param-list; at most {MAX_LISTED_NAMES} are allowed"
    )]
    TooManyNames {
        /// Names in both lists, repeated ones included.
        found: usize,
    },
    /// The query has more than [`MAX_PARAMETERS`]. COS: `AccessDenied`.
    #[error(
        "the query has {found} parameters; at most {MAX_PARAMETERS} are allowed in a signed request"
    )]
    TooManyParameters {
        /// Parameters of the query, those of the signature among them.
        found: usize,
    },
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
    /// The policy document of a form cannot be read. COS: `InvalidPolicyDocument`.
    #[error("the policy of the form: {0}")]
    PolicyDocument(String),
    /// The policy of a form does not allow it. COS: `AccessDenied`.
    #[error("the policy of the form does not allow it: {0}")]
    Condition(String),
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
            names => {
                let more = names.len().saturating_sub(MAX_NAMED);
                let named: Vec<_> = names
                    .iter()
                    .take(MAX_NAMED)
                    .map(|name| short(name))
                    .collect();
                let more = match more {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!(": it lacks the signed {}{more}", named.join(", "))
            }
        }
    }
}
