//! The test clip: a hard stretch of the film, encoded as the film will be, and approved before the film is encoded.

mod files;
mod text;
mod made;

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use self::files::{Files, Record, require_ours};
use super::run::Run;
use crate::{
    commands::ground::wanted,
    doctor,
    event::{Clip, Event, Figures, note, warn},
    os::{
        exit::{Unapproved, UsageError},
        process::{Finished, quoted},
    },
    output::part,
    settings::{
        Step,
        clip::{Approval, AtLeast, Measure},
        line,
    },
    work::reading::require_whole,
};

impl Run<'_> {
    /// Makes sure that the film's test clip is approved, where one is wanted.
    ///
    /// # Errors
    /// [`Unapproved`], with the line that goes on; those of an encode.
    pub(super) fn require_approval(&self) -> Result<()> {
        let class = self
            .plan
            .class
            .as_ref()
            .map(|found| found.class.to_string());
        if !self.config.test_clip.is_of(class.as_deref()) {
            return Ok(());
        }
        let approved = self.require_whole().and_then(|()| Test::of(self).approve());
        // It holds no work, and would stand in the way of other settings.
        approved.inspect_err(|_| self.guard.give_up())
    }

    /// Nobody is to approve a clip of a film that is refused afterwards.
    fn require_whole(&self) -> Result<()> {
        match &self.probed.truncated {
            Some(truncated) => require_whole(self.watch, self.config, truncated),
            None => Ok(()),
        }
    }
}

/// A test of the settings of a run.
struct Test<'a> {
    run: &'a Run<'a>,
    files: Files,
    /// The record of the clip that is wanted, before there is anything of it.
    wanted: Record,
    /// Programs that may have the filters which measure.
    ffmpegs: Vec<PathBuf>,
}

impl<'a> Test<'a> {
    fn of(run: &'a Run<'a>) -> Self {
        let length = run.config.test_clip.length.as_secs_f64();
        Self {
            run,
            files: Files::of(run.config),
            wanted: Record::new(run.job.source.clone(), run.plan.recipe.clone(), length),
            ffmpegs: doctor::ffmpegs(wanted(run.config)),
        }
    }

    fn approval(&self) -> &Approval {
        &self.run.config.test_clip.approval
    }

    /// Has the clip approved: the one that is there, if it is of these settings, or else a new one.
    fn approve(&self) -> Result<()> {
        let earlier = self.files.record()?;
        let differences = earlier
            .as_ref()
            .map(|earlier| earlier.differences(&self.wanted.film, &self.wanted.recipe));
        if let (Some(earlier), Some([])) = (&earlier, differences.as_deref())
            && let Some(done) = self.known(earlier)
        {
            return done;
        }
        if *self.approval() == Approval::Given {
            let why = match differences.as_deref() {
                None => "there was none".to_owned(),
                Some([]) => "it was not finished".to_owned(),
                Some(differences) => differences.join("; "),
            };
            warn(
                self.run.watch.sink,
                format!("--approved: a new test clip is due ({why})"),
            );
        }
        self.require_measurable()?;
        let record = self.make(earlier)?;
        self.show(&record)?;
        match self.approval() {
            // Nobody has seen this one.
            Approval::Given => self.await_approval(),
            _ => self.judge(record),
        }
    }

    /// What there is to do where the clip of an `earlier` run is of the same settings; nothing, if it is of no use.
    fn known(&self, earlier: &Record) -> Option<Result<()>> {
        let sink = self.run.watch.sink;
        let shown = quoted(self.files.clip.as_os_str());
        if earlier.approved {
            note(sink, format!("{shown} was approved with these settings"));
            return Some(Ok(()));
        }
        if *self.approval() == Approval::Given && earlier.figures.is_some() {
            note(sink, format!("{shown} is approved"));
            return Some(self.record_approved(earlier.clone()));
        }
        let is_usable = earlier.length == self.wanted.length
            && earlier.finished(&self.files).is_some()
            && self.require_measured(earlier);
        is_usable.then(|| {
            self.show(earlier)?;
            self.judge(earlier.clone())
        })
    }

    /// Whether what is to be measured was.
    fn require_measured(&self, earlier: &Record) -> bool {
        match (self.approval(), &earlier.figures) {
            (Approval::Measured(wanted), Some(figures)) => {
                measured(figures, wanted.measure).is_some()
            }
            _ => true,
        }
    }

    /// Makes sure that what is to be measured can be, before anything long.
    fn require_measurable(&self) -> Result<()> {
        let Approval::Measured(AtLeast { measure, .. }) = self.approval() else {
            return Ok(());
        };
        match measure.by(self.run.watch.children, &self.ffmpegs) {
            Some(_) => Ok(()),
            None => bail!(UsageError(format!(
                "--approve: {}: ./setup installs one that has it, or name yours with --ffmpeg",
                self.lacking(*measure)
            ))),
        }
    }

    /// That no ffmpeg measures it, in words.
    fn lacking(&self, measure: Measure) -> String {
        let programs = self.ffmpegs.iter();
        let programs: Vec<String> = programs.map(|path| quoted(path.as_os_str())).collect();
        format!(
            "{} is not measured, for the filter {} is in no ffmpeg here ({})",
            measure.name(),
            measure.filter(),
            programs.join(", ")
        )
    }

    fn show(&self, record: &Record) -> Result<()> {
        let figures = record.figures.clone().context("the clip has no figures")?;
        self.warn_of_size(&figures);
        let Files {
            clip,
            source,
            stills,
            text,
            ..
        } = self.files.clone();
        (self.run.watch.sink)(Event::Clip(Clip {
            clip,
            source,
            stills,
            text,
            figures,
        }));
        Ok(())
    }

    /// An estimate decides nothing.
    fn warn_of_size(&self, figures: &Figures) {
        let allowed = self.run.allowed();
        if allowed.is_some_and(|allowed| allowed.judge(figures.estimated_bytes).is_some()) {
            warn(
                self.run.watch.sink,
                "by its test clip, the output is likely to be larger than it may be; it is judged when it is finished",
            );
        }
    }

    fn judge(&self, record: Record) -> Result<()> {
        match self.approval() {
            Approval::Awaited | Approval::Given => self.await_approval(),
            Approval::Measured(wanted) => self.judge_by(*wanted, record),
            Approval::Command(words) => self.ask(words, record),
        }
    }

    fn await_approval(&self) -> Result<()> {
        let typed: Vec<OsString> = env::args_os().collect();
        let mut words = typed.clone();
        if *self.approval() != Approval::Given {
            // In front of what may be behind a `--`.
            let is_plan = self.run.config.step == Step::Plan;
            words.insert(1 + usize::from(is_plan), "--approved".into());
        }
        bail!(Unapproved(format!(
            "{} waits for approval. If it is good, type `{}`; with another --crf or --preset there is another clip",
            quoted(self.files.clip.as_os_str()),
            line::shown(&words)
        )))
    }

    fn judge_by(&self, wanted: AtLeast, record: Record) -> Result<()> {
        let name = wanted.measure.name();
        let figures = record.figures.as_ref();
        let value = figures.and_then(|figures| measured(figures, wanted.measure));
        let value = value.with_context(|| format!("{name} was not measured"))?;
        let has = format!("the test clip has {name} {value:.2}");
        if wanted.is_reached(value) {
            note(self.run.watch.sink, format!("{has}: it is approved"));
            return self.record_approved(record);
        }
        bail!(self.refused(&format!("{has}, and {} is wanted", wanted.least)))
    }

    fn refused(&self, why: &str) -> Unapproved {
        Unapproved(format!(
            "{} is not approved: {why}. A lower --crf makes it better; --approved in place of --approve goes on all the same",
            quoted(self.files.clip.as_os_str())
        ))
    }

    /// Asks a program of the user's.
    fn ask(&self, words: &[String], record: Record) -> Result<()> {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.envs(self.variables(&record));
        let children = self.run.watch.children.clone();
        let finished = self.run.watch.over(move || children.finish(command));
        let Finished { failure, .. } = finished.context("asking the command of --approve")?;
        match failure {
            None => {
                let by = quoted(words[0].as_ref());
                note(self.run.watch.sink, format!("{by} approves the test clip"));
                self.record_approved(record)
            }
            Some(failure) => bail!(self.refused(&failure.line())),
        }
    }

    /// What such a program is told.
    fn variables(&self, record: &Record) -> Vec<(&'static str, OsString)> {
        let path = |path: &Path| path.as_os_str().to_owned();
        let mut all = vec![
            ("AV1ENC_FILM", path(&self.run.config.input)),
            ("AV1ENC_CLIP", path(&self.files.clip)),
            ("AV1ENC_CLIP_SOURCE", path(&self.files.source)),
            ("AV1ENC_CLIP_STILLS", path(&self.files.stills)),
            ("AV1ENC_CLIP_TEXT", path(&self.files.text)),
        ];
        let Some(figures) = &record.figures else {
            return all;
        };
        let numbers = [
            ("AV1ENC_CLIP_BYTES", Some(figures.bytes.to_string())),
            (
                "AV1ENC_CLIP_SOURCE_BYTES",
                Some(figures.source_bytes.to_string()),
            ),
            (
                "AV1ENC_ESTIMATED_BYTES",
                Some(figures.estimated_bytes.to_string()),
            ),
            (
                "AV1ENC_ESTIMATED_SECONDS",
                Some(format!("{:.0}", figures.estimated_seconds)),
            ),
            (
                "AV1ENC_VMAF",
                figures.vmaf.map(|value| format!("{value:.4}")),
            ),
            (
                "AV1ENC_XPSNR",
                figures.xpsnr.map(|value| format!("{value:.4}")),
            ),
        ];
        let numbers = numbers.into_iter();
        all.extend(numbers.filter_map(|(name, value)| Some((name, value?.into()))));
        all
    }

    fn record_approved(&self, mut record: Record) -> Result<()> {
        record.approved = true;
        self.files.write(&record)
    }

    /// Makes the clip, and all that is beside it.
    fn make(&self, earlier: Option<Record>) -> Result<Record> {
        part::require_writable(&self.files.source)?;
        let mut record = self.wanted.clone();
        let mut resumes = false;
        if let Some(earlier) = &earlier {
            require_ours(earlier, &self.files)?;
            record.cut = earlier.cut_of(&self.wanted, &self.files);
            resumes = record.cut.is_some()
                && earlier.differences(&record.film, &record.recipe).is_empty();
        }
        self.files.clear(record.cut.is_some())?;
        self.files.write(&record)?;
        let cut = match record.cut.clone() {
            Some(cut) => cut,
            None => self.cut(&mut record)?,
        };
        let figures = self.encode(&cut, resumes)?;
        record.clip = Some(self.files.identity_of_clip()?);
        self.write_stills(&cut)?;
        let text = text::beside(self.run, &cut, &figures);
        self.files.write_whole(&self.files.text, text.as_bytes())?;
        record.figures = Some(figures);
        self.files.write(&record)?;
        Ok(record)
    }
}

fn measured(figures: &Figures, measure: Measure) -> Option<f64> {
    match measure {
        Measure::Vmaf => figures.vmaf,
        Measure::Xpsnr => figures.xpsnr,
    }
}
