//! A job handed to Slurm: an array for each amount of memory, and what joins.

use std::{ffi::OsString, ops::Range, slice};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{Errand, Told, name, queue::Slurm};
use crate::{
    cli::Engine,
    job::{Submission, Tasks},
    os::{
        exit::TryAgain,
        process::{Children, quoted},
    },
    submit::slurm,
};

impl Errand<'_> {
    /// Hands everything to Slurm: an array for each amount of memory, and what joins.
    pub(super) fn to_slurm(&self, children: &Children) -> Result<Told> {
        let slurm = Slurm::find(children)?;
        let mut tasks = self.planned.tasks()?;
        let earlier = of_slurm(&tasks);
        self.require_over(&slurm, &earlier)?;
        let fates = slurm.fates(&self.unended(&earlier))?;
        let fate = |task: &str| fates.get(task).copied();
        let missing = self.missing(&tasks, fate);
        let arrays = self.added(&mut tasks, &missing, slurm.most_tasks()?);
        self.keep(&tasks, &arrays)?;
        let (order, memory) = (self.order(), self.measure.memory_bytes);
        let frames = self.stands.last().map_or(0, |stand| stand.chunk.end);
        if self.args.print {
            let text = slurm::printed(&order, &arrays, frames, memory);
            let more = json!({"lines": text});
            return Ok(self.told(&missing, &arrays, text, more));
        }
        let mut ids = Vec::new();
        let hand_over = |words: &[OsString], ids: &[String]| {
            slurm.hand_over(words).with_context(|| before(ids))
        };
        for array in &arrays {
            ids.push(hand_over(&slurm::encoding(&order, array), &ids)?);
            self.record(&mut tasks, array.tasks.clone(), &ids[ids.len() - 1..])?;
        }
        let join = hand_over(&slurm::joining(&order, frames, memory, &ids), &ids)?;
        let end = tasks.tasks.len();
        self.record(&mut tasks, end..end, slice::from_ref(&join))?;
        let more = json!({"ids": ids, "join": join});
        let text = ids.iter().chain([&join]).map(|id| format!("{id}\n"));
        Ok(self.told(&missing, &arrays, text.collect(), more))
    }

    /// Records what was handed over, so that it is known while it waits.
    fn record(&self, tasks: &mut Tasks, which: Range<usize>, ids: &[String]) -> Result<()> {
        tasks.submissions.push(Submission {
            engine: name(self.args.engine).to_owned(),
            tasks: which,
            ids: ids.to_vec(),
        });
        self.planned.record_tasks(tasks)
    }

    /// Makes sure that nothing of an earlier submission waits or runs.
    fn require_over(&self, slurm: &Slurm, earlier: &[String]) -> Result<()> {
        let waiting = slurm.queued(earlier)?;
        if waiting.is_empty() {
            return Ok(());
        }
        let job = quoted(self.dir.as_os_str());
        bail!(TryAgain(format!(
            "Slurm has them already, as {}: `av1enc status {job}` shows how far they are; `scancel {}` ends that, and then they \
             can be handed over again",
            waiting.join(", "),
            waiting.join(" ")
        )))
    }

    /// The jobs among the `earlier` ones in which an attempt to encode a missing chunk has no end.
    fn unended(&self, earlier: &[String]) -> Vec<String> {
        let missing = self.stands.iter().filter(|stand| stand.record.is_none());
        let attempts = missing.flat_map(|stand| &stand.attempts);
        let unended = attempts.filter(|attempt| attempt.outcome.is_none());
        let tasks = unended.filter_map(|attempt| attempt.job.as_deref());
        let mut jobs: Vec<String> = tasks
            .filter_map(|task| task.split('_').next())
            .map(str::to_owned)
            .filter(|job| earlier.contains(job))
            .collect();
        jobs.sort();
        jobs.dedup();
        jobs
    }
}

/// What Slurm calls what was handed to it of these tasks.
fn of_slurm(tasks: &Tasks) -> Vec<String> {
    let submissions = tasks.submissions.iter();
    submissions
        .filter(|submission| submission.engine == name(Engine::Slurm))
        .flat_map(|submission| submission.ids.clone())
        .collect()
}

/// What is to be known of an error after these jobs were handed over.
fn before(ids: &[String]) -> String {
    match ids {
        [] => "nothing was handed over".to_owned(),
        ids => format!(
            "{} is handed over already, and nothing more: `scancel {}` ends that",
            ids.join(", "),
            ids.join(" ")
        ),
    }
}
