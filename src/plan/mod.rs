//! Decisions, without any I/O.

mod colors;
pub mod asked;
pub mod recipe;
pub mod workers;
mod origins;

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use self::{
    asked::Asked,
    recipe::{Goal, Recipe, Source},
    workers::{Demands, Load, Workers},
};
use crate::{
    cli::Setting,
    decide::{Film, class::Classified, quality, tracks::Settled},
    encoder::{Encoder, files::Named},
    film::media::{Container, MediaInfo},
    os::{machine::Machine, process},
    settings::Config,
    source::probe::Probed,
};

/// What would be done: shown by `--dry-run`.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// The source.
    pub input: String,
    /// The output.
    pub output: String,
    /// The source's container and video.
    pub source: Container,
    /// Every decision about the bytes.
    pub recipe: Recipe,
    /// The encoder's command line for a chunk.
    pub encoder_line: String,
    /// Encoders at once, and why.
    pub workers: Workers,
    /// The class of the source, where somebody asked for it.
    pub class: Option<Classified>,
    /// What each option is set to, and by whom.
    pub settings: Vec<Setting>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Whether the user demands that level of parallelism.
    #[serde(skip)]
    pub lp_demanded: bool,
}

/// Frames of a chunk, on average, for guessing their number before the scenes are known: of 5 minutes of "Tears of Steel"
/// and 10 of "Sintel", scenes last 3 to 6 s, and none more than 240 frames.
const LIKELY_CHUNK: f64 = 120.0;
/// Frames a second of a film that says nothing of them: only films of a few chunks are of interest here.
const LIKELY_RATE: f64 = 24.0;
/// Bits per pixel at CRF 28, generously, and halved with every six steps of CRF. Measured with SVT-AV1 4.2.0 at preset 8 on four
/// stretches of 60 frames of 1080p at 10 bit: 0.017 to 0.060 at CRF 28, and 1.4 to 1.7 times less with every six steps from 22 to 40.
/// So it is several times too much below CRF 28, and at 40 the heaviest of them took 0.029, where it says 0.025. It only says for how
/// much a disk should have room: at half, a film may stop for want of it; at double, one is warned of that would have fitted.
const BITS_PER_PIXEL: f64 = 0.1;
const CRF_OF_THAT: f64 = 28.0;

impl Plan {
    /// Decides everything that can be decided before the film is read, for an encode on `machine` whose options
    /// name the files `named`.
    ///
    /// # Errors
    /// [`crate::os::exit::UsageError`], if the encoder does not take what the user wants.
    pub fn decide(
        config: &Config,
        encoder: &Encoder,
        probed: &Probed,
        machine: Machine,
        named: Named,
    ) -> Result<Self> {
        let container = &probed.container;
        let fps = probed.rates.first().copied();
        let film = Film {
            name: &name_of(&config.input),
            container,
            fps,
        };
        let choice = quality::choose(&config.deciding, encoder.identity().family, &film)?;
        let source = Source {
            container,
            fps,
            choice: &choice,
        };
        let mut warnings = container.warnings.clone();
        warnings.extend(of_av1(container));
        let asked = Asked::of(
            config,
            &choice,
            encoder.capabilities(),
            &named.files,
            &mut warnings,
        )?;
        let recipe = recipe::decide(config, source, &asked, named, &mut warnings)?;
        let demands = Demands {
            workers: config.workers,
            lp: asked.lp,
            memory: config.memory,
        };
        let chunks = if config.direct {
            1
        } else {
            likely_chunks(container)
        };
        let workers = workers::choose(machine, &load(&recipe, container), chunks, demands);
        warnings.extend(workers.lacking.clone());
        let line = encoder.chunk_command(&recipe.video, workers.lp, Path::new("CHUNK.ivf"));
        Ok(Self {
            input: config.input.to_string_lossy().into_owned(),
            output: config.output.to_string_lossy().into_owned(),
            source: container.clone(),
            encoder_line: process::shown(&line),
            settings: origins::settings(config, &choice, &asked, &recipe),
            class: choice.class,
            recipe,
            workers,
            warnings,
            lp_demanded: asked.lp.is_some(),
        })
    }

    /// The same plan, where this was settled of the film's tracks.
    #[must_use]
    pub fn with_tracks(mut self, settled: Settled) -> Self {
        if !settled.fates.is_empty() {
            self.recipe.audio_args = settled.audio_args.or(self.recipe.audio_args);
            self.recipe.tracks = settled.fates;
            self.warnings.extend(settled.warnings);
        }
        self
    }

    /// What a worker will have to do, as far as it decides about memory.
    #[must_use]
    pub fn load(&self) -> Load {
        load(&self.recipe, &self.source)
    }

    /// Bytes of video that may be expected.
    #[must_use]
    pub fn likely_bytes(&self, media: &MediaInfo) -> u64 {
        likely_bytes(&self.recipe, media)
    }
}

/// Bytes of video that may be expected: those of the whole output, where somebody says how large that is to be; else a
/// guess, and never more than the source.
#[must_use]
pub fn likely_bytes(recipe: &Recipe, media: &MediaInfo) -> u64 {
    let crf = match recipe.goal() {
        Goal::Size { aim, .. } => return aim.bytes,
        Goal::Crf(crf) => crf.value(),
        Goal::Own => CRF_OF_THAT,
    };
    let pixels = media.frames as f64 * f64::from(media.width) * f64::from(media.height);
    let bits = pixels * BITS_PER_PIXEL * ((CRF_OF_THAT - crf) / 6.0).exp2();
    ((bits / 8.0) as u64).min(media.container.bytes)
}

/// The name of a film's file, as far as it is text.
fn name_of(film: &Path) -> String {
    let name = film.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// What there is to say of a film that is AV1 already.
fn of_av1(container: &Container) -> Option<String> {
    let is_av1 = container.video.codec == "av1";
    is_av1.then(|| {
        "the source is AV1 already, and loses by being encoded again; --skip av1 leaves such films alone".to_owned()
    })
}

fn likely_chunks(container: &Container) -> u64 {
    let declared = container.declared_frames.map(|frames| frames as f64);
    let from_length = || Some(container.duration_seconds? * LIKELY_RATE);
    let frames = declared.or_else(from_length).unwrap_or(f64::MAX);
    (frames / LIKELY_CHUNK).ceil().min(1e9) as u64
}

/// What a worker will have to do, as far as it decides about memory.
#[must_use]
pub fn load(recipe: &Recipe, container: &Container) -> Load {
    let video = &container.video;
    Load {
        encoder: recipe.encoder.clone(),
        size: (video.width, video.height),
        preset: recipe.video.preset,
    }
}

/// A plan, for tests.
#[cfg(test)]
pub(crate) mod examples {
    use super::{
        Plan,
        recipe::examples::recipe,
        workers::{
            self, Demands,
            examples::{HD, load, machine},
        },
    };
    use crate::{film::media::examples::media, settings::MemoryLimit};

    /// That of an encoder of a fork: the bytes of mainline do not depend on `--lp`, those of an unknown one do.
    pub fn plan(fork: &str) -> Plan {
        let demands = Demands {
            workers: None,
            lp: Some(1),
            memory: MemoryLimit::Available,
        };
        Plan {
            input: "in.mkv".to_owned(),
            output: "out.mkv".to_owned(),
            source: media().container,
            recipe: recipe(fork),
            encoder_line: String::new(),
            workers: workers::choose(machine(4, 16), &load(HD), 10, demands),
            class: None,
            settings: Vec::new(),
            warnings: Vec::new(),
            lp_demanded: true,
        }
    }
}
