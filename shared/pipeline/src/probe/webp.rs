//! The chunks of a WebP: its canvas, its first image, and what goes along with it.
//!
//! Source: RFC 9649, sections 2.5 (VP8), 2.6 (VP8L) and 2.7 (VP8X); RFC 6386, 9.1.

use codec_jpeg::exif;
use raster::Size;

use super::info::{SourceInfo, plain};
use crate::error::Fault;
use crate::format::Format;

/// The flag of VP8X for pixels with alpha.
const ALPHA: u8 = 0x10;
/// The flag of VP8X for an animation.
const ANIMATION: u8 = 0x02;

pub(super) fn read(bytes: &[u8]) -> Result<SourceInfo, Fault> {
    let container = Container::read(bytes)?;
    Ok(SourceInfo {
        frames: container.frames,
        orientation: container.exif.map_or(1, exif::orientation),
        has_alpha: container.has_alpha,
        ..plain(Format::WebP, container.size, 8)
    })
}

/// What a file holds. Its first chunk says which kind of file it is, and what that kind has no place for is not looked at.
pub(crate) struct Container<'a> {
    /// The canvas.
    pub(crate) size: Size,
    pub(crate) frames: u32,
    has_alpha: bool,
    /// False for a file of a single chunk.
    is_extended: bool,
    image: Image<'a>,
    pub(crate) icc: Option<&'a [u8]>,
    /// EXIF, without an `Exif\0\0` before it.
    pub(crate) exif: Option<&'a [u8]>,
    pub(crate) xmp: Option<&'a [u8]>,
}

/// The only image of a still, or the first of an animation.
#[derive(Clone, Copy)]
struct Image<'a> {
    /// What stands before the chunks of a frame: its place and how long it shows. Empty for a still.
    frame: &'a [u8],
    /// The data of ALPH, which is alpha of a lossy image.
    alpha: Option<&'a [u8]>,
    /// `VP8 ` or `VP8L`.
    name: &'a [u8; 4],
    data: &'a [u8],
    /// What its own header says.
    size: Size,
}

impl<'a> Container<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let wrong = |reason: &str| Fault::broken(Format::WebP, reason);
        let mut chunks = Chunks(bytes.get(12..).unwrap_or_default());
        let Some((b"VP8X", header)) = chunks.clone().next() else {
            let image = Image::find(chunks.take(1)).ok_or_else(|| wrong("it holds no image"))?;
            return Ok(Self {
                size: image.size,
                frames: 1,
                has_alpha: image.has_alpha(),
                is_extended: false,
                image,
                icc: None,
                exif: None,
                xmp: None,
            });
        };
        chunks.next();
        let &[flags, _, _, _, w0, w1, w2, h0, h1, h2, ..] = header else {
            return Err(wrong("its header is cut short"));
        };
        let size = Size::new(side(w0, w1, w2), side(h0, h1, h2));
        let named = |name: &[u8; 4]| {
            let found = chunks.clone().find(|chunk| chunk.0 == name);
            found.map(|chunk| chunk.1)
        };
        let (frames, image) = if flags & ANIMATION == 0 {
            (1, Image::find(chunks.clone()))
        } else {
            let frames = chunks.clone().filter(|chunk| chunk.0 == b"ANMF");
            (
                frames.count() as u32,
                named(b"ANMF").and_then(Image::of_frame),
            )
        };
        let image = image.ok_or_else(|| wrong("it holds no image"))?;
        let has_alpha = flags & ALPHA != 0 || image.has_alpha();
        image.check(size)?;
        Ok(Self {
            size,
            frames,
            has_alpha,
            is_extended: true,
            image,
            icc: named(b"ICCP"),
            exif: named(b"EXIF").map(exif::tiff),
            xmp: named(b"XMP "),
        })
    }

    /// A file of the canvas and the first image alone.
    pub(crate) fn first_image(&self) -> Vec<u8> {
        let Image {
            frame,
            alpha,
            name,
            data,
            ..
        } = self.image;
        let mut image = Vec::new();
        if let Some(alpha) = alpha {
            write(*b"ALPH", &[alpha], &mut image);
        }
        write(*name, &[data], &mut image);
        let mut chunks = b"WEBP".to_vec();
        if self.is_extended {
            let animated = if frame.is_empty() { 0 } else { ANIMATION };
            // A lossy image without alpha is opaque, whatever the flags say: the decoder would miss its alpha.
            let alpha = match animated {
                0 => self.image.has_alpha(),
                _ => self.has_alpha,
            };
            let flags = animated | if alpha { ALPHA } else { 0 };
            let [width, height] = [self.size.width, self.size.height].map(|side| side - 1);
            let [w0, w1, w2, _] = width.to_le_bytes();
            let [h0, h1, h2, _] = height.to_le_bytes();
            let header = [flags, 0, 0, 0, w0, w1, w2, h0, h1, h2];
            write(*b"VP8X", &[&header], &mut chunks);
        }
        if frame.is_empty() {
            chunks.extend(image);
        } else {
            write(*b"ANIM", &[&[0; 6]], &mut chunks);
            write(*b"ANMF", &[frame, &image], &mut chunks);
        }
        let mut file = Vec::new();
        write(*b"RIFF", &[&chunks], &mut file);
        file
    }

    /// Bytes of memory at most that the first image takes to decode, with its pixels: for each pixel of the canvas 4 in
    /// the result and, of an animation, 4 on the canvas; for each pixel of the image what its kind takes; the chunks
    /// once more; and the Huffman tables of lossless data.
    pub(crate) fn memory(&self) -> u64 {
        let Image {
            frame,
            alpha,
            name,
            data,
            size,
        } = self.image;
        let of_canvas = if frame.is_empty() { 4 } else { 8 };
        let is_lossless = name == b"VP8L";
        let (of_image, lossless) = if is_lossless {
            // Pixels and transforms.
            (5 * size.pixels(), data)
        } else {
            // Three planes of whole macroblocks, what is known of each block, and colors; alpha as pixels and alone.
            let side = |pixels: u32| u64::from(pixels.next_multiple_of(16));
            let of_pixel = if alpha.is_some() { 11 } else { 6 };
            (
                side(size.width) * side(size.height) * of_pixel,
                alpha.unwrap_or_default(),
            )
        };
        self.size.pixels() * of_canvas
            + of_image
            + (alpha.map_or(0, <[u8]>::len) + data.len()) as u64
            + huffman_memory(size, lossless.len() as u64)
    }
}

/// Bytes at most of the tables of Huffman codes: five codes for each group, of which the largest takes 4,200 bytes in the
/// decoder and 12 in the file; one group for 16 pixels at most, and as many as 16 bits can number.
fn huffman_memory(size: Size, bytes: u64) -> u64 {
    const GROUP: u64 = 5 * 4200;
    let groups = (bytes / 60 + 1).min(size.pixels() / 16 + 1).min(1 << 16);
    groups * GROUP
}

impl<'a> Image<'a> {
    /// The first image among these chunks.
    fn find(chunks: impl Iterator<Item = (&'a [u8; 4], &'a [u8])>) -> Option<Self> {
        let mut alpha = None;
        for (name, data) in chunks {
            let size = match (name, data) {
                (b"ALPH", data) => {
                    alpha = alpha.or(Some(data));
                    continue;
                }
                (b"VP8 ", &[_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..]) => {
                    let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3FFF);
                    Size::new(side([w0, w1]), side([h0, h1]))
                }
                (b"VP8L", &[0x2F, b0, b1, b2, b3, ..]) => {
                    // It has its own alpha.
                    alpha = None;
                    let bits = u32::from_le_bytes([b0, b1, b2, b3]);
                    Size::new((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
                }
                (b"VP8 " | b"VP8L", _) => return None,
                _ => continue,
            };
            return Some(Self {
                frame: &[],
                alpha,
                name,
                data,
                size,
            });
        }
        None
    }

    /// The image in the data of an ANMF chunk.
    fn of_frame(data: &'a [u8]) -> Option<Self> {
        let (frame, chunks) = data.split_at_checked(16)?;
        let image = Self::find(Chunks(chunks))?;
        Some(Self { frame, ..image })
    }

    fn has_alpha(&self) -> bool {
        // The bit after two sides of 14 bits.
        self.alpha.is_some() || self.name == b"VP8L" && self.data[4] & 0x10 != 0
    }

    /// Refuses an image that is not what the canvas, or its frame, says: the decoder makes its pixels before it looks.
    fn check(&self, canvas: Size) -> Result<(), Fault> {
        let reason = match *self.frame {
            [x0, x1, x2, y0, y1, y2, w0, w1, w2, h0, h1, h2, ..] => {
                let size = Size::new(side(w0, w1, w2), side(h0, h1, h2));
                // Places are stored as halves.
                let [left, top] =
                    [[x0, x1, x2], [y0, y1, y2]].map(|[a, b, c]| (side(a, b, c) - 1) * 2);
                if left + size.width > canvas.width || top + size.height > canvas.height {
                    format!(
                        "its first frame is {size} px at {left},{top} of a canvas of {canvas} px"
                    )
                } else if size != self.size {
                    format!(
                        "its first image is {} px in a frame of {size} px",
                        self.size
                    )
                } else {
                    return Ok(());
                }
            }
            _ if self.size != canvas => {
                format!("its image is {} px on a canvas of {canvas} px", self.size)
            }
            _ => return Ok(()),
        };
        Err(Fault::broken(Format::WebP, reason))
    }
}

/// A side, stored less 1 in three bytes.
fn side(a: u8, b: u8, c: u8) -> u32 {
    u32::from_le_bytes([a, b, c, 0]) + 1
}

/// Writes a chunk.
fn write(name: [u8; 4], parts: &[&[u8]], out: &mut Vec<u8>) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.extend(name);
    // A part of a file whose length fits.
    out.extend((len as u32).to_le_bytes());
    for part in parts {
        out.extend(*part);
    }
    out.resize(out.len() + len % 2, 0);
}

/// Names and data of RIFF chunks. The last may be cut short: its first bytes are what is looked at.
#[derive(Clone)]
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let data = rest.get(..len).unwrap_or(rest);
        self.0 = rest.get(len.saturating_add(len & 1)..).unwrap_or_default();
        Some((name, data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut all = b"WEBP".to_vec();
        for (name, data) in chunks {
            write(**name, &[data], &mut all);
        }
        let mut file = Vec::new();
        write(*b"RIFF", &[&all], &mut file);
        file
    }

    /// VP8X of a canvas.
    fn canvas(flags: u8, width: u8, height: u8) -> [u8; 10] {
        [flags, 0, 0, 0, width - 1, 0, 0, height - 1, 0, 0]
    }

    /// The header of VP8L: 16383x16383, the most there is, or 8x8; with the bit of alpha.
    const HUGE: &[u8] = &[0x2F, 0xFE, 0xBF, 0xFF, 0x1F, 0, 0, 0];
    const SMALL: &[u8] = &[0x2F, 7, 0xC0, 1, 0x10, 0, 0, 0];
    /// The header of VP8: 16383x16383.
    const HUGE_LOSSY: &[u8] = &[0, 0, 0, 0x9D, 1, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F];

    #[track_caller]
    fn refuses(chunks: &[(&[u8; 4], &[u8])], reason: &str) {
        let found = read(&file(chunks)).map_err(|fault| fault.to_string());
        assert_eq!(found, Err(format!("not a readable WEBP: {reason}")));
    }

    #[test]
    fn the_first_chunk_says_what_counts() {
        // "Of 8x8", says a header in a place where none belongs.
        let info = read(&file(&[(b"VP8L", HUGE), (b"VP8X", &canvas(0, 8, 8))]));
        assert_eq!(info.expect("a simple file").size, Size::new(16383, 16383));
        let info = read(&file(&[(b"VP8L", SMALL), (b"VP8 ", HUGE_LOSSY)]));
        let info = info.expect("a simple file");
        assert_eq!((info.size, info.has_alpha), (Size::new(8, 8), true));
    }

    #[test]
    fn an_image_is_what_its_canvas_says() {
        for (name, data) in [(b"VP8L", HUGE), (b"VP8 ", HUGE_LOSSY)] {
            refuses(
                &[(b"VP8X", &canvas(0, 8, 8)), (name, data)],
                "its image is 16383x16383 px on a canvas of 8x8 px",
            );
            let mut frame = vec![0, 0, 0, 0, 0, 0, 7, 0, 0, 7, 0, 0, 0, 0, 0, 0];
            write(*name, &[data], &mut frame);
            refuses(
                &[(b"VP8X", &canvas(ANIMATION, 8, 8)), (b"ANMF", &frame)],
                "its first image is 16383x16383 px in a frame of 8x8 px",
            );
        }
        let mut frame = vec![1, 0, 0, 0, 0, 0, 7, 0, 0, 7, 0, 0, 0, 0, 0, 0];
        write(*b"VP8L", &[SMALL], &mut frame);
        refuses(
            &[(b"VP8X", &canvas(ANIMATION, 8, 8)), (b"ANMF", &frame)],
            "its first frame is 8x8 px at 2,0 of a canvas of 8x8 px",
        );
        for empty in [&[][..], &[(b"EXIF", SMALL)]] {
            let header = (b"VP8X", &canvas(0, 8, 8)[..]);
            refuses(&[&[header], empty].concat(), "it holds no image");
        }
    }

    #[test]
    fn the_decoder_sees_nothing_else() {
        let source = file(&[
            (b"VP8X", &canvas(0x2C, 8, 8)),
            (b"EXIF", b"Exif\0\0MM"),
            (b"VP8L", SMALL),
            (b"VP8L", HUGE),
            (b"VP8 ", HUGE_LOSSY),
        ]);
        let container = Container::read(&source).expect("an image");
        assert_eq!((container.exif, container.xmp), (Some(&b"MM"[..]), None));
        let expected = file(&[(b"VP8X", &canvas(ALPHA, 8, 8)), (b"VP8L", SMALL)]);
        assert!(container.first_image() == expected);
    }
}
