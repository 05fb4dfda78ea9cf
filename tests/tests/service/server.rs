//! A server of its own for each test, over a temporary folder.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use service_tests::{Answer, request};
use shared::config::Outside;
use shared::{Config, Service};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// The bucket that tests speak of.
pub(crate) const BUCKET: &str = "examples-1250000000";
/// Its host, as the documentation writes it.
pub(crate) const HOST: &str = "examples-1250000000.cos.ap-shanghai.myqcloud.com";

/// A running server; it stops when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    pub(crate) config: Config,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// One bucket in which anyone may do anything.
    pub(crate) fn open() -> Self {
        Self::with("[anonymous]\npolicy = \"open\"\n")
    }

    /// The bucket, and these lines of configuration beside it; `{folder}` in them is the temporary folder.
    pub(crate) fn with(lines: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().display().to_string();
        // Keys of the top level come before any table.
        let (top, tables) = lines.split_at(lines.find('[').unwrap_or(lines.len()));
        let text = format!(
            "{top}\n[[bucket]]\nname = \"{BUCKET}\"\nfolder = \"{path}/bucket\"\ndefault = true\nhosts = [\"img.example.com\"]\n{}",
            tables.replace("{folder}", &path)
        );
        let outside = Outside {
            env: &|_| None,
            file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        let config = Config::parse(&text, &outside).expect("the configuration is right");
        for bucket in &config.buckets {
            if let shared::config::Location::Folder(folder) = &bucket.location {
                std::fs::create_dir_all(folder).expect("a folder");
            }
        }
        let own = config.clone();
        let service = Service::new(config, |bucket| mogr::open_storage(bucket, Path::new("")));
        let service = Arc::new(service.expect("the folders can be opened"));
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let any = "127.0.0.1:0".parse().expect("an address");
                let server = mogr::Server::bind(any, service).await.expect("a free port");
                tell.send(server.address().expect("an address"))
                    .expect("the test waits");
                server
                    .run(async {
                        let _ = stopped.await;
                    })
                    .await;
            });
        });
        Self {
            address: told.recv().expect("the server has started"),
            folder,
            config: own,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Puts a file into the bucket's folder, past the server.
    pub(crate) fn file(&self, key: &str, bytes: &[u8]) -> &Self {
        let path = self.folder.path().join("bucket").join(key);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
        self
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &[], b"")
    }

    pub(crate) fn put(&self, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send("PUT", target, headers, body)
    }

    pub(crate) fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut all = vec![("Host", HOST)];
        all.extend_from_slice(headers);
        request(self.address, method, target, &all, body)
    }

    /// Nothing is stored under this key.
    #[track_caller]
    pub(crate) fn lacks(&self, key: &str) {
        assert_eq!(self.get(key).status, 404, "{key} must not be stored");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
