//! What happens, in a file of the user's.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use super::{plain_text, summary, text};
use crate::{event::Event, os::process::quoted};

/// Between two lines of progress.
const EVERY: Duration = Duration::from_secs(5);

/// A file to which what happens is appended, a line for each event.
pub struct Log(Mutex<State>);

struct State {
    file: File,
    /// When progress was written last.
    last: Option<Instant>,
}

impl Log {
    /// Opens a file for that, or makes it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| {
            format!(
                "opening the log {}: name another file with --log-file",
                quoted(path.as_os_str())
            )
        })?;
        Ok(Self(Mutex::new(State { file, last: None })))
    }

    /// Writes a line. A disk that is full or gone does not stop the run.
    pub fn line(&self, text: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(state.file, "{text}");
    }

    /// Writes what happens.
    pub(super) fn event(&self, event: &Event) {
        match event {
            Event::Stage { stage } => self.line(text::label(*stage)),
            Event::Warning { message } => self.line(&format!("warning: {message}")),
            Event::Note { message } | Event::Detail { message } => self.line(message),
            Event::Decided(decided) => text::decided(decided)
                .iter()
                .for_each(|line| self.line(line)),
            Event::Progress(progress) if self.is_due() => self.line(&plain_text(progress)),
            Event::Progress(_) | Event::Fraction { .. } => (),
            Event::Finished(report) => self.line(&summary(report)),
        }
    }

    /// Whether the last line of progress is so old that another one is due.
    fn is_due(&self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = state.last.is_none_or(|last| last.elapsed() >= EVERY);
        if is_due {
            state.last = Some(Instant::now());
        }
        is_due
    }
}
