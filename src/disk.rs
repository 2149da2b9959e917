//! Room on disks.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::sys::statvfs::statvfs;

use crate::process::quoted;

/// Bytes that we may still write on the file system of `dir`.
///
/// # Errors
/// If the system does not say.
pub fn room(dir: &Path) -> Result<u64> {
    let stat = statvfs(dir).with_context(|| format!("asking for the free space of {}", quoted(dir.as_os_str())))?;
    // The types differ between systems.
    #[allow(clippy::useless_conversion)]
    Ok(u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size())))
}

/// Makes sure that `bytes` can be written into `dir`, for `what`.
///
/// # Errors
/// If not: how much is free, and how much is needed.
pub fn require(dir: &Path, bytes: u64, what: &str) -> Result<()> {
    let room = room(dir)?;
    ensure!(
        room >= bytes,
        "not enough room in {} for {what}: {} MB are free, {} MB are needed",
        quoted(dir.as_os_str()),
        room / 1_000_000,
        bytes.div_ceil(1_000_000)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_petabyte_does_not_fit_and_a_byte_does() {
        let dir = std::env::temp_dir();
        require(&dir, 1, "a byte").unwrap();
        let error = require(&dir, 1 << 60, "the film").unwrap_err().to_string();
        assert!(error.contains("for the film") && error.contains("are needed"), "{error}");
    }
}
