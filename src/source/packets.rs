//! What ffmpeg reads of a film without decoding it: the packets of the picture, and every other track, by one clock.
//!
//! Programs disagree about where the tracks of a file begin: what an edit list hides, what a recording lacks at its
//! start, where a clock wraps or restarts. So picture and sound are taken from the same run of the same program.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    film::media::{Carry, Container, Track, TrackKind},
    os::{handle::Handle, process::ToolFailure, toolbox::Toolbox, words::count},
    source::{
        listener::Listener,
        probe::LOOKING_FAR,
        texts::{self, Text},
    },
};

/// A packet of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Packet {
    /// When it is shown, in milliseconds of the film's clock; `None` where the file does not say.
    pub ms: Option<f64>,
    /// For how long, in milliseconds; 0 where the file does not say.
    pub lasts_ms: f64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether decoding can begin here.
    pub key: bool,
    /// Whether it is only there to decode others: an edit list hides its picture.
    pub hidden: bool,
    /// Whether the container knows that it is damaged.
    pub damaged: bool,
}

/// The packets of the film's picture, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Packets {
    /// The packets.
    pub list: Vec<Packet>,
    /// Whether the headers that say what holds for the pictures behind them, size and colours, differ from one another;
    /// `None` where such headers cannot be told without decoding.
    pub headers_differ: Option<bool>,
    /// Whether the container has several descriptions of the picture, without which what is behind them is not decoded.
    pub described_anew: bool,
}

/// Codecs with headers that say what holds for the pictures behind them, by ffmpeg's names, and the type by which ffmpeg's
/// filter filter_units knows these: sequence parameter sets, sequence headers.
const HEADERS: [(&str, u8); 4] = [("h264", 7), ("hevc", 33), ("mpeg2video", 0xb3), ("av1", 1)];

/// AV_PKT_FLAG_KEY, _CORRUPT, _DISCARD and _DISPOSABLE of libavcodec/packet.h.
const KEY: u32 = 1;
const CORRUPT: u32 = 2;
const DISCARD: u32 = 4;

/// The pictures of a film as its packets announce them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Announced {
    /// When each is shown, in milliseconds of the film's clock, ascending.
    pub times_ms: Vec<f64>,
    /// Which of them are keyframes: numbers of pictures, ascending.
    pub keys: Vec<usize>,
    /// Size of each in bytes, as it is in the file.
    pub bytes: Vec<u64>,
    /// How many packets there are, hidden ones and such that give no picture among them.
    pub packets: u64,
    /// When the last picture is no longer shown, by the same clock; `None` where the file does not say.
    pub ends_ms: Option<f64>,
    /// Whether the last packet of the file is not whole.
    pub ends_within: bool,
    /// Whether size or colours may change on the way, as far as that is known without decoding.
    pub may_change: bool,
    /// [`Packets::described_anew`].
    pub described_anew: bool,
    /// Why an index that goes by packets cannot be trusted with this film, if that is known already.
    pub doubt: Option<String>,
}

/// Times of one picture by its packet and by a decoder, by two programs, or in order and after seeking, differ by rounding at
/// most, in milliseconds.
pub(super) const SAME_TIME_MS: f64 = 1.1;

/// Two pictures that are nearer to each other than this, in milliseconds, have one time.
const ONE_TIME_MS: f64 = 0.01;

impl Announced {
    /// Whether a keyframe is shown at a time, in milliseconds of the film's clock.
    #[must_use]
    pub fn is_key(&self, ms: f64) -> bool {
        let n = self
            .keys
            .partition_point(|key| self.times_ms[*key] < ms - SAME_TIME_MS);
        self.keys
            .get(n)
            .is_some_and(|key| self.times_ms[*key] <= ms + SAME_TIME_MS)
    }

    /// Times of the pictures that are not among those that were `shown`, ascending; both in milliseconds.
    #[must_use]
    pub fn not_among(&self, shown_ms: &[f64]) -> Vec<f64> {
        let mut shown = shown_ms.iter().copied().peekable();
        let mut lost = Vec::new();
        for ms in &self.times_ms {
            while shown.next_if(|shown| *shown < ms - SAME_TIME_MS).is_some() {}
            if shown.next_if(|shown| *shown <= ms + SAME_TIME_MS).is_none() {
                lost.push(*ms);
            }
        }
        lost
    }

    /// How many pictures are announced and not `shown`, and the time of the first where it is known; in milliseconds. A
    /// decoder gives one picture for a packet at most: one that it shows at a time that no packet has was moved, as where
    /// recordings overlap or the parts of an edit list meet, and is not lost.
    #[must_use]
    pub fn lost(&self, shown_ms: &[f64]) -> (usize, Option<f64>) {
        let missed = self.not_among(shown_ms);
        let lost = self.times_ms.len().saturating_sub(shown_ms.len());
        let first = missed.first().filter(|_| lost == missed.len());
        (lost, first.copied())
    }

    /// What `packets` announce; the first picture that a decoder shows is at `first_ms`.
    #[must_use]
    pub fn of(
        Packets {
            list: packets,
            headers_differ,
            described_anew,
        }: &Packets,
        first_ms: f64,
    ) -> Self {
        let early = |packet: &&Packet| packet.ms.is_some_and(|ms| ms < first_ms - ONE_TIME_MS);
        let visible = packets.iter().filter(|packet| !packet.hidden);
        let mut sized: Vec<((f64, bool, f64), u64)> = Vec::new();
        let mut next = first_ms;
        for packet in visible.filter(|packet| !early(packet)) {
            // A guess, for nothing but an estimate: the decoder will say when it is shown.
            let ms = packet.ms.unwrap_or(next);
            next = ms + packet.lasts_ms;
            sized.push(((ms, packet.key, packet.lasts_ms), packet.bytes));
        }
        sized.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
        let (pictures, bytes): (Vec<_>, Vec<_>) = sized.into_iter().unzip();
        let lost = packets.iter().filter(|packet| !packet.hidden).filter(early);
        let doubt =
            doubt_of_packets(packets, lost.count()).or_else(|| doubt_of_pictures(&pictures));
        // Decoding nothing but keyframes tells then; where most pictures are such, it is as good as reading in order.
        let may_change = *described_anew || headers_differ.unwrap_or(!are_mostly_keys(&pictures));
        let keys = (0..)
            .zip(&pictures)
            .filter(|(_, (_, key, _))| *key)
            .map(|(n, _)| n)
            .collect();
        let ends_ms = pictures
            .last()
            .filter(|(_, _, lasts_ms)| *lasts_ms > 0.0)
            .map(|(ms, _, lasts_ms)| ms + lasts_ms);
        let times_ms = pictures.into_iter().map(|(ms, _, _)| ms).collect();
        let ends_within = packets.last().is_some_and(|packet| packet.damaged);
        Self {
            times_ms,
            keys,
            bytes,
            packets: packets.len() as u64,
            ends_ms,
            ends_within,
            may_change,
            described_anew: *described_anew,
            doubt,
        }
    }
}

/// Why an index cannot be trusted that goes by `packets`, of which so many are `lost` at the beginning.
fn doubt_of_packets(packets: &[Packet], lost: usize) -> Option<String> {
    if lost > 0 {
        let lost = count(lost as u64, "picture");
        return Some(format!("{lost} at its beginning cannot be decoded"));
    }
    let visible = || packets.iter().filter(|packet| !packet.hidden);
    let hidden = packets.len() - visible().count();
    if hidden > 0 {
        let hidden = count(hidden as u64, "picture");
        return Some(format!("an edit list hides {hidden}"));
    }
    if visible().any(|packet| packet.damaged) {
        return Some("packets are damaged".to_owned());
    }
    visible()
        .any(|packet| packet.ms.is_none())
        .then(|| "packets have no times".to_owned())
}

/// Why an index cannot be trusted with these pictures: when each is shown, whether it is a keyframe, how long it is shown.
fn doubt_of_pictures(pictures: &[(f64, bool, f64)]) -> Option<String> {
    let mut pairs = pictures.windows(2);
    let why = if pairs.any(|pair| pair[1].0 - pair[0].0 < ONE_TIME_MS) {
        "pictures have one time"
    } else if pictures.first().is_some_and(|(_, key, _)| !key) {
        "it does not begin with a keyframe"
    } else if pictures.len() > 1 && are_mostly_keys(pictures) {
        "nearly every picture is a keyframe, so that one that is repeated could not be told"
    } else {
        return None;
    };
    Some(why.to_owned())
}

/// Whether more than half of the pictures are keyframes.
fn are_mostly_keys(pictures: &[(f64, bool, f64)]) -> bool {
    pictures.iter().filter(|(_, key, _)| *key).count() * 2 > pictures.len()
}

/// Has holes in the sound stay where they are: most filters, and encoders, know only one sample after the other.
pub const ON_TIME: &str = "aresample=async=1:min_hard_comp=0.01";

/// The same where the times of a container are exact: edit lists leave shorter holes where two parts meet.
const ON_TIME_EXACTLY: &str = "aresample=async=1:min_hard_comp=0.002";

/// Has holes stay where they are in sound that is decoded because it does not get into Matroska as it is.
#[must_use]
pub fn filling(container: &Container) -> &'static str {
    if container.format == "QuickTime/MP4" {
        ON_TIME_EXACTLY
    } else {
        ON_TIME
    }
}

/// The source of a job, as ffmpeg reads it.
#[derive(Clone, Copy)]
pub struct Original<'a> {
    /// ffmpeg and ffprobe.
    pub tools: &'a Toolbox,
    /// Where it lies,
    pub dir: &'a Path,
    /// under a plain name.
    pub name: &'a str,
    /// What it is.
    pub container: &'a Container,
}

/// Tracks that ffmpeg hands over in one file.
#[derive(Debug, Clone)]
pub struct Handed<'a> {
    /// Samples of 48 kHz by which all its times are later than those of the packets.
    pub opus_delay: u32,
    /// The tracks, in their order.
    pub tracks: Vec<&'a Track>,
}

/// Reads the packets of the film's picture, and writes the `others`, each to its file, in the directory of the source.
///
/// # Errors
/// If ffmpeg fails.
pub fn read(source: &Original<'_>, others: &[(Handed<'_>, PathBuf)]) -> Result<Packets> {
    let container = source.container;
    let edited = Edited::of(source, others)?;
    let header = HEADERS
        .iter()
        .find(|(codec, _)| *codec == container.video.codec)
        .map(|(_, unit)| *unit);
    let run = |header| {
        let command = listing(source, others, &edited, header);
        source.listener().stream(command, |lines| {
            parse(lines).context("ffmpeg printed what is no list of packets")
        })
    };
    let complains_of_filter = |error: &anyhow::Error| {
        error
            .downcast_ref::<ToolFailure>()
            .is_some_and(|failed| failed.stderr.iter().any(|line| line.contains(FILTER)))
    };
    let mut packets = match header.map(|unit| run(Some(unit))) {
        // It does not begin where the container's own headers are damaged, or this ffmpeg lacks it.
        Some(Err(error)) if complains_of_filter(&error) => Packets {
            headers_differ: None,
            ..run(None)?
        },
        Some(read) => read?,
        None => Packets {
            headers_differ: None,
            ..run(None)?
        },
    };
    // Other containers have other things beside packets.
    packets.described_anew &= container.format.to_ascii_lowercase().contains("mp4");
    Ok(packets)
}

/// ffmpeg's filter that passes units of one type.
const FILTER: &str = "filter_units";

/// Texts that ffmpeg would show at wrong times, each track of them as SubRip in a file of its own, by its stream.
struct Edited(Vec<(usize, Handle)>);

impl Edited {
    /// Those that are among the `others`.
    fn of(source: &Original<'_>, others: &[(Handed<'_>, PathBuf)]) -> Result<Self> {
        let tracks = others.iter().flat_map(|(handed, _)| &handed.tracks);
        let edited = tracks.filter(|track| !track.edits.is_empty());
        let file = |track: &&&Track| {
            let texts = texts::written(&source.texts(track)?);
            let memory = Handle::in_memory().context("making a file in memory")?;
            fs::write(memory.path(), texts).context("writing subtitles into memory")?;
            Ok((track.stream, memory))
        };
        edited
            .map(|track| file(&track))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Has ffmpeg read them beside the film.
    fn read(&self, command: &mut Command) {
        for (_, file) in &self.0 {
            command.args(["-f", "srt", "-i"]).arg(file.path());
        }
    }

    /// Where ffmpeg finds a track, and what it does with it.
    fn mapped(&self, track: &Track) -> (String, &'static str) {
        let input = self
            .0
            .iter()
            .position(|(stream, _)| *stream == track.stream);
        match input {
            Some(n) => (format!("{}:0", n + 1), Carry::Copy.codec()),
            None => (format!("0:{}", track.stream), track.carry.codec()),
        }
    }
}

/// The command that lists the packets of the picture, as the stream 0, and its headers, if they are units of the type
/// `header`, as the stream 1.
fn listing(
    source: &Original<'_>,
    others: &[(Handed<'_>, PathBuf)],
    edited: &Edited,
    header: Option<u8>,
) -> Command {
    let container = source.container;
    let mut command = source.reading();
    edited.read(&mut command);
    let picture = format!("0:{}", container.video.stream);
    command.args(["-map", &picture]);
    if let Some(unit) = header {
        command.args([
            "-map",
            &picture,
            "-bsf:1",
            &format!("{FILTER}=pass_types={unit}"),
        ]);
        // Packets do not wait for headers that are far behind.
        command.args(["-max_interleave_delta", "1"]);
    }
    // The packets before the first keyframe are wanted as well.
    command.args(["-c", "copy", "-copyinkf", "-f", "framecrc", "pipe:1"]);
    for (handed, file) in others {
        hand_over(&mut command, container, edited, (handed, file));
    }
    keep_clock(&mut command, container);
    command
}

impl Original<'_> {
    /// ffmpeg, reading the film by its own clock: that of its container where mkvmerge goes by it too, else from its
    /// earliest packet on.
    #[must_use]
    pub fn reading(&self) -> Command {
        let mut command = Command::new(&self.tools.ffmpeg);
        command
            .current_dir(self.dir)
            .args(["-nostdin", "-hide_banner", "-v", "error", "-y"]);
        if self.container.direct {
            command.arg("-copyts");
        }
        if self.container.begins_late {
            command.args(LOOKING_FAR);
        }
        command.arg("-i").arg(format!("file:{}", self.name));
        command
    }

    /// The texts of a track that has an edit list, by the film's clock. ffmpeg's reader of MP4 moves a track by what is left of
    /// a text into which the list cuts: it is asked for the track's own times.
    ///
    /// # Errors
    /// If ffmpeg cannot read them.
    pub fn texts(&self, track: &Track) -> Result<Vec<Text>> {
        let mut command = Command::new(&self.tools.ffmpeg);
        command
            .current_dir(self.dir)
            .args(["-nostdin", "-hide_banner", "-v", "error"])
            .args(["-ignore_editlist", "1", "-copyts"])
            .args(["-i", &format!("file:{}", self.name)])
            .args(["-map", &format!("0:{}", track.stream)])
            .args(["-c:s", "srt", "-f", "srt", "pipe:1"]);
        let read = self.listener().output(command);
        let read = read.context("reading subtitles by their own times")?;
        let texts = texts::parse(&String::from_utf8_lossy(&read));
        let origin_ms = self.container.clock.origin_ms;
        Ok(texts::edited(&texts, &track.edits, origin_ms))
    }
}

impl<'a> Original<'a> {
    /// Whoever has ffmpeg read the film.
    #[must_use]
    pub fn listener(&self) -> Listener<'a> {
        Listener::of_source(self.tools, &self.container.format)
    }
}

/// Has ffmpeg read all tracks of sound and subtitles, beside what `command` takes of the film. Where clocks begin, and what
/// is done where they restart, depends on which tracks are read, and by what: it must be the same every time. Sound that is
/// decoded has a clock that goes on without a gap where a recording is put behind another.
pub fn keep_clock(command: &mut Command, container: &Container) {
    if container.direct {
        return;
    }
    command.args(["-map", &format!("0:{}", container.video.stream)]);
    for track in container
        .other_tracks
        .iter()
        .filter(|track| track.kind != TrackKind::Video)
    {
        command.args(["-map", &format!("0:{}", track.stream)]);
    }
    for stream in &container.dropped {
        command.args(["-map", &format!("0:{stream}")]);
    }
    command.args(["-c", "copy"]);
    if container.restarts {
        command.args(["-c:a", "pcm_s16le"]);
    }
    command.args(["-f", "null", "-"]);
}

/// Whether `line` is what ffmpeg says of what it only reads to keep its clock: there is nothing that times which do not ascend
/// could do harm to.
#[must_use]
pub fn is_of_clock(line: &str) -> bool {
    line.starts_with("[null @ ")
}

/// Tells ffmpeg to write tracks that mkvmerge does not take from the source itself: by the picture's clock, without what an
/// edit list hides before the beginning, and always the same bytes.
fn hand_over(
    command: &mut Command,
    container: &Container,
    edited: &Edited,
    (handed, file): (&Handed<'_>, &Path),
) {
    for (n, track) in handed.tracks.iter().enumerate() {
        let (stream, codec) = edited.mapped(track);
        command.args(["-map", &stream, &format!("-c:{n}"), codec]);
        if track.carry == Carry::Decoded {
            let depth = [
                &format!("-sample_fmt:{n}"),
                "s32",
                &format!("-bits_per_raw_sample:{n}"),
                "24",
            ];
            command
                .args([&format!("-filter:{n}"), filling(container)])
                .args(depth);
        }
        // All before the beginning is hidden, but for what decoders of some kinds need before the first sample, and for the
        // packet in which the film begins.
        let partly = track.begins_before_the_film();
        command.args([format!("-copypriorss:{n}"), u8::from(partly).to_string()]);
        if partly && track.hidden > 0 {
            command.args([
                format!("-bsf:{n}"),
                format!("noise=drop=lt(n\\,{})", track.hidden),
            ]);
        }
    }
    let later_us = f64::from(handed.opus_delay) / 0.048;
    let offset = format!("{}us", container.clock.offset_us + later_us.round() as i64);
    command.args([
        "-map_chapters",
        "-1",
        "-map_metadata",
        "-1",
        "-output_ts_offset",
        &offset,
    ]);
    command
        .args([
            "-avoid_negative_ts",
            "disabled",
            "-fflags",
            "+bitexact",
            "-f",
            "matroska",
        ])
        .arg(file);
}

/// Reads what ffmpeg's muxer framecrc writes, `stream, dts, pts, duration, size, checksum, F=flags, S=side data`: of the
/// packets as the stream 0, of the headers among them as the stream 1.
///
/// # Errors
/// If it cannot be read, or is something else.
pub fn parse(text: impl Read) -> Result<Packets> {
    let (mut list, mut tick_ms) = (Vec::new(), None);
    let (mut header, mut differ) = (None, false);
    let (mut beside, mut described_anew) = (None, false);
    for line in BufReader::with_capacity(1 << 16, text).lines() {
        let line = line?;
        if let Some(base) = line.strip_prefix("#tb 0: ") {
            let (num, den) = base.split_once('/').context("a time base is a ratio")?;
            tick_ms = Some(1000.0 * num.trim().parse::<f64>()? / den.trim().parse::<f64>()?);
        }
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (stream, packet) = line.split_once(',').context("a packet has no stream")?;
        if stream == "1" {
            let checksum = packet
                .split(',')
                .nth(4)
                .context("headers have no checksum")?
                .to_owned();
            differ |= header.get_or_insert_with(|| checksum.clone()) != &checksum;
            continue;
        }
        list.push(packet_of(packet, tick_ms.context("no time base")?)?);
        // Containers that have several descriptions of a picture put the next one beside the first packet that it is of;
        // beside the very first packet of a film there are other things too.
        let side_data = packet
            .split_once(", S=")
            .map_or("", |(_, side_data)| side_data)
            .to_owned();
        if list.len() > 1 {
            described_anew |= beside.get_or_insert_with(|| side_data.clone()) != &side_data;
        }
    }
    Ok(Packets {
        list,
        headers_differ: Some(differ),
        described_anew,
    })
}

/// Reads what framecrc writes of a packet, from its dts on.
fn packet_of(text: &str, tick_ms: f64) -> Result<Packet> {
    let mut fields = text.split(',').map(str::trim);
    let (_, pts, lasts) = (fields.next(), fields.next(), fields.next());
    let ticks = |text: Option<&str>| {
        text.context("a packet has no time")?
            .parse::<i64>()
            .context("a time is a number")
    };
    let (pts, lasts) = (ticks(pts)?, ticks(lasts)?);
    ensure!(
        fields.clone().count() >= 2,
        "a packet has a size and a checksum"
    );
    let bytes = fields.next().unwrap_or_default();
    let bytes = bytes.parse().context("a size is a number")?;
    // Without flags it is what every packet of most muxers is: one where decoding can begin.
    let flags = fields.find_map(|field| field.strip_prefix("F=0x"));
    let flags = flags
        .map_or(Ok(KEY), |flags| u32::from_str_radix(flags, 16))
        .context("flags are a number")?;
    Ok(Packet {
        ms: (pts != i64::MIN).then_some(pts as f64 * tick_ms),
        lasts_ms: lasts.max(0) as f64 * tick_ms,
        bytes,
        key: flags & KEY != 0,
        hidden: flags & DISCARD != 0,
        damaged: flags & CORRUPT != 0,
    })
}

impl Carry {
    /// ffmpeg's name of what the track becomes.
    #[must_use]
    pub fn codec(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Pcm16 => "pcm_s16le",
            Self::Pcm24 => "pcm_s24le",
            Self::Pcm32 => "pcm_s32le",
            Self::Float32 => "pcm_f32le",
            Self::Float64 => "pcm_f64le",
            Self::Flac | Self::Decoded => "flac",
            Self::Srt => "srt",
        }
    }
}

impl Container {
    /// Whether mkvmerge takes one of the other tracks from the source itself: of Matroska all that are neither decoded nor
    /// encoded anew.
    #[must_use]
    pub fn takes_itself(&self, track: &Track) -> bool {
        self.direct && !self.is_new(track) && track.carry != Carry::Decoded
    }

    /// Whether the output has sound that is not encoded anew.
    #[must_use]
    pub fn has_copied_sound(&self) -> bool {
        self.sound_tracks().any(|track| !self.is_new(track))
    }

    /// The other tracks that ffmpeg hands over, those that are not encoded anew: in one file for all, and one for each delay
    /// of Opus.
    #[must_use]
    pub fn handed(&self) -> Vec<Handed<'_>> {
        let mut handed = Vec::<Handed<'_>>::new();
        for track in &self.other_tracks {
            if self.is_new(track) || self.takes_itself(track) {
                continue;
            }
            let opus_delay = if track.carry == Carry::Copy {
                track.opus_delay
            } else {
                0
            };
            match handed
                .iter_mut()
                .find(|handed| handed.opus_delay == opus_delay)
            {
                Some(handed) => handed.tracks.push(track),
                None => handed.push(Handed {
                    opus_delay,
                    tracks: vec![track],
                }),
            }
        }
        handed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "#software: Lavf\n#tb 0: 1/1000\n#media_type 0: video\n\
        0, -40, -80, 40, 10, 0x1, F=0x5\n0, 0, 0, 40, 10, 0x1\n0, 40, 120, 40, 10, 0x2, F=0x0, S=1, 1\n\
        0, 80, 40, 40, 10, 0x2, F=0x0\n0, 120, 80, 40, 10, 0x2, F=0x2\n";

    #[test]
    fn a_list_of_packets_is_read_with_its_flags() {
        let packets = parse(LIST.as_bytes()).unwrap().list;
        let ms: Vec<f64> = packets.iter().map(|packet| packet.ms.unwrap()).collect();
        assert_eq!(ms, [-80.0, 0.0, 120.0, 40.0, 80.0]);
        let flags: Vec<_> = packets
            .iter()
            .map(|packet| (packet.key, packet.hidden, packet.damaged))
            .collect();
        let (no, yes) = (false, true);
        assert_eq!(
            flags,
            [
                (yes, yes, no),
                (yes, no, no),
                (no, no, no),
                (no, no, no),
                (no, no, yes)
            ]
        );
        assert!(
            parse("0, 1, 2, 3, 4, 0x5\n".as_bytes()).is_err(),
            "no time base"
        );
        assert!(parse("#tb 0: 1/25\n0, 1, x, 3, 4, 0x5\n".as_bytes()).is_err());
        let none = format!("#tb 0: 1/25\n0, 1, {}, 3, 4, 0x5\n", i64::MIN);
        assert_eq!(parse(none.as_bytes()).unwrap().list[0].ms, None);
    }

    #[test]
    fn headers_that_differ_are_known_by_their_checksums_and_new_descriptions_by_their_place() {
        let of = |lines: &str| {
            let packets = parse(format!("#tb 0: 1/25\n{lines}").as_bytes()).unwrap();
            (packets.headers_differ.unwrap(), packets.described_anew)
        };
        let first =
            "1, 0, 0, 1, 29, 0x6\n0, 0, 0, 1, 90, 0x1, S=1, 40\n0, 1, 1, 1, 10, 0x2, F=0x0\n";
        assert_eq!(
            of(&format!(
                "{first}1, 2, 2, 1, 29, 0x6\n0, 2, 2, 1, 90, 0x3\n"
            )),
            (false, false)
        );
        assert_eq!(
            of(&format!(
                "{first}1, 2, 2, 1, 29, 0x7\n0, 2, 2, 1, 90, 0x3\n"
            )),
            (true, false)
        );
        assert_eq!(
            of(&format!("{first}0, 2, 2, 1, 90, 0x3, S=1, 43\n")),
            (false, true)
        );
        let stream_id = "0, 0, 0, 1, 90, 0x1, S=1, 1\n0, 1, 1, 1, 10, 0x2, F=0x0, S=1, 1\n";
        assert_eq!(of(&stream_id.repeat(2)), (false, false));
    }

    fn of(packets: &[Packet]) -> Packets {
        Packets {
            list: packets.to_vec(),
            headers_differ: Some(false),
            described_anew: false,
        }
    }

    #[test]
    fn where_headers_do_not_tell_keyframes_do_unless_most_pictures_are_such() {
        let mut packets = Packets {
            list: vec![packet(0.0, true), packet(40.0, false), packet(80.0, false)],
            headers_differ: None,
            described_anew: false,
        };
        assert!(Announced::of(&packets, 0.0).may_change);
        packets.list.iter_mut().for_each(|packet| packet.key = true);
        assert!(!Announced::of(&packets, 0.0).may_change);
        packets.headers_differ = Some(true);
        assert!(Announced::of(&packets, 0.0).may_change);
    }

    fn packet(ms: f64, key: bool) -> Packet {
        Packet {
            ms: Some(ms),
            lasts_ms: 40.0,
            bytes: 10,
            key,
            hidden: false,
            damaged: false,
        }
    }

    #[test]
    fn pictures_are_announced_in_the_order_in_which_they_are_shown() {
        let packets = [
            packet(0.0, true),
            packet(120.0, false),
            packet(40.0, false),
            packet(80.0, true),
        ];
        let announced = Announced::of(&of(&packets), 0.0);
        assert_eq!(announced.times_ms, [0.0, 40.0, 80.0, 120.0]);
        assert_eq!((announced.keys, announced.doubt), (vec![0, 2], None));
        assert_eq!(
            (announced.ends_ms, announced.ends_within),
            (Some(160.0), false)
        );
    }

    #[test]
    fn pictures_that_were_not_shown_are_known_by_their_times() {
        let packets = [
            packet(0.0, true),
            packet(40.0, false),
            packet(80.0, false),
            packet(120.0, false),
        ];
        let announced = Announced::of(&of(&packets), 0.0);
        assert_eq!(announced.not_among(&[0.0, 40.4, 120.0]), [80.0]);
        assert_eq!(announced.not_among(&[]), [0.0, 40.0, 80.0, 120.0]);
        assert_eq!(announced.lost(&[0.0, 40.4, 120.0]), (1, Some(80.0)));
        assert_eq!(announced.lost(&[0.0, 40.0, 90.0, 130.0]), (0, None));
        // One was moved, and one is lost: which of them, times do not tell.
        assert_eq!(announced.lost(&[0.0, 40.0, 90.0]), (1, None));
        assert!(
            announced
                .not_among(&[0.0, 40.0, 60.0, 80.0, 120.0])
                .is_empty()
        );
    }

    #[test]
    fn what_an_index_of_packets_gets_wrong_is_a_doubt() {
        let good = [packet(0.0, true), packet(40.0, false), packet(80.0, false)];
        let doubt = |change: &dyn Fn(&mut Vec<Packet>), first_ms: f64| {
            let mut packets = good.to_vec();
            change(&mut packets);
            let announced = Announced::of(&of(&packets), first_ms);
            (
                announced.times_ms.len(),
                announced.doubt.unwrap_or_default(),
            )
        };
        assert_eq!(doubt(&|_| (), 0.0), (3, String::new()));
        assert_eq!(
            doubt(&|_| (), 40.0),
            (2, "1 picture at its beginning cannot be decoded".to_owned())
        );
        assert_eq!(doubt(&|packets| packets[0].hidden = true, 40.0).0, 2);
        assert!(
            doubt(&|packets| packets[0].hidden = true, 40.0)
                .1
                .contains("edit list")
        );
        assert!(
            doubt(&|packets| packets[1].damaged = true, 0.0)
                .1
                .contains("damaged")
        );
        assert_eq!(doubt(&|packets| packets[1].ms = None, 0.0).0, 3);
        assert!(
            doubt(&|packets| packets[1].ms = None, 0.0)
                .1
                .contains("no times")
        );
        assert!(
            doubt(&|packets| packets[2].ms = Some(40.0), 0.0)
                .1
                .contains("one time")
        );
        assert!(
            doubt(&|packets| packets[0].key = false, 0.0)
                .1
                .contains("keyframe")
        );
        let intra = doubt(
            &|packets| packets.iter_mut().for_each(|packet| packet.key = true),
            0.0,
        )
        .1;
        assert!(intra.contains("nearly every picture"));
    }
}
