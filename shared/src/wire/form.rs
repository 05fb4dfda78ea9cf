//! Forms as browsers send them (`multipart/form-data`, RFC 7578): fields, then a file whose bytes come as they are asked for.
//!
//! A parser of our own: those of the ecosystem read on as long as bytes are there, and here nothing of the file may be
//! asked for before the fields are judged.

use std::borrow::Cow;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream;
use memchr::memmem::find;

use crate::wire::incoming::{Broken, Incoming};

/// Bytes that the fields of a form take together, and so what is in memory of one before it is judged.
pub(crate) const MAX_FIELDS_BYTES: usize = 64 * 1024;
/// The name of the part that is the file.
const FILE: &[u8] = b"file";
/// Bytes of a boundary at most (RFC 2046, 5.1.1).
const MAX_BOUNDARY: usize = 70;

/// What comes before the file.
#[derive(Debug)]
pub(crate) struct Fields {
    /// Names in lower case, each once, in the order of the form.
    pub(crate) fields: Vec<(String, String)>,
    /// What the client calls the file, empty where it does not say.
    pub(crate) filename: String,
}

/// Why a form cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not a form.
    #[error("the body is not a form (multipart/form-data): {0}")]
    Malformed(Cow<'static, str>),
    /// Too much comes before the file.
    #[error(
        "the fields of the form take more than {MAX_FIELDS_BYTES} bytes; `file` is its last field"
    )]
    TooLong,
    /// The body did not come.
    #[error("{0}")]
    Body(#[from] Broken),
}

fn malformed(text: &'static str) -> Error {
    Error::Malformed(text.into())
}

impl Error {
    /// The same, of the body of the file.
    fn broken(self) -> Broken {
        match self {
            Self::Body(broken) => broken,
            Self::Malformed(Cow::Borrowed(text)) => Broken::Form(text),
            Self::Malformed(Cow::Owned(_)) => Broken::Form("its end is not one of a form"),
            Self::TooLong => Broken::Form("too much comes after the file"),
        }
    }
}

/// A form of which as much is read as was asked for.
pub(crate) struct Form {
    body: Incoming,
    /// What has come and is not read.
    buffer: BytesMut,
    /// A line break, two dashes and the boundary: what ends the content of a part.
    delimiter: Vec<u8>,
    /// Bytes that fields may still take.
    left: usize,
    is_ended: bool,
}

/// The boundary in a `Content-Type` of `multipart/form-data`; `None` where it is another or has none.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let (media_type, rest) = content_type.split_once(';')?;
    if !media_type
        .trim()
        .eq_ignore_ascii_case("multipart/form-data")
    {
        return None;
    }
    let value = rest.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then_some(value.trim())
    })?;
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    let is_plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    (is_plain && (1..=MAX_BOUNDARY).contains(&value.len())).then_some(value)
}

/// The head of a part.
struct Part {
    name: Vec<u8>,
    filename: Option<String>,
}

impl Form {
    pub(crate) fn new(body: Incoming, boundary: &str) -> Self {
        Self {
            body,
            // So that the first boundary is found as the others are, although no line break is before it.
            buffer: BytesMut::from(&b"\r\n"[..]),
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            left: MAX_FIELDS_BYTES,
            is_ended: false,
        }
    }

    /// Everything before the file.
    ///
    /// # Errors
    ///
    /// [`Error`]; a name that is there twice, and a form without a file, are malformed.
    pub(crate) async fn fields(&mut self) -> Result<Fields, Error> {
        // What stands before the first boundary means nothing.
        self.content().await?;
        let mut fields: Vec<(String, String)> = Vec::new();
        while let Some(part) = self.part().await? {
            if part.name.eq_ignore_ascii_case(FILE) {
                return Ok(Fields {
                    fields,
                    filename: part.filename.unwrap_or_default(),
                });
            }
            let text = |bytes: Vec<u8>| {
                String::from_utf8(bytes)
                    .map_err(|_| malformed("a field before `file` is not UTF-8"))
            };
            let name = text(part.name)?.to_ascii_lowercase();
            if fields.iter().any(|(known, _)| *known == name) {
                let text = format!("the field `{name}` is there twice");
                return Err(Error::Malformed(text.into()));
            }
            let value = text(self.content().await?.to_vec())?;
            fields.push((name, value));
        }
        Err(malformed("it has no field `file`"))
    }

    /// The bytes of the file, of which there must be `least`. They end well only where the form does, and nothing that
    /// means something comes after the file.
    pub(crate) fn file(self, least: u64, is_known: fn(&str) -> bool) -> Incoming {
        let bytes = stream::unfold(Some((self, 0)), move |state| async move {
            let (mut form, found) = state?;
            match form.next().await {
                Some(Ok(bytes)) => {
                    let found = found + bytes.len() as u64;
                    Some((Ok(bytes), Some((form, found))))
                }
                Some(Err(error)) => Some((Err(error.broken()), None)),
                None => {
                    let end = match form.rest().await {
                        Ok(names) if names.iter().any(|name| is_known(name)) => {
                            Broken::Form("a field after `file` says something; put it before")
                        }
                        Ok(_) if found < least => Broken::Short { least, found },
                        Ok(_) => return None,
                        Err(error) => error.broken(),
                    };
                    Some((Err(end), None))
                }
            }
        });
        Incoming::new(bytes, None)
    }

    /// The next bytes of the file; `None` at its end.
    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        if self.is_ended {
            return None;
        }
        loop {
            if let Some(at) = find(&self.buffer, &self.delimiter) {
                self.is_ended = true;
                let rest = self.buffer.split_to(at).freeze();
                self.buffer.advance(self.delimiter.len());
                return (!rest.is_empty()).then_some(Ok(rest));
            }
            // All but what could be the beginning of the delimiter.
            let sure = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if sure > 0 {
                return Some(Ok(self.buffer.split_to(sure).freeze()));
            }
            if let Err(error) = self.more().await {
                self.is_ended = true;
                return Some(Err(error));
            }
        }
    }

    /// Names of the fields that come after the file, once that is read.
    async fn rest(&mut self) -> Result<Vec<String>, Error> {
        self.left = MAX_FIELDS_BYTES;
        let mut names = Vec::new();
        while let Some(part) = self.part().await? {
            names.push(String::from_utf8_lossy(&part.name).to_ascii_lowercase());
            self.content().await?;
        }
        Ok(names)
    }

    /// The head of the part after a boundary; `None` after the last one.
    async fn part(&mut self) -> Result<Option<Part>, Error> {
        while self.buffer.len() < 2 {
            self.more().await?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        let head = self.until(b"\r\n\r\n").await?;
        let head = head
            .strip_prefix(b"\r\n")
            .ok_or_else(|| malformed("a boundary does not end its line"))?;
        let lines = head.split(|byte| *byte == b'\n');
        let disposition = lines.map(<[u8]>::trim_ascii).find_map(|line| {
            let name = b"content-disposition:";
            let begins = line.get(..name.len())?.eq_ignore_ascii_case(name);
            begins.then(|| &line[name.len()..])
        });
        let disposition =
            disposition.ok_or_else(|| malformed("a part has no Content-Disposition"))?;
        let name =
            parameter(disposition, b"name").ok_or_else(|| malformed("a part has no name"))?;
        let filename = parameter(disposition, b"filename");
        let filename = filename.map(String::from_utf8).transpose();
        Ok(Some(Part {
            name,
            filename: filename.map_err(|_| malformed("the file's name is not UTF-8"))?,
        }))
    }

    /// The content of a field.
    async fn content(&mut self) -> Result<Bytes, Error> {
        let delimiter = std::mem::take(&mut self.delimiter);
        let content = self.until(&delimiter).await;
        self.delimiter = delimiter;
        content
    }

    /// What comes before `mark`, which is passed over.
    async fn until(&mut self, mark: &[u8]) -> Result<Bytes, Error> {
        let mut searched = 0;
        loop {
            if let Some(at) = find(&self.buffer[searched..], mark) {
                let at = searched + at;
                self.left = self
                    .left
                    .checked_sub(at + mark.len())
                    .ok_or(Error::TooLong)?;
                let found = self.buffer.split_to(at).freeze();
                self.buffer.advance(mark.len());
                return Ok(found);
            }
            if self.buffer.len() > self.left {
                return Err(Error::TooLong);
            }
            searched = self.buffer.len().saturating_sub(mark.len() - 1);
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), Error> {
        match self.body.next().await {
            Some(bytes) => {
                self.buffer.extend_from_slice(&bytes?);
                Ok(())
            }
            None => Err(malformed("it ends before its last boundary")),
        }
    }
}

/// The value of a parameter of a header, unquoted. Browsers write a quote in a name as `%22`, others as `\"`.
fn parameter(header: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let mut rest = &header[header.iter().position(|byte| *byte == b';')? + 1..];
    loop {
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let name = rest[..equals].trim_ascii();
        rest = rest[equals + 1..].trim_ascii_start();
        let mut value = Vec::new();
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let mut bytes = quoted.iter().enumerate();
            let end = loop {
                match bytes.next()? {
                    (at, b'"') => break at,
                    // Some browsers write paths of Windows as they are: only a quote is escaped.
                    (at, b'\\') if quoted.get(at + 1) == Some(&b'"') => {
                        value.extend(bytes.next().map(|(_, byte)| *byte));
                    }
                    (_, byte) => value.push(*byte),
                }
            };
            rest = &quoted[end + 1..];
        } else {
            let end = rest.iter().position(|byte| *byte == b';');
            value.extend_from_slice(rest[..end.unwrap_or(rest.len())].trim_ascii());
        }
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        let next = rest.iter().position(|byte| *byte == b';')?;
        rest = &rest[next + 1..];
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn form(body: &[u8], piece: usize) -> Form {
        counted(body, piece).0
    }

    /// A form that comes in pieces, and how many of them were asked for.
    fn counted(body: &[u8], piece: usize) -> (Form, Arc<AtomicUsize>) {
        let pieces = body.chunks(piece).map(Bytes::copy_from_slice);
        let pieces: Vec<_> = pieces.collect();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let pieces = pieces.into_iter().map(move |piece| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(piece)
        });
        let body = Incoming::new(stream::iter(pieces), None);
        (Form::new(body, "x-Y"), asked)
    }

    fn read<T>(future: impl Future<Output = T>) -> T {
        futures_util::FutureExt::now_or_never(future).expect("all of it is there")
    }

    const FORM: &[u8] = b"preamble\r\n--x-Y\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\na/${filename}\r\n\
        --x-Y\r\ncontent-type: text/plain\r\ncontent-disposition: form-data; name=empty\r\n\r\n\r\n\
        --x-Y\r\nContent-Disposition: form-data; filename=\"C:\\a \\\"b; name=.txt\"; name=\"file\"\r\nContent-Type: a/b\r\n\r\n\
        one\r\n--x-\r\n--x-Ytwo";

    #[test]
    fn fields_and_file_come_whole_however_they_are_cut() {
        let ends = [
            &b"\r\n--x-Y--\r\n"[..],
            b"\r\n--x-Y\r\nContent-Disposition: form-data; name=\"Submit\"\r\n\r\nGo\r\n--x-Y--",
        ];
        let start = FORM.strip_suffix(b"\r\n--x-Ytwo").expect("it ends so");
        for (n, end) in ends.iter().enumerate() {
            let body = [start, end].concat();
            for piece in 1..body.len() {
                let mut form = form(&body, piece);
                let fields = read(form.fields()).expect("fields");
                let expected = [("key", "a/${filename}"), ("empty", "")];
                let found: Vec<_> = fields
                    .fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                assert_eq!(found, expected);
                assert_eq!(fields.filename, "C:\\a \"b; name=.txt");
                let mut file = Vec::new();
                while let Some(bytes) = read(form.next()) {
                    file.extend_from_slice(&bytes.expect("bytes"));
                }
                assert_eq!(file, b"one\r\n--x-");
                let rest = read(form.rest()).expect("the end");
                assert_eq!(rest, &["submit".to_owned()][..n], "{piece}");
            }
        }
    }

    #[test]
    fn nothing_of_the_file_is_asked_for_with_the_fields() {
        let body = [FORM, &vec![b'x'; 100_000], b"\r\n--x-Y--"].concat();
        let (mut form, asked) = counted(&body, 64);
        read(form.fields()).expect("fields");
        let head = body.windows(3).position(|three| three == b"one");
        let pieces = head.expect("the file").div_ceil(64);
        assert_eq!(asked.load(Ordering::Relaxed), pieces);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let large = [
            &b"--x-Y\r\nContent-Disposition: form-data; name=a\r\n\r\n"[..],
            &vec![b'x'; MAX_FIELDS_BYTES],
        ]
        .concat();
        for (body, words) in [
            (&b""[..], "ends before"),
            (b"--x-Y--", "no field `file`"),
            (b"--x-Y\r\nContent-Disposition: form-data; name=a\r\n\r\n1", "ends before"),
            (b"--x-Y\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x-Y--", "no name"),
            (b"--x-Y\r\nA: b\r\n\r\n1\r\n--x-Y--", "no Content-Disposition"),
            (b"--x-Yz\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x-Y--", "end its line"),
            (b"--x-Y\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x-Y--", "UTF-8"),
            (
                b"--x-Y\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x-Y\r\nContent-Disposition: form-data; name=A\r\n\r\n1\r\n--x-Y--",
                "twice",
            ),
            (&large, "more than 65536"),
        ] {
            let error = read(form(body, 1000).fields()).expect_err(words).to_string();
            assert!(error.contains(words), "{error}");
        }
        let cut = FORM.strip_suffix(b"\r\n--x-Ytwo").expect("it ends so");
        let mut form = form(cut, 7);
        read(form.fields()).expect("fields");
        let last = std::iter::from_fn(|| read(form.next())).last();
        assert!(matches!(last, Some(Err(Error::Malformed(_)))));
    }

    #[test]
    fn boundaries_are_found_in_the_content_type() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=x-Y", Some("x-Y")),
            (
                "Multipart/Form-Data;charset=utf-8; Boundary=\"a b\"",
                Some("a b"),
            ),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/mixed; boundary=x", None),
            ("text/plain", None),
        ] {
            assert_eq!(boundary(content_type), expected, "{content_type}");
        }
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        assert_eq!(boundary(&long), None);
    }
}
