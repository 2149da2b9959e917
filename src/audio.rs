//! Sound that is encoded anew: ffmpeg, from the source into the job directory.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{
    job::Job,
    media::{Container, MATROSKA, TrackKind},
    probe::{self, Tools},
    process::Children,
};

/// Encodes every sound track of the source with `args`, unless an earlier run has.
///
/// # Errors
/// If ffmpeg fails or a track is missing afterwards: a film must not lose its sound in silence.
pub fn encode(children: &Children, tools: &Tools, job: &Job, container: &Container, args: &[String]) -> Result<()> {
    let name = job.audio();
    if job.dir().join(name).exists() {
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
    command.args(["-f", "matroska"]).arg(relative);
    children.output(command).context("encoding the sound")?;
    let wanted = container.other_tracks.iter().filter(|track| track.kind == TrackKind::Audio).count();
    let identified = probe::identify(children, tools, &part)?;
    let found =
        identified.tracks.iter().filter_map(|track| track.track()).filter(|t| t.kind == TrackKind::Audio).count();
    ensure!(found == wanted, "encoding the sound: {found} tracks came out of {wanted}");
    job.finish(name).map(|_| ())
}
