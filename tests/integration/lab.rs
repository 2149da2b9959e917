//! What faults are made of: tools that misbehave, small disks, job directories in the middle of their work; and looks
//! at what is left.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    clips,
    encoders::{real, script},
    fuse::Disk,
    run::{Ended, GROWN, Run, nothing_is_left_running},
};

/// Where the job of [`encode`] is, in its directory.
pub const JOB: &str = "out.mkv.av1enc";
/// Its frames and chunks.
pub const FRAMES: u64 = 130;
pub const CHUNKS: u64 = 5;

/// The command that meets with faults and is repeated, of `input` and without an encoder. With `--json`: what it notes
/// is on stdout, its error on both.
pub fn encode_of(dir: &Path, input: impl AsRef<Path>) -> Run {
    Run::encode(dir, input.as_ref(), "out.mkv").arg("--json")
}

/// The command that meets with faults and is repeated.
pub fn encode(dir: &Path) -> Run {
    encode_of(dir, clips::five_scenes())
}

/// The same, with an encoder that misbehaves.
pub fn encode_with(dir: &Path, encoder: &Path) -> Run {
    encode(dir).arg("--encoder-path").arg(encoder)
}

/// The film of a run that nothing has disturbed.
pub fn undisturbed() -> &'static [u8] {
    static FILM: OnceLock<Vec<u8>> = OnceLock::new();
    FILM.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let run = encode(dir.path()).succeeds();
        assert_eq!(run.finished()["chunks"], CHUNKS);
        fs::read(dir.path().join("out.mkv")).unwrap()
    })
}

/// `run` ends with the film of a run that nothing has disturbed, and nothing else is left. Returns what it said.
#[track_caller]
pub fn gives_the_film(dir: &Path, run: Run) -> Ended {
    let ended = run.succeeds();
    ended.expect(
        fs::read(dir.join("out.mkv")).unwrap() == undisturbed(),
        "the bytes of a run that nothing disturbed",
    );
    ended.expect(!dir.join(JOB).exists(), "no job directory");
    nothing_is_left_running(dir);
    ended
}

/// The same, having taken over `resumed` chunks.
#[track_caller]
pub fn goes_on(dir: &Path, run: Run, resumed: u64) -> Ended {
    let ended = gives_the_film(dir, run);
    ended.expect(
        ended.finished()["resumed_chunks"] == resumed,
        &format!("{resumed} chunks of the earlier run"),
    );
    ended
}

/// `run` fails in an orderly way: no output, no part of one, nothing that runs.
#[track_caller]
pub fn fails(dir: &Path, run: Run) -> Ended {
    let ended = run.fails(1);
    nothing_is_left_running(dir);
    ended
}

/// The names in a directory, in order.
pub fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Messages of all events of a kind: `warning`, `note`; but for the one that the output has grown.
#[track_caller]
pub fn messages(ended: &Ended, kind: &str) -> Vec<String> {
    let text = |event: &Value| event["message"].as_str().unwrap().to_owned();
    ended
        .events()
        .iter()
        .filter(|event| event["event"] == kind)
        .map(text)
        .filter(|message| !message.starts_with(GROWN))
        .collect()
}

/// One of its warnings or notes holds `text`.
#[track_caller]
pub fn tells(ended: &Ended, text: &str) {
    let told = [messages(ended, "warning"), messages(ended, "note")].concat();
    ended.expect(
        told.iter().any(|message| message.contains(text)),
        &format!("{text:?} among {told:#?}"),
    );
}

/// Chunks that are recorded as finished in a job directory.
pub fn finished_in(job: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(job.join("chunks")) else {
        return 0;
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.ends_with(".json") && !name.contains(".part"))
        .count() as u64
}

/// Whether all scenes are written down in a job directory.
pub fn scenes_are_known(job: &Path) -> bool {
    fs::read_to_string(job.join("scenes.jsonl")).is_ok_and(|text| text.contains("complete"))
}

/// Leaves a job of [`encode`] in `dir` of which only the last chunk is missing.
#[track_caller]
pub fn all_but_one(dir: &Path) {
    all_but_one_with(dir, &[]);
}

/// The same, encoded with further arguments.
#[track_caller]
pub fn all_but_one_with(dir: &Path, args: &[&str]) {
    let encoder = script(dir, "[ $chunk != 00004 ] || exit 9");
    let _ = encode_with(dir, &encoder).args(args).fails(1);
    assert_eq!(finished_in(&dir.join(JOB)), CHUNKS - 1);
    fs::remove_dir_all(dir.join("lab")).unwrap();
}

/// Makes `dir/bin/NAME` (shell), in which `$real` is the real one. A run finds it by [`with_fakes`].
pub fn fake(dir: &Path, name: &str, body: &str) -> PathBuf {
    let real = env::split_paths(&env::var_os("PATH").unwrap())
        .map(|dir| dir.join(name))
        .find(|path| path.is_file());
    let real = real.unwrap_or_else(|| panic!("{name} is not in PATH"));
    let bin = dir.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let path = bin.join(name);
    // Under its name only when it is whole: another thread's fork must not hold it open for writing at our exec.
    let part = bin.join("new");
    fs::write(
        &part,
        format!("#!/bin/sh\nreal='{}'\n{body}\n", real.display()),
    )
    .unwrap();
    fs::set_permissions(&part, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&part, &path).unwrap();
    path
}

/// Makes an mkvmerge that does `join` (shell) where it is to join the film, and else what the real one does.
pub fn fake_mkvmerge(dir: &Path, join: &str) -> PathBuf {
    fake(
        dir,
        "mkvmerge",
        &format!("case \"$*\" in *@join.json*) {join} ;; esac\nexec \"$real\" \"$@\""),
    )
}

/// Lets a run find what [`fake`] has made.
pub fn with_fakes(dir: &Path, run: Run) -> Run {
    let bin = dir.canonicalize().unwrap().join("bin");
    run.env(
        "PATH",
        format!("{}:{}", bin.display(), env::var("PATH").unwrap()),
    )
}

/// Everything in a directory: kind, mode and content of each entry by its path. Not the lock: it names its holder.
pub fn snapshot(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = if metadata.is_symlink() {
                format!("to {}", fs::read_link(&path).unwrap().display())
            } else if metadata.is_dir() {
                waiting.push(path.clone());
                String::new()
            } else if !metadata.is_file() {
                "no file".to_owned()
            } else {
                blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string()
            };
            if !["lock", "lease"]
                .map(OsStr::new)
                .contains(&path.file_name().unwrap())
            {
                let (mode, times) = (metadata.mode(), (metadata.mtime(), metadata.mtime_nsec()));
                let times = if metadata.is_dir() { (0, 0) } else { times };
                all.insert(path, format!("{mode:o} {times:?} {content}"));
            }
        }
    }
    all
}

/// Copies a directory as it is.
pub fn copy(from: &Path, to: &Path) {
    assert!(
        Command::new("cp")
            .arg("-a")
            .args([from, to])
            .status()
            .unwrap()
            .success()
    );
}

/// Waits until something is so that is not the program's doing alone.
#[track_caller]
pub fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process is stopped. A shell may have been about to start something: it then waits for a child that shares its
/// memory, and that was stopped before it became what it was to be.
pub fn is_stopped(pid: i32) -> bool {
    match state(pid) {
        Some('T') => true,
        Some('D') => {
            let children =
                fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            children
                .split_whitespace()
                .any(|child| child.parse().is_ok_and(|child| state(child) == Some('T')))
        }
        _ => false,
    }
}

/// The state of a process, as /proc has it: `R`, `S`, `T`. Nothing if it is gone.
pub fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// A generator of numbers that look random, the same for the same seed.
pub struct Lcg(pub u64);

impl Lcg {
    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Damages bytes in one of several ways: bits, bytes, a part repeated, removed or noise.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut Lcg) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            bytes.extend(random.bytes(3));
        }
        let at = random.below(bytes.len());
        let length = random.below((bytes.len() - at).min(40)) + 1;
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => {
                bytes[at] =
                    [0, 0xff, 0x7f, 0x80, b'0', b'9', b'-', b'"', b'{', b'\n'][random.below(10)]
            }
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..at + length)),
            4 => bytes.splice(at..at, random.bytes(length)).for_each(drop),
            5 => {
                let part = bytes[at..at + length].to_vec();
                bytes.splice(at..at, part).for_each(drop);
            }
            _ => {
                let noise = random.bytes(length);
                bytes[at..at + length].copy_from_slice(&noise);
            }
        }
    }
}

/// A mounted file system, unmounted when it is dropped.
pub struct Mount(PathBuf);

impl Mount {
    /// A file system of `mib` MiB in memory; `None`, and a loud word, where mounting is refused.
    pub fn tmpfs(at: PathBuf, mib: u64) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let options = format!("size={mib}m,mode=755");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "av1enc-test"])
            .arg(&at)
            .output();
        match output {
            Ok(output) if output.status.success() => Some(Self(at)),
            refused => {
                eprintln!(
                    "SKIPPED, nothing is tested here: mounting needs root and a kernel that allows it: {refused:?}"
                );
                None
            }
        }
    }

    /// An exFAT disk, as drives come: no links, no case. `None`, and a loud word, where that cannot be had.
    pub fn exfat(dir: &Path) -> Option<Self> {
        let make = "mkfs.exfat disk.img && disk=$(losetup -f --show disk.img) && \
                    { mount.exfat-fuse $disk disk; failed=$?; losetup -d $disk; exit $failed; }";
        Self::of_image(dir, make)
    }

    /// A FAT disk. Its driver behind FUSE mixes up what mkvmerge writes into it.
    pub fn fat(dir: &Path) -> Option<Self> {
        Self::of_image(
            dir,
            "mkfs.vfat -F 32 disk.img && fusefat -o rw+ disk.img disk",
        )
    }

    /// A file system that does not tell how large it is, nor how much of it is free.
    pub fn without_numbers(dir: &Path) -> Option<Self> {
        Self::of_image(dir, "mount -t ramfs av1enc-test disk")
    }

    /// A directory that FUSE passes on: what is removed while it is open stays there under another name.
    pub fn passed_on(dir: &Path) -> Option<Self> {
        Self::of_image(dir, "mkdir passed && bindfs passed disk")
    }

    /// The same, by a process that can be stopped: then nothing there answers. `None`, and a loud word, where that is refused.
    pub fn that_can_be_stopped(dir: &Path) -> Option<(Self, Server)> {
        let at = dir.join("disk");
        fs::create_dir(&at).unwrap();
        fs::create_dir(dir.join("passed")).unwrap();
        let mut bindfs = Command::new("bindfs");
        let bindfs = bindfs.args(["-f", "passed", "disk"]).current_dir(dir);
        let mut server = match bindfs.spawn() {
            Ok(child) => Server(child),
            Err(error) => {
                eprintln!("SKIPPED, nothing is tested here: bindfs is missing: {error}");
                return None;
            }
        };
        let device = |path: &Path| fs::metadata(path).unwrap().dev();
        while device(&at) == device(dir) {
            if let Some(status) = server.0.try_wait().unwrap() {
                eprintln!("SKIPPED, nothing is tested here: mounting is refused: {status}");
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        }
        Some((Self(at), server))
    }

    /// What `make` (shell) mounts at `disk`, of `disk.img` of 64 MiB, in a directory without odd names.
    fn of_image(dir: &Path, make: &str) -> Option<Self> {
        let at = dir.join("disk");
        fs::create_dir(&at).unwrap();
        let script = format!("truncate -s 64M disk.img && {make}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(dir);
        // What serves a file system from the background must not hold our pipes.
        let log = fs::File::create(dir.join("mount.log")).unwrap();
        let status = shell.stdout(log.try_clone().unwrap()).stderr(log).status();
        if status.is_ok_and(|status| status.success()) {
            return Some(Self(at));
        }
        let why = fs::read_to_string(dir.join("mount.log")).unwrap();
        eprintln!(
            "SKIPPED, nothing is tested here: `{make}` needs root, FUSE and its packages: {why}"
        );
        None
    }

    /// What the tests serve themselves, which the kernel knows as `kind`; `None`, and a loud word, where that is refused.
    pub fn served(at: PathBuf, disk: Disk, kind: (&str, &str)) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        match disk.mount(&at, kind) {
            Ok(()) => Some(Self(at)),
            Err(why) => {
                eprintln!("SKIPPED, nothing is tested here: mounting needs root and FUSE: {why}");
                None
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it read-only.
    pub fn read_only(&self) {
        let status = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(status.success());
    }

    pub fn free(&self) -> u64 {
        av1enc::os::disk::space(&self.0).unwrap().unwrap().room
    }

    /// Fills it, but for `free` bytes.
    pub fn fill(&self, free: u64) {
        let length = self.free().saturating_sub(free);
        fs::write(self.ballast(), vec![1; usize::try_from(length).unwrap()]).unwrap();
        assert!(self.free() <= free);
    }

    /// What fills it.
    pub fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    pub fn clear(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Also where a failed test has left something running in it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Who serves a file system, until it is dropped.
pub struct Server(Child);

impl Server {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }

    /// Answers nothing from now on.
    pub fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let pid = self.0.id() as i32;
        wait_for("a server that is stopped", || is_stopped(pid));
    }

    /// Answers again.
    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An encoder that waits with the chunks `which` (a pattern of the shell) until `lab/go` is there; each that waits
/// leaves its process number in `lab/pid-CHUNK`.
pub fn gated(dir: &Path, which: &str) -> PathBuf {
    script(
        dir,
        &format!(
            "case $chunk in {which}) echo $$ >../lab/pid.new-$chunk; mv ../lab/pid.new-$chunk ../lab/pid-$chunk\n\
             until [ -e ../lab/go ]; do sleep 0.02; done ;; esac"
        ),
    )
}

/// Process numbers of the encoders that wait.
pub fn waiting(dir: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(dir.join("lab")) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let ours = paths.filter(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("pid-")
    });
    ours.map(|path| fs::read_to_string(path).unwrap().trim().parse().unwrap())
        .collect()
}

/// Lets them go on.
pub fn let_go(dir: &Path) {
    fs::write(dir.join("lab/go"), "").unwrap();
}

/// A chunk as the encoder writes it.
pub fn real_chunk() -> &'static [u8] {
    static CHUNK: OnceLock<Vec<u8>> = OnceLock::new();
    CHUNK.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let _ = encode_of(dir.path(), clips::hdr10())
            .arg("--keep")
            .arg("--encoder-path")
            .arg(real())
            .succeeds();
        fs::read(dir.path().join(JOB).join("chunks/00001.ivf")).unwrap()
    })
}

/// The process that has started `pid`.
pub fn parent(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}
