//! Finds the request lines in what a client sends and escapes what cannot stand in a URI there.
//!
//! Rules hold `>`, `<`, `|` and the like, browsers and curl send them raw, and an HTTP parser answers them 400. To know
//! where a request line begins, the bodies between them are counted: by `Content-Length`, or chunk by chunk. Nothing but
//! request targets is ever changed.
//!
//! The parser after this counts too, and so may a proxy before it. Were one of the three to count otherwise, one request
//! would be two. So a line that says where a body ends is held back until it is whole, and passed on only where it is
//! what RFC 9112 (6 and 7.1) has, to the letter. Any other is replaced by one that the parser refuses with 400, and
//! nothing after it is passed on: the connection ends.

/// A request line longer than this, in bytes, goes through as it is, for the parser to refuse.
const MAX_LINE: usize = 256 * 1024;
/// Bytes of a header line that are looked at: the names and values that count are short.
const MAX_HEADER: usize = 256;
/// Bytes of the line before a chunk, its extensions and line end among them.
const MAX_CHUNK_SIZE: usize = 256;
/// Hexadecimal digits of a chunk's size, leading zeros among them: as many as 64 bits take.
const MAX_CHUNK_DIGITS: usize = 16;
/// Bytes of one trailer line.
const MAX_TRAILER: usize = 8 * 1024;

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A request line, held back until it ends.
    RequestLine,
    /// A header line, or the empty line after the last one, which alone is held back.
    Header,
    /// The body of a length, of which this many bytes are still to come.
    Body(u64),
    /// The line before a chunk, held back until it ends.
    ChunkSize,
    /// A chunk, of which this many bytes are still to come.
    Chunk(u64),
    /// The line end after a chunk, held back until it is whole.
    ChunkEnd,
    /// A trailer line, or the empty line after the last one, held back until it ends.
    Trailer,
    /// What the parser refuses: everything goes through.
    Opaque,
    /// A line was refused: nothing goes through any more.
    Refused,
}

/// Follows one connection's requests.
#[derive(Debug)]
pub(super) struct Rewriter {
    state: State,
    /// The line so far: all of it where it is held back, else its first [`MAX_HEADER`] bytes.
    line: Vec<u8>,
    /// Whether the line has more bytes than are kept of it.
    is_cut: bool,
    framing: Framing,
}

/// What the headers so far say of the body.
#[derive(Debug, Default)]
struct Framing {
    length: Option<u64>,
    /// The transfer codings of all headers, in their order.
    codings: Vec<Coding>,
    in_doubt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Chunked,
    Other,
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

    /// Whether a request's body has not come to its end, or where that is cannot be told.
    pub(super) fn is_in_body(&self) -> bool {
        !matches!(self.state, State::RequestLine | State::Header)
    }

    /// Takes the next bytes of the connection and appends what is to be read of them to `out`.
    pub(super) fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        while !input.is_empty() {
            let used = match self.state {
                State::Refused => input.len(),
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
                State::Header => self.push_header(input, out),
                State::RequestLine | State::ChunkSize | State::ChunkEnd | State::Trailer => {
                    self.push_held(input, out)
                }
            };
            input = &input[used..];
        }
    }

    /// Appends what is held back: the client has sent its last byte.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if matches!(self.state, State::RequestLine | State::Header) {
            out.append(&mut self.line);
        }
    }

    /// Takes the next bytes of a header line. They go through at once, but those of an empty line, which may yet be the
    /// end of a head that is refused.
    fn push_header(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let (part, is_whole) = line_of(input);
        let held = self.line == b"\r";
        let room = MAX_HEADER - self.line.len().min(MAX_HEADER);
        self.is_cut |= part.len() > room;
        self.line.extend_from_slice(&part[..part.len().min(room)]);
        let is_empty = matches!(self.line.as_slice(), b"\n" | b"\r\n" | b"\r");
        if !is_empty {
            if held {
                out.push(b'\r');
            }
            out.extend_from_slice(part);
        }
        if is_whole {
            let line = std::mem::take(&mut self.line);
            let is_cut = std::mem::take(&mut self.is_cut);
            if is_empty {
                self.state = std::mem::take(&mut self.framing).body();
                // A header without a name, which no parser takes, where the head is refused.
                let refused = self.state == State::Refused;
                out.extend_from_slice(if refused { b":\r\n\r\n" } else { &line });
            } else {
                self.framing.take_in(without_end(&line), is_cut);
            }
        }
        part.len()
    }

    /// Takes the next bytes of a line that is held back, and decides what follows where it ends.
    fn push_held(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let (part, is_whole) = line_of(input);
        self.line.extend_from_slice(part);
        let max = match self.state {
            State::ChunkSize => MAX_CHUNK_SIZE,
            State::ChunkEnd => 2,
            State::Trailer => MAX_TRAILER,
            _ => MAX_LINE,
        };
        let is_long = self.line.len() > max;
        if is_whole || is_long {
            let line = std::mem::take(&mut self.line);
            self.state = if self.state == State::RequestLine {
                request_line(&line, is_long, out)
            } else {
                self.framing_line(Some(line.as_slice()).filter(|_| !is_long), out)
            };
        }
        part.len()
    }

    /// Passes on a whole line of a chunked body, `None` where it is too long, or what the parser refuses in its place.
    fn framing_line(&self, line: Option<&[u8]>, out: &mut Vec<u8>) -> State {
        let next = line.and_then(|line| match self.state {
            State::ChunkSize => match chunk_size(line)? {
                0 => Some(State::Trailer),
                size => Some(State::Chunk(size)),
            },
            State::ChunkEnd => (line == b"\r\n").then_some(State::ChunkSize),
            State::Trailer if line == b"\r\n" => Some(State::RequestLine),
            State::Trailer => is_field(line).then_some(State::Trailer),
            _ => None,
        });
        if let (Some(line), Some(next)) = (line, next) {
            out.extend_from_slice(line);
            return next;
        }
        // No digit, no line end after a chunk, no line end after trailers.
        out.extend_from_slice(b"\r\r");
        State::Refused
    }
}

/// Passes on a request line with its target escaped.
fn request_line(line: &[u8], is_long: bool, out: &mut Vec<u8>) -> State {
    if is_long {
        out.extend_from_slice(line);
        return State::Opaque;
    }
    let text = without_end(line);
    escape_line(text, out);
    out.extend_from_slice(&line[text.len()..]);
    // Empty lines before a request line are skipped (RFC 9112, 2.2).
    if text.is_empty() {
        State::RequestLine
    } else {
        State::Header
    }
}

impl Framing {
    fn take_in(&mut self, line: &[u8], is_cut: bool) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            return;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.in_doubt |= is_cut;
            let codings = value.split(|&byte| byte == b',').map(|coding| {
                if coding.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    Coding::Chunked
                } else {
                    Coding::Other
                }
            });
            self.codings.extend(codings);
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

    /// What follows the head (RFC 9112, 6.3). A length beside a transfer coding "ought to be handled as an error", and
    /// `chunked` comes once, as the last coding. What is coded otherwise before is for the server to refuse by name.
    fn body(&self) -> State {
        let (last, others) = match self.codings.split_last() {
            Some((last, others)) => (Some(*last), others),
            None => (None, &[][..]),
        };
        match (last, self.length) {
            _ if self.in_doubt => State::Refused,
            (None, None | Some(0)) => State::RequestLine,
            (None, Some(length)) => State::Body(length),
            (Some(Coding::Chunked), None) if others.is_empty() => State::ChunkSize,
            (Some(Coding::Chunked), None) if !others.contains(&Coding::Chunked) => State::Opaque,
            _ => State::Refused,
        }
    }
}

/// The bytes up to the end of the line, and whether they hold it.
fn line_of(input: &[u8]) -> (&[u8], bool) {
    match input.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&input[..=end], true),
        None => (input, false),
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Passes on at most this many bytes.
fn pass(input: &[u8], left: u64, out: &mut Vec<u8>) -> usize {
    let used = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    out.extend_from_slice(&input[..used]);
    used
}

/// The size that the line before a chunk says, where it is `chunk-size [chunk-ext] CRLF` (RFC 9112, 7.1 and 7.1.1).
fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = prefix(line, |byte| byte.is_ascii_hexdigit());
    let text = std::str::from_utf8(&line[..digits]).ok()?;
    let is_line = (1..=MAX_CHUNK_DIGITS).contains(&digits) && are_extensions(&line[digits..]);
    is_line.then(|| u64::from_str_radix(text, 16).ok())?
}

/// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )` (RFC 9112, 7.1.1).
fn are_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(name) = after_blanks(rest).strip_prefix(b";").map(after_blanks) else {
            return false;
        };
        let len = prefix(name, is_token);
        if len == 0 {
            return false;
        }
        rest = &name[len..];
        if let Some(value) = after_blanks(rest).strip_prefix(b"=").map(after_blanks) {
            let len = match value.first() {
                Some(b'"') => quoted(value),
                _ => Some(prefix(value, is_token)).filter(|len| *len > 0),
            };
            let Some(len) = len else { return false };
            rest = &value[len..];
        }
    }
    true
}

/// Bytes of a quoted string at the beginning of `text`, its quotes among them (RFC 9110, 5.6.4).
fn quoted(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' if text.get(at + 1).copied().is_some_and(is_text) => at += 2,
            b'\\' => return None,
            byte if is_text(*byte) => at += 1,
            _ => return None,
        }
    }
}

/// `field-name ":" OWS field-value OWS CRLF` (RFC 9112, 5).
fn is_field(line: &[u8]) -> bool {
    let Some(line) = line.strip_suffix(b"\r\n") else {
        return false;
    };
    let name = prefix(line, is_token);
    let value = line[name..].strip_prefix(b":");
    name > 0 && value.is_some_and(|value| value.iter().copied().all(is_text))
}

/// How many bytes at the beginning are `wanted`.
fn prefix(text: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|byte| wanted(**byte)).count()
}

fn after_blanks(text: &[u8]) -> &[u8] {
    &text[prefix(text, |byte| b" \t".contains(&byte))..]
}

/// `tchar` (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What may stand in a value: no control character but the tab.
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
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
            (b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000011 ; x = \"y\\\";\" ;z\r\nGET /< HTTP/1.1\r\n\r\n00\r\n\r\n", true),
            // Coded otherwise, it is for the server to refuse: nothing is touched any more.
            (b"PUT /a HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", false),
            (b"PUT /a HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false),
        ] {
            let next = if is_followed { NEXT_ESCAPED } else { NEXT };
            rewrites(&[body, NEXT].concat(), &[body, next].concat());
        }
    }

    #[test]
    fn nothing_passes_a_head_in_doubt() {
        let long = format!("Content-Length: {}1", "0".repeat(300));
        let long_coding = format!("Transfer-Encoding:{}chunked", " ".repeat(300));
        for head in [
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: +1",
            "Content-Length: 1, 1",
            "Content-Length:",
            "Content-Length: 99999999999999999999",
            &long,
            "Transfer-Encoding: chunked\r\nContent-Length: 1",
            "Content-Length: 0\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: chunked;x=1",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding:",
            &long_coding,
        ] {
            let head = format!("PUT /a HTTP/1.1\r\n{head}\r\n");
            let input = format!("{head}\r\nGET /< HTTP/1.1\r\n\r\n");
            rewrites(input.as_bytes(), format!("{head}:\r\n\r\n").as_bytes());
        }
    }

    /// What comes before a chunked body in doubt goes through, then what the parser refuses, then nothing.
    #[test]
    fn nothing_passes_a_chunk_in_doubt() {
        const HEAD: &str = "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (before, doubt) in [
            ("", "zz\r\n".to_owned()),
            ("", format!("{}5\r\n", "0".repeat(256))),
            ("", format!("5;{}\r\n", "x".repeat(300))),
            ("1\r\nx", "yz\r\n".to_owned()),
            ("1\r\nx", "\n".to_owned()),
            ("1\r\nx\r\n0\r\n", "T: x\n".to_owned()),
            ("0\r\nT: x\r\n", format!("T: {}\r\n", "x".repeat(9_000))),
        ] {
            let input = format!("{HEAD}{before}{doubt}\r\n\r\nGET /< HTTP/1.1\r\n\r\n");
            rewrites(input.as_bytes(), format!("{HEAD}{before}\r\r").as_bytes());
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
