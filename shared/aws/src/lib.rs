//! All that knows AWS: S3 as a [`Storage`](storage::Storage) (feature `s3`), and Lambda events to `http`
//! requests and back (feature `lambda`).

#[cfg(feature = "s3")]
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "s3")]
pub mod s3;
