//! (Config, Container, Capabilities) -> [`Recipe`]: every decision about the bytes of the output, without any I/O.

use std::{collections::BTreeSet, fmt};

use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::{
    decide::{
        quality::Choice,
        target::{Aim, Scale},
    },
    encoder::{
        Capabilities, Identity, Picture, Quality, Video,
        files::{Named, NamedFile},
    },
    film::{
        fate::{Becomes, Fate, NewSound},
        hdr::Hdr10,
        media::{Color, Container, PQ, UNSPECIFIED},
    },
    os::exit::UsageError,
    scenes::{ANALYSIS_HEIGHT, Rules},
    settings::{
        ColorTags, Config, ForcedColor, VideoConfig,
        params::{Crf, NoCrf, Param},
    },
};

/// Default tune: 0 is visual quality in mainline and in every fork.
const DEFAULT_TUNE: u32 = 0;
/// The constant rate factor where neither the user nor a table says one.
const DEFAULT_CRF: Crf = Crf::whole(28);
/// The variance boost curve of SVT-AV1-HDR, where the encoder has it.
const BEST_CURVE: u32 = 3;

/// The fastest preset of aomenc, by its help (3.15).
const AOMENC_MOST: u8 = 12;

/// Options that choose another way to control the rate than CRF.
const NOT_WITH_CRF: &[&str] = &["qp", "cqp", "rc", "tbr", "lossless", "quantizer"];
/// Options that say colours.
const COLOR_PARAMS: &[&str] = &[
    "color-primaries",
    "transfer-characteristics",
    "matrix-coefficients",
    "color-range",
    "chroma-sample-position",
    "mastering-display",
    "content-light",
];

/// All that decides about the bytes of the output, beside the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The encoder.
    pub encoder: Identity,
    /// What it is asked for.
    #[serde(flatten)]
    pub video: Video,
    /// The files that its options name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<NamedFile>,
    /// How the film is split.
    pub scenes: Rules,
    /// Whether ffmpeg reads and encodes the film in one go.
    #[serde(default)]
    pub direct: bool,
    /// The size that the output is to have: every chunk then has a CRF of its own, and that of `video` is where trials begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<Aim>,
    /// ffmpeg's options for sound, or `None` if sound is copied.
    pub audio_args: Option<Vec<String>>,
    /// What becomes of each track of sound and subtitles, where the user chooses among them: all sound that is encoded anew has
    /// its options in `audio_args`, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<Fate>,
}

/// What is to be encoded.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What its container says.
    pub container: &'a Container,
    /// Its likeliest frame rate, if it names one.
    pub fps: Option<Ratio<u32>>,
    /// What tables say of it, where the user says nothing.
    pub choice: &'a Choice,
}

/// Decides everything, where the user's options name the files `named`. Warnings for the user are appended to `warnings`.
///
/// # Errors
/// If an encoder option of the user's is unknown to this encoder, out of its range, or av1enc's own.
pub fn decide(
    config: &Config,
    Source {
        container,
        fps,
        choice,
    }: Source<'_>,
    capabilities: &Capabilities,
    named: Named,
    warnings: &mut Vec<String>,
) -> Result<Recipe, UsageError> {
    let wanted = &config.video;
    let identity = &capabilities.identity;
    let said = wanted
        .params
        .iter()
        .filter(|param| !identity.implies(param));
    let mut user: Vec<Param> = said.map(|param| identity.in_our_words(param)).collect();
    drop_unavailable_curve(&mut user, capabilities, warnings);
    drop_needless_hdr(&mut user, capabilities, warnings);
    limit_preset(&mut user, capabilities, warnings);
    let wrong = user
        .iter()
        .filter_map(|param| check(Place::Params, param, capabilities).err())
        .chain(check_flags(config, capabilities).err())
        .chain(check_tables(choice, capabilities).err());
    UsageError::unless_none(wrong)?;
    for param in &mut user {
        if let Some(file) = named.files.iter().find(|file| file.is_named_by(param)) {
            param.value = Some(file.path.clone());
        }
    }
    let (color, hdr10) = colors(
        container,
        &wanted.forced_color,
        &wanted.fallback_color,
        warnings,
    );
    let video = Video {
        picture: Picture {
            bit_depth: bit_depth(wanted, container),
            color,
            hdr10,
        },
        quality: quality(config, &user, choice)?,
        preset: user_number(&user, "preset")
            .or(wanted.preset)
            .or(choice.preset.as_ref().map(|chosen| chosen.value))
            .unwrap_or_else(|| identity.default_preset()),
        extra: extra(
            user,
            wanted.defaults,
            grain(choice, capabilities),
            capabilities,
        ),
    };
    let target = config.deciding.target.as_ref();
    if !wanted.defaults {
        require_named(wanted, &video, target.is_some())?;
    }
    if let Some(why) = identity.contradiction(&video) {
        return Err(UsageError(format!("{}{why}", Place::Params)));
    }
    warnings.extend(identity.remark(&video));
    Ok(Recipe {
        encoder: identity.clone(),
        video,
        files: named.files,
        scenes: Rules {
            max: config.cuts.longest_at(fps),
            min: config.cuts.min_scene,
            analysis_height: config.cuts.height.unwrap_or(ANALYSIS_HEIGHT),
            method: config.cuts.method,
            forced: config.cuts.forced.clone(),
            given: config.cuts.given,
        },
        direct: config.direct,
        aim: target.map(|target| Aim {
            bytes: target.bytes,
            scale: Scale::of(capabilities),
        }),
        audio_args: named.audio_args,
        tracks: Vec::new(),
    })
}

/// Options by which users ask for film grain in another way.
const GRAIN: [&str; 3] = ["film-grain-table", "fgs-table", "photon-noise"];

/// The grain that a table asks for, as this encoder calls it.
fn grain(choice: &Choice, capabilities: &Capabilities) -> Option<Param> {
    let strength = choice.grain.as_ref()?.value;
    let option = capabilities.identity.grain_option()?;
    (strength > 0).then(|| Param::new(option, strength))
}

/// Bits per sample to encode.
fn bit_depth(wanted: &VideoConfig, container: &Container) -> u8 {
    let of_source = if container.video.bit_depth > 8 { 10 } else { 8 };
    wanted.bit_depth.unwrap_or(of_source)
}

/// Checks what tables ask for as what is typed is checked.
fn check_tables(choice: &Choice, capabilities: &Capabilities) -> Result<(), UsageError> {
    let crf = choice
        .crf
        .as_ref()
        .map(|c| (Param::new("crf", c.value), &c.at));
    let preset = choice.preset.as_ref();
    let preset = preset.map(|c| (Param::new("preset", c.value), &c.at));
    let grain = grain(choice, capabilities).zip(choice.grain.as_ref().map(|c| &c.at));
    [crf, preset, grain]
        .into_iter()
        .flatten()
        .try_for_each(|(param, at)| {
            check(Place::Flag, &param, capabilities)
                .map_err(|UsageError(why)| UsageError(format!("the tables, {at}: {why}")))
        })
}

/// Checks what is asked for by flags of our own, and that it is not asked for twice.
fn check_flags(config: &Config, capabilities: &Capabilities) -> Result<(), UsageError> {
    let VideoConfig {
        crf,
        preset,
        params,
        ..
    } = &config.video;
    let flags = [
        crf.map(|crf| Param::new("crf", crf)),
        preset.map(|preset| Param::new("preset", preset)),
    ];
    for flag in flags.iter().flatten() {
        check(Place::Flag, flag, capabilities)?;
    }
    for flag in flags.iter().flatten() {
        if let Some(param) = params
            .iter()
            .find(|param| capabilities.identity.our_name(&param.name) == flag.name)
        {
            return Err(UsageError(format!(
                "--{} is given twice: by itself and as --{}",
                flag.name, param.name
            )));
        }
    }
    Ok(())
}

/// How good the picture is to be, where the user's options are `user`.
fn quality(config: &Config, user: &[Param], choice: &Choice) -> Result<Quality, UsageError> {
    let wanted = &config.video;
    // `--rc 0` is CRF, and `--lossless 0` is not lossless.
    let is_off = |param: &Param| {
        ["rc", "lossless"].contains(&&*param.name) && param.value.as_deref() == Some("0")
    };
    let is_set = |name: &str| user.iter().any(|p| p.name == name && !is_off(p));
    let other = NOT_WITH_CRF.iter().copied().find(|name| is_set(name));
    // Without adaptive quantisation it is another mode (CQP), whose quantiser may be said as a CRF.
    let not_crf = other.or(user
        .contains(&Param::new("aq-mode", 0))
        .then_some("aq-mode 0"));
    let in_params = not_crf.or(is_set("crf").then_some("crf"));
    if let (Some(target), Some(other)) = (&config.deciding.target, in_params) {
        return Err(UsageError(format!(
            "{} chooses the CRF of every chunk: leave --{other} out of --video-params, or leave --target-size out",
            target.said
        )));
    }
    let contradicts = not_crf.filter(|_| wanted.crf.is_some());
    if let Some(other) = contradicts.or(other.filter(|_| is_set("crf"))) {
        return Err(UsageError(format!(
            "--crf contradicts --{other} inside --video-params; leave one out"
        )));
    }
    if let Some(param) = user.iter().find(|param| param.name == "crf") {
        let crf = param.value.as_deref().unwrap_or_default().parse();
        return crf
            .map(Quality::Crf)
            .map_err(|none: NoCrf| UsageError(format!("{}{param}: {none}", Place::Params)));
    }
    let of_tables = choice.crf.as_ref().map(|chosen| chosen.value);
    Ok(match not_crf {
        None => Quality::Crf(wanted.crf.or(of_tables).unwrap_or(DEFAULT_CRF)),
        Some(_) => Quality::Own,
    })
}

/// Further options: those of ours that this encoder has and the user does not contradict, then the user's.
fn extra(
    user: Vec<Param>,
    defaults: bool,
    grain: Option<Param>,
    capabilities: &Capabilities,
) -> Vec<Param> {
    let has_user = |name: &str| !defaults || user.iter().any(|param| param.name == name);
    let mut params = Vec::new();
    if capabilities.has("tune") && !has_user("tune") {
        params.push(Param::new("tune", DEFAULT_TUNE));
    }
    let curve = ["variance-boost-curve", "enable-variance-boost"];
    if capabilities.accepts(curve[0], BEST_CURVE.into()) && !curve.into_iter().any(has_user) {
        params.push(Param::new(curve[0], BEST_CURVE));
    }
    params.extend(
        grain.filter(|grain| !GRAIN.iter().any(|name| has_user(name)) && !has_user(&grain.name)),
    );
    let is_typed =
        |name: &str| ["lp", "crf", "preset"].contains(&name) || COLOR_PARAMS.contains(&name);
    params.extend(user.into_iter().filter(|param| !is_typed(&param.name)));
    params
}

/// The value of lp that the user demands, by its own flag or among the encoder options.
///
/// # Errors
/// If it is not a number, or more than the encoder takes.
pub fn demanded_lp(
    config: &Config,
    capabilities: &Capabilities,
) -> Result<Option<u32>, UsageError> {
    let named = |param: &&Param| capabilities.identity.our_name(&param.name) == "lp";
    let param = config
        .video
        .params
        .iter()
        .find(named)
        .map(|param| capabilities.identity.in_our_words(param));
    let flag = config.video.lp.map(|lp| Param::new("lp", lp));
    let place = if param.is_some() {
        Place::Params
    } else {
        Place::Flag
    };
    let Some(param) = param.or(flag) else {
        return Ok(None);
    };
    check(place, &param, capabilities)?;
    match param.value.as_deref().map(str::parse) {
        Some(Ok(0)) => Ok(None),
        Some(Ok(lp)) => Ok(Some(lp)),
        _ => Err(UsageError(format!("{param}: a number from 0 is needed"))),
    }
}

/// Makes sure that the user has named what an encode cannot do without, and what is set by default else.
fn require_named(wanted: &VideoConfig, video: &Video, has_target: bool) -> Result<(), UsageError> {
    let is_in_params = |name: &str| {
        let names = ["preset", "cpu-used", "speed"];
        let others = ["crf", "cq-level", "qp", "quantizer"];
        let known: &[&str] = if name == "preset" { &names } else { &others };
        wanted
            .params
            .iter()
            .any(|param| known.contains(&param.name.as_str()))
    };
    let preset = wanted.preset.is_some() || is_in_params("preset");
    let quality = wanted.crf.is_some() || is_in_params("crf");
    let quality = quality || has_target || video.quality == Quality::Own;
    if preset && quality {
        return Ok(());
    }
    Err(UsageError(
        "--no-defaults: name a quality and a preset, --crf 28 --preset 6 for example, or leave --no-defaults out".to_owned(),
    ))
}

fn user_number(params: &[Param], name: &str) -> Option<i32> {
    params
        .iter()
        .find(|param| param.name == name)?
        .value
        .as_deref()?
        .parse()
        .ok()
}

/// `--variance-boost-curve 3` is in every command line that people share, and only some forks have it. It improves the
/// picture and changes nothing else: elsewhere it is left out, with a warning, rather than refused.
fn drop_unavailable_curve(
    params: &mut Vec<Param>,
    capabilities: &Capabilities,
    warnings: &mut Vec<String>,
) {
    let curve = Param::new("variance-boost-curve", BEST_CURVE);
    if params.contains(&curve) && !capabilities.accepts("variance-boost-curve", BEST_CURVE.into()) {
        params.retain(|param| *param != curve);
        warnings.push(format!(
            "{curve} is left out: {} does not have it (SVT-AV1-HDR does: `./setup --encoder hdr` builds it)",
            capabilities.identity.version
        ));
    }
}

/// `--enable-hdr` was needed once. What it made known is written by itself.
fn drop_needless_hdr(
    params: &mut Vec<Param>,
    capabilities: &Capabilities,
    warnings: &mut Vec<String>,
) {
    let is_hdr = |param: &Param| param.name == "enable-hdr";
    if params.iter().any(is_hdr) && !capabilities.has("enable-hdr") {
        params.retain(|param| !is_hdr(param));
        warnings.push(format!(
            "--enable-hdr is left out: {} does not have it, and it is not needed: HDR10 of the source is written by itself",
            capabilities.identity.version
        ));
    }
}

/// aomenc has more presets than ffmpeg passes on: one that is beyond them becomes the last.
fn limit_preset(params: &mut [Param], capabilities: &Capabilities, warnings: &mut Vec<String>) {
    let Some(Some(ranges)) = capabilities.options.get("preset") else {
        return;
    };
    let most = ranges
        .iter()
        .fold(0.0_f64, |most, (_, high)| most.max(*high));
    let is_of_libaom = capabilities.identity.family.has_cpu_used();
    for param in params
        .iter_mut()
        .filter(|param| is_of_libaom && param.name == "preset")
    {
        let number = param
            .value
            .as_deref()
            .and_then(|value| value.parse::<u8>().ok());
        if number.is_some_and(|number| f64::from(number) > most && number <= AOMENC_MOST) {
            warnings.push(format!(
                "--cpu-used {} becomes {most}: {} takes no more",
                number.unwrap_or_default(),
                capabilities.identity.version
            ));
            *param = Param::new("preset", most);
        }
    }
}

/// Where the user has given an option of the encoder.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// As a flag of our own, which needs no further word.
    Flag,
    /// Among the encoder's options.
    Params,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Params) {
            "--video-params: "
        } else {
            ""
        })
    }
}

/// Checks one option of the user's, given in `place`.
fn check(place: Place, param: &Param, capabilities: &Capabilities) -> Result<(), UsageError> {
    let encoder = &capabilities.identity.version;
    if let Some(why) = capabilities.identity.why_owned(&param.name) {
        return Err(UsageError(format!(
            "{place}--{} cannot be set here: {why}",
            param.name
        )));
    }
    if !capabilities.has(&param.name) && !capabilities.takes_unknown {
        let nearest = capabilities
            .nearest(&param.name)
            .map(|name| format!("; did you mean --{name}?"))
            .unwrap_or_default();
        return Err(UsageError(format!(
            "{place}{encoder} has no option --{}{nearest}",
            param.name
        )));
    }
    let number = param
        .value
        .as_deref()
        .and_then(|value| value.parse::<f64>().ok());
    // Colours may be named; they have been read already.
    let named = COLOR_PARAMS.contains(&param.name.as_str()) && number.is_none();
    if let Some(Some(ranges)) = capabilities.options.get(&param.name)
        && !named
        && !number.is_some_and(|number| capabilities.accepts(&param.name, number))
    {
        let ranges: Vec<String> = ranges
            .iter()
            .map(|(low, high)| {
                if low == high {
                    low.to_string()
                } else {
                    format!("{low} to {high}")
                }
            })
            .collect();
        return Err(UsageError(format!(
            "{place}{param}: {encoder} takes {}",
            ranges.join(", ")
        )));
    }
    if param.name == "crf"
        && !capabilities.quarter_crf
        && let Some(Ok(crf)) = param.value.as_deref().map(str::parse::<f64>)
        && crf.fract() != 0.0
    {
        return Err(UsageError(format!(
            "{place}{param}: {encoder} takes whole numbers"
        )));
    }
    Ok(())
}

/// Colours of the output: those that the user forces, else the source's, else the tags that the user gives for a source
/// without.
fn colors(
    container: &Container,
    forced: &ForcedColor,
    tags: &ColorTags,
    warnings: &mut Vec<String>,
) -> (Color, Hdr10) {
    let source = container.video.color;
    let hdr10 = Hdr10 {
        mastering: forced.mastering.or(container.video.hdr10.mastering),
        content_light: forced
            .content_light
            .unwrap_or(container.video.hdr10.content_light),
    };
    let mut fallback = tags.color.clone();
    if let Some(transfer) = fallback
        .transfer
        .filter(|transfer| Color::is_hdr_transfer(*transfer))
    {
        let unsaid = forced.transfer.is_none() && source.transfer == UNSPECIFIED;
        if let Some(why) = why_not_hdr(container, &hdr10).filter(|_| unsaid) {
            warnings.push(hdr_left_out(transfer, tags, why));
            fallback.transfer = None;
        }
        let other = forced.transfer.unwrap_or(source.transfer);
        // The rest of the line is about that transfer.
        if fallback.transfer.is_none() || other != UNSPECIFIED && other != transfer {
            (fallback.primaries, fallback.matrix) = (None, None);
        }
    }
    let mut ignored = false;
    let mut code = |source: u8, forced: Option<u8>, fallback: Option<u8>| match (forced, source) {
        (Some(forced), _) => forced,
        (None, UNSPECIFIED) => fallback.unwrap_or(UNSPECIFIED),
        (None, source) => {
            ignored |= fallback.is_some_and(|fallback| fallback != source);
            source
        }
    };
    let primaries = code(source.primaries, forced.primaries, fallback.primaries);
    let transfer = code(source.transfer, forced.transfer, fallback.transfer);
    let matrix = code(source.matrix, forced.matrix, fallback.matrix);
    ignored |= forced.range.is_none()
        && source.range.is_some()
        && fallback.range.is_some_and(|f| Some(f) != source.range);
    let color = Color {
        primaries,
        transfer,
        matrix,
        range: forced.range.or(source.range).or(fallback.range),
        chroma_location: forced.chroma_location.unwrap_or(source.chroma_location),
    };
    if ignored {
        warnings.push(format!(
            "{}: the source says {source}, which is kept; colour tags are for sources without",
            tags.flag
        ));
    }
    (color, hdr10)
}

/// Why a source of which nobody says that it is PQ or HLG is neither. People share command lines for HDR, and use them
/// for every film.
fn why_not_hdr(container: &Container, hdr10: &Hdr10) -> Option<&'static str> {
    let video = &container.video;
    let dynamic = video.dynamic_hdr.hdr10_plus || video.dynamic_hdr.dolby_vision_profile.is_some();
    if video.bit_depth == 8 {
        Some("the source has 8 bits")
    } else if hdr10.is_empty() && !dynamic {
        Some("the source has no HDR metadata")
    } else {
        None
    }
}

/// What is left out of colour tags that would make PQ or HLG of a source that is neither, and what to type instead.
fn hdr_left_out(transfer: u8, tags: &ColorTags, why: &str) -> String {
    let name = if transfer == PQ { "PQ" } else { "HLG" };
    let mut params = format!("--transfer-characteristics {transfer}");
    for (option, code) in [
        ("color-primaries", tags.color.primaries),
        ("matrix-coefficients", tags.color.matrix),
    ] {
        params.extend(code.map(|code| format!(" --{option} {code}")));
    }
    format!(
        "{}: the colours of {name} are left out: {why}. If it is {name} all the same: -v \"{params}\"",
        tags.flag
    )
}

/// Something that a recipe says, by the name that a user knows, and in words.
type Said = (&'static str, fn(&Recipe) -> String);

/// What a recipe says before the encoder's further options,
const FIRST: [Said; 3] = [
    ("encoder", |recipe| recipe.encoder.version.clone()),
    ("--crf", |recipe| recipe.video.quality.to_string()),
    ("--preset", |recipe| recipe.video.preset.to_string()),
];
/// and after them.
const LAST: [Said; 11] = [
    ("--target-size", |recipe| {
        or_not_set(recipe.aim.map(|aim| aim.bytes))
    }),
    ("bit depth", |recipe| {
        recipe.video.picture.bit_depth.to_string()
    }),
    ("colours", |recipe| recipe.video.picture.color.to_string()),
    ("--mastering-display", |recipe| {
        or_not_set(recipe.video.picture.hdr10.mastering)
    }),
    ("--content-light", |recipe| {
        or_not_set(recipe.video.picture.hdr10.content_light)
    }),
    ("--extra-split", |recipe| {
        recipe.scenes.max.unwrap_or(0).to_string()
    }),
    ("--no-chunks", |recipe| recipe.direct.to_string()),
    ("--min-scene-len", |recipe| recipe.scenes.min.to_string()),
    ("--sc-method", |recipe| {
        format!("{:?}", recipe.scenes.method).to_lowercase()
    }),
    ("--sc-downscale-height", |recipe| {
        recipe.scenes.analysis_height.to_string()
    }),
    ("frames at which chunks begin", |recipe| {
        listed(&recipe.scenes.forced)
    }),
];

/// A few numbers, and how many more there are.
fn listed(numbers: &[u64]) -> String {
    const SHOWN: usize = 5;
    let mut words: Vec<String> = numbers.iter().take(SHOWN).map(u64::to_string).collect();
    if numbers.len() > SHOWN {
        words.push(format!("{} more", numbers.len() - SHOWN));
    }
    match words.is_empty() {
        true => "none named".to_owned(),
        false => words.join(", "),
    }
}

fn or_not_set(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "not set".to_owned(), |value| value.to_string())
}

impl Recipe {
    /// What differs between two recipes for the picture, each as one sentence fragment; empty if they give the same bytes
    /// of it.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let differs = |what: &str, there: String, now: String| {
            (there != now).then(|| format!("{what}: {there} there, {now} now"))
        };
        let said = |(what, words): &Said| differs(what, words(self), words(other));
        let options = self.video.extra.iter().chain(&other.video.extra);
        let names: BTreeSet<&str> = options.map(|param| param.name.as_str()).collect();
        let option =
            |name: &str| differs(&format!("--{name}"), self.option(name), other.option(name));
        let mut found: Vec<String> = FIRST.iter().filter_map(said).collect();
        found.extend(names.into_iter().filter_map(option));
        found.extend(LAST.iter().filter_map(said));
        found.extend(self.other_contents(other));
        // What the sound takes is not there for the picture.
        if self.aim.is_some() && !self.has_sound_of(other) {
            found.extend(differs("sound", self.sound(), other.sound()));
        }
        if found.is_empty() && self.for_picture() != other.for_picture() {
            found.push("settings of another version of av1enc".to_owned());
        }
        found
    }

    /// What of it is for the picture alone.
    fn for_picture(&self) -> Self {
        let mut recipe = self.clone();
        recipe.audio_args = None;
        recipe.tracks = Vec::new();
        recipe.files.retain(|file| !file.is_of_sound());
        recipe
    }

    /// Whether both make the same of the sound.
    #[must_use]
    pub fn has_sound_of(&self, other: &Self) -> bool {
        let files = |recipe: &Self| -> Vec<NamedFile> {
            let files = recipe.files.iter().filter(|file| file.is_of_sound());
            files.cloned().collect()
        };
        let (ours, theirs) = (self.changed_tracks(), other.changed_tracks());
        let pairs = ours.iter().zip(&theirs);
        self.audio_args == other.audio_args
            && files(self) == files(other)
            && ours.len() == theirs.len()
            && pairs.into_iter().all(|(ours, theirs)| ours.is_as(theirs))
    }

    /// The tracks that are not copied, where the user chooses among them.
    fn changed_tracks(&self) -> Vec<&Fate> {
        let tracks = self.tracks.iter();
        tracks
            .filter(|fate| ![Becomes::Copied, Becomes::ByOptions].contains(&fate.becomes))
            .collect()
    }

    /// How the sound is encoded anew, track by track, where the user chooses by tracks.
    #[must_use]
    pub fn shapes(&self) -> Vec<NewSound> {
        let shape = |fate: &Fate| match &fate.becomes {
            Becomes::Encoded(new) => Some(new.clone()),
            _ => None,
        };
        self.tracks.iter().filter_map(shape).collect()
    }

    /// The same for the picture, with the sound of another.
    #[must_use]
    pub fn with_sound_of(&self, other: &Self) -> Self {
        let mut recipe = self.for_picture();
        let files = other.files.iter().filter(|file| file.is_of_sound());
        recipe.files.extend(files.cloned());
        recipe.audio_args.clone_from(&other.audio_args);
        recipe.tracks.clone_from(&other.tracks);
        recipe
    }

    /// What is made of the sound, in words.
    #[must_use]
    pub fn sound(&self) -> String {
        let changed = self.changed_tracks().into_iter();
        let changed: Vec<String> = changed
            .map(|fate| match &fate.becomes {
                Becomes::Encoded(new) => format!("{} as {new}", fate.name()),
                _ => format!("without {}", fate.name()),
            })
            .collect();
        match &self.audio_args {
            _ if !changed.is_empty() => changed.join("; "),
            None => "copied".to_owned(),
            Some(args) => args.join(" "),
        }
    }

    /// What a further option of the encoder is set to, in words.
    fn option(&self, name: &str) -> String {
        let mut options = self.video.extra.iter();
        match options.find(|param| param.name == name) {
            None => "not set".to_owned(),
            Some(param) => param.value.clone().unwrap_or_else(|| "set".to_owned()),
        }
    }

    /// It without what becomes of sound.
    #[must_use]
    pub fn without_sound(&self) -> Self {
        let mut recipe = self.clone();
        recipe.files.retain(|file| !file.is_of_sound());
        (recipe.audio_args, recipe.tracks) = (None, Vec::new());
        recipe
    }

    /// The file number `n` that options name is at `path` from now on.
    pub fn move_file(&mut self, n: usize, path: &str) {
        let Some(file) = self.files.get_mut(n) else {
            return;
        };
        path.clone_into(&mut file.path);
        let named = self.video.extra.iter_mut();
        for param in named.filter(|param| file.is_named_by(param)) {
            param.value = Some(path.to_owned());
        }
    }

    /// The files that both name, with the same option, and that have another content in `other`.
    fn other_contents(&self, other: &Self) -> Vec<String> {
        let is_other = |ours: &&NamedFile| {
            other.files.iter().any(|theirs| {
                (&theirs.option, &theirs.path) == (&ours.option, &ours.path)
                    && theirs.hash != ours.hash
                    && !ours.is_of_sound()
            })
        };
        self.files
            .iter()
            .filter(is_other)
            .map(|file| {
                format!(
                    "the content of `{}`, which {} names",
                    file.path, file.option
                )
            })
            .collect()
    }

    /// Whether the bytes of a chunk depend on `lp`.
    #[must_use]
    pub fn depends_on_lp(&self) -> bool {
        self.encoder.bytes_depend_on_lp()
    }
}

/// A recipe for unit tests.
#[cfg(test)]
pub(crate) mod examples {
    use serde_json::json;

    use super::*;

    /// 10 bit of unspecified colours at preset 6, with an SVT-AV1 of this fork.
    pub(crate) fn recipe(fork: &str) -> Recipe {
        let encoder =
            json!({"family": "svt-av1", "fork": fork, "version": "v4.2.0", "number": [4, 2]});
        let scenes = json!({"max": 240, "min": 24, "analysis_height": 720});
        serde_json::from_value(json!({
            "encoder": encoder, "params": [], "quality": {"crf": 28.0}, "preset": 6, "bit_depth": 10,
            "color": Color::default(), "hdr10": Hdr10::default(), "scenes": scenes, "audio_args": null}))
        .unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser;

    use super::*;
    use crate::{
        cli::Cli,
        encoder::{Family, Fork, svt_av1},
        film::{
            hdr::{ContentLight, MasteringDisplay},
            media::{ChromaLocation, Range, examples},
        },
    };

    fn capabilities(curve: f64) -> Capabilities {
        let mut options = BTreeMap::new();
        for name in [
            "input-depth",
            "keyint",
            "scd",
            "qp",
            "rc",
            "tbr",
            "aq-mode",
            "tune",
            "lp",
            "color-primaries",
            "transfer-characteristics",
            "matrix-coefficients",
            "color-range",
            "chroma-sample-position",
            "mastering-display",
            "content-light",
            "enable-variance-boost",
            "progress",
        ] {
            options.insert(name.to_owned(), None);
        }
        options.insert("film-grain".to_owned(), Some(vec![(0.0, 50.0)]));
        options.insert("preset".to_owned(), Some(vec![(-1.0, 13.0)]));
        options.insert("crf".to_owned(), Some(vec![(1.0, 63.0)]));
        options.insert("variance-boost-curve".to_owned(), Some(vec![(0.0, curve)]));
        let identity = Identity {
            family: Family::SvtAv1,
            fork: Fork::Mainline,
            version: "SVT-AV1 v4.2.0".to_owned(),
            number: (4, 2),
        };
        Capabilities {
            identity,
            options,
            quarter_crf: true,
            takes_unknown: false,
        }
    }

    fn of(container: &Container) -> Source<'_> {
        static NONE: Choice = Choice {
            class: None,
            crf: None,
            preset: None,
            grain: None,
        };
        Source {
            container,
            fps: None,
            choice: &NONE,
        }
    }

    fn container(color: Color) -> Container {
        let mut container = examples::media().container;
        (container.video.width, container.video.height) = (1920, 1080);
        container.video.color = color;
        container
    }

    const BT709: Color = Color {
        primaries: 1,
        transfer: 1,
        matrix: 1,
        range: Some(Range::Limited),
        chroma_location: None,
    };

    fn recipe_with(
        args: &[&str],
        color: Color,
        curve: f64,
    ) -> Result<(Recipe, Vec<String>), UsageError> {
        let args = ["av1enc", "in.mkv"].iter().chain(args);
        let config = Config::new(&Cli::try_parse_from(args).unwrap().encode)?;
        let mut warnings = Vec::new();
        let recipe = decide(
            &config,
            of(&container(color)),
            &capabilities(curve),
            Named::default(),
            &mut warnings,
        )?;
        Ok((recipe, warnings))
    }

    fn line(recipe: &Recipe) -> String {
        let params = svt_av1::params(&recipe.video, &capabilities(3.0));
        params
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_defaults_are_the_proven_ones() {
        let (recipe, warnings) = recipe_with(&[], Color::default(), 3.0).unwrap();
        assert_eq!(
            line(&recipe),
            "--input-depth 10 --keyint 0 --scd 0 --crf 28 --preset 6 --tune 0 --variance-boost-curve 3"
        );
        assert!(warnings.is_empty());
    }

    #[test]
    fn the_users_options_win_one_by_one_and_contradicted_defaults_go() {
        let (recipe, _) = recipe_with(
            &[
                "-v",
                "--rc 1 --tbr 2000 --enable-variance-boost 0 --keyint 120 --lp 3",
            ],
            BT709,
            3.0,
        )
        .unwrap();
        assert_eq!(
            line(&recipe),
            "--input-depth 10 --scd 0 --preset 6 --color-primaries 1 --transfer-characteristics 1 \
             --matrix-coefficients 1 --color-range 0 --tune 0 --rc 1 --tbr 2000 --enable-variance-boost 0 --keyint 120"
        );
    }

    #[test]
    fn colour_tags_do_not_turn_a_bt709_film_into_pq() {
        let tags = "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc";
        let (recipe, warnings) = recipe_with(&["-f", tags], BT709, 2.0).unwrap();
        assert_eq!(recipe.video.picture.color, BT709);
        assert_eq!(warnings.len(), 1);
        // Nor do they mix with what little the source says.
        let half = Color {
            transfer: 1,
            ..Color::default()
        };
        let (recipe, warnings) = recipe_with(&["-f", tags], half, 2.0).unwrap();
        assert_eq!((recipe.video.picture.color, warnings.len()), (half, 1));
        let (recipe, warnings) = recipe_with(
            &["-f", tags],
            Color {
                transfer: 16,
                ..half
            },
            2.0,
        )
        .unwrap();
        assert_eq!(
            (
                recipe.video.picture.color.primaries,
                recipe.video.picture.color.matrix,
                warnings.len()
            ),
            (9, 9, 0)
        );
    }

    #[test]
    fn colour_tags_make_hdr_only_of_what_may_be_hdr() {
        let tags = [
            "-f",
            "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -color_range tv",
        ];
        let hlg = ["-f", "-color_trc arib-std-b67"];
        let light = Hdr10 {
            content_light: Some(ContentLight {
                max_cll: 949,
                max_fall: 438,
            }),
            mastering: None,
        };
        let codes = |args: &[&str], bit_depth: u8, hdr10: Hdr10| {
            let args = ["av1enc", "in.mkv"].iter().chain(args);
            let config = Config::new(&Cli::try_parse_from(args).unwrap().encode).unwrap();
            let mut container = container(Color::default());
            (container.video.bit_depth, container.video.hdr10) = (bit_depth, hdr10);
            let mut warnings = Vec::new();
            let color = decide(
                &config,
                of(&container),
                &capabilities(2.0),
                Named::default(),
                &mut warnings,
            )
            .unwrap()
            .video
            .picture
            .color;
            (
                color.primaries,
                color.transfer,
                color.matrix,
                color.range,
                warnings,
            )
        };
        let limited = Some(Range::Limited);
        let left_out = |why: &str| {
            vec![format!(
                "-f: the colours of PQ are left out: the source has {why}. If it is PQ all the same: \
                 -v \"--transfer-characteristics 16 --color-primaries 9 --matrix-coefficients 9\""
            )]
        };
        assert_eq!(codes(&tags, 10, light), (9, 16, 9, limited, Vec::new()));
        assert_eq!(
            codes(&tags, 10, Hdr10::default()),
            (2, 2, 2, limited, left_out("no HDR metadata"))
        );
        assert_eq!(
            codes(&tags, 8, light),
            (2, 2, 2, limited, left_out("8 bits"))
        );
        let (.., warnings) = codes(&hlg, 10, Hdr10::default());
        assert!(
            warnings[0].ends_with("-v \"--transfer-characteristics 18\""),
            "{warnings:?}"
        );
        // What the user says of the source himself is his word.
        let said = [tags.as_slice(), &["-v", "--content-light 949,438"]].concat();
        assert_eq!(
            codes(&said, 10, Hdr10::default()),
            (9, 16, 9, limited, Vec::new())
        );
        let said = [tags.as_slice(), &["-v", "--transfer-characteristics 16"]].concat();
        assert_eq!(
            codes(&said, 8, Hdr10::default()),
            (9, 16, 9, limited, Vec::new())
        );
        // Other transfers are nobody's harm.
        assert_eq!(
            codes(&["-f", "-color_trc bt709"], 8, Hdr10::default()),
            (2, 1, 2, None, Vec::new())
        );
    }

    #[test]
    fn colours_among_the_encoder_options_are_the_users_word() {
        let params = "--color-primaries 9 --transfer-characteristics 16 --matrix-coefficients 9 --content-light 949,438 \
                      --mastering-display G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(10000000,1)";
        let (recipe, warnings) = recipe_with(&["-v", params], BT709, 2.0).unwrap();
        assert!(recipe.video.picture.color.is_pq() && warnings.is_empty());
        let normal =
            "G(0.1700,0.7970)B(0.1310,0.0460)R(0.7080,0.2920)WP(0.3127,0.3290)L(1000.0000,0.0001)";
        assert_eq!(
            recipe.video.picture.hdr10.mastering,
            Some(MasteringDisplay::parse(normal).unwrap())
        );
        assert_eq!(line(&recipe).matches("--mastering-display").count(), 1);
        assert!(
            line(&recipe).contains(normal),
            "raw integers are handed on normalised: {}",
            line(&recipe)
        );
    }

    #[test]
    fn a_curve_that_this_encoder_lacks_is_left_out_with_a_warning() {
        let (recipe, warnings) =
            recipe_with(&["-v", "--variance-boost-curve 3"], BT709, 2.0).unwrap();
        assert!(!line(&recipe).contains("curve") && warnings[0].contains("SVT-AV1-HDR"));
    }

    #[test]
    fn a_demanded_crf_is_never_dropped_in_silence() {
        let error = recipe_with(&["--crf", "24", "-v", "--rc 1 --tbr 900"], BT709, 2.0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("--crf contradicts --rc"), "{error}");
        let (recipe, _) = recipe_with(&["--crf", "24", "-v", "--aq-mode 2"], BT709, 2.0).unwrap();
        assert!(line(&recipe).contains("--crf 24") && line(&recipe).contains("--aq-mode 2"));
        for params in ["--crf 20 --rc 1", "--qp 30 --crf 20", "--crf 20 --rc 2"] {
            let error = recipe_with(&["-v", params], BT709, 2.0).unwrap_err();
            assert!(error.to_string().contains("--crf contradicts"), "{params}");
        }
        // That is CRF, by another word.
        for (args, crf) in [
            (&["-v", "--rc 0"][..], "--crf 28"),
            (&["--crf", "24", "-v", "--rc 0"], "--crf 24"),
            (&["-v", "--rc 0 --crf 24"], "--crf 24"),
            (&["-v", "--aq-mode 0 --crf 24"], "--crf 24"),
        ] {
            let (recipe, _) = recipe_with(args, BT709, 2.0).unwrap();
            assert!(line(&recipe).contains(crf), "{args:?}: {}", line(&recipe));
        }
        let (recipe, _) = recipe_with(&["-v", "--aq-mode 0 --qp 30"], BT709, 2.0).unwrap();
        assert!(!line(&recipe).contains("--crf"));
    }

    #[test]
    fn a_chroma_position_that_the_user_calls_unknown_is_not_written() {
        let left = Color {
            chroma_location: Some(ChromaLocation::Left),
            ..BT709
        };
        assert!(
            line(&recipe_with(&[], left, 2.0).unwrap().0).contains("--chroma-sample-position left")
        );
        let (recipe, _) = recipe_with(&["-v", "--chroma-sample-position 0"], left, 2.0).unwrap();
        assert!(!line(&recipe).contains("chroma"));
    }

    #[test]
    fn wrong_encoder_options_are_refused_with_the_reason() {
        for (params, reason) in [
            ("--film-grian 8", "did you mean --film-grain?"),
            ("--film-grain 51", "takes 0 to 50"),
            ("--output x.ivf", "names the chunks"),
            ("-b x.ivf", "names the chunks"),
            ("--progress 0", "shows the progress"),
            ("--film-grain", "takes 0 to 50"),
            ("--film-grain much", "takes 0 to 50"),
        ] {
            let error = recipe_with(&["-v", params], BT709, 2.0)
                .unwrap_err()
                .to_string();
            assert!(error.contains(reason), "{params}: {error}");
        }
    }

    #[test]
    fn our_own_flags_are_checked_as_the_encoders_options_are() {
        for (args, reason) in [
            (["--preset", "99"], "--preset 99: SVT"),
            (["--crf", "70"], "--crf 70: SVT"),
        ] {
            let error = recipe_with(&args, BT709, 2.0).unwrap_err().to_string();
            assert!(error.starts_with(reason), "{args:?}: {error}");
        }
    }

    #[test]
    fn two_recipes_say_in_words_what_differs() {
        let (a, _) = recipe_with(&["--crf", "28"], BT709, 2.0).unwrap();
        let (b, _) = recipe_with(
            &["--crf", "30.5", "-x", "120", "-v", "--film-grain 8"],
            BT709,
            2.0,
        )
        .unwrap();
        assert!(a.differences(&a).is_empty());
        assert_eq!(
            a.differences(&b),
            [
                "--crf: 28 there, 30.5 now",
                "--film-grain: not set there, 8 now",
                "--extra-split: 240 there, 120 now"
            ]
        );
    }
}
