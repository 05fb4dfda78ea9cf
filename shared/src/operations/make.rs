//! Results of rules, made in memory and then stored, and what is told of an original.

use bytes::Bytes;
use pipeline::{Format, Plan, ResultInfo, SourceInfo};
use rules::Rule;

use crate::authority::images::SourceName;
use crate::authority::jobs::{Job, Task};
use crate::error::{Error, in_rule};
use crate::gate::Entry;
use crate::memory::Since;
use crate::operations::sources;
use crate::service::Service;
use crate::storage::{Attributes, ETag, ObjectKey, Precondition, PutOptions};
use crate::work::{self, Timer};

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
    pub(crate) about: Option<About>,
}

/// What is told of an image that is an original.
pub(crate) struct About {
    pub(crate) probed: SourceInfo,
    pub(crate) average: Option<[u8; 3]>,
}

/// What is told of a result.
#[derive(Clone, Copy)]
pub(crate) struct OutputInfo {
    /// `None` where the source stands in for a result and is no known image.
    pub(crate) result: Option<ResultInfo>,
}

/// A result that is stored.
pub(crate) struct Stored {
    pub(crate) etag: ETag,
    pub(crate) size: u64,
    pub(crate) info: OutputInfo,
}

/// The bytes of a source of `size` that are worth reading for these jobs.
///
/// One that is too large for rules is still copied where all of them have `ignore-error/1`, if it could have been
/// put as it is.
pub(crate) fn readable(service: &Service, jobs: &[Job], size: u64) -> Result<u64, Error> {
    let limits = &service.authority.config.limits;
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
    service: &Service,
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
        let output = make_one(service, entry, rule, images, &source.bytes, timer)
            .await
            .map_err(|error| service.timed(error));
        made.outputs.push(match output {
            Ok(output) => output,
            Err(error) if rule.ignore_error() && error.answer().suppressible => stand_in(source),
            Err(error) => return Err(in_rule(&job.fileid, error)),
        });
    }
    if is_described {
        made.about = describe(service, entry, &source.bytes, timer).await?;
    }
    Ok(made)
}

async fn make_one(
    service: &Service,
    entry: &Entry,
    rule: &Rule,
    images: &[SourceName],
    source: &Bytes,
    timer: &Timer,
) -> Result<Output, Error> {
    let limits = service.authority.config.pipeline_limits();
    let (found, max) = (source.len() as u64, limits.max_source_bytes);
    if found > max {
        return Err(Error::source_too_large(0, found, max));
    }
    let mut sources = vec![source.clone()];
    if !images.is_empty() {
        let opened = sources::open(service, images).await?;
        let images = sources::read(service, opened, max, Since::Begun(found), timer).await;
        sources.extend(images.map_err(second_source)?);
    }
    let options = service.authority.config.limits.pipeline_options();
    let gate = &service.gate;
    let made = work::prepare(gate, entry, sources, rule.clone(), limits, options, timer).await?;
    let (info, content_type) = (made.info, made.media_type.to_owned());
    let longest = service.authority.config.limits.put_bytes;
    let bytes = work::to_bytes(gate, made, longest, timer).await?;
    Ok(Output {
        info: OutputInfo { result: Some(info) },
        bytes,
        content_type,
    })
}

/// What `ImageInfo` tells of a source; `None` where it is no image.
async fn describe(
    service: &Service,
    entry: &Entry,
    source: &Bytes,
    timer: &Timer,
) -> Result<Option<About>, Error> {
    let Ok(probed) = pipeline::probe(source) else {
        return Ok(None);
    };
    let limits = service.authority.config.pipeline_limits();
    let options = service.authority.config.limits.pipeline_options();
    // To decode it takes no more than to make another picture of it.
    let other = match probed.format {
        Format::Png => "imageMogr2/format/jpg",
        _ => "imageMogr2/format/png",
    };
    let (rule, sources) = (Rule::parse(other)?, [source.clone()]);
    let plan = work::run(move || Ok(Plan::new(&sources, &rule, &limits, &options).ok())).await?;
    // What cannot be decoded has no average.
    let Some(bound) = plan.map(|plan| plan.memory_bytes()) else {
        let average = None;
        return Ok(Some(About { probed, average }));
    };
    let (bytes, watch) = (source.clone(), timer.clone());
    let average = move || pipeline::average_color(&bytes, &limits, &watch).ok();
    let average = work::run_within(&service.gate, entry, source, bound, timer, average);
    let average = match average.await {
        Err(Error::Pipeline(_)) => None,
        average => average?,
    };
    Ok(Some(About { probed, average }))
}

/// Stores every result, in the rules' order.
pub(crate) async fn store(
    service: &Service,
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
        let info = service
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
