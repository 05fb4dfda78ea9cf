//! One writer for a key, and for an upload, at a time: within the process by queues that take no thread, among
//! processes by locked files.

use std::fs::{File, TryLockError};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::error::Error;

use super::queues::{SEATS, Space, slot};
use super::store::{Folder, Store, other, within};

/// How long a call waits for a lock that another process has, before it is told that the storage is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A lock that is held until this is dropped. It goes along with the work that needs it, to whichever thread.
#[derive(Debug)]
pub(super) struct Lock {
    // In this order: the next of this process shall find the file free.
    _file: File,
    _turn: OwnedSemaphorePermit,
    _seat: OwnedSemaphorePermit,
}

impl Folder {
    /// Waits until no other writer has `what`, a key or an upload id. The wait takes no thread.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if too many wait already, or another process does not let go.
    pub(super) async fn lock(&self, space: Space, what: &str) -> Result<Lock, Error> {
        let busy = || Error::Busy { waiting: SEATS };
        let slot = slot(what);
        let queue = self.0.locks.queue(space, slot);
        let seat = Arc::clone(&queue.seats).try_acquire_owned();
        let seat = seat.map_err(|_| busy())?;
        let turn = Arc::clone(&queue.turn).acquire_owned().await;
        let turn = turn.expect("a queue is never closed");
        let mut pause = Duration::from_millis(1);
        let mut waited = Duration::ZERO;
        loop {
            let file = self.run(move |store| store.try_lock(space, slot)).await?;
            if let Some(file) = file {
                return Ok(Lock {
                    _file: file,
                    _turn: turn,
                    _seat: seat,
                });
            }
            // Another process has it, and nothing tells when it lets go.
            if waited >= PATIENCE {
                return Err(busy());
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (2 * pause).min(Duration::from_millis(100));
        }
    }
}

impl Store {
    /// The locked file, unless another process has it.
    fn try_lock(&self, space: Space, slot: usize) -> Result<Option<File>, Error> {
        let folder = within("locks");
        self.root.create_dir_all(&folder).map_err(other)?;
        let space = match space {
            Space::Key => "key",
            Space::Upload => "upload",
        };
        let mut options = cap_std::fs::OpenOptions::new();
        options.write(true).create(true);
        let path = folder.join(format!("{space}-{slot:02x}"));
        let file = self.root.open_with(path, &options).map_err(other)?;
        let file = file.into_std();
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(other(error)),
        }
    }
}
