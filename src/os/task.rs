//! Something long on a thread of its own, while signals are watched.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use crossbeam_channel::{Receiver, bounded, select, tick};

use crate::{
    event::{Event, Sink},
    os::{
        process::Children,
        signal::{self, Interrupted, Signal},
        threads,
    },
};

/// How often the progress of a task is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Something long that is done on a thread of its own; what it came to arrives here.
pub type Task<T> = Receiver<Result<T>>;

/// Begins to do `work`.
pub fn begin<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Task<T> {
    let (sender, done) = bounded(1);
    let failed = sender.clone();
    let started = threads::start("task", move || {
        // Nobody listens any more if the run was stopped meanwhile.
        let _ = sender.send(work());
    });
    if let Err(error) = started {
        // There is room for it: nothing else was sent.
        let _ = failed.send(Err(error));
    }
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
                        self.children.stop_all();
                        signal::stop_self();
                        self.children.resume_all();
                    }
                    Ok(Signal::SIGCONT) => self.children.resume_all(),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crossbeam_channel::unbounded;

    use super::*;
    use crate::event::Stage;

    /// Waits for `task` while `signals` come; returns also whether its tools are stopped, and how often progress was seen.
    fn wait<T>(
        task: &Task<T>,
        signals: &[Signal],
        progress: impl Fn() -> Option<Event>,
    ) -> (Result<T>, bool, usize) {
        let (sender, coming) = unbounded();
        for signal in signals {
            sender.send(*signal).unwrap();
        }
        let (seen, events) = unbounded();
        let children = Children::default();
        let sink: Sink = Arc::new(move |_| seen.send(()).unwrap());
        let watch = Watch {
            children: &children,
            signals: &coming,
            sink: &sink,
        };
        let came = watch.wait(task, progress);
        (came, children.is_closed(), events.len())
    }

    #[test]
    fn what_a_task_comes_to_is_what_its_waiter_gets() {
        let (came, closed, _) = wait(&begin(|| Ok(7)), &[], || None);
        assert_eq!((came.unwrap(), closed), (7, false));
        let failed: Task<()> = begin(|| bail!("no room"));
        assert_eq!(
            wait(&failed, &[], || None).0.unwrap_err().to_string(),
            "no room"
        );
        let panicked: Task<()> = begin(|| panic!("a panic that is meant"));
        let error = wait(&panicked, &[], || None).0.unwrap_err();
        assert!(error.to_string().contains("bug"), "{error}");
    }

    #[test]
    fn a_signal_stops_the_tools_and_leaves_the_task_unless_it_says_to_go_on() {
        // A task that does not end by itself.
        let (sender, task) = bounded::<Result<()>>(1);
        let (came, closed, _) = wait(&task, &[Signal::SIGCONT, Signal::SIGTERM], || None);
        assert!(came.unwrap_err().is::<Interrupted>() && closed);
        sender.send(Ok(())).unwrap();
    }

    #[test]
    fn progress_is_told_until_the_task_ends() {
        let (sender, task) = bounded(1);
        let progress = || {
            sender.send(Ok("done")).unwrap();
            Some(Event::Stage {
                stage: Stage::Index,
            })
        };
        let (came, _, seen) = wait(&task, &[], progress);
        assert_eq!((came.unwrap(), seen), ("done", 1));
    }
}
