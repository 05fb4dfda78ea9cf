//! The directories of a TIFF structure, which EXIF is. Damage is no error: what cannot be read is left out.
//!
//! Source: TIFF 6.0, section 2.

use codec_jpeg::tiff::ByteOrder;

/// A TIFF structure. Entries are read where they lie, and nothing is copied.
#[derive(Clone, Copy)]
pub(super) struct Tiff<'a> {
    data: &'a [u8],
    order: ByteOrder,
}

/// A tag and its value.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) tag: u16,
    pub(super) kind: Kind,
    /// The value's bytes, whole items of its kind.
    pub(super) bytes: &'a [u8],
    order: ByteOrder,
}

/// The types of a value, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Byte = 1,
    Ascii = 2,
    Short = 3,
    Long = 4,
    Rational = 5,
    SignedByte = 6,
    Undefined = 7,
    SignedShort = 8,
    SignedLong = 9,
    SignedRational = 10,
    Float = 11,
    Double = 12,
}

impl Kind {
    fn of(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Byte,
            2 => Self::Ascii,
            3 => Self::Short,
            4 => Self::Long,
            5 => Self::Rational,
            6 => Self::SignedByte,
            7 => Self::Undefined,
            8 => Self::SignedShort,
            9 => Self::SignedLong,
            10 => Self::SignedRational,
            11 => Self::Float,
            12 => Self::Double,
            _ => return None,
        })
    }

    /// Bytes of one item.
    fn item_bytes(self) -> usize {
        match self {
            Self::Byte | Self::Ascii | Self::SignedByte | Self::Undefined => 1,
            Self::Short | Self::SignedShort => 2,
            Self::Long | Self::SignedLong | Self::Float => 4,
            Self::Rational | Self::SignedRational | Self::Double => 8,
        }
    }
}

impl<'a> Tiff<'a> {
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let order = ByteOrder::of(data)?;
        Some(Self { data, order })
    }

    /// The entries of the first directory, IFD0.
    pub(super) fn first(self) -> impl Iterator<Item = Entry<'a>> {
        self.directory(self.long(4).unwrap_or_default())
    }

    /// The entries of the directory to which an entry of IFD0 points.
    pub(super) fn child(self, pointer: u16) -> impl Iterator<Item = Entry<'a>> {
        let found = self.first().find(|entry| entry.tag == pointer);
        let place = found.and_then(|entry| entry.integers().next());
        self.directory(place.and_then(|at| usize::try_from(at).ok()).unwrap_or(0))
    }

    /// The entries of the directory at this place; none at 0, where the header is.
    fn directory(self, at: usize) -> impl Iterator<Item = Entry<'a>> {
        let count = if at == 0 { None } else { self.short(at) };
        (0..usize::from(count.unwrap_or_default()))
            // A directory may claim more entries than there is data for.
            .map_while(move |index| {
                let entry = at.checked_add(2 + 12 * index)?;
                self.data.get(entry..)?.first_chunk::<12>()?;
                Some(self.entry(entry))
            })
            .flatten()
    }

    fn entry(self, at: usize) -> Option<Entry<'a>> {
        let kind = Kind::of(self.short(at + 2)?)?;
        let count = self.long(at + 4)?;
        let len = count.checked_mul(kind.item_bytes())?;
        let begin = if len <= 4 { at + 8 } else { self.long(at + 8)? };
        Some(Entry {
            tag: self.short(at)?,
            kind,
            bytes: self.data.get(begin..begin.checked_add(len)?)?,
            order: self.order,
        })
    }

    fn short(self, at: usize) -> Option<u16> {
        self.order.short(self.data, at)
    }

    fn long(self, at: usize) -> Option<usize> {
        self.order.long(self.data, at)
    }
}

impl<'a> Entry<'a> {
    /// Whether its numbers begin with their lowest byte.
    pub(super) fn is_little(&self) -> bool {
        self.order == ByteOrder::Little
    }

    /// The value's items where they are whole numbers; none where they are not.
    pub(super) fn integers(&self) -> impl Iterator<Item = i64> + 'a {
        let kind = match self.kind {
            Kind::Ascii | Kind::Rational | Kind::SignedRational | Kind::Float | Kind::Double => {
                None
            }
            kind => Some(kind),
        };
        let (bytes, order) = (self.bytes, self.order);
        kind.into_iter().flat_map(move |kind| {
            let items = bytes.chunks_exact(kind.item_bytes());
            items.map(move |item| integer(kind, item, order))
        })
    }

    /// The value's items where they are fractions, as numerator and denominator; none where they are not.
    pub(super) fn fractions(&self) -> impl Iterator<Item = (i64, i64)> + 'a {
        let half = match self.kind {
            Kind::Rational => Some(Kind::Long),
            Kind::SignedRational => Some(Kind::SignedLong),
            _ => None,
        };
        let (bytes, order) = (self.bytes, self.order);
        half.into_iter().flat_map(move |half| {
            bytes.chunks_exact(8).map(move |item| {
                let (over, under) = item.split_at(4);
                (integer(half, over, order), integer(half, under, order))
            })
        })
    }

    /// The value's items where they are numbers of any kind but floating-point ones, which no tag of EXIF has. What is
    /// divided by 0 is infinite, or no number.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> + 'a {
        let fractions = self.fractions();
        let integers = self.integers().map(|n| n as f64);
        integers.chain(fractions.map(|(over, under)| over as f64 / under as f64))
    }
}

/// A whole number of this kind.
fn integer(kind: Kind, item: &[u8], order: ByteOrder) -> i64 {
    let mut bytes = [0; 4];
    let len = item.len().min(4);
    for (n, byte) in item.iter().take(4).enumerate() {
        let place = match order {
            ByteOrder::Little => n,
            ByteOrder::Big => len - 1 - n,
        };
        bytes[place] = *byte;
    }
    let unsigned = u32::from_le_bytes(bytes);
    match kind {
        Kind::SignedByte => i64::from(unsigned as u8 as i8),
        Kind::SignedShort => i64::from(unsigned as u16 as i16),
        Kind::SignedLong => i64::from(unsigned as i32),
        _ => i64::from(unsigned),
    }
}
