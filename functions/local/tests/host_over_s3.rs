//! `mogr serve` over a bucket: against one that has no bucket, and, with `--include-ignored`, a server that speaks S3.

#![allow(clippy::unwrap_used)] // In a test a panic is the report.
#![cfg(feature = "s3")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

const BUCKET: &str = "local-host";

fn serve(folder: &tempfile::TempDir, endpoint: &str) -> Command {
    let config = folder.path().join("mogr.toml");
    let text = format!(
        "[[bucket]]\nname = \"examples-1250000000\"\ns3 = \"{BUCKET}\"\ndefault = true\n\
         [anonymous]\npolicy = \"open\"\n\
         [s3]\nendpoint = \"{endpoint}\"\nregion = \"us-east-1\"\npath_style = true\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mogr"));
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(config)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn ask(address: &str, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut connection = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{head}\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(body).unwrap();
    let mut all = Vec::new();
    connection.read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let body = all.split_off(end + 4);
    (String::from_utf8(all).unwrap(), body)
}

#[test]
fn a_bucket_that_is_not_there_is_refused_at_start() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let output = serve(&folder, &endpoint).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0), "{errors}");
    let message = format!("bucket `examples-1250000000`: the bucket `{BUCKET}` does not exist");
    assert!(errors.contains(&message), "{errors}");
}

#[test]
#[ignore = "needs a server that speaks S3, whose URL MOGR_TEST_S3 gives"]
fn a_bucket_is_served() {
    let endpoint = std::env::var("MOGR_TEST_S3").expect("MOGR_TEST_S3");
    let s3 = endpoint.strip_prefix("http://").unwrap();
    let (head, _) = ask(s3, &format!("PUT /{BUCKET} HTTP/1.1"), b"");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");

    let folder = tempfile::tempdir().unwrap();
    let mut server = serve(&folder, &endpoint).spawn().unwrap();
    let mut line = String::new();
    let mut told = BufReader::new(server.stdout.take().unwrap());
    told.read_line(&mut line).unwrap();
    let address = line.trim_end().rsplit("http://").next().unwrap().to_owned();
    assert!(line.contains(&format!("s3://{BUCKET}")), "{line}");

    let picture = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/image-1.jpg")).unwrap();
    let (head, _) = ask(&address, "PUT /a%20b.jpg HTTP/1.1", &picture);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (head, body) = ask(&address, "GET /a%20b.jpg HTTP/1.1", b"");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, picture);
    let rule = "GET /a%20b.jpg?imageMogr2/interlace/1 HTTP/1.1";
    let (head, body) = ask(&address, rule, b"");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        body.windows(2).any(|two| two == b"\xff\xc2"),
        "no SOF2 in {} bytes",
        body.len()
    );
    let (head, _) = ask(&address, "GET /missing.jpg HTTP/1.1", b"");
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    server.kill().unwrap();
    server.wait().unwrap();
}
