//! Who has used av1an changes the name of the program, and nothing else.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    chance::Chance,
    check::{File, is_whole},
    clips,
    encoders::{private, script},
    families::ffmpeg_9,
    hdr,
    run::{Ended, Run},
};

const HDR10: &str = "--crf 28 --preset 6 --tune 0 --lp 4 --color-primaries 9 --transfer-characteristics 16 \
                     --matrix-coefficients 9 --mastering-display \
                     G(0.1700,0.7970)B(0.1310,0.0460)R(0.7080,0.2920)WP(0.3127,0.3290)L(1000.0,0.0001) \
                     --content-light 949,438 --variance-boost-curve 3";
const SDR: &str = "--crf 28 --preset 6 --tune 0 --variance-boost-curve 3 --lp 4";

/// The command line that people have in their scripts.
fn line(dir: &Path, input: &str, output: &str, workers: &str, params: &str) -> Run {
    Run::bare(dir)
        .args([
            "-i",
            input,
            "-o",
            output,
            "-e",
            "svt-av1",
            "-w",
            workers,
            "--chunk-method",
            "ffms2",
        ])
        .args([
            "--split-method",
            "av-scenechange",
            "-x",
            "240",
            "--pix-format",
            "yuv420p10le",
            "--concat",
            "mkvmerge",
        ])
        .args([
            "-v",
            params,
            "-f",
            "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc",
        ])
        .args(["-a", "-c:a copy", "--verbose"])
}

#[test]
fn the_hdr10_line_of_av1an_runs_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let input = "-it's a \"film\" (1080p) [x] & more; $HOME.mkv";
    fs::copy(clips::hdr10(), dir.path().join(input)).unwrap();
    let run = line(dir.path(), input, "-out it's.mkv", "2", HDR10).succeeds();
    run.expect(
        run.warnings()
            .iter()
            .all(|warning| !warning.contains("-f: ")),
        "no warning about colours",
    );
    is_whole(&dir.path().join("-out it's.mkv"), &clips::hdr10(), 56);
    hdr::is_exact(&dir.path().join("-out it's.mkv"));
}

#[test]
fn the_hdr10_line_of_av1an_gives_hdr10_to_a_source_that_does_not_say_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::chroma_422(), dir.path().join("in.mkv")).unwrap();
    line(dir.path(), "in.mkv", "out.mkv", "2", HDR10).succeeds();
    // Limited is what the encoder writes where nobody has named a range; the metadata is the user's word.
    hdr::is_exact(&dir.path().join("out.mkv"));
}

#[test]
fn the_sdr_line_of_av1an_leaves_bt709_what_it_is_and_says_so_once() {
    let dir = tempfile::tempdir().unwrap();
    let input = "ein Film – „schön“.mkv";
    fs::copy(clips::film(), dir.path().join(input)).unwrap();
    let run = line(dir.path(), input, "aus gabe.mkv", "4", SDR).succeeds();
    let about_colors = run
        .warnings()
        .iter()
        .filter(|warning| warning.contains("-f: "))
        .count();
    run.expect(about_colors == 1, "one warning about colours");
    let output = is_whole(&dir.path().join("aus gabe.mkv"), &clips::film(), 120);
    assert_eq!(output.colors(), "bt709 bt709 bt709 tv");
}

#[test]
fn the_sdr_line_of_av1an_makes_no_pq_of_a_film_that_says_nothing() {
    // 8 bit; 10 bit without HDR metadata.
    for clip in [clips::odd_size(), clips::chroma_422()] {
        let dir = tempfile::tempdir().unwrap();
        fs::copy(&clip, dir.path().join("in.mkv")).unwrap();
        let run = line(dir.path(), "in.mkv", "out.mkv", "2", SDR).succeeds();
        let about_colors: Vec<_> = run
            .warnings()
            .into_iter()
            .filter(|line| line.contains("-f: "))
            .collect();
        run.expect(about_colors.len() == 1, "one warning about colours");
        assert_eq!(File::open(&dir.path().join("out.mkv")).colors(), "- - - tv");
        // What it tells to type makes it PQ.
        let (_, typed) = about_colors[0].split_once(" -v \"").unwrap();
        assert!(
            typed.starts_with("--transfer-characteristics 16"),
            "{typed}"
        );
        Run::encode(dir.path(), "in.mkv", "pq.mkv")
            .args(["-v", typed.strip_suffix('"').unwrap()])
            .succeeds();
        assert_eq!(
            File::open(&dir.path().join("pq.mkv")).colors(),
            "bt2020 smpte2084 bt2020nc tv"
        );
    }
}

#[test]
fn colour_tags_are_for_sources_without() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::chroma_422(), dir.path().join("in.mkv")).unwrap();
    let tags = "-color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv";
    let run = Run::encode(dir.path(), "in.mkv", "out.mkv")
        .args(["-f", tags])
        .succeeds();
    let warnings = run.warnings();
    run.expect(
        warnings.len() == 1 && warnings[0].contains("4:2:2"),
        "no warning of the tags",
    );
    let output = File::open(&dir.path().join("out.mkv"));
    assert_eq!(output.colors(), "bt709 bt709 bt709 tv");
}

/// The flags of every version, as av1an lists them itself.
const HELP: &str = include_str!("av1an-help.txt");

#[test]
fn every_flag_that_av1an_lists_is_taken_or_answered() {
    let dir = tempfile::tempdir().unwrap();
    let listed = HELP.lines().filter(|line| line.starts_with("  "));
    let is_flag = |word: &&str| word.starts_with('-');
    let mut names: Vec<&str> = listed
        .flat_map(|line| line.split([' ', ',']).filter(is_flag))
        .collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() > 70, "{names:?}");
    let is_known = |name: &str| {
        // What follows is wrong for most of them: it is the flag itself that must be known.
        let ended = Run::bare(dir.path())
            .args(["missing.mkv", name, "1"])
            .ends();
        !ended.stderr.contains(&format!("av1enc has no {name}"))
    };
    assert!(!is_known("--no-such-flag"));
    for name in names {
        assert!(is_known(name), "{name}");
    }
}

/// Frames of [`tiny`].
const FRAMES: usize = 16;

/// Two scenes of a size at which every encoder is quick.
fn tiny() -> PathBuf {
    let scene =
        |source: &str| format!("{source}=s=64x64:r=24,trim=end_frame=8,setpts=N,format=yuv420p");
    let graph = format!(
        "{}[a];{}[b];[a][b]concat=n=2,settb=1/24,setpts=N[v]",
        scene("testsrc2"),
        scene("smptehdbars")
    );
    clips::kept(graph.as_bytes(), "tt_sif.y4m", |dir| {
        let args = [
            "-filter_complex",
            &graph,
            "-map",
            "[v]",
            "-r",
            "24",
            "tt_sif.y4m",
        ];
        clips::ffmpeg(dir, &args);
    })
}

const AOM: &str = " --cpu-used=10 --rt --threads=4";
const RAV1E: &str = " --speed 10 --low-latency";
const SVT: &str = " --preset 8";

/// A line of av1an's own tests from beginning to end, with av1enc in its place.
fn own(dir: &Path, input: &Path, encoder: &str, more: &[&str]) -> Run {
    let temp = dir.join("temp");
    fs::create_dir_all(&temp).unwrap();
    let run = Run::bare(dir).arg("-i").arg(input);
    let run = run.args(["-e", encoder, "--pix-format", "yuv420p", "-y"]);
    run.arg("--temp")
        .arg(temp)
        .args(["-o", "out.mkv"])
        .args(more)
}

/// The line gives the film.
#[track_caller]
fn runs(encoder: &str, more: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    own(dir.path(), &tiny(), encoder, more).succeeds();
    let frames = File::open(&dir.path().join("out.mkv")).decoded();
    assert_eq!(frames, FRAMES as u64, "{encoder} {more:?}");
}

#[test]
fn the_lines_of_av1ans_own_tests_give_a_film_with_every_encoder() {
    let fast = ["--sc-method", "fast"];
    for (encoder, params) in [("aom", AOM), ("rav1e", RAV1E), ("svt-av1", SVT)] {
        runs(encoder, &fast);
        runs(
            encoder,
            &[&fast[..], &["-v", params, "--chunk-method", "select"]].concat(),
        );
    }
}

#[test]
fn the_lines_of_av1ans_own_tests_give_a_film_with_every_method_and_flag() {
    let fast = |more: &[&str]| {
        let all = [&["--sc-method", "fast"], more].concat();
        runs("aom", &all);
    };
    let lines: [&[&str]; 10] = [
        &["-v", AOM, "--chunk-method", "hybrid"],
        &["-v", AOM, "--chunk-method", "select"],
        &["-v", AOM, "--chunk-method", "ffms2"],
        &["-v", AOM, "--chunk-method", "lsmash"],
        &["-v", AOM, "-w", "2"],
        &["-v", AOM, "--vmaf"],
        &["-v", AOM, "-x", "10"],
        &["-v", AOM, "-c", "ffmpeg"],
        &["--sc-downscale-height", "160"],
        &["--sc-pix-format", "yuv420p10le"],
    ];
    for line in Chance::of(5).some(lines) {
        fast(line);
    }
    runs("aom", &["-v", AOM]);
}

/// What a file of scenes holds: frames, and where chunks begin.
fn scenes(file: &Path) -> (u64, Vec<u64>) {
    let json: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let starts = json["split_scenes"].as_array().unwrap().iter();
    let starts = starts
        .map(|scene| scene["start_frame"].as_u64().unwrap())
        .collect();
    (json["frames"].as_u64().unwrap(), starts)
}

/// The chunks that were encoded.
#[track_caller]
fn chunks(ended: &Ended) -> Value {
    ended.finished()["chunks"].clone()
}

#[test]
fn the_scenes_are_written_once_and_read_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scenes.json");
    let line = |more: &[&str]| {
        let more = [
            &[
                "-v",
                AOM,
                "--sc-method",
                "fast",
                "-s",
                "scenes.json",
                "--json",
            ],
            more,
        ]
        .concat();
        own(dir.path(), &tiny(), "aom", &more)
    };
    let run = line(&["--sc-only", "--min-scene-len", "4"]).succeeds();
    run.expect(!dir.path().join("out.mkv").exists(), "no film");
    run.expect(!dir.path().join("temp").exists(), "no job");
    assert_eq!(scenes(&file), (FRAMES as u64, vec![0, 8]));
    assert_eq!(chunks(&line(&[]).succeeds()), 2);
    // What is in the file decides, whatever else is said.
    let text = fs::read_to_string(&file).unwrap();
    let moved = text.replace(": 8", ": 5");
    fs::write(&file, &moved).unwrap();
    assert_eq!(chunks(&line(&["--force-keyframes", "12"]).succeeds()), 3);
    assert_eq!(fs::read_to_string(&file).unwrap(), moved, "it stays");
    fs::write(&file, text.replace("16", "15")).unwrap();
    let _ = line(&[])
        .fails(2)
        .says("is of a film of 15 frames, and this one has 16");
    fs::write(&file, "{}").unwrap();
    let _ = line(&[]).fails(2).says("is not av1an's JSON of scenes");
    fs::remove_file(&file).unwrap();
    line(&["--keep"]).succeeds();
    assert_eq!(scenes(&file).0, FRAMES as u64, "an encode writes it, too");
    // The job that has written it goes on with it.
    let again = line(&["--keep"]).succeeds().finished();
    assert_eq!(again["resumed_chunks"], again["chunks"]);
}

#[test]
fn what_cannot_be_done_yet_and_what_is_no_av1_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let fast = ["--sc-method", "fast"];
    for (encoder, params) in [("aom", AOM), ("rav1e", RAV1E), ("svt-av1", SVT)] {
        for probe in [&[][..], &["--probe-video-params", "copy"]] {
            let more = [&fast[..], &["-v", params, "--target-quality", "95"], probe].concat();
            let _ = own(dir.path(), &tiny(), encoder, &more)
                .fails(2)
                .says("--crf");
        }
    }
    for encoder in ["vpx", "x264", "x265"] {
        let _ = own(dir.path(), &tiny(), encoder, &fast)
            .fails(2)
            .says("av1enc makes AV1 only; of av1an's encoders it has svt-av1, aom and rav1e");
    }
}

#[test]
fn a_script_is_answered_with_what_makes_a_film_of_it() {
    let Some(vspipe) = private("vapoursynth/bin/vspipe") else {
        return eprintln!("SKIPPED: there is no vspipe here; ./setup test installs one");
    };
    let dir = tempfile::tempdir().unwrap();
    let name = "it's one.vpy";
    let lines = "import vapoursynth as vs\n\
                 vs.core.std.BlankClip(width=64, height=64, format=vs.YUV420P8, length=3, fpsnum=24).set_output()\n";
    fs::write(dir.path().join(name), lines).unwrap();
    let ended = Run::bare(dir.path())
        .args([name, "--sc-downscale-height", "160"])
        .fails(2);
    let typed: Vec<&str> = ended.stderr.split('`').skip(1).step_by(2).collect();
    let [make, encode] = typed[..] else {
        panic!("two commands: {}", ended.stderr)
    };
    let bins = [
        vspipe.parent().unwrap(),
        Path::new(env!("CARGO_BIN_EXE_av1enc")).parent().unwrap(),
    ];
    let path = env::join_paths(
        bins.map(Path::to_owned)
            .into_iter()
            .chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    let shell = Command::new("sh")
        .args(["-ec", &format!("{make}\n{encode} --preset 12")])
        .current_dir(dir.path())
        .env("PATH", path.unwrap())
        .output()
        .unwrap();
    assert!(
        shell.status.success(),
        "{}",
        String::from_utf8_lossy(&shell.stderr)
    );
    assert_eq!(
        File::open(&dir.path().join("it's one.av1.mkv")).decoded(),
        3
    );
}

#[test]
fn what_ffmpeg_is_told_in_a_recipe_is_understood() {
    let Some(ffmpeg) = ffmpeg_9() else { return };
    let dir = tempfile::tempdir().unwrap();
    let line = "-c:v libsvtav1 -crf 28 -preset 6 -svtav1-params \"tune=0:enable-variance-boost=1:\
                variance-boost-strength=2:variance-octile=5:variance-boost-curve=3:sharpness=1:\
                qp-scale-compress-strength=1\"";
    let run = Run::bare(dir.path())
        .arg("-i")
        .arg(tiny())
        .args(["-o", "out.mkv", "-v", line]);
    let run = run
        .arg("--ffmpeg")
        .arg(ffmpeg)
        .args(["--no-chunks", "--keep"]);
    let ended = run.succeeds();
    ended.expect(
        ended
            .warnings()
            .iter()
            .any(|text| text.contains("variance-boost-curve 3 is left out")),
        "a warning",
    );
    assert_eq!(
        File::open(&dir.path().join("out.mkv")).decoded(),
        FRAMES as u64
    );
    let job = fs::read(dir.path().join("out.mkv.av1enc/job.json")).unwrap();
    let job: Value = serde_json::from_slice(&job).unwrap();
    let params = job["recipe"]["params"].to_string();
    for param in ["variance-octile", "sharpness", "qp-scale-compress-strength"] {
        assert!(params.contains(param), "{params}");
    }
}

#[test]
fn where_paths_ffmpeg_is_too_old_for_a_recipe_the_one_of_setup_encodes() {
    if ffmpeg_9().is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let line = "-c:v libsvtav1 -crf 28 -preset 12 -svtav1-params \"tune=0:enable-variance-boost=1:\
                variance-boost-strength=2:variance-octile=5:variance-boost-curve=3:sharpness=1:\
                qp-scale-compress-strength=1\"";
    for (number, how) in [["-e", "libsvtav1"].as_slice(), &["--no-chunks"]]
        .iter()
        .enumerate()
    {
        let output = format!("{number}.mkv");
        let run = Run::bare(dir.path()).arg("-i").arg(tiny());
        let ended = run.args(["-o", &output, "-v", line]).args(*how).succeeds();
        ended.expect(ended.stderr.contains("in ffmpeg n9"), "which one encodes");
        assert_eq!(
            File::open(&dir.path().join(output)).decoded(),
            FRAMES as u64
        );
    }
    // What PATH's takes, it encodes.
    let run = Run::bare(dir.path())
        .arg("-i")
        .arg(tiny())
        .args(["-e", "libsvtav1"]);
    let ended = run.args(["-o", "own.mkv", "--preset", "12"]).succeeds();
    ended.expect(!ended.stderr.contains("in ffmpeg n9"), "PATH's encodes");
}

#[test]
fn what_changes_the_cuts_belongs_to_the_job() {
    let dir = tempfile::tempdir().unwrap();
    let line = |more: &[&str]| {
        let run = Run::bare(dir.path())
            .arg("-i")
            .arg(tiny())
            .args(["-o", "out.mkv", "--preset", "12"]);
        run.args(["-y", "--keep", "--min-scene-len", "4"])
            .args(more)
    };
    line(&[]).succeeds();
    for (more, says) in [
        (
            ["--sc-method", "fast"],
            "--sc-method: standard there, fast now",
        ),
        (
            ["--split-method", "none"],
            "--sc-method: standard there, none now",
        ),
        (
            ["--sc-downscale-height", "32"],
            "--sc-downscale-height: 720 there, 32 now",
        ),
        (
            ["--force-keyframes", "3"],
            "frames at which chunks begin: none named there, 3 now",
        ),
        (
            ["--extra-split-sec", "0.25"],
            "--extra-split: 240 there, 6 now",
        ),
    ] {
        let _ = line(&more).fails(3).says(says);
    }
    // Who asks for the same by other words goes on.
    line(&["--extra-split-sec", "10"]).succeeds();
}

#[test]
fn an_encoder_is_kept_on_its_processors() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(
        dir.path(),
        "grep Cpus_allowed_list /proc/self/status >>../lab/kept",
    );
    let run = Run::bare(dir.path())
        .arg("-i")
        .arg(clips::hdr10())
        .args(["-o", "out.mkv", "-w", "1", "--preset", "12"]);
    run.args(["--set-thread-affinity", "1", "--encoder-path"])
        .arg(encoder)
        .succeeds();
    let kept = fs::read_to_string(dir.path().join("lab/kept")).unwrap();
    for line in kept.lines() {
        let (_, processors) = line.split_once(':').unwrap();
        assert!(
            processors.trim().parse::<usize>().is_ok(),
            "one of them: {kept}"
        );
    }
}

#[test]
fn a_log_has_everything_and_is_appended_to() {
    let dir = tempfile::tempdir().unwrap();
    let line = |more: &[&str]| {
        let run = Run::bare(dir.path())
            .arg("-i")
            .arg(tiny())
            .args(["-o", "out.mkv", "-q", "--preset", "12"]);
        run.args(["-l", "a log", "-r", "--max-tries", "4"])
            .args(more)
    };
    line(&[]).succeeds().prints_nothing();
    let _ = line(&[]).ends().exits(3);
    let log = fs::read_to_string(dir.path().join("a log")).unwrap();
    for part in [
        "--resume: not needed",
        "--max-tries 4: a chunk is tried three times",
        "Encoding",
        "chunk 0: 16 frames",
        "proven: 16 frames",
        "error: ",
    ] {
        assert!(log.contains(part), "{part:?}: {log}");
    }
    for film in ["out.mkv", "./out.mkv"] {
        let _ = Run::bare(dir.path())
            .args([tiny().to_str().unwrap(), "-o", "out.mkv", "-l", film])
            .ends()
            .exits(2)
            .says("that is a film");
    }
}

#[test]
fn without_defaults_what_is_needed_must_be_named() {
    let dir = tempfile::tempdir().unwrap();
    let line = |params: &str| {
        let run =
            Run::bare(dir.path())
                .arg("-i")
                .arg(tiny())
                .args(["-o", "out.mkv", "--no-defaults"]);
        run.args(["-v", params, "--dry-run"])
    };
    let _ = line("--preset 12").fails(2).says("--crf 28 --preset 6");
    let ended = line("--preset 12 --crf 30").succeeds();
    ended.expect(!ended.stdout.contains("--tune"), "nothing of av1enc's own");
}

#[test]
fn the_names_that_others_use_for_encoders_and_their_options_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let line = |encoder: &str, params: &str| {
        let run = Run::bare(dir.path())
            .arg("-i")
            .arg(tiny())
            .args(["-o", "out.mkv", "--dry-run"]);
        run.args(["-e", encoder, "-v", params]).succeeds()
    };
    for name in ["svt", "svt_av1", "svt-av1"] {
        line(name, "--input-depth 10 --preset 12").prints("SvtAv1EncApp");
    }
    let ended = line("libaom-av1", "--enable-hdr --cpu-used=9 --bit-depth=10");
    ended.expect(ended.stdout.contains("libaom-av1"), "the encoder");
    for says in [
        "HDR10 of the source is written by itself",
        "--cpu-used 9 becomes 8",
    ] {
        ended.expect(ended.stdout.contains(says), says);
    }
}
