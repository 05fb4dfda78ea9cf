//! Further pictures after the first one's end: an Ultra HDR gain map, the views of a multi-picture file. They are copied
//! as they are; the index that says where they begin is put right.
//!
//! Source: CIPA DC-007 (Multi-Picture Format), 5.2; Android's Ultra HDR image format 1.0.

use std::ops::Range;

use crate::codes::{APP2, MPF};
use crate::read::structure::Structure;
use crate::tiff::ByteOrder;

/// The tag of the index's entries, one of 16 bytes for each picture: what it is, its length, its offset, what it needs.
const ENTRIES: u16 = 0xB002;

/// What comes after the first picture of `source`, where an index says that there is more.
pub(crate) struct Trailer<'a> {
    bytes: &'a [u8],
    /// Where it begins in the source.
    at: usize,
    /// Where in the source the index's TIFF structure is, which offsets count from.
    index: usize,
}

impl<'a> Trailer<'a> {
    pub(crate) fn find(source: &'a [u8], structure: &Structure) -> Option<Self> {
        let leading = &structure.segments[..structure.leading];
        let is_index = |marker: u8, payload: &[u8]| marker == APP2 && payload.starts_with(MPF);
        let index = leading
            .iter()
            .find(|segment| is_index(segment.marker, segment.payload))?;
        Some(Self {
            bytes: source.get(structure.end..)?,
            at: structure.end,
            index: index.end - index.payload.len() + MPF.len(),
        })
    }

    /// Adds it to `file`, a picture with the index of the source, and puts that index right. One that cannot be read is
    /// left as it is.
    pub(crate) fn append(&self, file: &mut Vec<u8>) {
        let len = file.len();
        if let Some(index) = find_index(file) {
            let start = index.start;
            // Nothing beyond its segment is written to, whatever it says.
            let _ = self.put_right(&mut file[index], start, len);
        }
        file.extend(self.bytes);
    }

    /// Rewrites the length of the first picture, `len`, and the offsets of the others, in an `index` that begins at `start`
    /// of its file.
    fn put_right(&self, index: &mut [u8], start: usize, len: usize) -> Option<()> {
        let order = ByteOrder::of(index)?;
        let entry = order.entry(index, ENTRIES)?;
        let first = order.long(index, entry + 8)?;
        let end = first.checked_add(order.long(index, entry + 4)?)?;
        let whole = index.get(first..end)?;
        if whole.len() < 16 {
            return None;
        }
        order.put_long(index, first + 4, len)?;
        for at in (first + 16..end).step_by(16) {
            let offset = order.long(index, at + 8)?;
            // Offset 0 says that there is none; what is not in the trailer stays where it is.
            let place = offset.checked_add(self.index)?.checked_sub(self.at);
            if let (Some(place), 1..) = (place, offset) {
                order.put_long(index, at + 8, place + len - start)?;
            }
        }
        Some(())
    }
}

/// Where the index's TIFF structure is in a file of our own.
fn find_index(file: &[u8]) -> Option<Range<usize>> {
    let mut at = 2;
    while let [0xFF, marker @ 0xE0..=0xFE, high, low, ..] = *file.get(at..)? {
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == APP2 && file.get(at + 4..end)?.starts_with(MPF) {
            return Some(at + 4 + MPF.len()..end);
        }
        at = end;
    }
    None
}
