//! Which file the output is: recorded in `job.json` before it gets its name, so that a run that follows one which was
//! killed in that instant knows its own finished work.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{
    Job,
    files::{ANOTHER, require_own},
    identity::{OutputIdentity, SourceIdentity},
    lease::{Lease, Observer},
    names::Name,
    place::Place,
    remove,
    state::{Known, State, read_state},
};
use crate::film::media::Container;

/// Whether the job in `dir` may have given `output` its name: whoever then holds the job asks [`Job::has_named`].
#[must_use]
pub fn may_have_named(dir: &Path, output: &Path) -> bool {
    named(&Place::named(dir)).is_some_and(|named| named.may_be_of(output))
}

/// The output that the job in this place was about to name when it was recorded last.
fn named(place: &Place) -> Option<OutputIdentity> {
    match read_state(place) {
        Ok(Known::State(state)) => state.named,
        // Nobody has named anything; what is wrong with the directory is said when it is opened.
        _ => None,
    }
}

/// A job whose output took the place of its source when its run was killed, or was about to.
#[derive(Debug)]
pub struct Leftover {
    place: Place,
    lease: Lease,
    state: Box<State>,
    named: OutputIdentity,
}

impl Leftover {
    /// That in `dir`, if there is one; of the group of the directory if it is `shared`.
    ///
    /// # Errors
    /// [`Taken`](crate::os::exit::Taken) if another run works on it.
    pub fn find(dir: &Path, shared: bool, observer: &Observer) -> Result<Option<Self>> {
        let Ok(place) = Place::held(dir) else {
            return Ok(None);
        };
        if named(&place).is_none() || require_own(&place, shared, ANOTHER).is_err() {
            return Ok(None);
        }
        let Some(lease) = Lease::take(&place, observer)? else {
            return Ok(None);
        };
        // Another run may have cleared up meanwhile.
        let Known::State(mut state) = read_state(&place)? else {
            return Ok(None);
        };
        let named = state.named.take().filter(|_| state.replacing);
        Ok(named.map(|named| Self {
            place,
            lease,
            state,
            named,
        }))
    }

    /// Whether a file is that output. All of it is read.
    #[must_use]
    pub fn is_output(&self, path: &Path) -> bool {
        self.named.may_be_of(path) && OutputIdentity::of(path).is_ok_and(|it| it == self.named)
    }

    /// Whether a file is the film that the job is of, by what [`SourceIdentity`] looks at.
    #[must_use]
    pub fn is_source(&self, path: &Path) -> bool {
        SourceIdentity::of(path).is_ok_and(|it| it == self.state.source)
    }

    /// What the source's container said of the film.
    #[must_use]
    pub fn film(&self) -> &Container {
        &self.state.film
    }

    /// The encoder, by its version.
    #[must_use]
    pub fn encoder(&self) -> &str {
        &self.state.recipe.encoder.version
    }

    /// Removes the job: nothing of it is left to do.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(self) -> Result<()> {
        remove(&self.place, &self.lease)
    }
}

impl Job {
    /// Records that `part` is the whole output, and gets its name now; if it is `replacing` the source, also that.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_named(&self, part: &Path, replacing: bool) -> Result<()> {
        let Known::State(mut state) = read_state(&self.place)? else {
            bail!("`{}` of the job is gone", Name::Job);
        };
        let named = OutputIdentity::of(part).context("reading the finished output")?;
        (state.named, state.replacing) = (Some(named), replacing);
        self.write_state(&state)
    }

    /// Whether an earlier run of this job has given `output` its name, and it is still what it was. All of it is read.
    #[must_use]
    pub fn has_named(&self, output: &Path) -> bool {
        named(&self.place).is_some_and(|named| {
            named.may_be_of(output) && OutputIdentity::of(output).is_ok_and(|found| found == named)
        })
    }
}
