//! The checks as data: shown by `av1enc doctor`, required before an encode.

use std::{fmt, fs, path::PathBuf, process::Command};

use anyhow::{Result, anyhow};
use serde::Serialize;

use crate::{
    encoder::{Encoder, cache::Cache, svt_av1},
    probe::Tools,
    process::{Children, ToolFailure},
    source::{NoPlugin, VapourSynth},
};

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// There, and works.
    Ok,
    /// Not there.
    Missing,
    /// There, and does not work.
    Broken,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is checked.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// Version, or what is wrong.
    pub found: String,
    /// Where it is.
    pub path: Option<String>,
    /// What to type.
    pub advice: Option<String>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Ok => "ok",
            State::Missing => "MISSING",
            State::Broken => "BROKEN",
        };
        write!(f, "{mark:<8} {:<13} {}", self.name, self.found)?;
        if let Some(path) = &self.path {
            write!(f, "  ({path})")?;
        }
        match &self.advice {
            Some(advice) => write!(f, "\n         type: {advice}"),
            None => Ok(()),
        }
    }
}

/// Everything that an encode needs.
pub struct Equipment {
    /// The tools that read and join files.
    pub tools: Tools,
    /// The encoder.
    pub encoder: Encoder,
    /// The frame server.
    pub vapoursynth: VapourSynth,
}

/// Package manager of this system, as its command to install things.
fn install_command() -> &'static str {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default().to_lowercase();
    let is = |names: &[&str]| {
        let fields =
            release.lines().filter_map(|line| line.strip_prefix("id=").or_else(|| line.strip_prefix("id_like=")));
        fields.flat_map(|ids| ids.trim_matches('"').split_whitespace()).any(|id| names.contains(&id))
    };
    if is(&["fedora", "rhel", "centos"]) {
        "sudo dnf install"
    } else if is(&["arch"]) {
        "sudo pacman -S"
    } else {
        "sudo apt install"
    }
}

/// Looks at everything, in the order in which an encode would fail.
///
/// Returns the checks, and the equipment if all is there.
pub fn examine(children: &Children, encoder_path: Option<&std::path::Path>) -> (Vec<Check>, Option<Equipment>) {
    let (ffmpeg_check, ffmpeg) = program(children, "ffmpeg", "-version", "ffmpeg");
    let (ffprobe_check, ffprobe) = program(children, "ffprobe", "-version", "ffmpeg");
    let (vapoursynth_checks, vapoursynth) = vapoursynth();
    let (encoder_check, encoder) = encoder(children, encoder_path);
    let (mkvmerge_check, mkvmerge) = program(children, "mkvmerge", "--version", "mkvtoolnix");
    let mut checks = vec![ffprobe_check, ffmpeg_check];
    checks.extend(vapoursynth_checks);
    checks.extend([encoder_check, mkvmerge_check]);
    let equipment = || {
        let tools = Tools { ffprobe: ffprobe?, ffmpeg: ffmpeg?, mkvmerge: mkvmerge? };
        Some(Equipment { tools, encoder: encoder?, vapoursynth: vapoursynth? })
    };
    let equipment = equipment();
    (checks, equipment)
}

/// All that an encode needs.
///
/// # Errors
/// Every check that failed, with what to type.
pub fn require(children: &Children, encoder_path: Option<&std::path::Path>) -> Result<Equipment> {
    let (checks, equipment) = examine(children, encoder_path);
    equipment.ok_or_else(|| {
        let failed: Vec<String> =
            checks.iter().filter(|check| check.state != State::Ok).map(|check| check.to_string()).collect();
        anyhow!("this machine lacks what an encode needs:\n{}", failed.join("\n"))
    })
}

/// A program and the first line of what it says of its version.
fn program(children: &Children, name: &'static str, option: &str, package: &str) -> (Check, Option<PathBuf>) {
    let advice = Some(format!("./setup    or: {} {package}", install_command()));
    let Ok(path) = which::which(name) else {
        let check = Check { name, state: State::Missing, found: "not in PATH".to_owned(), path: None, advice };
        return (check, None);
    };
    let shown = Some(path.to_string_lossy().into_owned());
    let mut command = Command::new(&path);
    command.arg(option);
    match children.output(command) {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output);
            let line = text.lines().next().unwrap_or("");
            let version = line.split(" Copyright").next().unwrap_or(line).to_owned();
            (Check { name, state: State::Ok, found: version, path: shown, advice: None }, Some(path))
        }
        Err(error) => (Check { name, state: State::Broken, found: one_line(&error), path: shown, advice }, None),
    }
}

/// What went wrong, in one line.
fn one_line(error: &anyhow::Error) -> String {
    error.downcast_ref::<ToolFailure>().map_or_else(|| format!("{error:#}"), ToolFailure::line)
}

fn vapoursynth() -> (Vec<Check>, Option<VapourSynth>) {
    let advice = Some("./setup".to_owned());
    match VapourSynth::load() {
        Ok(vapoursynth) => {
            let versions = vapoursynth.versions();
            let check = |name, found, path: Option<PathBuf>| Check {
                name,
                state: State::Ok,
                found,
                path: path.map(|path| path.to_string_lossy().into_owned()),
                advice: None,
            };
            let checks = vec![
                check("VapourSynth", versions.core, versions.library),
                check("FFMS2", versions.ffms2, versions.plugin),
            ];
            (checks, Some(vapoursynth))
        }
        Err(error) => {
            let found = format!("{error:#}");
            let name = if error.downcast_ref::<NoPlugin>().is_some() { "FFMS2" } else { "VapourSynth" };
            let state = if found.contains("not installed") { State::Missing } else { State::Broken };
            (vec![Check { name, state, found, path: None, advice }], None)
        }
    }
}

fn encoder(children: &Children, given: Option<&std::path::Path>) -> (Check, Option<Encoder>) {
    let name = svt_av1::PROGRAM;
    let advice = Some(format!("./setup    or: {} svt-av1", install_command()));
    let path = match svt_av1::find(given) {
        Ok(path) => path,
        Err(error) => {
            return (Check { name, state: State::Missing, found: format!("{error:#}"), path: None, advice }, None);
        }
    };
    let shown = Some(path.to_string_lossy().into_owned());
    match svt_av1::capabilities(children, &Cache::of_user(), &path) {
        Ok(capabilities) => {
            let found = capabilities.identity.version.clone();
            (Check { name, state: State::Ok, found, path: shown, advice: None }, Some(Encoder::new(path, capabilities)))
        }
        Err(error) => (Check { name, state: State::Broken, found: one_line(&error), path: shown, advice }, None),
    }
}
