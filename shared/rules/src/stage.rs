//! One stage of a rule: reads it by the tables of commands and operations, and writes its canonical text.

use std::fmt;

use crate::command::{self, Command, Info};
use crate::error::{Error, short};
use crate::image_mogr2::frames::Frames;
use crate::image_mogr2::{Draft, ImageMogr2};
use crate::image_view2::{ImageView2, ViewDraft};
use crate::operation::{Common, Kind, Of, Operation, Read, Written};
use crate::table::{self, OPERATIONS};
use crate::values::{Segments, Takes};
use crate::watermark::{self, MarkDraft, Watermark};

/// One processing step of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// `imageMogr2/...`
    ImageMogr2(ImageMogr2),
    /// `imageView2/...`
    ImageView2(ImageView2),
    /// `watermark/...`
    Watermark(Watermark),
    /// `imageSlim`
    ImageSlim,
    /// `imageInfo`, `imageAve` or `exif`: the last stage.
    Info(Info),
    /// `style/<name>`: the stages that are configured under this name.
    Style(String),
}

impl Stage {
    /// True where the stage asks for nothing at all.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::ImageMogr2(stage) if stage.is_empty())
    }

    /// How many operations that change pixels it has.
    pub(crate) fn transforms(&self) -> usize {
        match self {
            Self::ImageMogr2(stage) => stage.transforms.len(),
            Self::ImageView2(_) => 1,
            _ => 0,
        }
    }
}

/// The stages of a rule while they are being read.
#[derive(Default)]
pub(crate) struct Reader {
    /// True where what is not built is read as well.
    pub(crate) unbuilt: bool,
    /// Those that ask for something.
    pub(crate) stages: Vec<Stage>,
    /// All of them.
    pub(crate) found: usize,
    /// Whether any has `ignore-error/1`.
    pub(crate) ignore_error: bool,
    /// The first error that `ignore-error/1` hides.
    pub(crate) fault: Option<Error>,
}

const IGNORE_ERROR: Takes = Takes::new("ignore-error", "0 or 1");

impl Reader {
    /// Reads what stands between two `|`: no stage, one, or several where the names of commands stand inside.
    ///
    /// A faulty value is remembered, and reading goes on: names that are unknown must be told of first.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), Error> {
        let mut segments = Segments::new(text, table::is_name(Of::Other), self.unbuilt);
        let mut next = segments.next();
        while let Some(name) = next {
            let known =
                command::find(name).ok_or_else(|| Error::UnknownStage { name: short(name) })?;
            if known.command == Command::Refused {
                return Err(Error::Refused { name: known.name });
            }
            if !known.built && !self.unbuilt {
                return Err(Error::UnsupportedStage {
                    name: known.name,
                    supported: command::supported(),
                });
            }
            self.found += 1;
            match self.read_command(known.command, &mut segments) {
                Ok(stage) if stage.is_empty() => {}
                Ok(stage) => {
                    if let Some(Stage::Info(info)) = self.stages.last() {
                        return Err(Error::NotLast {
                            name: info.command(),
                        });
                    }
                    self.stages.push(stage);
                }
                Err(error) => self.keep(error)?,
            }
            next = segments.next();
        }
        Ok(())
    }

    /// Remembers an error that may be hidden; any other is told at once.
    fn keep(&mut self, error: Error) -> Result<(), Error> {
        if error.is_suppressible() {
            self.fault.get_or_insert(error);
            Ok(())
        } else {
            Err(error)
        }
    }

    /// Reads one command, up to the name of the next.
    fn read_command(
        &mut self,
        command: Command,
        segments: &mut Segments<'_>,
    ) -> Result<Stage, Error> {
        match command {
            Command::ImageMogr2 => self.read_picture(segments).map(Stage::ImageMogr2),
            Command::ImageView2 => self.read_view(segments),
            Command::Watermark => {
                segments.of_command(table::is_name(Of::Mark(watermark::Kind::Text)));
                let kind = match watermark::Kind::read(segments) {
                    Ok(kind) => kind,
                    Err(error) => {
                        // Names are still looked at: one that is unknown comes first.
                        self.keep(error)?;
                        watermark::Kind::Text
                    }
                };
                self.read_mark(kind, segments).map(Stage::Watermark)
            }
            Command::Style => {
                let name = segments.next().ok_or(Error::NoStyle)?.to_owned();
                self.read_others(segments, |_, _, _| Ok(()), Of::Other)?;
                Ok(Stage::Style(name))
            }
            Command::ImageSlim => {
                self.read_others(segments, |_, _, _| Ok(()), Of::Other)?;
                Ok(Stage::ImageSlim)
            }
            Command::Info(info) => {
                self.read_others(segments, |_, _, _| Ok(()), Of::Other)?;
                Ok(Stage::Info(info))
            }
            Command::Refused => Err(Error::Empty),
        }
    }

    /// Reads operations up to the end or the name of a command, each by `read`, which is given its row.
    fn read_others(
        &mut self,
        segments: &mut Segments<'_>,
        mut read: impl FnMut(&mut Self, &'static Operation, &mut Segments<'_>) -> Result<(), Error>,
        of: Of,
    ) -> Result<(), Error> {
        segments.of_command(table::is_name(of));
        let mut ignore_error = false;
        while let Some(name) = segments.peek() {
            let Some(row) = table::find(of, name) else {
                if command::find(name).is_some() {
                    break;
                }
                return Err(unknown(of, name));
            };
            segments.next();
            if matches!(row.read, Read::Refused) {
                return Err(Error::Refused { name: row.name });
            }
            if !row.built && !self.unbuilt {
                return Err(Error::UnsupportedOperation {
                    name: row.name,
                    supported: table::supported(of),
                });
            }
            let done = if matches!(row.read, Read::Any) {
                IGNORE_ERROR
                    .flag(segments)
                    .map(|ignore| ignore_error = ignore)
            } else {
                read(self, row, segments)
            };
            if let Err(error) = done {
                self.keep(error)?;
            }
        }
        self.ignore_error |= ignore_error;
        Ok(())
    }

    fn read_picture(&mut self, segments: &mut Segments<'_>) -> Result<ImageMogr2, Error> {
        let mut draft = Draft::default();
        let mut common = Common::default();
        let mut given: Vec<&'static str> = Vec::new();
        let read = |_: &mut Self, row: &'static Operation, segments: &mut Segments<'_>| {
            if row.kind != Kind::Parameter {
                given.push(row.name);
            }
            match row.read {
                Read::Picture(read) => read(&mut draft, segments),
                Read::Animate(read) if draft.animate.asked => read(&mut draft.animate, segments),
                Read::Animate(_) => Err(Error::OutsideAnimate {
                    parameter: row.name,
                }),
                Read::Common(read) => read(&mut common, segments),
                _ => Err(unknown(Of::Picture, row.name)),
            }
        };
        self.read_others(segments, read, Of::Picture)?;
        if draft.animate.asked {
            refuse_beside_animate(&given)?;
        }
        draft.finish(common.auto_orient, common.output)
    }

    fn read_view(&mut self, segments: &mut Segments<'_>) -> Result<Stage, Error> {
        let mut view = ViewDraft::default();
        let mut common = Common::default();
        segments.of_command(table::is_name(Of::View));
        if let Err(error) = view.read_mode(segments) {
            self.keep(error)?;
        }
        let read =
            |_: &mut Self, row: &'static Operation, segments: &mut Segments<'_>| match row.read {
                Read::View(read) => read(&mut view, segments),
                Read::Common(read) => read(&mut common, segments),
                _ => Err(unknown(Of::View, row.name)),
            };
        self.read_others(segments, read, Of::View)?;
        let Common {
            auto_orient,
            output,
        } = common;
        Ok(match view.finish() {
            Some(view) => Stage::ImageView2(ImageView2 {
                view,
                auto_orient,
                output,
            }),
            None => Stage::ImageMogr2(ImageMogr2 {
                auto_orient,
                output,
                ..ImageMogr2::default()
            }),
        })
    }

    fn read_mark(
        &mut self,
        kind: watermark::Kind,
        segments: &mut Segments<'_>,
    ) -> Result<Watermark, Error> {
        let mut mark = MarkDraft::default();
        let of = Of::Mark(kind);
        let read =
            |_: &mut Self, row: &'static Operation, segments: &mut Segments<'_>| match row.read {
                Read::Mark(_, read) => read(&mut mark, segments),
                _ => Err(unknown(of, row.name)),
            };
        self.read_others(segments, read, of)?;
        mark.finish(kind)
    }
}

fn unknown(of: Of, name: &str) -> Error {
    Error::UnknownOperation {
        name: short(name),
        near: table::near(of, name),
        supported: table::supported(of),
    }
}

/// Refuses what stands in one stage with `animate` and is neither its parameter nor about errors.
fn refuse_beside_animate(given: &[&'static str]) -> Result<(), Error> {
    let others: Vec<String> = OPERATIONS
        .iter()
        .filter(|row| row.name != "animate" && !matches!(row.read, Read::Any))
        .filter(|row| given.contains(&row.name))
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
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImageMogr2(stage) => {
                f.write_str("imageMogr2")?;
                if let Some(animate) = &stage.animate {
                    write!(f, "{animate}")?;
                }
                stage.write_transforms(f)?;
                write_options(
                    f,
                    &Written {
                        frames: stage.frames,
                        auto_orient: stage.auto_orient,
                        output: &stage.output,
                    },
                )
            }
            Self::ImageView2(stage) => {
                write!(f, "{}", stage.view)?;
                write_options(
                    f,
                    &Written {
                        frames: Frames::default(),
                        auto_orient: stage.auto_orient,
                        output: &stage.output,
                    },
                )
            }
            Self::Watermark(stage) => write!(f, "{stage}"),
            Self::ImageSlim => f.write_str("imageSlim"),
            Self::Info(info) => f.write_str(info.command()),
            Self::Style(name) => write!(f, "style/{name}"),
        }
    }
}

fn write_options(f: &mut fmt::Formatter<'_>, written: &Written<'_>) -> fmt::Result {
    let mut rows = OPERATIONS.iter();
    rows.try_for_each(|row| (row.write)(written, f))
}
