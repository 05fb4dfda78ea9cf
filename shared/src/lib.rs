//! The service: download, upload and process operations, spoken in `http` types, over a [`storage::Storage`].
//!
//! It knows nothing of Lambda or S3; [`Service`] answers `http` requests, and the storage is a trait.
//!
//! A request comes in by `route.rs`, and each part uses only those below it:
//!
//! - `operations/`: what the service does, a file for each operation.
//! - `authority/`: what decides, and has no storage: who asks, for what, and whether the configuration lets them.
//! - `results/`: results of rules, known by their tags.
//! - [`config`]: one TOML, read once and refused early, and the table of its buckets.
//! - [`wire`]: what stands on the wire: names, documents, headers and bodies of the protocol.
//!
//! Beside these, `service.rs` has what operations share, `gate.rs` says who may work at once, `memory.rs` counts what
//! requests keep in memory, `answer.rs` has what all answers have in common, and `error.rs` the status and code of every
//! failure.

mod answer;
mod authority;
pub mod causes;
pub mod config;
mod error;
pub mod escape;
mod explain;
mod gate;
mod memory;
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
pub use wire::incoming::{Broken, Incoming};
