//! Files that name other files are refused in words, whatever they are called, and what they name is not opened.

use std::{
    fs::{self, File},
    path::Path,
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::{clips, run::Run};

/// The other file, which is a film.
const OTHER: &str = "other.ts";
const TEXTS: [(&str, &str, &str); 8] = [
    (
        "hls.ts",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nother.ts\n#EXT-X-ENDLIST\n",
        "a playlist (HLS, M3U)",
    ),
    (
        "mark.mkv",
        "\u{feff}#EXTM3U\n#EXTINF:2,\nother.ts\n",
        "a playlist (HLS, M3U)",
    ),
    (
        "list.mkv",
        "ffconcat version 1.0\nfile other.ts\n",
        "a list of files (ffconcat)",
    ),
    (
        "dash.mkv",
        "<?xml version=\"1.0\"?>\n<MPD type=\"static\" profiles=\"urn:mpeg:dash:profile:isoff-live:2011\">\
         <Period><AdaptationSet><Representation id=\"0\"><BaseURL>other.ts</BaseURL></Representation>\
         </AdaptationSet></Period></MPD>",
        "a playlist (DASH)",
    ),
    (
        "xspf.mkv",
        "<playlist><trackList><track><location>other.ts</location></track></trackList></playlist>",
        "a playlist (XSPF)",
    ),
    (
        "sdp.mkv",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n",
        "the description of a broadcast (SDP)",
    ),
    (
        "other.idx",
        "# VobSub index file, v7\n",
        "the index of subtitles",
    ),
    ("names.mkv", "other.ts\nother.ts\n", "a text"),
];

/// How often a file was opened while `work` was done.
fn openings(path: &Path, work: impl FnOnce()) -> usize {
    let watch = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
    watch.add_watch(path, AddWatchFlags::IN_OPEN).unwrap();
    work();
    // Equal ones that nobody has read become one.
    watch.read_events().map_or(0, |events| events.len())
}

/// A QuickTime film whose pictures are said to lie in the file at `other`: the table of such names at its end becomes larger,
/// and so does everything in which it is.
fn reference(film: &[u8], other: &Path) -> Vec<u8> {
    let table = film.windows(4).position(|name| name == b"dref").unwrap() - 4;
    let url = format!("file://{}\0", other.display());
    let entry = [
        &(url.len() as u32 + 12).to_be_bytes(),
        b"url \0\0\0\0".as_slice(),
        url.as_bytes(),
    ]
    .concat();
    let head = table + 16;
    let old = u32::from_be_bytes(film[head..head + 4].try_into().unwrap()) as usize;
    let mut changed = [&film[..head], &entry, &film[head + old..]].concat();
    for name in [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"] {
        let at = film[..head]
            .windows(4)
            .rposition(|window| window == name)
            .unwrap()
            - 4;
        let size = u32::from_be_bytes(film[at..at + 4].try_into().unwrap());
        let size = size + (entry.len() - old) as u32;
        changed[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    changed
}

#[test]
fn what_names_other_files_is_refused_and_those_are_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join(OTHER);
    fs::copy(clips::mp4(), &other).unwrap();
    assert_ne!(openings(&other, || drop(File::open(&other))), 0);
    let opened = openings(&other, || {
        for (name, text, kind) in TEXTS {
            fs::write(dir.path().join(name), text).unwrap();
            let refused = Run::encode(dir.path(), name, "out.mkv").fails(8);
            refused
                .says(name)
                .says(&format!("is not a film: it is {kind}"))
                .says("name the film itself");
        }
    });
    assert_eq!(opened, 0);
}

#[test]
fn a_playlist_of_a_disc_is_refused_and_its_clips_are_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    for part in ["PLAYLIST", "STREAM"] {
        fs::create_dir_all(dir.path().join("BDMV").join(part)).unwrap();
    }
    fs::write(dir.path().join("BDMV/index.bdmv"), "").unwrap();
    let clip = dir.path().join("BDMV/STREAM/00001.m2ts");
    fs::copy(clips::mp4(), &clip).unwrap();
    let list = "BDMV/PLAYLIST/film.mkv";
    fs::write(dir.path().join(list), "MPLS0200\0\0\0\u{3a}").unwrap();
    let opened = openings(&clip, || {
        let refused = Run::encode(dir.path(), list, "out.mkv").fails(8);
        refused.says("it is a playlist (of a Blu-ray)");
    });
    assert_eq!(opened, 0);
}

#[test]
fn a_name_that_stands_for_many_pictures_is_not_taken_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let first = dir.path().join("picture001.png");
    let picture = ["-f", "lavfi", "-i", "testsrc2=s=64x64", "-frames:v", "1"];
    clips::ffmpeg(
        dir.path(),
        &[&picture[..], &["-update", "1", "picture001.png"]].concat(),
    );
    fs::copy(&first, dir.path().join("picture%03d.png")).unwrap();
    let opened = openings(&first, || {
        let refused = Run::encode(dir.path(), "picture%03d.png", "out.mkv").fails(8);
        refused.says("is not a film: it is a picture (PNG)");
    });
    assert_eq!(opened, 0);
}

#[test]
fn a_film_whose_pictures_lie_in_another_file_does_not_get_them_from_there() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other.mov");
    let codec = ["-an", "-c", "copy", "other.mov"];
    let film = clips::one_scene();
    clips::ffmpeg(
        dir.path(),
        &[&["-i", film.to_str().unwrap()], &codec[..]].concat(),
    );
    let bytes = reference(&fs::read(&other).unwrap(), &other);
    fs::write(dir.path().join("reference.mov"), bytes).unwrap();
    let opened = openings(&other, || {
        // It holds them as well.
        let _ = Run::encode(dir.path(), "reference.mov", "out.mkv").succeeds();
    });
    assert_eq!(opened, 0);
}
