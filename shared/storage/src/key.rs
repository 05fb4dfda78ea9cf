//! The name of an object.

use std::fmt;

/// The name of an object: 1 to 1024 bytes of UTF-8. Every such text is a valid key, and none is a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// There is no name.
    #[error("the object key is empty")]
    Empty,
    /// The name is too long.
    #[error("the object key has {0} bytes; at most {max} are allowed", max = ObjectKey::MAX_BYTES)]
    TooLong(usize),
    /// A NUL cannot be stored.
    #[error("the object key has a NUL byte")]
    Nul,
    /// Not UTF-8.
    #[error("the object key is not UTF-8")]
    NotUtf8,
}

impl ObjectKey {
    /// Bytes that a key has at most, as S3 has it.
    pub const MAX_BYTES: usize = 1024;

    /// The key of this name.
    ///
    /// # Errors
    ///
    /// [`BadKey`] says what is wrong with it.
    pub fn new(name: impl Into<String>) -> Result<Self, BadKey> {
        let name = name.into();
        match name.len() {
            0 => Err(BadKey::Empty),
            len if len > Self::MAX_BYTES => Err(BadKey::TooLong(len)),
            _ if name.contains('\0') => Err(BadKey::Nul),
            _ => Ok(Self(name)),
        }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
