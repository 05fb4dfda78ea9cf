//! Whether the configured buckets are there. That is asked once, beside the first request: to wait for it before the start
//! would cost more than the whole start does.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::configuration::Check;

/// What a check may take; S3 that does not answer is no fault of the configuration.
const LONGEST: Duration = Duration::from_secs(3);

/// The checks, and what they came to.
#[derive(Clone, Default)]
pub(super) struct Buckets(Arc<Asked>);

#[derive(Default)]
struct Asked {
    checks: Vec<Check>,
    wrong: OnceCell<Option<String>>,
}

impl Buckets {
    /// Asks S3 for all of them at once, while the runtime already waits for its first event. The connection that this
    /// opens is used again.
    pub(super) fn ask(checks: Vec<Check>) -> Self {
        let buckets = Self(Arc::new(Asked {
            checks,
            wrong: OnceCell::new(),
        }));
        let asking = buckets.clone();
        tokio::spawn(async move {
            if let Some(wrong) = asking.wrong().await {
                tracing::error!("{wrong}");
            }
        });
        buckets
    }

    /// What is certainly wrong with one of them, as far as it is known by now.
    pub(super) fn known_wrong(&self) -> Option<&str> {
        self.0.wrong.get()?.as_deref()
    }

    /// What is certainly wrong with one of them, once S3 has answered.
    pub(super) async fn wrong(&self) -> Option<&str> {
        let asked = &self.0;
        let found = asked.wrong.get_or_init(|| async {
            let all = join_all(asked.checks.iter().map(Check::run));
            let Ok(found) = tokio::time::timeout(LONGEST, all).await else {
                tracing::warn!("S3 did not answer in time whether the buckets are there");
                return None;
            };
            let wrong = found.into_iter().find_map(Result::err)?;
            Some(wrong.to_string())
        });
        found.await.as_deref()
    }
}
