//! The supervisor: one thread owns all state, others send it messages.
//!
//! Scenes come from the scout as they begin and end; a worker is a thread that encodes one of them and ends. Whatever
//! happens arrives on one of three channels: messages, signals, ticks. How many workers there may be is decided anew
//! whenever one could be started, by what memory allows at that moment.

pub mod budget;
mod scout;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
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

use self::{
    budget::{Appetite, Budget, Load, Machine, Verdict, Worker},
    scout::{Found, Scout},
};
use crate::{
    chunk::{self, EncodedChunk, Failure, Pulse, Workshop},
    config::MemoryLimit,
    disk,
    event::{Event, Progress, Sink, detail, note, warn},
    job::Job,
    media::Chunk,
    process::{self, quoted},
    reel::{Reel, Shelf},
    signal::{self, Interrupted, Signal},
    source::{Frame, places::Mismatch},
    words::gib,
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
/// How long what was seen of memory holds, as long as it said that there is room.
const FRESH: Duration = Duration::from_millis(100);
/// A change of what memory allows that lasts so long is said; and so long after an encoder was stopped, memory is looked
/// at before the next one is.
const LASTING: Duration = Duration::from_secs(1);
/// Room on the job's disk below which no new chunk is begun, and the part of the mean chunk that each running one may
/// still write.
const DISK_FLOOR: u64 = 8 << 20;
const CHUNKS_AHEAD: u64 = 2;
/// How long a full disk is waited for.
const DISK_PATIENCE: Duration = Duration::from_secs(600);
/// How often the only encoder is stopped for want of memory: where that does not help, stopping it again and again would
/// never end, and it may fit after all.
const LONE_STOPS: usize = 2;
/// How long no encoder at all may run for want of memory, before one is tried in spite of it.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long stopped workers are waited for.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The film has other scenes than an earlier run has found.
#[derive(Debug)]
pub struct OtherScenes;

impl fmt::Display for OtherScenes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scenes differ from those of the earlier run; add --restart")
    }
}

impl std::error::Error for OtherScenes {}

/// What workers and the scout say to the supervisor.
enum Message {
    Found(Found),
    /// How many frames the film has.
    DetectionDone(Result<u64>),
    /// An encoder has only its last frames to encode.
    Ending,
    Encoded(EncodedChunk),
    /// The chunk with this index.
    Failed(usize, Failure),
    Audio(Result<()>),
}

/// A scene that waits for a worker.
struct Waiting {
    reel: Arc<Reel<Frame>>,
    tries: u32,
    not_before: Instant,
    /// Whether it is certain that no earlier run has encoded it.
    is_new: bool,
}

/// A chunk that is being encoded.
struct AtWork {
    reel: Arc<Reel<Frame>>,
    lp: u32,
    tries: u32,
    started: Instant,
    pulse: Arc<Pulse>,
    /// Frames given and reported when it was last looked at.
    moved: u64,
    /// How long nothing has moved.
    still: Duration,
    ended: Option<Ended>,
}

/// Why the supervisor itself has killed an encoder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It made no progress.
    Hung,
    /// Memory was short.
    ForMemory,
}

/// How a crew works.
pub struct Rules {
    /// Encoders at once, where memory allows.
    pub most: usize,
    /// Level of parallelism of each.
    pub lp: u32,
    /// The largest one that the last chunks may have.
    pub most_lp: u32,
    /// Memory of the whole run.
    pub memory: MemoryLimit,
    /// What an encoder is expected to take.
    pub load: Load,
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
        spawn("sound", move || {
            let _ = sender.send(Message::Audio(aside()));
        })?;
    }
    let media = &workshop.media;
    let stall_timeout =
        rules.stall_timeout.unwrap_or_else(|| stall_timeout(media.width, media.height, workshop.recipe.preset));
    let machine = Machine::look();
    // At the depth of the source most of the time; the difference is a margin.
    let frame_bytes = u64::from(media.width) * u64::from(media.height) * 3;
    let budget = Budget::new(rules.memory, machine, rules.most, frame_bytes);
    let seen = Arc::new(AtomicU64::new(0));
    let mut crew = Crew {
        disk_patience: rules.stall_timeout.unwrap_or(DISK_PATIENCE),
        disk_full: None,
        stall_timeout,
        looked: Instant::now(),
        shelf: Arc::new(Shelf::default()),
        sender,
        sink: sink.clone(),
        most: rules.most,
        lp: rules.lp,
        most_lp: rules.most_lp,
        cores: machine.cores,
        appetite: Appetite::new(rules.load.clone()),
        verdict: budget.judge(machine, 0, 0, &[], rules.most, 1),
        seen_at: Instant::now(),
        budget,
        allowed: Allowed { said: rules.most, now: rules.most, since: Instant::now() },
        last_stop: None,
        lone_stops: 0,
        queue: BTreeMap::new(),
        at_work: HashMap::new(),
        finished: BTreeMap::new(),
        finished_frames: 0,
        finished_bytes: 0,
        failed: Vec::new(),
        failures: 0,
        seen: seen.clone(),
        known_chunks: 0,
        total_frames: media.frames,
        detected_all: false,
        resumed_frames: 0,
        resumed: 0,
        started: Instant::now(),
        workshop: workshop.clone(),
    };
    crew.look();
    crew.stock_shelf();
    let scout = Scout::new(workshop, crew.shelf.clone(), seen, stop.clone())?;
    if scout.known() > 0 {
        detail(sink, format!("{} scenes are known from an earlier run", scout.known()));
    }
    send_out(scout, crew.sender.clone())?;
    let ticks = tick(TICK);
    // The signal after which no new chunk is begun.
    let mut leaving: Option<Signal> = None;
    let outcome = loop {
        match leaving {
            // Looked at before every start: what finds no room is not begun, again and again.
            None => {
                if let Err(error) = crew.watch_disk().and_then(|()| crew.start_workers()) {
                    break Err(error);
                }
            }
            Some(signal) if crew.at_work.is_empty() => break Err(Interrupted(signal).into()),
            Some(_) => (),
        }
        crew.stock_shelf();
        if crew.detected_all && crew.queue.is_empty() && crew.at_work.is_empty() && !aside_pending {
            break crew.result();
        }
        select! {
            recv(messages) -> message => match message {
                Ok(Message::Found(Found::Opened(reel))) => crew.open(reel),
                Ok(Message::Found(Found::Closed(chunk))) => crew.add(chunk),
                // There may be room for another one: that is looked at above.
                Ok(Message::Ending) => (),
                Ok(Message::DetectionDone(Ok(frames))) => (crew.detected_all, crew.total_frames) = (true, frames),
                Ok(Message::DetectionDone(Err(error))) => break Err(error.context("finding the scenes failed")),
                Ok(Message::Encoded(chunk)) => crew.encoded(chunk),
                Ok(Message::Failed(index, failure)) => if let Err(error) = crew.failed(index, failure) {
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
                crew.watch_memory();
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

/// Does `work` on a thread of its own, which tools for looking at processes show under its name.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).context("cannot start a thread")
}

/// Starts the scout.
fn send_out(scout: Scout, sender: Sender<Message>) -> Result<()> {
    spawn("scout", move || {
        let tell = |found| {
            // Nobody listens any more if the run was stopped.
            let _ = sender.send(Message::Found(found));
        };
        let result = catch_unwind(AssertUnwindSafe(|| scout.run(&tell)))
            .unwrap_or_else(|_| Err(anyhow!("detection panicked: this is a bug in av1enc")));
        let _ = sender.send(Message::DetectionDone(result));
    })
}

/// State of the supervisor.
struct Crew {
    workshop: Arc<Workshop>,
    sender: Sender<Message>,
    sink: Sink,
    shelf: Arc<Shelf>,
    /// Encoders at once, where memory allows; those that are about to end are not counted.
    most: usize,
    lp: u32,
    most_lp: u32,
    cores: usize,
    appetite: Appetite,
    budget: Budget,
    /// How much more may run, when it was last looked at, less what was started since.
    verdict: Verdict,
    seen_at: Instant,
    allowed: Allowed,
    /// When an encoder was last stopped for want of memory.
    last_stop: Option<Instant>,
    /// How often that was the only one.
    lone_stops: usize,
    stall_timeout: Duration,
    /// When the encoders were last looked at.
    looked: Instant,
    disk_patience: Duration,
    /// Since when the job's disk is too full for another chunk.
    disk_full: Option<Instant>,
    queue: BTreeMap<usize, Waiting>,
    at_work: HashMap<usize, AtWork>,
    finished: BTreeMap<usize, EncodedChunk>,
    finished_frames: u64,
    finished_bytes: u64,
    failed: Vec<(Arc<Reel<Frame>>, Failure)>,
    /// Failures of any chunk for which neither the source nor memory was the reason.
    failures: usize,
    /// Frames that detection has seen.
    seen: Arc<AtomicU64>,
    known_chunks: usize,
    /// Frames of the film; as long as detection goes on, those that are expected.
    total_frames: u64,
    detected_all: bool,
    resumed_frames: u64,
    resumed: usize,
    started: Instant,
}

/// How many workers memory allows, so that a change is said once it lasts.
struct Allowed {
    said: usize,
    now: usize,
    since: Instant,
}

impl Crew {
    /// A scene begins: its encoder may, too.
    fn open(&mut self, reel: Arc<Reel<Frame>>) {
        let is_new = !self.workshop.job.has_record(reel.index);
        self.queue.insert(reel.index, Waiting { reel, tries: 0, not_before: self.started, is_new });
    }

    /// A scene has ended: it is done already, or waits, or is being encoded.
    fn add(&mut self, chunk: Chunk) {
        self.known_chunks += 1;
        let Some(waiting) = self.queue.get_mut(&chunk.index) else { return };
        waiting.is_new = true;
        match self.workshop.job.finished(chunk) {
            Ok(Some(record)) => {
                self.resumed += 1;
                self.resumed_frames += chunk.frames();
                self.queue.remove(&chunk.index);
                self.finish(EncodedChunk(record));
            }
            Ok(None) => (),
            Err(why) => note(&self.sink, format!("chunk {} is encoded again: {why}", chunk.index)),
        }
    }

    fn finish(&mut self, chunk: EncodedChunk) {
        let record = chunk.record();
        self.appetite.learn(record.lp, record.peak_memory, record.chunk.frames());
        self.finished_frames += record.chunk.frames();
        self.finished_bytes += record.bytes;
        self.finished.insert(record.chunk.index, chunk);
    }

    /// The scene that is encoded next: the longest, since it would make everybody wait at the end. One whose end is not
    /// known comes last.
    fn next(&self) -> Option<usize> {
        let now = Instant::now();
        let ready = self.queue.values().filter(|waiting| waiting.is_new && waiting.not_before <= now);
        let length = |waiting: &Waiting| waiting.reel.chunk().map_or(0, |chunk| chunk.frames());
        ready.map(|waiting| (length(waiting), Reverse(waiting.reel.index))).max().map(|(_, Reverse(index))| index)
    }

    /// Starts as many workers as there is room and work for.
    fn start_workers(&mut self) -> Result<()> {
        while self.disk_full.is_none() && self.busy() < self.most && self.at_work.len() < 2 * self.most {
            let Some(index) = self.next() else { break };
            let lp = self.lp_of_next();
            // Somebody must work, but not before there was time to see what the end of the last one has left.
            if !self.at_work.is_empty() || self.last_stop.is_some_and(|last| last.elapsed() < PATIENCE) {
                // With many workers, looking at each of them for every start would cost more than starting.
                if self.verdict.more == 0 || lp != self.lp || self.seen_at.elapsed() >= FRESH {
                    self.look_for(lp);
                }
                if self.verdict.more == 0 {
                    break;
                }
            }
            if let Some(waiting) = self.queue.remove(&index) {
                self.start(waiting, lp)?;
                self.verdict.more = self.verdict.more.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// Encoders that are not about to end.
    fn busy(&self) -> usize {
        self.at_work.values().filter(|work| !work.pulse.ending.load(Ordering::Acquire)).count()
    }

    /// The last chunks get the cores that would be idle.
    fn lp_of_next(&self) -> u32 {
        if !self.detected_all {
            return self.lp;
        }
        let lp = self.appetite.lp_for_one_of_the_last(self.cores, self.most, self.queue.len(), self.lp);
        lp.min(self.most_lp).max(self.lp)
    }

    fn start(&mut self, Waiting { reel, tries, .. }: Waiting, lp: u32) -> Result<()> {
        let (index, start) = (reel.index, reel.start);
        let waker = self.sender.clone();
        let pulse = Arc::new(Pulse::new(move || {
            let _ = waker.send(Message::Ending);
        }));
        let (workshop, sender, shared, frames) =
            (self.workshop.clone(), self.sender.clone(), pulse.clone(), reel.clone());
        spawn("worker", move || {
            let result = catch_unwind(AssertUnwindSafe(|| chunk::encode(&workshop, &frames, lp, &shared)))
                .unwrap_or_else(|_| Err(Failure::Other(anyhow!("a worker panicked: this is a bug in av1enc"))));
            let _ = sender.send(match result {
                Ok(encoded) => Message::Encoded(encoded),
                Err(failure) => Message::Failed(index, failure),
            });
        })?;
        detail(
            &self.sink,
            match reel.chunk() {
                Some(chunk) => format!("chunk {index}: frames {start} to {}, encoding", chunk.end - 1),
                None => format!("chunk {index}: frames from {start} on, encoding"),
            },
        );
        let (started, moved, still) = (Instant::now(), 0, Duration::ZERO);
        self.at_work.insert(index, AtWork { reel, lp, tries: tries + 1, started, pulse, moved, still, ended: None });
        Ok(())
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
        self.finish(chunk);
    }

    /// A chunk failed: it is tried again, or given up. Of what the supervisor did itself, nothing is the encoder's
    /// fault.
    ///
    /// # Errors
    /// If the source is gone or another one, or nothing at all can be encoded: all other chunks would fail as well.
    fn failed(&mut self, index: usize, failure: Failure) -> Result<()> {
        let Some(work) = self.at_work.remove(&index) else { return Ok(()) };
        let AtWork { reel, tries, ended, .. } = work;
        reel.rewind();
        let again = |tries, not_before| Waiting { reel: reel.clone(), tries, not_before, is_new: true };
        let failure = match ended {
            Some(Ended::Hung) => {
                let seconds = self.stall_timeout.as_secs();
                Failure::Other(anyhow!("the encoder made no progress for {seconds} s and was killed"))
            }
            Some(Ended::ForMemory) => {
                self.queue.insert(index, again(tries - 1, Instant::now()));
                return Ok(());
            }
            // Why detection has ended, it will say itself.
            None if matches!(failure, Failure::Abandoned) => return Ok(()),
            None => failure,
        };
        if !matches!(failure, Failure::Source(_)) && self.disk_room().is_some_and(|room| room < self.disk_need()) {
            // Waits until there is room again; not counted as a try.
            self.queue.insert(index, again(tries - 1, Instant::now()));
            return Ok(());
        }
        if let Failure::Source(error) = failure {
            self.workshop.job.require_same_source()?;
            detail(&self.sink, format!("chunk {index}: {error:#}"));
            // All that this reader has delivered is in doubt.
            if error.is::<Mismatch>() {
                return Err(error);
            }
            return self.given_up(reel, Failure::Source(error));
        }
        if matches!(failure, Failure::Killed(_)) && self.most > 1 {
            self.most -= 1;
            warn(
                &self.sink,
                format!("an encoder was killed, most likely for want of memory: going on with {} workers", self.most),
            );
        }
        detail(&self.sink, format!("chunk {index}: {failure}"));
        self.failures += usize::from(matches!(failure, Failure::Other(_)));
        if self.finished.is_empty() && self.failures >= HOPELESS {
            return Err(anyhow!("no chunk can be encoded: {failure}"));
        }
        if tries >= TRIES {
            return self.given_up(reel, failure);
        }
        let line = failure.line();
        warn(&self.sink, format!("chunk {index} failed (try {tries} of {TRIES}) and is tried again: {line}"));
        self.queue.insert(index, again(tries, Instant::now() + BACK_OFF * 2_u32.pow(tries - 1)));
        Ok(())
    }

    /// A chunk is not tried again.
    fn given_up(&mut self, reel: Arc<Reel<Frame>>, failure: Failure) -> Result<()> {
        let line = failure.line();
        warn(&self.sink, format!("chunk {} failed for good, the others are finished first: {line}", reel.index));
        self.failed.push((reel, failure));
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
                work.ended = Some(Ended::Hung);
                self.workshop.children.kill(work.pulse.pid.load(Ordering::Relaxed));
            }
        }
    }

    /// Looks at memory, for the next worker.
    fn look(&mut self) {
        self.look_for(self.lp);
    }

    /// Looks at memory, for a worker with `lp`.
    fn look_for(&mut self, lp: u32) {
        let mut running = Vec::with_capacity(self.at_work.len());
        for work in self.at_work.values() {
            let pid = work.pulse.pid.load(Ordering::Relaxed);
            let peak = work.pulse.look_at_memory();
            if peak > self.appetite.worker(work.lp) {
                self.appetite.learn(work.lp, peak, 0);
            }
            running.push(Worker { now: process::resident(pid), expected: self.appetite.worker(work.lp) });
        }
        let next = self.appetite.worker(lp);
        self.verdict =
            self.budget.judge(Machine::look(), self.own_memory(), self.shelf.held(), &running, self.most, next);
        self.seen_at = Instant::now();
    }

    /// Resident memory of this process and its tools, in bytes.
    fn own_memory(&self) -> u64 {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        self.workshop.children.pids().into_iter().chain([own]).map(process::resident).sum()
    }

    /// Tells the scout how much it may hold, and whether an encoder waits for work.
    fn stock_shelf(&self) {
        let hungry = self.queue.is_empty() && self.busy() < self.most && self.verdict.more > 0;
        self.shelf.set(self.verdict.shelf, hungry);
    }

    /// Gives up what must be given up while memory is short, and says how many workers it allows.
    fn watch_memory(&mut self) {
        self.look();
        if self.verdict.alarm && self.queue.values().map(|waiting| waiting.reel.shed()).sum::<usize>() == 0 {
            self.stop_youngest();
        }
        let allowed = self.busy().saturating_add(self.verdict.more).clamp(1, self.most);
        let now = Instant::now();
        if allowed != self.allowed.now {
            (self.allowed.now, self.allowed.since) = (allowed, now);
        }
        // What will not be used needs no word.
        let is_news = self.allowed.said != allowed && now.duration_since(self.allowed.since) >= LASTING;
        if is_news && (!self.queue.is_empty() || !self.detected_all) {
            note(
                &self.sink,
                format!(
                    "workers: at most {} -> {allowed}: {} of memory left, a worker needs {}",
                    self.allowed.said,
                    self.verdict.left.map_or_else(|| "any amount".to_owned(), gib),
                    gib(self.appetite.worker(self.lp))
                ),
            );
            self.allowed.said = allowed;
        }
    }

    /// Stops the encoder that has done least, before the kernel chooses one. Its chunk is encoded again.
    fn stop_youngest(&mut self) {
        let wait_on = self.last_stop.is_some_and(|last| last.elapsed() < LASTING);
        let alive = || self.at_work.iter().filter(|(_, work)| work.ended.is_none());
        let lone = alive().count() < 2;
        if wait_on || lone && !(self.verdict.last_resort && self.lone_stops < LONE_STOPS) {
            return;
        }
        self.lone_stops += usize::from(lone);
        let Some(index) = alive().max_by_key(|(_, work)| work.started).map(|(index, _)| *index) else { return };
        let left = self.verdict.left.map(gib).unwrap_or_default();
        note(
            &self.sink,
            format!("memory is nearly full, {left} left: chunk {index} is stopped, and encoded again later"),
        );
        self.last_stop = Some(Instant::now());
        if let Some(work) = self.at_work.get_mut(&index) {
            work.ended = Some(Ended::ForMemory);
            self.workshop.children.kill(work.pulse.pid.load(Ordering::Relaxed));
        }
    }

    /// Bytes that can still be written into the job directory; `None` if the system does not say.
    fn disk_room(&self) -> Option<u64> {
        disk::room(self.workshop.job.dir()).ok()
    }

    /// Bytes that a full crew and one more may still write: not those at work now, or the limit would move with them.
    fn disk_need(&self) -> u64 {
        let mean = self.finished_bytes / (self.finished.len() as u64).max(1);
        DISK_FLOOR + mean * CHUNKS_AHEAD * (self.most as u64 + 1)
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
        self.failed.sort_by_key(|(reel, _)| reel.index);
        if let Some((first, failure)) = self.failed.first() {
            let mut numbers: Vec<String> =
                self.failed.iter().take(FAILURES_NAMED).map(|(reel, _)| reel.index.to_string()).collect();
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
                first.chunk().map_or(first.start, |chunk| chunk.end - 1)
            ));
        }
        let chunks: Vec<EncodedChunk> = std::mem::take(&mut self.finished).into_values().collect();
        let frames: u64 = chunks.iter().map(|chunk| chunk.record().chunk.frames()).sum();
        ensure!(
            frames == self.total_frames,
            "chunks of {frames} frames were encoded, the source has {}",
            self.total_frames
        );
        // The progress that is shown last needs them.
        self.finished = chunks.iter().map(|chunk| (chunk.record().chunk.index, chunk.clone())).collect();
        Ok(Encoded { chunks, resumed: self.resumed })
    }

    fn progress(&self) -> Progress {
        let encoded = |work: &AtWork| {
            let encoded = work.pulse.encoded.load(Ordering::Relaxed);
            encoded.min(work.pulse.fed.load(Ordering::Relaxed))
        };
        let frames = self.finished_frames + self.at_work.values().map(encoded).sum::<u64>();
        let total_frames = self.total_frames.max(frames);
        let part_bytes: u64 = self
            .at_work
            .keys()
            .filter_map(|index| fs::metadata(self.workshop.job.dir().join(Job::chunk_part_name(*index))).ok())
            .map(|metadata| metadata.len())
            .sum();
        let elapsed_seconds = self.started.elapsed().as_secs_f64();
        let fps = (frames - self.resumed_frames) as f64 / elapsed_seconds.max(1e-3);
        let enough = frames > self.resumed_frames && fps > 0.0;
        Progress {
            frames,
            total_frames,
            detected_frames: if self.detected_all { total_frames } else { self.seen.load(Ordering::Relaxed) },
            chunks: self.finished.len(),
            total_chunks: self.known_chunks,
            fps,
            elapsed_seconds,
            eta_seconds: enough.then(|| (total_frames - frames) as f64 / fps),
            bytes: self.finished_bytes + part_bytes,
            expected_bytes: (self.finished_frames > 0)
                .then(|| (self.finished_bytes as f64 / self.finished_frames as f64 * total_frames as f64) as u64),
            workers: self.at_work.len(),
            memory_bytes: self.own_memory(),
        }
    }

    /// Kills all encoders and waits until their workers have noticed. A second signal ends the waiting.
    fn stop(&mut self, messages: &Receiver<Message>, signals: &Receiver<Signal>) {
        self.workshop.children.close();
        self.shelf.close();
        for work in self.at_work.values() {
            work.reel.abandon();
        }
        let deadline = crossbeam_channel::after(STOP_GRACE);
        while !self.at_work.is_empty() {
            select! {
                recv(messages) -> message => match message {
                    Ok(Message::Encoded(chunk)) => self.encoded(chunk),
                    Ok(Message::Failed(index, _)) => { self.at_work.remove(&index); }
                    _ => (),
                },
                recv(signals) -> _ => return,
                recv(deadline) -> _ => return,
            }
        }
    }
}
