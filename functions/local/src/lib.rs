//! The local host: the service on a port of this machine, over folders, and the pipeline on files.
//!
//! [`Server`] puts any [`shared::Service`] on a port; [`open_storage`] finds a bucket's folder; [`cli`] is the command
//! line. Nothing here knows what a rule does.

pub mod cli;
mod config;
mod error;
mod explain;
mod files;
mod front;
mod policy;
mod samples;
mod serve;
mod sign;
mod storage;
mod url;

pub use error::Error;
pub use front::{Patience, Server};
pub use storage::open_storage;
