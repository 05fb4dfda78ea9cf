//! The name of a request, on every log line and answer.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Makes a request id in the protocol's form: base64 of `<seconds in hex>_<hex>_<hex>_<hex>`.
pub(crate) fn new() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    // Each `RandomState` has other keys, which the operating system's randomness seeds.
    let random = RandomState::new().build_hasher().finish();
    let (a, b, c) = (random >> 32, (random >> 16) & 0xFFFF, random & 0xFFFF);
    STANDARD.encode(format!("{seconds:x}_{a:x}_{b:x}_{c:x}"))
}
