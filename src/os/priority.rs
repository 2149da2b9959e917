//! Keeps what we start from taking the processors and the disks for itself.

use std::{fmt, io};

use anyhow::{Context, Result};
use caps::{CapSet, Capability::CAP_SYS_NICE, CapsHashSet};
use nix::{
    errno::Errno,
    libc,
    sys::{
        prctl::set_no_new_privs,
        resource::{Resource, setrlimit},
    },
};

use super::guard::Threadless;

/// Takes from us, and so from all that we start, the right to real-time priority. As root every SvtAv1EncApp puts its
/// threads on SCHED_FIFO 99, before all else on the machine: `nice` and a unit's `Nice=` then count for nothing.
///
/// It is taken here, once, and not from each child between its fork and its exec, where hardly anything may be called.
///
/// # Errors
/// If the system refuses.
pub fn give_up_real_time(_alone: &Threadless) -> Result<()> {
    let give_up = || -> Result<()> {
        // A limit of the user's (RLIMIT_RTPRIO) would allow it without the capability.
        setrlimit(Resource::RLIMIT_RTPRIO, 0, 0)?;
        // What root executes has again all that is in the bounding set. Only CAP_SETPCAP takes something from that; where a
        // container withholds it, executing a file must not give any right, not even to root.
        if caps::has_cap(None, CapSet::Bounding, CAP_SYS_NICE)?
            && caps::drop(None, CapSet::Bounding, CAP_SYS_NICE).is_err()
        {
            set_no_new_privs()?;
        }
        for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
            let mut held: CapsHashSet = caps::read(None, set)?;
            if held.remove(&CAP_SYS_NICE) {
                caps::set(None, set, &held)?;
            }
        }
        // The ambient set holds nothing that is not permitted and inheritable: the kernel has taken it there.
        Ok(())
    };
    give_up().context("giving up the right to real-time priority, so that the machine stays usable")
}

/// Gives way to other programs at the processors, with all that we start. Returns how nice we are then: who was started nicer
/// than that stays so.
///
/// # Errors
/// If the system refuses.
pub fn be_nice(_alone: &Threadless, nice: i32) -> Result<i32> {
    let context = || format!("giving way to other programs (--nice {nice})");
    Errno::clear();
    // SAFETY: it asks for a number of this process.
    let before = unsafe { libc::getpriority(libc::PRIO_PROCESS as _, 0) };
    if before == -1 && Errno::last_raw() != 0 {
        return Err(Errno::last()).with_context(context);
    }
    if before >= nice {
        return Ok(before);
    }
    // SAFETY: it sets a number of this process.
    Errno::result(unsafe { libc::setpriority(libc::PRIO_PROCESS as _, 0, nice) })
        .with_context(context)?;
    Ok(nice)
}

/// When a program gets the disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskTurn {
    /// When nobody else wants them.
    Idle,
    /// With others; at a lower level before them.
    BestEffort(u8),
}

impl fmt::Display for DiskTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("idle"),
            Self::BestEffort(level) => write!(f, "best-effort:{level}"),
        }
    }
}

/// linux/ioprio.h.
const IOPRIO_WHO_PROCESS: libc::c_int = 1;
const IOPRIO_CLASS_SHIFT: libc::c_int = 13;
const IOPRIO_CLASS_BEST_EFFORT: libc::c_int = 2;
const IOPRIO_CLASS_IDLE: libc::c_int = 3;

/// Has us, and all that we start, wait for this turn at the disks.
///
/// # Errors
/// If the system refuses.
pub fn take_turn(_alone: &Threadless, turn: DiskTurn) -> Result<()> {
    let priority = match turn {
        DiskTurn::Idle => IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT,
        DiskTurn::BestEffort(level) => {
            IOPRIO_CLASS_BEST_EFFORT << IOPRIO_CLASS_SHIFT | libc::c_int::from(level)
        }
    };
    // SAFETY: it sets a number of this process.
    let set = unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, priority) };
    match set {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error())
            .with_context(|| format!("waiting for a turn at the disks (--ionice {turn})")),
    }
}
