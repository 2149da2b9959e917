//! What a history comes to: pure sums over its lines.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use serde::Serialize;

use super::{
    file::History,
    record::{Record, Status},
};
use crate::os::process::quoted;

/// What stands for what is not known.
const UNKNOWN: &str = "unknown";
/// Characters of a reason that are shown where reasons are counted.
const REASON: usize = 120;

/// The films of a history, each once.
///
/// A film counts by its last success, and if it has none, by its last line: a run that finds the output there, or fails to make
/// another one, takes nothing back. What is the output of another line is no film, unless it was encoded itself.
#[derive(Debug)]
pub struct Films {
    /// One line for each, in the order in which they ended.
    pub films: Vec<Record>,
    /// Lines that do not count, for another one of the same film does.
    pub repeated: u64,
    unreadable: u64,
    later: u64,
}

impl Films {
    /// Those of several histories.
    #[must_use]
    pub fn of(histories: Vec<History>) -> Self {
        let count = |number: fn(&History) -> u64| histories.iter().map(number).sum();
        let (unreadable, later) = (count(|it| it.unreadable), count(|it| it.later));
        let mut records: Vec<Record> = histories.into_iter().flat_map(|it| it.records).collect();
        records.sort_by_key(|record| record.finished_at);
        let lines = records.len();
        let mut counting: HashMap<PathBuf, Record> = HashMap::new();
        for record in records {
            let before = counting.get(&record.source());
            let stands = before.is_some_and(|before| before.status == Status::Success);
            if record.status == Status::Success || !stands {
                counting.insert(record.source(), record);
            }
        }
        let mut films: Vec<Record> = counting.into_values().collect();
        let is_encoded = |film: &&Record| film.status == Status::Success;
        let outputs: HashSet<PathBuf> = films
            .iter()
            .filter(is_encoded)
            .map(Record::output)
            .collect();
        films.retain(|film| is_encoded(&film) || !outputs.contains(&film.source()));
        films.sort_by_key(|film| (film.finished_at, film.source()));
        Self {
            repeated: (lines - films.len()) as u64,
            films,
            unreadable,
            later,
        }
    }

    /// What all that are encoded come to.
    #[must_use]
    pub fn total(&self) -> Sum {
        Sum::of(self.encoded())
    }

    fn encoded(&self) -> impl Iterator<Item = &Record> {
        self.films.iter().filter(|film| film.sizes().is_some())
    }
}

/// Sizes and speed of some films that are encoded.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sum {
    /// How many.
    pub films: u64,
    /// Bytes before.
    pub original_bytes: u64,
    /// Bytes after.
    pub new_bytes: u64,
    /// Bytes saved; below zero where outputs are larger.
    pub saved_bytes: i64,
    /// The same as percent of what was there.
    pub saved_percent: Option<f64>,
    /// Frames a second, of all films together of which it is known.
    pub fps: Option<f64>,
    #[serde(skip)]
    frames: f64,
    #[serde(skip)]
    seconds: f64,
}

impl Sum {
    fn add(&mut self, film: &Record) {
        let Some((original, new)) = film.sizes() else {
            return;
        };
        self.films += 1;
        self.original_bytes = self.original_bytes.saturating_add(original);
        self.new_bytes = self.new_bytes.saturating_add(new);
        let saved = i128::from(self.original_bytes) - i128::from(self.new_bytes);
        self.saved_bytes = saved.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let whole = self.original_bytes as f64;
        self.saved_percent = (whole > 0.0).then(|| 100.0 * saved as f64 / whole);
        let speed = film
            .frames
            .zip(film.fps)
            .filter(|(_, fps)| fps.is_normal() && *fps > 0.0);
        if let Some((frames, fps)) = speed {
            self.frames += frames as f64;
            self.seconds += frames as f64 / fps;
            self.fps = (self.seconds > 0.0).then(|| self.frames / self.seconds);
        }
    }

    fn of<'a>(films: impl Iterator<Item = &'a Record>) -> Self {
        let mut sum = Self::default();
        films.for_each(|film| sum.add(film));
        sum
    }
}

/// Films that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group<const N: usize> {
    /// What that is.
    #[serde(serialize_with = "as_list")]
    pub of: [String; N],
    /// What they come to.
    #[serde(flatten)]
    pub sum: Sum,
}

fn as_list<S: serde::Serializer, const N: usize>(
    of: &[String; N],
    to: S,
) -> Result<S::Ok, S::Error> {
    of.as_slice().serialize(to)
}

/// How many films a reason holds for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The reason; where it holds for several films, without their names and numbers.
    pub reason: String,
    /// How many.
    pub films: u64,
    /// One of them.
    pub example: String,
}

/// A film that is encoded, to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Where it was.
    pub source_path: String,
    /// Where its output is.
    pub output_path: String,
    /// Bytes before.
    pub original_bytes: u64,
    /// Bytes after.
    pub new_bytes: u64,
}

/// Some films to look at, chosen by chance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// The number by which the same are chosen of the same films.
    pub seed: u64,
    /// The films.
    pub films: Vec<Example>,
}

impl Sample {
    /// As many of `films` as `number` says, by this `seed`.
    #[must_use]
    pub fn of(films: &Films, number: usize, seed: u64) -> Self {
        let mut encoded: Vec<&Record> = films.encoded().collect();
        encoded.sort_by_key(|film| film.source());
        fastrand::Rng::with_seed(seed).shuffle(&mut encoded);
        let chosen = encoded.into_iter().take(number);
        let chosen = chosen.filter_map(|film| {
            let (original_bytes, new_bytes) = film.sizes()?;
            Some(Example {
                source_path: film.source_path.clone(),
                output_path: film.output_path.clone(),
                original_bytes,
                new_bytes,
            })
        });
        Self {
            seed,
            films: chosen.collect(),
        }
    }
}

/// What a history comes to.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// All films that are encoded.
    pub total: Sum,
    /// The same by class and size of the picture.
    pub by_class: Vec<Group<2>>,
    /// By codec of the source.
    pub by_codec: Vec<Group<1>>,
    /// By day of UTC.
    pub by_day: Vec<Group<1>>,
    /// Why films are skipped.
    pub skipped: Vec<Reason>,
    /// Films whose test clip waits.
    pub waiting: Vec<Reason>,
    /// Why sizes were missed.
    pub missed: Vec<Reason>,
    /// Why films are refused.
    pub refused: Vec<Reason>,
    /// Why films failed.
    pub failed: Vec<Reason>,
    /// Some films to look at, if that is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// Lines that do not count, for another one of the same film does.
    pub repeated: u64,
    /// Lines that are none of a history.
    pub unreadable: u64,
    /// Lines of a later version of av1enc.
    pub later: u64,
}

impl Summary {
    /// Of these films, with this sample of them.
    #[must_use]
    pub fn of(films: &Films, sample: Option<Sample>) -> Self {
        let why = |status: Status| reasons(films.films.iter().filter(|film| film.status == status));
        Self {
            total: films.total(),
            by_class: groups(films.encoded(), |film| {
                [known(&film.class), known(&film.resolution)]
            }),
            by_codec: groups(films.encoded(), |film| [known(&film.codec)]),
            by_day: groups(films.encoded(), |film| [film.finished_at.day()]),
            skipped: why(Status::Skipped),
            waiting: why(Status::Waiting),
            missed: why(Status::Missed),
            refused: why(Status::Refused),
            failed: why(Status::Failed),
            sample,
            repeated: films.repeated,
            unreadable: films.unreadable,
            later: films.later,
        }
    }
}

fn known(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| UNKNOWN.to_owned())
}

fn groups<'a, const N: usize>(
    films: impl Iterator<Item = &'a Record>,
    of: impl Fn(&Record) -> [String; N],
) -> Vec<Group<N>> {
    let mut sums: BTreeMap<[(u32, String); N], Sum> = BTreeMap::new();
    for film in films {
        let of = of(film).map(|text| (lines_in(&text), text));
        sums.entry(of).or_default().add(film);
    }
    let groups = sums.into_iter();
    let group = |(of, sum): ([(u32, String); N], Sum)| Group {
        of: of.map(|(_, text)| text),
        sum,
    };
    groups.map(group).collect()
}

/// The number with which the name of a size begins, by which sizes are ordered: 720p comes before 1080p.
fn lines_in(text: &str) -> u32 {
    let lines = text.strip_suffix('p').and_then(|lines| lines.parse().ok());
    lines.unwrap_or_default()
}

/// Counts reasons that differ in nothing but names and numbers, the most frequent first.
fn reasons<'a>(films: impl Iterator<Item = &'a Record>) -> Vec<Reason> {
    let mut counted: BTreeMap<String, Reason> = BTreeMap::new();
    for film in films {
        let reason = of_any_film(film);
        let general = without_numbers(&reason);
        let counted = counted.entry(general.clone()).or_insert_with(|| Reason {
            reason,
            films: 0,
            example: film.source_path.clone(),
        });
        counted.films += 1;
        if counted.films > 1 {
            counted.reason = general;
        }
    }
    let mut reasons: Vec<Reason> = counted.into_values().collect();
    reasons.sort_by_key(|reason| Reverse(reason.films));
    reasons
}

/// The reason of a line without its film's name, and without what follows a semicolon.
fn of_any_film(film: &Record) -> String {
    let mut reason = film.reason.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    for path in [film.source(), film.output()] {
        let parts = [Some(path.as_os_str()), path.file_name()];
        // What is only a word may stand for something else.
        let names = parts.into_iter().flatten();
        for name in names.filter(|name| name.as_bytes().iter().any(|byte| b"./".contains(byte))) {
            reason = reason.replace(&quoted(name), "FILM");
            reason = reason.replace(&*name.to_string_lossy(), "FILM");
        }
    }
    let first = reason.split(';').next().unwrap_or_default();
    let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = ["FILM ", "`FILM` "]
        .iter()
        .find_map(|begins| line.strip_prefix(begins));
    let told = told.unwrap_or(&line);
    match told.char_indices().nth(REASON) {
        Some((end, _)) => format!("{}…", &told[..end]),
        None => told.to_owned(),
    }
}

/// The same text with N for each number; a digit within a word, as in AV1, is none.
fn without_numbers(text: &str) -> String {
    let (mut plain, mut before) = (String::new(), ' ');
    let mut is_in_number = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_within = |next: &char| next.is_ascii_digit() && ".,:".contains(c);
        let goes_on = is_in_number && (c.is_ascii_digit() || rest.peek().is_some_and(is_within));
        let begins = !is_in_number && c.is_ascii_digit() && !before.is_alphanumeric();
        if begins {
            plain.push('N');
        } else if !goes_on {
            plain.push(c);
        }
        is_in_number = begins || goes_on;
        before = c;
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::history::record::Moment;

    fn at(minute: u32) -> Moment {
        serde_json::from_value(format!("2026-11-26T00:{minute:02}:00Z").into()).unwrap()
    }

    fn film(name: &str, status: Status, minute: u32) -> Record {
        Record {
            status,
            finished_at: at(minute),
            ..Record::begin(Path::new(name), &Path::new("/out").join(&name[1..]))
        }
    }

    fn encoded(name: &str, sizes: (u64, u64), minute: u32) -> Record {
        Record {
            original_bytes: Some(sizes.0),
            new_bytes: Some(sizes.1),
            ..film(name, Status::Success, minute)
        }
    }

    fn films(records: Vec<Record>) -> Films {
        Films::of(vec![History {
            records,
            ..History::default()
        }])
    }

    #[test]
    fn a_film_counts_by_its_last_success_and_else_by_its_last_line() {
        let films = films(vec![
            encoded("/a", (100, 50), 1),
            encoded("/a", (100, 40), 2),
            film("/a", Status::Failed, 3),
            film("/b", Status::Failed, 4),
            film("/b", Status::Skipped, 5),
            // What av1enc has made itself is looked at by the next loop.
            film("/out/a", Status::Skipped, 6),
        ]);
        let summary = Summary::of(&films, None);
        assert_eq!(
            (summary.total.films, summary.total.saved_bytes),
            (1, 60),
            "{films:?}"
        );
        assert_eq!((summary.skipped.len(), summary.failed.len()), (1, 0));
        assert_eq!(summary.repeated, 4);
    }

    #[test]
    fn sums_have_sizes_and_a_speed_where_that_is_known() {
        let with_fps = |film: Record, frames, fps| Record {
            frames: Some(frames),
            fps,
            ..film
        };
        let sum = Sum::of(
            [
                with_fps(encoded("/a", (100, 40), 1), 100, Some(10.0)),
                with_fps(encoded("/b", (100, 130), 1), 300, Some(30.0)),
                with_fps(encoded("/c", (200, 30), 1), 1, None),
                with_fps(encoded("/d", (0, 0), 1), 1, Some(0.0)),
            ]
            .iter(),
        );
        assert_eq!((sum.films, sum.fps), (4, Some(20.0)));
        assert_eq!(sum.saved_percent, Some(50.0));
        assert_eq!(Sum::default().saved_percent, None);
        let grown = Sum::of([encoded("/b", (100, 130), 1)].iter());
        assert_eq!((grown.saved_bytes, grown.saved_percent), (-30, Some(-30.0)));
    }

    #[test]
    fn reasons_are_counted_without_what_is_of_one_film() {
        let skipped = |name: &str, reason: &str| Record {
            reason: Some(reason.to_owned()),
            ..film(name, Status::Skipped, 1)
        };
        let reasons = reasons(
            [
                skipped(
                    "/f/a.mkv",
                    "/f/a.mkv has 1.5 MB, and --min-bytes wants 2.0 GB",
                ),
                skipped(
                    "/f/b b.mkv",
                    "'/f/b b.mkv' is AV1 already; --force encodes it",
                ),
                skipped("/f/c.mkv", "/f/c.mkv is AV1 already; --force encodes it"),
                skipped("/f/e.mkv", "`/f/e.mkv` is AV1\nalready"),
                skipped(
                    "/f/d.mkv",
                    "/f/d.mkv is left alone: d.mkv.av1skip is beside it",
                ),
            ]
            .iter(),
        );
        let counted: Vec<(&str, u64)> = reasons
            .iter()
            .map(|reason| (reason.reason.as_str(), reason.films))
            .collect();
        assert_eq!(
            counted,
            [
                ("is AV1 already", 3),
                ("has 1.5 MB, and --min-bytes wants 2.0 GB", 1),
                ("is left alone: FILM.av1skip is beside it", 1),
            ]
        );
    }

    #[test]
    fn numbers_are_words_of_their_own() {
        for (text, plain) in [
            (
                "has 1.5 MB: 3 of 4, at 0:01:02.5.",
                "has N MB: N of N, at N.",
            ),
            ("is AV1, HDR10 or 4k", "is AV1, HDR10 or Nk"),
        ] {
            assert_eq!(without_numbers(text), plain);
        }
    }

    #[test]
    fn a_sample_is_the_same_by_the_same_seed_and_of_encoded_films_only() {
        let mut all: Vec<Record> = (0..20)
            .map(|n| encoded(&format!("/{n}"), (2, 1), n))
            .collect();
        all.push(film("/x", Status::Failed, 1));
        let names = |all: Vec<Record>, number, seed| -> Vec<String> {
            let sample = Sample::of(&films(all), number, seed);
            let films = sample.films.into_iter();
            films.map(|film| film.source_path).collect()
        };
        let five = names(all.clone(), 5, 7);
        all.reverse();
        assert_eq!(five, names(all.clone(), 5, 7));
        assert_ne!(five, names(all.clone(), 5, 8));
        let whole = names(all, 50, 7);
        assert!(whole.len() == 20 && !whole.contains(&"/x".to_owned()));
    }
}
