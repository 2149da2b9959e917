//! The supervisor: one thread owns all state, others send it messages.
//!
//! Scenes come from the detector as they become final, and are queued at once; a worker is a thread that encodes one
//! chunk and ends. Whatever happens arrives on one of three channels: messages, signals, ticks.

pub mod budget;

use std::{
    collections::{BTreeMap, BinaryHeap, HashMap},
    fmt, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use crossbeam_channel::{Receiver, Sender, select, tick, unbounded};

use crate::{
    chunk::{self, EncodedChunk, Failure, Pulse, Workshop},
    disk,
    event::{Event, Progress, Sink, detail, note, warn},
    job::Job,
    media::Chunk,
    process::{self, quoted},
    scenes::{Detector, Splitter},
    signal::{self, Signal},
};

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(250);
/// So many failures before anything has succeeded mean that nothing will.
const HOPELESS: usize = 6;
/// How many failed chunks are named.
const FAILURES_NAMED: usize = 10;
/// How often a chunk is tried.
const TRIES: u32 = 3;
/// Pause before a second try; doubled before the third.
const BACK_OFF: Duration = Duration::from_millis(500);
/// Frames decoded ahead of the detector.
const FRAMES_AHEAD: usize = 8;
/// Room on the job's disk below which no new chunk is begun, and the part of the mean chunk that each running one may
/// still write.
const DISK_FLOOR: u64 = 8 << 20;
const CHUNKS_AHEAD: u64 = 2;
/// How long a full disk is waited for.
const DISK_PATIENCE: Duration = Duration::from_secs(600);
/// How long stopped workers are waited for.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The user stopped the run; what is finished stays.
#[derive(Debug)]
pub struct Interrupted(pub Signal);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

/// What workers and detector say to the supervisor.
enum Message {
    Scene(Chunk),
    DetectionDone(Result<()>),
    Encoded(EncodedChunk),
    Failed(Chunk, Failure),
    Audio(Result<()>),
}

/// A chunk that waits. The longest comes first: it would make everybody wait at the end.
#[derive(PartialEq, Eq)]
struct Waiting {
    chunk: Chunk,
    tries: u32,
    not_before: Instant,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.chunk.frames(), other.chunk.index).cmp(&(other.chunk.frames(), self.chunk.index))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A chunk that is being encoded.
struct AtWork {
    chunk: Chunk,
    tries: u32,
    pulse: Arc<Pulse>,
    /// Frames given and reported when it was last looked at.
    moved: u64,
    /// How long nothing has moved.
    still: Duration,
    hung: bool,
}

/// How a crew works.
pub struct Rules {
    /// Encoders at once.
    pub workers: usize,
    /// Whether the first signal to stop lets running chunks finish.
    pub finish_chunks: bool,
    /// How long an encoder may make no progress; `None`: from frame size and preset.
    pub stall_timeout: Option<Duration>,
}

/// How long an encoder of frames of this size may make no progress. At slow presets a whole group of 32 pictures comes
/// out at once, on a loaded machine after minutes: this is generous, since a wrong guess throws work away.
fn stall_timeout(width: u32, height: u32, preset: i32) -> Duration {
    let megapixels = f64::from(width) * f64::from(height) / 1e6;
    let slowness = match preset {
        ..=1 => 8.0,
        2..=3 => 4.0,
        4..=5 => 2.0,
        _ => 1.0,
    };
    Duration::from_secs_f64(180.0 + 90.0 * megapixels * slowness)
}

/// The chunks of the whole film, in order.
pub struct Encoded {
    /// All chunks.
    pub chunks: Vec<EncodedChunk>,
    /// How many of them an earlier run had finished.
    pub resumed: usize,
}

/// Work that runs beside the chunks (sound); its failure fails the film.
pub type Aside = Box<dyn FnOnce() -> Result<()> + Send>;

/// Finds the scenes and encodes all chunks of the film.
///
/// # Errors
/// [`Interrupted`] if the user stops it; else every chunk that could not be encoded, or why detection failed.
pub fn run(
    workshop: Workshop,
    rules: &Rules,
    signals: &Receiver<Signal>,
    sink: &Sink,
    aside: Option<Aside>,
) -> Result<Encoded> {
    let (sender, messages) = unbounded();
    let workshop = Arc::new(workshop);
    let stop = Arc::new(AtomicBool::new(false));
    let mut aside_pending = aside.is_some();
    if let Some(aside) = aside {
        let sender = sender.clone();
        thread::spawn(move || {
            let _ = sender.send(Message::Audio(aside()));
        });
    }
    let seen = Arc::new(AtomicU64::new(0));
    spawn_detector(&workshop, &sender, &stop, &seen, sink)?;

    let stall_timeout = rules
        .stall_timeout
        .unwrap_or_else(|| stall_timeout(workshop.media.width, workshop.media.height, workshop.recipe.preset));
    let mut crew = Crew {
        disk_patience: rules.stall_timeout.unwrap_or(DISK_PATIENCE),
        disk_full: None,
        stall_timeout,
        looked: Instant::now(),
        workshop,
        sender,
        sink: sink.clone(),
        limit: rules.workers,
        queue: BinaryHeap::new(),
        at_work: HashMap::new(),
        finished: BTreeMap::new(),
        failed: Vec::new(),
        failures: 0,
        seen,
        known_chunks: 0,
        detected_all: false,
        resumed_frames: 0,
        resumed: 0,
        started: Instant::now(),
    };
    let ticks = tick(TICK);
    // The signal after which no new chunk is begun.
    let mut leaving: Option<Signal> = None;
    let outcome = loop {
        match leaving {
            // Looked at before every start: what finds no room is not begun, again and again.
            None => match crew.watch_disk() {
                Ok(()) => crew.start_workers(),
                Err(error) => break Err(error),
            },
            Some(signal) if crew.at_work.is_empty() => break Err(Interrupted(signal).into()),
            Some(_) => (),
        }
        if crew.detected_all && crew.queue.is_empty() && crew.at_work.is_empty() && !aside_pending {
            break crew.result();
        }
        select! {
            recv(messages) -> message => match message {
                Ok(Message::Scene(chunk)) => crew.add(chunk),
                Ok(Message::DetectionDone(Ok(()))) => crew.detected_all = true,
                Ok(Message::DetectionDone(Err(error))) => break Err(error.context("finding the scenes failed")),
                Ok(Message::Encoded(chunk)) => crew.encoded(chunk),
                Ok(Message::Failed(chunk, failure)) => if let Err(error) = crew.failed(chunk, failure) {
                    break Err(error);
                },
                Ok(Message::Audio(Ok(()))) => aside_pending = false,
                Ok(Message::Audio(Err(error))) => break Err(error),
                // We hold a sender ourselves.
                Err(_) => break Err(anyhow!("all workers are gone")),
            },
            recv(signals) -> signal => match signal {
                Ok(Signal::SIGTSTP) => {
                    crew.workshop.children.signal_all(Signal::SIGSTOP);
                    signal::stop_self();
                    crew.workshop.children.signal_all(Signal::SIGCONT);
                }
                Ok(Signal::SIGCONT) => crew.workshop.children.signal_all(Signal::SIGCONT),
                Ok(signal) if rules.finish_chunks && leaving.is_none() => {
                    let running = crew.at_work.len();
                    note(sink, format!("stopping when {running} running chunks are finished; once more to stop at once"));
                    leaving = Some(signal);
                }
                Ok(signal) => break Err(Interrupted(signal).into()),
                Err(_) => break Err(anyhow!("the signal handler is gone")),
            },
            recv(ticks) -> _ => {
                (crew.sink)(Event::Progress(crew.progress()));
                crew.watch_encoders();
            }
        }
    };
    if outcome.is_err() {
        stop.store(true, Ordering::Relaxed);
        crew.stop(&messages, signals);
    } else {
        (crew.sink)(Event::Progress(crew.progress()));
    }
    outcome
}

/// State of the supervisor.
struct Crew {
    workshop: Arc<Workshop>,
    sender: Sender<Message>,
    sink: Sink,
    /// Workers at once.
    limit: usize,
    stall_timeout: Duration,
    /// When the encoders were last looked at.
    looked: Instant,
    disk_patience: Duration,
    /// Since when the job's disk is too full for another chunk.
    disk_full: Option<Instant>,
    queue: BinaryHeap<Waiting>,
    at_work: HashMap<usize, AtWork>,
    finished: BTreeMap<usize, EncodedChunk>,
    failed: Vec<(Chunk, Failure)>,
    /// Failures of any chunk for which neither the source nor memory was the reason.
    failures: usize,
    /// Frames that detection has seen.
    seen: Arc<AtomicU64>,
    known_chunks: usize,
    detected_all: bool,
    resumed_frames: u64,
    resumed: usize,
    started: Instant,
}

impl Crew {
    /// A chunk has become final: it is done already, or queued.
    fn add(&mut self, chunk: Chunk) {
        self.known_chunks += 1;
        match self.workshop.job.finished(chunk) {
            Ok(Some(record)) => {
                self.resumed += 1;
                self.resumed_frames += chunk.frames();
                self.finished.insert(chunk.index, EncodedChunk(record));
                return;
            }
            Ok(None) => (),
            Err(why) => note(&self.sink, format!("chunk {} is encoded again: {why}", chunk.index)),
        }
        self.queue.push(Waiting { chunk, tries: 0, not_before: self.started });
    }

    /// Starts as many workers as there is room and work for.
    fn start_workers(&mut self) {
        if self.disk_full.is_some() {
            return;
        }
        let now = Instant::now();
        let mut too_early = Vec::new();
        while self.at_work.len() < self.limit {
            let Some(waiting) = self.queue.pop() else { break };
            if waiting.not_before > now {
                too_early.push(waiting);
                continue;
            }
            self.start(waiting);
        }
        self.queue.extend(too_early);
    }

    fn start(&mut self, Waiting { chunk, tries, .. }: Waiting) {
        let pulse = Arc::new(Pulse::default());
        let (workshop, sender, shared) = (self.workshop.clone(), self.sender.clone(), pulse.clone());
        thread::spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| chunk::encode(&workshop, chunk, &shared)))
                .unwrap_or_else(|_| Err(Failure::Other(anyhow!("a worker panicked: this is a bug in av1enc"))));
            let _ = sender.send(match result {
                Ok(encoded) => Message::Encoded(encoded),
                Err(failure) => Message::Failed(chunk, failure),
            });
        });
        detail(&self.sink, format!("chunk {}: frames {} to {}, encoding", chunk.index, chunk.start, chunk.end - 1));
        self.at_work.insert(
            chunk.index,
            AtWork { chunk, tries: tries + 1, pulse, moved: 0, still: Duration::ZERO, hung: false },
        );
    }

    fn encoded(&mut self, chunk: EncodedChunk) {
        let record = chunk.record();
        let index = record.chunk.index;
        detail(
            &self.sink,
            format!(
                "chunk {index}: {} frames, {:.1} kB, {:.1} s ({:.1} fps), encoder's peak memory {:.0} MiB",
                record.chunk.frames(),
                record.bytes as f64 / 1e3,
                record.seconds,
                record.chunk.frames() as f64 / record.seconds,
                record.peak_memory as f64 / f64::from(1 << 20)
            ),
        );
        self.at_work.remove(&index);
        self.finished.insert(index, chunk);
    }

    /// A chunk failed: it is tried again, or given up. Of what the supervisor did itself, nothing is the encoder's
    /// fault.
    ///
    /// # Errors
    /// If the source is gone or another one, or nothing at all can be encoded: all other chunks would fail as well.
    fn failed(&mut self, chunk: Chunk, failure: Failure) -> Result<()> {
        let (tries, hung) = self.at_work.remove(&chunk.index).map_or((TRIES, false), |work| (work.tries, work.hung));
        let failure = if hung {
            let seconds = self.stall_timeout.as_secs();
            Failure::Other(anyhow!("the encoder made no progress for {seconds} s and was killed"))
        } else {
            failure
        };
        if !matches!(failure, Failure::Source(_)) && self.disk_room().is_some_and(|room| room < self.disk_need()) {
            // Waits until there is room again; not counted as a try.
            self.queue.push(Waiting { chunk, tries: tries - 1, not_before: Instant::now() });
            return Ok(());
        }
        if matches!(failure, Failure::Source(_)) {
            self.workshop.job.require_same_source()?;
        }
        if matches!(failure, Failure::Killed(_)) && self.limit > 1 {
            self.limit -= 1;
            warn(
                &self.sink,
                format!("an encoder was killed, most likely for want of memory: going on with {} workers", self.limit),
            );
        }
        detail(&self.sink, format!("chunk {}: {failure}", chunk.index));
        self.failures += usize::from(matches!(failure, Failure::Other(_)));
        if self.finished.is_empty() && self.failures >= HOPELESS {
            return Err(anyhow!("no chunk can be encoded: {failure}"));
        }
        let line = failure.line();
        if tries >= TRIES || matches!(failure, Failure::Source(_)) {
            warn(&self.sink, format!("chunk {} failed for good, the others are finished first: {line}", chunk.index));
            self.failed.push((chunk, failure));
            return Ok(());
        }
        warn(&self.sink, format!("chunk {} failed (try {tries} of {TRIES}) and is tried again: {line}", chunk.index));
        let not_before = Instant::now() + BACK_OFF * 2_u32.pow(tries - 1);
        self.queue.push(Waiting { chunk, tries, not_before });
        Ok(())
    }

    /// Kills encoders that have not moved for too long; their chunks then fail and are tried again.
    fn watch_encoders(&mut self) {
        // Two looks that are far apart are none: we were stopped, and the encoders with us.
        let since = std::mem::replace(&mut self.looked, Instant::now()).elapsed().min(TICK * 4);
        for work in self.at_work.values_mut() {
            let moved = work.pulse.encoded.load(Ordering::Relaxed) + work.pulse.fed.load(Ordering::Relaxed);
            if moved != work.moved {
                (work.moved, work.still) = (moved, Duration::ZERO);
                continue;
            }
            work.still += since;
            if work.still > self.stall_timeout {
                work.hung = true;
                self.workshop.children.kill(work.pulse.pid.load(Ordering::Relaxed));
            }
        }
    }

    /// Bytes that can still be written into the job directory; `None` if the system does not say.
    fn disk_room(&self) -> Option<u64> {
        disk::room(self.workshop.job.dir()).ok()
    }

    /// Bytes that a full crew and one more may still write: not those at work now, or the limit would move with them.
    fn disk_need(&self) -> u64 {
        let finished = self.finished.values().map(|chunk| chunk.record().bytes);
        let mean = finished.clone().sum::<u64>() / (finished.count() as u64).max(1);
        DISK_FLOOR + mean * CHUNKS_AHEAD * (self.limit as u64 + 1)
    }

    /// Pauses new work while the job's disk is too full for it, and gives up when that does not clear.
    fn watch_disk(&mut self) -> Result<()> {
        let Some(room) = self.disk_room() else { return Ok(()) };
        let need = self.disk_need();
        match self.disk_full {
            None if room < need && !self.queue.is_empty() => {
                warn(
                    &self.sink,
                    format!(
                        "the disk of {} is nearly full: {} MB are free, {} MB are needed to begin a chunk; waiting",
                        quoted(self.workshop.job.dir().as_os_str()),
                        room / 1_000_000,
                        need.div_ceil(1_000_000)
                    ),
                );
                self.disk_full = Some(Instant::now());
            }
            Some(_) if room >= need => {
                note(&self.sink, "there is room on the disk again: going on");
                self.disk_full = None;
            }
            Some(since) if self.at_work.is_empty() && since.elapsed() > self.disk_patience => {
                return Err(anyhow!(
                    "the disk of {} is full: {} MB are free, {} MB are needed to go on. Free some, and repeat the \
                     command: finished work is kept",
                    quoted(self.workshop.job.dir().as_os_str()),
                    room / 1_000_000,
                    need.div_ceil(1_000_000)
                ));
            }
            _ => (),
        }
        Ok(())
    }

    /// All chunks are through: the film, or what failed.
    fn result(&mut self) -> Result<Encoded> {
        self.failed.sort_by_key(|(chunk, _)| chunk.index);
        if let Some((first, failure)) = self.failed.first() {
            let mut numbers: Vec<String> =
                self.failed.iter().take(FAILURES_NAMED).map(|(chunk, _)| chunk.index.to_string()).collect();
            if self.failed.len() > FAILURES_NAMED {
                numbers.push("…".to_owned());
            }
            let kept = match self.finished.len() {
                0 => "",
                _ => "\nThe others are kept: the same command tries only these again",
            };
            return Err(anyhow!(
                "{} of {} chunks could not be encoded ({}); the first, frames {} to {}: {failure}{kept}",
                self.failed.len(),
                self.known_chunks,
                numbers.join(", "),
                first.start,
                first.end - 1
            ));
        }
        let chunks: Vec<EncodedChunk> = std::mem::take(&mut self.finished).into_values().collect();
        let frames: u64 = chunks.iter().map(|chunk| chunk.record().chunk.frames()).sum();
        ensure!(
            frames == self.workshop.media.frames,
            "chunks of {frames} frames were encoded, the source has {}",
            self.workshop.media.frames
        );
        // The progress that is shown last needs them.
        self.finished = chunks.iter().map(|chunk| (chunk.record().chunk.index, chunk.clone())).collect();
        Ok(Encoded { chunks, resumed: self.resumed })
    }

    fn progress(&self) -> Progress {
        let finished_frames: u64 = self.finished.values().map(|chunk| chunk.record().chunk.frames()).sum();
        let in_work: u64 =
            self.at_work.values().map(|work| work.pulse.encoded.load(Ordering::Relaxed).min(work.chunk.frames())).sum();
        let frames = finished_frames + in_work;
        let total_frames = self.workshop.media.frames;
        let finished_bytes: u64 = self.finished.values().map(|chunk| chunk.record().bytes).sum();
        let part_bytes: u64 = self
            .at_work
            .values()
            .filter_map(|work| fs::metadata(self.workshop.job.dir().join(Job::chunk_part_name(work.chunk))).ok())
            .map(|metadata| metadata.len())
            .sum();
        let elapsed_seconds = self.started.elapsed().as_secs_f64();
        let fps = (frames - self.resumed_frames) as f64 / elapsed_seconds.max(1e-3);
        let enough = frames > self.resumed_frames && fps > 0.0;
        let children = self.workshop.children.pids();
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        Progress {
            frames,
            total_frames,
            detected_frames: if self.detected_all { total_frames } else { self.seen.load(Ordering::Relaxed) },
            chunks: self.finished.len(),
            total_chunks: self.known_chunks,
            fps,
            elapsed_seconds,
            eta_seconds: enough.then(|| (total_frames - frames) as f64 / fps),
            bytes: finished_bytes + part_bytes,
            expected_bytes: (finished_frames > 0)
                .then(|| (finished_bytes as f64 / finished_frames as f64 * total_frames as f64) as u64),
            workers: self.at_work.len(),
            memory_bytes: children.into_iter().chain([own]).map(process::resident).sum(),
        }
    }

    /// Kills all encoders and waits until their workers have noticed. A second signal ends the waiting.
    fn stop(&mut self, messages: &Receiver<Message>, signals: &Receiver<Signal>) {
        self.workshop.children.close();
        let deadline = crossbeam_channel::after(STOP_GRACE);
        while !self.at_work.is_empty() {
            select! {
                recv(messages) -> message => match message {
                    Ok(Message::Encoded(chunk)) => self.encoded(chunk),
                    Ok(Message::Failed(chunk, _)) => { self.at_work.remove(&chunk.index); }
                    _ => (),
                },
                recv(signals) -> _ => return,
                recv(deadline) -> _ => return,
            }
        }
    }
}

/// Starts the thread that finds the scenes. Those that an earlier run has found are handed on at once, so that
/// encoders start; if they were not all, detection begins again, since its state is not kept, and must find the same.
fn spawn_detector(
    workshop: &Arc<Workshop>,
    sender: &Sender<Message>,
    stop: &Arc<AtomicBool>,
    seen: &Arc<AtomicU64>,
    sink: &Sink,
) -> Result<()> {
    let known = workshop.job.scenes()?;
    let mut log = workshop.job.scene_log()?;
    if !known.chunks.is_empty() {
        detail(sink, format!("{} scenes are known from an earlier run", known.chunks.len()));
    }
    let (workshop, sender, stop, seen) = (workshop.clone(), sender.clone(), stop.clone(), seen.clone());
    thread::spawn(move || {
        let frames = workshop.media.frames;
        let mut next = known.chunks.iter().copied().peekable();
        let detect = || -> Result<()> {
            for chunk in &known.chunks {
                let _ = sender.send(Message::Scene(*chunk));
            }
            if known.complete {
                let end = known.chunks.last().map_or(0, |chunk| chunk.end);
                ensure!(end == frames, "the known scenes cover {end} of {frames} frames; add --restart");
                return Ok(());
            }
            let mut found = |chunk: Chunk| -> Result<()> {
                if let Some(known) = next.next() {
                    ensure!(known == chunk, "scenes differ from those of the earlier run; add --restart");
                    return Ok(());
                }
                workshop.job.require_same_source()?;
                log.chunk(chunk)?;
                let _ = sender.send(Message::Scene(chunk));
                Ok(())
            };
            detect(&workshop, &stop, &seen, &mut found)?;
            log.complete(frames)
        };
        let result = catch_unwind(AssertUnwindSafe(detect))
            .unwrap_or_else(|_| Err(anyhow!("detection panicked: this is a bug in av1enc")));
        let _ = sender.send(Message::DetectionDone(result));
    });
    Ok(())
}

/// Reads all frames of the film and hands on its chunks as they become final.
fn detect(
    workshop: &Workshop,
    stop: &AtomicBool,
    seen: &AtomicU64,
    found: &mut dyn FnMut(Chunk) -> Result<()>,
) -> Result<()> {
    let rules = &workshop.recipe.scenes;
    let frames = workshop.media.frames;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let clip = workshop.source.analysis_clip(rules.analysis_height, threads)?;
    let mut detector = Detector::new(clip.size(), rules.min);
    let mut splitter = Splitter::new(rules.max, rules.min);
    thread::scope(|scope| {
        // Decoded on a thread of its own: decoding and analysis overlap. Leaving the scope drops the receiver, which
        // ends that thread.
        let (sender, decoded) = crossbeam_channel::bounded(FRAMES_AHEAD);
        let clip = &clip;
        scope.spawn(move || {
            for n in 0..frames {
                let frame = clip.frame(n);
                let failed = frame.is_err();
                if stop.load(Ordering::Relaxed) || sender.send(frame).is_err() || failed {
                    return;
                }
            }
        });
        for frame in decoded.iter() {
            if let Some(judged) = detector.push(&frame?)?
                && let Some(chunk) = splitter.push(judged)
            {
                found(chunk)?;
            }
            seen.fetch_add(1, Ordering::Relaxed);
        }
        if stop.load(Ordering::Relaxed) {
            return Err(anyhow!("stopped"));
        }
        let seen = seen.load(Ordering::Relaxed);
        ensure!(seen == frames, "{seen} of {frames} frames could be read");
        for judged in detector.finish() {
            if let Some(chunk) = splitter.push(judged) {
                found(chunk)?;
            }
        }
        let last = splitter.finish(frames).context("the film has no frame")?;
        found(last)
    })
}
