//! What a client says of an object, as S3 keeps it: header texts in ASCII, and at most 2 KB of user metadata.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use storage::{Attributes, Error};

/// Names and values of user metadata together, as S3 counts them.
pub(super) const MAX_METADATA_BYTES: usize = 2048;

/// The metadata name that holds the CRC of an object that was put through this service.
const CRC64: &str = "mogr-crc64";

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

/// User metadata as S3 gets it, the CRC among it.
///
/// # Errors
///
/// [`Error::MetadataTooLarge`] over 2 KB. S3 would say so as well, but only after the bytes have been sent.
pub(super) fn metadata(
    attributes: &Attributes,
    crc64: Option<u64>,
) -> Result<HashMap<String, String>, Error> {
    let mut metadata: HashMap<_, _> = attributes
        .metadata
        .iter()
        .map(|(name, value)| (name.clone(), to_header(value)))
        .collect();
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
    if let Some(crc64) = crc64 {
        let value = crc64.to_string();
        if found + CRC64.len() + value.len() <= MAX_METADATA_BYTES {
            metadata.insert(CRC64.to_owned(), value);
        }
    }
    Ok(metadata)
}

/// User metadata as it was given, and the CRC.
pub(super) fn from_metadata(
    metadata: Option<&HashMap<String, String>>,
) -> (BTreeMap<String, String>, Option<u64>) {
    let mut names: BTreeMap<_, _> = metadata
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.to_ascii_lowercase(), from_header(value)))
        .collect();
    let crc64 = names.remove(CRC64).and_then(|value| value.parse().ok());
    (names, crc64)
}

/// Sets all that `$attributes` says on a request builder. The builders have no trait in common.
macro_rules! with_attributes {
    ($request:expr, $attributes:expr, $crc64:expr) => {{
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
            .set_metadata(Some($crate::s3::attributes::metadata(attributes, $crc64)?))
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
        let (metadata, crc64) = $crate::s3::attributes::from_metadata(output.metadata());
        storage::ObjectInfo {
            size: $size,
            etag: storage::ETag::new(output.e_tag().unwrap_or_default()),
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
                metadata,
            },
            crc64,
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
    fn counts_metadata_as_s3_does() {
        let of = |len: usize| Attributes {
            metadata: [("name".to_owned(), "v".repeat(len))].into(),
            ..Attributes::default()
        };
        assert!(metadata(&of(2044), None).is_ok());
        let error = metadata(&of(2045), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "user metadata takes 2049 bytes; at most 2048 are stored"
        );
        let all = metadata(&of(1), Some(7)).unwrap();
        assert_eq!(from_metadata(Some(&all)), (of(1).metadata, Some(7)));
        assert_eq!(metadata(&of(2044), Some(7)).unwrap().len(), 1);
    }
}
