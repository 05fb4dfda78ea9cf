//! The service: download, upload and process operations, spoken in `http` types, over a [`storage::Storage`].
//!
//! It knows nothing of Lambda or S3; `Service` answers `http` requests, and the storage is a trait.

mod authority;
pub mod causes;
pub mod config;
mod cors;
mod download;
mod error;
pub mod escape;
mod explain;
mod images;
mod list;
mod multipart;
mod object;
mod operation;
mod operations;
mod process;
mod service;
mod upload;
pub mod wire;
mod work;

pub use auth;
pub use config::{Config, hosts};
pub use error::{Answer, Error};
pub use explain::{Explanation, explain};
pub use pipeline;
pub use rules;
pub use service::{Front, Service};
pub use storage;
pub use upload::{Created, OPERATIONS_METADATA, SOURCE_MARK, UploadError, Uploaded};
pub use wire::body::Body;
