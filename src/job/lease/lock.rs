//! The lock of a job's file `lock`, which the kernel gives back when its process ends, however it ends.
//!
//! Races: who has opened the file may find it removed when he gets its lock, because the run before has finished and taken
//! the directory with it; a third may then have made another. So a lock counts only while the file still has its name, and
//! the last that is removed is the file, by the one who holds it.
//!
//! Nobody can ask about such a lock without taking it for a moment, in which a run that begins would find it taken. So its
//! holder also has the other kind of lock on the file (of the open file, over all bytes), about which anybody can ask.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process,
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    libc::{self, F_UNLCK, F_WRLCK, SEEK_SET},
};

use super::super::{
    files::{look_into, open},
    names::Name,
    place::Place,
};

/// The lock of a job, as long as this is open.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
    /// The number of its file system, if that has locks.
    pub device: Option<u64>,
}

/// What came of an attempt to lock a job.
pub(super) enum Locking {
    Ours(Lock),
    /// By the process that calls itself by this number.
    Held(String),
    /// The directory was removed meanwhile, or the file.
    Gone,
}

impl Lock {
    /// Locks the job in this place.
    ///
    /// # Errors
    /// If it can be neither locked nor written.
    pub fn take(place: &Place) -> Result<Locking> {
        let path = path_in(place);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        match open(&path, &mut options) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Locking::Gone),
            file => {
                let file = file.with_context(|| format!("opening {}", place.shown(&path)))?;
                Self::of(file, place)
            }
        }
    }

    /// By the `file`, which was opened in this place.
    fn of(mut file: File, place: &Place) -> Result<Locking> {
        let path = path_in(place);
        let has_locks = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                let number = number_in(&file);
                let number = number.with_context(|| format!("reading {}", place.shown(&path)))?;
                return Ok(Locking::Held(number));
            }
            // The lease keeps others away there, as it does on other hosts.
            Err(TryLockError::Error(error)) if has_no_locks(&error) => false,
            Err(TryLockError::Error(error)) => {
                let shown = place.shown(&path);
                return Err(error).with_context(|| {
                    format!("locking {shown}: name a directory on another file system with --temp")
                });
            }
        };
        let found = file.metadata()?;
        if fs::symlink_metadata(&path).map_or(true, |named| named.ino() != found.ino()) {
            return Ok(Locking::Gone);
        }
        // Nobody works without the lease, and none is refused for want of this: who asks is then told that nobody does.
        let _ = fcntl(&file, FcntlArg::F_OFD_SETLK(&all_bytes()));
        let named = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", process::id()));
        named.with_context(|| format!("writing {}", place.shown(&path)))?;
        Ok(Locking::Ours(Self {
            _file: file,
            device: has_locks.then_some(found.dev()),
        }))
    }

    /// Removes what is locked in this place.
    pub fn remove(self, place: &Place) {
        // What stays of it is taken by the next run. What is removed while it is open keeps a name in its directory on NFS and
        // FUSE until it is closed, which it is here.
        let _ = fs::remove_file(path_in(place));
    }
}

/// Whether a file system says so that it has no locks: Lustre ENOSYS, NFS without its daemon ENOLCK, others EOPNOTSUPP.
fn has_no_locks(error: &io::Error) -> bool {
    let known = [Errno::ENOSYS, Errno::ENOLCK, Errno::EOPNOTSUPP];
    let code = error.raw_os_error().map(Errno::from_raw);
    code.is_some_and(|code| known.contains(&code))
}

/// How the lock of a job is, as far as anybody can ask.
pub(super) enum Locked {
    /// Nobody has ever locked it, or whoever did has removed it.
    Never,
    /// Nobody locks it now; it is on the file system with this number.
    Free(u64),
    /// The process that calls itself by this number does.
    By(String),
}

impl Locked {
    /// Asks about the job in this place, and stands in nobody's way.
    ///
    /// # Errors
    /// If the lock's file cannot be read, or asked about.
    pub fn ask(place: &Place) -> Result<Self> {
        let path = path_in(place);
        let ask = || -> io::Result<Self> {
            let file = match look_into(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::Never),
                file => file?,
            };
            let mut asked = all_bytes();
            fcntl(&file, FcntlArg::F_OFD_GETLK(&mut asked))?;
            if i32::from(asked.l_type) == F_UNLCK {
                return Ok(Self::Free(file.metadata()?.dev()));
            }
            number_in(&file).map(Self::By)
        };
        ask().with_context(|| format!("reading {}", place.shown(&path)))
    }
}

/// What a process number takes at most, and more.
const NUMBER_BYTES: u64 = 32;

/// The number of the process that has locked `file`, as it calls itself.
fn number_in(file: &File) -> io::Result<String> {
    let mut number = String::new();
    file.take(NUMBER_BYTES).read_to_string(&mut number)?;
    Ok(number.trim().to_owned())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(locking: Locking) -> Option<Lock> {
        match locking {
            Locking::Ours(lock) => Some(lock),
            Locking::Held(_) | Locking::Gone => None,
        }
    }

    #[test]
    fn a_lock_that_has_lost_its_name_is_none() {
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
        let first = lock(Lock::take(&place).unwrap()).unwrap();
        // Opened before the holder finishes, and locked after it.
        let (early, late) = (opened(), opened());
        first.remove(&place);
        assert!(matches!(Lock::of(early, &place).unwrap(), Locking::Gone));
        // A third has made another one meanwhile.
        let third = lock(Lock::take(&place).unwrap());
        assert!(third.is_some_and(|lock| lock.device.is_some()));
        assert!(matches!(Lock::of(late, &place).unwrap(), Locking::Gone));
        let gone = Place::named(&dir.path().join("gone"));
        assert!(matches!(Lock::take(&gone).unwrap(), Locking::Gone));
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("holiday.mkv");
        fs::write(&target, "a film").unwrap();
        std::os::unix::fs::symlink(&target, dir.path().join(Name::Lock.to_string())).unwrap();
        assert!(Lock::take(&Place::named(dir.path())).is_err());
        assert_eq!(fs::read(&target).unwrap(), b"a film");
    }
}
