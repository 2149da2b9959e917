//! Outputs that are too large for what they are made of.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    check::File,
    clips,
    lab::names,
    run::{Ended, Run, nothing_is_left_running},
};

/// A directory with a film.
fn place(clip: PathBuf) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clip, dir.path().join("a.mkv")).unwrap();
    dir
}

fn encode(dir: &Path, args: &[&str]) -> Run {
    Run::encode(dir, "a.mkv", "out.mkv").args(args)
}

/// A little less than what the output has by the same settings, as a share of the source.
fn just_too_small(clip: PathBuf, args: &[&str]) -> f64 {
    let dir = place(clip);
    let finished = encode(dir.path(), args).arg("--json").succeeds().finished();
    let bytes = |name: &str| finished[name].as_f64().unwrap();
    (bytes("output_bytes") - 64.0) / bytes("source_bytes")
}

fn stages(ended: &Ended) -> Vec<Value> {
    let events = ended.events().into_iter();
    events
        .filter(|event| event["event"] == "stage")
        .map(|event| event["stage"].clone())
        .collect()
}

#[test]
fn a_film_that_was_rejected_is_not_encoded_again_the_next_night() {
    let limit = just_too_small(clips::one_scene(), &["--crf", "45"]).to_string();
    let dir = place(clips::one_scene());
    let night = |args: &[&str]| {
        let size = ["--max-size-ratio", &limit, "--mark", "--why"];
        let skip = ["--skip", "marked", "--json"];
        encode(dir.path(), args).args(size).args(skip).ends()
    };
    let first = night(&["--crf", "45"]).exits(4);
    let last = first.events().pop().unwrap();
    assert_eq!(
        (&last["event"], &last["code"], &last["kind"]),
        (&"skipped".into(), &4.into(), &"worthless".into())
    );
    let message = last["message"].as_str().unwrap();
    let says = format!("and --max-size-ratio {limit} allows");
    assert!(message.contains("stays as it is: its output has") && message.contains(&says));
    assert_eq!(
        stages(&first),
        ["probe", "index", "encode", "join", "verify"]
    );
    let (mark, why) = ("a.mkv.av1skip", "a.mkv.why.txt");
    assert_eq!(names(dir.path()), ["a.mkv", mark, why]);
    for file in [mark, why] {
        let text = fs::read_to_string(dir.path().join(file)).unwrap();
        assert_eq!(text, format!("av1enc: rejected\n{message}\n"));
    }

    let second = night(&["--crf", "45"]).exits(4);
    assert_eq!(second.events().len(), 1, "nothing was begun");
    second.says("skipped: ").says("a.mkv.av1skip is beside it");
    assert_eq!(names(dir.path()), ["a.mkv", mark, why]);

    // What it says to do makes it smaller.
    fs::remove_file(dir.path().join(mark)).unwrap();
    night(&["--crf", "62"]).exits(0);
    assert_eq!(names(dir.path()), ["a.mkv", "out.mkv"]);
    assert_eq!(File::open(&dir.path().join("out.mkv")).decoded(), 48);
}

#[test]
fn what_can_only_be_too_large_is_not_encoded_to_its_end() {
    let args = ["--crf", "30"];
    let half = just_too_small(clips::thirty_scenes(), &args) / 2.0;
    let dir = place(clips::thirty_scenes());
    let saving = format!("{}%", 100.0 * (1.0 - half));
    let stopped = |more: &[&str]| {
        let run = encode(dir.path(), &args).args(["--min-saving", &saving]);
        run.args(["--json"]).args(more).ends().exits(4)
    };
    let first = stopped(&[]);
    assert_eq!(stages(&first), ["probe", "index", "encode"]);
    let said = first.stdout.clone();
    first.expect(
        said.contains("the output may be too large: about"),
        "an estimate",
    );
    first.says("what is finished of its output has");
    nothing_is_left_running(dir.path());
    assert_eq!(names(dir.path()), ["a.mkv"], "nobody asked for a mark");
    let other = stopped(&["--keep", "--chunk-order", "sequential"]);
    other.says("what is finished of its output has");
    assert_eq!(names(dir.path()), ["a.mkv", "out.mkv.av1enc"]);
    // Whoever asks for less has the work that is there.
    let run = encode(dir.path(), &args).arg("--json").succeeds();
    assert!(run.finished()["resumed_chunks"].as_u64() > Some(0));
}

#[test]
fn sound_that_is_copied_may_be_too_large_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let film = clips::thirty_scenes();
    let inputs = ["-i", film.to_str().unwrap(), "-f", "lavfi"];
    let noise = ["-i", "anoisesrc=r=48000:d=31", "-shortest"];
    for (sound, name) in [("flac", "a.mkv"), ("alac", "b.mp4")] {
        let codecs = ["-c:v", "copy", "-c:a", sound, name];
        clips::ffmpeg(dir.path(), &[&inputs[..], &noise, &codecs].concat());
        let run = Run::encode(dir.path(), name, "out.mkv");
        let run = run.args(["--max-size-ratio", "0.5", "--json"]);
        let rejected = run.fails(4);
        assert_eq!(stages(&rejected), ["probe", "index", "encode"], "{name}");
        rejected.says("what is finished of its output has");
    }
}

#[test]
fn an_original_that_would_be_replaced_by_more_stays() {
    let dir = place(clips::one_scene());
    let film = dir.path().join("a.mkv");
    let limit = just_too_small(clips::one_scene(), &["--crf", "45"]).to_string();
    let run = Run::fast(dir.path()).args([
        "a.mkv",
        "--replace",
        "--crf",
        "45",
        "--max-size-ratio",
        &limit,
    ]);
    run.fails(4).says("its output has");
    assert_eq!(names(dir.path()), ["a.mkv"]);
    assert_eq!(
        fs::read(film).unwrap(),
        fs::read(clips::one_scene()).unwrap()
    );
}

#[test]
fn a_mark_of_somebody_else_stays_and_one_in_vain_is_said() {
    let dir = place(clips::one_frame());
    let mark = dir.path().join("a.mkv.av1skip");
    fs::write(&mark, "mine").unwrap();
    let tiny = ["--min-saving", "99.9%", "--mark"];
    let rejected = encode(dir.path(), &tiny).fails(4);
    rejected.says("--mark: without --skip marked or --source-class a marked film is encoded again");
    assert_eq!(fs::read_to_string(&mark).unwrap(), "mine");
    let dry = encode(dir.path(), &["--mark", "--dry-run"]).succeeds();
    dry.says("--mark: without --max-size-ratio or --min-saving no film is marked");
}

#[test]
fn what_makes_no_sense_is_one_error() {
    let dir = place(clips::one_frame());
    for (args, says) in [
        (
            &["--max-size-ratio", "0"][..],
            "--max-size-ratio 0: a number above 0 and at most 1, such as 0.90",
        ),
        (
            &["--min-saving", "5"],
            "--min-saving 5: a share from 0% to below 100%, with its sign, such as 5%",
        ),
        (
            &["--max-size-ratio", "0.9", "--min-saving", "5%"],
            "cannot be used with",
        ),
    ] {
        let refused = encode(dir.path(), args).fails(2).says(says);
        let errors = refused.stderr.matches("error: ").count();
        refused.expect(errors == 1, "one error");
    }
    // What is typed overrules the file of settings, whichever of the two it has.
    fs::write(dir.path().join("my.toml"), "max-size-ratio = 0.9\n").unwrap();
    let args = ["--config", "my.toml", "--min-saving", "5%", "--dry-run"];
    encode(dir.path(), &args)
        .succeeds()
        .prints("--min-saving 5%, as typed");
}
