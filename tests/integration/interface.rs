//! What is printed where, and what exit codes mean.

use std::{
    fs::{self, File},
    io::{Read, Write},
    num::NonZero,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use nix::{
    pty::{OpenptyResult as Pty, Winsize, openpty},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{check, clips, run::Run};

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::hdr10(), "out.mkv")
        .arg("--dry-run")
        .succeeds();
    for part in [
        "SvtAv1EncApp",
        "--crf 28",
        "workers  2",
        "bt2020/smpte2084",
        "HDR10",
        "1 video track, 1 sound track (copied), 0 subtitle tracks",
    ] {
        run.expect(run.stdout.contains(part), &format!("{part:?} in the plan"));
    }
    run.expect(
        fs::read_dir(dir.path()).unwrap().next().is_none(),
        "an empty directory",
    );
}

#[test]
fn at_a_terminal_that_moves_no_cursor_progress_comes_in_lines() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::one_scene(), "out.mkv").env("TERM", "dumb");
    let (text, status) = at_a_terminal(run);
    assert!(status.success(), "{text}");
    assert!(!text.contains('\u{1b}'), "no escapes: {text:?}");
    let told = text
        .lines()
        .any(|line| line.starts_with("Encoding ") && line.contains("frames, "));
    assert!(told, "{text}");
}

#[test]
fn the_bar_has_signs_of_the_users_locale() {
    for (locale, is_ascii) in [("C", true), ("C.UTF-8", false)] {
        let dir = tempfile::tempdir().unwrap();
        let run = Run::encode(dir.path(), clips::one_scene(), "out.mkv");
        let run = run.env("TERM", "xterm").env("LC_ALL", locale);
        let (text, status) = at_a_terminal(run);
        assert!(status.success(), "{text}");
        assert!(
            text.contains(if is_ascii { "---" } else { "───" }),
            "a bar: {text:?}"
        );
        assert_eq!(text.is_ascii(), is_ascii, "{text:?}");
    }
}

#[test]
fn an_encode_begins_with_what_it_will_do_and_says_what_it_expects() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let run = Run::encode(dir.path(), clips::film(), "out.mkv")
        .arg("--log-file")
        .arg(&log)
        .succeeds();
    let log = fs::read_to_string(log).unwrap();
    for text in [&run.stderr, &log] {
        let begins = |word: &str| text.lines().filter(|line| line.starts_with(word)).count();
        for word in ["source   ", "encode   ", "expect   about "] {
            assert_eq!(begins(word), 1, "{word:?} in {text}");
        }
        let at = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("{part:?} in {text}"))
        };
        assert!(at("source   ") < at("Encoding"), "{text}");
        for part in [
            "h264 320x180, ",
            " fps, ",
            " frames, SDR, ",
            "1 sound track",
        ] {
            run.expect(text.contains(part), &format!("{part:?} of the source"));
        }
        for part in [
            "CRF 28, preset 12, 10 bit; 2 workers with --lp 1: ",
            "asked for",
        ] {
            run.expect(text.contains(part), &format!("{part:?} of the encode"));
        }
        let steps: Vec<u64> = text
            .lines()
            .filter_map(|line| {
                line.strip_prefix("Encoding ")?
                    .split_once(" %: ")?
                    .0
                    .parse()
                    .ok()
            })
            .collect();
        assert!(
            steps.iter().all(|step| step % 5 == 0) && steps.is_sorted(),
            "{steps:?}"
        );
        assert_eq!(steps.last(), Some(&100), "{text}");
    }
}

#[test]
fn progress_is_shown_as_it_is_wanted() {
    let shown = |how: &str| {
        let dir = tempfile::tempdir().unwrap();
        let run = Run::encode(dir.path(), clips::one_scene(), "out.mkv");
        run.args(["--progress", how]).succeeds().stderr
    };
    let [bar, lines, none] = ["bar", "lines", "none"].map(shown);
    assert!(
        bar.contains('\u{1b}') && bar.contains("Encoding"),
        "{bar:?}"
    );
    assert!(
        !lines.contains('\u{1b}') && lines.contains("\nEncoding "),
        "{lines}"
    );
    assert!(
        !none.contains("Encoding") && none.contains("encode   "),
        "{none}"
    );
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::one_scene(), "out.mkv").env("TERM", "xterm");
    let (text, status) = at_a_terminal(run.args(["--progress", "lines"]));
    assert!(status.success() && !text.contains('\u{1b}'), "{text:?}");
    let run = Run::encode(dir.path(), clips::one_scene(), "other.mkv");
    let refused = run.args(["--json", "--progress", "bar"]).fails(2);
    refused.expect(refused.stderr.contains("--progress"), "what does not fit");
}

#[test]
fn one_worker_is_one_worker_while_a_chunk_ends_and_the_next_begins() {
    let dir = tempfile::tempdir().unwrap();
    let ended = Run::bare(dir.path())
        .arg(clips::film())
        .args(["-o", "out.mkv", "-w", "1", "--preset", "12", "--json"])
        .succeeds();
    let events = ended.events();
    let workers: Vec<&Value> = events.iter().map(|event| &event["workers"]).collect();
    let counted: Vec<u64> = workers.iter().filter_map(|n| n.as_u64()).collect();
    assert!(
        !counted.is_empty() && counted.iter().all(|n| *n <= 1),
        "{counted:?}"
    );
}

#[test]
fn an_output_that_is_larger_than_the_source_is_told_with_what_makes_it_smaller() {
    let dir = tempfile::tempdir().unwrap();
    let small = dir.path().join("small.mkv");
    let noise = "testsrc2=size=192x108:rate=24:duration=2,noise=alls=20:allf=t";
    let x264 = ["-c:v", "libx264", "-crf", "45", "small.mkv"];
    clips::ffmpeg(
        dir.path(),
        &[&["-f", "lavfi", "-i", noise][..], &x264].concat(),
    );
    let run = || Run::encode(dir.path(), &small, "out.mkv");
    let ended = run().args(["--crf", "10"]).succeeds();
    let size = || fs::metadata(dir.path().join("out.mkv")).unwrap().len();
    let large = size();
    let mut lines = ended.stderr.lines();
    let said = lines.find(|line| line.starts_with("warning: the output is larger than the source"));
    let said = said.unwrap_or_else(|| panic!("{}", ended.stderr));
    assert!(said.contains("kB and "), "{said}");
    let typed = said.split('`').nth(1).unwrap();
    assert_eq!(typed, "-y --crf 16");
    let words: Vec<&str> = typed.split(' ').collect();
    run().args(words).succeeds();
    assert!(size() < large, "{} {large}", size());
}

/// What a run prints that believes itself at a terminal, and how it ends.
fn at_a_terminal(run: Run) -> (String, ExitStatus) {
    let Pty { master, slave } = openpty(None, None).unwrap();
    let mut child = run.on(&slave);
    drop(slave);
    let mut terminal = File::from(master);
    let mut text = Vec::new();
    // The end of a terminal is an error, of a kind that differs between systems.
    let _ = terminal.read_to_end(&mut text);
    (
        String::from_utf8_lossy(&text).into_owned(),
        child.wait().unwrap(),
    )
}

#[test]
fn at_a_terminal_what_must_be_done_alone_is_done_before_the_bar_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::one_scene(), "out.mkv").env("TERM", "xterm");
    let (text, status) = at_a_terminal(run);
    // av1enc looks for itself whether another thread runs already, and ends if one does.
    assert!(status.success(), "{text}");
    assert!(text.contains("Encoding"), "{text}");
}

#[test]
fn a_ctrl_c_that_is_typed_leaves_nothing_of_the_bar() {
    const CTRL_C: u8 = 3;
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::thirty_scenes(), "out.mkv");
    let run = run.env("TERM", "xterm");
    let (lines, columns) = (NonZero::new(24).unwrap(), NonZero::new(80).unwrap());
    let size = Winsize {
        ws_row: lines.get(),
        ws_col: columns.get(),
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let Pty { master, slave } = openpty(Some(&size), None).unwrap();
    let mut child = run.on(&slave);
    drop(slave);
    let mut terminal = File::from(master);
    let mut shown = vt100::Parser::new(lines, columns, 0);
    let mut bytes = [0; 4096];
    let mut typed = false;
    // The end of a terminal is an error, of a kind that differs between systems.
    while let Ok(n @ 1..) = terminal.read(&mut bytes) {
        shown.process(&bytes[..n]);
        if !typed && shown.screen().contents().contains("Encoding") {
            // The terminal shows `^C` where its cursor is. The signal goes to whom it belongs, which is nobody here.
            terminal.write_all(&[CTRL_C]).unwrap();
            kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
            typed = true;
        }
    }
    let _ = child.wait().unwrap();
    let screen = shown.screen().contents();
    assert!(typed && screen.contains("stopped by SIGINT"), "{screen}");
    for part in ["Encoding", "eta", "%"] {
        assert!(
            !screen.contains(part),
            "{part} of the bar is left: {screen}"
        );
    }
}

#[test]
fn a_dry_run_with_json_prints_one_object() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::hdr10(), "out.mkv")
        .args(["--dry-run", "--json"])
        .succeeds();
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(plan["workers"]["workers"], 2);
    assert_eq!(plan["recipe"]["bit_depth"], 10);
    assert!(
        plan["encoder_line"]
            .as_str()
            .unwrap()
            .contains("--preset 12")
    );
    run.expect(run.stdout.lines().count() == 1, "one line");
    run.expect(
        fs::read_dir(dir.path()).unwrap().next().is_none(),
        "an empty directory",
    );
}

#[test]
fn with_json_every_line_is_an_object_and_the_last_one_is_the_proof() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::film(), "out.mkv")
        .arg("--json")
        .succeeds();
    let events = run.events();
    let stages: Vec<&Value> = events
        .iter()
        .filter(|e| e["event"] == "stage")
        .map(|e| &e["stage"])
        .collect();
    assert_eq!(stages, ["probe", "index", "encode", "join", "verify"]);
    run.expect(
        events.iter().any(|event| event["event"] == "progress"),
        "progress",
    );
    let finished = run.finished();
    let bytes = fs::metadata(dir.path().join("out.mkv")).unwrap().len();
    assert_eq!(finished["output_bytes"], bytes);
    assert_eq!(finished["resumed_chunks"], 0);
    let proof = &finished["proof"];
    assert_eq!(
        (&proof["frames"], &proof["hdr10"]),
        (&120.into(), &false.into())
    );
}

#[test]
fn with_json_an_error_is_an_event_too() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), "missing.mkv", "out.mkv")
        .arg("--json")
        .fails(1);
    let last = run.events().pop().unwrap();
    assert_eq!(last["event"], "error");
    assert!(last["message"].as_str().unwrap().contains("missing.mkv"));
    assert_eq!(
        (&last["code"], &last["kind"]),
        (&1.into(), &"failed".into())
    );
}

#[test]
fn with_json_an_error_has_its_exit_code_and_its_kind() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::one_frame(), dir.path().join("in.mkv")).unwrap();
    fs::write(dir.path().join("out.mkv"), "precious").unwrap();
    fs::copy(clips::sound_only(), dir.path().join("sound.mka")).unwrap();
    for (args, code, kind) in [
        (["in.mkv", "--colour"].as_slice(), 2, "usage"),
        (&["in.mkv", "--crf", "28.1"], 2, "usage"),
        (&["in.mkv", "-v", "--film-grian 8"], 2, "usage"),
        (&["doctor", "--crf", "28.1"], 2, "usage"),
        (&["in.mkv", "-o", "out.mkv"], 3, "taken"),
        (&["sound.mka"], 8, "film"),
    ] {
        let run = Run::bare(dir.path()).args(args).arg("--json").fails(code);
        let last = run.events().pop().unwrap();
        run.expect(last["code"] == code && last["kind"] == kind, kind);
        let message = last["message"].as_str().unwrap();
        run.expect(
            run.stderr.ends_with(&format!("error: {message}\n")),
            "the same message",
        );
    }
}

#[test]
fn a_command_behind_flags_is_refused_with_the_order_that_works() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::one_frame(), dir.path().join("in.mkv")).unwrap();
    let refused = Run::bare(dir.path())
        .args(["in.mkv", "--json", "doctor"])
        .fails(2);
    refused.says("type `av1enc doctor in.mkv --json`");
    let doctor = Run::bare(dir.path())
        .args(["doctor", "in.mkv", "--json"])
        .ends();
    let report: Value = serde_json::from_str(&doctor.stdout).unwrap();
    doctor.expect(report["checks"].is_array(), "the doctor's checks");
}

#[test]
fn a_film_with_the_name_of_a_command_has_to_be_named_as_a_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::one_frame(), dir.path().join("doctor")).unwrap();
    for word in ["doctor", "completions", "man", "help"] {
        fs::copy(clips::one_frame(), dir.path().join(word)).unwrap();
        Run::bare(dir.path())
            .arg(word)
            .fails(2)
            .says(&format!("`av1enc ./{word}` or `av1enc -i {word}`"));
    }
    Run::fast(dir.path())
        .arg("doctor")
        .fails(2)
        .says("`av1enc -w 2 --preset 12 -i doctor`");
    for (input, args) in [
        ("film", ["./doctor"].as_slice()),
        ("flag", &["-i", "doctor"]),
    ] {
        let run = Run::fast(dir.path()).args(args);
        run.args(["-o", &format!("{input}.mkv")]).succeeds();
    }
    // Two words are no film: nothing is ambiguous.
    Run::bare(dir.path())
        .args(["completions", "bash"])
        .succeeds()
        .prints("complete");
}

#[test]
fn for_people_only_the_summary_is_on_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::one_scene(), "out.mkv").succeeds();
    let lines: Vec<&str> = run.stdout.lines().collect();
    run.expect(lines.len() == 3, "three lines");
    run.expect(lines[0].ends_with("/out.mkv"), "where the output is");
    run.expect(
        lines[2].trim_start().starts_with("proven: 48 frames"),
        "what is proven",
    );
    run.expect(
        !run.stderr.contains('\x1b') && !run.stderr.contains('\r'),
        "no escapes where there is no terminal",
    );
}

#[test]
fn quiet_prints_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::odd_size(), "out.mkv")
        .arg("-q")
        .succeeds()
        .prints_nothing();
    run.expect(run.stderr.is_empty(), "nothing on stderr");
}

#[test]
fn verbose_tells_of_every_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::film(), "out.mkv")
        .arg("--verbose")
        .succeeds();
    for chunk in 0..4 {
        run.expect(
            run.stderr.contains(&format!("chunk {chunk}: 30 frames")),
            &format!("chunk {chunk}"),
        );
    }
}

#[test]
fn wrong_usage_exits_2_and_says_what_to_type() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::one_frame(), dir.path().join("in.mkv")).unwrap();
    for (args, says) in [
        (["-v", "--film-grian 8"], "did you mean --film-grain?"),
        (["-v", "--film-grain 51"], "1 to 50"),
        (["-v", "--crf 99"], "--crf"),
        (["-v", "--output x.ivf"], "names the chunks"),
        (["-v", "--input-depth 8"], "--pix-format yuv420p"),
        (["-o", "out.mp4"], "must end in .mkv"),
        (["--crf", "28.1"], "0.25"),
        (["--crf", "-1"], "--crf -1: a number from 0"),
        (["-w", "-1"], "--workers -1"),
        (["--lp", "-1"], "--lp"),
        (["-x", "-1"], "--extra-split"),
        (["--preset", "99"], "--preset"),
        (["--lp", "99"], "--lp"),
        (["-w", "many"], "auto"),
        (["-f", "-vf crop=2:2"], "does not crop"),
        (["--pix-format", "yuv444p10le"], "yuv420p10le"),
        (["-e", "x264"], "svt-av1"),
        (["--colour", "red"], "--colour"),
        (["--zones", "zones.txt"], "one set of options"),
        (["--target-quality", "95"], "--crf"),
        (["--temp", ""], "--temp"),
    ] {
        let run = Run::bare(dir.path())
            .arg("in.mkv")
            .args(args)
            .fails(2)
            .prints_nothing();
        run.says(says);
    }
    Run::bare(dir.path()).ends().exits(2).says("INPUT");
    Run::bare(dir.path())
        .args(["in.mkv", "-i", "in.mkv"])
        .fails(2);
}

#[test]
fn an_output_that_exists_is_only_overwritten_with_y() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out.mkv");
    fs::write(&output, "precious").unwrap();
    Run::encode(dir.path(), clips::one_frame(), "out.mkv")
        .fails(3)
        .says("-y");
    assert_eq!(fs::read(&output).unwrap(), b"precious");
    Run::encode(dir.path(), clips::one_frame(), "out.mkv")
        .arg("-y")
        .succeeds();
    crate::check::is_whole(&output, &clips::one_frame(), 1);
}

#[test]
fn the_film_itself_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mkv");
    fs::copy(clips::one_frame(), &film).unwrap();
    fs::hard_link(&film, dir.path().join("hard.mkv")).unwrap();
    std::os::unix::fs::symlink("film.mkv", dir.path().join("soft.mkv")).unwrap();
    Run::encode(dir.path(), "film.mkv", "film.mkv")
        .arg("-y")
        .fails(2)
        .says("same file");
    Run::encode(dir.path(), "film.mkv", "soft.mkv")
        .arg("-y")
        .fails(2)
        .says("same file");
    assert_eq!(
        fs::read(&film).unwrap(),
        fs::read(clips::one_frame()).unwrap()
    );
}

#[test]
fn the_job_directory_stays_only_where_it_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let job = |name: &str| dir.path().join(name).exists();
    Run::encode(dir.path(), clips::one_frame(), "a.mkv").succeeds();
    assert!(!job("a.mkv.av1enc"));
    Run::encode(dir.path(), clips::one_frame(), "b.mkv")
        .arg("--keep")
        .succeeds();
    assert!(job("b.mkv.av1enc/job.json") && job("b.mkv.av1enc/chunks/00000.ivf"));
    Run::encode(dir.path(), clips::one_frame(), "c.mkv")
        .args(["--temp", "else where", "--keep"])
        .succeeds();
    assert!(job("else where/job.json") && !job("c.mkv.av1enc"));
    Run::encode(dir.path(), clips::one_frame(), "d.mkv")
        .args(["--temp", "gone"])
        .succeeds();
    assert!(!job("gone"));
}

#[test]
fn a_job_says_what_is_to_be_done_what_the_film_is_and_who_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let ended = Run::encode(dir.path(), clips::one_frame(), "out.mkv")
        .arg("--keep")
        .succeeds();
    let read = |name: &str| -> serde_json::Value {
        let text = fs::read(dir.path().join("out.mkv.av1enc").join(name)).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    let (job, reader) = (read("job.json"), read("reader.json"));
    ended.expect(
        job["recipe"]["preset"] == 12 && job["recipe"]["encoder"]["family"] == "svt-av1",
        "the recipe",
    );
    let version = Command::new("ffmpeg").arg("-version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let version = version.split(' ').nth(2).unwrap();
    ended.expect(
        reader["linear"] == true && reader["reader"] == format!("ffmpeg {version}"),
        "the reader",
    );
    let of = check::File::open(&clips::one_frame());
    let stream = of.video();
    for film in [&job["film"], &reader["film"]] {
        let video = &film["video"];
        ended.expect(
            video["width"] == stream["width"] && video["codec"] == stream["codec_name"],
            "the film",
        );
    }
    ended.expect(reader["film"]["frames"] == 1, "one frame");
}

#[test]
fn a_directory_with_other_things_is_no_job_directory() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("mine")).unwrap();
    fs::write(dir.path().join("mine/letter.txt"), "dear").unwrap();
    Run::encode(dir.path(), clips::one_frame(), "out.mkv")
        .args(["--temp", "mine"])
        .fails(3)
        .says("--temp");
    let names: Vec<_> = fs::read_dir(dir.path().join("mine"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["letter.txt"]);
    // An empty one may have been made for the purpose, and others' things in it stay.
    fs::create_dir(dir.path().join("empty")).unwrap();
    Run::encode(dir.path(), clips::one_frame(), "out.mkv")
        .args(["--temp", "empty"])
        .succeeds();
}

#[test]
fn a_job_of_other_settings_is_refused_and_can_be_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let encode = |source: PathBuf, crf: &str| {
        Run::encode(dir.path(), source, "out.mkv")
            .args(["--temp", "job", "--keep", "-y", "--crf", crf])
    };
    encode(clips::one_frame(), "40").succeeds();
    encode(clips::one_frame(), "41")
        .fails(3)
        .says("--crf: 40 there, 41 now")
        .says("--restart");
    encode(clips::one_scene(), "40")
        .fails(3)
        .says("source's content");
    encode(clips::one_scene(), "41").arg("--restart").succeeds();
    crate::check::is_whole(&dir.path().join("out.mkv"), &clips::one_scene(), 48);
}

/// av1enc on a machine that has nothing of what it needs.
pub fn naked(dir: &Path) -> Run {
    let unset = [
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "VSSCRIPT_PATH",
        "PYTHONPATH",
        "LD_LIBRARY_PATH",
    ];
    let run = Run::bare(dir)
        .env("PATH", "/nonexistent")
        .env("HOME", "/nonexistent");
    unset.into_iter().fold(run, Run::without_env)
}

#[test]
fn on_a_bare_machine_an_encode_says_what_to_type() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::one_frame(), dir.path().join("in.mkv")).unwrap();
    naked(dir.path())
        .arg("in.mkv")
        .fails(1)
        .says("./setup")
        .says("ffmpeg");
}

#[test]
fn on_a_bare_machine_help_version_and_completions_are_there() {
    let dir = tempfile::tempdir().unwrap();
    for (args, prints) in [
        (["--help"].as_slice(), "Exit codes"),
        (&["-h"], "--crf"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["completions", "bash"], "complete"),
        (&["doctor", "--help"], "--json"),
    ] {
        let run = naked(dir.path()).args(args).succeeds().prints(prints);
        run.expect(run.stderr.is_empty(), "nothing on stderr");
    }
}

#[test]
fn help_fits_a_screen_and_the_manual_has_what_it_leaves_out() {
    let dir = tempfile::tempdir().unwrap();
    let printed = |args: &[&str]| Run::bare(dir.path()).args(args).succeeds().stdout;
    let (short, long, man) = (printed(&["-h"]), printed(&["--help"]), printed(&["man"]));
    assert!(short.lines().count() <= 45, "{short}");
    assert!(
        short
            .trim_end()
            .lines()
            .last()
            .unwrap()
            .contains("av1enc --help"),
        "{short}"
    );
    assert!(long.lines().count() <= 100, "{long}");
    for text in [&short, &long] {
        for range in ["0 to 63 [default: 28]", "0 to 13 [default: 6]"] {
            assert!(text.contains(range), "{range:?} in {text}");
        }
    }
    assert!(short.contains("  plan ") && !short.contains("  join ") && long.contains("  join "));
    assert!(!short.contains("--max-temp") && long.contains("--max-temp"));
    let last = long.trim_end().lines().last().unwrap();
    assert!(!long.contains("--stall-timeout") && last.contains("man av1enc"));
    let plain = man.replace('\\', "");
    for text in [
        "--chunk-order",
        "--stall-timeout",
        "SVT-AV1-HDR up to 70",
        ".SH VERIFY",
        "--known",
    ] {
        assert!(plain.contains(text), "{text:?} in {man}");
    }
    assert!(
        !plain.contains("av1enc-"),
        "a page that is not there: {man}"
    );
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for hidden in ["chunk-order", "no-defaults", "try-vapoursynth", "dgdecnv"] {
            assert!(!script.contains(hidden), "{hidden} for {shell}");
        }
        assert!(
            script.contains("stall-timeout") && script.contains("known"),
            "{shell}"
        );
    }
}

#[test]
fn the_completions_and_the_manual_that_are_kept_are_those_that_are_printed() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (file, args) in [
        ("av1enc.bash", ["completions", "bash"].as_slice()),
        ("av1enc.zsh", &["completions", "zsh"]),
        ("av1enc.fish", &["completions", "fish"]),
        ("av1enc.1", &["man"]),
    ] {
        let printed = Run::bare(dir.path()).args(args).succeeds().stdout;
        let kept = fs::read_to_string(kept.join(file)).unwrap();
        assert!(
            printed == kept,
            "completions/{file} is old: av1enc {} > completions/{file}",
            args.join(" ")
        );
    }
    let checked = Command::new("bash")
        .arg("-n")
        .arg(kept.join("av1enc.bash"))
        .output()
        .unwrap();
    assert!(
        checked.status.success() && checked.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}
