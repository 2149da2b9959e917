//! Frames -> scenes -> chunks, one by one as they become final.
//!
//! av-scenechange compares each frame with the one before it, several pairs at a time; what it finds is judged in order,
//! a few frames behind the decoder. A chunk is handed on as soon as its end is final: at a cut, or where a scene that is
//! too long is split at its best place.

mod judge;
mod compare;
pub mod reel;

pub use judge::Judged;

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Result, anyhow, ensure};
use v_frame::{
    chroma::ChromaSubsampling,
    frame::{Frame, FrameBuilder},
};

use serde::{Deserialize, Serialize};

use self::{
    compare::{Analysed, Comparisons},
    judge::Judge,
};
use crate::{film::media::Chunk, settings::cuts::SceneMethod, stream::y4m::Plane};

/// The analysis reads blocks that reach beyond the frame; av-decoders gives its frames as much.
const PADDING: usize = 88;

/// Detection looks at frames of at most this height; larger ones are halved. On clips of 1080 and 2160 lines with known
/// cuts, halving has found the same cuts as full size, down to 360 lines (`benches/detection`).
pub const ANALYSIS_HEIGHT: usize = 720;

/// How often width and height are halved for analysis: four times at most, which is enough for 11520 lines.
fn halvings(height: usize, max_height: usize) -> usize {
    (0..4)
        .find(|halvings| height >> halvings <= max_height)
        .unwrap_or(4)
}

/// How a film is split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Longest chunk in frames.
    pub max: Option<u64>,
    /// Shortest scene in frames.
    pub min: u64,
    /// Height at which frames are analysed, at most.
    pub analysis_height: usize,
    /// How scenes are found.
    #[serde(default)]
    pub method: SceneMethod,
    /// Frames at which a chunk begins in any case, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forced: Vec<u64>,
    /// Frames of the film, where a list says of all its chunks where they begin: these are the forced frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<u64>,
}

/// Finds scene changes in frames given one by one.
pub struct Detector {
    comparisons: Comparisons,
    judge: Judge,
    /// Of the frames that are given, in pixels.
    width: usize,
    halvings: usize,
    /// Of the frames that are analysed.
    size: (usize, usize),
    /// The frame that was given last.
    last: Option<Analysed>,
}

impl Detector {
    /// A detector for frames of this size (width, height), halved until they are at most as high as the `rules` say.
    #[must_use]
    pub fn new((width, height): (usize, usize), rules: &Rules) -> Self {
        let halvings = halvings(height, rules.analysis_height);
        let size = (width >> halvings, height >> halvings);
        Self {
            comparisons: Comparisons::new(size, rules.method),
            judge: Judge::new(rules.method, rules.min),
            width,
            halvings,
            size,
            last: None,
        }
    }

    /// Takes the luma of the next frame, of `bit_depth` bits; returns the judgement on the one that is now far enough
    /// back, if there is one.
    ///
    /// # Errors
    /// If the frame is not of the size that was announced, or cannot be compared.
    pub fn push(&mut self, luma: &Plane<'_>, bit_depth: u8) -> Result<Option<Judged>> {
        let bytes = if bit_depth > 8 { 2 } else { 1 };
        let width = luma.row_bytes / bytes;
        ensure!(
            width == self.width,
            "a frame is {width} wide instead of {}",
            self.width
        );
        let mut frame = match self.comparisons.spare() {
            Some(frame) => frame,
            None => blank(self.size)?,
        };
        reduce(luma, bit_depth, self.halvings, &mut frame);
        let frame = Arc::new(frame);
        let score = match self.last.replace(frame.clone()) {
            Some(before) => self.comparisons.begin(before, frame)?,
            None => None,
        };
        Ok(score.and_then(|score| self.judge.take(score)))
    }

    /// No more frames come; returns the judgements that are still due.
    ///
    /// # Errors
    /// If a frame cannot be compared.
    pub fn finish(&mut self) -> Result<Vec<Judged>> {
        let mut judged = Vec::new();
        while let Some(score) = self.comparisons.end()? {
            judged.extend(self.judge.take(score));
        }
        if self.last.is_some() {
            judged.extend(self.judge.finish());
        }
        Ok(judged)
    }
}

/// Cuts a film into chunks, frame by frame.
pub struct Cutter {
    /// `None` where nobody looks for scenes.
    detector: Option<Detector>,
    splitter: Splitter,
    forced: BTreeSet<u64>,
    seen: u64,
}

impl Cutter {
    /// For frames of this size (width, height).
    #[must_use]
    pub fn new(size: (usize, usize), rules: &Rules) -> Self {
        Self {
            detector: (rules.method != SceneMethod::None).then(|| Detector::new(size, rules)),
            splitter: Splitter::new(rules.max, rules.min),
            forced: rules.forced.iter().copied().collect(),
            seen: 0,
        }
    }

    /// Takes the luma of the next frame, of `bit_depth` bits; returns the chunk that has become final, if one has.
    ///
    /// # Errors
    /// If the frame is not of the size that was announced.
    pub fn push(&mut self, luma: &Plane<'_>, bit_depth: u8) -> Result<Option<Chunk>> {
        let judged = match &mut self.detector {
            Some(detector) => detector.push(luma, bit_depth)?,
            None => Some(Judged {
                frame: self.seen,
                cut: self.seen == 0,
                score: 0.0,
            }),
        };
        self.seen += 1;
        Ok(judged.and_then(|judged| self.take(judged)))
    }

    /// Frames before this one belong to the chunk that is open or to one before it, whatever comes.
    #[must_use]
    pub fn certain(&self) -> u64 {
        self.splitter.certain()
    }

    /// No more frames come. Returns the chunks that have become final; none if there was no frame.
    ///
    /// # Errors
    /// If a frame cannot be compared with the one before it.
    pub fn finish(mut self) -> Result<Vec<Chunk>> {
        let due = self.detector.as_mut().map(Detector::finish).transpose()?;
        let mut chunks: Vec<Chunk> = due
            .into_iter()
            .flatten()
            .filter_map(|judged| self.take(judged))
            .collect();
        chunks.extend(self.splitter.finish(self.seen));
        Ok(chunks)
    }

    /// Takes the judgement on the next frame, which a forced cut overrules.
    fn take(&mut self, mut judged: Judged) -> Option<Chunk> {
        if self.forced.contains(&judged.frame) {
            judged.cut = true;
            if let Some(detector) = &mut self.detector {
                detector.judge.scene_begins(judged.frame);
            }
        }
        self.splitter.push(judged)
    }
}

/// A frame of the detector's type, whose rows have a padding of their own.
fn blank((width, height): (usize, usize)) -> Result<Frame<u8>> {
    let frame = FrameBuilder::new(width, height, ChromaSubsampling::Monochrome, 8)
        .luma_padding_left(PADDING)
        .luma_padding_right(PADDING)
        .luma_padding_top(PADDING)
        .luma_padding_bottom(PADDING)
        .build();
    frame.map_err(|error| anyhow!("cannot analyse frames of {width}x{height}: {error}"))
}

/// Copies `luma` into `frame` as 8 bit, each pixel the rounded mean of a square of `1 << halvings` pixels a side.
fn reduce(luma: &Plane<'_>, bit_depth: u8, halvings: usize, frame: &mut Frame<u8>) {
    let side = 1 << halvings;
    let shift = 2 * halvings as u32 + u32::from(bit_depth.saturating_sub(8));
    // Of the columns of one row of squares: at most 16 rows of at most 12 bits.
    let mut sums = vec![0_u16; frame.y_plane.width() * side];
    for (to, squares) in frame
        .y_plane
        .rows_mut()
        .zip(luma.data.chunks(luma.stride * side))
    {
        if shift == 0 {
            to.copy_from_slice(&squares[..to.len()]);
            continue;
        }
        sums.fill(0);
        for row in squares.chunks(luma.stride) {
            if bit_depth > 8 {
                let samples = row
                    .as_chunks()
                    .0
                    .iter()
                    .map(|bytes| u16::from_le_bytes(*bytes));
                sums.iter_mut()
                    .zip(samples)
                    .for_each(|(sum, sample)| *sum = sum.wrapping_add(sample));
            } else {
                sums.iter_mut()
                    .zip(row)
                    .for_each(|(sum, sample)| *sum += u16::from(*sample));
            }
        }
        match side {
            1 => means::<1>(to, &sums, shift),
            2 => means::<2>(to, &sums, shift),
            4 => means::<4>(to, &sums, shift),
            8 => means::<8>(to, &sums, shift),
            _ => means::<16>(to, &sums, shift),
        }
    }
}

/// The rounded means of squares whose columns have these `sums`.
fn means<const SIDE: usize>(to: &mut [u8], sums: &[u16], shift: u32) {
    let half = (1_u32 << shift) >> 1;
    for (to, columns) in to.iter_mut().zip(sums.as_chunks::<SIDE>().0) {
        let sum: u32 = columns.iter().map(|column| u32::from(*column)).sum();
        // More than white is what a broken decoder may give.
        *to = ((sum + half) >> shift).min(255) as u8;
    }
}

/// Turns judgements into chunks: a chunk ends at a cut, or where a scene longer than the limit is split.
///
/// The result depends on nothing but the judgements: not on how they arrive, nor on what is encoded meanwhile.
#[derive(Debug)]
pub struct Splitter {
    max: Option<u64>,
    min: u64,
    next_index: usize,
    start: u64,
    /// Scores of the frames from `start` on.
    scores: Vec<f64>,
}

impl Splitter {
    /// Scenes longer than `max` frames are split, no part shorter than `min` if that can be.
    #[must_use]
    pub fn new(max: Option<u64>, min: u64) -> Self {
        Self {
            max,
            min,
            next_index: 0,
            start: 0,
            scores: Vec::new(),
        }
    }

    /// Takes the judgement on the next frame; returns the chunk that has become final, if one has.
    pub fn push(&mut self, judged: Judged) -> Option<Chunk> {
        if judged.cut && judged.frame > self.start {
            let chunk = self.close(judged.frame);
            self.scores = vec![judged.score];
            return Some(chunk);
        }
        self.scores.push(judged.score);
        let length = judged.frame + 1 - self.start;
        match self.max {
            // One frame more than fits: the scene is too long, whatever comes.
            Some(max) if length > max => {
                let at = self.best_split(max);
                let chunk = self.close(self.start + at);
                self.scores.drain(
                    ..usize::try_from(at)
                        .unwrap_or(usize::MAX)
                        .min(self.scores.len()),
                );
                Some(chunk)
            }
            _ => None,
        }
    }

    /// Frames before this one belong to the chunk that is open or to one before it, whatever comes.
    #[must_use]
    pub fn certain(&self) -> u64 {
        let judged = self.start + self.scores.len() as u64;
        self.max.map_or(judged, |max| {
            judged.min(self.start + self.earliest_split(max))
        })
    }

    /// No more frames come; `frames` is their number. Returns the last chunk, if any frame is left.
    pub fn finish(&mut self, frames: u64) -> Option<Chunk> {
        (frames > self.start).then(|| self.close(frames))
    }

    fn close(&mut self, end: u64) -> Chunk {
        let chunk = Chunk {
            index: self.next_index,
            start: self.start,
            end,
        };
        self.next_index += 1;
        self.start = end;
        chunk
    }

    /// The shortest chunk that splitting makes, in frames.
    fn earliest_split(&self, max: u64) -> u64 {
        (max / 2).max(self.min.min(max)).max(1)
    }

    /// Where to split a scene of which `max + 1` frames are known, as frames from its start: in the second half, since
    /// short chunks cost bits, at the frame that is most of a change, and late rather than early where all are equal.
    fn best_split(&self, max: u64) -> u64 {
        let earliest = self.earliest_split(max);
        let weight = |at: u64| {
            let score = self
                .scores
                .get(usize::try_from(at).unwrap_or(usize::MAX))
                .copied()
                .unwrap_or(0.0);
            score * (0.5 + 0.5 * at as f64 / max as f64)
        };
        let mut best = max;
        for at in (earliest..max).rev() {
            if weight(at) > weight(best) {
                best = at;
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use av_scenechange::{Rational32, SceneChangeDetector, SceneDetectionSpeed};

    use super::*;

    /// Chunks of a film of `frames` frames with the given cuts and scores.
    fn chunks(
        frames: u64,
        cuts: &[u64],
        max: Option<u64>,
        score: impl Fn(u64) -> f64,
    ) -> Vec<(u64, u64)> {
        let mut splitter = Splitter::new(max, 24);
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut certain = 0;
        for frame in 0..frames {
            let judged = Judged {
                frame,
                cut: frame == 0 || cuts.contains(&frame),
                score: score(frame),
            };
            if let Some(chunk) = splitter.push(judged) {
                assert!(
                    certain <= chunk.end,
                    "frame {} was said to be certain",
                    certain - 1
                );
                chunks.push(chunk);
            }
            assert!((certain..=frame + 1).contains(&splitter.certain()));
            certain = splitter.certain();
        }
        chunks.extend(splitter.finish(frames));
        for (i, chunk) in chunks.iter().enumerate() {
            assert_eq!(chunk.index, i);
        }
        chunks
            .iter()
            .map(|chunk| (chunk.start, chunk.end))
            .collect()
    }

    #[test]
    fn chunks_cover_the_film_without_gap_or_overlap() {
        for (frames, cuts) in [
            (1, &[][..]),
            (100, &[30, 60]),
            (1000, &[1, 500, 501]),
            (4000, &[3999]),
        ] {
            for max in [None, Some(24), Some(240)] {
                let chunks = chunks(frames, cuts, max, |frame| (frame * 7919 % 101) as f64);
                assert_eq!(chunks[0].0, 0);
                assert_eq!(chunks.last().unwrap().1, frames);
                assert!(chunks.windows(2).all(|pair| pair[0].1 == pair[1].0));
                assert!(
                    chunks
                        .iter()
                        .all(|(start, end)| start < end && end - start <= max.unwrap_or(u64::MAX))
                );
            }
        }
    }

    #[test]
    fn where_nobody_looks_chunks_begin_where_they_are_forced_to_and_where_they_are_too_long() {
        let rules = |max, forced: &[u64]| Rules {
            max,
            min: 24,
            analysis_height: ANALYSIS_HEIGHT,
            method: SceneMethod::None,
            forced: forced.to_vec(),
            given: None,
        };
        let cut = |rules: Rules| -> Vec<(u64, u64)> {
            let row = Plane {
                data: &[0; 16],
                stride: 16,
                row_bytes: 16,
            };
            let mut cutter = Cutter::new((16, 1), &rules);
            let mut chunks: Vec<Chunk> = (0..100)
                .filter_map(|_| cutter.push(&row, 8).unwrap())
                .collect();
            chunks.extend(cutter.finish().unwrap());
            chunks
                .iter()
                .map(|chunk| (chunk.start, chunk.end))
                .collect()
        };
        assert_eq!(cut(rules(None, &[])), [(0, 100)]);
        assert_eq!(
            cut(rules(None, &[7, 90, 400])),
            [(0, 7), (7, 90), (90, 100)]
        );
        assert_eq!(cut(rules(Some(60), &[50])), [(0, 50), (50, 100)]);
        // Shorter than the shortest scene.
        assert_eq!(cut(rules(Some(10), &[])).len(), 10);
    }

    #[test]
    fn a_scene_that_just_fits_is_not_split() {
        assert_eq!(
            chunks(480, &[240], Some(240), |_| 0.1),
            [(0, 240), (240, 480)]
        );
    }

    #[test]
    fn a_long_scene_is_split_at_its_greatest_change() {
        assert_eq!(
            chunks(300, &[], Some(240), |frame| if frame == 170 {
                0.9
            } else {
                0.1
            }),
            [(0, 170), (170, 300)]
        );
    }

    #[test]
    fn a_still_scene_is_split_into_the_fewest_chunks() {
        assert_eq!(
            chunks(600, &[], Some(240), |_| 0.0),
            [(0, 240), (240, 480), (480, 600)]
        );
    }

    #[test]
    fn frames_are_certain_as_soon_as_no_split_can_reach_them() {
        let mut splitter = Splitter::new(Some(240), 24);
        let mut push = |frame, cut| {
            splitter.push(Judged {
                frame,
                cut,
                score: 0.0,
            });
            splitter.certain()
        };
        assert_eq!(push(0, true), 1);
        let certain: Vec<u64> = (1..200).map(|frame| push(frame, false)).collect();
        assert_eq!((certain[50], certain[118], certain[198]), (52, 120, 120));
        assert_eq!(push(200, true), 201);
    }

    /// What the detector sees of a plane.
    fn reduced(data: &[u8], row_bytes: usize, bit_depth: u8, halvings: usize) -> Vec<u8> {
        let stride = row_bytes + 6;
        let rows: Vec<u8> = data
            .chunks(row_bytes)
            .flat_map(|row| [row, &[0xee; 6]].concat())
            .collect();
        let plane = Plane {
            data: &rows[..rows.len() - 6],
            stride,
            row_bytes,
        };
        let width = if bit_depth > 8 {
            row_bytes / 2
        } else {
            row_bytes
        };
        let mut frame = blank((width >> halvings, (data.len() / row_bytes) >> halvings)).unwrap();
        reduce(&plane, bit_depth, halvings, &mut frame);
        frame.y_plane.rows().flatten().copied().collect()
    }

    #[test]
    fn analysed_luma_is_rounded_to_8_bit_and_averaged() {
        assert_eq!(reduced(&[1, 2, 3, 4, 5, 6], 3, 8, 0), [1, 2, 3, 4, 5, 6]);
        let wide: Vec<u8> = [0_u16, 1, 2, 1023]
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        assert_eq!(reduced(&wide, 8, 10, 0), [0, 0, 1, 255]);
        // The odd column is left out, as it is with a filter that halves.
        assert_eq!(reduced(&[1, 2, 5, 6, 9, 3, 4, 7, 8, 9], 5, 8, 1), [3, 7]);
        let wide: Vec<u8> = [4_u16, 4, 8, 8]
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        assert_eq!(reduced(&wide, 4, 10, 1), [2]);
        assert_eq!(
            (
                halvings(1080, 1080),
                halvings(1081, 1080),
                halvings(4320, 1080)
            ),
            (0, 1, 2)
        );
    }

    /// The judgements of av-scenechange by itself, which compares and judges one frame after the other.
    fn judged_by_the_library(film: &[Vec<u8>], width: usize, rules: &Rules) -> Vec<Judged> {
        const AHEAD: usize = 5;
        let size = (width, film[0].len() / width);
        let speed = match rules.method {
            SceneMethod::Fast => SceneDetectionSpeed::Fast,
            _ => SceneDetectionSpeed::Standard,
        };
        let rate = Rational32::new(1, 24);
        let chroma = ChromaSubsampling::Monochrome;
        let min = rules.min as usize;
        let mut library =
            SceneChangeDetector::new(size, 8, rate, chroma, AHEAD, speed, min, usize::MAX);
        let frames: Vec<Analysed> = film
            .iter()
            .map(|data| {
                let mut frame = blank(size).unwrap();
                reduce(&plane(data, width), 8, 0, &mut frame);
                Arc::new(frame)
            })
            .collect();
        let mut last_cut = 0;
        let judge = |frame: usize| {
            let set: Vec<&Analysed> = frames[frame - 1..].iter().take(AHEAD + 2).collect();
            let (cut, score) = library.analyze_next_frame(&set, frame, last_cut);
            if cut {
                last_cut = frame;
            }
            let score = score.map_or(0.0, |score| {
                score.inter_cost / score.threshold.max(f64::MIN_POSITIVE)
            });
            let frame = frame as u64;
            Judged { frame, cut, score }
        };
        let first = Judged {
            frame: 0,
            cut: true,
            score: 0.0,
        };
        iter::once(first)
            .chain((1..frames.len()).map(judge))
            .collect()
    }

    fn plane(data: &[u8], width: usize) -> Plane<'_> {
        Plane {
            data,
            stride: width,
            row_bytes: width,
        }
    }

    /// Pictures of a few scenes that move, with flashes of one to seven frames, and noise.
    fn film(frames: usize, width: usize, height: usize, mut random: u64) -> Vec<Vec<u8>> {
        let mut next = move |below: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % below
        };
        let (mut scene, mut flash) = (next(200), 0);
        let picture = |at| {
            if next(20) == 0 {
                scene = next(200);
            }
            flash = match flash {
                0 if next(25) == 0 => 1 + next(7),
                flash => flash.saturating_sub(1),
            };
            let bright = if flash > 0 { 90 } else { 0 };
            let pixel = |at_pixel: usize| {
                let (x, y) = ((at_pixel % width + at) as u64, (at_pixel / width) as u64);
                let block = (x / 8 * 31 + y / 8 * 17 * (1 + scene)) % 120;
                (scene / 3 + block + bright + next(4)).min(255) as u8
            };
            (0..width * height).map(pixel).collect()
        };
        (0..frames).map(picture).collect()
    }

    #[test]
    fn frames_that_are_compared_side_by_side_are_judged_as_one_after_the_other() {
        let (width, height) = (64, 48);
        let mut cuts = 0;
        for method in [SceneMethod::Standard, SceneMethod::Fast] {
            for (frames, min) in [(1, 1), (2, 1), (5, 1), (7, 1), (12, 3), (400, 2), (400, 24)] {
                let rules = Rules {
                    max: None,
                    min,
                    analysis_height: ANALYSIS_HEIGHT,
                    method,
                    forced: Vec::new(),
                    given: None,
                };
                let film = film(frames, width, height, 7 + min);
                let mut detector = Detector::new((width, height), &rules);
                let mut judged = Vec::new();
                for data in &film {
                    judged.extend(detector.push(&plane(data, width), 8).unwrap());
                }
                judged.extend(detector.finish().unwrap());
                let library = judged_by_the_library(&film, width, &rules);
                assert_eq!(judged, library, "{method:?}, {frames} frames");
                cuts += judged.iter().filter(|judged| judged.cut).count();
            }
        }
        assert!(cuts > 60, "only {cuts} cuts were judged");
    }
}
