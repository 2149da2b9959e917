//! How large an output may be, measured by its source, or is to be.

use super::usage;
use crate::{cli::EncodeArgs, os::exit::UsageError};

/// The largest share of its source that an output may have.
#[derive(Debug, Clone, PartialEq)]
pub struct SizeLimit {
    /// Above 0, and 1 at most.
    ratio: f64,
    /// The option that says so, as it was typed.
    pub said: String,
}

impl SizeLimit {
    /// What a command line says of it. Clap knows that only one of the two options may be there.
    ///
    /// # Errors
    /// If its value makes no sense.
    pub(super) fn of(args: &EncodeArgs) -> Result<Option<Self>, UsageError> {
        let (name, text, ratio, example) = match (&args.max_size_ratio, &args.min_saving) {
            (Some(text), _) => ("--max-size-ratio", text, number(text), RATIO),
            (None, Some(text)) => ("--min-saving", text, share_left(text), SAVING),
            (None, None) => return Ok(None),
        };
        let said = format!("{name} {text}");
        match ratio.filter(|ratio| *ratio > 0.0 && *ratio <= 1.0) {
            Some(ratio) => Ok(Some(Self { ratio, said })),
            None => usage(format!("{said}: {example}")),
        }
    }

    /// How many bytes the output of a source of so many may have.
    #[must_use]
    pub fn bytes(&self, source: u64) -> u64 {
        (source as f64 * self.ratio).floor() as u64
    }
}

/// A number of bytes below which nobody means bytes.
const LEAST: u64 = 1 << 16;

const RATIO: &str = "a number above 0 and at most 1, such as 0.90";
const SAVING: &str = "a share from 0% to below 100%, with its sign, such as 5%";

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// What is left of 1 where a share is saved.
fn share_left(text: &str) -> Option<f64> {
    let percent = number(text.strip_suffix('%')?.trim_end())?;
    Some((100.0 - percent) / 100.0)
}

/// The size that an output is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSize {
    /// Bytes of the whole file.
    pub bytes: u64,
    /// The option that says so, as it was typed.
    pub said: String,
}

impl TargetSize {
    /// What a command line says of it.
    ///
    /// # Errors
    /// If it is no size.
    pub(super) fn of(args: &EncodeArgs) -> Result<Option<Self>, UsageError> {
        let Some(text) = &args.target_size else {
            return Ok(None);
        };
        let said = format!("--target-size {text}");
        // As everywhere here, a G is 2^30 bytes.
        match parse_size::Config::new().with_binary().parse_size(text) {
            // HandBrake's users name megabytes, and no unit.
            Ok(bytes @ 1..LEAST) if text.bytes().all(|byte| byte.is_ascii_digit()) => usage(
                format!("{said} is {bytes} bytes: name the unit, such as {text}M"),
            ),
            Ok(bytes @ 1..) => Ok(Some(Self { bytes, said })),
            _ => usage(format!("{said}: a size such as 4G, 700M or 4.37GiB")),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn limit(option: &str, value: &str) -> Result<Option<SizeLimit>, UsageError> {
        let cli = Cli::try_parse_from(["av1enc", "in.mkv", option, value]).unwrap();
        SizeLimit::of(&cli.encode)
    }

    #[test]
    fn a_ratio_and_a_saving_are_two_ways_to_say_how_many_bytes() {
        for (option, value, most) in [
            ("--max-size-ratio", "0.90", 900),
            ("--max-size-ratio", "1", 1000),
            ("--max-size-ratio", "0.0015", 1),
            ("--min-saving", "5%", 950),
            ("--min-saving", "0%", 1000),
            ("--min-saving", "2.5 %", 975),
        ] {
            let limit = limit(option, value).unwrap().unwrap();
            assert_eq!(limit.bytes(1000), most, "{option} {value}");
            assert_eq!(limit.said, format!("{option} {value}"));
        }
    }

    fn target(value: &str) -> Result<Option<TargetSize>, UsageError> {
        let cli = Cli::try_parse_from(["av1enc", "in.mkv", "--target-size", value]).unwrap();
        TargetSize::of(&cli.encode)
    }

    #[test]
    fn a_target_is_counted_in_binary_units_like_all_sizes() {
        for (value, bytes) in [
            ("4G", 4 << 30),
            ("700MiB", 700 << 20),
            ("700 MB", 700 << 20),
            ("4.37GB", 4_692_251_771),
            ("123456", 123_456),
        ] {
            let target = target(value).unwrap().unwrap();
            assert_eq!(target.bytes, bytes, "{value}");
            assert_eq!(target.said, format!("--target-size {value}"));
        }
        for value in ["0", "4X", "much", "-1", "5%", ""] {
            let error = target(value).unwrap_err().to_string();
            assert!(
                error.ends_with(": a size such as 4G, 700M or 4.37GiB"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_makes_no_sense_is_said_with_what_to_type() {
        for (option, values, says) in [
            (
                "--max-size-ratio",
                &["0", "-1", "1.01", "90", "90%", "NaN", "inf", "much"][..],
                "such as 0.90",
            ),
            (
                "--min-saving",
                &["5", "0.05", "100%", "101%", "NaN%", "%", "much"],
                "such as 5%",
            ),
        ] {
            for value in values {
                let error = limit(option, value).unwrap_err().to_string();
                assert!(error.starts_with(&format!("{option} {value}: ")), "{error}");
                assert!(error.ends_with(says), "{error}");
            }
        }
    }
}
