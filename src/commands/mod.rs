//! The commands, one file each: they read like the README's "How it works".

mod manual;
pub mod doctor;
pub mod encode;
mod join;
mod plan;
pub mod chunk;
pub mod history;
pub mod restore;
pub mod status;
mod submit;
pub mod verify;

use std::sync::Arc;

use anyhow::{Result, bail};

use self::encode::Outcome;
use crate::{
    cli::{self, Cli, Command, EncodeArgs, ShowProgress, VerifyArgs},
    doctor::Wanted,
    event::{Event, Sink},
    neighbour::standing,
    os::{
        exit::{Exit, Missed},
        guard::{Threadless, choose_locale, limit_heaps},
        priority,
        process::{Children, quoted},
        signal, threads, toolbox,
    },
    settings::{Config, Method, Step, neighbour::Standing, tables},
    source,
    ui::{self, Mode, Ui, log::Log},
};

/// Does what the command line asks for, and shows it in this `mode`.
///
/// # Errors
/// Those that [`Exit`] knows, and [`Interrupted`](crate::os::signal::Interrupted).
pub fn run(cli: &Cli, mode: Mode) -> Result<Exit> {
    match &cli.command {
        None => encode(Config::new(&cli.encode)?, &cli.encode, mode),
        Some(Command::Doctor { encode }) => examine(encode),
        Some(Command::Verify(args)) => compare(args, mode),
        Some(Command::Restore { film, backup_dir }) => {
            ui::print_out(&restore::run(film, backup_dir.as_deref())?);
            Ok(Exit::Done)
        }
        Some(Command::Plan { encode }) => plan::run(encode, mode),
        Some(Command::Chunk(args)) => chunk::run(args, mode),
        Some(Command::Join(args)) => join::run(args, mode),
        Some(Command::Submit(args)) => submit::run(args, mode),
        Some(Command::Status(args)) => status::run(args),
        Some(Command::History(args)) => {
            ui::print_bytes(&history::run(args)?);
            Ok(Exit::Done)
        }
        Some(Command::TryVapoursynth) => {
            ui::print_out(&source::trial());
            Ok(Exit::Done)
        }
        Some(Command::Tables) => {
            ui::print_bytes(tables::BUILT_IN.as_bytes());
            Ok(Exit::Done)
        }
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut cli::completed(), "av1enc", &mut script);
            ui::print_bytes(&script);
            Ok(Exit::Done)
        }
        Some(Command::Man) => {
            ui::print_bytes(&manual::page()?);
            Ok(Exit::Done)
        }
    }
}

/// Takes the steps of an encode that `config` asks for; `args` say how they are shown.
fn encode(config: Config, args: &EncodeArgs, mode: Mode) -> Result<Exit> {
    let is_object = config.dry_run || config.step == Step::Plan;
    let job_dir = config.job_dir.clone();
    // Before anything that starts a thread; the bar does.
    let ground = Ground::lay(&Threadless::here()?, &config.neighbour.standing)?;
    // A plan is one object: who reads it wants no other lines.
    let shown = if is_object && mode == Mode::Json {
        Mode::Quiet
    } else {
        mode
    };
    let log = config.log_file.as_deref().map(Log::open).transpose()?;
    let ui = Arc::new(Ui::new(shown, args.verbose, args.progress, log));
    let sink: Sink = {
        let ui = ui.clone();
        Arc::new(move |event| ui.show(event))
    };
    let finishes = config.finish_chunks;
    let work = move |signals| {
        let outcome = encode::run(&ground, &config, &signals, &sink);
        encode::tell(&config, &outcome, &sink);
        outcome
    };
    let outcome = signal::attend(finishes, work).inspect_err(|error| ui.end(error))?;
    match outcome {
        Outcome::Encoded(report) => {
            let missed = report.sized.as_ref().and_then(|sized| sized.missed.clone());
            ui.show(Event::Finished(*report));
            if let Some(missed) = missed {
                bail!(Missed(missed));
            }
        }
        Outcome::Named | Outcome::Scenes => ui.clear(),
        Outcome::Prepared(prepared) => {
            ui.clear();
            plan::tell(&prepared, &job_dir, mode)?;
        }
        Outcome::Planned(plan) if mode == Mode::Json => {
            ui::print_out(&serde_json::to_string(&plan)?)
        }
        Outcome::Planned(plan) => {
            ui.clear();
            ui::print_out(&ui::plan::described(&plan));
        }
    }
    Ok(Exit::Done)
}

/// Shows all checks of the doctor; succeeds only if an encode would work.
fn examine(args: &EncodeArgs) -> Result<Exit> {
    // Without a film, everything else about the encode can still be checked.
    let named = args.input.is_some() || args.input_flag.is_some();
    let mut args = args.clone();
    if !named {
        args.input = Some("INPUT".into());
    }
    let config = Config::new(&args)?;
    let ground = Ground::lay(&Threadless::here()?, &config.neighbour.standing)?;
    let diagnosed = doctor::run(&ground, &config, named)?;
    if args.json {
        ui::print_out(&serde_json::to_string(&diagnosed)?);
    } else {
        ui::print_out(&diagnosed.diagnosis.to_string());
    }
    Ok(diagnosed.exit())
}

/// Compares two films; succeeds only if one is the other.
fn compare(args: &VerifyArgs, mode: Mode) -> Result<Exit> {
    let ground = Ground::lay(&Threadless::here()?, &Standing::default())?;
    // One object: who reads it wants no other lines.
    let ui = Arc::new(Ui::new(
        if mode == Mode::Json {
            Mode::Quiet
        } else {
            mode
        },
        false,
        ShowProgress::Auto,
        None,
    ));
    let sink: Sink = {
        let ui = ui.clone();
        Arc::new(move |event| ui.show(event))
    };
    let args = args.clone();
    let work = move |signals| verify::run(&ground, &args, &signals, &sink);
    let verdict = signal::attend(false, work);
    ui.clear();
    let verdict = verdict?;
    ui::print_out(&match mode {
        Mode::Json => serde_json::to_string(&verdict)?,
        _ => verdict.to_string(),
    });
    Ok(if verdict.agrees {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// What every command stands on that runs tools.
pub struct Ground {
    /// The register of running tools.
    pub children: Children,
    /// What PATH names and no tool is looked for in, as a sentence.
    pub ignored_places: Option<String>,
    /// As what av1enc works, if that was asked for, as a sentence.
    pub standing: Option<String>,
}

impl Ground {
    /// Lays it, before any thread is started, and takes this standing.
    ///
    /// # Errors
    /// If the system refuses a part of it.
    pub fn lay(alone: &Threadless, standing: &Standing) -> Result<Self> {
        limit_heaps(alone);
        choose_locale(alone);
        let standing = standing::take(alone, standing)?;
        priority::give_up_real_time(alone)?;
        let ignored = toolbox::ignore_relative_places(alone);
        let children = Children::guarded(alone)?;
        threads::require_room()?;
        source::choose_library(alone, &children);
        Ok(Self {
            children,
            ignored_places: ignored.first().map(|place| {
                format!(
                    "PATH names {}, which is not absolute: no program is looked for in the current directory",
                    quoted(place.as_os_str())
                )
            }),
            standing,
        })
    }
}

/// What the machine has to have for this encode.
fn wanted(config: &Config) -> Wanted<'_> {
    Wanted {
        encoder: &config.encoder,
        params: &config.video.params,
        programs: &config.programs,
        // Where the source decides, it may have more than 8.
        bit_depth: config.video.bit_depth.unwrap_or(10),
        direct: config.direct || config.method == Method::Linear,
    }
}
