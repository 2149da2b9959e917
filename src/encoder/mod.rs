//! One file per encoder family: what it understands, its command line, its progress lines, its memory.

pub mod svt_av1;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which line of development an SvtAv1EncApp comes from: the same option can mean another thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// The reference encoder.
    Mainline,
    /// SVT-AV1-PSY.
    Psy,
    /// SVT-AV1-HDR.
    Hdr,
    /// SVT-AV1-Essential.
    Essential,
}

/// Which encoder it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its line of development.
    pub family: Family,
    /// Its first line of `--version`.
    pub version: String,
    /// Major and minor version.
    pub number: (u32, u32),
}

/// The values that an option takes, as far as the help text says: any of these ranges, ends included.
pub type Ranges = Vec<(f64, f64)>;

/// What an encoder understands, read from itself.
#[derive(Debug, Clone, PartialEq)]
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
