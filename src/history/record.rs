//! One line of a history: what a run made of a film. Its fields are documented in README.md, and other programs read them.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

/// The version of a line. A field that is added keeps it; a reader passes over lines of a later one.
pub const VERSION: u32 = 1;

/// What a run made of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// The output is whole and has its name.
    Success,
    /// The film is left as it is: it is not worth encoding, or its output was too large.
    Skipped,
    /// Its test clip waits for approval.
    Waiting,
    /// It has not the size that was asked for.
    Missed,
    /// It cannot be taken as it is.
    Refused,
    /// The run failed.
    Failed,
}

/// A moment, in whole seconds of UTC: `2026-11-26T16:21:25Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(SystemTime);

impl Moment {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self(SystemTime::now().max(SystemTime::UNIX_EPOCH))
    }

    /// Its day: `2026-11-26`.
    #[must_use]
    pub fn day(self) -> String {
        self.to_string().chars().take(10).collect()
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        humantime::format_rfc3339_seconds(self.0).fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_rfc3339(&text)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// One line. What is not known, since the run ended before, is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`VERSION`].
    pub version: u32,
    /// What the run made of the film.
    pub status: Status,
    /// The exit code of the run.
    pub code: u8,
    /// The film, as text: bytes that are not UTF-8 are U+FFFD there.
    pub source_path: String,
    /// Its bytes, where the text is not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_path_bytes: Option<Vec<u8>>,
    /// Where the output is, or would have been.
    pub output_path: String,
    /// Its bytes, where the text is not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_path_bytes: Option<Vec<u8>>,
    /// The machine.
    pub host: String,
    /// The encoder and its version.
    pub encoder: Option<String>,
    /// Codec of the source's picture, by ffmpeg's name.
    pub codec: Option<String>,
    /// Bits a second of the source's picture, where its file says so, else of the whole file.
    pub bitrate: Option<u64>,
    /// Width of the source's picture.
    pub video_width: Option<u32>,
    /// Height of the source's picture.
    pub video_height: Option<u32>,
    /// Its size by the tables: `SD`, `1080p`.
    pub resolution: Option<String>,
    /// `SDR`, `HLG`, `HDR10`, `HDR10+` or `Dolby Vision`.
    pub hdr: Option<String>,
    /// The class of the source, where somebody asked for it.
    pub class: Option<String>,
    /// CRF, preset, and each option that is not as it is built in.
    pub settings: Map<String, Value>,
    /// Size of the source.
    pub original_bytes: Option<u64>,
    /// Size of the output, if there is one.
    pub new_bytes: Option<u64>,
    /// When the run began.
    pub started_at: Moment,
    /// When it ended.
    pub finished_at: Moment,
    /// Frames of the output.
    pub frames: Option<u64>,
    /// Frames a second of this run, unless an earlier one did a part of the work.
    pub fps: Option<f64>,
    /// Why there is no output, or why it is not as it was wanted.
    pub reason: Option<String>,
}

impl Record {
    /// That of a run which begins now. Unless something else becomes of it, it has failed.
    #[must_use]
    pub fn begin(source: &Path, output: &Path) -> Self {
        let (source_path, source_path_bytes) = as_text(source);
        let (output_path, output_path_bytes) = as_text(output);
        let now = Moment::now();
        Self {
            version: VERSION,
            status: Status::Failed,
            code: 1,
            source_path,
            source_path_bytes,
            output_path,
            output_path_bytes,
            host: String::new(),
            encoder: None,
            codec: None,
            bitrate: None,
            video_width: None,
            video_height: None,
            resolution: None,
            hdr: None,
            class: None,
            settings: Map::new(),
            original_bytes: None,
            new_bytes: None,
            started_at: now,
            finished_at: now,
            frames: None,
            fps: None,
            reason: None,
        }
    }

    /// The film.
    #[must_use]
    pub fn source(&self) -> PathBuf {
        path(&self.source_path, self.source_path_bytes.as_deref())
    }

    /// The output.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        path(&self.output_path, self.output_path_bytes.as_deref())
    }

    /// Sizes before and after, of a film that is encoded.
    #[must_use]
    pub fn sizes(&self) -> Option<(u64, u64)> {
        let is_encoded = self.status == Status::Success;
        is_encoded
            .then_some(self.original_bytes.zip(self.new_bytes))
            .flatten()
    }
}

/// A path as JSON can hold it: its text, and its bytes where that is not all.
fn as_text(path: &Path) -> (String, Option<Vec<u8>>) {
    let bytes = path.as_os_str().as_bytes();
    match path.to_str() {
        Some(text) => (text.to_owned(), None),
        None => (path.to_string_lossy().into_owned(), Some(bytes.to_vec())),
    }
}

fn path(text: &str, bytes: Option<&[u8]>) -> PathBuf {
    match bytes {
        Some(bytes) => OsString::from_vec(bytes.to_vec()).into(),
        None => text.into(),
    }
}

/// A value of an option as JSON has it: a number or a truth where it is one.
#[must_use]
pub fn value(text: &str) -> Value {
    let read = serde_json::from_str(text).ok();
    let plain = read.filter(|value: &Value| value.is_number() || value.is_boolean());
    plain.unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_bytes_comes_back() {
        for name in [&b"/films/a.mkv"[..], b"/films/\xff\"\n.mkv"] {
            let film = PathBuf::from(OsString::from_vec(name.to_vec()));
            let line = serde_json::to_string(&Record::begin(&film, Path::new("/o"))).unwrap();
            assert!(!line.contains('\n'), "{line}");
            let read: Record = serde_json::from_str(&line).unwrap();
            assert_eq!(read.source(), film);
        }
    }

    #[test]
    fn times_are_whole_seconds_of_utc() {
        let moment: Moment = serde_json::from_str("\"2026-11-26T16:21:25Z\"").unwrap();
        assert_eq!(moment.day(), "2026-11-26");
        assert_eq!(
            serde_json::to_string(&moment).unwrap(),
            "\"2026-11-26T16:21:25Z\""
        );
        for wrong in ["\"1960-01-01T00:00:00Z\"", "\"today\"", "7"] {
            assert!(serde_json::from_str::<Moment>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_numbers_and_truths_where_they_are() {
        for (text, expected) in [
            ("28", serde_json::json!(28)),
            ("27.25", serde_json::json!(27.25)),
            ("true", serde_json::json!(true)),
            ("auto", serde_json::json!("auto")),
            ("null", serde_json::json!("null")),
            ("", serde_json::json!("")),
        ] {
            assert_eq!(value(text), expected);
        }
    }
}
