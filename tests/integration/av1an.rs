//! Who has used av1an changes the name of the program, and nothing else.

use std::{fs, path::Path};

use crate::{
    check::{File, is_whole},
    clips, hdr,
    run::Run,
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
    run.expect(run.warnings().is_empty(), "no warning");
    let output = File::open(&dir.path().join("out.mkv"));
    assert_eq!(output.colors(), "bt709 bt709 bt709 tv");
}
