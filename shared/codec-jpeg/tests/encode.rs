//! The encoder against readers that are not ours: two decoders show the picture that was given, and the structure of
//! the files is what was asked for.

use std::fmt::Write as _;

use codec_jpeg::{
    Density, DensityUnit, EncodeOptions, Error, Process, Sampling, Scans, Simd, encode,
};
use proptest::prelude::*;
use raster::{Frame, Layout, Size, Stopped, Unwatched, Watch};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

const SAMPLINGS: [Sampling; 3] = [Sampling::S444, Sampling::S422, Sampling::S420];

/// A picture with smooth parts, edges, texture and every color in it.
fn picture(width: u32, height: u32, layout: Layout) -> Frame {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let wave = ((f64::from(x) * 0.11).sin() + (f64::from(y) * 0.07).cos()) * 60.0 + 128.0;
            let grain =
                f64::from((x % 512 * 7919 + y % 512 * 104_729 + x % 512 * (y % 512) * 31) % 23);
            let edge = if (x / 24 + y / 17) % 3 == 0 {
                50.0
            } else {
                0.0
            };
            let red = (wave + grain) as u8;
            let green = (wave * 0.8 + edge) as u8;
            let blue = (255.0 - wave + edge * 0.5) as u8;
            match layout {
                Layout::Gray => pixels.push(green),
                Layout::Rgb => pixels.extend([red, green, blue]),
                Layout::Rgba => pixels.extend([red, green, blue, (x * 5) as u8]),
            }
        }
    }
    Frame::new(Size::new(width, height), layout, pixels).expect("as many bytes as it asks for")
}

fn make(frame: &Frame, options: &EncodeOptions) -> Vec<u8> {
    encode(frame, options, &Unwatched).expect("nothing is wrong with it")
}

/// Pixels of `jpeg` as zune-jpeg and as jpeg-decoder show it: gray stays gray.
fn decode(jpeg: &[u8]) -> [(Size, Vec<u8>); 2] {
    let mut other = jpeg_decoder::Decoder::new(jpeg);
    let pixels = other.decode().expect("jpeg-decoder reads it");
    let info = other.info().expect("it was read");
    let size = Size::new(info.width.into(), info.height.into());
    [decode_by_zune(jpeg), (size, pixels)]
}

fn decode_by_zune(jpeg: &[u8]) -> (Size, Vec<u8>) {
    let options = DecoderOptions::default()
        .set_max_width(65_535)
        .set_max_height(65_535);
    let mut zune = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    zune.decode_headers().expect("zune-jpeg reads the headers");
    let color = zune.input_colorspace().expect("headers were read");
    if color.num_components() == 1 {
        zune.set_options(options.jpeg_set_out_colorspace(color));
    }
    let pixels = zune.decode().expect("zune-jpeg reads it");
    let (width, height) = zune.dimensions().expect("headers were read");
    (Size::new(width as u32, height as u32), pixels)
}

/// Mean and largest difference of two pictures.
fn difference(a: &[u8], b: &[u8]) -> (f64, u8) {
    assert_eq!(a.len(), b.len());
    let each = || a.iter().zip(b).map(|(&a, &b)| a.abs_diff(b));
    let sum: u64 = each().map(u64::from).sum();
    (sum as f64 / a.len() as f64, each().max().unwrap_or(0))
}

/// Markers, sizes, sampling factors and scans as text; entropy-coded data is left out.
fn structure(jpeg: &[u8]) -> String {
    let mut text = String::from("SOI\n");
    let mut rest = &jpeg[2..];
    loop {
        let marker = rest[1];
        if marker == 0xD9 {
            assert_eq!(rest.len(), 2, "nothing follows EOI");
            text += "EOI\n";
            return text;
        }
        let len = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let payload = &rest[4..2 + len];
        rest = &rest[2 + len..];
        match marker {
            0xE0..=0xEF => {
                let name: String = payload
                    .iter()
                    .map_while(|&b| b.is_ascii_graphic().then_some(b as char))
                    .collect();
                writeln!(text, "APP{} {name} {} bytes", marker & 15, payload.len())
            }
            0xDB => writeln!(text, "DQT {} {} bytes", payload[0], payload.len() - 1),
            0xC4 => Ok(()),
            0xC0 | 0xC2 => {
                let side = |at: usize| u16::from_be_bytes([payload[at], payload[at + 1]]);
                write!(text, "SOF{} {}x{}", marker & 15, side(3), side(1)).expect("it is a string");
                for c in payload[6..].chunks(3) {
                    write!(text, " {}:{}x{},{}", c[0], c[1] >> 4, c[1] & 15, c[2])
                        .expect("it is a string");
                }
                writeln!(text)
            }
            0xDA => {
                let count = usize::from(payload[0]);
                let ids: Vec<_> = (0..count).map(|i| payload[1 + 2 * i].to_string()).collect();
                let [ss, se, bits] = payload[1 + 2 * count..] else {
                    panic!("SOS has three bytes after its components")
                };
                while !(rest[0] == 0xFF && rest[1] != 0) {
                    rest = &rest[1..];
                }
                writeln!(
                    text,
                    "SOS {} Ss..Se {ss}..{se} Ah {} Al {}",
                    ids.join("+"),
                    bits >> 4,
                    bits & 15
                )
            }
            other => panic!("marker {other:02X} is not expected"),
        }
        .expect("it is a string");
    }
}

#[test]
fn two_decoders_show_the_picture() {
    for layout in [Layout::Gray, Layout::Rgb] {
        let frame = picture(131, 97, layout);
        for process in [Process::Baseline, Process::Progressive] {
            for sampling in SAMPLINGS {
                // At 4:2:0 the grain in the colors is averaged away, whatever the quality.
                let subsampled = layout == Layout::Rgb && sampling != Sampling::S444;
                for (quality, mean) in [(100, 0.8), (90, 3.0), (50, 6.5), (10, 16.0)] {
                    let options = EncodeOptions {
                        quality,
                        sampling,
                        process,
                        ..EncodeOptions::default()
                    };
                    for (size, pixels) in decode(&make(&frame, &options)) {
                        assert_eq!(size, frame.size());
                        let (found, _) = difference(&pixels, frame.pixels());
                        let mean = if subsampled { mean + 4.0 } else { mean };
                        assert!(
                            found < mean,
                            "{layout:?} {process:?} {sampling:?} q{quality}: mean {found}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn quality_100_is_nearly_exact() {
    let frame = picture(64, 64, Layout::Rgb);
    let options = EncodeOptions {
        quality: 100,
        ..EncodeOptions::default()
    };
    for (_, pixels) in decode(&make(&frame, &options)) {
        let (mean, largest) = difference(&pixels, frame.pixels());
        assert!(mean < 0.6 && largest <= 4, "mean {mean}, largest {largest}");
    }
}

#[test]
fn is_as_near_as_jpeg_encoder_and_smaller() {
    let frame = picture(320, 240, Layout::Rgb);
    let [(_, ours), _] = decode(&make(
        &frame,
        &EncodeOptions {
            quality: 80,
            ..EncodeOptions::default()
        },
    ));
    let mut theirs = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut theirs, 80);
    encoder.set_progressive(true);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder
        .encode(frame.pixels(), 320, 240, jpeg_encoder::ColorType::Rgb)
        .expect("nothing is wrong with it");
    let len = make(
        &frame,
        &EncodeOptions {
            quality: 80,
            ..EncodeOptions::default()
        },
    )
    .len();
    let [(_, reference), _] = decode(&theirs);
    let (our_mean, _) = difference(&ours, frame.pixels());
    let (their_mean, _) = difference(&reference, frame.pixels());
    assert!(
        our_mean < their_mean * 1.15,
        "{our_mean} against {their_mean}"
    );
    assert!(len < theirs.len(), "{len} bytes against {}", theirs.len());
}

#[test]
fn flat_color_stays_what_it_is() {
    for color in [
        [255, 255, 255],
        [0, 0, 0],
        [255, 0, 0],
        [0, 0, 255],
        [13, 200, 90],
    ] {
        let frame =
            Frame::new(Size::new(40, 24), Layout::Rgb, color.repeat(40 * 24)).expect("it fits");
        for (_, pixels) in decode(&make(
            &frame,
            &EncodeOptions {
                quality: 90,
                ..EncodeOptions::default()
            },
        )) {
            let (_, largest) = difference(&pixels, frame.pixels());
            assert!(largest <= 3, "{color:?} is off by {largest}");
        }
    }
}

#[test]
fn transparent_pixels_show_the_background() {
    let clear = Frame::new(
        Size::new(33, 9),
        Layout::Rgba,
        [10, 20, 30, 0].repeat(33 * 9),
    )
    .expect("it fits");
    let solid =
        Frame::new(Size::new(33, 9), Layout::Rgb, [200, 100, 50].repeat(33 * 9)).expect("it fits");
    let options = EncodeOptions {
        background: [200, 100, 50],
        ..EncodeOptions::default()
    };
    assert_eq!(make(&clear, &options), make(&solid, &options));

    let opaque: Vec<u8> = picture(40, 30, Layout::Rgb)
        .pixels()
        .chunks(3)
        .flat_map(|p| [p[0], p[1], p[2], 255])
        .collect();
    let opaque = Frame::new(Size::new(40, 30), Layout::Rgba, opaque).expect("it fits");
    assert_eq!(
        make(&opaque, &options),
        make(&picture(40, 30, Layout::Rgb), &options)
    );
}

#[test]
fn structure_of_a_progressive_file() {
    let options = EncodeOptions {
        scans: Scans::Standard,
        ..EncodeOptions::default()
    };
    insta::assert_snapshot!(structure(&make(&picture(50, 35, Layout::Rgb), &options)));
}

#[test]
fn structure_of_a_gray_baseline_file() {
    let options = EncodeOptions {
        process: Process::Baseline,
        ..EncodeOptions::default()
    };
    insta::assert_snapshot!(structure(&make(&picture(50, 35, Layout::Gray), &options)));
}

#[test]
fn structure_with_metadata() {
    let options = EncodeOptions {
        quality: 90,
        process: Process::Baseline,
        exif: Some(b"MM\0*\0\0\0\x08\0\0\0\0\0\0".to_vec()),
        icc: Some(vec![7; 70_000]),
        ..EncodeOptions::default()
    };
    insta::assert_snapshot!(structure(&make(&picture(17, 8, Layout::Rgb), &options)));
}

#[test]
fn metadata_is_read_back() {
    let (exif, icc) = (
        b"II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec(),
        (0..200_000u32).map(|i| i as u8).collect::<Vec<_>>(),
    );
    let xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>".to_vec();
    let density = Density {
        unit: DensityUnit::Inch,
        x: 300,
        y: 0x1234,
    };
    let options = EncodeOptions {
        exif: Some(exif.clone()),
        icc: Some(icc.clone()),
        xmp: Some(xmp.clone()),
        density,
        ..EncodeOptions::default()
    };
    let jpeg = make(&picture(20, 20, Layout::Rgb), &options);
    assert_eq!(
        jpeg[2..20],
        *b"\xff\xe0\0\x10JFIF\0\x01\x02\x01\x01\x2c\x12\x34\0\0"
    );
    let mut decoder = jpeg_decoder::Decoder::new(&jpeg[..]);
    decoder.decode().expect("jpeg-decoder reads it");
    assert!(decoder.icc_profile() == Some(icc), "the profile differs");
    assert_eq!(decoder.exif_data(), Some(&exif[..]));
    assert_eq!(decoder.xmp_data(), Some(&xmp[..]));
}

#[test]
fn auto_sampling_follows_quality() {
    let frame = picture(32, 32, Layout::Rgb);
    let factors = |quality, sampling| {
        let jpeg = make(
            &frame,
            &EncodeOptions {
                quality,
                sampling,
                ..EncodeOptions::default()
            },
        );
        structure(&jpeg)
            .lines()
            .find_map(|line| line.strip_prefix("SOF2 32x32 ").map(str::to_owned))
            .expect("there is a frame header")
    };
    assert_eq!(factors(89, Sampling::Auto), "1:2x2,0 2:1x1,1 3:1x1,1");
    assert_eq!(factors(90, Sampling::Auto), "1:1x1,0 2:1x1,1 3:1x1,1");
    assert_eq!(factors(90, Sampling::S420), "1:2x2,0 2:1x1,1 3:1x1,1");
    assert_eq!(factors(10, Sampling::S422), "1:2x1,0 2:1x1,1 3:1x1,1");
    assert_eq!(factors(10, Sampling::S444), "1:1x1,0 2:1x1,1 3:1x1,1");
}

#[track_caller]
fn refuses(frame: &Frame, options: &EncodeOptions, message: &str) {
    assert_eq!(
        encode(frame, options, &Unwatched)
            .expect_err("it is refused")
            .to_string(),
        message
    );
}

#[test]
fn refuses_what_the_format_cannot_hold() {
    let frame = picture(8, 8, Layout::Rgb);
    let options = EncodeOptions::default();
    let wide = Frame::new(Size::new(65_536, 1), Layout::Gray, vec![0; 65_536]).expect("it fits");
    refuses(
        &wide,
        &options,
        "the picture is 65536x1; a JPEG side is 1 to 65535 px",
    );
    let quality = EncodeOptions {
        quality: 101,
        ..options.clone()
    };
    refuses(&frame, &quality, "the quality is 101; it is 0 to 100");
    // A block for each component.
    let memory = EncodeOptions {
        max_bytes: 245,
        ..options.clone()
    };
    refuses(
        &frame,
        &memory,
        "the picture takes 246 bytes of memory or more; at most 245 are allowed",
    );
    let exif = EncodeOptions {
        exif: Some(vec![0; 65_528]),
        ..options.clone()
    };
    refuses(
        &frame,
        &exif,
        "the EXIF is 65528 bytes; a JPEG holds at most 65527",
    );
    let xmp = EncodeOptions {
        xmp: Some(vec![b' '; 65_505]),
        ..options.clone()
    };
    refuses(
        &frame,
        &xmp,
        "the XMP packet is 65505 bytes; a JPEG holds at most 65504",
    );
    let icc = EncodeOptions {
        icc: Some(vec![0; 255 * 65_519 + 1]),
        ..options.clone()
    };
    refuses(
        &frame,
        &icc,
        "the ICC profile is 16707346 bytes; a JPEG holds at most 16707345",
    );
}

#[test]
fn takes_the_most_that_the_format_holds() {
    let frame = picture(8, 8, Layout::Gray);
    let options = EncodeOptions {
        exif: Some(vec![1; 65_527]),
        xmp: Some(vec![3; 65_504]),
        icc: Some(vec![2; 255 * 65_519]),
        ..EncodeOptions::default()
    };
    let jpeg = make(&frame, &options);
    // Neither decoder takes as many as 255 segments; they are put together here.
    let (mut rest, mut profile) = (&jpeg[2..], Vec::new());
    while rest[1] != 0xDB {
        let len = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        if rest[1] == 0xE2 {
            profile.extend(&rest[18..2 + len]);
        }
        rest = &rest[2 + len..];
    }
    assert!(options.icc == Some(profile), "the profile differs");
    for (width, height) in [(65_535, 1), (1, 65_535)] {
        let line = picture(width, height, Layout::Gray);
        // Not jpeg-decoder, whose arithmetic overflows at this height.
        let (size, _) = decode_by_zune(&make(&line, &EncodeOptions::default()));
        assert_eq!(size, line.size());
    }
}

#[test]
fn the_worst_pixels_fit_the_codes() {
    // The steepest steps there are: from black to white from block to block, and within each.
    let pixels = (0..64 * 64)
        .map(|i| if (i / 8 + i / 512) % 2 == 0 { 255 } else { 0 })
        .collect();
    let blocks = Frame::new(Size::new(64, 64), Layout::Gray, pixels).expect("it fits");
    let pixels = (0..64 * 64)
        .map(|i| if (i + i / 64) % 2 == 0 { 255 } else { 0 })
        .collect();
    let checks = Frame::new(Size::new(64, 64), Layout::Gray, pixels).expect("it fits");
    for frame in [blocks, checks] {
        for process in [Process::Baseline, Process::Progressive] {
            let options = EncodeOptions {
                quality: 100,
                process,
                ..EncodeOptions::default()
            };
            for (_, pixels) in decode(&make(&frame, &options)) {
                let (_, largest) = difference(&pixels, frame.pixels());
                assert!(largest <= 3, "{process:?}: off by {largest}");
            }
        }
    }
}

#[test]
fn larger_pictures_are_the_same_on_every_path() {
    for (layout, sampling) in [
        (Layout::Gray, Sampling::S444),
        (Layout::Rgb, Sampling::S444),
        (Layout::Rgb, Sampling::S422),
        (Layout::Rgba, Sampling::S420),
    ] {
        let frame = picture(331, 257, layout);
        for quality in [100, 92, 75, 20] {
            let fast = EncodeOptions {
                quality,
                sampling,
                ..EncodeOptions::default()
            };
            let expected = make(&frame, &fast);
            for threads in 1..=4 {
                for simd in [Simd::Auto, Simd::Portable] {
                    let options = EncodeOptions {
                        simd,
                        threads,
                        ..fast.clone()
                    };
                    assert!(
                        make(&frame, &options) == expected,
                        "{layout:?} {sampling:?} q{quality} {simd:?}, {threads} threads"
                    );
                }
            }
        }
    }
}

#[test]
fn stops_when_told() {
    struct After(std::sync::atomic::AtomicU32);
    impl Watch for After {
        fn check(&self) -> Result<(), Stopped> {
            match self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) {
                0 => Err(Stopped::Deadline),
                _ => Ok(()),
            }
        }
    }
    let frame = picture(64, 64, Layout::Rgb);
    for checks in 0..6 {
        let watch = After(checks.into());
        let result = encode(&frame, &EncodeOptions::default(), &watch);
        assert!(
            matches!(result, Err(Error::Stopped(Stopped::Deadline))),
            "after {checks} checks"
        );
    }
}

fn layouts() -> impl Strategy<Value = Layout> {
    prop_oneof![Just(Layout::Gray), Just(Layout::Rgb), Just(Layout::Rgba)]
}

fn options() -> impl Strategy<Value = EncodeOptions> {
    let samplings = prop_oneof![
        Just(Sampling::Auto),
        Just(Sampling::S444),
        Just(Sampling::S422),
        Just(Sampling::S420)
    ];
    (
        0..=100u8,
        samplings,
        any::<bool>(),
        any::<bool>(),
        any::<[u8; 3]>(),
    )
        .prop_map(
            |(quality, sampling, baseline, standard, background)| EncodeOptions {
                quality,
                sampling,
                process: if baseline {
                    Process::Baseline
                } else {
                    Process::Progressive
                },
                scans: if standard {
                    Scans::Standard
                } else {
                    Scans::Smallest
                },
                background,
                ..EncodeOptions::default()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_size_is_read_by_both_and_same_on_every_path(
        (width, height) in (1..=65u32, 1..=65u32),
        layout in layouts(),
        options in options(),
        threads in 0..5usize,
    ) {
        let frame = picture(width, height, layout);
        let jpeg = make(&frame, &options);
        let [(first_size, first), (second_size, second)] = decode(&jpeg);
        prop_assert_eq!(first_size, frame.size());
        prop_assert_eq!(second_size, frame.size());
        prop_assert_eq!(first.len(), second.len());
        let portable = EncodeOptions { simd: Simd::Portable, threads, ..options };
        prop_assert_eq!(jpeg, make(&frame, &portable));
    }

    #[test]
    fn any_pixels_come_back(
        (width, height) in (1..=20u32, 1..=20u32),
        seed in any::<[u8; 64]>(),
        sampling in prop_oneof![Just(Sampling::S444), Just(Sampling::S420)],
    ) {
        let pixels = (0..(width * height * 3) as usize).map(|i| seed[i * 7 % 64] ^ seed[i / 64 % 64]).collect();
        let frame = Frame::new(Size::new(width, height), Layout::Rgb, pixels).expect("it fits");
        let options = EncodeOptions { quality: 100, sampling, ..EncodeOptions::default() };
        for (_, pixels) in decode(&make(&frame, &options)) {
            // Chroma that is averaged loses all that noise has; without that, only rounding is lost.
            let (mean, _) = difference(&pixels, frame.pixels());
            let limit = if sampling == Sampling::S444 { 1.5 } else { 90.0 };
            prop_assert!(mean < limit, "mean {mean}");
        }
    }
}
