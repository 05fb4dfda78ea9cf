//! The document as it is written, and what of it is refused: a function for each table.

use std::path::PathBuf;

use auth::Secret;
use auth::policy::{Attachment, Policy};
use serde::Deserialize;

use super::{Cors, Error, Grant, Limits, Location, Outside, Rules, S3};
use crate::causes::chain;
use crate::wire::pic_operations::PicOperations;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    endpoint_hosts: Vec<String>,
    cache_control: Option<String>,
    #[serde(default)]
    trusted_front: bool,
    #[serde(default)]
    cloud_mode_needs_put_only: bool,
    #[serde(default)]
    active_content: bool,
    embedding: Option<bool>,
    #[serde(default)]
    bucket: Vec<Bucket>,
    #[serde(default)]
    key: Vec<Key>,
    anonymous: Option<Anonymous>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    rules: Rules,
    upload: Option<Upload>,
    #[serde(default)]
    cors: Vec<Cors>,
    #[serde(default)]
    s3: S3,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bucket {
    name: String,
    folder: Option<PathBuf>,
    s3: Option<String>,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    default: bool,
    region: Option<String>,
    policy: Option<Document>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // Switches, as a document has them.
struct Key {
    id: String,
    secret: Option<String>,
    secret_env: Option<String>,
    token: Option<String>,
    token_env: Option<String>,
    principal: Option<String>,
    policy: Option<Document>,
    #[serde(default)]
    allow_unsigned_pic_operations: bool,
    #[serde(default)]
    require_signed_rule: bool,
    #[serde(default)]
    images_of_unsigned_rules: bool,
    #[serde(default)]
    allow_unsigned_host: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Anonymous {
    policy: Option<Document>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Upload {
    policy: Option<Document>,
    #[serde(default = "output_prefix")]
    output_prefix: String,
    #[serde(default)]
    rules: Vec<UploadRules>,
    #[serde(default)]
    metadata_rules: bool,
    #[serde(default)]
    other_buckets: bool,
    #[serde(default)]
    error_markers: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UploadRules {
    #[serde(default)]
    prefix: String,
    operations: toml::Value,
}

/// A path, `"open"`, JSON text, or the document itself as a TOML table.
#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Text(String),
    Table(toml::Table),
}

impl super::Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    ///
    /// [`Error`] names the key at fault, what was found and what is allowed.
    pub fn parse(text: &str, outside: &Outside) -> Result<Self, Error> {
        let document: Config = toml::from_str(text)?;
        document.check(outside)
    }
}

fn output_prefix() -> String {
    "processed/".to_owned()
}

fn wrong(key: impl Into<String>, reason: impl Into<String>) -> Error {
    Error::Value {
        key: key.into(),
        reason: reason.into(),
    }
}

fn grant(
    policy: Option<Document>,
    attachment: Attachment,
    key: &str,
    outside: &Outside,
) -> Result<Grant, Error> {
    match policy {
        None => Ok(Grant::Nothing),
        Some(Document::Text(text)) if text == "open" => Ok(Grant::Open(Policy::open())),
        Some(policy) => document(policy, attachment, key, outside).map(Grant::Policy),
    }
}

fn document(
    policy: Document,
    attachment: Attachment,
    key: &str,
    outside: &Outside,
) -> Result<Policy, Error> {
    let (json, whence) = match policy {
        Document::Text(text) if text.trim_start().starts_with('{') => (text, String::new()),
        Document::Text(path) => {
            let text = (outside.file)(&path)
                .map_err(|error| wrong(key, format!("cannot read `{path}`: {error}")))?;
            (text, format!("`{path}`: "))
        }
        Document::Table(table) => {
            let text =
                serde_json::to_string(&table).map_err(|error| wrong(key, error.to_string()))?;
            (text, String::new())
        }
    };
    Policy::parse(&json, attachment)
        .map_err(|error| wrong(key, format!("{whence}{}", chain(&error))))
}

fn secret(
    text: Option<String>,
    env: Option<String>,
    key: &str,
    outside: &Outside,
) -> Result<Option<Secret>, Error> {
    match (text, env) {
        (Some(_), Some(_)) => Err(wrong(key, format!("give `{key}` or `{key}_env`, not both"))),
        (Some(text), None) if text.is_empty() => Err(wrong(key, "is empty")),
        (Some(text), None) => Ok(Some(Secret::new(text))),
        (None, Some(name)) => match (outside.env)(&name) {
            Some(text) if !text.is_empty() => Ok(Some(Secret::new(text))),
            _ => Err(wrong(
                format!("{key}_env"),
                format!("the environment variable `{name}` is not set"),
            )),
        },
        (None, None) => Ok(None),
    }
}

/// Hosts are compared in lower case and without a port.
fn hosts(hosts: Vec<String>, key: &str) -> Result<Vec<String>, Error> {
    hosts
        .into_iter()
        .map(|host| {
            let plain = host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
            if host.is_empty() || !plain {
                let reason = format!("`{host}` is not a host name (no scheme, port or path)");
                return Err(wrong(key, reason));
            }
            Ok(host.to_ascii_lowercase())
        })
        .collect()
}

impl Config {
    /// The configuration that the document says; its first fault refuses it.
    fn check(self, outside: &Outside) -> Result<super::Config, Error> {
        let buckets = check_buckets(self.bucket, outside)?;
        let keys = check_keys(self.key, outside)?;
        check_limits(&self.limits)?;
        let upload = match self.upload {
            None => super::Upload::none(),
            Some(upload) => check_upload(upload, outside)?,
        };
        check_cors(&self.cors)?;
        Ok(super::Config {
            endpoint_hosts: hosts(self.endpoint_hosts, "endpoint_hosts")?,
            cache_control: self.cache_control,
            trusted_front: self.trusted_front,
            cloud_mode_needs_put_only: self.cloud_mode_needs_put_only,
            active_content: self.active_content,
            embedding: self.embedding.unwrap_or(true),
            buckets,
            keys,
            anonymous: grant(
                self.anonymous.and_then(|anonymous| anonymous.policy),
                Attachment::Anonymous,
                "anonymous.policy",
                outside,
            )?,
            limits: self.limits,
            rules: self.rules,
            upload,
            cors: self.cors,
            s3: self.s3,
        })
    }
}

/// Every `[[bucket]]`: its place, and names and hosts that no other has.
fn check_buckets(tables: Vec<Bucket>, outside: &Outside) -> Result<Vec<super::Bucket>, Error> {
    if tables.is_empty() {
        return Err(wrong("bucket", "no [[bucket]] is configured"));
    }
    let mut buckets: Vec<super::Bucket> = Vec::new();
    for (n, bucket) in tables.into_iter().enumerate() {
        let at = |key: &str| format!("bucket[{n}].{key}");
        if bucket.name.is_empty() || bucket.name.contains('/') {
            return Err(wrong(
                at("name"),
                "a bucket name is not empty and has no `/`",
            ));
        }
        if buckets.iter().any(|other| other.name == bucket.name) {
            return Err(wrong(
                at("name"),
                format!("`{}` is there twice", bucket.name),
            ));
        }
        if bucket.default && buckets.iter().any(|other| other.default) {
            return Err(wrong(at("default"), "only one bucket is the default"));
        }
        let location = match (bucket.folder, bucket.s3) {
            (Some(_), None) if !bucket.prefix.is_empty() => {
                return Err(wrong(
                    at("prefix"),
                    "belongs to `s3`; name the sub-folder in `folder`",
                ));
            }
            (Some(folder), None) => Location::Folder(folder),
            (None, Some(name)) => Location::S3 {
                bucket: name,
                prefix: match bucket.prefix.trim_matches('/') {
                    "" => String::new(),
                    prefix => format!("{prefix}/"),
                },
            },
            _ => return Err(wrong(at("folder"), "give either `folder` or `s3`")),
        };
        let hosts = hosts(bucket.hosts, &at("hosts"))?;
        for host in &hosts {
            if buckets.iter().any(|other| other.hosts.contains(host)) {
                return Err(wrong(
                    at("hosts"),
                    format!("`{host}` belongs to another bucket"),
                ));
            }
        }
        let policy = bucket
            .policy
            .map(|policy| document(policy, Attachment::Bucket, &at("policy"), outside))
            .transpose()?;
        buckets.push(super::Bucket {
            name: bucket.name,
            hosts,
            default: bucket.default,
            location,
            region: bucket.region,
            policy,
        });
    }
    Ok(buckets)
}

/// Every `[[key]]`: an id that no other has, and a secret.
fn check_keys(tables: Vec<Key>, outside: &Outside) -> Result<Vec<super::Key>, Error> {
    let mut keys: Vec<super::Key> = Vec::new();
    for (n, key) in tables.into_iter().enumerate() {
        let at = |name: &str| format!("key[{n}].{name}");
        if key.id.is_empty() {
            return Err(wrong(at("id"), "is empty"));
        }
        if keys.iter().any(|other| other.key.id == key.id) {
            return Err(wrong(at("id"), format!("`{}` is there twice", key.id)));
        }
        if key.require_signed_rule && key.allow_unsigned_pic_operations {
            let reason =
                "goes against `require_signed_rule`: rules in the header would not be signed";
            return Err(wrong(at("allow_unsigned_pic_operations"), reason));
        }
        if key.require_signed_rule && key.images_of_unsigned_rules {
            let reason = "goes against `require_signed_rule`, which takes no such rule";
            return Err(wrong(at("images_of_unsigned_rules"), reason));
        }
        let secret = secret(key.secret, key.secret_env, &at("secret"), outside)?
            .ok_or_else(|| wrong(at("secret"), "give `secret` or `secret_env`"))?;
        keys.push(super::Key {
            key: auth::Key {
                id: key.id,
                secret,
                token: self::secret(key.token, key.token_env, &at("token"), outside)?,
            },
            principal: key.principal,
            grant: grant(key.policy, Attachment::Key, &at("policy"), outside)?,
            allow_unsigned_pic_operations: key.allow_unsigned_pic_operations,
            require_signed_rule: key.require_signed_rule,
            images_of_unsigned_rules: key.images_of_unsigned_rules,
            allow_unsigned_host: key.allow_unsigned_host,
        });
    }
    Ok(keys)
}

/// `[limits]`: each within its bounds.
fn check_limits(limits: &Limits) -> Result<(), Error> {
    // The bounds of GIF and JPEG, and else what can only be a slip of the pen.
    for (name, found, min, max) in [
        ("animate_frames", limits.animate_frames as u64, 2, 1000),
        ("animate_side", limits.animate_side.into(), 1, 65_535),
        ("source_bytes", limits.source_bytes, 1, 1 << 32),
        ("pixels", limits.pixels, 1, 65_535 * 65_535),
        ("side", limits.side.into(), 1, 65_535),
        ("sources_bytes", limits.sources_bytes, 1, 1 << 40),
        ("memory_bytes", limits.memory_bytes, 1 << 20, 1 << 40),
        (
            "memory_total_bytes",
            limits.memory_total_bytes,
            1 << 20,
            1 << 44,
        ),
        ("put_bytes", limits.put_bytes, 1, 5 << 30),
        ("append_bytes", limits.append_bytes, 1, 5 << 30),
        ("least_rate", limits.least_rate, 0, 1 << 30),
        ("least_rate_seconds", limits.least_rate_seconds, 1, 3600),
        ("deadline_seconds", limits.deadline_seconds, 1, 86_400),
        ("concurrency", limits.concurrency as u64, 1, 10_000),
        ("queue", limits.queue as u64, 0, 1_000_000),
        ("threads", limits.threads as u64, 1, 1024),
        ("connections", limits.connections as u64, 1, 1_000_000),
    ] {
        if !(min..=max).contains(&found) {
            let reason = format!("expected {min} to {max}, found {found}");
            return Err(wrong(format!("limits.{name}"), reason));
        }
    }
    // A default gives way; two that were written do not fit.
    let (found, most) = (limits.memory_bytes, limits.memory_total_bytes);
    let default = Limits::default();
    if found > most && found != default.memory_bytes && most != default.memory_total_bytes {
        let reason = format!("expected at most memory_total_bytes, which is {most}, found {found}");
        return Err(wrong("limits.memory_bytes", reason));
    }
    Ok(())
}

/// `[upload]`: rules that can be read, and results that never trigger again.
fn check_upload(upload: Upload, outside: &Outside) -> Result<super::Upload, Error> {
    let prefix = upload.output_prefix.trim_start_matches('/');
    if prefix.is_empty() || !prefix.ends_with('/') {
        let reason = format!(
            "`{}`: results need a prefix of their own that ends in `/`, or they would trigger again",
            upload.output_prefix
        );
        return Err(wrong("upload.output_prefix", reason));
    }
    let rules = upload
        .rules
        .into_iter()
        .enumerate()
        .map(|(n, rules)| {
            let at = format!("upload.rules[{n}].operations");
            let operations = match rules.operations {
                toml::Value::String(text) => text,
                other => {
                    serde_json::to_string(&other).map_err(|error| wrong(&at, error.to_string()))?
                }
            };
            let parsed = PicOperations::parse(operations.as_bytes())
                .map_err(|error| wrong(&at, error.to_string()))?;
            // A request may say `ignore-error/1` to a value that cannot be; whoever configures it
            // would rather know.
            let fault = parsed.operations.into_iter().find_map(|o| o.rule.err());
            if let Some(error) = fault {
                return Err(wrong(&at, error.to_string()));
            }
            if rules.prefix.starts_with(prefix) {
                let reason = "results would trigger again";
                return Err(wrong(format!("upload.rules[{n}].prefix"), reason));
            }
            // Results would be reported as uploads, and the permissions of a deployment could not tell
            // where the trigger may write from where it is triggered.
            if !rules.prefix.is_empty() && prefix.starts_with(&rules.prefix) {
                let reason = format!(
                    "`{}`: output_prefix `{prefix}` begins so, and what appears there is no upload",
                    rules.prefix
                );
                return Err(wrong(format!("upload.rules[{n}].prefix"), reason));
            }
            Ok(super::UploadRules {
                prefix: rules.prefix,
                operations,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(super::Upload {
        grant: grant(upload.policy, Attachment::Key, "upload.policy", outside)?,
        output_prefix: prefix.to_owned(),
        rules,
        metadata_rules: upload.metadata_rules,
        other_buckets: upload.other_buckets,
        error_markers: upload.error_markers,
    })
}

/// Every `[[cors]]`: origins with one `*` at most.
fn check_cors(tables: &[Cors]) -> Result<(), Error> {
    for (n, cors) in tables.iter().enumerate() {
        if let Some(origin) = cors.origins.iter().find(|o| o.matches('*').count() > 1) {
            let reason = format!("`{origin}` has more than one `*`");
            return Err(wrong(format!("cors[{n}].origins"), reason));
        }
    }
    Ok(())
}
