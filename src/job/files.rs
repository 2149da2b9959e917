//! Files and folders of a job: read without following a link, and only what is ours removed.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io::{ErrorKind, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    libc::{O_NOFOLLOW, O_NONBLOCK},
    unistd::{Gid, getegid, geteuid, getgroups},
};

use super::{
    names::{self, CHUNKS, Name},
    place::Place,
};
use crate::os::{exit::Taken, process::quoted};

/// Opens a file of ours, which nobody else can have put there: no link is followed and no FIFO waited for, and a file that
/// has a second name, by which others may read or change it, or another owner than its directory is refused. In a job that is
/// shared, one of its group's is as good, and one that this user makes is the group's too.
///
/// # Errors
/// Those of the file system, and what is wrong with what is there.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    let (file, dir) = opened(path, options, 1)?;
    share(&file, &dir);
    Ok(file)
}

/// Opens such a file, which may have a second name for a moment: whoever has made it gives it its name in that way. What it
/// holds tells whose it is.
///
/// # Errors
/// The same.
pub(super) fn open_with_twin(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    opened(path, options, 2).map(|(file, _)| file)
}

/// Opens such a file for reading, and leaves it as it is in every way.
///
/// # Errors
/// The same.
pub(super) fn look_into(path: &Path) -> std::io::Result<File> {
    opened(path, OpenOptions::new().read(true), 1).map(|(file, _)| file)
}

/// Reads such a file in that way, up to a size that none of ours has.
///
/// # Errors
/// The same.
pub(super) fn look_at(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    look_into(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// More than a description of a job has, however many chapters its film has.
const MOST_BYTES: u64 = 64 << 20;

/// A file of ours that has at most so many `names`, opened, and what its directory is.
fn opened(path: &Path, options: &mut OpenOptions, names: u64) -> std::io::Result<(File, Metadata)> {
    let file = options
        .mode(0o600)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path)?;
    let found = file.metadata()?;
    let dir = fs::metadata(path.parent().unwrap_or(path))?;
    let is_of_the_group = is_shared(&dir) && found.gid() == dir.gid();
    let wrong = if !found.is_file() {
        "it is no regular file"
    } else if found.nlink() > names {
        "it has a second name (a hard link)"
    } else if found.uid() != dir.uid() && !is_of_the_group {
        "it belongs to another user"
    } else {
        return Ok((file, dir));
    };
    let advice = "remove it, or name another directory with --temp";
    Err(std::io::Error::other(format!("{wrong}: {advice}")))
}

/// Whether a directory of a job is shared by its group. Only [`require_own`] lets such a one be.
pub(super) fn is_shared(dir: &Metadata) -> bool {
    dir.mode() & GROUP_WRITES != 0
}

/// Gives the group what this user has made in a `dir` that is shared. Where a file system keeps no modes, nobody is kept from
/// it in any case.
pub(super) fn share(file: &File, dir: &Metadata) {
    let is_own = |found: &Metadata| found.uid() == geteuid().as_raw();
    let kept = |found: &Metadata| found.mode() & 0o777 == OF_THE_GROUP;
    if is_shared(dir)
        && file
            .metadata()
            .is_ok_and(|found| is_own(&found) && !kept(&found))
    {
        let _ = file.set_permissions(Permissions::from_mode(OF_THE_GROUP));
    }
}

/// Reads a file of ours.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, OpenOptions::new().read(true))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Size and BLAKE3 of a file.
///
/// # Errors
/// Those of the file system.
pub fn hash(path: &Path) -> std::io::Result<(u64, String)> {
    digest(open(path, OpenOptions::new().read(true))?)
}

/// The same of what is left of an open file, whoever it belongs to.
///
/// # Errors
/// Those of the file system.
pub fn digest(file: File) -> std::io::Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
}

/// Makes the directory, unless it is there. With `shared`, it is made its group's.
pub(super) fn make_dir(place: &Place, shared: bool) -> Result<()> {
    let dir = place.at();
    match fs::metadata(dir) {
        Ok(_) => (),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let making = DirBuilder::new().mode(0o700).create(dir);
            making.with_context(|| cannot_make(place))?;
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read the job directory {place}"));
        }
    }
    let found = fs::symlink_metadata(dir)?;
    if shared && found.is_dir() && found.uid() == geteuid().as_raw() && !is_shared(&found) {
        fs::set_permissions(dir, Permissions::from_mode(SHARED_DIR))
            .with_context(|| format!("sharing the job directory {place} with its group"))?;
    }
    Ok(())
}

fn cannot_make(place: &Place) -> String {
    let above = place.at().parent().filter(|above| !above.exists());
    let first = above.map_or_else(String::new, |above| {
        format!(
            "there is no directory for it, type `mkdir -p {}`, or ",
            quoted(above.as_os_str())
        )
    });
    format!("cannot make the job directory {place}: {first}name another one with --temp")
}

/// What to type in the place of a directory that was to become one of a job.
pub(super) const ANOTHER: &str = "name another directory with --temp";
/// What to type in the place of a directory in which a job was to be.
pub(super) const PLANNED: &str = "name the one that `av1enc plan` has printed";

/// Makes sure that nobody but this user, or with `shared` the group of the directory, can put anything into it: what is
/// there would be read, written through and handed to tools, also by root. A link to one of ours is as good. Where the file
/// system keeps neither owners nor modes, returns that in words. What is refused says what to type `instead`.
pub(super) fn require_own(place: &Place, shared: bool, instead: &str) -> Result<Option<String>> {
    let reading = || format!("cannot read the job directory {place}");
    let (named, found) = (
        fs::symlink_metadata(place.name()).with_context(reading)?,
        fs::metadata(place.at()).with_context(reading)?,
    );
    let refused = |why: &str| Taken(format!("{place} {why}"));
    if !found.is_dir() {
        return Err(refused(&format!("is not a directory: {instead}")).into());
    }
    let (user, mode) = (geteuid().as_raw(), found.mode());
    let others_write = mode & OTHERS_WRITE != 0;
    if shared && named.is_dir() && is_shared(&found) && !others_write && is_in_group(found.gid()) {
        return Ok(None);
    }
    let is_own = named.uid() == user && found.uid() == user;
    let why = if !is_own && is_shared(&found) && !others_write && !shared {
        format!(
            "belongs to another user, and its group may write it: add --shared if that group works on it together, or {instead}"
        )
    } else if !is_own && !shared {
        format!(
            "belongs to another user: {instead}, or have that user repeat the command that made it with --shared, and add \
             --shared to yours"
        )
    } else if !is_own {
        format!(
            "belongs to another user: {instead}, or have that user repeat the command that made it with --shared"
        )
    } else if others_write || is_shared(&found) && !shared {
        format!(
            "can be written by other users: take that from them with `chmod go-w {place}`, or {instead}"
        )
    } else if shared {
        format!(
            "belongs to a group of which you are not a member: `chgrp GROUP {place}`, or {instead}"
        )
    } else {
        return Ok(None);
    };
    if keeps_owners_and_modes(place.at()) {
        return Err(refused(&why).into());
    }
    Ok(Some(format!(
        "the file system of {place} keeps neither owners nor modes: whoever can write there can change this job"
    )))
}

/// Whether this user is a member of a group; root may be of any.
fn is_in_group(group: u32) -> bool {
    let is = |gid: &Gid| gid.as_raw() == group;
    geteuid().is_root() || is(&getegid()) || getgroups().is_ok_and(|all| all.iter().any(is))
}

/// Write permission of everybody, and of the group.
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
/// The mode of a directory that is shared: what is made in it is its group's.
const SHARED_DIR: u32 = 0o2770;
/// The mode of a file in it.
const OF_THE_GROUP: u32 = 0o660;

/// Whether a new file belongs to who made it, with the mode that he gave it: not so on FAT, exFAT, ntfs-3g and CIFS, nor for
/// root over NFS. Of a directory into which nothing can be written, that does not matter.
fn keeps_owners_and_modes(dir: &Path) -> bool {
    let Ok(file) = tempfile::tempfile_in(dir) else {
        return true;
    };
    let own = Permissions::from_mode(0o600);
    let found = file.set_permissions(own).and_then(|()| file.metadata());
    found.is_ok_and(|found| found.uid() == geteuid().as_raw() && found.mode() & 0o777 == 0o600)
}

/// Whether a file system says so that it has no links: FAT EPERM, FUSE ENOSYS, others EOPNOTSUPP or EINVAL.
pub(super) fn has_no_links(error: &std::io::Error) -> bool {
    let known = [
        Errno::EPERM,
        Errno::ENOSYS,
        Errno::EOPNOTSUPP,
        Errno::EINVAL,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| known.contains(&Errno::from_raw(code)))
}

/// Makes sure that nothing of somebody else's is in a directory that has no job file.
pub(super) fn require_empty(place: &Place) -> Result<()> {
    let mut entries = fs::read_dir(place.at()).with_context(|| format!("reading {place}"))?;
    // A directory of ours whose making was interrupted holds the lock, a lease, or a half-written job file.
    let half_written = Name::Job.part();
    let is_ours = |name: &OsStr| {
        names::is_lease(Path::new(name))
            || name == OsStr::new(&Name::Lock.to_string())
            || name == half_written.as_str()
    };
    if entries.any(|entry| entry.is_ok_and(|entry| !is_ours(&entry.file_name()))) {
        let why = format!(
            "{place} exists and is not a job directory of av1enc: name another one with --temp"
        );
        return Err(Taken(why).into());
    }
    Ok(())
}

/// Removes a file of the job, if there is one.
pub(super) fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let name = quoted(path.file_name().unwrap_or_default());
            Err(error).with_context(|| format!("removing {name} of the job"))
        }
        _ => Ok(()),
    }
}

/// Removes what a killed run has written of an output. Who still writes it has its lock; nobody needs what stays.
pub(super) fn discard(part: &Path) {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(part);
    if let Ok(file) = file
        && file.metadata().is_ok_and(|found| found.is_file())
        && file.try_lock().is_ok()
    {
        let _ = fs::remove_file(part);
    }
}

/// Removes what av1enc makes in a job directory, by name; the lease stays, with its lock.
pub(super) fn clear(place: &Place) -> Result<()> {
    let reading = || format!("removing what is in {place}");
    let dir = place.at();
    let chunks = dir.join(CHUNKS);
    if fs::symlink_metadata(&chunks).is_ok_and(|metadata| metadata.is_dir()) {
        clear_folder(dir, &chunks).with_context(reading)?;
        // If something of somebody else's is in it, it stays.
        let _ = fs::remove_dir(&chunks);
    }
    clear_folder(dir, dir).with_context(reading)?;
    // Last: a directory without it is no longer known as ours.
    remove_if_there(&dir.join(Name::Job.part()))?;
    remove_if_there(&dir.join(Name::Job.to_string()))
}

/// Removes what is ours in one `folder` of the job directory `dir`, but what says that it is a job.
fn clear_folder(dir: &Path, folder: &Path) -> Result<()> {
    let stays = [
        Name::Lock.to_string(),
        Name::Lease.to_string(),
        Name::Job.to_string(),
        Name::Job.part(),
    ];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let relative = path.strip_prefix(dir).unwrap_or(&path);
        if names::is_ours(relative) && !stays.iter().any(|name| relative == Path::new(name)) {
            remove_if_there(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(CHUNKS)).unwrap();
        let hdr10 = [
            Name::ChunkWithHdr10(2).to_string(),
            Name::ChunkWithHdr10(3).part(),
        ];
        let names = [
            "job.json",
            "source.ffindex",
            "chunks/00000.ivf",
            "chunks/00001.part.ivf",
            "chunks/00000.json",
        ];
        for name in names.into_iter().chain(hdr10.iter().map(String::as_str)) {
            fs::write(dir.path().join(name), "").unwrap();
        }
        for foreign in ["holiday.mkv", "chunks/notes.txt"] {
            fs::write(dir.path().join(foreign), "").unwrap();
        }
        clear(&Place::named(dir.path())).unwrap();
        let left = |dir: &Path| {
            let mut names: Vec<_> = fs::read_dir(dir)
                .unwrap()
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(left(dir.path()), ["chunks", "holiday.mkv"]);
        assert_eq!(left(&dir.path().join(CHUNKS)), ["notes.txt"]);
    }
}
