//! What a client says of an object, as S3 keeps it: header texts in ASCII, and at most 2 KB of user metadata.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use storage::{Attributes, Error};

/// Bytes of the names and values of user metadata together, as S3 counts them.
pub(super) const MAX_METADATA_BYTES: usize = 2048;

/// The metadata name that holds the CRC of an object that was put through this service.
const CRC64: &str = "mogr-crc64";

/// The metadata name that marks an object which was begun by an append.
const APPENDABLE: &str = "mogr-appendable";

/// What COS calls S3's `GLACIER`; S3 knows the other names that it has.
const ARCHIVE: &str = "ARCHIVE";
/// The storage class of which S3 says nothing.
const COMMON: &str = "STANDARD";

/// What the service itself says of an object, among its metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// CRC-64/XZ of the bytes.
    pub(super) crc64: Option<u64>,
    /// Whether it was begun by an append.
    pub(super) appendable: bool,
}

/// What a value begins with that is base64 of UTF-8, as RFC 2047 has it.
const ENCODED: &str = "=?UTF-8?B?";

/// `text` as a header can carry it: as it is, or in the encoding of RFC 2047 that S3 itself answers with.
pub(super) fn to_header(text: &str) -> String {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim() == text
        && !text.starts_with("=?");
    if plain {
        text.to_owned()
    } else {
        format!("{ENCODED}{}?=", STANDARD.encode(text))
    }
}

/// The text that a header carries. What cannot be decoded is taken as it is.
pub(super) fn from_header(value: &str) -> String {
    let decoded = value
        .get(..ENCODED.len())
        .filter(|head| head.eq_ignore_ascii_case(ENCODED))
        .and_then(|_| value[ENCODED.len()..].strip_suffix("?="))
        .and_then(|base64| STANDARD.decode(base64).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| value.to_owned())
}

/// The storage class as S3 calls it; nothing for the one that it takes by itself.
///
/// # Errors
///
/// [`Error::Unsupported`] names a class that S3 does not have.
pub(super) fn storage_class(attributes: &Attributes) -> Result<Option<StorageClass>, Error> {
    let Some(class) = attributes
        .storage_class
        .as_deref()
        .filter(|class| *class != COMMON)
    else {
        return Ok(None);
    };
    let ours = if class == ARCHIVE { "GLACIER" } else { class };
    StorageClass::try_parse(ours)
        .map(Some)
        .map_err(|_| Error::Unsupported(format!("the storage class `{class}`")))
}

/// The storage class as COS calls it.
pub(super) fn from_storage_class(class: Option<&StorageClass>) -> Option<String> {
    match class? {
        StorageClass::Standard => None,
        StorageClass::Glacier => Some(ARCHIVE.to_owned()),
        other => Some(other.as_str().to_owned()),
    }
}

/// User metadata as S3 gets it, the service's marks among it.
///
/// # Errors
///
/// [`Error::MetadataTooLarge`] over 2 KB. S3 would say so as well, but only after the bytes have been sent.
pub(super) fn metadata(
    attributes: &Attributes,
    marks: Marks,
) -> Result<HashMap<String, String>, Error> {
    let mut metadata: HashMap<_, _> = attributes
        .metadata
        .iter()
        .map(|(name, value)| (name.clone(), to_header(value)))
        .collect();
    if marks.appendable {
        metadata.insert(APPENDABLE.to_owned(), "1".to_owned());
    }
    let found = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if found > MAX_METADATA_BYTES {
        return Err(Error::MetadataTooLarge {
            found,
            limit: MAX_METADATA_BYTES,
        });
    }
    // A CRC that does not fit is not worth refusing an object for.
    if let Some(crc64) = marks.crc64 {
        let value = crc64.to_string();
        if found + CRC64.len() + value.len() <= MAX_METADATA_BYTES {
            metadata.insert(CRC64.to_owned(), value);
        }
    }
    Ok(metadata)
}

/// User metadata as it was given, and the service's marks.
pub(super) fn from_metadata(
    metadata: Option<&HashMap<String, String>>,
) -> (BTreeMap<String, String>, Marks) {
    let mut names: BTreeMap<_, _> = metadata
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.to_ascii_lowercase(), from_header(value)))
        .collect();
    let marks = Marks {
        crc64: names.remove(CRC64).and_then(|value| value.parse().ok()),
        appendable: names.remove(APPENDABLE).is_some(),
    };
    (names, marks)
}

/// Whether S3's tag of an object is the MD5 of its bytes. It is one of objects that were put in one piece and are encrypted
/// by S3's own keys or not at all; the others' have a hyphen, or look like it and are something else.
pub(super) fn etag_is_md5(
    etag: Option<&str>,
    encryption: Option<&ServerSideEncryption>,
    customer_key: Option<&str>,
) -> bool {
    let etag = etag.unwrap_or_default().trim_matches('"');
    let digits = etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    let own_keys = matches!(encryption, None | Some(ServerSideEncryption::Aes256));
    digits && own_keys && customer_key.is_none()
}

/// Sets all that `$attributes` says on a request builder. The builders have no trait in common.
macro_rules! with_attributes {
    ($request:expr, $attributes:expr, $marks:expr) => {{
        let attributes: &storage::Attributes = $attributes;
        let text = |value: &Option<String>| value.as_deref().map($crate::s3::attributes::to_header);
        let expires = text(&attributes.expires);
        let untyped = attributes.content_type.is_none();
        $request
            .set_content_type(text(&attributes.content_type))
            .set_cache_control(text(&attributes.cache_control))
            .set_content_disposition(text(&attributes.content_disposition))
            .set_content_encoding(text(&attributes.content_encoding))
            .set_content_language(text(&attributes.content_language))
            .set_storage_class($crate::s3::attributes::storage_class(attributes)?)
            .set_metadata(Some($crate::s3::attributes::metadata(attributes, $marks)?))
            .customize()
            // As it was sent: the SDK takes a time only, and would write it anew; and it would name a type itself.
            .mutate_request(move |request| {
                if untyped {
                    request.headers_mut().remove("content-type");
                }
                if let Some(expires) = &expires {
                    request.headers_mut().insert("expires", expires.clone());
                }
            })
    }};
}

/// All that a HEAD or GET answer says of the object; `$size` is the whole object's.
macro_rules! object_info {
    ($output:expr, $size:expr) => {{
        let output = &$output;
        let text = |value: Option<&str>| value.map($crate::s3::attributes::from_header);
        let (metadata, marks) = $crate::s3::attributes::from_metadata(output.metadata());
        storage::ObjectInfo {
            size: $size,
            etag: storage::ETag::new(output.e_tag().unwrap_or_default()),
            etag_is_md5: $crate::s3::attributes::etag_is_md5(
                output.e_tag(),
                output.server_side_encryption(),
                output.sse_customer_algorithm(),
            ),
            last_modified: $crate::s3::call::time(output.last_modified()),
            attributes: storage::Attributes {
                // What S3 says of an object of which nothing was said.
                content_type: text(output.content_type())
                    .filter(|content_type| content_type != "binary/octet-stream"),
                cache_control: text(output.cache_control()),
                content_disposition: text(output.content_disposition()),
                content_encoding: text(output.content_encoding()),
                content_language: text(output.content_language()),
                expires: text(output.expires_string()),
                storage_class: $crate::s3::attributes::from_storage_class(output.storage_class()),
                metadata,
            },
            crc64: marks.crc64,
            appendable: marks.appendable,
            version: $crate::s3::call::version(output.version_id()),
        }
    }};
}

pub(super) use {object_info, with_attributes};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_travel_in_ascii() {
        for text in [
            "",
            "plain text; q=\"1\"",
            "图片 é",
            " leading",
            "trailing ",
            "tab\tand\nline",
            "=?UTF-8?B?aGk=?=",
            "=?",
        ] {
            let header = to_header(text);
            assert!(
                header.bytes().all(|byte| matches!(byte, b' '..=b'~')),
                "{header}"
            );
            assert_eq!(from_header(&header), text);
        }
        assert_eq!(to_header("图"), "=?UTF-8?B?5Zu+?=");
        assert_eq!(from_header("=?UTF-8?B?***?="), "=?UTF-8?B?***?=");
    }

    #[test]
    fn a_tag_is_an_md5_only_where_s3_promises_it() {
        let md5 = Some("\"25f9e794323b453885f5181f1b624d0b\"");
        let of_parts = Some("\"25f9e794323b453885f5181f1b624d0b-3\"");
        let (own, kms) = (ServerSideEncryption::Aes256, ServerSideEncryption::AwsKms);
        assert!(etag_is_md5(md5, None, None));
        assert!(etag_is_md5(md5, Some(&own), None));
        assert!(!etag_is_md5(md5, Some(&kms), None));
        assert!(!etag_is_md5(md5, None, Some("AES256")));
        assert!(!etag_is_md5(of_parts, None, None));
        assert!(!etag_is_md5(None, None, None));
    }

    #[test]
    fn counts_metadata_as_s3_does() {
        let of = |len: usize| Attributes {
            metadata: [("name".to_owned(), "v".repeat(len))].into(),
            ..Attributes::default()
        };
        let crc64 = Marks {
            crc64: Some(7),
            appendable: false,
        };
        assert!(metadata(&of(2044), Marks::default()).is_ok());
        let error = metadata(&of(2045), Marks::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "user metadata takes 2049 bytes; at most 2048 are stored"
        );
        let both = Marks {
            appendable: true,
            ..crc64
        };
        for marks in [crc64, both] {
            let all = metadata(&of(1), marks).unwrap();
            assert_eq!(from_metadata(Some(&all)), (of(1).metadata, marks));
        }
        assert_eq!(metadata(&of(2044), crc64).unwrap().len(), 1);
        assert!(metadata(&of(2044), both).is_err(), "this mark has to fit");
    }

    #[test]
    fn storage_classes_are_those_of_s3_by_the_names_of_cos() {
        let of = |class: &str| Attributes {
            storage_class: Some(class.to_owned()),
            ..Attributes::default()
        };
        assert_eq!(storage_class(&Attributes::default()).unwrap(), None);
        assert_eq!(storage_class(&of("STANDARD")).unwrap(), None);
        for (class, s3) in [
            ("STANDARD_IA", "STANDARD_IA"),
            ("INTELLIGENT_TIERING", "INTELLIGENT_TIERING"),
            ("ARCHIVE", "GLACIER"),
            ("DEEP_ARCHIVE", "DEEP_ARCHIVE"),
        ] {
            let told = storage_class(&of(class)).unwrap().unwrap();
            assert_eq!(told.as_str(), s3);
            assert_eq!(from_storage_class(Some(&told)).as_deref(), Some(class));
        }
        let error = storage_class(&of("MAZ_STANDARD")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the storage class `MAZ_STANDARD` is not supported by this storage"
        );
    }
}
