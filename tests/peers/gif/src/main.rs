//! A table of GIF encoders over folders of frames: user CPU, wall time, bytes, SSIMULACRA2, flicker and peak memory.
//!
//! `gif-peers --corpus DIR [--ours COMMAND] [--sharp DIR] [--step N]`: every folder in DIR is one animation, its JPEG
//! or PNG files in name order its frames (at most 20, all of one size; other folders are skipped). Run:
//!
//! - `ours`, `small`: COMMAND (by default `mogr`) with `animate --duration 100 [--preset small] -o OUT FRAMES...`
//! - `ffmpeg`: its palettegen and paletteuse with their defaults; the yardstick of the ratios
//! - `sharp`: the Node module installed in DIR
//!
//! A program that is not there is skipped. CPU is user time as the system counts it; one run each, so repeat it
//! before you believe a difference of a tenth. SSIMULACRA2 is the mean over every N-th frame (2), composed on white;
//! flicker is the mean change, in levels, of pixels whose source did not change. RSS is the peak of the program.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use fast_ssim2::{PixelDescriptor, PixelSlice, Ssimulacra2Reference};
use zune_core::bytestream::ZCursor;

type Failure = Box<dyn Error>;

/// Frames of packed RGB, all of one size.
struct Frames {
    width: usize,
    height: usize,
    pixels: Vec<Vec<u8>>,
}

/// One program's result on one animation.
struct Row {
    user: f64,
    wall: f64,
    bytes: u64,
}

const SHARP: &str = "
const sharp = require(process.argv[1] + '/node_modules/sharp');
const [, , out, ...files] = process.argv;
sharp(files, { join: { animated: true } }).gif({ effort: 7, loop: 0, delay: files.map(() => 100) }).toFile(out);
";

fn main() -> Result<(), Failure> {
    let (mut corpus, mut ours, mut sharp, mut step) = (None, "mogr animate".to_owned(), None, 2);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--corpus" => corpus = Some(PathBuf::from(value)),
            "--ours" => ours = value,
            "--sharp" => sharp = Some(value),
            "--step" => step = value.parse()?,
            other => {
                return Err(format!(
                    "`{other}` is not known: --corpus, --ours, --sharp, --step are"
                )
                .into());
            }
        }
    }
    let corpus = corpus.ok_or("--corpus DIR: a folder of folders of frames")?;
    let mut folders: Vec<PathBuf> = fs::read_dir(&corpus)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    folders.sort();
    let out = std::env::temp_dir().join(format!("gif-peers-{}.gif", std::process::id()));
    let path = out.display().to_string();
    println!(
        "| animation | program | user s | x | wall s | x | KiB | x | SSIMULACRA2 | flicker | RSS MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let names = ["ffmpeg", "ours", "small", "sharp"];
    let mut all: Vec<Vec<[f64; 6]>> = vec![Vec::new(); names.len()];
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let files = frames_of(folder)?;
        let Some(source) = read_all(&files)? else {
            eprintln!(
                "{}: skipped, as it holds frames of several sizes or none",
                folder.display()
            );
            continue;
        };
        let mut yard: Option<Row> = None;
        for (index, name) in names.iter().enumerate() {
            let mut command = match (*name, &sharp) {
                ("ffmpeg", _) => ffmpeg(folder, &files, &path),
                ("sharp", Some(sharp)) => {
                    let mut command = Command::new("node");
                    command.args(["-e", SHARP, sharp, &path]).args(&files);
                    command
                }
                ("sharp", None) => continue,
                (preset, _) => {
                    let mut parts = ours.split_whitespace();
                    let mut command = Command::new(parts.next().ok_or("--ours: a command")?);
                    command.args(parts).args(["--duration", "100", "-o", &path]);
                    if preset == "small" {
                        command.args(["--preset", "small"]);
                    }
                    command.args(&files);
                    command
                }
            };
            let _ = fs::remove_file(&out);
            let spent = run(&mut command).ok().filter(|spent| spent.success);
            let Some(spent) = spent.filter(|_| out.exists()) else {
                eprintln!("{}: {name} is not there, or failed", folder.display());
                continue;
            };
            let shown = compose(&out, &source)?;
            let (quality, flicker) = judge(&source, &shown, step)?;
            let row = Row {
                user: spent.user,
                wall: spent.wall,
                bytes: fs::metadata(&out)?.len(),
            };
            let ratio = |of: fn(&Row) -> f64| yard.as_ref().map_or(1.0, |yard| of(&row) / of(yard));
            let ratios = [
                ratio(|r| r.user),
                ratio(|r| r.wall),
                ratio(|r| r.bytes as f64),
            ];
            println!(
                "| {} | {name} | {:.2} | {:.2} | {:.2} | {:.2} | {} | {:.2} | {quality:.2} | {flicker:.3} | {:.0} |",
                folder.file_name().unwrap_or_default().display(),
                spent.user,
                ratios[0],
                spent.wall,
                ratios[1],
                row.bytes / 1024,
                ratios[2],
                spent.rss_kib / 1024.0,
            );
            all[index].push([
                ratios[0],
                ratios[1],
                ratios[2],
                quality,
                flicker,
                spent.rss_kib,
            ]);
            if *name == "ffmpeg" {
                yard = Some(row);
            }
        }
    }
    let _ = fs::remove_file(&out);
    for (name, rows) in names.iter().zip(&all).filter(|(_, rows)| !rows.is_empty()) {
        let count = rows.len() as f64;
        let geometric = |i: usize| (rows.iter().map(|row| row[i].ln()).sum::<f64>() / count).exp();
        let mean = |i: usize| rows.iter().map(|row| row[i]).sum::<f64>() / count;
        println!(
            "| all {count} | {name} | | {:.2} | | {:.2} | | {:.2} | {:.2} | {:.3} | {:.0} |",
            geometric(0),
            geometric(1),
            geometric(2),
            mean(3),
            mean(4),
            rows.iter().map(|row| row[5]).fold(0.0, f64::max) / 1024.0
        );
    }
    Ok(())
}

fn frames_of(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|end| ["jpg", "jpeg", "png"].iter().any(|known| end == *known))
        {
            files.push(path);
        }
    }
    files.sort();
    files.truncate(20);
    Ok(files)
}

fn ffmpeg(folder: &Path, files: &[PathBuf], out: &str) -> Command {
    let end = files[0]
        .extension()
        .unwrap_or_default()
        .display()
        .to_string();
    let mut command = Command::new("ffmpeg");
    command.args([
        "-nostdin",
        "-v",
        "error",
        "-y",
        "-framerate",
        "10",
        "-pattern_type",
        "glob",
        "-i",
    ]);
    command.arg(format!("{}/*.{end}", folder.display()));
    command.args([
        "-filter_complex",
        "[0:v]split[a][b];[a]palettegen[p];[b][p]paletteuse",
        "-loop",
        "0",
        out,
    ]);
    command
}

/// What one run took, and whether it went well.
struct Spent {
    user: f64,
    wall: f64,
    rss_kib: f64,
    success: bool,
}

/// Runs `command`, with the system's accounting of it and of what it has waited for.
fn run(command: &mut Command) -> Result<Spent, Failure> {
    let clock = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut status = 0;
    // SAFETY: all zeros is a valid `rusage`, which is plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of their types, and nobody else waits for this child.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) };
    if waited < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(Spent {
        user: usage.ru_utime.tv_sec as f64 + usage.ru_utime.tv_usec as f64 / 1e6,
        wall: clock.elapsed().as_secs_f64(),
        rss_kib: usage.ru_maxrss as f64,
        success: status == 0,
    })
}

fn read_all(files: &[PathBuf]) -> Result<Option<Frames>, Failure> {
    let mut frames: Option<Frames> = None;
    for file in files {
        let (width, height, pixels) = read(file)?;
        match &mut frames {
            None => {
                frames = Some(Frames {
                    width,
                    height,
                    pixels: vec![pixels],
                })
            }
            Some(frames) if (frames.width, frames.height) == (width, height) => {
                frames.pixels.push(pixels)
            }
            Some(_) => return Ok(None),
        }
    }
    Ok(frames)
}

/// Width, height, and packed RGB over white.
fn read(file: &Path) -> Result<(usize, usize, Vec<u8>), Failure> {
    let bytes = fs::read(file)?;
    if !bytes.starts_with(b"\x89PNG") {
        let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(&bytes));
        let pixels = decoder.decode()?;
        let (width, height) = decoder.dimensions().ok_or("no size")?;
        return Ok((width, height, pixels));
    }
    let mut decoder = png::Decoder::new(std::io::Cursor::new(&bytes));
    decoder.set_transformations(
        png::Transformations::normalize_to_color8() | png::Transformations::ALPHA,
    );
    let mut reader = decoder.read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let info = reader.next_frame(&mut pixels)?;
    let over_white = |value: u8, alpha: u8| {
        ((u32::from(value) * u32::from(alpha) + 255 * (255 - u32::from(alpha)) + 127) / 255) as u8
    };
    let pixels = pixels[..info.buffer_size()].chunks_exact(info.color_type.samples());
    let pixels = pixels
        .flat_map(|pixel| match *pixel {
            [v, a] => [over_white(v, a); 3],
            [r, g, b, a] => [r, g, b].map(|value| over_white(value, a)),
            _ => [0; 3],
        })
        .collect();
    Ok((info.width as usize, info.height as usize, pixels))
}

/// The frames of a GIF as they are shown, over white; as many as the source has.
fn compose(file: &Path, source: &Frames) -> Result<Vec<Vec<u8>>, Failure> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut reader = options.read_info(File::open(file)?)?;
    let (width, height) = (reader.width() as usize, reader.height() as usize);
    if (width, height) != (source.width, source.height) {
        return Err(format!("the GIF is {width}x{height}").into());
    }
    let mut canvas = vec![255u8; width * height * 3];
    let mut shown: Vec<Vec<u8>> = Vec::new();
    let mut ticks = 0;
    while let Some(image) = reader.read_next_frame()? {
        let before = canvas.clone();
        let place = |i: usize| {
            3 * ((image.top as usize + i / image.width as usize) * width
                + image.left as usize
                + i % image.width as usize)
        };
        for (i, pixel) in image.buffer.chunks_exact(4).enumerate() {
            if pixel[3] != 0 {
                canvas[place(i)..][..3].copy_from_slice(&pixel[..3]);
            }
        }
        // A program may join frames that are equal.
        ticks += image.delay.max(1);
        while shown.len() < source.pixels.len() && shown.len() * 10 < ticks as usize {
            shown.push(canvas.clone());
        }
        match image.dispose {
            gif::DisposalMethod::Background => {
                for i in 0..image.width as usize * image.height as usize {
                    canvas[place(i)..][..3].fill(255);
                }
            }
            gif::DisposalMethod::Previous => canvas = before,
            gif::DisposalMethod::Any | gif::DisposalMethod::Keep => {}
        }
    }
    shown.resize(source.pixels.len(), canvas);
    Ok(shown)
}

/// SSIMULACRA2 and flicker.
fn judge(source: &Frames, shown: &[Vec<u8>], step: usize) -> Result<(f64, f64), Failure> {
    let (width, height) = (source.width, source.height);
    let slice = |pixels| {
        PixelSlice::new(
            pixels,
            width as u32,
            height as u32,
            3 * width,
            PixelDescriptor::RGB8_SRGB,
        )
    };
    let (mut quality, mut judged) = (0.0, 0);
    for (from, to) in source.pixels.iter().zip(shown).step_by(step.max(1)) {
        quality += Ssimulacra2Reference::new(&slice(from)?)?.compare(&slice(to)?)?;
        judged += 1;
    }
    let (mut change, mut still) = (0u64, 0u64);
    for (from, to) in source.pixels.windows(2).zip(shown.windows(2)) {
        for i in (0..from[0].len()).step_by(3) {
            if from[0][i..i + 3] == from[1][i..i + 3] {
                change += (i..i + 3)
                    .map(|c| u64::from(to[0][c].abs_diff(to[1][c])))
                    .sum::<u64>();
                still += 3;
            }
        }
    }
    Ok((
        quality / f64::from(judged),
        if still == 0 {
            0.0
        } else {
            change as f64 / still as f64
        },
    ))
}
