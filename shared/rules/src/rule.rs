//! A whole rule: stages joined by `|`.
//!
//! ```text
//! rule  = *( "|" / ";" ) stage *( ( "|" / ";" ) [ stage ] )   ; ";" only before a command; 1 to 10 stages
//! stage = command *( "/" [ segment ] )                        ; the name of a command inside begins a new stage
//! ```
//!
//! White space is left out. Letter case of names means nothing.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::command;
use crate::error::Error;
use crate::image_mogr2::ImageMogr2;
use crate::image_url::ImageRef;
use crate::stage::{Reader, Stage};
use crate::watermark::{Mark, Watermark};

/// Stages that a rule may have.
pub const MAX_STAGES: usize = 10;

/// Stages that a rule may have with those in the URLs of its images.
const MAX_STAGES_IN_ALL: usize = 20;

/// Operations that change pixels that a rule may have.
pub const MAX_OPERATIONS: usize = 32;

/// Watermark images that a rule may name, those in the URLs of images as well.
pub const MAX_MARKS: usize = 10;

/// A rule: at most [`MAX_STAGES`] stages, each working on what the one before has made. Without a stage it changes nothing.
///
/// `Display` writes the canonical text: one for all spellings of a rule, with aliases resolved, sizes rounded and clamped,
/// base64 without padding. [`Rule::parse`] reads it back as an equal rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    stages: Vec<Stage>,
    ignore_error: bool,
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

impl NamedImage<'_> {
    /// The rule that its URL carries: what is used is that rule's result on the image. The images that it names itself
    /// carry none.
    pub fn rule(&self) -> Option<Rule> {
        let rule = self.image.url().rule.as_ref()?;
        // It was read when the rule was, whatever of it was built then.
        Rule::parse_unbuilt(&rule.text).ok()
    }
}

impl Rule {
    /// Reads the text of a rule: percent escapes already read, no `?` before it.
    ///
    /// White space is left out, as documentation prints rules with it. Empty segments (`a//b`, a trailing `/`) and empty
    /// stages mean nothing.
    ///
    /// # Errors
    ///
    /// [`Error`] with what was found and what is allowed. An error that `ignore-error/1` must not hide comes before
    /// one that it hides, wherever the two stand; otherwise the first one from the left.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_in(text, false)
    }

    /// As [`Rule::parse`], and operations that are not built as well: tests hold their grammar by it.
    #[doc(hidden)]
    pub fn parse_unbuilt(text: &str) -> Result<Self, Error> {
        Self::parse_in(text, true)
    }

    fn parse_in(text: &str, unbuilt: bool) -> Result<Self, Error> {
        let (rule, found) = Self::parse_stages(text, unbuilt)?;
        let mut found = found;
        let mut marks = 0;
        let mut fault = None;
        for named in rule.images().filter(|named| named.role == Role::Watermark) {
            marks += 1;
            if let Some(nested) = &named.image.url().rule {
                match parse_nested(&nested.text, unbuilt) {
                    Ok((images, stages)) => {
                        marks += images;
                        found += stages;
                    }
                    Err(error) if error.is_suppressible() => {
                        fault.get_or_insert(error);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        if marks > MAX_MARKS {
            return Err(Error::TooManyMarks {
                found: marks,
                max: MAX_MARKS,
            });
        }
        if found > MAX_STAGES_IN_ALL {
            return Err(Error::TooManyStages {
                found,
                max: MAX_STAGES_IN_ALL,
            });
        }
        fault.map_or(Ok(rule), Err)
    }

    /// Reads all but what the URLs of images hold, and counts the stages.
    fn parse_stages(text: &str, unbuilt: bool) -> Result<(Self, usize), Error> {
        let text = without_white_space(text);
        if text.is_empty() {
            return Err(Error::Empty);
        }
        let mut reader = Reader {
            unbuilt,
            ..Reader::default()
        };
        for stage in stages(&text) {
            reader.read(stage)?;
        }
        let found = reader.found;
        if found > MAX_STAGES {
            return Err(Error::TooManyStages {
                found,
                max: MAX_STAGES,
            });
        }
        let operations = reader.stages.iter().map(Stage::transforms).sum();
        if operations > MAX_OPERATIONS {
            return Err(Error::TooManyOperations {
                found: operations,
                max: MAX_OPERATIONS,
            });
        }
        match reader.fault {
            Some(fault) => Err(fault),
            None => Ok((
                Self {
                    stages: reader.stages,
                    ignore_error: reader.ignore_error,
                },
                found,
            )),
        }
    }

    /// A rule of these stages; `None` if there is none or there are more than [`MAX_STAGES`].
    pub fn new(mut stages: Vec<Stage>) -> Option<Self> {
        if !(1..=MAX_STAGES).contains(&stages.len()) {
            return None;
        }
        stages.retain(|stage| !stage.is_empty());
        Some(Self {
            stages,
            ignore_error: false,
        })
    }

    /// The stages, in their order; none of them asks for nothing.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Every image that the rule names, stage after stage, in its order and with its duplicates; without those that are
    /// named by the rules in the URLs of images, see [`NamedImage::rule`].
    pub fn images(&self) -> impl Iterator<Item = NamedImage<'_>> {
        self.stages.iter().flat_map(|stage| {
            let (role, images): (_, &[ImageRef]) = match stage {
                Stage::ImageMogr2(ImageMogr2 {
                    animate: Some(animate),
                    ..
                }) => (Role::Frame, &animate.images),
                Stage::Watermark(Watermark {
                    mark: Mark::Image { image, .. },
                    ..
                }) => (Role::Watermark, std::slice::from_ref(image)),
                _ => (Role::Frame, &[]),
            };
            images.iter().map(move |image| NamedImage { role, image })
        })
    }

    /// True where any stage has `ignore-error/1`.
    pub fn ignore_error(&self) -> bool {
        self.ignore_error
    }

    /// True where `text`, which need not be a rule that parses, asks for `ignore-error/1`.
    ///
    /// Together with [`Error::is_suppressible`] it tells what to do with a rule that does not parse.
    pub fn asks_to_ignore_errors(text: &str) -> bool {
        let text = without_white_space(text);
        stages(&text).any(|stage| {
            let mut segments = stage.split('/').filter(|segment| !segment.is_empty());
            if segments.next().and_then(command::find).is_none() {
                return false;
            }
            let mut asked = false;
            let mut value = None;
            let mut before = "";
            for segment in segments {
                if command::find(segment).is_some() {
                    asked |= value == Some("1");
                    value = None;
                } else if before.eq_ignore_ascii_case("ignore-error")
                    && matches!(segment, "0" | "1")
                {
                    value = Some(segment);
                }
                before = segment;
            }
            asked || value == Some("1")
        })
    }
}

/// Reads the rule in the URL of a watermark's image; counts its images and its stages.
fn parse_nested(text: &str, unbuilt: bool) -> Result<(usize, usize), Error> {
    let nested = |error| Error::Nested {
        error: Box::new(error),
    };
    let (rule, found) = Rule::parse_stages(text, unbuilt).map_err(nested)?;
    for stage in &rule.stages {
        let found = match stage {
            Stage::ImageMogr2(ImageMogr2 {
                animate: Some(_), ..
            }) => "animate",
            Stage::ImageMogr2(_) | Stage::ImageView2(_) | Stage::Watermark(_) => continue,
            Stage::ImageSlim => "imageSlim",
            Stage::Info(info) => info.command(),
            Stage::Style(_) => "style",
        };
        return Err(Error::NestedStage {
            found: found.to_owned(),
        });
    }
    if rule.images().any(|named| named.image.url().rule.is_some()) {
        return Err(Error::NestedStage {
            found: "an image with a rule".to_owned(),
        });
    }
    Ok((rule.images().count(), found))
}

fn without_white_space(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        Cow::Owned(text.split_ascii_whitespace().collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// What stands between `|`, and between `;` that a command follows.
fn stages(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut marks = text.match_indices(['|', ';']);
        let end = marks.find(|(at, mark)| {
            let after = &text[at + 1..];
            let name = after.split(['/', '|', ';']).next().unwrap_or_default();
            *mark == "|" || command::find(name).is_some()
        });
        rest = end.map(|(at, _)| &text[at + 1..]);
        Some(end.map_or(text, |(at, _)| &text[..at]))
    })
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.stages.iter().enumerate() {
            if index > 0 {
                f.write_str("|")?;
            }
            write!(f, "{stage}")?;
        }
        if self.stages.is_empty() {
            f.write_str("imageMogr2")?;
        }
        if self.ignore_error {
            f.write_str("/ignore-error/1")?;
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
            "imageMogr2/auto-orient/format/png/quality/100/ignore-error/1",
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
            "`format` has no value; expected the name of a format",
        );
        refuses(
            "imageMogr2/format/webp",
            "format: `webp` is not supported yet; written are jpg, png, jpeg, yjpeg",
        );
        refuses(
            "imageMogr2/format/HEIF",
            "format: `heif` is not supported; written are jpg, png, jpeg, yjpeg",
        );
        refuses(
            "imageMogr2/format/foo",
            "format: `foo` is not a format that is known; written are jpg, png, jpeg, yjpeg",
        );
        let quality = "quality: expected 0 to 100, and `!` after it to force it, found";
        for value in ["101", "-1", "+1", "8.5", "!", "80!!", "99999999999"] {
            refuses(
                &format!("imageMogr2/quality/{value}"),
                &format!("{quality} `{value}`"),
            );
        }
        refuses(
            "imageMogr2/ignore-error/2",
            "ignore-error: expected 0 or 1, found `2`",
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
        let supported =
            "supported are animate, auto-orient, format, interlace, quality, strip, ignore-error";
        refuses(
            "imageMogr2/thumbnail/!50p",
            &format!("thumbnail is not supported yet; {supported}"),
        );
        for (wrong, meant) in [
            ("thumbnall", "thumbnail"),
            ("Qualty", "quality"),
            ("autoorient", "auto-orient"),
            ("loop", "x-loop"),
            ("size-limits", "size-limit"),
        ] {
            refuses(
                &format!("imageMogr2/{wrong}/1"),
                &format!("unknown operation `{wrong}`; did you mean `{meant}`?"),
            );
        }
        refuses(
            "imageMogr2/sparkle/1",
            &format!("unknown operation `sparkle`; {supported}"),
        );
        let commands = "supported are imageMogr2, imageInfo, imageAve, exif";
        refuses(
            "imageView2/2/w/500",
            &format!("imageView2 is not supported yet; {commands}"),
        );
        refuses(
            "imageMogr2/interlace/1|watermark/2/text/x",
            &format!("watermark is not supported yet; {commands}"),
        );
        refuses(
            "imageMogr3/interlace/1",
            "unknown processing `imageMogr3`; a stage begins with `imageMogr2/`",
        );
        for name in [
            "QRcode",
            "saveas",
            "vframe",
            "avinfo",
            "GoodsMatting",
            "AIGCMetadata",
        ] {
            refuses(
                &format!("{}/1", name.to_lowercase()),
                &format!("{name} is not supported"),
            );
            refuses(
                &format!("imageMogr2/strip/{name}/1"),
                &format!("{name} is not supported"),
            );
        }
        for name in ["cut-out", "background", "extent", "meta-keep-list"] {
            refuses(
                &format!("imageMogr2/{name}/1"),
                &format!("{name} is not supported"),
            );
        }
        refuses("", "the rule is empty; a rule begins with `imageMogr2/`");
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
        hides(
            "imageMogr2/interlace/2/ignore-error/1/ignore-error/0",
            false,
        );
        hides(
            "imageMogr2/ignore-error/1/interlace/2|imageMogr2/ignore-error/0",
            true,
        );
        hides("IMAGEMOGR/interlace/2/Ignore-Error/1", true);
    }
}
