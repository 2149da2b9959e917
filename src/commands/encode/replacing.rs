//! An output that takes the place of its original.

use std::sync::Arc;

use anyhow::{Result, bail};

use super::{account::Account, run::Run};
use crate::{
    cli::SkipRule,
    event::{Proof, Sink, note, warn},
    job::{Leftover, Observer},
    os::{
        exit::{LeftAlone, UnfitFilm},
        process::quoted,
        task::Watch,
    },
    output::{
        original::{self, Original},
        part::{self, PartFile},
    },
    settings::Config,
};

/// Does what is left to do of a replacement whose run was killed once the output had a name; returns whether that was all.
pub(super) fn is_finished(
    watch: &Watch<'_>,
    config: &Config,
    account: &Account<'_>,
    observer: &Arc<Observer>,
) -> Result<bool> {
    let Some(original) = Original::of(config).filter(|_| !config.dry_run) else {
        return Ok(false);
    };
    let (dir, shared, observer) = (config.job_dir.clone(), config.shared, observer.clone());
    let finished = watch.over(move || {
        let Some(leftover) = Leftover::find(&dir, shared, &observer)? else {
            return Ok(None);
        };
        Ok(original.finish(&leftover)?.then_some(leftover))
    })?;
    let is_finished = finished.is_some();
    if let Some(leftover) = finished {
        account.film(leftover.film());
        account.encoder(leftover.encoder());
        account.named();
        watch.over(move || leftover.remove())?;
        let shown = quoted(config.output.as_os_str());
        note(
            watch.sink,
            format!("{shown} is finished: an earlier run has proven it and put it in its place"),
        );
        remove_older(config, watch.sink);
    }
    Ok(is_finished)
}

/// Makes sure that the original can be replaced, and says what is odd about that.
pub(super) fn require_place(original: &Original, config: &Config, sink: &Sink) -> Result<()> {
    if let Some(backup) = original.replaced_already()
        && config.deciding.skips(SkipRule::Own)
    {
        let [film, backup] = [&config.input, &backup].map(|it| quoted(it.as_os_str()));
        bail!(LeftAlone(format!(
            "{film} is av1enc's own output already, and its original is {backup}; `av1enc restore` puts that back"
        )));
    }
    if let Some(odd) = original.require_replaceable()? {
        warn(sink, odd);
    }
    Ok(())
}

/// Removes originals that were kept for long enough. What fails of that is no failure of the encode.
fn remove_older(config: &Config, sink: &Sink) {
    let Some(replacing) = &config.replacing else {
        return;
    };
    let (Some(backup), Some(age)) = (&replacing.backup, replacing.keep) else {
        return;
    };
    match original::remove_older(part::dir_of(backup), age, backup) {
        Ok(removed) => removed.iter().for_each(|path| {
            let shown = quoted(path.as_os_str());
            note(
                sink,
                format!("{shown} is removed: it was kept long enough (--keep-backup)"),
            );
        }),
        Err(error) => warn(
            sink,
            format!("older originals could not be removed: {error:#}"),
        ),
    }
}

impl Run<'_> {
    /// Makes sure that an output which takes the place of its source is all that the source was.
    ///
    /// # Errors
    /// [`UnfitFilm`], with the line that encodes such a film beside its source.
    pub(super) fn require_replaceable(&self, proof: &Proof) -> Result<()> {
        let Some(why) = proof.truncated.as_ref().or(proof.damaged.as_ref()) else {
            return Ok(());
        };
        if self.config.replacing.is_none() {
            return Ok(());
        }
        let [film, job] =
            [&self.config.input, &self.config.job_dir].map(|it| quoted(it.as_os_str()));
        bail!(UnfitFilm(format!(
            "{film} stays as it was, for what is damaged or cut short is not replaced ({why}). To have the output beside it, \
             type the same command with `-o OUTPUT.mkv --temp {job}` in place of --replace"
        )))
    }

    /// Gives the output the place of its original.
    pub(super) fn take_the_place_of(&self, original: Original, part: PartFile) -> Result<()> {
        let room = self.job.room();
        for lost in room.wait("what belongs to the original", || original.adorn(&part))? {
            warn(
                self.watch.sink,
                format!("the output does not keep {lost}, which the original has"),
            );
        }
        let job = self.job.clone();
        self.watch.over(move || {
            job.room().wait("the original's backup", || {
                // Whatever was waited for until now.
                job.require_same_source()?;
                original.replace(&part)
            })
        })?;
        remove_older(self.config, self.watch.sink);
        Ok(())
    }
}
