//! The tools that read and write films, and the register of those that run.

use std::path::{Path, PathBuf};

use crate::os::process::Children;

/// ffmpeg, ffprobe and MKVToolNix, wherever they are. All that a function needs to ask or to copy a film.
#[derive(Clone)]
pub struct Toolbox {
    /// The register of running tools: whoever ends the run ends them.
    pub children: Children,
    /// ffprobe.
    pub ffprobe: PathBuf,
    /// ffmpeg.
    pub ffmpeg: PathBuf,
    /// mkvmerge.
    pub mkvmerge: PathBuf,
    /// mkvpropedit, which only an interlaced film needs.
    pub mkvpropedit: Option<PathBuf>,
}

impl Toolbox {
    /// The tools in PATH, or the `ffmpeg` and `ffprobe` that the user names; `None` if one is missing.
    #[must_use]
    pub fn find(
        children: &Children,
        ffmpeg: Option<&Path>,
        ffprobe: Option<&Path>,
    ) -> Option<Self> {
        let find = |given: Option<&Path>, name| which::which(given.unwrap_or(Path::new(name))).ok();
        Some(Self {
            children: children.clone(),
            ffprobe: find(ffprobe, "ffprobe")?,
            ffmpeg: find(ffmpeg, "ffmpeg")?,
            mkvmerge: find(None, "mkvmerge")?,
            mkvpropedit: find(None, "mkvpropedit"),
        })
    }

    /// The same tools in a register of their own.
    #[must_use]
    pub fn with(&self, children: &Children) -> Self {
        Self {
            children: children.clone(),
            ..self.clone()
        }
    }
}
