//! What README tells to type has been typed.

use std::{env, fs, os::unix::fs::symlink, path::Path, process::Command};

use serde_json::Value;

use crate::{check::File, clips, run::Run};

const README: &str = include_str!("../../README.md");

/// The text between two headings.
fn section(heading: &str) -> &'static str {
    let (_, text) = README.split_once(&format!("# {heading}\n")).unwrap();
    text.split("\n#").next().unwrap()
}

/// The film under the names that README has, and an av1enc of that name.
fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["film.mkv", "tv.ts"] {
        symlink(clips::film(), dir.path().join(name)).unwrap();
    }
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_av1enc"), bin.join("av1enc")).unwrap();
    dir
}

#[track_caller]
fn type_in(dir: &Path, line: &str) {
    let inherited = env::var_os("PATH").unwrap();
    let path = [dir.join("bin")]
        .into_iter()
        .chain(env::split_paths(&inherited));
    let output = Command::new("sh")
        .args(["-ec", line])
        .current_dir(dir)
        .env("PATH", env::join_paths(path).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\n{said}");
}

#[test]
fn what_goes_on_is_shown_by_the_lines_that_say_so() {
    let dir = place();
    let lines = section("What goes on").lines();
    let lines = lines.filter_map(|line| line.strip_prefix("    av1enc status"));
    let mut typed = 0;
    for line in lines {
        let words = line.split("   #").next().unwrap().trim_end();
        let line = format!("av1enc status{}", words.replace("/films", "."));
        // It ends when nobody reads it.
        let end = if words.contains("--watch") {
            " | head -n 3"
        } else {
            ""
        };
        type_in(dir.path(), &format!("{line}{end}"));
        typed += 1;
    }
    assert_eq!(typed, 4);
}

#[test]
fn what_is_typed_every_day_is_a_command_line() {
    let dir = place();
    let lines = section("Everyday use")
        .lines()
        .filter_map(|line| line.strip_prefix("    "));
    let mut typed = 0;
    for line in lines.filter(|line| line.starts_with("av1enc film.mkv")) {
        let command = line.split("   #").next().unwrap().trim_end();
        let command = command.trim_end_matches(" --dry-run");
        type_in(dir.path(), &format!("{command} --dry-run"));
        typed += 1;
    }
    assert!(typed > 4);
}

#[test]
fn what_is_wanted_is_had_by_what_is_told() {
    let dir = place();
    let rows = section("I want ...")
        .lines()
        .filter(|line| line.starts_with("| **"));
    let mut wanted = Vec::new();
    // The film for which a row is the second half.
    type_in(dir.path(), "av1enc film.mkv -o out.mkv --preset 12 -q");
    for row in rows {
        let (want, told) = row[4..].split_once("** | ").unwrap();
        let line = told.split('`').nth(1).unwrap();
        let quick = ["--preset 3", "--preset 4"]
            .iter()
            .fold(line.to_owned(), |line, preset| {
                line.replace(preset, "--preset 12")
            });
        // It is shorter than a film, and what is there already is asked about by ffmpeg.
        let quick = quick
            .replace("-ss 600 -t 30", "-ss 1 -t 2")
            .replace("-o out.mkv", "-y -o out.mkv")
            .replace("--schedule 22:00-07:00", "--schedule 00:00-24:00");
        let has_speed = quick.contains("--preset") || !quick.contains("out.mkv");
        let quick = match has_speed {
            true => quick,
            false => quick.replace("-y -o out.mkv", "-y -o out.mkv --preset 12"),
        };
        type_in(dir.path(), &quick);
        wanted.push(want);
    }
    assert!(wanted.len() > 5, "{wanted:?}");
    for (name, codec, height, frames) in [
        ("out.mp4", "av1", 180, 120),
        ("small.mkv", "ffv1", 720, 120),
        ("tv.mkv", "ffv1", 180, 240),
        ("chosen.mkv", "h264", 180, 120),
        ("burnt.mkv", "ffv1", 180, 120),
    ] {
        let made = File::open(&dir.path().join(name));
        let video = made.video();
        assert_eq!(
            (&video["codec_name"], &video["height"]),
            (&codec.into(), &height.into())
        );
        assert_eq!(made.packets(), frames, "{name}");
    }
    // From the keyframe before it on.
    let preview = File::open(&dir.path().join("preview.mkv")).packets();
    assert!((48..=84).contains(&preview), "{preview}");
}

#[test]
fn what_the_doctor_looks_at_is_in_its_sample() {
    let dir = tempfile::tempdir().unwrap();
    let ended = Run::bare(dir.path()).args(["doctor", "--json"]).ends();
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let sample = section("When something is missing");
    let names = report["checks"].as_array().unwrap().iter();
    // What is not is seen on some machines only.
    for check in names.filter(|check| check["state"] == "ok") {
        let name = check["name"].as_str().unwrap();
        let is_shown = |line: &str| line.get(13..).is_some_and(|rest| rest.starts_with(name));
        assert!(sample.lines().any(is_shown), "{name}");
    }
}
