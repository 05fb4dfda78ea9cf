//! Sends every file of a corpus to a running `mogr serve`: frames become GIFs, photos progressive JPEGs, and what is
//! odd or broken a result or a clear refusal. Prints every status, then the counts.
//!
//! ```sh
//! cargo build --release && cargo run --release -p service-tests --example corpus -- [--corpus DIR] [--out DIR]
//! ```
//!
//! `DIR` has `frames/<sequence>/*`, `photos/*` and, to be asked everything, any other folder of files; without
//! `--corpus` the samples and fixtures of the repository are sent. `--out` keeps the results. Ends with 1 on a 5xx, a
//! panic, a request without an answer in a minute, or a result that an independent decoder does not find right.

#![allow(clippy::print_stdout)] // The report is what it is for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use service_tests::{Answer, animate_rule, frame_marker, read_gif, read_jpeg, request};

const HOST: &str = "examples-1250000000.cos.ap-shanghai.myqcloud.com";

/// What every file is asked for that is neither a frame nor a photo.
const RULES: [&str; 4] = [
    "imageMogr2/interlace/1",
    "imageMogr2/interlace/0",
    "imageMogr2/format/jpg/interlace/1",
    "imageMogr2/auto-orient/format/png",
];

/// A file of the corpus, in the group that says what is asked of it.
struct Item {
    group: String,
    path: PathBuf,
}

impl Item {
    fn key(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        format!("{}/{}", self.group, name.to_string_lossy())
    }
}

struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    /// Open for as long as the server may print.
    _out: BufReader<ChildStdout>,
}

impl Server {
    /// Starts the program over a folder.
    fn start(program: &Path, root: &Path, log: PathBuf) -> Self {
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--root"])
            .arg(root)
            .env_remove("MOGR_CONFIG")
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log file"))
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build it first", program.display()));
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut told = String::new();
        out.read_line(&mut told)
            .expect("the server says where it listens");
        let (_, address) = told.trim_end().rsplit_once("http://").expect("a URL");
        Self {
            child,
            address: address.parse().expect("an address"),
            log,
            _out: out,
        }
    }

    /// The answer, or why there is none.
    fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, String> {
        let headers = [&[("Host", HOST)][..], headers].concat();
        let (address, sent) = (self.address, &headers[..]);
        catch_unwind(|| request(address, method, target, sent, body))
            .map_err(|_| "no whole answer".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came of all requests.
#[derive(Default)]
struct Report {
    /// By group and outcome.
    counts: BTreeMap<(String, String), u32>,
    failures: Vec<String>,
}

impl Report {
    /// Prints and counts one answer. `check` looks at a result.
    fn take(
        &mut self,
        group: &str,
        what: &str,
        answer: Result<Answer, String>,
        must_succeed: bool,
        check: impl FnOnce(&Answer) -> Result<(), String>,
    ) -> Option<Answer> {
        let (outcome, verdict) = match &answer {
            Err(why) => ("none".to_owned(), Err(why.clone())),
            Ok(answer) if answer.status == 200 => ("200".to_owned(), check(answer)),
            Ok(answer) => {
                let code = answer.xml("Code");
                let is_clean = (400..500).contains(&answer.status)
                    && !code.is_empty()
                    && !answer.xml("Message").is_empty()
                    && answer.xml("RequestId") == answer.header("x-cos-request-id");
                let verdict = if is_clean && !must_succeed {
                    Ok(())
                } else {
                    Err(answer.text())
                };
                (format!("{} {code}", answer.status), verdict)
            }
        };
        println!("{what}: {outcome}");
        *self.counts.entry((group.to_owned(), outcome)).or_default() += 1;
        if let Err(why) = verdict {
            println!("  FAILED: {why}");
            self.failures.push(format!("{what}: {why}"));
            return None;
        }
        answer.ok().filter(|answer| answer.status == 200)
    }
}

/// The path of a key in a URL.
fn escaped(key: &str) -> String {
    key.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte) {
            path.push(byte.into());
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}

/// Whether the bytes are what their `Content-Type` says.
fn is_what_it_says(answer: &Answer) -> Result<(), String> {
    let begins: &[u8] = match answer.header("content-type") {
        "image/jpeg" => b"\xff\xd8\xff",
        "image/png" => b"\x89PNG\r\n\x1a\n",
        "image/gif" => b"GIF8",
        "image/webp" => b"RIFF",
        "image/bmp" => b"BM",
        other => return Err(format!("a result of type `{other}`")),
    };
    if answer.body.starts_with(begins) {
        Ok(())
    } else {
        Err("the bytes are of another type".to_owned())
    }
}

/// A progressive JPEG in which an independent decoder sees the source's very pixels.
fn is_lossless(answer: &Answer, source: &[u8]) -> Result<(), String> {
    is_what_it_says(answer)?;
    if frame_marker(&answer.body) != Some(0xC2) {
        return Err("not progressive".to_owned());
    }
    let same = catch_unwind(|| read_jpeg(&answer.body) == read_jpeg(source));
    match same {
        Ok(true) => Ok(()),
        Ok(false) => Err("other pixels than the source's".to_owned()),
        Err(_) => Err("an independent decoder does not read it".to_owned()),
    }
}

/// A GIF of this many frames, 100 ms each.
fn is_animation(answer: &Answer, frames: usize) -> Result<(), String> {
    is_what_it_says(answer)?;
    let gif = catch_unwind(|| read_gif(&answer.body));
    let gif = gif.map_err(|_| "an independent decoder does not read it".to_owned())?;
    if gif.forever && gif.delays == vec![10; frames] {
        Ok(())
    } else {
        Err(format!("delays {:?}, forever {}", gif.delays, gif.forever))
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

/// The files of a corpus folder; `frames/a` is a group, as are `photos`, `bad`, `edge` and what else there is.
fn corpus(folder: &Path) -> Vec<Item> {
    let mut folders = Vec::new();
    for path in files(folder).into_iter().filter(|path| path.is_dir()) {
        if path.ends_with("frames") {
            folders.extend(files(&path).into_iter().filter(|path| path.is_dir()));
        } else {
            folders.push(path);
        }
    }
    let items = folders.iter().flat_map(|path| {
        let group = path.strip_prefix(folder).expect("a folder in it");
        let group = group.to_string_lossy().into_owned();
        let is_image =
            |path: &PathBuf| path.is_file() && path.extension().is_none_or(|e| e != "tsv");
        let found = files(path).into_iter().filter(is_image);
        found.map(move |path| Item {
            group: group.clone(),
            path,
        })
    });
    items.collect()
}

/// What the repository has.
fn committed() -> Vec<Item> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let samples = files(&root.join("functions/local/samples"));
    let named = |path: &PathBuf, start: &str| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_picture = path.extension().is_some_and(|e| e == "jpg" || e == "png");
        is_picture && name.starts_with(start)
    };
    let mut items = Vec::new();
    let mut add = |group: &str, paths: Vec<PathBuf>| {
        let group = || group.to_owned();
        items.extend(paths.into_iter().map(|path| Item {
            group: group(),
            path,
        }));
    };
    let of = |start: &str| {
        samples
            .iter()
            .filter(|p| named(p, start))
            .cloned()
            .collect()
    };
    add("frames/samples", of("image-"));
    add("photos", of("photo"));
    for (group, folder) in [
        ("jpeg", "shared/codec-jpeg/tests/fixtures"),
        ("images", "shared/pipeline/tests/fixtures"),
    ] {
        let fixtures = files(&root.join(folder)).into_iter();
        add(group, fixtures.filter(|path| path.is_file()).collect());
    }
    items
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut folder, mut out) = (None, None);
    let beside = std::env::current_exe().expect("this program has a path");
    let mut program = beside.with_file_name("..").join("mogr");
    while let Some(name) = arguments.next() {
        let value = arguments.next().map(PathBuf::from);
        match (name.as_str(), value) {
            ("--corpus", Some(path)) => folder = Some(path),
            ("--out", Some(path)) => out = Some(path),
            ("--mogr", Some(path)) => program = path,
            _ => {
                eprintln!("corpus [--corpus DIR] [--out DIR] [--mogr PROGRAM]");
                return ExitCode::from(2);
            }
        }
    }
    let items = folder.as_deref().map_or_else(committed, corpus);
    let work = tempfile::tempdir().expect("a temporary folder");
    let root = work.path().join("root");
    for item in &items {
        let copy = root.join(item.key());
        fs::create_dir_all(copy.parent().expect("a group")).expect("a folder");
        fs::copy(&item.path, copy).unwrap_or_else(|error| panic!("{}: {error}", item.key()));
    }
    let server = Server::start(&program, &root, work.path().join("log"));
    let keep = |name: &str, answer: Option<Answer>| {
        if let (Some(out), Some(answer)) = (&out, answer) {
            fs::create_dir_all(out).expect("a folder");
            fs::write(out.join(name.replace('/', "_")), answer.body).expect("a file");
        }
    };
    // A decoder that panics is an answer here, told in its own line.
    std::panic::set_hook(Box::new(|_| {}));

    let mut report = Report::default();
    let mut at = 0;
    while at < items.len() {
        let item = &items[at];
        let (group, key) = (&item.group, item.key());
        let url = |item: &Item| format!("http://{HOST}/{}", escaped(&item.key()));
        let target = |rule: &str| format!("/{}?{rule}", escaped(&key));
        if group.starts_with("frames/") {
            let end = items[at..].iter().take_while(|next| next.group == *group);
            let count = end.count();
            let urls: Vec<String> = items[at + 1..at + count.min(20)].iter().map(url).collect();
            let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
            let answer = server.send("GET", &target(&animate_rule("100", &urls)), &[], b"");
            let what = format!("{group}, {} frames", urls.len() + 1);
            let frames = urls.len() + 1;
            let made = report.take("frames", &what, answer, true, |answer| {
                is_animation(answer, frames)
            });
            keep(&format!("{group}.gif"), made);
            at += count;
            continue;
        }
        at += 1;
        if group == "photos" {
            let answer = server.send("GET", &target(RULES[0]), &[], b"");
            let source = fs::read(&item.path).expect("a file");
            let made = report.take(group, &key, answer, true, |answer| {
                is_lossless(answer, &source)
            });
            keep(&key, made);
            continue;
        }
        let animate = animate_rule("100", &[&url(item)]);
        for rule in RULES.iter().copied().chain([animate.as_str()]) {
            let answer = server.send("GET", &target(rule), &[], b"");
            let shown = rule.split("/duration").next().unwrap_or(rule);
            let what = format!("{key} {shown}");
            report.take(group, &what, answer, false, is_what_it_says);
        }
        // The stored modes: a PUT that must keep its original, and a POST that never fails on the image.
        let operations = |more: &str| {
            format!(
                r#"{{"is_pic_info":1,"rules":[{{"fileid":"/out","rule":"{}{more}"}}]}}"#,
                RULES[2]
            )
        };
        let source = fs::read(&item.path).expect("a file");
        let headers = [("Pic-Operations", &*operations(""))];
        let answer = server.send("PUT", "/put", &headers, &source);
        report.take(group, &format!("{key} PUT"), answer, false, |_| Ok(()));
        let kept = server.send("GET", "/put", &[], b"");
        report.take(group, &format!("{key} PUT, kept"), kept, true, |kept| {
            let is_kept = kept.body == source;
            is_kept.then_some(()).ok_or("other bytes".to_owned())
        });
        let headers = [("Pic-Operations", &*operations("/ignore-error/1"))];
        let answer = server.send("POST", &target("image_process"), &headers, b"");
        let what = format!("{key} POST, ignore-error");
        report.take(group, &what, answer, true, |_| Ok(()));
    }

    let log = fs::read_to_string(&server.log).unwrap_or_default();
    let panics: Vec<&str> = log.lines().filter(|line| line.contains("panic")).collect();
    println!();
    let mut total = 0;
    for ((group, outcome), count) in &report.counts {
        println!("{group:10} {outcome:30} {count}");
        total += count;
    }
    println!(
        "{} files, {total} requests, {} failed, {} panics",
        items.len(),
        report.failures.len(),
        panics.len()
    );
    for line in report.failures.iter().map(String::as_str).chain(panics) {
        println!("{line}");
    }
    if report.failures.is_empty() && !log.contains("panic") {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
