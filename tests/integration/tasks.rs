//! The first things that six kinds of people do who come to av1enc: what is typed, what must be said, the exit code.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::Command,
    thread,
};

use crate::{clips, interface::naked, run::Run};

/// Something that somebody wants to do.
struct Task {
    wants: &'static str,
    types: &'static [&'static str],
    exit: i32,
    /// What is said or printed, among other things.
    told: &'static [&'static str],
}

const fn task(
    wants: &'static str,
    types: &'static [&'static str],
    exit: i32,
    told: &'static [&'static str],
) -> Task {
    Task {
        wants,
        types,
        exit,
        told,
    }
}

const OF_AV1AN: &[Task] = &[
    task(
        "to run the line of a guide, and to see how many workers there will be",
        &[
            "-i",
            "film.mkv",
            "-e",
            "svt-av1",
            "-v",
            "--preset 4 --crf 28",
            "-w",
            "0",
            "-r",
            "-c",
            "mkvmerge",
            "-m",
            "lsmash",
            "-x",
            "240",
            "-o",
            "out.mkv",
            "--dry-run",
        ],
        0,
        &[
            "--resume: not needed",
            "--chunk-method lsmash: FFMS2 or ffmpeg reads the film",
            "--crf 28 --preset 4",
            "workers ",
            " cores and ",
        ],
    ),
    task(
        "a target quality",
        &[
            "-i",
            "film.mkv",
            "--target-quality",
            "95",
            "--qp-range",
            "20-40",
            "-o",
            "out.mkv",
        ],
        2,
        &[
            "--target-quality 95, --qp-range 20-40: ",
            "name one with --crf",
        ],
    ),
    task(
        "a target size, in HandBrake's megabytes",
        &["-i", "film.mkv", "--target-size", "500"],
        2,
        &["--target-size 500 is 500 bytes: name the unit, such as 500M"],
    ),
    task(
        "zones",
        &["-i", "film.mkv", "--zones", "zones.txt"],
        2,
        &["one set of options holds for the whole film"],
    ),
    task(
        "grain",
        &["-i", "film.mkv", "--photon-noise", "8"],
        2,
        &["-v \"--film-grain 8\""],
    ),
    task(
        "two films in one go",
        &["-i", "film.mkv", "in.mkv"],
        2,
        &["type `for film in film.mkv in.mkv; do av1enc \"$film\"; done`"],
    ),
    task(
        "to crop on the way",
        &["-i", "film.mkv", "-f", "-vf crop=320:120", "-o", "out.mkv"],
        2,
        &[
            "`ffmpeg -i film.mkv -map 0 -c copy -c:v:0 ffv1 -filter:v:0 'crop=320:120' FILTERED.mkv`",
        ],
    ),
    task(
        "HEVC",
        &["-i", "film.mkv", "-e", "x265"],
        2,
        &["av1enc makes AV1 only", "svt-av1, aom and rav1e"],
    ),
    task(
        "sound in Opus, with a slip",
        &["-i", "film.mkv", "-o", "out.mkv", "-a", "-c:a libopsu"],
        2,
        &["Unknown encoder 'libopsu'"],
    ),
    task(
        "only the scenes, with a slip in the encoder's options",
        &[
            "-i",
            "in.mkv",
            "--sc-only",
            "-s",
            "scenes.json",
            "-v",
            "--film-grian 8",
        ],
        2,
        &["did you mean --film-grain?"],
    ),
    task(
        "a part of a film, by av1an's ffmpeg",
        &["-i", "film.mkv", "-f", "-ss 1 -t 2", "-o", "out.mkv"],
        2,
        &["`ffmpeg -ss 1 -t 2 -i film.mkv -map 0 -c copy PART.mkv`"],
    ),
    task(
        "a setting, and the same with another value",
        &["-i", "film.mkv", "-w", "2", "-w", "4"],
        2,
        &["--workers is given twice: leave one out"],
    ),
];

const OF_HANDBRAKE_AND_FFMPEG: &[Task] = &[
    task(
        "an MP4",
        &["film.mkv", "out.mp4"],
        2,
        &[
            "`-o out.mp4`",
            "must end in .mkv",
            "`ffmpeg -i out.mkv -map 0:v -map '0:a?' -c copy OUTPUT.mp4`",
        ],
    ),
    task(
        "ffmpeg's line",
        &[
            "-hide_banner",
            "-loglevel",
            "error",
            "-i",
            "film.mkv",
            "-c:v",
            "libsvtav1",
            "-crf",
            "28",
            "-preset",
            "6",
            "-svtav1-params",
            "tune=0",
            "-c:a",
            "copy",
            "-y",
            "out.mkv",
        ],
        2,
        &[
            "Type `av1enc -i film.mkv -e libsvtav1 --crf 28 --preset 6 -y -o out.mkv -a '-c:a copy' -v \"-svtav1-params 'tune=0'\"`",
        ],
    ),
    task(
        "HandBrake's line",
        &[
            "-i",
            "film.mkv",
            "-o",
            "out.mkv",
            "-f",
            "av_mkv",
            "-e",
            "svt_av1_10bit",
            "-q",
            "28",
            "--encoder-preset",
            "6",
            "--vfr",
            "--all-audio",
            "--all-subtitles",
            "-m",
        ],
        2,
        &["Type `av1enc -i film.mkv -o out.mkv -e svt-av1 --crf 28 --preset 6`"],
    ),
    task(
        "a part of a film",
        &["-ss", "1", "-i", "film.mkv", "-t", "2", "out.mkv"],
        2,
        &["`ffmpeg -ss 1 -t 2 -i film.mkv -map 0 -c copy PART.mkv`"],
    ),
    task(
        "another size, at another rate",
        &["-i", "film.mkv", "-s", "160x90", "-r", "12", "out.mkv"],
        2,
        &["-filter:v:0 'scale=160:90,fps=12' FILTERED.mkv`"],
    ),
    task(
        "a rate, in two passes",
        &[
            "-i", "film.mkv", "-b:v", "2M", "-pass", "1", "-o", "out.mkv",
        ],
        2,
        &[
            "`-b:v 2M`: av1enc encodes at a quality",
            "`-pass 1`: every chunk is encoded in one pass",
        ],
    ),
    task(
        "one of the sound tracks, and no subtitles",
        &[
            "-i", "film.mkv", "-map", "0:v:0", "-map", "0:a:0", "-sn", "-o", "out.mkv",
        ],
        2,
        &["`mkvmerge -o CHOSEN.mkv --audio-tracks eng --no-subtitles film.mkv`"],
    ),
    task(
        "one of HandBrake's presets",
        &[
            "-i",
            "film.mkv",
            "-o",
            "out.mkv",
            "--preset",
            "Fast 1080p30",
        ],
        2,
        &["presets are numbers, from --preset 0 (slow, best) to 13 (fast)"],
    ),
    task(
        "the graphics card",
        &[
            "-hwaccel",
            "cuda",
            "-i",
            "film.mkv",
            "-c:v",
            "av1_nvenc",
            "-o",
            "out.mkv",
        ],
        2,
        &[
            "`-hwaccel cuda` is not needed",
            "`-c:v av1_nvenc`: of ffmpeg's encoders it has",
            "av1_qsv",
        ],
    ),
    task(
        "Opus in stereo",
        &[
            "-i",
            "film.mkv",
            "--aencoder",
            "opus",
            "--ab",
            "128",
            "--mixdown",
            "stereo",
        ],
        2,
        &[
            "-a \"-c:a libopus -b:a 128k\"",
            "`--aencoder opus` is `--audio-codec opus` here",
            "`--mixdown stereo` is `--downmix stereo` here",
        ],
    ),
    task(
        "a part of a film, by HandBrake's words",
        &[
            "-i",
            "film.mkv",
            "--start-at",
            "seconds:1",
            "--stop-at",
            "seconds:2",
        ],
        2,
        &["`ffmpeg -ss 1 -t 2 -i film.mkv -map 0 -c copy PART.mkv`"],
    ),
    task(
        "HandBrake's short words",
        &[
            "film.mkv",
            "-b",
            "2000",
            "-2",
            "-T",
            "-s",
            "none",
            "--title",
            "1",
            "--rotate=90",
        ],
        2,
        &[
            "6 things",
            "`-b 2000`: av1enc encodes at a quality",
            "`mkvmerge -o CHOSEN.mkv --no-subtitles film.mkv`",
            "one of each title of a disc",
            "-filter:v:0 'transpose=clock' FILTERED.mkv`",
        ],
    ),
    task(
        "subtitles from a file",
        &["-i", "film.mkv", "-i", "SUBTITLES.srt", "-o", "out.mkv"],
        2,
        &["`mkvmerge -o ADDED.mkv film.mkv SUBTITLES.srt`"],
    ),
    task(
        "a DVD",
        &["disc/", "-o", "out.mkv"],
        8,
        &["is a disc: make a film of each title beforehand"],
    ),
];

const OF_A_HOME_SERVER: &[Task] = &[
    task(
        "a directory of films",
        &["films"],
        8,
        &[
            "type `for film in ",
            "/films/*.mkv; do av1enc \"$film\"; done`",
        ],
    ),
    task(
        "all films below a directory",
        &["films", "--recursive"],
        2,
        &["type `find . -name '*.mkv' -exec av1enc {} --skip own ';'`"],
    ),
    task(
        "to see what replacing would do",
        &["films/a.mkv", "--replace", "--dry-run"],
        0,
        &["output   ", "/films/a.mkv\n", "--replace, as typed"],
    ),
    task(
        "to keep no originals",
        &["films/a.mkv", "--overwrite", "--delete-original"],
        2,
        &["Type `av1enc films/a.mkv -y --replace --no-backup`"],
    ),
    task(
        "originals in a directory that is not there",
        &[
            "films/a.mkv",
            "--replace",
            "--backup-dir",
            "originals",
            "--dry-run",
        ],
        1,
        &["there is no such directory, type `mkdir -p ", "/originals`"],
    ),
    task(
        "an original back",
        &["restore", "films/a.mkv"],
        1,
        &["no original of ", "--backup-dir"],
    ),
    task(
        "to leave alone what is marked",
        &["films/b.mkv", "--skip", "marked"],
        4,
        &["skipped: ", "b.mkv.av1skip"],
    ),
    task(
        "to reject what has grown",
        &["films/a.mkv", "--max-size-ratio", "90"],
        2,
        &["a number above 0 and at most 1, such as 0.90"],
    ),
    task(
        "a quiet machine",
        &["films/a.mkv", "--nice", "20"],
        2,
        &["--nice 20: a number from 0 to 19"],
    ),
    task(
        "settings in a file, with a slip",
        &["films/a.mkv", "--config", "slip.toml"],
        2,
        &["slip.toml, line 1: crff: av1enc has no such option: did you mean crf?"],
    ),
    task(
        "to encode at night only",
        &["films/a.mkv", "--at-night"],
        2,
        &["`--schedule 22:00-07:00`"],
    ),
    task(
        "the job on another disk",
        &["films/a.mkv", "--tmpdir", "other"],
        2,
        &["Type `av1enc films/a.mkv --temp other`"],
    ),
    task(
        "the job in a directory that is not there",
        &["films/a.mkv", "--temp", "not/there/job", "-o", "out.mkv"],
        1,
        &[
            "type `mkdir -p ",
            "/not/there`, or name another one with --temp",
        ],
    ),
];

const OF_SCRIPTS: &[Task] = &[
    task(
        "to read that a line was wrong",
        &["in.mkv", "--json", "--crff", "24"],
        2,
        &[
            "\"event\":\"error\"",
            "\"kind\":\"usage\"",
            "did you mean --crf?",
        ],
    ),
    task(
        "to read the plan",
        &["in.mkv", "--dry-run", "--json"],
        0,
        &["\"encoder_line\":", "\"workers\":"],
    ),
    task(
        "not to overwrite",
        &["in.mkv", "-o", "there.mkv"],
        3,
        &["there.mkv exists: add -y to overwrite it"],
    ),
    task(
        "a film that is gone",
        &["gone.mkv"],
        1,
        &["cannot read `", "gone.mkv`: No such file"],
    ),
    task(
        "to read from a pipe",
        &["-", "-o", "out.mkv"],
        2,
        &["type `> FILM.mkv && av1enc FILM.mkv`"],
    ),
    task(
        "to write into a pipe",
        &["in.mkv", "-o", "/dev/stdout"],
        2,
        &["written into a file", "`-o OUTPUT.mkv`"],
    ),
    task(
        "a variable that is empty",
        &["-i", "", "-o", "out.mkv"],
        2,
        &["--input needs a value"],
    ),
    task(
        "a pattern that is quoted",
        &["films/*.mkv"],
        1,
        &["a shell replaces such a pattern by the names of films"],
    ),
    task(
        "a film from the network",
        &["http://127.0.0.1/film.mkv"],
        2,
        &["type `curl -L -o FILM.mkv http://127.0.0.1/film.mkv`"],
    ),
    task(
        "the doctor, with a slip",
        &["docter", "--json"],
        2,
        &[
            "av1enc has no command docter",
            "did you mean `av1enc doctor --json`?",
        ],
    ),
];

const OF_AN_ARCHIVIST: &[Task] = &[
    task(
        "to know what is kept",
        &["film.mkv", "--dry-run"],
        0,
        &[
            "1 sound track (copied), 1 subtitle track, 2 chapters, 2 attachments",
            "bt709/bt709/bt709 limited",
        ],
    ),
    task(
        "to know that a film is the same",
        &["verify", "in.mkv", "films/a.mkv", "--json"],
        0,
        &["\"agrees\":true"],
    ),
    task(
        "to know what is different",
        &["verify", "in.mkv", "wide.mkv"],
        1,
        &[
            "differs  size of the picture ",
            "The output is not the source: ",
        ],
    ),
    task(
        "to compare, with one film",
        &["verify", "in.mkv"],
        2,
        &["type `av1enc verify SOURCE.mkv OUTPUT.mkv`"],
    ),
    task(
        "a film that is cut short",
        &["cut.mkv", "-o", "out.mkv"],
        8,
        &["is cut short", "Add --allow-truncated"],
    ),
    task("a text", &["text.mkv"], 8, &["is not a film: it is a text"]),
    task(
        "no loss",
        &["in.mkv", "--lossless", "1"],
        2,
        &[
            "`--lossless 1` is an option of the encoder",
            "Type `av1enc in.mkv -v '--lossless 1'`",
        ],
    ),
    task(
        "all colours",
        &["in.mkv", "--pix-format", "yuv444p10le"],
        2,
        &["one of auto, yuv420p, yuv420p10le"],
    ),
    task(
        "every picture compared",
        &["in.mkv", "--verify"],
        2,
        &["Type `av1enc in.mkv --verify-source`"],
    ),
    task(
        "Dolby Vision",
        &["in.mkv", "--dolby-vision"],
        2,
        &["left out with a warning", "--dynamic-hdr refuse"],
    ),
];

/// He builds and looks at it where nothing is installed.
const OF_A_PACKAGE_MAINTAINER: &[Task] = &[
    task(
        "the version",
        &["--version"],
        0,
        &[concat!("av1enc ", env!("CARGO_PKG_VERSION"))],
    ),
    task("the help", &["--help"], 0, &["Exit codes: "]),
    task("the manual", &["man"], 0, &[".TH av1enc 1"]),
    task(
        "completions",
        &["completions", "zsh"],
        0,
        &["#compdef av1enc"],
    ),
    task(
        "completions of no shell",
        &["completions"],
        2,
        &["`av1enc completions bash`, zsh or fish"],
    ),
    task(
        "completions of another shell",
        &["completions", "tcsh"],
        2,
        &["bash", "zsh", "fish"],
    ),
    task("the tables", &["tables"], 0, &["[sizes]"]),
    task(
        "what it depends on",
        &["doctor"],
        1,
        &["MISSING", "ffprobe", "mkvmerge", "./setup"],
    ),
    task(
        "to encode nonetheless",
        &["in.mkv"],
        1,
        &["error: ", "./setup"],
    ),
    task(
        "to see its licence",
        &["licence"],
        2,
        &["av1enc has no command licence", "`av1enc --help` lists"],
    ),
];

/// A directory with what the tasks name.
fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("films")).unwrap();
    fs::create_dir_all(at("disc/VIDEO_TS")).unwrap();
    for name in ["in.mkv", "films/a.mkv", "films/b.mkv"] {
        fs::copy(clips::one_frame(), at(name)).unwrap();
    }
    fs::copy(clips::film(), at("film.mkv")).unwrap();
    fs::copy(clips::wide(), at("wide.mkv")).unwrap();
    let film = fs::read(clips::film()).unwrap();
    fs::write(at("cut.mkv"), &film[..film.len() / 2]).unwrap();
    for (name, text) in [
        ("text.mkv", "Dear film\n"),
        ("there.mkv", ""),
        ("films/b.mkv.av1skip", ""),
        ("slip.toml", "crff = 20\n"),
        ("SUBTITLES.srt", "1\n00:00:00,000 --> 00:00:01,000\nHello\n"),
    ] {
        fs::write(at(name), text).unwrap();
    }
    dir
}

/// Does all tasks, each by `run` in the same place.
fn done(tasks: &[Task], run: fn(&Path) -> Run) {
    let dir = place();
    for Task {
        wants,
        types,
        exit,
        told,
    } in tasks
    {
        let ended = run(dir.path()).args(*types).ends().exits(*exit);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        for part in *told {
            ended.expect(
                all.contains(part),
                &format!("{part:?}, for who wants {wants}"),
            );
        }
    }
}

#[test]
fn who_has_used_av1an_for_years_is_understood() {
    done(OF_AV1AN, Run::bare);
}

#[test]
fn who_has_used_handbrake_and_ffmpeg_is_understood() {
    done(OF_HANDBRAKE_AND_FFMPEG, Run::bare);
}

#[test]
fn who_has_a_server_at_home_is_understood() {
    done(OF_A_HOME_SERVER, Run::bare);
}

#[test]
fn who_writes_scripts_is_understood() {
    done(OF_SCRIPTS, Run::bare);
}

#[test]
fn who_keeps_an_archive_is_understood() {
    done(OF_AN_ARCHIVIST, Run::bare);
}

#[test]
fn who_makes_packages_is_understood() {
    done(OF_A_PACKAGE_MAINTAINER, naked);
}

/// What stands in the backquote of this number.
fn quoted(text: &str, number: usize) -> &str {
    let mut quotes = text.split('`').skip(1).step_by(2);
    quotes.nth(number).unwrap_or_else(|| panic!("{text}"))
}

/// Types `line` in `dir`.
#[track_caller]
fn type_in(dir: &Path, line: &str) {
    let bin = Path::new(env!("CARGO_BIN_EXE_av1enc")).parent().unwrap();
    let inherited = env::var_os("PATH").unwrap();
    let path = [bin.to_owned()]
        .into_iter()
        .chain(env::split_paths(&inherited));
    let shell = Command::new("sh")
        .args(["-ec", line])
        .current_dir(dir)
        .env("PATH", env::join_paths(path).unwrap())
        .env("AV1ENC_CONFIG", "/dev/null")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&shell.stderr);
    assert!(shell.status.success(), "{line}\n{said}");
}

#[test]
fn what_the_answers_tell_to_type_works() {
    let dir = place();
    let told = |types: &[&str]| Run::bare(dir.path()).args(types).ends().stderr;
    let is_there = |name: &str| dir.path().join(name).exists();
    type_in(
        dir.path(),
        quoted(&told(&["film.mkv", "-sn", "-N", "eng"]), 2),
    );
    assert!(is_there("CHOSEN.mkv"));
    type_in(
        dir.path(),
        quoted(
            &told(&["films/a.mkv", "--replace", "--backup-dir", "kept/here"]),
            0,
        ),
    );
    assert!(is_there("kept/here"));
    let output = told(&["in.mkv", "-o", "out/there/o.mkv"]);
    type_in(dir.path(), quoted(&output, 0));
    assert!(is_there("out/there"));
    let others = [
        "--srt-file",
        "SUBTITLES.srt",
        "--subtitle-burned",
        "--chapters",
        "1",
    ];
    let others = told(&[&["film.mkv"][..], &others].concat());
    for (number, made) in [(1, "ADDED.mkv"), (3, "BURNT.mkv"), (5, "CHAPTER-001.mkv")] {
        type_in(dir.path(), quoted(&others, number));
        type_in(dir.path(), &format!("av1enc {made} --dry-run"));
    }
    let pipe = told(&["-"]).replace(" && av1enc", " && av1enc --dry-run");
    type_in(dir.path(), &format!("cat in.mkv {}", quoted(&pipe, 0)));
    let below = told(&["films", "--recursive"]);
    let below = quoted(&below, 1).replace("{}", "{} --dry-run");
    type_in(&dir.path().join("films"), &below);
    let output = told(&["in.mkv", "-o", "films"]);
    let output = quoted(&output, 0);
    assert!(output.ends_with("/films/in.av1.mkv"), "{output}");
    type_in(dir.path(), &format!("av1enc in.mkv {output} --dry-run"));
}

#[test]
fn a_film_is_fetched_by_what_is_told() {
    if Command::new("curl").arg("--version").output().is_err() {
        return eprintln!("SKIPPED: there is no curl here");
    }
    let dir = place();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/film.mkv", server.local_addr().unwrap());
    let film = fs::read(clips::one_frame()).unwrap();
    let served = film.clone();
    thread::spawn(move || {
        let (mut client, _) = server.accept().unwrap();
        BufReader::new(&client)
            .read_line(&mut String::new())
            .unwrap();
        let head = format!(
            "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n",
            served.len()
        );
        client
            .write_all(&[head.as_bytes(), &served].concat())
            .unwrap();
    });
    let ended = Run::bare(dir.path()).arg(&address).fails(2);
    type_in(dir.path(), quoted(&ended.stderr, 0));
    assert_eq!(fs::read(dir.path().join("FILM.mkv")).unwrap(), film);
}
