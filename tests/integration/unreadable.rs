//! Sources of which a part cannot be read, from some reading of it on or for a moment: whatever the readers make of that, no
//! wrong film is called whole.

use std::{
    fs,
    ops::Range,
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

/// A Flash film: ffmpeg reads on in it behind what it was not given, and only a moment of the sound is missing.
fn flash() -> PathBuf {
    clips::kept(include_bytes!("unreadable.rs"), "flash.flv", |dir| {
        let sound = "aevalsrc=0.3*sin(2*PI*(220+30*t)*t)+0.05*random(0):s=44100:d=2";
        let input = ["-f", "lavfi", "-i"];
        let picture = ["testsrc2=s=192x108:r=24:d=2,noise=alls=60:allf=t:all_seed=1"];
        let codecs = "-c:v flv -q:v 2 -g 24 -c:a aac -b:a 128k flash.flv";
        let codecs: Vec<&str> = codecs.split(' ').collect();
        clips::ffmpeg(
            dir,
            &[&input[..], &picture, &input, &[sound], &codecs].concat(),
        );
    })
}

/// The samples of a film's sound, of 16 bits, from its beginning on.
fn sound(film: &Path) -> Vec<i16> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(film);
    let on_time = ["-map", "0:a", "-af", "aresample=async=1:first_pts=0"];
    command.args(on_time).args(["-f", "s16le", "-"]);
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let samples = output.stdout.as_chunks().0.iter();
    samples.map(|two| i16::from_le_bytes(*two)).collect()
}

/// Whether two films have the same sound, but for the rounding of samples.
fn sound_alike(one: &Path, other: &Path) -> bool {
    let (one, other) = (sound(one), sound(other));
    let mut pairs = one.iter().zip(&other);
    one.len() == other.len() && pairs.all(|(one, other)| one.abs_diff(*other) <= 2)
}

/// The part in the middle of a film that is ill.
fn middle(film: &Path) -> Range<u64> {
    let begin = fs::metadata(film).unwrap().len() * 3 / 7;
    begin..begin + 8192
}

/// Mounts a disk in `dir` on which `film` is, of which a `part` is `ill`. Returns also how often that was read; `None` where
/// nothing can be mounted.
fn mounted(
    dir: &Path,
    film: &Path,
    (part, ill): (Range<u64>, Ill),
) -> Option<(Mount, Arc<AtomicU32>)> {
    let readings = Arc::new(AtomicU32::new(0));
    let sick = Film {
        bytes: fs::read(film).unwrap(),
        part,
        ill,
        readings: readings.clone(),
    };
    let disk = Disk(Some(sick));
    let mounted = Mount::served(dir.join("disk"), disk, ("sick", "av1enc-test"))?;
    Some((mounted, readings))
}

/// Encodes `film`, of which a part in the middle is `ill`. Returns how it ended, what it made, and how often that part was
/// read; `None` where nothing can be mounted.
fn encode(dir: &Path, film: &Path, method: &str, ill: Ill) -> Option<(Ended, Option<String>, u32)> {
    let (mounted, readings) = mounted(dir, film, (middle(film), ill))?;
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
    let Some((ended, right, readings)) =
        encode(&dir.path().join("well"), film, method, Ill::At(0..0))
    else {
        return;
    };
    ended.expect(right.is_some(), "a film of what can be read");
    let mut chance = Chance::of(2);
    let step = (readings as usize).div_ceil(chance.rounds).max(1);
    let first = chance.random.below(step) as u32;
    for n in (first..readings).step_by(step) {
        for (name, ill) in [("once", n..n + 1), ("on", n..u32::MAX)] {
            let here = dir.path().join(format!("{n}-{name}"));
            let (ended, made, _) = encode(&here, film, method, Ill::At(ill)).unwrap();
            match &made {
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
    if let Some((ended, made, _)) = encode(
        dir.path(),
        &silent_and_long(),
        "linear",
        Ill::At(0..u32::MAX),
    ) {
        ended.expect(made.is_none(), "no output");
        ended.exits(1).says("Input/output error");
    }
}

#[test]
fn sound_of_which_a_moment_cannot_be_read_is_never_called_whole() {
    const ANEW: &[&str] = &["--audio-codec", "flac"];
    const LEVEL: &[&str] = &["--audio-codec", "flac", "--loudness", "-23"];
    let readers: [(&[&str], &'static [&'static str]); 5] = [
        // Handed over, tried, encoded, compared, measured.
        (&[], &["framecrc"]),
        (&[], &["framehash"]),
        (ANEW, &["flac", "-output_ts_offset"]),
        (ANEW, &["avi"]),
        (LEVEL, &["-nostats", "info"]),
    ];
    let source = flash();
    for (options, words) in Chance::of(2).some(readers) {
        let dir = tempfile::tempdir().unwrap();
        let ill = (middle(&source), Ill::By(words, 0));
        let Some((mounted, readings)) = mounted(dir.path(), &source, ill) else {
            return;
        };
        let run = || {
            let film = mounted.path().join(NAME);
            Run::encode(dir.path(), film, "out.mkv").args(options)
        };
        let ended = run().fails(1);
        ended.says("could not be read, for a moment at least");
        // What it says to do.
        let ended = run().succeeds();
        ended.expect(readings.load(SeqCst) > 1, "it was read again");
        let output = dir.path().join("out.mkv");
        ended.expect(!ended.stderr.contains("kept as FLAC"), "no other form");
        let is_levelled = options.contains(&"--loudness");
        let is_alike = is_levelled || sound_alike(&source, &output);
        ended.expect(is_alike, "all its sound");
        nothing_is_left_running(dir.path());
    }
}

#[test]
fn a_chapter_keeps_its_name_where_that_could_not_be_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let chapter = |at: u32| {
        format!(
            "[CHAPTER]\nTIMEBASE=1/1\nSTART={at}\nEND={}\ntitle=N{at}\n",
            at + 1
        )
    };
    let list = format!(";FFMETADATA1\n{}{}", chapter(0), chapter(1));
    fs::write(dir.path().join("chapters.txt"), list).unwrap();
    let film = clips::mp4();
    let options = ["-i", "chapters.txt", "-map", "0:v", "-map_chapters", "1"];
    let input = ["-i", film.to_str().unwrap()];
    let all = [&input[..], &options, &["-c", "copy", "chapters.mp4"]].concat();
    clips::ffmpeg(dir.path(), &all);
    let film = dir.path().join("chapters.mp4");
    let names = |film: &Path| {
        let mut command = Command::new("ffprobe");
        command.args(["-v", "error", "-show_entries", "chapter_tags=title"]);
        let output = command.args(["-of", "csv=p=0"]).arg(film).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(names(&film), "N0\nN1\n");
    // The names are at the beginning: that is read to open the film, and then again for them.
    let Some((mounted, readings)) =
        mounted(dir.path(), &film, (48..64, Ill::By(&["-show_chapters"], 1)))
    else {
        return;
    };
    let ended = Run::encode(dir.path(), mounted.path().join(NAME), "out.mkv").succeeds();
    ended.expect(readings.load(SeqCst) > 2, "it was read again");
    assert_eq!(names(&dir.path().join("out.mkv")), "N0\nN1\n");
}
