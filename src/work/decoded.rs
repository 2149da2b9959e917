//! Whether a decoder shows the pictures that an encoder was asked for. What a file says of itself is a claim: SVT-AV1 4.2.0
//! writes files with the right number of pictures of which a decoder shows half, and exits 0.

use std::{
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    job::Job,
    os::{process::Finished, toolbox::Toolbox},
    plan::recipe::Recipe,
    source::probe::file_url,
};

/// Pictures of a film that is encoded in one go that are decoded: of a chunk, all are.
const MOST: u64 = 240;
/// Pictures of a chunk that are decoded where nothing but the usual was asked for.
const BEGINNING: u64 = 24;

/// What a file of the encoder's is to show.
#[derive(Debug, Clone, Copy)]
pub struct Pictures {
    frames: u64,
    /// How many of them are decoded.
    looked_at: u64,
    size: (u32, u32),
    bit_depth: u8,
}

impl Pictures {
    /// So many pictures of this `size`, as deep as the recipe says.
    #[must_use]
    pub fn of(recipe: &Recipe, size: (u32, u32), frames: u64) -> Self {
        let bit_depth = recipe.video.picture.bit_depth;
        Self {
            frames,
            looked_at: frames.min(MOST),
            size,
            bit_depth,
        }
    }

    /// How many pictures are decoded.
    #[must_use]
    pub fn looked_at(&self) -> u64 {
        self.looked_at
    }

    /// The same, of which only the beginning is decoded.
    #[must_use]
    pub fn only_beginning(self) -> Self {
        Self {
            looked_at: self.frames.min(BEGINNING),
            ..self
        }
    }

    /// Decodes `file`, or the beginning of a long one, and makes sure that it shows these pictures.
    ///
    /// # Errors
    /// If it shows others, or cannot be decoded; the error has the decoder's words.
    pub fn require(&self, tools: &Toolbox, job: &Job, file: &Path) -> Result<()> {
        self.judge(self.decode(tools, job, file)?)
    }

    /// Whether a decoder shows these pictures of `file` without a word.
    ///
    /// # Errors
    /// If it cannot be started, or is killed.
    pub fn are_shown(&self, tools: &Toolbox, job: &Job, file: &Path) -> Result<bool> {
        let finished = self.decode(tools, job, file)?;
        match &finished.failure {
            Some(failure) if failure.signal().is_some() => Err(failure.clone().into()),
            _ => Ok(finished.stderr.is_empty() && self.judge(finished).is_ok()),
        }
    }

    fn decode(&self, tools: &Toolbox, job: &Job, file: &Path) -> Result<Finished> {
        let frames = self.looked_at;
        let mut command = Command::new(&tools.ffprobe);
        command
            .current_dir(job.dir())
            .args(["-v", "error", "-threads", "1"]);
        command.args([
            "-read_intervals",
            &format!("%+#{frames}"),
            "-select_streams",
            "v:0",
        ]);
        command.args([
            "-show_entries",
            "frame=width,height,pix_fmt",
            "-of",
            "csv=p=0",
        ]);
        command.arg(file_url(job.relative(file)));
        tools.children.finish(command)
    }

    fn judge(&self, finished: Finished) -> Result<()> {
        let frames = self.looked_at;
        let said = || {
            finished
                .stderr
                .last()
                .map_or_else(String::new, |line| format!(" ({line})"))
        };
        if let Some(failure) = finished.failure {
            return Err(failure).context("decoding what the encoder has written");
        }
        let shown = String::from_utf8_lossy(&finished.stdout).into_owned();
        let shown = shown.lines().filter(|line| !line.trim().is_empty());
        let count = shown
            .map(|line| self.require_like(line))
            .try_fold(0_u64, |count, one| one.map(|()| count + 1))?;
        ensure!(
            count == frames,
            "of {frames} pictures that the encoder has written, a decoder shows {count}{}",
            said()
        );
        Ok(())
    }

    /// Makes sure that one picture, as ffprobe describes it, is like all: `320,180,yuv420p10le`.
    fn require_like(&self, line: &str) -> Result<()> {
        let mut parts = line.trim_end_matches(',').split(',');
        let (Some(width), Some(height), Some(format)) = (parts.next(), parts.next(), parts.next())
        else {
            bail!("ffprobe describes a picture as `{line}`");
        };
        let size: (u32, u32) = (width.parse()?, height.parse()?);
        ensure!(
            size == self.size,
            "the encoder makes pictures of {}x{} instead of {}x{}",
            size.0,
            size.1,
            self.size.0,
            self.size.1
        );
        let bit_depth = if format.contains("10") { 10 } else { 8 };
        ensure!(
            bit_depth == self.bit_depth,
            "the encoder makes pictures of {bit_depth} bit instead of {}",
            self.bit_depth
        );
        Ok(())
    }
}

/// The part of the encoders' time that may go into decoding what they write.
const PART: f64 = 0.01;

/// Which chunks are decoded: the first of the run, and then as many as one in a hundred of the encoders' seconds pays for.
#[derive(Debug, Default)]
pub struct Samples(Mutex<Account>);

#[derive(Debug, Default)]
struct Account {
    earned: f64,
    spent: f64,
    /// Seconds that a frame has taken; `None`: none has been decoded yet.
    price: Option<f64>,
    /// Whether a chunk was not what it should be: from then on all are looked at.
    in_doubt: bool,
}

impl Samples {
    /// Whether a chunk of so many frames, which took this long to encode, is to be decoded: any, until the price is known.
    pub fn wants(&self, frames: u64, encoded: Duration) -> bool {
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        account.earned += encoded.as_secs_f64() * PART;
        let cost = account.price.map(|price| price * frames as f64);
        let affordable = cost.is_none_or(|cost| account.spent + cost <= account.earned);
        let wants = affordable || account.in_doubt;
        if wants {
            // Nobody else wants one before this is paid for.
            account.spent += cost.unwrap_or_default();
        }
        wants
    }

    /// Notes that a chunk was not what it should be: the one that is made in its place must not get by.
    pub fn doubt(&self) {
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        account.in_doubt = true;
    }

    /// Notes what decoding so many frames, since `started`, has taken.
    pub fn paid(&self, frames: u64, started: Instant) {
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = started.elapsed().as_secs_f64();
        let frames = frames.max(1) as f64;
        account.spent += seconds - account.price.unwrap_or_default() * frames;
        account.price = Some(seconds / frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_another_size_or_depth_is_not_like_all() {
        let pictures = Pictures {
            frames: 2,
            looked_at: 2,
            size: (320, 180),
            bit_depth: 10,
        };
        assert!(pictures.require_like("320,180,yuv420p10le").is_ok());
        for (line, says) in [
            ("320,184,yuv420p10le,", "320x184 instead of 320x180"),
            ("320,180,yuv420p", "8 bit instead of 10"),
            ("320", "describes a picture"),
        ] {
            let error = pictures.require_like(line).unwrap_err().to_string();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn the_first_chunk_is_decoded_and_then_as_many_as_a_hundredth_of_the_time_pays_for() {
        let (samples, minute) = (Samples::default(), Duration::from_secs(60));
        assert!(samples.wants(100, minute), "the first");
        // Two seconds for a hundred frames: one chunk in four, at a minute each.
        assert!(
            samples.wants(100, Duration::ZERO),
            "what ends before the price is known"
        );
        samples.0.lock().unwrap().price = Some(0.02);
        samples.0.lock().unwrap().spent = 2.0;
        let wanted = (0..40).filter(|_| samples.wants(100, minute)).count();
        assert!((10..=12).contains(&wanted), "{wanted}");
        samples.doubt();
        assert!((0..40).all(|_| samples.wants(100, Duration::ZERO)));
    }
}
