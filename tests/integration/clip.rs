//! Test clips: what is written, who approves them, and how it goes on.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    check::File,
    clips,
    lab::names,
    run::{Ended, Run, nothing_is_left_running},
};

/// What belongs to a clip.
const FILES: [&str; 5] = [
    "out.clip.json",
    "out.clip.mkv",
    "out.clip.png",
    "out.clip.source.mkv",
    "out.clip.txt",
];

/// Ten seconds, in a width that ffmpeg's xpsnr does not measure rightly by itself, with a keyframe each second: bright and still, but for the last four seconds, which are dark, full of
/// noise and in motion.
fn film() -> PathBuf {
    clips::kept(include_bytes!("clip.rs"), "half-dark.mkv", |dir| {
        let easy = "color=c=0xc0c0c0:s=112x72:r=24,trim=end_frame=144";
        let hard =
            "testsrc2=s=112x72:r=24,trim=end_frame=96,lutyuv=y=val/8+16,noise=alls=40:allf=t";
        let graph = format!(
            "{easy},format=yuv420p[a];{hard},format=yuv420p[b];[a][b]concat=n=2,setparams=range=tv[v]"
        );
        let x264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "14"];
        let keys = ["-x264-params", "keyint=24:scenecut=0", "half-dark.mkv"];
        let input = ["-filter_complex", &graph, "-map", "[v]"];
        clips::ffmpeg(dir, &[&input[..], &x264, &keys].concat());
    })
}

fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    symlink(film(), dir.path().join("a.mkv")).unwrap();
    dir
}

fn encode(dir: &Path, args: &[&str]) -> Run {
    Run::bare(dir)
        .args(["a.mkv", "-o", "out.mkv", "-w", "2", "--preset", "13"])
        .args(args)
}

fn event(ended: &Ended, name: &str) -> Value {
    let mut events = ended.events().into_iter();
    events
        .find(|event| event["event"] == name)
        .unwrap_or_default()
}

/// Digests of the decoded pictures of a file, of the `frames` behind its first `skipped`.
fn pictures(file: &Path, skipped: u64, frames: u64) -> Vec<String> {
    let select = format!("trim=start_frame={skipped}:end_frame={}", skipped + frames);
    let text = File::open(file).ffmpeg(&[
        "-i",
        "@",
        "-map",
        "0:v:0",
        "-vf",
        &select,
        "-f",
        "framehash",
        "-",
    ]);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

/// Looks at all that `waiting` has written in `dir`.
fn look_at_all(dir: &Path, waiting: &Ended) {
    let clip = event(waiting, "clip");
    let (begins, frames) = (
        clip["begins_seconds"].as_f64().unwrap(),
        clip["frames"].as_u64().unwrap(),
    );
    waiting.expect(begins >= 5.9, "the dark, noisy part");
    waiting.expect(clip["packets"] == true, "the source's own packets");
    let (made, source) = (dir.join("out.clip.mkv"), dir.join("out.clip.source.mkv"));
    let codec = |file: &Path| File::open(file).video()["codec_name"].clone();
    assert_eq!(
        (codec(&made), codec(&source)),
        ("av1".into(), "h264".into())
    );
    assert_eq!(File::open(&made).decoded(), frames);
    let first = (begins * 24.0).round() as u64;
    let of_film = pictures(&dir.join("a.mkv"), first, frames);
    assert_eq!(pictures(&source, 0, frames), of_film);
    let still = File::open(&dir.join("out.clip.png"));
    let still = still.video();
    assert_eq!(
        (&still["width"], &still["height"]),
        (&224.into(), &216.into())
    );
    let text = fs::read_to_string(dir.join("out.clip.txt")).unwrap();
    for what in [
        "grain",
        "fine texture",
        "banding",
        "blocks in the",
        "preset 13",
    ] {
        waiting.expect(text.contains(what), what);
    }
    let film_bytes = fs::metadata(film()).unwrap().len() as f64;
    let estimated = clip["estimated_bytes"].as_f64().unwrap();
    waiting.expect(estimated > 0.0 && estimated < film_bytes, "an estimate");
}

#[test]
fn the_hard_part_is_encoded_and_waits_and_the_line_that_is_said_goes_on() {
    let dir = place();
    let args = ["--test-clip=3s", "--json"];
    let waiting = encode(dir.path(), &args).ends().exits(5);
    let last = waiting.events().pop().unwrap();
    assert_eq!(
        (&last["event"], &last["code"], &last["kind"]),
        (&"waiting".into(), &5.into(), &"approval".into())
    );
    assert_eq!(
        names(dir.path()),
        [&["a.mkv"][..], &FILES].concat(),
        "no job is left"
    );
    look_at_all(dir.path(), &waiting);
    // What it says to type, as a shell has it.
    let message = last["message"].as_str().unwrap();
    let line = message.split('`').nth(1).unwrap();
    waiting.expect(line.starts_with("av1enc --approved a.mkv"), line);
    let output = Command::new("sh")
        .args([
            "-c",
            &line.replacen("av1enc", env!("CARGO_BIN_EXE_av1enc"), 1),
        ])
        .current_dir(dir.path())
        .env("AV1ENC_CONFIG", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(File::open(&dir.path().join("out.mkv")).decoded(), 240);
}

#[test]
fn other_settings_need_another_clip_and_what_was_approved_is_remembered() {
    let dir = place();
    let clip = ["--test-clip=1s"];
    encode(dir.path(), &clip).ends().exits(5);
    let source = fs::read(dir.path().join("out.clip.source.mkv")).unwrap();
    let other = ["--test-clip=1s", "--approved", "--crf", "40"];
    let due = encode(dir.path(), &other).ends().exits(5);
    due.says("a new test clip is due").says("28 there, 40 now");
    let same_source = fs::read(dir.path().join("out.clip.source.mkv")).unwrap();
    assert!(same_source == source, "the same stretch");

    // An approval that the run does not outlive is remembered.
    let approved = encode(dir.path(), &other)
        .start()
        .wait_until("it is approved", || {
            let record = fs::read_to_string(dir.path().join("out.clip.json"));
            record.is_ok_and(|record| record.contains("\"approved\": true"))
        });
    approved.signal(Signal::SIGKILL);
    approved.ends();
    nothing_is_left_running(dir.path());
    let again = ["--test-clip=1s", "--crf", "40"];
    encode(dir.path(), &again)
        .succeeds()
        .says("was approved with these settings");
    assert_eq!(File::open(&dir.path().join("out.mkv")).decoded(), 240);
}

#[test]
fn a_run_that_is_killed_in_its_clip_goes_on_with_it() {
    let dir = place();
    let args = ["--test-clip=3s"];
    let clip = dir.path().join("out.clip.mkv.av1enc");
    let started = encode(dir.path(), &args)
        .start()
        .wait_until("the clip is begun", || clip.join("job.json").exists());
    started.signal(Signal::SIGKILL);
    started.ends();
    nothing_is_left_running(dir.path());
    assert!(!dir.path().join("out.clip.mkv").exists());
    encode(dir.path(), &args).ends().exits(5);
    assert!(FILES.iter().all(|name| dir.path().join(name).exists()));
    assert!(!clip.exists());
}

#[test]
fn a_command_approves_by_its_exit_and_is_told_of_the_clip() {
    let dir = place();
    let script = dir.path().join("judge it");
    let text = "#!/bin/sh\n[ \"$1\" = 'a b' ] && ls \"$AV1ENC_CLIP\" \"$AV1ENC_CLIP_SOURCE\" \"$AV1ENC_CLIP_STILLS\" \
                \"$AV1ENC_CLIP_TEXT\" \"$AV1ENC_FILM\" && [ \"$AV1ENC_CLIP_BYTES\" -lt \"$AV1ENC_ESTIMATED_BYTES\" ] && \
                [ \"$AV1ENC_ESTIMATED_SECONDS\" -ge 0 ] && [ -e good ] || { echo 'too dark' >&2; exit 3; }\n";
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let run = || {
        let args = ["--test-clip=1s", "--approve", "'./judge it' 'a b'"];
        encode(dir.path(), &args)
    };
    let refused = run().ends().exits(5).says("waiting: ");
    refused.says("is not approved: ").says("too dark");
    assert!(!dir.path().join("out.mkv").exists());
    fs::write(dir.path().join("good"), "").unwrap();
    run().succeeds().says("approves the test clip");
    assert!(dir.path().join("out.mkv").exists());
}

#[test]
fn what_is_somebody_elses_stays_and_what_makes_no_sense_is_said() {
    let dir = place();
    fs::write(dir.path().join("out.clip.mkv"), "mine").unwrap();
    encode(dir.path(), &["--test-clip"])
        .fails(3)
        .says("out.clip.mkv is there, and is not of a test clip");
    assert_eq!(fs::read(dir.path().join("out.clip.mkv")).unwrap(), b"mine");
    // A filter that no ffmpeg has, before anything is encoded.
    let without = dir.path().join("ffmpeg");
    fs::write(
        &without,
        "#!/bin/sh\ncase \"$*\" in *-filters*) exit 0 ;; esac\nexec ffmpeg \"$@\"\n",
    )
    .unwrap();
    fs::set_permissions(&without, fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(dir.path().join("out.clip.mkv")).unwrap();
    let measured = ["--test-clip", "--approve", "auto:VMAF>=93", "--ffmpeg"];
    let refused = encode(dir.path(), &measured).arg(&without).fails(2);
    refused.says("libvmaf").says("./setup");
    for (args, says) in [
        (&["--test-clip=never"][..], "--test-clip=45s"),
        (&["--test-clip", "--approve", "auto:93"], "auto:VMAF>=93"),
        (
            &["--test-clip", "--approve", "true", "--approved"],
            "cannot be used with",
        ),
    ] {
        encode(dir.path(), args).fails(2).says(says);
    }
}

#[test]
fn settings_ask_for_a_clip_by_class() {
    let dir = place();
    fs::write(
        dir.path().join("my.toml"),
        "test-clip-for = [\"remux\"]\ntest-clip = \"1s\"\n",
    )
    .unwrap();
    let wants = |text: &str, class: &str| {
        fs::write(dir.path().join("my.toml"), text).unwrap();
        let args = [
            "--config",
            "my.toml",
            "--source-class",
            class,
            "--crf",
            "50",
        ];
        encode(dir.path(), &args)
    };
    let of_remux = "test-clip-for = [\"remux\"]\n";
    wants(of_remux, "remux")
        .ends()
        .exits(5)
        .says("waits for approval");
    wants(of_remux, "low").succeeds();
    let wrong = wants("test-clip-for = [\"dvd\"]\n", "low").fails(2);
    wrong.says("my.toml, line 1").says("remux, web and low");
}

#[test]
fn a_measure_approves_where_an_ffmpeg_has_it() {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let ffmpeg = home.join(".local/share/av1enc/ffmpeg-9/bin/ffmpeg");
    if !ffmpeg.exists() {
        eprintln!("SKIPPED, nothing is tested here: ./setup has installed no ffmpeg 9");
        return;
    }
    let dir = place();
    let run = |least: &str| {
        let approve = format!("auto:{least}");
        encode(
            dir.path(),
            &["--test-clip=1s", "--json", "--approve", &approve],
        )
    };
    let refused = run("VMAF>=100").ends().exits(5);
    let clip = event(&refused, "clip");
    let (vmaf, xpsnr) = (clip["vmaf"].as_f64(), clip["xpsnr"].as_f64());
    refused.expect(vmaf > Some(10.0) && xpsnr > Some(10.0), "both measures");
    run(&format!("XPSNR>={}", xpsnr.unwrap() - 1.0)).succeeds();
    assert!(dir.path().join("out.mkv").exists());
}

#[test]
fn a_damaged_film_has_a_clip_and_one_that_is_cut_short_is_refused_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let film = clips::damaged(dir.path(), "300");
    let run = |film: &Path, more: &[&str]| {
        let run = Run::fast(dir.path()).args(["--test-clip=1s", "-o", "out.mkv", "-i"]);
        run.arg(film).args(more).ends()
    };
    run(&film, &[]).exits(5).says("waits for approval");
    for file in FILES {
        fs::remove_file(dir.path().join(file)).unwrap();
    }
    let cut = dir.path().join("cut.mkv");
    let bytes = fs::read(clips::five_scenes()).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    run(&cut, &[]).exits(8).says("--allow-truncated");
    assert_eq!(names(dir.path()), ["cut.mkv", "damaged.mkv"]);
    run(&cut, &["--allow-truncated"])
        .exits(5)
        .says("waits for approval");
}
