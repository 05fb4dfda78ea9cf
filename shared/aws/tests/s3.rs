//! S3 as a storage: what S3 refuses, played by a socket, and the conformance suite against servers that speak S3, which
//! `--include-ignored` runs (`moto_server -p 5555` and `MOGR_TEST_S3=http://127.0.0.1:5555`; `MOGR_TEST_MINISTACK` alike).

#![allow(clippy::unwrap_used)] // In a test a panic is the report.
#![cfg(feature = "s3")]

use std::time::{Duration, Instant};

use aws::s3::{BucketCheck, S3, Settings, check_bucket, client};
use bytes::Bytes;
use storage::{
    AppendOptions, Attributes, ByteRange, ETag, Error, GetOptions, ListOptions, ObjectKey,
    Precondition, PutOptions, Storage, UploadId, Version, conformance, crc64,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn s3_client(endpoint: &str) -> aws_sdk_s3::Client {
    let settings = Settings {
        endpoint: Some(endpoint.to_owned()),
        region: Some("us-east-1".to_owned()),
        path_style: true,
    };
    client(&settings, &|name| {
        name.starts_with("AWS_").then(|| "test".to_owned())
    })
    .unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(name).unwrap()
}

/// A fresh bucket on the server that the environment names.
async fn bucket(name: &str) -> aws_sdk_s3::Client {
    bucket_at("MOGR_TEST_S3", name).await
}

async fn bucket_at(variable: &str, name: &str) -> aws_sdk_s3::Client {
    let endpoint = std::env::var(variable).expect(variable);
    let client = s3_client(&endpoint);
    client.create_bucket().bucket(name).send().await.unwrap();
    client
}

/// The suite on `MiniStack`, all but for copies: there a copy that replaces the attributes keeps some of the old ones.
#[tokio::test]
#[ignore = "needs MiniStack, whose URL MOGR_TEST_MINISTACK gives"]
async fn passes_the_conformance_suite_on_ministack() {
    let client = bucket_at("MOGR_TEST_MINISTACK", "conformance").await;
    let storage = S3::new(client, "conformance", "");
    everything_but_what_differs(&storage).await;
    conformance::keeps_odd_keys(&storage).await;
    conformance::joins_parts(&storage).await;
    conformance::refuses_wrong_parts(&storage).await;
    conformance::aborts_uploads(&storage).await;
    conformance::puts_streams(&storage).await;
    conformance::holds_the_length_of_streams(&storage).await;
    conformance::copies_into_parts(&storage).await;
    conformance::streams_into_parts(&storage).await;
    conformance::appends_to_large_objects(&storage).await;
}

async fn everything_but_what_differs(storage: &S3) {
    conformance::puts_and_gets(storage).await;
    conformance::keeps_attributes(storage).await;
    conformance::replaces_whole_objects(storage).await;
    conformance::tells_what_is_missing(storage).await;
    conformance::deletes(storage).await;
    conformance::gets_ranges(storage).await;
    conformance::streams_large_objects(storage).await;
    conformance::holds_preconditions(storage).await;
    conformance::limits_metadata(storage).await;
    conformance::lists_in_byte_order(storage).await;
    conformance::lists_by_delimiter(storage).await;
    conformance::lists_in_pages(storage).await;
    conformance::appends(storage).await;
    conformance::appends_only_where_it_was_begun(storage).await;
    conformance::keeps_storage_classes(storage).await;
}

/// The suite on moto, all but for parts, which it lists in a document of another name and misses with a 500, and a key with a line break, where
/// its routes end.
#[tokio::test]
#[ignore = "needs a server that speaks S3, whose URL MOGR_TEST_S3 gives"]
async fn passes_the_conformance_suite_on_moto() {
    let client = bucket("conformance").await;
    let storage = S3::new(client, "conformance", "");
    everything_but_what_differs(&storage).await;
    conformance::copies(&storage).await;

    let long = [
        "n".repeat(1024),
        "/".repeat(ObjectKey::MAX_SLASHES),
        "\u{4e2d}".repeat(341),
    ];
    let mut names: Vec<&str> = conformance::ODD_KEYS.to_vec();
    names.retain(|name| !name.contains('\n'));
    names.extend(long.iter().map(String::as_str));
    for name in &names {
        let body = Bytes::copy_from_slice(name.as_bytes());
        storage
            .put(&key(name), body, PutOptions::default())
            .await
            .unwrap();
    }
    for name in &names {
        let object = storage
            .get(&key(name), GetOptions::default())
            .await
            .unwrap();
        assert_eq!(
            object.body.collect(1024).await.unwrap(),
            name.as_bytes(),
            "{name:?}"
        );
    }
    names.sort_unstable();
    let options = ListOptions {
        prefix: String::new(),
        delimiter: None,
        after: String::new(),
        max: 1000,
    };
    let listing = storage.list(options).await.unwrap();
    let listed: Vec<_> = listing
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect();
    assert_eq!(listed, names);
}

/// A prefix is part of the storage: nothing outside it is seen or touched.
#[tokio::test]
#[ignore = "needs a server that speaks S3, whose URL MOGR_TEST_S3 gives"]
async fn lives_under_a_prefix() {
    let client = bucket("prefixed").await;
    let whole = S3::new(client.clone(), "prefixed", "");
    for outside in ["a", "images", "images0", "images/"] {
        whole
            .put(&key(outside), Bytes::new(), PutOptions::default())
            .await
            .unwrap();
    }
    let part = S3::new(client, "prefixed", "images/");
    conformance::lists_in_byte_order(&part).await;
    conformance::lists_by_delimiter(&part).await;
    conformance::lists_in_pages(&part).await;
    conformance::copies(&part).await;
    part.put(
        &key("../a"),
        Bytes::from_static(b"x"),
        PutOptions::default(),
    )
    .await
    .unwrap();
    assert_eq!(whole.head(&key("images/../a"), None).await.unwrap().size, 1);
    assert_eq!(whole.head(&key("a"), None).await.unwrap().size, 0);
}

#[tokio::test]
#[ignore = "needs a server that speaks S3, whose URL MOGR_TEST_S3 gives"]
async fn keeps_texts_that_no_header_can_hold() {
    let client = bucket("texts").await;
    let storage = S3::new(client.clone(), "texts", "");
    let attributes = Attributes {
        content_disposition: Some("attachment; filename=\"图.jpg\"".to_owned()),
        metadata: [("author".to_owned(), "日本 é".to_owned())].into(),
        ..Attributes::default()
    };
    let options = PutOptions {
        attributes: attributes.clone(),
        ..PutOptions::default()
    };
    storage.put(&key("k"), Bytes::new(), options).await.unwrap();
    assert_eq!(
        storage.head(&key("k"), None).await.unwrap().attributes,
        attributes
    );

    let versioned = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    client
        .put_bucket_versioning()
        .bucket("texts")
        .versioning_configuration(versioned)
        .send()
        .await
        .unwrap();
    let put = async |bytes| {
        storage
            .put(&key("v"), Bytes::from_static(bytes), PutOptions::default())
            .await
    };
    let first = put(b"first").await.unwrap().version.unwrap();
    put(b"second").await.unwrap();
    let options = GetOptions {
        version: Some(first.clone()),
        ..GetOptions::default()
    };
    let object = storage.get(&key("v"), options).await.unwrap();
    assert_eq!(object.info.version, Some(first.clone()));
    assert_eq!(object.body.collect(10).await.unwrap(), &b"first"[..]);
    storage
        .copy(&key("v"), Some(&first), &key("w"), None, Precondition::None)
        .await
        .unwrap();
    assert_eq!(storage.head(&key("w"), None).await.unwrap().size, 5);
    storage.delete(&key("v")).await.unwrap();
    assert!(matches!(
        storage.head(&key("v"), None).await,
        Err(Error::NotFound(_))
    ));
    let unknown = storage
        .head(&key("w"), Some(&Version("x".to_owned())))
        .await;
    assert!(
        matches!(unknown, Err(Error::NoSuchVersion(..))),
        "{unknown:?}"
    );
    assert_eq!(check_bucket(&client, "texts").await, BucketCheck::Ready);
    assert_eq!(
        check_bucket(&client, "nowhere").await,
        BucketCheck::Unusable("the bucket `nowhere` does not exist".to_owned())
    );
}

/// A server that gives the answers of `script` in turn, one a connection, and then the last one for ever. An answer that is
/// empty is a connection that breaks.
async fn playing(script: &'static [&'static str]) -> (S3, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut answers = script
            .iter()
            .chain(std::iter::repeat(script.last().unwrap()));
        while let Ok((mut connection, _)) = listener.accept().await {
            let answer = answers.next().unwrap();
            let mut request = vec![0; 65536];
            let _ = connection.read(&mut request).await;
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    (S3::new(s3_client(&endpoint), "bucket", ""), server)
}

const OK: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\nConnection: close\r\n\r\nhello";
const SLOW_DOWN: &str = "HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: 69\r\n\r\n\
                         <Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>";
const DENIED: &str = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 54\r\n\r\n\
                      <Error><Code>AccessDenied</Code><Message/></Error>    ";
const NO_BUCKET: &str = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 54\r\n\r\n\
                         <Error><Code>NoSuchBucket</Code><Message/></Error>    ";
const HALF: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\nConnection: close\r\n\r\nhe";
const REST: &str = "HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\nContent-Range: bytes 2-4/5\r\n\
                    ETag: \"e\"\r\nConnection: close\r\n\r\nllo";
const CHANGED: &str =
    "HTTP/1.1 412 Precondition Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

async fn read(storage: &S3) -> Result<Bytes, Error> {
    let object = storage.get(&key("k"), GetOptions::default()).await?;
    object.body.collect(100).await
}

#[tokio::test]
async fn tries_again_what_may_pass() {
    for script in [
        &[SLOW_DOWN, SLOW_DOWN, OK][..],
        &["", OK],
        &[
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
            OK,
        ],
    ] {
        let (storage, server) = playing(script).await;
        assert_eq!(read(&storage).await.unwrap(), "hello", "{script:?}");
        server.abort();
    }
}

#[tokio::test]
async fn takes_a_broken_body_up_again() {
    let (storage, server) = playing(&[HALF, REST]).await;
    assert_eq!(read(&storage).await.unwrap(), "hello");
    server.abort();
    let (storage, server) = playing(&[HALF, CHANGED]).await;
    assert!(
        read(&storage).await.is_err(),
        "never a mixture of two objects"
    );
    server.abort();
}

#[tokio::test]
async fn gives_up_at_the_deadline() {
    let (storage, server) = playing(&[SLOW_DOWN]).await;
    let begun = Instant::now();
    let limit = begun + Duration::from_millis(600);
    let result = storage::deadline::within(limit, read(&storage)).await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    server.abort();
}

/// A body is read when the work that asked for it has ended; its deadline goes along.
#[tokio::test]
async fn a_body_that_drips_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = connection.read(&mut [0; 4096]).await;
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nETag: \"e\"\r\n\r\n";
                let mut alive = connection.write_all(head.as_bytes()).await.is_ok();
                alive &= connection.write_all(&[b'x'; 1000]).await.is_ok();
                while alive {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    alive = connection.write_all(b"x").await.is_ok();
                }
            });
        }
    });
    let storage = S3::new(s3_client(&endpoint), "bucket", "");
    let begun = Instant::now();
    let get = async { storage.get(&key("k"), GetOptions::default()).await };
    let object = storage::deadline::within(begun + Duration::from_millis(600), get)
        .await
        .unwrap();
    let read = tokio::time::timeout(Duration::from_secs(10), object.body.collect(100_000)).await;
    assert!(matches!(read, Ok(Err(Error::Unavailable(_)))), "{read:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    server.abort();
}

#[tokio::test]
async fn says_what_s3_refused() {
    let (storage, server) = playing(&[DENIED]).await;
    assert!(matches!(read(&storage).await, Err(Error::Denied(_))));
    server.abort();
    let (storage, server) = playing(&[NO_BUCKET]).await;
    match read(&storage).await {
        Err(Error::NoSuchBucket(name)) => assert_eq!(name, "bucket"),
        other => panic!("{other:?}"),
    }
    server.abort();
    let (storage, server) = playing(&[
        "HTTP/1.1 416 Range\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        OK,
    ])
    .await;
    let options = GetOptions {
        range: Some(ByteRange::From(9)),
        ..GetOptions::default()
    };
    match storage.get(&key("k"), options).await {
        Err(Error::InvalidRange { size }) => assert_eq!(size, 5),
        other => panic!("{other:?}"),
    }
    server.abort();
}

/// The emulators copy and join whatever the key holds; S3 does not, if it is told so.
#[tokio::test]
async fn tells_s3_what_the_target_must_hold() {
    let etag = ETag::new("e");
    let upload = UploadId("id".to_owned());
    for (precondition, header) in [
        (Precondition::Absent, "if-none-match: *"),
        (Precondition::Match(etag.clone()), "if-match: \"e\""),
        (Precondition::None, ""),
    ] {
        for copies in [true, false] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            let heard = tokio::spawn(async move {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 65536];
                let len = connection.read(&mut request).await.unwrap();
                connection.write_all(CHANGED.as_bytes()).await.unwrap();
                String::from_utf8_lossy(&request[..len]).to_lowercase()
            });
            let storage = S3::new(s3_client(&endpoint), "bucket", "");
            let (source, target, condition) = (key("source"), key("target"), precondition.clone());
            let result = if copies {
                let copy = storage.copy(&source, None, &target, None, condition);
                copy.await
            } else {
                let parts = [(1, etag.clone())];
                let complete = storage.complete_multipart(&target, &upload, &parts, condition);
                complete.await
            };
            match result {
                Err(Error::PreconditionFailed(found)) => assert_eq!(found, target),
                other => panic!("{other:?}"),
            }
            let request = heard.await.unwrap();
            let told: Vec<&str> = request
                .lines()
                .filter(|line| line.starts_with("if-"))
                .collect();
            assert_eq!(told.join(","), header, "{request}");
        }
    }
}

/// As [`playing`], but each answer is given when a whole request is there, and the requests are told in the end.
async fn hearing(script: Vec<String>) -> (S3, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        for answer in script {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                assert!(connection.read_buf(&mut request).await.unwrap() > 0);
            }
            connection.write_all(answer.as_bytes()).await.unwrap();
            heard.push(String::from_utf8_lossy(&request).into_owned());
        }
        heard
    });
    (S3::new(s3_client(&endpoint), "bucket", ""), server)
}

/// Whether all of a request is there that says how long its body is.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    let head = request.windows(4).position(|four| four == b"\r\n\r\n");
    request.len() >= head.unwrap() + 4 + length
}

/// What the request says of the header, in small letters.
fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let mut lines = request.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_default()
}

/// An answer that ends its connection.
fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

fn xml(body: &str) -> String {
    answer("200 OK", "Content-Type: application/xml\r\n", body)
}

/// Of an object of 5 bytes that an append began.
fn appended(etag: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\nETag: \"{etag}\"\r\nx-amz-meta-mogr-appendable: 1\r\n\
         x-amz-meta-mogr-crc64: {}\r\nx-amz-meta-author: a\r\nCache-Control: no-cache\r\n\r\n",
        crc64(b"hello")
    )
}

async fn append(storage: &S3, position: u64) -> Result<storage::ObjectInfo, Error> {
    let options = AppendOptions {
        attributes: Attributes::default(),
        max_bytes: 1 << 30,
    };
    let body = Bytes::from_static(b" world");
    storage.append(&key("log"), position, body, options).await
}

/// What an append writes anew takes the place of the very state that was read, or of nothing; who is late is told the
/// length that he missed.
#[tokio::test]
async fn appends_only_to_what_it_saw() {
    let not_found = || answer("404 Not Found", "", "");
    let done = || answer("200 OK", "ETag: \"new\"\r\n", "");
    let changed = || answer("412 Precondition Failed", "", "");
    let (storage, server) = hearing(vec![not_found(), done()]).await;
    let begun = append(&storage, 0).await.unwrap();
    assert!(begun.appendable && begun.size == 6);
    let heard = server.await.unwrap();
    assert_eq!(header(&heard[1], "if-none-match"), "*");
    assert_eq!(header(&heard[1], "x-amz-meta-mogr-appendable"), "1");

    let held = || appended("seen") + "hello";
    let (storage, server) = hearing(vec![appended("seen"), held(), done()]).await;
    let info = append(&storage, 5).await.unwrap();
    assert_eq!((info.size, info.crc64), (11, Some(crc64(b"hello world"))));
    let heard = server.await.unwrap();
    for request in &heard[1..] {
        assert_eq!(header(request, "if-match"), "\"seen\"", "{request}");
    }
    let put = &heard[2];
    assert!(put.starts_with("PUT /bucket/log") && put.ends_with("hello world"));
    assert_eq!(header(put, "x-amz-meta-author"), "a");
    assert_eq!(header(put, "cache-control"), "no-cache");

    // Another was first: what is there now is looked at, and told.
    let longer = appended("other").replace("Content-Length: 5", "Content-Length: 9");
    let script = vec![appended("seen"), held(), changed(), longer];
    let (storage, server) = hearing(script).await;
    let late = append(&storage, 5).await;
    assert!(matches!(
        late,
        Err(Error::WrongPosition {
            position: 5,
            size: 9
        })
    ));
    server.await.unwrap();
}

/// From 5 MiB on, what is there is copied within S3, and the end of the upload says what it must still be.
#[tokio::test]
async fn appends_to_large_objects_without_reading_them() {
    let large = appended("seen").replace("Content-Length: 5", "Content-Length: 6000000");
    let script = vec![
        large.clone(),
        xml(
            "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>",
        ),
        large.clone(),
        xml("<CopyPartResult><ETag>\"one\"</ETag></CopyPartResult>"),
        answer("200 OK", "ETag: \"two\"\r\n", ""),
        answer("412 Precondition Failed", "", ""),
        answer("204 No Content", "", ""),
        large,
    ];
    let (storage, server) = hearing(script).await;
    let late = append(&storage, 6_000_000).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    let heard = server.await.unwrap();
    let lines: Vec<&str> = heard
        .iter()
        .map(|request| request.split(" HTTP").next().unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            "HEAD /bucket/log",
            "POST /bucket/log?uploads",
            "HEAD /bucket/log",
            "PUT /bucket/log?x-id=UploadPartCopy&partNumber=1&uploadId=id",
            "PUT /bucket/log?x-id=UploadPart&partNumber=2&uploadId=id",
            "POST /bucket/log?uploadId=id",
            "DELETE /bucket/log?x-id=AbortMultipartUpload&uploadId=id",
            "HEAD /bucket/log",
        ]
    );
    assert_eq!(header(&heard[3], "x-amz-copy-source-if-match"), "\"seen\"");
    assert_eq!(header(&heard[3], "x-amz-copy-source"), "bucket/log");
    assert_eq!(header(&heard[5], "if-match"), "\"seen\"");
}

/// Others may have put keys there that have no name here: a list passes over them.
#[tokio::test]
async fn lists_pass_over_keys_that_have_no_name_here() {
    let object = |key: &str| {
        format!("<Contents><Key>{key}</Key><Size>1</Size><ETag>\"e\"</ETag></Contents>")
    };
    let (deep, deeper) = ("d/".repeat(64), "d/".repeat(65));
    let objects = [object("a"), object(&deep), object(&deeper), object("e")].concat();
    let list =
        format!("<ListBucketResult><IsTruncated>false</IsTruncated>{objects}</ListBucketResult>");
    let (storage, server) = hearing(vec![xml(&list)]).await;
    let options = ListOptions {
        prefix: String::new(),
        delimiter: None,
        after: String::new(),
        max: 10,
    };
    let listing = storage.list(options).await.unwrap();
    let keys: Vec<_> = listing
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect();
    assert_eq!(keys, ["a", &deep, "e"]);
    server.await.unwrap();
}

#[tokio::test]
async fn says_that_an_object_is_archived() {
    let error = "<Error><Code>InvalidObjectState</Code></Error>";
    let (storage, server) = hearing(vec![answer("403 Forbidden", "", error)]).await;
    match read(&storage).await {
        Err(Error::Archived(found)) => assert_eq!(found, key("k")),
        other => panic!("{other:?}"),
    }
    server.await.unwrap();
}
