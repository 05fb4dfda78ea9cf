//! The folder's files: names, locks, temporary files, moves. Nothing here knows what an object is but its key.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::key::ObjectKey;

use super::kept::Summing;
use super::place::{self, RESERVED};
use super::queues::Locks;

/// How often a step is tried again that another writer undid.
pub(super) const ATTEMPTS: usize = 100;
/// A temporary file this old was left by a crash.
const LEFT_BEHIND: Duration = Duration::from_hours(24);

/// How many bodies are read or written as a whole at the same time; other calls wait for one of these to end.
const BULK: usize = 32;

/// The folder itself. All of its functions block.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) root: Dir,
    /// Whether `A` and `a` are one file here. Then a name counts only if the folder lists it letter by letter.
    pub(super) folds_case: bool,
    pub(super) locks: Locks,
    pub(super) summing: Summing,
    /// Of those who read or write a whole body at once: the others wait without a thread, and leave threads to reads.
    pub(super) bulk: Arc<Semaphore>,
}

/// A folder as a storage. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Folder(pub(super) Arc<Store>);

impl Folder {
    /// Runs `work`, which blocks, off the runtime.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Store>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        done.unwrap_or_else(|stopped| Err(Error::Other(Box::new(stopped))))
    }

    /// Runs `work`, which reads or writes a whole body, when few enough others do so. Who waits takes no thread; the
    /// seat is free when the work has ended, even if nobody waits for it any more.
    pub(super) async fn run_bulk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Store>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let seat = Arc::clone(&self.0.bulk).acquire_owned().await;
        let seat = seat.expect("the semaphore is never closed");
        self.run(move |store| {
            let done = work(store);
            drop(seat);
            done
        })
        .await
    }
}

/// The path of what the storage keeps for itself under this name, within [`RESERVED`].
pub(super) fn within(name: &str) -> PathBuf {
    Path::new(RESERVED).join(name)
}

/// An error of the system that says nothing of the key.
pub(super) fn other(error: io::Error) -> Error {
    Error::Other(Box::new(error))
}

/// Whether the error says that the path can hold no file: something on the way to it is no folder, it is a folder
/// itself, a name is too long for this file system, or a link leads out.
pub(super) fn is_no_place(error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::AlreadyExists
        | ErrorKind::DirectoryNotEmpty
        | ErrorKind::InvalidFilename => true,
        // What `cap_std` says of a path that leads out comes without the number of a system error.
        ErrorKind::PermissionDenied => error.raw_os_error().is_none(),
        // Links in a circle, ELOOP on Linux and elsewhere: the kind has no stable name yet.
        _ => cfg!(unix) && matches!(error.raw_os_error(), Some(40 | 62)),
    }
}

/// A file on its way to its place; removed if it does not get there.
pub(super) struct Temporary {
    store: Arc<Store>,
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = self.store.root.remove_file(&self.path);
    }
}

impl Store {
    pub(super) fn new(root: Dir) -> Self {
        Self {
            root,
            folds_case: false,
            locks: Locks::new(),
            summing: Summing::default(),
            bulk: Arc::new(Semaphore::new(BULK)),
        }
    }

    /// Removes temporary files that a crash left.
    pub(super) fn sweep(&self) {
        let Ok(entries) = self.root.read_dir(within("temporary")) else {
            return;
        };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.map(|time| SystemTime::now().duration_since(time.into_std()));
            if matches!(age, Ok(Ok(age)) if age > LEFT_BEHIND) {
                let _ = entry.remove_file();
            }
        }
    }

    pub(super) fn temporary(self: &Arc<Self>) -> Result<Temporary, Error> {
        let folder = within("temporary");
        self.root.create_dir_all(&folder).map_err(other)?;
        let path = folder.join(unique_name());
        let mut options = cap_std::fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let file = self.root.open_with(&path, &options).map_err(other)?;
        Ok(Temporary {
            store: Arc::clone(self),
            path,
            file: file.into_std(),
        })
    }

    /// Where the key's file is or may be, the one that counts first.
    ///
    /// The escaped form counts if both are there: a put that moves a key to its plain place is done when the escaped
    /// form is gone, and readers see the old object up to then.
    pub(super) fn places(&self, key: &ObjectKey) -> (PathBuf, Option<PathBuf>) {
        let escaped = within("objects").join(place::escaped(key.as_str()));
        let plain = place::plain(key.as_str()).filter(|path| self.is_listed(path));
        (escaped, plain)
    }

    /// Whether no part of `path` is there under another spelling.
    pub(super) fn is_listed(&self, path: &Path) -> bool {
        if !self.folds_case {
            return true;
        }
        let mut folder = PathBuf::new();
        for name in path {
            let here = folder.join(name);
            if self.root.symlink_metadata(&here).is_err() {
                return true;
            }
            let listing = if folder.as_os_str().is_empty() {
                self.root.entries()
            } else {
                self.root.read_dir(&folder)
            };
            let spelled = |entry: io::Result<cap_std::fs::DirEntry>| {
                entry.is_ok_and(|entry| entry.file_name() == *name)
            };
            if !listing.is_ok_and(|mut entries| entries.any(spelled)) {
                return false;
            }
            folder = here;
        }
        true
    }

    /// The regular file at `path`, if there is one.
    pub(super) fn open_file(&self, key: &ObjectKey, path: &Path) -> Result<Option<File>, Error> {
        let opened = self.root.metadata(path).and_then(|metadata| {
            // Asked before opening, as opening a named pipe would wait for its other end.
            let is_file = metadata.is_file();
            is_file.then(|| self.root.open(path)).transpose()
        });
        match opened {
            Ok(file) => Ok(file.map(cap_std::fs::File::into_std)),
            Err(error) if error.kind() == ErrorKind::NotFound || is_no_place(&error) => Ok(None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Err(Error::Denied(key.clone()))
            }
            Err(error) => Err(other(error)),
        }
    }

    /// Removes `folder` and those around it as far as they are empty, but not `stop`.
    pub(super) fn prune(&self, folder: &Path, stop: &Path) {
        let mut folder = folder;
        while folder != stop && !folder.as_os_str().is_empty() {
            if self.root.remove_dir(folder).is_err() {
                return;
            }
            let Some(above) = folder.parent() else { return };
            folder = above;
        }
    }

    /// Moves a file to `target`, in the place of what is there, and makes its folders.
    pub(super) fn rename(&self, from: &Path, target: &Path) -> io::Result<()> {
        let folder = target.parent().filter(|path| !path.as_os_str().is_empty());
        for attempt in 0.. {
            let made = folder.map_or(Ok(()), |folder| self.root.create_dir_all(folder));
            match made.and_then(|()| self.root.rename(from, &self.root, target)) {
                // A folder can be pruned by a delete while those below it are made, and before the file is in it.
                // One that was there, and is gone when it is looked at, is told as being there already.
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
                        && attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        // The name is on the disk as well, where folders can be synced at all.
        let folder = folder.map_or_else(|| self.root.try_clone(), |path| self.root.open_dir(path));
        let _ = folder.and_then(|folder| folder.into_std_file().sync_all());
        Ok(())
    }

    /// Removes the file at `path`, if one is there, and the folders that it leaves empty.
    pub(super) fn remove(&self, path: &Path, stop: &Path) -> io::Result<()> {
        match self.root.symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Ok(()),
            Ok(_) => self.root.remove_file(path)?,
            Err(error) if error.kind() == ErrorKind::NotFound || is_no_place(&error) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        if let Some(folder) = path.parent() {
            self.prune(folder, stop);
        }
        Ok(())
    }
}

pub(super) fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = || RandomState::new().hash_one((count, std::process::id(), SystemTime::now()));
    format!("{:016x}{:016x}", random(), random())
}
