//! `av1enc submit`: hands the chunks of a planned job that are missing to a scheduler.

mod queue;
mod slurm;
mod printed;

use std::{
    env,
    path::{self, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::ground::Ground;
use crate::{
    cli::{Engine, SubmitArgs},
    job::{ChunkRecord, Hints, Planned, Stand, Tasks},
    os::{
        exit::{Exit, UsageError},
        guard::Threadless,
        process::{Children, quoted},
        words::count,
    },
    settings::neighbour::Standing,
    submit::{Array, Measure, Missing, Order, Sizes, added, least_bytes, pack, slurm::Fate},
    ui::{self, Mode},
};

/// Does what the command line asks for.
///
/// # Errors
/// [`UsageError`], [`Taken`](crate::os::exit::Taken), [`TryAgain`](crate::os::exit::TryAgain) if an earlier submission is not over; what a scheduler says.
pub(super) fn run(args: &SubmitArgs, mode: Mode) -> Result<Exit> {
    require_fitting(args)?;
    let ground = Ground::lay(&Threadless::here()?, &Standing::default())?;
    let shown = quoted(args.job.as_os_str());
    let submission = Errand::begin(args)
        .and_then(|errand| errand.run(&ground.children))
        .with_context(|| format!("handing over the chunks of {shown}"))?;
    submission.tell(mode)?;
    Ok(Exit::Done)
}

/// Makes sure that every option is one of the scheduler that is named.
fn require_fitting(args: &SubmitArgs) -> Result<(), UsageError> {
    let engine = args.engine;
    let of = |is_given: bool, option: &str, engines: &[Engine]| {
        (is_given && !engines.contains(&engine)).then(|| {
            let names: Vec<&str> = engines.iter().map(|engine| name(*engine)).collect();
            UsageError(format!(
                "{option} is for --engine {}: leave it out",
                names.join(" and ")
            ))
        })
    };
    use Engine::{Kubernetes, Parallel, Slurm};
    let no_hosts = (engine == Parallel && args.hosts.is_none()).then(|| {
        UsageError(
            "--hosts is missing: names separated by commas, such as --hosts alpha,beta, or a file with one in each line"
                .to_owned(),
        )
    });
    let wrong = [
        of(args.hosts.is_some(), "--hosts", &[Parallel]),
        of(args.packed, "--packed", &[Parallel]),
        of(
            args.array_limit.is_some(),
            "--array-limit",
            &[Slurm, Kubernetes],
        ),
        of(
            !args.further.is_empty(),
            "what is behind `--`",
            &[Slurm, Parallel],
        ),
        no_hosts,
    ];
    UsageError::unless_none(wrong.into_iter().flatten())
}

fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Slurm => "slurm",
        Engine::Parallel => "parallel",
        Engine::Kubernetes => "kubernetes",
    }
}

/// A job that is to be handed over, and all that is known of it.
struct Errand<'a> {
    args: &'a SubmitArgs,
    planned: Planned,
    /// Where it is, absolute.
    dir: PathBuf,
    /// Where av1enc is on the hosts, and here.
    programs: [PathBuf; 2],
    hints: Hints,
    stands: Vec<Stand>,
    measure: Measure,
}

/// What was handed over.
struct Told {
    object: Value,
    /// What a person, or a shell, reads.
    text: String,
    note: String,
}

impl Told {
    fn tell(self, mode: Mode) -> Result<()> {
        if mode == Mode::Json {
            ui::print_out(&serde_json::to_string(&self.object)?);
            return Ok(());
        }
        ui::print_note(&self.note);
        if !self.text.is_empty() {
            ui::print_out(self.text.trim_end());
        }
        Ok(())
    }
}

impl<'a> Errand<'a> {
    fn begin(args: &'a SubmitArgs) -> Result<Self> {
        let dir = path::absolute(&args.job).context("the current directory is gone")?;
        let planned = Planned::hold(&dir, args.shared)?;
        let (hints, stands) = (planned.hints()?, planned.stands()?);
        let records: Vec<&ChunkRecord> = stands
            .iter()
            .filter_map(|stand| stand.record.as_ref())
            .collect();
        Ok(Self {
            args,
            measure: Measure::of(&hints, &records),
            programs: programs(args)?,
            planned,
            dir,
            hints,
            stands,
        })
    }

    fn order(&self) -> Order<'_> {
        Order {
            program: &self.programs[0],
            own: &self.programs[1],
            job: &self.dir,
            shared: self.args.shared,
            lease_timeout: self.args.lease_timeout,
            limit: self.args.array_limit,
            threads: self.hints.threads,
            further: &self.args.further,
        }
    }

    fn run(&self, children: &Children) -> Result<Told> {
        match self.args.engine {
            Engine::Slurm => self.to_slurm(children),
            Engine::Parallel => self.for_parallel(),
            Engine::Kubernetes => self.for_kubernetes(),
        }
    }

    /// The chunks that are not encoded, where `fate` is what the scheduler says of how a task of an earlier submission ended.
    fn missing(&self, tasks: &Tasks, fate: impl Fn(&str) -> Option<Fate>) -> Vec<Missing> {
        let missing = self.stands.iter().filter(|stand| stand.record.is_none());
        missing
            .map(|stand| Missing {
                chunk: stand.chunk,
                least_bytes: least_bytes(stand, tasks, self.measure.memory_bytes, &fate),
            })
            .collect()
    }

    /// Adds tasks of the missing chunks to those that the job has, at most so many at once.
    fn added(&self, tasks: &mut Tasks, missing: &[Missing], most: usize) -> Vec<Array> {
        let sizes = Sizes {
            seconds: self.args.task_seconds as f64,
            most,
        };
        added(tasks, pack(missing, &self.measure, sizes))
    }

    /// Records the tasks, before any host looks for one of them.
    fn keep(&self, tasks: &Tasks, arrays: &[Array]) -> Result<()> {
        match self.args.print || arrays.is_empty() {
            true => Ok(()),
            false => self.planned.record_tasks(tasks),
        }
    }

    /// What was handed over, with what is to be known besides.
    fn told(&self, missing: &[Missing], arrays: &[Array], text: String, more: Value) -> Told {
        let tasks: usize = arrays.iter().map(|array| array.tasks.len()).sum();
        let chunks: Vec<usize> = missing.iter().map(|one| one.chunk.index).collect();
        let mut object = json!({
            "engine": name(self.args.engine),
            "job": self.dir.to_string_lossy(),
            "chunks": self.stands.len(),
            "missing": chunks,
            "tasks": tasks,
            "printed": self.args.print,
        });
        if let (Value::Object(all), Value::Object(more)) = (&mut object, more) {
            all.extend(more);
        }
        Told {
            object,
            text,
            note: self.note(missing.len(), tasks),
        }
    }

    fn note(&self, missing: usize, tasks: usize) -> String {
        let job = quoted(self.dir.as_os_str());
        let all = count(self.stands.len() as u64, "chunk");
        match (missing, self.args.print) {
            (0, _) => format!("no chunk of {all} is missing: only `av1enc join {job}` is left"),
            (_, true) => format!(
                "{missing} of {all} are missing, {}; nothing was changed: the same without --print makes these tasks",
                count(tasks as u64, "task")
            ),
            (_, false) => format!(
                "{missing} of {all} are missing, {}; `av1enc status {job}` shows how far they are",
                count(tasks as u64, "task")
            ),
        }
    }
}

/// Where av1enc is on the hosts, and where this one is.
fn programs(args: &SubmitArgs) -> Result<[PathBuf; 2]> {
    let own = env::current_exe().context("finding the program that runs")?;
    let named = args.program.clone();
    let there = named.unwrap_or_else(|| match args.engine {
        // In an image it is where the image has it.
        Engine::Kubernetes => "av1enc".into(),
        Engine::Slurm | Engine::Parallel => own.clone(),
    });
    Ok([there, own])
}
