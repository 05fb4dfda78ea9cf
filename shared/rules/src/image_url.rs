//! An image named inside a rule: base64 of a URL, and the parts of that URL. Nothing here resolves or fetches.

use percent_encoding::percent_decode_str;

use crate::error::{ImageError, short};
use crate::query::{QueryRule, split_query};
use crate::values::{decode, encode};

/// Bytes that an image URL may have; with a signature in it, about 700 are usual.
const MAX_BYTES: usize = 4096;

/// An image as a rule names it: the text of a URL that [`ImageUrl::parse`] reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageRef {
    text: String,
    url: ImageUrl,
}

impl ImageRef {
    /// The image at the URL `text`.
    ///
    /// # Errors
    ///
    /// See [`ImageUrl::parse`].
    pub fn new(text: &str) -> Result<Self, ImageError> {
        Ok(Self {
            url: ImageUrl::parse(text)?,
            text: text.to_owned(),
        })
    }

    /// Reads the base64 of a URL: the URL-safe or the standard alphabet, with padding or without.
    ///
    /// # Errors
    ///
    /// [`ImageError::Base64`], [`ImageError::NotUtf8`], and those of [`ImageUrl::parse`].
    pub fn from_base64(base64: &str) -> Result<Self, ImageError> {
        Self::new(&decode_text(base64)?)
    }

    /// As [`ImageRef::from_base64`], and the URL may carry a rule of its own.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn with_rule_from_base64(base64: &str) -> Result<Self, ImageError> {
        let text = decode_text(base64)?;
        Ok(Self {
            url: ImageUrl::parse_with_rule(&text)?,
            text,
        })
    }

    /// The URL as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The URL's parts.
    pub fn url(&self) -> &ImageUrl {
        &self.url
    }

    /// The URL in URL-safe base64 without padding, as it stands in a canonical rule.
    pub fn to_base64(&self) -> String {
        encode(&self.text)
    }
}

fn decode_text(base64: &str) -> Result<String, ImageError> {
    let bytes = decode(base64).ok_or_else(|| ImageError::Base64 {
        found: short(base64),
    })?;
    String::from_utf8(bytes).map_err(|_| ImageError::NotUtf8)
}

/// How a URL begins. Both name the same object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// The parts of an image URL.
///
/// It is a name: `host` is looked up in a table of buckets, and `key` is read from storage. It is never connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageUrl {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// The host name in lower case, without the port. Never an IP address.
    pub host: String,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// The path as written, from its `/` on.
    pub path: String,
    /// The path without its first `/`, percent escapes read once; `+` is a plus, dots and doubled slashes stay.
    pub key: String,
    /// What stands after `?`, as written. It may hold a signature.
    pub query: Option<String>,
    /// The processing rule in the query.
    pub rule: Option<QueryRule>,
}

impl ImageUrl {
    /// Reads the URL of an image: `http[s]://<host name>[:<port>]/<key>[?<query>]`.
    ///
    /// Unescaped spaces and non-ASCII characters in the path stand for themselves.
    ///
    /// # Errors
    ///
    /// [`ImageError`] for everything else: another scheme, a user name, a fragment, an IP address in any spelling,
    /// backslashes, control characters, a path without a name, a rule in the query.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        match Self::parse_with_rule(text)? {
            Self { rule: Some(_), .. } => Err(ImageError::Rule),
            url => Ok(url),
        }
    }

    /// As [`ImageUrl::parse`], and a rule may stand in the query; what it asks for is not looked at.
    ///
    /// # Errors
    ///
    /// The same, but for [`ImageError::Rule`].
    pub fn parse_with_rule(text: &str) -> Result<Self, ImageError> {
        if text.len() > MAX_BYTES {
            return Err(ImageError::TooLong {
                found: text.len(),
                max: MAX_BYTES,
            });
        }
        refuse_characters(text)?;
        let (scheme, rest) = split_scheme(text)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if authority.contains('@') {
            return Err(ImageError::UserInfo);
        }
        if rest.contains('#') {
            return Err(ImageError::Fragment);
        }
        let (host, port) = split_authority(authority)?;
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let key = decode_key(path)?;
        let rule = query.and_then(|query| split_query(query).ok()?.rule);
        Ok(Self {
            scheme,
            host,
            port,
            path: path.to_owned(),
            key,
            query: query.map(str::to_owned),
            rule,
        })
    }
}

fn refuse_characters(text: &str) -> Result<(), ImageError> {
    match text.chars().find(|c| c.is_control() || *c == '\\') {
        None => Ok(()),
        Some('\\') => Err(ImageError::Character {
            found: "a backslash".to_owned(),
        }),
        Some(c) => Err(ImageError::Character {
            found: format!("the control character U+{:04X}", u32::from(c)),
        }),
    }
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), ImageError> {
    for (prefix, scheme) in [("http://", Scheme::Http), ("https://", Scheme::Https)] {
        if let Some(head) = text.get(..prefix.len())
            && head.eq_ignore_ascii_case(prefix)
        {
            return Ok((scheme, &text[prefix.len()..]));
        }
    }
    Err(ImageError::Scheme { found: short(text) })
}

fn split_authority(authority: &str) -> Result<(String, Option<u16>), ImageError> {
    if authority.starts_with('[') {
        return Err(ImageError::Address {
            found: short(authority),
        });
    }
    let (host, port) = match authority.split_once(':') {
        None => (authority, None),
        Some((host, digits)) => {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            let port = digits.parse().ok().filter(|port| plain && *port != 0);
            let port = port.ok_or_else(|| ImageError::Port {
                found: short(digits),
            })?;
            (host, Some(port))
        }
    };
    let host = host.to_ascii_lowercase();
    let label = |label: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(known)
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(ImageError::Host {
            found: short(&host),
        });
    }
    // As URL parsers take it: a host whose last label is a number (decimal, octal or 0x...) is an IPv4 address.
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = |digits: &str| digits.bytes().all(|b| b.is_ascii_hexdigit());
    if last.bytes().all(|b| b.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(hexadecimal)
    {
        return Err(ImageError::Address {
            found: short(&host),
        });
    }
    Ok((host, port))
}

fn decode_key(path: &str) -> Result<String, ImageError> {
    let raw = path.strip_prefix('/').unwrap_or_default();
    if raw.is_empty() {
        return Err(ImageError::NoKey);
    }
    let escape = |tail: &str| {
        let digits = tail.as_bytes().get(..2);
        digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit))
    };
    if !raw.split('%').skip(1).all(escape) {
        return Err(ImageError::Escape);
    }
    let key = percent_decode_str(raw).decode_utf8();
    let key = key.map_err(|_| ImageError::PathNotUtf8)?.into_owned();
    if let Some(c) = key.chars().find(|c| c.is_control()) {
        return Err(ImageError::Character {
            found: format!("the control character U+{:04X}", u32::from(c)),
        });
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_url_apart() {
        let url = ImageUrl::parse(
            "HTTPS://Examples-125.COS.ap-x.myqcloud.com:8080/a%20b/+//../ü?sign=q%3D1&x",
        )
        .unwrap();
        assert_eq!(url.scheme, Scheme::Https);
        assert_eq!(url.host, "examples-125.cos.ap-x.myqcloud.com");
        assert_eq!(url.port, Some(8080));
        assert_eq!(url.path, "/a%20b/+//../ü");
        assert_eq!(url.key, "a b/+//../ü");
        assert_eq!(url.query.as_deref(), Some("sign=q%3D1&x"));
        // The documentation's own example.
        let image = ImageRef::from_base64(
            "aHR0cDovL2V4YW1wbGVzLTEyNXh4eHh4eC5jb3MuYXAtc2hhbmdoYWkubXlxY2xvdWQuY29tL2ltYWdlLTIuanBn",
        );
        let url = image.unwrap().url().clone();
        assert_eq!(url.host, "examples-125xxxxxx.cos.ap-shanghai.myqcloud.com");
        assert_eq!(url.key, "image-2.jpg");
    }

    #[test]
    fn refuses_everything_else() {
        #[track_caller]
        fn refuses(text: &str, message: &str) {
            assert_eq!(ImageUrl::parse(text).unwrap_err().to_string(), message);
        }
        for text in [
            "",
            "a.jpg",
            "ftp://h/a",
            "file:///etc/passwd",
            "//h/a",
            "http:/h/a",
            "javascript:1",
        ] {
            refuses(
                text,
                &format!("`{text}` does not begin with http:// or https://"),
            );
        }
        let user = "the URL has a user name or an `@` before its host; neither is allowed";
        refuses("http://user@h/a", user);
        refuses("http://h:80@evil/a", user);
        refuses(
            "http://h\\@evil/a",
            "the URL holds a backslash; escape it with `%`",
        );
        refuses(
            "http://h/a\r\nx",
            "the URL holds the control character U+000D; escape it with `%`",
        );
        refuses(
            "http://h/a%00",
            "the URL holds the control character U+0000; escape it with `%`",
        );
        refuses(
            "http://h/a#b",
            "the URL has a fragment (`#`); escape it as %23 or leave it out",
        );
        refuses(
            "http://h#/a",
            "the URL has a fragment (`#`); escape it as %23 or leave it out",
        );
        let host = "is not a host name of ASCII letters, digits, `-`, `_` and dots";
        for bad in ["", "a..b", "h.", ".h", "h%2e", "h h", "ｈ", "ü.de", "a*b"] {
            refuses(&format!("http://{bad}/a"), &format!("`{bad}` {host}"));
        }
        for ip in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "1.2.3.256",
            "h.0x",
            "[::1]",
            "[::ffff:7f00:1]",
        ] {
            refuses(
                &format!("http://{ip}/a"),
                &format!("`{ip}` is an address; images are named by the host name of a bucket"),
            );
        }
        for port in ["", "0", "65536", "+80", "8a", "80:90"] {
            refuses(
                &format!("http://h:{port}/a"),
                &format!("`{port}` is not a port; expected 1 to 65535"),
            );
        }
        for none in ["http://h", "http://h/", "http://h?a", "http://h/?a"] {
            refuses(
                none,
                "the URL names no object; a path is expected after the host",
            );
        }
        let escape =
            "`%` in the path is not followed by two hexadecimal digits; a `%` itself is %25";
        for bad in ["%", "%a", "%zz", "a%é"] {
            refuses(&format!("http://h/{bad}"), escape);
        }
        refuses(
            "http://h/%FF",
            "the path is not UTF-8 once its percent escapes are read",
        );
        refuses(
            "http://h/a?imageMogr2/strip",
            "the URL has a processing rule of its own; images are taken as they are stored",
        );
        refuses(
            &format!("http://h/{}", "a".repeat(4096)),
            "the URL has 4105 bytes; at most 4096 are allowed",
        );
    }
}
