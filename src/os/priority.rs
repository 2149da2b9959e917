//! Keeps what we start from taking the processors for itself.

use anyhow::{Context, Result};
use caps::{CapSet, Capability::CAP_SYS_NICE, CapsHashSet};
use nix::sys::{
    prctl::set_no_new_privs,
    resource::{Resource, setrlimit},
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
