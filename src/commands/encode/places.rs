//! Where things are written: nothing of somebody else's is there, it can be written, and there is room.

use anyhow::{Context, Result};

use super::{made::Made, proof, replacing, run::Run};
use crate::{
    event::{Sink, warn},
    film::media::MediaInfo,
    job,
    os::{disk, process::quoted},
    output::{original::Original, part},
    settings::Config,
};

/// Refuses an output that is the input, or something else's.
pub(super) fn refuse_taken(config: &Config, sink: &Sink) -> Result<()> {
    if let Some(original) = Original::of(config) {
        return replacing::require_place(&original, config, sink);
    }
    part::refuse_input(config)?;
    let may_be_named = !config.restart && job::may_have_named(&config.job_dir, &config.output);
    let is_not_written = config.dry_run || config.cuts.only;
    part::refuse_existing(
        &config.output,
        config.overwrite || is_not_written || may_be_named,
    )
}

/// Makes sure that what will be written can be, where it is to be.
pub(super) fn require_places(config: &Config) -> Result<()> {
    if config.cuts.only {
        return Ok(());
    }
    // Of a plan, too: who would have to find out only once all chunks are encoded?
    part::require_writable(&config.output)?;
    proof::require_place(config)
}

impl Run<'_> {
    /// Warns where the film may not fit. While it is encoded, the disk is watched.
    pub(super) fn warn_of_small_disks(&self, media: &MediaInfo) {
        let video = self.plan.likely_bytes(media);
        for dir in [
            self.config.job_dir.as_path(),
            part::dir_of(&self.config.output),
        ] {
            if let Err(error) = disk::require(dir, video, "what is expected (a guess)") {
                warn(self.watch.sink, format!("{error:#}"));
            }
        }
        let dir = part::dir_of(&self.config.output);
        if let Err(error) = disk::require_size(dir, video, "the film's video (a guess)") {
            let instead = "name an output on another file system with -o";
            warn(self.watch.sink, format!("{error:#}: {instead}"));
        }
    }

    /// Makes sure that a file may be as large as the joined film where that is to be.
    pub(super) fn require_size(&self, made: &Made) -> Result<()> {
        let dir = part::dir_of(&self.config.output);
        disk::require_size(dir, made.video_bytes(), "the output's video").with_context(|| {
            format!(
                "the chunks are kept: join them by the same command with --temp {} and with an output on another file \
                 system (-o)",
                quoted(self.config.job_dir.as_os_str())
            )
        })
    }
}
