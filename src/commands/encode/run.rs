//! What a run has at hand once it is planned, and what its steps make of that.

use std::sync::Arc;

use anyhow::Error;

use super::{account::Account, guard::JobGuard};
use crate::{
    doctor::Programs,
    film::media::MediaInfo,
    job::{Job, Observer},
    neighbour::Board,
    os::{machine::host, process::quoted, signal::Interrupted, task::Watch},
    plan::Plan,
    settings::{Config, Method},
    source::probe::Probed,
    work::{chunk::Workshop, decoded::Samples, reading::Opening, shared::Shared},
};

/// What a run has at hand once it is planned.
pub(super) struct Run<'a> {
    pub(super) watch: &'a Watch<'a>,
    pub(super) account: &'a Account<'a>,
    pub(super) config: &'a Config,
    pub(super) programs: &'a Programs,
    /// The directory of the job, as long as it may come to nothing.
    pub(super) guard: &'a JobGuard,
    pub(super) job: &'a Arc<Job>,
    pub(super) plan: &'a Plan,
    pub(super) probed: &'a Probed,
    /// Whether the film is a stretch of the user's film.
    pub(super) is_clip: bool,
    /// Where it is posted how much it works, for the sake of the machine's other work.
    pub(super) board: &'a Board,
    /// Who takes leases.
    pub(super) observer: &'a Arc<Observer>,
}

impl Run<'_> {
    pub(super) fn opening(&self) -> Opening<'_> {
        Opening {
            watch: self.watch,
            config: self.config,
            tools: &self.programs.tools,
            ffmpeg: &self.programs.ffmpeg,
            has_vapoursynth: self.config.method != Method::Linear,
            job: self.job,
            workers: self.plan.workers.most,
            bit_depth: self.plan.recipe.video.picture.bit_depth,
            probed: self.probed,
        }
    }

    /// What all chunks have in common.
    pub(super) fn workshop(&self, media: Arc<MediaInfo>) -> Workshop {
        // Who cannot read them finds them again, and says why.
        let known = self.job.known_scenes().unwrap_or_default();
        let share = || Arc::new(Shared::with(self.observer.clone()));
        Workshop {
            job: self.job.clone(),
            media,
            recipe: Arc::new(self.plan.recipe.clone()),
            encoder: self.programs.encoder.clone(),
            tools: self.programs.tools.clone(),
            samples: Samples::default(),
            host: host(),
            shared: known.is_for_all_hosts().then(share),
            hashes: Arc::new(known.hashes),
        }
    }

    /// What has failed, where the source may be another one than that of the work that is there.
    pub(super) fn explained_by_writing(&self, error: Error) -> Error {
        if !self.job.source_was_written || error.is::<Interrupted>() {
            return error;
        }
        let film = quoted(self.config.input.as_os_str());
        error.context(format!(
            "{film} was written since the earlier run began: if it is another film now, add --restart"
        ))
    }
}
