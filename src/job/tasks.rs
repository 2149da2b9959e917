//! What a job says to those who hand its chunks to other hosts: the line that planned it, what a chunk is expected to take,
//! and which chunks are one task.

use std::{ffi::OsStr, io::ErrorKind, ops::Range, os::unix::ffi::OsStrExt, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Job,
    attached::held,
    files::{PLANNED, read, require_own},
    names::Name,
    place::Place,
};
use crate::cli::Setting;

/// A word of a command line, or a path: as text where it is text, else as its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Word {
    /// Text.
    Text(String),
    /// What is no text.
    Bytes(Vec<u8>),
}

impl From<&OsStr> for Word {
    fn from(word: &OsStr) -> Self {
        match word.to_str() {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Bytes(word.as_bytes().to_owned()),
        }
    }
}

impl Word {
    /// The word.
    #[must_use]
    pub fn as_os(&self) -> &OsStr {
        match self {
            Self::Text(text) => OsStr::new(text),
            Self::Bytes(bytes) => OsStr::from_bytes(bytes),
        }
    }
}

/// The command line by which a job was planned: `line.json`. Whoever joins its chunks reads it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandLine {
    /// Where it was typed: its paths may be relative.
    pub directory: Word,
    /// The words of an encode, the program's name first, with those of a file of settings.
    pub words: Vec<Word>,
    /// What each option was set to, and by whom.
    pub said: Vec<Setting>,
    /// The source, absolute.
    pub input: Word,
    /// The output, absolute.
    pub output: Word,
}

/// What a host is expected to need for a chunk, as the host that planned has it: `hints.json`. Guesses, which nothing of the
/// result depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hints {
    /// Memory of one encoder, in bytes.
    pub encoder_bytes: u64,
    /// Memory of everything beside the encoder, in bytes: av1enc, and what decodes the source.
    pub beside_bytes: u64,
    /// Threads that an encoder keeps busy, about.
    pub threads: u32,
    /// Seconds that a frame takes with one encoder.
    pub frame_seconds: f64,
    /// Seconds until the first frame of a chunk reaches its encoder.
    pub start_seconds: f64,
}

/// One task of a scheduler: it encodes these chunks, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Which chunks: of each range the first one, and that before which it ends.
    pub chunks: Vec<Range<usize>>,
    /// Frames of them all.
    pub frames: u64,
    /// Seconds that it is expected to take.
    pub seconds: f64,
    /// Memory that it may take, in bytes.
    pub memory_bytes: u64,
}

/// What was handed to a scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// To whom: `slurm`, `parallel`, `kubernetes`.
    pub engine: String,
    /// Which tasks, by their numbers.
    pub tasks: Range<usize>,
    /// What the scheduler calls the job that encodes, and that which joins.
    pub ids: Vec<String>,
}

/// All tasks of a job, by their numbers from 0: `tasks.json`. Later submissions are added at the end, since a scheduler may
/// still begin tasks of an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tasks {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// To whom they were handed.
    pub submissions: Vec<Submission>,
}

impl Job {
    /// Reads one of the files of this kind; `None` if it is not there.
    fn told<T: DeserializeOwned>(&self, name: Name) -> Result<Option<T>> {
        told(&self.place, name)
    }

    /// Writes the line by which the job was planned.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_line(&self, line: &CommandLine) -> Result<()> {
        self.write(Name::Line, &serde_json::to_vec_pretty(line)?)
    }

    /// What a chunk is expected to take, if somebody has planned the job.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn hints(&self) -> Result<Option<Hints>> {
        self.told(Name::Hints)
    }

    /// Writes what a chunk is expected to take.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_hints(&self, hints: &Hints) -> Result<()> {
        self.write(Name::Hints, &serde_json::to_vec_pretty(hints)?)
    }

    /// The tasks of schedulers, if the job was handed to one.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn tasks(&self) -> Result<Option<Tasks>> {
        self.told(Name::Tasks)
    }

    /// Writes the tasks of schedulers.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_tasks(&self, tasks: &Tasks) -> Result<()> {
        self.write(Name::Tasks, &serde_json::to_vec_pretty(tasks)?)
    }
}

/// The line by which the job in `dir` was planned; `None` if none was recorded. With `shared`, it may be one of the directory's
/// group.
///
/// # Errors
/// [`Taken`](crate::os::exit::Taken) if somebody else may have written it;
/// [`TryAgain`](crate::os::exit::TryAgain) if there is no such directory; others if the line cannot be read.
pub fn planned_line(dir: &Path, shared: bool) -> Result<Option<CommandLine>> {
    let place = held(dir)?;
    // It names programs.
    require_own(&place, shared, PLANNED)?;
    told(&place, Name::Line)
}

/// Reads one of the files of this kind in a place; `None` if it is not there.
pub(super) fn told<T: DeserializeOwned>(place: &Place, name: Name) -> Result<Option<T>> {
    let path = place.file(name.to_string());
    match read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", place.shown(&path))),
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .with_context(|| format!("{} is damaged", place.shown(&path))),
    }
}
