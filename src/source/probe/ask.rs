//! Questions about a file, each of them one run of a tool.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result};

use super::{
    ffprobe::{self, FfFile, FfFrame, FfFrames, FfPacket, FfPackets, ffprobe, file_url},
    picture::{hdr10, video},
};
use crate::{
    film::{
        hdr::Hdr10,
        media::{Clock, Container, Extra, SoundFormat, SoundSpan, Video},
        tags,
    },
    os::toolbox::Toolbox,
    stream::bitstream::Units,
};

/// Packets that are read to learn where each track begins.
pub(super) const FIRST_PACKETS: u32 = 400;

const FIRST_ENTRIES: &str =
    "packet=stream_index,pts_time,duration_time,flags:packet_side_data=side_data_type";

/// The first packets of all tracks, in the order of the file.
pub(super) fn first_packets(tools: &Toolbox, input: &Path) -> Result<FfPackets> {
    let interval = format!("%+#{FIRST_PACKETS}");
    let entries = ["-read_intervals", &interval, "-show_entries", FIRST_ENTRIES];
    ffprobe(tools, input, &entries)
}

/// How many packets are read until one gives a picture: first few, for all ordinary films; then as many as a recording may
/// have that was begun between two keyframes, ten seconds and more apart.
const UNTIL_A_PICTURE: [u32; 3] = [8, 300, 5000];

/// Properties of the first frame of a stream that a decoder shows, if it shows any: side data of the frame is truer than
/// that of the stream.
pub(super) fn first_frame(tools: &Toolbox, input: &Path, stream: usize) -> Result<Option<FfFrame>> {
    let stream = stream.to_string();
    for packets in UNTIL_A_PICTURE {
        if let Some(frame) = frame_among(tools, input, &stream, packets)? {
            return Ok(Some(frame));
        }
    }
    Ok(None)
}

/// The first frame of the first stream with a picture that is no cover: nearly always, that is the film. It can be read
/// before it is known which stream is.
pub(super) fn likely_first_frame(tools: &Toolbox, input: &Path) -> Result<Option<FfFrame>> {
    frame_among(tools, input, "V:0", UNTIL_A_PICTURE[0])
}

/// The first frame that so many packets of a stream give, if they give one.
fn frame_among(
    tools: &Toolbox,
    input: &Path,
    stream: &str,
    packets: u32,
) -> Result<Option<FfFrame>> {
    let interval = format!("%+#{packets}");
    let args = [
        "-select_streams",
        stream,
        "-read_intervals",
        &interval,
        "-show_frames",
    ];
    let frames: FfFrames = ffprobe(tools, input, &args)?;
    let mut frames = frames.frames.into_iter();
    Ok(frames.next().map(|first| {
        let data = frames.flat_map(|frame| frame.side_data_list);
        let later = data
            .filter_map(|data| Extra::named(&data.side_data_type))
            .collect();
        FfFrame { later, ..first }
    }))
}

/// How many places of a film are looked at for what its pictures carry, and for how many seconds.
const PLACES: u32 = 6;
const LOOK: f64 = 0.2;

/// What pictures of a film carry beside themselves, as its stream says and no record of its container: at its beginning,
/// and at places from there to its end.
///
/// # Errors
/// If ffprobe cannot be run.
pub fn extras_at_places(
    tools: &Toolbox,
    input: &Path,
    container: &Container,
) -> Result<Vec<Extra>> {
    let stream = container.video.stream;
    let seconds = container.duration_seconds.unwrap_or_default();
    let places = (0..PLACES).map(|n| seconds * f64::from(n) / f64::from(PLACES));
    let mut found = Vec::new();
    for place in places {
        let at = container.clock.origin_ms / 1000.0 + place;
        found.extend(extras_at(tools, input, stream, at)?);
        if container.video.codec == "av1" {
            found.extend(av1_extras(tools, input, stream, place)?);
        }
    }
    Ok(found)
}

/// What pictures carry from `seconds` on, and those before them from the last keyframe on.
fn extras_at(tools: &Toolbox, input: &Path, stream: usize, seconds: f64) -> Result<Vec<Extra>> {
    let (stream, interval) = (
        stream.to_string(),
        format!("{seconds:.3}%{:.3}", seconds + LOOK),
    );
    let args = [
        "-select_streams",
        &stream,
        "-read_intervals",
        &interval,
        "-show_frames",
    ];
    let frames: FfFrames = ffprobe(tools, input, &args)?;
    let frames = frames.frames.into_iter();
    let data = frames.flat_map(|frame| frame.side_data_list);
    Ok(data
        .filter_map(|data| Extra::named(&data.side_data_type))
        .collect())
}

/// Temporal units of AV1 that are looked at for what they carry.
const FIRST_UNITS: &str = "8";

/// What the first pictures of an AV1 stream from `seconds` on carry: ffmpeg's decoder of AV1 does not show all of it.
pub(super) fn av1_extras(
    tools: &Toolbox,
    input: &Path,
    stream: usize,
    seconds: f64,
) -> Result<Vec<Extra>> {
    let mut command = Command::new(&tools.ffmpeg);
    command.args(["-nostdin", "-v", "error"]);
    if seconds > 0.0 {
        command.args(["-ss", &format!("{seconds:.3}")]);
    }
    command
        .arg("-i")
        .arg(file_url(input))
        .args(["-map", &format!("0:{stream}")]);
    command.args(["-c", "copy", "-frames:v", FIRST_UNITS, "-f", "ivf", "-"]);
    tools.children.stream(command, |ivf| {
        let (mut units, mut extras) = (Units::new(ivf)?, Vec::new());
        while units.next_unit(&mut blake3::Hasher::new())? {
            extras.extend(units.extras()?);
        }
        Ok(extras)
    })
}

/// What a finished file says of a video track.
#[derive(Debug)]
pub struct Found {
    /// Properties of stream and first frame together.
    pub video: Video,
    /// Static HDR metadata that the container alone says.
    pub container_hdr10: Hdr10,
    /// Duration of the container in seconds.
    pub duration_seconds: Option<f64>,
    /// Spans of the sound tracks, in order.
    pub sound: Vec<SoundSpan>,
    /// What the sound tracks are, in order.
    pub sound_formats: Vec<SoundFormat>,
    /// Tags of the film: names and values.
    pub tags: Vec<(String, String)>,
    /// Tags of the track.
    pub video_tags: Vec<(String, String)>,
    /// Tags of every track, in their order.
    pub track_tags: Vec<Vec<(String, String)>>,
    /// Where chapters begin, in milliseconds, and their names.
    pub chapters: Vec<(f64, String)>,
}

/// What `file` says of its video track number `position`.
///
/// # Errors
/// If ffprobe cannot read it.
pub fn video_of(tools: &Toolbox, file: &Path, position: usize) -> Result<Found> {
    let found: FfFile = ffprobe(
        tools,
        file,
        &["-show_format", "-show_streams", "-show_chapters"],
    )?;
    let stream = found
        .streams
        .iter()
        .filter(|stream| stream.is_film())
        .nth(position)
        .context("it has no video")?;
    let frame = first_frame(tools, file, stream.index)?.context("no frame of it can be decoded")?;
    Ok(Found {
        video: video(stream, &frame, &mut Vec::new())?,
        container_hdr10: hdr10(stream, &FfFrame::default(), &mut Vec::new()),
        duration_seconds: found.format.duration_seconds(),
        tags: tags::kept(&found.format.tags),
        video_tags: stream.kept_tags(&found.format),
        track_tags: found
            .tracks()
            .map(|stream| stream.kept_tags(&found.format))
            .collect(),
        sound: found.sound_spans(|_| true),
        sound_formats: found.sound_formats(),
        chapters: found.places_of_chapters(Clock::default()),
    })
}

/// How many bytes of packets each stream of sound in a file has. All of it is read.
///
/// # Errors
/// If ffprobe cannot read it.
pub fn bytes_of_sound(tools: &Toolbox, file: &Path) -> Result<BTreeMap<usize, u64>> {
    let options = ["-select_streams", "a", "-of", "csv=p=0"];
    let entries = ["-show_entries", "packet=stream_index,size"];
    let listing = ffprobe::command(tools, file, &[&options[..], &entries].concat());
    tools
        .children
        .stream(listing, sum_of_packets)
        .context("adding up the sound's packets")
}

/// The sums of the second figures of all lines, by their first.
fn sum_of_packets(packets: &mut dyn Read) -> Result<BTreeMap<usize, u64>> {
    let mut bytes = BTreeMap::new();
    for line in BufReader::new(packets).lines() {
        let line = line?;
        let mut figures = line.split(',');
        let stream = figures.next().and_then(|figure| figure.parse().ok());
        let size = figures.next().and_then(|figure| figure.parse::<u64>().ok());
        // A packet of which ffprobe knows no size counts for nothing.
        if let (Some(stream), Some(size)) = (stream, size) {
            *bytes.entry(stream).or_default() += size;
        }
    }
    Ok(bytes)
}

/// Whether anything of the file lies beyond `seconds`: a whole file whose video is shorter than its sound, say.
///
/// # Errors
/// If ffprobe cannot read it.
pub fn has_packets_after(tools: &Toolbox, input: &Path, seconds: f64) -> Result<bool> {
    let interval = format!("{:.3}%", seconds + 0.1);
    let args = [
        "-read_intervals",
        interval.as_str(),
        "-show_entries",
        "packet=pts_time",
    ];
    let packets: FfPackets = ffprobe(tools, input, &args)?;
    let after = |packet: &FfPacket| {
        packet
            .pts_time
            .as_deref()
            .and_then(|t| t.parse::<f64>().ok())
            > Some(seconds)
    };
    Ok(packets.packets.iter().any(after))
}

/// Times in seconds of `count` packets of a stream from `from` seconds on, in the order of the file; `None` for one that
/// has no time.
///
/// # Errors
/// If ffprobe cannot read it.
pub fn packet_times(
    tools: &Toolbox,
    input: &Path,
    stream: usize,
    from: f64,
    count: u32,
) -> Result<Vec<Option<f64>>> {
    let stream = stream.to_string();
    let from = if from > 0.0 {
        format!("{from:.3}")
    } else {
        String::new()
    };
    let interval = format!("{from}%+#{count}");
    let entries = [
        "-select_streams",
        &stream,
        "-read_intervals",
        &interval,
        "-show_entries",
        "packet=pts_time",
    ];
    let packets: FfPackets = ffprobe(tools, input, &entries)?;
    Ok(packets
        .packets
        .iter()
        .map(|packet| packet.pts_time.as_deref()?.parse().ok())
        .collect())
}

/// What ffmpeg's reader of the container complains of in a part of the file, from second to second: nothing where that is
/// undamaged. What decoders say, and what is said of every part, counts as nothing.
///
/// # Errors
/// If ffprobe cannot be run.
pub fn complaint_between(
    tools: &Toolbox,
    input: &Path,
    (from, to): (f64, f64),
) -> Result<Option<String>> {
    let complaints = |interval: &str| -> Result<Vec<String>> {
        let entries = "packet=pts_time:format=format_name";
        let args = [
            "-read_intervals",
            interval,
            "-of",
            "flat",
            "-show_entries",
            entries,
        ];
        // How it ends does not matter here: what it says does.
        let finished = tools
            .children
            .finish(ffprobe::command(tools, input, &args))?;
        let told = String::from_utf8_lossy(&finished.stdout);
        let name = told.lines().find_map(|line| {
            line.strip_prefix("format.format_name=\"")?
                .strip_suffix('"')
        });
        let said = finished.stderr.into_iter();
        // `[matroska,webm @ 0x55d5b1c4e4c0] File ended prematurely`
        let of_reader = said.filter_map(|line| {
            match (
                name,
                line.strip_prefix('[')
                    .and_then(|rest| rest.split_once("] ")),
            ) {
                (Some(name), Some((who, what)))
                    if who.split_once(" @ ").is_some_and(|(who, _)| who == name) =>
                {
                    Some(what.to_owned())
                }
                (None, _) => Some(line.clone()),
                _ => None,
            }
        });
        Ok(of_reader.collect())
    };
    let here = complaints(&format!("{:.3}%{:.3}", (from - 0.1).max(0.0), to + 0.1))?;
    if here.is_empty() {
        return Ok(None);
    }
    let always = complaints("%+#1")?;
    Ok(here.into_iter().find(|said| !always.contains(said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_each_stream_are_added_up() {
        let list = "1,100\n2,7\n1,20,\n1,N/A\n\n3\n";
        let bytes = sum_of_packets(&mut list.as_bytes()).unwrap();
        assert_eq!(bytes, BTreeMap::from([(1, 120), (2, 7)]));
    }
}
