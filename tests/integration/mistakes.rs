//! What people type who come from other programs, and plain slips: each is answered with a line that works.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    clips,
    run::{Ended, Run},
};

/// A directory with a film under some names, and in `bin` an av1enc that only plans.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("films")).unwrap();
        for name in ["in.mkv", "it's $(touch hit).mp4", "-b c.mp4", "films/a.mkv"] {
            fs::copy(clips::one_frame(), dir.path().join(name)).unwrap();
        }
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let real = shlex::try_quote(env!("CARGO_BIN_EXE_av1enc")).unwrap();
        let script = bin.join("av1enc");
        fs::write(
            &script,
            format!("#!/bin/sh\nexec {real} --dry-run \"$@\"\n"),
        )
        .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    fn run(&self, words: &[&str]) -> Run {
        Run::bare(self.0.path()).args(words)
    }

    /// Runs what a message tells to type.
    #[track_caller]
    fn types(&self, ended: &Ended, line: &str) -> String {
        let bin = self.0.path().join("bin");
        let inherited = env::var_os("PATH").unwrap();
        let path = [bin].into_iter().chain(env::split_paths(&inherited));
        let path = env::join_paths(path).unwrap();
        let output = Command::new("sh")
            .args(["-ec", line])
            .current_dir(self.0.path())
            .env("PATH", path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ended.expect(output.status.success(), &format!("{line} works: {said}"));
        ended.expect(!self.0.path().join("hit").exists(), "no name is run");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// What stands behind `Type` or `type`, in backquotes, at the end.
fn to_type(ended: &Ended) -> &str {
    let (_, line) = ended.stderr.rsplit_once("ype `").unwrap_or_default();
    line.split('`').next().unwrap_or_default()
}

#[test]
fn what_was_probably_meant_is_said_as_a_line_that_works() {
    let place = Place::new();
    for (words, line) in [
        (&["in.mkv", "out.mkv"][..], "av1enc in.mkv -o out.mkv"),
        (&["-i", "in.mkv", "out.mkv"], "av1enc -i in.mkv -o out.mkv"),
        (
            &["-y", "in.mkv", "films/a.mkv"],
            "av1enc -y in.mkv -o films/a.mkv",
        ),
        (&["-crf", "24", "in.mkv"], "av1enc --crf 24 in.mkv"),
        (&["-q", "24", "in.mkv"], "av1enc --crf 24 in.mkv"),
        (&["--quality=24", "in.mkv"], "av1enc --crf 24 in.mkv"),
        (&["--preset", "slow", "in.mkv"], "av1enc --preset 4 in.mkv"),
        (
            &["in.mkv", "-preset", "veryslow"],
            "av1enc in.mkv --preset 2",
        ),
        (&["in.mkv", "-o"], "av1enc in.mkv -o in.av1.mkv"),
        (
            &["in.mkv", "-o", "--crf", "30"],
            "av1enc in.mkv -o in.av1.mkv --crf 30",
        ),
        (
            &["in.mkv", "--memory-limit", "12"],
            "av1enc in.mkv --memory-limit 12G",
        ),
        (
            &["in.mkv", "-a", "-c:a", "flac"],
            "av1enc in.mkv -a '-c:a flac'",
        ),
        (
            &["in.mkv", "-v", "--tune", "0"],
            "av1enc in.mkv -v '--tune 0'",
        ),
        (
            &["doctor", "in.mkv", "-crf", "24"],
            "av1enc doctor in.mkv --crf 24",
        ),
        (
            &[
                "-i",
                "in.mkv",
                "-c:v",
                "libsvtav1",
                "-crf",
                "28",
                "-svtav1-params",
                "tune=0",
                "-c:a",
                "flac",
                "-map",
                "0",
                "o.mkv",
            ],
            "av1enc -i in.mkv -e libsvtav1 --crf 28 -o o.mkv -a '-c:a flac' -v \"-svtav1-params 'tune=0'\"",
        ),
        (
            &["it's $(touch hit).mp4", "my film.mkv"],
            "av1enc \"it's \"'$(touch hit).mp4' -o 'my film.mkv'",
        ),
        (
            &["it's $(touch hit).mp4", "in.mkv", "-crf", "24"],
            "for film in \"it's \"'$(touch hit).mp4' in.mkv; do av1enc \"$film\" --crf 24; done",
        ),
        (
            &["--", "-b c.mp4", "out.mkv"],
            "av1enc -o out.mkv -- '-b c.mp4'",
        ),
        (
            &["--", "-b c.mp4", "in.mkv"],
            "for film in './-b c.mp4' in.mkv; do av1enc \"$film\"; done",
        ),
    ] {
        let ended = place.run(words).fails(2).prints_nothing();
        assert_eq!(to_type(&ended), line, "{}", ended.stderr);
        if words[0] != "doctor" {
            place.types(&ended, line);
        }
    }
}

#[test]
fn all_that_is_wrong_with_a_line_is_said_at_once() {
    let place = Place::new();
    let words = "in.mkv -e x265 --crf high -w many --lp x --foo 3 -x q -o b.mp4 --target-quality 95 -vf crop=2:2 --start 60";
    let mut words: Vec<&str> = words.split(' ').collect();
    words.extend(["-v", "--input-depth 8 -c:v libx265"]);
    let ended = place
        .run(&words)
        .fails(2)
        .says("12 things in this line cannot be followed:");
    for part in [
        "-e x265: av1enc makes AV1 only",
        "--crf high: a number is needed",
        "--workers many: a number from 1 to 1024",
        "--lp x: a whole number is needed",
        "has no --foo",
        "--extra-split q",
        "must end in .mkv",
        "--target-quality 95: ",
        "`ffmpeg -i in.mkv -map 0 -c copy -c:v:0 ffv1 -filter:v:0 'crop=2:2' FILTERED.mkv`",
        "`ffmpeg -ss 60 -i in.mkv -map 0 -c copy PART.mkv`",
        "--input-depth 8: ",
        "-c:v libx265: av1enc makes AV1 only",
    ] {
        ended.expect(ended.stderr.matches(part).count() == 1, part);
    }
    ended.expect(!ended.stderr.contains("tip:"), "no tip of a parser");
    let json = [&words[..], &["--json"]].concat();
    let events = place.run(&json).ends().exits(2).events();
    assert_eq!(
        (&events[0]["event"], &events[0]["kind"]),
        (&"error".into(), &"usage".into())
    );
}

#[test]
fn options_of_the_encoder_are_all_judged_at_once() {
    let ended = Run::bare(tempfile::tempdir().unwrap().path())
        .arg(clips::one_frame())
        .args(["-v", "--film-grian 8 --tune 99 --output x.ivf"])
        .fails(2);
    let ended = ended.says("3 things").says("did you mean --film-grain?");
    let _ = ended.says("--tune 99").says("av1enc names the chunks");
}

#[test]
fn a_part_of_a_film_is_cut_out_by_what_is_said() {
    let place = Place::new();
    let ended = place.run(&["-ss", "0", "-t", "5", "-i", "in.mkv"]).fails(2);
    let line = ended.stderr.split('`').nth(1).unwrap();
    assert_eq!(line, "ffmpeg -ss 0 -t 5 -i in.mkv -map 0 -c copy PART.mkv");
    place.types(&ended, line);
    place.run(&["PART.mkv", "--dry-run"]).succeeds();
}

#[test]
fn a_picture_is_scaled_and_cropped_by_what_is_said() {
    let place = Place::new();
    for (words, filters) in [
        (&["-vf", "scale=-2:72"][..], "'scale=-2:72'"),
        (
            &["--width", "64", "--crop", "2:2:0:4"],
            "'crop=iw-0-4:ih-2-2:0:2,scale=64:-2'",
        ),
        (&["--deinterlace"], "bwdif"),
    ] {
        let ended = place.run(&[words, &["in.mkv"]].concat()).fails(2);
        let line = ended.stderr.split('`').nth(1).unwrap();
        let film = format!(
            "ffmpeg -i in.mkv -map 0 -c copy -c:v:0 ffv1 -filter:v:0 {filters} FILTERED.mkv"
        );
        assert_eq!(line, film);
        place.types(&ended, line);
        place.run(&["FILTERED.mkv", "--dry-run"]).succeeds();
        fs::remove_file(place.0.path().join("FILTERED.mkv")).unwrap();
    }
}

#[test]
fn a_directory_is_answered_with_what_encodes_all_films_in_it() {
    let place = Place::new();
    let ended = place.run(&["films"]).fails(8);
    let line = to_type(&ended);
    assert!(
        line.starts_with("for film in ") && line.contains("/films/*.mkv;"),
        "{line}"
    );
    place.types(&ended, line);
    let _ = place.run(&["bin"]).fails(8).says("there is none in this");
}

#[test]
fn a_tree_is_answered_with_what_encodes_all_films_below_it() {
    let place = Place::new();
    let tree = place.0.path().join("(it's a $(touch hit) tree");
    let films = ["one/-a.mkv", "one/two/b.MP4"].map(|name| tree.join(name));
    for film in &films {
        fs::create_dir_all(film.parent().unwrap()).unwrap();
        fs::copy(clips::one_frame(), film).unwrap();
    }
    let ended = place.run(&[tree.file_name().unwrap().to_str().unwrap()]);
    let ended = ended.fails(8);
    let line = to_type(&ended);
    ended.expect(line.starts_with("find "), "a line for the tree");
    // find hides how what it runs has ended.
    let planned = place.types(&ended, line);
    let is_planned = |film: &PathBuf| planned.contains(film.file_name().unwrap().to_str().unwrap());
    ended.expect(films.iter().all(is_planned), &planned);
}

#[test]
fn a_flag_that_nobody_knows_is_named_with_one_that_is_like_it_if_there_is_one() {
    let place = Place::new();
    for (flag, says) in [
        (
            "--presett",
            "av1enc has no --presett: did you mean --preset?",
        ),
        (
            "--qualities",
            "av1enc has no --qualities: `av1enc --help` lists what it has",
        ),
    ] {
        let ended = place.run(&[flag, "24", "in.mkv"]).fails(2).says(says);
        ended.expect(ended.stderr.lines().count() == 1, "nothing else");
    }
}

#[test]
fn lines_that_can_be_followed_are_left_alone() {
    let place = Place::new();
    fs::copy(clips::one_frame(), place.0.path().join("24")).unwrap();
    for words in [
        &["-q", "24"][..],
        &["in.mkv", "-o", "-crf.mkv"],
        &["-i", "-b c.mp4", "-o", "out.mkv"],
        &["in.mkv", "-v", "--enable-overlays 1 --crf 30"],
        &["-v", "--tune=0", "in.mkv", "--preset", "6"],
        &["in.mkv", "-a", "-c:a libopus -b:a 64k"],
        &["--", "-b c.mp4"],
    ] {
        let mut words = words.to_vec();
        words.insert(0, "--dry-run");
        place.run(&words).succeeds();
    }
    assert!(!Path::new("hit").exists());
}
