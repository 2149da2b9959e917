//! The thread that goes ahead: it decodes the film once, in order, shows every frame to the detector, lays it on the
//! shelf, and tells where scenes begin and end.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result, bail, ensure};

use super::OtherScenes;
use crate::{
    film::media::Chunk,
    job::{KnownScenes, SceneLog, SceneRecord},
    os::processors,
    scenes::{
        Cutter,
        reel::{Held, Reel, Shelf},
    },
    source::{Frame, Reader, frames::FramesHash},
    work::chunk::Workshop,
};

/// Threads of the scout's decoder: each holds a frame more, and no crew encodes as fast as eight of them decode.
pub const MOST_THREADS: usize = 8;

/// What the scout tells.
pub enum Scouted {
    /// A scene begins. Its frames may be taken while they come.
    Opened(Arc<Reel<Frame>>),
    /// The scene that was opened has ended.
    Closed(Chunk),
}

impl Scouted {
    /// A scene begins that is known already.
    pub fn known(chunk: Chunk, shelf: &Arc<Shelf>) -> Self {
        Self::Opened(Arc::new(Reel::known(chunk, shelf.clone())))
    }
}

/// Where a scout looks, and where what it sees goes.
pub struct Lookout {
    /// The job.
    pub workshop: Arc<Workshop>,
    /// Who delivers the film's pictures.
    pub reader: Reader,
    /// Where frames are laid.
    pub shelf: Arc<Shelf>,
    /// Frames that detection has seen.
    pub detected: Arc<AtomicU64>,
    /// Ends the search.
    pub stop: Arc<AtomicBool>,
    /// Threads of the decoder, at most.
    pub threads: usize,
    /// Whether the hash of the frames of each scene is wanted: other hosts are to encode them.
    pub hashes: bool,
}

/// Finds the scenes of a film.
pub struct Scout {
    at: Lookout,
    known: KnownScenes,
    log: SceneLog,
}

impl Scout {
    /// Reads what an earlier run has found.
    ///
    /// # Errors
    /// Those of the job directory.
    pub fn new(at: Lookout) -> Result<Self> {
        let job = &at.workshop.job;
        let log = job.scene_log()?;
        let known = job.known_scenes()?;
        Ok(Self { at, known, log })
    }

    /// How many scenes an earlier run has found.
    #[must_use]
    pub fn known(&self) -> usize {
        self.known.chunks.len()
    }

    /// Tells all scenes, in order, and returns how many frames there are. Those scenes that an earlier run has found are
    /// told at once, so that encoders start; if they were not all, detection begins again, since its state is not kept,
    /// and must find the same. A film that is read in order can only be read again where it was read to its end: else the
    /// known scenes are told as they come by.
    ///
    /// # Errors
    /// If the film cannot be read, or its scenes are others than before.
    pub fn run(mut self, tell: &dyn Fn(Scouted)) -> Result<u64> {
        let frames = self.at.workshop.media.frames;
        let linear = self.at.reader.linear().cloned();
        if let Some(film) = &linear {
            let job = &self.at.workshop.job;
            let known = job.damage().and_then(|_| film.learn(&job.pictures()?));
            self.known.complete &= known.is_ok();
        }
        let hashes = self.at.hashes;
        self.known.complete &= !hashes || self.is_for_all_hosts();
        let all = self.known.complete;
        if all || linear.is_none() {
            for chunk in &self.known.chunks {
                tell(Scouted::known(*chunk, &self.at.shelf));
                tell(Scouted::Closed(*chunk));
            }
        }
        if all {
            let end = self.known.chunks.last().map_or(0, |chunk| chunk.end);
            let frames = linear.map_or(frames, |film| film.times_ms().len() as u64);
            ensure!(
                end == frames,
                "the known scenes cover {end} of {frames} frames; add --restart"
            );
            return Ok(frames);
        }
        let in_order = linear.is_some();
        let mut cutting = Cutting {
            scout: &mut self,
            tell,
            in_order,
            pending: VecDeque::new(),
            given: 0,
            index: 0,
            reel: None,
            hashing: hashes.then(FramesHash::default),
            hashed: Vec::new(),
        };
        cutting.begin(0);
        let found = cutting.film(frames)?;
        let hashed = std::mem::take(&mut cutting.hashed);
        drop(cutting);
        match linear {
            Some(film) => {
                let job = &self.at.workshop.job;
                job.keep_pictures(&film.known(), &film.damage())?;
            }
            None => ensure!(found == frames, "FFMS2 gave {found} of {frames} frames"),
        }
        match hashes {
            true => self.at.workshop.job.record_scenes(hashed)?,
            false => self.log.complete(found)?,
        }
        Ok(found)
    }

    /// Whether all is known that other hosts need of the scenes.
    fn is_for_all_hosts(&self) -> bool {
        let end = self.known.chunks.last().map_or(0, |chunk| chunk.end);
        let pictures = self
            .at
            .reader
            .linear()
            .map(|film| film.times_ms().len() as u64);
        self.known.is_for_all_hosts() && pictures.is_none_or(|pictures| pictures == end)
    }
}

/// A frame of which it is not certain yet to which scene it belongs.
struct Pending {
    held: Option<Held<Frame>>,
    /// Its hash, where that is wanted.
    hash: Option<blake3::Hash>,
}

/// The film being cut into scenes.
struct Cutting<'a> {
    scout: &'a mut Scout,
    tell: &'a dyn Fn(Scouted),
    /// Whether known scenes are told as they come by.
    in_order: bool,
    /// Frames of which it is not certain yet to which scene they belong.
    pending: VecDeque<Pending>,
    /// Number of the first of them: frames that are before.
    given: u64,
    /// The scene that is open.
    index: usize,
    /// Where its frames go; `None` if nobody needs them: an earlier run has found the scene, and has most likely encoded it.
    reel: Option<Arc<Reel<Frame>>>,
    /// The frames of the open scene, where their hash is wanted.
    hashing: Option<FramesHash>,
    /// The scenes that have ended, where the hash of their frames is wanted.
    hashed: Vec<SceneRecord>,
}

impl Cutting<'_> {
    /// Cuts the film. Returns how many frames there were.
    fn film(&mut self, frames: u64) -> Result<u64> {
        let rules = self.scout.at.workshop.recipe.scenes.clone();
        let cores = processors::count();
        let media = &self.scout.at.workshop.media;
        let size = (media.width as usize, media.height as usize);
        let pictures = self
            .scout
            .at
            .reader
            .whole(cores.min(self.scout.at.threads), frames)?;
        let mut cutter = Cutter::new(size, &rules);
        let mut found = 0;
        for frame in pictures {
            let frame = frame?;
            found += 1;
            let ended = cutter.push(&frame.luma(), frame.bit_depth())?;
            let hash = self.hashing.as_ref().map(|_| frame.hash());
            let bytes = frame.bytes();
            self.pending.push_back(Pending {
                held: self.scout.at.shelf.hold(frame, bytes),
                hash,
            });
            if let Some(chunk) = ended {
                self.cut(chunk)?;
            }
            self.give(cutter.certain());
            self.scout.at.detected.fetch_add(1, Ordering::Relaxed);
            // Where VapourSynth decodes, no tool is there to be stopped.
            self.scout.at.workshop.tools.children.wait_while_held();
            if self.scout.at.stop.load(Ordering::Relaxed) {
                bail!("stopped");
            }
        }
        let mut chunks = cutter.finish()?;
        let last = chunks
            .pop()
            .context("the film has no frame that can be decoded")?;
        for chunk in chunks {
            self.cut(chunk)?;
        }
        self.close(last)?;
        Ok(found)
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
        let known = known && (!self.in_order || self.scout.at.workshop.job.has_record(self.index));
        self.reel =
            (!known).then(|| Arc::new(Reel::new(self.index, start, self.scout.at.shelf.clone())));
        if let Some(reel) = &self.reel {
            (self.tell)(Scouted::Opened(reel.clone()));
        }
    }

    /// Frames before `end` belong to the open scene.
    fn give(&mut self, end: u64) {
        while self.given < end {
            let frame = self.pending.pop_front();
            self.given += 1;
            let hash = frame.as_ref().and_then(|frame| frame.hash);
            if let (Some(hashing), Some(hash)) = (&mut self.hashing, hash) {
                hashing.add(&hash);
            }
            if let Some(reel) = &self.reel {
                reel.add(frame.and_then(|frame| frame.held));
            }
        }
    }

    /// The open scene has turned out to be `chunk`.
    fn close(&mut self, chunk: Chunk) -> Result<()> {
        self.give(chunk.end);
        if let Some(hashing) = &mut self.hashing {
            self.hashed.push(SceneRecord {
                chunk,
                frames_hash: Some(hashing.take()),
            });
        }
        let known = self.scout.known.chunks.get(self.index);
        if known.is_some_and(|known| *known != chunk) {
            return Err(OtherScenes.into());
        }
        if known.is_none() {
            self.scout.at.workshop.job.require_same_source()?;
            // Written before any encoder learns that its input is complete: no chunk without a scene.
            self.scout.log.chunk(chunk)?;
        }
        match &self.reel {
            Some(reel) => reel.end(chunk.end),
            None if self.in_order => {
                (self.tell)(Scouted::known(chunk, &self.scout.at.shelf));
            }
            None => {
                self.index += 1;
                return Ok(());
            }
        }
        (self.tell)(Scouted::Closed(chunk));
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
