//! What all operations share: what decides, the storages of the buckets, and the gate before the work.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::authority::call::Call;
use crate::authority::{Authority, warnings};
use crate::causes;
use crate::config::{self, Config};
use crate::error::Error;
use crate::gate::Gate;
use crate::memory::{Bounds, Memory};
use crate::storage::deadline::within_until;
use crate::storage::{self, Storage};
use crate::work;

/// The most bytes of a document that a client sends: a list of 1,000 keys to delete, or of 10,000 parts to join.
pub(crate) const DOCUMENT_BYTES: u64 = 2 << 20;
/// Bodies of requests in memory at once, as a multiple of the longest that is allowed.
const BODIES: u64 = 4;

/// Forms whose fields are read at once. Until then nobody knows who sends them.
const MAX_FORMS: usize = 64;

/// The three modes over the configured buckets.
pub struct Service {
    pub(crate) authority: Authority,
    storages: Vec<Arc<dyn Storage>>,
    pub(crate) gate: Gate,
    /// Forms whose fields are being read.
    pub(crate) forms: Semaphore,
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
        let limits = &config.limits;
        let total = limits.memory_total_bytes;
        let bodies = limits.put_bytes.saturating_mul(BODIES);
        let bodies = bodies.max(2 * DOCUMENT_BYTES).min(total / 2);
        let memory = Arc::new(Memory::new(Bounds {
            total,
            bodies,
            // Where nothing is signed nobody is to be kept in.
            unsigned: if config.keys.is_empty() {
                bodies
            } else {
                bodies / 2
            },
            // Only who has an entry waits, perhaps with several of its blocks.
            queue: limits.concurrency.saturating_mul(4),
        }));
        let gate = Gate::new(limits.concurrency, limits.queue, memory);
        Ok(Self {
            authority: Authority::new(config),
            storages,
            gate,
            forms: Semaphore::new(MAX_FORMS),
        })
    }

    /// The configuration it runs with.
    pub fn config(&self) -> &Config {
        &self.authority.config
    }

    pub(crate) fn storage(&self, bucket: usize) -> &Arc<dyn Storage> {
        &self.storages[bucket]
    }

    /// Carries out what a request asks for; its time begins now. Where the request has a body, the time begins anew when that
    /// has come: how long that takes is up to the client.
    pub(crate) async fn within<F: Future>(&self, call: &Call, work: F) -> F::Output {
        let end = call.front.deadline;
        let deadline = work::deadline(self.authority.config.limits.deadline_seconds, end);
        within_until(deadline, end, work).await
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
