//! `av1enc verify`: pairs of films that other programs made, of which one thing is as it was or is not.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    chance::Chance,
    clips::{self, ffmpeg},
    films,
    run::Run,
};

/// Six seconds at 25 pictures a second with a number of bars that move, two sound tracks of noise, subtitles, chapters.
fn source() -> PathBuf {
    clips::kept(include_bytes!("verdicts.rs"), "source.mkv", |dir| {
        let noise = |seed| {
            let channel = |seed| format!("anoisesrc=d=6:a=0.2:r=48000:seed={seed}");
            let (left, right) = (channel(seed), channel(seed + 10));
            format!("{left}[l];{right}[r];[l][r]join=inputs=2:channel_layout=stereo")
        };
        std::fs::write(
            dir.join("words.srt"),
            "1\n00:00:01,000 --> 00:00:02,000\nOne <i>word</i>\n\n2\n00:00:03,000 --> 00:00:04,500\nTwo\n",
        )
        .unwrap();
        std::fs::write(
            dir.join("chapters.txt"),
            ";FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=3000\ntitle=One\n[CHAPTER]\n\
             TIMEBASE=1/1000\nSTART=3000\nEND=6000\ntitle=Two\n",
        )
        .unwrap();
        ffmpeg(
            dir,
            &[
                &["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=6"][..],
                &[
                    "-f",
                    "lavfi",
                    "-i",
                    &noise(1),
                    "-f",
                    "lavfi",
                    "-i",
                    &noise(2),
                ],
                &["-i", "words.srt", "-i", "chapters.txt"],
                &[
                    "-map",
                    "0",
                    "-map",
                    "1",
                    "-map",
                    "2",
                    "-map",
                    "3",
                    "-map_metadata",
                    "4",
                ],
                &[
                    "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "2", "-pix_fmt",
                    "yuv420p",
                ],
                clips::TAGS_709,
                &["-c:a", "flac", "-c:s", "srt"],
                &[
                    "-metadata:s:a:0",
                    "language=eng",
                    "-metadata:s:a:1",
                    "language=fre",
                    "source.mkv",
                ],
            ]
            .concat(),
        );
    })
}

/// What ffmpeg makes of the source with these options: all tracks are copied but for what they say.
fn made(dir: &Path, name: &str, args: &[&str]) -> PathBuf {
    let source = source();
    let source = source.to_str().unwrap();
    let all = ["-y", "-i", source, "-map", "0", "-c", "copy"];
    ffmpeg(dir, &[&all[..], args, &[name]].concat());
    dir.join(name)
}

/// A copy of another film.
fn made_of(dir: &Path, film: &Path, name: &str) -> PathBuf {
    let film = film.to_str().unwrap();
    ffmpeg(dir, &["-y", "-i", film, "-map", "0", "-c", "copy", name]);
    dir.join(name)
}

fn verify(dir: &Path, output: &Path, flags: &[&str]) -> Value {
    compare(dir, &source(), output, flags)
}

fn compare(dir: &Path, source: &Path, output: &Path, flags: &[&str]) -> Value {
    let run = Run::bare(dir)
        .args(["verify", "--json"])
        .args(flags)
        .arg(source)
        .arg(output)
        .ends()
        .exits_with_one_of(&[0, 1]);
    let verdict: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    run.expect(
        verdict["agrees"].is_boolean(),
        "a verdict on standard output",
    );
    let succeeded = run.failure().is_none();
    run.expect(
        verdict["agrees"] == succeeded,
        "the exit code says the same as the verdict",
    );
    verdict
}

#[test]
fn a_film_that_was_turned_is_its_source_and_one_with_pixels_on_their_side_is_not() {
    let (dir, source) = (tempfile::tempdir().unwrap(), clips::rotated());
    let _ = Run::encode(dir.path(), &source, "out.mkv").succeeds();
    let output = dir.path().join("out.mkv");
    let verdict = compare(dir.path(), &source, &output, &[]);
    assert_eq!(shown(&verdict), "");
    let aspect = ["-aspect", "108/180"];
    let film = output.to_str().unwrap();
    let copy = ["-y", "-i", film, "-map", "0", "-c", "copy"];
    ffmpeg(dir.path(), &[&copy[..], &aspect, &["lying.mkv"]].concat());
    let verdict = compare(dir.path(), &source, &dir.path().join("lying.mkv"), &[]);
    assert!(shown(&verdict).contains("shape of a pixel"));
}

/// What differs, with all that is said of it.
fn shown(verdict: &Value) -> String {
    let findings = verdict["findings"].as_array().unwrap().iter();
    let differ = findings.filter(|finding| finding["agrees"] == false);
    differ.map(|finding| format!("{finding}\n")).collect()
}

/// What differs, and is not known.
fn differing(verdict: &Value) -> Vec<String> {
    let findings = verdict["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["agrees"] == false && finding["known"] == false)
        .map(|finding| finding["what"].as_str().unwrap().to_owned())
        .collect()
}

const X264: [&str; 6] = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2"];

#[test]
fn a_film_that_another_program_made_is_the_source_where_nothing_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let encoded = [&X264[..], &["-crf", "30", "-c:a", "pcm_s16le"]].concat();
    // ffmpeg makes the first track of every kind in MP4 the default one, and moves no chapters.
    for (name, args) in [
        ("copy.mkv", &[][..]),
        ("encoded.mkv", &encoded),
        ("copy.mp4", &["-c:a", "alac", "-c:s", "mov_text"]),
        ("later.mkv", &["-output_ts_offset", "3.2"]),
    ] {
        let known = match name {
            "copy.mp4" => "names",
            "later.mkv" => "chapters",
            _ => "damage",
        };
        let verdict = verify(
            dir.path(),
            &made(dir.path(), name, args),
            &["--known", known],
        );
        assert!(verdict["agrees"] == true, "{name}: {}", shown(&verdict));
    }
}

#[test]
fn what_another_program_lost_or_moved_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let x264 = |filter: &'static str| {
        [
            &X264[..],
            &[
                "-fps_mode",
                "passthrough",
                "-enc_time_base",
                "1/1000",
                "-vf",
                filter,
            ],
        ]
        .concat()
    };
    let late = ["-c:a:1", "pcm_s16le", "-filter:a:1", "adelay=100|100"];
    let swapped = [
        "-c:a:0",
        "aac",
        "-b:a",
        "192k",
        "-filter:a:0",
        "pan=stereo|c0=c1|c1=c0",
    ];
    let hole = [
        "-c:a:0",
        "pcm_s16le",
        "-filter:a:0",
        "volume=0:enable=between(t\\,3\\,3.3)",
    ];
    let cases: Vec<(Vec<&str>, &str)> = vec![
        (late.to_vec(), "sound track 2"),
        (
            vec!["-c:a:0", "libopus", "-filter:a:0", "volume=0"],
            "sound track 1",
        ),
        (hole.to_vec(), "sound track 1"),
        (swapped.to_vec(), "channels of sound track 1"),
        (x264("select=not(eq(n\\,70))"), "frames"),
        (
            x264("select=not(eq(n\\,70)),setpts=N/25/TB"),
            "pictures at their times",
        ),
        (
            x264("loop=loop=1:size=1:start=70,setpts=N/25/TB,trim=end_frame=150"),
            "pictures at their times",
        ),
        (
            x264("settb=1/1000,setpts=PTS+gte(N\\,70)*12"),
            "times of frames",
        ),
        (x264("swapuv"), "brightness and colours"),
        (x264("hue=s=0"), "brightness and colours"),
        (x264("lutyuv=y=val+4"), "brightness and colours"),
        (x264("scale=80:46"), "size of the picture"),
        (x264("setsar=2"), "shape of a pixel"),
        (vec!["-t", "5"], "frames"),
        (vec!["-map", "-0:s"], "tracks"),
        (vec!["-map", "-0:a:0"], "tracks"),
        (
            vec!["-metadata:s:a:1", "language=ger"],
            "language of track 2",
        ),
        (vec!["-map_chapters", "-1"], "chapters"),
        (vec!["-metadata", "title=Another"], "title"),
        (
            vec![
                "-bsf:v",
                "h264_metadata=colour_primaries=9",
                "-color_primaries",
                "bt2020",
            ],
            "colours of the container",
        ),
    ];
    for (args, what) in cases {
        let output = made(dir.path(), "made.mkv", &args);
        let verdict = verify(dir.path(), &output, &[]);
        let found = differing(&verdict);
        assert!(
            found.iter().any(|found| found == what),
            "{args:?}: {found:?} {}",
            shown(&verdict)
        );
    }
}

#[test]
fn an_attachment_that_is_another_of_the_same_name_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let attach = |font: &Path, words: &str, film: &str| {
        std::fs::write(font, words).unwrap();
        let made = std::process::Command::new("mkvmerge")
            .args(["-q", "-o", film])
            .arg(source())
            .args(["--attachment-mime-type", "font/ttf", "--attach-file"])
            .arg(font)
            .current_dir(dir.path())
            .status();
        assert!(made.unwrap().success());
        dir.path().join(film)
    };
    let film = attach(&dir.path().join("a.ttf"), "a font", "film.mkv");
    let same = made_of(dir.path(), &film, "same.mkv");
    let verdict = compare(dir.path(), &film, &same, &[]);
    assert!(verdict["agrees"] == true, "{}", shown(&verdict));
    let replaced = attach(&other.join("a.ttf"), "no font", "replaced.mkv");
    let verdict = compare(dir.path(), &film, &replaced, &[]);
    assert_eq!(differing(&verdict), ["attachments"], "{}", shown(&verdict));
}

#[test]
fn what_is_known_to_differ_is_no_fault_and_nothing_else_gets_by() {
    let dir = tempfile::tempdir().unwrap();
    let smaller = [
        &X264[..],
        &[
            "-vf",
            "crop=160:60:0:16,scale=80:30,setsar=1",
            "-map",
            "-0:a:1",
        ],
    ]
    .concat();
    let output = made(dir.path(), "made.mkv", &smaller);
    let known = ["--known", "scaled,cropped=160:60:0:16", "--known", "tracks"];
    let verdict = verify(dir.path(), &output, &known);
    assert!(verdict["agrees"] == true, "{}", shown(&verdict));
    let verdict = verify(dir.path(), &output, &["--known", "scaled"]);
    assert!(
        differing(&verdict).contains(&"tracks".to_owned()),
        "{}",
        shown(&verdict)
    );
    let wrong = Run::bare(dir.path())
        .args(["verify", "--known", "smaller", "a", "b"])
        .fails(2);
    wrong.expect(wrong.stderr.contains("scaled"), "the words that there are");
}

#[test]
fn a_known_size_keeps_its_shape_and_a_known_rate_its_length() {
    let dir = tempfile::tempdir().unwrap();
    let flat = [&X264[..], &["-vf", "scale=80:90,setsar=1"]].concat();
    let half = [&X264[..], &["-vf", "fps=30,trim=end=3", "-map", "-0:a"]].concat();
    for (args, known, what) in [
        (flat, "scaled", "shape of a pixel"),
        (half, "rate,tracks", "end of the last frame"),
    ] {
        let output = made(dir.path(), "made.mkv", &args);
        let verdict = verify(dir.path(), &output, &["--known", known]);
        let found = differing(&verdict);
        assert!(
            found.iter().any(|found| found == what),
            "{}",
            shown(&verdict)
        );
    }
}

#[test]
fn at_some_places_a_film_that_lost_pictures_is_found_too() {
    let dir = tempfile::tempdir().unwrap();
    let moved = "select=not(eq(n\\,70)),setpts=N/25/TB";
    let lost = [&X264[..], &["-vf", moved]].concat();
    let verdict = verify(
        dir.path(),
        &made(dir.path(), "lost.mkv", &lost),
        &["--sample", "3"],
    );
    assert!(
        differing(&verdict).contains(&"pictures at their times".to_owned()),
        "{}",
        shown(&verdict)
    );
    let verdict = verify(
        dir.path(),
        &made(
            dir.path(),
            "copy.mp4",
            &["-c:a", "alac", "-c:s", "mov_text"],
        ),
        &["--sample", "3", "--known", "names"],
    );
    assert!(verdict["agrees"] == true, "{}", shown(&verdict));
}

#[test]
fn a_film_that_av1enc_made_is_proven_by_another_word_than_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let mp4 = made(
        dir.path(),
        "source.mp4",
        &["-c:a", "alac", "-c:s", "mov_text"],
    );
    Run::encode(dir.path(), &mp4, "out.mkv")
        .args(["-a", "-c:a libopus"])
        .succeeds();
    let verdict = compare(dir.path(), &mp4, &dir.path().join("out.mkv"), &[]);
    assert!(verdict["agrees"] == true, "{}", shown(&verdict));
}

#[test]
fn a_pair_that_is_none_is_an_error_and_no_verdict() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("text.mkv"), "no film\n").unwrap();
    for (output, exit) in [("gone.mkv", 1), ("text.mkv", 8), (".", 8)] {
        let run = Run::bare(dir.path())
            .arg("verify")
            .arg(source())
            .arg(output)
            .fails(exit);
        run.expect(run.stdout.is_empty(), "no verdict");
    }
}

#[test]
fn what_was_compared_of_an_encode_is_written_where_it_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let proof = dir.path().join("proof.json");
    let encode = || Run::encode(dir.path(), source(), "out.mkv").args(["--proof", "proof.json"]);
    std::fs::write(&proof, "notes of somebody\n").unwrap();
    encode().fails(3);
    std::fs::remove_file(&proof).unwrap();
    encode().succeeds();
    let written = || serde_json::from_slice::<Value>(&std::fs::read(&proof).unwrap()).unwrap();
    assert_eq!(written()["agrees"], true);
    let findings = written()["findings"].as_array().unwrap().len();
    assert!(findings > 20, "{findings}");
    // The same command replaces its own proof, if it may replace the film.
    encode().fails(3);
    encode().arg("-y").succeeds();
    assert_eq!(written()["agrees"], true);
}

#[test]
fn what_a_decoder_had_to_make_up_is_not_called_proven() {
    let dir = tempfile::tempdir().unwrap();
    let film = films::damaged().remove(0).path();
    let encode = |output: &str| Run::encode(dir.path(), &film, output);
    let said = encode("said.mkv").succeeds();
    said.expect(
        said.stdout
            .contains("not proven, for the source is damaged ("),
        "a word of it",
    );
    let run = encode("out.mkv")
        .args(["--proof", "proof.json", "--json"])
        .succeeds();
    run.expect(
        run.finished()["proof"]["damaged"].is_string(),
        "what is damaged",
    );
    let proof = std::fs::read(dir.path().join("proof.json")).unwrap();
    let proof: Value = serde_json::from_slice(&proof).unwrap();
    let complaints = ["complaints of decoders"];
    assert_eq!(differing(&proof), complaints, "{}", shown(&proof));
    let verdict = compare(
        dir.path(),
        &film,
        &dir.path().join("out.mkv"),
        &["--known", "damage"],
    );
    assert!(verdict["agrees"] == true, "{}", shown(&verdict));
}

#[test]
fn damage_that_ffmpeg_conceals_is_heard() {
    let ways = [
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:hash=1",
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 400k",
        "-c:v libaom-av1 -usage realtime -cpu-used 8 -b:v 400k",
    ];
    for way in Chance::of(1).some(ways) {
        let dir = tempfile::tempdir().unwrap();
        let picture = "-f lavfi -i testsrc2=s=192x108:r=24:d=2";
        let options = format!("{picture} {way} film.mkv");
        let options: Vec<&str> = options.split_whitespace().collect();
        ffmpeg(dir.path(), &options);
        let film = dir.path().join("film.mkv");
        let damaged = |film: &Path| {
            let run = Run::encode(dir.path(), film, "out.mkv").args(["-y", "--restart", "--json"]);
            run.succeeds().finished()["proof"]["damaged"].clone()
        };
        assert!(damaged(&film).is_null(), "{way}");

        let mut bytes = std::fs::read(&film).unwrap();
        let packets = films::probe(&film, "v:0", "packet=size,pos");
        let of_the_tenth: Vec<usize> = packets[10]
            .split(',')
            .map(|number| number.parse().unwrap())
            .collect();
        let [size, pos] = of_the_tenth[..] else {
            panic!("{packets:?}")
        };
        for byte in &mut bytes[pos + size / 3..pos + size * 2 / 3] {
            *byte ^= 0x5a;
        }
        std::fs::write(&film, bytes).unwrap();
        assert!(damaged(&film).is_string(), "{way}");
    }
}
