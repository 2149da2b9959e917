//! How like two recordings of one film are to the eye, as filters of ffmpeg measure it, and a picture of both.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{
    film::shape::pixel_format,
    os::process::Children,
    settings::clip::{AtLeast, Measure},
};

/// From this width on, VMAF is measured as for a screen of 4K (libvmaf's own model for that).
const WIDE: u32 = 2560;
/// Widths of which ffmpeg's filter measures XPSNR rightly: multiples of this. At others it was seen to say less than 0
/// dB of pictures with 42 dB of PSNR (ffmpeg 9.0.2), so that the columns that are too many are left out, on both sides.
const XPSNR_STEP: u32 = 64;
/// What is said, in dB, of pictures that differ in nothing: theirs is infinite.
const MOST_XPSNR: f64 = 100.0;

/// Two files with the same pictures, one by one.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// The register of running tools.
    pub children: &'a Children,
    /// What was encoded,
    pub encoded: &'a Path,
    /// and of what.
    pub source: &'a Path,
    /// Width and height of what was encoded: of the source, no more is looked at.
    pub size: (u32, u32),
    /// Bits per sample of what was encoded.
    pub bit_depth: u8,
}

impl Measure {
    /// The filter of ffmpeg that measures it.
    #[must_use]
    pub fn filter(self) -> &'static str {
        match self {
            Self::Vmaf => "libvmaf",
            Self::Xpsnr => "xpsnr",
        }
    }

    /// The first of these ffmpegs that has the filter.
    #[must_use]
    pub fn by<'a>(self, children: &Children, ffmpegs: &'a [PathBuf]) -> Option<&'a Path> {
        let has = |ffmpeg: &&PathBuf| {
            let mut command = Command::new(ffmpeg);
            command.args(["-hide_banner", "-filters"]);
            let listed = children.output(command).unwrap_or_default();
            let listed = String::from_utf8_lossy(&listed);
            let mut names = listed
                .lines()
                .filter_map(|line| line.split_whitespace().nth(1));
            names.any(|name| name == self.filter())
        };
        ffmpegs.iter().find(has).map(PathBuf::as_path)
    }
}

impl AtLeast {
    /// Whether a value is good.
    #[must_use]
    pub fn is_reached(&self, value: f64) -> bool {
        value >= self.least
    }
}

impl Pair<'_> {
    /// Measures them with an `ffmpeg` that has the filter.
    ///
    /// # Errors
    /// If it cannot read one of them.
    pub fn measure(&self, measure: Measure, ffmpeg: &Path) -> Result<f64> {
        let format = pixel_format(self.bit_depth);
        let filter = match measure {
            Measure::Vmaf => {
                let model = match self.size.0 > WIDE {
                    true => "vmaf_4k_v0.6.1",
                    false => "vmaf_v0.6.1",
                };
                format!("libvmaf=model=version={model}:log_fmt=json:log_path=/dev/stdout")
            }
            Measure::Xpsnr => "xpsnr".to_owned(),
        };
        let selects = match measure {
            Measure::Vmaf => "null".to_owned(),
            Measure::Xpsnr => {
                ensure!(
                    self.size.0 >= XPSNR_STEP,
                    "the pictures are narrower than {XPSNR_STEP} pixels"
                );
                format!("crop=floor(iw/{XPSNR_STEP})*{XPSNR_STEP}:ih")
            }
        };
        let mut command = self.reading(ffmpeg);
        let [encoded, source] = self.graphs(&selects, format);
        let graph = format!("{encoded}[e];{source}[s];[e][s]{filter}");
        command.args(["-lavfi", &graph, "-f", "null", "-"]);
        let finished = self.children.finish(command)?;
        if let Some(failure) = finished.failure {
            return Err(failure).with_context(|| format!("measuring {}", measure.name()));
        }
        let value = match measure {
            Measure::Vmaf => vmaf(&finished.stdout),
            Measure::Xpsnr => xpsnr(&finished.stderr),
        };
        value.with_context(|| format!("ffmpeg says no {}", measure.name()))
    }

    /// A PNG of some pictures, each in a row: the source's on the left, what was encoded on the right.
    ///
    /// # Errors
    /// If ffmpeg cannot read one of them.
    pub fn stills(&self, pictures: &[u64], ffmpeg: &Path) -> Result<Vec<u8>> {
        let chosen: Vec<String> = pictures.iter().map(|n| format!("eq(n\\,{n})")).collect();
        let selects = format!("select='{}'", chosen.join("+"));
        let [encoded, source] = self.graphs(&selects, "rgb24");
        let rows = pictures.len().max(1);
        let graph = format!("{encoded}[e];{source}[s];[s][e]hstack,tile=1x{rows}");
        let mut command = self.reading(ffmpeg);
        command.args(["-lavfi", &graph, "-frames:v", "1"]);
        command.args(["-f", "image2pipe", "-c:v", "png", "pipe:1"]);
        let png = self
            .children
            .output(command)
            .context("putting pictures beside one another")?;
        ensure!(!png.is_empty(), "ffmpeg made no picture of both");
        Ok(png)
    }

    fn reading(&self, ffmpeg: &Path) -> Command {
        let mut command = Command::new(ffmpeg);
        command.args(["-nostdin", "-hide_banner", "-nostats", "-v", "info"]);
        for file in [self.encoded, self.source] {
            let mut name = OsString::from("file:");
            name.push(file);
            command.arg("-i").arg(name);
        }
        command
    }

    /// The pictures of both that a filter `selects`, in one `format`: one by one, whatever their times are.
    fn graphs(&self, selects: &str, format: &str) -> [String; 2] {
        let (width, height) = self.size;
        let graph = |n: usize, crop: &str| {
            format!("[{n}:v:0]{crop}{selects},settb=1/25,setpts=N,format={format}")
        };
        [
            graph(0, ""),
            graph(1, &format!("crop={width}:{height}:0:0,")),
        ]
    }
}

#[derive(Deserialize)]
struct VmafLog {
    pooled_metrics: Pooled,
}

#[derive(Deserialize)]
struct Pooled {
    vmaf: Of,
}

#[derive(Deserialize)]
struct Of {
    mean: f64,
}

/// The mean in the log of libvmaf.
fn vmaf(log: &[u8]) -> Option<f64> {
    let log: VmafLog = serde_json::from_slice(log).ok()?;
    Some(log.pooled_metrics.vmaf.mean)
}

/// The least of the planes, `XPSNR  y: 34.8702  u: 38.9031  v: 40.1163  (minimum: 34.8702)`.
fn xpsnr(said: &[String]) -> Option<f64> {
    let line = said.iter().rev().find(|line| line.contains("XPSNR"))?;
    let (_, minimum) = line.split_once("minimum: ")?;
    let least: f64 = minimum.trim_end().trim_end_matches(')').parse().ok()?;
    Some(least.min(MOST_XPSNR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_filters_say_is_read() {
        let said =
            |text: &str| xpsnr(&[text.to_owned(), "[out#0/null @ 0x5] video:1KiB".to_owned()]);
        let line =
            "[Parsed_xpsnr_4 @ 0x7f] XPSNR  y: 34.8702  u: 38.9031  v: 40.1163  (minimum: 34.8702)";
        assert_eq!(said(line), Some(34.8702));
        let older = "XPSNR average, 97 frames  y: 30.1  u: 38.9  v: 40.1  (minimum: 30.1000)";
        assert_eq!(said(older), Some(30.1));
        assert_eq!(said("XPSNR  (minimum: inf)"), Some(MOST_XPSNR));
        assert_eq!(said("nothing"), None);
        let log = br#"{"frames": [], "pooled_metrics": {"vmaf": {"min": 83.8, "mean": 92.5}}}"#;
        assert_eq!(vmaf(log), Some(92.5));
        assert_eq!(vmaf(b"{}"), None);
    }

    #[test]
    fn a_filter_that_no_ffmpeg_has_is_not_made_up() {
        let none = [PathBuf::from("/bin/false"), "/nowhere/ffmpeg".into()];
        assert_eq!(Measure::Vmaf.by(&Children::default(), &none), None);
        let vmaf = AtLeast {
            measure: Measure::Vmaf,
            least: 93.0,
        };
        assert!(vmaf.is_reached(93.0) && !vmaf.is_reached(92.9));
    }
}
