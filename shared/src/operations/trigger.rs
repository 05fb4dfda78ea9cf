//! The trigger: what runs when an object appears in the bucket by itself.
//!
//! Results go only under the output prefix and carry a mark; neither ever triggers. What was made of the same bytes
//! by the same rule is not made again, so an event that comes twice does no harm.

use std::fmt;

use bytes::Bytes;

use crate::authority::jobs::{Job, Task};
use crate::causes::chain;
use crate::error::Error;
use crate::operations::make::{Source, make, readable};
use crate::operations::sources;
use crate::results::tag::result_etag;
use crate::service::Service;
use crate::storage::{
    self, Attributes, ETag, GetOptions, ObjectInfo, ObjectKey, PutOptions, Version,
};
use crate::work::Timer;

/// User metadata of a result: the tag of the source and rule that it was made of.
pub const SOURCE_MARK: &str = "mogr-source";
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

/// Makes and stores what the rules of an object ask for, unless that is there already or the object is gone.
pub(crate) async fn run(
    service: &Service,
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
        match service.storage(bucket).head(key, None).await {
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
    let object = match service.storage(bucket).get(key, options).await {
        Ok(object) => object,
        Err(storage::Error::NotFound(_) | storage::Error::NoSuchVersion(..)) => {
            return skipped("the object is gone");
        }
        Err(error) => return Err(error.into()),
    };
    if object.info.attributes.metadata.contains_key(SOURCE_MARK) {
        return skipped("it is a result");
    }
    let operations = service.authority.operations_for(key, &object.info)?;
    if operations.is_empty() {
        return skipped("no rule belongs to it");
    }
    let jobs = service
        .authority
        .jobs_of_created(bucket, key, &operations)?;
    let mut uploaded = Uploaded::default();
    let mut wanted = Vec::new();
    for job in jobs {
        let mark = mark(service, &job, &object.info).await?;
        let known = match service.storage(job.bucket).head(&job.target, None).await {
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
    let limit = readable(service, &jobs, object.info.size)?;
    let entry = service.gate.enter(timer.deadline).await?;
    let source = Source {
        content_type: object.info.attributes.content_type.clone(),
        bytes: sources::read_one(service, object, limit, timer).await?,
    };
    let made = make(service, &entry, &jobs, &source, false, timer).await?;
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
        service
            .storage(job.bucket)
            .put(&job.target, output.bytes, options)
            .await?;
        uploaded.stored.push(job.target);
    }
    Ok(uploaded)
}

/// The tag of what a job makes of this source; changes with the source, its images and the rule.
async fn mark(service: &Service, job: &Job, source: &ObjectInfo) -> Result<ETag, Error> {
    let mut etags = vec![source.etag.clone()];
    let (rule, images): (&dyn fmt::Display, _) = match &job.task {
        Task::Make { rule, images } => (rule, images.as_slice()),
        Task::Copy { hidden } => (hidden, &[][..]),
    };
    for image in images {
        let info = service
            .storage(image.bucket)
            .head(&image.key, image.version.as_ref())
            .await?;
        etags.push(info.etag);
    }
    Ok(result_etag(etags.iter(), rule))
}

/// Leaves a small document beside the results, so that a failure can be found.
pub(crate) async fn mark_error(
    service: &Service,
    bucket: usize,
    key: &ObjectKey,
    code: &str,
    message: &str,
) {
    let marker = format!(
        "{}{key}.error.json",
        service.authority.config.upload.output_prefix
    );
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
    if let Err(error) = service.storage(bucket).put(&marker, body, options).await {
        tracing::error!(
            key = marker.as_str(),
            error = chain(&error),
            "the error marker was not stored"
        );
    }
}
