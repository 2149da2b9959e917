//! Places of a film at which pictures are compared: what one reader delivers against what another program decodes.
//!
//! Whoever counts packets, and not what a decoder shows, is wrong from some picture on to the end, or to the next place
//! that it was made to seek. So the beginning is looked at, the end, where every shift shows, and places in between, each
//! across a keyframe; and at every keyframe of the film, whether the picture that comes is one.

use std::{
    fmt,
    ops::{Range, RangeInclusive},
    path::Path,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context, Result};

use super::{
    changes::{Change, Extras, Look},
    frames::{Frame, Layout, SMALL, Small},
    heard,
    linear::{Pipe, seeks},
    listener::Listener,
    packets::{Announced, Original, SAME_TIME_MS, keep_clock},
};
use crate::{
    film::{
        media::{Container, Extra, Range as SampleRange, UNCROPPED},
        shape::Crop,
    },
    os::toolbox::Toolbox,
};

/// Pictures of a place.
const PICTURES: usize = 10;
/// A place is put where few pictures must be decoded for it, among so many keyframes around.
const KEYS_AROUND: usize = 4;
/// Places of every film, however short: its beginning, its end, one between.
const FEWEST: usize = 3;
/// Places of the longest film.
const MOST: usize = 24;
/// From ten minutes of film on (at 24 pictures a second), places cost at most this part of the film's pictures to decode.
/// Encoding costs at least as much again as decoding, so that it is less than 2 % of the run.
const PART_DECODED: f64 = 0.02;

/// A run of pictures, and where decoding begins for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Numbers of the pictures.
    pub pictures: Range<usize>,
    /// Time of the keyframe from which it is decoded, in milliseconds of the film's clock; `None`: from the beginning.
    pub from_ms: Option<f64>,
}

/// The places of a film at which it is looked: its beginning, its end, and those between.
#[must_use]
pub fn choose(announced: &Announced) -> Vec<Place> {
    let (times, keys) = (&announced.times_ms, &announced.keys);
    let end = times.len();
    let mut places = vec![Place {
        pictures: 0..end.min(PICTURES),
        from_ms: None,
    }];
    // Decoded from the keyframe that is the `back`-th before picture `n`, or is that picture.
    let from = |n: usize, back: usize| {
        let key = keys
            .partition_point(|key| *key <= n)
            .checked_sub(1 + back)?;
        (key > 0).then(|| times[keys[key]])
    };
    if end > PICTURES {
        let first = end.saturating_sub(PICTURES);
        places.push(Place {
            pictures: first..end,
            from_ms: from(first, 0),
        });
    }
    let group = end as f64 / keys.len().max(1) as f64 + PICTURES as f64;
    let between = ((end as f64 * PART_DECODED / group) as usize).clamp(FEWEST, MOST) - 2;
    for n in 1..=between {
        let wanted = keys.partition_point(|key| key * (between + 1) < end * n);
        let around =
            wanted.saturating_sub(KEYS_AROUND).max(1)..(wanted + KEYS_AROUND).min(keys.len());
        // The one whose last group of pictures is the shortest: the pictures before it need all of that.
        let key = around.min_by_key(|key| (keys[*key] - keys[*key - 1], key.abs_diff(wanted)));
        let at = key.map_or(end * n / (between + 1), |key| keys[key]);
        let pictures = at.saturating_sub(PICTURES / 2)..(at + PICTURES / 2).min(end);
        if places.iter().all(|place| {
            place.pictures.end <= pictures.start || pictures.end <= place.pictures.start
        }) {
            places.push(Place {
                from_ms: from(pictures.start, 0),
                pictures,
            });
        }
    }
    places
}

/// A picture by the clock of its film.
pub type Seen = (f64, Small);

/// What a decoder shows of a part of a film.
#[derive(Debug, Default)]
pub struct Looked {
    /// The pictures.
    pub seen: Vec<Seen>,
    /// What was seen beside them.
    pub aside: Aside,
}

/// What was seen beside pictures that were passed on.
#[derive(Debug, Default)]
pub struct Aside {
    /// The times of those that are keyframes by the decoder's word.
    pub keys_ms: Vec<f64>,
    /// What they carry beside themselves.
    pub extras: Extras,
    /// What ffmpeg complained of: damage, most likely.
    pub complaints: Vec<String>,
    /// What changes from one to the next of what is said of them,
    pub changes: Vec<Change>,
    /// and what is said of the last.
    pub look: Option<Look>,
}

/// What is left of `seen`, pictures that are decoded from somewhere in a film on, without those that are shown before the
/// first keyframe. Where seeking ends behind the keyframe that was wanted, as it does in a transport stream, ffmpeg shows
/// pictures of HEVC all the same: it makes up grey for what they refer to.
fn from_a_keyframe(mut seen: Vec<Seen>, is_key: impl Fn(f64) -> bool) -> Vec<Seen> {
    let first = seen.iter().position(|(ms, _)| is_key(*ms));
    seen.drain(..first.unwrap_or(seen.len()));
    seen
}

/// A film that another program decodes.
pub struct Film<'a> {
    /// ffmpeg and ffprobe.
    pub tools: &'a Toolbox,
    /// Where the file lies.
    pub dir: &'a Path,
    /// The file, by a plain name.
    pub name: &'a str,
    /// ffmpeg's name of the stream, `0:0` or `0:v:0`.
    pub stream: String,
    /// The film, if it is a source: its clock may not be its container's own.
    pub container: Option<&'a Container>,
    /// The container's time at which its clock shows zero, in milliseconds.
    pub origin_ms: f64,
    /// Whether its samples have full range: they are not converted.
    pub full_range: bool,
    /// Threads of its decoder; `None`: as many as ffmpeg likes.
    pub threads: Option<u32>,
    /// The part of each picture that counts; `None`: all of it.
    pub crop: Option<Crop>,
    /// Whether ffmpeg would crop the pictures as the container says: they are wanted as they are coded.
    pub crops: bool,
}

impl<'a> Film<'a> {
    /// The source of a job.
    #[must_use]
    pub fn source(source: Original<'a>) -> Self {
        let Original {
            tools,
            dir,
            name,
            container,
        } = source;
        let stream = format!("0:{}", container.video.stream);
        let origin_ms = container.clock.origin_ms;
        let full_range = container.video.color.range == Some(SampleRange::Full);
        Self {
            tools,
            dir,
            name,
            stream,
            container: Some(container),
            origin_ms,
            full_range,
            // Beside the encoders: several threads would decode pictures ahead that nobody looks at.
            threads: Some(1),
            crop: None,
            crops: container.video.crops,
        }
    }

    /// Pictures from `from_ms` to `until_ms` by the film's clock, decoded from the keyframe at `from_ms` or from the
    /// beginning.
    ///
    /// # Errors
    /// If ffmpeg cannot read it.
    pub fn look(&self, from_ms: Option<f64>, until_ms: f64) -> Result<Looked> {
        let mut seen = Vec::new();
        let aside = self.each(from_ms, until_ms, |picture| {
            seen.push(picture);
            true
        })?;
        Ok(Looked { seen, aside })
    }

    /// Gives `to` the same pictures, each as it comes, as long as it wants more.
    ///
    /// # Errors
    /// If ffmpeg cannot read it.
    pub fn each(
        &self,
        from_ms: Option<f64>,
        until_ms: f64,
        mut to: impl FnMut(Seen) -> bool,
    ) -> Result<Aside> {
        let (width, height) = SMALL;
        let layout = Layout {
            width,
            height,
            bit_depth: 8,
        };
        let origin_ms = if self.has_clock_of_container(from_ms) {
            self.origin_ms
        } else {
            0.0
        };
        let command = self.decoding(from_ms);
        let mut pipe = Pipe::open(&self.tools.children, command, layout, origin_ms)?;
        let mut keys_ms = Vec::new();
        while let Some((ms, frame)) = pipe.next().context("decoding a part of the film")? {
            let Some(ms) = ms else { continue };
            if ms > until_ms + SAME_TIME_MS {
                break;
            }
            if pipe.shows_a_keyframe() {
                keys_ms.push(ms);
            }
            if !to((ms, frame.small_with_chroma())) {
                break;
            }
        }
        pipe.require_all(self.listener())?;
        Ok(Aside {
            keys_ms,
            extras: pipe.extras(),
            complaints: pipe.complaints_of_pictures(),
            changes: pipe.changes(),
            look: pipe.look(),
        })
    }

    /// The pictures from one time to another by the film's clock, both in milliseconds, of those that are `announced`; some may
    /// come before these.
    ///
    /// # Errors
    /// If ffmpeg cannot read it.
    pub fn place(&self, announced: &Announced, times_ms: RangeInclusive<f64>) -> Result<Looked> {
        let first = times_ms.start() + SAME_TIME_MS;
        let key = |key: &&usize| announced.times_ms[**key] <= first;
        let key = announced.keys.iter().take_while(key).last();
        let from_ms = key
            .filter(|key| **key > 0)
            .map(|key| announced.times_ms[*key]);
        self.decode(announced, from_ms, times_ms)
    }

    /// The same, decoded from the keyframe at `from_ms`, or from the beginning.
    fn decode(
        &self,
        announced: &Announced,
        from_ms: Option<f64>,
        times_ms: RangeInclusive<f64>,
    ) -> Result<Looked> {
        let mut looked = Looked::default();
        for from_ms in seeks(from_ms) {
            looked = self.look(from_ms, times_ms.end() + SAME_TIME_MS)?;
            if from_ms.is_some() {
                let keys_ms = &looked.aside.keys_ms;
                looked.seen = from_a_keyframe(looked.seen, |ms| {
                    keys_ms.contains(&ms) || announced.is_key(ms)
                });
            }
            let begins = looked.seen.first().map(|(ms, _)| *ms);
            if begins.is_some_and(|ms| ms <= times_ms.start() + SAME_TIME_MS) {
                break;
            }
        }
        Ok(looked)
    }

    /// Whoever has ffmpeg read it.
    fn listener(&self) -> Listener<'_> {
        match self.container {
            Some(container) => Listener::of_source(self.tools, &container.format),
            None => Listener::of_ours(self.tools),
        }
    }

    /// Whether ffmpeg, decoding from there on, shows the times of the container.
    fn has_clock_of_container(&self, from_ms: Option<f64>) -> bool {
        self.container.is_none_or(|container| container.direct) || from_ms.is_some()
    }

    /// ffmpeg, decoding small pictures from there on.
    fn decoding(&self, from_ms: Option<f64>) -> Command {
        let mut command = Command::new(&self.tools.ffmpeg);
        command.current_dir(self.dir).args([
            "-nostdin",
            "-hide_banner",
            "-nostats",
            "-loglevel",
            "level+info",
        ]);
        if let Some(threads) = self.threads {
            command.args(["-threads", &threads.to_string()]);
        }
        if self.has_clock_of_container(from_ms) {
            command.arg("-copyts");
        }
        if let Some(ms) = from_ms {
            let seconds = format!("{:.6}", (ms + self.origin_ms) / 1000.0);
            command.args(["-seek_timestamp", "1", "-noaccurate_seek", "-ss", &seconds]);
        }
        match self.container {
            Some(container) => {
                command.args(container.video.input_options());
            }
            None if self.crops => {
                command.args(UNCROPPED);
            }
            None => (),
        }
        command.arg("-i").arg(format!("file:{}", self.name));
        command.args(["-map", &self.stream, "-fps_mode", "passthrough"]);
        let (width, height) = SMALL;
        let range = if self.full_range { "pc" } else { "tv" };
        let crop = self
            .crop
            .map_or_else(String::new, |crop| format!("{},", crop.filter()));
        let filter = format!(
            "showinfo=checksum=0,{crop}scale={width}:{height}:flags=area:in_range={range}:out_range={range},format=yuv420p"
        );
        command.args(["-max_error_rate", "1", "-vf", &filter]);
        command.args(["-f", "rawvideo", "pipe:1"]);
        if let Some(container) = self.container.filter(|_| from_ms.is_none()) {
            keep_clock(&mut command, container);
        }
        command
    }
}

/// Pictures that are nearer to each other than this do not tell which of them one is.
pub const DIFFERENT: f64 = 0.5;

/// A picture that is further than this from the one that it should be is another one, whatever stands beside that: means
/// of so many pixels change little by encoding, at any quality.
pub const ANOTHER: f64 = 8.0;

/// Whether `found` is the picture `own` and none of those `beside` it; `None` where these are alike.
pub fn is_own<'a>(
    own: &Small,
    beside: impl Iterator<Item = &'a Small>,
    found: &Small,
) -> Option<bool> {
    let distance = own.distance(found);
    if distance > ANOTHER {
        return Some(false);
    }
    let others = beside.filter(|other| own.distance(other) >= DIFFERENT);
    let nearer = others.map(|other| other.distance(found) < distance);
    nearer.reduce(|a, b| a || b).map(|wrong| !wrong)
}

/// What is known of a picture from another program.
#[derive(Debug, Clone)]
struct Reference {
    own: Small,
    /// The pictures before and after it.
    neighbours: [Option<Small>; 2],
}

impl Reference {
    /// Whether `found` is this picture and not one beside it; `None` where these are alike.
    fn agrees(&self, found: &Small) -> Option<bool> {
        is_own(&self.own, self.neighbours.iter().flatten(), found)
    }
}

/// What another program shows at the places of a film.
#[derive(Debug, Clone, Default)]
pub struct References {
    seen: Vec<(f64, Reference)>,
    /// Times of pictures that packets announce and no decoder shows, in milliseconds of the film's clock.
    missing_ms: Vec<f64>,
    /// What the pictures carry beside themselves.
    extras: Extras,
}

/// What comparing came to, in pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Nearer to the picture of their own time than to both beside it.
    pub agree: usize,
    /// Nearer to another one, or not there at all.
    pub wrong: usize,
    /// Not told apart from those beside them.
    pub alike: usize,
}

impl References {
    /// Decodes the places of `film`, of which `announced` says what to expect.
    ///
    /// # Errors
    /// If ffmpeg cannot read it.
    pub fn look(film: &Film<'_>, announced: &Announced, places: &[Place]) -> Result<Self> {
        let mut references = Self::default();
        for place in places {
            let times_ms = &announced.times_ms[place.pictures.clone()];
            let (first, last) = (times_ms[0], times_ms[times_ms.len() - 1]);
            let looked = film.decode(announced, place.from_ms, first..=last)?;
            references.extras.extend(looked.aside.extras);
            references.add(&looked.seen, times_ms);
        }
        references.extras.sort_by(|a, b| a.1.total_cmp(&b.1));
        Ok(references)
    }

    /// What a decoder shows of one place, of which pictures are announced at `times_ms`; some may be `seen` before these.
    pub fn add(&mut self, seen: &[Seen], times_ms: &[f64]) {
        let is_at = |ms: f64| move |(other, _): &Seen| (other - ms).abs() <= SAME_TIME_MS;
        let missing = times_ms.iter().filter(|ms| !seen.iter().any(is_at(**ms)));
        self.missing_ms.extend(missing);
        // The last but one of the pictures before is the neighbour of the first that is compared.
        let start = times_ms.first().map_or(0, |first| {
            seen.partition_point(|(ms, _)| *ms < first - SAME_TIME_MS)
        });
        for n in start..seen.len() {
            let beside =
                |n: Option<usize>| n.and_then(|n| seen.get(n)).map(|(_, small)| small.clone());
            let reference = Reference {
                own: seen[n].1.clone(),
                neighbours: [beside(n.checked_sub(1)), beside(n.checked_add(1))],
            };
            self.seen.push((seen[n].0, reference));
        }
        self.seen.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.seen.dedup_by(|a, b| (a.0 - b.0).abs() < f64::EPSILON);
    }

    /// How many pictures that packets announce no decoder shows.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.missing_ms.len()
    }

    /// What the pictures carry beside themselves, the first of them first.
    #[must_use]
    pub fn extras(&self) -> &[(Extra, f64)] {
        &self.extras
    }

    /// Times of the pictures, by the film's clock in milliseconds.
    pub fn times_ms(&self) -> impl Iterator<Item = f64> {
        self.seen.iter().map(|(ms, _)| *ms)
    }

    /// From when to when there are pictures without a pause longer than `apart_ms`.
    pub fn runs(&self, apart_ms: f64) -> Vec<Range<f64>> {
        let near = |a: &(f64, Reference), b: &(f64, Reference)| b.0 - a.0 <= apart_ms;
        self.seen
            .chunk_by(near)
            .map(|run| run[0].0..run[run.len() - 1].0)
            .collect()
    }

    /// The pictures in groups of those of one place, counted from the end, which is so always a group of its own: also in a
    /// film so short that its places touch.
    #[must_use]
    pub fn groups(&self) -> Vec<Range<f64>> {
        self.seen
            .rchunks(PICTURES)
            .map(|group| group[0].0..group[group.len() - 1].0)
            .collect()
    }

    fn at(&self, ms: f64) -> Option<&Reference> {
        let n = self
            .seen
            .partition_point(|(other, _)| *other < ms - SAME_TIME_MS);
        self.seen
            .get(n)
            .filter(|(other, _)| (other - ms).abs() <= SAME_TIME_MS)
            .map(|(_, reference)| reference)
    }

    /// Times of the pictures instead of which `found` has others, or none, by the film's clock in milliseconds.
    pub fn others_ms(&self, found: impl Fn(f64) -> Option<Small>) -> Vec<f64> {
        let is_other = |(ms, reference): &&(f64, Reference)| {
            let found = found(*ms);
            found.is_none_or(|found| reference.agrees(&found) == Some(false))
        };
        self.seen
            .iter()
            .filter(is_other)
            .map(|seen| seen.0)
            .collect()
    }

    /// Compares all pictures with those that `found` has at their times.
    #[must_use]
    pub fn compare(&self, found: impl Fn(f64) -> Option<Small>) -> Comparison {
        self.compare_within(&(f64::NEG_INFINITY..f64::INFINITY), found)
    }

    /// Compares the pictures from one time to another, both included, with those that `found` has at their times.
    #[must_use]
    pub fn compare_within(
        &self,
        part: &Range<f64>,
        found: impl Fn(f64) -> Option<Small>,
    ) -> Comparison {
        let mut comparison = Comparison::default();
        for (ms, reference) in self
            .seen
            .iter()
            .filter(|(ms, _)| (part.start..=part.end).contains(ms))
        {
            match found(*ms).map(|found| reference.agrees(&found)) {
                Some(Some(true)) => comparison.agree += 1,
                Some(None) => comparison.alike += 1,
                Some(Some(false)) | None => comparison.wrong += 1,
            }
        }
        comparison
    }
}

impl Comparison {
    /// Whether the pictures of one place are those that stand there. One that an encoder has left as the one before is no
    /// shift; where pictures are lost or moved, most of a place are wrong.
    #[must_use]
    pub fn is_the_place(&self) -> bool {
        self.wrong * 2 <= self.wrong + self.agree
    }
}

/// A reader delivers other pictures than a decoder shows.
#[derive(Debug)]
pub struct Mismatch {
    /// Pictures before this one are right.
    pub right_until: u64,
    /// What was seen.
    pub why: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Mismatch {}

/// Looks at every picture that a reader delivers by number, on its way to the encoder.
#[derive(Debug, Default)]
pub struct Watch {
    announced: Announced,
    references: References,
    /// The last picture, counted from 1, that was told from those beside it while the film was read in order. A reader that
    /// has lost or doubled a picture before would have been wrong there.
    right_until: AtomicU64,
    /// Complaints of decoders before anything was read.
    heard_before: u64,
}

impl Watch {
    /// Expects what is `announced`, and at its times what the `references` are.
    #[must_use]
    pub fn new(announced: Announced, references: References) -> Self {
        Self {
            announced,
            references,
            right_until: AtomicU64::new(0),
            heard_before: heard::number(),
        }
    }

    /// Picture number `n` has come, `in_order` if all before it have come from the same reading.
    ///
    /// # Errors
    /// A [`Mismatch`] if it is another one.
    pub fn see(&self, n: u64, frame: &Frame, in_order: bool) -> Result<(), Mismatch> {
        let at = n as usize;
        let mismatch = |why: String| Mismatch {
            right_until: self.right_until.load(Ordering::Relaxed),
            why,
        };
        if self.announced.keys.binary_search(&at).is_ok()
            && frame.picture_type().is_some_and(|kind| kind != b'I')
        {
            return Err(mismatch(format!(
                "picture {n} is no keyframe, and should be one"
            )));
        }
        // Heard while a picture is decoded, which is before it comes.
        if let Some(said) = heard::since(self.heard_before).filter(|_| in_order) {
            return Err(mismatch(format!(
                "at picture {n} its decoder says \"{said}\""
            )));
        }
        let reference = self
            .announced
            .times_ms
            .get(at)
            .and_then(|ms| self.references.at(*ms));
        match reference.and_then(|reference| reference.agrees(&frame.small())) {
            Some(false) => Err(mismatch(format!(
                "picture {n} is another one than a decoder shows"
            ))),
            Some(true) if in_order => {
                self.right_until.fetch_max(n + 1, Ordering::Relaxed);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(pictures: usize, group: usize) -> Announced {
        let keys = (0..pictures).step_by(group).collect();
        Announced {
            ends_ms: None,
            ends_within: false,
            times_ms: (0..pictures).map(|n| n as f64 * 40.0).collect(),
            keys,
            bytes: vec![10; pictures],
            packets: pictures as u64,
            may_change: false,
            described_anew: false,
            doubt: None,
        }
    }

    #[test]
    fn a_short_film_is_looked_at_in_three_places_and_a_long_one_in_more() {
        let places = choose(&announced(300, 50));
        assert_eq!(places.len(), 3);
        assert_eq!(
            places[0],
            Place {
                pictures: 0..10,
                from_ms: None
            }
        );
        assert_eq!(
            places[1],
            Place {
                pictures: 290..300,
                from_ms: Some(250.0 * 40.0)
            }
        );
        // Across a keyframe, from the one before it on.
        assert!(
            places[2].pictures.contains(&150) || places[2].pictures.contains(&100),
            "{places:?}"
        );
        let long = choose(&announced(172_800, 24));
        assert_eq!(long.len(), MOST);
        let decoded: usize = long
            .iter()
            .map(|place| place.pictures.end - place.pictures.start + 24)
            .sum();
        assert!((decoded as f64) < 172_800.0 * PART_DECODED);
        for tiny in 1..12 {
            let places = choose(&announced(tiny, 50));
            assert!(
                places.iter().all(|place| place.pictures.end <= tiny),
                "{places:?}"
            );
        }
    }

    /// A picture in which something has moved by `n`.
    fn picture(n: usize) -> Small {
        let mut small = Small {
            luma: [40; 576],
            chroma: None,
        };
        (0..40).for_each(|x| small.luma[(n * 7 + x) % 576] = 240);
        small
    }

    fn references(pictures: Range<usize>) -> References {
        let seen: Vec<Seen> = pictures.map(|n| (n as f64 * 40.0, picture(n))).collect();
        let mut references = References::default();
        references.add(&seen, &[seen[0].0]);
        references
    }

    #[test]
    fn what_is_shown_before_the_first_keyframe_is_not_believed() {
        let seen = |pictures: Range<usize>| -> Vec<Seen> {
            pictures.map(|n| (n as f64 * 40.0, picture(n))).collect()
        };
        let times = |seen: Vec<Seen>| -> Vec<f64> { seen.iter().map(|(ms, _)| *ms).collect() };
        let film = announced(30, 12);
        let left = from_a_keyframe(seen(9..15), |ms| film.is_key(ms));
        assert_eq!(times(left), [480.0, 520.0, 560.0]);
        let left = from_a_keyframe(seen(13..24), |ms| film.is_key(ms));
        assert_eq!(times(left), [0.0; 0]);
    }

    #[test]
    fn pictures_that_are_all_one_early_are_all_wrong() {
        let references = references(20..30);
        let right = references.compare(|ms| Some(picture((ms / 40.0).round() as usize)));
        assert_eq!(
            right,
            Comparison {
                agree: 10,
                wrong: 0,
                alike: 0
            }
        );
        let early = references.compare(|ms| Some(picture((ms / 40.0).round() as usize + 1)));
        // The last one's neighbour is not known.
        assert!(early.wrong >= 9, "{early:?}");
        let gone =
            references.compare(|ms| (ms < 1000.0).then(|| picture((ms / 40.0).round() as usize)));
        assert_eq!((gone.agree, gone.wrong), (5, 5));
        let alike = Reference {
            own: picture(0),
            neighbours: [Some(picture(0)), None],
        };
        let seen = references
            .times_ms()
            .map(|ms| (ms, alike.clone()))
            .collect();
        let still = References {
            seen,
            ..References::default()
        };
        assert_eq!(
            still.compare(|_| Some(picture(0))),
            Comparison {
                agree: 0,
                wrong: 0,
                alike: 10
            }
        );
    }

    #[test]
    fn a_place_that_is_wrong_is_wrong_however_many_others_are_right() {
        let references = references(0..20);
        let late_end = |ms: f64| {
            let n = (ms / 40.0).round() as usize;
            Some(picture(if n >= 10 { n + 1 } else { n }))
        };
        let groups = references.groups();
        assert_eq!(groups, [400.0..760.0, 0.0..360.0]);
        assert!(
            !references
                .compare_within(&groups[0], late_end)
                .is_the_place()
        );
        assert!(
            references
                .compare_within(&groups[1], late_end)
                .is_the_place()
        );
    }

    #[test]
    fn a_group_of_pictures_that_is_swapped_is_seen_where_it_is_looked_at() {
        let references = references(0..100);
        let swapped = references.compare(|ms| {
            let n = (ms / 40.0).round() as usize;
            Some(picture(if (50..60).contains(&n) { n + 20 } else { n }))
        });
        assert!(swapped.wrong > 0, "{swapped:?}");
    }
}
