//! The checks as data: shown by `av1enc doctor`, required before an encode.
//!
//! One file per thing that is looked at. Each tells looking (thin, at this machine) from recognising (pure, of what was
//! seen), and all of them make the same [`Check`].

mod advice;
mod check;
mod container;
pub mod film;
mod machine;
mod place;
mod profile;
mod tools;
pub mod trial;
mod vapoursynth;

use std::{
    env, panic,
    path::Path,
    thread::{self, ScopedJoinHandle},
};

use anyhow::{Result, anyhow};

pub use self::check::{Check, Diagnosis, State};
use self::{advice::System, tools::Looked, vapoursynth::Around};
use crate::{
    config::{EncoderChoice, Programs},
    crew::budget::Machine,
    encoder::{self, Encoder},
    probe::Tools,
    process::Children,
    source::{self, Unusable, VapourSynth, Versions},
};

/// What an encode is wanted to do, as far as it decides what is needed.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The encoder that the user wants.
    pub encoder: &'a EncoderChoice,
    /// Programs that the user names.
    pub programs: &'a Programs,
    /// Bits per sample that it has to encode.
    pub bit_depth: u8,
}

/// Everything that an encode needs.
pub struct Equipment {
    /// The tools that read and join files.
    pub tools: Tools,
    /// The encoder.
    pub encoder: Encoder,
    /// Encoders that would have come before it and do not work.
    pub passed_over: Vec<String>,
    /// The frame server.
    pub vapoursynth: VapourSynth,
}

/// Looks at everything: what an encode needs, in the order in which it would fail, then what slows it down or endangers
/// it. `job_dir` is where the job would be.
///
/// Returns the checks, and the equipment if all is there.
pub fn examine(children: &Children, wanted: Wanted<'_>, job_dir: &Path) -> (Vec<Check>, Option<Equipment>) {
    let system = this_system();
    let (mut checks, equipment) = needed(children, wanted, &system);
    checks.extend(place::job_dir(job_dir));
    checks.extend(machine::checks(Path::new("/"), Machine::look(), &system));
    checks.extend(profile::checks());
    (checks, equipment)
}

/// All that an encode needs.
///
/// # Errors
/// Every check that failed, with what to type.
pub fn require(children: &Children, wanted: Wanted<'_>) -> Result<Equipment> {
    let (checks, equipment) = needed(children, wanted, &this_system());
    equipment.ok_or_else(|| {
        let is_container = |check: &Check| check.name == container::NAME;
        let failed: Vec<String> =
            checks.iter().filter(|check| check.state.stops() || is_container(check)).map(Check::to_string).collect();
        anyhow!("this machine lacks what an encode needs:\n{}", failed.join("\n"))
    })
}

fn this_system() -> System {
    System::look(Path::new("/"), env::var_os("container").as_deref())
}

/// What the programs and libraries of this machine answered.
struct Answers {
    ffprobe: Looked,
    ffmpeg: Looked,
    libsvtav1: Option<Check>,
    mkvmerge: Looked,
    encoder: (Check, Option<encoder::Found>),
    trial: Result<Versions, Unusable>,
    around: Around,
}

/// Asks all of them at once, each on a thread of its own: each takes its time.
fn ask_all(children: &Children, wanted: Wanted<'_>, system: &System) -> Answers {
    /// What a thread came to; its panic is ours.
    fn end<T>(thread: ScopedJoinHandle<'_, T>) -> T {
        thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    }
    thread::scope(|scope| {
        let look = |name, given, option| scope.spawn(move || tools::look(children, name, given, option));
        let Programs { ffmpeg, ffprobe } = wanted.programs;
        let ffprobe = look("ffprobe", ffprobe.as_deref(), "-version");
        let ffmpeg = look("ffmpeg", ffmpeg.as_deref(), "-version");
        let mkvmerge = look("mkvmerge", None, "--version");
        let libsvtav1 = scope.spawn(|| tools::ffmpeg_encoders(children, wanted));
        let encoder = scope.spawn(|| tools::encoder(children, wanted, system));
        let trial = source::try_out(children);
        Answers {
            around: vapoursynth::look_around(children, &trial),
            trial,
            ffprobe: end(ffprobe),
            ffmpeg: end(ffmpeg),
            libsvtav1: end(libsvtav1),
            mkvmerge: end(mkvmerge),
            encoder: end(encoder),
        }
    })
}

/// Looks at what an encode cannot do without.
fn needed(children: &Children, wanted: Wanted<'_>, system: &System) -> (Vec<Check>, Option<Equipment>) {
    let answers = ask_all(children, wanted, system);
    let mut checks = vec![tools::ffmpeg(&answers.ffprobe, system), tools::ffmpeg(&answers.ffmpeg, system)];
    checks.extend(answers.libsvtav1);
    checks.push(tools::mkvmerge(&answers.mkvmerge, system));
    checks.extend(vapoursynth::checks(&answers.trial, &answers.around, system));
    let (check, encoder) = answers.encoder;
    checks.push(check);
    // It has been loaded by another process; where this one then fails to load it, that is one more check that fails.
    let fit = !checks.iter().any(|check| check.state.stops());
    let loaded = fit.then(VapourSynth::load);
    if let Some(Err(why)) = &loaded {
        checks.extend(vapoursynth::checks(&Err(why.clone()), &answers.around, system));
    }
    let missing = checks.iter().filter(|check| check.state == State::Missing).map(|check| check.name);
    checks.extend(container::check(&missing.collect::<Vec<_>>(), system));
    let equipment = || {
        let (ffprobe, ffmpeg, mkvmerge) = (answers.ffprobe.path?, answers.ffmpeg.path?, answers.mkvmerge.path?);
        let tools = Tools { ffprobe, ffmpeg, mkvmerge };
        let encoder::Found { encoder, passed_over } = encoder?;
        Some(Equipment { tools, encoder, passed_over, vapoursynth: loaded?.ok()? })
    };
    let equipment = equipment();
    (checks, equipment)
}
