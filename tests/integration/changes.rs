//! What changes in the middle of a film, and cannot change in AV1.

use std::{fs, path::Path, process::Command};

use crate::{
    chance::Chance,
    check::File,
    clips::ffmpeg,
    lab::{fake, messages, tells, with_fakes},
    run::{Ended, Run},
};

/// Pictures of each recording, and how much later than the one before it begins, in seconds.
const PICTURES: u64 = 25;
const LATER: f64 = 1.4;

/// H.264 with pictures that refer to later ones.
const H264: &str = "-c:v libx264 -preset veryfast -g 12 -pix_fmt yuv420p";
const BY_INDEX: [&str; 2] = ["--chunk-method", "ffms2"];
const KEEP: [&str; 2] = ["--on-change", "keep"];

/// A recording of [`PICTURES`], with sound, as `name`.
fn recording(dir: &Path, name: &str, size: &str, options: &str, begins: &str) {
    let picture = format!("testsrc2=s={size}:r=25:d=1");
    let inputs = [
        "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", "sine=d=1",
    ];
    let options: Vec<&str> = options.split(' ').collect();
    ffmpeg(
        dir,
        &[
            inputs.as_slice(),
            &options,
            &["-c:a", "mp2", "-output_ts_offset", begins, name],
        ]
        .concat(),
    );
}

/// Recordings, sizes and options of ffmpeg, one behind the other, as `film` of whatever kind. They stay beside it.
fn recorded(dir: &Path, film: &str, recordings: &[(&str, &str)]) {
    let kind = if film.ends_with(".mpg") { "mpg" } else { "ts" };
    let mut all = Vec::new();
    for (n, (size, options)) in recordings.iter().enumerate() {
        let name = format!("recording{n}.{kind}");
        recording(
            dir,
            &name,
            size,
            options,
            &format!("{:.1}", n as f64 * LATER),
        );
        all.extend(fs::read(dir.join(name)).unwrap());
    }
    fs::write(dir.join(format!("all.{kind}")), all).unwrap();
    ffmpeg(
        dir,
        &[
            "-i",
            &format!("all.{kind}"),
            "-map",
            "0",
            "-c",
            "copy",
            film,
        ],
    );
}

/// Hashes of all pictures of a file, decoded.
fn pictures(dir: &Path, name: &str) -> Vec<String> {
    let command = [
        "-i",
        "@",
        "-map",
        "0:v:0",
        "-fps_mode",
        "passthrough",
        "-f",
        "framemd5",
        "-",
    ];
    let text = File::open(&dir.join(name)).ffmpeg(&command);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

/// Runs the commands by which a refused film is cut, as they were printed, and returns the names of the parts.
#[track_caller]
fn cut(dir: &Path, refused: &Ended, film: &str) -> Vec<String> {
    let commands = refused
        .stderr
        .split("encode the parts: ")
        .nth(1)
        .and_then(|rest| rest.split(". Or add").next());
    refused.expect(commands.is_some(), "commands that cut");
    for command in commands.unwrap().split(" and ") {
        let command = command.replace("INPUT", film);
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let ran = Command::new("ffmpeg")
            .args(["-v", "error"])
            .args(words)
            .current_dir(dir)
            .status()
            .unwrap();
        refused.expect(ran.success(), "the command runs");
    }
    named(dir, "PART")
}

/// Files whose names begin so, in order.
fn named(dir: &Path, begin: &str) -> Vec<String> {
    let names = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(begin)).collect();
    names.sort();
    names
}

/// `film` is refused with the words `said`, and the command that this prints gives the recordings again, of which av1enc
/// encodes each.
#[track_caller]
fn is_cut(dir: &Path, film: &str, reader: &[&str], said: &str) {
    let refused = Run::encode(dir, film, "out.mkv")
        .args(reader)
        .fails(8)
        .says(said);
    refused.expect(
        !dir.join("out.mkv.av1enc").exists(),
        "it is refused before anything is encoded",
    );
    let parts = cut(dir, &refused, film);
    let recordings = named(dir, "recording");
    assert_eq!(parts.len(), recordings.len(), "{parts:?}");
    for (part, recording) in parts.iter().zip(&recordings) {
        let (cut, whole) = (pictures(dir, part), pictures(dir, recording));
        assert_eq!(cut.len(), whole.len(), "{part}: {}", refused.stderr);
        assert_eq!(cut, whole, "{part}");
        let _ = Run::encode(dir, part, "part.mkv")
            .args(["-y", "--crf", "10"])
            .succeeds();
        assert_eq!(File::open(&dir.join("part.mkv")).decoded(), PICTURES);
    }
}

#[test]
fn a_picture_that_changes_its_size_is_refused_with_the_time_and_the_command_that_cuts_there() {
    let mpeg2 = "-c:v mpeg2video -q:v 3 -g 12 -bf 2 -pix_fmt yuv420p";
    let films = [
        ("film.ts", H264, [].as_slice(), ["192x108", "128x72"]),
        ("film.ts", H264, &[], ["128x72", "192x108"]),
        ("film.mkv", H264, &BY_INDEX, ["192x108", "128x72"]),
        ("film.mp4", H264, &BY_INDEX, ["192x108", "128x72"]),
        ("film.mpg", mpeg2, &[], ["192x108", "128x72"]),
    ];
    for (film, codec, reader, sizes) in Chance::of(3).some(films) {
        let dir = tempfile::tempdir().unwrap();
        recorded(dir.path(), film, &sizes.map(|size| (size, codec)));
        is_cut(
            dir.path(),
            film,
            reader,
            &format!("size changes from {} to {} at 1.", sizes[0], sizes[1]),
        );
    }
}

#[test]
fn a_film_with_an_advertisement_is_cut_before_and_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    recorded(
        dir.path(),
        "film.mkv",
        &[("192x108", H264), ("128x72", H264), ("192x108", H264)],
    );
    is_cut(
        dir.path(),
        "film.mkv",
        &BY_INDEX,
        " and once more, and all pictures of one film have one size",
    );
}

/// A box of mp4.
fn boxed(name: &[u8], content: &[u8]) -> Vec<u8> {
    [
        &u32::try_from(8 + content.len()).unwrap().to_be_bytes(),
        name,
        content,
    ]
    .concat()
}

/// The boxes in `content`: names and contents.
fn boxes(mut content: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    while let Some((length, rest)) = content.split_first_chunk() {
        let (own, others) = rest.split_at(u32::from_be_bytes(*length) as usize - 4);
        found.push(own.split_at(4));
        content = others;
    }
    found
}

/// The box that lies at the end of `path`.
fn inside<'a>(file: &'a [u8], path: &[&str]) -> &'a [u8] {
    path.iter().fold(file, |content, name| {
        boxes(content)
            .into_iter()
            .find(|(own, _)| *own == name.as_bytes())
            .unwrap()
            .1
    })
}

/// The boxes of `content` with another box of samples, of a film twice as long.
fn with_samples(content: &[u8], samples: &[u8]) -> Vec<u8> {
    let change = |(name, own): (&[u8], &[u8])| match name {
        b"stbl" => boxed(name, samples),
        b"moov" | b"trak" | b"mdia" | b"minf" => boxed(name, &with_samples(own, samples)),
        b"edts" => Vec::new(),
        b"mvhd" | b"mdhd" | b"tkhd" => {
            let (mut own, at) = (own.to_vec(), if name == b"tkhd" { 20 } else { 16 });
            let length = u32::from_be_bytes(own[at..at + 4].try_into().unwrap());
            own[at..at + 4].copy_from_slice(&(2 * length).to_be_bytes());
            boxed(name, &own)
        }
        _ => boxed(name, own),
    };
    boxes(content).into_iter().flat_map(change).collect()
}

/// The two recordings, each of one chunk without reordered pictures, as one that describes both.
fn described_twice(dir: &Path) -> Vec<u8> {
    let files = ["recording0.mp4", "recording1.mp4"].map(|name| fs::read(dir.join(name)).unwrap());
    let table =
        |n: usize, name: &str| inside(&files[n], &["moov", "trak", "mdia", "minf", "stbl", name]);
    let numbers = |numbers: &[u32]| {
        numbers
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect::<Vec<u8>>()
    };
    let data = [0, 1].map(|n| inside(&files[n], &["mdat"]));
    let head = boxed(b"ftyp", inside(&files[0], &["ftyp"]));
    let (at, first) = (
        u32::try_from(head.len() + 8).unwrap(),
        u32::try_from(data[0].len()).unwrap(),
    );
    let pictures = u32::try_from(PICTURES).unwrap();
    let samples = [
        boxed(
            b"stsd",
            &[
                &numbers(&[0, 2]),
                &table(0, "stsd")[8..],
                &table(1, "stsd")[8..],
            ]
            .concat(),
        ),
        boxed(
            b"stts",
            &[&numbers(&[0, 1, 2 * pictures]), &table(0, "stts")[12..16]].concat(),
        ),
        boxed(b"stss", &numbers(&[0, 2, 1, 1 + pictures])),
        boxed(b"stsc", &numbers(&[0, 2, 1, pictures, 1, 2, pictures, 2])),
        boxed(
            b"stsz",
            &[
                &numbers(&[0, 0, 2 * pictures]),
                &table(0, "stsz")[12..],
                &table(1, "stsz")[12..],
            ]
            .concat(),
        ),
        boxed(b"stco", &numbers(&[0, 2, at, at + first])),
    ];
    let film = with_samples(
        &boxed(b"moov", inside(&files[0], &["moov"])),
        &samples.concat(),
    );
    [head, boxed(b"mdat", &data.concat()), film].concat()
}

#[test]
fn a_film_whose_container_describes_its_parts_is_cut_by_what_can_be_decoded() {
    let dir = tempfile::tempdir().unwrap();
    for (name, size) in [("recording0.mp4", "192x108"), ("recording1.mp4", "128x72")] {
        let picture = format!("testsrc2=s={size}:r=25:d=1");
        let codec = ["-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv420p"];
        ffmpeg(
            dir.path(),
            &[["-f", "lavfi", "-i", &picture].as_slice(), &codec, &[name]].concat(),
        );
    }
    fs::write(dir.path().join("film.mp4"), described_twice(dir.path())).unwrap();
    is_cut(
        dir.path(),
        "film.mp4",
        &BY_INDEX,
        "size changes from 192x108 to 128x72 at 1.000 s",
    );
}

/// VP9 has no headers that ffmpeg could show without decoding.
#[test]
fn a_size_that_changes_is_found_at_keyframes_where_headers_do_not_tell() {
    let dir = tempfile::tempdir().unwrap();
    for (name, size) in [
        ("recording0.webm", "192x108"),
        ("recording1.webm", "128x72"),
    ] {
        let picture = format!("testsrc2=s={size}:r=25:d=1");
        let codec = ["-c:v", "libvpx-vp9", "-cpu-used", "8"];
        ffmpeg(
            dir.path(),
            &[["-f", "lavfi", "-i", &picture].as_slice(), &codec, &[name]].concat(),
        );
    }
    fs::write(
        dir.path().join("list.txt"),
        "file recording0.webm\nfile recording1.webm\n",
    )
    .unwrap();
    ffmpeg(
        dir.path(),
        &["-f", "concat", "-i", "list.txt", "-c", "copy", "film.webm"],
    );
    is_cut(
        dir.path(),
        "film.webm",
        &BY_INDEX,
        "size changes from 192x108 to 128x72 at 1.",
    );
    let run = Run::bare(dir.path()).args(["film.webm", "--no-chunks", "--preset", "12"]);
    let _ = run
        .args(KEEP)
        .fails(8)
        .says("--no-chunks encodes only films whose pictures are all alike: leave it out");
}

/// Keyframes tell as well where this ffmpeg cannot show headers.
#[test]
fn an_ffmpeg_without_the_filter_that_shows_headers_finds_the_same() {
    let dir = tempfile::tempdir().unwrap();
    recorded(
        dir.path(),
        "film.ts",
        &[("192x108", H264), ("128x72", H264)],
    );
    let lacks = "case \"$*\" in *filter_units*) echo 'Unknown bitstream filter filter_units' >&2; exit 1;; esac";
    fake(
        dir.path(),
        "ffmpeg",
        &format!("{lacks}\nexec \"$real\" \"$@\""),
    );
    let run = with_fakes(dir.path(), Run::encode(dir.path(), "film.ts", "out.mkv"));
    let _ = run
        .fails(8)
        .says("size changes from 192x108 to 128x72 at 1.");
}

/// HEVC of SDR, and of HDR.
const SDR: &str = "-c:v libx265 -preset ultrafast -g 12 -x265-params log-level=error:open-gop=0 -pix_fmt yuv420p10le \
                   -color_primaries bt709 -color_trc bt709 -colorspace bt709";
const HDR: &str = "-c:v libx265 -preset ultrafast -g 12 -x265-params log-level=error:open-gop=0 -pix_fmt yuv420p10le \
                   -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc";

#[test]
fn sdr_that_becomes_hdr_is_refused_and_is_encoded_as_what_it_is_at_its_beginning_if_that_is_wanted()
{
    for (film, reader) in [("film.ts", [].as_slice()), ("film.mkv", &BY_INDEX)] {
        let dir = tempfile::tempdir().unwrap();
        recorded(dir.path(), film, &[("192x108", SDR), ("192x108", HDR)]);
        is_cut(
            dir.path(),
            film,
            reader,
            "transfer function changes from bt709 to smpte2084 at 1.",
        );
        let run = Run::encode(dir.path(), film, "out.mkv")
            .args(reader)
            .args(KEEP)
            .args(["--crf", "10", "--json"])
            .succeeds();
        tells(
            &run,
            "transfer function changes from bt709 to smpte2084 at 1.",
        );
        let output = File::open(&dir.path().join("out.mkv"));
        assert_eq!(output.colors(), "bt709 bt709 bt709 tv");
        assert_eq!(output.decoded(), 2 * PICTURES);
    }
}

#[test]
fn pictures_of_another_size_are_scaled_to_the_first_if_that_is_wanted() {
    let ten_bit = "-c:v libx264 -preset veryfast -g 12 -pix_fmt yuv420p10le";
    for (film, reader) in [("film.ts", [].as_slice()), ("film.mkv", &BY_INDEX)] {
        for (first, second) in [
            ("192x108", ("128x72", H264)),
            ("128x72", ("192x108", ten_bit)),
        ] {
            let dir = tempfile::tempdir().unwrap();
            recorded(dir.path(), film, &[(first, H264), second]);
            let run = Run::encode(dir.path(), film, "out.mkv")
                .args(reader)
                .args(KEEP)
                .args(["--crf", "10", "--json"]);
            let run = run.succeeds();
            tells(
                &run,
                &format!("size changes from {first} to {} at 1.", second.0),
            );
            tells(
                &run,
                &format!("all pictures are scaled to {first}, whatever their shape"),
            );
            let depth = second.1 == ten_bit;
            assert_eq!(
                messages(&run, "warning")
                    .iter()
                    .any(|said| said.contains("to yuv420p10le at 1.")),
                depth
            );
            // Whatever reader was wanted: FFMS2 has its own ways with such films.
            tells(&run, "the film is decoded from beginning to end by ffmpeg");
            // ffmpeg by itself scales as well.
            ffmpeg(
                dir.path(),
                &[
                    "-i",
                    film,
                    "-map",
                    "0:v:0",
                    "-fps_mode",
                    "passthrough",
                    "-c:v",
                    "ffv1",
                    "scaled.mkv",
                ],
            );
            let output = File::open(&dir.path().join("out.mkv"));
            let worst = output.worst_psnr(&File::open(&dir.path().join("scaled.mkv")));
            assert!(worst > 30.0, "{film}, {first}: {worst} dB");
        }
    }
}

#[test]
fn colours_and_pixels_that_change_are_said_with_the_time_whoever_reads_the_film() {
    let hd = format!("{H264} -color_primaries bt709 -color_trc bt709 -colorspace bt709");
    let sd = format!(
        "{H264} -color_primaries bt470bg -color_trc smpte170m -colorspace bt470bg -vf setsar=4/3"
    );
    let (shape, colors) = (
        "aspect ratio of a pixel changes from 1/1 to 4/3",
        "colour description changes from ",
    );
    let transfer = "transfer function changes from bt709 to smpte170m";
    // Matroska says itself what shape pixels have, and says it once.
    for (film, reader, expected) in [
        ("film.ts", "linear", [shape, colors, transfer].as_slice()),
        ("film.mkv", "ffms2", &[colors, transfer]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        recorded(dir.path(), film, &[("192x108", &hd), ("192x108", &sd)]);
        let run = Run::encode(dir.path(), film, "out.mkv")
            .args(["--chunk-method", reader, "--json"])
            .succeeds();
        let warnings = messages(&run, "warning");
        for what in expected {
            let said = warnings
                .iter()
                .filter(|warning| warning.contains(what) && warning.contains("at 1."));
            assert_eq!(said.count(), 1, "{what}: {warnings:?}");
        }
        let notes = messages(&run, "note");
        assert!(
            !notes
                .iter()
                .any(|note| note.contains("decoded from beginning to end")),
            "{notes:?}"
        );
    }
}

#[test]
fn interlacing_that_begins_or_ends_in_the_middle_is_said_with_the_time() {
    let (plain, interlaced) = ("progressive", "interlaced with the top field first");
    let progressive = ("192x108", H264.to_owned());
    let fields = (
        "192x108",
        format!("{H264} -vf setfield=tff -flags +ilme+ildct"),
    );
    for ([first, second], [from, to]) in [
        ([&progressive, &fields], [plain, interlaced]),
        ([&fields, &progressive], [interlaced, plain]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        recorded(
            dir.path(),
            "film.ts",
            &[(first.0, &first.1), (second.0, &second.1)],
        );
        let run = Run::encode(dir.path(), "film.ts", "out.mkv")
            .arg("--json")
            .succeeds();
        let words = format!("the picture's scan changes from {from} to {to} at 1.");
        let said = messages(&run, "warning")
            .iter()
            .filter(|warning| warning.starts_with(&words))
            .count();
        run.expect(said == 1, &words);
    }
}
