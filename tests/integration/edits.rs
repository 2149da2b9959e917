//! Edit lists of MP4 of which ffmpeg makes something else: texts, chapters, pauses.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    check::File,
    clips::{ffmpeg, tool},
    films, judge,
    preflight::with_lists,
    run::{Ended, Run},
};

/// Parts of a track, in seconds: how long each is shown, and where it begins; without that it is a pause.
type List<'a> = &'a [(f64, Option<f64>)];

/// What is in an edit list: here of version 1, with times of 64 bit.
fn entries(list: List, (film, track): (u32, u32)) -> Vec<u8> {
    let units = |seconds: f64, unit: u32| (seconds * f64::from(unit)).round() as i64;
    let mut bytes = vec![1, 0, 0, 0];
    bytes.extend(u32::try_from(list.len()).unwrap().to_be_bytes());
    for (lasts, begins) in list {
        let begins = begins.map_or(-1, |begins| units(begins, track));
        bytes.extend(units(*lasts, film).to_be_bytes());
        bytes.extend(begins.to_be_bytes());
        bytes.extend([0, 1, 0, 0]);
    }
    bytes
}

const TEXTS: &str = "1\n00:00:00,500 --> 00:00:01,000\nHidden.\n\n2\n00:00:01,500 --> 00:00:03,000\nCut.\n\n\
    3\n00:00:03,500 --> 00:00:04,500\nÇa va ?\n";
const CHAPTERS: &str = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=Hidden\n\
    [CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=3000\ntitle=Cut\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=3000\nEND=6000\ntitle=Whole\n";

/// The judge's film with two tracks of texts and chapters, as `film.mp4`: without B-frames, so that its pictures begin at 0.
fn film(dir: &Path, lists: &[List]) -> PathBuf {
    fs::write(dir.join("s.srt"), TEXTS).unwrap();
    fs::write(dir.join("c.txt"), CHAPTERS).unwrap();
    let base = films::base();
    let inputs = ["-y", "-i", &base, "-i", "s.srt", "-i", "c.txt"];
    let options = "-map 0:v -map 0:a -map 1 -map 1 -map_chapters 2 -c:v libx264 -preset veryfast -crf 14 -bf 0 -g 25 \
        -c:a aac -c:s mov_text film.mp4";
    ffmpeg(
        dir,
        &[&inputs, &options.split(' ').collect::<Vec<_>>()[..]].concat(),
    );
    let path = dir.join("film.mp4");
    let bytes = fs::read(&path).unwrap();
    let mut lists = lists.iter().copied();
    let mut list = |units| entries(lists.next().unwrap(), units);
    fs::write(&path, with_lists(&bytes, &mut list, (0, 0))).unwrap();
    assert!(lists.next().is_none(), "every track has a list");
    path
}

fn encode(dir: &Path, name: &str) -> Run {
    Run::bare(dir).args([
        "-w", "2", "--preset", "10", "--crf", "18", "-i", name, "-o", "out.mkv",
    ])
}

/// Whether these are the events, by a clock at `zero`, in milliseconds.
#[track_caller]
fn are(found: &[judge::Event], zero: f64, expected: &[(f64, &str)]) {
    let fits = |((at, words), (ms, said)): (&judge::Event, &(f64, &str))| {
        (at - zero - ms).abs() <= 2.0 && words.contains(said)
    };
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(fits),
        "{found:?} from {zero} on is not {expected:?}"
    );
}

#[test]
fn texts_and_chapters_of_a_film_that_was_cut_come_where_their_lists_say() {
    let dir = tempfile::tempdir().unwrap();
    let cut: List = &[(4.0, Some(2.0))];
    let parts: List = &[(1.0, None), (0.5, Some(2.5)), (0.5, None), (1.5, Some(4.0))];
    film(dir.path(), &[cut, cut, cut, parts, cut]);
    let ended = encode(dir.path(), "film.mp4").succeeds();
    ended.expect(
        !ended.stderr.contains("data track"),
        "that of the chapters is no data",
    );
    let seen = judge::look(&dir.path().join("out.mkv"));
    let zero = seen.pictures[0].time;
    assert_eq!(seen.numbers(), (50..150).collect::<Vec<_>>());
    are(
        &seen.subtitles[0],
        zero,
        &[(0.0, "Cut."), (1500.0, "Ça va ?")],
    );
    are(
        &seen.subtitles[1],
        zero,
        &[(1000.0, "Cut."), (2000.0, "Ça va ?")],
    );
    are(&seen.chapters, zero, &[(0.0, "Cut"), (1000.0, "Whole")]);
    // How long they stay, by others.
    let options = "-v error -select_streams s -show_entries packet=duration_time -of csv=p=0 @";
    let options: Vec<_> = options.split(' ').collect();
    let lasts = File::open(&dir.path().join("out.mkv")).tool("ffprobe", &options);
    let lasts: Vec<f64> = lasts.lines().map(|line| line.parse().unwrap()).collect();
    let (short, long) = (0.5, 1.0);
    assert_eq!(lasts, [long, short, long, short]);
    let verify = |output| Run::bare(dir.path()).args(["verify", "film.mp4", output]);
    let _ = verify("out.mkv").succeeds();
    // What ffmpeg itself makes of it is 1.5 s early, and the same film to no one.
    let options = "-i film.mp4 -map 0:v -map 0:a -map 0:s -c copy -c:s srt early.mkv";
    ffmpeg(dir.path(), &options.split(' ').collect::<Vec<_>>());
    let early = verify("early.mkv").ends().exits(1);
    early.expect(
        early.stdout.contains("`Cut.`") || early.stdout.contains("`Ça va ?`"),
        "the first text that is not where it is said",
    );
}

/// The command in what was said that begins with ffmpeg's name.
fn command(ended: &Ended) -> String {
    let said = ended
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let begin = said.find("ffmpeg -ignore_editlist").expect("a command");
    let end = said.find("WITHOUT.mkv").expect("its end");
    said[begin..end + "WITHOUT.mkv".len()].replace("INPUT", "film.mp4")
}

#[test]
fn a_film_with_a_pause_that_ffmpeg_fills_is_refused_with_the_command_that_makes_one_without() {
    let dir = tempfile::tempdir().unwrap();
    let whole: List = &[(6.0, Some(0.0))];
    let paused: List = &[(0.2, None), (1.0, Some(1.0)), (0.5, None), (1.0, Some(3.0))];
    film(dir.path(), &[paused, paused, whole, whole, whole]);
    let ended = encode(dir.path(), "film.mp4").fails(8);
    let ended = ended.says("has a pause of 0.50 s at 1.20 s");
    assert!(
        !dir.path().join("out.mkv.av1enc").exists(),
        "before anything"
    );
    tool(dir.path(), "sh", &["-c", &command(&ended)]);
    let _ = encode(dir.path(), "WITHOUT.mkv").succeeds();
    let seen = judge::look(&dir.path().join("out.mkv"));
    let zero = seen.pictures[0].time;
    assert_eq!(seen.numbers(), (25..50).chain(75..100).collect::<Vec<_>>());
    let after = &seen.pictures[25];
    assert!((after.time - zero - 1500.0).abs() < 2.0, "{}", after.time);
    // Beeps of 1.1, 1.6, 3.1 and 3.6 s; the pictures begin with 1 s. These lists do not leave out the packet of AAC before the
    // sound.
    let silence = 1024.0 / 48.0;
    let beeps: Vec<_> = seen.tracks[0].iter().map(|beep| beep.which).collect();
    assert_eq!(beeps, [Some(2), Some(3), Some(6), Some(7)]);
    for (beep, ms) in seen.tracks[0].iter().zip([100.0, 600.0, 1600.0, 2100.0]) {
        let late = beep.time - zero - ms - silence;
        assert!(late.abs() < 2.0, "{} {ms}", beep.time);
    }
}

#[test]
fn a_pause_of_sound_alone_and_one_at_the_end_are_refused_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let whole: List = &[(6.0, Some(0.0))];
    let ends: List = &[(2.0, Some(1.0)), (0.25, None)];
    film(dir.path(), &[whole, ends, whole, whole, whole]);
    let ended = encode(dir.path(), "film.mp4").fails(8);
    let _ = ended.says("stream 1 (aac audio) has a pause of 0.25 s at 2.00 s");
    // Parts in another order: no simple command makes that.
    let turned: List = &[(1.0, Some(3.0)), (1.0, None), (1.0, Some(0.0))];
    film(dir.path(), &[turned, turned, whole, whole, whole]);
    let ended = encode(dir.path(), "film.mp4").fails(8);
    let _ = ended.says("Have the program in which it was cut write it anew");
}
