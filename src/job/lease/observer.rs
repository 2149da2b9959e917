//! Who watches the leases of others, and what he makes of them. He needs no clock but his own: a holder is dead when nothing
//! of his lease has changed for as long as its holder himself has said, while it was looked at.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail};

use super::{
    file::{Found, LeaseFile, Sign},
    heart::{Heart, Hold},
    holder::Holder,
};
use crate::os::process::runs;

/// How long a holder is silent before he counts as dead, where nobody says.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often somebody else may be faster before it is the file system that is wrong.
const TRIES: usize = 20;

/// Whether the holder of a lease lives, as far as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// He was seen to.
    Lives,
    /// He is of another host, and was not watched for long enough.
    Unsure,
    /// He does not: the lease can be taken over.
    Dead,
}

/// A lease of somebody else, as it was seen.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// Who holds it; `None` where its file is damaged, or not written yet.
    pub holder: Option<Box<Holder>>,
    /// Whether he lives.
    pub judgement: Judgement,
    /// When he has last shown that, by the clock of the file system.
    pub modified: Option<SystemTime>,
    /// After how long without a sign of life he counts as dead.
    pub timeout: Duration,
}

impl Sighting {
    /// Whether he seems to live: of another host, which was not watched for long enough, the clocks have to tell.
    #[must_use]
    pub fn seems_to_live(&self, now: SystemTime) -> bool {
        match self.judgement {
            Judgement::Lives => true,
            Judgement::Dead => false,
            Judgement::Unsure => self.is_fresh(now),
        }
    }

    /// Whether he has shown within the time that he has named that he lives, as far as the clocks of two machines agree.
    fn is_fresh(&self, now: SystemTime) -> bool {
        // The other clock may be ahead of ours.
        let age = |modified| now.duration_since(modified).unwrap_or_default();
        self.modified
            .is_some_and(|modified| age(modified) <= self.timeout)
    }
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some(holder) => holder.fmt(f),
            None => f.write_str("somebody whose lease cannot be read"),
        }
    }
}

/// What came of asking for a lease.
#[derive(Debug)]
pub(super) enum Taking {
    Ours(Arc<Hold>),
    Held(Sighting),
}

/// Takes leases, and remembers what it has seen of those of others. A process has one for all of its leases: it renews them.
#[derive(Debug)]
pub struct Observer {
    /// This process, as the holder of any lease.
    here: Holder,
    sights: Mutex<Sights>,
    heart: Heart,
}

impl Default for Observer {
    fn default() -> Self {
        Self::new(TIMEOUT)
    }
}

impl Observer {
    /// One whose own leases count as those of a dead man after so long without a sign of life; whole seconds, rounded up.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        let here = Holder::this(timeout);
        Self {
            sights: Mutex::default(),
            heart: Heart::beating(here.timeout() / BEATS),
            here,
        }
    }

    /// Looks at a lease; `None` if nobody holds it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn look(&self, file: &LeaseFile) -> Result<Option<Sighting>> {
        self.look_beside(file, None)
    }

    /// The same of a lease whose holder has a lock as well, where nobody has that on the file system with the number `device`.
    ///
    /// # Errors
    /// The same.
    pub(super) fn look_beside(
        &self,
        file: &LeaseFile,
        device: Option<u64>,
    ) -> Result<Option<Sighting>> {
        let seen = self.seen(file, device)?;
        Ok(seen.map(|(_, sighting)| sighting))
    }

    /// After how long without a sign of life its own leases expire.
    pub(super) fn timeout(&self) -> Duration {
        self.here.timeout()
    }

    /// Takes a lease, unless somebody holds it who may live. `device` is the number of the file system if this process holds a
    /// lock of it, which everybody there who takes this lease has to hold: whoever has it on record is not there any more.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn take(&self, file: &LeaseFile, device: Option<u64>) -> Result<Taking> {
        let taking = || format!("taking {}", file.shown());
        for _ in 0..TRIES {
            match self.seen(file, device)? {
                None => {
                    let own = Holder {
                        nonce: Holder::fresh_nonce(),
                        device,
                        ..self.here.clone()
                    };
                    if file.take(&own).with_context(taking)? {
                        return self.heart.hold(file.clone(), own).map(Taking::Ours);
                    }
                }
                Some((found, sighting)) if sighting.judgement == Judgement::Dead => {
                    let sign = found.sign();
                    file.take_away(|moved| moved.sign() == sign)
                        .with_context(taking)?;
                }
                Some((_, sighting)) => return Ok(Taking::Held(sighting)),
            }
        }
        bail!(
            "{} can neither be taken nor read: its file system does not keep what is written there. Name a directory on another \
             one with --temp",
            file.shown()
        );
    }

    fn seen(&self, file: &LeaseFile, device: Option<u64>) -> Result<Option<(Found, Sighting)>> {
        let key = file.key();
        // From before it is read: what is read may have been written as late as that.
        let now = Instant::now();
        let found = file.read();
        let found = found.with_context(|| format!("reading {}", file.shown()))?;
        let mut sights = self.sights.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = found else {
            sights.forget(&key);
            return Ok(None);
        };
        let known = found.holder.as_ref().and_then(|holder| {
            let has_our_lock =
                device.is_some() && holder.device == device && holder.boot == self.here.boot;
            match has_our_lock {
                true => Some(false),
                false => holder.is_seen_to_run(&self.here, runs),
            }
        });
        let by_signs = sights.judge(key, &found, self.here.timeout(), now);
        let judgement = match (known, by_signs) {
            (Some(false), _) => Judgement::Dead,
            // One that was stopped, as by Ctrl-Z, gives no signs either.
            (Some(true), Judgement::Unsure) => Judgement::Lives,
            (_, by_signs) => by_signs,
        };
        let holder = found.holder.as_ref();
        let sighting = Sighting {
            timeout: holder.map_or(self.here.timeout(), Holder::timeout),
            modified: found.modified,
            holder: holder.cloned().map(Box::new),
            judgement,
        };
        Ok(Some((found, sighting)))
    }
}

/// So many beats may be lost, but for one, before a holder counts as dead.
const BEATS: u32 = 4;

/// What was seen of leases, by their paths.
#[derive(Debug, Default)]
struct Sights(HashMap<PathBuf, Sight>);

#[derive(Debug)]
struct Sight {
    sign: Sign,
    /// Whether that is not the first sign that was seen.
    beats: bool,
    last_look: Instant,
    /// How long it was the same, while it was looked at.
    silent: Duration,
}

impl Sights {
    fn forget(&mut self, key: &Path) {
        self.0.remove(key);
    }

    /// What to think of a holder of whom it was `found` out `now` what his lease says; `timeout` is for one who says none.
    fn judge(&mut self, key: PathBuf, found: &Found, timeout: Duration, now: Instant) -> Judgement {
        let timeout = found.holder.as_ref().map_or(timeout, Holder::timeout);
        let sign = found.sign();
        let sight = self.0.entry(key).or_insert_with(|| Sight {
            sign: sign.clone(),
            beats: false,
            last_look: now,
            silent: Duration::ZERO,
        });
        let since = now.saturating_duration_since(sight.last_look);
        sight.last_look = now;
        if sight.sign == sign {
            // Who does not look for long may have been asleep, or has waited for a server for which the holder waits as well:
            // he gets the chance to go on.
            sight.silent += since.min(timeout / 2);
        } else {
            (sight.sign, sight.beats, sight.silent) = (sign, true, Duration::ZERO);
        }
        match (sight.silent > timeout, sight.beats) {
            (true, _) => Judgement::Dead,
            (false, true) => Judgement::Lives,
            (false, false) => Judgement::Unsure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{lease::file::LeaseFile, names::Name, place::Place};

    const SECOND: Duration = Duration::from_secs(1);

    /// What an observer thinks at these seconds of a holder, whose beat it then finds.
    fn judged(timeout: Duration, looks: &[(u32, u64)]) -> Vec<Judgement> {
        let (mut sights, began) = (Sights::default(), Instant::now());
        let his = Holder::this(timeout);
        let look = |(at, beat): &(u32, u64)| {
            let found = Found::of(&Holder {
                beat: *beat,
                ..his.clone()
            });
            sights.judge("lease".into(), &found, SECOND, began + *at * SECOND)
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn a_holder_is_dead_after_the_time_that_he_has_named_himself_without_a_beat() {
        use Judgement::{Dead, Lives, Unsure};
        let seen = judged(4 * SECOND, &[(0, 7), (2, 7), (4, 7), (5, 7)]);
        assert_eq!(seen, [Unsure, Unsure, Unsure, Dead]);
        let seen = judged(
            4 * SECOND,
            &[(0, 7), (2, 8), (4, 8), (6, 8), (7, 8), (8, 9)],
        );
        assert_eq!(seen, [Unsure, Lives, Lives, Lives, Dead, Lives]);
    }

    #[test]
    fn time_in_which_nobody_looked_counts_no_more_than_half_of_what_it_takes() {
        use Judgement::{Dead, Unsure};
        let seen = judged(4 * SECOND, &[(0, 7), (1000, 7), (2000, 7), (3000, 7)]);
        assert_eq!(seen, [Unsure, Unsure, Unsure, Dead]);
    }

    #[test]
    fn a_lease_that_says_nothing_expires_by_when_it_was_written() {
        let (mut sights, began) = (Sights::default(), Instant::now());
        let written = SystemTime::UNIX_EPOCH;
        let mut judge = |at: u32, later: u32| {
            let found = Found::damaged(written + later * SECOND);
            sights.judge("lease".into(), &found, 2 * SECOND, began + at * SECOND)
        };
        let judged =
            [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (5, 1)].map(|(at, later)| judge(at, later));
        use Judgement::{Dead, Lives, Unsure};
        assert_eq!(judged, [Unsure, Unsure, Lives, Lives, Lives, Dead]);
    }

    fn lease() -> (tempfile::TempDir, LeaseFile) {
        let dir = tempfile::tempdir().unwrap();
        let file = LeaseFile::of(&Place::named(dir.path()), Name::Lease);
        (dir, file)
    }

    #[test]
    fn a_process_of_this_host_that_has_ended_is_followed_at_once_and_one_that_runs_is_not() {
        let (_dir, file) = lease();
        let observer = Observer::default();
        let mut child = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        let pid = child.id();
        let began = crate::os::process::life(pid).unwrap().began;
        let his = Holder {
            pid,
            began,
            ..Holder::this(TIMEOUT)
        };
        assert!(file.take(&his).unwrap());
        let Taking::Held(seen) = observer.take(&file, None).unwrap() else {
            panic!("it was taken from a process that runs")
        };
        assert_eq!(seen.judgement, Judgement::Lives);
        assert_eq!(seen.holder.as_deref(), Some(&his));
        child.kill().unwrap();
        // Ended, and not asked how: his number is not free yet.
        while runs(pid, began) {
            std::thread::yield_now();
        }
        assert!(matches!(
            observer.take(&file, None).unwrap(),
            Taking::Ours(_)
        ));
        child.wait().unwrap();
    }

    #[test]
    fn whoever_has_had_the_lock_that_we_hold_has_it_no_more() {
        let (_dir, file) = lease();
        // Of another container of this machine.
        let his = Holder {
            host: "container".to_owned(),
            pid_namespace: 1,
            device: Some(7),
            ..Holder::this(TIMEOUT)
        };
        assert!(file.take(&his).unwrap());
        let observer = Observer::default();
        for other in [None, Some(8)] {
            assert!(matches!(
                observer.take(&file, other).unwrap(),
                Taking::Held(_)
            ));
        }
        assert!(matches!(
            observer.take(&file, Some(7)).unwrap(),
            Taking::Ours(_)
        ));
    }
}
