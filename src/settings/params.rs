//! An option of an encoder, and the constant rate factor.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One encoder option: `--name value`, or `--name` alone. What decides something in av1enc is a value of its own type
/// ([`Crf`], a preset, colours, ...); an option that stays one of these is opaque to us, and goes to the encoder as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    /// Name without the dashes.
    pub name: String,
    /// Value.
    pub value: Option<String>,
}

impl Param {
    /// An option with a value.
    pub fn new(name: &str, value: impl fmt::Display) -> Self {
        Self {
            name: name.to_owned(),
            value: Some(value.to_string()),
        }
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "--{} {value}", self.name),
            None => write!(f, "--{}", self.name),
        }
    }
}

/// A constant rate factor, on the scale to 63 (of some forks: 70) in steps of a quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crf {
    quarters: u32,
}

impl Crf {
    /// The largest one that any encoder takes.
    pub const MOST: u32 = 70;

    /// A whole number.
    #[must_use]
    pub const fn whole(number: u32) -> Self {
        Self {
            quarters: number * 4,
        }
    }

    /// So many quarters of a step, as far as the scale goes.
    #[must_use]
    pub fn of_quarters(quarters: u32) -> Self {
        Self {
            quarters: quarters.min(Self::MOST * 4),
        }
    }

    /// In quarters of a step: the index into AV1's quantiser tables, of which the scale to 63 names every fourth (AV1
    /// specification, 7.12.2).
    #[must_use]
    pub fn quarters(self) -> u32 {
        self.quarters
    }

    /// Whether it is a whole number.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.quarters.is_multiple_of(4)
    }

    /// The one that is so many whole steps away, as far as the scale goes.
    #[must_use]
    pub fn moved(self, steps: i32) -> Self {
        let quarters = self.quarters.saturating_add_signed(steps.saturating_mul(4));
        Self {
            quarters: quarters.min(Self::MOST * 4),
        }
    }

    /// As a number.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.quarters) / 4.0
    }
}

impl TryFrom<f64> for Crf {
    type Error = NoCrf;

    fn try_from(number: f64) -> Result<Self, NoCrf> {
        let quarters = number * 4.0;
        let fits = (0.0..=f64::from(Self::MOST * 4)).contains(&quarters) && quarters.fract() == 0.0;
        if fits {
            Ok(Self {
                quarters: quarters as u32,
            })
        } else {
            Err(NoCrf)
        }
    }
}

impl FromStr for Crf {
    type Err = NoCrf;

    fn from_str(text: &str) -> Result<Self, NoCrf> {
        text.parse::<f64>().map_err(|_| NoCrf)?.try_into()
    }
}

impl fmt::Display for Crf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

impl Serialize for Crf {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.value())
    }
}

impl<'de> Deserialize<'de> for Crf {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        f64::deserialize(from)?
            .try_into()
            .map_err(serde::de::Error::custom)
    }
}

/// A number that no constant rate factor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoCrf;

impl fmt::Display for NoCrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number from 0 to {} in steps of 0.25", Crf::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crf_is_a_number_in_quarters() {
        for (text, shown, quarters) in [
            ("28", "28", 112),
            ("30.50", "30.5", 122),
            ("0.25", "0.25", 1),
            ("70", "70", 280),
        ] {
            let crf: Crf = text.parse().unwrap();
            assert_eq!(
                (crf.to_string().as_str(), crf.quarters()),
                (shown, quarters),
                "{text}"
            );
            let json = serde_json::to_string(&crf).unwrap();
            assert_eq!(serde_json::from_str::<Crf>(&json).unwrap(), crf);
        }
        for text in ["28.1", "-1", "70.25", "x", "", "NaN", "inf"] {
            assert_eq!(text.parse::<Crf>(), Err(NoCrf), "{text}");
        }
    }
}
