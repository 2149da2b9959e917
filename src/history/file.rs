//! The file of a history: every line is appended whole, whoever else appends at the same time.
//!
//! Who appends holds the file's lock. A line that is cut off at the end, since its writer was killed or its disk was full,
//! is ended before the next one; readers pass over it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use nix::libc::O_NONBLOCK;
use serde::Deserialize;

use super::record::{Record, VERSION};
use crate::os::{disk, process::quoted};

/// How long others that append are waited for: each takes an instant, unless it is stopped.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether they are done.
const LOOK: Duration = Duration::from_millis(5);

/// How every line begins.
const BEGINNING: u8 = b'{';

/// What is in a file.
#[derive(Debug, Default)]
pub struct History {
    /// Its lines, in their order.
    pub records: Vec<Record>,
    /// How many lines are none of a history.
    pub unreadable: u64,
    /// How many are of a later version of av1enc.
    pub later: u64,
}

impl History {
    /// What is in a text.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mut history = Self::default();
        let lines = text.split(|byte| *byte == b'\n');
        for line in lines.filter(|line| !line.trim_ascii().is_empty()) {
            let version = serde_json::from_slice::<Versioned>(line).map(|line| line.version);
            match (version, serde_json::from_slice(line)) {
                (Ok(version), _) if version > VERSION => history.later += 1,
                (Ok(_), Ok(record)) => history.records.push(record),
                _ => history.unreadable += 1,
            }
        }
        history
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = quoted(path.as_os_str());
        let text = disk::read_regular(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                anyhow!("there is no history {shown}: an encode with --history {shown} makes it")
            }
            _ => Error::new(error).context(format!("reading the history {shown}")),
        })?;
        Ok(Self::of(&text))
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Appends a line to a file, which is made if it is not there.
///
/// # Errors
/// If it cannot be written whole: nothing of it is in the file then, as far as the file system allows it.
pub fn append(path: &Path, record: &Record) -> Result<()> {
    append_unless(path, record, || Ok(false))
}

/// The same, unless the output of this record is in the file already: an earlier run may have been killed before it told of
/// it, or after.
///
/// # Errors
/// The same, and if the file cannot be read.
pub fn append_once(path: &Path, record: &Record) -> Result<()> {
    let is_same = |known: &Record| {
        known.sizes().is_some()
            && known.new_bytes == record.new_bytes
            && known.source() == record.source()
            && known.output() == record.output()
    };
    append_unless(path, record, || {
        Ok(History::read(path)?.records.iter().any(is_same))
    })
}

fn append_unless(
    path: &Path,
    record: &Record,
    is_there: impl FnOnce() -> Result<bool>,
) -> Result<()> {
    let shown = quoted(path.as_os_str());
    let file = open(path).with_context(|| format!("opening {shown}"))?;
    lock(&file).with_context(|| format!("locking {shown}"))?;
    if is_there()? {
        return Ok(());
    }
    write(&file, record).with_context(|| format!("writing {shown}"))
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    // A FIFO is refused, and not waited for.
    let options = options.read(true).append(true).custom_flags(O_NONBLOCK);
    let file = options.create(true).open(path)?;
    let found = file.metadata()?;
    ensure!(found.is_file(), "it is no regular file");
    let mut first = [BEGINNING];
    if found.len() > 0 {
        file.read_exact_at(&mut first, 0)?;
    }
    // A film that is named by mistake stays as it is.
    ensure!(first == [BEGINNING], "it is no history: name another file");
    Ok(file)
}

/// Takes the lock of the file, which is given back when that is closed.
fn lock(file: &File) -> Result<()> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => {
                bail!("another program has held it for {} s", PATIENCE.as_secs())
            }
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
        }
    }
}

fn write(mut file: &File, record: &Record) -> Result<()> {
    let end = file.metadata()?.len();
    let mut line = Vec::new();
    if is_cut_off(file, end)? {
        line.push(b'\n');
    }
    serde_json::to_writer(&mut line, record)?;
    line.push(b'\n');
    // One write, as long as there is room for all of it.
    if let Err(error) = file.write_all(&line) {
        // Half a line is none; if that cannot be taken back, the next one begins behind it.
        let _ = file.set_len(end);
        return Err(error.into());
    }
    Ok(file.sync_data()?)
}

/// Whether the last line of a file has no end.
fn is_cut_off(file: &File, end: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if end > 0 {
        file.read_exact_at(&mut last, end - 1)?;
    }
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::history::record::Status;

    fn record(film: &str) -> Record {
        Record::begin(Path::new(film), Path::new("/out.mkv"))
    }

    #[test]
    fn a_line_that_is_cut_off_is_ended_and_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("h.jsonl");
        for film in ["/a", "/b"] {
            append(&path, &record(film)).unwrap();
        }
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 20]).unwrap();
        append(&path, &record("/c")).unwrap();
        let history = History::read(&path).unwrap();
        let films: Vec<&str> = history
            .records
            .iter()
            .map(|it| it.source_path.as_str())
            .collect();
        assert_eq!((films, history.unreadable), (vec!["/a", "/c"], 1));
    }

    #[test]
    fn an_output_is_told_once_by_who_finds_it_finished() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("h.jsonl");
        let failed = record("/a");
        let done = |bytes| Record {
            status: Status::Success,
            original_bytes: Some(9),
            new_bytes: Some(bytes),
            ..record("/a")
        };
        append(&path, &failed).unwrap();
        for bytes in [5, 5, 4] {
            append_once(&path, &done(bytes)).unwrap();
        }
        let sizes: Vec<_> = History::read(&path).unwrap().records;
        let sizes: Vec<_> = sizes.iter().map(|record| record.new_bytes).collect();
        assert_eq!(sizes, [None, Some(5), Some(4)]);
    }

    #[test]
    fn lines_of_others_are_counted() {
        let ours = serde_json::to_string(&record("/a")).unwrap();
        let later = ours.replace("\"version\":1", "\"version\":2,\"x\":[]");
        let newer_field = ours.replace("\"version\":1", "\"version\":1,\"x\":[]");
        let text = format!("{ours}\n\nno json\n{later}\n{{\"status\":\"Success\"}}\n{newer_field}");
        let history = History::of(text.as_bytes());
        assert_eq!(
            (history.records.len(), history.unreadable, history.later),
            (2, 2, 1)
        );
    }
}
