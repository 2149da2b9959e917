//! One file per encoder family: what it understands, its command line, its progress lines, its memory.

pub mod cache;
pub mod svt_av1;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};

use crate::config::Param;

/// Programs that are run and spoken to in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// SvtAv1EncApp.
    SvtAv1,
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
        }
    }

    /// How many cores one encoder at this `lp` keeps busy.
    #[must_use]
    pub fn busy_cores(&self, lp: u32) -> f64 {
        match self.family {
            Family::SvtAv1 => svt_av1::busy_cores(self, lp),
        }
    }

    /// The largest `lp` that is of use.
    #[must_use]
    pub fn max_lp(&self) -> u32 {
        match self.family {
            Family::SvtAv1 => svt_av1::max_lp(self),
        }
    }

    /// Whether the bytes of a chunk depend on `lp`.
    #[must_use]
    pub fn bytes_depend_on_lp(&self) -> bool {
        match self.family {
            Family::SvtAv1 => svt_av1::bytes_depend_on_lp(self),
        }
    }
}

/// The encoder of a run: where it is, and what it understands.
#[derive(Debug, Clone)]
pub struct Encoder {
    program: PathBuf,
    capabilities: Capabilities,
}

impl Encoder {
    /// The encoder that `program` is, which has said that it is capable of `capabilities`.
    #[must_use]
    pub fn new(program: PathBuf, capabilities: Capabilities) -> Self {
        Self { program, capabilities }
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

    /// The command line for one chunk: y4m on standard input, of any number of frames, becomes the IVF file `output`.
    #[must_use]
    pub fn chunk_command(&self, params: &[Param], lp: u32, output: &Path) -> Command {
        match self.identity().family {
            Family::SvtAv1 => svt_av1::chunk_command(&self.program, params, lp, output),
        }
    }

    /// Whether it has said of an option that it does not understand it, and gone on.
    #[must_use]
    pub fn has_complained(&self, _lines: &[String]) -> bool {
        match self.identity().family {
            Family::SvtAv1 => false,
        }
    }

    /// Frames encoded so far, if `line`, which the encoder has printed on standard error, says so.
    #[must_use]
    pub fn progress(&self, line: &str) -> Option<u64> {
        match self.identity().family {
            Family::SvtAv1 => svt_av1::progress(line),
        }
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
