//! Names of objects, side by side and in order.

use crate::storage::{ListOptions, Listing, Storage};

use super::steps::{get, is_missing, key, list, names, options, put, remove};

/// Keys that a careless storage would take for paths, all at the same time.
pub const ODD_KEYS: [&str; 41] = [
    "odd/a b+c&d=e.jpg",
    "odd/100%",
    "odd/%2e%2e",
    "odd/%2F",
    "odd/ ",
    " odd",
    "odd/\u{4e2d}\u{6587}.gif",
    // One letter and two code points for it are two keys.
    "odd/\u{e9}",
    "odd/e\u{301}",
    "odd/\u{1f600}",
    "odd/Case",
    "odd/case",
    "odd/CASE",
    "odd/\u{c9}",
    "odd",
    "odd/",
    "odd//",
    "odd//x",
    "odd/x",
    "odd/x/",
    "odd/x/y",
    "odd/x/y/z",
    "odd/./x",
    "odd/../x",
    "odd/..",
    "..",
    "../odd",
    "../../etc/passwd",
    ".",
    "/",
    "/odd",
    "//odd",
    "odd\\x",
    "odd\n\r\t",
    "odd:x",
    "odd*?\"<>|",
    "con",
    "odd.",
    ".mogr",
    ".mogr/objects/a=",
    "odd~'\u{7f}",
];

/// Every valid key is a name of its own: [`ODD_KEYS`] and very long ones, side by side.
pub async fn keeps_odd_keys(storage: &dyn Storage) {
    let mut keys: Vec<String> = ODD_KEYS.map(str::to_owned).into();
    keys.push("n".repeat(1024));
    keys.push(format!("{}/{}", "d".repeat(255), "e".repeat(256)));
    keys.push("\u{4e2d}".repeat(341));
    keys.push("/".repeat(64));
    keys.push("l/".repeat(64));
    keys.push(format!("{}{}", "m/".repeat(64), "n".repeat(1024 - 128)));
    for name in &keys {
        put(storage, name, name.as_bytes()).await;
    }
    for name in &keys {
        assert_eq!(get(storage, name).await.1, name.as_bytes(), "{name:?}");
    }
    let mut sorted: Vec<&str> = keys.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    assert_eq!(names(&list(storage, options("")).await), sorted);
    // Each goes alone, in an order that takes parents before children and after.
    for (index, name) in keys.iter().enumerate() {
        remove(storage, &[name]).await;
        is_missing(storage, name).await;
        for other in &keys[index + 1..] {
            let found = storage.head(&key(other), None).await;
            assert!(found.is_ok(), "{other:?} went with {name:?}: {found:?}");
        }
    }
    assert_eq!(list(storage, options("")).await, Listing::default());
}

/// Keys come in the order of their bytes, with what `head` says of each.
pub async fn lists_in_byte_order(storage: &dyn Storage) {
    // `.` and `-` sort before `/`, `0` after it, capitals before small letters, and U+FF5E before U+1F600.
    let expected = [
        "l",
        "l-a",
        "l.a",
        "l/",
        "l/a",
        "l/a/b",
        "l0",
        "lA",
        "la",
        "l\u{e9}",
        "l\u{ff5e}",
        "l\u{1f600}",
    ];
    for name in expected.iter().rev() {
        put(storage, name, name.as_bytes()).await;
    }
    let listing = list(storage, options("l")).await;
    assert_eq!(names(&listing), expected);
    assert_eq!((&listing.prefixes, &listing.next), (&Vec::new(), &None));
    for object in &listing.objects {
        let head = storage.head(&object.key, None).await.expect("it is listed");
        assert_eq!(object.size, head.size);
        assert_eq!(object.etag, head.etag);
        assert_eq!(object.last_modified, head.last_modified);
    }
    assert_eq!(
        names(&list(storage, options("l/")).await),
        ["l/", "l/a", "l/a/b"]
    );
    assert_eq!(names(&list(storage, options("l/a/")).await), ["l/a/b"]);
    assert_eq!(names(&list(storage, options("l.")).await), ["l.a"]);
    assert_eq!(names(&list(storage, options("x")).await), [""; 0]);
    remove(storage, &expected).await;
}

/// With a delimiter, the keys that go on after it are told once, as a prefix.
pub async fn lists_by_delimiter(storage: &dyn Storage) {
    let all = ["d/a", "d/a/1", "d/a/2", "d/b", "d/c/1/2/3", "d/c/4", "d//x"];
    for name in all {
        put(storage, name, b"x").await;
    }
    let by = |prefix: &str, delimiter: &str| ListOptions {
        delimiter: Some(delimiter.to_owned()),
        ..options(prefix)
    };
    let listing = list(storage, by("d/", "/")).await;
    assert_eq!(names(&listing), ["d/a", "d/b"]);
    assert_eq!(listing.prefixes, ["d//", "d/a/", "d/c/"]);
    let listing = list(storage, by("d", "/")).await;
    assert_eq!(names(&listing), [""; 0]);
    assert_eq!(listing.prefixes, ["d/"]);
    let listing = list(storage, by("d/c/", "/")).await;
    assert_eq!(names(&listing), ["d/c/4"]);
    assert_eq!(listing.prefixes, ["d/c/1/"]);
    let listing = list(storage, by("d/", "a/")).await;
    assert_eq!(
        names(&listing),
        ["d//x", "d/a", "d/b", "d/c/1/2/3", "d/c/4"]
    );
    assert_eq!(listing.prefixes, ["d/a/"]);
    remove(storage, &all).await;
}

/// Pages of any size put together are the whole, and the last one says so.
pub async fn lists_in_pages(storage: &dyn Storage) {
    let all = [
        "p/1", "p/2/a", "p/2/b", "p/3", "p/4/a", "p/5", "p/6/x/y", "p/7",
    ];
    for name in all {
        put(storage, name, b"x").await;
    }
    for delimiter in [None, Some("/".to_owned())] {
        for max in 1..=all.len() + 1 {
            let mut found = Vec::new();
            let mut after = String::new();
            loop {
                let page = list(
                    storage,
                    ListOptions {
                        delimiter: delimiter.clone(),
                        after,
                        max,
                        ..options("p/")
                    },
                )
                .await;
                assert!(page.objects.len() + page.prefixes.len() <= max);
                found.extend(names(&page).iter().map(|&name| name.to_owned()));
                found.extend(page.prefixes.iter().cloned());
                match page.next {
                    Some(next) => {
                        assert_eq!(page.objects.len() + page.prefixes.len(), max);
                        after = next;
                    }
                    None => break,
                }
            }
            found.sort_unstable();
            let expected: &[&str] = match delimiter {
                None => &all,
                Some(_) => &["p/1", "p/2/", "p/3", "p/4/", "p/5", "p/6/", "p/7"],
            };
            assert_eq!(found, expected, "{max} at a time, delimiter {delimiter:?}");
        }
    }
    let from = ListOptions {
        after: "p/2/a0".to_owned(),
        max: 2,
        ..options("p/")
    };
    assert_eq!(names(&list(storage, from).await), ["p/2/b", "p/3"]);
    remove(storage, &all).await;
}
