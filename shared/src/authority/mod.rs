//! What decides: who asks, for what, and whether the configuration lets them. It has no storage, so that nothing is read, and
//! no existence told, before it has decided.

pub(crate) mod call;
pub(crate) mod cors;
pub(crate) mod decide;
pub(crate) mod images;
pub(crate) mod jobs;
pub(crate) mod operation;
pub(crate) mod signature;

use auth::policy::Policy;

use crate::config::Config;

/// What the configuration lets whom do. It decides, and has no storage.
pub(crate) struct Authority {
    pub(crate) config: Config,
    /// The keys of the configuration, in its order.
    pub(crate) keys: Vec<auth::Key>,
}

impl Authority {
    pub(crate) fn new(config: Config) -> Self {
        let keys = config.keys.iter().map(|key| key.key.clone()).collect();
        Self { config, keys }
    }

    pub(crate) fn bucket_name(&self, bucket: usize) -> &str {
        &self.config.buckets[bucket].name
    }
}

/// What policies of the configuration say in vain, with where it stands.
pub(crate) fn idle_actions(config: &Config) -> Vec<String> {
    let anonymous = [("anonymous.policy".to_owned(), config.anonymous.policy())];
    let upload = [("upload.policy".to_owned(), config.upload.access.policy())];
    let keys = config.keys.iter().map(|key| {
        let at = format!("policy of key `{}`", key.key.id);
        (at, key.access.policy())
    });
    let buckets = config.buckets.iter().map(|bucket| {
        let at = format!("policy of bucket `{}`", bucket.name);
        (at, bucket.policy.as_ref())
    });
    let policies = anonymous
        .into_iter()
        .chain(upload)
        .chain(keys)
        .chain(buckets);
    policies
        .flat_map(|(at, policy)| {
            let warnings = policy.map(Policy::warnings).unwrap_or_default();
            warnings
                .into_iter()
                .map(move |warning| format!("{at}: {warning}"))
        })
        .collect()
}
