//! The output, read back by other people's tools, against what the source is and the recipe says -> [`Proof`].

use std::{io::BufReader, path::Path, process::Command, thread};

use anyhow::{Context, Result, bail, ensure};
use num_rational::Ratio;

use crate::{
    bitstream::{Units, hdr_disagreement},
    chunk::EncodedChunk,
    event::Proof,
    media::{Color, MATROSKA, MediaInfo, SoundSpan, Track, TrackKind},
    probe::{self, Identified, IdentifiedTrack, Tools, file_url},
    process::{Children, outcome},
    recipe::Recipe,
};

/// Matroska rounds times to a millisecond, and the source's were rounded before; a frame that is further off is wrong.
const MAX_TIME_ERROR_MS: f64 = 1.6;
/// A container may be shorter than the source's by this much, in seconds: sources round up.
const DURATION_TOLERANCE: f64 = 1.0;
/// Containers give the shape of pixels by whole numbers.
const ASPECT_TOLERANCE: f64 = 0.01;

/// What the output is compared with.
pub struct Wanted<'a> {
    /// What the source is.
    pub media: &'a MediaInfo,
    /// How it was encoded.
    pub recipe: &'a Recipe,
    /// Its chunks, in order.
    pub chunks: &'a [EncodedChunk],
}

/// Proves that `file` is the whole film; with `decode`, that every frame can be decoded as well.
///
/// # Errors
/// The first thing that is not as it must be.
pub fn output(children: &Children, tools: &Tools, file: &Path, wanted: &Wanted<'_>, decode: bool) -> Result<Proof> {
    let Wanted { media, recipe, chunks } = *wanted;
    let video = video_position(media);
    // Each is a tool that reads the whole file, or takes its time to start.
    let (identified, found, max_time_error_ms, pictures) = thread::scope(|scope| {
        let identified = scope.spawn(|| probe::identify(children, tools, file));
        let found = scope.spawn(|| probe::video_of(children, tools, file, video).context("reading the output's video"));
        let times = scope.spawn(|| times(children, tools, file, video, media));
        let pictures = bitstream(children, tools, file, video, recipe, chunks);
        (outcome(identified), outcome(found), outcome(times), pictures)
    });
    let identified = identified?;
    tracks(&identified, media)?;
    let container = &media.container;
    let chapters: usize = identified.chapters.iter().map(|chapters| chapters.num_entries).sum();
    ensure!(chapters == container.chapters, "the output has {chapters} chapters instead of {}", container.chapters);
    let attachments = identified.attachments.len();
    ensure!(
        attachments == container.attachments,
        "the output has {attachments} attachments instead of {}",
        container.attachments
    );

    let (max_time_error_ms, found) = (max_time_error_ms?, found?);
    ensure!(found.video.codec == "av1", "the output's video is {} instead of AV1", found.video.codec);
    let shape = |aspect: Ratio<u32>| f64::from(*aspect.numer()) / f64::from(*aspect.denom());
    let (is, should) = (found.video.sample_aspect, container.video.sample_aspect);
    ensure!(
        (shape(is) / shape(should) - 1.0).abs() <= ASPECT_TOLERANCE,
        "the output's pixels are {is} wide for their height instead of {should}"
    );
    if let Some(wrong) = hdr_disagreement(&found.container_hdr10, &recipe.hdr10) {
        bail!("the output's container says {wrong}");
    }
    // Other containers' durations are estimates, and that of a source that is cut short is not true.
    if let Some(duration) =
        container.duration_seconds.filter(|_| container.format == MATROSKA && media.truncated.is_none())
    {
        let output = found.duration_seconds.unwrap_or(0.0);
        ensure!(output + DURATION_TOLERANCE >= duration, "the output lasts {output:.1} s instead of {duration:.1} s");
    }
    container_properties(&identified, media, recipe, video)?;
    sound(&found.sound, media)?;
    pictures?;
    if decode {
        decode_all(children, tools, file, video, media.frames)?;
    }
    Ok(Proof {
        frames: media.frames,
        duration_seconds: media.video_seconds(),
        max_time_error_ms,
        tracks: container.track_counts(),
        chapters,
        attachments,
        color: recipe.color.to_string(),
        hdr10: !recipe.hdr10.is_empty(),
        decoded: decode,
        truncated: media.truncated.clone(),
    })
}

/// Position of our track among the video tracks.
fn video_position(media: &MediaInfo) -> usize {
    let ours = media.container.video_track.id;
    media.container.other_tracks.iter().filter(|track| track.kind == TrackKind::Video && track.id < ours).count()
}

/// Compares all tracks, in order.
fn tracks(identified: &Identified, media: &MediaInfo) -> Result<()> {
    let mut wanted: Vec<&Track> = media.container.other_tracks.iter().chain([&media.container.video_track]).collect();
    wanted.sort_by_key(|track| track.id);
    let found: Vec<Track> = identified.tracks.iter().filter_map(IdentifiedTrack::track).collect();
    ensure!(found.len() == wanted.len(), "the output has {} tracks instead of {}", found.len(), wanted.len());
    // Other containers have no such flags, and mkvmerge chooses.
    let has_flags = media.container.format == MATROSKA;
    for (n, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        ensure!(found.kind == wanted.kind, "track {n} of the output is {:?} instead of {:?}", found.kind, wanted.kind);
        ensure!(
            found.title == wanted.title || !has_flags,
            "track {n} of the output has the title {:?} instead of {:?}",
            found.title,
            wanted.title
        );
        let unknown = || "und".to_owned();
        let language = |track: &Track| track.language.clone().unwrap_or_else(unknown);
        ensure!(
            wanted.language.is_none() || language(found) == language(wanted),
            "track {n} of the output has the language {} instead of {}",
            language(found),
            language(wanted)
        );
        ensure!(
            found.flags == wanted.flags || !has_flags,
            "track {n} of the output has the flags {:?} instead of {:?}",
            found.flags,
            wanted.flags
        );
    }
    Ok(())
}

/// Compares the time of every frame; returns the largest difference in milliseconds.
fn times(children: &Children, tools: &Tools, file: &Path, video: usize, media: &MediaInfo) -> Result<f64> {
    let mut command = Command::new(&tools.ffprobe);
    command.args(["-v", "error", "-select_streams", &format!("v:{video}")]);
    command.args(["-show_entries", "packet=pts_time", "-of", "csv=p=0", "-i"]).arg(file_url(file));
    let output = children.output(command).context("reading the output's frames")?;
    let mut found: Vec<f64> = String::from_utf8_lossy(&output)
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').parse().ok())
        .collect();
    ensure!(found.len() as u64 == media.frames, "the output has {} frames instead of {}", found.len(), media.frames);
    found.sort_by(f64::total_cmp);
    let errors = found.iter().enumerate().map(|(n, time)| (n, (time * 1000.0 - media.time_ms(n)).abs()));
    let (frame, worst) = errors.max_by(|a, b| a.1.total_cmp(&b.1)).context("the output has no frame")?;
    ensure!(
        worst <= MAX_TIME_ERROR_MS,
        "frame {frame} of the output is shown at {:.1} ms instead of {:.1} ms",
        found[frame] * 1000.0,
        media.time_ms(frame)
    );
    Ok(worst)
}

/// Reads the whole bitstream of the output: its head says the colours and HDR10, and its pictures are those of the
/// chunks, in their order, bit for bit.
fn bitstream(
    children: &Children,
    tools: &Tools,
    file: &Path,
    video: usize,
    recipe: &Recipe,
    chunks: &[EncodedChunk],
) -> Result<()> {
    let mut command = Command::new(&tools.ffmpeg);
    command.args(["-nostdin", "-v", "error", "-i"]).arg(file_url(file));
    command.args(["-map", &format!("0:v:{video}"), "-c", "copy", "-f", "ivf", "-"]);
    children.stream(command, |ivf| {
        let mut units = Units::new(BufReader::with_capacity(1 << 20, ivf)).context("reading the output's video")?;
        for chunk in chunks.iter().map(EncodedChunk::record) {
            let mut pictures = blake3::Hasher::new();
            for n in chunk.chunk.start..chunk.chunk.end {
                let there =
                    units.next_unit(&mut pictures).with_context(|| format!("frame {n} of the output is damaged"))?;
                ensure!(there, "the output's video ends before frame {n}");
            }
            ensure!(
                pictures.finalize().to_hex().as_str() == chunk.pictures,
                "frames {} to {} of the output are not what was encoded",
                chunk.chunk.start,
                chunk.chunk.end - 1
            );
        }
        ensure!(!units.next_unit(&mut blake3::Hasher::new())?, "the output has frames that were not encoded");
        let header = units.header.as_ref().context("the output's video has no sequence header")?;
        match header.disagreement(recipe.bit_depth, &recipe.color, &recipe.hdr10) {
            Some(wrong) => bail!("the output's bitstream says {wrong}"),
            None => Ok(()),
        }
    })
}

/// Compares what only the container says: the film's title and tags, and the video's colours.
fn container_properties(identified: &Identified, media: &MediaInfo, recipe: &Recipe, video: usize) -> Result<()> {
    if media.container.format == MATROSKA {
        let title = identified.container.properties.title.as_deref();
        let wanted = media.container.title.as_deref();
        ensure!(title == wanted, "the output's title is {title:?} instead of {wanted:?}");
        let tags = identified.tag_count();
        ensure!(tags == media.container.tags, "the output has {tags} tags instead of {}", media.container.tags);
    }
    let found = identified.video_color(video).context("the output has no video track")?;
    let codes = |color: &Color| [color.primaries, color.transfer, color.matrix];
    ensure!(
        codes(&found) == codes(&recipe.color) && (recipe.color.range.is_none() || found.range == recipe.color.range),
        "the output's container says {found} instead of {}",
        recipe.color
    );
    Ok(())
}

/// How far the beginning of a sound track may lie from where it was, in milliseconds: encoders begin with silence of
/// their own.
const SOUND_TOLERANCE_MS: f64 = 50.0;
/// How much shorter a sound track may be than it was, in seconds: the last packet may be short.
const SOUND_SHORTER: f64 = 0.5;

/// Compares where sound and subtitles begin, and, of sound that was encoded anew, how long it is.
fn sound(found: &[SoundSpan], media: &MediaInfo) -> Result<()> {
    // Other containers begin where they like, and mkvmerge lets them begin at zero.
    if media.container.format != MATROSKA || media.container.track_counts()[1] == 0 {
        return Ok(());
    }
    let wanted = &media.container.sound;
    ensure!(found.len() == wanted.len(), "the output has {} sound tracks instead of {}", found.len(), wanted.len());
    for (n, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        if let (Some(found), Some(wanted)) = (found.start_ms, wanted.start_ms) {
            ensure!(
                (found - wanted).abs() <= SOUND_TOLERANCE_MS,
                "sound track {n} of the output begins at {found:.0} ms instead of {wanted:.0} ms"
            );
        }
        if let (Some(found), Some(wanted)) = (found.seconds, wanted.seconds)
            && media.truncated.is_none()
        {
            ensure!(
                found + SOUND_SHORTER >= wanted,
                "sound track {n} of the output lasts {found:.1} s instead of {wanted:.1} s"
            );
        }
    }
    Ok(())
}

/// Decodes every frame.
fn decode_all(children: &Children, tools: &Tools, file: &Path, video: usize, frames: u64) -> Result<()> {
    let mut command = Command::new(&tools.ffmpeg);
    command.args(["-nostdin", "-v", "error", "-xerror", "-i"]).arg(file_url(file));
    command.args(["-map", &format!("0:v:{video}"), "-fps_mode", "passthrough", "-f", "framecrc", "-"]);
    let output = children.output(command).context("decoding the output")?;
    let decoded = String::from_utf8_lossy(&output).lines().filter(|line| !line.starts_with('#')).count() as u64;
    ensure!(decoded == frames, "{decoded} of the output's {frames} frames can be decoded");
    Ok(())
}
