//! The checks as data: shown by `av1enc doctor`, required before an encode.
//!
//! One file per thing that is looked at. Each tells looking (thin, at this machine) from recognising (pure, of what was
//! seen), and all of them make the same [`Check`].

mod advice;
mod check;
mod container;
mod machine;
mod place;
mod profile;
mod tools;
mod vapoursynth;
pub mod forecast;
pub mod film;

use std::{env, path::Path, thread};

use anyhow::{Context, Result, anyhow};

pub use self::check::{Check, Diagnosis, State};
use self::{advice::System, tools::Looked, vapoursynth::Around};
use crate::{
    encoder::{self, Encoder},
    film::media::Container,
    os::machine::Machine,
    os::{
        process::{Children, outcome},
        toolbox::Toolbox,
    },
    settings::{self, EncoderChoice},
    source::{self, Unusable, VapourSynth, Versions},
};

/// What an encode is wanted to do, as far as it decides what is needed.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The encoder that the user wants.
    pub encoder: &'a EncoderChoice,
    /// Programs that the user names.
    pub programs: &'a settings::Programs,
    /// Bits per sample that it has to encode.
    pub bit_depth: u8,
    /// Whether ffmpeg reads the film itself: no VapourSynth is needed.
    pub direct: bool,
}

/// The programs that an encode runs: all there, and asked.
pub struct Programs {
    /// The tools that read and join files.
    pub tools: Toolbox,
    /// The encoder.
    pub encoder: Encoder,
    /// Encoders that would have come before it and do not work.
    pub passed_over: Vec<String>,
}

/// Everything that an encode needs.
pub struct Equipment {
    /// The programs.
    pub programs: Programs,
    /// The frame server, loaded, unless the encode does without.
    pub vapoursynth: Option<VapourSynth>,
}

/// Looks at everything: what an encode needs, in the order in which it would fail, then what slows it down or endangers
/// it. `job_dir` is where the job would be.
///
/// Returns the checks, and the programs if an encode would work.
pub fn examine(
    children: &Children,
    wanted: Wanted<'_>,
    job_dir: &Path,
) -> (Vec<Check>, Option<Programs>) {
    let system = this_system();
    let ((mut checks, programs), libsvtav1) = thread::scope(|scope| {
        let libsvtav1 = scope.spawn(|| tools::libsvtav1(children, wanted));
        (needed(children, wanted, &system), outcome(libsvtav1))
    });
    checks.extend(libsvtav1);
    checks.extend(place::job_dir(job_dir));
    checks.extend(machine::checks(Path::new("/"), Machine::look(), &system));
    checks.extend(profile::checks());
    (checks, programs)
}

/// All that an encode needs.
///
/// # Errors
/// Every check that failed, with what to type.
pub fn require(children: &Children, wanted: Wanted<'_>) -> Result<Equipment> {
    let (checks, programs) = needed(children, wanted, &this_system());
    let programs = programs.ok_or_else(|| {
        let is_container = |check: &Check| check.name == container::NAME;
        let failed: Vec<String> = checks
            .iter()
            .filter(|check| check.state.stops() || is_container(check))
            .map(Check::to_string)
            .collect();
        let instead = if checks
            .iter()
            .any(|check| check.state.stops() && ["VapourSynth", "FFMS2"].contains(&check.name))
        {
            "\nOr, without VapourSynth: add --chunk-method linear, and ffmpeg reads the film"
        } else {
            ""
        };
        anyhow!(
            "this machine lacks what an encode needs:\n{}{instead}",
            failed.join("\n")
        )
    })?;
    if wanted.direct {
        return Ok(Equipment {
            programs,
            vapoursynth: None,
        });
    }
    // Another process has loaded it a moment ago.
    let vapoursynth =
        VapourSynth::load().context("loading VapourSynth; `av1enc doctor` may know more")?;
    Ok(Equipment {
        programs,
        vapoursynth: Some(vapoursynth),
    })
}

/// The program that marks an interlaced film as that.
const MARKER: &str = "mkvpropedit";

/// What is in the way of `container` alone, and of no other film: it is interlaced, and nothing can mark it.
#[must_use]
pub fn lacking_for(children: &Children, container: &Container) -> Option<Check> {
    container.video.fields?;
    let check = tools::mkvtoolnix(
        &tools::look(children, MARKER, None, "--version"),
        &this_system(),
    );
    check
        .state
        .stops()
        .then(|| check.adding(", and the film is interlaced: it marks the output as that"))
}

fn this_system() -> System {
    System::look(Path::new("/"), env::var_os("container").as_deref())
}

/// What the programs and libraries of this machine answered.
struct Answers {
    ffprobe: Looked,
    ffmpeg: Looked,
    mkvmerge: Looked,
    mkvpropedit: Looked,
    encoder: (Check, Option<encoder::Found>),
    trial: Result<Versions, Unusable>,
    around: Around,
}

/// Asks all of them at once, each on a thread of its own: each takes its time.
fn ask_all(children: &Children, wanted: Wanted<'_>, system: &System) -> Answers {
    thread::scope(|scope| {
        let look =
            |name, given, option| scope.spawn(move || tools::look(children, name, given, option));
        let named = wanted.programs;
        let ffprobe = look("ffprobe", named.ffprobe.as_deref(), "-version");
        let ffmpeg = look("ffmpeg", named.ffmpeg.as_deref(), "-version");
        let mkvmerge = look("mkvmerge", None, "--version");
        let mkvpropedit = look(MARKER, None, "--version");
        let encoder = scope.spawn(|| tools::encoder(children, wanted, system));
        let trial = source::try_out(children);
        Answers {
            around: vapoursynth::look_around(children, &trial),
            trial,
            ffprobe: outcome(ffprobe),
            ffmpeg: outcome(ffmpeg),
            mkvmerge: outcome(mkvmerge),
            mkvpropedit: outcome(mkvpropedit),
            encoder: outcome(encoder),
        }
    })
}

/// Looks at what an encode cannot do without.
fn needed(
    children: &Children,
    wanted: Wanted<'_>,
    system: &System,
) -> (Vec<Check>, Option<Programs>) {
    let answers = ask_all(children, wanted, system);
    let (encoder_check, encoder) = answers.encoder;
    let mut checks = vec![
        tools::ffmpeg(&answers.ffprobe, system),
        tools::ffmpeg(&answers.ffmpeg, system),
        tools::mkvtoolnix(&answers.mkvmerge, system),
        tools::needed_by_few(
            tools::mkvtoolnix(&answers.mkvpropedit, system),
            "an interlaced film",
        ),
    ];
    if !wanted.direct {
        checks.extend(vapoursynth::checks(&answers.trial, &answers.around, system));
    }
    checks.push(encoder_check);
    let missing = checks
        .iter()
        .filter(|check| check.state == State::Missing)
        .map(|check| check.name);
    checks.extend(container::check(&missing.collect::<Vec<_>>(), system));
    let fit = !checks.iter().any(|check| check.state.stops());
    let programs = || {
        let (ffprobe, ffmpeg, mkvmerge) = (
            answers.ffprobe.path?,
            answers.ffmpeg.path?,
            answers.mkvmerge.path?,
        );
        let (
            mkvpropedit,
            encoder::Found {
                encoder,
                passed_over,
            },
        ) = (answers.mkvpropedit.path, encoder?);
        Some(Programs {
            tools: Toolbox {
                children: children.clone(),
                ffprobe,
                ffmpeg,
                mkvmerge,
                mkvpropedit,
            },
            encoder,
            passed_over,
        })
    };
    let programs = if fit { programs() } else { None };
    (checks, programs)
}
