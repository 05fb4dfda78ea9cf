//! The one table of operations: what each is called, what it takes, how it is read and written, and whether it is
//! built. The parser, the messages, the order of the canonical text and the README's table are all made from it.

use std::fmt::{self, Write as _};

use crate::error::Error;
use crate::image_mogr2::{Draft, ImageMogr2, Transform, turn};
use crate::values::{Segments, Takes};

/// One row: an operation of `imageMogr2`, or a parameter of one.
pub(crate) struct Operation {
    /// Its name.
    pub(crate) name: &'static str,
    /// What stands after the name, as the README shows it.
    pub(crate) values: &'static str,
    /// What it does, for the README.
    pub(crate) does: &'static str,
    /// Whether the pipeline can do it. What is not built is refused by name.
    pub(crate) built: bool,
    /// What it is beside others.
    pub(crate) kind: Kind,
    /// Reads what follows the name.
    pub(crate) read: Read,
    /// Writes it where the stage has it and it has no place among the transforms.
    pub(crate) write: fn(&ImageMogr2, &mut fmt::Formatter<'_>) -> fmt::Result,
}

/// What an operation is beside others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Changes pixels: it has a place among its like, and may stand more than once.
    Transform,
    /// Says how to read, write or answer: it has no place.
    Option,
    /// Belongs to the operation before it, and has no row of its own in the README.
    Parameter,
}

/// Reads what follows a name into a stage.
pub(crate) type Read = fn(&mut Segments<'_>, &mut Draft) -> Result<(), Error>;

impl Operation {
    /// An operation that is not built.
    const fn new(name: &'static str, values: &'static str, does: &'static str, read: Read) -> Self {
        Self {
            name,
            values,
            does,
            built: false,
            kind: Kind::Option,
            read,
            write: |_, _| Ok(()),
        }
    }

    /// One whose values nothing reads yet: it is refused before they are looked at.
    const fn named(name: &'static str) -> Self {
        Self::new(name, "", "", |_, _| Ok(()))
    }

    const fn built(mut self) -> Self {
        self.built = true;
        self
    }

    const fn parameter(mut self) -> Self {
        self.kind = Kind::Parameter;
        self
    }

    const fn transform(mut self) -> Self {
        self.kind = Kind::Transform;
        self
    }

    const fn written(
        mut self,
        write: fn(&ImageMogr2, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> Self {
        self.write = write;
        self
    }
}

const IGNORE_ERROR: Takes = Takes {
    operation: "ignore-error",
    expected: "1",
};

/// Every operation of `imageMogr2`. The canonical text has those that have no place in this order, transforms after
/// `animate`.
pub(crate) static OPERATIONS: [Operation; 35] = [
    Operation::new(
        "animate",
        "duration/<ms>/images/<b64url>/...",
        "GIF of the object and the images, in order; 1 to 655350 ms, 1 to 19 images; every mode",
        |_, draft| {
            draft.animate.asked = true;
            Ok(())
        },
    )
    .built(),
    Operation::new("duration", "<ms>", "", |segments, draft| {
        draft.animate.read_duration(segments)
    })
    .built()
    .parameter(),
    Operation::new("images", "<b64url>/...", "", |segments, draft| {
        draft.animate.read_images(segments)
    })
    .built()
    .parameter(),
    Operation::named("thumbnail"),
    Operation::named("pad"),
    Operation::named("color"),
    Operation::named("cut"),
    Operation::named("crop"),
    Operation::named("iradius"),
    Operation::named("rradius"),
    Operation::named("scrop"),
    Operation::named("rcrop"),
    Operation::named("gravity"),
    Operation::named("dx"),
    Operation::named("dy"),
    Operation::new(
        "rotate",
        "<-360..360>",
        "clockwise, in whole degrees",
        |segments, draft| {
            // A turn by nothing is no operation.
            match turn::rotate(segments)? {
                0 => {}
                degrees => draft.stage.transforms.push(Transform::Rotate(degrees)),
            }
            Ok(())
        },
    )
    .transform(),
    Operation::new(
        "flip",
        "<horizontal|vertical>",
        "left and right, or top and bottom, change places",
        |segments, draft| {
            let flip = turn::flip(segments)?;
            draft.stage.transforms.push(Transform::Flip(flip));
            Ok(())
        },
    )
    .transform(),
    Operation::named("rquality"),
    Operation::named("lquality"),
    Operation::named("blur"),
    Operation::named("bright"),
    Operation::named("contrast"),
    Operation::named("sharpen"),
    Operation::named("grayscale"),
    Operation::named("size-limit"),
    Operation::named("cgif"),
    Operation::named("egif"),
    Operation::named("frame"),
    Operation::named("AIGCMetadata"),
    Operation::new(
        "format",
        "<jpg|yjpeg|png>",
        "JPG, PNG, BMP, first frame of GIF and WebP; alpha over white",
        |segments, draft| draft.stage.output.read_format(segments),
    )
    .built()
    .written(|stage, f| valued(f, "format", stage.output.format)),
    Operation::new(
        "interlace",
        "<0|1>",
        "JPEG in, JPEG out: lossless. Means nothing to other outputs",
        |segments, draft| draft.stage.output.read_interlace(segments),
    )
    .built()
    .written(|stage, f| valued(f, "interlace", stage.output.interlace.map(u8::from))),
    Operation::new(
        "quality",
        "<0-100>[!]",
        "JPG output; at most the source's, `!` forces",
        |segments, draft| draft.stage.output.read_quality(segments),
    )
    .built()
    .written(|stage, f| valued(f, "quality", stage.output.quality)),
    Operation::new(
        "strip",
        "",
        "drops metadata but ICC, Adobe and orientation",
        |_, draft| {
            draft.stage.output.strip = true;
            Ok(())
        },
    )
    .built()
    .written(|stage, f| switched(f, "strip", stage.output.strip)),
    Operation::new(
        "auto-orient",
        "",
        "turns the pixels as EXIF says, before all else",
        |_, draft| {
            draft.stage.auto_orient = true;
            Ok(())
        },
    )
    .built()
    .written(|stage, f| switched(f, "auto-orient", stage.auto_orient)),
    Operation::new(
        "ignore-error",
        "1",
        "the original instead of an error of the image, a limit, a value or the deadline; in `Pic-Operations` a copy \
         of it under the `fileid`",
        |segments, draft| {
            let text = segments.need(IGNORE_ERROR)?;
            draft.stage.ignore_error = text == "1";
            if text == "1" {
                Ok(())
            } else {
                Err(IGNORE_ERROR.not(text))
            }
        },
    )
    .built()
    .written(|stage, f| valued(f, "ignore-error", stage.ignore_error.then_some(1))),
];

/// The row of this name.
pub(crate) fn find(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|row| row.name == name)
}

/// True for a segment that is a name, and so never a value.
pub(crate) fn is_name(segment: &str) -> bool {
    find(segment).is_some()
}

/// The operations that are built, one a row of a Markdown table: rule, what it does.
pub fn operations_table() -> String {
    let mut table = "| rule | what it does |\n| --- | --- |\n".to_owned();
    for row in built() {
        let separator = if row.values.is_empty() { "" } else { "/" };
        let values = row.values.replace('|', "\\|");
        let (name, does) = (row.name, row.does);
        let _ = writeln!(table, "| `imageMogr2/{name}{separator}{values}` | {does} |");
    }
    table
}

/// The operations that are built, for messages.
pub(crate) fn supported() -> String {
    built().map(|row| row.name).collect::<Vec<_>>().join(", ")
}

fn built() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS
        .iter()
        .filter(|row| row.built && row.kind != Kind::Parameter)
}

fn valued<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: Option<T>,
) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, "/{name}/{value}"))
}

fn switched(f: &mut fmt::Formatter<'_>, name: &str, on: bool) -> fmt::Result {
    if on { write!(f, "/{name}") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_table() {
        let readme = include_str!("../../../README.md");
        let table = operations_table();
        assert!(readme.contains(&table), "README.md has to have:\n{table}");
    }

    #[test]
    fn a_name_is_one_row() {
        for (n, row) in OPERATIONS.iter().enumerate() {
            let first = OPERATIONS.iter().position(|other| other.name == row.name);
            assert_eq!(first, Some(n), "{}", row.name);
        }
    }
}
