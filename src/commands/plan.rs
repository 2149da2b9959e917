//! `av1enc plan`: everything that comes before the first chunk is encoded.

use anyhow::{Result, bail};

use super::encode;
use crate::{
    cli::EncodeArgs,
    os::exit::{Exit, UsageError},
    settings::{Config, Step},
    ui::Mode,
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
    encode::command(config, args, mode)
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
