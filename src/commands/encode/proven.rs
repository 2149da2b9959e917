//! Proves that the joined file is the film.

use std::sync::Arc;

use anyhow::{Context, Error, Result};

use super::{made::Made, proof, run::Run};
use crate::{
    event::{Event, Proof, Stage, warn},
    finding::Unproven,
    os::{disk, task::begin},
    output::{
        part::PartFile,
        verify::{self, Thorough},
    },
};

impl Run<'_> {
    /// Proves that the joined file is the film.
    pub(super) fn verify(&self, made: &Arc<Made>, part: &PartFile) -> Result<Proof> {
        (self.watch.sink)(Event::Stage {
            stage: Stage::Verify,
        });
        let tools = self.programs.tools.clone();
        let (job, film, recipe) = (self.job.clone(), made.clone(), self.plan.recipe.clone());
        let file = part.path().to_owned();
        let thorough = Thorough {
            decode: self.config.verify_decode,
            source: self.config.verify_source || self.job.source_was_written,
        };
        let (input, notes) = (self.config.input.clone(), self.notes(made)?);
        let verified = self.watch.over(move || {
            let Made {
                media,
                chunks,
                announced,
                references,
                damage,
                ..
            } = &*film;
            job.room().wait("the proof", || {
                let input = input.clone();
                let readable = begin(move || disk::read_through(&input));
                let expected = verify::Expected {
                    job: &job,
                    media,
                    recipe: &recipe,
                    chunks,
                    announced,
                    references: references.clone(),
                    damage,
                    notes: &notes,
                    thorough,
                };
                let proof = verify::output(&tools, &file, expected);
                // It is why, if anything is missing: a reader that was given an error may have passed over it.
                let readable = readable.recv();
                readable.context("reading the source broke off")??;
                proof
            })
        });
        let verified = verified.map_err(|error| self.forget_damaged(made, error));
        let proof = verified.context("the joined film is not whole and was not given its name")?;
        let damaged = |output: &str| output.contains("damaged in the source");
        for finding in proof
            .findings
            .iter()
            .filter(|finding| damaged(&finding.output))
        {
            warn(
                self.watch.sink,
                format!("{}: {}", finding.what, finding.output),
            );
        }
        // Its other tracks were read until now.
        self.job.require_same_source()?;
        Ok(proof)
    }

    /// Writes down what was compared of an output that is not the film, if that is `why` it is not published.
    pub(super) fn write_disproof(&self, made: &Made, why: &Error) {
        let Some(unproven) = why.downcast_ref::<Unproven>() else {
            return;
        };
        let notes = self.notes(made);
        let written = notes.and_then(|notes| proof::write(self.config, &unproven.findings, notes));
        if let Err(error) = written {
            warn(self.watch.sink, format!("{error:#}"));
        }
    }
}
