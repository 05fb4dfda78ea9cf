//! Listing in byte order, a page at a time, on `ListObjectsV2`.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{BucketVersioningStatus, EncodingType};
use percent_encoding::percent_decode_str;
use storage::{
    ETag, Error, ListOptions, Listed, Listing, ObjectKey, OpenUpload, UploadId, Versioning,
};

use super::bucket::S3;
use super::call::{odd, time, within};
use super::error::Failure;

/// Keys and prefixes that S3 lists at most in one answer.
const PAGE: usize = 1000;

/// The last character there is: a common prefix with it sorts after every key that begins with that prefix.
const LAST: char = char::MAX;

/// [`Storage::list`](storage::Storage::list), as many answers of S3 as the page needs.
pub(super) async fn list(s3: &S3, options: ListOptions) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    let mut found = 0;
    let mut after = options.after.clone();
    while found < options.max {
        let start = start(&options, &after).map(|start| format!("{}{start}", s3.prefix));
        let output = within(
            s3.client
                .list_objects_v2()
                .bucket(&s3.bucket)
                .prefix(format!("{}{}", s3.prefix, options.prefix))
                .set_delimiter(options.delimiter.clone().filter(|text| !text.is_empty()))
                .set_start_after(start)
                .max_keys((options.max - found).min(PAGE) as i32)
                .encoding_type(EncodingType::Url)
                .send(),
        )
        .await
        .map_err(|failure| refused(s3, failure))?;
        let encoded = output.encoding_type() == Some(&EncodingType::Url);
        let more = output.is_truncated == Some(true);
        let mut last = String::new();
        for object in output.contents() {
            let name = decode(object.key().unwrap_or_default(), encoded)?;
            last = last.max(name.clone());
            let key = name.strip_prefix(&s3.prefix).unwrap_or_default();
            if key <= options.after.as_str() {
                continue;
            }
            // The prefix itself, as the console's folders make it, has no name in this storage; and S3 takes keys of
            // more slashes, which cannot be named here either.
            let Ok(key) = ObjectKey::new(key) else {
                continue;
            };
            listing.objects.push(Listed {
                key,
                size: object.size().map_or(0, i64::unsigned_abs),
                etag: ETag::new(object.e_tag().unwrap_or_default()),
                last_modified: time(object.last_modified()),
            });
            found += 1;
        }
        for prefix in output.common_prefixes() {
            let name = decode(prefix.prefix().unwrap_or_default(), encoded)?;
            last = last.max(name.clone());
            let prefix = name.strip_prefix(&s3.prefix).unwrap_or_default();
            if prefix > options.after.as_str()
                && listing
                    .prefixes
                    .last()
                    .is_none_or(|last| last.as_str() < prefix)
            {
                listing.prefixes.push(prefix.to_owned());
                found += 1;
            }
        }
        let Some(last) = last
            .strip_prefix(&s3.prefix)
            .filter(|last| more && *last > after.as_str())
        else {
            return Ok(listing);
        };
        last.clone_into(&mut after);
    }
    listing.next = (options.max > 0).then_some(after);
    Ok(listing)
}

/// Every open upload, page by page.
pub(super) async fn uploads(s3: &S3, prefix: &str) -> Result<Vec<OpenUpload>, Error> {
    let mut uploads = Vec::new();
    let mut marker = (None, None);
    loop {
        let output = within(
            s3.client
                .list_multipart_uploads()
                .bucket(&s3.bucket)
                .prefix(format!("{}{prefix}", s3.prefix))
                .set_key_marker(marker.0)
                .set_upload_id_marker(marker.1)
                .encoding_type(EncodingType::Url)
                .send(),
        )
        .await
        .map_err(|failure| refused(s3, failure))?;
        let encoded = output.encoding_type() == Some(&EncodingType::Url);
        for upload in output.uploads() {
            let name = decode(upload.key().unwrap_or_default(), encoded)?;
            let key = name.strip_prefix(&s3.prefix).unwrap_or_default();
            if let Ok(key) = ObjectKey::new(key) {
                uploads.push(OpenUpload {
                    key,
                    upload: UploadId(upload.upload_id().unwrap_or_default().to_owned()),
                    initiated: time(upload.initiated()),
                });
            }
        }
        marker = (
            output
                .next_key_marker()
                .map(|key| decode(key, encoded))
                .transpose()?,
            output.next_upload_id_marker().map(str::to_owned),
        );
        if output.is_truncated != Some(true) || marker.0.is_none() {
            uploads.sort_by(|a: &OpenUpload, b| a.key.cmp(&b.key));
            return Ok(uploads);
        }
    }
}

/// [`Storage::versioning`](storage::Storage::versioning).
pub(super) async fn versioning(s3: &S3) -> Result<Versioning, Error> {
    let asked = within(s3.client.get_bucket_versioning().bucket(&s3.bucket).send());
    let output = asked.await.map_err(|failure| refused(s3, failure))?;
    Ok(match output.status() {
        Some(BucketVersioningStatus::Enabled) => Versioning::Enabled,
        Some(BucketVersioningStatus::Suspended) => Versioning::Suspended,
        _ => Versioning::Never,
    })
}

/// What is asked here is about the bucket as a whole.
fn refused<E>(s3: &S3, failure: Failure<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let whole = ObjectKey::new(s3.bucket.clone()).expect("a bucket has a name");
    match failure.about(s3.about(&whole)) {
        Error::NotFound(_) => Error::NoSuchBucket(s3.bucket.clone()),
        error => error,
    }
}

/// The name after which S3 shall begin, so that nothing up to `after` is listed again. After a common prefix is after all
/// keys that it stands for.
fn start(options: &ListOptions, after: &str) -> Option<String> {
    if after.is_empty() {
        return None;
    }
    let delimiter = options.delimiter.as_deref().unwrap_or_default();
    let common = after
        .strip_prefix(options.prefix.as_str())
        .filter(|_| !delimiter.is_empty())
        .and_then(|rest| rest.find(delimiter))
        .map(|at| &after[..options.prefix.len() + at + delimiter.len()]);
    Some(match common {
        Some(common) => format!("{common}{LAST}"),
        None => after.to_owned(),
    })
}

/// S3 writes names in listings as form fields where it says so: `+` is a space.
fn decode(name: &str, encoded: bool) -> Result<String, Error> {
    if !encoded {
        return Ok(name.to_owned());
    }
    percent_decode_str(&name.replace('+', " "))
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| odd("S3 listed a key that is not UTF-8"))
}
