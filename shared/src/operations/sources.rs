//! Opens and reads the sources of a rule: the object, and the images that the rule names.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use rules::Rule;

use crate::authority::images::SourceName;
use crate::error::Error;
use crate::memory::{Held, Since};
use crate::results::tag::result_etag;
use crate::service::Service;
use crate::storage::{self, ByteStream, ETag, GetOptions, Object, ObjectInfo};
use crate::wire::headers;
use crate::work::Timer;

/// What is known of the result of `rule` before any source is read: its tag, its time, and the first source's type.
pub(crate) async fn head(
    service: &Service,
    names: &[SourceName],
    rule: &Rule,
) -> Result<(ETag, SystemTime, String), Error> {
    let (distinct, indices) = distinct(names);
    let heads = distinct.into_iter().map(|name| {
        let storage = service.storage(name.bucket);
        storage.head(&name.key, name.version.as_ref())
    });
    let infos = try_join_all(heads).await?;
    let (etag, last_modified) = tag_and_time(&infos.iter().collect::<Vec<_>>(), &indices, rule);
    let said = headers::content_type(&infos[0]).to_owned();
    Ok((etag, last_modified, said))
}

/// Opens every source, each once however often it is named; the bytes are not yet read.
pub(crate) async fn open(service: &Service, names: &[SourceName]) -> Result<Opened, Error> {
    let (distinct, indices) = distinct(names);
    let objects = try_join_all(distinct.into_iter().map(|name| {
        let options = GetOptions {
            version: name.version.clone(),
            ..GetOptions::default()
        };
        service.storage(name.bucket).get(&name.key, options)
    }))
    .await?;
    Ok(Opened { objects, indices })
}

/// Reads open sources, each of at most `limit` bytes, while the request's time lasts. What they come to together is judged
/// before any is read, and they wait for the memory that they take.
///
/// # Errors
///
/// - `TooManyBytes` for one that is too long, [`Error::SourcesTooLarge`] where all of them together are;
/// - [`Error::Overload`] where others take the memory, [`Error::Deadline`] where they do not come in time.
pub(crate) async fn read(
    service: &Service,
    opened: Opened,
    limit: u64,
    since: Since,
    timer: &Timer,
) -> Result<Vec<Bytes>, Error> {
    let limits = &service.authority.config.limits;
    opened.check_each(limit)?;
    let found = opened.objects.iter().map(|object| object.info.size).sum();
    // One object alone has a limit of its own.
    let max = limits
        .sources_bytes
        .max(limit)
        .min(service.gate.memory.total());
    if found > max {
        return Err(Error::SourcesTooLarge { found, max });
    }
    let gate = &service.gate;
    let held = gate.memory_of_sources(since, found, timer.deadline).await?;
    let read = tokio::time::timeout_at(timer.deadline.into(), opened.read(limit, held));
    read.await.unwrap_or_else(|_| {
        let seconds = limits.deadline_seconds;
        Err(Error::Deadline { seconds })
    })
}

/// Reads one open object of at most `limit` bytes.
///
/// # Errors
///
/// As [`read`].
pub(crate) async fn read_one(
    service: &Service,
    object: Object,
    limit: u64,
    timer: &Timer,
) -> Result<Bytes, Error> {
    let opened = Opened {
        objects: vec![object],
        indices: vec![0],
    };
    let mut read = read(service, opened, limit, Since::New, timer).await?;
    Ok(read.remove(0))
}

/// The names without their repetitions, and for each name which of them it is.
fn distinct(names: &[SourceName]) -> (Vec<&SourceName>, Vec<usize>) {
    let mut distinct: Vec<&SourceName> = Vec::new();
    let indices = names.iter().map(|name| {
        let known = distinct.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            distinct.push(name);
            distinct.len() - 1
        })
    });
    let indices = indices.collect();
    (distinct, indices)
}

/// The tag of what `rule` makes of these sources, and when the newest of them was stored.
fn tag_and_time(infos: &[&ObjectInfo], indices: &[usize], rule: &Rule) -> (ETag, SystemTime) {
    let etag = result_etag(indices.iter().map(|n| &infos[*n].etag), rule);
    let newest = infos.iter().map(|info| info.last_modified).max();
    (etag, newest.unwrap_or(SystemTime::UNIX_EPOCH))
}

/// Sources that are open.
pub(crate) struct Opened {
    objects: Vec<Object>,
    /// For each name, in order, which object it is.
    indices: Vec<usize>,
}

impl Opened {
    pub(crate) fn first(&self) -> Option<&Object> {
        self.objects.first()
    }

    /// The first, and the others closed.
    pub(crate) fn into_first(self) -> Option<Object> {
        self.objects.into_iter().next()
    }

    /// The tag of what `rule` makes of them, and when the newest of them was stored.
    pub(crate) fn tag_and_time(&self, rule: &Rule) -> (ETag, SystemTime) {
        let infos: Vec<_> = self.objects.iter().map(|object| &object.info).collect();
        tag_and_time(&infos, &self.indices, rule)
    }

    /// Refuses an object of more than `limit` bytes, named by its first place in the rule.
    fn check_each(&self, limit: u64) -> Result<(), Error> {
        let mut sizes = self.objects.iter().map(|object| object.info.size);
        match sizes.position(|size| size > limit) {
            None => Ok(()),
            Some(n) => Err(Error::source_too_large(
                self.place(n),
                self.objects[n].info.size,
                limit,
            )),
        }
    }

    fn place(&self, object: usize) -> usize {
        self.indices.iter().position(|n| *n == object).unwrap_or(0)
    }

    /// Their bytes, in the order of the names; those named twice share theirs. `held` is for all of them.
    async fn read(self, limit: u64, mut held: Held) -> Result<Vec<Bytes>, Error> {
        let places: Vec<usize> = (0..self.objects.len()).map(|n| self.place(n)).collect();
        let reads = self.objects.into_iter().zip(places).map(|(object, place)| {
            let size = object.info.size;
            let held = held.split(size);
            async move {
                // As many as it has, or it was replaced between.
                let bytes = collect(object.body, size).await;
                let bytes = bytes.map_err(|error| match error {
                    storage::Error::TooManyBytes { .. } => {
                        Error::source_too_large(place, size, limit)
                    }
                    other => other.into(),
                })?;
                Ok::<_, Error>(held.keep(bytes))
            }
        });
        let bytes = try_join_all(reads).await?;
        Ok(self.indices.iter().map(|n| bytes[*n].clone()).collect())
    }
}

/// All bytes of a stream that has `size` of them, with room for these from the beginning.
async fn collect(mut body: ByteStream, size: u64) -> Result<Bytes, storage::Error> {
    let mut all = BytesMut::with_capacity(usize::try_from(size).unwrap_or_default());
    while let Some(bytes) = body.next().await {
        let bytes = bytes?;
        if (all.len() + bytes.len()) as u64 > size {
            return Err(storage::Error::TooManyBytes { limit: size });
        }
        all.extend_from_slice(&bytes);
    }
    Ok(all.freeze())
}
