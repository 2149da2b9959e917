//! Chunks that are done: their files, and what is known of them.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{
    Job,
    files::{hash, read, remove_if_there},
    names::{CHUNKS, Name},
};
use crate::{film::media::Chunk, os::process::quoted, settings::params::Crf};

/// What is known of a finished chunk: `chunks/00012.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// Which part of the film.
    #[serde(flatten)]
    pub chunk: Chunk,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// BLAKE3 of the file.
    pub hash: String,
    /// BLAKE3 of its pictures, whatever container they are in.
    pub pictures: String,
    /// The CRF that it has of its own, where each chunk has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crf: Option<Crf>,
    /// Seconds that encoding took.
    pub seconds: f64,
    /// Highest resident memory of the encoder that was seen, in bytes.
    pub peak_memory: u64,
    /// Level of parallelism that it had; 0 where an earlier version of av1enc has not recorded it.
    #[serde(default)]
    pub lp: u32,
    /// The encoder's version.
    pub encoder: String,
    /// Name of the machine.
    pub host: String,
    /// What was complained of in the source, where the program that encodes also decodes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
    /// The fingerprint of its job. Earlier versions of av1enc have not recorded it: their chunks may be of any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job: String,
}

/// A chunk whose encoder exited 0 and whose file holds exactly its frames, is on the disk and has its final name. Only a
/// job makes one: of what was encoded now, or of what an earlier run has recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded(ChunkRecord);

impl Encoded {
    /// What is known of it.
    #[must_use]
    pub fn record(&self) -> &ChunkRecord {
        &self.0
    }
}

/// What is known of a chunk whose file was checked and has no final name yet. For the fields see [`ChunkRecord`].
#[derive(Debug)]
#[expect(missing_docs, reason = "they are those of the record")]
pub struct Made {
    pub chunk: Chunk,
    pub pictures: String,
    pub crf: Option<Crf>,
    pub seconds: f64,
    pub peak_memory: u64,
    pub lp: u32,
    pub encoder: String,
    pub host: String,
    pub damage: Vec<String>,
}

impl Job {
    /// Whether an earlier run has finished any chunk.
    #[must_use]
    pub fn has_chunks(&self) -> bool {
        let Ok(entries) = fs::read_dir(self.place.file(CHUNKS)) else {
            return false;
        };
        entries.flatten().any(|entry| {
            Path::new(&entry.file_name())
                .extension()
                .is_some_and(|end| end == "json")
        })
    }

    /// Gives a chunk's file its final name, and records what is known of it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep(&self, made: Made) -> Result<Encoded> {
        let path = self.finish(Name::Chunk(made.chunk.index))?;
        let (bytes, hash) =
            hash(&path).with_context(|| format!("reading {}", self.place.shown(&path)))?;
        let Made {
            chunk,
            pictures,
            crf,
            seconds,
            peak_memory,
            lp,
            encoder,
            host,
            damage,
        } = made;
        let record = ChunkRecord {
            chunk,
            bytes,
            hash,
            pictures,
            crf,
            seconds,
            peak_memory,
            lp,
            encoder,
            host,
            damage,
            job: self.fingerprint.clone(),
        };
        self.write(
            Name::Record(chunk.index),
            &serde_json::to_vec_pretty(&record)?,
        )?;
        Ok(Encoded(record))
    }

    /// Whether an earlier run may have finished the chunk with this index.
    #[must_use]
    pub fn has_record(&self, index: usize) -> bool {
        fs::symlink_metadata(self.path(Name::Record(index))).is_ok()
    }

    /// Moves a finished chunk and its record into another directory of the same file system, under these names.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn hand_over(&self, index: usize, chunk: &Path, record: &Path) -> Result<()> {
        // The record last: without it, the file is nothing.
        for (name, to) in [(Name::Chunk(index), chunk), (Name::Record(index), record)] {
            fs::rename(self.path(name), to)
                .with_context(|| format!("naming {}", quoted(to.as_os_str())))?;
        }
        Ok(())
    }

    /// Whether the frames of the chunk with this index are packed.
    #[must_use]
    pub fn has_packed(&self, index: usize) -> bool {
        fs::symlink_metadata(self.path(Name::Packed(index))).is_ok()
    }

    /// Forgets all chunks that have another CRF than the one with their index in this list.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget_unlike(&self, crfs: &[Crf]) -> Result<()> {
        for (index, crf) in crfs.iter().enumerate() {
            let text = read(&self.path(Name::Record(index))).unwrap_or_default();
            let record = serde_json::from_slice::<ChunkRecord>(&text);
            if record.is_ok_and(|record| record.crf != Some(*crf)) {
                self.forget(index)?;
            }
        }
        Ok(())
    }

    /// Forgets the chunk with this index: it will be encoded again.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget(&self, index: usize) -> Result<()> {
        remove_if_there(&self.path(Name::Record(index)))?;
        remove_if_there(&self.path(Name::Chunk(index)))
    }

    /// A chunk that an earlier run has finished, if its file is what its record says.
    ///
    /// # Errors
    /// As a sentence fragment: what is wrong with a chunk that has a record.
    pub fn finished(&self, chunk: Chunk) -> Result<Option<Encoded>, String> {
        let text = match read(&self.path(Name::Record(chunk.index))) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("its record: {error}")),
        };
        let record = parse_record(&text, chunk)?;
        // Whoever carries files from host to host may mistake one for another: they have the same names in all jobs.
        if record.job != self.fingerprint {
            return Err(match record.job.as_str() {
                "" => "it does not say of which job it is".to_owned(),
                _ => "it is of another job".to_owned(),
            });
        }
        let (bytes, hash) = hash(&self.path(Name::Chunk(chunk.index)))
            .map_err(|error| format!("its file: {error}"))?;
        if bytes != record.bytes {
            return Err(format!(
                "its file has {bytes} bytes instead of {}",
                record.bytes
            ));
        }
        if hash != record.hash {
            return Err("its file has another content than was written".to_owned());
        }
        Ok(Some(Encoded(record)))
    }
}

/// Reads the record of `chunk`.
///
/// # Errors
/// As a sentence fragment: why it is none.
pub fn parse_record(text: &[u8], chunk: Chunk) -> Result<ChunkRecord, String> {
    let record: ChunkRecord =
        serde_json::from_slice(text).map_err(|_| "its record is damaged".to_owned())?;
    if record.chunk == chunk {
        Ok(record)
    } else {
        Err("its record is of other frames".to_owned())
    }
}
