//! The output's file: written under another name in its directory, and renamed when it is proven.

use std::{
    fs::{self, File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
};

use crate::{job::Refusal, process::quoted};

/// A file that becomes the output. Dropped without [`PartFile::publish`], it is removed.
#[derive(Debug)]
pub struct PartFile {
    part: PathBuf,
    output: PathBuf,
    overwrite: bool,
}

/// Refuses an output that exists, unless it may be overwritten.
///
/// # Errors
/// A [`Refusal`].
pub fn refuse_existing(output: &Path, overwrite: bool) -> Result<()> {
    match fs::symlink_metadata(output) {
        Ok(metadata) if metadata.is_dir() => {
            Err(Refusal(format!("{} is a directory", quoted(output.as_os_str()))).into())
        }
        Ok(_) if !overwrite => {
            Err(Refusal(format!("{} exists: add -y to overwrite it", quoted(output.as_os_str()))).into())
        }
        _ => Ok(()),
    }
}

/// Makes sure that the output's directory can be written, and leaves no trace in it.
///
/// # Errors
/// If it cannot.
pub fn require_writable_dir(output: &Path) -> Result<()> {
    let dir = output.parent().unwrap_or(Path::new("/"));
    tempfile::tempfile_in(dir).map(|_| ()).with_context(|| cannot_write(dir))
}

fn cannot_write(dir: &Path) -> String {
    format!("cannot write into the output's directory {}", quoted(dir.as_os_str()))
}

impl PartFile {
    /// Makes the file.
    ///
    /// # Errors
    /// If it cannot.
    pub fn create(output: &Path, job_dir: &Path, overwrite: bool) -> Result<Self> {
        let dir = output.parent().unwrap_or(Path::new("/"));
        // A plain name, whatever the output's is; the same for the same job, so that a killed run's is replaced.
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(output.as_os_str().as_encoded_bytes())
            .update(b"\0")
            .update(job_dir.as_os_str().as_encoded_bytes());
        let hash = hasher.finalize().to_hex();
        let part = dir.join(format!(".av1enc-{}.part.mkv", &hash[..12]));
        let create = || -> std::io::Result<()> {
            match fs::remove_file(&part) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => (),
            }
            OpenOptions::new().write(true).create_new(true).mode(0o644).open(&part).map(|_| ())
        };
        create().with_context(|| cannot_write(dir))?;
        Ok(Self { part, output: output.to_owned(), overwrite })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.part
    }

    /// Its name in the output's directory.
    #[must_use]
    pub fn name(&self) -> String {
        self.part.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Gives it its final name, after it has reached the disk; returns its size in bytes.
    ///
    /// # Errors
    /// If an output has appeared meanwhile, or the file system fails.
    pub fn publish(self) -> Result<u64> {
        let shown = quoted(self.output.as_os_str());
        let file = File::open(&self.part).context("opening the finished output")?;
        file.sync_all().context("writing the finished output to the disk")?;
        let bytes = file.metadata()?.len();
        if self.overwrite {
            fs::rename(&self.part, &self.output).with_context(|| format!("naming {shown}"))?;
        } else {
            match renameat2(AT_FDCWD, &self.part, AT_FDCWD, &self.output, RenameFlags::RENAME_NOREPLACE) {
                Ok(()) => (),
                // Some file systems cannot do it in one step.
                Err(Errno::EINVAL | Errno::ENOSYS) if !self.output.exists() => {
                    fs::rename(&self.part, &self.output).with_context(|| format!("naming {shown}"))?;
                }
                Err(Errno::EEXIST | Errno::EINVAL | Errno::ENOSYS) => {
                    return Err(Refusal(format!(
                        "{shown} has appeared while we were encoding: add -y to the same command to overwrite it"
                    ))
                    .into());
                }
                Err(error) => return Err(anyhow!(error).context(format!("naming {shown}"))),
            }
        }
        if let Some(dir) = self.output.parent() {
            File::open(dir).and_then(|dir| dir.sync_all()).context("writing the output's directory to the disk")?;
        }
        Ok(bytes)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // After `publish` there is nothing under this name.
        let _ = fs::remove_file(&self.part);
    }
}
