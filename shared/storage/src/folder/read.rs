//! Reading: an open file and what is known of that very state of it, ranges, streams and lists.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::PathBuf;

use bytes::Bytes;

use crate::Listed;

use super::digest::Digest;
use super::record::{Record, Stamp};
use super::store::{ATTEMPTS, Store, other, within};
use super::walk::{self, Page};
use super::{
    Attributes, ByteStream, Error, GetOptions, ListOptions, Listing, Object, ObjectInfo, ObjectKey,
    Version, content_type, place,
};

/// Bytes of one item of an object's stream.
const CHUNK: usize = 256 * 1024;

impl Store {
    pub(super) fn open_object(&self, key: &ObjectKey) -> Result<(File, Stamp), Error> {
        let (escaped, plain) = self.places(key);
        for path in std::iter::once(escaped).chain(plain) {
            if let Some(file) = self.open_file(key, &path)? {
                let stamp = Stamp::of(&file.metadata().map_err(other)?).map_err(other)?;
                return Ok((file, stamp));
            }
        }
        Err(Error::NotFound(key.clone()))
    }

    /// The object's file, at its begin, and what is known of it: both of one state.
    pub(super) fn open(&self, key: &ObjectKey) -> Result<(File, ObjectInfo), Error> {
        for _ in 0..ATTEMPTS {
            let (mut file, stamp) = self.open_object(key)?;
            if let Some(record) = self.record(key, stamp) {
                let info = into_info(key, record, stamp, &mut file)?;
                return Ok((file, info));
            }
            // Put here by hand; or replaced since it was opened, and its record with it.
            if self.open_object(key)?.1 != stamp {
                continue;
            }
            let mut digest = Digest::new();
            digest.copy(&mut file, &mut io::sink()).map_err(other)?;
            if Stamp::of(&file.metadata().map_err(other)?).map_err(other)? != stamp {
                continue;
            }
            file.rewind().map_err(other)?;
            let sums = digest.finish();
            let record = Record {
                etag: sums.etag().opaque().to_owned(),
                crc64: sums.crc64,
                attributes: None,
            };
            if !stamp.is_fresh() {
                // Only saves time: a folder that cannot be written to is served all the same.
                let _ = self.save_record(key, stamp, &record);
            }
            let info = into_info(key, record, stamp, &mut file)?;
            return Ok((file, info));
        }
        Err(Error::Unavailable(format!("`{key}` changes all the time")))
    }

    pub(super) fn records(key: &ObjectKey) -> PathBuf {
        within("records").join(place::escaped(key.as_str()))
    }

    pub(super) fn record(&self, key: &ObjectKey, stamp: Stamp) -> Option<Record> {
        let text = self.root.read(Self::records(key).join(stamp.name())).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(super) fn get(&self, key: &ObjectKey, options: &GetOptions) -> Result<Object, Error> {
        only_version(key, options.version.as_ref())?;
        let (mut file, info) = self.open(key)?;
        if options
            .if_match
            .as_ref()
            .is_some_and(|tag| *tag != info.etag)
        {
            return Err(Error::PreconditionFailed(key.clone()));
        }
        let range = match options.range {
            Some(range) => Some(
                range
                    .resolve(info.size)
                    .ok_or(Error::InvalidRange { size: info.size })?,
            ),
            None => None,
        };
        let wanted = range.clone().unwrap_or(0..info.size);
        file.seek(io::SeekFrom::Start(wanted.start))
            .map_err(other)?;
        let left = wanted.end - wanted.start;
        let body = if left <= CHUNK as u64 {
            read_chunk(&mut file, left).map_err(other)?.into()
        } else {
            stream(file, left)
        };
        Ok(Object { info, range, body })
    }

    pub(super) fn list(&self, options: ListOptions) -> Result<Listing, Error> {
        let escaped = walk::escaped_keys(&self.root, &within("objects")).map_err(other)?;
        let mut escaped = escaped.into_iter().peekable();
        let mut page = Page::new(options);
        let walked = walk::plain_keys(&self.root, &mut page, &mut |page, key| {
            while let Some(earlier) = escaped.next_if(|earlier| earlier.as_str() <= key) {
                page.offer(&earlier)?;
                if earlier == key {
                    return std::ops::ControlFlow::Continue(());
                }
            }
            page.offer(key)
        });
        walked.map_err(other)?;
        for key in escaped {
            if page.offer(&key).is_break() {
                break;
            }
        }
        let (mut listing, keys) = page.finish();
        for key in keys {
            let Ok(key) = ObjectKey::new(key) else {
                continue; // A path longer or deeper than a key may be.
            };
            match self.open(&key) {
                Ok((_, info)) => listing.objects.push(Listed {
                    key,
                    size: info.size,
                    etag: info.etag,
                    last_modified: info.last_modified,
                }),
                // Gone since, or closed to us.
                Err(Error::NotFound(_) | Error::Denied(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(listing)
    }
}

/// A folder keeps one state of each object, which S3 calls the version `null`.
pub(super) fn only_version(key: &ObjectKey, version: Option<&Version>) -> Result<(), Error> {
    match version {
        Some(Version(name)) if name != "null" => {
            Err(Error::NoSuchVersion(key.clone(), name.clone()))
        }
        _ => Ok(()),
    }
}

fn into_info(
    key: &ObjectKey,
    record: Record,
    stamp: Stamp,
    file: &mut File,
) -> Result<ObjectInfo, Error> {
    let mut head = Vec::new();
    if record.attributes.is_none() {
        let mut first = Read::by_ref(file).take(content_type::HEAD_BYTES as u64);
        first.read_to_end(&mut head).map_err(other)?;
        file.rewind().map_err(other)?;
    }
    Ok(record.into_info(stamp, || Attributes {
        content_type: Some(content_type::guess(key.as_str(), &head).to_owned()),
        ..Attributes::default()
    }))
}

/// The next `left` bytes, or one chunk of them.
fn read_chunk(file: &mut File, left: u64) -> io::Result<Bytes> {
    let mut bytes = vec![0; left.min(CHUNK as u64) as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

/// The next `left` bytes, a chunk at a time, each read off the runtime.
fn stream(file: File, left: u64) -> ByteStream {
    ByteStream::new(futures_util::stream::try_unfold(
        (file, left),
        |(mut file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let read = tokio::task::spawn_blocking(move || {
                let bytes = read_chunk(&mut file, left)?;
                io::Result::Ok((bytes, file))
            });
            let read = read
                .await
                .map_err(|stopped| Error::Other(Box::new(stopped)))?;
            let (bytes, file) = read.map_err(other)?;
            let left = left - bytes.len() as u64;
            Ok(Some((bytes, (file, left))))
        },
    ))
}
