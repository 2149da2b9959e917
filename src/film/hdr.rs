//! HDR10 static metadata: read, check, and print for each consumer.
//!
//! Mastering display colour volume is SMPTE ST 2086; content light level is CTA-861.3. "HDR10" here means that a film
//! has at least a whole mastering display or a content light level; neither is ever half there.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A CIE 1931 xy chromaticity; 0 to 1 each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Chromaticity {
    /// x.
    pub x: f64,
    /// y.
    pub y: f64,
}

/// Colour volume of the display on which the film was mastered (SMPTE ST 2086).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MasteringDisplay {
    /// Red primary.
    pub red: Chromaticity,
    /// Green primary.
    pub green: Chromaticity,
    /// Blue primary.
    pub blue: Chromaticity,
    /// White point.
    pub white: Chromaticity,
    /// Darkest luminance in cd/m² (nit).
    pub min_luminance: f64,
    /// Brightest luminance in cd/m² (nit).
    pub max_luminance: f64,
}

/// Content light level (CTA-861.3), in cd/m² (nit).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentLight {
    /// Maximum content light level: the brightest pixel.
    pub max_cll: u32,
    /// Maximum frame-average light level.
    pub max_fall: u32,
}

/// The static metadata of an HDR10 film.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Hdr10 {
    /// Mastering display, if the source says.
    pub mastering: Option<MasteringDisplay>,
    /// Content light level, if the source says.
    pub content_light: Option<ContentLight>,
}

impl Hdr10 {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mastering.is_none() && self.content_light.is_none()
    }
}

/// HEVC SEI, x265 and mkv tools count chromaticities in steps of 1/50000 (Rec. ITU-T H.265, D.3.28).
const XY_STEPS: f64 = 50_000.0;
/// HEVC SEI counts luminance in steps of 1/10000 cd/m² (Rec. ITU-T H.265, D.3.28).
const LUMINANCE_STEPS: f64 = 10_000.0;
/// The brightest luminance that PQ can express, in cd/m² (SMPTE ST 2084).
const PQ_PEAK: f64 = 10_000.0;

impl MasteringDisplay {
    /// Builds one from ten numbers in the order of a mastering-display text: green, blue, red, white, each x then y,
    /// then maximum and minimum luminance.
    ///
    /// Numbers are either normalised (xy from 0 to 1, luminance in cd/m²) or all raw integers as HEVC counts them
    /// (xy in 1/50000, luminance in 1/10000 cd/m²). Raw is recognised by a chromaticity above 1, which a normalised
    /// one never has; then all of them are taken as raw.
    ///
    /// # Errors
    /// A sentence fragment that says which value is impossible: a chromaticity outside the triangle `x, y >= 0,
    /// x + y <= 1` or with `y = 0`, a luminance that is negative, above 10000 cd/m², or a minimum at or above the
    /// maximum.
    pub fn from_values(values: [f64; 10]) -> Result<Self, String> {
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(format!("{value} is not a number"));
        }
        let raw = values[..8].iter().any(|value| *value > 1.0);
        let [xy, luminance] = if raw {
            [XY_STEPS, LUMINANCE_STEPS]
        } else {
            [1.0, 1.0]
        };
        let point = |at: usize| Chromaticity {
            x: values[at] / xy,
            y: values[at + 1] / xy,
        };
        let display = Self {
            green: point(0),
            blue: point(2),
            red: point(4),
            white: point(6),
            max_luminance: values[8] / luminance,
            min_luminance: values[9] / luminance,
        };
        display.check().map(|()| display)
    }

    fn check(&self) -> Result<(), String> {
        for (name, point) in [
            ("green", self.green),
            ("blue", self.blue),
            ("red", self.red),
            ("white point", self.white),
        ] {
            // ITU-R BT.2020 red lies on the spectral locus, where x + y = 1; rounding may carry it a step beyond.
            if point.x < 0.0 || point.y <= 0.0 || point.x + point.y > 1.0 + 2.0 / XY_STEPS {
                return Err(format!("{name} ({}, {}) is not a colour", point.x, point.y));
            }
        }
        if self.min_luminance < 0.0
            || self.max_luminance > PQ_PEAK
            || self.min_luminance >= self.max_luminance
        {
            return Err(format!(
                "luminance from {} to {} cd/m² is not possible",
                self.min_luminance, self.max_luminance
            ));
        }
        Ok(())
    }

    /// Reads the text form of SvtAv1EncApp and x265, `G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)`; blanks are skipped, the
    /// order of the groups is free.
    ///
    /// # Errors
    /// A sentence fragment that says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let mut values = [f64::NAN; 10];
        let mut seen = [false; 5];
        let mut rest = compact.as_str();
        while !rest.is_empty() {
            let (name, after) = rest
                .split_once('(')
                .ok_or_else(|| format!("`{rest}` has no `(`"))?;
            let (pair, after) = after
                .split_once(')')
                .ok_or_else(|| format!("`{rest}` has no `)`"))?;
            let group = ["G", "B", "R", "WP", "L"]
                .iter()
                .position(|known| name.eq_ignore_ascii_case(known))
                .ok_or_else(|| format!("`{name}` is not one of G, B, R, WP, L"))?;
            if std::mem::replace(&mut seen[group], true) {
                return Err(format!("`{name}` is given twice"));
            }
            let (a, b) = pair
                .split_once(',')
                .ok_or_else(|| format!("`{name}({pair})` is not a pair"))?;
            let number = |text: &str| {
                text.parse::<f64>()
                    .map_err(|_| format!("`{text}` is not a number"))
            };
            values[2 * group] = number(a)?;
            values[2 * group + 1] = number(b)?;
            rest = after;
        }
        match ["G", "B", "R", "WP", "L"]
            .iter()
            .zip(seen)
            .find(|(_, seen)| !seen)
        {
            Some((missing, _)) => Err(format!("`{missing}(…)` is missing")),
            None => Self::from_values(values),
        }
    }
}

/// Steps of AV1 to a chromaticity of 1, and to a maximum and a minimum luminance of 1 cd/m²: 0.16, 24.8 and 18.14 fixed
/// point (AV1 specification, 6.7.4).
pub const AV1_XY_STEPS: f64 = 65_536.0;
/// See [`AV1_XY_STEPS`].
pub const AV1_MAX_STEPS: f64 = 256.0;
/// See [`AV1_XY_STEPS`].
pub const AV1_MIN_STEPS: f64 = 16_384.0;
/// The largest chromaticity that 0.16 fixed point holds: 1 itself has no place.
const AV1_LARGEST_XY: f64 = (AV1_XY_STEPS - 1.0) / AV1_XY_STEPS;
/// By how much [`decimal`] may change a value on its way to the encoder, twice over for what doubles add to it.
const TEXT_ERROR: f64 = 1e-8;

impl MasteringDisplay {
    /// Whether one of the two is what AV1 or Matroska stores of the other. Encoders round to the nearest step of AV1, so
    /// that half a step is lost at most; Matroska's floating point loses less.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let near = |a: f64, b: f64, steps: f64| (a - b).abs() <= 0.5 / steps + TEXT_ERROR;
        let near_xy =
            |a: f64, b: f64| near(a.min(AV1_LARGEST_XY), b.min(AV1_LARGEST_XY), AV1_XY_STEPS);
        let points = [
            (self.red, other.red),
            (self.green, other.green),
            (self.blue, other.blue),
            (self.white, other.white),
        ];
        points
            .iter()
            .all(|(a, b)| near_xy(a.x, b.x) && near_xy(a.y, b.y))
            && near(self.min_luminance, other.min_luminance, AV1_MIN_STEPS)
            && near(self.max_luminance, other.max_luminance, AV1_MAX_STEPS)
    }

    /// What a metadata OBU holds behind its type (AV1 specification, 5.8.4): red, green, blue, white, maximum, minimum.
    #[must_use]
    pub fn av1_payload(&self) -> [u8; 24] {
        let mut payload = [0; 24];
        let points = [self.red, self.green, self.blue, self.white]
            .into_iter()
            .flat_map(|point| [point.x, point.y]);
        for (n, value) in points.enumerate() {
            // A value of 1 has no place; the cast ends at the nearest that has.
            let steps = (value * AV1_XY_STEPS).round() as u16;
            payload[2 * n..2 * n + 2].copy_from_slice(&steps.to_be_bytes());
        }
        payload[16..20]
            .copy_from_slice(&((self.max_luminance * AV1_MAX_STEPS).round() as u32).to_be_bytes());
        payload[20..]
            .copy_from_slice(&((self.min_luminance * AV1_MIN_STEPS).round() as u32).to_be_bytes());
        payload
    }
}

impl ContentLight {
    /// What a metadata OBU holds behind its type (AV1 specification, 5.8.3).
    #[must_use]
    pub fn av1_payload(&self) -> [u8; 4] {
        let [cll, fall] = [self.max_cll, self.max_fall]
            .map(|nit| u16::try_from(nit).unwrap_or(u16::MAX).to_be_bytes());
        [cll[0], cll[1], fall[0], fall[1]]
    }
}

/// The text form that SvtAv1EncApp takes, with at least four decimals and as many as the value needs.
impl fmt::Display for MasteringDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = |a: f64, b: f64| format!("({},{})", decimal(a), decimal(b));
        let point = |point: Chromaticity| pair(point.x, point.y);
        write!(
            f,
            "G{}B{}R{}WP{}L{}",
            point(self.green),
            point(self.blue),
            point(self.red),
            point(self.white),
            pair(self.max_luminance, self.min_luminance)
        )
    }
}

/// A number with at least four decimals, at most eight, and no more than it needs; never in scientific notation.
#[must_use]
pub fn decimal(value: f64) -> String {
    let mut text = format!("{value:.8}");
    while text.ends_with('0') && text.len() - text.find('.').unwrap_or(0) > 5 {
        text.pop();
    }
    text
}

impl ContentLight {
    /// Builds one from two numbers; both zero means "unknown" (CTA-861.3) and is `None`.
    ///
    /// # Errors
    /// A sentence fragment that says what is impossible: above 10000 cd/m² (65535 is what the field can hold, PQ ends
    /// at 10000).
    pub fn from_values(max_cll: i64, max_fall: i64) -> Result<Option<Self>, String> {
        let range = 0..=10_000;
        if !range.contains(&max_cll) || !range.contains(&max_fall) {
            return Err(format!(
                "content light {max_cll},{max_fall} is outside 0 to 10000 cd/m²"
            ));
        }
        if max_cll == 0 && max_fall == 0 {
            return Ok(None);
        }
        // In range, so the conversions cannot fail.
        let nit = |value: i64| u32::try_from(value).unwrap_or_default();
        Ok(Some(Self {
            max_cll: nit(max_cll),
            max_fall: nit(max_fall),
        }))
    }

    /// Reads `MAXCLL,MAXFALL`.
    ///
    /// # Errors
    /// A sentence fragment that says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let number = |text: &str| {
            text.trim()
                .parse::<i64>()
                .map_err(|_| format!("`{text}` is not a whole number"))
        };
        let (cll, fall) = text
            .split_once(',')
            .ok_or_else(|| format!("`{text}` is not `MAXCLL,MAXFALL`"))?;
        Self::from_values(number(cll)?, number(fall)?)
    }
}

impl fmt::Display for ContentLight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.max_cll, self.max_fall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P3_D65: &str =
        "G(0.2650,0.6900)B(0.1500,0.0600)R(0.6800,0.3200)WP(0.3127,0.3290)L(1000.0000,0.0001)";

    #[test]
    fn text_goes_in_and_comes_out_unchanged() {
        assert_eq!(MasteringDisplay::parse(P3_D65).unwrap().to_string(), P3_D65);
    }

    #[test]
    fn raw_integers_of_hevc_are_normalised_exactly() {
        let raw = "G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(10000000,1)";
        let display = MasteringDisplay::parse(raw).unwrap();
        assert_eq!(
            display.to_string(),
            "G(0.1700,0.7970)B(0.1310,0.0460)R(0.7080,0.2920)WP(0.3127,0.3290)L(1000.0000,0.0001)"
        );
    }

    #[test]
    fn impossible_values_are_refused_with_the_reason() {
        for (text, reason) in [
            ("bogus", "has no `(`"),
            (
                "G(0.26,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.3290)",
                "`L(…)` is missing",
            ),
            ("G(0.26,0.69)G(0.26,0.69)", "twice"),
            ("G(0.26)", "not a pair"),
            (
                "G(-0.26,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.3290)L(1000,0.0001)",
                "green",
            ),
            (
                "G(0.9,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.3290)L(1000,0.0001)",
                "green",
            ),
            ("G(0,0)B(0,0)R(0,0)WP(0,0)L(0,0)", "green"),
            (
                "G(0.26,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.3290)L(0.0001,1000)",
                "luminance",
            ),
            (
                "G(0.26,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.3290)L(10000000,1)",
                "luminance",
            ),
            (
                "G(nan,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.3290)L(1000,0)",
                "not a number",
            ),
        ] {
            let error = MasteringDisplay::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn rec_2020_red_on_the_spectral_locus_is_a_colour() {
        assert!(
            MasteringDisplay::parse(
                "G(8500,39850)B(6550,2300)R(35401,14600)WP(15635,16450)L(40000000,50)"
            )
            .is_ok()
        );
    }

    #[test]
    fn what_av1_stores_agrees_with_what_was_meant_and_a_neighbour_does_not() {
        let meant = MasteringDisplay::parse(P3_D65).unwrap();
        let stored = MasteringDisplay {
            min_luminance: 2.0 / 16384.0,
            ..meant
        };
        assert!(meant.agrees_with(&stored));
        let green = Chromaticity {
            x: meant.green.x + 0.0001,
            ..meant.green
        };
        assert!(!meant.agrees_with(&MasteringDisplay { green, ..meant }));
        assert!(!meant.agrees_with(&MasteringDisplay {
            max_luminance: 1001.0,
            ..meant
        }));
        assert!(!meant.agrees_with(&MasteringDisplay {
            min_luminance: 0.005,
            ..meant
        }));
    }

    #[test]
    fn half_a_step_of_av1_is_rounding_and_more_is_another_value() {
        let meant = MasteringDisplay::parse(P3_D65).unwrap();
        let red_x = |x: f64| MasteringDisplay {
            red: Chromaticity { x, ..meant.red },
            ..meant
        };
        let brightest = |max_luminance: f64| MasteringDisplay {
            max_luminance,
            ..meant
        };
        let darkest = |min_luminance: f64| MasteringDisplay {
            min_luminance,
            ..meant
        };
        // Of each: a whole number of steps.
        for (with, stored, steps) in [
            (&red_x as &dyn Fn(f64) -> MasteringDisplay, 0.6875, 65_536.0),
            (&brightest, 1000.0, 256.0),
            (&darkest, 2.0 / 16_384.0, 16_384.0),
        ] {
            for side in [-1.0, 1.0] {
                let off = |part: f64| with(stored + side * part / steps);
                assert!(with(stored).agrees_with(&off(0.5)), "{stored} {side}");
                assert!(!with(stored).agrees_with(&off(0.51)), "{stored} {side}");
            }
        }
        assert!(red_x(1.0).agrees_with(&red_x(65_535.0 / 65_536.0)));
    }

    #[test]
    fn content_light_of_zero_is_unknown_and_of_a_million_is_refused() {
        assert_eq!(ContentLight::parse("0,0"), Ok(None));
        assert_eq!(
            ContentLight::parse("949,438"),
            Ok(Some(ContentLight {
                max_cll: 949,
                max_fall: 438
            }))
        );
        assert!(ContentLight::parse("1000000,438").is_err());
        assert!(ContentLight::parse("-1,438").is_err());
        assert!(ContentLight::parse("949").is_err());
    }

    #[test]
    fn decimals_are_as_many_as_needed() {
        assert_eq!(decimal(0.0001), "0.0001");
        assert_eq!(decimal(0.00005), "0.00005");
        assert_eq!(decimal(1000.0), "1000.0000");
    }
}
