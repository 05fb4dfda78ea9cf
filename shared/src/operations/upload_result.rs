//! The `UploadResult` document: what became of an original and of the rules on it.

use http::Response;
use http::header::{self, HeaderMap};

use crate::authority::Authority;
use crate::authority::call::Call;
use crate::authority::jobs::Job;
use crate::config::hosts::is_path_style;
use crate::operations::make::{About, Stored};
use crate::storage::{ETag, ObjectInfo, ObjectKey};
use crate::wire::body::Body;
use crate::wire::headers::{self, set, tell_stored};
use crate::wire::xml::Writer;

/// The answer to an upload or to the processing of a stored object.
pub(crate) fn answer_upload(
    authority: &Authority,
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
        .leaf(
            "Location",
            location(authority, call, call.place.bucket, key.as_str()),
        )
        .leaf("ETag", final_etag(call, key, original, jobs, stored));
    if let Some(about) = about {
        about.write(&mut answer);
    }
    answer.end();
    write_results(authority, &mut answer, call, jobs, stored);
    headers::xml(answer)
}

/// What became of every rule, in the rules' order.
pub(crate) fn write_results(
    authority: &Authority,
    answer: &mut Writer,
    call: &Call,
    jobs: &[Job],
    stored: &[Stored],
) {
    answer.begin("ProcessResults");
    for (job, stored) in jobs.iter().zip(stored) {
        answer.begin("Object").leaf("Key", &job.target).leaf(
            "Location",
            location(authority, call, job.bucket, job.target.as_str()),
        );
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
pub(crate) fn location(authority: &Authority, call: &Call, bucket: usize, key: &str) -> String {
    if bucket == call.place.bucket {
        // On path-style hosts the path begins with the bucket.
        return match hosts_path(call, authority.bucket_name(bucket)) {
            Some(prefix) => format!("{}/{prefix}/{key}", call.host),
            None => format!("{}/{key}", call.host),
        };
    }
    let (own, other) = (
        authority.bucket_name(call.place.bucket),
        authority.bucket_name(bucket),
    );
    if let Some(rest) = call
        .host
        .strip_prefix(own)
        .filter(|rest| rest.starts_with('.'))
    {
        return format!("{other}{rest}/{key}");
    }
    let configured = authority.config.buckets[bucket].hosts.first();
    format!("{}/{key}", configured.map_or(other, String::as_str))
}

impl About {
    pub(crate) fn write(&self, answer: &mut Writer) {
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
    is_path_style(&call.host).then_some(bucket)
}

/// The tag under which the original's key is found afterwards.
pub(crate) fn final_etag(
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

/// The answer to the completion of a multipart upload: the original's tag is in its head, and perhaps a result's in the
/// document.
pub(crate) fn completed(answer: Writer, original: &ObjectInfo) -> Response<Body> {
    let mut response = headers::xml(answer);
    let headers: &mut HeaderMap = response.headers_mut();
    tell_stored(headers, original);
    headers.remove(header::ETAG);
    set(headers, header::ETAG, original.etag.as_str());
    response
}
