//! Which version of all encoders made a result.

use std::sync::LazyLock;

/// The version of the bytes that this crate writes by itself: what it makes of sources before a codec has them, and
/// PNG. It is raised with every change after which some sources and rule give other bytes than before, a new version of
/// a decoder, of `png` or of `moxcms` among them.
const VERSION: u32 = 2;

/// Names the versions of everything that the bytes of a result depend on beside its sources and its rule. It is part of
/// the tag of a result (`ETag`): whoever keeps one is told that it is still right while its tag stays the same.
///
/// `tests/version.rs` here and in both codecs hold the numbers in it to digests of what is written.
pub static ENCODER_VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "mogr {VERSION}, gif {}, jpeg {}",
        codec_gif::VERSION,
        codec_jpeg::VERSION
    )
});
