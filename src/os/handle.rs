//! Plain names for files of any name, and for files that need none, without a directory into which links could be written.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
    process,
};

use nix::{
    libc::O_PATH,
    sys::memfd::{MFdFlags, memfd_create},
};

/// A file or directory that any tool of ours reaches by [`Handle::path`] as long as this lives. Neither instructions in a
/// name nor bytes that are no text get to the tool.
#[derive(Debug)]
pub struct Handle(File);

impl Handle {
    /// A handle on what is there; nothing is read of it.
    ///
    /// # Errors
    /// If nothing is there, or it must not be looked at.
    pub fn on(path: &Path) -> io::Result<Self> {
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(O_PATH)
            .open(path);
        opened.map(Self)
    }

    /// A handle on a new file in memory, which is gone with the handle.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn in_memory() -> io::Result<Self> {
        let file = memfd_create("av1enc", MFdFlags::MFD_CLOEXEC)?;
        Ok(Self(File::from(file)))
    }

    /// A path of digits and slashes that leads to it: of this process, whoever asks.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        path_of(&self.0)
    }
}

/// The same of any open file, whatever lies under its name meanwhile.
#[must_use]
pub fn path_of(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{}", process::id(), file.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn another_program_reads_a_file_of_any_name_and_writes_into_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("@-o x\n\u{1b}");
        fs::write(&path, "film").unwrap();
        let (file, folder) = (Handle::on(&path).unwrap(), Handle::on(dir.path()).unwrap());
        let copied = Command::new("cp")
            .args([file.path(), folder.path().join("copy")])
            .status();
        assert!(copied.unwrap().success());
        assert_eq!(fs::read(dir.path().join("copy")).unwrap(), b"film");
        assert!(Handle::on(&dir.path().join("nothing")).is_err());
    }

    #[test]
    fn another_program_writes_into_memory_and_a_third_reads_it() {
        let (source, memory) = (
            tempfile::NamedTempFile::new().unwrap(),
            Handle::in_memory().unwrap(),
        );
        fs::write(source.path(), "track").unwrap();
        let copied = Command::new("cp")
            .arg(source.path())
            .arg(memory.path())
            .status();
        assert!(copied.unwrap().success());
        let read = Command::new("cat").arg(memory.path()).output().unwrap();
        assert_eq!(read.stdout, b"track");
    }
}
