//! `av1enc plan`: everything that comes before the first chunk is encoded.

use std::{os::unix::ffi::OsStrExt, path::Path};

use anyhow::{Result, bail};

use super::encode::Prepared;
use crate::{
    cli::EncodeArgs,
    os::{
        exit::{Exit, UsageError},
        process::quoted,
        words::count,
    },
    settings::{Config, Step},
    ui::{self, Mode},
};

/// Plans an encode.
///
/// # Errors
/// Those of the encode; [`UsageError`] for options of which nothing can be planned.
pub(super) fn run(args: &EncodeArgs, mode: Mode) -> Result<Exit> {
    let mut config = Config::new(args)?;
    let wrong = unplannable(&config).map(|(option, why)| UsageError(format!("{option}: {why}")));
    if let Some(wrong) = wrong {
        bail!(wrong);
    }
    config.step = Step::Plan;
    super::encode(config, args, mode)
}

/// An option with which no host can encode a chunk by itself, and why.
fn unplannable(config: &Config) -> Option<(&'static str, &'static str)> {
    if config.direct {
        Some(("--no-chunks", "a plan is one of chunks: leave it out"))
    } else if config.cuts.only {
        Some(("--sc-only", "a plan has all scenes, too: leave it out"))
    } else if config.dry_run {
        Some((
            "--dry-run",
            "it plans without a directory: leave out `plan`",
        ))
    } else if config.deciding.target.is_some() {
        Some((
            "--target-size",
            "each chunk depends on the size of those before it, which one host encodes: leave out `plan`, or name a --crf",
        ))
    } else {
        None
    }
}

/// Prints where the job is: the directory alone, or all that is known of it as one object.
///
/// # Errors
/// If it cannot be written.
pub(super) fn tell(prepared: &Prepared, job_dir: &Path, mode: Mode) -> Result<()> {
    if mode == Mode::Json {
        ui::print_out(&serde_json::to_string(prepared)?);
    } else {
        let shown = quoted(job_dir.as_os_str());
        if mode == Mode::Human {
            let chunks = count(prepared.chunks as u64, "chunk");
            ui::print_note(&format!(
                "{chunks}: `av1enc chunk {shown} --any` on each host, then `av1enc join {shown}`"
            ));
        }
        let mut line = job_dir.as_os_str().as_bytes().to_vec();
        line.push(b'\n');
        ui::print_bytes(&line);
    }
    Ok(())
}
