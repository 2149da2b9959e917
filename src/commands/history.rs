//! `av1enc history`: what films came to.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};

use crate::{
    cli::HistoryArgs,
    history::{
        file::History,
        page,
        sum::{Films, Sample, Summary},
    },
    os::{disk, exit::Taken, process::quoted},
    ui::history,
};

/// Sums the files up; returns what is to be printed.
///
/// # Errors
/// If a file cannot be read, or the page not be written.
pub fn run(args: &HistoryArgs) -> Result<Vec<u8>> {
    let histories: Result<Vec<History>> =
        args.files.iter().map(|path| History::read(path)).collect();
    let films = Films::of(histories?);
    if let Some(place) = &args.html {
        let page = page::of(&films)?;
        if place == Path::new("-") {
            return Ok(page.into_bytes());
        }
        return write_page(place, &page).map(|()| Vec::new());
    }
    let sample = args.sample.map(|number| {
        let seed = args.seed.unwrap_or_else(seed_of_now);
        Sample::of(&films, number as usize, seed)
    });
    let summary = Summary::of(&films, sample);
    Ok(match args.json {
        true => serde_json::to_vec(&summary)?,
        false => history::told(&summary).into_bytes(),
    })
}

/// A number that is another one each time, and short enough to be typed.
fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as u64 % 1_000_000
}

/// Writes the page whole, in place of an earlier one, and of nothing else.
fn write_page(place: &Path, page: &str) -> Result<()> {
    let shown = quoted(place.as_os_str());
    ensure!(
        is_free(place).with_context(|| format!("looking at {shown}"))?,
        Taken(format!(
            "{shown} is there, and is no page of av1enc: name another file with --html"
        ))
    );
    disk::write_whole(place, page.as_bytes()).with_context(|| format!("writing {shown}"))
}

/// Whether nothing has this name but an earlier page.
fn is_free(place: &Path) -> Result<bool> {
    let found = match fs::symlink_metadata(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        found => found?,
    };
    if !found.is_file() {
        return Ok(false);
    }
    let (beginning, mut begins) = (page::BEGINNING.as_bytes(), Vec::new());
    let file = File::open(place)?;
    file.take(beginning.len() as u64).read_to_end(&mut begins)?;
    Ok(begins == beginning)
}
