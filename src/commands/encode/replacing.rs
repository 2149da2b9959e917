//! An output that takes the place of its original.

use anyhow::Result;

use super::Run;
use crate::{
    event::{Sink, note, warn},
    job::Leftover,
    os::{process::quoted, task::Watch},
    output::{
        original::{self, Original},
        part::{self, PartFile},
    },
    settings::Config,
};

/// Does what is left to do of a replacement whose run was killed once the output had a name; returns whether that was all.
pub(super) fn is_finished(watch: &Watch<'_>, config: &Config) -> Result<bool> {
    let Some(original) = Original::of(config).filter(|_| !config.dry_run) else {
        return Ok(false);
    };
    let of = original.clone();
    let (dir, shared) = (config.job_dir.clone(), config.shared);
    let finished = watch.over(move || {
        let Some(leftover) = Leftover::find(&dir, shared)? else {
            return Ok(false);
        };
        let is_finished = of.finish(&leftover)?;
        if is_finished {
            leftover.remove()?;
        }
        Ok(is_finished)
    })?;
    if finished {
        let shown = quoted(config.output.as_os_str());
        note(
            watch.sink,
            format!("{shown} is finished: an earlier run has proven it and put it in its place"),
        );
        if original.is_beside() {
            let film = quoted(config.input.as_os_str());
            warn(
                watch.sink,
                format!("{film} is another film than it was made of, and stays"),
            );
        }
        remove_older(config, watch.sink);
    }
    Ok(finished)
}

/// Makes sure that the original can be replaced, and says what is odd about that.
pub(super) fn require_place(config: &Config, sink: &Sink) -> Result<()> {
    if let Some(original) = Original::of(config)
        && let Some(odd) = original.require_replaceable()?
    {
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
    let beside = part::dir_of(&config.output);
    match original::remove_older(part::dir_of(backup), age, beside) {
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
    /// Gives the output the place of its original.
    pub(super) fn take_the_place_of(&self, original: Original, part: PartFile) -> Result<()> {
        self.job.require_same_source()?;
        let room = self.job.room();
        for lost in room.wait("what belongs to the original", || original.adorn(&part))? {
            warn(
                self.watch.sink,
                format!("the output does not keep {lost}, which the original has"),
            );
        }
        let room = room.clone();
        self.watch
            .over(move || room.wait("the original's backup", || original.replace(&part)))?;
        remove_older(self.config, self.watch.sink);
        Ok(())
    }
}
