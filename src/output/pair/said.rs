//! What two containers say of their films, against each other.

use num_rational::Ratio;

use super::known::Differences;
use crate::{
    film::{
        hdr::Hdr10,
        media::{Color, Container, Fields, UNSPECIFIED, Video},
    },
    finding::{Finding, Property},
    output::container::{ASPECT_TOLERANCE, tag_text, text},
    stream::bitstream::hdr_disagreement,
};

/// By how much a chapter may be off, in milliseconds: ffmpeg moves the pictures to where encoded sound can begin before them, and
/// no chapters. AAC begins up to 2112 samples before, 48 ms at 44.1 kHz. At half, films with such sound are called different; at
/// double, a chapter that is two pictures late passes.
const CHAPTER_MS: f64 = 50.0;

/// What is said of the pictures of both.
#[must_use]
pub fn of_pictures(
    source: &Container,
    output: &Container,
    differences: &Differences,
) -> Vec<Finding> {
    let (ours, theirs) = (&source.video, &output.video);
    let wanted = wanted_size(ours, differences);
    let size = |(width, height): (u32, u32)| format!("{width}x{height}");
    let scan = |fields: Option<Fields>| {
        fields.map_or("progressive".to_owned(), |fields| fields.to_string())
    };
    let bits = |video: &Video| format!("{} bit", video.bit_depth);
    let codes = |color: &Color| [color.primaries, color.transfer, color.matrix];
    let same_colors = codes(&ours.color)
        .iter()
        .zip(codes(&theirs.color))
        .all(|(wanted, found)| *wanted == UNSPECIFIED || *wanted == found);
    let same_range = ours.color.range.is_none() || ours.color.range == theirs.color.range;
    let same_hdr = hdr_disagreement(&theirs.hdr10, &ours.hdr10).is_none();
    let by = "ffprobe";
    vec![
        Finding::same(
            Property::PictureSize,
            size(wanted),
            size(theirs.shape().size()),
            by,
        ),
        Finding::new(
            Property::PixelShape,
            source.sample_aspect(true).to_string(),
            output.sample_aspect(true).to_string(),
            by,
            same_shape(source, output, differences),
        ),
        Finding::new(
            Property::BitDepth,
            bits(ours),
            bits(theirs),
            by,
            theirs.bit_depth >= ours.bit_depth,
        ),
        Finding::same(Property::Fields, scan(ours.fields), scan(theirs.fields), by),
        Finding::same(
            Property::Space,
            source.space.to_string(),
            output.space.to_string(),
            "mkvmerge -J, ffprobe",
        ),
        Finding::new(
            Property::ContainerColors,
            ours.color.to_string(),
            theirs.color.to_string(),
            by,
            same_colors && same_range,
        ),
        Finding::new(
            Property::ContainerHdr10,
            hdr10(&ours.hdr10),
            hdr10(&theirs.hdr10),
            by,
            same_hdr,
        ),
    ]
}

/// The size that pictures are to have, where some may be cropped.
fn wanted_size(source: &Video, differences: &Differences) -> (u32, u32) {
    let cropped = differences.crop().map(|crop| crop.size);
    cropped.unwrap_or(source.shape().size())
}

/// Whether pixels have the same shape; of scaled pictures the whole has, as near as two lines or columns let it.
fn same_shape(source: &Container, output: &Container, differences: &Differences) -> bool {
    let (ours, theirs) = (&source.video, &output.video);
    let whole = |(width, height): (u32, u32)| f64::from(width) / f64::from(height);
    let found = theirs.shape().size();
    let (sizes, tolerance) = match differences.are_scaled() {
        true => {
            let rounded = 2.0 / f64::from(found.0.min(found.1));
            let wanted = wanted_size(ours, differences);
            ([whole(wanted), whole(found)], ASPECT_TOLERANCE + rounded)
        }
        false => ([1.0; 2], ASPECT_TOLERANCE),
    };
    let [ours, theirs] = [
        ratio(source.sample_aspect(true)) * sizes[0],
        ratio(output.sample_aspect(true)) * sizes[1],
    ];
    (theirs / ours - 1.0).abs() <= tolerance
}

/// HDR10 metadata as the recipes of encoders have them.
fn hdr10(hdr10: &Hdr10) -> String {
    let mastering = hdr10.mastering.map(|display| display.to_string());
    let light = hdr10.content_light.map(|light| format!("light {light}"));
    let all: Vec<String> = [mastering, light].into_iter().flatten().collect();
    if all.is_empty() {
        "none".to_owned()
    } else {
        all.join(", ")
    }
}

/// A ratio as a number.
fn ratio(ratio: Ratio<u32>) -> f64 {
    f64::from(*ratio.numer()) / f64::from(*ratio.denom())
}

/// The titles of two films.
#[must_use]
pub fn of_title(source: &Container, output: &Container) -> Finding {
    let [source, output] = [source, output].map(|film| text(&film.title));
    Finding::same(Property::Title, source, output, "mkvmerge -J, ffprobe")
}

/// Compares tags: those of the source have to be in the output, which may have more.
#[must_use]
pub fn of_tags(
    property: Property,
    source: &[(String, String)],
    output: &[(String, String)],
) -> Finding {
    let lost: Vec<(String, String)> = source
        .iter()
        .filter(|tag| !output.contains(tag))
        .cloned()
        .collect();
    let there = if lost.is_empty() {
        tag_text(source)
    } else {
        format!("{}, without {}", tag_text(output), tag_text(&lost))
    };
    Finding::new(
        property,
        tag_text(source),
        there,
        "ffprobe",
        lost.is_empty(),
    )
}

/// Compares number, times and names of chapters.
#[must_use]
pub fn of_chapters(source: &Container, output: &Container, later_ms: f64) -> Vec<Finding> {
    let by = "mkvmerge -J, ffprobe";
    let count = Finding::same(Property::Chapters, source.chapters, output.chapters, by);
    let (ours, theirs) = (&source.chapter_list, &output.chapter_list);
    let differ = |(ours, theirs): &(&(f64, String), &(f64, String))| {
        (theirs.0 - later_ms - ours.0).abs() > CHAPTER_MS || theirs.1 != ours.1
    };
    let wrong = ours.iter().zip(theirs).find(differ);
    let (Some(last), true) = (ours.last(), ours.len() == theirs.len()) else {
        return vec![count];
    };
    let shown = |(ms, name): &(f64, String)| format!("`{name}` at {:.3} s", ms / 1000.0);
    let (source, output) = match wrong {
        Some((ours, theirs)) => (ours, &(theirs.0 - later_ms, theirs.1.clone())),
        None => (last, last),
    };
    let times = Finding::new(
        Property::ChapterTimes,
        shown(source),
        shown(output),
        by,
        wrong.is_none(),
    );
    vec![count, times]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::media::examples::media;

    #[test]
    fn tags_may_be_added_and_none_may_be_lost() {
        let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let (one, two) = (
            [tag("DATE", "1999")],
            [tag("DATE", "1999"), tag("GENRE", "Noir")],
        );
        assert!(of_tags(Property::Tags, &one, &two).agrees);
        let lost = of_tags(Property::Tags, &two, &one);
        assert!(
            !lost.agrees && lost.output.contains("without GENRE"),
            "{lost}"
        );
    }

    #[test]
    fn chapters_go_with_the_pictures() {
        let chapter = |ms: f64, name: &str| (ms, name.to_owned());
        let film = |chapter_list: Vec<(f64, String)>| Container {
            chapters: chapter_list.len(),
            chapter_list,
            ..media().container
        };
        let source = film(vec![chapter(0.0, "One"), chapter(5000.0, "Two")]);
        let later = film(vec![chapter(1400.0, "One"), chapter(6400.0, "Two")]);
        let agree = |output: &Container, later_ms: f64| {
            let findings = of_chapters(&source, output, later_ms);
            findings.iter().all(|finding| finding.agrees)
        };
        assert!(agree(&later, 1400.0) && !agree(&later, 0.0));
        assert!(!agree(&film(vec![chapter(0.0, "One")]), 0.0));
        let renamed = film(vec![chapter(0.0, "One"), chapter(5000.0, "Too")]);
        assert!(!agree(&renamed, 0.0));
    }
}
