//! All that knows AWS: S3 as a Storage, Lambda events to http requests and back.
