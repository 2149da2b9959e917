//! What is told to be typed has been typed, on the film that brought it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Types the command that stands behind `after` in what was `said` of the film `input`; it makes `output`. Both lie in
/// `dir`.
#[track_caller]
pub fn typed(dir: &Path, said: &str, after: &str, input: &str, output: &str) -> PathBuf {
    let (_, command) = said.split_once(after).unwrap_or_else(|| panic!("no {after:?} in {said}"));
    let command = command.lines().next().unwrap().replace("INPUT", input);
    let ended = Command::new("sh").args(["-c", &command]).current_dir(dir).stdin(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{command}\n{}", String::from_utf8_lossy(&ended.stderr));
    dir.join(output)
}
