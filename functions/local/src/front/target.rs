//! Finds the request lines in what a client sends and escapes what cannot stand in a URI there.
//!
//! Rules hold `>`, `<`, `|` and the like, browsers and curl send them raw, and an HTTP parser answers them 400. To know
//! where a request line begins, the bodies between them are counted: by `Content-Length`, or chunk by chunk. Nothing but
//! request targets is ever changed; where the counting ends in doubt, the rest goes through as it is.

/// A request line longer than this goes through as it is, for the parser behind to refuse.
const MAX_LINE: usize = 256 * 1024;
/// Bytes of a header line that are looked at: the names and values that count are short.
const MAX_HEADER: usize = 256;

/// What the next byte belongs to.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// A request line, kept back until it ends.
    RequestLine,
    /// A header line, or the empty line behind the last.
    Header,
    /// So many bytes of a body.
    Body(u64),
    /// The line before a chunk.
    ChunkSize,
    /// So many bytes of a chunk, and the line end behind it.
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// A trailer line, or the empty line behind the last.
    Trailer,
    /// Not understood: everything goes through.
    Opaque,
}

/// Follows one connection's requests.
#[derive(Debug)]
pub(super) struct Rewriter {
    state: State,
    /// The line so far, as far as it is looked at.
    line: Vec<u8>,
    /// Whether bytes of the line beyond what is kept have come.
    is_cut: bool,
    framing: Framing,
}

/// What the headers so far say of the body.
#[derive(Debug, Default)]
struct Framing {
    length: Option<u64>,
    is_chunked: bool,
    in_doubt: bool,
}

impl Rewriter {
    pub(super) fn new() -> Self {
        Self {
            state: State::RequestLine,
            line: Vec::new(),
            is_cut: false,
            framing: Framing::default(),
        }
    }

    /// Takes the next bytes of the connection and appends what is to be read of them to `out`.
    pub(super) fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        while !input.is_empty() {
            let used = match self.state {
                State::Opaque => {
                    out.extend_from_slice(input);
                    input.len()
                }
                State::Body(left) => {
                    let used = pass(input, left, out);
                    self.state = match left - used as u64 {
                        0 => State::RequestLine,
                        left => State::Body(left),
                    };
                    used
                }
                State::Chunk(left) => {
                    let used = pass(input, left, out);
                    self.state = match left - used as u64 {
                        0 => State::ChunkEnd,
                        left => State::Chunk(left),
                    };
                    used
                }
                _ => self.push_line(input, out),
            };
            input = &input[used..];
        }
    }

    /// Appends what is kept back: the client has sent its last byte.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.state == State::RequestLine {
            out.append(&mut self.line);
        }
    }

    /// Takes the next bytes of a line, and decides what follows where it ends.
    fn push_line(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let end = input.iter().position(|&byte| byte == b'\n');
        let used = end.map_or(input.len(), |end| end + 1);
        let part = &input[..used];
        let is_request = self.state == State::RequestLine;
        if is_request {
            self.line.extend_from_slice(part);
            if self.line.len() > MAX_LINE {
                out.append(&mut self.line);
                self.state = State::Opaque;
                return used;
            }
        } else {
            out.extend_from_slice(part);
            let room = MAX_HEADER - self.line.len().min(MAX_HEADER);
            self.is_cut |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
        }
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            let is_cut = std::mem::take(&mut self.is_cut);
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if is_request {
                escape_line(text, out);
                out.extend_from_slice(&line[text.len()..]);
            }
            self.state = self.after(text, is_cut);
        }
        used
    }

    /// What follows the line `text`.
    fn after(&mut self, text: &[u8], is_cut: bool) -> State {
        match self.state {
            // Empty lines before a request line are skipped (RFC 9112, 2.2); the one behind trailers ends a body.
            State::RequestLine | State::Trailer if text.is_empty() => State::RequestLine,
            State::RequestLine => {
                self.framing = Framing::default();
                State::Header
            }
            State::Header if text.is_empty() => {
                let framing = std::mem::take(&mut self.framing);
                match framing.length {
                    _ if framing.in_doubt => State::Opaque,
                    // A transfer coding overrides a length (RFC 9112, 6.3).
                    _ if framing.is_chunked => State::ChunkSize,
                    None | Some(0) => State::RequestLine,
                    Some(length) => State::Body(length),
                }
            }
            State::Header => {
                self.framing.take_in(text, is_cut);
                State::Header
            }
            State::ChunkSize => match chunk_size(text) {
                Some(0) => State::Trailer,
                Some(size) => State::Chunk(size),
                None => State::Opaque,
            },
            State::ChunkEnd if text.is_empty() => State::ChunkSize,
            State::Trailer => State::Trailer,
            _ => State::Opaque,
        }
    }
}

impl Framing {
    fn take_in(&mut self, line: &[u8], is_cut: bool) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            return;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            // Anything but this one coding, once, is refused behind us or means another body than we count.
            self.in_doubt |= is_cut || self.is_chunked || !value.eq_ignore_ascii_case(b"chunked");
            self.is_chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(value)
                .ok()
                .filter(|_| digits && !is_cut);
            let length = text.and_then(|text| text.parse().ok());
            self.in_doubt |= length.is_none() || self.length.is_some_and(|had| Some(had) != length);
            self.length = length;
        }
    }
}

/// Passes on `left` bytes at most.
fn pass(input: &[u8], left: u64, out: &mut Vec<u8>) -> usize {
    let used = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    out.extend_from_slice(&input[..used]);
    used
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii();
    let text = std::str::from_utf8(digits).ok()?;
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(text, 16).ok())?
}

/// Writes a request line with its target escaped; one that is no request line as it is.
fn escape_line(line: &[u8], out: &mut Vec<u8>) {
    let mut parts = line.split(|&byte| byte == b' ');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(method), Some(target), Some(version), None) if version.starts_with(b"HTTP/") => {
            out.extend_from_slice(method);
            out.push(b' ');
            escape_target(target, out);
            out.push(b' ');
            out.extend_from_slice(version);
        }
        _ => out.extend_from_slice(line),
    }
}

/// Escapes the path and query of `/path?query` or `scheme://host/path?query`; other forms stay.
fn escape_target(target: &[u8], out: &mut Vec<u8>) {
    let begin = if target.starts_with(b"/") {
        0
    } else {
        let Some(scheme) = target.windows(3).position(|three| three == b"://") else {
            out.extend_from_slice(target);
            return;
        };
        let host = scheme + 3;
        let is_end = |byte: &u8| b"/?#".contains(byte);
        host + target[host..]
            .iter()
            .position(is_end)
            .unwrap_or(target.len() - host)
    };
    out.extend_from_slice(&target[..begin]);
    for &byte in &target[begin..] {
        if byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte) {
            out.push(byte);
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            out.extend([
                b'%',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whole, and cut everywhere, the input gives the same.
    #[track_caller]
    fn rewrites(input: &[u8], expected: &[u8]) {
        for step in [input.len().max(1), 1, 2, 3, 7] {
            let (mut rewriter, mut out) = (Rewriter::new(), Vec::new());
            for part in input.chunks(step) {
                rewriter.push(part, &mut out);
            }
            rewriter.finish(&mut out);
            assert_eq!(
                String::from_utf8_lossy(&out),
                String::from_utf8_lossy(expected),
                "{step} bytes at a time"
            );
        }
    }

    #[test]
    fn only_targets_are_escaped() {
        rewrites(
            b"GET /a?imageMogr2/thumbnail/1x1>|x\"<\\^`{}#\xe4\xb8\xad HTTP/1.1\r\nX: <>\xe4\r\n\r\n",
            b"GET /a?imageMogr2/thumbnail/1x1%3E%7Cx%22%3C%5C%5E%60%7B%7D%23%E4%B8%AD HTTP/1.1\r\nX: <>\xe4\r\n\r\n",
        );
        rewrites(
            b"GET /%2F%zz+!$&'()*,;=:@[]~ HTTP/1.0\n\n",
            b"GET /%2F%zz+!$&'()*,;=:@[]~ HTTP/1.0\n\n",
        );
        rewrites(
            b"GET http://h<>/p<>?q|# HTTP/1.1\r\n\r\n",
            b"GET http://h<>/p%3C%3E?q%7C%23 HTTP/1.1\r\n\r\n",
        );
        rewrites(b"OPTIONS * HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n");
        rewrites(
            b"CONNECT h:1 HTTP/1.1\r\n\r\n",
            b"CONNECT h:1 HTTP/1.1\r\n\r\n",
        );
    }

    #[test]
    fn bodies_are_skipped() {
        const NEXT: &[u8] = b"GET /< HTTP/1.1\r\n\r\n";
        const NEXT_ESCAPED: &[u8] = b"GET /%3C HTTP/1.1\r\n\r\n";
        for (body, is_followed) in [
            (&b"PUT /a HTTP/1.1\r\nContent-Length: 17\r\n\r\nGET /< HTTP/1.1\r\n"[..], true),
            (b"PUT /a HTTP/1.1\r\ncontent-length:0\r\n\r\n", true),
            (b"PUT /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx\r\n\r\n", true),
            (b"PUT /a HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n11;x=y\r\nGET /< HTTP/1.1\r\n\r\n0\r\nT: <\r\n\r\n", true),
            (b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", true),
            // In doubt, nothing is touched any more.
            (b"PUT /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", false),
            (b"PUT /a HTTP/1.1\r\nContent-Length: +1\r\n\r\nx", false),
            (b"PUT /a HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nx", false),
            (b"PUT /a HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", false),
            (b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", false),
            (b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n", false),
        ] {
            let next = if is_followed { NEXT_ESCAPED } else { NEXT };
            rewrites(&[body, NEXT].concat(), &[body, next].concat());
        }
    }

    #[test]
    fn a_long_line_goes_through() {
        let line = [&b"GET /<"[..], &b"x".repeat(MAX_LINE), b" HTTP/1.1\r\n\r\n"].concat();
        rewrites(&line, &line);
        let header = [
            &b"GET /< HTTP/1.1\r\nA: "[..],
            &b"x".repeat(MAX_LINE),
            b"\r\n\r\nGET /< HTTP/1.1\r\n",
        ]
        .concat();
        let expected = [
            &b"GET /%3C HTTP/1.1\r\nA: "[..],
            &b"x".repeat(MAX_LINE),
            b"\r\n\r\nGET /%3C HTTP/1.1\r\n",
        ]
        .concat();
        rewrites(&header, &expected);
    }

    proptest! {
        /// Any requests in a row come through: targets escaped, everything else byte for byte.
        #[test]
        fn requests_in_a_row(requests in prop::collection::vec((
            prop::collection::vec(any::<u8>().prop_filter("one word", |b| !b" \r\n".contains(b)), 0..20),
            prop::collection::vec(any::<u8>(), 0..60),
            prop::option::of(1_usize..20),
        ), 1..5)) {
            let (mut input, mut expected) = (Vec::new(), Vec::new());
            for (target, body, chunk) in &requests {
                let mut rest = b" HTTP/1.1\r\nHost: h\r\n".to_vec();
                if let Some(chunk) = chunk {
                    rest.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                    for chunk in body.chunks(*chunk) {
                        rest.extend(format!("{:x}\r\n", chunk.len()).bytes());
                        rest.extend(chunk);
                        rest.extend(b"\r\n");
                    }
                    rest.extend(b"0\r\n\r\n");
                } else {
                    rest.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                    rest.extend(body);
                }
                input.extend([b"PUT /", &target[..], &rest].concat());
                expected.extend(b"PUT ");
                escape_target(&[b"/", &target[..]].concat(), &mut expected);
                expected.extend(&rest);
            }
            rewrites(&input, &expected);
        }
    }
}
