//! av1_qsv: the AV1 encoder of Intel GPUs, through ffmpeg.
//!
//! Its command line is checked by a real ffmpeg up to the device; it has not been run on hardware.

use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, anyhow, bail};
use nix::unistd::{Gid, Group};

use super::{
    Capabilities, Encoder, Family, Fork, Identity, Param, Quality, Speech, Video, ffmpeg, svt_av1,
};
use crate::{
    os::{
        cache::Cache,
        process::{Children, Finished, ToolFailure},
        version::Version,
    },
    stream::y4m,
};

/// ffmpeg's name of the encoder.
const CODEC: &str = "av1_qsv";
/// Intel, as PCI numbers vendors.
const INTEL: &str = "0x8086";
/// The driver of every GPU that encodes AV1.
const DRIVER: (&str, &str) = ("LIBVA_DRIVER_NAME", "iHD");

/// Options that av1enc sets itself, and why a user cannot.
const OWNED: &[(&str, &str)] = &[
    ("global_quality", "use --crf"),
    ("profile", "it is main, the only one that av1_qsv has"),
    ("g", "every chunk begins with a keyframe; see --extra-split"),
    (
        "forced_idr",
        "every chunk begins with a keyframe; see --extra-split",
    ),
    ("init_hw_device", "use --device"),
];

/// The first Intel render node of this machine.
#[must_use]
pub fn first_node() -> Option<PathBuf> {
    first_node_in(Path::new("/"))
}

/// `root` is `/` but in tests.
fn first_node_in(root: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(root.join("sys/class/drm")).ok()?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    let is_intel = |name: &std::ffi::OsString| {
        let vendor = root.join("sys/class/drm").join(name).join("device/vendor");
        name.to_string_lossy().starts_with("renderD")
            && fs::read_to_string(vendor).is_ok_and(|vendor| vendor.trim() == INTEL)
    };
    names
        .into_iter()
        .find(is_intel)
        .map(|name| root.join("dev/dri").join(name))
}

/// The render node to use, which this user may use.
///
/// # Errors
/// If there is none, or the user lacks the right; the error says what to type.
pub fn node(given: Option<&Path>) -> Result<PathBuf> {
    let node = match given {
        Some(given) => given.to_owned(),
        None => first_node().context(
            "no Intel render node (/dev/dri/renderD*, vendor 0x8086) is here: the machine has no Intel GPU, its kernel \
             driver (i915 or xe) is not loaded, or a container does not pass it on (--device /dev/dri)",
        )?,
    };
    let shown = node.display();
    let metadata =
        fs::metadata(&node).with_context(|| format!("the render node `{shown}` is not there"))?;
    if let Err(error) = fs::OpenOptions::new().read(true).write(true).open(&node) {
        let group = Group::from_gid(Gid::from_raw(metadata.gid()))
            .ok()
            .flatten();
        let group = group.map_or_else(|| metadata.gid().to_string(), |group| group.name);
        return Err(anyhow!(error).context(format!(
            "you may not use `{shown}`: join its group with `sudo usermod -aG {group} $USER`, and log in again"
        )));
    }
    Ok(node)
}

/// Asks ffmpeg, and through it the GPU behind `node`, what it understands.
///
/// # Errors
/// If ffmpeg has no av1_qsv, or the GPU does not encode with it; the error says why, and what to type.
pub fn capabilities(
    children: &Children,
    cache: &Cache,
    program: &Path,
    node: &Path,
) -> Result<Capabilities> {
    let shown = ffmpeg::require_version(children, program)?;
    let question = format!("{CODEC} of {shown}");
    let help = cache.answer(program, &question, || {
        ffmpeg::encoder_help(children, program, CODEC)
    })?;
    if !help.contains(&format!("Encoder {CODEC}")) {
        bail!(
            "{} has no {CODEC}: name another ffmpeg with --ffmpeg PATH",
            program.display()
        );
    }
    let Finished { failure, .. } = children.finish(trial(program, node))?;
    if let Some(failure) = failure {
        return Err(explained(&failure, node));
    }
    let identity = Identity {
        family: Family::Av1Qsv,
        fork: Fork::Mainline,
        version: format!("{CODEC} in {shown}"),
        number: shown
            .strip_prefix("ffmpeg ")
            .and_then(Version::read)
            .unwrap_or_default(),
    };
    let mut options = ffmpeg::common_options();
    options.extend(
        ffmpeg::options_in_help(&help)
            .map(|(name, range)| (name.to_owned(), range.map(|r| vec![r]))),
    );
    options.insert("preset".to_owned(), Some(vec![(1.0, 7.0)]));
    options.insert("crf".to_owned(), Some(vec![(1.0, 51.0)]));
    Ok(Capabilities {
        identity,
        options,
        quarter_crf: false,
        takes_unknown: false,
    })
}

/// The command line by which ffmpeg has the GPU behind `node` encode two frames, and throws them away.
fn trial(program: &Path, node: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["-nostdin", "-hide_banner", "-v", "verbose"])
        .args(device_options(node));
    command.args([
        "-f",
        "rawvideo",
        "-pix_fmt",
        "nv12",
        "-s",
        "256x256",
        "-r",
        "24",
        "-i",
        "/dev/zero",
    ]);
    command.args([
        "-frames:v",
        "2",
        "-c:v",
        CODEC,
        "-profile:v",
        "main",
        "-global_quality",
        "28",
        "-f",
        "null",
        "-",
    ]);
    choose_driver(&mut command);
    command
}

/// Why av1_qsv does not work here, from what ffmpeg has said.
fn explained(failure: &ToolFailure, node: &Path) -> anyhow::Error {
    let said = |words: &[&str]| {
        failure
            .stderr
            .iter()
            .any(|line| words.iter().any(|word| line.contains(word)))
    };
    let shown = node.display();
    let why = if said(&[
        "Cannot open a VA display",
        "No VA display",
        "vaInitialize",
        "Failed to initialise VAAPI",
    ]) {
        format!(
            "the driver of `{shown}` does not open it: av1_qsv needs Intel's iHD driver (apt: intel-media-va-driver, dnf: \
             intel-media-driver, pacman: intel-media-driver), and a GPU that it knows"
        )
    } else if said(&[
        "Error creating a MFX session",
        "Error initializing an internal MFX session",
        "MFXLoad",
    ]) {
        "Intel's encoder runtime is missing (apt: libmfx-gen1.2, dnf: oneVPL-intel-gpu, pacman: vpl-gpu-rt)".to_owned()
    } else if said(&["unsupported", "not supported", "Function not implemented"]) {
        format!(
            "the GPU of `{shown}` does not encode AV1: Arc, and the GPUs of Core Ultra and later, do"
        )
    } else {
        format!("av1_qsv does not work with `{shown}`")
    };
    let mut failure = failure.clone();
    // The last thing that newer ones say is that they end.
    failure
        .stderr
        .retain(|line| !line.starts_with("Exiting with exit code"));
    anyhow!(failure).context(why)
}

/// The device, by the node itself: behind `qsv=hw:` ffmpeg would take no notice of it, and open the first that it finds.
fn device_options(node: &Path) -> [String; 2] {
    [
        "-init_hw_device".to_owned(),
        format!("qsv=qsv:hw_any,child_device={}", node.display()),
    ]
}

fn choose_driver(command: &mut Command) {
    if env::var_os(DRIVER.0).is_none() {
        command.env(DRIVER.0, DRIVER.1);
    }
}

/// Encoders at once: a GPU has one or two units that encode, and more sessions only keep them from waiting.
const MOST_AT_ONCE: usize = 4;
/// Frames that ffmpeg and the driver hold in memory (`-async_depth` 4, and reordering).
const FRAMES_HELD: u64 = 40;

/// av1_qsv.
pub(super) struct Av1Qsv;

impl Speech for Av1Qsv {
    /// Not measured, for want of the hardware.
    fn memory_estimate(
        &self,
        _identity: &Identity,
        (width, height): (u32, u32),
        _preset: i32,
        _lp: u32,
    ) -> u64 {
        (200 << 20) + y4m::bytes(u64::from(width) * u64::from(height), 10) * FRAMES_HELD
    }

    fn busy_cores(&self, _identity: &Identity, _lp: u32) -> f64 {
        1.0
    }

    fn max_lp(&self, _identity: &Identity) -> u32 {
        1
    }

    fn same_bytes_up_to(&self, identity: &Identity, _lp: u32) -> u32 {
        self.max_lp(identity)
    }

    fn most_at_once(&self) -> usize {
        MOST_AT_ONCE
    }

    fn owned(&self) -> Vec<(&'static str, &'static str)> {
        OWNED.iter().chain(ffmpeg::OWNED).copied().collect()
    }

    fn default_preset(&self) -> i32 {
        4
    }

    fn chunk_command(&self, encoder: &Encoder, video: &Video, _lp: u32, output: &Path) -> Command {
        let format = if video.picture.bit_depth == 8 {
            "format=nv12"
        } else {
            "format=p010le"
        };
        let device = device_options(encoder.device.as_deref().unwrap_or(Path::new("")));
        let color = &video.picture.color;
        let mut command = ffmpeg::reader(
            encoder.program(),
            color,
            &device.each_ref().map(String::as_str),
            Some(format),
        );
        command.args(["-c:v", CODEC, "-profile:v", "main", "-g", "9999"]);
        if let Quality::Crf(crf) = video.quality {
            command.args(["-global_quality", &crf.to_string()]);
        }
        command.args(["-preset", &video.preset.to_string()]);
        if let Some(location) = color.chroma_location {
            command.args([
                "-chroma_sample_location",
                svt_av1::chroma_position(location),
            ]);
        }
        for Param { name, value } in &video.extra {
            command
                .arg(format!("-{name}"))
                .arg(value.as_deref().unwrap_or("1"));
        }
        choose_driver(&mut command);
        ffmpeg::write_ivf(&mut command, output);
        command
    }

    fn progress(&self, line: &str) -> Option<u64> {
        ffmpeg::progress(line)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::symlink};

    use super::*;
    use crate::{
        encoder::Picture,
        film::{hdr::Hdr10, media::Color},
        settings::params::Crf,
    };

    #[test]
    fn the_first_intel_node_is_found_among_others() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(first_node_in(root.path()), None);
        for (name, vendor) in [
            ("renderD128", "0x10de"),
            ("renderD129", "0x8086"),
            ("renderD130", "0x8086"),
            ("card0", "0x8086"),
        ] {
            let device = root.path().join(format!("sys/devices/{name}"));
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("vendor"), format!("{vendor}\n")).unwrap();
            let class = root.path().join("sys/class/drm").join(name);
            fs::create_dir_all(&class).unwrap();
            symlink(device, class.join("device")).unwrap();
        }
        assert_eq!(
            first_node_in(root.path()),
            Some(root.path().join("dev/dri/renderD129"))
        );
    }

    #[test]
    fn failures_are_explained_by_what_ffmpeg_says() {
        for (line, words) in [
            (
                "[VAAPI @ 0x5] Cannot open a VA display from DRM device /dev/dri/renderD128.",
                "iHD",
            ),
            (
                "[av1_qsv @ 0x55e31eca9140] Error creating a MFX session: -9.",
                "runtime",
            ),
            (
                "[av1_qsv @ 0x5] Selected ratecontrol mode is unsupported",
                "does not encode AV1",
            ),
            ("something else", "does not work"),
        ] {
            let (stdout, stderr) = (Vec::new(), vec![line.to_owned()]);
            let failure = ToolFailure {
                command: "ffmpeg".to_owned(),
                status: None,
                stdout,
                stderr,
            };
            let error = format!(
                "{:#}",
                explained(&failure, Path::new("/dev/dri/renderD128"))
            );
            assert!(error.contains(words) && error.contains(line), "{error}");
        }
    }

    #[test]
    fn depth_decides_about_the_format_and_crf_is_the_global_quality() {
        let options = BTreeMap::new();
        let version = String::new();
        let identity = Identity {
            family: Family::Av1Qsv,
            fork: Fork::Mainline,
            version,
            number: Version(9, 0),
        };
        let capabilities = Capabilities {
            identity,
            options,
            quarter_crf: false,
            takes_unknown: false,
        };
        let device = Some("/dev/dri/renderD129".into());
        let encoder = Encoder {
            program: "ffmpeg".into(),
            capabilities,
            device,
        };
        let line = |bit_depth| {
            let picture = Picture {
                bit_depth,
                color: Color::default(),
                hdr10: Hdr10::default(),
            };
            let video = Video {
                picture,
                quality: Quality::Crf(Crf::whole(30)),
                preset: 4,
                extra: Vec::new(),
            };
            crate::os::process::shown(&encoder.chunk_command(&video, 1, Path::new("a.ivf")))
        };
        let ten = line(10);
        assert!(
            ten.contains("qsv=qsv:hw_any,child_device=/dev/dri/renderD129"),
            "{ten}"
        );
        assert!(
            ten.contains(",format=p010le") && ten.contains("-profile:v main"),
            "{ten}"
        );
        assert!(ten.contains("-global_quality 30 -preset 4"), "{ten}");
        assert!(line(8).contains(",format=nv12"));
    }
}
