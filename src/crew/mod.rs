//! The supervisor: one thread owns all state, others send it messages.
//!
//! Scenes come from the scout as they begin and end; a worker is a thread that encodes one of them and ends. Whatever
//! happens arrives on one of three channels: messages, signals, ticks. What is to be done about it, [`state`] decides;
//! here it is done.
//!
//! Locks: a worker's reel is locked before the shelf, never the other way round; neither is held while frames are
//! decoded or written. The register of running tools is a lock of its own, and taken last.

pub mod facts;
pub mod clock;
pub mod queue;
pub mod stall;
pub mod disk;
pub mod memory;
pub mod progress;
pub mod state;
mod scout;

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub use self::{
    scout::{Lookout, MOST_THREADS},
    state::{Elsewhere, LostChunks},
};

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::{Receiver, Sender, select, tick, unbounded};

use self::{
    facts::{Look, Seen, Sign},
    memory::{Appetite, Budget, Memory},
    queue::Scene,
    scout::{Scout, Scouted},
    state::{Crew, Happening, Order, Rules},
};
use crate::{
    cli::ChunkOrder,
    decide::{size::Allowed, target::Course},
    encoder::session::{Pulse, Vitals},
    event::{Sink, detail, note},
    film::media::Chunk,
    job::Encoded,
    neighbour::Board,
    os::{
        disk::Space,
        process::{self, Children, quoted},
        signal::{self, Signal},
        threads::{self, Seats},
    },
    scenes::reel::{Reel, Shelf},
    settings::MemoryLimit,
    source::{Frame, Reader},
    stream::y4m,
    work::{
        attempt::{Attempt, Purpose},
        chunk::{self, Failure, Workshop},
    },
};
use crate::{os::machine::Machine, plan::workers::Load};

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(250);
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

/// What is wanted of a crew.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Encoders at once, where memory allows.
    pub most_workers: usize,
    /// Level of parallelism of each.
    pub lp: u32,
    /// The largest one that the last chunks may have.
    pub most_lp: u32,
    /// Memory of the whole run.
    pub memory: MemoryLimit,
    /// Whether memory is so short that there is one encoder with nothing beside it.
    pub lean: bool,
    /// What an encoder is expected to take.
    pub load: Load,
    /// Which scene is encoded next.
    pub order: ChunkOrder,
    /// Processors on which encoders run.
    pub seats: Seats,
    /// Where it is posted how much the crew works.
    pub board: Board,
    /// Whether the first signal to stop lets running chunks finish.
    pub finish_chunks: bool,
    /// How long an encoder may make no progress; `None`: from frame size and preset.
    pub stall_timeout: Option<Duration>,
    /// How long a full disk is waited for.
    pub disk_patience: Duration,
    /// What the film is expected to take, in bytes.
    pub film_bytes: u64,
    /// How large the output may be, if that matters.
    pub allowed: Option<Allowed>,
    /// The way to the size that it is to have, if somebody wants one.
    pub course: Option<Course>,
    /// Whether chunks are waited for that others encode, who live.
    pub waits_for_others: bool,
}

/// What a crew has to do.
pub struct Work {
    /// What all chunks have in common.
    pub workshop: Workshop,
    /// Who delivers the film's pictures.
    pub reader: Reader,
    /// What is to be done beside the chunks.
    pub aside: Option<Aside>,
    /// The chunks that are to be encoded, where these are known and not all of the film's.
    pub only: Option<Vec<Chunk>>,
}

/// Finds the scenes of the film that the `lookout` is for, and encodes nothing. Returns how many frames there are.
///
/// # Errors
/// If the film cannot be read.
pub fn find_scenes(lookout: Lookout) -> Result<u64> {
    // Nobody takes frames from the shelf.
    lookout.shelf.close();
    Scout::new(lookout)?.run(&|_| ())
}

/// The chunks of the whole film, in order.
pub struct Film {
    /// All chunks.
    pub chunks: Vec<Encoded>,
    /// How many of them an earlier run had finished.
    pub resumed: usize,
}

/// Work that runs beside the chunks (sound); its failure fails the film. Returns how many bytes of sound the output will
/// have at least, where that matters.
pub type Aside = Box<dyn FnOnce() -> Result<u64> + Send>;

/// What threads say to the supervisor.
enum Message {
    Scouted(Scouted),
    /// How many frames the film has.
    DetectionDone(Result<u64>),
    /// The encoder of this attempt has only its last frames to encode.
    LastFrames(Purpose),
    Encoded(Encoded),
    Failed(Purpose, Failure),
    AsideDone(Result<u64>),
}

/// Finds the scenes and encodes all chunks of the film.
///
/// # Errors
/// [`signal::Interrupted`] if the user stops it; else every chunk that could not be encoded, or why detection failed.
pub fn run(work: Work, wishes: &Wishes, signals: &Receiver<Signal>, sink: &Sink) -> Result<Film> {
    let (sender, messages) = unbounded();
    let machine = Machine::look();
    let mut crew = crew(&work.workshop, wishes, machine, work.aside.is_some());
    let mut hall = Hall::new(work.workshop, work.reader, sender, sink.clone());
    hall.seats = wishes.seats.clone();
    hall.board = wishes.board.clone();
    hall.board.set_workers(Some(wishes.most_workers));
    if let Some(aside) = work.aside {
        hall.spawn("sound", aside, Message::AsideDone)?;
    }
    match work.only {
        Some(chunks) => hall.hand_out(chunks)?,
        None => hall.send_out_scout(wishes.lean)?,
    }
    let ticks = tick(TICK);
    let mut happening = Ok(Some(Happening::Looked(hall.look())));
    let outcome = loop {
        match happening
            .map(|happening| happening.and_then(|happening| hall.obey(&mut crew, happening)))
        {
            Ok(None) => (),
            Ok(Some(end)) => break end,
            Err(error) => break Err(error),
        }
        happening = select! {
            recv(messages) -> message => message.context("all workers are gone").and_then(|message| hall.hear(message)),
            recv(signals) -> signal => signal.context("the signal handler is gone").map(|signal| hall.heed(signal)),
            recv(ticks) -> _ => Ok(Some(Happening::Tick(hall.look()))),
        };
    };
    hall.board.set_workers(None);
    if outcome.is_err() {
        hall.stop(&messages, signals);
    }
    outcome?;
    Ok(Film {
        chunks: hall.finished.into_values().collect(),
        resumed: crew.done().resumed,
    })
}

/// The crew for a film, before anything has happened.
fn crew(workshop: &Workshop, wishes: &Wishes, machine: Machine, aside_pending: bool) -> Crew {
    let media = &workshop.media;
    // At the depth of the source most of the time; the difference is a margin.
    let frame_bytes = y4m::bytes(u64::from(media.width) * u64::from(media.height), 10);
    let mut budget = Budget::new(wishes.memory, machine, wishes.most_workers, frame_bytes);
    if wishes.lean {
        budget = budget.lean();
    }
    let now = Instant::now();
    let memory = Memory::new(
        Appetite::new(wishes.load.clone()),
        budget,
        wishes.most_workers,
        now,
    );
    let stall_timeout = || stall::timeout(media.width, media.height, workshop.recipe.video.preset);
    let rules = Rules {
        most_workers: wishes.most_workers,
        lp: wishes.lp,
        most_lp: wishes.most_lp,
        cores: machine.cores,
        finish_chunks: wishes.finish_chunks,
        order: wishes.order,
        stall_timeout: wishes.stall_timeout.unwrap_or_else(stall_timeout),
        disk_patience: wishes.disk_patience,
        film_bytes: wishes.film_bytes,
        job: quoted(workshop.job.named().as_os_str()),
        allowed: wishes.allowed.clone(),
        course: wishes.course.clone(),
        waits_for_others: wishes.waits_for_others,
    };
    Crew::new(rules, memory, media.frames, aside_pending, now)
}

/// Where the work is done: everything of a crew that is no decision.
struct Hall {
    workshop: Arc<Workshop>,
    reader: Reader,
    sender: Sender<Message>,
    sink: Sink,
    shelf: Arc<Shelf>,
    /// Frames that detection has seen.
    detected: Arc<AtomicU64>,
    /// Tells the scout to end.
    stop: Arc<AtomicBool>,
    /// The frames of every scene that is not encoded yet.
    reels: HashMap<usize, Arc<Reel<Frame>>>,
    /// How the attempts are doing that run.
    pulses: BTreeMap<Purpose, Arc<Pulse>>,
    finished: BTreeMap<usize, Encoded>,
    /// Processors on which encoders run.
    seats: Seats,
    /// Where it is posted how much the crew works.
    board: Board,
    /// Who sits where: each that runs has processors of its own, as far as there are enough.
    seated: BTreeMap<Purpose, usize>,
}

impl Hall {
    fn new(workshop: Workshop, reader: Reader, sender: Sender<Message>, sink: Sink) -> Self {
        Self {
            workshop: Arc::new(workshop),
            reader,
            sender,
            sink,
            shelf: Arc::default(),
            detected: Arc::default(),
            stop: Arc::default(),
            reels: HashMap::new(),
            pulses: BTreeMap::new(),
            finished: BTreeMap::new(),
            seats: Seats::default(),
            board: Board::default(),
            seated: BTreeMap::new(),
        }
    }

    /// Tells the crew what happens and does what it orders, and what it orders upon that. Returns what the run came to,
    /// if it is over.
    fn obey(&mut self, crew: &mut Crew, happening: Happening) -> Option<Result<()>> {
        let mut happens = Some(happening);
        while let Some(happening) = happens.take() {
            for order in crew.handle(happening, Instant::now()) {
                match order {
                    Order::Look => {
                        if let Err(lost) = self.workshop.job.require_lease() {
                            return Some(Err(lost));
                        }
                        happens = Some(Happening::Looked(self.look()));
                    }
                    Order::Start { scene, attempt } => {
                        if let Err(error) = self.start(scene, attempt) {
                            return Some(Err(error));
                        }
                    }
                    Order::Kill(purpose) => self.children().kill(self.pid_of(purpose)),
                    Order::Rest(purpose) => self.children().rest(self.pid_of(purpose)),
                    Order::Wake(purpose) => self.children().wake(self.pid_of(purpose)),
                    Order::Rewind(chunk) => {
                        if let Some(reel) = self.reels.get(&chunk) {
                            reel.rewind();
                        }
                    }
                    Order::Shed => {
                        for reel in self.waiting() {
                            reel.shed();
                        }
                    }
                    Order::Stock { room, hungry } => self.shelf.set(room, hungry),
                    Order::Tell(event) => (self.sink)(*event),
                    Order::End(end) => return Some(end),
                }
            }
        }
        None
    }

    /// What a message of a thread says has happened.
    ///
    /// # Errors
    /// What ends the run at once: detection or the work beside the chunks has failed, or the source is another one.
    fn hear(&mut self, message: Message) -> Result<Option<Happening>> {
        Ok(Some(match message {
            Message::Scouted(Scouted::Opened(reel)) => {
                let scene = Scene {
                    index: reel.index,
                    start: reel.start,
                    end: None,
                };
                let is_new = !self.workshop.job.has_record(reel.index);
                self.reels.insert(reel.index, reel);
                Happening::SceneBegins { scene, is_new }
            }
            Message::Scouted(Scouted::Closed(chunk)) => {
                // What runs already was no earlier run's.
                let finished = if self.pulses.contains_key(&Purpose::Chunk(chunk.index))
                    || self.finished.contains_key(&chunk.index)
                {
                    Ok(None)
                } else {
                    self.workshop.job.finished(chunk)
                };
                if let Err(why) = &finished {
                    note(
                        &self.sink,
                        format!("chunk {} is encoded again: {why}", chunk.index),
                    );
                }
                let finished = finished.ok().flatten();
                let record = finished.as_ref().map(|chunk| chunk.record().clone());
                if let Some(chunk) = finished {
                    self.keep(chunk);
                }
                Happening::SceneEnds { chunk, record }
            }
            Message::DetectionDone(frames) => {
                Happening::AllScenes(frames.context("finding the scenes failed")?)
            }
            Message::LastFrames(purpose) => Happening::LastFrames(purpose),
            Message::Encoded(chunk) => {
                let record = chunk.record().clone();
                self.keep(chunk);
                Happening::Encoded(record)
            }
            Message::Failed(purpose, failure) => {
                self.workshop.job.require_lease()?;
                if matches!(failure, Failure::Source(_)) {
                    self.workshop.job.require_same_source()?;
                }
                self.pulses.remove(&purpose);
                Happening::Failed {
                    purpose,
                    failure,
                    disk: self.disk(),
                }
            }
            Message::AsideDone(done) => Happening::AsideDone(done?),
        }))
    }

    /// What a signal means; Ctrl-Z and its end are obeyed here.
    fn heed(&self, signal: Signal) -> Option<Happening> {
        let children = self.children();
        match signal {
            Signal::SIGTSTP => {
                children.stop_all();
                signal::stop_self();
                children.resume_all();
                None
            }
            Signal::SIGCONT => {
                children.resume_all();
                None
            }
            signal => Some(Happening::Stop(signal)),
        }
    }

    /// A chunk is done: nobody needs its frames any more.
    fn keep(&mut self, chunk: Encoded) {
        let index = chunk.record().chunk.index;
        self.pulses.remove(&Purpose::Chunk(index));
        self.reels.remove(&index);
        self.finished.insert(index, chunk);
    }

    /// Does `work` on a thread of its own, which tools for looking at processes show under its name, and sends on what
    /// it comes to.
    fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> Result<T> + Send + 'static,
        message: impl FnOnce(Result<T>) -> Message + Send + 'static,
    ) -> Result<()> {
        let sender = self.sender.clone();
        let work = move || {
            // Nobody listens any more if the run was stopped.
            let _ = sender.send(message(caught(name, work)));
        };
        threads::start(name, work).map(drop)
    }

    /// Hands out chunks that are known.
    fn hand_out(&self, chunks: Vec<Chunk>) -> Result<()> {
        let frames = chunks.iter().map(Chunk::frames).sum();
        for chunk in chunks {
            self.sender
                .send(Message::Scouted(Scouted::known(chunk, &self.shelf)))?;
            self.sender.send(Message::Scouted(Scouted::Closed(chunk)))?;
        }
        Ok(self.sender.send(Message::DetectionDone(Ok(frames)))?)
    }

    /// Starts the search for scenes; `lean` with one thread for its decoder, which takes the least memory.
    fn send_out_scout(&self, lean: bool) -> Result<()> {
        let lookout = Lookout {
            workshop: self.workshop.clone(),
            reader: self.reader.clone(),
            shelf: self.shelf.clone(),
            detected: self.detected.clone(),
            stop: self.stop.clone(),
            threads: if lean { 1 } else { MOST_THREADS },
            hashes: false,
        };
        let scout = Scout::new(lookout)?;
        if scout.known() > 0 {
            detail(
                &self.sink,
                format!("{} scenes are known from an earlier run", scout.known()),
            );
        }
        let sender = self.sender.clone();
        let tell = move |found| {
            let _ = sender.send(Message::Scouted(found));
        };
        self.spawn("scout", move || scout.run(&tell), Message::DetectionDone)
    }

    /// Starts a worker on the scene with this index.
    fn start(&mut self, scene: usize, attempt: Attempt) -> Result<()> {
        let purpose = attempt.purpose;
        let reel = self
            .reels
            .get(&scene)
            .cloned()
            .context("a scene without frames: this is a bug in av1enc")?;
        let waker = self.sender.clone();
        let pulse = Arc::new(Pulse::new(move || {
            let _ = waker.send(Message::LastFrames(purpose));
        }));
        self.pulses.insert(purpose, pulse.clone());
        let place = self.seat_of(purpose);
        let seats = self.seats.clone();
        let workshop = self.workshop.clone();
        let reader = self.reader.clone();
        self.spawn(
            "worker",
            move || {
                // The encoder inherits it.
                seats.take(place)?;
                Ok(chunk::encode(&workshop, &reader, &reel, attempt, &pulse))
            },
            move |result| match result.unwrap_or_else(|panic| Err(Failure::Other(panic))) {
                Ok(encoded) => Message::Encoded(encoded),
                Err(failure) => Message::Failed(purpose, failure),
            },
        )
    }

    /// The first seat that no encoder has which still runs.
    fn seat_of(&mut self, purpose: Purpose) -> usize {
        let pulses = &self.pulses;
        self.seated
            .retain(|taken, _| *taken != purpose && pulses.contains_key(taken));
        let is_free = |place: &usize| !self.seated.values().any(|taken| taken == place);
        let place = (0..).find(is_free).unwrap_or_default();
        self.seated.insert(purpose, place);
        place
    }

    fn children(&self) -> &Children {
        &self.workshop.tools.children
    }

    /// The process of an attempt; 0, which is no tool's, if it has none yet.
    fn pid_of(&self, purpose: Purpose) -> i32 {
        self.pulses
            .get(&purpose)
            .map_or(0, |pulse| pulse.vitals().pid)
    }

    /// The frames of scenes that nobody has begun.
    fn waiting(&self) -> impl Iterator<Item = &Arc<Reel<Frame>>> {
        self.reels
            .values()
            .filter(|reel| !self.pulses.contains_key(&Purpose::Chunk(reel.index)))
    }

    /// Looks at the machine and at every encoder.
    fn look(&self) -> Look {
        Look {
            encoders: self
                .pulses
                .iter()
                .map(|(purpose, pulse)| self.sign(*purpose, pulse))
                .collect(),
            seen: Seen {
                machine: Machine::look(),
                own: self.own_memory(),
                held: self.shelf.held(),
            },
            waiting_frames: self.waiting().map(|reel| reel.held()).sum(),
            disk: self.disk(),
            detected: self.detected.load(Ordering::Relaxed),
            stance: self.board.stance(),
        }
    }

    fn sign(&self, purpose: Purpose, pulse: &Pulse) -> Sign {
        let part = self.workshop.job.unfinished(purpose.file());
        let Vitals {
            pid,
            fed,
            encoded,
            peak_memory,
        } = pulse.vitals();
        Sign {
            purpose,
            resident: process::resident(pid),
            peak: peak_memory,
            fed,
            encoded,
            bytes: fs::metadata(part).map_or(0, |metadata| metadata.len()),
        }
    }

    /// Resident memory of this process and its tools, in bytes.
    fn own_memory(&self) -> u64 {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        self.workshop
            .tools
            .children
            .pids()
            .into_iter()
            .chain([own])
            .map(process::resident)
            .sum()
    }

    fn disk(&self) -> Option<Space> {
        crate::os::disk::space(self.workshop.job.dir())
            .ok()
            .flatten()
    }

    /// Kills all encoders and waits until their workers have noticed. A second signal ends the waiting.
    fn stop(&mut self, messages: &Receiver<Message>, signals: &Receiver<Signal>) {
        self.stop.store(true, Ordering::Relaxed);
        self.workshop.tools.children.close();
        self.shelf.close();
        for reel in self.reels.values() {
            reel.abandon();
        }
        let deadline = crossbeam_channel::after(STOP_GRACE);
        while !self.pulses.is_empty() {
            select! {
                recv(messages) -> message => match message {
                    Ok(Message::Encoded(chunk)) => self.keep(chunk),
                    Ok(Message::Failed(purpose, _)) => { self.pulses.remove(&purpose); }
                    _ => (),
                },
                recv(signals) -> _ => return,
                recv(deadline) -> _ => return,
            }
        }
    }
}

/// What `work` comes to; that it panics is an error like others, or the supervisor would wait for it for ever.
fn caught<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(anyhow!(
            "the thread of the {name} panicked: this is a bug in av1enc"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_panics_is_heard_of() {
        let error = caught::<()>("sound", || panic!("a slip"))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "the thread of the sound panicked: this is a bug in av1enc"
        );
        assert_eq!(caught("sound", || Ok(7)).unwrap(), 7);
    }
}
