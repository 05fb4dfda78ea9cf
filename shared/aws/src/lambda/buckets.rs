//! Whether the configured buckets are there. That is asked once, beside the first request: to wait for it before the start
//! would cost more than the whole start does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::s3::ConfiguredBuckets;

/// How long S3 may take to say whether the buckets are there. That it does not answer is no fault of the configuration.
const LONGEST: Duration = Duration::from_secs(3);

/// The buckets, and what is wrong with one of them.
#[derive(Clone, Default)]
pub(super) struct Buckets(Arc<Asked>);

#[derive(Default)]
struct Asked {
    buckets: ConfiguredBuckets,
    wrong: OnceCell<Option<String>>,
}

impl Buckets {
    /// Asks S3 for all of them at once, while the runtime already waits for its first event. The connection that this
    /// opens is used again.
    pub(super) fn ask(buckets: ConfiguredBuckets) -> Self {
        let buckets = Self(Arc::new(Asked {
            buckets,
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
            let wrong = asked.buckets.check(LONGEST).await.err()?;
            Some(format!("configuration: {wrong}"))
        });
        found.await.as_deref()
    }
}
