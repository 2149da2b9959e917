//! Runs ffmpeg over a file, and hears what a disk does not give it: ffmpeg goes on behind that, or takes it for the end of the
//! file, and exits with 0. What is missing then looks like damage of the film, or like its end.

use std::{io::Read, process::Command};

use anyhow::{Result, bail};

use crate::os::{
    process::{Children, Finished, ToolFailure, tells_of_unreadable},
    toolbox::Toolbox,
};

/// Whoever has ffmpeg read a file, and does not believe it where some of that was not given.
#[derive(Clone, Copy)]
pub struct Listener<'a> {
    children: &'a Children,
    /// What the file is called.
    what: &'static str,
    /// The name of its container.
    format: &'a str,
}

impl<'a> Listener<'a> {
    /// For the source, of the container `format`.
    #[must_use]
    pub fn of_source(tools: &'a Toolbox, format: &'a str) -> Self {
        Self {
            children: &tools.children,
            what: "the source",
            format,
        }
    }

    /// For a file of ours.
    #[must_use]
    pub fn of_ours(tools: &'a Toolbox) -> Self {
        Self {
            children: &tools.children,
            what: "what was written",
            format: "Matroska",
        }
    }

    /// As [`Children::stream`].
    ///
    /// # Errors
    /// The same, and if some of the file was not given.
    pub fn stream<T>(
        self,
        command: Command,
        reader: impl FnOnce(&mut dyn Read) -> Result<T>,
    ) -> Result<T> {
        match self.children.stream_and_words(command, reader) {
            Ok((read, said)) => self.require_all(&said).map(|()| read),
            Err(error) => {
                let failed = error.downcast_ref::<ToolFailure>();
                self.require_all(failed.map_or(&[], |failed| &failed.stderr))?;
                Err(error)
            }
        }
    }

    /// As [`Children::finish`].
    ///
    /// # Errors
    /// The same, and if some of the file was not given.
    pub fn finish(self, command: Command) -> Result<Finished> {
        let finished = self.children.finish(command)?;
        self.require_all(&finished.stderr)?;
        Ok(finished)
    }

    /// As [`Children::output`].
    ///
    /// # Errors
    /// The same, and if some of the file was not given.
    pub fn output(self, command: Command) -> Result<Vec<u8>> {
        self.finish(command)?.output()
    }

    /// Fails if ffmpeg has `said`, while it read the file, that it was not given some of it.
    ///
    /// # Errors
    /// That.
    pub fn require_all(self, said: &[String]) -> Result<()> {
        let Self { what, format, .. } = self;
        let unreadable = |line: &&String| tells_of_unreadable(line) && !is_of_the_end(format, line);
        match said.iter().find(unreadable) {
            Some(line) => bail!(
                "{what} could not be read, for a moment at least ({line}): look at its disk, and repeat the command"
            ),
            None => Ok(()),
        }
    }
}

/// Whether `said` is what ffmpeg says at the end of every file of a `format`, for its reader has no other word for the end.
#[must_use]
pub fn is_of_the_end(format: &str, said: &str) -> bool {
    const ENDS: [(&str, &str); 2] = [
        ("gxf", ": Operation not permitted"),
        ("roq", ": Input/output error"),
    ];
    ENDS.iter()
        .any(|(of, end)| *of == format && said.ends_with(end))
}
