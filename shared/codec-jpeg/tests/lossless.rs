//! What the transcoder writes shows the same pixels, through two decoders that are not ours.

use std::path::PathBuf;

use codec_jpeg::{
    Damage, Error, Limits, Metadata, Process, Scans, Simd, TranscodeOptions, Transcoded,
    read_header, transcode,
};
use raster::Unwatched;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
        .with_extension("jpg");
    std::fs::read(path).expect("the fixture is there")
}

fn run(source: &[u8], options: &TranscodeOptions) -> Result<Transcoded, Error> {
    transcode(source, options, &Unwatched)
}

fn pixels_by_zune(bytes: &[u8]) -> Option<Vec<u8>> {
    JpegDecoder::new(ZCursor::new(bytes)).decode().ok()
}

fn pixels_by_jpeg_decoder(bytes: &[u8]) -> Option<Vec<u8>> {
    jpeg_decoder::Decoder::new(bytes).decode().ok()
}

/// Every way to write `source` that there is.
fn ways() -> Vec<TranscodeOptions> {
    let mut ways = Vec::new();
    for process in [Process::Baseline, Process::Progressive] {
        for scans in [Scans::Standard, Scans::Smallest] {
            for simd in [Simd::Auto, Simd::Portable] {
                for threads in [1, 2] {
                    ways.push(TranscodeOptions {
                        process: Some(process),
                        scans,
                        simd,
                        threads,
                        ..TranscodeOptions::default()
                    });
                }
            }
        }
    }
    ways
}

const LEGAL: [&str; 17] = [
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
    "ycck_adobe",
];

/// zune-jpeg 0.5.15 shows these sources otherwise than libjpeg and jpeg-decoder do.
const ZUNE_DIFFERS: [&str; 2] = ["noninterleaved_rst", "samp_4x4_noninter"];

#[test]
fn pixels_are_the_same_by_two_decoders() {
    let mut compared = [0, 0];
    for name in LEGAL {
        let source = fixture(name);
        for options in ways() {
            let made = run(&source, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(Some(made.process), options.process, "{name}");
            // Not every decoder takes every sampling and every process.
            if !ZUNE_DIFFERS.contains(&name)
                && let Some(before) = pixels_by_zune(&source)
            {
                assert!(
                    pixels_by_zune(&made.bytes) == Some(before),
                    "{name} with {options:?}"
                );
                compared[0] += 1;
            }
            if let Some(before) = pixels_by_jpeg_decoder(&source) {
                let after = pixels_by_jpeg_decoder(&made.bytes);
                assert!(after == Some(before), "{name} with {options:?}");
                compared[1] += 1;
            }
        }
    }
    assert!(compared.iter().all(|&count| count > 150), "{compared:?}");
}

#[test]
fn going_back_and_forth_ends_at_the_same_bytes() {
    for name in LEGAL {
        let standard = TranscodeOptions {
            scans: Scans::Standard,
            ..TranscodeOptions::default()
        };
        let baseline = TranscodeOptions {
            process: Some(Process::Baseline),
            ..TranscodeOptions::default()
        };
        let there = run(&fixture(name), &baseline).expect(name);
        let progressive = run(&there.bytes, &TranscodeOptions::default()).expect(name);
        let back = run(&progressive.bytes, &baseline).expect(name);
        assert!(back.bytes == there.bytes, "{name}");
        let again = run(&run(&back.bytes, &standard).expect(name).bytes, &baseline).expect(name);
        assert!(again.bytes == there.bytes, "{name}");
    }
}

#[test]
fn kernels_and_threads_do_not_change_the_bytes() {
    for name in LEGAL {
        let source = fixture(name);
        let mut files = ways().into_iter().map(|options| {
            let bytes = run(&source, &options).expect(name).bytes;
            (options.process, options.scans, bytes)
        });
        let mut last = files.next().expect("there is more than one way");
        for file in files {
            if (file.0, file.1) == (last.0, last.1) {
                assert!(file.2 == last.2, "{name}");
            }
            last = file;
        }
    }
}

#[test]
fn smallest_is_never_larger_than_standard() {
    for name in LEGAL {
        let source = fixture(name);
        let size = |scans| {
            let options = TranscodeOptions {
                scans,
                ..TranscodeOptions::default()
            };
            run(&source, &options).expect(name).bytes.len()
        };
        assert!(size(Scans::Smallest) <= size(Scans::Standard), "{name}");
    }
}

#[track_caller]
fn refuses(name: &str, message: &str) {
    let error = run(&fixture(name), &TranscodeOptions::default()).expect_err(name);
    assert_eq!(error.to_string(), message, "{name}");
}

#[test]
fn says_what_is_not_supported_and_what_is_broken() {
    refuses(
        "arith_sof9",
        "this JPEG is not supported: arithmetic coding",
    );
    refuses(
        "bad_sof_65535",
        "the picture is 65535x65535; at most 250000000 pixels are taken",
    );
    refuses(
        "bad_dqt_missing",
        "not a readable JPEG: quantization table 0 is not defined",
    );
    for name in [
        "bad_rst_dri_lie",
        "bad_scan_random",
        "bad_sof_taller",
        "truncated_p50",
        "truncated_prog_45",
        "truncated_rst_60",
    ] {
        let error = run(&fixture(name), &TranscodeOptions::default()).expect_err(name);
        assert!(matches!(error, Error::Malformed(_)), "{name}: {error}");
    }
}

#[test]
fn files_without_huffman_tables_have_the_default_ones() {
    let options = TranscodeOptions::default();
    let made = run(&fixture("bad_dht_missing"), &options).expect("Motion JPEG is like this");
    let shown = pixels_by_zune(&made.bytes).expect("a whole file");
    // The source of all damaged files is the same one, and this is all of it but for its end.
    let keep = TranscodeOptions {
        damage: Damage::Keep,
        ..options
    };
    let beginning = run(&fixture("truncated_p50"), &keep).expect("half a file");
    let begins = pixels_by_zune(&beginning.bytes).expect("a whole file");
    let half = shown.len() / 3;
    assert!(shown[..half] == begins[..half]);
}

#[test]
fn what_is_smallest_already_stays_as_it_is() {
    for name in LEGAL {
        let options = TranscodeOptions::default();
        let once = run(&fixture(name), &options).expect(name);
        let mut longer = once.bytes.clone();
        longer.extend(b"appended");
        let twice = run(&longer, &options).expect(name);
        assert!(twice.bytes == once.bytes, "{name}");
        assert!(!twice.grew);
    }
}

#[test]
fn essential_metadata_is_icc_adobe_and_orientation() {
    let options = TranscodeOptions {
        metadata: Metadata::Essential,
        ..TranscodeOptions::default()
    };
    for name in LEGAL {
        let before = read_header(&fixture(name)).expect(name);
        for process in [Process::Progressive, Process::Baseline] {
            let process = Some(process);
            let options = TranscodeOptions {
                process,
                ..options.clone()
            };
            let made = run(&fixture(name), &options).expect(name);
            let after = read_header(&made.bytes).expect(name);
            assert_eq!(after.adobe_transform, before.adobe_transform, "{name}");
            assert_eq!(after.jfif, before.jfif, "{name}");
            assert_eq!(after.quality, before.quality, "{name}");
            let turned = before.orientation.filter(|&value| value > 1);
            assert_eq!(after.orientation, turned, "{name}");
        }
    }
}

#[test]
fn damaged_files_are_kept_as_far_as_they_go() {
    for name in [
        "bad_stray_bytes",
        "truncated_p50",
        "truncated_rst_60",
        "truncated_prog_45",
    ] {
        let options = TranscodeOptions {
            damage: Damage::Keep,
            ..TranscodeOptions::default()
        };
        let source = fixture(name);
        let made = run(&source, &options).expect(name);
        let again = run(&made.bytes, &TranscodeOptions::default()).expect(name);
        assert_eq!(again.size, made.size);
        assert!(pixels_by_zune(&made.bytes).is_some(), "{name}");
    }
}

#[test]
fn no_prefix_of_a_file_panics() {
    for name in [
        "dim_17x9_420",
        "exif_orient_6",
        "q1_16bit_qt",
        "prog_dconly",
    ] {
        let source = fixture(name);
        for damage in [Damage::Refuse, Damage::Keep] {
            let options = TranscodeOptions {
                damage,
                ..TranscodeOptions::default()
            };
            for len in 0..source.len() {
                let _ = run(&source[..len], &options);
                let _ = read_header(&source[..len]);
            }
        }
    }
}

#[test]
fn scans_are_counted_before_any_is_decoded() {
    let source = fixture("prog_31scans");
    let options = TranscodeOptions {
        limits: Limits {
            max_scans: 30,
            ..Limits::default()
        },
        ..TranscodeOptions::default()
    };
    let error = run(&source, &options).expect_err("31 scans");
    assert_eq!(error.to_string(), "the source has more than 30 scans");
}

#[test]
fn reads_headers() {
    let header = read_header(&fixture("exif_orient_6")).expect("a legal file");
    assert_eq!(header.orientation, Some(6));
    assert_eq!(header.process, Process::Baseline);
    assert_eq!((header.size.width, header.size.height), (112, 160));
    let header = read_header(&fixture("dnl")).expect("a legal file");
    assert_eq!(header.size.height, 200);
    assert_eq!(header.quality, Some(88));
    let header = read_header(&fixture("q1_16bit_qt")).expect("a legal file");
    assert_eq!(header.quality, Some(1));
    let header = read_header(&fixture("ycck_adobe")).expect("a legal file");
    assert_eq!(
        (header.components.len(), header.adobe_transform),
        (4, Some(2))
    );
}
