//! Runs the program and looks at what came of it. A failed expectation shows everything that a person would look at.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fmt::Write,
    fs,
    io::Read,
    os::{
        fd::OwnedFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

/// What many clips are told, since they are so small.
pub const GROWN: &str = "the output is larger than the source";
/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(120);
/// Set for every run to its directory, so that whatever it starts can be found by it.
const MARK: &str = "AV1ENC_TEST_DIRECTORY";

/// The variable that names the file of settings: a developer's own is none of a test's.
const CONFIG: &str = "AV1ENC_CONFIG";

/// A command line of av1enc, to be run in a directory.
#[must_use = "a run that is not started tests nothing"]
pub struct Run {
    command: Command,
    dir: PathBuf,
}

impl Run {
    /// av1enc without arguments, in `dir`.
    pub fn bare(dir: &Path) -> Self {
        let dir = dir.canonicalize().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_av1enc"));
        command
            .current_dir(&dir)
            .env(MARK, &dir)
            .env(CONFIG, "/dev/null");
        Self { command, dir }
    }

    /// av1enc that may have no more than `limit` files open.
    pub fn with_open_files(dir: &Path, limit: u32) -> Self {
        let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        Self::bare(dir).begun_by(&["sh", "-c", &script])
    }

    /// The same, begun by another program: the words of its command line before av1enc's.
    pub fn begun_by(mut self, words: &[&str]) -> Self {
        if let [program, words @ ..] = words {
            let mut command = Command::new(program);
            command.args(words).arg(self.command.get_program());
            command.args(self.command.get_args());
            command
                .current_dir(&self.dir)
                .env(MARK, &self.dir)
                .env(CONFIG, "/dev/null");
            self.command = command;
        }
        self
    }

    /// av1enc in a namespace of mounts in which `script` (shell) has mounted something over what is there; `None`, and a
    /// loud word, where that is refused.
    pub fn in_namespace(dir: &Path, script: &str) -> Option<Self> {
        let mut run = Self::bare(dir);
        let mut shell = Command::new("unshare");
        shell.arg(if nix::unistd::geteuid().is_root() {
            "-m"
        } else {
            "-rm"
        });
        shell
            .current_dir(&run.dir)
            .env(MARK, &run.dir)
            .env(CONFIG, "/dev/null")
            .args(["sh", "-ec"]);
        let mut trial = Command::new(shell.get_program());
        let tried = trial
            .args(shell.get_args())
            .arg(script)
            .current_dir(&run.dir)
            .output();
        if !tried.as_ref().is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED, nothing is tested here: mounting over files is refused: {tried:?}");
            return None;
        }
        shell
            .arg(format!("{script}\nexec \"$0\" \"$@\""))
            .arg(run.command.get_program());
        run.command = shell;
        Some(run)
    }

    /// av1enc as most tests want it: fast, with two workers.
    pub fn fast(dir: &Path) -> Self {
        Self::bare(dir).args(["-w", "2", "--preset", "12"])
    }

    /// From `input` to `output`, fast.
    pub fn encode(dir: &Path, input: impl AsRef<OsStr>, output: impl AsRef<OsStr>) -> Self {
        Self::fast(dir).arg("-i").arg(input).arg("-o").arg(output)
    }

    /// Starts it with a terminal as its input and outputs.
    pub fn on(mut self, terminal: &OwnedFd) -> Child {
        let end = || Stdio::from(terminal.try_clone().unwrap());
        self.command
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap()
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Starts it.
    #[track_caller]
    pub fn start(mut self) -> Started {
        let shown = format!("{:?}", self.command);
        let before = names(&self.dir);
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = self.command.spawn().unwrap();
        let (stdout, stderr) = (
            collect(child.stdout.take().unwrap()),
            collect(child.stderr.take().unwrap()),
        );
        let (ended, watched) = mpsc::channel::<()>();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        thread::spawn(move || {
            if watched.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill(pid, Signal::SIGKILL);
            }
        });
        Started {
            child,
            pid,
            stdout,
            stderr,
            shown,
            dir: self.dir,
            before,
            _ended: ended,
            started: Instant::now(),
        }
    }

    /// Runs it to its end, whatever that is.
    #[track_caller]
    pub fn ends(self) -> Ended {
        self.start().ends()
    }

    /// Runs it to its end, which is success.
    #[track_caller]
    pub fn succeeds(self) -> Ended {
        self.ends().exits(0)
    }

    /// Runs it to its end, which is a failure that exits with `code` and leaves no output, no part of one, and no
    /// message that only a programmer understands.
    #[track_caller]
    pub fn fails(self, code: i32) -> Ended {
        let ended = self.ends().exits(code);
        // A film that is left alone is no error.
        let word = if code == 4 { "skipped: " } else { "error: " };
        ended.expect(ended.stderr.contains(word), "it says what is wrong");
        for text in ["panicked", "RUST_BACKTRACE", "stack backtrace"] {
            ended.expect(!ended.stderr.contains(text), "it does not show its inside");
        }
        let new: Vec<_> = names(&ended.dir)
            .difference(&ended.before)
            .cloned()
            .collect();
        // The job directory of a run that had begun stays: its work is used by the next one, or by one with other options.
        let job = |name: &OsString| {
            [1, 8].contains(&code) && Path::new(name).extension() == Some(OsStr::new("av1enc"))
        };
        ended.expect(new.iter().all(job), "it leaves nothing behind");
        ended
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn names(dir: &Path) -> BTreeSet<OsString> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect()
}

/// A run that is under way.
pub struct Started {
    child: Child,
    pid: Pid,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
    shown: String,
    dir: PathBuf,
    before: BTreeSet<OsString>,
    _ended: Sender<()>,
    started: Instant,
}

impl Started {
    /// Its number.
    pub fn number(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    /// Waits until something is so; it is a failure if it never is, or the program ends before.
    #[track_caller]
    pub fn wait_until(mut self, what: &str, condition: impl Fn() -> bool) -> Self {
        while !condition() {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.ends()
                    .expect(false, &format!("{what}, before the end ({status})"));
                unreachable!();
            }
            if self.started.elapsed() > LIMIT {
                self.signal(Signal::SIGKILL);
                self.ends()
                    .expect(false, &format!("{what} within {LIMIT:?}"));
                unreachable!();
            }
            thread::sleep(Duration::from_millis(10));
        }
        self
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ends(mut self) -> Ended {
        let status = self.child.wait().unwrap();
        let ended = Ended {
            status,
            stdout: self.stdout.join().unwrap(),
            stderr: self.stderr.join().unwrap(),
            shown: self.shown,
            dir: self.dir,
            before: self.before,
        };
        ended.expect(
            self.started.elapsed() < LIMIT,
            &format!("it ends within {LIMIT:?}"),
        );
        ended
    }
}

/// A run that has ended.
pub struct Ended {
    status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
    shown: String,
    dir: PathBuf,
    before: BTreeSet<OsString>,
}

impl Ended {
    /// Fails, with all that is known, unless `ok`.
    #[track_caller]
    pub fn expect(&self, ok: bool, what: &str) {
        if !ok {
            panic!("expected: {what}\n{}", self.report());
        }
    }

    fn report(&self) -> String {
        let mut text = format!("command: {}\nin: {}\n", self.shown, self.dir.display());
        list(&self.dir, 1, &mut text);
        let _ = write!(
            text,
            "status: {}\n--- stdout\n{}\n--- stderr\n{}\n---",
            self.status,
            self.stdout.trim_end(),
            self.stderr.trim_end()
        );
        text
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        self.expect(
            self.status.code() == Some(code),
            &format!("exit code {code}"),
        );
        self
    }

    #[track_caller]
    pub fn exits_with_one_of(self, codes: &[i32]) -> Self {
        let code = self.status.code();
        let is_one = code.is_some_and(|code| codes.contains(&code));
        self.expect(is_one, &format!("one of the exit codes {codes:?}"));
        self
    }

    /// What it said at last, if it did not succeed.
    pub fn failure(&self) -> Option<String> {
        let last: Vec<&str> = self
            .stderr
            .lines()
            .filter(|line| line.contains("rror"))
            .collect();
        (!self.status.success()).then(|| format!("{}: {}", self.status, last.join(" / ")))
    }

    #[track_caller]
    pub fn dies_of(self, signal: Signal) -> Self {
        self.expect(self.is_dead_of(signal), &format!("death by {signal}"));
        self
    }

    pub fn is_dead_of(&self, signal: Signal) -> bool {
        self.status.signal() == Some(signal as i32)
    }

    /// `text` is in what it said.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        self.expect(self.stderr.contains(text), &format!("{text:?} on stderr"));
        self
    }

    /// `text` is in what it printed.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        self.expect(self.stdout.contains(text), &format!("{text:?} on stdout"));
        self
    }

    #[track_caller]
    pub fn prints_nothing(self) -> Self {
        self.expect(self.stdout.is_empty(), "nothing on stdout");
        self
    }

    /// The warnings that it gave to a person, but for the one that the output has grown: clips are so small that many do.
    pub fn warnings(&self) -> Vec<&str> {
        self.stderr
            .lines()
            .filter_map(|line| line.strip_prefix("warning: "))
            .filter(|line| !line.starts_with(GROWN))
            .collect()
    }

    /// What it printed with `--json`: objects, one to a line, and nothing else.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).ok().filter(Value::is_object);
        self.stdout
            .lines()
            .map(|line| {
                read(line).unwrap_or_else(|| {
                    panic!(
                        "expected: JSON objects\n{line:?} is none\n{}",
                        self.report()
                    )
                })
            })
            .collect()
    }

    /// The last event of a successful run with `--json`.
    #[track_caller]
    pub fn finished(&self) -> Value {
        let last = self.events().pop().unwrap_or_default();
        self.expect(
            last["event"] == "finished",
            "the event `finished` at the end",
        );
        last
    }
}

/// Everything in a directory, for a person.
fn list(dir: &Path, depth: usize, text: &mut String) {
    for name in names(dir) {
        let path = dir.join(&name);
        let metadata = fs::symlink_metadata(&path);
        let size = metadata.as_ref().map_or(0, fs::Metadata::len);
        let _ = writeln!(text, "{:indent$}{name:?} {size}", "", indent = depth * 2);
        if metadata.is_ok_and(|metadata| metadata.is_dir()) {
            list(&path, depth + 1, text);
        }
    }
}

/// The directories in /proc of the processes that a run in `dir` has started and that are still there.
pub fn processes_of(dir: &Path) -> Vec<PathBuf> {
    let dir = dir.canonicalize().unwrap();
    let mark = [
        MARK.as_bytes(),
        b"=",
        dir.as_os_str().as_encoded_bytes(),
        b"\0",
    ]
    .concat();
    let started_here = |proc: &Path| {
        let environment = fs::read(proc.join("environ")).unwrap_or_default();
        let inside = fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&dir));
        inside || environment.windows(mark.len()).any(|window| window == mark)
    };
    let processes = fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let numbered =
        processes.filter(|path| path.file_name().unwrap().as_encoded_bytes()[0].is_ascii_digit());
    numbered.filter(|proc| started_here(proc)).collect()
}

/// Command lines of the processes that a run in `dir` has started and that are still there.
pub fn left_running(dir: &Path) -> Vec<String> {
    let line = |proc: &PathBuf| {
        let words = fs::read(proc.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).replace('\0', " ")
    };
    processes_of(dir).iter().map(line).collect()
}

/// Waits until nothing runs any more that a run in `dir` has started: the kernel kills, and takes a moment for it.
#[track_caller]
pub fn nothing_is_left_running(dir: &Path) {
    let started = Instant::now();
    loop {
        let left = left_running(dir);
        if left.is_empty() {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "still there: {left:#?}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}
