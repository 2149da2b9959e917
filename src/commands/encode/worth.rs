//! Whether a film is worth encoding, and a word beside it where it was not, or where it failed.

use std::{
    ffi::OsStr,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result, ensure};

use crate::{
    cli::SkipRule,
    decide::{
        Film,
        skip::{self, Beside},
    },
    event::{Sink, warn},
    os::{
        disk,
        exit::{Exit, LeftAlone, TooLarge},
        process::quoted,
        signal::Interrupted,
        task::Watch,
        toolbox::Toolbox,
        words::said,
    },
    settings::Config,
    source::probe::{self, Probed},
};

/// What is known of the film's file before anything was read of it.
pub(super) struct First(Option<Metadata>);

/// Leaves a film alone that its file shows to be no source.
///
/// # Errors
/// [`LeftAlone`], with the reason.
pub(super) fn by_file(config: &Config) -> Result<First> {
    // Whoever reads it will say what is wrong with it; what is no file, like a pipe, has no size that says anything.
    let Some(metadata) = fs::metadata(&config.input).ok().filter(Metadata::is_file) else {
        return Ok(First(None));
    };
    let marks = skip::marks(&config.input);
    let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let file = Beside {
        film: &config.input,
        bytes: metadata.len(),
        // A time in the future is no sign of work.
        unchanged: SystemTime::now()
            .duration_since(changed)
            .unwrap_or(std::time::Duration::MAX),
        mark: marks
            .iter()
            .map(PathBuf::as_path)
            .find(|mark| mark.exists()),
    };
    leave(config, skip::by_file(&config.deciding, &file))?;
    Ok(First(Some(metadata)))
}

/// Leaves a film alone that is not worth encoding, or that has grown since its `first` look.
///
/// # Errors
/// [`LeftAlone`], with the reason.
pub(super) fn by_film(
    watch: &Watch<'_>,
    config: &Config,
    probed: &Probed,
    first: &First,
) -> Result<()> {
    let deciding = &config.deciding;
    if deciding.skips(SkipRule::Copying) && !deciding.stable.is_zero() {
        let now = fs::metadata(&config.input).ok();
        let look = |metadata: &Metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        let grows = first.0.as_ref().map(look) != now.as_ref().map(look);
        leave(
            config,
            grows.then(|| "changes while it is looked at".to_owned()),
        )?;
    }
    let name = name(&config.input);
    let film = Film {
        name: &name,
        container: &probed.container,
        fps: probed.rates.first().copied(),
    };
    leave(config, skip::by_film(deciding, &film))?;
    if !deciding.skips(SkipRule::DynamicHdr) {
        return Ok(());
    }
    let named = &config.programs;
    let tools = Toolbox::find(
        watch.children,
        named.ffmpeg.as_deref(),
        named.ffprobe.as_deref(),
    );
    let tools = tools.context("ffprobe is gone")?;
    let (input, container) = (config.input.clone(), probed.container.clone());
    let extras = watch.over(move || probe::extras_at_places(&tools, &input, &container))?;
    leave(config, skip::by_pictures(deciding, &extras))
}

/// The name of a film's file, as far as it is text.
pub(super) fn name(film: &Path) -> String {
    film.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn leave(config: &Config, why: Option<String>) -> Result<()> {
    let Some(why) = why else { return Ok(()) };
    let film = quoted(config.input.as_os_str());
    Err(LeftAlone(format!("{film} {why}")).into())
}

/// How the first line of a file begins that says why.
const SIGN: &str = "av1enc: ";
/// What became of a film whose output was too large.
const REJECTED: &str = "rejected";

/// Writes beside the film why it was left alone or why it failed, and takes that away again once it is encoded, where
/// that is wanted. What fails of it is a warning.
pub fn tell<T>(config: &Config, outcome: &Result<T>, sink: &Sink) {
    if !config.deciding.why || config.dry_run {
        return;
    }
    let file = beside(&config.input);
    let told = match outcome {
        Ok(_) => remove(&file),
        Err(error) if error.is::<Interrupted>() => Ok(()),
        Err(error) => match Exit::of(error) {
            Exit::Worthless if error.is::<TooLarge>() => write(&file, REJECTED, error),
            Exit::Worthless => write(&file, "skipped", error),
            Exit::Failed | Exit::Film | Exit::Missed => write(&file, "failed", error),
            // It is the line that is wrong, or somebody else's work: nothing is wrong with the film.
            _ => Ok(()),
        },
    };
    if let Err(error) = told {
        warn(sink, format!("--why: {error:#}"));
    }
}

/// Marks a film, so that it is left alone from now on. A mark that is there stays as it is, whoever has made it.
///
/// # Errors
/// If it cannot be written.
pub(super) fn mark(film: &Path, why: &anyhow::Error) -> Result<()> {
    let [mark, _] = skip::marks(film);
    match fs::symlink_metadata(&mark) {
        Ok(_) => Ok(()),
        Err(_) => write_anew(&mark, REJECTED, why),
    }
}

/// `FILM.mkv.why.txt`.
fn beside(film: &Path) -> PathBuf {
    let mut name = film.as_os_str().to_owned();
    name.push(OsStr::new(".why.txt"));
    name.into()
}

/// Whether there is a file that says why, and it is ours.
fn is_ours(file: &Path) -> Result<bool> {
    let shown = quoted(file.as_os_str());
    match fs::symlink_metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => {
            let found = found.with_context(|| format!("cannot look at {shown}"))?;
            let text = match found.is_file() {
                true => fs::read(file).with_context(|| format!("cannot read {shown}"))?,
                false => Vec::new(),
            };
            ensure!(
                text.starts_with(SIGN.as_bytes()),
                "{shown} is somebody else's file, and stays: rename it"
            );
        }
    }
    Ok(true)
}

fn remove(file: &Path) -> Result<()> {
    if is_ours(file)? {
        fs::remove_file(file)
            .with_context(|| format!("cannot remove {}", quoted(file.as_os_str())))?;
    }
    Ok(())
}

fn write(file: &Path, what: &str, error: &anyhow::Error) -> Result<()> {
    is_ours(file)?;
    write_anew(file, what, error)
}

fn write_anew(file: &Path, what: &str, error: &anyhow::Error) -> Result<()> {
    let text = format!("{SIGN}{what}\n{}\n", said(error));
    disk::write_whole(file, text.as_bytes())
        .with_context(|| format!("cannot write {}", quoted(file.as_os_str())))
}
