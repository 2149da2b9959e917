//! What is decided for a film, by which table and by whose word, and when it is left as it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use serde_json::Value;
use tempfile::TempDir;

use crate::{check::File, clips, lab::names, run::Run};

/// A directory with a film in H.264 whose name says that it is from the web.
fn with_film() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("a.WEB-DL.mkv");
    fs::copy(clips::one_scene(), &film).unwrap();
    (dir, film)
}

/// A directory with a film in AV1.
fn with_av1() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=192x108:r=25",
        "-frames:v",
        "12",
    ];
    let encoder = ["-c:v", "libaom-av1", "-cpu-used", "8", "a.mkv"];
    clips::ffmpeg(dir.path(), &[source.as_slice(), &encoder].concat());
    dir
}

/// The plan for a film.
fn plan(dir: &Path, film: &str, args: &[&str]) -> Value {
    let run = Run::bare(dir).arg(film).args(args);
    let run = run.args(["--dry-run", "--json"]).succeeds();
    serde_json::from_str(&run.stdout).unwrap()
}

/// What an option is set to in a plan, by whom, and where that stands.
fn setting<'a>(plan: &'a Value, name: &str) -> [&'a str; 3] {
    let settings = plan["settings"].as_array().unwrap();
    let setting = settings.iter().find(|setting| setting["name"] == name);
    let setting = setting.unwrap_or_else(|| panic!("no {name} in {plan}"));
    ["value", "from", "at"].map(|key| setting[key].as_str().unwrap_or_default())
}

#[test]
fn a_bare_run_says_that_everything_is_built_in() {
    let (dir, _) = with_film();
    let plan = plan(dir.path(), "a.WEB-DL.mkv", &[]);
    assert!(plan["class"].is_null());
    assert_eq!(setting(&plan, "crf"), ["28", "built-in", ""]);
    assert_eq!(setting(&plan, "preset"), ["6", "built-in", ""]);
    assert_eq!(setting(&plan, "source-class"), ["off", "built-in", ""]);
    assert_eq!(plan["recipe"]["bit_depth"], 10);
}

#[test]
fn a_class_decides_says_why_and_is_overruled_one_by_one() {
    let (dir, _) = with_film();
    let auto = ["--source-class", "auto", "--preset", "9"];
    let plan = plan(dir.path(), "a.WEB-DL.mkv", &auto);
    assert_eq!(plan["class"]["class"], "web");
    assert!(plan["class"]["confidence"].as_f64().unwrap() > 0.5);
    let reasons = plan["class"]["reasons"].to_string();
    assert!(reasons.contains("the name has WEB-DL"), "{reasons}");
    assert_eq!(setting(&plan, "crf"), ["26", "table", "class.web.crf, SD"]);
    assert_eq!(setting(&plan, "preset"), ["9", "line", ""]);
    let run = Run::bare(dir.path()).arg("a.WEB-DL.mkv").args(auto);
    run.arg("--dry-run")
        .succeeds()
        .prints("class    web (")
        .prints("setting  --crf 26, by table class.web.crf, SD")
        .prints("setting  --preset 9, as typed");
}

#[test]
fn what_a_class_decides_is_encoded_and_told() {
    let (dir, _) = with_film();
    let run = Run::encode(dir.path(), "a.WEB-DL.mkv", "out.mkv");
    let run = run.args(["--source-class", "remux", "--json"]).succeeds();
    let events = run.events();
    let decided = events.iter().find(|event| event["event"] == "decided");
    let decided = decided.expect("an event that says what was decided");
    assert_eq!(decided["class"], "remux");
    assert_eq!(setting(decided, "crf")[..2], ["18", "table"]);
    assert_eq!(setting(decided, "film-grain")[..2], ["8", "table"]);
    assert_eq!(File::open(&dir.path().join("out.mkv")).decoded(), 48);
}

#[test]
fn auto_keeps_the_depth_of_the_source() {
    let (dir, _) = with_film();
    let depth = |film: &str| {
        plan(dir.path(), film, &["--pix-format", "auto"])["recipe"]["bit_depth"].clone()
    };
    assert_eq!(depth("a.WEB-DL.mkv"), 8);
    assert_eq!(depth(clips::hdr10().to_str().unwrap()), 10);
}

#[test]
fn settings_come_in_layers() {
    let (dir, _) = with_film();
    let film = "a.WEB-DL.mkv";
    let text = "crf = 31\npreset = 9\nsource-class = 'remux'\nskip = ['none']\n\nvideo-params = '--film-grain 4'\n";
    fs::create_dir(dir.path().join("av1enc")).unwrap();
    fs::write(dir.path().join("av1enc/config.toml"), text).unwrap();
    let with = |args: &[&str]| {
        let run = Run::bare(dir.path()).arg(film).args(args);
        let run = run.args(["--dry-run", "--json", "-m", "linear"]);
        let run = run.without_env("AV1ENC_CONFIG");
        let run = run.env("XDG_CONFIG_HOME", dir.path().canonicalize().unwrap());
        let run = run.env("AV1ENC_FFPROBE", "ffprobe").succeeds();
        serde_json::from_str::<Value>(&run.stdout).unwrap()
    };
    let layered = with(&["--crf", "20"]);
    assert_eq!(setting(&layered, "crf")[..2], ["20", "line"]);
    let [preset, from, at] = setting(&layered, "preset");
    assert_eq!([preset, from], ["9", "config"]);
    assert!(at.ends_with("av1enc/config.toml, line 2"), "{at}");
    assert_eq!(setting(&layered, "film-grain")[..2], ["4", "config"]);
    assert_eq!(setting(&layered, "source-class")[..2], ["remux", "config"]);
    assert_eq!(
        setting(&layered, "ffprobe"),
        ["ffprobe", "environment", "AV1ENC_FFPROBE"]
    );
    assert_eq!(layered["recipe"]["quality"]["crf"], 20.0);
    // What is typed for the encoder is typed as well.
    let params = with(&["-v", "--crf 22"]);
    assert_eq!(setting(&params, "crf")[..2], ["22", "line"]);
    let none = with(&["--no-config"]);
    assert_eq!(setting(&none, "crf")[..2], ["28", "built-in"]);
}

#[test]
fn what_is_wrong_with_settings_is_said_with_file_line_and_key() {
    let (dir, _) = with_film();
    for (text, says) in [
        (
            "\ncfr = 3",
            "my.toml, line 2: cfr: av1enc has no such option",
        ),
        (
            "preset = 'slow'",
            "my.toml, line 1: preset: --preset slow: a whole number",
        ),
        ("\n\ncrf = 28.1", "my.toml, line 3: --crf 28.1: "),
        (
            "output = 'b.mkv'",
            "my.toml, line 1: output: it is about one film",
        ),
    ] {
        fs::write(dir.path().join("my.toml"), text).unwrap();
        let run = Run::bare(dir.path()).arg("a.WEB-DL.mkv");
        let refused = run.args(["--config", "my.toml"]).fails(2);
        refused.expect(refused.stderr.lines().count() == 1, "one error");
        refused.says(says);
    }
    let run = Run::bare(dir.path()).arg("a.WEB-DL.mkv");
    run.args(["--config", "none.toml"])
        .fails(2)
        .says("--no-config reads none");
}

#[test]
fn tables_are_printed_changed_and_taken() {
    let (dir, _) = with_film();
    let film = "a.WEB-DL.mkv";
    let run = Run::bare(dir.path()).arg(film);
    run.args(["--tables", "tables.toml"])
        .fails(2)
        .says("`av1enc tables > tables.toml` writes a file to begin with");
    let printed = Run::bare(dir.path()).arg("tables").succeeds().stdout;
    let changed = printed.replace("{ SD = 25, 720p = 24,", "{ SD = 15, 720p = 24,");
    assert_ne!(printed, changed);
    fs::write(dir.path().join("tables.toml"), &changed).unwrap();
    let args = [
        "--tables",
        "tables.toml",
        "--crf-table",
        "size",
        "--tier",
        "archive",
    ];
    let plan = plan(dir.path(), film, &args);
    assert_eq!(
        setting(&plan, "crf"),
        ["13", "table", "size.crf, SD, tier.archive of tables.toml"]
    );
    assert_eq!(setting(&plan, "preset")[..2], ["3", "table"]);

    let lacking = printed.replace("{ SD = 25, 720p = 24,", "{ SD = 25,");
    let line = 1 + lacking
        .lines()
        .position(|line| line.contains("SD = 25"))
        .unwrap();
    fs::write(dir.path().join("tables.toml"), &lacking).unwrap();
    let says = format!(
        "--tables {}/tables.toml, line {line}: size.crf: no value for 720p",
        dir.path().canonicalize().unwrap().display()
    );
    let run = Run::bare(dir.path()).arg(film);
    run.args(["--tables", "tables.toml"]).fails(2).says(&says);
}

#[test]
fn a_film_in_av1_is_encoded_by_hand_and_left_alone_by_rule() {
    let dir = with_av1();
    let dry = |args: &[&str]| {
        Run::fast(dir.path())
            .arg("a.mkv")
            .args(args)
            .arg("--dry-run")
    };
    dry(&[])
        .succeeds()
        .prints("--skip av1 leaves such films alone");
    let says = "a.mkv is AV1 already; --force-reencode encodes it all the same";
    let rule = ["--skip", "av1", "--log-file", "log"];
    let left = dry(&rule).ends().exits(4).says(says);
    left.expect(left.stderr.lines().count() == 1, "one line");
    let log = dir.path().join("log");
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 1);
    fs::remove_file(log).unwrap();
    dry(&["--source-class", "auto", "--force-reencode"]).succeeds();

    let skipped = Run::fast(dir.path())
        .args(["a.mkv", "--source-class", "auto"])
        .args(["--why", "--json"]);
    let skipped = skipped.ends().exits(4);
    let last = skipped.events().pop().unwrap();
    assert_eq!(
        (&last["event"], &last["code"], &last["kind"]),
        (&"skipped".into(), &4.into(), &"worthless".into())
    );
    let why = dir.path().join("a.mkv.why.txt");
    let text = fs::read_to_string(&why).unwrap();
    assert!(
        text.starts_with("av1enc: skipped\n") && text.contains("AV1 already"),
        "{text}"
    );
    assert_eq!(names(dir.path()), ["a.mkv", "a.mkv.why.txt"]);
    // A success takes it away.
    let run = Run::encode(dir.path(), "a.mkv", "out.mkv").arg("--why");
    run.succeeds();
    assert!(!why.exists());
}

#[test]
fn a_clean_film_of_the_web_is_left_alone_and_one_of_a_disc_is_not() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.WEB-DL.mkv", "b.REMUX.mkv"] {
        fs::copy(clips::hdr10(), dir.path().join(name)).unwrap();
    }
    let dry =
        |film: &str, args: &[&str]| Run::fast(dir.path()).arg(film).args(args).arg("--dry-run");
    let auto = ["--source-class", "auto"];
    let says = "a.WEB-DL.mkv is of the web and in hevc already; --force-reencode encodes it";
    dry("a.WEB-DL.mkv", &auto).fails(4).says(says);
    dry(
        "a.WEB-DL.mkv",
        &["--source-class", "auto", "--force-reencode"],
    )
    .succeeds();
    dry("a.WEB-DL.mkv", &[]).succeeds();
    dry("b.REMUX.mkv", &auto)
        .succeeds()
        .prints("class    remux");
}

#[test]
fn what_the_file_shows_leaves_a_film_alone_before_anything_is_read() {
    let (dir, film) = with_film();
    for name in ["b.orig.mkv", "b.clip.mkv", "b.av1.mkv"] {
        fs::copy(&film, dir.path().join(name)).unwrap();
    }
    let run = |film: &str, args: &[&str]| {
        let run = Run::fast(dir.path()).arg(film).args(args);
        run.args(["--source-class", "auto", "--dry-run"])
    };
    let before = names(dir.path());
    for (name, says) in [
        ("b.orig.mkv", "is a kept original by its name"),
        ("b.clip.mkv", "is a test clip by its name"),
        ("b.av1.mkv", "is av1enc's own output by its name"),
    ] {
        let skipped = run(name, &[]).fails(4).says(says);
        skipped.expect(skipped.stderr.lines().count() == 1, "one line");
        skipped.expect(skipped.stdout.is_empty(), "nothing else");
    }
    run("b.orig.mkv", &["--skip", "none"]).succeeds();
    let film = "a.WEB-DL.mkv";
    run(film, &["--stable-secs", "3600"])
        .fails(4)
        .says("is left alone until that was 3600 s ago");
    run(film, &["--min-bytes", "2G"])
        .fails(4)
        .says("--min-bytes wants 2");
    run(film, &["--skip", "small", "--min-bytes", "2G"]).fails(4);
    assert_eq!(names(dir.path()), before);
    // What is no file is neither small nor being copied.
    let pipe = dir.path().join("pipe.mkv");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let rules = ["--min-bytes", "2G", "--stable-secs", "3600"];
    run("pipe.mkv", &rules)
        .fails(8)
        .says("is not a regular file");
    fs::remove_file(pipe).unwrap();
    for mark in ["a.WEB-DL.mkv.av1skip", "a.WEB-DL.av1skip"] {
        let mark = dir.path().join(mark);
        fs::write(&mark, "").unwrap();
        run(film, &[])
            .fails(4)
            .says("is beside it; remove that to encode it");
        fs::remove_file(mark).unwrap();
    }
    run(film, &[]).succeeds();
}

#[test]
fn why_a_film_failed_is_written_beside_it_and_nobody_elses_file_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::sound_only(), dir.path().join("a.mkv")).unwrap();
    let why = dir.path().join("a.mkv.why.txt");
    let failed = || {
        let run = Run::encode(dir.path(), "a.mkv", "out.mkv").arg("--why");
        run.ends().exits(8)
    };
    failed();
    let text = fs::read_to_string(&why).unwrap();
    assert!(
        text.starts_with("av1enc: failed\n") && text.contains("no video"),
        "{text}"
    );
    fs::write(&why, "my own").unwrap();
    failed().says("is somebody else's file, and stays: rename it");
    assert_eq!(fs::read_to_string(&why).unwrap(), "my own");
}
