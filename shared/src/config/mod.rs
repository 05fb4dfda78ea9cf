//! The configuration: one TOML, read once, refused early with an error that names the key, and the table of its buckets.
//!
//! The binaries find the text; files and environment variables that it names are read through [`Outside`].

mod check;
pub mod hosts;
mod machine;

use std::io;
use std::path::PathBuf;

use auth::policy::Policy;
use serde::Deserialize;

use crate::wire::names::{CRC64, NEXT_POSITION, OBJECT_VERSION, REQUEST_ID};

/// What a configuration may ask of the world around it.
pub struct Outside<'a> {
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file that the configuration names (policies).
    pub file: &'a dyn Fn(&str) -> io::Result<String>,
}

/// A checked configuration.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the file"
)]
pub struct Config {
    /// Hosts of this deployment that name no bucket: requests to them go to the default bucket.
    pub endpoint_hosts: Vec<String>,
    /// `Cache-Control` of answers; `None` takes the default (public only where anonymous may read).
    pub cache_control: Option<String>,
    /// `x-mogr-host`, `x-mogr-authorization` and `x-mogr-client` are believed: a front overwrites them.
    pub trusted_front: bool,
    /// POST `?image_process` asks only for `PutObject`, as some of the protocol's pages have it.
    pub cloud_mode_needs_put_only: bool,
    /// Stored HTML, SVG and XML may run their scripts where a browser opens them as a page.
    pub active_content: bool,
    /// Pages of other origins may show what is answered, as images are shown on web sites.
    pub embedding: bool,
    /// The buckets.
    pub buckets: Vec<Bucket>,
    /// The keys that sign requests.
    pub keys: Vec<Key>,
    /// What anyone may do.
    pub anonymous: Grant,
    /// Bounds on work and sizes.
    pub limits: Limits,
    /// How rules are carried out.
    pub rules: Rules,
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

/// Where the objects of a bucket are stored.
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
#[allow(clippy::struct_excessive_bools)] // Each is a switch of its own.
pub struct Key {
    /// Its id, secret and token.
    pub key: auth::Key,
    /// As bucket policies name it: `qcs::cam::uin/<owner>:uin/<sub>`.
    pub principal: Option<String>,
    /// What it may do.
    pub grant: Grant,
    /// Takes `Pic-Operations` that the signature does not cover.
    pub allow_unsigned_pic_operations: bool,
    /// Refuses a rule that the signature does not cover.
    pub require_signed_rule: bool,
    /// Images of a rule that the signature leaves out are read for the key, where the signature is in a header.
    pub images_of_unsigned_rules: bool,
    /// Takes signatures that do not cover the host although several buckets are configured: such a signature is
    /// good for the same key in any of them.
    pub allow_unsigned_host: bool,
}

/// What someone may do.
#[derive(Clone, Debug)]
pub enum Grant {
    /// Nothing.
    Nothing,
    /// Everything (`policy = "open"`).
    Open(Policy),
    /// What the policy allows.
    Policy(Policy),
}

impl Grant {
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

/// How rules are carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Of a JPEG whose data is damaged, what can be read is taken and the rest is gray; otherwise it is refused.
    pub keep_damaged: bool,
}

impl Config {
    /// What of this the pipeline keeps.
    pub(crate) fn pipeline_limits(&self) -> pipeline::Limits {
        pipeline::Limits {
            damage: if self.rules.keep_damaged {
                pipeline::Damage::Keep
            } else {
                pipeline::Damage::Refuse
            },
            ..self.limits.pipeline()
        }
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
    /// Bytes of all sources of a rule together.
    pub sources_bytes: u64,
    /// Bytes of memory that the work on one picture takes; no more than those of all requests.
    pub memory_bytes: u64,
    /// Bytes of memory that all requests take together: bodies, sources, the work on them, and answers until they are sent.
    pub memory_total_bytes: u64,
    /// Bytes of a PUT that is stored as it is, or of one part.
    pub put_bytes: u64,
    /// Bytes of an object that grows by appends.
    pub append_bytes: u64,
    /// Bytes a second that a client must send of a body, and take of an answer, while it is waited for.
    pub least_rate: u64,
    /// Seconds over which that rate is measured.
    pub least_rate_seconds: u64,
    /// Seconds that the work of a request may take: the storage's part and the processing, but not the way of the answer.
    pub deadline_seconds: u64,
    /// Requests processed at once; more wait.
    pub concurrency: usize,
    /// Requests that wait for a place; more are answered `SlowDown`.
    pub queue: usize,
    /// Threads that one request may use.
    pub threads: usize,
    /// Connections that a host of its own keeps open.
    pub connections: usize,
}

/// What all requests take of memory together where the system does not say how much there is.
const TOTAL_BYTES: u64 = 2 << 30;

impl Default for Limits {
    fn default() -> Self {
        let total = machine::memory_bytes().map_or(TOTAL_BYTES, |bytes| bytes / 2);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            animate_frames: 20,
            animate_side: 1080,
            source_bytes: 32 << 20,
            pixels: 250_000_000,
            side: 50_000,
            sources_bytes: 640 << 20,
            memory_bytes: pipeline::Limits::default().max_memory_bytes,
            memory_total_bytes: total,
            put_bytes: 256 << 20,
            append_bytes: 1 << 30,
            least_rate: 8 << 10,
            least_rate_seconds: 30,
            deadline_seconds: 25,
            concurrency: cores,
            queue: 64,
            threads: cores,
            connections: 1024,
        }
    }
}

impl Limits {
    /// What of these the pipeline keeps.
    fn pipeline(&self) -> pipeline::Limits {
        pipeline::Limits {
            max_source_bytes: self.source_bytes,
            max_pixels: self.pixels,
            max_side: self.side,
            max_memory_bytes: self.memory_bytes.min(self.memory_total_bytes),
            max_frames: self.animate_frames,
            max_frame_side: self.animate_side,
            ..pipeline::Limits::default()
        }
    }

    /// How the pipeline works within these.
    pub(crate) fn pipeline_options(&self) -> pipeline::Options {
        pipeline::Options {
            threads: self.threads,
            ..pipeline::Options::default()
        }
    }
}

/// The trigger: what runs when an object appears in the bucket.
#[derive(Clone, Debug)]
pub struct Upload {
    /// What the trigger's rules may read and write; nothing, unless a policy says so.
    pub grant: Grant,
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
    /// Response headers that scripts may read; by default what COS's own SDKs read, and `*`, which stands for all where no
    /// cookies are sent.
    #[serde(default = "exposed_by_default")]
    pub expose: Vec<String>,
    /// Seconds for which the answer holds.
    #[serde(default)]
    pub max_age: u32,
}

fn exposed_by_default() -> Vec<String> {
    [
        "ETag",
        "Date",
        "Content-Length",
        "Content-Range",
        "Accept-Ranges",
        "Last-Modified",
        REQUEST_ID.as_str(),
        CRC64.as_str(),
        OBJECT_VERSION.as_str(),
        NEXT_POSITION.as_str(),
        "*",
    ]
    .map(str::to_owned)
    .to_vec()
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
    /// The configuration of a host that needs none: every host name leads to the one bucket in `folder`, and
    /// anyone may do anything. For loopback only.
    pub fn open(name: &str, folder: PathBuf) -> Self {
        Self {
            endpoint_hosts: Vec::new(),
            cache_control: None,
            trusted_front: false,
            cloud_mode_needs_put_only: false,
            active_content: false,
            embedding: false,
            buckets: vec![Bucket {
                name: name.to_owned(),
                hosts: Vec::new(),
                default: true,
                location: Location::Folder(folder),
                region: None,
                policy: None,
            }],
            keys: Vec::new(),
            anonymous: Grant::Open(Policy::open()),
            limits: Limits::default(),
            rules: Rules::default(),
            upload: Upload::none(),
            cors: Vec::new(),
            s3: S3::default(),
        }
    }
}

impl Upload {
    pub(crate) fn none() -> Self {
        Self {
            grant: Grant::Nothing,
            output_prefix: "processed/".to_owned(),
            rules: Vec::new(),
            metadata_rules: false,
            other_buckets: false,
            error_markers: false,
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
            ("append_bytes", 1, 5 << 30),
            ("sources_bytes", 1, 1 << 40),
            ("memory_total_bytes", 1 << 20, 1 << 44),
            ("least_rate", 0, 1 << 30),
            ("least_rate_seconds", 1, 3600),
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
        refuses(
            "memory_total_bytes = 2000000\nmemory_bytes = 2000001",
            "`limits.memory_bytes`: expected at most memory_total_bytes, which is 2000000, found 2000001",
        );
        let small = limits("memory_total_bytes = 2000000").expect("the default gives way");
        assert_eq!(small.limits.pipeline().max_memory_bytes, 2_000_000);
    }
}
