//! What `exif` tells of a picture: the tags of IFD0, Exif and GPS by name, their values as libexif writes them.
//! `MakerNote` and the thumbnail are left out.
//!
//! Source: Exif 2.32, 4.6 (tags and their values); libexif, `exif_entry_get_value` (texts); Qiniu's `exif` (the shape of the
//! document).

use codec_jpeg::exif;

use super::tags::{self, Directory, Tag};
use super::tiff::{Entry, Kind, Tiff};
use crate::format::Format;
use crate::probe::{jpeg, png, webp};

/// The document where there is no EXIF.
pub(crate) const NONE: &str = "{\"error\" : \"no exif data\"}";

/// Bytes of a value's text at most, as in libexif's own programs.
const MAX_TEXT_BYTES: usize = 1023;

/// Pointers to the directories Exif and GPS, in IFD0.
const EXIF_POINTER: u16 = 0x8769;
const GPS_POINTER: u16 = 0x8825;

/// The document of `exif` for a file of this format. What of it cannot be read is left out.
pub(crate) fn document(file: &[u8], format: Format) -> String {
    let found = match format {
        Format::Jpeg => jpeg::Header::read(file).ok().and_then(|found| found.exif),
        Format::Png => png::chunk(file, *b"eXIf").map(exif::tiff),
        Format::WebP => webp::Container::read(file)
            .ok()
            .and_then(|found| found.exif),
        Format::Gif | Format::Bmp => None,
    };
    found.and_then(of_tiff).unwrap_or_else(|| NONE.to_owned())
}

/// The document; `None` where no known tag is found.
fn of_tiff(data: &[u8]) -> Option<String> {
    let tiff = Tiff::read(data)?;
    let mut told: Vec<&Tag> = Vec::new();
    let mut members = Vec::new();
    let mut tell = |directory, entry: Entry| {
        let Some(tag) = tags::find(directory, entry.tag) else {
            return;
        };
        // A directory may hold a tag as often as it likes; a document has a name once.
        if !told.iter().any(|other| other.name == tag.name) {
            told.push(tag);
            let value = shortened(value(tag, &entry));
            let value = serde_json::Value::from(value);
            let kind = entry.kind as u8;
            let name = tag.name;
            members.push(format!(
                "\"{name}\": {{\"val\": {value}, \"type\": {kind}}}"
            ));
        }
    };
    tiff.first().for_each(|entry| tell(Directory::Main, entry));
    let exif = tiff.child(EXIF_POINTER);
    exif.for_each(|entry| tell(Directory::Exif, entry));
    let gps = tiff.child(GPS_POINTER);
    gps.for_each(|entry| tell(Directory::Gps, entry));
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(", ")))
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    text
}

/// The text of a value: the tag's own, else that of its kind.
fn value(tag: &Tag, entry: &Entry) -> String {
    special(tag.name, entry)
        .or_else(|| {
            let number = entry.integers().next()?;
            let mut meanings = tag.meanings.iter();
            let found = meanings.find(|(known, _)| i64::from(*known) == number)?;
            Some(found.1.to_owned())
        })
        .unwrap_or_else(|| plain(entry))
}

/// The text of a value that is a quantity, or is packed in a way of its own.
fn special(name: &str, entry: &Entry) -> Option<String> {
    let number = || entry.numbers().next().filter(|n| n.is_finite());
    Some(match name {
        "ExposureTime" => match number()? {
            n if n > 0.0 && n < 1.0 => format!("1/{} sec.", (0.5 + 1.0 / n) as u64),
            n => format!("{} sec.", n as i64),
        },
        "FNumber" => format!("f/{:.1}", number()?),
        "ApertureValue" | "MaxApertureValue" => {
            let n = number()?;
            format!("{n:.2} EV (f/{:.1})", (n / 2.0).exp2())
        }
        "ShutterSpeedValue" => {
            let n = number()?;
            match (-n).exp2() {
                seconds if seconds > 0.0 && seconds < 1.0 => {
                    format!("{n:.2} EV (1/{} sec.)", (0.5 + 1.0 / seconds) as u64)
                }
                seconds => format!("{n:.2} EV ({} sec.)", seconds as u64),
            }
        }
        "BrightnessValue" => {
            let n = number()?;
            // A foot-lambert is 1 / (pi x 0.3048 x 0.3048) candela per square meter.
            let candela = n.exp2() / (std::f64::consts::PI * 0.3048 * 0.3048);
            format!("{n:.2} EV ({candela:.2} cd/m^2)")
        }
        "ExposureBiasValue" => format!("{:.2} EV", number()?),
        "FocalLength" => format!("{:.1} mm", number()?),
        "SubjectDistance" => format!("{:.1} m", number()?),
        "ExifVersion" => match version(entry)? {
            [b'0', major, minor, b'0'] => {
                format!("Exif Version {}.{}", char::from(major), char::from(minor))
            }
            [b'0', major, minor, patch] => {
                let [major, minor, patch] = [major, minor, patch].map(char::from);
                format!("Exif Version {major}.{minor}{patch}")
            }
            _ => "Unknown Exif Version".to_owned(),
        },
        "FlashpixVersion" => match &version(entry)? {
            b"0100" => "FlashPix Version 1.0".to_owned(),
            b"0101" => "FlashPix Version 1.01".to_owned(),
            _ => "Unknown FlashPix Version".to_owned(),
        },
        "UserComment" => {
            // Eight bytes say how it is coded.
            let (code, text) = entry.bytes.split_at_checked(8)?;
            match code {
                b"UNICODE\0" => utf16(text, entry.is_little()),
                _ => text_of(text),
            }
        }
        "XPTitle" | "XPComment" | "XPAuthor" | "XPKeywords" | "XPSubject" => {
            utf16(entry.bytes, true)
        }
        "Copyright" => {
            // The photographer's, a NUL, the editor's.
            let mut parts = entry.bytes.split(|byte| *byte == 0);
            let mut part = || {
                let part = parts.next().map(text_of).unwrap_or_default();
                let part = part.trim().to_owned();
                if part.is_empty() {
                    "[None]".to_owned()
                } else {
                    part
                }
            };
            let (photographer, editor) = (part(), part());
            format!("{photographer} (Photographer) - {editor} (Editor)")
        }
        "ComponentsConfiguration" => {
            let names = ["-", "Y", "Cb", "Cr", "R", "G", "B"];
            let name = |n: i64| {
                usize::try_from(n)
                    .ok()
                    .and_then(|n| names.get(n).copied())
                    .unwrap_or("-")
            };
            entry
                .integers()
                .take(4)
                .map(name)
                .collect::<Vec<_>>()
                .join(" ")
        }
        "YCbCrSubSampling" => match entry.integers().collect::<Vec<_>>()[..] {
            [2, 1] => "YCbCr4:2:2".to_owned(),
            [2, 2] => "YCbCr4:2:0".to_owned(),
            _ => return None,
        },
        "GPSVersionID" => {
            let numbers = entry.integers().take(4).map(|n| n.to_string());
            numbers.collect::<Vec<_>>().join(".")
        }
        "GPSTimeStamp" => {
            let numbers: Vec<f64> = entry.numbers().filter(|n| n.is_finite()).collect();
            let &[hours, minutes, seconds] = &numbers[..] else {
                return None;
            };
            format!("{hours:02.0}:{minutes:02.0}:{seconds:05.2}")
        }
        _ => return None,
    })
}

fn version(entry: &Entry) -> Option<[u8; 4]> {
    entry.bytes.try_into().ok()
}

/// The text of a value by its kind alone.
fn plain(entry: &Entry) -> String {
    // Each item has a digit and a separator at least; what comes after the longest text is left out anyway.
    let most = MAX_TEXT_BYTES;
    let texts: Vec<String> = match entry.kind {
        Kind::Ascii => return text_of(entry.bytes),
        Kind::Undefined | Kind::Float | Kind::Double => {
            return format!("{} bytes undefined data", entry.bytes.len());
        }
        Kind::Byte | Kind::SignedByte => {
            let bytes = entry.bytes.iter().take(most);
            bytes.map(|byte| format!("0x{byte:02x}")).collect()
        }
        Kind::Short | Kind::Long | Kind::SignedShort | Kind::SignedLong => {
            entry.integers().take(most).map(|n| n.to_string()).collect()
        }
        Kind::Rational | Kind::SignedRational => {
            entry.fractions().take(most).map(fraction).collect()
        }
    };
    texts.join(", ")
}

/// As many decimals as the denominator has zeros, about: `72`, `0.33`, `35.0`.
fn fraction((over, under): (i64, i64)) -> String {
    if under == 0 {
        return format!("{over}/{under}");
    }
    let decimals = ((under.unsigned_abs() as f64).log10() - 0.08 + 1.0) as usize;
    format!("{:.decimals$}", over as f64 / under as f64)
}

/// Text up to its first NUL, without spaces at its end.
fn text_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    let text = &bytes[..end.unwrap_or(bytes.len()).min(MAX_TEXT_BYTES)];
    String::from_utf8_lossy(text).trim_end().to_owned()
}

/// Text in UTF-16, up to its first NUL.
fn utf16(bytes: &[u8], little: bool) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| {
        if little {
            u16::from_le_bytes(*pair)
        } else {
            u16::from_be_bytes(*pair)
        }
    });
    let units: Vec<u16> = units
        .take_while(|unit| *unit != 0)
        .take(MAX_TEXT_BYTES)
        .collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of these entries, big-endian: tag, type, number of items, bytes of the value.
    fn directory(at: usize, entries: &[(u16, u16, u32, &[u8])]) -> Vec<u8> {
        let mut head = (entries.len() as u16).to_be_bytes().to_vec();
        let mut tail: Vec<u8> = Vec::new();
        let tail_at = at + 2 + 12 * entries.len() + 4;
        for (tag, kind, count, value) in entries {
            head.extend(tag.to_be_bytes());
            head.extend(kind.to_be_bytes());
            head.extend(count.to_be_bytes());
            if value.len() <= 4 {
                head.extend(*value);
                head.extend(vec![0; 4 - value.len()]);
            } else {
                head.extend(((tail_at + tail.len()) as u32).to_be_bytes());
                tail.extend(*value);
            }
        }
        head.extend([0; 4]);
        head.extend(tail);
        head
    }

    fn ratio(over: u32, under: u32) -> Vec<u8> {
        [over.to_be_bytes(), under.to_be_bytes()].concat()
    }

    /// EXIF of these entries in IFD0 and in the directory Exif.
    fn exif(main: &[(u16, u16, u32, &[u8])], exif: &[(u16, u16, u32, &[u8])]) -> Vec<u8> {
        let place = 8 + directory(8, main).len() + 12;
        let pointer = (place as u32).to_be_bytes();
        let main: Vec<_> = main
            .iter()
            .copied()
            .chain([(EXIF_POINTER, 4, 1, &pointer[..])])
            .collect();
        let mut data = b"MM\0*\0\0\0\x08".to_vec();
        data.extend(directory(8, &main));
        assert_eq!(data.len(), place);
        data.extend(directory(place, exif));
        data
    }

    #[test]
    fn tells_every_known_tag_as_libexif_writes_it() {
        let bias = [1_i32.to_be_bytes(), 3_i32.to_be_bytes()].concat();
        let time = b"2011:11:19 17:09:23\0";
        let data = exif(
            &[
                (0x010F, 2, 6, b"A \"B\"\0"),
                (0x0112, 3, 1, &[0, 6]),
                (0x011A, 5, 1, &ratio(72, 1)),
                (0x0128, 3, 1, &[0, 2]),
                (0x0132, 2, 20, time),
                (0x0132, 2, 20, b"2012:11:19 17:09:23\0"),
                (0xBEEF, 2, 2, b"x\0"),
            ],
            &[
                (0x829A, 5, 1, &ratio(10, 500)),
                (0x829D, 5, 1, &ratio(56, 10)),
                (0x8827, 3, 1, &[0, 200]),
                (0x9000, 7, 4, b"0221"),
                (0x9101, 7, 4, &[1, 2, 3, 0]),
                (0x9201, 10, 1, &ratio(5644, 1000)),
                (0x9202, 5, 1, &ratio(5, 1)),
                (0x9204, 10, 1, &bias),
                (0x9209, 3, 1, &[0, 0x10]),
                (0x920A, 5, 1, &ratio(350, 10)),
                (0x927C, 7, 5, b"maker"),
                (0x9286, 7, 10, b"ASCII\0\0\0hi"),
                (0xA001, 3, 1, &[0, 1]),
                (0xA002, 4, 1, &[0, 0, 2, 0]),
            ],
        );
        let expected = concat!(
            "{",
            r#""Make": {"val": "A \"B\"", "type": 2}, "#,
            r#""Orientation": {"val": "Right-top", "type": 3}, "#,
            r#""XResolution": {"val": "72", "type": 5}, "#,
            r#""ResolutionUnit": {"val": "Inch", "type": 3}, "#,
            r#""DateTime": {"val": "2011:11:19 17:09:23", "type": 2}, "#,
            r#""ExposureTime": {"val": "1/50 sec.", "type": 5}, "#,
            r#""FNumber": {"val": "f/5.6", "type": 5}, "#,
            r#""ISOSpeedRatings": {"val": "200", "type": 3}, "#,
            r#""ExifVersion": {"val": "Exif Version 2.21", "type": 7}, "#,
            r#""ComponentsConfiguration": {"val": "Y Cb Cr -", "type": 7}, "#,
            r#""ShutterSpeedValue": {"val": "5.64 EV (1/50 sec.)", "type": 10}, "#,
            r#""ApertureValue": {"val": "5.00 EV (f/5.7)", "type": 5}, "#,
            r#""ExposureBiasValue": {"val": "0.33 EV", "type": 10}, "#,
            r#""Flash": {"val": "Flash did not fire, compulsory flash mode", "type": 3}, "#,
            r#""FocalLength": {"val": "35.0 mm", "type": 5}, "#,
            r#""UserComment": {"val": "hi", "type": 7}, "#,
            r#""ColorSpace": {"val": "sRGB", "type": 3}, "#,
            r#""PixelXDimension": {"val": "512", "type": 4}"#,
            "}"
        );
        assert_eq!(of_tiff(&data).as_deref(), Some(expected));
    }

    #[test]
    fn damage_and_excess_are_left_out() {
        let whole = exif(
            &[(0x0132, 2, 20, b"2011:11:19 17:09:23\0")],
            &[(0x829A, 5, 1, &ratio(1, 0)), (0x9000, 7, 4, b"0230")],
        );
        for len in 0..whole.len() {
            if let Some(document) = of_tiff(&whole[..len]) {
                let read: Result<serde_json::Value, _> = serde_json::from_str(&document);
                assert!(read.is_ok(), "{len}: {document}");
            }
        }
        let document = of_tiff(&whole).expect("three tags");
        assert!(document.contains(r#""ExposureTime": {"val": "1/0", "type": 5}"#));
        // Each of the entries claims all of the data.
        let all = vec![7; 60_000];
        let entries: Vec<(u16, u16, u32, &[u8])> =
            (0..500).map(|tag| (tag, 1, 60_000, &all[..])).collect();
        let mut data = b"MM\0*\0\0\0\x08".to_vec();
        data.extend(directory(8, &entries));
        let document = of_tiff(&data).expect("some tags are known");
        assert!(document.len() < 60 * 1200, "{}", document.len());
    }
}
