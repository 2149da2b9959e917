//! The directory of a job that may still come to nothing.

use std::{cell::Cell, sync::Arc};

use anyhow::Result;

use crate::{job::Job, os::signal::Interrupted};

/// What becomes of a directory when its guard is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// There is no work in it: it is removed, unless the run was only stopped, or has done all that was wanted.
    Open,
    /// There is no work in it that helps any later run: it is removed, whatever the run came to.
    Useless,
    /// There is work in it: it stays.
    Kept,
}

/// Holds the directory of a job, and removes it when dropped unless it is kept: with no work in it, it would only stand in the
/// way of another source.
#[derive(Debug)]
pub(super) struct JobGuard {
    job: Arc<Job>,
    fate: Cell<Fate>,
}

impl JobGuard {
    /// That of a job which a run has opened. One that is gone on with has work of an earlier run in it.
    pub(super) fn of(job: Arc<Job>) -> Self {
        let fate = if job.resumed { Fate::Kept } else { Fate::Open };
        Self {
            job,
            fate: fate.into(),
        }
    }

    /// The job.
    pub(super) fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// From now on there is work in the directory.
    pub(super) fn keep(&self) {
        self.fate.set(Fate::Kept);
    }

    /// What this run has put into the directory is of no use to any other. What an earlier run has left there stays.
    pub(super) fn give_up(&self) {
        if !self.job.resumed {
            self.fate.set(Fate::Useless);
        }
    }

    /// The run has come to this `outcome`.
    pub(super) fn end<T>(self, outcome: Result<T>) -> Result<T> {
        let goes_on = match &outcome {
            Ok(_) => true,
            Err(error) => error.is::<Interrupted>(),
        };
        if goes_on && self.fate.get() == Fate::Open {
            self.keep();
        }
        outcome
    }
}

impl Drop for JobGuard {
    fn drop(&mut self) {
        if self.fate.get() != Fate::Kept {
            // Why it came to nothing is what the user must hear of.
            let _ = self.job.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use anyhow::anyhow;

    use super::*;
    use crate::{
        job::{Claim, Observer},
        os::{room::Room, signal::Signal},
        plan::examples::plan,
    };

    /// Whether the directory of a job is there after a run that did `during` and then ended with `outcome`.
    fn stays(dir: &Path, during: fn(&JobGuard), outcome: Result<()>) -> bool {
        let (film, job) = (dir.join("film"), dir.join("job"));
        fs::write(&film, "a film").unwrap();
        let claim = Claim {
            dir: &job,
            input: &film,
            part: Path::new("/nowhere"),
            plan: &plan("mainline"),
            restart: false,
            shared: false,
            room: &Room::without_patience(),
            observer: &Observer::default(),
        };
        let guard = JobGuard::of(Arc::new(Job::open(&claim).unwrap()));
        during(&guard);
        let is_ok = outcome.is_ok();
        assert_eq!(guard.end(outcome).is_ok(), is_ok);
        job.exists()
    }

    fn failed() -> Result<()> {
        Err(anyhow!("it failed"))
    }

    fn stopped() -> Result<()> {
        Err(anyhow!(Interrupted(Signal::SIGINT)).context("encoding"))
    }

    #[test]
    fn a_job_that_came_to_nothing_leaves_no_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!stays(dir.path(), |_| (), failed()));
        assert!(!stays(dir.path(), JobGuard::give_up, failed()));
        let given_up = |guard: &JobGuard| {
            guard.keep();
            guard.give_up();
        };
        assert!(!stays(dir.path(), given_up, failed()));
        assert!(!stays(dir.path(), JobGuard::give_up, stopped()));
    }

    #[test]
    fn a_directory_stays_with_work_in_it_and_of_a_run_that_was_stopped_or_did_what_it_should() {
        for (during, outcome) in [
            ((|_| ()) as fn(&JobGuard), stopped()),
            (|_| (), Ok(())),
            (JobGuard::keep, failed()),
        ] {
            let dir = tempfile::tempdir().unwrap();
            assert!(stays(dir.path(), during, outcome));
        }
    }

    #[test]
    fn the_directory_of_an_earlier_run_stays_whatever_becomes_of_this_one() {
        let dir = tempfile::tempdir().unwrap();
        assert!(stays(dir.path(), |_| (), stopped()));
        assert!(stays(dir.path(), |_| (), failed()));
        assert!(stays(dir.path(), JobGuard::give_up, failed()));
    }

    #[test]
    fn a_job_whose_run_panics_before_there_is_work_leaves_no_directory() {
        let dir = tempfile::tempdir().unwrap();
        let panics = || stays(dir.path(), |_| panic!("a defect"), Ok(()));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert!(!dir.path().join("job").exists());
    }
}
