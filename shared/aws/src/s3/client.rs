//! The one client of the process: where S3 is, who asks, and how long it tries.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_s3::error::ProvideErrorMetadata;

/// Where S3 is. All of it may be absent: then it is AWS, in the region of `AWS_REGION`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `https://host[:port]` of a server that speaks S3.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: Option<String>,
    /// The bucket is the first path segment, not the first label of the host.
    pub path_style: bool,
}

/// Why there is no client.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nothing says which region.
    #[error("no region: set `region` under `[s3]`, or the environment variable AWS_REGION")]
    NoRegion,
    /// Nothing says who asks.
    #[error("the environment variable {0} is not set; S3 requests need credentials")]
    NoCredentials(&'static str),
    /// The endpoint is no URL that S3 could be at.
    #[error("the S3 endpoint `{0}` does not begin with http:// or https://")]
    BadEndpoint(String),
}

/// A client with the credentials that `env` gives (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`).
/// On Lambda these are fixed for the life of the process; profiles, SSO and instance roles are not looked up.
///
/// # Errors
///
/// [`SettingsError`] says what is missing or wrong.
pub fn client(
    settings: &Settings,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Client, SettingsError> {
    let set = |name| env(name).filter(|value| !value.is_empty());
    let required = |name| set(name).ok_or(SettingsError::NoCredentials(name));
    let region = settings
        .region
        .clone()
        .or_else(|| set("AWS_REGION"))
        .or_else(|| set("AWS_DEFAULT_REGION"))
        .ok_or(SettingsError::NoRegion)?;
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        set("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(credentials)
        .force_path_style(settings.path_style)
        // The deadline of the task ends the tries; until then a short wait is better than an error.
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(6)
                .with_initial_backoff(Duration::from_millis(100))
                .with_max_backoff(Duration::from_secs(2)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(2))
                .read_timeout(Duration::from_secs(10))
                .build(),
        )
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled()
                .grace_period(Duration::from_secs(5))
                .build(),
        );
    if let Some(endpoint) = &settings.endpoint {
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(SettingsError::BadEndpoint(endpoint.clone()));
        }
        config = config.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(config.build()))
}

/// Whether a configured bucket can be used, as far as asking for it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketCheck {
    /// S3 says that it is there.
    Ready,
    /// It is certain that no request will succeed.
    Unusable(String),
    /// The answer does not tell: not allowed to ask, or no answer at all.
    Unknown(String),
}

/// Asks for the bucket (`HeadBucket`, which needs `s3:ListBucket`).
pub async fn check_bucket(client: &Client, bucket: &str) -> BucketCheck {
    let Err(error) = client.head_bucket().bucket(bucket).send().await else {
        return BucketCheck::Ready;
    };
    let header = |name| {
        error
            .raw_response()
            .and_then(|raw| raw.headers().get(name))
            .unwrap_or("another region")
            .to_owned()
    };
    match error.raw_response().map(|raw| raw.status().as_u16()) {
        Some(404) => BucketCheck::Unusable(format!("the bucket `{bucket}` does not exist")),
        Some(301) => BucketCheck::Unusable(format!(
            "the bucket `{bucket}` is in {}, not where S3 was asked",
            header("x-amz-bucket-region")
        )),
        Some(status) => BucketCheck::Unknown(format!(
            "S3 answered {status} {} for the bucket `{bucket}`",
            error.code().unwrap_or_default()
        )),
        None => BucketCheck::Unknown(format!("no answer from S3 for the bucket `{bucket}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(names: &'static [&'static str]) -> impl Fn(&str) -> Option<String> {
        move |name| names.contains(&name).then(|| "x".to_owned())
    }

    #[test]
    fn refuses_what_cannot_work_and_says_why() {
        let all = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let refuse = |settings: &Settings, skip: &str| {
            let set: Vec<_> = all.into_iter().filter(|name| *name != skip).collect();
            client(settings, &|name| {
                set.contains(&name).then(|| "x".to_owned())
            })
            .map(drop)
            .unwrap_err()
            .to_string()
        };
        let aws = Settings::default();
        assert!(
            client(
                &aws,
                &env(&["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
            )
            .is_ok()
        );
        assert_eq!(
            refuse(&aws, "AWS_REGION"),
            "no region: set `region` under `[s3]`, or the environment variable AWS_REGION"
        );
        assert_eq!(
            refuse(&aws, "AWS_SECRET_ACCESS_KEY"),
            "the environment variable AWS_SECRET_ACCESS_KEY is not set; S3 requests need credentials"
        );
        let bad = Settings {
            endpoint: Some("127.0.0.1:5555".to_owned()),
            ..Settings::default()
        };
        assert_eq!(
            refuse(&bad, ""),
            "the S3 endpoint `127.0.0.1:5555` does not begin with http:// or https://"
        );
    }
}
