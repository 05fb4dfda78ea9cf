//! The structure of what is written: segments, frame, and scripts of scans.

use std::fmt::Write as _;
use std::path::PathBuf;

use codec_jpeg::{Metadata, Process, Scans, TranscodeOptions, transcode};
use raster::{Stopped, Unwatched, Watch};

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
        .with_extension("jpg");
    std::fs::read(path).expect("the fixture is there")
}

/// A line for each segment, in the standard's words.
fn structure(file: &[u8]) -> String {
    let mut text = String::new();
    let mut at = 2;
    while at + 4 <= file.len() {
        let marker = file[at + 1];
        // Entropy-coded data goes on to the next marker that is not a stuffed byte.
        if file[at] != 0xFF || marker == 0 {
            at += 1;
            continue;
        }
        let len = usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        let payload = &file[at + 4..at + 2 + len];
        let _ = match marker {
            0xDB => writeln!(text, "DQT {} Pq {}", payload[0] & 15, payload[0] >> 4),
            0xC4 => {
                let class = ["DC", "AC"][usize::from(payload[0] >> 4)];
                writeln!(text, "DHT {class} {}", payload[0] & 15)
            }
            0xC0..=0xC2 => {
                let size = [payload[4], payload[3], payload[2], payload[1]];
                let (width, height) = (
                    u16::from_le_bytes([size[0], size[1]]),
                    u16::from_le_bytes([size[2], size[3]]),
                );
                let _ = write!(text, "SOF{} {width}x{height}", marker - 0xC0);
                for part in payload[6..].chunks_exact(3) {
                    let _ = write!(
                        text,
                        ", {}: {}x{} Tq {}",
                        part[0],
                        part[1] >> 4,
                        part[1] & 15,
                        part[2]
                    );
                }
                writeln!(text)
            }
            0xDA => {
                let count = usize::from(payload[0]);
                let _ = write!(text, "SOS");
                for part in payload[1..=2 * count].chunks_exact(2) {
                    let _ = write!(
                        text,
                        " {} (Td {} Ta {})",
                        part[0],
                        part[1] >> 4,
                        part[1] & 15
                    );
                }
                let rest = &payload[1 + 2 * count..];
                let (ss, se, ah, al) = (rest[0], rest[1], rest[2] >> 4, rest[2] & 15);
                writeln!(text, " Ss..Se {ss}..{se} Ah {ah} Al {al}")
            }
            0xE0..=0xEF => {
                let name: String = payload
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric())
                    .map(|&byte| char::from(byte))
                    .collect();
                writeln!(text, "APP{} {name}, {} bytes", marker - 0xE0, payload.len())
            }
            other => writeln!(text, "FF{other:02X}, {} bytes", payload.len()),
        };
        at += 2 + len;
    }
    assert_eq!(
        &file[file.len() - 2..],
        [0xFF, 0xD9],
        "the file ends with EOI"
    );
    text
}

fn written(name: &str, process: Process, scans: Scans, metadata: Metadata) -> String {
    let options = TranscodeOptions {
        process: Some(process),
        scans,
        metadata,
        ..TranscodeOptions::default()
    };
    let made = transcode(&fixture(name), &options, &Unwatched).expect(name);
    structure(&made.bytes)
}

#[test]
fn scripts_are_as_reviewed() {
    use {
        Metadata::{All, Essential},
        Process::{Baseline, Progressive},
        Scans::{Smallest, Standard},
    };
    let cases = [
        ("exif_orient_6", Progressive, Standard, All),
        ("exif_orient_6", Progressive, Smallest, Essential),
        ("exif_orient_6", Baseline, Standard, All),
        ("gray_samp22", Progressive, Standard, All),
        ("q1_16bit_qt", Baseline, Standard, All),
        // Eighteen blocks in an MCU: no scan has all components.
        ("samp_4x4_noninter", Progressive, Standard, All),
        ("samp_4x4_noninter", Baseline, Standard, All),
        ("ycck_adobe", Progressive, Standard, All),
    ];
    let mut all = String::new();
    for (name, process, scans, metadata) in cases {
        let text = written(name, process, scans, metadata);
        let _ = writeln!(all, "# {name} {process:?} {scans:?} {metadata:?}\n{text}");
    }
    insta::assert_snapshot!(all);
}

/// Stops after some calls.
struct After(std::sync::atomic::AtomicUsize);

impl Watch for After {
    fn check(&self) -> Result<(), Stopped> {
        let left = self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        if left == 0 {
            Err(Stopped::Deadline)
        } else {
            Ok(())
        }
    }
}

#[test]
fn the_watch_is_asked_for_every_row_of_blocks() {
    for name in ["q100_420_noise", "progressive_rst"] {
        let source = fixture(name);
        for calls in 0..200 {
            let watch = After(calls.into());
            let result = transcode(&source, &TranscodeOptions::default(), &watch);
            assert!(result.is_err(), "{name} ended within {calls} calls");
        }
    }
}
