//! What was found out and decided about a film, beside its chunks.

use std::io::ErrorKind;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{
    Job,
    files::{read, remove_if_there},
    names::Name,
};
use crate::{
    decide::target::Trials, film::media::MediaInfo, finding::Finding, settings::params::Crf,
    source::linear::Reading,
};

/// Who reads the film, why, and what he finds: `reader.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReaderRecord {
    /// Whether ffmpeg reads it in order, or else FFMS2 by number.
    pub linear: bool,
    /// Why not the other one, in words.
    pub why: Option<String>,
    /// His name and version: `FFMS2 2.40.0.0`, `ffmpeg 5.1.9`.
    pub reader: String,
    /// What the film is to him. Of one that is read in order, the pictures are those that its packets announce.
    pub film: MediaInfo,
}

/// What is known of the sound that was encoded anew: `sound.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundRecord {
    /// By how many milliseconds each track is moved when it is joined with the picture.
    pub sync_ms: Vec<i64>,
    /// What came of comparing each with the source's.
    pub findings: Vec<Finding>,
    /// What codec each has, by mkvmerge's name.
    #[serde(default)]
    pub codecs: Vec<String>,
    /// Whether mkvmerge was seen to take all of it.
    #[serde(default)]
    pub proven: bool,
}

impl SoundRecord {
    /// Whether the track `n` is Vorbis.
    #[must_use]
    pub fn is_vorbis(&self, n: usize) -> bool {
        self.codecs.get(n).is_some_and(|codec| codec == "Vorbis")
    }
}

/// How loud a track of the source's sound is, as ffmpeg's filter loudnorm measures it: `loudness.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoudnessRecord {
    /// The stream.
    pub stream: usize,
    /// What the sound went through before it was measured.
    pub filters: String,
    /// Integrated loudness, in LUFS; `None` for silence.
    pub lufs: Option<f64>,
    /// The highest peak between samples, in dBTP.
    pub peak_db: f64,
    /// Loudness range, in LU.
    pub range: f64,
    /// Below which it is not counted, in LUFS.
    pub threshold: f64,
}

/// How the tracks get into the output that ffmpeg hands over: `others-carried.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedRecord {
    /// Those that are decoded because they do not get through as they are: the stream, and why not.
    pub decoded: Vec<(usize, String)>,
    /// Those that do not get through in any way, and that a film can do without: the stream, and why not.
    #[serde(default)]
    pub left_out: Vec<(usize, String)>,
    /// Whether mkvmerge was seen to take all of all.
    pub proven: bool,
}

/// What is known of the size of a film, where one is wanted: `size.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SizeRecord {
    /// Bytes that the output has beside its picture.
    pub others: u64,
    /// What was tried.
    pub trials: Trials,
    /// What all chunks are encoded with, once some are encoded anew because together they were too large.
    #[serde(default)]
    pub settled: Vec<Crf>,
    /// How often that was settled.
    #[serde(default)]
    pub rounds: usize,
}

impl Job {
    /// What is known of the size of the film, if anything is.
    #[must_use]
    pub fn size(&self) -> Option<SizeRecord> {
        let text = read(&self.path(Name::Size)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Records what is known of the size of the film.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_size(&self, record: &SizeRecord) -> Result<()> {
        self.write(Name::Size, &serde_json::to_vec_pretty(record)?)
    }

    /// What is known of the sound that was encoded anew.
    ///
    /// # Errors
    /// If nothing is.
    pub fn sound(&self) -> Result<SoundRecord> {
        let text = read(&self.path(Name::Sound)).context("reading `sound.json` of the job")?;
        serde_json::from_slice(&text).context("`sound.json` of the job is damaged")
    }

    /// Records what is known of the sound that was encoded anew.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_sound(&self, record: &SoundRecord) -> Result<()> {
        self.write(Name::Sound, &serde_json::to_vec_pretty(record)?)
    }

    /// How loud tracks of sound are that were measured.
    #[must_use]
    pub fn loudness(&self) -> Vec<LoudnessRecord> {
        let text = read(&self.path(Name::Loudness));
        text.ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// Records how loud tracks of sound are.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_loudness(&self, records: &[LoudnessRecord]) -> Result<()> {
        self.write(Name::Loudness, &serde_json::to_vec_pretty(records)?)
    }

    /// How the tracks get into the output that ffmpeg hands over, if that was decided.
    #[must_use]
    pub fn carried(&self) -> Option<CarriedRecord> {
        read(&self.path(Name::Carried))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
    }

    /// Records how the tracks get into the output that ffmpeg hands over.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_carried(&self, record: &CarriedRecord) -> Result<()> {
        self.write(Name::Carried, &serde_json::to_vec_pretty(record)?)
    }

    /// Forgets that the tracks are there that ffmpeg hands over: there are others to come.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget_others(&self) -> Result<()> {
        let mut n = 0;
        while self.path(Name::Others(n)).exists() {
            remove_if_there(&self.place.file(Name::Others(n).seal()))?;
            n += 1;
        }
        Ok(())
    }

    /// Who reads the film, if that was decided.
    ///
    /// # Errors
    /// If what is recorded is damaged.
    pub fn reader(&self) -> Result<Option<ReaderRecord>> {
        match read(&self.path(Name::Reader)) {
            Ok(text) => Ok(Some(
                serde_json::from_slice(&text).context("`reader.json` of the job is damaged")?,
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("reading `reader.json` of the job"),
        }
    }

    /// Records who reads the film: a later run must not mix in what another reader delivers.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_reader(&self, record: &ReaderRecord) -> Result<()> {
        self.write(Name::Reader, &serde_json::to_vec(record)?)
    }

    /// How a film is read that is read in order, if that was recorded for other hosts.
    ///
    /// # Errors
    /// If it was not, or is damaged.
    pub fn reading(&self) -> Result<Reading> {
        let text = read(&self.path(Name::Reading)).context("reading `reading.json` of the job")?;
        serde_json::from_slice(&text).context("`reading.json` of the job is damaged")
    }

    /// Records how a film is read that is read in order.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_reading(&self, reading: &Reading) -> Result<()> {
        self.write(Name::Reading, &serde_json::to_vec(reading)?)
    }

    /// What is known of the pictures of a film that was read in order to its end.
    ///
    /// # Errors
    /// If nothing is.
    pub fn pictures(&self) -> Result<Vec<u8>> {
        read(&self.path(Name::Pictures)).context("reading `pictures.bin` of the job")
    }

    /// What decoders complained of while these pictures were read.
    ///
    /// # Errors
    /// If nothing is known of that.
    pub fn damage(&self) -> Result<Vec<String>> {
        let text = read(&self.path(Name::Damage)).context("reading `damage.json` of the job")?;
        serde_json::from_slice(&text).context("`damage.json` of the job is damaged")
    }

    /// Keeps what is known of the pictures, and of their `damage`: whoever goes on with the job does not read them again.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep_pictures(&self, pictures: &[u8], damage: &[String]) -> Result<()> {
        self.write(Name::Damage, &serde_json::to_vec(damage)?)?;
        self.write(Name::Pictures, pictures)
    }
}
