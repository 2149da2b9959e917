//! A look at a job from outside: nothing is written, and no lock taken, whoever works on it.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::Result;
use serde::Serialize;

use super::{
    files::look_at,
    lease::{self, Observer, Worker},
    names::{CHUNKS, Name},
    place::Place,
    shares::{self, Shares},
    standing::Standing,
    state::{State, UnusableState, parse_state},
};

/// What becomes of a job right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Somebody works on it.
    Running,
    /// Somebody holds it, and was stopped as by Ctrl-Z.
    Paused,
    /// Somebody works on it, and pauses for the machine's other work.
    #[serde(rename = "paused")]
    MakesWay,
    /// Nobody works on it: it was stopped, or killed.
    Stopped,
    /// Nobody works on it: it was planned for any host to encode its chunks.
    Planned,
    /// Its output has its name, and the directory was kept.
    Finished,
    /// This av1enc cannot go on with it.
    Unusable,
}

/// What can be seen of a job.
#[derive(Debug)]
pub struct Look {
    /// Its directory, as it was named.
    pub dir: PathBuf,
    /// What becomes of it.
    pub condition: Condition,
    /// How its last run stands, or stood, as far as that is known to be of it.
    pub standing: Option<Standing>,
    /// How far its chunks are, if it was planned for any host to encode them.
    pub shares: Option<Shares>,
    /// The film, by the link in the directory.
    pub film: Option<PathBuf>,
    /// When anybody has last done anything for it, by the clock of its file system.
    pub touched: Option<SystemTime>,
    /// The number of the user to whom it belongs.
    pub owner: u32,
    /// Why it cannot be gone on with, if it cannot.
    pub why: Option<String>,
    /// Whether the directory is where that run has it.
    pub is_in_its_place: bool,
    /// The host that works on it, if one does and says so.
    pub holder: Option<String>,
}

/// Whether a directory may be one of a job.
#[must_use]
pub fn is_job(dir: &Path) -> bool {
    fs::symlink_metadata(dir.join(Name::Job.to_string())).is_ok_and(|found| found.is_file())
}

/// Looks at the job in `dir` from the host of this name; `None` if there is none. Whether another host lives whose lock does not
/// reach this one, the `observer` knows better the more often he looks.
///
/// # Errors
/// If it cannot be read.
pub fn look(dir: &Path, host: &str, observer: &Observer) -> Result<Option<Look>> {
    let there = |seen: io::Result<_>| match seen {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        seen => seen.map(Some),
    };
    let Some(place) = there(Place::held(dir))? else {
        return Ok(None);
    };
    let text = match look_at(&place.file(Name::Job.to_string())) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let state = parse_state(&text);
    if let Err(unusable) = &state
        && !is_ours(&place, unusable)
    {
        return Ok(None);
    }
    Seen { place, state }.from(host, observer).map(Some)
}

/// Whether the directory is a job's although its file is of no use.
fn is_ours(place: &Place, unusable: &UnusableState) -> bool {
    unusable.is_ours || unusable.is_damaged && place.file(Name::Lock.to_string()).exists()
}

/// When anybody has last done anything for the job in this place. Who only takes its lease does nothing for it.
pub(super) fn touched(place: &Place) -> Option<SystemTime> {
    let names = [Name::Job, Name::Standing, Name::Scenes, Name::Reader];
    let names = names.map(|name| name.to_string());
    let all = names.iter().map(String::as_str).chain([CHUNKS]);
    let modified = |name: &str| fs::symlink_metadata(place.file(name)).ok()?.modified().ok();
    all.filter_map(modified).max()
}

/// What is there of a job.
struct Seen {
    place: Place,
    state: Result<State, UnusableState>,
}

impl Seen {
    fn from(self, host: &str, observer: &Observer) -> Result<Look> {
        let holder = lease::holder(&self.place, observer)?;
        let standing = self.standing(holder.as_ref());
        let dir = fs::metadata(self.place.at())?;
        let shares = shares::look(&self.place, observer)?;
        let is_paused = |standing: &Standing| standing.runner.is_paused(host);
        let makes_way =
            |standing: &Standing| standing.easing.as_ref().is_some_and(|easing| easing.paused);
        let condition = match (&holder, &self.state) {
            (Some(_), _) if standing.as_ref().is_some_and(is_paused) => Condition::Paused,
            (Some(_), _) if standing.as_ref().is_some_and(makes_way) => Condition::MakesWay,
            (Some(_), _) => Condition::Running,
            (None, Err(_)) => Condition::Unusable,
            (None, Ok(state)) if state.named.is_some() => Condition::Finished,
            (None, Ok(_)) => match &shares {
                Some(shares) if shares.encoding.iter().any(|one| one.lives) => Condition::Running,
                Some(_) => Condition::Planned,
                None => Condition::Stopped,
            },
        };
        let is_it = |named: fs::Metadata| (named.dev(), named.ino()) == (dir.dev(), dir.ino());
        let in_its_place = |standing: &Standing| fs::metadata(&standing.dir).is_ok_and(is_it);
        Ok(Look {
            condition,
            film: fs::read_link(self.place.file(Name::Source.to_string())).ok(),
            touched: touched(&self.place),
            owner: dir.uid(),
            is_in_its_place: standing.as_ref().is_some_and(in_its_place),
            dir: self.place.name().to_owned(),
            why: self.state.err().map(|unusable| unusable.why),
            standing,
            holder: holder.and_then(|holder| holder.host),
            shares,
        })
    }

    /// How the last run stands: of this job, and of the process that holds it if one does.
    fn standing(&self, holder: Option<&Worker>) -> Option<Standing> {
        let state = self.state.as_ref().ok()?;
        let text = look_at(&self.place.file(Name::Standing.to_string())).ok()?;
        let standing: Standing = serde_json::from_slice(&text).ok()?;
        let is_of_it = standing.source == state.source;
        let runner = &standing.runner;
        let is_holders = holder.is_none_or(|holder| {
            let is_there = holder.host.as_ref().is_none_or(|host| *host == runner.host);
            is_there && holder.pid == runner.pid.to_string()
        });
        (is_of_it && is_holders).then_some(standing)
    }
}
