//! SIGINT, SIGTERM, SIGHUP, SIGTSTP and SIGCONT as messages on a channel.
//!
//! A self-pipe rather than a blocked mask with `sigwait`: children inherit a blocked mask, and an encoder that ignores
//! SIGTERM is the last thing we want.

use std::{
    fmt,
    fs::File,
    io::Read,
    os::fd::{AsRawFd, IntoRawFd, OwnedFd},
    sync::atomic::{AtomicI32, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, unbounded};
pub use nix::sys::signal::Signal;
use nix::{
    fcntl::OFlag,
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

/// How long a run may take after the second signal to end in an orderly way. Then it ends at once: a thread that waits on a
/// file of a network that does not answer, on a FIFO, or on whoever reads our output, hears of no signal.
const GRACE: Duration = Duration::from_secs(2);

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
    let byte = [u8::try_from(signal).unwrap_or(0)];
    // SAFETY: write(2) is async-signal-safe; the descriptor stays open for the life of the process; errno is restored.
    unsafe {
        let errno = *nix::libc::__errno_location();
        nix::libc::write(PIPE.load(Ordering::Relaxed), byte.as_ptr().cast(), 1);
        *nix::libc::__errno_location() = errno;
    }
}

/// Installs the handlers and returns the channel on which signals arrive. A process calls it once; after anything that
/// installs handlers of its own (embedded Python does), it calls [`rearm`].
///
/// A signal that was ignored when we started (`nohup`, a background job of a script) stays ignored.
///
/// # Errors
/// If the system refuses a pipe or a handler.
pub fn install() -> Result<Receiver<Signal>> {
    let (read, write): (OwnedFd, OwnedFd) =
        pipe2(OFlag::O_CLOEXEC).context("making the pipe for signals")?;
    // The read end blocks, the write end must not: a full pipe loses a signal rather than hanging in the handler.
    nix::fcntl::fcntl(&write, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .context("setting up the signal pipe")?;
    PIPE.store(write.as_raw_fd(), Ordering::Relaxed);
    // Kept open for the life of the process.
    let _ = write.into_raw_fd();
    rearm()?;
    let (sender, receiver) = unbounded();
    threads::start("signals", move || {
        let (mut read, mut byte, mut ending) = (File::from(read), [0], 0);
        while let Ok(1) = read.read(&mut byte) {
            let Ok(signal) = Signal::try_from(i32::from(byte[0])) else {
                continue;
            };
            let ends = ![Signal::SIGTSTP, Signal::SIGCONT].contains(&signal);
            if ends {
                ASKED.store(signal as i32, Ordering::Relaxed);
            }
            // Nobody listens any more when the run is at its end.
            let _ = sender.send(signal);
            if ends {
                ending += 1;
                insist(ending, signal);
            }
        }
    })?;
    Ok(receiver)
}

/// Sees to it that the run ends, whatever its threads wait for, by the second `signal` that ends it; from the third on at
/// once.
fn insist(count: u32, signal: Signal) {
    let end = move || {
        thread::sleep(GRACE);
        die_of(signal)
    };
    match count {
        1 => (),
        2 if thread::Builder::new().spawn(end).is_ok() => (),
        _ => die_of(signal),
    }
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
