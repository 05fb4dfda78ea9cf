//! The segments that a file keeps.

use raster::{Stopped, Watch};

use crate::codes::EXIF;
use crate::exif;
use crate::options::Metadata;
use crate::read::structure::{Segment, Structure};

/// The APPn and COM segments to write, whole, in the order of the source: those before the first scan and those after
/// it. Decoders take what the picture is from before the first scan, so none moves there.
pub(crate) fn kept(
    structure: &Structure,
    metadata: Metadata,
    watch: &dyn Watch,
) -> Result<[Vec<u8>; 2], Stopped> {
    let (leading, late) = structure.segments.split_at(structure.leading);
    let mut kept = [Vec::new(), Vec::new()];
    for segment in leading {
        watch.check()?;
        match metadata {
            Metadata::All => write(segment.marker, segment.payload, &mut kept[0]),
            Metadata::Essential => write_essential(segment, &mut kept[0]),
        }
    }
    if metadata == Metadata::All {
        for segment in late {
            watch.check()?;
            write(segment.marker, segment.payload, &mut kept[1]);
        }
    }
    Ok(kept)
}

fn write(marker: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.extend([0xFF, marker]);
    out.extend((2 + payload.len() as u16).to_be_bytes());
    out.extend(payload);
}

/// ICC and Adobe as they are, JFIF (which says what the components are) without its thumbnail, and of EXIF the
/// orientation alone, where it turns the picture.
fn write_essential(segment: &Segment, out: &mut Vec<u8>) {
    if segment.is_icc() || segment.is_adobe() {
        write(segment.marker, segment.payload, out);
    } else if segment.is_jfif() {
        let mut jfif = segment.payload[..14].to_vec();
        jfif[12..].fill(0);
        write(segment.marker, &jfif, out);
    } else if let Some(alone) = segment.exif().and_then(exif::orientation_alone) {
        write(segment.marker, &[&EXIF[..], &alone].concat(), out);
    }
}

/// The file `source` up to its end, with none but the segments that are kept, and all else as it is.
pub(crate) fn source_with_kept(
    source: &[u8],
    structure: &Structure,
    metadata: Metadata,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Stopped> {
    if metadata == Metadata::All {
        return Ok(source[..structure.end].to_vec());
    }
    let mut out = Vec::new();
    let mut from = 0;
    for (number, segment) in structure.segments.iter().enumerate() {
        watch.check()?;
        // Marker and length are 4 bytes; fill bytes before them are part of what stays.
        out.extend(&source[from..segment.end - segment.payload.len() - 4]);
        if number < structure.leading {
            write_essential(segment, &mut out);
        }
        from = segment.end;
    }
    out.extend(&source[from..structure.end]);
    Ok(out)
}
