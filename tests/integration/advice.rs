//! What is told to be typed has been typed, on the film that brought it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{check::File, clips::ffmpeg, run::Run};

/// Types the command that stands behind `after` in what was `said` of the film `input`; it makes `output`. Both lie in
/// `dir`.
#[track_caller]
pub fn typed(dir: &Path, said: &str, after: &str, input: &str, output: &str) -> PathBuf {
    let (_, command) = said
        .split_once(after)
        .unwrap_or_else(|| panic!("no {after:?} in {said}"));
    let command = command.lines().next().unwrap().replace("INPUT", input);
    let ended = Command::new("sh")
        .args(["-c", &command])
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        ended.status.success(),
        "{command}\n{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    dir.join(output)
}

const PICTURE: &[&str] = &["-f", "lavfi", "-i", "testsrc2=s=192x108:r=25:d=2"];

#[test]
fn a_film_without_times_is_repaired_by_what_the_doctor_says() {
    let dir = tempfile::tempdir().unwrap();
    let x264 = [
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-pix_fmt",
        "yuv420p",
        "-bf",
        "0",
        "film.h264",
    ];
    ffmpeg(dir.path(), &[PICTURE, &x264].concat());
    let run = Run::bare(dir.path())
        .args(["doctor", "film.h264", "--preset", "12", "--json"])
        .ends();
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap().iter();
    let advice = checks
        .flat_map(|check| check["advice"].as_array().unwrap())
        .filter_map(serde_json::Value::as_str);
    let repair = advice
        .filter(|advice| advice.contains("REPAIRED"))
        .collect::<Vec<_>>()
        .join("\n");
    let repaired = typed(dir.path(), &repair, "", "film.h264", "REPAIRED.mkv");
    let ended = Run::encode(dir.path(), repaired, "out.mkv").succeeds();
    assert_eq!(ended.warnings(), [""; 0]);
    assert_eq!(File::open(&dir.path().join("out.mkv")).packets(), 50);
}

#[test]
fn a_film_in_rgb_is_converted_with_sound_and_texts_that_matroska_holds_in_another_form() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("s.srt"),
        "1\n00:00:00,700 --> 00:00:01,100\nBonjour\n",
    )
    .unwrap();
    let inputs = [
        "-f",
        "lavfi",
        "-i",
        "sine=440:d=2",
        "-i",
        "s.srt",
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
    ];
    let codecs = [
        "-c:v",
        "libx264rgb",
        "-preset",
        "veryfast",
        "-c:a",
        "pcm_s32be",
        "-c:s",
        "mov_text",
        "film.mov",
    ];
    ffmpeg(dir.path(), &[PICTURE, &inputs, &codecs].concat());
    let refused = Run::encode(dir.path(), "film.mov", "out.mkv").fails(8);
    let converted = typed(
        dir.path(),
        &refused.stderr,
        "convert it first: ",
        "film.mov",
        "CONVERTED.mkv",
    );
    Run::encode(dir.path(), converted, "out.mkv").succeeds();
    let output = File::open(&dir.path().join("out.mkv"));
    let codecs = output.ffprobe["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stream| stream["codec_name"].clone());
    assert_eq!(codecs.collect::<Vec<_>>(), ["av1", "pcm_s32le", "subrip"]);
}
