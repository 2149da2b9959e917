//! SIGINT, SIGTERM, SIGHUP, SIGTSTP and SIGCONT as messages on a channel.
//!
//! A self-pipe rather than a blocked mask with `sigwait`: children inherit a blocked mask, and an encoder that ignores
//! SIGTERM is the last thing we want.

use std::{
    fmt,
    fs::File,
    io::Read,
    os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd},
    sync::atomic::{AtomicI32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, bounded, unbounded};
pub use nix::sys::signal::Signal;
use nix::{
    errno::Errno,
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, raise, sigaction},
    unistd::pipe2,
};

use super::threads;

/// The user stopped the run; what is finished stays.
#[derive(Debug)]
pub struct Interrupted(pub Signal);

impl Interrupted {
    /// What a shell gives as the exit code of a process that dies of the signal.
    #[must_use]
    pub fn code(&self) -> u8 {
        128_u8.saturating_add(u8::try_from(self.0 as i32).unwrap_or(0))
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

/// The signals that are turned into messages.
const WATCHED: [Signal; 5] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGTSTP,
    Signal::SIGCONT,
];

/// How long the run has to take the first signal, and to end by the second. Then it is left where it is: a thread that waits on
/// a file of a network that does not answer, on a FIFO, or on whoever reads our output, hears of no signal.
const GRACE: Duration = Duration::from_secs(2);
/// How long a run that has taken the first signal has to end in good order, unless it finishes something first: what it removes
/// may lie where nothing answers.
const ORDERLY: Duration = Duration::from_secs(10);

/// Write end of the self-pipe: a signal handler can reach nothing but a static.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// The first signal by which the run was asked to end; 0 if none has come.
static ASKED: AtomicI32 = AtomicI32::new(0);

/// The signal by which the run was asked to end, if it was: for whoever waits where no message comes.
#[must_use]
pub fn asked() -> Option<Signal> {
    Signal::try_from(ASKED.load(Ordering::Relaxed)).ok()
}

extern "C" fn handler(signal: i32) {
    ring(u8::try_from(signal).unwrap_or(0));
}

/// Puts a byte into the pipe.
fn ring(byte: u8) {
    let byte = [byte];
    // SAFETY: write(2) is async-signal-safe; the descriptor stays open for the life of the process; errno is restored.
    unsafe {
        let errno = *nix::libc::__errno_location();
        nix::libc::write(PIPE.load(Ordering::Relaxed), byte.as_ptr().cast(), 1);
        *nix::libc::__errno_location() = errno;
    }
}

/// Does `work` on a thread of its own, and hands it the signals, which this thread, the first one, hears: the kernel gives a
/// signal to the first thread wherever that takes it, and takes it back from none that waits for a file of a network or of
/// FUSE. So the one that hears them waits for nothing else. A process calls it once; whatever installs handlers of its own
/// (embedded Python does) calls [`rearm`] after it.
///
/// `work` ends the run in good order by a signal that it takes, and may go on for as long as it likes if it `finishes` something
/// first. Where it takes none, for it waits itself, and by the second signal that ends a run, it is left where it is after two
/// seconds; by the third at once.
///
/// A signal that was ignored when we started (`nohup`, a background job of a script) stays ignored.
///
/// # Errors
/// Those of `work`; [`Interrupted`] if it was left; if the system refuses a pipe, a handler or a thread.
pub fn attend<T: Send + 'static>(
    finishes: bool,
    work: impl FnOnce(Receiver<Signal>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let mut heard = install()?;
    let (sender, signals) = unbounded();
    let waiting = signals.clone();
    let (done, came) = bounded(1);
    threads::start("run", move || {
        let _bell = Bell;
        // There is room for it, and somebody waits.
        let _ = done.send(work(signals));
    })?;
    let mut ending = Ending::default();
    for sent in 1.. {
        let signal = loop {
            match next(&mut heard, ending.deadline)? {
                Next::Signal(signal) => break signal,
                Next::Ended => {
                    return came
                        .recv()
                        .context("the run panicked: this is a bug in av1enc")?;
                }
                Next::Late if ending.begins(sent - 1 - waiting.len()) => {
                    ending.deadline = (!finishes).then(|| Instant::now() + ORDERLY);
                }
                Next::Late => return Err(leave_behind(ending.by)),
            }
        };
        // Nobody listens any more when the run is at its end.
        let _ = sender.send(signal);
        ending.note(signal, sent);
    }
    unreachable!("there are not so many signals")
}

/// How a run is asked to end.
struct Ending {
    /// How often.
    count: u32,
    /// The last signal by which.
    by: Signal,
    /// Which of all signals the first of them was, from 1.
    place: usize,
    /// Whether somebody is known to have taken that.
    begun: bool,
    /// When that is looked at, or the run is left.
    deadline: Option<Instant>,
}

impl Default for Ending {
    fn default() -> Self {
        Self {
            count: 0,
            by: Signal::SIGTERM,
            place: 0,
            begun: false,
            deadline: None,
        }
    }
}

impl Ending {
    /// This signal has come, the one at this `place` among all.
    fn note(&mut self, signal: Signal, place: usize) {
        if [Signal::SIGTSTP, Signal::SIGCONT].contains(&signal) {
            return;
        }
        ASKED.store(signal as i32, Ordering::Relaxed);
        self.count += 1;
        (self.by, self.deadline) = (signal, Some(Instant::now() + GRACE));
        match self.count {
            1 => self.place = place,
            2 => (),
            _ => die_of(signal),
        }
    }

    /// Whether the run begins to end in good order: it has taken so many signals, was not asked again, and not known to do so.
    fn begins(&mut self, taken: usize) -> bool {
        let begins = self.count < 2 && taken >= self.place && !self.begun;
        self.begun |= begins;
        begins
    }
}

/// What comes through the pipe.
enum Next {
    Signal(Signal),
    /// The run has come to its end.
    Ended,
    /// Nothing, and the deadline is over.
    Late,
}

/// Waits for what comes through the pipe, until the `deadline` if there is one.
fn next(pipe: &mut File, deadline: Option<Instant>) -> Result<Next> {
    loop {
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX);
            let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
            match poll(&mut polled, left) {
                Ok(0) => return Ok(Next::Late),
                Ok(_) => (),
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error).context("waiting for signals"),
            }
        }
        let mut byte = [0];
        pipe.read_exact(&mut byte).context("reading signals")?;
        match Signal::try_from(i32::from(byte[0])) {
            Ok(signal) => return Ok(Next::Signal(signal)),
            Err(_) => return Ok(Next::Ended),
        }
    }
}

/// Rings when the thread of the run is at its end, however it ends.
struct Bell;

impl Drop for Bell {
    fn drop(&mut self) {
        // No signal has this number.
        ring(0);
    }
}

/// Leaves the run where it waits. What is still to be said may wait as well, for who reads our output or the lock of one who
/// does: then that is left, too.
fn leave_behind(signal: Signal) -> anyhow::Error {
    let end = move || {
        thread::sleep(GRACE);
        die_of(signal)
    };
    if thread::Builder::new().spawn(end).is_err() {
        die_of(signal);
    }
    Interrupted(signal).into()
}

/// Makes the pipe and puts the handlers in place. Returns the end of the pipe from which signals are read.
fn install() -> Result<File> {
    let (read, write): (OwnedFd, OwnedFd) =
        pipe2(OFlag::O_CLOEXEC).context("making the pipe for signals")?;
    // The read end blocks, the write end must not: a full pipe loses a signal rather than hanging in the handler.
    nix::fcntl::fcntl(&write, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .context("setting up the signal pipe")?;
    PIPE.store(write.as_raw_fd(), Ordering::Relaxed);
    // Kept open for the life of the process.
    let _ = write.into_raw_fd();
    rearm()?;
    Ok(File::from(read))
}

/// Puts our handlers in place (again): libraries loaded later may have replaced them.
///
/// # Errors
/// If the system refuses a handler.
pub fn rearm() -> Result<()> {
    let action = SigAction::new(
        SigHandler::Handler(handler),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in WATCHED {
        // SAFETY: the handler only calls write(2) and touches errno.
        let old = unsafe { sigaction(signal, &action) }
            .with_context(|| format!("installing the handler of {signal}"))?;
        if matches!(old.handler(), SigHandler::SigIgn) {
            // SAFETY: restores what was there before.
            unsafe { sigaction(signal, &old) }
                .with_context(|| format!("leaving {signal} ignored"))?;
        }
    }
    Ok(())
}

/// Stops this process as the terminal's Ctrl-Z would have; returns when it is continued.
pub fn stop_self() {
    let _ = raise(Signal::SIGSTOP);
}

/// Ends this process with an exit code, without running what libraries have registered for its end: their threads may
/// be in the middle of anything, and a crash there would be our exit code. Our own output is flushed already.
pub fn leave(code: u8) -> ! {
    // SAFETY: _exit(2) ends the process and touches nothing.
    unsafe { nix::libc::_exit(code.into()) }
}

/// Ends this process by `signal`, so that the shell that started us sees what happened and stops its loop.
///
/// Nothing is run on the way out: threads of libraries may be in the middle of anything.
pub fn die_of(signal: Signal) -> ! {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: restoring the default action is always sound.
    if unsafe { sigaction(signal, &default) }.is_ok() {
        let _ = raise(signal);
    }
    // Only where the system refuses the default action, which is to die.
    leave(Interrupted(signal).code())
}
