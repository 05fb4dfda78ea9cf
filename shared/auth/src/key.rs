//! Access keys and the secrets they hold. A secret is never printed, and is compared in constant time.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// A text that must not appear in any output.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether `other` is this secret; takes the same time wherever the two differ.
    pub(crate) fn is(&self, other: &[u8]) -> bool {
        let own = hmac_sha1(self.as_bytes(), self.as_bytes());
        verify_hmac_sha1(self.as_bytes(), other, &own)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An active access key.
#[derive(Debug, Clone)]
pub struct Key {
    /// The public name, `q-ak`. Two keys may share one while a secret is being replaced.
    pub id: String,
    /// What signs.
    pub secret: Secret,
    /// The security token that must come with the key, for temporary credentials.
    pub token: Option<Secret>,
}

impl Key {
    /// A permanent key.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: Secret::new(secret),
            token: None,
        }
    }
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha1> {
    Hmac::<Sha1>::new_from_slice(key)
        .expect("HMAC takes keys of every length")
        .chain_update(message)
}

pub(crate) fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    mac(key, message).finalize().into_bytes().into()
}

/// Whether `tag` is the HMAC-SHA1 of `message`; constant time.
pub(crate) fn verify_hmac_sha1(key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    mac(key, message).verify_slice(tag).is_ok()
}
