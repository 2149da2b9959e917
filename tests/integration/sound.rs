//! Sound that is encoded anew.

use std::fs;

use serde_json::Value;

use crate::{check::File, clips, run::Run};

#[test]
fn sound_is_encoded_anew_and_keeps_its_language_and_title_and_place() {
    for (options, codec) in [("-c:a libopus -b:a 64k", "opus"), ("-c:a flac", "flac")] {
        let dir = tempfile::tempdir().unwrap();
        Run::encode(dir.path(), clips::film(), "out.mkv").args(["-a", options]).succeeds();
        let (output, source) = (File::open(&dir.path().join("out.mkv")), File::open(&clips::film()));
        let streams = output.ffprobe["streams"].as_array().unwrap();
        let kinds: Vec<&Value> = streams.iter().map(|stream| &stream["codec_type"]).collect();
        assert_eq!(kinds[..3], ["video", "audio", "subtitle"]);
        assert_eq!(streams[1]["codec_name"], codec);
        // All but the codec is as it was.
        let contents = |file: &File| {
            let mut contents = file.contents();
            contents["tracks"][1][1] = Value::Null;
            contents
        };
        assert_eq!(contents(&output), contents(&source));
        // As long as it was, and decodable to the end.
        let decoded = output.ffmpeg(&["-i", "@", "-map", "0:a", "-f", "framecrc", "-"]);
        let samples: u64 = decoded
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(',').nth(3).unwrap().trim().parse::<u64>().unwrap())
            .sum();
        assert!((48_000 * 5 - 3000..48_000 * 5 + 3000).contains(&samples), "{samples} samples");
    }
}

#[test]
fn sound_that_is_encoded_anew_begins_when_it_did() {
    for clip in [clips::late_altogether(), clips::late_video()] {
        let dir = tempfile::tempdir().unwrap();
        Run::encode(dir.path(), &clip, "out.mkv").args(["-a", "-c:a flac"]).succeeds();
        let (output, source) = (File::open(&dir.path().join("out.mkv")), File::open(&clip));
        let start = |file: &File, stream: usize| -> f64 {
            file.ffprobe["streams"][stream]["start_time"].as_str().unwrap().parse().unwrap()
        };
        for stream in [0, 1] {
            let (is, should) = (start(&output, stream), start(&source, stream));
            assert!(
                (is - should).abs() < 0.003,
                "stream {stream} of {} begins at {is} s, not {should} s",
                clip.display()
            );
        }
    }
}

#[test]
fn a_film_without_sound_needs_no_sound_options() {
    let dir = tempfile::tempdir().unwrap();
    Run::encode(dir.path(), clips::silent(), "out.mkv").args(["-a", "-c:a libopus"]).succeeds();
    assert_eq!(File::open(&dir.path().join("out.mkv")).contents(), File::open(&clips::silent()).contents());
}

#[test]
fn sound_that_cannot_be_encoded_fails_the_film() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::film(), "out.mkv").args(["-a", "-c:a nonsense"]).fails(1);
    run.says("encoding the sound").says("nonsense");
    assert!(!fs::exists(dir.path().join("out.mkv")).unwrap());
}
