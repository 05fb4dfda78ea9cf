//! What a Pic-Operations document comes to: targets and images, each allowed before anything is read or stored.

use auth::policy::Action;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rules::Rule;

use super::Authority;
use super::call::{Call, now};
use super::decide::Who;
use super::images::SourceName;
use crate::config::Location;
use crate::error::{Error, in_rule};
use crate::storage::{ObjectInfo, ObjectKey, Version};
use crate::wire::names::PIC_OPERATIONS;
use crate::wire::pic_operations::{PicOperation, PicOperations};

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

/// A rule that may be carried out: its target and its images are known and allowed.
pub(crate) struct Job {
    pub(crate) fileid: String,
    pub(crate) bucket: usize,
    pub(crate) target: ObjectKey,
    pub(crate) task: Task,
}

/// What comes under a job's target.
pub(crate) enum Task {
    /// What the rule makes of the source and these images.
    Make { rule: Rule, images: Vec<SourceName> },
    /// A copy of the source, since `ignore-error/1` hides this fault of the rule itself.
    Copy { hidden: Error },
}

impl Job {
    pub(crate) fn is_target(&self, bucket: usize, key: &ObjectKey) -> bool {
        self.bucket == bucket && self.target == *key
    }

    pub(crate) fn ignores_errors(&self) -> bool {
        match &self.task {
            Task::Make { rule, .. } => rule.ignore_error(),
            Task::Copy { .. } => true,
        }
    }
}

/// On whose behalf results are made.
struct Behalf {
    /// Who must be allowed to store them.
    stores: Who,
    /// Who must be allowed to read the images.
    reads: Who,
    /// The one bucket that images may come from; `None` for any.
    only_from: Option<usize>,
    /// In seconds since 1970.
    now: u64,
}

impl Authority {
    /// The request's `Pic-Operations`, if its caller may use them.
    pub(crate) fn pic_operations(&self, call: &Call) -> Result<PicOperations, Error> {
        let mut values = call.headers.get_all(PIC_OPERATIONS).iter();
        let value = match (values.next(), values.next()) {
            (Some(value), None) => value,
            (None, _) => {
                let text = "?image_process needs the header Pic-Operations";
                return Err(Error::InvalidArgument(text.to_owned()));
            }
            (Some(_), Some(_)) => {
                let text = "the header Pic-Operations is there more than once";
                return Err(Error::InvalidArgument(text.to_owned()));
            }
        };
        self.may_use_pic_operations(call)?;
        Ok(PicOperations::parse(value.as_bytes())?)
    }

    /// The bucket that a rule names as its target, if it is one of the configuration.
    pub(crate) fn target_bucket(&self, name: &str) -> Result<usize, Error> {
        let buckets = &self.config.buckets;
        let found = buckets.iter().position(|bucket| bucket.name == name);
        found.ok_or_else(|| {
            Error::Denied(format!(
                "the target bucket `{name}` is not one of this service"
            ))
        })
    }

    /// Where the result of an operation on `source` goes.
    pub(crate) fn target_of(
        &self,
        call: &Call,
        operation: &PicOperation,
        source: &ObjectKey,
    ) -> Result<(usize, ObjectKey), Error> {
        let target = operation.target(source).map_err(|source| Error::Target {
            fileid: operation.fileid.clone(),
            source,
        })?;
        let bucket = match &operation.bucket {
            None => call.place.bucket,
            Some(name) => self.target_bucket(name)?,
        };
        Ok((bucket, target))
    }

    /// What the document of a request comes to.
    pub(crate) fn jobs(
        &self,
        call: &Call,
        document: &PicOperations,
        source: &ObjectKey,
    ) -> Result<Vec<Job>, Error> {
        let asker = Behalf {
            stores: Who::of_request(call),
            reads: Who::of_pic_operations(call),
            only_from: None,
            now: call.now,
        };
        self.resolve(&asker, &document.operations, |operation| {
            self.target_of(call, operation, source)
        })
    }

    /// The same for a stored source. Where nothing but its description is asked for, that is a read, whatever
    /// `cloud_mode_needs_put_only` says.
    pub(crate) fn jobs_of_stored(
        &self,
        call: &Call,
        document: &PicOperations,
        source: &ObjectKey,
    ) -> Result<Vec<Job>, Error> {
        let jobs = self.jobs(call, document, source)?;
        if jobs.is_empty() {
            self.may_in(call, Action::GetObject, call.place.bucket, source)?;
        }
        Ok(jobs)
    }

    /// What the rules that belong to a new object come to, if they may read the object.
    pub(crate) fn jobs_of_created(
        &self,
        bucket: usize,
        key: &ObjectKey,
        operations: &[PicOperation],
    ) -> Result<Vec<Job>, Error> {
        self.who_may(&Who::Upload, Action::GetObject, bucket, key)?;
        let asker = Behalf {
            stores: Who::Upload,
            reads: Who::Upload,
            only_from: Some(bucket),
            now: now(),
        };
        self.resolve(&asker, operations, |operation| {
            self.target_of_created(bucket, key, operation)
        })
    }

    /// Where a result of the trigger goes: under the output prefix, in the object's own bucket unless others are enabled.
    fn target_of_created(
        &self,
        bucket: usize,
        key: &ObjectKey,
        operation: &PicOperation,
    ) -> Result<(usize, ObjectKey), Error> {
        let upload = &self.config.upload;
        let wrong = |source| Error::Target {
            fileid: operation.fileid.clone(),
            source,
        };
        let relative = operation.target(key).map_err(wrong)?;
        let target =
            ObjectKey::new(format!("{}{relative}", upload.output_prefix)).map_err(wrong)?;
        let bucket = match &operation.bucket {
            None => bucket,
            Some(_) if !upload.other_buckets => {
                let text = "a rule of the trigger names another bucket; set upload.other_buckets";
                return Err(Error::Denied(text.to_owned()));
            }
            Some(name) => self.target_bucket(name)?,
        };
        Ok((bucket, target))
    }

    /// Resolves and allows every target and image, before anything is read or stored. `target` says where a result goes.
    fn resolve(
        &self,
        asker: &Behalf,
        operations: &[PicOperation],
        target: impl Fn(&PicOperation) -> Result<(usize, ObjectKey), Error>,
    ) -> Result<Vec<Job>, Error> {
        let mut jobs: Vec<Job> = Vec::new();
        for operation in operations {
            let (bucket, target) = target(operation)?;
            if jobs.iter().any(|job| job.is_target(bucket, &target)) {
                return Err(Error::SameTarget(target));
            }
            self.who_may(&asker.stores, Action::PutObject, bucket, &target)?;
            let task = self.task(operation, &asker.reads, asker.now)?;
            if let (Some(own), Task::Make { images, .. }) = (asker.only_from, &task)
                && let Some(n) = images.iter().position(|image| image.bucket != own)
            {
                let error = Error::ImageSource {
                    number: n + 1,
                    url: images[n].key.to_string(),
                    reason: "images of the trigger come from the object's own bucket".to_owned(),
                };
                return Err(in_rule(&operation.fileid, error));
            }
            jobs.push(Job {
                fileid: operation.fileid.clone(),
                bucket,
                target,
                task,
            });
        }
        Ok(jobs)
    }

    /// What an operation comes to. Where `who` may not read an image, or an image leads nowhere, it is refused even
    /// with `ignore-error/1`.
    fn task(&self, operation: &PicOperation, who: &Who, now: u64) -> Result<Task, Error> {
        let rule = match &operation.rule {
            Ok(rule) => rule.clone(),
            Err(error) => {
                let hidden = error.clone().into();
                return Ok(Task::Copy { hidden });
            }
        };
        match self.locate_images(&rule, who, now) {
            Ok(images) => Ok(Task::Make { rule, images }),
            Err(hidden) if rule.ignore_error() && hidden.answer().suppressible => {
                Ok(Task::Copy { hidden })
            }
            Err(error) => Err(in_rule(&operation.fileid, error)),
        }
    }

    /// The bucket of the configuration that a key of the storage belongs to, and its key there.
    pub(crate) fn place_of(&self, created: &Created) -> Option<(usize, ObjectKey)> {
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
    pub(crate) fn operations_for(
        &self,
        key: &ObjectKey,
        info: &ObjectInfo,
    ) -> Result<Vec<PicOperation>, Error> {
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
