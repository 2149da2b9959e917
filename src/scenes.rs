//! Frames -> scenes -> chunks, one by one as they become final.
//!
//! av-scenechange is driven frame by frame, a lookahead behind the decoder. A chunk is handed on as soon as its end is
//! final: at a cut, or where a scene that is too long is split at its best place.

use std::{collections::VecDeque, num::NonZeroU8, sync::Arc};

use anyhow::{Context, Result};
use av_scenechange::{Rational32, SceneChangeDetector, SceneDetectionSpeed};
use v_frame::{
    chroma::ChromaSubsampling,
    frame::{Frame as Analysed, FrameBuilder},
};

use crate::{media::Chunk, source::Frame};

/// Frames after the current one that the detector wants to see (av-scenechange's own default).
const LOOKAHEAD: usize = 5;

/// The analysis reads blocks that reach beyond the frame; av-decoders gives its frames as much.
const PADDING: usize = 88;

/// Detection looks at frames of at most this height; larger ones are halved. Analysis itself costs a fifth of decoding
/// at 1080p, and halving that has been seen to lose a cut between two smooth pictures.
pub const ANALYSIS_HEIGHT: usize = 1080;

/// Finds scene changes in frames given one by one.
pub struct Detector {
    inner: SceneChangeDetector<u8>,
    size: (usize, usize),
    /// Frames from the one before the current on.
    window: VecDeque<Arc<Analysed<u8>>>,
    seen: usize,
    /// The next frame to be judged.
    current: usize,
    last_cut: usize,
}

/// The judgement on one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Number of the frame.
    pub frame: u64,
    /// Whether a scene begins here.
    pub cut: bool,
    /// How much of a cut it would be: cost in units of the threshold.
    pub score: f64,
}

impl Detector {
    /// A detector for 8-bit luma of this size (width, height).
    #[must_use]
    pub fn new(size: (usize, usize), min_scene: u64) -> Self {
        // The frame rate is not used by the standard method, the chroma sampling neither.
        let inner = SceneChangeDetector::new(
            size,
            8,
            Rational32::new(1, 24),
            ChromaSubsampling::Monochrome,
            LOOKAHEAD,
            SceneDetectionSpeed::Standard,
            usize::try_from(min_scene).unwrap_or(usize::MAX),
            usize::MAX,
        );
        Self { inner, size, window: VecDeque::new(), seen: 0, current: 0, last_cut: 0 }
    }

    /// Takes the next frame; returns the judgement on the one that is now far enough back, if there is one.
    ///
    /// # Errors
    /// If the frame is not of the size that was announced.
    pub fn push(&mut self, frame: &Frame) -> Result<Option<Judged>> {
        self.window.push_back(Arc::new(analysed(frame, self.size)?));
        self.seen += 1;
        Ok(if self.seen > self.current + LOOKAHEAD { Some(self.judge()) } else { None })
    }

    /// No more frames come; returns the judgements that are still due.
    pub fn finish(&mut self) -> Vec<Judged> {
        let mut judged = Vec::new();
        while self.current < self.seen {
            judged.push(self.judge());
        }
        judged
    }

    fn judge(&mut self) -> Judged {
        let frame = self.current;
        let mut judged = Judged { frame: frame as u64, cut: frame == 0, score: 0.0 };
        if frame > 0 {
            // From the frame before the current one to the end of the lookahead.
            let set: Vec<&Arc<Analysed<u8>>> = self.window.iter().take(LOOKAHEAD + 2).collect();
            let (cut, score) = self.inner.analyze_next_frame(&set, frame, self.last_cut);
            judged.cut = cut;
            judged.score = score.map_or(0.0, |score| score.inter_cost / score.threshold.max(f64::MIN_POSITIVE));
            if cut {
                self.last_cut = frame;
            }
            self.window.pop_front();
        }
        self.current += 1;
        judged
    }
}

/// Copies luma into the type of the detector, whose rows have a padding of their own.
fn analysed(frame: &Frame, (width, height): (usize, usize)) -> Result<Analysed<u8>> {
    let planes = frame.planes();
    let luma = planes.first().context("a frame has no plane")?;
    anyhow::ensure!(luma.row_bytes == width, "a frame is {} wide instead of {width}", luma.row_bytes);
    let mut copy: Analysed<u8> = FrameBuilder::new(width, height, ChromaSubsampling::Monochrome, 8)
        .luma_padding_left(PADDING)
        .luma_padding_right(PADDING)
        .luma_padding_top(PADDING)
        .luma_padding_bottom(PADDING)
        .build()
        .map_err(|error| anyhow::anyhow!("cannot analyse frames of {width}x{height}: {error}"))?;
    debug_assert_eq!(NonZeroU8::new(8), Some(copy.bit_depth));
    for (to, from) in copy.y_plane.rows_mut().zip(luma.data.chunks(luma.stride)) {
        to.copy_from_slice(&from[..width]);
    }
    Ok(copy)
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
        Self { max, min, next_index: 0, start: 0, scores: Vec::new() }
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
                self.scores.drain(..usize::try_from(at).unwrap_or(usize::MAX).min(self.scores.len()));
                Some(chunk)
            }
            _ => None,
        }
    }

    /// No more frames come; `frames` is their number. Returns the last chunk, if any frame is left.
    pub fn finish(&mut self, frames: u64) -> Option<Chunk> {
        (frames > self.start).then(|| self.close(frames))
    }

    fn close(&mut self, end: u64) -> Chunk {
        let chunk = Chunk { index: self.next_index, start: self.start, end };
        self.next_index += 1;
        self.start = end;
        chunk
    }

    /// Where to split a scene of which `max + 1` frames are known, as frames from its start: in the second half, since
    /// short chunks cost bits, at the frame that is most of a change, and late rather than early where all are equal.
    fn best_split(&self, max: u64) -> u64 {
        let earliest = (max / 2).max(self.min.min(max)).max(1);
        let weight = |at: u64| {
            let score = self.scores.get(usize::try_from(at).unwrap_or(usize::MAX)).copied().unwrap_or(0.0);
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
    use super::*;

    /// Chunks of a film of `frames` frames with the given cuts and scores.
    fn chunks(frames: u64, cuts: &[u64], max: Option<u64>, score: impl Fn(u64) -> f64) -> Vec<(u64, u64)> {
        let mut splitter = Splitter::new(max, 24);
        let mut chunks = Vec::new();
        for frame in 0..frames {
            chunks.extend(splitter.push(Judged {
                frame,
                cut: frame == 0 || cuts.contains(&frame),
                score: score(frame),
            }));
        }
        chunks.extend(splitter.finish(frames));
        for (i, chunk) in chunks.iter().enumerate() {
            assert_eq!(chunk.index, i);
        }
        chunks.iter().map(|chunk| (chunk.start, chunk.end)).collect()
    }

    #[test]
    fn chunks_cover_the_film_without_gap_or_overlap() {
        for (frames, cuts) in [(1, &[][..]), (100, &[30, 60]), (1000, &[1, 500, 501]), (4000, &[3999])] {
            for max in [None, Some(24), Some(240)] {
                let chunks = chunks(frames, cuts, max, |frame| (frame * 7919 % 101) as f64);
                assert_eq!(chunks[0].0, 0);
                assert_eq!(chunks.last().unwrap().1, frames);
                assert!(chunks.windows(2).all(|pair| pair[0].1 == pair[1].0));
                assert!(chunks.iter().all(|(start, end)| start < end && end - start <= max.unwrap_or(u64::MAX)));
            }
        }
    }

    #[test]
    fn a_scene_that_just_fits_is_not_split() {
        assert_eq!(chunks(480, &[240], Some(240), |_| 0.1), [(0, 240), (240, 480)]);
    }

    #[test]
    fn a_long_scene_is_split_at_its_greatest_change() {
        assert_eq!(chunks(300, &[], Some(240), |frame| if frame == 170 { 0.9 } else { 0.1 }), [(0, 170), (170, 300)]);
    }

    #[test]
    fn a_still_scene_is_split_into_the_fewest_chunks() {
        assert_eq!(chunks(600, &[], Some(240), |_| 0.0), [(0, 240), (240, 480), (480, 600)]);
    }
}
