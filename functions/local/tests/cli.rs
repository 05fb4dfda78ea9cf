//! The program itself: its commands, what they write, and how they end.

#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    text(&folder.join(name))
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn mogr(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mogr"));
    command.args(arguments).env_remove("MOGR_CONFIG");
    command.output().unwrap()
}

#[track_caller]
fn prints(arguments: &[&str]) -> String {
    let output = mogr(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim_end().to_owned()
}

#[track_caller]
fn fails(arguments: &[&str], code: i32, message: &str) {
    let output = mogr(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains(message), "`{message}` is not in: {errors}");
}

/// The frame type of a JPEG: 0 for SOF0, 2 for SOF2.
fn frame_type(jpeg: &[u8]) -> u8 {
    let mut at = 2;
    loop {
        assert_eq!(jpeg[at], 0xff);
        let marker = jpeg[at + 1];
        if (0xc0..=0xc2).contains(&marker) {
            return marker - 0xc0;
        }
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    }
}

#[test]
fn files_are_worked_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name));
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let (photo, png) = (sample("photo.jpg"), sample("sample.png"));

    prints(&["interlace", &photo, "-o", &path("p.jpg"), "--reps", "2"]);
    assert_eq!(frame_type(&read("p.jpg")), 2);
    prints(&[
        "interlace",
        &path("p.jpg"),
        "-o",
        &path("b.jpg"),
        "--mode",
        "0",
    ]);
    assert_eq!(frame_type(&read("b.jpg")), 0);
    let other = path("portable.jpg");
    prints(&[
        "interlace",
        &photo,
        "-o",
        &other,
        "--portable",
        "--threads",
        "2",
    ]);
    assert_eq!(read("portable.jpg"), read("p.jpg"));

    // Nothing can be made smaller than it is, but for what a form costs.
    let grown = mogr(&["interlace", &path("p.jpg"), "-m", "0", "-o", &other]);
    let told = String::from_utf8_lossy(&grown.stderr);
    assert!(told.contains("larger than the source"), "{told}");

    let half = read("p.jpg");
    fs::write(path("half.jpg"), &half[..half.len() / 2]).unwrap();
    fails(
        &["interlace", &path("half.jpg"), "-o", &other],
        1,
        "half.jpg",
    );
    prints(&[
        "interlace",
        &path("half.jpg"),
        "-o",
        &other,
        "--keep-damaged",
    ]);
    prints(&["interlace", &other, "-o", &other]);
    fs::remove_file(path("half.jpg")).unwrap();

    prints(&["encode", &png, "-q", "85", "-o", &path("e.jpg")]);
    prints(&[
        "encode",
        &png,
        "-q",
        "85",
        "--sampling",
        "444",
        "--reps",
        "2",
        "-o",
        &path("f.jpg"),
    ]);
    assert!(read("f.jpg").len() > read("e.jpg").len());
    assert_eq!(frame_type(&read("e.jpg")), 0);

    let frames: Vec<String> = (1..=3).map(|n| sample(&format!("image-{n}.jpg"))).collect();
    let mut arguments = vec!["animate", "--duration", "50", "-o", "-"];
    arguments.extend(frames.iter().map(String::as_str));
    let output = mogr(&arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(&output.stdout[..10], b"GIF89a\x80\x02\x68\x01");
    assert!(told.contains("640x360, 3 frames"), "{told}");

    // Nothing but results is left behind.
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["b.jpg", "e.jpg", "f.jpg", "p.jpg", "portable.jpg"]);
}

#[test]
fn mistakes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name));
    fs::write(path("text.jpg"), "no picture").unwrap();
    let (photo, wrong, out) = (sample("image-1.jpg"), path("text.jpg"), path("out"));
    let (photo, wrong, out) = (photo.as_str(), wrong.as_str(), out.as_str());

    fails(
        &["interlace", &path("none.jpg"), "-o", out],
        1,
        "cannot read",
    );
    fails(&["interlace", wrong, "-o", out], 1, "text.jpg");
    fails(
        &["animate", "-d", "50", "-o", out, photo, wrong],
        1,
        "text.jpg",
    );
    fails(&["animate", "-d", "0", "-o", out, photo, photo], 2, "0");
    fails(&["animate", "-d", "50", "-o", out, photo], 2, "IMAGE");
    let mut many = vec!["animate", "-d", "50", "-o", out];
    many.extend([photo; 21]);
    fails(&many, 1, "21");
    fails(&["encode", photo, "-q", "101", "-o", out], 2, "101");
    assert!(!Path::new(out).exists());
    fails(
        &["interlace", photo, "-o", &path("none/out")],
        1,
        "cannot write",
    );

    let root = path("");
    fails(
        &["serve", "--listen", "0.0.0.0:0", "--root", &root],
        1,
        "loopback",
    );
    fails(&["serve", "--root", &path("none")], 1, "none");
    fails(&["serve", "--config", &path("none.toml")], 1, "none.toml");
    let config = path("mogr.toml");
    fs::write(&config, "[[bucket]]\nname = \"b\"\nfolders = \"x\"\n").unwrap();
    fails(&["serve", "--config", &config], 1, "folders");
    fs::write(&config, "[[bucket]]\nname = \"b\"\ns3 = \"x\"\n").unwrap();
    // A build with S3 has to know where that is.
    let missing = if cfg!(feature = "s3") {
        "AWS_REGION"
    } else {
        "--features s3"
    };
    fails(&["serve", "--config", &config], 1, missing);
}

#[test]
fn requests_are_printed() {
    assert_eq!(
        prints(&["url", "-d", "50", "image-1.jpg", "image-2.jpg"]),
        "http://127.0.0.1:8080/image-1.jpg?imageMogr2/animate/duration/50/images/\
         aHR0cDovL2V4YW1wbGVzLTEyNTAwMDAwMDAuY29zLmFwLXNoYW5naGFpLm15cWNsb3VkLmNvbS9pbWFnZS0yLmpwZw"
    );
    let base = "https://img.example.com/";
    assert_eq!(
        prints(&["url", "-i", "1", "--base", base, "a b/\u{e9}.png"]),
        "https://img.example.com/a%20b/%C3%A9.png?imageMogr2/format/jpg/interlace/1"
    );
    let rule = "imageMogr2/interlace/1/format/jpg";
    assert_eq!(
        prints(&["url", "-r", rule, "--post", "small/a.jpg", "a.png"]),
        "curl -X POST 'http://127.0.0.1:8080/a.png?image_process' -H 'Pic-Operations: \
         {\"is_pic_info\":1,\"rules\":[{\"fileid\":\"small/a.jpg\",\
         \"rule\":\"imageMogr2/format/jpg/interlace/1\"}]}'"
    );
    assert_eq!(
        prints(&["url", "-r", rule, "--put", "a.jpg", "a.png"]),
        "curl -T 'a.png' 'http://127.0.0.1:8080/a.png' -H 'Pic-Operations: \
         {\"is_pic_info\":1,\"rules\":[{\"fileid\":\"a.jpg\",\
         \"rule\":\"imageMogr2/format/jpg/interlace/1\"}]}'"
    );
    let json = r#"{"is_pic_info":1,"rules":[{"fileid":"a.jpg","rule":"imageMogr2/interlace/1"}]}"#;
    assert_eq!(
        prints(&[
            "url",
            "-r",
            "imageMogr2/interlace/1",
            "--put",
            "a.jpg",
            "--direct",
            "bucket",
            "in/a.png"
        ]),
        format!(
            "aws s3 cp 'in/a.png' 's3://bucket/in/a.png' --metadata 'pic-operations={}'",
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, json)
        )
    );
    let long: Vec<String> = (0..20)
        .map(|n| format!("{n}{}.jpg", "x".repeat(60)))
        .collect();
    let mut words = vec!["url", "-d", "50", "--put", "a.gif", "--direct", "bucket"];
    words.extend(long.iter().map(String::as_str));
    fails(&words, 2, "at most 2048");
    fails(&["url", "-d", "50", "a.jpg"], 2, "2 to 20");
    fails(&["url", "-i", "1", "a.jpg", "b.jpg"], 2, "--duration");
    fails(&["url", "a.jpg"], 2, "--rule");
    let unbuilt = "imageMogr2/thumbnail/10x";
    fails(&["url", "-r", unbuilt, "a.jpg"], 1, "not supported yet");
    fails(&["url", "-i", "1", "--sign", "a.jpg"], 2, "--config");
}

#[test]
fn signatures_are_made_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let config = text(&folder.path().join("mogr.toml"));
    fs::write(
        &config,
        "[[bucket]]\nname = \"examples-1250000000\"\nfolder = \".\"\n\
         [[key]]\nid = \"AKIDx\"\nsecret = \"s\"\npolicy = \"open\"\n",
    )
    .unwrap();
    let base = "http://examples-1250000000.cos.ap-shanghai.myqcloud.com";
    let signed = [
        "url", "-i", "1", "--base", base, "--sign", "--config", &config,
    ];
    let url = prints(&[&signed[..], &["a.jpg"]].concat());
    let begin = format!("{base}/a.jpg?q-sign-algorithm=sha1&q-ak=AKIDx&");
    assert!(url.starts_with(&begin), "{url}");
    let explained = prints(&["explain", "--config", &config, &url]);
    assert!(explained.contains("the signature is right"), "{explained}");
    for line in [
        "stage 1      imageMogr2/format/jpg/interlace/1\n",
        "policy       cos:GetObject on `examples-1250000000/a.jpg` for the key `AKIDx`: allowed by statement[0] (`open`)",
        "answer       nothing in the request is refused",
    ] {
        assert!(explained.contains(line), "{line}{explained}");
    }
    let forged = url.replace("interlace/1", "interlace/0");
    let output = mogr(&["explain", "--config", &config, &forged]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = "answer       refused with 403 SignatureDoesNotMatch";
    assert!(told.contains(line), "{told}");
    // A request from standard input, its header in Latin-1.
    let mut child = Command::new(env!("CARGO_BIN_EXE_mogr"))
        .args(["explain", "--config", &config])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let host = base.strip_prefix("http://").unwrap();
    let mut stdin = child.stdin.take().unwrap();
    write!(stdin, "PUT /a.jpg HTTP/1.1\r\nHost: {host}\r\n").unwrap();
    stdin
        .write_all(b"Pic-Operations: {\"\xfc\"\r\n\r\n")
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = "rules        not understood: Pic-Operations is not UTF-8\n";
    assert!(told.contains(line), "{told}");
}

#[test]
fn policies_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = text(&folder.path().join("policy.json"));
    let document = r#"{"version": "2.0", "statement": {"effect": "allow", "action": "cos:GetObject",
        "resource": "qcs::cos:*:*:examples-1250000000/public/*"}}"#;
    fs::write(&path, document).unwrap();
    assert_eq!(
        prints(&["policy", "check", &path]),
        "the document is understood"
    );
    let misspelled = text(&folder.path().join("misspelled.json"));
    fs::write(&misspelled, document.replace("GetObject", "GetObjekt")).unwrap();
    let output = mogr(&["policy", "check", &misspelled]);
    assert_eq!(output.status.code(), Some(0));
    let warning =
        "mogr: statement[0].action: `cos:GetObjekt` is no action that this service knows\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), warning);
    let ask = ["policy", "check", &path, "--action", "GetObject", "--key"];
    let ask = |key| [&ask[..], &[key]].concat();
    assert_eq!(prints(&ask("public/a.jpg")), "allowed by statement[0]");
    let denied = mogr(&ask("private/a.jpg"));
    assert_eq!(denied.status.code(), Some(1));
    let told = String::from_utf8_lossy(&denied.stdout);
    assert_eq!(told, "denied: no statement allows it\n");
    let document = document.replace("allow", "maybe");
    fs::write(&path, document).unwrap();
    fails(&["policy", "check", &path], 1, "maybe");
}

#[cfg(unix)]
#[test]
fn a_configuration_that_is_no_text_is_not_overlooked() {
    use std::os::unix::ffi::OsStringExt;
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mogr"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .env("MOGR_CONFIG", std::ffi::OsString::from_vec(vec![0xff]))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("MOGR_CONFIG"), "{errors}");
    assert!(!folder.path().join("data").exists());
}

struct Serving {
    child: Child,
    lines: Vec<String>,
    rest: BufReader<ChildStdout>,
}

/// `mogr serve` in `folder`, and what it has printed when it listens.
fn serve(folder: &Path) -> Serving {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mogr"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder)
        .env_remove("MOGR_CONFIG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut rest = BufReader::new(child.stdout.take().unwrap());
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "Ctrl-C stops it.") {
        let mut line = String::new();
        assert!(rest.read_line(&mut line).unwrap() > 0, "{lines:?}");
        lines.push(line.trim_end().to_owned());
    }
    Serving { child, lines, rest }
}

/// Sends a request; the head and the body of its answer.
fn fetch(url: &str, method: &str, headers: &str) -> (String, Vec<u8>) {
    let url = url.strip_prefix("http://").unwrap();
    let (host, target) = url.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!(
        "{method} /{target} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let body = answer.split_off(end.unwrap() + 4);
    (String::from_utf8(answer).unwrap(), body)
}

#[cfg(unix)]
#[test]
fn serves_samples_and_stops_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let mut serving = serve(folder.path());
    let line = |what: &str| {
        let mut lines = serving.lines.iter();
        lines.find(|line| line.contains(what)).unwrap().clone()
    };
    let url = |what: &str| {
        let line = line(what);
        let url = line.split(' ').find(|word| word.starts_with("http:"));
        url.unwrap().to_owned()
    };
    let original = fs::read(sample("photo.jpg")).unwrap();
    assert_eq!(fetch(&url("as it is"), "GET", "").1, original);
    let (head, jpeg) = fetch(&url("progressive JPEG"), "GET", "");
    assert!(head.contains("200 OK"), "{head}");
    assert!(head.contains("image/jpeg"), "{head}");
    assert_eq!(frame_type(&jpeg), 2);
    assert_eq!(frame_type(&fetch(&url("PNG to JPEG"), "GET", "").1), 2);
    let (head, gif) = fetch(&url("6-frame GIF"), "GET", "");
    assert!(head.contains("image/gif"), "{head}");
    assert_eq!(&gif[..6], b"GIF89a");

    // The printed command, as a shell would cut it.
    let command = line("curl");
    let words: Vec<&str> = command.split('\'').collect();
    let (head, xml) = fetch(words[1], "POST", &format!("{}\r\n", words[3]));
    let xml = String::from_utf8_lossy(&xml);
    assert!(head.contains("200 OK"), "{head}{xml}");
    assert_eq!(fetch(&url("/animation.gif"), "GET", "").1, gif);
    let stored = folder.path().join("data/animation.gif");
    assert_eq!(fs::read(stored).unwrap(), gif);

    let (head, _) = fetch(&url("as it is").replace("photo", "none"), "GET", "");
    assert!(head.contains("404 Not Found"), "{head}");

    let id = serving.child.id().to_string();
    let kill = Command::new("kill").args(["-TERM", &id]).status();
    assert!(kill.unwrap().success());
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    serving.rest.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("Stopped.\n"), "{rest}");
    let mut log = String::new();
    let mut stderr = serving.child.stderr.take().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    assert_eq!(
        log.matches("request_id").count(),
        7,
        "one line a request: {log}"
    );
    let refused = log.lines().last().unwrap();
    assert!(
        refused.contains("nothing is stored under `none.jpg`"),
        "{refused}"
    );
}

#[cfg(unix)]
#[test]
fn the_log_is_short_and_holds_no_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let mut serving = serve(folder.path());
    let url = serving.lines[0]
        .split(' ')
        .find(|word| word.starts_with("http:"));
    let url = url.unwrap().to_owned();
    let digits = "0123456789abcdef0123456789abcdef01234567";
    let fields = "q-sign-algorithm=sha1&q-ak=x&q-sign-time=1;2&q-key-time=1;2&q-header-list=&q-url-param-list=";
    let long = "x".repeat(200_000);
    for (target, headers) in [
        // Of whoever has no key.
        ("/a", format!("Authorization: {long}\r\n")),
        ("/a", format!("Authorization: {fields}&q-ak={long}\r\n")),
        (
            "/a",
            format!(
                "Authorization: {}&q-signature={digits}\r\n",
                fields.replace("=x", &format!("={long}"))
            ),
        ),
        ("/a?image_process", format!("Pic-Operations: {long}\r\n")),
        // A query that is not joined as it should be, and paths that hold one.
        (
            &format!("/a?imageMogr2/q-signature={digits}"),
            String::new(),
        ),
        (
            &format!(
                "/a?{};q-signature={digits};imageMogr2/none",
                fields.replace('&', ";")
            ),
            String::new(),
        ),
        (
            &format!("/a?imageMogr2/;%71-Signature%3d{digits}"),
            String::new(),
        ),
        (&format!("/none;q-signature={digits}"), String::new()),
        (&format!("/none%3Fq%2Dsignature%3D{digits}"), String::new()),
        (
            "/a?imageMogr2/;x-cos-security-token=tokenexample",
            String::new(),
        ),
    ] {
        fetch(
            &format!("{url}{target}"),
            if target.ends_with("process") {
                "POST"
            } else {
                "GET"
            },
            &headers,
        );
    }
    let id = serving.child.id().to_string();
    let kill = Command::new("kill").args(["-TERM", &id]).status();
    assert!(kill.unwrap().success());
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    let mut stderr = serving.child.stderr.take().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    assert_eq!(
        log.matches("request_id").count(),
        10,
        "one line a request: {log}"
    );
    for line in log.lines() {
        assert!(
            line.len() < 10_000,
            "{} bytes: {}",
            line.len(),
            &line[..300]
        );
        for secret in [digits, "tokenexample"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
    assert!(log.contains("(hidden)"), "{log}");
}
