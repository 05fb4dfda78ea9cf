//! A storage that fails, waits, loses objects and counts what is asked of it, for tests of what stands on a storage.
//!
//! Nothing here looks at a clock: a test is told when a call waits, and says when it goes on.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use crate::error::Error;
use crate::key::ObjectKey;
use crate::object::{
    Attributes, ByteStream, ETag, Object, ObjectInfo, SizedStream, UploadId, Version,
};
use crate::storage::{
    AppendOptions, GetOptions, ListOptions, Listing, OpenUpload, Part, Precondition, PutOptions,
    Storage, Versioning,
};

/// What is asked of a storage. [`Verb::Read`] is asked of an object's body, for each piece of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// [`Storage::head`].
    Head,
    /// [`Storage::get`], up to the first byte of the body.
    Get,
    /// The next piece of a body.
    Read,
    /// [`Storage::put`].
    Put,
    /// [`Storage::put_stream`].
    PutStream,
    /// [`Storage::append`].
    Append,
    /// [`Storage::delete`].
    Delete,
    /// [`Storage::list`].
    List,
    /// [`Storage::copy`].
    Copy,
    /// [`Storage::create_multipart`].
    CreateMultipart,
    /// [`Storage::put_part`].
    PutPart,
    /// [`Storage::put_part_stream`].
    PutPartStream,
    /// [`Storage::copy_part`], of the source.
    CopyPart,
    /// [`Storage::list_parts`].
    ListParts,
    /// [`Storage::complete_multipart`].
    CompleteMultipart,
    /// [`Storage::list_multipart`].
    ListMultipart,
    /// [`Storage::abort_multipart`].
    AbortMultipart,
}

/// A storage whose faults a test chooses. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn Storage>,
    state: Arc<Mutex<State>>,
}

/// What the next calls answer in place of what the storage would.
type Fault = Arc<dyn Fn(Option<&ObjectKey>) -> Error + Send + Sync>;

#[derive(Default)]
struct State {
    calls: HashMap<Verb, Vec<Option<ObjectKey>>>,
    bytes_read: u64,
    faults: HashMap<Verb, (usize, Fault)>,
    holds: HashMap<Verb, Arc<Gate>>,
    lost: HashSet<ObjectKey>,
    version: Option<Version>,
}

/// Where calls wait.
struct Gate {
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

/// Calls of one verb wait until this is [let go](Hold::release) or dropped.
pub struct Hold {
    gate: Arc<Gate>,
}

impl Hold {
    /// Returns as soon as `calls` calls wait here at once.
    pub async fn reached(&self, calls: usize) {
        let mut waiting = self.gate.waiting.subscribe();
        let reached = waiting.wait_for(|waiting| *waiting >= calls).await;
        reached.expect("the gate is there as long as its hold");
    }

    /// How many calls wait here now. One whose caller left does not.
    pub fn waiting(&self) -> usize {
        *self.gate.waiting.borrow()
    }

    /// Lets all go on, and those to come.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gate.open.send_replace(true);
    }
}

/// One call that waits at a gate.
struct Waiting(Arc<Gate>);

impl Waiting {
    fn at(gate: Arc<Gate>) -> Self {
        gate.waiting.send_modify(|waiting| *waiting += 1);
        Self(gate)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

impl Faulty {
    /// `inner`, without a fault so far.
    pub fn new(inner: impl Storage + 'static) -> Self {
        Self {
            inner: Arc::new(inner),
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A fault that panics leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often this was asked, whatever came of it.
    pub fn calls(&self, verb: Verb) -> usize {
        self.state().calls.get(&verb).map_or(0, Vec::len)
    }

    /// The keys that this was asked of, in turn.
    pub fn keys(&self, verb: Verb) -> Vec<ObjectKey> {
        let state = self.state();
        let asked = state.calls.get(&verb).into_iter().flatten();
        asked.flatten().cloned().collect()
    }

    /// Bytes of bodies that were handed out.
    pub fn bytes_read(&self) -> u64 {
        self.state().bytes_read
    }

    /// The next `times` calls fail so. A fault that panics is a storage that does.
    pub fn fail(
        &self,
        verb: Verb,
        times: usize,
        fault: impl Fn(Option<&ObjectKey>) -> Error + Send + Sync + 'static,
    ) {
        self.state().faults.insert(verb, (times, Arc::new(fault)));
    }

    /// Calls from now on wait. A second hold of a verb takes the place of the first for those to come.
    pub fn hold(&self, verb: Verb) -> Hold {
        let gate = Arc::new(Gate {
            open: watch::Sender::new(false),
            waiting: watch::Sender::new(0),
        });
        self.state().holds.insert(verb, Arc::clone(&gate));
        Hold { gate }
    }

    /// What is stored under the key is gone, for whoever reads or lists; a put brings it back.
    pub fn lose(&self, key: &ObjectKey) {
        self.state().lost.insert(key.clone());
    }

    /// Every object is told to be of this version, and any that is asked for is found.
    pub fn tell_version(&self, version: Version) {
        self.state().version = Some(version);
    }

    /// Counts the call, lets it wait where it shall, and fails it where it shall fail.
    async fn enter(&self, verb: Verb, key: Option<&ObjectKey>) -> Result<(), Error> {
        let gate = {
            let mut state = self.state();
            state.calls.entry(verb).or_default().push(key.cloned());
            state.holds.get(&verb).cloned()
        };
        if let Some(gate) = gate {
            let mut open = gate.open.subscribe();
            let _waiting = Waiting::at(gate);
            let opened = open.wait_for(|open| *open).await;
            opened.expect("the gate is there as long as a call waits");
        }
        let fault = match self.state().faults.get_mut(&verb) {
            Some((left, fault)) if *left > 0 => {
                *left -= 1;
                Some(Arc::clone(fault))
            }
            _ => None,
        };
        fault.map_or(Ok(()), |fault| Err(fault(key)))
    }

    fn is_lost(&self, key: &ObjectKey) -> Result<(), Error> {
        if self.state().lost.contains(key) {
            return Err(Error::NotFound(key.clone()));
        }
        Ok(())
    }

    fn watched(&self, key: ObjectKey, body: ByteStream) -> ByteStream {
        ByteStream::new(stream::try_unfold(
            (self.clone(), key, body),
            |(storage, key, mut body)| async move {
                storage.enter(Verb::Read, Some(&key)).await?;
                let Some(bytes) = body.next().await.transpose()? else {
                    return Ok(None);
                };
                storage.state().bytes_read += bytes.len() as u64;
                Ok(Some((bytes, (storage, key, body))))
            },
        ))
    }
}

#[async_trait::async_trait]
impl Storage for Faulty {
    async fn head(&self, key: &ObjectKey, version: Option<&Version>) -> Result<ObjectInfo, Error> {
        self.enter(Verb::Head, Some(key)).await?;
        self.is_lost(key)?;
        let told = self.state().version.clone();
        let asked = version.filter(|_| told.is_none());
        let mut info = self.inner.head(key, asked).await?;
        info.version = told.or(info.version);
        Ok(info)
    }

    async fn get(&self, key: &ObjectKey, mut options: GetOptions) -> Result<Object, Error> {
        self.enter(Verb::Get, Some(key)).await?;
        self.is_lost(key)?;
        let told = self.state().version.clone();
        if told.is_some() {
            options.version = None;
        }
        let mut object = self.inner.get(key, options).await?;
        object.info.version = told.or(object.info.version);
        object.body = self.watched(key.clone(), object.body);
        Ok(object)
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error> {
        self.enter(Verb::Put, Some(key)).await?;
        let put = self.inner.put(key, body, options).await?;
        self.state().lost.remove(key);
        Ok(put)
    }

    async fn put_stream(
        &self,
        key: &ObjectKey,
        body: SizedStream,
        options: PutOptions,
    ) -> Result<ObjectInfo, Error> {
        self.enter(Verb::PutStream, Some(key)).await?;
        let put = self.inner.put_stream(key, body, options).await?;
        self.state().lost.remove(key);
        Ok(put)
    }

    async fn append(
        &self,
        key: &ObjectKey,
        position: u64,
        body: Bytes,
        options: AppendOptions,
    ) -> Result<ObjectInfo, Error> {
        self.enter(Verb::Append, Some(key)).await?;
        self.is_lost(key)?;
        self.inner.append(key, position, body, options).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.enter(Verb::Delete, Some(key)).await?;
        self.inner.delete(key).await
    }

    async fn list(&self, options: ListOptions) -> Result<Listing, Error> {
        self.enter(Verb::List, None).await?;
        let mut listing = self.inner.list(options).await?;
        let state = self.state();
        let is_there = |key: &ObjectKey| !state.lost.contains(key);
        listing.objects.retain(|listed| is_there(&listed.key));
        Ok(listing)
    }

    async fn copy(
        &self,
        source: &ObjectKey,
        version: Option<&Version>,
        target: &ObjectKey,
        attributes: Option<Attributes>,
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error> {
        self.enter(Verb::Copy, Some(source)).await?;
        self.is_lost(source)?;
        let copy = self
            .inner
            .copy(source, version, target, attributes, precondition);
        let copied = copy.await?;
        self.state().lost.remove(target);
        Ok(copied)
    }

    async fn create_multipart(
        &self,
        key: &ObjectKey,
        attributes: Attributes,
    ) -> Result<UploadId, Error> {
        self.enter(Verb::CreateMultipart, Some(key)).await?;
        self.inner.create_multipart(key, attributes).await
    }

    async fn put_part(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<ETag, Error> {
        self.enter(Verb::PutPart, Some(key)).await?;
        self.inner.put_part(key, upload, number, body).await
    }

    async fn put_part_stream(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: SizedStream,
    ) -> Result<ETag, Error> {
        self.enter(Verb::PutPartStream, Some(key)).await?;
        let put = self.inner.put_part_stream(key, upload, number, body);
        put.await
    }

    async fn copy_part(
        &self,
        source: &ObjectKey,
        options: GetOptions,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
    ) -> Result<Part, Error> {
        self.enter(Verb::CopyPart, Some(source)).await?;
        self.is_lost(source)?;
        let copy = self.inner.copy_part(source, options, key, upload, number);
        copy.await
    }

    async fn list_parts(&self, key: &ObjectKey, upload: &UploadId) -> Result<Vec<Part>, Error> {
        self.enter(Verb::ListParts, Some(key)).await?;
        self.inner.list_parts(key, upload).await
    }

    async fn complete_multipart(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[(u32, ETag)],
        precondition: Precondition,
    ) -> Result<ObjectInfo, Error> {
        self.enter(Verb::CompleteMultipart, Some(key)).await?;
        let complete = self
            .inner
            .complete_multipart(key, upload, parts, precondition);
        let completed = complete.await?;
        self.state().lost.remove(key);
        Ok(completed)
    }

    async fn list_multipart(&self, prefix: &str) -> Result<Vec<OpenUpload>, Error> {
        self.enter(Verb::ListMultipart, None).await?;
        self.inner.list_multipart(prefix).await
    }

    async fn abort_multipart(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), Error> {
        self.enter(Verb::AbortMultipart, Some(key)).await?;
        self.inner.abort_multipart(key, upload).await
    }

    async fn tags(
        &self,
        key: &ObjectKey,
        version: Option<&Version>,
    ) -> Result<Vec<(String, String)>, Error> {
        self.enter(Verb::Head, Some(key)).await?;
        self.inner.tags(key, version).await
    }

    async fn versioning(&self) -> Result<Versioning, Error> {
        self.inner.versioning().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new(name).expect("a key")
    }

    async fn read(storage: &dyn Storage, name: &str) -> Result<Bytes, Error> {
        let object = storage.get(&key(name), GetOptions::default()).await?;
        object.body.collect(u64::MAX).await
    }

    /// Without a fault it is the storage that it wraps, and counts.
    #[tokio::test(flavor = "multi_thread")]
    async fn passes_the_suite_without_a_fault() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Faulty::new(Folder::open(folder.path()).expect("it opens"));
        crate::conformance::run(&storage).await;
        assert!(storage.calls(Verb::Put) > 50);
        assert!(storage.bytes_read() > 10_000_000);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn fails_holds_and_loses_as_it_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Faulty::new(Folder::open(folder.path()).expect("it opens"));
        let body = Bytes::from(vec![1; 600_000]);
        let name = key("k");
        let put = storage.put(&name, body.clone(), PutOptions::default());
        put.await.expect("a put");

        storage.fail(Verb::Get, 2, |key| {
            Error::Denied(key.expect("a key").clone())
        });
        for _ in 0..2 {
            let failed = read(&storage, "k").await;
            assert!(matches!(failed, Err(Error::Denied(found)) if found == key("k")));
        }
        assert_eq!(read(&storage, "k").await.expect("no third time"), body);
        assert_eq!(storage.calls(Verb::Get), 3);
        assert_eq!(storage.bytes_read(), 600_000);

        // A body that breaks off after its first piece.
        let object = storage.get(&key("k"), GetOptions::default()).await;
        let mut object = object.expect("an object");
        assert!(matches!(object.body.next().await, Some(Ok(_))));
        storage.fail(Verb::Read, 1, |_| Error::Unavailable("broken".to_owned()));
        let rest = object.body.collect(u64::MAX).await;
        assert!(matches!(rest, Err(Error::Unavailable(_))));

        let hold = storage.hold(Verb::Get);
        let reads: Vec<_> = (0..3)
            .map(|_| {
                let storage = storage.clone();
                tokio::spawn(async move { read(&storage, "k").await })
            })
            .collect();
        hold.reached(3).await;
        reads[0].abort();
        while hold.waiting() > 2 {
            tokio::task::yield_now().await;
        }
        assert!(reads.iter().skip(1).all(|read| !read.is_finished()));
        hold.release();
        for (index, read) in reads.into_iter().enumerate() {
            match read.await {
                Ok(read) => assert_eq!(read.expect("held, not failed"), body),
                Err(stopped) => assert!(index == 0 && stopped.is_cancelled()),
            }
        }

        storage.lose(&key("k"));
        assert!(matches!(read(&storage, "k").await, Err(Error::NotFound(_))));
        let put = storage.put(&name, Bytes::new(), PutOptions::default());
        put.await.expect("a put");
        assert_eq!(read(&storage, "k").await.expect("back"), Bytes::new());
        let keys = storage.keys(Verb::Put);
        assert_eq!(keys, [key("k"), key("k")]);
    }
}
