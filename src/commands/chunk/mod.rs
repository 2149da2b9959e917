//! `av1enc chunk`: encodes chunks of a job that was planned, on any host.

mod of_job;
mod packed;

use std::{env, fmt, path::PathBuf, sync::Arc};

use anyhow::Result;
use serde::Serialize;

use self::{of_job::OfJob, packed::Packed};
use super::ground::Ground;
use crate::{
    cli::{ChunkArgs, ChunkOrder, ShowProgress},
    crew::{self, Elsewhere, LostChunks},
    doctor::{self, Programs, Wanted},
    event::Sink,
    film::media::MediaInfo,
    neighbour::Board,
    os::{
        exit::{Exit, TryAgain, UnfitHost, UsageError},
        guard::Threadless,
        machine::Machine,
        process::Children,
        room::{self, is_full},
        signal::{self, Interrupted},
        task::Watch,
        threads::Seats,
        words::count,
    },
    plan::{self, recipe::Recipe, workers},
    settings::{EncoderChoice, MemoryLimit, NamedPrograms, neighbour::Standing},
    ui::{self, Mode, Ui},
    work::chunk::OtherFrames,
};

/// What became of the chunks: the last line with `--json`.
#[derive(Debug, Serialize)]
struct Done {
    event: &'static str,
    /// What was done with them: `encoded`, `packed`.
    what: &'static str,
    /// Those with which it was done here.
    here: Vec<usize>,
    /// Those with which it was done before, or by another host.
    before: Vec<usize>,
    /// Those with which another host is at it.
    elsewhere: Vec<usize>,
}

impl Done {
    /// The chunks `here` and `before`, with which that was done.
    fn with(what: &'static str, here: Vec<usize>, before: Vec<usize>) -> Self {
        Self {
            event: "chunks",
            what,
            here,
            before,
            elsewhere: Vec::new(),
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chunks = count(self.here.len() as u64, "chunk");
        write!(f, "{chunks} {}", self.what)?;
        for (chunks, what) in [
            (&self.before, "there before"),
            (&self.elsewhere, "elsewhere"),
        ] {
            if !chunks.is_empty() {
                write!(f, ", {} {what}", chunks.len())?;
            }
        }
        Ok(())
    }
}

/// What is to be done.
enum Errand {
    OfJob(Box<OfJob>),
    Packed(Packed),
}

/// Does what the command line asks for.
///
/// # Errors
/// [`TryAgain`] and [`UnfitHost`]; those of the encode.
pub(super) fn run(args: &ChunkArgs, mode: Mode) -> Result<Exit> {
    let errand = match &args.packed {
        Some(file) => Errand::Packed(Packed::of(args, file)?),
        None => Errand::OfJob(Box::new(OfJob::of(args)?)),
    };
    let ground = Ground::lay(&Threadless::here()?, &Standing::default())?;
    let ui = Arc::new(Ui::new(mode, false, ShowProgress::Auto, None));
    let sink: Sink = {
        let ui = ui.clone();
        Arc::new(move |event| ui.show(event))
    };
    let work = move |signals| {
        let watch = Watch {
            children: &ground.children,
            signals: &signals,
            sink: &sink,
        };
        let done = match &errand {
            Errand::OfJob(chunks) => chunks.run(&watch).map_err(|error| chunks.explained(error)),
            Errand::Packed(chunk) => chunk.run(&watch).map_err(|error| chunk.explained(error)),
        };
        done.map_err(classified)
    };
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

/// An error as one that says whether trying again may help.
fn classified(error: anyhow::Error) -> anyhow::Error {
    let lost = error.downcast_ref::<LostChunks>();
    let passes = lost.is_some_and(|lost| lost.may_help_later);
    if error.is::<Interrupted>() {
        error
    } else if let Some(elsewhere) = error.downcast_ref::<Elsewhere>() {
        TryAgain(format!("{elsewhere}: the same command helps later")).into()
    } else if error.is::<OtherFrames>() {
        UnfitHost(format!("{error:#}")).into()
    } else if passes || is_full(&error) {
        TryAgain(format!("{error:#}")).into()
    } else {
        error
    }
}

/// The programs of this host: what a variable of the environment names goes before what was named where the job was planned,
/// and what is not there is looked for.
fn on_this_host(encoder: EncoderChoice, programs: NamedPrograms) -> (EncoderChoice, NamedPrograms) {
    let here = |variable: &str, planned: Option<PathBuf>| {
        let named = env::var_os(variable).filter(|value| !value.is_empty());
        let is_there = |path: &PathBuf| path.exists();
        named.map(PathBuf::from).or(planned.filter(is_there))
    };
    let encoder = EncoderChoice {
        path: here("AV1ENC_ENCODER_PATH", encoder.path),
        device: here("AV1ENC_DEVICE", encoder.device),
        ..encoder
    };
    let programs = NamedPrograms {
        ffmpeg: here("AV1ENC_FFMPEG", programs.ffmpeg),
        ffprobe: here("AV1ENC_FFPROBE", programs.ffprobe),
    };
    (encoder, programs)
}

/// The programs of this host that are wanted.
///
/// # Errors
/// [`UnfitHost`] if one is missing, or does not work.
fn require_programs(children: &Children, wanted: Wanted<'_>) -> Result<Programs, UnfitHost> {
    doctor::require(children, wanted).map_err(|error| UnfitHost(format!("{error:#}")))
}

/// Makes sure that the encoder of this host is the one with which it was planned.
fn require_encoder(planned: &Recipe, here: &crate::encoder::Identity) -> Result<(), UnfitHost> {
    if planned.encoder == *here {
        return Ok(());
    }
    Err(UnfitHost(format!(
        "it was planned with {}, and this host has {}: install that one, or name it with AV1ENC_ENCODER_PATH",
        planned.encoder.version, here.version
    )))
}

/// What of this host chunks may take.
struct Means {
    /// Encoders at once; `None`: as many as it carries.
    workers: Option<usize>,
    /// Memory of all of them.
    memory: MemoryLimit,
}

impl Means {
    fn of(args: &ChunkArgs) -> Result<Self, UsageError> {
        let memory = args.memory_limit.as_deref().map(MemoryLimit::parse);
        Ok(Self {
            workers: args.workers.map(|workers| workers as usize),
            memory: memory.transpose()?.unwrap_or_default(),
        })
    }

    /// Encoders at once, for so many chunks of a film.
    fn workers(
        &self,
        recipe: &Recipe,
        film: &MediaInfo,
        lp: u32,
        chunks: usize,
    ) -> workers::Workers {
        let demands = workers::Demands {
            workers: self.workers,
            lp: Some(lp),
            memory: self.memory,
        };
        let load = plan::load(recipe, &film.container);
        workers::choose(Machine::look(), &load, chunks as u64, demands)
    }

    /// What is wanted of a crew that encodes so many chunks of a film.
    fn wishes(&self, recipe: &Recipe, film: &MediaInfo, lp: u32, chunks: usize) -> crew::Wishes {
        let workers = self.workers(recipe, film, lp, chunks);
        crew::Wishes {
            most_workers: workers.most,
            lp,
            most_lp: recipe.encoder.same_bytes_up_to(lp),
            memory: self.memory,
            lean: workers.lean,
            load: plan::load(recipe, &film.container),
            finish_chunks: false,
            order: ChunkOrder::default(),
            seats: Seats::default(),
            board: Board::default(),
            stall_timeout: None,
            disk_patience: room::PATIENCE,
            film_bytes: plan::likely_bytes(recipe, film),
            allowed: None,
            course: None,
            waits_for_others: false,
        }
    }
}
