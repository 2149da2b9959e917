//! libsvtav1, libaom and librav1e through ffmpeg: capabilities, command line, progress, memory.
//!
//! ffmpeg reads our y4m on its standard input and writes IVF. It says neither which options its libraries have nor,
//! mostly, whether they have understood one: what decides about a recipe is tried out, and so is the recipe itself.

use std::{collections::BTreeMap, path::Path, process::Command, sync::mpsc};

use anyhow::{Context, Result, bail, ensure};

use num_rational::Ratio;

use super::{
    Capabilities, Encoder, Family, Fork, Identity, Param, Quality, Ranges, Speech, Video,
    files::Meaning, session::Session, svt_av1,
};
use crate::{
    film::{
        media::{ChromaLocation, Color, Range, UNSPECIFIED},
        shape::{Shape, pixel_format},
    },
    os::{
        cache::Cache,
        process::{Children, ToolFailure},
        toolbox::OLDEST_FFMPEG_TO_ENCODE,
        version::Version,
    },
    source::probe::file_url,
    stream::y4m,
};

/// How ffmpeg is told of one encoder, in terms of our own names of options.
pub(super) struct Library {
    family: Family,
    /// ffmpeg's name of the encoder.
    codec: &'static str,
    /// The option that takes `key=value:key=value`.
    params: &'static str,
    /// ffmpeg's option for the preset.
    preset: &'static str,
    /// Further options of the encoder that ffmpeg has options of its own for.
    options: &'static [(&'static str, &'static str)],
    /// What is always said. Keyframes only where chunks begin.
    fixed: &'static [&'static str],
    /// The range of `--crf`.
    crf: (f64, f64),
}

pub(super) const LIBSVTAV1: Library = Library {
    family: Family::Libsvtav1,
    codec: "libsvtav1",
    params: "-svtav1-params",
    preset: "-preset",
    options: &[],
    // Without it, what the library does not understand is a warning.
    fixed: &["-err_detect", "explode"],
    crf: (1.0, 63.0),
};
pub(super) const LIBAOM: Library = Library {
    family: Family::Libaom,
    codec: "libaom-av1",
    params: "-aom-params",
    preset: "-cpu-used",
    options: &[
        ("lag-in-frames", "-lag-in-frames"),
        ("min-q", "-qmin"),
        ("max-q", "-qmax"),
        ("usage", "-usage"),
        ("tiles", "-tiles"),
    ],
    fixed: &[
        "-b:v",
        "0",
        "-row-mt",
        "1",
        "-g",
        "9999",
        "-keyint_min",
        "9999",
    ],
    crf: (0.0, 63.0),
};
pub(super) const LIBRAV1E: Library = Library {
    family: Family::Librav1e,
    codec: "librav1e",
    params: "-rav1e-params",
    preset: "-speed",
    options: &[],
    fixed: &["-g", "9999", "-keyint_min", "9999"],
    crf: (0.0, 63.75),
};

fn library(family: Family) -> &'static Library {
    match family {
        Family::Librav1e => &LIBRAV1E,
        Family::Libaom => &LIBAOM,
        _ => &LIBSVTAV1,
    }
}

/// Options that are ours in all families that ffmpeg runs, or in one of them.
pub(super) const OWNED: &[(&str, &str)] = &[
    ("bit-depth", "use --pix-format"),
    ("input-bit-depth", "use --pix-format"),
    ("target-bitrate", "chunks are encoded at a constant quality"),
    ("bitrate", "chunks are encoded at a constant quality"),
    ("end-usage", "chunks are encoded at a constant quality"),
    (
        "kf-max-dist",
        "every chunk begins with a keyframe; see --extra-split",
    ),
    (
        "kf-min-dist",
        "every chunk begins with a keyframe; see --extra-split",
    ),
    (
        "key_frame_interval",
        "every chunk begins with a keyframe; see --extra-split",
    ),
    (
        "min_key_frame_interval",
        "every chunk begins with a keyframe; see --extra-split",
    ),
    ("width", "the source decides"),
    ("height", "the source decides"),
    ("row-mt", "it is always on: other bytes come without it"),
    ("limit", "av1enc counts the frames"),
    ("skip", "av1enc counts the frames"),
    ("fpf", "chunks are encoded in one pass"),
    ("two-pass-input", "chunks are encoded in one pass"),
    ("two-pass-output", "chunks are encoded in one pass"),
    ("first_pass", "chunks are encoded in one pass"),
    ("second_pass", "chunks are encoded in one pass"),
    (
        "partition-info-path",
        "chunks are encoded in parallel: they would overwrite it",
    ),
    (
        "rate-distribution-info",
        "it counts the film's pictures, and every chunk begins with picture 0",
    ),
    ("pass", "chunks are encoded in one pass"),
    ("passes", "chunks are encoded in one pass"),
];

/// Options of libaom whose value is a file.
const MEANINGS_OF_LIBAOM: &[(&str, Meaning)] = &[
    ("film-grain-table", Meaning::Grain),
    ("vmaf-model-path", Meaning::File),
];

/// What is done anyway, and may be said.
const IMPLIED: &[(&str, &str)] = &[("end-usage", "q")];

/// What the family's own users call our options.
const ALIASES: &[(&str, &str)] = &[
    ("cpu-used", "preset"),
    ("speed", "preset"),
    ("cq-level", "crf"),
    ("threads", "lp"),
];

/// What aomenc and rav1e have without a value, and the libraries with one.
const SWITCHES_OF_LIBAOM: &[(&str, &str, &str)] = &[
    ("rt", "usage", "realtime"),
    ("good", "usage", "good"),
    ("allintra", "usage", "allintra"),
];
const SWITCHES_OF_LIBRAV1E: &[(&str, &str, &str)] = &[("low-latency", "low_latency", "true")];

/// The version in the first line of `-version`: `ffmpeg version 5.1.9-0+deb12u1 Copyright`. A build from between versions
/// (`N-118000-g…`) has none.
#[must_use]
pub fn version(text: &str) -> Option<Version> {
    Version::read(text.strip_prefix("ffmpeg version ")?)
}

/// The version of `ffmpeg`, for people.
///
/// # Errors
/// If it does not run, or is older than [`OLDEST_FFMPEG_TO_ENCODE`].
pub fn require_version(children: &Children, ffmpeg: &Path) -> Result<String> {
    let mut command = Command::new(ffmpeg);
    command.arg("-version");
    let text = String::from_utf8_lossy(&children.output(command)?).into_owned();
    let shown = text
        .lines()
        .next()
        .unwrap_or_default()
        .split(" Copyright")
        .next()
        .unwrap_or_default()
        .to_owned();
    ensure!(
        shown.starts_with("ffmpeg version"),
        "`{} -version` is not the answer of an ffmpeg",
        ffmpeg.display()
    );
    if let Some(found) = version(&text)
        && found < OLDEST_FFMPEG_TO_ENCODE
    {
        bail!(
            "{shown} is too old: {OLDEST_FFMPEG_TO_ENCODE} or later is needed. Name another one with --ffmpeg PATH"
        );
    }
    Ok(shown.replace("ffmpeg version", "ffmpeg"))
}

/// Asks ffmpeg what one of its encoders understands.
///
/// # Errors
/// If ffmpeg is too old, has no such encoder, or the encoder does not work.
pub fn capabilities(
    children: &Children,
    cache: &Cache,
    ffmpeg: &Path,
    family: Family,
) -> Result<Capabilities> {
    let shown = require_version(children, ffmpeg)?;
    let library = library(family);
    let said = try_params(children, ffmpeg, library, "")?
        .with_context(|| format!("{} of {} does not work", library.codec, ffmpeg.display()))?;
    let library_version = library_version(family, &said);
    let question = format!("{family:?} {library_version:?} of {shown}");
    cache.answer(ffmpeg, &question, || {
        let named = library_version
            .as_ref()
            .map_or_else(String::new, |(_, _, version)| format!(" {version}"));
        let (fork, number, _) =
            library_version
                .clone()
                .unwrap_or((Fork::Mainline, Version::default(), String::new()));
        let identity = Identity {
            family,
            fork,
            version: format!("{}{named} in {shown}", library.codec),
            number,
        };
        let help = encoder_help(children, ffmpeg, library.codec)?;
        let mut capabilities = Capabilities {
            identity,
            options: common_options(),
            quarter_crf: false,
            takes_unknown: true,
        };
        let mut know = |name: &str, ranges| capabilities.options.insert(name.to_owned(), ranges);
        // Below zero is `not set`, or for research.
        know(
            "preset",
            range_in_help(&help, library.preset).map(|(low, high)| vec![(low.max(0.0), high)]),
        );
        know("crf", Some(vec![library.crf]));
        match family {
            Family::Librav1e => capabilities.quarter_crf = true,
            Family::Libsvtav1 => ask_libsvtav1(children, ffmpeg, &mut capabilities)?,
            _ => (),
        }
        Ok(capabilities)
    })
}

/// What every family takes from us.
pub(super) fn common_options() -> BTreeMap<String, Option<Ranges>> {
    let names = [
        "input-depth",
        "lp",
        "color-primaries",
        "transfer-characteristics",
        "matrix-coefficients",
        "color-range",
        "chroma-sample-position",
    ];
    names
        .into_iter()
        .map(|name| (name.to_owned(), None))
        .collect()
}

/// Finds out what differs from one SVT-AV1 to the next and decides about a recipe.
fn ask_libsvtav1(
    children: &Children,
    ffmpeg: &Path,
    capabilities: &mut Capabilities,
) -> Result<()> {
    let takes =
        |param: &str| try_params(children, ffmpeg, &LIBSVTAV1, param).map(|said| said.is_ok());
    let mut know = |name: &str, ranges| capabilities.options.insert(name.to_owned(), ranges);
    for name in [
        "keyint",
        "scd",
        "tune",
        "mastering-display",
        "content-light",
    ] {
        know(name, None);
    }
    if takes("enable-hdr=1")? {
        know("enable-hdr", None);
    }
    for most in [3, 2] {
        if takes(&format!("variance-boost-curve={most}"))? {
            know("variance-boost-curve", Some(vec![(0.0, f64::from(most))]));
            break;
        }
    }
    if takes("crf=30.25")? {
        know("crf", Some(vec![(1.0, 70.0)]));
        capabilities.quarter_crf = true;
    }
    Ok(())
}

/// Whether the library behind an encoder takes the user's options, as far as they are the library's own. librav1e never
/// refuses one, and of a GPU only the film tells.
///
/// # Errors
/// If ffmpeg cannot be started.
pub fn takes(
    children: &Children,
    cache: &Cache,
    encoder: &Encoder,
    params: &[Param],
) -> Result<bool> {
    let capabilities = encoder.capabilities();
    let library = library(capabilities.identity.family);
    if library.family != capabilities.identity.family {
        return Ok(true);
    }
    let is_own = |name: &str| {
        ["crf", "preset", "lp"].contains(&name)
            || ALIASES.iter().any(|(theirs, _)| *theirs == name)
            || library.options.iter().any(|(own, _)| *own == name)
    };
    // Curves and HDR that it does not have are left out, with a warning.
    let is_left_out = |name: &str| ["variance-boost-curve", "enable-hdr"].contains(&name);
    let passed = params
        .iter()
        .filter(|param| !is_own(&param.name) && !is_left_out(&param.name));
    let passed = passed.fold(Words::default(), |mut words, param| {
        words.passed(param);
        words
    });
    if passed.passed.is_empty() {
        return Ok(true);
    }
    let params = passed.passed.join(":");
    let question = format!("{} takes {params}", library.codec);
    cache.answer(encoder.program(), &question, || {
        Ok(try_params(children, encoder.program(), library, &params)?.is_ok())
    })
}

/// Encodes two small black frames with `params`; what ffmpeg has said, or how it has failed.
fn try_params(
    children: &Children,
    ffmpeg: &Path,
    library: &Library,
    params: &str,
) -> Result<Result<Vec<String>, ToolFailure>> {
    let mut command = Command::new(ffmpeg);
    command.args([
        "-nostdin",
        "-hide_banner",
        "-v",
        "verbose",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
    ]);
    command.args([
        "-s",
        "64x64",
        "-r",
        "24",
        "-i",
        "/dev/zero",
        "-frames:v",
        "2",
        "-c:v",
        library.codec,
    ]);
    command.args(library.fixed);
    command.args([library.preset, "8"]);
    if !params.is_empty() {
        command.args([library.params, params]);
    }
    command.args(["-f", "null", "-"]);
    // Which library it is, is said long before the last lines.
    let (sender, lines) = mpsc::channel();
    let hear = move |line: &str| {
        let _ = sender.send(line.to_owned());
    };
    let ended = Session::start_heard(children, command, hear)?.end()?;
    Ok(if ended.is_success() {
        Ok(lines.into_iter().collect())
    } else {
        Err(ended.into_failure())
    })
}

/// The version of the library behind the encoder, if it has said it: line of development, number, words.
fn library_version(family: Family, said: &[String]) -> Option<(Fork, Version, String)> {
    match family {
        // `Svt[info]: SVT [version]:	SVT-AV1 Encoder Lib v4.2.0`
        Family::Libsvtav1 => {
            let line = said.iter().find(|line| line.contains("Encoder Lib"))?;
            let identity = svt_av1::identify(line)?;
            let word = line.split_whitespace().next_back()?;
            Some((identity.fork, identity.number, word.to_owned()))
        }
        // `[libaom-av1 @ 0x55d7a033df40] v3.6.0`
        Family::Libaom => {
            let version = said
                .iter()
                .find_map(|line| line.strip_prefix("[libaom-av1 @ ")?.split_once("] v"))?
                .1;
            let number = Version::read(version)?;
            Some((Fork::Mainline, number, format!("v{version}")))
        }
        _ => None,
    }
}

/// The help of one encoder.
pub(super) fn encoder_help(children: &Children, ffmpeg: &Path, codec: &str) -> Result<String> {
    let mut command = Command::new(ffmpeg);
    command.args(["-hide_banner", "-h", &format!("encoder={codec}")]);
    Ok(String::from_utf8_lossy(&children.output(command)?).into_owned())
}

/// The options in the help of an encoder, without dashes: `  -crf   <int>  E..V....... Constant Rate Factor (from 0 to 63)`.
pub(super) fn options_in_help(help: &str) -> impl Iterator<Item = (&str, Option<(f64, f64)>)> {
    help.lines().filter_map(|line| {
        let line = line.strip_prefix("  -")?;
        let name = line.split_whitespace().next()?;
        Some((
            name,
            line.rsplit_once("(from ")
                .and_then(|(_, range)| read_range(range)),
        ))
    })
}

/// `0 to 63) (default 0)`
fn read_range(text: &str) -> Option<(f64, f64)> {
    let (low, high) = text.split_once(')')?.0.split_once(" to ")?;
    Some((low.parse().ok()?, high.parse().ok()?))
}

fn range_in_help(help: &str, option: &str) -> Option<(f64, f64)> {
    options_in_help(help)
        .find(|(name, _)| Some(*name) == option.strip_prefix('-'))?
        .1
}

/// ffmpeg as it reads our y4m, up to the name of the encoder; `before_input` and `filter` are the family's own.
pub(super) fn reader(
    ffmpeg: &Path,
    color: &Color,
    before_input: &[&str],
    filter: Option<&str>,
) -> Command {
    let mut command = Command::new(ffmpeg);
    // Its own lines of progress end in a carriage return: they are read, and are in no error message.
    command
        .args(["-nostdin", "-hide_banner", "-v", "warning", "-stats"])
        .args(before_input);
    command.args([
        "-f",
        "yuv4mpegpipe",
        "-i",
        "pipe:0",
        "-map",
        "0:v:0",
        "-fps_mode",
        "passthrough",
    ]);
    let filters: Vec<String> = [Some(color_filter(color)), filter.map(str::to_owned)]
        .into_iter()
        .flatten()
        .collect();
    command.args(["-vf", &filters.join(",")]);
    command
}

/// The end of ffmpeg's command line: an IVF file.
pub(super) fn write_ivf(command: &mut Command, output: &Path) {
    command.args(["-f", "ivf", "-y"]).arg(file_url(output));
}

/// A filter that says the colours: y4m does not, and newer ffmpegs take no encoder option for them.
fn color_filter(color: &Color) -> String {
    let codes = [
        ("color_primaries", color.primaries),
        ("color_trc", color.transfer),
        ("colorspace", color.matrix),
    ];
    let said = codes.into_iter().filter(|(_, code)| *code != UNSPECIFIED);
    let mut words: Vec<String> = said.map(|(name, code)| format!("{name}={code}")).collect();
    words.push(format!("range={}", range(color)));
    format!("setparams={}", words.join(":"))
}

fn range(color: &Color) -> &'static str {
    if color.range == Some(Range::Full) {
        "pc"
    } else {
        "tv"
    }
}

/// A film that ffmpeg reads itself.
#[derive(Debug, Clone, Copy)]
pub struct WholeFilm<'a> {
    /// The file.
    pub file: &'a Path,
    /// Which of its streams.
    pub stream: usize,
    /// What ffmpeg is told before its input, so that it turns pictures as is meant.
    pub input_options: &'a [&'a str],
    /// How its pictures become those that are encoded.
    pub shape: Shape,
    /// Frames per second that the encoder is told, whatever their times are.
    pub fps: Ratio<u32>,
}

impl Encoder {
    /// The command line for a whole film, which ffmpeg reads itself; it is written to `output`. For an encoder of
    /// ffmpeg's libraries.
    #[must_use]
    pub fn film_command(
        &self,
        video: &Video,
        lp: u32,
        film: &WholeFilm<'_>,
        output: &Path,
    ) -> Command {
        let WholeFilm {
            file,
            stream,
            input_options,
            shape,
            fps,
        } = film;
        let (numer, denom) = (fps.numer(), fps.denom());
        let mut command = Command::new(self.program());
        command
            .args(["-nostdin", "-hide_banner", "-v", "warning", "-stats"])
            .args(*input_options)
            .arg("-i")
            .arg(file_url(file));
        command.args(["-map", &format!("0:{stream}"), "-fps_mode", "passthrough"]);
        command.args(["-enc_time_base", &format!("{denom}/{numer}")]);
        let color = &video.picture.color;
        // The recipe says all that is kept of HDR; times are given when the film is joined. A conversion keeps the range
        // only where it is told to.
        let filters = [
            shape.kept().filter(),
            format!("scale=in_range={0}:out_range={0}", range(color)),
            format!("format={}", pixel_format(video.picture.bit_depth)),
            "sidedata=mode=delete".to_owned(),
            color_filter(color),
            format!("settb={denom}/{numer}"),
            "setpts=N".to_owned(),
        ];
        command.args(["-vf", &filters.join(",")]);
        // Of its own accord ffmpeg tells its encoder the rate that the container says.
        let rate = [Param::new("fps-num", numer), Param::new("fps-denom", denom)];
        let library = library(self.identity().family);
        library.encode_to(
            &mut command,
            &library.words(self, video, lp).and(&rate),
            video,
            output,
        );
        command
    }
}

/// What is asked for in the words of one library: options of ffmpeg's own, and those that go to the library.
#[derive(Default)]
struct Words {
    own: Vec<String>,
    passed: Vec<String>,
}

impl Words {
    fn own(&mut self, option: &str, value: impl ToString) {
        self.own.extend([option.to_owned(), value.to_string()]);
    }

    fn passed(&mut self, param: &Param) {
        let value = param.value.as_deref().unwrap_or("1");
        self.passed
            .push(format!("{}={}", param.name, escaped(value)));
    }

    fn and(mut self, params: &[Param]) -> Self {
        params.iter().for_each(|param| self.passed(param));
        self
    }
}

impl Library {
    fn words(&self, encoder: &Encoder, video: &Video, lp: u32) -> Words {
        let mut words = Words::default();
        match self.family {
            Family::Libsvtav1 => words.passed(&Param::new("lp", lp)),
            // libaom with one thread gives other bytes than with two or more (3.6.0 and 3.15.1).
            Family::Libaom => words.own("-threads", lp.max(2)),
            _ => words.own("-threads", lp),
        }
        let chroma = video.picture.color.chroma_location;
        let params = match (self.family, video.quality) {
            (Family::Libsvtav1, _) => svt_av1::params(video, encoder.capabilities()),
            (Family::Libaom, quality) => {
                if let Quality::Crf(crf) = quality {
                    words.own("-crf", crf);
                }
                // The words of libaom.
                let position = |location| {
                    if location == ChromaLocation::Left {
                        "vertical"
                    } else {
                        "colocated"
                    }
                };
                let chroma =
                    chroma.map(|location| Param::new("chroma-sample-position", position(location)));
                chroma
                    .into_iter()
                    .chain(video.extra.iter().cloned())
                    .collect()
            }
            (_, quality) => {
                // rav1e counts its quantiser in the steps that AV1's tables have.
                if let Quality::Crf(crf) = quality {
                    words.passed(&Param::new("quantizer", crf.quarters()));
                }
                if let Some(location) = chroma {
                    words.own(
                        "-chroma_sample_location",
                        svt_av1::chroma_position(location),
                    );
                }
                video.extra.clone()
            }
        };
        words.own(self.preset, video.preset);
        for param in &params {
            match (
                param.name.as_str(),
                self.options.iter().find(|(ours, _)| *ours == param.name),
            ) {
                // Said already.
                ("input-depth" | "preset", _) => (),
                (_, Some((_, option))) => words.own(option, param.value.as_deref().unwrap_or("1")),
                (_, None) => words.passed(param),
            }
        }
        words
    }

    /// The encoder and its options, and the IVF file that it writes.
    fn encode_to(&self, command: &mut Command, words: &Words, video: &Video, output: &Path) {
        command.args(["-c:v", self.codec]).args(self.fixed);
        command
            .args(["-pix_fmt", pixel_format(video.picture.bit_depth)])
            .args(&words.own);
        if !words.passed.is_empty() {
            command.args([self.params, &words.passed.join(":")]);
        }
        write_ivf(command, output);
    }
}

impl Speech for Library {
    fn memory_estimate(&self, identity: &Identity, size: (u32, u32), preset: i32, lp: u32) -> u64 {
        let pixels = u64::from(size.0) * u64::from(size.1);
        let measured =
            |bytes_per_pixel: f64| (FLOOR + pixels as f64 * bytes_per_pixel * MARGIN) as u64;
        match self.family {
            Family::Libaom => measured(LIBAOM_BYTES_PER_PIXEL),
            Family::Librav1e => measured(LIBRAV1E_BYTES_PER_PIXEL),
            _ => svt_av1::memory_estimate(identity, size, preset, lp)
                .saturating_add(y4m::bytes(pixels, 10) * FRAMES_HELD),
        }
    }

    /// libaom and librav1e have one tile, and threads of theirs wait for each other: two threads were 1.3 times as fast
    /// as one.
    fn busy_cores(&self, identity: &Identity, lp: u32) -> f64 {
        match self.family {
            Family::Libsvtav1 => svt_av1::busy_cores(identity, lp),
            _ => 1.0 + 0.3 * f64::from(lp.saturating_sub(1).min(6)),
        }
    }

    fn max_lp(&self, identity: &Identity) -> u32 {
        if self.family == Family::Libsvtav1 {
            svt_av1::max_lp(identity)
        } else {
            4
        }
    }

    /// Seen with 1, 2 and 4 threads: rav1e 0.5.1 and that of ffmpeg 9.0.2, libaom 3.6.0 and 3.15.1.
    fn same_bytes_up_to(&self, identity: &Identity, lp: u32) -> u32 {
        if self.family == Family::Libsvtav1 {
            svt_av1::same_bytes_up_to(identity, lp)
        } else {
            self.max_lp(identity)
        }
    }

    fn owned(&self) -> Vec<(&'static str, &'static str)> {
        if self.family == Family::Libsvtav1 {
            svt_av1::OWNED.to_vec()
        } else {
            OWNED.to_vec()
        }
    }

    fn meanings(&self) -> &'static [(&'static str, Meaning)] {
        match self.family {
            Family::Libsvtav1 => svt_av1::MEANINGS,
            Family::Libaom => MEANINGS_OF_LIBAOM,
            _ => &[],
        }
    }

    fn contradiction(&self, video: &Video) -> Option<String> {
        (self.family == Family::Libsvtav1)
            .then(|| svt_av1::contradiction(video))
            .flatten()
    }

    fn undone<'a>(&self, user: &[Param], lines: &'a [String]) -> Option<&'a str> {
        (self.family == Family::Libsvtav1)
            .then(|| svt_av1::undone(user, lines))
            .flatten()
    }

    fn remark(&self, video: &Video) -> Option<String> {
        (self.family == Family::Libsvtav1)
            .then(|| svt_av1::remark(video))
            .flatten()
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        if self.family == Family::Libsvtav1 {
            &[]
        } else {
            ALIASES
        }
    }

    fn switches(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self.family {
            Family::Libaom => SWITCHES_OF_LIBAOM,
            Family::Librav1e => SWITCHES_OF_LIBRAV1E,
            _ => &[],
        }
    }

    fn implied(&self) -> &'static [(&'static str, &'static str)] {
        match self.family {
            Family::Libsvtav1 => svt_av1::IMPLIED,
            Family::Libaom => IMPLIED,
            _ => &[],
        }
    }

    /// 0.5.1 of rav1e, and that of ffmpeg 9.0.2.
    fn least_side(&self) -> u32 {
        if self.family == Family::Librav1e {
            16
        } else {
            0
        }
    }

    fn chunk_command(&self, encoder: &Encoder, video: &Video, lp: u32, output: &Path) -> Command {
        let mut command = reader(encoder.program(), &video.picture.color, &[], None);
        self.encode_to(&mut command, &self.words(encoder, video, lp), video, output);
        command
    }

    fn progress(&self, line: &str) -> Option<u64> {
        progress(line)
    }

    fn has_complained(&self, lines: &[String]) -> bool {
        self.family == Family::Librav1e && has_complained(lines)
    }
}

/// A value inside `key=value:key=value`.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ':' | '\\' | '\'') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Frames encoded so far, from `frame=   50 fps= 31 q=0.0 Lsize= …`.
pub(super) fn progress(line: &str) -> Option<u64> {
    line.strip_prefix("frame=")?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Whether librav1e did not understand an option: ffmpeg warns, and goes on without it.
fn has_complained(lines: &[String]) -> bool {
    lines
        .iter()
        .any(|line| line.starts_with("[librav1e @ ") && line.contains("] Invalid value for "))
}

/// Frames that ffmpeg itself holds before its encoder: its queues hold 8 each (`DEFAULT_FRAME_THREAD_QUEUE_SIZE`).
const FRAMES_HELD: u64 = 16;
/// Peak resident memory in bytes per pixel, measured with ffmpeg 9.0.2 on 60 frames of 1920x1080 at 10 bit: libaom
/// 3.15.1 at cpu-used 8, 889 MiB with 2 and 4 threads; librav1e at speed 10, 1.05 to 1.39 GB with 1 to 4 threads. Slower
/// presets and 2160p were not measured; the margin is for them.
const LIBAOM_BYTES_PER_PIXEL: f64 = 450.0;
const LIBRAV1E_BYTES_PER_PIXEL: f64 = 690.0;
const MARGIN: f64 = 1.4;
/// ffmpeg alone.
const FLOOR: f64 = 100e6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encoder::Picture, film::hdr::Hdr10, settings::params::Crf};

    fn line(family: Family, video: &Video) -> String {
        let identity = Identity {
            family,
            fork: Fork::Mainline,
            version: String::new(),
            number: Version(4, 2),
        };
        let mut options = common_options();
        options.extend(["crf", "preset"].map(|name| (name.to_owned(), None)));
        let capabilities = Capabilities {
            identity,
            options,
            quarter_crf: false,
            takes_unknown: true,
        };
        let encoder = Encoder::new("ffmpeg".into(), capabilities);
        let command = encoder.chunk_command(video, 1, Path::new("chunks/00001.ivf.part"));
        let words: Vec<_> = command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        words.join(" ")
    }

    fn pq(extra: &[Param]) -> Video {
        let chroma_location = Some(ChromaLocation::Left);
        let color = Color {
            primaries: 9,
            transfer: 16,
            matrix: 9,
            range: Some(Range::Limited),
            chroma_location,
        };
        let picture = Picture {
            bit_depth: 10,
            color,
            hdr10: Hdr10::default(),
        };
        Video {
            picture,
            quality: Quality::Crf(Crf::whole(28)),
            preset: 6,
            extra: extra.to_vec(),
        }
    }

    #[test]
    fn every_family_is_told_in_its_own_words() {
        let colors = "-vf setparams=color_primaries=9:color_trc=16:colorspace=9:range=tv";
        for (family, words) in [
            (
                Family::Libsvtav1,
                "-preset 6 -svtav1-params lp=1:crf=28:color-primaries=9:transfer-characteristics=16:\
                 matrix-coefficients=9:color-range=0:chroma-sample-position=left -f ivf",
            ),
            (
                Family::Libaom,
                "-threads 2 -crf 28 -cpu-used 6 -aom-params chroma-sample-position=vertical -f ivf",
            ),
            (
                Family::Librav1e,
                "-threads 1 -chroma_sample_location left -speed 6 -rav1e-params quantizer=112 -f ivf",
            ),
        ] {
            let line = line(family, &pq(&[]));
            assert!(line.contains(colors) && line.contains(words), "{line}");
            assert!(
                line.ends_with("-y file:chunks/00001.ivf.part")
                    && line.contains("-pix_fmt yuv420p10le"),
                "{line}"
            );
        }
    }

    #[test]
    fn a_value_cannot_become_another_option() {
        let line = line(Family::Librav1e, &pq(&[Param::new("tune", "a:crf=1'\\")]));
        assert!(line.contains(":tune=a\\:crf=1\\'\\\\ "), "{line}");
    }

    #[test]
    fn versions_of_ffmpeg_are_read() {
        for (text, number) in [
            (
                "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026",
                Some(Version(5, 1)),
            ),
            (
                "ffmpeg version n9.0.2-17-g2a571b6068-20260930 Copyright",
                Some(Version(9, 0)),
            ),
            (
                "ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright",
                Some(Version(4, 4)),
            ),
            ("ffmpeg version N-118000-gabcdef Copyright", None),
            ("av1enc", None),
        ] {
            assert_eq!(version(text), number, "{text}");
        }
    }

    #[test]
    fn libraries_say_which_they_are() {
        let said = |line: &str| [line.to_owned()];
        let svt = library_version(
            Family::Libsvtav1,
            &said("Svt[info]: SVT [version]:\tSVT-AV1 Encoder Lib v4.2.0"),
        );
        assert_eq!(
            svt,
            Some((Fork::Mainline, Version(4, 2), "v4.2.0".to_owned()))
        );
        let aom = library_version(
            Family::Libaom,
            &said("[libaom-av1 @ 0x55ce26c6b340] v3.15.1"),
        );
        assert_eq!(
            aom,
            Some((Fork::Mainline, Version(3, 15), "v3.15.1".to_owned()))
        );
        assert_eq!(
            library_version(Family::Libaom, &said("[libaom-av1 @ 0x55] cmake ../")),
            None
        );
    }

    #[test]
    fn lines_of_ffmpeg_are_read() {
        assert_eq!(
            progress("frame=   50 fps= 31 q=0.0 Lsize=      44kB time=00:00:02.08"),
            Some(50)
        );
        assert_eq!(progress("frames are lost"), None);
        assert!(has_complained(&[
            "[librav1e @ 0x565518bc8fc0] Invalid value for bogus: 3.".to_owned()
        ]));
        let help = "  -cpu-used          <int>        E..V....... Ratio (from 0 to 8) (default 1)\n     ssim  1  E..V\n";
        assert_eq!(range_in_help(help, "-cpu-used"), Some((0.0, 8.0)));
    }
}
