//! One file per encoder family: what it understands, its command line, its progress lines, its memory.

pub mod cache;
pub mod ffmpeg;
pub mod qsv;
pub mod session;
pub mod svt_av1;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use self::cache::Cache;
use crate::{
    cli::EncoderName,
    config::{EncoderChoice, Param},
    process::{Children, ToolFailure},
};

/// Programs that are run and spoken to in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// SvtAv1EncApp.
    SvtAv1,
    /// SVT-AV1 through ffmpeg.
    Libsvtav1,
    /// libaom through ffmpeg.
    Libaom,
    /// rav1e through ffmpeg.
    Librav1e,
    /// An Intel GPU through ffmpeg.
    Av1Qsv,
}

/// Which line of development an SVT-AV1 comes from: the same option can mean another thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fork {
    /// The reference encoder.
    Mainline,
    /// SVT-AV1-PSY.
    Psy,
    /// SVT-AV1-HDR.
    Hdr,
    /// SVT-AV1-Essential.
    Essential,
}

/// Which encoder it is: all that its costs, and the meaning of its options, depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// How it is spoken to.
    pub family: Family,
    /// Its line of development.
    pub fork: Fork,
    /// Its first line of `--version`.
    pub version: String,
    /// Major and minor version.
    pub number: (u32, u32),
}

impl Identity {
    /// Expected peak memory of one encoder in bytes.
    #[must_use]
    pub fn memory_estimate(&self, width: u32, height: u32, preset: i32, lp: u32) -> u64 {
        match self.family {
            Family::SvtAv1 => svt_av1::memory_estimate(self, width, height, preset, lp),
            Family::Libsvtav1 | Family::Libaom | Family::Librav1e => {
                ffmpeg::memory_estimate(self, width, height, preset, lp)
            }
            Family::Av1Qsv => qsv::memory_estimate(width, height),
        }
    }

    /// How many cores one encoder at this `lp` keeps busy. A GPU's keeps one busy with decoding for it.
    #[must_use]
    pub fn busy_cores(&self, lp: u32) -> f64 {
        match self.family {
            Family::SvtAv1 => svt_av1::busy_cores(self, lp),
            Family::Libsvtav1 | Family::Libaom | Family::Librav1e => ffmpeg::busy_cores(self, lp),
            Family::Av1Qsv => 1.0,
        }
    }

    /// The largest `lp` that is of use.
    #[must_use]
    pub fn max_lp(&self) -> u32 {
        match self.family {
            Family::SvtAv1 => svt_av1::max_lp(self),
            Family::Libsvtav1 | Family::Libaom | Family::Librav1e => ffmpeg::max_lp(self),
            Family::Av1Qsv => 1,
        }
    }

    /// Encoders at once beyond which there is nothing to gain, whatever cores and memory there are.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        if self.family == Family::Av1Qsv { qsv::MOST_AT_ONCE } else { usize::MAX }
    }

    /// Whether the bytes of a chunk depend on `lp`.
    #[must_use]
    pub fn bytes_depend_on_lp(&self) -> bool {
        self.same_bytes_up_to(1) < self.max_lp()
    }

    /// The largest `lp` that gives the same bytes as this one.
    #[must_use]
    pub fn same_bytes_up_to(&self, lp: u32) -> u32 {
        match self.family {
            Family::SvtAv1 | Family::Libsvtav1 => svt_av1::same_bytes_up_to(self, lp),
            // Seen with 1, 2 and 4 threads: rav1e 0.5.1 and that of ffmpeg 9.0.2, libaom 3.6.0 and 3.15.1.
            Family::Libaom | Family::Librav1e | Family::Av1Qsv => self.max_lp(),
        }
    }

    /// Options that av1enc sets itself, and why a user cannot.
    pub fn owned(&self) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        let (own, shared) = match self.family {
            Family::SvtAv1 | Family::Libsvtav1 => (svt_av1::OWNED, [].as_slice()),
            Family::Libaom | Family::Librav1e => (ffmpeg::OWNED, [].as_slice()),
            Family::Av1Qsv => (qsv::OWNED, ffmpeg::OWNED),
        };
        own.iter().chain(shared)
    }

    /// The name under which we know an option of the user's.
    #[must_use]
    pub fn our_name<'a>(&self, name: &'a str) -> &'a str {
        let aliases = match self.family {
            Family::Libaom | Family::Librav1e => ffmpeg::ALIASES,
            _ => &[],
        };
        aliases.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| ours)
    }

    /// Whether an option of the user's says what is done anyway.
    #[must_use]
    pub fn implies(&self, param: &Param) -> bool {
        let implied = if self.family == Family::Libaom { ffmpeg::IMPLIED } else { &[] };
        implied.iter().any(|(name, value)| *name == param.name && param.value.as_deref() == Some(value))
    }

    /// Pixels in each direction below which it refuses a picture without saying why; others say why, or take all
    /// (0.5.1, and that of ffmpeg 9.0.2).
    #[must_use]
    pub fn least_side(&self) -> u32 {
        if self.family == Family::Librav1e { 16 } else { 0 }
    }

    /// The preset where nobody names one: the middle of each family's range, or near it.
    #[must_use]
    pub fn default_preset(&self) -> i32 {
        if self.family == Family::Av1Qsv { 4 } else { DEFAULT_PRESET }
    }

    /// The constant rate factor where nobody names one, for a source of this codec (ffmpeg's name), size and depth.
    #[must_use]
    pub fn default_crf(&self, codec: &str, width: u32, height: u32, bit_depth: u8) -> u32 {
        if self.family == Family::Av1Qsv { qsv::quality(codec, width, height, bit_depth) } else { DEFAULT_CRF }
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
    Ratio::new((u64::from(*fps.numer()) * 1000 / u64::from(*fps.denom())) as u32, 1000)
}

/// Default constant rate factor.
const DEFAULT_CRF: u32 = 28;
/// Default preset.
const DEFAULT_PRESET: i32 = 6;

/// The encoder of a run: where it is, and what it understands.
#[derive(Debug, Clone)]
pub struct Encoder {
    program: PathBuf,
    capabilities: Capabilities,
    /// The GPU's render node, where it is one.
    device: Option<PathBuf>,
}

impl Encoder {
    /// The encoder that `program` is, which has said that it is capable of `capabilities`.
    #[must_use]
    pub fn new(program: PathBuf, capabilities: Capabilities) -> Self {
        Self { program, capabilities, device: None }
    }

    /// Where it is.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What it understands.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Which it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.capabilities.identity
    }

    /// Whether it writes the HDR10 metadata that it is told of; else it is inserted into what it has written.
    #[must_use]
    pub fn writes_hdr10(&self) -> bool {
        self.capabilities.has("mastering-display")
    }

    /// The command line for one chunk: y4m on standard input, of any number of frames, becomes the IVF file `output`.
    #[must_use]
    pub fn chunk_command(&self, params: &[Param], lp: u32, output: &Path) -> Command {
        match self.identity().family {
            Family::SvtAv1 => svt_av1::chunk_command(&self.program, params, lp, output),
            Family::Libsvtav1 | Family::Libaom | Family::Librav1e => {
                ffmpeg::chunk_command(self.identity(), &self.program, params, lp, output)
            }
            Family::Av1Qsv => {
                qsv::chunk_command(&self.program, self.device.as_deref().unwrap_or(Path::new("")), params, output)
            }
        }
    }

    /// The command line for a whole film, whose `(file, stream)` ffmpeg reads itself: upright, at its top left cut to
    /// `size`, at `fps` whatever its times are.
    #[must_use]
    pub fn film_command(
        &self,
        params: &[Param],
        lp: u32,
        film: (&Path, usize),
        size: (u32, u32),
        fps: Ratio<u32>,
        output: &Path,
    ) -> Command {
        ffmpeg::film_command(self.identity(), &self.program, params, lp, film, size, fps, output)
    }

    /// Whether it has said of an option that it does not understand it, and gone on.
    #[must_use]
    pub fn has_complained(&self, lines: &[String]) -> bool {
        self.identity().family == Family::Librav1e && ffmpeg::has_complained(lines)
    }

    /// Frames encoded so far, if `line`, which the encoder has printed on standard error, says so.
    #[must_use]
    pub fn progress(&self, line: &str) -> Option<u64> {
        match self.identity().family {
            Family::SvtAv1 => svt_av1::progress(line),
            _ => ffmpeg::progress(line),
        }
    }
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
    /// It.
    pub encoder: Encoder,
    /// What did not work and would have come before it.
    pub passed_over: Vec<String>,
}

/// Finds the encoder that the user wants. `ffmpeg` is the program to ask for ffmpeg's encoders, if there is one.
///
/// `auto` is the first that works of: SvtAv1EncApp (a fork before mainline; then in the order of
/// [`svt_av1::installed`]), libsvtav1, libaom, librav1e. `auto-hw` is av1_qsv, or else what `auto` is.
///
/// # Errors
/// [`NotFound`] if there is none; others say why the one that was asked for does not work.
pub fn find(children: &Children, cache: &Cache, wanted: &EncoderChoice, ffmpeg: Option<&Path>) -> Result<Found> {
    let one = |family| through_ffmpeg(children, cache, wanted, ffmpeg, family).map(Found::alone);
    match wanted.name {
        EncoderName::SvtAv1 => find_svt_av1(children, cache, wanted),
        EncoderName::Libsvtav1 => one(Family::Libsvtav1),
        EncoderName::Libaom => one(Family::Libaom),
        EncoderName::Librav1e => one(Family::Librav1e),
        EncoderName::Av1Qsv => one(Family::Av1Qsv),
        EncoderName::Auto => find_software(children, cache, wanted, ffmpeg),
        EncoderName::AutoHw => one(Family::Av1Qsv).or_else(|error| {
            let mut found = find_software(children, cache, wanted, ffmpeg)?;
            found.passed_over.insert(0, format!("no av1_qsv: {}", in_one_line(&error)));
            Ok(found)
        }),
    }
}

impl Found {
    fn alone(encoder: Encoder) -> Self {
        Self { encoder, passed_over: Vec::new() }
    }
}

fn find_software(children: &Children, cache: &Cache, wanted: &EncoderChoice, ffmpeg: Option<&Path>) -> Result<Found> {
    let first = match find_svt_av1(children, cache, wanted) {
        Ok(found) => return Ok(found),
        // What was named must be it.
        Err(error) if wanted.path.is_some() => return Err(error),
        Err(error) => error,
    };
    let mut passed_over = vec![in_one_line(&first)];
    for family in [Family::Libsvtav1, Family::Libaom, Family::Librav1e] {
        match through_ffmpeg(children, cache, wanted, ffmpeg, family) {
            Ok(encoder) => return Ok(Found { encoder, passed_over }),
            Err(error) => passed_over.push(in_one_line(&error)),
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
            NotFound(format!("--encoder-path: `{}` is not a program (SvtAv1EncApp is expected)", given.display()))
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
        Some(encoder) => Ok(Found { encoder, passed_over: fails.iter().map(in_one_line).collect() }),
        None => Err(fails.into_iter().next().unwrap_or_else(|| {
            NotFound(format!("no {} in PATH or ~/.local/bin, and none installed by ./setup", svt_av1::PROGRAM)).into()
        })),
    }
}

fn through_ffmpeg(
    children: &Children,
    cache: &Cache,
    wanted: &EncoderChoice,
    ffmpeg: Option<&Path>,
    family: Family,
) -> Result<Encoder> {
    let program = ffmpeg.ok_or_else(|| NotFound("no ffmpeg in PATH".to_owned()))?.to_owned();
    if family == Family::Av1Qsv {
        let device = qsv::node(wanted.device.as_deref())?;
        let capabilities = qsv::capabilities(children, cache, &program, &device)?;
        return Ok(Encoder { program, capabilities, device: Some(device) });
    }
    let capabilities = ffmpeg::capabilities(children, cache, &program, family)?;
    Ok(Encoder::new(program, capabilities))
}

/// Why an encoder does not work, in one line.
#[must_use]
pub fn in_one_line(error: &anyhow::Error) -> String {
    let first = error.to_string();
    match error.downcast_ref::<ToolFailure>() {
        Some(failure) if first.starts_with('`') => failure.line(),
        Some(failure) => format!("{first} ({})", failure.line()),
        None => format!("{error:#}"),
    }
}

/// The values that an option takes, as far as the help text says: any of these ranges, ends included.
pub type Ranges = Vec<(f64, f64)>;

/// What an encoder understands, read from itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Which it is.
    pub identity: Identity,
    /// Long option names without dashes; ranges where the help text gives numbers.
    pub options: BTreeMap<String, Option<Ranges>>,
    /// Whether `--crf` takes quarters; encoders that do not, round them in silence.
    pub quarter_crf: bool,
    /// Whether there may be options beside these; whether one is understood, only trying it out can tell.
    pub open: bool,
}

impl Capabilities {
    /// Whether there is such an option.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.contains_key(option)
    }

    /// Whether there is such an option and `value` is in its range (or the range is not known).
    #[must_use]
    pub fn accepts(&self, option: &str, value: f64) -> bool {
        match self.options.get(option) {
            None => false,
            Some(None) => true,
            Some(Some(ranges)) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&value)),
        }
    }

    /// The known option whose name is nearest to `name`, if any is near.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let scored = self.options.keys().map(|known| (strsim::jaro_winkler(name, known), known));
        scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known.as_str())
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
            assert_eq!(rate(Ratio::new(fps.0, fps.1)), Ratio::new(told.0, told.1), "{fps:?}");
        }
    }
}
