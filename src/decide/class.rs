//! Which class of source a film is: as it is on a disc, as it is sold on the web, or a rip of low quality.

use std::fmt;

use serde::Serialize;

use super::Film;
use crate::{
    cli::SourceClass,
    settings::{
        deciding::Deciding,
        tables::{Classify, Tables, rate_at},
    },
};

/// A class of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// As it is on a disc: grain and detail are worth keeping.
    Remux,
    /// As it is sold on the web: encoded well, and once already.
    Web,
    /// A rip of low quality: there is little to keep.
    Low,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Remux => "remux",
            Self::Web => "web",
            Self::Low => "low",
        })
    }
}

/// The class of a film, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classified {
    /// The class.
    pub class: Class,
    /// How sure that is: from 0, where nothing speaks for it, to 1, where the user says so.
    pub confidence: f64,
    /// What speaks for it, and then what speaks against it.
    pub reasons: Vec<String>,
}

/// `remux (0.88): 31.2 Mbit/s of picture, over 15.0 at 1920x1080; lossless sound (TrueHD)`.
impl fmt::Display for Classified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            class,
            confidence,
            reasons,
        } = self;
        write!(f, "{class} ({confidence:.2}): {}", reasons.join("; "))
    }
}

/// Something that speaks for a class, and how much.
struct Hint {
    class: Class,
    /// A name that says it weighs more than a number that suggests it.
    weight: u32,
    reason: String,
}

impl Hint {
    fn new(class: Class, weight: u32, reason: String) -> Self {
        Self {
            class,
            weight,
            reason,
        }
    }
}

/// The class of a film: the one that the user names, or else the one that it has by itself.
#[must_use]
pub fn of(deciding: &Deciding, film: &Film<'_>) -> Classified {
    match deciding.class {
        SourceClass::Off | SourceClass::Auto => classify(&deciding.tables, film),
        SourceClass::Remux => said(Class::Remux),
        SourceClass::Web => said(Class::Web),
        SourceClass::Low => said(Class::Low),
    }
}

/// The class that most speaks for; of two that are equal, the one that is encoded better.
fn classify(tables: &Tables, film: &Film<'_>) -> Classified {
    let rules = &tables.classify;
    let rate = Rate::of(film);
    let hints: Vec<Hint> = rate
        .as_ref()
        .map(|rate| rate.hint(rules, film))
        .into_iter()
        .chain(rate.as_ref().and_then(|rate| rate.bits(rules, film)))
        .chain(of_sound(film))
        .chain(of_name(rules, film.name))
        .chain(of_codec(rules, film))
        .collect();
    verdict(hints)
}

/// What the user says himself.
fn said(class: Class) -> Classified {
    Classified {
        class,
        confidence: 1.0,
        reasons: vec![format!("--source-class {class} says so")],
    }
}

/// Weighs what speaks for each class.
fn verdict(hints: Vec<Hint>) -> Classified {
    let weight = |class: Class| -> u32 {
        let of_class = hints.iter().filter(|hint| hint.class == class);
        of_class.map(|hint| hint.weight).sum()
    };
    let mut class = Class::Remux;
    for other in [Class::Web, Class::Low] {
        if weight(other) > weight(class) {
            class = other;
        }
    }
    if hints.is_empty() {
        return Classified {
            class: Class::Web,
            confidence: 0.0,
            reasons: vec!["nothing points to another class".to_owned()],
        };
    }
    // One more than there is: nothing that was only guessed is certain.
    let all: u32 = 1 + hints.iter().map(|hint| hint.weight).sum::<u32>();
    let confidence = f64::from(weight(class)) / f64::from(all);
    let (of_it, others): (Vec<Hint>, Vec<Hint>) =
        hints.into_iter().partition(|hint| hint.class == class);
    let against = |hint: Hint| format!("but {} ({})", hint.reason, hint.class);
    Classified {
        class,
        confidence,
        reasons: of_it
            .into_iter()
            .map(|hint| hint.reason)
            .chain(others.into_iter().map(against))
            .collect(),
    }
}

/// How many bits a second a film has: its picture, or the whole file where that is not known.
#[must_use]
pub fn bits_a_second(film: &Film<'_>) -> Option<f64> {
    Rate::of(film).map(|rate| rate.bits)
}

/// How many bits a second a film has.
struct Rate {
    bits: f64,
    of: &'static str,
}

impl Rate {
    /// Those of the picture; where they are not known, those of the whole file.
    fn of(film: &Film<'_>) -> Option<Self> {
        let seconds = film.container.duration_seconds.filter(|s| *s > 0.0);
        let whole = seconds.map(|seconds| film.container.bytes as f64 * 8.0 / seconds);
        match (film.container.video.bit_rate, whole) {
            (Some(bits), whole) => Some(Self {
                // A tag may be another file's.
                bits: whole.unwrap_or(f64::MAX).min(bits as f64),
                of: "of picture",
            }),
            (None, whole) => whole.map(|bits| Self { bits, of: "in all" }),
        }
    }

    /// What it says by itself.
    fn hint(&self, rules: &Classify, film: &Film<'_>) -> Hint {
        let (high, low) = (
            rate_at(*rules.remux_over.get_ref(), film.pixels()),
            rate_at(*rules.low_under.get_ref(), film.pixels()),
        );
        let video = &film.container.video;
        let (width, height) = (video.width, video.height);
        let compared = |word: &str, mbit: f64| {
            let (bits, of) = (self.bits / 1e6, self.of);
            let mbit = mbit / 1e6;
            format!("{bits:.1} Mbit/s {of}, {word} {mbit:.1} at {width}x{height}")
        };
        if self.bits > high {
            Hint::new(Class::Remux, 3, compared("over", high))
        } else if self.bits < low {
            Hint::new(Class::Low, 3, compared("under", low))
        } else {
            Hint::new(Class::Web, 2, compared("no more than", high))
        }
    }

    /// What it says for each pixel: many frames a second need more than few.
    fn bits(&self, rules: &Classify, film: &Film<'_>) -> Option<Hint> {
        let fps = film.fps.filter(|fps| *fps.numer() > 0)?;
        let fps = f64::from(*fps.numer()) / f64::from(*fps.denom());
        let bits = self.bits / (film.pixels() as f64 * fps);
        let reason = format!("{bits:.2} bits for each pixel of a frame");
        if bits >= rules.remux_bits {
            Some(Hint::new(Class::Remux, 1, reason))
        } else if bits <= rules.low_bits {
            Some(Hint::new(Class::Low, 1, reason))
        } else {
            None
        }
    }
}

/// Sound as it was recorded is on discs.
fn of_sound(film: &Film<'_>) -> Option<Hint> {
    let mut tracks = film.container.sound_tracks();
    let codec = tracks.find_map(|track| track.lossless())?;
    Some(Hint::new(
        Class::Remux,
        3,
        format!("lossless sound ({codec})"),
    ))
}

/// What is sold on the web is in modern codecs, more often than not.
fn of_codec(rules: &Classify, film: &Film<'_>) -> Option<Hint> {
    let codec = &film.container.video.codec;
    let is_web = rules.web_codecs.contains(codec);
    is_web.then(|| Hint::new(Class::Web, 1, format!("{codec} video")))
}

/// What a file's name says.
fn of_name(rules: &Classify, name: &str) -> Option<Hint> {
    let marks = [
        (&rules.remux_marks, Class::Remux, 4),
        (&rules.web_marks, Class::Web, 4),
        (&rules.disc_marks, Class::Remux, 1),
    ];
    marks.into_iter().find_map(|(marks, class, weight)| {
        let mark = marks.iter().find(|mark| has_mark(name, mark))?;
        Some(Hint::new(class, weight, format!("the name has {mark}")))
    })
}

/// Whether a name has a mark as a word of its own. One of two letters may be part of a title, unless it is in capitals.
fn has_mark(name: &str, mark: &str) -> bool {
    let (name, mark) = match mark.len() {
        0 => return false,
        1 | 2 => (name.to_owned(), mark.to_owned()),
        _ => (name.to_lowercase(), mark.to_lowercase()),
    };
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    name.match_indices(&mark).any(|(at, found)| {
        is_edge(name[..at].chars().next_back()) && is_edge(name[at + found.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::media::{Container, examples};

    /// A film of ten seconds.
    fn container((width, height): (u32, u32), codec: &str, mbit: f64) -> Container {
        let mut container = examples::media().container;
        (container.video.width, container.video.height) = (width, height);
        container.video.codec = codec.to_owned();
        container.bytes = (mbit * 1e6 / 8.0 * 10.0) as u64;
        container
    }

    fn classified(name: &str, container: &Container) -> Classified {
        let film = Film {
            name,
            container,
            fps: Some(24.into()),
        };
        classify(&Tables::built_in().unwrap(), &film)
    }

    #[test]
    fn rates_by_resolution_tell_discs_from_rips() {
        const FHD: (u32, u32) = (1920, 1080);
        const UHD: (u32, u32) = (3840, 2160);
        for (size, mbit, class) in [
            (FHD, 15.1, Class::Remux),
            (FHD, 15.0, Class::Web),
            (FHD, 5.0, Class::Web),
            (FHD, 4.9, Class::Low),
            (UHD, 40.1, Class::Remux),
            (UHD, 39.9, Class::Web),
            ((1280, 720), 8.5, Class::Remux),
            ((1280, 720), 8.4, Class::Web),
            ((1280, 720), 2.8, Class::Low),
        ] {
            let film = container(size, "h264", mbit);
            assert_eq!(classified("a.mkv", &film).class, class, "{size:?} {mbit}");
        }
    }

    #[test]
    fn the_pictures_own_rate_goes_before_that_of_the_file_unless_it_is_more() {
        let mut film = container((1920, 1080), "h264", 16.0);
        film.video.bit_rate = Some(12_000_000);
        let found = classified("a.mkv", &film);
        assert_eq!(found.class, Class::Web);
        assert!(found.reasons[0].starts_with("12.0 Mbit/s of picture"));
        film.video.bit_rate = Some(90_000_000);
        let found = classified("a.mkv", &film);
        assert!(found.reasons[0].starts_with("16.0 Mbit/s of picture, over 15.0"));
    }

    #[test]
    fn a_disc_is_known_by_its_sound_as_well() {
        let mut film = container((1920, 1080), "h264", 25.5);
        for (codec, profile, is_lossless) in [
            ("TrueHD Atmos", None, true),
            ("DTS-HD Master Audio", None, true),
            ("FLAC", None, true),
            ("PCM", None, true),
            ("dts", Some("DTS-HD MA"), true),
            ("pcm_bluray", None, true),
            ("DTS", None, false),
            ("dts", Some("DTS"), false),
            ("AC-3", None, false),
        ] {
            let sound = film.other_tracks.first_mut().unwrap();
            sound.codec = codec.to_owned();
            sound.profile = profile.map(str::to_owned);
            let found = classified("a.mkv", &film);
            let says = found
                .reasons
                .iter()
                .any(|r| r.starts_with("lossless sound"));
            assert_eq!(says, is_lossless, "{codec}");
            assert_eq!(found.class, Class::Remux);
        }
        film.other_tracks[0].codec = "TrueHD".to_owned();
        let found = classified("a.mkv", &film);
        assert_eq!(
            found.to_string(),
            "remux (0.88): 25.5 Mbit/s in all, over 15.0 at 1920x1080; 0.51 bits for each pixel of a frame; lossless sound \
             (TrueHD)"
        );
    }

    #[test]
    fn names_say_what_numbers_do_not() {
        let film = container((1920, 1080), "hevc", 4.0);
        for (name, class) in [
            ("A.Film.2024.1080p.WEB-DL.mkv", Class::Web),
            ("A.Film.2024.webrip.mkv", Class::Web),
            ("A.Film.NF.mkv", Class::Web),
            ("A Film AMZN.mkv", Class::Web),
            ("A.Film.REMUX.mkv", Class::Remux),
            ("A.Film.nf.mkv", Class::Low),
            ("A.Film.REMUXED.mkv", Class::Low),
            ("Amznia.mkv", Class::Low),
        ] {
            assert_eq!(classified(name, &film).class, class, "{name}");
        }
        // A film that came from a disc and has a web's rate was encoded in between.
        let film = container((1920, 1080), "h264", 8.0);
        assert_eq!(classified("A.BluRay.mkv", &film).class, Class::Web);
        assert_eq!(classified("A.BluRay.REMUX.mkv", &film).class, Class::Remux);
    }

    #[test]
    fn what_speaks_against_a_class_makes_it_less_sure() {
        let film = container((1920, 1080), "hevc", 4.0);
        let found = classified("A.WEB-DL.mkv", &film);
        assert_eq!(
            found.to_string(),
            "web (0.56): the name has WEB-DL; hevc video; but 4.0 Mbit/s in all, under 5.0 at 1920x1080 (low)"
        );
        let mut nothing = container((1920, 1080), "h264", 8.0);
        nothing.duration_seconds = None;
        let found = classified("a.mkv", &nothing);
        assert_eq!((found.class, found.confidence), (Class::Web, 0.0));
    }
}
