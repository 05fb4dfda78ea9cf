//! Upload and cloud processing: `Pic-Operations` on PUT, on `POST ?image_process` and on the completion of a
//! multipart upload.
//!
//! Faults of the request are refused before anything is stored or read; all rules are computed before any result
//! is stored.

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::Response;

use crate::authority::call::Call;
use crate::authority::images::SourceName;
use crate::authority::jobs::{Job, Task};
use crate::error::{Error, in_rule};
use crate::gate::Entry;
use crate::memory::Since;
use crate::operations::make::{Made, Source, make, readable, store};
use crate::operations::request::{Longest, receive};
use crate::operations::upload_result::{
    answer_upload, completed, final_etag, location, write_results,
};
use crate::operations::{multipart, request, sources};
use crate::service::{DOCUMENT_BYTES, Service};
use crate::storage::{ETag, ObjectInfo, ObjectKey, Precondition, PutOptions, UploadId};
use crate::wire::body::Body;
use crate::wire::headers::tell_stored;
use crate::wire::incoming::Incoming;
use crate::wire::names::PIC_OPERATIONS;
use crate::wire::pic_operations::PicOperations;
use crate::wire::xml::Writer;
use crate::work::Timer;

/// `PUT /<key>` with `Pic-Operations`, of a body of `longest` bytes at most.
pub(crate) async fn put(
    service: &Service,
    call: &Call,
    body: Incoming,
    longest: &Longest,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let document = service.authority.pic_operations(call)?;
    let options = request::put_options(&call.headers)?;
    let jobs = service.authority.jobs(call, &document, &key)?;
    let body = receive(service, call, body, longest).await?;
    let work = process(service, call, &key, &document, &jobs, options, body);
    service.within(call, Box::pin(work)).await
}

/// Makes the results of an upload, then stores it and them.
async fn process(
    service: &Service,
    call: &Call,
    key: &ObjectKey,
    document: &PicOperations,
    jobs: &[Job],
    options: PutOptions,
    body: Bytes,
) -> Result<Response<Body>, Error> {
    let overwrites = jobs.iter().any(|job| job.is_target(call.place.bucket, key));
    let timer = Timer::of_work();
    let storage = service.storage(call.place.bucket);
    let content_type = options.attributes.content_type.clone();
    let source = Source {
        bytes: body.clone(),
        content_type,
    };
    let made = async {
        let entry = service.gate.enter(timer.deadline).await?;
        make(service, &entry, jobs, &source, document.is_pic_info, &timer).await
    };
    match made.await {
        Ok(made) => {
            let original = storage.put(key, body, options).await?;
            let stored = store(service, jobs, made.outputs, None).await;
            let stored = stored.map_err(|error| {
                error.with_outcome("; the original was stored, this and later results were not")
            })?;
            let about = made.about.as_ref();
            let mut response = answer_upload(
                &service.authority,
                call,
                key,
                &original,
                about,
                jobs,
                &stored,
            );
            tell_stored(response.headers_mut(), &original);
            Ok(response)
        }
        Err(error) if overwrites => {
            Err(error.with_outcome(", whose target is the uploaded key; nothing was stored"))
        }
        Err(error) => {
            storage.put(key, body, options).await?;
            Err(error.with_outcome("; the original was stored, no result was"))
        }
    }
}

/// `POST /<key>?image_process`.
pub(crate) async fn stored(service: &Service, call: &Call) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let document = service.authority.pic_operations(call)?;
    let jobs = service.authority.jobs_of_stored(call, &document, &key)?;
    let timer = Timer::of_work();
    let name = SourceName {
        bucket: call.place.bucket,
        key: key.clone(),
        version: call.version(),
    };
    let entry = service.gate.enter(timer.deadline).await?;
    let opened = sources::open(service, std::slice::from_ref(&name)).await?;
    let original = opened.first().expect("one source was opened").info.clone();
    let limit = readable(service, &jobs, original.size)?;
    let source = Source {
        bytes: sources::read(service, opened, limit, Since::New, &timer)
            .await?
            .remove(0),
        content_type: original.attributes.content_type.clone(),
    };
    let made = make(
        service,
        &entry,
        &jobs,
        &source,
        document.is_pic_info,
        &timer,
    )
    .await
    .map_err(|error| error.with_outcome("; nothing was stored"))?;
    drop((entry, source));
    // A result that replaces its source must replace the one that was read.
    let guard = (call.place.bucket, key.clone(), original.etag.clone());
    let stored = store(service, &jobs, made.outputs, Some(guard)).await?;
    let about = made.about.as_ref();
    Ok(answer_upload(
        &service.authority,
        call,
        &key,
        &original,
        about,
        &jobs,
        &stored,
    ))
}

/// `POST /<key>?uploadId=ID`, with or without `Pic-Operations`.
pub(crate) async fn complete_multipart(
    service: &Service,
    call: &Call,
    upload: &UploadId,
    body: Incoming,
) -> Result<Response<Body>, Error> {
    let key = call.key()?;
    let precondition = request::precondition(&call.headers)?;
    let document = if call.headers.contains_key(PIC_OPERATIONS) {
        Some(service.authority.pic_operations(call)?)
    } else {
        None
    };
    let jobs = match &document {
        Some(document) => service.authority.jobs(call, document, &key)?,
        None => Vec::new(),
    };
    let longest = Longest {
        bytes: DOCUMENT_BYTES,
        way_out: "write the list of parts without space between them",
    };
    let body = receive(service, call, body, &longest).await?;
    let parts = multipart::parts_named(&body)?;
    drop(body);
    let work = join_parts(
        service,
        call,
        upload,
        &key,
        &parts,
        precondition,
        document,
        &jobs,
    );
    service.within(call, Box::pin(work)).await
}

/// Makes an object of the parts of an upload, then the results of that.
async fn join_parts(
    service: &Service,
    call: &Call,
    upload: &UploadId,
    key: &ObjectKey,
    parts: &[(u32, ETag)],
    precondition: Precondition,
    document: Option<PicOperations>,
    jobs: &[Job],
) -> Result<Response<Body>, Error> {
    let storage = service.storage(call.place.bucket);
    let timer = Timer::of_work();
    if !jobs.is_empty() {
        // Known before the upload ends, so that one that is too large for its rules stays open.
        let listed = storage.list_parts(key, upload).await?;
        let size: u64 = listed
            .iter()
            .filter(|part| parts.iter().any(|(number, _)| *number == part.number))
            .map(|part| part.size)
            .sum();
        let still_open = |error: Error| error.with_outcome("; the upload is still open");
        readable(service, jobs, size).map_err(still_open)?;
        check_images(service, jobs).await.map_err(still_open)?;
    }
    let entry = match &document {
        Some(_) => Some(service.gate.enter(timer.deadline).await?),
        None => None,
    };
    let original = storage
        .complete_multipart(key, upload, parts, precondition)
        .await?;
    let mut answer = Writer::new("CompleteMultipartUploadResult");
    let location = location(&service.authority, call, call.place.bucket, key.as_str());
    answer
        .leaf("Location", format!("http://{location}"))
        .leaf("Bucket", service.authority.bucket_name(call.place.bucket))
        .leaf("Key", key);
    let (Some(document), Some(entry)) = (document, entry) else {
        answer.leaf("ETag", &original.etag);
        return Ok(completed(answer, &original));
    };
    let made = make_of_completed(
        service, call, &entry, &document, key, &original, jobs, &timer,
    )
    .await
    .map_err(|error| error.with_outcome("; the original was stored, no result was"))?;
    drop(entry);
    let stored = store(service, jobs, made.outputs, None).await?;
    answer.leaf("ETag", final_etag(call, key, &original, jobs, &stored));
    if let Some(about) = &made.about {
        about.write(&mut answer);
    }
    write_results(&service.authority, &mut answer, call, jobs, &stored);
    Ok(completed(answer, &original))
}

async fn make_of_completed(
    service: &Service,
    call: &Call,
    entry: &Entry,
    document: &PicOperations,
    key: &ObjectKey,
    original: &ObjectInfo,
    jobs: &[Job],
    timer: &Timer,
) -> Result<Made, Error> {
    let max = service.authority.config.limits.source_bytes;
    let is_described = document.is_pic_info && original.size <= max;
    if jobs.is_empty() && !is_described {
        return Ok(Made::default());
    }
    let name = SourceName {
        bucket: call.place.bucket,
        key: key.clone(),
        version: original.version.clone(),
    };
    let opened = sources::open(service, std::slice::from_ref(&name)).await?;
    let limit = readable(service, jobs, original.size)?;
    let source = Source {
        bytes: sources::read(service, opened, limit, Since::New, timer)
            .await?
            .remove(0),
        content_type: original.attributes.content_type.clone(),
    };
    make(service, entry, jobs, &source, is_described, timer).await
}

/// Whether every image is there and not too large, without reading any.
async fn check_images(service: &Service, jobs: &[Job]) -> Result<(), Error> {
    let max = service.authority.config.limits.source_bytes;
    let images = jobs.iter().flat_map(|job| {
        let images = match &job.task {
            Task::Make { images, .. } => images.as_slice(),
            Task::Copy { .. } => &[],
        };
        let numbered = images.iter().enumerate();
        numbered.map(move |(n, image)| (job, n + 1, image))
    });
    let checks = images.map(|(job, number, image)| async move {
        let found = service
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
