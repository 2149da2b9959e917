//! The tools that read and write films, and the register of those that run.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::os::{guard::Threadless, process::Children, version::Version};

/// The oldest ffmpeg and ffprobe that read a film as we ask: 4.4 (April 2021) is the first whose ffprobe shows the Dolby Vision
/// record by which a film without a base layer is refused.
pub const OLDEST_FFMPEG: Version = Version(4, 4);
/// The oldest ffmpeg that encodes as we ask, where one of its libraries is the encoder: 5.1 has `-fps_mode`, and later ones have
/// not what was there before it. An SvtAv1EncApp needs no such ffmpeg.
pub const OLDEST_FFMPEG_TO_ENCODE: Version = Version(5, 1);

/// Where tools are looked for if PATH names nothing else.
const PLACES: &str = "/usr/bin:/bin";

/// Takes out of PATH, for us and for what we start, what is no absolute directory: an empty field or `.` would run whatever
/// lies in the current directory, where films from anywhere lie. Returns what was taken out.
pub fn ignore_relative_places(alone: &Threadless) -> Vec<PathBuf> {
    let Some(path) = env::var_os("PATH") else {
        return Vec::new();
    };
    let (kept, ignored): (Vec<_>, Vec<_>) =
        env::split_paths(&path).partition(|place| place.is_absolute());
    if !ignored.is_empty() {
        // What was split can be joined again.
        let kept = env::join_paths(kept).unwrap_or_default();
        let kept = if kept.is_empty() { PLACES.into() } else { kept };
        alone.set_var("PATH", kept);
    }
    ignored
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_named_is_taken_and_one_that_is_missing_is_not_made_up() {
        let children = Children::default();
        let shell = Path::new("/bin/sh");
        let tools = Toolbox::find(&children, Some(shell), None).unwrap();
        assert_eq!(tools.ffmpeg, shell);
        assert!(tools.ffprobe.ends_with("ffprobe") && tools.mkvmerge.ends_with("mkvmerge"));
        let gone = Some(Path::new("/nowhere/ffprobe"));
        assert!(Toolbox::find(&children, None, gone).is_none());
    }

    #[test]
    fn tools_of_a_register_of_their_own_are_ended_alone() {
        let children = Children::default();
        let tools = Toolbox::find(&children, None, None).unwrap();
        let others = Children::default();
        let own = tools.with(&others);
        others.close();
        assert!(own.children.is_closed() && !tools.children.is_closed());
        assert_eq!(own.ffmpeg, tools.ffmpeg);
    }
}
