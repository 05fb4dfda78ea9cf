//! What the service does, a file each: every operation is a function over the [service](crate::Service) and a request that
//! is already allowed.

pub(crate) mod copy;
pub(crate) mod describe;
pub(crate) mod download;
pub(crate) mod form;
pub(crate) mod image_info;
pub(crate) mod list;
pub(crate) mod make;
pub(crate) mod multipart;
pub(crate) mod object;
pub(crate) mod process;
pub(crate) mod request;
pub(crate) mod sources;
pub(crate) mod trigger;
pub(crate) mod upload_result;
