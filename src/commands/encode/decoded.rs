//! What a film has turned out to be that was decoded in order, from beginning to end.

use anyhow::{Context, Result};
use num_rational::Ratio;

use crate::{
    event::Event,
    film::media::{MediaInfo, Timing},
    os::{exit::UnfitFilm, words::count},
    source::{self, packets::Announced, probe::Probed},
};

/// What is said of pictures that no decoder shows, and of what ffmpeg complained of while it decoded the film.
pub fn not_shown(announced: &Announced, shown_ms: &[f64], complaints: &[String]) -> Vec<Event> {
    let (lost, first_ms) = announced.lost(shown_ms);
    let first_at = first_ms.map_or_else(String::new, |ms| {
        format!(", the first at {:.2} s", ms / 1000.0)
    });
    let at = (lost > 0).then_some(first_at);
    let of = announced.times_ms.len();
    let (are, them) = if lost == 1 {
        ("is", "it")
    } else {
        ("are", "them")
    };
    let first = match (complaints.first(), at) {
        (None, None) => None,
        // Some coders put what other pictures refer to into packets of its own.
        (None, Some(at)) => Some(Event::Note {
            message: format!(
                "{lost} of {of} pictures {are} there for others to refer to, and {are} not shown{at}"
            ),
        }),
        // Of what cannot be decoded at the beginning it was told already.
        (Some(_), None) if of < announced.packets as usize => None,
        (Some(said), None) => Some(Event::Warning {
            message: format!(
                "ffmpeg complained while it decoded the film, all of which is shown as it decodes it: {said}"
            ),
        }),
        (Some(said), Some(at)) => Some(Event::Warning {
            message: format!(
                "the film is damaged: {lost} of {of} pictures cannot be decoded{at}, and nothing is shown for {them} ({said})"
            ),
        }),
    };
    let detail = |said: &String| Event::Detail {
        message: format!("ffmpeg, while decoding the film: {said}"),
    };
    first
        .into_iter()
        .chain(complaints.iter().map(detail))
        .collect()
}

/// The film as it was decoded: picture n at the time that the decoder gave it. And what is to be said of those times.
///
/// # Errors
/// If there is no picture, or no rate that goes with the times.
pub fn media(
    expected: &MediaInfo,
    probed: &Probed,
    times_ms: &[f64],
) -> Result<(MediaInfo, Option<String>)> {
    let (times_ms, moved) = source::ascending(times_ms);
    let moved = (moved > 0).then(|| {
        let pictures = count(moved as u64, "picture");
        format!("{pictures} did not come after the one before, and was moved to behind it")
    });
    let clock = &probed.container.clock;
    let times_ms: Vec<f64> = times_ms.iter().map(|ms| clock.output_ms(*ms)).collect();
    let rates = [expected.fps]
        .into_iter()
        .chain(probed.rates.iter().copied());
    let rates: Vec<Ratio<u32>> = rates.collect();
    let (first_ms, last_ms) = times_ms
        .first()
        .copied()
        .zip(times_ms.last().copied())
        .context(UnfitFilm(
            "no picture of the film can be decoded".to_owned(),
        ))?;
    let (timing, fps) = source::timing(&times_ms, first_ms, &rates)
        .context(UnfitFilm("its frame rate is unknown".to_owned()))?;
    // The rate that the encoders were told stays.
    let fps = if matches!(timing, Timing::Constant { .. }) {
        fps
    } else {
        expected.fps
    };
    let ends_ms = expected.ends_ms.filter(|ends_ms| last_ms + 1.0 <= *ends_ms);
    let frames = times_ms.len() as u64;
    Ok((
        MediaInfo {
            frames,
            timing,
            fps,
            ends_ms,
            ..expected.clone()
        },
        moved,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(times_ms: &[f64], packets: u64) -> Announced {
        Announced {
            times_ms: times_ms.to_vec(),
            packets,
            ..Announced::default()
        }
    }

    fn said(announced: &Announced, shown_ms: &[f64], complaints: &[&str]) -> Vec<String> {
        let complaints: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        let text = |event| match event {
            Event::Note { message } => format!("note: {message}"),
            Event::Warning { message } => format!("warning: {message}"),
            event => format!("{event:?}"),
        };
        let events = not_shown(announced, shown_ms, &complaints);
        events
            .into_iter()
            .filter(|event| !matches!(event, Event::Detail { .. }))
            .map(text)
            .collect()
    }

    #[test]
    fn pictures_that_are_not_shown_are_damage_only_where_a_decoder_complains() {
        let film = announced(&[0.0, 40.0, 80.0], 3);
        assert!(said(&film, &[0.0, 40.0, 80.0], &[]).is_empty());
        let hidden = said(&film, &[0.0, 80.0], &[]);
        assert_eq!(
            hidden,
            [
                "note: 1 of 3 pictures is there for others to refer to, and is not shown, the first at 0.04 s"
            ]
        );
        let damaged = said(&film, &[0.0], &["error while decoding"]);
        assert!(damaged[0].starts_with("warning: the film is damaged: 2 of 3 pictures"));
        let whole = said(&film, &[0.0, 40.0, 80.0], &["error while decoding"]);
        assert!(
            whole[0].starts_with("warning: ffmpeg complained"),
            "{whole:?}"
        );
    }

    #[test]
    fn what_was_told_of_the_beginning_is_not_told_again() {
        let film = announced(&[0.0, 40.0], 3);
        assert!(said(&film, &[0.0, 40.0], &["no reference"]).is_empty());
    }
}
