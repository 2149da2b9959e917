//! `--no-chunks`: the whole film through one ffmpeg, for machines that have no VapourSynth or no FFMS2.
//!
//! It is one chunk whose frames ffmpeg reads itself; everything after it is the same: joining, every proof of the output,
//! its name.

use std::{
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result, anyhow};

use crate::{
    chunk::{self, EncodedChunk},
    encoder::{self, Encoder},
    job::{self, ChunkRecord, Job},
    media::{Chunk, MediaInfo},
    process::{self, Children, ToolFailure},
    recipe::Recipe,
};

/// What the film is encoded with.
pub struct Direct {
    /// The register of running tools.
    pub children: Children,
    /// The job.
    pub job: Arc<Job>,
    /// What the film is.
    pub media: Arc<MediaInfo>,
    /// How it is encoded.
    pub recipe: Arc<Recipe>,
    /// libsvtav1 of ffmpeg.
    pub encoder: Encoder,
    /// Name of this machine.
    pub host: String,
}

impl Direct {
    /// The one chunk.
    #[must_use]
    pub fn chunk(&self) -> Chunk {
        Chunk { index: 0, start: 0, end: self.media.frames }
    }

    /// The film, if an earlier run has encoded it.
    #[must_use]
    pub fn finished(&self) -> Option<EncodedChunk> {
        self.job.finished(self.chunk()).ok().flatten().map(EncodedChunk)
    }

    /// Encodes the film and counts its frames in `encoded`.
    ///
    /// # Errors
    /// If ffmpeg fails, or what it has written is not the film.
    pub fn encode(&self, encoded: &Arc<AtomicU64>) -> Result<EncodedChunk> {
        let started = Instant::now();
        let name = Job::chunk_name(0);
        let part = self.job.part(&name)?;
        let relative = part.strip_prefix(self.job.dir()).unwrap_or(&part);
        let video = &self.media.container.video;
        let mut command = self.encoder.film_command(
            &self.recipe.params,
            self.job.lp,
            (Path::new(self.job.source_link()), video.stream),
            (self.media.width, self.media.height),
            encoder::rate(self.media.fps),
            relative,
        );
        command.current_dir(self.job.dir());
        let mut running = self.children.spawn(command, Stdio::null())?;
        let (shown, pid) = (running.command().to_owned(), running.pid());
        let (encoder, reported, peak) = (self.encoder.clone(), encoded.clone(), Arc::new(AtomicU64::new(0)));
        let seen = peak.clone();
        let (stdout, stderr) = running.drain(move |line| {
            if let Some(frames) = encoder.progress(line) {
                reported.fetch_max(frames, Ordering::Relaxed);
                seen.fetch_max(process::peak_resident(pid), Ordering::Relaxed);
            }
        });
        let status = running.wait()?;
        let (stdout, stderr) = (stdout.join().lines(), stderr.join().lines());
        let failure = ToolFailure { command: shown, status: Some(status), stdout, stderr };
        if !status.success() {
            return Err(anyhow!(failure).context("encoding the film"));
        }
        let ivf = chunk::check(&self.media, &self.recipe, self.chunk(), &part)
            .map_err(|error| anyhow!("{error:#}\n{failure}"))?;
        self.job.require_same_source()?;
        let path = self.job.finish(&name)?;
        let (bytes, hash) = job::hash(&path).with_context(|| format!("reading `{}`", path.display()))?;
        let record = ChunkRecord {
            chunk: self.chunk(),
            bytes,
            hash,
            pictures: ivf.pictures,
            seconds: started.elapsed().as_secs_f64(),
            peak_memory: peak.load(Ordering::Relaxed),
            lp: self.job.lp,
            encoder: self.recipe.encoder.version.clone(),
            host: self.host.clone(),
        };
        self.job.record(&record)?;
        Ok(EncodedChunk(record))
    }
}
