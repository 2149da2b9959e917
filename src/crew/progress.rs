//! How far the encode is, and how fast, from what is done and what runs.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    facts::{Done, Extent, Look, Sign},
    stall::step,
};
use crate::event::Progress;

/// Over how much of the last time the speed is taken. At slow presets an encoder reports 32 pictures at once, minutes apart.
const WINDOW: Duration = Duration::from_secs(300);
/// Between two marks in the window.
const MARK_EVERY: Duration = Duration::from_secs(1);

/// How fast frames were encoded in the time in which there was work: neither when we were stopped (Ctrl-Z, a frozen
/// container), nor while a full disk let nobody work.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    looked: Instant,
    worked: Duration,
    frames: u64,
    /// How many frames there were after how much work, oldest first: the beginning of the window, and what is in it.
    marks: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// It begins now.
    #[must_use]
    pub fn since(now: Instant) -> Self {
        Self {
            began: now,
            looked: now,
            worked: Duration::ZERO,
            frames: 0,
            marks: [(Duration::ZERO, 0)].into(),
        }
    }

    /// This run has encoded so many frames by now, and has `worked` since the last time.
    pub fn saw(&mut self, frames: u64, worked: bool, now: Instant) {
        if worked {
            self.worked += step(self.looked, now);
        }
        self.looked = now;
        self.frames = frames;
        let since = |mark: Option<&(Duration, u64)>| mark.map(|(at, _)| self.worked - *at);
        if since(self.marks.back()).is_none_or(|since| since >= MARK_EVERY) {
            self.marks.push_back((self.worked, frames));
        }
        while since(self.marks.get(1)).is_some_and(|since| since >= WINDOW) {
            self.marks.pop_front();
        }
    }

    /// Seconds since it began, whoever worked meanwhile.
    #[must_use]
    pub fn elapsed_seconds(&self) -> f64 {
        (self.looked - self.began).as_secs_f64()
    }

    /// Seconds until so many frames more are encoded, if that can be said.
    #[must_use]
    pub fn seconds_for(&self, frames: u64) -> Option<f64> {
        let fps = self.fps();
        (fps > 0.0).then(|| frames as f64 / fps)
    }

    /// Frames in a second of work, over the window.
    #[must_use]
    pub fn fps(&self) -> f64 {
        let (at, frames) = self.marks.front().copied().unwrap_or_default();
        // An encoder that was killed takes back what it had reported.
        let new = self.frames.saturating_sub(frames) as f64;
        new / (self.worked - at).as_secs_f64().max(1e-3)
    }
}

/// Frames that are encoded by now: those of finished chunks, and those that the encoders that run have reported.
#[must_use]
pub fn frames(done: &Done, signs: &[Sign]) -> u64 {
    // An encoder can have reported no frame that it was not given.
    let running: u64 = signs.iter().map(|sign| sign.encoded.min(sign.fed)).sum();
    done.frames + running
}

/// The figures at this `pace`. The encoders that run are told by `signs`; detection and memory by the last `look`.
#[must_use]
pub fn figures(
    done: &Done,
    extent: &Extent,
    look: Option<&Look>,
    signs: &[Sign],
    pace: &Pace,
) -> Progress {
    let frames = frames(done, signs);
    let total_frames = extent.frames.max(frames);
    let bytes_in_all = || (done.bytes as f64 / done.frames as f64 * total_frames as f64) as u64;
    Progress {
        frames,
        total_frames,
        detected_frames: if extent.complete {
            total_frames
        } else {
            look.map_or(0, |look| look.detected)
        },
        chunks: done.chunks.len(),
        total_chunks: extent.chunks,
        fps: pace.fps(),
        elapsed_seconds: pace.elapsed_seconds(),
        eta_seconds: pace.seconds_for(total_frames - frames),
        bytes: done.bytes + signs.iter().map(|sign| sign.bytes).sum::<u64>(),
        expected_bytes: (done.frames > 0).then(bytes_in_all),
        workers: signs.len(),
        memory_bytes: look.map_or(0, |look| look.seen.own),
        paused: look.is_some_and(|look| look.stance.pause.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::attempt::Purpose;

    #[test]
    fn speed_and_the_end_are_reckoned_from_this_runs_frames() {
        let done = Done {
            chunks: [0, 1].into(),
            frames: 60,
            bytes: 600,
            resumed: 1,
            resumed_frames: 40,
        };
        let extent = Extent {
            frames: 200,
            chunks: 4,
            complete: true,
        };
        let signs = [Sign {
            fed: 30,
            encoded: 10,
            bytes: 90,
            ..Sign::first(Purpose::Chunk(0))
        }];
        let mut pace = Pace::since(Instant::now());
        for second in 1..=3 {
            let now = pace.began + Duration::from_secs(second);
            pace.saw(10 * second, true, now);
        }
        let progress = figures(&done, &extent, None, &signs, &pace);
        assert!((progress.elapsed_seconds - 3.0).abs() < 1e-9);
        assert_eq!(
            (
                progress.frames,
                progress.total_frames,
                progress.detected_frames
            ),
            (70, 200, 200)
        );
        assert_eq!((progress.fps, progress.eta_seconds), (10.0, Some(13.0)));
        assert_eq!((progress.bytes, progress.expected_bytes), (690, Some(2000)));
        assert_eq!(
            (progress.chunks, progress.total_chunks, progress.workers),
            (2, 4, 1)
        );
    }

    #[test]
    fn nothing_is_guessed_from_nothing() {
        let extent = Extent {
            frames: 10,
            chunks: 0,
            complete: false,
        };
        let signs = [Sign {
            fed: 4,
            encoded: 7,
            ..Sign::first(Purpose::Chunk(0))
        }];
        let pace = Pace::since(Instant::now());
        let progress = figures(&Done::default(), &extent, None, &[], &pace);
        assert_eq!(
            (
                progress.eta_seconds,
                progress.expected_bytes,
                progress.detected_frames
            ),
            (None, None, 0)
        );
        assert_eq!(
            figures(&Done::default(), &extent, None, &signs, &pace).frames,
            4
        );
    }

    /// What has come of looks every quarter of a second from `from` to `to`, at a rate of frames.
    fn work(pace: &mut Pace, (from, to): (u64, u64), rate: f64) {
        let had = pace.frames as f64;
        for quarter in 1..=(to - from) * 4 {
            let seconds = quarter as f64 / 4.0;
            let now = pace.began + Duration::from_secs(from) + Duration::from_secs_f64(seconds);
            pace.saw((had + seconds * rate) as u64, true, now);
        }
    }

    #[test]
    fn a_night_in_which_everybody_slept_is_no_work() {
        let mut pace = Pace::since(Instant::now());
        work(&mut pace, (0, 60), 4.0);
        work(&mut pace, (36_000, 36_060), 4.0);
        assert!((3.9..4.1).contains(&pace.fps()), "{}", pace.fps());
        assert_eq!(pace.looked - pace.began, Duration::from_secs(36_060));
    }

    #[test]
    fn time_in_which_nobody_could_work_is_no_work() {
        let mut pace = Pace::since(Instant::now());
        work(&mut pace, (0, 10), 4.0);
        for second in 11..600 {
            pace.saw(40, false, pace.began + Duration::from_secs(second));
        }
        assert!((3.9..4.1).contains(&pace.fps()), "{}", pace.fps());
    }

    #[test]
    fn what_was_slower_long_ago_is_forgotten() {
        let mut pace = Pace::since(Instant::now());
        work(&mut pace, (0, 1000), 1.0);
        work(&mut pace, (1000, 1150), 10.0);
        assert!((5.0..6.0).contains(&pace.fps()), "{}", pace.fps());
        work(&mut pace, (1150, 1400), 10.0);
        assert!((9.9..10.1).contains(&pace.fps()), "{}", pace.fps());
        assert!(pace.marks.len() < 320);
    }
}
