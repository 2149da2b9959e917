//! What goes on below some directories: the jobs there, and what came of films. Nothing is written, and nobody disturbed.

pub mod past;

use std::{
    ffi::OsStr,
    fmt, io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use nix::unistd::geteuid;
use serde::Serialize;
use walkdir::WalkDir;

use crate::{
    event::{Easing, lossy_path},
    job::{self, Condition, Figures, Look, Observer, Shares, Standing},
    os::{
        process::quoted,
        words::{count, plain, said},
    },
};

/// A job, as somebody reads of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// Its directory.
    #[serde(serialize_with = "lossy_path")]
    pub directory: PathBuf,
    /// What becomes of it.
    pub state: Condition,
    /// The film.
    pub film: Option<String>,
    /// Its output.
    pub output: Option<String>,
    /// The host of its last run.
    pub host: Option<String>,
    /// The process of that.
    pub pid: Option<u32>,
    /// How far that is, or was.
    #[serde(flatten)]
    pub figures: Option<Figures>,
    /// How it makes way for the machine's other work, and why, if somebody works on it and does.
    pub easing: Option<Easing>,
    /// How far its chunks are, if it was planned for any host to encode them.
    pub shares: Option<Shares>,
    /// Seconds since anything was done for it.
    pub idle_seconds: Option<u64>,
    /// What to type to go on with it, if nobody does.
    pub go_on: Option<String>,
    /// What is to be known of it, or why that cannot be said.
    pub note: Option<String>,
}

impl Seen {
    /// What there is to say of a job by a `look` from this host at this time.
    fn of(look: Look, host: &str, now: SystemTime) -> Self {
        let (go_on, note) = advice(&look, host);
        let idle = look.touched.map(|then| now.duration_since(then));
        let (standing, shares) = (look.standing, look.shares);
        let of_plan = |text: fn(&Shares) -> &String| shares.as_ref().map(text).cloned();
        let link = look.film.map(|film| film.to_string_lossy().into_owned());
        let of_run = |text: fn(&Standing) -> &String| standing.as_ref().map(text).cloned();
        Self {
            directory: look.dir,
            state: look.condition,
            film: of_run(|run| &run.film)
                .or_else(|| of_plan(|plan| &plan.film))
                .or(link),
            output: of_run(|run| &run.output).or_else(|| of_plan(|plan| &plan.output)),
            host: of_run(|run| &run.runner.host).or(look.holder),
            pid: standing.as_ref().map(|run| run.runner.pid),
            easing: easing(look.condition, standing.as_ref()),
            figures: standing
                .map(|run| run.figures)
                .or_else(|| shares.as_ref().map(Shares::figures)),
            shares,
            // Another host's clock may be ahead of ours.
            idle_seconds: idle.map(|idle| idle.unwrap_or_default().as_secs()),
            go_on,
            note,
        }
    }

    /// Whether somebody works on it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        is_held(self.state)
    }
}

fn is_held(condition: Condition) -> bool {
    use Condition::{MakesWay, Paused, Running};
    matches!(condition, Running | Paused | MakesWay)
}

/// How a run makes way. What one that was killed has told last is so no more.
fn easing(condition: Condition, standing: Option<&Standing>) -> Option<Easing> {
    let of_run = standing?.easing.clone();
    of_run.filter(|_| is_held(condition))
}

/// The same in a sentence.
fn shown(easing: &Easing) -> String {
    let why = &easing.message;
    match (easing.paused, easing.fewer_workers) {
        (true, _) => format!("paused because {why}; it goes on by itself"),
        (false, fewer) => format!("{} less: {why}", count(fewer as u64, "worker")),
    }
}

/// What to type to go on with a job, and what is to be known first.
fn advice(look: &Look, host: &str) -> (Option<String>, Option<String>) {
    let note = |text: &str| (None, Some(text.to_owned()));
    match look.condition {
        Condition::Running | Condition::MakesWay => {
            let easing = easing(look.condition, look.standing.as_ref());
            return (None, easing.as_ref().map(shown));
        }
        Condition::Paused => return note("stopped as by Ctrl-Z: `fg` or SIGCONT goes on"),
        Condition::Finished => return note("its output has its name, and the job was kept"),
        Condition::Unusable => {
            let why = look.why.as_deref().unwrap_or("is damaged");
            let text =
                format!("`job.json` {why}: the command that began it, with --restart, begins anew");
            return note(&text);
        }
        Condition::Stopped | Condition::Planned => (),
    }
    if look.owner != geteuid().as_raw() {
        let owner = look.owner;
        return note(&format!(
            "it belongs to user {owner}, who goes on by the command that began it"
        ));
    }
    if let (Condition::Planned, Some(shares)) = (look.condition, &look.shares) {
        return (Some(next_step(&look.dir, shares)), None);
    }
    let Some(run) = &look.standing else {
        return note(UNKNOWN);
    };
    // It was quoted when it was written: what has such signs now is not what was.
    let line = run.go_on.as_ref();
    let Some(line) = line.filter(|line| !line.contains(char::is_control)) else {
        return note(UNKNOWN);
    };
    let is_here = run.runner.host == host;
    let before = match (look.is_in_its_place, is_here) {
        (true, true) => None,
        (_, false) => Some(format!("type it on {}", run.runner.host)),
        (false, true) => Some(format!(
            "it was moved or copied: put it back first, as {}",
            quoted(&run.dir)
        )),
    };
    (Some(line.clone()), before)
}

/// What to type where chunks can be encoded on any host.
fn next_step(dir: &Path, shares: &Shares) -> String {
    let dir = quoted(dir.as_os_str());
    match shares.missing.is_empty() {
        true => format!("av1enc join {dir}"),
        false => format!("av1enc chunk {dir} --any"),
    }
}

const UNKNOWN: &str = "what was typed is not known any more: the command that began it goes on";

/// All that goes on.
#[derive(Debug, Default, Serialize)]
pub struct Overview {
    /// The jobs, by their directories.
    pub jobs: Vec<Seen>,
    /// What could not be read, each with the reason.
    pub unread: Vec<String>,
}

/// Trees of directories in which there are jobs.
pub struct Trees {
    roots: Vec<PathBuf>,
    host: String,
    observer: Observer,
    jobs: Vec<PathBuf>,
    unread: Vec<String>,
    /// When they were walked last, and how long that took.
    walked: Option<(Instant, Duration)>,
}

/// A walk takes at most this share of the time: large trees on slow disks are walked less often.
const SHARE: u32 = 20;

impl Trees {
    /// Those below `roots`, as seen from the host of this name.
    #[must_use]
    pub fn below(roots: Vec<PathBuf>, host: String) -> Self {
        Self {
            roots,
            host,
            observer: Observer::default(),
            jobs: Vec::new(),
            unread: Vec::new(),
            walked: None,
        }
    }

    /// Has the next look walk them in any case.
    pub fn forget(&mut self) {
        self.walked = None;
    }

    /// Looks at all jobs in them.
    pub fn look(&mut self) -> Overview {
        let is_fresh = |(at, took): &(Instant, Duration)| at.elapsed() < *took * SHARE;
        if !self.walked.as_ref().is_some_and(is_fresh) {
            let began = Instant::now();
            self.walk();
            self.walked = Some((Instant::now(), began.elapsed()));
        }
        let mut overview = Overview {
            jobs: Vec::new(),
            unread: self.unread.clone(),
        };
        let now = SystemTime::now();
        for dir in &self.jobs {
            match job::look(dir, &self.host, &self.observer) {
                Ok(look) => {
                    let seen = look.map(|look| Seen::of(look, &self.host, now));
                    overview.jobs.extend(seen);
                }
                Err(error) => overview.unread.push(unread(dir, said(&error))),
            }
        }
        overview
    }

    /// Finds the directories of jobs. No link is followed but one that the user has named.
    fn walk(&mut self) {
        (self.jobs, self.unread) = (Vec::new(), Vec::new());
        for root in &self.roots {
            let mut walk = WalkDir::new(root).into_iter();
            while let Some(entry) = walk.next() {
                match entry {
                    Ok(entry) if entry.file_type().is_dir() && job::is_job(entry.path()) => {
                        walk.skip_current_dir();
                        self.jobs.push(entry.into_path());
                    }
                    Ok(_) => (),
                    // What has gone while it was looked for is no loss.
                    Err(error) if error.depth() > 0 && is_gone(&error) => (),
                    Err(error) => {
                        let path = error.path().unwrap_or(root).to_owned();
                        let error = error.into_io_error();
                        let error = error.unwrap_or_else(|| io::Error::other("it is a loop"));
                        self.unread.push(unread(&path, error));
                    }
                }
            }
        }
        self.jobs.sort();
        self.jobs.dedup();
    }
}

fn is_gone(error: &walkdir::Error) -> bool {
    error
        .io_error()
        .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn unread(path: &Path, error: impl fmt::Display) -> String {
    let shown: &OsStr = path.as_os_str();
    plain(&format!("{} cannot be read: {error}", quoted(shown)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Stage,
        job::{Runner, SourceIdentity},
    };

    fn look(condition: Condition, in_its_place: bool) -> Look {
        let source = SourceIdentity {
            bytes: 1,
            hash: "abc".to_owned(),
        };
        let runner = Runner {
            pid: 1,
            began: 1,
            host: "here".to_owned(),
        };
        let standing = Standing {
            source,
            runner,
            film: "/a.mkv".to_owned(),
            output: "/b.mkv".to_owned(),
            dir: "/a job".into(),
            go_on: Some("cd / && av1enc a.mkv".to_owned()),
            figures: Figures::of(Stage::Encode),
            easing: None,
        };
        Look {
            dir: "/a job".into(),
            condition,
            standing: Some(standing),
            shares: None,
            film: None,
            touched: None,
            owner: geteuid().as_raw(),
            why: None,
            is_in_its_place: in_its_place,
            holder: None,
        }
    }

    #[test]
    fn a_line_is_given_only_where_it_goes_on_with_this_job() {
        let (stopped, line) = (Condition::Stopped, Some("cd / && av1enc a.mkv".to_owned()));
        assert_eq!(advice(&look(stopped, true), "here"), (line.clone(), None));
        let moved = advice(&look(stopped, false), "here");
        assert_eq!(moved.0, line);
        assert!(moved.1.unwrap().ends_with("put it back first, as '/a job'"));
        let elsewhere = advice(&look(stopped, false), "there");
        assert_eq!(elsewhere, (line, Some("type it on here".to_owned())));
        let without = |change: fn(&mut Look)| {
            let mut look = look(stopped, true);
            change(&mut look);
            advice(&look, "here")
        };
        let unknown = (None, Some(UNKNOWN.to_owned()));
        assert_eq!(without(|look| look.standing = None), unknown);
        let hostile = without(|look| {
            look.standing.as_mut().unwrap().go_on = Some("cd /\nrm a.mkv".to_owned());
        });
        assert_eq!(hostile, unknown);
        assert_eq!(without(|look| look.owner += 1).0, None);
        assert_eq!(
            advice(&look(Condition::Running, true), "here"),
            (None, None)
        );
        assert_eq!(advice(&look(Condition::Finished, true), "here").0, None);
    }

    #[test]
    fn that_a_run_makes_way_is_so_only_while_somebody_works_on_it() {
        let seen = |condition, paused| {
            let mut look = look(condition, true);
            look.standing.as_mut().unwrap().easing = Some(Easing {
                paused,
                fewer_workers: 1,
                message: "it is hot".to_owned(),
            });
            Seen::of(look, "here", SystemTime::now())
        };
        let hot = seen(Condition::Running, false);
        assert_eq!(hot.note.as_deref(), Some("1 worker less: it is hot"));
        let paused = seen(Condition::MakesWay, true);
        let why = "paused because it is hot; it goes on by itself";
        assert_eq!(paused.note.as_deref(), Some(why));
        assert!(paused.is_held() && paused.easing.is_some());
        let killed = seen(Condition::Stopped, true);
        assert_eq!((killed.note, killed.easing), (None, None));
        let halted = seen(Condition::Paused, true).note.unwrap();
        assert!(halted.contains("Ctrl-Z"), "{halted}");
    }
}
