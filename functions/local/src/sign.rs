//! Signing the requests that `mogr url` prints.

use std::time::{SystemTime, UNIX_EPOCH};

use auth::{Key, Signing, Window};

use crate::config::{ConfigOption, need_config};
use crate::error::Error;

/// A key of the configuration, and when what it signs is good.
pub(crate) struct Signer {
    key: Key,
    window: Window,
}

/// Unix time, in seconds.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl Signer {
    pub(crate) fn new(
        config: &ConfigOption,
        id: Option<&str>,
        seconds: u64,
    ) -> Result<Self, Error> {
        let config = need_config(config)?;
        let mut keys = config.keys.into_iter().map(|key| key.key);
        let key = match id {
            Some(id) => keys.find(|key| key.id == id),
            None => keys.next(),
        };
        let key = key.ok_or_else(|| {
            Error::Usage(match id {
                Some(id) => format!("the configuration has no key `{id}`"),
                None => "the configuration has no [[key]]".to_owned(),
            })
        })?;
        let start = now();
        let end = start.saturating_add(seconds);
        Ok(Self {
            key,
            window: Window { start, end },
        })
    }

    /// The query of a presigned GET.
    pub(crate) fn query(&self, host: &str, object: &str, rule: &str) -> String {
        let path = format!("/{object}");
        Signing {
            key: &self.key,
            method: "GET",
            path: path.as_bytes(),
            params: &[(rule, "")],
            headers: &[("host", host.as_bytes())],
            window: self.window,
        }
        .query()
    }

    /// The `Authorization` header of a PUT or POST with `Pic-Operations`.
    pub(crate) fn authorization(
        &self,
        method: &str,
        host: &str,
        object: &str,
        parameters: &[(&str, &str)],
        operations: &str,
    ) -> String {
        let path = format!("/{object}");
        Signing {
            key: &self.key,
            method,
            path: path.as_bytes(),
            params: parameters,
            headers: &[
                ("host", host.as_bytes()),
                ("pic-operations", operations.as_bytes()),
            ],
            window: self.window,
        }
        .authorization()
    }
}
