//! Pictures of kinds that users elsewhere reported as read wrongly: one row for each, through the whole service, read
//! back by decoders that the service does not use, or does not use in this way.
//!
//! Names in brackets are the reports: project and number.

use std::collections::BTreeMap;

use service_tests::{animate_rule, distance, read_gif, read_jpeg};

use crate::server::{HOST, Server};

/// A JPEG of the whole picture, from anything.
const TO_JPEG: &str = "imageMogr2/format/jpg/quality/95/interlace/1";

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/reports/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A server with every fixture under its own name.
fn server(names: &[&str]) -> Server {
    let server = Server::open();
    for name in names {
        server.file(name, &fixture(name));
    }
    server
}

/// What the service makes of a fixture.
#[track_caller]
fn made(name: &str, rule: &str) -> Vec<u8> {
    let answer = server(&[name]).get(&format!("/{name}?{rule}"));
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    answer.body
}

/// Width, height and RGB of a PNG over white.
fn read_png(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().expect("a PNG header");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
    let info = reader.next_frame(&mut pixels).expect("a whole PNG");
    let over_white = |value: u8, alpha: u8| {
        ((u32::from(value) * u32::from(alpha) + 255 * (255 - u32::from(alpha))) / 255) as u8
    };
    let rgb = pixels.chunks_exact(info.color_type.samples());
    let rgb = rgb.flat_map(|pixel| match *pixel {
        [gray] => [gray; 3],
        [gray, alpha] => [over_white(gray, alpha); 3],
        [r, g, b] => [r, g, b],
        [r, g, b, alpha] => [r, g, b].map(|value| over_white(value, alpha)),
        _ => unreachable!("1 to 4 channels"),
    });
    (info.width, info.height, rgb.collect())
}

/// Width, height and RGB of a JPEG, of gray too.
fn read_rgb(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let (width, height, pixels) = read_jpeg(bytes);
    let count = usize::from(width) * usize::from(height);
    let rgb = if pixels.len() == count {
        pixels.iter().flat_map(|gray| [*gray; 3]).collect()
    } else {
        pixels
    };
    (width.into(), height.into(), rgb)
}

/// Segments before the first scan: marker and payload.
fn segments(bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let (mut found, mut rest) = (Vec::new(), &bytes[2..]);
    while rest[1] != 0xDA {
        let len = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        found.push((rest[1], &rest[4..2 + len]));
        rest = &rest[2 + len..];
    }
    found
}

/// Mean differences of a JPEG of quality 95 to its source, in levels of 255, that none of these goes beyond.
const NEAR: f64 = 3.0;

#[track_caller]
fn looks_like(name: &str, expected: &str) {
    let (width, height, pixels) = read_rgb(&made(name, TO_JPEG));
    let (expected_width, expected_height, expected) = read_png(&fixture(expected));
    assert_eq!((width, height), (expected_width, expected_height), "{name}");
    let far = distance(&pixels, 3, &expected, 3);
    assert!(far < NEAR, "{name} is {far} levels away");
}

#[test]
fn faults_in_what_is_not_used_stop_no_picture() {
    for (name, expected) in [
        // Chunks of the animation: a frame out of bounds, numbers out of order.
        ("apng_fctl_stray.png", "apng_clean.png"),
        ("apng_sequence.png", "apng_clean.png"),
        // A palette that is only suggested, and empty (imagetestsuite 579294d4, b583e48e).
        ("plte_rgb_empty.png", "apng_clean.png"),
        // A wrong checksum of a text (ImageSharp 290, libspng 14, sharp 2448, Pillow 1991).
        ("ok_crc_zTXt.png", "apng_clean.png"),
        // Transparent becomes white, not black (sharp 687, 1787, zimg 139, browser-image-compression 119).
        ("clear_alpha.png", "ok_alpha_white.png"),
    ] {
        looks_like(name, expected);
    }
}

#[test]
fn exif_of_a_png_may_begin_as_in_a_jpeg() {
    // Programs write `Exif\0\0` before it, which is for JPEG alone; Pillow and Exiv2 step over it.
    let jpeg = made("exif_header_o6.png", TO_JPEG);
    let exif: Vec<&[u8]> = segments(&jpeg)
        .into_iter()
        .filter_map(|(marker, payload)| (marker == 0xE1).then_some(payload))
        .collect();
    let [exif] = exif[..] else {
        panic!("{} APP1 segments", exif.len())
    };
    assert!(exif.starts_with(b"Exif\0\0II*\0"), "EXIF begins once");
    let turned = made(
        "exif_header_o6.png",
        &format!("imageMogr2/auto-orient|{TO_JPEG}"),
    );
    let (width, height, _) = read_jpeg(&turned);
    assert_eq!((width, height), (32, 48));
    let gif = read_gif(&made("exif_header_o6.png", &animated("exif_header_o6.png")));
    assert_eq!((gif.width, gif.height), (32, 48));
}

/// `animate` of an object and one more.
fn animated(second: &str) -> String {
    animate_rule("100", &[&format!("http://{HOST}/{second}")])
}

#[test]
fn what_belongs_to_a_picture_goes_along() {
    // Gray with alpha keeps its gray profile (sharp 16-bit-grey-alpha.png).
    let jpeg = made("gray_alpha_icc.png", TO_JPEG);
    let mut decoder = jpeg_decoder::Decoder::new(&jpeg[..]);
    decoder.read_info().expect("a JPEG");
    let icc = decoder.icc_profile().expect("the profile of the source");
    assert_eq!((&icc[16..20], &icc[36..40]), (&b"GRAY"[..], &b"acsp"[..]));
    assert_eq!(
        decoder.info().expect("it was read").pixel_format,
        jpeg_decoder::PixelFormat::L8
    );
    // A profile for RGB in a gray PNG does not reach the gray JPEG (oxipng 677).
    let jpeg = made("ok_gray_rgb_icc.png", TO_JPEG);
    assert!(segments(&jpeg).iter().all(|(marker, _)| *marker != 0xE2));
    // Print shops rely on the resolution.
    let jpeg = made("phys_300dpi.png", TO_JPEG);
    assert_eq!(
        segments(&jpeg)[0],
        (0xE0, &b"JFIF\0\x01\x02\x01\x01\x2C\x01\x2C\0\0"[..])
    );
    // Copyright, or a label of what made the picture.
    let jpeg = made("xmp.png", TO_JPEG);
    let mut decoder = jpeg_decoder::Decoder::new(&jpeg[..]);
    decoder.read_info().expect("a JPEG");
    let xmp = decoder.xmp_data().expect("the packet of the source");
    let text = String::from_utf8_lossy(xmp);
    assert!(text.contains("<x:xmpmeta"), "{text}");
    let source = fixture("xmp.png");
    assert!(source.windows(xmp.len()).any(|part| part == xmp));
    // Unless it is asked to be left out.
    let stripped = made("xmp.png", &format!("imageMogr2/strip|{TO_JPEG}"));
    assert!(
        segments(&stripped)
            .iter()
            .all(|(marker, _)| *marker != 0xE1)
    );
}

#[test]
fn a_linear_picture_is_not_dark() {
    // gAMA of 1.0: browsers and all that stands on libpng show light of 0.5 as 188 (libjxl 1579, pngquant 424).
    let (width, height, pixels) = read_rgb(&made("gama_linear.png", TO_JPEG));
    let (_, _, stored) = read_png(&fixture("gama_linear.png"));
    let middle = ((height / 2 * width + width / 2) * 3) as usize;
    let light = f64::from(stored[middle]) / 255.0;
    let expected = (1.055 * light.powf(1.0 / 2.4) - 0.055) * 255.0;
    let found = f64::from(pixels[middle]);
    assert!((found - expected).abs() < 4.0, "{found}, not {expected}");
}

#[test]
fn what_is_cleared_is_transparent_to_every_viewer() {
    // Those that clear to the background color do so unless the image has a transparent index, used or not (image for
    // Dart 567, ImageSharp 1369, gamut 58).
    let server = server(&["clear_opaque.png", "clear_alpha.png"]);
    let answer = server.get(&format!(
        "/clear_opaque.png?{}",
        animated("clear_alpha.png")
    ));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut decoder = gif::Decoder::new(&answer.body[..]).expect("a GIF");
    let mut cleared = 0;
    while let Some(frame) = decoder.read_next_frame().expect("a whole GIF") {
        if frame.dispose == gif::DisposalMethod::Background {
            let unused = frame.transparent.expect("an index to clear to");
            assert!(usize::from(unused) < decoder_table_len(&answer.body));
            cleared += 1;
        }
    }
    assert!(cleared > 0, "nothing is cleared");
    let second = &read_gif(&answer.body).canvases[1];
    let (_, _, source) = read_png(&fixture("clear_alpha.png"));
    let visible = second
        .chunks_exact(4)
        .filter(|pixel| pixel[3] == 255)
        .count();
    let drawn = source
        .chunks_exact(3)
        .filter(|pixel| **pixel != [255; 3])
        .count();
    assert_eq!(
        visible, drawn,
        "what is transparent in the source is so in the result"
    );
}

/// Entries of the global color table.
fn decoder_table_len(gif: &[u8]) -> usize {
    2 << (gif[10] & 7)
}

#[test]
fn a_gif_is_read_as_browsers_read_it() {
    // An extension of an unknown label is passed over (image-gif 209). Colors of a palette are far from a JPEG's.
    looks_like("gif_extension_2a.gif", "gif_expect.png");
    // A first image beyond the screen enlarges it (ImageMagick congrats.gif).
    let (width, height, pixels) = read_rgb(&made("gif_frame_over_screen.gif", TO_JPEG));
    assert_eq!((width, height), (64, 48));
    let image = &read_gif_image(&fixture("gif_frame_over_screen.gif"));
    assert!(distance(&pixels, 3, image, 4) < NEAR);
}

/// The pixels of the first image of a GIF, RGBA.
fn read_gif_image(bytes: &[u8]) -> Vec<u8> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).expect("a GIF");
    let frame = decoder.read_next_frame().expect("a whole image");
    frame.expect("an image").buffer.to_vec()
}

/// The picture that most of the JPEGs here are.
const PICTURE: &str = "ok_dqt_before_sos.jpg";

#[test]
fn a_jpeg_whose_blocks_are_all_there_is_transcoded() {
    for (name, picture) in [
        // Bytes between the last block of a restart interval and its RSTn (immich 8510, mjpg-streamer 236, sharp 4149,
        // jpeg-decoder 100).
        ("rst_pad1.jpg", PICTURE),
        ("rst_pad12.jpg", PICTURE),
        // RSTn and TEM where a segment is expected: they have none.
        ("prog_rst_before_sos.jpg", PICTURE),
        ("tem_before_dqt.jpg", PICTURE),
        // A segment whose length is too small, or none; bytes between segments (metadata-extractor-images "Issue 308",
        // TinyJPEG 1, PaddleOCR 9925, tesseract 103, wuffs hippopotamus-bad-comment-length).
        ("app1_length_2_short.jpg", PICTURE),
        ("com_length_0.jpg", PICTURE),
        ("junk26_before_dqt.jpg", "junk26_before_dqt.jpg"),
        // Components that share an identifier (TwelveMonkeys duplicate-component-ids).
        ("ids_1_1_1.jpg", "ids_1_1_1.jpg"),
        // Parameters of a sequential scan that mean nothing, as Samsung writes them (sharp 1578, 3488, OpenImageIO 2837).
        ("ok_sos_0_0_0.jpg", PICTURE),
        // A byte, or fill bytes, before EOI (stb 422, jpeg-decoder 147).
        ("ok_7f_before_eoi.jpg", PICTURE),
        ("ok_fill_before_eoi.jpg", PICTURE),
        // DQT after the frame header (zune-image 10, 340, zola 3077).
        (PICTURE, PICTURE),
        // A rare sampling (zune-image 244); a scan of all AC coefficients and more (libjpeg-turbo 335, mozjpeg 327).
        ("ok_samp_4x1.jpg", "ok_samp_4x1.jpg"),
        ("ok_scan_1_16.jpg", PICTURE),
    ] {
        for (rule, marker) in [
            ("imageMogr2/interlace/1", 0xC2),
            ("imageMogr2/interlace/0", 0xC0),
        ] {
            let result = made(name, rule);
            assert_eq!(service_tests::frame_marker(&result), Some(marker), "{name}");
            let expected = read_jpeg(&with_identifiers(fixture(picture)));
            assert!(read_jpeg(&result) == expected, "{name}");
        }
    }
}

/// A baseline JPEG of three components with the identifiers 1, 2 and 3: not every decoder takes others.
fn with_identifiers(mut bytes: Vec<u8>) -> Vec<u8> {
    let find = |marker: [u8; 2]| bytes.windows(2).position(|pair| pair == marker);
    let (frame, scan) = (find([0xFF, 0xC0]), find([0xFF, 0xDA]));
    let (frame, scan) = (frame.expect("a frame header"), scan.expect("a scan"));
    for part in 0..3 {
        bytes[frame + 10 + 3 * part] = part as u8 + 1;
        bytes[scan + 5 + 2 * part] = part as u8 + 1;
    }
    bytes
}

#[test]
fn what_lossless_means_is_kept() {
    // Scans that never came stay missing: decoders make up for them (wuffs peacock.progressive.scan008).
    let source = fixture("prog_8_of_10_scans.jpg");
    assert!(made("prog_8_of_10_scans.jpg", "imageMogr2/interlace/1") == source);
    // The gain map of an Ultra HDR picture, and the index that says where it is (libjpeg-turbo 889, mozjpeg 451,
    // libvips 3799, sharp 4600).
    let source = fixture("ultra_hdr.jpg");
    let picture = read_jpeg(&source);
    let end = |bytes: &[u8]| {
        let found = bytes
            .windows(4)
            .position(|part| part == b"\xff\xd9\xff\xd8");
        found.map(|at| at + 2)
    };
    let gain_map = &source[end(&source).expect("two pictures")..];
    for rule in ["imageMogr2/interlace/1", "imageMogr2/interlace/0"] {
        let result = made("ultra_hdr.jpg", rule);
        assert!(read_jpeg(&result) == picture, "{rule}");
        let end = end(&result).expect("two pictures");
        assert!(&result[end..] == gain_map, "{rule}");
        let index = result.windows(4).position(|part| part == b"MPF\0");
        let index = index.expect("an index") + 4;
        let long = |at: usize| {
            let bytes = result[index + at..][..4].try_into().expect("four bytes");
            u32::from_be_bytes(bytes) as usize
        };
        // Two entries of 16 bytes: what it is, its length, its offset from the index, what it needs.
        assert_eq!((long(54), long(58)), (end, 0), "{rule}");
        assert_eq!(
            (long(70), long(74)),
            (gain_map.len(), end - index),
            "{rule}"
        );
    }
    let stripped = made("ultra_hdr.jpg", "imageMogr2/strip");
    assert!(read_jpeg(&stripped) == picture);
    assert!(stripped.ends_with(b"\xff\xd9") && end(&stripped).is_none());
    assert!(
        segments(&stripped)
            .iter()
            .all(|(marker, _)| *marker != 0xE2)
    );
}

#[test]
fn what_the_components_of_a_jpeg_mean_is_libjpegs_rule() {
    // JFIF, then Adobe, then the identifiers (TwelveMonkeys, imgproxy 182). Adobe says that these are red, green, blue.
    let mut decoder = jpeg_decoder::Decoder::new(FIXTURE_RGB);
    decoder.set_color_transform(jpeg_decoder::ColorTransform::RGB);
    let stored = decoder.decode().expect("a JPEG");
    let near = |name: &str, expected: &[u8]| {
        let (_, _, pixels) = read_jpeg(&made(name, "imageMogr2/quality/100!"));
        let far = distance(&pixels, 3, expected, 3);
        assert!(far < NEAR, "{name} is {far} levels away");
        let gif = read_gif(&made(name, &animated(name)));
        let far = distance(&gif.canvases[0], 4, expected, 3);
        assert!(far < 12.0, "{name} is {far} levels away in a GIF");
    };
    near("rgb_adobe0_ids123.jpg", &stored);
    // JFIF says Y, Cb, Cr; what Adobe says is not looked at, and is nothing. The same picture without that segment:
    let (_, _, pixels) = read_jpeg(&fixture("junk26_before_dqt.jpg"));
    near("adobe_transform3_jfif.jpg", &pixels);
}

/// A picture of red, green and blue.
const FIXTURE_RGB: &[u8] = include_bytes!("../../fixtures/reports/rgb_adobe0_ids123.jpg");

#[test]
fn a_jpeg_that_is_read_by_one_operation_is_read_by_all() {
    for name in [
        "rst_pad1.jpg",
        "rst_pad12.jpg",
        "prog_rst_before_sos.jpg",
        "tem_before_dqt.jpg",
        "app1_length_2_short.jpg",
        "com_length_0.jpg",
        "ok_7f_before_eoi.jpg",
        "ok_fill_before_eoi.jpg",
        "ok_scan_1_16.jpg",
        "ultra_hdr.jpg",
    ] {
        let (_, _, expected) = read_jpeg(&fixture(PICTURE));
        let (_, _, pixels) = read_png(&made(name, "imageMogr2/format/png"));
        let most = pixels
            .iter()
            .zip(&expected)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(most <= Some(4), "{name}: {most:?} levels");
    }
    let (_, _, expected) = read_jpeg(&with_identifiers(fixture("ids_1_1_1.jpg")));
    let (_, _, pixels) = read_png(&made("ids_1_1_1.jpg", "imageMogr2/format/png"));
    assert!(distance(&pixels, 3, &expected, 3) < 1.0);
}

#[test]
fn what_is_refused_is_refused_by_all() {
    const ALL: [&str; 5] = [
        "imageMogr2/interlace/1",
        "imageMogr2/interlace/0",
        "imageMogr2/strip",
        "imageMogr2/quality/50!",
        "imageMogr2/format/png",
    ];
    for (name, message) in [
        // Scanners and medical devices write it; its point transform and restart intervals were not heeded.
        ("sof3_gray_pt1.jpg", "lossless"),
        ("sof3_plain.jpg", "lossless"),
        // A frame of noise is worse than an error, which `ignore-error/1` can turn into the original.
        ("damaged_scan.jpg", "the entropy-coded data is"),
    ] {
        let server = server(&[name]);
        for rule in ALL.map(str::to_owned).into_iter().chain([animated(name)]) {
            let answer = server.get(&format!("/{name}?{rule}"));
            assert_eq!(answer.status, 400, "{name} {rule}");
            assert_eq!(answer.xml("Code"), "InvalidImageFormat", "{name} {rule}");
            let found = answer.xml("Message");
            assert!(found.contains(message), "{name} {rule}: {found}");
        }
    }
    let keeping = Server::with("[anonymous]\npolicy = \"open\"\n[rules]\nkeep_damaged = true\n");
    let name = "damaged_scan.jpg";
    keeping.file(name, &fixture(name));
    for rule in ALL.map(str::to_owned).into_iter().chain([animated(name)]) {
        let answer = keeping.get(&format!("/{name}?{rule}"));
        assert_eq!(answer.status, 200, "{rule}: {}", answer.text());
    }
    // What came before the damage is there: the first block.
    let (_, _, pixels) = read_jpeg(&keeping.get(&format!("/{name}?{}", ALL[0])).body);
    let (width, _, whole) = read_jpeg(&fixture(PICTURE));
    for row in 0..8 {
        let block = usize::from(width) * 3 * row..usize::from(width) * 3 * row + 8 * 3;
        assert!(pixels[block.clone()] == whole[block]);
    }
}

#[test]
fn equal_frames_stay_frames() {
    // Pillow 2314, 7613, 5928, 6778.
    let itself = format!("http://{HOST}/ok_same1.png");
    let rule = animate_rule("100", &[&itself, &itself]);
    assert_eq!(read_gif(&made("ok_same1.png", &rule)).delays.len(), 3);
}

/// Every fixture is in a row of some table.
#[test]
fn every_fixture_is_tried() {
    let text = include_str!("reports.rs");
    let folder = format!("{}/fixtures/reports", env!("CARGO_MANIFEST_DIR"));
    let names: BTreeMap<String, bool> = std::fs::read_dir(folder)
        .expect("the fixtures")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .map(|name| {
            (
                name.clone(),
                name == "README.md" || text.contains(&format!("{name}\"")),
            )
        })
        .collect();
    let missing: Vec<_> = names.iter().filter(|(_, tried)| !**tried).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
