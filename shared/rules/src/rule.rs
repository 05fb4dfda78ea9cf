//! A whole rule: stages joined by `|`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, short};
use crate::image_mogr2::ImageMogr2;
use crate::image_url::ImageRef;
use crate::query::VERBS;
use crate::stage::{self, Scope};

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

/// An image that a rule names, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NamedImage<'r> {
    /// What it is used as.
    pub role: Role,
    /// The image.
    pub image: &'r ImageRef,
}

/// What an image that a rule names is used as. Limits go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A frame of an animation.
    Frame,
    /// A mark that is laid over a picture.
    Watermark,
}

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
        Self::parse_in(text, Scope::Built)
    }

    /// As [`Rule::parse`], and operations that are not built as well: tests hold their grammar by it.
    #[doc(hidden)]
    pub fn parse_unbuilt(text: &str) -> Result<Self, Error> {
        Self::parse_in(text, Scope::All)
    }

    fn parse_in(text: &str, scope: Scope) -> Result<Self, Error> {
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
            match parse_stage(stage, index + 1, scope) {
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
    pub fn images(&self) -> impl Iterator<Item = NamedImage<'_>> {
        self.stages
            .iter()
            .filter_map(|Stage::ImageMogr2(stage)| stage.animate.as_ref())
            .flat_map(|animate| &animate.images)
            .map(|image| NamedImage {
                role: Role::Frame,
                image,
            })
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

fn parse_stage(text: &str, number: usize, scope: Scope) -> Result<Stage, Error> {
    let mut segments = text.split('/').filter(|s| !s.is_empty());
    match segments.next() {
        None => Err(Error::EmptyStage { stage: number }),
        Some("imageMogr2") => stage::parse(segments, scope).map(Stage::ImageMogr2),
        Some(verb) => Err(match VERBS.iter().find(|name| **name == verb) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "aHR0cDovL2hvc3QvMi5qcGc"; // http://host/2.jpg

    #[track_caller]
    fn reads(text: &str, canonical: &str) {
        assert_eq!(Rule::parse(text).unwrap().to_string(), canonical);
    }

    #[track_caller]
    fn refuses(text: &str, message: &str) {
        assert_eq!(Rule::parse(text).unwrap_err().to_string(), message);
    }

    #[test]
    fn reads_what_is_built() {
        reads("imageMogr2/interlace/1", "imageMogr2/interlace/1");
        reads(
            "imageMogr2/interlace/1/format/yjpeg/",
            "imageMogr2/format/jpg/interlace/1",
        );
        reads(
            "imageMogr2//quality/080!//strip",
            "imageMogr2/quality/80!/strip",
        );
        reads(
            "imageMogr2/ignore-error/1/auto-orient/format/png/quality/100",
            "imageMogr2/format/png/quality/100/auto-orient/ignore-error/1",
        );
        reads("imageMogr2", "imageMogr2");
        reads("imageMogr2/", "imageMogr2");
        reads(
            " imageMogr2/interlace/1\n |\timageMogr2/format/jpg ",
            "imageMogr2/interlace/1|imageMogr2/format/jpg",
        );
    }

    #[test]
    fn keeps_the_order_of_transforms() {
        let reads = |text: &str| {
            Rule::parse_unbuilt(text)
                .map(|rule| rule.to_string())
                .map_err(|e| e.to_string())
        };
        let turned = "imageMogr2/rotate/270/flip/vertical/rotate/1/strip";
        assert_eq!(
            reads("imageMogr2/strip/rotate/-90/rotate/360/flip/Vertical/rotate/01"),
            Ok(turned.to_owned())
        );
        assert_eq!(reads(turned), Ok(turned.to_owned()));
        for value in ["12.5", "361", "-361", "--1", "+1"] {
            let error = reads(&format!("imageMogr2/rotate/{value}")).unwrap_err();
            let expected = "rotate: expected whole degrees, clockwise, -360 to 360, found";
            assert_eq!(error, format!("{expected} `{value}`"));
        }
    }

    #[test]
    fn reads_animate_in_either_order() {
        let canonical = format!("imageMogr2/animate/duration/50/images/{ONE}/{ONE}");
        reads(
            &format!("imageMogr2/animate/images/{ONE}//{ONE}=/duration/50"),
            &canonical,
        );
        reads(
            &format!("imageMogr2/ignore-error/1/animate/duration/50/images/{ONE}"),
            &format!("imageMogr2/animate/duration/50/images/{ONE}/ignore-error/1"),
        );
        let rule = Rule::parse(&format!("imageMogr2/interlace/1|{canonical}")).unwrap();
        let urls: Vec<&str> = rule.images().map(|named| named.image.text()).collect();
        assert_eq!(urls, ["http://host/2.jpg"; 2]);
    }

    #[test]
    fn says_what_was_wrong_and_what_is_allowed() {
        let interlace = "interlace: expected 0 or 1, found";
        refuses("imageMogr2/interlace/2", &format!("{interlace} `2`"));
        refuses("imageMogr2/interlace/true", &format!("{interlace} `true`"));
        refuses("imageMogr2/interlace/01", &format!("{interlace} `01`"));
        refuses(
            "imageMogr2/interlace",
            "`interlace` has no value; expected 0 or 1",
        );
        refuses(
            "imageMogr2/format/interlace/1",
            "`format` has no value; expected jpg or png",
        );
        refuses(
            "imageMogr2/format/jpeg",
            "format: expected jpg or png, found `jpeg`",
        );
        refuses(
            "imageMogr2/format/webp",
            "format: `webp` is not supported yet; expected jpg or png",
        );
        let quality = "quality: expected 0 to 100, and `!` after it to force it, found";
        for value in ["101", "-1", "+1", "8.5", "!", "80!!", "99999999999"] {
            refuses(
                &format!("imageMogr2/quality/{value}"),
                &format!("{quality} `{value}`"),
            );
        }
        refuses(
            "imageMogr2/ignore-error/0",
            "ignore-error: expected 1, found `0`",
        );
        refuses(
            "imageMogr2/format/jpg/format/png",
            "`format` is given twice in one stage; once is allowed",
        );
    }

    #[test]
    fn says_what_animate_needs() {
        let duration = "duration: expected a whole number of milliseconds, 1 to 655350, found";
        for value in ["0", "-1", "1.5", "abc", "655351", "99999999999999", "+5"] {
            refuses(
                &format!("imageMogr2/animate/duration/{value}/images/{ONE}"),
                &format!("{duration} `{value}`"),
            );
        }
        let images = "animate has no `images`; expected 1 to 19 image URLs in URL-safe base64";
        refuses("imageMogr2/animate/duration/50", images);
        refuses("imageMogr2/animate/duration/50/images", images);
        refuses(
            &format!("imageMogr2/animate/images/{ONE}"),
            "animate has no `duration`; expected a whole number of milliseconds, 1 to 655350",
        );
        refuses(
            "imageMogr2/duration/50",
            "`duration` stands without `animate` before it",
        );
        refuses(
            &format!("imageMogr2/animate/duration/50/images/{ONE}/strip/interlace/1"),
            "`interlace`, `strip` cannot stand beside animate in one stage; only ignore-error can, \
             and other stages can be joined by `|`",
        );
        refuses(
            &format!("imageMogr2/animate/duration/50/images/{ONE}/!!!"),
            "images: image 2: `!!!` is not URL-safe base64 of an image URL",
        );
        refuses(
            "imageMogr2/animate/duration/50/images/_____w",
            "images: image 1: the base64 holds no UTF-8 text; expected an image URL",
        );
    }

    #[test]
    fn refuses_by_name_what_is_not_built() {
        refuses(
            "imageMogr2/thumbnail/!50p",
            "thumbnail is not supported yet; supported are \
             animate, format, interlace, quality, strip, auto-orient, ignore-error",
        );
        refuses(
            "imageMogr2/thumbnall/!50p",
            "unknown operation `thumbnall`; supported are \
             animate, format, interlace, quality, strip, auto-orient, ignore-error",
        );
        refuses(
            "imageView2/2/w/500",
            "imageView2 is not supported yet; imageMogr2 is",
        );
        refuses(
            "imageMogr2/interlace/1|watermark/2/text/x",
            "watermark is not supported yet; imageMogr2 is",
        );
        refuses(
            "imagemogr2/interlace/1",
            "unknown processing `imagemogr2`; a stage begins with `imageMogr2/`",
        );
        refuses("", "the rule is empty; a rule begins with `imageMogr2/`");
        refuses(
            "imageMogr2/strip|",
            "stage 2 is empty; each stage joined by `|` begins with `imageMogr2/`",
        );
        refuses(
            &["imageMogr2/strip"; 11].join("|"),
            "the rule has 11 stages joined by `|`; at most 10 are allowed",
        );
    }

    #[test]
    fn ignore_error_hides_values_and_never_names() {
        #[track_caller]
        fn hides(text: &str, expected: bool) {
            let error = Rule::parse(text).unwrap_err();
            let hidden = error.is_suppressible() && Rule::asks_to_ignore_errors(text);
            assert_eq!(hidden, expected, "{error}");
        }
        hides("imageMogr2/interlace/2/ignore-error/1", true);
        hides("imageMogr2/ignore-error/1|imageMogr2/quality/x", true);
        hides(
            "imageMogr2/ignore-error/1/animate/duration/0/images/a",
            true,
        );
        hides("imageMogr2/interlace/2", false);
        hides("imageMogr2/interlace/2/ignore-error/0", false);
        hides("imageMogr2/interlace/2/sparkle/1/ignore-error/1", false);
        hides("imageMogr2/ignore-error/1/thumbnail/200x", false);
        hides("imageMogr2/ignore-error/1/interlace/2|imageView2/1", false);
        hides("imageMogr2/ignore-error/1/strip|", false);
    }
}
