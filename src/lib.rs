//! av1enc takes a film and returns the same film in AV1: every frame, every track, the same colours.
//!
//! The modules below are in the order in which they build on each other: a file uses only what is listed above it.
//! The program is [`run`]; what it prints and how it exits is the interface, this library is not.

pub mod event;
pub mod words;
pub mod process;
pub mod signal;
pub mod disk;
pub mod hdr;
pub mod media;
pub mod bitstream;
pub mod y4m;
pub mod cli;
pub mod config;
pub mod probe;
pub mod source;
pub mod reel;
pub mod scenes;
pub mod encoder;
pub mod recipe;
pub mod job;
pub mod trial;
pub mod audio;
pub mod chunk;
pub mod direct;
pub mod crew;
pub mod mux;
pub mod output;
pub mod verify;
pub mod doctor;
pub mod ui;

use std::{
    cell::Cell,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use crossbeam_channel::{Receiver, bounded, select, tick};
use num_rational::Ratio;
use serde::Serialize;

use crate::{
    chunk::{EncodedChunk, Workshop},
    config::{Config, UsageError},
    crew::{
        Interrupted,
        budget::{self, Demands, Load, Machine, Workers},
    },
    direct::Direct,
    doctor::{Check, Diagnosis, Equipment, Programs, Wanted, film::Film, trial::Forecast},
    encoder::Encoder,
    event::{Event, Progress, Report, Sink, Stage, detail, note, warn},
    job::Job,
    media::{Container, MediaInfo, TrackKind},
    output::PartFile,
    probe::{Probed, Tools},
    process::Children,
    recipe::Recipe,
    signal::Signal,
    source::{Indexed, Source, VapourSynth},
};

/// What a run came to.
#[derive(Debug)]
pub enum Outcome {
    /// The film is encoded.
    Encoded(Box<Report>),
    /// Only the plan was wanted.
    Planned(Box<Plan>),
}

/// What would be done: shown by `--dry-run`.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// The source.
    pub input: String,
    /// The output.
    pub output: String,
    /// The source's container and video.
    pub source: Container,
    /// Every decision about the bytes.
    pub recipe: Recipe,
    /// The encoder's command line for a chunk.
    pub encoder_line: String,
    /// Encoders at once, and why.
    pub workers: Workers,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Encodes a film, from the command line to the final name.
///
/// # Errors
/// [`UsageError`], [`job::Refusal`] and [`Interrupted`] have exit codes of their own; everything else is a failure.
pub fn run(config: &Config, sink: &Sink) -> Result<Outcome> {
    let started = Instant::now();
    process::limit_heaps();
    let children = Children::guarded()?;
    source::choose_library(&children);
    let signals = signal::install()?;
    let watch = Watch { children: &children, signals: &signals, sink };

    refuse_overwriting(config)?;
    sink(Event::Stage { stage: Stage::Probe });
    // The film is looked at while the machine is. What the machine lacks is said first.
    let probing = Tools::find(&config.programs).map(|tools| {
        let (children, input) = (children.clone(), config.input.clone());
        begin(move || probe::probe(&children, &tools, &input))
    });
    let equipment = doctor::require(&children, wanted(config))?;
    // Embedded Python may have put a handler of its own in place of ours.
    signal::rearm()?;
    let probed = watch.wait(&probing.context("ffmpeg, ffprobe or mkvmerge has come only now")?, || None)?;
    for reason in &equipment.programs.passed_over {
        note(sink, format!("{} is used: {reason}", equipment.programs.encoder.identity().version));
    }
    let plan = plan(config, &equipment.programs, &probed.container)?;
    if config.dry_run {
        return Ok(Outcome::Planned(Box::new(plan)));
    }
    output::require_writable(&config.output)?;
    for warning in &plan.warnings {
        warn(sink, warning.clone());
    }

    let lp_demanded = recipe::demanded_lp(config, equipment.programs.encoder.capabilities())?.is_some();
    let job = Arc::new(Job::open(
        &config.job_dir,
        &config.input,
        &config.output,
        &plan.recipe,
        plan.workers.lp,
        lp_demanded,
        config.restart,
    )?);
    // Only who holds the job may touch what is being written for it.
    let part = PartFile::create(&config.output, config.overwrite).inspect_err(|error| forget(&job, error))?;
    if job.resumed {
        note(sink, format!("going on with the work in {}", process::quoted(config.job_dir.as_os_str())));
    }
    detail(sink, format!("{} workers with --lp {}: {}", plan.workers.workers, job.lp, plan.workers.reason));
    let trial = try_encoder(&children, &equipment, &job, &plan, &probed);
    let Made { media, recipe, chunks, resumed_chunks } = match equipment.vapoursynth {
        Some(vapoursynth) => {
            in_chunks(&watch, config, &equipment, vapoursynth, &job, trial, plan, probed, lp_demanded)?
        }
        None => in_one_go(&watch, config, &equipment, &job, trial, plan, probed)?,
    };
    let video_bytes: u64 = chunks.iter().map(|chunk| chunk.record().bytes).sum();

    sink(Event::Stage { stage: Stage::Join });
    job.require_same_source()?;
    disk::require(output::dir_of(&config.output), video_bytes, "the output's video")
        .context("joining the chunks, which are kept")?;
    watch.over({
        let (children, tools, job, media) =
            (children.clone(), equipment.programs.tools.clone(), job.clone(), media.clone());
        let (recipe, chunks, name, sink) = (recipe.clone(), chunks.clone(), part.name(), sink.clone());
        move || {
            let parts = mux::Parts { job: &job, media: &media, recipe: &recipe, chunks: &chunks };
            mux::join(&children, &tools, &parts, &name, &sink)
                .context("the chunks are kept, and the same command only joins them")
        }
    })?;
    sink(Event::Stage { stage: Stage::Verify });
    let proof = watch
        .over({
            let (children, tools, media, chunks) =
                (children.clone(), equipment.programs.tools.clone(), media.clone(), chunks.clone());
            let (file, decode) = (part.path().to_owned(), config.verify_decode);
            move || {
                let wanted = verify::Wanted { media: &media, recipe: &recipe, chunks: &chunks };
                verify::output(&children, &tools, &file, &wanted, decode)
            }
        })
        .context("the joined film is not whole and was not given its name")?;
    // Its other tracks were read until now.
    job.require_same_source()?;
    let output_bytes = part.publish()?;
    let report = Report {
        output: config.output.clone(),
        source_bytes: media.container.bytes,
        output_bytes,
        video_bytes,
        seconds: started.elapsed().as_secs_f64(),
        fps: media.frames as f64 / started.elapsed().as_secs_f64(),
        chunks: chunks.len(),
        resumed_chunks,
        proof,
    };
    if !config.keep {
        job.remove()?;
    }
    Ok(Outcome::Encoded(Box::new(report)))
}

/// What the machine has to have for this encode.
#[must_use]
pub fn wanted(config: &Config) -> Wanted<'_> {
    Wanted {
        encoder: &config.encoder,
        programs: &config.programs,
        bit_depth: config.video.bit_depth,
        direct: config.direct,
    }
}

/// What the doctor says.
#[derive(Debug, Serialize)]
pub struct Diagnosed {
    /// The checks, and what they come to.
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
    /// What would be done with the film, if one was given and can be encoded.
    pub plan: Option<Plan>,
    /// What that would take, if it was tried.
    pub forecast: Option<Forecast>,
}

/// Checks everything that an encode needs; with `film`, that the film of `config` can be encoded and fits.
///
/// # Errors
/// [`UsageError`], as for an encode; if no process can be started.
pub fn diagnose(config: &Config, film: bool) -> Result<Diagnosed> {
    let children = Children::guarded()?;
    source::choose_library(&children);
    let (mut checks, programs) = doctor::examine(&children, wanted(config), &config.job_dir);
    let (mut planned, mut forecast) = (None, None);
    if let Some(programs) = programs.filter(|_| film) {
        match probe::probe(&children, &programs.tools, &config.input) {
            Err(error) => checks.push(Check::broken("film", format!("{error:#}"))),
            Ok(probed) => {
                let plan = plan(config, &programs, &probed.container)?;
                let (more, guess) = doctor::film::checks(&programs, &film_of(config, &probed, &plan), Machine::look());
                checks.extend(more);
                (planned, forecast) = (Some(plan), guess);
            }
        }
        if let Err(refusal) = refuse_overwriting(config) {
            checks.push(Check::broken("output", format!("{refusal:#}")));
        }
    }
    Ok(Diagnosed { diagnosis: Diagnosis::of(checks), plan: planned, forecast })
}

fn film_of<'a>(config: &'a Config, probed: &'a Probed, plan: &'a Plan) -> Film<'a> {
    Film {
        input: &config.input,
        probed,
        recipe: &plan.recipe,
        encoder_line: &plan.encoder_line,
        workers: &plan.workers,
        warnings: &plan.warnings,
        allow_truncated: config.allow_truncated,
        job_dir: &config.job_dir,
        output_dir: output::dir_of(&config.output),
    }
}

/// An encoded film, in parts.
struct Made {
    media: Arc<MediaInfo>,
    recipe: Arc<Recipe>,
    chunks: Arc<Vec<EncodedChunk>>,
    resumed_chunks: usize,
}

/// Name of this machine.
fn host() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Indexes the film, finds its scenes and encodes them side by side.
#[expect(clippy::too_many_arguments, reason = "a part of `run`, with what it has at hand")]
fn in_chunks(
    watch: &Watch<'_>,
    config: &Config,
    equipment: &Equipment,
    vapoursynth: VapourSynth,
    job: &Arc<Job>,
    trial: Option<Task<()>>,
    plan: Plan,
    probed: Probed,
    lp_demanded: bool,
) -> Result<Made> {
    let reused = index(watch, config, vapoursynth, job, trial).inspect_err(|error| forget(job, error))?;
    let opened = match open(watch, config, equipment, vapoursynth, job, &plan, probed.clone()) {
        Err(error) if reused && error.downcast_ref::<Interrupted>().is_none() => {
            note(watch.sink, format!("the index of the earlier run cannot be used and is built again ({error:#})"));
            fs::remove_file(job.index()).context("removing the damaged index")?;
            index(watch, config, vapoursynth, job, None)?;
            open(watch, config, equipment, vapoursynth, job, &plan, probed)
        }
        opened => opened,
    };
    let (source, media) = opened.inspect_err(|error| forget(job, error))?;
    warn_of_small_disks(config, &plan, &media, watch.sink);

    (watch.sink)(Event::Stage { stage: Stage::Encode });
    let recipe = Arc::new(plan.recipe);
    let workshop = Workshop {
        job: job.clone(),
        source,
        media: media.clone(),
        recipe: recipe.clone(),
        encoder: equipment.programs.encoder.clone(),
        children: watch.children.clone(),
        host: host(),
    };
    let sound = sound(watch, equipment, job, &media.container, &recipe);
    let rules = crew::Rules {
        most: plan.workers.most,
        lp: job.lp,
        most_lp: if lp_demanded { job.lp } else { recipe.encoder.same_bytes_up_to(job.lp) },
        memory: config.memory,
        load: load(&equipment.programs.encoder, &media.container, &recipe),
        finish_chunks: config.finish_chunks,
        stall_timeout: config.stall_timeout,
    };
    let encoded = crew::run(workshop, &rules, watch.signals, watch.sink, sound)?;
    Ok(Made { media, recipe, chunks: Arc::new(encoded.chunks), resumed_chunks: encoded.resumed })
}

/// How often the progress of a film that is encoded in one go is told.
const TELL: Duration = Duration::from_secs(1);

/// Encodes the film as one chunk that ffmpeg reads itself.
fn in_one_go(
    watch: &Watch<'_>,
    config: &Config,
    equipment: &Equipment,
    job: &Arc<Job>,
    trial: Option<Task<()>>,
    plan: Plan,
    probed: Probed,
) -> Result<Made> {
    let tried = trial.map_or(Ok(()), |trial| watch.wait(&trial, || None));
    tried.inspect_err(|error| forget(job, error))?;
    (watch.sink)(Event::Stage { stage: Stage::Index });
    let (children, tools, input) = (watch.children.clone(), equipment.programs.tools.clone(), config.input.clone());
    let known_warnings = probed.container.warnings.len();
    let media = watch.over(move || {
        let indexed = direct::index(&children, &tools, &input, &probed.container)?;
        media_info(&children, &tools, &input, probed, indexed)
    });
    let media = Arc::new(media.inspect_err(|error| forget(job, error))?);
    refuse_truncated(watch, config, &media, known_warnings).inspect_err(|error| forget(job, error))?;
    warn_of_small_disks(config, &plan, &media, watch.sink);
    let recipe = Arc::new(plan.recipe);
    (watch.sink)(Event::Stage { stage: Stage::Encode });
    if let Some(sound) = sound(watch, equipment, job, &media.container, &recipe) {
        watch.over(sound)?;
    }
    let film = Direct {
        children: watch.children.clone(),
        job: job.clone(),
        media: media.clone(),
        recipe: recipe.clone(),
        encoder: equipment.programs.encoder.clone(),
        host: host(),
    };
    if let Some(chunk) = film.finished() {
        return Ok(Made { media, recipe, chunks: Arc::new(vec![chunk]), resumed_chunks: 1 });
    }
    let (started, told, encoded) = (Instant::now(), Cell::new(None), Arc::new(AtomicU64::new(0)));
    let (counted, total_frames) = (encoded.clone(), media.frames);
    let progress = || {
        let elapsed = started.elapsed();
        if told.get().is_some_and(|last| elapsed < last + TELL) {
            return None;
        }
        told.set(Some(elapsed));
        let (frames, elapsed_seconds) = (counted.load(Ordering::Relaxed), elapsed.as_secs_f64());
        let fps = frames as f64 / elapsed_seconds.max(0.001);
        Some(Event::Progress(Progress {
            frames,
            total_frames,
            detected_frames: total_frames,
            chunks: 0,
            total_chunks: 1,
            fps,
            elapsed_seconds,
            eta_seconds: (frames > 0).then(|| (total_frames.saturating_sub(frames)) as f64 / fps),
            bytes: 0,
            expected_bytes: None,
            workers: 1,
            memory_bytes: watch.children.pids().into_iter().map(process::resident).sum(),
        }))
    };
    let chunk = watch.wait(&begin(move || film.encode(&encoded)), progress)?;
    Ok(Made { media, recipe, chunks: Arc::new(vec![chunk]), resumed_chunks: 0 })
}

/// Removes the directory of a job that came to nothing: it holds no work, and would stand in the way of another source.
/// Of one that was only stopped, the directory stays.
fn forget(job: &Job, why: &anyhow::Error) {
    if !job.resumed && why.downcast_ref::<Interrupted>().is_none() {
        // The reason why it came to nothing is what the user must hear of.
        let _ = job.remove();
    }
}

/// Refuses to overwrite the output, and to overwrite the input at all.
fn refuse_overwriting(config: &Config) -> Result<()> {
    if let (Ok(input), Ok(output)) = (fs::canonicalize(&config.input), fs::canonicalize(&config.output))
        && input == output
    {
        return Err(UsageError("input and output are the same file".to_owned()).into());
    }
    output::refuse_existing(&config.output, config.overwrite || config.dry_run)
}

/// Frames of a chunk, on average, for guessing their number before the scenes are known.
const LIKELY_CHUNK: f64 = 120.0;

/// Decides everything that can be decided before the source is indexed.
fn plan(config: &Config, programs: &Programs, container: &Container) -> Result<Plan> {
    let mut warnings = container.warnings.clone();
    let recipe = recipe::decide(config, container, programs.encoder.capabilities(), &mut warnings)?;
    let demanded_lp = recipe::demanded_lp(config, programs.encoder.capabilities())?;
    let frames = container.declared_frames.map(|frames| frames as f64);
    // 24 frames a second is as good a guess as any: only films of a few chunks are of interest here.
    let frames = frames.or(container.duration_seconds.map(|seconds| seconds * 24.0)).unwrap_or(f64::MAX);
    let workers = budget::choose(
        Machine::look(),
        &load(&programs.encoder, container, &recipe),
        if config.direct { 1 } else { (frames / LIKELY_CHUNK).ceil().min(1e9) as u64 },
        Demands { workers: config.workers, lp: demanded_lp, memory: config.memory },
    );
    let line = programs.encoder.chunk_command(&recipe.params, workers.lp, Path::new("CHUNK.ivf"));
    Ok(Plan {
        input: config.input.to_string_lossy().into_owned(),
        output: config.output.to_string_lossy().into_owned(),
        source: container.clone(),
        encoder_line: process::shown(&line),
        recipe,
        workers,
        warnings,
    })
}

/// What a worker will have to do, as far as it decides about memory.
fn load(encoder: &Encoder, container: &Container, recipe: &Recipe) -> Load {
    let video = &container.video;
    Load { encoder: encoder.identity().clone(), size: (video.width, video.height), preset: recipe.preset }
}

/// Bits per pixel of SVT-AV1 at CRF 28 on grainy films, generously; halved with every six steps of CRF.
const BITS_PER_PIXEL: f64 = 0.1;
const CRF_OF_THAT: f64 = 28.0;

/// Warns where the film may not fit. How large it becomes is a guess; while it is encoded, the disk is watched.
fn warn_of_small_disks(config: &Config, plan: &Plan, media: &MediaInfo, sink: &Sink) {
    let crf = plan.recipe.params.iter().find(|param| param.name == "crf").and_then(|param| param.value.as_deref());
    let crf = crf.and_then(|crf| crf.parse().ok()).unwrap_or(CRF_OF_THAT);
    let pixels = media.frames as f64 * f64::from(media.width) * f64::from(media.height);
    let video = (pixels * BITS_PER_PIXEL / 8.0 * ((CRF_OF_THAT - crf) / 6.0).exp2()) as u64;
    let video = video.min(media.container.bytes);
    for dir in [config.job_dir.as_path(), output::dir_of(&config.output)] {
        if let Err(error) = disk::require(dir, video, "what is expected (a guess)") {
            warn(sink, format!("{error:#}"));
        }
    }
}

/// Begins to try the encoder with the recipe on two frames, unless chunks of this job show that it takes it.
fn try_encoder(
    children: &Children,
    equipment: &Equipment,
    job: &Arc<Job>,
    plan: &Plan,
    probed: &Probed,
) -> Option<Task<()>> {
    if job.has_chunks() {
        return None;
    }
    let (width, height) = probed.container.video.encoded_size();
    // What a container says of its rate may be nonsense, which the index will see through; an encoder would refuse it.
    let usual = |rate: &&Ratio<u32>| (1..=240).contains(&rate.round().to_integer());
    let fps = probed.rates.iter().find(usual).copied().unwrap_or_else(|| Ratio::from_integer(24));
    let format = y4m::Format { width, height, fps, bit_depth: plan.recipe.bit_depth };
    let (children, encoder) = (children.clone(), equipment.programs.encoder.clone());
    let (recipe, job) = (plan.recipe.clone(), job.clone());
    Some(begin(move || trial::require_accepted(&children, &encoder, &recipe, format, &job)))
}

/// Builds the frame index, unless an earlier run has; returns whether one has. What comes of the encoder's
/// `trial` is heard first.
fn index(
    watch: &Watch<'_>,
    config: &Config,
    vapoursynth: VapourSynth,
    job: &Job,
    trial: Option<Task<()>>,
) -> Result<bool> {
    // Not beside it: an index that is being built cannot be stopped, and would write into a job that is removed.
    trial.map_or(Ok(()), |trial| watch.wait(&trial, || None))?;
    if job.is_intact(job.index_name()) {
        return Ok(true);
    }
    if job.index().exists() {
        note(watch.sink, "the index of the earlier run is damaged and is built again");
    }
    (watch.sink)(Event::Stage { stage: Stage::Index });
    let part = job.part(job.index_name())?;
    // FFMS2 opens it by its name: a link in its place would be followed.
    let bytes = fs::metadata(&config.input)?.len();
    let input = config.input.clone();
    let position = || {
        let fraction = source::read_position(&config.input)? as f64 / bytes.max(1) as f64;
        Some(Event::Fraction { stage: Stage::Index, fraction: fraction.min(1.0) })
    };
    let indexing = begin(move || vapoursynth.index(&input, &part));
    watch.wait(&indexing, position)?;
    job.require_same_source()?;
    job.finish(job.index_name())?;
    job.seal(job.index_name())?;
    Ok(false)
}

/// Frames that VapourSynth may cache for each clip that is read: it is read in order, and nothing of it again.
const CACHED_FRAMES: u64 = 2;

/// Opens the indexed source and learns the rest of what it is.
fn open(
    watch: &Watch<'_>,
    config: &Config,
    equipment: &Equipment,
    vapoursynth: VapourSynth,
    job: &Arc<Job>,
    plan: &Plan,
    probed: Probed,
) -> Result<(Arc<Source>, Arc<MediaInfo>)> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let clips = plan.workers.most + 1;
    let frame_bytes = u64::from(probed.container.video.width) * u64::from(probed.container.video.height) * 3;
    vapoursynth.limit((frame_bytes * CACHED_FRAMES * clips as u64).max(64 << 20), clips.max(cores) + 1);
    let input = config.input.clone();
    let (bit_depth, children, tools) =
        (plan.recipe.bit_depth, watch.children.clone(), equipment.programs.tools.clone());
    let (job, threads) = (job.clone(), cores / plan.workers.most);
    let known_warnings = probed.container.warnings.len();
    let (source, media) = watch.over(move || {
        let scratch = job.part("times.txt")?;
        let (mut source, indexed) =
            Source::open(vapoursynth, &input, &job.index(), &probed.container, bit_depth, &scratch)?;
        source.set_decoder_threads(threads);
        let media = media_info(&children, &tools, &input, probed, indexed)?;
        Ok((Arc::new(source), Arc::new(media)))
    })?;
    refuse_truncated(watch, config, &media, known_warnings)?;
    Ok((source, media))
}

/// Puts together what the container and its frames say of the film.
fn media_info(children: &Children, tools: &Tools, input: &Path, probed: Probed, indexed: Indexed) -> Result<MediaInfo> {
    let after = |seconds| probe::has_packets_after(children, tools, input, seconds);
    let complaint = |part| probe::complaint_between(children, tools, input, part);
    source::media_info(probed, indexed, after, complaint)
        .with_context(|| format!("{} cannot be read whole", process::quoted(input.as_os_str())))
}

/// Refuses a film that is cut short, unless it is wanted all the same; passes on what is new to say of it.
fn refuse_truncated(watch: &Watch<'_>, config: &Config, media: &MediaInfo, known_warnings: usize) -> Result<()> {
    if let Some(truncated) = &media.truncated {
        let shown = process::quoted(config.input.as_os_str());
        if !config.allow_truncated {
            bail!("{shown} is cut short or damaged: {truncated}. Add --allow-truncated to encode what there is of it");
        }
        warn(watch.sink, format!("{shown} is cut short: {truncated}"));
    }
    for warning in &media.container.warnings[known_warnings..] {
        warn(watch.sink, warning.clone());
    }
    Ok(())
}

/// Sound that is encoded anew, as work beside the chunks.
fn sound(
    watch: &Watch<'_>,
    equipment: &Equipment,
    job: &Arc<Job>,
    container: &Container,
    recipe: &Recipe,
) -> Option<crew::Aside> {
    let args = recipe.audio_args.clone()?;
    container.other_tracks.iter().any(|track| track.kind == TrackKind::Audio).then_some(())?;
    let (children, tools, sink) = (watch.children.clone(), equipment.programs.tools.clone(), watch.sink.clone());
    let (job, container) = (job.clone(), container.clone());
    Some(Box::new(move || audio::encode(&children, &tools, &job, &container, &args, &sink)))
}

/// Keeps an eye on signals while something long is done.
struct Watch<'a> {
    children: &'a Children,
    signals: &'a Receiver<Signal>,
    sink: &'a Sink,
}

/// How often the progress of a stage is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Something long that is done on a thread of its own; what it came to arrives here.
type Task<T> = Receiver<Result<T>>;

/// Begins to do `work`.
fn begin<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Task<T> {
    let (sender, done) = bounded(1);
    thread::spawn(move || {
        // Nobody listens any more if the run was stopped meanwhile.
        let _ = sender.send(work());
    });
    done
}

impl Watch<'_> {
    /// Does `work` on a thread of its own; a signal that ends the run kills the tools that it uses, and leaves it.
    fn over<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        self.wait(&begin(work), || None)
    }

    /// Waits for the end of `task`, with signs of its `progress`.
    fn wait<T>(&self, task: &Task<T>, progress: impl Fn() -> Option<Event>) -> Result<T> {
        let ticks = tick(LOOK);
        loop {
            select! {
                recv(task) -> result => return result.unwrap_or_else(|_| Err(anyhow!("a step panicked: this is a bug in av1enc"))),
                recv(self.signals) -> signal => match signal {
                    Ok(Signal::SIGTSTP) => {
                        self.children.signal_all(Signal::SIGSTOP);
                        signal::stop_self();
                        self.children.signal_all(Signal::SIGCONT);
                    }
                    Ok(Signal::SIGCONT) => self.children.signal_all(Signal::SIGCONT),
                    Ok(signal) => {
                        self.children.close();
                        return Err(Interrupted(signal).into());
                    }
                    Err(_) => bail!("the signal handler is gone"),
                },
                recv(ticks) -> _ => if let Some(event) = progress() { (self.sink)(event) },
            }
        }
    }
}
