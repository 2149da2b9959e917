//! Leases of single chunks.

use std::sync::Arc;

use anyhow::Result;

use super::{
    super::{Job, names::Name},
    file::LeaseFile,
    heart::Hold,
    observer::{Observer, Sighting, Taking},
};

/// The right to encode a chunk; given up when it is dropped. Whoever finishes the chunk records it first.
#[derive(Debug)]
pub struct ChunkLease(Arc<Hold>);

impl ChunkLease {
    /// Whether another host has taken the chunk over, because this process showed no sign of life for too long. What was
    /// encoded is as good as what that one encodes.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.is_lost()
    }
}

impl Drop for ChunkLease {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// What came of asking for a chunk.
#[derive(Debug)]
pub enum Claimed {
    /// It is ours to encode. It may have been finished just before: whoever asks looks after he has the lease.
    Ours(ChunkLease),
    /// Somebody encodes it who lives, or was not watched for long enough.
    Held(Sighting),
}

impl Job {
    /// Asks for the chunk with this index.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn claim(&self, index: usize, observer: &Observer) -> Result<Claimed> {
        Ok(match observer.take(&self.lease_of(index), None)? {
            Taking::Ours(hold) => Claimed::Ours(ChunkLease(hold)),
            Taking::Held(sighting) => Claimed::Held(sighting),
        })
    }

    /// Who encodes the chunk with this index, if anybody has its lease; nothing is taken.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn claimed_by(&self, index: usize, observer: &Observer) -> Result<Option<Sighting>> {
        observer.look(&self.lease_of(index))
    }

    fn lease_of(&self, index: usize) -> LeaseFile {
        LeaseFile::of(&self.place, Name::ChunkLease(index))
    }
}
