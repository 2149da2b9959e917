//! Waiting for room: what fails because a disk is full is done again, until somebody has made room or patience is at its end.

use std::{
    error::Error,
    fmt,
    io::{self, ErrorKind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use nix::errno::Errno;

use super::{
    process::{Children, ToolFailure},
    signal::{self, Interrupted},
};
use crate::event::{Sink, note, warn};

/// How long a full disk is waited for, unless the user says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// The first pause before a step is done again; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest one: what takes long is not begun all the time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often it is looked whether the run is to end.
const LOOK: Duration = Duration::from_millis(50);

/// There is not as much room as is needed: how much there is.
#[derive(Debug)]
pub struct NoRoom(pub String);

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for NoRoom {}

/// What was not written, and was waited for in vain.
#[derive(Debug)]
struct InVain(String);

impl fmt::Display for InVain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no room for {}. Free some, and repeat the command: finished work is kept",
            self.0
        )
    }
}

/// Whether something has failed because a disk is full.
#[must_use]
pub fn is_full(error: &anyhow::Error) -> bool {
    error.is::<NoRoom>() || error.chain().any(is_of_full_disk)
}

/// Whether one error alone, not what caused it, says so.
#[must_use]
pub fn is_of_full_disk(cause: &(dyn Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return [ErrorKind::StorageFull, ErrorKind::QuotaExceeded].contains(&error.kind());
    }
    if let Some(errno) = cause.downcast_ref::<Errno>() {
        return [Errno::ENOSPC, Errno::EDQUOT].contains(errno);
    }
    cause
        .downcast_ref::<ToolFailure>()
        .is_some_and(ToolFailure::tells_of_full_disk)
}

/// Who waits for room, and for how long.
#[derive(Clone)]
pub struct Room {
    patience: Duration,
    children: Children,
    sink: Sink,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl Room {
    /// Waits for so long at most, as long as `children` may be started, and tells `sink`.
    #[must_use]
    pub fn new(patience: Duration, children: &Children, sink: &Sink) -> Self {
        Self {
            patience,
            children: children.clone(),
            sink: sink.clone(),
        }
    }

    /// Waits for nothing.
    #[must_use]
    pub fn without_patience() -> Self {
        Self::new(
            Duration::ZERO,
            &Children::default(),
            &(Arc::new(|_| ()) as Sink),
        )
    }

    /// Does `step` until it does not fail for want of room for `what`. It is done from its beginning each time. A part of the
    /// step that has waited itself, and in vain, is not waited for again.
    ///
    /// # Errors
    /// Those of the step, when patience is at its end; [`Interrupted`].
    pub fn wait<T>(&self, what: &str, mut step: impl FnMut() -> Result<T>) -> Result<T> {
        let (mut full_since, mut pause) = (None, FIRST_PAUSE);
        loop {
            let begun = self.now();
            let error = match step() {
                Err(error) if self.waits_for(&error) => error,
                done => {
                    if full_since.is_some() && done.is_ok() {
                        note(
                            &self.sink,
                            format!("there is room again for {what}: going on"),
                        );
                    }
                    return done;
                }
            };
            if full_since.is_none() {
                let secs = self.patience.as_secs();
                warn(
                    &self.sink,
                    format!(
                        "a disk is full, there is no room for {what}: waiting, up to {secs} s (--disk-timeout)"
                    ),
                );
            }
            // A step that was at work for longer than that has met with another full disk.
            let since = match full_since {
                Some(since) if self.worked_since(begun) <= self.patience => since,
                _ => self.now(),
            };
            full_since = Some(since);
            let left = self.patience.saturating_sub(self.worked_since(since));
            if left.is_zero() {
                return Err(error.context(InVain(what.to_owned())));
            }
            self.pause(pause.min(left))?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// This moment, and how long tools were held before it.
    fn now(&self) -> (Instant, Duration) {
        (Instant::now(), self.children.held_for())
    }

    /// How long it is since that moment, without the time in which tools were held.
    fn worked_since(&self, (moment, held): (Instant, Duration)) -> Duration {
        let held = self.children.held_for().saturating_sub(held);
        moment.elapsed().saturating_sub(held)
    }

    /// Whether what has failed with `error` is done again.
    fn waits_for(&self, error: &anyhow::Error) -> bool {
        is_full(error) && !error.is::<InVain>() && !self.patience.is_zero()
    }

    /// # Errors
    /// [`Interrupted`], as soon as the run is to end.
    fn pause(&self, pause: Duration) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < pause {
            if let Some(signal) = signal::asked() {
                return Err(Interrupted(signal).into());
            }
            if self.children.is_closed() {
                anyhow::bail!("stopped while a full disk was waited for");
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::Mutex};

    use anyhow::anyhow;

    use super::*;
    use crate::event::Event;

    fn full() -> anyhow::Error {
        anyhow::Error::new(io::Error::from(Errno::ENOSPC)).context("writing a file")
    }

    #[test]
    fn a_full_disk_is_known_by_whoever_says_it() {
        let said = |line: &str| {
            let words = vec![line.to_owned()];
            anyhow!(ToolFailure {
                command: "mkvmerge".to_owned(),
                status: None,
                stdout: words,
                stderr: Vec::new(),
            })
            .context("joining")
        };
        assert!(is_full(&full()) && is_full(&anyhow!(Errno::EDQUOT)));
        assert!(is_full(
            &anyhow!(NoRoom("1 MB".to_owned())).context("joining")
        ));
        assert!(is_full(&said("Error: writing: No space left on device")));
        for other in [
            said("Error: no such track"),
            anyhow!("No space left on device.mkv"),
            io::Error::from(ErrorKind::NotFound).into(),
        ] {
            assert!(!is_full(&other), "{other:#}");
        }
    }

    #[test]
    fn what_finds_no_room_is_done_until_there_is_some_or_patience_ends() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        let sink: Sink = Arc::new(move |event| {
            if let Event::Note { message } | Event::Warning { message } = event {
                heard.lock().unwrap().push(message);
            }
        });
        let room = |ms| Room::new(Duration::from_millis(ms), &Children::default(), &sink);
        let tries = Cell::new(0);
        let step = |fails: u32| {
            tries.set(tries.get() + 1);
            if tries.get() <= fails {
                Err(full())
            } else {
                Ok(7)
            }
        };
        assert_eq!(room(60_000).wait("it", || step(2)).unwrap(), 7);
        assert_eq!(tries.replace(0), 3);
        let told = said.lock().unwrap().split_off(0);
        assert!(
            told[0].contains("no room for it: waiting, up to 60 s"),
            "{told:?}"
        );
        assert!(told[1].contains("there is room again for it"), "{told:?}");
        let error = room(1).wait("it", || step(u32::MAX)).unwrap_err();
        assert!(format!("{error:#}").contains("no room for it. Free some"));
        let error = Room::without_patience()
            .wait("it", || step(u32::MAX))
            .unwrap_err();
        assert!(format!("{error:#}").starts_with("writing a file"));
    }

    #[test]
    fn what_a_part_of_a_step_has_waited_for_in_vain_is_not_waited_for_again() {
        let sink: Sink = Arc::new(|_| ());
        let room = Room::new(Duration::from_millis(1), &Children::default(), &sink);
        let tries = Cell::new(0);
        let step = || {
            tries.set(tries.get() + 1);
            assert_eq!(tries.get(), 1, "the film is begun again");
            room.wait::<()>("its list", || Err(full()))
        };
        let error = room.wait("the film", step).unwrap_err();
        assert!(error.to_string().starts_with("no room for its list"));
    }

    #[test]
    fn time_in_which_tools_are_held_wears_no_patience() {
        let (children, sink) = (Children::default(), Arc::new(|_| ()) as Sink);
        let room = Room::new(Duration::from_millis(50), &children, &sink);
        let tries = Cell::new(0);
        let step = || {
            tries.set(tries.get() + 1);
            if tries.get() < 5 { Err(full()) } else { Ok(7) }
        };
        children.hold();
        assert_eq!(room.wait("it", step).unwrap(), 7);
        children.release();
        tries.set(0);
        assert!(room.wait("it", step).is_err());
    }

    #[test]
    fn whoever_waits_for_room_is_stopped_with_the_tools() {
        let children = Children::default();
        children.close();
        let room = Room::new(PATIENCE, &children, &(Arc::new(|_| ()) as Sink));
        let error = room.wait::<()>("it", || Err(full())).unwrap_err();
        assert!(error.to_string().contains("stopped"));
    }
}
