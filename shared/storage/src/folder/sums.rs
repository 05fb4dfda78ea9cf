//! The sums of files that were put into the folder by hand: made once for all who ask at the same time, and kept.
//!
//! They are kept as a record, where the folder can be written to, and else in memory.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use crate::error::Error;
use crate::key::ObjectKey;

use super::digest::{Digest, Sums};
use super::kept::{Name, Outcome, locked};
use super::record::{Record, Stamp};
use super::store::{Folder, Store, other};

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
