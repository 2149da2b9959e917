//! What programs have answered, kept by the identity of the file that was asked.
//!
//! An answer is a file in `$XDG_CACHE_HOME/av1enc` (`~/.cache/av1enc`). The cache saves time and decides nothing: what
//! cannot be read, or is of another file or version, is asked again; what cannot be written is not kept. Only answers are
//! kept, never failures: whoever mends something is believed at once.
//!
//! The identity of a script says nothing about the program that it starts, nor does that of a program which stands behind
//! many names (snap, busybox), and so these are asked every time. Of an encoder the version is asked every time as well,
//! and is part of the question: it proves that it runs, and shows a library that was exchanged behind it.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::dirs;

/// A directory of answers. The one by default forgets everything.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    dir: Option<PathBuf>,
}

/// All that makes an answer still hold.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    /// The version of av1enc, which reads answers its own way.
    reader: String,
    program: FileIdentity,
    question: String,
}

/// What tells a file from another that is found in its place.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileIdentity {
    path: PathBuf,
    bytes: u64,
    modified: (i64, i64),
    device: u64,
    inode: u64,
}

#[derive(Serialize, Deserialize)]
struct Entry<T> {
    key: Key,
    /// Other files that the answer depends on.
    behind: Vec<FileIdentity>,
    answer: T,
}

impl Cache {
    /// The cache of this user; one that forgets everything where there is no place for it.
    #[must_use]
    pub fn of_user() -> Self {
        Self {
            dir: dirs::cache().map(|base| base.join("av1enc")),
        }
    }

    /// A cache in `dir`.
    #[must_use]
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            dir: Some(dir.to_owned()),
        }
    }

    /// What `program` answers to `question`: from the cache if it is the same file as then, else from `ask`.
    ///
    /// # Errors
    /// Those of `ask`; never one of the cache.
    pub fn answer<T: Serialize + DeserializeOwned>(
        &self,
        program: &Path,
        question: &str,
        ask: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.answer_with_files(program, question, || Ok((ask()?, Vec::new())))
    }

    /// As [`Cache::answer`], where `ask` also names other files (or directories) that its answer depends on: each must be
    /// the same as then, too.
    ///
    /// # Errors
    /// Those of `ask`; never one of the cache.
    pub fn answer_with_files<T: Serialize + DeserializeOwned>(
        &self,
        program: &Path,
        question: &str,
        ask: impl FnOnce() -> Result<(T, Vec<PathBuf>)>,
    ) -> Result<T> {
        let (Some(dir), Some(key)) = (&self.dir, Key::of(program, question)) else {
            return ask().map(|(answer, _)| answer);
        };
        let name = key.file_name();
        if let Some(answer) = read(&dir.join(&name), &key) {
            return Ok(answer);
        }
        let (answer, files) = ask()?;
        let behind: Option<Vec<_>> = files.iter().map(|file| FileIdentity::of(file)).collect();
        let Some(behind) = behind else {
            // What cannot be looked at now could not be compared later.
            return Ok(answer);
        };
        let entry = Entry {
            key,
            behind,
            answer,
        };
        // Without it the next run asks again.
        let _ = write(dir, &name, &entry);
        Ok(entry.answer)
    }
}

impl Key {
    /// The key of a question to a program; `None` where its identity does not say what is started, and for what cannot be
    /// read.
    fn of(program: &Path, question: &str) -> Option<Self> {
        let path = fs::canonicalize(program).ok()?;
        let mut start = [0; 2];
        fs::File::open(&path).ok()?.read_exact(&mut start).ok()?;
        let name = program.file_name()?.as_encoded_bytes();
        // `ffmpeg` may be a link to `ffmpeg-7.1`; a link to `snap` is another matter.
        let is_itself = path.file_name()?.as_encoded_bytes().starts_with(name);
        (&start != b"#!" && is_itself).then_some(Self {
            reader: env!("CARGO_PKG_VERSION").to_owned(),
            program: FileIdentity::of(&path)?,
            question: question.to_owned(),
        })
    }

    /// One file for one question to one path: an exchanged program replaces its answer.
    fn file_name(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(self.program.path.as_os_str().as_encoded_bytes())
            .update(&[0])
            .update(self.question.as_bytes());
        format!("{}.json", &hasher.finalize().to_hex()[..24])
    }
}

impl FileIdentity {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    fn still_holds(&self) -> bool {
        Self::of(&self.path).as_ref() == Some(self)
    }
}

fn read<T: DeserializeOwned>(path: &Path, key: &Key) -> Option<T> {
    let entry: Entry<T> = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let holds = entry.key == *key && entry.behind.iter().all(FileIdentity::still_holds);
    holds.then_some(entry.answer)
}

fn write<T: Serialize>(dir: &Path, name: &str, entry: &Entry<T>) -> Result<()> {
    fs::create_dir_all(dir)?;
    // Renamed when it is whole: another run may read it now.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(&serde_json::to_vec(entry)?)?;
    file.persist(dir.join(name))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, os::unix::fs::symlink};

    use super::*;

    /// Asks for the number of times that it was asked.
    fn ask(cache: &Cache, program: &Path, asked: &Cell<u32>) -> u32 {
        let count = || {
            asked.set(asked.get() + 1);
            Ok(asked.get())
        };
        cache.answer(program, "--help", count).unwrap()
    }

    #[test]
    fn the_same_file_is_asked_once_and_another_one_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, program, asked) = (
            Cache::in_dir(&dir.path().join("a/b")),
            dir.path().join("encoder"),
            Cell::new(0),
        );
        fs::write(&program, "\x7fELF one").unwrap();
        assert_eq!(
            [ask(&cache, &program, &asked), ask(&cache, &program, &asked)],
            [1, 1]
        );
        assert_eq!(
            cache.answer(&program, "-version", || Ok(70)).unwrap(),
            70,
            "another question"
        );
        fs::write(&program, "\x7fELF another").unwrap();
        assert_eq!(
            [ask(&cache, &program, &asked), ask(&cache, &program, &asked)],
            [2, 2]
        );
    }

    #[test]
    fn a_script_is_asked_every_time() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, program, asked) = (
            Cache::in_dir(&dir.path().join("cache")),
            dir.path().join("script"),
            Cell::new(0),
        );
        fs::write(&program, "#!/bin/sh\nexec other").unwrap();
        assert_eq!(
            [ask(&cache, &program, &asked), ask(&cache, &program, &asked)],
            [1, 2]
        );
    }

    #[test]
    fn a_program_behind_another_name_is_asked_every_time() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, asked) = (Cache::in_dir(&dir.path().join("cache")), Cell::new(0));
        let [all, one, version] = ["snap", "ffmpeg", "ffmpeg-7.1"].map(|n| dir.path().join(n));
        fs::write(&all, "\x7fELF").unwrap();
        fs::write(&version, "\x7fELF").unwrap();
        symlink(&all, &one).unwrap();
        assert_eq!(
            [ask(&cache, &one, &asked), ask(&cache, &one, &asked)],
            [1, 2]
        );
        fs::remove_file(&one).unwrap();
        symlink(&version, &one).unwrap();
        assert_eq!(
            [ask(&cache, &one, &asked), ask(&cache, &one, &asked)],
            [3, 3]
        );
    }

    #[test]
    fn an_answer_holds_as_long_as_the_files_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let [program, library, plugins] =
            ["program", "library", "plugins"].map(|n| dir.path().join(n));
        fs::write(&program, "\x7fELF").unwrap();
        fs::write(&library, "one").unwrap();
        fs::create_dir(&plugins).unwrap();
        let (cache, asked) = (Cache::in_dir(&dir.path().join("cache")), Cell::new(0));
        let ask = || {
            let count = || {
                asked.set(asked.get() + 1);
                Ok((asked.get(), vec![library.clone(), plugins.clone()]))
            };
            cache.answer_with_files(&program, "loads?", count).unwrap()
        };
        assert_eq!([ask(), ask()], [1, 1]);
        fs::write(&library, "another").unwrap();
        assert_eq!([ask(), ask()], [2, 2], "a library was replaced");
        fs::write(plugins.join("new.so"), "").unwrap();
        assert_eq!([ask(), ask()], [3, 3], "a plugin was added");
        fs::remove_file(&library).unwrap();
        assert_eq!([ask(), ask()], [4, 5], "a library is gone");
    }

    #[test]
    fn a_failure_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, program, asked) = (
            Cache::in_dir(&dir.path().join("cache")),
            dir.path().join("program"),
            Cell::new(0),
        );
        fs::write(&program, "\x7fELF").unwrap();
        let fails = || -> Result<u32> { anyhow::bail!("not now") };
        assert!(cache.answer(&program, "--help", fails).is_err());
        assert_eq!(ask(&cache, &program, &asked), 1);
    }

    #[test]
    fn a_damaged_or_unwritable_cache_only_costs_time() {
        let dir = tempfile::tempdir().unwrap();
        let (place, program, asked) = (
            dir.path().join("cache"),
            dir.path().join("encoder"),
            Cell::new(0),
        );
        fs::write(&program, "\x7fELF").unwrap();
        let cache = Cache::in_dir(&place);
        assert_eq!(ask(&cache, &program, &asked), 1);
        for damage in [
            &b"{"[..],
            b"",
            b"\0\xff",
            br#"{"key":{},"answer":1}"#,
            b"[]",
        ] {
            for entry in fs::read_dir(&place).unwrap() {
                fs::write(entry.unwrap().path(), damage).unwrap();
            }
            let before = asked.get();
            assert_eq!(
                [ask(&cache, &program, &asked), ask(&cache, &program, &asked)],
                [before + 1, before + 1]
            );
        }
        // A file where its directory should be: no user, root included, can write there.
        let file = Cache::in_dir(&program);
        let before = asked.get();
        assert_eq!(
            [ask(&file, &program, &asked), ask(&file, &program, &asked)],
            [before + 1, before + 2]
        );
    }
}
