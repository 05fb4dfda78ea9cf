//! What the whole-service tests share: a client that speaks HTTP byte by byte, pictures made on the spot, and
//! independent readers of what comes back.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// One answer, as it came over the wire.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body, chunks joined.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header; empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first XML element of this name; empty where it is absent.
    pub fn xml(&self, name: &str) -> String {
        let text = self.text();
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let Some(start) = text.find(&open).map(|at| at + open.len()) else {
            return String::new();
        };
        let end = text[start..]
            .find(&close)
            .map_or(text.len(), |at| start + at);
        text[start..end]
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&apos;", "'")
            .replace("&amp;", "&")
    }
}

/// Sends one request exactly as given and reads the whole answer.
///
/// `target` goes to the wire as it is: no escaping, no normalizing.
///
/// # Panics
///
/// If there is no well-formed answer within half a minute.
pub fn request(
    server: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut head = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        head.extend_from_slice(format!("Host: {server}\r\n").as_bytes());
    }
    for (name, value) in headers {
        head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() || matches!(method, "PUT" | "POST") {
        head.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    head.extend_from_slice(body);
    let bytes = exchange(server, &head);
    parse_answer(&bytes, method)
}

/// Sends bytes and reads until the other side closes.
///
/// # Panics
///
/// If the connection fails.
pub fn exchange(server: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).expect("the server listens");
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .expect("a timeout");
    // A server may answer and close before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert!(!answer.is_empty(), "no answer: {error}");
    }
    answer
}

fn parse_answer(bytes: &[u8], method: &str) -> Answer {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned();
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no head in the answer: {text}"));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("no status in the answer: {text}"));
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: bytes[end + 4..].to_vec(),
    };
    if answer.header("transfer-encoding") == "chunked" {
        answer.body = join_chunks(&answer.body);
    } else if method != "HEAD" && status != 304 {
        let announced: usize = answer
            .header("content-length")
            .parse()
            .unwrap_or(answer.body.len());
        assert_eq!(
            answer.body.len(),
            announced,
            "Content-Length says what came"
        );
    }
    answer
}

fn join_chunks(mut bytes: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    loop {
        let line = bytes
            .windows(2)
            .position(|w| w == b"\r\n")
            .expect("a chunk has a size line");
        let size = std::str::from_utf8(&bytes[..line]).expect("a chunk size is text");
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
            .expect("a chunk size is hex");
        if size == 0 {
            return joined;
        }
        joined.extend_from_slice(&bytes[line + 2..line + 2 + size]);
        bytes = &bytes[line + 2 + size + 2..];
    }
}

/// A rule's segment for an image URL.
pub fn b64(url: &str) -> String {
    URL_SAFE_NO_PAD.encode(url)
}

/// `animate` over these image URLs.
pub fn animate_rule(duration: &str, urls: &[&str]) -> String {
    let mut rule = format!("imageMogr2/animate/duration/{duration}/images");
    for url in urls {
        let _ = write!(rule, "/{}", b64(url));
    }
    rule
}

/// Pixels of a soft picture: gradients that turn with `turn`.
pub fn soft(width: u32, height: u32, turn: u32) -> Vec<u8> {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let wave = |v: u32, k: u32| {
                ((f64::from(v * k + turn * 37) / 40.0).sin() * 100.0 + 128.0) as u8
            };
            pixels.extend_from_slice(&[wave(x, 1), wave(y, 1), wave(x + y, 2)]);
        }
    }
    pixels
}

/// A baseline JPEG of [`soft`].
///
/// # Panics
///
/// Never on sizes that a JPEG can have.
pub fn jpeg(width: u16, height: u16, turn: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 90)
        .encode(
            &soft(width.into(), height.into(), turn),
            width,
            height,
            jpeg_encoder::ColorType::Rgb,
        )
        .expect("a picture that a JPEG can hold");
    bytes
}

/// An 8-bit PNG of these pixels, 3 or 4 bytes each.
///
/// # Panics
///
/// If the bytes are not as many as the size asks for.
pub fn png(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    let rgba = pixels.len() == (width * height * 4) as usize;
    encoder.set_color(if rgba {
        png::ColorType::Rgba
    } else {
        png::ColorType::Rgb
    });
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a header");
    writer
        .write_image_data(pixels)
        .expect("as many bytes as the size asks for");
    writer.finish().expect("the end");
    bytes
}

/// A PNG header that claims a size; nothing after it can be decoded.
pub fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(1, 1, &[0, 0, 0]);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = 0xFFFF_FFFF_u32;
    for byte in &bytes[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                0xEDB8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            };
        }
    }
    bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
    bytes
}

/// What an independent decoder sees in a GIF.
#[derive(Debug)]
pub struct Gif {
    /// Canvas width.
    pub width: u16,
    /// Canvas height.
    pub height: u16,
    /// True where it repeats forever.
    pub forever: bool,
    /// Delays in hundredths of a second.
    pub delays: Vec<u16>,
    /// The canvas after each image, RGBA.
    pub canvases: Vec<Vec<u8>>,
}

/// Reads a GIF with the crate `gif` and lays its images out as a browser does.
///
/// # Panics
///
/// If it is not a well-formed GIF.
pub fn read_gif(bytes: &[u8]) -> Gif {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).expect("a GIF header");
    let (width, height) = (decoder.width(), decoder.height());
    let mut canvas = vec![0_u8; usize::from(width) * usize::from(height) * 4];
    let (mut delays, mut canvases) = (Vec::new(), Vec::new());
    while let Some(frame) = decoder.read_next_frame().expect("a well-formed frame") {
        delays.push(frame.delay);
        let before = canvas.clone();
        let at = |x: u16, y: u16| {
            (usize::from(frame.top + y) * usize::from(width) + usize::from(frame.left + x)) * 4
        };
        for y in 0..frame.height {
            for x in 0..frame.width {
                let source = (usize::from(y) * usize::from(frame.width) + usize::from(x)) * 4;
                if frame.buffer[source + 3] != 0 {
                    canvas[at(x, y)..at(x, y) + 4]
                        .copy_from_slice(&frame.buffer[source..source + 4]);
                }
            }
        }
        canvases.push(canvas.clone());
        match frame.dispose {
            gif::DisposalMethod::Any | gif::DisposalMethod::Keep => {}
            gif::DisposalMethod::Previous => canvas = before,
            gif::DisposalMethod::Background => {
                for y in 0..frame.height {
                    for x in 0..frame.width {
                        canvas[at(x, y)..at(x, y) + 4].fill(0);
                    }
                }
            }
        }
    }
    assert_eq!(bytes.last(), Some(&0x3B), "the file ends in a trailer");
    Gif {
        width,
        height,
        forever: decoder.repeat() == gif::Repeat::Infinite,
        delays,
        canvases,
    }
}

/// The mean absolute difference of two pictures with 3 or 4 channels, color alone.
///
/// # Panics
///
/// If they have not the same number of pixels.
pub fn distance(a: &[u8], a_channels: usize, b: &[u8], b_channels: usize) -> f64 {
    assert_eq!(
        a.len() / a_channels,
        b.len() / b_channels,
        "the same number of pixels"
    );
    let sum: u64 = a
        .chunks_exact(a_channels)
        .zip(b.chunks_exact(b_channels))
        .flat_map(|(a, b)| (0..3).map(move |c| u64::from(a[c].abs_diff(b[c]))))
        .sum();
    sum as f64 / (a.len() / a_channels * 3) as f64
}

/// Pixels of a JPEG by the crate `jpeg-decoder`, which nothing of the service uses.
///
/// # Panics
///
/// If it is no well-formed JPEG.
pub fn read_jpeg(bytes: &[u8]) -> (u16, u16, Vec<u8>) {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let pixels = decoder.decode().expect("a well-formed JPEG");
    let info = decoder.info().expect("the header was read");
    (info.width, info.height, pixels)
}

/// The marker of a JPEG's frame header: 0xC0 for baseline, 0xC2 for progressive.
pub fn frame_marker(bytes: &[u8]) -> Option<u8> {
    let mut at = 2;
    while at + 4 <= bytes.len() && bytes[at] == 0xFF {
        let marker = bytes[at + 1];
        if matches!(marker, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF) {
            return Some(marker);
        }
        at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
    }
    None
}
