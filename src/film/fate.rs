//! What becomes of each track of sound and subtitles, where the user chooses among them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::media::{SoundFormat, TrackKind};
use crate::cli::AudioCodec;

/// What becomes of a track, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fate {
    /// Index of the stream as ffprobe counts.
    pub stream: usize,
    /// Sound or subtitles.
    pub kind: TrackKind,
    /// Its number among those of its kind in the source, from 1.
    pub number: usize,
    /// Its language, as the file has it.
    pub language: String,
    /// Its title.
    pub title: Option<String>,
    /// What its sound is, if it is sound.
    pub sound: Option<SoundFormat>,
    /// What becomes of it.
    pub becomes: Becomes,
    /// By whose word, or why.
    pub why: String,
}

/// What becomes of a track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Becomes {
    /// It is copied.
    Copied,
    /// It is not in the output.
    Dropped,
    /// It is encoded anew.
    Encoded(NewSound),
    /// It is encoded as the user's own options for ffmpeg say.
    ByOptions,
}

/// How sound is encoded anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewSound {
    /// With what.
    pub codec: AudioCodec,
    /// At so many kbit/s, where the codec has a rate.
    pub kbits: Option<u32>,
    /// With so many bits for a sample, where the codec keeps samples.
    pub bits: Option<u32>,
    /// How many channels go in.
    pub channels: u32,
    /// Whether it is mixed down to stereo.
    pub downmix: bool,
    /// How loud it is to be, in LUFS.
    pub loudness: Option<f64>,
}

impl NewSound {
    /// What it is encoded with, by ffmpeg's name of the codec.
    #[must_use]
    pub fn codec_name(&self) -> &'static str {
        match self.codec {
            AudioCodec::Copy => "copy",
            AudioCodec::Opus => "opus",
            AudioCodec::Aac => "aac",
            AudioCodec::Flac => "flac",
        }
    }
}

/// `opus at 256 kbit/s, mixed down to stereo, at -23 LUFS`.
impl fmt::Display for NewSound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codec_name())?;
        if let Some(kbits) = self.kbits {
            write!(f, " at {kbits} kbit/s")?;
        }
        if let Some(bits) = self.bits {
            write!(f, " of {bits} bit")?;
        }
        if self.downmix {
            f.write_str(", mixed down to stereo")?;
        }
        match self.loudness {
            Some(lufs) => write!(f, ", at {lufs} LUFS"),
            None => Ok(()),
        }
    }
}

impl Fate {
    /// What it is called: `sound track 2 (ger, "Director")`.
    #[must_use]
    pub fn name(&self) -> String {
        let kind = match self.kind {
            TrackKind::Video => "video",
            TrackKind::Audio => "sound",
            TrackKind::Subtitles => "subtitle",
        };
        let title = self.title.as_ref();
        let title = title.map_or_else(String::new, |title| format!(", \"{title}\""));
        format!("{kind} track {} ({}{title})", self.number, self.language)
    }

    /// Whether both are made the same.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        (self.stream, &self.becomes) == (other.stream, &other.becomes)
    }
}

/// `sound track 1 (eng): ac3, 6 channels, 448 kbit/s, becomes opus at 256 kbit/s (--audio-codec opus)`.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        if let Some(sound) = &self.sound {
            write!(f, "{sound}, ")?;
        }
        match &self.becomes {
            Becomes::Copied => f.write_str("copied")?,
            Becomes::Dropped => f.write_str("dropped")?,
            Becomes::ByOptions => f.write_str("encoded as -a says")?,
            Becomes::Encoded(new) => write!(f, "becomes {new}")?,
        }
        match self.why.as_str() {
            "" => Ok(()),
            why => write!(f, " ({why})"),
        }
    }
}
