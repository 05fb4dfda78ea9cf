//! `animate`: sources in, a GIF out, read back frame by frame with a decoder that the service does not use.

mod common;

use bytes::Bytes;
use common::{Jpeg, animate, distance, exif, flat, play, prepare, refuses, run};
use pipeline::{Limits, Options};
use png::ColorType;
use raster::Unwatched;

const RED: [u8; 4] = [255, 0, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const CLEAR: [u8; 4] = [0; 4];

#[track_caller]
fn shows(pixels: &[u8], width: u16, at: (usize, usize), color: [u8; 4]) {
    let found = &pixels[(at.1 * usize::from(width) + at.0) * 4..][..4];
    let same = if color[3] == 0 {
        found[3] == 0
    } else {
        distance(found, &color) <= 4
    };
    assert!(same, "{at:?} is {found:?}, not {color:?}");
}

#[test]
fn has_the_images_asked_for_in_order_and_goes_on_forever() {
    let (red, blue) = (flat(20, 10, RED), flat(20, 10, BLUE));
    let sources = [red.clone(), blue.clone(), blue, red];
    let (width, height, shown) = play(&run(&animate(33, 3), &sources));
    assert_eq!((width, height), (20, 10));
    let delays: Vec<u16> = shown.iter().map(|frame| frame.delay).collect();
    assert_eq!(delays, [3, 4, 3, 3]);
    for (frame, color) in shown.iter().zip([RED, BLUE, BLUE, RED]) {
        shows(&frame.pixels, 20, (10, 5), color);
    }
}

#[test]
fn fits_every_image_into_the_first() {
    let object = flat(40, 30, RED);
    // Wider, taller, smaller, and near enough to be stretched by a pixel.
    let sources = [
        object,
        flat(80, 20, BLUE),
        flat(10, 60, BLUE),
        flat(4, 3, BLUE),
        flat(81, 60, BLUE),
    ];
    let (width, _, shown) = play(&run(&animate(100, 4), &sources));
    // 80x20 becomes 40x10, 10 px from the top; 10x60 becomes 5x30, 17 px from the left.
    let wide = &shown[1].pixels;
    for (at, color) in [
        ((0, 9), CLEAR),
        ((0, 10), BLUE),
        ((39, 19), BLUE),
        ((39, 20), CLEAR),
    ] {
        shows(wide, width, at, color);
    }
    let tall = &shown[2].pixels;
    for (at, color) in [
        ((16, 0), CLEAR),
        ((17, 0), BLUE),
        ((21, 29), BLUE),
        ((22, 29), CLEAR),
    ] {
        shows(tall, width, at, color);
    }
    for frame in &shown[3..] {
        for at in [(0, 0), (39, 0), (0, 29), (39, 29)] {
            shows(&frame.pixels, width, at, BLUE);
        }
    }
}

#[test]
fn turns_every_image_as_its_exif_says() {
    // Left half red, right half blue: turned clockwise by 90 degrees, red is on top.
    let row = [[255, 0, 0].repeat(16), [0, 0, 255].repeat(16)].concat();
    let jpeg = Jpeg {
        quality: 100,
        exif: Some(exif(6)),
        ..Jpeg::default()
    };
    let turned = jpeg.encode_pixels(32, 16, &row.repeat(16));
    let (width, height, shown) = play(&run(&animate(100, 1), &[turned.clone(), flat(8, 16, BLUE)]));
    assert_eq!((width, height), (16, 32));
    shows(&shown[0].pixels, width, (8, 8), [254, 0, 0, 255]);
    shows(&shown[0].pixels, width, (8, 24), [0, 0, 254, 255]);
    // As a later frame it stands upright in a canvas that lies.
    let (width, _, shown) = play(&run(&animate(100, 1), &[flat(32, 32, BLUE), turned]));
    shows(&shown[1].pixels, width, (16, 8), [254, 0, 0, 255]);
    shows(&shown[1].pixels, width, (4, 8), CLEAR);
}

#[test]
fn keeps_alpha_at_64_and_above() {
    let alphas = [0, 63, 64, 255];
    let pixels: Vec<u8> = alphas
        .iter()
        .flat_map(|alpha| [0, 200, 0, *alpha])
        .collect();
    let source = common::png(4, 1, ColorType::Rgba, &pixels);
    let (_, _, shown) = play(&run(&animate(100, 1), &[source.clone(), source]));
    for frame in shown {
        let opaque: Vec<bool> = frame
            .pixels
            .chunks(4)
            .map(|pixel| pixel[3] == 255)
            .collect();
        assert_eq!(opaque, [false, false, true, true]);
    }
}

#[test]
fn brings_colors_to_srgb() {
    // The same bytes as sRGB and as a profile with red and blue swapped.
    let srgb = moxcms::ColorProfile::new_srgb();
    let mut swapped = srgb.clone();
    std::mem::swap(&mut swapped.red_colorant, &mut swapped.blue_colorant);
    let pixels = common::filled(8, 8, RED);
    let source = |profile: &moxcms::ColorProfile| {
        let icc = profile.encode().unwrap();
        common::png_with(8, 8, ColorType::Rgba, &pixels, |info| {
            info.icc_profile = Some(icc.clone().into());
        })
    };
    let (width, _, shown) = play(&run(&animate(100, 1), &[source(&srgb), source(&swapped)]));
    shows(&shown[0].pixels, width, (4, 4), RED);
    shows(&shown[1].pixels, width, (4, 4), BLUE);
}

#[test]
fn reads_every_kind_of_png() {
    let wide: Vec<u8> = [200_u16 * 257, 100 * 257, 0]
        .repeat(64)
        .iter()
        .flat_map(|v| v.to_be_bytes())
        .collect();
    let rgb16 = common::png_with(8, 8, ColorType::Rgb, &wide, |info| {
        info.bit_depth = png::BitDepth::Sixteen;
    });
    let gray = common::png(8, 8, ColorType::Grayscale, &[90; 64]);
    let gray_alpha = common::png(8, 8, ColorType::GrayscaleAlpha, &[90, 255].repeat(64));
    let indexed = common::png_with(8, 8, ColorType::Indexed, &[1; 64], |info| {
        info.palette = Some(vec![0, 0, 0, 7, 8, 9].into());
    });
    let sources = [rgb16, gray, gray_alpha, indexed];
    let (width, _, shown) = play(&run(&animate(100, 3), &sources));
    let colors = [[200, 100, 0], [90; 3], [90; 3], [7, 8, 9]];
    for (frame, [r, g, b]) in shown.iter().zip(colors) {
        shows(&frame.pixels, width, (4, 4), [r, g, b, 255]);
    }
}

#[test]
fn gives_the_same_bytes_for_any_number_of_threads() {
    let sources: Vec<Bytes> = (0..7)
        .map(|n| Jpeg::default().encode(60 + n * 5, 50))
        .collect();
    let rule = rules::Rule::parse(&animate(40, 6)).unwrap();
    let bytes = |threads| {
        let options = Options {
            threads,
            ..Options::default()
        };
        let limits = Limits::default();
        let prepared = pipeline::prepare(&sources, &rule, &limits, &options, &Unwatched).unwrap();
        let mut bytes = Vec::new();
        prepared.write(&Unwatched, &mut bytes).unwrap();
        bytes
    };
    let one = bytes(1);
    assert!(bytes(3) == one);
    assert!(bytes(16) == one);
}

#[test]
fn stands_anywhere_in_a_pipeline() {
    let sources = [Jpeg::default().encode(40, 30), flat(40, 30, BLUE)];
    let animate = animate(50, 1);
    let plain = run(&animate, &sources);
    for rule in [
        format!("imageMogr2/interlace/1|{animate}"),
        format!("{animate}|imageMogr2/interlace/1/quality/5"),
        format!("imageMogr2/strip|imageMogr2|{animate}|imageMogr2/ignore-error/1"),
    ] {
        assert!(run(&rule, &sources) == plain, "{rule}");
    }
    // What the stages before have made is the first frame.
    let (_, _, shown) = play(&run(
        &format!("imageMogr2/format/jpg|{animate}"),
        &[flat(9, 9, CLEAR), flat(9, 9, RED)],
    ));
    shows(&shown[0].pixels, 9, (4, 4), [255; 4]);
    let gif = common::as_format(image::ImageFormat::Gif, 9, 9, common::filled(9, 9, RED));
    let (_, _, shown) = play(&run(
        &format!("imageMogr2/format/png|{animate}"),
        &[gif, flat(9, 9, BLUE)],
    ));
    shows(&shown[0].pixels, 9, (4, 4), RED);
    // And of what it has made the first frame is taken further.
    let jpeg = run(
        &format!("{animate}|imageMogr2/format/jpg/interlace/1"),
        &[flat(9, 9, RED), flat(9, 9, BLUE)],
    );
    assert!(common::is_progressive(&jpeg));
    let (width, height, pixels) = common::read_jpeg(&jpeg);
    assert_eq!((width, height), (9, 9));
    assert!(distance(&pixels[..3], &RED[..3]) <= 4);
}

#[test]
fn the_first_frame_is_taken_before_colors_are() {
    // More colors than a GIF has.
    let pixels = common::rgb(200, 100);
    let source = common::png(200, 100, ColorType::Rgb, &pixels);
    let still = run(
        &format!("{}|imageMogr2/format/png", animate(50, 1)),
        &[source.clone(), flat(9, 9, RED)],
    );
    let mut reader = png::Decoder::new(std::io::Cursor::new(&still))
        .read_info()
        .unwrap();
    let mut found = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut found).unwrap();
    assert!(found == pixels);
}

#[test]
fn refuses_what_cannot_be_a_frame() {
    let good = flat(8, 8, RED);
    let rule = animate(50, 1);
    let gif = common::as_format(image::ImageFormat::Gif, 9, 9, common::filled(9, 9, RED));
    refuses(
        &rule,
        &[good.clone(), gif.clone()],
        "image 1: a GIF; animate takes JPG and PNG",
    );
    refuses(
        &rule,
        &[gif.clone(), good.clone()],
        "the object: a GIF; animate takes JPG and PNG",
    );
    refuses(
        &rule,
        &[good.clone(), flat(1081, 8, RED)],
        "image 1: 1081x8 px; a frame of animate is at most 1080x1080 px",
    );
    refuses(
        &rule,
        &[good.clone(), Bytes::from_static(b"<html>")],
        "image 1: not an image that can be processed: JPEG, PNG, GIF, WEBP and BMP can",
    );
    let jpeg = Jpeg::default().encode(40, 30);
    let half = jpeg.slice(..jpeg.len() / 2);
    let png = common::png(40, 30, ColorType::Rgb, &common::rgb(40, 30));
    let broken = |n: usize, format: &str| format!("image {n}: not a readable {format}: ");
    for (index, source, format) in [(2, half, "JPEG"), (3, png.slice(..png.len() / 2), "PNG")] {
        let mut sources = vec![good.clone(); 5];
        sources[index] = source;
        let error = prepare(&animate(50, 4), &sources).err().unwrap();
        assert!(
            error.to_string().starts_with(&broken(index, format)),
            "{error}"
        );
        assert!(error.is_suppressible());
    }
    refuses(
        &animate(50, 20),
        &vec![good.clone(); 21],
        "the animation has 21 frames, the object and 20 images; at most 20 frames are allowed",
    );
    refuses(
        &format!("{rule}|{rule}"),
        &[good.clone(), good.clone(), good],
        "the object: a GIF; animate takes JPG and PNG",
    );
}
