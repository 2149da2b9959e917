//! How far the chunks of a planned job are, and who encodes which, by a look from outside: nothing is written.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fs,
    io::ErrorKind,
    time::SystemTime,
};

use anyhow::Result;
use serde::Serialize;

use super::{
    files::look_at,
    lease::{Observer, holder_of_chunk},
    names::{CHUNKS, Name},
    place::Place,
    scenes::parse_scenes,
    standing::Figures,
    tasks::CommandLine,
};
use crate::{event::Stage, film::media::Chunk};

/// Who encodes a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Which chunk.
    pub chunk: usize,
    /// On which host, as far as its lease can be read.
    pub host: Option<String>,
    /// In which process there.
    pub pid: Option<u32>,
    /// Seconds since its last sign of life, by the clock of the file system and that of this host.
    pub silent_seconds: Option<u64>,
    /// Whether it seems to live.
    pub lives: bool,
}

/// How far the chunks of a planned job are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shares {
    /// The film, as text for people.
    #[serde(skip)]
    pub film: String,
    /// Its output, as text for people.
    #[serde(skip)]
    pub output: String,
    /// Chunks of the film.
    pub chunks: usize,
    /// Those that are encoded.
    pub finished: usize,
    /// Frames of the film.
    #[serde(skip)]
    pub frames: u64,
    /// Those that are encoded.
    #[serde(skip)]
    pub finished_frames: u64,
    /// The chunks that are not encoded, in order.
    pub missing: Vec<usize>,
    /// Those of them that somebody encodes.
    pub encoding: Vec<Share>,
}

impl Shares {
    /// The same as a run has it.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            percent: Some(100.0 * self.finished_frames as f64 / self.frames.max(1) as f64),
            frames: Some(self.finished_frames),
            total_frames: Some(self.frames),
            ..Figures::of(Stage::Encode)
        }
    }
}

/// Looks how far the chunks of the job in this place are; `None` if it was not planned for any host to encode them.
///
/// # Errors
/// If it cannot be read.
pub(super) fn look(place: &Place, observer: &Observer) -> Result<Option<Shares>> {
    let text = |name: Name| match look_at(&place.file(name.to_string())) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        text => text,
    };
    let line: Option<CommandLine> = serde_json::from_slice(&text(Name::Line)?).ok();
    let (known, _) = parse_scenes(&text(Name::Scenes)?);
    let Some(line) = line.filter(|_| known.is_for_all_hosts()) else {
        return Ok(None);
    };
    let entries = fs::read_dir(place.file(CHUNKS))?;
    let names: HashSet<OsString> = entries.flatten().map(|entry| entry.file_name()).collect();
    let has = |name: Name| {
        let name = name.to_string();
        names.contains(OsStr::new(name.rsplit('/').next().unwrap_or(&name)))
    };
    let is_missing = |chunk: &&Chunk| !has(Name::Record(chunk.index));
    let missing: Vec<&Chunk> = known.chunks.iter().filter(is_missing).collect();
    let claimed = missing.iter().map(|chunk| chunk.index);
    let claimed = claimed.filter(|index| has(Name::ChunkLease(*index)));
    let encoding = claimed.filter_map(|index| share(place, index, observer).transpose());
    let frames = known.chunks.last().map_or(0, |chunk| chunk.end);
    let shown = |word: &OsStr| word.to_string_lossy().into_owned();
    Ok(Some(Shares {
        film: shown(line.input.as_os()),
        output: shown(line.output.as_os()),
        chunks: known.chunks.len(),
        finished: known.chunks.len() - missing.len(),
        frames,
        finished_frames: frames - missing.iter().map(|chunk| chunk.frames()).sum::<u64>(),
        encoding: encoding.collect::<Result<_>>()?,
        missing: missing.iter().map(|chunk| chunk.index).collect(),
    }))
}

/// Who encodes the chunk with this index; `None` if its lease was given up meanwhile.
fn share(place: &Place, index: usize, observer: &Observer) -> Result<Option<Share>> {
    let now = SystemTime::now();
    let seen = holder_of_chunk(place, index, observer)?;
    Ok(seen.map(|seen| {
        // Another host's clock may be ahead of ours.
        let silent = |modified| now.duration_since(modified).unwrap_or_default().as_secs();
        Share {
            chunk: index,
            lives: seen.seems_to_live(now),
            silent_seconds: seen.modified.map(silent),
            pid: seen.holder.as_ref().map(|holder| holder.pid),
            host: seen.holder.map(|holder| holder.host),
        }
    }))
}
