//! ffprobe and mkvmerge -> [`Container`]: what the source is, before any frame is read.

use std::{
    collections::HashMap, ffi::OsString, fs, io::Read, os::unix::fs::symlink, path::Path,
    process::Command, thread,
};

use anyhow::{Context, Result, bail, ensure};
use num_rational::Ratio;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    film::{
        hdr::{ContentLight, Hdr10, MasteringDisplay},
        media::{
            BT2020, Carry, ChromaLocation, Clock, CodePoint, Color, Container, DynamicHdr, Extra,
            Fields, MATROSKA, Range, SoundSpan, Space, Subsampling, Track, TrackFlags, TrackKind,
            UNSPECIFIED, Video,
        },
        tags,
    },
    os::{
        exit::UnfitFilm,
        process::{Finished, ToolFailure, outcome},
        toolbox::Toolbox,
        words::count,
    },
    source::ending,
    stream::bitstream::Units,
};

/// Pixels in each direction that AV1 can say (AV1 specification, 5.5.1: 16 bits).
const LARGEST: u32 = 1 << 16;
/// Pixels in each direction of a picture in 4:2:0: sizes are made even.
const SMALLEST: u32 = 2;

/// What a probe found.
#[derive(Debug, Clone)]
pub struct Probed {
    /// What the container says.
    pub container: Container,
    /// Frame rates that the container names, the likeliest first.
    pub rates: Vec<Ratio<u32>>,
    /// How the file is seen to be cut short, if it is.
    pub truncated: Option<String>,
    /// Whether it is of a kind that begins and ends anywhere: a part of a stream.
    pub ends_anywhere: bool,
}

/// Reads what `input` (an absolute path) is.
///
/// # Errors
/// If it is missing; [`UnfitFilm`] if it is empty, no film, or one that cannot be encoded whole. The error says what to
/// type next.
pub fn probe(tools: &Toolbox, input: &Path) -> Result<Probed> {
    let shown = input.display();
    let metadata = fs::metadata(input).with_context(|| format!("cannot read `{shown}`"))?;
    ensure!(
        !metadata.is_dir(),
        UnfitFilm(format!(
            "`{shown}` is a directory; name one film (a loop over many: examples/batch)"
        ))
    );
    ensure!(
        metadata.is_file(),
        UnfitFilm(format!(
            "`{shown}` is not a regular file; the source is read at many places at once"
        ))
    );
    ensure!(metadata.len() > 0, UnfitFilm(format!("`{shown}` is empty")));
    let mut file = fs::File::open(input).with_context(|| format!("cannot read `{shown}`"))?;
    // Whoever reads it will say what is wrong with it.
    let truncated = ending::cut_short(&mut file, metadata.len()).unwrap_or(None);

    let file: FfFile = describe(
        tools,
        input,
        &[
            "-show_format",
            "-show_streams",
            "-show_chapters",
            "-show_programs",
            "-show_data",
        ],
    )?;
    let stream = file
        .streams
        .iter()
        .find(|stream| stream.is_film())
        .with_context(|| {
            UnfitFilm(format!(
                "`{shown}` has no video to encode ({})",
                file.kinds()
            ))
        })?;
    refuse_unknown(tools, stream).with_context(|| format!("`{shown}` cannot be encoded"))?;
    let (frame, identified, first) = thread::scope(|scope| {
        let identified = scope.spawn(|| identify(tools, input));
        let first = scope.spawn(|| first_packets(tools, input));
        let frame = first_frame(tools, input, stream.index)
            .with_context(|| format!("cannot read the first frame of `{shown}`"));
        (frame, outcome(identified), outcome(first))
    });
    let first = first.with_context(|| format!("cannot read the first packets of `{shown}`"))?;
    ensure!(
        !file.is_encrypted() && !first.is_encrypted(),
        UnfitFilm(format!(
            "`{shown}` is encrypted: it must be decrypted first"
        ))
    );
    ensure!(
        matches!(frame, Ok(Some(_))) || !first.packets.is_empty(),
        UnfitFilm(format!(
            "`{shown}` has the head of a film and nothing that is shown: it is the initialisation segment of a stream, \
             or was never finished"
        ))
    );
    let mut frame = frame?.with_context(|| {
        UnfitFilm(format!(
            "`{shown}` cannot be encoded: no frame of it can be decoded"
        ))
    })?;
    if stream.codec_name == "av1" {
        // Whoever decodes them will say what is wrong with them.
        frame
            .later
            .extend(av1_extras(tools, input, stream.index).unwrap_or_default());
    }
    let mut warnings = Vec::new();
    let unfit = || UnfitFilm(format!("`{shown}` cannot be encoded"));
    refuse_rgb(&file, stream, &frame).with_context(unfit)?;
    let mut video = video(stream, &frame, &mut warnings).with_context(unfit)?;
    if let Some(seen) = order_of_contradiction(tools, input, (stream, &frame))? {
        video.fields = Some(seen);
    }
    if let Some(fields) = video.fields {
        warnings.push(format!(
            "the source is {fields}: it is encoded as it is, and the output says so. To deinterlace it first, and encode \
             that: {}",
            filtering(&file, stream, deinterlacing(fields), "DEINTERLACED.mkv")
        ));
    }
    let data = file
        .streams
        .iter()
        .filter(|stream| stream.codec_type == "data")
        .count();
    if data > 0 {
        warnings.push(format!(
            "left out: {} (timecode and the like); Matroska has none",
            count(data as u64, "data track")
        ));
    }
    let identified = identified?;
    let direct = identified.container.kind.as_deref() == Some(MATROSKA);
    let mut films = file.streams.iter().filter(|stream| stream.is_film());
    let position_of_film = films
        .position(|film| film.index == stream.index)
        .unwrap_or(0);
    let (video_track, mut other_tracks) = if direct {
        split_tracks(&file, &identified, position_of_film, &mut warnings)
            .with_context(|| UnfitFilm(format!("`{shown}` cannot be joined whole")))?
    } else {
        carried_tracks(&file, stream, &mut warnings, &|stream, carry| {
            takes(tools, input, stream, carry)
        })?
    };
    let mut clock = clock(&file, stream, &frame, direct);
    for track in &mut other_tracks {
        let codec = file
            .streams
            .iter()
            .find(|stream| stream.index == track.stream)
            .map(|stream| stream.codec_name.as_str());
        first.tell(track, codec == Some("vorbis"), clock);
    }
    if !direct {
        let is_empty = |track: &Track| is_empty(tools, input, &first, track);
        leave_out_empty(&file, &mut other_tracks, &mut warnings, &is_empty)?;
    }
    if !direct {
        clock.make_room(other_tracks.iter().filter_map(Track::earliest_ms));
    }
    let cover_kept = |position: &usize| *position < identified.attachments.len();
    let covers = file
        .streams
        .iter()
        .filter(|stream| stream.is_picture())
        .enumerate();
    let lost = covers
        .filter(|(position, _)| !direct && !cover_kept(position))
        .count();
    if lost > 0 {
        warnings.push(format!(
            "left out: {}; mkvmerge does not read them in this container",
            count(lost as u64, "cover picture")
        ));
    }
    let sound = file.sound_spans(|stream| other_tracks.iter().any(|track| track.stream == stream));
    Ok(Probed {
        truncated,
        ends_anywhere: RESTARTING.contains(&file.format.format_name.as_str()),
        rates: [&stream.r_frame_rate, &stream.avg_frame_rate]
            .into_iter()
            .filter_map(|text| rate(text))
            .collect(),
        container: Container {
            format: identified
                .container
                .kind
                .clone()
                .unwrap_or_else(|| file.format.format_name.clone()),
            direct,
            restarts: !direct && file.restarts(),
            new_sound: false,
            duration_seconds: file
                .format
                .duration
                .as_deref()
                .and_then(|text| text.parse().ok()),
            declared_frames: stream.declared_frames(file.format.tag("ENCODER").unwrap_or_default()),
            bytes: metadata.len(),
            video,
            video_track,
            other_tracks,
            title: if direct {
                identified.container.properties.title.clone()
            } else {
                file.format
                    .tag("title")
                    .filter(|title| !title.is_empty())
                    .map(str::to_owned)
            },
            tags: identified.tag_count(),
            space: if direct {
                identified.space(position_of_film)
            } else {
                stream.space()
            },
            tag_list: if direct {
                Vec::new()
            } else {
                tags::kept(&file.tags_with_programme(stream.index))
            },
            video_tags: stream.kept_tags(&file.format),
            chapters: if direct {
                identified
                    .chapters
                    .iter()
                    .map(|chapters| chapters.num_entries)
                    .sum()
            } else {
                file.chapters.len()
            },
            chapter_list: file
                .chapters
                .iter()
                .map(|chapter| chapter.place(clock))
                .collect(),
            attachments: identified.attachments.len(),
            sound,
            clock,
            warnings,
        },
    })
}

/// Packets that are read to learn where each track begins.
const FIRST_PACKETS: u32 = 400;

const FIRST_ENTRIES: &str =
    "packet=stream_index,pts_time,duration_time,flags:packet_side_data=side_data_type";

/// The first packets of all tracks, in the order of the file.
fn first_packets(tools: &Toolbox, input: &Path) -> Result<FfPackets> {
    let interval = format!("%+#{FIRST_PACKETS}");
    let entries = ["-read_intervals", &interval, "-show_entries", FIRST_ENTRIES];
    ffprobe(tools, input, &entries)
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

/// The clock of the film: the container's own where mkvmerge goes by it too; else it begins at the earliest packet of any
/// track, as ffmpeg lets it begin.
fn clock(file: &FfFile, stream: &FfStream, frame: &FfFrame, direct: bool) -> Clock {
    let origin = if direct {
        0.0
    } else {
        file.clock_origin(stream)
    };
    let first = frame.seconds().or(stream.start_seconds()).unwrap_or(origin) - origin;
    // Rounded up: nothing that is heard at the very beginning gets a time below zero. Less than a tick of any container
    // above a whole millisecond is one.
    const TICK_MS: f64 = 0.012;
    let whole = (first * 1000.0 - TICK_MS).ceil();
    let offset_us = if direct {
        0
    } else {
        ((whole - first * 1000.0) * 1000.0).round() as i64
    };
    Clock {
        origin_ms: origin * 1000.0,
        first_ms: first * 1000.0,
        offset_us,
    }
}

/// Tracks, chapters and attachments as mkvmerge sees them; for sources and for outputs.
///
/// # Errors
/// If mkvmerge cannot be run or prints what is not JSON.
pub fn identify(tools: &Toolbox, file: &Path) -> Result<Identified> {
    // mkvmerge takes some first characters of a name as an instruction, and refuses bytes that are not in its locale's
    // encoding: it is given a harmless name instead.
    let dir = tempfile::tempdir().context("making a temporary directory")?;
    symlink(file, dir.path().join("film")).context("linking to the source")?;
    let mut command = Command::new(&tools.mkvmerge);
    command.current_dir(dir.path()).args(["-J", "film"]);
    let Finished {
        stdout, failure, ..
    } = tools.children.finish(command)?;
    // It exits 2 for a container that it does not know, and says so in the JSON.
    serde_json::from_str(&String::from_utf8_lossy(&stdout)).map_err(|error| match failure {
        Some(failure) => anyhow::Error::new(failure),
        None => anyhow::Error::new(error).context("mkvmerge -J printed what is not its JSON"),
    })
}

/// What `mkvmerge -J` prints, as far as it is of use.
#[derive(Debug, Default, Deserialize)]
pub struct Identified {
    /// The container.
    #[serde(default)]
    pub container: IdentifiedContainer,
    /// Its tracks.
    #[serde(default)]
    pub tracks: Vec<IdentifiedTrack>,
    /// Its editions of chapters.
    #[serde(default)]
    pub chapters: Vec<IdentifiedChapters>,
    /// Its attached files.
    #[serde(default)]
    pub attachments: Vec<serde_json::Value>,
    /// Its tags that are of no track.
    #[serde(default)]
    pub global_tags: Vec<Entries>,
}

/// A number of entries.
#[derive(Debug, Deserialize)]
pub struct Entries {
    num_entries: usize,
}

impl Identified {
    /// Number of tags that are of no track.
    #[must_use]
    pub fn tag_count(&self) -> usize {
        self.global_tags.iter().map(|tags| tags.num_entries).sum()
    }

    /// How the container's video track number `position` lies in space.
    #[must_use]
    pub fn space(&self, position: usize) -> Space {
        let Some(track) = self
            .tracks
            .iter()
            .filter(|track| track.kind == "video")
            .nth(position)
        else {
            return Space::default();
        };
        let p = &track.properties;
        Space {
            stereo: p.stereo_mode,
            projection: p.projection_type,
            private: p
                .projection_private
                .clone()
                .filter(|private| !private.is_empty()),
            pose: [
                p.projection_pose_yaw,
                p.projection_pose_pitch,
                p.projection_pose_roll,
            ],
        }
    }

    /// Colours that the container gives to its video track number `position`.
    #[must_use]
    pub fn video_color(&self, position: usize) -> Option<Color> {
        let track = self
            .tracks
            .iter()
            .filter(|track| track.kind == "video")
            .nth(position)?;
        let p = &track.properties;
        Some(Color {
            primaries: p.color_primaries.unwrap_or(UNSPECIFIED),
            transfer: p.color_transfer_characteristics.unwrap_or(UNSPECIFIED),
            matrix: p.color_matrix_coefficients.unwrap_or(UNSPECIFIED),
            range: match p.color_range {
                Some(1) => Some(Range::Limited),
                Some(2) => Some(Range::Full),
                _ => None,
            },
            chroma_location: None,
        })
    }
}

/// The container as mkvmerge sees it.
#[derive(Debug, Default, Deserialize)]
pub struct IdentifiedContainer {
    /// Name of the format.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whether mkvmerge can read it.
    #[serde(default)]
    pub supported: bool,
    /// Details.
    #[serde(default)]
    pub properties: ContainerProperties,
}

/// Details of a container.
#[derive(Debug, Default, Deserialize)]
pub struct ContainerProperties {
    /// Title of the film.
    pub title: Option<String>,
}

/// One edition of chapters.
#[derive(Debug, Deserialize)]
pub struct IdentifiedChapters {
    /// Entries.
    pub num_entries: usize,
}

/// A track as mkvmerge sees it.
#[derive(Debug, Deserialize)]
pub struct IdentifiedTrack {
    id: u64,
    #[serde(rename = "type")]
    kind: String,
    codec: String,
    #[serde(default)]
    properties: TrackProperties,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TrackProperties {
    language: Option<String>,
    language_ietf: Option<String>,
    track_name: Option<String>,
    default_track: Option<bool>,
    forced_track: Option<bool>,
    enabled_track: Option<bool>,
    flag_original: bool,
    flag_commentary: bool,
    flag_hearing_impaired: bool,
    flag_visual_impaired: bool,
    flag_text_descriptions: bool,
    color_primaries: Option<u8>,
    color_transfer_characteristics: Option<u8>,
    color_matrix_coefficients: Option<u8>,
    color_range: Option<u8>,
    codec_delay: Option<u64>,
    minimum_timestamp: Option<u64>,
    audio_sampling_frequency: Option<u32>,
    stereo_mode: u8,
    projection_type: u8,
    projection_private: Option<String>,
    projection_pose_yaw: f64,
    projection_pose_pitch: f64,
    projection_pose_roll: f64,
}

impl IdentifiedTrack {
    /// By how many milliseconds the times of its packets are later than what is heard of them.
    #[must_use]
    pub fn codec_delay_ms(&self) -> f64 {
        self.properties.codec_delay.unwrap_or(0) as f64 / 1e6
    }

    /// The earliest time of its packets in milliseconds, in containers of which mkvmerge says it.
    #[must_use]
    pub fn minimum_ms(&self) -> Option<f64> {
        self.properties.minimum_timestamp.map(|ns| ns as f64 / 1e6)
    }

    /// Samples a second of a sound track; 0 where that is not known.
    #[must_use]
    pub fn sampling_rate(&self) -> u32 {
        self.properties.audio_sampling_frequency.unwrap_or(0)
    }

    /// The track in our terms; `None` for kinds that are not carried over (buttons).
    #[must_use]
    pub fn track(&self) -> Option<Track> {
        let p = &self.properties;
        Some(Track {
            id: self.id,
            kind: match self.kind.as_str() {
                "video" => TrackKind::Video,
                "audio" => TrackKind::Audio,
                "subtitles" => TrackKind::Subtitles,
                _ => return None,
            },
            codec: self.codec.clone(),
            language: p.language.clone(),
            language_ietf: p.language_ietf.clone(),
            title: p.track_name.clone(),
            flags: TrackFlags {
                default: p.default_track.unwrap_or(true),
                forced: p.forced_track.unwrap_or(false),
                enabled: p.enabled_track.unwrap_or(true),
                original: p.flag_original,
                commentary: p.flag_commentary,
                hearing_impaired: p.flag_hearing_impaired,
                visual_impaired: p.flag_visual_impaired,
                text_descriptions: p.flag_text_descriptions,
            },
            tags: Vec::new(),
            stream: usize::MAX,
            carry: Carry::Copy,
            begins_ms: None,
            hidden: 0,
            opus_delay: 0,
            sync_ms: 0,
        })
    }
}

/// Splits the tracks that mkvmerge takes from Matroska into the one that is encoded and all others. What it does not take is
/// a warning.
///
/// # Errors
/// If it does not see the film itself.
fn split_tracks(
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
    for track in &mut tracks {
        let stream = file
            .streams
            .iter()
            .find(|stream| stream.index == track.stream);
        track.tags = stream.map_or_else(Vec::new, |stream| stream.kept_tags(&file.format));
    }
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

/// What ffmpeg's demuxers of one file with a film in it are called, and those of sound, so that it can be said what is
/// missing. All others read lists of files, devices or words.
const FORMATS: &str = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,flv,live_flv,kux,mpegts,mpegtsraw,mpeg,mpegvideo,ogg,asf,asf_o,\
    rm,mxf,gxf,nut,ivf,obu,av1,h264,hevc,m4v,h261,h263,cavsvideo,avs2,avs3,dirac,vc1,vc1test,yuv4mpegpipe,dv,swf,wtv,nsv,ivr,\
    mjpeg,mjpeg_2000,gif,apng,png_pipe,jpeg_pipe,webp_pipe,roq,bink,smk,film_cpk,4xm,cine,lxf,pva,xmv,wc3movie,thp,vivo,viv,\
    rpl,psxstr,pmp,nuv,nc,mv,mvi,mtv,msf,moflex,mods,mm,mlv,lvf,jv,ipmovie,idcin,hnm,flic,ea,ea_cdata,dxa,dsicin,cdxl,c93,\
    bmv,bfi,bethsoftvid,anm,alp,amv,mpc,mpc8,wav,w64,mp3,aac,ac3,eac3,dts,dtshd,truehd,flac,aiff,au,caf,tta,wv,ape,amr,loas";
/// And of those that read what a file names: other files, and files of others.
const LISTS: [(&str, &str); 5] = [
    ("hls", "a playlist (HLS)"),
    ("dash", "a playlist (DASH)"),
    ("concat", "a list of files (ffconcat)"),
    ("applehttp", "a playlist (HLS)"),
    ("imf", "a composition of several files (IMF)"),
];

/// What ffprobe says of `input`, if it is one film in one file.
fn describe<T: DeserializeOwned>(tools: &Toolbox, input: &Path, what: &[&str]) -> Result<T> {
    let shown = input.display();
    let one_file = ["-protocol_whitelist", "file", "-format_whitelist", FORMATS];
    let described = ffprobe(tools, input, &[&one_file, what].concat());
    let Err(error) = described else {
        return described;
    };
    let said = |words: &str| {
        let failure = error.downcast_ref::<ToolFailure>();
        failure.is_some_and(|failure| failure.stderr.iter().any(|line| line.contains(words)))
    };
    if said("not on whitelist") {
        let of = |(name, kind): &(&str, &'static str)| said(&format!("[{name} @")).then_some(*kind);
        let kind = LISTS
            .iter()
            .find_map(of)
            .unwrap_or("of a kind that is no film");
        bail!(UnfitFilm(format!(
            "`{shown}` is not a film: it is {kind}; name the film itself"
        )));
    }
    let mut head = Vec::new();
    let _ = fs::File::open(input).and_then(|file| file.take(12).read_to_end(&mut head));
    if head
        .get(4..8)
        .is_some_and(|name| [b"styp".as_slice(), b"moof", b"sidx"].contains(&name))
    {
        bail!(UnfitFilm(format!(
            "`{shown}` is a segment of a stream without its beginning: put the initialisation segment in front of it"
        )));
    }
    match error.downcast_ref().and_then(why_no_film) {
        Some(why) => bail!(UnfitFilm(format!(
            "`{shown}` is not a film that ffprobe can read: {why}"
        ))),
        None => Err(error.context(format!("asking ffprobe what `{shown}` is"))),
    }
}

/// What a file lacks that ffprobe refuses, in words for people; `None` where the file may not be at fault.
fn why_no_film(failure: &ToolFailure) -> Option<String> {
    // `[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55b59f465440] moov atom not found`
    let of_format = |line: &String| Some(line.strip_prefix('[')?.split_once("] ")?.1.to_owned());
    let said = failure.stderr.iter().find_map(of_format);
    let refused = failure
        .stderr
        .last()?
        .ends_with("Invalid data found when processing input");
    let ran_to_its_end = failure.status?.code().is_some();
    match said {
        _ if !ran_to_its_end => None,
        Some(said) if said == "moov atom not found" => Some(
            "its index (moov) is missing: it was never finished, or its end is cut off".to_owned(),
        ),
        Some(said) => Some(format!("it is damaged, or not what its name says ({said})")),
        None => refused.then(|| "it is in no format that it knows".to_owned()),
    }
}

/// Refuses a codec that this ffmpeg does not know, or does not decode.
fn refuse_unknown(tools: &Toolbox, film: &FfStream) -> Result<()> {
    if ["", "none", "unknown"].contains(&film.codec_name.as_str()) {
        bail!(UnfitFilm(format!(
            "its codec ({}) is none that this ffmpeg knows",
            film.codec_tag_string
        )));
    }
    if film.pix_fmt.is_none() {
        let mut command = Command::new(&tools.ffmpeg);
        command.args(["-v", "error", "-h", &format!("decoder={}", film.codec_name)]);
        let said = tools.children.finish(command)?.stderr;
        ensure!(
            !said
                .iter()
                .any(|line| line.contains("no decoders for it are available")),
            UnfitFilm(format!(
                "this ffmpeg has no decoder for its codec, {}",
                film.codec_name
            ))
        );
    }
    Ok(())
}

/// Refuses what is not YUV, with the command that makes it that.
fn refuse_rgb(file: &FfFile, film: &FfStream, frame: &FfFrame) -> Result<()> {
    let Some(format) = film
        .pix_fmt
        .as_deref()
        .filter(|format| pixel_layout(format).is_none())
    else {
        return Ok(());
    };
    let filter = conversion(color(film, frame, false).primaries);
    bail!(
        "its pixel format {format} is not YUV; convert it first: {}",
        filtering(file, film, &filter, "CONVERTED.mkv")
    )
}

/// Codecs that ffmpeg copies into Matroska, and mkvmerge takes from there, as they are: run, each, and common.
const COPIED: [&str; 39] = [
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
fn takes(tools: &Toolbox, input: &Path, stream: &FfStream, carry: Carry) -> Result<bool> {
    let dir = tempfile::tempdir().context("making a temporary directory")?;
    let file = dir.path().join("track.mkv");
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
fn carried_tracks(
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
fn leave_out_empty(
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
fn is_empty(tools: &Toolbox, input: &Path, first: &FfPackets, track: &Track) -> Result<bool> {
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

/// Languages with two codes in ISO 639-2: the one of their own name, which mp4 and broadcasts have, and the one of the English
/// name, which Matroska has and mkvmerge makes of the other.
const TWO_CODES: [(&str, &str); 20] = [
    ("sqi", "alb"),
    ("hye", "arm"),
    ("eus", "baq"),
    ("bod", "tib"),
    ("mya", "bur"),
    ("ces", "cze"),
    ("zho", "chi"),
    ("cym", "wel"),
    ("deu", "ger"),
    ("nld", "dut"),
    ("ell", "gre"),
    ("fas", "per"),
    ("fra", "fre"),
    ("kat", "geo"),
    ("isl", "ice"),
    ("mkd", "mac"),
    ("mri", "mao"),
    ("msa", "may"),
    ("ron", "rum"),
    ("slk", "slo"),
];

/// The code of a language as Matroska has it.
fn matroskas_code(code: &str) -> &str {
    let known = TWO_CODES.iter().find(|(own, _)| *own == code);
    known.map_or(code, |(_, matroskas)| matroskas)
}

/// Runs ffprobe on `input` and reads its JSON.
pub(crate) fn ffprobe<T: DeserializeOwned>(
    tools: &Toolbox,
    input: &Path,
    args: &[&str],
) -> Result<T> {
    let mut command = Command::new(&tools.ffprobe);
    command
        .args(["-v", "error", "-print_format", "json"])
        .args(args)
        .arg("-i")
        .arg(file_url(input));
    let output = tools.children.output(command)?;
    // Tags may hold bytes that are not UTF-8.
    serde_json::from_str(&String::from_utf8_lossy(&output))
        .context("ffprobe printed what is not its JSON")
}

/// `file:` in front of a path, so that ffmpeg takes no part of it for a protocol.
#[must_use]
pub fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// How many packets are read until one gives a picture: first few, for all ordinary films; then as many as a recording may
/// have that was begun between two keyframes, ten seconds and more apart.
const UNTIL_A_PICTURE: [u32; 3] = [8, 300, 5000];

/// Properties of the first frame of a stream that a decoder shows, if it shows any: side data of the frame is truer than
/// that of the stream.
fn first_frame(tools: &Toolbox, input: &Path, stream: usize) -> Result<Option<FfFrame>> {
    let stream = stream.to_string();
    for packets in UNTIL_A_PICTURE {
        let interval = format!("%+#{packets}");
        let args = [
            "-select_streams",
            stream.as_str(),
            "-read_intervals",
            &interval,
            "-show_frames",
        ];
        let frames: FfFrames = ffprobe(tools, input, &args)?;
        let mut frames = frames.frames.into_iter();
        if let Some(first) = frames.next() {
            let data = frames.flat_map(|frame| frame.side_data_list);
            let later = data
                .filter_map(|data| Extra::named(&data.side_data_type))
                .collect();
            return Ok(Some(FfFrame { later, ..first }));
        }
    }
    Ok(None)
}

/// Temporal units of AV1 that are looked at for what they carry.
const FIRST_UNITS: &str = "8";

/// What the first pictures of an AV1 stream carry: ffmpeg's decoder of AV1 does not show all of it.
fn av1_extras(tools: &Toolbox, input: &Path, stream: usize) -> Result<Vec<Extra>> {
    let mut command = Command::new(&tools.ffmpeg);
    command
        .args(["-nostdin", "-v", "error", "-i"])
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
        duration_seconds: found
            .format
            .duration
            .as_deref()
            .and_then(|text| text.parse().ok()),
        tags: tags::kept(&found.format.tags),
        video_tags: stream.kept_tags(&found.format),
        track_tags: found
            .tracks()
            .map(|stream| stream.kept_tags(&found.format))
            .collect(),
        sound: found.sound_spans(|_| true),
        chapters: found
            .chapters
            .iter()
            .map(|chapter| chapter.place(Clock::default()))
            .collect(),
    })
}

/// `00:01:02.500000000` in seconds.
fn clock_seconds(text: &str) -> Option<f64> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |text: &str| text.trim().parse::<f64>().ok();
    Some(number(hours)? * 3600.0 + number(minutes)? * 60.0 + number(seconds)?)
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
        let mut command = Command::new(&tools.ffprobe);
        command.args(["-v", "error", "-read_intervals", interval, "-of", "flat"]);
        command
            .args(["-show_entries", "packet=pts_time:format=format_name", "-i"])
            .arg(file_url(input));
        // How it ends does not matter here: what it says does.
        let finished = tools.children.finish(command)?;
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

#[derive(Debug, Deserialize)]
struct FfPackets {
    #[serde(default)]
    packets: Vec<FfPacket>,
}

#[derive(Debug, Deserialize)]
struct FfPacket {
    #[serde(default)]
    stream_index: usize,
    pts_time: Option<String>,
    duration_time: Option<String>,
    #[serde(default)]
    flags: String,
    #[serde(default)]
    side_data_list: Vec<FfSideData>,
}

impl FfPackets {
    /// Whether the container says that what is in them is encrypted.
    fn is_encrypted(&self) -> bool {
        let mut data = self
            .packets
            .iter()
            .flat_map(|packet| &packet.side_data_list);
        data.any(|data| data.side_data_type.starts_with("Encryption"))
    }

    /// Tells `track` where it begins, and what is to be known of its beginning.
    fn tell(&self, track: &mut Track, is_vorbis: bool, clock: Clock) {
        let ours = self
            .packets
            .iter()
            .filter(|packet| packet.stream_index == track.stream);
        let is_hidden = |packet: &&FfPacket| packet.flags.contains('D');
        let Some(first) = ours.clone().find(|packet| !is_hidden(packet)) else {
            return;
        };
        track.hidden = u32::try_from(ours.take_while(is_hidden).count()).unwrap_or(0);
        let seconds =
            |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
        track.begins_ms =
            seconds(&first.pts_time).map(|seconds| seconds * 1000.0 - clock.origin_ms);
        if is_vorbis {
            // The first packet of Vorbis gives no sound, but half of it with the second (Vorbis I, 4.3.8). mkvmerge 74 counts
            // it as a quarter of a block where it should as a half: seen with both lengths of block.
            let lasts_ms = seconds(&first.duration_time).unwrap_or(0.0) * 1000.0;
            track.sync_ms = (lasts_ms / 2.0).ceil() as i64;
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct FfFile {
    #[serde(default)]
    streams: Vec<FfStream>,
    #[serde(default)]
    format: FfFormat,
    #[serde(default)]
    chapters: Vec<FfChapter>,
    #[serde(default)]
    programs: Vec<FfProgram>,
}

/// What a transport stream says of one of its programmes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FfProgram {
    tags: HashMap<String, String>,
    streams: Vec<FfStream>,
}

/// What ffmpeg writes of a service where nobody has told it anything.
const NO_SERVICE: [&str; 2] = ["Service01", "FFmpeg"];

impl FfFile {
    /// The film's tags, and the name and provider of the service that broadcasts its stream number `index`.
    fn tags_with_programme(&self, index: usize) -> HashMap<String, String> {
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FfChapter {
    start_time: Option<String>,
    tags: HashMap<String, String>,
}

impl FfChapter {
    /// Where it begins by the film's clock, in milliseconds, and its name.
    fn place(&self, clock: Clock) -> (f64, String) {
        let seconds = self
            .start_time
            .as_deref()
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0);
        let name = self
            .tags
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case("title"));
        (
            seconds * 1000.0 - clock.origin_ms,
            name.map(|(_, name)| name.clone()).unwrap_or_default(),
        )
    }
}

/// Formats of ffmpeg whose clocks may restart (AVFMT_TS_DISCONT): what ffmpeg's begins with depends on the tracks that it
/// reads.
const RESTARTING: [&str; 3] = ["mpegts", "mpeg", "ogg"];

impl FfFile {
    /// What can be a track of the output.
    fn tracks(&self) -> impl Iterator<Item = &FfStream> {
        self.streams
            .iter()
            .filter(|stream| stream.kind().is_some() && !stream.is_picture())
    }

    /// Whether the container is QuickTime's own.
    fn is_apples(&self) -> bool {
        self.format
            .tag("major_brand")
            .is_some_and(|brand| brand.trim() == "qt")
    }

    fn restarts(&self) -> bool {
        RESTARTING.contains(&self.format.format_name.as_str())
    }

    /// The container's time, in seconds, at which ffmpeg's clock begins when it reads the picture `film` with all sound and
    /// subtitles (ffmpeg_demux.c, "Correcting starttime based on the enabled streams").
    fn clock_origin(&self, film: &FfStream) -> f64 {
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

    /// Whether tracks name the key with which they are encrypted.
    fn is_encrypted(&self) -> bool {
        self.streams
            .iter()
            .any(|stream| stream.tag("enc_key_id").is_some())
    }

    /// Spans of the sound tracks that are `kept`, in order.
    fn sound_spans(&self, kept: impl Fn(usize) -> bool) -> Vec<SoundSpan> {
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

    /// What is in it, for messages: `hevc video, aac audio`.
    fn kinds(&self) -> String {
        let kinds: Vec<_> = self.streams.iter().map(FfStream::what).collect();
        if kinds.is_empty() {
            "no streams at all".to_owned()
        } else {
            kinds.join(", ")
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FfFormat {
    format_name: String,
    duration: Option<String>,
    start_time: Option<String>,
    tags: HashMap<String, String>,
}

impl FfFormat {
    fn tag(&self, name: &str) -> Option<&str> {
        self.tags
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn start_seconds(&self) -> f64 {
        self.start_time
            .as_deref()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0.0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FfStream {
    index: usize,
    codec_type: String,
    codec_name: String,
    codec_tag_string: String,
    closed_captions: u8,
    sample_fmt: Option<String>,
    sample_rate: Option<String>,
    width: u32,
    height: u32,
    pix_fmt: Option<String>,
    sample_aspect_ratio: Option<String>,
    field_order: Option<String>,
    r_frame_rate: String,
    avg_frame_rate: String,
    start_time: Option<String>,
    nb_frames: Option<String>,
    bits_per_raw_sample: Option<String>,
    /// As ffprobe dumps it.
    extradata: Option<String>,
    disposition: FfDisposition,
    tags: HashMap<String, String>,
    side_data_list: Vec<FfSideData>,
    #[serde(flatten)]
    color: FfColor,
}

impl FfStream {
    fn is_picture(&self) -> bool {
        self.disposition.attached_pic == 1
    }

    fn is_film(&self) -> bool {
        self.codec_type == "video" && !self.is_picture()
    }

    fn start_seconds(&self) -> Option<f64> {
        self.start_time.as_deref()?.parse().ok()
    }

    /// What kind of track it is; `None` for what is not carried over (data, attachments).
    fn kind(&self) -> Option<TrackKind> {
        match self.codec_type.as_str() {
            "video" => Some(TrackKind::Video),
            "audio" => Some(TrackKind::Audio),
            "subtitle" => Some(TrackKind::Subtitles),
            _ => None,
        }
    }

    /// Codec and kind, for messages: `aac audio`.
    fn what(&self) -> String {
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

    /// How it gets from a container that ffmpeg reads into Matroska without loss; `None` if it cannot. `apple` is whether the
    /// container is QuickTime's own.
    fn carry(&self, apple: bool) -> Option<Carry> {
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
    fn lossless(&self) -> Option<Carry> {
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
    fn raw_bits(&self) -> u32 {
        self.bits_per_raw_sample
            .as_deref()
            .and_then(|bits| bits.parse().ok())
            .unwrap_or(0)
    }

    fn track(&self, kind: TrackKind, carry: Carry, file: &FfFile) -> Track {
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
            // mkvmerge refuses what is no code of a language.
            language: tag("language")
                .filter(|l| l.len() == 3 && l.bytes().all(|c| c.is_ascii_lowercase()))
                .map(|l| matroskas_code(l).to_owned()),
            language_ietf: None,
            title: tag("title").filter(|title| !title.is_empty()).cloned(),
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
            carry,
            begins_ms: None,
            hidden: 0,
            sync_ms: 0,
            opus_delay: if self.codec_name == "opus" {
                self.extradata.as_deref().map_or(0, opus_delay)
            } else {
                0
            },
        }
    }

    /// The order of fields that the container says, or the headers of the stream.
    fn said_fields(&self) -> Option<Fields> {
        self.field_order.as_deref().and_then(Fields::named)
    }

    /// How its picture lies in space, by the side data of its container.
    fn space(&self) -> Space {
        let find = |kind: &str| {
            self.side_data_list
                .iter()
                .find(|data| data.side_data_type == kind)
        };
        let text = |data: &FfSideData, name: &str| {
            data.rest
                .get(name)
                .and_then(|text| text.as_str().map(str::to_owned))
        };
        let mut space = Space::default();
        if let Some(data) = find("Stereo 3D") {
            let right_first = data.value("inverted") == Some(1.0);
            // Matroska, StereoMode: with the left eye first, and with the right.
            let modes = match text(data, "type").as_deref() {
                Some("side by side") => (1, 11),
                Some("top and bottom") => (3, 2),
                Some("checkerboard") => (5, 4),
                Some("interleaved lines") => (7, 6),
                Some("interleaved columns") => (9, 8),
                Some("frame alternate") => (13, 14),
                _ => (0, 0),
            };
            space.stereo = if right_first { modes.1 } else { modes.0 };
        }
        if let Some(data) = find("Spherical Mapping") {
            // Matroska, ProjectionType.
            space.projection = match text(data, "projection").as_deref() {
                Some("equirectangular" | "tiled equirectangular") => 1,
                Some("cubemap") => 2,
                _ => 0,
            };
            space.private = self.projection_private(data, text(data, "projection").as_deref());
            space.pose = ["yaw", "pitch", "roll"].map(|name| data.value(name).unwrap_or(0.0));
        }
        space
    }

    /// What Matroska has beside the kind of projection: what is in MP4's box `cbmp` or `equi` (Spherical Video V2), as
    /// hexadecimal digits. The first word is their version.
    fn projection_private(&self, data: &FfSideData, projection: Option<&str>) -> Option<String> {
        let pixels = |name: &str| data.value(name).map(|pixels| pixels as u64);
        let words: Vec<u64> = match projection? {
            // A layout, and pixels around each face.
            "cubemap" => vec![0, 0, pixels("padding")?],
            "tiled equirectangular" => {
                // ffprobe has made pixels of what is cut off, which are parts of the whole.
                let [top, bottom] = [pixels("bound_top")?, pixels("bound_bottom")?];
                let [left, right] = [pixels("bound_left")?, pixels("bound_right")?];
                // Rounded so that the same pixels come of it again (libavutil/spherical.c): the first down, both together up.
                let parts = |first: u64, second: u64, of: u64| {
                    let share = |pixels: u64| pixels * u64::from(u32::MAX);
                    [
                        share(first) / of,
                        share(first + second).div_ceil(of) - share(first) / of,
                    ]
                };
                let (width, height) = (
                    u64::from(self.width) + left + right,
                    u64::from(self.height) + top + bottom,
                );
                [
                    &[0],
                    parts(top, bottom, height).as_slice(),
                    &parts(left, right, width),
                ]
                .concat()
            }
            _ => return None,
        };
        Some(words.iter().map(|word| format!("{word:08x}")).collect())
    }

    /// Its tags, without those that are the film's as well.
    fn kept_tags(&self, film: &FfFormat) -> Vec<(String, String)> {
        let films = tags::kept(&film.tags);
        let mut kept = tags::kept(&self.tags);
        kept.retain(|tag| !films.contains(tag));
        tags::as_of_a_track(kept)
    }

    /// A tag of mkvmerge's statistics, which may have a language behind its name.
    fn tag(&self, name: &str) -> Option<&str> {
        self.tags
            .iter()
            .find(|(known, _)| known.starts_with(name))
            .map(|(_, value)| value.as_str())
    }

    /// Frames by the sample table (MP4, AVI) or by mkvmerge's statistics, where the file is still as mkvmerge wrote it:
    /// ffmpeg copies the numbers even where it cuts.
    fn declared_frames(&self, writer: &str) -> Option<u64> {
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
struct FfDisposition {
    attached_pic: u8,
    default: u8,
    forced: u8,
    original: u8,
    comment: u8,
    hearing_impaired: u8,
    visual_impaired: u8,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FfColor {
    color_range: Option<String>,
    color_space: Option<String>,
    color_primaries: Option<String>,
    color_transfer: Option<String>,
    chroma_location: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct FfFrames {
    #[serde(default)]
    frames: Vec<FfFrame>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FfFrame {
    side_data_list: Vec<FfSideData>,
    interlaced_frame: u8,
    top_field_first: u8,
    best_effort_timestamp_time: Option<String>,
    /// What the pictures behind it carry, as far as they were read.
    #[serde(skip)]
    later: Vec<Extra>,
    #[serde(flatten)]
    color: FfColor,
}

impl FfFrame {
    /// When it is shown, in seconds of the container.
    fn seconds(&self) -> Option<f64> {
        self.best_effort_timestamp_time.as_deref()?.parse().ok()
    }
}

/// One piece of side data; rationals come as `"35400/50000"`, whole numbers as numbers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FfSideData {
    side_data_type: String,
    dv_profile: Option<u8>,
    dv_bl_signal_compatibility_id: Option<u8>,
    rotation: Option<f64>,
    max_content: Option<i64>,
    max_average: Option<i64>,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl FfSideData {
    /// A rational or number by its name.
    fn value(&self, name: &str) -> Option<f64> {
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

fn rate(text: &str) -> Option<Ratio<u32>> {
    let (num, den) = text.split_once('/')?;
    let (num, den) = (num.parse().ok()?, den.parse().ok()?);
    (num > 0 && den > 0).then(|| Ratio::new(num, den))
}

/// The video's properties from its stream and first frame.
fn video(stream: &FfStream, frame: &FfFrame, warnings: &mut Vec<String>) -> Result<Video> {
    let pixel_format = stream
        .pix_fmt
        .clone()
        .context("its pixel format is unknown: is it damaged?")?;
    let (subsampling, bit_depth) = pixel_layout(&pixel_format)
        .with_context(|| format!("its pixel format {pixel_format} is not YUV"))?;
    ensure!(
        stream.width > 0 && stream.height > 0,
        "its size is unknown: is it damaged?"
    );
    ensure!(
        stream.width <= LARGEST && stream.height <= LARGEST,
        "it is {}x{}, and AV1 ends at {LARGEST}x{LARGEST}: is it damaged?",
        stream.width,
        stream.height
    );
    ensure!(
        stream.width >= SMALLEST && stream.height >= SMALLEST,
        "it is {}x{}, and 4:2:0, which is what is encoded, begins at {SMALLEST}x{SMALLEST}",
        stream.width,
        stream.height
    );
    let dynamic_hdr = dynamic_hdr(stream, frame);
    if let Some(profile) = dynamic_hdr.dolby_vision_profile {
        if !dynamic_hdr.dolby_vision_base_layer {
            bail!(
                "it is Dolby Vision profile {profile}, whose picture has wrong colours without its dynamic metadata, \
                 and av1enc does not carry that over; a source with an HDR10 base layer (profile 7 or 8) is needed"
            );
        }
        warnings.push(format!(
            "Dolby Vision (profile {profile}) is left out: the base layer is encoded"
        ));
    }
    let extras = extras(stream, frame);
    let said = |extra: &&Extra| {
        **extra != Extra::DolbyVision || dynamic_hdr.dolby_vision_profile.is_none()
    };
    warnings.extend(extras.iter().filter(said).map(Extra::to_string));
    let place = [&frame.color, &stream.color].into_iter().find_map(|color| {
        color
            .chroma_location
            .as_deref()
            .filter(|place| !matches!(*place, "unknown" | "unspecified"))
    });
    // Of other samplings nothing is kept in any case.
    if let Some(place) = place
        .filter(|place| subsampling == Subsampling::Yuv420 && !matches!(*place, "left" | "topleft"))
    {
        warnings.push(format!(
            "the place of its chroma samples ({place}) is left out: AV1 cannot say it"
        ));
    }
    if ["yuva", "ya8", "ya16"]
        .iter()
        .any(|alpha| pixel_format.starts_with(alpha))
        || stream.tag("alpha_mode").or(stream.tag("ALPHA_MODE")) == Some("1")
    {
        warnings.push("transparency is left out: AV1 films have none".to_owned());
    }
    let fields = fields(stream, frame);
    let rotation = quarter_turns(stream, warnings);
    Ok(Video {
        stream: stream.index,
        codec: stream.codec_name.clone(),
        width: stream.width,
        height: stream.height,
        sample_aspect: stream
            .sample_aspect_ratio
            .as_deref()
            .and_then(|text| rate(&text.replace(':', "/")))
            .unwrap_or_else(|| Ratio::from_integer(1)),
        bit_depth,
        subsampling,
        color: color(stream, frame, pixel_format.starts_with("yuvj")),
        hdr10: hdr10(stream, frame, warnings),
        pixel_format,
        dynamic_hdr,
        extras,
        fields,
        rotation,
    })
}

/// By how many degrees its pictures are to be turned clockwise, as far as these are quarters. What is no quarter most players
/// pass over, and so does av1enc, with a warning.
fn quarter_turns(stream: &FfStream, warnings: &mut Vec<String>) -> u16 {
    let said = stream.side_data_list.iter().find_map(|data| data.rotation);
    // ffprobe counts counter-clockwise.
    let degrees = -said.unwrap_or(0.0);
    let quarters = (degrees / 90.0).round() * 90.0;
    // What ffmpeg takes for a quarter (ffmpeg_filter.c, "autorotate").
    if (degrees - quarters).abs() < 1.0 {
        return quarters.rem_euclid(360.0) as u16;
    }
    warnings.push(format!(
        "the turn of its pictures by {:.0} degrees is left out: it is no quarter, and most players pass over it",
        degrees.rem_euclid(360.0)
    ));
    0
}

/// The order of fields, if there are any: what a decoder says of a picture is truer than what a container says of all,
/// which knows better how they are stored.
fn fields(stream: &FfStream, frame: &FfFrame) -> Option<Fields> {
    let said = stream.said_fields();
    if frame.interlaced_frame == 0 {
        return said;
    }
    let top_first = frame.top_field_first == 1;
    said.filter(|said| said.top_first() == top_first)
        .or(Some(if top_first { Fields::Tt } else { Fields::Bb }))
}

/// The order of fields by what moves in the pictures, where the container or the headers of the stream (H.264's `pic_struct`)
/// say another one than the decoder, which counts times of fields; `None` where they agree or nothing moves.
fn order_of_contradiction(
    tools: &Toolbox,
    input: &Path,
    (stream, frame): (&FfStream, &FfFrame),
) -> Result<Option<Fields>> {
    let (said, shown) = (stream.said_fields(), fields(stream, frame));
    let contradict =
        |said: &Fields| shown.is_some_and(|shown| shown.top_first() != said.top_first());
    let Some(said) = said.filter(contradict) else {
        return Ok(None);
    };
    let seen = top_first_by_motion(tools, input, stream.index)?;
    Ok(seen.and_then(|top_first| {
        if top_first == said.top_first() {
            Some(said)
        } else {
            shown
        }
    }))
}

/// Pictures that are looked at for the order of their fields.
const MOVING: &str = "250";

/// Whether the top field comes first by what moves in the first pictures; `None` if ffmpeg's filter idet cannot tell.
fn top_first_by_motion(tools: &Toolbox, input: &Path, stream: usize) -> Result<Option<bool>> {
    let mut command = Command::new(&tools.ffmpeg);
    command
        .args(["-nostdin", "-hide_banner", "-nostats", "-v", "info", "-i"])
        .arg(file_url(input));
    command.args(["-map", &format!("0:{stream}"), "-frames:v", MOVING]);
    command.args(["-vf", "idet", "-f", "null", "-"]);
    let said = tools.children.finish(command)?.stderr;
    Ok(said.iter().find_map(|line| moves_top_first(line)))
}

/// What one line of idet's says of it, if it does: at least twice as many pictures of one order as of the other.
fn moves_top_first(line: &str) -> Option<bool> {
    // `[Parsed_idet_0 @ 0x55d5b1c4e4c0] Multi frame detection: TFF:    50 BFF:     0 Progressive:     0 Undetermined:     0`
    let (_, counts) = line.split_once("Multi frame detection:")?;
    let count = |name: &str| -> Option<u32> {
        let (_, rest) = counts.split_once(name)?;
        rest.split_whitespace().next()?.parse().ok()
    };
    let (top, bottom) = (count("TFF:")?, count("BFF:")?);
    (top > 2 * bottom || bottom > 2 * top).then_some(top > bottom)
}

/// The filter that makes YUV of RGB with these primaries, with the matrix named where it is used and in the file. Of its own
/// accord ffmpeg takes that of BT.601 and names none.
fn conversion(primaries: CodePoint) -> String {
    // The names of the filter `scale` and of the tag.
    let (scale, tag) = if primaries == BT2020 {
        ("bt2020", "bt2020nc")
    } else {
        ("bt709", "bt709")
    };
    format!(
        "scale=out_color_matrix={scale}:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv444p16le,\
         setparams=colorspace={tag}:range=tv"
    )
}

/// The filter that makes whole pictures of fields, one of each.
fn deinterlacing(fields: Fields) -> &'static str {
    if fields.top_first() {
        "bwdif=parity=tff"
    } else {
        "bwdif=parity=bff"
    }
}

/// The command that makes another film of this one, through a `filter`, without loss: with every track that Matroska can
/// hold, and every time.
fn filtering(file: &FfFile, film: &FfStream, filter: &str, output: &str) -> String {
    let mut maps = "-map 0:V:0".to_owned();
    let mut codecs = "-c copy -c:v:0 ffv1".to_owned();
    let others = file
        .streams
        .iter()
        .filter(|stream| stream.index != film.index && !stream.is_picture());
    let carried = others
        .filter(|stream| stream.kind().is_some())
        .filter_map(|stream| {
            let carry = stream.carry(file.is_apples())?;
            let copied = carry != Carry::Copy || COPIED.contains(&stream.codec_name.as_str());
            Some((stream, if copied { carry } else { stream.lossless()? }))
        });
    for (n, (stream, carry)) in (1..).zip(carried) {
        maps += &format!(" -map 0:{}", stream.index);
        if carry != Carry::Copy {
            codecs += &format!(" -c:{n} {}", carry.codec());
        }
    }
    format!(
        "ffmpeg -i INPUT {maps} -map '0:t?' {codecs} -filter:v:0 '{filter}' -fps_mode passthrough -enc_time_base 1/1000 {output}"
    )
}

/// Chroma sampling and bits per sample of a pixel format by ffmpeg's name; `None` for RGB and palettes.
fn pixel_layout(name: &str) -> Option<(Subsampling, u8)> {
    let name = name
        .strip_suffix("le")
        .or_else(|| name.strip_suffix("be"))
        .unwrap_or(name);
    match name {
        "nv12" | "nv21" | "yuva420p" => return Some((Subsampling::Yuv420, 8)),
        "p010" => return Some((Subsampling::Yuv420, 10)),
        "p016" => return Some((Subsampling::Yuv420, 16)),
        "yuyv422" | "uyvy422" | "yvyu422" | "yuva422p" => return Some((Subsampling::Yuv422, 8)),
        "p210" => return Some((Subsampling::Yuv422, 10)),
        "y210" => return Some((Subsampling::Yuv422, 10)),
        "yuva444p" => return Some((Subsampling::Yuv444, 8)),
        _ => (),
    }
    let depth = |text: &str| {
        if text.is_empty() {
            Some(8)
        } else {
            text.parse().ok().filter(|depth| (8..=16).contains(depth))
        }
    };
    if let Some(rest) = name.strip_prefix("gray") {
        return Some((Subsampling::Gray, depth(rest)?));
    }
    let rest = name
        .strip_prefix("yuvj")
        .or_else(|| name.strip_prefix("yuva"))
        .or_else(|| name.strip_prefix("yuv"))?;
    let (sampling, rest) = rest.split_at_checked(3)?;
    let sampling = match sampling {
        "420" => Subsampling::Yuv420,
        "422" => Subsampling::Yuv422,
        "444" => Subsampling::Yuv444,
        "410" | "411" | "440" => Subsampling::Other,
        _ => return None,
    };
    Some((sampling, depth(rest.strip_prefix('p')?)?))
}

fn color(stream: &FfStream, frame: &FfFrame, full_by_format: bool) -> Color {
    let first = |of: fn(&FfColor) -> &Option<String>| {
        [&frame.color, &stream.color]
            .into_iter()
            .filter_map(|color| of(color).as_deref())
            .find(|text| !matches!(*text, "unknown" | "unspecified" | "reserved"))
    };
    Color {
        primaries: first(|c| &c.color_primaries)
            .and_then(Color::primaries_code)
            .unwrap_or(UNSPECIFIED),
        transfer: first(|c| &c.color_transfer)
            .and_then(Color::transfer_code)
            .unwrap_or(UNSPECIFIED),
        matrix: first(|c| &c.color_space)
            .and_then(Color::matrix_code)
            .unwrap_or(UNSPECIFIED),
        range: match first(|c| &c.color_range) {
            Some("tv") => Some(Range::Limited),
            Some("pc") => Some(Range::Full),
            _ if full_by_format => Some(Range::Full),
            _ => None,
        },
        chroma_location: match first(|c| &c.chroma_location) {
            Some("left") => Some(ChromaLocation::Left),
            Some("topleft") => Some(ChromaLocation::TopLeft),
            _ => None,
        },
    }
}

/// Static HDR metadata: the first frame's, else the stream's. What is half or impossible is left out with a warning:
/// players do worse with wrong metadata than with none.
fn hdr10(stream: &FfStream, frame: &FfFrame, warnings: &mut Vec<String>) -> Hdr10 {
    let find = |kind: &str| {
        let mut all = frame.side_data_list.iter().chain(&stream.side_data_list);
        all.find(|data| data.side_data_type == kind)
    };
    let mut hdr10 = Hdr10::default();
    if let Some(data) = find("Mastering display metadata") {
        let names = [
            "green_x",
            "green_y",
            "blue_x",
            "blue_y",
            "red_x",
            "red_y",
            "white_point_x",
            "white_point_y",
            "max_luminance",
            "min_luminance",
        ];
        let values = names.map(|name| data.value(name));
        if values.iter().all(Option::is_some) {
            match MasteringDisplay::from_values(values.map(|value| value.unwrap_or(f64::NAN))) {
                Ok(mastering) => hdr10.mastering = Some(mastering),
                Err(why) => {
                    warnings.push(format!("the source's mastering display is left out: {why}"))
                }
            }
        } else {
            warnings.push(
                "the source's mastering display is left out: only half of it is there".to_owned(),
            );
        }
    }
    if let Some(data) = find("Content light level metadata") {
        match ContentLight::from_values(
            data.max_content.unwrap_or(0),
            data.max_average.unwrap_or(0),
        ) {
            Ok(content_light) => hdr10.content_light = content_light,
            Err(why) => warnings.push(format!(
                "the source's content light level is left out: {why}"
            )),
        }
    }
    hdr10
}

fn dynamic_hdr(stream: &FfStream, frame: &FfFrame) -> DynamicHdr {
    let dovi = stream
        .side_data_list
        .iter()
        .find(|data| data.dv_profile.is_some());
    DynamicHdr {
        dolby_vision_profile: dovi.and_then(|data| data.dv_profile),
        // 0: no base layer that can be shown alone; 1: HDR10; 2: SDR; 4: HLG; 6: Blu-ray HDR10 (Dolby Vision streams
        // within the ISO base media file format, 2.2).
        dolby_vision_base_layer: dovi
            .is_some_and(|data| data.dv_bl_signal_compatibility_id.unwrap_or(0) != 0),
        hdr10_plus: extras(stream, frame).contains(&Extra::Hdr10Plus),
    }
}

/// What the first pictures carry beside themselves, and what the container says that pictures do.
fn extras(stream: &FfStream, frame: &FfFrame) -> Vec<Extra> {
    let of_stream = [
        (stream.closed_captions == 1).then_some(Extra::Captions),
        stream
            .side_data_list
            .iter()
            .any(|data| data.dv_profile.is_some())
            .then_some(Extra::DolbyVision),
    ];
    let own = frame
        .side_data_list
        .iter()
        .filter_map(|data| Extra::named(&data.side_data_type));
    let mut extras = Vec::new();
    for extra in of_stream
        .into_iter()
        .flatten()
        .chain(own)
        .chain(frame.later.iter().copied())
    {
        if !extras.contains(&extra) {
            extras.push(extra);
        }
    }
    extras
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(json: serde_json::Value) -> FfStream {
        serde_json::from_value(json).unwrap()
    }

    fn frame(json: serde_json::Value) -> FfFrame {
        serde_json::from_value(json).unwrap()
    }

    fn mastering(min: &str, green_x: &str) -> serde_json::Value {
        serde_json::json!({
            "side_data_type": "Mastering display metadata",
            "red_x": "35400/50000", "red_y": "14600/50000", "green_x": green_x, "green_y": "39850/50000",
            "blue_x": "6550/50000", "blue_y": "2300/50000", "white_point_x": "15635/50000",
            "white_point_y": "16450/50000", "min_luminance": min, "max_luminance": "10000000/10000"
        })
    }

    fn hdr_of(
        frame_data: serde_json::Value,
        stream_data: serde_json::Value,
    ) -> (Hdr10, Vec<String>) {
        let mut warnings = Vec::new();
        let hdr10 = hdr10(
            &stream(serde_json::json!({"side_data_list": stream_data})),
            &frame(serde_json::json!({"side_data_list": frame_data})),
            &mut warnings,
        );
        (hdr10, warnings)
    }

    #[test]
    fn hdr10_of_the_frame_wins_and_is_exact() {
        let light = serde_json::json!({"side_data_type": "Content light level metadata", "max_content": 949, "max_average": 438});
        let (hdr10, warnings) = hdr_of(
            serde_json::json!([mastering("1/10000", "8500/50000"), light]),
            serde_json::json!([mastering("50/10000", "8500/50000")]),
        );
        assert_eq!(
            hdr10.mastering.unwrap().to_string(),
            "G(0.1700,0.7970)B(0.1310,0.0460)R(0.7080,0.2920)WP(0.3127,0.3290)L(1000.0000,0.0001)"
        );
        assert_eq!(
            hdr10.content_light,
            Some(ContentLight {
                max_cll: 949,
                max_fall: 438
            })
        );
        assert!(warnings.is_empty());
    }

    #[test]
    fn hdr10_of_the_stream_is_the_fallback() {
        let (hdr10, _) = hdr_of(
            serde_json::json!([]),
            serde_json::json!([mastering("50/10000", "8500/50000")]),
        );
        assert_eq!(hdr10.mastering.unwrap().min_luminance, 0.005);
    }

    #[test]
    fn half_negative_and_absurd_metadata_is_left_out_with_a_warning() {
        let half = serde_json::json!([{"side_data_type": "Mastering display metadata", "red_x": "35400/50000"}]);
        let absurd_light = serde_json::json!([{"side_data_type": "Content light level metadata", "max_content": 4_000_000, "max_average": 1}]);
        for (data, word) in [
            (half, "half"),
            (
                serde_json::json!([mastering("-1/10000", "8500/50000")]),
                "luminance",
            ),
            (
                serde_json::json!([mastering("1/10000", "-8500/50000")]),
                "green",
            ),
            (
                serde_json::json!([mastering("1/0", "8500/50000")]),
                "not a number",
            ),
            (absurd_light, "content light"),
        ] {
            let (hdr10, warnings) = hdr_of(data, serde_json::json!([]));
            assert!(hdr10.is_empty());
            assert!(
                warnings.len() == 1 && warnings[0].contains(word),
                "{warnings:?}"
            );
        }
    }

    #[test]
    fn pixel_formats_are_taken_apart() {
        assert_eq!(pixel_layout("yuv420p10le"), Some((Subsampling::Yuv420, 10)));
        assert_eq!(pixel_layout("yuvj420p"), Some((Subsampling::Yuv420, 8)));
        assert_eq!(pixel_layout("yuv444p"), Some((Subsampling::Yuv444, 8)));
        assert_eq!(
            pixel_layout("yuva420p10le"),
            Some((Subsampling::Yuv420, 10))
        );
        assert_eq!(pixel_layout("gray12le"), Some((Subsampling::Gray, 12)));
        assert_eq!(pixel_layout("p010le"), Some((Subsampling::Yuv420, 10)));
        for rgb in [
            "gbrp",
            "rgb24",
            "pal8",
            "yuv",
            "yuv42",
            "bayer_rggb8",
            "yuv420p99le",
        ] {
            assert_eq!(pixel_layout(rgb), None, "{rgb}");
        }
    }

    #[test]
    fn dolby_vision_without_a_base_layer_is_refused_and_with_one_is_a_warning() {
        let source = |compatible: u8, profile: u8| {
            stream(serde_json::json!({
                "pix_fmt": "yuv420p10le", "width": 3840, "height": 2160, "side_data_list":
                [{"side_data_type": "DOVI configuration record", "dv_profile": profile, "dv_bl_signal_compatibility_id": compatible}]
            }))
        };
        let mut warnings = Vec::new();
        let error = video(&source(0, 5), &FfFrame::default(), &mut warnings).unwrap_err();
        assert!(error.to_string().contains("profile 5"));
        video(&source(1, 8), &FfFrame::default(), &mut warnings).unwrap();
        assert!(warnings[0].contains("Dolby Vision (profile 8)"));
    }

    #[test]
    fn the_order_of_fields_is_what_moves_and_nothing_where_that_is_not_clear() {
        let line = |top, bottom| {
            format!(
                "[Parsed_idet_0 @ 0x55] Multi frame detection: TFF: {top:>5} BFF: {bottom:>5} Progressive:     0"
            )
        };
        for (top, bottom, first) in [
            (50, 0, Some(true)),
            (3, 40, Some(false)),
            (0, 0, None),
            (20, 15, None),
        ] {
            assert_eq!(moves_top_first(&line(top, bottom)), first, "{top} {bottom}");
        }
        assert_eq!(
            moves_top_first("Single frame detection: TFF: 9 BFF: 0"),
            None
        );
    }

    #[test]
    fn rotation_is_clockwise() {
        let json = serde_json::json!({"pix_fmt": "yuv420p", "width": 64, "height": 64, "side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90}]});
        assert_eq!(
            video(&stream(json), &FfFrame::default(), &mut Vec::new())
                .unwrap()
                .rotation,
            90
        );
    }

    #[test]
    fn a_turn_that_is_no_quarter_is_left_out_and_said() {
        let turned = |rotation: f64| {
            let json = serde_json::json!({"side_data_list": [{"rotation": rotation}]});
            let mut warnings = Vec::new();
            (quarter_turns(&stream(json), &mut warnings), warnings.len())
        };
        for (rotation, turns) in [(-180.0, 180), (90.4, 270), (-359.5, 0), (0.0, 0)] {
            assert_eq!(turned(rotation), (turns, 0), "{rotation}");
        }
        for rotation in [-45.0, 44.0, 88.0, -178.9] {
            assert_eq!(turned(rotation), (0, 1), "{rotation}");
        }
    }

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
