//! One picture to a JPEG.

use codec_jpeg::{EncodeOptions, Process, exif};
use raster::{Frame, Layout, Watch};

use crate::color;
use crate::error::{Error, jpeg_error};
use crate::limits::{Limits, Options};
use crate::memory::{Gray, Memory, Outline, conversion};
use crate::picture::Decoded;

/// What lies under transparent pixels of a format that has no alpha.
pub(crate) const WHITE: [u8; 3] = [255; 3];

/// What [`encode`] takes beside the picture, its result in it.
pub(super) fn memory(
    outline: &Outline,
    process: Process,
    quality: u8,
    limits: &Limits,
    options: &Options,
) -> Memory {
    let options = encode_options(process, quality, outline.frame_bytes, limits, options);
    let bound = |gray| codec_jpeg::encode_memory(outline.size, gray, &options);
    let memory = Memory {
        least: bound(outline.gray != Gray::No).least_bytes,
        most: bound(outline.gray == Gray::Yes).most_bytes,
    };
    if outline.metadata_bytes > codec_jpeg::MAX_ICC_BYTES as u64 {
        // Its profile may not fit the segments.
        let conversion = conversion(outline.frame_bytes, outline.size.pixels());
        return memory.and_perhaps(conversion.most);
    }
    memory
}

/// How a picture is encoded while `held_bytes` of pixels are there.
fn encode_options(
    process: Process,
    quality: u8,
    held_bytes: u64,
    limits: &Limits,
    options: &Options,
) -> EncodeOptions {
    EncodeOptions {
        quality,
        process,
        scans: options.scans,
        sampling: options.sampling,
        background: WHITE,
        simd: options.simd,
        threads: options.threads,
        max_bytes: limits.max_memory_bytes.saturating_sub(held_bytes),
        ..EncodeOptions::default()
    }
}

/// What does not fit a JPEG's segments does not keep the picture from being one: EXIF is left out but for the
/// orientation, XMP is left out, and pixels with such a profile become sRGB.
pub(super) fn encode(
    decoded: Decoded,
    process: Process,
    quality: u8,
    limits: &Limits,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Error> {
    let Decoded {
        mut frame,
        mut icc,
        mut exif,
        xmp,
        density,
        gray,
    } = decoded;
    if let Some(profile) = icc.take_if(|icc| icc.len() > codec_jpeg::MAX_ICC_BYTES) {
        frame = color::to_srgb(frame, &profile);
    }
    if let Some(whole) = exif.take_if(|exif| exif.len() > codec_jpeg::MAX_EXIF_BYTES) {
        exif = exif::orientation_alone(&whole);
    }
    // A profile is for the layout that the pixels have.
    if gray && icc.as_deref().is_none_or(color::is_for_gray) {
        frame = gray_over_white(frame);
    }
    let held = frame.pixels().len() as u64;
    let options = EncodeOptions {
        icc,
        exif,
        xmp: xmp.filter(|xmp| xmp.len() <= codec_jpeg::MAX_XMP_BYTES),
        density,
        ..encode_options(process, quality, held, limits, options)
    };
    codec_jpeg::encode(&frame, &options, watch).map_err(jpeg_error)
}

/// One channel of a picture whose colors are all gray, over white where it is transparent.
fn gray_over_white(frame: Frame) -> Frame {
    let size = frame.size();
    let channels = frame.layout().channels();
    let with_alpha = frame.layout() == Layout::Rgba;
    let mut pixels = frame.into_pixels();
    let count = pixels.len() / channels;
    for at in 0..count {
        let gray = pixels[at * channels];
        pixels[at] = if with_alpha {
            let alpha = u32::from(pixels[at * channels + 3]);
            ((u32::from(gray) * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        } else {
            gray
        };
    }
    pixels.truncate(count);
    Frame::new(size, Layout::Gray, pixels).expect("a byte for each pixel")
}
