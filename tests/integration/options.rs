//! Options of encoders that mean another thing in chunks, need a file, contradict each other, or make what was not asked
//! for.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    check::is_whole,
    clips,
    encoders::{old, real, script},
    families::ffmpeg_9,
    run::{Ended, Run},
};

/// Frames of each of the two scenes of [`clips::hdr10`].
const SCENE: usize = 28;
/// Blocks of 64x64 in a picture of that film.
const BLOCKS: usize = 4 * 3;

/// Encodes the film of two scenes with the newest encoder, and keeps the chunks.
fn encode(dir: &Path, params: &str) -> Run {
    with(dir, "10", params)
        .args(["--keep", "--encoder-path"])
        .arg(real())
}

fn with(dir: &Path, preset: &str, params: &str) -> Run {
    Run::bare(dir)
        .args(["-w", "2", "--preset", preset, "-o", "out.mkv", "-i"])
        .arg(clips::hdr10())
        .args(["-v", params])
}

/// The bytes of both chunks, when the encoder reads `text` in a file that `params` name.
fn chunks(params: &str, text: &str) -> [Vec<u8>; 2] {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("the file.txt"), text).unwrap();
    encode(dir.path(), params).succeeds();
    is_whole(
        &dir.path().join("out.mkv"),
        &clips::hdr10(),
        2 * SCENE as u64,
    );
    ["00000", "00001"]
        .map(|n| fs::read(dir.path().join(format!("out.mkv.av1enc/chunks/{n}.ivf"))).unwrap())
}

#[test]
fn every_chunk_gets_the_quantisers_of_its_own_pictures() {
    let (fine, coarse) = ("20\n".repeat(SCENE), "60\n".repeat(SCENE));
    let chunks = |text: String| chunks("--use-q-file 1 --qpfile 'the file.txt'", &text);
    let both = chunks(format!("{fine}{coarse}"));
    let only_fine = chunks(format!("{fine}{fine}"));
    let only_coarse = chunks(format!("{coarse}{coarse}"));
    assert!(both[0] == only_fine[0] && both[1] == only_coarse[1]);
    assert!(
        only_fine[0].len() > 2 * only_coarse[0].len(),
        "they make a difference"
    );
}

#[test]
fn a_region_of_interest_holds_until_the_next_one_across_chunks() {
    let event =
        |picture: usize, offset: i32| format!("{picture}{}\n", format!(" {offset}").repeat(BLOCKS));
    let chunks = |text: String| chunks("--roi-map-file 'the file.txt'", &text);
    let both = chunks(event(0, 0) + &event(SCENE - 4, 120) + &event(SCENE + 4, 0));
    let second = chunks(event(0, 120) + &event(SCENE + 4, 0));
    let first = chunks(event(0, 0) + &event(SCENE - 4, 120));
    assert!(both[0] == first[0] && both[1] == second[1]);
    assert!(both[1] != first[1], "they make a difference");
}

#[test]
fn a_file_with_too_few_lines_ends_the_run_with_their_number() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("qp.txt"), "30\n".repeat(SCENE + 5)).unwrap();
    let _ = encode(dir.path(), "--use-q-file 1 --qpfile qp.txt")
        .fails(1)
        .says("--qpfile")
        .says("it has lines for 33 pictures, and the film has more");
}

/// Options whose description speaks of a file or of numbers of pictures, and that have neither as their value.
const NO_FILES: &[&str] = &[
    "input-depth",
    "use-q-file",
    "allow-mmap-file",
    "svtav1-params",
];

#[test]
fn no_option_of_a_file_of_any_encoder_here_is_one_that_nobody_has_judged() {
    let dir = tempfile::tempdir().unwrap();
    for encoder in [Some(real().to_owned()), old()].into_iter().flatten() {
        let help = Command::new(&encoder).arg("--help").output().unwrap();
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        let speaks = |line: &&str| {
            let words: Vec<&str> = line.split(|c: char| !c.is_ascii_alphanumeric()).collect();
            ["file", "path", "Filename", "json"]
                .iter()
                .any(|word| words.contains(word))
                || ["frame number", "start,end", "specifiers"]
                    .iter()
                    .any(|text| line.contains(text))
        };
        let mut judged = 0;
        for line in help.lines().filter(speaks) {
            let Some((_, name)) = line
                .split_once("--")
                .filter(|(before, _)| before.len() < 20)
            else {
                continue;
            };
            let name = name
                .split(|c: char| c.is_whitespace() || c == '\u{1b}')
                .next()
                .unwrap();
            if NO_FILES.contains(&name) {
                continue;
            }
            let run = with(dir.path(), "10", &format!("--{name} /nonexistent/file"));
            let run = run
                .args(["--dry-run", "--encoder-path"])
                .arg(&encoder)
                .fails(2);
            let reasons = ["cannot be set here: ", "No such file or directory"];
            let judgement = reasons.iter().any(|reason| run.stderr.contains(reason));
            run.expect(
                judgement,
                &format!("a judgement of --{name} of {}", encoder.display()),
            );
            judged += 1;
        }
        assert!(judged > 5, "{}: {help}", encoder.display());
    }
}

/// A table of film grain of this strength.
fn grain(strength: u8) -> String {
    format!(
        "filmgrn1\nE 0 9223372036854775807 1 7391 1\n\tp 0 6 0 8 0 1 128 192 256 128 192 256\n\
         \tsY 2  0 {strength} 255 {strength}\n\tsCb 0\n\tsCr 0\n\tcY\n\tcCb 0\n\tcCr 0\n"
    )
}

#[test]
fn a_table_of_grain_is_part_of_the_job_and_is_named_from_where_the_user_is() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("grain.tbl");
    fs::write(&table, grain(20)).unwrap();
    let encoder = script(
        dir.path(),
        "[ $chunk != 00001 ] || [ -e ../lab/whole ] || exit 9",
    );
    let run = || {
        with(dir.path(), "10", "--fgs-table grain.tbl")
            .arg("--encoder-path")
            .arg(&encoder)
    };
    let _ = run().fails(1);
    fs::write(dir.path().join("lab/whole"), "").unwrap();
    fs::write(&table, grain(80)).unwrap();
    let _ = run()
        .fails(3)
        .says("the content of `")
        .says("which --fgs-table names");
    fs::write(&table, grain(20)).unwrap();
    run().succeeds();
    is_whole(
        &dir.path().join("out.mkv"),
        &clips::hdr10(),
        2 * SCENE as u64,
    );
}

#[test]
fn a_table_of_grain_that_changes_while_the_film_is_encoded_ends_the_run() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("grain.tbl"), grain(20)).unwrap();
    let encoder = script(dir.path(), "echo >>../grain.tbl");
    let _ = with(dir.path(), "10", "--fgs-table grain.tbl")
        .arg("--encoder-path")
        .arg(&encoder)
        .fails(1)
        .says("has changed while the film was encoded");
}

#[test]
fn filters_of_sound_in_a_file_are_part_of_the_sound_and_not_of_the_picture() {
    let dir = tempfile::tempdir().unwrap();
    let filters = dir.path().join("filters");
    fs::write(&filters, "volume=0dB").unwrap();
    let encoder = script(
        dir.path(),
        "[ $chunk != 00001 ] || [ -e ../lab/whole ] || exit 9",
    );
    let run = || {
        with(dir.path(), "10", "")
            .args([
                "-a",
                "-c:a libopus -filter_script:a filters",
                "--encoder-path",
            ])
            .arg(&encoder)
    };
    let _ = run().fails(1);
    fs::write(dir.path().join("lab/whole"), "").unwrap();
    fs::write(&filters, "volume=-20dB").unwrap();
    let ended = run().arg("--json").succeeds();
    assert_eq!(ended.finished()["resumed_chunks"], 1);
    let peak = peak_db(&dir.path().join("out.mkv"));
    assert!(peak < -28.0, "{peak} dB are of the sound as it was");
}

/// The loudest sample of a film, in decibels of the loudest that can be.
fn peak_db(film: &Path) -> f64 {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(film)
        .args(["-vn", "-af", "volumedetect", "-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, peak) = said.split_once("max_volume: ").unwrap();
    peak.split(' ').next().unwrap().parse().unwrap()
}

/// Kilobits a second of the picture of what was encoded.
fn kilobits(ended: &Ended) -> f64 {
    let report = ended.finished();
    let seconds = report["proof"]["duration_seconds"].as_f64().unwrap();
    report["video_bytes"].as_f64().unwrap() * 8.0 / 1000.0 / seconds
}

#[test]
fn a_rate_is_aimed_at_by_every_chunk_and_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let rate = |rate: &str| {
        let run = encode(dir.path(), &format!("--rc 1 --tbr {rate}"));
        let ended = run.args(["--json", "-y", "--restart"]).succeeds();
        ended.expect(
            ended
                .stdout
                .contains("every chunk aims at the rate by itself"),
            "a warning",
        );
        is_whole(
            &dir.path().join("out.mkv"),
            &clips::hdr10(),
            2 * SCENE as u64,
        );
        kilobits(&ended)
    };
    let (low, high) = (rate("100"), rate("3000"));
    assert!(high > 1.5 * low, "{low} and {high} kbit/s");
}

#[test]
fn what_the_encoder_refuses_or_undoes_is_said_in_its_own_words_in_the_first_seconds() {
    let dir = tempfile::tempdir().unwrap();
    for (preset, params, says) in [
        // It exits 0, and writes nothing.
        (
            "10",
            "--rc 1 --tbr 400 --keyint -1",
            "The intra period must be > 0",
        ),
        (
            "10",
            "--rc 2 --tbr 400",
            "CBR Rate control is currently not supported for RANDOM_ACCESS",
        ),
        ("10", "--tbr 400", "not read without --rc 1"),
        ("10", "--crf 20 --rc 1", "--crf contradicts --rc"),
        ("10", "--passes 2", "a pipe, which cannot be read twice"),
        (
            "10",
            "--scm 1",
            "Screen-content detection and tools are disabled",
        ),
        (
            "8",
            "--superres-mode 1 --superres-denom 12 --tile-columns 1",
            "Tiles will be disabled",
        ),
        (
            "8",
            "--resize-mode 1 --resize-denom 16",
            "pictures of 128x72 instead of 256x144",
        ),
        ("11", "--lossless 1", "no decoder shows"),
        ("8", "--qpfile x.txt", "No such file"),
        ("8", "--sframe-posi 10,20", "use --sframe-dist"),
    ] {
        let ended = with(dir.path(), preset, params)
            .arg("--encoder-path")
            .arg(real())
            .fails(2)
            .says(says);
        ended.expect(!ended.stderr.contains("disk full"), "nothing of a disk");
    }
}

#[test]
fn a_list_is_not_measured_by_the_range_of_its_elements() {
    let dir = tempfile::tempdir().unwrap();
    encode(
        dir.path(),
        "--use-fixed-qindex-offsets 1 --qindex-offsets 10,20,30,40,50,60 --passes 1",
    )
    .succeeds();
}

#[test]
fn a_chunk_whose_pictures_are_not_those_that_were_asked_for_is_not_finished() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(
        dir.path(),
        &format!(
            "case $chunk in 0*) exec {} \"$@\" --resize-mode 1 --resize-denom 16;; esac",
            real().display()
        ),
    );
    // The chunk that ends first is looked at in any case.
    let _ = with(dir.path(), "8", "")
        .arg("--encoder-path")
        .arg(&encoder)
        .fails(1)
        .says("the encoder makes pictures of 128x72 instead of 256x144");
}

/// Options that change how a picture is built, of one encoder: each gives the film whole, or is refused at once.
#[track_caller]
fn each_is_whole_or_refused(encoder: &[&str], preset: &str, options: &[&str]) -> usize {
    let mut whole = 0;
    for params in options {
        let dir = tempfile::tempdir().unwrap();
        let run = with(dir.path(), preset, params).args(encoder).arg("--json");
        let ended = run.ends().exits_with_one_of(&[0, 2]);
        if ended.failure().is_none() {
            is_whole(
                &dir.path().join("out.mkv"),
                &clips::hdr10(),
                2 * SCENE as u64,
            );
            whole += 1;
        } else {
            ended.expect(!ended.stdout.contains("\"encode\""), "nothing was encoded");
        }
    }
    whole
}

/// What SVT-AV1 has of them.
const UNUSUAL: &[&str] = &[
    "--tile-rows 1 --tile-columns 1",
    "--superres-mode 1 --superres-denom 12",
    "--superres-mode 4",
    "--resize-mode 1 --resize-denom 12",
    "--resize-mode 3",
    "--scm 1",
    "--enable-overlays 1",
    "--sframe-dist 8",
    "--sframe-dist 8 --sframe-mode 2",
    "--irefresh-type 1",
    "--pred-struct 1",
    "--film-grain 8",
    "--startup-mg-size 3",
];

#[test]
fn unusual_options_of_svt_av1_give_the_film_or_are_refused_at_once() {
    let whole =
        each_is_whole_or_refused(&["--encoder-path", real().to_str().unwrap()], "8", UNUSUAL);
    assert!(whole >= 8, "{whole}");
}

#[test]
fn unusual_options_of_an_old_svt_av1_give_the_film_or_are_refused_at_once() {
    let Some(old) = old() else {
        return eprintln!("SKIPPED: there is no old encoder here; ./setup test unpacks one");
    };
    let options = &UNUSUAL[..9];
    let whole = each_is_whole_or_refused(&["--encoder-path", old.to_str().unwrap()], "8", options);
    assert!(whole >= 3, "{whole}");
}

#[test]
fn unusual_options_of_the_encoders_of_ffmpeg_give_the_film_or_are_refused_at_once() {
    let Some(ffmpeg) = ffmpeg_9() else { return };
    let ffmpeg: PathBuf = ffmpeg;
    let ffmpeg = ffmpeg.to_str().unwrap();
    for (encoder, preset, options, least) in [
        (
            "libsvtav1",
            "10",
            [
                "--superres-mode 1 --superres-denom 12",
                "--resize-mode 1 --resize-denom 12",
                "--enable-overlays 1",
                "--sframe-dist 8",
            ],
            2,
        ),
        (
            "libaom",
            "8",
            [
                "--superres-mode 1",
                "--tune-content screen",
                "--lossless 1",
                "--sframe-dist 8",
            ],
            1,
        ),
        (
            "librav1e",
            "10",
            [
                "--tile-rows 2",
                "--tiles 4",
                "--low_latency true",
                "--quantizer 0",
            ],
            1,
        ),
    ] {
        let whole =
            each_is_whole_or_refused(&["-e", encoder, "--ffmpeg", ffmpeg], preset, &options);
        assert!(whole >= least, "{encoder}: {whole}");
    }
}
