//! What goes wrong exits 1, and 8 where it is the film's fault; it says what and what to do, and leaves nothing that looks
//! like a film.

use std::{fs, path::Path, process::Command};

use crate::{
    clips,
    encoders::{self, script},
    run::{Run, nothing_is_left_running},
};

fn encode(dir: &Path, input: &str) -> Run {
    Run::encode(dir, input, "out.mkv")
}

#[test]
fn what_is_no_film_is_refused_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("empty.mkv"), "").unwrap();
    let letter = "Dear all,\nthis is not a film.\n".repeat(100);
    for (name, text) in [
        ("letter.txt", letter.as_str()),
        ("letter.mkv", &letter),
        ("archive.zip", "PK\u{3}\u{4}and nothing else"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    fs::create_dir(dir.path().join("directory.mkv")).unwrap();
    fs::copy(clips::sound_only(), dir.path().join("sound.mka")).unwrap();
    let whole = fs::read(clips::mp4()).unwrap();
    let start = whole.len() / 2;
    fs::write(dir.path().join("unfinished.mp4"), &whole[..start]).unwrap();
    for (name, code, reason) in [
        ("missing.mkv", 1, "No such file"),
        ("empty.mkv", 8, "is empty"),
        (
            "archive.zip",
            8,
            "is not a film: it is an archive (ZIP): unpack it",
        ),
        ("letter.txt", 8, "is not a film: it is a text"),
        ("unfinished.mp4", 8, "its index (moov) is missing"),
        ("letter.mkv", 8, "is not a film: it is a text"),
        ("directory.mkv", 8, "is a directory"),
        ("sound.mka", 8, "no video"),
        ("/dev/null", 8, "not a regular file"),
    ] {
        let run = encode(dir.path(), name)
            .fails(code)
            .prints_nothing()
            .says(reason)
            .says(name);
        run.expect(
            run.stderr.lines().last().unwrap().starts_with("error: "),
            "one line",
        );
    }
    nothing_is_left_running(dir.path());
}

#[test]
fn a_film_that_is_cut_short_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (clip, percent, name) in [
        (clips::film(), 60, "cut.mkv"),
        // What is missing is less than a second.
        (clips::film(), 98, "almost.mkv"),
        (clips::silent(), 80, "short.mkv"),
        (clips::thirty_scenes(), 60, "long.mkv"),
        (clips::mp4(), 60, "cut.mp4"),
    ] {
        let bytes = fs::read(clip).unwrap();
        fs::write(dir.path().join(name), &bytes[..bytes.len() * percent / 100]).unwrap();
        encode(dir.path(), name)
            .fails(8)
            .prints_nothing()
            .says(name);
    }
}

#[test]
fn a_film_that_declares_its_frames_first_is_refused_when_some_are_missing() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(clips::mp4());
    ffmpeg
        .args(["-c", "copy", "-movflags", "faststart"])
        .arg(&whole);
    assert!(ffmpeg.status().unwrap().success());
    let bytes = fs::read(&whole).unwrap();
    fs::write(dir.path().join("cut.mp4"), &bytes[..bytes.len() * 6 / 10]).unwrap();
    encode(dir.path(), "cut.mp4")
        .fails(8)
        .prints_nothing()
        .says("cut short")
        .says("48 frames");
}

#[test]
fn an_output_that_cannot_be_written_is_known_before_the_work_begins() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody may make files in /proc, root included.
    for output in ["missing/out.mkv", "/proc/out.mkv"] {
        let run = Run::encode(dir.path(), clips::one_frame(), output)
            .fails(1)
            .prints_nothing();
        let run = run.says("cannot write into the output's directory");
        run.expect(!run.stderr.contains("Encoding"), "no encoding");
    }
    let run = Run::encode(dir.path(), clips::one_frame(), "out.mkv")
        .args(["--temp", "missing/job"])
        .fails(1);
    run.says("job directory");
    fs::create_dir(dir.path().join("directory.mkv")).unwrap();
    Run::encode(dir.path(), clips::one_frame(), "directory.mkv")
        .arg("-y")
        .fails(2)
        .says("is a directory");
}

#[test]
fn no_message_has_the_number_that_the_system_has_for_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let ended = encode(dir.path(), "missing.mkv")
        .args(["--json", "--why"])
        .ends()
        .exits(1);
    let why = fs::read_to_string(dir.path().join("missing.mkv.why.txt")).unwrap();
    // What of it fails is a warning.
    let warned = Run::encode(dir.path(), clips::one_frame(), "out.mkv")
        .args(["--json", "--history", "missing/history"])
        .succeeds();
    for text in [&ended.stderr, &ended.stdout, &why, &warned.stdout] {
        ended.expect(text.contains("No such file or directory"), "why");
        ended.expect(!text.contains("os error"), "nothing else");
    }
    let doctor = Run::bare(dir.path())
        .args(["doctor", "missing.mkv", "--json"])
        .ends();
    doctor.expect(!doctor.stdout.contains("os error"), "nothing else");
}

#[test]
fn an_encoder_that_fails_is_tried_three_times_and_its_words_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(
        dir.path(),
        "echo x >>../lab/tries; echo 'out of luck' >&2; exit 7",
    );
    let run = encode(dir.path(), clips::one_scene().to_str().unwrap())
        .arg("--encoder-path")
        .arg(&encoder)
        .fails(1);
    run.says("exited with status 7")
        .says("out of luck")
        .says("1 of 1 chunk could");
    assert_eq!(
        fs::read_to_string(dir.path().join("lab/tries"))
            .unwrap()
            .lines()
            .count(),
        3
    );
}

#[test]
fn an_encoder_on_the_path_is_used_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    script(dir.path(), "touch ../lab/used");
    let path = format!(
        "{}/lab:{}",
        dir.path().display(),
        std::env::var("PATH").unwrap()
    );
    encode(dir.path(), clips::one_frame().to_str().unwrap())
        .env("PATH", path)
        .succeeds();
    assert!(dir.path().join("lab/used").exists());
}

#[test]
fn an_encoder_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::one_frame(), dir.path().join("in.mkv")).unwrap();
    for path in ["missing", "/bin/true", "/bin/false", "in.mkv"] {
        encode(dir.path(), "in.mkv")
            .args(["--encoder-path", path])
            .fails(1)
            .says("SvtAv1EncApp");
    }
}

#[test]
fn an_encoder_that_loses_frames_and_exits_0_is_tried_again_and_then_fails() {
    let dir = tempfile::tempdir().unwrap();
    // The real one with `-n 5`: it exits 0, and the file is a whole IVF of five frames.
    let real = encoders::real().display();
    // Frames that are left over are read, as they are by an encoder whose disk is full.
    let few = format!(
        "echo x >>../lab/tries\ncat >../lab/frames\nexec '{real}' \"$@\" -n 5 <../lab/frames"
    );
    let encoder = script(dir.path(), &few);
    let run = encode(dir.path(), clips::one_scene().to_str().unwrap())
        .arg("--encoder-path")
        .arg(&encoder)
        .fails(1);
    run.says("5 frames instead of 48");
    assert_eq!(
        fs::read_to_string(dir.path().join("lab/tries"))
            .unwrap()
            .lines()
            .count(),
        3
    );
}

#[test]
fn an_encoder_that_dies_without_reading_fails_and_does_not_hang() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(dir.path(), "exec <&-; exit 0");
    let run = encode(dir.path(), clips::one_scene().to_str().unwrap())
        .arg("--encoder-path")
        .arg(&encoder)
        .fails(1);
    run.says("1 of 1 chunk could not be encoded");
}

#[test]
fn an_encoder_that_was_killed_lowers_the_workers_and_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(
        dir.path(),
        "[ -e ../lab/killed ] || { touch ../lab/killed; kill -KILL $$; }",
    );
    let run = encode(dir.path(), clips::five_scenes().to_str().unwrap())
        .arg("--encoder-path")
        .arg(&encoder)
        .succeeds();
    run.says("an encoder was killed")
        .says("going on with 1 worker")
        .says("tried again");
    crate::check::is_whole(&dir.path().join("out.mkv"), &clips::five_scenes(), 130);
}
