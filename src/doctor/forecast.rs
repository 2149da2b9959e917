//! A trial encode: some frames of the real film through the real command line, and what the whole film would take.

use std::{
    io::{self, Read},
    path::Path,
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use crossbeam_channel::{RecvTimeoutError, bounded};
use serde::Serialize;

use super::wanted::Programs;
use crate::{
    encoder::session::{Session, Unfed},
    film::shape::pixel_format,
    os::{handle::Handle, process::Children},
    plan::recipe::Recipe,
    source::probe::{Probed, file_url},
};

/// How long the encoder of a trial should take, in seconds. Chosen: at half, its start is a large part of it; at double, nobody
/// waits for the doctor.
const AIM_SECONDS: f64 = 2.0;
/// After so long everything that looks into the film is given up.
pub const LIMIT: Duration = Duration::from_secs(15);
/// Fewer frames say nothing; more are a film.
const FRAMES: (f64, f64) = (4.0, 96.0);
/// Processor seconds for a frame of 1920x1080 at preset 6 (measured: 89 for 776 frames with SVT-AV1-HDR 4.1.0), and how
/// they grow with each slower preset (23.5 at preset 10). They only choose how many frames are tried.
const CORE_SECONDS: f64 = 0.115;
const PER_PRESET: f64 = 1.4;
const PIXELS_1080P: f64 = 1920.0 * 1080.0;

/// What came of a trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Frames that were encoded.
    pub frames: u64,
    /// Seconds from the first frame's arrival at the encoder to its end.
    pub seconds: f64,
    /// Bytes of video; nothing if it was given up before its end.
    pub bytes: Option<u64>,
}

/// What the whole film would take. Each is a guess from a few frames: half or twice as much is no surprise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Forecast {
    /// Frames of the trial.
    pub trial_frames: u64,
    /// Frames per second of one encoder.
    pub encoder_fps: f64,
    /// Seconds for the whole film with all workers, where its length is known.
    pub seconds: Option<f64>,
    /// Bytes of video of the whole film.
    pub video_bytes: Option<u64>,
}

/// How far a guess from a few frames may be off, as a factor.
pub const UNCERTAINTY: f64 = 2.0;

impl Trial {
    /// What a film of `frames` frames would take with so many encoders at full speed.
    #[must_use]
    pub fn forecast(&self, frames: Option<u64>, encoders: f64) -> Forecast {
        let encoder_fps = self.frames as f64 / self.seconds.max(1e-3);
        let bytes_each = self.bytes.map(|bytes| bytes as f64 / self.frames as f64);
        Forecast {
            trial_frames: self.frames,
            encoder_fps,
            seconds: frames.map(|frames| frames as f64 / (encoder_fps * encoders)),
            video_bytes: bytes_each
                .zip(frames)
                .map(|(bytes, frames)| (bytes * frames as f64) as u64),
        }
    }
}

/// Frames that keep an encoder busy for about two seconds on `cores` processors.
#[must_use]
pub fn frames_to_try((width, height): (u32, u32), preset: i32, cores: f64) -> u64 {
    let each = core_seconds_of_a_frame((width, height), preset);
    (AIM_SECONDS * cores / each).clamp(FRAMES.0, FRAMES.1) as u64
}

/// Processor seconds that a frame of this size takes, about.
#[must_use]
pub fn core_seconds_of_a_frame((width, height): (u32, u32), preset: i32) -> f64 {
    let pixels = f64::from(width) * f64::from(height) / PIXELS_1080P;
    CORE_SECONDS * pixels * PER_PRESET.powi(6 - preset.clamp(-1, 13))
}

/// Does `work` with tools of its own, and kills them when [`LIMIT`] is over.
pub fn within_limit<T>(work: impl FnOnce(&Children) -> T) -> T {
    within(LIMIT, work)
}

/// The same with another limit.
fn within<T>(limit: Duration, work: impl FnOnce(&Children) -> T) -> T {
    let children = Children::default();
    let (done, waiting) = bounded::<()>(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                children.close();
            }
        });
        let result = work(&children);
        drop(done);
        result
    })
}

/// A part of a film that is tried.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The film.
    pub input: &'a Path,
    /// What it is.
    pub probed: &'a Probed,
    /// Where the part begins, in seconds.
    pub from: f64,
    /// Its length in frames.
    pub frames: u64,
}

/// Encodes a `part` of a film as a `recipe` says; `None` if not one came out in [`LIMIT`]. They come from
/// ffmpeg: the index that exact frames need is not worth reading the whole film for.
///
/// # Errors
/// What ffmpeg or the encoder say.
pub fn run(programs: &Programs, part: Part<'_>, recipe: &Recipe, lp: u32) -> Result<Option<Trial>> {
    let memory = Handle::in_memory().context("making a file in memory")?;
    let output = memory.path();
    let decoder = decoder(&programs.tools.ffmpeg, part, recipe.video.picture.bit_depth);
    let command = programs.encoder.chunk_command(&recipe.video, lp, &output);
    within_limit(|children| {
        let pulse = Arc::default();
        let mut session = Session::start(children, &programs.encoder, command, &pulse)?;
        let mut started = Instant::now();
        let fed = session.feed(|encoder| {
            children.stream(decoder, |frames| {
                let first = first_byte(frames)?;
                // What ffmpeg takes to find the first frame is not the encoder's time.
                started = Instant::now();
                Ok(io::copy(&mut first.chain(frames), encoder)?)
            })
        });
        let ended = session.end()?;
        let seconds = started.elapsed().as_secs_f64();
        if children.is_closed() {
            // Given up, but perhaps not without anything.
            let frames = pulse.vitals().encoded;
            return Ok((frames > 0).then_some(Trial {
                frames,
                seconds,
                bytes: None,
            }));
        }
        if let Err(Unfed::Cut(error)) = fed {
            return Err(error.context("decoding some frames of the film"));
        }
        if !ended.is_success() {
            return Err(ended.into_failure().into());
        }
        let ivf = ended.wrote(&output, |_| Ok(()))?;
        Ok(Some(Trial {
            frames: ivf.frames,
            seconds,
            bytes: Some(ivf.payload_bytes),
        }))
    })
}

/// What comes first, once there is something.
fn first_byte(frames: &mut dyn Read) -> Result<io::Cursor<[u8; 1]>> {
    let mut first = [0; 1];
    frames
        .read_exact(&mut first)
        .context("ffmpeg decodes nothing there")?;
    Ok(io::Cursor::new(first))
}

/// ffmpeg, which writes frames as the encoder gets them: 4:2:0 of even size.
fn decoder(ffmpeg: &Path, part: Part<'_>, bit_depth: u8) -> Command {
    let mut command = Command::new(ffmpeg);
    command
        .args([
            "-nostdin",
            "-v",
            "error",
            "-ss",
            &format!("{:.3}", part.from),
            "-i",
        ])
        .arg(file_url(part.input));
    command.args([
        "-map",
        &format!("0:{}", part.probed.container.video.stream),
        "-frames:v",
        &part.frames.to_string(),
    ]);
    command.args(["-vf", &part.probed.container.video.shape().kept().filter()]);
    command.args(["-pix_fmt", pixel_format(bit_depth)]);
    command.args(["-strict", "-1", "-f", "yuv4mpegpipe", "-"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_frames_of_a_large_film_are_tried_and_many_of_a_small_one() {
        let tried = |size, preset| frames_to_try(size, preset, 2.0);
        assert_eq!(tried((3840, 2160), 2), 4);
        assert_eq!(tried((1920, 1080), 6), 34);
        assert_eq!(tried((640, 360), 10), 96);
    }

    #[test]
    fn a_forecast_is_in_proportion() {
        let trial = Trial {
            frames: 48,
            seconds: 4.0,
            bytes: Some(480_000),
        };
        let forecast = trial.forecast(Some(1200), 2.0);
        assert_eq!(
            (forecast.encoder_fps, forecast.seconds, forecast.video_bytes),
            (12.0, Some(50.0), Some(12_000_000))
        );
        let forecast = Trial {
            bytes: None,
            ..trial
        }
        .forecast(None, 2.0);
        assert_eq!((forecast.seconds, forecast.video_bytes), (None, None));
    }

    #[test]
    fn the_tools_of_what_takes_too_long_are_killed_and_of_the_rest_nobody_waits_for_the_limit() {
        let until_killed = |children: &Children| {
            while !children.is_closed() {
                thread::yield_now();
            }
        };
        within(Duration::from_millis(1), until_killed);
        assert_eq!(within(Duration::MAX, |_| 7), 7);
    }
}
