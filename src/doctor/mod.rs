//! The checks as data: shown by `av1enc doctor`, required before an encode.
//!
//! One file per thing that is looked at. Each tells looking (thin, at this machine) from recognising (pure, of what was
//! seen), and all of them make the same [`Check`].

mod wanted;
mod advice;
mod check;
mod container;
mod decoders;
mod machine;
pub mod neighbour;
mod place;
mod profile;
mod tools;
mod vapoursynth;
pub mod forecast;
pub mod film;

use std::{env, path::Path, thread};

use anyhow::{Result, anyhow};

use self::{advice::System, tools::Looked, vapoursynth::Around, wanted::Inquiry};
pub use self::{
    check::{Check, Diagnosis, State},
    tools::ffmpegs,
    wanted::{Programs, Wanted},
};
use crate::{
    encoder,
    film::media::Container,
    os::machine::Machine,
    os::{
        cache::Cache,
        process::{Children, outcome},
        toolbox::Toolbox,
    },
    source::{Unusable, Versions},
};

/// Looks at everything: what an encode needs, in the order in which it would fail, then what slows it down or endangers
/// it. `job_dir` is where the job would be.
///
/// Returns the checks, and the programs if an encode would work. Everything is asked anew.
pub fn examine(
    children: &Children,
    wanted: Wanted<'_>,
    job_dir: &Path,
) -> (Vec<Check>, Option<Programs>) {
    let system = this_system();
    let cache = &Cache::default();
    let ((needed, programs), of_ffmpeg) = thread::scope(|scope| {
        let of_ffmpeg = scope.spawn(|| of_ffmpeg(children, wanted, &system));
        (
            needed(Inquiry { children, cache }, wanted, &system),
            outcome(of_ffmpeg),
        )
    });
    let mut checks = vec![this_program()];
    checks.extend(needed);
    if let Some(programs) = &programs {
        tools::name_library(children, &programs.encoder, &mut checks);
    }
    checks.extend(of_ffmpeg);
    if !checks.iter().any(|check| check.name == container::NAME) {
        checks.push(container::around(&system));
    }
    checks.extend(place::job_dir(job_dir));
    checks.extend(machine::checks(Path::new("/"), Machine::look()));
    checks.extend(profile::checks());
    (checks, programs)
}

/// av1enc itself: several may be installed.
fn this_program() -> Check {
    let path = env::current_exe().ok();
    Check::ok("av1enc")
        .version(env!("CARGO_PKG_VERSION"))
        .at(path.map(|path| path.to_string_lossy().into_owned()))
}

/// What ffmpeg decodes, and what it encodes.
fn of_ffmpeg(children: &Children, wanted: Wanted<'_>, system: &System) -> Vec<Check> {
    let Some(ffmpeg) = tools::wanted_ffmpeg(wanted) else {
        return Vec::new();
    };
    let mut checks = vec![decoders::decoders(children, &ffmpeg, system)];
    checks.extend(decoders::encoders(children, &ffmpeg));
    checks.extend(tools::libsvtav1(children, &ffmpeg));
    checks
}

/// All programs that an encode needs. What is kept of them from an earlier run is not asked again.
///
/// # Errors
/// Every check that failed, with what to type.
pub fn require(children: &Children, wanted: Wanted<'_>) -> Result<Programs> {
    let cache = &Cache::of_user();
    let (checks, programs) = needed(Inquiry { children, cache }, wanted, &this_system());
    programs.ok_or_else(|| {
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
    })
}

/// The program that marks an interlaced film as that.
const MARKER: &str = "mkvpropedit";

/// What is in the way of `container` alone, and of no other film: it is interlaced, and nothing can mark it.
#[must_use]
pub fn lacking_for(children: &Children, container: &Container) -> Option<Check> {
    container.video.fields?;
    let cache = &Cache::of_user();
    let inquiry = Inquiry { children, cache };
    let check = tools::mkvtoolnix(
        &tools::look(inquiry, MARKER, None, "--version"),
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
fn ask_all(inquiry: Inquiry<'_>, wanted: Wanted<'_>, system: &System) -> Answers {
    thread::scope(|scope| {
        let look =
            |name, given, option| scope.spawn(move || tools::look(inquiry, name, given, option));
        let named = wanted.programs;
        let ffprobe = look("ffprobe", named.ffprobe.as_deref(), "-version");
        let ffmpeg = look("ffmpeg", named.ffmpeg.as_deref(), "-version");
        let mkvmerge = look("mkvmerge", None, "--version");
        let mkvpropedit = look(MARKER, None, "--version");
        let encoder = scope.spawn(|| tools::encoder(inquiry, wanted, system));
        let trial = vapoursynth::try_out(inquiry);
        Answers {
            around: vapoursynth::look_around(inquiry.children, &trial),
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
    inquiry: Inquiry<'_>,
    wanted: Wanted<'_>,
    system: &System,
) -> (Vec<Check>, Option<Programs>) {
    let answers = ask_all(inquiry, wanted, system);
    let (encoder_check, encoder) = answers.encoder;
    let ffmpeg_check = tools::ffmpeg(&answers.ffmpeg, system);
    let version = ffmpeg_check.version.clone().unwrap_or_default();
    let mut checks = vec![
        tools::ffmpeg(&answers.ffprobe, system),
        ffmpeg_check,
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
                children: inquiry.children.clone(),
                ffprobe,
                ffmpeg,
                mkvmerge,
                mkvpropedit,
            },
            ffmpeg: version,
            encoder,
            passed_over,
        })
    };
    let programs = if fit { programs() } else { None };
    (checks, programs)
}
