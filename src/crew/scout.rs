//! The thread that goes ahead: it decodes the film once, in order, shows every frame to the detector, lays it on the
//! shelf, and tells where scenes begin and end.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    chunk::Workshop,
    job::{KnownScenes, SceneLog},
    media::Chunk,
    reel::{Held, Reel, Shelf},
    scenes::{Detector, Splitter},
    source::Frame,
};

/// Threads of the scout's decoder: each holds a frame more, and no crew encodes as fast as eight of them decode.
const MOST_THREADS: usize = 8;

/// What the scout tells.
pub enum Found {
    /// A scene begins. Its frames may be taken while they come.
    Opened(Arc<Reel<Frame>>),
    /// The scene that was opened has ended.
    Closed(Chunk),
}

/// Finds the scenes of a film.
pub struct Scout {
    workshop: Arc<Workshop>,
    shelf: Arc<Shelf>,
    /// Frames that detection has seen.
    seen: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    known: KnownScenes,
    log: SceneLog,
}

impl Scout {
    /// Reads what an earlier run has found. `seen` will count frames; `stop` ends the search.
    ///
    /// # Errors
    /// Those of the job directory.
    pub fn new(
        workshop: Arc<Workshop>,
        shelf: Arc<Shelf>,
        seen: Arc<AtomicU64>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self> {
        let (known, log) = (workshop.job.scenes()?, workshop.job.scene_log()?);
        Ok(Self { workshop, shelf, seen, stop, known, log })
    }

    /// How many scenes an earlier run has found.
    #[must_use]
    pub fn known(&self) -> usize {
        self.known.chunks.len()
    }

    /// Tells all scenes, in order. Those that an earlier run has found are told at once, so that encoders start; if they
    /// were not all, detection begins again, since its state is not kept, and must find the same.
    ///
    /// # Errors
    /// If the film cannot be read, or its scenes are others than before.
    pub fn run(mut self, tell: &dyn Fn(Found)) -> Result<()> {
        for chunk in &self.known.chunks {
            tell(Found::Opened(Arc::new(Reel::known(*chunk, self.shelf.clone()))));
            tell(Found::Closed(*chunk));
        }
        let frames = self.workshop.media.frames;
        if self.known.complete {
            let end = self.known.chunks.last().map_or(0, |chunk| chunk.end);
            ensure!(end == frames, "the known scenes cover {end} of {frames} frames; add --restart");
            return Ok(());
        }
        let mut cutting = Cutting { scout: &mut self, tell, pending: VecDeque::new(), given: 0, index: 0, reel: None };
        cutting.begin(0);
        cutting.film(frames)?;
        drop(cutting);
        self.log.complete(frames)
    }
}

/// The film being cut into scenes.
struct Cutting<'a> {
    scout: &'a mut Scout,
    tell: &'a dyn Fn(Found),
    /// Frames of which it is not certain yet to which scene they belong.
    pending: VecDeque<Option<Held<Frame>>>,
    /// Number of the first of them: frames that are before.
    given: u64,
    /// The scene that is open.
    index: usize,
    /// Where its frames go; `None` if it is known from an earlier run.
    reel: Option<Arc<Reel<Frame>>>,
}

impl Cutting<'_> {
    fn film(&mut self, frames: u64) -> Result<()> {
        let rules = self.scout.workshop.recipe.scenes.clone();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let clip = self.scout.workshop.source.clip(cores.min(MOST_THREADS))?;
        let mut detector = Detector::new(clip.size(), rules.analysis_height, rules.min);
        let mut splitter = Splitter::new(rules.max, rules.min);
        for frame in clip.read(0..frames) {
            let frame = frame?;
            let judged = detector.push(&frame.luma(), frame.bit_depth())?;
            let bytes = frame.bytes();
            self.pending.push_back(self.scout.shelf.hold(frame, bytes));
            if let Some(chunk) = judged.and_then(|judged| splitter.push(judged)) {
                self.cut(chunk)?;
            }
            self.give(splitter.certain());
            self.scout.seen.fetch_add(1, Ordering::Relaxed);
            if self.scout.stop.load(Ordering::Relaxed) {
                bail!("stopped");
            }
        }
        for judged in detector.finish() {
            if let Some(chunk) = splitter.push(judged) {
                self.cut(chunk)?;
            }
        }
        let last = splitter.finish(frames).context("the film has no frame")?;
        self.close(last)
    }

    /// The open scene has turned out to be `chunk`, and the next one begins where it ends.
    fn cut(&mut self, chunk: Chunk) -> Result<()> {
        self.close(chunk)?;
        self.begin(chunk.end);
        Ok(())
    }

    /// A scene begins at `start`.
    fn begin(&mut self, start: u64) {
        let known = self.index < self.scout.known.chunks.len();
        self.reel = (!known).then(|| Arc::new(Reel::new(self.index, start, self.scout.shelf.clone())));
        if let Some(reel) = &self.reel {
            (self.tell)(Found::Opened(reel.clone()));
        }
    }

    /// Frames before `end` belong to the open scene.
    fn give(&mut self, end: u64) {
        while self.given < end {
            let frame = self.pending.pop_front().flatten();
            self.given += 1;
            if let Some(reel) = &self.reel {
                reel.add(frame);
            }
        }
    }

    /// The open scene has turned out to be `chunk`.
    fn close(&mut self, chunk: Chunk) -> Result<()> {
        self.give(chunk.end);
        match (&self.reel, self.scout.known.chunks.get(self.index)) {
            (Some(reel), _) => {
                self.scout.workshop.job.require_same_source()?;
                // Written before any encoder learns that its input is complete: no chunk without a scene.
                self.scout.log.chunk(chunk)?;
                reel.end(chunk.end);
                (self.tell)(Found::Closed(chunk));
            }
            (None, known) => {
                ensure!(known == Some(&chunk), "scenes differ from those of the earlier run; add --restart");
            }
        }
        self.index += 1;
        Ok(())
    }
}

impl Drop for Cutting<'_> {
    /// A worker may wait for frames that do not come any more.
    fn drop(&mut self) {
        if let Some(reel) = &self.reel {
            reel.abandon();
        }
    }
}
