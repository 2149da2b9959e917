//! Tracks that do not get into Matroska as they are: kept in another way, or refused while the film is encoded.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    check::File,
    clips::ffmpeg,
    films, judge,
    lab::{fake, with_fakes},
    run::{Ended, Run},
};

/// The judge's film, encoded with `options`, which are separated by spaces.
fn film(dir: &Path, options: &str, name: &str) -> PathBuf {
    let base = films::base();
    ffmpeg(
        dir,
        &[
            &["-i", &base],
            &options.split(' ').collect::<Vec<_>>()[..],
            &[name],
        ]
        .concat(),
    );
    dir.join(name)
}

const H264: &str = "-c:v libx264 -preset veryfast -crf 14 -bf 2 -g 50 -sc_threshold 0";
const VP8: &str = "-c:v libvpx -b:v 1M -g 50";
const MPEG4: &str = "-c:v mpeg4 -q:v 2 -g 50";

fn encode(dir: &Path, name: &str) -> Run {
    Run::bare(dir).args([
        "-w", "2", "--preset", "10", "--crf", "18", "-i", name, "-o", "out.mkv",
    ])
}

/// The film `name` comes out whole, and its sound is FLAC, of which it was told once.
#[track_caller]
fn is_kept_decoded(dir: &Path, name: &str) -> Ended {
    let ended = encode(dir, name).succeeds();
    let said = |text: &&&str| {
        text.starts_with("sound track 1 (") && text.contains("is decoded and kept as FLAC")
    };
    ended.expect(
        ended.warnings().iter().filter(said).count() == 1,
        "one warning of the sound",
    );
    let output = File::open(&dir.join("out.mkv"));
    assert_eq!(output.ffprobe["streams"][1]["codec_name"], "flac", "{name}");
    judge::agree(&dir.join(name), &dir.join("out.mkv"));
    ended
}

/// Where the payload of each chunk of sound in an AVI begins, and how long it is.
fn chunks_of_sound(avi: &[u8]) -> Vec<(usize, usize)> {
    let long = |at: usize| u32::from_le_bytes(avi[at..at + 4].try_into().unwrap()) as usize;
    // Before that, an index has the same name.
    let begin = avi.windows(4).position(|window| window == b"movi").unwrap();
    let at = (begin..avi.len() - 8).filter(|at| &avi[*at..at + 4] == b"01wb");
    at.map(|at| (at + 8, long(at + 4)))
        .filter(|(at, long)| at + long <= avi.len())
        .collect()
}

#[test]
fn sound_of_avi_that_begins_in_the_middle_of_a_packet_is_kept() {
    for codec in ["libmp3lame", "mp2"] {
        let dir = tempfile::tempdir().unwrap();
        let path = film(dir.path(), &format!("{MPEG4} -c:a {codec}"), "film.avi");
        let mut bytes = fs::read(&path).unwrap();
        let chunks = chunks_of_sound(&bytes);
        // As where a recording was cut: the end of another packet.
        let ((first, long), (other, its_length)) = (chunks[0], chunks[1]);
        let part = long * 2 / 3;
        bytes.copy_within(other + its_length - part..other + its_length, first);
        fs::write(&path, bytes).unwrap();
        is_kept_decoded(dir.path(), "film.avi");
    }
}

/// A box of MP4: its kind, and what is in it.
pub fn boxed(kind: &[u8], body: &[u8]) -> Vec<u8> {
    [
        &u32::try_from(body.len() + 8).unwrap().to_be_bytes(),
        kind,
        body,
    ]
    .concat()
}

/// The four bytes that come `after` bytes after the first `kind`, as a number.
pub fn number(bytes: &[u8], kind: &[u8], after: usize) -> u32 {
    let at = bytes.windows(4).position(|window| window == kind).unwrap() + 4 + after;
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The boxes in `bytes`, with other edit lists: `list` makes what is in the next of them of the units, which are parts of a
/// second, those of the film and of a track.
pub fn with_lists(
    bytes: &[u8],
    list: &mut dyn FnMut((u32, u32)) -> Vec<u8>,
    units: (u32, u32),
) -> Vec<u8> {
    let (mut all, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (one, more) = rest.split_at(u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize);
        rest = more;
        let (kind, body) = (&one[4..8], &one[8..]);
        all.extend(match kind {
            b"moov" => boxed(
                kind,
                &with_lists(body, list, (number(body, b"mvhd", 12), units.1)),
            ),
            b"trak" => boxed(
                kind,
                &with_lists(body, list, (units.0, number(body, b"mdhd", 12))),
            ),
            b"edts" => boxed(kind, &boxed(b"elst", &list(units))),
            _ => one.to_vec(),
        });
    }
    all
}

/// The same with one list for all tracks: of each edit, how long it lasts and where it begins, in seconds.
fn with_edits(bytes: &[u8], edits: &[(f64, Option<f64>)]) -> Vec<u8> {
    let mut list = |(film, track): (u32, u32)| {
        let mut list = [
            0_u32.to_be_bytes(),
            u32::try_from(edits.len()).unwrap().to_be_bytes(),
        ]
        .concat();
        for (lasts, begins) in edits {
            let units = |seconds: f64, unit: u32| (seconds * f64::from(unit)).round() as i32;
            let begins = begins.map_or(-1, |begins| units(begins, track));
            list.extend(
                [units(*lasts, film), begins, 1 << 16]
                    .map(i32::to_be_bytes)
                    .concat(),
            );
        }
        list
    };
    with_lists(bytes, &mut list, (0, 0))
}

#[test]
fn sound_of_mp4_that_was_cut_by_several_edits_is_kept() {
    for (codec, edits) in [
        (
            "aac",
            [(0.5, None), (1.4, Some(0.6)), (2.0, Some(3.0))].as_slice(),
        ),
        ("ac3", &[(1.4, Some(0.6)), (2.0, Some(3.04))]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = film(dir.path(), &format!("{H264} -c:a {codec}"), "film.mp4");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, with_edits(&bytes, edits)).unwrap();
        let seen = judge::look(&path);
        assert_eq!(
            (seen.pictures.len(), seen.tracks[0].len()),
            (85, 7),
            "two parts of the film"
        );
        let ended = is_kept_decoded(dir.path(), "film.mp4");
        ended.expect(
            !ended.stderr.contains("are not shown"),
            "all 85 pictures are in the output",
        );
    }
}

#[test]
fn sound_that_an_edit_list_hides_is_not_heard_in_the_pause_before_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), &format!("{H264} -c:a aac"), "film.mp4");
    let bytes = fs::read(&path).unwrap();
    let edits = [(0.1, None), (2.0, Some(1.3))];
    let mut bytes = with_edits(&bytes, &edits);
    // Of the sound, the second track, the first edit, which is a pause, is longer than the picture's.
    let mut lists = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, kind)| kind == b"elst");
    let (of_sound, _) = lists.next_back().unwrap();
    let pause_ms = 900_u32.to_be_bytes();
    bytes[of_sound + 12..of_sound + 16].copy_from_slice(&pause_ms);
    assert_eq!(number(&bytes, b"mvhd", 12), 1000);
    fs::write(&path, bytes).unwrap();
    is_kept_decoded(dir.path(), "film.mp4");
}

/// A transport stream in whose sound `change` changes packets, from one number on.
fn with_damage(dir: &Path, codec: &str, from: f64, change: impl Fn(&mut Vec<&mut [u8]>, usize)) {
    const SOUND: u16 = 257;
    let path = film(dir, &format!("{H264} -c:a {codec}"), "film.ts");
    let mut bytes = fs::read(&path).unwrap();
    let is_sound = |part: &[u8]| u16::from_be_bytes([part[1], part[2]]) & 0x1fff == SOUND;
    let mut parts: Vec<&mut [u8]> = bytes
        .chunks_exact_mut(188)
        .filter(|part| is_sound(part))
        .collect();
    let at = (parts.len() as f64 * from) as usize;
    change(&mut parts, at);
    fs::write(&path, bytes).unwrap();
}

/// Bytes that come from a noise, always the same.
fn noise(parts: &mut [&mut [u8]], at: usize) {
    let mut state = 3_u64;
    for part in &mut parts[at..at + 30] {
        for byte in &mut part[20..] {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
    }
}

#[test]
fn sound_of_a_transport_stream_whose_packets_are_damaged_is_kept() {
    for codec in ["aac", "mp2"] {
        let dir = tempfile::tempdir().unwrap();
        with_damage(dir.path(), codec, 0.5, |parts, at| noise(parts, at));
        is_kept_decoded(dir.path(), "film.ts");
    }
}

/// An mkvmerge that notes where it is tried what it takes, and then does `more` (shell).
fn counting(dir: &Path, more: &str) -> String {
    let trials = dir.join("trials");
    fs::write(&trials, "").unwrap();
    let note = format!("echo >>'{}'", trials.display());
    format!("case \"$*\" in *@others-join.json*) {note}\n{more}\n;; esac\nexec \"$real\" \"$@\"")
}

/// How often it was tried what mkvmerge takes.
fn tried(dir: &Path) -> usize {
    fs::read_to_string(dir.join("trials"))
        .unwrap()
        .lines()
        .filter(|line| line.is_empty())
        .count()
}

#[test]
fn sound_that_does_not_get_through_in_any_way_is_refused_before_the_film_is_joined() {
    let dir = tempfile::tempdir().unwrap();
    film(dir.path(), &format!("{H264} -c:a aac"), "film.mp4");
    let moved = "sed -i 's/\"--disable-lacing\"/\"--disable-lacing\", \"--sync\", \"0:300\"/' others-join.json";
    fake(dir.path(), "mkvmerge", &counting(dir.path(), moved));
    let ended = with_fakes(dir.path(), encode(dir.path(), "film.mp4")).fails(8);
    let ended = ended.says("sound track 1 (aac) does not get into Matroska whole");
    let ended = ended.says("add -a \"-c:a libopus\"");
    ended.expect(
        !ended.stderr.contains("Joining"),
        "before the film is joined",
    );
    assert_eq!(tried(dir.path()), 4, "as it is, and decoded, twice each");
    assert!(!dir.path().join("out.mkv").exists());
    // What it says helps, with the same mkvmerge.
    let again = encode(dir.path(), "film.mp4").args(["-a", "-c:a libopus"]);
    let _ = with_fakes(dir.path(), again).succeeds();
    judge::agree(&dir.path().join("film.mp4"), &dir.path().join("out.mkv"));
}

#[test]
fn sound_that_does_not_get_through_once_is_tried_again_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    film(dir.path(), &format!("{H264} -c:a ac3"), "film.mp4");
    // As where a disk has not given all, for a moment.
    let moved = "sed -i 's/\"--disable-lacing\"/\"--disable-lacing\", \"--sync\", \"0:300\"/' others-join.json";
    let trials = dir.path().join("trials");
    let once = format!("[ $(wc -l <'{}') -gt 1 ] || {moved}", trials.display());
    fake(dir.path(), "mkvmerge", &counting(dir.path(), &once));
    let ended = with_fakes(dir.path(), encode(dir.path(), "film.mp4")).succeeds();
    ended.expect(!ended.stderr.contains("kept as FLAC"), "as it is");
    assert_eq!(tried(dir.path()), 2, "moved, and as it is");
    let output = File::open(&dir.path().join("out.mkv"));
    assert_eq!(output.ffprobe["streams"][1]["codec_name"], "ac3");
    judge::agree(&dir.path().join("film.mp4"), &dir.path().join("out.mkv"));
}

#[test]
fn how_a_track_is_kept_is_decided_once_and_again_where_that_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let (output, job) = (
        dir.path().join("out.mkv"),
        dir.path().join("out.mkv.av1enc"),
    );
    with_damage(dir.path(), "mp2", 0.5, |parts, at| noise(parts, at));
    let _ = encode(dir.path(), "film.ts").arg("--keep").succeeds();
    let film = fs::read(&output).unwrap();
    fake(dir.path(), "mkvmerge", &counting(dir.path(), ""));
    for (damaged, trials) in [
        (None, 0),
        (Some("others-carried.json"), 3),
        (Some("others-0.mkv"), 1),
    ] {
        fs::remove_file(&output).unwrap();
        if let Some(name) = damaged {
            fs::write(job.join(name), "{").unwrap();
        }
        fs::write(dir.path().join("trials"), "").unwrap();
        let ended = with_fakes(dir.path(), encode(dir.path(), "film.ts").arg("--keep")).succeeds();
        ended.expect(
            ended.warnings()[0].contains("is decoded and kept as FLAC"),
            "it is said again",
        );
        ended.expect(fs::read(&output).unwrap() == film, "the same film");
        assert_eq!(tried(dir.path()), trials, "{damaged:?}");
    }
}

#[test]
fn every_packet_of_vorbis_keeps_its_time() {
    for name in ["film.mkv", "film.webm"] {
        let dir = tempfile::tempdir().unwrap();
        let video = if name.ends_with("webm") { VP8 } else { H264 };
        let source = film(dir.path(), &format!("{video} -c:a libvorbis"), name);
        encode(dir.path(), name).succeeds();
        let times = |file: &Path| {
            File::open(file).tool(
                "ffprobe",
                &[
                    "-v",
                    "error",
                    "-select_streams",
                    "a:0",
                    "-show_entries",
                    "packet=pts_time,size",
                    "-of",
                    "csv=p=0",
                    "@",
                ],
            )
        };
        let output = dir.path().join("out.mkv");
        assert!(times(&source).lines().count() > 20, "{name}");
        assert_eq!(times(&source), times(&output), "{name}");
        judge::agree(&source, &output);
    }
}

/// A recording with damaged sound, put into Matroska: `film.mkv`.
fn with_a_damaged_track(dir: &Path, codec: &str) {
    with_damage(dir, codec, 0.5, |parts, at| noise(parts, at));
    // As whoever puts a recording into Matroska does: what ffmpeg complains of, it writes.
    let remux = ["-v", "quiet", "-i", "film.ts", "-c", "copy", "film.mkv"];
    ffmpeg(dir, &remux);
}

#[test]
fn damaged_sound_of_matroska_is_tried_while_the_film_is_encoded_and_kept() {
    for codec in ["libmp3lame", "mp2", "ac3"] {
        let dir = tempfile::tempdir().unwrap();
        with_a_damaged_track(dir.path(), codec);
        fake(dir.path(), "mkvmerge", &counting(dir.path(), ""));
        let ended = with_fakes(dir.path(), encode(dir.path(), "film.mkv")).succeeds();
        ended.expect(
            ended
                .warnings()
                .iter()
                .any(|text| text.contains("is decoded and kept as FLAC")),
            "a warning of the sound",
        );
        assert_eq!(tried(dir.path()), 3, "as it is, twice, and decoded");
        let output = File::open(&dir.path().join("out.mkv"));
        assert_eq!(output.ffprobe["streams"][1]["codec_name"], "flac");
        judge::agree(&dir.path().join("film.mkv"), &dir.path().join("out.mkv"));
    }
}

#[test]
fn sound_of_matroska_is_tried_where_mkvmerge_divides_it_anew_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let name = "film.mkv";
    fake(dir.path(), "mkvmerge", &counting(dir.path(), ""));
    for (codec, trials) in [("ac3", 1), ("aac", 0)] {
        film(dir.path(), &format!("{H264} -c:a {codec} -y"), name);
        fs::write(dir.path().join("trials"), "").unwrap();
        let _ = with_fakes(dir.path(), encode(dir.path(), name).arg("-y")).succeeds();
        assert_eq!(tried(dir.path()), trials, "{codec}");
        let output = File::open(&dir.path().join("out.mkv"));
        assert_eq!(output.ffprobe["streams"][1]["codec_name"], codec);
    }
}

#[test]
fn pcm_with_holes_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    // ffmpeg's writer of GXF lays blocks of sound out with holes between them.
    let pal = "-t 3 -vf scale=720:576 -c:v mpeg2video -q:v 2 -pix_fmt yuv420p -ac 1 -c:a pcm_s16le";
    film(dir.path(), pal, "film.gxf");
    is_kept_decoded(dir.path(), "film.gxf");
}
