//! Places of a film at which its pictures are compared with what a decoder shows of the source.

use std::{fs, path::Path, process::Command};

use crate::{
    clips::ffmpeg,
    encoders::{real, script},
    films, judge,
    lab::tells,
    run::Run,
};

const X265: &str = "libx265 -preset veryfast -crf 14 -x265-params log-level=none:open-gop=1:keyint=12:min-keyint=1:scenecut=0:bframes=3:b-adapt=0";
const X264: &str =
    "libx264 -preset veryfast -crf 14 -g 12 -bf 3 -x264-params open-gop=1:scenecut=0";
const MPEG2: &str = "mpeg2video -q:v 2 -g 12 -bf 2";

/// A second of the judge's film, whose pictures go on over its keyframes.
fn in_open_groups(dir: &Path, codec: &str, name: &str) {
    let base = films::base();
    let input = ["-t", "1", "-i", &base, "-c:a", "mp2", "-c:v"];
    let codec: Vec<&str> = codec.split(' ').collect();
    ffmpeg(dir, &[&input, codec.as_slice(), &[name]].concat());
}

fn encode(dir: &Path, name: &str) -> Run {
    Run::bare(dir).args([
        "-w", "2", "--preset", "10", "--crf", "18", "-i", name, "-o", "out.mkv", "-y",
    ])
}

#[test]
fn pictures_of_open_groups_are_those_of_the_source_in_every_container() {
    let dir = tempfile::tempdir().unwrap();
    for codec in [X265, X264, MPEG2] {
        for name in ["film.ts", "film.mkv", "film.mp4"] {
            in_open_groups(dir.path(), codec, name);
            let ended = encode(dir.path(), name).arg("--json").succeeds();
            judge::agree(&dir.path().join(name), &dir.path().join("out.mkv"));
            // The beginning and the end, ten pictures each.
            let proof = &ended.finished()["proof"];
            let looked =
                proof["pictures"].as_u64().unwrap() + proof["pictures_alike"].as_u64().unwrap();
            ended.expect(looked == 20, "all pictures of both places are looked at");
            fs::remove_file(dir.path().join(name)).unwrap();
        }
    }
}

#[test]
fn wrong_pictures_at_the_end_of_open_groups_are_found() {
    let dir = tempfile::tempdir().unwrap();
    in_open_groups(dir.path(), X265, "film.ts");
    let negated =
        "ffmpeg -v error -i - -vf 'negate=enable=gte(n\\,15)' -strict -1 -f yuv4mpegpipe -";
    let real = real().to_str().unwrap();
    let encoder = script(dir.path(), &format!("{negated} | '{real}' \"$@\"; exit $?"));
    let run = encode(dir.path(), "film.ts")
        .arg("--encoder-path")
        .arg(encoder);
    let ended = run.fails(1);
    let _ = ended.says("pictures at their times: 20 pictures at 1 place in the source, 10 nearest");
}

/// What ffmpeg complains of while it decodes the pictures.
fn complaints(dir: &Path, name: &str) -> String {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.current_dir(dir).args(["-nostdin", "-v", "error"]);
    let output = ffmpeg.args(["-i", name, "-map", "0:v", "-f", "null", "-"]);
    String::from_utf8_lossy(&output.output().unwrap().stderr).into_owned()
}

/// Writes noise into packets of `whole`, one after the other, until a decoder complains of it, and of nothing else.
fn hurt(dir: &Path, whole: &str, to: &str) {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe
        .current_dir(dir)
        .args(["-v", "error", "-select_streams", "v:0"]);
    ffprobe.args(["-show_entries", "packet=pos,size", "-of", "csv=p=0", whole]);
    let listed = String::from_utf8(ffprobe.output().unwrap().stdout).unwrap();
    let bytes = fs::read(dir.join(whole)).unwrap();
    let middle = |line: &str| {
        let mut numbers = line
            .split(',')
            .map_while(|number| number.parse::<usize>().ok());
        let (size, pos) = (numbers.next()?, numbers.next()?);
        Some(pos + size / 2)
    };
    let noisy = listed.lines().skip(30).step_by(3).filter_map(middle);
    let found = noisy.into_iter().any(|at| {
        let mut bytes = bytes.clone();
        bytes[at..at + 8].iter_mut().for_each(|byte| *byte ^= 0x5a);
        fs::write(dir.join(to), bytes).unwrap();
        let said = complaints(dir, to);
        !said.is_empty() && judge::look(&dir.join(to)).pictures.len() == 100
    });
    assert!(found, "{to}: no decoder complains of noise");
}

#[test]
fn pictures_that_the_decoder_of_an_index_makes_up_are_heard_of() {
    let dir = tempfile::tempdir().unwrap();
    let base = films::base();
    for end in ["mkv", "ts"] {
        let (whole, hurt_film) = (format!("whole.{end}"), format!("hurt.{end}"));
        let codec = "libx264 -preset veryfast -crf 20 -g 50 -bf 2";
        let input = [
            "-t",
            "4",
            "-i",
            &base,
            "-an",
            "-vf",
            "noise=alls=8:allf=t",
            "-c:v",
        ];
        let codec: Vec<&str> = codec.split(' ').collect();
        ffmpeg(
            dir.path(),
            &[&input, codec.as_slice(), &[whole.as_str()]].concat(),
        );
        hurt(dir.path(), &whole, &hurt_film);
        let healthy = (end == "mkv").then_some((&whole, false));
        for (name, is_hurt) in healthy.into_iter().chain([(&hurt_film, true)]) {
            let run = encode(dir.path(), name).args(["--chunk-method", "ffms2", "--json"]);
            let ended = run.succeeds();
            let damaged = &ended.finished()["proof"]["damaged"];
            ended.expect(
                damaged.is_null() != is_hurt,
                "what a decoder makes up is not proven",
            );
            if is_hurt {
                tells(&ended, "its decoder says");
            }
        }
    }
}
