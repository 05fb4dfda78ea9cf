//! The name of an object.

use std::fmt;

/// The name of an object: 1 to 1024 bytes of UTF-8 with at most 64 slashes. Every such text is a valid key, and none is
/// a path.
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
    /// Each slash can be a folder, and each folder costs a step whenever the key is named, listed or deleted.
    #[error("the object key has {0} slashes; at most {max} are allowed", max = ObjectKey::MAX_SLASHES)]
    TooManySlashes(usize),
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
    /// Slashes that a key has at most, here only.
    pub const MAX_SLASHES: usize = 64;

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
            _ => match name.bytes().filter(|byte| *byte == b'/').count() {
                slashes if slashes > Self::MAX_SLASHES => Err(BadKey::TooManySlashes(slashes)),
                _ => Ok(Self(name)),
            },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(name: String, expected: BadKey, message: &str) {
        let error = ObjectKey::new(name).unwrap_err();
        assert_eq!((error, error.to_string().as_str()), (expected, message));
    }

    #[test]
    fn keys_are_of_bounded_length_and_depth() {
        for name in [
            "a".to_owned(),
            "n".repeat(1024),
            "/".repeat(64),
            "d/".repeat(64) + "e",
        ] {
            assert_eq!(ObjectKey::new(name.clone()).map(|key| key.0), Ok(name));
        }
        let slashes = "the object key has 65 slashes; at most 64 are allowed";
        refuses("/".repeat(65), BadKey::TooManySlashes(65), slashes);
        refuses("a/".repeat(65), BadKey::TooManySlashes(65), slashes);
        let bytes = "the object key has 1025 bytes; at most 1024 are allowed";
        refuses("/".repeat(1025), BadKey::TooLong(1025), bytes);
        refuses(String::new(), BadKey::Empty, "the object key is empty");
        refuses(
            "a\0b".to_owned(),
            BadKey::Nul,
            "the object key has a NUL byte",
        );
    }
}
