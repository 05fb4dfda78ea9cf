//! Every name that the protocol gives to a header or a query parameter, once.

use http::HeaderName;

/// The rules of an upload or of a stored object, as JSON.
pub const PIC_OPERATIONS: HeaderName = HeaderName::from_static("pic-operations");
/// The id of a request, on every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-cos-request-id");
/// The number of a failure, on answers to a GET or HEAD with a rule.
pub const ERROR_NUMBER: HeaderName = HeaderName::from_static("x-errno");
/// CRC-64/XZ of an object, in decimal.
pub const CRC64: HeaderName = HeaderName::from_static("x-cos-hash-crc64ecma");
/// The version that was read or stored.
pub const OBJECT_VERSION: HeaderName = HeaderName::from_static("x-cos-version-id");
/// `true` where an object that is there already must stay.
pub const FORBID_OVERWRITE: HeaderName = HeaderName::from_static("x-cos-forbid-overwrite");
/// The storage class of an object.
pub const STORAGE_CLASS: HeaderName = HeaderName::from_static("x-cos-storage-class");
/// `appendable` for an object that was begun by an append.
pub const OBJECT_TYPE: HeaderName = HeaderName::from_static("x-cos-object-type");
/// Where the next append to an object has to begin.
pub const NEXT_POSITION: HeaderName = HeaderName::from_static("x-cos-next-append-position");
/// What names of user metadata begin with.
pub const META: &str = "x-cos-meta-";

/// Names the source of a copy.
pub const COPY_SOURCE: &str = "x-cos-copy-source";
/// Which bytes of its source are copied into a part.
pub const COPY_RANGE: &str = "x-cos-copy-source-range";
/// Whether a copy keeps the metadata of its source.
pub const METADATA_DIRECTIVE: &str = "x-cos-metadata-directive";
/// `If-Match` of the source of a copy.
pub const COPY_IF_MATCH: &str = "x-cos-copy-source-if-match";
/// `If-None-Match` of the source of a copy.
pub const COPY_IF_NONE_MATCH: &str = "x-cos-copy-source-if-none-match";
/// `If-Modified-Since` of the source of a copy.
pub const COPY_IF_MODIFIED_SINCE: &str = "x-cos-copy-source-if-modified-since";
/// `If-Unmodified-Since` of the source of a copy.
pub const COPY_IF_UNMODIFIED_SINCE: &str = "x-cos-copy-source-if-unmodified-since";

/// Who may read an object, which here only policies say.
pub const ACL: &str = "x-cos-acl";
/// Encryption by the service, which is the bucket's own business here.
pub const ENCRYPTION: &str = "x-cos-server-side-encryption";
/// Encryption with a key of the client, which is not supported.
pub const ENCRYPTION_BY_CUSTOMER: &str = "x-cos-server-side-encryption-customer-algorithm";
/// Tags of an object, which are not supported.
pub const TAGGING: &str = "x-cos-tagging";

/// Our own: the code of a failure that `ignore-error/1` hid.
pub const IGNORED_ERROR: HeaderName = HeaderName::from_static("x-mogr-ignored-error");
/// Our own: the host that the viewer asked, as a trusted front tells it.
pub const MOGR_HOST: HeaderName = HeaderName::from_static("x-mogr-host");
/// Our own: the viewer's Authorization, as a trusted front tells it.
pub const MOGR_AUTHORIZATION: HeaderName = HeaderName::from_static("x-mogr-authorization");
/// Our own: the viewer's address, as a trusted front tells it.
pub const MOGR_CLIENT: HeaderName = HeaderName::from_static("x-mogr-client");

/// The version of an object that is meant.
pub const VERSION_ID: &str = "versionId";
/// The multipart upload that is meant.
pub const UPLOAD_ID: &str = "uploadId";
/// What the id of an upload ends in that was begun with `Pic-Operations`. No storage has it in its own ids.
pub const BEGUN_WITH_RULES: &str = "~rules";
/// Which part of a multipart upload it is, from 1.
pub const PART_NUMBER: &str = "partNumber";
/// Begins a multipart upload, or lists those that are open.
pub const UPLOADS: &str = "uploads";
/// Deletes the objects that the body names.
pub const DELETE: &str = "delete";
/// The digest by which a signature covers a body.
pub const CONTENT_MD5: &str = "content-md5";
/// Runs the rules of `Pic-Operations` on a stored object.
pub const IMAGE_PROCESS: &str = "image_process";
/// Lengthens an object.
pub const APPEND: &str = "append";
/// Where an append begins: the bytes that the object has.
pub const POSITION: &str = "position";
/// What the keys of a list begin with.
pub const PREFIX: &str = "prefix";

/// Parameters that choose what is done: a signature must cover them.
pub const CHOOSING: [&str; 9] = [
    VERSION_ID,
    UPLOAD_ID,
    PART_NUMBER,
    UPLOADS,
    DELETE,
    IMAGE_PROCESS,
    PREFIX,
    APPEND,
    POSITION,
];

/// `2` for a list in its second shape, which goes on by tokens.
pub const LIST_TYPE: &str = "list-type";
/// The key after which a list of the second shape begins.
pub const START_AFTER: &str = "start-after";
/// Where a list of the second shape goes on, as the page before told it.
pub const CONTINUATION_TOKEN: &str = "continuation-token";
/// Whether a list of the second shape tells owners.
pub const FETCH_OWNER: &str = "fetch-owner";
/// What ends the common part of several keys of a list.
pub const DELIMITER: &str = "delimiter";
/// `url` where a list shall have its keys percent-encoded.
pub const ENCODING_TYPE: &str = "encoding-type";
/// The key after which a list of multipart uploads goes on.
pub const KEY_MARKER: &str = "key-marker";
/// The key after which a list of objects goes on.
pub const MARKER: &str = "marker";
/// Keys of one page of a list at most.
pub const MAX_KEYS: &str = "max-keys";
/// Parts of one page of a list at most.
pub const MAX_PARTS: &str = "max-parts";
/// Multipart uploads of one page of a list at most.
pub const MAX_UPLOADS: &str = "max-uploads";
/// The number after which a list of parts goes on.
pub const PART_NUMBER_MARKER: &str = "part-number-marker";
/// The id after which a list of the multipart uploads to one key goes on.
pub const UPLOAD_ID_MARKER: &str = "upload-id-marker";
/// What `Cache-Control` the answer shall have.
pub const RESPONSE_CACHE_CONTROL: &str = "response-cache-control";
/// What `Content-Disposition` the answer shall have.
pub const RESPONSE_CONTENT_DISPOSITION: &str = "response-content-disposition";
/// What `Content-Encoding` the answer shall have.
pub const RESPONSE_CONTENT_ENCODING: &str = "response-content-encoding";
/// What `Content-Language` the answer shall have.
pub const RESPONSE_CONTENT_LANGUAGE: &str = "response-content-language";
/// What `Content-Type` the answer shall have.
pub const RESPONSE_CONTENT_TYPE: &str = "response-content-type";
/// What `Expires` the answer shall have.
pub const RESPONSE_EXPIRES: &str = "response-expires";

/// The other parameters that mean something.
pub const OTHERS: [&str; 19] = [
    CONTINUATION_TOKEN,
    DELIMITER,
    ENCODING_TYPE,
    FETCH_OWNER,
    KEY_MARKER,
    LIST_TYPE,
    MARKER,
    MAX_KEYS,
    MAX_PARTS,
    MAX_UPLOADS,
    PART_NUMBER_MARKER,
    RESPONSE_CACHE_CONTROL,
    RESPONSE_CONTENT_DISPOSITION,
    RESPONSE_CONTENT_ENCODING,
    RESPONSE_CONTENT_LANGUAGE,
    RESPONSE_CONTENT_TYPE,
    RESPONSE_EXPIRES,
    START_AFTER,
    UPLOAD_ID_MARKER,
];

/// Who may read a bucket or an object. It can be asked for; the policies of the configuration say it.
pub const ACL_OF: &str = "acl";
/// Which pages of other origins may send requests. It can be asked for; the configuration says it.
pub const CORS: &str = "cors";
/// The region of a bucket.
pub const LOCATION: &str = "location";
/// The tags of a bucket or an object, of which there are none here.
pub const TAGGING_OF: &str = "tagging";
/// Whether a bucket keeps the versions of its objects.
pub const VERSIONING: &str = "versioning";

/// What a query asks to be told, and that no request changes.
pub const DESCRIBING: [&str; 5] = [ACL_OF, CORS, LOCATION, TAGGING_OF, VERSIONING];

/// What parts of the COS API and commands of Cloud Infinite are called in a query that this service does not have. Where one
/// stands in a query something else is meant than the object, so that it is refused, and never answered with the object.
pub const UNSUPPORTED: [&str; 26] = [
    "accelerate",
    "ci-process",
    "domain",
    "domaincertificate",
    "encryption",
    "intelligenttiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "notification",
    "object-lock",
    "origin",
    "policy",
    "publicAccessBlock",
    "referer",
    "replication",
    "restore",
    "retention",
    "select",
    "style",
    "symlink",
    "torrent",
    "versions",
    "website",
    "worm",
];

/// Whether a query parameter means anything, in a request that stores or deletes. In one that reads, what means nothing is
/// passed over, as COS does (`?v=3`).
pub fn is_known(name: &str) -> bool {
    let groups: [&[&str]; 3] = [&CHOOSING, &OTHERS, &DESCRIBING];
    groups.concat().contains(&name) || auth::belongs_to_a_signature(name)
}
