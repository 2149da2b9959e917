//! `av1enc chunk`: encodes chunks of a job that was planned, on any host that sees it.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use crossbeam_channel::Receiver;
use serde::Serialize;

use super::{Ground, join};
use crate::{
    cli::{ChunkArgs, ChunkOrder, ShowProgress},
    crew::{self, LostChunks},
    doctor::{self, Programs, Wanted},
    event::{Event, Sink, Stage},
    film::media::{Chunk, MediaInfo},
    job::{self, Attached, Job, KnownScenes, ReaderRecord},
    neighbour::Board,
    os::{
        exit::{Exit, Taken, TryAgain, UnfitHost, UsageError},
        guard::Threadless,
        machine::{Machine, host},
        process::quoted,
        room::{Room, is_full},
        signal::{self, Interrupted, Signal},
        task::Watch,
        threads::Seats,
        words::count,
    },
    plan::{self, recipe::Recipe, workers},
    settings::{
        Config, MemoryLimit,
        neighbour::Standing,
        which::{Which, require_within},
    },
    source::Reader,
    ui::{self, Mode, Ui},
    work::{
        chunk::{OtherFrames, Workshop},
        decoded::Samples,
        planned::Planned,
    },
};

/// What became of the chunks.
#[derive(Debug, Serialize)]
struct Done {
    event: &'static str,
    /// Those that were encoded here.
    encoded: Vec<usize>,
    /// Those that were there before, or came from another host.
    before: Vec<usize>,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.encoded.len() + self.before.len();
        write!(
            f,
            "{} of this task: {} encoded here, {} there before",
            count(all as u64, "chunk"),
            self.encoded.len(),
            self.before.len()
        )
    }
}

/// Does what the command line asks for.
///
/// # Errors
/// [`TryAgain`] and [`UnfitHost`]; those of the encode.
pub(super) fn run(args: &ChunkArgs, mode: Mode) -> Result<Exit> {
    let which = Which::of(args, |name| env::var(name).ok())?;
    let dir = args.job.as_deref().context("no job is named")?;
    let (config, _) = join::planned(dir, args.source.as_deref())?;
    let errand = Errand {
        which,
        config: on_this_host(config, args)?,
        lease_timeout: Duration::from_secs(args.lease_timeout),
    };
    let ground = Ground::lay(&Threadless::here()?, &Standing::default())?;
    let ui = Arc::new(Ui::new(mode, false, ShowProgress::Auto, None));
    let sink: Sink = {
        let ui = ui.clone();
        Arc::new(move |event| ui.show(event))
    };
    let work = move |signals| errand.run(&ground, &signals, &sink).map_err(classified);
    let done = signal::attend(false, work);
    ui.clear();
    let done = done?;
    match mode {
        Mode::Json => ui::print_out(&serde_json::to_string(&done)?),
        Mode::Human => ui::print_out(&done.to_string()),
        Mode::Quiet => (),
    }
    Ok(Exit::Done)
}

/// What was planned, by the programs of this host: what a variable of the environment names here goes before what was named
/// where it was planned, and what is not there is looked for.
fn on_this_host(config: Config, args: &ChunkArgs) -> Result<Config> {
    let here = |variable: &str, planned: Option<PathBuf>| {
        let named = env::var_os(variable).filter(|value| !value.is_empty());
        named
            .map(PathBuf::from)
            .or_else(|| planned.filter(|path| path.exists()))
    };
    let mut config = config;
    config.encoder.path = here("AV1ENC_ENCODER_PATH", config.encoder.path);
    config.encoder.device = here("AV1ENC_DEVICE", config.encoder.device);
    config.programs.ffmpeg = here("AV1ENC_FFMPEG", config.programs.ffmpeg);
    config.programs.ffprobe = here("AV1ENC_FFPROBE", config.programs.ffprobe);
    config.workers = args.workers.map(|workers| workers as usize);
    config.memory = match args.memory_limit.as_deref() {
        Some(text) => MemoryLimit::parse(text)?,
        None => MemoryLimit::Available,
    };
    config.shared |= args.shared;
    Ok(config)
}

/// An error as one that says whether trying again may help.
fn classified(error: anyhow::Error) -> anyhow::Error {
    let passes = error
        .downcast_ref::<LostChunks>()
        .is_some_and(|lost| lost.may_help_later);
    if error.is::<Interrupted>() {
        error
    } else if error.is::<OtherFrames>() {
        UnfitHost(format!("{error:#}")).into()
    } else if passes || is_full(&error) {
        TryAgain(format!("{error:#}")).into()
    } else {
        error
    }
}

/// Which chunks are to be encoded, and how.
struct Errand {
    which: Which,
    config: Config,
    lease_timeout: Duration,
}

/// The job as it was planned.
struct Plan {
    job: Arc<Job>,
    recipe: Recipe,
    reader: ReaderRecord,
    known: KnownScenes,
}

impl Errand {
    fn run(&self, ground: &Ground, signals: &Receiver<Signal>, sink: &Sink) -> Result<Done> {
        let watch = Watch {
            children: &ground.children,
            signals,
            sink,
        };
        let room = Room::new(self.config.disk_patience, watch.children, sink);
        let plan = self.plan(&room)?;
        let chunks = self.chunks(&plan)?;
        let before: Vec<usize> = chunks
            .iter()
            .map(|chunk| chunk.index)
            .filter(|index| plan.job.has_record(*index))
            .collect();
        let programs = self.programs(&watch, &plan)?;
        let scratch = tempfile::tempdir().context("making a directory for this host's index")?;
        let reader = self.open(&watch, &plan, &programs, scratch.path())?;
        sink(Event::Stage {
            stage: Stage::Encode,
        });
        let work = crew::Work {
            workshop: workshop(&plan, programs),
            reader,
            aside: None,
            only: Some(chunks.clone()),
        };
        crew::run(work, &self.wishes(&plan, chunks.len()), signals, sink)?;
        let is_new = |index: &usize| !before.contains(index);
        Ok(Done {
            event: "chunks",
            encoded: chunks
                .iter()
                .map(|chunk| chunk.index)
                .filter(is_new)
                .collect(),
            before,
        })
    }

    /// The job, if it is one of which this host can encode chunks.
    fn plan(&self, room: &Room) -> Result<Plan> {
        let config = &self.config;
        let Attached { job, recipe, .. } =
            job::attach(&config.job_dir, &config.input, config.shared, room)?;
        let known = job.known_scenes()?;
        let reader = job.reader()?.filter(|_| known.is_for_all_hosts());
        let reader = reader.with_context(|| {
            let shown = quoted(config.job_dir.as_os_str());
            Taken(format!(
                "{shown} is not planned to its end: repeat `av1enc plan` with the words that made it"
            ))
        })?;
        Ok(Plan {
            job: Arc::new(job),
            recipe,
            reader,
            known,
        })
    }

    /// The chunks that are to be encoded.
    fn chunks(&self, plan: &Plan) -> Result<Vec<Chunk>> {
        let all = &plan.known.chunks;
        match &self.which {
            Which::Any => Ok(all.clone()),
            Which::Range(range) => {
                require_within(range, all.len())?;
                Ok(all[range.clone()].to_vec())
            }
            Which::Task(number) => {
                let tasks = plan.job.tasks()?.unwrap_or_default().tasks;
                let task = tasks.get(*number).with_context(|| {
                    UsageError(format!(
                        "--task {number}: the job has {}; `av1enc submit` makes them",
                        count(tasks.len() as u64, "task")
                    ))
                })?;
                let chunks = task.chunks.iter().cloned().flatten();
                chunks
                    .map(|index| all.get(index).copied().context("a task of another job"))
                    .collect()
            }
        }
    }

    /// The programs of this host, if they encode as it was planned.
    fn programs(&self, watch: &Watch<'_>, plan: &Plan) -> Result<Programs> {
        let config = &self.config;
        let wanted = Wanted {
            encoder: &config.encoder,
            programs: &config.programs,
            params: &config.video.params,
            bit_depth: plan.recipe.video.picture.bit_depth,
            direct: plan.reader.linear,
        };
        let programs = doctor::require(watch.children, wanted)?;
        let (planned, here) = (&plan.recipe.encoder, programs.encoder.identity());
        ensure!(
            planned == here,
            UnfitHost(format!(
                "it was planned with {}, and this host has {}: install that one, or name it with AV1ENC_ENCODER_PATH",
                planned.version, here.version
            ))
        );
        Ok(programs)
    }

    fn open(
        &self,
        watch: &Watch<'_>,
        plan: &Plan,
        programs: &Programs,
        scratch: &Path,
    ) -> Result<Reader> {
        let (job, tools) = (plan.job.clone(), programs.tools.clone());
        let (input, scratch) = (self.config.input.clone(), scratch.to_owned());
        let (record, bit_depth) = (plan.reader.clone(), plan.recipe.video.picture.bit_depth);
        let workers = self.workers(plan, 1).most;
        watch.over(move || {
            Planned {
                job: &job,
                input: &input,
                tools: &tools,
                film: &record.film.container,
                record: &record,
                bit_depth,
                workers,
                scratch: &scratch,
            }
            .open()
        })
    }

    /// Encoders at once, for so many chunks.
    fn workers(&self, plan: &Plan, chunks: usize) -> workers::Workers {
        let demands = workers::Demands {
            workers: self.config.workers,
            lp: Some(plan.job.lp),
            memory: self.config.memory,
        };
        let load = plan::load(&plan.recipe, &plan.reader.film.container);
        workers::choose(Machine::look(), &load, chunks as u64, demands)
    }

    fn wishes(&self, plan: &Plan, chunks: usize) -> crew::Wishes {
        let (recipe, media): (&Recipe, &MediaInfo) = (&plan.recipe, &plan.reader.film);
        let workers = self.workers(plan, chunks);
        crew::Wishes {
            most: workers.most,
            lp: plan.job.lp,
            most_lp: recipe.encoder.same_bytes_up_to(plan.job.lp),
            memory: self.config.memory,
            lean: workers.lean,
            load: plan::load(recipe, &media.container),
            finish_chunks: false,
            order: ChunkOrder::default(),
            seats: Seats::default(),
            board: Board::default(),
            stall_timeout: self.config.stall_timeout,
            disk_patience: self.config.disk_patience,
            film_bytes: plan::likely_bytes(recipe, media),
            allowed: None,
            course: None,
        }
    }
}

/// What all chunks have in common.
fn workshop(plan: &Plan, programs: Programs) -> Workshop {
    Workshop {
        job: plan.job.clone(),
        media: Arc::new(plan.reader.film.clone()),
        recipe: Arc::new(plan.recipe.clone()),
        encoder: programs.encoder,
        tools: programs.tools,
        samples: Samples::default(),
        host: host(),
        hashes: Arc::new(plan.known.hashes.clone()),
    }
}
