//! `av1enc verify`: whether one film is another, whoever made it.

use anyhow::{Context, Result};
use crossbeam_channel::Receiver;

use super::Ground;
use crate::{
    cli::VerifyArgs,
    event::{Event, Sink, Stage},
    os::{exit::UsageError, signal::Signal, task::Watch, toolbox::Toolbox},
    output::pair::{Differences, Films, Verdict},
};

/// Compares the output with its source.
///
/// # Errors
/// [`UsageError`] for a difference that has no such name; those of [`Films::compare`];
/// [`Interrupted`](crate::os::signal::Interrupted).
pub fn run(
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
