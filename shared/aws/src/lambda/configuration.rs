//! The configuration of a function: `MOGR_CONFIG` is its TOML, or `s3://bucket/key` of it.

use std::io;
use std::sync::Arc;

use shared::Service;
use shared::config::{Config, Limits, Location, Outside};
use storage::{Folder, GetOptions, ObjectKey, Storage};

use crate::s3::{self, ConfiguredBuckets, S3};

/// Bytes that a configuration, or a policy file beside it, may have.
const MAX_BYTES: u64 = 1 << 20;

/// Why a function does not start. The text is all that its operator sees.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `MOGR_CONFIG` is not set.
    #[error(
        "the environment variable MOGR_CONFIG is not set; it holds the configuration (TOML), or s3://bucket/key of it"
    )]
    Missing,
    /// `MOGR_CONFIG` begins with `s3://` and names no object.
    #[error("MOGR_CONFIG is `{0}`; an address of a configuration is s3://bucket/key")]
    Address(String),
    /// The object that `MOGR_CONFIG` names could not be read.
    #[error("the configuration at {0} could not be read: {1}")]
    Read(String, io::Error),
    /// The configuration is refused.
    #[error("configuration: {0}")]
    Refused(#[from] shared::config::Error),
    /// There is no client of S3.
    #[error("configuration: {0}")]
    S3(#[from] s3::SettingsError),
    /// An environment variable of the function has a value that it may not have.
    #[error("the environment variable {name} is `{found}`; allowed are {allowed}")]
    Setting {
        /// The variable's name.
        name: &'static str,
        /// Its value.
        found: String,
        /// The values that it may have, as words of a sentence.
        allowed: &'static str,
    },
}

pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where S3 is before a configuration says so: for tests and S3-like servers, the variable that all AWS SDKs know.
fn first_settings() -> s3::Settings {
    s3::Settings {
        endpoint: env("AWS_ENDPOINT_URL_S3").or_else(|| env("AWS_ENDPOINT_URL")),
        ..s3::Settings::default()
    }
}

/// Reads and checks the configuration, and makes the service over its buckets.
pub(super) fn service() -> Result<(Service, ConfiguredBuckets), Error> {
    let source = env("MOGR_CONFIG")
        .filter(|text| !text.trim().is_empty())
        .ok_or(Error::Missing)?;
    let config = match source.trim().strip_prefix("s3://") {
        None => {
            // A policy file that was packed beside the binary.
            let root = env("LAMBDA_TASK_ROOT").unwrap_or_else(|| ".".to_owned());
            let file = |name: &str| std::fs::read_to_string(std::path::Path::new(&root).join(name));
            parse(&source, &file)?
        }
        Some(address) => {
            let whole = format!("s3://{address}");
            let (bucket, key) = address
                .split_once('/')
                .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
                .ok_or_else(|| Error::Address(whole.clone()))?;
            // Files that it names lie beside it.
            let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
            let settings = first_settings();
            let file = |name: &str| {
                let slash = if folder.is_empty() { "" } else { "/" };
                fetch(&settings, bucket, &format!("{folder}{slash}{name}"))
            };
            let text = fetch(&settings, bucket, key).map_err(|error| Error::Read(whole, error))?;
            parse(&text, &file)?
        }
    };
    open(bounded(config, env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")))
}

/// All requests together take no more than three quarters of the function's memory, and so does the work on one picture,
/// whatever the configuration says: what needs more is refused, where the function would be killed. `megabytes` is as Lambda
/// says it.
fn bounded(mut config: Config, megabytes: Option<String>) -> Config {
    if let Some(megabytes) = megabytes.and_then(|text| text.parse::<u64>().ok()) {
        let most = megabytes.saturating_mul(1 << 20) / 4 * 3;
        let limits = &mut config.limits;
        // Of a function's memory the system and the runtime need less than of a machine's.
        let is_default = limits.memory_total_bytes == Limits::default().memory_total_bytes;
        let total = if is_default {
            most
        } else {
            limits.memory_total_bytes
        };
        limits.memory_total_bytes = total.min(most);
        limits.memory_bytes = limits.memory_bytes.min(most);
    }
    config
}

fn parse(text: &str, file: &dyn Fn(&str) -> io::Result<String>) -> Result<Config, Error> {
    Ok(Config::parse(text, &Outside { env: &env, file })?)
}

/// The service over the configured buckets, and those of them to ask S3 for.
fn open(config: Config) -> Result<(Service, ConfiguredBuckets), Error> {
    let buckets = ConfiguredBuckets::new(&config, first_settings().endpoint, &env)?;
    let service = Service::new(config, |bucket| match &bucket.location {
        Location::Folder(folder) => match Folder::open(folder) {
            Ok(folder) => Ok(Arc::new(folder) as Arc<dyn Storage>),
            Err(error) => Err(storage::Error::Other(Box::new(error))),
        },
        Location::S3 { .. } => Ok(buckets.open(bucket).expect("it is on S3")),
    })?;
    Ok((service, buckets))
}

/// A text from S3, on a thread of its own: the configuration is read where nothing can wait yet.
fn fetch(settings: &s3::Settings, bucket: &str, key: &str) -> io::Result<String> {
    let client = s3::client(settings, &env).map_err(io::Error::other)?;
    let key = ObjectKey::new(key).map_err(io::Error::other)?;
    let storage = S3::new(client, bucket, "");
    let read = async move {
        let object = storage.get(&key, GetOptions::default()).await?;
        object.body.collect(MAX_BYTES).await
    };
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(read).map_err(io::Error::other)
    };
    let bytes = std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err(io::Error::other("a panic")))?;
    String::from_utf8(bytes.into()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_takes_no_more_than_most_of_the_functions_memory() {
        let bytes = |configured: u64, function: Option<&str>| {
            let text = format!(
                "[[bucket]]\nname = \"a-1\"\nfolder = \".\"\n[limits]\nmemory_bytes = {configured}"
            );
            let config =
                parse(&text, &|_| Err(io::ErrorKind::NotFound.into())).expect("a configuration");
            bounded(config, function.map(str::to_owned))
                .limits
                .memory_bytes
        };
        assert_eq!(bytes(3 << 29, Some("1024")), 768 << 20);
        assert_eq!(bytes(3 << 29, Some("10240")), 3 << 29);
        assert_eq!(bytes(1 << 20, Some("1024")), 1 << 20);
        assert_eq!(bytes(3 << 29, None), 3 << 29);
    }
}
