//! COS request signatures and access policies; pure, the clock is an argument.
//!
//! [`verify`] says who sent a request and what of it the signature covers; [`policy`] says what that principal may do;
//! [`explain`](mod@explain) says why a signature does not come out. Nothing here reads a clock, a file or the network.

mod canonical;
mod encoding;
mod error;
pub mod explain;
mod fields;
mod form;
mod key;
pub mod policy;
mod query;
mod request;
mod sign;
mod verify;

pub use encoding::{escape, unescape};
pub use error::{Error, MAX_LISTED_NAMES, MAX_PARAMETERS, MAX_SKEW_SECONDS, Mismatch};
pub use explain::explain;
pub use fields::{Carrier, Window, belongs_to_a_signature};
pub use form::{AllowedForm, Form, verify_form};
pub use key::{Key, Secret};
pub use policy::Policy;
pub use query::PROCESSING;
pub use request::{Request, TOKENS, masked};
pub use sign::Signing;
pub use verify::{Access, Verified, verify, verify_url};
