//! What mkvmerge sees in a file, as it prints it.

use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path, process::Command};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{
    film::media::{
        Carry, Color, Cropping, MATROSKA, Range, Space, Track, TrackFlags, TrackKind, UNSPECIFIED,
    },
    os::{
        handle::Handle,
        process::{Finished, quoted},
        toolbox::Toolbox,
    },
    stream::ebml::{self, Framing},
};

/// Tracks, chapters and attachments as mkvmerge sees them; for sources and for outputs.
///
/// # Errors
/// If mkvmerge cannot be run or prints what is not JSON.
pub fn identify(tools: &Toolbox, file: &Path) -> Result<Identified> {
    // mkvmerge takes some first characters of a name as an instruction, and refuses bytes that are not in its locale's
    // encoding: it is given a harmless name instead.
    let film = Handle::on(file).with_context(|| format!("opening {}", quoted(file.as_os_str())))?;
    let mut command = Command::new(&tools.mkvmerge);
    // In a locale without UTF-8, as services have one, its JSON would end before the first other character.
    command.args(["--output-charset", "UTF-8", "-J"]);
    command.arg(film.path());
    let Finished {
        stdout, failure, ..
    } = tools.children.finish(command)?;
    // It exits 2 for a container that it does not know, and says so in the JSON.
    let identified = serde_json::from_str(&String::from_utf8_lossy(&stdout));
    let mut identified: Identified = identified.map_err(|error| match failure {
        Some(failure) => anyhow::Error::new(failure),
        None => anyhow::Error::new(error).context("mkvmerge -J printed what is not its JSON"),
    })?;
    if identified.container.kind.as_deref() == Some(MATROSKA) {
        let framings =
            File::open(film.path()).and_then(|file| ebml::framings(&mut BufReader::new(file)));
        identified.framings =
            framings.with_context(|| format!("reading {}", quoted(file.as_os_str())))?;
    }
    Ok(identified)
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
    /// How pictures of Matroska are cropped and shown, by the numbers of their tracks: mkvmerge says it only where all four
    /// edges are cropped (74).
    #[serde(skip)]
    framings: BTreeMap<u64, Framing>,
}

/// A number of entries.
#[derive(Debug, Deserialize)]
pub struct Entries {
    num_entries: usize,
}

impl Identified {
    /// Entries of all its chapters.
    pub(super) fn chapter_count(&self) -> usize {
        let chapters = self.chapters.iter();
        chapters.map(|chapters| chapters.num_entries).sum()
    }

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
                match p.projection_type {
                    // That of a plane is its rotation, and it is encoded upright.
                    0 => 0.0,
                    _ => p.projection_pose_roll,
                },
            ],
            crop: p
                .number
                .as_ref()
                .and_then(|number| self.cropping(number.as_u64()?)),
        }
    }

    /// How the track of this number is cropped, if it is.
    fn cropping(&self, number: u64) -> Option<Cropping> {
        let Framing { edges, shown } = *self.framings.get(&number)?;
        (edges != [0; 4]).then_some(Cropping {
            edges,
            shown: Some(shown),
        })
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
    /// Codec, by mkvmerge's name.
    pub codec: String,
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
    /// Its number in Matroska; in Ogg, where mkvmerge reads any 32 bits as one, perhaps a negative one.
    number: Option<serde_json::Number>,
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
            profile: None,
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
            sound: None,
            carry: Carry::Copy,
            begins_ms: None,
            hidden: 0,
            hides_in_pause: false,
            edits: Vec::new(),
            opus_delay: 0,
            sync_ms: 0,
        })
    }
}
