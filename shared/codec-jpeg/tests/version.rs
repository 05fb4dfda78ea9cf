//! Holds [`codec_jpeg::VERSION`] to the bytes that are written: they cannot change alone.

use codec_jpeg::{
    Damage, Density, DensityUnit, EncodeOptions, Metadata, Process, Sampling, Scans,
    TranscodeOptions, VERSION, encode, transcode,
};
use raster::{Frame, Layout, Size, Unwatched};
use sha1::{Digest, Sha1};

/// The version, and the digest of what it writes.
const PINNED: (u32, &str) = (2, "c85bc26f13042defe80886a19f2cff0df62ae11a");

/// What the transcoder is asked to take. A fixture that is added elsewhere does not change the digest.
const FIXTURES: [&str; 29] = [
    "arith_sof9",
    "bad_dht_missing",
    "bad_dqt_missing",
    "bad_rst_dri_lie",
    "bad_scan_bitflips",
    "bad_scan_random",
    "bad_sof_65535",
    "bad_sof_taller",
    "bad_stray_bytes",
    "cmyk_adobe",
    "dim_17x9_420",
    "dim_1x1_444",
    "dnl",
    "dri_blocks7_422",
    "exif_orient_6",
    "gray_samp22",
    "noninterleaved_rst",
    "prog_31scans",
    "prog_dconly",
    "progressive_444_odd",
    "progressive_rst",
    "q100_420_noise",
    "q1_16bit_qt",
    "samp_4x4_noninter",
    "samp_mixed_322",
    "truncated_p50",
    "truncated_prog_45",
    "truncated_rst_60",
    "ycck_adobe",
];

/// Slopes, edges and grain, of whole numbers only.
fn picture(size: Size, layout: Layout) -> Frame {
    let mut state = 1u32;
    let mut pixels = Vec::new();
    for y in 0..size.height {
        for x in 0..size.width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = state >> 27;
            let edge = if (x / 16 + y / 12) % 3 == 0 { 90 } else { 0 };
            let color = [
                x + grain,
                y + edge,
                u32::midpoint(x, y) + edge + grain,
                5 * x,
            ];
            let color = color.map(|value| value.min(255) as u8);
            pixels.extend(&color[..layout.channels()]);
        }
    }
    Frame::new(size, layout, pixels).expect("as many bytes as the size asks for")
}

/// A result with its length; of a refusal only that it is one.
fn add(digest: &mut Sha1, made: Option<&[u8]>) {
    match made {
        Some(bytes) => {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        }
        None => digest.update(u64::MAX.to_be_bytes()),
    }
}

fn add_encoded(digest: &mut Sha1, frame: &Frame, options: &EncodeOptions) {
    let made = encode(frame, options, &Unwatched).expect("legal options");
    add(digest, Some(&made));
}

fn encoded(digest: &mut Sha1) {
    let samplings = [
        Sampling::Auto,
        Sampling::S444,
        Sampling::S422,
        Sampling::S420,
    ];
    for layout in [Layout::Gray, Layout::Rgb, Layout::Rgba] {
        let frame = picture(Size::new(131, 94), layout);
        for quality in [0, 1, 10, 25, 50, 75, 85, 89, 90, 95, 99, 100] {
            let options = EncodeOptions {
                quality,
                background: [10, 200, 90],
                ..EncodeOptions::default()
            };
            add_encoded(digest, &frame, &options);
        }
        for sampling in samplings {
            for process in [Process::Baseline, Process::Progressive] {
                for scans in [Scans::Standard, Scans::Smallest] {
                    let options = EncodeOptions {
                        sampling,
                        process,
                        scans,
                        ..EncodeOptions::default()
                    };
                    add_encoded(digest, &frame, &options);
                }
            }
        }
        for side in 1..18 {
            let frame = picture(Size::new(side, 19 - side), layout);
            add_encoded(digest, &frame, &EncodeOptions::default());
        }
    }
    let frame = picture(Size::new(40, 30), Layout::Rgb);
    let options = EncodeOptions {
        icc: Some((0..70_000u32).map(|i| (i % 251) as u8).collect()),
        exif: Some(b"MM\0*\0\0\0\x08\0\0\0\0\0\0".to_vec()),
        xmp: Some(b"<x:xmpmeta/>".to_vec()),
        density: Density {
            unit: DensityUnit::Inch,
            x: 300,
            y: 150,
        },
        ..EncodeOptions::default()
    };
    add_encoded(digest, &frame, &options);
}

fn transcoded(digest: &mut Sha1) {
    for name in FIXTURES {
        let path = format!("{}/tests/fixtures/{name}.jpg", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read(&path).expect(name);
        for process in [None, Some(Process::Baseline), Some(Process::Progressive)] {
            for (scans, metadata, damage) in [
                (Scans::Standard, Metadata::All, Damage::Refuse),
                (Scans::Smallest, Metadata::Essential, Damage::Keep),
            ] {
                let options = TranscodeOptions {
                    process,
                    scans,
                    metadata,
                    damage,
                    ..TranscodeOptions::default()
                };
                let made = transcode(&source, &options, &Unwatched).ok();
                add(digest, made.as_ref().map(|made| &made.bytes[..]));
            }
        }
    }
}

#[test]
fn the_version_changes_with_the_bytes() {
    let mut digest = Sha1::new();
    encoded(&mut digest);
    transcoded(&mut digest);
    let digest = digest
        .finalize()
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert!(
        PINNED == (VERSION, &*digest),
        "version {VERSION} writes {digest}; pinned is {PINNED:?}. If the bytes changed, raise `VERSION` in \
         shared/codec-jpeg/src/lib.rs, or browsers keep what the old version made; then pin version and digest here. \
         `cargo test -p codec-jpeg --test version` prints the digest of what is written now."
    );
}
