//! Why a command failed, as it is told on standard error.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The environment variable that holds the configuration holds no text.
    #[error("the environment variable {0} is not UTF-8; it holds the configuration (TOML)")]
    ConfigNotUnicode(&'static str),
    /// A file could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The configuration is refused.
    #[error("the configuration in {whence} is refused")]
    Config {
        /// The file, or the environment variable.
        whence: String,
        /// Why.
        source: shared::config::Error,
    },
    /// What the configuration names is not there.
    #[error("the service cannot start")]
    Start(#[source] shared::config::Error),
    /// A bucket on S3, and a build without it.
    #[error("bucket `{0}` is on S3, and this build knows folders only; build with `--features s3`")]
    NoS3(String),
    /// A bucket on S3, and no way there.
    #[cfg(feature = "s3")]
    #[error("a bucket is on S3, which cannot be reached")]
    S3(#[source] aws::s3::SettingsError),
    /// A bucket that S3 says is not there.
    #[cfg(feature = "s3")]
    #[error(transparent)]
    NoBucket(#[from] aws::s3::Unusable),
    /// Without a configuration the service would be open to everyone, and the address is reachable from other machines.
    #[error(
        "without a configuration everyone may do everything, so only a loopback address is listened on; found `{0}`"
    )]
    NotLoopback(SocketAddr),
    /// The port is taken, or not ours.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Standard input could not be read, or no runtime could be started.
    #[error("the system failed")]
    System(#[source] io::Error),
    /// A rule is refused.
    #[error(transparent)]
    Rule(#[from] rules::Error),
    /// A file is no picture that the rule takes.
    #[error("`{}`", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pipeline::Error,
    },
    /// The pipeline refused, or failed.
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
    /// A name that no object can have.
    #[error("`{name}`")]
    Name {
        /// What was found.
        name: String,
        /// Why it is none.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A policy document is refused.
    #[error("`{}`", path.display())]
    Policy {
        /// The document.
        path: PathBuf,
        /// Why.
        source: auth::policy::Error,
    },
    /// A pasted request that is none.
    #[error(transparent)]
    Pasted(#[from] auth::explain::PastedError),
    /// Arguments that do not go together.
    #[error("{0}")]
    Usage(String),
    /// The command did its work, and the answer is no. Everything is said already.
    #[error("")]
    No,
}

impl Error {
    /// 2 for usage, 1 for all else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }
}
