//! Removes a job on which nobody works any more, because the user wants it to be gone.

use std::{fs, io::ErrorKind, os::unix::fs::MetadataExt, path::Path, time::SystemTime};

use anyhow::{Context, Result, ensure};
use nix::unistd::geteuid;

use super::{
    files::{ANOTHER, discard, is_shared, require_own},
    lease::{Lease, Observer, forget_expired},
    look::touched,
    names::{self, CHUNKS},
    place::Place,
    remove,
    state::{Known, read_state},
};
use crate::os::{exit::Taken, process::quoted};

/// What became of a job that was to be removed.
#[derive(Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Removed,
    /// Somebody has worked on it, has finished it, or has removed it since.
    NotAbandoned,
}

/// Removes the job in `dir`, with what it has written of its output, if nobody has done anything for it since `before`.
///
/// # Errors
/// [`Taken`] if somebody works on it, or something in it is not av1enc's: all of it then stays. Those of the file system.
pub fn remove_abandoned(dir: &Path, before: SystemTime) -> Result<Removal> {
    let place = match Place::held(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Removal::NotAbandoned),
        place => place?,
    };
    let is_old = || touched(&place).is_some_and(|touched| touched < before);
    let found = fs::metadata(place.at())?;
    ensure!(
        found.uid() == geteuid().as_raw(),
        Taken(format!(
            "{place} belongs to user {}, who removes it",
            found.uid()
        ))
    );
    require_own(&place, is_shared(&found), ANOTHER)?;
    require_nothing_foreign(&place)?;
    if !is_old() {
        return Ok(Removal::NotAbandoned);
    }
    forget_expired(&place, before)?;
    let Some(lease) = Lease::take(&place, &Observer::default())? else {
        return Ok(Removal::NotAbandoned);
    };
    // Another run may have come and gone meanwhile.
    let part = match read_state(&place)? {
        Known::State(state) if state.named.is_none() => state.part,
        Known::Unusable(_) => None,
        Known::Nothing | Known::State(_) => return Ok(Removal::NotAbandoned),
    };
    if !is_old() {
        return Ok(Removal::NotAbandoned);
    }
    if let Some(part) = part.as_ref().map(Path::new).filter(|part| is_part(part)) {
        discard(part);
    }
    remove(&place, &lease)?;
    Ok(Removal::Removed)
}

/// Whether a file has the name of an output that has none yet: a job file that is not what it seems removes nothing else.
fn is_part(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".av1enc-") && name.ends_with(b".part.mkv")
}

/// Makes sure that av1enc has made all that is in the directory.
fn require_nothing_foreign(place: &Place) -> Result<()> {
    for folder in [place.at().to_owned(), place.file(CHUNKS)] {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("reading {place}"))?,
        };
        for entry in entries {
            let entry = entry.with_context(|| format!("reading {place}"))?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let relative = place.relative(&path);
            let is_ours = match kind.is_dir() {
                true => relative == Path::new(CHUNKS),
                false => names::is_ours(relative),
            };
            ensure!(
                is_ours,
                Taken(format!(
                    "{place} holds {}, which av1enc has not made: all of it stays",
                    quoted(relative.as_os_str())
                ))
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_name_of_a_part_is_taken_for_one() {
        for (name, is) in [
            ("/films/.av1enc-0123456789ab.part.mkv", true),
            ("/films/holiday.mkv", false),
            ("/films/.av1enc-notes.txt", false),
            ("/", false),
        ] {
            assert_eq!(is_part(Path::new(name)), is, "{name}");
        }
    }
}
