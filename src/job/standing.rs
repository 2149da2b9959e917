//! `state.json`: what a run of the job does right now, for whoever looks.
//!
//! A run replaces it when a stage begins, and else at most every two seconds; it is not synced. Nothing depends on it: that it
//! is missing, damaged, or another job's harms no run, and whether it is still so says the lease of the job.

use std::{
    ffi::OsString,
    process,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Job, files::remove_if_there, identity::SourceIdentity, names::Name};
use crate::{
    event::{Easing, Event, Progress, Stage},
    os::process::life,
};

/// Between two records of one stage.
const EVERY: Duration = Duration::from_secs(2);

/// The process that works on a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runner {
    /// Its number.
    pub pid: u32,
    /// When it began, in ticks since its host did: another process may have its number later.
    pub began: u64,
    /// Its host.
    pub host: String,
}

impl Runner {
    /// This process, on the host of this name.
    #[must_use]
    pub fn this(host: String) -> Self {
        let pid = process::id();
        let began = life(pid).map_or(0, |life| life.began);
        Self { pid, began, host }
    }

    /// Whether it is stopped as by Ctrl-Z, as seen from the host of this name.
    #[must_use]
    pub fn is_paused(&self, host: &str) -> bool {
        let is_it = |life: &crate::os::process::Life| life.began == self.began;
        host == self.host
            && life(self.pid)
                .filter(is_it)
                .is_some_and(|life| life.stopped)
    }
}

/// How far a run is. What is not known, or not of this stage, is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// What it does.
    pub stage: Stage,
    /// How much of that is done.
    pub percent: Option<f64>,
    /// Frames that are encoded.
    pub frames: Option<u64>,
    /// Frames of the whole film.
    pub total_frames: Option<u64>,
    /// Frames in a second, over the last five minutes of work.
    pub fps: Option<f64>,
    /// Seconds until the last chunk is expected to be done.
    pub eta_seconds: Option<f64>,
    /// Encoders that run.
    pub workers: Option<usize>,
    /// Resident memory of the run and its encoders.
    pub memory_bytes: Option<u64>,
}

impl Figures {
    /// At the beginning of a stage.
    #[must_use]
    pub fn of(stage: Stage) -> Self {
        Self {
            stage,
            percent: None,
            frames: None,
            total_frames: None,
            fps: None,
            eta_seconds: None,
            workers: None,
            memory_bytes: None,
        }
    }

    /// What they become by an event, if it says anything of them.
    fn after(event: &Event) -> Option<Self> {
        match event {
            Event::Stage { stage } => Some(Self::of(*stage)),
            Event::Fraction { stage, fraction } => Some(Self {
                percent: Some(100.0 * fraction),
                ..Self::of(*stage)
            }),
            Event::Progress(progress) => Some(Self::encoding(progress)),
            _ => None,
        }
    }

    fn encoding(progress: &Progress) -> Self {
        let total = progress.total_frames;
        Self {
            stage: Stage::Encode,
            percent: Some(100.0 * progress.frames as f64 / total.max(1) as f64),
            frames: Some(progress.frames),
            total_frames: Some(total),
            fps: Some(progress.fps),
            eta_seconds: progress.eta_seconds,
            workers: Some(progress.workers),
            memory_bytes: Some(progress.memory_bytes),
        }
    }
}

/// `state.json`. Paths are text for people, but for the directory's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The source of the job: whoever finds this in the directory of another job believes none of it.
    pub source: SourceIdentity,
    /// Who works on it.
    #[serde(flatten)]
    pub runner: Runner,
    /// The film.
    pub film: String,
    /// Its output.
    pub output: String,
    /// The directory, as the run has it.
    pub dir: OsString,
    /// What to type in a shell of that host to go on with the job, if that can be said.
    pub go_on: Option<String>,
    /// How far it is.
    #[serde(flatten)]
    pub figures: Figures,
    /// How it makes way for the machine's other work, and why, if it does.
    pub easing: Option<Easing>,
}

impl Standing {
    /// What makes a record due at once.
    fn signs(&self) -> (Stage, Option<(bool, usize)>) {
        let easing = self.easing.as_ref();
        let easing = easing.map(|easing| (easing.paused, easing.fewer_workers));
        (self.figures.stage, easing)
    }
}

impl Job {
    /// Removes what was said of a run that has come to its end, where the job stays.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget_standing(&self) -> Result<()> {
        remove_if_there(&self.path(Name::Standing))
    }
}

/// Tells how a run makes way at a moment, if it does.
type Easings = Box<dyn Fn() -> Option<Easing> + Send + Sync>;

/// Keeps `state.json` up to date with what happens.
pub struct Telling {
    job: Arc<Job>,
    easings: Easings,
    told: Mutex<Told>,
}

struct Told {
    standing: Standing,
    last: Instant,
    /// Whether it was said that it cannot be written.
    complained: bool,
}

impl Telling {
    /// Begins with how a run of the `job` stands at its beginning; `easings` tells how it makes way. Also returns why that
    /// cannot be written, if it cannot.
    #[must_use]
    pub fn begin(job: Arc<Job>, standing: Standing, easings: Easings) -> (Self, Option<String>) {
        let told = Told {
            standing,
            last: Instant::now(),
            complained: false,
        };
        let telling = Self {
            job,
            easings,
            told: Mutex::new(told),
        };
        let mut told = telling.told.lock().unwrap_or_else(PoisonError::into_inner);
        let complaint = telling.write(&mut told);
        drop(told);
        (telling, complaint)
    }

    /// Records what happens, if that is due. Returns why it cannot be written, the first time that it cannot.
    pub fn hear(&self, event: &Event) -> Option<String> {
        let figures = Figures::after(event);
        if figures.is_none() && !matches!(event, Event::Neighbour(_)) {
            return None;
        }
        // Before anything is locked here.
        let easing = (self.easings)();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let signs = told.standing.signs();
        let standing = &mut told.standing;
        standing.easing = easing;
        if let Some(figures) = figures {
            standing.figures = figures;
        }
        let is_due = told.standing.signs() != signs || told.last.elapsed() >= EVERY;
        is_due.then(|| self.write(&mut told)).flatten()
    }

    fn write(&self, told: &mut Told) -> Option<String> {
        told.last = Instant::now();
        let write = || -> Result<()> {
            let text = serde_json::to_vec(&told.standing)?;
            self.job.put(Name::Standing, &text)
        };
        let error = write().err().filter(|_| !told.complained)?;
        told.complained = true;
        Some(format!("`av1enc status` does not see this run: {error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_stage_that_goes_on() {
        let progress = Progress {
            frames: 30,
            total_frames: 120,
            fps: 4.0,
            workers: 2,
            memory_bytes: 7,
            ..Progress::default()
        };
        let encoding = Figures::after(&Event::Progress(progress)).unwrap();
        assert_eq!((encoding.percent, encoding.workers), (Some(25.0), Some(2)));
        let join = Event::Stage { stage: Stage::Join };
        assert_eq!(Figures::after(&join), Some(Figures::of(Stage::Join)));
        let message = String::new();
        assert_eq!(Figures::after(&Event::Note { message }), None);
    }

    #[test]
    fn a_process_that_runs_is_not_paused_and_another_with_its_number_is_not_it() {
        let this = Runner::this("here".to_owned());
        assert!(this.began > 0 && !this.is_paused("here"));
        let mut child = process::Command::new("sleep").arg("100").spawn().unwrap();
        let pid = child.id();
        let signal = |signal| {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
            nix::sys::signal::kill(pid, signal).unwrap();
        };
        signal(nix::sys::signal::Signal::SIGSTOP);
        while !life(pid).unwrap().stopped {
            std::thread::yield_now();
        }
        let began = life(pid).unwrap().began;
        let host = "here".to_owned();
        let runner = Runner { pid, began, host };
        assert!(runner.is_paused("here") && !runner.is_paused("there"));
        let earlier = Runner {
            began: began - 1,
            ..runner
        };
        assert!(!earlier.is_paused("here"));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
