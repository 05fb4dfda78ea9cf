//! What a row of the table of operations is: the fields, whose an operation is, and how a row is put together.

use std::fmt;

use crate::error::Error;
use crate::image_mogr2::Draft;
use crate::image_mogr2::animate::AnimateDraft;
use crate::image_mogr2::frames::Frames;
use crate::image_mogr2::output::Output;
use crate::image_view2::ViewDraft;
use crate::values::Segments;
use crate::watermark::{Kind as MarkKind, MarkDraft};

/// One row: an operation of a command, or a parameter of one.
pub(crate) struct Operation {
    /// Its name. Letter case means nothing.
    pub(crate) name: &'static str,
    /// Another name for the same.
    pub(crate) alias: Option<&'static str>,
    /// What stands after the name, as the README shows it.
    pub(crate) values: &'static str,
    /// What it does, for the README.
    pub(crate) does: &'static str,
    /// Whether the pipeline can do it. What is not built is refused by name.
    pub(crate) built: bool,
    /// What it is beside others.
    pub(crate) kind: Kind,
    /// Whose it is, and what reads what follows the name.
    pub(crate) read: Read,
    /// Writes it where the stage has it and it has no place among the transforms.
    pub(crate) write: fn(&Written<'_>, &mut fmt::Formatter<'_>) -> fmt::Result,
}

/// What an operation is beside others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Changes pixels: it has a place among its like.
    Transform,
    /// Says how to read, write or answer: it has no place.
    Option,
    /// Belongs to another operation, and has no row of its own in the README.
    Parameter,
}

/// Reads what follows a name into a draft.
pub(crate) type ReadInto<D> = fn(&mut D, &mut Segments<'_>) -> Result<(), Error>;

/// Whose an operation is, and what reads what follows its name.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    /// Of imageMogr2.
    Picture(ReadInto<Draft>),
    /// A parameter of `animate`, which must stand before it.
    Animate(ReadInto<AnimateDraft>),
    /// Of imageMogr2 and imageView2.
    Common(ReadInto<Common>),
    /// Of imageView2.
    View(ReadInto<ViewDraft>),
    /// Of one watermark, or of both.
    Mark(Option<MarkKind>, ReadInto<MarkDraft>),
    /// `ignore-error`, which every command takes.
    Any,
    /// Known to imageMogr2, and not ours to do.
    Refused,
}

/// What imageMogr2 and imageView2 have in common.
#[derive(Default)]
pub(crate) struct Common {
    pub(crate) auto_orient: bool,
    pub(crate) output: Output,
}

/// What of a stage has no place among the transforms.
pub(crate) struct Written<'s> {
    pub(crate) frames: Frames,
    pub(crate) auto_orient: bool,
    pub(crate) output: &'s Output,
}

/// A command whose operations are being read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Picture,
    View,
    Mark(MarkKind),
    /// Any other: it takes no operations but `ignore-error`.
    Other,
}

/// An operation that is not built.
pub(crate) const fn operation(
    name: &'static str,
    values: &'static str,
    does: &'static str,
    read: Read,
) -> Operation {
    Operation {
        name,
        alias: None,
        values,
        does,
        built: false,
        kind: Kind::Option,
        read,
        write: |_, _| Ok(()),
    }
}

impl Operation {
    pub(crate) const fn built(mut self) -> Self {
        self.built = true;
        self
    }

    pub(crate) const fn parameter(mut self) -> Self {
        self.kind = Kind::Parameter;
        self
    }

    pub(crate) const fn transform(mut self) -> Self {
        self.kind = Kind::Transform;
        self
    }

    pub(crate) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    pub(crate) const fn written(
        mut self,
        write: fn(&Written<'_>, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> Self {
        self.write = write;
        self
    }

    /// Whether the command takes it.
    pub(crate) fn is_of(&self, of: Of) -> bool {
        match self.read {
            Read::Picture(_) | Read::Animate(_) | Read::Refused => of == Of::Picture,
            Read::Common(_) => matches!(of, Of::Picture | Of::View),
            Read::View(_) => of == Of::View,
            Read::Mark(kind, _) => {
                matches!(of, Of::Mark(asked) if kind.is_none_or(|kind| kind == asked))
            }
            Read::Any => true,
        }
    }
}
