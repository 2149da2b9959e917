//! What came of films, by the lines that encodes append to a file (`--history`).

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::Serialize;
use serde_json::Value;

use crate::os::disk::read_regular;

/// Films of which more is known than their number.
const LAST: usize = 20;

/// How an encode of a film has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is encoded.
    Finished,
    /// It was left as it is.
    Skipped,
    /// It could not be encoded.
    Failed,
}

/// A film of which something came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Past {
    /// What came of it.
    pub status: Fate,
    /// The film.
    pub film: String,
    /// Its size before, in bytes.
    pub original_bytes: Option<u64>,
    /// That of its output.
    pub new_bytes: Option<u64>,
    /// Why it was left, or has failed.
    pub reason: Option<String>,
}

/// What came of all films.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Films that are encoded.
    pub finished: usize,
    /// Films that were left as they are.
    pub skipped: usize,
    /// Films that could not be encoded.
    pub failed: usize,
    /// Bytes that the encoded ones have less than their sources.
    pub saved_bytes: i64,
    /// Lines that say nothing of a film.
    pub unread: usize,
    /// The last films, the newest first.
    pub last: VecDeque<Past>,
}

impl Tally {
    /// Counts what the lines say. The last one may be written just now.
    fn of(text: &str) -> Self {
        let mut tally = Self::default();
        for line in text
            .split_inclusive('\n')
            .filter(|line| !line.trim().is_empty())
        {
            match past(line) {
                Some(film) => tally.count(film),
                None => tally.unread += usize::from(line.ends_with('\n')),
            }
        }
        tally
    }

    fn count(&mut self, film: Past) {
        match film.status {
            Fate::Finished => self.finished += 1,
            Fate::Skipped => self.skipped += 1,
            Fate::Failed => self.failed += 1,
        }
        if let (Fate::Finished, Some(before), Some(after)) =
            (film.status, film.original_bytes, film.new_bytes)
        {
            let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
            let saved = signed(before).saturating_sub(signed(after));
            self.saved_bytes = self.saved_bytes.saturating_add(saved);
        }
        self.last.push_front(film);
        self.last.truncate(LAST);
    }
}

/// What a line says of a film, if it says anything.
fn past(line: &str) -> Option<Past> {
    let json: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let bytes = |name: &str| json[name].as_f64().map(|bytes| bytes.max(0.0) as u64);
    let status = match json["status"].as_str()? {
        "Success" => Fate::Finished,
        "Skipped" => Fate::Skipped,
        "Failed" => Fate::Failed,
        _ => return None,
    };
    Some(Past {
        status,
        film: text("source_path").or_else(|| text("output_path"))?,
        original_bytes: bytes("original_bytes"),
        new_bytes: bytes("new_bytes"),
        reason: text("reason").filter(|reason| !reason.is_empty()),
    })
}

/// A file of such lines, read again only when it has changed.
pub struct History {
    path: PathBuf,
    stamp: Option<(u64, SystemTime)>,
    tally: Tally,
}

impl History {
    /// The file of this name, which need not be there yet.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            stamp: None,
            tally: Tally::default(),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What came of the films until now.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn read(&mut self) -> io::Result<&Tally> {
        let found = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(&self.tally),
            found => found?,
        };
        let stamp = Some((found.len(), found.modified()?));
        if self.stamp != stamp {
            let text = read_regular(&self.path)?;
            (self.stamp, self.tally) = (stamp, Tally::of(&String::from_utf8_lossy(&text)));
        }
        Ok(&self.tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = concat!(
        r#"{"status":"Success","source_path":"/a.mkv","output_path":"/a.av1.mkv","original_bytes":1000,"new_bytes":400}"#,
        "\n",
        r#"{"status":"Skipped","source_path":"/b.mkv","original_bytes":10,"reason":"it is AV1 already","new":1}"#,
        "\nnot a line of ours\n\n",
        r#"{"status":"Failed","source_path":"/c.mkv","new_bytes":null,"reason":"no room"}"#,
        "\n",
        r#"{"status":"Success","source_path":"/d.mkv","original_bytes":100,"new_bytes":150}"#,
        "\n",
        r#"{"status":"Succ"#,
    );

    #[test]
    fn films_are_counted_and_what_is_no_line_of_a_film_is_passed_over() {
        let tally = Tally::of(LINES);
        assert_eq!((tally.finished, tally.skipped, tally.failed), (2, 1, 1));
        assert_eq!((tally.saved_bytes, tally.unread), (550, 1));
        let films: Vec<&str> = tally.last.iter().map(|past| past.film.as_str()).collect();
        assert_eq!(films, ["/d.mkv", "/c.mkv", "/b.mkv", "/a.mkv"]);
        assert_eq!(tally.last[1].reason.as_deref(), Some("no room"));
        assert_eq!(tally.last[1].new_bytes, None);
    }

    #[test]
    fn a_file_is_read_when_it_has_changed_and_need_not_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history");
        let mut history = History::of(&path);
        assert_eq!(history.read().unwrap(), &Tally::default());
        fs::write(&path, LINES).unwrap();
        assert_eq!(history.read().unwrap().finished, 2);
        fs::write(&path, LINES.repeat(2)).unwrap();
        assert_eq!(history.read().unwrap().skipped, 2);
        assert!(History::of(dir.path()).read().is_err());
    }
}
