//! The average color of a picture, as `ImageInfo/Ave` tells it.

use raster::{Frame, Layout, Stopped, Watch};

use crate::color::ColorSpace;
use crate::error::Error;
use crate::limits::Limits;
use crate::picture::Source;
use crate::still::{decoded, plan_decoding};

/// The mean of all pixels, red, green and blue, in sRGB values; transparent pixels count for as much as they show
/// over white.
///
/// Cost: one decode.
///
/// # Errors
///
/// [`Error::Source`] for what is over the limits or cannot be decoded, [`Error::Stopped`] if `watch` says so.
pub fn average_color(
    bytes: &bytes::Bytes,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<[u8; 3], Error> {
    let object = |fault| Error::Source { index: 0, fault };
    let info = limits.accept(bytes).map_err(object)?;
    let mut source = Source::new(0, bytes.clone(), info);
    plan_decoding(&mut source, ColorSpace::Srgb, limits)?;
    watch.check()?;
    let frame = decoded(&source, ColorSpace::Srgb, limits, watch)?.frame;
    Ok(average(&frame, watch)?)
}

/// What `imageAve` answers of a picture in sRGB.
pub(crate) fn document(frame: &Frame, watch: &dyn Watch) -> Result<String, Stopped> {
    let [r, g, b] = average(frame, watch)?;
    Ok(format!("{{\"RGB\": \"0x{r:02x}{g:02x}{b:02x}\"}}"))
}

/// The mean of all pixels, transparent ones over white.
fn average(frame: &Frame, watch: &dyn Watch) -> Result<[u8; 3], Stopped> {
    let (layout, width) = (frame.layout(), frame.size().width as usize);
    let channels = layout.channels();
    let mut sums = [0_u64; 3];
    for row in frame.pixels().chunks_exact(width * channels) {
        watch.check()?;
        for pixel in row.chunks_exact(channels) {
            let rgb = match layout {
                Layout::Gray => [pixel[0]; 3],
                Layout::Rgb => [pixel[0], pixel[1], pixel[2]],
                Layout::Rgba => {
                    let alpha = u32::from(pixel[3]);
                    [0, 1, 2]
                        .map(|c| ((u32::from(pixel[c]) * alpha + 255 * (255 - alpha)) / 255) as u8)
                }
            };
            for (sum, value) in sums.iter_mut().zip(rgb) {
                *sum += u64::from(value);
            }
        }
    }
    let count = frame.size().pixels();
    Ok(sums.map(|sum| ((sum + count / 2) / count) as u8))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use raster::{Size, Unwatched};

    use super::*;

    #[test]
    fn is_the_mean_of_all_pixels() {
        let pixels = vec![200, 0, 10, 255, 0, 100, 30, 0];
        let frame = Frame::new(Size::new(2, 1), Layout::Rgba, pixels).expect("two pixels");
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 2, 1);
        encoder.set_color(png::ColorType::Rgba);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(frame.pixels()).expect("two pixels");
        writer.finish().expect("the end");
        let average = average_color(&file.into(), &Limits::default(), &Unwatched);
        // The second pixel is transparent, hence white.
        assert_eq!(average.expect("a picture"), [228, 128, 133]);
    }

    /// Counts how often the work asks whether it is to stop.
    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Watch for Counted {
        fn check(&self) -> Result<(), Stopped> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    /// Of 144 million pixels the mean takes half a minute where nothing is optimized, past every deadline.
    #[test]
    fn every_row_asks_whether_to_stop() {
        let frame = Frame::new(Size::new(1, 500), Layout::Gray, vec![7; 500]).expect("500 pixels");
        let watch = Counted::default();
        assert_eq!(average(&frame, &watch), Ok([7; 3]));
        assert_eq!(watch.0.into_inner(), 500);
    }
}
