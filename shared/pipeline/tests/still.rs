//! Rules on stills, results read back with decoders that the service does not use.

mod common;

use bytes::Bytes;
use common::{
    Jpeg, as_format, distance, exif, filled, is_progressive, prepare, read_jpeg, refuses, run,
};
use image::ImageFormat;
use pipeline::{Format, Limits, Options, Pixels, Plan, Process, Sampling};
use png::ColorType;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use raster::{Size, Unwatched};
use rules::Rule;

fn png_source() -> Bytes {
    common::png(40, 30, ColorType::Rgb, &common::rgb(40, 30))
}

#[test]
fn interlace_decides_the_scans_of_a_jpeg() {
    for progressive in [false, true] {
        let jpeg = Jpeg {
            progressive,
            ..Jpeg::default()
        };
        let source = [jpeg.encode(120, 90)];
        assert!(is_progressive(&run("imageMogr2/interlace/1", &source)));
        assert!(!is_progressive(&run("imageMogr2/interlace/0", &source)));
        let kept = run("imageMogr2/strip", &source);
        assert_eq!(is_progressive(&kept), progressive);
        assert!(run("imageMogr2/format/jpg", &source) == source[0]);
    }
}

#[test]
fn makes_a_progressive_jpeg_of_anything() {
    let rgba: Vec<u8> = common::rgb(40, 30)
        .chunks(3)
        .flat_map(|p| [p[0], p[1], p[2], 255])
        .collect();
    let mut sources = vec![png_source()];
    for format in [ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::WebP] {
        sources.push(as_format(format, 40, 30, rgba.clone()));
    }
    for source in sources {
        let format = Format::of(&source).unwrap();
        for rule in [
            "imageMogr2/format/jpg/interlace/1",
            "imageMogr2/interlace/1|imageMogr2/format/jpg",
        ] {
            let bytes = run(rule, std::slice::from_ref(&source));
            assert!(is_progressive(&bytes), "{format}");
            let (width, height, pixels) = read_jpeg(&bytes);
            assert_eq!((width, height), (40, 30));
            let near = pixels
                .iter()
                .zip(common::rgb(40, 30))
                .map(|(a, b)| f64::from(a.abs_diff(b)));
            let mean = near.sum::<f64>() / pixels.len() as f64;
            assert!(mean < 16.0, "{format}: {mean}");
        }
        assert!(!is_progressive(&run("imageMogr2/format/jpg", &[source])));
    }
}

#[test]
fn takes_the_first_frame_of_an_animation() {
    let colors = [[200, 30, 40, 255], [0, 0, 255, 255]];
    let mut gif = Vec::new();
    let mut encoder = gif::Encoder::new(&mut gif, 16, 16, &[]).unwrap();
    for color in colors {
        let frame = gif::Frame::from_rgba(16, 16, &mut filled(16, 16, color));
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    let animated = [Bytes::from(gif), animated_webp(&colors)];
    for source in animated {
        assert_eq!(pipeline::probe(&source).unwrap().frames, 2);
        let (_, _, pixels) = read_jpeg(&run("imageMogr2/format/jpg", &[source]));
        assert!(distance(&pixels, &[200, 30, 40].repeat(256)) <= 3);
    }
}

#[test]
fn takes_an_animated_png_for_its_first_picture() {
    let colors = [[200, 30, 40], [0, 0, 255]];
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 16, 16);
    encoder.set_color(ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for color in colors {
        writer.write_image_data(&color.repeat(256)).unwrap();
    }
    writer.finish().unwrap();
    let (_, _, pixels) = read_jpeg(&run("imageMogr2/format/jpg", &[file.into()]));
    assert!(distance(&pixels, &colors[0].repeat(256)) <= 3);
}

/// A WebP of 16x16 frames of one color each: VP8X, ANIM, and an ANMF around every still's own chunk (RFC 9649, 2.7).
fn animated_webp(colors: &[[u8; 4]]) -> Bytes {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let len = (data.len() as u32).to_le_bytes();
        let padding = &[0][..data.len() % 2];
        [name, &len[..], data, padding].concat()
    };
    let mut chunks = chunk(b"VP8X", &[0x02, 0, 0, 0, 15, 0, 0, 15, 0, 0]);
    chunks.extend(chunk(b"ANIM", &[0; 6]));
    for color in colors {
        let still = as_format(ImageFormat::WebP, 16, 16, filled(16, 16, *color));
        let at = still
            .windows(4)
            .position(|name| name == b"VP8L")
            .expect("a lossless still");
        let header = [0, 0, 0, 0, 0, 0, 15, 0, 0, 15, 0, 0, 100, 0, 0, 0];
        chunks.extend(chunk(b"ANMF", &[&header, &still[at..]].concat()));
    }
    chunk(b"RIFF", &[b"WEBP", &chunks[..]].concat()).into()
}

#[test]
fn lays_alpha_over_white() {
    for (alpha, expected) in [(0, 255), (128, 127), (255, 0)] {
        let source = common::flat(16, 16, [0, 0, 0, alpha]);
        let (_, _, pixels) = read_jpeg(&run("imageMogr2/format/jpg/quality/100", &[source]));
        assert!(distance(&pixels, &vec![expected; pixels.len()]) <= 1);
    }
}

#[test]
fn quality_is_the_lower_of_both_unless_forced() {
    #[track_caller]
    fn gives(rule: &str, source: &Bytes, quality: u8) {
        let prepared = prepare(rule, std::slice::from_ref(source)).unwrap();
        assert_eq!(prepared.info().quality, quality, "{rule}");
    }
    let jpeg = Jpeg::default().encode(64, 64);
    gives("imageMogr2", &jpeg, 80);
    gives("imageMogr2/quality/60", &jpeg, 60);
    gives("imageMogr2/quality/95!", &jpeg, 95);
    gives("imageMogr2/format/jpg", &png_source(), 85);
    gives("imageMogr2/format/jpg/quality/95", &png_source(), 95);
    // No better than it was: nothing to do.
    assert!(run("imageMogr2/quality/95", std::slice::from_ref(&jpeg)) == jpeg);
    let prepared = prepare("imageMogr2/quality/80", std::slice::from_ref(&jpeg)).unwrap();
    // The very same memory.
    assert_eq!(prepared.bytes().unwrap().as_ptr(), jpeg.as_ptr());
}

#[test]
fn gives_back_what_it_does_not_change() {
    let rgba = filled(9, 9, [1, 2, 3, 255]);
    let others = [ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::WebP];
    let others = others.map(|format| as_format(format, 9, 9, rgba.clone()));
    for source in [png_source()].into_iter().chain(others) {
        for rule in [
            "imageMogr2",
            "imageMogr2/interlace/1",
            "imageMogr2/interlace/0/quality/10/strip/auto-orient/ignore-error/1",
        ] {
            assert!(run(rule, std::slice::from_ref(&source)) == source);
        }
    }
}

#[test]
fn makes_a_png_of_anything() {
    let source = [Jpeg::default().encode(33, 21)];
    let bytes = run("imageMogr2/format/png", &source);
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let (_, _, expected) = read_jpeg(&source[0]);
    assert!(distance(&pixels, &expected) <= 4);
    let gif = as_format(ImageFormat::Gif, 9, 9, filled(9, 9, [0; 4]));
    let bytes = run("imageMogr2/format/png", &[gif]);
    let info = pipeline::probe(&bytes).unwrap();
    assert!(info.has_alpha && info.format == Format::Png);
}

#[test]
fn stages_hand_pixels_on_and_are_encoded_once() {
    let pixels = |bytes: &[u8]| {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    };
    let half: Vec<u8> = common::rgb(40, 30)
        .chunks(3)
        .flat_map(|p| [p[0], p[1], p[2], 128])
        .collect();
    let source = common::png(40, 30, ColorType::Rgba, &half);
    // A JPG on the way takes the alpha, and nothing else: neither its quality nor its chroma.
    let by_jpg = run(
        "imageMogr2/format/jpg/quality/1|imageMogr2/format/png",
        &[source],
    );
    let over_white: Vec<u8> = common::rgb(40, 30)
        .iter()
        .map(|value| 255 - (255 - value) / 2)
        .collect();
    assert!(distance(&pixels(&by_jpg), &over_white) <= 1);
    // What is opaque has nothing to lose.
    let opaque = [png_source()];
    let by_jpg = run("imageMogr2/format/jpg|imageMogr2/format/png", &opaque);
    assert!(by_jpg == opaque[0]);
    // A quality is for the JPG that comes out, whichever stage asks for it.
    let one = run("imageMogr2/format/jpg/quality/30", &opaque);
    let two = run("imageMogr2/quality/30|imageMogr2/format/jpg", &opaque);
    assert!(one == two);
}

#[test]
fn a_plan_knows_what_will_come_out() {
    let jpeg = Jpeg {
        exif: Some(exif(6)),
        ..Jpeg::default()
    };
    let source = [jpeg.encode(40, 24)];
    for (rule, format, size, quality) in [
        ("imageMogr2", Format::Jpeg, Size::new(40, 24), 80),
        (
            "imageMogr2/interlace/1",
            Format::Jpeg,
            Size::new(40, 24),
            80,
        ),
        (
            "imageMogr2/auto-orient/quality/7",
            Format::Jpeg,
            Size::new(24, 40),
            7,
        ),
        (
            "imageMogr2/auto-orient|imageMogr2/format/png",
            Format::Png,
            Size::new(24, 40),
            100,
        ),
    ] {
        let rule_read = Rule::parse(rule).unwrap();
        let plan = Plan::new(&source, &rule_read, &Limits::default(), &Options::default()).unwrap();
        let result = plan.result();
        assert_eq!(
            (result.format, result.size, result.frames, result.quality),
            (format, size, 1, quality)
        );
        assert_eq!(plan.prepare(&Unwatched).unwrap().info(), result);
        // The quality of what was encoded is the number asked for; the estimate from its tables comes near.
        run(rule, &source);
    }
}

#[test]
fn turns_only_where_asked_and_then_says_so() {
    let jpeg = Jpeg {
        exif: Some(exif(6)),
        ..Jpeg::default()
    };
    let source = [jpeg.encode(40, 24)];
    let info = pipeline::probe(&source[0]).unwrap();
    assert_eq!(
        (info.orientation, info.shown_size()),
        (6, Size::new(24, 40))
    );
    let bytes = run("imageMogr2/auto-orient/interlace/1", &source);
    let info = pipeline::probe(&bytes).unwrap();
    assert_eq!((info.orientation, info.size), (1, Size::new(24, 40)));
    let (_, _, stored) = read_jpeg(&source[0]);
    let (_, _, turned) = read_jpeg(&bytes);
    // The upper right corner is the stored upper left one.
    assert!(distance(&turned[23 * 3..24 * 3], &stored[..3]) <= 24);
    // Without being asked, EXIF goes along.
    let bytes = run("imageMogr2/quality/50!", &source);
    assert_eq!(pipeline::probe(&bytes).unwrap().orientation, 6);
    let png = run("imageMogr2/format/png", &source);
    assert_eq!(pipeline::probe(&png).unwrap().orientation, 6);
    let png = run("imageMogr2/auto-orient", &[png.into()]);
    let info = pipeline::probe(&png).unwrap();
    assert_eq!((info.orientation, info.size), (1, Size::new(24, 40)));
}

#[test]
fn keeps_the_profile_of_what_it_encodes() {
    let icc = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let pixels = common::rgb(16, 16);
    let png = common::png_with(16, 16, ColorType::Rgb, &pixels, |info| {
        info.icc_profile = Some(icc.clone().into());
        info.exif_metadata = Some(exif(3).into());
    });
    let jpeg: Bytes = run("imageMogr2/format/jpg", &[png]).into();
    let mut decoder = jpeg_decoder::Decoder::new(&jpeg[..]);
    decoder.decode().unwrap();
    assert_eq!(decoder.icc_profile().as_ref(), Some(&icc));
    assert_eq!(decoder.exif_data(), Some(&exif(3)[..]));
    let png = run("imageMogr2/format/png", &[jpeg]);
    let reader = png::Decoder::new(std::io::Cursor::new(&png))
        .read_info()
        .unwrap();
    assert_eq!(reader.info().icc_profile.as_deref(), Some(&icc[..]));
}

#[test]
fn holds_sources_to_the_limits_before_it_decodes_them() {
    let small = Limits {
        max_source_bytes: 300,
        max_pixels: 1000,
        max_side: 50,
        ..Limits::default()
    };
    let rule = Rule::parse("imageMogr2/format/jpg").unwrap();
    let refuses = |source: Bytes, message: &str| {
        let options = Options::default();
        let result = pipeline::prepare(&[source], &rule, &small, &options, &Unwatched);
        assert_eq!(result.err().unwrap().to_string(), message);
    };
    refuses(
        common::flat(51, 1, [0; 4]),
        "the object: 51x1 px; a side is at most 50 px",
    );
    refuses(
        common::flat(40, 30, [0; 4]),
        "the object: 40x30 px, 1200 pixels in all; at most 1000 are allowed",
    );
    refuses(
        vec![0; 301].into(),
        "the object: 301 bytes; at most 300 are allowed",
    );
}

#[test]
fn says_what_is_wrong_with_a_source() {
    let rule = "imageMogr2/format/jpg";
    refuses(
        rule,
        &[Bytes::new()],
        "the object: empty; an image is expected",
    );
    refuses(
        rule,
        &[Bytes::from_static(b"\x89PNG\r\n\x1a\n")],
        "the object: not a readable PNG: it does not begin with a whole IHDR",
    );
    let png = png_source();
    refuses(
        rule,
        &[png.slice(..png.len() - 40)],
        "the object: not a readable PNG: it is cut short",
    );
    let webp = as_format(ImageFormat::WebP, 9, 9, filled(9, 9, [1, 2, 3, 255]));
    let wide = Limits {
        max_webp_side: 8,
        ..Limits::default()
    };
    let rule = Rule::parse("imageMogr2").unwrap();
    let error = pipeline::prepare(&[webp], &rule, &wide, &Options::default(), &Unwatched);
    assert_eq!(
        error.err().unwrap().to_string(),
        "the object: 9x9 px; a side is at most 8 px"
    );
}

#[test]
fn shows_rare_jpegs_as_others_do() {
    // Mean colors of the four quarters, by libjpeg-turbo.
    let several_scans: &[u8] = include_bytes!("fixtures/several_scans.jpg");
    let fine_chroma: &[u8] = include_bytes!("fixtures/fine_chroma.jpg");
    for (source, expected) in [
        (
            several_scans,
            [[167, 93, 54], [201, 128, 82], [129, 62, 39], [137, 60, 31]],
        ),
        (
            fine_chroma,
            [
                [142, 106, 79],
                [141, 108, 87],
                [155, 114, 85],
                [152, 118, 95],
            ],
        ),
    ] {
        let png = run("imageMogr2/format/png", &[Bytes::from_static(source)]);
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let size = reader.next_frame(&mut pixels).unwrap();
        let (width, height) = (size.width as usize, size.height as usize);
        let (half_width, half_height) = (width / 2, height / 2);
        for (quarter, expected) in expected.into_iter().enumerate() {
            let (x, y) = (quarter % 2 * half_width, quarter / 2 * half_height);
            let mut sums = [0; 3];
            for row in pixels.chunks(width * 3).skip(y).take(half_height) {
                for pixel in row[x * 3..].chunks(3).take(half_width) {
                    for (sum, channel) in sums.iter_mut().zip(pixel) {
                        *sum += usize::from(*channel);
                    }
                }
            }
            let mean = sums.map(|sum| (sum / (half_width * half_height)) as u8);
            assert!(distance(&mean, &expected) <= 2, "{mean:?} {expected:?}");
        }
    }
}

#[test]
fn refuses_a_palette_of_a_wrong_length() {
    let source = include_bytes!("fixtures/palette_length.png");
    let message = "the object: not a readable PNG: its palette has 4 bytes";
    refuses(
        "imageMogr2/format/jpg",
        &[Bytes::from_static(source)],
        message,
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))), ..ProptestConfig::default() })]

    /// No input makes it panic: real files of every format, with bytes changed, cut out and cut off.
    #[test]
    fn nothing_panics(
        which in 0..8_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
        rule in prop::sample::select(vec![
            "imageMogr2/interlace/1",
            "imageMogr2/quality/50!",
            "imageMogr2/format/png/auto-orient",
            "imageMogr2/format/jpg/strip",
        ]),
    ) {
        let rgba = || filled(12, 9, [9, 80, 200, 130]);
        let mut bytes = match which {
            0 => Jpeg::default().encode(24, 20).to_vec(),
            1 => Jpeg { progressive: true, exif: Some(exif(5)), ..Jpeg::default() }.encode(20, 24).to_vec(),
            2 => png_source().to_vec(),
            3 => common::png_with(12, 9, ColorType::Indexed, &[1; 108], |info| {
                info.palette = Some(vec![0, 0, 0, 7, 8, 9].into());
                info.trns = Some(vec![3].into());
                info.exif_metadata = Some(exif(7).into());
            }).to_vec(),
            4 => as_format(ImageFormat::Gif, 12, 9, rgba()).to_vec(),
            5 => as_format(ImageFormat::WebP, 12, 9, rgba()).to_vec(),
            6 => as_format(ImageFormat::Bmp, 12, 9, rgba()).to_vec(),
            _ => common::flat(12, 9, [9, 80, 200, 130]).to_vec(),
        };
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some((from, to)) = cut {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len() + 1));
            bytes.drain(from.min(to)..from.max(to));
        }
        // Small limits: a changed header may announce a picture of any size.
        let limits = Limits { max_pixels: 100_000, ..Limits::default() };
        let rule = Rule::parse(rule).unwrap();
        let source = [Bytes::from(bytes)];
        if let Ok(prepared) = pipeline::prepare(&source, &rule, &limits, &Options::default(), &Unwatched) {
            prepared.write(&Unwatched, &mut std::io::sink()).unwrap();
        }
    }
}

/// A progressive JPEG with its last scan this many times more.
fn with_more_scans(more: usize) -> Bytes {
    let jpeg = Jpeg {
        progressive: true,
        ..Jpeg::default()
    };
    let source = jpeg.encode(24, 20);
    let end = source.len() - 2;
    let last = source.windows(2).rposition(|pair| pair == [0xFF, 0xDA]);
    let last = &source[last.expect("it has scans")..end];
    [&source[..end], &last.repeat(more), &source[end..]]
        .concat()
        .into()
}

#[test]
fn counts_scans_whatever_is_asked_for() {
    let message = "the object: more than 100 scans; a JPEG has at most that many";
    for rule in [
        "imageMogr2/interlace/1",
        "imageMogr2/quality/50!",
        "imageMogr2/format/png",
    ] {
        refuses(rule, &[with_more_scans(100)], message);
    }
    let source = [with_more_scans(100), common::flat(24, 20, [9; 4])];
    refuses(&common::animate(50, 1), &source, message);
    let average = pipeline::average_color(&source[0], &Limits::default(), &Unwatched);
    assert_eq!(average.unwrap_err().to_string(), message);
}

/// Stops after some calls.
struct After(std::sync::atomic::AtomicUsize);

impl raster::Watch for After {
    fn check(&self) -> Result<(), raster::Stopped> {
        let before = self.0.load(std::sync::atomic::Ordering::Relaxed);
        let left = before.checked_sub(1).ok_or(raster::Stopped::Deadline)?;
        self.0.store(left, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn decoders_are_stopped_on_their_way() {
    let slow = Bytes::from_static(include_bytes!("fixtures/fine_chroma.jpg"));
    let jpeg = |progressive| {
        let jpeg = Jpeg {
            progressive,
            ..Jpeg::default()
        };
        jpeg.encode(200, 150)
    };
    let rows = common::png(40, 100, ColorType::Rgb, &common::rgb(40, 100));
    for (source, rule) in [
        (jpeg(false), "imageMogr2/format/png"),
        (jpeg(true), "imageMogr2/format/png"),
        (slow, "imageMogr2/format/png"),
        (rows, "imageMogr2/format/jpg"),
    ] {
        let rule = Rule::parse(rule).unwrap();
        let (limits, options) = (Limits::default(), Options::default());
        let source = [source];
        // The pipeline itself asks a few times; decoders ask for rows, or every few bytes.
        for calls in 0..35 {
            let watch = After(calls.into());
            let error = pipeline::prepare(&source, &rule, &limits, &options, &watch);
            let error = error
                .err()
                .unwrap_or_else(|| panic!("{} bytes, {calls} calls", source[0].len()));
            assert!(
                matches!(error, pipeline::Error::Stopped(raster::Stopped::Deadline)),
                "{error}"
            );
        }
    }
}

#[test]
fn holds_memory_to_its_limit() {
    #[track_caller]
    fn takes(source: &Bytes, rule: &str, bytes: u64) {
        let rule = Rule::parse(rule).unwrap();
        let run = |max_memory_bytes: u64| {
            let limits = Limits {
                max_memory_bytes,
                ..Limits::default()
            };
            let options = Options::default();
            let source = std::slice::from_ref(source);
            pipeline::prepare(source, &rule, &limits, &options, &Unwatched).map(|_| ())
        };
        let max = bytes - 1;
        let message = format!(
            "the object: it takes {bytes} bytes of memory or more; at most {max} are allowed"
        );
        assert_eq!(run(max).unwrap_err().to_string(), message);
        run(100 * bytes).unwrap();
    }
    let wide = |info: &mut png::Info| info.bit_depth = png::BitDepth::Sixteen;
    let rgba = common::png_with(40, 30, ColorType::Rgba, &[7; 9600], wide);
    // As 8 bits a channel, whatever is stored.
    takes(&rgba, "imageMogr2/format/jpg", 4800);
    let gray = common::png(40, 30, ColorType::Grayscale, &[7; 1200]);
    takes(&gray, "imageMogr2/format/jpg", 1200);
    let webp = as_format(ImageFormat::WebP, 40, 30, filled(40, 30, [1, 2, 3, 255]));
    // The result, pixels and transforms, the data once more, and Huffman tables by its length.
    let data = u64::from(u32::from_le_bytes([webp[16], webp[17], webp[18], webp[19]]));
    let tables = (data / 60 + 1) * 5 * 4200;
    takes(
        &webp,
        "imageMogr2/format/jpg",
        1200 * (4 + 5) + data + tables,
    );
    let gif = as_format(ImageFormat::Gif, 40, 30, filled(40, 30, [1, 2, 3, 255]));
    takes(&gif, "imageMogr2/format/jpg", 9600);
    let jpeg = |progressive| {
        let jpeg = Jpeg {
            progressive,
            ..Jpeg::default()
        };
        jpeg.encode(40, 30)
    };
    takes(&jpeg(false), "imageMogr2/format/png", 3600);
    // At quality 80 `jpeg-encoder` stores chroma at half the width and height.
    takes(&jpeg(true), "imageMogr2/format/png", 3600 + 3 * 1800);
    // 20 blocks of luma and 2 x 6 of chroma, with 82 bytes each.
    takes(&jpeg(false), "imageMogr2/interlace/1", 32 * 82);
}

/// How many components the frame header of a JPEG has.
fn components(bytes: &[u8]) -> u8 {
    let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]);
    bytes[frame.expect("it is baseline") + 9]
}

#[test]
fn gray_stays_gray() {
    let ramp: Vec<u8> = (0..=255).collect();
    let with_alpha =
        |alpha: u8| -> Vec<u8> { ramp.iter().flat_map(|gray| [*gray, alpha]).collect() };
    let wide: Vec<u8> = ramp.iter().flat_map(|gray| [*gray, *gray]).collect();
    let sixteen = |info: &mut png::Info| info.bit_depth = png::BitDepth::Sixteen;
    let palette = |info: &mut png::Info| {
        info.palette = Some(
            (0..=255)
                .flat_map(|gray| [gray; 3])
                .collect::<Vec<u8>>()
                .into(),
        );
    };
    let trns = |info: &mut png::Info| info.trns = Some(vec![0, 0].into());
    let gray = ColorType::Grayscale;
    let alpha = ColorType::GrayscaleAlpha;
    let over_white = |gray: u8| 255 - (255 - gray) / 2;
    let halves: Vec<u8> = ramp.iter().copied().map(over_white).collect();
    let black_is_white: Vec<u8> = ramp
        .iter()
        .map(|v| if *v == 0 { 255 } else { *v })
        .collect();
    for (source, expected) in [
        (common::png(16, 16, gray, &ramp), &ramp),
        (common::png_with(16, 16, gray, &wide, sixteen), &ramp),
        (common::png(16, 16, alpha, &with_alpha(255)), &ramp),
        (common::png(16, 16, alpha, &with_alpha(128)), &halves),
        (
            common::png_with(16, 16, ColorType::Indexed, &ramp, palette),
            &ramp,
        ),
        (common::png_with(16, 16, gray, &ramp, trns), &black_is_white),
    ] {
        let bytes = run("imageMogr2/format/jpg/quality/100", &[source]);
        assert_eq!(components(&bytes), 1);
        let (_, _, pixels) = read_jpeg(&bytes);
        assert!(distance(&pixels, expected) <= 3);
    }
    let colors = |info: &mut png::Info| info.palette = Some(vec![0, 0, 0, 7, 8, 9].into());
    let source = common::png_with(16, 16, ColorType::Indexed, &[1; 256], colors);
    let bytes = run("imageMogr2/format/jpg", &[source]);
    assert_eq!(components(&bytes), 3);
}

#[test]
fn rows_of_16_bits_and_interlaced_pictures_are_the_same_pixels() {
    let narrow = common::rgb(40, 30);
    let wide: Vec<u8> = narrow.iter().flat_map(|value| [*value, *value]).collect();
    let sixteen = |info: &mut png::Info| info.bit_depth = png::BitDepth::Sixteen;
    let rule = "imageMogr2/format/jpg";
    let expected = run(rule, &[common::png(40, 30, ColorType::Rgb, &narrow)]);
    let rows = common::png_with(40, 30, ColorType::Rgb, &wide, sixteen);
    let interlaced = Bytes::from_static(include_bytes!("fixtures/interlaced_16.png"));
    for source in [rows, interlaced] {
        assert!(run(rule, &[source]) == expected);
    }
}

#[test]
fn exif_that_does_not_fit_a_jpeg_leaves_its_orientation() {
    let exif = [exif(6), vec![0; 70_000]].concat();
    let source = common::png_with(40, 30, ColorType::Rgb, &common::rgb(40, 30), |info| {
        info.exif_metadata = Some(exif.clone().into());
    });
    let bytes = run("imageMogr2/format/jpg", std::slice::from_ref(&source));
    let info = pipeline::probe(&bytes).unwrap();
    assert_eq!((info.orientation, info.size), (6, Size::new(40, 30)));
    let bytes = run("imageMogr2/format/jpg/auto-orient", &[source]);
    let info = pipeline::probe(&bytes).unwrap();
    assert_eq!((info.orientation, info.size), (1, Size::new(30, 40)));
}

#[test]
fn strip_leaves_what_turns_the_picture() {
    let jpeg = Jpeg {
        exif: Some([exif(6), b"secret".to_vec()].concat()),
        ..Jpeg::default()
    };
    let source = [jpeg.encode(40, 24)];
    for (rule, orientation) in [
        ("imageMogr2/strip", 6),
        ("imageMogr2/strip/quality/50", 6),
        ("imageMogr2/strip/format/png", 6),
        ("imageMogr2/strip/quality/50/auto-orient", 1),
    ] {
        let bytes = run(rule, &source);
        assert_eq!(pipeline::probe(&bytes).unwrap().orientation, orientation);
        assert!(!bytes.windows(6).any(|part| part == b"secret"), "{rule}");
    }
}

#[test]
fn interlace_0_gives_what_every_reader_takes() {
    let jpeg = Jpeg::default().encode(120, 90);
    let baseline = run("imageMogr2/interlace/0", &[jpeg]);
    let mut extended = baseline.clone();
    let frame = extended.windows(2).position(|pair| pair == [0xFF, 0xC0]);
    extended[frame.unwrap() + 1] = 0xC1;
    assert!(run("imageMogr2/interlace/0", &[extended.into()]) == baseline);
}

#[test]
fn pixels_are_encoded_as_the_rule_does() {
    let limits = Limits::default();
    for source in [png_source(), Jpeg::default().encode(40, 30)] {
        let pixels = Pixels::read(&source, &limits, &Unwatched).unwrap();
        let jpeg = |quality, sampling| {
            let options = Options {
                sampling,
                ..Options::default()
            };
            let process = Process::Progressive;
            let made = pixels.to_jpeg(quality, process, &limits, &options, &Unwatched);
            made.unwrap().bytes().unwrap().clone()
        };
        for quality in [30, 85, 95] {
            let rule = format!("imageMogr2/format/jpg/interlace/1/quality/{quality}!");
            let expected = run(&rule, std::slice::from_ref(&source));
            // As often as one likes.
            assert!(jpeg(quality, Sampling::Auto) == expected);
            assert!(jpeg(quality, Sampling::Auto) == expected);
        }
        // Height, width, three components, and the first one's factors.
        for (sampling, factors) in [
            (Sampling::S420, 0x22),
            (Sampling::S422, 0x21),
            (Sampling::S444, 0x11),
        ] {
            let bytes = jpeg(95, sampling);
            let sof = bytes.windows(2).position(|at| at == [0xFF, 0xC2]).unwrap();
            assert_eq!(bytes[sof + 11], factors, "{sampling:?}");
        }
    }
    let error = Pixels::read(&Bytes::from_static(b"text"), &limits, &Unwatched)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        prepare("imageMogr2/format/jpg", &[Bytes::from_static(b"text")])
            .err()
            .unwrap()
            .to_string()
    );
}

#[test]
fn no_decoder_finds_a_second_frame_header() {
    // Bytes that one parser takes for a segment, and another for none, around the header of a huge picture.
    let huge = b"\xff\xc0\0\x0b\x08\xc3\x50\xc3\x50\x01\x01\x11\0";
    let len = [0, huge.len() as u8 + 2];
    for progressive in [false, true] {
        let whole = Jpeg {
            progressive,
            ..Jpeg::default()
        };
        let whole = whole.encode(40, 30);
        let mut places = vec![2];
        while whole[places[places.len() - 1] + 1] != 0xDA {
            let at = places[places.len() - 1];
            places.push(at + 2 + usize::from(u16::from_be_bytes([whole[at + 2], whole[at + 3]])));
        }
        for place in places {
            for strange in [
                &[][..],
                b"\xff\x01",
                b"\xff\xd0",
                b"\xff\xd8",
                b"\xff\x02",
                b"\xff\xfe\0\0",
                b"\xff\xe3\0\x01",
                b"\0\0\xff",
            ] {
                for length in [&[][..], &len] {
                    let (before, after) = whole.split_at(place);
                    let source = [before, strange, length, huge, after].concat();
                    let Ok(info) = pipeline::probe(&source) else {
                        continue;
                    };
                    let source = [Bytes::from(source)];
                    for rule in ["imageMogr2/format/png", "imageMogr2/interlace/1"] {
                        // Refused, or of the size that the limits were checked by.
                        if prepare(rule, &source).is_ok() {
                            let made = pipeline::probe(&run(rule, &source)).unwrap();
                            assert_eq!(made.size, info.size, "{rule} {place} {strange:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_webp_is_as_large_as_its_first_chunk_says() {
    // 54 bytes: a lossless picture of 16383x16383 and, after it, a canvas of 8x8.
    let mut file = b"RIFF\x2e\0\0\0WEBPVP8L\x10\0\0\0\x2f\xfe\xbf\xff\x0f".to_vec();
    file.resize(36, 0);
    file.extend(b"VP8X\x0a\0\0\0\0\0\0\0\x07\0\0\x07\0\0");
    assert_eq!(file.len(), 54);
    refuses(
        "imageMogr2/format/jpg",
        &[file.into()],
        "the object: 16383x16383 px, 268402689 pixels in all; at most 250000000 are allowed",
    );
}
