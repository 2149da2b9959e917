//! A job whose chunks any host can encode: made complete before the first of them, and required to be whole after the last.

use std::{env, os::unix::ffi::OsStrExt, path::Path};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use super::{chunks::Opened, run::Run};
use crate::{
    doctor::forecast,
    film::media::Chunk,
    job::{CommandLine, Hints},
    os::{
        exit::{ChunksMissing, Taken},
        process::quoted,
        words::count,
    },
    source::Reader,
    ui::{self, Mode},
};

/// Seconds until the first frame of a chunk reaches its encoder: the program starts, opens the film, and decodes from the
/// keyframe before it.
const START_SECONDS: f64 = 2.0;

/// What a job directory holds in which chunks can be encoded.
#[derive(Debug, Serialize)]
pub struct Prepared {
    /// The directory, as text for people.
    pub job: String,
    /// Chunks of the film.
    pub chunks: usize,
    /// Frames of the film.
    pub frames: u64,
    /// Who reads the film: name and version.
    pub reader: String,
    /// The encoder's version.
    pub encoder: String,
    /// What a chunk is expected to take.
    pub hints: Hints,
}

impl Prepared {
    /// Prints where the job is: the directory alone, or all that is known of it as one object.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn tell(&self, job_dir: &Path, mode: Mode) -> Result<()> {
        if mode == Mode::Json {
            ui::print_out(&serde_json::to_string(self)?);
        } else {
            let shown = quoted(job_dir.as_os_str());
            if mode == Mode::Human {
                let chunks = count(self.chunks as u64, "chunk");
                ui::print_note(&format!(
                    "{chunks}: `av1enc chunk {shown} --any` on each host, then `av1enc join {shown}`"
                ));
            }
            let mut line = job_dir.as_os_str().as_bytes().to_vec();
            line.push(b'\n');
            ui::print_bytes(&line);
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Makes the job directory complete: the index, all scenes with the hashes of their frames, and what other hosts are told.
    pub(super) fn prepare(&self) -> Result<Prepared> {
        let job = self.job;
        let trial = self.try_encoder();
        self.settle_sound()?;
        let opened = self.opening().open(trial)?;
        self.require_scenes_of(&opened.media)?;
        let opened = self.alike_each_time(self.scenes_of(opened)?)?;
        self.try_tracks(&opened)?;
        if let Reader::Linear(film) = &opened.reader {
            job.record_reading(&film.reading())?;
        }
        job.record_line(&self.line()?)?;
        let hints = self.hints();
        job.record_hints(&hints)?;
        let reader = job.reader()?.context("nobody reads the film")?.reader;
        let known = job.known_scenes()?;
        job.forget_standing()?;
        Ok(Prepared {
            job: self.config.job_dir.to_string_lossy().into_owned(),
            chunks: known.chunks.len(),
            frames: known.chunks.last().map_or(0, |chunk| chunk.end),
            reader,
            encoder: self.plan.recipe.encoder.version.clone(),
            hints,
        })
    }

    /// What several threads make of damaged pictures is another one each time: they are read once more, by one.
    fn alike_each_time(&self, opened: Opened) -> Result<Opened> {
        let Reader::Linear(film) = &opened.reader else {
            return Ok(opened);
        };
        if film.damage().is_empty() || film.decodes_damaged() {
            return Ok(opened);
        }
        film.decode_damaged();
        self.job.forget_from(0)?;
        self.scenes_of(opened)
    }

    /// Tries whether the film's other tracks get into an output: nobody is to hear of it only after the last chunk.
    fn try_tracks(&self, opened: &Opened) -> Result<()> {
        let others = self.others(&opened.media.container);
        others.map_or(Ok(()), |others| self.watch.over(others).map(drop))
    }

    /// The line by which whoever joins the chunks goes on.
    fn line(&self) -> Result<CommandLine> {
        let config = self.config;
        let directory = env::current_dir().context("the current directory is gone")?;
        let words = config.words.iter();
        Ok(CommandLine {
            directory: directory.as_os_str().into(),
            words: words.map(|word| word.as_os_str().into()).collect(),
            said: config.said.clone(),
            input: config.input.as_os_str().into(),
            output: config.output.as_os_str().into(),
        })
    }

    fn hints(&self) -> Hints {
        let (load, lp) = (self.plan.load(), self.job.lp);
        let cores = load.busy_cores(lp).max(1.0);
        let core_seconds = forecast::core_seconds_of_a_frame(load.size, load.preset);
        Hints {
            encoder_bytes: load.worker(lp) - load.decoder(),
            beside_bytes: load.decoder() + load.base(),
            threads: cores.ceil() as u32,
            frame_seconds: core_seconds / cores,
            start_seconds: START_SECONDS,
        }
    }

    /// Makes sure that all chunks are there.
    ///
    /// # Errors
    /// [`ChunksMissing`]; [`Taken`] if the job was not planned to its end.
    pub(super) fn require_chunks(&self) -> Result<()> {
        let known = self.job.known_scenes()?;
        let shown = quoted(self.job.named().as_os_str());
        ensure!(
            known.complete,
            Taken(format!(
                "{shown} has no list of all scenes: what made it was not `av1enc plan`, or was stopped. Repeat that command to \
                 go on with it"
            ))
        );
        let job = self.job.clone();
        let is_missing = move |chunk: &Chunk| !matches!(job.finished(*chunk), Ok(Some(_)));
        let missing: Vec<usize> = self.watch.over(move || {
            let missing = known.chunks.iter().filter(|chunk| is_missing(chunk));
            Ok(missing.map(|chunk| chunk.index).collect())
        })?;
        if missing.is_empty() {
            return Ok(());
        }
        let sentence = format!(
            "{} missing, {}: `av1enc chunk {shown} --any` encodes what nobody is at",
            are(missing.len()),
            in_ranges(&missing)
        );
        bail!(ChunksMissing {
            chunks: missing,
            sentence
        })
    }
}

/// `1 chunk is`, `3 chunks are`.
fn are(chunks: usize) -> String {
    let verb = if chunks == 1 { "is" } else { "are" };
    format!("{} {verb}", count(chunks as u64, "chunk"))
}

/// Numbers, ascending, as people write them: `2, 5 to 7`.
pub(super) fn in_ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|one, next| *next == one + 1);
    let run = |run: &[usize]| match run {
        [first, .., last] if last - first > 1 => format!("{first} to {last}"),
        run => run
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    runs.map(run).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_each_other_are_one_range() {
        assert_eq!(in_ranges(&[2, 5, 6, 7, 9, 10]), "2, 5 to 7, 9, 10");
        assert_eq!(in_ranges(&[0]), "0");
    }
}
