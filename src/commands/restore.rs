//! `av1enc restore`: the original comes back that an output has replaced.

use std::{env, path::Path};

use anyhow::{Context, Result};

use crate::output::original;

/// Puts the original of `film` back, which is kept in `dir` or beside it; returns what was done, in words.
///
/// # Errors
/// If there is none, or it cannot be put back.
pub fn run(film: &Path, dir: Option<&Path>) -> Result<String> {
    let here = env::current_dir().context("the current directory is gone")?;
    let dir = dir.map(|dir| here.join(dir));
    original::restore(&here.join(film), dir.as_deref()).context("restoring the original")
}
