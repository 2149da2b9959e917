//! The tables by which a film's settings are decided: one TOML file, which a user may copy and change.

mod check;

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use toml::Spanned;

use super::params::Crf;
use crate::os::{exit::UsageError, process::quoted};

/// The file that holds for everybody who names no other.
pub const BUILT_IN: &str = include_str!("tables.toml");

/// A value for each size.
pub type Row<T> = Spanned<BTreeMap<String, Spanned<T>>>;

/// All tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// What the sizes of films are called.
    pub sizes: Sizes,
    /// What tells classes of sources from each other.
    pub classify: Classify,
    /// By class of source.
    pub class: Classes,
    /// By size.
    pub size: Table,
    /// What is added to what the size says.
    pub tier: Tiers,
    /// By the source's codec.
    pub codec: Codecs,
    /// For those in a hurry.
    pub quick: Table,
    /// For av1_qsv, where no table is chosen.
    pub av1_qsv: Qsv,
    /// Bytes from which on a film is worth encoding.
    pub min_bytes: Row<u64>,
    /// Rates of sound.
    pub sound: SoundRates,
}

/// Rates of sound in kbit/s, for one channel, two, and so on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoundRates {
    /// Of Opus.
    pub opus: [u32; 8],
    /// Of AAC.
    pub aac: [u32; 8],
}

/// The sizes, by their names.
pub type Sizes = Spanned<BTreeMap<String, Spanned<Limits>>>;

/// Which pictures have a size: half-open.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The fewest pixels.
    pub from: u64,
    /// The first number of pixels that is too many; none for the largest size.
    pub to: Option<u64>,
}

/// What tells the classes from each other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Classify {
    /// More than this is a disc's.
    pub remux_over: Spanned<[Rate; 2]>,
    /// Less than this is a rip's.
    pub low_under: Spanned<[Rate; 2]>,
    /// So many bits for each pixel of each frame, or more, are a disc's.
    pub remux_bits: f64,
    /// So many, or fewer, are a rip's.
    pub low_bits: f64,
    /// Codecs in which films are sold on the web.
    pub web_codecs: Vec<String>,
    /// Words in names of films from the web.
    pub web_marks: Vec<String>,
    /// Words in names of films as they are on a disc.
    pub remux_marks: Vec<String>,
    /// Words in names of films that came from a disc, in whatever way.
    pub disc_marks: Vec<String>,
}

/// A rate for pictures of so many pixels.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Width times height.
    pub pixels: u64,
    /// Mbit/s.
    pub mbit: f64,
}

/// The rate for pictures of `pixels`, in bits a second: a power of the pixels that goes through both rates.
#[must_use]
pub fn rate_at([one, other]: [Rate; 2], pixels: u64) -> f64 {
    let ratio = |a: u64, b: u64| a as f64 / b as f64;
    let power = (other.mbit / one.mbit).ln() / ratio(other.pixels, one.pixels).ln();
    1e6 * one.mbit * ratio(pixels, one.pixels).powf(power)
}

/// Settings for the classes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// Of a disc.
    pub remux: Table,
    /// Of the web.
    pub web: Table,
    /// Of low quality.
    pub low: Table,
}

/// Settings by size.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Table {
    /// The constant rate factor, for all encoders but av1_qsv.
    pub crf: Option<Row<Crf>>,
    /// What is SVT-AV1's own, with or without ffmpeg.
    pub svt_av1: Own,
    /// What is libaom's.
    pub libaom: Own,
    /// What is rav1e's.
    pub librav1e: Own,
    /// What is av1_qsv's.
    pub av1_qsv: Own,
}

/// Settings of one family of encoders.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Own {
    /// The constant rate factor, in place of the common one.
    pub crf: Option<Row<Crf>>,
    /// The preset.
    pub preset: Option<Row<i32>>,
    /// The strength of film grain that is synthesised.
    pub grain: Option<Row<u32>>,
}

/// What is added to what the size says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tiers {
    /// Slower.
    pub very_high: Tier,
    /// To keep.
    pub archive: Tier,
    /// Faster.
    pub fast: Tier,
}

/// Steps from what the size says.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tier {
    /// Of the constant rate factor.
    pub crf: i32,
    /// Of the preset.
    pub preset: i32,
    /// The least and the largest preset.
    pub presets: Option<[i32; 2]>,
}

/// Settings by the codec of the source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Codecs {
    /// H.264 and whatever is not named.
    pub h264: Table,
    /// HEVC and VP9.
    pub hevc: Table,
    /// AV1.
    pub av1: Table,
}

/// av1_qsv's global_quality by the codec of the source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qsv {
    /// Of what came before H.264.
    pub older: Row<u32>,
    /// Of H.264.
    pub h264: Row<u32>,
    /// Of what came after it.
    pub modern: Row<u32>,
    /// How much more it is for sources of more than 8 bit.
    pub deeper: u32,
}

/// What one file says: each table, or nothing of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    sizes: Option<Sizes>,
    classify: Option<Classify>,
    class: Option<Classes>,
    size: Option<Table>,
    tier: Option<Spanned<Tiers>>,
    codec: Option<Codecs>,
    quick: Option<Table>,
    av1_qsv: Option<Qsv>,
    min_bytes: Option<Row<u64>>,
    sound: Option<Spanned<SoundRates>>,
}

impl Tables {
    /// The tables of a file, over those that are built in.
    ///
    /// # Errors
    /// If it cannot be read or something in it is wrong; the error names file, line and key.
    pub fn read(file: &Path) -> Result<Self, UsageError> {
        let shown = quoted(file.as_os_str());
        let text = fs::read_to_string(file).map_err(|error| {
            UsageError(format!(
                "--tables {shown}: {error}: `av1enc tables > tables.toml` writes a file to begin with"
            ))
        })?;
        let wrong =
            |Fault { line, what }| UsageError(format!("--tables {shown}, line {line}: {what}"));
        Self::parse(&text).map_err(wrong)
    }

    /// The tables that are built in.
    ///
    /// # Errors
    /// None, as a test shows.
    pub fn built_in() -> Result<Self, UsageError> {
        Self::parse(BUILT_IN)
            .map_err(|Fault { line, what }| UsageError(format!("tables.toml:{line}: {what}")))
    }

    /// What `text` says, over what is built in.
    fn parse(text: &str) -> Result<Self, Fault> {
        let file = File::parse(text)?;
        let built_in = File::parse(BUILT_IN)?;
        let wrong = check::fault(&file, &built_in);
        if let Some((span, what)) = wrong {
            return Err(Fault::at(text, span.start, what));
        }
        file.or(built_in)
            .ok_or_else(|| Fault::at(text, 0, "a table is missing".to_owned()))
    }

    /// What pictures of so many pixels are called.
    #[must_use]
    pub fn size_of(&self, pixels: u64) -> &str {
        let is_in =
            |limits: &Limits| limits.from <= pixels && limits.to.is_none_or(|to| pixels < to);
        let mut sizes = self.sizes.get_ref().iter();
        // Every number of pixels is in one of them: that was checked.
        sizes
            .find(|(_, limits)| is_in(limits.get_ref()))
            .map_or("", |(name, _)| name)
    }
}

/// What a row says for a size.
#[must_use]
pub fn at<T: Copy>(row: Option<&Row<T>>, size: &str) -> Option<T> {
    Some(*row?.get_ref().get(size)?.get_ref())
}

/// What is wrong with a file, and in which line.
#[derive(Debug)]
struct Fault {
    line: usize,
    what: String,
}

impl Fault {
    fn at(text: &str, byte: usize, what: String) -> Self {
        Self {
            line: line_of(text, byte),
            what,
        }
    }
}

/// The number of the line in which a byte of `text` stands.
#[must_use]
pub fn line_of(text: &str, byte: usize) -> usize {
    let before = text.bytes().take(byte);
    1 + before.filter(|byte| *byte == b'\n').count()
}

impl File {
    fn parse(text: &str) -> Result<Self, Fault> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let at = error.span().unwrap_or_default().start;
            Fault::at(text, at, described(text, at, error.message()))
        })
    }

    /// These tables, and `others` in place of those that are not here.
    fn or(self, others: Self) -> Option<Tables> {
        Some(Tables {
            sizes: self.sizes.or(others.sizes)?,
            classify: self.classify.or(others.classify)?,
            class: self.class.or(others.class)?,
            size: self.size.or(others.size)?,
            tier: self.tier.or(others.tier)?.into_inner(),
            codec: self.codec.or(others.codec)?,
            quick: self.quick.or(others.quick)?,
            av1_qsv: self.av1_qsv.or(others.av1_qsv)?,
            min_bytes: self.min_bytes.or(others.min_bytes)?,
            sound: self.sound.or(others.sound)?.into_inner(),
        })
    }
}

/// What TOML says is wrong at a byte of `text`, with the key that stands there.
fn described(text: &str, at: usize, message: &str) -> String {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let whole = text[line..].lines().next().unwrap_or_default();
    let message = message.replace('\n', ", ");
    match whole.split_once('=') {
        Some((key, _)) => format!("{}: {message}", key.trim()),
        None => format!("{}: {message}", whole.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let Fault { line, what } = Tables::parse(text).unwrap_err();
        format!("{line}: {what}")
    }

    #[test]
    fn the_built_in_tables_are_in_order() {
        let tables = Tables::built_in().unwrap();
        for ((width, height), name) in [
            ((720_u64, 576), "SD"),
            ((1024, 576), "SD"),
            ((1280, 536), "720p"),
            ((1280, 720), "720p"),
            ((1440, 1080), "1080p"),
            ((1920, 800), "1080p"),
            ((1920, 1080), "1080p"),
            ((2560, 1440), "1440p"),
            ((3440, 1440), "1440p"),
            ((3840, 1600), "2160p"),
            ((3840, 2160), "2160p"),
            ((7680, 4320), "2160p"),
        ] {
            assert_eq!(tables.size_of(width * height), name, "{width}x{height}");
        }
    }

    #[test]
    fn a_rate_goes_through_both_numbers() {
        let Classify {
            remux_over,
            low_under,
            ..
        } = Tables::built_in().unwrap().classify;
        for (rates, pixels, mbit) in [
            (&remux_over, 1920 * 1080, 15.0),
            (&remux_over, 3840 * 2160, 40.0),
            (&remux_over, 1280 * 720, 8.45),
            (&low_under, 1920 * 1080, 5.0),
            (&low_under, 1280 * 720, 2.82),
        ] {
            let rate = rate_at(*rates.get_ref(), pixels) / 1e6;
            assert!((rate - mbit).abs() < 0.01, "{pixels}: {rate}");
        }
    }

    #[test]
    fn a_table_that_is_left_out_is_the_built_in_one() {
        let text = "[tier]\nvery-high = { preset = -2 }\narchive = {}\nfast = {}";
        let tables = Tables::parse(text).unwrap();
        assert_eq!(tables.tier.very_high.preset, -2);
        assert_eq!(at(tables.size.crf.as_ref(), "1080p"), Some(Crf::whole(23)));
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_key() {
        let row = "SD = 1, 720p = 1, 1080p = 1, 1440p = 1, 2160p = 1";
        let sizes =
            |second: &str| format!("[sizes]\nSD = {{ from = 0, to = 600 }}\nHD = {{ {second} }}\n");
        for (text, says) in [
            ("[size]\ncfr = 3".to_owned(), "2: cfr: unknown field `cfr`"),
            ("[sice]\n".to_owned(), "1: [sice]: unknown field"),
            (
                "[size]\ncrf = { SD = 25 }".to_owned(),
                "2: size.crf: no value for 1080p, 1440p, 2160p, 720p",
            ),
            (
                format!("\n[quick]\ncrf = {{ {row}, 8K = 1 }}"),
                "3: quick.crf: 8K is no size of [sizes]",
            ),
            (
                format!("[size]\ncrf = {{ {} }}", row.replace("SD = 1", "SD = 71")),
                "2: crf: ",
            ),
            (
                format!("[size]\nav1-qsv = {{ crf = {{ {row} }} }}"),
                "2: size.av1-qsv.crf.1080p: 1 is not from 20 to 40",
            ),
            (sizes("from = 500"), "3: sizes.HD: overlaps with SD"),
            (
                sizes("from = 700"),
                "3: sizes.HD: nothing is said of 600 to 700 pixels",
            ),
            (
                sizes("from = 600, to = 900"),
                "3: sizes.HD: nothing is said from 900 pixels on",
            ),
            (
                sizes("from = 600"),
                "1: sizes: other names than the built-in ones",
            ),
            ("crf = \n".to_owned(), "1: crf: "),
            (
                "\n[sound]\nopus = [64, 96, 128, 160, 224, 1600, 288, 320]\naac = [1, 1, 1, 1, 1, 1, 1, 1]".to_owned(),
                "2: sound.opus: 1600 kbit/s for 6 channels is not from 6 to 1536",
            ),
            (
                "[sound]\nopus = [64, 96]\naac = [6, 6, 6, 6, 6, 6, 6, 6]".to_owned(),
                "2: opus: invalid length 2",
            ),
            (
                "[tier]\nfast = { presets = [6, 5] }\narchive = {}\nvery-high = {}".to_owned(),
                "1: tier.fast.presets: 6 is more than 5",
            ),
        ] {
            let fault = fault(&text);
            assert!(fault.starts_with(says), "{text}\n{fault}");
        }
    }
}
