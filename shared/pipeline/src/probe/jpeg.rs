//! The header of a JPEG, as `codec-jpeg` reads it, in the terms of probe and decoders.

use codec_jpeg::{Color, ComponentInfo, Density, Process, exif};
use raster::Size;

use super::info::{SourceInfo, plain};
use crate::error::Fault;
use crate::format::Format;

/// What stands before the first scan.
pub(crate) struct Header<'a> {
    bytes: &'a [u8],
    found: codec_jpeg::Header,
    /// Which SOF marker it has: 0 for SOF0.
    pub(crate) process: u8,
    /// Bits of a sample.
    pub(crate) precision: u8,
    pub(crate) size: Size,
    pub(crate) components: u8,
    /// Components in the first scan.
    pub(crate) first_scan: u8,
    /// True where a later component has more samples than the first.
    pub(crate) first_is_coarse: bool,
    /// EXIF without its `Exif\0\0`.
    pub(crate) exif: Option<&'a [u8]>,
    /// An XMP packet that holds for the picture alone. What goes beyond one segment (extended XMP) is left out.
    pub(crate) xmp: Option<&'a [u8]>,
    /// What the JFIF segment says of it.
    pub(crate) density: Density,
    /// True where an Adobe segment says how four components are meant: inverted.
    pub(crate) adobe: bool,
    /// The color transform of that segment.
    pub(crate) adobe_transform: Option<u8>,
    /// What the components mean.
    pub(crate) color: Color,
}

impl<'a> Header<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let found = codec_jpeg::read_header(bytes)
            .map_err(|error| Fault::broken(Format::Jpeg, reason(error)))?;
        let first = &found.components[0];
        let coarse = |other: &ComponentInfo| {
            other.horizontal > first.horizontal || other.vertical > first.vertical
        };
        Ok(Self {
            bytes,
            process: found.sof,
            precision: found.precision,
            size: found.size,
            components: found.components.len() as u8,
            first_scan: found.first_scan,
            first_is_coarse: found.components.iter().any(coarse),
            exif: found.exif.clone().map(|place| &bytes[place]),
            xmp: found
                .xmp
                .clone()
                .map(|place| &bytes[place])
                .filter(|packet| !names_further_pictures(packet)),
            density: found.density,
            adobe: found.adobe,
            adobe_transform: found.adobe_transform,
            color: found.color,
            found,
        })
    }

    /// Samples of all components, about.
    pub(crate) fn samples(&self) -> u64 {
        let components = &self.found.components;
        let factors = |c: &ComponentInfo| (u64::from(c.horizontal), u64::from(c.vertical));
        let samples: u64 = components.iter().map(factors).map(|(h, v)| h * v).sum();
        let (h_max, v_max) = components
            .iter()
            .map(factors)
            .fold((1, 1), |(h, v), (h_own, v_own)| {
                (h_own.max(h), v_own.max(v))
            });
        self.size.pixels() * samples / (h_max * v_max)
    }

    pub(crate) fn info(&self) -> SourceInfo {
        SourceInfo {
            orientation: self.exif.map_or(1, exif::orientation),
            quality: self.found.quality,
            progressive: self.found.process == Process::Progressive,
            ..plain(Format::Jpeg, self.size, self.precision)
        }
    }

    /// The ICC profile, put together from its pieces.
    pub(crate) fn icc(&self) -> Option<Vec<u8>> {
        self.found.icc(self.bytes)
    }
}

/// True for XMP that speaks of pictures after the first one's end (a gain map, the frames of a motion photo), which are not
/// there any more once the first is encoded anew.
fn names_further_pictures(packet: &[u8]) -> bool {
    const CONTAINER: &[u8] = b"http://ns.google.com/photos/1.0/container/";
    packet
        .windows(CONTAINER.len())
        .any(|part| part == CONTAINER)
}

/// Bytes up to where the entropy-coded data of the first scan begins, if these are all at hand. `None` as well where
/// something else than a segment stands before it.
pub(crate) fn first_scan(beginning: &[u8]) -> Option<usize> {
    const SOS: u8 = 0xDA;
    // After SOI.
    let mut at = 2_usize;
    loop {
        let &[0xFF, code] = beginning.get(at..)?.first_chunk()? else {
            return None;
        };
        let len = u16::from_be_bytes(*beginning.get(at + 2..)?.first_chunk()?);
        at += 2 + usize::from(len);
        if code == SOS {
            return (at <= beginning.len()).then_some(at);
        }
    }
}

/// The codec's words, without its own mention of the format.
fn reason(error: codec_jpeg::Error) -> String {
    match error {
        codec_jpeg::Error::Malformed(reason) | codec_jpeg::Error::Unsupported(reason) => reason,
        error => error.to_string(),
    }
}
