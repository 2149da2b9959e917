//! Sound that is encoded anew: ffmpeg, from the source into the job directory.

use anyhow::{Result, anyhow, ensure};

use crate::{
    event::{Sink, warn},
    job::Job,
    layout,
    media::{Container, TrackKind},
    probe::{self, IdentifiedTrack, Tools},
    process::{Children, Finished},
    source::packets,
};

/// How much later than it is to be heard the sound is written, in milliseconds: encoders begin with a few samples of
/// their own before the first one, and a time below zero cannot be written.
pub const LATER_MS: i64 = 1000;

/// Encodes every sound track of the source with `args`, unless an earlier run has.
///
/// # Errors
/// If ffmpeg fails or a track is missing afterwards: a film must not lose its sound in silence.
pub fn encode(
    children: &Children,
    tools: &Tools,
    job: &Job,
    container: &Container,
    args: &[String],
    sink: &Sink,
) -> Result<()> {
    let name = job.audio();
    if job.is_intact(name) {
        return Ok(());
    }
    let part = job.part(name)?;
    let relative = part.strip_prefix(job.dir()).unwrap_or(&part).to_owned();
    let mut command = packets::reading(tools, (job.dir(), job.source_link()), container);
    command.args(["-map", "0:a", "-map_chapters", "-1", "-map_metadata:g", "-1"]).args(args);
    command.args(layout::options(children, tools, &job.dir().join(job.source_link()), args, sink)?);
    let offset = format!("{}us", container.clock.offset_us + LATER_MS * 1000);
    command.args(["-output_ts_offset", &offset, "-avoid_negative_ts", "disabled"]);
    // Without it the tracks have random numbers, which mkvmerge keeps: the film would be another one each time.
    command.args(["-fflags", "+bitexact", "-f", "matroska"]).arg(relative);
    packets::keep_clock(&mut command, container);
    let Finished { stderr, failure, .. } = children.finish(command)?;
    if let Some(failure) = failure {
        return Err(anyhow!(failure).context("encoding the sound"));
    }
    // It goes on over damage that it can pass over, and says so.
    for line in stderr {
        warn(sink, format!("encoding the sound: {line}"));
    }
    let wanted = container.track_counts()[1];
    let identified = probe::identify(children, tools, &part)?;
    let found: Vec<TrackKind> = identified.tracks.iter().filter_map(IdentifiedTrack::track).map(|t| t.kind).collect();
    ensure!(
        found == vec![TrackKind::Audio; wanted],
        "encoding the sound: {wanted} sound tracks went in, {} tracks came out",
        found.len()
    );
    job.require_same_source()?;
    job.finish(name)?;
    job.seal(name)
}
