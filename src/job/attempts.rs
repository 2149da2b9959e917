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
pub enum AttemptEnd {
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
        outcome: AttemptEnd,
        /// The highest resident memory of the encoder that was seen, in bytes.
        peak_memory: u64,
        /// Seconds since 1970.
        at: u64,
    },
}

/// One attempt, as its lines tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// On which host.
    pub host: String,
    /// By which process there.
    pub pid: u32,
    /// What a scheduler calls it.
    pub job: Option<String>,
    /// What that allowed it of memory, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// What came of it; `None` while it goes on, and if it was ended from outside.
    pub outcome: Option<AttemptEnd>,
}

/// The attempts that a list tells of, in the order in which they began. What is no line is left out, for two hosts may write
/// at once.
#[must_use]
pub fn attempts_of(text: &[u8]) -> Vec<AttemptRecord> {
    let mut attempts: Vec<AttemptRecord> = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(AttemptLine::Begun {
                host,
                pid,
                job,
                memory_limit_bytes,
                ..
            }) => attempts.push(AttemptRecord {
                host,
                pid,
                job,
                memory_limit_bytes,
                outcome: None,
            }),
            Ok(AttemptLine::Ended { pid, outcome, .. }) => {
                let is_it = |one: &&mut AttemptRecord| one.pid == pid && one.outcome.is_none();
                if let Some(one) = attempts.iter_mut().rev().find(is_it) {
                    one.outcome = Some(outcome);
                }
            }
            Err(_) => (),
        }
    }
    attempts
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_without_an_end_has_none_and_half_a_line_is_no_line() {
        let text =
            br#"{"event":"begun","host":"a","pid":7,"memory_limit_bytes":null,"at":1,"job":"12_3"}
{"event":"begun","host":"b","pid":8,"memory_limit_bytes":100,"at":3,"job":null}
{"event":"ended","pid":7,"outcome":"killed","peak_memory":5,"at":4}
{"event":"ended","pid":8,"outcome":"enc"#;
        let attempt = |host: &str, pid, job: Option<&str>, outcome| AttemptRecord {
            host: host.to_owned(),
            pid,
            job: job.map(str::to_owned),
            memory_limit_bytes: (pid == 8).then_some(100),
            outcome,
        };
        let all = [
            attempt("a", 7, Some("12_3"), Some(AttemptEnd::Killed)),
            attempt("b", 8, None, None),
        ];
        assert_eq!(attempts_of(text), all);
    }
}
