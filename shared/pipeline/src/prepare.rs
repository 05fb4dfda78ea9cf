//! The one way through: plan, decode and change; then write.

use bytes::Bytes;
use raster::Watch;
use rules::{Info, Rule};

use crate::animate;
use crate::describe::{average, exif, info};
use crate::encode::encode;
use crate::encode::jpeg::WHITE;
use crate::error::{Error, jpeg_error};
use crate::limits::{Limits, Options};
use crate::picture::Picture;
use crate::plan::Plan;
use crate::resolve::{Output, Step};
use crate::result::Prepared;
use crate::still::{flatten, still, turn};

/// Does everything that can fail on input: [`Plan::new`] and [`Plan::prepare`] in one.
///
/// # Errors
///
/// Those of both.
pub fn prepare(
    sources: &[Bytes],
    rule: &Rule,
    limits: &Limits,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Prepared, Error> {
    Plan::new(sources, rule, limits, options)?.prepare(watch)
}

impl Plan {
    /// Does everything that can fail on input.
    ///
    /// - A still result is complete here, and its length known; an animation is decoded, laid out and ready to be
    ///   encoded.
    /// - A rule that changes nothing gives back the object's own bytes.
    ///
    /// # Errors
    ///
    /// Every error on the input, each naming the source at fault; [`Error::Stopped`] if `watch` says so.
    pub fn prepare(&self, watch: &dyn Watch) -> Result<Prepared, Error> {
        let made = self.make(watch)?;
        let (picture, bytes) = (self.work.result, made.bytes().cloned());
        let document = match (self.told, bytes) {
            (None | Some(Info::Average), _) => return Ok(made),
            (Some(Info::Exif), Some(bytes)) => exif::document(&bytes, picture.format),
            // The frames of an animation come without metadata.
            (Some(Info::Exif), None) => exif::NONE.to_owned(),
            (Some(Info::Image), Some(bytes)) => {
                info::of_file(&bytes).map_err(|fault| Error::Source { index: 0, fault })?
            }
            (Some(Info::Image), None) => {
                let mut sum = info::Sum::default();
                made.write(watch, &mut sum)?;
                sum.of_animation(picture)
            }
        };
        Ok(Prepared::text(document, picture))
    }

    /// Makes the picture, or tells its average color.
    fn make(&self, watch: &dyn Watch) -> Result<Prepared, Error> {
        watch.check()?;
        let (limits, options, object) = (&self.limits, &self.options, &self.sources[0]);
        let work = &self.work;
        let done = |bytes: Bytes| Ok(Prepared::done(bytes, work.result));
        match work.output {
            Output::Source => done(object.bytes.clone()),
            Output::Transcode { process, metadata } => {
                let transcode = options.transcode(process, metadata, limits);
                let made = codec_jpeg::transcode(&object.bytes, &transcode, watch);
                let bytes = made.map_err(jpeg_error)?.bytes;
                // The source's own memory serves where nothing changed.
                done(if bytes == object.bytes {
                    object.bytes.clone()
                } else {
                    bytes.into()
                })
            }
            Output::Still { target, strip } => {
                let picture = self.change(watch)?;
                let decoded = still(picture, self.space, limits, watch)?;
                watch.check()?;
                done(encode(decoded, target, strip, limits, options, watch)?.into())
            }
            Output::Average => {
                let frame = still(self.change(watch)?, self.space, limits, watch)?.frame;
                watch.check()?;
                let text = average::document(&frame, watch)?;
                Ok(Prepared::text(text, work.result))
            }
            Output::Gif => match self.change(watch)? {
                Picture::Animation(frames) => Ok(Prepared::animation(frames, work.result, options)),
                Picture::Source(_) | Picture::Still(_) => {
                    unreachable!("a GIF is planned only where the last step animates")
                }
            },
        }
    }

    /// Carries out all steps.
    fn change(&self, watch: &dyn Watch) -> Result<Picture<'_>, Error> {
        let (limits, space) = (&self.limits, self.space);
        let mut picture = Picture::Source(&self.sources[0]);
        for step in &self.work.steps {
            watch.check()?;
            picture = match step {
                Step::Turn(orientation) => {
                    Picture::Still(turn(still(picture, space, limits, watch)?, *orientation))
                }
                Step::Flatten => {
                    Picture::Still(flatten(still(picture, space, limits, watch)?, WHITE))
                }
                Step::FirstFrame => Picture::Still(still(picture, space, limits, watch)?),
                Step::Animate {
                    canvas,
                    duration,
                    images,
                } => {
                    let images = &self.sources[images.clone()];
                    let threads = self.options.threads;
                    let frames = animate::frames(
                        picture, images, *canvas, *duration, limits, threads, watch,
                    )?;
                    Picture::Animation(frames)
                }
            };
        }
        Ok(picture)
    }
}
