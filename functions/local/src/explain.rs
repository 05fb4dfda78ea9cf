//! `mogr explain`: what the service makes of a request, told instead of carried out.

use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;

use auth::explain::Pasted;

use crate::config::{ConfigOption, need_config};
use crate::error::Error;
use crate::sign::now;

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
        let config = need_config(&self.config)?;
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
