//! Chunks of a job that this host sees, and the film.

use std::{env, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};

use super::{Done, Means, on_this_host, require_encoder, require_programs};
use crate::{
    cli::ChunkArgs,
    commands::join,
    crew::{self, Elsewhere},
    doctor::{Programs, Wanted},
    event::{Event, Stage},
    film::media::Chunk,
    job::{self, Attached, Job, KnownScenes, Observer, ReaderRecord},
    os::{
        exit::{Taken, TryAgain, UsageError},
        machine::host,
        process::quoted,
        room::Room,
        signal::Interrupted,
        task::Watch,
        words::count,
    },
    plan::recipe::Recipe,
    settings::{
        Config,
        which::{Which, require_within},
    },
    source::Reader,
    work::{
        chunk::Workshop,
        decoded::Samples,
        packed::Packing,
        planned::{Damaged, Planned},
        shared::Shared,
    },
};

/// Which chunks of which job, and what is done with them.
pub(super) struct OfJob {
    which: Which,
    /// What the job was planned with, with the programs of this host.
    config: Config,
    means: Means,
    /// Whether they are packed, and not encoded.
    packs: bool,
    lease_timeout: Duration,
}

/// All that is needed to begin.
struct Ready {
    plan: Plan,
    programs: Programs,
    reader: Reader,
    /// The chunks that are meant.
    chunks: Vec<Chunk>,
}

/// The job as it was planned.
struct Plan {
    job: Arc<Job>,
    recipe: Recipe,
    reader: ReaderRecord,
    known: KnownScenes,
}

impl OfJob {
    pub fn of(args: &ChunkArgs) -> Result<Self> {
        let which = Which::of(args, |name| env::var(name).ok())?;
        let dir = args.job.as_deref().context("no job is named")?;
        let (config, _) = join::planned(dir, args.source.as_deref(), args.shared)?;
        let (encoder, programs) = on_this_host(config.encoder, config.programs);
        Ok(Self {
            which,
            means: Means::of(args)?,
            packs: args.pack,
            lease_timeout: Duration::from_secs(args.lease_timeout),
            config: Config {
                encoder,
                programs,
                shared: config.shared || args.shared,
                ..config
            },
        })
    }

    pub fn run(&self, watch: &Watch<'_>) -> Result<Done> {
        let room = Room::new(self.config.disk_patience, watch.children, watch.sink);
        let plan = self.plan(&room)?;
        let chunks = self.chunks(&plan)?;
        let programs = self.programs(watch, &plan)?;
        let scratch = tempfile::tempdir().context("making a directory for what is this host's")?;
        let reader = self.open(watch, &plan, &programs, scratch.path())?;
        (watch.sink)(Event::Stage {
            stage: Stage::Encode,
        });
        let ready = Ready {
            plan,
            programs,
            reader,
            chunks,
        };
        match self.packs {
            true => ready.pack(watch),
            false => self.encode(watch, ready),
        }
    }

    /// What has failed because the job is there no more, which somebody has joined, said so.
    pub fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        if error.is::<Interrupted>() || self.config.job_dir.exists() {
            return error;
        }
        let shown = quoted(self.config.job_dir.as_os_str());
        TryAgain(format!(
            "there is no job directory {shown} any more: its film may be finished"
        ))
        .into()
    }

    fn encode(&self, watch: &Watch<'_>, ready: Ready) -> Result<Done> {
        let shared = Arc::new(Shared::with(Arc::new(Observer::new(self.lease_timeout))));
        let all: Vec<usize> = ready.chunks.iter().map(|chunk| chunk.index).collect();
        let Plan {
            job,
            recipe,
            reader,
            ..
        } = &ready.plan;
        let wishes = self.means.wishes(recipe, &reader.film, job.lp, all.len());
        let work = ready.work(shared.clone());
        let elsewhere = match crew::run(work, &wishes, watch.signals, watch.sink) {
            Ok(_) => Vec::new(),
            Err(error) => self.left_to_others(error)?,
        };
        let here = shared.encoded();
        let is_before = |index: &usize| !here.contains(index) && !elsewhere.contains(index);
        let before = all.into_iter().filter(is_before).collect();
        Ok(Done {
            elsewhere,
            ..Done::with("encoded", here, before)
        })
    }

    /// The chunks that others encode, where any are as good as others.
    ///
    /// # Errors
    /// If it is something else, or these very chunks are wanted.
    fn left_to_others(&self, error: anyhow::Error) -> Result<Vec<usize>> {
        match error.downcast_ref::<Elsewhere>() {
            Some(Elsewhere { chunks }) if self.which == Which::Any => {
                Ok(chunks.iter().map(|(index, _)| *index).collect())
            }
            _ => Err(error),
        }
    }

    /// The job, if it is one of which this host can encode chunks.
    fn plan(&self, room: &Room) -> Result<Plan> {
        let config = &self.config;
        let Attached { job, recipe } =
            job::attach(&config.job_dir, &config.input, config.shared, room)?;
        let known = job.known_scenes()?;
        let reader = job.reader().map_err(unplanned)?;
        let reader = reader.filter(|_| known.is_for_all_hosts());
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

    /// The chunks that are meant.
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
        let programs = require_programs(watch.children, wanted)?;
        require_encoder(&plan.recipe, programs.encoder.identity())?;
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
        let (record, recipe) = (plan.reader.clone(), &plan.recipe);
        let workers = self.means.workers(recipe, &record.film, job.lp, usize::MAX);
        let bit_depth = recipe.video.picture.bit_depth;
        let frames = plan.known.chunks.last().map_or(0, |chunk| chunk.end);
        watch.over(move || {
            Planned {
                job: &job,
                input: &input,
                tools: &tools,
                record: &record,
                frames,
                bit_depth,
                workers: workers.most,
                scratch: &scratch,
            }
            .open()
            .map_err(|error| match error.is::<Damaged>() {
                true => unplanned(error),
                false => error,
            })
        })
    }
}

/// What the plan has recorded is damaged.
fn unplanned(error: anyhow::Error) -> anyhow::Error {
    Taken(format!(
        "{error:#}: repeat `av1enc plan` with the words that made the job"
    ))
    .into()
}

impl Ready {
    /// Packs the frames of the chunks, one after the other.
    fn pack(self, watch: &Watch<'_>) -> Result<Done> {
        let is_packed = |chunk: &Chunk| self.plan.job.has_packed(chunk.index);
        let (before, here) = divided(&self.chunks, is_packed);
        watch.over(move || {
            let Plan {
                job,
                recipe,
                reader,
                known,
            } = &self.plan;
            let packing = Packing {
                job,
                tools: &self.programs.tools,
                reader: &self.reader,
                film: &reader.film,
                recipe,
            };
            self.chunks.iter().try_for_each(|chunk| {
                let hash = known.hashes.get(chunk.index).and_then(Option::as_deref);
                packing.pack(*chunk, hash.context("a chunk without a hash")?)
            })
        })?;
        Ok(Done::with("packed", here, before))
    }

    /// What a crew has to do.
    fn work(self, shared: Arc<Shared>) -> crew::Work {
        let Self {
            plan,
            programs,
            reader,
            chunks,
        } = self;
        let workshop = Workshop {
            job: plan.job,
            media: Arc::new(plan.reader.film),
            recipe: Arc::new(plan.recipe),
            encoder: programs.encoder,
            tools: programs.tools,
            samples: Samples::default(),
            host: host(),
            hashes: Arc::new(plan.known.hashes),
            shared: Some(shared),
        };
        crew::Work {
            workshop,
            reader,
            aside: None,
            only: Some(chunks),
        }
    }
}

/// The numbers of the chunks of which something is true, and of the others.
fn divided(chunks: &[Chunk], is_done: impl Fn(&Chunk) -> bool) -> (Vec<usize>, Vec<usize>) {
    let (done, others): (Vec<Chunk>, Vec<Chunk>) = chunks.iter().partition(|chunk| is_done(chunk));
    let numbers = |chunks: Vec<Chunk>| chunks.iter().map(|chunk| chunk.index).collect();
    (numbers(done), numbers(others))
}
