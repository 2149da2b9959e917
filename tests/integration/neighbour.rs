//! A good neighbour: av1enc makes way for the machine's other work, says so, and loses nothing by it.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nix::{libc, sys::signal::Signal};
use serde_json::{Value, json};

use crate::{
    clips,
    encoders::real,
    lab::{
        JOB, encode, encode_with, gated, gives_the_film, is_stopped, let_go, undisturbed, wait_for,
        waiting,
    },
    run::{Ended, Run, Started, nothing_is_left_running, processes_of},
};

/// As what a thread works: how nice it is, its turn at the disks, its processors.
type Standing = (String, libc::c_long, String);

/// As what each thread of a process works.
fn standings(process: &Path) -> Vec<Standing> {
    let tasks = fs::read_dir(process.join("task")).into_iter().flatten();
    let standing = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        // proc(5) counts from 1, and two fields are before these: 19 is the nice value.
        let nice = stat.rsplit_once(") ")?.1.split(' ').nth(16)?.to_owned();
        let processors = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        let number: libc::c_int = task.file_name().to_str()?.parse().ok()?;
        // SAFETY: it asks for a number; 1 says that it is that of a thread.
        let turn = unsafe { libc::syscall(libc::SYS_ioprio_get, 1, number) };
        // Gone meanwhile.
        (turn >= 0).then(|| (nice, turn, processors.trim().to_owned()))
    };
    tasks.filter_map(|task| standing(task.ok()?)).collect()
}

fn name(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    name.trim().to_owned()
}

/// The first processor that this process may use.
fn first_processor() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let first = list.unwrap().trim().split(['-', ',']).next();
    first.unwrap().to_owned()
}

#[test]
fn nice_turns_at_the_disks_and_processors_hold_for_every_thread_of_every_tool() {
    let dir = tempfile::tempdir().unwrap();
    let cpu = first_processor();
    let settings = format!("nice = 7\nionice = 'idle'\ncpus = '{cpu}'\n");
    fs::write(dir.path().join("settings.toml"), settings).unwrap();
    let seen = std::cell::RefCell::new((BTreeSet::new(), BTreeSet::new()));
    let run = Run::bare(dir.path())
        .args([
            "--preset",
            "8",
            "--config",
            "settings.toml",
            "-o",
            "out.mkv",
        ])
        .arg("--encoder-path")
        .arg(real())
        .arg(clips::one_scene())
        .start();
    let ended = run
        .wait_until("the output is there", || {
            let (tools, found) = &mut *seen.borrow_mut();
            for process in processes_of(dir.path()) {
                let tool = name(&process);
                if tool != "av1enc" {
                    found.extend(standings(&process));
                    tools.insert(tool);
                }
            }
            dir.path().join("out.mkv").exists()
        })
        .ends()
        .exits(0);
    let (tools, found) = seen.into_inner();
    // It gives its first thread another name, once it has begun.
    let is_encoder = |tool: &String| ["SvtAv1EncApp", "svt-app-main"].contains(&tool.as_str());
    assert!(tools.iter().any(is_encoder) && tools.len() > 2, "{tools:?}");
    // linux/ioprio.h: the class of those who are idle is 3, from bit 13 on.
    let expected: BTreeSet<Standing> = [("7".to_owned(), 3 << 13, cpu.clone())].into();
    assert_eq!(found, expected);
    let said = format!("a good neighbour: nice 7, idle at the disks, on 1 processor ({cpu})");
    let _ = ended.says(&said).says("1 worker");
}

/// A run whose two encoders wait, and that pauses as long as the file `pause` is there.
fn pausing(dir: &Path, args: &[&str]) -> Started {
    let encoder = gated(dir, "*");
    let run = encode_with(dir, &encoder)
        .args(["--pause-while", "test -e pause"])
        .args(args);
    let run = run.start();
    run.wait_until("two encoders wait", || waiting(dir).len() == 2)
}

/// That it paused, and that it did not any more, as the events of a run tell.
fn pauses(ended: &Ended) -> Vec<(bool, String)> {
    let events = ended.events().into_iter();
    let told = events.filter(|event| event["event"] == "neighbour");
    let told = told.map(|event| {
        let message = event["message"].as_str().unwrap().to_owned();
        (event["paused"].as_bool().unwrap(), message)
    });
    told.collect()
}

/// What `av1enc status` shows of the only job there.
fn status(dir: &Path) -> Value {
    let ended = Run::bare(dir).args(["status", "--json"]).succeeds();
    let object: Value = serde_json::from_str(&ended.stdout).unwrap();
    object["jobs"][0].clone()
}

/// Begins a pause, and waits until all that encodes has stopped.
fn pause(dir: &Path) {
    fs::write(dir.join("pause"), "").unwrap();
    let all = waiting(dir);
    wait_for("all are stopped", || all.iter().all(|pid| is_stopped(*pid)));
}

fn go_on(dir: &Path) {
    fs::remove_file(dir.join("pause")).unwrap();
}

#[test]
fn while_a_command_succeeds_encoders_are_stopped_and_then_go_on_to_the_same_film() {
    let dir = tempfile::tempdir().unwrap();
    // Less than the pause lasts: a chunk is late only by its encoder's fault.
    let run = pausing(dir.path(), &["--stall-timeout", "10", "--log-file", "log"]);
    let all = waiting(dir.path());
    pause(dir.path());
    let why = "the command of --pause-while succeeds (test -e pause)";
    let easing = json!({"paused": true, "fewer_workers": 0, "message": why});
    wait_for("status has it", || status(dir.path())["easing"] == easing);
    let seen = status(dir.path());
    let note = format!("paused because {why}; it goes on by itself");
    assert_eq!(seen["state"], "paused", "{seen}");
    assert_eq!(seen["note"], note.as_str(), "{seen}");
    let_go(dir.path());
    thread::sleep(Duration::from_secs(11));
    assert!(all.iter().all(|pid| is_stopped(*pid)), "they stay stopped");
    go_on(dir.path());
    let ended = run.ends().exits(0);
    let film = fs::read(dir.path().join("out.mkv")).unwrap();
    ended.expect(film == undisturbed(), "the film");
    let told = pauses(&ended);
    let expected = [
        (true, format!("paused because {why}")),
        (false, format!("going on; it was paused because {why}")),
    ];
    ended.expect(told == expected, "one pause and its end");
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    ended.expect(log.contains(&expected[0].1), "the same in the log");
    let tried_again = ended.stdout.contains("is tried again");
    ended.expect(!tried_again, "no encoder was taken for one that hangs");
}

#[test]
fn a_long_pause_leaves_no_encoder_and_the_run_goes_on_to_the_same_film() {
    let dir = tempfile::tempdir().unwrap();
    let run = pausing(dir.path(), &["--long-pause", "1"]);
    let all = waiting(dir.path());
    fs::write(dir.path().join("pause"), "").unwrap();
    wait_for("all are gone", || {
        all.iter()
            .all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
    });
    let tools = || {
        processes_of(dir.path())
            .iter()
            .map(|p| name(p))
            .collect::<Vec<_>>()
    };
    let encodes = |name: &String| !["av1enc", "ffmpeg", "sh"].contains(&name.as_str());
    assert!(!tools().iter().any(encodes), "{:?}", tools());
    let_go(dir.path());
    go_on(dir.path());
    let ended = run.ends().exits(0);
    let film = fs::read(dir.path().join("out.mkv")).unwrap();
    ended.expect(film == undisturbed(), "the film");
    ended.expect(
        ended.stdout.contains("to be encoded again: 2 chunks"),
        "it says what becomes of them",
    );
    let blames = ["is tried again", "was killed"].map(|text| ended.stdout.contains(text));
    ended.expect(blames == [false; 2], "nobody is blamed for it");
}

#[test]
fn ctrl_c_in_a_pause_ends_it_at_once_and_the_work_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let run = pausing(dir.path(), &["--on-interrupt", "finish"]);
    pause(dir.path());
    run.signal(Signal::SIGINT);
    let _ = run
        .ends()
        .dies_of(Signal::SIGINT)
        .says("the same command goes on");
    nothing_is_left_running(dir.path());
    for rest in ["pause", "lab"] {
        let path = dir.path().join(rest);
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }
    gives_the_film(dir.path(), encode(dir.path()));
}

/// A part of the day that begins in five hours, by UTC.
fn closed_now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let hour = |later: u64| (since.as_secs() / 3600 + later) % 24;
    format!("{:02}:00-{:02}:00", hour(5), hour(7))
}

#[test]
fn outside_its_schedule_it_starts_nothing_and_can_be_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = encode(dir.path()).args(["--schedule", "25:00"]).fails(2);
    let _ = wrong.says("such as 22:00-07:00");
    let schedule = closed_now();
    let run = encode(dir.path())
        .env("TZ", "UTC")
        .args(["--schedule", &schedule, "--log-file", "log"])
        .start();
    let why = format!("paused because it is not the time of --schedule {schedule}, until");
    let run = run.wait_until("it says so", || {
        let log = fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        log.contains(&why)
    });
    let tools = processes_of(dir.path());
    let others: Vec<_> = tools
        .iter()
        .map(|p| name(p))
        .filter(|n| n != "av1enc")
        .collect();
    assert_eq!(others, [""; 0]);
    assert!(!dir.path().join(JOB).exists(), "no job");
    run.signal(Signal::SIGINT);
    let _ = run.ends().dies_of(Signal::SIGINT);
    nothing_is_left_running(dir.path());
}

/// Writes a file of a machine, in a directory that is mounted over its own.
fn put(dir: &Path, file: &str, text: &str) {
    let path = dir.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// An encode on a machine whose `/sys/class` is the directory `class`, and its nodes of memory those in `node`.
fn on_machine(dir: &Path, args: &[&str]) -> Option<Run> {
    let script = "mount --bind class /sys/class; mount --bind node /sys/devices/system/node";
    let run = Run::in_namespace(dir, script)?;
    let run = run.args(["-w", "2", "--preset", "12", "-o", "out.mkv", "--json"]);
    Some(run.args(args).arg(clips::five_scenes()))
}

#[test]
fn an_empty_battery_lets_nothing_begin_and_heat_takes_a_worker_away() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "node/online", "0\n");
    put(dir.path(), "class/power_supply/BAT0/type", "Battery\n");
    put(dir.path(), "class/power_supply/BAT0/capacity", "19\n");
    put(
        dir.path(),
        "class/power_supply/BAT0/status",
        "Discharging\n",
    );
    put(
        dir.path(),
        "class/thermal/thermal_zone0/type",
        "x86_pkg_temp\n",
    );
    let temperature = |text| put(dir.path(), "class/thermal/thermal_zone0/temp", text);
    temperature("50000\n");
    let encoder = gated(dir.path(), "*");
    let args = ["--battery", "20", "--max-temp", "80", "--log-file", "log"];
    let Some(run) = on_machine(dir.path(), &args) else {
        return;
    };
    let run = run.arg("--encoder-path").arg(&encoder).start();
    let said = |text: &str| {
        let log = fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        log.contains(text)
    };
    let run = run.wait_until("it pauses", || said("paused because the battery has 19 %"));
    assert!(!dir.path().join(JOB).exists(), "no job");
    put(dir.path(), "class/power_supply/BAT0/status", "Charging\n");
    let run = run.wait_until("two encoders wait", || waiting(dir.path()).len() == 2);
    temperature("90000\n");
    let stopped = || {
        waiting(dir.path())
            .iter()
            .filter(|pid| is_stopped(**pid))
            .count()
    };
    let run = run.wait_until("one rests", || stopped() == 1);
    let less = "1 worker less: x86_pkg_temp has 90 degrees of --max-temp 80";
    wait_for("status has it", || status(dir.path())["note"] == less);
    assert_eq!(status(dir.path())["state"], "running");
    let_go(dir.path());
    let ended = run.ends().exits(0);
    let film = fs::read(dir.path().join("out.mkv")).unwrap();
    ended.expect(film == undisturbed(), "the film");
    let told: Vec<String> = pauses(&ended)
        .into_iter()
        .map(|(_, message)| message)
        .collect();
    ended.expect(told.len() == 3, "the pause, its end, one worker less");
    let less = "one worker less: x86_pkg_temp has 90 degrees of --max-temp 80";
    ended.expect(told[2] == less, less);
}

#[test]
fn what_cannot_work_on_a_machine_is_said() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "class/x", "");
    put(dir.path(), "node/online", "0\n");
    let Some(run) = on_machine(dir.path(), &["--numa", "interleave", "--dry-run"]) else {
        return;
    };
    // A plan is one object, and nothing else: what is said is in the log.
    let _ = run.args(["--log-file", "log"]).succeeds();
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(
        log.contains("one node of memory, so that --numa has nothing to do"),
        "{log}"
    );
    let mut doctor = Run::in_namespace(
        dir.path(),
        "mount --bind class /sys/class; mount --bind node /sys/devices/system/node; mount --bind class /sys/block",
    )
    .unwrap()
    .args(["doctor", "--numa", "node", "--max-temp", "80"]);
    doctor = doctor.args(["--battery", "20", "--ionice", "idle"]);
    let shown = doctor.succeeds().stdout;
    for lacking in [
        "--numa: this",
        "--max-temp: this",
        "--battery: this",
        "--ionice: no",
    ] {
        assert!(shown.contains(lacking), "{lacking}: {shown}");
    }
}

/// A run with two encoders that wait, on a machine of which it believes that it has two nodes of memory with a processor each.
fn on_two_nodes(dir: &Path, how: &str) -> Option<Started> {
    let two = |cpus: String| cpus.contains("0-");
    if !fs::read_to_string("/sys/devices/system/cpu/online").is_ok_and(two) {
        eprintln!("SKIPPED, nothing is tested here: there is one processor");
        return None;
    }
    put(dir, "class/x", "");
    put(dir, "node/online", "0-1\n");
    put(dir, "node/node0/cpulist", "0\n");
    put(dir, "node/node1/cpulist", "1\n");
    let encoder = gated(dir, "*");
    let run = on_machine(dir, &["--numa", how])?.arg("--encoder-path");
    let run = run.arg(&encoder).start();
    Some(run.wait_until("two encoders wait", || waiting(dir).len() == 2))
}

#[test]
fn encoders_are_kept_on_nodes_of_memory() {
    let dir = tempfile::tempdir().unwrap();
    let Some(run) = on_two_nodes(dir.path(), "node") else {
        return;
    };
    let mut kept: Vec<String> = waiting(dir.path())
        .iter()
        .flat_map(|pid| standings(Path::new(&format!("/proc/{pid}"))))
        .map(|(_, _, processors)| processors)
        .collect();
    kept.sort();
    assert_eq!(kept, ["0", "1"]);
    run.signal(Signal::SIGINT);
    let ended = run.ends().dies_of(Signal::SIGINT);
    let _ = ended.prints("each encoder on one of the nodes 0-1");
}

#[test]
fn memory_is_spread_over_nodes() {
    let dir = tempfile::tempdir().unwrap();
    if !Path::new("/proc/self/numa_maps").exists() {
        eprintln!("SKIPPED, nothing is tested here: the kernel knows no nodes");
        return;
    }
    let Some(run) = on_two_nodes(dir.path(), "interleave") else {
        return;
    };
    for pid in waiting(dir.path()) {
        let maps = fs::read_to_string(format!("/proc/{pid}/numa_maps")).unwrap();
        assert!(maps.contains(" interleave:"), "{maps}");
    }
    run.signal(Signal::SIGINT);
    let ended = run.ends().dies_of(Signal::SIGINT);
    let _ = ended.prints("memory spread over the nodes 0-1");
}
