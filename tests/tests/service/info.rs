//! `imageInfo`, `imageAve` and `exif`: what is told of a picture in place of it.

use md5::{Digest, Md5};
use service_tests::{Answer, jpeg, png, read_jpeg, soft};

use crate::server::Server;

fn md5(bytes: &[u8]) -> String {
    let digest: [u8; 16] = Md5::digest(bytes).into();
    format!("{:032x}", u128::from_be_bytes(digest))
}

/// What `imageInfo` tells of these bytes, a still of 8 bits and 72 dpi.
fn info(bytes: &[u8], format: &str, width: u32, height: u32) -> String {
    let (size, md5) = (bytes.len(), md5(bytes));
    format!(
        "{{\"format\": \"{format}\", \"width\": \"{width}\", \"height\": \"{height}\", \"size\": \"{size}\", \
         \"md5\": \"{md5}\", \"dynamic_range\": \"unknow\", \"frame_count\": \"1\", \"bit_depth\": \"8\", \
         \"vertical_dpi\": \"72\", \"horizontal_dpi\": \"72\"}}"
    )
}

#[track_caller]
fn tells(answer: &Answer, document: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text(), document);
    let len = document.len().to_string();
    assert_eq!(answer.header("content-length"), len);
}

/// A BMP of one color: 24 bits a pixel, rows of whole words.
fn bmp(width: u32, height: u32) -> Vec<u8> {
    let pixels = vec![70; ((width * 3).next_multiple_of(4) * height) as usize];
    let mut bytes = b"BM".to_vec();
    for n in [54 + pixels.len() as u32, 0, 54, 40, width, height] {
        bytes.extend(n.to_le_bytes());
    }
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    bytes.extend(pixels);
    bytes
}

fn gif(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &[9, 80, 200]).expect("a head");
    let frame = gif::Frame {
        width,
        height,
        buffer: vec![0; usize::from(width) * usize::from(height)].into(),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame).expect("a frame");
    drop(encoder);
    bytes
}

fn webp(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    image_webp::WebPEncoder::new(&mut bytes)
        .encode(
            &soft(width, height, 1),
            width,
            height,
            image_webp::ColorType::Rgb8,
        )
        .expect("a picture");
    bytes
}

#[test]
fn image_info_tells_of_every_format() {
    let server = Server::open();
    for (format, width, height, bytes) in [
        ("jpeg", 960, 540, jpeg(960, 540, 1)),
        ("png", 40, 30, png(40, 30, &soft(40, 30, 1))),
        ("gif", 40, 30, gif(40, 30)),
        ("webp", 40, 30, webp(40, 30)),
        ("bmp", 41, 30, bmp(41, 30)),
    ] {
        server.file(format, &bytes);
        let expected = info(&bytes, format, width, height);
        let target = format!("/{format}?imageInfo");
        tells(&server.get(&target), &expected);
        let head = server.send("HEAD", &target, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0));
        for name in ["content-type", "content-length", "etag"] {
            assert_eq!(head.header(name), server.get(&target).header(name));
        }
        // A stage that changes nothing gives the object itself.
        let target = format!("/{format}?imageMogr2/ignore-error/1%7CimageInfo");
        tells(&server.get(&target), &expected);
    }
}

#[test]
fn the_md5_is_told_where_the_tag_is_none() {
    let server = Server::open();
    let bytes = jpeg(400, 300, 2);
    let (first, second) = bytes.split_at(1000);
    for (position, piece) in [(0, first), (1000, second)] {
        let target = format!("/a.jpg?append&position={position}");
        let answer = server.send("POST", &target, &[], piece);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let head = server.send("HEAD", "/a.jpg", &[], b"");
    assert!(head.header("etag").contains('-'), "{}", head.header("etag"));
    tells(
        &server.get("/a.jpg?imageInfo"),
        &info(&bytes, "jpeg", 400, 300),
    );
}

#[test]
fn the_last_stage_tells_of_what_the_others_made() {
    let server = Server::open();
    server.file("a.png", &png(40, 30, &soft(40, 30, 1)));
    let rule = "imageMogr2/format/jpg/quality/50";
    let made = server.get(&format!("/a.png?{rule}")).body;
    assert_eq!(read_jpeg(&made).0, 40);
    let told = server.get(&format!("/a.png?{rule}|imageInfo"));
    tells(&told, &info(&made, "jpeg", 40, 30));
    // As two items of the query, it is the same rule.
    let items = server.get(&format!("/a.png?{rule}&imageInfo"));
    assert_eq!(items.header("etag"), told.header("etag"));
    tells(&items, &told.text());
    let first = server.get(&format!("/a.png?imageInfo|{rule}"));
    assert_eq!(
        (first.status, first.xml("Code").as_str()),
        (400, "InvalidArgument")
    );
}

#[test]
fn a_text_has_a_tag_of_its_own() {
    let server = Server::open();
    server.file("a.jpg", &jpeg(40, 30, 1));
    let tags = ["imageInfo", "imageAve", "exif"].map(|rule| {
        let target = format!("/a.jpg?{rule}");
        let etag = server.get(&target).header("etag").to_owned();
        assert_ne!(etag, server.get("/a.jpg").header("etag"));
        let asked = [("If-None-Match", etag.as_str())];
        let again = server.send("GET", &target, &asked, b"");
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(again.header("content-type"), "application/json");
        let spelled = server.get(&format!("/a.jpg?{}", rule.to_uppercase()));
        assert_eq!(spelled.header("etag"), etag);
        etag
    });
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
}

#[test]
fn the_average_color_is_that_of_all_pixels() {
    let server = Server::open();
    server.file("a.png", &png(8, 8, &[0x73, 0x62, 0x46].repeat(64)));
    tells(&server.get("/a.png?imageAve"), "{\"RGB\": \"0x736246\"}");
    for (name, bytes, expected) in [
        ("a.bmp", bmp(40, 30), "0x464646"),
        ("a.gif", gif(40, 30), "0x0950c8"),
    ] {
        server.file(name, &bytes);
        let told = server.get(&format!("/{name}?imageAve"));
        tells(&told, &format!("{{\"RGB\": \"{expected}\"}}"));
    }
    server.file("a.webp", &webp(40, 30));
    server.file("same.png", &png(40, 30, &soft(40, 30, 1)));
    let same = server.get("/same.png?imageAve").text();
    tells(&server.get("/a.webp?imageAve"), &same);
}

#[test]
fn exif_tells_tags_or_that_there_are_none() {
    let server = Server::open();
    let none = "{\"error\" : \"no exif data\"}";
    for (name, bytes) in [
        ("a.png", png(8, 8, &soft(8, 8, 1))),
        ("a.jpg", jpeg(8, 8, 1)),
        ("a.gif", gif(8, 8)),
        ("a.webp", webp(8, 8)),
        ("a.bmp", bmp(8, 8)),
    ] {
        server.file(name, &bytes);
        tells(&server.get(&format!("/{name}?exif")), none);
    }
    // Right after SOI: one directory with one tag.
    let mut tagged = jpeg(8, 8, 1);
    let time = b"2011:11:19 17:09:23\0";
    let mut exif =
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x32\0\x02\0\0\0\x14\0\0\0\x1A\0\0\0\0".to_vec();
    exif.extend(time);
    let len = (exif.len() as u16 + 2).to_be_bytes();
    let segment = [&[0xFF, 0xE1][..], &len, &exif].concat();
    tagged.splice(2..2, segment);
    server.file("tagged.jpg", &tagged);
    let told = "{\"DateTime\": {\"val\": \"2011:11:19 17:09:23\", \"type\": 2}}";
    tells(&server.get("/tagged.jpg?exif"), told);
    // It goes along with the picture, unless it is left out.
    tells(&server.get("/tagged.jpg?imageMogr2/interlace/1|exif"), told);
    tells(&server.get("/tagged.jpg?imageMogr2/strip|exif"), none);
}

#[test]
fn what_is_no_picture_is_refused() {
    let server = Server::open();
    server.file("text", b"some text that is longer than any header");
    for rule in [
        "imageInfo",
        "imageAve",
        "exif",
        "imageMogr2/strip|imageInfo",
    ] {
        let answer = server.get(&format!("/text?{rule}"));
        assert_eq!(answer.status, 400, "{rule}");
        assert_eq!(answer.xml("Code"), "InvalidImageFormat");
        assert_eq!(answer.header("x-errno"), "-441");
        let ignored = server.get(&format!("/text?{rule}/ignore-error/1"));
        assert_eq!(ignored.status, 200, "{rule}");
        assert_eq!(ignored.header("x-mogr-ignored-error"), "InvalidImageFormat");
    }
    for key in ["absent", "absent.jpg"] {
        assert_eq!(server.get(&format!("/{key}?imageInfo")).status, 404);
    }
}

#[test]
fn a_source_that_is_too_large_is_not_read() {
    let server = Server::with("[limits]\nsource_bytes = 1000\n[anonymous]\npolicy = \"open\"\n");
    server.file("a.jpg", &jpeg(400, 300, 2));
    let answer = server.get("/a.jpg?imageInfo");
    assert_eq!(answer.xml("Code"), "ImageTooLarge", "{}", answer.text());
    assert_eq!(answer.header("x-errno"), "-167");
}

#[test]
fn a_text_is_not_stored() {
    let server = Server::open();
    let picture = jpeg(40, 30, 1);
    server.file("old.jpg", &picture);
    for rule in [
        "imageInfo",
        "imageAve",
        "exif",
        "imageMogr2/strip|imageInfo",
    ] {
        let operations = format!(r#"{{"rules":[{{"fileid":"told","rule":"{rule}"}}]}}"#);
        let headers = [("Pic-Operations", operations.as_str())];
        for (method, target) in [("PUT", "/new.jpg"), ("POST", "/old.jpg?image_process")] {
            let answer = server.send(method, target, &headers, &picture);
            assert_eq!(answer.status, 400, "{method} {rule}");
            assert_eq!(answer.xml("Code"), "InvalidPicOperations");
            let text = answer.xml("Message");
            assert!(text.contains("makes no picture to store"), "{text}");
        }
    }
    server.lacks("told");
    server.lacks("new.jpg");
}
