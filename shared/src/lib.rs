//! The service: download, upload and process operations, spoken in `http` types, over a [`storage::Storage`].

pub mod storage;

pub use auth;
pub use pipeline;
pub use rules;
