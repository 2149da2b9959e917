//! `--no-chunks`: the whole film through one ffmpeg, for machines that have no VapourSynth or no FFMS2.
//!
//! It is one chunk whose frames ffmpeg reads itself. What the index says otherwise, ffprobe says here; everything after
//! the chunk is the same: joining, every proof of the output, its name.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result, anyhow};

use crate::{
    chunk::{self, EncodedChunk},
    encoder::Encoder,
    job::{self, ChunkRecord, Job},
    media::{Chunk, Container, MediaInfo},
    probe::{Tools, file_url},
    process::{self, Children, ToolFailure},
    recipe::Recipe,
    source::Indexed,
};

/// Learns the time of every frame of the film from its packets.
///
/// # Errors
/// If ffprobe fails, or a packet has no time: then only an index can tell.
pub fn index(children: &Children, tools: &Tools, input: &Path, container: &Container) -> Result<Indexed> {
    let mut command = Command::new(&tools.ffprobe);
    command.args(["-v", "error", "-select_streams", &container.video.stream.to_string()]);
    command.args(["-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", "-i"]).arg(file_url(input));
    let output = children.output(command).context("reading the times of the film's frames")?;
    let times_ms = packet_times(&String::from_utf8_lossy(&output))?;
    let (width, height) = container.video.encoded_size();
    Ok(Indexed { frames: times_ms.len() as u64, fps: None, times_ms, width, height })
}

/// Times in milliseconds, in the order in which they are shown, from lines such as `0.042000,K__`. Packets that are
/// decoded and not shown (an edit list cuts them off) are marked with a D.
fn packet_times(text: &str) -> Result<Vec<f64>> {
    let shown = text.lines().filter(|line| !line.trim().is_empty());
    let shown = shown.filter(|line| !line.split(',').nth(1).is_some_and(|flags| flags.contains('D')));
    let time = |line: &str| {
        let time = line.split(',').next().and_then(|time| time.parse::<f64>().ok());
        time.map(|seconds| seconds * 1000.0)
            .context("a frame of the film has no time: it cannot be encoded with --no-chunks")
    };
    let mut times = shown.map(time).collect::<Result<Vec<f64>>>()?;
    anyhow::ensure!(!times.is_empty(), "the film has no frame");
    times.sort_by(f64::total_cmp);
    Ok(times)
}

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
            self.media.fps,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_shown_frames_in_their_order() {
        let times = packet_times("0.000000,K__\n0.160000,___\n0.080000,__\n-0.040000,KD_\n\n0.040000,___,\n").unwrap();
        assert_eq!(times, [0.0, 40.0, 80.0, 160.0]);
        assert!(packet_times("N/A,K__\n").unwrap_err().to_string().contains("--no-chunks"));
        assert!(packet_times("").is_err());
    }
}
