//! The film of a job that was planned, as any host opens it to encode chunks of it. Whether it delivers the frames that were
//! planned, their hashes say.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Result, anyhow, ensure};

use crate::{
    film::media::Container,
    job::{Job, ReaderRecord, names::Name},
    os::{processors, toolbox::Toolbox},
    source::{Files, Reader, Source, VapourSynth, linear::Linear},
    work::reading::{limit, load},
};

/// What opening the film of a planned job takes.
pub struct Planned<'a> {
    /// The job.
    pub job: &'a Job,
    /// The film, by its name on this host.
    pub input: &'a Path,
    /// ffmpeg and ffprobe.
    pub tools: &'a Toolbox,
    /// Who has read it when it was planned.
    pub record: &'a ReaderRecord,
    /// Its frames.
    pub frames: u64,
    /// Bits per sample that are encoded.
    pub bit_depth: u8,
    /// Encoders at once, at most.
    pub workers: usize,
    /// A directory of this process alone.
    pub scratch: &'a Path,
}

/// What was recorded of the film is damaged.
#[derive(Debug)]
pub struct Damaged(String);

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Damaged {}

impl Planned<'_> {
    /// Opens the film, as it was opened when it was planned.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn open(&self) -> Result<Reader> {
        match self.record.linear {
            true => self.in_order(),
            false => self.by_index(),
        }
    }

    fn film(&self) -> &Container {
        &self.record.film.container
    }

    fn decoder_threads(&self) -> usize {
        let cores = processors::count();
        (cores / self.workers).max(1)
    }

    fn in_order(&self) -> Result<Reader> {
        let damaged = |error: anyhow::Error| anyhow!(Damaged(format!("{error:#}")));
        let mut reading = self.job.reading().map_err(damaged)?;
        reading.decoder_threads = self.decoder_threads();
        let place = (self.job.dir().to_owned(), self.job.source_link());
        let film = Arc::new(Linear::new(self.tools, place, self.film().clone(), reading));
        let pictures = self.job.pictures().map_err(damaged)?;
        film.learn(&pictures).map_err(damaged)?;
        ensure!(
            film.times_ms().len() as u64 == self.frames,
            Damaged("`pictures.bin` of the job has not all pictures".to_owned())
        );
        if !self.job.damage().map_err(damaged)?.is_empty() {
            film.decode_damaged();
        }
        Ok(Reader::Linear(film))
    }

    fn by_index(&self) -> Result<Reader> {
        let vapoursynth = load()?;
        limit(vapoursynth, self.film(), self.workers);
        let index = self.index(vapoursynth)?;
        let files = Files {
            input: self.input,
            index: &index,
            scratch: &self.scratch.join("times"),
        };
        let (mut source, _) = Source::open(vapoursynth, &files, self.film(), self.bit_depth)?;
        source.set_decoder_threads(self.decoder_threads());
        Ok(Reader::Indexed(Arc::new(source), None))
    }

    /// The job's index, or one of this host's own where that is of another FFMS2, or damaged.
    fn index(&self, vapoursynth: VapourSynth) -> Result<PathBuf> {
        let is_ours = self.record.reader == format!("FFMS2 {}", vapoursynth.versions().ffms2);
        if is_ours && self.job.is_intact(Name::Index) {
            return Ok(self.job.path(Name::Index));
        }
        let index = self.scratch.join("index");
        vapoursynth.index(self.input, &index)?;
        Ok(index)
    }
}
