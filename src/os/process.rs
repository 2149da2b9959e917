//! Runs other people's tools: own process group, all streams decided, output tail kept, killed on drop and when we die.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    fmt, fs,
    io::Read,
    os::unix::{
        ffi::OsStrExt,
        process::{CommandExt, ExitStatusExt},
    },
    panic,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{JoinHandle, ScopedJoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{Id, WaitPidFlag, waitid},
    },
    unistd::Pid,
};

use super::{
    guard::{Guard, Threadless},
    threads,
};

/// How many of a tool's last lines are kept for its error message.
const TAIL_LINES: usize = 30;
/// A line longer than this is cut: a tool that never prints a newline must not fill our memory.
const LINE_BYTES: usize = 2000;

/// All tools that run now. Clones share one register, so that a signal can reach every one of them.
///
/// A process is signalled only while it is in the register, and leaves it before it is reaped: its number cannot have
/// been given to somebody else.
#[derive(Clone, Default)]
pub struct Children(Arc<Shared>);

#[derive(Default)]
struct Shared {
    register: Mutex<Register>,
    /// Tools are not held any more, or none is to start again.
    changed: Condvar,
}

#[derive(Default)]
struct Register {
    running: Vec<Pid>,
    /// Those of them that are stopped one by one, while the others run.
    resting: Vec<Pid>,
    closed: bool,
    /// Since when all of them are held, if they are.
    held_since: Option<Instant>,
    /// How long they were held before.
    held_before: Duration,
    guard: Option<Guard>,
}

impl Register {
    fn add(&mut self, pid: Pid) {
        self.running.push(pid);
        self.tell_guard(pid.as_raw());
    }

    fn remove(&mut self, pid: Pid) {
        self.running.retain(|running| *running != pid);
        self.resting.retain(|resting| *resting != pid);
        self.tell_guard(-pid.as_raw());
    }

    /// The tool with this process number, if it still runs.
    fn find(&self, pid: i32) -> Option<Pid> {
        let mut running = self.running.iter().copied();
        running.find(|running| running.as_raw() == pid)
    }

    /// Sends `signal` to every tool that `is_meant`, and whatever it started itself.
    fn signal(&self, signal: Signal, is_meant: impl Fn(&Pid) -> bool) {
        for pid in self.running.iter().filter(|pid| is_meant(pid)) {
            // The group may be gone in the instant between its end and our waiting for it: nothing to do then.
            let _ = killpg(*pid, signal);
        }
    }

    /// Lets all tools go on but those that rest.
    fn resume(&self) {
        self.signal(Signal::SIGCONT, |pid| !self.resting.contains(pid));
    }

    fn tell_guard(&mut self, change: i32) {
        if let Some(guard) = &mut self.guard {
            guard.tell(change);
        }
    }
}

impl Children {
    /// An empty register, with a guard that kills what is in it when this process is killed.
    ///
    /// # Errors
    /// If the guard cannot be started.
    pub fn guarded(alone: &Threadless) -> Result<Self> {
        let register = Register {
            guard: Some(Guard::start(alone)?),
            ..Register::default()
        };
        Ok(Self(Arc::new(Shared {
            register: Mutex::new(register),
            changed: Condvar::new(),
        })))
    }

    fn register(&self) -> std::sync::MutexGuard<'_, Register> {
        self.0
            .register
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops every tool and whatever it started itself, until [`Children::resume_all`].
    pub fn stop_all(&self) {
        self.register().signal(Signal::SIGSTOP, |_| true);
    }

    /// Lets every tool go on that neither rests nor is held.
    pub fn resume_all(&self) {
        let register = self.register();
        if register.held_since.is_none() {
            register.resume();
        }
    }

    /// Stops every tool, and has those wait that are about to be started, until [`Children::release`].
    pub fn hold(&self) {
        let mut register = self.register();
        if register.held_since.is_none() {
            register.held_since = Some(Instant::now());
            register.signal(Signal::SIGSTOP, |_| true);
        }
    }

    /// Lets the tools go on that were held.
    pub fn release(&self) {
        let mut register = self.register();
        if let Some(since) = register.held_since.take() {
            register.held_before += since.elapsed();
            register.resume();
            self.0.changed.notify_all();
        }
    }

    /// Whether the tools are held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.register().held_since.is_some()
    }

    /// How long the tools were held until now, all in all: nobody's patience is worn by it.
    #[must_use]
    pub fn held_for(&self) -> Duration {
        let register = self.register();
        let now = register.held_since.map(|since| since.elapsed());
        register.held_before + now.unwrap_or_default()
    }

    /// Waits as long as the tools are held: for who works without one.
    pub fn wait_while_held(&self) {
        drop(self.unheld());
    }

    /// The register, once the tools are not held any more, or none is to start again.
    fn unheld(&self) -> std::sync::MutexGuard<'_, Register> {
        let is_held = |register: &mut Register| register.held_since.is_some() && !register.closed;
        self.0
            .changed
            .wait_while(self.register(), is_held)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops one tool, if it still runs, whatever the others do, until [`Children::wake`].
    pub fn rest(&self, pid: i32) {
        let mut register = self.register();
        if let Some(pid) = register.find(pid) {
            if !register.resting.contains(&pid) {
                register.resting.push(pid);
            }
            let _ = killpg(pid, Signal::SIGSTOP);
        }
    }

    /// Lets a tool go on that rests, unless all are held.
    pub fn wake(&self, pid: i32) {
        let mut register = self.register();
        register.resting.retain(|resting| resting.as_raw() != pid);
        if let Some(pid) = register.find(pid)
            && register.held_since.is_none()
        {
            let _ = killpg(pid, Signal::SIGCONT);
        }
    }

    /// Kills one tool and whatever it started itself, if it still runs.
    pub fn kill(&self, pid: i32) {
        let register = self.register();
        if let Some(pid) = register.find(pid) {
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }

    /// Kills every tool, and lets no further one start.
    pub fn close(&self) {
        let mut register = self.register();
        register.closed = true;
        register.signal(Signal::SIGKILL, |_| true);
        self.0.changed.notify_all();
    }

    /// Lets tools start again after [`Children::close`]. To be called when everybody who started some has noticed.
    pub fn reopen(&self) {
        self.register().closed = false;
    }

    /// Whether [`Children::close`] has been called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.register().closed
    }

    /// Process numbers of the tools that run now.
    #[must_use]
    pub fn pids(&self) -> Vec<i32> {
        self.register()
            .running
            .iter()
            .map(|pid| pid.as_raw())
            .collect()
    }

    /// Starts `command` in a process group of its own with the given standard input; stdout and stderr are pipes.
    ///
    /// # Errors
    /// If it cannot be started, or [`Children::close`] has been called.
    pub fn spawn(&self, mut command: Command, stdin: Stdio) -> Result<Running> {
        let shown = shown(&command);
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        // The lock is held over the start, so that `close` and `hold` see either no child or a registered one.
        let mut register = self.unheld();
        anyhow::ensure!(
            !register.closed,
            "not starting `{shown}`: the run is being stopped"
        );
        let child = command
            .spawn()
            .with_context(|| format!("cannot start `{shown}`"))?;
        let pid = Pid::from_raw(i32::try_from(child.id()).context("process number out of range")?);
        register.add(pid);
        drop(register);
        Ok(Running {
            child,
            pid,
            shown,
            children: self.clone(),
            done: false,
        })
    }

    /// Runs `command` to its end with no input and returns its standard output.
    ///
    /// # Errors
    /// If it cannot be started or does not succeed; the error shows the command, how it ended and its last lines.
    pub fn output(&self, command: Command) -> Result<Vec<u8>> {
        self.finish(command)?.output()
    }

    /// Runs `command` and has its standard output read by `reader` while it runs; memory does not grow with it.
    ///
    /// # Errors
    /// Those of `reader`, or if the tool cannot be started or does not succeed.
    pub fn stream<T>(
        &self,
        command: Command,
        reader: impl FnOnce(&mut dyn Read) -> Result<T>,
    ) -> Result<T> {
        self.stream_and_words(command, reader).map(|(read, _)| read)
    }

    /// As [`Children::stream`]; also returns the last lines of its standard error.
    ///
    /// # Errors
    /// The same.
    pub fn stream_and_words<T>(
        &self,
        command: Command,
        reader: impl FnOnce(&mut dyn Read) -> Result<T>,
    ) -> Result<(T, Vec<String>)> {
        let mut running = self.spawn(command, Stdio::null())?;
        let mut stdout = running.child.stdout.take().context("no pipe")?;
        let stderr = running.listen(|_| true)?;
        // An error kills the tool, by dropping it.
        let read = reader(&mut stdout)?;
        drop(stdout);
        Ok((read, running.succeed(stderr)?))
    }

    /// As [`Children::output`], but a tool that ran and failed is a value: its output and how it ended.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn finish(&self, command: Command) -> Result<Finished> {
        let mut running = self.spawn(command, Stdio::null())?;
        let mut stdout = running.child.stdout.take().context("no pipe")?;
        let stderr = running.listen(|_| true)?;
        let mut output = Vec::new();
        let read = stdout.read_to_end(&mut output);
        let shown = running.shown.clone();
        let status = running.wait()?;
        let stderr = stderr.join().lines();
        read.with_context(|| format!("reading the output of `{shown}`"))?;
        let failure = (!status.success() || tell_of_full_disk(&stderr)).then(|| {
            // mkvmerge writes its errors to stdout.
            let mut tail = Tail::default();
            tail.push(&output[output.len().saturating_sub(8000)..], &mut |_| true);
            ToolFailure {
                command: shown,
                status: Some(status),
                stdout: tail.lines(),
                stderr: stderr.clone(),
            }
        });
        Ok(Finished {
            stdout: output,
            stderr,
            failure,
        })
    }
}

/// A tool that has run to its end.
#[derive(Debug)]
pub struct Finished {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// The last lines of its standard error.
    pub stderr: Vec<String>,
    /// How it failed, if it did.
    pub failure: Option<ToolFailure>,
}

impl Finished {
    /// Its standard output.
    ///
    /// # Errors
    /// [`ToolFailure`] if it failed.
    pub fn output(self) -> Result<Vec<u8>> {
        match self.failure {
            None => Ok(self.stdout),
            Some(failure) => Err(failure.into()),
        }
    }
}

/// A tool that runs. Dropped, it is killed and waited for.
pub struct Running {
    child: Child,
    pid: Pid,
    shown: String,
    children: Children,
    done: bool,
}

impl Running {
    /// Its process number, which is also that of its group.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// The command as a person would type it.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.shown
    }

    /// The write end of its standard input, once.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Reads both output streams to their ends on threads of their own; every line of stderr goes to `on_line`.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn drain(
        &mut self,
        mut on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<(TailReader, TailReader)> {
        let stdout = self.child.stdout.take();
        let stdout = stdout.map(|pipe| Tail::drain(pipe, |_| true)).transpose()?;
        let stderr = self.listen(move |line| {
            on_line(line);
            true
        })?;
        Ok((stdout.unwrap_or_default(), stderr))
    }

    /// The read end of its standard output, once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Reads stderr to its end on a thread of its own. Every line goes to `keep`, which says whether it may be one of
    /// the last words that are kept.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn listen(
        &mut self,
        keep: impl FnMut(&str) -> bool + Send + 'static,
    ) -> Result<TailReader> {
        let stderr = self.child.stderr.take();
        let read = stderr.map(|pipe| Tail::drain(pipe, keep)).transpose()?;
        Ok(read.unwrap_or_default())
    }

    /// Kills it and whatever it started itself.
    pub fn kill(&self) {
        self.children.kill(self.pid());
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If the system cannot say how it ended.
    pub fn wait(mut self) -> Result<ExitStatus> {
        self.reap()
    }

    /// Waits for its end and that of its `words`, and returns their last lines.
    ///
    /// # Errors
    /// [`ToolFailure`] if it does not succeed; if the system cannot say how it ended.
    pub fn succeed(self, words: TailReader) -> Result<Vec<String>> {
        let command = self.shown.clone();
        let status = self.wait()?;
        let stderr = words.join().lines();
        if status.success() && !tell_of_full_disk(&stderr) {
            return Ok(stderr);
        }
        Err(ToolFailure {
            command,
            status: Some(status),
            stdout: Vec::new(),
            stderr,
        }
        .into())
    }

    fn reap(&mut self) -> Result<ExitStatus> {
        self.done = true;
        // First learn that it has ended, then forget its number, then free that number.
        while let Err(nix::errno::Errno::EINTR) = waitid(
            Id::Pid(self.pid),
            WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT,
        ) {}
        self.children.register().remove(self.pid);
        self.child
            .wait()
            .with_context(|| format!("waiting for `{}`", self.shown))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.done {
            let _ = killpg(self.pid, Signal::SIGKILL);
            let _ = self.reap();
        }
    }
}

/// The last lines of a stream that is being read on a thread of its own.
#[derive(Default)]
pub struct TailReader(Option<JoinHandle<Tail>>);

impl TailReader {
    /// Waits for the end of the stream and returns its last lines.
    #[must_use]
    pub fn join(self) -> Tail {
        self.0
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    }
}

/// The last lines of a stream, and those before them that speak of a disk. A progress line (ended by a carriage return) counts
/// as a line but is not kept.
#[derive(Default)]
pub struct Tail {
    kept: VecDeque<String>,
    open: Vec<u8>,
}

impl Tail {
    fn drain(
        mut pipe: impl Read + Send + 'static,
        mut keep: impl FnMut(&str) -> bool + Send + 'static,
    ) -> Result<TailReader> {
        let read = move || {
            let mut tail = Self::default();
            let mut buffer = [0; 16 * 1024];
            // A read error ends the stream as its end does: the exit status says what to think of it.
            while let Ok(n @ 1..) = pipe.read(&mut buffer) {
                tail.push(&buffer[..n], &mut keep);
            }
            tail.end_line(b'\n', &mut keep);
            tail
        };
        threads::start("words", read).map(|thread| TailReader(Some(thread)))
    }

    fn push(&mut self, bytes: &[u8], keep: &mut dyn FnMut(&str) -> bool) {
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' => self.end_line(byte, keep),
                _ if self.open.len() < LINE_BYTES => self.open.push(byte),
                _ => (),
            }
        }
    }

    fn end_line(&mut self, end: u8, keep: &mut dyn FnMut(&str) -> bool) {
        let line = without_ansi(&String::from_utf8_lossy(&self.open));
        self.open.clear();
        let line = line.trim_end();
        if line.trim().is_empty() {
            return;
        }
        if keep(line) && end == b'\n' {
            if self.kept.len() == TAIL_LINES {
                let oldest = self.kept.iter().position(|kept| !is_of_a_disk(kept));
                self.kept.remove(oldest.unwrap_or(0));
            }
            self.kept.push_back(line.to_owned());
        }
    }

    /// The kept lines, oldest first, and what has come of a line that is not ended yet.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.kept.iter().cloned().collect();
        if !self.open.is_empty() {
            lines.push(without_ansi(&String::from_utf8_lossy(&self.open)));
        }
        lines
    }
}

/// Removes ANSI escape sequences and other control characters: a tool's colours do not belong into our messages.
#[must_use]
pub fn without_ansi(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // CSI: parameters and intermediates end with a byte from 0x40 to 0x7e.
            if chars.next_if_eq(&'[').is_some() {
                for c in chars.by_ref() {
                    if ('\u{40}'..='\u{7e}').contains(&c) {
                        break;
                    }
                }
            }
        } else if c == '\t' || !c.is_control() {
            out.push(c);
        }
    }
    out
}

/// A tool ran and failed: its command, how it ended, and its last lines.
#[derive(Debug, Clone)]
pub struct ToolFailure {
    /// The command as a person would type it.
    pub command: String,
    /// How it ended; `None` if it was given up before its end.
    pub status: Option<ExitStatus>,
    /// Last lines of its standard output.
    pub stdout: Vec<String>,
    /// Last lines of its standard error.
    pub stderr: Vec<String>,
}

/// What programs say where a disk holds no more: `No space left on device` in the system's words, `No space left to write to` in
/// mkvmerge's.
const NO_ROOM: [&str; 2] = ["No space left", "Disk quota exceeded"];

/// Whether `text` says that no more can be written: the disk is full, or the file is as large as its file system lets one be,
/// where waiting does not help.
#[must_use]
pub fn tells_of_no_room(text: &str) -> bool {
    let mut words = NO_ROOM.iter().chain(&["File too large"]);
    words.any(|words| text.contains(words))
}

/// Whether lines that a tool has said tell of a full disk. ffmpeg exits with 0 where only the last of a file is not written.
fn tell_of_full_disk(lines: &[String]) -> bool {
    let tells = |line: &String| NO_ROOM.iter().any(|words| line.contains(words));
    lines.iter().any(tells)
}

/// What ffmpeg says where a disk does not give it what it asks for: its readers of some containers, and it itself.
const UNREADABLE: [&str; 2] = ["Read error", ": Input/output error"];

/// Whether a `line` says that a disk has not given what was asked for.
#[must_use]
pub fn tells_of_unreadable(line: &str) -> bool {
    UNREADABLE.iter().any(|end| line.ends_with(end))
}

/// Whether a `line` speaks of a disk: that is why, whatever was said before or is said after it.
fn is_of_a_disk(line: &str) -> bool {
    tells_of_unreadable(line) || NO_ROOM.iter().any(|words| line.contains(words))
}

impl ToolFailure {
    /// Whether it says that a disk is full.
    #[must_use]
    pub fn tells_of_full_disk(&self) -> bool {
        tell_of_full_disk(&self.stdout) || tell_of_full_disk(&self.stderr)
    }

    /// In one line: how it ended, and the last thing it said.
    #[must_use]
    pub fn line(&self) -> String {
        let ended = self
            .status
            .map_or_else(|| "was given up".to_owned(), how_it_ended);
        match self.stderr.last().or(self.stdout.last()) {
            Some(last) => format!("{ended}: {last}"),
            None => ended,
        }
    }

    /// The tool's name without its directory.
    #[must_use]
    pub fn program(&self) -> &str {
        let program = self.command.split(' ').next().unwrap_or_default();
        program.rsplit('/').next().unwrap_or(program)
    }

    /// The signal that ended the tool, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.status.and_then(|status| status.signal())
    }
}

impl fmt::Display for ToolFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = match self.status {
            Some(status) => how_it_ended(status),
            None => "was given up".to_owned(),
        };
        write!(f, "`{}` {ended}", self.command)?;
        for (name, lines) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !lines.is_empty() {
                write!(f, "\n--- {name}\n{}", lines.join("\n"))?;
            }
        }
        if self.stdout.is_empty() && self.stderr.is_empty() {
            write!(f, "\n(it printed nothing)")?;
        }
        Ok(())
    }
}

impl std::error::Error for ToolFailure {}

/// `exited with status 1`, or `was killed by SIGKILL`.
#[must_use]
pub fn how_it_ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => match Signal::try_from(signal) {
            Ok(signal) => format!("was killed by {signal}"),
            Err(_) => format!("was killed by signal {signal}"),
        },
        (None, None) => "ended".to_owned(),
    }
}

/// Waits for a thread and returns what it made. If it panicked, the caller panics as it did.
pub fn outcome<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}

/// Resident memory of a process in bytes; 0 if it is gone.
#[must_use]
pub fn resident(pid: i32) -> u64 {
    status_field(pid, "VmRSS:")
}

/// Highest resident memory of a process so far, in bytes; 0 if it is gone.
#[must_use]
pub fn peak_resident(pid: i32) -> u64 {
    status_field(pid, "VmHWM:")
}

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// When it began, in ticks since the machine did: with its number, that is one process and no other.
    pub began: u64,
    /// Whether it is stopped, as by Ctrl-Z.
    pub stopped: bool,
    /// Whether it has ended, and only who started it has not asked how.
    pub ended: bool,
}

/// What the kernel says of the process with this number, if there is one.
#[must_use]
pub fn life(pid: u32) -> Option<Life> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name, in parentheses, may have any in it.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    // The 22nd field, of which the name is the second and the state the third.
    let began = fields.nth(18)?.parse().ok()?;
    Some(Life {
        began,
        stopped: state == "T",
        ended: matches!(state, "Z" | "X"),
    })
}

/// Whether the process runs that has had this number since it `began` (see [`Life`]). One that is hidden from us is taken to.
#[must_use]
pub fn runs(pid: u32, began: u64) -> bool {
    if let Some(life) = life(pid) {
        return life.began == began && !life.ended;
    }
    let is_there = |pid| kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH);
    i32::try_from(pid).is_ok_and(is_there)
}

fn status_field(pid: i32, field: &str) -> u64 {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .ok()
        .and_then(|text| kib_field(&text, field))
        .unwrap_or(0)
}

/// A field of `/proc/meminfo` or `/proc/PID/status`, in bytes.
pub(crate) fn kib_field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value
        .trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

/// A command as a person would type it: for messages only, never handed to a shell.
#[must_use]
pub fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(quoted)
        .collect::<Vec<_>>()
        .join(" ")
}

/// One word, quoted for a shell where it needs to be. For messages only. What a terminal would not show as it is, bash and zsh
/// read from its number.
#[must_use]
pub fn quoted(word: &OsStr) -> String {
    let shown = word
        .to_str()
        .filter(|word| !word.contains(char::is_control));
    let plain = shown.and_then(|word| shlex::try_quote(word).ok());
    plain.map_or_else(|| by_number(word.as_bytes()), |plain| plain.into_owned())
}

/// A word as `$'...'`.
fn by_number(word: &[u8]) -> String {
    let number = |bytes: &[u8]| -> String {
        let numbers = bytes.iter().map(|byte| format!("\\{byte:03o}"));
        numbers.collect()
    };
    let mut text = String::new();
    for part in word.utf8_chunks() {
        for c in part.valid().chars() {
            match c {
                '\'' | '\\' => text.extend(['\\', c]),
                c if c.is_control() => text += &number(c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => text.push(c),
            }
        }
        text += &number(part.invalid());
    }
    format!("$'{text}'")
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_shell_reads_quoted_words_as_they_were() {
        let words: [&[u8]; 6] = [
            b"plain",
            b"it's $(a) `b`",
            b"two\nlines' \\1",
            b"\xff\xfe9",
            "\u{85}é\t".as_bytes(),
            b"",
        ];
        for word in words {
            let said = quoted(OsStr::from_bytes(word));
            assert!(!said.contains(char::is_control), "{said}");
            let mut bash = Command::new("bash");
            bash.args(["-c", &format!("printf %s {said}")]);
            assert_eq!(bash.output().unwrap().stdout, word, "{said}");
        }
    }

    #[test]
    fn a_failed_tool_shows_its_command_its_status_and_its_last_lines() {
        let error = Children::default()
            .output(shell("echo to-out; echo to-err >&2; exit 3"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("sh -c"), "{error}");
        assert!(error.contains("exited with status 3"), "{error}");
        assert!(
            error.contains("--- stdout\nto-out\n--- stderr\nto-err"),
            "{error}"
        );
    }

    #[test]
    fn what_is_said_of_a_disk_is_kept_however_much_is_said_behind_it() {
        let script =
            "for word in 'file:x: Input/output error' one; do echo $word >&2; done; seq 100 >&2";
        let said = Children::default().finish(shell(script)).unwrap().stderr;
        assert_eq!(said.len(), TAIL_LINES);
        assert_eq!([&said[0], &said[1]], ["file:x: Input/output error", "72"]);
        assert!(tells_of_unreadable(&said[0]) && !tells_of_unreadable("Input/output errors"));
    }

    #[test]
    fn a_tool_that_writes_much_to_both_streams_does_not_block() {
        let script = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; echo err >&2; i=$((i+1)); done";
        let output = Children::default().output(shell(script)).unwrap();
        assert_eq!(output.len(), 3000 * 41);
    }

    #[test]
    fn a_dropped_tool_is_dead_with_all_it_started() {
        let children = Children::default();
        let mut running = children
            .spawn(shell("sleep 1000 & echo $!; wait"), Stdio::null())
            .unwrap();
        let mut grandchild = [0; 32];
        let n = running
            .child
            .stdout
            .as_mut()
            .unwrap()
            .read(&mut grandchild)
            .unwrap();
        let grandchild: i32 = String::from_utf8_lossy(&grandchild[..n])
            .trim()
            .parse()
            .unwrap();
        drop(running);
        assert!(children.pids().is_empty());
        for _ in 0..100 {
            let state =
                std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
            if state.is_empty() || state.contains(") Z ") {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("process {grandchild} is still there");
    }

    #[test]
    fn a_tool_that_tells_of_a_full_disk_has_failed_whatever_it_exits_with() {
        let children = Children::default();
        let run = |words: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("echo '{words}' >&2")]);
            command
        };
        let words = "Error writing trailer of x.mka: No space left on device";
        let failure = children.finish(run(words)).unwrap().failure.unwrap();
        assert!(failure.tells_of_full_disk());
        assert!(children.stream(run(words), |_| Ok(())).is_err());
        assert!(children.finish(run("a word")).unwrap().failure.is_none());
    }

    fn state(pid: i32) -> char {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    }

    #[track_caller]
    fn comes_to(pid: i32, is_stopped: bool) {
        let begun = Instant::now();
        while (state(pid) == 'T') != is_stopped {
            assert!(begun.elapsed() < Duration::from_secs(20), "{is_stopped}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// No shell: it would have no state T, but D, when it is stopped with a child that it has begun and that is stopped too.
    fn sleeper() -> Command {
        let mut command = Command::new("sleep");
        command.arg("60");
        command
    }

    #[test]
    fn tools_that_are_held_stop_and_none_starts_until_they_are_released() {
        let children = Children::default();
        let first = children.spawn(sleeper(), Stdio::null()).unwrap();
        children.hold();
        comes_to(first.pid(), true);
        // Who continues all tools, as after Ctrl-Z, continues none that is held.
        children.resume_all();
        let (of, started) = (children.clone(), std::sync::mpsc::channel());
        let second = thread::spawn(move || {
            let second = of.spawn(sleeper(), Stdio::null()).unwrap();
            started.0.send(second.pid()).unwrap();
            second
        });
        let soon = Duration::from_millis(50);
        assert!(started.1.recv_timeout(soon).is_err(), "it waits");
        comes_to(first.pid(), true);
        assert!(children.held_for() >= soon);
        children.release();
        comes_to(first.pid(), false);
        let second = second.join().unwrap();
        // One that rests does so whatever the others do.
        children.rest(second.pid());
        children.hold();
        children.release();
        comes_to(first.pid(), false);
        comes_to(second.pid(), true);
        children.wake(second.pid());
        comes_to(second.pid(), false);
    }

    #[test]
    fn who_waits_for_tools_that_are_held_hears_that_the_run_ends() {
        let children = Children::default();
        children.hold();
        let of = children.clone();
        let waits = thread::spawn(move || of.spawn(shell("true"), Stdio::null()).err());
        children.close();
        assert!(waits.join().unwrap().is_some());
        children.wait_while_held();
    }

    #[test]
    fn a_closed_register_starts_nothing() {
        let children = Children::default();
        children.close();
        assert!(
            children
                .output(shell("exit 0"))
                .unwrap_err()
                .to_string()
                .contains("being stopped")
        );
    }

    #[test]
    fn progress_lines_are_seen_but_not_kept_and_colours_go() {
        let mut tail = Tail::default();
        let mut seen = Vec::new();
        tail.push(b"\x1b[32mone\x1b[0m\n10%\r20%\r\ntwo\nthr", &mut |line| {
            seen.push(line.to_owned());
            true
        });
        assert_eq!(seen, ["one", "10%", "20%", "two"]);
        assert_eq!(tail.lines(), ["one", "two", "thr"]);
    }

    #[test]
    fn a_tail_keeps_a_bounded_part_of_endless_output() {
        let mut tail = Tail::default();
        tail.push(&vec![b'x'; 1 << 20], &mut |_| true);
        assert_eq!(tail.lines()[0].len(), LINE_BYTES);
        for i in 0..100 {
            tail.push(format!("{i}\n").as_bytes(), &mut |_| true);
        }
        assert_eq!(tail.lines().len(), TAIL_LINES);
    }
}
