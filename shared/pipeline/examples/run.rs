//! Runs a rule over files, for looking at results and for measuring:
//!
//! - `run still <rule> <out folder> <files>`: each file on its own; results are stored beside each other.
//! - `run animate <duration> <out file> <files>`: all files as one animation.
//!
//! Prints one line a result: file, milliseconds, what came out. A panic is caught and told of.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use pipeline::{Limits, Options, Report};
use raster::Unwatched;
use rules::{Animate, ImageMogr2, ImageRef, Rule, Stage};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, first, out, files @ ..] = &arguments[..] else {
        eprintln!("usage: run still <rule> <folder> <files> | run animate <ms> <file> <files>");
        std::process::exit(2);
    };
    let threads = std::env::var("THREADS").map_or(1, |n| n.parse().expect("THREADS is a number"));
    if mode == "animate" {
        let images = 2..=files.len();
        let images = images.map(|n| ImageRef::new(&format!("http://host/{n}")).expect("a URL"));
        let duration = first.parse().expect("milliseconds");
        let animate = Some(Animate::new(duration, images.collect()));
        let stage = ImageMogr2 {
            animate,
            ..ImageMogr2::default()
        };
        let rule = Rule::new(vec![Stage::ImageMogr2(stage)]).expect("one stage");
        report(out, || run(&rule, files, Path::new(out), threads));
    } else {
        let rule = match Rule::parse(first) {
            Ok(rule) => rule,
            Err(error) => return eprintln!("{error}"),
        };
        for file in files {
            let name = Path::new(file).file_name().expect("a file");
            let files = std::slice::from_ref(file);
            report(file, || {
                run(&rule, files, &Path::new(out).join(name), threads)
            });
        }
    }
}

fn report(name: &str, work: impl Fn() -> Result<Report, String> + std::panic::UnwindSafe) {
    let start = Instant::now();
    let result = std::panic::catch_unwind(work);
    let ms = start.elapsed().as_millis();
    let text = match result {
        Ok(Ok(Report { info, bytes })) => format!(
            "ok\t{} {} frames={} quality={} bytes={bytes}",
            info.format, info.size, info.frames, info.quality
        ),
        Ok(Err(error)) => format!("refused\t{error}"),
        Err(_) => "PANIC".to_owned(),
    };
    println!("{name}\t{ms} ms\t{text}");
}

fn run(rule: &Rule, files: &[String], out: &Path, threads: usize) -> Result<Report, String> {
    let read = |file: &String| std::fs::read(file).map(Bytes::from);
    let sources: Vec<Bytes> = files
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(text)?;
    let options = Options {
        threads,
        ..Options::default()
    };
    let prepared = pipeline::prepare(&sources, rule, &Limits::default(), &options, &Unwatched);
    let mut bytes = Vec::new();
    let report = prepared
        .map_err(text)?
        .write(&Unwatched, &mut bytes)
        .map_err(text)?;
    std::fs::write(out, bytes).map_err(text)?;
    Ok(report)
}

fn text(error: impl std::error::Error) -> String {
    error.to_string()
}
