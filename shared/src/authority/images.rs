//! Where the images of a rule and the source of a copy are, each allowed before any is read.

use std::collections::HashMap;

use auth::policy::Action;
use rules::{ImageRef, ImageUrl, NamedImage, QueryRule, Rule};

use super::Authority;
use super::call::{Call, covers};
use super::decide::Who;
use super::signature::refuse_other_letter_case;
use crate::config::hosts::{self, Asked, Place};
use crate::error::Error;
use crate::escape;
use crate::storage::{ObjectKey, Version};
use crate::wire::names::{COPY_SOURCE, VERSION_ID};

/// One object that a rule reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SourceName {
    pub(crate) bucket: usize,
    pub(crate) key: ObjectKey,
    pub(crate) version: Option<Version>,
}

impl Authority {
    /// Everything that the rule reads: the object, then its images. Whether the caller may is settled here.
    pub(crate) fn sources_of(
        &self,
        call: &Call,
        key: &ObjectKey,
        rule: &Rule,
        query_rule: &QueryRule,
    ) -> Result<Vec<SourceName>, Error> {
        let who = self.reader_of_rule(call, query_rule);
        let mut names = vec![SourceName {
            bucket: call.place.bucket,
            key: key.clone(),
            version: call.version(),
        }];
        names.extend(self.locate_images(rule, &who, call.now)?);
        Ok(names)
    }

    /// Where the images of a rule are, in the rule's order, each allowed to `who`.
    ///
    /// A URL that carries a signature of its own is judged by that alone; an invalid one is refused, never ignored.
    /// Others are judged by the request's caller where its signature covers the rule, else by what anyone may read, but for the object that it covers.
    /// Their number is judged last: `ignore-error/1` hides a rule with too many, but nothing that comes before.
    pub(crate) fn locate_images(
        &self,
        rule: &Rule,
        who: &Who,
        now: u64,
    ) -> Result<Vec<SourceName>, Error> {
        let mut seen: HashMap<&ImageRef, SourceName> = HashMap::new();
        let mut located = Vec::new();
        for (n, NamedImage { image, .. }) in rule.images().enumerate() {
            if let Some(known) = seen.get(image) {
                located.push(known.clone());
                continue;
            }
            let (name, reader) = self.locate_image(n + 1, image, who, now)?;
            self.who_may(&reader, Action::GetObject, name.bucket, &name.key)?;
            seen.insert(image, name.clone());
            located.push(name);
        }
        pipeline::check(rule, &self.config.pipeline_limits())?;
        Ok(located)
    }

    /// Where a rule's image of this number is, and who must be allowed to read it.
    pub(crate) fn locate_image(
        &self,
        number: usize,
        image: &ImageRef,
        who: &Who,
        now: u64,
    ) -> Result<(SourceName, Who), Error> {
        let url = image.url();
        let lost = |reason: String| Error::ImageSource {
            number,
            url: format!("{}{}", url.host, url.path),
            reason,
        };
        let place = hosts::find(&self.config, &url.host, &url.path, Asked::ByImageUrl)
            .map_err(|error| lost(error.to_string()))?;
        let key = ObjectKey::new(place.key.as_str()).map_err(|error| lost(error.to_string()))?;
        let reader = self.reader_of_image(who, url, &place, now)?;
        let version = url
            .query
            .as_deref()
            .and_then(|query| rules::split_query(query).ok())
            .and_then(|query| query.parameter(VERSION_ID).map(str::to_owned))
            .filter(|version| !version.is_empty())
            .map(Version);
        let name = SourceName {
            bucket: place.bucket,
            key,
            version,
        };
        // What the signature covers it opens, whatever rule is beside it.
        let reader = match reader {
            Who::Uncovered {
                key,
                object: (bucket, own, version),
                client,
            } if (bucket, own.as_str(), &version)
                == (name.bucket, name.key.as_str(), &name.version) =>
            {
                Who::Key(key, client)
            }
            other => other,
        };
        Ok((name, reader))
    }

    /// Who must be allowed to read an image of a rule: whoever signed its URL, where the URL has a signature of its own,
    /// else `who`.
    pub(crate) fn reader_of_image(
        &self,
        who: &Who,
        url: &ImageUrl,
        place: &Place,
        now: u64,
    ) -> Result<Who, Error> {
        let refused = |reason: &dyn std::fmt::Display| {
            let text = format!(
                "the signature in the URL of image `{}`: {reason}",
                place.key
            );
            Error::Denied(text)
        };
        let host = match url.port {
            Some(port) => format!("{}:{port}", url.host),
            None => url.host.clone(),
        };
        let query = url.query.as_deref().unwrap_or_default();
        let access = auth::verify_url(
            &host,
            url.path.as_bytes(),
            query.as_bytes(),
            &self.keys,
            now,
        );
        match access {
            Ok(auth::Access::Anonymous) => Ok(who.clone()),
            Ok(auth::Access::Signed(verified)) => {
                self.host_is_covered(&verified, &url.path, place)?;
                let parsed = rules::split_query(query).map_err(|error| refused(&error))?;
                refuse_other_letter_case(&parsed)?;
                if parsed.parameter(VERSION_ID).is_some() && !covers(&verified, query, VERSION_ID) {
                    return Err(refused(&"it does not cover the parameter versionId"));
                }
                Ok(Who::Key(verified.key_index, who.client()))
            }
            Err(error) => Err(refused(&error)),
        }
    }

    /// What `x-cos-copy-source` names.
    pub(crate) fn copy_source(&self, source: &str) -> Result<SourceName, Error> {
        let wrong = |reason: String| Error::InvalidArgument(format!("{COPY_SOURCE}: {reason}"));
        let (host_and_path, query) = source.split_once('?').unwrap_or((source, ""));
        // `/<bucket>/<key>` and `<bucket>/<key>` are S3's way to write it, which some clients of COS have kept.
        let named = host_and_path.strip_prefix('/').unwrap_or(host_and_path);
        let (first, path) = named
            .split_once('/')
            .ok_or_else(|| wrong(format!("expected <host>/<key>, found `{source}`")))?;
        let buckets = &self.config.buckets;
        let place = match buckets.iter().position(|bucket| bucket.name == first) {
            Some(bucket) => Place {
                bucket,
                key: escape::decode(path)
                    .ok_or_else(|| wrong("the key is not percent-encoded UTF-8".to_owned()))?,
            },
            None => hosts::find(&self.config, first, &format!("/{path}"), Asked::ByImageUrl)
                .map_err(|error| wrong(error.to_string()))?,
        };
        let query = rules::split_query(query).map_err(|error| wrong(error.to_string()))?;
        let version = query.parameter(VERSION_ID).filter(|id| !id.is_empty());
        let version = version.map(|id| Version(id.to_owned()));
        Ok(SourceName {
            bucket: place.bucket,
            key: ObjectKey::new(place.key)?,
            version,
        })
    }
}
