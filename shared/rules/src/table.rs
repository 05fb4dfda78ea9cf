//! The one table of operations: what each is called, what it takes, how it is read and written, and whether it is
//! built. The parser, the messages, the order of the canonical text and the README's table are all made from it.

use std::fmt::{self, Write as _};

use crate::color::Color;
use crate::command;
use crate::image_mogr2::animate::AnimateDraft;
use crate::image_mogr2::crop::{Gravity, ScropOrCut};
use crate::image_mogr2::output::{Bytes, Preset};
use crate::image_mogr2::thumbnail::Resize;
use crate::image_mogr2::{Draft, Transform, crop, tone, turn};
use crate::image_view2::ViewDraft;
use crate::operation::{Kind, Of, Operation, Read, operation};
use crate::values::{Segments, Takes};
use crate::watermark::{Kind as MarkKind, MarkDraft};

const PAD: Takes = Takes::new("pad", "0 or 1");
const COLOR: Takes = Takes::new("color", "a color in base64");
const DX: Takes = Takes::new("dx", "a whole number of pixels");
const DY: Takes = Takes::new("dy", "a whole number of pixels");

/// Every operation. The canonical text of a stage has those that have no place in this order, after the transforms.
pub(crate) static OPERATIONS: [Operation; 74] = [
    operation("animate", "duration/<ms>/images/<b64url>/...", "GIF of the object and the images, in order; 1 to 655350 ms, 1 to 19 images; every mode", Read::Picture(|draft, _| {
        draft.animate.asked = true;
        Ok(())
    }))
    .built(),
    operation("duration", "<ms>", "", Read::Animate(AnimateDraft::read_duration))
        .parameter()
        .built(),
    operation("images", "<b64url>/...", "", Read::Animate(AnimateDraft::read_images))
        .parameter()
        .built(),
    operation("x-loop", "<0-65535>", "how often the animation plays, 0 forever", Read::Animate(AnimateDraft::read_loop))
        .parameter(),
    operation("x-delays", "<ms>,<ms>,...", "how long each frame shows; the last one repeats", Read::Animate(AnimateDraft::read_delays))
        .parameter(),
    operation("x-reverse", "<0|1>", "the last frame first", Read::Animate(AnimateDraft::read_reverse))
        .parameter(),
    operation("x-boomerang", "<0|1>", "forwards, then backwards", Read::Animate(AnimateDraft::read_boomerang))
        .parameter(),
    operation("x-fit", "<contain|cover|stretch>", "what becomes of frames of another size", Read::Animate(AnimateDraft::read_fit))
        .parameter(),
    operation("x-background", "<b64>", "a color in place of transparency", Read::Animate(AnimateDraft::read_background))
        .parameter(),
    operation("thumbnail", "<size>", "`<W>x`, `x<H>`, `<W>x<H>`, with `>`, `<` or `!` after it, `!<W>x<H>r`, `!<S>p`, `<A>@`", Read::Picture(|draft, segments| {
        draft.push_thumbnail(Resize::read(segments)?);
        Ok(())
    }))
    .transform(),
    operation("pad", "<0|1>", "a canvas of the size that `thumbnail` asks for", Read::Picture(|draft, segments| {
        draft.push_pad(PAD.flag(segments)?);
        Ok(())
    }))
    .parameter(),
    operation("color", "<b64>", "what `pad` fills with, white where it is not given", Read::Picture(|draft, segments| {
        draft.color = Some(Color::read(COLOR, segments)?);
        Ok(())
    }))
    .parameter(),
    operation("cut", "<W>x<H>[x<dx>x<dy>]", "a rectangle; at `gravity/<direction>`, northwest", Read::Picture(|draft, segments| {
        draft.push_rectangle(crop::cut(segments)?);
        read_direction(draft, segments);
        Ok(())
    }))
    .transform(),
    operation("crop", "<W>x<H>", "scaled to cover, then a rectangle at `gravity/<direction>`, center; `<W>x`, `x<H>`, `!<W>x<H>a<dx>a<dy>`: a rectangle", Read::Picture(|draft, segments| {
        draft.push_rectangle(crop::crop(segments)?);
        read_direction(draft, segments);
        Ok(())
    }))
    .transform(),
    operation("gravity", "<direction>", "where a crop or cut is", Read::Picture(|draft, segments| {
        draft.push_gravity(Gravity::read(segments)?);
        Ok(())
    }))
    .parameter(),
    operation("dx", "<n>", "the offset of a crop or cut", Read::Picture(|draft, segments| {
        draft.dx = DX.number(segments, 0..=u32::MAX)?;
        Ok(())
    }))
    .parameter(),
    operation("dy", "<n>", "the offset of a crop or cut", Read::Picture(|draft, segments| {
        draft.dy = DY.number(segments, 0..=u32::MAX)?;
        Ok(())
    }))
    .parameter(),
    operation("scrop", "<W>x<H>", "scaled to cover, then its middle", Read::Picture(|draft, segments| {
        draft.push(match crop::scrop(segments)? {
            ScropOrCut::Scrop(scrop) => Transform::Scrop(scrop),
            ScropOrCut::Cut(cut) if cut.is_whole() => return Ok(()),
            ScropOrCut::Cut(cut) => Transform::Cut(cut),
        });
        Ok(())
    }))
    .transform(),
    operation("rcrop", "<min>x<max>", "the middle, its width at least `min` and at most `max` percent of its height", Read::Picture(|draft, segments| {
        draft.push(Transform::Rcrop(crop::rcrop(segments)?));
        Ok(())
    }))
    .transform(),
    operation("indexcrop", "<width|height>/<n>/index/<i>", "piece `i` of pieces of `n` pixels", Read::Picture(|draft, segments| {
        draft.push(Transform::IndexCrop(crop::indexcrop(segments)?));
        Ok(())
    }))
    .transform(),
    operation("iradius", "<r>", "the circle in the middle", Read::Picture(|draft, segments| {
        draft.push(Transform::Iradius(turn::iradius(segments)?));
        Ok(())
    }))
    .transform(),
    operation("rradius", "<r>", "rounded corners", Read::Picture(|draft, segments| {
        draft.push(Transform::Rradius(turn::rradius(segments)?));
        Ok(())
    }))
    .transform(),
    operation("rotate", "<-360..360>", "clockwise, in whole degrees", Read::Picture(|draft, segments| {
        match turn::rotate(segments)? {
            0 => {}
            value => draft.push(Transform::Rotate(value)),
        }
        Ok(())
    }))
    .transform(),
    operation("flip", "<horizontal|vertical>", "left and right, or top and bottom, change places", Read::Picture(|draft, segments| {
        draft.push(Transform::Flip(turn::flip(segments)?));
        Ok(())
    }))
    .transform(),
    operation("blur", "<radius>x<sigma>", "Gaussian; radius 1 to 50, sigma 0 to 1000", Read::Picture(|draft, segments| {
        if let Some(blur) = tone::blur(segments)? {
            draft.push(Transform::Blur(blur));
        }
        Ok(())
    }))
    .transform(),
    operation("sharpen", "<0-300>", "an unsharp mask, in percent", Read::Picture(|draft, segments| {
        match tone::sharpen(segments)? {
            0 => {}
            value => draft.push(Transform::Sharpen(value)),
        }
        Ok(())
    }))
    .transform(),
    operation("bright", "<-100..100>", "brightness", Read::Picture(|draft, segments| {
        match tone::bright(segments)? {
            0 => {}
            value => draft.push(Transform::Bright(value)),
        }
        Ok(())
    }))
    .transform(),
    operation("contrast", "<-100..100>", "contrast", Read::Picture(|draft, segments| {
        match tone::contrast(segments)? {
            0 => {}
            value => draft.push(Transform::Contrast(value)),
        }
        Ok(())
    }))
    .transform(),
    operation("grayscale", "[0|1]", "no color", Read::Picture(|draft, segments| {
        if segments.switch() {
            draft.push(Transform::Grayscale);
        }
        Ok(())
    }))
    .transform(),
    operation("frame", "<n>", "frame `n` of an animation as a still", Read::Picture(|draft, segments| draft.frames.read_frame(segments)))
        .written(|stage, f| valued(f, "frame", stage.frames.only)),
    operation("egif", "<k>", "each `k`-th frame", Read::Picture(|draft, segments| draft.frames.read_egif(segments)))
        .written(|stage, f| valued(f, "egif", stage.frames.every)),
    operation("cgif", "<n>", "at most `n` frames of a GIF; 1: the first 30", Read::Picture(|draft, segments| draft.frames.read_cgif(segments)))
        .written(|stage, f| valued(f, "cgif", stage.frames.at_most)),
    operation("auto-orient", "[0|1]", "turns the pixels as EXIF says, before all else", Read::Common(|common, segments| {
        common.auto_orient = segments.switch();
        Ok(())
    }))
    .written(|stage, f| switched(f, "auto-orient", stage.auto_orient))
    .built(),
    operation("format", "<jpg|jpeg|yjpeg|png>", "JPG, PNG, BMP, first frame of GIF and WebP; alpha over white; ICC, EXIF, XMP and resolution go along, and what gAMA, cHRM or cICP of a PNG say becomes sRGB", Read::Common(|common, segments| common.output.read_format(segments)))
        .written(|stage, f| valued(f, "format", stage.output.format))
        .built(),
    operation("interlace", "<0|1>", "JPEG in, JPEG out: lossless. Means nothing to other outputs", Read::Common(|common, segments| common.output.read_interlace(segments)))
        .written(|stage, f| valued(f, "interlace", stage.output.interlace.map(u8::from)))
        .built(),
    operation("quality", "<0-100>[!]", "JPG output; at most the source's, `!` forces; also `q`", Read::Common(|common, segments| common.output.read_quality(segments)))
        .written(|stage, f| valued(f, "quality", stage.output.quality))
        .built()
        .alias("q"),
    operation("rquality", "<0-100>", "percent of the quality; also `rq`", Read::Common(|common, segments| common.output.read_rquality(segments)))
        .written(|stage, f| valued(f, "rquality", stage.output.relative_quality))
        .alias("rq"),
    operation("lquality", "<0-100>", "the least quality; also `lq`", Read::Common(|common, segments| common.output.read_lquality(segments)))
        .written(|stage, f| valued(f, "lquality", stage.output.least_quality))
        .alias("lq"),
    operation("lossless", "[0|1]", "WebP without loss", Read::Common(|common, segments| {
        common.output.lossless = Some(segments.switch());
        Ok(())
    }))
    .written(|stage, f| valued(f, "lossless", stage.output.lossless.map(u8::from))),
    operation("strip", "[0|1]", "drops metadata but ICC, Adobe, resolution and orientation, and further pictures (an Ultra HDR gain map)", Read::Common(|common, segments| {
        common.output.strip = segments.switch();
        Ok(())
    }))
    .written(|stage, f| switched(f, "strip", stage.output.strip))
    .built(),
    operation("size-limit", "<n>[k|m][!]", "at most `n` bytes; `!`: the source where the result is not smaller", Read::Common(|common, segments| common.output.read_size_limit(segments)))
        .written(|stage, f| valued(f, "size-limit", stage.output.size_limit)),
    operation("minsize", "[0|1]", "the source where the result is larger; also `minisize`", Read::Common(|common, segments| {
        common.output.min_size = segments.switch();
        Ok(())
    }))
    .written(|stage, f| valued(f, "minsize", stage.output.min_size.then_some(1)))
    .alias("minisize"),
    operation("x-size-limit", "<n>[k|m]", "at most `n` bytes of a GIF or animated WebP", Read::Common(|common, segments| common.output.read_x_size_limit(segments)))
        .written(|stage, f| valued(f, "x-size-limit", stage.output.x_size_limit.map(Bytes))),
    operation("x-preset", "<quality|small>", "what a GIF is encoded for", Read::Picture(|draft, segments| {
        draft.preset = Some(Preset::read(segments)?);
        Ok(())
    }))
    .written(|stage, f| valued(f, "x-preset", stage.output.preset))
    .parameter(),
    operation("ignore-error", "<0|1>", "the original instead of an error of the image, a limit, a value or the deadline; in `Pic-Operations` a copy of it under the `fileid`", Read::Any)
        .built(),
    operation("w", "<size>", "width of the mode", Read::View(ViewDraft::read_width))
        .parameter(),
    operation("h", "<size>", "height of the mode", Read::View(ViewDraft::read_height))
        .parameter(),
    operation("image", "<b64url>", "the image", Read::Mark(Some(MarkKind::Image), MarkDraft::read_image))
        .parameter(),
    operation("text", "<b64url>", "the text", Read::Mark(Some(MarkKind::Text), MarkDraft::read_text))
        .parameter(),
    operation("gravity", "<direction>", "where the mark is", Read::Mark(None, MarkDraft::read_gravity))
        .parameter(),
    operation("dx", "<n>", "pixels inwards", Read::Mark(None, MarkDraft::read_dx))
        .parameter(),
    operation("dy", "<n>", "pixels inwards", Read::Mark(None, MarkDraft::read_dy))
        .parameter(),
    operation("dissolve", "<0-100>", "percent of its alpha", Read::Mark(None, MarkDraft::read_dissolve))
        .parameter(),
    operation("batch", "<0|1>", "tiles", Read::Mark(None, MarkDraft::read_batch))
        .parameter(),
    operation("degree", "<0-360>", "turned clockwise", Read::Mark(None, MarkDraft::read_degree))
        .parameter(),
    operation("spacing", "<0-100>", "percent of a tile between tiles", Read::Mark(None, MarkDraft::read_spacing))
        .parameter(),
    operation("scatype", "<1|2|3>", "sized by the picture's width, height or area", Read::Mark(None, MarkDraft::read_scatype))
        .parameter(),
    operation("spcent", "<n>", "thousandths of that", Read::Mark(None, MarkDraft::read_spcent))
        .parameter(),
    operation("blogo", "<1|2>", "fitted inside, or cut off", Read::Mark(Some(MarkKind::Image), MarkDraft::read_blogo))
        .parameter(),
    operation("font", "<b64url>", "name of a font", Read::Mark(Some(MarkKind::Text), MarkDraft::read_font))
        .parameter(),
    operation("fontsize", "<1-1000>", "points", Read::Mark(Some(MarkKind::Text), MarkDraft::read_fontsize))
        .parameter(),
    operation("fill", "<b64url>", "color of the letters", Read::Mark(Some(MarkKind::Text), MarkDraft::read_fill))
        .parameter(),
    operation("shadow", "<0-100>", "percent", Read::Mark(Some(MarkKind::Text), MarkDraft::read_shadow))
        .parameter(),
    operation("background", "", "", Read::Refused),
    operation("extent", "", "", Read::Refused),
    operation("position", "", "", Read::Refused),
    operation("colorspace", "", "", Read::Refused),
    operation("smooth", "", "", Read::Refused),
    operation("colors", "", "", Read::Refused),
    operation("lowpoly", "", "", Read::Refused),
    operation("roundpic", "", "", Read::Refused),
    operation("anima-format", "", "", Read::Refused),
    operation("meta-keep-list", "", "", Read::Refused),
    operation("cut-out", "", "", Read::Refused),
];

/// Reads a direction that stands after a crop or cut without its name.
fn read_direction(draft: &mut Draft, segments: &mut Segments<'_>) {
    let direction = segments.value_if(|text| Gravity::parse(text).is_some());
    if let Some(gravity) = direction.and_then(Gravity::parse) {
        draft.push_gravity(gravity);
    }
}

/// The row of this name, in any letter case.
pub(crate) fn find(of: Of, name: &str) -> Option<&'static Operation> {
    let is_called = |row: &&Operation| {
        row.name.eq_ignore_ascii_case(name)
            || row
                .alias
                .is_some_and(|alias| alias.eq_ignore_ascii_case(name))
    };
    OPERATIONS
        .iter()
        .filter(is_called)
        .find(|row| row.is_of(of))
}

/// What tells a segment that is a name, and so never a value.
pub(crate) fn is_name(of: Of) -> fn(&str) -> bool {
    fn named(of: Of, segment: &str) -> bool {
        find(of, segment).is_some() || command::find(segment).is_some()
    }
    match of {
        Of::Picture => |segment| named(Of::Picture, segment),
        Of::View => |segment| named(Of::View, segment),
        Of::Mark(MarkKind::Image) => |segment| named(Of::Mark(MarkKind::Image), segment),
        Of::Mark(MarkKind::Text) => |segment| named(Of::Mark(MarkKind::Text), segment),
        Of::Other => |segment| named(Of::Other, segment),
    }
}

/// The name that was meant by one that is not known, if there is one like it.
pub(crate) fn near(of: Of, name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let extension = format!("x-{name}");
    let rows = || {
        let known = |row: &&Operation| row.is_of(of) && !matches!(row.read, Read::Refused);
        OPERATIONS.iter().filter(known)
    };
    if let Some(row) = rows().find(|row| row.name == extension) {
        return Some(row.name);
    }
    let most = 1 + name.len() / 5;
    let distances = rows().map(|row| (strsim::osa_distance(row.name, &name), row.name));
    let near = distances.filter(|(distance, near)| *distance <= most && *distance < near.len());
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The operations of a command that are built, for messages.
pub(crate) fn supported(of: Of) -> String {
    let built = OPERATIONS.iter().filter(|row| row.is_of(of) && row.built);
    let built = built.filter(|row| row.kind != Kind::Parameter || of != Of::Picture);
    built.map(|row| row.name).collect::<Vec<_>>().join(", ")
}

/// The operations of imageMogr2 that are built, one a row of a Markdown table: rule, what it does.
pub fn operations_table() -> String {
    let mut table = "| rule | what it does |\n| --- | --- |\n".to_owned();
    let built = OPERATIONS
        .iter()
        .filter(|row| row.is_of(Of::Picture) && row.built);
    for row in built.filter(|row| row.kind != Kind::Parameter) {
        let separator = if row.values.is_empty() || row.values.starts_with('[') {
            ""
        } else {
            "/"
        };
        let values = row.values.replace('|', "\\|").replace("[0", "[/0");
        let (name, does) = (row.name, row.does);
        let _ = writeln!(table, "| `imageMogr2/{name}{separator}{values}` | {does} |");
    }
    table
}

fn valued<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: Option<T>,
) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, "/{name}/{value}"))
}

fn switched(f: &mut fmt::Formatter<'_>, name: &str, on: bool) -> fmt::Result {
    if on { write!(f, "/{name}") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_table() {
        let readme = include_str!("../../../README.md");
        let table = operations_table();
        assert!(readme.contains(&table), "README.md has to have:\n{table}");
    }

    #[test]
    fn a_name_of_a_command_is_one_row() {
        let marks = [Of::Mark(MarkKind::Image), Of::Mark(MarkKind::Text)];
        for of in [Of::Picture, Of::View, Of::Other].into_iter().chain(marks) {
            let rows = OPERATIONS.iter().filter(|row| row.is_of(of));
            let mut names: Vec<&str> = rows
                .flat_map(|row| [row.name].into_iter().chain(row.alias))
                .collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
