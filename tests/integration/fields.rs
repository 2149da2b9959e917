//! A film that is interlaced and encoded as it is says so in the output, and what is told of it can be typed.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{
    advice::typed,
    chance::Chance,
    check::File,
    clips::{ffmpeg, tool},
    doctor::only,
    encoders,
    lab::{fake, messages, with_fakes},
    run::Run,
};

/// Two seconds with the fields in `order`, as ffmpeg calls it for its filter.
fn film(dir: &Path, name: &str, order: &str, options: &[&str]) {
    let filter = format!("setfield={order}");
    let args = ["-f", "lavfi", "-i", "testsrc2=s=192x108:r=25:d=2"];
    ffmpeg(
        dir,
        &[args.as_slice(), options, &["-vf", &filter, name]].concat(),
    );
}

const X264: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-pix_fmt",
    "yuv420p",
    "-flags",
    "+ilme+ildct",
];

/// What ffprobe and mediainfo say of the output's fields.
fn said(output: &File) -> [String; 3] {
    let mediainfo: Value =
        serde_json::from_str(&output.tool("mediainfo", &["--Output=JSON", "@"])).unwrap();
    let tracks = mediainfo["media"]["track"].as_array().unwrap();
    let video = tracks
        .iter()
        .find(|track| track["@type"] == "Video")
        .unwrap();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    [
        text(&output.video()["field_order"]),
        text(&video["ScanType"]),
        text(&video["ScanOrder"]),
    ]
}

#[test]
fn an_interlaced_film_stays_one_with_its_order_of_fields() {
    let dir = tempfile::tempdir().unwrap();
    film(dir.path(), "tff.ts", "tff", X264);
    film(
        dir.path(),
        "bff.mp4",
        "bff",
        &[X264, &["-x264-params", "bff=1"]].concat(),
    );
    film(
        dir.path(),
        "dvd.mpg",
        "tff",
        &["-c:v", "mpeg2video", "-flags", "+ilme+ildct"],
    );
    // Fields of different times: by the times of its fields the bottom is first, by its headers the top, and so it moves.
    let woven = "testsrc2=s=192x128:r=50:d=2,tinterlace=interleave_top";
    let contradiction = ["-x264opts", "tff=1", "contradiction.ts"];
    ffmpeg(
        dir.path(),
        &[&["-f", "lavfi", "-i", woven], X264, &contradiction].concat(),
    );
    // Only the pictures say it, not their container.
    film(
        dir.path(),
        "dv.avi",
        "bff",
        &["-c:v", "dvvideo", "-s", "720x576", "-pix_fmt", "yuv420p"],
    );
    film(
        dir.path(),
        "prores.mov",
        "tff",
        &["-c:v", "prores_ks", "-flags", "+ilme+ildct"],
    );
    // Only the container says it, not its pictures.
    film(dir.path(), "bt.mkv", "prog", &X264[..6]);
    let mark = [
        "bt.mkv",
        "--edit",
        "track:v1",
        "--set",
        "interlaced=1",
        "--set",
        "field-order=14",
    ];
    tool(dir.path(), "mkvpropedit", &mark);
    film(dir.path(), "progressive.mkv", "prog", &X264[..6]);
    let films = [
        ("tff.ts", "tt", ["Interlaced", "TFF"]),
        ("contradiction.ts", "tt", ["Interlaced", "TFF"]),
        ("bff.mp4", "bb", ["Interlaced", "BFF"]),
        ("dvd.mpg", "tt", ["Interlaced", "TFF"]),
        ("dv.avi", "bb", ["Interlaced", "BFF"]),
        ("prores.mov", "tb", ["Interlaced", "TFF"]),
        ("bt.mkv", "bt", ["Interlaced", "BFF"]),
        ("progressive.mkv", "-", ["-", "-"]),
    ];
    for (name, order, scan) in Chance::of(4).some(films) {
        let run = Run::encode(dir.path(), name, "out.mkv")
            .args(["-y", "--json"])
            .succeeds();
        let output = File::open(&dir.path().join("out.mkv"));
        let [order_found, scan_found @ ..] = said(&output);
        assert_eq!(
            (order_found.as_str(), scan_found),
            (order, scan.map(str::to_owned)),
            "{name}"
        );
        assert_eq!(output.decoded(), output.packets(), "{name}");
        let findings = run.finished()["proof"]["findings"].clone();
        let finding = findings
            .as_array()
            .unwrap()
            .iter()
            .find(|finding| finding["what"] == "fields")
            .unwrap();
        assert!(
            finding["output"]
                .as_str()
                .unwrap()
                .contains(if order == "-" { "progressive" } else { order }),
            "{name}: {finding}"
        );
        let warnings = messages(&run, "warning")
            .into_iter()
            .filter(|warning| warning.contains("interlaced"));
        assert_eq!(warnings.count(), usize::from(order != "-"), "{name}");
    }
}

/// Values of the blue chroma of the first picture of a file, of one line after the other.
fn blue(file: &Path) -> Vec<u16> {
    let args = "-nostdin -v error -frames:v 1 -pix_fmt yuv420p10le -f rawvideo pipe:1";
    let mut command = Command::new("ffmpeg");
    command.arg("-i").arg(file).args(args.split(' '));
    let picture = command.output().unwrap().stdout;
    let (width, height) = (192, 128);
    let chroma = &picture[2 * width * height..][..width / 2 * height / 2 * 2];
    let lines = chroma.chunks(width / 2 * 2);
    lines
        .map(|line| u16::from_le_bytes([line[width / 2], line[width / 2 + 1]]))
        .collect()
}

#[test]
fn colours_of_one_field_do_not_run_into_the_other_whoever_reads_the_film() {
    let dir = tempfile::tempdir().unwrap();
    // One field is red, the other one blue.
    let colours = "color=c=red:s=192x128:r=50:d=1,format=yuv422p[a];color=c=blue:s=192x128:r=50:d=1,format=yuv422p[b];\
                   [a][b]blend=all_expr='if(mod(N,2),B,A)',tinterlace=interleave_top";
    let make = |name: &str, marks: &[&str]| {
        let pictures = ["-f", "lavfi", "-i", colours, "-c:v", "ffv1"];
        ffmpeg(dir.path(), &[&pictures, marks, &[name]].concat());
    };
    make("pictures.mkv", &["-vf", "setfield=tff", "-flags", "+ildct"]);
    make("container.mkv", &[]);
    let mark = "--edit track:v1 --set interlaced=1 --set field-order=1";
    let mark: Vec<&str> = mark.split(' ').collect();
    let at = [&["container.mkv"], mark.as_slice()].concat();
    tool(dir.path(), "mkvpropedit", &at);
    for name in ["pictures.mkv", "container.mkv"] {
        for method in ["ffms2", "linear"] {
            let run =
                Run::bare(dir.path()).args(["-w", "2", "--preset", "10", "--crf", "10", "-y"]);
            let run = run.args(["--chunk-method", method, "-i", name, "-o", "out.mkv"]);
            let _ = run.succeeds();
            let lines = blue(&dir.path().join("out.mkv"));
            for pair in lines[2..lines.len() - 2].chunks_exact(2) {
                let is_apart = pair[0].abs_diff(960) < 30 && pair[1].abs_diff(360) < 30;
                assert!(is_apart, "{name} by {method}: {lines:?}");
            }
        }
    }
}

#[test]
fn the_command_that_an_interlaced_film_is_told_makes_whole_pictures_of_it() {
    for (name, order, sound) in [("film.mov", "bff", "pcm_s16be"), ("film.ts", "tff", "mp2")] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("s.srt"),
            "1\n00:00:00,700 --> 00:00:01,100\nBonjour\n",
        )
        .unwrap();
        let inputs = [
            "-f",
            "lavfi",
            "-i",
            "sine=440:d=2",
            "-i",
            "s.srt",
            "-map",
            "0",
            "-map",
            "1",
        ];
        let subtitles: &[&str] = if name == "film.mov" {
            &["-map", "2", "-c:s", "mov_text"]
        } else {
            &[]
        };
        film(
            dir.path(),
            name,
            order,
            &[&inputs, subtitles, X264, &["-c:a", sound]].concat(),
        );
        let run = Run::encode(dir.path(), name, "as-it-is.mkv").succeeds();
        let whole = typed(
            dir.path(),
            &run.stderr,
            "encode that: ",
            name,
            "DEINTERLACED.mkv",
        );
        let ended = Run::encode(dir.path(), &whole, "out.mkv").succeeds();
        ended.expect(!ended.stderr.contains("interlaced"), "no word of fields");
        let output = File::open(&dir.path().join("out.mkv"));
        assert_eq!(said(&output), ["-"; 3]);
        // One picture of each field, and every track.
        assert_eq!(output.packets(), 100);
        let kinds = |file: &File| file.ffprobe["streams"].as_array().unwrap().len();
        assert_eq!(
            kinds(&output),
            kinds(&File::open(&dir.path().join(name))),
            "{name}"
        );
    }
}

#[test]
fn an_output_whose_marking_fails_gets_no_name_and_the_same_command_makes_it() {
    let dir = tempfile::tempdir().unwrap();
    film(dir.path(), "film.mkv", "tff", X264);
    // Half of an edit, as a kill or a full disk leaves it.
    let broken = "case \"$*\" in *--edit*) echo x >>\"$3\"; echo 'Error: no room'; exit 2 ;; esac\nexec \"$real\" \"$@\"";
    fake(dir.path(), "mkvpropedit", broken);
    let run = || Run::encode(dir.path(), "film.mkv", "out.mkv");
    with_fakes(dir.path(), run())
        .fails(1)
        .says("marking the output as interlaced")
        .says("no room");
    run().succeeds();
    assert_eq!(said(&File::open(&dir.path().join("out.mkv")))[0], "tb");
}

#[test]
fn without_mkvpropedit_an_interlaced_film_is_refused_at_once_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    film(dir.path(), "film.mkv", "tff", X264);
    film(dir.path(), "progressive.mkv", "prog", &X264[..6]);
    let bin = only(
        dir.path(),
        &["ffmpeg", "ffprobe", "mkvmerge", "readlink", "dirname"],
    );
    let run = |name: &str| {
        let run = Run::encode(dir.path(), name, format!("{name}.out.mkv"))
            .args(["--chunk-method", "linear"]);
        run.arg("--encoder-path")
            .arg(encoders::real())
            .env("PATH", &bin)
    };
    run("film.mkv")
        .fails(1)
        .says("mkvpropedit")
        .says("the film is interlaced")
        .says("mkvtoolnix");
    run("progressive.mkv").succeeds();
    for (film, state) in [("film.mkv", "missing"), ("progressive.mkv", "warning")] {
        let doctor = Run::bare(dir.path()).args([
            "doctor",
            "--json",
            film,
            "--chunk-method",
            "linear",
            "--encoder-path",
        ]);
        let ended = doctor.arg(encoders::real()).env("PATH", &bin).ends();
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap().iter();
        let states: Vec<&str> = checks
            .filter(|check| check["name"] == "mkvpropedit")
            .map(|check| check["state"].as_str().unwrap())
            .collect();
        ended.expect(states.last() == Some(&state), "whether the film needs it");
    }
}
