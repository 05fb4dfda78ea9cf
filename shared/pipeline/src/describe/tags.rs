//! The tags of EXIF that `exif` tells, by their standard names, and what the numbers of some of them mean.
//!
//! Source: Exif 2.32, 4.6.4 to 4.6.6; the texts are libexif's. Tag 0x8827 has its name of before Exif 2.3, which clients look for.

/// A tag of one directory.
pub(super) struct Tag {
    number: u16,
    /// Its name.
    pub(super) name: &'static str,
    /// What the numbers mean that it can have, where they mean something.
    pub(super) meanings: &'static [(u16, &'static str)],
}

/// Which directory a tag is in: the same number means something else in another.
#[derive(Clone, Copy)]
pub(super) enum Directory {
    /// IFD0.
    Main,
    Exif,
    Gps,
}

/// The tag of this number, if it is known.
pub(super) fn find(directory: Directory, number: u16) -> Option<&'static Tag> {
    let tags = match directory {
        Directory::Main => MAIN,
        Directory::Exif => EXIF,
        Directory::Gps => GPS,
    };
    let at = tags.binary_search_by_key(&number, |tag| tag.number).ok()?;
    Some(&tags[at])
}

const fn tag(number: u16, name: &'static str) -> Tag {
    choice(number, name, &[])
}

const fn choice(number: u16, name: &'static str, meanings: &'static [(u16, &'static str)]) -> Tag {
    Tag {
        number,
        name,
        meanings,
    }
}

/// By their numbers, upwards.
static MAIN: &[Tag] = &[
    tag(0x0100, "ImageWidth"),
    tag(0x0101, "ImageLength"),
    tag(0x0102, "BitsPerSample"),
    choice(
        0x0103,
        "Compression",
        &[(1, "Uncompressed"), (6, "JPEG compression")],
    ),
    choice(
        0x0106,
        "PhotometricInterpretation",
        &[
            (0, "Reversed mono"),
            (1, "Normal mono"),
            (2, "RGB"),
            (3, "Palette"),
            (5, "CMYK"),
            (6, "YCbCr"),
            (8, "CieLAB"),
        ],
    ),
    tag(0x010E, "ImageDescription"),
    tag(0x010F, "Make"),
    tag(0x0110, "Model"),
    tag(0x0111, "StripOffsets"),
    choice(
        0x0112,
        "Orientation",
        &[
            (1, "Top-left"),
            (2, "Top-right"),
            (3, "Bottom-right"),
            (4, "Bottom-left"),
            (5, "Left-top"),
            (6, "Right-top"),
            (7, "Right-bottom"),
            (8, "Left-bottom"),
        ],
    ),
    tag(0x0115, "SamplesPerPixel"),
    tag(0x0116, "RowsPerStrip"),
    tag(0x0117, "StripByteCounts"),
    tag(0x011A, "XResolution"),
    tag(0x011B, "YResolution"),
    choice(
        0x011C,
        "PlanarConfiguration",
        &[(1, "Chunky format"), (2, "Planar format")],
    ),
    choice(0x0128, "ResolutionUnit", &[(2, "Inch"), (3, "Centimeter")]),
    tag(0x012D, "TransferFunction"),
    tag(0x0131, "Software"),
    tag(0x0132, "DateTime"),
    tag(0x013B, "Artist"),
    tag(0x013E, "WhitePoint"),
    tag(0x013F, "PrimaryChromaticities"),
    tag(0x0211, "YCbCrCoefficients"),
    tag(0x0212, "YCbCrSubSampling"),
    choice(
        0x0213,
        "YCbCrPositioning",
        &[(1, "Centered"), (2, "Co-sited")],
    ),
    tag(0x0214, "ReferenceBlackWhite"),
    tag(0x8298, "Copyright"),
    tag(0x9C9B, "XPTitle"),
    tag(0x9C9C, "XPComment"),
    tag(0x9C9D, "XPAuthor"),
    tag(0x9C9E, "XPKeywords"),
    tag(0x9C9F, "XPSubject"),
];

/// By their numbers, upwards.
static EXIF: &[Tag] = &[
    tag(0x829A, "ExposureTime"),
    tag(0x829D, "FNumber"),
    choice(
        0x8822,
        "ExposureProgram",
        &[
            (0, "Not defined"),
            (1, "Manual"),
            (2, "Normal program"),
            (3, "Aperture priority"),
            (4, "Shutter priority"),
            (5, "Creative program (biased toward depth of field)"),
            (6, "Creative program (biased toward fast shutter speed)"),
            (
                7,
                "Portrait mode (for closeup photos with the background out of focus)",
            ),
            (
                8,
                "Landscape mode (for landscape photos with the background in focus)",
            ),
        ],
    ),
    tag(0x8824, "SpectralSensitivity"),
    tag(0x8827, "ISOSpeedRatings"),
    tag(0x8828, "OECF"),
    tag(0x8830, "SensitivityType"),
    tag(0x8831, "StandardOutputSensitivity"),
    tag(0x8832, "RecommendedExposureIndex"),
    tag(0x8833, "ISOSpeed"),
    tag(0x8834, "ISOSpeedLatitudeyyy"),
    tag(0x8835, "ISOSpeedLatitudezzz"),
    tag(0x9000, "ExifVersion"),
    tag(0x9003, "DateTimeOriginal"),
    tag(0x9004, "DateTimeDigitized"),
    tag(0x9010, "OffsetTime"),
    tag(0x9011, "OffsetTimeOriginal"),
    tag(0x9012, "OffsetTimeDigitized"),
    tag(0x9101, "ComponentsConfiguration"),
    tag(0x9102, "CompressedBitsPerPixel"),
    tag(0x9201, "ShutterSpeedValue"),
    tag(0x9202, "ApertureValue"),
    tag(0x9203, "BrightnessValue"),
    tag(0x9204, "ExposureBiasValue"),
    tag(0x9205, "MaxApertureValue"),
    tag(0x9206, "SubjectDistance"),
    choice(
        0x9207,
        "MeteringMode",
        &[
            (0, "Unknown"),
            (1, "Average"),
            (2, "Center-weighted average"),
            (3, "Spot"),
            (4, "Multi spot"),
            (5, "Pattern"),
            (6, "Partial"),
            (255, "Other"),
        ],
    ),
    choice(
        0x9208,
        "LightSource",
        &[
            (0, "Unknown"),
            (1, "Daylight"),
            (2, "Fluorescent"),
            (3, "Tungsten incandescent light"),
            (4, "Flash"),
            (9, "Fine weather"),
            (10, "Cloudy weather"),
            (11, "Shade"),
            (12, "Daylight fluorescent"),
            (13, "Day white fluorescent"),
            (14, "Cool white fluorescent"),
            (15, "White fluorescent"),
            (17, "Standard light A"),
            (18, "Standard light B"),
            (19, "Standard light C"),
            (20, "D55"),
            (21, "D65"),
            (22, "D75"),
            (23, "D50"),
            (24, "ISO studio tungsten"),
            (255, "Other"),
        ],
    ),
    choice(
        0x9209,
        "Flash",
        &[
            (0, "Flash did not fire"),
            (1, "Flash fired"),
            (5, "Strobe return light not detected"),
            (7, "Strobe return light detected"),
            (8, "Flash did not fire"),
            (9, "Flash fired, compulsory flash mode"),
            (
                13,
                "Flash fired, compulsory flash mode, return light not detected",
            ),
            (
                15,
                "Flash fired, compulsory flash mode, return light detected",
            ),
            (16, "Flash did not fire, compulsory flash mode"),
            (24, "Flash did not fire, auto mode"),
            (25, "Flash fired, auto mode"),
            (29, "Flash fired, auto mode, return light not detected"),
            (31, "Flash fired, auto mode, return light detected"),
            (32, "No flash function"),
            (65, "Flash fired, red-eye reduction mode"),
            (
                69,
                "Flash fired, red-eye reduction mode, return light not detected",
            ),
            (
                71,
                "Flash fired, red-eye reduction mode, return light detected",
            ),
            (
                73,
                "Flash fired, compulsory flash mode, red-eye reduction mode",
            ),
            (
                77,
                "Flash fired, compulsory flash mode, red-eye reduction mode, return light not detected",
            ),
            (
                79,
                "Flash fired, compulsory flash mode, red-eye reduction mode, return light detected",
            ),
            (88, "Flash did not fire, auto mode, red-eye reduction mode"),
            (89, "Flash fired, auto mode, red-eye reduction mode"),
            (
                93,
                "Flash fired, auto mode, return light not detected, red-eye reduction mode",
            ),
            (
                95,
                "Flash fired, auto mode, return light detected, red-eye reduction mode",
            ),
        ],
    ),
    tag(0x920A, "FocalLength"),
    tag(0x9214, "SubjectArea"),
    tag(0x9286, "UserComment"),
    tag(0x9290, "SubSecTime"),
    tag(0x9291, "SubSecTimeOriginal"),
    tag(0x9292, "SubSecTimeDigitized"),
    tag(0x9400, "Temperature"),
    tag(0x9401, "Humidity"),
    tag(0x9402, "Pressure"),
    tag(0x9403, "WaterDepth"),
    tag(0x9404, "Acceleration"),
    tag(0x9405, "CameraElevationAngle"),
    tag(0xA000, "FlashpixVersion"),
    choice(
        0xA001,
        "ColorSpace",
        &[(1, "sRGB"), (2, "Adobe RGB"), (65535, "Uncalibrated")],
    ),
    tag(0xA002, "PixelXDimension"),
    tag(0xA003, "PixelYDimension"),
    tag(0xA004, "RelatedSoundFile"),
    tag(0xA20B, "FlashEnergy"),
    tag(0xA20C, "SpatialFrequencyResponse"),
    tag(0xA20E, "FocalPlaneXResolution"),
    tag(0xA20F, "FocalPlaneYResolution"),
    choice(
        0xA210,
        "FocalPlaneResolutionUnit",
        &[(2, "Inch"), (3, "Centimeter")],
    ),
    tag(0xA214, "SubjectLocation"),
    tag(0xA215, "ExposureIndex"),
    choice(
        0xA217,
        "SensingMethod",
        &[
            (1, "Not defined"),
            (2, "One-chip color area sensor"),
            (3, "Two-chip color area sensor"),
            (4, "Three-chip color area sensor"),
            (5, "Color sequential area sensor"),
            (7, "Trilinear sensor"),
            (8, "Color sequential linear sensor"),
        ],
    ),
    choice(0xA300, "FileSource", &[(3, "DSC")]),
    choice(0xA301, "SceneType", &[(1, "Directly photographed")]),
    tag(0xA302, "CFAPattern"),
    choice(
        0xA401,
        "CustomRendered",
        &[(0, "Normal process"), (1, "Custom process")],
    ),
    choice(
        0xA402,
        "ExposureMode",
        &[
            (0, "Auto exposure"),
            (1, "Manual exposure"),
            (2, "Auto bracket"),
        ],
    ),
    choice(
        0xA403,
        "WhiteBalance",
        &[(0, "Auto white balance"), (1, "Manual white balance")],
    ),
    tag(0xA404, "DigitalZoomRatio"),
    tag(0xA405, "FocalLengthIn35mmFilm"),
    choice(
        0xA406,
        "SceneCaptureType",
        &[
            (0, "Standard"),
            (1, "Landscape"),
            (2, "Portrait"),
            (3, "Night scene"),
        ],
    ),
    choice(
        0xA407,
        "GainControl",
        &[
            (0, "Normal"),
            (1, "Low gain up"),
            (2, "High gain up"),
            (3, "Low gain down"),
            (4, "High gain down"),
        ],
    ),
    choice(
        0xA408,
        "Contrast",
        &[(0, "Normal"), (1, "Soft"), (2, "Hard")],
    ),
    choice(
        0xA409,
        "Saturation",
        &[(0, "Normal"), (1, "Low saturation"), (2, "High saturation")],
    ),
    choice(
        0xA40A,
        "Sharpness",
        &[(0, "Normal"), (1, "Soft"), (2, "Hard")],
    ),
    tag(0xA40B, "DeviceSettingDescription"),
    choice(
        0xA40C,
        "SubjectDistanceRange",
        &[
            (0, "Unknown"),
            (1, "Macro"),
            (2, "Close view"),
            (3, "Distant view"),
        ],
    ),
    tag(0xA420, "ImageUniqueID"),
    tag(0xA430, "CameraOwnerName"),
    tag(0xA431, "BodySerialNumber"),
    tag(0xA432, "LensSpecification"),
    tag(0xA433, "LensMake"),
    tag(0xA434, "LensModel"),
    tag(0xA435, "LensSerialNumber"),
    tag(0xA500, "Gamma"),
];

/// By their numbers, upwards.
static GPS: &[Tag] = &[
    tag(0x0000, "GPSVersionID"),
    tag(0x0001, "GPSLatitudeRef"),
    tag(0x0002, "GPSLatitude"),
    tag(0x0003, "GPSLongitudeRef"),
    tag(0x0004, "GPSLongitude"),
    choice(
        0x0005,
        "GPSAltitudeRef",
        &[(0, "Sea level"), (1, "Sea level reference")],
    ),
    tag(0x0006, "GPSAltitude"),
    tag(0x0007, "GPSTimeStamp"),
    tag(0x0008, "GPSSatellites"),
    tag(0x0009, "GPSStatus"),
    tag(0x000A, "GPSMeasureMode"),
    tag(0x000B, "GPSDOP"),
    tag(0x000C, "GPSSpeedRef"),
    tag(0x000D, "GPSSpeed"),
    tag(0x000E, "GPSTrackRef"),
    tag(0x000F, "GPSTrack"),
    tag(0x0010, "GPSImgDirectionRef"),
    tag(0x0011, "GPSImgDirection"),
    tag(0x0012, "GPSMapDatum"),
    tag(0x0013, "GPSDestLatitudeRef"),
    tag(0x0014, "GPSDestLatitude"),
    tag(0x0015, "GPSDestLongitudeRef"),
    tag(0x0016, "GPSDestLongitude"),
    tag(0x0017, "GPSDestBearingRef"),
    tag(0x0018, "GPSDestBearing"),
    tag(0x0019, "GPSDestDistanceRef"),
    tag(0x001A, "GPSDestDistance"),
    tag(0x001B, "GPSProcessingMethod"),
    tag(0x001C, "GPSAreaInformation"),
    tag(0x001D, "GPSDateStamp"),
    tag(0x001E, "GPSDifferential"),
    tag(0x001F, "GPSHPositioningError"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_in_order() {
        for tags in [MAIN, EXIF, GPS] {
            assert!(tags.is_sorted_by(|a, b| a.number < b.number));
        }
    }
}
