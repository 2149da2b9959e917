//! One file per encoder family: what it understands, its command line, its progress lines, its memory. Here they are
//! found, and spoken to alike.

pub mod types;
pub mod files;
pub mod session;
pub mod svt_av1;
pub mod ffmpeg;
pub mod qsv;

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use num_rational::Ratio;

use self::files::Meaning;
use crate::{
    cli::EncoderName,
    os::{
        cache::Cache,
        process::{Children, ToolFailure},
    },
    settings::EncoderChoice,
};

pub(crate) use crate::settings::params::Param;
pub use types::{Capabilities, Encoder, Family, Fork, Identity, Picture, Quality, Ranges, Video};

/// How one family is spoken to, and what it costs. Everything that differs from one family to the next is here.
pub(crate) trait Speech: Sync {
    /// Expected peak memory of one encoder in bytes, for frames of `size`.
    fn memory_estimate(&self, identity: &Identity, size: (u32, u32), preset: i32, lp: u32) -> u64;

    /// How many cores one encoder at this `lp` keeps busy.
    fn busy_cores(&self, identity: &Identity, lp: u32) -> f64;

    /// The largest `lp` that is of use.
    fn max_lp(&self, identity: &Identity) -> u32;

    /// The largest `lp` that gives the same bytes as this one.
    fn same_bytes_up_to(&self, identity: &Identity, lp: u32) -> u32;

    /// Encoders at once beyond which there is nothing to gain, whatever cores and memory there are.
    fn most_at_once(&self) -> usize {
        usize::MAX
    }

    /// Options that av1enc sets itself, and why a user cannot.
    fn owned(&self) -> Vec<(&'static str, &'static str)>;

    /// What the family's own users call our options: theirs, ours.
    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Options of the family's own front end that have no value, and what they are called here: option, ours, its value.
    fn switches(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        &[]
    }

    /// Options whose value is a file or counts the film's pictures, and what it means. What cannot be taken is among
    /// [`Speech::owned`]; there is no third place for such an option.
    fn meanings(&self) -> &'static [(&'static str, Meaning)] {
        &[]
    }

    /// What is wrong with these options together, where the encoder itself does not say it.
    fn contradiction(&self, _video: &Video) -> Option<String> {
        None
    }

    /// What it says in one of its `lines` that it does not do of the `user`'s options, though it exits 0.
    fn undone<'a>(&self, _user: &[Param], _lines: &'a [String]) -> Option<&'a str> {
        None
    }

    /// What a user should know of these options in chunks.
    fn remark(&self, _video: &Video) -> Option<String> {
        None
    }

    /// Options that say what is done anyway.
    fn implied(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Pixels in each direction below which it refuses a picture without saying why; others say why, or take all.
    fn least_side(&self) -> u32 {
        0
    }

    /// The preset where nobody names one: the middle of the family's range, or near it.
    fn default_preset(&self) -> i32 {
        6
    }

    /// The command line for one chunk: y4m on standard input becomes the IVF file `output`.
    fn chunk_command(&self, encoder: &Encoder, video: &Video, lp: u32, output: &Path) -> Command;

    /// Frames encoded so far, if a line of standard error says so.
    fn progress(&self, line: &str) -> Option<u64>;

    /// Whether it has said of an option that it does not understand it, and gone on.
    fn has_complained(&self, _lines: &[String]) -> bool {
        false
    }
}

/// How a family is spoken to.
fn speech(family: Family) -> &'static dyn Speech {
    match family {
        Family::SvtAv1 => &svt_av1::SvtAv1,
        Family::Libsvtav1 => &ffmpeg::LIBSVTAV1,
        Family::Libaom => &ffmpeg::LIBAOM,
        Family::Librav1e => &ffmpeg::LIBRAV1E,
        Family::Av1Qsv => &qsv::Av1Qsv,
    }
}

impl Identity {
    fn speech(&self) -> &'static dyn Speech {
        speech(self.family)
    }

    /// Expected peak memory of one encoder in bytes, for frames of `size`.
    #[must_use]
    pub fn memory_estimate(&self, size: (u32, u32), preset: i32, lp: u32) -> u64 {
        self.speech().memory_estimate(self, size, preset, lp)
    }

    /// How many cores one encoder at this `lp` keeps busy. A GPU's keeps one busy with decoding for it.
    #[must_use]
    pub fn busy_cores(&self, lp: u32) -> f64 {
        self.speech().busy_cores(self, lp)
    }

    /// The largest `lp` that is of use.
    #[must_use]
    pub fn max_lp(&self) -> u32 {
        self.speech().max_lp(self)
    }

    /// Encoders at once beyond which there is nothing to gain, whatever cores and memory there are.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.speech().most_at_once()
    }

    /// Whether the bytes of a chunk depend on `lp`.
    #[must_use]
    pub fn bytes_depend_on_lp(&self) -> bool {
        self.same_bytes_up_to(1) < self.max_lp()
    }

    /// The largest `lp` that gives the same bytes as this one.
    #[must_use]
    pub fn same_bytes_up_to(&self, lp: u32) -> u32 {
        self.speech().same_bytes_up_to(self, lp)
    }

    /// Why a user cannot set this option, if av1enc sets it itself.
    #[must_use]
    pub fn why_owned(&self, name: &str) -> Option<&'static str> {
        self.speech()
            .owned()
            .into_iter()
            .find(|(owned, _)| *owned == name)
            .map(|(_, why)| why)
    }

    /// The name under which we know an option of the user's.
    #[must_use]
    pub fn our_name<'a>(&self, name: &'a str) -> &'a str {
        self.speech()
            .aliases()
            .iter()
            .find(|(theirs, _)| *theirs == name)
            .map_or(name, |(_, ours)| ours)
    }

    /// An option of the user's as we know it.
    #[must_use]
    pub fn in_our_words(&self, param: &Param) -> Param {
        let mut switches = self.speech().switches().iter();
        match switches.find(|(theirs, ..)| *theirs == param.name) {
            Some((_, ours, value)) if param.value.is_none() => Param::new(ours, value),
            _ => Param {
                name: self.our_name(&param.name).to_owned(),
                value: param.value.clone(),
            },
        }
    }

    /// What the value of an option is, where it is a file or counts the film's pictures.
    #[must_use]
    pub fn meaning(&self, name: &str) -> Option<Meaning> {
        let meanings = self.speech().meanings();
        let found = meanings.iter().find(|(option, _)| *option == name);
        found.map(|(_, meaning)| *meaning)
    }

    /// What is wrong with these options together, where the encoder itself does not say it.
    #[must_use]
    pub fn contradiction(&self, video: &Video) -> Option<String> {
        self.speech().contradiction(video)
    }

    /// What a user should know of these options in chunks.
    #[must_use]
    pub fn remark(&self, video: &Video) -> Option<String> {
        self.speech().remark(video)
    }

    /// Whether an option of the user's says what is done anyway.
    #[must_use]
    pub fn implies(&self, param: &Param) -> bool {
        let said = |(name, value): &(&str, &str)| {
            *name == param.name && param.value.as_deref() == Some(*value)
        };
        self.speech().implied().iter().any(said)
    }

    /// Pixels in each direction below which it refuses a picture without saying why; others say why, or take all.
    #[must_use]
    pub fn least_side(&self) -> u32 {
        self.speech().least_side()
    }

    /// The preset where nobody names one.
    #[must_use]
    pub fn default_preset(&self) -> i32 {
        self.speech().default_preset()
    }

    /// What the family calls the strength of film grain that it synthesises; `None` if it has none to give.
    #[must_use]
    pub fn grain_option(&self) -> Option<&'static str> {
        match self.family {
            Family::SvtAv1 | Family::Libsvtav1 => Some("film-grain"),
            Family::Libaom => Some("denoise-noise-level"),
            Family::Librav1e | Family::Av1Qsv => None,
        }
    }
}

impl Encoder {
    /// The command line for one chunk: y4m on standard input, of any number of frames, becomes the IVF file `output`.
    #[must_use]
    pub fn chunk_command(&self, video: &Video, lp: u32, output: &Path) -> Command {
        self.identity()
            .speech()
            .chunk_command(self, video, lp, output)
    }

    /// What it says in one of its `lines` that it does not do of the `user`'s options, though it exits 0.
    #[must_use]
    pub fn undone<'a>(&self, user: &[Param], lines: &'a [String]) -> Option<&'a str> {
        self.identity().speech().undone(user, lines)
    }

    /// Whether it has said of an option that it does not understand it, and gone on.
    #[must_use]
    pub fn has_complained(&self, lines: &[String]) -> bool {
        self.identity().speech().has_complained(lines)
    }

    /// Frames encoded so far, if `line`, which the encoder has printed on standard error, says so.
    #[must_use]
    pub fn progress(&self, line: &str) -> Option<u64> {
        self.identity().speech().progress(line)
    }
}

/// Frames per second as encoders are told, for a film of `fps`: what every one of them takes. Run with rates from 2^32-1
/// to its inverse: SvtAv1EncApp 1.4.1 and 4.2.0 and libsvtav1 end at 240, and librav1e (ffmpeg 9.0.2) panics at 10^6;
/// libaom (ffmpeg 5.1.9) begins at 1, SvtAv1EncApp 1.4.1 between 1/10 and 1/1000. ffmpeg reads numbers up to 2^31, and
/// libaom's clock ends at 10^9. The times of frames do not come from it.
#[must_use]
pub fn rate(fps: Ratio<u32>) -> Ratio<u32> {
    const LARGEST: u32 = 1_000_000_000;
    let fps = fps.clamp(Ratio::from_integer(1), Ratio::from_integer(240));
    if *fps.numer().max(fps.denom()) <= LARGEST {
        return fps;
    }
    Ratio::new(
        (u64::from(*fps.numer()) * 1000 / u64::from(*fps.denom())) as u32,
        1000,
    )
}

/// There is no such encoder.
#[derive(Debug)]
pub struct NotFound(String);

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotFound {}

/// An encoder that works.
#[derive(Debug, Clone)]
pub struct Found {
    /// The encoder.
    pub encoder: Encoder,
    /// What did not work and would have come before it.
    pub passed_over: Vec<String>,
}

/// Where ffmpeg's encoders are looked for.
#[derive(Debug)]
pub struct Ffmpegs<'a> {
    /// The programs, the one that is liked best first.
    pub programs: Vec<PathBuf>,
    /// What the user asks of the encoder: the first program whose encoder takes it is the one.
    pub params: &'a [Param],
}

/// Finds the encoder that the user wants.
///
/// `auto` is the first that works of: SvtAv1EncApp (a fork before mainline; then in the order of
/// [`svt_av1::installed`]), libsvtav1, libaom, librav1e. `auto-hw` is av1_qsv, or else what `auto` is.
///
/// # Errors
/// [`NotFound`] if there is none; others say why the one that was asked for does not work.
pub fn find(
    children: &Children,
    cache: &Cache,
    wanted: &EncoderChoice,
    ffmpegs: &Ffmpegs<'_>,
) -> Result<Found> {
    let one = |family| among_ffmpegs(children, cache, wanted, ffmpegs, family);
    match wanted.name {
        EncoderName::SvtAv1 => find_svt_av1(children, cache, wanted),
        EncoderName::Libsvtav1 => one(Family::Libsvtav1),
        EncoderName::Libaom => one(Family::Libaom),
        EncoderName::Librav1e => one(Family::Librav1e),
        EncoderName::Av1Qsv => one(Family::Av1Qsv),
        EncoderName::Auto => find_software(children, cache, wanted, ffmpegs),
        EncoderName::AutoHw => one(Family::Av1Qsv).or_else(|error| {
            let mut found = find_software(children, cache, wanted, ffmpegs)?;
            found
                .passed_over
                .insert(0, format!("no av1_qsv: {}", why(&error)));
            Ok(found)
        }),
    }
}

impl Found {
    fn alone(encoder: Encoder) -> Self {
        Self {
            encoder,
            passed_over: Vec::new(),
        }
    }
}

fn find_software(
    children: &Children,
    cache: &Cache,
    wanted: &EncoderChoice,
    ffmpegs: &Ffmpegs<'_>,
) -> Result<Found> {
    let first = match find_svt_av1(children, cache, wanted) {
        Ok(found) => return Ok(found),
        // What was named must be it.
        Err(error) if wanted.path.is_some() => return Err(error),
        Err(error) => error,
    };
    let mut passed_over = vec![why(&first)];
    for family in [Family::Libsvtav1, Family::Libaom, Family::Librav1e] {
        match among_ffmpegs(children, cache, wanted, ffmpegs, family) {
            Ok(found) => {
                passed_over.extend(found.passed_over);
                return Ok(Found {
                    passed_over,
                    ..found
                });
            }
            Err(error) => passed_over.push(why(&error)),
        }
    }
    Err(first)
}

fn find_svt_av1(children: &Children, cache: &Cache, wanted: &EncoderChoice) -> Result<Found> {
    let ask = |path: PathBuf| {
        let capabilities = svt_av1::capabilities(children, cache, &path)?;
        Ok(Encoder::new(path, capabilities))
    };
    if let Some(given) = &wanted.path {
        let path = which::which(given).map_err(|_| {
            NotFound(format!(
                "--encoder-path: `{}` is not a program (SvtAv1EncApp is expected)",
                given.display()
            ))
        })?;
        return ask(path).map(Found::alone);
    }
    let (mut works, mut fails) = (Vec::new(), Vec::new());
    for path in svt_av1::installed() {
        match ask(path) {
            Ok(encoder) => works.push(encoder),
            Err(error) => fails.push(error),
        }
    }
    // The sort is stable: among equals the one that comes first in PATH.
    works.sort_by_key(|encoder| encoder.identity().fork == Fork::Mainline);
    match works.into_iter().next() {
        Some(encoder) => Ok(Found {
            encoder,
            passed_over: fails.iter().map(why).collect(),
        }),
        None => Err(fails.into_iter().next().unwrap_or_else(|| {
            NotFound(format!(
                "no {} in PATH or ~/.local/bin, and none installed by ./setup",
                svt_av1::PROGRAM
            ))
            .into()
        })),
    }
}

/// The encoder of the first ffmpeg that takes what is asked for; where none does, of the first in which it works: what it
/// does not take is told by who checks the options.
fn among_ffmpegs(
    children: &Children,
    cache: &Cache,
    wanted: &EncoderChoice,
    ffmpegs: &Ffmpegs<'_>,
    family: Family,
) -> Result<Found> {
    let (mut works, mut passed_over, mut first_error) = (None, Vec::new(), None);
    for program in &ffmpegs.programs {
        let encoder = match through_ffmpeg(children, cache, wanted, program, family) {
            Ok(encoder) => encoder,
            Err(error) => {
                passed_over.push(why(&error));
                first_error.get_or_insert(error);
                continue;
            }
        };
        let alone = ffmpegs.programs.len() == 1;
        if alone || ffmpeg::takes(children, cache, &encoder, ffmpegs.params)? {
            return Ok(Found {
                encoder,
                passed_over,
            });
        }
        let version = &encoder.identity().version;
        passed_over.push(format!("{version} does not take these options"));
        works.get_or_insert(encoder);
    }
    let none = || first_error.unwrap_or_else(|| NotFound("no ffmpeg in PATH".to_owned()).into());
    works.map(Found::alone).ok_or_else(none)
}

fn through_ffmpeg(
    children: &Children,
    cache: &Cache,
    wanted: &EncoderChoice,
    ffmpeg: &Path,
    family: Family,
) -> Result<Encoder> {
    let program = ffmpeg.to_owned();
    if family == Family::Av1Qsv {
        let device = qsv::node(wanted.device.as_deref())?;
        let capabilities = qsv::capabilities(children, cache, &program, &device)?;
        return Ok(Encoder {
            program,
            capabilities,
            device: Some(device),
        });
    }
    let capabilities = ffmpeg::capabilities(children, cache, &program, family)?;
    Ok(Encoder::new(program, capabilities))
}

/// Why an encoder does not work, in one line.
#[must_use]
pub fn why(error: &anyhow::Error) -> String {
    let first = error.to_string();
    match error.downcast_ref::<ToolFailure>() {
        Some(failure) if first.starts_with('`') => failure.line(),
        Some(failure) => format!("{first} ({})", failure.line()),
        None => format!("{error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_are_told_a_rate_that_they_take() {
        for (fps, told) in [
            ((24000, 1001), (24000, 1001)),
            ((240, 1), (240, 1)),
            ((240_001, 1000), (240, 1)),
            ((1000, 1), (240, 1)),
            ((u32::MAX, 1), (240, 1)),
            ((1, 10), (1, 1)),
            ((1, u32::MAX), (1, 1)),
            ((1_000_000_009, 1_000_000_007), (1, 1)),
            ((u32::MAX, 143_165_577), (29_999, 1000)),
        ] {
            assert_eq!(
                rate(Ratio::new(fps.0, fps.1)),
                Ratio::new(told.0, told.1),
                "{fps:?}"
            );
        }
    }
}
