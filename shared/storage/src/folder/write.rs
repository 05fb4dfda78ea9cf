//! Writing: a file gets its place, its date and its record in one step, or none of them.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::record::{Record, Stamp};
use super::store::{Store, Temporary, is_no_place, other, within};
use super::{Attributes, ETag, Error, ObjectInfo, ObjectKey, Precondition, PutOptions};

/// Names and values of user metadata together, in bytes: what S3 takes, so that a laptop takes no more.
const MAX_METADATA: usize = 2048;

impl Store {
    /// Gives the written file its place under `key`, in one step, with what is said of it.
    pub(super) fn commit(
        &self,
        key: &ObjectKey,
        temporary: &Temporary<'_>,
        etag: &ETag,
        crc64: u64,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error> {
        check_metadata(&options.attributes)?;
        let _lock = self.lock("key", key.as_str())?;
        if options.precondition != Precondition::None {
            let held = match self.open(key) {
                Ok((_, info)) => Precondition::Match(info.etag),
                Err(Error::NotFound(_)) => Precondition::Absent,
                Err(error) => return Err(error),
            };
            if options.precondition != held {
                return Err(Error::PreconditionFailed(key.clone()));
            }
        }
        let (escaped, plain) = self.places(key);
        let taken: Vec<Stamp> = [Some(&escaped), plain.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|path| self.open_file(key, path).ok()?)
            .filter_map(|file| Stamp::of(&file.metadata().ok()?).ok())
            .collect();
        let stamp = unique_stamp(&temporary.file, &taken).map_err(other)?;
        temporary.file.sync_all().map_err(other)?;
        let record = Record {
            etag: etag.opaque().to_owned(),
            crc64,
            attributes: Some(options.attributes),
        };
        self.save_record(key, stamp, &record)?;

        let placed = match &plain {
            Some(path) => match self.rename(&temporary.path, path) {
                Ok(()) => true,
                Err(error) if is_no_place(&error) => false,
                Err(error) => return Err(other(error)),
            },
            None => false,
        };
        if placed {
            self.remove(&escaped, &within("objects")).map_err(other)?;
        } else {
            self.rename(&temporary.path, &escaped).map_err(other)?;
        }
        self.drop_records(key, Some(stamp));
        Ok(record.into_info(stamp, Attributes::default))
    }

    pub(super) fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let _lock = self.lock("key", key.as_str())?;
        let (escaped, plain) = self.places(key);
        // The one that counts goes last, lest the other come to light.
        if let Some(path) = plain {
            self.remove(&path, Path::new("")).map_err(other)?;
        }
        self.remove(&escaped, &within("objects")).map_err(other)?;
        self.drop_records(key, None);
        Ok(())
    }

    pub(super) fn save_record(
        &self,
        key: &ObjectKey,
        stamp: Stamp,
        record: &Record,
    ) -> Result<(), Error> {
        let mut temporary = self.temporary()?;
        let text = serde_json::to_vec(record).expect("a record is text and numbers");
        temporary.file.write_all(&text).map_err(other)?;
        temporary.file.sync_all().map_err(other)?;
        let folder = Self::records(key);
        self.rename(&temporary.path, &folder.join(stamp.name()))
            .map_err(other)
    }

    /// Removes the records of other states than `keep`.
    pub(super) fn drop_records(&self, key: &ObjectKey, keep: Option<Stamp>) {
        let folder = Self::records(key);
        let keep = keep.map(|stamp| stamp.name());
        // What stays behind here is never read again: its state is gone.
        for entry in self.root.read_dir(&folder).into_iter().flatten().flatten() {
            if keep.as_deref().map(std::ffi::OsStr::new) != Some(&entry.file_name()) {
                let _ = entry.remove_file();
            }
        }
        if keep.is_none() {
            self.prune(&folder, &within("records"));
        }
    }
}

pub(super) fn check_metadata(attributes: &Attributes) -> Result<(), Error> {
    let metadata = &attributes.metadata;
    let found = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len());
    match found.sum() {
        found if found > MAX_METADATA => Err(Error::MetadataTooLarge {
            found,
            limit: MAX_METADATA,
        }),
        _ => Ok(()),
    }
}

/// Dates the file so that its stamp is none of `taken`, whatever steps the file system's clock makes.
fn unique_stamp(file: &File, taken: &[Stamp]) -> io::Result<Stamp> {
    let now = SystemTime::now();
    for step in [
        0,
        1,
        1_000,
        1_000_000,
        1_000_000_000,
        2_000_000_000,
        4_000_000_000,
    ] {
        file.set_modified(now + Duration::from_nanos(step))?;
        let stamp = Stamp::of(&file.metadata()?)?;
        if !taken.contains(&stamp) {
            return Ok(stamp);
        }
    }
    Err(io::Error::other("the file system keeps no times of files"))
}
