//! What ffprobe prints, as it prints it.

use std::{collections::HashMap, ffi::OsString, path::Path, process::Command};

use anyhow::{Context, Result};
use num_rational::Ratio;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    film::{
        media::{Clock, Extra, SoundFormat, SoundSpan, TrackKind},
        tags,
    },
    os::{process::tells_of_unreadable, toolbox::Toolbox},
};

/// What ffmpeg's demuxers of one file with a film in it are called, and those of sound, so that it can be said what is
/// missing. All others read lists of files, devices or words.
const FORMATS: &str = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,flv,live_flv,kux,mpegts,mpegtsraw,mpeg,mpegvideo,ogg,asf,asf_o,\
    rm,mxf,gxf,nut,ivf,obu,av1,h264,hevc,m4v,h261,h263,cavsvideo,avs2,avs3,dirac,vc1,vc1test,yuv4mpegpipe,dv,swf,wtv,nsv,ivr,\
    mjpeg,mjpeg_2000,gif,apng,png_pipe,jpeg_pipe,webp_pipe,roq,bink,smk,film_cpk,4xm,cine,lxf,pva,xmv,wc3movie,thp,vivo,viv,\
    rpl,psxstr,pmp,nuv,nc,mv,mvi,mtv,msf,moflex,mods,mm,mlv,lvf,jv,ipmovie,idcin,hnm,flic,ea,ea_cdata,dxa,dsicin,cdxl,c93,\
    bmv,bfi,bethsoftvid,anm,alp,amv,mpc,mpc8,wav,w64,mp3,aac,ac3,eac3,dts,dtshd,truehd,flac,aiff,au,caf,tta,wv,ape,amr,loas";

/// Has ffprobe read this file and no other, whatever it names.
const ONE_FILE: [&str; 4] = ["-protocol_whitelist", "file", "-format_whitelist", FORMATS];

/// Options of ffmpeg and ffprobe by which they know tracks that begin late: within ten minutes (in microseconds) and so many
/// bytes. By themselves they look at the first five seconds of a recording and at 5 MB.
pub(crate) const LOOKING_FAR: [&str; 4] =
    ["-analyzeduration", "600000000", "-probesize", "500000000"];

/// ffprobe with `args`, to be run on `input` and on no other file.
pub(super) fn command(tools: &Toolbox, input: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(&tools.ffprobe);
    command.args(["-v", "error"]).args(ONE_FILE);
    command.args(args).arg("-i").arg(file_url(input));
    command
}

/// What ffprobe says where it lacks a part of a file and goes on, beside what tells of a disk: a name of a chapter, of which
/// nothing but an empty one is left.
const LACKING: &str = " not found in file";

/// Runs ffprobe on `input` and reads its JSON. Where it lacks a part of the file, it is asked again, and believed then: what a
/// disk has not given for a moment is there the next time.
pub(crate) fn ffprobe<T: DeserializeOwned>(
    tools: &Toolbox,
    input: &Path,
    args: &[&str],
) -> Result<T> {
    let args = [&["-print_format", "json"], args].concat();
    let ask = || tools.children.finish(command(tools, input, &args));
    let lacks = |line: &String| line.ends_with(LACKING) || tells_of_unreadable(line);
    let mut asked = ask()?;
    if asked.stderr.iter().any(lacks) {
        asked = ask()?;
    }
    if let Some(failure) = asked.failure {
        return Err(failure.into());
    }
    // Tags may hold bytes that are not UTF-8.
    serde_json::from_str(&String::from_utf8_lossy(&asked.stdout))
        .context("ffprobe printed what is not its JSON")
}

/// What ffprobe says of the streams of `input`, as far as `T` takes it.
pub(crate) fn streams<T: DeserializeOwned>(
    tools: &Toolbox,
    input: &Path,
    args: &[&str],
) -> Result<Vec<T>> {
    #[derive(Deserialize)]
    struct Streams<T> {
        #[serde(default = "Vec::new")]
        streams: Vec<T>,
    }
    ffprobe::<Streams<T>>(tools, input, args).map(|found| found.streams)
}

/// `file:` in front of a path, so that ffmpeg takes no part of it for a protocol.
#[must_use]
pub fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

#[derive(Debug, Deserialize)]
pub(super) struct FfPackets {
    #[serde(default)]
    pub(super) packets: Vec<FfPacket>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FfPacket {
    #[serde(default)]
    pub(super) stream_index: usize,
    pub(super) pts_time: Option<String>,
    pub(super) duration_time: Option<String>,
    #[serde(default)]
    pub(super) flags: String,
    #[serde(default)]
    pub(super) side_data_list: Vec<FfSideData>,
}

impl FfPackets {
    /// Whether the container says that what is in them is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        let mut data = self
            .packets
            .iter()
            .flat_map(|packet| &packet.side_data_list);
        data.any(|data| data.side_data_type.starts_with("Encryption"))
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FfFile {
    #[serde(default)]
    pub(super) streams: Vec<FfStream>,
    #[serde(default)]
    pub(super) format: FfFormat,
    #[serde(default)]
    pub(super) chapters: Vec<FfChapter>,
    #[serde(default)]
    pub(super) programs: Vec<FfProgram>,
}

/// What a transport stream says of one of its programmes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FfProgram {
    pub(super) tags: HashMap<String, String>,
    pub(super) streams: Vec<FfStream>,
}

/// What ffmpeg writes of a service where nobody has told it anything.
const NO_SERVICE: [&str; 2] = ["Service01", "FFmpeg"];

/// Formats of ffmpeg whose clocks may restart (AVFMT_TS_DISCONT): what ffmpeg's begins with depends on the tracks that it
/// reads.
pub(super) const RESTARTING: [&str; 3] = ["mpegts", "mpeg", "ogg"];

impl FfFile {
    /// What can be a track of the output.
    pub(super) fn tracks(&self) -> impl Iterator<Item = &FfStream> {
        self.streams
            .iter()
            .filter(|stream| stream.kind().is_some() && !stream.is_picture())
    }

    /// Whether the container is QuickTime's own.
    pub(super) fn is_apples(&self) -> bool {
        self.format
            .tag("major_brand")
            .is_some_and(|brand| brand.trim() == "qt")
    }

    /// Tracks of sound of which nothing was read: without their rate, they can be copied into no file.
    pub(super) fn unknown_sound(&self) -> usize {
        let is_unknown = |stream: &&FfStream| {
            let has_name = !["", "none", "unknown"].contains(&stream.codec_name.as_str());
            let rate = stream.sample_rate.as_deref().unwrap_or("0");
            stream.codec_type == "audio" && has_name && rate == "0"
        };
        self.streams.iter().filter(is_unknown).count()
    }

    pub(super) fn restarts(&self) -> bool {
        RESTARTING.contains(&self.format.format_name.as_str())
    }

    /// The container's time, in seconds, at which ffmpeg's clock begins when it reads the picture `film` with all sound and
    /// subtitles (ffmpeg_demux.c, "Correcting starttime based on the enabled streams").
    pub(super) fn clock_origin(&self, film: &FfStream) -> f64 {
        let begin = self.format.start_seconds();
        if !self.restarts() {
            return begin;
        }
        let read = |stream: &&FfStream| {
            stream.index == film.index
                || matches!(stream.kind(), Some(TrackKind::Audio | TrackKind::Subtitles))
        };
        let first = self
            .streams
            .iter()
            .filter(read)
            .filter_map(FfStream::start_seconds)
            .min_by(f64::total_cmp);
        first.map_or(begin, |first| first.max(begin))
    }

    /// Where chapters begin by the film's clock, in milliseconds, and their names.
    pub(super) fn places_of_chapters(&self, clock: Clock) -> Vec<(f64, String)> {
        let chapters = self.chapters.iter();
        chapters.map(|chapter| chapter.place(clock)).collect()
    }

    /// Whether tracks name the key with which they are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.streams
            .iter()
            .any(|stream| stream.tag("enc_key_id").is_some())
    }

    /// Spans of the sound tracks that are `kept`, in order.
    pub(super) fn sound_spans(&self, kept: impl Fn(usize) -> bool) -> Vec<SoundSpan> {
        let writer = self.format.tag("ENCODER").unwrap_or_default();
        let span = |stream: &FfStream| SoundSpan {
            start_ms: stream.start_seconds().map(|seconds| seconds * 1000.0),
            // ffmpeg copies mkvmerge's tags even where it cuts.
            seconds: stream
                .tag("DURATION")
                .filter(|_| !writer.starts_with("Lavf"))
                .and_then(clock_seconds),
            rate: stream
                .sample_rate
                .as_deref()
                .and_then(|rate| rate.parse().ok()),
        };
        self.streams
            .iter()
            .filter(|stream| stream.codec_type == "audio" && kept(stream.index))
            .map(span)
            .collect()
    }

    /// What sound there is, in order.
    pub(super) fn sound_formats(&self) -> Vec<SoundFormat> {
        let writer = self.format.tag("ENCODER").unwrap_or_default();
        let streams = self.streams.iter();
        streams.filter_map(|stream| stream.sound(writer)).collect()
    }

    /// What is in it, for messages: `hevc video, aac audio`.
    pub(super) fn kinds(&self) -> String {
        let kinds: Vec<_> = self.streams.iter().map(FfStream::what).collect();
        if kinds.is_empty() {
            "no streams at all".to_owned()
        } else {
            kinds.join(", ")
        }
    }

    /// The film's tags, and the name and provider of the service that broadcasts its stream number `index`.
    pub(super) fn tags_with_programme(&self, index: usize) -> HashMap<String, String> {
        let holds =
            |program: &&FfProgram| program.streams.iter().any(|stream| stream.index == index);
        let mut tags = self.format.tags.clone();
        for (name, value) in self
            .programs
            .iter()
            .find(holds)
            .into_iter()
            .flat_map(|program| &program.tags)
        {
            if name.starts_with("service_") && !NO_SERVICE.contains(&value.as_str()) {
                tags.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        tags
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct FfChapter {
    pub(super) id: Option<i64>,
    pub(super) start_time: Option<String>,
    pub(super) end_time: Option<String>,
    pub(super) tags: HashMap<String, String>,
}

impl FfChapter {
    /// When it begins, in seconds.
    pub(super) fn begins(&self) -> f64 {
        let seconds = self.start_time.as_deref();
        seconds.and_then(|text| text.parse().ok()).unwrap_or(0.0)
    }

    /// The same one from one time to another, in milliseconds.
    pub(super) fn moved(&self, from_ms: f64, to_ms: f64) -> Self {
        let seconds = |ms: f64| Some(format!("{:.6}", ms / 1000.0));
        Self {
            start_time: seconds(from_ms),
            end_time: seconds(to_ms),
            ..self.clone()
        }
    }

    /// Where it begins by the film's clock, in milliseconds, and its name.
    fn place(&self, clock: Clock) -> (f64, String) {
        let name = self
            .tags
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case("title"));
        (
            self.begins() * 1000.0 - clock.origin_ms,
            name.map(|(_, name)| name.clone()).unwrap_or_default(),
        )
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FfFormat {
    pub(super) format_name: String,
    pub(super) duration: Option<String>,
    pub(super) start_time: Option<String>,
    pub(super) tags: HashMap<String, String>,
}

impl FfFormat {
    pub(super) fn tag(&self, name: &str) -> Option<&str> {
        self.tags
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn duration_seconds(&self) -> Option<f64> {
        self.duration.as_deref()?.parse().ok()
    }

    pub(super) fn start_seconds(&self) -> f64 {
        self.start_time
            .as_deref()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0.0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FfStream {
    pub(super) index: usize,
    /// Its number in the container, where that has one: `0x2`.
    pub(super) id: Option<String>,
    pub(super) codec_type: String,
    pub(super) codec_name: String,
    pub(super) profile: Option<String>,
    pub(super) bit_rate: Option<String>,
    pub(super) codec_tag_string: String,
    pub(super) closed_captions: u8,
    pub(super) sample_fmt: Option<String>,
    pub(super) sample_rate: Option<String>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pix_fmt: Option<String>,
    pub(super) sample_aspect_ratio: Option<String>,
    pub(super) field_order: Option<String>,
    pub(super) r_frame_rate: String,
    pub(super) avg_frame_rate: String,
    pub(super) start_time: Option<String>,
    pub(super) nb_frames: Option<String>,
    pub(super) bits_per_raw_sample: Option<String>,
    pub(super) bits_per_sample: Option<u32>,
    pub(super) channels: u32,
    /// As ffprobe dumps it.
    pub(super) extradata: Option<String>,
    pub(super) disposition: FfDisposition,
    pub(super) tags: HashMap<String, String>,
    pub(super) side_data_list: Vec<FfSideData>,
    #[serde(flatten)]
    pub(super) color: FfColor,
}

impl FfStream {
    pub(super) fn is_picture(&self) -> bool {
        self.disposition.attached_pic == 1
    }

    pub(super) fn is_film(&self) -> bool {
        self.codec_type == "video" && !self.is_picture()
    }

    /// Whether it holds nothing but the time code of the pictures (QuickTime's `tmcd`).
    pub(super) fn is_timecode(&self) -> bool {
        self.codec_type == "data" && self.codec_tag_string == "tmcd"
    }

    /// Whether it holds the names of chapters (a track of text that another one refers to, in mp4).
    pub(super) fn is_text_of_chapters(&self) -> bool {
        self.codec_type == "data" && self.codec_tag_string == "text"
    }

    /// What somebody has called it.
    pub(super) fn name(&self) -> Option<&str> {
        let tag = |name: &str| {
            let mut tags = self.tags.iter();
            let found = tags.find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let title = tag("title").filter(|title| !title.is_empty());
        title.or_else(|| tag("handler_name").filter(|name| is_given(name)))
    }

    /// Bits a second: those of the container, or of mkvmerge's statistics, where the file is still as mkvmerge wrote it.
    pub(super) fn bit_rate(&self, writer: &str) -> Option<u64> {
        let statistics = || self.tag("BPS").filter(|_| !writer.starts_with("Lavf"));
        let said = self.bit_rate.as_deref().or_else(statistics)?;
        said.parse().ok().filter(|rate| *rate > 0)
    }

    /// What its sound is, in a file that was written by this program; `None` if it is none.
    pub(super) fn sound(&self, writer: &str) -> Option<SoundFormat> {
        let said = |bits: &u32| *bits > 0;
        let raw = Some(self.raw_bits()).filter(said);
        (self.kind() == Some(TrackKind::Audio)).then(|| SoundFormat {
            codec: self.codec_name.clone(),
            profile: self.profile.clone(),
            channels: self.channels,
            rate: self.rate(),
            bits: raw.or(self.bits_per_sample.filter(said)),
            bit_rate: self.bit_rate(writer),
        })
    }

    /// Samples a second.
    fn rate(&self) -> Option<u32> {
        let rate = self.sample_rate.as_deref()?.parse().ok();
        rate.filter(|rate| *rate > 0)
    }

    pub(super) fn start_seconds(&self) -> Option<f64> {
        self.start_time.as_deref()?.parse().ok()
    }

    /// What kind of track it is; `None` for what is not carried over (data, attachments).
    pub(super) fn kind(&self) -> Option<TrackKind> {
        match self.codec_type.as_str() {
            "video" => Some(TrackKind::Video),
            "audio" => Some(TrackKind::Audio),
            "subtitle" => Some(TrackKind::Subtitles),
            _ => None,
        }
    }

    /// Codec and kind, for messages: `aac audio`.
    pub(super) fn what(&self) -> String {
        let codec = if self.codec_name.is_empty() {
            "unknown"
        } else {
            &self.codec_name
        };
        let kind = if self.is_picture() {
            "cover picture"
        } else {
            &self.codec_type
        };
        format!("{codec} {kind}")
    }

    /// Its tags, without those that are the film's as well.
    pub(super) fn kept_tags(&self, film: &FfFormat) -> Vec<(String, String)> {
        let films = tags::kept(&film.tags);
        let mut kept = tags::kept(&self.tags);
        kept.retain(|tag| !films.contains(tag));
        tags::as_of_a_track(kept)
    }

    /// A tag of mkvmerge's statistics, which may have a language behind its name.
    pub(super) fn tag(&self, name: &str) -> Option<&str> {
        self.tags
            .iter()
            .find(|(known, _)| known.starts_with(name))
            .map(|(_, value)| value.as_str())
    }

    /// Frames by the sample table (MP4, AVI) or by mkvmerge's statistics, where the file is still as mkvmerge wrote it:
    /// ffmpeg copies the numbers even where it cuts.
    pub(super) fn declared_frames(&self, writer: &str) -> Option<u64> {
        let statistics = || {
            self.tag("NUMBER_OF_FRAMES")
                .filter(|_| !writer.starts_with("Lavf"))
        };
        self.nb_frames
            .as_deref()
            .or_else(statistics)?
            .parse()
            .ok()
            .filter(|frames| *frames > 0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FfDisposition {
    pub(super) attached_pic: u8,
    pub(super) default: u8,
    pub(super) forced: u8,
    pub(super) original: u8,
    pub(super) comment: u8,
    pub(super) hearing_impaired: u8,
    pub(super) visual_impaired: u8,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FfColor {
    pub(super) color_range: Option<String>,
    pub(super) color_space: Option<String>,
    pub(super) color_primaries: Option<String>,
    pub(super) color_transfer: Option<String>,
    pub(super) chroma_location: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FfFrames {
    #[serde(default)]
    pub(super) frames: Vec<FfFrame>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FfFrame {
    pub(super) stream_index: Option<usize>,
    pub(super) side_data_list: Vec<FfSideData>,
    pub(super) interlaced_frame: u8,
    pub(super) top_field_first: u8,
    pub(super) best_effort_timestamp_time: Option<String>,
    /// What the pictures behind it carry, as far as they were read.
    #[serde(skip)]
    pub(super) later: Vec<Extra>,
    #[serde(flatten)]
    pub(super) color: FfColor,
}

impl FfFrame {
    /// When it is shown, in seconds of the container.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.best_effort_timestamp_time.as_deref()?.parse().ok()
    }
}

/// One piece of side data; rationals come as `"35400/50000"`, whole numbers as numbers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FfSideData {
    pub(super) side_data_type: String,
    pub(super) dv_profile: Option<u8>,
    pub(super) dv_bl_signal_compatibility_id: Option<u8>,
    pub(super) rotation: Option<f64>,
    pub(super) max_content: Option<i64>,
    pub(super) max_average: Option<i64>,
    #[serde(flatten)]
    pub(super) rest: serde_json::Map<String, serde_json::Value>,
}

impl FfSideData {
    /// A rational or number by its name.
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        match self.rest.get(name)? {
            serde_json::Value::Number(number) => number.as_f64(),
            serde_json::Value::String(text) => match text.split_once('/') {
                Some((num, den)) => {
                    Some(num.trim().parse::<f64>().ok()? / den.trim().parse::<f64>().ok()?)
                }
                None => text.trim().parse().ok(),
            },
            _ => None,
        }
    }
}

/// Whether somebody has given a track this name, and not the program that wrote it: mp4 has a place for the name of the part
/// of a player that handles the track, in which most programs write something of their own.
fn is_given(handler_name: &str) -> bool {
    // `SoundHandler`, `Apple Sound Media Handler`, `VideoHandle`, `L-SMASH Audio Handler`.
    const ENDS: [&str; 2] = ["handler", "handle"];
    const BEGINNINGS: [&str; 12] = [
        "core media ",
        "iso media file ",
        "isomedia file ",
        "gpac ",
        "gopro ",
        "ambarella ",
        "dji.",
        "bento4 ",
        "usp by ",
        "twitter-",
        "telestream",
        "#mainconcept",
    ];
    const KINDS: [&str; 8] = [
        "video",
        "audio",
        "sound",
        "text",
        "subtitle",
        "subtitles",
        "stereo",
        "mono",
    ];
    let name = handler_name.trim_matches(|c: char| c.is_control() || c == ' ');
    let name = name.to_lowercase();
    // MP4Box writes the name of the file that it took the track from: `film.h264:fps=25@GPAC0.8.0`.
    let of_a_program = name.contains("@gpac")
        || ENDS.iter().any(|end| name.ends_with(end))
        || BEGINNINGS.iter().any(|start| name.starts_with(start));
    !name.is_empty() && !of_a_program && !KINDS.contains(&name.as_str())
}

/// `00:01:02.500000000` in seconds.
fn clock_seconds(text: &str) -> Option<f64> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |text: &str| text.trim().parse::<f64>().ok();
    Some(number(hours)? * 3600.0 + number(minutes)? * 60.0 + number(seconds)?)
}

pub(super) fn rate(text: &str) -> Option<Ratio<u32>> {
    let (num, den) = text.split_once('/')?;
    let (num, den) = (num.parse().ok()?, den.parse().ok()?);
    (num > 0 && den > 0).then(|| Ratio::new(num, den))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_track_is_told_from_the_marks_of_programs() {
        for name in [
            "SoundHandler",
            "VideoHandler",
            "VideoHandle",
            "\u{1f}Apple Video Media Handler",
            "Core Media Audio",
            "ISO Media file produced by Google Inc. Created on: 01/02/2020.",
            "film.h264:fps=25@GPAC0.8.0",
            "\u{b}GoPro AVC  ",
            "Stereo",
            "",
            " ",
        ] {
            assert!(!is_given(name), "{name}");
        }
        for name in [
            "Commentary",
            "Director's commentary",
            "Ton français",
            "Camera 2",
        ] {
            assert!(is_given(name), "{name}");
        }
    }
}
