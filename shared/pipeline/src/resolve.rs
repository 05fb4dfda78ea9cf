//! What a rule means for an object of some kind: steps on pixels, and how the last step's picture is written. Nothing
//! but the object's headers is known here.

use std::ops::Range;

use codec_jpeg::{Metadata, Process};
use raster::{Orientation, Size};
use rules::{ImageMogr2, Quality, Rule, Stage};

use crate::encode::Target;
use crate::error::Fault;
use crate::format::Format;
use crate::limits::Limits;
use crate::probe::info::SourceInfo;
use crate::result::ResultInfo;

/// The quality of a JPEG where neither the rule nor its source has one.
const DEFAULT_QUALITY: u8 = 85;

/// The steps from the object to the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// On pixels, in their order.
    pub(crate) steps: Vec<Step>,
    /// How the last step's picture is written.
    pub(crate) output: Output,
    pub(crate) result: ResultInfo,
}

/// What is done to pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Turn(Orientation),
    /// Lays the picture over white: a format without alpha was named here.
    Flatten,
    /// Keeps the first frame of an animation: a format without frames was named here.
    FirstFrame,
    Animate {
        canvas: Size,
        /// Milliseconds from frame to frame.
        duration: u32,
        /// Which of the sources are the frames after the first.
        images: Range<usize>,
    },
}

/// How the result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// The object's own bytes.
    Source,
    /// The object's own coefficients, JPEG to JPEG.
    Transcode {
        process: Process,
        metadata: Metadata,
    },
    /// One picture, encoded; `strip` leaves EXIF out.
    Still { target: Target, strip: bool },
    /// All frames, as a GIF.
    Gif,
    /// Nothing is written of the picture: its average color is told.
    Average,
}

/// The stages of a rule. Commands other than imageMogr2 are not built: a rule that has one is not read.
pub(crate) fn pictures(rule: &Rule) -> impl Iterator<Item = &ImageMogr2> {
    rule.stages().iter().filter_map(|stage| match stage {
        Stage::ImageMogr2(stage) => Some(stage),
        _ => None,
    })
}

/// What `rule` means for an object of this kind.
///
/// Stages work on pixels from left to right, and the picture is encoded once, after the last: of each output option
/// the last stage that has it counts, but the smaller `quality` does, and `strip` stays asked for. A format without
/// alpha or without frames that a stage names on the way takes them from there on.
///
/// # Errors
///
/// [`Fault::NotWritten`] where the result would be of a kind that is not written, and those of
/// [`Limits::check_frame`].
pub(crate) fn resolve(rule: &Rule, object: &SourceInfo, limits: &Limits) -> Result<Work, Fault> {
    let mut draft = Draft {
        format: object.format,
        size: object.size,
        orientation: Orientation::from_exif(object.orientation.into()),
        // A frame of these may leave a part of its canvas out, whatever the headers say of alpha.
        has_alpha: object.has_alpha || matches!(object.format, Format::Gif | Format::WebP),
        steps: Vec::new(),
    };
    let mut asked = Asked::default();
    let mut image = 1;
    for stage in pictures(rule) {
        if let Some(animate) = &stage.animate {
            let images = image..image + animate.images.len();
            image = images.end;
            draft.animate(animate.duration, images, limits)?;
        }
        if stage.auto_orient {
            draft.turn();
        }
        if let Some(format) = stage.output.format {
            draft.become_a(match format {
                rules::Format::Jpg => Format::Jpeg,
                rules::Format::Png => Format::Png,
                rules::Format::WebP => Format::WebP,
                rules::Format::Gif => Format::Gif,
                rules::Format::Bmp => Format::Bmp,
                rules::Format::Source => object.format,
                rules::Format::Avif => return Err(Fault::UnknownFormat),
            });
        }
        asked.add(&stage.output);
    }
    draft.finish(asked, object)
}

/// The picture after the stages so far.
struct Draft {
    format: Format,
    size: Size,
    /// How it has still to be turned to be shown.
    orientation: Orientation,
    /// True where it may have alpha.
    has_alpha: bool,
    steps: Vec<Step>,
}

impl Draft {
    fn turn(&mut self) {
        let orientation = std::mem::take(&mut self.orientation);
        if orientation != Orientation::Normal {
            self.size = orientation.shown(self.size);
            self.steps.push(Step::Turn(orientation));
        }
    }

    fn animate(
        &mut self,
        duration: u32,
        images: Range<usize>,
        limits: &Limits,
    ) -> Result<(), Fault> {
        limits.check_frame(self.format, self.size)?;
        if self.steps.is_empty() {
            // Every source is turned on its way into the animation.
            let orientation = std::mem::take(&mut self.orientation);
            self.size = orientation.shown(self.size);
        } else {
            self.turn();
        }
        self.steps.push(Step::Animate {
            canvas: self.size,
            duration,
            images,
        });
        self.format = Format::Gif;
        self.has_alpha = true;
        Ok(())
    }

    /// The picture in a format that has no frames.
    fn become_a(&mut self, format: Format) {
        self.format = format;
        if let Some(Step::Animate { .. }) = self.steps.last() {
            self.steps.push(Step::FirstFrame);
        }
        if format == Format::Jpeg && std::mem::take(&mut self.has_alpha) {
            self.steps.push(Step::Flatten);
        }
    }

    fn finish(mut self, asked: Asked, object: &SourceInfo) -> Result<Work, Fault> {
        if self.format == Format::Jpeg {
            // The encoder lays over white what comes to it.
            self.steps.pop_if(|step| *step == Step::Flatten);
        }
        let as_it_is = self.steps.is_empty() && self.format == object.format;
        let process = asked.interlace.map(process_of);
        let mut result = ResultInfo {
            format: self.format,
            size: self.size,
            frames: 1,
            quality: 100,
        };
        let output = match self.format {
            Format::Jpeg if as_it_is && !lowers_quality(asked.quality, object) => {
                result = ResultInfo::of_source(object);
                if process.is_none() && !asked.strip {
                    Output::Source
                } else {
                    let metadata = if asked.strip {
                        Metadata::Essential
                    } else {
                        Metadata::All
                    };
                    let process = process.unwrap_or(process_of(object.progressive));
                    Output::Transcode { process, metadata }
                }
            }
            // `interlace`, `quality` and `strip` are about JPG; others are not touched by them.
            format if format != Format::Jpeg && as_it_is => {
                result = ResultInfo::of_source(object);
                Output::Source
            }
            Format::Jpeg => {
                result.quality = target_quality(asked.quality, object);
                let target = Target::Jpeg {
                    process: process.unwrap_or(Process::Baseline),
                    quality: result.quality,
                };
                let strip = asked.strip;
                Output::Still { target, strip }
            }
            Format::Png => {
                let (target, strip) = (Target::Png, asked.strip);
                Output::Still { target, strip }
            }
            other => match self.steps.last() {
                Some(Step::Animate { images, .. }) => {
                    result.frames = 1 + images.len() as u32;
                    Output::Gif
                }
                _ => return Err(Fault::NotWritten(other)),
            },
        };
        Ok(Work {
            steps: self.steps,
            output,
            result,
        })
    }
}

/// The output options of all stages.
#[derive(Clone, Copy, Default)]
struct Asked {
    interlace: Option<bool>,
    quality: Option<Quality>,
    strip: bool,
}

impl Asked {
    fn add(&mut self, next: &rules::Output) {
        self.interlace = next.interlace.or(self.interlace);
        self.quality = match (self.quality, next.quality) {
            (Some(before), Some(next)) if !next.forced => Some(Quality {
                value: before.value.min(next.value),
                forced: before.forced,
            }),
            (before, next) => next.or(before),
        };
        self.strip |= next.strip;
    }
}

fn process_of(progressive: bool) -> Process {
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
fn target_quality(quality: Option<Quality>, info: &SourceInfo) -> u8 {
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

    fn work(rule: &str, info: &SourceInfo) -> Result<Work, Fault> {
        resolve(&Rule::parse(rule).unwrap(), info, &Limits::default())
    }

    /// What the rule means for a picture of this format that lies on its side.
    #[track_caller]
    fn plans(rule: &str, format: Format, steps: &[Step], output: Output) {
        let work = work(rule, &info(format)).unwrap();
        assert_eq!((&work.steps[..], work.output), (steps, output), "{rule}");
    }

    #[track_caller]
    fn writes(rule: &str, format: Format, output: Output) {
        plans(rule, format, &[], output);
    }

    fn jpeg(process: Process, quality: u8) -> Output {
        let target = Target::Jpeg { process, quality };
        Output::Still {
            target,
            strip: false,
        }
    }

    const PNG: Output = Output::Still {
        target: Target::Png,
        strip: false,
    };

    #[test]
    fn re_codes_a_jpeg_where_its_pixels_may_stay() {
        let transcode = |process, metadata| Output::Transcode { process, metadata };
        let (all, essential) = (Metadata::All, Metadata::Essential);
        let progressive = transcode(Process::Progressive, all);
        writes("imageMogr2/interlace/1", Format::Jpeg, progressive);
        writes(
            "imageMogr2/format/jpg/interlace/1",
            Format::Jpeg,
            progressive,
        );
        writes(
            "imageMogr2/quality/80/interlace/1",
            Format::Jpeg,
            progressive,
        );
        writes(
            "imageMogr2/interlace/1|imageMogr2/quality/95",
            Format::Jpeg,
            progressive,
        );
        let baseline = transcode(Process::Baseline, all);
        writes("imageMogr2/interlace/0", Format::Jpeg, baseline);
        writes(
            "imageMogr2/interlace/1|imageMogr2/interlace/0",
            Format::Jpeg,
            baseline,
        );
        writes(
            "imageMogr2/strip",
            Format::Jpeg,
            transcode(Process::Baseline, essential),
        );
        writes("imageMogr2/format/jpg", Format::Jpeg, Output::Source);
        writes("imageMogr2", Format::Jpeg, Output::Source);
    }

    #[test]
    fn encodes_a_jpeg_at_the_quality_asked_for() {
        let (base, progressive) = (Process::Baseline, Process::Progressive);
        writes("imageMogr2/quality/79", Format::Jpeg, jpeg(base, 79));
        writes("imageMogr2/quality/90!", Format::Jpeg, jpeg(base, 90));
        writes("imageMogr2/quality/80!", Format::Jpeg, jpeg(base, 80));
        writes(
            "imageMogr2/quality/9/interlace/1",
            Format::Jpeg,
            jpeg(progressive, 9),
        );
        writes(
            "imageMogr2/quality/9|imageMogr2/quality/20",
            Format::Jpeg,
            jpeg(base, 9),
        );
        writes(
            "imageMogr2/quality/90!|imageMogr2/quality/95",
            Format::Jpeg,
            jpeg(base, 90),
        );
        writes(
            "imageMogr2/quality/9|imageMogr2/quality/90!",
            Format::Jpeg,
            jpeg(base, 90),
        );
        writes("imageMogr2/format/jpg", Format::Png, jpeg(base, 85));
        writes(
            "imageMogr2/format/jpg/quality/95",
            Format::Png,
            jpeg(base, 95),
        );
        writes(
            "imageMogr2/interlace/1|imageMogr2/format/jpg",
            Format::Png,
            jpeg(progressive, 85),
        );
        writes(
            "imageMogr2/format/png|imageMogr2/format/jpg",
            Format::Gif,
            jpeg(base, 85),
        );
    }

    #[test]
    fn leaves_alone_what_is_not_jpg() {
        for format in [Format::Png, Format::Gif, Format::WebP, Format::Bmp] {
            writes(
                "imageMogr2/interlace/1/quality/5/strip",
                format,
                Output::Source,
            );
        }
        writes("imageMogr2/format/png", Format::Png, Output::Source);
    }

    #[test]
    fn turns_only_where_asked() {
        let turn = [Step::Turn(Orientation::Rotate90)];
        plans("imageMogr2/auto-orient", Format::Png, &turn, PNG);
        let progressive = jpeg(Process::Progressive, 80);
        for rule in [
            "imageMogr2/auto-orient/interlace/1",
            "imageMogr2/interlace/1|imageMogr2/auto-orient|imageMogr2/auto-orient",
        ] {
            plans(rule, Format::Jpeg, &turn, progressive);
        }
        let turned = work("imageMogr2/auto-orient", &info(Format::WebP));
        assert_eq!(turned, Err(Fault::NotWritten(Format::WebP)));
        let upright = SourceInfo {
            orientation: 1,
            ..info(Format::WebP)
        };
        let work = work("imageMogr2/auto-orient", &upright).unwrap();
        assert_eq!((work.steps, work.output), (vec![], Output::Source));
    }

    #[test]
    fn encodes_once_and_loses_on_the_way_what_the_formats_lose() {
        let by_jpg = "imageMogr2/format/jpg|imageMogr2/format/png";
        // Nothing is lost that PNG keeps: neither alpha, where there is none, nor quality.
        writes(by_jpg, Format::Png, Output::Source);
        writes(by_jpg, Format::Jpeg, PNG);
        writes(
            "imageMogr2/quality/5|imageMogr2/format/png",
            Format::Jpeg,
            PNG,
        );
        writes(
            "imageMogr2/format/png|imageMogr2/format/jpg",
            Format::Jpeg,
            Output::Source,
        );
        let clear = SourceInfo {
            has_alpha: true,
            orientation: 1,
            ..info(Format::Png)
        };
        let flattened = work(by_jpg, &clear).unwrap();
        assert_eq!(
            (flattened.steps, flattened.output),
            (vec![Step::Flatten], PNG)
        );
        let to_jpg = work("imageMogr2/format/jpg", &clear).unwrap();
        assert_eq!(
            (to_jpg.steps, to_jpg.output),
            (vec![], jpeg(Process::Baseline, 85))
        );
    }

    #[test]
    fn animates_what_the_stages_before_have_made() {
        let animate = "imageMogr2/animate/duration/50/images/aHR0cDovL2gvMg";
        let step = Step::Animate {
            canvas: Size::new(30, 40),
            duration: 50,
            images: 1..2,
        };
        let only = std::slice::from_ref(&step);
        for rule in [
            animate.to_owned(),
            format!("imageMogr2|{animate}|imageMogr2/ignore-error/1"),
            format!("imageMogr2/strip/quality/9/format/jpg|{animate}|imageMogr2/interlace/1"),
        ] {
            plans(&rule, Format::Jpeg, only, Output::Gif);
        }
        let result = work(animate, &info(Format::Png)).unwrap().result;
        let expected = ResultInfo {
            format: Format::Gif,
            size: Size::new(30, 40),
            frames: 2,
            quality: 100,
        };
        assert_eq!(result, expected);
        plans(
            &format!("imageMogr2/auto-orient|{animate}|imageMogr2/format/png"),
            Format::Jpeg,
            &[
                Step::Turn(Orientation::Rotate90),
                step.clone(),
                Step::FirstFrame,
            ],
            PNG,
        );
        plans(
            &format!("{animate}|imageMogr2/format/jpg/quality/7"),
            Format::Png,
            &[step, Step::FirstFrame],
            jpeg(Process::Baseline, 7),
        );
        let twice = work(&format!("{animate}|{animate}"), &info(Format::Png));
        assert_eq!(twice, Err(Fault::NotAFrame(Format::Gif)));
    }
}
