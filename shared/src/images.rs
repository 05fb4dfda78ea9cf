//! The sources of a rule: the object and the images that the rule names, each allowed before any is read.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::future::try_join_all;
use rules::Rule;
use sha1::{Digest, Sha1};

use crate::authority::Who;
use crate::error::Error;
use crate::hosts::{self, Asked};
use crate::service::Service;
use crate::storage::{self, ETag, GetOptions, Object, ObjectKey, Version};

/// Changes whenever an encoder's bytes change, so that tags and stored results of an older one are not taken for new.
pub(crate) const ENCODER_VERSION: &str = concat!("mogr ", env!("CARGO_PKG_VERSION"), " e1");

/// One object that a rule reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SourceName {
    pub(crate) bucket: usize,
    pub(crate) key: ObjectKey,
    pub(crate) version: Option<Version>,
}

impl Service {
    /// Where the images of a rule are, in the rule's order, each allowed to `who`.
    ///
    /// A URL that carries a signature of its own is judged by that alone; an invalid one is refused, never ignored.
    /// Others are judged by the request's caller where its signature covers the rule, else by what anyone may read.
    pub(crate) fn locate_images(&self, rule: &Rule, who: &Who) -> Result<Vec<SourceName>, Error> {
        pipeline::check(rule, &self.pipeline_limits())?;
        let mut seen: HashMap<&rules::ImageRef, SourceName> = HashMap::new();
        let mut located = Vec::new();
        for (n, image) in rule.images().enumerate() {
            if let Some(known) = seen.get(image) {
                located.push(known.clone());
                continue;
            }
            let url = image.url();
            let shown = format!("{}{}", url.host, url.path);
            let lost = |reason: String| Error::ImageSource {
                number: n + 1,
                url: shown.clone(),
                reason,
            };
            let place = hosts::find(&self.config, &url.host, &url.path, Asked::ByImageUrl)
                .map_err(|error| lost(error.to_string()))?;
            let key = ObjectKey::new(place.key).map_err(|error| lost(error.to_string()))?;
            self.may_read_image(who, url, place.bucket, &key)?;
            let version = url
                .query
                .as_deref()
                .and_then(|query| rules::split_query(query).ok())
                .and_then(|query| query.parameter("versionId").map(str::to_owned))
                .filter(|version| !version.is_empty())
                .map(Version);
            let name = SourceName {
                bucket: place.bucket,
                key,
                version,
            };
            seen.insert(image, name.clone());
            located.push(name);
        }
        Ok(located)
    }

    /// Opens every source, each once however often it is named; the bytes are not yet read.
    pub(crate) async fn open_sources(&self, names: &[SourceName]) -> Result<Opened, Error> {
        let mut distinct: Vec<&SourceName> = Vec::new();
        let mut indices = Vec::new();
        for name in names {
            let index = distinct
                .iter()
                .position(|known| *known == name)
                .unwrap_or_else(|| {
                    distinct.push(name);
                    distinct.len() - 1
                });
            indices.push(index);
        }
        let objects = try_join_all(distinct.iter().map(|name| {
            let options = GetOptions {
                version: name.version.clone(),
                ..GetOptions::default()
            };
            self.storage(name.bucket).get(&name.key, options)
        }))
        .await?;
        Ok(Opened { objects, indices })
    }
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

    /// When the newest of them was stored.
    pub(crate) fn last_modified(&self) -> std::time::SystemTime {
        self.objects
            .iter()
            .map(|object| object.info.last_modified)
            .max()
            .unwrap_or(std::time::SystemTime::UNIX_EPOCH)
    }

    /// The tag of what `rule` makes of them.
    pub(crate) fn result_etag(&self, rule: &Rule) -> ETag {
        let etags = self.indices.iter().map(|n| &self.objects[*n].info.etag);
        result_etag(etags, rule)
    }

    /// Their bytes, in the order of the names; those named twice share theirs.
    pub(crate) async fn read(self, limit: u64) -> Result<Vec<Bytes>, Error> {
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

/// The tag of what `rule` makes of sources with these tags: the same for as long as none of them changes.
pub(crate) fn result_etag<'a>(sources: impl Iterator<Item = &'a ETag>, rule: &Rule) -> ETag {
    let mut hash = Sha1::new();
    hash.update(ENCODER_VERSION);
    for etag in sources {
        hash.update("\n");
        hash.update(etag.opaque());
    }
    hash.update("\n");
    hash.update(rule.to_string());
    ETag::new(&hex(&hash.finalize()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
