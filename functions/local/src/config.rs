//! Where the commands find their configuration: the option `--config`, else the environment.

use std::env::VarError;
use std::path::{Path, PathBuf};

use shared::config::{Config, Outside};

use crate::error::Error;

/// Where a configuration comes from: the option, else the environment.
pub(crate) const CONFIG_VARIABLE: &str = "MOGR_CONFIG";

/// The option `--config` of several commands.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ConfigOption {
    /// The configuration, a TOML file; else its text is taken from the environment variable `MOGR_CONFIG`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A configuration and the folder that its relative paths begin in.
pub(crate) struct Found {
    pub(crate) config: Config,
    pub(crate) base: PathBuf,
}

/// The configuration of `--config`, else of the environment, if there is one.
pub(crate) fn find_config(option: &ConfigOption) -> Result<Option<Found>, Error> {
    let (text, whence, base) = if let Some(path) = &option.config {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let base = path.parent().map(Path::to_owned).unwrap_or_default();
        (text, format!("`{}`", path.display()), base)
    } else {
        match std::env::var(CONFIG_VARIABLE) {
            Ok(text) => (text, format!("`{CONFIG_VARIABLE}`"), PathBuf::new()),
            Err(VarError::NotPresent) => return Ok(None),
            // To go on as if it were not there would serve openly what was to be guarded.
            Err(VarError::NotUnicode(_)) => return Err(Error::ConfigNotUnicode(CONFIG_VARIABLE)),
        }
    };
    let outside = Outside {
        env: &|name| std::env::var(name).ok(),
        file: &|name| std::fs::read_to_string(base.join(name)),
    };
    let config = Config::parse(&text, &outside);
    let config = config.map_err(|source| Error::Config { whence, source })?;
    Ok(Some(Found { config, base }))
}

/// The configuration, for commands that look up a key in it.
///
/// # Errors
///
/// [`Error::Usage`] if there is none, or why it cannot be read or is refused.
pub(crate) fn need_config(option: &ConfigOption) -> Result<Config, Error> {
    match find_config(option)? {
        Some(found) => Ok(found.config),
        None => Err(Error::Usage(format!(
            "the key is looked up in a configuration: give --config or set {CONFIG_VARIABLE}"
        ))),
    }
}
