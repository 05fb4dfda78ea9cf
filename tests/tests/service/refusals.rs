//! What a user does wrong at download time: a 4xx with the right code, number and words, and a server that goes on.

use service_tests::{animate_rule, b64, jpeg, png, png_claiming, soft};

use crate::server::{HOST, Server};

fn half(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() / 2].to_vec()
}

fn url(key: &str) -> String {
    format!("http://{HOST}/{key}")
}

/// A BMP that has nothing but a header, for 24 bits a pixel.
fn bmp_claiming(width: u32, height: u32) -> Vec<u8> {
    let numbers = [58, 0, 54, 40, width, height, 1 | 24 << 16, 0, 4, 0, 0, 0, 0];
    let header = numbers.iter().flat_map(|number: &u32| number.to_le_bytes());
    b"BM".iter().copied().chain(header).chain([0; 4]).collect()
}

#[test]
fn every_mistake_has_its_answer() {
    let server = Server::open();
    let picture = jpeg(40, 30, 0);
    server
        .file("a.jpg", &picture)
        .file("b.jpg", &jpeg(40, 30, 5))
        .file("half.jpg", &half(&picture))
        .file("half.png", &half(&png(40, 30, &soft(40, 30, 1))))
        .file("text.jpg", b"just text")
        .file("empty.jpg", b"")
        .file(
            "pixel.gif",
            b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;",
        )
        .file("wide.png", &png_claiming(1081, 10))
        .file("bomb.png", &png_claiming(60000, 60000))
        .file("heavy.bmp", &bmp_claiming(15000, 15000));
    let with = |key: &str| animate_rule("50", &[&url(key)]);
    let many = |n: usize| {
        animate_rule(
            "50",
            &vec![url("b.jpg"); n]
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        )
    };
    let duration = |text: &str| format!("a.jpg?{}", animate_rule(text, &[&url("b.jpg")]));
    let image = |text: &str| format!("a.jpg?imageMogr2/animate/duration/50/images/{text}");
    let cases: Vec<(String, u16, &str, &str, &str)> = vec![
        // target, status, Code, X-ErrNo, words in the message
        (image("!!!"), 400, "InvalidImageSource", "-106", "base64"),
        (
            image(&b64("not a url")),
            400,
            "InvalidImageSource",
            "-106",
            "http://",
        ),
        (
            image(&b64("ftp://a/b")),
            400,
            "InvalidImageSource",
            "-106",
            "http://",
        ),
        (
            image(&b64("http://evil.example.net/b.jpg")),
            400,
            "InvalidImageSource",
            "-106",
            "evil.example.net",
        ),
        (
            image(&b64("http://169.254.169.254/latest")),
            400,
            "InvalidImageSource",
            "-106",
            "169.254.169.254",
        ),
        (
            image(&b64("http://localhost/b.jpg")),
            400,
            "InvalidImageSource",
            "-106",
            "localhost",
        ),
        (
            image(&b64(&format!("http://u@{HOST}/b.jpg"))),
            400,
            "InvalidImageSource",
            "-106",
            "user name",
        ),
        (
            format!("a.jpg?{}", with("absent.jpg")),
            404,
            "NoSuchKey",
            "-6101",
            "absent.jpg",
        ),
        (
            format!("absent.jpg?{}", with("b.jpg")),
            404,
            "NoSuchKey",
            "-6101",
            "absent.jpg",
        ),
        (
            "absent.jpg?imageMogr2/interlace/1".to_owned(),
            404,
            "NoSuchKey",
            "-6101",
            "absent.jpg",
        ),
        (duration("0"), 400, "InvalidArgument", "-103", "`0`"),
        (duration("-1"), 400, "InvalidArgument", "-103", "`-1`"),
        (duration("1.5"), 400, "InvalidArgument", "-103", "`1.5`"),
        (duration("abc"), 400, "InvalidArgument", "-103", "`abc`"),
        (duration("655351"), 400, "InvalidArgument", "-103", "655350"),
        (
            duration("99999999999999999999"),
            400,
            "InvalidArgument",
            "-103",
            "655350",
        ),
        (
            "a.jpg?imageMogr2/animate/duration/50".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "images",
        ),
        (
            "a.jpg?imageMogr2/animate/duration/50/images".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "images",
        ),
        (
            format!("a.jpg?imageMogr2/animate/images/{}", b64(&url("b.jpg"))),
            400,
            "InvalidArgument",
            "-103",
            "duration",
        ),
        (
            format!("a.jpg?{}", many(20)),
            400,
            "ImageResolutionExceed",
            "-447",
            "21 frames",
        ),
        (
            format!("wide.png?{}", with("b.jpg")),
            400,
            "ImageResolutionExceed",
            "-447",
            "1081x10",
        ),
        (
            format!("a.jpg?{}", with("wide.png")),
            400,
            "ImageResolutionExceed",
            "-447",
            "1081x10",
        ),
        (
            format!("a.jpg?{}", with("pixel.gif")),
            400,
            "InvalidImageFormat",
            "-441",
            "GIF",
        ),
        (
            format!("pixel.gif?{}", with("b.jpg")),
            400,
            "InvalidImageFormat",
            "-441",
            "GIF",
        ),
        (
            format!("a.jpg?{}", with("text.jpg")),
            400,
            "InvalidImageFormat",
            "-441",
            "not an image",
        ),
        (
            format!("a.jpg?{}", with("half.jpg")),
            400,
            "InvalidImageFormat",
            "-441",
            "JPEG",
        ),
        (
            format!("a.jpg?{}", with("half.png")),
            400,
            "InvalidImageFormat",
            "-441",
            "PNG",
        ),
        (
            "text.jpg?imageMogr2/interlace/1".to_owned(),
            400,
            "InvalidImageFormat",
            "-441",
            "not an image",
        ),
        (
            "empty.jpg?imageMogr2/interlace/1".to_owned(),
            400,
            "InvalidImageFormat",
            "-441",
            "empty",
        ),
        (
            "half.jpg?imageMogr2/interlace/1".to_owned(),
            400,
            "InvalidImageFormat",
            "-441",
            "JPEG",
        ),
        (
            "half.png?imageMogr2/format/jpg".to_owned(),
            400,
            "InvalidImageFormat",
            "-441",
            "PNG",
        ),
        (
            "bomb.png?imageMogr2/format/jpg".to_owned(),
            400,
            "ImageResolutionExceed",
            "-447",
            "60000x60000",
        ),
        (
            "heavy.bmp?imageMogr2/format/jpg".to_owned(),
            400,
            "ImageResolutionExceed",
            "-447",
            "1800000000 bytes of memory or more; at most 1610612736 are allowed",
        ),
        (
            "a.jpg?imageMogr2/interlace/2".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "`2`",
        ),
        (
            "a.jpg?imageMogr2/interlace".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "interlace",
        ),
        (
            "a.jpg?imageMogr2/thumbnail/50x".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "thumbnail is not supported yet",
        ),
        (
            "a.jpg?imageMogr2/thumbnail/640x640%3E|imageMogr2/format/jpg".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "thumbnail",
        ),
        (
            "a.jpg?imageMogr2/nonsense/1".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "nonsense",
        ),
        (
            "a.jpg?imageMogr2/format/tiff".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "tiff",
        ),
        (
            "a.jpg?imageView2/1/w/50".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "imageView2 is not supported yet",
        ),
        (
            "a.jpg?imageMogr2/interlace/1&imageMogr2/interlace/2".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "interlace: expected 0 or 1, found `2`",
        ),
        (
            "a.jpg?imageslim".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "imageSlim is not supported yet",
        ),
        (
            "a.jpg?imageMogr2/thumbnall/50x".to_owned(),
            400,
            "InvalidArgument",
            "-103",
            "did you mean `thumbnail`?",
        ),
        (
            format!("a.jpg?{}/format/jpg", with("b.jpg")),
            400,
            "InvalidArgument",
            "-103",
            "format",
        ),
    ];
    for (target, status, code, number, words) in cases {
        let answer = server.get(&format!("/{target}"));
        let message = answer.xml("Message");
        assert_eq!(
            (answer.status, answer.xml("Code").as_str()),
            (status, code),
            "{target}: {message}"
        );
        assert_eq!(answer.header("x-errno"), number, "{target}");
        assert!(message.contains(words), "{target}: {message}");
        assert_eq!(answer.header("content-type"), "application/xml");
        assert_eq!(answer.header("cache-control"), "no-store");
        for node in ["Resource", "RequestId", "TraceId"] {
            assert!(!answer.xml(node).is_empty(), "{target}: {node}");
        }
        assert_eq!(answer.xml("RequestId"), answer.header("x-cos-request-id"));
    }
    assert_eq!(server.get("/a.jpg").body, picture, "the server is still up");
}

#[test]
fn hosts_that_name_no_bucket_lead_nowhere() {
    let server = Server::open();
    server.file("a.jpg", &jpeg(8, 8, 0));
    for (host, status) in [
        ("evil.example.net", 404),
        ("localhost.evil.net", 404),
        ("localhost:1234", 200),
        ("127.0.0.1", 200),
        ("img.example.com", 200),
        ("other-1250000000.cos.ap-shanghai.myqcloud.com", 404),
    ] {
        let answer =
            service_tests::request(server.address, "GET", "/a.jpg", &[("Host", host)], b"");
        assert_eq!(answer.status, status, "{host}");
        if status == 404 {
            assert_eq!(answer.xml("Code"), "NoSuchBucket");
        }
    }
    let path_style = [("Host", "cos.ap-shanghai.myqcloud.com")];
    let answer = service_tests::request(
        server.address,
        "GET",
        "/examples-1250000000/a.jpg",
        &path_style,
        b"",
    );
    assert_eq!(answer.status, 200);
}

#[test]
fn processing_of_other_products_is_never_the_object() {
    let server = Server::open();
    server.file("a.jpg", &jpeg(24, 16, 1));
    for target in [
        "/a.jpg?ci-process=AIPicMatting",
        "/a.jpg?imageMogr2/strip&ci-process=AIPicMatting",
        "/a.jpg?imageMogr2/strip?ci-process=AIPicMatting",
    ] {
        let answer = server.get(target);
        assert_eq!(
            (answer.status, answer.xml("Code").as_str()),
            (400, "InvalidRequest")
        );
        assert!(
            answer.xml("Message").contains("ci-process=AIPicMatting"),
            "{target}"
        );
    }
}
