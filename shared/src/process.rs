//! Upload and cloud processing: `Pic-Operations` on PUT, on `POST ?image_process` and on the completion of a
//! multipart upload.
//!
//! Faults of the request are refused before anything is stored or read; all rules are computed before any result
//! is stored.

use auth::policy::Action;
use bytes::Bytes;
use http::header;
use http::{HeaderMap, Response};
use pipeline::ResultInfo;

use crate::authority::Who;
use crate::body::Body;
use crate::error::Error;
use crate::images::SourceName;
use crate::object::{self, set, tell_stored};
use crate::pic_operations::{Operation, PicOperations};
use crate::service::{Call, PIC_OPERATIONS, Service};
use crate::storage::{Attributes, ETag, ObjectInfo, ObjectKey, PutOptions, UploadId};
use crate::work::{self, Timer};
use crate::xml::Writer;

/// A rule that may be carried out: its target and its images are known and allowed.
pub(crate) struct Job {
    pub(crate) operation: Operation,
    pub(crate) bucket: usize,
    pub(crate) target: ObjectKey,
    pub(crate) images: Vec<SourceName>,
}

/// What a rule made, not yet stored.
pub(crate) struct Output {
    pub(crate) info: OutputInfo,
    pub(crate) bytes: Bytes,
    pub(crate) content_type: String,
}

/// What is told of a result.
#[derive(Clone, Copy)]
pub(crate) struct OutputInfo {
    /// `None` where the source stands in for a result and is no known image.
    result: Option<ResultInfo>,
}

impl Service {
    /// `PUT /<key>` with `Pic-Operations`.
    pub(crate) async fn put_processed(&self, call: &Call) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        self.may(call, Action::PutObject, &key)?;
        let document = self.pic_operations(call)?;
        let options = object::put_options(&call.headers)?;
        object::check_body(call)?;
        let jobs = self.jobs(call, &document, &key)?;
        let overwrites = jobs
            .iter()
            .any(|job| job.is_target(call.place.bucket, &key));
        let timer = self.timer(call);
        let storage = self.storage(call.place.bucket);
        match self
            .compute(
                &jobs,
                &call.body,
                options.attributes.content_type.as_deref(),
                &timer,
            )
            .await
        {
            Ok(outputs) => {
                let original = storage.put(&key, call.body.clone(), options).await?;
                let stored = self.store(&jobs, outputs, None).await?;
                let mut response = self
                    .answer_upload(
                        call, &document, &key, &original, &call.body, &jobs, &stored, &timer,
                    )
                    .await?;
                tell_stored(response.headers_mut(), &original);
                Ok(response)
            }
            Err(error) if overwrites => {
                Err(error.told(", whose target is the uploaded key; nothing was stored"))
            }
            Err(error) => {
                storage.put(&key, call.body.clone(), options).await?;
                Err(error.told("; the original was stored, no result was"))
            }
        }
    }

    /// `POST /<key>?image_process`.
    pub(crate) async fn process_stored(&self, call: &Call) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        if !call.headers.contains_key(PIC_OPERATIONS) {
            return Err(Error::InvalidArgument(
                "?image_process needs the header Pic-Operations".to_owned(),
            ));
        }
        if !self.config.cloud_mode_needs_put_only {
            self.may(call, Action::GetObject, &key)?;
        }
        let document = self.pic_operations(call)?;
        let jobs = self.jobs(call, &document, &key)?;
        if jobs.is_empty() {
            // Nothing but a description was asked for; that is a read whatever the switch says.
            self.may(call, Action::GetObject, &key)?;
        }
        let timer = self.timer(call);
        let source = SourceName {
            bucket: call.place.bucket,
            key: key.clone(),
            version: call.version(),
        };
        let opened = self.open_sources(std::slice::from_ref(&source)).await?;
        let original = opened.first().expect("one source was opened").info.clone();
        let bytes = opened
            .read(self.config.limits.source_bytes)
            .await?
            .remove(0);
        let content_type = original.attributes.content_type.as_deref();
        let outputs = self
            .compute(&jobs, &bytes, content_type, &timer)
            .await
            .map_err(|error| error.told("; nothing was stored"))?;
        // A result that replaces its source must replace the one that was read.
        let guard = (call.place.bucket, key.clone(), original.etag.clone());
        let stored = self.store(&jobs, outputs, Some(guard)).await?;
        self.answer_upload(
            call, &document, &key, &original, &bytes, &jobs, &stored, &timer,
        )
        .await
    }

    /// `POST /<key>?uploadId=ID`, with or without `Pic-Operations`.
    pub(crate) async fn complete_multipart(
        &self,
        call: &Call,
        upload: &UploadId,
    ) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        self.may(call, Action::CompleteMultipartUpload, &key)?;
        object::check_body(call)?;
        let parts = object::parts_named(&call.body)?;
        let document = if call.headers.contains_key(PIC_OPERATIONS) {
            Some(self.pic_operations(call)?)
        } else {
            None
        };
        let jobs = match &document {
            Some(document) => self.jobs(call, document, &key)?,
            None => Vec::new(),
        };
        let storage = self.storage(call.place.bucket);
        if !jobs.is_empty() {
            // Known before the upload ends, so that one that is too large for its rules stays open.
            let listed = storage.list_parts(&key, upload).await?;
            let size: u64 = listed
                .iter()
                .filter(|part| parts.iter().any(|(number, _)| *number == part.number))
                .map(|part| part.size)
                .sum();
            let max = self.config.limits.source_bytes;
            if size > max {
                return Err(Error::source_too_large(0, size, max));
            }
        }
        let timer = self.timer(call);
        let original = storage.complete_multipart(&key, upload, &parts).await?;
        let mut answer = Writer::new("CompleteMultipartUploadResult");
        let location = self.location(call, call.place.bucket, &key);
        answer
            .leaf("Location", format!("http://{location}"))
            .leaf("Bucket", self.bucket_name(call.place.bucket))
            .leaf("Key", &key);
        let Some(document) = document else {
            answer.leaf("ETag", &original.etag);
            return Ok(completed(answer, &original));
        };
        let source = SourceName {
            bucket: call.place.bucket,
            key: key.clone(),
            version: original.version.clone(),
        };
        let opened = self.open_sources(std::slice::from_ref(&source)).await?;
        let bytes = opened
            .read(self.config.limits.source_bytes)
            .await?
            .remove(0);
        let content_type = original.attributes.content_type.as_deref();
        let outputs = self
            .compute(&jobs, &bytes, content_type, &timer)
            .await
            .map_err(|error| error.told("; the original was stored, no result was"))?;
        let stored = self.store(&jobs, outputs, None).await?;
        answer.leaf("ETag", final_etag(call, &key, &original, &jobs, &stored));
        if document.is_pic_info {
            self.write_image_info(&mut answer, &bytes, &timer).await?;
        }
        self.write_results(&mut answer, call, &jobs, &stored);
        Ok(completed(answer, &original))
    }

    /// The request's `Pic-Operations`, if its caller may use them.
    fn pic_operations(&self, call: &Call) -> Result<PicOperations, Error> {
        self.may_use_pic_operations(call)?;
        let mut values = call.headers.get_all(PIC_OPERATIONS).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Error::InvalidArgument(
                "the header Pic-Operations is there more than once".to_owned(),
            ));
        };
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

    /// Resolves and allows every target and image of the document, before anything is read or stored.
    fn jobs(
        &self,
        call: &Call,
        document: &PicOperations,
        source: &ObjectKey,
    ) -> Result<Vec<Job>, Error> {
        let who = Who::of_request(call);
        let mut jobs: Vec<Job> = Vec::new();
        for operation in &document.operations {
            let target = operation.target(source).map_err(|source| Error::Target {
                fileid: operation.fileid.clone(),
                source,
            })?;
            let bucket = match &operation.bucket {
                None => call.place.bucket,
                Some(name) => self.target_bucket(name)?,
            };
            if jobs.iter().any(|job| job.is_target(bucket, &target)) {
                return Err(Error::SameTarget(target));
            }
            self.may_in(call, Action::PutObject, bucket, &target)?;
            let images = self
                .locate_images(&operation.rule, &who)
                .map_err(|error| in_rule(operation, error))?;
            jobs.push(Job {
                operation: operation.clone(),
                bucket,
                target,
                images,
            });
        }
        Ok(jobs)
    }

    /// Makes every result, in memory. The first failure ends it, and names its `fileid`.
    pub(crate) async fn compute(
        &self,
        jobs: &[Job],
        source: &Bytes,
        content_type: Option<&str>,
        timer: &Timer,
    ) -> Result<Vec<Output>, Error> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let _place = self.gate.enter(timer.deadline).await?;
        let mut outputs = Vec::new();
        for job in jobs {
            let made = self
                .compute_one(job, source, timer)
                .await
                .map_err(|error| self.timed(error));
            outputs.push(match made {
                Ok(output) => output,
                Err(error) if job.operation.rule.ignore_error() && error.answer().suppressible => {
                    stand_in(source, content_type)
                }
                Err(error) => return Err(in_rule(&job.operation, error)),
            });
        }
        Ok(outputs)
    }

    async fn compute_one(&self, job: &Job, source: &Bytes, timer: &Timer) -> Result<Output, Error> {
        let limits = self.pipeline_limits();
        let mut sources = vec![source.clone()];
        if source.len() as u64 > limits.max_source_bytes {
            return Err(Error::source_too_large(
                0,
                source.len() as u64,
                limits.max_source_bytes,
            ));
        }
        if !job.images.is_empty() {
            let opened = self.open_sources(&job.images).await?;
            let images = opened
                .read(limits.max_source_bytes)
                .await
                .map_err(second_source)?;
            sources.extend(images);
        }
        let rule = job.operation.rule.clone();
        let made = work::prepare(sources, rule, limits, self.pipeline_options(), timer).await?;
        let info = made.info;
        let bytes = work::to_bytes(made, self.config.limits.put_bytes, timer).await?;
        Ok(Output {
            info: OutputInfo { result: Some(info) },
            bytes,
            content_type: info.format.media_type().to_owned(),
        })
    }

    /// Stores every result, in the rules' order.
    pub(crate) async fn store(
        &self,
        jobs: &[Job],
        outputs: Vec<Output>,
        guard: Option<(usize, ObjectKey, ETag)>,
    ) -> Result<Vec<Stored>, Error> {
        let mut stored = Vec::new();
        for (job, output) in jobs.iter().zip(outputs) {
            let replaces = |(bucket, key, etag): &(usize, ObjectKey, ETag)| {
                job.is_target(*bucket, key).then(|| etag.clone())
            };
            let options = PutOptions {
                attributes: Attributes {
                    content_type: Some(output.content_type),
                    ..Attributes::default()
                },
                if_match: guard.as_ref().and_then(replaces),
                if_absent: false,
            };
            let size = output.bytes.len() as u64;
            let info = self
                .storage(job.bucket)
                .put(&job.target, output.bytes, options)
                .await?;
            stored.push(Stored {
                etag: info.etag,
                size,
                info: output.info,
            });
        }
        Ok(stored)
    }

    async fn answer_upload(
        &self,
        call: &Call,
        document: &PicOperations,
        key: &ObjectKey,
        original: &ObjectInfo,
        source: &Bytes,
        jobs: &[Job],
        stored: &[Stored],
        timer: &Timer,
    ) -> Result<Response<Body>, Error> {
        let mut answer = Writer::new("UploadResult");
        answer
            .begin("OriginalInfo")
            .leaf("Key", key)
            .leaf("Location", self.location(call, call.place.bucket, key))
            .leaf("ETag", final_etag(call, key, original, jobs, stored));
        if document.is_pic_info {
            self.write_image_info(&mut answer, source, timer).await?;
        }
        answer.end();
        self.write_results(&mut answer, call, jobs, stored);
        Ok(object::xml(answer))
    }

    /// `ImageInfo` of the original; left out where it is no image.
    async fn write_image_info(
        &self,
        answer: &mut Writer,
        source: &Bytes,
        timer: &Timer,
    ) -> Result<(), Error> {
        let Ok(probed) = pipeline::probe(source) else {
            return Ok(());
        };
        let (bytes, limits, watch) = (source.clone(), self.pipeline_limits(), timer.clone());
        let average =
            work::run(move || Ok(pipeline::average_color(&bytes, &limits, &watch).ok())).await?;
        answer
            .begin("ImageInfo")
            .leaf("Format", probed.format.upper_name())
            .leaf("Width", probed.size.width)
            .leaf("Height", probed.size.height)
            .leaf("Quality", probed.quality.unwrap_or(100));
        if let Some([r, g, b]) = average {
            answer.leaf("Ave", format!("0x{r:02x}{g:02x}{b:02x}"));
        }
        answer
            .leaf("Orientation", probed.orientation)
            .leaf("FrameCount", probed.frames)
            .end();
        Ok(())
    }

    fn write_results(&self, answer: &mut Writer, call: &Call, jobs: &[Job], stored: &[Stored]) {
        answer.begin("ProcessResults");
        for (job, stored) in jobs.iter().zip(stored) {
            answer
                .begin("Object")
                .leaf("Key", &job.target)
                .leaf("Location", self.location(call, job.bucket, &job.target));
            if let Some(info) = stored.info.result {
                answer
                    .leaf("Format", info.format.name())
                    .leaf("Width", info.size.width)
                    .leaf("Height", info.size.height)
                    .leaf("Size", stored.size)
                    .leaf("Quality", info.quality)
                    .leaf("ETag", &stored.etag)
                    .leaf("FrameCount", info.frames);
            } else {
                answer.leaf("Size", stored.size).leaf("ETag", &stored.etag);
            }
            answer.end();
        }
        answer.end();
    }

    /// Host and key, without a scheme.
    fn location(&self, call: &Call, bucket: usize, key: &ObjectKey) -> String {
        if bucket == call.place.bucket {
            // On path-style hosts the path begins with the bucket.
            return match hosts_path(call, self.bucket_name(bucket)) {
                Some(prefix) => format!("{}/{prefix}/{key}", call.host),
                None => format!("{}/{key}", call.host),
            };
        }
        let (own, other) = (
            self.bucket_name(call.place.bucket),
            self.bucket_name(bucket),
        );
        if let Some(rest) = call
            .host
            .strip_prefix(own)
            .filter(|rest| rest.starts_with('.'))
        {
            return format!("{other}{rest}/{key}");
        }
        let configured = self.config.buckets[bucket].hosts.first();
        format!("{}/{key}", configured.map_or(other, String::as_str))
    }
}

/// What `ignore-error/1` stores: the source as it is.
fn stand_in(source: &Bytes, content_type: Option<&str>) -> Output {
    let result = pipeline::probe(source).ok().map(|probed| ResultInfo {
        format: probed.format,
        size: probed.size,
        frames: probed.frames,
        quality: probed.quality.unwrap_or(100),
    });
    let own = result.map(|info| info.format.media_type());
    Output {
        info: OutputInfo { result },
        bytes: source.clone(),
        content_type: own
            .or(content_type)
            .unwrap_or("application/octet-stream")
            .to_owned(),
    }
}

/// The bucket's name, where the request has it in its path.
fn hosts_path<'a>(call: &Call, bucket: &'a str) -> Option<&'a str> {
    crate::hosts::is_path_style(&call.host).then_some(bucket)
}

/// A result that is stored.
pub(crate) struct Stored {
    pub(crate) etag: ETag,
    pub(crate) size: u64,
    info: OutputInfo,
}

impl Job {
    pub(crate) fn is_target(&self, bucket: usize, key: &ObjectKey) -> bool {
        self.bucket == bucket && self.target == *key
    }
}

impl Error {
    /// Adds to a rule's failure what became of the original.
    fn told(self, what: &'static str) -> Self {
        match self {
            Self::InRule { fileid, source, .. } => Self::InRule {
                fileid,
                source,
                stored: what,
            },
            other => other,
        }
    }
}

pub(crate) fn in_rule(operation: &Operation, error: Error) -> Error {
    Error::InRule {
        fileid: operation.fileid.clone(),
        stored: "",
        source: Box::new(error),
    }
}

/// Sources that were read without the object are counted from 1.
fn second_source(error: Error) -> Error {
    match error {
        Error::Pipeline(pipeline::Error::Source { index, fault }) => {
            Error::Pipeline(pipeline::Error::Source {
                index: index + 1,
                fault,
            })
        }
        other => other,
    }
}

/// The tag under which the original's key is found afterwards.
fn final_etag(
    call: &Call,
    key: &ObjectKey,
    original: &ObjectInfo,
    jobs: &[Job],
    stored: &[Stored],
) -> ETag {
    jobs.iter()
        .zip(stored)
        .find(|(job, _)| job.is_target(call.place.bucket, key))
        .map_or_else(|| original.etag.clone(), |(_, stored)| stored.etag.clone())
}

fn completed(answer: Writer, original: &ObjectInfo) -> Response<Body> {
    let mut response = object::xml(answer);
    let headers: &mut HeaderMap = response.headers_mut();
    tell_stored(headers, original);
    headers.remove(header::ETAG);
    set(headers, header::ETAG, original.etag.as_str());
    response
}
