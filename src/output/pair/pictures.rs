//! The pictures of two films that are decoded side by side, each compared with the source's of its own time and with those
//! beside that.

use std::{collections::VecDeque, thread};

use anyhow::{Context, Result};
use crossbeam_channel::bounded;

use super::{known::Leeway, shades::Shades};
use crate::{
    finding::{Finding, Property},
    os::{process::outcome, words::count},
    output::pictures::compare_times,
    source::{
        frames::Small,
        places::{ANOTHER, Aside, Comparison, DIFFERENT, Film, Seen, is_own},
    },
};

/// Pictures that one decoder may be ahead of the other: what many threads give at once.
const AHEAD: usize = 64;
/// Pictures that are judged together: an encoder may leave one as the one before.
const GROUP: usize = 10;
/// So many pictures are left as the one before at most where a whole film has fewer than that.
const FEWEST: usize = 2;
/// A picture is clearly another one where its own differs by so much from the one that it is like,
const CLEAR: f64 = 3.0;
/// and is so many times as far away.
const TIMES: f64 = 4.0;
/// Pictures before and behind a time that are looked at where one may stand for another.
const AROUND: usize = 5;

/// At another rate there are so many times as many pictures between two as on average, at most: some are left out in turns.
const FEW_TIMES: usize = 4;

/// What came of comparing pictures one by one.
#[derive(Debug, Default)]
pub struct Compared {
    /// Times of the source's pictures by its clock, in milliseconds.
    pub source_ms: Vec<f64>,
    /// Times of the output's by its own.
    pub output_ms: Vec<f64>,
    /// Nearer to the picture of their own time than to those beside it.
    agree: usize,
    /// Not told from those beside them.
    alike: usize,
    /// Nearer to another one: when, in milliseconds of the output.
    wrong_ms: Vec<f64>,
    /// When a picture is clearly another one, or most of ten are.
    lost_ms: Vec<f64>,
    /// The last pictures that were told apart, and whether they are right.
    group: VecDeque<(f64, bool)>,
    /// How many were told apart.
    told: usize,
    /// Their brightness and colours.
    shades: Shades,
}

/// Pictures as they come from a decoder.
pub trait Coming: Iterator<Item = Seen> {}
impl<T: Iterator<Item = Seen>> Coming for T {}

/// What decoding two films to their ends came to.
pub struct Whole {
    /// Their pictures.
    pub compared: Compared,
    /// What else was seen of the source,
    pub source: Aside,
    /// and of the output.
    pub output: Aside,
}

/// Decodes both films from beginning to end. The output's are `later_ms` later; `None`: as much as its first picture is. Their
/// pictures may differ by as much as `leeway` says.
///
/// # Errors
/// If one cannot be read.
pub fn whole(
    source: &Film<'_>,
    output: &Film<'_>,
    later_ms: Option<f64>,
    leeway: Leeway,
) -> Result<Whole> {
    let ((from_source, ours), (from_output, theirs)) = (bounded(AHEAD), bounded(AHEAD));
    thread::scope(|scope| {
        let all = f64::INFINITY;
        let a = scope.spawn(move || source.each(None, all, |seen| from_source.send(seen).is_ok()));
        let b = scope.spawn(move || output.each(None, all, |seen| from_output.send(seen).is_ok()));
        let compared = Compared::of(ours.iter(), theirs.iter(), later_ms, leeway);
        drop((ours, theirs));
        Ok(Whole {
            compared,
            source: outcome(a).context("decoding the source")?,
            output: outcome(b).context("decoding the output")?,
        })
    })
}

/// The pictures of the source around one time.
struct Around<S> {
    coming: S,
    near: VecDeque<Seen>,
    all_ms: Vec<f64>,
    ended: bool,
}

impl<S: Coming> Around<S> {
    fn new(coming: S) -> Self {
        Self {
            coming,
            near: VecDeque::new(),
            all_ms: Vec::new(),
            ended: false,
        }
    }

    fn take(&mut self) -> bool {
        let next = self.coming.next();
        self.ended = next.is_none();
        if let Some(seen) = next {
            self.all_ms.push(seen.0);
            self.near.push_back(seen);
        }
        !self.ended
    }

    /// Number among those that are near of the one that is next to `ms`; there are others on both sides of it, where the film
    /// has any.
    fn nearest(&mut self, ms: f64) -> Option<usize> {
        let later = |near: &VecDeque<Seen>| near.iter().filter(|seen| seen.0 > ms).count();
        while later(&self.near) <= AROUND && self.take() {}
        let distance = |n: &usize| (self.near[*n].0 - ms).abs();
        let nearest = (0..self.near.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        let past = nearest.saturating_sub(AROUND);
        self.near.drain(..past);
        Some(nearest - past)
    }
}

impl Compared {
    /// Compares the pictures of a source with those of an output, which are `later_ms` later; `None`: as much as the first is.
    pub fn of(
        source: impl Coming,
        output: impl Coming,
        later_ms: Option<f64>,
        leeway: Leeway,
    ) -> Self {
        let plain = |(ms, small): Seen| {
            let small = if leeway.any_colors {
                small.evened()
            } else {
                small
            };
            (ms, small)
        };
        let mut around = Around::new(source.map(plain));
        let (mut compared, mut later_ms) = (Self::default(), later_ms);
        for (ms, shown) in output.map(plain) {
            compared.output_ms.push(ms);
            let later_ms = match later_ms {
                Some(later_ms) => later_ms,
                None if around.take() => *later_ms.insert(ms - around.near[0].0),
                None => continue,
            };
            if let Some(n) = around.nearest(ms - later_ms) {
                compared.shades.add(ms, &around.near[n].1, &shown);
                if leeway.any_rate {
                    compared.judge_at_any_rate(ms, &shown, &around.near, n);
                } else {
                    compared.judge(ms, &shown, &around.near, n);
                }
            }
        }
        while around.take() {
            around.near.clear();
        }
        compared.close_group();
        compared.shades.close();
        compared.source_ms = around.all_ms;
        compared
    }

    /// Judges a picture that is `shown` at a time at which the `n`-th of those that are `near` should be.
    fn judge(&mut self, ms: f64, shown: &Small, near: &VecDeque<Seen>, n: usize) {
        let own = &near[n].1;
        let beside = [n.checked_sub(1), Some(n + 1)].into_iter().flatten();
        let beside: Vec<&Small> = beside.filter_map(|n| Some(&near.get(n)?.1)).collect();
        let is_clearly = |other: &&Small| {
            own.distance(other) >= CLEAR && other.distance(shown) * TIMES < own.distance(shown)
        };
        if own.distance(shown) > ANOTHER || beside.iter().any(is_clearly) {
            self.lost_ms.push(ms);
        }
        match is_own(own, beside.into_iter(), shown) {
            Some(right) => self.count(ms, right),
            None => self.alike += 1,
        }
    }

    /// The same where a picture may stand for one beside it: for whichever is on at some moment of its time.
    fn judge_at_any_rate(&mut self, ms: f64, shown: &Small, near: &VecDeque<Seen>, n: usize) {
        let nearest = |is_beside: bool| {
            let of = near.iter().enumerate();
            of.filter(|(other, _)| (other.abs_diff(n) <= 1) == is_beside)
                .map(|(_, (_, picture))| picture.distance(shown))
                .fold(f64::INFINITY, f64::min)
        };
        let (beside, further) = (nearest(true), nearest(false));
        if beside > ANOTHER {
            self.lost_ms.push(ms);
        }
        self.count(ms, beside <= ANOTHER && beside <= further + DIFFERENT);
    }

    fn count(&mut self, ms: f64, right: bool) {
        if right {
            self.agree += 1;
        } else {
            self.wrong_ms.push(ms);
        }
        self.group.push_back((ms, right));
        self.told += 1;
        if self.group.len() > GROUP {
            self.group.pop_front();
        }
        if self.told.is_multiple_of(GROUP) {
            self.close_group();
        }
    }

    /// Judges the last pictures together.
    fn close_group(&mut self) {
        let wrong = self.group.iter().filter(|(_, right)| !right);
        let wrong: Vec<f64> = wrong.map(|(ms, _)| *ms).collect();
        if wrong.len() * 2 > self.group.len().max(FEWEST) {
            self.lost_ms.extend(wrong);
        }
    }

    /// Takes what came of another part of the same films.
    pub fn add(&mut self, other: Self) {
        self.agree += other.agree;
        self.alike += other.alike;
        self.wrong_ms.extend(other.wrong_ms);
        self.lost_ms.extend(other.lost_ms);
        self.shades.extend(other.shades);
    }

    /// In numbers of pictures.
    #[must_use]
    pub fn comparison(&self) -> Comparison {
        Comparison {
            agree: self.agree,
            wrong: self.wrong_ms.len(),
            alike: self.alike,
        }
    }

    /// When pictures are shown that are others than the source's, in milliseconds of the output.
    #[must_use]
    pub fn others_ms(&self) -> &[f64] {
        &self.lost_ms
    }

    /// By how many milliseconds the output's clock is later, if both have pictures.
    #[must_use]
    pub fn later_ms(&self) -> Option<f64> {
        Some(self.output_ms.first()? - self.source_ms.first()?)
    }

    /// Whether the pictures are the source's, and whether they are as bright and have the same colours.
    #[must_use]
    pub fn findings(&self, how: &str) -> [Finding; 2] {
        [self.finding(how), self.shades.finding(how)]
    }

    /// Whether the pictures are the source's.
    fn finding(&self, how: &str) -> Finding {
        let looked = self.agree + self.alike + self.wrong_ms.len();
        let source = count(looked as u64, "picture");
        let mut output = format!("{} nearest to the picture of their own time", self.agree);
        if self.alike > 0 {
            output += &format!(", {} not told from those beside them", self.alike);
        }
        if !self.wrong_ms.is_empty() {
            output += &format!(", {} like one beside it", self.wrong_ms.len());
        }
        let mut lost_ms = self.lost_ms.clone();
        lost_ms.sort_by(f64::total_cmp);
        lost_ms.dedup();
        if let Some(first) = lost_ms.first() {
            let others = count(lost_ms.len() as u64, "picture");
            output += &format!(
                ": {others} of another time, the first at {:.3} s",
                first / 1000.0
            );
        }
        let by = format!("small luma of {how}, decoded by ffmpeg");
        let agrees = self.lost_ms.is_empty() && looked > 0;
        Finding::new(Property::Pictures, source, output, by, agrees)
    }
}

/// Compares the times of all pictures; those of the output are `later_ms` later.
#[must_use]
pub fn of_times(source_ms: &[f64], output_ms: &[f64], later_ms: f64, by: &str) -> Vec<Finding> {
    let output_ms: Vec<f64> = output_ms.iter().map(|ms| ms - later_ms).collect();
    compare_times(source_ms, &output_ms, by).0
}

/// Whether an output of another rate has pictures wherever its source has, from the beginning to the end; those of the
/// output are `later_ms` later. Between two of them, a few times as many of the source's may be as on average.
#[must_use]
pub fn of_holes(source_ms: &[f64], output_ms: &[f64], later_ms: f64, by: &str) -> Finding {
    let each = source_ms.len().div_ceil(output_ms.len().max(1));
    let most = FEW_TIMES * each;
    let mut ends = output_ms
        .iter()
        .map(|ms| ms - later_ms)
        .chain([f64::INFINITY]);
    let mut passed = 0;
    let hole = ends.find_map(|end| {
        let next = passed + source_ms[passed..].partition_point(|ms| *ms < end);
        let begin = std::mem::replace(&mut passed, next);
        (next - begin > most).then(|| source_ms[begin])
    });
    let last = |times_ms: &[f64]| times_ms.last().map_or(0.0, |ms| ms / 1000.0);
    let source = format!("pictures until {:.3} s", last(source_ms));
    let found = last(output_ms) - later_ms / 1000.0;
    let usual = |times_ms: &[f64]| match times_ms {
        [first, .., last] => (last - first) / 1000.0 / (times_ms.len() - 1) as f64,
        _ => 0.0,
    };
    let slowest = FEW_TIMES as f64 * usual(source_ms).max(usual(output_ms));
    let there = !output_ms.is_empty() && found - last(source_ms) <= slowest;
    let mut output = format!("pictures until {found:.3} s");
    if let Some(ms) = hole {
        output += &format!(", none for some time from {:.3} s on", ms / 1000.0);
    }
    Finding::new(
        Property::LastFrameEnd,
        source,
        output,
        by,
        hole.is_none() && there,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_another_rate_nothing_may_be_left_out_or_added_at_the_end() {
        let film = |from: u32, until: u32, every: f64| -> Vec<f64> {
            (from..until).map(|n| f64::from(n) * every).collect()
        };
        let source = film(0, 250, 40.0);
        let agree = |output: &[f64]| of_holes(&source, output, 0.0, "").agrees;
        assert!(agree(&film(0, 300, 100.0 / 3.0)) && agree(&film(0, 125, 80.0)));
        assert!(
            !agree(&film(0, 150, 100.0 / 3.0)),
            "the second half is lost"
        );
        let hole = [film(0, 100, 100.0 / 3.0), film(200, 300, 100.0 / 3.0)].concat();
        assert!(!agree(&hole), "the middle is lost");
        assert!(!agree(&film(0, 600, 100.0 / 3.0)), "twice as long");
        assert!(!agree(&[]));
    }

    fn small(n: usize) -> Small {
        let mut small = Small {
            luma: [40; 576],
            chroma: None,
        };
        (0..60).for_each(|x| small.luma[(n * 13 + x) % 576] = 240);
        small
    }

    fn film(numbers: impl IntoIterator<Item = usize>) -> Vec<Seen> {
        (0..)
            .zip(numbers)
            .map(|(n, picture)| (f64::from(n) * 40.0, small(picture)))
            .collect()
    }

    fn compared(source: Vec<Seen>, output: Vec<Seen>, any_rate: bool) -> Compared {
        let leeway = Leeway {
            any_rate,
            any_colors: false,
        };
        Compared::of(source.into_iter(), output.into_iter(), None, leeway)
    }

    #[test]
    fn the_same_pictures_are_right_wherever_the_clock_begins() {
        let later: Vec<Seen> = film(0..100)
            .into_iter()
            .map(|(ms, small)| (ms + 1400.3, small))
            .collect();
        let same = compared(film(0..100), later, false);
        assert!(same.finding("all").agrees, "{same:?}");
        assert_eq!((same.agree, same.later_ms()), (100, Some(1400.3)));
    }

    #[test]
    fn pictures_that_are_lost_doubled_or_of_another_film_are_found() {
        let one_early = (0..50).chain(51..100);
        let doubled = (0..50).chain(49..100);
        let moved = 1..101;
        let one_of_another = (0..100).map(|n| if n == 50 { 70 } else { n });
        let cases: [Vec<usize>; 4] = [
            one_early.collect(),
            doubled.collect(),
            moved.collect(),
            one_of_another.collect(),
        ];
        for case in cases {
            let found = compared(film(0..101), film(case.clone()), false);
            assert!(!found.finding("all").agrees, "{case:?}: {found:?}");
        }
    }

    #[test]
    fn two_pictures_that_are_exchanged_are_found_and_other_colours_are_no_others() {
        assert!(
            !compared(film(0..2), film([1, 0]), false)
                .finding("all")
                .agrees
        );
        let darker = |film: Vec<Seen>| {
            let darker = film.into_iter().map(|(ms, small)| {
                let luma = small.luma.map(|cell| cell / 3 + 16);
                (ms, Small { luma, ..small })
            });
            darker.collect::<Vec<_>>().into_iter()
        };
        let leeway = Leeway {
            any_colors: true,
            ..Leeway::default()
        };
        let of = |output| Compared::of(film(0..100).into_iter(), output, None, leeway);
        assert!(of(darker(film(0..100))).finding("all").agrees);
        assert!(!of(darker(film(1..101))).finding("all").agrees);
    }

    #[test]
    fn a_film_without_pictures_proves_nothing() {
        assert!(!compared(film(0..10), film([]), false).finding("all").agrees);
        assert!(!compared(film([]), film(0..10), false).finding("all").agrees);
    }

    #[test]
    fn at_another_rate_a_picture_may_be_one_beside_it() {
        let source: Vec<Seen> = film(0..100);
        let twice: Vec<Seen> = (0..50)
            .map(|n| (n as f64 * 80.0, small(2 * n + 1)))
            .collect();
        assert!(
            compared(source.clone(), twice.clone(), true)
                .finding("all")
                .agrees
        );
        assert!(!compared(source, twice, false).finding("all").agrees);
    }

    #[test]
    fn times_that_differ_are_named() {
        let right = of_times(&[0.0, 40.0, 80.0], &[1000.0, 1040.4, 1080.0], 1000.0, "");
        assert!(right.iter().all(|finding| finding.agrees));
        let wrong = of_times(&[0.0, 40.0, 80.0], &[0.0, 44.0, 80.0], 0.0, "");
        assert!(wrong[0].agrees && !wrong[1].agrees);
        assert!(!of_times(&[0.0, 40.0], &[0.0], 0.0, "")[0].agrees);
    }
}
