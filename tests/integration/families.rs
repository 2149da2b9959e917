//! Encoders other than SvtAv1EncApp: those of ffmpeg, and which one is taken.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{
    chance::Chance,
    check::is_whole,
    clips,
    encoders::{old, private, real},
    hdr,
    lab::{fake, messages, tells, with_fakes},
    run::Run,
};

/// The ffmpeg 9 that `./setup test` unpacks: the distribution's has no av1_qsv.
pub fn ffmpeg_9() -> Option<PathBuf> {
    let found = private("ffmpeg-9/bin/ffmpeg");
    if found.is_none() {
        eprintln!("SKIPPED: there is no ffmpeg 9 here; ./setup test unpacks one");
    }
    found
}

/// Encodes the HDR10 film with an encoder of ffmpeg's.
fn encode(dir: &Path, encoder: &str, ffmpeg: &Path) -> Run {
    let run = Run::bare(dir)
        .arg("-i")
        .arg(clips::hdr10())
        .args(["-o", "out.mkv", "-w", "2", "-e", encoder]);
    run.arg("--ffmpeg").arg(ffmpeg)
}

#[track_caller]
fn is_the_hdr10_film(dir: &Path) {
    is_whole(&dir.join("out.mkv"), &clips::hdr10(), 56);
    hdr::is_exact(&dir.join("out.mkv"));
}

#[track_caller]
fn gives_the_hdr10_film(encoder: &str, preset: &str, ffmpeg: &Path) {
    let dir = tempfile::tempdir().unwrap();
    encode(dir.path(), encoder, ffmpeg)
        .args(["--preset", preset, "--crf", "20"])
        .succeeds();
    is_the_hdr10_film(dir.path());
}

#[test]
fn libsvtav1_of_the_distribution_gives_the_film() {
    gives_the_hdr10_film("libsvtav1", "12", Path::new("ffmpeg"));
}

#[test]
fn libsvtav1_of_ffmpeg_9_gives_the_film() {
    let Some(ffmpeg) = ffmpeg_9() else { return };
    gives_the_hdr10_film("libsvtav1", "12", &ffmpeg);
}

#[test]
fn libaom_gives_the_film_and_its_hdr10_is_ours() {
    let Some(ffmpeg) = ffmpeg_9() else { return };
    gives_the_hdr10_film("libaom", "8", &ffmpeg);
}

#[test]
fn librav1e_gives_the_film_and_its_hdr10_is_ours() {
    let Some(ffmpeg) = ffmpeg_9() else { return };
    gives_the_hdr10_film("librav1e", "10", &ffmpeg);
}

/// Encodes the HDR10 film in two tiles.
#[track_caller]
fn tiles_give_the_hdr10_film(run: impl FnOnce(Run) -> Run) {
    let dir = tempfile::tempdir().unwrap();
    let command = Run::bare(dir.path())
        .arg("-i")
        .arg(clips::hdr10())
        .args(["-o", "out.mkv", "-w", "2"]);
    let ended = run(command)
        .args(["--crf", "20", "--verify-decode", "--json"])
        .succeeds();
    ended.expect(
        ended.finished()["proof"]["decoded"] == true,
        "proof that it was decoded",
    );
    is_the_hdr10_film(dir.path());
}

#[test]
fn tiles_of_svt_av1_give_the_film() {
    tiles_give_the_hdr10_film(|run| {
        run.arg("--encoder-path")
            .arg(real())
            .args(["--preset", "12", "-v", "--tile-columns 1"])
    });
}

#[test]
fn tiles_of_an_old_svt_av1_give_the_film() {
    let Some(old) = old() else {
        return eprintln!("SKIPPED: there is no old encoder here; ./setup test unpacks one");
    };
    tiles_give_the_hdr10_film(|run| {
        run.arg("--encoder-path")
            .arg(old)
            .args(["--preset", "12", "-v", "--tile-columns 1"])
    });
}

#[test]
fn tiles_of_every_encoder_of_ffmpeg_give_the_film() {
    let programs: Vec<PathBuf> = [Some(PathBuf::from("ffmpeg")), ffmpeg_9()]
        .into_iter()
        .flatten()
        .collect();
    let mut chance = Chance::of(1);
    for (encoder, preset, params) in [
        ("libsvtav1", "12", "--tile-columns 1"),
        ("libaom", "8", "--tile-columns=1"),
        ("librav1e", "10", "--tiles 2"),
    ] {
        for ffmpeg in chance.some(&programs) {
            tiles_give_the_hdr10_film(|run| {
                let run = run.args(["-e", encoder, "--preset", preset, "-v", params]);
                run.arg("--ffmpeg").arg(ffmpeg)
            });
        }
    }
}

#[test]
fn a_film_that_is_wider_than_a_tile_may_be_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    Run::encode(dir.path(), clips::wide(), "out.mkv")
        .args(["--crf", "20", "--verify-decode"])
        .succeeds();
    is_whole(&dir.path().join("out.mkv"), &clips::wide(), 12);
}

#[test]
fn wrong_options_of_each_encoder_are_refused_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    for (encoder, params, says) in [
        (
            "libsvtav1",
            "--film-grian 8",
            "Error parsing option film-grian",
        ),
        (
            "libsvtav1",
            "--keyint 10 --output x",
            "av1enc names the chunks",
        ),
        ("libaom", "--sharpnes=3", "Cannot find aom option sharpnes"),
        // Its own words come first, not ffmpeg's guess.
        ("libaom", "--drop-frame 30", "):\n[libaom-av1 @ "),
        ("libaom", "--cpu-used=13", "takes 0 to 8"),
        ("libaom", "--end-usage=vbr", "constant quality"),
        ("librav1e", "--bogus 3", "Invalid value for bogus"),
        (
            "librav1e",
            "--key_frame_interval 10",
            "every chunk begins with a keyframe",
        ),
    ] {
        encode(dir.path(), encoder, Path::new("ffmpeg"))
            .args(["-v", params])
            .fails(2)
            .says(says);
    }
    let twice = ["--crf", "20", "-v", "--cq-level=30"];
    encode(dir.path(), "libaom", Path::new("ffmpeg"))
        .args(twice)
        .fails(2)
        .says("given twice");
}

#[test]
fn options_have_the_names_that_users_of_each_encoder_know() {
    let dir = tempfile::tempdir().unwrap();
    for (encoder, params, line) in [
        (
            "aom",
            "--cpu-used=8 --end-usage=q --cq-level=40 --threads=4 --tune=ssim",
            "-threads 4",
        ),
        (
            "aom",
            "--cpu-used=8 --end-usage=q --cq-level=40 --tune=ssim",
            "-crf 40 -aom-params tune=ssim",
        ),
        (
            "rav1e",
            "--speed 9 --quantizer 90 --tiles 2",
            "-speed 9 -rav1e-params quantizer=90:tiles=2",
        ),
        ("libsvtav1", "--film-grain 8 --lp 2", "film-grain=8"),
    ] {
        let run = encode(dir.path(), encoder, Path::new("ffmpeg"))
            .args(["--dry-run", "-v", params])
            .succeeds();
        let words = run.stdout.replace('\'', "");
        run.expect(line.split(' ').all(|word| words.contains(word)), line);
    }
}

#[test]
fn a_gpu_that_is_not_there_is_an_error_with_what_to_do() {
    let Some(ffmpeg) = ffmpeg_9() else { return };
    let dir = tempfile::tempdir().unwrap();
    let node = dir.path().join("renderD128");
    encode(dir.path(), "av1-qsv", &ffmpeg)
        .arg("--device")
        .arg(&node)
        .fails(1)
        .says("the render node");
    // A device that no driver opens: as far as the real ffmpeg gets on a machine without such a GPU.
    fs::write(&node, "").unwrap();
    encode(dir.path(), "av1-qsv", &ffmpeg)
        .arg("--device")
        .arg(&node)
        .fails(1)
        .says("iHD driver");
    // The distribution's ffmpeg has no such encoder, or no such GPU.
    encode(dir.path(), "av1-qsv", Path::new("ffmpeg"))
        .arg("--device")
        .arg(&node)
        .fails(1)
        .says("av1_qsv");
}

#[test]
fn hardware_that_is_only_preferred_is_replaced_by_software_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::bare(dir.path()).arg(clips::hdr10()).args([
        "-e",
        "auto-hw",
        "--device",
        "/nonexistent/renderD128",
    ]);
    let run = run
        .args(["--dry-run"])
        .succeeds()
        .says("no av1_qsv")
        .prints("SvtAv1EncApp");
    run.expect(run.stderr.contains("is used"), "what is used instead");
}

/// What a stand-in for a GPU is to be given.
pub struct Wanted {
    /// In ffmpeg's options, as a pattern of the shell.
    pub options: &'static str,
    /// How its frames begin,
    pub head: &'static str,
    /// how long each of them is,
    pub frame_bytes: u64,
    /// and what format they have.
    pub pixel_format: &'static str,
}

/// Stands in for a GPU: what it is given is looked at, and then encoded by another encoder. It knows no HDR10.
pub fn stand_in(dir: &Path, node: &Path, wanted: &Wanted) -> PathBuf {
    let Wanted {
        options,
        head,
        frame_bytes,
        pixel_format,
    } = wanted;
    // Spaces in a pattern end it, where they are not quoted.
    let options = options.replace(' ', "\\ ");
    let help =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ffmpeg-9.0.2-av1_qsv-help.txt");
    let wrong = "wrong() { echo \"the stand-in wants $*\" >&2; exit 70; }";
    let body = format!(
        r#"{wrong}
case "$*" in *av1_qsv*) ;; *) exec "$real" "$@" ;; esac
case "$*" in *-h\ encoder=*) exec cat '{help}' ;; esac
[ "$LIBVA_DRIVER_NAME" = iHD ] || wrong the driver
case "$*" in *"-init_hw_device qsv=qsv:hw_any,child_device={node} "*) ;; *) wrong the device ;; esac
case "$*" in *"-c:v av1_qsv -profile:v main "*) ;; *) wrong profile main ;; esac
case "$*" in */dev/zero*) exit 0 ;; esac
case "$*" in *{options}*) ;; *) wrong other options than "$*" ;; esac
for arg; do [ "$last" != -vf ] || vf=${{arg%,format*}}; last=$arg; done
in={dir}/$$.y4m; cat >"$in"
case "$(head -n 1 "$in")" in '{head}'*) ;; *) wrong "not $(head -n 1 "$in")" ;; esac
echo $(tail -n +2 "$in" | wc -c) {frame_bytes} >>{dir}/given
exec "$real" -nostdin -v error -f yuv4mpegpipe -i "$in" -vf "$vf" -pix_fmt {pixel_format} \
  -c:v libsvtav1 -preset 12 -svtav1-params keyint=0:scd=0 -f ivf -y "$last""#,
        help = help.display(),
        node = node.display(),
        dir = dir.display(),
    );
    fake(dir, "ffmpeg", &body)
}

#[test]
fn a_gpu_is_told_everything_and_the_film_has_its_hdr10() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let node = dir.join("renderD128");
    fs::write(&node, "").unwrap();
    let wanted = Wanted {
        options: ",format=p010le *-global_quality 26 -preset 7 *-async_depth 8 ",
        head: "YUV4MPEG2 W256 H144 F24000:1001 Ip A1:1 C420p10 XYSCSS=420P10",
        frame_bytes: 6 + 256 * 144 * 3,
        pixel_format: "yuv420p10le",
    };
    let ffmpeg = stand_in(&dir, &node, &wanted);
    let run = encode(&dir, "av1-qsv", &ffmpeg)
        .arg("--device")
        .arg(&node)
        .without_env("LIBVA_DRIVER_NAME");
    run.args([
        "--crf",
        "26",
        "--preset",
        "7",
        "-v",
        "--async_depth 8",
        "--json",
    ])
    .succeeds();
    is_the_hdr10_film(&dir);
    // Whole frames, all of the film and two of the trial.
    let given = fs::read_to_string(dir.join("given")).unwrap();
    let frames: u64 = given
        .lines()
        .map(|line| {
            let numbers: Vec<u64> = line
                .split(' ')
                .map(|number| number.parse().unwrap())
                .collect();
            assert_eq!(numbers[0] % numbers[1], 0, "{line}");
            numbers[0] / numbers[1]
        })
        .sum();
    assert_eq!(frames, 56 + 2);
}

#[test]
fn an_ffmpeg_that_is_too_old_is_refused_by_its_version() {
    let dir = tempfile::tempdir().unwrap();
    let old = "case $1 in -version) echo 'ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright (c) 2000-2021'; exit ;; esac";
    fake(
        dir.path(),
        "ffmpeg",
        &format!("{old}\nexec \"$real\" \"$@\""),
    );
    let run = || Run::encode(dir.path(), clips::one_frame(), "out.mkv").args(["-e", "libsvtav1"]);
    // Where ./setup has installed another one, that one is taken.
    with_fakes(dir.path(), run())
        .env("XDG_DATA_HOME", dir.path().canonicalize().unwrap())
        .args(["--chunk-method", "linear"])
        .fails(1)
        .says("4.4.2-0ubuntu0.22.04.1 is too old: 5.1");
    run()
        .args(["--ffmpeg", "bin/missing"])
        .fails(1)
        .says("bin/missing");
}

/// Makes `dir/NAME/SvtAv1EncApp`, which says that it is `version` and is else the real one.
fn calls_itself(dir: &Path, name: &str, version: &str) -> PathBuf {
    let path = dir.join(name).join("SvtAv1EncApp");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let body = format!(
        "[ \"$1\" != --version ] || {{ echo '{version}'; exit; }}\nexec '{}' \"$@\"",
        real().display()
    );
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_fork_comes_before_mainline_and_what_does_not_run_before_neither() {
    let dir = tempfile::tempdir().unwrap();
    let broken = calls_itself(dir.path(), "broken", "no encoder");
    calls_itself(dir.path(), "mainline", "SVT-AV1 v4.2.0 (release)");
    let fork = calls_itself(dir.path(), "psy", "SVT-AV1-PSY v3.0.2 (release)");
    calls_itself(dir.path(), "hdr", "SVT-AV1-HDR v4.1.0 (release)");
    let dirs = ["broken", "mainline", "psy", "hdr"].map(|name| dir.path().join(name));
    let path = env::join_paths(
        dirs.into_iter()
            .chain(env::split_paths(&env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let run = || {
        Run::encode(dir.path(), clips::one_frame(), "out.mkv")
            .env("PATH", &path)
            .arg("--json")
    };
    let run_of_fork = run().arg("--dry-run").succeeds();
    run_of_fork.expect(
        run_of_fork.stdout.contains(fork.to_str().unwrap()),
        "the first fork in PATH",
    );
    let told = run().succeeds();
    tells(&told, broken.to_str().unwrap());
    assert_eq!(messages(&told, "note").len(), 1);
}
