//! The plain object API around the rules: put, get, delete, copy, list and multipart uploads.

use std::ops::Range;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use md5::{Digest, Md5};

use crate::body::Body;
use crate::conditions::{self, Verdict};
use crate::error::Error;
use crate::escape;
use crate::hosts::{self, Asked};
use crate::images::SourceName;
use crate::operation::COPY_SOURCE;
use crate::service::{Call, Service};
use crate::storage::{
    self, Attributes, ByteRange, ByteStream, ETag, GetOptions, ListOptions, Object, ObjectInfo,
    ObjectKey, Precondition, PutOptions, UploadId, Version,
};
use crate::work;
use crate::xml::{Element, Writer};

/// Keys in one page of a list at most.
const MAX_KEYS: usize = 1000;
/// Bytes that all user metadata of an object may take together, as S3 has it.
const MAX_METADATA_BYTES: usize = 2048;
/// How often a conditional GET is tried that a PUT came before.
const ATTEMPTS: usize = 5;
const META: &str = "x-cos-meta-";

impl Service {
    /// `GET /<key>` and `HEAD /<key>` without a rule: the object as it is.
    pub(crate) async fn get_object(&self, call: &Call) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        let head = call.method == http::Method::HEAD;
        let overrides = response_overrides(call)?;
        let mut response = if head || conditions::are_given(&call.headers) {
            self.weighed(call, &key, head).await?
        } else {
            let options = GetOptions {
                range: conditions::range(&call.headers),
                version: call.version(),
                if_match: None,
            };
            let storage = self.storage(call.place.bucket);
            let Object { info, range, body } = storage.get(&key, options).await?;
            self.found(call, &key, &info, range.as_ref(), Some(body))
        };
        // Its bytes are not read yet.
        if let (Some(limit), Some(len)) = (call.front.response_limit, response.body().len())
            && len > limit
        {
            return Err(Error::AnswerTooLarge { limit });
        }
        for (name, value) in overrides {
            response.headers_mut().insert(name, value);
        }
        Ok(response)
    }

    /// HEAD, and GET with conditions: the state that was weighed is the one that is answered with.
    async fn weighed(
        &self,
        call: &Call,
        key: &ObjectKey,
        head: bool,
    ) -> Result<Response<Body>, Error> {
        let storage = self.storage(call.place.bucket);
        let version = call.version();
        for _ in 0..ATTEMPTS {
            let info = storage.head(key, version.as_ref()).await?;
            match conditions::evaluate(&call.headers, &info.etag, info.last_modified) {
                Verdict::PreconditionFailed => return Err(Error::PreconditionFailed),
                Verdict::NotModified => return Ok(self.not_modified(call, key, &info)),
                Verdict::Proceed => {}
            }
            let range = conditions::range(&call.headers).filter(|_| {
                conditions::range_applies(&call.headers, &info.etag, info.last_modified)
            });
            if head {
                let unmet = Error::InvalidRange { size: info.size };
                let resolve = |range: ByteRange| range.resolve(info.size).ok_or(unmet);
                let range = range.map(resolve).transpose()?;
                return Ok(self.found(call, key, &info, range.as_ref(), None));
            }
            let options = GetOptions {
                range,
                version: version.clone(),
                if_match: Some(info.etag),
            };
            match storage.get(key, options).await {
                Ok(Object { info, range, body }) => {
                    return Ok(self.found(call, key, &info, range.as_ref(), Some(body)));
                }
                // Replaced since it was weighed: what is there now is weighed in turn.
                Err(storage::Error::PreconditionFailed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let text = format!("`{key}` is replaced all the time");
        Err(Error::Storage(storage::Error::Unavailable(text)))
    }

    /// 200 or 206: what is told of an object, and its bytes but for HEAD.
    fn found(
        &self,
        call: &Call,
        key: &ObjectKey,
        info: &ObjectInfo,
        range: Option<&Range<u64>>,
        body: Option<ByteStream>,
    ) -> Response<Body> {
        let len = range.map_or(info.size, |range| range.end - range.start);
        let mut response = Response::new(body.map_or(Body::Empty, |stream| Body::Stream {
            stream,
            len: Some(len),
        }));
        if range.is_some() {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        let headers = response.headers_mut();
        set(headers, header::CONTENT_LENGTH, &len.to_string());
        if let Some(range) = range {
            let content_range = content_range(range, info.size);
            set(headers, header::CONTENT_RANGE, &content_range);
        }
        describe(headers, info);
        if info.attributes.cache_control.is_none() {
            set(
                headers,
                header::CACHE_CONTROL,
                &self.cache_control(call, key),
            );
        }
        response
    }

    /// 304, with the length that one SDK needs to see.
    pub(crate) fn not_modified(
        &self,
        call: &Call,
        key: &ObjectKey,
        info: &ObjectInfo,
    ) -> Response<Body> {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        set(headers, header::ETAG, info.etag.as_str());
        set(
            headers,
            header::LAST_MODIFIED,
            &httpdate::fmt_http_date(info.last_modified),
        );
        let cache_control = match &info.attributes.cache_control {
            Some(own) => own.clone(),
            None => self.cache_control(call, key),
        };
        set(headers, header::CACHE_CONTROL, &cache_control);
        set(headers, header::CONTENT_LENGTH, "0");
        // Lambda names a streamed answer `application/octet-stream` if nothing else does, and caches may take that over.
        set(headers, header::CONTENT_TYPE, content_type(info));
        response
    }

    /// `PUT /<key>` without rules.
    pub(crate) async fn put_object(&self, call: &Call) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        let options = put_options(&call.headers)?;
        check_body(call).await?;
        let storage = self.storage(call.place.bucket);
        let info = storage.put(&key, call.body.clone(), options).await?;
        let mut response = Response::new(Body::Empty);
        tell_stored(response.headers_mut(), &info);
        Ok(response)
    }

    /// `DELETE /<key>`.
    pub(crate) async fn delete_object(&self, call: &Call) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        if call.version().is_some() {
            return Err(Error::NotSupported(
                "deleting one version of an object".to_owned(),
            ));
        }
        self.storage(call.place.bucket).delete(&key).await?;
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    /// `POST /?delete`: up to 1000 keys at once.
    pub(crate) async fn delete_objects(&self, call: &Call) -> Result<Response<Body>, Error> {
        if call.header("content-md5").is_none_or(str::is_empty) {
            // What is deleted stands in the body alone.
            let text = "?delete needs the header Content-MD5, the base64 of the body's MD5";
            return Err(Error::InvalidArgument(text.to_owned()));
        }
        check_body(call).await?;
        let document = Element::parse(&call.body)?;
        if document.name != "Delete" {
            return Err(Error::MalformedXml(format!(
                "expected `Delete`, found `{}`",
                document.name
            )));
        }
        let quiet = document.child("Quiet") == Some("true");
        let names: Vec<&str> = document
            .all("Object")
            .map(|object| {
                object
                    .children
                    .iter()
                    .find(|c| c.name == "Key")
                    .map_or("", |c| c.text.as_str())
            })
            .collect();
        if names.len() > MAX_KEYS {
            return Err(Error::MalformedXml(format!(
                "{} keys; at most {MAX_KEYS} are allowed",
                names.len()
            )));
        }
        let mut answer = Writer::new("DeleteResult");
        for name in names {
            let deleted = async {
                let key = ObjectKey::new(name.strip_prefix('/').unwrap_or(name))?;
                self.may_delete_among_others(call, &key)?;
                Ok(self.storage(call.place.bucket).delete(&key).await?)
            };
            let deleted: Result<(), Error> = deleted.await;
            match deleted {
                Ok(()) if quiet => {}
                Ok(()) => {
                    answer.begin("Deleted").leaf("Key", name).end();
                }
                Err(error) => {
                    answer
                        .begin("Error")
                        .leaf("Key", name)
                        .leaf("Code", error.answer().code)
                        .leaf("Message", &error)
                        .end();
                }
            }
        }
        Ok(xml(answer))
    }

    /// What `x-cos-copy-source` names.
    pub(crate) fn copy_source(&self, source: &str) -> Result<SourceName, Error> {
        let wrong = |reason: String| Error::InvalidArgument(format!("{COPY_SOURCE}: {reason}"));
        let (host_and_path, query) = source.split_once('?').unwrap_or((source, ""));
        let (host, path) = host_and_path
            .split_once('/')
            .ok_or_else(|| wrong(format!("expected <host>/<key>, found `{source}`")))?;
        let place = hosts::find(&self.config, host, &format!("/{path}"), Asked::ByImageUrl)
            .map_err(|error| wrong(error.to_string()))?;
        let version = rules::split_query(query)
            .ok()
            .and_then(|query| query.parameter("versionId").map(|v| Version(v.to_owned())))
            .filter(|version| !version.0.is_empty());
        Ok(SourceName {
            bucket: place.bucket,
            key: ObjectKey::new(place.key)?,
            version,
        })
    }

    /// `PUT /<key>` with `x-cos-copy-source`.
    pub(crate) async fn copy_object(
        &self,
        call: &Call,
        source: &str,
    ) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        let SourceName {
            bucket: from,
            key: from_key,
            version,
        } = self.copy_source(source)?;
        let options = put_options(&call.headers)?;
        let replace = match call.header("x-cos-metadata-directive") {
            None | Some("Copy" | "COPY") => false,
            Some("Replaced" | "REPLACED" | "Replace" | "REPLACE") => true,
            Some(other) => {
                let text =
                    format!("x-cos-metadata-directive: expected Copy or Replaced, found `{other}`");
                return Err(Error::InvalidArgument(text));
            }
        };
        let info = self.storage(from).head(&from_key, version.as_ref()).await?;
        let mut conditional = HeaderMap::new();
        for (ours, plain) in [
            ("x-cos-copy-source-if-match", header::IF_MATCH),
            ("x-cos-copy-source-if-none-match", header::IF_NONE_MATCH),
            (
                "x-cos-copy-source-if-modified-since",
                header::IF_MODIFIED_SINCE,
            ),
            (
                "x-cos-copy-source-if-unmodified-since",
                header::IF_UNMODIFIED_SINCE,
            ),
        ] {
            if let Some(value) = call.headers.get(ours) {
                conditional.insert(plain, value.clone());
            }
        }
        if conditions::evaluate(&conditional, &info.etag, info.last_modified) != Verdict::Proceed {
            return Err(Error::PreconditionFailed);
        }
        let stored = if from == call.place.bucket {
            if from_key == key && !replace {
                let text = "an object can be copied onto itself only with x-cos-metadata-directive: Replaced";
                return Err(Error::InvalidArgument(text.to_owned()));
            }
            let attributes = replace.then_some(options.attributes);
            self.storage(from)
                .copy(
                    &from_key,
                    version.as_ref(),
                    &key,
                    attributes,
                    options.precondition,
                )
                .await?
        } else {
            let get = GetOptions {
                version,
                // What was weighed is what is copied.
                if_match: (!conditional.is_empty()).then_some(info.etag),
                ..GetOptions::default()
            };
            let object = self.storage(from).get(&from_key, get).await?;
            let bytes = object.body.collect(self.config.limits.put_bytes).await?;
            let put = PutOptions {
                attributes: if replace {
                    options.attributes
                } else {
                    object.info.attributes
                },
                precondition: options.precondition,
            };
            self.storage(call.place.bucket)
                .put(&key, bytes, put)
                .await?
        };
        let mut answer = Writer::new("CopyObjectResult");
        answer
            .leaf("ETag", &stored.etag)
            .leaf("LastModified", iso8601(stored.last_modified));
        if let Some(crc64) = stored.crc64 {
            answer.leaf("CRC64", crc64);
        }
        Ok(xml(answer))
    }

    /// `GET /`: a page of keys, in the first version's shape.
    pub(crate) async fn list_objects(&self, call: &Call) -> Result<Response<Body>, Error> {
        let parameter = |name: &str| call.query.parameter(name).unwrap_or_default().to_owned();
        let (prefix, marker, delimiter) = (
            parameter("prefix"),
            parameter("marker"),
            parameter("delimiter"),
        );
        let max = max_keys(call, "max-keys")?;
        let encode = encoder(call)?;
        let options = ListOptions {
            prefix: prefix.clone(),
            delimiter: (!delimiter.is_empty()).then(|| delimiter.clone()),
            after: marker.clone(),
            max,
        };
        let listing = if max == 0 {
            storage::Listing::default()
        } else {
            self.storage(call.place.bucket).list(options).await?
        };
        let mut answer = Writer::new("ListBucketResult");
        answer.leaf("Name", self.bucket_name(call.place.bucket));
        if call.query.parameter("encoding-type").is_some() {
            answer.leaf("EncodingType", "url");
        }
        answer
            .leaf("Prefix", encode(&prefix))
            .leaf("Marker", encode(&marker))
            .leaf("MaxKeys", max);
        if !delimiter.is_empty() {
            answer.leaf("Delimiter", encode(&delimiter));
        }
        answer.leaf("IsTruncated", listing.next.is_some());
        if let Some(next) = &listing.next {
            answer.leaf("NextMarker", encode(next));
        }
        for object in &listing.objects {
            answer
                .begin("Contents")
                .leaf("Key", encode(object.key.as_str()))
                .leaf("LastModified", iso8601(object.last_modified))
                .leaf("ETag", &object.etag)
                .leaf("Size", object.size)
                .begin("Owner")
                .leaf("ID", "0")
                .leaf("DisplayName", "0")
                .end()
                .leaf("StorageClass", "STANDARD")
                .end();
        }
        for prefix in &listing.prefixes {
            answer
                .begin("CommonPrefixes")
                .leaf("Prefix", encode(prefix))
                .end();
        }
        Ok(xml(answer))
    }

    /// `POST /<key>?uploads`.
    pub(crate) async fn create_multipart(&self, call: &Call) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        let PutOptions {
            attributes,
            precondition,
        } = put_options(&call.headers)?;
        if precondition != Precondition::None {
            let text = "x-cos-forbid-overwrite, If-None-Match and If-Match with ?uploads; they count at the completion";
            return Err(Error::NotSupported(text.to_owned()));
        }
        let upload = self
            .storage(call.place.bucket)
            .create_multipart(&key, attributes)
            .await?;
        let mut answer = Writer::new("InitiateMultipartUploadResult");
        answer
            .leaf("Bucket", self.bucket_name(call.place.bucket))
            .leaf("Key", &key)
            .leaf("UploadId", upload.0);
        Ok(xml(answer))
    }

    /// `PUT /<key>?partNumber=N&uploadId=ID`.
    pub(crate) async fn put_part(
        &self,
        call: &Call,
        upload: &UploadId,
    ) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        if call.headers.contains_key(COPY_SOURCE) {
            return Err(Error::NotSupported(
                "copying into a part of a multipart upload".to_owned(),
            ));
        }
        let text = call.query.parameter("partNumber").unwrap_or_default();
        let number = text
            .parse()
            .ok()
            .filter(|number| (1..=10_000).contains(number))
            .ok_or_else(|| {
                Error::InvalidArgument(format!("partNumber: expected 1 to 10000, found `{text}`"))
            })?;
        check_body(call).await?;
        let body = call.body.clone();
        let crc64 = work::run(move || Ok(storage::crc64(&body))).await?;
        let etag = self
            .storage(call.place.bucket)
            .put_part(&key, upload, number, call.body.clone())
            .await?;
        let mut response = Response::new(Body::Empty);
        set(response.headers_mut(), header::ETAG, etag.as_str());
        set(response.headers_mut(), CRC64, &crc64.to_string());
        Ok(response)
    }

    /// `GET /<key>?uploadId=ID`.
    pub(crate) async fn list_parts(
        &self,
        call: &Call,
        upload: &UploadId,
    ) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        let max = max_keys(call, "max-parts")?;
        let encode = encoder(call)?;
        let marker: u32 = match call.query.parameter("part-number-marker") {
            None | Some("") => 0,
            Some(text) => text.parse().map_err(|_| {
                Error::InvalidArgument(format!(
                    "part-number-marker: expected a number, found `{text}`"
                ))
            })?,
        };
        let parts = self
            .storage(call.place.bucket)
            .list_parts(&key, upload)
            .await?;
        let mut parts = parts.into_iter().filter(|part| part.number > marker);
        let page: Vec<_> = parts.by_ref().take(max).collect();
        let truncated = parts.next().is_some();
        let mut answer = Writer::new("ListPartsResult");
        answer
            .leaf("Bucket", self.bucket_name(call.place.bucket))
            .leaf("Key", encode(key.as_str()))
            .leaf("UploadId", &upload.0)
            .leaf("StorageClass", "STANDARD")
            .leaf("PartNumberMarker", marker);
        if truncated {
            answer.leaf(
                "NextPartNumberMarker",
                page.last().map_or(marker, |part| part.number),
            );
        }
        answer.leaf("MaxParts", max).leaf("IsTruncated", truncated);
        for part in &page {
            answer
                .begin("Part")
                .leaf("PartNumber", part.number)
                .leaf("LastModified", iso8601(part.last_modified))
                .leaf("ETag", &part.etag)
                .leaf("Size", part.size)
                .end();
        }
        Ok(xml(answer))
    }

    /// `GET /?uploads`: the uploads that are open.
    pub(crate) async fn list_multipart(&self, call: &Call) -> Result<Response<Body>, Error> {
        let prefix = call.query.parameter("prefix").unwrap_or_default();
        let max = max_keys(call, "max-uploads")?;
        let encode = encoder(call)?;
        let key_marker = call.query.parameter("key-marker").unwrap_or_default();
        let id_marker = call.query.parameter("upload-id-marker").unwrap_or_default();
        let uploads = self
            .storage(call.place.bucket)
            .list_multipart(prefix)
            .await?;
        let mut uploads = uploads.into_iter().filter(|open| {
            let key = open.key.as_str();
            key > key_marker
                || (key == key_marker
                    && !id_marker.is_empty()
                    && open.upload.0.as_str() > id_marker)
        });
        let page: Vec<_> = uploads.by_ref().take(max).collect();
        let truncated = uploads.next().is_some();
        let mut answer = Writer::new("ListMultipartUploadsResult");
        answer
            .leaf("Bucket", self.bucket_name(call.place.bucket))
            .leaf("Prefix", encode(prefix))
            .leaf("KeyMarker", encode(key_marker))
            .leaf("UploadIdMarker", id_marker)
            .leaf("MaxUploads", max)
            .leaf("IsTruncated", truncated);
        if let (true, Some(last)) = (truncated, page.last()) {
            answer
                .leaf("NextKeyMarker", encode(last.key.as_str()))
                .leaf("NextUploadIdMarker", &last.upload.0);
        }
        for open in &page {
            answer
                .begin("Upload")
                .leaf("Key", encode(open.key.as_str()))
                .leaf("UploadId", &open.upload.0)
                .leaf("StorageClass", "STANDARD")
                .leaf("Initiated", iso8601(open.initiated))
                .end();
        }
        Ok(xml(answer))
    }

    /// `DELETE /<key>?uploadId=ID`.
    pub(crate) async fn abort_multipart(
        &self,
        call: &Call,
        upload: &UploadId,
    ) -> Result<Response<Body>, Error> {
        let key = call.key()?;
        self.storage(call.place.bucket)
            .abort_multipart(&key, upload)
            .await?;
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }
}

/// The parts that a `CompleteMultipartUpload` document names.
pub(crate) fn parts_named(body: &[u8]) -> Result<Vec<(u32, ETag)>, Error> {
    let document = Element::parse(body)?;
    if document.name != "CompleteMultipartUpload" {
        let text = format!(
            "expected `CompleteMultipartUpload`, found `{}`",
            document.name
        );
        return Err(Error::MalformedXml(text));
    }
    let parts: Option<Vec<_>> = document
        .all("Part")
        .map(|part| {
            let number = part.child("PartNumber")?.parse().ok()?;
            Some((number, ETag::new(part.child("ETag")?)))
        })
        .collect();
    match parts {
        Some(parts) if !parts.is_empty() => Ok(parts),
        _ => Err(Error::MalformedXml(
            "expected `Part`s with `PartNumber` and `ETag`".to_owned(),
        )),
    }
}

const FORBID_OVERWRITE: HeaderName = HeaderName::from_static("x-cos-forbid-overwrite");
pub(crate) const CRC64: HeaderName = HeaderName::from_static("x-cos-hash-crc64ecma");

/// An XML answer.
pub(crate) fn xml(writer: Writer) -> Response<Body> {
    let text = writer.finish();
    let mut response = Response::new(Body::Empty);
    set(
        response.headers_mut(),
        header::CONTENT_TYPE,
        "application/xml",
    );
    set(
        response.headers_mut(),
        header::CONTENT_LENGTH,
        &text.len().to_string(),
    );
    *response.body_mut() = text.into();
    response
}

/// Sets a header, if the value can stand in one.
pub(crate) fn set(headers: &mut HeaderMap, name: impl header::IntoHeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// What an answer to a PUT tells of the stored object.
pub(crate) fn tell_stored(headers: &mut HeaderMap, info: &ObjectInfo) {
    set(headers, header::ETAG, info.etag.as_str());
    if let Some(crc64) = info.crc64 {
        set(headers, CRC64, &crc64.to_string());
    }
    if let Some(version) = &info.version {
        set(
            headers,
            HeaderName::from_static("x-cos-version-id"),
            &version.0,
        );
    }
}

/// The headers that describe an object.
pub(crate) fn describe(headers: &mut HeaderMap, info: &ObjectInfo) {
    let attributes = &info.attributes;
    set(headers, header::CONTENT_TYPE, content_type(info));
    for (name, value) in [
        (header::CACHE_CONTROL, &attributes.cache_control),
        (header::CONTENT_DISPOSITION, &attributes.content_disposition),
        (header::CONTENT_ENCODING, &attributes.content_encoding),
        (header::CONTENT_LANGUAGE, &attributes.content_language),
        (header::EXPIRES, &attributes.expires),
    ] {
        if let Some(value) = value {
            set(headers, name, value);
        }
    }
    for (name, value) in &attributes.metadata {
        if let Ok(name) = HeaderName::try_from(format!("{META}{name}")) {
            set(headers, name, value);
        }
    }
    set(headers, header::ACCEPT_RANGES, "bytes");
    set(
        headers,
        header::LAST_MODIFIED,
        &httpdate::fmt_http_date(info.last_modified),
    );
    tell_stored(headers, info);
}

/// The media type of an object, as the client said it.
pub(crate) fn content_type(info: &ObjectInfo) -> &str {
    let said = info.attributes.content_type.as_deref();
    said.unwrap_or("application/octet-stream")
}

/// What the headers of a PUT ask for.
pub(crate) fn put_options(headers: &HeaderMap) -> Result<PutOptions, Error> {
    let text = |name: &HeaderName| -> Result<Option<String>, Error> {
        match headers.get(name) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => std::str::from_utf8(value.as_bytes())
                .map(|text| Some(text.to_owned()))
                .map_err(|_| Error::InvalidArgument(format!("the header {name} is not UTF-8"))),
        }
    };
    let mut attributes = Attributes {
        content_type: text(&header::CONTENT_TYPE)?,
        cache_control: text(&header::CACHE_CONTROL)?,
        content_disposition: text(&header::CONTENT_DISPOSITION)?,
        content_encoding: text(&header::CONTENT_ENCODING)?.filter(|coding| coding != "aws-chunked"),
        content_language: text(&header::CONTENT_LANGUAGE)?,
        expires: text(&header::EXPIRES)?,
        ..Attributes::default()
    };
    let mut bytes = 0;
    for name in headers.keys() {
        if let Some(plain) = name.as_str().strip_prefix(META) {
            let value = text(name)?.unwrap_or_default();
            bytes += plain.len() + value.len();
            attributes.metadata.insert(plain.to_owned(), value);
        }
    }
    if bytes > MAX_METADATA_BYTES {
        return Err(Error::Storage(storage::Error::MetadataTooLarge {
            found: bytes,
            limit: MAX_METADATA_BYTES,
        }));
    }
    for (name, accepted) in [
        ("x-cos-acl", &["", "default", "private"][..]),
        ("x-cos-server-side-encryption", &[""][..]),
        ("x-cos-server-side-encryption-customer-algorithm", &[""][..]),
        ("x-cos-tagging", &[""][..]),
    ] {
        if let Some(value) = headers.get(name)
            && !accepted
                .iter()
                .any(|accepted| accepted.as_bytes() == value.as_bytes())
        {
            let value = String::from_utf8_lossy(value.as_bytes());
            return Err(Error::NotSupported(format!("the header {name}: {value}")));
        }
    }
    Ok(PutOptions {
        attributes,
        precondition: precondition(headers)?,
    })
}

/// What the headers of a request that stores something demand of the key: `x-cos-forbid-overwrite: true` or
/// `If-None-Match: *`, or `If-Match` with a tag.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Precondition, Error> {
    let is = |name: HeaderName, wanted: &str| headers.get(name).is_some_and(|v| v == wanted);
    let absent = is(FORBID_OVERWRITE, "true") || is(header::IF_NONE_MATCH, "*");
    let etag = headers
        .get(header::IF_MATCH)
        .filter(|tag| !tag.is_empty())
        .map(|tag| String::from_utf8_lossy(tag.as_bytes()));
    match (absent, etag) {
        (true, Some(_)) => Err(Error::InvalidArgument(
            "If-Match asks for an object, If-None-Match or x-cos-forbid-overwrite for none; give one of them"
                .to_owned(),
        )),
        (true, None) => Ok(Precondition::Absent),
        (false, Some(tag)) => Ok(Precondition::Match(ETag::new(&tag))),
        (false, None) => Ok(Precondition::None),
    }
}

/// Holds a body to its limit, its announced length and its digest.
pub(crate) async fn check_body(call: &Call) -> Result<(), Error> {
    if let Some(announced) = call.header("content-length")
        && announced.parse() != Ok(call.body.len())
    {
        return Err(Error::IncompleteBody {
            announced: announced.to_owned(),
            found: call.body.len(),
        });
    }
    let Some(given) = call.header("content-md5").filter(|given| !given.is_empty()) else {
        return Ok(());
    };
    let given = STANDARD
        .decode(given)
        .ok()
        .filter(|digest| digest.len() == 16)
        .ok_or_else(|| Error::InvalidDigest(given.to_owned()))?;
    let body = call.body.clone();
    let found = work::run(move || Ok(Md5::digest(&body))).await?;
    if found[..] != given[..] {
        return Err(Error::BadDigest);
    }
    Ok(())
}

/// `response-content-type` and the like, which only a signed request may ask for, and only where it signed them:
/// whoever holds an URL could otherwise have an image shown as a page.
pub(crate) fn response_overrides(call: &Call) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let mut overrides = Vec::new();
    for (parameter, name) in [
        ("response-content-type", header::CONTENT_TYPE),
        ("response-content-language", header::CONTENT_LANGUAGE),
        ("response-expires", header::EXPIRES),
        ("response-cache-control", header::CACHE_CONTROL),
        ("response-content-disposition", header::CONTENT_DISPOSITION),
        ("response-content-encoding", header::CONTENT_ENCODING),
    ] {
        let Some(value) = call.query.parameter(parameter) else {
            continue;
        };
        if !call.covers_parameter(parameter) {
            return Err(Error::OverrideNotSigned(parameter));
        }
        let value = HeaderValue::from_str(value).map_err(|_| {
            Error::InvalidArgument(format!("{parameter}: `{value}` cannot stand in a header"))
        })?;
        overrides.push((name, value));
    }
    Ok(overrides)
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

fn max_keys(call: &Call, name: &str) -> Result<usize, Error> {
    match call.query.parameter(name) {
        None | Some("") => Ok(MAX_KEYS),
        Some(text) => text
            .parse::<usize>()
            .map(|max| max.min(MAX_KEYS))
            .map_err(|_| {
                Error::InvalidArgument(format!("{name}: expected 0 to {MAX_KEYS}, found `{text}`"))
            }),
    }
}

fn encoder(call: &Call) -> Result<fn(&str) -> String, Error> {
    match call.query.parameter("encoding-type") {
        None | Some("") => Ok(str::to_owned),
        Some("url") => Ok(escape::key),
        Some(other) => Err(Error::InvalidArgument(format!(
            "encoding-type: expected url, found `{other}`"
        ))),
    }
}

/// `2026-11-22T12:00:00.000Z`.
fn iso8601(at: SystemTime) -> String {
    let at = time::OffsetDateTime::from(at);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}
