//! Whether the pictures of an output are as bright as those of its source and have the same colours. Means over two seconds
//! tell: what an encoder changes in a picture goes up as often as down.

use std::collections::VecDeque;

use crate::{
    finding::{Finding, Property},
    os::words::count,
    source::frames::{Chroma, Small, mean_difference},
};

/// Pictures whose mean counts.
const TOGETHER: usize = 50;
/// After so many more pictures it is looked at again.
const AGAIN: usize = TOGETHER / 2;
/// By how much the pictures may be brighter or darker, in steps of 8 bit.
const BRIGHTER: f64 = 2.0;
/// By how much cells of their luma may be others,
const OTHER_LUMA: f64 = 4.0;
/// and cells of their chroma: as it is, and as a part of how far it is from grey.
const OTHER_CHROMA: f64 = 2.5;
const OF_COLOR: f64 = 0.05;
/// Colours that are nearer than this to grey, or to themselves with U and V exchanged, do not tell one from the other.
const TOLD: f64 = 1.5;
/// They are those where they are so many times nearer to them than to the source's.
const NEARER: f64 = 3.0;
/// Chroma without colour.
const GREY: [Chroma; 2] = [[128; 144]; 2];

/// What is different in one picture, or the mean of several.
#[derive(Debug, Clone, Copy, Default)]
struct Shade {
    brighter: f64,
    luma: f64,
    chroma: f64,
    /// How far the colours are from grey, and from the source's with U and V exchanged;
    from_others: [f64; 2],
    /// how far the source's are from these.
    others: [f64; 2],
}

impl Shade {
    fn of(source: &Small, output: &Small) -> Self {
        let mean = |small: &Small| {
            let sum: u32 = small.luma.iter().map(|cell| u32::from(*cell)).sum();
            f64::from(sum) / small.luma.len() as f64
        };
        let luma = Self {
            brighter: mean(output) - mean(source),
            luma: source.distance(output),
            ..Self::default()
        };
        let (Some(ours), Some(theirs)) = (&source.chroma, &output.chroma) else {
            return luma;
        };
        let others = [GREY, [ours[1], ours[0]]];
        Self {
            chroma: apart(ours, theirs),
            from_others: others.map(|other| apart(&other, theirs)),
            others: others.map(|other| apart(&other, ours)),
            ..luma
        }
    }

    fn mean<'a>(shades: impl ExactSizeIterator<Item = &'a Self>) -> Self {
        let count = shades.len().max(1) as f64;
        let add = |[a, b]: [f64; 2], [c, d]: [f64; 2]| [a + c, b + d];
        let sum = shades.fold(Self::default(), |sum, one| Self {
            brighter: sum.brighter + one.brighter,
            luma: sum.luma + one.luma,
            chroma: sum.chroma + one.chroma,
            from_others: add(sum.from_others, one.from_others),
            others: add(sum.others, one.others),
        });
        Self {
            brighter: sum.brighter / count,
            luma: sum.luma / count,
            chroma: sum.chroma / count,
            from_others: sum.from_others.map(|sum| sum / count),
            others: sum.others.map(|sum| sum / count),
        }
    }

    fn agrees(&self) -> bool {
        let mut others = self.from_others.iter().zip(&self.others);
        let is_another = others.any(|(from, other)| *other >= TOLD && *from * NEARER < self.chroma);
        self.brighter.abs() <= BRIGHTER
            && self.luma <= OTHER_LUMA
            && self.chroma <= OTHER_CHROMA + OF_COLOR * self.others[0]
            && !is_another
    }
}

/// How far colours are from each other: the mean difference of a cell of U and V.
fn apart(one: &[Chroma; 2], other: &[Chroma; 2]) -> f64 {
    let [u, v] = [0, 1].map(|plane| mean_difference(&one[plane], &other[plane]));
    (u + v) / 2.0
}

/// What came of comparing brightness and colours of pictures one by one.
#[derive(Debug, Default)]
pub struct Shades {
    looked: usize,
    last: VecDeque<(f64, Shade)>,
    /// The largest difference of some pictures together: of luma and of chroma.
    most: [f64; 2],
    /// When those are others, in milliseconds of the output, and how.
    wrong: Vec<(f64, Shade)>,
}

impl Shades {
    /// Takes a picture of the output, that is shown `ms` after its clock began, and that of the source.
    pub fn add(&mut self, ms: f64, source: &Small, output: &Small) {
        self.looked += 1;
        self.last.push_back((ms, Shade::of(source, output)));
        if self.last.len() > TOGETHER {
            self.last.pop_front();
        }
        if self.last.len() == TOGETHER && self.looked.is_multiple_of(AGAIN) {
            self.judge();
        }
    }

    /// Nothing more comes.
    pub fn close(&mut self) {
        self.judge();
        self.last.clear();
    }

    fn judge(&mut self) {
        let Some((ms, _)) = self.last.front() else {
            return;
        };
        let mean = Shade::mean(self.last.iter().map(|(_, shade)| shade));
        self.most = [
            self.most[0].max(mean.brighter.abs()),
            self.most[1].max(mean.chroma),
        ];
        if !mean.agrees() {
            self.wrong.push((*ms, mean));
        }
    }

    /// Takes what came of another part of the same films.
    pub fn extend(&mut self, other: Self) {
        self.looked += other.looked;
        self.most = [0, 1].map(|n| self.most[n].max(other.most[n]));
        self.wrong.extend(other.wrong);
    }

    /// Whether brightness and colours are the source's.
    #[must_use]
    pub fn finding(&self, how: &str) -> Finding {
        let source = count(self.looked as u64, "picture");
        let [luma, chroma] = self.most;
        let output = match self.wrong.first() {
            None => format!("within {luma:.1} of their brightness, {chroma:.1} of their colours"),
            Some((ms, shade)) => format!(
                "brighter by {:+.1}, colours {:.1} away at {:.3} s (of 255)",
                shade.brighter,
                shade.chroma,
                ms / 1000.0
            ),
        };
        let by = format!("small planes of {how}, decoded by ffmpeg");
        let agrees = self.wrong.is_empty() && self.looked > 0;
        Finding::new(Property::PictureColors, source, output, by, agrees)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(luma: u8, [u, v]: [u8; 2]) -> Small {
        Small {
            luma: std::array::from_fn(|n| luma + (n % 7) as u8),
            chroma: Some([[u; 144], [v; 144]]),
        }
    }

    fn judged(source: &Small, output: &Small, others: usize) -> Finding {
        let mut shades = Shades::default();
        for n in 0..200 {
            let output = if n < others { output } else { source };
            shades.add(n as f64 * 40.0, source, output);
        }
        shades.close();
        shades.finding("all pictures")
    }

    #[test]
    fn colours_that_are_lost_exchanged_or_moved_are_found_and_brightness_too() {
        let source = picture(90, [124, 132]);
        let strong = picture(90, [100, 140]);
        assert!(judged(&source, &picture(91, [124, 131]), 200).agrees);
        for (source, wrong) in [
            (&source, picture(90, [128, 128])),
            (&source, picture(90, [132, 124])),
            (&source, picture(93, [124, 132])),
            (&strong, picture(90, [91, 140])),
            (&strong, picture(90, [106, 134])),
        ] {
            // Two seconds of them are enough.
            for others in [50, 200] {
                let finding = judged(source, &wrong, others);
                assert!(!finding.agrees, "{finding}");
            }
        }
        assert!(!Shades::default().finding("none").agrees);
    }
}
