//! What changes in the middle of a film, and cannot change in AV1.

use std::{fs, path::Path, process::Command};

use crate::{clips::ffmpeg, lab::messages, run::Run};

/// Two recordings, one behind the other, as a transport stream: two seconds of `first`, two of `second`.
fn recorded(dir: &Path, first: &str, second: &str) {
    for (name, picture, offset) in [("a.ts", first, "0"), ("b.ts", second, "2")] {
        let source = picture.split_once(' ').unwrap_or((picture, ""));
        let graph = format!("testsrc2=s={}:r=25:d=2", source.0);
        let options: Vec<&str> = source.1.split(' ').filter(|word| !word.is_empty()).collect();
        let video =
            ["-f", "lavfi", "-i", &graph, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0"];
        ffmpeg(dir, &[&video, options.as_slice(), &["-output_ts_offset", offset, name]].concat());
    }
    let both = [fs::read(dir.join("a.ts")).unwrap(), fs::read(dir.join("b.ts")).unwrap()].concat();
    fs::write(dir.join("both.ts"), both).unwrap();
    ffmpeg(dir, &["-i", "both.ts", "-c", "copy", "film.ts"]);
}

#[test]
fn a_picture_that_changes_its_size_is_refused_with_the_time_and_commands_that_cut_there() {
    for (first, second) in [("192x108", "128x72"), ("128x72", "192x108")] {
        let dir = tempfile::tempdir().unwrap();
        recorded(dir.path(), first, second);
        let ended = Run::encode(dir.path(), "film.ts", "out.mkv").ends().exits(1);
        let said = ended.stderr.lines().find(|line| line.contains("changes from")).unwrap_or_default().to_owned();
        ended.expect(said.contains(&format!("from {first} to {second} at 2.")), "sizes and time");
        // What it tells people to type has been run.
        for (n, command) in said.match_indices("ffmpeg -").map(|(at, _)| &said[at..]).enumerate() {
            let part = format!("PART{}", n + 1);
            let end = command.find(&part).unwrap() + part.len();
            let command = command[..end].replace("INPUT", "film.ts").replace(&part, &format!("-y {part}.ts"));
            let words: Vec<&str> = command.split(' ').skip(1).collect();
            assert!(
                Command::new("ffmpeg").args(["-v", "error"]).args(words).current_dir(&dir).status().unwrap().success()
            );
            let _ = Run::encode(dir.path(), format!("{part}.ts"), "part.mkv").arg("-y").succeeds();
        }
    }
}

#[test]
fn colours_and_pixels_that_change_are_said_with_the_time() {
    let dir = tempfile::tempdir().unwrap();
    let hd = "192x108 -color_primaries bt709 -color_trc bt709 -colorspace bt709";
    recorded(dir.path(), hd, "192x108 -color_primaries bt470bg -color_trc bt709 -colorspace bt470bg -vf setsar=4/3");
    let run = Run::encode(dir.path(), "film.ts", "out.mkv").arg("--json").succeeds();
    let warnings = messages(&run, "warning");
    for what in ["aspect ratio of a pixel changes from 1:1 to 4:3", "colour description changes"] {
        let what = what.replace(':', "/");
        assert!(warnings.iter().any(|warning| warning.contains(&what) && warning.contains("at 2.")), "{warnings:?}");
    }
}
