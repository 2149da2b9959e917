//! Which file a source or an output is: by its content, and by what the file system says of it.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use anyhow::{Context, Result};
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use serde::{Deserialize, Serialize};

use super::files::digest;

/// Hashed around the places that are looked at: head, tail and parts in between.
const SAMPLE_BYTES: u64 = 1 << 20;
const SAMPLES: u64 = 16;

/// What a source is by its content, whatever its name and date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceIdentity {
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 of the size, the first and the last MiB, and 16 parts of a MiB in between.
    pub hash: String,
}

impl SourceIdentity {
    /// Reads the identity of a file; at most 18 MiB of it are read.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        let read = || -> std::io::Result<Self> {
            let mut file = File::open(path)?;
            let bytes = file.metadata()?.len();
            let mut hasher = blake3::Hasher::new();
            hasher.update(&bytes.to_le_bytes());
            let mut buffer = Vec::new();
            let span = bytes.saturating_sub(SAMPLE_BYTES);
            for sample in 0..=SAMPLES + 1 {
                let at =
                    u64::try_from(u128::from(span) * u128::from(sample) / u128::from(SAMPLES + 1))
                        .unwrap_or(span);
                file.seek(SeekFrom::Start(at))?;
                buffer.clear();
                (&mut file).take(SAMPLE_BYTES).read_to_end(&mut buffer)?;
                hasher.update(&buffer);
            }
            Ok(Self {
                bytes,
                hash: hasher.finalize().to_hex().to_string(),
            })
        };
        read().with_context(|| format!("reading `{}`", path.display()))
    }
}

/// What the file system says of a file. Whatever changes its content changes this as well, and it costs nothing to ask.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// When the content was written last.
    pub(super) fn modified(&self) -> (i64, i64) {
        self.modified
    }

    /// Whether somebody may have written into the file between the two. Some file systems give one file a number after
    /// another, and what is done to a name changes the file's entry as well.
    pub(super) fn is_written_since(&self, before: &Self) -> bool {
        (self.bytes, self.modified) != (before.bytes, before.modified)
    }

    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// What tells an output from every other file of its name: its content, and its number in the file system, which a rename
/// leaves as it is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OutputIdentity {
    inode: u64,
    bytes: u64,
    hash: String,
}

impl OutputIdentity {
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(O_NOFOLLOW | O_NONBLOCK)
            .open(path)?;
        let inode = file.metadata()?.ino();
        let (bytes, hash) = digest(file)?;
        Ok(Self { inode, bytes, hash })
    }

    /// Whether `path` may be of this file. Nothing is read of it.
    pub(super) fn may_be_of(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| {
            found.is_file() && (found.ino(), found.len()) == (self.inode, self.bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_of_a_source_is_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let mut bytes = vec![7; 40 << 20];
        fs::write(&a, &bytes).unwrap();
        fs::copy(&a, &b).unwrap();
        assert_eq!(
            SourceIdentity::of(&a).unwrap(),
            SourceIdentity::of(&b).unwrap()
        );
        bytes[(40 << 20) - 1] = 8;
        fs::write(&b, &bytes).unwrap();
        assert_ne!(
            SourceIdentity::of(&a).unwrap(),
            SourceIdentity::of(&b).unwrap()
        );
        fs::write(&b, b"").unwrap();
        assert_eq!(SourceIdentity::of(&b).unwrap().bytes, 0);
    }

    #[test]
    fn an_output_is_known_by_its_number_and_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let (part, output) = (dir.path().join("part"), dir.path().join("out.mkv"));
        fs::write(&part, "a film").unwrap();
        let named = OutputIdentity::of(&part).unwrap();
        fs::rename(&part, &output).unwrap();
        assert!(named.may_be_of(&output) && OutputIdentity::of(&output).unwrap() == named);
        // Changed in its place, and one of the same content in its place.
        fs::write(&output, "A FILM").unwrap();
        assert!(named.may_be_of(&output) && OutputIdentity::of(&output).unwrap() != named);
        fs::write(&part, "a film").unwrap();
        assert!(!named.may_be_of(&part) && !named.may_be_of(dir.path()));
    }
}
