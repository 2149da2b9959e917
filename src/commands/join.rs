//! `av1enc join`: everything that comes after the last chunk was encoded.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::encode;
use crate::{
    cli::{EncodeArgs, JoinArgs},
    job::{self, CommandLine},
    os::{
        exit::{Exit, Taken, TryAgain, UsageError},
        process::quoted,
        room::is_full,
    },
    settings::{Config, Step, line},
    ui::Mode,
};

/// Joins the chunks of a job.
///
/// # Errors
/// Those of the encode; [`ChunksMissing`](crate::os::exit::ChunksMissing).
pub(super) fn run(args: &JoinArgs, mode: Mode) -> Result<Exit> {
    let (config, options) = planned(&args.job, args.source.as_deref(), args.shared)?;
    job::require_source(&config.job_dir, &config.input)?;
    let options = EncodeArgs {
        quiet: args.quiet,
        json: args.json,
        shared: args.shared || options.shared,
        ..options
    };
    let config = Config {
        step: Step::Join,
        shared: options.shared,
        restart: false,
        ..config
    };
    encode::command(config, &options, mode).map_err(|error| match is_full(&error) {
        // Whoever has made room types the same.
        true => TryAgain(format!("{error:#}")).into(),
        false => error,
    })
}

/// What the job in `dir` was planned with, where the source may lie elsewhere on this host.
///
/// # Errors
/// [`Taken`] if the job was not planned, [`TryAgain`] if it or the film is not to be seen; what this av1enc does not understand of the line.
pub(super) fn planned(
    dir: &Path,
    source: Option<&Path>,
    shared: bool,
) -> Result<(Config, EncodeArgs)> {
    let here = env::current_dir().context("the current directory is gone")?;
    let (dir, source) = (here.join(dir), source.map(|source| here.join(source)));
    let shown = quoted(dir.as_os_str());
    let line = job::planned_line(&dir, shared)?.with_context(|| {
        Taken(format!(
            "{shown} was not made by `av1enc plan`: repeat the command that made it with `plan`, `av1enc plan INPUT -o OUTPUT`"
        ))
    })?;
    // Other paths in it may be relative. Where that directory is not on this host, they are missed by name.
    let _ = env::set_current_dir(line.directory.as_os());
    let words: Vec<OsString> = line
        .words
        .iter()
        .map(|word| word.as_os().to_owned())
        .collect();
    let mut options = line::read_again(&words)
        .with_context(|| format!("the line by which {shown} was planned"))?;
    options.said = line.said.clone();
    options.words = words;
    let config = moved(Config::new(&options)?, &line, dir, source);
    require_film(&config.input)?;
    Ok((config, options))
}

/// Makes sure that the film is to be seen.
fn require_film(input: &Path) -> Result<()> {
    let shown = quoted(input.as_os_str());
    let found = fs::metadata(input);
    let found = found.map_err(|error| {
        TryAgain(format!(
            "the film is not to be seen at {shown} on this host ({error}): mount it, or say with --source where it is"
        ))
    })?;
    ensure!(
        found.is_file(),
        UsageError(format!("--source: {shown} is no regular file"))
    );
    Ok(())
}

/// The same, where the job is in `dir`, and the source may lie elsewhere.
fn moved(config: Config, line: &CommandLine, dir: PathBuf, source: Option<PathBuf>) -> Config {
    Config {
        input: source.unwrap_or_else(|| PathBuf::from(line.input.as_os())),
        output: PathBuf::from(line.output.as_os()),
        job_dir: dir,
        ..config
    }
}
