//! The configuration: one TOML, read once, refused early with an error that names the key.
//!
//! The binaries find the text; files and environment variables that it names are read through [`Outside`].

use std::io;
use std::path::PathBuf;

use auth::policy::Policy;
use serde::Deserialize;

/// What a configuration may ask of the world around it.
pub struct Outside<'a> {
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file that the configuration names (policies).
    pub file: &'a dyn Fn(&str) -> io::Result<String>,
}

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Hosts of this deployment that name no bucket: requests to them go to the default bucket.
    pub endpoint_hosts: Vec<String>,
    /// `Cache-Control` of answers; `None` takes the default (public only where anonymous may read).
    pub cache_control: Option<String>,
    /// `x-mogr-host`, `x-mogr-authorization` and `x-mogr-client` are believed: a front overwrites them.
    pub trusted_front: bool,
    /// POST `?image_process` asks only for `PutObject`, as some of the protocol's pages have it.
    pub cloud_mode_needs_put_only: bool,
    /// The buckets.
    pub buckets: Vec<Bucket>,
    /// The keys that sign requests.
    pub keys: Vec<Key>,
    /// What anyone may do.
    pub anonymous: Access,
    /// Bounds on work and sizes.
    pub limits: Limits,
    /// The trigger.
    pub upload: Upload,
    /// Cross-origin requests that browsers may make.
    pub cors: Vec<Cors>,
    /// How S3 is reached.
    pub s3: S3,
}

/// A bucket as COS clients know it, and where its objects are.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// As COS clients call it: `examples-1250000000`.
    pub name: String,
    /// Its own and CDN domains.
    pub hosts: Vec<String>,
    /// Takes the requests that name no bucket.
    pub default: bool,
    /// Where its objects are.
    pub location: Location,
    /// The region that policies may name.
    pub region: Option<String>,
    /// A bucket policy (CAM 2.0 with principals), which counts beside the keys' own.
    pub policy: Option<Policy>,
}

/// Where objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// An S3 bucket, or the keys in it that begin with `prefix`.
    S3 {
        /// The S3 bucket's name.
        bucket: String,
        /// Put before every key; ends in `/` or is empty.
        prefix: String,
    },
}

/// A key that signs requests.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its id, secret and token.
    pub key: auth::Key,
    /// As bucket policies name it: `qcs::cam::uin/<owner>:uin/<sub>`.
    pub principal: Option<String>,
    /// What it may do.
    pub access: Access,
    /// Takes `Pic-Operations` that the signature does not cover.
    pub allow_unsigned_pic_operations: bool,
    /// Refuses a rule that the signature does not cover.
    pub require_signed_rule: bool,
    /// Takes signatures that do not cover the host although several buckets are configured: such a signature is
    /// good for the same key in any of them.
    pub allow_unsigned_host: bool,
}

/// What someone may do.
#[derive(Clone, Debug)]
pub enum Access {
    /// Nothing.
    Nothing,
    /// Everything (`policy = "open"`).
    Open(Policy),
    /// What the policy allows.
    Policy(Policy),
}

impl Access {
    /// The policy in words, where there is one.
    pub fn policy(&self) -> Option<&Policy> {
        match self {
            Self::Nothing => None,
            Self::Open(policy) | Self::Policy(policy) => Some(policy),
        }
    }

    /// True where everything is allowed.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }
}

/// Bounds on work and sizes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Frames of an `animate`, the object among them.
    pub animate_frames: usize,
    /// Pixels of a side of an `animate` source.
    pub animate_side: u32,
    /// Bytes of a source image.
    pub source_bytes: u64,
    /// Pixels of a picture.
    pub pixels: u64,
    /// Pixels of a side.
    pub side: u32,
    /// Bytes of memory that the work on one picture takes.
    pub memory_bytes: u64,
    /// Bytes of a PUT that is stored as it is, or of one part.
    pub put_bytes: u64,
    /// Seconds that processing may take.
    pub deadline_seconds: u64,
    /// Requests processed at once; more wait.
    pub concurrency: usize,
    /// Requests that wait for a place; more are answered `SlowDown`.
    pub queue: usize,
    /// Threads that one request may use.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            animate_frames: 20,
            animate_side: 1080,
            source_bytes: 32 << 20,
            pixels: 250_000_000,
            side: 50_000,
            memory_bytes: pipeline::Limits::default().max_memory_bytes,
            put_bytes: 256 << 20,
            deadline_seconds: 25,
            concurrency: cores,
            queue: 64,
            threads: cores,
        }
    }
}

/// The trigger: what runs when an object appears in the bucket.
#[derive(Clone, Debug)]
pub struct Upload {
    /// What the trigger's rules may read and write; nothing, unless a policy says so.
    pub access: Access,
    /// Put before every resolved `fileid`; nothing is written elsewhere.
    pub output_prefix: String,
    /// Rules by key prefix: the longest that fits counts.
    pub rules: Vec<UploadRules>,
    /// Runs the rules in the object's user metadata `pic-operations` as well.
    pub metadata_rules: bool,
    /// Rules may name another bucket.
    pub other_buckets: bool,
    /// Stores a small text object `<output_prefix><key>.error.json` for permanent failures.
    pub error_markers: bool,
}

/// The trigger's rules for keys with a prefix.
#[derive(Clone, Debug)]
pub struct UploadRules {
    /// Keys that begin so.
    pub prefix: String,
    /// A Pic-Operations document.
    pub operations: String,
}

/// Cross-origin requests that browsers may make.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins: exact, with one `*`, or `*`.
    pub origins: Vec<String>,
    /// Methods.
    pub methods: Vec<String>,
    /// Request headers; `*` for any.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Response headers that scripts may read.
    #[serde(default)]
    pub expose: Vec<String>,
    /// Seconds for which the answer holds.
    #[serde(default)]
    pub max_age: u32,
}

/// How S3 is reached; all of it is optional on AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3 {
    /// Another endpoint than AWS's own.
    pub endpoint: Option<String>,
    /// The region, where the environment does not say.
    pub region: Option<String>,
    /// `endpoint/bucket/key` rather than `bucket.endpoint/key`.
    pub path_style: bool,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not TOML, an unknown key, or a value of another type.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A value that cannot be.
    #[error("`{key}`: {reason}")]
    Value {
        /// The key at fault.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    ///
    /// [`Error`] names the key at fault, what was found and what is allowed.
    pub fn parse(text: &str, outside: &Outside) -> Result<Self, Error> {
        let raw: raw::Config = toml::from_str(text)?;
        raw.check(outside)
    }

    /// The configuration of a host that needs none: every host name leads to the one bucket in `folder`, and
    /// anyone may do anything. For loopback only.
    pub fn open(name: &str, folder: PathBuf) -> Self {
        Self {
            endpoint_hosts: Vec::new(),
            cache_control: None,
            trusted_front: false,
            cloud_mode_needs_put_only: false,
            buckets: vec![Bucket {
                name: name.to_owned(),
                hosts: Vec::new(),
                default: true,
                location: Location::Folder(folder),
                region: None,
                policy: None,
            }],
            keys: Vec::new(),
            anonymous: Access::Open(Policy::open()),
            limits: Limits::default(),
            upload: Upload::none(),
            cors: Vec::new(),
            s3: S3::default(),
        }
    }
}

impl Upload {
    fn none() -> Self {
        Self {
            access: Access::Nothing,
            output_prefix: "processed/".to_owned(),
            rules: Vec::new(),
            metadata_rules: false,
            other_buckets: false,
            error_markers: false,
        }
    }
}

/// The document as it is written, before anything is checked.
mod raw {
    use serde::Deserialize;

    use super::{Access, Cors, Error, Limits, Location, Outside, S3};
    use auth::Secret;
    use auth::policy::{Attachment, Policy};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Config {
        #[serde(default)]
        endpoint_hosts: Vec<String>,
        cache_control: Option<String>,
        #[serde(default)]
        trusted_front: bool,
        #[serde(default)]
        cloud_mode_needs_put_only: bool,
        #[serde(default)]
        bucket: Vec<Bucket>,
        #[serde(default)]
        key: Vec<Key>,
        anonymous: Option<Anonymous>,
        #[serde(default)]
        limits: Limits,
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
        folder: Option<std::path::PathBuf>,
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

    fn output_prefix() -> String {
        "processed/".to_owned()
    }

    fn wrong(key: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::Value {
            key: key.into(),
            reason: reason.into(),
        }
    }

    fn access(
        policy: Option<Document>,
        attachment: Attachment,
        key: &str,
        outside: &Outside,
    ) -> Result<Access, Error> {
        match policy {
            None => Ok(Access::Nothing),
            Some(Document::Text(text)) if text == "open" => Ok(Access::Open(Policy::open())),
            Some(policy) => document(policy, attachment, key, outside).map(Access::Policy),
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
            .map_err(|error| wrong(key, format!("{whence}{}", crate::causes::chain(&error))))
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
        pub(super) fn check(self, outside: &Outside) -> Result<super::Config, Error> {
            if self.bucket.is_empty() {
                return Err(wrong("bucket", "no [[bucket]] is configured"));
            }
            let mut buckets: Vec<super::Bucket> = Vec::new();
            for (n, bucket) in self.bucket.into_iter().enumerate() {
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
            let mut keys: Vec<super::Key> = Vec::new();
            for (n, key) in self.key.into_iter().enumerate() {
                let at = |name: &str| format!("key[{n}].{name}");
                if key.id.is_empty() {
                    return Err(wrong(at("id"), "is empty"));
                }
                if keys.iter().any(|other| other.key.id == key.id) {
                    return Err(wrong(at("id"), format!("`{}` is there twice", key.id)));
                }
                if key.require_signed_rule && key.allow_unsigned_pic_operations {
                    let reason = "goes against `require_signed_rule`: rules in the header would not be signed";
                    return Err(wrong(at("allow_unsigned_pic_operations"), reason));
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
                    access: access(key.policy, Attachment::Key, &at("policy"), outside)?,
                    allow_unsigned_pic_operations: key.allow_unsigned_pic_operations,
                    require_signed_rule: key.require_signed_rule,
                    allow_unsigned_host: key.allow_unsigned_host,
                });
            }
            let limits = self.limits;
            // The bounds of GIF and JPEG, and else what can only be a slip of the pen.
            for (name, found, min, max) in [
                ("animate_frames", limits.animate_frames as u64, 2, 1000),
                ("animate_side", limits.animate_side.into(), 1, 65_535),
                ("source_bytes", limits.source_bytes, 1, 1 << 32),
                ("pixels", limits.pixels, 1, 65_535 * 65_535),
                ("side", limits.side.into(), 1, 65_535),
                ("memory_bytes", limits.memory_bytes, 1 << 20, 1 << 40),
                ("put_bytes", limits.put_bytes, 1, 5 << 30),
                ("deadline_seconds", limits.deadline_seconds, 1, 86_400),
                ("concurrency", limits.concurrency as u64, 1, 10_000),
                ("queue", limits.queue as u64, 0, 1_000_000),
                ("threads", limits.threads as u64, 1, 1024),
            ] {
                if !(min..=max).contains(&found) {
                    let reason = format!("expected {min} to {max}, found {found}");
                    return Err(wrong(format!("limits.{name}"), reason));
                }
            }
            let upload = match self.upload {
                None => super::Upload::none(),
                Some(upload) => {
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
                                other => serde_json::to_string(&other)
                                    .map_err(|error| wrong(&at, error.to_string()))?,
                            };
                            let parsed =
                                crate::wire::pic_operations::PicOperations::parse(operations.as_bytes())
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
                    super::Upload {
                        access: access(upload.policy, Attachment::Key, "upload.policy", outside)?,
                        output_prefix: prefix.to_owned(),
                        rules,
                        metadata_rules: upload.metadata_rules,
                        other_buckets: upload.other_buckets,
                        error_markers: upload.error_markers,
                    }
                }
            };
            for (n, cors) in self.cors.iter().enumerate() {
                if let Some(origin) = cors.origins.iter().find(|o| o.matches('*').count() > 1) {
                    let reason = format!("`{origin}` has more than one `*`");
                    return Err(wrong(format!("cors[{n}].origins"), reason));
                }
            }
            Ok(super::Config {
                endpoint_hosts: hosts(self.endpoint_hosts, "endpoint_hosts")?,
                cache_control: self.cache_control,
                trusted_front: self.trusted_front,
                cloud_mode_needs_put_only: self.cloud_mode_needs_put_only,
                buckets,
                keys,
                anonymous: access(
                    self.anonymous.and_then(|anonymous| anonymous.policy),
                    Attachment::Anonymous,
                    "anonymous.policy",
                    outside,
                )?,
                limits,
                upload,
                cors: self.cors,
                s3: self.s3,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(line: &str) -> Result<Config, Error> {
        let text = format!("[[bucket]]\nname = \"b\"\nfolder = \".\"\n[limits]\n{line}\n");
        let outside = Outside {
            env: &|_| None,
            file: &|_| Err(io::ErrorKind::NotFound.into()),
        };
        Config::parse(&text, &outside)
    }

    #[track_caller]
    fn refuses(line: &str, message: &str) {
        let error = limits(line).expect_err(line).to_string();
        assert!(error.contains(message), "{line}: {error}");
    }

    #[test]
    fn limits_say_what_was_found_and_what_is_allowed() {
        for (name, min, max) in [
            ("animate_frames", 2, 1000),
            ("animate_side", 1, 65_535),
            ("source_bytes", 1, 1 << 32),
            ("pixels", 1, 65_535 * 65_535),
            ("side", 1, 65_535),
            ("put_bytes", 1, 5 << 30),
            ("deadline_seconds", 1, 86_400),
            ("concurrency", 1, 10_000),
            ("queue", 0, 1_000_000),
            ("threads", 1, 1024_u64),
        ] {
            for fits in [min, max] {
                assert!(limits(&format!("{name} = {fits}")).is_ok(), "{name} {fits}");
            }
            let over = max + 1;
            refuses(
                &format!("{name} = {over}"),
                &format!("`limits.{name}`: expected {min} to {max}, found {over}"),
            );
            if min > 0 {
                let under = min - 1;
                refuses(
                    &format!("{name} = {under}"),
                    &format!("`limits.{name}`: expected {min} to {max}, found {under}"),
                );
            }
            refuses(&format!("{name} = -1"), name);
            refuses(&format!("{name} = \"many\""), name);
        }
        refuses("sides = 5", "unknown field `sides`");
    }
}
