//! Which file a source is: by its content, and by what the file system says of it.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::Path,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

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
}
