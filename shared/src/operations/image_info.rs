//! `imageInfo` of an object as it is: no more of it is read than its headers, and its MD5 where the storage does not know that.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use md5::{Digest, Md5};
use rules::{Info, Rule, Stage};

use crate::error::Error;
use crate::memory::Since;
use crate::service::Service;
use crate::storage::Object;
use crate::work::Timer;

/// True for a rule that the object's headers answer.
pub(crate) fn is_of_headers(rule: &Rule) -> bool {
    matches!(rule.stages(), [Stage::Info(Info::Image)])
}

/// The document of `imageInfo` for an open object, while the request's time lasts.
pub(crate) async fn image_info(
    service: &Service,
    object: Object,
    timer: &Timer,
) -> Result<String, Error> {
    let limits = service.authority.config.pipeline_limits();
    // Headers may take all of it.
    let most = object.info.size.min(limits.max_source_bytes);
    let gate = &service.gate;
    let _held = gate
        .memory_of_sources(Since::New, most, timer.deadline)
        .await?;
    let reading = read(object, limits.max_source_bytes);
    let read = tokio::time::timeout_at(timer.deadline.into(), reading).await;
    let found = read.unwrap_or_else(|_| {
        let seconds = service.authority.config.limits.deadline_seconds;
        Err(Error::Deadline { seconds })
    })?;
    let Found {
        beginning,
        size,
        md5,
    } = found;
    pipeline::image_info(&beginning, size, &md5, &limits)
        .map_err(|fault| pipeline::Error::Source { index: 0, fault }.into())
}

/// What was read of an object.
struct Found {
    /// Its headers at least.
    beginning: Bytes,
    /// Bytes of the whole object.
    size: u64,
    /// In hexadecimal digits.
    md5: String,
}

async fn read(object: Object, limit: u64) -> Result<Found, Error> {
    let size = object.info.size;
    if size > limit {
        return Err(Error::source_too_large(0, size, limit));
    }
    let etag = &object.info.etag;
    let known = object.info.etag_is_md5.then(|| etag.opaque().to_owned());
    let mut sum = Md5::new();
    let mut beginning = BytesMut::new();
    let (mut is_enough, mut ask_at) = (false, 0);
    let mut body = object.body;
    while !(is_enough && known.is_some())
        && let Some(bytes) = body.next().await
    {
        let bytes = bytes?;
        if known.is_none() {
            sum.update(&bytes);
        }
        if !is_enough {
            beginning.extend_from_slice(&bytes);
            // Each time that there is twice as much, so that long headers are not gone through over and over.
            if beginning.len() >= ask_at {
                is_enough = pipeline::header_bytes(&beginning).is_some();
                ask_at = beginning.len() * 2;
            }
        }
    }
    Ok(Found {
        beginning: beginning.freeze(),
        size,
        md5: known.unwrap_or_else(|| {
            let md5: [u8; 16] = sum.finalize().into();
            format!("{:032x}", u128::from_be_bytes(md5))
        }),
    })
}
