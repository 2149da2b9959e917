//! `--no-chunks`: the film in one go, without VapourSynth, and with every proof all the same.

use std::{fs, path::Path};

use nix::sys::signal::Signal;

use crate::{
    chance::Chance,
    check::is_whole,
    clips,
    encoders::private,
    hdr,
    lab::{fake, with_fakes},
    run::{Run, nothing_is_left_running},
};

/// A run that has no VapourSynth.
fn encode(dir: &Path, input: &Path) -> Run {
    let run = Run::bare(dir)
        .arg("-i")
        .arg(input)
        .args(["-o", "out.mkv", "--preset", "12", "--crf", "20"]);
    run.env("VSSCRIPT_PATH", "/nonexistent/libvsscript.so")
        .env("HOME", "/nonexistent")
        .without_env("XDG_DATA_HOME")
}

#[test]
fn without_vapoursynth_the_error_offers_to_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    encode(dir.path(), &clips::hdr10())
        .fails(1)
        .says("VapourSynth")
        .says("add --chunk-method linear");
}

#[test]
fn a_film_that_is_read_in_order_needs_no_vapoursynth() {
    let dir = tempfile::tempdir().unwrap();
    let run = encode(dir.path(), &clips::film())
        .args(["--chunk-method", "linear", "--json"])
        .succeeds();
    run.expect(run.finished()["chunks"].as_u64() > Some(1), "chunks");
    is_whole(&dir.path().join("out.mkv"), &clips::film(), 120);
}

#[test]
fn a_film_with_everything_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let run = encode(dir.path(), &clips::film())
        .args(["--no-chunks", "--json", "--verify-decode"])
        .succeeds();
    run.expect(
        run.events()
            .iter()
            .any(|event| event["event"] == "progress"),
        "progress",
    );
    run.expect(run.finished()["proof"]["decoded"] == true, "every proof");
    is_whole(&dir.path().join("out.mkv"), &clips::film(), 120);
    run.expect(
        !dir.path().join("out.mkv.av1enc").exists(),
        "no job directory",
    );
}

#[test]
fn range_times_shape_and_direction_are_kept_by_every_ffmpeg() {
    // With the newer one, what depends on how ffmpeg treats frames.
    let nine = private("ffmpeg-9/bin/ffmpeg").map(|path| (path, 4));
    let mut chance = Chance::of(3);
    for (ffmpeg, clips) in [("ffmpeg".into(), 7)].into_iter().chain(nine) {
        let all = [
            (clips::hdr10(), 56, "bt2020 smpte2084 bt2020nc tv"),
            (clips::full_range(), 24, "- - - pc"),
            (clips::variable_rate(), 36, "bt709 bt709 bt709 tv"),
            (clips::rotated(), 24, "bt709 bt709 bt709 tv"),
            (clips::odd_size(), 24, "- - - tv"),
            (clips::chroma_422(), 24, "- - - tv"),
            (clips::late_video(), 48, "bt709 bt709 bt709 tv"),
        ];
        for (clip, frames, colors) in chance.some(all.into_iter().take(clips)) {
            let dir = tempfile::tempdir().unwrap();
            let _ = encode(dir.path(), &clip)
                .arg("--no-chunks")
                .arg("--ffmpeg")
                .arg(&ffmpeg)
                .succeeds();
            let output = is_whole(&dir.path().join("out.mkv"), &clip, frames);
            assert_eq!(output.colors(), colors, "{}", clip.display());
        }
    }
}

#[test]
fn hdr10_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let _ = encode(dir.path(), &clips::hdr10())
        .arg("--no-chunks")
        .succeeds();
    hdr::is_exact(&dir.path().join("out.mkv"));
}

#[test]
fn a_wrong_option_is_refused_before_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let run = encode(dir.path(), &clips::hdr10()).args(["--no-chunks", "-v", "--film-grian 8"]);
    run.fails(2).says("Error parsing option film-grian");
}

#[test]
fn stopped_it_dies_of_the_signal_and_the_same_command_begins_again() {
    let dir = tempfile::tempdir().unwrap();
    // An ffmpeg that waits with the film until it is let go.
    let wait = "case \"$*\" in *enc_time_base*) touch waiting; until [ -e ../go ]; do sleep 0.02; done ;; esac";
    fake(
        dir.path(),
        "ffmpeg",
        &format!("{wait}\nexec \"$real\" \"$@\""),
    );
    let run = || {
        with_fakes(
            dir.path(),
            encode(dir.path(), &clips::hdr10()).arg("--no-chunks"),
        )
    };
    let job = dir.path().join("out.mkv.av1enc");
    let started = run()
        .start()
        .wait_until("ffmpeg has begun", || job.join("waiting").exists());
    started.signal(Signal::SIGINT);
    let _ = started.ends().dies_of(Signal::SIGINT);
    nothing_is_left_running(dir.path());
    assert!(!dir.path().join("out.mkv").exists());
    fs::write(dir.path().join("go"), "").unwrap();
    // It is another job than that of the same film in chunks.
    let chunks = Run::bare(dir.path())
        .arg("-i")
        .arg(clips::hdr10())
        .args(["-o", "out.mkv", "--preset", "12"]);
    chunks
        .args(["--crf", "20", "-e", "libsvtav1"])
        .fails(3)
        .says("--no-chunks: true there, false now");
    run().succeeds();
    is_whole(&dir.path().join("out.mkv"), &clips::hdr10(), 56);
}

#[test]
fn a_film_that_lacks_frames_at_its_end_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    // ffmpeg stops early and exits 0, as on a full disk.
    let few = "case \"$*\" in *enc_time_base*) exec \"$real\" -t 1 \"$@\" ;; esac";
    fake(
        dir.path(),
        "ffmpeg",
        &format!("{few}\nexec \"$real\" \"$@\""),
    );
    let run = with_fakes(
        dir.path(),
        encode(dir.path(), &clips::hdr10()).arg("--no-chunks"),
    );
    run.fails(1).says("frames instead of 56");
}
