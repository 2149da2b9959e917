//! `scenes.jsonl`: the scenes that are known, one a line, and whether these are all.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{
    Job,
    files::{open, read},
    names::Name,
};
use crate::{film::media::Chunk, os::room::Room};

/// A line of `scenes.jsonl`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum SceneLine {
    Chunk(SceneRecord),
    Complete { complete: u64 },
}

/// A scene in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SceneRecord {
    /// Which part of the film.
    #[serde(flatten)]
    pub chunk: Chunk,
    /// [`FramesHash`](crate::source::frames::FramesHash) of its frames, where other hosts are to encode it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_hash: Option<String>,
}

/// What an earlier run knows of the scenes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KnownScenes {
    /// Chunks from the beginning of the film on.
    pub chunks: Vec<Chunk>,
    /// The hash of the frames of each of them, where it is known.
    pub hashes: Vec<Option<String>>,
    /// Whether these are all.
    pub complete: bool,
}

impl KnownScenes {
    /// Whether other hosts can encode them: all are known, and the frames of each.
    #[must_use]
    pub fn is_for_all_hosts(&self) -> bool {
        self.complete && self.hashes.iter().all(Option::is_some)
    }
}

impl Job {
    /// What is known of the scenes. A last line that was not finished is left out; nothing is written.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn known_scenes(&self) -> Result<KnownScenes> {
        let shown = || self.place.shown(&self.path(Name::Scenes));
        let text = self.scenes_text();
        let text = text.with_context(|| format!("reading {}", shown()))?;
        Ok(parse_scenes(&text).0)
    }

    /// The list of scenes; empty where there is none.
    fn scenes_text(&self) -> io::Result<Vec<u8>> {
        match read(&self.path(Name::Scenes)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            text => text,
        }
    }

    /// Opens the list of scenes for appending. A last line that was not finished is cut off.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn scene_log(&self) -> Result<SceneLog> {
        let path = self.path(Name::Scenes);
        let shown = self.place.shown(&path);
        let text = self.scenes_text();
        let text = text.with_context(|| format!("reading {shown}; --restart begins anew"))?;
        let file = self.room().wait("the list of scenes", || {
            let file = open(&path, OpenOptions::new().append(true).create(true));
            file.with_context(|| format!("opening {shown}"))
        })?;
        let (_, good) = parse_scenes(&text);
        if good < text.len() {
            file.set_len(good as u64)
                .with_context(|| format!("repairing {shown}"))?;
        }
        Ok(SceneLog {
            file,
            shown,
            room: self.room().clone(),
        })
    }

    /// Forgets all scenes and chunks that do not end before frame `end`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget_from(&self, end: u64) -> Result<()> {
        let known = self.known_scenes()?.chunks;
        let kept = known.iter().take_while(|chunk| chunk.end < end);
        let mut text = Vec::new();
        for chunk in kept.clone() {
            text.extend(line(&SceneLine::Chunk(without_hash(*chunk)))?);
        }
        for chunk in &known[kept.count()..] {
            self.forget(chunk.index)?;
        }
        self.write(Name::Scenes, &text)
    }

    /// Writes the list anew: of all scenes of the film, with the hash of their frames.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_scenes(&self, scenes: Vec<SceneRecord>) -> Result<()> {
        let complete = scenes.last().map_or(0, |scene| scene.chunk.end);
        let mut text = Vec::new();
        for scene in scenes {
            text.extend(line(&SceneLine::Chunk(scene))?);
        }
        text.extend(line(&SceneLine::Complete { complete })?);
        self.write(Name::Scenes, &text)
    }
}

/// The list of scenes, open for appending.
#[derive(Debug)]
pub struct SceneLog {
    file: File,
    shown: String,
    room: Room,
}

impl SceneLog {
    /// Appends a chunk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn chunk(&mut self, chunk: Chunk) -> Result<()> {
        self.line(&SceneLine::Chunk(without_hash(chunk)))
    }

    /// Says that the chunks are all, and cover `frames` frames.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn complete(&mut self, frames: u64) -> Result<()> {
        self.line(&SceneLine::Complete { complete: frames })
    }

    fn line(&mut self, of: &SceneLine) -> Result<()> {
        let text = line(of)?;
        let Self { file, shown, room } = self;
        let writing = || format!("writing {shown}");
        let good = file.metadata().with_context(writing)?.len();
        room.wait("the list of scenes", || {
            // Behind half a line no other one would be read.
            file.set_len(good)
                .and_then(|()| file.write_all(&text))
                .and_then(|()| file.sync_data())
                .with_context(writing)
        })
    }
}

fn without_hash(chunk: Chunk) -> SceneRecord {
    SceneRecord {
        chunk,
        frames_hash: None,
    }
}

fn line(of: &SceneLine) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec(of)?;
    text.push(b'\n');
    Ok(text)
}

/// Reads a list of scenes as far as it is whole and without gap; also returns how many bytes that is.
#[must_use]
pub fn parse_scenes(text: &[u8]) -> (KnownScenes, usize) {
    let mut known = KnownScenes::default();
    let mut good = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let expected = (
            known.chunks.len(),
            known.chunks.last().map_or(0, |chunk| chunk.end),
        );
        match serde_json::from_slice(line) {
            Ok(SceneLine::Chunk(SceneRecord { chunk, frames_hash }))
                if line.ends_with(b"\n")
                    && (chunk.index, chunk.start) == expected
                    && chunk.end > chunk.start =>
            {
                known.chunks.push(chunk);
                known.hashes.push(frames_hash);
            }
            Ok(SceneLine::Complete { complete })
                if line.ends_with(b"\n") && complete == expected.1 =>
            {
                known.complete = true
            }
            _ => break,
        }
        good += line.len();
        if known.complete {
            break;
        }
    }
    (known, good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(index: usize, start: u64, end: u64) -> Chunk {
        Chunk { index, start, end }
    }

    #[test]
    fn a_list_of_scenes_is_read_as_far_as_it_is_whole() {
        let text = b"{\"index\":0,\"start\":0,\"end\":50}\n{\"index\":1,\"start\":50,\"end\":99}\n";
        let known = KnownScenes {
            chunks: vec![chunk(0, 0, 50), chunk(1, 50, 99)],
            hashes: vec![None, None],
            complete: false,
        };
        assert_eq!(parse_scenes(text), (known, text.len()));
        for end in [
            "{\"ind",
            "{\"index\":3,\"start\":99,\"end\":120}\n",
            "{\"index\":2,\"start\":98,\"end\":120}\n",
            "{\"complete\":98}\n",
            "{\"complete\":99}",
            "\0\0\0\n",
        ] {
            let (known, good) = parse_scenes(&[text, end.as_bytes()].concat());
            assert_eq!(
                (known.chunks.len(), known.complete, good),
                (2, false, text.len()),
                "{end}"
            );
        }
        let (known, _) = parse_scenes(&[text, b"{\"complete\":99}\n".as_slice()].concat());
        assert!(known.complete && !known.is_for_all_hosts());
        let text =
            b"{\"index\":0,\"start\":0,\"end\":9,\"frames_hash\":\"af\"}\n{\"complete\":9}\n";
        let (known, good) = parse_scenes(text);
        assert_eq!(
            (known.hashes.as_slice(), good),
            (&[Some("af".to_owned())][..], text.len())
        );
        assert!(known.is_for_all_hosts());
    }
}
