//! The bytes of an object as S3 sends them. A connection that breaks in the middle is taken up where it broke.

use aws_sdk_s3::primitives::ByteStream as SdkStream;
use bytes::Bytes;
use futures_util::stream;
use storage::{ByteStream, ETag, Error, ObjectKey, Version, deadline};
use tokio::time::Instant;

use super::bucket::S3;
use super::call::until;

/// How often a broken body is taken up again.
const RESUMES: u32 = 4;

/// What is still to come of a body.
struct Rest {
    s3: S3,
    key: ObjectKey,
    version: Option<Version>,
    etag: ETag,
    /// Position in the object of the next byte, and the end.
    next: u64,
    end: u64,
    body: SdkStream,
    resumes: u32,
    /// When whatever runs the work that asked for the body will be ended. The body is often read after that work, with the
    /// answer on its way.
    last: Option<Instant>,
}

/// The bytes `next..end` of the object, of which `body` is the answer at hand.
pub(super) fn stream(
    s3: S3,
    key: ObjectKey,
    version: Option<Version>,
    etag: ETag,
    (next, end): (u64, u64),
    body: SdkStream,
) -> ByteStream {
    let rest = Rest {
        s3,
        key,
        version,
        etag,
        next,
        end,
        body,
        resumes: RESUMES,
        last: deadline::end().map(Instant::from_std),
    };
    ByteStream::new(stream::try_unfold(rest, step))
}

async fn step(mut rest: Rest) -> Result<Option<(Bytes, Rest)>, Error> {
    loop {
        let end = match rest.last {
            Some(last) if deadline::of_work().is_none() => last,
            _ => Instant::from_std(deadline::current()),
        };
        let read = tokio::time::timeout_at(end, rest.body.next()).await;
        let broken = match read {
            Err(_) => {
                return Err(Error::Unavailable(
                    "no answer before the deadline".to_owned(),
                ));
            }
            Ok(Some(Ok(bytes))) => {
                rest.next += bytes.len() as u64;
                return Ok(Some((bytes, rest)));
            }
            Ok(None) if rest.next >= rest.end => return Ok(None),
            Ok(None) => "the body ended early".to_owned(),
            Ok(Some(Err(error))) => error.to_string(),
        };
        if rest.resumes == 0 || rest.next >= rest.end {
            return Err(Error::Unavailable(format!("the body broke off: {broken}")));
        }
        rest.resumes -= 1;
        rest.body = resume(
            &rest.s3,
            &rest.key,
            rest.version.as_ref(),
            &rest.etag,
            (rest.next, rest.end),
            end,
        )
        .await?;
    }
}

/// The body from `next` on, if the object is still the same.
async fn resume(
    s3: &S3,
    key: &ObjectKey,
    version: Option<&Version>,
    etag: &ETag,
    (next, end): (u64, u64),
    deadline: Instant,
) -> Result<SdkStream, Error> {
    let output = until(
        deadline,
        s3.client
            .get_object()
            .bucket(&s3.bucket)
            .key(s3.full(key))
            .set_version_id(version.map(|version| version.0.clone()))
            .if_match(etag.as_str())
            .range(format!("bytes={next}-{}", end - 1))
            .send(),
    )
    .await
    .map_err(|failure| failure.about(s3.about(key)))?;
    Ok(output.body)
}
