//! How many bytes of sound the output will have as they are.

use std::{
    io::{BufRead, BufReader, Read},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    film::media::Container,
    job::{Job, names::Name},
    os::toolbox::Toolbox,
};

/// Bytes of sound that get into the output at least, of a film whose tracks were tried: those of the packets that
/// mkvmerge copies, less a hundredth, for it leaves out what is broken.
///
/// # Errors
/// If ffprobe cannot read them.
pub fn of_sound(tools: &Toolbox, job: &Job, container: &Container) -> Result<u64> {
    let own = |stream| {
        let mut tracks = container.sound_tracks();
        tracks.any(|track| track.stream == stream && container.takes_itself(track))
    };
    let mut bytes = 0;
    if container
        .sound_tracks()
        .any(|track| container.takes_itself(track))
    {
        bytes += of_file(tools, job, job.source_link(), own)?;
    }
    for n in 0..container.handed().len() {
        let file = job.path(Name::Others(n));
        let file = job.relative(&file).to_string_lossy().into_owned();
        bytes += of_file(tools, job, &file, |_| true)?;
    }
    Ok(bytes / 100 * 99)
}

/// Bytes in the packets of those streams of sound in a file of the job that are `wanted`.
fn of_file(tools: &Toolbox, job: &Job, file: &str, wanted: impl Fn(usize) -> bool) -> Result<u64> {
    let mut command = Command::new(&tools.ffprobe);
    command
        .current_dir(job.dir())
        .args(["-v", "error", "-select_streams", "a", "-of", "csv=p=0"])
        .args(["-show_entries", "packet=stream_index,size", "-i"])
        .arg(format!("file:{file}"));
    tools
        .children
        .stream(command, |packets| sum(packets, wanted))
        .context("adding up the sound's packets")
}

/// The second figures of those lines whose first is `wanted`.
fn sum(packets: &mut dyn Read, wanted: impl Fn(usize) -> bool) -> Result<u64> {
    let mut bytes = 0;
    for line in BufReader::new(packets).lines() {
        let line = line?;
        let mut figures = line.split(',');
        let stream = figures.next().and_then(|figure| figure.parse().ok());
        let size = figures.next().and_then(|figure| figure.parse::<u64>().ok());
        // A packet of which ffprobe knows no size counts for nothing.
        if let (Some(stream), Some(size)) = (stream, size)
            && wanted(stream)
        {
            bytes += size;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_wanted_streams_are_added_up() {
        let list = "1,100\n2,7\n1,20,\n1,N/A\n\n3\n";
        let of = |stream| sum(&mut list.as_bytes(), |found| found == stream).unwrap();
        assert_eq!([of(1), of(2), of(3)], [120, 7, 0]);
    }
}
