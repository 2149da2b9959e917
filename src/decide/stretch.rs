//! Which stretch of a film is hard to encode, and which of its pictures show it.

use std::{iter, ops::Range};

use serde::{Deserialize, Serialize};

use crate::source::{packets::Announced, stretch::Look};

/// Stretches that are looked at because of their packets, and as many that are spread over the film: what is dark has
/// small packets.
const EACH: usize = 8;
/// The parts of a film at its beginning and its end that are left out, for logos and credits,
const EDGE: f64 = 0.05;
/// where the film has so many clips.
const LONG: f64 = 10.0;
/// A stretch that ends with a keyframe is at most so many times as long as is wanted; else it ends in time.
const MOST: f64 = 1.5;
/// A stretch at the end of a film may be a little shorter.
const LEAST: f64 = 0.9;

/// Stretches of about this length, in milliseconds, among which the hardest is sought: numbers of their pictures.
///
/// Each begins with a keyframe and ends with one, so that its packets can be cut out of the file. They are the
/// heaviest by their packets, no two of which overlap, and others that are spread over the film.
#[must_use]
pub fn candidates(film: &Announced, length_ms: f64) -> Vec<Range<usize>> {
    let all = windows(film, length_ms);
    let mut heaviest = all.clone();
    // The sort is stable: of two that are alike, the first.
    heaviest.sort_by(|a, b| rate(film, b).total_cmp(&rate(film, a)));
    let mut chosen: Vec<Range<usize>> = Vec::new();
    add_apart(&mut chosen, heaviest.into_iter(), EACH);
    let spread = (0..EACH).filter_map(|n| all.get((2 * n + 1) * all.len() / (2 * EACH)));
    add_apart(&mut chosen, spread.cloned(), EACH);
    chosen.sort_by_key(|pictures| pictures.start);
    chosen
}

/// Adds at most `most` stretches that overlap none of the `chosen`.
fn add_apart(
    chosen: &mut Vec<Range<usize>>,
    from: impl Iterator<Item = Range<usize>>,
    most: usize,
) {
    let full = chosen.len() + most;
    for new in from {
        let is_apart = |old: &Range<usize>| new.end <= old.start || old.end <= new.start;
        if chosen.len() < full && chosen.iter().all(is_apart) {
            chosen.push(new);
        }
    }
}

/// All stretches of about this length that begin with a keyframe; the whole film, if it is shorter.
fn windows(film: &Announced, length_ms: f64) -> Vec<Range<usize>> {
    let times = &film.times_ms;
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Vec::new();
    };
    let film_ms = last - first;
    let edge = match film_ms > LONG * length_ms {
        true => film_ms * EDGE,
        false => 0.0,
    };
    let is_inside = |pictures: &Range<usize>| {
        let span = times[pictures.start]..=times[pictures.end - 1];
        *span.start() >= first + edge
            && *span.end() <= last - edge
            && span.end() - span.start() >= LEAST * length_ms
    };
    let starts = film.keys.iter().enumerate();
    let all = starts.map(|(n, start)| *start..end_of(film, n, length_ms));
    let inside: Vec<Range<usize>> = all.filter(is_inside).collect();
    if inside.is_empty() {
        return iter::once(0..times.len()).collect();
    }
    inside
}

/// Where the stretch ends that begins with the `n`-th keyframe.
fn end_of(film: &Announced, n: usize, length_ms: f64) -> usize {
    let (times, start) = (&film.times_ms, film.keys[n]);
    let (wanted, most) = (times[start] + length_ms, times[start] + MOST * length_ms);
    let later = &film.keys[n..];
    let key = later.get(later.partition_point(|key| times[*key] < wanted));
    match key.filter(|key| times[**key] <= most) {
        // What is decoded before it and shown earlier needs it.
        Some(key) => key + 1,
        None => times.partition_point(|ms| *ms < wanted),
    }
}

/// Bytes a millisecond of these pictures in the source.
fn rate(film: &Announced, pictures: &Range<usize>) -> f64 {
    let bytes: u64 = film.bytes[pictures.clone()].iter().sum();
    let (first, last) = (pictures.start, pictures.end - 1);
    bytes as f64 / (film.times_ms[last] - film.times_ms[first]).max(1.0)
}

/// The pictures of a stretch at which it is looked: keyframes, since these cost nothing to reach.
#[must_use]
pub fn to_look_at(film: &Announced, pictures: &Range<usize>) -> Vec<usize> {
    let keys: Vec<usize> = film
        .keys
        .iter()
        .copied()
        .filter(|key| (pictures.start..pictures.end.saturating_sub(1)).contains(key))
        .collect();
    let mut places: Vec<usize> = [1, 3, 5]
        .iter()
        .filter_map(|sixth| keys.get(sixth * keys.len() / 6).copied())
        .collect();
    places.dedup();
    places
}

/// A stretch that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its pictures.
    pub pictures: Range<usize>,
    /// What they look like.
    pub look: Look,
}

/// The hardest of the candidates, and why, in words.
///
/// Four things make a stretch hard: large packets, for the encoder of the source had trouble with it; darkness, in
/// which blocks and banding are seen; grain; and motion. Each counts from 0 for the candidate that has the least of it
/// to 1 for the one that has the most, and the greatest sum is the hardest; of several, the first.
#[must_use]
pub fn hardest(film: &Announced, candidates: &[Candidate]) -> Option<(Range<usize>, String)> {
    let rates = |candidate: &Candidate| rate(film, &candidate.pictures);
    let measures: [(&str, Vec<f64>); 4] = [
        (
            "large packets",
            scaled(candidates.iter().map(rates).collect()),
        ),
        (
            "dark",
            scaled(candidates.iter().map(|it| -it.look.luma).collect()),
        ),
        (
            "grain",
            scaled(candidates.iter().map(|it| it.look.grain).collect()),
        ),
        (
            "motion",
            scaled(candidates.iter().map(|it| it.look.motion).collect()),
        ),
    ];
    let sum = |n: usize| measures.iter().map(|(_, of)| of[n]).sum::<f64>();
    let best = (0..candidates.len()).reduce(|best, n| if sum(n) > sum(best) { n } else { best })?;
    let parts = measures
        .iter()
        .map(|(name, of)| format!("{name} {:.2}", of[best]));
    let why = match candidates.len() {
        1 => "there was nothing else to choose from".to_owned(),
        number => format!(
            "the hardest of {number} that were looked at: {}",
            parts.collect::<Vec<_>>().join(", ")
        ),
    };
    Some((candidates[best].pictures.clone(), why))
}

/// Values from 0 for the least to 1 for the greatest; all 0 where they are alike.
fn scaled(values: Vec<f64>) -> Vec<f64> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = most - least;
    let scale = |value: f64| {
        if span > 0.0 {
            (value - least) / span
        } else {
            0.0
        }
    };
    values.into_iter().map(scale).collect()
}

/// A picture that is shown beside the source's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Still {
    /// Its number in the stretch.
    pub picture: u64,
    /// What it is chosen for: `dark`, `grain` or `motion`.
    pub shows: String,
}

/// How much of something a picture has.
type Measure = fn(&Look) -> f64;

/// The pictures that show the most, of those that were looked at: the darkest, then the one with the most grain and the
/// one with the most motion of the others.
#[must_use]
pub fn stills(looks: &[(u64, Look)]) -> Vec<Still> {
    let by: [(&str, Measure); 3] = [
        ("dark", |look| -look.luma),
        ("grain", |look| look.grain),
        ("motion", |look| look.motion),
    ];
    let mut chosen: Vec<Still> = Vec::new();
    for (shows, measure) in by {
        let others = looks
            .iter()
            .filter(|(n, _)| chosen.iter().all(|it| it.picture != *n));
        let most = others.reduce(|best, other| {
            if measure(&other.1) > measure(&best.1) {
                other
            } else {
                best
            }
        });
        chosen.extend(most.map(|(n, _)| Still {
            picture: *n,
            shows: shows.to_owned(),
        }));
    }
    chosen.sort_by_key(|still| still.picture);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A film of 25 pictures a second with a keyframe every second, and these bytes in the pictures of each second.
    fn film(seconds: &[u64]) -> Announced {
        let pictures = seconds.len() * 25;
        Announced {
            times_ms: (0..pictures).map(|n| n as f64 * 40.0).collect(),
            keys: (0..pictures).step_by(25).collect(),
            bytes: (0..pictures).map(|n| seconds[n / 25]).collect(),
            ..Announced::default()
        }
    }

    #[test]
    fn stretches_begin_and_end_with_keyframes_and_the_heaviest_is_among_them() {
        let mut seconds = vec![10; 300];
        seconds[100..105].fill(500);
        seconds[298..300].fill(9000);
        let film = film(&seconds);
        let found = candidates(&film, 5000.0);
        assert!(found.contains(&(2500..2626)), "{found:?}");
        assert!(found.len() > EACH && found.len() <= 2 * EACH, "{found:?}");
        for stretch in &found {
            assert!(stretch.start % 25 == 0 && stretch.end % 25 == 1);
            let far_inside = 25 * 15..=25 * 285;
            assert!(far_inside.contains(&stretch.start) && far_inside.contains(&(stretch.end - 1)));
        }
        let mut apart = found.windows(2);
        assert!(apart.all(|pair| pair[0].end <= pair[1].start), "{found:?}");
    }

    #[test]
    fn a_short_film_is_its_own_stretch_and_few_keyframes_do_not_make_a_long_one() {
        let whole = candidates(&film(&[10; 3]), 5000.0);
        assert!(whole.len() == 1 && whole[0] == (0..75), "{whole:?}");
        assert!(candidates(&Announced::default(), 5000.0).is_empty());
        let mut rare = film(&[10; 40]);
        rare.keys = vec![0, 750];
        let found = candidates(&rare, 5000.0);
        assert_eq!(found, [0..125, 750..875]);
    }

    #[test]
    fn the_hardest_is_what_is_dark_and_grainy_and_moves() {
        let film = film(&[10; 30]);
        let candidate = |start: usize, luma, grain, motion| Candidate {
            pictures: start..start + 126,
            look: Look {
                luma,
                grain,
                motion,
            },
        };
        let bright = candidate(0, 200.0, 0.5, 3.0);
        let dark = candidate(125, 20.0, 0.5, 3.0);
        let black = candidate(250, 15.0, 0.0, 0.0);
        let chosen = |of: &[&Candidate]| {
            let of: Vec<Candidate> = of.iter().copied().cloned().collect();
            hardest(&film, &of)
        };
        let (pictures, why) = chosen(&[&bright, &dark, &black]).unwrap();
        assert_eq!(pictures, dark.pictures);
        assert_eq!(
            why,
            "the hardest of 3 that were looked at: large packets 0.00, dark 0.97, grain 1.00, motion 1.00"
        );
        assert_eq!(chosen(&[&dark, &dark.clone()]).unwrap().0, dark.pictures);
        assert!(chosen(&[&black]).unwrap().1.contains("nothing else"));
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn it_is_looked_at_keyframes_within_a_stretch() {
        let film = film(&[10; 30]);
        assert_eq!(to_look_at(&film, &(125..251)), [125, 175, 225]);
        assert_eq!(to_look_at(&film, &(125..151)), [125]);
    }

    #[test]
    fn stills_show_what_is_dark_grainy_and_moving_each_once() {
        let look = |luma, grain, motion| Look {
            luma,
            grain,
            motion,
        };
        let looks = [
            (1, look(90.0, 0.2, 0.0)),
            (25, look(10.0, 0.9, 9.0)),
            (49, look(80.0, 0.8, 1.0)),
            (73, look(99.0, 0.1, 5.0)),
        ];
        let shown: Vec<_> = stills(&looks)
            .into_iter()
            .map(|still| (still.picture, still.shows))
            .collect();
        let expected = [(25, "dark"), (49, "grain"), (73, "motion")];
        assert_eq!(shown, expected.map(|(n, shows)| (n, shows.to_owned())));
        assert_eq!(stills(&looks[..1]).len(), 1);
        assert!(stills(&[]).is_empty());
    }
}
