//! What an original that is kept says of itself: since when, and for which output. It stands in an extended attribute; where
//! there are none, nobody knows, and nothing is removed or overwritten for it.

use std::{
    ffi::OsString,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

const ATTRIBUTE: &str = "user.av1enc.kept";

/// What is known of an original that is kept.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// In seconds since 1970.
    since: u64,
    /// The output that has its place.
    output: OsString,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Kept {
    /// Notes on a `backup` that it is kept from now on, for the file of which the system says `found`, and which is at
    /// `output` or will be.
    pub fn note(backup: &Path, found: &Metadata, output: &Path) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let kept = Self {
            since: now.unwrap_or_default().as_secs(),
            output: output.as_os_str().to_owned(),
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        };
        if let Ok(text) = serde_json::to_vec(&kept) {
            let _ = xattr::set(backup, ATTRIBUTE, &text);
        }
    }

    /// What a file says of itself.
    #[must_use]
    pub fn of(backup: &Path) -> Option<Self> {
        let text = xattr::get(backup, ATTRIBUTE).ok().flatten()?;
        serde_json::from_slice(&text).ok()
    }

    /// Takes it away: the file is no backup any more.
    pub fn forget(original: &Path) {
        let _ = xattr::remove(original, ATTRIBUTE);
    }

    /// Where the output was that has its place.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        PathBuf::from(&self.output)
    }

    /// Whether a file is that output, and nobody has written into it since.
    #[must_use]
    pub fn is_for(&self, output: &Path) -> bool {
        fs::symlink_metadata(output).is_ok_and(|found| {
            let modified = (found.mtime(), found.mtime_nsec());
            found.is_file()
                && (found.ino(), found.len(), modified) == (self.inode, self.bytes, self.modified)
        })
    }

    /// Whether it is kept for longer than this.
    #[must_use]
    pub fn is_older(&self, age: Duration) -> bool {
        let since = UNIX_EPOCH + Duration::from_secs(self.since);
        since.elapsed().is_ok_and(|elapsed| elapsed > age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_knows_its_output_until_somebody_writes_into_that() {
        let dir = tempfile::tempdir().unwrap();
        let [backup, output] = ["film.orig.mkv", "film.mkv"].map(|name| dir.path().join(name));
        fs::write(&backup, "the original").unwrap();
        fs::write(&output, "the output").unwrap();
        assert_eq!(Kept::of(&backup), None);
        Kept::note(&backup, &fs::metadata(&output).unwrap(), &output);
        let Some(kept) = Kept::of(&backup) else {
            eprintln!("SKIPPED, nothing is tested here: there are no extended attributes");
            return;
        };
        assert!(kept.is_for(&output) && kept.output() == output);
        assert!(!kept.is_older(Duration::from_secs(60)) && !kept.is_for(&backup));
        let old = Kept { since: 1, ..kept };
        assert!(old.is_older(Duration::from_secs(60)));
        fs::write(&output, "the OUTPUT").unwrap();
        assert!(!old.is_for(&output));
        Kept::forget(&backup);
        assert_eq!(Kept::of(&backup), None);
    }
}
