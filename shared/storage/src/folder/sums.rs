//! The sums of files that were put into the folder by hand: made once for all who ask at the same time, and kept.
//!
//! They are kept as a record, where the folder can be written to, and else in memory.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::digest::{Digest, Sums};
use super::record::{Record, Stamp};
use super::store::{Store, other};
use super::{Error, Folder, ObjectKey};

/// Bytes that the sums in memory take, about, at most.
const KEPT_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of what is kept of a file beside its key, about.
const ENTRY_BYTES: usize = 160;

/// One state of one file.
type Name = (ObjectKey, Stamp);

/// What came of summing up a file.
#[derive(Clone, Debug)]
enum Outcome {
    Sums(Sums),
    /// It is another file by now, or its sums are known: a second look tells.
    LookAgain,
    Failed(io::ErrorKind, String),
}

/// The sums in memory, and those that are being made.
#[derive(Debug, Default)]
pub(super) struct Summing {
    kept: Mutex<Kept>,
    running: Mutex<HashMap<Name, watch::Receiver<Option<Outcome>>>>,
    /// How many files were read to their end.
    #[cfg(test)]
    pub(super) made: std::sync::atomic::AtomicUsize,
}

/// Two generations: when the young one is full, it takes the place of the old one, whose sums are forgotten.
#[derive(Debug, Default)]
struct Kept {
    young: HashMap<Name, Sums>,
    young_bytes: usize,
    old: HashMap<Name, Sums>,
}

impl Kept {
    fn get(&mut self, name: &Name) -> Option<Sums> {
        if let Some(sums) = self.young.get(name) {
            return Some(*sums);
        }
        let sums = self.old.remove(name)?;
        self.insert(name.clone(), sums);
        Some(sums)
    }

    fn insert(&mut self, name: Name, sums: Sums) {
        let bytes = ENTRY_BYTES + name.0.as_str().len();
        if self.young_bytes + bytes > KEPT_BYTES / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(name, sums).is_none() {
            self.young_bytes += bytes;
        }
    }
}

/// A panic elsewhere leaves no half-made entry.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the entry of running work away, however that ends.
struct Running {
    store: Arc<Store>,
    name: Name,
}

impl Drop for Running {
    fn drop(&mut self) {
        locked(&self.store.summing.running).remove(&self.name);
    }
}

impl Folder {
    /// The sums of the file that is in this state; `None` if a second look at it will tell more.
    ///
    /// However many ask at once, the file is read once; and the work goes on if all of them leave.
    pub(super) async fn sums(&self, key: &ObjectKey, stamp: Stamp) -> Result<Option<Sums>, Error> {
        let name = (key.clone(), stamp);
        let mut outcome = {
            let mut running = locked(&self.0.summing.running);
            if let Some(outcome) = running.get(&name) {
                outcome.clone()
            } else {
                let (told, outcome) = watch::channel(None);
                running.insert(name.clone(), outcome.clone());
                tokio::spawn(self.clone().sum_up(name, told));
                outcome
            }
        };
        let outcome = outcome.wait_for(Option::is_some).await;
        // Nothing was told: the work panicked, or the runtime ends.
        match outcome.ok().and_then(|outcome| outcome.clone()) {
            Some(Outcome::Sums(sums)) => Ok(Some(sums)),
            Some(Outcome::LookAgain) => Ok(None),
            Some(Outcome::Failed(kind, text)) => Err(other(io::Error::new(kind, text))),
            None => Err(other(io::Error::other("summing up a file was broken off"))),
        }
    }

    async fn sum_up(self, name: Name, told: watch::Sender<Option<Outcome>>) {
        let running = Running {
            store: Arc::clone(&self.0),
            name: name.clone(),
        };
        let outcome = self.run_bulk(move |store| Ok(store.sum_up(&name))).await;
        // Who asks from now on finds the sums kept, or begins anew.
        drop(running);
        if let Ok(outcome) = outcome {
            told.send_replace(Some(outcome));
        }
    }
}

impl Store {
    /// The sums in memory of this state of the file.
    pub(super) fn kept_sums(&self, key: &ObjectKey, stamp: Stamp) -> Option<Sums> {
        locked(&self.summing.kept).get(&(key.clone(), stamp))
    }

    fn sum_up(self: &Arc<Self>, name: &Name) -> Outcome {
        let (key, stamp) = name;
        // Another has made them since they were looked for.
        if self.kept_sums(key, *stamp).is_some() || self.record(key, *stamp).is_some() {
            return Outcome::LookAgain;
        }
        let read = || {
            let (mut file, found) = self.open_object(key)?;
            if found != *stamp {
                return Ok(None);
            }
            let mut digest = Digest::new();
            digest.copy(&mut file, &mut io::sink()).map_err(other)?;
            #[cfg(test)]
            self.summing
                .made
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let after = Stamp::of(&file.metadata().map_err(other)?).map_err(other)?;
            Ok((after == *stamp).then(|| digest.finish()))
        };
        let sums = match read() {
            Ok(Some(sums)) => sums,
            // The next look will tell what has become of it.
            Ok(None) | Err(Error::NotFound(_)) => return Outcome::LookAgain,
            Err(Error::Other(error)) => {
                let kind = error
                    .downcast_ref()
                    .map_or(io::ErrorKind::Other, io::Error::kind);
                return Outcome::Failed(kind, error.to_string());
            }
            Err(error) => return Outcome::Failed(io::ErrorKind::Other, error.to_string()),
        };
        if !stamp.is_fresh() {
            let record = Record::of_sums(&sums);
            // A folder that cannot be written to is served all the same.
            if self.save_record(key, *stamp, &record).is_err() {
                locked(&self.summing.kept).insert(name.clone(), sums);
            }
        }
        Outcome::Sums(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is asked for, what is kept stays within its bytes, and what is asked for often stays.
    #[test]
    fn sums_in_memory_are_bounded() {
        let mut kept = Kept::default();
        let mut digest = Digest::new();
        digest.update(b"x");
        let sums = digest.finish();
        let name = |index: usize| {
            let key = ObjectKey::new(format!("{index:01000}")).expect("a key");
            (key, Stamp::for_test(index as i128, 1))
        };
        for index in 0..40_000 {
            kept.insert(name(index), sums);
            assert!(kept.get(&name(0)).is_some(), "asked for all the time");
        }
        let held = kept.young.len() + kept.old.len();
        assert!(held * (1000 + ENTRY_BYTES) <= KEPT_BYTES, "{held} kept");
        assert!(held > 1000, "{held} kept");
        assert!(kept.get(&name(1)).is_none(), "long forgotten");
    }
}
