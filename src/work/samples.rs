//! Places of a film, encoded to see how large they become. Nothing of them is kept but their sizes.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};

use crate::{
    encoder::session::Pulse,
    film::media::Chunk,
    os::task::{Task, begin},
    scenes::reel::{Reel, Shelf},
    settings::params::Crf,
    source::Reader,
    work::{
        attempt::{Attempt, Purpose},
        chunk::{self, Failure, Workshop},
    },
};

/// How often a place is tried.
const TRIES: u32 = 3;

/// What is encoded.
pub struct Sampling {
    /// What it has in common with chunks.
    pub workshop: Workshop,
    /// Who delivers the film's pictures: any part of it was read before, or can be had by its number.
    pub reader: Reader,
    /// With which CRF.
    pub crf: Crf,
    /// How long an encoder may make no progress.
    pub patience: Duration,
    /// The places.
    pub places: Vec<Range<u64>>,
}

/// An encoder that runs.
struct Running {
    pulse: Arc<Pulse>,
    /// What it had done when it was last seen to move, and when that was.
    moved: (u64, Instant),
}

/// Places that are encoded side by side.
pub struct Weighing {
    at: Sampling,
    /// The place that is next.
    next: AtomicUsize,
    done: AtomicUsize,
    running: Mutex<BTreeMap<usize, Running>>,
}

impl Weighing {
    /// None is begun yet.
    #[must_use]
    pub fn new(at: Sampling) -> Self {
        Self {
            at,
            next: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            running: Mutex::default(),
        }
    }

    /// Encodes all places by so many encoders at once; returns the size of each.
    ///
    /// # Errors
    /// If one cannot be encoded.
    pub fn weigh(self: Arc<Self>, encoders: usize) -> Result<Vec<u64>> {
        let work = |_| {
            let samples = self.clone();
            begin(move || samples.weigh_some())
        };
        let workers: Vec<Task<Vec<(usize, u64)>>> = (0..encoders.max(1)).map(work).collect();
        let mut sizes = BTreeMap::new();
        for worker in workers {
            let some = worker.recv();
            sizes.extend(some.context("a worker of the trial panicked: this is a bug in av1enc")??);
        }
        Ok(sizes.into_values().collect())
    }

    /// The part of the places that is done.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        self.done.load(Ordering::Relaxed) as f64 / self.at.places.len().max(1) as f64
    }

    /// Kills encoders that have not moved for too long. Has to be called now and then.
    pub fn watch(&self) {
        let now = Instant::now();
        let is_held = self.at.workshop.tools.children.is_held();
        for running in self.running().values_mut() {
            let vitals = running.pulse.vitals();
            let done = vitals.fed + vitals.encoded;
            if done != running.moved.0 || is_held {
                running.moved = (done, now);
            } else if now.duration_since(running.moved.1) > self.at.patience {
                self.at.workshop.tools.children.kill(vitals.pid);
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<usize, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Encodes one place after another, until none is left.
    fn weigh_some(&self) -> Result<Vec<(usize, u64)>> {
        let mut sizes = Vec::new();
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = self.at.places.get(n) else {
                return Ok(sizes);
            };
            let room = self.at.workshop.job.room();
            let weighed = room.wait("a part of the film", || self.weigh_one(n, place));
            // Nobody begins another one after a failure.
            let weighed = weighed.inspect_err(|_| {
                self.next.store(self.at.places.len(), Ordering::Relaxed);
            });
            let tried = || format!("trying frames {} to {}", place.start, place.end - 1);
            sizes.push((n, weighed.with_context(tried)?));
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Encodes a place, a few times where that fails.
    fn weigh_one(&self, n: usize, place: &Range<u64>) -> Result<u64> {
        let chunk = Chunk {
            index: n,
            start: place.start,
            end: place.end,
        };
        let mut last = anyhow!("it was not tried");
        for number in 1..=TRIES {
            let attempt = Attempt {
                purpose: Purpose::Sample(n),
                crf: Some(self.at.crf),
                lp: self.at.workshop.job.lp,
                number,
            };
            match self.encode(chunk, attempt) {
                Ok(bytes) => return Ok(bytes),
                Err(failure @ (Failure::Killed(_) | Failure::Other(_)))
                    if !self.at.workshop.tools.children.is_closed() =>
                {
                    last = failure.into_error();
                }
                Err(failure) => return Err(failure.into_error()),
            }
        }
        Err(last)
    }

    fn encode(&self, chunk: Chunk, attempt: Attempt) -> Result<u64, Failure> {
        let Sampling {
            workshop, reader, ..
        } = &self.at;
        let reel = Reel::known(chunk, Arc::<Shelf>::default());
        let pulse = Arc::<Pulse>::default();
        let running = Running {
            pulse: pulse.clone(),
            moved: (0, Instant::now()),
        };
        self.running().insert(chunk.index, running);
        let weighed = chunk::weigh(workshop, reader, &reel, attempt, &pulse);
        self.running().remove(&chunk.index);
        weighed
    }
}
