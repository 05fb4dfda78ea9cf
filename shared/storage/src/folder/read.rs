//! Reading: an open file and what is known of that very state of it, ranges, streams and lists.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;

use crate::error::Error;
use crate::key::ObjectKey;
use crate::object::{Attributes, ByteStream, Object, ObjectInfo, Version};
use crate::storage::{GetOptions, ListOptions, Listed, Listing};

use super::content_type;
use super::digest::Sums;
use super::place;
use super::record::{Record, Stamp};
use super::store::{ATTEMPTS, Folder, Store, other, within};
use super::walk::{self, Page};

/// Bytes of one item of an object's stream.
const CHUNK: usize = 256 * 1024;

/// What a look at a key found.
enum Found<T, W> {
    /// What the work made of the object.
    Done(T),
    /// A file in this state, whose sums nobody knows, and the work that is still to be done.
    Unsummed(Stamp, W),
}

impl Folder {
    /// Runs `work` on the object's file, at its begin, and on what is known of it: both of one state.
    ///
    /// One step on a thread, where the sums are known.
    pub(super) async fn with_object<T, W>(&self, key: &ObjectKey, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(File, ObjectInfo) -> Result<T, Error> + Send + 'static,
    {
        let mut work = work;
        let mut sums = None;
        for _ in 0..ATTEMPTS {
            let (name, known) = (key.clone(), sums);
            let found = self
                .run(move |store| match store.look(&name, known)? {
                    (file, _, Some(info)) => work(file, info).map(Found::Done),
                    (_, stamp, None) => Ok(Found::Unsummed(stamp, work)),
                })
                .await?;
            match found {
                Found::Done(done) => return Ok(done),
                Found::Unsummed(stamp, left) => {
                    work = left;
                    // Put here by hand; or replaced since it was opened, and its record with it.
                    let made = self.sums(key, stamp).await?;
                    sums = made.map(|made| (stamp, made));
                }
            }
        }
        Err(Error::Unavailable(format!("`{key}` changes all the time")))
    }

    /// What is known of the object.
    pub(super) async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo, Error> {
        self.with_object(key, |_, info| Ok(info)).await
    }

    pub(super) async fn get_object(
        &self,
        key: &ObjectKey,
        options: GetOptions,
    ) -> Result<Object, Error> {
        only_version(key, options.version.as_ref())?;
        let name = key.clone();
        self.with_object(key, move |file, info| read(&name, file, info, &options))
            .await
    }

    pub(super) async fn list_objects(&self, options: ListOptions) -> Result<Listing, Error> {
        let (mut listing, keys, known) = self
            .run(move |store| {
                let (listing, keys) = store.page(options)?;
                // A path longer or deeper than a key may be is none.
                let keys = keys.into_iter().filter_map(|key| ObjectKey::new(key).ok());
                let keys: Vec<ObjectKey> = keys.collect();
                let known: Vec<_> = keys.iter().map(|key| store.look(key, None)).collect();
                let known = known.into_iter().map(|look| look.map(|(_, _, info)| info));
                Ok((listing, keys, known.collect::<Vec<_>>()))
            })
            .await?;
        for (key, known) in keys.into_iter().zip(known) {
            let info = match known {
                Ok(Some(info)) => Ok(info),
                Ok(None) => self.info(&key).await,
                Err(error) => Err(error),
            };
            match info {
                Ok(info) => listing.objects.push(Listed {
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

    /// The object's file, at its begin, its state, and what is known of it, if its sums are: from its record, from
    /// memory, or as `given` for a state.
    fn look(
        &self,
        key: &ObjectKey,
        given: Option<(Stamp, Sums)>,
    ) -> Result<(File, Stamp, Option<ObjectInfo>), Error> {
        let (mut file, stamp) = self.open_object(key)?;
        let given = given.filter(|(of, _)| *of == stamp);
        let sums = || given.map(|(_, sums)| sums);
        let record = self.record(key, stamp).or_else(|| {
            let sums = sums().or_else(|| self.kept_sums(key, stamp))?;
            Some(Record::of_sums(&sums))
        });
        let info = record.map(|record| into_info(key, record, stamp, &mut file));
        Ok((file, stamp, info.transpose()?))
    }

    pub(super) fn records(key: &ObjectKey) -> PathBuf {
        within("records").join(place::escaped(key.as_str()))
    }

    pub(super) fn record(&self, key: &ObjectKey, stamp: Stamp) -> Option<Record> {
        let text = self.root.read(Self::records(key).join(stamp.name())).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The page, its objects still to be filled in, and their keys.
    fn page(&self, options: ListOptions) -> Result<(Listing, Vec<String>), Error> {
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
        Ok(page.finish())
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

/// What `options` want of the object whose file this is, and the file where that begins.
pub(super) fn range_of(
    key: &ObjectKey,
    mut file: File,
    info: &ObjectInfo,
    options: &GetOptions,
) -> Result<(File, Range<u64>), Error> {
    if options
        .if_match
        .as_ref()
        .is_some_and(|tag| *tag != info.etag)
    {
        return Err(Error::PreconditionFailed(key.clone()));
    }
    let size = info.size;
    let wanted = match options.range {
        Some(range) => range.resolve(size).ok_or(Error::InvalidRange { size })?,
        None => 0..size,
    };
    file.seek(io::SeekFrom::Start(wanted.start))
        .map_err(other)?;
    Ok((file, wanted))
}

fn read(
    key: &ObjectKey,
    file: File,
    info: ObjectInfo,
    options: &GetOptions,
) -> Result<Object, Error> {
    let (mut file, wanted) = range_of(key, file, &info, options)?;
    let left = wanted.end - wanted.start;
    let body = if left <= CHUNK as u64 {
        read_chunk(&mut file, left).map_err(other)?.into()
    } else {
        stream(file, left)
    };
    let range = options.range.map(|_| wanted);
    Ok(Object { info, range, body })
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
