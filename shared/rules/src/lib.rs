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

#![allow(
    clippy::option_option,
    reason = "a value is wrong, or asks for nothing, or for something"
)]

mod color;
mod command;
mod error;
mod image_mogr2;
mod image_url;
mod image_view2;
mod operation;
mod query;
mod rule;
mod stage;
mod table;
mod values;
mod watermark;

pub use color::Color;
pub use command::{Info, VERBS, verb};
pub use error::{Error, ImageError};
pub use image_mogr2::animate::{Animate, Fit, MAX_DURATION};
pub use image_mogr2::crop::{Axis, Crop, Cut, Extent, Gravity, IndexCrop, Place, Rcrop, Scrop};
pub use image_mogr2::frames::Frames;
pub use image_mogr2::output::{Format, Output, Preset, Quality, SizeLimit};
pub use image_mogr2::thumbnail::{Resize, Thumbnail, When};
pub use image_mogr2::tone::Blur;
pub use image_mogr2::turn::Flip;
pub use image_mogr2::{ImageMogr2, Transform};
pub use image_url::{ImageRef, ImageUrl, Scheme};
pub use image_view2::{ImageView2, Mode, View};
pub use query::{Query, QueryRule, query_items, split_query};
pub use rule::{MAX_MARKS, MAX_OPERATIONS, MAX_STAGES, NamedImage, Role, Rule};
pub use stage::Stage;
pub use table::operations_table;
pub use values::{Decimal, MAX_SIDE};
pub use watermark::{Mark, MarkScale, Overflow, Watermark};
