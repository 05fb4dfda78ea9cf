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

/// The one S3 client of the process, where a bucket needs it.
#[cfg(feature = "s3")]
pub(crate) struct S3(Option<aws::s3::Client>);

#[cfg(feature = "s3")]
pub(crate) fn s3_client(config: &Config) -> Result<S3, Error> {
    if !config.buckets.iter().any(is_on_s3) {
        return Ok(S3(None));
    }
    let settings = aws::s3::Settings {
        endpoint: config.s3.endpoint.clone(),
        region: config.s3.region.clone(),
        path_style: config.s3.path_style,
    };
    let client = aws::s3::client(&settings, &|name| std::env::var(name).ok());
    client.map(|client| S3(Some(client))).map_err(Error::S3)
}

#[cfg(feature = "s3")]
impl S3 {
    pub(crate) fn open(
        &self,
        bucket: &Bucket,
        base: &Path,
    ) -> Result<Arc<dyn Storage>, storage::Error> {
        match (&bucket.location, &self.0) {
            (Location::S3 { bucket, prefix }, Some(client)) => {
                Ok(Arc::new(aws::s3::S3::new(client.clone(), bucket, prefix)))
            }
            _ => open_storage(bucket, base),
        }
    }

    /// Refuses buckets that are certainly not there. Where S3 does not tell, the requests will.
    pub(crate) async fn check(&self, buckets: &[Bucket]) -> Result<(), Error> {
        const LONGEST: std::time::Duration = std::time::Duration::from_secs(10);
        for bucket in buckets {
            let (Location::S3 { bucket: name, .. }, Some(client)) = (&bucket.location, &self.0)
            else {
                continue;
            };
            let asked = tokio::time::timeout(LONGEST, aws::s3::check_bucket(client, name)).await;
            let reason = match asked {
                Ok(aws::s3::BucketCheck::Ready) => continue,
                Ok(aws::s3::BucketCheck::Unusable(reason)) => {
                    let name = bucket.name.clone();
                    return Err(Error::NoBucket { name, reason });
                }
                Ok(aws::s3::BucketCheck::Unknown(reason)) => reason,
                Err(_) => "S3 did not answer in time".to_owned(),
            };
            tracing::warn!("bucket `{}` could not be checked: {reason}", bucket.name);
        }
        Ok(())
    }
}

/// This build knows folders only.
#[cfg(not(feature = "s3"))]
pub(crate) struct S3;

#[cfg(not(feature = "s3"))]
pub(crate) fn s3_client(config: &Config) -> Result<S3, Error> {
    match config.buckets.iter().find(|bucket| is_on_s3(bucket)) {
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
    pub(crate) async fn check(&self, _buckets: &[Bucket]) -> Result<(), Error> {
        Ok(())
    }
}

fn is_on_s3(bucket: &Bucket) -> bool {
    matches!(bucket.location, Location::S3 { .. })
}
