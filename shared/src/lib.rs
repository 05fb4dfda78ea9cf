//! The service: download, upload and process operations, spoken in `http` types, over a [`storage::Storage`].
//!
//! It knows nothing of Lambda or S3; `Service` answers `http` requests, and the storage is a trait.

mod authority;
mod body;
pub mod causes;
mod conditions;
pub mod config;
mod cors;
mod download;
mod error;
pub mod escape;
mod explain;
mod headers;
pub mod hosts;
mod images;
mod list;
mod multipart;
mod object;
mod operation;
pub mod pic_operations;
mod process;
mod request_id;
mod service;
mod upload;
pub mod wire;
mod work;
mod xml;

pub use auth;
pub use body::Body;
pub use config::Config;
pub use error::{Answer, Error};
pub use explain::{Explanation, explain};
pub use pipeline;
pub use rules;
pub use service::{Front, Service};
pub use storage;
pub use upload::{Created, OPERATIONS_METADATA, SOURCE_MARK, UploadError, Uploaded};
