//! The original of an output that takes its place: kept as a backup, put back, and removed in time.
//!
//! There is no moment without a film. Under one name, the backup is a second name of the original (a hard link), made
//! before the output gets the name by one rename. Where there are no links, the output gets the backup's name first, and
//! both are exchanged in one step; where that is not possible either, and on another file system, the backup is a copy.
//! Under two names (film.mp4 and film.mkv), the output gets its own, and then the original is moved to the backup's.

use std::{
    ffi::OsStr,
    fs::{self, File, FileTimes},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, fchown},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
};

use super::part::{PartFile, dir_of};
use crate::{
    job::{self, Leftover},
    os::{
        disk::{self, sync_dir},
        exit::Taken,
        process::quoted,
    },
    settings::{Config, original_of, output_of},
};

/// The attribute that says when a backup was made, in seconds since 1970: only what has it is ever removed.
const KEPT_SINCE: &str = "user.av1enc.kept-since";
/// The attribute of an output that says which name its original had.
const REPLACES: &str = "user.av1enc.replaces";

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

    /// Whether there is a film of the original's name beside the output.
    #[must_use]
    pub fn is_beside(&self) -> bool {
        self.has_other_name() && is_there(&self.path)
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
        let found = fs::symlink_metadata(&self.path)
            .with_context(|| format!("reading {}", quoted(self.path.as_os_str())))?;
        ensure!(
            found.is_file(),
            Taken(format!(
                "{} is a link or no file: name the file itself to have it replaced",
                quoted(self.path.as_os_str())
            ))
        );
        if let Some(backup) = &self.backup {
            tempfile::tempfile_in(dir_of(backup)).with_context(|| {
                let dir = quoted(dir_of(backup).as_os_str());
                format!("cannot keep the original in {dir}")
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

    /// Makes sure that what has the backup's name is the original: a second name of it, or a copy.
    fn require_kept(&self, backup: &Path) -> Result<()> {
        let number = |path: &Path| fs::symlink_metadata(path).map(|it| (it.dev(), it.ino()));
        let is_kept = match (number(backup), number(&self.path)) {
            (Ok(backup), Ok(original)) if backup == original => true,
            _ => have_one_content(backup, &self.path).unwrap_or(false),
        };
        ensure!(
            is_kept,
            Taken(format!(
                "{} exists: {} was replaced before, it seems. `av1enc restore` undoes that; or move it away",
                quoted(backup.as_os_str()),
                quoted(self.path.as_os_str())
            ))
        );
        Ok(())
    }

    /// Gives the output what the original has beside its content: owner, mode, times, extended attributes. Returns what
    /// could not be kept, in words.
    ///
    /// # Errors
    /// If either file cannot be read.
    pub fn adorn(&self, part: &PartFile) -> Result<Vec<String>> {
        let file = part.writer()?;
        let name = self.path.file_name().unwrap_or_default();
        // Where there are no such attributes, `restore` says so.
        let _ = xattr::FileExt::set_xattr(&file, REPLACES, name.as_encoded_bytes());
        adorn(&self.path, &file)
    }

    /// Gives the output the original's place. What is killed at any step is gone on with by the same command.
    ///
    /// # Errors
    /// What failed, with the names of both files: the original is untouched then.
    pub fn replace(&self, part: &PartFile) -> Result<()> {
        let replaced = match &self.backup {
            _ if self.has_other_name() => part.publish(),
            None => part.publish_over(),
            Some(backup) => self.replace_and_keep(part, backup),
        };
        replaced.with_context(|| {
            let (original, part) = (
                quoted(self.path.as_os_str()),
                quoted(part.path().as_os_str()),
            );
            format!("{original} stays as it was: replacing it by {part}")
        })?;
        self.part_with()
    }

    fn replace_and_keep(&self, part: &PartFile, backup: &Path) -> Result<()> {
        if is_there(backup) {
            self.require_kept(backup)?;
            note_time(backup);
            return part.publish_over();
        }
        match fs::hard_link(&self.path, backup) {
            Ok(()) => (),
            Err(error)
                if error.kind() != ErrorKind::CrossesDevices && can_exchange(dir_of(backup)) =>
            {
                part.publish_as(backup)?;
                return exchange(backup, &self.output);
            }
            Err(_) => copy(&self.path, backup)?,
        }
        sync_dir(dir_of(backup))?;
        note_time(backup);
        part.publish_over()
    }

    /// Moves an original away whose output has its own name, once that is there.
    ///
    /// # Errors
    /// If it cannot be moved: then both are there.
    pub fn part_with(&self) -> Result<()> {
        if !self.is_beside() {
            return Ok(());
        }
        let moved = match &self.backup {
            None => fs::remove_file(&self.path).map_err(anyhow::Error::new),
            Some(backup) if is_there(backup) => {
                self.require_kept(backup)?;
                fs::remove_file(&self.path).map_err(anyhow::Error::new)
            }
            Some(backup) => move_to(&self.path, backup),
        };
        moved.with_context(|| {
            format!(
                "{} is finished, but {} could not be moved away",
                quoted(self.output.as_os_str()),
                quoted(self.path.as_os_str())
            )
        })?;
        if let Some(backup) = &self.backup {
            note_time(backup);
        }
        Ok(sync_dir(dir_of(&self.path))?)
    }

    /// Does what a run that was killed has left to do, once its output had a name. Returns whether the output has taken
    /// the original's place. A film that has come to have the original's name meanwhile keeps it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(&self, left: &Leftover) -> Result<bool> {
        // The output has the backup's name: it was about to be exchanged.
        if let Some(backup) = self.backup.as_deref().filter(|it| left.is_output(it)) {
            exchange(backup, &self.output)?;
        }
        if !left.is_output(&self.output) {
            return Ok(false);
        }
        if left.is_source(&self.path) {
            self.part_with()?;
        }
        Ok(true)
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Notes when a backup was made. Where there are no attributes, it is never removed.
fn note_time(backup: &Path) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.unwrap_or_default().as_secs();
    let _ = xattr::set(backup, KEPT_SINCE, seconds.to_string().as_bytes());
}

fn rename_as(from: &Path, to: &Path, how: RenameFlags) -> Result<(), Errno> {
    renameat2(AT_FDCWD, from, AT_FDCWD, to, how)
}

fn exchange(one: &Path, other: &Path) -> Result<()> {
    rename_as(one, other, RenameFlags::RENAME_EXCHANGE)?;
    note_time(one);
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
    let beside = dir_of(film);
    let (backup, name) = kept_for(film, dir.unwrap_or(beside))?;
    let original = beside.join(name);
    let output = output_of(&original);
    let has_place = original == output;
    let is_ours = replaces(&output, &original);
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
    let _ = xattr::remove(&original, KEPT_SINCE);
    sync_dir(beside)?;
    let then = if has_place {
        String::new()
    } else if is_ours {
        fs::remove_file(&output)?;
        format!("; {} is removed", shown[2])
    } else if is_there(&output) {
        format!(
            "; {} stays, for nothing tells that it was made of it",
            shown[2]
        )
    } else {
        String::new()
    };
    Ok(format!("{} is the original again{then}", shown[1]))
}

/// Whether a file is an output that says of itself that it was made of a film of this name.
fn replaces(output: &Path, original: &Path) -> bool {
    let said = xattr::get(output, REPLACES).ok().flatten();
    said.is_some() && said.as_deref() == original.file_name().map(OsStr::as_encoded_bytes)
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
        ensure!(is_there(film), "{} is not there", quoted(film.as_os_str()));
        return Ok((film.to_owned(), original.into()));
    }
    let stem = film.file_stem();
    let entries =
        fs::read_dir(dir).with_context(|| format!("reading {}", quoted(dir.as_os_str())))?;
    let mut kept: Vec<(PathBuf, PathBuf)> = entries
        .flatten()
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

/// Removes originals that av1enc has kept in `dir` for longer than `age`, and whose output is there. Returns which.
///
/// # Errors
/// Those of the file system.
pub fn remove_older(dir: &Path, age: Duration, beside: &Path) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(dir)?.flatten() {
        let Some(original) = original_of(&entry.file_name()) else {
            continue;
        };
        let original = beside.join(original);
        let since = xattr::get(entry.path(), KEPT_SINCE).ok().flatten();
        let since = since.and_then(|text| String::from_utf8(text).ok()?.parse::<u64>().ok());
        let is_older = since.is_some_and(|since| {
            let since = UNIX_EPOCH + Duration::from_secs(since);
            since.elapsed().is_ok_and(|elapsed| elapsed > age)
        });
        if is_older && entry.file_type()?.is_file() && replaces(&output_of(&original), &original) {
            fs::remove_file(entry.path())?;
            removed.push(entry.path());
        }
    }
    Ok(removed)
}
