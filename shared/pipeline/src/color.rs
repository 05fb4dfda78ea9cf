//! Bringing pixels to sRGB, by their ICC profile, over the crate `moxcms`.

use std::sync::Arc;

use moxcms::{
    ColorProfile, DataColorSpace, Layout as Channels, TransformExecutor, TransformOptions,
};
use raster::{Frame, Layout, Size};

/// The color space that pixels are wanted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColorSpace {
    /// sRGB, whatever the source has.
    Srgb,
    /// The source's own, with its profile, where 8-bit gray or RGB can hold them.
    Source,
}

/// What the pixels of a profile are, by its header (ICC.1, 7.2.6).
pub(crate) fn space(icc: &[u8]) -> Option<&[u8]> {
    icc.get(16..20)
}

/// True for a profile of gray pixels.
pub(crate) fn is_for_gray(icc: &[u8]) -> bool {
    space(icc) == Some(b"GRAY")
}

/// The frame in sRGB. Where the profile is broken or is for other pixels, it is ignored, as viewers do.
pub(crate) fn to_srgb(frame: Frame, icc: &[u8]) -> Frame {
    let (layout, size) = (frame.layout(), frame.size());
    let Some(profile) = profile(icc) else {
        return frame;
    };
    let (from, to, result) = match (layout, profile.color_space) {
        (Layout::Gray, DataColorSpace::Gray) => (Channels::Gray, Channels::Rgb, Layout::Rgb),
        (Layout::Rgb, DataColorSpace::Rgb) => (Channels::Rgb, Channels::Rgb, layout),
        (Layout::Rgba, DataColorSpace::Rgb) => (Channels::Rgba, Channels::Rgba, layout),
        // A gray picture with alpha: its three channels are equal, and one of them is looked up.
        (Layout::Rgb | Layout::Rgba, DataColorSpace::Gray) => {
            return gray_to_srgb(frame, &profile);
        }
        _ => return frame,
    };
    let mut pixels = vec![0; size.pixels() as usize * result.channels()];
    match convert(&profile, from, to, frame.pixels(), &mut pixels) {
        Some(()) => Frame::new(size, result, pixels).expect("made in this size"),
        None => frame,
    }
}

fn gray_to_srgb(mut frame: Frame, profile: &ColorProfile) -> Frame {
    let all: Vec<u8> = (0..=255).collect();
    let mut table = [0; 768];
    let found = convert(profile, Channels::Gray, Channels::Rgb, &all, &mut table);
    if found.is_some() {
        let channels = frame.layout().channels();
        for pixel in frame.pixels_mut().chunks_exact_mut(channels) {
            let at = usize::from(pixel[0]) * 3;
            pixel[..3].copy_from_slice(&table[at..at + 3]);
        }
    }
    frame
}

/// Brings rows of 16 bits a channel to sRGB.
pub(crate) struct Wide(Arc<dyn TransformExecutor<u16> + Send + Sync>);

impl Wide {
    /// For pixels of a profile for RGB. Gray pixels become gray ones: of the profile only its curve counts then.
    pub(crate) fn new(profile: &ColorProfile, channels: Channels) -> Option<Self> {
        let srgb = ColorProfile::new_srgb();
        let options = TransformOptions::default();
        let made = match channels {
            Channels::Gray | Channels::GrayAlpha => {
                let gray = |profile: &ColorProfile| {
                    let mut gray = ColorProfile::new_gray_with_gamma(1.0);
                    gray.gray_trc.clone_from(&profile.green_trc);
                    gray
                };
                gray(profile).create_transform_16bit(channels, &gray(&srgb), channels, options)
            }
            _ => profile.create_transform_16bit(channels, &srgb, channels, options),
        };
        made.ok().map(Self)
    }

    /// For pixels of this ICC profile; `None` where it is broken or not for RGB.
    pub(crate) fn from_icc(icc: &[u8], channels: Channels) -> Option<Self> {
        let is_rgb = |profile: &ColorProfile| profile.color_space == DataColorSpace::Rgb;
        Self::new(&profile(icc).filter(is_rgb)?, channels)
    }

    pub(crate) fn row(&self, row: Vec<u16>) -> Vec<u16> {
        let mut converted = vec![0; row.len()];
        match self.0.transform(&row, &mut converted) {
            Ok(()) => converted,
            Err(_) => row,
        }
    }
}

/// 16 bits to 8, to the nearest.
pub(crate) fn narrow(value: u16) -> u8 {
    ((u32::from(value) * 255 + 32767) / 65535) as u8
}

/// Amounts of ink, 255 a full cover, to RGB: by the profile, or as if inks were perfect.
pub(crate) fn cmyk_to_srgb(inks: &[u8], size: Size, icc: Option<&[u8]>) -> Frame {
    let mut pixels = vec![0; size.pixels() as usize * 3];
    let profile = icc.and_then(profile);
    let profile = profile.filter(|p| p.color_space == DataColorSpace::Cmyk);
    // moxcms takes four inks as the four channels of `Rgba`.
    let done = profile.and_then(|p| convert(&p, Channels::Rgba, Channels::Rgb, inks, &mut pixels));
    if done.is_none() {
        for (rgb, ink) in pixels.chunks_exact_mut(3).zip(inks.chunks_exact(4)) {
            for (channel, ink_of_it) in rgb.iter_mut().zip(ink) {
                let left = u32::from(255 - ink_of_it) * u32::from(255 - ink[3]);
                *channel = ((left + 127) / 255) as u8;
            }
        }
    }
    Frame::new(size, Layout::Rgb, pixels).expect("made in this size")
}

fn profile(icc: &[u8]) -> Option<ColorProfile> {
    ColorProfile::new_from_slice(icc).ok()
}

/// `None` where the profile cannot be used; also where it is sRGB but for rounding, so that pixels stay exact.
fn convert(
    profile: &ColorProfile,
    from: Channels,
    to: Channels,
    source: &[u8],
    result: &mut [u8],
) -> Option<()> {
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = profile
        .create_transform_8bit(from, &srgb, to, options)
        .ok()?;
    if profile.color_space == DataColorSpace::Rgb {
        let probe: Vec<u8> = (0..4096_u32)
            .flat_map(|n| [n & 15, n >> 4 & 15, n >> 8].map(|v| (v * 17) as u8))
            .collect();
        let transform = profile
            .create_transform_8bit(Channels::Rgb, &srgb, Channels::Rgb, options)
            .ok()?;
        let mut shown = vec![0; probe.len()];
        transform.transform(&probe, &mut shown).ok()?;
        if probe.iter().zip(&shown).all(|(a, b)| a.abs_diff(*b) <= 1) {
            return None;
        }
    }
    transform.transform(source, result).ok()
}
