//! What is written of a test clip, beside the output, and the record of it.

use std::{
    ffi::OsString,
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{
    decide::stretch::Still,
    event::Figures,
    job::SourceIdentity,
    os::{disk, exit::Taken, process::quoted},
    output::part,
    plan::recipe::Recipe,
    settings::{Config, job_dir_of},
};

/// How a record begins: whatever else has its name is somebody else's.
const SIGN: &str = "av1enc test clip";

/// The files of a test clip, as absolute paths. Their names are made of the output's, so that two outputs of one film
/// have two clips: `film.clip.mkv` of `film.av1.mkv`, and `out.clip.mkv` of `out.mkv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    /// The clip.
    pub clip: PathBuf,
    /// The source's own stretch.
    pub source: PathBuf,
    /// Pictures of both.
    pub stills: PathBuf,
    /// What to look for.
    pub text: PathBuf,
    /// The record.
    pub record: PathBuf,
    /// The job directory of the clip.
    pub job_dir: PathBuf,
}

impl Files {
    pub fn of(config: &Config) -> Self {
        let stem = config.output.file_stem().unwrap_or_default();
        let stem = match Path::new(stem).extension() {
            Some(ending) if ending == "av1" => Path::new(stem).with_extension("").into_os_string(),
            _ => stem.to_owned(),
        };
        let file = |ending: &str| {
            let mut name = stem.clone();
            name.push(ending);
            part::dir_of(&config.output).join(name)
        };
        let clip = file(".clip.mkv");
        let job_dir = match config.job_dir == job_dir_of(&config.output) {
            true => job_dir_of(&clip),
            false => {
                let mut dir: OsString = config.job_dir.clone().into_os_string();
                dir.push(".clip");
                dir.into()
            }
        };
        Self {
            clip,
            source: file(".clip.source.mkv"),
            stills: file(".clip.png"),
            text: file(".clip.txt"),
            record: file(".clip.json"),
            job_dir,
        }
    }

    /// The record of an earlier run, if there is one.
    ///
    /// # Errors
    /// [`Taken`], if something else has one of the names.
    pub fn record(&self) -> Result<Option<Record>> {
        match disk::read_regular(&self.record) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            Err(error) => {
                return Err(error).with_context(|| reading(&self.record));
            }
            Ok(text) => match parse(&text) {
                Some(record) => return Ok(Some(record)),
                None => return Err(taken(&self.record)),
            },
        }
        let all = [&self.clip, &self.source, &self.stills, &self.text];
        match all.iter().find(|path| fs::symlink_metadata(path).is_ok()) {
            Some(other) => Err(taken(other)),
            None => Ok(None),
        }
    }

    /// Writes the record.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, record: &Record) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(record)?;
        text.push(b'\n');
        self.write_whole(&self.record, &text)
    }

    /// Removes what an earlier run has made, but for the source's stretch if that `stays`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn clear(&self, stays: bool) -> Result<()> {
        let old = [&self.clip, &self.stills, &self.text];
        let source = Some(&self.source).filter(|_| !stays);
        for file in old.into_iter().chain(source) {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("removing {}", quoted(file.as_os_str())));
                }
                _ => (),
            }
        }
        Ok(())
    }

    /// Which file the clip is.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn identity_of_clip(&self) -> Result<SourceIdentity> {
        SourceIdentity::of(&self.clip)
    }

    /// Writes one of the files, whole or not at all.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_whole(&self, file: &Path, bytes: &[u8]) -> Result<()> {
        disk::write_whole(file, bytes)
            .with_context(|| format!("writing {}", quoted(file.as_os_str())))
    }
}

fn reading(file: &Path) -> String {
    format!("reading {}", quoted(file.as_os_str()))
}

fn taken(file: &Path) -> anyhow::Error {
    Taken(format!(
        "{} is there, and is not of a test clip that av1enc has made for this output: move it away, or name another output \
         with -o",
        quoted(file.as_os_str())
    ))
    .into()
}

/// A record; nothing, where it is none of ours.
fn parse(text: &[u8]) -> Option<Record> {
    let record: Record = serde_json::from_slice(text).ok()?;
    (record.made_by == SIGN).then_some(record)
}

/// A stretch of the film in a file of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Cut {
    /// Its pictures in the film.
    pub pictures: Range<usize>,
    /// When it begins, and how long it is.
    pub begins_seconds: f64,
    pub seconds: f64,
    /// Why it was chosen.
    pub why: String,
    /// Whether its file has the source's own packets.
    pub packets: bool,
    /// Bytes of its pictures' packets in the film.
    pub source_bytes: u64,
    /// How many times as many the film has.
    pub times_as_large: f64,
    /// How much of the film is not picture.
    pub other_bytes: u64,
    /// How many times as many pictures the film has.
    pub times_as_long: f64,
    /// The file.
    pub file: SourceIdentity,
    /// The pictures that are shown.
    pub stills: Vec<Still>,
}

/// What is known of a test clip: for which settings it is, and whether somebody has approved it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    made_by: String,
    /// The film.
    pub film: SourceIdentity,
    /// The settings of the film.
    pub recipe: Recipe,
    /// The length that was wanted, in seconds.
    pub length: f64,
    /// The stretch, as soon as it is in its file.
    pub cut: Option<Cut>,
    /// What is known of the clip, as soon as all files are there.
    pub figures: Option<Figures>,
    /// The clip's file, then.
    pub clip: Option<SourceIdentity>,
    /// Whether somebody has approved it.
    pub approved: bool,
}

impl Record {
    /// One of a clip that is to be made.
    pub fn new(film: SourceIdentity, recipe: Recipe, length: f64) -> Self {
        Self {
            made_by: SIGN.to_owned(),
            film,
            recipe,
            length,
            cut: None,
            figures: None,
            clip: None,
            approved: false,
        }
    }

    /// What of the film and of the settings for its picture is another than what the clip was made of.
    pub fn differences(&self, film: &SourceIdentity, recipe: &Recipe) -> Vec<String> {
        let mut found = Vec::new();
        if self.film != *film {
            found.push("the source's content".to_owned());
        }
        found.extend(self.recipe.differences(recipe));
        found
    }

    /// The stretch, if its file is still there and of this film and length.
    pub fn cut_of(&self, wanted: &Self, files: &Files) -> Option<Cut> {
        let is_same = self.film == wanted.film && self.length == wanted.length;
        let cut = self.cut.clone().filter(|_| is_same)?;
        is(&files.source, &cut.file).then_some(cut)
    }

    /// The figures of a clip that is finished and there.
    pub fn finished(&self, files: &Files) -> Option<&Figures> {
        let is_there = |file: &Path, of: Option<&SourceIdentity>| of.is_some_and(|of| is(file, of));
        let whole = is_there(&files.clip, self.clip.as_ref())
            && is_there(&files.source, self.cut.as_ref().map(|cut| &cut.file))
            && files.stills.is_file()
            && files.text.is_file();
        self.figures.as_ref().filter(|_| whole)
    }
}

/// Makes sure that what has the name of the clip is that of the `record`, if it is finished: it will be overwritten.
///
/// # Errors
/// [`Taken`].
pub(super) fn require_ours(record: &Record, files: &Files) -> Result<()> {
    let cut = record.cut.as_ref().map(|cut| &cut.file);
    for (file, of) in [(&files.clip, record.clip.as_ref()), (&files.source, cut)] {
        let is_other = of.is_some_and(|of| fs::symlink_metadata(file).is_ok() && !is(file, of));
        if is_other {
            bail!(taken(file));
        }
    }
    Ok(())
}

fn is(file: &Path, identity: &SourceIdentity) -> bool {
    SourceIdentity::of(file).is_ok_and(|found| found == *identity)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{cli::Cli, plan::recipe::examples::recipe};

    fn files(words: &[&str]) -> Files {
        let words = ["av1enc", "/films/a.mkv"].iter().chain(words);
        let cli = Cli::try_parse_from(words).unwrap();
        Files::of(&Config::new(&cli.encode).unwrap())
    }

    #[test]
    fn names_are_made_of_the_outputs() {
        for (words, clip, job) in [
            (
                &["--replace"][..],
                "/films/a.clip.mkv",
                "/films/a.clip.mkv.av1enc",
            ),
            (
                &["-o", "/out/b c.mkv"],
                "/out/b c.clip.mkv",
                "/out/b c.clip.mkv.av1enc",
            ),
            (
                &["-o", "/out/b.av1.mkv", "--temp", "/tmp/job"],
                "/out/b.clip.mkv",
                "/tmp/job.clip",
            ),
        ] {
            let files = files(words);
            assert_eq!(files.clip, Path::new(clip));
            assert_eq!(files.job_dir, Path::new(job));
            assert_eq!(
                files.source,
                Path::new(clip).with_extension("source.mkv"),
                "{words:?}"
            );
        }
    }

    #[test]
    fn what_is_not_ours_is_taken_and_what_is_ours_is_known_again() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("a.mkv");
        let files = files(&["-o", output.to_str().unwrap()]);
        assert_eq!(files.record().unwrap(), None);
        fs::write(&files.clip, "somebody's").unwrap();
        let refused = files.record().unwrap_err();
        assert!(refused.is::<Taken>() && refused.to_string().contains("a.clip.mkv"));

        let film = SourceIdentity::of(&files.clip).unwrap();
        let mut record = Record::new(film.clone(), recipe("mainline"), 45.0);
        files.write(&record).unwrap();
        assert_eq!(files.record().unwrap(), Some(record.clone()));
        assert!(require_ours(&record, &files).is_ok());
        record.clip = Some(film.clone());
        assert!(require_ours(&record, &files).is_ok());
        fs::write(&files.clip, "somebody else's").unwrap();
        assert!(require_ours(&record, &files).unwrap_err().is::<Taken>());
        fs::write(&files.record, "{}").unwrap();
        assert!(files.record().unwrap_err().is::<Taken>());
        assert!(record.differences(&film, &record.recipe).is_empty());
    }
}
