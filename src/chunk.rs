//! One chunk, start to finish: frames -> encoder -> checked file under its final name.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::Path,
    process::{ChildStdin, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result, anyhow, ensure};

use crate::{
    bitstream::{self, Ivf},
    encoder::{self, Encoder},
    job::{self, ChunkRecord, Job},
    media::{Chunk, MediaInfo},
    process::{self, Children, ToolFailure},
    recipe::Recipe,
    reel::{Next, Reel},
    source::{Frame, Reader},
    y4m,
};

/// Pipes hold 64 KiB by default, a hundredth of a frame; a MiB is what an unprivileged process may ask for.
const PIPE_BYTES: i32 = 1 << 20;
/// With so many frames left in it, an encoder is about to end: a group of pictures of SVT-AV1, which it cannot fill any
/// more.
const LAST_FRAMES: u64 = 16;

/// All that chunks have in common.
pub struct Workshop {
    /// The job.
    pub job: Arc<Job>,
    /// Who delivers the film's pictures.
    pub reader: Reader,
    /// What the film is; what is not known before it was read to its end is what is expected.
    pub media: Arc<MediaInfo>,
    /// How it is encoded.
    pub recipe: Arc<Recipe>,
    /// The encoder.
    pub encoder: Encoder,
    /// The register of running tools.
    pub children: Children,
    /// Name of this machine.
    pub host: String,
}

/// How a chunk that is being encoded is doing; written by its worker, read by the supervisor.
#[derive(Default)]
pub struct Pulse {
    /// Frames that the encoder has reported.
    pub encoded: AtomicU64,
    /// Frames that the encoder has been given.
    pub fed: AtomicU64,
    /// Process number of the encoder; 0 before it runs.
    pub pid: AtomicI32,
    peak_memory: AtomicU64,
    /// Whether the encoder has all its frames, and only its last ones to encode.
    pub ending: AtomicBool,
    closed: AtomicBool,
    /// Called once, when `ending` becomes true.
    on_ending: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Pulse {
    /// A pulse that calls `on_ending` when the encoder has only its last frames to encode: another one can be started.
    #[must_use]
    pub fn new(on_ending: impl Fn() + Send + Sync + 'static) -> Self {
        Self { on_ending: Some(Box::new(on_ending)), ..Self::default() }
    }

    /// Highest resident memory of the encoder that was seen, in bytes; looks at it anew.
    pub fn look_at_memory(&self) -> u64 {
        let seen = process::peak_resident(self.pid.load(Ordering::Relaxed));
        self.peak_memory.fetch_max(seen, Ordering::Relaxed).max(seen)
    }

    fn look_for_the_end(&self) {
        let left = self.fed.load(Ordering::Acquire).saturating_sub(self.encoded.load(Ordering::Acquire));
        if self.closed.load(Ordering::Acquire)
            && left <= LAST_FRAMES
            && !self.ending.swap(true, Ordering::AcqRel)
            && let Some(on_ending) = &self.on_ending
        {
            on_ending();
        }
    }
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
    /// Detection has ended before the scene did.
    Abandoned,
    /// Anything else: it is tried again.
    Other(anyhow::Error),
}

impl Failure {
    /// In one line; the whole story is what it displays.
    #[must_use]
    pub fn line(&self) -> String {
        let (Self::Source(error) | Self::Killed(error) | Self::Other(error)) = self else { return self.to_string() };
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
            Self::Abandoned => f.write_str("the search for scenes has ended"),
        }
    }
}

/// Encodes the scene of `reel` with `lp`, and keeps `pulse` up to date.
///
/// # Errors
/// What failed, and whether it is worth another try.
pub fn encode(workshop: &Workshop, reel: &Reel<Frame>, lp: u32, pulse: &Arc<Pulse>) -> Result<EncodedChunk, Failure> {
    let started = Instant::now();
    let other = Failure::Other;
    let name = Job::chunk_name(reel.index);
    let part = workshop.job.part(&name).map_err(other)?;
    // Relative to the job directory: the name of that may be anything.
    let relative = part.strip_prefix(workshop.job.dir()).unwrap_or(&part);
    let recipe = &workshop.recipe;
    let mut command = workshop.encoder.chunk_command(&recipe.params, lp, relative);
    command.current_dir(workshop.job.dir());
    let mut running = workshop.children.spawn(command, Stdio::piped()).map_err(other)?;
    let shown = running.command().to_owned();
    let pid = running.pid();
    pulse.pid.store(pid, Ordering::Relaxed);
    let stdin = running.take_stdin().context("the encoder has no input").map_err(other)?;
    let (encoder, reported) = (workshop.encoder.clone(), pulse.clone());
    let (stdout, stderr) = running.drain(move |line| {
        if let Some(frames) = encoder.progress(line) {
            reported.encoded.fetch_max(frames, Ordering::AcqRel);
            reported.look_for_the_end();
        }
    });
    let fed = match feed(workshop, reel, stdin, pulse) {
        Ok(chunk) => Ok(chunk),
        Err(Feeding::Pipe(error)) => Err(error),
        // The encoder has been fed a part, and must not make a chunk of it.
        Err(Feeding::Source(error)) => {
            drop(running);
            return Err(Failure::Source(error));
        }
        Err(Feeding::Abandoned) => {
            drop(running);
            return Err(Failure::Abandoned);
        }
    };
    let status = running.wait().map_err(other)?;
    let (stdout, stderr) = (stdout.join(), stderr.join());
    let failure = ToolFailure { command: shown, status: Some(status), stdout: stdout.lines(), stderr: stderr.lines() };
    if failure.signal().is_some() {
        return Err(Failure::Killed(failure.into()));
    }
    if !status.success() {
        return Err(other(failure.into()));
    }
    let chunk = fed.map_err(|error| {
        other(anyhow!(failure.clone()).context(format!("the encoder stopped reading its input ({error})")))
    })?;
    if !workshop.encoder.writes_hdr10() && !recipe.hdr10.is_empty() {
        insert_hdr10(workshop, &name, &part).map_err(|error| other(anyhow!("{error:#}\n{failure}")))?;
    }
    let ivf = check(&workshop.media, recipe, chunk, &part).map_err(|error| other(anyhow!("{error:#}\n{failure}")))?;
    workshop.job.require_same_source().map_err(Failure::Source)?;
    let path = workshop.job.finish(&name).map_err(other)?;
    let (bytes, hash) = job::hash(&path).with_context(|| format!("reading `{}`", path.display())).map_err(other)?;
    let record = ChunkRecord {
        chunk,
        bytes,
        hash,
        pictures: ivf.pictures,
        seconds: started.elapsed().as_secs_f64(),
        peak_memory: pulse.look_at_memory(),
        lp,
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
    Abandoned,
}

/// Writes the scene's frames to the encoder and closes its input. Returns which part of the film it was.
fn feed(workshop: &Workshop, reel: &Reel<Frame>, stdin: ChildStdin, pulse: &Pulse) -> Result<Chunk, Feeding> {
    let chunk = Feeder { workshop, pulse, stdin, widened: Vec::new() }.all(reel)?;
    // The feeder is gone, and with it the write end of the encoder's input.
    pulse.closed.store(true, Ordering::Release);
    pulse.look_for_the_end();
    pulse.look_at_memory();
    Ok(chunk)
}

struct Feeder<'a> {
    workshop: &'a Workshop,
    pulse: &'a Pulse,
    stdin: ChildStdin,
    /// Memory for frames whose samples are widened.
    widened: Vec<u8>,
}

impl Feeder<'_> {
    fn all(mut self, reel: &Reel<Frame>) -> Result<Chunk, Feeding> {
        // Without a larger pipe it works as well, a little slower.
        let _ = nix::fcntl::fcntl(&self.stdin, nix::fcntl::FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
        let format = y4m::Format {
            width: self.workshop.media.width,
            height: self.workshop.media.height,
            fps: encoder::rate(self.workshop.media.fps),
            bit_depth: self.workshop.recipe.bit_depth,
        };
        self.stdin.write_all(format.header().as_bytes()).map_err(Feeding::Pipe)?;
        loop {
            match reel.take() {
                Next::Frame(held) => self.write(held.frame()).map_err(Feeding::Pipe)?,
                Next::Decode(range) => {
                    let reader = &self.workshop.reader;
                    let write =
                        |frame: Result<Frame>| self.write(&frame.map_err(Feeding::Source)?).map_err(Feeding::Pipe);
                    reader.part(range, write, Feeding::Source)?;
                }
                Next::End(chunk) => return Ok(chunk),
                Next::Abandoned => return Err(Feeding::Abandoned),
            }
        }
    }

    fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let planes = frame.planes();
        if frame.bit_depth() < self.workshop.recipe.bit_depth {
            y4m::write_frame_widened(&mut self.stdin, &planes, &mut self.widened)?;
        } else {
            y4m::write_frame(&mut self.stdin, &planes)?;
        }
        self.pulse.fed.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

/// Puts the HDR10 metadata into what an encoder has written that cannot do so itself.
fn insert_hdr10(workshop: &Workshop, name: &str, part: &Path) -> Result<()> {
    let with = workshop.job.part(&format!("{name}.hdr10"))?;
    let from = BufReader::with_capacity(1 << 20, File::open(part).context("the encoder wrote no file")?);
    let to = File::create_new(&with).with_context(|| format!("writing `{}`", with.display()))?;
    let to = BufWriter::with_capacity(1 << 20, to);
    bitstream::insert_hdr10(from, to, &workshop.recipe.hdr10).context("inserting the HDR10 metadata")?;
    fs::rename(&with, part).with_context(|| format!("naming `{}`", part.display()))
}

/// Checks that the file holds exactly the chunk's frames, in the format that was asked for.
///
/// # Errors
/// In what it is something else.
pub fn check(media: &MediaInfo, recipe: &Recipe, chunk: Chunk, part: &Path) -> Result<Ivf> {
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
    let header = &ivf.header;
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
