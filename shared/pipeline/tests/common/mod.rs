//! Small sources, made on the spot, and independent readers of results.
#![allow(dead_code, reason = "not every test needs all of it")]
#![allow(clippy::unwrap_used, reason = "this is all test code")]

use std::fmt::Write as _;
use std::io::Cursor;

use bytes::Bytes;
use image::{DynamicImage, ImageFormat};
use pipeline::{Error, Limits, Options, Prepared};
use raster::Unwatched;
use rules::{ImageRef, Rule};

/// A picture that has a little of everything: a ramp each way, and sharp corners.
pub(crate) fn rgb(width: u32, height: u32) -> Vec<u8> {
    let pixel = |x: u32, y: u32| [x * 255 / width, y * 255 / height, (x ^ y) & 64];
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| pixel(x, y).map(|v| v as u8)));
    pixels.flatten().collect()
}

/// RGBA of one color.
pub(crate) fn filled(width: u32, height: u32, color: [u8; 4]) -> Vec<u8> {
    color.repeat((width * height) as usize)
}

pub(crate) fn png(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Bytes {
    png_with(width, height, color, pixels, |_| {})
}

pub(crate) fn png_with(
    width: u32,
    height: u32,
    color: png::ColorType,
    pixels: &[u8],
    change: impl Fn(&mut png::Info),
) -> Bytes {
    let mut info = png::Info::with_size(width, height);
    info.color_type = color;
    info.bit_depth = png::BitDepth::Eight;
    change(&mut info);
    let mut bytes = Vec::new();
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes.into()
}

/// A PNG of one color.
pub(crate) fn flat(width: u32, height: u32, color: [u8; 4]) -> Bytes {
    let pixels = filled(width, height, color);
    png(width, height, png::ColorType::Rgba, &pixels)
}

pub(crate) struct Jpeg {
    pub(crate) quality: u8,
    pub(crate) progressive: bool,
    pub(crate) exif: Option<Vec<u8>>,
    pub(crate) icc: Option<Vec<u8>>,
}

impl Default for Jpeg {
    fn default() -> Self {
        Self {
            quality: 80,
            progressive: false,
            exif: None,
            icc: None,
        }
    }
}

impl Jpeg {
    pub(crate) fn encode(&self, width: u16, height: u16) -> Bytes {
        let pixels = rgb(width.into(), height.into());
        self.encode_pixels(width, height, &pixels)
    }

    pub(crate) fn encode_pixels(&self, width: u16, height: u16, pixels: &[u8]) -> Bytes {
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, self.quality);
        encoder.set_progressive(self.progressive);
        if let Some(exif) = &self.exif {
            let segment = [b"Exif\0\0", exif.as_slice()].concat();
            encoder.add_app_segment(1, segment).unwrap();
        }
        if let Some(icc) = &self.icc {
            encoder.add_icc_profile(icc).unwrap();
        }
        let color = jpeg_encoder::ColorType::Rgb;
        encoder.encode(pixels, width, height, color).unwrap();
        bytes.into()
    }
}

/// The same picture in another format.
pub(crate) fn as_format(format: ImageFormat, width: u32, height: u32, pixels: Vec<u8>) -> Bytes {
    let image = image::RgbaImage::from_raw(width, height, pixels).unwrap();
    let mut bytes = Cursor::new(Vec::new());
    let image = DynamicImage::ImageRgba8(image);
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner().into()
}

/// EXIF with nothing but an orientation.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    tiff.extend([orientation, 0, 0, 0, 0, 0, 0]);
    tiff
}

/// `animate` of this many images beside the object.
pub(crate) fn animate(duration: u32, images: usize) -> String {
    let mut rule = format!("imageMogr2/animate/duration/{duration}/images");
    for n in 0..images {
        let image = ImageRef::new(&format!("http://host/{n}")).unwrap();
        write!(rule, "/{}", image.to_base64()).unwrap();
    }
    rule
}

pub(crate) fn prepare(rule: &str, sources: &[Bytes]) -> Result<Prepared, Error> {
    let rule = Rule::parse(rule).unwrap();
    let (limits, options) = (Limits::default(), Options::default());
    pipeline::prepare(sources, &rule, &limits, &options, &Unwatched)
}

#[track_caller]
pub(crate) fn run(rule: &str, sources: &[Bytes]) -> Vec<u8> {
    let prepared = prepare(rule, sources).unwrap();
    let info = prepared.info();
    let mut bytes = Vec::new();
    let report = prepared.write(&Unwatched, &mut bytes).unwrap();
    assert_eq!(report.bytes, bytes.len() as u64);
    // What is promised before is what comes.
    let found = pipeline::probe(&bytes).unwrap();
    assert_eq!(
        (found.format, found.size, found.frames),
        (info.format, info.size, info.frames)
    );
    if let Some(quality) = found.quality {
        assert!(quality.abs_diff(info.quality) <= 6, "{quality} {info:?}");
    }
    bytes
}

#[track_caller]
pub(crate) fn refuses(rule: &str, sources: &[Bytes], message: &str) {
    match prepare(rule, sources) {
        Ok(prepared) => panic!("gave {:?}", prepared.info()),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

/// Width, height and pixels of a JPEG, by a decoder that the service does not use.
pub(crate) fn read_jpeg(bytes: &[u8]) -> (u16, u16, Vec<u8>) {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let pixels = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    (info.width, info.height, pixels)
}

/// Markers of a JPEG up to its first scan.
pub(crate) fn markers(bytes: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    let mut at = 2;
    while bytes[at + 1] != 0xDA {
        found.push(bytes[at + 1]);
        at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
    }
    found
}

pub(crate) fn is_progressive(bytes: &[u8]) -> bool {
    markers(bytes).contains(&0xC2)
}

/// One frame of a GIF as it is shown: delay in ticks, and RGBA of the whole canvas.
pub(crate) struct Shown {
    pub(crate) delay: u16,
    pub(crate) pixels: Vec<u8>,
}

/// Plays a GIF as GIF89a says: each image drawn over what the disposal of the one before has left.
pub(crate) fn play(bytes: &[u8]) -> (u16, u16, Vec<Shown>) {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).unwrap();
    assert_eq!(decoder.repeat(), gif::Repeat::Infinite);
    let (width, height) = (decoder.width(), decoder.height());
    let mut canvas = vec![0; usize::from(width) * usize::from(height) * 4];
    let mut shown = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        let before = canvas.clone();
        let row_bytes = usize::from(width) * 4;
        let left = usize::from(frame.left) * 4;
        let rows = usize::from(frame.top)..usize::from(frame.top + frame.height);
        let columns = left..left + usize::from(frame.width) * 4;
        for (y, row) in rows.clone().zip(frame.buffer.chunks(columns.len())) {
            let canvas = &mut canvas[y * row_bytes..][columns.clone()];
            for (pixel, new) in canvas.chunks_mut(4).zip(row.chunks(4)) {
                if new[3] != 0 {
                    pixel.copy_from_slice(new);
                }
            }
        }
        shown.push(Shown {
            delay: frame.delay,
            pixels: canvas.clone(),
        });
        match frame.dispose {
            gif::DisposalMethod::Background => {
                for y in rows {
                    canvas[y * row_bytes..][columns.clone()].fill(0);
                }
            }
            gif::DisposalMethod::Previous => canvas = before,
            _ => {}
        }
    }
    (width, height, shown)
}

/// The largest difference of two byte sequences of one length.
pub(crate) fn distance(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap_or(0)
}
