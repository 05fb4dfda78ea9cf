//! `mogr serve`: opens the configured buckets, listens, and stops cleanly.

use std::io::{self, IsTerminal, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use shared::Service;
use shared::config::{Bucket, Config, Location};

use crate::config::{ConfigOption, Found, find_config};
use crate::error::Error;
use crate::front::Server;
use crate::samples::{self, SAMPLE_BUCKET, SAMPLE_HOST};
use crate::storage::s3_buckets;
use crate::url;

/// The folder that the samples are copied to and served from.
const DATA: &str = "data";
/// Where the server listens if nothing is said: this machine only.
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
    /// Without a configuration: let pages of other origins show what is served.
    #[arg(long, conflicts_with = "config")]
    allow_embedding: bool,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            listen: LISTEN,
            config: ConfigOption::default(),
            root: None,
            allow_embedding: false,
        }
    }
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
        let mut config = Config::open(SAMPLE_BUCKET, folder);
        config.embedding = arguments.allow_embedding;
        Found {
            config,
            base: PathBuf::new(),
        }
    };
    let s3 = s3_buckets(&config)?;
    let is_open = config.anonymous.is_open();
    let folders: Vec<String> = config.buckets.iter().map(described).collect();
    let service = Service::new(config, |bucket| s3.open(bucket, &base));
    let service = service.map_err(Error::Start)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::System)?;
    runtime.block_on(async {
        s3.check().await?;
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
