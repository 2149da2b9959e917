//! What is asked of one encoder by its own options, understood once: everything later reads the numbers that are here,
//! and none reads them back out of options.

use std::{fmt, str::FromStr};

use crate::{
    decide::quality::Choice,
    encoder::{Capabilities, Quality, files::NamedFile},
    os::exit::UsageError,
    settings::{
        Config, VideoConfig,
        params::{Crf, NoCrf, Param},
    },
};

/// The constant rate factor where neither the user nor a table says one. Chosen: 6 steps less make a film about one and a half
/// times as large, 6 more two thirds.
const DEFAULT_CRF: Crf = Crf::whole(28);
/// The variance boost curve of SVT-AV1-HDR, where the encoder has it.
pub(super) const BEST_CURVE: u32 = 3;
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

/// What the user asks of an encoder, in our words: every option that decides something here is a value, and no longer
/// among the others.
#[derive(Debug)]
pub struct Asked<'a> {
    /// What the encoder understands.
    pub encoder: &'a Capabilities,
    /// The constant rate factor, where it is among the encoder's options.
    pub crf: Option<Crf>,
    /// The preset, where it is among the encoder's options.
    pub preset: Option<i32>,
    /// The level of parallelism that is demanded, among the encoder's options or by a flag of ours.
    pub lp: Option<u32>,
    /// The option by which the rate is controlled in another way than by a CRF.
    pub other_rate: Option<OtherRate>,
    /// All further options, but those of colours, which the settings hold as [`crate::settings::ForcedColor`]: they decide
    /// nothing here, and the encoder gets them as they are.
    pub rest: Vec<Param>,
}

/// An option by which the rate is controlled in another way than by a CRF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherRate {
    /// One that leaves no room for a CRF, by its name.
    Instead(&'static str),
    /// No adaptive quantisation, which is another mode (CQP): its quantiser may be said as a CRF among the encoder's
    /// options.
    Fixed,
}

impl fmt::Display for OtherRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instead(name) => name,
            Self::Fixed => "aq-mode 0",
        })
    }
}

impl OtherRate {
    fn among(params: &[Param]) -> Option<Self> {
        // `--rc 0` is CRF, and `--lossless 0` is not lossless.
        let is_off = |param: &Param| {
            ["rc", "lossless"].contains(&&*param.name) && param.value.as_deref() == Some("0")
        };
        let is_set = |name: &str| params.iter().any(|p| p.name == name && !is_off(p));
        let other = NOT_WITH_CRF.iter().copied().find(|name| is_set(name));
        let is_fixed = || params.contains(&Param::new("aq-mode", 0));
        other
            .map(Self::Instead)
            .or_else(|| is_fixed().then_some(Self::Fixed))
    }
}

impl<'a> Asked<'a> {
    /// Understands the encoder options and flags of `config`, and checks them and what tables say, the `choice`, against
    /// this `encoder`. An option that names one of `files` has its whole path. Warnings for the user are appended to
    /// `warnings`.
    ///
    /// # Errors
    /// Everything of it that this encoder does not know, that is out of its range, or that is av1enc's own.
    pub fn of(
        config: &Config,
        choice: &Choice,
        encoder: &'a Capabilities,
        files: &[NamedFile],
        warnings: &mut Vec<String>,
    ) -> Result<Self, UsageError> {
        let identity = &encoder.identity;
        let said = config.video.params.iter();
        let said = said.filter(|param| !identity.implies(param));
        let mut params: Vec<Param> = said.map(|param| identity.in_our_words(param)).collect();
        drop_unavailable_curve(&mut params, encoder, warnings);
        drop_needless_hdr(&mut params, encoder, warnings);
        limit_preset(&mut params, encoder, warnings);
        let wrong = params
            .iter()
            .filter_map(|param| check(Place::Params, param, encoder).err())
            .chain(check_flags(config, encoder).err())
            .chain(check_tables(choice, encoder).err());
        UsageError::unless_none(wrong)?;
        for param in &mut params {
            if let Some(file) = files.iter().find(|file| file.is_named_by(param)) {
                param.value = Some(file.path.clone());
            }
        }
        let crf = take(&mut params, "crf", &NoCrf.to_string())?;
        let preset = take(&mut params, "preset", "a whole number is needed")?;
        let lp = take(&mut params, "lp", "a number from 0 is needed")?;
        params.retain(|param| !COLOR_PARAMS.contains(&param.name.as_str()));
        Ok(Self {
            encoder,
            crf,
            preset,
            // With 0 the encoder is to choose; here its user does not.
            lp: lp.or(config.video.lp).filter(|lp| *lp > 0),
            other_rate: OtherRate::among(&params),
            rest: params,
        })
    }

    /// Whether an option is among the further ones.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.rest.iter().any(|param| param.name == name)
    }

    /// How good the picture is to be: as the encoder's options say, else our own, else a table's `choice`.
    ///
    /// # Errors
    /// If several say it, and contradict each other.
    pub fn quality(&self, config: &Config, choice: &Choice) -> Result<Quality, UsageError> {
        let crf = self.crf.map(|_| "crf".to_owned());
        let in_params = self.other_rate.map(|other| other.to_string()).or(crf);
        if let (Some(target), Some(other)) = (&config.deciding.target, in_params) {
            return Err(UsageError(format!(
                "{} chooses the CRF of every chunk: leave --{other} out of --video-params, or leave --target-size out",
                target.said
            )));
        }
        let flag = config.video.crf;
        match (self.other_rate, self.crf) {
            (Some(other), Some(crf)) if other == OtherRate::Fixed && flag.is_none() => {
                Ok(Quality::Crf(crf))
            }
            (Some(other), crf) if crf.or(flag).is_some() => Err(UsageError(format!(
                "--crf contradicts --{other} inside --video-params; leave one out"
            ))),
            (Some(_), _) => Ok(Quality::Own),
            (None, crf) => {
                let of_tables = choice.crf.as_ref().map(|chosen| chosen.value);
                let crf = crf.or(flag).or(of_tables);
                Ok(Quality::Crf(crf.unwrap_or(DEFAULT_CRF)))
            }
        }
    }

    /// The preset: as the encoder's options say, else our own, else a table's `choice`, else what its family has in the
    /// middle.
    #[must_use]
    pub fn preset(&self, wanted: &VideoConfig, choice: &Choice) -> i32 {
        let of_tables = choice.preset.as_ref().map(|chosen| chosen.value);
        let said = self.preset.or(wanted.preset).or(of_tables);
        said.unwrap_or_else(|| self.encoder.identity.default_preset())
    }

    /// The grain that a table asks for, as this encoder calls it.
    #[must_use]
    pub fn grain(&self, choice: &Choice) -> Option<Param> {
        grain(choice, self.encoder)
    }
}

/// Takes the option `name` out of `params`: its value, where it is there. `needed` says what it has to be.
fn take<T: FromStr>(
    params: &mut Vec<Param>,
    name: &str,
    needed: &str,
) -> Result<Option<T>, UsageError> {
    let found = params.iter().find(|param| param.name == name).cloned();
    params.retain(|param| param.name != name);
    let Some(param) = found else { return Ok(None) };
    let value = param.value.as_deref().unwrap_or_default().parse();
    value
        .map(Some)
        .map_err(|_| UsageError(format!("{}{param}: {needed}", Place::Params)))
}

fn grain(choice: &Choice, encoder: &Capabilities) -> Option<Param> {
    let strength = choice.grain.as_ref()?.value;
    let option = encoder.identity.grain_option()?;
    (strength > 0).then(|| Param::new(option, strength))
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
        lp,
        params,
        ..
    } = &config.video;
    let flags = [
        crf.map(|crf| Param::new("crf", crf)),
        preset.map(|preset| Param::new("preset", preset)),
        lp.map(|lp| Param::new("lp", lp)),
    ];
    for flag in flags.iter().flatten() {
        check(Place::Flag, flag, capabilities)?;
    }
    let mut flags = flags.iter().flatten();
    flags.try_for_each(|flag| {
        let is_same = |param: &&Param| capabilities.identity.our_name(&param.name) == flag.name;
        match params.iter().find(is_same) {
            Some(param) => Err(UsageError(format!(
                "--{} is given twice: by itself and as --{}",
                flag.name, param.name
            ))),
            None => Ok(()),
        }
    })
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
pub(super) enum Place {
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

/// An encoder for unit tests.
#[cfg(test)]
pub(super) mod examples {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        encoder::{Family, Fork, Identity},
        os::version::Version,
    };

    /// Mainline 4.2.0 with the variance boost curves up to this one.
    pub(in crate::plan) fn capabilities(curve: f64) -> Capabilities {
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
            number: Version(4, 2),
        };
        Capabilities {
            identity,
            options,
            quarter_crf: true,
            takes_unknown: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{examples::capabilities, *};
    use crate::cli::Cli;

    fn asked<'a>(args: &[&str], encoder: &'a Capabilities) -> Result<Asked<'a>, UsageError> {
        let args = ["av1enc", "in.mkv"].iter().chain(args);
        let config = Config::new(&Cli::try_parse_from(args).unwrap().encode)?;
        let choice = Choice {
            class: None,
            crf: None,
            preset: None,
            grain: None,
        };
        Asked::of(&config, &choice, encoder, &[], &mut Vec::new())
    }

    #[test]
    fn what_decides_something_is_a_value_and_no_longer_an_option() {
        let encoder = capabilities(2.0);
        let all = "--crf 30.5 --film-grain 8 --preset 4 --lp 3 --color-primaries 9 --aq-mode 1";
        let all = asked(&["-v", all], &encoder).unwrap();
        assert_eq!(
            (all.crf, all.preset, all.lp, all.other_rate),
            ("30.5".parse().ok(), Some(4), Some(3), None)
        );
        let rest = [Param::new("film-grain", 8), Param::new("aq-mode", 1)];
        assert_eq!(all.rest, rest);
    }

    #[test]
    fn the_level_of_parallelism_is_demanded_in_one_place_and_0_demands_none() {
        let encoder = capabilities(2.0);
        let lp = |args: &[&str]| asked(args, &encoder).unwrap().lp;
        assert_eq!(lp(&["--lp", "2"]), Some(2));
        assert_eq!(lp(&["-v", "--lp 2"]), Some(2));
        assert_eq!((lp(&["--lp", "0"]), lp(&["-v", "--lp 0"])), (None, None));
    }

    #[test]
    fn what_controls_the_rate_otherwise_is_known_by_name() {
        let encoder = capabilities(2.0);
        let other = |params: &str| asked(&["-v", params], &encoder).unwrap().other_rate;
        assert_eq!(other("--rc 1 --tbr 900"), Some(OtherRate::Instead("rc")));
        assert_eq!(other("--qp 30"), Some(OtherRate::Instead("qp")));
        assert_eq!(other("--aq-mode 0"), Some(OtherRate::Fixed));
        assert_eq!(other("--rc 0 --aq-mode 1"), None);
    }

    #[test]
    fn a_value_that_is_no_number_of_its_kind_is_refused_and_not_replaced_by_ours() {
        let encoder = capabilities(2.0);
        for (params, needed) in [
            ("--preset 5.5", "a whole number is needed"),
            ("--lp 1.5", "a number from 0 is needed"),
            ("--crf 28.1", "in steps of 0.25"),
        ] {
            let error = asked(&["-v", params], &encoder).unwrap_err().to_string();
            let words = format!("--video-params: {params}: ");
            assert!(
                error.starts_with(&words) && error.ends_with(needed),
                "{error}"
            );
        }
    }
}
