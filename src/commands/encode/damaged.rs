//! Chunks that the proof has found to be damaged are forgotten: the same command encodes them again.

use std::sync::Arc;

use anyhow::{Error, Result};

use super::{made::Made, run::Run};
use crate::{
    finding::{Property, Unproven},
    job::{ChunkRecord, Job, names::Name},
    os::{
        exit::ChunksMissing, process::quoted, signal::Interrupted, toolbox::Toolbox, words::count,
    },
    output::container::MAX_TIME_ERROR_MS,
    plan::recipe::Recipe,
    settings::Step,
    work::decoded::Pictures,
};

impl Run<'_> {
    /// Looks for the chunks that are the reason for this `error` of the proof, and forgets them. Returns the error, which
    /// then says so.
    pub(super) fn forget_damaged(&self, made: &Arc<Made>, error: Error) -> Error {
        if error.is::<Interrupted>() {
            return error;
        }
        // What is not the chunks', bit for bit, says nothing of them.
        let unproven = error.downcast_ref::<Unproven>();
        let unproven = unproven.filter(|unproven| unproven.agrees_in(Property::EncodedPictures));
        let search = Search {
            tools: self.programs.tools.clone(),
            job: self.job.clone(),
            made: made.clone(),
            recipe: self.plan.recipe.clone(),
            others_ms: unproven.map_or_else(Vec::new, |unproven| unproven.others_ms.clone()),
        };
        let damaged = self.watch.over(move || search.damaged());
        let forget = |damaged: Vec<usize>| -> Result<Vec<usize>> {
            damaged
                .iter()
                .try_for_each(|chunk| self.job.forget(*chunk))?;
            Ok(damaged)
        };
        match damaged.and_then(forget) {
            Ok(damaged) if damaged.is_empty() => error,
            Ok(damaged) => self.with_damaged(damaged, error),
            Err(other) if other.is::<Interrupted>() => other,
            // What has failed first is what the user must hear of.
            Err(_) => error,
        }
    }
}

impl Run<'_> {
    /// The same error, which says that these chunks are damaged and what encodes them again. Whoever only joins does not: to him
    /// they are missing from now on.
    fn with_damaged(&self, chunks: Vec<usize>, error: Error) -> Error {
        let said = |again: &str| {
            let all: Vec<String> = chunks.iter().map(usize::to_string).collect();
            format!(
                "{} damaged ({}): {again} encodes what is damaged again",
                count(all.len() as u64, "chunk"),
                all.join(", ")
            )
        };
        if self.config.step != Step::Join {
            return error.context(said("the same command"));
        }
        let job = quoted(self.config.job_dir.as_os_str());
        let sentence = said(&format!("`av1enc chunk {job} --any`"));
        error.context(ChunksMissing { chunks, sentence })
    }
}

/// A search for chunks that are not what was to be encoded.
struct Search {
    tools: Toolbox,
    job: Arc<Job>,
    made: Arc<Made>,
    recipe: Recipe,
    /// When pictures are shown that are others than the source's.
    others_ms: Vec<f64>,
}

impl Search {
    /// The chunks in which pictures are others, and those of which a decoder does not show all.
    fn damaged(&self) -> Result<Vec<usize>> {
        let mut damaged = Vec::new();
        for chunk in &self.made.chunks {
            let record = chunk.record();
            if self.has_others(record) || !self.is_shown(record)? {
                damaged.push(record.chunk.index);
            }
        }
        Ok(damaged)
    }

    fn has_others(&self, record: &ChunkRecord) -> bool {
        let mut frames = record.chunk.start..record.chunk.end;
        frames.any(|frame| {
            let is_its = |ms: &f64| {
                (ms - self.made.media.time_ms(frame as usize)).abs() <= MAX_TIME_ERROR_MS
            };
            self.others_ms.iter().any(is_its)
        })
    }

    fn is_shown(&self, record: &ChunkRecord) -> Result<bool> {
        let (media, chunk) = (&self.made.media, record.chunk);
        let size = (media.width, media.height);
        let pictures = Pictures::of(&self.recipe, size, chunk.end - chunk.start);
        let file = self.job.path(Name::Chunk(chunk.index));
        pictures.are_shown(&self.tools, &self.job, &file)
    }
}
