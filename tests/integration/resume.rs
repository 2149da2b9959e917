//! What an interrupted run has finished is used by the next one, and the film is the same to the byte.

use std::{
    fs,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    clips,
    encoders::{real, script},
    run::{Run, nothing_is_left_running},
};

/// The command that is interrupted and repeated. Where the encoder is does not decide about the film.
fn encode(dir: &Path, encoder: &Path) -> Run {
    Run::encode(dir, clips::five_scenes(), "out.mkv")
        .arg("--json")
        .arg("--encoder-path")
        .arg(encoder)
}

/// The film of a run that nobody has interrupted.
fn uninterrupted() -> &'static [u8] {
    static FILM: OnceLock<Vec<u8>> = OnceLock::new();
    FILM.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        encode(dir.path(), real()).succeeds();
        fs::read(dir.path().join("out.mkv")).unwrap()
    })
}

/// Chunks that are recorded as finished.
fn finished(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir.join("out.mkv.av1enc/chunks")) else {
        return 0;
    };
    entries
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            let name = name.to_str().unwrap();
            name.ends_with(".json") && !name.contains(".part")
        })
        .count() as u64
}

/// Repeats the command with a good encoder: it takes over `resumed` chunks, and the film is the same.
#[track_caller]
fn goes_on(dir: &Path, resumed: u64) {
    let run = encode(dir, real()).succeeds();
    let report = run.finished();
    run.expect(
        report["resumed_chunks"] == resumed,
        &format!("{resumed} chunks of the earlier run"),
    );
    run.expect(report["chunks"] == 5, "five chunks");
    run.expect(
        fs::read(dir.join("out.mkv")).unwrap() == uninterrupted(),
        "the bytes of an uninterrupted run",
    );
    run.expect(!dir.join("out.mkv.av1enc").exists(), "no job directory");
}

/// A directory with an encoder that never comes to an end with the last chunk.
fn stuck() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    // In place of the shell, so that it is what av1enc has started.
    let encoder = script(
        dir.path(),
        "[ $chunk != 00004 ] || { touch ../lab/stuck; exec sleep 1000000; }",
    );
    (dir, encoder)
}

#[test]
fn the_number_of_workers_does_not_decide_about_the_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::bare(dir.path())
        .arg(clips::five_scenes())
        .args(["-o", "out.mkv", "--preset", "12", "-w", "1"]);
    let run = run.succeeds();
    run.expect(
        fs::read(dir.path().join("out.mkv")).unwrap() == uninterrupted(),
        "the bytes of two workers",
    );
}

#[test]
fn a_chunk_that_fails_does_not_stop_the_others_and_alone_is_encoded_again() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(dir.path(), "[ $chunk != 00001 ] || exit 9");
    let run = encode(dir.path(), &encoder).fails(1);
    run.says("1 of 5 chunks could not be encoded (1)")
        .says("exited with status 9");
    assert_eq!(finished(dir.path()), 4);
    goes_on(dir.path(), 4);
}

#[test]
fn a_finished_chunk_that_was_damaged_meanwhile_is_encoded_again() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(dir.path(), "[ $chunk != 00001 ] || exit 9");
    encode(dir.path(), &encoder).fails(1);
    let chunk = dir.path().join("out.mkv.av1enc/chunks/00002.ivf");
    let mut bytes = fs::read(&chunk).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&chunk, bytes).unwrap();
    let chunk = dir.path().join("out.mkv.av1enc/chunks/00003.ivf");
    let bytes = fs::read(&chunk).unwrap();
    fs::write(&chunk, &bytes[..bytes.len() / 2]).unwrap();
    goes_on(dir.path(), 2);
}

#[test]
fn a_list_of_scenes_that_was_cut_off_is_completed() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(dir.path(), "[ $chunk != 00001 ] || exit 9");
    encode(dir.path(), &encoder).fails(1);
    let scenes = dir.path().join("out.mkv.av1enc/scenes.jsonl");
    let text = fs::read_to_string(&scenes).unwrap();
    assert_eq!(text.lines().count(), 6);
    let (third, _) = text.match_indices('\n').nth(2).unwrap();
    fs::write(&scenes, &text[..third - 5]).unwrap();
    goes_on(dir.path(), 4);
}

#[track_caller]
fn stops_and_goes_on(signal: Signal) {
    let (dir, encoder) = stuck();
    let run = encode(dir.path(), &encoder).start();
    let run = run.wait_until("four chunks are finished and one is not", || {
        dir.path().join("lab/stuck").exists() && finished(dir.path()) == 4
    });
    run.signal(signal);
    let ended = run.ends();
    nothing_is_left_running(dir.path());
    ended.expect(!dir.path().join("out.mkv").exists(), "no output");
    if signal == Signal::SIGKILL {
        ended.dies_of(signal);
    } else {
        let ended = ended.dies_of(signal).says("the same command goes on");
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        ended.expect(names == ["lab", "out.mkv.av1enc"], "only the job directory");
    }
    goes_on(dir.path(), 4);
}

#[test]
fn ctrl_c_ends_it_by_that_signal_without_orphans_and_the_same_command_goes_on() {
    stops_and_goes_on(Signal::SIGINT);
}

#[test]
fn sigterm_ends_it_by_that_signal_without_orphans_and_the_same_command_goes_on() {
    stops_and_goes_on(Signal::SIGTERM);
}

#[test]
fn a_killed_run_leaves_no_encoder_and_the_same_command_goes_on() {
    stops_and_goes_on(Signal::SIGKILL);
}

#[test]
fn what_a_killed_run_has_written_of_another_output_goes_with_its_job() {
    let (dir, encoder) = stuck();
    let outputs = |end: &str| {
        let names = fs::read_dir(dir.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(end)).count()
    };
    for again in ["--restart", "--verbose"] {
        let run = encode(dir.path(), &encoder).args(["--temp", "job"]).start();
        let stuck = dir.path().join("lab/stuck");
        let run = run.wait_until("it encodes", || stuck.exists());
        run.signal(Signal::SIGKILL);
        run.ends().dies_of(Signal::SIGKILL);
        fs::remove_file(stuck).unwrap();
        assert_eq!(outputs(".part.mkv"), 1);
        let other = Run::encode(dir.path(), clips::five_scenes(), "other.mkv");
        let other = other.args(["--temp", "job", "--encoder-path"]).arg(real());
        other.args(["-y", again]).succeeds();
        assert_eq!((outputs(".part.mkv"), outputs("other.mkv")), (0, 1));
    }
}

#[test]
fn a_signal_while_the_source_is_probed_ends_it_as_well() {
    let dir = tempfile::tempdir().unwrap();
    // An ffprobe that does not come to an end.
    let path = dir.path().join("ffprobe");
    fs::write(&path, "#!/bin/sh\n[ \"$1\" = -version ] && echo ffprobe && exit\ntouch probing\nexec sleep 1000000\n")
        .unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let search = format!(
        "{}:{}",
        dir.path().display(),
        std::env::var("PATH").unwrap()
    );
    let run = encode(dir.path(), real()).env("PATH", search).start();
    let run = run.wait_until("it probes", || dir.path().join("probing").exists());
    run.signal(Signal::SIGINT);
    run.ends().dies_of(Signal::SIGINT);
    nothing_is_left_running(dir.path());
}

#[test]
fn a_second_run_of_the_same_job_is_refused_while_the_first_one_works() {
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join("gate");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(fs::metadata(&gate).unwrap().file_type().is_fifo());
    // Opening the gate for reading waits until somebody opens it for writing.
    let encoder = script(
        dir.path(),
        "[ $chunk != 00004 ] || { touch ../lab/waiting; read -r _ <../gate; }",
    );
    let first = encode(dir.path(), &encoder).start();
    let first = first.wait_until("an encoder waits", || {
        dir.path().join("lab/waiting").exists()
    });
    let second = encode(dir.path(), &encoder).fails(3).says("works on");
    second.expect(
        second.stderr.contains("another av1enc (process "),
        "who it is",
    );
    fs::write(&gate, "go\n").unwrap();
    let report = first.ends().exits(0).finished();
    assert_eq!(report["resumed_chunks"], 0);
    assert!(
        fs::read(dir.path().join("out.mkv")).unwrap() == uninterrupted(),
        "the second run has disturbed the first"
    );
}

#[test]
fn an_output_that_appears_meanwhile_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(dir.path(), "[ -e ../out.mkv ] || echo precious >../out.mkv");
    let run = encode(dir.path(), &encoder).ends().exits(3).says("-y");
    run.expect(
        fs::read(dir.path().join("out.mkv")).unwrap() == b"precious\n",
        "the other's file",
    );
    // Nothing is encoded twice for it.
    let run = encode(dir.path(), &encoder).arg("-y").succeeds();
    run.expect(
        run.finished()["resumed_chunks"] == 5,
        "all chunks of the first run",
    );
    run.expect(
        fs::read(dir.path().join("out.mkv")).unwrap() == uninterrupted(),
        "the film",
    );
}
