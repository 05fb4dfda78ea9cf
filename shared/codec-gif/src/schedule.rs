//! Who works on which frame, and in what order. Frames are compared in order; then each worker chooses the colors
//! of its frame and maps it row by row, each row as soon as the frame before has left it. So the bytes are the
//! same for any number of threads, and the threads are busy all the time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{io, thread};

use raster::{Frame, Layout, Size, Stopped, Watch};

use crate::alpha;
use crate::block::{self, Image};
use crate::difference::{Change, Difference, mark};
use crate::dither::{Colors, Mapper, Row};
use crate::histogram::{ExactColors, Histogram, TooMany};
use crate::texture::Texture;
use crate::tuning::Tuning;
use crate::{Error, GifFrame, Options, palette};

/// Takes the images in order; the first comes with the global color table.
pub(crate) type Sink<'a> = dyn FnMut(Option<&[[u8; 3]]>, Image) -> io::Result<()> + 'a;

/// Encodes all frames; `sink` gets each image as soon as it and those before it are done.
pub(crate) fn run(
    frames: &[GifFrame],
    options: &Options,
    watch: &dyn Watch,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    let tuning = Tuning::of(options.preset);
    let shared = Shared::new(frames, &tuning, watch)?;
    run_shared(&shared, options, sink)
}

/// The same, and what each frame is meant to show.
#[cfg(any(test, fuzzing))]
pub(crate) fn run_and_mean(
    frames: &[GifFrame],
    options: &Options,
    watch: &dyn Watch,
    meant: &Meant,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    let tuning = Tuning::of(options.preset);
    let mut shared = Shared::new(frames, &tuning, watch)?;
    shared.meant = Some(meant);
    run_shared(&shared, options, sink)
}

fn run_shared(shared: &Shared<'_>, options: &Options, sink: &mut Sink<'_>) -> Result<(), Error> {
    let frames = shared.frames;
    let threads = options.threads.min(frames.len());
    if threads <= 1 {
        let mut worker = Worker::new(shared);
        while let Some(done) = worker.next()? {
            sink(done.global.as_deref(), done.image).map_err(Error::Output)?;
        }
        return Ok(());
    }
    thread::scope(|scope| {
        // As many finished images may wait as there are threads; then the threads wait.
        let (sender, receiver) = mpsc::sync_channel(threads);
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(move || {
                // Whatever ends this worker, even a panic, ends the others.
                let _ending = Ending(shared);
                let mut worker = Worker::new(shared);
                while let Some(done) = worker.next().transpose() {
                    let failed = done.is_err();
                    if sender.send(done).is_err() || failed {
                        shared.stop();
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting: Vec<Option<Done>> = frames.iter().map(|_| None).collect();
        let mut next = 0;
        while next < frames.len() {
            let Ok(done) = receiver.recv() else {
                // A worker panicked: the scope passes it on.
                return Ok(());
            };
            let done = done?;
            let index = done.index;
            waiting[index] = Some(done);
            while let Some(done) = waiting.get_mut(next).and_then(Option::take) {
                sink(done.global.as_deref(), done.image).map_err(Error::Output)?;
                next += 1;
            }
        }
        Ok(())
    })
}

/// What the workers share.
struct Shared<'a> {
    frames: &'a [GifFrame],
    canvas: Size,
    tuning: &'a Tuning,
    watch: &'a dyn Watch,
    stopped: AtomicBool,
    turn: Mutex<Turn>,
    /// What is shown, row by row: red, green, blue, and 255 where anything is.
    shown: Vec<Mutex<Vec<[u8; 4]>>>,
    progress: Vec<Progress>,
    #[cfg(any(test, fuzzing))]
    meant: Option<&'a Meant>,
}

/// What must be done in the order of the frames before the mapping.
struct Turn {
    next: usize,
    difference: Difference,
    global: Option<Arc<Colors>>,
}

/// How many rows of a frame are done.
#[derive(Default)]
struct Progress {
    rows: Mutex<usize>,
    moved: Condvar,
}

/// A lock is poisoned only by a panic, which ends the whole run.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress {
    fn set(&self, rows: usize) {
        *lock(&self.rows) = rows;
        self.moved.notify_all();
    }

    /// Waits until more than `row` rows are done; gives how many.
    fn wait(&self, row: usize) -> usize {
        let mut rows = lock(&self.rows);
        while *rows <= row {
            rows = self
                .moved
                .wait(rows)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *rows
    }
}

struct Ending<'a, 'b>(&'a Shared<'b>);

impl Drop for Ending<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

impl<'a> Shared<'a> {
    fn new(
        frames: &'a [GifFrame],
        tuning: &'a Tuning,
        watch: &'a dyn Watch,
    ) -> Result<Self, Error> {
        let canvas = frames[0].frame.size();
        let global =
            common_colors(frames, watch)?.map(|table| Arc::new(Colors::exact(table, true)));
        Ok(Self {
            frames,
            canvas,
            tuning,
            watch,
            stopped: AtomicBool::new(false),
            turn: Mutex::new(Turn {
                next: 0,
                difference: Difference::new(canvas),
                global,
            }),
            shown: (0..canvas.height)
                .map(|_| Mutex::new(vec![[0; 4]; canvas.width as usize]))
                .collect(),
            progress: frames.iter().map(|_| Progress::default()).collect(),
            #[cfg(any(test, fuzzing))]
            meant: None,
        })
    }

    /// Ends all workers soon; none waits for another any more.
    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        for progress in &self.progress {
            progress.set(usize::MAX);
        }
    }

    fn check(&self) -> Result<(), Stopped> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(Stopped::Cancelled);
        }
        self.watch.check()
    }
}

/// The colors of all frames together, if they fit one table beside transparency.
fn common_colors(frames: &[GifFrame], watch: &dyn Watch) -> Result<Option<Vec<[u8; 3]>>, Stopped> {
    let mut exact = ExactColors::new();
    for GifFrame { frame, .. } in frames {
        for row in frame.rows() {
            watch.check()?;
            if add_exact(&mut exact, frame.layout(), row, None).is_err() {
                return Ok(None);
            }
        }
    }
    Ok(Some(table_of(&exact)))
}

/// A table is never empty.
fn table_of(exact: &ExactColors) -> Vec<[u8; 3]> {
    let colors = exact.colors();
    if colors.is_empty() {
        vec![[0; 3]]
    } else {
        colors.to_vec()
    }
}

/// Adds the pixels of a row that are drawn (all that are opaque, without `marks`).
fn add_exact(
    exact: &mut ExactColors,
    layout: Layout,
    row: &[u8],
    marks: Option<&[u8]>,
) -> Result<(), TooMany> {
    let mut last = None;
    for (x, pixel) in row.chunks_exact(layout.channels()).enumerate() {
        let alpha = pixel.get(3).copied().unwrap_or(255);
        let [r, g, b, alpha] = alpha::flatten_pixel([pixel[0], pixel[1], pixel[2], alpha]);
        let color = [r, g, b];
        let drawn = match marks {
            Some(marks) => marks[x] >= mark::DRAW,
            None => alpha != 0,
        };
        if drawn && last != Some(color) {
            exact.insert(color, 255)?;
            last = Some(color);
        }
    }
    Ok(())
}

/// One image, ready to be written.
struct Done {
    index: usize,
    global: Option<Vec<[u8; 3]>>,
    image: Image,
}

/// What a decoder is meant to show for each frame, row after row; read by tests only.
#[cfg(any(test, fuzzing))]
#[derive(Default)]
pub(crate) struct Meant(pub(crate) Mutex<std::collections::BTreeMap<usize, Vec<[u8; 4]>>>);

/// The colors of one image.
struct Choice {
    colors: Arc<Colors>,
    /// True if they are not in the global table.
    local: bool,
}

struct Worker<'a> {
    shared: &'a Shared<'a>,
    histogram: Histogram,
    mapper: Mapper,
    texture: Texture,
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared<'a>) -> Self {
        Self {
            shared,
            histogram: Histogram::new(),
            mapper: Mapper::new(shared.tuning),
            texture: Texture::new(shared.canvas.width as usize),
        }
    }

    /// Encodes the next frame that nobody works on; none if there is none.
    fn next(&mut self) -> Result<Option<Done>, Error> {
        let shared = self.shared;
        let mut turn = lock(&shared.turn);
        let index = turn.next;
        let Some(GifFrame { frame, delay }) = shared.frames.get(index) else {
            return Ok(None);
        };
        shared.check()?;
        turn.next += 1;
        let frame = &*alpha::flatten(frame);
        let following = shared.frames.get(index + 1).map(|next| &*next.frame);
        let change = turn.difference.next(frame, following);
        let Choice { colors, local } = if index == 0 {
            let choice = match turn.global.take() {
                Some(colors) => Choice {
                    colors,
                    local: false,
                },
                None => Choice {
                    local: false,
                    ..self.colors(frame, &change, None)?
                },
            };
            turn.global = Some(choice.colors.clone());
            drop(turn);
            choice
        } else {
            let global = turn.global.clone().expect("the first frame has set it");
            drop(turn);
            self.colors(frame, &change, Some(global))?
        };
        let table = || {
            let mut table = colors.table.clone();
            table.resize(colors.len(), [0; 3]);
            table
        };
        let minimum_code_size = block::table_bits(colors.len()).max(2);
        self.map(index, frame, &change, &colors, minimum_code_size)?;
        let transparent = colors.transparent.filter(|_| change.holes || index > 0);
        let image = Image {
            rect: change.rect,
            delay: *delay,
            disposal: change.disposal,
            transparent,
            local: local.then(table),
            minimum_code_size,
            codes: self.mapper.lzw.finish().to_vec(),
        };
        Ok(Some(Done {
            index,
            global: (index == 0).then(table),
            image,
        }))
    }

    /// The colors for what is drawn.
    fn colors(
        &mut self,
        frame: &Frame,
        change: &Change,
        global: Option<Arc<Colors>>,
    ) -> Result<Choice, Error> {
        let width = self.shared.canvas.width as usize;
        let layout = frame.layout();
        if change.drawn == 0
            && let Some(global) = global
        {
            return Ok(Choice {
                colors: global,
                local: false,
            });
        }
        let rows = || frame.rows().zip(change.marks.chunks_exact(width));
        let mut exact = ExactColors::new();
        if rows().all(|(row, marks)| add_exact(&mut exact, layout, row, Some(marks)).is_ok()) {
            if let Some(global) = global
                && exact
                    .colors()
                    .iter()
                    .all(|&color| global.find(color).is_some())
            {
                return Ok(Choice {
                    colors: global,
                    local: false,
                });
            }
            let colors = Arc::new(Colors::exact(table_of(&exact), true));
            return Ok(Choice {
                colors,
                local: true,
            });
        }
        for (row, marks) in rows() {
            self.shared.check()?;
            for (pixel, &mark) in row.chunks_exact(layout.channels()).zip(marks) {
                if mark >= mark::DRAW {
                    self.histogram.add([pixel[0], pixel[1], pixel[2]]);
                }
            }
        }
        let bins: Vec<_> = self.histogram.take().collect();
        let tuning = self.shared.tuning;
        if let Some(global) = global
            && global.loss(&bins).is_some_and(|loss| loss <= tuning.reuse)
        {
            return Ok(Choice {
                colors: global,
                local: false,
            });
        }
        let table = palette::choose(&bins, 255, tuning.rounds);
        Ok(Choice {
            colors: Arc::new(Colors::mixed(table, true)),
            local: true,
        })
    }

    /// Maps the rectangle into codes, and shows it.
    fn map(
        &mut self,
        index: usize,
        frame: &Frame,
        change: &Change,
        colors: &Colors,
        minimum_code_size: u32,
    ) -> Result<(), Error> {
        let shared = self.shared;
        let layout = frame.layout();
        let channels = layout.channels();
        let (width, height) = (shared.canvas.width as usize, shared.canvas.height as usize);
        let rect = change.rect;
        let (left, right) = (rect.x as usize, (rect.x + rect.width) as usize);
        let (top, bottom) = (rect.y as usize, (rect.y + rect.height) as usize);
        self.mapper
            .begin(rect.width as usize, colors, minimum_code_size);
        self.texture.begin();
        let mut ready = if index == 0 { height } else { 0 };
        for y in 0..height {
            shared.check()?;
            if ready <= y {
                ready = shared.progress[index - 1].wait(y);
            }
            let mut shown = lock(&shared.shown[y]);
            if let Some(cleared) = change.cleared
                && (cleared.y..cleared.y + cleared.height).contains(&(y as u32))
            {
                shown[cleared.x as usize..][..cleared.width as usize].fill([0; 4]);
            }
            if (top..bottom).contains(&y) {
                let busy = if colors.is_mixed() {
                    self.texture.row(frame, y)
                } else {
                    &[]
                };
                let row = Row {
                    source: &frame.pixels()
                        [(y * width + left) * channels..(y * width + right) * channels],
                    channels,
                    busy: busy.get(left..right).unwrap_or(&[]),
                    marks: &change.marks[y * width + left..y * width + right],
                    shown: &mut shown[left..right],
                };
                self.mapper.row(colors, row);
            }
            #[cfg(any(test, fuzzing))]
            if let Some(meant) = shared.meant {
                lock(&meant.0)
                    .entry(index)
                    .or_default()
                    .extend_from_slice(&shown);
            }
            drop(shown);
            if y % 8 == 7 {
                shared.progress[index].set(y + 1);
            }
        }
        shared.progress[index].set(height);
        Ok(())
    }
}
