//! An output that is too large for what it is made of.

use anyhow::{Result, bail};

use super::{run::Run, worth};
use crate::{
    decide::size::Allowed,
    event::{detail, warn},
    os::{exit::TooLarge, process::quoted},
    output::part::PartFile,
    work::{handed::Handing, weight},
};

impl Run<'_> {
    /// How large the output may be, if that matters.
    pub(super) fn allowed(&self) -> Option<Allowed> {
        let limit = self.config.deciding.size.as_ref()?;
        let film = quoted(self.config.input.as_os_str());
        Some(Allowed::by(limit, film, self.probed.container.bytes))
    }

    /// Judges an output that is proven.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(super) fn judge(&self, part: &PartFile) -> Result<()> {
        let Some(allowed) = self.allowed() else {
            return Ok(());
        };
        match allowed.judge(part.writer()?.metadata()?.len()) {
            Some(why) => bail!(TooLarge(why)),
            None => Ok(()),
        }
    }

    /// Does what is left to do of a film whose output is too large, if that is `why` there is none. What fails of it is a
    /// warning.
    pub(super) fn reject(&self, why: &anyhow::Error) {
        if !why.is::<TooLarge>() {
            return;
        }
        let (config, sink) = (self.config, self.watch.sink);
        if config.deciding.mark
            && let Err(error) = worth::mark(&config.input, why)
        {
            warn(sink, format!("--mark: {error:#}"));
        }
        if !config.keep
            && let Err(error) = self.job.remove()
        {
            warn(sink, format!("{error:#}"));
        }
    }
}

/// Bytes of sound that the output will have at least. Where they cannot be added up, only what is too large by its pictures is
/// found out early.
pub(super) fn of_sound(handing: &Handing<'_>) -> u64 {
    let Handing {
        tools,
        job,
        container,
        sink,
    } = *handing;
    let carried = Handing::as_carried(container, job.carried().as_ref());
    weight::of_sound(tools, job, &carried).unwrap_or_else(|error| {
        detail(sink, format!("{error:#}"));
        0
    })
}
