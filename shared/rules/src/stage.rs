//! Reads and writes an `imageMogr2` stage by the table of operations.

use std::fmt;

use crate::error::{Error, short};
use crate::image_mogr2::{Draft, ImageMogr2};
use crate::table::{self, Kind, OPERATIONS, Operation};
use crate::values::Segments;

/// Which operations are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What is built; others are refused by name.
    Built,
    /// All that have a grammar.
    All,
}

/// Reads the segments after `imageMogr2`; none of them is empty.
pub(crate) fn parse<'a>(
    segments: impl Iterator<Item = &'a str> + 'a,
    scope: Scope,
) -> Result<ImageMogr2, Error> {
    let mut draft = Draft::default();
    let mut given: Vec<&'static Operation> = Vec::new();
    let mut suppressible = None;
    let mut segments = Segments::new(segments, table::is_name);
    while let Some(name) = segments.next() {
        let row = table::find(name).ok_or_else(|| Error::UnknownOperation {
            name: short(name),
            supported: table::supported(),
        })?;
        if scope == Scope::Built && !row.built {
            return Err(Error::UnsupportedOperation {
                name: row.name,
                supported: table::supported(),
            });
        }
        // A faulty value is remembered, and reading goes on: names that are unknown must be told of first.
        let fault = match (row.read)(&mut segments, &mut draft) {
            Err(error) if !error.is_suppressible() => return Err(error),
            read => read.err(),
        };
        let switch = row.values.is_empty() || row.name == "ignore-error";
        let once = row.kind != Kind::Transform && !switch;
        if once && given.iter().any(|before| before.name == row.name) {
            return Err(Error::Twice {
                operation: row.name,
            });
        }
        // One whose value is faulty was not given: another of its name may stand.
        match fault {
            Some(fault) => {
                suppressible.get_or_insert(fault);
            }
            None => given.push(row),
        }
    }
    refuse_beside_animate(&given)?;
    if let Some(error) = suppressible {
        return Err(error);
    }
    let animate = draft.animate.finish()?;
    Ok(ImageMogr2 {
        animate,
        ..draft.stage
    })
}

/// Refuses what stands in one stage with `animate` and is neither its parameter nor about errors.
fn refuse_beside_animate(given: &[&'static Operation]) -> Result<(), Error> {
    let is_given = |row: &Operation| given.iter().any(|one| one.name == row.name);
    if !given.iter().any(|row| row.name == "animate") {
        return Ok(());
    }
    let others: Vec<String> = OPERATIONS
        .iter()
        .filter(|row| {
            row.kind != Kind::Parameter && !["animate", "ignore-error"].contains(&row.name)
        })
        .filter(|row| is_given(row))
        .map(|row| format!("`{}`", row.name))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(Error::BesideAnimate {
        operations: others.join(", "),
    })
}

/// The canonical text: `animate`, transforms in their order, then what has none in the order of the table.
impl fmt::Display for ImageMogr2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("imageMogr2")?;
        if let Some(animate) = &self.animate {
            write!(f, "{animate}")?;
        }
        for transform in &self.transforms {
            write!(f, "{transform}")?;
        }
        OPERATIONS.iter().try_for_each(|row| (row.write)(self, f))
    }
}
