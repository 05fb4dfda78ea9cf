//! What becomes of an upload event when the storage, or the service itself, fails.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use service_tests::jpeg;
use shared::config::{Location, Outside};
use shared::storage::{
    Attributes, ByteStream, ETag, Error, Folder, GetOptions, ListOptions, Listing, Object,
    ObjectInfo, ObjectKey, OpenUpload, Part, Precondition, PutOptions, Storage, UploadId, Version,
};
use shared::{Config, Created, Service, UploadError, Uploaded};

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

/// A folder whose reads fail.
struct Failing(Folder, Fault);

#[async_trait]
impl Storage for Failing {
    async fn head(&self, key: &ObjectKey, version: Option<&Version>) -> Result<ObjectInfo, Error> {
        let mut info = self.0.head(key, version).await?;
        info.version = (self.1 == Fault::IsNewer).then(|| Version("newest".to_owned()));
        Ok(info)
    }

    async fn get(&self, key: &ObjectKey, options: GetOptions) -> Result<Object, Error> {
        match self.1 {
            Fault::Panics => panic!("a fault of ours"),
            Fault::Denies => return Err(Error::Denied(key.clone())),
            Fault::HasNoBucket => return Err(Error::NoSuchBucket("gone".to_owned())),
            Fault::No | Fault::PanicsInBody | Fault::IsNewer => {}
        }
        let options = GetOptions {
            version: None,
            ..options
        };
        let mut object = self.0.get(key, options).await?;
        if self.1 == Fault::PanicsInBody {
            let broken = std::iter::once_with(|| panic!("a fault of ours"));
            object.body = ByteStream::new(futures_util::stream::iter(broken));
        }
        Ok(object)
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error> {
        self.0.put(key, body, options).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.0.delete(key).await
    }

    async fn list(&self, options: ListOptions) -> Result<Listing, Error> {
        self.0.list(options).await
    }

    async fn copy(
        &self,
        source: &ObjectKey,
        version: Option<&Version>,
        target: &ObjectKey,
        attributes: Option<Attributes>,
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error> {
        let copied = self
            .0
            .copy(source, version, target, attributes, precondition);
        copied.await
    }

    async fn create_multipart(
        &self,
        key: &ObjectKey,
        attributes: Attributes,
    ) -> Result<UploadId, Error> {
        self.0.create_multipart(key, attributes).await
    }

    async fn put_part(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<ETag, Error> {
        self.0.put_part(key, upload, number, body).await
    }

    async fn list_parts(&self, key: &ObjectKey, upload: &UploadId) -> Result<Vec<Part>, Error> {
        self.0.list_parts(key, upload).await
    }

    async fn complete_multipart(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[(u32, ETag)],
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error> {
        let completed = self.0.complete_multipart(key, upload, parts, precondition);
        completed.await
    }

    async fn list_multipart(&self, prefix: &str) -> Result<Vec<OpenUpload>, Error> {
        self.0.list_multipart(prefix).await
    }

    async fn abort_multipart(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), Error> {
        self.0.abort_multipart(key, upload).await
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
            Ok(Arc::new(Failing(folder, fault)) as Arc<dyn Storage>)
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
