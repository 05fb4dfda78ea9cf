//! The colors of one image, ready for mapping: which are there, and which may stand in for which.

use raster::Kernel;

use crate::color;
use crate::histogram::{Bin, ExactColors, FULL};
use crate::lzw::{self, Symbols};
use crate::nearest::Entries;

/// How many of the nearest colors may stand in for each one, where that lengthens an LZW string. More find longer
/// strings, and take time for each pixel at which one ends.
const NEIGHBORS: usize = 16;

/// By how much, in squared levels, the color of a large area ([`FULL`] pixels or more) may be off for the global table
/// to be taken. A larger number takes it more often, and such areas change color with it.
const LARGE_AREA_LOSS: f32 = 2.0;

/// The colors of one image, ready for mapping.
pub(crate) struct Colors {
    pub(crate) table: Vec<[u8; 3]>,
    /// Symbol of the pixel that shows what was there; none if every pixel is drawn.
    pub(crate) transparent: Option<u8>,
    pub(crate) exact: ExactColors,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// Every color asked for is in the table.
    Exact,
    /// Colors are mixed from those in the table.
    Mixed(Box<Mixed>),
}

pub(crate) struct Mixed {
    pub(crate) entries: Entries,
    /// The same colors in sixteenths of a level.
    pub(crate) colors: [[i32; 4]; 256],
    /// The same as the canvas has them.
    pub(crate) shades: [[u8; 4]; 256],
    pub(crate) neighbors: Vec<Symbols>,
}

impl Colors {
    /// Colors of which one is right for every pixel.
    pub(crate) fn exact(table: Vec<[u8; 3]>, transparent: bool) -> Self {
        let exact = ExactColors::of(&table);
        Self {
            transparent: transparent.then_some(table.len() as u8),
            table,
            exact,
            kind: Kind::Exact,
        }
    }

    /// Colors to mix others from: at most 255.
    pub(crate) fn mixed(table: Vec<[u8; 3]>, transparent: bool, kernel: Kernel) -> Self {
        let labs: Vec<_> = table
            .iter()
            .map(|&rgb| color::round(color::from_rgb(rgb)))
            .collect();
        let mut shades = [[0; 4]; 256];
        for (shade, &[r, g, b]) in shades.iter_mut().zip(&table) {
            *shade = [r, g, b, 255];
        }
        let colors = shades.map(sixteenths);
        let mixed = Mixed {
            entries: Entries::new(&labs, kernel),
            neighbors: neighbors(&colors[..table.len()]),
            colors,
            shades,
        };
        Self {
            kind: Kind::Mixed(Box::new(mixed)),
            ..Self::exact(table, transparent)
        }
    }

    /// The symbol that shows exactly this color.
    pub(crate) fn find(&self, color: [u8; 3]) -> Option<u8> {
        self.exact.find(color)
    }

    /// True if other colors are mixed from these.
    pub(crate) fn is_mixed(&self) -> bool {
        matches!(self.kind, Kind::Mixed(_))
    }

    /// How far the colors in these bins are from the nearest here: the sum of squared distances in levels, roughly.
    /// None if nothing can be mixed from these, or if a large area of one color would be seen to change.
    pub(crate) fn loss(&self, bins: &[Bin]) -> Option<f32> {
        let Kind::Mixed(mixed) = &self.kind else {
            return None;
        };
        let mut loss = 0.0;
        for bin in bins {
            let lab = color::round(color::from_halves(bin.halves));
            // A level of gray is about 13 units of lightness.
            let distance = (mixed.entries.nearest(lab) >> 8) as f32 / 169.0;
            if bin.count == FULL && distance > LARGE_AREA_LOSS {
                return None;
            }
            loss += bin.count as f32 * distance;
        }
        Some(loss)
    }

    /// Entries of the color table, the transparent one included.
    pub(crate) fn len(&self) -> usize {
        self.table.len() + usize::from(self.transparent.is_some())
    }
}

/// For every color the few that are nearest to it.
fn neighbors(colors: &[[i32; 4]]) -> Vec<Symbols> {
    let mut keys: Vec<u32> = Vec::new();
    colors
        .iter()
        .enumerate()
        .map(|(own, color)| {
            keys.clear();
            let others = colors.iter().enumerate().filter(|&(other, _)| other != own);
            keys.extend(
                others.map(|(other, &to)| (distance(color, &to) as u32 >> 6) << 8 | other as u32),
            );
            if keys.len() > NEIGHBORS {
                keys.select_nth_unstable(NEIGHBORS);
                keys.truncate(NEIGHBORS);
            }
            let mut set = [0; 4];
            for key in &keys {
                lzw::insert(&mut set, *key as u8);
            }
            set
        })
        .collect()
}

/// Squared distance, weighted as the eye weighs the channels; in 1/256 of squared levels.
#[inline(always)]
pub(crate) fn distance(a: &[i32; 4], b: &[i32; 4]) -> i32 {
    let [r, g, b] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    3 * r * r + 5 * g * g + 2 * b * b
}

/// A color of the canvas in sixteenths of a level.
#[inline(always)]
pub(crate) fn sixteenths([r, g, b, _]: [u8; 4]) -> [i32; 4] {
    [i32::from(r) * 16, i32::from(g) * 16, i32::from(b) * 16, 0]
}
