//! The time of a request, which every call of its storage is told.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use shared::config::Outside;
use shared::storage::deadline;
use shared::storage::{
    Attributes, ETag, Error, GetOptions, ListOptions, Listing, Object, ObjectInfo, ObjectKey,
    OpenUpload, Part, Precondition, PutOptions, Storage, UploadId, Version,
};
use shared::{Config, Created, Front, Service};

/// What a call was told: when it has to give up, and when bytes that it opens have to end.
type Deadlines = (Option<Instant>, Option<Instant>);

/// A storage that never answers in time, and remembers how long it might have waited.
#[derive(Default)]
struct Late(Mutex<Vec<Deadlines>>);

impl Late {
    fn give_up<T>(&self) -> Result<T, Error> {
        let told = (deadline::of_work(), deadline::end());
        self.0.lock().expect("no test panics").push(told);
        Err(Error::Unavailable(
            "no answer before the deadline".to_owned(),
        ))
    }
}

#[async_trait]
impl Storage for Late {
    async fn head(&self, _: &ObjectKey, _: Option<&Version>) -> Result<ObjectInfo, Error> {
        self.give_up()
    }

    async fn get(&self, _: &ObjectKey, _: GetOptions) -> Result<Object, Error> {
        self.give_up()
    }

    async fn put(&self, _: &ObjectKey, _: Bytes, _: PutOptions) -> Result<ObjectInfo, Error> {
        self.give_up()
    }

    async fn delete(&self, _: &ObjectKey) -> Result<(), Error> {
        self.give_up()
    }

    async fn list(&self, _: ListOptions) -> Result<Listing, Error> {
        self.give_up()
    }

    async fn copy(
        &self,
        _: &ObjectKey,
        _: Option<&Version>,
        _: &ObjectKey,
        _: Option<Attributes>,
        _: Precondition,
    ) -> Result<ObjectInfo, Error> {
        self.give_up()
    }

    async fn create_multipart(&self, _: &ObjectKey, _: Attributes) -> Result<UploadId, Error> {
        self.give_up()
    }

    async fn put_part(&self, _: &ObjectKey, _: &UploadId, _: u32, _: Bytes) -> Result<ETag, Error> {
        self.give_up()
    }

    async fn list_parts(&self, _: &ObjectKey, _: &UploadId) -> Result<Vec<Part>, Error> {
        self.give_up()
    }

    async fn complete_multipart(
        &self,
        _: &ObjectKey,
        _: &UploadId,
        _: &[(u32, ETag)],
        _: Precondition,
    ) -> Result<ObjectInfo, Error> {
        self.give_up()
    }

    async fn list_multipart(&self, _: &str) -> Result<Vec<OpenUpload>, Error> {
        self.give_up()
    }

    async fn abort_multipart(&self, _: &ObjectKey, _: &UploadId) -> Result<(), Error> {
        self.give_up()
    }
}

const SECONDS: u64 = 7;

fn service() -> (Service, Arc<Late>) {
    let text = format!(
        r#"
        anonymous.policy = "open"
        limits.deadline_seconds = {SECONDS}
        upload.policy = "open"
        upload.rules = [{{ operations = {{ rules = [{{ fileid = "a.jpg", rule = "imageMogr2/interlace/1" }}] }} }}]
        [[bucket]]
        name = "examples-1250000000"
        folder = "."
        "#
    );
    let outside = Outside {
        env: &|_| None,
        file: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    let config = Config::parse(&text, &outside).expect("the text above is right");
    let late = Arc::new(Late::default());
    let storage = Arc::clone(&late);
    let service = Service::new(config, |_| Ok(Arc::clone(&storage) as Arc<dyn Storage>));
    (service.expect("a service"), late)
}

fn block_on<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(work)
}

/// Has a storage tell what it was told by `work`, and holds that to the seconds of the configuration and to `end`.
#[track_caller]
fn is_told<F: Future>(end: Option<Instant>, work: impl FnOnce(Service) -> F) {
    let (service, late) = service();
    let before = Instant::now();
    block_on(work(service));
    let after = Instant::now();
    let told = late.0.lock().expect("no test panics");
    assert!(!told.is_empty(), "the storage was not asked");
    for (deadline, last) in told.iter() {
        let deadline = deadline.expect("a deadline");
        let limit = Duration::from_secs(SECONDS);
        let nearest = |at: Instant| end.map_or(at + limit, |end| end.min(at + limit));
        assert!((nearest(before)..=nearest(after)).contains(&deadline));
        assert_eq!(*last, end);
    }
}

/// None, one that comes before the configured seconds are over, and one that comes later.
fn ends() -> [Option<Instant>; 3] {
    let now = Instant::now();
    [
        None,
        Some(now + Duration::from_secs(2)),
        Some(now + Duration::from_mins(1)),
    ]
}

#[test]
fn every_operation_tells_its_storage_how_long_it_has() {
    for (method, target) in [
        ("GET", "/a.jpg"),
        ("HEAD", "/a.jpg"),
        ("GET", "/a.jpg?imageMogr2/interlace/1"),
        ("GET", "/?prefix=a"),
        ("PUT", "/a.jpg"),
        ("DELETE", "/a.jpg"),
        ("POST", "/a.jpg?uploads"),
    ] {
        for end in ends() {
            let mut request = Request::new(Bytes::new());
            *request.method_mut() = method.parse().expect("a method");
            *request.uri_mut() = target.parse().expect("a target");
            let host = "localhost".parse().expect("a host");
            request.headers_mut().insert("host", host);
            let front = Front {
                deadline: end,
                ..Front::default()
            };
            request.extensions_mut().insert(front);
            is_told(end, |service| async move {
                let answer = service.answer(request).await;
                assert_eq!(answer.status(), 503, "{method} {target}");
            });
        }
    }
}

#[test]
fn the_trigger_tells_its_storage_how_long_it_has() {
    for end in ends() {
        let created = Created {
            bucket: "examples-1250000000".to_owned(),
            key: ObjectKey::new("a.png").expect("a key"),
            version: None,
        };
        is_told(end, |service| async move {
            service.upload(&created, end).await.expect_err("it is late");
        });
    }
}
