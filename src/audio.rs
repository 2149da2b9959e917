//! Sound that is encoded anew: ffmpeg, from the source into the job directory.

use std::process::Command;

use anyhow::{Result, anyhow, ensure};

use crate::{
    event::{Sink, warn},
    job::Job,
    media::{Container, MATROSKA, TrackKind},
    probe::{self, IdentifiedTrack, Tools},
    process::{Children, Finished},
};

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
    let mut command = Command::new(&tools.ffmpeg);
    command.current_dir(job.dir()).args(["-nostdin", "-hide_banner", "-v", "error"]);
    if container.format == MATROSKA {
        // mkvmerge keeps its times; ffmpeg would let the earliest track begin at zero, and the sound with it.
        command.arg("-copyts");
    }
    command.arg("-i");
    // The link has a plain name, whatever the source's is.
    command.arg(format!("file:{}", job.source_link()));
    command.args(["-map", "0:a", "-map_chapters", "-1", "-map_metadata:g", "-1"]).args(args);
    // Without it the tracks have random numbers, which mkvmerge keeps: the film would be another one each time.
    command.args(["-fflags", "+bitexact", "-f", "matroska"]).arg(relative);
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
