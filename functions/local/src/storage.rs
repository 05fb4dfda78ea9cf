//! The storages of the configured buckets: folders of this machine and, with the feature `s3`, buckets on S3.

use std::io;
use std::path::Path;
use std::sync::Arc;

use shared::config::{Bucket, Config, Location};
use shared::storage::{self, Folder, Storage};

use crate::error::Error;

/// The storage of a bucket whose objects are in a folder; a relative one begins in `base`.
///
/// # Errors
///
/// What the system says of the folder, with its name.
pub fn open_storage(bucket: &Bucket, base: &Path) -> Result<Arc<dyn Storage>, storage::Error> {
    let fails = |reason: String| storage::Error::Other(io::Error::other(reason).into());
    match &bucket.location {
        Location::Folder(folder) => {
            let folder = base.join(folder);
            let opened = Folder::open(&folder);
            let opened =
                opened.map_err(|error| fails(format!("`{}`: {error}", folder.display())))?;
            Ok(Arc::new(opened))
        }
        Location::S3 { .. } => Err(fails("this build knows folders only".to_owned())),
    }
}

/// The configured buckets on S3.
#[cfg(feature = "s3")]
pub(crate) struct S3(aws::s3::ConfiguredBuckets);

#[cfg(feature = "s3")]
pub(crate) fn s3_buckets(config: &Config) -> Result<S3, Error> {
    let buckets = aws::s3::ConfiguredBuckets::new(config, None, &|name| std::env::var(name).ok());
    buckets.map(S3).map_err(Error::S3)
}

#[cfg(feature = "s3")]
impl S3 {
    pub(crate) fn open(
        &self,
        bucket: &Bucket,
        base: &Path,
    ) -> Result<Arc<dyn Storage>, storage::Error> {
        match self.0.open(bucket) {
            Some(opened) => Ok(opened),
            None => open_storage(bucket, base),
        }
    }

    /// Refuses buckets that are certainly not there. Where S3 does not tell, the requests will.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        const LONGEST: std::time::Duration = std::time::Duration::from_secs(10);
        Ok(self.0.check(LONGEST).await?)
    }
}

/// This build knows folders only.
#[cfg(not(feature = "s3"))]
pub(crate) struct S3;

#[cfg(not(feature = "s3"))]
pub(crate) fn s3_buckets(config: &Config) -> Result<S3, Error> {
    let is_on_s3 = |bucket: &&Bucket| matches!(bucket.location, Location::S3 { .. });
    match config.buckets.iter().find(is_on_s3) {
        Some(bucket) => Err(Error::NoS3(bucket.name.clone())),
        None => Ok(S3),
    }
}

#[cfg(not(feature = "s3"))]
impl S3 {
    #[allow(clippy::unused_self)] // As it is with the feature.
    pub(crate) fn open(
        &self,
        bucket: &Bucket,
        base: &Path,
    ) -> Result<Arc<dyn Storage>, storage::Error> {
        open_storage(bucket, base)
    }

    #[allow(clippy::unused_self, clippy::unused_async)]
    pub(crate) async fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}
