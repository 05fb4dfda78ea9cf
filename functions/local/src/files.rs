//! The pipeline on files: `mogr animate`, `mogr interlace`, `mogr encode`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use pipeline::{Damage, Limits, Options, Pixels, Process, Report, Sampling, Scans, Simd};
use raster::Unwatched;
use rules::{ImageMogr2, ImageRef, Rule, Stage};

use crate::error::Error;

/// What all of them take.
#[derive(Debug, clap::Args)]
struct Common {
    /// Where the result goes; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Do the work this many times and tell how long each took; the last result is written.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    reps: u32,
    /// Worker threads at most; the result is the same for any number. 0 takes as many as there are processors, as
    /// `animate` does where nothing is said; the others take one.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Run the plain code instead of what is fastest on this processor; the result is the same.
    #[arg(long)]
    portable: bool,
}

/// How the scans of a progressive JPG are chosen.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ScansOption {
    /// The script that jpegtran writes.
    Standard,
    /// Chosen for the picture.
    Smallest,
}

/// How many samples of color a JPG has.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SamplingOption {
    /// 4:2:0 below quality 90, 4:4:4 from there on.
    Auto,
    /// 4:4:4, one for each pixel.
    #[value(name = "444")]
    S444,
    /// 4:2:2, one for two pixels beside each other.
    #[value(name = "422")]
    S422,
    /// 4:2:0, one for 2 x 2 pixels.
    #[value(name = "420")]
    S420,
}

/// What matters most in a GIF.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum PresetOption {
    /// How it looks comes first, then bytes.
    Quality,
    /// Bytes first.
    Small,
}

/// What `mogr animate` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Animate {
    /// How long each frame shows, in milliseconds. Browsers slow frames of 10 ms and less down to 100 ms.
    #[arg(short, long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=i64::from(rules::MAX_DURATION)))]
    duration: u32,
    /// What matters most: how the animation looks, or its bytes.
    #[arg(long, value_enum, default_value = "quality")]
    preset: PresetOption,
    #[command(flatten)]
    common: Common,
    /// The frames, in order; the first one's size is the animation's.
    #[arg(required = true, num_args = 2.., value_name = "IMAGE")]
    frames: Vec<PathBuf>,
}

/// What `mogr interlace` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Interlace {
    /// 1 for a progressive JPG, 0 for a baseline one.
    #[arg(short, long, value_name = "0|1", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    mode: u8,
    /// How the scans are chosen.
    #[arg(long, value_enum, default_value = "smallest")]
    scans: ScansOption,
    /// Leave out all metadata that the picture does not need.
    #[arg(long)]
    strip: bool,
    /// Of a damaged picture keep what can be read, instead of refusing it; the rest is gray.
    #[arg(long)]
    keep_damaged: bool,
    #[command(flatten)]
    common: Common,
    /// The picture.
    input: PathBuf,
}

/// What `mogr encode` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Encode {
    /// How near to the picture, 0 to 100: more is nearer, and takes more bytes.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    quality: u8,
    /// Write a progressive JPG.
    #[arg(long)]
    progressive: bool,
    /// How many samples of color it has.
    #[arg(long, value_enum, default_value = "auto")]
    sampling: SamplingOption,
    #[command(flatten)]
    common: Common,
    /// The picture. It is decoded once, however often it is encoded (`--reps`).
    input: PathBuf,
}

impl Animate {
    pub(crate) fn run(self) -> Result<(), Error> {
        let images = (1..self.frames.len()).map(|number| {
            // A rule names images by URL; these stand for the files in their order.
            ImageRef::new(&format!("http://files/{number}")).expect("a host and a number")
        });
        let animate = rules::Animate::new(self.duration, images.collect());
        let stage = ImageMogr2 {
            animate: Some(animate),
            ..ImageMogr2::default()
        };
        let options = Options {
            preset: match self.preset {
                PresetOption::Quality => pipeline::Preset::Quality,
                PresetOption::Small => pipeline::Preset::Small,
            },
            ..Options::default()
        };
        run(
            &self.frames,
            stage,
            &Limits::default(),
            options,
            &self.common,
        )
    }
}

impl Interlace {
    pub(crate) fn run(self) -> Result<(), Error> {
        let stage = ImageMogr2 {
            output: rules::Output {
                format: Some(rules::Format::Jpg),
                interlace: Some(self.mode == 1),
                strip: self.strip,
                ..rules::Output::default()
            },
            ..ImageMogr2::default()
        };
        let options = Options {
            scans: match self.scans {
                ScansOption::Standard => Scans::Standard,
                ScansOption::Smallest => Scans::Smallest,
            },
            ..Options::default()
        };
        let limits = Limits {
            damage: if self.keep_damaged {
                Damage::Keep
            } else {
                Damage::Refuse
            },
            ..Limits::default()
        };
        run(&[self.input], stage, &limits, options, &self.common)
    }
}

impl Encode {
    pub(crate) fn run(self) -> Result<(), Error> {
        let limits = Limits::default();
        let options = Options {
            sampling: match self.sampling {
                SamplingOption::Auto => Sampling::Auto,
                SamplingOption::S444 => Sampling::S444,
                SamplingOption::S422 => Sampling::S422,
                SamplingOption::S420 => Sampling::S420,
            },
            ..self.common.options(1)
        };
        let process = if self.progressive {
            Process::Progressive
        } else {
            Process::Baseline
        };
        let inputs = [self.input];
        let (sources, bar) = read(&inputs, &self.common)?;
        let pixels = Pixels::read(&sources[0], &limits, &Unwatched);
        let pixels = pixels.map_err(|error| named(error, &inputs))?;
        repeat(&inputs, &sources, &self.common, &bar, |output| {
            pixels
                .to_jpeg(self.quality, process, &limits, &options, &Unwatched)?
                .write(&Unwatched, output)
        })
    }
}

impl Common {
    /// How the work on this many files is done.
    fn options(&self, files: usize) -> Options {
        Options {
            threads: match self.threads {
                None if files == 1 => 1,
                None | Some(0) => std::thread::available_parallelism().map_or(1, usize::from),
                Some(threads) => threads,
            },
            simd: if self.portable {
                Simd::Portable
            } else {
                Simd::Auto
            },
            ..Options::default()
        }
    }
}

/// Reads the files, does the work as often as asked, writes the result. `options` are those that not all commands have.
fn run(
    inputs: &[PathBuf],
    stage: ImageMogr2,
    limits: &Limits,
    options: Options,
    common: &Common,
) -> Result<(), Error> {
    let rule = Rule::new(vec![Stage::ImageMogr2(stage)]).expect("one stage is a rule");
    let Options { threads, simd, .. } = common.options(inputs.len());
    let options = Options {
        threads,
        simd,
        ..options
    };
    pipeline::check(&rule, limits)?;
    let (sources, bar) = read(inputs, common)?;
    repeat(inputs, &sources, common, &bar, |output| {
        let prepared = pipeline::prepare(&sources, &rule, limits, &options, &Unwatched)?;
        prepared.write(&Unwatched, output)
    })
}

/// The files, and the bar that goes on with the work.
fn read(inputs: &[PathBuf], common: &Common) -> Result<(Vec<Bytes>, ProgressBar), Error> {
    let bar = progress(inputs.len() as u64 + u64::from(common.reps));
    let mut sources = Vec::new();
    for path in inputs {
        bar.set_message(format!("reading {}", path.display()));
        let bytes = fs::read(path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        sources.push(Bytes::from(bytes));
        bar.inc(1);
    }
    Ok((sources, bar))
}

/// Does the work as often as asked, and writes the last result.
fn repeat(
    inputs: &[PathBuf],
    sources: &[Bytes],
    common: &Common,
    bar: &ProgressBar,
    mut work: impl FnMut(&mut Vec<u8>) -> Result<Report, pipeline::Error>,
) -> Result<(), Error> {
    let mut times = Vec::new();
    let mut output = Vec::new();
    let mut report = None;
    for _ in 0..common.reps {
        bar.set_message("working");
        output.clear();
        let started = Instant::now();
        let done = work(&mut output);
        times.push(started.elapsed());
        report = Some(done.map_err(|error| named(error, inputs))?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    save(&common.output, &output)?;
    if let Some(report) = report {
        tell(&report, sources, &mut times);
    }
    Ok(())
}

/// The error with the file's name in it, where it is one file's.
fn named(error: pipeline::Error, inputs: &[PathBuf]) -> Error {
    match error {
        pipeline::Error::Source { index, .. } if index < inputs.len() => Error::Source {
            path: inputs[index].clone(),
            source: error,
        },
        error => error.into(),
    }
}

/// On a terminal only.
fn progress(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {msg}");
    bar.set_style(style.expect("the template is right"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Writes the whole file or, where that fails, nothing.
fn save(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    if path == Path::new("-") {
        let mut out = io::stdout().lock();
        return out
            .write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(failed);
    }
    if path.exists() && !path.is_file() {
        // A device or a pipe cannot be replaced, only written to.
        return fs::write(path, bytes).map_err(failed);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|source| {
        let _ = fs::remove_file(&part);
        failed(source)
    })
}

/// Says on standard error what was made.
fn tell(report: &Report, sources: &[Bytes], times: &mut [Duration]) {
    let read: usize = sources.iter().map(Bytes::len).sum();
    let info = report.info;
    let frames = match info.frames {
        0 | 1 => String::new(),
        frames => format!(", {frames} frames"),
    };
    times.sort_unstable();
    let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let larger = if sources.len() == 1 && report.bytes > read as u64 {
        ", larger than the source"
    } else {
        ""
    };
    let spent = match &*times {
        [] => String::new(),
        [once] => milliseconds(*once),
        [least, .., most] => format!(
            "{} runs: least {}, median {}, most {}",
            times.len(),
            milliseconds(*least),
            milliseconds(times[times.len() / 2]),
            milliseconds(*most)
        ),
    };
    eprintln!(
        "{} {}x{}{frames}: {read} bytes in, {} out{larger}; {spent}",
        info.format.upper_name(),
        info.size.width,
        info.size.height,
        report.bytes
    );
}
