//! `animate`, read back by an independent decoder.

use service_tests::{animate_rule, b64, distance, jpeg, png, read_gif, read_jpeg, soft};

use crate::server::{HOST, Server};

fn url(key: &str) -> String {
    format!("http://{HOST}/{key}")
}

/// Three stills of one size, as JPEG and PNG.
fn stills() -> Server {
    let server = Server::open();
    server
        .file("a.jpg", &jpeg(60, 40, 0))
        .file("sub/b.png", &png(60, 40, &soft(60, 40, 9)))
        .file("c.jpg", &jpeg(60, 40, 20));
    server
}

#[test]
fn frames_come_in_order_with_their_delays_and_near_their_sources() {
    let server = stills();
    let rule = animate_rule("50", &[&url("sub/b.png"), &url("c.jpg"), &url("sub/b.png")]);
    let answer = server.get(&format!("/a.jpg?{rule}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "image/gif");
    assert_eq!(answer.header("transfer-encoding"), "chunked");
    let gif = read_gif(&answer.body);
    assert_eq!((gif.width, gif.height), (60, 40));
    assert!(gif.forever);
    assert_eq!(gif.delays, [5, 5, 5, 5]);
    let sources = [
        read_jpeg(&jpeg(60, 40, 0)).2,
        soft(60, 40, 9),
        read_jpeg(&jpeg(60, 40, 20)).2,
        soft(60, 40, 9),
    ];
    for (n, (canvas, source)) in gif.canvases.iter().zip(&sources).enumerate() {
        let far = distance(canvas, 4, source, 3);
        assert!(far < 8.0, "frame {n} is {far} levels from its source");
        assert!(
            canvas.chunks_exact(4).all(|p| p[3] == 255),
            "frame {n} covers the canvas"
        );
    }
}

#[test]
fn delays_add_up() {
    let server = stills();
    let delays = |duration: &str| {
        let rule = animate_rule(duration, &[&url("c.jpg"), &url("a.jpg"), &url("c.jpg")]);
        read_gif(&server.get(&format!("/a.jpg?{rule}")).body).delays
    };
    assert_eq!(delays("1"), [1, 1, 1, 1]);
    assert_eq!(delays("10"), [1, 1, 1, 1]);
    assert_eq!(delays("11"), [2, 2, 2, 2]);
    assert_eq!(delays("19"), [2, 2, 2, 2]);
    assert_eq!(delays("20"), [2, 2, 2, 2]);
    // Ticks at 2.5, 5, 7.5 and 10, rounded: 3, 5, 8, 10.
    assert_eq!(delays("25"), [3, 2, 3, 2]);
    assert_eq!(delays("655350"), [65535; 4]);
}

#[test]
fn equal_frames_are_all_there() {
    let server = stills();
    let rule = animate_rule("100", &[&url("a.jpg"), &url("a.jpg")]);
    let gif = read_gif(&server.get(&format!("/a.jpg?{rule}")).body);
    assert_eq!(gif.delays, [10, 10, 10]);
    assert_eq!(gif.canvases[0], gif.canvases[1]);
    assert_eq!(gif.canvases[0], gif.canvases[2]);
}

#[test]
fn other_sizes_fit_inside_the_first_one() {
    let server = Server::open();
    server
        .file("wide.png", &png(60, 40, &soft(60, 40, 0)))
        .file("tall.png", &png(20, 80, &soft(20, 80, 5)))
        .file("dot.png", &png(1, 1, &[255, 0, 0]));
    let rule = animate_rule("100", &[&url("tall.png"), &url("dot.png")]);
    let gif = read_gif(&server.get(&format!("/wide.png?{rule}")).body);
    assert_eq!((gif.width, gif.height), (60, 40));
    let covered = |canvas: &[u8]| -> Vec<usize> {
        (0..60)
            .filter(|x| canvas[(20 * 60 + x) * 4 + 3] == 255)
            .collect()
    };
    // 20x80 becomes 10x40, in the middle; 1x1 becomes 40x40. What they leave is transparent, not the frame before.
    assert_eq!(covered(&gif.canvases[1]), (25..35).collect::<Vec<_>>());
    assert_eq!(covered(&gif.canvases[2]), (10..50).collect::<Vec<_>>());
}

#[test]
fn transparency_stays_and_frames_do_not_pile_up() {
    let half = |left: bool| {
        let mut pixels = Vec::new();
        for _ in 0..16 {
            for x in 0..16 {
                let alpha = if (x < 8) == left { 255 } else { 63 };
                pixels.extend_from_slice(&[10, 200, 30, alpha]);
            }
        }
        png(16, 16, &pixels)
    };
    let server = Server::open();
    server
        .file("l.png", &half(true))
        .file("r.png", &half(false));
    let rule = animate_rule("100", &[&url("r.png")]);
    let gif = read_gif(&server.get(&format!("/l.png?{rule}")).body);
    for (canvas, left) in gif.canvases.iter().zip([true, false]) {
        for (n, pixel) in canvas.chunks_exact(4).enumerate() {
            let opaque = (n % 16 < 8) == left;
            assert_eq!(pixel[3] == 255, opaque, "pixel {n}");
            if opaque {
                assert_eq!(pixel[..3], [10, 200, 30], "exact colors");
            }
        }
    }
}

#[test]
fn all_wire_forms_mean_the_same() {
    let server = stills();
    let image = b64(&url("c.jpg"));
    let padded = format!("{image}{}", "=".repeat((4 - image.len() % 4) % 4));
    let raw = format!("imageMogr2/animate/duration/50/images/{image}");
    let escaped = raw.replace('/', "%2F");
    let expected = server.get(&format!("/a.jpg?{raw}"));
    assert_eq!(expected.status, 200);
    for form in [
        format!("{raw}="),
        escaped.clone(),
        format!("{escaped}="),
        format!("imageMogr2/animate/images/{image}/duration/50"),
        format!("imageMogr2/animate/duration/50/images/{padded}"),
        format!(
            "imageMogr2/animate/duration/50/images/{}",
            padded.replace('=', "%3D")
        ),
        format!("imageMogr2/animate/duration/50/images//{image}/"),
        format!("{raw}&x=y"),
        format!("x=y&{raw}"),
    ] {
        let answer = server.get(&format!("/a.jpg?{form}"));
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        assert_eq!(answer.body, expected.body, "{form}");
    }
    // A path whose slashes are escaped names the same key.
    let rule = animate_rule("50", &[&url("c.jpg")]);
    let plain = server.get(&format!("/sub/b.png?{rule}"));
    assert_eq!(plain.status, 200);
    assert_eq!(server.get(&format!("/sub%2Fb.png?{rule}")).body, plain.body);
}

#[test]
fn the_documentations_urls_run_as_they_stand() {
    let server = Server::with(
        "[anonymous]\npolicy = \"open\"\n[[bucket]]\nname = \"examples-125xxxxxx\"\nfolder = \"{folder}/doc\"\n",
    );
    let documented = "examples-125xxxxxx.cos.ap-shanghai.myqcloud.com";
    let send = |method: &str, target: &str, body: &[u8]| {
        service_tests::request(
            server.address,
            method,
            target,
            &[("Host", documented)],
            body,
        )
    };
    for (n, key) in ["/image-1.jpg", "/image-2.jpg"].into_iter().enumerate() {
        assert_eq!(send("PUT", key, &jpeg(48, 32, n as u32 * 7)).status, 200);
    }
    assert_eq!(
        send("PUT", "/sample.png", &png(48, 32, &soft(48, 32, 3))).status,
        200
    );
    let animated = send(
        "GET",
        "/image-1.jpg?imageMogr2/animate/duration/50/images/aHR0cDovL2V4YW1wbGVzLTEyNXh4eHh4eC5jb3MuYXAtc2hhbmdoYWkubXlxY2xvdWQuY29tL2ltYWdlLTIuanBn",
        b"",
    );
    assert_eq!(animated.status, 200, "{}", animated.text());
    assert_eq!(read_gif(&animated.body).delays, [5, 5]);
    let progressive = send("GET", "/sample.png?imageMogr2/format/jpg/interlace/1", b"");
    assert_eq!(progressive.header("content-type"), "image/jpeg");
    assert_eq!(service_tests::frame_marker(&progressive.body), Some(0xC2));
}

#[test]
fn twenty_frames_are_taken() {
    let server = Server::open();
    for n in 0..20 {
        server.file(&format!("{n}.jpg"), &jpeg(24, 16, n));
    }
    let urls: Vec<String> = (1..20).map(|n| url(&format!("{n}.jpg"))).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let answer = server.get(&format!("/0.jpg?{}", animate_rule("40", &urls)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(read_gif(&answer.body).delays, [4; 20]);
}

#[test]
fn head_tells_what_get_would() {
    let server = stills();
    let target = format!("/a.jpg?{}", animate_rule("50", &[&url("c.jpg")]));
    let (get, head) = (server.get(&target), server.send("HEAD", &target, &[], b""));
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    for name in ["content-type", "etag", "last-modified", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert!(!get.header("etag").is_empty());
    let unchanged = server.send(
        "GET",
        &target,
        &[("If-None-Match", get.header("etag"))],
        b"",
    );
    assert_eq!(
        (unchanged.status, unchanged.header("content-length")),
        (304, "0")
    );
    // Another image, another tag.
    server.file("c.jpg", &jpeg(60, 40, 33));
    let changed = server.send(
        "GET",
        &target,
        &[("If-None-Match", get.header("etag"))],
        b"",
    );
    assert_eq!(changed.status, 200);
}
