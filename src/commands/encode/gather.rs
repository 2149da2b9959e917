//! What a film and a machine are, and what is decided of both.

use anyhow::{Context, Result, bail};

use crate::{
    commands::ground::wanted,
    decide::tracks::{self, Settled},
    doctor::{self, Programs},
    encoder::files::Named,
    neighbour::Neighbour,
    os::{
        machine::Machine,
        task::{Watch, begin},
        toolbox::Toolbox,
    },
    plan::Plan,
    settings::Config,
    source::probe::{self, Probed},
};

/// Looks at the film while it looks at the machine. What the machine lacks is said first.
pub(super) fn gather(watch: &Watch<'_>, config: &Config) -> Result<(Programs, Probed)> {
    let named = &config.programs;
    let tools = Toolbox::find(
        watch.children,
        named.ffmpeg.as_deref(),
        named.ffprobe.as_deref(),
    );
    let probing = tools.map(|tools| {
        let input = config.input.clone();
        begin(move || probe::probe(&tools, &input))
    });
    let programs = doctor::require(watch.children, wanted(config))?;
    let probing = probing.context(
        "ffmpeg, ffprobe or mkvmerge was installed while av1enc started: repeat the command",
    )?;
    let mut probed = watch.wait(&probing, || None)?;
    if let Some(check) = doctor::lacking_for(watch.children, &probed.container) {
        bail!("this machine lacks what this film needs:\n{check}");
    }
    let container = &mut probed.container;
    container.new_sound = config.audio_args.is_some() && container.track_counts()[1] > 0;
    Ok((programs, probed))
}

/// Decides what becomes of the tracks, and has the film be one without those that are dropped.
pub(super) fn settle_tracks(
    watch: &Watch<'_>,
    config: &Config,
    programs: &Programs,
    probed: &mut Probed,
) -> Result<Settled> {
    let container = &mut probed.container;
    let unknown = tracks::of_unknown_rate(&config.tracks, container);
    if !unknown.is_empty() {
        let (tools, input) = (programs.tools.clone(), config.input.clone());
        let bytes = watch.over(move || probe::bytes_of_sound(&tools, &input))?;
        container.tell_rates(|stream| bytes.get(&stream).copied());
    }
    Ok(tracks::settle(
        &config.tracks,
        &config.deciding.tables.sound,
        container,
    ))
}

/// Decides what is done with the film, on this machine as it is now.
pub(super) fn decide(config: &Config, programs: &Programs, probed: &Probed) -> Result<Plan> {
    let named = Named::of(config, programs.encoder.identity())?;
    Plan::decide(config, &programs.encoder, probed, Machine::look(), named)
}

/// Waits until the machine's other work lets it begin. Returns whether it did not at once.
pub(super) fn has_waited(watch: &Watch<'_>, neighbour: &Neighbour) -> Result<bool> {
    let board = neighbour.board().clone();
    watch.over(move || Ok(board.wait()))
}
