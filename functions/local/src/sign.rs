//! Signing the requests that `mogr url` prints, and `mogr explain`.

use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use auth::explain::Pasted;
use auth::{Key, Signing, Window};

use crate::cli::ConfigOption;
use crate::{Error, serve};

/// A key of the configuration, and when what it signs is good.
pub(crate) struct Signer {
    key: Key,
    window: Window,
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl Signer {
    pub(crate) fn new(
        config: &ConfigOption,
        id: Option<&str>,
        seconds: u64,
    ) -> Result<Self, Error> {
        let config = serve::need_config(config)?;
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

/// What `mogr explain` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    config: ConfigOption,
    /// What the client signed, where it can tell: its `HttpString` or `StringToSign`.
    #[arg(long, value_name = "FILE")]
    client: Option<PathBuf>,
    /// As if it were this second of Unix time.
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
    /// The client's address, where policies have conditions on it.
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// A URL; or, without one, the request on standard input: a request line and its headers, as `curl -v` shows them.
    #[arg(value_name = "URL")]
    request: Option<String>,
}

impl Explain {
    pub(crate) fn run(self) -> Result<(), Error> {
        let config = serve::need_config(&self.config)?;
        let text = if let Some(url) = self.request {
            url.into_bytes()
        } else {
            let mut text = Vec::new();
            io::stdin().read_to_end(&mut text).map_err(Error::System)?;
            text
        };
        let client = match self.client {
            Some(path) => {
                let text = std::fs::read(&path);
                let text = text.map_err(|source| Error::Read { path, source })?;
                Some(String::from_utf8_lossy(&text).into_owned())
            }
            None => None,
        };
        let pasted = Pasted::parse(text)?;
        let now = self.now.unwrap_or_else(now);
        let explanation = shared::explain(config, &pasted, self.address, now, client.as_deref());
        print!("{explanation}");
        match explanation.refusal {
            None => Ok(()),
            Some(_) => Err(Error::No),
        }
    }
}
