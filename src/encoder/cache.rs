//! What encoders have answered, kept by the identity of the file that was asked.
//!
//! An answer is a file in `$XDG_CACHE_HOME/av1enc` (`~/.cache/av1enc`). The cache saves time and decides nothing: what
//! cannot be read, or is of another file or version, is asked again; what cannot be written is not kept.
//!
//! The identity of a script says nothing about the encoder that it starts, and so a script is asked every time. Of a
//! program the version is asked every time as well, and is part of the question: it proves that the program runs, and
//! shows a library that was exchanged behind it.

use std::{
    env, fs,
    io::{Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A directory of answers.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    dir: Option<PathBuf>,
}

/// All that makes an answer still hold.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    /// The version of av1enc, which reads answers its own way.
    reader: String,
    path: PathBuf,
    bytes: u64,
    modified: (i64, i64),
    device: u64,
    inode: u64,
    question: String,
}

#[derive(Serialize, Deserialize)]
struct Entry<T> {
    key: Key,
    answer: T,
}

impl Cache {
    /// The cache of this user; one that forgets everything where there is no place for it.
    #[must_use]
    pub fn of_user() -> Self {
        let base = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute());
        Self {
            dir: base
                .or_else(|| Some(env::home_dir()?.join(".cache")))
                .map(|base| base.join("av1enc")),
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
        let (Some(dir), Some(key)) = (&self.dir, Key::of(program, question)) else {
            return ask();
        };
        let name = key.file_name();
        if let Some(answer) = read(&dir.join(&name), &key) {
            return Ok(answer);
        }
        let entry = Entry {
            key,
            answer: ask()?,
        };
        // Without it the next run asks again.
        let _ = write(dir, &name, &entry);
        Ok(entry.answer)
    }
}

impl Key {
    /// The key of a question to a program; `None` for a script, and for what cannot be read.
    fn of(program: &Path, question: &str) -> Option<Self> {
        let path = fs::canonicalize(program).ok()?;
        let mut file = fs::File::open(&path).ok()?;
        let metadata = file.metadata().ok()?;
        let mut start = [0; 2];
        file.read_exact(&mut start).ok()?;
        (&start != b"#!").then(|| Self {
            reader: env!("CARGO_PKG_VERSION").to_owned(),
            path,
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
            question: question.to_owned(),
        })
    }

    /// One file for one question to one path: an exchanged program replaces its answer.
    fn file_name(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(self.path.as_os_str().as_encoded_bytes())
            .update(&[0])
            .update(self.question.as_bytes());
        format!("{}.json", &hasher.finalize().to_hex()[..24])
    }
}

fn read<T: DeserializeOwned>(path: &Path, key: &Key) -> Option<T> {
    let entry: Entry<T> = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (entry.key == *key).then_some(entry.answer)
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
    use std::cell::Cell;

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
