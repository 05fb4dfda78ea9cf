//! `mogr url`: the request for a rule on stored pictures, its base64 done, and signed if asked for.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rules::{ImageMogr2, ImageRef, Rule, Stage};
use shared::escape;
use shared::storage::ObjectKey;

use crate::config::ConfigOption;
use crate::error::Error;
use crate::samples::SAMPLE_HOST;
use crate::sign::Signer;

/// What `mogr url` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Make a GIF whose frames show this many milliseconds.
    #[arg(short, long, value_name = "MS", conflicts_with_all = ["interlace", "rule"], value_parser = clap::value_parser!(u32).range(1..=i64::from(rules::MAX_DURATION)))]
    duration: Option<u32>,
    /// Make a progressive (1) or baseline (0) JPG.
    #[arg(short, long, value_name = "0|1", conflicts_with = "rule", value_parser = clap::value_parser!(u8).range(0..=1))]
    interlace: Option<u8>,
    /// Any rule: `imageMogr2/format/jpg/interlace/1`.
    #[arg(short, long)]
    rule: Option<String>,
    /// Where the request goes.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    base: String,
    /// The host that names the bucket in image URLs and signatures; that of --base, where it is a name.
    #[arg(long)]
    host: Option<String>,
    /// Print a PUT that uploads the first picture and stores the result under this name.
    #[arg(long, value_name = "FILEID", conflicts_with = "post")]
    put: Option<String>,
    /// With --put: upload straight to the S3 bucket, as a body too large for the API's front must be; the rule goes
    /// with it as metadata, for the upload function (`metadata_rules`).
    #[arg(
        long,
        value_name = "S3_BUCKET",
        requires = "put",
        conflicts_with = "sign"
    )]
    direct: Option<String>,
    /// Print a POST that stores the result under this name.
    #[arg(long, value_name = "FILEID")]
    post: Option<String>,
    /// Sign it with a key of the configuration.
    #[arg(long)]
    sign: bool,
    /// Which key; else the configuration's first.
    #[arg(long, value_name = "ID", requires = "sign")]
    key: Option<String>,
    /// For how many seconds the signature is good.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    expires: u64,
    #[command(flatten)]
    config: ConfigOption,
    /// Object keys: the picture, and for a GIF the other frames in order.
    #[arg(required = true, value_name = "OBJECT")]
    objects: Vec<String>,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Error> {
        println!("{}", self.request()?);
        Ok(())
    }

    fn request(&self) -> Result<String, Error> {
        let base = self.base.trim_end_matches('/');
        let base_host = base
            .strip_prefix("http://")
            .or_else(|| base.strip_prefix("https://"))
            .filter(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@']))
            .ok_or_else(|| Error::Usage(format!("--base: `{base}` is not http://<host>")))?;
        let host = match &self.host {
            Some(host) => host.as_str(),
            None if is_name(base_host) => base_host,
            None => SAMPLE_HOST,
        };
        for object in &self.objects {
            key(object)?;
        }
        let rule = self.rule(host)?;
        let object = &self.objects[0];
        let signer = self
            .sign
            .then(|| Signer::new(&self.config, self.key.as_deref(), self.expires))
            .transpose()?;
        // The Host header, where it is not what the address says.
        let mut headers = Vec::new();
        if host != base_host && (self.host.is_some() || signer.is_some()) {
            headers.push(format!("Host: {host}"));
        }
        let wire_host = if headers.is_empty() { base_host } else { host };
        let stored = self.put.as_ref().or(self.post.as_ref());
        let Some(fileid) = stored else {
            let query = match &signer {
                Some(signer) => signer.query(wire_host, object, &rule),
                None => rule,
            };
            let url = format!("{base}/{}?{query}", escape::key(object));
            return Ok(match headers.first() {
                // A URL alone cannot say which host it is for.
                Some(header) => format!("curl -H {} {}", quoted(header), quoted(&url)),
                None => url,
            });
        };
        let operations = operations(fileid, &rule);
        if let Some(bucket) = &self.direct {
            return direct(bucket, object, &operations);
        }
        if let Some(signer) = &signer {
            let (method, parameters): (_, &[_]) = match self.put {
                Some(_) => ("PUT", &[]),
                None => ("POST", &[("image_process", "")]),
            };
            let authorization =
                signer.authorization(method, wire_host, object, parameters, &operations);
            headers.push(format!("Authorization: {authorization}"));
        }
        Ok(match self.put {
            Some(_) => put(base, object, &operations, &headers),
            None => post(base, object, &rule, fileid, &headers),
        })
    }

    fn rule(&self, host: &str) -> Result<String, Error> {
        if let Some(duration) = self.duration {
            return animate(&self.objects, duration, host);
        }
        if self.objects.len() > 1 {
            let reason = "several objects are the frames of a GIF; give --duration";
            return Err(Error::Usage(reason.to_owned()));
        }
        match (&self.rule, self.interlace) {
            (Some(rule), _) => Ok(Rule::parse(rule)?.to_string()),
            (None, Some(mode)) => Ok(format!("imageMogr2/format/jpg/interlace/{mode}")),
            (None, None) => Err(Error::Usage(
                "give one of --duration, --interlace and --rule".to_owned(),
            )),
        }
    }
}

/// The rule that makes a GIF of `objects`, in the bucket that `host` names.
pub(crate) fn animate(objects: &[String], duration: u32, host: &str) -> Result<String, Error> {
    if objects.len() < 2 {
        let reason = format!("a GIF takes 2 to 20 objects; found {}", objects.len());
        return Err(Error::Usage(reason));
    }
    let images = objects[1..].iter().map(|object| {
        let url = format!("http://{host}/{}", escape::key(key(object)?.as_str()));
        ImageRef::new(&url).map_err(|source| Error::Name {
            name: url,
            source: source.into(),
        })
    });
    let images = images.collect::<Result<_, Error>>()?;
    let animate = rules::Animate::new(duration, images);
    let stage = ImageMogr2 {
        animate: Some(animate),
        ..ImageMogr2::default()
    };
    let rule = Rule::new(vec![Stage::ImageMogr2(stage)]).expect("one stage is a rule");
    pipeline::check(&rule, &pipeline::Limits::default())?;
    Ok(rule.to_string())
}

fn key(name: &str) -> Result<ObjectKey, Error> {
    ObjectKey::new(name).map_err(|source| Error::Name {
        name: name.to_owned(),
        source: source.into(),
    })
}

/// The `Pic-Operations` header's value for one rule.
fn operations(fileid: &str, rule: &str) -> String {
    let text = |text: &str| {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    };
    // A name is percent-decoded once by the service, so that a header stays ASCII.
    let fileid = escape::key(fileid);
    format!(
        "{{\"is_pic_info\":1,\"rules\":[{{\"fileid\":{},\"rule\":{}}}]}}",
        text(&fileid),
        text(rule)
    )
}

/// The command that stores the result of a rule on a stored object.
pub(crate) fn post(
    base: &str,
    object: &str,
    rule: &str,
    fileid: &str,
    headers: &[String],
) -> String {
    let url = format!("{base}/{}?image_process", escape::key(object));
    let operations = operations(fileid, rule);
    command(&["curl", "-X", "POST"], &url, &operations, headers)
}

/// The command that uploads the file of this name with its rule.
fn put(base: &str, object: &str, operations: &str, headers: &[String]) -> String {
    let url = format!("{base}/{}", escape::key(object));
    let file = quoted(object);
    command(&["curl", "-T", &file], &url, operations, headers)
}

/// The command that uploads a file straight to S3, its rule as metadata: base64url of the JSON, since metadata is ASCII.
fn direct(bucket: &str, object: &str, operations: &str) -> Result<String, Error> {
    /// Bytes that all user metadata of an S3 object may take, names and values together.
    const MAX_BYTES: usize = 2048;
    let name = shared::OPERATIONS_METADATA;
    let value = URL_SAFE_NO_PAD.encode(operations);
    let found = name.len() + value.len();
    if found > MAX_BYTES {
        let reason = format!(
            "the rule takes {found} bytes of metadata; S3 keeps at most {MAX_BYTES}: put it into [[upload.rules]] instead"
        );
        return Err(Error::Usage(reason));
    }
    let target = quoted(&format!("s3://{bucket}/{object}"));
    let metadata = quoted(&format!("{name}={value}"));
    Ok(format!(
        "aws s3 cp {} {target} --metadata {metadata}",
        quoted(object)
    ))
}

fn command(curl: &[&str], url: &str, operations: &str, headers: &[String]) -> String {
    let mut words: Vec<String> = curl.iter().map(|&word| word.to_owned()).collect();
    words.push(quoted(url));
    let operations = format!("Pic-Operations: {operations}");
    for header in headers.iter().chain([&operations]) {
        words.extend(["-H".to_owned(), quoted(header)]);
    }
    words.join(" ")
}

/// One word of a shell command.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether a host, with or without a port, is a name that can name a bucket.
fn is_name(host: &str) -> bool {
    let name = shared::hosts::without_port(host);
    let address = name.trim_matches(['[', ']']);
    name != "localhost" && address.parse::<IpAddr>().is_err()
}
