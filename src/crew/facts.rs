//! What a crew goes by, as plain data: what was seen of the machine, what is done, what is known of the film.

use std::collections::BTreeSet;

use crate::{
    neighbour::policy::Stance,
    os::{disk::Space, machine::Machine},
    work::attempt::Purpose,
};

/// What was seen of the machine and the encoders at one moment.
#[derive(Debug, Clone)]
pub struct Look {
    /// Memory.
    pub seen: Seen,
    /// Frames held for scenes that nobody has begun.
    pub waiting_frames: usize,
    /// The job's disk, if the system tells.
    pub disk: Option<Space>,
    /// Frames that detection has seen.
    pub detected: u64,
    /// How much the crew works, for the sake of the machine's other work.
    pub stance: Stance,
    /// Each encoder that runs.
    pub encoders: Vec<Sign>,
}

/// How an encoder is doing.
#[derive(Debug, Clone, Copy)]
pub struct Sign {
    /// What is to come of its attempt.
    pub purpose: Purpose,
    /// Bytes of memory that it takes now.
    pub resident: u64,
    /// Bytes of memory that it took at most.
    pub peak: u64,
    /// Frames that it was given.
    pub fed: u64,
    /// Frames that it has reported.
    pub encoded: u64,
    /// Bytes that it has written.
    pub bytes: u64,
}

impl Sign {
    /// One that has not begun yet.
    #[must_use]
    pub fn first(purpose: Purpose) -> Self {
        Self {
            purpose,
            resident: 0,
            peak: 0,
            fed: 0,
            encoded: 0,
            bytes: 0,
        }
    }
}

/// What is done.
#[derive(Debug, Default)]
pub struct Done {
    /// Which chunks.
    pub chunks: BTreeSet<usize>,
    /// Their frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of the chunks an earlier run has encoded.
    pub resumed: usize,
    /// Frames of those.
    pub resumed_frames: u64,
}

/// What is known of the film.
#[derive(Debug)]
pub struct Extent {
    /// Frames of the film; as long as scenes are searched for, those that are expected.
    pub frames: u64,
    /// Scenes that have ended.
    pub chunks: usize,
    /// Whether all scenes are known.
    pub complete: bool,
}

/// What was seen of memory at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// The machine.
    pub machine: Machine,
    /// Bytes that this run takes in all.
    pub own: u64,
    /// Bytes of them that are frames that wait for an encoder.
    pub held: u64,
}
