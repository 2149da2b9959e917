//! `chunks/00012.attempts.jsonl`: who has tried to encode a chunk, and what came of it. One that was begun, has no end, and
//! whose host gives no sign of life, was ended from outside: by whoever manages the host, most likely for its memory.

use std::{
    fs::OpenOptions,
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{
    Job,
    files::{open, read},
    names::Name,
};

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attempted {
    /// The chunk is encoded.
    Encoded,
    /// It failed.
    Failed,
    /// The encoder was killed: for memory, most likely.
    Killed,
    /// The run was stopped.
    Stopped,
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum AttemptLine {
    /// An attempt begins.
    Begun {
        /// On this host.
        host: String,
        /// By this process.
        pid: u32,
        /// What a scheduler allows it of memory, in bytes, if one does.
        memory_limit_bytes: Option<u64>,
        /// What a scheduler calls it.
        job: Option<String>,
        /// Seconds since 1970.
        at: u64,
    },
    /// It has come to its end.
    Ended {
        /// By this process.
        pid: u32,
        /// What came of it.
        outcome: Attempted,
        /// The highest resident memory of the encoder that was seen, in bytes.
        peak_memory: u64,
        /// Seconds since 1970.
        at: u64,
    },
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl Job {
    /// Adds a line about the chunk with this index.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_attempt(&self, index: usize, line: &AttemptLine) -> Result<()> {
        let path = self.path(Name::Attempts(index));
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let append = || open(&path, OpenOptions::new().append(true).create(true))?.write_all(&text);
        append().with_context(|| format!("writing {}", self.place.shown(&path)))
    }

    /// What was tried of the chunk with this index, in order. Lines that are none are left out: two hosts may write at once.
    #[must_use]
    pub fn attempts(&self, index: usize) -> Vec<AttemptLine> {
        let text = read(&self.path(Name::Attempts(index))).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n');
        lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }
}
