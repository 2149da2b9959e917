//! The other tracks: which are kept, and how each gets into Matroska.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use super::{
    ask::{FIRST_PACKETS, packet_times},
    ffprobe::{FfFile, FfPacket, FfPackets, FfStream, ffprobe, file_url},
    mkvmerge::{Identified, IdentifiedTrack, identify},
};
use crate::{
    film::{
        language::matroskas_code,
        media::{Carry, Clock, Track, TrackFlags, TrackKind},
    },
    os::{handle::Handle, toolbox::Toolbox},
};

/// Splits the tracks that mkvmerge takes from Matroska into the one that is encoded and all others. What it does not take is
/// a warning.
///
/// # Errors
/// If it does not see the film itself.
pub(super) fn split_tracks(
    file: &FfFile,
    identified: &Identified,
    film_position: usize,
    warnings: &mut Vec<String>,
) -> Result<(Track, Vec<Track>)> {
    let mut tracks: Vec<Track> = identified
        .tracks
        .iter()
        .filter_map(IdentifiedTrack::track)
        .collect();
    // Both count the tracks of Matroska in the order of the file, those that mkvmerge does not take among them.
    for track in &mut tracks {
        let stream = file
            .streams
            .get(track.id as usize)
            .filter(|stream| stream.kind() == Some(track.kind));
        track.stream = stream.map_or(usize::MAX, |stream| stream.index);
    }
    // But for kinds that ffmpeg passes over.
    if tracks.iter().any(|track| track.stream == usize::MAX) {
        for kind in [TrackKind::Video, TrackKind::Audio, TrackKind::Subtitles] {
            let streams = file
                .streams
                .iter()
                .filter(|stream| stream.kind() == Some(kind) && !stream.is_picture());
            let ours = tracks.iter_mut().filter(|track| track.kind == kind);
            ours.zip(streams)
                .for_each(|(track, stream)| track.stream = stream.index);
        }
    }
    tracks.iter_mut().for_each(|track| file.tell(track));
    let taken = |stream: &FfStream| tracks.iter().any(|track| track.stream == stream.index);
    let kept = |stream: &&FfStream| stream.kind().is_some() && !stream.is_picture();
    let lost: Vec<&FfStream> = file
        .streams
        .iter()
        .filter(kept)
        .filter(|stream| !taken(stream))
        .collect();
    leave_out(&lost, "mkvmerge does not take them", warnings);
    let film = file
        .streams
        .iter()
        .filter(|stream| stream.is_film())
        .nth(film_position)
        .map(|film| film.index);
    let at = tracks
        .iter()
        .position(|track| track.kind == TrackKind::Video && Some(track.stream) == film);
    let at = at
        .context("mkvmerge does not see its video track; remux it first: ffmpeg -i INPUT -map 0 -c copy REMUXED.mkv")?;
    Ok((tracks.remove(at), tracks))
}

/// Says which streams are left out, and why.
fn leave_out(streams: &[&FfStream], why: &str, warnings: &mut Vec<String>) {
    if !streams.is_empty() {
        let streams: Vec<String> = streams
            .iter()
            .map(|stream| format!("{} ({})", stream.index, stream.what()))
            .collect();
        warnings.push(format!("left out, since {why}: {}", streams.join(", ")));
    }
}

/// Codecs that ffmpeg copies into Matroska, and mkvmerge takes from there, as they are: run, each, and common.
pub(super) const COPIED: [&str; 39] = [
    "aac",
    "aac_latm",
    "ac3",
    "eac3",
    "mp2",
    "mp3",
    "dts",
    "truehd",
    "mlp",
    "flac",
    "alac",
    "opus",
    "vorbis",
    "pcm_u8",
    "pcm_s16le",
    "pcm_s16be",
    "pcm_s24le",
    "pcm_s24be",
    "pcm_s32le",
    "pcm_f32le",
    "pcm_f64le",
    "pcm_alaw",
    "pcm_mulaw",
    "subrip",
    "ass",
    "ssa",
    "webvtt",
    "dvd_subtitle",
    "hdmv_pgs_subtitle",
    "dvb_subtitle",
    "h264",
    "hevc",
    "mpeg2video",
    "mpeg4",
    "vp8",
    "vp9",
    "av1",
    "mjpeg",
    "adpcm_ima_wav",
];

/// Whether ffmpeg writes the track as `carry` into Matroska, and mkvmerge takes it from there. Only the beginning is tried.
pub(super) fn takes(
    tools: &Toolbox,
    input: &Path,
    stream: &FfStream,
    carry: Carry,
) -> Result<bool> {
    let memory = Handle::in_memory().context("making a file in memory")?;
    let file = memory.path();
    let mut command = Command::new(&tools.ffmpeg);
    command
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(file_url(input));
    command
        .args([
            "-map",
            &format!("0:{}", stream.index),
            "-c",
            carry.codec(),
            "-t",
            "0.5",
            "-f",
            "matroska",
        ])
        .arg(&file);
    if tools.children.finish(command)?.failure.is_some() {
        return Ok(false);
    }
    let written: FfFile = ffprobe(tools, &file, &["-show_streams"])?;
    let wanted = if carry == Carry::Copy {
        stream.codec_name.as_str()
    } else {
        carry.codec()
    };
    let written = written
        .streams
        .iter()
        .any(|stream| stream.codec_name == wanted);
    Ok(written && identify(tools, &file)?.tracks.len() == 1)
}

/// The tracks of a container that ffmpeg reads for us: the one that is encoded, and those that can be kept. What cannot is
/// a warning. `takes` tries whether Matroska takes a track in some way.
pub(super) fn carried_tracks(
    file: &FfFile,
    film: &FfStream,
    warnings: &mut Vec<String>,
    takes: &dyn Fn(&FfStream, Carry) -> Result<bool>,
) -> Result<(Track, Vec<Track>)> {
    let apple = file.is_apples();
    let mut tracks = Vec::new();
    let mut left_out = Vec::new();
    for stream in &file.streams {
        let Some(kind) = stream
            .kind()
            .filter(|_| !stream.is_picture() && stream.index != film.index)
        else {
            continue;
        };
        let mut carry = stream.carry(apple);
        if carry == Some(Carry::Copy)
            && !COPIED.contains(&stream.codec_name.as_str())
            && !takes(stream, Carry::Copy)?
        {
            carry = stream.lossless().filter(|_| kind == TrackKind::Audio);
            if let Some(lossless) = carry
                && !takes(stream, lossless)?
            {
                carry = None;
            }
        }
        match carry {
            Some(carry) => {
                if carry == Carry::Srt && stream.codec_name != "text" {
                    warnings.push(format!(
                        "subtitles {} ({}) become SubRip: their words and times are kept, their style is not",
                        stream.index, stream.codec_name
                    ));
                }
                tracks.push(stream.track(kind, carry, file));
            }
            None => left_out.push(stream),
        }
    }
    leave_out(
        &left_out,
        "Matroska cannot hold them or this ffmpeg cannot read them",
        warnings,
    );
    Ok((film.track(TrackKind::Video, Carry::Copy, file), tracks))
}

/// Leaves out the tracks that hold nothing: ffmpeg writes a head for them that no program reads.
pub(super) fn leave_out_empty(
    file: &FfFile,
    tracks: &mut Vec<Track>,
    warnings: &mut Vec<String>,
    is_empty: &dyn Fn(&Track) -> Result<bool>,
) -> Result<()> {
    let mut empty = Vec::new();
    for track in tracks.iter() {
        if is_empty(track)? {
            empty.push(track.stream);
        }
    }
    tracks.retain(|track| !empty.contains(&track.stream));
    let empty: Vec<&FfStream> = file
        .streams
        .iter()
        .filter(|stream| empty.contains(&stream.index))
        .collect();
    leave_out(&empty, "nothing is in them", warnings);
    Ok(())
}

/// Whether no packet of the file is the track's. Where the `first` packets of all tracks do not tell, ffprobe looks for one of
/// a sound track; subtitles may begin late, and what is only announced of them does no harm.
pub(super) fn is_empty(
    tools: &Toolbox,
    input: &Path,
    first: &FfPackets,
    track: &Track,
) -> Result<bool> {
    if first
        .packets
        .iter()
        .any(|packet| packet.stream_index == track.stream)
    {
        return Ok(false);
    }
    if first.packets.len() < FIRST_PACKETS as usize {
        return Ok(true);
    }
    Ok(track.kind == TrackKind::Audio
        && packet_times(tools, input, track.stream, 0.0, 1)?.is_empty())
}

impl FfFile {
    /// Tells a `track` what only ffprobe knows of it.
    fn tell(&self, track: &mut Track) {
        let mut streams = self.streams.iter();
        let stream = streams.find(|stream| stream.index == track.stream);
        let writer = self.format.tag("ENCODER").unwrap_or_default();
        track.tags = stream.map_or_else(Vec::new, |stream| stream.kept_tags(&self.format));
        track.sound = stream.and_then(|stream| stream.sound(writer));
    }
}

impl FfStream {
    /// How it gets from a container that ffmpeg reads into Matroska without loss; `None` if it cannot. `apple` is whether the
    /// container is QuickTime's own.
    pub(super) fn carry(&self, apple: bool) -> Option<Carry> {
        // What ffmpeg's muxer of Matroska refuses or mkvmerge takes for something else; run, each, with ffmpeg 5.1 and
        // mkvmerge 74.
        Some(match self.codec_name.as_str() {
            "" | "none" | "unknown" => return None,
            "pcm_s8" | "pcm_s8_planar" | "pcm_u16le" | "pcm_u16be" | "pcm_s16le_planar"
            | "pcm_s16be_planar" => Carry::Pcm16,
            "pcm_dvd" | "pcm_bluray" => {
                if self.raw_bits() > 16 {
                    Carry::Pcm24
                } else {
                    Carry::Pcm16
                }
            }
            "pcm_u24le" | "pcm_u24be" | "pcm_s24le_planar" | "pcm_s24daud" => Carry::Pcm24,
            "pcm_u32le" | "pcm_u32be" | "pcm_s32be" | "pcm_s32le_planar" => Carry::Pcm32,
            "pcm_f32be" | "pcm_f16le" | "pcm_f24le" => Carry::Float32,
            "pcm_f64be" => Carry::Float64,
            // In QuickTime its header lies in a place that the muxer does not look into.
            "alac" if apple => Carry::Flac,
            "mov_text" | "text" => Carry::Srt,
            "dvb_teletext" | "eia_608" | "ttml" | "xsub" | "arib_caption" | "stl" => return None,
            _ => Carry::Copy,
        })
    }

    /// In what its decoded samples are kept as they are; `None` if there are none.
    pub(super) fn lossless(&self) -> Option<Carry> {
        Some(match self.sample_fmt.as_deref()?.trim_end_matches('p') {
            "u8" | "s16" => Carry::Flac,
            "s32" if (1..=24).contains(&self.raw_bits()) => Carry::Flac,
            "s32" => Carry::Pcm32,
            "flt" => Carry::Float32,
            "dbl" => Carry::Float64,
            _ => return None,
        })
    }

    /// Bits of a sample of sound; 0 where nothing is said.
    pub(super) fn raw_bits(&self) -> u32 {
        self.bits_per_raw_sample
            .as_deref()
            .and_then(|bits| bits.parse().ok())
            .unwrap_or(0)
    }

    pub(super) fn track(&self, kind: TrackKind, carry: Carry, file: &FfFile) -> Track {
        let tag = |name: &str| {
            self.tags
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        };
        let d = &self.disposition;
        // Where no track of a kind is marked, nobody has marked any.
        let marked = file
            .streams
            .iter()
            .any(|other| other.kind() == Some(kind) && other.disposition.default == 1);
        Track {
            id: self.index as u64,
            kind,
            codec: self.codec_name.clone(),
            profile: self.profile.clone(),
            // mkvmerge refuses what is no code of a language.
            language: tag("language")
                .filter(|l| l.len() == 3 && l.bytes().all(|c| c.is_ascii_lowercase()))
                .map(|l| matroskas_code(l).to_owned()),
            language_ietf: None,
            title: self.name().map(str::to_owned),
            flags: TrackFlags {
                default: d.default == 1 || !marked,
                forced: d.forced == 1,
                enabled: true,
                original: d.original == 1,
                commentary: d.comment == 1,
                hearing_impaired: d.hearing_impaired == 1,
                visual_impaired: d.visual_impaired == 1,
                text_descriptions: false,
            },
            tags: self.kept_tags(&file.format),
            stream: self.index,
            sound: self.sound(file.format.tag("ENCODER").unwrap_or_default()),
            carry,
            begins_ms: None,
            hidden: 0,
            hides_in_pause: false,
            edits: Vec::new(),
            sync_ms: 0,
            opus_delay: if self.codec_name == "opus" {
                self.extradata.as_deref().map_or(0, opus_delay)
            } else {
                0
            },
        }
    }
}

impl FfPackets {
    /// Tells `track`, of a codec that ffmpeg calls so, where it begins, and what is to be known of its beginning.
    pub(super) fn tell(&self, track: &mut Track, codec: Option<&str>, clock: Clock) {
        let ours = self
            .packets
            .iter()
            .filter(|packet| packet.stream_index == track.stream);
        let seconds =
            |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
        let origin = clock.origin_ms / 1000.0;
        // A millionth is what ffprobe rounds to: a beginning and a length, two.
        let is_in_film =
            |packet: &&FfPacket| seconds(&packet.pts_time).is_some_and(|at| at - origin > -1e-6);
        let ends_before = |packet: &&FfPacket| {
            let times = seconds(&packet.pts_time).zip(seconds(&packet.duration_time));
            times.is_some_and(|(at, lasts)| at + lasts - origin < 2e-6)
        };
        // Decoders of these begin with packets of which nothing is heard.
        let is_whole = matches!(codec, Some("opus" | "vorbis"));
        let is_hidden =
            |packet: &&FfPacket| packet.flags.contains('D') || !is_whole && ends_before(packet);
        let Some(first) = ours.clone().find(|packet| !is_hidden(packet)) else {
            return;
        };
        let hidden = ours.take_while(is_hidden);
        track.hides_in_pause = hidden.clone().any(|packet| is_in_film(&packet));
        track.hidden = u32::try_from(hidden.count()).unwrap_or(0);
        track.begins_ms =
            seconds(&first.pts_time).map(|seconds| seconds * 1000.0 - clock.origin_ms);
        if codec == Some("vorbis") {
            // The first packet of Vorbis gives no sound, but half of it with the second (Vorbis I, 4.3.8). mkvmerge 74 counts
            // it as a quarter of a block where it should as a half: seen with both lengths of block.
            let lasts_ms = seconds(&first.duration_time).unwrap_or(0.0) * 1000.0;
            track.sync_ms = (lasts_ms / 2.0).ceil() as i64;
        }
    }
}

/// Samples by which Opus is decoded before it is heard: "pre-skip" of its header (RFC 7845, 5.1), here as ffprobe dumps it.
fn opus_delay(dump: &str) -> u32 {
    // `00000000: 4f70 7573 4865 6164 0101 3801 80bb 0000  OpusHead..8.....`
    let line = dump
        .lines()
        .find(|line| line.starts_with("00000000:"))
        .unwrap_or_default();
    let digits: String = line
        .chars()
        .skip(10)
        .take(40)
        .filter(char::is_ascii_hexdigit)
        .collect();
    let byte = |n: usize| {
        digits
            .get(2 * n..2 * n + 2)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
    };
    if !digits.starts_with("4f70757348656164") {
        return 0;
    }
    byte(10)
        .zip(byte(11))
        .map_or(0, |(low, high)| low | high << 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::media::MATROSKA;

    #[test]
    fn tracks_of_matroska_that_mkvmerge_does_not_take_are_left_out_and_said() {
        let file: FfFile = serde_json::from_value(serde_json::json!({"streams": [
            {"index": 0, "codec_type": "video", "codec_name": "h264"},
            {"index": 1, "codec_type": "audio", "codec_name": "unknown"},
            {"index": 2, "codec_type": "audio", "codec_name": "ac3"}]}))
        .unwrap();
        let identified: Identified = serde_json::from_value(serde_json::json!({
            "container": {"type": MATROSKA, "supported": true},
            "tracks": [{"id": 0, "type": "video", "codec": "AVC"}, {"id": 2, "type": "audio", "codec": "AC-3"}]}))
        .unwrap();
        let mut warnings = Vec::new();
        let (film, others) = split_tracks(&file, &identified, 0, &mut warnings).unwrap();
        assert_eq!((film.stream, others.len(), others[0].stream), (0, 1, 2));
        assert_eq!(
            warnings,
            ["left out, since mkvmerge does not take them: 1 (unknown audio)"]
        );
    }
}
