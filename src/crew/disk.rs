//! Whether the job's disk has room for another chunk.

use std::time::{Duration, Instant};

use crate::os::{disk::Space, words};

/// Room below which no new chunk is begun: an encoder writes a few MB before anybody sees how much a chunk takes.
const FLOOR: u64 = 8 << 20;
/// The part of the mean chunk that each running encoder may still write: some are twice as long as the mean.
const CHUNKS_AHEAD: u64 = 2;
/// How long a full disk is waited for, unless the user says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// What was seen of the disk.
#[derive(Debug)]
pub struct Disk {
    patience: Duration,
    /// Since when it is too full for another chunk.
    full_since: Option<Instant>,
}

/// What a look at the disk comes to.
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

/// Bytes that a full crew of `most` and one more may still write, where `chunks` took `bytes`. Not those that run now,
/// or the limit would move with them.
#[must_use]
pub fn need(chunks: usize, bytes: u64, most: usize) -> u64 {
    FLOOR + bytes / (chunks as u64).max(1) * CHUNKS_AHEAD * (most as u64 + 1)
}

impl Disk {
    /// A disk that was not looked at yet, and will be waited for so long.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            full_since: None,
        }
    }

    /// Whether another chunk may be begun.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.full_since.is_none()
    }

    /// The disk has this `space`, and `need` bytes are needed for the next chunk. `idle` tells that nothing runs, which
    /// could end and leave room.
    pub fn look(&mut self, space: Space, need: u64, idle: bool, now: Instant) -> Turn {
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

    const MB: u64 = 1_000_000;

    #[test]
    fn a_full_disk_is_said_once_waited_for_and_given_up() {
        let (mut disk, start) = (Disk::new(Duration::from_secs(60)), Instant::now());
        let mut look = |room, idle, seconds| {
            let now = start + Duration::from_secs(seconds);
            let turn = disk.look(
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
            Disk::new(PATIENCE).look(Space { room: 0, size: MB }, 8 * MB, true, Instant::now());
        assert_eq!(
            turn,
            Turn::Hopeless(
                "0 B are free, 8.0 MB are needed, and it holds 1.0 MB in all".to_owned()
            )
        );
    }

    #[test]
    fn every_worker_of_a_full_crew_may_write_two_more_chunks() {
        assert_eq!(need(0, 0, 4), FLOOR);
        assert_eq!(need(10, 10 * MB, 4), FLOOR + 10 * MB);
    }
}
