//! Upload and cloud processing: `Pic-Operations` on PUT, on `POST ?image_process` and on the completion of a
//! multipart upload.
//!
//! Faults of the request are refused before anything is stored or read; all rules are computed before any result
//! is stored.

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::header;
use http::{HeaderMap, Response};
use pipeline::{ResultInfo, SourceInfo};
use rules::Rule;

use crate::authority::call::Call;
use crate::authority::images::SourceName;
use crate::authority::jobs::{Job, Task};
use crate::error::{Error, in_rule};
use crate::multipart;
use crate::operations::request;
use crate::service::Service;
use crate::storage::{Attributes, ETag, ObjectInfo, ObjectKey, Precondition, PutOptions, UploadId};
use crate::wire::body::Body;
use crate::wire::headers::{self, set, tell_stored};
use crate::wire::names::PIC_OPERATIONS;
use crate::wire::pic_operations::PicOperations;
use crate::wire::xml::Writer;
use crate::work::{self, Entry, Timer};

/// What a rule made, not yet stored.
pub(crate) struct Output {
    pub(crate) info: OutputInfo,
    pub(crate) bytes: Bytes,
    pub(crate) content_type: String,
}

/// The object that rules work on, and what it is said to be.
pub(crate) struct Source {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: Option<String>,
}

/// What a request asked to be made, not yet stored.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) outputs: Vec<Output>,
    about: Option<About>,
}

/// What is told of an image that is an original.
struct About {
    probed: SourceInfo,
    average: Option<[u8; 3]>,
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
        let document = self.authority.pic_operations(call)?;
        let options = request::put_options(&call.headers)?;
        request::check_body(call).await?;
        let jobs = self.authority.jobs(call, &document, &key)?;
        let overwrites = jobs
            .iter()
            .any(|job| job.is_target(call.place.bucket, &key));
        let timer = self.timer(call);
        let storage = self.storage(call.place.bucket);
        let content_type = options.attributes.content_type.clone();
        let source = Source {
            bytes: call.body.clone(),
            content_type,
        };
        let made = async {
            let entry = self.gate.enter(timer.deadline).await?;
            self.make(&entry, &jobs, &source, document.is_pic_info, &timer)
                .await
        };
        match made.await {
            Ok(made) => {
                let original = storage.put(&key, call.body.clone(), options).await?;
                let stored = self.store(&jobs, made.outputs, None).await;
                let stored = stored.map_err(|error| {
                    error.told("; the original was stored, this and later results were not")
                })?;
                let about = made.about.as_ref();
                let mut response = self.answer_upload(call, &key, &original, about, &jobs, &stored);
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
        let document = self.authority.pic_operations(call)?;
        let jobs = self.authority.jobs_of_stored(call, &document, &key)?;
        let timer = self.timer(call);
        let name = SourceName {
            bucket: call.place.bucket,
            key: key.clone(),
            version: call.version(),
        };
        let entry = self.gate.enter(timer.deadline).await?;
        let opened = self.open_sources(std::slice::from_ref(&name)).await?;
        let original = opened.first().expect("one source was opened").info.clone();
        let limit = self.readable(&jobs, original.size)?;
        let source = Source {
            bytes: self.read_sources(opened, limit, &timer).await?.remove(0),
            content_type: original.attributes.content_type.clone(),
        };
        let made = self
            .make(&entry, &jobs, &source, document.is_pic_info, &timer)
            .await
            .map_err(|error| error.told("; nothing was stored"))?;
        drop((entry, source));
        // A result that replaces its source must replace the one that was read.
        let guard = (call.place.bucket, key.clone(), original.etag.clone());
        let stored = self.store(&jobs, made.outputs, Some(guard)).await?;
        let about = made.about.as_ref();
        Ok(self.answer_upload(call, &key, &original, about, &jobs, &stored))
    }

    /// `POST /<key>?uploadId=ID`, with or without `Pic-Operations`.
    pub(crate) async fn complete_multipart(
        &self,
        call: &Call,
        upload: &UploadId,
    ) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        request::check_body(call).await?;
        let parts = multipart::parts_named(&call.body)?;
        let precondition = request::precondition(&call.headers)?;
        let document = if call.headers.contains_key(PIC_OPERATIONS) {
            Some(self.authority.pic_operations(call)?)
        } else {
            None
        };
        let jobs = match &document {
            Some(document) => self.authority.jobs(call, document, &key)?,
            None => Vec::new(),
        };
        let storage = self.storage(call.place.bucket);
        let timer = self.timer(call);
        if !jobs.is_empty() {
            // Known before the upload ends, so that one that is too large for its rules stays open.
            let listed = storage.list_parts(&key, upload).await?;
            let size: u64 = listed
                .iter()
                .filter(|part| parts.iter().any(|(number, _)| *number == part.number))
                .map(|part| part.size)
                .sum();
            let still_open = |error: Error| error.told("; the upload is still open");
            self.readable(&jobs, size).map_err(still_open)?;
            self.check_images(&jobs).await.map_err(still_open)?;
        }
        let entry = match &document {
            Some(_) => Some(self.gate.enter(timer.deadline).await?),
            None => None,
        };
        let original = storage
            .complete_multipart(&key, upload, &parts, precondition)
            .await?;
        let mut answer = Writer::new("CompleteMultipartUploadResult");
        let location = self.location(call, call.place.bucket, &key);
        answer
            .leaf("Location", format!("http://{location}"))
            .leaf("Bucket", self.authority.bucket_name(call.place.bucket))
            .leaf("Key", &key);
        let (Some(document), Some(entry)) = (document, entry) else {
            answer.leaf("ETag", &original.etag);
            return Ok(completed(answer, &original));
        };
        let made = self
            .make_of_completed(call, &entry, &document, &key, &original, &jobs, &timer)
            .await
            .map_err(|error| error.told("; the original was stored, no result was"))?;
        drop(entry);
        let stored = self.store(&jobs, made.outputs, None).await?;
        answer.leaf("ETag", final_etag(call, &key, &original, &jobs, &stored));
        if let Some(about) = &made.about {
            about.write(&mut answer);
        }
        self.write_results(&mut answer, call, &jobs, &stored);
        Ok(completed(answer, &original))
    }

    async fn make_of_completed(
        &self,
        call: &Call,
        entry: &Entry,
        document: &PicOperations,
        key: &ObjectKey,
        original: &ObjectInfo,
        jobs: &[Job],
        timer: &Timer,
    ) -> Result<Made, Error> {
        let max = self.authority.config.limits.source_bytes;
        let is_described = document.is_pic_info && original.size <= max;
        if jobs.is_empty() && !is_described {
            return Ok(Made::default());
        }
        let name = SourceName {
            bucket: call.place.bucket,
            key: key.clone(),
            version: original.version.clone(),
        };
        let opened = self.open_sources(std::slice::from_ref(&name)).await?;
        let limit = self.readable(jobs, original.size)?;
        let source = Source {
            bytes: self.read_sources(opened, limit, timer).await?.remove(0),
            content_type: original.attributes.content_type.clone(),
        };
        self.make(entry, jobs, &source, is_described, timer).await
    }

    /// Whether every image is there and not too large, without reading any.
    async fn check_images(&self, jobs: &[Job]) -> Result<(), Error> {
        let max = self.authority.config.limits.source_bytes;
        let images = jobs.iter().flat_map(|job| {
            let images = match &job.task {
                Task::Make { images, .. } => images.as_slice(),
                Task::Copy { .. } => &[],
            };
            let numbered = images.iter().enumerate();
            numbered.map(move |(n, image)| (job, n + 1, image))
        });
        let checks = images.map(|(job, number, image)| async move {
            let found = self
                .storage(image.bucket)
                .head(&image.key, image.version.as_ref())
                .await;
            match found {
                Ok(info) if info.size > max && !job.ignores_errors() => {
                    Err(Error::source_too_large(number, info.size, max))
                }
                Ok(_) => Ok(()),
                Err(error) => Err(error.into()),
            }
            .map_err(|error| in_rule(&job.fileid, error))
        });
        try_join_all(checks).await?;
        Ok(())
    }

    /// The bytes of a source of `size` that are worth reading for these jobs.
    ///
    /// One that is too large for rules is still copied where all of them have `ignore-error/1`, if it could have been
    /// put as it is.
    pub(crate) fn readable(&self, jobs: &[Job], size: u64) -> Result<u64, Error> {
        let limits = &self.authority.config.limits;
        if size <= limits.source_bytes {
            return Ok(limits.source_bytes);
        }
        let too_large = |max| Error::source_too_large(0, size, max);
        if jobs.is_empty() {
            return Err(too_large(limits.source_bytes));
        }
        if let Some(job) = jobs.iter().find(|job| !job.ignores_errors()) {
            return Err(in_rule(&job.fileid, too_large(limits.source_bytes)));
        }
        if size > limits.put_bytes {
            return Err(too_large(limits.put_bytes));
        }
        Ok(limits.put_bytes)
    }

    /// Makes every result, in memory, and looks at the source if it is to be described. The first failure ends it, and
    /// names its `fileid`.
    pub(crate) async fn make(
        &self,
        entry: &Entry,
        jobs: &[Job],
        source: &Source,
        is_described: bool,
        timer: &Timer,
    ) -> Result<Made, Error> {
        let mut made = Made::default();
        for job in jobs {
            let Task::Make { rule, images } = &job.task else {
                made.outputs.push(stand_in(source));
                continue;
            };
            let output = self
                .make_one(entry, rule, images, &source.bytes, timer)
                .await
                .map_err(|error| self.timed(error));
            made.outputs.push(match output {
                Ok(output) => output,
                Err(error) if rule.ignore_error() && error.answer().suppressible => {
                    stand_in(source)
                }
                Err(error) => return Err(in_rule(&job.fileid, error)),
            });
        }
        if is_described {
            made.about = self.describe(entry, &source.bytes, timer).await?;
        }
        Ok(made)
    }

    async fn make_one(
        &self,
        entry: &Entry,
        rule: &Rule,
        images: &[SourceName],
        source: &Bytes,
        timer: &Timer,
    ) -> Result<Output, Error> {
        let limits = self.authority.config.limits.pipeline();
        let (found, max) = (source.len() as u64, limits.max_source_bytes);
        if found > max {
            return Err(Error::source_too_large(0, found, max));
        }
        let mut sources = vec![source.clone()];
        if !images.is_empty() {
            let opened = self.open_sources(images).await?;
            let images = self.read_sources(opened, max, timer).await;
            sources.extend(images.map_err(second_source)?);
        }
        let _place = self.gate.place(entry, timer.deadline).await?;
        let options = self.authority.config.limits.pipeline_options();
        let made = work::prepare(sources, rule.clone(), limits, options, timer).await?;
        let info = made.info;
        let bytes = work::to_bytes(made, self.authority.config.limits.put_bytes, timer).await?;
        Ok(Output {
            info: OutputInfo { result: Some(info) },
            bytes,
            content_type: info.format.media_type().to_owned(),
        })
    }

    /// What `ImageInfo` tells of a source; `None` where it is no image.
    async fn describe(
        &self,
        entry: &Entry,
        source: &Bytes,
        timer: &Timer,
    ) -> Result<Option<About>, Error> {
        let Ok(probed) = pipeline::probe(source) else {
            return Ok(None);
        };
        let _place = self.gate.place(entry, timer.deadline).await?;
        let (bytes, limits, watch) = (
            source.clone(),
            self.authority.config.limits.pipeline(),
            timer.clone(),
        );
        // What cannot be decoded has no average.
        let average =
            work::run(move || Ok(pipeline::average_color(&bytes, &limits, &watch).ok())).await?;
        Ok(Some(About { probed, average }))
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
                precondition: guard
                    .as_ref()
                    .and_then(replaces)
                    .map_or(Precondition::None, Precondition::Match),
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

    fn answer_upload(
        &self,
        call: &Call,
        key: &ObjectKey,
        original: &ObjectInfo,
        about: Option<&About>,
        jobs: &[Job],
        stored: &[Stored],
    ) -> Response<Body> {
        let mut answer = Writer::new("UploadResult");
        answer
            .begin("OriginalInfo")
            .leaf("Key", key)
            .leaf("Location", self.location(call, call.place.bucket, key))
            .leaf("ETag", final_etag(call, key, original, jobs, stored));
        if let Some(about) = about {
            about.write(&mut answer);
        }
        answer.end();
        self.write_results(&mut answer, call, jobs, stored);
        headers::xml(answer)
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
            return match hosts_path(call, self.authority.bucket_name(bucket)) {
                Some(prefix) => format!("{}/{prefix}/{key}", call.host),
                None => format!("{}/{key}", call.host),
            };
        }
        let (own, other) = (
            self.authority.bucket_name(call.place.bucket),
            self.authority.bucket_name(bucket),
        );
        if let Some(rest) = call
            .host
            .strip_prefix(own)
            .filter(|rest| rest.starts_with('.'))
        {
            return format!("{other}{rest}/{key}");
        }
        let configured = self.authority.config.buckets[bucket].hosts.first();
        format!("{}/{key}", configured.map_or(other, String::as_str))
    }
}

/// What `ignore-error/1` stores: the source as it is.
fn stand_in(source: &Source) -> Output {
    let result = pipeline::probe(&source.bytes)
        .ok()
        .map(|probed| ResultInfo {
            format: probed.format,
            size: probed.size,
            frames: probed.frames,
            quality: probed.quality.unwrap_or(100),
        });
    let own = result.map(|info| info.format.media_type());
    Output {
        info: OutputInfo { result },
        bytes: source.bytes.clone(),
        content_type: own
            .or(source.content_type.as_deref())
            .unwrap_or("application/octet-stream")
            .to_owned(),
    }
}

impl About {
    fn write(&self, answer: &mut Writer) {
        let Self { probed, average } = self;
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
    }
}

/// The bucket's name, where the request has it in its path.
fn hosts_path<'a>(call: &Call, bucket: &'a str) -> Option<&'a str> {
    crate::config::hosts::is_path_style(&call.host).then_some(bucket)
}

/// A result that is stored.
pub(crate) struct Stored {
    pub(crate) etag: ETag,
    pub(crate) size: u64,
    info: OutputInfo,
}

impl Error {
    /// Adds to a failure what became of the original.
    fn told(self, what: &'static str) -> Self {
        Self::Told {
            source: Box::new(self),
            what,
        }
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
    let mut response = headers::xml(answer);
    let headers: &mut HeaderMap = response.headers_mut();
    tell_stored(headers, original);
    headers.remove(header::ETAG);
    set(headers, header::ETAG, original.etag.as_str());
    response
}
