//! The bytes of an object as S3 sends them. A connection that breaks in the middle is taken up where it broke.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aws_sdk_s3::primitives::ByteStream as SdkStream;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::{Frame, SizeHint};
use storage::{ByteStream, ETag, Error, ObjectKey, SizedStream, Version, deadline};
use tokio::time::Instant;

use super::bucket::S3;
use super::call::until;

/// How many times one body is asked for again from where it broke off, before the read fails.
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

/// Why a body that was being sent could not be read to its end.
#[derive(Clone, Default)]
pub(super) struct Failed(Arc<Mutex<Option<Error>>>);

impl Failed {
    /// The reason, if there is one.
    pub(super) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A body on its way to S3, a piece at a time.
struct Upload {
    /// A body must be `Sync`, which no stream need be: this is never locked.
    bytes: Mutex<ByteStream>,
    left: u64,
    failed: Failed,
}

/// `stream` as the SDK sends it, and where it is told if the stream fails.
pub(super) fn upload(stream: SizedStream) -> (SdkStream, Failed) {
    let left = stream.size;
    let bytes = stream::try_unfold(stream, |mut stream| async move {
        let bytes = stream.next().await?;
        Ok(bytes.map(|bytes| (bytes, stream)))
    });
    let failed = Failed::default();
    let upload = Upload {
        bytes: Mutex::new(ByteStream::new(bytes)),
        left,
        failed: failed.clone(),
    };
    (SdkStream::from_body_1_x(upload), failed)
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let bytes = self.bytes.get_mut().unwrap_or_else(PoisonError::into_inner);
        let next = ready!(bytes.poll_next_unpin(context));
        Poll::Ready(match next {
            Some(Ok(bytes)) => {
                self.left -= bytes.len() as u64;
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(error)) => {
                let text = error.to_string();
                let failed = self.failed.0.lock();
                *failed.unwrap_or_else(PoisonError::into_inner) = Some(error);
                Some(Err(std::io::Error::other(text)))
            }
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
