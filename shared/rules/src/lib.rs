//! imageMogr2 rule text to a typed rule, and back; has never seen an image.
//!
//! - [`Rule::parse`] reads a rule as it stands in `Pic-Operations` or, decoded, in a URL; `Display` writes it back.
//! - [`split_query`] finds the rule in a URL's raw query.
//! - [`ImageUrl`] is an image URL inside a rule: a name that the service resolves, never an address.
//!
//! - The operations are rows of one table, from which parser, messages, canonical text and [`operations_table`] are made;
//!   a file for each family of them in `image_mogr2/` has its grammar.
//!
//! This crate does no I/O and resolves no host.

mod error;
mod image_mogr2;
mod image_url;
mod query;
mod rule;
mod stage;
mod table;
mod values;

pub use error::{Error, ImageError};
pub use image_mogr2::animate::{Animate, MAX_DURATION};
pub use image_mogr2::output::{Format, Output, Quality};
pub use image_mogr2::turn::Flip;
pub use image_mogr2::{ImageMogr2, Transform};
pub use image_url::{ImageRef, ImageUrl, Scheme};
pub use query::{Query, RuleItem, VERBS, split_query, verb};
pub use rule::{MAX_STAGES, NamedImage, Role, Rule, Stage};
pub use table::operations_table;
