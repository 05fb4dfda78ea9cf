//! Appending, which S3 does not have: the object is written anew, from what it holds and what is appended, and only if it
//! still holds that. Of several who append at the same position one does.

use bytes::{Bytes, BytesMut};
use storage::{
    AppendOptions, ETag, Error, GetOptions, ObjectInfo, ObjectKey, Precondition, PutOptions, crc64,
    crc64_of_more,
};

use super::attributes::Marks;
use super::bucket::S3;
use super::multipart;
use super::object::{get, head, put_marked};

/// Bytes of a part at least, but for the last: an object of fewer is read and put as one.
const MIN_PART: u64 = 5 * 1024 * 1024;

/// Bytes of a part at most.
const MAX_PART: u64 = 5 * 1024 * 1024 * 1024;

/// [`Storage::append`](storage::Storage::append).
pub(super) async fn append(
    s3: &S3,
    key: &ObjectKey,
    position: u64,
    body: Bytes,
    options: AppendOptions,
) -> Result<ObjectInfo, Error> {
    let held = match head(s3, key, None).await {
        Ok(info) => Some(info),
        Err(Error::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    if held.as_ref().is_some_and(|info| !info.appendable) {
        return Err(Error::NotAppendable(key.clone()));
    }
    let size = held.as_ref().map_or(0, |info| info.size);
    if position != size {
        return Err(Error::WrongPosition { position, size });
    }
    // What is there is copied as one part.
    let limit = options.max_bytes.min(MAX_PART);
    if size.saturating_add(body.len() as u64) > limit {
        return Err(Error::TooManyBytes { limit });
    }
    let appended = match held {
        None => begin(s3, key, body, options).await,
        Some(info) if body.is_empty() => Ok(info),
        Some(info) if info.size < MIN_PART => Box::pin(rewrite(s3, key, &body, info)).await,
        Some(info) => Box::pin(join(s3, key, body, info)).await,
    };
    match appended {
        // Another was first.
        Err(Error::PreconditionFailed(_)) => {
            let size = match head(s3, key, None).await {
                Ok(info) => info.size,
                Err(Error::NotFound(_)) => 0,
                Err(error) => return Err(error),
            };
            if size == position {
                return Err(Error::Unavailable(format!("`{key}` was changed meanwhile")));
            }
            Err(Error::WrongPosition { position, size })
        }
        appended => appended,
    }
}

async fn begin(
    s3: &S3,
    key: &ObjectKey,
    body: Bytes,
    options: AppendOptions,
) -> Result<ObjectInfo, Error> {
    let put = PutOptions {
        attributes: options.attributes,
        precondition: Precondition::Absent,
    };
    let marks = Marks {
        crc64: Some(crc64(&body)),
        appendable: true,
    };
    put_marked(s3, key, body, put, marks).await
}

/// What the object says of itself when `body` stands after what it holds.
fn marks(info: &ObjectInfo, body: &[u8]) -> Marks {
    Marks {
        crc64: info.crc64.map(|crc64| crc64_of_more(crc64, body)),
        appendable: true,
    }
}

async fn rewrite(
    s3: &S3,
    key: &ObjectKey,
    body: &[u8],
    info: ObjectInfo,
) -> Result<ObjectInfo, Error> {
    let same = GetOptions {
        if_match: Some(info.etag.clone()),
        ..GetOptions::default()
    };
    let object = get(s3, key, same).await?;
    let mut all = BytesMut::from(object.body.collect(MIN_PART).await?);
    all.extend_from_slice(body);
    let marks = marks(&info, body);
    let put = PutOptions {
        attributes: info.attributes,
        precondition: Precondition::Match(info.etag),
    };
    put_marked(s3, key, all.freeze(), put, marks).await
}

async fn join(
    s3: &S3,
    key: &ObjectKey,
    body: Bytes,
    info: ObjectInfo,
) -> Result<ObjectInfo, Error> {
    let marks = marks(&info, &body);
    let upload = multipart::create_marked(s3, key, &info.attributes, marks).await?;
    let joined = async {
        let same = GetOptions {
            if_match: Some(info.etag.clone()),
            ..GetOptions::default()
        };
        let held = multipart::copy_part(s3, key, same, key, &upload, 1).await?;
        let more = multipart::put_part(s3, key, &upload, 2, body).await?;
        let parts: [(u32, ETag); 2] = [(1, held.etag), (2, more)];
        let precondition = Precondition::Match(info.etag.clone());
        multipart::complete(s3, key, &upload, &parts, precondition).await
    };
    let joined = joined.await;
    if joined.is_err() {
        // Nothing more can be done about parts that stay; the first error is what counts.
        let _ = multipart::abort(s3, key, &upload).await;
    }
    joined
}
