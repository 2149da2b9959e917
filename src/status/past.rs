//! What came of films, by a file of `--history`, for somebody who looks at it again and again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{
    history::{
        file::History,
        record::{Record, Status},
        sum::Films,
    },
    os::process::quoted,
};

/// Films of which more is known than their number.
const LAST: usize = 20;

/// What came of all films, each counted once.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Films that are encoded.
    pub finished: usize,
    /// Films that were left as they are.
    pub skipped: usize,
    /// Films whose test clip waits for approval.
    pub waiting: usize,
    /// Films that have not the size which was asked for.
    pub missed: usize,
    /// Films that cannot be taken as they are.
    pub refused: usize,
    /// Films that could not be encoded.
    pub failed: usize,
    /// Bytes that the encoded ones have less than their sources.
    pub saved_bytes: i64,
    /// Lines that say nothing of a film, or are of a later version of av1enc.
    pub unread: u64,
    /// The lines of the last films, the newest first.
    pub last: Vec<Record>,
}

impl Tally {
    fn of(history: History) -> Self {
        let unread = history.unreadable + history.later;
        let films = Films::of(vec![history]);
        let saved_bytes = films.total().saved_bytes;
        let films = films.films;
        let number = |status: Status| films.iter().filter(|film| film.status == status).count();
        Self {
            finished: number(Status::Success),
            skipped: number(Status::Skipped),
            waiting: number(Status::Waiting),
            missed: number(Status::Missed),
            refused: number(Status::Refused),
            failed: number(Status::Failed),
            saved_bytes,
            unread,
            last: films.into_iter().rev().take(LAST).collect(),
        }
    }
}

/// A file of a history, read again only when it has changed.
pub struct Past {
    path: PathBuf,
    stamp: Option<(u64, SystemTime)>,
    tally: Tally,
}

impl Past {
    /// The file of this name, which need not be there yet.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            stamp: None,
            tally: Tally::default(),
        }
    }

    /// What came of the films until now.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn read(&mut self) -> Result<&Tally> {
        let stamp = match stamp(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(&self.tally),
            stamp => stamp.with_context(|| {
                let shown = quoted(self.path.as_os_str());
                format!("looking at --history {shown}")
            })?,
        };
        if self.stamp != Some(stamp) {
            self.tally = Tally::of(History::read(&self.path)?);
            self.stamp = Some(stamp);
        }
        Ok(&self.tally)
    }
}

/// What changes when something is appended to a file.
fn stamp(path: &Path) -> io::Result<(u64, SystemTime)> {
    let found = fs::metadata(path)?;
    Ok((found.len(), found.modified()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{file::append, record::Record};

    fn record(film: &str, status: Status) -> Record {
        Record {
            status,
            ..Record::begin(Path::new(film), Path::new("/out.mkv"))
        }
    }

    fn encoded(film: &str, before: u64, after: u64) -> Record {
        Record {
            original_bytes: Some(before),
            new_bytes: Some(after),
            ..record(film, Status::Success)
        }
    }

    #[test]
    fn films_are_counted_and_what_is_no_line_of_a_film_is_passed_over() {
        let why = Record {
            reason: Some("no room".to_owned()),
            ..record("/c.mkv", Status::Failed)
        };
        let films = [
            encoded("/a.mkv", 1000, 400),
            record("/b.mkv", Status::Skipped),
            // A loop comes by again.
            record("/b.mkv", Status::Skipped),
            why,
            encoded("/d.mkv", 100, 150),
            record("/e.mkv", Status::Refused),
        ];
        let lines = films.map(|film| serde_json::to_string(&film).unwrap());
        let text = lines.join("\nnot a line of ours\n\n");
        let tally = Tally::of(History::of(text.as_bytes()));
        assert_eq!((tally.finished, tally.skipped, tally.failed), (2, 1, 1));
        assert_eq!((tally.waiting, tally.missed, tally.refused), (0, 0, 1));
        assert_eq!((tally.saved_bytes, tally.unread), (550, 5));
        let failed = tally.last.iter().find(|film| film.source_path == "/c.mkv");
        assert_eq!(failed.unwrap().reason.as_deref(), Some("no room"));
    }

    #[test]
    fn a_file_is_read_when_it_has_changed_and_need_not_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history");
        let mut past = Past::of(&path);
        assert_eq!(past.read().unwrap(), &Tally::default());
        for (films, film) in [(1, "/a.mkv"), (2, "/b.mkv")] {
            append(&path, &encoded(film, 2, 1)).unwrap();
            assert_eq!(past.read().unwrap().finished, films);
        }
        assert!(Past::of(dir.path()).read().is_err());
    }
}
