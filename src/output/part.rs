//! The output's file: written under another name in its directory, and renamed when it is proven.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
    libc::{O_NOFOLLOW, O_NONBLOCK},
};

use crate::{
    os::{
        disk::sync_dir,
        exit::{Taken, UsageError},
        handle,
        process::quoted,
        room::is_of_full_disk,
    },
    settings::Config,
};

/// A file that becomes the output. Dropped without [`PartFile::publish`], it is removed.
#[derive(Debug)]
pub struct PartFile {
    part: PathBuf,
    output: PathBuf,
    overwrite: bool,
    /// Open for its lock, and so that what is written goes into it and nowhere else.
    file: File,
}

/// Where an output (an absolute path) is written: under a plain name, whatever its own is; the same for the same output, so
/// that a killed run's is replaced.
#[must_use]
pub fn path_of(output: &Path) -> PathBuf {
    let hash = blake3::hash(output.as_os_str().as_encoded_bytes()).to_hex();
    dir_of(output).join(format!(".av1enc-{}.part.mkv", &hash[..12]))
}

/// The directory in which an output (an absolute path) lies.
#[must_use]
pub fn dir_of(output: &Path) -> &Path {
    output.parent().unwrap_or(Path::new("/"))
}

/// Makes sure that the output's directory can be written, and takes the output's name: file systems differ in how long one
/// may be, and in what it may hold, and at the end of the encode it is too late to learn it.
///
/// # Errors
/// If it cannot; a [`UsageError`] if it does not take the name.
pub fn require_writable(output: &Path) -> Result<()> {
    let dir = dir_of(output);
    tempfile::tempfile_in(dir).map_err(|error| cannot_write(dir, error))?;
    // In a directory of its own, where no file of this name can be in the way. A full disk may have no room for one.
    let (Some(name), Ok(trial)) = (output.file_name(), tempfile::tempdir_in(dir)) else {
        return Ok(());
    };
    match File::create_new(trial.path().join(name)) {
        Err(error) if !is_of_full_disk(&error) => {
            let (name, dir) = (quoted(name), quoted(dir.as_os_str()));
            let why = format!("{name} cannot be the name of a file in {dir} ({error})");
            Err(UsageError(format!("{why}: name another one with -o")).into())
        }
        _ => Ok(()),
    }
}

/// That no file can be written into a directory, and what to type where that is known.
fn cannot_write(dir: &Path, error: impl Into<Error>) -> Error {
    let (error, shown) = (error.into(), quoted(dir.as_os_str()));
    let what = format!("cannot write into the output's directory {shown}");
    if !dir.exists() {
        return anyhow!("{what}: there is no such directory, type `mkdir -p {shown}`");
    }
    if !dir.is_dir() {
        return anyhow!("{what}: it is a file; name another output with -o");
    }
    match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            anyhow!("{what}: {error}; name an output in another one with -o")
        }
        _ => error.context(what),
    }
}

/// Refuses to overwrite the input.
///
/// # Errors
/// A [`UsageError`].
pub fn refuse_input(config: &Config) -> Result<()> {
    match is_same_file(&config.input, &config.output) {
        true => Err(UsageError("input and output are the same file".to_owned()).into()),
        false => Ok(()),
    }
}

/// Whether two names are of one file. Where a file system knows no case, one file has many names, and FUSE even gives each of
/// them a number of its own.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let (Ok(one), Ok(other)) = (fs::canonicalize(one), fs::canonicalize(other)) else {
        return false;
    };
    let lower = |path: &Path| path.to_string_lossy().to_lowercase();
    let stamp = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Some((metadata.dev(), metadata.len(), modified))
    };
    one == other || lower(&one) == lower(&other) && stamp(&one) == stamp(&other)
}

/// Refuses to overwrite the output, unless it may be.
///
/// # Errors
/// A [`Taken`].
pub fn refuse_existing(output: &Path, overwrite: bool) -> Result<()> {
    match fs::symlink_metadata(output) {
        Ok(metadata) if metadata.is_dir() => {
            Err(Taken(format!("{} is a directory", quoted(output.as_os_str()))).into())
        }
        Ok(_) if !overwrite => Err(Taken(format!(
            "{} exists: add -y to overwrite it",
            quoted(output.as_os_str())
        ))
        .into()),
        _ => Ok(()),
    }
}

impl PartFile {
    /// Makes the file, in place of that of a killed run.
    ///
    /// # Errors
    /// A [`Taken`] if another run is writing the same output; others if the directory cannot be written.
    pub fn create(output: &Path, overwrite: bool) -> Result<Self> {
        let dir = dir_of(output);
        let part = path_of(output);
        let create = || -> std::io::Result<Option<File>> {
            let there = OpenOptions::new()
                .read(true)
                .custom_flags(O_NOFOLLOW | O_NONBLOCK)
                .open(&part);
            // Held until what is there is removed, and its name taken.
            let _there = match there {
                Ok(file) if !locked(&file) => return Ok(None),
                // Published by its run before we had its lock: that name is free again.
                Ok(file)
                    if fs::metadata(&part).is_ok_and(|now| {
                        file.metadata().is_ok_and(|then| now.ino() != then.ino())
                    }) =>
                {
                    return Ok(None);
                }
                there => there.ok(),
            };
            match fs::remove_file(&part) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => (),
            }
            match new_file(&part) {
                Ok(file) => Ok(locked(&file).then_some(file)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
                Err(error) => Err(error),
            }
        };
        let file = create()
            .map_err(|error| cannot_write(dir, error))?
            .ok_or_else(|| {
                Taken(format!(
                    "another av1enc writes {} right now",
                    quoted(output.as_os_str())
                ))
            })?;
        Ok(Self {
            part,
            output: output.to_owned(),
            overwrite,
            file,
        })
    }

    /// Makes it anew, with nothing in it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn renew(&mut self) -> Result<()> {
        let renewed = fs::remove_file(&self.part).and_then(|()| new_file(&self.part));
        self.file = renewed.map_err(|error| cannot_write(dir_of(&self.output), error))?;
        locked(&self.file);
        Ok(())
    }

    /// The file itself, to be written into.
    ///
    /// # Errors
    /// If no more files can be open.
    pub fn writer(&self) -> Result<File> {
        self.file
            .try_clone()
            .map_err(|error| cannot_write(dir_of(&self.output), error))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.part
    }

    /// Where programs write it: whatever somebody puts under its name meanwhile, a link to another file too, this is the
    /// file that was made.
    #[must_use]
    pub fn held(&self) -> PathBuf {
        handle::path_of(&self.file)
    }

    /// Waits until all of it is on the disk; returns its size in bytes.
    ///
    /// # Errors
    /// If its name has come to be another file's; those of the file system.
    pub fn sync(&self) -> Result<u64> {
        self.file
            .sync_all()
            .context("writing the finished output to the disk")?;
        ensure!(self.is_at(&self.part)?, self.exchanged());
        Ok(self.file.metadata()?.len())
    }

    /// What the system says of it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn metadata(&self) -> Result<fs::Metadata> {
        Ok(self.file.metadata()?)
    }

    /// Whether it has its final name.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.is_at(&self.output).unwrap_or(false)
    }

    /// Takes back the `name` that [`PartFile::publish_as`] has given it.
    pub fn take_back(&self, name: &Path) {
        if self.is_at(name).unwrap_or(false) {
            let _ = fs::rename(name, &self.part);
        }
    }

    /// Whether `path` is the name of the file that was made.
    fn is_at(&self, path: &Path) -> Result<bool> {
        let named = fs::symlink_metadata(path).context("looking at the finished output")?;
        let written = self.file.metadata()?;
        Ok((named.dev(), named.ino()) == (written.dev(), written.ino()))
    }

    /// Makes sure that `name` has come to be that of the file that was made. A name is renamed, and not a file: until that
    /// instant, somebody may have exchanged it. Then it is taken back.
    fn require_at(&self, name: &Path) -> Result<()> {
        if self.is_at(name)? {
            return Ok(());
        }
        fs::rename(name, &self.part)
            .with_context(|| format!("taking back {}", quoted(name.as_os_str())))?;
        bail!(self.exchanged())
    }

    fn exchanged(&self) -> String {
        let shown = quoted(self.part.as_os_str());
        format!(
            "{shown} was exchanged for another file while it was written: repeat the command, finished work is kept"
        )
    }

    /// Gives it its final name, whatever has that now.
    ///
    /// # Errors
    /// Those of the file system: then it has no name.
    pub fn publish_over(&self) -> Result<()> {
        ensure!(self.is_at(&self.part)?, self.exchanged());
        fs::rename(&self.part, &self.output)
            .with_context(|| format!("naming {}", quoted(self.output.as_os_str())))?;
        self.require_at(&self.output)
    }

    /// Gives it a `name` in the same file system that nothing has.
    ///
    /// # Errors
    /// Those of the file system: then it has no name.
    pub fn publish_as(&self, name: &Path) -> Result<()> {
        let how = RenameFlags::RENAME_NOREPLACE;
        ensure!(self.is_at(&self.part)?, self.exchanged());
        renameat2(AT_FDCWD, &self.part, AT_FDCWD, name, how)
            .with_context(|| format!("naming {}", quoted(name.as_os_str())))?;
        self.require_at(name)
    }

    /// Gives it its final name. It is on the disk already ([`PartFile::sync`]); of its name that is true only after
    /// [`sync_name`].
    ///
    /// # Errors
    /// If an output has appeared meanwhile, its own name has come to be another file's, or the file system fails: then it has
    /// no name.
    pub fn publish(&self) -> Result<()> {
        let shown = quoted(self.output.as_os_str());
        let naming = || format!("naming {shown}");
        if self.overwrite {
            return self.publish_over();
        }
        match renameat2(
            AT_FDCWD,
            &self.part,
            AT_FDCWD,
            &self.output,
            RenameFlags::RENAME_NOREPLACE,
        ) {
            Ok(()) => self.require_at(&self.output),
            // Some file systems cannot do it in one step.
            Err(Errno::EINVAL | Errno::ENOSYS) if !self.output.exists() => self.publish_over(),
            Err(Errno::EEXIST | Errno::EINVAL | Errno::ENOSYS) => Err(Taken(format!(
                "{shown} has appeared while we were encoding: add -y to the same command to overwrite it"
            ))
            .into()),
            Err(error) => Err(anyhow!(error).context(naming())),
        }
    }
}

/// Waits until the name of an output is on the disk.
///
/// # Errors
/// Those of the file system.
pub fn sync_name(output: &Path) -> Result<()> {
    sync_dir(dir_of(output)).context("writing the output's directory to the disk")
}

fn new_file(part: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644).open(part)
}

/// Takes the lock of a part of an output: mkvmerge writes into the same file, so that it lasts. Where a file system has
/// no locks, everybody has it.
fn locked(file: &File) -> bool {
    !matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // After `publish` there is nothing under this name.
        let _ = fs::remove_file(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn written(output: &Path, overwrite: bool) -> PartFile {
        let part = PartFile::create(output, overwrite).unwrap();
        fs::write(part.path(), "a film").unwrap();
        part
    }

    #[test]
    fn what_is_proven_gets_its_name_and_what_is_not_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out.mkv");
        drop(written(&output, false));
        assert_eq!(names(dir.path()), [""; 0]);
        let part = written(&output, false);
        assert_eq!(part.sync().unwrap(), 6);
        part.publish().unwrap();
        assert_eq!(names(dir.path()), ["out.mkv"]);
    }

    #[test]
    fn an_output_that_appears_meanwhile_is_not_overwritten_unless_it_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out.mkv");
        let part = written(&output, false);
        fs::write(&output, "mine").unwrap();
        let error = part.publish().unwrap_err();
        assert!(
            error.is::<Taken>() && error.to_string().contains("add -y"),
            "{error}"
        );
        drop(part);
        assert_eq!(names(dir.path()), ["out.mkv"]);
        assert_eq!(fs::read(&output).unwrap(), b"mine");
        assert!(refuse_existing(&output, false).is_err());
        refuse_existing(&output, true).unwrap();
        written(&output, true).publish().unwrap();
        assert_eq!(fs::read(&output).unwrap(), b"a film");
        // Not even then, where it is a directory.
        assert!(refuse_existing(dir.path(), true).unwrap_err().is::<Taken>());
    }

    #[test]
    fn one_run_writes_an_output_and_the_part_of_a_killed_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out.mkv");
        let part = written(&output, false);
        let second = PartFile::create(&output, false).unwrap_err();
        assert!(second.is::<Taken>(), "{second}");
        // Another output is another part.
        let other = PartFile::create(&dir.path().join("other.mkv"), false).unwrap();
        assert_ne!(other.path(), part.path());
        let path = part.path().to_owned();
        drop(part);
        fs::write(&path, "half a film").unwrap();
        let again = PartFile::create(&output, false).unwrap();
        assert_eq!(fs::read(again.path()).unwrap(), b"");
    }

    #[test]
    fn what_takes_the_name_of_a_part_is_neither_written_nor_published() {
        let dir = tempfile::tempdir().unwrap();
        let (output, holiday) = (dir.path().join("out.mkv"), dir.path().join("holiday.mkv"));
        fs::write(&holiday, "mine").unwrap();
        let plants: [fn(&Path, &Path) -> std::io::Result<()>; 2] = [
            |from, to| fs::hard_link(from, to),
            |from, to| std::os::unix::fs::symlink(from, to),
        ];
        for planted in plants {
            let part = PartFile::create(&output, false).unwrap();
            fs::remove_file(part.path()).unwrap();
            planted(&holiday, part.path()).unwrap();
            fs::write(part.held(), "a film").unwrap();
            let error = part.sync().unwrap_err().to_string();
            assert!(error.contains("was exchanged"), "{error}");
            drop(part);
            assert_eq!(fs::read(&holiday).unwrap(), b"mine");
            assert_eq!(names(dir.path()), ["holiday.mkv"]);
        }
    }

    #[test]
    fn an_original_is_not_replaced_by_what_has_taken_the_name_of_a_part() {
        let dir = tempfile::tempdir().unwrap();
        let (output, backup) = (dir.path().join("out.mkv"), dir.path().join("backup"));
        fs::write(&output, "the original").unwrap();
        for beside in [false, true] {
            let part = written(&output, true);
            fs::remove_file(part.path()).unwrap();
            fs::write(part.path(), "no film").unwrap();
            let published = match beside {
                false => part.publish_over(),
                true => part.publish_as(&backup),
            };
            assert!(published.is_err());
            assert_eq!(fs::read(&output).unwrap(), b"the original");
            assert!(!backup.exists());
        }
    }

    #[test]
    fn what_takes_the_name_of_a_part_in_the_instant_of_naming_is_not_published() {
        let dir = tempfile::tempdir().unwrap();
        let (output, other) = (dir.path().join("out.mkv"), dir.path().join("other"));
        for overwrite in [false, true] {
            let part = written(&output, overwrite);
            part.sync().unwrap();
            fs::write(&other, "no film").unwrap();
            fs::rename(&other, part.path()).unwrap();
            let error = part.publish().unwrap_err().to_string();
            assert!(error.contains("was exchanged"), "{error}");
            assert!(!output.exists());
        }
        let part = written(&output, false);
        part.publish().unwrap();
        assert_eq!(fs::read(&output).unwrap(), b"a film");
    }

    #[test]
    fn a_link_in_the_place_of_a_part_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out.mkv");
        let path = written(&output, false).path().to_owned();
        let holiday = dir.path().join("holiday.mkv");
        fs::write(&holiday, "mine").unwrap();
        std::os::unix::fs::symlink(&holiday, &path).unwrap();
        written(&output, false).publish().unwrap();
        assert_eq!(fs::read(&holiday).unwrap(), b"mine");
        assert!(fs::symlink_metadata(&output).unwrap().is_file());
    }
}
