//! The program: parse, run, print one error, exit.

use std::sync::Arc;

use anyhow::Result;
use av1enc::{
    cli::{Cli, Command, EncodeArgs},
    commands::{self, Ground, encode::Outcome},
    event::{Event, Sink},
    job::Refusal,
    os::{
        guard::Threadless,
        signal::{self, Interrupted},
    },
    plan::Plan,
    settings::{Config, UsageError, instead_of},
    source,
    ui::{self, Mode, Ui},
};
use clap::{CommandFactory, Parser, error::ContextKind, error::ContextValue};

/// Documented in the README and in `--help`.
const DONE: u8 = 0;
const FAILED: u8 = 1;
const USAGE: u8 = 2;
const REFUSED: u8 = 3;

fn main() {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => signal::leave(usage(&error)),
    };
    let mode = match () {
        () if cli.encode.json => Mode::Json,
        () if cli.encode.quiet => Mode::Quiet,
        () => Mode::Human,
    };
    let result = match cli.command {
        Some(Command::Doctor { encode }) => examine(&encode),
        Some(Command::TryVapoursynth) => {
            ui::print_out(&source::trial());
            Ok(DONE)
        }
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "av1enc", &mut script);
            ui::print_bytes(&script);
            Ok(DONE)
        }
        Some(Command::Man) => man(),
        None => encode(&cli, mode),
    };
    let error = match result {
        Ok(code) => signal::leave(code),
        Err(error) => error,
    };
    if let Some(interrupted @ Interrupted(signal)) = error.downcast_ref() {
        ui::print_stopped(&interrupted.to_string(), cli.encode.restart, mode);
        signal::die_of(*signal);
    }
    ui::print_error(&error, mode);
    signal::leave(match () {
        () if error.downcast_ref::<UsageError>().is_some() => USAGE,
        () if error.downcast_ref::<Refusal>().is_some() => REFUSED,
        () => FAILED,
    })
}

fn encode(cli: &Cli, mode: Mode) -> Result<u8> {
    let config = Config::new(&cli.encode)?;
    // Before anything that starts a thread; the bar does.
    let ground = Ground::lay(&Threadless::here()?)?;
    // A plan is one object: who reads it wants no other lines.
    let shown = if config.dry_run && mode == Mode::Json {
        Mode::Quiet
    } else {
        mode
    };
    let ui = Arc::new(Ui::new(shown, cli.encode.verbose));
    let sink: Sink = {
        let ui = ui.clone();
        Arc::new(move |event| ui.show(event))
    };
    let outcome = commands::encode::run(&ground, &config, &sink);
    if outcome.is_err() {
        ui.clear();
    }
    match outcome? {
        Outcome::Encoded(report) => ui.show(Event::Finished(*report)),
        Outcome::Planned(plan) if mode == Mode::Json => {
            ui::print_out(&serde_json::to_string(&plan)?)
        }
        Outcome::Planned(plan) => {
            ui.clear();
            ui::print_out(&describe(&plan));
        }
    }
    Ok(DONE)
}

fn describe(plan: &Plan) -> String {
    let (video, workers) = (&plan.source.video, &plan.workers);
    let mut lines = vec![
        format!(
            "input    {} ({}, {} {}x{} {})",
            plan.input,
            plan.source.format,
            video.codec,
            video.width,
            video.height,
            video.pixel_format
        ),
        format!("output   {}", plan.output),
        format!("encoder  {}", plan.encoder_line),
        format!(
            "workers  {} with --lp {}: {}",
            workers.workers, workers.lp, workers.reason
        ),
        format!("colours  {}", plan.recipe.video.picture.color),
    ];
    let hdr10 = &plan.recipe.video.picture.hdr10;
    if !hdr10.is_empty() {
        let mastering = hdr10.mastering.map_or_else(
            || "no mastering display".to_owned(),
            |display| display.to_string(),
        );
        let light = hdr10.content_light.map_or_else(
            || "no content light level".to_owned(),
            |light| format!("content light {light}"),
        );
        lines.push(format!("HDR10    {mastering}, {light}"));
    }
    let [video, audio, subtitles] = plan.source.track_counts();
    let sound = plan
        .recipe
        .audio_args
        .as_ref()
        .map_or_else(|| "copied".to_owned(), |args| args.join(" "));
    lines.push(format!(
        "tracks   {video} video, {audio} audio ({sound}), {subtitles} subtitles, {} chapters, {} attachments",
        plan.source.chapters, plan.source.attachments
    ));
    lines.extend(
        plan.warnings
            .iter()
            .map(|warning| format!("warning  {warning}")),
    );
    lines
        .join("\n")
        .replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

/// Shows all checks; succeeds only if an encode would work.
fn examine(args: &EncodeArgs) -> Result<u8> {
    // Without a film, everything else about the encode can still be checked.
    let stand_in = || EncodeArgs {
        input: Some("INPUT".into()),
        ..args.clone()
    };
    let named = args.input.is_some() || args.input_flag.is_some();
    let config = if named {
        Config::new(args)?
    } else {
        Config::new(&stand_in())?
    };
    let ground = Ground::lay(&Threadless::here()?)?;
    let diagnosed = commands::doctor::run(&ground, &config, named)?;
    if args.json {
        ui::print_out(&serde_json::to_string(&diagnosed)?);
    } else {
        ui::print_out(&diagnosed.diagnosis.to_string());
    }
    Ok(if diagnosed.diagnosis.ok { DONE } else { FAILED })
}

fn man() -> Result<u8> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    ui::print_bytes(&page);
    Ok(DONE)
}

/// Prints what clap says of a wrong command line, and what to use instead of av1an's flags that are not here.
fn usage(error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        ui::print_out(error.render().to_string().trim_end());
        return DONE;
    }
    let mut text = error.render().to_string();
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && let Some(hint) = instead_of(flag)
    {
        text = format!("error: {flag} is a flag of av1an that av1enc does not have: {hint}\n");
    }
    ui::print_note(text.trim_end());
    USAGE
}
