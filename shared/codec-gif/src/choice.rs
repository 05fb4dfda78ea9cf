//! Which colors an image gets: all it has where they fit a table, the global ones where those are good enough, or a
//! palette of its own.

use std::sync::Arc;

use raster::{Frame, Kernel, Layout, Stopped, Watch};

use crate::difference::{Change, mark};
use crate::histogram::{Bin, Counts, ExactColors, Histogram, TooMany};
use crate::image_colors::Colors;
use crate::options::GifFrame;
use crate::tuning::Tuning;
use crate::{alpha, palette};

/// A frame that mostly shows again what was cleared keeps the global colors if these are off by at most this many times
/// what a palette of its own would be, in squared levels over all pixels. A larger number lets what stands still change
/// its colors more seldom, and fits what is new less.
const KEPT: f32 = 1.5;

/// The colors of one image.
pub(crate) struct Choice {
    pub(crate) colors: Arc<Colors>,
    /// True if they are not in the global table.
    pub(crate) local: bool,
}

/// Chooses for one image at a time; its memory is reused.
pub(crate) struct Chooser<'a> {
    tuning: &'a Tuning,
    kernel: Kernel,
    counts: Counts,
    histogram: Histogram,
}

impl<'a> Chooser<'a> {
    pub(crate) fn new(tuning: &'a Tuning, kernel: Kernel) -> Self {
        Self {
            tuning,
            kernel,
            counts: Counts::new(),
            histogram: Histogram::new(),
        }
    }

    /// The colors for what is drawn.
    ///
    /// `global` are the colors of the global table; none for the first frame, whose own become that.
    pub(crate) fn choose(
        &mut self,
        frame: &Frame,
        change: &Change,
        global: Option<Arc<Colors>>,
        watch: &dyn Watch,
    ) -> Result<Choice, Stopped> {
        let Self {
            tuning,
            kernel,
            counts,
            histogram,
        } = self;
        let layout = frame.layout();
        let take = |global: &Arc<Colors>| Choice {
            colors: global.clone(),
            local: false,
        };
        let local = |colors| Choice {
            colors: Arc::new(colors),
            local: true,
        };
        let width = frame.size().width as usize;
        let mut rows = frame.rows().zip(change.marks.chunks_exact(width));
        counts.clear();
        let mut few = true;
        for (row, marks) in rows.clone() {
            watch.check()?;
            if count(counts, layout, row, marks).is_err() {
                few = false;
                break;
            }
        }
        let first = global.is_none();
        let needs_transparent = change.needs_transparent();
        let global = global.filter(|global| !needs_transparent || global.transparent.is_some());
        if few {
            let colors = counts.colors();
            if let Some(global) = &global
                && colors.iter().all(|&color| global.find(color).is_some())
            {
                if !global.is_mixed() {
                    return Ok(take(global));
                }
                let colors = Colors::exact(global.table.clone(), global.transparent.is_some());
                return Ok(Choice {
                    colors: Arc::new(colors),
                    local: false,
                });
            }
            // The first frame's table is there for those that follow, which need it if it has room for it.
            let transparent = needs_transparent || first && colors.len() < 256;
            if colors.len() + usize::from(transparent) <= 256 {
                return Ok(local(Colors::exact(table_of(colors), transparent)));
            }
        }
        let bins: Vec<Bin> = if few {
            counts.bins().collect()
        } else {
            for (row, marks) in &mut rows {
                watch.check()?;
                for (pixel, &mark) in row.chunks_exact(layout.channels()).zip(marks) {
                    if mark::is_drawn(mark) {
                        histogram.add([pixel[0], pixel[1], pixel[2]]);
                    }
                }
            }
            histogram.take().collect()
        };
        if let Some(global) = &global
            && global.loss(&bins).is_some_and(|loss| loss <= tuning.reuse)
        {
            return Ok(take(global));
        }
        let table = palette::choose(&bins, 255, tuning.rounds, *kernel, watch)?;
        let colors = Colors::mixed(table, true, *kernel);
        // What stands still keeps its colors, if those of its own are hardly better.
        if change.mostly_again
            && let Some(global) = &global
            && let (Some(loss), Some(own)) = (global.loss(&bins), colors.loss(&bins))
            && loss <= KEPT * own
        {
            return Ok(take(global));
        }
        Ok(local(colors))
    }
}

/// Counts the pixels of a row that are drawn.
fn count(counts: &mut Counts, layout: Layout, row: &[u8], marks: &[u8]) -> Result<(), TooMany> {
    let (mut last, mut pixels) = ([0; 3], 0);
    for (pixel, &mark) in row.chunks_exact(layout.channels()).zip(marks) {
        if !mark::is_drawn(mark) {
            continue;
        }
        let color = [pixel[0], pixel[1], pixel[2]];
        if color != last {
            if pixels > 0 {
                counts.add(last, pixels)?;
            }
            (last, pixels) = (color, 0);
        }
        pixels += 1;
    }
    if pixels > 0 {
        counts.add(last, pixels)?;
    }
    Ok(())
}

/// The colors of all frames together, if they fit one table beside transparency.
pub(crate) fn common_colors(
    frames: &[GifFrame],
    watch: &dyn Watch,
) -> Result<Option<Vec<[u8; 3]>>, Stopped> {
    let mut exact = ExactColors::new();
    for GifFrame { frame, .. } in frames {
        for row in frame.rows() {
            watch.check()?;
            let mut last = None;
            for pixel in row.chunks_exact(frame.layout().channels()) {
                let alpha = pixel.get(3).copied().unwrap_or(255);
                let [r, g, b, alpha] = alpha::flatten_pixel([pixel[0], pixel[1], pixel[2], alpha]);
                if alpha != 0 && last != Some([r, g, b]) {
                    if exact.insert([r, g, b], 255).is_err() {
                        return Ok(None);
                    }
                    last = Some([r, g, b]);
                }
            }
        }
    }
    Ok(Some(table_of(exact.colors())))
}

/// A table is never empty.
fn table_of(colors: &[[u8; 3]]) -> Vec<[u8; 3]> {
    if colors.is_empty() {
        vec![[0; 3]]
    } else {
        colors.to_vec()
    }
}
