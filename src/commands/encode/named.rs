//! The output gets its name, and the job is cleared up.

use std::{sync::Arc, time::Instant};

use anyhow::{Result, bail};

use super::{account::Account, made::Made, outcome::Outcome, proof, run::Run};
use crate::{
    event::{self, Proof, Report, Sink, detail, note, warn},
    job::Job,
    os::{exit::Missed, process::quoted, words::bytes},
    output::{
        original::Original,
        part::{self, PartFile},
    },
    plan::recipe::Goal,
    settings::{Config, Step},
};

/// Steps of CRF that make an output clearly smaller: with SVT-AV1 4.2.0 at preset 8, six made four stretches of 1080p 1.4 to 1.7
/// times as small. At half, the command that is offered may give a larger file than the source again; at double, more of the picture
/// is given away than need be.
const CLEARLY_SMALLER: f64 = 6.0;
/// The highest CRF that every encoder takes: av1_qsv's, by its help; the others take 63 and more.
const MOST_CRF: f64 = 51.0;

/// Whether the output is there because an earlier run of this job was ended after it had named it: then nothing is left to
/// do but what that run could not do any more.
pub(super) fn is_named(account: &Account<'_>, job: &Arc<Job>) -> Result<bool> {
    let (config, watch) = (account.config, account.watch);
    if config.overwrite || config.cuts.only || config.replacing.is_some() {
        return Ok(false);
    }
    if job.other_sound.is_some() {
        part::refuse_existing(&config.output, false)?;
        return Ok(false);
    }
    let (of, output) = (job.clone(), config.output.clone());
    if !watch.over(move || Ok(of.has_named(&output)))? {
        part::refuse_existing(&config.output, false)?;
        return Ok(false);
    }
    let shown = quoted(config.output.as_os_str());
    note(
        watch.sink,
        format!("{shown} is finished: an earlier run of this job has proven and named it"),
    );
    account.named();
    clear_up(watch.sink, config, job);
    Ok(true)
}

/// Does what is left once the output has its name. What fails of that is no failure of the encode.
pub(super) fn clear_up(sink: &Sink, config: &Config, job: &Job) {
    let removed = if config.keep { Ok(()) } else { job.remove() };
    for error in [part::sync_name(&config.output), removed]
        .into_iter()
        .filter_map(Result::err)
    {
        warn(
            sink,
            format!("the output is whole and has its name, but {error:#}"),
        );
    }
}

impl Run<'_> {
    /// Gives the output its name.
    pub(super) fn publish(
        &self,
        made: &Made,
        part: PartFile,
        proof: Proof,
        started: Instant,
    ) -> Result<Outcome> {
        self.require_replaceable(&proof)?;
        let output_bytes = part.writer()?.metadata()?.len();
        let sized = self.require_sized(made, output_bytes)?;
        let (part, output_bytes) = self.sync_and_record(part)?;
        match Original::of(self.config) {
            Some(original) => self.take_the_place_of(original, part)?,
            None => self
                .job
                .room()
                .wait("the output's name", || part.publish())?,
        }
        self.write_proof(&proof);
        let seconds = started.elapsed().as_secs_f64();
        let report = Report {
            output: self.config.output.clone(),
            source_bytes: made.media.container.bytes,
            output_bytes,
            video_bytes: made.video_bytes(),
            seconds,
            fps: made.media.frames as f64 / seconds,
            encoder_seconds: made.encoder_seconds(),
            chunks: made.chunks.len(),
            resumed_chunks: made.resumed_chunks,
            sized,
            proof,
        };
        self.tell_of(&report);
        clear_up(self.watch.sink, self.config, self.job);
        Ok(Outcome::Encoded(Box::new(report)))
    }

    /// What became of the size that was wanted, if one was. Nothing takes the place of its original that has missed it.
    fn require_sized(&self, made: &Made, output_bytes: u64) -> Result<Option<Box<event::Sized>>> {
        let sized = self.sized(&made.chunks, output_bytes).map(Box::new);
        let missed = sized.as_ref().and_then(|sized| sized.missed.as_ref());
        if let (Some(missed), Some(_)) = (missed, &self.config.replacing) {
            let kept = "the original stays as it is, and the chunks are kept";
            bail!(Missed(format!("{missed}; {kept}")));
        }
        Ok(sized)
    }

    /// Has the output reach the disk, and the job know it before it has its name. Returns its bytes as well.
    fn sync_and_record(&self, part: PartFile) -> Result<(PartFile, u64)> {
        let (job, sink) = (self.job.clone(), self.watch.sink.clone());
        let replacing = self.config.replacing.is_some();
        self.watch.over(move || {
            let bytes = part.sync()?;
            // Without it, only a run that is killed in the next instant would not be known by the one after it.
            match job.record_named(part.path(), replacing) {
                Err(error) if replacing => return Err(error),
                Err(error) => detail(&sink, format!("{error:#}")),
                Ok(()) => (),
            }
            Ok((part, bytes))
        })
    }

    /// Writes down what was compared of an output that has its name, where that is wanted. What fails of it is a warning.
    fn write_proof(&self, proof: &Proof) {
        let room = self.job.room();
        let written = room.wait("the list of what was compared", || {
            proof::write(self.config, &proof.findings, proof.notes.clone())
        });
        if let Err(error) = written {
            warn(
                self.watch.sink,
                format!("the output is whole and has its name, but {error:#}"),
            );
        }
    }

    /// Tells of an output that has its name, but of a clip's, which is told by those who judge it.
    fn tell_of(&self, report: &Report) {
        if !self.is_clip {
            self.warn_of_growth(report);
            self.account.encoded(report);
        }
    }

    /// Says that the output is larger than the source, and what makes it smaller.
    fn warn_of_growth(&self, report: &Report) {
        if report.output_bytes <= report.source_bytes {
            return;
        }
        // Of a plan, the same command is none that encodes; of a replaced film, it would encode the output.
        let encodes_it_again = self.config.step == Step::All && self.config.replacing.is_none();
        let advice = match encodes_it_again {
            true => advice(self.plan.recipe.goal()),
            false => String::new(),
        };
        let (output, source) = (bytes(report.output_bytes), bytes(report.source_bytes));
        warn(
            self.watch.sink,
            format!("the output is larger than the source, {output} and {source}{advice}"),
        );
    }
}

/// What makes a film smaller that was encoded with this quality, if every encoder can.
fn advice(goal: Goal) -> String {
    match goal {
        Goal::Crf(crf) if crf.value() + CLEARLY_SMALLER <= MOST_CRF => format!(
            ": the same command with `-y --crf {}` makes it smaller",
            crf.value() + CLEARLY_SMALLER
        ),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_crf_is_advised_only_if_every_encoder_takes_it() {
        let advice = |crf: &str| advice(Goal::Crf(crf.parse().unwrap()));
        assert!(advice("28").contains("`-y --crf 34`"));
        assert!(advice("45").contains("`-y --crf 51`"));
        assert_eq!(advice("45.25"), "");
        assert_eq!(super::advice(Goal::Own), "");
    }
}
