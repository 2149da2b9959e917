//! Files and folders of a job: read without following a link, and only what is ours removed.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use nix::{errno::Errno, libc::O_NOFOLLOW};

use super::names::{self, CHUNKS, Name};
use crate::os::{exit::Taken, process::quoted};

/// Reads a file of ours; a link in its place is not followed.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW)
        .open(path)?
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Size and BLAKE3 of a file.
///
/// # Errors
/// Those of the file system.
pub fn hash(path: &Path) -> std::io::Result<(u64, String)> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW)
        .open(path)?;
    digest(file)
}

/// The same of what is left of an open file.
pub(super) fn digest(file: File) -> std::io::Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
}

/// Makes the directory, unless it is there and ours.
pub(super) fn make_dir(dir: &Path) -> Result<()> {
    let shown = dir.display();
    match fs::metadata(dir) {
        Ok(metadata) => {
            ensure!(
                metadata.is_dir(),
                Taken(format!(
                    "`{shown}` is not a directory: name another one with --temp"
                ))
            );
            let uid = nix::unistd::geteuid().as_raw();
            ensure!(
                metadata.uid() == uid || uid == 0,
                Taken(format!(
                    "`{shown}` belongs to another user: name another directory with --temp"
                ))
            );
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new().mode(0o700).create(dir).with_context(|| {
                format!("cannot make the job directory `{shown}`: name another one with --temp")
            })
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot read the job directory `{shown}`"))
        }
    }
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
pub(super) fn require_empty(dir: &Path) -> Result<()> {
    let shown = quoted(dir.as_os_str());
    let mut entries = fs::read_dir(dir).with_context(|| format!("reading {shown}"))?;
    // A directory of ours whose making was interrupted holds the lock, or a half-written job file.
    let half_written = Name::Job.part();
    let is_ours =
        |name: &OsStr| name == OsStr::new(&Name::Lock.to_string()) || name == half_written.as_str();
    if entries.any(|entry| entry.is_ok_and(|entry| !is_ours(&entry.file_name()))) {
        let why = format!(
            "{shown} exists and is not a job directory of av1enc: name another one with --temp"
        );
        return Err(Taken(why).into());
    }
    Ok(())
}

/// Removes a file, if there is one.
pub(super) fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes what av1enc makes in a job directory, by name; the lock stays.
pub(super) fn clear(dir: &Path) -> Result<()> {
    let chunks = dir.join(CHUNKS);
    if fs::symlink_metadata(&chunks).is_ok_and(|metadata| metadata.is_dir()) {
        clear_folder(dir, &chunks)?;
        // If something of somebody else's is in it, it stays.
        let _ = fs::remove_dir(&chunks);
    }
    clear_folder(dir, dir)?;
    // Last: a directory without it is no longer known as ours.
    remove_if_there(&dir.join(Name::Job.part()))?;
    remove_if_there(&dir.join(Name::Job.to_string()))
}

/// Removes what is ours in one `folder` of the job directory `dir`, but what says that it is a job.
fn clear_folder(dir: &Path, folder: &Path) -> Result<()> {
    let stays = [
        Name::Lock.to_string(),
        Name::Job.to_string(),
        Name::Job.part(),
    ];
    for entry in fs::read_dir(folder).with_context(|| format!("reading `{}`", folder.display()))? {
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
        clear(dir.path()).unwrap();
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
