//! Room on disks.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::sys::statvfs::statvfs;

use crate::os::{process::quoted, words};

/// Bytes of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What we may still write.
    pub room: u64,
    /// What it holds in all.
    pub size: u64,
}

/// The file system of `dir`.
///
/// # Errors
/// If the system does not say.
#[allow(
    clippy::useless_conversion,
    reason = "the types differ between systems"
)]
pub fn space(dir: &Path) -> Result<Space> {
    let stat = statvfs(dir)
        .with_context(|| format!("asking for the free space of {}", quoted(dir.as_os_str())))?;
    let bytes = |blocks: u64| blocks.saturating_mul(u64::from(stat.fragment_size()));
    Ok(Space {
        room: bytes(stat.blocks_available().into()),
        size: bytes(stat.blocks().into()),
    })
}

/// Makes sure that `bytes` can be written into `dir`, for `what`.
///
/// # Errors
/// If not: how much is free, and how much is needed.
pub fn require(dir: &Path, bytes: u64, what: &str) -> Result<()> {
    let room = space(dir)?.room;
    ensure!(
        room >= bytes,
        "not enough room in {} for {what}: {} are free, {} are needed",
        quoted(dir.as_os_str()),
        words::bytes(room),
        words::bytes(bytes)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exbibyte_does_not_fit_and_a_byte_does() {
        let dir = std::env::temp_dir();
        require(&dir, 1, "a byte").unwrap();
        let error = require(&dir, 1 << 60, "the film").unwrap_err().to_string();
        assert!(
            error.contains("for the film") && error.contains("are needed"),
            "{error}"
        );
    }
}
