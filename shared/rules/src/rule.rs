//! A whole rule: stages joined by `|`.

use std::fmt;
use std::str::FromStr;

use crate::error::short;
use crate::mogr;
use crate::{Error, ImageMogr2, ImageRef};

/// Stages that a rule may have.
pub const MAX_STAGES: usize = 10;

/// One processing step of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// `imageMogr2/...`
    ImageMogr2(ImageMogr2),
}

/// A rule: 1 to [`MAX_STAGES`] stages, each working on what the one before has made.
///
/// `Display` writes the canonical text: operations in one order, base64 without padding, aliases resolved.
/// [`Rule::parse`] reads it back as an equal rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    stages: Vec<Stage>,
}

/// The verbs of the API that are not built yet, as they begin a stage.
const UNSUPPORTED: [&str; 8] = [
    "imageView2",
    "watermark",
    "imageInfo",
    "imageAve",
    "exif",
    "imageSlim",
    "QRcode",
    "style",
];

impl Rule {
    /// Reads the text of a rule: percent escapes already read, no `?` before it.
    ///
    /// White space is left out, as documentation prints rules with it. Empty segments (`a//b`, a trailing `/`) mean nothing.
    ///
    /// # Errors
    ///
    /// [`Error`] with what was found and what is allowed. An error that `ignore-error/1` must not hide comes before
    /// one that it hides, wherever the two stand; otherwise the first one from the left.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        if text.is_empty() {
            return Err(Error::Empty);
        }
        let found = text.split('|').count();
        if found > MAX_STAGES {
            return Err(Error::TooManyStages {
                found,
                max: MAX_STAGES,
            });
        }
        let mut stages = Vec::with_capacity(found);
        let mut suppressible = None;
        for (index, stage) in text.split('|').enumerate() {
            match parse_stage(stage, index + 1) {
                Ok(stage) => stages.push(stage),
                Err(error) if error.is_suppressible() => {
                    suppressible.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        suppressible.map_or(Ok(Self { stages }), Err)
    }

    /// A rule of these stages; `None` if there is none or there are more than [`MAX_STAGES`].
    pub fn new(stages: Vec<Stage>) -> Option<Self> {
        (1..=MAX_STAGES)
            .contains(&stages.len())
            .then_some(Self { stages })
    }

    /// The stages, in their order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Every image that the rule names, stage after stage, in its order and with its duplicates.
    pub fn images(&self) -> impl Iterator<Item = &ImageRef> {
        self.stages
            .iter()
            .filter_map(|Stage::ImageMogr2(stage)| stage.animate.as_ref())
            .flat_map(|animate| &animate.images)
    }

    /// True where any stage has `ignore-error/1`.
    pub fn ignore_error(&self) -> bool {
        self.stages
            .iter()
            .any(|Stage::ImageMogr2(stage)| stage.ignore_error)
    }

    /// True where `text`, which need not be a rule that parses, asks for `ignore-error/1`.
    ///
    /// Together with [`Error::is_suppressible`] it tells what to do with a rule that does not parse.
    pub fn asks_to_ignore_errors(text: &str) -> bool {
        let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        text.split('|').any(|stage| {
            let mut segments = stage.split('/').filter(|s| !s.is_empty());
            segments.next() == Some("imageMogr2")
                && segments
                    .clone()
                    .zip(segments.skip(1))
                    .any(|pair| pair == ("ignore-error", "1"))
        })
    }
}

fn parse_stage(text: &str, number: usize) -> Result<Stage, Error> {
    let mut segments = text.split('/').filter(|s| !s.is_empty());
    match segments.next() {
        None => Err(Error::EmptyStage { stage: number }),
        Some("imageMogr2") => mogr::parse(segments).map(Stage::ImageMogr2),
        Some(verb) => Err(match UNSUPPORTED.iter().find(|name| **name == verb) {
            Some(name) => Error::UnsupportedStage { name },
            None => Error::UnknownStage { name: short(verb) },
        }),
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.stages.iter().enumerate() {
            if index > 0 {
                f.write_str("|")?;
            }
            let Stage::ImageMogr2(stage) = stage;
            fmt::Display::fmt(stage, f)?;
        }
        Ok(())
    }
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}
