//! What is allowed, and how the work is done.

use codec_gif::Preset;
use codec_jpeg::{Damage, Metadata, Process, Sampling, Scans, Simd, TranscodeOptions};

use raster::Size;

use crate::error::Fault;
use crate::format::Format;
use crate::probe::info::SourceInfo;
use crate::probe::probe;

/// Bounds on what a request may ask for. Every one is checked from headers, before anything is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a source at most.
    pub max_source_bytes: u64,
    /// Pixels of a still at most.
    pub max_pixels: u64,
    /// A side of a still at most, in pixels.
    pub max_side: u32,
    /// A side of a WebP at most, in pixels.
    pub max_webp_side: u32,
    /// Frames of an animated source at most.
    pub max_source_frames: u32,
    /// Width x height x frames of an animated source at most.
    pub max_animation_pixels: u64,
    /// Frames of `animate` at most, the object included.
    pub max_frames: usize,
    /// A side of a frame of `animate` at most, in pixels.
    pub max_frame_side: u32,
    /// Scans of a JPEG source at most.
    pub max_scans: u32,
    /// Bytes of memory at most that the work on one still takes, beside its source and its result. Checked from
    /// headers and, for the coefficients of a JPEG, again while they come.
    pub max_memory_bytes: u64,
    /// What becomes of a JPEG whose entropy-coded data is damaged, whatever is asked for.
    pub damage: Damage,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_source_bytes: 32 << 20,
            max_pixels: 250_000_000,
            max_side: 50_000,
            max_webp_side: 16_383,
            max_source_frames: 300,
            max_animation_pixels: 250_000_000,
            max_frames: 20,
            max_frame_side: 1080,
            max_scans: 100,
            max_memory_bytes: 3 << 29,
            damage: Damage::default(),
        }
    }
}

impl Limits {
    /// Probes a source and holds it to the limits that every source has.
    pub(crate) fn accept(&self, bytes: &[u8]) -> Result<SourceInfo, Fault> {
        self.check_bytes(bytes)?;
        let info = probe(bytes)?;
        self.check_source(&info)?;
        Ok(info)
    }

    /// Refuses a source of too many bytes, before anything is read from it.
    fn check_bytes(&self, bytes: &[u8]) -> Result<(), Fault> {
        let (found, max) = (bytes.len() as u64, self.max_source_bytes);
        if found > max {
            return Err(Fault::TooManyBytes { found, max });
        }
        Ok(())
    }

    /// Refuses work that takes `found` bytes of memory.
    pub(crate) fn check_memory(&self, found: u64) -> Result<(), Fault> {
        let max = self.max_memory_bytes;
        if found > max {
            return Err(Fault::TooMuchMemory { found, max });
        }
        Ok(())
    }

    /// The limits of the codec that re-codes JPEGs.
    pub(crate) fn of_jpeg(&self) -> codec_jpeg::Limits {
        codec_jpeg::Limits {
            max_pixels: self.max_pixels,
            max_scans: self.max_scans,
            max_bytes: self.max_memory_bytes,
            ..codec_jpeg::Limits::default()
        }
    }

    /// Refuses a source whose headers announce too much.
    fn check_source(&self, info: &SourceInfo) -> Result<(), Fault> {
        let SourceInfo { size, frames, .. } = *info;
        let max = match info.format {
            Format::WebP => self.max_webp_side.min(self.max_side),
            _ => self.max_side,
        };
        if size.width.max(size.height) > max {
            return Err(Fault::SideTooLong { found: size, max });
        }
        if size.pixels() > self.max_pixels {
            let max = self.max_pixels;
            return Err(Fault::TooManyPixels { found: size, max });
        }
        if frames > self.max_source_frames {
            let max = self.max_source_frames;
            return Err(Fault::TooManySourceFrames { found: frames, max });
        }
        let max = self.max_animation_pixels;
        if frames > 1 && size.pixels() * u64::from(frames) > max {
            return Err(Fault::TooManyAnimationPixels { size, frames, max });
        }
        Ok(())
    }

    /// Refuses a picture that cannot be a frame of `animate`.
    pub(crate) fn check_frame(&self, format: Format, found: Size) -> Result<(), Fault> {
        if !matches!(format, Format::Jpeg | Format::Png) {
            return Err(Fault::NotAFrame(format));
        }
        let max = self.max_frame_side;
        if found.width.max(found.height) > max {
            return Err(Fault::FrameTooLarge { found, max });
        }
        Ok(())
    }
}

/// How the work is done. Results are the same for any number of threads and any `simd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Worker threads at most; 1 works in the caller's thread alone.
    pub threads: usize,
    /// What matters most in a GIF.
    pub preset: Preset,
    /// How the scans of a progressive JPEG are chosen.
    pub scans: Scans,
    /// How many samples of color a JPEG has that is made of pixels.
    pub sampling: Sampling,
    /// Which code runs.
    pub simd: Simd,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 1,
            preset: Preset::default(),
            scans: Scans::default(),
            sampling: Sampling::default(),
            simd: Simd::default(),
        }
    }
}

impl Options {
    /// How the transcoder works.
    pub(crate) fn transcode(
        &self,
        process: Process,
        metadata: Metadata,
        limits: &Limits,
    ) -> TranscodeOptions {
        TranscodeOptions {
            process: Some(process),
            scans: self.scans,
            metadata,
            damage: limits.damage,
            simd: self.simd,
            threads: self.threads,
            limits: limits.of_jpeg(),
        }
    }
}
