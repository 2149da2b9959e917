//! Chunks that several hosts encode: who has one, and what is said of each attempt.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use crate::{
    film::media::Chunk,
    job::{AttemptEnd, AttemptLine, ChunkLease, Claimed, Encoded, Job, Observer, Sighting, now},
    os::scheduler::Allotment,
};

/// What a process knows that encodes chunks of a job beside others.
#[derive(Debug)]
pub struct Shared {
    observer: Arc<Observer>,
    allotment: Allotment,
    /// The chunks that this process has encoded.
    encoded: Mutex<Vec<usize>>,
}

/// What came of asking for a chunk.
#[derive(Debug)]
pub enum Asked {
    /// It is to be encoded.
    Ours(ChunkLease),
    /// It is encoded, whoever has done it.
    Encoded(Encoded),
    /// Somebody else is at it.
    Held(Sighting),
}

impl Shared {
    /// One that takes leases with this `observer`.
    #[must_use]
    pub fn with(observer: Arc<Observer>) -> Self {
        Self {
            observer,
            allotment: Allotment::of_this(),
            encoded: Mutex::default(),
        }
    }

    /// The chunks that this process has encoded, ascending.
    #[must_use]
    pub fn encoded(&self) -> Vec<usize> {
        let encoded = self.encoded.lock();
        let mut encoded = encoded.unwrap_or_else(PoisonError::into_inner).clone();
        encoded.sort_unstable();
        encoded
    }

    /// Asks for a `chunk`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn ask(&self, job: &Job, chunk: Chunk) -> Result<Asked> {
        let lease = match job.claim(chunk.index, &self.observer)? {
            Claimed::Held(sighting) => return Ok(Asked::Held(sighting)),
            Claimed::Ours(lease) => lease,
        };
        // Somebody may have finished it until then. What is not what it was is encoded again.
        Ok(match job.finished(chunk) {
            Ok(Some(encoded)) => Asked::Encoded(encoded),
            Ok(None) | Err(_) => Asked::Ours(lease),
        })
    }

    /// Writes down that an attempt at the chunk with this index begins.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn begun(&self, job: &Job, index: usize, host: &str) -> Result<()> {
        let line = AttemptLine::Begun {
            host: host.to_owned(),
            pid: std::process::id(),
            memory_limit_bytes: self.allotment.memory_bytes,
            job: self.allotment.task.clone(),
            at: now(),
        };
        job.record_attempt(index, &line)
    }

    /// Writes down what has come of it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn ended(
        &self,
        job: &Job,
        index: usize,
        outcome: AttemptEnd,
        peak_memory: u64,
    ) -> Result<()> {
        if outcome == AttemptEnd::Encoded {
            let encoded = self.encoded.lock();
            encoded.unwrap_or_else(PoisonError::into_inner).push(index);
        }
        let line = AttemptLine::Ended {
            pid: std::process::id(),
            outcome,
            peak_memory,
            at: now(),
        };
        job.record_attempt(index, &line)
    }
}
