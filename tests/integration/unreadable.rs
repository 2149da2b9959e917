//! Sources of which a part cannot be read, from some reading of it on or for a moment: whatever the readers make of that, no
//! wrong film is called whole.

use std::{
    env,
    ffi::OsStr,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::{Duration, UNIX_EPOCH},
};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEntry,
    ReplyOpen, Request,
};

use crate::{
    clips,
    run::{Ended, Run, nothing_is_left_running},
};

const NAME: &str = "film.mkv";
const FILM: INodeNo = INodeNo(2);
/// How long the kernel may remember what it was told.
const TTL: Duration = Duration::from_secs(60);

/// When the sick part fails: numbers of readings that touch it, from 0.
type Ill = Range<u32>;

/// A file system with one film in it.
struct Sick {
    film: Vec<u8>,
    part: Range<u64>,
    ill: Ill,
    readings: Arc<AtomicU32>,
}

impl Sick {
    fn attr(&self, ino: INodeNo) -> FileAttr {
        let is_film = ino == FILM;
        let (kind, perm, size) = match is_film {
            true => (FileType::RegularFile, 0o444, self.film.len() as u64),
            false => (FileType::Directory, 0o555, 0),
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

impl Filesystem for Sick {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == NAME {
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
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let end = (offset + u64::from(size)).min(self.film.len() as u64);
        let touched = offset < self.part.end && self.part.start < end;
        if touched && self.ill.contains(&self.readings.fetch_add(1, SeqCst)) {
            return reply.error(Errno::EIO);
        }
        reply.data(&self.film[offset.min(end) as usize..end as usize]);
    }
}

/// A mounted film.
struct Mounted {
    readings: Arc<AtomicU32>,
    _session: BackgroundSession,
    film: PathBuf,
}

impl Mounted {
    /// `film`, with a `part` that is `ill`; `None`, and a loud word, where mounting is refused.
    fn new(at: &Path, film: &Path, part: Range<u64>, ill: Ill) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let readings = Arc::new(AtomicU32::new(0));
        let sick = Sick {
            film: fs::read(film).unwrap(),
            part,
            ill,
            readings: readings.clone(),
        };
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::RO,
            MountOption::FSName("av1enc-test".to_owned()),
        ];
        match fuser::spawn_mount(sick, at, &config) {
            Ok(session) => Some(Self {
                readings,
                _session: session,
                film: at.join(NAME),
            }),
            Err(error) => {
                eprintln!("SKIPPED, nothing is tested here: mounting needs root and FUSE: {error}");
                None
            }
        }
    }
}

/// A film without sound: nothing but its pictures tells what a reader has lost. 720 pictures, so large that it is not read in
/// one piece.
fn silent_and_long() -> PathBuf {
    clips::kept(include_bytes!("unreadable.rs"), "silent.mkv", |dir| {
        clips::ffmpeg(
            dir,
            &[
                "-f",
                "lavfi",
                "-i",
                "testsrc2=s=192x108:r=24:d=30,noise=alls=60:allf=t:all_seed=1",
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-qp",
                "6",
                "-g",
                "48",
                "-pix_fmt",
                "yuv420p",
                "silent.mkv",
            ],
        );
    })
}

/// What all tracks of a film are once decoded, and when.
fn content(film: &Path) -> String {
    let film = film.to_str().unwrap();
    let tracks = [
        "-map", "0:v:0", "-map", "0:a?", "-map", "0:s?", "-c:s", "copy",
    ];
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-i", film])
        .args(tracks)
        .args(["-f", "framemd5", "-"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Encodes `film`, of which a part in the middle is `ill`. Returns how it ended, what it made, and how often that part was
/// read; `None` where nothing can be mounted.
fn encode(dir: &Path, film: &Path, method: &str, ill: Ill) -> Option<(Ended, Option<String>, u32)> {
    fs::create_dir_all(dir).unwrap();
    let middle = fs::metadata(film).unwrap().len() * 3 / 7;
    let mounted = Mounted::new(&dir.join("disk"), film, middle..middle + 8192, ill)?;
    let ended = Run::encode(dir, &mounted.film, "out.mkv")
        .args(["--chunk-method", method])
        .ends();
    nothing_is_left_running(dir);
    let output = dir.join("out.mkv");
    let made = output.exists().then(|| content(&output));
    Some((ended, made, mounted.readings.load(SeqCst)))
}

/// Encodes `film` with the part ill from each of some readings on, and at that reading alone. All of them where
/// `AV1ENC_TEST_READINGS` is set.
fn no_wrong_film(film: &Path, method: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some((ended, right, readings)) = encode(&dir.path().join("well"), film, method, 0..0)
    else {
        return;
    };
    ended.expect(right.is_some(), "a film of what can be read");
    let step = match env::var_os("AV1ENC_TEST_READINGS") {
        Some(_) => 1,
        None => readings.div_ceil(4).max(1),
    };
    for n in (0..readings).step_by(step as usize) {
        for (name, ill) in [("once", n..n + 1), ("on", n..u32::MAX)] {
            let here = dir.path().join(format!("{n}-{name}"));
            let (ended, made, _) = encode(&here, film, method, ill).unwrap();
            match &made {
                Some(_) => ended.exits(0).expect(made == right, "no other film"),
                None => drop(ended.exits(1)),
            }
        }
    }
}

#[test]
fn pictures_that_cannot_be_read_give_no_wrong_film_whoever_reads_them() {
    for method in ["ffms2", "linear"] {
        no_wrong_film(&silent_and_long(), method);
    }
}

#[test]
fn tracks_that_cannot_be_read_give_no_wrong_film() {
    no_wrong_film(&clips::film(), "linear");
}

#[test]
fn a_part_that_cannot_be_read_is_no_film_that_is_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    if let Some((ended, made, _)) = encode(dir.path(), &silent_and_long(), "linear", 0..u32::MAX) {
        ended.expect(made.is_none(), "no output");
        ended.exits(1).says("Input/output error");
    }
}
