//! `--history` and `av1enc history`: what came of each film, as lines, as sums and as a page.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, symlink},
    },
    path::{Path, PathBuf},
    process::Command,
};

use av1enc::history::{
    file::History,
    page,
    sum::{Films, Sample, Summary},
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    chance::Chance,
    clips,
    lab::{self, Mount, finished_in, gated, let_go, names, waiting},
    run::{Ended, Run, Started},
};

const HISTORY: &str = "history.jsonl";

/// The lines of a history, each of which is JSON.
fn lines(dir: &Path) -> Vec<Value> {
    let text = fs::read(dir.join(HISTORY)).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}"));
    text.lines().map(read).collect()
}

/// A directory with a film by each of these names.
fn with_films(films: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for film in films {
        symlink(clips::one_scene(), dir.path().join(film)).unwrap();
    }
    dir
}

/// An encode with a history.
fn encode(dir: &Path, film: impl AsRef<OsStr>, args: &[&str]) -> Run {
    let run = Run::fast(dir).arg(film).args(["--history", HISTORY]);
    run.args(args)
}

/// A run that leaves its film alone before it looks into it.
const SKIPS: [&str; 4] = ["--skip", "small", "--min-bytes", "2G"];

fn history(dir: &Path, args: &[&str]) -> Ended {
    Run::bare(dir)
        .args(["history", HISTORY])
        .args(args)
        .succeeds()
}

/// What jq, of which a shell's line is made, prints.
fn type_in(dir: &Path, line: &str) -> String {
    let output = Command::new("sh")
        .args(["-ec", line])
        .current_dir(dir)
        .output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{line}\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_came_of_each_film_is_a_line_which_others_read() {
    let dir = with_films(&["a.mkv", "b.mkv", "d.mkv"]);
    fs::copy(clips::sound_only(), dir.path().join("c.mkv")).unwrap();
    let encoded = encode(dir.path(), "a.mkv", &["--source-class", "remux"]);
    encoded.succeeds();
    encode(dir.path(), "b.mkv", &SKIPS).fails(4);
    encode(dir.path(), "c.mkv", &[]).fails(8);
    encode(dir.path(), "d.mkv", &["--encoder-path", "/bin/false"]).fails(1);
    // Of these, nothing comes: the line is wrong, the output is there, only a plan is wanted.
    encode(dir.path(), "a.mkv", &["--crf", "20"])
        .ends()
        .exits(3);
    encode(dir.path(), "d.mkv", &["-v", "--bogus 1"]).fails(2);
    encode(dir.path(), "d.mkv", &["--dry-run"]).succeeds();
    let lines = lines(dir.path());
    let statuses: Vec<&Value> = lines.iter().map(|line| &line["status"]).collect();
    assert_eq!(statuses, ["Success", "Skipped", "Refused", "Failed"]);
    let codes: Vec<&Value> = lines.iter().map(|line| &line["code"]).collect();
    assert_eq!(codes, [0, 4, 8, 1]);
    assert!(
        lines[1]["reason"]
            .as_str()
            .unwrap()
            .contains("--min-bytes wants")
    );
    assert!(lines[2]["reason"].as_str().unwrap().contains("no video"));

    let whole = dir.path().canonicalize().unwrap();
    let (film, output) = (whole.join("a.mkv"), whole.join("a.av1.mkv"));
    let bytes = |path: &Path| fs::metadata(path).unwrap().len();
    for (field, expected) in [
        ("version", json!(1)),
        ("source_path", json!(film)),
        ("output_path", json!(output)),
        ("codec", json!("h264")),
        ("video_width", json!(192)),
        ("video_height", json!(108)),
        ("resolution", json!("SD")),
        ("hdr", json!("SDR")),
        ("class", json!("remux")),
        ("original_bytes", json!(bytes(&film))),
        ("new_bytes", json!(bytes(&output))),
        ("frames", json!(48)),
        ("reason", Value::Null),
    ] {
        assert_eq!(lines[0][field], expected, "{field} of {}", lines[0]);
    }
    assert_eq!(lines[0]["settings"]["crf"], 18);
    assert_eq!(lines[0]["settings"]["preset"], 12);
    assert!(lines[0]["encoder"].as_str().unwrap().contains("SVT-AV1"));
    assert!(lines[0]["fps"].as_f64().unwrap() > 0.0);
    assert!(lines[0]["bitrate"].as_u64().unwrap() > 1000);
    assert_eq!(
        lines[0]["host"].as_str().unwrap(),
        type_in(&whole, "uname -n").trim()
    );
    is_read_by_the_tuning_guide(&whole, [bytes(&film), bytes(&output)]);
    is_summed_up(&whole);
}

/// The guide's three lines, word by word but for the name of the file.
fn is_read_by_the_tuning_guide(dir: &Path, [before, after]: [u64; 2]) {
    let times = r#"jq -r 'select(.status == "Success") | "\(.video_height) \(.finished_at) \(.started_at)"' history.jsonl"#;
    let printed = type_in(dir, times);
    let [height, ended, began] = printed.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{printed}");
    };
    assert!(
        height == "108" && began <= ended && ended.len() == 20,
        "{printed}"
    );
    // Their difference is a time.
    let seconds = r#"jq 'select(.status == "Success") | (.finished_at | fromdate) - (.started_at | fromdate)' history.jsonl"#;
    assert!(type_in(dir, seconds).trim().parse::<u64>().unwrap() < 120);
    let ratio = r#"jq -r 'select(.status == "Success") | (.new_bytes / .original_bytes)' history.jsonl | awk '{sum+=$1; count++} END {print sum/count}'"#;
    let ratio: f64 = type_in(dir, ratio).trim().parse().unwrap();
    assert!(
        (ratio - after as f64 / before as f64).abs() < 0.001,
        "{ratio}"
    );
    let saved = r#"jq -r 'select(.status == "Success") | (.original_bytes - .new_bytes)' history.jsonl | awk '{sum+=$1} END {print sum/1024/1024/1024 " GB"}'"#;
    let saved = type_in(dir, saved);
    let saved: f64 = saved.trim().strip_suffix(" GB").unwrap().parse().unwrap();
    let expected = (before as f64 - after as f64) / f64::from(1 << 30);
    assert!((saved - expected).abs() < 1e-9, "{saved} {expected}");
}

fn is_summed_up(dir: &Path) {
    let told = history(dir, &[])
        .prints("1 film encoded: ")
        .prints("\nremux  SD        1 ")
        .prints("\nh264        1 ")
        .prints("1 film skipped\n  1  has 59.9 kB, and --min-bytes wants 2.1 GB (")
        .prints("1 film refused\n  1  has no video to encode (aac audio) (")
        .prints("1 film failed\n  1  this machine lacks what an encode needs: ");
    told.expect(told.stderr.is_empty(), "no word of an error");
    let sums: Value = serde_json::from_str(&history(dir, &["--json"]).stdout).unwrap();
    assert_eq!(sums["total"]["films"], 1);
    assert_eq!(sums["by_class"][0]["of"], json!(["remux", "SD"]));
    assert_eq!(sums["skipped"][0]["films"], 1);
    let sample = history(dir, &["--sample", "5", "--seed", "7"]);
    let _ = sample
        .prints("1 film to look at, by chance (the same again: --seed 7)\n")
        .prints("a.av1.mkv (");
}

#[test]
fn films_that_wait_or_miss_their_size_have_a_status_of_their_own() {
    let dir = with_films(&["a.mkv"]);
    let all = [
        (&["--test-clip=1s"][..], 5, "Waiting", "waits for approval"),
        (&["--target-size", "2K"][..], 7, "Missed", "out of reach"),
    ];
    for (args, code, status, reason) in Chance::of(1).some(all) {
        encode(dir.path(), "a.mkv", args).ends().exits(code);
        let line = lines(dir.path()).pop().unwrap();
        assert_eq!(
            (&line["status"], &line["code"]),
            (&json!(status), &json!(code))
        );
        assert!(line["reason"].as_str().unwrap().contains(reason), "{line}");
        assert!(line["new_bytes"].is_null(), "{line}");
        assert_eq!(line["settings"]["preset"], 12);
    }
}

#[test]
fn a_run_that_is_stopped_has_no_line_and_one_that_goes_on_has_no_speed() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = gated(dir.path(), "00003");
    let run = || lab::encode_with(dir.path(), &encoder).args(["--history", HISTORY, "--keep"]);
    let job = dir.path().join(lab::JOB);
    let started = run().start().wait_until("a chunk is finished", || {
        finished_in(&job) > 0 && !waiting(dir.path()).is_empty()
    });
    started.signal(Signal::SIGINT);
    started.ends().dies_of(Signal::SIGINT);
    assert!(!dir.path().join(HISTORY).exists());
    let_go(dir.path());
    run().succeeds();
    let first = lines(dir.path());
    assert_eq!((first.len(), &first[0]["status"]), (1, &json!("Success")));
    assert!(first[0]["fps"].is_null() && first[0]["frames"] == lab::FRAMES);
    // Who finds the output finished tells of it if nobody has, since an earlier run may have been killed before.
    run().succeeds();
    assert_eq!(lines(dir.path()), first);
    fs::remove_file(dir.path().join(HISTORY)).unwrap();
    run().succeeds();
    let told = lines(dir.path());
    for field in [
        "status",
        "source_path",
        "original_bytes",
        "new_bytes",
        "codec",
        "encoder",
    ] {
        assert_eq!(told[0][field], first[0][field], "{field}");
    }
}

#[test]
fn a_replacement_that_is_found_finished_is_told_with_what_its_original_was() {
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("a.mkv");
    fs::copy(clips::one_scene(), &film).unwrap();
    let run = || encode(dir.path(), "a.mkv", &["--replace", "--keep"]);
    run().succeeds();
    let first = lines(dir.path());
    let sizes = [clips::one_scene(), film].map(|film| fs::metadata(film).unwrap().len());
    assert_eq!([&first[0]["original_bytes"], &first[0]["new_bytes"]], sizes);
    // Its run may have been killed before it told of it, and what is there now is the output.
    fs::remove_file(dir.path().join(HISTORY)).unwrap();
    run().succeeds().says("is finished: an earlier run");
    let told = lines(dir.path());
    for field in [
        "status",
        "original_bytes",
        "new_bytes",
        "codec",
        "resolution",
        "encoder",
    ] {
        assert_eq!(told[0][field], first[0][field], "{field}");
    }
}

#[test]
fn many_runs_at_once_write_whole_lines_each_of_its_own_film() {
    let dir = tempfile::tempdir().unwrap();
    // Long names of any bytes.
    let name = |n: u32| {
        [
            format!("{n:02}").as_bytes(),
            b"\xff'\"\n\x1b[2J<b>",
            &[b'x'; 200],
            b".mkv",
        ]
        .concat()
    };
    let films: Vec<PathBuf> = (0..16)
        .map(|n| {
            dir.path()
                .canonicalize()
                .unwrap()
                .join(OsStr::from_bytes(&name(n)))
        })
        .collect();
    for film in &films {
        symlink(clips::one_scene(), film).unwrap();
    }
    let runs: Vec<Started> = films
        .iter()
        .map(|film| encode(dir.path(), film, &SKIPS).start())
        .collect();
    for run in runs {
        run.ends().exits(4);
    }
    let lines = lines(dir.path());
    let bytes = |line: &Value| -> Vec<u8> {
        serde_json::from_value(line["source_path_bytes"].clone()).unwrap()
    };
    let mut told: Vec<Vec<u8>> = lines.iter().map(bytes).collect();
    told.sort();
    let expected: Vec<&[u8]> = films
        .iter()
        .map(|film| film.as_os_str().as_bytes())
        .collect();
    assert_eq!(told, expected);
    let text = lines[0]["source_path"].as_str().unwrap();
    assert!(text.contains("\u{fffd}'\"\n\u{1b}[2J<b>xxx"), "{text:?}");
    let shown = history(dir.path(), &[]).prints("16 films skipped\n  16  has N kB, and");
    shown.expect(
        !shown.stdout.contains('\u{1b}'),
        "nothing that moves a cursor",
    );
}

/// Whether a run has its history open.
fn has_open(run: i32, file: &Path) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{run}/fd")) else {
        return false;
    };
    let file = file.canonicalize().ok();
    open.flatten()
        .any(|fd| fs::read_link(fd.path()).ok() == file)
}

#[test]
fn a_file_that_somebody_has_locked_is_waited_for_and_a_cut_line_is_ended() {
    let dir = with_films(&["a.mkv"]);
    let path = dir.path().join(HISTORY);
    let cut = "{\"version\":1,\"status\":\"Succ";
    fs::write(&path, cut).unwrap();
    let file = File::open(&path).unwrap();
    file.lock().unwrap();
    let run = encode(dir.path(), "a.mkv", &SKIPS).start();
    let number = run.number();
    let run = run.wait_until("it has the history open", || has_open(number, &path));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        cut,
        "nothing is written meanwhile"
    );
    drop(file);
    run.ends().exits(4);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    let _ = history(dir.path(), &[])
        .prints("1 film skipped")
        .prints("1 line is none of a history, and is passed over");
}

#[test]
fn a_history_on_a_full_disk_waits_for_room_and_fails_no_film() {
    let dir = with_films(&["a.mkv"]);
    let Some(disk) = Mount::tmpfs(dir.path().join("disk"), 1) else {
        return;
    };
    let path = disk.path().join("h.jsonl");
    // There is room for a part of the next line.
    let before = format!("{}\n", "{".repeat(4096 - 101));
    fs::write(&path, &before).unwrap();
    disk.fill(0);
    let run = |patience: &str| {
        let run = Run::fast(dir.path()).arg("a.mkv").args(SKIPS);
        run.arg("--history")
            .arg(&path)
            .args(["--disk-timeout", patience])
    };
    let failed = run("0").ends().exits(4);
    let _ = failed
        .says("warning: --history has no line of ")
        .says("skipped: ");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        before,
        "no part of a line"
    );
    // What was written of the line, and is taken back, leaves a time.
    let tried = || {
        fs::metadata(&path)
            .map(|it| (it.ctime(), it.ctime_nsec()))
            .unwrap()
    };
    let before = tried();
    let started = run("60").start();
    let started = started.wait_until("it has tried", || tried() != before);
    disk.clear();
    started.ends().exits(4);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
}

#[test]
fn a_history_that_cannot_be_written_is_a_warning_and_a_film_is_none() {
    let dir = with_films(&["a.mkv"]);
    let film = fs::read(clips::mp4()).unwrap();
    fs::write(dir.path().join("another.mkv"), &film).unwrap();
    let run = |file: &str| {
        let run = Run::fast(dir.path()).arg("a.mkv").args(SKIPS);
        run.args(["--history", file])
    };
    for (file, says) in [
        ("gone/h.jsonl", "No such file or directory"),
        (".", "Is a directory"),
        ("another.mkv", "it is no history: name another file"),
    ] {
        run(file)
            .fails(4)
            .says("warning: --history has no line of ")
            .says(says);
    }
    assert!(fs::read(dir.path().join("another.mkv")).unwrap() == film);
    run("a.mkv")
        .fails(2)
        .says("/a.mkv: that is a film; name another file");
    let missing = Run::bare(dir.path())
        .args(["history", "gone.jsonl"])
        .fails(1);
    let _ = missing
        .says("there is no history gone.jsonl: an encode with --history gone.jsonl makes it");
    fs::write(dir.path().join(HISTORY), "").unwrap();
    let _ = history(dir.path(), &[]).prints("no film is encoded yet");
    let page = Run::bare(dir.path()).args(["history", HISTORY, "--html", "a.mkv"]);
    page.fails(3)
        .says("a.mkv is there, and is no page of av1enc");
    for _ in 0..2 {
        let written = history(dir.path(), &["--html", "page.html"]);
        written.expect(written.stdout.is_empty(), "only the page");
    }
    assert_eq!(
        names(dir.path()),
        ["a.mkv", "another.mkv", HISTORY, "page.html"]
    );
}

#[test]
fn settings_may_name_the_history() {
    let dir = with_films(&["a.mkv"]);
    fs::write(dir.path().join("my.toml"), "history = 'history.jsonl'\n").unwrap();
    let run = Run::fast(dir.path()).arg("a.mkv").args(SKIPS);
    run.args(["--config", "my.toml"]).ends().exits(4);
    assert_eq!(lines(dir.path())[0]["settings"]["min-bytes"], "2G");
}

/// A line as a run may have written it: in this minute, in this status, of a source in this codec and of these sizes.
fn line(film: &str, minute: u32, status: &str, codec: &str, sizes: [Option<u64>; 2]) -> String {
    let [before, after] = sizes;
    let moment = format!("2026-11-{:02}T01:{:02}:00Z", 1 + minute / 60, minute % 60);
    let reason = (status != "Success").then_some("a <b>reason</b>; & more");
    let line = json!({
        "version": 1, "status": status, "code": 0, "source_path": film, "output_path": format!("/out{film}"),
        "host": "h", "encoder": "SVT-AV1", "codec": codec, "bitrate": 1, "video_width": 1920, "video_height": 1080,
        "resolution": "1080p", "hdr": "SDR", "class": "web", "settings": {"crf": 26, "preset": 5},
        "original_bytes": before, "new_bytes": after, "started_at": moment, "finished_at": moment,
        "frames": 1000, "fps": 20.5, "reason": reason,
    });
    format!("{line}\n")
}

/// Films whose names are hostile to a page, and some of every status.
fn hostile() -> String {
    [
        line(
            "/f/large.mkv",
            1,
            "Success",
            "h264",
            [Some(9_000), Some(3_000)],
        ),
        line(
            "/f/<img src=x onerror=alert(1)>.mkv",
            2,
            "Success",
            "hevc",
            [Some(8_000), Some(6_000)],
        ),
        line(
            "/f/</script><script>alert(1)</script>.mkv",
            3,
            "Success",
            "hevc",
            [Some(7_000), Some(2_000)],
        ),
        line(
            "/f/grown \u{202e}\"'&amp;.mkv",
            4,
            "Success",
            "mpeg2video",
            [Some(100), Some(300)],
        ),
        line("/f/{data}.mkv", 5, "Skipped", "hevc", [Some(5_000), None]),
        line("/f/failed.mkv", 6, "Failed", "vc1", [None, None]),
    ]
    .concat()
}

#[test]
fn lines_of_a_history_may_be_anything() {
    let most = Some(u64::MAX);
    let good = [
        hostile(),
        line("/f/x.mkv", 7, "Success", "h264", [most, Some(0)]),
        line("/f/y.mkv", 8, "Success", "h264", [Some(0), most]).replace("20.5", "1e-300"),
        line("/f/z.mkv", 9, "Success", "h264", [most, most]).replace("20.5", "1e308"),
    ]
    .concat();
    let mut chance = Chance::of(300);
    for round in 0..chance.rounds {
        let mut bytes = good.clone().into_bytes();
        if round > 0 {
            lab::mutate(&mut bytes, &mut chance.random);
        }
        let read = History::of(&bytes);
        let known = read.records.len() as u64 + read.unreadable + read.later;
        assert!(known > 0 || bytes.trim_ascii().is_empty());
        let films = Films::of(vec![read]);
        let sample = Sample::of(&films, 5, round as u64);
        let summary = Summary::of(&films, Some(sample));
        serde_json::to_string(&summary).unwrap();
        let told = av1enc::ui::history::told(&summary);
        assert!(!told.contains(|c: char| c.is_control() && c != '\n'));
        assert_eq!(page::of(&films).unwrap().matches("<script").count(), 2);
    }
}

/// A browser, if there is one, and a loud word else.
fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    let names = [
        "chromium-headless-shell",
        "chromium",
        "chromium-browser",
        "google-chrome",
    ];
    let found = names.iter().find_map(|name| {
        let mut places = std::env::split_paths(&path).map(|dir| dir.join(name));
        places.find(|place| place.is_file())
    });
    if found.is_none() {
        eprintln!(
            "SKIPPED, no page is opened here: there is no Chromium, which ./setup test installs on Debian"
        );
    }
    found
}

/// What a browser makes of the page in `dir` at this fragment of its address.
fn opened(browser: &Path, dir: &Path, fragment: &str) -> String {
    let dir = dir.canonicalize().unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}/profile", dir.display()))
        .arg(format!("file://{}/page.html#{fragment}", dir.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // That is how a browser tells of what a script did wrong, and of what the page's policy has forbidden.
    assert!(!said.contains("CONSOLE"), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names in the page's list.
fn listed(dom: &str) -> Vec<&str> {
    let rows = dom.split("<td class=\"name\"><bdi>").skip(1);
    rows.map(|row| row.split("</bdi>").next().unwrap())
        .collect()
}

#[test]
fn a_browser_opens_the_page_and_sorts_and_filters_by_its_address() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(HISTORY), hostile()).unwrap();
    let page = history(dir.path(), &["--html", "-"]).stdout;
    for elsewhere in ["src=", "href=", "url(", "@import", "fetch("] {
        let ours = page.split("type=\"application/json\"").next().unwrap();
        assert!(!ours.contains(elsewhere), "{elsewhere}");
    }
    fs::write(dir.path().join("page.html"), page).unwrap();
    let Some(browser) = browser() else { return };
    let dom = opened(&browser, dir.path(), "sort=saved&filter=HEVC");
    assert_eq!(
        listed(&dom),
        [
            "script&gt;.mkv",
            "&lt;img src=x onerror=alert(1)&gt;.mkv",
            "{data}.mkv"
        ]
    );
    for text in [
        "7.0 kB",
        "46.7 %",
        "of 3 films encoded",
        "a &lt;b&gt;reason&lt;/b&gt;; &amp; more",
    ] {
        assert!(dom.contains(text), "{text:?} in {dom}");
    }
    let dom = opened(&browser, dir.path(), "sort=before&dir=asc&status=Success");
    let grown = "grown \u{202e}\"'&amp;amp;.mkv";
    assert_eq!((listed(&dom).len(), listed(&dom)[0]), (4, grown));
    assert!(dom.contains("<circle") && dom.contains("−200 B"), "{dom}");
    assert!(!dom.contains("<img"), "{dom}");
}
