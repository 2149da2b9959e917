//! Joins the chunks with all other tracks, in the output's place or, where that fails, beside the job first.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Error, Result};

use super::{made::Made, run::Run};
use crate::{
    event::{Event, Proof, Stage, warn},
    finding::Unproven,
    job::names::Name,
    os::{
        disk,
        process::{ToolFailure, tells_of_no_room},
    },
    output::{
        join,
        part::{self, PartFile},
    },
};

impl Run<'_> {
    /// Joins the chunks with all other tracks, in the output's place.
    pub(super) fn join(&self, made: &Arc<Made>, part: &PartFile) -> Result<()> {
        (self.watch.sink)(Event::Stage { stage: Stage::Join });
        self.job.require_same_source()?;
        self.join_into(made, part.held(), part::dir_of(&self.config.output))
    }

    /// Joins the chunks with all other tracks into `file`, a name as tools in the job's directory have it, on the disk of `dir`.
    pub(super) fn join_into(&self, made: &Arc<Made>, file: PathBuf, dir: &Path) -> Result<()> {
        let tools = self.programs.tools.clone();
        let (job, made, recipe) = (self.job.clone(), made.clone(), self.plan.recipe.clone());
        let (sink, dir) = (self.watch.sink.clone(), dir.to_owned());
        self.watch.over(move || {
            let Made { media, chunks, .. } = &*made;
            let parts = join::Parts {
                job: &job,
                media,
                recipe: &recipe,
                chunks,
            };
            let written = job.dir().join(&file);
            job.room().wait("the joined film", || {
                disk::empty(&written)?;
                disk::require(&dir, made.video_bytes(), "the output's video")
                    .context("joining the chunks, which are kept")?;
                join::join(&tools, &parts, &file, &sink)
                    .and_then(|()| disk::sync(&written))
                    .context("the chunks are kept, and the same command only joins them")
            })
        })
    }

    /// Joins once more, in the job's directory, copies the film into its place, and proves it there. The file system of the
    /// output may be `why` it could not be joined, or was not whole: drivers behind FUSE are known that refuse or mix up what is
    /// not written from beginning to end.
    pub(super) fn join_elsewhere(
        &self,
        made: &Arc<Made>,
        part: &mut PartFile,
        why: Error,
    ) -> Result<Proof> {
        let is_elsewhere = disk::differ(self.job.dir(), part::dir_of(&self.config.output));
        // What the proof has found to be damaged is forgotten.
        let mut chunks = made.chunks.iter();
        let has_all = chunks.all(|chunk| self.job.has_record(chunk.record().chunk.index));
        if !is_elsewhere || !has_all || !may_be_of_the_place(&why) {
            return Err(why);
        }
        warn(
            self.watch.sink,
            format!(
                "{why:#}. It is joined once more in the job directory, and copied: the output's file system may be at fault"
            ),
        );
        let joined = self.job.part(Name::Joined)?;
        self.join_into(made, PathBuf::from(Name::Joined.part()), self.job.named())?;
        part.renew()?;
        let (to, room) = (part.writer()?, self.job.room().clone());
        let copied = self
            .watch
            .over(move || room.wait("the copy", || disk::copy_into(&joined, &to)));
        copied.context("copying the joined film into its place")?;
        self.job.part(Name::Joined)?;
        self.verify(made, part)
    }
}

/// Whether a film may have failed to be joined, or to be whole, only because of the file system that it was written on.
fn may_be_of_the_place(why: &Error) -> bool {
    let is_of_what_was_written = why.is::<Unproven>() || why.is::<ToolFailure>();
    // A full disk says so itself, and would hold no copy either.
    is_of_what_was_written && !tells_of_no_room(&format!("{why:#}"))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_film_is_joined_elsewhere_only_for_what_its_place_may_have_done() {
        let unproven = || Unproven {
            findings: Vec::new(),
            others_ms: Vec::new(),
        };
        let failed = |words: &str| {
            anyhow!(ToolFailure {
                command: "mkvmerge".to_owned(),
                status: None,
                stdout: vec![words.to_owned()],
                stderr: Vec::new(),
            })
        };
        assert!(may_be_of_the_place(&anyhow!(unproven()).context("proving")));
        assert!(may_be_of_the_place(&failed("cannot seek")));
        assert!(!may_be_of_the_place(&failed("No space left on device")));
        assert!(!may_be_of_the_place(&anyhow!("the source has changed")));
    }
}
