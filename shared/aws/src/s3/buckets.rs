//! The buckets on S3 that a configuration names: opened through one client, and asked for once.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use futures_util::future::join_all;
use shared::config::{self, Bucket, Config, Location};
use storage::Storage;

use super::bucket::S3;
use super::client::{BucketCheck, Settings, SettingsError, check_bucket, client};

/// The buckets on S3 that a configuration names, and the one client of the process, made only where there is such a
/// bucket.
#[derive(Clone, Debug, Default)]
pub struct ConfiguredBuckets {
    client: Option<Client>,
    named: Vec<Named>,
}

/// A bucket by its two names.
#[derive(Clone, Debug)]
struct Named {
    /// As COS clients call it.
    name: String,
    /// As S3 calls it.
    bucket: String,
}

/// A configured bucket for which no request can succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bucket `{name}`: {reason}")]
pub struct Unusable {
    /// As COS clients call it.
    pub name: String,
    /// What S3 said.
    pub reason: String,
}

impl From<&config::S3> for Settings {
    fn from(s3: &config::S3) -> Self {
        Self {
            endpoint: s3.endpoint.clone(),
            region: s3.region.clone(),
            path_style: s3.path_style,
        }
    }
}

impl ConfiguredBuckets {
    /// Those of `config`. `endpoint` is where S3 is if the configuration does not say; `env` gives the credentials, see
    /// [`client`].
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if there is such a bucket, and no way to ask S3 for it.
    pub fn new(
        config: &Config,
        endpoint: Option<String>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let named = config
            .buckets
            .iter()
            .filter_map(|bucket| match &bucket.location {
                Location::S3 { bucket: on_s3, .. } => Some(Named {
                    name: bucket.name.clone(),
                    bucket: on_s3.clone(),
                }),
                Location::Folder(_) => None,
            });
        let named: Vec<Named> = named.collect();
        let mut settings = Settings::from(&config.s3);
        settings.endpoint = settings.endpoint.or(endpoint);
        let client = (!named.is_empty())
            .then(|| client(&settings, env))
            .transpose()?;
        Ok(Self { client, named })
    }

    /// The storage of `bucket`, if it is on S3. Nothing is sent.
    pub fn open(&self, bucket: &Bucket) -> Option<Arc<dyn Storage>> {
        match (&bucket.location, &self.client) {
            (Location::S3 { bucket, prefix }, Some(client)) => {
                Some(Arc::new(S3::new(client.clone(), bucket, prefix)))
            }
            _ => None,
        }
    }

    /// Asks S3 for all of them at once. One of which S3 does not tell within `patience` whether it is there is logged,
    /// and left for the requests to find out.
    ///
    /// # Errors
    ///
    /// [`Unusable`] names the first of those for which no request can succeed, in the order of the configuration.
    pub async fn check(&self, patience: Duration) -> Result<(), Unusable> {
        let Some(client) = &self.client else {
            return Ok(());
        };
        let ask = async |named: &Named| {
            let asked = tokio::time::timeout(patience, check_bucket(client, &named.bucket)).await;
            asked.unwrap_or_else(|_| BucketCheck::Unknown("S3 did not answer in time".to_owned()))
        };
        let answers = join_all(self.named.iter().map(ask)).await;
        let mut unusable = None;
        for (named, answer) in self.named.iter().zip(answers) {
            match answer {
                BucketCheck::Ready => {}
                BucketCheck::Unusable(reason) => {
                    unusable.get_or_insert_with(|| Unusable {
                        name: named.name.clone(),
                        reason,
                    });
                }
                BucketCheck::Unknown(reason) => {
                    tracing::warn!("bucket `{}` could not be checked: {reason}", named.name);
                }
            }
        }
        unusable.map_or(Ok(()), Err)
    }
}
