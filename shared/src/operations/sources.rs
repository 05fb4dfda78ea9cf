//! Opens and reads the sources of a rule: the object, and the images that the rule names.

use std::time::SystemTime;

use bytes::Bytes;
use futures_util::future::try_join_all;
use rules::Rule;

use crate::authority::images::SourceName;
use crate::error::Error;
use crate::results::tag::result_etag;
use crate::service::Service;
use crate::storage::{self, ETag, GetOptions, Object, ObjectInfo};
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

/// Reads open sources, each of at most `limit` bytes, while the request's time lasts.
pub(crate) async fn read(
    service: &Service,
    opened: Opened,
    limit: u64,
    timer: &Timer,
) -> Result<Vec<Bytes>, Error> {
    let read = tokio::time::timeout_at(timer.deadline.into(), opened.read(limit));
    read.await.unwrap_or_else(|_| {
        let seconds = service.authority.config.limits.deadline_seconds;
        Err(Error::Deadline { seconds })
    })
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

    /// Their bytes, in the order of the names; those named twice share theirs.
    async fn read(self, limit: u64) -> Result<Vec<Bytes>, Error> {
        let too_large = |n: usize, found: u64| Error::source_too_large(n, found, limit);
        // Named by its first place in the rule.
        let place = |object: usize| self.indices.iter().position(|n| *n == object).unwrap_or(0);
        for (n, object) in self.objects.iter().enumerate() {
            if object.info.size > limit {
                return Err(too_large(place(n), object.info.size));
            }
        }
        let places: Vec<usize> = (0..self.objects.len()).map(place).collect();
        let bytes = try_join_all(self.objects.into_iter().zip(places).map(
            |(object, place)| async move {
                let size = object.info.size;
                object
                    .body
                    .collect(limit)
                    .await
                    .map_err(|error| match error {
                        storage::Error::TooManyBytes { .. } => too_large(place, size),
                        other => other.into(),
                    })
            },
        ))
        .await?;
        Ok(self.indices.iter().map(|n| bytes[*n].clone()).collect())
    }
}
