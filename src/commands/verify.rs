//! `av1enc verify`: whether one film is another, whoever made it.

use std::sync::Arc;

use anyhow::{Context, Result};
use crossbeam_channel::Receiver;

use super::ground::Ground;
use crate::{
    cli::{ShowProgress, VerifyArgs},
    event::{Event, Sink, Stage},
    os::{
        exit::{Exit, UsageError},
        guard::Threadless,
        signal::{self, Signal},
        task::Watch,
        toolbox::Toolbox,
    },
    output::pair::{Differences, Films, Verdict},
    settings::neighbour::Standing,
    ui::{self, Mode, Ui},
};

/// Compares two films; succeeds only if one is the other.
pub(super) fn command(args: &VerifyArgs, mode: Mode) -> Result<Exit> {
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
    let work = move |signals| run(&ground, &args, &signals, &sink);
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

/// Compares the output with its source.
///
/// # Errors
/// [`UsageError`] for a difference that has no such name; those of [`Films::compare`];
/// [`Interrupted`](crate::os::signal::Interrupted).
fn run(
    ground: &Ground,
    args: &VerifyArgs,
    signals: &Receiver<Signal>,
    sink: &Sink,
) -> Result<Verdict> {
    let differences = known(args)?;
    let children = &ground.children;
    let watch = Watch {
        children,
        signals,
        sink,
    };
    let tools = Toolbox::find(children, args.ffmpeg.as_deref(), args.ffprobe.as_deref());
    let tools = tools
        .context("ffmpeg, ffprobe or mkvmerge is missing: av1enc doctor says what to install")?;
    sink(Event::Stage {
        stage: Stage::Verify,
    });
    let args = args.clone();
    watch.over(move || {
        let films = Films {
            tools: &tools,
            source: &args.source,
            output: &args.output,
            differences,
            places: args.sample.map(|places| places as usize),
        };
        films.compare()
    })
}

/// The differences that are named.
fn known(args: &VerifyArgs) -> Result<Differences> {
    let known = args.known.iter().map(|word| {
        word.parse()
            .map_err(|why| UsageError(format!("--known: {why}")).into())
    });
    known.collect::<Result<_>>().map(Differences)
}
