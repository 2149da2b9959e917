//! The original of an output that takes its place: kept as a backup, put back, and removed in time.
//!
//! There is no moment without a film. Under one name, the backup is a second name of the original (a hard link), made
//! before the output gets the name by one rename. Where there are no links, the output gets the backup's name first, and
//! both are exchanged in one step; where that is not possible either, and on another file system, the backup is a copy.
//! Under two names (film.mp4 and film.mkv), the output gets its own, and then the original is moved to the backup's.

use std::{
    fs::{self, File, FileTimes, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, fchown},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
};

use super::{
    kept::Kept,
    part::{PartFile, dir_of},
};
use crate::{
    job::{self, Leftover},
    os::{
        disk::{self, sync_dir},
        exit::{Taken, UsageError},
        process::quoted,
    },
    settings::{Config, original_of, output_of},
};

/// An original that its output replaces.
#[derive(Debug, Clone)]
pub struct Original {
    path: PathBuf,
    output: PathBuf,
    backup: Option<PathBuf>,
}

impl Original {
    /// That of an encode which replaces it.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        config.replacing.as_ref().map(|replacing| Self {
            path: config.input.clone(),
            output: config.output.clone(),
            backup: replacing.backup.clone(),
        })
    }

    fn has_other_name(&self) -> bool {
        self.path != self.output
    }

    /// Makes sure that it can be replaced: nothing is in the way of the backup, and there is a place for it. Says if the
    /// original has other names, which stay what they are.
    ///
    /// # Errors
    /// [`Taken`] if something is in the way; others if the place cannot be written.
    pub fn require_replaceable(&self) -> Result<Option<String>> {
        let kept = self.replaced_already();
        let found = match fs::symlink_metadata(&self.path) {
            Err(_) if kept.is_some() => bail!(self.taken_by(&kept.unwrap_or_default())),
            found => found.with_context(|| format!("reading {}", quoted(self.path.as_os_str())))?,
        };
        ensure!(
            found.is_file(),
            Taken(format!(
                "{} is a link or no file: name the file itself to have it replaced",
                quoted(self.path.as_os_str())
            ))
        );
        let name = self.path.file_name().unwrap_or_default();
        if original_of(name).is_some() {
            let shown = quoted(name);
            bail!(UsageError(format!(
                "{shown} is an original that --replace has kept: `av1enc restore` puts it back, -o encodes it elsewhere"
            )));
        }
        // One under its own name is compared with it below.
        if let Some(kept) = kept.filter(|kept| Some(kept) != self.backup.as_ref()) {
            bail!(self.taken_by(&kept));
        }
        ensure!(
            !self.has_other_name() || !is_there(&self.output),
            Taken(format!(
                "{} exists, and --replace takes no other film's place than that of {}: move it away, or name another output \
                 with -o",
                quoted(self.output.as_os_str()),
                quoted(self.path.as_os_str())
            ))
        );
        if let Some(backup) = &self.backup {
            tempfile::tempfile_in(dir_of(backup)).with_context(|| {
                let dir = quoted(dir_of(backup).as_os_str());
                match dir_of(backup).exists() {
                    true => format!("cannot keep the original in {dir}"),
                    false => format!(
                        "cannot keep the original in {dir}: there is no such directory, type `mkdir -p {dir}`"
                    ),
                }
            })?;
            if is_there(backup) {
                self.require_kept(backup)?;
            }
        }
        Ok((found.nlink() > 1).then(|| {
            format!(
                "{} has {} names (hard links): the others go on being the original",
                quoted(self.path.as_os_str()),
                found.nlink()
            )
        }))
    }

    /// What is kept of this film, if it is an output that has taken the place of that, under whichever ending; or if its output
    /// has taken its own.
    #[must_use]
    pub fn replaced_already(&self) -> Option<PathBuf> {
        let place = match is_there(&self.path) {
            true => &self.path,
            false => &self.output,
        };
        let is_its = |backup: &PathBuf| {
            let name = backup.file_name().and_then(original_of);
            let has_its_stem =
                name.is_some_and(|name| Path::new(&name).file_stem() == place.file_stem());
            has_its_stem && Kept::of(backup).is_some_and(|kept| kept.is_for(place))
        };
        let entries = fs::read_dir(dir_of(self.backup.as_deref()?)).ok()?;
        entries.flatten().map(|entry| entry.path()).find(is_its)
    }

    /// That the original is kept as `backup`.
    fn taken_by(&self, backup: &Path) -> Taken {
        Taken(format!(
            "{} exists: {} was replaced before, it seems. `{}` undoes that; or move it away",
            quoted(backup.as_os_str()),
            quoted(self.path.as_os_str()),
            self.undoing(backup)
        ))
    }

    /// Makes sure that what has the backup's name is the original: a second name of it, or a copy.
    fn require_kept(&self, backup: &Path) -> Result<()> {
        let number = |path: &Path| fs::symlink_metadata(path).map(|it| (it.dev(), it.ino()));
        let is_kept = match (number(backup), number(&self.path)) {
            (Ok(backup), Ok(original)) if backup == original => true,
            _ => have_one_content(backup, &self.path).unwrap_or(false),
        };
        let of_other = Kept::of(backup).filter(|kept| !is_kept && kept.output() != self.output);
        if let Some(other) = of_other {
            bail!(Taken(format!(
                "{} exists: it is the original of {}. Name another directory for that of {} with --backup-dir",
                quoted(backup.as_os_str()),
                quoted(other.output().as_os_str()),
                quoted(self.path.as_os_str())
            )));
        }
        ensure!(is_kept, self.taken_by(backup));
        Ok(())
    }

    /// What brings the original back that has the `backup`'s name.
    fn undoing(&self, backup: &Path) -> String {
        let film = quoted(self.output.as_os_str());
        let dir = dir_of(backup);
        match dir == dir_of(&self.output) {
            true => format!("av1enc restore {film}"),
            false => format!(
                "av1enc restore {film} --backup-dir {}",
                quoted(dir.as_os_str())
            ),
        }
    }

    /// Gives the output what the original has beside its content: owner, mode, times, extended attributes. Returns what
    /// could not be kept, in words.
    ///
    /// # Errors
    /// If either file cannot be read.
    pub fn adorn(&self, part: &PartFile) -> Result<Vec<String>> {
        adorn(&self.path, &part.writer()?)
    }

    /// Gives the output the original's place. What is killed at any step is gone on with by the same command.
    ///
    /// # Errors
    /// What failed, with the names of both files: the original is untouched then.
    pub fn replace(&self, part: &PartFile) -> Result<()> {
        // It may have its name from a step that met a full disk afterwards.
        if !part.is_published() {
            let replaced = match &self.backup {
                _ if self.has_other_name() => part.publish(),
                None => part.publish_over(),
                Some(backup) => self.replace_and_keep(part, backup),
            };
            replaced.with_context(|| {
                let original = quoted(self.path.as_os_str());
                let part = quoted(part.path().as_os_str());
                format!("{original} stays as it was: replacing it by {part}")
            })?;
        }
        self.part_with(&part.metadata()?)
    }

    fn replace_and_keep(&self, part: &PartFile, backup: &Path) -> Result<()> {
        let note = || -> Result<()> {
            Kept::note(backup, &part.metadata()?, &self.output);
            Ok(sync_dir(dir_of(backup))?)
        };
        if is_there(backup) {
            self.require_kept(backup)?;
        } else if let Err(error) = fs::hard_link(&self.path, backup) {
            if error.kind() != ErrorKind::CrossesDevices && can_exchange(dir_of(backup)) {
                part.publish_as(backup)?;
                exchange(backup, &self.output).inspect_err(|_| part.take_back(backup))?;
                return note();
            }
            copy(&self.path, backup)?;
        }
        note()?;
        part.publish_over()
    }

    /// Moves an original away whose output has its own name, once that is there: the file of which the system says `found`.
    fn part_with(&self, found: &Metadata) -> Result<()> {
        if !self.has_other_name() || !is_there(&self.path) {
            return Ok(());
        }
        let moved = match &self.backup {
            Some(backup) if !is_there(backup) => move_to(&self.path, backup),
            backup => backup
                .as_ref()
                .map_or(Ok(()), |backup| self.require_kept(backup))
                .and_then(|()| Ok(fs::remove_file(&self.path)?)),
        };
        moved.with_context(|| {
            format!(
                "{} is finished, but {} could not be moved away",
                quoted(self.output.as_os_str()),
                quoted(self.path.as_os_str())
            )
        })?;
        if let Some(backup) = &self.backup {
            Kept::note(backup, found, &self.output);
        }
        Ok(sync_dir(dir_of(&self.path))?)
    }

    /// Does what a run has left to do that was killed while its output took the place of this film. Returns whether there is
    /// nothing else to do.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(&self, left: &Leftover) -> Result<bool> {
        // Of another film that has come to be here, nothing was encoded.
        if self.has_other_name() && is_there(&self.path) && !left.is_source(&self.path) {
            return Ok(false);
        }
        let exchanged = self.backup.as_deref().filter(|it| left.is_output(it));
        if let Some(backup) = exchanged {
            exchange(backup, &self.output)?;
        }
        if !left.is_output(&self.output) {
            return Ok(false);
        }
        let found = fs::metadata(&self.output)?;
        self.part_with(&found)?;
        if let Some(backup) = self.backup.as_deref().filter(|it| is_there(it)) {
            Kept::note(backup, &found, &self.output);
        }
        Ok(true)
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn rename_as(from: &Path, to: &Path, how: RenameFlags) -> Result<(), Errno> {
    renameat2(AT_FDCWD, from, AT_FDCWD, to, how)
}

fn exchange(one: &Path, other: &Path) -> Result<()> {
    rename_as(one, other, RenameFlags::RENAME_EXCHANGE).with_context(|| {
        let (one, other) = (quoted(one.as_os_str()), quoted(other.as_os_str()));
        format!("exchanging {one} and {other}")
    })?;
    Ok(sync_dir(dir_of(other))?)
}

/// Whether the file system of `dir` exchanges names.
fn can_exchange(dir: &Path) -> bool {
    let pair = tempfile::NamedTempFile::new_in(dir)
        .and_then(|one| Ok((one, tempfile::NamedTempFile::new_in(dir)?)));
    pair.is_ok_and(|(one, other)| {
        rename_as(one.path(), other.path(), RenameFlags::RENAME_EXCHANGE).is_ok()
    })
}

/// Gives a file another name, on whichever file system, where nothing has that name.
fn move_to(from: &Path, to: &Path) -> Result<()> {
    match name(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            copy(from, to)?;
            Ok(fs::remove_file(from)?)
        }
        named => Ok(named?),
    }
}

/// Gives a file a name that nothing has in its file system.
fn name(from: &Path, to: &Path) -> io::Result<()> {
    match rename_as(from, to, RenameFlags::RENAME_NOREPLACE) {
        // Some file systems cannot do it in one step.
        Err(Errno::EINVAL | Errno::ENOSYS) if !is_there(to) => fs::rename(from, to)?,
        named => named?,
    }
    sync_dir(dir_of(to))
}

/// Copies a file with all that it has beside its content, and compares both before the copy gets its name. What a run has
/// copied that was killed is replaced.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let hash = blake3::hash(to.as_os_str().as_encoded_bytes()).to_hex();
    let part = dir_of(to).join(format!(".av1enc-{}.orig.part", &hash[..12]));
    let copied = copy_as(from, &part).and_then(|()| Ok(name(&part, to)?));
    if copied.is_err() {
        let _ = fs::remove_file(&part);
    }
    copied.with_context(|| {
        let (from, to) = (quoted(from.as_os_str()), quoted(to.as_os_str()));
        format!("copying {from} to {to}")
    })
}

fn copy_as(from: &Path, part: &Path) -> Result<()> {
    if is_there(part) {
        fs::remove_file(part)?;
    }
    let file = File::create_new(part)?;
    disk::copy_into(from, &file)?;
    // What the copy's file system cannot keep is no reason to keep no copy.
    adorn(from, &file)?;
    ensure!(
        have_one_content(part, from)?,
        "the copy has another content"
    );
    Ok(())
}

/// Whether two files hold the same. Both are read whole.
fn have_one_content(one: &Path, other: &Path) -> io::Result<bool> {
    let digest = |path: &Path| job::digest(File::open(path)?);
    Ok(digest(one)? == digest(other)?)
}

/// Gives a file what another one has beside its content: owner, mode, times, extended attributes. Returns what could not be
/// kept, in words.
fn adorn(from: &Path, to: &File) -> Result<Vec<String>> {
    use xattr::FileExt;
    let from = File::open(from)?;
    let (found, own) = (from.metadata()?, to.metadata()?);
    let mut lost = Vec::new();
    if (own.uid(), own.gid()) != (found.uid(), found.gid())
        && fchown(to, Some(found.uid()), Some(found.gid())).is_err()
    {
        lost.push("its owner and group".to_owned());
    }
    if to.set_permissions(found.permissions()).is_err() {
        lost.push("its mode".to_owned());
    }
    for name in from.list_xattr().into_iter().flatten() {
        let value = from.get_xattr(&name).ok().flatten();
        if value.is_none_or(|value| to.set_xattr(&name, &value).is_err()) {
            lost.push(format!("its attribute {}", quoted(&name)));
        }
    }
    // Last: all of the above changes them.
    let times = FileTimes::new().set_modified(found.modified()?);
    let times = found
        .accessed()
        .map_or(times, |time| times.set_accessed(time));
    if to.set_times(times).is_err() {
        lost.push("its times".to_owned());
    }
    to.sync_all()?;
    Ok(lost)
}

/// Puts the original of `film` back, which is kept in `dir` or beside it; `film` may be named as it was, as it is, or as it is
/// kept. Returns what was done, in words.
///
/// # Errors
/// If there is none, or more than one, or if something else is in its place.
pub fn restore(film: &Path, dir: Option<&Path>) -> Result<String> {
    let (backup, name) = kept_for(film, dir.unwrap_or(dir_of(film)))?;
    let kept = Kept::of(&backup);
    // Named as it is kept, it may be kept elsewhere.
    let place = kept.as_ref().filter(|_| backup == film).map(Kept::output);
    let original = dir_of(place.as_deref().unwrap_or(film)).join(name);
    let output = output_of(&original);
    let is_ours = kept.is_some_and(|kept| kept.is_for(&output));
    let has_place = original == output;
    let shown = [&backup, &original, &output].map(|path| quoted(path.as_os_str()));
    ensure!(
        !is_there(&original) || has_place && is_ours,
        Taken(format!(
            "{} exists, and nothing tells that av1enc has made it of {}: move it away, and repeat the command",
            shown[1], shown[0]
        ))
    );
    if has_place && is_ours {
        put_over(&backup, &original)?;
    } else {
        move_to(&backup, &original)?;
    }
    Kept::forget(&original);
    sync_dir(dir_of(&original))?;
    let then = if has_place || !is_there(&output) {
        String::new()
    } else if is_ours {
        fs::remove_file(&output)?;
        format!("; {} is removed", shown[2])
    } else {
        format!(
            "; {} stays, for nothing tells that it was made of it",
            shown[2]
        )
    };
    Ok(format!("{} is the original again{then}", shown[1]))
}

/// Gives a file the name of another one, which is gone then, on whichever file system.
fn put_over(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            let near = to.with_extension("orig.restored");
            copy(from, &near)?;
            fs::rename(&near, to)?;
            Ok(fs::remove_file(from)?)
        }
        renamed => Ok(renamed?),
    }
}

/// The original in `dir` that is kept for a film, and the name that it had.
fn kept_for(film: &Path, dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let name = film.file_name().unwrap_or_default();
    if let Some(original) = original_of(name) {
        let is_file = fs::symlink_metadata(film).is_ok_and(|it| it.is_file());
        ensure!(is_file, "{} is no file", quoted(film.as_os_str()));
        return Ok((film.to_owned(), original.into()));
    }
    let stem = film.file_stem();
    let entries =
        fs::read_dir(dir).with_context(|| format!("reading {}", quoted(dir.as_os_str())))?;
    let mut kept: Vec<(PathBuf, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|it| it.is_file()))
        .filter_map(|entry| {
            Some((
                entry.path(),
                PathBuf::from(original_of(&entry.file_name())?),
            ))
        })
        .filter(|(_, original)| original.file_stem() == stem)
        .collect();
    // Named as it was.
    if kept
        .iter()
        .any(|(_, original)| original.as_os_str() == name)
    {
        kept.retain(|(_, original)| original.as_os_str() == name);
    }
    match (kept.pop(), kept.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => bail!(
            "no original of {} is kept in {}: name its directory with --backup-dir",
            quoted(film.as_os_str()),
            quoted(dir.as_os_str())
        ),
        _ => bail!(
            "several originals of {} are kept in {}: name the one that is meant",
            quoted(film.as_os_str()),
            quoted(dir.as_os_str())
        ),
    }
}

/// Removes originals that av1enc has kept in `dir` for longer than `age`, and whose output is where and what it was; `last`
/// stays. Returns which.
///
/// # Errors
/// Those of the file system.
pub fn remove_older(dir: &Path, age: Duration, last: &Path) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(dir)?.flatten() {
        let path = entry.path();
        let Some(original) = original_of(&entry.file_name()).filter(|_| path != last) else {
            continue;
        };
        let is_done = |kept: &Kept| {
            let output = kept.output();
            // A copy of a backup says the same of itself.
            let is_its = output_of(&dir_of(&output).join(&original)) == output;
            is_its && kept.is_older(age) && kept.is_for(&output)
        };
        if entry.file_type()?.is_file() && Kept::of(&path).as_ref().is_some_and(is_done) {
            fs::remove_file(&path)?;
            removed.push(path);
        }
    }
    Ok(removed)
}
