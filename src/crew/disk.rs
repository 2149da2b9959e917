//! Whether the job's disk has room for another chunk.

use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use crate::os::{disk::Space, words};

/// Room below which no new chunk is begun: an encoder writes a few MB before anybody sees how much a chunk takes; those of a
/// short film do not.
const FLOOR: RangeInclusive<u64> = 1 << 20..=8 << 20;
/// Room with which an encoder that fails has failed for want of it, whatever it says: some end well with half of a file.
const LOW: u64 = 256 << 10;
/// The part of the mean chunk that each running encoder may still write: some are twice as long as the mean.
const CHUNKS_AHEAD: u64 = 2;

/// What was seen of the disk.
#[derive(Debug)]
pub struct Disk {
    patience: Duration,
    /// Since when it is too full for another chunk.
    full_since: Option<Instant>,
    /// When nothing was left on it, most recently.
    low_at: Option<Instant>,
    /// What a chunk needs at least, as one has shown for which there was no room.
    least: u64,
}

/// What the space on the disk comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing new.
    Same,
    /// It has become too full: how full.
    Full(String),
    /// There is room again.
    Free,
    /// It will not do: why.
    Hopeless(String),
}

/// Bytes that a full crew of `most` and one more may still write, where `chunks` took `bytes` of a film of about `film`. Not
/// those that run now, or the limit would move with them.
#[must_use]
pub fn need(chunks: usize, bytes: u64, most: usize, film: u64) -> u64 {
    let ahead = bytes / (chunks as u64).max(1) * CHUNKS_AHEAD * (most as u64 + 1);
    film.clamp(*FLOOR.start(), *FLOOR.end()) + ahead.min(film.max(bytes))
}

impl Disk {
    /// A disk that was not looked at yet, and will be waited for so long.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            full_since: None,
            low_at: None,
            least: 0,
        }
    }

    /// Whether nothing was left on it at any time since `begun`.
    #[must_use]
    pub fn was_low_since(&self, begun: Instant) -> bool {
        self.low_at.is_some_and(|low_at| low_at >= begun)
    }

    /// A chunk of which `written` bytes were there has found no room for more: it is not begun again where there is as little.
    pub fn had_no_room(&mut self, written: u64) {
        self.least = self.least.max(written * CHUNKS_AHEAD);
    }

    /// This `space` was seen.
    pub fn saw(&mut self, space: Space, now: Instant) {
        if space.room < LOW {
            self.low_at = Some(now);
        }
    }

    /// Whether another chunk may be begun.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.full_since.is_none()
    }

    /// Judges a disk that has this `space`, where `need` bytes are needed for the next chunk. `idle` tells that nothing runs, which
    /// could end and leave room.
    pub fn judge(&mut self, space: Space, need: u64, idle: bool, now: Instant) -> Turn {
        let need = need.max(self.least);
        let figures = || {
            format!(
                "{} are free, {} are needed",
                words::bytes(space.room),
                words::bytes(need)
            )
        };
        match self.full_since {
            _ if space.size < need && idle => Turn::Hopeless(format!(
                "{}, and it holds {} in all",
                figures(),
                words::bytes(space.size)
            )),
            None if space.room < need => {
                self.full_since = Some(now);
                Turn::Full(figures())
            }
            Some(_) if space.room >= need => {
                self.full_since = None;
                Turn::Free
            }
            Some(since) if idle && now.saturating_duration_since(since) > self.patience => {
                Turn::Hopeless(figures())
            }
            _ => Turn::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::room::PATIENCE;

    const MB: u64 = 1_000_000;

    #[test]
    fn a_full_disk_is_said_once_waited_for_and_given_up() {
        let (mut disk, start) = (Disk::new(Duration::from_secs(60)), Instant::now());
        let mut look = |room, idle, seconds| {
            let now = start + Duration::from_secs(seconds);
            let turn = disk.judge(
                Space {
                    room,
                    size: 1000 * MB,
                },
                20 * MB,
                idle,
                now,
            );
            (turn, disk.has_room())
        };
        assert_eq!(look(21 * MB, true, 0), (Turn::Same, true));
        assert_eq!(
            look(3 * MB, false, 1),
            (
                Turn::Full("3.0 MB are free, 20.0 MB are needed".to_owned()),
                false
            )
        );
        assert_eq!(
            look(4 * MB, false, 100),
            (Turn::Same, false),
            "encoders still run"
        );
        assert_eq!(look(20 * MB, true, 101), (Turn::Free, true));
        assert!(matches!(look(0, true, 102), (Turn::Full(_), false)));
        assert_eq!(look(0, true, 162), (Turn::Same, false));
        assert!(matches!(look(0, true, 163), (Turn::Hopeless(_), false)));
    }

    #[test]
    fn a_disk_that_could_not_hold_a_chunk_if_it_were_empty_is_not_waited_for() {
        let turn =
            Disk::new(PATIENCE).judge(Space { room: 0, size: MB }, 8 * MB, true, Instant::now());
        assert_eq!(
            turn,
            Turn::Hopeless(
                "0 B are free, 8.0 MB are needed, and it holds 1.0 MB in all".to_owned()
            )
        );
    }

    #[test]
    fn every_worker_of_a_full_crew_may_write_two_more_chunks() {
        let floor = *FLOOR.end();
        assert_eq!(need(0, 0, 4, 1000 * MB), floor);
        assert_eq!(need(10, 10 * MB, 4, 1000 * MB), floor + 10 * MB);
    }

    #[test]
    fn of_a_short_film_no_more_room_is_asked_for_than_it_takes() {
        assert_eq!(need(0, 0, 4, 2 * MB), 2 * MB);
        assert_eq!(need(2, MB, 4, 2 * MB), 4 * MB);
        assert_eq!(need(0, 0, 4, 1), *FLOOR.start());
        // A guess that was too small.
        assert_eq!(need(2, 4 * MB, 4, 2 * MB), 6 * MB);
    }

    #[test]
    fn a_chunk_that_found_no_room_is_not_begun_where_there_is_as_little() {
        let (mut disk, now) = (Disk::new(PATIENCE), Instant::now());
        let space = |room| Space {
            room,
            size: 1000 * MB,
        };
        disk.saw(space(MB), now);
        assert!(!disk.was_low_since(now));
        disk.saw(space(0), now);
        assert!(disk.was_low_since(now) && !disk.was_low_since(now + Duration::from_secs(1)));
        disk.had_no_room(5 * MB);
        assert!(matches!(
            disk.judge(space(9 * MB), MB, true, now),
            Turn::Full(_)
        ));
        assert_eq!(disk.judge(space(10 * MB), MB, true, now), Turn::Free);
    }
}
