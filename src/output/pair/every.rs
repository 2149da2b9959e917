//! Every picture of a joined film beside every picture of its source (`--verify-source`).

use anyhow::{Context, Result};
use num_rational::Ratio;

use super::{
    known::Leeway,
    of_damage,
    pictures::{Whole, of_times, whole},
};
use crate::{
    encoder::Picture,
    film::media::{Color, MediaInfo, Range, UNSPECIFIED},
    finding::{Finding, Property},
    output::{container::ASPECT_TOLERANCE, pictures::Joined},
    source::{
        self,
        changes::Look,
        listener::is_of_the_end,
        packets::Original,
        places::{Aside, Comparison, Film},
    },
};

/// What came of it.
pub struct Every {
    /// Whether the pictures are the source's: how many, when they are shown, which, how bright and with which colours.
    pub of_both: Vec<Finding>,
    /// Whether a decoder shows all of the output as it was planned, and complains of nothing.
    pub of_output: Vec<Finding>,
    /// The pictures in numbers.
    pub comparison: Comparison,
    /// When those are shown that are others, in milliseconds of the output.
    pub others_ms: Vec<f64>,
    /// What a decoder complained of in the source.
    pub damage: Vec<String>,
}

/// Decodes the source and the joined film side by side, from their beginnings to their ends, and compares all pictures.
///
/// # Errors
/// If one of them cannot be read.
pub fn every(
    joined: &Joined<'_>,
    source: Original<'_>,
    media: &MediaInfo,
    picture: &Picture,
) -> Result<Every> {
    let name = joined.name();
    let full = picture.color.range == Some(Range::Full);
    let ours = Film {
        threads: None,
        ..Film::source(source)
    };
    let later_ms = media.container.clock.output_ms(0.0);
    let seen = whole(
        &ours,
        &joined.film(&name, full, &media.container),
        Some(later_ms),
        Leeway::default(),
    )
    .context("comparing all pictures")?;
    let Whole {
        compared,
        source: mut aside,
        output,
    } = seen;
    // Where times do not ascend, pictures were moved to behind those before them.
    let (source_ms, _) = source::ascending(&compared.source_ms);
    let by = "all, decoded by ffmpeg";
    let mut of_both = of_times(&source_ms, &compared.output_ms, later_ms, by);
    of_both.extend(compared.findings("all pictures"));
    let format = &media.container.format;
    aside.complaints.retain(|said| !is_of_the_end(format, said));
    Ok(Every {
        of_both,
        of_output: vec![
            of_looks(media, &picture.color, &output),
            of_damage(&[], &output.complaints),
        ],
        comparison: compared.comparison(),
        others_ms: compared.others_ms().to_vec(),
        damage: aside.complaints,
    })
}

/// Whether each picture of the output has the size, the shape of pixels and the colours that were planned.
#[must_use]
pub fn of_looks(media: &MediaInfo, color: &Color, output: &Aside) -> Finding {
    let size = format!("{}x{}", media.width, media.height);
    let aspect = media.container.sample_aspect(media.container.video.crops);
    let wanted = format!("{size}, {aspect}, {color}");
    let by = "ffmpeg's showinfo, all pictures";
    let what = Property::EachPicture;
    let Some(look) = &output.look else {
        return Finding::new(what, wanted, "no picture", by, false);
    };
    let found = look.color();
    let agrees = look.size == size
        && is_of_shape(look, aspect)
        && is_as_planned(&found, color)
        && output.changes.is_empty();
    let Look { size, aspect, .. } = look;
    let change = output.changes.first();
    let change = change.map_or_else(String::new, |change| format!(": {change}"));
    let found = format!("{size}, {aspect}, {found}{change}");
    Finding::new(what, wanted, found, by, agrees)
}

/// Whether the pixels have the shape that was planned; nothing is said of those that are square.
fn is_of_shape(look: &Look, planned: Ratio<u32>) -> bool {
    let found = look.aspect.split_once('/');
    let found = found.and_then(|(wide, high)| Some((wide.parse().ok()?, high.parse().ok()?)));
    let shape = |(wide, high): (u32, u32)| f64::from(wide) / f64::from(high);
    let square = found.filter(|(wide, _)| *wide > 0).unwrap_or((1, 1));
    (shape(square) / shape(planned.into_raw()) - 1.0).abs() <= ASPECT_TOLERANCE
}

/// Whether colours mean what was planned, as far as that was said.
fn is_as_planned(found: &Color, planned: &Color) -> bool {
    let codes = |color: &Color| [color.primaries, color.transfer, color.matrix];
    let mut pairs = codes(planned).into_iter().zip(codes(found));
    pairs.all(|(planned, found)| planned == UNSPECIFIED || planned == found)
        && (planned.range.is_none() || planned.range == found.range)
}

#[cfg(test)]
pub(super) mod examples {
    use super::*;
    use crate::{film::media::examples::media, source::changes::heard};

    pub const LOOK: [&str; 4] = ["320x240", "16/15", "tv", "bt709"];

    /// What comes of it if showinfo says this of some pictures, and [`LOOK`] is planned.
    pub fn of(pictures: &[[&str; 4]]) -> Finding {
        let (look, changes) = heard(pictures);
        let aside = Aside {
            look,
            changes,
            ..Aside::default()
        };
        let mut planned = media();
        (planned.width, planned.height) = (320, 240);
        planned.container.video.sample_aspect = Ratio::new(16, 15);
        let color = Color {
            transfer: 1,
            range: Some(Range::Limited),
            ..Color::default()
        };
        of_looks(&planned, &color, &aside)
    }

    /// One that agrees, or one of another size.
    pub fn one(spoil: bool) -> Finding {
        of(&[if spoil {
            ["320x238", "16/15", "tv", "bt709"]
        } else {
            LOOK
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::examples::{LOOK, of};

    #[test]
    fn one_picture_of_another_size_shape_or_colour_is_enough() {
        let agrees = |pictures: &[[&str; 4]]| of(pictures).agrees;
        assert!(agrees(&[LOOK; 3]));
        for other in [
            ["320x238", "16/15", "tv", "bt709"],
            ["320x240", "1/1", "tv", "bt709"],
            ["320x240", "0/1", "tv", "bt709"],
            ["320x240", "16/15", "pc", "bt709"],
            ["320x240", "16/15", "tv", "smpte2084"],
        ] {
            assert!(!agrees(&[other; 3]), "{other:?}");
            assert!(!agrees(&[LOOK, other, LOOK]), "{other:?} in the middle");
        }
        assert!(!agrees(&[]), "nothing is shown");
    }
}
