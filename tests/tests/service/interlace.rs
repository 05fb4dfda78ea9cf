//! `interlace`, `format`, `quality` and `ignore-error`.

use service_tests::{distance, frame_marker, jpeg, png, read_gif, read_jpeg, soft};

use crate::server::Server;

const BASELINE: Option<u8> = Some(0xC0);
const PROGRESSIVE: Option<u8> = Some(0xC2);

#[test]
fn a_jpeg_is_transcoded_without_touching_a_pixel() {
    let server = Server::open();
    let source = jpeg(90, 70, 3);
    server.file("a.jpg", &source);
    let progressive = server.get("/a.jpg?imageMogr2/interlace/1");
    assert_eq!(progressive.status, 200, "{}", progressive.text());
    assert_eq!(progressive.header("content-type"), "image/jpeg");
    assert_eq!(frame_marker(&progressive.body), PROGRESSIVE);
    assert_eq!(read_jpeg(&progressive.body), read_jpeg(&source));
    assert_eq!(
        progressive.header("content-length"),
        progressive.body.len().to_string()
    );
    // And back.
    server.file("p.jpg", &progressive.body);
    let baseline = server.get("/p.jpg?imageMogr2/interlace/0");
    assert_eq!(frame_marker(&baseline.body), BASELINE);
    assert_eq!(read_jpeg(&baseline.body), read_jpeg(&source));
}

#[test]
fn other_forms_ask_for_the_same() {
    let server = Server::open();
    server.file("a.jpg", &jpeg(64, 48, 1));
    let expected = server.get("/a.jpg?imageMogr2/interlace/1").body;
    for query in [
        "imageMogr2/format/jpg/interlace/1",
        "imageMogr2/interlace/1/format/jpg",
        "imageMogr2%2Finterlace%2F1=",
        "imageMogr2/interlace/1/",
        "imageMogr2/interlace/1|imageMogr2/format/jpg",
        "imageMogr2/interlace/1%7CimageMogr2/ignore-error/1",
    ] {
        let answer = server.get(&format!("/a.jpg?{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(answer.body, expected, "{query}");
    }
}

#[test]
fn a_png_becomes_a_jpeg_over_white() {
    let server = Server::open();
    let mut pixels = Vec::new();
    for n in 0..32 * 32 {
        pixels.extend_from_slice(&[255, 0, 0, if n % 32 < 16 { 255 } else { 0 }]);
    }
    server.file("a.png", &png(32, 32, &pixels));
    let answer = server.get("/a.png?imageMogr2/format/jpg/interlace/1");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(frame_marker(&answer.body), PROGRESSIVE);
    let (width, height, shown) = read_jpeg(&answer.body);
    assert_eq!((width, height), (32, 32));
    assert!(
        shown[0] > 230 && shown[1] < 40,
        "left is red: {:?}",
        &shown[..3]
    );
    let right = &shown[31 * 3..32 * 3];
    assert!(right.iter().all(|v| *v > 235), "right is white: {right:?}");
    let plain = server.get("/a.png?imageMogr2/format/jpg");
    assert_eq!(
        frame_marker(&plain.body),
        BASELINE,
        "no interlace means baseline"
    );
}

#[test]
fn interlace_means_nothing_to_other_outputs() {
    let server = Server::open();
    let source = png(20, 10, &soft(20, 10, 0));
    server.file("a.png", &source);
    for rule in ["interlace/1", "format/png/interlace/1"] {
        let answer = server.get(&format!("/a.png?imageMogr2/{rule}"));
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "image/png")
        );
        assert_eq!(answer.body, source, "{rule}");
    }
}

#[test]
fn quality_is_bounded_by_the_sources_unless_forced() {
    let server = Server::open();
    let source = jpeg(120, 90, 3);
    server.file("a.jpg", &source);
    let size = |rule: &str| {
        let answer = server.get(&format!("/a.jpg?imageMogr2/{rule}"));
        assert_eq!(answer.status, 200, "{rule}: {}", answer.text());
        let far = distance(&read_jpeg(&answer.body).2, 3, &read_jpeg(&source).2, 3);
        assert!(far < 12.0, "{rule} is {far} levels from its source");
        answer.body.len()
    };
    assert!(size("quality/30") < size("quality/60"));
    assert!(size("quality/100!") > size("quality/100"));
}

#[test]
fn ignore_error_gives_the_original() {
    let server = Server::open();
    let truncated = &jpeg(200, 200, 1)[..2000];
    server
        .file("t.jpg", truncated)
        .file("text.jpg", b"not an image");
    for (key, code) in [
        ("t.jpg", "InvalidImageFormat"),
        ("text.jpg", "InvalidImageFormat"),
    ] {
        let refused = server.get(&format!("/{key}?imageMogr2/interlace/1"));
        assert_eq!((refused.status, refused.xml("Code").as_str()), (400, code));
        let answer = server.get(&format!("/{key}?imageMogr2/interlace/1/ignore-error/1"));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-mogr-ignored-error"), code);
        assert_eq!(answer.header("content-type"), "image/jpeg");
        assert_eq!(answer.header("cache-control"), "public, max-age=60");
        let path = server.folder.path().join("bucket").join(key);
        assert_eq!(answer.body, std::fs::read(path).expect("a file"));
    }
    let value = server.get("/t.jpg?imageMogr2/interlace/7/ignore-error/1");
    assert_eq!(
        (value.status, value.header("x-mogr-ignored-error")),
        (200, "InvalidArgument")
    );
    assert_eq!(
        server
            .get("/absent.jpg?imageMogr2/interlace/1/ignore-error/1")
            .status,
        404
    );
    assert_eq!(
        server
            .get("/t.jpg?imageMogr2/nonsense/1/ignore-error/1")
            .status,
        400
    );
}

#[test]
fn a_pipeline_may_animate_and_go_on() {
    let server = Server::open();
    server
        .file("a.jpg", &jpeg(40, 30, 0))
        .file("b.jpg", &jpeg(40, 30, 8));
    let image = format!("http://{}/b.jpg", crate::server::HOST);
    let rule = service_tests::animate_rule("50", &[&image]);
    let gif = server.get(&format!("/a.jpg?imageMogr2/interlace/1|{rule}"));
    assert_eq!(gif.status, 200, "{}", gif.text());
    assert_eq!(read_gif(&gif.body).delays, [5, 5]);
    let still = server.get(&format!("/a.jpg?{rule}|imageMogr2/format/jpg"));
    assert_eq!(
        (still.status, still.header("content-type")),
        (200, "image/jpeg")
    );
}
