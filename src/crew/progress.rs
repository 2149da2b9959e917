//! How far the encode is, from what is done and what runs.

use std::time::Duration;

use super::facts::{Done, Extent, Look, Sign};
use crate::event::Progress;

/// The figures after `elapsed`. The encoders that run are told by `signs`; detection and memory by the last `look`.
#[must_use]
pub fn figures(
    done: &Done,
    extent: &Extent,
    look: Option<&Look>,
    signs: &[Sign],
    elapsed: Duration,
) -> Progress {
    // An encoder can have reported no frame that it was not given.
    let running: u64 = signs.iter().map(|sign| sign.encoded.min(sign.fed)).sum();
    let frames = done.frames + running;
    let total_frames = extent.frames.max(frames);
    let elapsed_seconds = elapsed.as_secs_f64();
    let new_frames = frames - done.resumed_frames;
    let fps = new_frames as f64 / elapsed_seconds.max(1e-3);
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
        fps,
        elapsed_seconds,
        eta_seconds: (new_frames > 0).then(|| (total_frames - frames) as f64 / fps),
        bytes: done.bytes + signs.iter().map(|sign| sign.bytes).sum::<u64>(),
        expected_bytes: (done.frames > 0).then(bytes_in_all),
        workers: signs.len(),
        memory_bytes: look.map_or(0, |look| look.seen.own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ..Sign::default()
        }];
        let progress = figures(&done, &extent, None, &signs, Duration::from_secs(3));
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
            ..Sign::default()
        }];
        let progress = figures(&Done::default(), &extent, None, &[], Duration::ZERO);
        assert_eq!(
            (
                progress.eta_seconds,
                progress.expected_bytes,
                progress.detected_frames
            ),
            (None, None, 0)
        );
        assert_eq!(
            figures(&Done::default(), &extent, None, &signs, Duration::ZERO).frames,
            4
        );
    }
}
