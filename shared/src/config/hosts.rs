//! Which bucket a host and a path lead to: one function, for requests and for image URLs alike.

use crate::config::{Config, Location};
use crate::escape;

/// A bucket of the configuration, and the key in it. The key is empty where the bucket itself is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Config::buckets`].
    pub bucket: usize,
    /// The decoded key, without the slash before it.
    pub key: String,
}

/// What names the host, which decides whether it may leave the bucket unnamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A request: hosts that name no bucket lead to the default one.
    ByRequest,
    /// An image URL inside a rule: the host must name its bucket.
    ByImageUrl,
}

/// Why a host and a path lead nowhere.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The host names no configured bucket.
    #[error("the host `{0}` names no bucket of this service")]
    Host(String),
    /// The path has a malformed escape or is not UTF-8.
    #[error("the path is not percent-encoded UTF-8")]
    Path,
}

/// Finds the place that `host` (as sent, with or without a port) and `path` (still escaped) name.
///
/// In this order: an exact entry of a bucket's `hosts`; the first label of a COS or S3 virtual host, or of a
/// listed endpoint host; the first path segment on COS and S3 path-style hosts; and, for requests only, the
/// default bucket on an IP literal, `localhost` or a listed endpoint host.
///
/// # Errors
///
/// [`Lost::Host`] for any other host: a page that has its own name resolve to a laptop reaches nothing.
pub fn find(config: &Config, host: &str, path: &str, asked: Asked) -> Result<Place, Lost> {
    let name = without_port(host).to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let lost = || Lost::Host(name.to_owned());
    let path = path.strip_prefix('/').unwrap_or(path);
    let place = |bucket: usize, raw_key: &str| {
        let key = escape::decode(raw_key).ok_or(Lost::Path)?;
        Ok(Place { bucket, key })
    };
    let named = |label: &str| {
        config
            .buckets
            .iter()
            .position(|bucket| bucket.name == label)
    };

    if let Some(bucket) = config
        .buckets
        .iter()
        .position(|bucket| bucket.hosts.iter().any(|own| own == name))
    {
        return place(bucket, path);
    }
    if let Some((label, kind)) = virtual_host(name, &config.endpoint_hosts) {
        if let Some(bucket) = named(label) {
            return place(bucket, path);
        }
        if kind == Kind::S3
            && let Some(place) = s3_place(config, label, path)
        {
            return place;
        }
        return Err(lost());
    }
    if let Some(kind) = path_style_host(name) {
        let (segment, rest) = path.split_once('/').unwrap_or((path, ""));
        let segment = escape::decode(segment).ok_or(Lost::Path)?;
        if let Some(bucket) = named(&segment) {
            return place(bucket, rest);
        }
        if kind == Kind::S3
            && let Some(place) = s3_place(config, &segment, rest)
        {
            return place;
        }
        return Err(Lost::Host(format!("{name}/{segment}")));
    }
    let own = name == "localhost"
        || is_ip_literal(name)
        || config.endpoint_hosts.iter().any(|listed| listed == name);
    if asked == Asked::ByRequest && own {
        let default = config.buckets.iter().position(|bucket| bucket.default);
        let only = (config.buckets.len() == 1).then_some(0);
        return place(default.or(only).ok_or_else(lost)?, path);
    }
    Err(lost())
}

/// True where a request names the service as a whole and no bucket: `/` on a host of COS that has the bucket in its path.
pub fn is_service(host: &str, path: &str) -> bool {
    let name = without_port(host).to_ascii_lowercase();
    let is_root = matches!(path, "" | "/");
    let of_all = cos_zone(&name).is_some_and(|rest| rest == "service.cos");
    is_root && (of_all || path_style_host(&name) == Some(Kind::Cos))
}

/// True where the bucket is the first segment of the path, not part of the host.
pub fn is_path_style(host: &str) -> bool {
    path_style_host(&without_port(host).to_ascii_lowercase()).is_some()
}

/// The host without a port: `[::1]:80` is `[::1]`. What is after the colon is digits or nothing, else it is no port.
pub fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if (!name.starts_with('[') || name.ends_with(']'))
                && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => host,
    }
}

/// Whether this is a name, an IPv4 address or an IPv6 address in brackets, and perhaps a port (RFC 9110, 7.2).
///
/// Names may hold whatever a registered name may (RFC 3986, 3.2.2) but escapes, which no DNS name has.
pub fn is_host(host: &str) -> bool {
    let name = without_port(host);
    if let Some(address) = name.strip_prefix('[') {
        let address = address
            .strip_suffix(']')
            .map(str::parse::<std::net::Ipv6Addr>);
        return matches!(address, Some(Ok(_)));
    }
    let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    !name.is_empty() && name.bytes().all(is_in_name)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cos,
    S3,
}

/// The bucket label of a host that has one before a known service name.
fn virtual_host<'a>(name: &'a str, endpoints: &[String]) -> Option<(&'a str, Kind)> {
    if let Some(label) = endpoints
        .iter()
        .find_map(|listed| name.strip_suffix(listed.as_str())?.strip_suffix('.'))
    {
        return Some((label, Kind::Cos));
    }
    if let Some(rest) = cos_zone(name) {
        let (label, service) = rest.split_once('.')?;
        return is_cos_service(service).then_some((label, Kind::Cos));
    }
    let rest = s3_zone(name)?;
    // Bucket names may have dots: the service name is the last label that begins with `s3`.
    let labels: Vec<&str> = rest.split('.').collect();
    let service = labels
        .iter()
        .rposition(|label| *label == "s3" || label.starts_with("s3-"))?;
    let len: usize = labels[..service].iter().map(|label| label.len() + 1).sum();
    (len > 1).then(|| (&rest[..len - 1], Kind::S3))
}

/// Hosts that have the bucket in the path.
fn path_style_host(name: &str) -> Option<Kind> {
    if let Some(rest) = cos_zone(name) {
        let is_service = rest.starts_with("cos.") && rest.matches('.').count() == 1;
        return is_service.then_some(Kind::Cos);
    }
    let rest = s3_zone(name)?;
    let first = rest.split('.').next().unwrap_or_default();
    (first == "s3" || first.starts_with("s3-")).then_some(Kind::S3)
}

fn cos_zone(name: &str) -> Option<&str> {
    name.strip_suffix(".myqcloud.com")
        .or_else(|| name.strip_suffix(".tencentcos.cn"))
}

fn s3_zone(name: &str) -> Option<&str> {
    name.strip_suffix(".amazonaws.com")
        .or_else(|| name.strip_suffix(".amazonaws.com.cn"))
}

/// What stands between the bucket and the zone: `cos.<region>`, `file`, `pic.<region>`, `picsh`, ...
fn is_cos_service(service: &str) -> bool {
    let (kind, region) = service.split_once('.').unwrap_or((service, ""));
    let one_label = !region.is_empty() && !region.contains('.');
    match kind {
        "cos" | "cos-internal" | "pic" | "ci" => one_label,
        "file" => region.is_empty(),
        _ => region.is_empty() && kind.starts_with("pic") && kind.len() > 3,
    }
}

/// A place given by the S3 bucket's own name: the key must lie under the configured prefix.
fn s3_place(config: &Config, s3_name: &str, path: &str) -> Option<Result<Place, Lost>> {
    let Some(key) = escape::decode(path) else {
        return Some(Err(Lost::Path));
    };
    config.buckets.iter().enumerate().find_map(|(n, bucket)| {
        let Location::S3 {
            bucket: name,
            prefix,
        } = &bucket.location
        else {
            return None;
        };
        let key = key.strip_prefix(prefix.as_str())?.to_owned();
        (name == s3_name).then_some(Ok(Place { bucket: n, key }))
    })
}

fn is_ip_literal(name: &str) -> bool {
    name.strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name)
        .parse::<std::net::IpAddr>()
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Outside;

    fn config() -> Config {
        let text = r#"
            endpoint_hosts = ["mogr.example.com"]
            [[bucket]]
            name = "examples-1250000000"
            folder = "./a"
            hosts = ["img.example.com"]
            default = true
            [[bucket]]
            name = "other-1250000000"
            s3 = "my.bucket"
            prefix = "images/"
        "#;
        let outside = Outside {
            env: &|_| None,
            file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        Config::parse(text, &outside).expect("the text above is right")
    }

    #[track_caller]
    fn leads(host: &str, path: &str, asked: Asked, expected: Option<(usize, &str)>) {
        let found = find(&config(), host, path, asked).ok();
        let found = found
            .as_ref()
            .map(|place| (place.bucket, place.key.as_str()));
        assert_eq!(found, expected, "{host} {path} {asked:?}");
    }

    #[test]
    fn hosts_that_name_a_bucket() {
        for asked in [Asked::ByRequest, Asked::ByImageUrl] {
            leads("img.example.com", "/a/b.jpg", asked, Some((0, "a/b.jpg")));
            leads(
                "IMG.example.com:8080",
                "/a%20b+c",
                asked,
                Some((0, "a b+c")),
            );
            leads(
                "examples-1250000000.cos.ap-shanghai.myqcloud.com",
                "/x",
                asked,
                Some((0, "x")),
            );
            leads(
                "other-1250000000.cos.accelerate.myqcloud.com",
                "//x",
                asked,
                Some((1, "/x")),
            );
            leads(
                "examples-1250000000.file.myqcloud.com",
                "/x",
                asked,
                Some((0, "x")),
            );
            leads(
                "examples-1250000000.picsh.myqcloud.com",
                "/x",
                asked,
                Some((0, "x")),
            );
            leads(
                "examples-1250000000.cos.ap-shanghai.tencentcos.cn",
                "/x",
                asked,
                Some((0, "x")),
            );
            leads(
                "examples-1250000000.mogr.example.com",
                "/x",
                asked,
                Some((0, "x")),
            );
            leads(
                "cos.ap-shanghai.myqcloud.com",
                "/other-1250000000/x/y",
                asked,
                Some((1, "x/y")),
            );
            leads(
                "cos.ap-shanghai.myqcloud.com",
                "/other-1250000000",
                asked,
                Some((1, "")),
            );
            leads(
                "my.bucket.s3.eu-west-1.amazonaws.com",
                "/images/x",
                asked,
                Some((1, "x")),
            );
            leads(
                "s3.eu-west-1.amazonaws.com",
                "/my.bucket/images/x",
                asked,
                Some((1, "x")),
            );
        }
    }

    #[test]
    fn hosts_that_name_the_service() {
        for (host, path, expected) in [
            ("service.cos.myqcloud.com", "/", true),
            ("SERVICE.cos.tencentcos.cn:80", "", true),
            ("cos.ap-shanghai.myqcloud.com", "/", true),
            ("cos.ap-shanghai.myqcloud.com", "/other-1250000000", false),
            (
                "examples-1250000000.cos.ap-shanghai.myqcloud.com",
                "/",
                false,
            ),
            ("s3.eu-west-1.amazonaws.com", "/", false),
            ("localhost", "/", false),
            ("service.cos.myqcloud.com.evil.example", "/", false),
        ] {
            assert_eq!(is_service(host, path), expected, "{host} {path}");
        }
    }

    #[test]
    fn hosts_that_name_none() {
        for asked in [Asked::ByRequest, Asked::ByImageUrl] {
            leads("evil.example.net", "/x", asked, None);
            leads("examples-1250000000.evil.net", "/x", asked, None);
            leads(
                "absent-1250000000.cos.ap-shanghai.myqcloud.com",
                "/x",
                asked,
                None,
            );
            leads("myqcloud.com", "/examples-1250000000/x", asked, None);
            leads(
                "examples-1250000000.cos.a.b.myqcloud.com",
                "/x",
                asked,
                None,
            );
            leads("cos.ap-shanghai.myqcloud.com", "/absent/x", asked, None);
            leads(
                "my.bucket.s3.eu-west-1.amazonaws.com",
                "/secret/x",
                asked,
                None,
            );
            leads("img.example.com", "/a%zz", asked, None);
            leads("img.example.com", "/%ff", asked, None);
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for host in [
            "localhost",
            "img.example.com.:8080",
            "a_b.example",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:8080",
            "[::ffff:1.2.3.4]:",
        ] {
            assert!(is_host(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "[::1].evil",
            "[::1]evil:80",
            "[::1",
            "::1",
            "[localhost]",
            "localhost:80:80",
            "localhost:http",
            "localhost/x",
            "user@localhost",
            "local host",
            "a%2eb",
        ] {
            assert!(!is_host(host), "{host}");
            leads(host, "/x", Asked::ByRequest, None);
        }
    }

    #[test]
    fn the_default_bucket_is_for_requests_alone() {
        for host in [
            "127.0.0.1:8080",
            "localhost",
            "[::1]:80",
            "mogr.example.com",
        ] {
            leads(host, "/x", Asked::ByRequest, Some((0, "x")));
            leads(host, "/x", Asked::ByImageUrl, None);
        }
    }
}
