//! Pixels to symbols: error diffusion, with the LZW encoder asked which of the near colors costs nothing.
//! Rows come in order, one at a time; nothing here knows of frames or threads.

use crate::color;
use crate::difference::mark;
use crate::histogram::{Bin, ExactColors, FULL};
use crate::lzw::{self, Lzw, Symbols};
use crate::nearest::{Entries, Table};
use crate::tuning::Tuning;
use raster::Kernel;

/// How many colors near each one may stand in for it.
const NEIGHBORS: usize = 16;

/// By how much, in squared levels, a large area may be off.
const LARGE_AREA_LOSS: f32 = 2.0;

/// The colors of one image, ready for mapping.
pub(crate) struct Colors {
    pub(crate) table: Vec<[u8; 3]>,
    /// Symbol of the pixel that shows what was there; none if every pixel is drawn.
    pub(crate) transparent: Option<u8>,
    exact: ExactColors,
    kind: Kind,
}

enum Kind {
    /// Every color asked for is in the table.
    Exact,
    /// Colors are mixed from those in the table.
    Mixed(Box<Mixed>),
}

struct Mixed {
    entries: Entries,
    /// The same colors in sixteenths of a level.
    colors: [[i32; 4]; 256],
    /// The same as the canvas has them.
    shades: [[u8; 4]; 256],
    neighbors: Vec<Symbols>,
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
fn distance(a: &[i32; 4], b: &[i32; 4]) -> i32 {
    let [r, g, b] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    3 * r * r + 5 * g * g + 2 * b * b
}

/// One row of the rectangle, and what is shown there before and after.
pub(crate) struct Row<'a> {
    /// Pixels of three or four bytes.
    pub(crate) source: &'a [u8],
    pub(crate) channels: usize,
    /// How busy the source is at each pixel.
    pub(crate) busy: &'a [u8],
    pub(crate) marks: &'a [u8],
    /// Red, green, blue, and 255 where anything is shown; where it was cleared, the color that it had and 0.
    pub(crate) shown: &'a mut [[u8; 4]],
}

/// Maps one image at a time; its memory is reused.
pub(crate) struct Mapper {
    table: Table,
    pub(crate) lzw: Lzw,
    /// Errors in sixteenths of a level that came down to this row, and those that go to the next; with one more
    /// place on either side.
    errors: [Vec<[i32; 4]>; 2],
    weights: [i32; 4],
    allowances: [i32; 256],
    still: [i32; 4],
    clean: bool,
    /// What the distance to the color that is shown counts for, of 256.
    kept: i32,
    start: i32,
    kernel: Kernel,
}

impl Mapper {
    pub(crate) fn new(tuning: &Tuning, kernel: Kernel) -> Self {
        Self {
            table: Table::new(),
            lzw: Lzw::new(),
            errors: [Vec::new(), Vec::new()],
            weights: [7, 3, 5, 1].map(|part| part * tuning.strength / 16),
            allowances: tuning.allowances(),
            still: tuning.still_allowances(),
            clean: tuning.clean,
            kept: tuning.shown,
            start: tuning.start,
            kernel,
        }
    }

    /// Begins an image `width` pixels wide with these colors.
    pub(crate) fn begin(&mut self, width: usize, colors: &Colors, minimum_code_size: u32) {
        self.lzw.begin(minimum_code_size);
        if matches!(colors.kind, Kind::Mixed(_)) {
            self.table.clear();
            for errors in &mut self.errors {
                errors.clear();
                errors.resize(width + 2, [0; 4]);
            }
        }
    }

    /// Maps one row.
    pub(crate) fn row(&mut self, colors: &Colors, row: Row<'_>) {
        match self.kernel {
            Kernel::Portable => self.any_row(colors, row),
            #[cfg(target_arch = "x86_64")]
            Kernel::X86V3(_) => {
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                fn x86_v3(mapper: &mut Mapper, colors: &Colors, row: Row<'_>) {
                    mapper.any_row(colors, row);
                }
                // SAFETY: this kernel is made only where its instructions were detected.
                #[allow(unsafe_code)]
                unsafe {
                    x86_v3(self, colors, row);
                }
            }
        }
    }

    #[inline(always)]
    fn any_row(&mut self, colors: &Colors, row: Row<'_>) {
        match (&colors.kind, row.channels) {
            (Kind::Exact, 3) => self.exact_row::<3>(colors, row),
            (Kind::Exact, _) => self.exact_row::<4>(colors, row),
            (Kind::Mixed(mixed), 3) if self.start == 0 => {
                self.mixed_row::<3, false>(colors, mixed, row);
            }
            (Kind::Mixed(mixed), _) if self.start == 0 => {
                self.mixed_row::<4, false>(colors, mixed, row);
            }
            (Kind::Mixed(mixed), 3) => self.mixed_row::<3, true>(colors, mixed, row),
            (Kind::Mixed(mixed), _) => self.mixed_row::<4, true>(colors, mixed, row),
        }
    }

    #[inline(always)]
    fn exact_row<const CHANNELS: usize>(&mut self, colors: &Colors, row: Row<'_>) {
        let (source, _) = row.source.as_chunks::<CHANNELS>();
        let mut last = ([0; 3], colors.exact.find([0; 3]).unwrap_or(0));
        for ((pixel, &mark), shown) in source.iter().zip(row.marks).zip(row.shown) {
            if !mark::is_drawn(mark) {
                keep(&mut self.lzw, colors, *shown);
                continue;
            }
            let rgb = [pixel[0], pixel[1], pixel[2]];
            if rgb != last.0 {
                last = (
                    rgb,
                    colors.exact.find(rgb).expect("every color was counted"),
                );
            }
            self.lzw.push(last.1);
            *shown = [rgb[0], rgb[1], rgb[2], 255];
        }
    }

    /// `AHEAD`: the color of the next pixel has a say in what a string starts with. Compiled apart, since a mere look
    /// at a flag here costs the other preset 15 % of its instructions.
    #[inline(always)]
    fn mixed_row<const CHANNELS: usize, const AHEAD: bool>(
        &mut self,
        colors: &Colors,
        mixed: &Mixed,
        row: Row<'_>,
    ) {
        let Row {
            source,
            busy,
            marks,
            shown,
            ..
        } = row;
        let (source, _) = source.as_chunks::<CHANNELS>();
        let Self {
            table,
            lzw,
            errors,
            weights,
            allowances,
            still,
            clean,
            kept,
            start,
            ..
        } = self;
        let [above, below] = errors;
        let width = source.len();
        let (above, below) = (&above[..width + 2], &mut below[..=width]);
        // What this row has sent so far: to the right, straight down, and down to the right.
        let (mut right, mut down, mut down_right) = ([0i32; 4], [0i32; 4], [0i32; 4]);
        // The color asked for last, and its symbol.
        let mut flat = ([0; 3], colors.exact.find([0; 3]));
        for x in 0..width {
            let shown = &mut shown[x];
            let mark = marks[x];
            if !mark::is_drawn(mark) {
                // No error goes into what is held, and none comes out: it is as it was.
                keep(lzw, colors, *shown);
                below[x] = down;
                (down, down_right, right) = (down_right, [0; 4], [0; 4]);
                continue;
            }
            if mark == mark::AGAIN
                && let Some(symbol) = again(colors, mixed, table, *shown)
            {
                lzw.push(symbol);
                *shown = mixed.shades[symbol as usize];
                below[x] = down;
                (down, down_right, right) = (down_right, [0; 4], [0; 4]);
                continue;
            }
            let pixel = &source[x];
            if *clean && busy[x] == 0 {
                let rgb = [pixel[0], pixel[1], pixel[2]];
                if flat.0 != rgb {
                    flat = (rgb, colors.exact.find(rgb));
                }
                if let Some(symbol) = flat.1 {
                    // An area of one color that is in the palette stays clean: no error comes in or goes out.
                    lzw.push(symbol);
                    *shown = mixed.shades[symbol as usize];
                    below[x] = down;
                    (down, down_right, right) = (down_right, [0; 4], [0; 4]);
                    continue;
                }
            }
            let mut wanted = [0i32; 4];
            for channel in 0..3 {
                let error = above[x + 1][channel] + right[channel];
                wanted[channel] = (i32::from(pixel[channel]) * 16 + error).clamp(0, 255 * 16);
            }
            let best = table.get(
                Table::cell([wanted[0], wanted[1], wanted[2]]),
                &mixed.entries,
            );
            let mut color = mixed.colors[best as usize];
            if mark > mark::NEAR
                && distance(&wanted, &sixteenths(*shown))
                    <= distance(&wanted, &color) + still[(mark - mark::NEAR) as usize & 3]
            {
                color = sixteenths(*shown);
                lzw.push(
                    colors
                        .transparent
                        .expect("what is shown may always be kept"),
                );
            } else if let Some(code) = lzw.find(best) {
                lzw.extend(code);
                *shown = mixed.shades[best as usize];
            } else {
                let allowed = allowances[busy[x] as usize];
                let next = || {
                    let next = source.get(x + 1).filter(|_| AHEAD)?;
                    let ahead = std::array::from_fn(|c| {
                        (i32::from(next[c]) * 16 + above[x + 2][c]).clamp(0, 255 * 16)
                    });
                    let next = table.get(Table::cell(ahead), &mixed.entries);
                    Some((next, *start * (allowed >> 5)))
                };
                match lengthen(
                    lzw,
                    colors,
                    mixed,
                    &wanted,
                    best,
                    allowed,
                    (*shown, *kept),
                    next,
                ) {
                    Choice::Shown => color = sixteenths(*shown),
                    Choice::Symbol(symbol) => {
                        color = mixed.colors[symbol as usize];
                        *shown = mixed.shades[symbol as usize];
                    }
                }
            }
            for channel in 0..4 {
                let error = wanted[channel] - color[channel];
                let part = |weight: i32| (error * weight + 128) >> 8;
                right[channel] = part(weights[0]);
                below[x][channel] = down[channel] + part(weights[1]);
                down[channel] = down_right[channel] + part(weights[2]);
                down_right[channel] = part(weights[3]);
            }
        }
        below[width] = down;
        errors.swap(0, 1);
    }
}

/// How far, in levels, a pixel that has been cleared may be from what it showed, to be drawn as that.
const AGAIN_LEVELS: i32 = 3;

/// The symbol for a pixel whose source is what it was before it was cleared: the color that it had, or one that is
/// hard to tell from it. Else what stands still would be dithered anew in every frame, and crawl.
#[inline(always)]
fn again(colors: &Colors, mixed: &Mixed, table: &mut Table, shown: [u8; 4]) -> Option<u8> {
    colors
        .exact
        .find([shown[0], shown[1], shown[2]])
        .or_else(|| {
            let was = sixteenths(shown);
            let nearest = table.get(Table::cell([was[0], was[1], was[2]]), &mixed.entries);
            let limit = 10 * (16 * AGAIN_LEVELS).pow(2);
            (distance(&was, &mixed.colors[nearest as usize]) <= limit).then_some(nearest)
        })
}

/// What a pixel shows.
enum Choice {
    Symbol(u8),
    /// What was there.
    Shown,
}

/// Takes the nearest color that lengthens the LZW string, if one is no worse than `best` by more than `allowed`;
/// else a new string starts with `best`, or with what [`begin`] finds for the color of the next pixel and by how much it
/// may be worse. What is shown there counts as a color, and as nearer than it is.
#[inline(always)]
fn lengthen(
    lzw: &mut Lzw,
    colors: &Colors,
    mixed: &Mixed,
    wanted: &[i32; 4],
    best: u8,
    allowed: i32,
    (shown, kept): ([u8; 4], i32),
    next: impl FnOnce() -> Option<(u8, i32)>,
) -> Choice {
    let mut chosen = best;
    let nearest = distance(wanted, &mixed.colors[best as usize]);
    let mut limit = nearest + allowed;
    let children = *lzw.children();
    let near = &mixed.neighbors[best as usize];
    for word in 0..4 {
        let mut set = children[word] & near[word];
        while set != 0 {
            let symbol = (64 * word) as u8 | set.trailing_zeros() as u8;
            set &= set - 1;
            let found = distance(wanted, &mixed.colors[symbol as usize]);
            if found < limit {
                (limit, chosen) = (found, symbol);
            }
        }
    }
    if let Some(transparent) = colors.transparent
        && shown[3] != 0
        && lzw::holds(&children, transparent)
        && (distance(wanted, &sixteenths(shown)) >> 8) * kept < limit
    {
        lzw.push(transparent);
        return Choice::Shown;
    }
    if chosen == best
        && let Some((next, allowed)) = next()
    {
        chosen = begin(lzw, mixed, wanted, best, next, nearest + allowed);
    }
    lzw.push(chosen);
    Choice::Symbol(chosen)
}

/// The symbol that a new string starts with: the nearest that `next`, the color for the next pixel, or one near that
/// lengthens to a string in the table. `best` where none is nearer than `limit`.
#[inline(always)]
fn begin(lzw: &Lzw, mixed: &Mixed, wanted: &[i32; 4], best: u8, next: u8, mut limit: i32) -> u8 {
    let mut good = mixed.neighbors[next as usize];
    lzw::insert(&mut good, next);
    let goes_on = |symbol: u8| {
        let children = lzw.children_of(symbol);
        (0..4).any(|word| children[word] & good[word] != 0)
    };
    if goes_on(best) {
        return best;
    }
    let mut chosen = best;
    let near = &mixed.neighbors[best as usize];
    for (word, &(mut set)) in near.iter().enumerate() {
        while set != 0 {
            let symbol = (64 * word) as u8 | set.trailing_zeros() as u8;
            set &= set - 1;
            let found = distance(wanted, &mixed.colors[symbol as usize]);
            if found < limit && goes_on(symbol) {
                (limit, chosen) = (found, symbol);
            }
        }
    }
    chosen
}

/// A pixel at which nothing changes: transparent, or drawn again in the color it has if that costs less.
#[inline(always)]
fn keep(lzw: &mut Lzw, colors: &Colors, shown: [u8; 4]) {
    let transparent = colors
        .transparent
        .expect("a pixel that is not drawn needs it");
    if let Some(code) = lzw.find(transparent) {
        return lzw.extend(code);
    }
    if shown[3] != 0
        && let Some(symbol) = colors.exact.find([shown[0], shown[1], shown[2]])
        && let Some(code) = lzw.find(symbol)
    {
        return lzw.extend(code);
    }
    lzw.start(transparent);
}

/// A color of the canvas in sixteenths of a level.
#[inline(always)]
fn sixteenths([r, g, b, _]: [u8; 4]) -> [i32; 4] {
    [i32::from(r) * 16, i32::from(g) * 16, i32::from(b) * 16, 0]
}
