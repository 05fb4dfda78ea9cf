//! `mogr serve`: finds the configuration, opens the folders, listens, and stops cleanly.

use std::env::VarError;
use std::io::{self, IsTerminal, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shared::Service;
use shared::config::{self, Bucket, Config, Location, Outside};
use shared::storage::{self, Folder, Storage};

use crate::cli::{CONFIG_VARIABLE, ConfigOption};
use crate::url::{self, SAMPLE_BUCKET, SAMPLE_HOST};
use crate::{Error, Server, samples};

/// Where the samples go.
const DATA: &str = "data";
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// What `mogr serve` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value_t = LISTEN)]
    listen: SocketAddr,
    #[command(flatten)]
    config: ConfigOption,
    /// Serve this folder, open to everyone on this machine, without a configuration.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    root: Option<PathBuf>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            listen: LISTEN,
            config: ConfigOption::default(),
            root: None,
        }
    }
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

/// The storage of a bucket whose objects are in a folder; a relative one begins in `base`.
///
/// # Errors
///
/// What the system says of the folder, with its name.
pub fn open_storage(bucket: &Bucket, base: &Path) -> Result<Arc<dyn Storage>, storage::Error> {
    let fails = |reason: String| storage::Error::Other(io::Error::other(reason).into());
    match &bucket.location {
        Location::Folder(folder) => {
            let folder = base.join(folder);
            let opened = Folder::open(&folder);
            let opened =
                opened.map_err(|error| fails(format!("`{}`: {error}", folder.display())))?;
            Ok(Arc::new(opened))
        }
        Location::S3 { .. } => Err(fails("this build knows folders only".to_owned())),
    }
}

/// The one S3 client of the process, where a bucket needs it.
#[cfg(feature = "s3")]
struct S3(Option<aws::s3::Client>);

#[cfg(feature = "s3")]
fn s3_client(config: &Config) -> Result<S3, Error> {
    if !config.buckets.iter().any(is_on_s3) {
        return Ok(S3(None));
    }
    let settings = aws::s3::Settings {
        endpoint: config.s3.endpoint.clone(),
        region: config.s3.region.clone(),
        path_style: config.s3.path_style,
    };
    let client = aws::s3::client(&settings, &|name| std::env::var(name).ok());
    client.map(|client| S3(Some(client))).map_err(Error::S3)
}

#[cfg(feature = "s3")]
impl S3 {
    fn open(&self, bucket: &Bucket, base: &Path) -> Result<Arc<dyn Storage>, storage::Error> {
        match (&bucket.location, &self.0) {
            (Location::S3 { bucket, prefix }, Some(client)) => {
                Ok(Arc::new(aws::s3::S3::new(client.clone(), bucket, prefix)))
            }
            _ => open_storage(bucket, base),
        }
    }

    /// Refuses buckets that are certainly not there. Where S3 does not tell, the requests will.
    async fn check(&self, buckets: &[Bucket]) -> Result<(), Error> {
        const LONGEST: std::time::Duration = std::time::Duration::from_secs(10);
        for bucket in buckets {
            let (Location::S3 { bucket: name, .. }, Some(client)) = (&bucket.location, &self.0)
            else {
                continue;
            };
            let asked = tokio::time::timeout(LONGEST, aws::s3::check_bucket(client, name)).await;
            let reason = match asked {
                Ok(aws::s3::BucketCheck::Ready) => continue,
                Ok(aws::s3::BucketCheck::Unusable(reason)) => {
                    let name = bucket.name.clone();
                    return Err(Error::NoBucket { name, reason });
                }
                Ok(aws::s3::BucketCheck::Unknown(reason)) => reason,
                Err(_) => "S3 did not answer in time".to_owned(),
            };
            tracing::warn!("bucket `{}` could not be checked: {reason}", bucket.name);
        }
        Ok(())
    }
}

/// This build knows folders only.
#[cfg(not(feature = "s3"))]
struct S3;

#[cfg(not(feature = "s3"))]
fn s3_client(config: &Config) -> Result<S3, Error> {
    match config.buckets.iter().find(|bucket| is_on_s3(bucket)) {
        Some(bucket) => Err(Error::NoS3(bucket.name.clone())),
        None => Ok(S3),
    }
}

#[cfg(not(feature = "s3"))]
impl S3 {
    #[allow(clippy::unused_self)] // As it is with the feature.
    fn open(&self, bucket: &Bucket, base: &Path) -> Result<Arc<dyn Storage>, storage::Error> {
        open_storage(bucket, base)
    }

    #[allow(clippy::unused_self, clippy::unused_async)]
    async fn check(&self, _buckets: &[Bucket]) -> Result<(), Error> {
        Ok(())
    }
}

fn is_on_s3(bucket: &Bucket) -> bool {
    matches!(bucket.location, Location::S3 { .. })
}

pub(crate) fn serve(arguments: &Arguments) -> Result<(), Error> {
    log();
    let found = match &arguments.root {
        Some(_) => None,
        None => find_config(&arguments.config)?,
    };
    if found.is_none() && !arguments.listen.ip().is_loopback() {
        return Err(Error::NotLoopback(arguments.listen));
    }
    let with_samples = found.is_none() && arguments.root.is_none();
    let is_configured = found.is_some();
    let Found { config, base } = if let Some(found) = found {
        found
    } else {
        let folder = arguments.root.clone().unwrap_or_else(|| DATA.into());
        if with_samples {
            samples::copy(&folder)?;
        }
        Found {
            config: Config::open(SAMPLE_BUCKET, folder),
            base: PathBuf::new(),
        }
    };
    let s3 = s3_client(&config)?;
    let is_open = config.anonymous.is_open();
    let buckets = config.buckets.clone();
    let folders: Vec<String> = buckets.iter().map(described).collect();
    let service = Service::new(config, |bucket| s3.open(bucket, &base));
    let service = service.map_err(Error::Start)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::System)?;
    runtime.block_on(async {
        s3.check(&buckets).await?;
        let listen = |source| Error::Listen {
            address: arguments.listen,
            source,
        };
        let server = Server::bind(arguments.listen, Arc::new(service)).await;
        let server = server.map_err(listen)?;
        let address = server.address().map_err(listen)?;
        say(&format!(
            "Mogr serves {} on http://{address}",
            folders.join(", ")
        ));
        if is_configured && is_open && !address.ip().is_loopback() {
            tracing::warn!("everyone who reaches {address} may do everything: policy = \"open\"");
        } else if is_open {
            say("Everyone on this machine may read and write it; it is reachable from nowhere else.");
        }
        if with_samples {
            print_examples(address)?;
        }
        say("Ctrl-C stops it.");
        server.run(stopped()).await;
        say("Stopped.");
        Ok(())
    })
}

/// A line on standard output. Whoever reads it may go; the server stays.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn described(bucket: &Bucket) -> String {
    match &bucket.location {
        Location::Folder(folder) => format!("{} ({})", bucket.name, folder.display()),
        Location::S3 { bucket: name, .. } => format!("{} (s3://{name})", bucket.name),
    }
}

fn print_examples(address: SocketAddr) -> Result<(), Error> {
    let base = format!("http://{address}");
    let frames: Vec<String> = (1..=6).map(|n| format!("image-{n}.jpg")).collect();
    let animate = url::animate(&frames, 500, SAMPLE_HOST)?;
    say("");
    say(&format!("  as it is          {base}/photo.jpg"));
    say(&format!(
        "  progressive JPEG  {base}/photo.jpg?imageMogr2/interlace/1"
    ));
    say(&format!(
        "  PNG to JPEG       {base}/sample.png?imageMogr2/format/jpg/interlace/1"
    ));
    say(&format!("  6-frame GIF       {base}/image-1.jpg?{animate}"));
    say(&format!(
        "  the GIF, stored   {}",
        url::post(&base, "image-1.jpg", &animate, "animation.gif", &[])
    ));
    say(&format!("                    {base}/animation.gif"));
    say("");
    Ok(())
}

/// One line a request, on standard error.
fn log() {
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_max_level(tracing::Level::INFO);
    // A second start in one process keeps the first one's log.
    let _ = log.compact().try_init();
}

/// Done at Ctrl-C or SIGTERM; the next one ends the process at once.
async fn stopped() {
    signal().await;
    say("Stopping: requests under way are answered first, another Ctrl-C ends them.");
    tokio::spawn(async {
        signal().await;
        std::process::exit(130);
    });
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => wait_for_ctrl_c().await,
    }
}

#[cfg(not(unix))]
async fn signal() {
    wait_for_ctrl_c().await;
}

async fn wait_for_ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Where there are no signals the server runs until it is killed.
        std::future::pending::<()>().await;
    }
}

/// The error of a configuration, for commands that need one.
pub(crate) fn need_config(option: &ConfigOption) -> Result<config::Config, Error> {
    match find_config(option)? {
        Some(found) => Ok(found.config),
        None => Err(Error::Usage(format!(
            "the key is looked up in a configuration: give --config or set {CONFIG_VARIABLE}"
        ))),
    }
}
