//! Opens the film for reading, and the file that will be the output.

use anyhow::Result;
use num_rational::Ratio;

use super::{chunks, run::Run, whole};
use crate::{
    crew::stall,
    encoder,
    event::note,
    film::media::MediaInfo,
    os::task::{Task, begin},
    output::part::PartFile,
    stream::y4m,
    work::{sound, trial::Trial},
};

/// A film that can be read.
pub(super) enum Film {
    InChunks(chunks::Opened),
    InOneGo(whole::Opened),
}

impl Film {
    pub(super) fn media(&self) -> &MediaInfo {
        match self {
            Self::InChunks(film) => &film.media,
            Self::InOneGo(film) => &film.media,
        }
    }
}

impl Run<'_> {
    /// Opens the film for reading, and the file that will be the output. What comes of the encoder's trial is heard
    /// before anything long.
    pub(super) fn open(&self) -> Result<(PartFile, Film)> {
        // Only who holds the job may touch what is being written for it.
        let (output, overwrite) = (&self.config.output, self.config.overwrite);
        let room = self.job.room();
        let part = room.wait("the output's file", || PartFile::create(output, overwrite))?;
        let trial = self.try_encoder();
        self.settle_sound()?;
        let film = match self.config.direct {
            true => Film::InOneGo(self.open_whole(trial)?),
            false => Film::InChunks(self.opening().open(trial)?),
        };
        self.require_scenes_of(film.media())?;
        Ok((part, film))
    }

    /// ffmpeg's options for sound are tried on the film's own, before anything long and before the job is made to be with
    /// them: what is wrong with them then stands in nobody's way.
    pub(super) fn settle_sound(&self) -> Result<()> {
        let container = &self.probed.container;
        if let Some(wanted) = self.new_sound(container) {
            let tools = self.programs.tools.clone();
            let (job, container) = (self.job.clone(), container.clone());
            self.watch
                .over(move || sound::try_out(&tools, &job, &container, &wanted))?;
        }
        if let Some(other) = &self.job.other_sound {
            self.job.adopt_sound(self.plan)?;
            let now = self.plan.recipe.sound();
            note(
                self.watch.sink,
                format!("sound: {other} in the earlier run, {now} now; the picture stays"),
            );
        }
        Ok(())
    }

    /// Begins to try the encoder with the recipe on two frames, unless chunks of this job show that it takes it.
    pub(super) fn try_encoder(&self) -> Option<Task<()>> {
        if self.job.has_chunks() {
            return None;
        }
        let (width, height) = self.probed.container.video.shape().size();
        // What a container says of its rate may be nonsense, which the index will see through.
        let rate = self
            .probed
            .rates
            .first()
            .copied()
            .unwrap_or_else(|| Ratio::from_integer(24));
        let bit_depth = self.plan.recipe.video.picture.bit_depth;
        let format = y4m::Format {
            width,
            height,
            fps: encoder::rate(rate),
            bit_depth,
        };
        let preset = self.plan.recipe.video.preset;
        let patience = self.config.stall_timeout;
        let patience = patience.unwrap_or_else(|| stall::timeout(width, height, preset));
        let programs = &self.programs;
        let trial = Trial {
            tools: programs.tools.clone(),
            encoder: programs.encoder.clone(),
            recipe: self.plan.recipe.clone(),
            user: self.config.video.params.clone(),
            job: self.job.clone(),
            format,
            patience,
        };
        let room = self.job.room().clone();
        Some(begin(move || {
            room.wait("the encoder's trial", || trial.require_accepted())
        }))
    }
}
