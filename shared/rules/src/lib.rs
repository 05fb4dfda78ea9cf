//! imageMogr2 rule text to a typed rule, and back; has never seen an image.
//!
//! - [`Rule::parse`] reads a rule as it stands in `Pic-Operations` or, decoded, in a URL; `Display` writes it back.
//! - [`split_query`] finds the rule in a URL's raw query.
//! - [`ImageUrl`] is an image URL inside a rule: a name that the service resolves, never an address.
//!
//! This crate does no I/O and resolves no host.

mod error;
mod image_url;
mod mogr;
mod query;
mod rule;

pub use error::{Error, ImageError};
pub use image_url::{ImageRef, ImageUrl, Scheme};
pub use mogr::{Animate, Format, ImageMogr2, MAX_DURATION, Quality};
pub use query::{Query, RuleItem, VERBS, split_query};
pub use rule::{MAX_STAGES, Rule, Stage};
