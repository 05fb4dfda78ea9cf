//! Writing: a file gets its place, its date and its record in one step, or none of them.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::checksum::{crc64, crc64_of_more};
use crate::error::Error;
use crate::key::ObjectKey;
use crate::object::{Attributes, ETag, ObjectInfo, SizedStream};
use crate::storage::{AppendOptions, Precondition, PutOptions};

use super::digest::{self, Digest, Sums};
use super::locks::Lock;
use super::queues::Space;
use super::record::{Record, Stamp};
use super::store::{Folder, Store, Temporary, is_no_place, other, within};

/// Names and values of user metadata together, in bytes: what S3 takes, so that a laptop takes no more.
const MAX_METADATA: usize = 2048;
/// The storage class that a folder has.
const STANDARD: &str = "STANDARD";

/// A body that is written and has no place yet.
pub(super) struct Written {
    pub(super) temporary: Temporary,
    pub(super) etag: ETag,
    pub(super) crc64: u64,
    /// Whether it may be lengthened.
    pub(super) appendable: bool,
}

impl Written {
    /// In one piece, of these sums.
    pub(super) fn new(temporary: Temporary, sums: &Sums) -> Self {
        Self {
            temporary,
            etag: sums.etag(),
            crc64: sums.crc64,
            appendable: false,
        }
    }
}

impl Folder {
    /// Gives the written file its place under `key`, in one step, with what is said of it, if the key holds what it
    /// must.
    pub(super) async fn commit(
        &self,
        key: &ObjectKey,
        written: Written,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error> {
        let lock = self.lock(Space::Key, key.as_str()).await?;
        self.holds(key, &options.precondition).await?;
        let key = key.clone();
        self.run(move |store| store.place(&key, &written, options.attributes, lock))
            .await
    }

    /// Writes a body that comes bit by bit, each piece off the runtime.
    pub(super) async fn write_stream(&self, mut body: SizedStream) -> Result<Written, Error> {
        let mut temporary = self.run(Store::temporary).await?;
        let mut digest = Digest::new();
        while let Some(bytes) = body.next().await? {
            let write = move |_: &Arc<Store>| {
                digest.update(&bytes);
                temporary.file.write_all(&bytes).map_err(other)?;
                Ok((temporary, digest))
            };
            (temporary, digest) = self.run_bulk(write).await?;
        }
        Ok(Written::new(temporary, &digest.finish()))
    }

    /// Lengthens the object, or begins it: as a new file, so that readers keep the old one, and a crash leaves it.
    pub(super) async fn lengthen(
        &self,
        key: &ObjectKey,
        position: u64,
        body: Bytes,
        options: AppendOptions,
    ) -> Result<ObjectInfo, Error> {
        check_attributes(&options.attributes)?;
        let lock = self.lock(Space::Key, key.as_str()).await?;
        let held = self.with_object(key, |file, info| Ok((file, info))).await;
        let held = match held {
            Ok(held) => Some(held),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let size = held.as_ref().map_or(0, |(_, info)| info.size);
        if held.as_ref().is_some_and(|(_, info)| !info.appendable) {
            return Err(Error::NotAppendable(key.clone()));
        }
        if position != size {
            return Err(Error::WrongPosition { position, size });
        }
        if size.saturating_add(body.len() as u64) > options.max_bytes {
            let limit = options.max_bytes;
            return Err(Error::TooManyBytes { limit });
        }
        let key = key.clone();
        self.run_bulk(move |store| {
            let mut temporary = store.temporary()?;
            let (before, attributes) = match held {
                Some((mut file, info)) => {
                    // The system copies within itself where it can; no sum needs the bytes that are there.
                    io::copy(&mut file, &mut temporary.file).map_err(other)?;
                    (Some((info.etag, info.crc64)), info.attributes)
                }
                None => (None, options.attributes),
            };
            temporary.file.write_all(&body).map_err(other)?;
            let (etag, crc64) = lengthened(before, &body);
            let written = Written {
                temporary,
                etag,
                crc64,
                appendable: true,
            };
            store.place(&key, &written, attributes, lock)
        })
        .await
    }

    /// Looks whether `key` holds what it must. Only under the key's lock does it stay so.
    ///
    /// # Errors
    ///
    /// [`Error::PreconditionFailed`] if it does not.
    pub(super) async fn holds(
        &self,
        key: &ObjectKey,
        precondition: &Precondition,
    ) -> Result<(), Error> {
        if *precondition == Precondition::None {
            return Ok(());
        }
        let held = match self.info(key).await {
            Ok(info) => Precondition::Match(info.etag),
            Err(Error::NotFound(_)) => Precondition::Absent,
            Err(error) => return Err(error),
        };
        if *precondition == held {
            Ok(())
        } else {
            Err(Error::PreconditionFailed(key.clone()))
        }
    }
}

impl Store {
    /// Moves the file to its place. The lock is the key's; it is given back when that is done.
    pub(super) fn place(
        self: &Arc<Self>,
        key: &ObjectKey,
        written: &Written,
        attributes: Attributes,
        _lock: Lock,
    ) -> Result<ObjectInfo, Error> {
        let temporary = &written.temporary;
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
            etag: written.etag.opaque().to_owned(),
            crc64: written.crc64,
            attributes: Some(attributes),
            appendable: written.appendable,
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

    /// The lock is the key's.
    pub(super) fn delete(&self, key: &ObjectKey, _lock: Lock) -> Result<(), Error> {
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
        self: &Arc<Self>,
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
        // A record that stays is never read again: the state of the file that it belongs to is gone.
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

/// Whether a folder can keep what the client says.
pub(super) fn check_attributes(attributes: &Attributes) -> Result<(), Error> {
    if let Some(class) = attributes
        .storage_class
        .as_deref()
        .filter(|class| *class != STANDARD)
    {
        return Err(Error::Unsupported(format!(
            "the storage class `{class}`, where {STANDARD} is the only one,"
        )));
    }
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

/// The tag and the CRC of an object, given those before this body was appended. The tag is a chain, as that of parts: the
/// MD5 of the tag before and the body's MD5, then, after a hyphen, how many appends there were.
fn lengthened(before: Option<(ETag, Option<u64>)>, body: &[u8]) -> (ETag, u64) {
    let md5 = digest::md5(body);
    let Some((etag, sum)) = before else {
        return (digest::etag(&md5, Some(1)), crc64(body));
    };
    let count = etag.opaque().rsplit_once('-');
    let count: usize = count.and_then(|(_, count)| count.parse().ok()).unwrap_or(1);
    let chain = [etag.opaque().as_bytes(), &md5].concat();
    let etag = digest::etag(&digest::md5(&chain), Some(count.saturating_add(1)));
    // A record always has the sum.
    (etag, crc64_of_more(sum.unwrap_or_default(), body))
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
