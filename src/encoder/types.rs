//! What an encoder is, what it understands, and what it is asked for, as plain data.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    cli::EncoderName,
    film::{hdr::Hdr10, media::Color},
    os::{version::Version, words},
    settings::{
        params::{Crf, Param},
        tables::{Own, Table},
    },
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

impl Family {
    /// By what name it is asked for.
    #[must_use]
    pub fn name(self) -> EncoderName {
        match self {
            Self::SvtAv1 => EncoderName::SvtAv1,
            Self::Libsvtav1 => EncoderName::Libsvtav1,
            Self::Libaom => EncoderName::Libaom,
            Self::Librav1e => EncoderName::Librav1e,
            Self::Av1Qsv => EncoderName::Av1Qsv,
        }
    }

    /// What a `table` says of it alone, and what that is called there.
    #[must_use]
    pub fn own(self, table: &Table) -> (&'static str, &Own) {
        match self {
            Self::SvtAv1 | Self::Libsvtav1 => ("svt-av1", &table.svt_av1),
            Self::Libaom => ("libaom", &table.libaom),
            Self::Librav1e => ("librav1e", &table.librav1e),
            Self::Av1Qsv => ("av1-qsv", &table.av1_qsv),
        }
    }

    /// Whether its quality is a constant rate factor: a global_quality is on another scale.
    #[must_use]
    pub fn has_crf(self) -> bool {
        self != Self::Av1Qsv
    }

    /// Whether it is a program by itself, and not one of ffmpeg's.
    #[must_use]
    pub fn is_program(self) -> bool {
        self == Self::SvtAv1
    }

    /// Whether a preset of its is aomenc's `--cpu-used`.
    #[must_use]
    pub fn has_cpu_used(self) -> bool {
        self == Self::Libaom
    }
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
    /// One of which nothing is known but that it is none of these.
    Other,
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
    pub number: Version,
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
    #[serde(rename = "open")]
    pub takes_unknown: bool,
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
            Some(Some(ranges)) => ranges
                .iter()
                .any(|(low, high)| (*low..=*high).contains(&value)),
        }
    }

    /// The known option whose name is nearest to `name`, if any is near.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        words::nearest(name, self.options.keys().map(String::as_str))
    }
}

/// The encoder of a run: where it is, and what it understands.
#[derive(Debug, Clone)]
pub struct Encoder {
    pub(super) program: PathBuf,
    pub(super) capabilities: Capabilities,
    /// The GPU's render node, where it is one.
    pub(super) device: Option<PathBuf>,
}

impl Encoder {
    /// The encoder that `program` is, which has said that it is capable of `capabilities`.
    #[must_use]
    pub fn new(program: PathBuf, capabilities: Capabilities) -> Self {
        Self {
            program,
            capabilities,
            device: None,
        }
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
}

/// How good the picture is to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// A constant rate factor.
    Crf(Crf),
    /// What the user's own options say: they control the rate in another way.
    Own,
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crf(crf) => crf.fmt(f),
            Self::Own => f.write_str("not set"),
        }
    }
}

/// What the samples of the output mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Bits per sample: 8 or 10.
    pub bit_depth: u8,
    /// Colours.
    pub color: Color,
    /// Static HDR metadata.
    pub hdr10: Hdr10,
}

/// Options of SVT-AV1 and its forks that only weigh.
const USUAL: [&str; 12] = [
    "enable-qm",
    "enable-variance-boost",
    "film-grain",
    "film-grain-denoise",
    "qm-max",
    "qm-min",
    "qp-scale-compress-strength",
    "sharpness",
    "tune",
    "variance-boost-curve",
    "variance-boost-strength",
    "variance-octile",
];

/// What an encoder is to make of the frames that it is given: every family has words of its own for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// What the samples mean.
    #[serde(flatten)]
    pub picture: Picture,
    /// How good.
    pub quality: Quality,
    /// How slow: the encoder's preset.
    pub preset: i32,
    /// Its further options: those of ours that it has, then the user's.
    #[serde(rename = "params")]
    pub extra: Vec<Param>,
}

impl Video {
    /// Whether nothing is asked for but what weighs one part of a picture against another: such options were run through
    /// whole films, and change neither the number nor the size of pictures.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        let mut names = self.extra.iter().map(|param| param.name.as_str());
        names.all(|name| USUAL.contains(&name))
    }

    /// Whether an option is among the further ones.
    #[must_use]
    pub fn has_extra(&self, name: &str) -> bool {
        self.extra.iter().any(|param| param.name == name)
    }
}
