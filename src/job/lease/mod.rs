//! Who works on a job: nobody without a lease.
//!
//! Today there is one lease for a whole job, and its only means is a lock of the file `lock`, which the kernel gives back
//! when the process ends, however it ends. A lease of one chunk for another host is taken, held and given up here as well.
//!
//! Races: who has opened the file may find it removed when he gets its lock, because the run before has finished and taken
//! the directory with it; a third may then have made another. So a lock counts only while the file still has its name, and
//! the last that is removed is the file, by the one who holds it.
//!
//! Nobody can ask about such a lock without taking it for a moment, in which a run that begins would find it taken. So its
//! holder also has the other kind of lock on the file (of the open file, over all bytes), about which anybody can ask.

mod holder;
mod file;
mod heart;
mod observer;
mod chunk;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Write},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};
use nix::{
    fcntl::{FcntlArg, fcntl},
    libc::{self, F_UNLCK, F_WRLCK, SEEK_SET},
};

pub use self::{
    chunk::{ChunkLease, Claimed},
    holder::Holder,
    observer::{Judgement, Observer, Sighting},
};
use super::{
    files::{look_into, open},
    names::Name,
    place::Place,
};
use crate::os::exit::Taken;

/// The right to work on a job. Dropped, another process may take it.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    /// Open for its lock, until the lease is given up.
    file: Mutex<Option<File>>,
}

impl Lease {
    /// Takes the lease of the job in `dir`; `None` where the directory, or its lock, was removed meanwhile.
    ///
    /// # Errors
    /// [`Taken`], with the number of the process that holds it; others if the file cannot be opened or locked.
    pub fn take(place: &Place) -> Result<Option<Self>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        match open(&path_in(place), &mut options) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            file => Self::of(
                file.with_context(|| format!("opening {}", place.shown(&path_in(place))))?,
                place,
            ),
        }
    }

    /// The lease by the lock of `file`, which was opened in this place.
    fn of(mut file: File, place: &Place) -> Result<Option<Self>> {
        let path = path_in(place);
        match file.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => return Err(held(file, place)),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| {
                    format!(
                        "locking {}: name a directory on another file system with --temp",
                        place.shown(&path)
                    )
                });
            }
        }
        let locked = file.metadata()?.ino();
        if fs::symlink_metadata(&path).map_or(true, |named| named.ino() != locked) {
            return Ok(None);
        }
        // Nobody works without the lease, and none is refused for want of this: who asks is then told that nobody does.
        let _ = fcntl(&file, FcntlArg::F_OFD_SETLK(&all_bytes()));
        let named = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", process::id()));
        named.with_context(|| format!("writing {}", place.shown(&path)))?;
        Ok(Some(Self {
            path,
            file: Mutex::new(Some(file)),
        }))
    }

    /// Removes what the lease was held by: there is no job left to work on. Whoever waits to take it begins anew.
    pub fn give_up(&self) {
        // What stays of it is taken by the next run.
        let _ = fs::remove_file(&self.path);
        // What is removed while it is open keeps a name in its directory on NFS and FUSE until it is closed.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        drop(file.take());
    }
}

/// The process that holds the lease of the job in this place, as it calls itself; `None` if nobody does. Whoever asks takes
/// nothing, and stands in nobody's way.
///
/// # Errors
/// If the lock's file cannot be read, or asked about.
pub fn holder(place: &Place) -> std::io::Result<Option<String>> {
    let file = match look_into(&path_in(place)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut asked = all_bytes();
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut asked))?;
    if i32::from(asked.l_type) == F_UNLCK {
        return Ok(None);
    }
    let mut holder = String::new();
    file.take(HOLDER_BYTES).read_to_string(&mut holder)?;
    Ok(Some(holder.trim().to_owned()))
}

/// What a process number takes at most, and more.
const HOLDER_BYTES: u64 = 32;

/// A lock of a whole file, that nobody else may read or write meanwhile.
fn all_bytes() -> libc::flock {
    libc::flock {
        l_type: F_WRLCK as libc::c_short,
        l_whence: SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn path_in(place: &Place) -> PathBuf {
    place.file(Name::Lock.to_string())
}

/// Somebody else holds the lease: his process stands in the `file`.
fn held(mut file: File, place: &Place) -> anyhow::Error {
    let mut holder = String::new();
    if let Err(error) = file.read_to_string(&mut holder) {
        return anyhow::Error::new(error)
            .context(format!("reading {}", place.shown(&path_in(place))));
    }
    Taken(format!(
        "another av1enc (process {}) works on {place} right now",
        holder.trim()
    ))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_held_by_one_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::named(dir.path());
        let lease = Lease::take(&place).unwrap().unwrap();
        let refused = Lease::take(&place).unwrap_err();
        assert!(refused.is::<Taken>());
        assert!(
            refused
                .to_string()
                .contains(&format!("(process {})", process::id())),
            "{refused}"
        );
        drop(lease);
        assert!(Lease::take(&place).unwrap().is_some());
    }

    #[test]
    fn who_asks_about_a_lease_learns_who_holds_it_and_stands_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::named(dir.path());
        assert_eq!(holder(&place).unwrap(), None);
        let lease = Lease::take(&place).unwrap().unwrap();
        for _ in 0..200 {
            let own = process::id().to_string();
            assert_eq!(holder(&place).unwrap(), Some(own));
        }
        drop(lease);
        // What another test has just forked holds it until it becomes its program.
        while holder(&place).unwrap().is_some() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_lock_that_has_lost_its_name_is_no_lease() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::named(dir.path());
        let opened = || {
            let mut options = File::options();
            options
                .read(true)
                .write(true)
                .open(path_in(&place))
                .unwrap()
        };
        let lease = Lease::take(&place).unwrap().unwrap();
        // Opened before the holder finishes, and locked after it.
        let (early, late) = (opened(), opened());
        lease.give_up();
        drop(lease);
        assert!(Lease::of(early, &place).unwrap().is_none());
        // A third has made another one meanwhile.
        let third = Lease::take(&place).unwrap();
        assert!(third.is_some() && Lease::of(late, &place).unwrap().is_none());
        assert!(
            Lease::take(&Place::named(&dir.path().join("gone")))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("holiday.mkv");
        fs::write(&target, "a film").unwrap();
        std::os::unix::fs::symlink(&target, dir.path().join(Name::Lock.to_string())).unwrap();
        assert!(Lease::take(&Place::named(dir.path())).is_err());
        assert_eq!(fs::read(&target).unwrap(), b"a film");
    }
}
