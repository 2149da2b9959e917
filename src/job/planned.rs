//! A planned job as somebody has it who hands its chunks to others, or looks how far they are: no source is needed.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result, bail};

use super::{
    attempts::{AttemptRecord, attempts_of},
    chunks::{ChunkRecord, parse_record},
    files::{PLANNED, read, remove_if_there, require_own, share},
    lease::{Lease, Observer},
    names::Name,
    place::Place,
    scenes::parse_scenes,
    state::{Known, read_state},
    tasks::{CommandLine, Hints, Tasks, told},
};
use crate::{
    film::media::Chunk,
    os::{disk::sync_dir, exit::Taken, process::quoted},
};

/// A planned job. While it lives, nobody else plans it, joins it, or hands it to others; its chunks may be encoded.
#[derive(Debug)]
pub struct Planned {
    place: Place,
    _lease: Lease,
}

/// How far a chunk is.
#[derive(Debug)]
pub struct Stand {
    /// Which.
    pub chunk: Chunk,
    /// What is known of it, if it is encoded.
    pub record: Option<ChunkRecord>,
    /// What was tried of it, in order.
    pub attempts: Vec<AttemptRecord>,
}

impl Planned {
    /// Holds the job in `dir`. With `shared`, it may be one of the directory's group.
    ///
    /// # Errors
    /// [`Taken`] if somebody else holds it, it is not ours, or it is no job; those of the file system.
    pub fn hold(dir: &Path, shared: bool) -> Result<Self> {
        let shown = || quoted(dir.as_os_str());
        let place = match Place::held(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(Taken(format!(
                "there is no job directory {}: name the one that `av1enc plan` has printed, if its film is not finished",
                shown()
            ))),
            place => place.with_context(|| format!("reading the job directory {}", shown()))?,
        };
        require_own(&place, shared, PLANNED)?;
        match read_state(&place)? {
            Known::Nothing => bail!(Taken(format!(
                "{place} is no job directory: name the one that `av1enc plan` has printed"
            ))),
            Known::Unusable(why) => bail!(Taken(why)),
            Known::State(_) => (),
        }
        let lease = Lease::take(&place, &Observer::default())?;
        let lease = lease.with_context(|| Taken(format!("the job {place} is gone")))?;
        Ok(Self {
            place,
            _lease: lease,
        })
    }

    /// The line by which it was planned.
    ///
    /// # Errors
    /// [`Taken`] if it was not.
    pub fn line(&self) -> Result<CommandLine> {
        told(&self.place, Name::Line)?.with_context(|| self.unplanned())
    }

    /// What a chunk is expected to take.
    ///
    /// # Errors
    /// [`Taken`] if nobody has planned the job.
    pub fn hints(&self) -> Result<Hints> {
        told(&self.place, Name::Hints)?.with_context(|| self.unplanned())
    }

    /// The tasks of schedulers until now.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn tasks(&self) -> Result<Tasks> {
        Ok(told(&self.place, Name::Tasks)?.unwrap_or_default())
    }

    /// How far all its chunks are.
    ///
    /// # Errors
    /// [`Taken`] if not all are known; those of the file system.
    pub fn stands(&self) -> Result<Vec<Stand>> {
        let scenes = self.text(Name::Scenes)?.unwrap_or_default();
        let (known, _) = parse_scenes(&scenes);
        if !known.complete {
            return Err(self.unplanned().into());
        }
        let chunks = known.chunks.into_iter();
        chunks.map(|chunk| self.stand(chunk)).collect()
    }

    fn stand(&self, chunk: Chunk) -> Result<Stand> {
        let record = self.text(Name::Record(chunk.index))?;
        let attempts = self.text(Name::Attempts(chunk.index))?;
        Ok(Stand {
            chunk,
            // Whoever joins looks into the files as well, and has encoded anew what is none.
            record: record.and_then(|text| parse_record(&text, chunk).ok()),
            attempts: attempts_of(&attempts.unwrap_or_default()),
        })
    }

    fn unplanned(&self) -> Taken {
        Taken(format!(
            "{} was not planned to its end: repeat the command that made it with `plan`, `av1enc plan INPUT -o OUTPUT`",
            self.place
        ))
    }

    fn text(&self, name: Name) -> Result<Option<Vec<u8>>> {
        let path = self.place.file(name.to_string());
        match read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            text => text
                .map(Some)
                .with_context(|| format!("reading {}", self.place.shown(&path))),
        }
    }

    /// Writes the tasks of schedulers.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_tasks(&self, tasks: &Tasks) -> Result<()> {
        let text = serde_json::to_vec_pretty(tasks)?;
        let [part, last] = [Name::Tasks.part(), Name::Tasks.to_string()];
        let [part, last] = [part, last].map(|name| self.place.file(name));
        remove_if_there(&part)?;
        let write = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&part)?;
            share(&file, &fs::metadata(self.place.at())?);
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&part, &last)?;
            sync_dir(self.place.at())
        };
        write().with_context(|| format!("writing {}", self.place.shown(&last)))
    }
}
