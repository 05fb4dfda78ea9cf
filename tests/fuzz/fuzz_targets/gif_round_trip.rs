//! Arbitrary frames and options in: an independent decoder reads back exactly the canvases that were meant, the
//! delays and the number of images, and the bytes depend neither on the number of threads nor on the processor's
//! instructions.
//!
//! Run it with `-detect_leaks=0`: a scoped thread may free its thread-locals after its scope has ended, which the
//! leak check takes for a leak.
#![no_main]

use std::sync::Arc;

use codec_gif::{Centiseconds, GifFrame, Options, Preset};
use libfuzzer_sys::fuzz_target;
use raster::{Frame, Layout, Simd, Size, Unwatched};

fuzz_target!(|data: &[u8]| {
    let [options, width, height, kinds @ ..] = data else { return };
    let size = Size::new(1 + *width as u32 % 96, 1 + *height as u32 % 64);
    let Some((count, mut rest)) = kinds.split_first() else { return };
    let mut frames: Vec<GifFrame> = Vec::new();
    for index in 0..1 + *count % 6 {
        let Some((&kind, data)) = rest.split_first() else { break };
        rest = data;
        let layout = if kind & 1 == 0 { Layout::Rgb } else { Layout::Rgba };
        let len = size.pixels() as usize * layout.channels();
        let before = frames.last().map(|last| &last.frame).filter(|last| last.layout() == layout);
        let mut pixels = match (kind >> 1 & 3, before) {
            // The frame before, for what follows to change.
            (0, Some(before)) => before.pixels().to_vec(),
            // A gradient: many colors.
            (1, _) => (0..len).map(|i| (i * (1 + kind as usize) >> 3) as u8).collect(),
            // Little of everything, often repeated.
            (2, _) if !rest.is_empty() => rest.iter().copied().cycle().take(len).collect(),
            _ => vec![kind; len],
        };
        let edits = if kind >> 3 == 0 { 0 } else { rest.len() / 2 };
        for (i, pair) in rest[..2 * edits].chunks_exact(2).enumerate() {
            let at = (i * 97 + pair[0] as usize * 131) % len;
            pixels[at] = pair[1];
        }
        rest = &rest[edits..];
        let frame = Arc::new(Frame::new(size, layout, pixels).expect("as many bytes as the size asks for"));
        frames.push(GifFrame { frame, delay: Centiseconds(u16::from(index) * 7) });
    }
    if frames.is_empty() {
        return;
    }
    let preset = if options & 1 == 0 { Preset::Quality } else { Preset::Small };
    let plain = Options { preset, ..Options::default() };
    let (bytes, meant) = codec_gif::encode_and_mean(&frames, &plain).expect("frames that fit");

    let mut reader = gif::DecodeOptions::new();
    reader.set_color_output(gif::ColorOutput::RGBA);
    reader.check_frame_consistency(true);
    let mut reader = reader.read_info(&bytes[..]).expect("a header");
    assert_eq!((reader.width() as u32, reader.height() as u32), (size.width, size.height));
    let width = size.width as usize;
    let mut canvas = vec![[0u8; 4]; size.pixels() as usize];
    let mut read = 0;
    while let Some(image) = reader.read_next_frame().expect("a whole file") {
        let place = |i: usize| {
            (image.top as usize + i / image.width as usize) * width + image.left as usize + i % image.width as usize
        };
        for (i, pixel) in image.buffer.chunks_exact(4).enumerate() {
            if pixel[3] != 0 {
                canvas[place(i)].copy_from_slice(pixel);
            }
        }
        assert!(canvas == meant[read], "frame {read}");
        assert_eq!(image.delay, frames[read].delay.0);
        if image.dispose == gif::DisposalMethod::Background {
            for i in 0..image.width as usize * image.height as usize {
                canvas[place(i)] = [0; 4];
            }
        }
        read += 1;
    }
    assert_eq!(read, frames.len());

    if options & 6 == 6 {
        let threads = 2 + (*options >> 3) as usize % 3;
        let mut other = Vec::new();
        codec_gif::encode(frames, &Options { threads, simd: Simd::Portable, ..plain }, &Unwatched, &mut other).expect("the same frames");
        assert!(other == bytes, "{threads} threads");
    }
});
