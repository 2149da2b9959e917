//! What file systems hold: room, the largest file, directories that are really written, and whether a file gives what it holds.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, ErrorKind, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    libc::O_NONBLOCK,
    sys::{
        resource::{Resource, getrlimit},
        statfs::{FsType, statfs},
        statvfs::statvfs,
    },
};

use crate::os::{process::quoted, room::NoRoom, words};

/// Bytes of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What we may still write.
    pub room: u64,
    /// What it holds in all.
    pub size: u64,
}

/// The file system of `dir`; `None` if it says nothing, as some of FUSE and of networks do: what has no blocks at all is not
/// full.
///
/// # Errors
/// If the system cannot be asked.
#[allow(
    clippy::useless_conversion,
    reason = "the types differ between systems"
)]
pub fn space(dir: &Path) -> Result<Option<Space>> {
    let stat = match statvfs(dir) {
        Err(Errno::ENOSYS) => return Ok(None),
        stat => stat
            .with_context(|| format!("asking for the free space of {}", quoted(dir.as_os_str())))?,
    };
    let bytes = |blocks: u64| blocks.saturating_mul(u64::from(stat.fragment_size()));
    let space = Space {
        room: bytes(stat.blocks_available().into()),
        size: bytes(stat.blocks().into()),
    };
    Ok((space.size > 0).then_some(space))
}

/// linux/magic.h: MSDOS_SUPER_MAGIC, of all that the kernel calls FAT.
const FAT: u32 = 0x4d44;
/// Drivers of FAT behind FUSE, by the type of their mount.
const FAT_BY_FUSE: [&str; 2] = ["fuse.fusefat", "fuse.fatfuse"];
/// Bytes that a file on FAT holds at most: its size has 32 bits.
const LARGEST_ON_FAT: u64 = u32::MAX as u64;

/// How many bytes a file in `dir` may hold at most, as far as that is known: by its file system, or by a limit (`ulimit -f`).
#[must_use]
pub fn largest_file(dir: &Path) -> Option<u64> {
    let limit = getrlimit(Resource::RLIMIT_FSIZE).map_or(u64::MAX, |(soft, _)| soft);
    let by_kernel = statfs(dir).is_ok_and(|stat| number(stat.filesystem_type()) == FAT);
    let by_fuse = || type_of_mount(dir).is_some_and(|kind| FAT_BY_FUSE.contains(&kind.as_str()));
    let of_disk = (by_kernel || by_fuse()).then_some(LARGEST_ON_FAT);
    of_disk
        .into_iter()
        .chain((limit != u64::MAX).then_some(limit))
        .min()
}

/// The number of a kind of file systems (linux/magic.h). Its type differs between systems.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    reason = "the types differ between systems"
)]
#[must_use]
pub fn number(kind: FsType) -> u32 {
    kind.0 as u32
}

/// The type of the mount in which `dir` is: that of FUSE has the driver's name.
#[must_use]
pub fn type_of_mount(dir: &Path) -> Option<String> {
    let dir = fs::canonicalize(dir).ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    type_in(&mounts, &dir).map(str::to_owned)
}

/// The same from `/proc/self/mountinfo`: that of the longest mount point, the last of several.
fn type_in<'a>(mounts: &'a str, dir: &Path) -> Option<&'a str> {
    let points = mounts.lines().filter_map(|line| {
        let (mount, rest) = line.split_once(" - ")?;
        // Blanks in names are octal there.
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        dir.starts_with(&point)
            .then(|| (point.len(), rest.split(' ').next().unwrap_or("")))
    });
    points
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

/// Waits until the names in `dir` are on the disk. Where a file system cannot do that for a directory, nobody can wait.
///
/// # Errors
/// Those of the file system.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    let cannot = |error: &io::Error| {
        [Errno::EINVAL, Errno::ENOSYS, Errno::EOPNOTSUPP]
            .iter()
            .any(|errno| error.raw_os_error() == Some(*errno as i32))
    };
    match File::open(dir)?.sync_all() {
        Err(error) if cannot(&error) => Ok(()),
        synced => synced,
    }
}

/// Makes sure that `bytes` can be written into `dir`, for `what`.
///
/// # Errors
/// [`NoRoom`]: how much is free, and how much is needed.
pub fn require(dir: &Path, bytes: u64, what: &str) -> Result<()> {
    let Some(Space { room, .. }) = space(dir)? else {
        return Ok(());
    };
    ensure!(
        room >= bytes,
        NoRoom(format!(
            "not enough room in {} for {what}: {} are free, {} are needed",
            quoted(dir.as_os_str()),
            words::bytes(room),
            words::bytes(bytes)
        ))
    );
    Ok(())
}

/// Makes sure that a file in `dir` may hold `bytes`, for `what`.
///
/// # Errors
/// If not: how much it may hold.
pub fn require_size(dir: &Path, bytes: u64, what: &str) -> Result<()> {
    match largest_file(dir) {
        Some(most) if most < bytes => bail!(
            "a file in {} holds at most {}, and {what} needs {}",
            quoted(dir.as_os_str()),
            words::bytes(most),
            words::bytes(bytes)
        ),
        _ => Ok(()),
    }
}

/// Whether two directories are on different file systems, as far as the system says.
#[must_use]
pub fn differ(one: &Path, other: &Path) -> bool {
    let device = |dir: &Path| fs::metadata(dir).map(|metadata| metadata.dev());
    match (device(one), device(other)) {
        (Ok(one), Ok(other)) => one != other,
        _ => false,
    }
}

/// Copies the content of `from` into a file, from beginning to end; nothing else is in it then.
///
/// # Errors
/// Those of the file systems.
pub fn copy_into(from: &Path, mut to: &File) -> Result<()> {
    let mut from = File::open(from).with_context(|| quoted(from.as_os_str()))?;
    to.set_len(0)?;
    to.rewind()?;
    io::copy(&mut from, &mut to)?;
    Ok(to.sync_all()?)
}

/// Writes a file of the user's whole or not at all, in place of what has its name; it has the mode that new files have.
///
/// # Errors
/// Those of the file system.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let mut part = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(dir)?;
    part.write_all(bytes)?;
    part.as_file().sync_all()?;
    part.persist(path)?;
    Ok(())
}

/// Takes out what is in a file, if there is one: it may be in the way of what is to be written.
///
/// # Errors
/// Those of the file system.
pub fn empty(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        file => file
            .and_then(|file| file.set_len(0))
            .with_context(|| format!("emptying {}", quoted(path.as_os_str()))),
    }
}

/// Waits until what was written into a file is on the disk.
///
/// # Errors
/// Those of the file system.
pub fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .with_context(|| format!("writing {} to the disk", quoted(path.as_os_str())))
}

/// Reads a whole file that a user names; a FIFO is an error, and not waited for.
///
/// # Errors
/// Those of the file system; that it is no regular file.
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).custom_flags(O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;

/// Reads a file to its end, and looks at nothing but whether that succeeds. Other people's readers take what a disk does not
/// give for a gap in a film, conceal it, and exit with 0.
///
/// # Errors
/// Where the first byte is that cannot be read.
pub fn read_through(path: &Path) -> Result<()> {
    let shown = quoted(path.as_os_str());
    let mut file = File::open(path).with_context(|| format!("opening {shown}"))?;
    let (mut block, mut at) = (vec![0; BLOCK], 0);
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(bytes) => at += bytes as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("{shown} cannot be read beyond byte {at}: look at its disk, or copy it from elsewhere")
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
        90 22 0:40 / /mnt/my\\040films rw - fuse.sshfs me@nas:/films rw\n91 22 0:41 / /mnt/usb rw - fuseblk /dev/sdb1 rw\n";

    #[test]
    fn a_mount_is_the_one_whose_point_is_the_longest() {
        for (dir, kind) in [
            ("/mnt/my films/a", "fuse.sshfs"),
            ("/mnt/usb", "fuseblk"),
            ("/mnt/usb2", "ext4"),
        ] {
            assert_eq!(type_in(MOUNTS, Path::new(dir)), Some(kind), "{dir}");
        }
    }

    #[test]
    fn a_directory_of_this_machine_is_synced() {
        sync_dir(&std::env::temp_dir()).unwrap();
        assert!(sync_dir(Path::new("/nothing/there")).is_err());
    }

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

    #[test]
    fn a_file_that_gives_all_is_told_from_one_that_does_not() {
        read_through(&std::env::current_exe().unwrap()).unwrap();
        // Nothing is mapped at the beginning of a process' memory.
        let error = read_through(Path::new("/proc/self/mem")).unwrap_err();
        assert!(format!("{error:#}").contains("beyond byte 0"));
    }
}
