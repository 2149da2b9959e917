//! The time in which a crew works: it stands still while the crew is paused for the machine's other work.

use std::time::{Duration, Instant};

/// Such a clock. What it shows is an instant like others, behind the real one by all pauses.
#[derive(Debug, Default)]
pub struct Clock {
    paused_since: Option<Instant>,
    /// How long it was paused before.
    paused: Duration,
}

impl Clock {
    /// The crew is paused from `now` on, or is not any more.
    pub fn pause(&mut self, is_paused: bool, now: Instant) {
        match (self.paused_since, is_paused) {
            (None, true) => self.paused_since = Some(now),
            (Some(since), false) => {
                self.paused += now.saturating_duration_since(since);
                self.paused_since = None;
            }
            _ => (),
        }
    }

    /// What it shows `now`.
    #[must_use]
    pub fn shows(&self, now: Instant) -> Instant {
        let moved = self.paused_since.unwrap_or(now);
        // A machine has run at least as long as it was paused.
        moved.checked_sub(self.paused).unwrap_or(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_in_pauses() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut clock = Clock::default();
        assert_eq!(clock.shows(at(5)), at(5));
        clock.pause(true, at(10));
        clock.pause(true, at(20));
        assert_eq!(clock.shows(at(700)), at(10));
        clock.pause(false, at(710));
        assert_eq!(clock.shows(at(712)), at(12));
        clock.pause(true, at(712));
        clock.pause(false, at(722));
        assert_eq!(clock.shows(at(730)), at(20));
    }
}
