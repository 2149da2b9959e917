//! What every command stands on that runs tools.

use anyhow::Result;

use crate::{
    doctor::Wanted,
    neighbour::standing,
    os::{
        guard::{Threadless, choose_locale, limit_heaps},
        priority,
        process::{Children, quoted},
        threads, toolbox,
    },
    settings::{Config, Method, neighbour::Standing},
    source,
};

/// The register of tools, and what was found out before the first of them.
pub struct Ground {
    /// The register of running tools.
    pub children: Children,
    /// What PATH names and no tool is looked for in, as a sentence.
    pub ignored_places: Option<String>,
    /// As what av1enc works, if that was asked for, as a sentence.
    pub standing: Option<String>,
}

impl Ground {
    /// Lays it, before any thread is started, and takes this standing.
    ///
    /// # Errors
    /// If the system refuses a part of it.
    pub fn lay(alone: &Threadless, standing: &Standing) -> Result<Self> {
        limit_heaps(alone);
        choose_locale(alone);
        let standing = standing::take(alone, standing)?;
        priority::give_up_real_time(alone)?;
        let ignored = toolbox::ignore_relative_places(alone);
        let children = Children::guarded(alone)?;
        threads::require_room()?;
        source::choose_library(alone, &children);
        Ok(Self {
            children,
            ignored_places: ignored.first().map(|place| {
                format!(
                    "PATH names {}, which is not absolute: no program is looked for in the current directory",
                    quoted(place.as_os_str())
                )
            }),
            standing,
        })
    }
}

/// What the machine has to have for this encode.
pub(super) fn wanted(config: &Config) -> Wanted<'_> {
    Wanted {
        encoder: &config.encoder,
        params: &config.video.params,
        programs: &config.programs,
        // Where the source decides, it may have more than 8.
        bit_depth: config.video.bit_depth.unwrap_or(10),
        direct: config.direct || config.method == Method::Linear,
    }
}
