//! Which track of an output is which of its source, and whether what is in both is the same.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::known::Differences;
use crate::{
    film::media::{Container, Track, TrackKind},
    finding::{Finding, Property},
    metric::likeness::{Channels, Freedom, Other, Sounds},
    os::words::count,
    output::{
        container::of_track,
        content::{Films, Output, Pair, what_is_in},
    },
    source::{packets::Original, probe},
};

/// A track, and the one that was made of it.
type Two<'a> = (&'a Track, &'a Track);

/// The tracks beside the picture of two films.
pub struct Tracks<'a> {
    /// Those that belong together.
    pairs: Vec<Two<'a>>,
    /// Those of the source that are not in the output.
    missing: Vec<&'a Track>,
    /// Those of the output that are not of the source.
    more: Vec<&'a Track>,
}

/// The tracks of a kind beside the picture, in their order.
fn of_kind(container: &Container, kind: TrackKind) -> Vec<&Track> {
    let mut tracks = container.tracks();
    tracks.retain(|track| track.kind == kind && track.id != container.video_track.id);
    tracks
}

/// A language as all programs write it.
fn language(track: &Track) -> &str {
    track.language.as_deref().unwrap_or("und")
}

impl<'a> Tracks<'a> {
    /// Finds out which is which: in their order where there are as many of a kind, else the next of the same language.
    #[must_use]
    pub fn of(source: &'a Container, output: &'a Container) -> Self {
        let (mut pairs, mut missing, mut more) = (Vec::new(), Vec::new(), Vec::new());
        for kind in [TrackKind::Video, TrackKind::Audio, TrackKind::Subtitles] {
            let (mut left, made) = (of_kind(source, kind), of_kind(output, kind));
            if left.len() == made.len() {
                pairs.extend(left.into_iter().zip(made));
                continue;
            }
            for track in made {
                let same = |of: &&Track| language(of) == language(track);
                match left.iter().position(same) {
                    Some(n) => pairs.push((left.remove(n), track)),
                    None => more.push(track),
                }
            }
            missing.extend(left);
        }
        Self {
            pairs,
            missing,
            more,
        }
    }

    /// Whether any is missing, or was added.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let name = |track: &&Track| {
            let kind = format!("{:?}", track.kind).to_lowercase();
            format!("{kind} {} ({})", track.id + 1, language(track))
        };
        let names = |tracks: &[&Track]| tracks.iter().map(name).collect::<Vec<_>>().join(", ");
        let all = self.pairs.len() + self.missing.len();
        let mut output = count(self.pairs.len() as u64, "track");
        if !self.missing.is_empty() {
            output += &format!(" without {}", names(&self.missing));
        }
        if !self.more.is_empty() {
            output += &format!(", and {}", names(&self.more));
        }
        let agrees = self.missing.is_empty() && self.more.is_empty();
        let source = count(all as u64, "track");
        Finding::new(
            Property::Tracks,
            source,
            output,
            "mkvmerge -J, ffprobe",
            agrees,
        )
    }

    /// What is said of the tracks that belong together.
    #[must_use]
    pub fn said(&self) -> Vec<Finding> {
        let of = |(n, (source, output)): (usize, &Two<'_>)| of_track(n, source, output);
        (1..).zip(&self.pairs).flat_map(of).collect()
    }

    /// Compares what is in them. The output's are `later_ms` later; what its sound may be else, `differences` say.
    ///
    /// # Errors
    /// If a film cannot be read.
    pub fn content(
        &self,
        source: Original<'_>,
        output: Original<'_>,
        later_ms: f64,
        differences: &Differences,
    ) -> Result<Vec<Finding>> {
        let films = Films {
            source,
            output: Output::Any(output),
            later_ms,
        };
        let named = self.named();
        let compared = films.like(&named).context("comparing the other tracks")?;
        let (mut findings, mut heard) = (Vec::new(), Vec::new());
        for (n, finding) in compared.into_iter().enumerate() {
            match finding {
                Some(finding) => findings.push(finding),
                None => heard.push(n),
            }
        }
        findings.extend(self.heard(&heard, &films, differences)?);
        Ok(findings)
    }

    /// The tracks, with what they are called.
    fn named(&self) -> Vec<Pair<'_>> {
        let mut counts = [0; 3];
        let named = self.pairs.iter().map(|(source, output)| {
            counts[source.kind as usize] += 1;
            Pair {
                track: source,
                output: format!("0:{}", output.stream),
                output_codec: &output.codec,
                what: what_is_in(source.kind).of_track(counts[source.kind as usize]),
            }
        });
        named.collect()
    }

    /// Compares some tracks of sound, by their numbers among all, by how they sound.
    fn heard(
        &self,
        numbers: &[usize],
        films: &Films<'_>,
        differences: &Differences,
    ) -> Result<Vec<Finding>> {
        let Output::Any(output) = films.output else {
            return Ok(Vec::new());
        };
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let offset_ms = films.source.container.clock.offset_us as f64 / 1000.0;
        let later_ms = vec![films.later_ms - offset_ms; numbers.len()];
        let sounds = |numbers: &[usize]| {
            let pairs = || numbers.iter().map(|n| &self.pairs[*n]);
            Sounds {
                source: films.source,
                streams: pairs().map(|two| two.0.stream).collect(),
                other: Other::Of(output, pairs().map(|two| two.1.stream).collect()),
                later_ms: &later_ms,
            }
        };
        let freedom = differences.of_sound();
        let likenesses = sounds(numbers).compare(&vec![freedom; numbers.len()])?;
        let before = |n: usize| {
            let others = self.pairs[..n].iter();
            others.filter(|two| two.0.kind == TrackKind::Audio).count()
        };
        let layouts = [channels(&films.source)?, channels(&output)?];
        let mut findings = Vec::new();
        for (n, likeness) in numbers.iter().zip(&likenesses) {
            let number = before(*n) + 1;
            findings.push(likeness.finding(number, freedom, 48_000));
            let (ours, theirs) = self.pairs[*n];
            let both =
                [(0, ours), (1, theirs)].map(|(side, track)| layouts[side].get(&track.stream));
            if let [Some(ours), Some(theirs)] = both {
                let other = match ours.count == theirs.count && freedom == Freedom::Nothing {
                    true if ours.count > 1 => sounds(&[*n]).compare_channels(*ours)?,
                    _ => None,
                };
                findings.push(of_channels(number, [ours.count, theirs.count], other));
            }
        }
        Ok(findings)
    }
}

/// The channels of both sounds, of which something may be `other`.
pub(super) fn of_channels(number: usize, counts: [usize; 2], other: Option<String>) -> Finding {
    let [source, output] = counts.map(|channels| count(channels as u64, "channel"));
    let agrees = source == output && other.is_none();
    let output = other.map_or(output.clone(), |other| format!("{output}, {other}"));
    let by = "each channel, decoded by ffmpeg";
    let what = Property::Channels.of_track(number);
    Finding::new(what, source, output, by, agrees)
}

/// What ffprobe says of a stream.
#[derive(Debug, Deserialize)]
struct Stream {
    index: usize,
    #[serde(default)]
    channels: usize,
    #[serde(default)]
    channel_layout: String,
}

/// The channels of each stream of sound.
fn channels(film: &Original<'_>) -> Result<HashMap<usize, Channels>> {
    let entries = "stream=index,channels,channel_layout";
    let options = ["-select_streams", "a", "-show_entries", entries];
    let found = probe::streams(film.tools, &film.dir.join(film.name), &options)?;
    let channels = |stream: Stream| {
        let count = stream.channels;
        // In all layouts it comes behind those at the front.
        let low = (stream.channel_layout.contains(".1") && count > 2).then(|| 3.min(count - 1));
        (stream.index, Channels { count, low })
    };
    Ok(found.into_iter().map(channels).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::media::examples::media;

    #[test]
    fn a_track_of_a_language_that_was_dropped_is_missing_and_the_others_are_paired() {
        let source = media().container;
        let mut output = source.clone();
        let dropped = output
            .other_tracks
            .iter()
            .position(|track| track.kind == TrackKind::Subtitles)
            .unwrap();
        output.other_tracks.remove(dropped);
        let tracks = Tracks::of(&source, &output);
        assert_eq!((tracks.missing.len(), tracks.more.len()), (1, 0));
        let finding = tracks.finding();
        assert!(
            !finding.agrees && finding.output.contains("subtitles"),
            "{finding}"
        );
        assert!(Tracks::of(&source, &source).finding().agrees);
        assert!(Tracks::of(&output, &source).more.len() == 1);
    }
}
