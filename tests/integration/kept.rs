//! What a film says of itself beside its tracks is kept, and found again by other people's tools.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    chance::Chance,
    check::File,
    clips::{self, ffmpeg, mkvmerge},
    lab::messages,
    run::{Ended, Run},
};

/// Two seconds of pictures and sound.
fn film(dir: &Path, name: &str, options: &[&str]) -> PathBuf {
    let inputs = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=192x108:r=25:d=2",
        "-f",
        "lavfi",
        "-i",
        "sine=440:d=2:r=48000",
    ];
    let codecs = [
        "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac",
    ];
    ffmpeg(
        dir,
        &[inputs.as_slice(), &codecs, options, &[name]].concat(),
    );
    dir.join(name)
}

/// Encodes a film of `dir`; the output, and what was said.
#[track_caller]
fn encoded(dir: &Path, name: &str) -> (File, Ended) {
    let ended = Run::encode(dir, name, format!("{name}-out.mkv"))
        .arg("--json")
        .succeeds();
    (File::open(&dir.join(format!("{name}-out.mkv"))), ended)
}

/// The finding of that name in the proof.
fn finding(ended: &Ended, what: &str) -> Value {
    let findings = ended.finished()["proof"]["findings"].clone();
    let found = findings
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["what"] == what)
        .cloned();
    found.unwrap_or_else(|| panic!("no finding `{what}` in {findings}"))
}

/// The warnings of a run with `--json`.
fn warnings(ended: &Ended) -> Vec<String> {
    messages(ended, "warning")
}

#[test]
fn tags_of_mp4_mov_and_flv_become_those_of_matroska() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["film.mp4", "film.mov", "film.flv"] {
        let mut tags = vec![
            "title=A title",
            "artist=N. N.",
            "comment=Hello & <you>, “ça va”",
        ];
        if name != "film.flv" {
            tags.extend([
                "location=+48.85+002.35/",
                "creation_time=2024-05-06T07:08:09Z",
            ]);
        }
        let options: Vec<&str> = tags.iter().flat_map(|tag| ["-metadata", tag]).collect();
        film(dir.path(), name, &options);
        let (output, ended) = encoded(dir.path(), name);
        let found = &output.ffprobe["format"]["tags"];
        for tag in &tags {
            let (tag, value) = tag.split_once('=').unwrap();
            let found = found
                .as_object()
                .unwrap()
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(tag));
            let found = found
                .unwrap_or_else(|| panic!("{name} has lost {tag}: {found:?}"))
                .1
                .as_str()
                .unwrap();
            let value = if tag == "location" {
                &value[..6]
            } else {
                value
            };
            assert!(found.starts_with(value), "{name}: {found}, not {value}");
        }
        assert!(
            found.get("MAJOR_BRAND").is_none(),
            "what is true of the source's file alone"
        );
        assert!(
            finding(&ended, "tags")["output"]
                .as_str()
                .unwrap()
                .contains("ARTIST: N. N.")
        );
    }
}

#[test]
fn a_recording_keeps_the_name_of_its_service() {
    let dir = tempfile::tempdir().unwrap();
    let service = [
        "-metadata",
        "service_name=Kanal 1",
        "-metadata",
        "service_provider=A & B",
    ];
    film(dir.path(), "film.ts", &service);
    film(dir.path(), "plain.ts", &[]);
    let (output, ended) = encoded(dir.path(), "film.ts");
    let tags = &output.ffprobe["format"]["tags"];
    assert_eq!(
        (&tags["SERVICE_NAME"], &tags["SERVICE_PROVIDER"]),
        (&"Kanal 1".into(), &"A & B".into())
    );
    assert!(finding(&ended, "tags")["agrees"].as_bool().unwrap());
    let (output, _) = encoded(dir.path(), "plain.ts");
    assert!(
        output.ffprobe["format"]["tags"]
            .get("SERVICE_NAME")
            .is_none(),
        "ffmpeg's own word"
    );
}

#[test]
fn tags_of_the_picture_are_kept_and_statistics_of_the_source_are_not() {
    let dir = tempfile::tempdir().unwrap();
    film(dir.path(), "film.mkv", &[]);
    let tag = |name: &str, value: &str| {
        format!("<Simple><Name>{name}</Name><String>{value}</String></Simple>")
    };
    let tags = tag("SOURCE_MEDIUM", "A disc &amp; more") + &tag("BPS", "123");
    std::fs::write(
        dir.path().join("tags.xml"),
        format!("<Tags><Tag>{tags}</Tag></Tags>"),
    )
    .unwrap();
    mkvmerge(
        dir.path(),
        &["-o", "tagged.mkv", "--tags", "0:tags.xml", "film.mkv"],
    );
    let (output, ended) = encoded(dir.path(), "tagged.mkv");
    let found = &output.ffprobe["streams"][0]["tags"];
    assert_eq!(found["SOURCE_MEDIUM"], "A disc & more");
    assert_ne!(found["BPS"], "123");
    assert_eq!(
        finding(&ended, "tags of the picture")["output"],
        "SOURCE_MEDIUM: A disc & more"
    );
    assert_eq!(warnings(&ended), [""; 0]);
}

#[test]
fn tags_of_every_track_are_kept_also_where_mkvmerge_does_not_read_them() {
    let dir = tempfile::tempdir().unwrap();
    let tags = [
        "-metadata",
        "artist=N. N.",
        "-metadata",
        "date=2021",
        "-metadata:s:a",
        "catalog=7",
    ];
    // Ogg has no tags of a film: all are those of its tracks.
    film(
        dir.path(),
        "film.ogv",
        &[&["-c:v", "libtheora", "-c:a", "libvorbis"], tags.as_slice()].concat(),
    );
    film(
        dir.path(),
        "film.mkv",
        &["-metadata:s:a", "catalog=7", "-metadata:s:v", "date=2021"],
    );
    for (name, sound) in [
        ("film.ogv", &[][..]),
        ("film.ogv", &["-a", "-c:a flac"]),
        ("film.mkv", &["-a", "-c:a flac"]),
    ] {
        let ended = Run::encode(dir.path(), name, "out.mkv")
            .args(["-y", "--json"])
            .args(sound)
            .succeeds();
        let tags = |stream: usize| {
            File::open(&dir.path().join("out.mkv")).ffprobe["streams"][stream]["tags"].clone()
        };
        // mkvmerge's names of a date and a number in a catalogue.
        assert_eq!(
            (&tags(0)["DATE_RELEASED"], &tags(1)["CATALOG_NUMBER"]),
            (&"2021".into(), &"7".into()),
            "{name}"
        );
        if name == "film.ogv" {
            assert_eq!(
                [&tags(0)["ARTIST"], &tags(1)["ARTIST"]],
                ["N. N."; 2],
                "{name}"
            );
        }
        assert!(
            finding(&ended, "tags of track 2")["output"]
                .as_str()
                .unwrap()
                .contains("CATALOG_NUMBER: 7")
        );
    }
}

/// Names of all tracks, as mkvmerge shows them; what has none is `-`.
fn names(output: &File) -> Vec<String> {
    let tracks = output.mkvmerge["tracks"].as_array().unwrap();
    let name = |track: &Value| {
        track["properties"]["track_name"]
            .as_str()
            .map(str::to_owned)
    };
    tracks
        .iter()
        .map(|track| name(track).unwrap_or_else(|| "-".to_owned()))
        .collect()
}

#[test]
fn a_time_code_becomes_a_tag_of_the_picture_wherever_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let code = ["-timecode", "01:02:03:04"];
    film(dir.path(), "film.mov", &code);
    let mpeg2 = ["-c:v", "mpeg2video", "-c:a", "pcm_s16le"];
    film(dir.path(), "film.mxf", &[mpeg2.as_slice(), &code].concat());
    film(
        dir.path(),
        "film.mkv",
        &["-metadata:s:v", "timecode=01:02:03:04"],
    );
    for name in ["film.mov", "film.mxf", "film.mkv"] {
        let (output, ended) = encoded(dir.path(), name);
        assert_eq!(output.video()["tags"]["TIMECODE"], "01:02:03:04", "{name}");
        assert_eq!(warnings(&ended), [""; 0], "{name}");
        assert_eq!(finding(&ended, "tags of the picture")["agrees"], true);
    }
}

#[test]
fn a_track_of_mp4_keeps_the_name_that_somebody_gave_it_and_not_that_of_a_program() {
    let dir = tempfile::tempdir().unwrap();
    let second = ["-f", "lavfi", "-i", "sine=220:d=2:r=48000"];
    let inputs = ["-f", "lavfi", "-i", "testsrc2=s=192x108:r=25:d=2"];
    let maps = "-map 0 -map 1 -map 2 -c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a aac";
    let maps: Vec<&str> = maps.split(' ').collect();
    let given = ["-metadata:s:a:1", "handler_name=Commentary", "film.mp4"];
    let args = [inputs.as_slice(), &second, &second, &maps, &given].concat();
    ffmpeg(dir.path(), &args);
    let (output, ended) = encoded(dir.path(), "film.mp4");
    assert_eq!(names(&output), ["-", "-", "Commentary"]);
    assert_eq!(warnings(&ended), [""; 0]);
}

#[test]
fn the_text_of_chapters_of_mp4_is_no_track_that_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let chapters = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n\
                    [CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\ntitle=Two\n";
    std::fs::write(dir.path().join("chapters.txt"), chapters).unwrap();
    let plain = film(dir.path(), "plain.mp4", &[]);
    let plain = plain.to_str().unwrap();
    let with = [
        "-i",
        plain,
        "-i",
        "chapters.txt",
        "-map_metadata",
        "1",
        "-c",
        "copy",
    ];
    ffmpeg(dir.path(), &[with.as_slice(), &["film.mp4"]].concat());
    let source = File::open(&dir.path().join("film.mp4"));
    let data = source.ffprobe["streams"].as_array().unwrap().iter();
    assert_eq!(
        data.filter(|stream| stream["codec_type"] == "data").count(),
        1
    );
    let (output, ended) = encoded(dir.path(), "film.mp4");
    assert_eq!(warnings(&ended), [""; 0]);
    let found = output.contents()["chapters"].clone();
    let titles: Vec<&Value> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c[2]["title"])
        .collect();
    assert_eq!(titles, ["One", "Two"]);
}

#[test]
fn a_picture_for_two_eyes_or_around_the_viewer_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    film(dir.path(), "film.mkv", &[]);
    let pose = [
        "--projection-pose-yaw",
        "0:10.5",
        "--projection-pose-pitch",
        "0:-5",
        "--projection-pose-roll",
        "0:2",
    ];
    let eyes = [
        ("0:1", "side"),
        ("0:2", "top"),
        ("0:11", "other-side"),
        ("0:0", "one-eye"),
    ];
    for (stereo, name) in Chance::of(2).some(eyes) {
        let args = ["--projection-type", "0:1", "--stereo-mode", stereo];
        let matroska = format!("{name}.mkv");
        mkvmerge(
            dir.path(),
            &[["-o", &matroska].as_slice(), &args, &pose, &["film.mkv"]].concat(),
        );
        // ffmpeg writes whole degrees.
        let mp4 = format!("{name}.mp4");
        ffmpeg(
            dir.path(),
            &[
                "-i",
                &matroska,
                "-map",
                "0:v",
                "-c",
                "copy",
                "-strict",
                "unofficial",
                &mp4,
            ],
        );
        // Nor does it write which eye comes first.
        let right_first = ["top", "other-side"].contains(&name);
        for (source, yaw) in [(&matroska, 10.5), (&mp4, 10.0)]
            .into_iter()
            .take(if right_first { 1 } else { 2 })
        {
            let (output, ended) = encoded(dir.path(), source);
            let found = &output.mkvmerge["tracks"][0]["properties"];
            let angle = |name: &str| found[format!("projection_pose_{name}")].as_f64().unwrap();
            assert_eq!(found["projection_type"], 1, "{source}");
            assert_eq!(
                [angle("yaw"), angle("pitch"), angle("roll")],
                [yaw, -5.0, 2.0],
                "{source}"
            );
            assert_eq!(
                found["stereo_mode"].as_u64().unwrap_or(0).to_string(),
                stereo[2..],
                "{source}"
            );
            assert!(
                finding(&ended, "picture in space")["agrees"]
                    .as_bool()
                    .unwrap()
            );
            let shape = |file: &File| file.ffprobe["streams"][0]["sample_aspect_ratio"].clone();
            assert_eq!(
                shape(&output),
                shape(&File::open(&dir.path().join(source))),
                "{source}"
            );
        }
    }
}

#[test]
fn the_faces_of_a_cube_and_a_part_of_a_sphere_stay_such() {
    let dir = tempfile::tempdir().unwrap();
    film(dir.path(), "film.mkv", &[]);
    let (cube, part) = (
        "000000000000000000000010",
        "0000000020000000100000004000000008000000",
    );
    for (name, projection, private) in [("cube", "2", cube), ("part", "1", part)] {
        let (matroska, mp4) = (format!("{name}.mkv"), format!("{name}.mp4"));
        let args = [
            "--projection-type",
            &format!("0:{projection}"),
            "--projection-private",
            &format!("0:{private}"),
        ];
        mkvmerge(
            dir.path(),
            &[["-o", &matroska].as_slice(), &args, &["film.mkv"]].concat(),
        );
        ffmpeg(
            dir.path(),
            &[
                "-i",
                &matroska,
                "-map",
                "0:v",
                "-c",
                "copy",
                "-strict",
                "unofficial",
                &mp4,
            ],
        );
        for source in [&matroska, &mp4] {
            let (output, ended) = encoded(dir.path(), source);
            let found = &output.mkvmerge["tracks"][0]["properties"];
            assert_eq!(
                found["projection_type"].as_u64().unwrap().to_string(),
                projection,
                "{source}"
            );
            if *source == matroska {
                assert_eq!(found["projection_private"], private);
            }
            // Edges in pixels, around a face or the part.
            let sides = |file: &File| file.video()["side_data_list"].clone();
            assert_eq!(
                sides(&output),
                sides(&File::open(&dir.path().join(source))),
                "{source}"
            );
            assert_eq!(warnings(&ended), [""; 0]);
        }
    }
}

#[test]
fn what_a_container_crops_is_cropped_by_the_output_and_nothing_is_cut_away() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let film = clips::one_scene();
    let film = film.to_str().unwrap();
    // The second is shown stretched.
    for (n, shown) in ["192x96", "256x96"].into_iter().enumerate() {
        let (name, shown) = (format!("cropped-{n}.mkv"), format!("0:{shown}"));
        let crop = ["--cropping", "0:4,6,2,6", "--display-dimensions", &shown];
        mkvmerge(at, &[&["-o", &name], &crop[..], &[film]].concat());
        let run = Run::encode(at, at.join(&name), "out.mkv").args(["-y", "--verify-source"]);
        run.succeeds();
        let (source, output) = (File::open(&at.join(&name)), File::open(&at.join("out.mkv")));
        assert_eq!(source.video_properties()["cropping"], "4,6,2,6");
        for property in ["cropping", "display_dimensions", "pixel_dimensions"] {
            let (is, should) = (output.video_properties(), source.video_properties());
            assert_eq!(is[property], should[property], "{property}");
        }
        assert!(output.worst_psnr(&source) > 25.0);
    }
}

/// What mkvinfo says of how pictures are cropped and shown.
fn framing(film: &Path) -> Vec<String> {
    let text = File::open(film).tool("mkvinfo", &["-a", "@"]);
    let lines = text
        .lines()
        .map(|line| line.trim_start_matches(['|', '+', ' ']));
    let mut framing: Vec<String> = lines
        .filter(|line| {
            ["Pixel crop", "Display "]
                .iter()
                .any(|kind| line.starts_with(kind))
        })
        .map(str::to_owned)
        .collect();
    framing.sort();
    framing
}

#[test]
fn one_cropped_edge_is_kept_and_what_is_left_has_its_shape() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let film = clips::one_scene();
    let film = film.to_str().unwrap();
    // mkvmerge says the size of the whole picture, where it is told nothing else.
    let letterbox = ["-o", "letterbox.mkv", "--cropping", "0:0,14,0,14", film];
    mkvmerge(at, &letterbox);
    // In the second, no size is said, and in the third a ratio.
    for (name, set) in [
        ("unsaid.mkv", "pixel-crop-top=14 pixel-crop-left=2"),
        (
            "ratio.mkv",
            "pixel-crop-top=14 pixel-crop-bottom=14 display-unit=3 display-width=12 display-height=5",
        ),
    ] {
        mkvmerge(at, &["-o", name, film]);
        let mut edit = vec![name, "--edit", "track:v1"];
        let delete = ["--delete", "display-width", "--delete", "display-height"];
        edit.extend(delete);
        edit.extend(set.split(' ').flat_map(|set| ["--set", set]));
        clips::tool(at, "mkvpropedit", &edit);
    }
    for (name, should) in [
        (
            "letterbox.mkv",
            [
                "Display height: 108",
                "Display width: 192",
                "Pixel crop bottom: 14",
                "Pixel crop top: 14",
            ],
        ),
        (
            "unsaid.mkv",
            [
                "Display height: 94",
                "Display width: 190",
                "Pixel crop left: 2",
                "Pixel crop top: 14",
            ],
        ),
        (
            "ratio.mkv",
            [
                "Display height: 80",
                "Display width: 192",
                "Pixel crop bottom: 14",
                "Pixel crop top: 14",
            ],
        ),
    ] {
        let _ = Run::encode(at, at.join(name), "out.mkv")
            .arg("-y")
            .succeeds();
        assert_eq!(framing(&at.join("out.mkv")), should, "{name}");
        let whole = File::open(&at.join("out.mkv"));
        assert_eq!(whole.video_properties()["pixel_dimensions"], "192x108");
    }
    // Whoever crops it differently, or not at all, does not have the film.
    mkvmerge(at, &["-o", "whole.mkv", film]);
    let verify = ["verify", "letterbox.mkv", "whole.mkv"];
    let verified = Run::bare(at).args(verify).ends().exits(1);
    let _ = verified.prints("differs  picture in space");
}

#[test]
fn a_container_that_contradicts_the_colours_of_its_pictures_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let film = clips::film();
    let film = film.to_str().unwrap();
    let pq = [
        "--color-primaries",
        "0:9",
        "--color-transfer-characteristics",
        "0:16",
    ];
    mkvmerge(at, &[&["-o", "pq.mkv"], &pq[..], &[film]].concat());
    let says = "its container says bt2020/smpte2084/";
    let _ = Run::encode(at, at.join("pq.mkv"), "out.mkv")
        .succeeds()
        .says(says)
        .says("and its pictures bt709/bt709/bt709 limited");
    assert_eq!(
        File::open(&at.join("out.mkv")).colors(),
        "bt709 bt709 bt709 tv"
    );
}

#[test]
fn a_cropping_of_pictures_that_are_turned_is_left_out_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let film = clips::one_scene();
    let turn = ["--projection-type", "0:0", "--projection-pose-roll", "0:90"];
    let crop = ["--cropping", "0:4,6,2,6", film.to_str().unwrap()];
    mkvmerge(at, &[&["-o", "turned.mkv"], &turn[..], &crop].concat());
    Run::encode(at, at.join("turned.mkv"), "out.mkv")
        .succeeds()
        .says("the cropping that its container says is left out");
}

#[test]
fn a_matroska_film_that_is_turned_is_encoded_upright() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let film = clips::one_scene();
    for (roll, size) in [("90", "108x192"), ("-90", "108x192"), ("180", "192x108")] {
        let roll = format!("0:{roll}");
        let turn = ["--projection-type", "0:0", "--projection-pose-roll", &roll];
        let film = [film.to_str().unwrap()];
        mkvmerge(at, &[&["-o", "turned.mkv"], &turn[..], &film].concat());
        Run::encode(at, at.join("turned.mkv"), "out.mkv")
            .arg("-y")
            .succeeds();
        let output = File::open(&at.join("out.mkv"));
        assert_eq!(output.video_properties()["pixel_dimensions"], size);
        assert!(output.video_properties()["projection_pose_roll"].is_null());
        assert!(output.worst_psnr(&File::open(&at.join("turned.mkv"))) > 25.0);
    }
}

#[test]
fn what_av1_or_matroska_cannot_hold_is_said_once() {
    let dir = tempfile::tempdir().unwrap();
    film(dir.path(), "centre.mp4", &["-x264-params", "chromaloc=1"]);
    film(dir.path(), "upright.mov", &[]);
    let turn = ["-c", "copy", "-metadata:s:v", "rotate=45", "crooked.mov"];
    ffmpeg(
        dir.path(),
        &[&["-i", "upright.mov"], turn.as_slice()].concat(),
    );
    let alpha = "testsrc2=s=192x108:r=25:d=1,format=yuva420p";
    ffmpeg(
        dir.path(),
        &[
            "-f",
            "lavfi",
            "-i",
            alpha,
            "-c:v",
            "libvpx-vp9",
            "-deadline",
            "realtime",
            "alpha.webm",
        ],
    );
    for (name, words) in [
        (
            "centre.mp4",
            "the place of its chroma samples (center) is left out: AV1 cannot say it",
        ),
        (
            "crooked.mov",
            "the rotation of its pictures by 315 degrees is left out: it is not a quarter turn, and most players ignore it",
        ),
        (
            "alpha.webm",
            "transparency is left out: AV1 films have none",
        ),
    ] {
        let said = warnings(&encoded(dir.path(), name).1);
        assert_eq!(
            said.iter().filter(|said| *said == words).count(),
            1,
            "{name}: {said:?}"
        );
    }
}
