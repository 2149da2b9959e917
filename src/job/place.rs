//! Where a job is: a directory that is held while it is worked in.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::os::{handle::Handle, process::quoted};

/// A directory of a job. What lies in one that is held is reached by what is held: whatever somebody moves away, or puts
/// under its name meanwhile, a link to another directory too, this is the directory that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Place {
    name: PathBuf,
    at: PathBuf,
    _held: Option<Arc<Handle>>,
}

impl Place {
    /// What is at `name`, whatever that is at the time.
    pub fn named(name: &Path) -> Self {
        Self {
            name: name.to_owned(),
            at: name.to_owned(),
            _held: None,
        }
    }

    /// What is at `name` now, for as long as this or a part of it lives.
    ///
    /// # Errors
    /// If nothing is there, or it must not be looked at.
    pub fn held(name: &Path) -> io::Result<Self> {
        let held = Handle::on(name)?;
        Ok(Self {
            name: name.to_owned(),
            at: held.path(),
            _held: Some(Arc::new(held)),
        })
    }

    /// A directory in it.
    pub fn within(&self, name: &str) -> Self {
        Self {
            name: self.name.join(name),
            at: self.file(name),
            _held: self._held.clone(),
        }
    }

    /// The name that the user knows it by.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Where it is reached.
    pub fn at(&self) -> &Path {
        &self.at
    }

    /// Where a file in it is reached.
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.at.join(name)
    }

    /// A path in it, relative to it.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.at).unwrap_or(path)
    }

    /// A path in it, as the user knows it.
    pub fn shown(&self, path: &Path) -> String {
        quoted(self.name.join(self.relative(path)).as_os_str())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(self.name.as_os_str()))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn what_is_held_stays_what_it_was_whatever_takes_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let [job, moved, others] = ["job", "moved", "others"].map(|name| dir.path().join(name));
        for made in [&job, &others] {
            fs::create_dir(made).unwrap();
        }
        let place = Place::held(&job).unwrap();
        fs::rename(&job, &moved).unwrap();
        symlink(&others, &job).unwrap();
        fs::create_dir(place.within("chunks").at()).unwrap();
        fs::write(place.within("chunks").file("one"), "ours").unwrap();
        assert_eq!(fs::read(moved.join("chunks/one")).unwrap(), b"ours");
        assert!(fs::read_dir(&others).unwrap().next().is_none());
        let shown = place.shown(&place.file("chunks/one"));
        assert_eq!(shown, quoted(job.join("chunks/one").as_os_str()));
        assert!(Place::held(&dir.path().join("nothing")).is_err());
    }
}
