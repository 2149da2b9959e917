//! Whether a scene begins at a frame, judged by how much it and its neighbours differ from the frames before them.
//!
//! The rule is that of av-scenechange 0.25 (`adaptive_scenecut`), which applies it only to frames that it has compared
//! itself, one after the other; here it is applied to comparisons that were made side by side. A test holds the two
//! against each other.

use std::ops::Range;

use crate::settings::cuts::SceneMethod;

/// So many frames on each side of a frame are looked at, as av-scenechange does by default.
const AROUND: usize = 5;

/// Mean difference in importance from which on a scene may begin.
const IMPORTANT: f64 = 7.0;

/// What comes of comparing a frame with the one before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// What it costs to predict the frame from the one before it.
    pub inter: f64,
    /// How much its blocks differ from those of the one before it in importance.
    pub importance: f64,
    /// From which `inter` on a scene may begin.
    pub threshold: f64,
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

/// Judges frames, given the comparisons one by one.
#[derive(Debug)]
pub struct Judge {
    method: SceneMethod,
    /// Shortest scene in frames.
    min: u64,
    /// Comparisons of the frames from `first` on.
    scores: Vec<Score>,
    /// The first frame has nothing before it.
    first: u64,
    /// The next frame to be judged.
    current: u64,
    last_cut: u64,
}

impl Judge {
    /// Scenes are not shorter than `min` frames.
    pub fn new(method: SceneMethod, min: u64) -> Self {
        Self {
            method,
            min,
            scores: Vec::new(),
            first: 1,
            current: 0,
            last_cut: 0,
        }
    }

    /// Takes what came of comparing the next frame; returns the judgement on the one that is far enough back, if there
    /// is one.
    pub fn take(&mut self, score: Score) -> Option<Judged> {
        self.scores.push(score);
        let known = self.first + self.scores.len() as u64;
        (known > self.current + AROUND as u64).then(|| self.judge())
    }

    /// No more frames come; returns the judgements that are still due.
    pub fn finish(&mut self) -> Vec<Judged> {
        let frames = self.first + self.scores.len() as u64;
        (self.current..frames).map(|_| self.judge()).collect()
    }

    /// A scene begins at `frame`, whatever the judgement was.
    pub fn scene_begins(&mut self, frame: u64) {
        self.last_cut = self.last_cut.max(frame);
    }

    fn judge(&mut self) -> Judged {
        let frame = self.current;
        self.current += 1;
        let mut judged = Judged {
            frame,
            cut: frame == 0,
            score: 0.0,
        };
        let Some(at) = frame.checked_sub(self.first).map(|at| at as usize) else {
            return judged;
        };
        // What begins in the last few frames of a film would be a flash.
        if at + AROUND <= self.scores.len() {
            let seen = Seen {
                scores: &self.scores,
                method: self.method,
            };
            let score = self.scores[at];
            judged.cut = frame - self.last_cut >= self.min && seen.scene_begins(at);
            judged.score = score.inter / score.threshold.max(f64::MIN_POSITIVE);
        }
        if judged.cut {
            self.last_cut = frame;
        }
        // A neighbour before the next frame is held against its own neighbours.
        if at >= 2 * AROUND {
            self.scores.remove(0);
            self.first += 1;
        }
        judged
    }
}

/// The comparisons that are known when a frame is judged: none that is further ahead than its neighbours.
struct Seen<'a> {
    scores: &'a [Score],
    method: SceneMethod,
}

impl Seen<'_> {
    /// Whether a scene begins at the frame of comparison `at`.
    fn scene_begins(&self, at: usize) -> bool {
        let (before, after) = (before(at), self.after(at));
        let differs = |at: usize| self.scores[at].importance >= IMPORTANT;
        // Here, or a few frames ago if the picture moves.
        if !(before.start..=at).any(differs) || !self.stands_out_ahead(at) {
            return false;
        }
        let last = after.end - 1;
        let over_before = before.filter(|at| self.stands_out_behind(*at)).count();
        let over_after = after.filter(|at| self.stands_out_ahead(*at)).count();
        // Differences of neighbouring pixels are more easily fooled by flashes.
        let wanted = if self.method == SceneMethod::Fast {
            2
        } else {
            1
        };
        match (over_before, over_after) {
            (0, 0) => true,
            // It ends a flash: what flashed has begun a few frames ago.
            (over_before, 0) => over_before >= wanted,
            // The next one is as far ahead as is looked: what lies between them is longer than a flash.
            (0, 1) => self.stands_out_ahead(last),
            _ => false,
        }
    }

    fn after(&self, at: usize) -> Range<usize> {
        at + 1..(at + 1 + AROUND).min(self.scores.len())
    }

    /// Whether `at` is over its threshold by itself, less the greatest of the comparisons that follow.
    fn stands_out_ahead(&self, at: usize) -> bool {
        self.stands_out(at, self.after(at))
    }

    /// The same with those that precede.
    fn stands_out_behind(&self, at: usize) -> bool {
        self.stands_out(at, before(at))
    }

    fn stands_out(&self, at: usize, others: Range<usize>) -> bool {
        let Score {
            inter, threshold, ..
        } = self.scores[at];
        let more = match self.method {
            SceneMethod::Fast => inter,
            SceneMethod::Standard | SceneMethod::None => others
                .map(|other| inter - self.scores[other].inter)
                .reduce(f64::min)
                .map_or(0.0, |more| more.max(0.0)),
        };
        more >= threshold
    }
}

fn before(at: usize) -> Range<usize> {
    at.saturating_sub(AROUND)..at
}
