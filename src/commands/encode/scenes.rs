//! The scenes of a film, where the user wants them.

use anyhow::Result;

use super::{made::Made, run::Run};
use crate::{event::warn, film::media::Chunk};

impl Run<'_> {
    /// Finds the scenes of the film, and encodes nothing.
    pub(super) fn find_scenes(&self) -> Result<()> {
        self.scenes_of(self.opening().open(None)?)?;
        if !self.config.keep {
            self.job.remove()?;
        }
        Ok(())
    }

    /// Writes the scenes where the user wants them. They are no part of the film: what fails of that is a warning.
    pub(super) fn tell_scenes(&self, made: &Made) {
        let chunks: Vec<Chunk> = made
            .chunks
            .iter()
            .map(|chunk| chunk.record().chunk)
            .collect();
        if let Err(error) = self.write_scenes(&chunks) {
            warn(self.watch.sink, format!("{error:#}"));
        }
    }
}
