//! Killed at any moment, the same command goes on and gives the film of a run that nobody has killed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use av1enc::job::names::is_ours;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    chance::Chance,
    clips,
    lab::{self, JOB, tells},
    run::{Run, Started, nothing_is_left_running, processes_of},
};

/// How many runs are killed, unless the environment says another number.
const KILLS: usize = 2;

/// With sound that is encoded anew: everything that av1enc does is in it.
fn encode(dir: &Path, reader: &str) -> Run {
    let run = Run::bare(dir).args(["-o", "out.mkv", "-w", "2", "--json"]);
    let run = run.args(["-a", "-c:a aac -b:a 64k"]);
    let run = match reader {
        // It is inserted.
        "hdr10" => run.args(["-e", "librav1e", "--preset", "10"]).arg("-i"),
        reader => run.args(["--preset", "12", "--chunk-method", reader, "-i"]),
    };
    run.arg(match reader {
        "hdr10" => clips::hdr10(),
        _ => clips::film(),
    })
}

/// What is killed of a run.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Itself,
    /// All that it has started as well.
    All,
    /// One of those, which it has to notice.
    Child,
}

impl Victim {
    fn die(self, run: &Started, dir: &Path, chance: &mut Chance) {
        if let Self::Itself = self {
            return run.signal(Signal::SIGKILL);
        }
        let number = |proc: PathBuf| proc.file_name()?.to_str()?.parse().ok();
        let mut pids: Vec<i32> = processes_of(dir).into_iter().filter_map(number).collect();
        if let Self::Child = self {
            pids.retain(|pid| *pid != run.number());
            pids = match pids.len() {
                0 => Vec::new(),
                several => vec![pids[chance.random.below(several)]],
            };
        }
        for pid in pids {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
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

/// The files in a job directory, as paths relative to it.
fn files_of(job: &Path) -> Vec<PathBuf> {
    let in_dir = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten();
    let entries = in_dir(job.to_owned()).chain(in_dir(job.join("chunks")));
    let paths = entries
        .map(|entry| entry.path())
        .filter(|path| !path.ends_with("chunks"));
    paths
        .map(|path| path.strip_prefix(job).unwrap().to_owned())
        .collect()
}

/// A name in which numbers do not count.
fn kind(path: &Path) -> String {
    path.to_str()
        .unwrap()
        .chars()
        .filter(|c| !c.is_ascii_digit())
        .collect()
}

#[test]
fn killed_whenever_another_kind_of_file_is_there_restart_leaves_nothing_of_it() {
    let dir = tempfile::tempdir().unwrap();
    // HDR10 that is inserted into the chunks, an index, tracks that are handed over, and sound that is encoded anew.
    let subtitles = "1\n00:00:00,000 --> 00:00:01,000\nA word.\n";
    fs::write(dir.path().join("words.srt"), subtitles).unwrap();
    let source = clips::hdr10();
    let inputs = ["-i", source.to_str().unwrap(), "-i", "words.srt"];
    let codecs = [
        "-map", "0", "-map", "1", "-c", "copy", "-c:s", "mov_text", "film.mp4",
    ];
    clips::ffmpeg(dir.path(), &[inputs.as_slice(), &codecs].concat());
    let encode = || {
        let run = Run::bare(dir.path()).args(["film.mp4", "-o", "out.mkv", "--restart", "-w", "2"]);
        let run = run.args([
            "-e",
            "librav1e",
            "--preset",
            "10",
            "--chunk-method",
            "ffms2",
        ]);
        run.args(["-a", "-c:a libopus"])
    };
    let job = dir.path().canonicalize().unwrap().join("out.mkv.av1enc");
    let mut seen = BTreeSet::new();
    // One of three kinds each time, unless the environment says more: a run for each would take a minute.
    let mut chance = Chance::of(1);
    loop {
        let (run, begun) = (encode().start(), Instant::now());
        let strikes = 'watching: loop {
            assert!(
                begun.elapsed() < Duration::from_secs(300),
                "it ends, or another file comes"
            );
            let kinds: Vec<String> = files_of(&job).iter().map(|path| kind(path)).collect();
            for new in kinds {
                let is_new = seen.insert(new);
                if is_new && chance.some([true, false, false]).contains(&true) {
                    break 'watching true;
                }
            }
            if dir.path().join("out.mkv").exists() {
                break false;
            }
            thread::sleep(Duration::from_millis(1));
        };
        if !strikes {
            let _ = run.ends().exits(0);
            break;
        }
        run.signal(Signal::SIGKILL);
        let ended = run.ends();
        nothing_is_left_running(dir.path());
        let foreign: Vec<_> = files_of(&job)
            .into_iter()
            .filter(|path| !is_ours(path))
            .collect();
        ended.expect(
            foreign.is_empty(),
            &format!("only names of a job: {foreign:?}"),
        );
    }
    assert!(!job.exists(), "{:?}", files_of(&job));
    for kind in [
        "job.json",
        "source.ffindex",
        "chunks/.ivf",
        "chunks/.json",
        "others-.mkv",
        "audio.mka",
    ] {
        assert!(seen.contains(kind), "{kind} was never there: {seen:?}");
    }
}

#[test]
fn killed_at_any_moment_the_same_command_gives_the_same_bytes() {
    let mut chance = Chance::of(KILLS);
    let kinds = ["linear", "ffms2", "hdr10"].map(|reader| (reader, undisturbed(reader)));
    let mut killed = 0;
    for (reader, whole) in kinds.iter().cycle() {
        if killed >= chance.rounds {
            break;
        }
        let dir = tempfile::tempdir().unwrap();
        // Some jobs are killed more than once.
        for _ in 0..1 + chance.random.below(3) / 2 {
            killed += usize::from(is_killed(dir.path(), reader, whole.duration, &mut chance));
        }
        let output = dir.path().join("out.mkv");
        // It may have had its last moment.
        if dir.path().join(JOB).join("job.json").exists() && output.exists() {
            tells(&encode(dir.path(), reader).succeeds(), "is finished");
        } else if output.exists() {
            let _ = encode(dir.path(), reader).ends().exits(3).says("add -y");
        } else {
            let ended = encode(dir.path(), reader).succeeds();
            nothing_is_left_running(dir.path());
            ended.expect(!dir.path().join(JOB).exists(), "no job directory");
        }
        assert!(
            fs::read(&output).unwrap() == whole.film,
            "another film than that of a run that nobody has killed"
        );
        let others = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let others: Vec<_> = others
            .filter(|name| name != "out.mkv" && name != JOB)
            .collect();
        assert!(others.is_empty(), "{others:?}");
    }
}

/// A run that nobody has killed: what it made, and how long it took.
struct Undisturbed {
    film: Vec<u8>,
    duration: Duration,
}

fn undisturbed(reader: &str) -> Undisturbed {
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let _ = encode(dir.path(), reader).succeeds();
    Undisturbed {
        duration: started.elapsed(),
        film: fs::read(dir.path().join("out.mkv")).unwrap(),
    }
}

/// Begins a run, unless the film is there, and kills of it at some moment what chance says; whether that came in time.
fn is_killed(dir: &Path, reader: &str, duration: Duration, chance: &mut Chance) -> bool {
    if dir.join("out.mkv").exists() {
        return false;
    }
    let moment = chance.time_below(duration);
    let victim = [Victim::Itself, Victim::All, Victim::Child][chance.random.below(3)];
    let run = encode(dir, reader).start();
    thread::sleep(moment);
    victim.die(&run, dir, chance);
    let ended = run.ends();
    nothing_is_left_running(dir);
    eprintln!(
        "{victim:?} of {reader} after {} ms, in {}",
        moment.as_millis(),
        stage(&ended.stdout)
    );
    !ended.stdout.contains("\"event\":\"finished\"")
}

#[test]
fn killed_in_the_instant_in_which_the_output_gets_its_name_the_same_command_says_so_and_clears_up()
{
    // The instant is short: it is hit sooner or later.
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let (output, job) = (dir.path().join("out.mkv"), dir.path().join(JOB));
        let run = lab::encode_of(dir.path(), clips::one_frame()).start();
        let begun = Instant::now();
        while !output.exists() && begun.elapsed() < Duration::from_secs(60) {
            std::hint::spin_loop();
        }
        run.signal(Signal::SIGKILL);
        let _ = run.ends();
        if !job.join("job.json").exists() {
            continue;
        }
        let film = fs::read(&output).unwrap();
        let again = lab::encode_of(dir.path(), clips::one_frame()).succeeds();
        tells(&again, "out.mkv is finished");
        again.expect(!job.exists(), "no job directory");
        again.expect(fs::read(&output).unwrap() == film, "the output as it was");
        return;
    }
    panic!("no run was killed in that instant");
}

#[test]
fn an_output_is_taken_for_finished_work_only_if_it_is_that() {
    let dir = tempfile::tempdir().unwrap();
    let (output, job) = (dir.path().join("out.mkv"), dir.path().join(JOB));
    let encode = || lab::encode_of(dir.path(), clips::one_frame());
    let _ = encode().arg("--keep").succeeds();
    tells(&encode().arg("--keep").succeeds(), "out.mkv is finished");
    // Other settings, another film: of these it is no work.
    let other = encode().args(["--crf", "41"]).ends().exits(3);
    let _ = other.says("--crf").says("--restart");
    let other = lab::encode_of(dir.path(), clips::one_scene())
        .ends()
        .exits(3);
    let _ = other.says("the source's content");
    let _ = encode().arg("--restart").ends().exits(3).says("add -y");
    // Another file of the same content, and the same file with another one.
    let film = fs::read(&output).unwrap();
    fs::rename(&output, dir.path().join("moved.mkv")).unwrap();
    fs::write(&output, &film).unwrap();
    let _ = encode().ends().exits(3).says("add -y");
    fs::rename(dir.path().join("moved.mkv"), &output).unwrap();
    let mut other = film.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&output, &other).unwrap();
    let _ = encode().ends().exits(3).says("add -y");
    fs::write(&output, &film).unwrap();
    let ended = encode().succeeds();
    tells(&ended, "out.mkv is finished");
    ended.expect(!job.exists(), "no job directory");
    let _ = encode().ends().exits(3).says("add -y");
}

#[test]
fn killed_while_it_joins_no_part_of_the_output_stays_when_its_job_is_given_up() {
    for given_up in [["--restart", "-y"], ["--temp", "other"]] {
        let dir = tempfile::tempdir().unwrap();
        let names = || {
            let entries = fs::read_dir(dir.path()).unwrap();
            let mut names: Vec<_> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| !["bin", "joining", JOB].contains(&name.as_str()))
                .collect();
            names.sort();
            names
        };
        lab::fake_mkvmerge(dir.path(), "touch ../joining; exec sleep 1000000");
        let encode = || lab::encode_of(dir.path(), clips::one_frame());
        let run = lab::with_fakes(dir.path(), encode()).start();
        let run = run.wait_until("it joins", || dir.path().join("joining").exists());
        run.signal(Signal::SIGKILL);
        let _ = run.ends();
        nothing_is_left_running(dir.path());
        assert!(names()[0].ends_with(".part.mkv"), "{:?}", names());
        let _ = encode().args(given_up).succeeds();
        assert_eq!(names(), ["out.mkv"]);
    }
}
