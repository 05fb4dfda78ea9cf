//! The front over raw sockets: what clients really send, byte by byte.

#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use shared::{Config, Service};
use tokio::sync::oneshot;

struct Server {
    address: SocketAddr,
    folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        Self::with(mogr::Patience::default())
    }

    fn with(patience: mogr::Patience) -> Self {
        Self::set_up(move |server| server.with_patience(patience))
    }

    fn set_up(set_up: impl FnOnce(mogr::Server) -> mogr::Server + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::open("examples-1250000000", folder.path().to_owned());
        Self::of(config, folder, set_up)
    }

    /// Where anyone may write under `in/`, and a key may do anything.
    fn with_key() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"
            [[bucket]]
            name = "examples-1250000000"
            folder = "{}"
            default = true
            [[key]]
            id = "key"
            secret = "secret"
            policy = "open"
            [anonymous]
            policy = """{{"version":"2.0","statement":[{{"effect":"allow","action":"cos:PutObject","resource":"qcs::cos::uid/1250000000:examples-1250000000/in/*"}}]}}"""
            "#,
            folder.path().display()
        );
        let outside = shared::config::Outside {
            env: &|_| None,
            file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        let config = Config::parse(&text, &outside).unwrap();
        Self::of(config, folder, |server| server)
    }

    fn of(
        mut config: Config,
        folder: tempfile::TempDir,
        set_up: impl FnOnce(mogr::Server) -> mogr::Server + Send + 'static,
    ) -> Self {
        config.limits.put_bytes = 1_000_000;
        let service = Service::new(config, |bucket| mogr::open_storage(bucket, Path::new("")));
        let service = Arc::new(service.unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let any = "127.0.0.1:0".parse().unwrap();
                let server = mogr::Server::bind(any, service).await.unwrap();
                let server = set_up(server);
                tell.send(server.address().unwrap()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        });
        Self {
            address: told.recv().unwrap(),
            folder,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        let timeout = Some(Duration::from_secs(20));
        stream.set_read_timeout(timeout).unwrap();
        Client {
            stream,
            rest: Vec::new(),
        }
    }

    /// One request on a connection of its own.
    fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        self.connect().send(request)
    }

    fn file(&self, key: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(key)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

struct Client {
    stream: TcpStream,
    rest: Vec<u8>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        let mut lines = lines.filter_map(|line| line.split_once(':'));
        let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    #[track_caller]
    fn is(&self, status: u16, body: &[u8]) {
        let expected = String::from_utf8_lossy(body);
        assert_eq!((self.status, self.text()), (status, expected));
    }

    #[track_caller]
    fn is_error(&self, status: u16, code: &str) {
        let text = self.text();
        assert_eq!(self.status, status, "{text}");
        assert!(text.contains(&format!("<Code>{code}</Code>")), "{text}");
    }

    fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl Client {
    fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    fn send(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.write(&request);
        self.read(!request.as_ref().starts_with(b"HEAD"))
    }

    /// More bytes; false at the end.
    fn fill(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let count = self.stream.read(&mut bytes).unwrap();
        self.rest.extend_from_slice(&bytes[..count]);
        count > 0
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        while self.rest.len() < len {
            assert!(
                self.fill(),
                "cut off: {}",
                String::from_utf8_lossy(&self.rest)
            );
        }
        self.rest.drain(..len).collect()
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.rest.windows(2).position(|two| two == b"\r\n") {
                let line = self.take(end + 2);
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            assert!(
                self.fill(),
                "cut off: {}",
                String::from_utf8_lossy(&self.rest)
            );
        }
    }

    fn read(&mut self, has_body: bool) -> Answer {
        let mut head = String::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            head.push_str(&line);
            head.push('\n');
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        if !has_body || matches!(status, 100 | 204 | 304) {
            return answer;
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let len = usize::from_str_radix(&self.line(), 16).unwrap();
                answer.body.extend(self.take(len));
                assert_eq!(self.line(), "");
                if len == 0 {
                    break;
                }
            }
        } else if let Some(len) = answer.header("content-length") {
            answer.body = self.take(len.parse().unwrap());
        } else {
            while self.fill() {}
            answer.body = std::mem::take(&mut self.rest);
        }
        answer
    }

    fn is_closed(&mut self) -> bool {
        self.rest.is_empty() && !self.fill()
    }
}

const HOST: &str = "Host: localhost\r\n";

fn put(target: &str, body: &str) -> String {
    let len = body.len();
    format!("PUT {target} HTTP/1.1\r\n{HOST}Content-Length: {len}\r\n\r\n{body}")
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\n{HOST}\r\n")
}

#[test]
fn raw_targets_reach_the_service() {
    let server = Server::start();
    let mut client = server.connect();
    for (raw, escaped, key) in [
        ("/a<b>c", "/a%3Cb%3Ec", "a<b>c"),
        ("/\"quoted\"", "/%22quoted%22", "\"quoted\""),
        ("/p|q^r`s{t}u", "/p%7Cq%5Er%60s%7Bt%7Du", "p|q^r`s{t}u"),
        ("/\u{4e2d}.jpg", "/%E4%B8%AD.jpg", "\u{4e2d}.jpg"),
        ("/a#b", "/a%23b", "a#b"),
        ("/plus+%2B%2b", "/plus%2B++", "plus+++"),
    ] {
        assert_eq!(client.send(put(raw, key)).status, 200, "{raw}");
        assert_eq!(server.file(key), key.as_bytes());
        client.send(get(raw)).is(200, key.as_bytes());
        client.send(get(escaped)).is(200, key.as_bytes());
    }
    // In a rule they are part of its text: its refusal tells them.
    let answer = client.send(get(
        "/a<b>c?imageMogr2/interlace/\"<>\\^{}|imageMogr2/strip",
    ));
    answer.is_error(400, "InvalidArgument");
    let text = answer.text();
    assert!(text.contains(r"`&quot;&lt;&gt;\^{}`"), "{text}");
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let server = Server::start();
    let mut client = server.connect();
    let chunked = format!(
        "PUT /chunked HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n\
         6;x=1\r\nGET /<\r\n10\r\n HTTP/1.1\r\n\r\nend\r\n0\r\nTrailer: |\r\n\r\n"
    );
    let all = [
        put("/<1>", "GET /<2> HTTP/1.1\r\n\r\n"),
        chunked,
        get("/<1>"),
        format!("HEAD /<1> HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n"),
        get("/chunked"),
        format!("DELETE /<1> HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n"),
        get("/<1>"),
    ]
    .concat();
    // All at once, and in pieces that end anywhere.
    for step in [all.len(), 7, 1] {
        for part in all.as_bytes().chunks(step) {
            client.write(part);
        }
        assert_eq!(client.read(true).status, 200);
        assert_eq!(client.read(true).status, 200);
        client.read(true).is(200, b"GET /<2> HTTP/1.1\r\n\r\n");
        let head = client.read(false);
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-length"), Some("21"));
        client.read(true).is(200, b"GET /< HTTP/1.1\r\n\r\nend");
        assert_eq!(client.read(true).status, 204);
        client.read(true).is_error(404, "NoSuchKey");
    }
}

#[test]
fn headers_are_spelled_as_clients_look_for_them() {
    let server = Server::start();
    let put = server.send(format!(
        "PUT /a.txt HTTP/1.1\r\n{HOST}Content-Length: 1\r\nX-Cos-Meta-Name: x\r\n\r\n1"
    ));
    assert!(put.head.contains("\nETag: "), "{}", put.head);
    let got = server.send(get("/a.txt"));
    for name in [
        "ETag",
        "Content-Type",
        "Content-Length",
        "Last-Modified",
        "Date",
    ] {
        assert!(
            got.head.contains(&format!("\n{name}: ")),
            "{name}: {}",
            got.head
        );
    }
    for name in [
        "x-cos-request-id",
        "x-cos-meta-name",
        "x-cos-hash-crc64ecma",
    ] {
        assert!(
            got.head.contains(&format!("\n{name}: ")),
            "{name}: {}",
            got.head
        );
    }
    let wrong = server.send(get("/a.txt?imageMogr2/interlace/1"));
    assert!(wrong.head.contains("\nX-ErrNo: "), "{}", wrong.head);
}

#[test]
fn animations_are_streamed_but_to_clients_that_cannot() {
    let server = Server::start();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    for name in ["image-1.jpg", "image-2.jpg"] {
        std::fs::copy(samples.join(name), server.folder.path().join(name)).unwrap();
    }
    let request = |agent| {
        format!(
            "GET /image-1.jpg?imageMogr2/animate/duration/50/images/aHR0cDovL2V4YW1wbGVzLTEyNTAwMDAwMDAuY29zLmFw\
             LXNoYW5naGFpLm15cWNsb3VkLmNvbS9pbWFnZS0yLmpwZw HTTP/1.1\r\n{HOST}User-Agent: {agent}\r\n\r\n"
        )
    };
    let streamed = server.send(request("curl/8"));
    assert_eq!(streamed.header("transfer-encoding"), Some("chunked"));
    assert!(streamed.body.len() > 64 * 1024 && streamed.body.ends_with(b"\x3b"));
    let whole = server.send(request("cos-python-sdk-v5.1.9.44"));
    assert_eq!(whole.header("transfer-encoding"), None);
    assert!(whole.body == streamed.body);
}

#[test]
fn not_modified_has_a_length() {
    let server = Server::start();
    let mut client = server.connect();
    client.send(put("/a.txt", "text"));
    let answer = client.send(get("/a.txt"));
    let etag = answer.header("etag").unwrap();
    let request = format!("GET /a.txt HTTP/1.1\r\n{HOST}If-None-Match: {etag}\r\n\r\n");
    let answer = client.send(request);
    assert_eq!(answer.status, 304);
    // A published SDK fails without it.
    assert_eq!(
        answer.header("content-length"),
        Some("0"),
        "{}",
        answer.head
    );
    // And the connection goes on.
    client.send(get("/a.txt")).is(200, b"text");
}

#[test]
fn expect_continue_is_answered_before_the_body() {
    let server = Server::start();
    let mut client = server.connect();
    client.write(format!(
        "PUT /e HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    ));
    assert_eq!(client.read(false).status, 100);
    client.write("body");
    assert_eq!(client.read(true).status, 200);
    client.send(get("/e")).is(200, b"body");
}

#[test]
fn absolute_targets_name_the_host() {
    let server = Server::start();
    server.send(put("/a|b", "x"));
    let host = "examples-1250000000.cos.ap-shanghai.myqcloud.com";
    let request = format!("GET http://{host}/a|b HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n");
    server.send(request).is(200, b"x");
    let request = "GET http://elsewhere.example/a|b HTTP/1.1\r\nHost: localhost\r\n\r\n";
    server.send(request).is_error(404, "NoSuchBucket");
}

#[test]
fn old_clients_are_answered() {
    let server = Server::start();
    server.send(put("/old", "text"));
    let mut client = server.connect();
    client.send("GET /old HTTP/1.0\r\n\r\n").is(200, b"text");
    assert!(client.is_closed());
}

#[test]
fn long_heads_are_taken() {
    let server = Server::start();
    let mut client = server.connect();
    client.send(put("/k", "x"));
    // More than a signed rule of 20 frames, and more than five such rules in one header.
    let target = format!("/k?{}", "p=1&".repeat(12_000));
    let long = "h".repeat(100_000);
    let request = format!("GET {target} HTTP/1.1\r\n{HOST}X-Long: {long}\r\n\r\n");
    client.send(request).is(200, b"x");
    let answer = client.send(get(&format!("/k?{}", "p".repeat(70_000))));
    assert_eq!(answer.status, 414);
    let long = "h".repeat(256 * 1024);
    let mut client = server.connect();
    client.write(format!("GET /k HTTP/1.1\r\n{HOST}X: {long}"));
    assert_eq!(client.read(true).status, 431);
    // The server is still up.
    server.send(get("/k")).is(200, b"x");
}

#[test]
fn bytes_of_headers_are_not_judged() {
    let server = Server::start();
    let mut request = format!("GET /none HTTP/1.1\r\n{HOST}X-Name: ").into_bytes();
    request.extend_from_slice(b"\xe4\xb8\xad \xff\r\nCache-Control:\r\n\r\n");
    server.send(request).is_error(404, "NoSuchKey");
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_comes() {
    let server = Server::start();
    // Nothing of the body is sent.
    let mut client = server.connect();
    let answer = client.send(format!(
        "PUT /big HTTP/1.1\r\n{HOST}Content-Length: 1000000000000\r\n\r\n"
    ));
    answer.is_error(400, "EntityTooLarge");
    assert!(client.is_closed());
    // Of unknown length: as soon as it is too much.
    let mut client = server.connect();
    client.write(format!(
        "PUT /big HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
    ));
    let chunk = format!("{:x}\r\n{}\r\n", 100_001, "x".repeat(100_001));
    for _ in 0..10 {
        client.write(&chunk);
    }
    client.read(true).is_error(400, "EntityTooLarge");
    // The limit itself is allowed.
    let answer = server.send(put("/fits", &"x".repeat(1_000_000)));
    assert_eq!(answer.status, 200);
    assert_eq!(server.file("fits").len(), 1_000_000);
}

#[test]
fn nonsense_is_refused_and_does_no_harm() {
    let server = Server::start();
    for nonsense in [
        &b"\r\n\r\nnonsense\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PUT /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"PUT /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let answer = server.send(nonsense);
        let text = String::from_utf8_lossy(nonsense);
        assert_eq!(answer.status, 400, "{text:?}: {answer:?}");
    }
    let chunks = "PUT /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    server.send(chunks).is_error(400, "IncompleteBody");
    // Gone in the middle of a body: nothing is stored.
    let mut client = server.connect();
    client.write(format!(
        "PUT /half HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\nhalf"
    ));
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    client.read(true).is_error(400, "IncompleteBody");
    assert!(client.is_closed());
    server.send(get("/half")).is_error(404, "NoSuchKey");
}

#[test]
fn clients_that_stall_are_cut_off() {
    let short = Duration::from_millis(400);
    let server = Server::with(mogr::Patience {
        head: short,
        stall: short,
        grace: short,
    });
    // In the head, and between requests.
    let mut client = server.connect();
    client.write("GET /slow<");
    assert!(client.is_closed());
    let mut client = server.connect();
    client.send(put("/large", &"x".repeat(900_000)));
    assert!(client.is_closed());
    // In a body: nothing is stored.
    let mut client = server.connect();
    client.write(format!(
        "PUT /slow HTTP/1.1\r\n{HOST}Content-Length: 10\r\n\r\n12345"
    ));
    let answer = client.read(true);
    answer.is_error(400, "RequestTimeout");
    let id = answer.header("x-cos-request-id").unwrap();
    let told = format!("<RequestId>{id}</RequestId>");
    assert!(answer.text().contains(&told), "{}", answer.text());
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.is_closed());
    server.send(get("/slow")).is_error(404, "NoSuchKey");
    // A byte now and then is not enough.
    let mut client = server.connect();
    client.write(format!(
        "PUT /drip HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\n"
    ));
    let mut dripped = 0;
    while dripped < 100 && client.stream.write_all(b"x").is_ok() {
        dripped += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(dripped < 100, "a drip of bytes holds a connection");
    server.send(get("/drip")).is_error(404, "NoSuchKey");
}

#[test]
fn a_reader_that_stalls_is_cut_off() {
    let server = Server::with(mogr::Patience {
        stall: Duration::from_millis(400),
        ..mogr::Patience::default()
    });
    server.send(put("/large", &"x".repeat(1_000_000)));
    // More answers than the buffers of both ends hold, and none of them read.
    let mut client = server.connect();
    client.write(get("/large").repeat(40));
    // Nothing is read until the server has given up, which only a write can tell; each is a byte of a further request.
    while client.stream.write_all(b"G").is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut received = 0;
    let mut bytes = vec![0; 1 << 20];
    while let Ok(count @ 1..) = client.stream.read(&mut bytes) {
        received += count;
    }
    assert!(received < 39_000_000, "{received} bytes came");
}

#[test]
fn bodies_in_memory_are_bounded() {
    let server = Server::start();
    // Each holds what it announces; four of the greatest size are held at once.
    let request = |n| {
        format!(
            "PUT /{n} HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
        )
    };
    let mut clients: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.send(request(n)).status, 100, "it holds its room");
        client.write("x");
    }
    let answer = server.send(request(4));
    answer.is_error(503, "SlowDown");
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert!(answer.text().contains("<Resource>localhost/4</Resource>"));
    // Whoever has no body goes on, and what is given back can be had again.
    server.send(get("/none")).is_error(404, "NoSuchKey");
    for client in &mut clients {
        client.write("x".repeat(999_999));
        assert_eq!(client.read(true).status, 200);
    }
    let answer = server.send(put("/5", &"x".repeat(1_000_000)));
    assert_eq!(answer.status, 200);
}

#[test]
fn what_is_under_way_is_answered_before_the_end() {
    let mut server = Server::start();
    let mut busy = server.connect();
    let begun = busy.send(format!(
        "PUT /late HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    ));
    assert_eq!(begun.status, 100, "it is under way");
    busy.write("12345");
    let mut idle = server.connect();
    idle.send(get("/none"));
    drop(server.stop.take());
    assert!(
        idle.is_closed(),
        "a connection without a request does not hold it up"
    );
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(server.address).is_ok() {
        assert!(Instant::now() < deadline, "nobody is let in any more");
        std::thread::sleep(Duration::from_millis(20));
    }
    busy.write("67890");
    assert_eq!(busy.read(true).status, 200);
    server.thread.take().unwrap().join().unwrap();
    assert_eq!(server.file("late"), b"1234567890");
}

/// RFC 9112, 7.1: what is a chunked body is stored, and the next request on the connection is answered; what is not is
/// refused with 400, nothing of it is stored, and the connection ends, so that no rest of it is a request.
#[test]
fn chunked_bodies_are_taken_to_the_letter() {
    let server = Server::start();
    let zeros = |count: usize| "0".repeat(count);
    let taken = [
        // chunked-body = *chunk last-chunk trailer-section CRLF
        ("0\r\n\r\n".to_owned(), &b""[..]),
        ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n".into(), b"abc"),
        // chunk-size = 1*HEXDIG, in either letter case; last-chunk = 1*("0")
        ("a\r\n0123456789\r\n0\r\n\r\n".into(), b"0123456789"),
        ("A\r\n0123456789\r\n000\r\n\r\n".into(), b"0123456789"),
        (
            format!("{}1\r\na\r\n{}\r\n\r\n", zeros(15), zeros(16)),
            b"a",
        ),
        // chunk-data is any bytes, line ends and chunks among them.
        ("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n".into(), b"\r\n0\r\n\r\n"),
        // chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
        ("1;x\r\na\r\n0;y=z\r\n\r\n".into(), b"a"),
        (
            "1 ;\tx = y ; z=\"q;\\\"\\\\ \"\r\na\r\n0\r\n\r\n".into(),
            b"a",
        ),
        (format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(252)), b"a"),
        // trailer-section = *( field-line CRLF )
        ("1\r\na\r\n0\r\nA: b\r\nC:\t\u{e9}\r\n\r\n".into(), b"a"),
        (
            "0\r\nHost: elsewhere\r\nContent-Length: 9\r\n\r\n".into(),
            b"",
        ),
    ];
    let head =
        |key: &str| format!("PUT /{key} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n");
    for (n, (body, expected)) in taken.iter().enumerate() {
        let key = format!("taken-{n}");
        let mut client = server.connect();
        client.write(format!("{}{body}{}", head(&key), get(&format!("/{key}"))));
        let stored = client.read(true);
        assert_eq!(stored.status, 200, "{body:?}: {}", stored.text());
        client.read(true).is(200, expected);
    }

    let refused = [
        // No size, or none that is one.
        "\r\n".to_owned(),
        ";x\r\na\r\n0\r\n\r\n".into(),
        "-1\r\na\r\n0\r\n\r\n".into(),
        "+1\r\na\r\n0\r\n\r\n".into(),
        "0x1\r\na\r\n0\r\n\r\n".into(),
        "1_0\r\na\r\n0\r\n\r\n".into(),
        " 1\r\na\r\n0\r\n\r\n".into(),
        "1 \r\na\r\n0\r\n\r\n".into(),
        "1 1\r\na\r\n0\r\n\r\n".into(),
        "\u{ff11}\r\na\r\n0\r\n\r\n".into(),
        // More than 64 bits, and more digits than a reader may keep.
        format!("1{}\r\na\r\n0\r\n\r\n", zeros(16)),
        format!("{}1\r\na\r\n0\r\n\r\n", zeros(16)),
        format!("{}1\r\na\r\n0\r\n\r\n", zeros(256)),
        format!("{}1\r\na\r\n0\r\n\r\n", zeros(100_000)),
        // Extensions that are none, or that a reader may cut.
        "1;\r\na\r\n0\r\n\r\n".into(),
        "1;=x\r\na\r\n0\r\n\r\n".into(),
        "1;x=\r\na\r\n0\r\n\r\n".into(),
        "1;x=\"\r\na\r\n0\r\n\r\n".into(),
        "1;x=\"a\rb\"\r\na\r\n0\r\n\r\n".into(),
        "1;x y\r\na\r\n0\r\n\r\n".into(),
        "1;x\0\r\na\r\n0\r\n\r\n".into(),
        format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(253)),
        // Lines end in CRLF, nothing else.
        "1\na\r\n0\r\n\r\n".into(),
        "1\r\r\na\r\n0\r\n\r\n".into(),
        "1;x\na\r\n0\r\n\r\n".into(),
        "1\r\na\n0\r\n\r\n".into(),
        "1\r\na0\r\n\r\n".into(),
        "1\r\nab\r\n0\r\n\r\n".into(),
        "0\n\r\n".into(),
        "0\r\n\n".into(),
        "0\r\nA: b\n\r\n".into(),
        "0\r\nA: b\rC: d\r\n\r\n".into(),
        // Trailers that are no fields.
        "0\r\nGET /taken-1 HTTP/1.1\r\n\r\n".into(),
        "0\r\nA : b\r\n\r\n".into(),
        "0\r\n: b\r\n\r\n".into(),
        "0\r\n A: b\r\n\r\n".into(),
        "0\r\nA: b\0\r\n\r\n".into(),
        format!("0\r\nA: {}\r\n\r\n", "b".repeat(20_000)),
    ];
    for (n, body) in refused.iter().enumerate() {
        let shown = &body[..body.len().min(40)];
        let key = format!("refused-{n}");
        let mut client = server.connect();
        // Were the body read otherwise than the front reads it, the rest would be a request.
        client.write(format!(
            "{}{body}DELETE /taken-1 HTTP/1.1\r\n{HOST}\r\n",
            head(&key)
        ));
        let answer = client.read(true);
        assert_eq!(answer.status, 400, "{shown:?}: {answer:?}");
        assert!(client.is_closed(), "{shown:?}");
        server
            .send(get(&format!("/{key}")))
            .is_error(404, "NoSuchKey");
    }
    server.send(get("/taken-1")).is(200, b"abc");
}

#[test]
fn a_head_that_can_be_read_in_two_ways_is_refused() {
    let server = Server::start();
    server.send(put("/a", "x"));
    for (head, status, code) in [
        (
            "Host: localhost\r\nHost: localhost\r\n",
            400,
            "InvalidRequest",
        ),
        (
            "Host: localhost\r\nHost: elsewhere.example\r\n",
            400,
            "InvalidRequest",
        ),
        ("", 400, "InvalidRequest"),
        ("Host:\r\n", 400, "InvalidRequest"),
        ("Host: [::1].evil\r\n", 400, "InvalidRequest"),
        ("Host: [::1\r\n", 400, "InvalidRequest"),
        ("Host: localhost:80:80\r\n", 400, "InvalidRequest"),
        ("Host: localhost, localhost\r\n", 400, "InvalidRequest"),
        ("Host: user@localhost\r\n", 400, "InvalidRequest"),
        (
            "Host: localhost\r\nTransfer-Encoding: gzip, chunked\r\n",
            501,
            "NotImplemented",
        ),
        (
            "Host: localhost\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            501,
            "NotImplemented",
        ),
        // These the parser refuses, without a document.
        (
            "Host: localhost\r\nTransfer-Encoding: chunked, chunked\r\n",
            400,
            "",
        ),
        ("Host: localhost\r\nTransfer-Encoding: gzip\r\n", 400, ""),
        (
            "Host: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            400,
            "",
        ),
        (
            "Host: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
            400,
            "",
        ),
        ("Host: localhost\r\nContent-Length: 5, 5\r\n", 400, ""),
        ("Host: localhost\r\nContent-Length : 5\r\n", 400, ""),
    ] {
        let mut client = server.connect();
        client.write(format!("PUT /a HTTP/1.1\r\n{head}\r\n"));
        let answer = client.read(true);
        assert_eq!(answer.status, status, "{head:?}: {answer:?}");
        let text = answer.text();
        assert!(text.contains(code), "{head:?}: {text}");
        if status == 501 || code.is_empty() {
            assert!(client.is_closed(), "{head:?}");
        }
    }
    server.send(get("/a")).is(200, b"x");
    // An absolute target does not make two of them one.
    let twice = "GET http://localhost/a HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n";
    server.send(twice).is_error(400, "InvalidRequest");
}

#[test]
fn whoever_comes_is_let_in_and_the_longest_idle_goes() {
    let server = Server::set_up(|server| server.with_connections(4));
    server.send(put("/a", "x"));
    // The oldest one has a request, and two after it none: of these one has not even sent a whole head.
    let mut busy = server.connect();
    busy.write(format!(
        "PUT /b HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    ));
    assert_eq!(busy.read(false).status, 100);
    let mut half = server.connect();
    half.write("GET /a HTTP/1.1\r\n");
    let mut idle = server.connect();
    idle.send(get("/a")).is(200, b"x");
    // Ten times as many as there is room for: each is answered, and none waits for another to go.
    let mut others = Vec::new();
    for _ in 0..40 {
        let mut client = server.connect();
        client.send(get("/a")).is(200, b"x");
        others.push(client);
    }
    assert!(half.is_closed() && idle.is_closed());
    for client in &mut others[..37] {
        assert!(client.is_closed());
    }
    for client in &mut others[37..] {
        client.send(get("/a")).is(200, b"x");
    }
    busy.write("body");
    assert_eq!(busy.read(true).status, 200);
    busy.send(get("/b")).is(200, b"body");
}

/// A client that waits for `100 Continue` is told by the head alone: to send its body, or the answer.
#[test]
fn whoever_may_not_write_is_not_asked_for_the_body() {
    let server = Server::with_key();
    let expect = |target: &str| {
        format!("PUT {target} HTTP/1.1\r\n{HOST}Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    };
    for target in ["/out/a", "/in/a?q-ak=key", "/in/a?acl"] {
        let mut client = server.connect();
        let answer = client.send(expect(target));
        assert!(matches!(answer.status, 400 | 403), "{target}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{target}");
        assert!(client.is_closed(), "{target}");
    }
    let mut client = server.connect();
    assert_eq!(client.send(expect("/in/a")).status, 100);
    client.write("body");
    assert_eq!(client.read(true).status, 200);
    assert_eq!(server.file("in/a"), b"body");
}

/// The answer comes through however much of the body is still on its way, and the connection goes on where that is little.
#[test]
fn a_refusal_is_read_whatever_is_still_sent() {
    let server = Server::with_key();
    let mut client = server.connect();
    client.write(format!(
        "PUT /out/a HTTP/1.1\r\n{HOST}Content-Length: 1000000\r\n\r\n"
    ));
    // More than the buffers of both ends hold together, before the answer is looked at: a reset would lose it.
    for _ in 0..10 {
        client.write("x".repeat(100_000));
    }
    let answer = client.read(true);
    answer.is_error(403, "AccessDenied");
    assert_eq!(answer.header("connection"), Some("close"));
    let mut client = server.connect();
    client
        .send(put("/out/a", "body"))
        .is_error(403, "AccessDenied");
    client.send(put("/in/a", "body")).is(200, b"");
    let get = format!("GET /in/a HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nbody");
    client.send(get).is_error(403, "AccessDenied");
    client.send(put("/in/b", "body")).is(200, b"");
}

/// What strangers announce leaves room for those who sign.
#[test]
fn unsigned_bodies_do_not_crowd_out_signed_ones() {
    let server = Server::with_key();
    let request = |target: &str| {
        format!(
            "PUT {target} HTTP/1.1\r\n{HOST}Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    // Told to go on, they hold the half that they may have.
    let mut strangers: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for stranger in &mut strangers {
        assert_eq!(stranger.send(request("/in/a")).status, 100);
    }
    server.send(request("/in/b")).is_error(503, "SlowDown");
    let key = shared::auth::Key::new("key", "secret");
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signing = shared::auth::Signing {
        key: &key,
        method: "PUT",
        path: b"/in/c",
        params: &[],
        headers: &[("host", b"localhost")],
        window: shared::auth::Window {
            start: now - 60,
            end: now + 600,
        },
    };
    let target = format!("/in/c?{}", signing.query());
    let mut signed: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut signed {
        assert_eq!(client.send(request(&target)).status, 100);
    }
    server.send(request(&target)).is_error(503, "SlowDown");
    // What goes gives its room back.
    drop(strangers);
    let begun = Instant::now();
    while server.connect().send(request("/in/b")).status != 100 {
        assert!(
            begun.elapsed().as_secs() < 20,
            "the room does not come back"
        );
    }
}
