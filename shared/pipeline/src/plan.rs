//! What is to be done: a rule as few steps, and a step on a still as one of three plans.

use std::ops::Range;

use codec_jpeg::{Metadata, Process};
use raster::Orientation;
use rules::{ImageMogr2, Quality, Rule, Stage};

use crate::error::Fault;
use crate::format::Format;
use crate::probe::info::SourceInfo;

/// The quality of a JPEG where neither the rule nor its source has one.
const DEFAULT_QUALITY: u8 = 85;

/// A part of a rule that is done in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Still(Ask),
    Animate {
        duration: u32,
        /// Which of the sources are the frames after the first.
        images: Range<usize>,
    },
}

/// What one or more stages ask of a still. The order of operations within it means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) format: Option<rules::Format>,
    pub(crate) interlace: Option<bool>,
    pub(crate) quality: Option<Quality>,
    pub(crate) strip: bool,
    pub(crate) auto_orient: bool,
}

/// The rule as steps. Stages are taken together where that shows in nothing but speed and quality.
pub(crate) fn steps(rule: &Rule) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut image = 1;
    for Stage::ImageMogr2(stage) in rule.stages() {
        if let Some(animate) = &stage.animate {
            let images = image..image + animate.images.len();
            image = images.end;
            let duration = animate.duration;
            steps.push(Step::Animate { duration, images });
        } else if !stage.is_empty() {
            let ask = Ask::of(stage);
            match steps.last_mut() {
                Some(Step::Still(before)) if before.takes_in(ask) => *before = before.then(ask),
                _ => steps.push(Step::Still(ask)),
            }
        }
    }
    steps
}

impl Ask {
    fn of(stage: &ImageMogr2) -> Self {
        Self {
            format: stage.output.format,
            interlace: stage.output.interlace,
            quality: stage.output.quality,
            strip: stage.output.strip,
            auto_orient: stage.auto_orient,
        }
    }

    /// True where doing both at once gives the picture that one after the other gives.
    ///
    /// A JPG on the way to a PNG is white where it was transparent, and has lost what its quality costs.
    fn takes_in(self, next: Self) -> bool {
        let jpg = self.format == Some(rules::Format::Jpg) || self.quality.is_some();
        !(jpg && next.format == Some(rules::Format::Png))
    }

    /// Both at once. `interlace` is for whatever JPG comes out in the end.
    fn then(self, next: Self) -> Self {
        let quality = match (self.quality, next.quality) {
            (Some(before), Some(next)) if !next.forced => Some(Quality {
                value: before.value.min(next.value),
                forced: before.forced,
            }),
            (before, next) => next.or(before),
        };
        Self {
            format: next.format.or(self.format),
            interlace: next.interlace.or(self.interlace),
            quality,
            strip: self.strip || next.strip,
            auto_orient: self.auto_orient || next.auto_orient,
        }
    }
}

/// What is done to a still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing: the source's own bytes.
    Unchanged,
    /// JPEG to JPEG, coefficient by coefficient.
    Transcode {
        process: Process,
        metadata: Metadata,
    },
    /// Decode, turn, encode.
    Render {
        target: Target,
        orientation: Orientation,
        /// Leave EXIF out.
        strip: bool,
    },
}

/// What pixels are encoded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Jpeg { process: Process, quality: u8 },
    Png,
}

impl Plan {
    /// Decides what `ask` means for a source.
    ///
    /// # Errors
    ///
    /// [`Fault::NotWritten`] where the result would be of a kind that is not written.
    pub(crate) fn new(ask: Ask, info: &SourceInfo) -> Result<Self, Fault> {
        let orientation = if ask.auto_orient {
            Orientation::from_exif(info.orientation.into())
        } else {
            Orientation::Normal
        };
        let turned = orientation != Orientation::Normal;
        let format = match ask.format {
            Some(rules::Format::Jpg) => Format::Jpeg,
            Some(rules::Format::Png) => Format::Png,
            None => info.format,
        };
        let process = ask.interlace.map(process_of);
        let same = format == info.format;
        let target = match format {
            Format::Jpeg if same && !turned && !lowers_quality(ask.quality, info) => {
                return Ok(if process.is_none() && !ask.strip {
                    Self::Unchanged
                } else {
                    let metadata = if ask.strip {
                        Metadata::Essential
                    } else {
                        Metadata::All
                    };
                    let process = process.unwrap_or(process_of(info.progressive));
                    Self::Transcode { process, metadata }
                });
            }
            Format::Jpeg => Target::Jpeg {
                process: process.unwrap_or(Process::Baseline),
                quality: target_quality(ask.quality, info),
            },
            // `interlace`, `quality` and `strip` are about JPG; others are not touched by them.
            _ if same && !turned => return Ok(Self::Unchanged),
            Format::Png => Target::Png,
            other => return Err(Fault::NotWritten(other)),
        };
        Ok(Self::Render {
            target,
            orientation,
            strip: ask.strip,
        })
    }

    /// True where the result shows the same pixels as the source.
    pub(crate) fn keeps_pixels(self) -> bool {
        matches!(self, Self::Unchanged | Self::Transcode { .. })
    }
}

pub(crate) fn process_of(progressive: bool) -> Process {
    if progressive {
        Process::Progressive
    } else {
        Process::Baseline
    }
}

/// True where a JPEG has to be encoded anew to have the quality asked for.
fn lowers_quality(quality: Option<Quality>, info: &SourceInfo) -> bool {
    let source = info.quality.unwrap_or(100);
    quality.is_some_and(|quality| quality.forced || quality.value < source)
}

/// The lower of what is asked for and what the source has; what is asked for where it is forced.
pub(crate) fn target_quality(quality: Option<Quality>, info: &SourceInfo) -> u8 {
    match quality {
        None => info.quality.unwrap_or(DEFAULT_QUALITY),
        Some(quality) if quality.forced => quality.value,
        Some(quality) => quality.value.min(info.quality.unwrap_or(100)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raster::Size;

    fn info(format: Format) -> SourceInfo {
        SourceInfo {
            format,
            size: Size::new(40, 30),
            frames: 1,
            orientation: 6,
            bit_depth: 8,
            has_alpha: false,
            quality: (format == Format::Jpeg).then_some(80),
            progressive: false,
        }
    }

    fn still(rule: &str) -> Ask {
        match steps(&Rule::parse(rule).unwrap())[..] {
            [] => Ask::default(),
            [Step::Still(ask)] => ask,
            ref other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn plans(rule: &str, format: Format, plan: Plan) {
        assert_eq!(Plan::new(still(rule), &info(format)), Ok(plan));
    }

    fn jpeg(process: Process, quality: u8) -> Plan {
        Plan::Render {
            target: Target::Jpeg { process, quality },
            orientation: Orientation::Normal,
            strip: false,
        }
    }

    #[test]
    fn re_codes_a_jpeg_where_its_pixels_may_stay() {
        let transcode = |process, metadata| Plan::Transcode { process, metadata };
        let (all, essential) = (Metadata::All, Metadata::Essential);
        let progressive = transcode(Process::Progressive, all);
        plans("imageMogr2/interlace/1", Format::Jpeg, progressive);
        plans(
            "imageMogr2/format/jpg/interlace/1",
            Format::Jpeg,
            progressive,
        );
        plans(
            "imageMogr2/quality/80/interlace/1",
            Format::Jpeg,
            progressive,
        );
        plans(
            "imageMogr2/interlace/1|imageMogr2/quality/95",
            Format::Jpeg,
            progressive,
        );
        let baseline = transcode(Process::Baseline, all);
        plans("imageMogr2/interlace/0", Format::Jpeg, baseline);
        plans(
            "imageMogr2/interlace/1|imageMogr2/interlace/0",
            Format::Jpeg,
            baseline,
        );
        plans(
            "imageMogr2/strip",
            Format::Jpeg,
            transcode(Process::Baseline, essential),
        );
        plans("imageMogr2/format/jpg", Format::Jpeg, Plan::Unchanged);
        plans("imageMogr2", Format::Jpeg, Plan::Unchanged);
    }

    #[test]
    fn encodes_a_jpeg_at_the_quality_asked_for() {
        let (base, progressive) = (Process::Baseline, Process::Progressive);
        plans("imageMogr2/quality/79", Format::Jpeg, jpeg(base, 79));
        plans("imageMogr2/quality/90!", Format::Jpeg, jpeg(base, 90));
        plans("imageMogr2/quality/80!", Format::Jpeg, jpeg(base, 80));
        plans(
            "imageMogr2/quality/9/interlace/1",
            Format::Jpeg,
            jpeg(progressive, 9),
        );
        plans(
            "imageMogr2/quality/9|imageMogr2/quality/20",
            Format::Jpeg,
            jpeg(base, 9),
        );
        plans(
            "imageMogr2/quality/90!|imageMogr2/quality/95",
            Format::Jpeg,
            jpeg(base, 90),
        );
        plans(
            "imageMogr2/quality/9|imageMogr2/quality/90!",
            Format::Jpeg,
            jpeg(base, 90),
        );
        plans("imageMogr2/format/jpg", Format::Png, jpeg(base, 85));
        plans(
            "imageMogr2/format/jpg/quality/95",
            Format::Png,
            jpeg(base, 95),
        );
        plans(
            "imageMogr2/interlace/1|imageMogr2/format/jpg",
            Format::Png,
            jpeg(progressive, 85),
        );
        plans(
            "imageMogr2/format/png|imageMogr2/format/jpg",
            Format::Gif,
            jpeg(base, 85),
        );
    }

    #[test]
    fn leaves_alone_what_is_not_jpg() {
        for format in [Format::Png, Format::Gif, Format::WebP, Format::Bmp] {
            plans(
                "imageMogr2/interlace/1/quality/5/strip",
                format,
                Plan::Unchanged,
            );
        }
        plans("imageMogr2/format/png", Format::Png, Plan::Unchanged);
    }

    #[test]
    fn turns_only_where_asked() {
        let orientation = Orientation::Rotate90;
        for (format, rule, target) in [
            (Format::Png, "imageMogr2/auto-orient", Target::Png),
            (
                Format::Jpeg,
                "imageMogr2/auto-orient/interlace/1",
                Target::Jpeg {
                    process: Process::Progressive,
                    quality: 80,
                },
            ),
        ] {
            let strip = false;
            plans(
                rule,
                format,
                Plan::Render {
                    target,
                    orientation,
                    strip,
                },
            );
        }
        let turned = Plan::new(still("imageMogr2/auto-orient"), &info(Format::WebP));
        assert_eq!(turned, Err(Fault::NotWritten(Format::WebP)));
        let upright = SourceInfo {
            orientation: 1,
            ..info(Format::WebP)
        };
        assert_eq!(
            Plan::new(still("imageMogr2/auto-orient"), &upright),
            Ok(Plan::Unchanged)
        );
    }

    #[test]
    fn keeps_steps_apart_where_it_shows() {
        let steps = |text: &str| steps(&Rule::parse(text).unwrap()).len();
        assert_eq!(steps("imageMogr2/format/jpg|imageMogr2/format/png"), 2);
        assert_eq!(steps("imageMogr2/quality/5|imageMogr2/format/png"), 2);
        assert_eq!(steps("imageMogr2/interlace/1|imageMogr2/format/png"), 1);
        let animate = "imageMogr2/animate/duration/50/images/aHR0cDovL2gvMg";
        assert_eq!(steps(animate), 1);
        assert_eq!(
            steps(&format!("imageMogr2|{animate}|imageMogr2/ignore-error/1")),
            1
        );
        assert_eq!(
            steps(&format!("imageMogr2/strip|{animate}|imageMogr2/format/jpg")),
            3
        );
    }
}
