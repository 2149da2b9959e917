//! Threads that may be refused: containers and accounts have limits of how many there are, and a thread counts as a process.

use std::{
    io,
    sync::{Arc, Barrier},
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result, bail};

use super::processors::{self, Numbers};

/// Processes and threads that run beside the first one at most, on one core, with one worker. Measured on two cores with SVT-AV1
/// 4.2.0 and ffmpeg 5.1.9: 18 while the machine is looked at, 21 with one worker of `--lp 1`, and 24 with two.
const LEAST: usize = 21;
/// What each further core adds: decoders take them all.
const PER_CORE: usize = 2;
/// Decoders of ffmpeg use no more cores than these.
const MOST_CORES: usize = 16;
/// They do nothing.
const STACK_BYTES: usize = 64 << 10;

/// Starts a thread that tools for looking at processes show under its `name`.
///
/// # Errors
/// If the system gives none.
pub fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .context("the system gives av1enc no more threads: a limit of processes is reached (`ulimit -u`, pids.max)")
}

/// On which processors encoders run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Seats {
    /// Where the system puts them.
    #[default]
    Anywhere,
    /// Each on so many of its own, as far as there are enough.
    Processors(usize),
    /// Each on one of these sets, in turn: the processors of a node.
    Nodes(Vec<Numbers>),
}

impl Seats {
    /// Keeps this thread, and what it starts, on the processors of the `place`, of all that av1enc may use.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn take(&self, place: usize) -> Result<()> {
        match self {
            Self::Anywhere => Ok(()),
            Self::Processors(processors) => {
                let all: Vec<usize> = processors::allowed()?.into_iter().collect();
                let first = place.wrapping_mul(*processors);
                let own = first..first.saturating_add((*processors).min(all.len()));
                processors::keep_on(&own.map(|n| all[n % all.len()]).collect())
                    .context("leave --set-thread-affinity out")
            }
            Self::Nodes(nodes) => {
                processors::keep_on(&nodes[place % nodes.len()]).context("leave --numa out")
            }
        }
    }
}

/// Makes sure that av1enc and its tools get the processes and threads that they cannot do without. It starts as many and
/// ends them: there is more than one limit, and not each of them can be read.
///
/// # Errors
/// If there is no room for them.
pub fn require_room() -> Result<()> {
    let cores = processors::count();
    let needed = LEAST + PER_CORE * (cores.min(MOST_CORES) - 1);
    let given = at_once(needed);
    if given < needed {
        bail!(
            "the system gives av1enc only {given} processes and threads, and it and its tools need about {needed} at once: \
             raise the limit (`ulimit -u` of the account, pids.max or --pids-limit of the container)"
        );
    }
    Ok(())
}

/// How many of `wanted` threads the system gives at one time.
fn at_once(wanted: usize) -> usize {
    let mut waiting = Vec::new();
    for _ in 0..wanted {
        let Ok(one) = one_that_waits() else { break };
        waiting.push(one);
    }
    let given = waiting.len();
    for (gate, thread) in waiting {
        gate.wait();
        // It does nothing that could panic.
        let _ = thread.join();
    }
    given
}

/// A thread that waits to meet somebody at the gate.
fn one_that_waits() -> io::Result<(Arc<Barrier>, JoinHandle<()>)> {
    let gate = Arc::new(Barrier::new(2));
    let its = gate.clone();
    let thread = thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || {
            its.wait();
        })?;
    Ok((gate, thread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_threads_as_are_wanted_are_there_at_once_and_end() {
        assert_eq!(at_once(5), 5);
    }

    #[test]
    fn a_thread_gives_what_its_work_comes_to() {
        assert_eq!(start("seven", || 7).unwrap().join().unwrap(), 7);
    }
}
