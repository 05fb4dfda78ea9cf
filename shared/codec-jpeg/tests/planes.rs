//! Planes at full scale are what two decoders that are not ours make of a picture, and reduced ones what it looks like
//! from afar.

use std::path::PathBuf;

use codec_jpeg::{
    EncodeOptions, Limits, Planes, Process, Sampling, Scale, Simd, encode, encode_planes,
    read_planes,
};
use raster::{Frame, Layout, Plane, Rect, Size, Stopped, Unwatched, Watch, Window};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
        .with_extension("jpg");
    std::fs::read(path).expect("the fixture is there")
}

fn read(source: &[u8], scale: Scale) -> Planes {
    read_planes(source, scale, Simd::Auto, &Limits::default(), &Unwatched).expect("a legal file")
}

/// Y, Cb and Cr of each pixel, or gray, by zune-jpeg.
fn by_zune(source: &[u8], gray: bool) -> Vec<u8> {
    let space = if gray {
        ColorSpace::Luma
    } else {
        ColorSpace::YCbCr
    };
    let options = DecoderOptions::default().jpeg_set_out_colorspace(space);
    let decoded = JpegDecoder::new_with_options(ZCursor::new(source), options).decode();
    decoded.expect("zune-jpeg takes it")
}

/// How far the samples of a plane that has one for each pixel are from channel `channel` of `pixels`, at most.
fn distance(plane: &Plane, pixels: &[u8], channel: usize, channels: usize) -> u8 {
    let mut pixels = pixels.iter().skip(channel).step_by(channels);
    let mut most = 0;
    for y in 0..plane.rows() {
        for &sample in plane.row(y) {
            most = most.max(sample.abs_diff(*pixels.next().expect("a pixel for each sample")));
        }
    }
    most
}

/// Slopes, edges and grain.
fn picture(size: Size, layout: Layout) -> Frame {
    let mut state = 1u32;
    let mut pixels = Vec::new();
    for y in 0..size.height {
        for x in 0..size.width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = state >> 28;
            let edge = if (x / 16 + y / 12) % 3 == 0 { 90 } else { 0 };
            let color = [x + grain, y + edge, u32::midpoint(x, y) + edge + grain, 255];
            let color = color.map(|value| value.min(255) as u8);
            pixels.extend(&color[..layout.channels()]);
        }
    }
    Frame::new(size, layout, pixels).expect("as many bytes as the size asks for")
}

fn encoded(frame: &Frame, sampling: Sampling, process: Process) -> Vec<u8> {
    let options = EncodeOptions {
        quality: 90,
        sampling,
        process,
        ..EncodeOptions::default()
    };
    encode(frame, &options, &Unwatched).expect("legal options")
}

/// What is read: sources of all kinds, and whether they are gray.
fn sources() -> Vec<(String, bool, Vec<u8>)> {
    let mut sources = Vec::new();
    for name in [
        "dim_17x9_420",
        "dri_blocks7_422",
        "exif_orient_6",
        "q100_420_noise",
        "progressive_444_odd",
        "progressive_rst",
    ] {
        sources.push((name.to_owned(), false, fixture(name)));
    }
    for size in [Size::new(133, 77), Size::new(64, 48), Size::new(7, 101)] {
        for process in PROCESSES {
            for sampling in [Sampling::S444, Sampling::S422, Sampling::S420] {
                let source = encoded(&picture(size, Layout::Rgb), sampling, process);
                sources.push((format!("{size} {sampling:?} {process:?}"), false, source));
            }
            let source = encoded(&picture(size, Layout::Gray), Sampling::Auto, process);
            sources.push((format!("{size} gray {process:?}"), true, source));
        }
    }
    sources
}

const PROCESSES: [Process; 2] = [Process::Baseline, Process::Progressive];

#[test]
fn full_scale_is_what_zune_jpeg_shows() {
    let mut planes_compared = 0;
    for (name, gray, source) in sources() {
        let planes = read(&source, Scale::Full);
        let luma = &planes.planes[0];
        let channels = if gray { 1 } else { 3 };
        let expected = by_zune(&source, gray);
        for (channel, plane) in planes.planes.iter().enumerate() {
            // How chroma is enlarged is for each decoder to say.
            if (plane.columns(), plane.rows()) == (luma.columns(), luma.rows()) {
                let most = distance(plane, &expected, channel, channels);
                assert!(most <= 1, "{name}: plane {channel} is {most} away");
                planes_compared += 1;
            }
        }
    }
    assert!(planes_compared >= 40, "{planes_compared} planes");
}

#[test]
fn full_scale_is_what_jpeg_decoder_shows() {
    for size in [Size::new(133, 77), Size::new(16, 16)] {
        for process in PROCESSES {
            let source = encoded(&picture(size, Layout::Gray), Sampling::Auto, process);
            let planes = read(&source, Scale::Full);
            let expected = jpeg_decoder::Decoder::new(&source[..]).decode();
            let expected = expected.expect("jpeg-decoder takes it");
            let most = distance(&planes.planes[0], &expected, 0, 1);
            assert!(most <= 1, "{size} {process:?}: {most} away");
        }
    }
}

/// The mean of the squares of what samples at `scale` are away from the average of the pixels that they stand for, where
/// all of those are in the picture.
fn error_to_average(full: &Plane, reduced: &Plane, scale: Scale) -> f64 {
    let step = 8 / scale.samples() as usize;
    let (mut sum, mut count) = (0.0, 0.0);
    for y in 0..full.rows() / step {
        for x in 0..full.columns() / step {
            let rows = (0..step).map(|i| &full.row(y * step + i)[x * step..][..step]);
            let total: u32 = rows.flatten().map(|&sample| u32::from(sample)).sum();
            let average = f64::from(total) / (step * step) as f64;
            sum += (f64::from(reduced.row(y)[x]) - average).powi(2);
            count += 1.0;
        }
    }
    sum / count
}

#[test]
fn reduced_scales_are_near_the_average_of_pixels() {
    // Noise is what an average takes away.
    for (name, _, source) in sources().into_iter().filter(|it| it.0 != "q100_420_noise") {
        let full = read(&source, Scale::Full);
        for scale in [Scale::Eighth, Scale::Quarter, Scale::Half] {
            let reduced = read(&source, scale);
            let part = f64::from(scale.samples()) / 8.0;
            for (full, reduced) in full.planes.iter().zip(&reduced.planes) {
                assert!(
                    (reduced.width() - full.width() * part).abs() < 1e-9,
                    "{name}"
                );
                assert!(
                    (reduced.height() - full.height() * part).abs() < 1e-9,
                    "{name}"
                );
                // A reduced inverse DCT is sharper than an average: the most at edges, nothing at an eighth, where only
                // what goes beyond black and white differs.
                let most = match scale {
                    Scale::Eighth => 1.0,
                    _ => 25.0,
                };
                if full.rows() >= 8 && full.columns() >= 8 {
                    let error = error_to_average(full, reduced, scale);
                    assert!(error < most, "{name} at {scale:?}: {error}");
                }
            }
        }
    }
}

struct Stop;

impl Watch for Stop {
    fn check(&self) -> Result<(), Stopped> {
        Err(Stopped::Deadline)
    }
}

#[test]
fn reading_stops_when_told() {
    let source = fixture("q100_420_noise");
    let read = read_planes(&source, Scale::Full, Simd::Auto, &Limits::default(), &Stop);
    assert!(matches!(
        read,
        Err(codec_jpeg::Error::Stopped(Stopped::Deadline))
    ));
}

fn options(quality: u8, simd: Simd) -> EncodeOptions {
    EncodeOptions {
        quality,
        simd,
        ..EncodeOptions::default()
    }
}

fn window(rect: Rect) -> Window {
    Window {
        x: f64::from(rect.x),
        y: f64::from(rect.y),
        width: f64::from(rect.width),
        height: f64::from(rect.height),
    }
}

fn resampled(planes: &Planes, rect: Rect, size: Size, sampling: Sampling) -> Planes {
    let made = planes.resampled(window(rect), size, sampling, Simd::Auto, &Unwatched);
    made.expect("nobody stops it")
}

/// The mean of the squares of what two planes of one size are apart.
fn error(one: &Plane, other: &Plane) -> f64 {
    assert_eq!((one.columns(), one.rows()), (other.columns(), other.rows()));
    let (mut sum, mut count) = (0.0, 0.0);
    for y in 0..one.rows() {
        for (&one, &other) in one.row(y).iter().zip(other.row(y)) {
            sum += f64::from(one.abs_diff(other)).powi(2);
            count += 1.0;
        }
    }
    sum / count
}

#[test]
fn gray_planes_give_the_bytes_of_their_frame() {
    for size in [Size::new(133, 77), Size::new(1, 1), Size::new(40, 16)] {
        let frame = picture(size, Layout::Gray);
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let plane = Plane::new(frame.pixels().to_vec(), size.width as usize, width, height);
        let planes = Planes {
            size,
            planes: vec![plane.expect("a sample for each pixel")],
        };
        for quality in [50, 85, 100] {
            let expected = encode(&frame, &options(quality, Simd::Auto), &Unwatched);
            let found = encode_planes(&planes, &options(quality, Simd::Auto), &Unwatched);
            assert!(found.unwrap() == expected.unwrap(), "{size} at {quality}");
        }
    }
}

#[test]
fn planes_are_written_as_they_are() {
    for size in [Size::new(133, 77), Size::new(1, 3), Size::new(32, 32)] {
        for sampling in [Sampling::S444, Sampling::S422, Sampling::S420] {
            let source = encoded(&picture(size, Layout::Rgb), sampling, Process::Baseline);
            let full = read(&source, Scale::Full);
            // In the planes of a file the last sample of chroma is a part of the picture only.
            let planes = resampled(&full, Rect::of(size), size, sampling);
            let made = encode_planes(&planes, &options(100, Simd::Auto), &Unwatched).unwrap();
            let portable = encode_planes(&planes, &options(100, Simd::Portable), &Unwatched);
            assert!(made == portable.unwrap(), "kernels differ");
            let again = read(&made, Scale::Full);
            assert_eq!((again.size, again.planes.len()), (size, 3));
            for (index, (again, plane)) in again.planes.iter().zip(&planes.planes).enumerate() {
                let found = error(again, plane);
                assert!(
                    found < 0.5,
                    "{size} {sampling:?}: plane {index} is {found} away"
                );
                // Full scale, resampled to itself, is what it was.
                let found = error(plane, &full.planes[index]);
                assert!(
                    found < 0.1,
                    "{size} {sampling:?}: plane {index} is {found} away"
                );
            }
        }
    }
}

#[test]
#[should_panic(expected = "planes of [(8, 8), (3, 4), (4, 4)] samples are no picture of 8x8")]
fn planes_of_no_sampling_are_a_mistake() {
    let plane = |width: usize, height: usize| {
        Plane::new(vec![0; width * height], width, width as f64, height as f64)
    };
    let planes = [(8, 8), (3, 4), (4, 4)].map(|(width, height)| plane(width, height).unwrap());
    let planes = Planes {
        size: Size::new(8, 8),
        planes: planes.into(),
    };
    let _ = encode_planes(&planes, &options(85, Simd::Auto), &Unwatched);
}

/// A smooth picture: what scales differ in is not in it.
fn slopes(size: Size) -> Frame {
    let mut pixels = Vec::new();
    for y in 0..size.height {
        for x in 0..size.width {
            let wave = |step: f64, at: u32| ((f64::from(at) / step).sin() * 90.0 + 128.0) as u8;
            pixels.extend([wave(40.0, x), wave(60.0, y), wave(90.0, x + y)]);
        }
    }
    Frame::new(size, Layout::Rgb, pixels).expect("as many bytes as the size asks for")
}

/// Odd sizes cover parts of samples: whoever rounds them shifts what is at the far edge.
#[test]
fn every_scale_gives_the_same_small_picture() {
    for size in [
        Size::new(507, 331),
        Size::new(497, 390),
        Size::new(512, 256),
    ] {
        for sampling in [Sampling::S444, Sampling::S422, Sampling::S420] {
            let source = encoded(&slopes(size), sampling, Process::Progressive);
            let full = read(&source, Scale::Full);
            let part = Rect {
                x: size.width / 5,
                y: 11,
                width: size.width / 2,
                height: size.height / 2,
            };
            for rect in [Rect::of(size), part] {
                let to = Size::new(rect.width / 9, rect.height / 9);
                let expected = resampled(&full, rect, to, Sampling::S420);
                for scale in [Scale::Eighth, Scale::Quarter, Scale::Half] {
                    let found = resampled(&read(&source, scale), rect, to, Sampling::S420);
                    for (found, expected) in found.planes.iter().zip(&expected.planes) {
                        let error = error(found, expected);
                        assert!(
                            error < 1.0,
                            "{size} {sampling:?} {scale:?} {rect:?}: {error}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_frame_is_made_of_planes() {
    let size = Size::new(75, 50);
    let frame = slopes(size);
    let source = encoded(&frame, Sampling::S444, Process::Baseline);
    let made = read(&source, Scale::Full).to_frame();
    assert_eq!((made.size(), made.layout()), (size, Layout::Rgb));
    let pairs = made.pixels().iter().zip(frame.pixels());
    let most = pairs.map(|(one, other)| one.abs_diff(*other)).max();
    assert!(most < Some(12), "{most:?}");
    let gray = picture(size, Layout::Gray);
    let source = encoded(&gray, Sampling::Auto, Process::Baseline);
    assert_eq!(read(&source, Scale::Full).to_frame().layout(), Layout::Gray);
}
