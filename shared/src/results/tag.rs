//! The tag of what a rule makes of its sources.

use std::fmt::{Display, Write};

use sha1::{Digest, Sha1};

use crate::storage::ETag;

/// Changes whenever an encoder's bytes change, so that tags and stored results of an older one are not taken for new.
const ENCODER_VERSION: &str = concat!("mogr ", env!("CARGO_PKG_VERSION"), " e1");

/// The tag of what `rule` makes of sources with these tags: the same for as long as none of them changes.
pub(crate) fn result_etag<'a>(sources: impl Iterator<Item = &'a ETag>, rule: &dyn Display) -> ETag {
    let mut hash = Sha1::new();
    hash.update(ENCODER_VERSION);
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
