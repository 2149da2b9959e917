//! How many bytes of sound the output will have as they are.

use anyhow::Result;

use crate::{
    film::media::Container,
    job::{Job, names::Name},
    os::toolbox::Toolbox,
    source::probe,
};

/// Bytes of sound that get into the output at least, of a film whose tracks were tried: those of the packets that
/// mkvmerge copies, less a hundredth, for it leaves out what is broken.
///
/// # Errors
/// If ffprobe cannot read them.
pub fn of_sound(tools: &Toolbox, job: &Job, container: &Container) -> Result<u64> {
    let own = |stream: &usize| {
        let mut tracks = container.sound_tracks();
        tracks.any(|track| track.stream == *stream && container.takes_itself(track))
    };
    let mut bytes = 0;
    if container
        .sound_tracks()
        .any(|track| container.takes_itself(track))
    {
        let source = job.dir().join(job.source_link());
        let of_source = probe::bytes_of_sound(tools, &source)?.into_iter();
        bytes += of_source
            .filter(|(stream, _)| own(stream))
            .map(|(_, bytes)| bytes)
            .sum::<u64>();
    }
    for n in 0..container.handed().len() {
        let file = job.path(Name::Others(n));
        bytes += probe::bytes_of_sound(tools, &file)?.values().sum::<u64>();
    }
    Ok(bytes / 100 * 99)
}
