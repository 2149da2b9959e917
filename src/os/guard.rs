//! What can only be done while no other thread runs: the guard of our tools, the heap limit, the environment.

use std::{
    collections::BTreeSet,
    env,
    ffi::{CStr, OsStr},
    fs::{self, File},
    io::{self, PipeReader, PipeWriter, Read, Write},
    marker::PhantomData,
    os::unix::ffi::OsStrExt,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid},
};

/// Proof that no other thread runs: to be made first in `main`, and given up before any is started.
#[derive(Debug)]
pub struct Threadless(
    /// It cannot be handed to another thread.
    PhantomData<*const ()>,
);

impl Threadless {
    /// Looks whether no other thread runs.
    ///
    /// # Errors
    /// If one does.
    pub fn here() -> Result<Self> {
        let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        ensure!(
            threads == 1,
            "{threads} threads run before the guard does: this is a bug in av1enc"
        );
        Ok(Self(PhantomData))
    }

    /// Sets a variable of our environment.
    pub fn set_var(&self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        // SAFETY: no other thread runs that could read the environment meanwhile.
        unsafe { env::set_var(name, value) };
    }
}

/// Keeps the C library from making a heap for every thread. Frames are allocated on one thread and freed on another, and
/// each heap keeps what it once had: over 324 chunks of a small film, one process grew to 540 MB with them, and stayed at
/// 260 MB with one heap.
pub fn limit_heaps(_alone: &Threadless) {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets a number, and no other thread runs.
    unsafe {
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1);
    }
}

/// Has our tools speak the C locale where that of the environment is not installed (ssh hands over a locale which the
/// other machine may not have): mkvmerge dies of one, and others print a warning that is none of theirs.
pub fn choose_locale(alone: &Threadless) {
    if !has_locale(c"") {
        let utf8 = c"C.UTF-8";
        let known = if has_locale(utf8) { utf8 } else { c"C" };
        // It is above all others: `LANG` and `LC_CTYPE` do not count beside it.
        alone.set_var("LC_ALL", OsStr::from_bytes(known.to_bytes()));
    }
}

/// Whether the C library has this locale; without a name, that of the environment.
fn has_locale(name: &CStr) -> bool {
    use nix::libc::{LC_ALL_MASK, freelocale, newlocale};
    // SAFETY: a locale of its own is made of a name that ends with a nought, and given back; ours stays.
    unsafe {
        let locale = newlocale(LC_ALL_MASK, name.as_ptr(), std::ptr::null_mut());
        if locale.is_null() {
            return false;
        }
        freelocale(locale);
    }
    true
}

/// The write end of the pipe to a process that kills our tools when we have ended without ending them: the end of the
/// pipe tells it. It is told of every tool that starts (its number) and of every one that ends (the number, negative).
///
/// The kernel would do the same for each tool by itself (PR_SET_PDEATHSIG), but that must be asked for between fork and
/// exec. Without code of ours there, a tool is started without a fork, which would copy the page tables of all frames
/// that we hold, and then fault at every page of them that is written.
pub(super) struct Guard(PipeWriter);

impl Guard {
    /// Starts the guard.
    ///
    /// # Errors
    /// If the system has no pipe or process.
    pub(super) fn start(alone: &Threadless) -> Result<Self> {
        let mark = mark();
        alone.set_var(MARK, &mark);
        let (changes, pipe) = io::pipe().context("making the pipe to the guard")?;
        // SAFETY: no other thread runs, so that no lock is held by anybody.
        match unsafe { fork() }.context("starting the guard")? {
            ForkResult::Parent { .. } => Ok(Self(pipe)),
            ForkResult::Child => {
                drop(pipe);
                guard(changes, &[MARK, "=", &mark].concat())
            }
        }
    }

    /// Tells it that a process has started (its number) or ended (the number, negative).
    pub(super) fn tell(&mut self, change: i32) {
        // Without its guard the run is no worse off as long as it lives.
        let _ = self.0.write_all(&change.to_ne_bytes());
    }
}

/// In the environment of our tools and of all that they start: the run that they belong to.
const MARK: &str = "AV1ENC_RUN";

/// What no other run has had: a process number, and when the process was started.
fn mark() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    format!("{}-{}", Pid::this(), since.unwrap_or_default().as_nanos())
}

/// What the guard does: waits for our end, then kills what still runs: tools, and what has left their groups to be a
/// daemon, which bears the mark.
fn guard(mut changes: PipeReader, mark: &str) -> ! {
    // Ctrl-C and Ctrl-Z at the terminal are not for it; whoever reads our output does not wait for it.
    let _ = setsid();
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&null)
            .and(dup2_stdout(&null))
            .and(dup2_stderr(&null));
    }
    let mut running = BTreeSet::new();
    let mut change = [0; 4];
    while changes.read_exact(&mut change).is_ok() {
        match i32::from_ne_bytes(change) {
            started @ 1.. => running.insert(started),
            ended => running.remove(&-ended),
        };
    }
    for pid in running {
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    while kill_marked(mark) {}
    // SAFETY: _exit(2) ends the process and touches nothing; what is registered for our own end is not for the guard.
    unsafe { nix::libc::_exit(0) }
}

/// Kills every process that bears `mark` in the environment that it was started with. Returns whether there was one: it
/// may have started another meanwhile.
fn kill_marked(mark: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut killed = false;
    for pid in numbers {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        if variables.any(|variable| variable == mark.as_bytes()) {
            killed |= kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok();
        }
    }
    killed
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn with_another_thread_there_is_no_proof_that_there_is_none() {
        let (end, ended) = mpsc::channel::<()>();
        let other = thread::spawn(move || ended.recv());
        let error = Threadless::here().unwrap_err().to_string();
        assert!(error.contains("threads run before the guard"), "{error}");
        drop(end);
        assert!(other.join().unwrap().is_err());
    }
}
