//! What the transcoder writes shows the same pixels, through two decoders that are not ours.

use std::path::PathBuf;

use codec_jpeg::{
    Damage, Error, Limits, Metadata, Process, Reading, Scans, Simd, TranscodeOptions, Transcoded,
    check, check_limits, read_header, transcode, transcode_memory,
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

/// A file cut before each of its markers but `RSTn`, so that entropy-coded data is with its SOS.
fn pieces(file: &[u8]) -> Vec<Vec<u8>> {
    let mut cuts = vec![0];
    let mut at = 2;
    while at + 1 < file.len() {
        let marker = file[at + 1];
        if file[at] != 0xFF || matches!(marker, 0 | 0xD0..=0xD7) {
            at += 1;
            continue;
        }
        cuts.push(at);
        at += 2;
        if marker != 0xD9 {
            at += usize::from(u16::from_be_bytes([file[at], file[at + 1]]));
        }
    }
    cuts.push(file.len());
    cuts.windows(2)
        .map(|cut| file[cut[0]..cut[1]].to_vec())
        .collect()
}

/// Where the pieces that begin with `marker` are.
fn places(pieces: &[Vec<u8>], marker: u8) -> Vec<usize> {
    let is = |piece: &Vec<u8>| piece[..2] == [0xFF, marker];
    (0..pieces.len()).filter(|&n| is(&pieces[n])).collect()
}

/// Refused, with this message; and what is made of it where damage is kept.
#[track_caller]
fn keeps_what_is_refused(source: &[u8], message: &str) -> Vec<u8> {
    let error = run(source, &TranscodeOptions::default()).expect_err("it is damaged");
    assert_eq!(error.to_string(), message);
    let keep = TranscodeOptions {
        damage: Damage::Keep,
        ..TranscodeOptions::default()
    };
    let made = run(source, &keep).expect("something can be kept");
    // What is written is in order.
    let again = run(&made.bytes, &TranscodeOptions::default()).expect("a legal file");
    assert_eq!(
        pixels_by_zune(&again.bytes).expect("a legal file"),
        pixels_by_zune(&made.bytes).expect("a legal file")
    );
    made.bytes
}

fn standard(name: &str) -> Vec<u8> {
    let options = TranscodeOptions {
        scans: Scans::Standard,
        ..TranscodeOptions::default()
    };
    run(&fixture(name), &options).expect(name).bytes
}

#[test]
fn scans_out_of_order_add_nothing() {
    let whole = standard("exif_orient_6");
    let mut pieces = pieces(&whole);
    let last = *places(&pieces, 0xDA).last().expect("it has scans");
    let end = pieces.pop().expect("EOI");
    // The last scan again and again, as if it refined what is far above.
    for al in [13, 12, 11, 13, 12, 11, 13, 12, 11] {
        let mut scan = pieces[last].clone();
        assert_eq!(scan[7..10], [1, 63, 0x10]);
        scan[9] = (al + 1) << 4 | al;
        pieces.push(scan);
    }
    pieces.push(end);
    let kept = keeps_what_is_refused(
        &pieces.concat(),
        "not a readable JPEG: scan Ss 1 Se 63 Ah 14 Al 13 does not follow from those before it",
    );
    assert!(pixels_by_zune(&kept) == pixels_by_zune(&whole));
}

#[test]
fn what_cannot_be_read_after_a_scan_is_the_end() {
    let whole = standard("exif_orient_6");
    let pieces = pieces(&whole);
    let tables = places(&pieces, 0xC4);
    for (cut, what) in [
        // A table of a class that there is not.
        (
            b"\xff\xc4\0\x13\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
            "Huffman table of class 2 in slot 0",
        ),
        (
            b"\xff\xdb\0\x03\x20".to_vec(),
            "a quantization table of precision 2 in slot 0, with 0 bytes of 128",
        ),
        (
            b"\xff\xda\0\x03\x09".to_vec(),
            "a scan header of 1 bytes for 9 components",
        ),
    ] {
        let begins = pieces[..tables[tables.len() - 1]].concat();
        let source = [
            &begins[..],
            &cut,
            &pieces[tables[tables.len() - 1]..].concat(),
        ]
        .concat();
        let kept = keeps_what_is_refused(&source, &format!("not a readable JPEG: {what}"));
        let cut_off = keeps_what_is_refused(
            &begins,
            "not a readable JPEG: it is cut off: there is no EOI",
        );
        assert!(kept == cut_off, "{what}");
    }
    // Scans that were read make up for one that cannot be.
    let mut pieces = pieces;
    let last = *places(&pieces, 0xDA).last().expect("it has scans");
    pieces[last][6] = 3;
    let kept = keeps_what_is_refused(
        &pieces.concat(),
        "not a readable JPEG: a scan uses AC Huffman table 3, which is not defined",
    );
    pieces.remove(last);
    let without = pixels_by_zune(&pieces.concat()).expect("a legal file");
    assert!(pixels_by_zune(&kept) == Some(without));
}

#[test]
fn restart_markers_stand_where_they_should() {
    let source = fixture("dri_blocks7_422");
    let whole = run(&source, &TranscodeOptions::default()).expect("a legal file");
    let scan = places(&pieces(&source), 0xDA)[0];
    let from = pieces(&source)[..scan].concat().len();
    let at = |number: u8| {
        let marker = [0xFF, 0xD0 + number];
        let found = source[from..].windows(2).position(|pair| pair == marker);
        from + found.expect("more than eight intervals")
    };
    // An interval twice, its marker too: one that is too early.
    let doubled = [&source[..at(1)], &source[at(0)..]].concat();
    keeps_what_is_refused(
        &doubled,
        "not a readable JPEG: RST1 is missing or late in row 0 of a scan",
    );
    // Bytes that belong to nothing, as webcams pad intervals, and fill bytes before a marker: every block is there.
    for padding in [&b"stray"[..], &[0; 12], b"\xff\xff", b"\0"] {
        let padded = [&source[..at(1)], padding, &source[at(1)..]].concat();
        let made = run(&padded, &TranscodeOptions::default()).expect("every block is there");
        assert!(made.bytes == whole.bytes, "{padding:?}");
    }
}

#[test]
fn segments_between_scans_stay_after_the_frame() {
    let source = fixture("progressive_444_odd");
    let mut pieces = pieces(&source);
    let second = places(&pieces, 0xDA)[1];
    let adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0".to_vec();
    pieces.insert(second, adobe.clone());
    let late = pieces.concat();
    for process in [Process::Progressive, Process::Baseline] {
        let mut options = TranscodeOptions {
            process: Some(process),
            ..TranscodeOptions::default()
        };
        let expected = run(&source, &options).expect("a legal file").bytes;
        let made = run(&late, &options).expect("a legal file").bytes;
        let (scans, end) = expected.split_at(expected.len() - 2);
        assert!(made == [scans, &adobe, end].concat(), "{process:?}");
        assert_eq!(read_header(&made).expect("a header").adobe_transform, None);
        options.metadata = Metadata::Essential;
        let strip = run(&late, &options).expect("a legal file").bytes;
        assert!(strip == run(&source, &options).expect("a legal file").bytes);
    }
}

#[test]
fn baseline_is_sof0_whatever_the_source_says() {
    let options = TranscodeOptions {
        process: Some(Process::Baseline),
        ..TranscodeOptions::default()
    };
    let made = run(&fixture("exif_orient_6"), &options).expect("a legal file");
    let mut extended = pieces(&made.bytes);
    let frame = places(&extended, 0xC0)[0];
    extended[frame][1] = 0xC1;
    let again = run(&extended.concat(), &options).expect("a legal file");
    assert!(again.bytes == made.bytes);
}

#[test]
fn segments_and_tables_are_few() {
    let source = fixture("exif_orient_6");
    for tiny in [&b"\xff\xfe\0\x02"[..], b"\xff\xdd\0\x04\0\0"] {
        let with = |count: usize| [&source[..2], &tiny.repeat(count), &source[2..]].concat();
        run(&with(9_900), &TranscodeOptions::default()).expect("almost too many");
        let error = run(&with(10_000), &TranscodeOptions::default()).expect_err("too many");
        let message = "not a readable JPEG: more than 10000 segments, tables and scans";
        assert_eq!(error.to_string(), message);
        assert!(read_header(&with(10_000)).is_err());
    }
}

#[test]
fn work_is_counted_before_any_is_done() {
    // 1000x1000 blocks, and scans without data: more than 40 passes over all of them.
    let frame = b"\xff\xd8\xff\xc2\0\x0b\x08\x1f\x40\x1f\x40\x01\x01\x11\0";
    let scan = b"\xff\xda\0\x08\x01\x01\0\0\0\0";
    let limits = Limits::default();
    let with = |count: usize| [&frame[..], &scan.repeat(count), b"\xff\xd9"].concat();
    check_limits(&with(44), &limits).expect("44 scans");
    let message =
        "the source's scans go over its blocks more than 40 times; at most that often is allowed";
    for result in [
        check_limits(&with(45), &limits).map(|_| ()),
        run(&with(45), &TranscodeOptions::default()).map(|_| ()),
    ] {
        assert_eq!(result.expect_err("45 scans").to_string(), message);
    }
    let small = |count: usize| {
        let frame = b"\xff\xd8\xff\xc3\0\x0b\x08\0\x40\0\x40\x01\x01\x11\0";
        [&frame[..], &scan.repeat(count), b"\xff\xd9"].concat()
    };
    check_limits(&small(100), &limits).expect("a small picture may have them");
    let error = check_limits(&small(101), &limits).expect_err("101 scans");
    assert_eq!(error.to_string(), "the source has more than 100 scans");
}

#[test]
fn memory_is_bounded_by_the_frame_and_by_what_is_in_it() {
    let with = |name: &str, max_bytes: u64| {
        let limits = Limits {
            max_bytes,
            ..Limits::default()
        };
        let options = TranscodeOptions {
            limits,
            ..TranscodeOptions::default()
        };
        run(&fixture(name), &options).map(|_| ())
    };
    // 112x160 at 4:2:0: 420 blocks of 82 bytes.
    let error = with("exif_orient_6", 34_439).expect_err("a byte less than the blocks take");
    let message = "the picture takes 34440 bytes of memory or more; at most 34439 are allowed";
    assert_eq!(error.to_string(), message);
    // The coefficients come in on the way.
    let error = with("exif_orient_6", 34_440).expect_err("no room for a coefficient");
    assert!(matches!(error, Error::TooMuchMemory { found_bytes, .. } if found_bytes > 34_440));
    with("exif_orient_6", 400_000).expect("enough");
    let error = with("progressive_rst", 1000).expect_err("a progressive source");
    assert!(matches!(error, Error::TooMuchMemory { found_bytes, .. } if found_bytes % 210 == 0));
}

#[test]
fn what_belongs_to_no_segment_is_passed_over() {
    for name in ["dri_blocks7_422", "progressive_444_odd"] {
        let source = fixture(name);
        let whole = run(&source, &TranscodeOptions::default()).expect("a legal file");
        let pieces = pieces(&source);
        for strange in [
            // Bytes after a segment whose length is too small; a marker without a segment; lengths that are none.
            &b"junk"[..],
            b"\xff\xd3",
            b"\xff\x01",
            b"\xff\xfe\0\0 a comment",
            b"\xff\xe5\0\x01",
        ] {
            let scan = places(&pieces, 0xDA)[0];
            for place in 1..=scan {
                let mut pieces = pieces.clone();
                pieces.insert(place, strange.to_vec());
                let made = run(&pieces.concat(), &TranscodeOptions::default());
                let made = made.expect("every block is there");
                assert!(made.bytes == whole.bytes, "{name} {strange:?} {place}");
                // Not even where nothing else changes is it handed on.
                let same = TranscodeOptions {
                    process: None,
                    ..TranscodeOptions::default()
                };
                let made = run(&pieces.concat(), &same).expect("every block is there");
                let held = made
                    .bytes
                    .windows(strange.len())
                    .any(|part| part == strange);
                assert!(!held || strange.len() == 2, "{name} {strange:?} {place}");
            }
        }
    }
    let source = fixture("dri_blocks7_422");
    let twice = [&source[..2], &source[..]].concat();
    refused(&twice, "not a readable JPEG: marker FFD8 between segments");
}

#[track_caller]
fn refused(source: &[u8], message: &str) {
    let refused = run(source, &TranscodeOptions::default()).expect_err("it is refused");
    assert_eq!(refused.to_string(), message);
}

#[test]
fn components_may_share_an_identifier() {
    let source = fixture("dri_blocks7_422");
    let frame = places(&pieces(&source), 0xC0)[0];
    let scan = places(&pieces(&source), 0xDA)[0];
    let mut shared = pieces(&source);
    for part in 0..3 {
        shared[frame][10 + 3 * part] = 7;
        shared[scan][5 + 2 * part] = 7;
    }
    let shared = shared.concat();
    let whole = run(&source, &TranscodeOptions::default()).expect("a legal file");
    let made = run(&shared, &TranscodeOptions::default()).expect("in the order of the frame");
    assert!(made.bytes == whole.bytes);
    let mut twice = pieces(&source);
    twice[scan][7] = twice[scan][5];
    refused(
        &twice.concat(),
        "not a readable JPEG: a scan with component 1 twice",
    );
}

#[test]
fn missing_scans_stay_missing() {
    let source = fixture("progressive_444_odd");
    let pieces = pieces(&source);
    let scans = places(&pieces, 0xDA);
    for kept in 1..scans.len() {
        let cut = [&pieces[..scans[kept]].concat()[..], b"\xff\xd9"].concat();
        // Bytes that belong to nothing do not change that.
        let strange = [&cut[..2], b"\xff\xfe\0\0?", &cut[2..]].concat();
        for source in [cut, strange] {
            let made = run(&source, &TranscodeOptions::default()).expect("whole scans");
            assert!(made.bytes == source, "{kept} scans");
            let baseline = TranscodeOptions {
                process: Some(Process::Baseline),
                ..TranscodeOptions::default()
            };
            let made = run(&source, &baseline).expect("whole scans");
            assert_eq!(made.process, Process::Baseline);
        }
    }
}

/// An index of two pictures: the first of `len` bytes, the second of 9 at `offset` from the index.
fn index(little: bool, len: u32, offset: u32) -> Vec<u8> {
    let mut bytes = b"\xff\xe2\0\0MPF\0".to_vec();
    bytes.extend(if little { b"II*\0" } else { b"MM\0*" });
    let long = |value: u32| {
        if little {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        }
    };
    let short = |value: u16| {
        if little {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        }
    };
    bytes.extend(long(8));
    bytes.extend(short(2));
    for (tag, kind, count, value) in [(0xB001, 4, 1, 2), (0xB002, 7, 32, 38)] {
        bytes.extend([short(tag), short(kind)].concat());
        bytes.extend([long(count), long(value)].concat());
    }
    bytes.extend(long(0));
    for (size, offset) in [(len, 0), (9, offset)] {
        bytes.extend([long(0x0003_0000), long(size), long(offset), long(0)].concat());
    }
    let len = bytes.len() as u16 - 2;
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    bytes
}

#[test]
fn further_pictures_stay_where_the_index_says() {
    let first = fixture("dri_blocks7_422");
    let trailer = b"\xff\xd8second\xff and what follows it";
    for little in [false, true] {
        // From where the index's numbers begin, ten bytes after SOI, to the end of the first picture.
        let index_len = index(little, 0, 0).len();
        let len = (first.len() + index_len) as u32;
        let index_of = |len: u32| index(little, len, len - 10);
        let source = [&first[..2], &index_of(len), &first[2..], trailer].concat();
        for mut options in ways() {
            let made = run(&source, &options).expect("a legal file");
            let new_len = made.bytes.len() - trailer.len();
            assert!(new_len < len as usize, "it became smaller");
            assert!(made.bytes.ends_with(trailer));
            assert!(made.bytes[..new_len].ends_with(b"\xff\xd9"));
            let expected = index_of(new_len as u32);
            assert!(made.bytes[2..].starts_with(&expected), "{options:?}");
            // What shows the picture alone leaves out both.
            options.metadata = Metadata::Essential;
            let made = run(&source, &options).expect("a legal file");
            assert!(made.bytes.ends_with(b"\xff\xd9"));
            assert!(!made.bytes.windows(3).any(|part| part == b"MPF"));
        }
        // What is damaged in an index is left as it is.
        for at in 0..index_len {
            let mut source = source.clone();
            source[2 + at] ^= 0xFF;
            if let Ok(made) = run(&source, &TranscodeOptions::default()) {
                assert!(pixels_by_jpeg_decoder(&made.bytes).is_some(), "{at}");
            }
        }
    }
    // Without an index, what follows the end is no picture.
    let source = [&first[..], trailer].concat();
    let made = run(&source, &TranscodeOptions::default()).expect("a legal file");
    assert!(made.bytes.ends_with(b"\xff\xd9"));
}

#[test]
fn memory_is_told_only_of_what_can_be_transcoded() {
    let options = TranscodeOptions::default();
    let file = |sof: u8, precision: u8, factors: u8| {
        let frame = [0xFF, sof, 0, 11, precision, 0, 80, 0, 64, 1, 1, factors, 0];
        let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0xFF, 0xD9];
        [&[0xFF, 0xD8][..], &frame, &scan].concat()
    };
    let bound = transcode_memory(&file(0xC0, 8, 0x11), &options).unwrap();
    // 8 x 10 blocks of 82 bytes.
    assert_eq!(bound.least_bytes, 80 * 82);
    assert!(bound.most_bytes > bound.least_bytes);
    for (sof, precision, factors, message) in [
        (0xC3, 8, 0x11, "lossless process (SOF3)"),
        (0xC9, 8, 0x11, "arithmetic coding"),
        (0xC1, 12, 0x11, "12-bit samples"),
        (0xC0, 8, 0x00, "sampling factors 0x0"),
        (0xC2, 8, 0x51, "sampling factors 5x1"),
    ] {
        let error = transcode_memory(&file(sof, precision, factors), &options).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn damage_is_found_without_keeping_anything() {
    let found = |source: &[u8], simd| check(source, &Limits::default(), simd, &Unwatched);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for entry in std::fs::read_dir(folder).expect("the fixtures") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "jpg") {
            continue;
        }
        let source = std::fs::read(&path).expect("a file");
        let expected = run(&source, &TranscodeOptions::default());
        for simd in [Simd::Auto, Simd::Portable] {
            match (&expected, found(&source, simd)) {
                (Ok(_), Ok(())) => {}
                (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string(), "{path:?}"),
                (_, found) => panic!("{path:?}: {found:?}"),
            }
        }
    }
    // A progressive picture is kept until all its scans have come.
    let source = fixture("progressive_444_odd");
    let limits = |max_bytes| Limits {
        max_bytes,
        ..Limits::default()
    };
    let least = |max_bytes| check(&source, &limits(max_bytes), Simd::Auto, &Unwatched);
    let Err(Error::TooMuchMemory { found_bytes, .. }) = least(0) else {
        panic!("it takes no memory")
    };
    let size = read_header(&source).expect("a legal file").size;
    // Three components, none of them at a lower resolution.
    let blocks = 3 * u64::from(size.width.div_ceil(8)) * u64::from(size.height.div_ceil(8));
    assert_eq!(found_bytes, 128 * blocks);
    assert!(least(found_bytes - 1).is_err());
    least(found_bytes).expect("enough");
}

#[test]
fn what_decoders_read_differently_is_told() {
    let reading = |source: &[u8]| check_limits(source, &Limits::default()).expect("a picture");
    for name in [
        "dim_17x9_420",
        "progressive_444_odd",
        "dri_blocks7_422",
        "cmyk_adobe",
    ] {
        assert_eq!(reading(&fixture(name)), Reading::Plain, "{name}");
    }
    for name in [
        "dnl",
        "noninterleaved_rst",
        "bad_dht_missing",
        "bad_stray_bytes",
        "truncated_p50",
    ] {
        assert_eq!(reading(&fixture(name)), Reading::Rare, "{name}");
    }
    let source = fixture("dim_17x9_420");
    for strange in [&b"\xff\x01"[..], b"\xff\xd0", b"\xff\xfe\0\0", b"?"] {
        let source = [&source[..2], strange, &source[2..]].concat();
        assert_eq!(reading(&source), Reading::Rare, "{strange:?}");
    }
}
