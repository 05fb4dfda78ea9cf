//! The folder passes the suite, serves what lies there, leads nowhere else, and survives being killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::conformance;

fn folder() -> (tempfile::TempDir, Folder) {
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(outside.path().join("root")).unwrap();
    let folder = Folder::open(&outside.path().join("root")).unwrap();
    (outside, folder)
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(name).unwrap()
}

async fn put(folder: &Folder, name: &str, bytes: &[u8]) -> ObjectInfo {
    let body = Bytes::copy_from_slice(bytes);
    let options = PutOptions {
        attributes: Attributes {
            metadata: BTreeMap::from([("sum".to_owned(), sum(bytes))]),
            ..Attributes::default()
        },
        ..PutOptions::default()
    };
    folder.put(&key(name), body, options).await.unwrap()
}

async fn get(folder: &Folder, name: &str) -> Option<(ObjectInfo, Bytes)> {
    match folder.get(&key(name), GetOptions::default()).await {
        Ok(object) => Some((object.info, object.body.collect(u64::MAX).await.unwrap())),
        Err(Error::NotFound(_)) => None,
        Err(error) => panic!("{name:?}: {error:?}"),
    }
}

async fn names(folder: &Folder) -> Vec<String> {
    let options = ListOptions {
        prefix: String::new(),
        delimiter: None,
        after: String::new(),
        max: 10_000,
    };
    let listing = folder.list(options).await.unwrap();
    let keys = listing.objects.into_iter();
    keys.map(|object| object.key.as_str().to_owned()).collect()
}

fn sum(bytes: &[u8]) -> String {
    digest::etag(&digest::md5(bytes), None).opaque().to_owned()
}

/// Nothing is beside the root, whatever was asked.
fn is_alone(outside: &tempfile::TempDir) {
    let entries = fs::read_dir(outside.path()).unwrap();
    let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["root"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_the_suite() {
    let (outside, folder) = folder();
    conformance::run(&folder).await;
    is_alone(&outside);
    let left = fs::read_dir(outside.path().join("root")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".mogr"], "empty folders go with their last object");
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_the_suite_as_on_a_file_system_that_folds_case() {
    let (outside, folder) = folder();
    let mut store = Arc::into_inner(folder.0).unwrap();
    store.folds_case = true;
    let folder = Folder(Arc::new(store));
    conformance::run(&folder).await;
    is_alone(&outside);
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_what_lies_there() {
    let (outside, folder) = folder();
    let root = outside.path().join("root");
    fs::create_dir(root.join("sub")).unwrap();
    fs::write(root.join("image-1.jpg"), b"not really").unwrap();
    fs::write(root.join("sub/b"), b"\x89PNG\r\n\x1a\nrest").unwrap();
    fs::write(root.join("empty"), b"").unwrap();
    assert_eq!(names(&folder).await, ["empty", "image-1.jpg", "sub/b"]);

    let (info, bytes) = get(&folder, "image-1.jpg").await.unwrap();
    assert_eq!(bytes, &b"not really"[..]);
    assert_eq!(info.attributes.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(info.etag.opaque(), sum(b"not really"));
    let (info, _) = get(&folder, "sub/b").await.unwrap();
    assert_eq!(info.attributes.content_type.as_deref(), Some("image/png"));

    // Changed by hand: another tag. Replaced through the service: the file itself is another.
    fs::write(root.join("image-1.jpg"), b"other bytes").unwrap();
    let (info, _) = get(&folder, "image-1.jpg").await.unwrap();
    assert_eq!(info.etag.opaque(), sum(b"other bytes"));
    put(&folder, "image-1.jpg", b"through the service").await;
    assert_eq!(
        fs::read(root.join("image-1.jpg")).unwrap(),
        b"through the service"
    );
    // And by hand again: what was said of the bytes before does not belong to these.
    fs::write(root.join("image-1.jpg"), b"by hand").unwrap();
    let (info, bytes) = get(&folder, "image-1.jpg").await.unwrap();
    assert_eq!(bytes, &b"by hand"[..]);
    assert_eq!(info.attributes.metadata, BTreeMap::new());
    assert_eq!(info.etag.opaque(), sum(b"by hand"));

    folder.delete(&key("sub/b")).await.unwrap();
    assert!(!root.join("sub").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn remembers_the_sums_of_files_that_lie_there() {
    let (outside, folder) = folder();
    let path = outside.path().join("root/old.jpg");
    fs::write(&path, b"12345").unwrap();
    let long_ago = SystemTime::now() - Duration::from_hours(1);
    let date = |path: &Path| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(long_ago).unwrap();
    };
    date(&path);
    let first = folder.head(&key("old.jpg"), None).await.unwrap();
    // Time and size are all that is looked at, as this forged state shows.
    fs::write(&path, b"54321").unwrap();
    date(&path);
    let second = folder.head(&key("old.jpg"), None).await.unwrap();
    assert_eq!(first, second);
    fs::write(&path, b"54321").unwrap();
    let third = folder.head(&key("old.jpg"), None).await.unwrap();
    assert_eq!(third.etag.opaque(), sum(b"54321"));
}

/// A file may carry any date; what is told of it is one that headers and XML can say.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_odd_dates_are_objects() {
    let (outside, folder) = folder();
    let day = Duration::from_hours(24);
    let last = crate::tellable(i128::MAX);
    for (name, date) in [
        ("before-1970", SystemTime::UNIX_EPOCH - 365 * day),
        ("after-9999", last + day),
    ] {
        let path = outside.path().join("root").join(name);
        fs::write(&path, name).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        // A file system that cannot hold the date keeps the nearest, and shows nothing.
        file.set_modified(date).unwrap();
        let info = folder.head(&key(name), None).await.unwrap();
        assert!((SystemTime::UNIX_EPOCH..=last).contains(&info.last_modified));
        // And over it: what was is told to be another state.
        put(&folder, name, b"new").await;
        assert_eq!(get(&folder, name).await.unwrap().1, &b"new"[..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_survive_a_copy_of_the_folder() {
    let (outside, folder) = folder();
    for name in ["a.jpg", "x//y"] {
        put(&folder, name, name.as_bytes()).await;
    }
    let copied = outside.path().join("copied");
    let status = Command::new("cp")
        .arg("-pR")
        .args([outside.path().join("root"), copied.clone()])
        .status();
    assert!(status.unwrap().success());
    let copied = Folder::open(&copied).unwrap();
    for name in ["a.jpg", "x//y"] {
        let (info, bytes) = get(&copied, name).await.unwrap();
        assert_eq!(bytes, name.as_bytes());
        assert_eq!(info.attributes.metadata["sum"], sum(name.as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_moves_to_its_plain_place_when_that_is_free() {
    let (outside, folder) = folder();
    let root = outside.path().join("root");
    put(&folder, "a/b", b"child").await;
    put(&folder, "a", b"parent").await;
    assert!(root.join("a/b").is_file());
    assert_eq!(get(&folder, "a").await.unwrap().1, &b"parent"[..]);
    folder.delete(&key("a/b")).await.unwrap();
    assert_eq!(get(&folder, "a").await.unwrap().1, &b"parent"[..]);
    put(&folder, "a", b"again").await;
    assert_eq!(fs::read(root.join("a")).unwrap(), b"again");
    assert_eq!(names(&folder).await, ["a"]);
    put(&folder, "a/b", b"child").await;
    assert_eq!(names(&folder).await, ["a", "a/b"]);
    assert_eq!(get(&folder, "a/b").await.unwrap().1, &b"child"[..]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn links_lead_nowhere_outside() {
    use std::os::unix::fs::symlink;
    let (outside, folder) = folder();
    let root = outside.path().join("root");
    fs::write(outside.path().join("secret"), b"secret").unwrap();
    fs::write(root.join("inside"), b"inside").unwrap();
    symlink("../secret", root.join("relative")).unwrap();
    symlink(outside.path().join("secret"), root.join("absolute")).unwrap();
    symlink(outside.path(), root.join("folder")).unwrap();
    symlink("inside", root.join("good")).unwrap();
    symlink("circle", root.join("circle")).unwrap();
    symlink(".", root.join("self")).unwrap();

    for name in [
        "relative",
        "absolute",
        "folder/secret",
        "circle",
        "circle/x",
    ] {
        assert!(get(&folder, name).await.is_none(), "{name}");
    }
    assert_eq!(get(&folder, "good").await.unwrap().1, &b"inside"[..]);
    assert_eq!(names(&folder).await, ["good", "inside"]);

    for name in [
        "folder/new",
        "folder/secret",
        "relative",
        "circle",
        "circle/x",
    ] {
        put(&folder, name, b"new").await;
        assert_eq!(get(&folder, name).await.unwrap().1, &b"new"[..], "{name}");
        folder.delete(&key(name)).await.unwrap();
        assert!(get(&folder, name).await.is_none(), "{name}");
    }
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn other_things_than_files_are_not_objects() {
    let (outside, folder) = folder();
    let pipe = outside.path().join("root/pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    assert!(get(&folder, "pipe").await.is_none());
    assert!(names(&folder).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn part_tags_are_those_of_s3() {
    let (_outside, folder) = folder();
    let name = key("parts");
    let upload = folder
        .create_multipart(&name, Attributes::default())
        .await
        .unwrap();
    let mut tags = Vec::new();
    for (number, body) in [(1, "hello "), (2, "world")] {
        let put = folder.put_part(&name, &upload, number, body.into()).await;
        tags.push((number, put.unwrap()));
    }
    for number in [0, 10_001] {
        let put = folder.put_part(&name, &upload, number, Bytes::new()).await;
        assert!(matches!(put, Err(Error::InvalidPart(found)) if found == number));
    }
    let info = folder
        .complete_multipart(&name, &upload, &tags, Precondition::None)
        .await
        .unwrap();
    // MD5 of the MD5s of both, as `md5sum` and `xxd` have it.
    assert_eq!(info.etag.opaque(), "e09e4fd6265b36115fe3db32df945d84-2");
    assert_eq!(get(&folder, "parts").await.unwrap().1, &b"hello world"[..]);
}

/// Readers and writers at once: every read is a whole object of one put, with the metadata of that put.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bytes_and_metadata_are_never_torn() {
    let (_outside, folder) = folder();
    for name in ["torn.bin", "torn//escaped"] {
        put(&folder, name, b"first").await;
        let writers = (0..3_u8).map(|writer| {
            let folder = folder.clone();
            tokio::spawn(async move {
                for round in 0..40_usize {
                    // The same length often: size alone must not tell states apart.
                    let len = 1000 + (round % 3) * 300_000;
                    put(&folder, name, &vec![writer * 50 + round as u8; len]).await;
                }
            })
        });
        let readers = (0..3).map(|_| {
            let folder = folder.clone();
            tokio::spawn(async move {
                for _ in 0..150 {
                    let (info, bytes) = get(&folder, name).await.unwrap();
                    assert_eq!(info.etag.opaque(), sum(&bytes));
                    assert_eq!(info.size, bytes.len() as u64);
                    assert_eq!(info.attributes.metadata["sum"], sum(&bytes));
                }
            })
        });
        let tasks: Vec<_> = writers.chain(readers).collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
}

/// Of many that create a key at once, one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_writer_is_the_first() {
    let (_outside, folder) = folder();
    let tasks: Vec<_> = (0..16_u8)
        .map(|writer| {
            let folder = folder.clone();
            let options = PutOptions {
                precondition: Precondition::Absent,
                ..PutOptions::default()
            };
            tokio::spawn(async move {
                let body = Bytes::from(vec![writer]);
                folder.put(&key("first"), body, options).await.is_ok()
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += u32::from(task.await.unwrap());
    }
    assert_eq!(count, 1);
}

/// Folders that one key's delete prunes are made again for another's put: every put lands, in its plain place.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn puts_and_deletes_in_one_folder_do_not_meet() {
    let (outside, folder) = folder();
    let tasks: Vec<_> = (0..8)
        .map(|writer| {
            let folder = folder.clone();
            let root = outside.path().join("root");
            tokio::spawn(async move {
                let name = format!("deep/er/and/deeper/{writer}");
                for round in 0..400 {
                    put(&folder, &name, b"x").await;
                    assert!(root.join(&name).is_file(), "{name} in round {round}");
                    folder.delete(&key(&name)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(names(&folder).await, [""; 0]);
}

/// The other process of the test below: puts without end, until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is run by a_killed_writer_leaves_old_or_new"]
async fn puts_until_killed() {
    let Ok(path) = std::env::var("MOGR_TEST_PUTS_UNTIL_KILLED") else {
        return;
    };
    let folder = Folder::open(Path::new(&path)).unwrap();
    for round in 0_u8.. {
        for name in ["crash.bin", "crash//escaped"] {
            put(&folder, name, &vec![round; 400_000 + usize::from(round)]).await;
            println!("has put");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_writer_leaves_old_or_new() {
    let (outside, folder) = folder();
    let root = outside.path().join("root");
    put(&folder, "crash.bin", b"first").await;
    put(&folder, "crash//escaped", b"first").await;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["puts_until_killed", "--ignored", "--nocapture"])
            .env("MOGR_TEST_PUTS_UNTIL_KILLED", &root)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // Killed somewhere in the put after these: another number of them in each round.
        let told = BufReader::new(child.stdout.take().unwrap()).lines();
        let puts = told.filter(|line| line.as_ref().unwrap().ends_with("has put"));
        assert_eq!(puts.take(1 + round).count(), 1 + round);
        child.kill().unwrap();
        child.wait().unwrap();
        for name in ["crash.bin", "crash//escaped"] {
            let (info, bytes) = get(&folder, name).await.unwrap();
            assert!(bytes.iter().all(|byte| *byte == bytes[0]) || bytes == b"first"[..]);
            assert_eq!(info.attributes.metadata["sum"], sum(&bytes));
        }
        assert_eq!(names(&folder).await, ["crash.bin", "crash//escaped"]);
    }
    let (info, bytes) = get(&folder, "crash.bin").await.unwrap();
    assert!(bytes.len() > 400_000, "the other process did write");
    assert_eq!(info.etag.opaque(), sum(&bytes));
}

/// A folder in which nothing can be written: even root cannot make folders in a file.
fn unwritable() -> (tempfile::TempDir, Folder) {
    let (outside, folder) = folder();
    let reserved = outside.path().join("root").join(RESERVED);
    fs::remove_dir_all(&reserved).unwrap();
    fs::write(&reserved, b"").unwrap();
    drop(folder);
    let folder = Folder::open(&outside.path().join("root")).unwrap();
    (outside, folder)
}

/// Writes a file by hand, an hour ago.
fn write_old(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    let long_ago = SystemTime::now() - Duration::from_hours(1);
    file.set_modified(long_ago).unwrap();
}

fn sums_made(folder: &Folder) -> usize {
    let made = &folder.0.summing.made;
    made.load(std::sync::atomic::Ordering::Relaxed)
}

/// However often, and by however many at once, a file is asked for, it is summed up once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_that_cannot_be_written_sums_each_file_up_once() {
    let (outside, folder) = unwritable();
    let path = outside.path().join("root/large.bin");
    let bytes = vec![7; 20_000_000];
    write_old(&path, &bytes);
    let readers = (0..50).map(|reader| {
        let folder = folder.clone();
        tokio::spawn(async move {
            let range = Some(crate::ByteRange::FromTo(3, 3));
            let options = GetOptions {
                range,
                ..GetOptions::default()
            };
            let name = key("large.bin");
            match reader % 3 {
                0 => folder.head(&name, None).await.unwrap().etag,
                1 => folder.get(&name, options).await.unwrap().info.etag,
                _ => {
                    let options = ListOptions {
                        prefix: String::new(),
                        delimiter: None,
                        after: String::new(),
                        max: 10,
                    };
                    folder.list(options).await.unwrap().objects[0].etag.clone()
                }
            }
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        assert_eq!(reader.await.unwrap().opaque(), sum(&bytes));
    }
    assert_eq!(sums_made(&folder), 1);
    // Another state is another sum, once more.
    write_old(&path, b"other");
    for _ in 0..3 {
        let info = folder.head(&key("large.bin"), None).await.unwrap();
        assert_eq!(info.etag.opaque(), sum(b"other"));
    }
    assert_eq!(sums_made(&folder), 2);
}

/// A date far ahead is no reason to sum a file up each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_future_is_summed_up_once() {
    let (outside, folder) = folder();
    let path = outside.path().join("root/future");
    fs::write(&path, b"12345").unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    let ahead = SystemTime::now() + Duration::from_hours(24 * 365);
    file.set_modified(ahead).unwrap();
    for _ in 0..3 {
        folder.head(&key("future"), None).await.unwrap();
    }
    assert_eq!(sums_made(&folder), 1);
}

/// Locks every lock of the space, as another process would.
fn lock_all(outside: &tempfile::TempDir, space: &str) -> Vec<File> {
    let folder = outside.path().join("root").join(RESERVED).join("locks");
    fs::create_dir_all(&folder).unwrap();
    let lock = |slot| {
        let file = File::create(folder.join(format!("{space}-{slot:02x}"))).unwrap();
        file.lock().unwrap();
        file
    };
    (0..64).map(lock).collect()
}

/// Of 900 who end one upload, a few wait, without a thread, and the rest is told to come again; reads go on.
#[test]
fn who_waits_for_a_lock_takes_no_thread() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(1)
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let (outside, folder) = folder();
        put(&folder, "other", b"other").await;
        let name = key("ended");
        let upload = folder.create_multipart(&name, Attributes::default()).await;
        let upload = upload.unwrap();
        let part = folder.put_part(&name, &upload, 1, Bytes::from_static(b"part"));
        let parts = vec![(1, part.await.unwrap())];
        let held = lock_all(&outside, "upload");
        let mut ends = tokio::task::JoinSet::new();
        for _ in 0..900 {
            let (folder, name) = (folder.clone(), name.clone());
            let (upload, parts) = (upload.clone(), parts.clone());
            ends.spawn(async move {
                let end = folder.complete_multipart(&name, &upload, &parts, Precondition::None);
                end.await
            });
        }
        for _ in 0..900 - queues::SEATS {
            match ends.join_next().await.unwrap().unwrap() {
                Err(Error::Busy { waiting: 64 }) => {}
                other => panic!("{other:?}"),
            }
        }
        // With the one thread that there is.
        assert_eq!(get(&folder, "other").await.unwrap().1, &b"other"[..]);
        assert!(get(&folder, "ended").await.is_none());
        drop(held);
        let mut ended = 0;
        while let Some(end) = ends.join_next().await {
            match end.unwrap() {
                Ok(info) => {
                    assert_eq!(info.size, 4);
                    ended += 1;
                }
                Err(Error::NoSuchUpload(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(ended, 1);
    });
}

/// A lock that another process never lets go of is waited for, but not for ever.
#[tokio::test(start_paused = true)]
async fn a_lock_of_another_process_is_not_waited_for_without_end() {
    let (outside, folder) = folder();
    let held = lock_all(&outside, "key");
    let body = Bytes::from_static(b"x");
    let name = key("k");
    let put = folder.put(&name, body.clone(), PutOptions::default());
    assert!(matches!(put.await, Err(Error::Busy { .. })));
    drop(held);
    let put = folder.put(&name, body, PutOptions::default());
    assert_eq!(put.await.unwrap().size, 1);
}

/// A client that leaves gives its seat back.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_a_queue_leaves_a_seat() {
    let (outside, folder) = folder();
    let held = lock_all(&outside, "key");
    for _ in 0..10 * queues::SEATS {
        let folder = folder.clone();
        let put = tokio::spawn(async move {
            let body = Bytes::from_static(b"x");
            folder.put(&key("k"), body, PutOptions::default()).await
        });
        tokio::task::yield_now().await;
        put.abort();
        assert!(put.await.unwrap_err().is_cancelled());
    }
    drop(held);
    put(&folder, "k", b"at last").await;
    assert_eq!(get(&folder, "k").await.unwrap().1, &b"at last"[..]);
}

/// An end of an upload that cannot succeed copies nothing.
#[tokio::test(flavor = "multi_thread")]
async fn preconditions_come_before_the_copy() {
    let (outside, folder) = folder();
    put(&folder, "held", b"held").await;
    let name = key("held");
    let upload = folder.create_multipart(&name, Attributes::default()).await;
    let upload = upload.unwrap();
    let part = folder.put_part(&name, &upload, 1, Bytes::from_static(b"part"));
    let parts = [(1, part.await.unwrap())];
    // From here on nothing can be written.
    let temporary = outside.path().join("root/.mogr/temporary");
    fs::remove_dir(&temporary).unwrap();
    fs::write(&temporary, b"").unwrap();
    let absent = || Precondition::Absent;
    let end = folder.complete_multipart(&name, &upload, &parts, absent());
    assert!(matches!(end.await, Err(Error::PreconditionFailed(_))));
    let copy = folder.copy(&name, None, &name, None, absent());
    assert!(matches!(copy.await, Err(Error::PreconditionFailed(_))));
    let end = folder.complete_multipart(&name, &upload, &parts, Precondition::None);
    assert!(matches!(end.await, Err(Error::Other(_))));
}

/// Keys of the pieces that go wrong.
fn odd_key() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec!["a", "A", "b", "/", "/", "//", ".", "..", "../", ".mogr", "+", "=", "%", " "]),
        1 => prop::sample::select(vec!["\\", "\u{e9}", "e\u{301}", "\n", "con", ":", "temporary", "objects"]),
    ];
    let long = (1_usize..400).prop_map(|len| "x".repeat(len));
    let text = prop_oneof![9 => piece.prop_map(str::to_owned), 1 => long];
    prop::collection::vec(text, 1..7)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("a key", |name| ObjectKey::new(name.clone()).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A folder is a map from keys to bytes, whatever the keys are.
    #[test]
    fn is_a_map(steps in prop::collection::vec((odd_key(), any::<bool>()), 1..25), folds_case: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (outside, folder) = folder();
            let mut store = Arc::into_inner(folder.0).unwrap();
            store.folds_case = folds_case;
            let folder = Folder(Arc::new(store));
            let mut map = BTreeMap::new();
            for (round, (name, keep)) in steps.into_iter().enumerate() {
                // Now and then a key that is there.
                let name = match map.keys().nth(round % 7) {
                    Some(known) if round % 3 == 0 => String::clone(known),
                    _ => name,
                };
                if keep {
                    let bytes = format!("{round} {name}");
                    put(&folder, &name, bytes.as_bytes()).await;
                    map.insert(name, bytes);
                } else {
                    folder.delete(&key(&name)).await.unwrap();
                    map.remove(&name);
                }
                assert!(names(&folder).await.iter().eq(map.keys()), "{map:?}");
            }
            for (name, bytes) in &map {
                let (info, found) = get(&folder, name).await.unwrap();
                assert_eq!(found, bytes.as_bytes());
                assert_eq!(&info.attributes.metadata["sum"], &sum(bytes.as_bytes()));
            }
            is_alone(&outside);
        });
    }
}
