//! Sources of which a part cannot be read, from some reading of it on or for a moment: whatever the readers make of that, no
//! wrong film is called whole.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

use crate::{
    chance::Chance,
    clips,
    fuse::{Disk, Film, Ill, NAME},
    lab::Mount,
    run::{Ended, Run, nothing_is_left_running},
};

/// A film without sound: nothing but its pictures tells what a reader has lost. 720 pictures, so large that it is not read in
/// one piece.
fn silent_and_long() -> PathBuf {
    clips::kept(include_bytes!("unreadable.rs"), "silent.mkv", |dir| {
        clips::ffmpeg(
            dir,
            &[
                "-f",
                "lavfi",
                "-i",
                "testsrc2=s=192x108:r=24:d=30,noise=alls=60:allf=t:all_seed=1",
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-qp",
                "6",
                "-g",
                "48",
                "-pix_fmt",
                "yuv420p",
                "silent.mkv",
            ],
        );
    })
}

/// A transport stream, whose tracks ffmpeg hands over.
fn recording() -> PathBuf {
    clips::kept(include_bytes!("unreadable.rs"), "recording.ts", |dir| {
        let film = clips::film();
        let tracks = [
            "-map",
            "0:v:0",
            "-map",
            "0:a:0",
            "-c",
            "copy",
            "recording.ts",
        ];
        clips::ffmpeg(
            dir,
            &[&["-i", film.to_str().unwrap()], tracks.as_slice()].concat(),
        );
    })
}

/// What all tracks of a film are once decoded, and when.
fn content(film: &Path) -> String {
    let film = film.to_str().unwrap();
    let tracks = [
        "-map", "0:v:0", "-map", "0:a?", "-map", "0:s?", "-c:s", "copy",
    ];
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-i", film])
        .args(tracks)
        .args(["-f", "framemd5", "-"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// What of the [`content`] is about the pictures.
fn pictures(content: &str) -> Vec<&str> {
    let lines = content.lines();
    lines.filter(|line| line.starts_with("0,")).collect()
}

/// Encodes `film`, of which a part in the middle is `ill`. Returns how it ended, what it made, and how often that part was
/// read; `None` where nothing can be mounted.
fn encode(dir: &Path, film: &Path, method: &str, ill: Ill) -> Option<(Ended, Option<String>, u32)> {
    let middle = fs::metadata(film).unwrap().len() * 3 / 7;
    let (readings, disk) = (Arc::new(AtomicU32::new(0)), dir.join("disk"));
    let sick = Film {
        bytes: fs::read(film).unwrap(),
        part: middle..middle + 8192,
        ill,
        readings: readings.clone(),
    };
    let mounted = Mount::served(disk, Disk(Some(sick)), ("sick", "av1enc-test"))?;
    let ended = Run::encode(dir, mounted.path().join(NAME), "out.mkv")
        .args(["--chunk-method", method])
        .ends();
    nothing_is_left_running(dir);
    let output = dir.join("out.mkv");
    let made = output.exists().then(|| content(&output));
    Some((ended, made, readings.load(SeqCst)))
}

/// Encodes `film` with the part ill from each of some readings on, and at that reading alone.
fn no_wrong_film(film: &Path, method: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some((ended, right, readings)) = encode(&dir.path().join("well"), film, method, 0..0)
    else {
        return;
    };
    ended.expect(right.is_some(), "a film of what can be read");
    let mut chance = Chance::of(4);
    let step = (readings as usize).div_ceil(chance.rounds).max(1);
    let first = chance.random.below(step) as u32;
    for n in (first..readings).step_by(step) {
        for (name, ill) in [("once", n..n + 1), ("on", n..u32::MAX)] {
            let here = dir.path().join(format!("{n}-{name}"));
            let (ended, made, _) = encode(&here, film, method, ill).unwrap();
            match &made {
                // At a reading that fails, mkvmerge may lose sound in its trial: that is then decoded and kept as FLAC.
                Some(made) if ended.stderr.contains("is decoded and kept as FLAC") => {
                    let is_alike = pictures(made) == pictures(right.as_deref().unwrap());
                    ended.exits(0).expect(is_alike, "no other pictures");
                }
                Some(_) => ended.exits(0).expect(made == right, "no other film"),
                None => drop(ended.exits(1)),
            }
        }
    }
}

#[test]
fn pictures_that_cannot_be_read_give_no_wrong_film_whoever_reads_them() {
    for method in Chance::of(1).some(["ffms2", "linear"]) {
        no_wrong_film(&silent_and_long(), method);
    }
}

#[test]
fn tracks_that_cannot_be_read_give_no_wrong_film() {
    for film in Chance::of(2).some([clips::film(), clips::mp4(), recording()]) {
        no_wrong_film(&film, "linear");
    }
}

#[test]
fn a_part_that_cannot_be_read_is_no_film_that_is_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    if let Some((ended, made, _)) = encode(dir.path(), &silent_and_long(), "linear", 0..u32::MAX) {
        ended.expect(made.is_none(), "no output");
        ended.exits(1).says("Input/output error");
    }
}
