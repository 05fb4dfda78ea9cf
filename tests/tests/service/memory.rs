//! What all requests keep in memory together: sources, the work on them, and answers until they are sent.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use service_tests::{animate_rule, jpeg};
use shared::config::Outside;
use shared::pipeline::{Limits, Options, Plan};
use shared::rules::Rule;
use shared::storage::{Folder, Storage};
use shared::{Body, Config, Service};
use storage::faults::{Faulty, Verb};
use tempfile::TempDir;

use crate::server::{BUCKET, HOST};

struct Bare {
    service: Service,
    storage: Faulty,
    _folder: TempDir,
}

impl Bare {
    fn with(limits: &str, files: &[(&str, &[u8])]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).expect("a file");
        }
        let text = format!(
            "[anonymous]\npolicy = \"open\"\n[[bucket]]\nname = \"{BUCKET}\"\nfolder = \".\"\ndefault = true\n[limits]\n{limits}\n"
        );
        let outside = Outside {
            env: &|_| None,
            file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        let config = Config::parse(&text, &outside).expect("the configuration is right");
        let storage = Faulty::new(Folder::open(folder.path()).expect("a folder"));
        let own = storage.clone();
        let service = Service::new(config, |_| Ok(Arc::new(own.clone()) as Arc<dyn Storage>));
        Self {
            service: service.expect("a service"),
            storage,
            _folder: folder,
        }
    }

    async fn get(&self, target: &str) -> Response<Body> {
        let request = Request::get(target).header("host", HOST);
        let request = request.body(Bytes::new()).expect("a request");
        self.service.answer(request).await
    }

    #[track_caller]
    fn refused(status: u16, code: &str, answer: (u16, String)) -> String {
        let (found, text) = answer;
        assert_eq!(found, status, "{text}");
        assert!(text.contains(&format!("<Code>{code}</Code>")), "{text}");
        text
    }
}

async fn read(answer: Response<Body>) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect(1 << 30).await;
    let body = body.expect("an answer");
    (status, String::from_utf8_lossy(&body).into_owned())
}

const RULE: &str = "imageMogr2/format/png";

/// What `RULE` takes of memory on this source, beside it.
fn bound(source: &[u8]) -> u64 {
    let rule = Rule::parse(RULE).expect("a rule");
    let sources = [Bytes::copy_from_slice(source)];
    let plan = Plan::new(&sources, &rule, &Limits::default(), &Options::default());
    plan.expect("a plan").memory_bytes()
}

#[tokio::test]
async fn work_for_which_there_is_never_room_is_refused_at_once() {
    let source = jpeg(800, 800, 0);
    let needed = bound(&source) + source.len() as u64;
    let target = format!("/a.jpg?{RULE}");
    let total = needed - 1;
    let limits = format!("memory_total_bytes = {total}");
    let bare = Bare::with(&limits, &[("a.jpg", &source)]);
    let refused = read(bare.get(&target).await).await;
    let text = Bare::refused(400, "ImageResolutionExceed", refused);
    for number in [needed, total] {
        assert!(text.contains(&number.to_string()), "{text}");
    }
    let limits = format!("memory_total_bytes = {needed}\nthreads = 1");
    let bare = Bare::with(&limits, &[("a.jpg", &source)]);
    for _ in 0..3 {
        let answer = bare.get(&target).await;
        assert_eq!(answer.status(), 200, "{}", read(answer).await.1);
    }
}

#[tokio::test]
async fn an_answer_keeps_its_memory_until_it_is_sent() {
    let source = jpeg(120, 120, 0);
    let total = bound(&source) + source.len() as u64;
    let limits = format!("memory_total_bytes = {total}\ndeadline_seconds = 5\nthreads = 1");
    let bare = Bare::with(&limits, &[("a.jpg", &source)]);
    let target = format!("/a.jpg?{RULE}");
    // Its reader has read nothing of it.
    let first = bare.get(&target).await;
    assert_eq!(first.status(), 200);
    let second = bare.get(&target).await;
    assert_eq!(second.headers()["retry-after"], "2");
    Bare::refused(503, "SlowDown", read(second).await);
    // What takes none of it is answered.
    assert_eq!(bare.get("/a.jpg").await.status(), 200);
    drop(first);
    assert_eq!(bare.get(&target).await.status(), 200);
}

#[tokio::test]
async fn a_body_for_which_there_is_never_room_is_too_large() {
    let bare = Bare::with("memory_total_bytes = 2000000", &[]);
    for (len, expected) in [(1_000_000, 200), (1_000_001, 400)] {
        let request = Request::put("/a").header("host", HOST);
        let body = Bytes::from(vec![0; len]);
        let answer = bare.service.answer(request.body(body).expect("a request"));
        let (status, text) = read(answer.await).await;
        assert_eq!(status, expected, "{len}: {text}");
        let is_too_large = text.contains("<Code>EntityTooLarge</Code>");
        assert_eq!(is_too_large, expected == 400, "{text}");
        assert!(
            expected == 200 || text.contains("1000000 bytes allowed here"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_animation_waits_for_its_reader_within_the_memory() {
    let (one, two) = (jpeg(300, 300, 0), jpeg(300, 300, 40));
    let rule = animate_rule("50", &[&format!("http://{HOST}/b.jpg")]);
    let target = format!("/a.jpg?{rule}");
    let files: [(&str, &[u8]); 2] = [("a.jpg", &one), ("b.jpg", &two)];
    let bare = Bare::with("threads = 1", &files);
    let whole = read(bare.get(&target).await).await;
    assert_eq!(whole.0, 200);
    // Read or not, those that came before give all of their memory back.
    let limits = "memory_total_bytes = 20000000\nthreads = 1\nconcurrency = 1";
    let bare = Bare::with(limits, &files);
    for n in 0..24 {
        let answer = bare.get(&target).await;
        assert_eq!(answer.status(), 200, "{n}");
        if n % 2 == 0 {
            assert_eq!(read(answer).await, whole, "{n}");
        }
    }
}

#[tokio::test]
async fn sources_are_judged_together_before_one_is_read() {
    let (one, two) = (jpeg(300, 300, 0), jpeg(300, 300, 40));
    let together = (one.len() + two.len()) as u64;
    let most = one.len().max(two.len()) as u64;
    let rule = animate_rule(
        "50",
        &[
            &format!("http://{HOST}/b.jpg"),
            &format!("http://{HOST}/a.jpg"),
        ],
    );
    let target = format!("/a.jpg?{rule}");
    let files: [(&str, &[u8]); 2] = [("a.jpg", &one), ("b.jpg", &two)];
    let limits = |sum| format!("source_bytes = {most}\nsources_bytes = {sum}");
    let bare = Bare::with(&limits(together - 1), &files);
    let refused = read(bare.get(&target).await).await;
    let text = Bare::refused(400, "ImageTooLarge", refused);
    assert!(
        text.contains(&format!("{together} bytes together")),
        "{text}"
    );
    assert_eq!(bare.storage.calls(Verb::Read), 0);
    // Named twice, an object counts once.
    let bare = Bare::with(&limits(together), &files);
    assert_eq!(bare.get(&target).await.status(), 200);
}

#[tokio::test]
async fn what_no_source_can_make_possible_opens_none() {
    let bare = Bare::with("", &[("a.jpg", &jpeg(30, 30, 0))]);
    let rule = animate_rule("50", &[&format!("http://{HOST}/a.jpg")]);
    let refused = read(bare.get(&format!("/a.jpg?{rule}%7C{rule}")).await).await;
    Bare::refused(400, "InvalidImageFormat", refused);
    assert_eq!(bare.storage.calls(Verb::Get), 0);
    // A still of an animation can be a frame of another.
    let answer = bare
        .get(&format!("/a.jpg?{rule}%7CimageMogr2/format/png%7C{rule}"))
        .await;
    assert_eq!(answer.status(), 200);
}
