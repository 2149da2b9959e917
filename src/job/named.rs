//! Which file the output is: recorded in `job.json` before it gets its name, so that a run that follows one which was
//! killed in that instant knows its own finished work.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{
    Job,
    identity::OutputIdentity,
    names::Name,
    place::Place,
    state::{Known, read_state},
};

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

impl Job {
    /// Records that `part` is the whole output, and gets its name now.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_named(&self, part: &Path) -> Result<()> {
        let Known::State(mut state) = read_state(&self.place)? else {
            bail!("`{}` of the job is gone", Name::Job);
        };
        let named = OutputIdentity::of(part).context("reading the finished output")?;
        state.named = Some(named);
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
