//! What becomes of an upload event when the storage, or the service itself, fails.

use std::sync::Arc;

use bytes::Bytes;
use service_tests::jpeg;
use shared::config::{Location, Outside};
use shared::storage::{Error, Folder, GetOptions, ObjectKey, PutOptions, Storage, Version};
use shared::{Config, Created, Service, UploadError, Uploaded};
use storage::faults::{Faulty, Verb};

use crate::server::BUCKET;

/// How the folder fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    No,
    /// It panics where it should give the object.
    Panics,
    /// The object's bytes panic as they are read.
    PanicsInBody,
    /// The service's role may not read.
    Denies,
    /// The bucket is not there.
    HasNoBucket,
    /// The key holds a newer version than the one that the event tells of.
    IsNewer,
}

impl Fault {
    /// The folder, failing so.
    fn over(self, folder: Folder) -> Faulty {
        let storage = Faulty::new(folder);
        match self {
            Self::No => {}
            Self::Panics => storage.fail(Verb::Get, usize::MAX, |_| panic!("a fault of ours")),
            Self::PanicsInBody => {
                storage.fail(Verb::Read, usize::MAX, |_| panic!("a fault of ours"));
            }
            Self::Denies => storage.fail(Verb::Get, usize::MAX, |key| {
                Error::Denied(key.expect("a get has a key").clone())
            }),
            Self::HasNoBucket => storage.fail(Verb::Get, usize::MAX, |_| {
                Error::NoSuchBucket("gone".to_owned())
            }),
            Self::IsNewer => storage.tell_version(Version("newest".to_owned())),
        }
        storage
    }
}

/// Tells the service of `uploads/a.jpg`, over a folder that fails so. The marker is what lies there afterwards.
fn upload(fault: Fault, version: Option<&str>) -> (Result<Uploaded, UploadError>, Option<String>) {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let text = format!(
        "[[bucket]]\nname = \"{BUCKET}\"\nfolder = '{}'\n[upload]\npolicy = \"open\"\nerror_markers = true\n\
         [[upload.rules]]\nprefix = \"uploads/\"\n\
         operations = '{{\"rules\":[{{\"fileid\":\"b.jpg\",\"rule\":\"imageMogr2/interlace/1\"}}]}}'\n",
        folder.path().display()
    );
    let outside = Outside {
        env: &|_| None,
        file: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    let config = Config::parse(&text, &outside).expect("the configuration is right");
    let service = Service::new(config, |bucket| match &bucket.location {
        Location::Folder(path) => {
            let folder = Folder::open(path).expect("a folder");
            Ok(Arc::new(fault.over(folder)) as Arc<dyn Storage>)
        }
        Location::S3 { .. } => unreachable!("the text above names a folder"),
    })
    .expect("the folder can be opened");
    let key = |text: &str| ObjectKey::new(text).expect("a key");
    let created = Created {
        bucket: BUCKET.to_owned(),
        key: key("uploads/a.jpg"),
        version: version.map(|id| Version(id.to_owned())),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let storage = Folder::open(folder.path()).expect("a folder");
        let picture = Bytes::from(jpeg(40, 30, 0));
        let put = storage.put(&created.key, picture, PutOptions::default());
        put.await.expect("stored");
        let result = service.upload(&created, None).await;
        let marker = key("processed/uploads/a.jpg.error.json");
        let marker = match storage.get(&marker, GetOptions::default()).await {
            Ok(object) => {
                let bytes = object.body.collect(10_000).await.expect("read");
                Some(String::from_utf8(bytes.into()).expect("text"))
            }
            Err(_) => None,
        };
        (result, marker)
    })
}

#[test]
fn an_upload_is_worked_on() {
    let (result, marker) = upload(Fault::No, None);
    let stored = result.expect("done").stored;
    assert_eq!(stored[0].as_str(), "processed/uploads/b.jpg");
    assert_eq!(marker, None);
}

#[test]
fn a_panic_is_not_tried_again_and_leaves_its_marker() {
    for fault in [Fault::Panics, Fault::PanicsInBody] {
        let (result, marker) = upload(fault, None);
        assert!(
            matches!(
                result,
                Err(UploadError::Permanent {
                    code: "InternalError",
                    ..
                })
            ),
            "{fault:?}: {result:?}"
        );
        let marker = marker.unwrap_or_default();
        assert!(
            marker.contains("\"code\":\"InternalError\""),
            "{fault:?}: `{marker}`"
        );
    }
}

/// A role that may not read, or a bucket that is not there, can be put right; the event waits for that.
#[test]
fn what_the_operator_can_mend_is_tried_again() {
    for (fault, expected) in [
        (Fault::Denies, "AccessDenied"),
        (Fault::HasNoBucket, "NoSuchBucket"),
    ] {
        let (result, marker) = upload(fault, None);
        match result {
            Err(UploadError::Transient { code, .. }) => assert_eq!(code, expected),
            other => panic!("{fault:?}: {other:?}"),
        }
        assert_eq!(marker, None, "{fault:?}");
    }
}

#[test]
fn a_late_event_of_an_older_version_is_passed_over() {
    let (result, _) = upload(Fault::IsNewer, Some("older"));
    let uploaded = result.expect("no error");
    assert_eq!(uploaded.skipped, Some("a newer version is there"));
    let (result, _) = upload(Fault::IsNewer, Some("newest"));
    assert_eq!(result.expect("done").stored.len(), 1);
}

#[test]
fn the_output_prefix_lies_outside_of_every_rules_prefix() {
    let outside = Outside {
        env: &|_| None,
        file: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    let parse = |output: &str, rules: &str| {
        let text = format!(
            "[[bucket]]\nname = \"{BUCKET}\"\nfolder = 'x'\n[upload]\noutput_prefix = \"{output}\"\n\
             [[upload.rules]]\nprefix = \"{rules}\"\n\
             operations = '{{\"rules\":[{{\"fileid\":\"b.jpg\",\"rule\":\"imageMogr2/interlace/1\"}}]}}'\n"
        );
        Config::parse(&text, &outside).map(drop)
    };
    for (output, rules) in [("up/out/", "up/"), ("out/", "out/"), ("out/", "out/more/")] {
        let error = parse(output, rules).expect_err(output).to_string();
        assert!(error.contains("upload.rules[0].prefix"), "{error}");
    }
    for (output, rules) in [("out/", "up/"), ("out/", ""), ("uploaded/", "up/")] {
        parse(output, rules).unwrap_or_else(|error| panic!("{output} {rules}: {error}"));
    }
}
