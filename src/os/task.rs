//! Something long on a thread of its own, while signals are watched.

use std::{thread, time::Duration};

use anyhow::{Result, anyhow, bail};
use crossbeam_channel::{Receiver, bounded, select, tick};

use crate::{
    event::{Event, Sink},
    os::{
        process::Children,
        signal::{self, Interrupted, Signal},
    },
};

/// How often the progress of a task is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Something long that is done on a thread of its own; what it came to arrives here.
pub type Task<T> = Receiver<Result<T>>;

/// Begins to do `work`.
pub fn begin<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Task<T> {
    let (sender, done) = bounded(1);
    thread::spawn(move || {
        // Nobody listens any more if the run was stopped meanwhile.
        let _ = sender.send(work());
    });
    done
}

/// Keeps an eye on signals while something long is done.
pub struct Watch<'a> {
    /// The tools that a signal stops.
    pub children: &'a Children,
    /// Signals.
    pub signals: &'a Receiver<Signal>,
    /// Where events go.
    pub sink: &'a Sink,
}

impl Watch<'_> {
    /// Does `work` on a thread of its own; a signal that ends the run kills the tools that it uses, and leaves it.
    ///
    /// # Errors
    /// Those of `work`, and [`Interrupted`].
    pub fn over<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.wait(&begin(work), || None)
    }

    /// Waits for the end of `task`, with signs of its `progress`.
    ///
    /// # Errors
    /// Those of the task, and [`Interrupted`].
    pub fn wait<T>(&self, task: &Task<T>, progress: impl Fn() -> Option<Event>) -> Result<T> {
        let ticks = tick(LOOK);
        loop {
            select! {
                recv(task) -> result => {
                    return result.unwrap_or_else(|_| Err(anyhow!("a step panicked: this is a bug in av1enc")));
                }
                recv(self.signals) -> signal => match signal {
                    Ok(Signal::SIGTSTP) => {
                        self.children.signal_all(Signal::SIGSTOP);
                        signal::stop_self();
                        self.children.signal_all(Signal::SIGCONT);
                    }
                    Ok(Signal::SIGCONT) => self.children.signal_all(Signal::SIGCONT),
                    Ok(signal) => {
                        self.children.close();
                        return Err(Interrupted(signal).into());
                    }
                    Err(_) => bail!("the signal handler is gone"),
                },
                recv(ticks) -> _ => if let Some(event) = progress() { (self.sink)(event) },
            }
        }
    }
}
