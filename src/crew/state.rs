//! What the crew knows, and every decision it takes: from what happens to what is to be done.
//!
//! Nothing here starts a thread, looks at a clock or asks the machine. Who obeys the orders is in [`super`].

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Error, Result, anyhow, bail, ensure};

use super::{
    clock::Clock,
    disk::{self, Disk, Turn},
    facts::{Done, Extent, Look, Sign},
    memory::{Footprint, Memory, Verdict},
    progress::{self, Pace},
    queue::{Queue, Scene, TRIES, Waiting},
    stall::Stillness,
};
use crate::{
    cli::ChunkOrder,
    decide::{
        size::{Allowed, Sizes},
        target::Course,
    },
    event::{Event, Progress},
    film::media::Chunk,
    job::{ChunkRecord, Judgement, Sighting},
    neighbour::policy::{Pause, Stance},
    os::{
        disk::Space,
        exit::TooLarge,
        room::NoRoom,
        signal::{Interrupted, Signal},
        words::{count, gib},
    },
    source::places::Mismatch,
    work::{
        attempt::{Attempt, Purpose},
        chunk::{Failure, OtherFrames},
    },
};

/// So many failures before anything has succeeded mean that nothing will. Chosen, two chunks with all of their tries: at half, one
/// chunk that cannot be encoded ends a run whose others can; at double, four are tried before the user learns that none works.
const HOPELESS: usize = 6;
/// After so long a chunk is asked for again that somebody else encodes.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How many failed chunks are named.
const FAILURES_NAMED: usize = 10;
/// How long what was seen of the machine holds: with many workers, looking at each of them for every start would cost
/// more than starting.
const FRESH: Duration = Duration::from_millis(100);

/// Chunks that could not be encoded.
#[derive(Debug)]
pub struct LostChunks {
    sentence: String,
    /// Whether what was in the way of all of them may not stay: memory or a disk.
    pub may_help_later: bool,
    /// Whether all failed because their frames could not be read.
    pub are_of_source: bool,
}

impl fmt::Display for LostChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for LostChunks {}

/// Chunks that others encode, who live, and for which this run does not wait.
#[derive(Debug)]
pub struct Elsewhere {
    /// Which, and who.
    pub chunks: Vec<(usize, String)>,
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chunk = |(index, by): &(usize, String)| format!("chunk {index} by {by}");
        let named: Vec<String> = self.chunks.iter().take(FAILURES_NAMED).map(chunk).collect();
        let more = self.chunks.len().saturating_sub(named.len());
        write!(f, "encoded elsewhere right now: {}", named.join(", "))?;
        match more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl std::error::Error for Elsewhere {}

/// What happens.
#[derive(Debug)]
pub enum Happening {
    /// A scene begins; whether it is certain that no earlier run has encoded it.
    SceneBegins {
        /// Which.
        scene: Scene,
        /// Whether no earlier run has encoded it, for certain.
        is_new: bool,
    },
    /// A scene has ended.
    SceneEnds {
        /// What it has turned out to be.
        chunk: Chunk,
        /// What an earlier run has made of it.
        record: Option<ChunkRecord>,
    },
    /// All scenes are known: so many frames the film has.
    AllScenes(u64),
    /// The encoder of this attempt has only its last frames to encode.
    LastFrames(Purpose),
    /// A chunk is encoded.
    Encoded(ChunkRecord),
    /// An attempt has failed.
    Failed {
        /// Which.
        purpose: Purpose,
        /// How.
        failure: Failure,
        /// The job's disk at that moment.
        disk: Option<Space>,
    },
    /// The work beside the chunks is done: so many bytes of sound the output will have at least.
    AsideDone(u64),
    /// The user wants it to stop.
    Stop(Signal),
    /// The machine was looked at, as ordered.
    Looked(Look),
    /// The machine was looked at because it was time to.
    Tick(Look),
}

/// What is to be done.
#[derive(Debug)]
pub enum Order {
    /// Look at the machine.
    Look,
    /// Start an encoder.
    Start {
        /// Index of the scene whose frames it gets.
        scene: usize,
        /// How.
        attempt: Attempt,
    },
    /// Kill the encoder of this attempt. That it has failed is heard of as any failure.
    Kill(Purpose),
    /// Stop the encoder of this attempt, and keep it.
    Rest(Purpose),
    /// Let the encoder of this attempt go on.
    Wake(Purpose),
    /// The frames of this scene are needed from its first one on again.
    Rewind(usize),
    /// Frames of scenes that nobody has begun are let go.
    Shed,
    /// So many bytes of frames may wait for an encoder; whether encoders will soon have nothing to do.
    Stock {
        /// Bytes.
        room: u64,
        /// Whether encoders will soon have nothing to do.
        hungry: bool,
    },
    /// Tell the user.
    Tell(Box<Event>),
    /// The run is over: all chunks are encoded, or why not.
    End(Result<()>),
}

/// How a crew works.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Encoders at once, where memory allows; those that are about to end are not counted.
    pub most_workers: usize,
    /// Level of parallelism of each.
    pub lp: u32,
    /// The largest one that the last chunks may have.
    pub most_lp: u32,
    /// Processors of the machine.
    pub cores: usize,
    /// Whether the first signal to stop lets running chunks finish.
    pub finish_chunks: bool,
    /// Which scene is encoded next.
    pub order: ChunkOrder,
    /// How long an encoder may make no progress.
    pub stall_timeout: Duration,
    /// How long a full disk is waited for.
    pub disk_patience: Duration,
    /// What the film is expected to take, in bytes.
    pub film_bytes: u64,
    /// The job directory, as people read it.
    pub job: String,
    /// How large the output may be, if that matters.
    pub allowed: Option<Allowed>,
    /// The way to the size that it is to have, if somebody wants one.
    pub course: Option<Course>,
    /// Whether chunks are waited for that others encode, who live.
    pub waits_for_others: bool,
}

/// An attempt that runs.
#[derive(Debug)]
struct Running {
    attempt: Attempt,
    scene: Scene,
    started: Instant,
    stillness: Stillness,
    sign: Sign,
    /// Whether it has only its last frames to encode.
    ending: bool,
    killed: Option<Killed>,
    /// Whether it is stopped, since there are to be fewer.
    rests: bool,
}

impl Running {
    /// How often its scene was tried before.
    fn tries_before(&self) -> u32 {
        self.attempt.number - 1
    }
}

/// Why we have killed an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Killed {
    /// It made no progress.
    Hung,
    /// Memory was short.
    ForMemory,
    /// A pause is long.
    ForPause,
}

/// The crew's state.
#[derive(Debug)]
pub struct Crew {
    rules: Rules,
    pace: Pace,
    extent: Extent,
    queue: Queue,
    running: BTreeMap<Purpose, Running>,
    done: Done,
    sizes: Sizes,
    /// Bytes of sound that the output will have at least.
    sound: u64,
    /// Whether it was said that the output may be too large.
    doubted: bool,
    lost: Vec<(Scene, Failure)>,
    /// Chunks that others were at when they were last asked for.
    by_others: BTreeMap<usize, Sighting>,
    /// Failures for which neither the source nor memory was the reason.
    failures: usize,
    memory: Memory,
    disk: Disk,
    look: Option<(Look, Instant)>,
    stance: Stance,
    clock: Clock,
    stocked: Option<(u64, bool)>,
    /// Whether work beside the chunks is not done yet.
    aside_pending: bool,
    /// The signal after which nothing is begun any more.
    leaving: Option<Signal>,
    orders: Vec<Order>,
}

impl Crew {
    /// A crew that has heard of nothing yet: of a film of about `frames` frames, with or without work beside the chunks.
    #[must_use]
    pub fn new(
        rules: Rules,
        memory: Memory,
        frames: u64,
        aside_pending: bool,
        now: Instant,
    ) -> Self {
        let queue = Queue::new(rules.order);
        Self {
            disk: Disk::new(rules.disk_patience),
            rules,
            pace: Pace::since(now),
            extent: Extent {
                frames,
                chunks: 0,
                complete: false,
            },
            queue,
            running: BTreeMap::new(),
            done: Done::default(),
            sizes: Sizes::default(),
            sound: 0,
            doubted: false,
            lost: Vec::new(),
            by_others: BTreeMap::new(),
            failures: 0,
            memory,
            look: None,
            stance: Stance::default(),
            clock: Clock::default(),
            stocked: None,
            aside_pending,
            leaving: None,
            orders: Vec::new(),
        }
    }

    /// What is done.
    #[must_use]
    pub fn done(&self) -> &Done {
        &self.done
    }

    /// Something happens. Returns what is to be done, in order.
    pub fn handle(&mut self, event: Happening, now: Instant) -> Vec<Order> {
        if let Happening::Looked(look) | Happening::Tick(look) = &event {
            self.stance = look.stance;
            self.clock.pause(self.is_paused(), now);
        }
        // In a pause nothing and nobody is late.
        let now = self.clock.shows(now);
        match self
            .take_note(event, now)
            .and_then(|()| self.watch_size())
            .and_then(|()| self.watch_disk(now))
        {
            Err(error) => self.orders.push(Order::End(Err(error))),
            Ok(()) => self.go_on(now),
        }
        std::mem::take(&mut self.orders)
    }

    fn take_note(&mut self, event: Happening, now: Instant) -> Result<()> {
        match event {
            Happening::SceneBegins { scene, is_new } => {
                if let Some(course) = &mut self.rules.course {
                    course.begins(scene.index, scene.start);
                }
                self.queue.begin(scene, is_new);
            }
            Happening::SceneEnds { chunk, record } => self.scene_ends(chunk, record),
            Happening::AllScenes(frames) => {
                self.extent.complete = true;
                self.extent.frames = frames;
            }
            Happening::LastFrames(purpose) => {
                if let Some(running) = self.running.get_mut(&purpose) {
                    running.ending = true;
                }
            }
            Happening::Encoded(record) => self.encoded(&record),
            Happening::Failed {
                purpose,
                failure,
                disk,
            } => self.failed(purpose, failure, disk, now)?,
            Happening::AsideDone(sound) => {
                self.aside_pending = false;
                self.sound = sound;
            }
            Happening::Stop(signal) => self.stop(signal)?,
            Happening::Looked(look) => self.see(look, now),
            Happening::Tick(look) => {
                self.see(look, now);
                let progress = self.progress(now);
                self.tell(Event::Progress(progress));
                self.watch_encoders(now);
                self.watch_memory(now);
                self.make_way();
            }
        }
        Ok(())
    }

    /// Starts what can be started, or ends the run if nothing is left to do.
    fn go_on(&mut self, now: Instant) {
        match self.leaving {
            None if self.is_paused() => (),
            None => self.start_workers(now),
            // In a pause no chunk is finished.
            Some(signal) if self.running.is_empty() || self.is_paused() => {
                return self
                    .orders
                    .push(Order::End(Err(Interrupted(signal).into())));
            }
            Some(_) => (),
        }
        self.stock();
        if let Some(elsewhere) = self.elsewhere() {
            return self.orders.push(Order::End(Err(elsewhere.into())));
        }
        let all = self.extent.complete && self.queue.is_empty() && self.running.is_empty();
        if (all || self.is_stuck()) && !self.aside_pending {
            let progress = self.progress(now);
            self.tell(Event::Progress(progress));
            let end = self.result();
            self.orders.push(Order::End(end));
        }
    }

    /// Whether all that is left waits for the size of a chunk that could not be encoded.
    fn is_stuck(&self) -> bool {
        let lost = self.lost.iter().map(|(scene, _)| scene.index).min();
        let (Some(course), Some(lost)) = (&self.rules.course, lost) else {
            return false;
        };
        let waits = |index| course.waited_for(index) > lost;
        self.running.is_empty() && !self.queue.is_empty() && self.queue.indexes().all(waits)
    }

    /// The chunks that are left, if others encode all of them, and are not waited for.
    fn elsewhere(&self) -> Option<Elsewhere> {
        let is_idle = self.running.is_empty() && !self.queue.is_empty() && !self.aside_pending;
        if self.rules.waits_for_others || !is_idle || !self.extent.complete {
            return None;
        }
        let lives = |index: usize| {
            let by = self.by_others.get(&index)?;
            (by.judgement == Judgement::Lives).then(|| (index, by.to_string()))
        };
        let chunks: Option<Vec<_>> = self.queue.indexes().map(lives).collect();
        chunks.map(|chunks| Elsewhere { chunks })
    }

    fn scene_ends(&mut self, chunk: Chunk, record: Option<ChunkRecord>) {
        self.extent.chunks += 1;
        if let Some(course) = &mut self.rules.course {
            course.ends(chunk);
        }
        match (self.running.get_mut(&Purpose::Chunk(chunk.index)), record) {
            (Some(running), _) => running.scene = Scene::ended(chunk),
            (None, Some(record)) => {
                self.queue.remove(chunk.index);
                self.done.resumed += 1;
                self.done.resumed_frames += chunk.frames();
                self.finish(&record);
            }
            (None, None) => self.queue.end(chunk),
        }
    }

    fn finish(&mut self, record: &ChunkRecord) {
        self.memory
            .appetite
            .learn(record.lp, record.peak_memory, record.chunk.frames());
        self.done.frames += record.chunk.frames();
        self.done.bytes += record.bytes;
        self.sizes.add(record.chunk.frames(), record.bytes);
        if let Some(course) = &mut self.rules.course {
            course.has(record.chunk, record.bytes);
        }
        self.done.chunks.insert(record.chunk.index);
    }

    fn encoded(&mut self, record: &ChunkRecord) {
        self.running.remove(&Purpose::Chunk(record.chunk.index));
        self.by_others.remove(&record.chunk.index);
        self.detail(format!(
            "chunk {}: {}, {:.1} kB, {:.1} s ({:.1} fps), encoder's peak memory {:.0} MiB",
            record.chunk.index,
            count(record.chunk.frames(), "frame"),
            record.bytes as f64 / 1e3,
            record.seconds,
            record.chunk.frames() as f64 / record.seconds,
            record.peak_memory as f64 / f64::from(1 << 20)
        ));
        self.finish(record);
    }

    /// An attempt failed: its chunk is tried again, or given up. Of what we did ourselves, nothing is the encoder's fault.
    ///
    /// # Errors
    /// If nothing at all can be encoded, or the source is not to be trusted: all other chunks would fail as well.
    fn failed(
        &mut self,
        purpose: Purpose,
        failure: Failure,
        disk: Option<Space>,
        now: Instant,
    ) -> Result<()> {
        let Some(running) = self.running.remove(&purpose) else {
            return Ok(());
        };
        let scene = running.scene;
        self.orders.push(Order::Rewind(scene.index));
        if let Some((look, _)) = &mut self.look {
            look.disk = disk;
        }
        disk.into_iter().for_each(|space| self.disk.saw(space, now));
        match (running.killed, failure) {
            (Some(Killed::Hung), _) => {
                let seconds = self.rules.stall_timeout.as_secs();
                let failure =
                    anyhow!("the encoder made no progress for {seconds} s and was killed");
                return self.encoder_failed(&running, Failure::Other(failure), now);
            }
            (Some(Killed::ForMemory | Killed::ForPause), _) => {
                self.queue.put_back(scene, running.tries_before());
            }
            // Why detection has ended, it will say itself.
            (None, Failure::Abandoned) => (),
            (None, Failure::Held(by)) => self.leave(scene, running.tries_before(), by, now),
            (None, Failure::Source(error)) => return self.source_failed(scene, error),
            (None, failure) => return self.encoder_failed(&running, failure, now),
        }
        Ok(())
    }

    /// The frames of a scene cannot be read.
    ///
    /// # Errors
    /// If all that this reader has delivered is in doubt.
    fn source_failed(&mut self, scene: Scene, error: Error) -> Result<()> {
        self.detail(format!("chunk {}: {error:#}", scene.index));
        if error.is::<Mismatch>() || error.is::<OtherFrames>() {
            return Err(error);
        }
        self.give_up(scene, Failure::Source(error));
        Ok(())
    }

    /// An encoder failed, or hung. Where it found no room, its chunk waits until there is some again, and that is
    /// not counted as a try.
    ///
    /// # Errors
    /// If nothing at all can be encoded.
    fn encoder_failed(&mut self, running: &Running, failure: Failure, now: Instant) -> Result<()> {
        let scene = running.scene;
        let number = running.attempt.number;
        let no_room =
            self.disk.was_low_since(running.started) || matches!(failure, Failure::Full(_));
        if no_room {
            self.disk.had_no_room(running.sign.bytes);
        }
        let space = self.look.as_ref().and_then(|(look, _)| look.disk);
        if no_room || space.is_some_and(|space| space.room < self.disk_need()) {
            self.detail(format!("chunk {} found no room: {failure}", scene.index));
            self.queue.put_back(scene, running.tries_before());
            return Ok(());
        }
        self.blame(scene.index, &failure)?;
        if number >= TRIES {
            self.give_up(scene, failure);
            return Ok(());
        }
        self.warn(format!(
            "chunk {} failed (try {number} of {TRIES}) and is tried again: {}",
            scene.index,
            failure.line()
        ));
        self.queue.retry(scene, number, now);
        Ok(())
    }

    /// Somebody else is at this scene: it is asked for again later.
    fn leave(&mut self, scene: Scene, tries: u32, by: Sighting, now: Instant) {
        let is_news = !self.by_others.contains_key(&scene.index);
        if is_news {
            self.detail(format!("chunk {} is encoded by {by}", scene.index));
        }
        if is_news && self.rules.waits_for_others && self.by_others.is_empty() {
            self.note(format!(
                "other hosts encode chunks of this job, the first {by}: what they finish is taken, what they leave is encoded here"
            ));
        }
        self.by_others.insert(scene.index, by);
        self.queue.leave(scene, tries, now + ASK_AGAIN);
    }

    /// What an encoder's failure says of the machine, and of the encoder.
    fn blame(&mut self, index: usize, failure: &Failure) -> Result<()> {
        if matches!(failure, Failure::Killed(_)) && self.rules.most_workers > 1 {
            self.rules.most_workers -= 1;
            let workers = count(self.rules.most_workers as u64, "worker");
            self.warn(format!(
                "an encoder was killed, most likely for lack of memory: going on with {workers}"
            ));
        }
        self.detail(format!("chunk {index}: {failure}"));
        self.failures += usize::from(matches!(failure, Failure::Other(_)));
        ensure!(
            !self.done.chunks.is_empty() || self.failures < HOPELESS,
            "no chunk can be encoded: {failure}"
        );
        Ok(())
    }

    /// A chunk is not tried again.
    fn give_up(&mut self, scene: Scene, failure: Failure) {
        let line = failure.line();
        self.warn(format!(
            "chunk {} failed for good, the others are finished first: {line}",
            scene.index
        ));
        self.lost.push((scene, failure));
    }

    /// # Errors
    /// [`Interrupted`], if nothing is to be waited for.
    fn stop(&mut self, signal: Signal) -> Result<()> {
        if !self.rules.finish_chunks || self.leaving.is_some() || self.is_paused() {
            return Err(Interrupted(signal).into());
        }
        let running = match self.running.len() {
            1 => "1 running chunk is finished".to_owned(),
            several => format!("{several} running chunks are finished"),
        };
        self.note(format!(
            "stopping when {running}; once more to stop at once"
        ));
        self.leaving = Some(signal);
        Ok(())
    }

    fn see(&mut self, look: Look, now: Instant) {
        for sign in &look.encoders {
            if let Some(running) = self.running.get_mut(&sign.purpose) {
                running.sign = *sign;
                if sign.peak > self.memory.appetite.bytes_each(running.attempt.lp) {
                    self.memory.appetite.learn(running.attempt.lp, sign.peak, 0);
                }
            }
        }
        look.disk
            .into_iter()
            .for_each(|space| self.disk.saw(space, now));
        self.look = Some((look, now));
    }

    fn is_paused(&self) -> bool {
        self.stance.pause.is_some()
    }

    /// Encoders at once, of all that there could be.
    fn allowed(&self) -> usize {
        self.rules
            .most_workers
            .saturating_sub(self.stance.fewer)
            .max(1)
    }

    /// Has encoders rest that are too many, and lets them go on when they are not any more. In a long pause all are ended, so
    /// that their memory is free: their chunks are encoded again.
    fn make_way(&mut self) {
        if self.stance.pause == Some(Pause::Long) {
            return self.end_all();
        }
        let allowed = self.allowed();
        let mut by_age: Vec<&mut Running> = self
            .running
            .values_mut()
            .filter(|running| !running.ending && running.killed.is_none())
            .collect();
        by_age.sort_by_key(|running| (running.started, running.scene.index));
        for (place, running) in by_age.into_iter().enumerate() {
            let purpose = running.attempt.purpose;
            match place >= allowed {
                // Its process may not have been there before.
                true => self.orders.push(Order::Rest(purpose)),
                false if running.rests => self.orders.push(Order::Wake(purpose)),
                false => (),
            }
            running.rests = place >= allowed;
        }
    }

    /// Ends all encoders, for the time of a long pause.
    fn end_all(&mut self) {
        let mut ended = 0;
        for (purpose, running) in &mut self.running {
            ended += u64::from(running.killed.is_none());
            running.killed.get_or_insert(Killed::ForPause);
            // Its process may not have been there before.
            self.orders.push(Order::Kill(*purpose));
        }
        if ended > 0 {
            self.orders.push(Order::Shed);
            let chunks = count(ended, "chunk");
            self.note(format!(
                "the pause is long: encoders are ended to free their memory; to be encoded again: {chunks}"
            ));
        }
    }

    /// Kills encoders that have not moved for too long; their chunks then fail and are tried again.
    fn watch_encoders(&mut self, now: Instant) {
        for (purpose, running) in &mut self.running {
            let moved = running.sign.fed + running.sign.encoded;
            if running.rests {
                running.stillness = Stillness::since(now);
                continue;
            }
            let still = running.stillness.saw(moved, now);
            if still > self.rules.stall_timeout && running.killed.is_none() {
                running.killed = Some(Killed::Hung);
                self.orders.push(Order::Kill(*purpose));
            }
        }
    }

    /// What memory allows for another worker with this `lp`; `None` if the machine was not looked at.
    fn verdict(&self, lp: u32) -> Option<Verdict> {
        let (look, _) = self.look.as_ref()?;
        let expected = |running: &Running| self.memory.appetite.bytes_each(running.attempt.lp);
        let footprint = |running: &Running| Footprint {
            now: running.sign.resident,
            expected: expected(running),
        };
        let running: Vec<Footprint> = self.running.values().map(footprint).collect();
        Some(
            self.memory
                .judge(look.seen, &running, self.rules.most_workers, lp),
        )
    }

    /// Gives up what must be given up while memory is short, and tells how many workers it allows.
    fn watch_memory(&mut self, now: Instant) {
        let Some(verdict) = self.verdict(self.rules.lp) else {
            return;
        };
        if verdict.alarm {
            match self
                .look
                .as_ref()
                .map_or(0, |(look, _)| look.waiting_frames)
            {
                0 => self.stop_youngest(&verdict, now),
                _ => self.orders.push(Order::Shed),
            }
        }
        let allowed = self
            .busy()
            .saturating_add(verdict.more)
            .clamp(1, self.rules.most_workers);
        // Workers that nothing is left for are not worth a message.
        let is_of_use = !self.queue.is_empty() || !self.extent.complete;
        if let Some(before) = self.memory.is_news(allowed, now).filter(|_| is_of_use) {
            let left = verdict.left.map_or_else(|| "any amount".to_owned(), gib);
            let each = gib(self.memory.appetite.bytes_each(self.rules.lp));
            self.note(format!("workers: at most {before} -> {allowed}: {left} of memory left, a worker needs {each}"));
        }
    }

    /// Stops the encoder that has done least, before the kernel chooses one. Its chunk is encoded again.
    fn stop_youngest(&mut self, verdict: &Verdict, now: Instant) {
        let mut alive: Vec<&mut Running> = self
            .running
            .values_mut()
            .filter(|running| running.killed.is_none())
            .collect();
        let count = alive.len();
        let Some(youngest) = alive.iter_mut().max_by_key(|running| running.started) else {
            return;
        };
        if !self.memory.stop_one(verdict, count, now) {
            return;
        }
        youngest.killed = Some(Killed::ForMemory);
        self.orders.push(Order::Kill(youngest.attempt.purpose));
        let index = youngest.scene.index;
        let left = verdict.left.map(gib).unwrap_or_default();
        self.note(format!(
            "memory is nearly full, {left} left: chunk {index} is stopped, and encoded again later"
        ));
    }

    /// Looks at how large the output will be. That it may be too large is only said: whether it is, must not depend on which
    /// chunks are done first.
    ///
    /// # Errors
    /// [`TooLarge`], if it is for certain.
    fn watch_size(&mut self) -> Result<()> {
        let Some(allowed) = &self.rules.allowed else {
            return Ok(());
        };
        let sound = self.sound;
        if let Some(why) = allowed.judge_parts(&self.sizes, sound) {
            return Err(TooLarge(why).into());
        }
        let doubt = allowed.doubt(&self.sizes, self.extent.frames, sound);
        if let Some(doubt) = doubt.filter(|_| !self.doubted) {
            self.doubted = true;
            self.warn(doubt);
        }
        Ok(())
    }

    fn disk_need(&self) -> u64 {
        disk::need(
            self.done.chunks.len(),
            self.done.bytes,
            self.rules.most_workers,
            self.rules.film_bytes,
        )
    }

    /// Pauses new work while the job's disk is too full for it.
    ///
    /// # Errors
    /// When that does not clear.
    fn watch_disk(&mut self, now: Instant) -> Result<()> {
        let Some(space) = self.look.as_ref().and_then(|(look, _)| look.disk) else {
            return Ok(());
        };
        if self.queue.is_empty() && self.disk.has_room() {
            return Ok(());
        }
        let need = self.disk_need();
        let job = &self.rules.job;
        match self.disk.judge(space, need, self.running.is_empty(), now) {
            Turn::Same => (),
            Turn::Full(figures) => {
                self.warn(format!(
                    "the disk of {job} is nearly full: {figures} to begin a chunk; waiting"
                ));
            }
            Turn::Free => self.note("there is room on the disk again: going on".to_owned()),
            Turn::Hopeless(figures) => {
                bail!(NoRoom(format!(
                    "the disk of {job} is full: {figures} to go on. Free some, and repeat the command: finished work is \
                     kept"
                )));
            }
        }
        Ok(())
    }

    /// Encoders that are not about to end.
    fn busy(&self) -> usize {
        self.running
            .values()
            .filter(|running| !running.ending)
            .count()
    }

    /// The last chunks get the cores that would be idle.
    fn lp_of_next(&self) -> u32 {
        let Rules {
            cores,
            most_workers,
            lp,
            most_lp,
            ..
        } = self.rules;
        if !self.extent.complete {
            return lp;
        }
        self.memory
            .appetite
            .lp_for_one_of_the_last(cores, most_workers, self.queue.len(), lp)
            .min(most_lp)
            .max(lp)
    }

    /// Starts as many workers as there is room and work for.
    fn start_workers(&mut self, now: Instant) {
        let allowed = self.allowed();
        while self.busy() < allowed && self.running.len() < 2 * allowed {
            let course = self.rules.course.as_ref();
            let may = |index| course.is_none_or(|course| course.may_begin(index));
            let Some(index) = self.queue.next(now, may) else {
                return;
            };
            let is_fresh = |looked: Instant| now.saturating_duration_since(looked) < FRESH;
            if !self
                .look
                .as_ref()
                .is_some_and(|(_, looked)| is_fresh(*looked))
            {
                return self.orders.push(Order::Look);
            }
            let lp = self.lp_of_next();
            let fits = self.verdict(lp).is_some_and(|verdict| verdict.more > 0);
            let must_try = self.running.is_empty() && self.memory.must_try(now);
            if !self.disk.has_room() || !(fits || must_try) {
                return;
            }
            let course = self.rules.course.as_mut();
            let crf = course.and_then(|course| course.crf(index));
            if let Some(Waiting { scene, tries, .. }) = self.queue.remove(index) {
                let number = tries + 1;
                self.start(
                    scene,
                    Attempt {
                        purpose: Purpose::Chunk(index),
                        crf,
                        lp,
                        number,
                    },
                    now,
                );
            }
        }
    }

    fn start(&mut self, scene: Scene, attempt: Attempt, now: Instant) {
        self.orders.push(Order::Start {
            scene: scene.index,
            attempt,
        });
        let with = attempt
            .crf
            .map_or_else(String::new, |crf| format!(" with CRF {crf}"));
        self.detail(format!(
            "chunk {}: {}, encoding{with}",
            scene.index,
            scene.frames()
        ));
        let sign = Sign::first(attempt.purpose);
        let stillness = Stillness::since(now);
        let running = Running {
            attempt,
            scene,
            started: now,
            stillness,
            sign,
            ending: false,
            killed: None,
            rests: false,
        };
        self.running.insert(attempt.purpose, running);
    }

    /// Says how many frames may wait, and whether an encoder waits for work.
    fn stock(&mut self) {
        let Some(verdict) = self.verdict(self.rules.lp) else {
            return;
        };
        let wants = self.busy() < self.allowed() && !self.is_paused();
        let hungry = self.queue.is_empty() && wants && verdict.more > 0;
        if self.stocked != Some((verdict.shelf, hungry)) {
            self.stocked = Some((verdict.shelf, hungry));
            self.orders.push(Order::Stock {
                room: verdict.shelf,
                hungry,
            });
        }
    }

    /// All chunks are through.
    ///
    /// # Errors
    /// What failed; what the chunks lack.
    fn result(&mut self) -> Result<()> {
        self.lost.sort_by_key(|(scene, _)| scene.index);
        if let Some((first, failure)) = self.lost.first() {
            return Err(self.lost_chunks(first, failure));
        }
        let Self { done, extent, .. } = self;
        anyhow::ensure!(
            done.frames == extent.frames,
            "chunks of {} frames were encoded, the source has {}",
            done.frames,
            extent.frames
        );
        Ok(())
    }

    fn lost_chunks(&self, first: &Scene, failure: &Failure) -> Error {
        let named = self
            .lost
            .iter()
            .take(FAILURES_NAMED)
            .map(|(scene, _)| scene.index.to_string());
        let more = (self.lost.len() > FAILURES_NAMED).then(|| "…".to_owned());
        let numbers: Vec<String> = named.chain(more).collect();
        let kept = match self.done.chunks.len() {
            0 => "",
            _ => "\nThe others are kept: the same command tries only these again",
        };
        let sentence = format!(
            "{} of {} could not be encoded ({}); the first, {}: {failure}{kept}",
            self.lost.len(),
            count(self.extent.chunks as u64, "chunk"),
            numbers.join(", "),
            first.frames()
        );
        let passes = |(_, failure): &(Scene, Failure)| {
            matches!(failure, Failure::Killed(_) | Failure::Full(_))
        };
        LostChunks {
            sentence,
            may_help_later: self.lost.iter().all(passes),
            are_of_source: self
                .lost
                .iter()
                .all(|(_, failure)| matches!(failure, Failure::Source(_))),
        }
        .into()
    }

    fn progress(&mut self, now: Instant) -> Progress {
        let signs: Vec<Sign> = self.running.values().map(|running| running.sign).collect();
        let new = progress::frames(&self.done, &signs) - self.done.resumed_frames;
        let waits = self.running.is_empty() && !self.disk.has_room();
        self.pace.saw(new, !waits, now);
        let look = self.look.as_ref().map(|(look, _)| look);
        let figures = progress::figures(&self.done, &self.extent, look, &signs, &self.pace);
        Progress {
            workers: figures.workers.min(self.rules.most_workers),
            ..figures
        }
    }

    fn tell(&mut self, event: Event) {
        self.orders.push(Order::Tell(Box::new(event)));
    }

    fn detail(&mut self, message: String) {
        self.tell(Event::Detail { message });
    }

    fn note(&mut self, message: String) {
        self.tell(Event::Note { message });
    }

    fn warn(&mut self, message: String) {
        self.tell(Event::Warning { message });
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        cli::Cli,
        crew::{
            facts::Seen,
            memory::{Appetite, Budget},
            stall,
        },
        encoder::{Family, Fork, Identity},
        os::{machine::Machine, version::Version},
        plan::workers::Load,
        settings::{self, MemoryLimit},
    };

    const GIB: u64 = 1 << 30;
    /// Frames of every scene but where a test says otherwise.
    const FRAMES: u64 = 50;

    /// A crew of two on a machine that is told what it sees; time goes when it is told to.
    struct Bench {
        crew: Crew,
        now: Instant,
        free: u64,
        disk: Space,
        waiting_frames: usize,
        stance: Stance,
        running: Vec<Attempt>,
        said: Vec<String>,
        ended: Option<Result<(), String>>,
        other: Vec<Order>,
    }

    impl Bench {
        fn new() -> Self {
            Self::with(|_| ())
        }

        fn with(change: impl FnOnce(&mut Rules)) -> Self {
            let version = "SVT-AV1 v4.2.0".to_owned();
            let encoder = Identity {
                family: Family::SvtAv1,
                fork: Fork::Mainline,
                version,
                number: Version(4, 2),
            };
            let load = Load {
                encoder,
                size: (1920, 1080),
                preset: 6,
            };
            let machine = Machine {
                cores: 2,
                memory: Some(16 * GIB),
                pressure: 0.0,
            };
            let now = Instant::now();
            let budget = Budget::new(MemoryLimit::Available, machine, 2, 1 << 20);
            let memory = Memory::new(Appetite::new(load), budget, 2, now);
            let mut rules = Rules {
                most_workers: 2,
                lp: 1,
                most_lp: 1,
                cores: 2,
                finish_chunks: false,
                order: ChunkOrder::default(),
                stall_timeout: stall::timeout(0, 0, 8),
                disk_patience: Duration::from_secs(60),
                film_bytes: GIB,
                job: "`job`".to_owned(),
                allowed: None,
                course: None,
                waits_for_others: true,
            };
            change(&mut rules);
            Self {
                crew: Crew::new(rules, memory, 4 * FRAMES, false, now),
                now,
                free: 12 * GIB,
                disk: Space {
                    room: GIB,
                    size: GIB,
                },
                waiting_frames: 0,
                stance: Stance::default(),
                running: Vec::new(),
                said: Vec::new(),
                ended: None,
                other: Vec::new(),
            }
        }

        fn look(&self) -> Look {
            let sign = |attempt: &Attempt| Sign::first(attempt.purpose);
            let machine = Machine {
                cores: 2,
                memory: Some(self.free),
                pressure: 0.0,
            };
            Look {
                seen: Seen {
                    machine,
                    own: 0,
                    held: 0,
                },
                waiting_frames: self.waiting_frames,
                disk: Some(self.disk),
                detected: 0,
                stance: self.stance,
                encoders: self.running.iter().map(sign).collect(),
            }
        }

        /// Something happens, and what is ordered is done.
        fn happens(&mut self, happening: Happening) -> &mut Self {
            let mut happens = Some(happening);
            while let Some(happening) = happens.take() {
                let ended = match &happening {
                    Happening::Encoded(record) => Some(Purpose::Chunk(record.chunk.index)),
                    Happening::Failed { purpose, .. } => Some(*purpose),
                    _ => None,
                };
                self.running
                    .retain(|attempt| Some(attempt.purpose) != ended);
                for order in self.crew.handle(happening, self.now) {
                    match order {
                        Order::Look => happens = Some(Happening::Looked(self.look())),
                        Order::Start { attempt, .. } => self.running.push(attempt),
                        Order::Tell(event) => {
                            if let Event::Note { message } | Event::Warning { message } = *event {
                                self.said.push(message);
                            }
                        }
                        Order::End(end) => {
                            self.ended = Some(end.map_err(|error| format!("{error:#}")))
                        }
                        other => self.other.push(other),
                    }
                }
            }
            self
        }

        /// The scenes are known, of `frames` each.
        fn scenes(&mut self, frames: &[u64]) -> &mut Self {
            let mut start = 0;
            for (index, frames) in frames.iter().enumerate() {
                let end = start + frames;
                self.happens(Happening::SceneBegins {
                    scene: Scene {
                        index,
                        start,
                        end: None,
                    },
                    is_new: false,
                });
                self.happens(Happening::SceneEnds {
                    chunk: Chunk { index, start, end },
                    record: None,
                });
                start = end;
            }
            self.happens(Happening::AllScenes(start))
        }

        fn passes(&mut self, seconds: f64) -> &mut Self {
            self.now += Duration::from_secs_f64(seconds);
            self.happens(Happening::Tick(self.look()))
        }

        fn encoded(&mut self, index: usize) -> &mut Self {
            self.happens(Happening::Encoded(record(index)))
        }

        fn fails(&mut self, chunk: usize, failure: Failure) -> &mut Self {
            self.happens(Happening::Failed {
                purpose: Purpose::Chunk(chunk),
                failure,
                disk: Some(self.disk),
            })
        }

        fn at_work(&self) -> Vec<usize> {
            let purposes = self.running.iter().map(|attempt| attempt.purpose);
            purposes.map(chunk_of).collect()
        }

        /// The chunks whose encoders were to be killed since this was asked.
        fn killed(&mut self) -> Vec<usize> {
            let killed = |order| {
                if let Order::Kill(purpose) = order {
                    Some(chunk_of(purpose))
                } else {
                    None
                }
            };
            std::mem::take(&mut self.other)
                .into_iter()
                .filter_map(killed)
                .collect()
        }

        #[track_caller]
        fn has_said(&self, text: &str) {
            assert!(
                self.said.iter().any(|said| said.contains(text)),
                "{text:?} in {:?}",
                self.said
            );
        }
    }

    fn chunk_of(purpose: Purpose) -> usize {
        let Purpose::Chunk(index) = purpose else {
            panic!("{purpose:?} is no chunk");
        };
        index
    }

    fn record(index: usize) -> ChunkRecord {
        let start = index as u64 * FRAMES;
        ChunkRecord {
            crf: None,
            chunk: Chunk {
                index,
                start,
                end: start + FRAMES,
            },
            bytes: 1000,
            hash: String::new(),
            pictures: String::new(),
            seconds: 1.0,
            peak_memory: 0,
            lp: 1,
            encoder: String::new(),
            host: String::new(),
            damage: Vec::new(),
            job: String::new(),
        }
    }

    fn other(text: &str) -> Failure {
        Failure::Other(anyhow!("{text}"))
    }

    #[test]
    fn a_film_is_encoded_by_two_at_a_time_and_then_it_is_over() {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES; 3]);
        assert_eq!(bench.at_work(), [0, 1]);
        assert_eq!(bench.encoded(1).at_work(), [0, 2]);
        assert_eq!(bench.encoded(0).encoded(2).ended, Some(Ok(())));
        assert_eq!(
            (bench.crew.done().bytes, bench.crew.done().chunks.len()),
            (3000, 3)
        );
    }

    #[test]
    fn what_an_earlier_run_has_encoded_is_not_encoded_again() {
        let mut bench = Bench::new();
        let scene = Scene {
            index: 0,
            start: 0,
            end: None,
        };
        assert_eq!(
            bench
                .happens(Happening::SceneBegins {
                    scene,
                    is_new: false
                })
                .at_work(),
            [0; 0]
        );
        let chunk = record(0).chunk;
        bench
            .happens(Happening::SceneEnds {
                chunk,
                record: Some(record(0)),
            })
            .happens(Happening::AllScenes(FRAMES));
        assert_eq!(bench.ended, Some(Ok(())));
        assert_eq!(
            (bench.crew.done().resumed, bench.crew.done().resumed_frames),
            (1, FRAMES)
        );
    }

    #[test]
    fn an_encoder_with_only_its_last_frames_makes_room_for_another() {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES; 6]);
        for (ending, at_work) in [(0, 3), (1, 4), (2, 4)] {
            assert_eq!(
                bench
                    .happens(Happening::LastFrames(Purpose::Chunk(ending)))
                    .at_work()
                    .len(),
                at_work
            );
        }
    }

    #[test]
    fn frames_of_an_encode_that_are_missing_in_the_end_are_noticed() {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES, FRAMES + 1]).encoded(0).encoded(1);
        let ended = bench.ended.unwrap().unwrap_err();
        assert_eq!(
            ended,
            "chunks of 100 frames were encoded, the source has 101"
        );
    }

    #[test]
    fn a_chunk_is_tried_three_times_while_the_others_are_finished() {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES; 3]).encoded(0);
        for (number, pause) in [(1, 0.5), (2, 1.0)] {
            bench.fails(1, other("broken")).has_said(&format!(
                "chunk 1 failed (try {number} of 3) and is tried again"
            ));
            assert_eq!(bench.at_work(), [2], "not at once");
            assert_eq!(bench.passes(pause).at_work(), [2, 1]);
        }
        bench
            .fails(1, other("broken"))
            .has_said("chunk 1 failed for good, the others are finished first: broken");
        assert!(bench.passes(9.0).ended.is_none());
        let ended = bench.encoded(2).ended.clone().unwrap().unwrap_err();
        assert_eq!(
            ended,
            "1 of 3 chunks could not be encoded (1); the first, frames 50 to 99: broken\nThe others are kept: the same \
             command tries only these again"
        );
    }

    #[test]
    fn six_failures_before_any_success_end_the_run() {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES; 9]);
        for tried in 1.. {
            let chunk = bench.at_work()[0];
            bench.fails(chunk, other("unknown option")).passes(1.0);
            if let Some(ended) = &bench.ended {
                assert_eq!(
                    (tried, ended),
                    (
                        6,
                        &Err("no chunk can be encoded: unknown option".to_owned())
                    )
                );
                return;
            }
        }
    }

    #[test]
    fn an_encoder_that_somebody_else_kills_costs_the_crew_a_worker() {
        let mut bench = Bench::new();
        bench
            .scenes(&[FRAMES; 4])
            .fails(0, Failure::Killed(anyhow!("killed by SIGKILL")));
        bench.has_said("going on with 1 worker");
        assert_eq!(bench.passes(5.0).at_work(), [1], "one of two is left");
        bench
            .fails(1, Failure::Killed(anyhow!("killed by SIGKILL")))
            .passes(5.0);
        assert_eq!(bench.at_work().len(), 1, "one always works");
    }

    #[test]
    fn wrong_pictures_end_the_run_and_a_picture_that_is_missing_costs_its_chunk() {
        let mut bench = Bench::new();
        bench
            .scenes(&[FRAMES; 2])
            .fails(0, Failure::Source(anyhow!("frame 7 cannot be read")));
        assert!(bench.ended.is_none());
        bench.has_said("chunk 0 failed for good");
        let mismatch = Mismatch {
            right_until: 0,
            why: "another picture".to_owned(),
        };
        bench.fails(1, Failure::Source(mismatch.into()));
        assert!(bench.ended.unwrap().is_err());
    }

    #[test]
    fn an_encoder_that_stands_still_is_killed_and_its_chunk_tried_again() {
        let mut bench = Bench::with(|rules| rules.stall_timeout = Duration::from_secs(3));
        bench.scenes(&[FRAMES]);
        for _ in 0..3 {
            assert_eq!(bench.passes(1.0).killed(), [0; 0]);
        }
        assert_eq!(bench.passes(1.0).killed(), [0]);
        bench
            .fails(0, Failure::Killed(anyhow!("killed by SIGKILL")))
            .has_said("made no progress for 3 s");
        assert!(
            !bench
                .said
                .iter()
                .any(|said| said.contains("for lack of memory")),
            "that was us"
        );
        assert_eq!(bench.passes(1.0).at_work(), [0]);
        assert_eq!(bench.running[0].number, 2);
    }

    #[test]
    fn while_memory_is_short_frames_are_let_go_then_the_youngest_is_stopped_and_no_try_is_counted()
    {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES]);
        bench.now += Duration::from_secs(1);
        bench.scenes(&[FRAMES; 2]);
        (bench.free, bench.waiting_frames) = (GIB / 2, 10);
        bench.passes(1.0);
        assert!(bench.other.iter().any(|order| matches!(order, Order::Shed)));
        assert_eq!(bench.killed(), [0; 0]);
        bench.waiting_frames = 0;
        assert_eq!(bench.passes(1.0).killed(), [1]);
        bench.has_said(
            "memory is nearly full, 0.5 GiB left: chunk 1 is stopped, and encoded again later",
        );
        bench.fails(1, Failure::Killed(anyhow!("killed by SIGKILL")));
        assert_eq!(
            bench.passes(30.0).at_work(),
            [0],
            "there is no room for another"
        );
        bench.free = 12 * GIB;
        assert_eq!(bench.passes(1.0).at_work(), [0, 1]);
        assert_eq!(bench.running[1].number, 1);
    }

    #[test]
    fn one_encoder_always_runs_however_little_memory_there_is() {
        let mut bench = Bench::new();
        bench.free = GIB;
        assert_eq!(
            bench.scenes(&[FRAMES; 3]).passes(1.0).passes(1.0).at_work(),
            [0]
        );
        bench.has_said("workers: at most 2 -> 1");
        // The lone one is stopped only where the kernel would choose one, and then left time to free its pages.
        bench.free = GIB / 8;
        assert_eq!(bench.passes(1.0).killed(), [0]);
        bench.fails(0, Failure::Killed(anyhow!("killed by SIGKILL")));
        assert_eq!(bench.passes(19.0).at_work(), [0; 0]);
        assert_eq!(bench.passes(1.0).at_work(), [0]);
    }

    #[test]
    fn nothing_is_begun_on_a_full_disk_and_what_failed_there_is_not_at_fault() {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES; 3]);
        bench.disk.room = 0;
        bench
            .fails(0, other("cannot write"))
            .passes(1.0)
            .has_said("the disk of `job` is nearly full");
        assert_eq!(bench.at_work(), [1]);
        bench.disk.room = GIB;
        assert_eq!(bench.passes(1.0).at_work(), [1, 0]);
        bench.has_said("there is room on the disk again");
        assert_eq!(bench.running[1].number, 1, "that was no try");
        bench.disk.room = 0;
        bench.passes(1.0).encoded(0).encoded(1);
        assert!(bench.passes(60.0).ended.is_none());
        let ended = bench.passes(1.0).ended.clone().unwrap().unwrap_err();
        assert!(
            ended.contains("is full: 0 B are free") && ended.contains("finished work is kept"),
            "{ended}"
        );
    }

    #[test]
    fn what_found_no_room_at_any_time_is_tried_until_it_does() {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES]);
        // Whoever has filled the disk has cleared it before the encoder ends, which has lost what it wrote meanwhile.
        for _ in 0..2 * TRIES {
            bench.disk.room = 0;
            bench.passes(1.0);
            bench.disk.room = GIB;
            bench.passes(1.0).fails(0, other("49 frames instead of 50"));
            bench.fails(0, Failure::Full(anyhow!("No space left on device")));
        }
        assert_eq!(bench.at_work(), [0]);
        assert_eq!(bench.running[0].number, 1, "that was no try");
        assert_eq!(bench.encoded(0).ended, Some(Ok(())));
    }

    #[test]
    fn a_chunk_that_the_empty_disk_could_not_hold_is_refused_at_once() {
        let mut bench = Bench::new();
        bench.disk = Space {
            room: 1 << 20,
            size: 4 << 20,
        };
        let ended = bench.scenes(&[FRAMES]).ended.clone().unwrap().unwrap_err();
        assert!(ended.contains("it holds 4.2 MB in all"), "{ended}");
    }

    /// A crew whose film may have as many bytes as so many heavy chunks, and nine tenths of one more.
    fn frugal(chunks: u64) -> Bench {
        let words = ["av1enc", "in.mkv", "--max-size-ratio", "0.9"];
        let limit = settings::Config::new(&Cli::try_parse_from(words).unwrap().encode);
        let limit = limit.unwrap().deciding.size.unwrap();
        let source = (chunks * HEAVY + HEAVY * 9 / 10) * 10 / 9;
        Bench::with(|rules| rules.allowed = Some(Allowed::by(&limit, "`film`".to_owned(), source)))
    }

    const HEAVY: u64 = 1 << 20;

    fn heavy(index: usize) -> Happening {
        Happening::Encoded(ChunkRecord {
            bytes: HEAVY,
            ..record(index)
        })
    }

    #[test]
    fn what_can_only_be_too_large_is_stopped_in_whatever_order_chunks_are_done() {
        for order in [[0, 1, 2, 3, 4, 5], [5, 3, 1, 4, 2, 0]] {
            let mut bench = frugal(4);
            bench.scenes(&[FRAMES; 6]);
            for chunk in &order[..4] {
                bench.happens(heavy(*chunk));
            }
            bench.has_said("the output may be too large: about 6.3 MB, give or take 0 B");
            assert_eq!(bench.ended, None, "that was an estimate");
            bench.happens(heavy(order[4]));
            let ended = bench.ended.clone().unwrap().unwrap_err();
            assert!(ended.contains("is finished of its output has"), "{ended}");
            let said = bench.said.iter().filter(|said| said.contains("too large"));
            assert_eq!(said.count(), 1);
        }
    }

    #[test]
    fn sound_weighs_as_well() {
        let mut bench = frugal(4);
        bench.scenes(&[FRAMES; 2]).happens(heavy(0));
        bench.happens(Happening::AsideDone(3 * HEAVY));
        assert_eq!(bench.ended, None);
        bench.happens(heavy(1));
        assert!(bench.ended.clone().unwrap().is_err());
        let mut bench = frugal(4);
        bench
            .scenes(&[FRAMES; 2])
            .happens(heavy(0))
            .happens(heavy(1));
        assert_eq!(bench.ended, Some(Ok(())), "nothing is asked of its sound");
    }

    fn pausing(pause: Pause) -> Stance {
        Stance {
            pause: Some(pause),
            fewer: 0,
        }
    }

    /// Which encoders were to be stopped, and which to go on, since this was asked.
    fn rested(bench: &mut Bench) -> (Vec<usize>, Vec<usize>) {
        let (mut rest, mut wake) = (Vec::new(), Vec::new());
        for order in std::mem::take(&mut bench.other) {
            match order {
                Order::Rest(purpose) => rest.push(chunk_of(purpose)),
                Order::Wake(purpose) => wake.push(chunk_of(purpose)),
                _ => (),
            }
        }
        (rest, wake)
    }

    #[test]
    fn in_a_short_pause_nothing_begins_and_nothing_is_late() {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES; 3]);
        bench.passes(1.0);
        bench.stance = pausing(Pause::Short);
        bench.passes(1.0).encoded(1);
        for _ in 0..1000 {
            bench.passes(1.0);
        }
        assert_eq!(bench.at_work(), [0], "the third waits");
        assert_eq!(bench.killed(), [0; 0], "nobody hangs");
        assert_eq!(bench.said, [""; 0]);
        bench.stance = Stance::default();
        bench.passes(1.0);
        assert_eq!(bench.at_work(), [0, 2]);
        assert_eq!(bench.encoded(0).encoded(2).ended, Some(Ok(())));
    }

    #[test]
    fn a_pause_wears_nobodys_patience_with_a_full_disk() {
        let mut bench = Bench::new();
        bench.disk.room = 0;
        bench.scenes(&[FRAMES; 2]);
        bench.passes(50.0);
        bench.stance = pausing(Pause::Short);
        bench.passes(0.0).passes(9000.0);
        bench.stance = Stance::default();
        bench.passes(1.0);
        assert_eq!(bench.ended, None);
        assert!(bench.passes(12.0).ended.is_some());
    }

    #[test]
    fn a_long_pause_ends_the_encoders_and_their_chunks_are_encoded_again() {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES; 3]);
        bench.stance = pausing(Pause::Short);
        bench.passes(600.0);
        assert_eq!(bench.killed(), [0; 0]);
        bench.stance = pausing(Pause::Long);
        bench.passes(1.0);
        assert_eq!(bench.killed(), [0, 1]);
        let killed = || Failure::Killed(anyhow!("by us"));
        bench.fails(0, killed()).fails(1, killed()).passes(9000.0);
        assert_eq!(bench.at_work(), [0; 0], "nothing begins");
        assert_eq!(bench.said.len(), 1, "{:?}", bench.said);
        bench.has_said("to be encoded again: 2 chunks");
        bench.stance = Stance::default();
        bench.passes(1.0);
        assert_eq!(bench.at_work(), [0, 1]);
        assert_eq!(bench.running[0].number, 1, "it was no try");
        assert_eq!(
            bench.encoded(0).encoded(1).encoded(2).ended,
            Some(Ok(())),
            "and nobody was blamed for memory"
        );
    }

    #[test]
    fn a_signal_in_a_pause_stops_at_once_whoever_wants_chunks_to_be_finished() {
        let mut bench = Bench::with(|rules| rules.finish_chunks = true);
        bench.scenes(&[FRAMES; 2]);
        bench.stance = pausing(Pause::Short);
        bench.passes(1.0).happens(Happening::Stop(Signal::SIGINT));
        assert_eq!(bench.ended, Some(Err("stopped by SIGINT".to_owned())));
        // The same where the pause begins afterwards.
        let mut bench = Bench::with(|rules| rules.finish_chunks = true);
        bench
            .scenes(&[FRAMES; 2])
            .happens(Happening::Stop(Signal::SIGTERM));
        assert_eq!(bench.ended, None);
        bench.stance = pausing(Pause::Short);
        bench.passes(1.0);
        assert_eq!(bench.ended, Some(Err("stopped by SIGTERM".to_owned())));
    }

    #[test]
    fn one_worker_less_has_the_youngest_rest_until_there_is_a_place_for_it() {
        let mut bench = Bench::new();
        bench.scenes(&[FRAMES; 3]);
        bench.stance.fewer = 1;
        bench.passes(1.0);
        assert_eq!(rested(&mut bench), (vec![1], vec![]));
        let passes = |bench: &mut Bench| {
            (0..100).for_each(|_| {
                bench.passes(1.0);
            })
        };
        passes(&mut bench);
        assert_eq!(bench.killed(), [0; 0]);
        bench.encoded(0).passes(1.0);
        assert_eq!(bench.at_work(), [1], "the one that rests comes first");
        assert_eq!(rested(&mut bench), (vec![], vec![1]));
        // Longer, in all, than an encoder may make no progress: that it rested was not its fault.
        passes(&mut bench);
        assert_eq!(bench.killed(), [0; 0]);
        bench.stance.fewer = 0;
        bench.passes(1.0);
        assert_eq!(bench.at_work(), [1, 2]);
        // One always works.
        bench.stance.fewer = 7;
        bench.passes(1.0);
        assert_eq!(rested(&mut bench).0, [2]);
    }

    #[test]
    fn a_signal_stops_at_once_or_lets_running_chunks_finish() {
        let mut bench = Bench::new();
        bench
            .scenes(&[FRAMES; 3])
            .happens(Happening::Stop(Signal::SIGINT));
        assert_eq!(bench.ended, Some(Err("stopped by SIGINT".to_owned())));
        let mut bench = Bench::with(|rules| rules.finish_chunks = true);
        bench
            .scenes(&[FRAMES; 3])
            .encoded(0)
            .happens(Happening::Stop(Signal::SIGINT));
        bench.has_said("stopping when 2 running chunks are finished");
        assert_eq!(bench.encoded(1).at_work(), [2], "nothing is begun");
        assert!(bench.ended.is_none());
        assert_eq!(
            bench.encoded(2).ended,
            Some(Err("stopped by SIGINT".to_owned()))
        );
        let mut bench = Bench::with(|rules| rules.finish_chunks = true);
        bench
            .scenes(&[FRAMES])
            .happens(Happening::Stop(Signal::SIGINT))
            .happens(Happening::Stop(Signal::SIGTERM));
        bench.has_said("stopping when 1 running chunk is finished");
        assert_eq!(bench.ended, Some(Err("stopped by SIGTERM".to_owned())));
    }

    #[test]
    fn the_sound_is_waited_for() {
        let mut bench = Bench::new();
        bench.crew.aside_pending = true;
        assert!(bench.scenes(&[FRAMES]).encoded(0).ended.is_none());
        assert_eq!(bench.happens(Happening::AsideDone(0)).ended, Some(Ok(())));
    }

    fn by_another(judgement: Judgement) -> Failure {
        Failure::Held(Sighting {
            holder: None,
            judgement,
            modified: None,
            timeout: Duration::ZERO,
        })
    }

    #[test]
    fn chunks_of_others_are_left_to_those_who_live() {
        let mut bench = Bench::with(|rules| rules.waits_for_others = false);
        bench.scenes(&[FRAMES; 3]).passes(0.25);
        assert_eq!(bench.at_work(), [0, 1]);
        bench.fails(0, by_another(Judgement::Lives));
        assert_eq!(bench.at_work(), [1, 2], "others are not held up");
        bench.encoded(1).encoded(2).passes(0.25);
        let ended = bench.ended.as_ref().unwrap().as_ref().unwrap_err();
        assert!(ended.contains("chunk 0"), "{ended}");
    }

    #[test]
    fn who_may_be_dead_is_waited_for_until_it_is_known() {
        let mut bench = Bench::with(|rules| rules.waits_for_others = false);
        bench.scenes(&[FRAMES; 1]).passes(0.25);
        for _ in 0..9 {
            // No failure of an encoder, however often.
            bench.fails(0, by_another(Judgement::Unsure)).passes(1.0);
            assert_eq!((bench.at_work(), &bench.ended), (vec![], &None));
            bench.passes(1.5);
            assert_eq!(bench.at_work(), [0], "it is asked for again");
        }
        bench.encoded(0).passes(0.25);
        assert_eq!(bench.ended, Some(Ok(())));
    }

    #[test]
    fn a_whole_film_waits_for_what_others_encode() {
        let mut bench = Bench::with(|_| ());
        bench.scenes(&[FRAMES; 2]).passes(0.25);
        bench.fails(0, by_another(Judgement::Lives)).encoded(1);
        assert_eq!((bench.at_work(), &bench.ended), (vec![], &None));
        assert!(bench.said[0].contains("other hosts"), "{:?}", bench.said);
        bench.passes(2.5).encoded(0).passes(0.25);
        assert_eq!(bench.ended, Some(Ok(())));
    }
}
