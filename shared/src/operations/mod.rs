//! What the service does, a file each: every operation is a function over the [service](crate::Service) and a request that
//! is already allowed.

pub(crate) mod request;
