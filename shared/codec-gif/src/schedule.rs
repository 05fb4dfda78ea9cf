//! Who works on which frame, and in what order. Frames are compared in order; then each worker chooses the colors
//! of its frame and maps it row by row, each row as soon as the frame before has left it. So the bytes are the
//! same for any number of threads, and the threads are busy all the time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{io, thread};

use raster::{Frame, Kernel, Size, Stopped, Watch};

use crate::alpha;
use crate::block::{self, Image};
use crate::choice::{Choice, Chooser, common_colors};
use crate::difference::{Change, Difference};
use crate::dither::{Mapper, Row};
use crate::error::Error;
use crate::image_colors::Colors;
use crate::options::{GifFrame, Options};
use crate::texture::Texture;
use crate::tuning::Tuning;

/// Takes the images in order; the first comes with the global color table.
pub(crate) type Sink<'a> = dyn FnMut(Option<&[[u8; 3]]>, Image) -> io::Result<()> + 'a;

/// Encodes all frames; `sink` gets each image as soon as it and those before it are done.
pub(crate) fn run(
    frames: Vec<GifFrame>,
    options: &Options,
    watch: &dyn Watch,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    let tuning = Tuning::of(options.preset);
    let shared = Shared::new(frames, options, &tuning, watch)?;
    run_shared(&shared, sink)
}

/// The same, and what each frame is meant to show.
#[cfg(any(test, fuzzing))]
pub(crate) fn run_and_mean(
    frames: Vec<GifFrame>,
    options: &Options,
    watch: &dyn Watch,
    meant: &Meant,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    let tuning = Tuning::of(options.preset);
    let mut shared = Shared::new(frames, options, &tuning, watch)?;
    shared.meant = Some(meant);
    run_shared(&shared, sink)
}

fn run_shared(shared: &Shared<'_>, sink: &mut Sink<'_>) -> Result<(), Error> {
    let threads = shared.threads;
    if threads <= 1 {
        let mut worker = Worker::new(shared);
        while let Some(done) = worker.next()? {
            sink(done.global.as_deref(), done.image).map_err(Error::Output)?;
        }
        return Ok(());
    }
    thread::scope(|scope| {
        // However this ends, nobody works on.
        let _ending = Ending(shared, || true);
        let (sender, receiver) = mpsc::channel();
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(move || {
                // A panic here ends the others as well.
                let _ending = Ending(shared, thread::panicking);
                let mut worker = Worker::new(shared);
                while let Some(done) = worker.next().transpose() {
                    let failed = done.is_err();
                    if sender.send(done).is_err() || failed {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let count = shared.progress.len();
        let mut waiting: Vec<Option<Done>> = (0..count).map(|_| None).collect();
        let mut next = 0;
        while next < count {
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
                shared.written.set(next);
            }
        }
        Ok(())
    })
}

/// What the workers share.
struct Shared<'a> {
    canvas: Size,
    threads: usize,
    kernel: Kernel,
    tuning: &'a Tuning,
    watch: &'a dyn Watch,
    stopped: AtomicBool,
    turn: Mutex<Turn>,
    /// What is shown, row by row: red, green, blue, and 255; or what was shown before it was cleared, and 0.
    shown: Vec<Mutex<Vec<[u8; 4]>>>,
    progress: Vec<Progress>,
    /// How many images are written.
    written: Progress,
    #[cfg(any(test, fuzzing))]
    meant: Option<&'a Meant>,
}

/// What must be done in the order of the frames before the mapping.
struct Turn {
    /// Those that are still to be encoded; each is let go of when it is done. The first one stays, as the one that
    /// follows the last.
    frames: Vec<Option<GifFrame>>,
    next: usize,
    difference: Difference,
    global: Option<Arc<Colors>>,
}

/// How much is done: rows of a frame, or frames.
#[derive(Default)]
struct Progress {
    done: Mutex<usize>,
    moved: Condvar,
}

/// A lock is poisoned only by a panic, which ends the whole run.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress {
    /// It never goes back: a worker that has not noticed yet that all was stopped must not make others wait again.
    fn set(&self, done: usize) {
        let mut now = lock(&self.done);
        *now = done.max(*now);
        self.moved.notify_all();
    }

    /// Waits until more than `count` are done; gives how many.
    fn wait(&self, count: usize) -> usize {
        let mut done = lock(&self.done);
        while *done <= count {
            done = self
                .moved
                .wait(done)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *done
    }
}

/// Stops all workers when it is dropped, if the function then says so: always where the images are written, and where
/// one is made only if a panic ends it.
struct Ending<'a, 'b>(&'a Shared<'b>, fn() -> bool);

impl Drop for Ending<'_, '_> {
    fn drop(&mut self) {
        if self.1() {
            self.0.stop();
        }
    }
}

impl<'a> Shared<'a> {
    fn new(
        frames: Vec<GifFrame>,
        options: &Options,
        tuning: &'a Tuning,
        watch: &'a dyn Watch,
    ) -> Result<Self, Error> {
        let (count, canvas) = (frames.len(), frames[0].frame.size());
        let global =
            common_colors(&frames, watch)?.map(|table| Arc::new(Colors::exact(table, true)));
        Ok(Self {
            canvas,
            threads: options.threads.min(count),
            kernel: Kernel::detect(options.simd),
            tuning,
            watch,
            stopped: AtomicBool::new(false),
            turn: Mutex::new(Turn {
                frames: frames.into_iter().map(Some).collect(),
                next: 0,
                difference: Difference::new(canvas),
                global,
            }),
            shown: (0..canvas.height)
                .map(|_| Mutex::new(vec![[0; 4]; canvas.width as usize]))
                .collect(),
            progress: (0..count).map(|_| Progress::default()).collect(),
            written: Progress::default(),
            #[cfg(any(test, fuzzing))]
            meant: None,
        })
    }

    /// Ends all workers soon; none waits for another any more.
    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        for progress in self.progress.iter().chain([&self.written]) {
            progress.set(usize::MAX);
        }
    }
}

impl Watch for Shared<'_> {
    fn check(&self) -> Result<(), Stopped> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(Stopped::Cancelled);
        }
        self.watch.check()
    }
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

struct Worker<'a> {
    shared: &'a Shared<'a>,
    chooser: Chooser<'a>,
    mapper: Mapper,
    texture: Texture,
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared<'a>) -> Self {
        Self {
            shared,
            chooser: Chooser::new(shared.tuning, shared.kernel),
            mapper: Mapper::new(shared.tuning, shared.kernel),
            texture: Texture::new(shared.canvas.width as usize),
        }
    }

    /// Encodes the next frame that nobody works on; none if there is none.
    fn next(&mut self) -> Result<Option<Done>, Error> {
        let shared = self.shared;
        let mut turn = lock(&shared.turn);
        let index = turn.next;
        let count = turn.frames.len();
        if index == count {
            return Ok(None);
        }
        if shared.threads > 1
            && let Some(before) = index.checked_sub(2 * shared.threads)
        {
            // Two images for each thread, at most, are being made or wait to be written.
            shared.written.wait(before);
        }
        shared.check()?;
        turn.next += 1;
        let GifFrame { frame, delay } = match index {
            0 => turn.frames[0].clone(),
            _ => turn.frames[index].take(),
        }
        .expect("each is taken once");
        let frame = &*alpha::flatten(&frame, shared)?;
        // After the last frame comes the first again, and not every viewer clears the canvas for it.
        let following = turn.frames[(index + 1) % count].clone();
        let following = following.expect("it is not taken yet").frame;
        let change = turn.difference.next(frame, &following, shared)?;
        drop(following);
        let Choice { colors, local } = if index == 0 {
            let choice = match turn.global.take() {
                Some(colors) => Choice {
                    colors,
                    local: false,
                },
                None => Choice {
                    local: false,
                    ..self.chooser.choose(frame, &change, None, shared)?
                },
            };
            turn.global = Some(choice.colors.clone());
            drop(turn);
            choice
        } else {
            let global = turn.global.clone().expect("the first frame has set it");
            drop(turn);
            self.chooser.choose(frame, &change, Some(global), shared)?
        };
        let table = || {
            let mut table = colors.table.clone();
            table.resize(colors.len(), [0; 3]);
            table
        };
        let used = change.holes || index > 0 && colors.is_mixed();
        let transparent = colors
            .transparent
            .filter(|_| used || change.needs_transparent());
        // An index that only tells how to clear the image is in the table, and not among the symbols.
        let symbols = colors.table.len() + usize::from(transparent.is_some() && used);
        let minimum_code_size = block::table_bits(symbols).max(2);
        self.map(index, frame, &change, &colors, minimum_code_size)?;
        let image = Image {
            rect: change.rect,
            delay,
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
                for pixel in &mut shown[cleared.x as usize..][..cleared.width as usize] {
                    pixel[3] = 0;
                }
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
                    .extend(shown.iter().map(|&pixel| match pixel[3] {
                        0 => [0; 4],
                        _ => pixel,
                    }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_once_all_is_stopped() {
        let progress = Progress::default();
        progress.set(usize::MAX);
        // A worker that has not noticed yet tells of its rows.
        progress.set(8);
        assert_eq!(progress.wait(100), usize::MAX);
    }
}
