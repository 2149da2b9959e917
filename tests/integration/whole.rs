//! Every kind of film comes out whole.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    advice::typed,
    check::{File, is_whole},
    clips,
    lab::messages,
    run::Run,
};

/// What came of a film.
struct Encoded {
    file: File,
    finished: Value,
    warnings: Vec<String>,
    _dir: TempDir,
}

/// Encodes a clip and checks all that holds for every film.
#[track_caller]
fn encode(source: &Path, frames: u64) -> Encoded {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), source, "out.mkv")
        .args(["--crf", "20", "--json"])
        .succeeds();
    let finished = run.finished();
    run.expect(
        finished["proof"]["frames"] == frames,
        &format!("proof of {frames} frames"),
    );
    let warnings = messages(&run, "warning");
    let file = is_whole(&dir.path().join("out.mkv"), source, frames);
    Encoded {
        file,
        finished,
        warnings,
        _dir: dir,
    }
}

#[test]
fn a_film_with_everything_keeps_everything() {
    let Encoded {
        file,
        finished,
        warnings,
        _dir,
    } = encode(&clips::film(), 120);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(file.colors(), "bt709 bt709 bt709 tv");
    assert_eq!(finished["chunks"], 4);
    let proof = &finished["proof"];
    assert_eq!(proof["tracks"], serde_json::json!([1, 1, 1]));
    assert_eq!(
        (&proof["chapters"], &proof["attachments"]),
        (&2.into(), &2.into())
    );
    // That the source has all this is a condition of the test.
    let contents = file.contents().to_string();
    for part in [
        "A film, “whole”",
        "The picture",
        "Two sweeps",
        "Français",
        "A font.ttf",
        "cover.jpg",
        "Début",
        "jpn",
        "N. N.",
    ] {
        assert!(contents.contains(part), "{part} in {contents}");
    }
}

#[test]
fn a_film_without_sound_keeps_its_subtitles() {
    let Encoded {
        file,
        finished,
        warnings,
        _dir,
    } = encode(&clips::silent(), 48);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(finished["proof"]["tracks"], serde_json::json!([1, 0, 1]));
    assert!(file.contents().to_string().contains("fre"));
}

#[test]
fn one_scene_is_one_chunk() {
    let Encoded { finished, .. } = encode(&clips::one_scene(), 48);
    assert_eq!(finished["chunks"], 1);
}

#[test]
fn one_frame_is_a_film() {
    let Encoded { finished, .. } = encode(&clips::one_frame(), 1);
    assert_eq!(finished["chunks"], 1);
}

#[test]
fn thirty_scenes_are_thirty_chunks_in_their_order() {
    let Encoded { finished, .. } = encode(&clips::thirty_scenes(), 30 * 26);
    assert_eq!(finished["chunks"], 30);
}

#[test]
fn hlg_stays_hlg() {
    let Encoded {
        file,
        warnings,
        _dir,
        ..
    } = encode(&clips::hlg(), 30);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(file.colors(), "bt2020 arib-std-b67 bt2020nc tv");
}

#[test]
fn full_range_stays_full_range_and_what_nobody_said_stays_unsaid() {
    let Encoded { file, _dir, .. } = encode(&clips::full_range(), 24);
    assert_eq!(file.colors(), "- - - pc");
}

#[test]
fn pixels_that_are_not_square_keep_their_shape() {
    let Encoded { file, _dir, .. } = encode(&clips::anamorphic(), 24);
    assert_eq!(file.video()["sample_aspect_ratio"], "16:15");
    assert_eq!(
        (&file.video()["width"], &file.video()["height"]),
        (&192.into(), &144.into())
    );
}

#[test]
fn an_odd_size_becomes_even_with_a_warning() {
    let Encoded {
        file,
        warnings,
        _dir,
        ..
    } = encode(&clips::odd_size(), 24);
    assert_eq!(
        (&file.video()["width"], &file.video()["height"]),
        (&212.into(), &120.into())
    );
    assert!(
        matches!(warnings.as_slice(), [one] if one.contains("213x121 is encoded as 212x120")),
        "{warnings:?}"
    );
}

#[test]
fn chroma_of_422_becomes_420_and_unknown_colours_stay_unknown() {
    let Encoded {
        file,
        warnings,
        _dir,
        ..
    } = encode(&clips::chroma_422(), 24);
    assert!(
        warnings[0].starts_with("its colours are in 4:2:2"),
        "{warnings:?}"
    );
    assert!(file.colors().starts_with("- - - "), "{}", file.colors());
}

#[test]
fn a_video_that_begins_late_begins_late() {
    let Encoded { file, _dir, .. } = encode(&clips::late_video(), 48);
    // mkvmerge can only shift what is there: the encoder's own delay is gone from the source already.
    assert_eq!(
        file.video()["start_time"],
        File::open(&clips::late_video()).video()["start_time"]
    );
    assert!(
        file.video()["start_time"]
            .as_str()
            .unwrap()
            .parse::<f64>()
            .unwrap()
            >= 0.5
    );
}

#[test]
fn a_film_that_is_to_be_turned_is_turned() {
    let Encoded { file, _dir, .. } = encode(&clips::rotated(), 24);
    assert_eq!(
        (&file.video()["width"], &file.video()["height"]),
        (&108.into(), &192.into())
    );
    assert_eq!(
        file.video()["sample_aspect_ratio"],
        "15:16",
        "so are its pixels"
    );
    assert!(
        !file.ffprobe.to_string().contains("rotation"),
        "it would be turned twice"
    );
}

#[test]
fn long_scenes_are_split_and_nothing_is_lost_between() {
    let dir = tempfile::tempdir().unwrap();
    // Between two keyframes of the source.
    let split = ["-x", "17", "--min-scene-len", "8", "--crf", "20", "--json"];
    let run = Run::encode(dir.path(), clips::one_scene(), "out.mkv")
        .args(split)
        .succeeds();
    run.expect(run.finished()["chunks"] == 3, "three chunks");
    is_whole(&dir.path().join("out.mkv"), &clips::one_scene(), 48);
}

#[test]
fn more_chunks_than_files_may_be_open_are_joined_in_groups() {
    let dir = tempfile::tempdir().unwrap();
    let encode = |run: Run, output: &str| {
        let run = run.arg(clips::thirty_scenes()).args(["-o", output]);
        run.args(["-w", "2", "--preset", "12", "--crf", "20", "--keep"])
            .succeeds()
    };
    let run = encode(Run::with_open_files(dir.path(), 90), "out.mkv");
    run.expect(
        dir.path().join("out.mkv.av1enc/group-0001.ivf").exists(),
        "more than one group",
    );
    let _ = encode(Run::bare(dir.path()), "free.mkv");
    let [grouped, free] = ["out.mkv", "free.mkv"].map(|name| fs::read(dir.path().join(name)));
    assert!(grouped.unwrap() == free.unwrap(), "the bytes are the same");
    is_whole(
        &dir.path().join("out.mkv"),
        &clips::thirty_scenes(),
        30 * 26,
    );
}

#[test]
fn frames_with_times_of_their_own_keep_them() {
    let dir = tempfile::tempdir().unwrap();
    let source = clips::variable_rate();
    Run::encode(dir.path(), &source, "out.mkv")
        .args(["--crf", "20"])
        .succeeds();
    let output = is_whole(&dir.path().join("out.mkv"), &source, 36);
    let times: Vec<u32> = output
        .times()
        .iter()
        .map(|time| time.round() as u32)
        .collect();
    assert_eq!(times, clips::variable_times());
}

#[test]
fn an_mp4_keeps_its_sound_and_its_language() {
    let Encoded {
        file,
        finished,
        warnings,
        _dir,
    } = encode(&clips::mp4(), 48);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(finished["proof"]["tracks"], serde_json::json!([1, 1, 0]));
    assert!(file.contents().to_string().contains("eng"));
}

#[test]
fn eight_bits_are_encoded_where_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    Run::encode(dir.path(), clips::one_scene(), "out.mkv")
        .args(["--pix-format", "yuv420p"])
        .succeeds();
    let output = File::open(&dir.path().join("out.mkv"));
    assert_eq!(output.video()["pix_fmt"], "yuv420p");
    assert_eq!((output.packets(), output.decoded()), (48, 48));
}

/// Runs the command that the refusal of `clip` prints, and returns what it makes.
#[track_caller]
fn converted(dir: &Path, clip: &Path) -> PathBuf {
    fs::copy(clip, dir.join("rgb.mkv")).unwrap();
    let run = Run::encode(dir, "rgb.mkv", "refused.mkv").fails(8);
    typed(
        dir,
        &run.stderr,
        "is not YUV; convert it first: ",
        "rgb.mkv",
        "CONVERTED.mkv",
    )
}

#[test]
fn the_command_that_a_refused_rgb_film_is_told_keeps_its_colours() {
    let bt2020 = ["-color_primaries", "bt2020", "-color_trc", "bt2020-10"];
    for (clip, colors, matrix) in [
        (clips::rgb("rgb.mkv", &[]), "- - bt709 tv", "bt709"),
        (
            clips::rgb("rgb-2020.mkv", &bt2020),
            "bt2020 bt2020-10 bt2020nc tv",
            "bt2020",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let converted = converted(dir.path(), &clip);
        Run::encode(dir.path(), &converted, "out.mkv")
            .args(["--crf", "10"])
            .succeeds();
        let output = is_whole(&dir.path().join("out.mkv"), &converted, 24);
        assert_eq!(output.colors(), colors);
        let source = File::open(&clip);
        assert_eq!(output.hashes(), source.hashes(), "the sound");
        // As RGB, averaged over squares: chroma of half the size makes little difference.
        let pixels = |file: &File, shown: &str| {
            let filters = format!("{shown}scale=32:18:flags=area,format=rgb24");
            let pixels = dir.path().join("pixels");
            let to = ["-f", "rawvideo", "-y", pixels.to_str().unwrap()];
            file.ffmpeg(
                &[
                    ["-i", "@", "-frames:v", "1", "-vf", &filters].as_slice(),
                    &to,
                ]
                .concat(),
            );
            fs::read(&pixels).unwrap()
        };
        let (is, should) = (
            pixels(
                &output,
                &format!("scale=in_color_matrix={matrix}:in_range=tv,format=gbrp,"),
            ),
            pixels(&source, ""),
        );
        assert_eq!(is.len(), 32 * 18 * 3);
        let off: u32 = is
            .iter()
            .zip(&should)
            .map(|(is, should)| u32::from(is.abs_diff(*should)))
            .sum();
        // Right colours are 0.8 of 255 off on average, those of another matrix 4.2.
        assert!(
            f64::from(off) / (is.len() as f64) < 1.5,
            "the colours of {} are {off} off",
            clip.display()
        );
    }
}
