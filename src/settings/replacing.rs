//! What becomes of an original that its output replaces, and how both are named.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    time::Duration,
};

use super::usage;
use crate::{
    cli::EncodeArgs,
    os::{exit::UsageError, process::quoted},
};

/// Where originals go that are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacing {
    /// Where the original is kept, as an absolute path; `None`: it is gone.
    pub backup: Option<PathBuf>,
    /// How long originals are kept that were replaced earlier; `None`: for ever.
    pub keep: Option<Duration>,
}

impl Replacing {
    /// Of the `input`, an absolute path, if `args` want it to be replaced.
    ///
    /// # Errors
    /// If they contradict each other, or the input is kept from an earlier replacement.
    pub(super) fn of(
        args: &EncodeArgs,
        input: &Path,
        cwd: &Path,
    ) -> Result<Option<Self>, UsageError> {
        if !args.replace {
            return Ok(None);
        }
        let name = input.file_name().unwrap_or_default();
        if Path::new(name).extension().is_none() && !input.is_dir() {
            let shown = quoted(name);
            return usage(format!(
                "--replace: {shown} has no ending, behind which its original would be known: rename it, to {shown}.mkv for example"
            ));
        }
        let dir = match &args.backup_dir {
            Some(dir) => cwd.join(dir),
            None => input.parent().unwrap_or(Path::new("/")).to_owned(),
        };
        let keep = args.keep_backup.as_deref().map(age).transpose()?;
        Ok(Some(Self {
            backup: (!args.no_backup).then(|| dir.join(backup_of(name))),
            keep,
        }))
    }
}

/// What of these options has nothing to do, in words.
pub(super) fn in_vain(args: &EncodeArgs) -> Option<String> {
    let given = [
        ("--backup-dir", args.backup_dir.is_some()),
        ("--no-backup", args.no_backup),
        ("--keep-backup", args.keep_backup.is_some()),
    ];
    let (flag, _) = given.into_iter().find(|(_, given)| *given)?;
    (!args.replace).then(|| format!("{flag}: nothing is replaced without --replace"))
}

/// The output that takes the place of an `input`.
#[must_use]
pub fn output_of(input: &Path) -> PathBuf {
    match input.extension() {
        Some(ending) if ending.eq_ignore_ascii_case("mkv") => input.to_owned(),
        _ => input.with_extension("mkv"),
    }
}

/// The name under which an original is kept: `film.orig.mkv`.
#[must_use]
pub fn backup_of(name: &OsStr) -> OsString {
    let path = Path::new(name);
    let mut kept = path.file_stem().unwrap_or(name).to_owned();
    kept.push(".orig");
    if let Some(ending) = path.extension() {
        kept.push(".");
        kept.push(ending);
    }
    kept
}

/// The name that an original had which is kept under this one, if it is such a name.
#[must_use]
pub fn original_of(name: &OsStr) -> Option<OsString> {
    let bytes = name.as_bytes();
    let dot = bytes.iter().rposition(|byte| *byte == b'.')?;
    let stem = bytes[..dot].strip_suffix(b".orig")?;
    (!stem.is_empty()).then(|| OsString::from_vec([stem, &bytes[dot..]].concat()))
}

fn age(text: &str) -> Result<Duration, UsageError> {
    humantime::parse_duration(text).or_else(|_| {
        usage(format!(
            "--keep-backup {text}: how long originals are kept, such as 30d, 12h or 4weeks"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_original_is_kept_under_a_name_that_says_so_and_leads_back() {
        for (name, kept) in [
            ("film.mkv", "film.orig.mkv"),
            ("a film.S01.mp4", "a film.S01.orig.mp4"),
            (".mkv.mkv", ".mkv.orig.mkv"),
        ] {
            assert_eq!(backup_of(OsStr::new(name)), kept);
            assert_eq!(original_of(OsStr::new(kept)), Some(name.into()));
            assert_eq!(original_of(OsStr::new(name)), None);
        }
        for other in ["orig.mkv", ".orig.mkv", "film.original.mkv", "film.orig"] {
            assert_eq!(original_of(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn the_output_is_matroska_whatever_it_replaces() {
        for (input, output) in [
            ("/a/film.MKV", "/a/film.MKV"),
            ("/a/film.mp4", "/a/film.mkv"),
            ("/a/film.b.webm", "/a/film.b.mkv"),
        ] {
            assert_eq!(output_of(Path::new(input)), Path::new(output));
        }
        assert_eq!(age("30d").unwrap(), Duration::from_secs(30 * 86_400));
        assert!(age("30").is_err() && age("soon").is_err());
    }
}
