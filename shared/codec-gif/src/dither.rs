//! Pixels to symbols: error diffusion, with the LZW encoder asked which of the near colors costs nothing.
//! Rows come in order, one at a time; nothing here knows of frames or threads.

use raster::Kernel;

use crate::difference::mark;
use crate::image_colors::{Colors, Kind, Mixed, distance, sixteenths};
use crate::lzw::{self, Lzw};
use crate::nearest::Table;
use crate::tuning::Tuning;

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
                    Taken::Shown => color = sixteenths(*shown),
                    Taken::Symbol(symbol) => {
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

/// What [`lengthen`] came to for a pixel.
enum Taken {
    Symbol(u8),
    /// What was there.
    Shown,
}

/// Takes the nearest color that lengthens the LZW string, if one is no worse than `best` by more than `allowed`;
/// else a new string starts with `best`, or with what [`begin`] finds for the color of the next pixel and by how much
/// it may be worse. What is shown there counts as a color, and as nearer than it is.
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
) -> Taken {
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
        return Taken::Shown;
    }
    if chosen == best
        && let Some((next, allowed)) = next()
    {
        chosen = begin(lzw, mixed, wanted, best, next, nearest + allowed);
    }
    lzw.push(chosen);
    Taken::Symbol(chosen)
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
