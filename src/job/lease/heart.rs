//! Renews the leases that this process holds, all of them from one thread.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use anyhow::Result;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::{file::LeaseFile, holder::Holder};
use crate::os::{machine::since_boot, threads};

/// A lease that this process holds.
#[derive(Debug)]
pub(super) struct Hold {
    file: LeaseFile,
    own: Mutex<Own>,
    lost: AtomicBool,
    /// Has the thread go on.
    _beats: Beats,
}

/// As long as one of these is there, leases are renewed.
type Beats = Arc<Sender<Infallible>>;

#[derive(Debug)]
struct Own {
    holder: Holder,
    /// When the last beat was written, by a clock that goes on while the machine is asleep.
    last_beat: Duration,
    given_up: bool,
}

impl Hold {
    fn of(file: LeaseFile, holder: Holder, beats: Beats) -> Self {
        Self {
            file,
            own: Mutex::new(Own {
                holder,
                last_beat: since_boot(),
                given_up: false,
            }),
            lost: AtomicBool::new(false),
            _beats: beats,
        }
    }

    /// After how long without a sign of life it expires.
    pub fn timeout(&self) -> Duration {
        self.own().holder.timeout()
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody else has taken it over, or removed it, because this process was silent for too long. One that has been
    /// silent looks for itself first.
    pub fn is_lost(&self) -> bool {
        let own = self.own();
        let is_late = since_boot().saturating_sub(own.last_beat) > own.holder.timeout() / 2;
        drop(own);
        if is_late {
            self.beat();
        }
        self.lost.load(SeqCst)
    }

    /// Shows that this process lives.
    fn beat(&self) {
        // Held until it is written: whoever gives the lease up finds nobody who still has it open, which on some file systems
        // would keep a name in its directory.
        let mut own = self.own();
        if own.given_up || self.lost.load(SeqCst) {
            return;
        }
        let (now, mut next) = (since_boot(), own.holder.clone());
        next.beat += 1;
        match self.file.renew(&next) {
            Ok(true) => (own.holder, own.last_beat) = (next, now),
            Ok(false) => self.lost.store(true, SeqCst),
            // The share may be back before it is too late.
            Err(_) => (),
        }
    }

    /// Gives it up, if it is still ours: another can take it at once.
    pub fn give_up(&self) {
        let mut own = self.own();
        if !own.given_up {
            own.given_up = true;
            let nonce = own.holder.nonce;
            // One that stays expires.
            let _ = self.file.take_away(|found| found.is_of(nonce));
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Has leases be renewed, by a thread that is started for the first one.
#[derive(Debug)]
pub(super) struct Heart {
    every: Duration,
    holds: Arc<Mutex<Vec<Weak<Hold>>>>,
    beats: Mutex<Option<Beats>>,
}

impl Heart {
    pub fn beating(every: Duration) -> Self {
        Self {
            every,
            holds: Arc::default(),
            beats: Mutex::default(),
        }
    }

    /// Has a lease that was taken for this holder be renewed until it is given up.
    ///
    /// # Errors
    /// If the system gives no thread: then it is given up.
    pub fn hold(&self, file: LeaseFile, holder: Holder) -> Result<Arc<Hold>> {
        let beats = self.beats().inspect_err(|_| {
            // That there is no thread is what the user must hear of.
            let _ = file.take_away(|found| found.is_of(holder.nonce));
        })?;
        let hold = Arc::new(Hold::of(file, holder, beats));
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds.push(Arc::downgrade(&hold));
        drop(holds);
        Ok(hold)
    }

    fn beats(&self) -> Result<Beats> {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(beats) = &*beats {
            return Ok(beats.clone());
        }
        let new = Arc::new(self.start()?);
        Ok(beats.insert(new).clone())
    }

    fn start(&self) -> Result<Sender<Infallible>> {
        let (end, ended) = bounded(0);
        let (every, holds) = (self.every, self.holds.clone());
        threads::start("leases", move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                for hold in living(&holds) {
                    hold.beat();
                }
            }
        })?;
        Ok(end)
    }
}

/// The leases that are held.
fn living(holds: &Mutex<Vec<Weak<Hold>>>) -> Vec<Arc<Hold>> {
    let mut holds = holds.lock().unwrap_or_else(PoisonError::into_inner);
    holds.retain(|hold| hold.strong_count() > 0);
    holds.iter().filter_map(Weak::upgrade).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{names::Name, place::Place};

    const SECOND: Duration = Duration::from_secs(1);

    fn held(every: Duration) -> (tempfile::TempDir, LeaseFile, Heart, Arc<Hold>) {
        let dir = tempfile::tempdir().unwrap();
        let file = LeaseFile::of(&Place::named(dir.path()), Name::Lease);
        let (heart, holder) = (Heart::beating(every), Holder::this(60 * SECOND));
        assert!(file.take(&holder).unwrap());
        let hold = heart.hold(file.clone(), holder).unwrap();
        (dir, file, heart, hold)
    }

    fn beat(file: &LeaseFile) -> Option<u64> {
        file.read().unwrap()?.holder.map(|holder| holder.beat)
    }

    #[test]
    fn it_beats_until_the_lease_is_given_up() {
        let (_dir, file, _heart, hold) = held(Duration::from_millis(1));
        while beat(&file) < Some(3) {
            std::thread::yield_now();
        }
        assert!(!hold.is_lost());
        drop(hold);
        // The thread may hold it for the instant of a beat.
        while beat(&file).is_some() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_is_taken_over_learns_it_and_takes_nothing_away() {
        let (_dir, file, _heart, hold) = held(1000 * SECOND);
        let second = Holder::this(60 * SECOND);
        file.take_away(|_| true).unwrap();
        assert!(file.take(&second).unwrap());
        assert!(!hold.is_lost(), "nobody has looked yet");
        hold.beat();
        assert!(hold.is_lost());
        hold.give_up();
        assert_eq!(file.read().unwrap().unwrap().holder, Some(second));
    }

    #[test]
    fn who_was_silent_for_long_looks_before_he_says_that_it_is_his() {
        let (_dir, file, _heart, hold) = held(1000 * SECOND);
        hold.own().last_beat = Duration::ZERO;
        hold.own().holder.timeout_seconds = 0;
        assert!(!hold.is_lost());
        assert_eq!(beat(&file), Some(1));
        file.take_away(|_| true).unwrap();
        assert!(hold.is_lost());
    }
}
