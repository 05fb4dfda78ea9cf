//! Any bytes: nothing panics, and what is written holds the coefficients of the source.
#![no_main]

use codec_jpeg::{
    Damage, Header, Limits, Metadata, Process, Scans, Simd, TranscodeOptions, read_header,
    transcode,
};
use libfuzzer_sys::fuzz_target;
use raster::Unwatched;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Without leniency: what is missing or contradicts itself is an error, and not gray.
fn pixels(bytes: &[u8]) -> Option<Vec<u8>> {
    let options = DecoderOptions::default().set_strict_mode(true);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
        .decode()
        .ok()
}

fn pixels_by_jpeg_decoder(bytes: &[u8]) -> Option<Vec<u8>> {
    jpeg_decoder::Decoder::new(bytes).decode().ok()
}

/// True where a sequential picture comes in several scans, which zune-jpeg 0.5.15 shows otherwise than libjpeg does.
fn in_parts(source: &[u8], header: &Header) -> bool {
    let mut at = 2;
    while let Some(&[fill, marker, high, low]) = source.get(at..at + 4) {
        match (fill, marker) {
            (0xFF, 0xDA) => {
                let first = source.get(at + 4).map_or(0, |count| usize::from(*count));
                return header.process == Process::Baseline && first < header.components.len();
            }
            (0xFF, 0x02..=0xFE) => at += 2 + usize::from(u16::from_be_bytes([high, low])),
            _ => at += 1,
        }
    }
    true
}

/// zune-jpeg 0.5.15 and jpeg-decoder 0.3.2 show pictures of unusual sampling otherwise than libjpeg does.
fn usual(header: &Header) -> bool {
    match &header.components[..] {
        [_] => true,
        [luma, rest @ ..] => {
            let chroma = rest.iter().all(|c| (c.horizontal, c.vertical) == (1, 1));
            chroma && rest.len() == 2 && luma.horizontal <= 2 && luma.vertical <= 2
        }
        [] => false,
    }
}

fuzz_target!(|source: &[u8]| {
    let _ = read_header(source);
    for damage in [Damage::Refuse, Damage::Keep] {
        let base = TranscodeOptions {
            damage,
            limits: Limits {
                max_pixels: 1 << 16,
                max_scans: 40,
                ..Limits::default()
            },
            ..TranscodeOptions::default()
        };
        let run = |bytes: &[u8], change: fn(&mut TranscodeOptions)| {
            let mut options = base.clone();
            change(&mut options);
            transcode(bytes, &options, &Unwatched)
        };
        let Ok(smallest) = run(source, |_| ()) else {
            assert!(run(source, |o| o.simd = Simd::Portable).is_err());
            continue;
        };
        let standard = run(source, |o| o.scans = Scans::Standard).expect("the source is readable");
        let baseline = run(source, |o| o.process = Some(Process::Baseline)).expect("readable");
        assert!(smallest.bytes.len() <= standard.bytes.len());
        let portable =
            run(source, |o| (o.simd, o.threads) = (Simd::Portable, 2)).expect("readable");
        assert!(portable == smallest);
        let strip = run(source, |o| o.metadata = Metadata::Essential).expect("readable");
        assert!(strip.bytes.len() <= smallest.bytes.len() + 64);

        // Read back, without leniency, all have one standard form by way of a baseline one: the coefficients are the
        // same. (The other process is always written anew; the same one may be the source's bytes.)
        let back = |bytes: &[u8]| {
            let mut options = base.clone();
            (options.damage, options.scans) = (Damage::Refuse, Scans::Standard);
            options.process = Some(Process::Baseline);
            let baseline = transcode(bytes, &options, &Unwatched)?;
            options.process = Some(Process::Progressive);
            transcode(&baseline.bytes, &options, &Unwatched).map(|made| made.bytes)
        };
        let expected = back(&baseline.bytes).expect("we wrote it");
        assert!(back(&smallest.bytes).expect("we wrote it") == expected);
        assert!(back(&standard.bytes).expect("we wrote it") == expected);

        // Of the same process, since zune-jpeg's two ways differ where coefficients are larger than a picture has.
        let from = read_header(source);
        if damage == Damage::Refuse
            && let Ok(from) = from
            && usual(&from)
            && !in_parts(source, &from)
            && let Some(before) = pixels(source)
        {
            let same = match from.process {
                Process::Baseline => &baseline.bytes,
                Process::Progressive => &standard.bytes,
            };
            assert!(pixels(same) == Some(before), "zune-jpeg shows other pixels");
        }
        let header = read_header(&expected).expect("we wrote it");
        if usual(&header)
            && let Some(before) = pixels_by_jpeg_decoder(&baseline.bytes)
        {
            let progressive = pixels_by_jpeg_decoder(&expected);
            assert!(
                progressive == Some(before),
                "jpeg-decoder shows other pixels"
            );
        }
    }
});
