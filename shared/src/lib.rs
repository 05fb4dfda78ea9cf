//! The service: download, upload and process operations, spoken in `http` types, over a [`storage::Storage`].
//!
//! It knows nothing of Lambda or S3; `Service` answers `http` requests, and the storage is a trait.

mod answer;
mod authority;
pub mod causes;
pub mod config;
mod error;
pub mod escape;
mod explain;
mod operations;
mod results;
mod route;
mod service;
pub mod wire;
mod work;

pub use answer::{Seen, refuse};
pub use auth;
pub use authority::call::Front;
pub use authority::jobs::{Created, OPERATIONS_METADATA};
pub use config::{Config, hosts};
pub use error::{Answer, Error};
pub use explain::{Explanation, explain};
pub use operations::trigger::{SOURCE_MARK, UploadError, Uploaded};
pub use pipeline;
pub use rules;
pub use service::Service;
pub use storage;
pub use wire::body::Body;
