//! How loud sound is, by EBU R128: measured by ffmpeg's ebur128, its peaks by loudnorm, made what is wanted by that, and measured
//! again by ebur128.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{
    finding::{Finding, What},
    job::LoudnessRecord,
    os::toolbox::Toolbox,
    source::{
        listener::Listener,
        packets::{ON_TIME, Original, keep_clock},
        probe::file_url,
    },
};

/// The highest peak between samples that EBU R128 allows, in dBTP.
const PEAK_DB: f64 = -1.0;
/// The loudness ranges that every loudnorm takes, in LU.
const RANGES: [f64; 2] = [1.0, 20.0];
/// What is quieter is silence: it is not counted by EBU R128, in LUFS.
const SILENCE: f64 = -70.0;
/// By how much the output may miss what is wanted, in LU: EBU R128 allows as much. What loudnorm evens out on the way is not so
/// exact: of bursts over a quiet sound it missed 1.1, encoded as Opus.
const TOLERANCE: f64 = 0.5;
const TOLERANCE_EVENED: f64 = 3.0;

/// What loudnorm prints of what it was given. How loud that is by it, counts for nothing.
#[derive(Debug, Deserialize)]
struct Printed {
    input_tp: String,
    input_lra: String,
    input_thresh: String,
}

/// ffmpeg's last words of a filter, which are behind all others.
fn said(lines: &[String], from: &str) -> Option<String> {
    let at = lines.iter().rposition(|line| line.trim() == from)?;
    Some(lines[at..].join("\n"))
}

/// Measures a `stream` of the source behind these `filters`.
///
/// # Errors
/// If ffmpeg fails, or does not print what it has measured.
pub fn measure(source: &Original<'_>, stream: usize, filters: &str) -> Result<LoudnessRecord> {
    let before = match filters {
        "" => ON_TIME.to_owned(),
        filters => format!("{ON_TIME},{filters}"),
    };
    let mut command = source.reading();
    command.args(["-v", "info", "-nostats", "-map", &format!("0:{stream}")]);
    // loudnorm goes by the number of channels, and leaves out those at the sides of 7.1, for example; ebur128 goes by the layout.
    let both = "ebur128=framelog=verbose,loudnorm=print_format=json";
    command.args(["-af", &format!("{before},{both}")]);
    command.args(["-f", "null", "-"]);
    keep_clock(&mut command, source.container);
    let finished = source.listener().finish(command)?;
    if let Some(failure) = finished.failure {
        return Err(anyhow::anyhow!(failure).context("measuring how loud the sound is"));
    }
    let printed = said(&finished.stderr, "{").and_then(|text| {
        let end = text.find('}')?;
        serde_json::from_str::<Printed>(&text[..=end]).ok()
    });
    let printed = printed.context(
        "measuring how loud the sound is: ffmpeg's loudnorm did not print what it measured",
    )?;
    let lufs = integrated(&finished.stderr)
        .context("measuring how loud the sound is: ffmpeg's ebur128 did not print it")?;
    let number = |text: &str| text.trim().parse::<f64>().unwrap_or(f64::NEG_INFINITY);
    let finite = |value: f64| if value.is_finite() { value } else { -99.0 };
    Ok(LoudnessRecord {
        stream,
        filters: filters.to_owned(),
        lufs: (lufs > SILENCE).then_some(lufs),
        peak_db: finite(number(&printed.input_tp)),
        range: finite(number(&printed.input_lra)),
        threshold: finite(number(&printed.input_thresh)),
    })
}

/// Whether what was measured gets as loud as wanted by being louder or quieter as a whole.
fn is_linear(record: &LoudnessRecord, lufs: f64) -> bool {
    let louder = lufs - record.lufs.unwrap_or(lufs);
    record.peak_db + louder <= PEAK_DB
}

/// What the user should know of sound that was measured, if it does not simply get louder or quieter.
pub fn remark(record: &LoudnessRecord, lufs: f64) -> Option<String> {
    let Some(is) = record.lufs else {
        let why = match record.peak_db > SILENCE {
            true => "it is too short or too quiet to have a loudness by EBU R128",
            false => "it is silent",
        };
        return Some(format!("{why}, and stays as it is"));
    };
    (!is_linear(record, lufs)).then(|| {
        format!(
            "it is at {is:.1} LUFS with peaks of {:.1} dBTP: to be at {lufs} LUFS it is evened out, or its peaks would be above \
             {PEAK_DB} dBTP",
            record.peak_db
        )
    })
}

/// The filter that has sound that was measured be as loud as wanted, at its own `rate`; `None` for silence.
pub fn filter(record: &LoudnessRecord, lufs: f64, rate: Option<u32>) -> Option<String> {
    let is = record.lufs?;
    let [least, most] = RANGES;
    // Of sound whose loudness has no range, loudnorm takes 0 for not measured; what is wider than it knows, it would narrow.
    let range = record.range.clamp(least, most);
    let linear = is_linear(record, lufs);
    let filter = format!(
        "loudnorm=I={lufs}:TP={PEAK_DB}:LRA={range:.2}:measured_I={is:.2}:measured_TP={:.2}:measured_LRA={range:.2}:\
         measured_thresh={:.2}:linear={linear}",
        record.peak_db.clamp(-99.0, 99.0),
        record.threshold.clamp(-99.0, 0.0),
    );
    // Where it evens out, it works at 192 kHz.
    let rate = rate.map_or_else(String::new, |rate| format!(",aresample={rate}"));
    Some(filter + &rate)
}

/// How loud sound track `n` of a file of ours is, in LUFS.
///
/// # Errors
/// If ffmpeg fails, or does not print it.
pub fn of_encoded(tools: &Toolbox, file: &Path, n: usize) -> Result<f64> {
    let mut command = Command::new(&tools.ffmpeg);
    command.args(["-nostdin", "-hide_banner", "-v", "info", "-nostats", "-i"]);
    command.arg(file_url(file));
    command.args(["-map", &format!("0:a:{n}"), "-af"]);
    command.args(["ebur128=framelog=verbose", "-f", "null", "-"]);
    let finished = Listener::of_ours(tools).finish(command)?;
    if let Some(failure) = finished.failure {
        return Err(anyhow::anyhow!(failure).context("measuring how loud the new sound is"));
    }
    integrated(&finished.stderr)
        .context("measuring how loud the new sound is: ffmpeg's ebur128 did not print it")
}

/// `    I:         -23.0 LUFS`.
fn integrated(lines: &[String]) -> Option<f64> {
    let found = lines
        .iter()
        .rev()
        .find_map(|line| line.trim().strip_prefix("I:"))?;
    found.trim().strip_suffix("LUFS")?.trim().parse().ok()
}

/// What the user should know of sound that was evened out, and was `found` to be further off than what was not would be.
pub fn remark_after(record: &LoudnessRecord, lufs: f64, found: f64) -> Option<String> {
    let is_off = (found - lufs).abs() > TOLERANCE + 1e-9;
    (record.lufs.is_some() && is_off)
        .then(|| format!("it is at {found:.1} LUFS, and was to be at {lufs}"))
}

/// What measuring again came to; nothing is said of silence.
pub fn finding(what: What, record: &LoudnessRecord, lufs: f64, found: f64) -> Option<Finding> {
    let is = record.lufs?;
    let tolerance = match is_linear(record, lufs) {
        true => TOLERANCE,
        false => TOLERANCE_EVENED,
    };
    Some(Finding::new(
        what,
        format!("{is:.1} LUFS"),
        format!("{found:.1} LUFS"),
        format!("ffmpeg's ebur128, wanted by --loudness {lufs}"),
        (found - lufs).abs() <= tolerance + 1e-9,
    ))
}

/// A finding for unit tests.
#[cfg(test)]
pub(crate) mod examples {
    use super::*;
    use crate::finding::Property;

    /// What is said of sound that was to be at -23 LUFS, and was `found` to be at so many.
    pub(crate) fn judged(found: f64) -> Option<Finding> {
        let record = LoudnessRecord {
            stream: 1,
            filters: String::new(),
            lufs: Some(-30.0),
            peak_db: -20.0,
            range: 5.0,
            threshold: -40.0,
        };
        finding(Property::Loudness.of_track(1), &record, -23.0, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Property;

    fn record(lufs: Option<f64>, peak_db: f64, range: f64) -> LoudnessRecord {
        LoudnessRecord {
            stream: 1,
            filters: String::new(),
            lufs,
            peak_db,
            range,
            threshold: -37.5,
        }
    }

    #[test]
    fn sound_is_moved_as_a_whole_unless_its_peaks_would_be_too_high() {
        let quieter = filter(&record(Some(-14.2), -0.1, 4.0), -23.0, Some(44_100)).unwrap();
        assert_eq!(
            quieter,
            "loudnorm=I=-23:TP=-1:LRA=4.00:measured_I=-14.20:measured_TP=-0.10:measured_LRA=4.00:measured_thresh=-37.50:\
             linear=true,aresample=44100"
        );
        let steady = filter(&record(Some(-14.2), -0.1, 0.0), -23.0, None).unwrap();
        assert!(steady.contains("measured_LRA=1.00") && steady.ends_with("linear=true"));
        let louder = record(Some(-30.0), -5.0, 25.0);
        assert!(
            filter(&louder, -23.0, None)
                .unwrap()
                .ends_with("linear=false")
        );
        assert!(remark(&louder, -23.0).unwrap().contains("evened out"));
        assert_eq!(remark(&record(Some(-30.0), -8.1, 25.0), -23.0), None);
        let silent = record(None, -99.0, 0.0);
        assert_eq!(filter(&silent, -23.0, None), None);
        assert!(remark(&silent, -23.0).unwrap().contains("silent"));
        let short = remark(&record(None, -19.1, 0.0), -23.0).unwrap();
        assert!(short.contains("too short or too quiet"), "{short}");
    }

    #[test]
    fn what_is_measured_again_is_judged() {
        let what = || Property::Loudness.of_track(1);
        let agrees = |peak_db: f64, found: f64| {
            let record = record(Some(-30.0), peak_db, 5.0);
            finding(what(), &record, -23.0, found).unwrap().agrees
        };
        assert!(agrees(-10.0, -23.4) && agrees(-10.0, -22.5) && agrees(0.0, -25.9));
        assert!(!agrees(-10.0, -23.6) && !agrees(0.0, -26.1));
        let remark = |found| remark_after(&record(Some(-30.0), 0.0, 5.0), -23.0, found);
        assert!(remark(-23.5).is_none() && remark(-24.1).unwrap().contains("-24.1 LUFS"));
        let lines = [
            "    I:         -25.3 LUFS",
            "  Loudness range:",
            "    LRA: 1.0 LU",
        ];
        assert_eq!(integrated(&lines.map(str::to_owned)), Some(-25.3));
        assert_eq!(integrated(&[]), None);
    }
}
