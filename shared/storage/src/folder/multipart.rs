//! Multipart uploads: a folder each, with what was said at the begin and a file for every part.
//!
//! A part's file begins with the MD5 of the rest, so that one rename puts both in place.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::date::whole_seconds;
use crate::error::Error;
use crate::key::ObjectKey;
use crate::object::{Attributes, ETag, ObjectInfo, SizedStream, UploadId};
use crate::storage::{GetOptions, OpenUpload, Part, Precondition};

use super::digest::{self, Digest};
use super::queues::Space;
use super::read::{only_version, range_of};
use super::record::Stamp;
use super::store::{Folder, Store, Temporary, other, unique_name, within};
use super::write::{Written, check_attributes};

/// The highest number of a part, as S3 and COS have it.
const MAX_PART: u32 = 10_000;
/// Bytes of the MD5 that a part's file begins with.
const MD5_BYTES: u64 = 16;
/// The file in an upload's folder that holds [`Begin`].
const BEGIN: &str = "begin.json";

/// What was said at the begin of an upload.
#[derive(Serialize, Deserialize)]
struct Begin {
    key: String,
    attributes: Attributes,
}

/// A part that is being written and has no place yet.
pub(super) struct PartFile {
    temporary: Temporary,
    digest: Digest,
}

impl PartFile {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.digest.update(bytes);
        self.temporary.file.write_all(bytes).map_err(other)
    }

    fn copy(&mut self, from: &mut impl Read) -> Result<(), Error> {
        let copied = self.digest.copy(from, &mut self.temporary.file);
        copied.map(drop).map_err(other)
    }

    /// The MD5 gets its place before the bytes.
    fn end(self) -> Result<Temporary, Error> {
        let mut temporary = self.temporary;
        let md5 = self.digest.finish().md5;
        temporary.file.rewind().map_err(other)?;
        temporary.file.write_all(&md5).map_err(other)?;
        temporary.file.sync_all().map_err(other)?;
        Ok(temporary)
    }
}

impl Folder {
    /// Writes a part by `write` and gives it its place.
    pub(super) async fn store_part(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        write: impl FnOnce(&mut PartFile) -> Result<(), Error> + Send + 'static,
    ) -> Result<Part, Error> {
        let (name, id) = (key.clone(), upload.clone());
        let written = self.run_bulk(move |store| {
            let mut file = store.begin_part(&name, &id, number)?;
            write(&mut file)?;
            Ok(file)
        });
        self.place_part(key, upload, number, written.await?).await
    }

    pub(super) async fn store_part_stream(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        mut body: SizedStream,
    ) -> Result<ETag, Error> {
        let (name, id) = (key.clone(), upload.clone());
        let begun = self.run(move |store| store.begin_part(&name, &id, number));
        let mut file = begun.await?;
        while let Some(bytes) = body.next().await? {
            let write = move |_: &Arc<Store>| {
                file.write(&bytes)?;
                Ok(file)
            };
            file = self.run_bulk(write).await?;
        }
        let part = self.place_part(key, upload, number, file).await?;
        Ok(part.etag)
    }

    pub(super) async fn copy_to_part(
        &self,
        source: &ObjectKey,
        options: GetOptions,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
    ) -> Result<Part, Error> {
        only_version(source, options.version.as_ref())?;
        let name = source.clone();
        let open = self.with_object(source, move |file, info| {
            range_of(&name, file, &info, &options)
        });
        let (file, range) = open.await?;
        let mut bytes = file.take(range.end - range.start);
        self.store_part(key, upload, number, move |part| part.copy(&mut bytes))
            .await
    }

    async fn place_part(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        file: PartFile,
    ) -> Result<Part, Error> {
        let lock = self.lock(Space::Upload, &upload.0).await?;
        let (key, upload) = (key.clone(), upload.clone());
        self.run(move |store| {
            let _lock = lock;
            let temporary = file.end()?;
            // The upload can have ended meanwhile, and its folder must not come back.
            store.begin(&key, &upload)?;
            let place = part_path(&upload, number);
            store.rename(&temporary.path, &place).map_err(other)?;
            Ok(store.open_part(&upload, number)?.0)
        })
        .await
    }

    pub(super) async fn complete(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[(u32, ETag)],
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error> {
        // Upload before key, here as everywhere: two locks are never waited for in a circle.
        let ending = self.lock(Space::Upload, &upload.0).await?;
        // What can be refused is refused before the first byte is copied.
        self.holds(key, &precondition).await?;
        let (name, id, parts) = (key.clone(), upload.clone(), parts.to_vec());
        let join = move |store: &Arc<Store>| {
            let (begin, etag) = store.check_parts(&name, &id, &parts)?;
            let written = store.join(&id, &parts, etag)?;
            Ok((name, id, ending, begin, written))
        };
        let (name, id, ending, begin, written) = self.run_bulk(join).await?;
        let lock = self.lock(Space::Key, key.as_str()).await?;
        self.holds(key, &precondition).await?;
        self.run(move |store| {
            let _ending = ending;
            let info = store.place(&name, &written, begin.attributes, lock)?;
            store.end(&id)?;
            Ok(info)
        })
        .await
    }

    pub(super) async fn abort(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), Error> {
        let lock = self.lock(Space::Upload, &upload.0).await?;
        let (key, upload) = (key.clone(), upload.clone());
        self.run(move |store| {
            let _lock = lock;
            store.begin(&key, &upload)?;
            store.end(&upload)
        })
        .await
    }
}

impl Store {
    pub(super) fn create_multipart(
        self: &Arc<Self>,
        key: &ObjectKey,
        attributes: Attributes,
    ) -> Result<UploadId, Error> {
        check_attributes(&attributes)?;
        let id = unique_name();
        let begin = Begin {
            key: key.as_str().to_owned(),
            attributes,
        };
        let text = serde_json::to_vec(&begin).expect("what was said is text");
        let mut temporary = self.temporary()?;
        temporary.file.write_all(&text).map_err(other)?;
        temporary.file.sync_all().map_err(other)?;
        self.rename(&temporary.path, &folder(&id).join(BEGIN))
            .map_err(other)?;
        Ok(UploadId(id))
    }

    /// What was said at the begin, if the upload is open and this key's.
    fn begin(&self, key: &ObjectKey, upload: &UploadId) -> Result<Begin, Error> {
        let none = || Error::NoSuchUpload(upload.0.clone());
        // An id is a name in the folder: only what `unique_name` makes is looked for.
        let is_id = upload.0.len() == 32 && upload.0.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_id {
            return Err(none());
        }
        match self.root.read(folder(&upload.0).join(BEGIN)) {
            Ok(text) => {
                let begin: Begin =
                    serde_json::from_slice(&text).map_err(|error| Error::Other(Box::new(error)))?;
                if begin.key == key.as_str() {
                    Ok(begin)
                } else {
                    Err(none())
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Err(none()),
            Err(error) => Err(other(error)),
        }
    }

    /// A part's file, with room for its MD5.
    fn begin_part(
        self: &Arc<Self>,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
    ) -> Result<PartFile, Error> {
        self.begin(key, upload)?;
        if !(1..=MAX_PART).contains(&number) {
            return Err(Error::InvalidPart(number));
        }
        let mut temporary = self.temporary()?;
        let room = [0; MD5_BYTES as usize];
        temporary.file.write_all(&room).map_err(other)?;
        let digest = Digest::new();
        Ok(PartFile { temporary, digest })
    }

    pub(super) fn list_parts(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
    ) -> Result<Vec<Part>, Error> {
        self.begin(key, upload)?;
        let mut parts = Vec::new();
        for entry in self.root.read_dir(folder(&upload.0)).map_err(other)? {
            let name = entry.map_err(other)?.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            if let Some(number) = number {
                parts.push(self.open_part(upload, number)?.0);
            }
        }
        parts.sort_unstable_by_key(|part| part.number);
        Ok(parts)
    }

    /// A part, and its file at the first byte after the MD5.
    fn open_part(
        &self,
        upload: &UploadId,
        number: u32,
    ) -> Result<(Part, std::fs::File, [u8; 16]), Error> {
        let file = match self.root.open(part_path(upload, number)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::InvalidPart(number));
            }
            opened => opened.map_err(other)?,
        };
        let mut file = file.into_std();
        let mut md5 = [0; MD5_BYTES as usize];
        file.read_exact(&mut md5).map_err(other)?;
        let stamp = Stamp::of(&file.metadata().map_err(other)?).map_err(other)?;
        let part = Part {
            number,
            etag: digest::etag(&md5, None),
            size: stamp.size - MD5_BYTES,
            last_modified: stamp.last_modified(),
        };
        Ok((part, file, md5))
    }

    /// What was said at the begin, if the parts are as `wanted` says.
    fn check_parts(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        wanted: &[(u32, ETag)],
    ) -> Result<(Begin, ETag), Error> {
        let begin = self.begin(key, upload)?;
        if wanted.is_empty() {
            return Err(Error::InvalidPart(1));
        }
        if !wanted.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(Error::InvalidPartOrder);
        }
        let mut md5s = Vec::new();
        for (number, etag) in wanted {
            let (part, _, md5) = self.open_part(upload, *number)?;
            if part.etag != *etag {
                return Err(Error::InvalidPart(*number));
            }
            md5s.extend_from_slice(&md5);
        }
        let etag = digest::etag(&digest::md5(&md5s), Some(wanted.len()));
        Ok((begin, etag))
    }

    /// The parts put together in one file.
    fn join(
        self: &Arc<Self>,
        upload: &UploadId,
        wanted: &[(u32, ETag)],
        etag: ETag,
    ) -> Result<Written, Error> {
        let mut temporary = self.temporary()?;
        let mut digest = Digest::new();
        for (number, _) in wanted {
            let (_, mut file, _) = self.open_part(upload, *number)?;
            file.seek(SeekFrom::Start(MD5_BYTES)).map_err(other)?;
            digest.copy(&mut file, &mut temporary.file).map_err(other)?;
        }
        Ok(Written {
            temporary,
            etag,
            crc64: digest.finish().crc64,
            appendable: false,
        })
    }

    pub(super) fn list_multipart(&self, prefix: &str) -> Result<Vec<OpenUpload>, Error> {
        let entries = match self.root.read_dir(within("uploads")) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(other)?,
        };
        let mut open = Vec::new();
        for entry in entries {
            let Ok(id) = entry.map_err(other)?.file_name().into_string() else {
                continue;
            };
            let path = folder(&id).join(BEGIN);
            // One that has no begin, or not yet, is not open.
            let begin = self.root.read(&path).ok();
            let begin = begin.and_then(|text| serde_json::from_slice::<Begin>(&text).ok());
            let metadata = self.root.metadata(&path);
            let (Some(begin), Ok(metadata)) = (begin, metadata) else {
                continue;
            };
            let key = ObjectKey::new(begin.key).ok();
            if let Some(key) = key.filter(|key| key.as_str().starts_with(prefix)) {
                let modified = metadata.modified().map_err(other)?;
                open.push(OpenUpload {
                    key,
                    upload: UploadId(id),
                    initiated: whole_seconds(modified.into_std()),
                });
            }
        }
        open.sort_unstable_by(|one, next| {
            let order =
                |open: &OpenUpload| (open.key.clone(), open.initiated, open.upload.0.clone());
            order(one).cmp(&order(next))
        });
        Ok(open)
    }

    fn end(&self, upload: &UploadId) -> Result<(), Error> {
        let folder = folder(&upload.0);
        // Without its begin an upload is closed, however far the rest gets.
        self.root.remove_file(folder.join(BEGIN)).map_err(other)?;
        self.root.remove_dir_all(folder).map_err(other)
    }
}

fn folder(id: &str) -> PathBuf {
    within("uploads").join(id)
}

fn part_path(upload: &UploadId, number: u32) -> PathBuf {
    folder(&upload.0).join(format!("{number:05}"))
}
