//! File systems that the tests serve themselves, through the kernel's FUSE.

use std::{
    ffi::OsStr,
    fs::{self, File},
    ops::Range,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::{Duration, UNIX_EPOCH},
};

use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEntry, ReplyOpen, ReplyStatfs,
    Request, Session, SessionACL,
};

/// The name of the film on a [`Disk`].
pub const NAME: &str = "film.mkv";
const FILM: INodeNo = INodeNo(2);
/// How long the kernel may remember what it was told.
const TTL: Duration = Duration::from_secs(60);

/// When a part of a film cannot be read.
#[derive(Clone)]
pub enum Ill {
    /// At these readings that touch it, by whomever: numbers, from 0.
    At(Range<u32>),
    /// At one reading, from 0, by programs that have all these words in their command lines.
    By(&'static [&'static str], u32),
}

impl Ill {
    /// Whether a reading by the process `pid` is one that fails; `readings` counts those of which that depends.
    fn strikes(&self, pid: u32, readings: &AtomicU32) -> bool {
        match self {
            Self::At(ill) => ill.contains(&readings.fetch_add(1, SeqCst)),
            Self::By(words, nth) => {
                let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let line: Vec<_> = line.split(|byte| *byte == 0).collect();
                let is_meant = words.iter().all(|word| line.contains(&word.as_bytes()));
                is_meant && readings.fetch_add(1, SeqCst) == *nth
            }
        }
    }
}

/// A film of which a part is ill.
pub struct Film {
    pub bytes: Vec<u8>,
    pub part: Range<u64>,
    pub ill: Ill,
    /// How often that part was read, by those of whom its illness depends.
    pub readings: Arc<AtomicU32>,
}

/// A file system with one film, or nothing, in it.
pub struct Disk(pub Option<Film>);

impl Disk {
    /// Mounts it at a directory, where it stays until it is unmounted; the kernel knows it as `kind` of `name`.
    ///
    /// # Errors
    /// Why that is refused, in words.
    pub fn mount(self, at: &Path, (kind, name): (&str, &str)) -> Result<(), String> {
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let device = device.map_err(|error| error.to_string())?;
        let served = device.try_clone().map_err(|error| error.to_string())?;
        // The kinds that fuser's own way to mount gives have no second name.
        let mut mount = Command::new("mount");
        mount
            .args(["-i", "-t", &format!("fuse.{kind}")])
            .args(["-o", "fd=0,rootmode=40000,user_id=0,group_id=0", name])
            .arg(at)
            .stdin(device);
        match mount.output() {
            Ok(output) if output.status.success() => (),
            refused => return Err(format!("{refused:?}")),
        }
        let session = Session::from_fd(self, served.into(), SessionACL::All, Config::default());
        let served = session.and_then(Session::spawn);
        served.map(drop).map_err(|error| error.to_string())
    }

    fn attr(&self, ino: INodeNo) -> FileAttr {
        let film = self.0.as_ref().filter(|_| ino == FILM);
        let size = film.map_or(0, |film| film.bytes.len() as u64);
        let (kind, perm) = match film {
            Some(_) => (FileType::RegularFile, 0o444),
            None => (FileType::Directory, 0o755),
        };
        FileAttr {
            ino,
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            flags: 0,
            blksize: 4096,
        }
    }
}

impl Filesystem for Disk {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if self.0.is_some() && name == NAME {
            reply.entry(&TTL, &self.attr(FILM), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&TTL, &self.attr(ino));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Every reading comes here: nothing is kept by the kernel.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        request: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some(film) = &self.0 else {
            return reply.error(Errno::ENOENT);
        };
        let end = (offset + u64::from(size)).min(film.bytes.len() as u64);
        let touched = offset < film.part.end && film.part.start < end;
        if touched && film.ill.strikes(request.pid(), &film.readings) {
            return reply.error(Errno::EIO);
        }
        reply.data(&film.bytes[offset.min(end) as usize..end as usize]);
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let film = self.0.iter().map(|_| (FILM, FileType::RegularFile, NAME));
        let entries = [".", ".."].map(|name| (INodeNo::ROOT, FileType::Directory, name));
        for (n, (ino, kind, name)) in (1..).zip(entries.into_iter().chain(film)) {
            if n > offset && reply.add(ino, n, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        // A million blocks, half of them free.
        reply.statfs(1_000_000, 500_000, 500_000, 0, 0, 4096, 255, 4096);
    }
}
