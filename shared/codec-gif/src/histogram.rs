//! Which colors a picture has, and how many pixels of each: exactly while they are few, else in bins.

/// A picture has more colors than can be held exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Slots of an [`ExactColors`], a power of two: four for each color, so that probing is short.
const SLOTS: usize = 1024;
/// A slot without a color, which has 24 bits.
const FREE: u32 = u32::MAX;

/// A set of at most 256 colors, numbered in the order they came in.
#[derive(Clone)]
pub(crate) struct ExactColors {
    /// Open addressing: color (24 bits), number (8); or [`FREE`] (white as number 255 is refused a slot).
    slots: Box<[(u32, u8); SLOTS]>,
    colors: Vec<[u8; 3]>,
}

impl ExactColors {
    pub(crate) fn new() -> Self {
        Self {
            slots: Box::new([(FREE, 0); SLOTS]),
            colors: Vec::new(),
        }
    }

    /// The set of these colors; of equal ones the first is found.
    pub(crate) fn of(colors: &[[u8; 3]]) -> Self {
        let mut set = Self::new();
        for (index, &color) in colors.iter().enumerate() {
            let slot = set.slot(color);
            if set.slots[slot].0 == FREE {
                set.slots[slot] = (key(color), index as u8);
            }
        }
        set.colors = colors.to_vec();
        set
    }

    #[inline(always)]
    fn slot(&self, color: [u8; 3]) -> usize {
        let key = key(color);
        let mut slot = (key.wrapping_mul(0x9E37_79B1) >> 22) as usize;
        while self.slots[slot].0 != key && self.slots[slot].0 != FREE {
            slot = (slot + 1) % SLOTS;
        }
        slot
    }

    /// The number of `color`.
    #[inline(always)]
    pub(crate) fn find(&self, color: [u8; 3]) -> Option<u8> {
        let (found, number) = self.slots[self.slot(color)];
        (found != FREE).then_some(number)
    }

    /// Takes `color` in, unless there would be more than `limit` colors.
    #[inline(always)]
    pub(crate) fn insert(&mut self, color: [u8; 3], limit: usize) -> Result<(), TooMany> {
        let slot = self.slot(color);
        if self.slots[slot].0 == FREE {
            if self.colors.len() >= limit.min(256) {
                return Err(TooMany);
            }
            self.slots[slot] = (key(color), self.colors.len() as u8);
            self.colors.push(color);
        }
        Ok(())
    }

    pub(crate) fn colors(&self) -> &[[u8; 3]] {
        &self.colors
    }
}

#[inline(always)]
fn key([r, g, b]: [u8; 3]) -> u32 {
    (r as u32) << 16 | (g as u32) << 8 | b as u32
}

/// More colors than this are counted in bins. This many hold every gray there is, and most pictures in one tint, which
/// bins would merge. (With 4096, drawings with soft edges had 2 % more bytes for nothing that could be measured.)
const MAX_COUNTED: usize = 512;
/// Slots of [`Counts`]: four for each color, so that probing is short.
const COUNT_SLOTS: usize = 4 * MAX_COUNTED;

/// How many pixels there are of each color, while the colors are few.
pub(crate) struct Counts {
    /// Open addressing: one more than the place in `colors`; or zero.
    slots: Box<[u16; COUNT_SLOTS]>,
    colors: Vec<[u8; 3]>,
    pixels: Vec<u32>,
}

impl Counts {
    pub(crate) fn new() -> Self {
        let slots = vec![0; COUNT_SLOTS].into_boxed_slice();
        Self {
            slots: slots.try_into().expect("the length is that of the array"),
            colors: Vec::new(),
            pixels: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.slots.fill(0);
        self.colors.clear();
        self.pixels.clear();
    }

    /// Counts `pixels` pixels of this color.
    #[inline(always)]
    pub(crate) fn add(&mut self, color: [u8; 3], pixels: u32) -> Result<(), TooMany> {
        let mut slot =
            (key(color).wrapping_mul(0x9E37_79B1) >> (32 - COUNT_SLOTS.ilog2())) as usize;
        while let Some(place) = (self.slots[slot] as usize).checked_sub(1) {
            if self.colors[place] == color {
                self.pixels[place] += pixels;
                return Ok(());
            }
            slot = (slot + 1) % COUNT_SLOTS;
        }
        if self.colors.len() == MAX_COUNTED {
            return Err(TooMany);
        }
        self.colors.push(color);
        self.pixels.push(pixels);
        self.slots[slot] = self.colors.len() as u16;
        Ok(())
    }

    /// In the order in which they were first met.
    pub(crate) fn colors(&self) -> &[[u8; 3]] {
        &self.colors
    }

    /// Each color as a bin of its own.
    pub(crate) fn bins(&self) -> impl Iterator<Item = Bin> {
        let counted = self.colors.iter().zip(&self.pixels);
        counted.map(|(color, &count)| Bin {
            halves: color.map(|value| 2 * u16::from(value)),
            count: count.min(FULL),
        })
    }
}

/// Bits of each channel that tell bins apart: 6 make bins of 4 x 4 x 4 levels, 2 MiB of them. One bit more makes eight
/// times as many.
const BITS: u32 = 6;
/// Pixels at which a bin stops counting; its mean is good by then, and its weight grows slowly. More would not fit:
/// sums of two bits a pixel have 16 bits.
pub(crate) const FULL: u32 = (1 << 14) - 1;

/// Colors in bins of 4 x 4 x 4 levels, each with its count and its mean.
pub(crate) struct Histogram {
    /// Count (16 bits), then the sums of the two low bits of red, green and blue (16 bits each).
    bins: Vec<u64>,
    touched: Vec<u32>,
}

/// One bin that is not empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bin {
    /// Its mean, as 8-bit sRGB times two.
    pub(crate) halves: [u16; 3],
    /// Pixels in it, [`FULL`] at most.
    pub(crate) count: u32,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            bins: vec![0; 1 << (3 * BITS)],
            touched: Vec::new(),
        }
    }

    /// Counts one pixel.
    #[inline(always)]
    pub(crate) fn add(&mut self, [r, g, b]: [u8; 3]) {
        let index = (r as u32 >> 2) << 12 | (g as u32 >> 2) << 6 | b as u32 >> 2;
        let bin = &mut self.bins[index as usize];
        if *bin == 0 {
            self.touched.push(index);
        }
        if *bin >> 48 < u64::from(FULL) {
            *bin += 1 << 48 | (r as u64 & 3) << 32 | (g as u64 & 3) << 16 | b as u64 & 3;
        }
    }

    /// All bins that are not empty, in the order in which they were first touched; the histogram is empty then.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Bin> {
        let bins = &mut self.bins;
        self.touched.drain(..).map(move |index| {
            let bin = std::mem::take(&mut bins[index as usize]);
            let count = bin >> 48;
            let mean = |high: u32, shift: u32| {
                let sum = bin >> shift & 0xFFFF;
                (8 * u64::from(high) + (4 * sum + count) / (2 * count)) as u16
            };
            Bin {
                halves: [
                    mean(index >> 12, 32),
                    mean(index >> 6 & 63, 16),
                    mean(index & 63, 0),
                ],
                count: count as u32,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_colors_are_found_again() {
        let color = |i: u32| [(i * 7) as u8, (i * 31) as u8, i as u8];
        let mut set = ExactColors::new();
        for i in 0..256 {
            assert_eq!(set.find(color(i)), None);
            assert_eq!(set.insert(color(i), 256), Ok(()));
            assert_eq!(set.insert(color(i), 256), Ok(()));
        }
        assert_eq!(set.insert([1, 1, 1], 256), Err(TooMany));
        for i in 0..256 {
            assert_eq!(set.find(color(i)), Some(i as u8));
        }
        assert_eq!(set.colors().len(), 256);
    }

    #[test]
    fn few_colors_are_counted_one_by_one() {
        let color = |i: u32| [i as u8, (i >> 8) as u8, 7];
        let mut counts = Counts::new();
        for _ in 0..2 {
            counts.clear();
            for i in (0..MAX_COUNTED as u32).chain(5..9) {
                assert_eq!(counts.add(color(i), i + 1), Ok(()));
            }
            assert_eq!(counts.add([1, 1, 1], 1), Err(TooMany));
            assert_eq!(counts.colors().len(), MAX_COUNTED);
            for (i, bin) in counts.bins().enumerate() {
                let i = i as u32;
                assert_eq!(bin.halves, color(i).map(|value| 2 * u16::from(value)));
                assert_eq!(bin.count, (i + 1) * if (5..9).contains(&i) { 2 } else { 1 });
            }
        }
    }

    #[test]
    fn bins_keep_count_and_mean() {
        let mut histogram = Histogram::new();
        for _ in 0..2 {
            for _ in 0..30_000 {
                histogram.add([255, 254, 255]);
            }
            for level in [8, 9, 9, 11] {
                histogram.add([0, level, 0]);
            }
            let bins: Vec<_> = histogram
                .take()
                .map(|bin| (bin.halves, bin.count))
                .collect();
            assert_eq!(bins, [([510, 508, 510], FULL), ([0, 19, 0], 4)]);
        }
    }
}
