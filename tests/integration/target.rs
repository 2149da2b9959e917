//! `--target-size`: the output has the size that is wanted, or it is said why not.

use std::{fs, path::Path};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    check::File,
    clips,
    encoders::script,
    lab::{JOB, finished_in, messages, names, tells},
    run::{Ended, Run, nothing_is_left_running},
};

fn encode(dir: &Path, film: &Path, target: &str) -> Run {
    encode_by(dir, film, target, "2")
}

fn encode_by(dir: &Path, film: &Path, target: &str, workers: &str) -> Run {
    let run = Run::bare(dir).args(["--preset", "12", "-w", workers, "--json"]);
    let run = run.args(["--target-size", target, "-o", "out.mkv", "-i"]);
    run.arg(film)
}

/// What the output has with this CRF.
fn bytes_with(film: &Path, crf: &str) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), film, "out.mkv").args(["--json", "--crf", crf]);
    run.succeeds().finished()["output_bytes"].as_u64().unwrap()
}

/// The CRF of each chunk.
fn crfs(finished: &Value) -> Vec<f64> {
    let crfs = finished["sized"]["crf"].as_array().unwrap().iter();
    crfs.map(|crf| crf.as_f64().unwrap()).collect()
}

/// The last words of a run that has missed its target.
#[track_caller]
fn missed(ended: &Ended) -> String {
    let last = ended.events().pop().unwrap();
    let said = (&last["event"], &last["code"], &last["kind"]);
    ended.expect(
        said == (&"error".into(), &7.into(), &"missed".into()),
        "an error of the kind `missed`",
    );
    last["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_film_has_the_size_that_is_wanted_and_the_same_bytes_whatever_interrupts_it() {
    let film = clips::thirty_scenes();
    let wanted = bytes_with(&film, "36");
    let target = wanted.to_string();
    let whole = tempfile::tempdir().unwrap();
    let run = encode(whole.path(), &film, &target).args(["--keep", "--proof", "proof.json"]);
    let ended = run.succeeds();
    let finished = ended.finished();
    let part = finished["output_bytes"].as_f64().unwrap() / wanted as f64;
    ended.expect(
        (0.97..=1.0).contains(&part),
        "nearly the size that is wanted",
    );
    let aimed = ended
        .events()
        .into_iter()
        .find(|event| event["event"] == "aimed");
    let aimed = aimed.unwrap_or_default();
    ended.expect(
        aimed["target_bytes"] == wanted,
        "the size is said beforehand",
    );
    let crfs = crfs(&finished);
    ended.expect(
        crfs.len() == 30 && aimed["crf"] == crfs[0] && finished["sized"]["missed"].is_null(),
        "a CRF for each chunk",
    );
    let record = |n: usize| -> Value {
        let file = whole.path().join(JOB).join(format!("chunks/{n:05}.json"));
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    };
    assert!((0..30).all(|n| record(n)["crf"] == crfs[n]));
    let proof = fs::read_to_string(whole.path().join("proof.json")).unwrap();
    assert!(proof.contains("chunks have CRF"), "{proof}");
    assert_eq!(File::open(&whole.path().join("out.mkv")).decoded(), 780);

    // Killed among the trials and among the chunks, each time with other workers.
    let dir = tempfile::tempdir().unwrap();
    let job = dir.path().join(JOB);
    let killed = |workers: &str, what: &str, until: &dyn Fn() -> bool| {
        let run = encode_by(dir.path(), &film, &target, workers);
        let started = run.start().wait_until(what, until);
        started.signal(Signal::SIGKILL);
        let _ = started.ends().dies_of(Signal::SIGKILL);
    };
    killed("1", "a trial", &|| job.join("size.json").exists());
    killed("3", "some chunks", &|| finished_in(&job) > 9);
    let run = encode_by(dir.path(), &film, &target, "5").args(["--chunk-order", "random"]);
    let ended = run.succeeds();
    let read = |dir: &Path| fs::read(dir.join("out.mkv")).unwrap();
    ended.expect(read(dir.path()) == read(whole.path()), "the same bytes");
    ended.expect(
        ended.finished()["resumed_chunks"].as_u64() > Some(9),
        "finished chunks are used",
    );
}

#[test]
fn what_cannot_be_had_is_refused_with_what_can() {
    let film = clips::one_scene();
    let dir = tempfile::tempdir().unwrap();
    let small = encode(dir.path(), &film, "8K").fails(7);
    let message = missed(&small);
    assert!(
        message.contains("--target-size 8K is out of reach: with CRF"),
        "{message}"
    );
    let larger = message.rsplit_once("--target-size ").unwrap().1;
    let larger = larger.strip_suffix(" can be had").unwrap();
    let _ = encode(dir.path(), &film, larger).succeeds();
    fs::remove_file(dir.path().join("out.mkv")).unwrap();

    let large = encode(dir.path(), &film, "10M").succeeds();
    tells(
        &large,
        "--target-size 10M is more than the film needs: with CRF 1",
    );
    large.expect(crfs(&large.finished()) == [1.0], "the best quality");
}

#[test]
fn sound_that_fills_the_size_alone_is_told_and_made_smaller_as_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let film = clips::one_scene();
    let noise = ["-f", "lavfi", "-i", "anoisesrc=r=48000:d=2:a=0.1"];
    let inputs = [&["-i", film.to_str().unwrap()][..], &noise].concat();
    let codecs = ["-c:v", "copy", "-c:a", "flac", "a.mkv"];
    clips::ffmpeg(dir.path(), &[&inputs[..], &codecs].concat());
    let target = "90K";
    let refused = encode(dir.path(), Path::new("a.mkv"), target).fails(7);
    let message = missed(&refused);
    let says = "what the output has beside its picture takes";
    assert!(message.contains(says), "{message}");
    let told = message.split('"').nth(1).unwrap();
    let run = encode(dir.path(), Path::new("a.mkv"), target).args(["-a", told]);
    let finished = run.succeeds().finished();
    assert!(
        finished["output_bytes"].as_u64() <= Some(90 << 10),
        "{finished}"
    );
    let others = finished["sized"]["other_bytes"].as_u64().unwrap();
    assert!((10_000..50_000).contains(&others), "{others}");
}

/// An encoder that gives chunks, and nothing else, a CRF of its own.
const STUBBORN: &str = "n=$#\nwhile [ $n -gt 0 ]; do\n  word=$1; shift\n  [ \"$before\" != --crf ] || word=10\n  \
                        before=$word; set -- \"$@\" \"$word\"; n=$((n - 1))\ndone";

#[test]
fn an_output_that_is_larger_all_the_same_is_whole_and_said_and_replaces_nothing() {
    let film = clips::five_scenes();
    let target = bytes_with(&film, "40").to_string();
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(dir.path(), STUBBORN);
    let run = encode(dir.path(), &film, &target).arg("--encoder-path");
    let ended = run.arg(&encoder).ends().exits(7);
    let says = format!("--target-size {target} is missed: the output has");
    assert!(missed(&ended).contains(&says));
    tells(
        &ended,
        "encoded once more with a higher CRF, since all together are too large",
    );
    assert_eq!(names(dir.path()), ["lab", "out.mkv"]);
    assert_eq!(File::open(&dir.path().join("out.mkv")).decoded(), 130);

    fs::copy(&film, dir.path().join("a.mkv")).unwrap();
    let run = Run::fast(dir.path()).args(["a.mkv", "--replace", "--target-size", &target]);
    let ended = run.arg("--encoder-path").arg(&encoder).ends().exits(7);
    ended.says("the original stays as it is");
    assert_eq!(
        fs::read(dir.path().join("a.mkv")).unwrap(),
        fs::read(film).unwrap()
    );
    nothing_is_left_running(dir.path());
}

#[test]
fn an_encoder_of_whole_numbers_gets_them() {
    let dir = tempfile::tempdir().unwrap();
    let film = clips::five_scenes();
    let target = bytes_with(&film, "33").to_string();
    let run = encode(dir.path(), &film, &target).args(["-e", "libsvtav1", "--ffmpeg", "ffmpeg"]);
    let ended = run.succeeds();
    let finished = ended.finished();
    let is_whole = |crf: &f64| crf.fract() == 0.0;
    ended.expect(crfs(&finished).iter().all(is_whole), "whole numbers");
    ended.expect(
        finished["output_bytes"].as_u64() <= target.parse().ok(),
        "no more than was wanted",
    );
    assert!(messages(&ended, "warning").is_empty());
}

#[test]
fn other_ways_to_say_how_good_it_is_contradict_a_size() {
    let dir = tempfile::tempdir().unwrap();
    let film = clips::one_frame();
    for (args, says) in [
        (&["--crf", "30"][..], "cannot be used with"),
        (&["--no-chunks"], "cannot be used with"),
        (&["-v", "--crf 30"], "leave --crf out of --video-params"),
        (
            &["-v", "--rc 1 --tbr 500"],
            "leave --rc out of --video-params",
        ),
        (&["-v", "--qp 30"], "leave --qp out of --video-params"),
    ] {
        let refused = encode(dir.path(), &film, "1M")
            .args(args)
            .fails(2)
            .says(says);
        let errors = refused.stderr.matches("error: ").count();
        refused.expect(errors == 1, "one error");
    }
    let _ = encode(dir.path(), &film, "0")
        .fails(2)
        .says("a size such as 4G");
    // A crf of the file of settings gives way, and the class leaves its preset.
    fs::write(dir.path().join("my.toml"), "crf = 20\n").unwrap();
    let run =
        Run::bare(dir.path()).args(["--target-size", "4G", "--dry-run", "--config", "my.toml"]);
    let plan = run
        .args(["--source-class", "low", "--skip", "none", "-i"])
        .arg(film);
    plan.succeeds()
        .prints("size     4.3 GB in all, by CRFs of 1 to")
        .prints("--crf of each chunk, as typed for --target-size 4G")
        .prints("--preset 6, by table");
}

#[test]
fn a_damaged_film_that_decodes_otherwise_each_time_has_its_size_too() {
    let dir = tempfile::tempdir().unwrap();
    let film = clips::damaged(dir.path(), "'if(eq(mod(n\\,25)\\,9)\\,200\\,0)'");
    let wanted = bytes_with(&film, "36");
    let ended = encode(dir.path(), &film, &wanted.to_string()).succeeds();
    let part = ended.finished()["output_bytes"].as_f64().unwrap() / wanted as f64;
    ended.expect((0.9..=1.0).contains(&part), "nearly the size");
    assert_eq!(File::open(&dir.path().join("out.mkv")).decoded(), 130);
}
