//! The commands, one file each: they read like the README's "How it works".

pub mod doctor;
pub mod encode;

use anyhow::Result;

use crate::{
    doctor::Wanted,
    os::{
        guard::{Threadless, limit_heaps},
        process::Children,
    },
    settings::{Config, Method},
    source,
};

/// What every command stands on that runs tools.
pub struct Ground {
    /// The register of running tools.
    pub children: Children,
}

impl Ground {
    /// Lays it, before any thread is started.
    ///
    /// # Errors
    /// If the guard cannot be started.
    pub fn lay(alone: &Threadless) -> Result<Self> {
        limit_heaps(alone);
        let children = Children::guarded(alone)?;
        source::choose_library(alone, &children);
        Ok(Self { children })
    }
}

/// What the machine has to have for this encode.
fn wanted(config: &Config) -> Wanted<'_> {
    Wanted {
        encoder: &config.encoder,
        programs: &config.programs,
        bit_depth: config.video.bit_depth,
        direct: config.direct || config.method == Method::Linear,
    }
}
