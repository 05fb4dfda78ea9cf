//! The one way through: probe, plan, decode; then write.

use bytes::Bytes;
use raster::Watch;
use rules::{Role, Rule};

use crate::animate::{self, Still};
use crate::error::Error;
use crate::limits::{Limits, Options};
use crate::plan::{self, Plan, Step};
use crate::probe::probe;
use crate::result::Prepared;
use crate::still::execute;

/// Refuses what the rule alone shows to be too much, before any source is read.
///
/// # Errors
///
/// [`Error::TooManyFrames`].
pub fn check(rule: &Rule, limits: &Limits) -> Result<(), Error> {
    for rules::Stage::ImageMogr2(stage) in rule.stages() {
        let found = 1 + stage.animate.as_ref().map_or(0, |a| a.images.len());
        let max = limits.max_frames;
        if found > max {
            return Err(Error::TooManyFrames { found, max });
        }
    }
    Ok(())
}

/// Does everything that can fail on input.
///
/// - `sources`: the object, then the bytes of every one of [`Rule::images`], in that order. Sources that are
///   equal are decoded once; they may share their memory.
/// - A still result is complete here, and its length known; an animation is decoded, laid out and ready to be encoded.
/// - A rule that changes nothing gives back the object's own bytes.
/// - Cost: peak memory is the sources, and the decoded picture with its result, or every frame of the animation.
///
/// # Errors
///
/// Every error on the input, each naming the source at fault, limits before anything is decoded;
/// [`Error::Stopped`] if `watch` says so.
pub fn prepare(
    sources: &[Bytes],
    rule: &Rule,
    limits: &Limits,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Prepared, Error> {
    check(rule, limits)?;
    let expected = 1 + rule.images().count();
    if sources.len() != expected {
        let found = sources.len();
        return Err(Error::SourceCount { found, expected });
    }
    let steps = plan::steps(rule);
    let mut infos = Vec::with_capacity(expected);
    let roles: Vec<Role> = rule.images().map(|named| named.role).collect();
    for (index, bytes) in sources.iter().enumerate() {
        let info = limits.accept(bytes).and_then(|info| {
            // The object may become a frame on the way; images that are frames must be so as they are.
            let is_frame = match index.checked_sub(1) {
                Some(image) => roles[image] == Role::Frame,
                None => matches!(steps.first(), Some(Step::Animate { .. })),
            };
            if is_frame {
                limits.check_frame(&info)?;
            }
            Ok(info)
        });
        infos.push(info.map_err(|fault| Error::Source { index, fault })?);
    }
    let object = |fault| Error::Source { index: 0, fault };
    let mut bytes = sources[0].clone();
    let mut info = infos[0];
    let mut steps = steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        watch.check()?;
        let made = match step {
            Step::Still(ask) => {
                let plan = Plan::new(ask, &info).map_err(object)?;
                // A frame shows the same pixels however its JPEG is written.
                let last = !matches!(steps.peek(), Some(Step::Animate { .. }));
                if plan == Plan::Unchanged || (plan.keeps_pixels() && !last) {
                    continue;
                }
                execute(plan, &bytes, &info, limits, options, watch)?
            }
            Step::Animate { duration, images } => {
                limits.check_frame(&info).map_err(object)?;
                let rest = images.map(|index| (index, &sources[index], infos[index]));
                let stills: Vec<Still> = std::iter::once((0, &bytes, info))
                    .chain(rest)
                    .map(|(index, bytes, info)| Still { index, bytes, info })
                    .collect();
                let frames = animate::frames(&stills, duration, limits, options.threads, watch)?;
                let prepared = Prepared::animation(frames, options);
                if steps.peek().is_none() {
                    return Ok(prepared);
                }
                let mut made = Vec::new();
                prepared.write(watch, &mut made)?;
                Bytes::from(made)
            }
        };
        bytes = made;
        info = probe(&bytes).map_err(|fault| Error::Encoder {
            format: info.format,
            reason: fault.to_string(),
        })?;
    }
    Ok(Prepared::done(bytes, &info))
}
