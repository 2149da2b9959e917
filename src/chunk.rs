//! One chunk, start to finish: frames -> encoder -> checked file under its final name.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::{ChildStdin, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, ensure};
use crossbeam_channel::bounded;

use crate::{
    bitstream::{self, Ivf},
    encoder::svt_av1,
    job::{self, ChunkRecord, Job},
    media::{Chunk, MediaInfo},
    process::{self, Children, ToolFailure},
    recipe::Recipe,
    source::Source,
    y4m,
};

/// Frames decoded ahead of the encoder: enough to bridge its pauses, few enough not to count.
const FRAMES_AHEAD: usize = 4;
/// Pipes hold 64 KiB by default, a hundredth of a frame; a MiB is what an unprivileged process may ask for.
const PIPE_BYTES: i32 = 1 << 20;
/// How often the encoder's memory is looked at, in frames.
const MEMORY_EVERY: u64 = 8;

/// All that chunks have in common.
pub struct Workshop {
    /// The job.
    pub job: Arc<Job>,
    /// The film.
    pub source: Arc<Source>,
    /// What the film is.
    pub media: Arc<MediaInfo>,
    /// How it is encoded.
    pub recipe: Arc<Recipe>,
    /// The encoder's program.
    pub encoder: PathBuf,
    /// The register of running tools.
    pub children: Children,
    /// Name of this machine.
    pub host: String,
}

/// How a chunk that is being encoded is doing; written by its worker, read by the supervisor.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Frames that the encoder has reported.
    pub encoded: AtomicU64,
    /// Frames that the encoder has been given.
    pub fed: AtomicU64,
    /// Process number of the encoder; 0 before it runs.
    pub pid: AtomicI32,
}

/// A chunk whose encoder exited 0 and whose file holds exactly its frames and has its final name.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedChunk(pub(crate) ChunkRecord);

impl EncodedChunk {
    /// What is known of it.
    #[must_use]
    pub fn record(&self) -> &ChunkRecord {
        &self.0
    }
}

/// Why a chunk failed, as far as what happens next depends on it.
#[derive(Debug)]
pub enum Failure {
    /// The source cannot be read: trying again will not help.
    Source(anyhow::Error),
    /// The encoder was killed by a signal that we did not send: memory, most likely.
    Killed(anyhow::Error),
    /// Anything else: it is tried again.
    Other(anyhow::Error),
}

impl Failure {
    /// In one line; the whole story is what it displays.
    #[must_use]
    pub fn line(&self) -> String {
        let (Self::Source(error) | Self::Killed(error) | Self::Other(error)) = self;
        match error.downcast_ref::<ToolFailure>() {
            Some(failure) => format!("the encoder {}", failure.line()),
            None => format!("{error:#}").lines().next().unwrap_or_default().to_owned(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) | Self::Killed(error) | Self::Other(error) => write!(f, "{error:#}"),
        }
    }
}

/// Encodes `chunk`, and keeps `pulse` up to date.
///
/// # Errors
/// What failed, and whether it is worth another try.
pub fn encode(workshop: &Workshop, chunk: Chunk, pulse: &Arc<Pulse>) -> Result<EncodedChunk, Failure> {
    let started = Instant::now();
    let other = Failure::Other;
    let name = Job::chunk_name(chunk);
    let part = workshop.job.part(&name).map_err(other)?;
    // Relative to the job directory: the name of that may be anything.
    let relative = part.strip_prefix(workshop.job.dir()).unwrap_or(&part);
    let recipe = &workshop.recipe;
    let mut command = svt_av1::command(&workshop.encoder, &recipe.params, workshop.job.lp, chunk.frames(), relative);
    command.current_dir(workshop.job.dir());
    let mut running = workshop.children.spawn(command, Stdio::piped()).map_err(other)?;
    let shown = running.command().to_owned();
    let pid = running.pid();
    pulse.pid.store(pid, Ordering::Relaxed);
    let stdin = running.take_stdin().context("the encoder has no input").map_err(other)?;
    let reported = pulse.clone();
    let (stdout, stderr) = running.drain(move |line| {
        if let Some(frames) = svt_av1::progress(line) {
            reported.encoded.fetch_max(frames, Ordering::Relaxed);
        }
    });
    let (fed, peak_memory) = feed(workshop, chunk, stdin, pulse);
    let status = match fed {
        // The source failed: the encoder has been fed a part, and must not make a chunk of it.
        Err(Feeding::Source(error)) => {
            drop(running);
            return Err(Failure::Source(error));
        }
        _ => running.wait().map_err(other)?,
    };
    let (stdout, stderr) = (stdout.join(), stderr.join());
    let failure = ToolFailure { command: shown, status: Some(status), stdout: stdout.lines(), stderr: stderr.lines() };
    if failure.signal().is_some() {
        return Err(Failure::Killed(failure.into()));
    }
    if !status.success() {
        return Err(other(failure.into()));
    }
    if let Err(Feeding::Pipe(error)) = fed {
        return Err(other(anyhow!(failure).context(format!("the encoder stopped reading its input ({error})"))));
    }
    let ivf = check(workshop, chunk, &part).map_err(|error| other(anyhow!("{error:#}\n{failure}")))?;
    workshop.job.require_same_source().map_err(Failure::Source)?;
    let path = workshop.job.finish(&name).map_err(other)?;
    let (bytes, hash) = job::hash(&path).with_context(|| format!("reading `{}`", path.display())).map_err(other)?;
    let record = ChunkRecord {
        chunk,
        bytes,
        hash,
        pictures: ivf.pictures,
        seconds: started.elapsed().as_secs_f64(),
        peak_memory,
        encoder: recipe.encoder.version.clone(),
        host: workshop.host.clone(),
    };
    workshop.job.record(&record).map_err(other)?;
    Ok(EncodedChunk(record))
}

/// Why an encoder was not fed to the end.
enum Feeding {
    Source(anyhow::Error),
    Pipe(io::Error),
}

/// Writes the chunk's frames to the encoder and closes its input. Frames are decoded on a thread of their own, so that
/// decoding and encoding overlap. Also returns the highest memory of the encoder that was seen.
fn feed(workshop: &Workshop, chunk: Chunk, mut stdin: ChildStdin, pulse: &Pulse) -> (Result<(), Feeding>, u64) {
    // Without a larger pipe it works as well, a little slower.
    let _ = nix::fcntl::fcntl(&stdin, nix::fcntl::FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
    let clip = match workshop.source.take_clip() {
        Ok(clip) => clip,
        Err(error) => return (Err(Feeding::Source(error)), 0),
    };
    let format = y4m::Format {
        width: workshop.media.width,
        height: workshop.media.height,
        fps: workshop.media.fps,
        bit_depth: workshop.recipe.bit_depth,
    };
    let pid = pulse.pid.load(Ordering::Relaxed);
    let mut peak_memory = 0;
    let fed = thread::scope(|scope| {
        let (sender, frames) = bounded(FRAMES_AHEAD);
        let clip = &clip;
        scope.spawn(move || {
            for n in chunk.start..chunk.end {
                let frame = clip.frame(n);
                let failed = frame.is_err();
                // A closed channel means that the encoder is gone.
                if sender.send(frame).is_err() || failed {
                    return;
                }
            }
        });
        let mut write = || -> Result<(), Feeding> {
            io::Write::write_all(&mut stdin, format.header().as_bytes()).map_err(Feeding::Pipe)?;
            for (n, frame) in frames.iter().enumerate() {
                let frame = frame.map_err(Feeding::Source)?;
                y4m::write_frame(&mut stdin, &frame.planes()).map_err(Feeding::Pipe)?;
                pulse.fed.fetch_add(1, Ordering::Relaxed);
                if (n as u64).is_multiple_of(MEMORY_EVERY) {
                    peak_memory = process::peak_resident(pid).max(peak_memory);
                }
            }
            peak_memory = process::peak_resident(pid).max(peak_memory);
            Ok(())
        };
        let result = write();
        // Ends the decoding thread where the encoder is gone.
        drop(frames);
        result
    });
    drop(stdin);
    if fed.is_ok() {
        workshop.source.give_back(clip);
    }
    (fed, peak_memory)
}

/// Checks that the file holds exactly the chunk's frames, in the format that was asked for.
fn check(workshop: &Workshop, chunk: Chunk, part: &Path) -> Result<Ivf> {
    let file = File::open(part).context("the encoder wrote no file")?;
    let ivf =
        bitstream::read_ivf(BufReader::with_capacity(1 << 20, file)).context("the encoder wrote a damaged file")?;
    let full = if ivf.frames < chunk.frames() { " (is the disk full?)" } else { "" };
    ensure!(
        ivf.frames == chunk.frames(),
        "the encoder wrote {} frames instead of {}{full}",
        ivf.frames,
        chunk.frames()
    );
    let (media, recipe, header) = (&workshop.media, &workshop.recipe, &ivf.header);
    ensure!(
        (header.width, header.height) == (media.width, media.height),
        "the encoder wrote {}x{} instead of {}x{}",
        header.width,
        header.height,
        media.width,
        media.height
    );
    match header.disagreement(recipe.bit_depth, &recipe.color, &recipe.hdr10) {
        Some(disagreement) => Err(anyhow!("the encoder wrote {disagreement}")),
        None => Ok(ivf),
    }
}
