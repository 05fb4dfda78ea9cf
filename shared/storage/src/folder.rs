//! A folder as a storage. Files that lie there are objects under their plain names, and an object put through the
//! service becomes such a file; a key that is no plain path is kept in an escaped form under `.mogr`, as is all else.
//!
//! ```text
//! image-1.jpg  sub/b.png    objects under their own names
//! .mogr/objects/            objects whose keys name no file here: `a//b`, `..`, `a` beside `a/b`
//! .mogr/records/            attributes and sums of each object, by the state of the file that they belong to
//! .mogr/uploads/            parts of multipart uploads
//! .mogr/temporary/          files on their way to their place
//! .mogr/locks/              one writer for a key at a time, among processes as well
//! ```
//!
//! Every path is resolved within an open folder ([`cap_std::fs::Dir`]): neither a key nor a link leads out of it.

mod content_type;
mod digest;
mod kept;
mod locks;
mod multipart;
mod place;
mod queues;
mod read;
mod record;
mod store;
mod sums;
#[cfg(test)]
mod tests;
mod walk;
mod write;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::error::Error;
use crate::key::ObjectKey;
use crate::object::{Attributes, ETag, Object, ObjectInfo, SizedStream, UploadId, Version};
use crate::storage::{
    AppendOptions, GetOptions, ListOptions, Listing, OpenUpload, Part, Precondition, PutOptions,
    Storage,
};

use self::digest::Digest;
use self::multipart::PartFile;
use self::place::RESERVED;
use self::queues::Space;
use self::read::only_version;
pub use self::store::Folder;
use self::store::{Store, other, within};
use self::write::{Written, check_attributes};

impl Folder {
    /// The folder at `path`, which must exist.
    ///
    /// - Cost: a few system calls; the files in it are not looked at.
    /// - Two processes may have one folder open.
    ///
    /// # Errors
    ///
    /// What the system says of a path that is no readable folder. One that cannot be written to is readable all the same.
    pub fn open(path: &Path) -> io::Result<Self> {
        let root = Dir::open_ambient_dir(path, ambient_authority())?;
        let mut store = Store::new(root);
        if store.root.create_dir_all(within("")).is_ok() {
            let upper = RESERVED.to_ascii_uppercase();
            store.folds_case = store.root.symlink_metadata(upper).is_ok();
            store.sweep();
        }
        Ok(Self(Arc::new(store)))
    }
}

#[async_trait::async_trait]
impl Storage for Folder {
    async fn head(&self, key: &ObjectKey, version: Option<&Version>) -> Result<ObjectInfo, Error> {
        only_version(key, version)?;
        self.info(key).await
    }

    async fn get(&self, key: &ObjectKey, options: GetOptions) -> Result<Object, Error> {
        self.get_object(key, options).await
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error> {
        check_attributes(&options.attributes)?;
        let write = move |store: &Arc<Store>| {
            let mut temporary = store.temporary()?;
            let mut digest = Digest::new();
            digest.update(&body);
            temporary.file.write_all(&body).map_err(other)?;
            Ok(Written::new(temporary, &digest.finish()))
        };
        let written = self.run_bulk(write).await?;
        self.commit(key, written, options).await
    }

    async fn put_stream(
        &self,
        key: &ObjectKey,
        body: SizedStream,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error> {
        check_attributes(&options.attributes)?;
        // What can be refused is refused before the first byte is written.
        self.holds(key, &options.precondition).await?;
        let written = self.write_stream(body).await?;
        self.commit(key, written, options).await
    }

    async fn append(
        &self,
        key: &ObjectKey,
        position: u64,
        body: Bytes,
        options: AppendOptions,
    ) -> Result<ObjectInfo, Error> {
        self.lengthen(key, position, body, options).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let lock = self.lock(Space::Key, key.as_str()).await?;
        let key = key.clone();
        self.run(move |store| store.delete(&key, lock)).await
    }

    async fn list(&self, options: ListOptions) -> Result<Listing, Error> {
        self.list_objects(options).await
    }

    async fn copy(
        &self,
        source: &ObjectKey,
        version: Option<&Version>,
        target: &ObjectKey,
        attributes: Option<Attributes>,
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error> {
        only_version(source, version)?;
        // What can be refused is refused before the first byte is copied.
        self.holds(target, &precondition).await?;
        let opened = self.with_object(source, |file, info| Ok((file, info)));
        let (mut file, info) = opened.await?;
        let options = PutOptions {
            attributes: attributes.unwrap_or(info.attributes),
            precondition,
        };
        check_attributes(&options.attributes)?;
        let copy = move |store: &Arc<Store>| {
            let mut temporary = store.temporary()?;
            let mut digest = Digest::new();
            digest.copy(&mut file, &mut temporary.file).map_err(other)?;
            Ok(Written::new(temporary, &digest.finish()))
        };
        let written = self.run_bulk(copy).await?;
        self.commit(target, written, options).await
    }

    async fn create_multipart(
        &self,
        key: &ObjectKey,
        attributes: Attributes,
    ) -> Result<UploadId, Error> {
        let key = key.clone();
        self.run(move |store| store.create_multipart(&key, attributes))
            .await
    }

    async fn put_part(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<ETag, Error> {
        let write = move |part: &mut PartFile| part.write(&body);
        let part = self.store_part(key, upload, number, write).await?;
        Ok(part.etag)
    }

    async fn put_part_stream(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: SizedStream,
    ) -> Result<ETag, Error> {
        self.store_part_stream(key, upload, number, body).await
    }

    async fn copy_part(
        &self,
        source: &ObjectKey,
        options: GetOptions,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
    ) -> Result<Part, Error> {
        self.copy_to_part(source, options, key, upload, number)
            .await
    }

    async fn list_parts(&self, key: &ObjectKey, upload: &UploadId) -> Result<Vec<Part>, Error> {
        let (key, upload) = (key.clone(), upload.clone());
        self.run(move |store| store.list_parts(&key, &upload)).await
    }

    async fn complete_multipart(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[(u32, ETag)],
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error> {
        self.complete(key, upload, parts, precondition).await
    }

    async fn list_multipart(&self, prefix: &str) -> Result<Vec<OpenUpload>, Error> {
        let prefix = prefix.to_owned();
        self.run(move |store| store.list_multipart(&prefix)).await
    }

    async fn abort_multipart(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), Error> {
        self.abort(key, upload).await
    }
}
