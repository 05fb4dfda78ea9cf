//! TIFF's structure, which EXIF and the index of a multi-picture file have: a header, and a directory of entries of 12
//! bytes. Offsets count from the header.
//!
//! Source: TIFF 6.0, section 2.

/// The order of the bytes in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// `II`: the low byte first.
    Little,
    /// `MM`: the high byte first.
    Big,
}

impl ByteOrder {
    /// What the header says; `None` where there is none.
    pub fn of(tiff: &[u8]) -> Option<Self> {
        match tiff.first_chunk()? {
            b"II*\0" => Some(Self::Little),
            b"MM\0*" => Some(Self::Big),
            _ => None,
        }
    }

    /// The 16-bit number at `at`; `None` past the end.
    pub fn short(self, tiff: &[u8], at: usize) -> Option<u16> {
        let bytes = *tiff.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    /// The 32-bit number at `at`; `None` past the end.
    pub fn long(self, tiff: &[u8], at: usize) -> Option<usize> {
        let bytes = *tiff.get(at..)?.first_chunk()?;
        let value = match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        };
        usize::try_from(value).ok()
    }

    /// Writes a 16-bit number.
    pub(crate) fn put_short(self, tiff: &mut [u8], at: usize, value: u16) -> Option<()> {
        let bytes = match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        };
        tiff.get_mut(at..)?
            .first_chunk_mut()
            .map(|place| *place = bytes)
    }

    /// Writes a 32-bit number; `None` past the end, or where it does not fit.
    pub(crate) fn put_long(self, tiff: &mut [u8], at: usize, value: usize) -> Option<()> {
        let value = u32::try_from(value).ok()?;
        let bytes = match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        };
        tiff.get_mut(at..)?
            .first_chunk_mut()
            .map(|place| *place = bytes)
    }

    /// Where the first entry of this tag is in the first directory.
    pub(crate) fn entry(self, tiff: &[u8], tag: u16) -> Option<usize> {
        let directory = self.long(tiff, 4)?;
        let count = usize::from(self.short(tiff, directory)?);
        // A directory may claim more entries than there is data for: 65 535 in a segment of 20 bytes.
        (0..count)
            .map(|index| directory.saturating_add(2 + 12 * index))
            .map_while(|entry| Some((entry, self.short(tiff, entry)?)))
            .find(|&(_, found)| found == tag)
            .map(|(entry, _)| entry)
    }
}
