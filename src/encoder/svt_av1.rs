//! SvtAv1EncApp: capabilities from its own help, command line, progress, memory.

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{
    Capabilities, Encoder, Family, Fork, Identity, Param, Picture, Quality, Ranges, Speech, Video,
    files::Meaning,
};
use crate::{
    film::media::{ChromaLocation, Range, UNSPECIFIED},
    os::{cache::Cache, process::Children, version::Version},
    source::private_dirs,
};

/// Name of the program.
pub const PROGRAM: &str = "SvtAv1EncApp";

const ONE_PASS: &str = "encoders read a pipe, which cannot be read twice: chunks are encoded in one pass, as with --passes 1";
const RESIZED: &str = "it changes the size of pictures in the middle of the film, and counts them; scale the film beforehand";

/// Options whose value is a file or counts the film's pictures; those that cannot be taken are among [`OWNED`].
pub(super) const MEANINGS: &[(&str, Meaning)] = &[
    ("fgs-table", Meaning::Grain),
    ("qpfile", Meaning::Pictures),
    ("roi-map-file", Meaning::Events),
    ("zones", Meaning::Zones),
];

/// What is done anyway, and may be said.
pub(super) const IMPLIED: &[(&str, &str)] = &[("passes", "1"), ("pass", "0")];

/// Options that av1enc sets itself, and why a user cannot.
pub const OWNED: &[(&str, &str)] = &[
    ("input", "av1enc feeds the encoder"),
    ("output", "av1enc names the chunks"),
    ("frames", "av1enc counts the frames"),
    ("skip", "av1enc counts the frames"),
    ("nb", "av1enc feeds the encoder"),
    ("config", "write its options into --video-params"),
    ("svtav1-params", "write its options into --video-params"),
    ("progress", "av1enc shows the progress"),
    ("no-progress", "av1enc shows the progress"),
    ("width", "the source decides"),
    ("height", "the source decides"),
    ("fps", "the source decides"),
    ("fps-num", "the source decides"),
    ("fps-denom", "the source decides"),
    ("input-depth", "use --pix-format"),
    ("color-format", "use --pix-format"),
    ("pass", ONE_PASS),
    ("passes", ONE_PASS),
    ("stats", ONE_PASS),
    ("errlog", "av1enc reads the encoder's messages"),
    (
        "recon",
        "chunks are encoded in parallel: they would overwrite it",
    ),
    (
        "stat-file",
        "chunks are encoded in parallel: they would overwrite it",
    ),
    ("obu", "av1enc joins IVF"),
    ("ivf", "av1enc joins IVF anyway"),
    ("webm", "av1enc joins IVF"),
    ("avif", "a film is not a still picture"),
    (
        "force-key-frames",
        "every chunk begins with a keyframe; see --extra-split",
    ),
    (
        "sframe-posi",
        "it counts the film's pictures, and every chunk begins with picture 0; use --sframe-dist",
    ),
    (
        "sframe-qp",
        "it counts the film's S-frames, and every chunk begins with the first; use --sframe-dist alone",
    ),
    (
        "sframe-qp-offset",
        "it counts the film's S-frames, and every chunk begins with the first; use --sframe-dist alone",
    ),
    ("frame-resz-events", RESIZED),
    ("frame-resz-kf-denoms", RESIZED),
    ("frame-resz-denoms", RESIZED),
    (
        "hdr10plus-json",
        "it counts the film's pictures, and every chunk begins with picture 0; hdr10plus_tool puts it into the film \
         afterwards",
    ),
    (
        "dolby-vision-rpu",
        "it counts the film's pictures, and every chunk begins with picture 0; dovi_tool puts it into the film afterwards",
    ),
    ("help", "use `SvtAv1EncApp --help`"),
    ("full-help", "use `SvtAv1EncApp --full-help`"),
    ("color-help", "use `SvtAv1EncApp --color-help`"),
    ("version", "use `av1enc doctor`"),
];

/// Every SvtAv1EncApp of this user: those in PATH, in `~/.local/bin`, and the one that `./setup` installed.
#[must_use]
pub fn installed() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = which::which_all(PROGRAM)
        .map(Iterator::collect)
        .unwrap_or_default();
    let own = env::home_dir().map(|home| home.join(".local/bin"));
    let others = ["svt-av1-hdr/bin", "svt-av1/bin"]
        .into_iter()
        .flat_map(|place| private_dirs().map(move |dir| dir.join(place)));
    found.extend(
        own.into_iter()
            .chain(others)
            .filter_map(|dir| which::which(dir.join(PROGRAM)).ok()),
    );
    let mut seen = HashSet::new();
    found.retain(|path| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
    found
}

/// Asks the encoder what it understands.
///
/// # Errors
/// If it does not run, or what it prints is no help text.
pub fn capabilities(children: &Children, cache: &Cache, encoder: &Path) -> Result<Capabilities> {
    let ask = |option: &str| {
        let mut command = Command::new(encoder);
        command.arg(option);
        children
            .output(command)
            .map(|output| String::from_utf8_lossy(&output).into_owned())
    };
    let version = ask("--version")?;
    let identity = identify(&version).with_context(|| {
        format!(
            "`{} --version` does not say which SVT-AV1 it is",
            encoder.display()
        )
    })?;
    let help = cache.answer(encoder, &format!("--help of {version}"), || {
        let help = ask("--help")?;
        // Essential's `--help` shows what most people need.
        if parse_help(&help)
            .iter()
            .any(|(name, _)| name == "full-help")
        {
            ask("--full-help")
        } else {
            Ok(help)
        }
    })?;
    let capabilities = read_help(identity, &help);
    anyhow::ensure!(
        capabilities.has("crf"),
        "`{} --help` is not the help of an SVT-AV1 encoder",
        encoder.display()
    );
    Ok(capabilities)
}

/// Reads a whole help text.
fn read_help(identity: Identity, help: &str) -> Capabilities {
    let options = parse_help(help).into_iter().collect();
    let mut capabilities = Capabilities {
        identity,
        options,
        quarter_crf: false,
        takes_unknown: false,
    };
    // A CRF beyond the 63 steps of AV1's quantiser is one of those that count in quarters, whether the help says so or
    // not (PSY's does not).
    capabilities.quarter_crf = takes_quarters(help) || capabilities.accepts("crf", 70.0);
    capabilities
}

/// Reads the output of `--version`: `SVT-AV1 v4.2.0 (release)`, `SVT-AV1-HDR v4.1.0 (release)`.
pub(super) fn identify(text: &str) -> Option<Identity> {
    let line = text.lines().find(|line| line.contains("SVT"))?.trim();
    let name = line
        .split_once("SVT-AV1-")
        .map(|(_, rest)| rest.split([' ', '-']).next().unwrap_or_default());
    let fork = match name.map(str::to_ascii_lowercase).as_deref() {
        None => Fork::Mainline,
        Some("hdr") => Fork::Hdr,
        Some("psy") => Fork::Psy,
        Some("essential") => Fork::Essential,
        Some(_) => Fork::Other,
    };
    let number = line.split_whitespace().find_map(Version::read)?;
    Some(Identity {
        family: Family::SvtAv1,
        fork,
        version: line.to_owned(),
        number,
    })
}

/// Reads a help text: `  -q, --qp    Initial QP level value, default is 35 [1-63]`. Both layouts that exist have the
/// option's name first in its line; colours of 4.x are stripped.
fn parse_help(text: &str) -> Vec<(String, Option<Ranges>)> {
    let text = text.lines().map(crate::os::process::without_ansi);
    let mut options = Vec::new();
    for line in text {
        let line = line.trim_start();
        // `-q, --qp`: a short name in front.
        let rest = match line.as_bytes() {
            [b'-', short, b',', b' ', ..] if short.is_ascii_alphanumeric() => &line[4..],
            _ => line,
        };
        let Some(rest) = rest.strip_prefix("--") else {
            continue;
        };
        let (name, description) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            options.push((name.to_owned(), ranges(description)));
        }
    }
    options
}

/// Whether the help says of `--crf` that it takes steps of 0.25.
fn takes_quarters(help: &str) -> bool {
    let line = help
        .lines()
        .map(crate::os::process::without_ansi)
        .find(|line| line.trim_start().starts_with("--crf "));
    line.is_some_and(|line| line.contains("0.25") || line.contains("quarter"))
}

/// The numbers in the last bracket of a description: `[0-3]`, `[-1: auto, 0-120]`, `[-7 to 7]`, `[8, 10]`; `None`
/// where anything in it is not a number.
fn ranges(description: &str) -> Option<Ranges> {
    // Of a list, the range is that of each element.
    if description.trim_start().starts_with("list of") {
        return None;
    }
    let inside = description.rsplit_once('[')?.1.split_once(']')?.0;
    let items: Option<Ranges> = inside
        .split(',')
        .map(|item| range(item.split([':', '=']).next().unwrap_or("").trim()))
        .collect();
    let items = items.filter(|items| !items.is_empty())?;
    let explained = inside.contains([':', '=']);
    match items.as_slice() {
        // `[0, 6]` means from 0 to 6; so may `[8, 10]` be read.
        [(low, a), (b, high)] if low == a && b == high && low < high && !explained => {
            Some(vec![(*low, *high)])
        }
        // `[-2: ~5 seconds, -1: infinite]` explains some values, and does not say that these are all.
        items if explained && items.iter().all(|(low, high)| low == high) => None,
        items => Some(items.to_vec()),
    }
}

/// `-2-13`, `0.0-8.0`, `-7 to 7`, `22`, `0 = off`.
fn range(item: &str) -> Option<(f64, f64)> {
    if let Ok(single) = item.parse::<f64>() {
        return Some((single, single));
    }
    let (low, high) = item.split_once(" to ").or_else(|| {
        // The dash after the first number; the first character may be its sign.
        let at = item.char_indices().skip(1).find(|(_, c)| *c == '-')?.0;
        Some((&item[..at], &item[at + 1..]))
    })?;
    Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
}

/// SvtAv1EncApp.
pub(super) struct SvtAv1;

impl Speech for SvtAv1 {
    fn memory_estimate(&self, identity: &Identity, size: (u32, u32), preset: i32, lp: u32) -> u64 {
        memory_estimate(identity, size, preset, lp)
    }

    fn busy_cores(&self, identity: &Identity, lp: u32) -> f64 {
        busy_cores(identity, lp)
    }

    fn max_lp(&self, identity: &Identity) -> u32 {
        max_lp(identity)
    }

    fn same_bytes_up_to(&self, identity: &Identity, lp: u32) -> u32 {
        same_bytes_up_to(identity, lp)
    }

    fn owned(&self) -> Vec<(&'static str, &'static str)> {
        OWNED.to_vec()
    }

    fn meanings(&self) -> &'static [(&'static str, Meaning)] {
        MEANINGS
    }

    fn implied(&self) -> &'static [(&'static str, &'static str)] {
        IMPLIED
    }

    fn contradiction(&self, video: &Video) -> Option<String> {
        contradiction(video)
    }

    fn undone<'a>(&self, user: &[Param], lines: &'a [String]) -> Option<&'a str> {
        undone(user, lines)
    }

    fn remark(&self, video: &Video) -> Option<String> {
        remark(video)
    }

    /// It ends where its input does: without `-n` the bytes are the same (1.4.1 and 4.2.0).
    fn chunk_command(&self, encoder: &Encoder, video: &Video, lp: u32, output: &Path) -> Command {
        let mut command = Command::new(encoder.program());
        // Read by the front end only; without it a terminal's width decides about the layout of messages.
        command.env("COLUMNS", "120");
        command.args(["-i", "stdin", "--progress", "2", "--lp", &lp.to_string()]);
        for param in params(video, encoder.capabilities()) {
            command.arg(format!("--{}", param.name)).args(&param.value);
        }
        command.arg("-b").arg(output);
        command
    }

    fn progress(&self, line: &str) -> Option<u64> {
        progress(line)
    }
}

/// What is asked for, in the words of SVT-AV1, as far as this one has them.
#[must_use]
pub fn params(video: &Video, capabilities: &Capabilities) -> Vec<Param> {
    let Picture {
        bit_depth,
        color,
        hdr10,
    } = &video.picture;
    let code = |value: u8| (value != UNSPECIFIED).then(|| value.to_string());
    let zero = || Some("0".to_owned());
    let all = [
        ("input-depth", Some(bit_depth.to_string())),
        // Some builds of SVT-AV1-Essential write WebM unless told not to.
        ("webm", zero()),
        // Keyframes only where chunks begin; but rate control needs a length, and has one of its own.
        ("keyint", zero().filter(|_| !aims_at_a_rate(video))),
        ("scd", zero()),
        (
            "crf",
            if let Quality::Crf(crf) = video.quality {
                Some(crf.to_string())
            } else {
                None
            },
        ),
        ("preset", Some(video.preset.to_string())),
        ("color-primaries", code(color.primaries)),
        ("transfer-characteristics", code(color.transfer)),
        ("matrix-coefficients", code(color.matrix)),
        (
            "color-range",
            color
                .range
                .map(|range| if range == Range::Full { "1" } else { "0" }.to_owned()),
        ),
        (
            "chroma-sample-position",
            color
                .chroma_location
                .map(|location| chroma_position(location).to_owned()),
        ),
        (
            "mastering-display",
            hdr10.mastering.map(|mastering| mastering.to_string()),
        ),
        (
            "content-light",
            hdr10.content_light.map(|light| light.to_string()),
        ),
        // Encoders before 3.0 write HDR metadata only when told to.
        ("enable-hdr", (!hdr10.is_empty()).then(|| "1".to_owned())),
    ];
    let is_said = |name: &str| capabilities.has(name) && !video.has_extra(name);
    let said = all.into_iter().filter(|(name, _)| is_said(name));
    let own = said.filter_map(|(name, value)| Some(Param::new(name, value?)));
    own.chain(video.extra.iter().cloned()).collect()
}

/// The value of an option among the further ones; what is given without one is `1`.
fn value<'a>(video: &'a Video, name: &str) -> Option<&'a str> {
    let param = video.extra.iter().find(|param| param.name == name)?;
    Some(param.value.as_deref().unwrap_or("1"))
}

/// Whether the user has the encoder aim at a rate.
fn aims_at_a_rate(video: &Video) -> bool {
    value(video, "rc").is_some_and(|mode| mode != "0")
}

/// The preset from which on lossless pictures cannot be decoded: of 75, 4.2.0 gives 75 that are exact at 10, and
/// 32 that can be decoded at 11, to which it maps 12 and 13.
const LOSSLESS_BROKEN_FROM: i32 = 11;

/// What is wrong with these options together, where SVT-AV1 says nothing and exits 0.
pub(super) fn contradiction(video: &Video) -> Option<String> {
    let is_on = |name| value(video, name).is_some_and(|value| value != "0");
    if is_on("lossless") && video.preset >= LOSSLESS_BROKEN_FROM {
        return Some(format!(
            "--lossless at preset {} gives pictures that no decoder shows: use --preset {} or less",
            video.preset,
            LOSSLESS_BROKEN_FROM - 1
        ));
    }
    // 1.4.1 says nothing, and encodes with a quality of its own.
    if video.has_extra("tbr") && !aims_at_a_rate(video) {
        return Some("--tbr is not read without --rc 1: add it".to_owned());
    }
    match (video.has_extra("qpfile"), is_on("use-q-file")) {
        (true, false) => Some("--qpfile is not read without --use-q-file 1: add it".to_owned()),
        (false, true) => Some("--use-q-file needs --qpfile FILE: add it".to_owned()),
        _ => None,
    }
}

/// Options, and what SVT-AV1 says where it does not do what they ask for (4.2.0, and Essential 4.0.1). A preset is not
/// among them: one that is faster than the fastest becomes that.
const UNDONE: &[(&str, &str)] = &[
    ("scm", "Screen-content detection and tools are disabled"),
    ("tile-rows", "Tiles will be disabled"),
    ("tile-columns", "Tiles will be disabled"),
    ("enable-variance-boost", "disabling Variance Boost"),
    ("variance-boost-strength", "disabling Variance Boost"),
    ("variance-boost-curve", "disabling Variance Boost"),
    ("variance-octile", "disabling Variance Boost"),
    ("aq-mode", "setting AQ mode to 0"),
    ("enable-restoration", "disabling Restoration Filtering"),
    ("hierarchical-levels", "Hierarchical levels are set to 4"),
    ("hierarchical-levels", "Forced hierarchical_levels"),
    ("lookahead", "Force the look_ahead_distance"),
    ("tune", "tune will be forced"),
    ("enable-qm", "Quantization matrices will be forced off"),
    ("mbr", "max bit rate 0 is used instead"),
    ("resize-mode", "Resize dynamic mode only works"),
    ("resize-mode", "disable scaling"),
    ("superres-mode", "disable scaling"),
    ("qp", "The input q value is ignored"),
    ("film-grain", "film-grain will be disabled"),
    (
        "film-grain-denoise",
        "Film grain denoise apply signal is going to be ignored",
    ),
    ("photon-noise", "photon-noise will be disabled"),
    (
        "photon-noise-chroma",
        "chroma signal is going to be ignored",
    ),
    ("min-keyint", "min-keyint was set to 0"),
    ("enable-tpl-la", "TPL is disabled"),
];

/// The line in which SVT-AV1 says that it does not do what one of the `user`'s options asks for.
pub(super) fn undone<'a>(user: &[Param], lines: &'a [String]) -> Option<&'a str> {
    let asked = |name: &str| {
        let mut params = user.iter().filter(|param| param.name == name);
        params.any(|param| param.value.as_deref() != Some("0"))
    };
    let is_undone = |line: &&String| {
        UNDONE
            .iter()
            .any(|(option, said)| line.contains(said) && asked(option))
    };
    lines.iter().find(is_undone).map(String::as_str)
}

/// What a user should know of these options in chunks.
pub(super) fn remark(video: &Video) -> Option<String> {
    aims_at_a_rate(video).then(|| {
        "every chunk aims at the rate by itself, and short ones miss it: for 400 kbit/s, one encoder gave 482 and chunks \
         594".to_owned()
    })
}

/// The place of chroma samples, as SVT-AV1 and ffmpeg call it.
pub(super) fn chroma_position(location: ChromaLocation) -> &'static str {
    match location {
        ChromaLocation::Left => "left",
        ChromaLocation::TopLeft => "topleft",
    }
}

/// Frames encoded so far, from a line of progress: `Encoding:   36 Frames @ 12.3 fps`, `Encoding frame   36 …`.
#[must_use]
pub fn progress(line: &str) -> Option<u64> {
    let rest = line.trim_start().strip_prefix("Encoding")?;
    let digits = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// Peak resident memory of one encoder in MiB, measured with 10-bit y4m at lp 1, 2, 4, 6; rows are presets 4, 6, 8, 10.
/// At 1920x1080 over 120 frames, and at 3840x2160 over 100 frames, with SVT-AV1-HDR 4.1.0 on two cores.
const MEASURED_LP: [u32; 4] = [1, 2, 4, 6];
const MEASURED_PRESETS: [i32; 4] = [4, 6, 8, 10];
const MIB_1080P: [[f64; 4]; 4] = [
    [907., 1091., 1893., 2810.],
    [771., 993., 1637., 2009.],
    [467., 618., 1095., 1845.],
    [446., 568., 1051., 1749.],
];
const MIB_2160P: [[f64; 4]; 4] = [
    [3274., 4041., 6590., 9538.],
    [2742., 3498., 5678., 7033.],
    [1683., 2159., 3900., 5784.],
    [1599., 2021., 3679., 5555.],
];
/// The same for mainline 4.2.0 at lp 1, where it is one thread with smaller pools: at 1080p, 2160p and 4320p, as far as that
/// was measured. At 4320p over 60 frames (4345 MiB at preset 10, 4979 at 6), and multiplied by what 120 frames take beside
/// 60 at 1080p. Beyond the last of a row it goes on as between its last two.
const MAINLINE_LP_1: [&[f64]; 4] = [
    &[809., 2904.],
    &[679., 2375., 6013.],
    &[451., 1611.],
    &[425., 1516., 4515.],
];
/// The same for mainline 1.4.1, where lp is a number of threads; at presets 6, 8, 10 it hardly differs, so its largest.
const OLD_MIB_1080P: [f64; 2] = [761., 939.];
const OLD_MIB_2160P: [f64; 2] = [1760., 3301.];
/// Measured inputs were shorter than the lookahead of slow presets.
const MARGIN: f64 = 1.25;
/// Of 1080p, 2160p and 4320p.
const MEGAPIXELS: [f64; 3] = [2.0736, 8.2944, 33.1776];
/// Below this no encoder was ever seen, whatever the size of its frames.
const FLOOR_MIB: f64 = 60.0;

/// Expected peak memory of one encoder in bytes: linear in pixels between what was measured, nearest preset below,
/// nearest lp above.
#[must_use]
pub fn memory_estimate(
    identity: &Identity,
    (width, height): (u32, u32),
    preset: i32,
    lp: u32,
) -> u64 {
    let megapixels = f64::from(width) * f64::from(height) / 1e6;
    let mib = between(&measured(identity, preset, lp), megapixels).max(FLOOR_MIB);
    // Slower than what was measured takes more than what was measured.
    let slower = if preset < MEASURED_PRESETS[0] {
        1.3
    } else {
        1.0
    };
    ((mib * MARGIN * slower) as u64).saturating_mul(1024 * 1024)
}

/// Whether it is older than this version. The number of an unknown fork says nothing: it is taken for a new one.
fn is_before(identity: &Identity, number: Version) -> bool {
    identity.fork != Fork::Other && identity.number < number
}

/// What an encoder takes in MiB at the sizes of [`MEGAPIXELS`], as far as it was measured; at two of them at least.
fn measured(identity: &Identity, preset: i32, lp: u32) -> Vec<f64> {
    if is_before(identity, Version(2, 0)) {
        let column = usize::from(lp > 1);
        return vec![OLD_MIB_1080P[column], OLD_MIB_2160P[column]];
    }
    let row = MEASURED_PRESETS
        .iter()
        .rposition(|measured| *measured <= preset)
        .unwrap_or(0);
    if lp == 1 && identity.fork == Fork::Mainline && identity.number >= Version(4, 2) {
        return MAINLINE_LP_1[row].to_vec();
    }
    let column = MEASURED_LP
        .iter()
        .position(|measured| *measured >= lp)
        .unwrap_or(MEASURED_LP.len() - 1);
    vec![MIB_1080P[row][column], MIB_2160P[row][column]]
}

/// The value at `megapixels` on the line through the two of `measured` that are nearest to it.
fn between(measured: &[f64], megapixels: f64) -> f64 {
    let last = measured.len() - 2;
    let segment = (0..last)
        .find(|n| megapixels <= MEGAPIXELS[n + 1])
        .unwrap_or(last);
    let (from, to) = (MEGAPIXELS[segment], MEGAPIXELS[segment + 1]);
    let (low, high) = (measured[segment], measured[segment + 1]);
    low + (high - low) * (megapixels - from) / (to - from)
}

/// How many cores one encoder at this `lp` keeps busy. Since 2.2 lp is a level whose steps follow the number of cores
/// (`svt_aom_get_parallel_level` in SVT-AV1); before, it is a number of threads.
#[must_use]
pub fn busy_cores(identity: &Identity, lp: u32) -> f64 {
    if is_before(identity, Version(2, 2)) {
        return f64::from(lp.max(1));
    }
    match lp {
        0 | 1 => 1.0,
        2 => 2.0,
        3 => 3.5,
        4 => 6.0,
        5 => 12.0,
        _ => 20.0,
    }
}

/// The largest `lp` that is of use.
#[must_use]
pub fn max_lp(identity: &Identity) -> u32 {
    if is_before(identity, Version(2, 2)) {
        16
    } else {
        6
    }
}

/// The largest level of parallelism that gives the same bytes as `lp`. Seen with lp 1, 2 and 4: mainline 1.4.1, 2.3.0 and
/// 4.2.0 always give the same; SVT-AV1-HDR 4.1.0 does at 1 and 2.
#[must_use]
pub fn same_bytes_up_to(identity: &Identity, lp: u32) -> u32 {
    match identity.fork {
        Fork::Mainline => max_lp(identity),
        Fork::Hdr => lp.max(2),
        // Of an unknown fork nothing was seen.
        Fork::Psy | Fork::Essential | Fork::Other => lp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP_1: &str = "\
Options:
      --help                       Shows the command line options currently available
  -q, --qp                         Initial QP level value, default is 35 [1-63]
      --crf                        Constant Rate Factor value, default is 35 [1-63]
      --preset                     Encoder preset, default is 10 [-2-13]
      --lp                         Target number of logical cores to be used, default is 0 [0, core count of the machine]
      --lookahead                  Number of frames, default is -1 [-1: auto, 0-120]
      --color-primaries            Color primaries, default is 2 [0-12, 22]
      --fps-num                    Input video frame rate numerator, default is 60000 [0-2^32-1]
";
    const HELP_4: &str = "\
\u{1b}[1mOptions:\u{1b}[0m
      \u{1b}[32m--crf\u{1b}[0m                        Constant Rate Factor value, can be set in 0.25 increments, default is 35 [1-70]
      --lp                         Amount of parallelism to use, default is 0 [0, 6]
      --input-depth                Input video file, default is 8 [8, 10]
      --sharpness                  Bias, default is 0 [-7 to 7]
      --variance-boost-curve       Curve for Variance Boost, default is 0 [0-2]
      --ac-bias                    Strength, default is 0.0 [0.0-8.0]
      --tune                       Outcomes [0 = VQ, 1 = PSNR, 5 = VMAF]
      --keyint                     GOP size (frames), default is -2 [-2: ~5 seconds, -1: \"infinite\", 0: same as -1]
      --startup-qp-offset          Specify an offset, default is 0 [-63,63]
";

    fn caps(help: &str) -> Capabilities {
        read_help(identify("SVT-AV1 v4.2.0 (release)").unwrap(), help)
    }

    #[test]
    fn both_layouts_of_the_help_are_read() {
        let old = caps(HELP_1);
        assert!(!old.quarter_crf);
        assert!(old.accepts("qp", 63.0) && !old.accepts("qp", 64.0) && !old.has("q"));
        assert!(old.accepts("preset", -2.0) && !old.accepts("preset", 14.0));
        assert!(
            old.accepts("lp", 4096.0),
            "the range is not a number: anything goes"
        );
        assert!(old.accepts("lookahead", -1.0) && !old.accepts("lookahead", 121.0));
        assert!(old.accepts("color-primaries", 22.0) && !old.accepts("color-primaries", 13.0));
        assert!(old.accepts("fps-num", 1e9));
        let new = caps(HELP_4);
        assert!(
            new.quarter_crf
                && new.accepts("crf", 70.0)
                && new.accepts("lp", 3.0)
                && !new.accepts("lp", 7.0)
        );
        assert!(new.accepts("sharpness", -7.0) && !new.accepts("sharpness", 8.0));
        assert!(!new.accepts("variance-boost-curve", 3.0) && new.accepts("ac-bias", 0.5));
        assert!(new.accepts("tune", 2.0), "explained values need not be all");
        assert!(new.accepts("keyint", 240.0) && new.accepts("startup-qp-offset", -5.0));
    }

    /// What real builds print: `--version`, and the help (of Essential, the full one).
    const REAL: [(&str, &str); 5] = [
        (
            "SVT-AV1 v1.4.1 (release)",
            include_str!("../../tests/data/svt-av1-1.4.1-help.txt"),
        ),
        (
            "SVT-AV1 v4.2.0 (release)",
            include_str!("../../tests/data/svt-av1-4.2.0-help.txt"),
        ),
        (
            "SVT-AV1-PSY v3.0.2 (release)",
            include_str!("../../tests/data/svt-av1-psy-3.0.2-help.txt"),
        ),
        (
            "SVT-AV1-HDR v4.1.0 (release)",
            include_str!("../../tests/data/svt-av1-hdr-4.1.0-help.txt"),
        ),
        (
            "SVT-AV1-Essential v4.0.1 (release)",
            include_str!("../../tests/data/svt-av1-essential-4.0.1-full-help.txt"),
        ),
    ];

    #[test]
    fn every_build_is_read_from_what_it_prints() {
        let read = REAL.map(|(version, help)| read_help(identify(version).unwrap(), help));
        let column = |of: fn(&Capabilities) -> bool| read.each_ref().map(of);
        let forks = read.each_ref().map(|build| build.identity.fork);
        assert_eq!(
            forks,
            [
                Fork::Mainline,
                Fork::Mainline,
                Fork::Psy,
                Fork::Hdr,
                Fork::Essential
            ]
        );
        assert_eq!(
            column(|build| build.has("enable-hdr")),
            [true, false, false, false, false]
        );
        assert_eq!(
            column(|build| build.quarter_crf),
            [false, true, true, true, true]
        );
        assert_eq!(
            column(|build| build.accepts("crf", 70.0)),
            [false, true, true, true, true]
        );
        assert_eq!(column(|build| build.accepts("crf", 63.0)), [true; 5]);
        assert_eq!(
            column(|build| build.accepts("variance-boost-curve", 2.0)),
            [false, true, true, true, true]
        );
        assert_eq!(
            column(|build| build.accepts("variance-boost-curve", 3.0)),
            [false, false, false, true, true]
        );
        assert_eq!(column(|build| build.accepts("preset", 13.0)), [true; 5]);
        assert_eq!(column(|build| build.accepts("preset", 14.0)), [false; 5]);
        assert_eq!(
            column(|build| build.accepts("tune", 5.0)),
            [false, true, false, true, false]
        );
        assert_eq!(
            column(|build| build.has("ac-bias")),
            [false, true, false, true, true]
        );
        assert_eq!(
            column(|build| build.has("webm")),
            [false, false, false, false, true]
        );
        for name in [
            "input-depth",
            "keyint",
            "scd",
            "lp",
            "color-primaries",
            "mastering-display",
            "content-light",
        ] {
            assert_eq!(
                read.each_ref().map(|build| build.has(name)),
                [true; 5],
                "{name}"
            );
        }
        // A number of threads then, a level now.
        assert_eq!(
            column(|build| build.accepts("lp", 7.0)),
            [true, false, false, false, false]
        );
        assert_eq!(
            read.each_ref().map(|build| build.identity.max_lp()),
            [16, 6, 6, 6, 6]
        );
        assert_eq!(
            column(|build| build.identity.bytes_depend_on_lp()),
            [false, false, true, true, true]
        );
    }

    #[test]
    fn the_short_help_of_essential_points_to_the_full_one() {
        let short = parse_help(include_str!(
            "../../tests/data/svt-av1-essential-4.0.1-help.txt"
        ));
        let has = |name: &str| short.iter().any(|(option, _)| option == name);
        assert!(has("full-help") && !has("crf"));
    }

    #[test]
    fn the_range_of_an_element_is_not_that_of_its_list() {
        for (version, help) in REAL {
            let build = read_help(identify(version).unwrap(), help);
            assert_eq!(build.options["qindex-offsets"], None, "{version}");
        }
    }

    #[test]
    fn what_it_says_to_others_is_not_held_against_a_user() {
        let lines = [
            "Svt[warn]: Screen-content detection and tools are disabled for RA mode coding at M9"
                .to_owned(),
            "Svt[warn]: Tiles will be disabled when resize is enabled!".to_owned(),
        ];
        let said = |name, value| undone(&[Param::new(name, value)], &lines);
        assert_eq!(said("scm", 1), Some(lines[0].as_str()));
        assert_eq!(said("tile-columns", 1), Some(lines[1].as_str()));
        assert_eq!([said("scm", 0), said("film-grain", 8)], [None; 2]);
    }

    /// Options whose description speaks of a file or of numbers of pictures, and that have neither as their value.
    const NO_FILES: &[&str] = &[
        "input-depth",
        "use-q-file",
        "allow-mmap-file",
        "frames",
        "skip",
    ];

    #[test]
    fn every_option_of_a_file_in_every_help_has_been_judged() {
        let judged = |name: &str| {
            MEANINGS.iter().any(|(option, _)| *option == name)
                || OWNED.iter().any(|(option, _)| *option == name)
                || NO_FILES.contains(&name)
        };
        for (version, help) in REAL {
            let lines = help.lines().map(crate::os::process::without_ansi);
            for line in lines.filter(|line| names_pictures(line)) {
                for (name, _) in parse_help(&line) {
                    assert!(
                        judged(&name),
                        "{version}: nobody has judged --{name}: {line}"
                    );
                }
            }
        }
    }

    /// Whether a line of help speaks of a file, or of numbers of pictures.
    fn names_pictures(line: &str) -> bool {
        let words: Vec<&str> = line.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let has = |word: &str| words.iter().any(|other| other.eq_ignore_ascii_case(word));
        has("file")
            || has("path")
            || has("filename")
            || has("json")
            || ["frame number", "start,end", "specifiers"]
                .iter()
                .any(|text| line.contains(text))
    }

    #[test]
    fn a_typo_is_answered_with_the_nearest_name() {
        assert_eq!(
            caps(HELP_4).nearest("variance-boost-curv"),
            Some("variance-boost-curve")
        );
        assert_eq!(caps(HELP_4).nearest("zzz"), None);
    }

    #[test]
    fn versions_and_forks_are_told_apart() {
        for (text, fork, number) in [
            ("SVT-AV1 v1.4.1 (release)\n", Fork::Mainline, (1, 4)),
            ("SVT-AV1-HDR v4.1.0 (release)\n", Fork::Hdr, (4, 1)),
            ("SVT-AV1-PSY v3.0.2-B (release)", Fork::Psy, (3, 0)),
            ("SVT-AV1-Essential v4.0.1-A", Fork::Essential, (4, 0)),
            ("SVT-AV1-Tritium v1.0.0 (release)", Fork::Other, (1, 0)),
            (
                "Svt[info]: SVT [version]:\tSVT-AV1 Encoder Lib v4.2.0",
                Fork::Mainline,
                (4, 2),
            ),
            (
                "Svt[info]: SVT [version]:\tSVT-AV1-PSY Encoder Lib v3.0.2",
                Fork::Psy,
                (3, 0),
            ),
        ] {
            let identity = identify(text).unwrap();
            assert_eq!(
                (identity.fork, identity.number),
                (fork, Version(number.0, number.1)),
                "{text}"
            );
        }
        assert_eq!(identify("x264 core 164"), None);
    }

    #[test]
    fn the_last_chunks_may_have_more_threads_only_where_that_was_seen_to_change_nothing() {
        let up_to = |version, lp| same_bytes_up_to(&identify(version).unwrap(), lp);
        assert_eq!([1, 4].map(|lp| up_to("SVT-AV1 v4.2.0", lp)), [6, 6]);
        assert_eq!(
            [1, 2, 3, 5].map(|lp| up_to("SVT-AV1-HDR v4.1.0", lp)),
            [2, 2, 3, 5]
        );
        assert_eq!([1, 4].map(|lp| up_to("SVT-AV1-PSY v3.0.2", lp)), [1, 4]);
        assert_eq!(
            [1, 4].map(|lp| up_to("SVT-AV1-Tritium v4.1.0", lp)),
            [1, 4],
            "nobody has seen it"
        );
    }

    #[test]
    fn progress_lines_of_both_layouts_are_read() {
        assert_eq!(
            progress("Encoding:    9 Frames @ 8.38 fps | 133.70 kb/s"),
            Some(9)
        );
        assert_eq!(
            progress("Encoding:    7/72 Frames @ 13.68 fps | 69.21 kb/s"),
            Some(7)
        );
        assert_eq!(
            progress("Encoding frame   33 117.34 kbps 56.41 fps"),
            Some(33)
        );
        assert_eq!(progress("Encoding          "), None);
        assert_eq!(progress("Svt[info]: SVT [config]: width 1920"), None);
    }

    #[test]
    fn memory_grows_with_pixels_and_parallelism_and_never_falls_below_the_measured() {
        let svt = identify("SVT-AV1 v4.2.0").unwrap();
        let mib = |w, h, preset, lp| memory_estimate(&svt, (w, h), preset, lp) / (1024 * 1024);
        assert!(mib(1920, 1080, 6, 1) >= 679 && mib(3840, 2160, 6, 4) >= 5678);
        assert!(mib(3840, 2160, 10, 1) >= 1516 && mib(7680, 4320, 10, 1) >= 4515);
        assert!(
            mib(7680, 4320, 10, 1) < 4 * mib(3840, 2160, 10, 1),
            "of 4320p, what was measured and not what 2160p lets expect"
        );
        assert!(mib(7680, 4320, 10, 1) < mib(8192, 4320, 10, 1));
        assert!(mib(1280, 720, 6, 1) < mib(1920, 1080, 6, 1));
        assert!(mib(3840, 2160, 2, 1) > mib(3840, 2160, 4, 1));
        assert!(mib(64, 64, 10, 1) >= 60);
        let unknown = identify("SVT-AV1-Tritium v1.0.0").unwrap();
        let heaviest = memory_estimate(&unknown, (1920, 1080), 6, 4) / (1024 * 1024);
        assert_eq!(
            heaviest,
            mib(1920, 1080, 6, 4),
            "its number is not mainline's"
        );
        let mainline = identify("SVT-AV1 v4.2.0").unwrap();
        assert_eq!(max_lp(&unknown), max_lp(&mainline));
        assert_eq!(busy_cores(&unknown, 4), busy_cores(&mainline, 4));
    }
}
