//! A job directory is claimed for a run, after the one that works on it.

use std::sync::Arc;

use anyhow::Result;

use super::guard::JobGuard;
use crate::{
    event::note,
    job::{self, Claim, Job, Observer},
    os::{room::Room, task::Watch},
    output::part,
    plan::Plan,
    settings::Config,
};

/// Waits until it is known whether another run works on the job, where only its lease says so, and if that is wanted for its end.
pub(super) fn wait_for_other_run(
    watch: &Watch<'_>,
    config: &Config,
    observer: &Arc<Observer>,
) -> Result<()> {
    if config.dry_run {
        return Ok(());
    }
    let (dir, waits) = (config.job_dir.clone(), config.waits);
    let (observer, sink) = (observer.clone(), watch.sink.clone());
    watch.over(move || job::wait_for_holder(&dir, &observer, waits, |message| note(&sink, message)))
}

/// Opens the job, or begins it.
pub(super) fn open_job(
    config: &Config,
    plan: &Plan,
    room: &Room,
    observer: &Observer,
) -> Result<JobGuard> {
    let claim = Claim {
        dir: &config.job_dir,
        input: &config.input,
        part: &part::path_of(&config.output),
        plan,
        restart: config.restart,
        shared: config.shared,
        room,
        observer,
    };
    let opened = room.wait("the job directory", || Job::open(&claim));
    opened.map(|job| JobGuard::of(Arc::new(job)))
}
