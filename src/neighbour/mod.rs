//! Makes way for the machine's other work: a thread looks at the machine, [`policy`] decides, tools are held and released.
//!
//! How many workers there are, the crew decides, by what is posted on the [`Board`].

pub mod standing;
pub mod policy;
mod asking;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use self::{
    asking::Asking,
    policy::{Policy, Seen, Stance},
};
use crate::{
    event::{Easing, Sink, warn},
    os::{process::Children, processors, sensors, threads},
    settings::neighbour::Limits,
};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often who waits for the beginning looks.
const WAIT: Duration = Duration::from_millis(100);

/// Where the stance is posted, and what it depends on. Its lock is held for an instant, with nothing else locked.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<Posted>>);

#[derive(Debug, Default)]
struct Posted {
    /// Nothing before the machine was looked at.
    stance: Option<Stance>,
    /// The same, for those who look at the run.
    easing: Option<Easing>,
    /// Workers of the crew that encodes, if one does.
    workers: Option<usize>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Posted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stance now.
    #[must_use]
    pub fn stance(&self) -> Stance {
        self.lock().stance.unwrap_or_default()
    }

    /// How it makes way now, and why, if it does.
    #[must_use]
    pub fn easing(&self) -> Option<Easing> {
        self.lock().easing.clone()
    }

    /// So many workers there may be from now on; `None`: nobody encodes.
    pub fn set_workers(&self, workers: Option<usize>) {
        self.lock().workers = workers;
    }

    /// Waits until nothing is in the way of working. Returns whether something was.
    pub fn wait(&self) -> bool {
        let mut has_waited = false;
        loop {
            match self.lock().stance {
                Some(stance) if stance.pause.is_none() => return has_waited,
                Some(_) => has_waited = true,
                None => (),
            }
            thread::sleep(WAIT);
        }
    }
}

/// Whoever looks at the machine while a run goes on. Dropped, it ends, and the tools are released.
pub struct Neighbour {
    board: Board,
    children: Children,
    _end: Option<Sender<()>>,
}

impl Neighbour {
    /// Begins to look, if there are `limits`; holds the `children`, and tells `sink`.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn begin(limits: &Limits, children: &Children, sink: &Sink) -> Result<Self> {
        let board = Board::default();
        let mut this = Self {
            board: board.clone(),
            children: children.clone(),
            _end: None,
        };
        if limits.are_none() {
            board.lock().stance = Some(Stance::default());
            return Ok(this);
        }
        for lacking in policy::lacking(limits, Path::new("/")) {
            warn(sink, lacking);
        }
        let command = limits.pause_while.as_deref();
        let watchman = Watchman {
            limits: limits.clone(),
            board,
            children: children.clone(),
            asking: command
                .map(|command| Asking::begin(command, LOOK_EVERY, sink))
                .transpose()?,
            sink: sink.clone(),
        };
        let (end, ended) = bounded(0);
        threads::start("neighbour", move || watchman.watch(&ended))?;
        this._end = Some(end);
        Ok(this)
    }

    /// Where the stance is posted.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self._end = None;
        self.children.release();
    }
}

/// The thread that looks.
struct Watchman {
    limits: Limits,
    board: Board,
    children: Children,
    asking: Option<Asking>,
    sink: Sink,
}

impl Watchman {
    fn watch(self, ended: &Receiver<()>) {
        let mut policy = Policy::new(self.limits.clone());
        loop {
            // It is not known yet whether the command succeeds.
            let is_known = self.asking.as_ref().is_none_or(Asking::has_answered);
            if is_known {
                let (seen, now) = (self.look(), Instant::now());
                let events = policy.see(&seen, now);
                let stance = policy.stance(now);
                // Before the tools are held: who sees them stopped knows why.
                self.post(stance, policy.easing(now));
                match stance.pause {
                    Some(_) => self.children.hold(),
                    None => self.children.release(),
                }
                events.into_iter().for_each(|event| (self.sink)(event));
            }
            let pause = if is_known { LOOK_EVERY } else { WAIT };
            if ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn post(&self, stance: Stance, easing: Option<Easing>) {
        let mut posted = self.board.lock();
        (posted.stance, posted.easing) = (Some(stance), easing);
    }

    /// Looks at what there are limits of.
    fn look(&self) -> Seen {
        let root = Path::new("/");
        let Limits {
            max_temp,
            battery,
            schedule,
            ..
        } = &self.limits;
        let of_heat = max_temp.is_some();
        let frequency = || sensors::frequency(root, &processors::allowed().ok()?);
        Seen {
            heat: if of_heat { sensors::heat(root) } else { None },
            battery: battery.and_then(|_| sensors::battery(root)),
            opens: schedule.as_ref().and_then(|schedule| schedule.opens()),
            is_asked: self.asking.as_ref().is_some_and(Asking::answer),
            frequency: if of_heat { frequency() } else { None },
            swap: if of_heat { sensors::swap(root) } else { None },
            workers: self.board.lock().workers,
        }
    }
}
