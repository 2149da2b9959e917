//! The file of a lease: taken by one, renewed by who has taken it, and taken away from nobody else than who was meant.
//!
//! It is never there in part: a whole private file gets the lease's name as its second (link(2) fails if there is one). Where a
//! file system has no second names (exFAT, some that run as programs), the lease is created under its name, and a reader may
//! find it without content for a moment.
//!
//! It is renewed in its place, through the handle by which it was just seen to be ours. Whoever takes it away moves it first,
//! looks at what has been moved, and puts it back if it is not what was meant. So a holder who slept and was given up writes
//! into what has no name any more. Two can still take each other's lease away in the same instant: then one of them finds at its
//! next beat that it is lost, and both have done the same work.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use super::{
    super::{
        files::{has_no_links, open_with_twin, share},
        names::Name,
        place::Place,
    },
    holder::Holder,
};

/// More than a lease has.
const MOST_BYTES: u64 = 64 << 10;

/// What is in the file of a lease.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    text: Vec<u8>,
    /// When it was written last, by the clock of the file system.
    pub modified: Option<SystemTime>,
    /// Who holds it; `None` where what is written is of no use, or nothing is written yet.
    pub holder: Option<Holder>,
}

impl Found {
    /// By what it is seen that somebody was here since: what is written, and of what says nothing, when it was.
    pub fn sign(&self) -> Sign {
        let modified = self.modified.filter(|_| self.holder.is_none());
        Sign(self.text.clone(), modified)
    }

    pub fn is_of(&self, nonce: u64) -> bool {
        self.holder
            .as_ref()
            .is_some_and(|holder| holder.nonce == nonce)
    }

    #[cfg(test)]
    pub fn of(holder: &Holder) -> Self {
        Self {
            text: holder.text().unwrap(),
            modified: None,
            holder: Some(holder.clone()),
        }
    }

    #[cfg(test)]
    pub fn damaged(modified: SystemTime) -> Self {
        Self {
            text: Vec::new(),
            modified: Some(modified),
            holder: None,
        }
    }
}

/// A sign of life: whoever lives changes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sign(Vec<u8>, Option<SystemTime>);

/// Where a lease is.
#[derive(Debug, Clone)]
pub(super) struct LeaseFile {
    place: Place,
    name: Name,
}

impl LeaseFile {
    /// That of the lease with this name in this place.
    pub fn of(place: &Place, name: Name) -> Self {
        let place = place.clone();
        Self { place, name }
    }

    /// Its name, as the user knows it.
    pub fn shown(&self) -> String {
        self.place.shown(&self.path())
    }

    /// What nothing else has: the path that the user knows.
    pub fn key(&self) -> PathBuf {
        self.place.name().join(self.name.to_string())
    }

    fn path(&self) -> PathBuf {
        self.place.file(self.name.to_string())
    }

    fn beside(&self, nonce: u64) -> PathBuf {
        self.place.file(self.name.beside(nonce).to_string())
    }

    /// What is in it; `None` if there is none.
    ///
    /// # Errors
    /// Those of the file system, and what is wrong with what is there.
    pub fn read(&self) -> io::Result<Option<Found>> {
        read(&self.path())
    }

    /// Takes the lease for this holder. Returns whether it is his: another may have been faster.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn take(&self, holder: &Holder) -> io::Result<bool> {
        let (path, beside, text) = (self.path(), self.beside(holder.nonce), holder.text()?);
        create(&beside, &text)?;
        let linked = fs::hard_link(&beside, &path);
        fs::remove_file(&beside)?;
        match linked {
            Err(error) if has_no_links(&error) => match create(&path, &text) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
                created => created?,
            },
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            // A server's answer may be lost and the question asked again: what is there now says more than the answer.
            _ => (),
        }
        Ok(self.read()?.is_some_and(|found| found.is_of(holder.nonce)))
    }

    /// Writes the next beat of this holder. Returns whether the lease was still his.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn renew(&self, holder: &Holder) -> io::Result<bool> {
        let mut options = OpenOptions::new();
        let file = match open_with_twin(&self.path(), options.read(true).write(true)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        let is_his = found_in(&file)?.is_of(holder.nonce);
        if is_his {
            file.write_all_at(&holder.text()?, 0)?;
        }
        Ok(is_his)
    }

    /// Removes the lease if it `is_meant`: another may have taken it since somebody looked.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn take_away(&self, is_meant: impl Fn(&Found) -> bool) -> io::Result<()> {
        let (path, aside) = (self.path(), self.beside(Holder::fresh_nonce()));
        match fs::rename(&path, &aside) {
            // Somebody was faster, or this is the second time that it was asked for.
            Err(error) if error.kind() == ErrorKind::NotFound => (),
            moved => moved?,
        }
        let Some(moved) = read(&aside)? else {
            return Ok(());
        };
        if !is_meant(&moved) {
            put_back(&aside, &path)?;
        }
        remove_if_there(&aside)
    }
}

/// Gives a lease its name back, unless there is another one by now.
fn put_back(aside: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(aside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if has_no_links(&error) && !path.exists() => fs::rename(aside, path),
        Err(error) if has_no_links(&error) => Ok(()),
        linked => linked,
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Makes a file of this text; nothing of it stays where that fails. It is closed at once: others see it only then on NFS.
fn create(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let dir = fs::metadata(path.parent().unwrap_or(path));
    let written = dir.and_then(|dir| {
        share(&file, &dir);
        file.write_all_at(text, 0)
    });
    written.inspect_err(|_| {
        // That it could not be written is what the user must hear of.
        let _ = fs::remove_file(path);
    })
}

fn read(path: &Path) -> io::Result<Option<Found>> {
    match open_with_twin(path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        file => found_in(&file?).map(Some),
    }
}

/// What is in an open file. What this host keeps of it may be older than what another has written.
fn found_in(file: &File) -> io::Result<Found> {
    // Where it is refused, nothing is kept.
    let _ = posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    let mut text = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut text)?;
    Ok(Found {
        holder: serde_json::from_slice(&text).ok(),
        modified: file.metadata()?.modified().ok(),
        text,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Bench {
        _dir: tempfile::TempDir,
        file: LeaseFile,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let file = LeaseFile::of(&Place::named(dir.path()), Name::Lease);
            Self { _dir: dir, file }
        }

        fn entries(&self) -> Vec<String> {
            let entries = fs::read_dir(self.file.place.at()).unwrap();
            let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
            let mut names: Vec<_> = entries.map(name).collect();
            names.sort();
            names
                .into_iter()
                .map(|name| name.into_string().unwrap())
                .collect()
        }
    }

    fn holder() -> Holder {
        Holder::this(Duration::from_secs(60))
    }

    #[test]
    fn one_takes_it_and_gives_it_up_and_nothing_else_is_left() {
        let bench = Bench::new();
        let (first, second) = (holder(), holder());
        assert_eq!(bench.file.read().unwrap(), None);
        assert!(bench.file.take(&first).unwrap());
        assert!(!bench.file.take(&second).unwrap());
        assert_eq!(
            bench.file.read().unwrap().unwrap().holder,
            Some(first.clone())
        );
        assert_eq!(bench.entries(), ["lease"]);
        bench
            .file
            .take_away(|found| found.is_of(second.nonce))
            .unwrap();
        assert_eq!(bench.entries(), ["lease"]);
        bench
            .file
            .take_away(|found| found.is_of(first.nonce))
            .unwrap();
        assert_eq!(bench.entries(), [""; 0]);
        bench.file.take_away(|_| true).unwrap();
        assert!(bench.file.take(&second).unwrap());
    }

    #[test]
    fn of_many_at_once_one_takes_it() {
        let bench = Bench::new();
        let taken = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| bench.file.take(&holder()).unwrap()))
                .collect();
            all.into_iter()
                .filter_map(|one| one.join().unwrap().then_some(()))
                .count()
        });
        assert_eq!(taken, 1);
        assert_eq!(bench.entries(), ["lease"]);
    }

    #[test]
    fn a_beat_is_written_by_who_holds_it_and_by_nobody_else() {
        let bench = Bench::new();
        let (first, second) = (holder(), holder());
        assert!(!bench.file.renew(&first).unwrap());
        assert!(bench.file.take(&first).unwrap());
        let later = Holder {
            beat: 12_345,
            ..first.clone()
        };
        let sign = || bench.file.read().unwrap().unwrap().sign();
        let before = sign();
        assert!(bench.file.renew(&later).unwrap() && before != sign());
        assert!(!bench.file.renew(&second).unwrap());
        assert_eq!(bench.file.read().unwrap().unwrap().holder, Some(later));
        // Nor is one made where it is gone.
        bench.file.take_away(|_| true).unwrap();
        assert!(!bench.file.renew(&first).unwrap());
        assert_eq!(bench.entries(), [""; 0]);
    }

    #[test]
    fn one_without_content_says_nothing_but_when_it_was_made() {
        let bench = Bench::new();
        fs::write(bench.file.path(), "").unwrap();
        let found = bench.file.read().unwrap().unwrap();
        assert_eq!(found.holder, None);
        let later = found.modified.unwrap() + Duration::from_secs(1);
        File::options()
            .write(true)
            .open(bench.file.path())
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert_ne!(bench.file.read().unwrap().unwrap().sign(), found.sign());
        assert!(!bench.file.take(&holder()).unwrap());
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let bench = Bench::new();
        let film = bench.file.place.file("holiday.mkv");
        fs::write(&film, "a film").unwrap();
        std::os::unix::fs::symlink(&film, bench.file.path()).unwrap();
        assert!(bench.file.read().is_err() && bench.file.take(&holder()).is_err());
        assert_eq!(fs::read(&film).unwrap(), b"a film");
    }
}
