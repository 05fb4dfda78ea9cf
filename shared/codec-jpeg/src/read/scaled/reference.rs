//! The definition that the planes are held to: the transcoder's coefficients, and inverse DCTs as they are written in the
//! standard.

use std::path::PathBuf;

use proptest::prelude::*;
use raster::{Kernel, Simd, Size, Unwatched};

use crate::error::Error;
use crate::options::{Limits, Process, Scans, TranscodeOptions};
use crate::planes::{Planes, Scale};
use crate::read::header::read_header;
use crate::read::read_picture;
use crate::read::scaled::inverse::tests::definition;
use crate::read::scaled::read_planes;
use crate::transcode::tests::picture;
use crate::transcode::transcode;
use crate::write::{WriteOptions, write};

const SCALES: [Scale; 4] = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
        .with_extension("jpg");
    std::fs::read(path).expect("the fixture is there")
}

fn read(source: &[u8], scale: Scale, simd: Simd) -> Result<Planes, Error> {
    read_planes(source, scale, simd, &Limits::default(), &Unwatched)
}

/// Holds the planes of `source` to the definition, at all scales.
#[track_caller]
fn check(source: &[u8]) {
    let picture = read_picture(source, Kernel::Portable).expect("a legal file");
    let largest = |factor: fn(&crate::coefficients::Component) -> u8| {
        f64::from(picture.components.iter().map(factor).max().unwrap_or(1))
    };
    let (h_max, v_max) = (largest(|c| c.h), largest(|c| c.v));
    for scale in SCALES {
        let n = scale.samples() as usize;
        let planes = read(source, scale, Simd::Auto).expect("a legal file");
        assert_eq!(
            Ok(&planes),
            read(source, scale, Simd::Portable).as_ref().map_err(|_| ())
        );
        assert_eq!(planes.size, picture.size);
        assert_eq!(planes.planes.len(), picture.components.len());
        for (plane, component) in planes.planes.iter().zip(&picture.components) {
            let covered = |side: u32, factor: u8, max: f64| {
                f64::from(side) * f64::from(factor) / max * n as f64 / 8.0
            };
            let width = covered(picture.size.width, component.h, h_max);
            let height = covered(picture.size.height, component.v, v_max);
            assert!(
                (plane.width() - width).abs() < 1e-9,
                "{} {width}",
                plane.width()
            );
            assert!(
                (plane.height() - height).abs() < 1e-9,
                "{} {height}",
                plane.height()
            );
            let table = &picture.quantization[usize::from(component.quantization)];
            for at in 0..component.dc.len() {
                let mut block = [0; 64];
                block[0] = component.dc[at];
                let (mut rest, start) = (component.masks[0][at], component.starts[at] as usize);
                for &value in &component.values[start..start + rest.count_ones() as usize] {
                    block[rest.trailing_zeros() as usize] = value;
                    rest &= rest - 1;
                }
                let expected = definition(n, &block, table);
                let (left, top) = (at % component.width * n, at / component.width * n);
                for (i, expected) in expected.into_iter().enumerate() {
                    let (x, y) = (left + i % n, top + i / n);
                    if x >= plane.columns() || y >= plane.rows() {
                        continue;
                    }
                    let found = f64::from(plane.row(y)[x]);
                    // Large coefficients that cancel each other out are not exact in `f32`.
                    assert!(
                        (found - expected).abs() < 0.6,
                        "{found} for {expected} at {x}, {y}, {scale:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn fixtures_are_read_by_definition() {
    let names = [
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
    ];
    for name in names {
        check(&fixture(name));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn random_pictures_are_read_by_definition(
        (width, height) in (1u32..90, 1u32..90),
        shape in prop_oneof![
            Just(vec![(1, 1)]),
            Just(vec![(1, 1), (1, 1), (1, 1)]),
            Just(vec![(2, 2), (1, 1), (1, 1)]),
            Just(vec![(2, 1), (1, 1), (1, 1)]),
            Just(vec![(1, 2), (1, 1), (1, 1)]),
            Just(vec![(4, 1), (1, 1), (1, 1)]),
            Just(vec![(1, 2), (2, 1), (1, 1)]),
            Just(vec![(4, 4), (1, 1), (2, 2)]),
        ],
        seeds in proptest::collection::vec(-1023i16..=1023, 1..3000),
    ) {
        let picture = picture(Size::new(width, height), &shape, &seeds);
        for process in PROCESSES {
            let options = WriteOptions {
                process,
                scans: Scans::Standard,
                kernel: Kernel::Portable,
                threads: 1,
            };
            check(&write(&picture, [&[]; 2], options, &Unwatched).expect("nobody stops it"));
        }
    }

    /// What the transcoder refuses is refused at every scale, and nothing else is.
    #[test]
    fn damage_is_judged_as_by_the_transcoder(
        name in prop_oneof![
            Just("dri_blocks7_422"),
            Just("q100_420_noise"),
            Just("samp_mixed_322"),
            Just("noninterleaved_rst"),
            Just("prog_31scans"),
            Just("progressive_444_odd"),
            Just("progressive_rst"),
        ],
        at in 0.0..1.0f64,
        change in prop_oneof![Just(None), any::<u8>().prop_map(Some)],
    ) {
        let mut source = fixture(name);
        let at = (at * source.len() as f64) as usize;
        match change {
            Some(byte) => source[at] = byte,
            None => source.truncate(at),
        }
        judge(&source);
    }
}

/// What the writer writes and the reader takes.
const PROCESSES: [Process; 2] = [Process::Baseline, Process::Progressive];

#[track_caller]
fn judge(source: &[u8]) {
    let options = TranscodeOptions {
        process: Some(Process::Baseline),
        ..TranscodeOptions::default()
    };
    let judged = transcode(source, &options, &Unwatched);
    let progressive = read_header(source).is_ok_and(|it| it.process == Process::Progressive);
    for scale in SCALES {
        match (read(source, scale, Simd::Auto), &judged) {
            // What is wrong in scans that the scale does not need, is not seen.
            (Ok(_), Err(Error::Malformed(_))) if progressive && scale < Scale::Full => {}
            // Damage may make a picture one of another kind.
            (Ok(_), Ok(_)) | (Err(Error::Unsupported(_)), _) => {}
            (Err(found), Err(expected)) => assert_eq!(
                std::mem::discriminant(&found),
                std::mem::discriminant(expected),
                "{found}; {expected}"
            ),
            (found, expected) => panic!(
                "{:?} at {scale:?}; {:?} by the transcoder",
                found.err(),
                expected.as_ref().err()
            ),
        }
    }
}

#[test]
fn damaged_fixtures_are_judged_as_by_the_transcoder() {
    let names = [
        "bad_dht_missing",
        "bad_dqt_missing",
        "bad_rst_dri_lie",
        "bad_scan_bitflips",
        "bad_scan_random",
        "bad_sof_65535",
        "bad_sof_taller",
        "bad_stray_bytes",
        "truncated_p50",
        "truncated_prog_45",
        "truncated_rst_60",
    ];
    for name in names {
        judge(&fixture(name));
    }
}

#[test]
fn what_is_no_gray_or_ycbcr_is_refused_by_name() {
    for (name, expected) in [
        (
            "cmyk_adobe",
            "this JPEG is not supported: 4 components as planes; 1 and 3 are",
        ),
        (
            "ycck_adobe",
            "this JPEG is not supported: 4 components as planes; 1 and 3 are",
        ),
        (
            "arith_sof9",
            "this JPEG is not supported: SOF9 as planes; SOF0 to SOF2 are",
        ),
    ] {
        let error = read(&fixture(name), Scale::Half, Simd::Auto).expect_err("it is refused");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn memory_is_bounded_before_anything_is_decoded() {
    for (name, scale) in ["q100_420_noise", "progressive_rst"]
        .into_iter()
        .flat_map(|name| SCALES.map(|scale| (name, scale)))
    {
        let source = fixture(name);
        let bound = super::read_planes_memory(&source, scale).expect("a legal file");
        let planes = read(&source, scale, Simd::Auto).expect("a legal file");
        let bytes: usize = planes.planes.iter().map(raster::Plane::bytes).sum();
        assert!(bytes as u64 <= bound.least_bytes && bound.least_bytes < bound.most_bytes);
        let limits = Limits {
            max_bytes: bound.most_bytes - 1,
            ..Limits::default()
        };
        let refused = read_planes(&source, scale, Simd::Auto, &limits, &Unwatched);
        assert!(matches!(refused, Err(Error::TooMuchMemory { .. })));
    }
}
