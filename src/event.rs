//! Everything that can happen in a run, as one plain enum.
//!
//! Lower layers emit values, `ui` draws them. The same values, serialised, are the JSON lines of `--json`:
//! a field added here is a field of the documented interface.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{cli::Setting, finding::Finding};

/// A step of the run, in the order in which they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Reading what the source is.
    Probe,
    /// Building the frame index of the source.
    Index,
    /// Trying parts of the film, where its output is to have a certain size.
    Trial,
    /// Finding scenes and encoding chunks, overlapped.
    Encode,
    /// Joining the chunks with all other tracks.
    Join,
    /// Reading the result back and comparing it with the source.
    Verify,
}

impl Stage {
    /// Whether it is known how far this stage is.
    #[must_use]
    pub fn has_fraction(self) -> bool {
        matches!(self, Self::Index | Self::Trial | Self::Encode)
    }
}

/// What will be done, said before it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Intent {
    /// What the film is, in one line.
    pub source: String,
    /// How it will be encoded, by how many encoders and why, in one line.
    pub encoding: String,
    /// What becomes of each track of sound and subtitles, where the user chooses among them, one line for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<String>,
    /// Size of the source file in bytes.
    pub source_bytes: u64,
}

/// How far the encode stage is. Sizes are bytes, times seconds; counts are frames unless named otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Progress {
    /// Frames in finished chunks plus frames the running encoders have reported.
    pub frames: u64,
    /// Frames of the whole film.
    pub total_frames: u64,
    /// Frames that scene detection has seen.
    pub detected_frames: u64,
    /// Finished chunks.
    pub chunks: usize,
    /// Chunks known so far; final once `detected_frames == total_frames`.
    pub total_chunks: usize,
    /// Encoding speed in frames per second: of this run's frames, over the last five minutes in which there was work.
    pub fps: f64,
    /// Seconds since encoding began in this run, without pauses for the machine's other work.
    pub elapsed_seconds: f64,
    /// Seconds until the last chunk is expected to be done, if that can be said.
    pub eta_seconds: Option<f64>,
    /// Bytes of video written so far.
    pub bytes: u64,
    /// Bytes of video expected in the end, if that can be said.
    pub expected_bytes: Option<u64>,
    /// Workers that encode now: one whose encoder has only its last frames in flight is with its next chunk already, and
    /// counts once.
    pub workers: usize,
    /// Resident memory of this process and its encoders.
    pub memory_bytes: u64,
    /// Whether it is paused for the machine's other work.
    pub paused: bool,
}

/// What was proven of the output, each by reading the file back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proof {
    /// Frames in the output: equal to the source's.
    pub frames: u64,
    /// Duration of the output's video in seconds.
    pub duration_seconds: f64,
    /// Largest difference between a frame's time in the source and in the output, in milliseconds.
    pub max_time_error_ms: f64,
    /// Tracks by kind: video, audio, subtitles.
    pub tracks: [usize; 3],
    /// Chapter entries.
    pub chapters: usize,
    /// Attached files.
    pub attachments: usize,
    /// Colour description, for example `bt2020/smpte2084/bt2020nc limited`.
    pub color: String,
    /// Whether HDR10 metadata was compared, in the bitstream and in the container.
    pub hdr10: bool,
    /// Pictures of the output that were decoded and are nearer to the source's picture of their own time than to those
    /// beside it.
    pub pictures: usize,
    /// Pictures that were looked at and look like those beside them.
    pub pictures_alike: usize,
    /// Whether every frame was decoded as well (`--verify-decode`).
    pub decoded: bool,
    /// Whether all pictures were compared with all of the source's (`--verify-source`), and not those at some places.
    pub all_pictures: bool,
    /// How the source is cut short, if it is: the output is whole only as far as the source is.
    pub truncated: Option<String>,
    /// What a decoder complained of in the source, if it did: pictures may be made up, and the output is not called proven.
    pub damaged: Option<String>,
    /// What is to be known besides, with its time where that is known: where the film was not read by FFMS2 and why, what a
    /// decoder complained of, what changes in the film, what was left out.
    pub notes: Vec<String>,
    /// Each thing that was compared, with what, and by what.
    pub findings: Vec<Finding>,
}

/// The final summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Where the output is.
    #[serde(serialize_with = "lossy_path")]
    pub output: PathBuf,
    /// Size of the source file in bytes.
    pub source_bytes: u64,
    /// Size of the output file in bytes.
    pub output_bytes: u64,
    /// Size of the output's video track in bytes.
    pub video_bytes: u64,
    /// Wall time of this run in seconds.
    pub seconds: f64,
    /// Frames of the film divided by `seconds`; only of interest when the whole film was encoded in this run.
    pub fps: f64,
    /// Seconds that the encoders of all chunks took, one after the other.
    pub encoder_seconds: f64,
    /// Chunks in the film.
    pub chunks: usize,
    /// Chunks taken over from an earlier run.
    pub resumed_chunks: usize,
    /// What became of the size that was wanted, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sized: Option<Box<Sized>>,
    /// What was proven.
    pub proof: Proof,
}

/// How much av1enc works, for the sake of the machine's other work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Easing {
    /// Whether it pauses.
    pub paused: bool,
    /// So many workers less than there could be.
    pub fewer_workers: usize,
    /// One sentence.
    pub message: String,
}

/// What tables have decided, where they were asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decided {
    /// The class of the source, if somebody asked for it.
    pub class: Option<String>,
    /// How sure that is, from 0 to 1.
    pub confidence: Option<f64>,
    /// What speaks for it, and then what speaks against it.
    pub reasons: Vec<String>,
    /// What each option is set to, and by whom.
    pub settings: Vec<Setting>,
}

/// What is known of a test clip. Sizes are bytes, times seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Where the stretch begins in the film.
    pub begins_seconds: f64,
    /// How long it is.
    pub seconds: f64,
    /// Its frames.
    pub frames: u64,
    /// Why it was chosen.
    pub why: String,
    /// Whether the source's stretch has the source's own packets; else it was encoded without loss.
    pub packets: bool,
    /// Video of the clip.
    pub bytes: u64,
    /// The same pictures in the film, by their packets.
    pub source_bytes: u64,
    /// What the whole output is likely to have.
    pub estimated_bytes: u64,
    /// How long the whole film is likely to take.
    pub estimated_seconds: f64,
    /// VMAF, the mean of all pictures, where an ffmpeg measures it.
    pub vmaf: Option<f64>,
    /// XPSNR in dB, the least of the planes, where an ffmpeg measures it.
    pub xpsnr: Option<f64>,
    /// Why there is no VMAF or XPSNR, or what is to be known of them.
    pub remarks: Vec<String>,
}

/// A test clip, with all that is beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clip {
    /// The clip.
    #[serde(serialize_with = "lossy_path")]
    pub clip: PathBuf,
    /// The source's own stretch.
    #[serde(serialize_with = "lossy_path")]
    pub source: PathBuf,
    /// Pictures of both.
    #[serde(serialize_with = "lossy_path")]
    pub stills: PathBuf,
    /// What to look for.
    #[serde(serialize_with = "lossy_path")]
    pub text: PathBuf,
    /// What is known of it.
    #[serde(flatten)]
    pub figures: Figures,
}

/// How a size that is wanted will be had.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aimed {
    /// Bytes that the output is to have.
    pub target_bytes: u64,
    /// Bytes of it that are not picture.
    pub other_bytes: u64,
    /// The CRF with which the film begins.
    pub crf: f64,
    /// At how many places the film was tried,
    pub places: usize,
    /// and with which CRFs.
    pub tried: Vec<f64>,
}

/// What became of a size that was wanted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sized {
    /// Bytes that the output was to have.
    pub target_bytes: u64,
    /// Bytes of it that are not picture.
    pub other_bytes: u64,
    /// The CRF of each chunk.
    pub crf: Vec<f64>,
    /// That the output has more, in words.
    pub missed: Option<String>,
}

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// A stage begins.
    Stage {
        /// Which.
        stage: Stage,
    },
    /// What will be done.
    Intended(Intent),
    /// Something the user should know and may want to change.
    Warning {
        /// One sentence.
        message: String,
    },
    /// Something the user may want to know.
    Note {
        /// One sentence.
        message: String,
    },
    /// It makes way for the machine's other work, or does so no more.
    Neighbour(Easing),
    /// Tables have decided.
    Decided(Decided),
    /// There is a test clip.
    Clip(Clip),
    /// It is known how a size that is wanted will be had.
    Aimed(Aimed),
    /// Shown with `--verbose` only: what the machinery does.
    Detail {
        /// One line.
        message: String,
    },
    /// How far a stage is, where [`Stage::has_fraction`].
    Fraction {
        /// Which stage.
        stage: Stage,
        /// 0 to 1.
        fraction: f64,
    },
    /// How far encoding is.
    Progress(Progress),
    /// The end, and all is well.
    Finished(Report),
}

/// Serialises a path as text; bytes that are not UTF-8 become U+FFFD, since JSON cannot hold them.
pub(crate) fn lossy_path<S: serde::Serializer>(
    path: &std::path::Path,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// Where events go: handed down by reference, callable from any thread.
pub type Sink = std::sync::Arc<dyn Fn(Event) + Send + Sync>;

/// Sends a warning to `sink`.
pub fn warn(sink: &Sink, message: impl Into<String>) {
    sink(Event::Warning {
        message: message.into(),
    });
}

/// Sends a note to `sink`.
pub fn note(sink: &Sink, message: impl Into<String>) {
    sink(Event::Note {
        message: message.into(),
    });
}

/// Sends a detail to `sink`.
pub fn detail(sink: &Sink, message: impl Into<String>) {
    sink(Event::Detail {
        message: message.into(),
    });
}
