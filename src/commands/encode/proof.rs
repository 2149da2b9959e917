//! `--proof FILE`: what was compared, in a file of its own.

use std::{fs::File, io::Read, path::Path};

use anyhow::{Context, Result};

use crate::{
    finding::Finding,
    os::{disk, process::quoted},
    output::{
        pair::{Differences, Verdict},
        part,
    },
    settings::Config,
};

/// How every verdict begins.
const BEGINNING: &[u8] = b"{\"agrees\":";

/// Makes sure that the file of the proof can be written where one is wanted. An earlier proof is replaced, and nothing else.
///
/// # Errors
/// [`Taken`](crate::os::exit::Taken) if something else has its name; others if its directory cannot be written.
pub fn require_place(config: &Config) -> Result<()> {
    let Some(file) = config.proof.as_deref() else {
        return Ok(());
    };
    part::refuse_existing(file, config.overwrite || is_verdict(file))?;
    part::require_writable(file).context("--proof")
}

fn is_verdict(file: &Path) -> bool {
    let mut begins = [0; BEGINNING.len()];
    let is_file = file.symlink_metadata().is_ok_and(|it| it.is_file());
    let read = is_file.then(|| File::open(file).and_then(|mut file| file.read_exact(&mut begins)));
    read.is_some_and(|read| read.is_ok()) && begins == *BEGINNING
}

/// Writes the `findings` and `notes` as a verdict, whole or not at all, where that is wanted.
///
/// # Errors
/// If it cannot be written.
pub fn write(config: &Config, findings: &[Finding], notes: Vec<String>) -> Result<()> {
    let Some(file) = config.proof.as_deref() else {
        return Ok(());
    };
    let verdict = Verdict {
        notes,
        ..Verdict::of(findings.to_vec(), &Differences::default())
    };
    let mut text = serde_json::to_vec(&verdict)?;
    text.push(b'\n');
    disk::write_whole(file, &text)
        .with_context(|| format!("writing the proof {}", quoted(file.as_os_str())))
}
