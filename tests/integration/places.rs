//! Places of a film at which its pictures are compared with what a decoder shows of the source.

use std::{fs, path::Path};

use crate::{
    clips::ffmpeg,
    encoders::{real, script},
    films, judge,
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
