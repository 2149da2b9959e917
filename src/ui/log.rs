//! What happens, in a file of the user's.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};
use nix::libc::O_NONBLOCK;

use super::{lines::Lines, summary, text};
use crate::{event::Event, os::process::quoted};

/// A file to which what happens is appended, a line for each event.
pub struct Log(Mutex<State>);

struct State {
    file: File,
    lines: Lines,
}

impl Log {
    /// Opens a file for that, or makes it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).custom_flags(O_NONBLOCK);
        // A FIFO that nobody reads is an error, and not waited for.
        let file = options.open(path);
        let file = file.with_context(|| {
            format!(
                "opening the log {}: name another file with --log-file",
                quoted(path.as_os_str())
            )
        })?;
        let lines = Lines::new(true, true);
        Ok(Self(Mutex::new(State { file, lines })))
    }

    /// Writes a line. A disk that is full or gone does not stop the run.
    pub fn line(&self, text: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.write(text);
    }

    /// Writes what happens.
    pub(super) fn event(&self, event: &Event) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match event {
            Event::Finished(report) => Some(summary(report)),
            Event::Clip(clip) => Some(text::clip(clip)),
            other => state.lines.of(other),
        };
        if let Some(line) = line {
            state.write(&line);
        }
    }
}

impl State {
    fn write(&mut self, text: &str) {
        let _ = writeln!(self.file, "{text}");
    }
}
