//! What a film is: plain data, known once and handed on.

use std::fmt;

use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::film::{edits::Edit, hdr::Hdr10};

/// A code point of Rec. ITU-T H.273: the same numbers in HEVC, AV1 and Matroska.
pub type CodePoint = u8;
/// "Unspecified" in all three tables of H.273.
pub const UNSPECIFIED: CodePoint = 2;
/// The primaries of UHD, BT.2020 (H.273, table 2).
pub const BT2020: CodePoint = 9;
/// The transfer of HDR10, SMPTE ST 2084 (H.273, table 3).
pub const PQ: CodePoint = 16;
/// The transfer of HLG, ARIB STD-B67.
pub const HLG: CodePoint = 18;

/// Name by ffmpeg and code point of H.273, table 2.
const PRIMARIES: &[(&str, CodePoint)] = &[
    ("bt709", 1),
    ("bt470m", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("film", 8),
    ("bt2020", 9),
    ("smpte428", 10),
    ("smpte431", 11),
    ("smpte432", 12),
    ("ebu3213", 22),
];
/// Name by ffmpeg and code point of H.273, table 3.
const TRANSFERS: &[(&str, CodePoint)] = &[
    ("bt709", 1),
    ("bt470m", 4),
    ("gamma22", 4),
    ("bt470bg", 5),
    ("gamma28", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("linear", 8),
    ("log100", 9),
    ("log", 9),
    ("log316", 10),
    ("log_sqrt", 10),
    ("iec61966-2-4", 11),
    ("bt1361e", 12),
    ("iec61966-2-1", 13),
    ("bt2020-10", 14),
    ("bt2020-12", 15),
    ("smpte2084", 16),
    ("smpte428", 17),
    ("arib-std-b67", 18),
];
/// Name by ffmpeg and code point of H.273, table 4.
const MATRICES: &[(&str, CodePoint)] = &[
    ("gbr", 0),
    ("rgb", 0),
    ("bt709", 1),
    ("fcc", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("ycgco", 8),
    ("bt2020nc", 9),
    ("bt2020_ncl", 9),
    ("bt2020c", 10),
    ("bt2020_cl", 10),
    ("smpte2085", 11),
    ("chroma-derived-nc", 12),
    ("chroma-derived-c", 13),
    ("ictcp", 14),
];

fn code(table: &[(&str, CodePoint)], name: &str) -> Option<CodePoint> {
    table
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map(|(_, code)| *code)
}

fn name(table: &'static [(&'static str, CodePoint)], code: CodePoint) -> String {
    match table.iter().find(|(_, known)| *known == code) {
        Some((name, _)) => (*name).to_owned(),
        None if code == UNSPECIFIED => "unspecified".to_owned(),
        None => format!("code {code}"),
    }
}

/// Range of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Range {
    /// Limited ("studio", "tv"): 16 to 235 for 8-bit luma.
    Limited,
    /// Full ("pc").
    Full,
}

/// Where chroma samples lie, as far as AV1 can say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChromaLocation {
    /// Left, halfway between two luma rows ("vertical" in AV1): MPEG-2, H.264, most SDR.
    Left,
    /// At the top left luma sample ("colocated" in AV1): most UHD.
    TopLeft,
}

/// Colour description. `None` and [`UNSPECIFIED`] are the same thing: nobody said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Color {
    /// Colour primaries, H.273 table 2.
    pub primaries: CodePoint,
    /// Transfer characteristics, H.273 table 3.
    pub transfer: CodePoint,
    /// Matrix coefficients, H.273 table 4.
    pub matrix: CodePoint,
    /// Range, if known.
    pub range: Option<Range>,
    /// Chroma location, if known and one that AV1 can express.
    pub chroma_location: Option<ChromaLocation>,
}

impl Default for Color {
    fn default() -> Self {
        Self {
            primaries: UNSPECIFIED,
            transfer: UNSPECIFIED,
            matrix: UNSPECIFIED,
            range: None,
            chroma_location: None,
        }
    }
}

impl Color {
    /// Code point of colour primaries by ffmpeg's name.
    #[must_use]
    pub fn primaries_code(name: &str) -> Option<CodePoint> {
        code(PRIMARIES, name)
    }

    /// Code point of transfer characteristics by ffmpeg's name.
    #[must_use]
    pub fn transfer_code(name: &str) -> Option<CodePoint> {
        code(TRANSFERS, name)
    }

    /// Code point of matrix coefficients by ffmpeg's name.
    #[must_use]
    pub fn matrix_code(name: &str) -> Option<CodePoint> {
        code(MATRICES, name)
    }

    /// Whether both say something of one thing, and not the same.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        let codes = |color: &Self| [color.primaries, color.transfer, color.matrix];
        let mut pairs = codes(self).into_iter().zip(codes(other));
        let differ = |(a, b): (CodePoint, CodePoint)| a != b && ![a, b].contains(&UNSPECIFIED);
        pairs.any(differ) || self.range.zip(other.range).is_some_and(|(a, b)| a != b)
    }

    /// Whether a transfer is one of HDR.
    #[must_use]
    pub fn is_hdr_transfer(transfer: CodePoint) -> bool {
        [PQ, HLG].contains(&transfer)
    }

    /// Whether the transfer is PQ (SMPTE ST 2084), the one of HDR10.
    #[must_use]
    pub fn is_pq(&self) -> bool {
        self.transfer == PQ
    }

    /// Whether the transfer is HLG (ARIB STD-B67).
    #[must_use]
    pub fn is_hlg(&self) -> bool {
        self.transfer == HLG
    }
}

/// `bt2020/smpte2084/bt2020nc limited`.
impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if [self.primaries, self.transfer, self.matrix] == [UNSPECIFIED; 3] {
            f.write_str("unspecified colours")?;
        } else {
            write!(
                f,
                "{}/{}/{}",
                name(PRIMARIES, self.primaries),
                name(TRANSFERS, self.transfer),
                name(MATRICES, self.matrix)
            )?;
        }
        match self.range {
            Some(Range::Limited) => f.write_str(" limited"),
            Some(Range::Full) => f.write_str(" full range"),
            None => Ok(()),
        }
    }
}

/// Sampling of chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subsampling {
    /// Luma only.
    #[serde(rename = "4:0:0")]
    Gray,
    /// Half in both directions.
    #[serde(rename = "4:2:0")]
    Yuv420,
    /// Half horizontally.
    #[serde(rename = "4:2:2")]
    Yuv422,
    /// Full.
    #[serde(rename = "4:4:4")]
    Yuv444,
    /// Anything else that YUV can be.
    #[serde(rename = "other")]
    Other,
}

/// In which order the two fields of an interlaced picture are shown and stored. Numbers are those of Matroska's FieldOrder
/// (RFC 9559, 5.1.4.1.28.2), names those of ffprobe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fields {
    /// The top field is shown and stored first.
    Tt = 1,
    /// The bottom field is shown and stored first.
    Bb = 6,
    /// The top field is shown first, and lines of both are stored in turn.
    Tb = 9,
    /// The bottom field is shown first, and lines of both are stored in turn.
    Bt = 14,
}

impl Fields {
    /// The order that ffprobe calls so; `None` for pictures that are not interlaced.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "tt" => Self::Tt,
            "bb" => Self::Bb,
            "tb" => Self::Tb,
            "bt" => Self::Bt,
            _ => return None,
        })
    }

    /// Whether the top field is shown first.
    #[must_use]
    pub fn top_first(self) -> bool {
        matches!(self, Self::Tt | Self::Tb)
    }
}

/// `interlaced, top field first (tt)`.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = if self.top_first() { "top" } else { "bottom" };
        write!(
            f,
            "interlaced, {first} field first ({})",
            format!("{self:?}").to_lowercase()
        )
    }
}

/// The dynamic metadata that av1enc recognises and does not carry over yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamicHdr {
    /// Dolby Vision profile, if there is one.
    pub dolby_vision_profile: Option<u8>,
    /// Whether the base layer can be shown without Dolby Vision.
    pub dolby_vision_base_layer: bool,
    /// HDR10+ (SMPTE ST 2094-40).
    pub hdr10_plus: bool,
}

/// What pictures carry beside themselves, and ours in AV1 do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extra {
    /// HDR10+ (SMPTE ST 2094-40).
    Hdr10Plus,
    /// Dolby Vision.
    DolbyVision,
    /// EIA-608 or CTA-708.
    Captions,
}

impl Extra {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hdr10Plus => "HDR10+",
            Self::DolbyVision => "Dolby Vision",
            Self::Captions => "closed captions",
        }
    }

    /// What ffprobe, or ffmpeg's filter showinfo, calls so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let names = [
            ("HDR10+", Self::Hdr10Plus),
            ("Dolby Vision", Self::DolbyVision),
            // AV_FRAME_DATA_DOVI_RPU_BUFFER, for which showinfo of ffmpeg 5 has no name.
            ("unknown side data type 23 ", Self::DolbyVision),
            ("A53", Self::Captions),
            ("A/53", Self::Captions),
        ];
        names
            .into_iter()
            .find_map(|(part, extra)| name.contains(part).then_some(extra))
    }
}

/// `HDR10+ dynamic metadata is left out: HDR10 is kept`.
impl fmt::Display for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hdr10Plus => "HDR10+ dynamic metadata is left out: HDR10 is kept",
            Self::DolbyVision => {
                "Dolby Vision metadata inside the pictures is left out: what they are without it is encoded"
            }
            Self::Captions => "closed captions inside the pictures (EIA-608 or 708) are left out",
        })
    }
}

/// The video track that is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// Index of the stream as ffprobe counts.
    pub stream: usize,
    /// Codec by ffmpeg's name.
    pub codec: String,
    /// Width in pixels as coded.
    pub width: u32,
    /// Height in pixels as coded.
    pub height: u32,
    /// Sample (pixel) aspect ratio as coded; 1 when unknown.
    pub sample_aspect: Ratio<u32>,
    /// Pixel format by ffmpeg's name.
    pub pixel_format: String,
    /// Bits per sample.
    pub bit_depth: u8,
    /// Bits a second, where the file says so of this track.
    #[serde(default)]
    pub bit_rate: Option<u64>,
    /// Chroma sampling.
    pub subsampling: Subsampling,
    /// Colour description.
    pub color: Color,
    /// Static HDR metadata.
    pub hdr10: Hdr10,
    /// Dynamic HDR metadata found (not carried over).
    pub dynamic_hdr: DynamicHdr,
    /// What its first pictures carry beside themselves.
    #[serde(default)]
    pub extras: Vec<Extra>,
    /// Which of the two fields of a picture is shown first, if it is interlaced.
    #[serde(default)]
    pub fields: Option<Fields>,
    /// Clockwise rotation for display, in degrees: 0, 90, 180 or 270.
    pub rotation: u16,
    /// Whether ffmpeg crops its pictures as the container says, unless it is told not to: since 7.1, where that says it.
    #[serde(default)]
    pub crops: bool,
}

/// What ffmpeg is told before an input whose pictures are wanted as they are coded: the container's cropping stays in the
/// container.
pub const UNCROPPED: [&str; 2] = ["-apply_cropping", "codec"];

impl Video {
    /// What ffmpeg is told before its input, so that it turns pictures as [`Self::rotation`] says and no other way, and shows all
    /// of them: by itself it turns them by any angle, and crops them.
    #[must_use]
    pub fn input_options(&self) -> Vec<&'static str> {
        let turning = (self.rotation == 0).then_some("-noautorotate");
        let cropping = self.crops.then_some(UNCROPPED);
        turning
            .into_iter()
            .chain(cropping.into_iter().flatten())
            .collect()
    }
}

/// Kind of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackKind {
    /// Video (the one that is encoded, or a further one that is kept).
    Video,
    /// Audio.
    Audio,
    /// Subtitles.
    Subtitles,
}

/// One track of the source, as mkvmerge counts and describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// mkvmerge's number of the track in its file.
    pub id: u64,
    /// Kind.
    pub kind: TrackKind,
    /// Codec by mkvmerge's name.
    pub codec: String,
    /// Which kind of that codec it is, where its name does not say so.
    #[serde(default)]
    pub profile: Option<String>,
    /// Language by ISO 639-2.
    pub language: Option<String>,
    /// Language as an IETF BCP 47 tag, where the container has one.
    pub language_ietf: Option<String>,
    /// Title of the track.
    pub title: Option<String>,
    /// Flags.
    pub flags: TrackFlags,
    /// Its other tags: names and values.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// Index of the stream as ffprobe counts.
    pub stream: usize,
    /// What its sound is, if it is sound.
    #[serde(default)]
    pub sound: Option<SoundFormat>,
    /// How it gets into the output.
    pub carry: Carry,
    /// Where what is heard or seen of it begins, by the film's clock in milliseconds, where its first packets say so: what
    /// is before that, an edit list hides.
    pub begins_ms: Option<f64>,
    /// Packets at its beginning of which an edit list hides all that is in them.
    pub hidden: u32,
    /// Whether some of them lie behind the beginning of the film: in the pause that the list makes before what is heard.
    #[serde(default)]
    pub hides_in_pause: bool,
    /// The edit list of texts, where it is another than one that shows them from their beginning on: ffmpeg moves these.
    #[serde(default)]
    pub edits: Vec<Edit>,
    /// Samples at 48 kHz by which Opus is decoded before it is heard.
    pub opus_delay: u32,
    /// By how many milliseconds mkvmerge must be told to move it, since it moves it the other way by itself.
    pub sync_ms: i64,
}

/// Samples of Opus in a millisecond, whatever the rate of what went in.
const OPUS_RATE: f64 = 48.0;

impl Track {
    /// By how much later than by its packets' times it is written, in milliseconds: Matroska has the delay of a decoder in
    /// its times.
    #[must_use]
    pub fn later_ms(&self) -> f64 {
        f64::from(self.opus_delay) / OPUS_RATE
    }

    /// Whether its first packet that counts begins before the film does. Of Opus and Vorbis it gives no sound, or less than it
    /// seems to, and what follows cannot be decoded without it; of others an edit list hides a part, and the rest is in no
    /// other packet.
    #[must_use]
    pub fn begins_before_the_film(&self) -> bool {
        self.kind == TrackKind::Audio
            && self.carry == Carry::Copy
            && self.begins_ms.is_some_and(|ms| ms < 0.0)
    }

    /// Whether it may be carried over decoded: sound of which that loses nothing that can be heard.
    #[must_use]
    pub fn can_be_decoded(&self) -> bool {
        let long = ["32", "64"].iter().any(|bits| self.codec.contains(bits));
        // Of PCM with more than 24 bit it would.
        self.kind == TrackKind::Audio
            && self.carry == Carry::Copy
            && !(self.codec.starts_with("pcm_") && long)
    }

    /// Whether mkvmerge, which takes it from Matroska, looks for frames in its packets and drops, joins or moves what is
    /// damaged. Packets of AAC, PCM, ALAC, WavPack and TTA were seen to pass as they are, whatever is in them (mkvmerge 74,
    /// single bytes and whole packets of noise). Opus and Vorbis are passed on as well; their times it reckons anew.
    #[must_use]
    pub fn is_looked_into(&self) -> bool {
        const NAMES: [&str; 9] = [
            "MP1", "MP2", "MP3", "AC-3", "E-AC-3", "DTS", "TrueHD", "MLP", "FLAC",
        ];
        self.kind == TrackKind::Audio && NAMES.iter().any(|name| self.codec.starts_with(name))
    }

    /// What its sound is called, if that is as it was recorded: names of mkvmerge, and those of ffmpeg.
    #[must_use]
    pub fn lossless(&self) -> Option<&str> {
        const MKVMERGES: [&str; 4] = ["TrueHD", "DTS-HD Master Audio", "FLAC", "PCM"];
        const FFMPEGS: [&str; 4] = ["truehd", "mlp", "flac", "pcm_"];
        let is_called = |names: &[&str]| names.iter().any(|name| self.codec.starts_with(name));
        // `DTS-HD MA`, and with more behind it.
        let profile = self
            .profile
            .as_deref()
            .filter(|p| p.starts_with("DTS-HD MA"));
        match self.kind {
            TrackKind::Audio if is_called(&MKVMERGES) || is_called(&FFMPEGS) => Some(&self.codec),
            TrackKind::Audio => profile,
            _ => None,
        }
    }

    /// The earliest time that is written of it, by the film's clock in milliseconds; `None` where it is not known.
    #[must_use]
    pub fn earliest_ms(&self) -> Option<f64> {
        self.begins_ms
            .filter(|_| self.begins_before_the_film())
            .map(|ms| ms + self.later_ms())
    }
}

/// What sound is, by ffprobe.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SoundFormat {
    /// Its codec, by ffmpeg's name.
    pub codec: String,
    /// Which kind of that codec it is, where its name does not say so.
    pub profile: Option<String>,
    /// How many channels it has.
    pub channels: u32,
    /// Samples a second, if the file says.
    pub rate: Option<u32>,
    /// Bits of a sample, where it has samples of its own and not those of a decoder.
    pub bits: Option<u32>,
    /// Bits a second, if the file says.
    pub bit_rate: Option<u64>,
}

impl SoundFormat {
    /// Whether it is as it was recorded.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        const NAMES: [&str; 7] = ["flac", "alac", "truehd", "mlp", "wavpack", "tta", "ape"];
        let is_linear = self.codec.starts_with("pcm_") && !self.codec.ends_with("law");
        let profile = self.profile.as_deref().unwrap_or_default();
        is_linear || NAMES.contains(&self.codec.as_str()) || profile.starts_with("DTS-HD MA")
    }

    /// Whether its samples are floating point numbers.
    #[must_use]
    pub fn is_float(&self) -> bool {
        self.codec.starts_with("pcm_f")
    }
}

/// `ac3, 6 channels, 448 kbit/s`.
impl fmt::Display for SoundFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.channels == 1 { "" } else { "s" };
        write!(f, "{}, {} channel{s}", self.codec, self.channels)?;
        match self.bit_rate {
            Some(rate) => write!(f, ", {} kbit/s", (rate + 500) / 1000),
            None => Ok(()),
        }
    }
}

/// How a track that is not encoded anew gets into Matroska.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carry {
    /// As it is.
    #[default]
    Copy,
    /// As PCM of 16 bit: the same samples.
    Pcm16,
    /// As PCM of 24 bit: the same samples.
    Pcm24,
    /// As PCM of 32 bit: the same samples.
    Pcm32,
    /// As floating point of 32 bit: the same samples.
    Float32,
    /// As floating point of 64 bit: the same samples.
    Float64,
    /// As FLAC: the same samples.
    Flac,
    /// As FLAC of 24 bit with silence where it has a hole: what is decoded of a track that does not get through as it is.
    Decoded,
    /// As SubRip: the same words at the same times.
    Srt,
}

/// The clock by which the film is read, and how it becomes that of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// The container's time at which the clock shows zero, in milliseconds.
    pub origin_ms: f64,
    /// When the first picture that a decoder shows is due by the clock, in milliseconds.
    pub first_ms: f64,
    /// What is added for the output, in microseconds: the first picture is then at a whole millisecond, as Matroska has
    /// it, and no track is moved against another by rounding it.
    pub offset_us: i64,
}

impl Clock {
    /// Moves the film to later by whole milliseconds, so that nothing of what is kept, of which the `earliest` times are
    /// given, gets a time below zero.
    pub fn make_room(&mut self, earliest_ms: impl Iterator<Item = f64>) {
        let first = earliest_ms.fold(0.0, f64::min);
        let missing = -self.output_ms(first);
        if missing > 0.0 {
            self.offset_us += missing.ceil() as i64 * 1000;
        }
    }

    /// The time in the output of what is at `ms` by the clock.
    #[must_use]
    pub fn output_ms(&self, ms: f64) -> f64 {
        ms + self.offset_us as f64 / 1000.0
    }
}

/// Flags of a track, as Matroska has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrackFlags {
    /// Eligible to be played by default.
    pub default: bool,
    /// To be shown in any case.
    pub forced: bool,
    /// Usable.
    pub enabled: bool,
    /// In the original language.
    pub original: bool,
    /// Commentary.
    pub commentary: bool,
    /// For the hearing impaired.
    pub hearing_impaired: bool,
    /// For the visually impaired.
    pub visual_impaired: bool,
    /// Text descriptions of the picture.
    pub text_descriptions: bool,
}

impl Default for TrackFlags {
    fn default() -> Self {
        Self {
            default: true,
            forced: false,
            enabled: true,
            original: false,
            commentary: false,
            hearing_impaired: false,
            visual_impaired: false,
            text_descriptions: false,
        }
    }
}

/// Which part of its pictures a container has players show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cropping {
    /// Pixels that are left out: left, top, right, bottom.
    pub edges: [u32; 4],
    /// Width and height at which the rest is shown, where the container says it in pixels.
    pub shown: Option<(u32, u32)>,
}

/// How a picture lies in space: for two eyes, or around the viewer; and which part of it is shown. Numbers are those of Matroska.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Space {
    /// StereoMode, where it is not that of one eye.
    pub stereo: u8,
    /// ProjectionType, where it is not that of a plane.
    pub projection: u8,
    /// ProjectionPrivate, as hexadecimal digits.
    pub private: Option<String>,
    /// Yaw, pitch and roll, in degrees. The roll of a plane is its rotation, and is none of this: it is encoded upright.
    pub pose: [f64; 3],
    /// The part that is shown, if it is not all.
    #[serde(default)]
    pub crop: Option<Cropping>,
}

/// `StereoMode 3, ProjectionType 1, pose 10.5 -5 2`, or `a plane for one eye`.
impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("a plane for one eye");
        }
        let [yaw, pitch, roll] = self.pose;
        write!(
            f,
            "StereoMode {}, ProjectionType {}, pose {yaw} {pitch} {roll}",
            self.stereo, self.projection
        )?;
        if let Some(private) = &self.private {
            write!(f, ", {private}")?;
        }
        if let Some(Cropping { edges, shown }) = self.crop {
            let [left, top, right, bottom] = edges;
            write!(f, ", cropped by {left},{top},{right},{bottom}")?;
            if let Some((width, height)) = shown {
                write!(f, ", shown as {width}x{height}")?;
            }
        }
        Ok(())
    }
}

/// When each frame is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Timing {
    /// Frame `n` is shown at `start_ms + n / fps`.
    Constant {
        /// Time of the first frame in milliseconds.
        start_ms: f64,
    },
    /// Each frame has its own time, in milliseconds.
    Variable {
        /// Times of all frames, ascending.
        times_ms: Vec<f64>,
    },
}

/// mkvmerge's name of the format that keeps every property we know of.
pub const MATROSKA: &str = "Matroska";

/// Where a sound track begins, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SoundSpan {
    /// Time of its first packet in milliseconds.
    pub start_ms: Option<f64>,
    /// Its duration in seconds, if the file says.
    pub seconds: Option<f64>,
    /// Samples a second, if the file says.
    pub rate: Option<u32>,
}

/// What the container says, before any frame is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Container format by mkvmerge's name.
    pub format: String,
    /// Whether mkvmerge takes the other tracks from the source itself; else ffmpeg hands them over.
    pub direct: bool,
    /// The clock by which the film is read.
    pub clock: Clock,
    /// Whether clocks of this kind of container may restart in the middle.
    pub restarts: bool,
    /// Whether the sound is encoded anew.
    pub new_sound: bool,
    /// The streams of sound that are copied all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copied_sound: Vec<usize>,
    /// The streams of sound and subtitles that do not get into the output because the user does not want them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<usize>,
    /// Whether sound begins so late that ffmpeg knows it only if it is told to look far.
    #[serde(default)]
    pub begins_late: bool,
    /// Duration as declared, in seconds.
    pub duration_seconds: Option<f64>,
    /// Frames of the encoded video track as declared (statistics tag, sample table).
    pub declared_frames: Option<u64>,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// The video track that is encoded.
    pub video: Video,
    /// mkvmerge's description of that track.
    pub video_track: Track,
    /// All other tracks.
    pub other_tracks: Vec<Track>,
    /// Title of the film.
    pub title: Option<String>,
    /// Tags of the film as a whole.
    pub tags: usize,
    /// How the picture lies in space.
    pub space: Space,
    /// Those that mkvmerge does not take from the source: names and values.
    pub tag_list: Vec<(String, String)>,
    /// Tags of the video track: names and values.
    pub video_tags: Vec<(String, String)>,
    /// Chapter entries.
    pub chapters: usize,
    /// Attached files.
    pub attachments: usize,
    /// Where each chapter begins as ffprobe sees it, in milliseconds of the film's clock, and its name.
    pub chapter_list: Vec<(f64, String)>,
    /// Where sound tracks begin and how long they are, in order.
    pub sound: Vec<SoundSpan>,
    /// Decisions of the probe that the user should know of.
    pub warnings: Vec<String>,
}

impl Container {
    /// All tracks, in their order.
    #[must_use]
    pub fn tracks(&self) -> Vec<&Track> {
        let mut tracks: Vec<&Track> = self.other_tracks.iter().collect();
        tracks.push(&self.video_track);
        tracks.sort_by_key(|track| track.id);
        tracks
    }

    /// The tracks of sound, in their order.
    pub fn sound_tracks(&self) -> impl Iterator<Item = &Track> {
        self.other_tracks
            .iter()
            .filter(|track| track.kind == TrackKind::Audio)
    }

    /// Whether a track is sound that is encoded anew.
    #[must_use]
    pub fn is_new(&self, track: &Track) -> bool {
        self.new_sound
            && track.kind == TrackKind::Audio
            && !self.copied_sound.contains(&track.stream)
    }

    /// The tracks of sound that are encoded anew, in their order, each with its number among all of sound, from 0.
    pub fn new_tracks(&self) -> impl Iterator<Item = (usize, &Track)> {
        let tracks = self.sound_tracks().enumerate();
        tracks.filter(|(_, track)| self.is_new(track))
    }

    /// Tells the rates of sound of which the file says none, by the bytes of their streams.
    pub fn tell_rates(&mut self, bytes: impl Fn(usize) -> Option<u64>) {
        let Some(seconds) = self.duration_seconds.filter(|seconds| *seconds > 0.0) else {
            return;
        };
        for track in &mut self.other_tracks {
            let stream = track.stream;
            if let Some(sound) = &mut track.sound
                && sound.bit_rate.is_none()
            {
                sound.bit_rate = bytes(stream).map(|bytes| (bytes as f64 * 8.0 / seconds) as u64);
            }
        }
    }

    /// The same film, of which the `streams` of sound are decoded.
    #[must_use]
    pub fn with_decoded(&self, streams: impl Fn(usize) -> bool) -> Self {
        let mut container = self.clone();
        for track in container
            .other_tracks
            .iter_mut()
            .filter(|track| streams(track.stream))
        {
            // Of what mkvmerge moves by itself, it was told to move it back.
            (track.carry, track.sync_ms) = (Carry::Decoded, 0);
        }
        container
    }

    /// Position of the track that is encoded among the video tracks.
    #[must_use]
    pub fn video_position(&self) -> usize {
        let before =
            |track: &&Track| track.kind == TrackKind::Video && track.id < self.video_track.id;
        self.other_tracks.iter().filter(before).count()
    }

    /// Number of tracks by kind: video, audio, subtitles.
    #[must_use]
    pub fn track_counts(&self) -> [usize; 3] {
        let mut counts = [1, 0, 0];
        for track in &self.other_tracks {
            counts[track.kind as usize] += 1;
        }
        counts
    }
}

/// All that is known of the source: the container, and what its index says of the frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// What the container says.
    #[serde(flatten)]
    pub container: Container,
    /// Frames that can be read.
    pub frames: u64,
    /// Frames per second.
    pub fps: Ratio<u32>,
    /// When each frame is shown.
    pub timing: Timing,
    /// When the last frame is no longer shown, in milliseconds, where its file says so and no rate does.
    pub ends_ms: Option<f64>,
    /// Width in pixels of the frames that are encoded (even, after rotation).
    pub width: u32,
    /// Height in pixels of the frames that are encoded (even, after rotation).
    pub height: u32,
    /// How the source is cut short, if it is; such a source is encoded only on demand.
    pub truncated: Option<String>,
}

impl MediaInfo {
    /// Duration of the video in seconds, from the first frame's start to the last one's end.
    #[must_use]
    pub fn video_seconds(&self) -> f64 {
        let Some(last) = self.frames.checked_sub(1) else {
            return 0.0;
        };
        let frame_ms = 1000.0 * f64::from(*self.fps.denom()) / f64::from(*self.fps.numer());
        let end_ms = self
            .ends_ms
            .unwrap_or_else(|| self.time_ms(last as usize) + frame_ms);
        (end_ms - self.time_ms(0)) / 1000.0
    }

    /// Time of frame `index` in milliseconds.
    #[must_use]
    pub fn time_ms(&self, index: usize) -> f64 {
        match &self.timing {
            Timing::Constant { start_ms } => {
                start_ms
                    + index as f64 * 1000.0 * f64::from(*self.fps.denom())
                        / f64::from(*self.fps.numer())
            }
            Timing::Variable { times_ms } => times_ms.get(index).copied().unwrap_or(f64::NAN),
        }
    }
}

/// A run of frames that one encoder encodes: half-open, in frames of the whole film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Position in the film, from 0.
    pub index: usize,
    /// First frame.
    pub start: u64,
    /// Frame after the last one.
    pub end: u64,
}

impl Chunk {
    /// Number of frames.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.end - self.start
    }
}

/// A film for unit tests.
#[cfg(test)]
pub(crate) mod examples {
    use super::*;
    use crate::film::hdr::Hdr10;

    /// A track of English with a title.
    pub(crate) fn track(id: u64, kind: TrackKind) -> Track {
        Track {
            id,
            kind,
            codec: "x".to_owned(),
            profile: None,
            language: Some("eng".to_owned()),
            language_ietf: None,
            title: Some(format!("number {id}")),
            flags: TrackFlags::default(),
            tags: Vec::new(),
            stream: id as usize,
            sound: None,
            carry: Carry::Copy,
            begins_ms: None,
            hidden: 0,
            hides_in_pause: false,
            edits: Vec::new(),
            opus_delay: 0,
            sync_ms: 0,
        }
    }

    /// The picture of that film.
    fn video() -> Video {
        Video {
            stream: 1,
            codec: "h264".to_owned(),
            width: 64,
            height: 36,
            sample_aspect: Ratio::from_integer(1),
            pixel_format: "yuv420p".to_owned(),
            bit_depth: 8,
            bit_rate: None,
            subsampling: Subsampling::Yuv420,
            color: Color::default(),
            hdr10: Hdr10::default(),
            dynamic_hdr: DynamicHdr::default(),
            extras: Vec::new(),
            fields: None,
            rotation: 0,
            crops: false,
        }
    }

    /// Four frames at 25 a second, the first at 10 ms, with two tracks of sound around them and one of subtitles.
    pub(crate) fn media() -> MediaInfo {
        let container = Container {
            format: "Matroska".to_owned(),
            direct: true,
            clock: Clock {
                origin_ms: 0.0,
                first_ms: 9.6,
                offset_us: 400,
            },
            restarts: false,
            new_sound: false,
            copied_sound: Vec::new(),
            dropped: Vec::new(),
            begins_late: false,
            duration_seconds: Some(10.0),
            declared_frames: None,
            bytes: 1,
            video: video(),
            video_track: track(1, TrackKind::Video),
            other_tracks: vec![
                track(0, TrackKind::Audio),
                track(2, TrackKind::Audio),
                track(3, TrackKind::Subtitles),
            ],
            title: Some("A film".to_owned()),
            tags: 1,
            space: Space::default(),
            tag_list: Vec::new(),
            video_tags: vec![("COMMENT".to_owned(), "x".to_owned())],
            chapters: 2,
            chapter_list: vec![(0.0, "One".to_owned()), (99.6, "Two".to_owned())],
            attachments: 1,
            sound: vec![SoundSpan {
                start_ms: None,
                seconds: Some(9.0),
                rate: None,
            }],
            warnings: Vec::new(),
        };
        let (timing, fps) = (Timing::Constant { start_ms: 10.0 }, Ratio::from_integer(25));
        MediaInfo {
            container,
            frames: 4,
            fps,
            timing,
            ends_ms: None,
            width: 64,
            height: 36,
            truncated: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ffmpeg_become_code_points_of_h273_and_back() {
        assert_eq!(Color::primaries_code("bt2020"), Some(9));
        assert_eq!(Color::transfer_code("SMPTE2084"), Some(16));
        assert_eq!(Color::matrix_code("bt2020nc"), Some(9));
        assert_eq!(Color::transfer_code("sepia"), None);
        let color = Color {
            primaries: 9,
            transfer: 16,
            matrix: 9,
            range: Some(Range::Limited),
            chroma_location: None,
        };
        assert_eq!(color.to_string(), "bt2020/smpte2084/bt2020nc limited");
        assert_eq!(Color::default().to_string(), "unspecified colours");
    }

    #[test]
    fn colours_contradict_each_other_only_where_both_say_something() {
        let hd = Color {
            primaries: 1,
            transfer: 1,
            matrix: 1,
            range: Some(Range::Limited),
            chroma_location: None,
        };
        let full = Some(Range::Full);
        assert!(!hd.contradicts(&hd) && !hd.contradicts(&Color::default()));
        assert!(hd.contradicts(&Color { transfer: PQ, ..hd }));
        assert!(hd.contradicts(&Color { range: full, ..hd }));
        assert!(!hd.contradicts(&Color { range: None, ..hd }));
    }
}
