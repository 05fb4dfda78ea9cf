//! What all operations share: what decides, the storages of the buckets, and the gate before the work.

use std::sync::Arc;

use crate::authority::{Authority, warnings};
use crate::causes;
use crate::config::{self, Config};
use crate::error::Error;
use crate::storage::{self, Storage};
use crate::work::Gate;

/// The three modes over the configured buckets.
pub struct Service {
    pub(crate) authority: Authority,
    storages: Vec<Arc<dyn Storage>>,
    pub(crate) gate: Gate,
}

impl Service {
    /// A service over the buckets of `config`; `open` finds each one's storage.
    ///
    /// # Errors
    ///
    /// What `open` fails with, with the bucket's name.
    pub fn new(
        config: Config,
        mut open: impl FnMut(&config::Bucket) -> Result<Arc<dyn Storage>, storage::Error>,
    ) -> Result<Self, config::Error> {
        let storages = config
            .buckets
            .iter()
            .map(|bucket| {
                open(bucket).map_err(|error| config::Error::Value {
                    key: format!("bucket {}", bucket.name),
                    reason: causes::chain(&error),
                })
            })
            .collect::<Result<_, _>>()?;
        for warning in warnings(&config) {
            tracing::warn!("{warning}");
        }
        let gate = Gate::new(config.limits.concurrency, config.limits.queue);
        Ok(Self {
            authority: Authority::new(config),
            storages,
            gate,
        })
    }

    /// The configuration it runs with.
    pub fn config(&self) -> &Config {
        &self.authority.config
    }

    pub(crate) fn storage(&self, bucket: usize) -> &Arc<dyn Storage> {
        &self.storages[bucket]
    }

    /// Turns a stop at the deadline into the error that says how many seconds were allowed.
    pub(crate) fn timed(&self, error: Error) -> Error {
        match error {
            Error::Pipeline(pipeline::Error::Stopped(raster::Stopped::Deadline)) => {
                Error::Deadline {
                    seconds: self.authority.config.limits.deadline_seconds,
                }
            }
            other => other,
        }
    }
}
