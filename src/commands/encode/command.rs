//! An encode as a command: who works, who shows it, and how it ends.

use std::sync::Arc;

use anyhow::{Result, bail};

use super::{outcome::Outcome, worth};
use crate::{
    cli::EncodeArgs,
    commands::ground::Ground,
    event::{Event, Sink},
    os::{
        exit::{Exit, Missed},
        guard::Threadless,
        signal,
    },
    settings::{Config, Step, built_in},
    ui::{self, Mode, Ui, log::Log},
};

/// Takes the steps of an encode that `config` asks for; `args` say how they are shown.
pub(in crate::commands) fn command(config: Config, args: &EncodeArgs, mode: Mode) -> Result<Exit> {
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
    let progress = args.progress.unwrap_or(built_in::PROGRESS);
    let ui = Arc::new(Ui::new(shown, args.verbose, progress, log));
    let sink: Sink = {
        let ui = ui.clone();
        Arc::new(move |event| ui.show(event))
    };
    let finishes = config.finish_chunks;
    let work = move |signals| {
        let outcome = super::run(&ground, &config, &signals, &sink);
        worth::tell(&config, &outcome, &sink);
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
            prepared.tell(&job_dir, mode)?;
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
