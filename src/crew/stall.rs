//! How long an encoder may make no progress.

use std::time::{Duration, Instant};

/// Two looks that are further apart are none: we were stopped meanwhile, and the encoders with us.
const LONGEST_STEP: Duration = Duration::from_secs(1);

/// The time between two looks, as far as we ran meanwhile.
#[must_use]
pub fn step(looked: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(looked).min(LONGEST_STEP)
}

/// How long an encoder of frames of this size may make no progress. At slow presets a whole group of 32 pictures comes
/// out at once, on a loaded machine after minutes: this is generous, since a wrong guess throws work away.
#[must_use]
pub fn timeout(width: u32, height: u32, preset: i32) -> Duration {
    let megapixels = f64::from(width) * f64::from(height) / 1e6;
    let slowness = match preset {
        ..=1 => 8.0,
        2..=3 => 4.0,
        4..=5 => 2.0,
        _ => 1.0,
    };
    Duration::from_secs_f64(180.0 + 90.0 * megapixels * slowness)
}

/// For how long something has not moved.
#[derive(Debug, Clone, Copy)]
pub struct Stillness {
    moved: u64,
    still: Duration,
    looked: Instant,
}

impl Stillness {
    /// It begins now.
    #[must_use]
    pub fn since(now: Instant) -> Self {
        Self {
            moved: 0,
            still: Duration::ZERO,
            looked: now,
        }
    }

    /// It has moved so far by now. Returns for how long it has stood there.
    pub fn saw(&mut self, moved: u64, now: Instant) -> Duration {
        let step = step(self.looked, now);
        self.still = if moved == self.moved {
            self.still + step
        } else {
            Duration::ZERO
        };
        self.moved = moved;
        self.looked = now;
        self.still
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_not_still_and_what_does_not_move_is() {
        let start = Instant::now();
        let at = |tenths: u64| start + Duration::from_millis(tenths * 100);
        let mut stillness = Stillness::since(start);
        assert_eq!(stillness.saw(0, at(5)), Duration::from_millis(500));
        assert_eq!(stillness.saw(3, at(9)), Duration::ZERO);
        assert_eq!(stillness.saw(3, at(12)), Duration::from_millis(300));
        assert_eq!(stillness.saw(3, at(16)), Duration::from_millis(700));
    }

    #[test]
    fn a_night_in_which_everybody_slept_counts_as_a_second() {
        let start = Instant::now();
        assert_eq!(
            Stillness::since(start).saw(0, start + Duration::from_secs(36_000)),
            LONGEST_STEP
        );
    }

    #[test]
    fn slow_presets_and_large_frames_have_more_time() {
        assert!(timeout(1920, 1080, 2) > timeout(1920, 1080, 8));
        assert!(timeout(3840, 2160, 8) > timeout(1920, 1080, 8));
        assert_eq!(timeout(0, 0, 8), Duration::from_secs(180));
    }
}
