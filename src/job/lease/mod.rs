//! Who works on a job, or on a chunk of it: nobody without a lease.
//!
//! A lease is a file that its holder renews as long as he lives (`file.rs`, `heart.rs`); who wants it watches him by his own clock
//! (`observer.rs`). So it reaches every host that sees the directory, and a host that died leaves one that expires.
//!
//! Whoever works on a whole job has its lock as well (`lock.rs`). By it, nobody on this host waits for the dead; where locks reach
//! other hosts, as on NFS, nobody there waits to be refused.

mod holder;
mod file;
mod heart;
mod observer;
mod chunk;
mod lock;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Error, Result};

pub use self::{
    chunk::{ChunkLease, Claimed},
    holder::Holder,
    observer::{Judgement, Observer, Sighting},
};
use self::{
    file::{Found, LeaseFile},
    heart::Hold,
    lock::{Lock, Locked, Locking},
    observer::Taking,
};
use super::{names::Name, place::Place};
use crate::os::{exit::Taken, machine::host};

/// The right to work on a job. Dropped, another process may take it.
#[derive(Debug)]
pub struct Lease {
    place: Place,
    hold: Arc<Hold>,
    /// Until the lease is given up.
    lock: Mutex<Option<Lock>>,
}

impl Lease {
    /// Takes the lease of the job in this place; `None` where the directory, or its lock, was removed meanwhile.
    ///
    /// # Errors
    /// [`Taken`], with the number of the process that holds it; others if it can be neither locked nor written.
    pub fn take(place: &Place, observer: &Observer) -> Result<Option<Self>> {
        let lock = match Lock::take(place)? {
            Locking::Ours(lock) => lock,
            Locking::Held(number) => return Err(locked_by(&number, place)),
            Locking::Gone => return Ok(None),
        };
        match observer.take(&lease_in(place), lock.device)? {
            Taking::Ours(hold) => Ok(Some(Self {
                place: place.clone(),
                hold,
                lock: Mutex::new(Some(lock)),
            })),
            Taking::Held(sighting) => Err(held_by(&sighting, place)),
        }
    }

    /// Makes sure that it is still ours.
    ///
    /// # Errors
    /// [`Taken`] if it is not.
    pub fn require(&self) -> Result<(), Taken> {
        if !self.hold.is_lost() {
            return Ok(());
        }
        let seconds = self.hold.timeout().as_secs();
        Err(Taken(format!(
            "{} is no longer this run's: it gave no sign of life for {seconds} s (was it stopped, or the machine asleep?), and \
             another host has taken its lease. The same command goes on once that one has ended",
            self.place
        )))
    }

    /// Removes what the lease was held by: there is no job left to work on. Whoever waits to take it begins anew.
    pub fn give_up(&self) {
        self.hold.give_up();
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = lock.take() {
            lock.remove(&self.place);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Before the lock: who gets that is not refused for the sake of this.
        self.hold.give_up();
    }
}

/// Who works on a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// His process number, as he calls himself.
    pub pid: String,
    /// His host, if he says.
    pub host: Option<String>,
}

impl Worker {
    fn of(sighting: &Sighting) -> Self {
        let holder = sighting.holder.as_ref();
        Self {
            pid: holder.map_or_else(String::new, |holder| holder.pid.to_string()),
            host: holder.map(|holder| holder.host.clone()),
        }
    }
}

/// Who works on the job in this place; `None` if nobody does. Whoever asks takes nothing, and stands in nobody's way. Of another
/// host, which the `observer` has not watched for long enough, the clocks have to tell: when its lease was renewed.
///
/// # Errors
/// If the lease cannot be read, or the lock not asked about.
pub fn holder(place: &Place, observer: &Observer) -> Result<Option<Worker>> {
    let (locked, lease) = (Locked::ask(place)?, lease_in(place));
    let found = observer.look_beside(&lease, device_of(&locked));
    if let Locked::By(pid) = locked {
        // He has locked it before he wrote his lease.
        let his = found.ok().flatten().as_ref().map(Worker::of);
        let host = his.filter(|his| his.pid == pid).and_then(|his| his.host);
        return Ok(Some(Worker { pid, host }));
    }
    let lives = |sighting: &Sighting| sighting.seems_to_live(SystemTime::now());
    Ok(found?.filter(lives).as_ref().map(Worker::of))
}

/// Who encodes the chunk with this index in this place, if anybody has its lease; nothing is taken.
///
/// # Errors
/// If it cannot be read.
pub fn holder_of_chunk(
    place: &Place,
    index: usize,
    observer: &Observer,
) -> Result<Option<Sighting>> {
    observer.look(&LeaseFile::of(place, Name::ChunkLease(index)))
}

/// The file system on which nobody has a lock of the job.
fn device_of(locked: &Locked) -> Option<u64> {
    match locked {
        Locked::Free(device) => Some(*device),
        Locked::Never | Locked::By(_) => None,
    }
}

/// How often another run is looked at in the time after which it would count as dead, and the waits in between.
const LOOKS: u32 = 20;
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Waits until it is known whether another run works on the job in `dir`, where only its lease says so: one look does not show
/// whether it is renewed. If this run `waits` for the other, until nobody works on it. What is waited for is told.
///
/// # Errors
/// [`Taken`] if one does.
pub fn wait_for_holder(
    dir: &Path,
    observer: &Observer,
    waits: bool,
    tell: impl Fn(String),
) -> Result<()> {
    let Ok(place) = Place::held(dir) else {
        return Ok(());
    };
    let mut told = None;
    // What is wrong with the directory is said when it is opened.
    while let Ok(other) = other_run(&place, observer) {
        let message = match other {
            Other::None => return Ok(()),
            // Whoever takes the lease is told, if there is nothing else to be told.
            Other::Locks(_) if !waits => return Ok(()),
            Other::Lives(error) if !waits => return Err(error),
            Other::Locks(error) | Other::Lives(error) => format!("{error}: waiting for its end"),
            Other::Unsure(sighting) => format!(
                "waiting up to {} s to see whether {sighting} still works on {place}",
                sighting.timeout.as_secs()
            ),
        };
        if told.as_ref() != Some(&message) {
            tell(message.clone());
            told = Some(message);
        }
        thread::sleep((observer.timeout() / LOOKS).clamp(SHORTEST_WAIT, LONGEST_WAIT));
    }
    Ok(())
}

/// What one look tells of another run of a job.
enum Other {
    None,
    /// It has the lock, in words.
    Locks(Error),
    /// It is out of the lock's reach and lives, in words.
    Lives(Error),
    /// It is out of the lock's reach, and may be dead.
    Unsure(Sighting),
}

fn other_run(place: &Place, observer: &Observer) -> Result<Other> {
    let locked = Locked::ask(place)?;
    if let Locked::By(number) = &locked {
        return Ok(Other::Locks(locked_by(number, place)));
    }
    let seen = observer.look_beside(&lease_in(place), device_of(&locked))?;
    Ok(match seen {
        None => Other::None,
        Some(sighting) => match sighting.judgement {
            Judgement::Dead => Other::None,
            Judgement::Lives => Other::Lives(held_by(&sighting, place)),
            Judgement::Unsure => Other::Unsure(sighting),
        },
    })
}

/// Removes the lease of a job that nobody has renewed since `before`, nor for as long as it takes to expire. Only clocks say so:
/// who wants the job to be removed has named a time by which a difference of theirs does not matter.
///
/// # Errors
/// Those of the file system.
pub(super) fn forget_expired(place: &Place, before: SystemTime) -> Result<()> {
    let lease = lease_in(place);
    let removing = || format!("removing {}", lease.shown());
    let is_expired = |found: &Found| {
        let timeout = found
            .holder
            .as_ref()
            .map_or(Duration::ZERO, Holder::timeout);
        let age = |at| SystemTime::now().duration_since(at).unwrap_or_default();
        found
            .modified
            .is_some_and(|at| at < before && age(at) > timeout)
    };
    if lease
        .read()
        .with_context(removing)?
        .as_ref()
        .is_some_and(is_expired)
    {
        lease.take_away(is_expired).with_context(removing)?;
    }
    Ok(())
}

fn lease_in(place: &Place) -> LeaseFile {
    LeaseFile::of(place, Name::Lease)
}

/// A process with this number has the lock; its host stands in its lease.
fn locked_by(number: &str, place: &Place) -> Error {
    let found = lease_in(place).read().ok().flatten();
    let his = found.and_then(|found| found.holder);
    let his = his.filter(|his| his.pid.to_string() == number && his.host != host());
    let process = his.map_or_else(|| format!("process {number}"), |his| his.to_string());
    Taken(format!(
        "another av1enc ({process}) works on {place} right now"
    ))
    .into()
}

/// Somebody holds the lease whom the lock does not reach.
fn held_by(sighting: &Sighting, place: &Place) -> Error {
    Taken(match sighting.judgement {
        Judgement::Lives | Judgement::Dead => {
            format!("another av1enc ({sighting}) works on {place} right now")
        }
        Judgement::Unsure => format!(
            "another av1enc ({sighting}) works on {place}, or did until a moment ago: repeat the command"
        ),
    })
    .into()
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, fs::File, process};

    use super::*;

    fn take(place: &Place) -> Result<Option<Lease>> {
        Lease::take(place, &Observer::default())
    }

    fn holder(place: &Place) -> Option<Worker> {
        super::holder(place, &Observer::default()).unwrap()
    }

    #[test]
    fn a_lease_is_held_by_one_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::named(dir.path());
        let lease = take(&place).unwrap().unwrap();
        let refused = take(&place).unwrap_err();
        assert!(refused.is::<Taken>());
        let who = format!("(process {})", process::id());
        assert!(refused.to_string().contains(&who), "{refused}");
        assert!(lease.require().is_ok());
        drop(lease);
        assert!(take(&place).unwrap().is_some());
        let gone = Place::named(&dir.path().join("gone"));
        assert!(take(&gone).unwrap().is_none());
    }

    #[test]
    fn who_asks_about_a_lease_learns_who_holds_it_and_stands_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::named(dir.path());
        assert_eq!(holder(&place), None);
        let lease = take(&place).unwrap().unwrap();
        let own = Worker {
            pid: process::id().to_string(),
            host: Some(host()),
        };
        for _ in 0..200 {
            assert_eq!(holder(&place), Some(own.clone()));
        }
        drop(lease);
        // What another test has just forked holds it until it becomes its program.
        while holder(&place).is_some() {
            thread::yield_now();
        }
    }

    /// A lease of a host that nothing is known of, with so long a time to expire.
    fn of_another_host(place: &Place, timeout: Duration) -> Holder {
        let his = Holder {
            host: "laptop".to_owned(),
            ..Holder::this(timeout)
        };
        assert!(lease_in(place).take(&his).unwrap());
        his
    }

    #[test]
    fn another_host_is_waited_for_until_it_shows_that_it_lives() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::named(dir.path());
        let his = RefCell::new(of_another_host(&place, Duration::from_secs(1000)));
        // Who looks once cannot know, and takes nothing.
        let refused = take(&place).unwrap_err().to_string();
        assert!(refused.contains(" on laptop) works on "), "{refused}");
        let told = RefCell::new(Vec::new());
        let lives = |message| {
            told.borrow_mut().push(message);
            his.borrow_mut().beat += 1;
            assert!(lease_in(&place).renew(&his.borrow()).unwrap());
        };
        let refused = wait_for_holder(dir.path(), &Observer::default(), false, lives).unwrap_err();
        assert!(refused.is::<Taken>());
        let refused = refused.to_string();
        assert!(refused.contains(" on laptop) works on "), "{refused}");
        assert!(refused.ends_with(" right now"), "{refused}");
        let told = told.into_inner();
        assert_eq!(told.len(), 1, "{told:?}");
        let words = "waiting up to 1000 s to see whether process ";
        assert!(told[0].starts_with(words), "{told:?}");
    }

    #[test]
    fn another_host_that_shows_nothing_is_taken_over_once_its_time_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::named(dir.path());
        of_another_host(&place, Duration::from_secs(1));
        let worker = holder(&place).unwrap();
        assert_eq!(worker.host.as_deref(), Some("laptop"));
        let observer = Observer::new(Duration::from_secs(1));
        wait_for_holder(dir.path(), &observer, false, |_| ()).unwrap();
        let lease = Lease::take(&place, &observer).unwrap().unwrap();
        assert_eq!(holder(&place).unwrap().host, Some(host()));
        // Its own lease is not to be lost by what others do.
        assert!(lease.require().is_ok());
    }

    #[test]
    fn whoever_waits_for_another_run_goes_on_at_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::named(dir.path());
        let lease = RefCell::new(take(&place).unwrap());
        let told = RefCell::new(String::new());
        let ends = |message| {
            assert!(lease.take().is_some(), "told twice");
            *told.borrow_mut() = message;
        };
        let observer = Observer::new(Duration::from_secs(1));
        // It is refused by whoever takes the lease.
        wait_for_holder(dir.path(), &observer, false, |_| panic!("waited")).unwrap();
        wait_for_holder(dir.path(), &observer, true, ends).unwrap();
        let told = told.into_inner();
        assert!(told.ends_with(" right now: waiting for its end"), "{told}");
        assert!(Lease::take(&place, &observer).unwrap().is_some());
    }

    #[test]
    fn who_was_taken_over_is_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::named(dir.path());
        let observer = Observer::new(Duration::from_secs(1));
        let lease = Lease::take(&place, &observer).unwrap().unwrap();
        lease_in(&place).take_away(|_| true).unwrap();
        of_another_host(&place, Duration::from_secs(1000));
        let refused = loop {
            match lease.require() {
                Err(refused) => break refused.to_string(),
                Ok(()) => thread::yield_now(),
            }
        };
        assert!(
            refused.contains("another host has taken its lease"),
            "{refused}"
        );
        drop(lease);
        assert_eq!(holder(&place).unwrap().host.as_deref(), Some("laptop"));
    }

    #[test]
    fn a_lease_that_was_left_for_days_is_removed_and_a_fresh_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::named(dir.path());
        of_another_host(&place, Duration::from_secs(60));
        let now = SystemTime::now();
        let hours = |n: u64| Duration::from_secs(3600 * n);
        forget_expired(&place, now - hours(1)).unwrap();
        // Before any moment that is to come, but not for as long as it takes to expire.
        forget_expired(&place, now + hours(1)).unwrap();
        assert!(lease_in(&place).read().unwrap().is_some());
        let path = place.file(Name::Lease.to_string());
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(now - hours(2)).unwrap();
        forget_expired(&place, now - hours(1)).unwrap();
        assert!(lease_in(&place).read().unwrap().is_none());
        forget_expired(&place, now).unwrap();
    }
}
