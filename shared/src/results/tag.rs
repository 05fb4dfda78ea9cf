//! The tag of what a rule makes of its sources.

use std::fmt::{Display, Write};

use pipeline::ENCODER_VERSION;
use sha1::{Digest, Sha1};

use crate::storage::ETag;

/// The tag of what `rule` makes of sources with these tags: the same for as long as none of them changes, and no encoder
/// writes other bytes.
pub(crate) fn result_etag<'a>(sources: impl Iterator<Item = &'a ETag>, rule: &dyn Display) -> ETag {
    let mut hash = Sha1::new();
    hash.update(ENCODER_VERSION.as_str());
    for etag in sources {
        hash.update("\n");
        hash.update(etag.opaque());
    }
    hash.update("\n");
    hash.update(rule.to_string());
    ETag::new(&hex(&hash.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
