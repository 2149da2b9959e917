//! Compares frames with the ones before them, several pairs at a time, by av-scenechange.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use av_scenechange::{Rational32, SceneChangeDetector, SceneDetectionSpeed};
use crossbeam_channel::{Receiver, bounded};
use v_frame::{chroma::ChromaSubsampling, frame::Frame};

use super::judge::Score;
use crate::{os::processors, settings::cuts::SceneMethod};

/// Pairs that are compared at once, at most: each keeps a decoded frame waiting, and no decoder is faster than so many.
const MOST: usize = 8;

/// A frame that is compared.
pub type Analysed = Arc<Frame<u8>>;

/// Pairs of frames that are being compared.
pub struct Comparisons {
    method: SceneMethod,
    /// Width and height of the frames.
    size: (usize, usize),
    /// What will come of them, in their order. A sender that is gone has not managed it.
    begun: VecDeque<Receiver<(Score, Analysed)>>,
    /// How many may be begun.
    most: usize,
    /// Detectors that compare nothing now.
    idle: Arc<Mutex<Vec<SceneChangeDetector<u8>>>>,
    /// A frame that is done with, and its memory.
    spare: Option<Frame<u8>>,
}

impl Comparisons {
    /// Of frames of this size (width, height).
    pub fn new(size: (usize, usize), method: SceneMethod) -> Self {
        // It is there already behind the first film of a test.
        let _ = rayon::ThreadPoolBuilder::new()
            .thread_name(|_| "compare".to_owned())
            .build_global();
        let cores = processors::count();
        Self {
            method,
            size,
            begun: VecDeque::new(),
            most: match method {
                // This detector keeps what it has made of the frame before, so that it needs all pairs in order.
                SceneMethod::Fast => 0,
                SceneMethod::Standard | SceneMethod::None => cores.min(MOST),
            },
            idle: Arc::default(),
            spare: None,
        }
    }

    /// A frame whose memory may be used again, if one is left.
    pub fn spare(&mut self) -> Option<Frame<u8>> {
        self.spare.take()
    }

    /// Begins to compare `frame` with the one `before` it. Returns what came of the pair that was begun longest ago, if as
    /// many are begun as may be; which one depends on nothing but how many were given.
    ///
    /// # Errors
    /// If av-scenechange gives up.
    pub fn begin(&mut self, before: Analysed, frame: Analysed) -> Result<Option<Score>> {
        let (tell, told) = bounded(1);
        let mut detector = self.detector();
        let idle = self.idle.clone();
        let compare = move || {
            let score = catch_unwind(AssertUnwindSafe(|| compare(&mut detector, &before, &frame)));
            if let Ok(score) = score {
                idle.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(detector);
                drop(frame);
                // Nobody listens where the film's end does not matter any more.
                let _ = tell.send((score, before));
            }
        };
        if self.most == 0 {
            compare();
        } else {
            rayon::spawn(compare);
        }
        self.begun.push_back(told);
        if self.begun.len() > self.most {
            self.end()
        } else {
            Ok(None)
        }
    }

    /// Waits for what comes of the pair that was begun longest ago; `None` if there is none.
    ///
    /// # Errors
    /// If av-scenechange gives up.
    pub fn end(&mut self) -> Result<Option<Score>> {
        let Some(told) = self.begun.pop_front() else {
            return Ok(None);
        };
        let (score, before) = told
            .recv()
            .context("av-scenechange cannot compare two frames of the film")?;
        // The pair in which it came second has ended earlier.
        self.spare = Arc::into_inner(before).or(self.spare.take());
        Ok(Some(score))
    }

    fn detector(&self) -> SceneChangeDetector<u8> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
            .unwrap_or_else(|| detector(self.size, self.method))
    }
}

/// A detector that looks at nothing but the two frames that it is given.
fn detector(size: (usize, usize), method: SceneMethod) -> SceneChangeDetector<u8> {
    // The frame rate and the chroma sampling are used by neither method.
    SceneChangeDetector::new(
        size,
        8,
        Rational32::new(1, 24),
        ChromaSubsampling::Monochrome,
        0,
        match method {
            SceneMethod::Fast => SceneDetectionSpeed::Fast,
            SceneMethod::Standard | SceneMethod::None => SceneDetectionSpeed::Standard,
        },
        0,
        usize::MAX,
    )
}

fn compare(detector: &mut SceneChangeDetector<u8>, before: &Analysed, frame: &Analysed) -> Score {
    // Which number it has matters for frames that are further apart.
    let (_, found) = detector.analyze_next_frame(&[before, frame], 1, 0);
    let found = found.expect("two frames are enough for a detector that does not look ahead");
    Score {
        inter: found.inter_cost,
        importance: found.imp_block_cost,
        threshold: found.threshold,
    }
}
