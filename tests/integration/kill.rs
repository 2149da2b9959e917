//! Killed at any moment, the same command goes on and gives the film of a run that nobody has killed.

use std::{
    env, fs,
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::sys::signal::Signal;

use crate::{
    clips,
    lab::Lcg,
    run::{Run, nothing_is_left_running},
};

/// How many runs are killed, unless the environment says another number.
const KILLS: usize = 5;

/// With sound that is encoded anew: everything that av1enc does is in it.
fn encode(dir: &Path, reader: &str) -> Run {
    let run =
        Run::encode(dir, clips::film(), "out.mkv").args(["--json", "-a", "-c:a aac -b:a 64k"]);
    run.args(["--chunk-method", reader])
}

/// The stage in which a run was.
fn stage(stdout: &str) -> String {
    let last = stdout
        .lines()
        .rfind(|line| line.contains("\"stage\"") || line.contains("\"finished\""));
    let event = last
        .and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .unwrap_or_default();
    event["stage"]
        .as_str()
        .or(event["event"].as_str())
        .unwrap_or("start")
        .to_owned()
}

#[test]
fn killed_at_any_moment_the_same_command_gives_the_same_bytes() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let kills = number("AV1ENC_KILLS").map_or(KILLS, |kills| kills as usize);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis() as u64;
    let seed = number("AV1ENC_SEED").unwrap_or(now);
    eprintln!("seed {seed}: the same moments again with AV1ENC_SEED={seed}");
    let mut random = Lcg(seed);

    let dir = tempfile::tempdir().unwrap();
    let clip = clips::film();
    assert!(clip.exists());
    let started = Instant::now();
    let whole = encode(dir.path(), "auto").succeeds();
    let mut duration = started.elapsed();
    let film = fs::read(dir.path().join("out.mkv")).unwrap();
    eprintln!(
        "a whole run takes {} ms and gives {} chunks",
        duration.as_millis(),
        whole.finished()["chunks"]
    );

    let mut equal = 0;
    let mut killed = 0;
    while killed < kills {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out.mkv");
        // Both give the same film.
        let reader = ["linear", "ffms2"][equal % 2];
        // Some jobs are killed more than once.
        let times = 1 + random.below(3) / 2;
        for _ in 0..times.min(kills - killed) {
            let moment = Duration::from_micros(random.below(duration.as_micros() as usize) as u64);
            let started = Instant::now();
            let run = encode(dir.path(), reader).start();
            thread::sleep(moment);
            run.signal(Signal::SIGKILL);
            let ended = run.ends();
            nothing_is_left_running(dir.path());
            if ended.stdout.contains("\"event\":\"finished\"") {
                // Too late to count; the machine is faster now than it was.
                duration = duration.min(started.elapsed());
                break;
            }
            killed += 1;
            eprintln!(
                "kill {killed} after {} ms, in {}",
                moment.as_millis(),
                stage(&ended.stdout)
            );
            if output.exists() {
                break;
            }
        }
        // It may have had its last moment.
        if output.exists() {
            let _ = encode(dir.path(), reader).ends().exits(3).says("add -y");
        } else {
            let ended = encode(dir.path(), reader).succeeds();
            nothing_is_left_running(dir.path());
            eprintln!("  took over {} chunks", ended.finished()["resumed_chunks"]);
            ended.expect(
                !dir.path().join("out.mkv.av1enc").exists(),
                "no job directory",
            );
        }
        assert!(
            fs::read(&output).unwrap() == film,
            "another film than that of a run that nobody has killed"
        );
        let others = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let others: Vec<_> = others
            .filter(|name| name != "out.mkv" && name != "out.mkv.av1enc")
            .collect();
        assert!(others.is_empty(), "{others:?}");
        equal += 1;
    }
    eprintln!("{killed} kills, {equal} jobs, {equal} equal films");
}
