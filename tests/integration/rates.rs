//! Rates and sizes that no encoder takes, or few do.

use std::{fs, path::Path, time::Instant};

use crate::{
    check::{File, is_whole},
    clips,
    encoders::{old, real, script},
    run::Run,
};

/// Encodes `clip` and returns the rate that the encoder was told.
#[track_caller]
fn told_rate(clip: &Path, frames: u64) -> String {
    let dir = tempfile::tempdir().unwrap();
    let real = real().display();
    let tell = format!(
        "IFS= read -r head; printf '%s' \"$head\" >../lab/head\n\
         {{ printf '%s\\n' \"$head\"; cat; }} | '{real}' \"$@\"; exit"
    );
    let encoder = script(dir.path(), &tell);
    Run::encode(dir.path(), clip, "out.mkv")
        .arg("--encoder-path")
        .arg(&encoder)
        .args(["--crf", "20"])
        .succeeds();
    let output = is_whole(&dir.path().join("out.mkv"), clip, frames);
    let (is, should) = (output.times(), File::open(clip).times());
    // Matroska needs a millisecond between two.
    let mut least = 0.0;
    let shifted = should.iter().map(|time| {
        let shown = (time - should[0]).max(least);
        least = shown + 1.0;
        shown
    });
    for (n, (is, should)) in is.iter().zip(shifted).enumerate() {
        assert!(
            (is - should).abs() < 1.0,
            "frame {n} of {} is at {is} ms instead of {should} ms",
            clip.display()
        );
    }
    let head = fs::read_to_string(dir.path().join("lab/head")).unwrap();
    head.split(' ')
        .find_map(|word| word.strip_prefix('F'))
        .unwrap()
        .to_owned()
}

#[test]
fn a_rate_above_the_encoders_is_its_highest_one_and_times_stay() {
    assert_eq!(told_rate(&clips::at_rate("600.mp4", "600"), 48), "240:1");
    assert_eq!(told_rate(&clips::at_rate("1000.mkv", "1000"), 48), "240:1");
    assert_eq!(
        told_rate(&clips::at_rate("million.mp4", "1000000"), 48),
        "240:1"
    );
}

#[test]
fn frames_with_times_of_their_own_are_encoded_at_the_rate_that_they_come_to() {
    // 47 frames in 1555 ms.
    assert_eq!(told_rate(&clips::milliseconds(), 48), "1209:40");
}

#[test]
fn every_encoder_takes_a_film_of_a_thousand_frames_a_second() {
    let clip = clips::at_rate("1000.mkv", "1000");
    let old = old().map(|old| {
        vec![
            "--encoder-path".to_owned(),
            old.to_str().unwrap().to_owned(),
        ]
    });
    let named =
        ["libsvtav1", "libaom", "librav1e"].map(|name| vec!["-e".to_owned(), name.to_owned()]);
    let without_chunks = vec!["--no-chunks".to_owned()];
    for args in old.into_iter().chain(named).chain([without_chunks]) {
        let dir = tempfile::tempdir().unwrap();
        let run = Run::bare(dir.path())
            .arg("-i")
            .arg(&clip)
            .args(["-o", "out.mkv", "--crf", "20", "--preset", "8"]);
        run.args(args).succeeds();
        is_whole(&dir.path().join("out.mkv"), &clip, 48);
    }
}

#[test]
fn pictures_without_a_rate_end_whole_or_in_words() {
    let one = clips::without_durations("no-duration.mp4", 1);
    let dir = tempfile::tempdir().unwrap();
    Run::encode(dir.path(), &one, "out.mkv")
        .args(["--crf", "20"])
        .succeeds();
    is_whole(&dir.path().join("out.mkv"), &one, 1);
    let three = clips::without_durations("no-durations.mp4", 3);
    Run::encode(dir.path(), &three, "three.mkv")
        .fails(8)
        .says("its frame rate is unknown");
}

#[test]
fn a_size_that_cannot_be_encoded_is_refused_in_a_moment_with_the_reason() {
    let tall = clips::of_size("tall.mkv", "16x16384");
    let cases: [(&Path, &[&str], i32, &str); 4] = [
        (
            &clips::of_size("dot.mkv", "1x1"),
            &[],
            8,
            "it is 1x1, and 4:2:0, which is what is encoded, begins at 2x2",
        ),
        (&clips::of_size("line.mkv", "3x1"), &[], 8, "it is 3x1"),
        (
            &tall,
            &[],
            2,
            "Source Height must be less than or equal to 8704",
        ),
        (
            &clips::of_size("tiny.mkv", "8x8"),
            &["-e", "librav1e", "--preset", "10"],
            2,
            "it begins at 16x16",
        ),
    ];
    for (clip, args, code, reason) in cases {
        let dir = tempfile::tempdir().unwrap();
        let run = if args.is_empty() {
            Run::fast(dir.path())
        } else {
            Run::bare(dir.path()).args(args)
        };
        let started = Instant::now();
        run.arg("-i")
            .arg(clip)
            .args(["-o", "out.mkv"])
            .fails(code)
            .says(reason);
        assert!(started.elapsed().as_secs() < 10, "{}", clip.display());
    }
}

#[test]
fn the_widest_and_the_smallest_film_are_whole() {
    for (name, size) in [("flat.mkv", "16384x16"), ("smallest.mkv", "2x2")] {
        let (dir, clip) = (tempfile::tempdir().unwrap(), clips::of_size(name, size));
        Run::encode(dir.path(), &clip, "out.mkv")
            .args(["--crf", "20"])
            .succeeds();
        is_whole(&dir.path().join("out.mkv"), &clip, 10);
    }
}
