//! The stages of the encoder one by one, for `benches/stages.rs`. Not part of the interface: the
//! feature `stages` has it, which nothing else names.

use raster::{Frame, Kernel, Simd, Unwatched};

use crate::difference::{Difference, mark};
use crate::dither::{Mapper, Row};
use crate::error::Error;
use crate::histogram::{Bin, Histogram};
use crate::image_colors::Colors;
use crate::lzw::Lzw;
use crate::options::Preset;
use crate::palette;
use crate::texture::Texture;
use crate::tuning::Tuning;

/// What each stage works on, made of two frames of an animation; each stage gives a number that depends on all it did.
pub struct Stages {
    first: Frame,
    second: Frame,
    tuning: Tuning,
    kernel: Kernel,
    bins: Vec<Bin>,
    colors: Colors,
    symbols: Vec<u8>,
}

impl Stages {
    /// The stages on two frames of three channels and one size, with more colors than a table holds.
    ///
    /// # Errors
    ///
    /// Those of [`encode`](crate::encode()).
    pub fn new(first: Frame, second: Frame, preset: Preset, simd: Simd) -> Result<Self, Error> {
        let (tuning, kernel) = (Tuning::of(preset), Kernel::detect(simd));
        let bins = bins(&first);
        let table = palette::choose(&bins, 255, tuning.rounds, kernel, &Unwatched)?;
        let symbols = first.pixels().iter().map(|byte| byte >> 2).collect();
        Ok(Self {
            colors: Colors::mixed(table, true, kernel),
            first,
            second,
            tuning,
            kernel,
            bins,
            symbols,
        })
    }

    /// Compares the second frame with the first.
    ///
    /// # Errors
    ///
    /// None: nobody stops it.
    pub fn difference(&self) -> Result<usize, Error> {
        let mut difference = Difference::new(self.first.size());
        difference.next(&self.first, &self.second, &Unwatched)?;
        let change = difference.next(&self.second, &self.first, &Unwatched)?;
        Ok(change
            .marks
            .iter()
            .filter(|&&mark| mark::is_drawn(mark))
            .count())
    }

    /// Counts the first frame's colors.
    pub fn count(&self) -> usize {
        bins(&self.first).len()
    }

    /// Chooses a palette for what was counted.
    ///
    /// # Errors
    ///
    /// None: nobody stops it.
    pub fn choose(&self) -> Result<usize, Error> {
        let rounds = self.tuning.rounds;
        Ok(palette::choose(&self.bins, 255, rounds, self.kernel, &Unwatched)?.len())
    }

    /// Measures how busy the first frame is.
    pub fn texture(&self) -> usize {
        let size = self.first.size();
        let mut texture = Texture::new(size.width as usize);
        texture.begin();
        (0..size.height as usize)
            .map(|y| usize::from(texture.row(&self.first, y)[0]))
            .sum()
    }

    /// Maps the first frame, error diffusion and LZW together.
    pub fn map(&self) -> usize {
        let width = self.first.size().width as usize;
        let mut mapper = Mapper::new(&self.tuning, self.kernel);
        mapper.begin(width, &self.colors, 8);
        let (busy, marks) = (vec![16; width], vec![mark::DRAW; width]);
        let mut shown = vec![[0; 4]; width];
        for source in self.first.rows() {
            let row = Row {
                source,
                channels: 3,
                busy: &busy,
                marks: &marks,
                shown: &mut shown,
            };
            mapper.row(&self.colors, row);
        }
        mapper.lzw.finish().len()
    }

    /// Packs as many symbols as the first frame has bytes.
    pub fn pack(&self) -> usize {
        let mut lzw = Lzw::new();
        lzw.begin(8);
        for &symbol in &self.symbols {
            lzw.push(symbol);
        }
        lzw.finish().len()
    }
}

fn bins(frame: &Frame) -> Vec<Bin> {
    let mut histogram = Histogram::new();
    for pixel in frame.pixels().as_chunks::<3>().0 {
        histogram.add(*pixel);
    }
    histogram.take().collect()
}
