//! ([`Config`], [`Container`], [`Asked`]) -> [`Recipe`]: every decision about the bytes of the output, without any I/O.

use std::{collections::BTreeSet, fmt};

use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use super::{
    asked::{Asked, BEST_CURVE, Place},
    colors,
};
use crate::{
    decide::{
        quality::Choice,
        target::{Aim, Scale},
    },
    encoder::{
        Identity, Picture, Quality, Video,
        files::{Named, NamedFile},
    },
    film::{
        fate::{Becomes, Fate, NewSound},
        media::Container,
    },
    os::exit::UsageError,
    scenes::{ANALYSIS_HEIGHT, Rules},
    settings::{
        Config, VideoConfig,
        cuts::Cuts,
        params::{Crf, Param},
        sound::SoundOptions,
    },
};

/// Default tune: 0 is visual quality in mainline and in every fork.
const DEFAULT_TUNE: u32 = 0;

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
    pub audio_args: Option<SoundOptions>,
    /// What becomes of each track of sound and subtitles, where the user chooses among them: all sound that is encoded anew has
    /// its options in `audio_args`, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<Fate>,
}

/// What decides how good a film's pictures are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// One constant rate factor for all of it.
    Crf(Crf),
    /// The user's own options, which control the rate in another way.
    Own,
    /// The size that the output is to have: every chunk then has a CRF of its own.
    Size {
        /// That size.
        aim: Aim,
        /// The CRF that is tried first.
        first: Crf,
    },
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

/// Decides everything, where of the encoder this is `asked`, and the user's options name the files `named`. Warnings for the
/// user are appended to `warnings`.
///
/// # Errors
/// If what is asked for contradicts itself, or something is missing.
pub fn decide(
    config: &Config,
    source: Source<'_>,
    asked: &Asked<'_>,
    named: Named,
    warnings: &mut Vec<String>,
) -> Result<Recipe, UsageError> {
    let wanted = &config.video;
    let (color, hdr10) = colors::colors(
        source.container,
        &wanted.forced_color,
        &wanted.fallback_color,
        warnings,
    );
    let video = Video {
        picture: Picture {
            bit_depth: bit_depth(wanted, source.container),
            color,
            hdr10,
        },
        quality: asked.quality(config, source.choice)?,
        preset: asked.preset(wanted, source.choice),
        extra: extra(asked, wanted.defaults, source.choice),
    };
    require_named(config, asked, &video)?;
    let encoder = &asked.encoder.identity;
    if let Some(why) = encoder.contradiction(&video) {
        return Err(UsageError(format!("{}{why}", Place::Params)));
    }
    warnings.extend(encoder.remark(&video));
    Ok(Recipe {
        encoder: encoder.clone(),
        video,
        files: named.files,
        scenes: rules(&config.cuts, source.fps),
        direct: config.direct,
        aim: config.deciding.target.as_ref().map(|target| Aim {
            bytes: target.bytes,
            scale: Scale::of(asked.encoder),
        }),
        audio_args: named.audio_args,
        tracks: Vec::new(),
    })
}

/// How a film with this rate is split.
fn rules(cuts: &Cuts, fps: Option<Ratio<u32>>) -> Rules {
    Rules {
        max: cuts.longest_at(fps),
        min: cuts.min_scene,
        analysis_height: cuts.height.unwrap_or(ANALYSIS_HEIGHT),
        method: cuts.method,
        forced: cuts.forced.clone(),
        given: cuts.given,
    }
}

/// Options by which users ask for film grain in another way.
const GRAIN: [&str; 3] = ["film-grain-table", "fgs-table", "photon-noise"];

/// Bits per sample to encode.
fn bit_depth(wanted: &VideoConfig, container: &Container) -> u8 {
    let of_source = if container.video.bit_depth > 8 { 10 } else { 8 };
    wanted.bit_depth.unwrap_or(of_source)
}

/// Further options: those of ours that this encoder has and the user does not contradict, then the user's.
fn extra(asked: &Asked<'_>, defaults: bool, choice: &Choice) -> Vec<Param> {
    let has_user = |name: &str| !defaults || asked.has(name);
    let mut params = Vec::new();
    if asked.encoder.has("tune") && !has_user("tune") {
        params.push(Param::new("tune", DEFAULT_TUNE));
    }
    let curve = ["variance-boost-curve", "enable-variance-boost"];
    if asked.encoder.accepts(curve[0], BEST_CURVE.into()) && !curve.into_iter().any(has_user) {
        params.push(Param::new(curve[0], BEST_CURVE));
    }
    let grain = asked.grain(choice);
    params.extend(
        grain.filter(|grain| !GRAIN.iter().any(|name| has_user(name)) && !has_user(&grain.name)),
    );
    params.extend(asked.rest.iter().cloned());
    params
}

/// Makes sure that a user who wants nothing set by default has named what an encode cannot do without.
fn require_named(config: &Config, asked: &Asked<'_>, video: &Video) -> Result<(), UsageError> {
    let wanted = &config.video;
    let preset = asked.preset.or(wanted.preset).is_some();
    let quality = asked.crf.or(wanted.crf).is_some() || video.quality == Quality::Own;
    if wanted.defaults || preset && (quality || config.deciding.target.is_some()) {
        return Ok(());
    }
    Err(UsageError(
        "--no-defaults: name a quality and a preset, --crf 28 --preset 6 for example, or leave --no-defaults out".to_owned(),
    ))
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
    /// What decides how good the pictures are. [`Quality`] is what one encoder is told, for a chunk; it is fixed for the film
    /// but where a size is wanted.
    #[must_use]
    pub fn goal(&self) -> Goal {
        match (self.video.quality, self.aim) {
            (Quality::Own, _) => Goal::Own,
            (Quality::Crf(crf), None) => Goal::Crf(crf),
            (Quality::Crf(first), Some(aim)) => Goal::Size { aim, first },
        }
    }

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
            Some(options) => options.to_string(),
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
    use crate::film::{hdr::Hdr10, media::Color};

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
    use clap::Parser;

    use super::{super::asked::examples::capabilities, *};
    use crate::{
        cli::Cli,
        encoder::{Capabilities, svt_av1},
        film::{
            hdr::{ContentLight, Hdr10, MasteringDisplay},
            media::{ChromaLocation, Color, Range, examples},
        },
    };

    /// What is decided, and what the user is told, where tables say nothing.
    fn decided(
        config: &Config,
        container: &Container,
        encoder: &Capabilities,
    ) -> Result<(Recipe, Vec<String>), UsageError> {
        let choice = Choice {
            class: None,
            crf: None,
            preset: None,
            grain: None,
        };
        let mut warnings = Vec::new();
        let asked = Asked::of(config, &choice, encoder, &[], &mut warnings)?;
        let source = Source {
            container,
            fps: None,
            choice: &choice,
        };
        let recipe = decide(config, source, &asked, Named::default(), &mut warnings)?;
        Ok((recipe, warnings))
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
        decided(&config, &container(color), &capabilities(curve))
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
            let (recipe, warnings) = decided(&config, &container, &capabilities(2.0)).unwrap();
            let color = recipe.video.picture.color;
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
    fn a_film_has_one_goal() {
        let goal = |args: &[&str]| recipe_with(args, BT709, 2.0).unwrap().0.goal();
        assert_eq!(goal(&["--crf", "24"]), Goal::Crf(Crf::whole(24)));
        assert_eq!(goal(&["-v", "--rc 1 --tbr 900"]), Goal::Own);
        let Goal::Size { aim, first } = goal(&["--target-size", "2M"]) else {
            panic!("a size is wanted")
        };
        assert_eq!((aim.bytes, first), (2 << 20, Crf::whole(28)));
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
