//! Sound that was encoded anew, compared with the source's by how it sounds: whether it is heard when it was, as loud and as
//! long as it was.
//!
//! ffmpeg decodes both to one channel of 8 kHz in which a sample's number is its time. Two seconds at the beginning, at the
//! end and at places between are looked for in the other sound; only these are in memory, however long the film is.

use std::{
    collections::VecDeque,
    f64::consts::TAU,
    io::{BufReader, ErrorKind, Read, copy, sink},
    ops::Range,
    path::Path,
    process::Command,
    thread,
};

use anyhow::{Context, Result, ensure};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    finding::{Finding, Property},
    os::{process::outcome, toolbox::Toolbox, words::count},
    source::{
        listener::Listener,
        packets::{Original, keep_clock},
        probe::file_url,
    },
};

/// Samples a second.
const RATE: f64 = 8000.0;
/// Samples in a millisecond.
const PER_MS: f64 = RATE / 1000.0;
/// Samples of a place.
const WINDOW: usize = 16_000;
/// How far it is looked for in both directions, in samples.
const REACH: usize = 12_000;
/// From one sound that may be a place to the next.
const GRID: usize = 8000;
/// From one place to the next, in windows of [`GRID`], after so many places: dense at first, so that a short film has enough.
const STEPS: [(usize, usize); 5] = [(12, 1), (32, 2), (64, 4), (96, 8), (128, 16)];
const LAST_STEP: usize = 30;

/// By how much a place may be off, in milliseconds: two containers round to one each, and a decoder's delay is rounded once.
const SHIFT_MS: f64 = 1.2;
/// By how much the lengths may differ, in milliseconds, or this many samples: an encoder fills its last packet.
const LENGTH_MS: f64 = 50.0;
const PADDING: f64 = 2200.0;
/// By how much it may be shorter where it may be anywhere.
const SHORTER_MS: f64 = 500.0;
/// By how many decibels the level may differ.
const LEVEL_DB: f64 = 1.5;
/// What is quieter is no place: a mean of -60 dB.
const QUIET: f64 = 1e-3;
/// What is so much quieter than the source is silent, and what is so quiet is it in any case.
const FAINT: f64 = 0.1;
const SILENT: f64 = 1e-4;
/// Sound is looked through for holes in parts of so many samples, where the source is louder than -40 dB;
const PART: usize = 800;
const LOUD: f64 = 1e-2;
/// so many samples around a part may be heard in it.
const MOVED: usize = 80;
/// By how many decibels the level of a single channel may differ.
const CHANNEL_DB: f64 = 3.0;
/// One of so many places at least is like the source in a channel that is the same: encoders leave little of some.
const FEW: usize = 4;
/// How like the source a place is at least (1 is alike), so that its shift can be told: as it is, and with filters.
const LIKE: f64 = 0.5;
const LIKE_FILTERED: f64 = 0.7;
/// Peaks that are nearly as high as the best one: of a sound that repeats itself, none is better than another. The less
/// alike the sounds are, the less that says.
const AS_GOOD: f64 = 0.03;
const AS_GOOD_UNLIKE: f64 = 0.25;

/// What both sounds go through: one time for all that is heard, holes filled.
const ON_TIME: &str = "aresample=8000:async=1:min_hard_comp=0.01:first_pts=0";
/// What single channels go through as well: one that is not zero where nothing is heard is not loud.
const NO_OFFSET: &str = "highpass=f=20";
/// Blocks that one decoder may be ahead of the other.
const AHEAD: usize = 64;

/// What comes so near to [`longest_seconds`] was ended there.
const ENDLESS_SECONDS: f64 = 30.0;

/// The length to which sound that is `seconds` long can get by a user's options, in seconds: half the speed and a little more.
#[must_use]
pub fn longest_seconds(seconds: f64) -> f64 {
    2.0 * seconds + 2.0 * ENDLESS_SECONDS
}

/// What a user's own options leave to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freedom {
    /// None: it is the source's sound.
    Nothing,
    /// Its channels, loudness and tone may be others.
    Form,
    /// It is all earlier or later, by as much everywhere.
    Delay,
    /// It may be anywhere.
    Time,
}

/// Options by which a user says what becomes of the sound. `-ar` is none.
const FORM: [&str; 7] = [
    "-af",
    "-filter",
    "-filter_script",
    "-ac",
    "-channel_layout",
    "-ch_layout",
    "-vol",
];
/// Filters that make it longer, shorter or another one.
const MOVING: [&str; 13] = [
    "atempo",
    "asetrate",
    "rubberband",
    "atrim",
    "asetpts",
    "silenceremove",
    "aloop",
    "apad",
    "areverse",
    "arealtime",
    "concat",
    "asendcmd",
    "aselect",
];

impl Freedom {
    /// What the options `args` leave to be judged of sound track `n`.
    #[must_use]
    pub fn of(args: &[String], n: usize) -> Self {
        let mut freedom = Self::Nothing;
        for (option, value) in args
            .iter()
            .zip(args.iter().skip(1).map(String::as_str).chain([""]))
        {
            let (name, of) = option.split_once(':').unwrap_or((option, ""));
            if !FORM.contains(&name) || !["", "a", &n.to_string(), &format!("a:{n}")].contains(&of)
            {
                continue;
            }
            let filters = || {
                value
                    .split([',', ';', ']'])
                    .map(|filter| filter.split(['=', '@']).next().unwrap_or_default())
            };
            let filters = || {
                filters()
                    .map(str::trim)
                    .filter(|filter| !filter.is_empty() && !filter.starts_with('['))
            };
            if ["-af", "-filter"].contains(&name) && filters().all(|filter| filter == "aresample") {
                continue;
            }
            freedom =
                if name == "-filter_script" || filters().any(|filter| MOVING.contains(&filter)) {
                    Self::Time
                } else if filters().any(|filter| filter == "adelay") && freedom != Self::Time {
                    Self::Delay
                } else if freedom == Self::Nothing {
                    Self::Form
                } else {
                    freedom
                };
        }
        freedom
    }
}

/// What comparing a sound track came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Likeness {
    /// How long both are, in seconds, from the beginning of the film on.
    pub seconds: [f64; 2],
    /// Places at which the source is heard.
    pub places: usize,
    /// Those at which the other is silent: when, in seconds.
    pub silent: Vec<f64>,
    /// Those at which the other could be found: when in seconds, and by how many milliseconds it is later.
    pub shifts: Vec<(f64, f64)>,
    /// How loud both are at all places, as energy.
    energy: [f64; 2],
}

/// How it is listened.
#[derive(Debug, Clone, Copy)]
struct Ear {
    /// What is quieter is no place.
    quiet: f64,
    /// How like the source a place is at least, so that its shift can be told.
    like: f64,
    /// What is quieter than this part of the source is silent.
    faint: f64,
    /// Whether it is looked through for holes.
    holes: bool,
}

impl Ear {
    /// For what the user's options leave to be judged of a whole sound.
    const fn of(freedom: Freedom) -> Self {
        let same = matches!(freedom, Freedom::Nothing);
        Self {
            quiet: QUIET,
            like: if same { LIKE } else { LIKE_FILTERED },
            faint: if same { FAINT } else { 0.0 },
            holes: same,
        }
    }

    /// For one channel of it.
    const CHANNEL: Self = Self {
        quiet: LOUD,
        like: LIKE,
        faint: FAINT,
        holes: true,
    };

    /// For what two channels have not in common: encoders leave out what is little of it.
    const BETWEEN: Self = Self {
        holes: false,
        ..Self::CHANNEL
    };
}

/// What is heard of a track that has several channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// One of them.
    Channel(usize),
    /// One without the next: it is turned around where both are exchanged.
    Between(usize),
}

impl Voice {
    /// All there are of so many channels.
    fn all(channels: usize) -> Vec<Self> {
        let between = (1..channels).map(|n| Self::Between(n - 1));
        (0..channels).map(Self::Channel).chain(between).collect()
    }

    fn filter(self) -> String {
        match self {
            Self::Channel(n) => format!("pan=mono|c0=c{n},{NO_OFFSET},{ON_TIME}"),
            Self::Between(n) => {
                format!("pan=mono|c0=0.5*c{n}-0.5*c{},{NO_OFFSET},{ON_TIME}", n + 1)
            }
        }
    }

    fn ear(self) -> Ear {
        match self {
            Self::Channel(_) => Ear::CHANNEL,
            Self::Between(_) => Ear::BETWEEN,
        }
    }
}

/// The channels of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channels {
    /// How many there are.
    pub count: usize,
    /// Which of them is for low frequencies: encoders leave nothing else in it.
    pub low: Option<usize>,
}

impl Channels {
    /// In what the channels of another sound differ, where anything was heard.
    fn disagreement(self, voices: &[(Voice, Likeness)]) -> Option<String> {
        voices.iter().find_map(|(voice, likeness)| {
            let is_low = *voice == Voice::Channel(self.low.unwrap_or(usize::MAX));
            let name = match voice {
                Voice::Channel(n) => format!("channel {}", n + 1),
                Voice::Between(n) => format!("what is between channels {} and {}", n + 1, n + 2),
            };
            let why = likeness.unlike(!is_low)?;
            Some(format!("{name} is {why}"))
        })
    }
}

impl Likeness {
    /// The shift that is furthest from none: when in seconds, and how many milliseconds.
    #[must_use]
    pub fn worst(&self) -> Option<(f64, f64)> {
        self.shifts
            .iter()
            .copied()
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
    }

    /// By how many decibels it is louder.
    #[must_use]
    pub fn louder_db(&self) -> Option<f64> {
        let [source, output] = self.energy;
        (source > 0.0 && output > 0.0).then(|| 10.0 * (output / source).log10())
    }

    /// Why one channel is another than the source's; `exactly`: not only less or more of it.
    fn unlike(&self, exactly: bool) -> Option<String> {
        if let Some(at) = self.silent.first() {
            return Some(format!("silent at {at:.1} s"));
        }
        if let Some(db) = self.louder_db().filter(|db| db.abs() > CHANNEL_DB) {
            return Some(format!("{db:+.1} dB louder"));
        }
        let on_time = self.shifts.iter().filter(|(_, ms)| ms.abs() <= SHIFT_MS);
        let on_time = on_time.count();
        (exactly && on_time * FEW < self.places).then(|| {
            let places = count(self.places as u64, "place");
            format!("like the source's at {on_time} of {places}")
        })
    }

    /// Whether it is the source's sound, as far as `freedom` lets that be told; `rate` is that of the encoded sound.
    #[must_use]
    pub fn agrees(&self, freedom: Freedom, rate: u32) -> bool {
        let longer_ms = (self.seconds[1] - self.seconds[0]) * 1000.0;
        if freedom == Freedom::Time {
            return longer_ms >= -SHORTER_MS
                && self.seconds[1] < longest_seconds(self.seconds[0]) - ENDLESS_SECONDS
                && (self.places == 0 || self.silent.len() < self.places);
        }
        let least = self
            .shifts
            .iter()
            .map(|(_, ms)| *ms)
            .fold(f64::INFINITY, f64::min);
        let most = self
            .shifts
            .iter()
            .map(|(_, ms)| *ms)
            .fold(f64::NEG_INFINITY, f64::max);
        let on_time = match freedom {
            Freedom::Delay => self.shifts.is_empty() || most - least <= SHIFT_MS,
            _ => self.worst().is_none_or(|(_, ms)| ms.abs() <= SHIFT_MS),
        };
        let padding = LENGTH_MS.max(PADDING * 1000.0 / f64::from(rate.max(1)));
        let delayed = if freedom == Freedom::Delay && !self.shifts.is_empty() {
            most
        } else {
            0.0
        };
        let as_long =
            longer_ms >= delayed.min(0.0) - LENGTH_MS && longer_ms <= delayed.max(0.0) + padding;
        let same = freedom != Freedom::Nothing
            || self.shifts.len() * 2 >= self.places
                && self.louder_db().is_none_or(|db| db.abs() <= LEVEL_DB);
        on_time && as_long && same && self.silent.is_empty()
    }

    /// It in words, as what was found of the sound track with this `number`.
    #[must_use]
    pub fn finding(&self, number: usize, freedom: Freedom, rate: u32) -> Finding {
        let source = format!(
            "{:.2} s, heard at {}",
            self.seconds[0],
            count(self.places as u64, "place")
        );
        let mut output = format!("{:.2} s", self.seconds[1]);
        if let Some((_, ms)) = self.worst().filter(|(_, ms)| ms.abs() <= SHIFT_MS) {
            output += &format!(", there at {} within {:.1} ms", self.shifts.len(), ms.abs());
        } else if let Some((at, ms)) = self.worst() {
            let later = if ms > 0.0 { "late" } else { "early" };
            output += &format!(
                ", there at {}, {:.1} ms {later} at {at:.1} s",
                self.shifts.len(),
                ms.abs()
            );
        } else if self.places > 0 {
            output += ", not like it at any";
        }
        if let Some(at) = self.silent.first() {
            output += &format!(", silent at {}, first at {at:.1} s", self.silent.len());
        }
        if let Some(db) = self.louder_db() {
            output += &format!(", level {db:+.1} dB");
        }
        let by = match freedom {
            Freedom::Nothing => "sound at these places, decoded by ffmpeg",
            Freedom::Form => {
                "sound at these places, decoded by ffmpeg; by your options its level and form may be others"
            }
            Freedom::Delay => {
                "sound at these places, decoded by ffmpeg; by your options it is moved, but evenly"
            }
            // What is not judged is not called proven.
            Freedom::Time => {
                "length alone, decoded by ffmpeg: by your options it may be anywhere, but neither shorter nor without end"
            }
        };
        let what = Property::SoundTrack.of_track(number);
        Finding::new(what, source, output, by, self.agrees(freedom, rate))
    }
}

/// One of two sounds, as far as it is needed.
#[derive(Default)]
struct Side {
    samples: VecDeque<f32>,
    /// Number of the first sample that is kept.
    begins: usize,
}

impl Side {
    fn end(&self) -> usize {
        self.begins + self.samples.len()
    }

    /// `length` samples from `begin` on; what is not there is silent.
    fn part(&self, begin: i64, length: usize) -> Vec<f64> {
        let sample = |n: i64| {
            let place = usize::try_from(n - self.begins as i64).ok()?;
            self.samples.get(place).map(|sample| f64::from(*sample))
        };
        (begin..begin + length as i64)
            .map(|n| sample(n).unwrap_or(0.0))
            .collect()
    }

    fn forget_until(&mut self, end: i64) {
        let n = usize::try_from(end - self.begins as i64)
            .unwrap_or(0)
            .min(self.samples.len());
        self.samples.drain(..n);
        self.begins += n;
    }
}

/// Two sounds that are compared while they come.
pub struct Pair {
    sides: [Side; 2],
    ended: [bool; 2],
    /// By how many samples the second is later than the first where nothing is wrong.
    later: f64,
    /// The next sound that may be a place, and the first that is due to be one.
    next: usize,
    due: usize,
    likeness: Likeness,
    ear: Ear,
    fourier: Fourier,
}

fn energy(samples: &[f64]) -> f64 {
    samples.iter().map(|x| x * x).sum()
}

fn mean(samples: &[f64]) -> f64 {
    (energy(samples) / samples.len().max(1) as f64).sqrt()
}

impl Pair {
    /// Two sounds, of which the second is `later_ms` later than the first where nothing is wrong.
    #[must_use]
    pub fn new(later_ms: f64, freedom: Freedom) -> Self {
        Self::heard(later_ms, Ear::of(freedom))
    }

    fn heard(later_ms: f64, ear: Ear) -> Self {
        Self {
            sides: Default::default(),
            ended: [false; 2],
            later: later_ms * PER_MS,
            next: 0,
            due: 0,
            likeness: Likeness::default(),
            ear,
            fourier: Fourier::new(),
        }
    }

    /// More of one sound: 0 is the source, 1 the other.
    pub fn push(&mut self, side: usize, samples: &[i16]) {
        self.sides[side]
            .samples
            .extend(samples.iter().map(|sample| f32::from(*sample) / 32768.0));
        self.advance();
    }

    /// There is no more of one sound.
    pub fn end_of(&mut self, side: usize) {
        self.ended[side] = true;
        self.advance();
    }

    /// How far the sound has come, in samples.
    fn reached(&self, side: usize) -> f64 {
        self.sides[side].end() as f64 - if side == 0 { 0.0 } else { self.later }
    }

    fn base(&self) -> i64 {
        self.later.round() as i64
    }

    /// Compares what has come of both.
    fn advance(&mut self) {
        loop {
            let end = self.next + WINDOW;
            if self.sides[0].end() < end {
                return;
            }
            let there = self.sides[1].end() as i64 >= end as i64 + self.base() + REACH as i64;
            if !there && !self.ended[1] {
                return;
            }
            if self.next >= self.due && self.look_at(self.next, WINDOW) {
                let step = STEPS
                    .iter()
                    .find(|(places, _)| self.likeness.places < *places)
                    .map_or(LAST_STEP, |step| step.1);
                self.due = self.next + step * GRID;
            }
            self.look_for_holes(self.next..self.next + GRID);
            self.next += GRID;
            // The last place is wherever the film ends.
            let keep = self.next as i64 - WINDOW as i64;
            let base = self.base();
            self.sides[0].forget_until(keep);
            self.sides[1].forget_until(keep + base - REACH as i64);
        }
    }

    /// Looks in a part of the source for what is not heard in the other sound.
    fn look_for_holes(&mut self, part: Range<usize>) {
        let full = part.end.saturating_sub(PART - 1);
        for begin in (part.start..full).step_by(PART).filter(|_| self.ear.holes) {
            let source = mean(&self.sides[0].part(begin as i64, PART));
            let around = begin as i64 + self.base() - MOVED as i64;
            let output = self.sides[1].part(around, PART + 2 * MOVED);
            if source >= LOUD && mean(&output) < source * FAINT {
                self.likeness.silent.push(begin as f64 / RATE);
            }
        }
    }

    /// Compares `length` samples from `begin` on, unless the source is too quiet there.
    fn look_at(&mut self, begin: usize, length: usize) -> bool {
        let source = self.sides[0].part(begin as i64, length);
        if mean(&source) < self.ear.quiet {
            return false;
        }
        let at = begin as f64 / RATE;
        let around = self.sides[1].part(
            begin as i64 + self.base() - REACH as i64,
            length + 2 * REACH,
        );
        let like = self
            .fourier
            .shift(&source, &around)
            .filter(|(_, like)| *like >= self.ear.like);
        let lag = like.map_or(0.0, |(lag, _)| lag);
        let from = (REACH as f64 + lag).round() as usize;
        let output = &around[from..from + length];
        self.likeness.places += 1;
        self.likeness.energy[0] += energy(&source);
        self.likeness.energy[1] += energy(output);
        let faint = mean(&source) * self.ear.faint;
        if mean(output) < faint.max(SILENT) {
            self.likeness.silent.push(at);
        } else if let Some((lag, _)) = like {
            let rest = self.base() as f64 - self.later;
            self.likeness.shifts.push((at, (lag + rest) / PER_MS));
        }
        true
    }

    /// What it came to.
    #[must_use]
    pub fn finish(mut self) -> Likeness {
        self.ended = [true; 2];
        self.advance();
        let end = self.sides[0].end();
        self.look_for_holes(self.next..end);
        let begin = end.saturating_sub(WINDOW);
        if end > 0 && (!begin.is_multiple_of(GRID) || self.likeness.places == 0) {
            self.look_at(begin, end - begin);
        }
        let seconds = |side: usize| (self.reached(side) / RATE).max(0.0);
        Likeness {
            seconds: [seconds(0), seconds(1)],
            ..self.likeness
        }
    }
}

/// What finds one sound in another.
struct Fourier {
    /// Of the whole turn, in as many steps as there are points.
    turns: Vec<(f64, f64)>,
}

/// No window and what is around it is longer.
const POINTS: usize = 1 << 16;
/// Sounds have most of their energy where they say least about when.
const EMPHASIS: f64 = 0.9;

impl Fourier {
    fn new() -> Self {
        let turn = |n: usize| TAU * n as f64 / POINTS as f64;
        Self {
            turns: (0..POINTS / 2)
                .map(|n| (turn(n).cos(), -turn(n).sin()))
                .collect(),
        }
    }

    /// The discrete Fourier transform, in place.
    fn transform(&self, points: &mut [(f64, f64)]) {
        let bits = POINTS.trailing_zeros();
        for n in 0..POINTS {
            let m = n.reverse_bits() >> (usize::BITS - bits);
            if n < m {
                points.swap(n, m);
            }
        }
        let mut half = 1;
        while half < POINTS {
            let step = POINTS / (2 * half);
            for block in points.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((a, b), turn) in low
                    .iter_mut()
                    .zip(high)
                    .zip(self.turns.iter().step_by(step))
                {
                    let turned = (b.0 * turn.0 - b.1 * turn.1, b.0 * turn.1 + b.1 * turn.0);
                    *b = (a.0 - turned.0, a.1 - turned.1);
                    *a = (a.0 + turned.0, a.1 + turned.1);
                }
            }
            half *= 2;
        }
    }

    /// By how many samples `source` is later in `around` than [`REACH`], and how like it is there.
    fn shift(&self, source: &[f64], around: &[f64]) -> Option<(f64, f64)> {
        let sharp = |samples: &[f64]| -> Vec<f64> {
            samples
                .iter()
                .scan(0.0, |last, x| {
                    Some(x - EMPHASIS * std::mem::replace(last, *x))
                })
                .collect()
        };
        let (source, around) = (sharp(source), sharp(around));
        let mut points: Vec<(f64, f64)> = vec![(0.0, 0.0); POINTS];
        points
            .iter_mut()
            .zip(&source)
            .for_each(|(point, x)| point.0 = *x);
        points
            .iter_mut()
            .zip(&around)
            .for_each(|(point, x)| point.1 = *x);
        self.transform(&mut points);
        // Both are real: what is of which can be told; and the transform of a conjugate is the way back.
        let product = |n: usize| {
            let (z, m) = (points[n], points[(POINTS - n) % POINTS]);
            let a = ((z.0 + m.0) / 2.0, (z.1 - m.1) / 2.0);
            let b = ((z.1 + m.1) / 2.0, (m.0 - z.0) / 2.0);
            (a.0 * b.0 + a.1 * b.1, -(a.0 * b.1 - a.1 * b.0))
        };
        let mut back: Vec<(f64, f64)> = (0..POINTS).map(product).collect();
        self.transform(&mut back);
        let own = energy(&source);
        let mut theirs = energy(&around[..source.len()]);
        let loud = energy(&around) * 1e-9;
        let likeness: Vec<f64> = (0..=2 * REACH)
            .map(|lag| {
                let like = if theirs > loud {
                    back[lag].0 / POINTS as f64 / (own * theirs).sqrt()
                } else {
                    0.0
                };
                let next = around.get(lag + source.len()).map_or(0.0, |x| x * x);
                theirs += next - around[lag] * around[lag];
                like
            })
            .collect();
        peak(&likeness)
    }
}

/// The peak that counts: its place relative to [`REACH`], and its height.
fn peak(likeness: &[f64]) -> Option<(f64, f64)> {
    let best = likeness.iter().copied().fold(0.0, f64::max);
    let enough = best * (1.0 - AS_GOOD) - AS_GOOD_UNLIKE * (1.0 - best.min(1.0));
    let at = |n: usize| likeness.get(n).copied().unwrap_or(f64::NEG_INFINITY);
    let is_peak = |n: &usize| {
        at(*n) > 0.0 && at(*n) >= enough && at(*n) >= at(n.wrapping_sub(1)) && at(*n) >= at(n + 1)
    };
    let n = (0..likeness.len())
        .filter(is_peak)
        .min_by_key(|n| n.abs_diff(REACH))?;
    let (before, here, after) = (at(n.wrapping_sub(1)), at(n), at(n + 1));
    let bend = before - 2.0 * here + after;
    // A parabola through three points.
    let between = if bend.is_finite() && bend < 0.0 {
        (before - after) / (2.0 * bend)
    } else {
        0.0
    };
    Some((n as f64 + between - REACH as f64, here))
}

/// Tracks of sound in a source, and the same in another file.
pub struct Sounds<'a> {
    /// The source.
    pub source: Original<'a>,
    /// Its streams of sound that are compared.
    pub streams: Vec<usize>,
    /// The other file.
    pub other: Other<'a>,
    /// By how many milliseconds each track is later in it, beside what is added to the film's clock for the output.
    pub later_ms: &'a [f64],
}

/// Where the other tracks of sound are.
pub enum Other<'a> {
    /// All those of a file of ours, by its container's clock.
    All(&'a Path),
    /// Streams of any film, by its clock.
    Of(Original<'a>, Vec<usize>),
}

impl Other<'_> {
    /// ffmpeg, decoding them with these options.
    fn decoding(&self, tools: &Toolbox, options: &[&str]) -> Command {
        match self {
            Self::All(file) => {
                let mut command = Command::new(&tools.ffmpeg);
                command
                    .args(["-nostdin", "-hide_banner", "-v", "error", "-copyts", "-i"])
                    .arg(file_url(file))
                    .args(["-map", "0:a"])
                    .args(options);
                command
            }
            Self::Of(film, streams) => decoding(film, streams, options),
        }
    }

    /// Whoever has ffmpeg decode them.
    fn listener<'a>(&'a self, tools: &'a Toolbox) -> Listener<'a> {
        match self {
            Self::All(_) => Listener::of_ours(tools),
            Self::Of(film, _) => film.listener(),
        }
    }
}

/// ffmpeg, decoding streams of a film with these options.
fn decoding(film: &Original<'_>, streams: &[usize], options: &[&str]) -> Command {
    let mut command = film.reading();
    for stream in streams {
        command.args(["-map", &format!("0:{stream}")]);
    }
    command.args(options);
    keep_clock(&mut command, film.container);
    command
}

/// How sound is decoded that is compared, and passed on.
const DECODED: [&str; 10] = [
    "-map_metadata",
    "-1",
    "-ac",
    "1",
    "-c:a",
    "pcm_s16le",
    "-muxing_queue_data_threshold",
    "500M",
    "-f",
    "avi",
];

impl Sounds<'_> {
    /// Compares the tracks, with what the user's options leave to be judged of each.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn compare(&self, freedoms: &[Freedom]) -> Result<Vec<Likeness>> {
        let options = [&["-af", ON_TIME], &DECODED[..], &["pipe:1"]].concat();
        let source = decoding(&self.source, &self.streams, &options);
        let encoded = self.other.decoding(self.source.tools, &options);
        let tracks = self.later_ms.iter().zip(freedoms);
        let offset_ms = self.offset_ms();
        let pairs = tracks.map(|(later_ms, freedom)| Pair::new(later_ms + offset_ms, *freedom));
        self.listen_to([source, encoded], pairs.collect())
    }

    /// Compares the first track, which has the same `channels` in both, channel by channel: in what they differ.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn compare_channels(&self, channels: Channels) -> Result<Option<String>> {
        let Self { source, other, .. } = self;
        let (Other::Of(output, streams), Some(ours)) = (other, self.streams.first()) else {
            return Ok(None);
        };
        let voices = Voice::all(channels.count);
        let mut options = Vec::new();
        for (n, voice) in voices.iter().enumerate() {
            options.extend([format!("-filter:a:{n}"), voice.filter()]);
        }
        options.extend(DECODED.iter().chain(&["pipe:1"]).map(ToString::to_string));
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let films = [(source, ours), (output, &streams[0])]
            .map(|(film, stream)| decoding(film, &vec![*stream; voices.len()], &options));
        let later_ms = self.later_ms[0] + self.offset_ms();
        let pairs = voices
            .iter()
            .map(|voice| Pair::heard(later_ms, voice.ear()));
        let heard = self.listen_to(films, pairs.collect())?;
        let heard: Vec<(Voice, Likeness)> = voices.into_iter().zip(heard).collect();
        Ok(channels.disagreement(&heard))
    }

    /// By how many milliseconds the output is later by the film's clock: what is added for it.
    fn offset_ms(&self) -> f64 {
        self.source.container.clock.offset_us as f64 / 1000.0
    }

    /// Lets the sounds of two decoders come, those of the source first.
    fn listen_to(&self, films: [Command; 2], mut pairs: Vec<Pair>) -> Result<Vec<Likeness>> {
        let (of_source, of_other) = (
            self.source.listener(),
            self.other.listener(self.source.tools),
        );
        let ((from_source, ours), (from_encoded, theirs)) = (bounded(AHEAD), bounded(AHEAD));
        let [source, encoded] = films;
        thread::scope(|scope| {
            let a = scope.spawn(move || of_source.stream(source, |avi| send(avi, &from_source)));
            let b = scope.spawn(move || of_other.stream(encoded, |avi| send(avi, &from_encoded)));
            listen(&mut pairs, [&ours, &theirs]);
            drop((ours, theirs));
            outcome(a).context("decoding the source's sound")?;
            outcome(b).context("decoding the encoded sound")?;
            Ok(pairs.into_iter().map(Pair::finish).collect())
        })
    }
}

/// Samples of a track.
type Block = (usize, Vec<i16>);

/// Takes from both sides, always from that which has come less far.
fn listen(pairs: &mut [Pair], sides: [&Receiver<Block>; 2]) {
    let mut open = [true; 2];
    while open.contains(&true) {
        let reached = |side: usize| {
            pairs
                .iter()
                .map(|pair| pair.reached(side))
                .fold(f64::NEG_INFINITY, f64::max)
        };
        let side = if open[0] && (!open[1] || reached(0) <= reached(1)) {
            0
        } else {
            1
        };
        match sides[side].recv() {
            Err(_) => {
                open[side] = false;
                pairs.iter_mut().for_each(|pair| pair.end_of(side));
            }
            Ok((track, samples)) => {
                if let Some(pair) = pairs.get_mut(track) {
                    pair.push(side, &samples);
                }
            }
        }
    }
}

/// Samples that are passed on at once.
const BLOCK: usize = 8192;

/// Reads an AVI as ffmpeg writes it to a pipe, and passes on its sound: every track has its chunks.
fn send(avi: &mut dyn Read, to: &Sender<Block>) -> Result<()> {
    let mut avi = BufReader::with_capacity(1 << 16, avi);
    loop {
        let Some(head) = next::<8>(&mut avi)? else {
            return Ok(());
        };
        let (id, size) = (
            &head[..4],
            u32::from_le_bytes([head[4], head[5], head[6], head[7]]),
        );
        let digits = str::from_utf8(&id[..2])
            .ok()
            .and_then(|digits| digits.parse().ok());
        match (id, digits) {
            (b"RIFF" | b"LIST", _) => {
                let Some(kind) = next::<4>(&mut avi)? else {
                    return Ok(());
                };
                // What is in these is looked at; of the others nothing is.
                if ![b"AVI ", b"AVIX", b"movi"].contains(&&kind) {
                    skip(&mut avi, u64::from(size.saturating_sub(4)))?;
                }
            }
            ([_, _, b'w', b'b'], Some(track)) => {
                let mut left = size as usize;
                while left > 0 {
                    let mut bytes = vec![0; left.min(2 * BLOCK)];
                    if avi.read_exact(&mut bytes).is_err() {
                        // Why it ended, its status says.
                        return Ok(());
                    }
                    left -= bytes.len();
                    let samples = bytes
                        .as_chunks()
                        .0
                        .iter()
                        .map(|two| i16::from_le_bytes(*two))
                        .collect();
                    if to.send((track, samples)).is_err() {
                        return Ok(());
                    }
                }
                skip(&mut avi, u64::from(size % 2))?;
            }
            _ => {
                ensure!(id.iter().all(u8::is_ascii), "ffmpeg wrote what is no AVI");
                skip(&mut avi, u64::from(size) + u64::from(size % 2))?;
            }
        }
    }
}

/// The next `N` bytes, unless it has ended.
fn next<const N: usize>(avi: &mut impl Read) -> Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match avi.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn skip(avi: &mut impl Read, bytes: u64) -> Result<()> {
    copy(&mut avi.take(bytes), &mut sink())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something that does not repeat itself, `seconds` long: noise that comes and goes, and is mostly low.
    fn sound(seconds: f64) -> Vec<f64> {
        let mut state = 1_u64;
        let mut low = 0.0;
        let noise = |n: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            low = 0.9 * low + 0.1 * ((state >> 40) as f64 / f64::from(1 << 24) - 0.5);
            low * (1.0 + (n as f64 / 1700.0).sin())
        };
        (0..(seconds * RATE) as usize).map(noise).collect()
    }

    /// The sound at other times: `at` gives for a sample which one of the source is heard, between samples as well.
    fn moved(sound: &[f64], at: impl Fn(f64) -> f64) -> Vec<f64> {
        let sample = |n: f64| {
            if n < 0.0 {
                0.0
            } else {
                sound.get(n as usize).copied().unwrap_or(0.0)
            }
        };
        let between =
            |n: f64| sample(n.floor()) * (1.0 - n.fract()) + sample(n.floor() + 1.0) * n.fract();
        (0..sound.len()).map(|n| between(at(n as f64))).collect()
    }

    fn compare_with(source: &[f64], output: &[f64], later_ms: f64, freedom: Freedom) -> Likeness {
        let mut pair = Pair::new(later_ms, freedom);
        let whole = |sound: &[f64]| {
            sound
                .iter()
                .map(|x| (x * 32768.0).round() as i16)
                .collect::<Vec<_>>()
        };
        let (source, output) = (whole(source), whole(output));
        for n in (0..source.len().max(output.len())).step_by(5000) {
            for (side, sound) in [&source, &output].into_iter().enumerate() {
                pair.push(
                    side,
                    &sound[n.min(sound.len())..(n + 5000).min(sound.len())],
                );
            }
            assert!(
                pair.sides.iter().all(|side| side.samples.len() < 100_000),
                "only places are in memory"
            );
        }
        pair.finish()
    }

    fn compare(source: &[f64], output: &[f64]) -> Likeness {
        compare_with(source, output, 0.0, Freedom::Nothing)
    }

    fn agrees(likeness: &Likeness) -> bool {
        likeness.agrees(Freedom::Nothing, 48_000)
    }

    #[test]
    fn the_same_sound_agrees_at_many_places_also_of_a_short_film() {
        for (seconds, places) in [
            (0.5, 1),
            (3.0, 2),
            (10.0, 9),
            (20.3, 14),
            (120.0, 42),
            (3600.0, 200),
        ] {
            let sound = sound(seconds);
            let likeness = compare(&sound, &sound);
            assert!(agrees(&likeness), "{likeness:?}");
            assert!(
                likeness.places >= places && likeness.places < places + 30,
                "{seconds} s: {}",
                likeness.places
            );
            assert_eq!(likeness.shifts.len(), likeness.places);
            // The last place is at the end.
            assert!(
                likeness.shifts.last().unwrap().0 + 33.0 > seconds,
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_shift_is_told_to_a_tenth_of_a_millisecond() {
        let sound = sound(20.0);
        for ms in [5.0, -21.0, 1.0, -1.1, 0.06, 722.0, -1400.0] {
            let likeness = compare(&sound, &moved(&sound, |n| n - ms * PER_MS));
            assert_eq!(
                agrees(&likeness),
                f64::abs(ms) <= SHIFT_MS,
                "{ms}: {likeness:?}"
            );
            for (at, shift) in likeness.shifts.iter().skip(2).take(10) {
                assert!((shift - ms).abs() < 0.1, "{ms}: {shift} at {at}");
            }
        }
        let finding = compare(&sound, &moved(&sound, |n| n + 21.0 * PER_MS)).finding(
            1,
            Freedom::Nothing,
            48_000,
        );
        assert!(finding.output.contains("21.0 ms early at"), "{finding}");
    }

    #[test]
    fn a_hole_between_the_places_is_found_and_a_little_delay_is_none() {
        let loud: Vec<f64> = sound(300.0).iter().map(|x| 5.0 * x).collect();
        let click = |n: f64| {
            if (n as usize).is_multiple_of(4000) {
                n
            } else {
                -1.0
            }
        };
        let late = compare(&loud, &moved(&loud, |n| n - PER_MS));
        assert!(agrees(&late), "{late:?}");
        let mut hole = loud.clone();
        hole[281 * 8000..281 * 8000 + 2000].fill(0.0);
        let found = compare(&loud, &hole);
        assert!(
            !agrees(&found) && (found.silent[0] - 281.0).abs() < 0.2,
            "{found:?}"
        );
        let clicks = moved(&vec![0.9; 80_000], click);
        let likeness = compare(&clicks, &moved(&clicks, |n| n - 8.0));
        assert!(likeness.silent.is_empty(), "{likeness:?}");
    }

    #[test]
    fn what_is_later_by_itself_is_no_shift() {
        let sound = sound(20.0);
        for later_ms in [1000.0, 1006.53, 40.02] {
            let later = later_ms * PER_MS;
            let silence = vec![0.0; 20_000];
            let output = moved(&[sound.clone(), silence].concat(), |n| n - later);
            let output = &output[..sound.len() + later as usize];
            let likeness = compare_with(&sound, output, later_ms, Freedom::Nothing);
            assert!(
                agrees(&likeness) && likeness.worst().unwrap().1.abs() < 0.1,
                "{later_ms}: {likeness:?}"
            );
        }
    }

    #[test]
    fn silence_is_no_place_of_the_source_and_a_fault_of_the_output() {
        let sound = sound(30.0);
        let mute = |from: usize, to: usize| {
            let mut muted = sound.clone();
            muted[from * 8000..to * 8000].fill(0.0);
            muted
        };
        let quiet = compare(&mute(8, 16), &mute(8, 16));
        assert!(
            agrees(&quiet) && quiet.shifts.iter().all(|(at, _)| *at < 8.0 || *at > 14.0),
            "{quiet:?}"
        );
        let lost = compare(&sound, &mute(8, 16));
        assert!(!agrees(&lost) && lost.silent.contains(&8.0), "{lost:?}");
        let finding = lost.finding(1, Freedom::Nothing, 48_000);
        assert!(finding.output.contains("silent at"), "{finding}");
        assert!(!lost.agrees(Freedom::Form, 48_000));
        let all = compare(&vec![0.0; 80_000], &vec![0.0; 80_000]);
        assert!(agrees(&all) && all.places == 0);
    }

    #[test]
    fn half_the_level_is_a_fault_unless_the_user_has_a_say() {
        let sound = sound(12.0);
        let half: Vec<f64> = sound.iter().map(|x| x / 2.0).collect();
        let likeness = compare(&sound, &half);
        assert!(
            (likeness.louder_db().unwrap() + 6.02).abs() < 0.05,
            "{likeness:?}"
        );
        assert!(!agrees(&likeness));
        assert!(likeness.agrees(Freedom::Form, 48_000));
        assert!(
            likeness
                .finding(1, Freedom::Form, 48_000)
                .by
                .contains("by your options")
        );
    }

    #[test]
    fn a_drift_and_a_lost_hole_are_seen() {
        let sound = sound(40.0);
        let drift = compare(&sound, &moved(&sound, |n| n * 1.0001));
        assert!(!agrees(&drift));
        let (at, ms) = drift.worst().unwrap();
        assert!(
            at > 35.0 && (ms + 0.1 * (at + 1.0)).abs() < 0.1,
            "{ms} at {at}"
        );
        let hole = compare(
            &sound,
            &moved(&sound, |n| if n < 160_000.0 { n } else { n + 8160.0 }),
        );
        assert!(!agrees(&hole));
        assert!((hole.worst().unwrap().1 + 1020.0).abs() < 0.1, "{hole:?}");
    }

    #[test]
    fn a_length_and_another_sound_are_faults() {
        let sound = sound(12.0);
        assert!(!agrees(&compare(&sound, &sound[..sound.len() - 500])));
        assert!(agrees(&compare(
            &sound,
            &[&sound[..], &[0.0; 320]].concat()
        )));
        let longer = compare(&sound, &[&sound[..], &[0.0; 640]].concat());
        assert!(!agrees(&longer));
        assert!(
            longer.agrees(Freedom::Nothing, 8000),
            "a packet is longer at a lower rate"
        );
        let backwards: Vec<f64> = sound.iter().rev().copied().collect();
        let other = compare(&sound, &backwards);
        assert!(!agrees(&other), "{other:?}");
        assert!(
            other
                .finding(1, Freedom::Nothing, 48_000)
                .output
                .contains("not like it")
        );
    }

    #[test]
    fn of_a_sound_that_repeats_itself_the_smallest_shift_counts() {
        let tone: Vec<f64> = (0..80_000)
            .map(|n| 0.3 * (TAU * 440.0 * n as f64 / RATE).sin())
            .collect();
        let likeness = compare(&tone, &tone);
        assert!(
            agrees(&likeness) && likeness.worst().unwrap().1.abs() < 0.05,
            "{likeness:?}"
        );
        let late = compare(&tone, &moved(&tone, |n| n - 4.0));
        assert!((late.worst().unwrap().1 - 0.5).abs() < 0.05, "{late:?}");
    }

    #[test]
    fn what_a_users_options_leave_to_be_judged() {
        let of = |text: &str, n: usize| {
            Freedom::of(&text.split(' ').map(str::to_owned).collect::<Vec<_>>(), n)
        };
        for (text, first, second) in [
            (
                "-c:a libopus -b:a 96k -ar 48000",
                Freedom::Nothing,
                Freedom::Nothing,
            ),
            ("-af loudnorm", Freedom::Form, Freedom::Form),
            ("-ac 2", Freedom::Form, Freedom::Form),
            ("-af aresample=48000", Freedom::Nothing, Freedom::Nothing),
            ("-filter:a:1 volume=2", Freedom::Nothing, Freedom::Form),
            (
                "-af volume=2,adelay=100|100",
                Freedom::Delay,
                Freedom::Delay,
            ),
            ("-filter:a atempo@x=2", Freedom::Time, Freedom::Time),
            (
                "-filter:a:0 [in]asetpts=PTS+1[out] -ac:a:1 2",
                Freedom::Time,
                Freedom::Form,
            ),
        ] {
            assert_eq!([of(text, 0), of(text, 1)], [first, second], "{text}");
        }
        let sound = sound(12.0);
        let late = compare_with(&sound, &moved(&sound, |n| n - 800.0), 0.0, Freedom::Delay);
        assert!(late.agrees(Freedom::Delay, 48_000) && !late.agrees(Freedom::Form, 48_000));
        let halves = compare(
            &sound,
            &moved(&sound, |n| if n < 48_000.0 { n } else { n - 800.0 }),
        );
        assert!(!halves.agrees(Freedom::Delay, 48_000));
    }

    #[test]
    fn sound_is_read_out_of_an_avi_and_a_broken_one_ends() {
        let chunk =
            |id: &[u8; 4], body: &[u8]| [id, &(body.len() as u32).to_le_bytes()[..], body].concat();
        let avi = [
            b"RIFF\xff\xff\xff\xffAVI ".as_slice(),
            &chunk(b"LIST", b"hdrl1234"),
            &chunk(b"JUNK", &[0; 10]),
            b"LIST\xff\xff\xff\xffmovi",
            &chunk(b"00wb", &[1, 0, 2, 0]),
            &chunk(b"01wb", &[0xff, 0xff]),
            &chunk(b"idx1", &[0; 16]),
        ]
        .concat();
        for length in 0..=avi.len() {
            let (sender, blocks) = bounded(10);
            send(&mut &avi[..length], &sender).unwrap();
            drop(sender);
            let blocks: Vec<Block> = blocks.iter().collect();
            let all = [(0, vec![1, 2]), (1, vec![-1])];
            assert!(all.starts_with(&blocks), "{length}");
            assert!(length < avi.len() || blocks == all);
        }
        let (sender, _blocks) = bounded(10);
        assert!(send(&mut [0xff_u8; 64].as_slice(), &sender).is_err());
    }
}
