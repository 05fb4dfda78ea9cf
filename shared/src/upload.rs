//! The trigger: what runs when an object appears in the bucket by itself.
//!
//! Results go only under the output prefix and carry a mark; neither ever triggers. What was made of the same bytes
//! by the same rule is not made again, so an event that comes twice does no harm.

use std::fmt;
use std::panic::AssertUnwindSafe;

use auth::policy::Action;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::FutureExt;

use crate::authority::{Who, now};
use crate::causes::chain;
use crate::config::Location;
use crate::error::Error;
use crate::images::result_etag;
use crate::process::{Job, Source, Task, in_rule};
use crate::service::{Service, panicked};
use crate::storage::{
    self, Attributes, ETag, GetOptions, ObjectInfo, ObjectKey, PutOptions, Version,
};
use crate::wire::pic_operations::{Operation, PicOperations};
use crate::work::{self, Timer};

/// User metadata of a result: the tag of the source and rule that it was made of.
pub const SOURCE_MARK: &str = "mogr-source";
/// User metadata of an upload: its own rules.
pub const OPERATIONS_METADATA: &str = "pic-operations";

/// An object that has appeared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The S3 bucket, or on a folder the bucket's configured name.
    pub bucket: String,
    /// Its key in that bucket, decoded.
    pub key: ObjectKey,
    /// Its version, where the bucket keeps several.
    pub version: Option<Version>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Keys of the results that were stored.
    pub stored: Vec<ObjectKey>,
    /// Keys of results that were there already, of the same source and rule.
    pub unchanged: Vec<ObjectKey>,
    /// Why nothing was to be done.
    pub skipped: Option<&'static str>,
}

/// Why results are missing.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Trying again gives the same: the event is done with.
    #[error("{code}: {message}")]
    Permanent {
        /// The code of the COS API.
        code: &'static str,
        /// What was found and what is allowed.
        message: String,
    },
    /// Trying again may help.
    #[error("{code}: {message}")]
    Transient {
        /// The code of the COS API.
        code: &'static str,
        /// What happened.
        message: String,
    },
}

impl From<Error> for UploadError {
    fn from(error: Error) -> Self {
        let code = error.answer().code;
        let message = chain(&error);
        if may_help(&error) {
            Self::Transient { code, message }
        } else {
            Self::Permanent { code, message }
        }
    }
}

/// Whether another try, perhaps after someone has mended the deployment, may end otherwise.
fn may_help(error: &Error) -> bool {
    use storage::Error as S;
    match error {
        Error::InRule { source, .. } => may_help(source),
        // S3 denies the service as a whole: a role or a key that can be put right, and until then no event may be lost.
        // A precondition is the other writer's.
        Error::Storage(
            S::Denied(_)
            | S::NoSuchBucket(_)
            | S::PreconditionFailed(_)
            | S::Unavailable(_)
            | S::Other(_),
        )
        | Error::Overload
        | Error::Deadline { .. }
        | Error::Pipeline(pipeline::Error::Stopped(_)) => true,
        // What panics, or what the encoders refuse, does so again: the same bytes take the same way.
        _ => false,
    }
}

impl Service {
    /// Runs the rules that belong to a new object, and stores the results.
    ///
    /// # Errors
    ///
    /// [`UploadError::Permanent`] is recorded here (an error marker, if configured) and is not worth a retry;
    /// [`UploadError::Transient`] is.
    pub async fn upload(
        &self,
        created: &Created,
        deadline: Option<std::time::Instant>,
    ) -> Result<Uploaded, UploadError> {
        let Some((bucket, key)) = self.place_of(created) else {
            return Ok(Uploaded {
                skipped: Some("the key belongs to no configured bucket"),
                ..Uploaded::default()
            });
        };
        if key.as_str().starts_with(&self.config.upload.output_prefix) {
            return Ok(Uploaded {
                skipped: Some("it is a result"),
                ..Uploaded::default()
            });
        }
        let timer = Timer::new(work::deadline(
            self.config.limits.deadline_seconds,
            deadline,
        ));
        let work = self.upload_inner(bucket, &key, created.version.as_ref(), &timer);
        let result = AssertUnwindSafe(work)
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        let result = result.map_err(|error| UploadError::from(self.timed(error)));
        if let Err(UploadError::Permanent { code, message }) = &result
            && self.config.upload.error_markers
        {
            self.mark_error(bucket, &key, code, message).await;
        }
        result
    }

    async fn upload_inner(
        &self,
        bucket: usize,
        key: &ObjectKey,
        version: Option<&Version>,
        timer: &Timer,
    ) -> Result<Uploaded, Error> {
        let skipped = |reason| {
            Ok(Uploaded {
                skipped: Some(reason),
                ..Uploaded::default()
            })
        };
        // Events come in any order. Where the bucket keeps versions, a late one of an older version would put its results
        // over those of the newest.
        if version.is_some() {
            match self.storage(bucket).head(key, None).await {
                Ok(newest) if newest.version.is_some() && newest.version.as_ref() != version => {
                    return skipped("a newer version is there");
                }
                Ok(_) => {}
                Err(storage::Error::NotFound(_)) => return skipped("the object is gone"),
                Err(error) => return Err(error.into()),
            }
        }
        let options = GetOptions {
            version: version.cloned(),
            ..GetOptions::default()
        };
        let object = match self.storage(bucket).get(key, options).await {
            Ok(object) => object,
            Err(storage::Error::NotFound(_) | storage::Error::NoSuchVersion(..)) => {
                return skipped("the object is gone");
            }
            Err(error) => return Err(error.into()),
        };
        if object.info.attributes.metadata.contains_key(SOURCE_MARK) {
            return skipped("it is a result");
        }
        let operations = self.operations_for(key, &object.info)?;
        if operations.is_empty() {
            return skipped("no rule belongs to it");
        }
        let jobs = self.upload_jobs(bucket, key, operations)?;
        let mut uploaded = Uploaded::default();
        let mut wanted = Vec::new();
        for job in jobs {
            let mark = self.mark(&job, &object.info).await?;
            let known = match self.storage(job.bucket).head(&job.target, None).await {
                Ok(info) => info.attributes.metadata.get(SOURCE_MARK).cloned(),
                Err(storage::Error::NotFound(_)) => None,
                Err(error) => return Err(error.into()),
            };
            if known.as_deref() == Some(mark.opaque()) {
                uploaded.unchanged.push(job.target);
            } else {
                wanted.push((job, mark));
            }
        }
        if wanted.is_empty() {
            return Ok(uploaded);
        }
        let (jobs, marks): (Vec<Job>, Vec<ETag>) = wanted.into_iter().unzip();
        let limit = self.readable(&jobs, object.info.size)?;
        let entry = self.gate.enter(timer.deadline).await?;
        let source = Source {
            content_type: object.info.attributes.content_type.clone(),
            bytes: object.body.collect(limit).await?,
        };
        let made = self.make(&entry, &jobs, &source, false, timer).await?;
        drop((entry, source));
        for ((job, mark), output) in jobs.into_iter().zip(marks).zip(made.outputs) {
            let options = PutOptions {
                attributes: Attributes {
                    content_type: Some(output.content_type),
                    metadata: [(SOURCE_MARK.to_owned(), mark.opaque().to_owned())].into(),
                    ..Attributes::default()
                },
                ..PutOptions::default()
            };
            self.storage(job.bucket)
                .put(&job.target, output.bytes, options)
                .await?;
            uploaded.stored.push(job.target);
        }
        Ok(uploaded)
    }

    /// The bucket of the configuration that a key of the storage belongs to, and its key there.
    fn place_of(&self, created: &Created) -> Option<(usize, ObjectKey)> {
        let key = created.key.as_str();
        self.config
            .buckets
            .iter()
            .enumerate()
            .filter_map(|(n, bucket)| match &bucket.location {
                Location::S3 {
                    bucket: name,
                    prefix,
                } if *name == created.bucket => {
                    Some((n, prefix.len(), key.strip_prefix(prefix.as_str())?))
                }
                Location::Folder(_) if bucket.name == created.bucket => Some((n, 0, key)),
                _ => None,
            })
            // Of buckets that share an S3 bucket, the one with the longest prefix is meant.
            .max_by_key(|(_, prefix_len, _)| *prefix_len)
            .and_then(|(n, _, key)| Some((n, ObjectKey::new(key).ok()?)))
    }

    /// The configured rules of the longest prefix that fits, then the upload's own where these are enabled.
    fn operations_for(&self, key: &ObjectKey, info: &ObjectInfo) -> Result<Vec<Operation>, Error> {
        let upload = &self.config.upload;
        let configured = upload
            .rules
            .iter()
            .filter(|rules| key.as_str().starts_with(&rules.prefix))
            .max_by_key(|rules| rules.prefix.len());
        let mut operations = match configured {
            Some(rules) => PicOperations::parse(rules.operations.as_bytes())?.operations,
            None => Vec::new(),
        };
        // One rule serves many objects, so its results take their names from these.
        for operation in &mut operations {
            operation.fileid = named_after(&operation.fileid, key);
        }
        if let Some(own) = info.attributes.metadata.get(OPERATIONS_METADATA) {
            if !upload.metadata_rules {
                if operations.is_empty() {
                    let text = "rules in the metadata `pic-operations` are not enabled; set upload.metadata_rules";
                    return Err(Error::Denied(text.to_owned()));
                }
                return Ok(operations);
            }
            let text = if own.trim_start().starts_with('{') {
                own.clone().into_bytes()
            } else {
                URL_SAFE_NO_PAD
                    .decode(own.trim_end_matches('='))
                    .map_err(|_| {
                        let text =
                            "the metadata `pic-operations` is neither JSON nor base64url of it";
                        Error::InvalidArgument(text.to_owned())
                    })?
            };
            operations.extend(PicOperations::parse(&text)?.operations);
        }
        Ok(operations)
    }

    fn upload_jobs(
        &self,
        bucket: usize,
        key: &ObjectKey,
        operations: Vec<Operation>,
    ) -> Result<Vec<Job>, Error> {
        let upload = &self.config.upload;
        let who = Who::Upload;
        self.who_may(&who, Action::GetObject, bucket, key)?;
        let mut jobs: Vec<Job> = Vec::new();
        for operation in operations {
            let wrong = |source| Error::Target {
                fileid: operation.fileid.clone(),
                source,
            };
            let relative = operation.target(key).map_err(wrong)?;
            let target =
                ObjectKey::new(format!("{}{relative}", upload.output_prefix)).map_err(wrong)?;
            let target_bucket = match &operation.bucket {
                None => bucket,
                Some(_) if !upload.other_buckets => {
                    let text =
                        "a rule of the trigger names another bucket; set upload.other_buckets";
                    return Err(Error::Denied(text.to_owned()));
                }
                Some(name) => self.target_bucket(name)?,
            };
            if jobs.iter().any(|job| job.is_target(target_bucket, &target)) {
                return Err(Error::SameTarget(target));
            }
            self.who_may(&who, Action::PutObject, target_bucket, &target)?;
            let task = self.task(&operation, &who, now())?;
            if let Task::Make { images, .. } = &task
                && let Some(n) = images.iter().position(|image| image.bucket != bucket)
            {
                let error = Error::ImageSource {
                    number: n + 1,
                    url: images[n].key.to_string(),
                    reason: "images of the trigger come from the object's own bucket".to_owned(),
                };
                return Err(in_rule(&operation.fileid, error));
            }
            jobs.push(Job {
                fileid: operation.fileid,
                bucket: target_bucket,
                target,
                task,
            });
        }
        Ok(jobs)
    }

    /// The tag of what a job makes of this source; changes with the source, its images and the rule.
    async fn mark(&self, job: &Job, source: &ObjectInfo) -> Result<ETag, Error> {
        let mut etags = vec![source.etag.clone()];
        let (rule, images): (&dyn fmt::Display, _) = match &job.task {
            Task::Make { rule, images } => (rule, images.as_slice()),
            Task::Copy { hidden } => (hidden, &[][..]),
        };
        for image in images {
            let info = self
                .storage(image.bucket)
                .head(&image.key, image.version.as_ref())
                .await?;
            etags.push(info.etag);
        }
        Ok(result_etag(etags.iter(), rule))
    }

    /// Leaves a small document beside the results, so that a failure can be found.
    async fn mark_error(&self, bucket: usize, key: &ObjectKey, code: &str, message: &str) {
        let marker = format!("{}{key}.error.json", self.config.upload.output_prefix);
        let Ok(marker) = ObjectKey::new(marker) else {
            return;
        };
        let document = serde_json::json!({ "key": key.as_str(), "code": code, "message": message });
        let options = PutOptions {
            attributes: Attributes {
                content_type: Some("application/json".to_owned()),
                metadata: [(SOURCE_MARK.to_owned(), "error".to_owned())].into(),
                ..Attributes::default()
            },
            ..PutOptions::default()
        };
        let body = Bytes::from(document.to_string());
        if let Err(error) = self.storage(bucket).put(&marker, body, options).await {
            tracing::error!(
                key = marker.as_str(),
                error = chain(&error),
                "the error marker was not stored"
            );
        }
    }
}

/// A configured `fileid` with `{name}`, `{stem}` and `{extension}` of the object's last path segment filled in.
fn named_after(fileid: &str, key: &ObjectKey) -> String {
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    // One pass, so that what is filled in is not read again.
    let mut filled = String::new();
    let mut rest = fileid;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [
            ("{name}", name),
            ("{stem}", stem),
            ("{extension}", extension),
        ];
        if let Some((mark, text)) = known.iter().find(|(mark, _)| rest.starts_with(mark)) {
            filled.push_str(text);
            rest = &rest[mark.len()..];
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_named_after_their_objects() {
        for (fileid, key, expected) in [
            ("{stem}.jpg", "a/photo.png", "photo.jpg"),
            ("small-{name}", "a/b/photo.tar.gz", "small-photo.tar.gz"),
            (
                "/{extension}/{stem}/{name}",
                "{name}.x",
                "/x/{name}/{name}.x",
            ),
            ("{stem}-{extension}.gif", "plain", "plain-.gif"),
            ("{other}{", "a.b", "{other}{"),
        ] {
            let key = ObjectKey::new(key).expect("a key");
            assert_eq!(named_after(fileid, &key), expected, "{fileid} of {key}");
        }
    }
}
