//! A rule resolved on its sources: what is done, what comes out, and what it takes of memory. Nothing is decoded for it.

pub mod geometry;

use bytes::Bytes;
use rules::{Info, Role, Rule, Stage};

use crate::animate;
use crate::color::ColorSpace;
use crate::encode;
use crate::error::{Error, Fault, jpeg_error};
use crate::format::Format;
use crate::limits::{Limits, Options};
use crate::memory::{Memory, Outline};
use crate::picture::Source;
use crate::resolve::{Output, Step, Work, pictures, resolve};
use crate::result::ResultInfo;
use crate::still::plan_decoding;

/// What a plan itself takes.
const PLAN_BYTES: u64 = 64 << 10;

/// What a text takes that tells of EXIF: some 150 tags, of at most 1023 bytes each, which JSON may escape by six bytes each,
/// and their copy in the document.
const TEXT_BYTES: u64 = 2 << 20;

/// What will be done to the sources of a rule, and what will come of it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) sources: Vec<Source>,
    pub(crate) work: Work,
    /// What is told of the picture in place of it, if the rule asks for that.
    pub(crate) told: Option<Info>,
    /// The color space that steps work in.
    pub(crate) space: ColorSpace,
    memory: Memory,
    pub(crate) limits: Limits,
    pub(crate) options: Options,
}

impl Plan {
    /// Resolves `rule` on its sources. Cost: their headers are read.
    ///
    /// - `sources`: the object, then the bytes of every one of [`Rule::images`], in that order. Sources that are
    ///   equal are decoded once; they may share their memory.
    ///
    /// # Errors
    ///
    /// What the rule or the headers show to be too much, of the wrong kind or broken, naming the source at fault.
    /// [`Fault::TooMuchMemory`](crate::Fault::TooMuchMemory) where the work takes more than the limit whatever is in the sources.
    pub fn new(
        sources: &[Bytes],
        rule: &Rule,
        limits: &Limits,
        options: &Options,
    ) -> Result<Self, Error> {
        check(rule, limits)?;
        let mut sources = accept(sources, rule, limits)?;
        let object = &sources[0];
        let at_fault = |fault| Error::Source { index: 0, fault };
        let mut transcoding = Memory::default();
        let mut work = resolve(rule, &object.info, limits).map_err(at_fault)?;
        let told = match rule.stages().last() {
            Some(Stage::Info(info)) => Some(*info),
            _ => None,
        };
        if told == Some(Info::Average) {
            work.output = Output::Average;
        }
        if let Output::Transcode { process, metadata } = work.output {
            let transcode = options.transcode(process, metadata, limits);
            match codec_jpeg::transcode_memory(&object.bytes, &transcode) {
                Ok(bound) => {
                    transcoding = Memory {
                        least: bound.least_bytes,
                        most: bound.most_bytes,
                    };
                }
                Err(error) => return Err(jpeg_error(error)),
            }
        }
        let space = space(&work);
        let memory = match work.output {
            Output::Source => Memory::default(),
            Output::Transcode { .. } => transcoding,
            Output::Still { .. } | Output::Gif | Output::Average => {
                memory(&mut sources, &work, space, limits, options)?
            }
        };
        limits.check_memory(memory.least).map_err(at_fault)?;
        Ok(Self {
            sources,
            work,
            told,
            space,
            memory: memory.and_perhaps(match told {
                Some(Info::Exif) => PLAN_BYTES + TEXT_BYTES,
                Some(Info::Image | Info::Average) | None => PLAN_BYTES,
            }),
            limits: *limits,
            options: *options,
        })
    }

    /// What the result will be or, where it is a text, what the picture is that the text tells of.
    pub fn result(&self) -> ResultInfo {
        self.work.result
    }

    /// Bytes of memory that [`Plan::prepare`] and the writing of its result take at most, all told: pixels, what
    /// decoders and encoders take for themselves, and the result of a still. Not in it are the sources, and what the
    /// writer keeps of an animation, which is handed out as it is made.
    ///
    /// What depends on a JPEG's coefficients may come to more than the limit on memory; the codec then refuses it on
    /// the way, and the bound is held.
    pub fn memory_bytes(&self) -> u64 {
        self.memory.most
    }
}

/// The color space that the steps work in: pictures with different profiles are mixed in sRGB, and an average color is
/// told in it.
fn space(work: &Work) -> ColorSpace {
    let mixes = |step: &Step| matches!(step, Step::Animate { .. });
    if work.steps.iter().any(mixes) || work.output == Output::Average {
        ColorSpace::Srgb
    } else {
        ColorSpace::Source
    }
}

/// What work on pixels takes: one step after the other, each beside what the one before has left.
fn memory(
    sources: &mut [Source],
    work: &Work,
    space: ColorSpace,
    limits: &Limits,
    options: &Options,
) -> Result<Memory, Error> {
    let decoding = plan_decoding(&mut sources[0], space, limits)?;
    let mut outline = Outline {
        size: sources[0].info.size,
        frame_bytes: decoding.frame_bytes,
        metadata_bytes: decoding.metadata_bytes,
        gray: decoding.gray,
    };
    let mut memory = decoding.memory.and_perhaps(decoding.metadata_bytes);
    for step in &work.steps {
        match step {
            Step::Turn(orientation) => {
                outline.size = orientation.shown(outline.size);
                memory = memory.then(changed(&outline));
            }
            Step::Flatten => memory = memory.then(changed(&outline)),
            Step::FirstFrame => outline = Outline::of_frame(outline.size),
            Step::Animate { canvas, images, .. } => {
                let first = outline;
                for image in &mut sources[images.clone()] {
                    let decoding = plan_decoding(image, space, limits)?;
                    memory.least = memory.least.max(decoding.memory.least);
                }
                let images = &sources[images.clone()];
                let frames = animate::memory(
                    &sources[0],
                    &first,
                    images,
                    *canvas,
                    work.output == Output::Gif,
                    options,
                );
                memory = memory.then(frames);
                outline = Outline::of_frame(*canvas);
            }
        }
    }
    if let Output::Still { target, .. } = work.output {
        memory = memory.then(encode::memory(&outline, target, limits, options));
    }
    Ok(memory)
}

/// What it takes to make a changed copy of a picture.
fn changed(outline: &Outline) -> Memory {
    Memory::exactly(2 * outline.frame_bytes).and_perhaps(outline.metadata_bytes)
}

/// Refuses what the rule alone shows to be too much, or to be possible on no source, before any is read.
///
/// # Errors
///
/// [`Error::TooManyFrames`]; [`Fault::NotAFrame`](crate::Fault::NotAFrame) where a stage animates what a stage before has
/// animated.
pub fn check(rule: &Rule, limits: &Limits) -> Result<(), Error> {
    let mut is_animation = false;
    for stage in pictures(rule) {
        if stage.animate.is_some() && is_animation {
            let fault = Fault::NotAFrame(Format::Gif);
            return Err(Error::Source { index: 0, fault });
        }
        is_animation |= stage.animate.is_some();
        if let Some(format) = stage.output.format {
            is_animation = format == rules::Format::Gif;
        }
        let found = 1 + stage.animate.as_ref().map_or(0, |a| a.images.len());
        let max = limits.max_frames;
        if found > max {
            return Err(Error::TooManyFrames { found, max });
        }
    }
    Ok(())
}

/// Probes the sources and holds them to the limits of what they are used as.
fn accept(sources: &[Bytes], rule: &Rule, limits: &Limits) -> Result<Vec<Source>, Error> {
    let roles: Vec<Role> = rule.images().map(|named| named.role).collect();
    let (found, expected) = (sources.len(), 1 + roles.len());
    if found != expected {
        return Err(Error::SourceCount { found, expected });
    }
    let begins = pictures(rule).next();
    let begins_with_animate = begins.is_some_and(|stage| stage.animate.is_some());
    let accept = |(index, bytes): (usize, &Bytes)| {
        let accepted = limits.accept(bytes).and_then(|info| {
            // The object may become a frame on the way; images that are frames must be so as they are.
            let is_frame = match index.checked_sub(1) {
                Some(image) => roles[image] == Role::Frame,
                None => begins_with_animate,
            };
            if is_frame {
                limits.check_frame(info.format, info.size)?;
            }
            Ok(info)
        });
        let info = accepted.map_err(|fault| Error::Source { index, fault })?;
        Ok(Source::new(index, bytes.clone(), info))
    };
    sources.iter().enumerate().map(accept).collect()
}
