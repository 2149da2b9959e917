//! Lengths that a file declares are hints: what is whole is encoded whatever they say, and what ends in the middle of
//! something is refused.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    clips::{self, ffmpeg, mkvmerge},
    films::{self, film},
    judge,
    run::Run,
};

/// That it is encoded, and the output is what it is.
#[track_caller]
fn is_taken(source: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::bare(dir.path())
        .args(["-w", "2", "--preset", "10", "--crf", "18", "-i"])
        .arg(source);
    run.args(["-o", "out.mkv"]).succeeds();
    judge::agree(source, &dir.path().join("out.mkv"));
}

/// That it is refused with these words.
#[track_caller]
fn is_cut_short(source: &Path, words: &str) {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), source, "out.mkv")
        .fails(8)
        .prints_nothing();
    let _ = run
        .says("is cut short or damaged: ")
        .says(words)
        .says("Add --allow-truncated");
}

/// When each picture of a file is shown, and for how long, in milliseconds.
fn shown(file: &Path) -> Vec<(u32, u32)> {
    let args = [
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        "packet=pts_time,duration_time",
    ];
    let output = Command::new("ffprobe")
        .args(args)
        .args(["-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let ms = |text: &str| (text.trim().parse::<f64>().unwrap() * 1000.0).round() as u32;
    let text = String::from_utf8(output.stdout).unwrap();
    let pair = |line: &str| {
        line.split_once(',')
            .map(|(at, lasts)| (ms(at), ms(lasts.trim_end_matches(','))))
    };
    text.lines().filter_map(pair).collect()
}

/// Writes `bytes` over what follows `name` in a file, `after` bytes behind it.
fn put(file: &Path, name: &[u8], after: usize, bytes: &[u8]) {
    let mut film = fs::read(file).unwrap();
    let at = film
        .windows(name.len())
        .position(|window| window == name)
        .unwrap()
        + name.len()
        + after;
    film[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(file, film).unwrap();
}

/// The first hundredths of a file, in whole units of so many bytes.
fn part(whole: &Path, percent: usize, unit: usize, name: &str) -> PathBuf {
    let bytes = fs::read(whole).unwrap();
    let part = whole.with_file_name(name);
    fs::write(&part, &bytes[..bytes.len() * percent / 100 / unit * unit]).unwrap();
    part
}

fn temporary() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_yuv4mpeg2_film_that_ends_within_a_picture_is_cut_short() {
    let dir = temporary();
    ffmpeg(
        dir.path(),
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=64x48:r=25:d=1",
            "-pix_fmt",
            "yuv420p",
            "film.y4m",
        ],
    );
    let cut = part(&dir.path().join("film.y4m"), 70, 1, "cut.y4m");
    is_cut_short(&cut, "it ends in the middle of a picture");
    Run::encode(dir.path(), "film.y4m", "out.mkv").succeeds();
}

#[test]
fn a_fragmented_film_that_declares_nonsense_is_taken() {
    let dir = temporary();
    let fragments = "frag_keyframe+delay_moov+default_base_moof";
    let film = film(
        dir.path(),
        "film.mp4",
        &["-c:a", "aac", "-movflags", fragments],
    );
    put(&film, b"mvhd", 16, &[0xff; 4]);
    is_taken(&film);
}

#[test]
fn a_matroska_film_that_declares_nonsense_is_taken() {
    let dir = temporary();
    let film = film(dir.path(), "film.mkv", &["-c:a", "ac3"]);
    // Its duration, in milliseconds, as a number of eight bytes.
    put(&film, b"\x44\x89\x88", 0, &143_165_600.0_f64.to_be_bytes());
    is_taken(&film);
}

#[test]
fn a_subtitle_without_an_end_does_not_make_a_film_one_that_is_cut_short() {
    let dir = temporary();
    film(dir.path(), "film.mkv", &["-c:a", "ac3"]);
    let text =
        "1\n00:00:00,700 --> 00:00:01,100\nBonjour\n\n2\n00:00:02,800 --> 02:00:00,000\nOui.\n";
    fs::write(dir.path().join("s.srt"), text).unwrap();
    mkvmerge(dir.path(), &["-o", "text.mkv", "film.mkv", "s.srt"]);
    is_taken(&dir.path().join("text.mkv"));
}

#[test]
fn an_index_that_counts_more_than_there_is_does_not_make_a_film_one_that_is_cut_short() {
    let dir = temporary();
    let args = [
        "-t",
        "4",
        "-i",
        &films::base(),
        "-c:v",
        "mpeg4",
        "-q:v",
        "2",
        "-c:a",
        "libmp3lame",
        "film.avi",
    ];
    ffmpeg(dir.path(), &args);
    // Pictures of the stream: the ninth number of its head. Then those of the whole film: the fifth of its own.
    let film = dir.path().join("film.avi");
    put(&film, b"strh", 4 + 32, &5000_u32.to_le_bytes());
    put(&film, b"avih", 4 + 16, &5000_u32.to_le_bytes());
    is_taken(&film);
}

#[test]
fn a_last_picture_that_stands_for_seconds_keeps_its_duration() {
    for (rate, frames, lasts) in [("1/2", 6, 2000), ("9/10", 5, 1111)] {
        for end in ["mkv", "mp4", "ts", "flv"] {
            let dir = temporary();
            let name = format!("slow.{end}");
            let source = format!("testsrc2=s=192x108:r={rate},trim=end_frame={frames}");
            ffmpeg(
                dir.path(),
                &[
                    "-f", "lavfi", "-i", &source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf",
                    "0", &name,
                ],
            );
            let run = Run::encode(dir.path(), &name, "out.mkv")
                .arg("--json")
                .succeeds();
            run.expect(run.finished()["proof"]["frames"] == frames, "all frames");
            let last = *shown(&dir.path().join("out.mkv")).last().unwrap();
            assert!(
                last.1.abs_diff(lasts) <= 2,
                "{name}: {last:?}, not {lasts} ms"
            );
        }
    }
}

#[test]
fn a_slide_show_keeps_the_times_of_all_its_pictures_and_the_end_of_the_last() {
    let dir = temporary();
    let times = "settb=1/1000,setpts='st(0,N);if(eq(ld(0),5),6000,if(eq(ld(0),4),4040,if(eq(ld(0),3),4000,\
                 if(eq(ld(0),2),1600,ld(0)*1500))))'";
    let source = format!("testsrc2=s=192x108:r=1,trim=end_frame=6,{times}");
    let keep = [
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "1/1000",
        "-video_track_timescale",
        "1000",
    ];
    let args = [
        "-f", "lavfi", "-i", &source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "0",
    ];
    ffmpeg(
        dir.path(),
        &[args.as_slice(), &keep, &["show.mp4"]].concat(),
    );
    let show = dir.path().join("show.mp4");
    // The last of the times of its samples: one, of five seconds; and the film is as long as that.
    let bytes = fs::read(&show).unwrap();
    let at = bytes
        .windows(4)
        .position(|window| window == b"stts")
        .unwrap();
    let entries = u32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
    put(
        &show,
        b"stts",
        8 + 8 * (entries - 1),
        &[0, 0, 0, 1, 0, 0, 0x13, 0x88],
    );
    for (name, after) in [(b"mdhd", 16), (b"tkhd", 20), (b"elst", 8), (b"mvhd", 16)] {
        put(&show, name, after, &11_000_u32.to_be_bytes());
    }
    let wanted = [
        (0, 1500),
        (1500, 100),
        (1600, 2400),
        (4000, 40),
        (4040, 1960),
        (6000, 5000),
    ];
    assert_eq!(shown(&show), wanted, "the film that is made");
    let run = Run::encode(dir.path(), &show, "out.mkv")
        .arg("--json")
        .succeeds();
    assert_eq!(shown(&dir.path().join("out.mkv")), wanted);
    let findings = run.finished()["proof"]["findings"].clone();
    let ends = findings
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["what"] == "end of the last frame");
    run.expect(
        ends.is_some_and(|finding| finding["output"] == "11000.0 ms"),
        "a finding that says so",
    );
}

#[test]
fn a_film_of_one_picture_is_taken_with_its_sound() {
    let dir = temporary();
    let sound = "sine=440:d=3:r=48000";
    let args = [
        "-i",
        &films::base(),
        "-f",
        "lavfi",
        "-i",
        sound,
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-frames:v",
        "1",
    ];
    for (name, codecs) in [
        ("one.mp4", ["libx264", "aac"]),
        ("one.mkv", ["libx264", "flac"]),
    ] {
        ffmpeg(
            dir.path(),
            &[
                args.as_slice(),
                &["-c:v", codecs[0], "-c:a", codecs[1], name],
            ]
            .concat(),
        );
        let source = dir.path().join(name);
        let run = Run::encode(dir.path(), &source, format!("{name}-out.mkv"))
            .arg("--json")
            .succeeds();
        run.expect(run.finished()["proof"]["frames"] == 1, "its picture");
    }
}

#[test]
fn films_that_end_in_the_middle_are_refused_whatever_they_are_in() {
    let dir = temporary();
    let fragments = [
        "-c:a",
        "aac",
        "-movflags",
        "frag_keyframe+empty_moov+default_base_moof",
    ];
    let fragmented = film(dir.path(), "fragmented.mp4", &fragments);
    is_cut_short(
        &part(&fragmented, 60, 1, "fragmented-cut.mp4"),
        "it declares ",
    );
    // The last fragment is cut, and no more than it.
    is_cut_short(
        &part(&fragmented, 97, 1, "fragmented-almost.mp4"),
        "it declares ",
    );
    let front = film(
        dir.path(),
        "front.mp4",
        &["-c:a", "aac", "-movflags", "faststart"],
    );
    is_cut_short(
        &part(&front, 60, 1, "front-cut.mp4"),
        "it declares 100 frames, of which ",
    );
    let asf = film(dir.path(), "asf.wmv", &["-c:v", "wmv2", "-c:a", "wmav2"]);
    is_taken(&asf);
    is_cut_short(&part(&asf, 60, 1, "asf-cut.wmv"), "it declares ");
    let stream = film(dir.path(), "stream.ts", &["-c:a", "aac"]);
    let cut = part(&stream, 60, 188, "recorded.ts");
    is_taken(&cut);
    let mut bytes = fs::read(&cut).unwrap();
    bytes.truncate(bytes.len() - 100);
    fs::write(&cut, bytes).unwrap();
    is_cut_short(&cut, "it ends in the middle of a packet");
    let flash = film(dir.path(), "flash.flv", &["-c:a", "aac"]);
    is_cut_short(
        &part(&flash, 60, 1, "flash-cut.flv"),
        "it ends in the middle of a packet",
    );
    let args = [
        "-t",
        "4",
        "-i",
        &films::base(),
        "-c:v",
        "mpeg4",
        "-q:v",
        "2",
        "-c:a",
        "libmp3lame",
        "film.avi",
    ];
    ffmpeg(dir.path(), &args);
    is_cut_short(
        &part(&dir.path().join("film.avi"), 60, 1, "cut.avi"),
        " frames, of which ",
    );
}

/// A film of one second with these codecs.
fn made(dir: &Path, name: &str, options: &str) -> PathBuf {
    let pictures = ["-f", "lavfi", "-i", "testsrc2=s=128x128:r=30:d=1"];
    let sound = ["-f", "lavfi", "-i", "sine=440:r=22050:d=1"];
    let options: Vec<&str> = options.split_whitespace().collect();
    ffmpeg(
        dir,
        &[&pictures, &sound, options.as_slice(), &[name]].concat(),
    );
    dir.join(name)
}

#[test]
fn films_of_units_that_end_within_one_are_refused_and_whole_ones_are_taken_without_a_word() {
    let dir = temporary();
    for (name, cut, options) in [
        (
            "film.ogv",
            "cut.ogv",
            "-c:v libtheora -q:v 6 -c:a libvorbis",
        ),
        (
            "film.mpg",
            "cut.mpg",
            "-c:v mpeg2video -r 25 -c:a mp2 -ar 44100",
        ),
        (
            "old.mpg",
            "old-cut.mpg",
            "-f mpeg -c:v mpeg1video -r 25 -c:a mp2 -ar 44100",
        ),
        (
            "film.gxf",
            "cut.gxf",
            "-c:v mpeg2video -r 25 -s 720x576 -an",
        ),
        ("film.roq", "cut.roq", "-c:v roqvideo -c:a roq_dpcm -ac 1"),
        (
            "film.obu",
            "cut.obu",
            "-c:v libsvtav1 -preset 12 -pix_fmt yuv420p -an",
        ),
    ] {
        let film = made(dir.path(), name, options);
        // All but the packet in which it ends.
        is_cut_short(
            &part(&film, 97, 1, cut),
            "it ends in the middle of a packet",
        );
        let run = Run::encode(dir.path(), name, format!("{name}.mkv")).succeeds();
        let damage = ["complained", "damaged", "cut short"];
        let heard = run
            .warnings()
            .into_iter()
            .find(|said| damage.iter().any(|word| said.contains(word)));
        run.expect(heard.is_none(), "no word of damage");
    }
}

#[test]
fn pictures_that_the_index_names_beyond_the_end_of_the_file_are_missed() {
    let dir = temporary();
    let whole = film(
        dir.path(),
        "whole.mp4",
        &["-c:a", "aac", "-movflags", "faststart"],
    );
    let cut = part(&whole, 60, 1, "cut.mp4");
    let mut bytes = fs::read(&cut).unwrap();
    let data = bytes
        .windows(4)
        .position(|window| window == b"mdat")
        .unwrap()
        - 4;
    let size = u32::try_from(bytes.len() - data).unwrap();
    bytes[data..data + 4].copy_from_slice(&size.to_be_bytes());
    fs::write(&cut, bytes).unwrap();
    is_cut_short(&cut, "it declares 100 frames, of which ");
}

#[test]
fn what_a_camera_appends_to_its_film_is_no_part_that_is_missing() {
    let dir = temporary();
    let film = dir.path().join("film.mp4");
    fs::copy(clips::mp4(), &film).unwrap();
    let mut bytes = fs::read(&film).unwrap();
    bytes.extend(b"\x7f\xff\xff\xffcam!of the camera only");
    fs::write(&film, bytes).unwrap();
    Run::encode(dir.path(), &film, "out.mkv").succeeds();
}
