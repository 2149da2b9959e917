//! A job as a host has it that encodes chunks of it, beside others: nobody holds it as a whole, and who has planned it may be
//! elsewhere.

use std::{
    hash::{BuildHasher, RandomState},
    io::ErrorKind,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    Job, PlainName,
    files::{PLANNED, make_dir, require_own},
    identity::{SourceIdentity, Stamp},
    names::CHUNKS,
    place::Place,
    state::{Known, read_state},
};
use crate::{
    os::{
        exit::{Taken, TryAgain, UnfitHost},
        handle::Handle,
        process::quoted,
        room::Room,
    },
    plan::recipe::Recipe,
};

/// What a host knows of a job that encodes chunks of it.
#[derive(Debug)]
pub struct Attached {
    /// The job. What is written into it has names of this process until it is finished.
    pub job: Job,
    /// How it is encoded.
    pub recipe: Recipe,
}

/// The job in `dir`, of the source `input` as it is named on this host. With `shared`, it may be one of the directory's group.
///
/// # Errors
/// [`TryAgain`] if the directory is not to be seen; [`UnfitHost`] if that is another source; [`Taken`] if it is no job,
/// or not ours.
pub fn attach(dir: &Path, input: &Path, shared: bool, room: &Room) -> Result<Attached> {
    let place = held(dir)?;
    let open_to_others = require_own(&place, shared, PLANNED)?;
    let state = match read_state(&place)? {
        Known::Nothing => bail!(Taken(format!(
            "{place} is no job directory: name the one that `av1enc plan` has printed"
        ))),
        Known::Unusable(_) => bail!(Taken(format!(
            "what the job directory {place} says of its job is damaged, or of another version of av1enc: repeat `av1enc plan` \
             with the words that made it, and --restart"
        ))),
        Known::State(state) => state,
    };
    let (stamp, source) = identify(input)?;
    require_planned(&source, &state.source, input)?;
    Ok(Attached {
        job: Job {
            open_to_others,
            fingerprint: state.fingerprint()?,
            ..part_of_a_job(place, (input, stamp, source), state.lp, room)?
        },
        recipe: state.recipe,
    })
}

/// Makes sure that the film `input` is the one of the job in `dir`, as far as that says which one that is.
///
/// # Errors
/// [`UnfitHost`] if it is another one; those of the file system.
pub fn require_source(dir: &Path, input: &Path) -> Result<()> {
    let Known::State(state) = read_state(&held(dir)?)? else {
        return Ok(());
    };
    require_planned(&identify(input)?.1, &state.source, input)
}

fn require_planned(found: &SourceIdentity, planned: &SourceIdentity, input: &Path) -> Result<()> {
    ensure!(
        found == planned,
        UnfitHost(format!(
            "{} is not the film that was planned: name that one with --source",
            quoted(input.as_os_str())
        ))
    );
    Ok(())
}

/// The directory of a job that is there, or should be.
///
/// # Errors
/// [`TryAgain`] if it is not to be seen; those of the file system.
pub(super) fn held(dir: &Path) -> Result<Place> {
    match Place::held(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(TryAgain(format!(
            "there is no job directory {}: is its share mounted on this host, or is the film finished?",
            quoted(dir.as_os_str())
        ))),
        place => place.with_context(|| format!("reading {}", quoted(dir.as_os_str()))),
    }
}

/// A job that consists of one chunk of the job with this `fingerprint`, the file `packed`, in `dir`, an empty directory of this process alone.
///
/// # Errors
/// Those of the file system.
pub fn alone(
    dir: &Path,
    (packed, fingerprint): (&Path, &str),
    lp: u32,
    room: &Room,
) -> Result<Job> {
    let place = Place::held(dir).with_context(|| quoted(dir.as_os_str()))?;
    make_dir(&place.within(CHUNKS), false)?;
    let (stamp, identity) = identify(packed)?;
    Ok(Job {
        fingerprint: fingerprint.to_owned(),
        ..part_of_a_job(place, (packed, stamp, identity), lp, room)?
    })
}

/// A job of which this process works on parts, beside others.
fn part_of_a_job(
    place: Place,
    (input, stamp, source): (&Path, Stamp, SourceIdentity),
    lp: u32,
    room: &Room,
) -> Result<Job> {
    let handle = Handle::on(input).with_context(|| quoted(input.as_os_str()))?;
    Ok(Job {
        place,
        lp,
        resumed: true,
        other_sound: None,
        source_was_written: false,
        source,
        fingerprint: String::new(),
        input: input.to_owned(),
        stamp,
        lease: None,
        // Nobody chooses it: the keys of a hash map are as good a chance as any.
        mark: Some(RandomState::new().hash_one(0) as u32),
        open_to_others: None,
        source_name: PlainName {
            name: handle.path().to_string_lossy().into_owned(),
            _handle: Some(handle),
        },
        room: room.clone(),
    })
}

/// What the source is, as this host sees it.
fn identify(input: &Path) -> Result<(Stamp, SourceIdentity)> {
    let shown = quoted(input.as_os_str());
    let stamp = Stamp::of(input).with_context(|| format!("reading {shown}"))?;
    Ok((stamp, SourceIdentity::of(input)?))
}
