//! A request as people paste it: a URL, or a request line, with or without headers below.

use http::{HeaderMap, HeaderName, HeaderValue, header::HOST};

use crate::{error::short, request::Request};

/// Why a text is not taken for a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PastedError {
    /// Nothing but white space.
    #[error("expected a URL, or a request line such as `GET /a.jpg?imageInfo`, found nothing")]
    Empty,
    /// The first line is neither a URL nor a request line.
    #[error("expected a URL, or a request line such as `GET /a.jpg?imageInfo`, found `{0}`")]
    NotARequest(String),
    /// A later line is not `Name: value`.
    #[error("line {line}: expected `Name: value`, found `{text}`")]
    NotAHeader {
        /// Counted from 1.
        line: usize,
        /// What was found.
        text: String,
    },
}

/// A request read from text.
#[derive(Clone)]
pub struct Pasted {
    method: String,
    raw_path: Vec<u8>,
    raw_query: Vec<u8>,
    headers: HeaderMap,
}

impl Pasted {
    /// Reads `text`, which need not be UTF-8:
    /// - a URL (`http://host/key?query`), a method and a URL, or a request line (`GET /key?query HTTP/1.1`);
    /// - then a header a line, to an empty line or the end. `> ` before lines, as `curl -v` prints them, is left out.
    ///
    /// The host of a URL is the `Host` header where none is given. Without a method it is `GET`.
    ///
    /// # Errors
    ///
    /// [`PastedError`], for what cannot be read.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, PastedError> {
        let mut lines = text
            .as_ref()
            .split(|&byte| byte == b'\n')
            .map(|line| line.strip_prefix(b"> ").unwrap_or(line).trim_ascii())
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .skip_while(|(_, line)| line.is_empty());
        let (_, first) = lines.next().ok_or(PastedError::Empty)?;
        let not_a_request = || PastedError::NotARequest(short(&String::from_utf8_lossy(first)));
        let (method, target) = match split_once(first, b' ') {
            Some((method, target))
                if !method.is_empty() && method.iter().all(u8::is_ascii_alphabetic) =>
            {
                (method, target.trim_ascii())
            }
            _ => (&b"GET"[..], first),
        };
        let target = target.strip_suffix(b"HTTP/1.1").unwrap_or(target);
        let target = target.trim_ascii_end();
        let target = split_once(target, b'#').map_or(target, |(target, _)| target);
        let url = target
            .strip_prefix(b"http://")
            .or_else(|| target.strip_prefix(b"https://"));
        let (host, target) = match url {
            Some(url) => {
                let end = url.iter().position(|byte| b"/?".contains(byte));
                let (host, target) = url.split_at(end.unwrap_or(url.len()));
                (Some(host), target)
            }
            None if target.starts_with(b"/") => (None, target),
            None => return Err(not_a_request()),
        };
        let (path, query) = split_once(target, b'?').unwrap_or((target, b""));
        let mut headers = HeaderMap::new();
        for (line, text) in lines.take_while(|(_, line)| !line.is_empty()) {
            let header = split_once(text, b':').and_then(|(name, value)| {
                let name = HeaderName::from_bytes(name.trim_ascii()).ok()?;
                Some((name, HeaderValue::from_bytes(value.trim_ascii()).ok()?))
            });
            let (name, value) = header.ok_or_else(|| PastedError::NotAHeader {
                line,
                text: short(&String::from_utf8_lossy(text)),
            })?;
            headers.append(name, value);
        }
        if let Some(host) = host
            && !headers.contains_key(HOST)
        {
            let host = HeaderValue::from_bytes(host).map_err(|_| not_a_request())?;
            headers.insert(HOST, host);
        }
        let method = method.to_ascii_uppercase();
        Ok(Self {
            method: String::from_utf8(method).expect("a method is ASCII letters"),
            raw_path: if path.is_empty() {
                b"/".to_vec()
            } else {
                path.into()
            },
            raw_query: query.into(),
            headers,
        })
    }

    /// As [`crate::verify`] and [`crate::explain`](crate::explain()) take it.
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            raw_path: &self.raw_path,
            raw_query: &self.raw_query,
            headers: &self.headers,
        }
    }
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == at)?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, method: &str, path: &str, query: &str, host: Option<&str>) {
        let pasted = Pasted::parse(text).unwrap();
        let request = pasted.request();
        let found = (request.method, request.raw_path, request.raw_query);
        assert_eq!(found, (method, path.as_bytes(), query.as_bytes()));
        assert_eq!(
            request.headers.get(HOST).map(HeaderValue::as_bytes),
            host.map(str::as_bytes)
        );
    }

    #[test]
    fn reads_what_people_paste() {
        reads(
            "http://h.example:80/a%20b?x=1#f",
            "GET",
            "/a%20b",
            "x=1",
            Some("h.example:80"),
        );
        reads("https://h.example", "GET", "/", "", Some("h.example"));
        reads(
            "http://h.example?imageInfo",
            "GET",
            "/",
            "imageInfo",
            Some("h.example"),
        );
        reads(
            "\n PUT /a?b HTTP/1.1\nHost: x\nPic-Operations: {\"a\": 1}\n\nbody",
            "PUT",
            "/a",
            "b",
            Some("x"),
        );
        reads(
            "> get /图 a HTTP/1.1\n> Host:x",
            "GET",
            "/图 a",
            "",
            Some("x"),
        );
        reads(
            "POST http://h.example/a\nhost: other",
            "POST",
            "/a",
            "",
            Some("other"),
        );
        reads("/a", "GET", "/a", "", None);
    }

    #[test]
    fn bytes_stay_what_they_are() {
        let pasted =
            Pasted::parse(b"PUT /\xff?\xfe HTTP/1.1\r\nPic-Operations: {\"\xe9\"}\r\n").unwrap();
        let request = pasted.request();
        assert_eq!(
            (request.raw_path, request.raw_query),
            (&b"/\xff"[..], &b"\xfe"[..])
        );
        let value = request.headers.get("pic-operations").unwrap();
        assert_eq!(value.as_bytes(), b"{\"\xe9\"}");
    }

    #[test]
    fn says_what_it_cannot_read() {
        assert_eq!(Pasted::parse(" \n").err(), Some(PastedError::Empty));
        let error = Pasted::parse("a.jpg").err().unwrap();
        assert_eq!(error, PastedError::NotARequest("a.jpg".into()));
        let error = Pasted::parse("/a\nHost: x\nnonsense").err().unwrap();
        assert_eq!(
            error.to_string(),
            "line 3: expected `Name: value`, found `nonsense`"
        );
    }
}
