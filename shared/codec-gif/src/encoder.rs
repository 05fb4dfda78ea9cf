//! The whole encoder: frames in, stage after stage, images out.

use std::io::Write;

use raster::{Layout, Size, Watch};

use crate::block;
use crate::error::Error;
use crate::options::{GifFrame, Options};
use crate::schedule;

/// What [`encode`] has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The canvas.
    pub canvas: Size,
    /// Images in the file.
    pub frames: usize,
    /// Bytes written.
    pub bytes: u64,
}

/// Encodes `frames` as one endlessly looping GIF89a file, written to `out` frame by frame as they are done.
///
/// - Input: straight-alpha sRGB, every frame the size of the first. Alpha of 64 and above is opaque, and what is
///   not quite opaque is mixed with white.
/// - Output: exactly one image for each frame asked for; the same bytes for the same input, preset and version
///   on every machine and for any number of threads.
/// - Memory: every frame but the first is let go of as soon as it is done. Beside them two canvases of 4 bytes a
///   pixel; for each thread one byte a pixel (five if its frame has alpha), two encoded images, and 5 MiB, or up to
///   13 MiB where a frame has hundreds of thousands of colors.
/// - `out` is flushed after each image, so that it can be shown while the next is made.
///
/// # Errors
///
/// Every error on the input comes before the first byte is written. After that only [`Error::Stopped`]
/// and [`Error::Output`] can come.
///
/// Source: GIF89a; the loop is Netscape's application extension.
pub fn encode(
    frames: Vec<GifFrame>,
    options: &Options,
    watch: &dyn Watch,
    out: &mut dyn Write,
) -> Result<Report, Error> {
    let canvas = check(&frames)?;
    let mut counted = Counted { out, bytes: 0 };
    let count = frames.len();
    schedule::run(frames, options, watch, &mut |global, image| {
        if let Some(global) = global {
            block::write_header(canvas, global, &mut counted)?;
        }
        block::write_image(&image, &mut counted)?;
        // Whoever reads at the other end shows this image while the next is made.
        counted.flush()
    })?;
    block::write_trailer(&mut counted).map_err(Error::Output)?;
    Ok(Report {
        canvas,
        frames: count,
        bytes: counted.bytes,
    })
}

/// The canvas, if all frames fit it.
fn check(frames: &[GifFrame]) -> Result<Size, Error> {
    let canvas = frames.first().ok_or(Error::NoFrames)?.frame.size();
    if canvas.width > 0xFFFF || canvas.height > 0xFFFF {
        return Err(Error::CanvasTooLarge(canvas));
    }
    for (index, GifFrame { frame, .. }) in frames.iter().enumerate() {
        if frame.size() != canvas {
            let found = frame.size();
            return Err(Error::FrameSize {
                index,
                found,
                canvas,
            });
        }
        if frame.layout() == Layout::Gray {
            let found = frame.layout();
            return Err(Error::FrameLayout { index, found });
        }
    }
    Ok(canvas)
}

/// Red, green, blue, and 255 where anything is shown, of every pixel.
#[cfg(any(test, fuzzing))]
pub type Canvas = Vec<[u8; 4]>;

/// The whole file, and the canvas that every frame of it is meant to show: what an independent decoder must find in it.
///
/// # Errors
///
/// Those of [`encode`].
#[cfg(any(test, fuzzing))]
pub fn encode_and_mean(
    frames: &[GifFrame],
    options: &Options,
) -> Result<(Vec<u8>, Vec<Canvas>), Error> {
    let canvas = check(frames)?;
    let (mut out, meant) = (Vec::new(), schedule::Meant::default());
    schedule::run_and_mean(
        frames.to_vec(),
        options,
        &raster::Unwatched,
        &meant,
        &mut |global, image| {
            if let Some(global) = global {
                block::write_header(canvas, global, &mut out)?;
            }
            block::write_image(&image, &mut out)
        },
    )?;
    block::write_trailer(&mut out).map_err(Error::Output)?;
    let meant = meant.0.into_inner().expect("no worker panicked");
    Ok((out, meant.into_values().collect()))
}

struct Counted<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use raster::{Frame, Simd, Stopped, Unwatched};

    use super::*;
    use crate::options::{Centiseconds, Preset};

    /// Pixels of one kind of picture, changing slowly from frame to frame.
    fn picture(kind: u8, size: Size, layout: Layout, seed: u32, index: u32) -> Frame {
        let mut state = seed | 1;
        let mut pixels = Vec::new();
        for y in 0..size.height {
            for x in 0..size.width {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = state >> 24;
                let moved = x + index * (seed % 3);
                let [r, g, b] = match (kind & 7) % 5 {
                    0 => [noise, state >> 16 & 255, state >> 8 & 255],
                    1 => [moved * 5, y * 3, (moved + y) * 2],
                    2 => [moved / 3 % 4 * 60, y / 4 % 5 * 50, 90],
                    3 => [moved * 4 + noise % 8, y * 4 + noise % 5, 128 + noise % 3],
                    _ => [seed & 255, 10, 200],
                }
                .map(|value| value as u8);
                pixels.extend([r, g, b]);
                if layout == Layout::Rgba {
                    let inside =
                        (x.abs_diff(index * 2 + 4)).pow(2) + y.abs_diff(6).pow(2) < 30 + seed % 50;
                    pixels.push(if kind & 8 == 0 || inside {
                        128 + (noise >> 1) as u8
                    } else {
                        noise as u8 >> 1
                    });
                }
            }
        }
        Frame::new(size, layout, pixels).expect("as many bytes as the size asks for")
    }

    /// Every frame as an independent decoder composes it.
    fn shown(bytes: &[u8]) -> Vec<(u16, Vec<[u8; 4]>)> {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        options.check_frame_consistency(true);
        let mut decoder = options.read_info(bytes).expect("a header");
        assert_eq!(decoder.repeat(), gif::Repeat::Infinite);
        let (width, height) = (decoder.width() as usize, decoder.height() as usize);
        let mut canvas = vec![[0; 4]; width * height];
        let mut all = Vec::new();
        while let Some(frame) = decoder.read_next_frame().expect("a whole file") {
            let (left, top) = (frame.left as usize, frame.top as usize);
            let (w, h) = (frame.width as usize, frame.height as usize);
            for (i, &pixel) in frame.buffer.as_chunks::<4>().0.iter().enumerate() {
                if pixel[3] != 0 {
                    canvas[(top + i / w) * width + left + i % w] = pixel;
                }
            }
            all.push((frame.delay, canvas.clone()));
            match frame.dispose {
                gif::DisposalMethod::Keep => {}
                gif::DisposalMethod::Background => {
                    // Without one, libnsgif, FFmpeg and Pillow paint the background color.
                    assert!(frame.transparent.is_some(), "no transparent index");
                    for y in top..top + h {
                        canvas[y * width + left..][..w].fill([0; 4]);
                    }
                }
                other => panic!("{other:?} is not used"),
            }
        }
        all
    }

    fn frames(kinds: &[u8], size: Size, alpha: bool, seed: u32) -> Vec<GifFrame> {
        kinds
            .iter()
            .enumerate()
            .map(|(index, &kind)| {
                let layout = if alpha && kind & 16 == 0 {
                    Layout::Rgba
                } else {
                    Layout::Rgb
                };
                let frame = Arc::new(picture(kind, size, layout, seed, index as u32));
                GifFrame {
                    frame,
                    delay: Centiseconds(index as u16),
                }
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn what_was_meant_is_what_is_read(
            kinds in proptest::collection::vec(0..32u8, 1..6),
            width in 1..70u32,
            height in 1..40u32,
            alpha in any::<bool>(),
            small in any::<bool>(),
            seed in any::<u32>(),
        ) {
            let frames = frames(&kinds, Size::new(width, height), alpha, seed);
            let preset = if small { Preset::Small } else { Preset::Quality };
            let options = Options { preset, ..Options::default() };
            let (bytes, meant) = encode_and_mean(&frames, &options).expect("frames that fit");
            let read = shown(&bytes);
            prop_assert_eq!(read.len(), frames.len());
            for (index, ((delay, read), meant)) in read.iter().zip(&meant).enumerate() {
                prop_assert_eq!(*delay, index as u16);
                prop_assert!(read == meant, "frame {}", index);
                // What is visible is what was visible in the source.
                let source = &frames[index].frame;
                let visible = source.pixels().chunks_exact(source.layout().channels());
                for (pixel, read) in visible.zip(read) {
                    prop_assert_eq!(pixel.get(3).is_none_or(|&a| a >= 64), read[3] == 255);
                }
            }
            for threads in [2, 3, 8] {
                let mut other = Vec::new();
                encode(frames.clone(), &Options { threads, ..options }, &Unwatched, &mut other).expect("the same frames");
                prop_assert!(other == bytes, "{} threads", threads);
            }
            let mut other = Vec::new();
            encode(frames, &Options { simd: Simd::Portable, ..options }, &Unwatched, &mut other).expect("the same frames");
            prop_assert!(other == bytes, "plain code");
        }
    }

    #[test]
    fn few_colors_come_back_exactly() {
        for alpha in [false, true] {
            let mut frames = frames(&[2, 2, 10, 10, 4], Size::new(61, 47), alpha, 5);
            for GifFrame { frame, .. } in frames.iter_mut().filter(|_| alpha) {
                for pixel in Arc::make_mut(frame).pixels_mut().chunks_exact_mut(4) {
                    pixel[3] = if pixel[3] < 128 { 0 } else { 255 };
                }
            }
            let (bytes, _) =
                encode_and_mean(&frames, &Options::default()).expect("frames that fit");
            for ((_, read), GifFrame { frame, .. }) in shown(&bytes).iter().zip(&frames) {
                let source = frame.pixels().chunks_exact(frame.layout().channels());
                for (pixel, read) in source.zip(read).filter(|(_, read)| read[3] == 255) {
                    assert_eq!(pixel[..3], read[..3]);
                }
            }
        }
    }

    fn animation(
        size: Size,
        layout: Layout,
        colors: &[&dyn Fn(u32, u32) -> [u8; 4]],
    ) -> Vec<GifFrame> {
        let frame = |color: &&dyn Fn(u32, u32) -> [u8; 4]| {
            let rows = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
            let pixels = rows.flat_map(|(x, y)| color(x, y)[..layout.channels()].to_vec());
            let frame = Frame::new(size, layout, pixels.collect());
            GifFrame {
                frame: Arc::new(frame.expect("as many bytes as the size asks for")),
                delay: Centiseconds(5),
            }
        };
        colors.iter().map(frame).collect()
    }

    #[track_caller]
    fn comes_back_exactly(frames: &[GifFrame]) {
        for preset in [Preset::Quality, Preset::Small] {
            let options = Options {
                preset,
                ..Options::default()
            };
            let (bytes, _) = encode_and_mean(frames, &options).expect("frames that fit");
            for (index, ((_, read), GifFrame { frame, .. })) in
                shown(&bytes).iter().zip(frames).enumerate()
            {
                let source = frame.pixels().chunks_exact(frame.layout().channels());
                assert!(
                    source
                        .zip(read)
                        .all(|(pixel, read)| pixel[..3] == read[..3]),
                    "frame {index}"
                );
            }
        }
    }

    #[test]
    fn two_hundred_and_fifty_six_colors_come_back_exactly() {
        let gray = |x, y| [(x + 16 * y) as u8; 4];
        let other = |x, y| [(x + 16 * y) as u8, 9, 99, 255];
        comes_back_exactly(&animation(
            Size::new(16, 16),
            Layout::Rgb,
            &[&gray, &other, &gray],
        ));
    }

    #[test]
    fn colors_of_a_mixed_table_come_back_exactly() {
        // The first frame has more colors than a table; the second draws a few of them over a part of it.
        let size = Size::new(64, 64);
        let many = |x, y| [(x * 4) as u8, (y * 4) as u8, 128, 255];
        let first = animation(size, Layout::Rgb, &[&many]);
        let (bytes, _) = encode_and_mean(&first, &Options::default()).expect("frames that fit");
        let table: Vec<[u8; 3]> = bytes[13..13 + 3 * 200].as_chunks::<3>().0.to_vec();
        let drawn = |x: u32, y: u32| match table[(7 * x + 11 * y) as usize % 200] {
            [r, g, b] if y < 30 => [r, g, b, 255],
            _ => many(x, y),
        };
        let frames = animation(size, Layout::Rgb, &[&many, &drawn]);
        let (bytes, _) = encode_and_mean(&frames, &Options::default()).expect("frames that fit");
        let shown = shown(&bytes);
        let source = frames[1].frame.pixels().as_chunks::<3>().0;
        assert!(
            source[..64 * 30]
                .iter()
                .zip(&shown[1].1)
                .all(|(pixel, read)| *pixel == read[..3])
        );
    }

    #[test]
    fn few_levels_of_gray_are_told_apart() {
        // More colors than a table, all of them gray or nearly: in bins of four levels they would be 64.
        let tinted = |x: u32, y: u32| {
            [
                (x + y) as u8,
                (x + y) as u8,
                ((x + y) as u8).max(1 + (y & 1) as u8),
                255,
            ]
        };
        let frames = animation(Size::new(256, 40), Layout::Rgb, &[&tinted]);
        let (bytes, _) = encode_and_mean(&frames, &Options::default()).expect("frames that fit");
        let read = &shown(&bytes)[0].1;
        let source = frames[0].frame.pixels().as_chunks::<3>().0;
        let errors = source
            .iter()
            .zip(read)
            .map(|(pixel, read)| u64::from(pixel[1].abs_diff(read[1])));
        let mean = errors.sum::<u64>() as f64 / source.len() as f64;
        assert!(mean < 0.8, "{mean} levels");
    }

    #[test]
    fn what_stands_still_is_drawn_again_as_it_was() {
        // A disc of many colors, in which a hole wanders: each frame is cleared before the next.
        let color = |hole: u32| {
            move |x: u32, y: u32| {
                let inside = x.abs_diff(32).pow(2) + y.abs_diff(32).pow(2) < 900;
                let gone = x.abs_diff(hole).pow(2) + y.abs_diff(32).pow(2) < 25;
                let noise = ((x * 37) ^ (y * 101)) % 23;
                [
                    (x * 4) as u8,
                    (y * 4) as u8,
                    (noise * 9) as u8,
                    255 * u8::from(inside && !gone),
                ]
            }
        };
        let (a, b, c) = (color(12), color(30), color(48));
        let frames = animation(Size::new(64, 64), Layout::Rgba, &[&a, &b, &c]);
        let (bytes, _) = encode_and_mean(&frames, &Options::default()).expect("frames that fit");
        for pair in shown(&bytes).windows(2) {
            let both = pair[0]
                .1
                .iter()
                .zip(&pair[1].1)
                .filter(|(a, b)| a[3] != 0 && b[3] != 0);
            assert!(both.clone().count() > 2000);
            assert!(
                both.clone().all(|(a, b)| a == b),
                "{}",
                both.filter(|(a, b)| a != b).count()
            );
        }
    }

    /// Remembers how much was written when it was flushed.
    #[derive(Default)]
    struct Flushed {
        bytes: Vec<u8>,
        flushes: Vec<usize>,
    }

    impl Write for Flushed {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.bytes.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            self.flushes.push(self.bytes.len());
            Ok(())
        }
    }

    #[test]
    fn every_image_is_sent_when_it_is_done() {
        for threads in [1, 3] {
            let frames = frames(&[0, 1, 3, 0, 1, 3, 3, 3], Size::new(30, 40), false, 3);
            let options = Options {
                threads,
                ..Options::default()
            };
            let mut out = Flushed::default();
            encode(frames.clone(), &options, &Unwatched, &mut out).expect("frames that fit");
            assert_eq!(out.flushes.len(), frames.len());
            for (index, &len) in out.flushes.iter().enumerate() {
                // What has been sent ends after an image; with a trailer it is a file of all images so far.
                let sent = [&out.bytes[..len], &[0x3B]].concat();
                assert_eq!(shown(&sent).len(), index + 1);
            }
        }
    }

    /// Lets this many rows pass.
    struct After(Mutex<u32>);

    impl Watch for After {
        fn check(&self) -> Result<(), Stopped> {
            let mut left = self.0.lock().expect("nobody panics with it");
            *left = left.checked_sub(1).ok_or(Stopped::Deadline)?;
            Ok(())
        }
    }

    #[test]
    fn stops_when_told_with_any_number_of_threads() {
        for threads in [1, 2, 4] {
            for rows in [0, 1, 30, 100, 200, 300] {
                let frames = frames(&[0, 1, 3, 0, 1, 3], Size::new(30, 40), false, 3);
                let watch = After(Mutex::new(rows));
                let stopped = encode(
                    frames,
                    &Options {
                        threads,
                        ..Options::default()
                    },
                    &watch,
                    &mut Vec::new(),
                );
                assert!(
                    matches!(stopped, Err(Error::Stopped(Stopped::Deadline))),
                    "{threads} {rows}: {stopped:?}"
                );
            }
        }
    }

    /// Takes this many bytes.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn tells_when_the_writer_fails() {
        for threads in [1, 2, 4] {
            for bytes in [0, 800, 3000, 6000] {
                let frames = frames(&[0, 1, 3, 0, 1, 3], Size::new(30, 40), false, 3);
                let options = Options {
                    threads,
                    ..Options::default()
                };
                let failed = encode(frames, &options, &Unwatched, &mut Full(bytes));
                assert!(
                    matches!(failed, Err(Error::Output(_))),
                    "{threads} {bytes}: {failed:?}"
                );
            }
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let frame = |width, height, layout: Layout| GifFrame {
            frame: Arc::new(
                Frame::new(
                    Size::new(width, height),
                    layout,
                    vec![0; (width * height) as usize * layout.channels()],
                )
                .expect("as many bytes as the size asks for"),
            ),
            delay: Centiseconds(1),
        };
        let refused = |frames| {
            let mut out = Vec::new();
            let error = encode(frames, &Options::default(), &Unwatched, &mut out)
                .expect_err("it does not fit");
            assert!(out.is_empty());
            error.to_string()
        };
        assert_eq!(refused(vec![]), "the animation has no frames");
        assert_eq!(
            refused(vec![frame(65536, 1, Layout::Rgb)]),
            "canvas is 65536x1 px; a GIF side is at most 65535 px"
        );
        assert_eq!(
            refused(vec![frame(2, 2, Layout::Rgb), frame(2, 1, Layout::Rgb)]),
            "frame 1 is 2x1 px; the canvas is 2x2 px"
        );
        assert_eq!(
            refused(vec![frame(2, 2, Layout::Gray)]),
            "frame 0 has layout Gray; Rgb and Rgba are taken"
        );
    }
}
