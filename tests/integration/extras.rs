//! What pictures carry beside themselves, and ours do not, is said once, wherever in the film it begins, and whatever its
//! container says of it.

use std::{fs, path::Path};

use crate::{check::File, clips::ffmpeg, lab::messages, run::Run};

/// Bits, from the first to the last.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, count: u32, value: u64) -> &mut Self {
        self.0.extend((0..count).rev().map(|n| value >> n & 1 == 1));
        self
    }

    /// Unsigned Exp-Golomb code (Rec. ITU-T H.265, 9.2); that of a signed zero is the same.
    fn golomb(&mut self, value: u64) -> &mut Self {
        let bits = 64 - (value + 1).leading_zeros();
        self.put(bits - 1, 0).put(bits, value + 1)
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            (0..8).fold(0, |byte, n| {
                byte << 1 | u8::from(bits.get(n).copied().unwrap_or(false))
            })
        };
        self.0.chunks(8).map(byte).collect()
    }
}

/// HDR10+ with one window and no curve (SMPTE ST 2094-40), as registered by ITU-T T.35.
fn hdr10_plus() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(8, 1).put(2, 1).put(27, 400).put(1, 0);
    bits.put(17, 1000)
        .put(17, 1000)
        .put(17, 1000)
        .put(17, 100)
        .put(4, 0)
        .put(10, 0);
    bits.put(1, 0).put(1, 0).put(1, 0);
    [
        &[0xb5, 0x00, 0x3c, 0x00, 0x01, 0x04],
        bits.bytes().as_slice(),
    ]
    .concat()
}

/// One pair of bytes of EIA-608 (ATSC A/53, part 4), as registered by ITU-T T.35.
fn captions() -> Vec<u8> {
    [
        &[0xb5, 0x00, 0x31],
        b"GA94".as_slice(),
        &[0x03, 0x41, 0xff, 0xfc, 0x94, 0xa0, 0xff],
    ]
    .concat()
}

/// A Dolby Vision RPU of profile 8 that leaves the picture as it is: one straight piece for each component.
fn dolby_vision() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(8, 25)
        .put(6, 2)
        .put(11, 18)
        .put(4, 1)
        .put(4, 0)
        .put(1, 1);
    // Coefficients are fixed point with 23 bits behind the point; ten bits in the base layer, twelve behind it.
    bits.put(1, 0)
        .put(2, 0)
        .golomb(23)
        .put(2, 1)
        .put(1, 0)
        .golomb(2)
        .golomb(2)
        .golomb(4)
        .put(1, 0)
        .put(3, 0)
        .put(1, 0);
    bits.put(1, 1)
        .put(1, 0)
        .put(1, 0)
        .golomb(0)
        .golomb(0)
        .golomb(0);
    for _ in 0..3 {
        bits.golomb(0).put(10, 0).put(10, 1023);
    }
    bits.golomb(0).golomb(0);
    for _ in 0..3 {
        // A polynomial of the first order, 0 + 1 x.
        bits.golomb(0)
            .golomb(0)
            .put(1, 0)
            .golomb(0)
            .put(23, 0)
            .golomb(1)
            .put(23, 0);
    }
    // What remains is a checksum that no decoder of ffmpeg 5 looks at, and the end.
    bits.put(32, 0).put(8, 0x80);
    bits.bytes()
}

/// A NAL unit with its start code; zeros that could be taken for one are broken up.
fn nal(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut unit = [&[0, 0, 0, 1], header].concat();
    let mut zeros = 0;
    for byte in payload {
        if zeros >= 2 && *byte <= 3 {
            unit.push(3);
            zeros = 0;
        }
        unit.push(*byte);
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
    unit
}

/// The NAL unit of a message that is registered by ITU-T T.35.
fn sei(header: &[u8], message: &[u8]) -> Vec<u8> {
    nal(
        header,
        &[&[4, message.len() as u8], message, &[0x80]].concat(),
    )
}

/// A stream of one slice for each picture, with what `units` gives in front of each picture, by its number, and behind it.
fn with_units(
    stream: &[u8],
    is_picture: impl Fn(&[u8]) -> bool,
    units: impl Fn(usize) -> [Vec<u8>; 2],
) -> Vec<u8> {
    let starts = stream
        .windows(3)
        .enumerate()
        .filter(|(_, window)| *window == [0, 0, 1])
        .map(|(at, _)| at);
    let mut starts: Vec<usize> = starts.collect();
    starts.push(stream.len());
    let (mut with, mut pictures) = (Vec::new(), 0);
    for pair in starts.windows(2) {
        let unit = &stream[pair[0]..pair[1]];
        let [before, behind] = if is_picture(&unit[3..]) {
            pictures += 1;
            units(pictures - 1)
        } else {
            [Vec::new(), Vec::new()]
        };
        with.extend([&before, unit, &behind].concat());
    }
    with
}

const FRAMES: &str = "50";

/// Fifty frames of HEVC of which those from number `first` on carry `before` and `behind` them these units.
fn hevc(dir: &Path, name: &str, first: usize, before: &[u8], behind: &[u8]) {
    let params = "log-level=none:bframes=0:slices=1";
    let colors = [
        "-color_primaries",
        "bt2020",
        "-color_trc",
        "smpte2084",
        "-colorspace",
        "bt2020nc",
    ];
    let video = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        params,
        "-pix_fmt",
        "yuv420p10le",
    ];
    made(dir, "plain.hevc", &[video.as_slice(), &colors].concat());
    let units = |n| {
        if n >= first {
            [before.to_vec(), behind.to_vec()]
        } else {
            [Vec::new(), Vec::new()]
        }
    };
    let stream = fs::read(dir.join("plain.hevc")).unwrap();
    let with = with_units(
        &stream,
        |unit| unit[0] >> 1 < 32 && unit[2] & 0x80 != 0,
        units,
    );
    fs::write(dir.join("with.hevc"), with).unwrap();
    ffmpeg(
        dir,
        &["-r", "25", "-i", "with.hevc", "-c", "copy", "-y", name],
    );
}

/// The film of [`hevc`] with HDR10+ in all its pictures.
pub fn with_hdr10_plus(dir: &Path, name: &str) {
    hevc(dir, name, 0, &sei(&[39 << 1, 1], &hdr10_plus()), &[]);
}

/// The same with Dolby Vision.
pub fn with_dolby_vision(dir: &Path, name: &str) {
    hevc(dir, name, 0, &[], &nal(&[62 << 1, 1], &dolby_vision()));
}

/// The same of H.264.
fn h264(dir: &Path, name: &str, first: usize, before: &[u8]) {
    made(
        dir,
        "plain.h264",
        &[
            "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-pix_fmt", "yuv420p",
        ],
    );
    let units = |n| {
        [
            if n >= first {
                before.to_vec()
            } else {
                Vec::new()
            },
            Vec::new(),
        ]
    };
    let stream = fs::read(dir.join("plain.h264")).unwrap();
    let with = with_units(
        &stream,
        |unit| matches!(unit[0] & 31, 1 | 5) && unit[1] & 0x80 != 0,
        units,
    );
    fs::write(dir.join("with.h264"), with).unwrap();
    ffmpeg(
        dir,
        &["-r", "25", "-i", "with.h264", "-c", "copy", "-y", name],
    );
}

/// The same of AV1, all of whose temporal units carry the message.
fn av1(dir: &Path, name: &str, message: &[u8]) {
    made(
        dir,
        "plain.ivf",
        &[
            "-c:v",
            "libaom-av1",
            "-cpu-used",
            "8",
            "-usage",
            "realtime",
            "-pix_fmt",
            "yuv420p10le",
        ],
    );
    let stream = fs::read(dir.join("plain.ivf")).unwrap();
    // Metadata with a size, of the type of ITU-T T.35, and trailing bits.
    let obu = [&[0x2a, message.len() as u8 + 2, 4], message, &[0x80]].concat();
    let (mut with, mut at) = (stream[..32].to_vec(), 32);
    while at < stream.len() {
        let size = u32::from_le_bytes(stream[at..at + 4].try_into().unwrap());
        let (unit, time) = (
            &stream[at + 12..at + 12 + size as usize],
            &stream[at + 4..at + 12],
        );
        with.extend((size + obu.len() as u32).to_le_bytes());
        // Behind the temporal delimiter and, where there is one, the sequence header.
        let head = if unit[2] >> 3 == 1 {
            4 + unit[3] as usize
        } else {
            2
        };
        with.extend([time, &unit[..head], &obu, &unit[head..]].concat());
        at += 12 + size as usize;
    }
    fs::write(dir.join("with.ivf"), with).unwrap();
    ffmpeg(dir, &["-i", "with.ivf", "-c", "copy", "-y", name]);
}

fn made(dir: &Path, name: &str, options: &[&str]) {
    let picture = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=192x108:r=25",
        "-frames:v",
        FRAMES,
    ];
    ffmpeg(dir, &[picture.as_slice(), options, &["-y", name]].concat());
}

/// Pictures that carry what ffprobe calls so.
#[track_caller]
fn carrying(file: &Path, kind: &str) -> usize {
    File::open(file)
        .tool(
            "ffprobe",
            &["-v", "error", "-show_frames", "-of", "compact", "@"],
        )
        .matches(kind)
        .count()
}

/// Encodes the film and expects one warning with these words among all.
#[track_caller]
fn said_once(dir: &Path, name: &str, words: &str, more: &[&str]) {
    let run = Run::encode(dir, name, "out.mkv")
        .args(["-y", "--json"])
        .args(more)
        .succeeds();
    let warnings = messages(&run, "warning");
    run.expect(
        warnings
            .iter()
            .filter(|warning| warning.starts_with(words))
            .count()
            == 1,
        words,
    );
    run.expect(
        warnings
            .iter()
            .filter(|warning| warning.contains("is left out") || warning.contains("are left out"))
            .count()
            == 1,
        "nothing else",
    );
}

const HDR10_PLUS: &str = "HDR10+ dynamic metadata is left out: HDR10 is kept";
const DOLBY_VISION: &str = "Dolby Vision metadata inside the pictures is left out";
const CAPTIONS: &str = "closed captions inside the pictures (EIA-608 or 708) are left out";

#[test]
fn hdr10_plus_is_said_once_also_where_later_pictures_have_it_first() {
    let dir = tempfile::tempdir().unwrap();
    let message = sei(&[39 << 1, 1], &hdr10_plus());
    for (name, first, at) in [
        ("first.ts", 0, ""),
        ("third.mkv", 2, ""),
        ("late.ts", 20, " (seen at 0.80 s)"),
        ("late.mp4", 20, " (seen at 0.80 s)"),
    ] {
        hevc(dir.path(), name, first, &message, &[]);
        assert_eq!(
            carrying(&dir.path().join(name), "HDR10+"),
            50 - first,
            "{name}"
        );
        said_once(dir.path(), name, &format!("{HDR10_PLUS}{at}"), &[]);
    }
}

#[test]
fn hdr10_plus_at_the_end_of_a_film_that_is_read_by_its_index_is_said() {
    let dir = tempfile::tempdir().unwrap();
    hevc(
        dir.path(),
        "late.mkv",
        40,
        &sei(&[39 << 1, 1], &hdr10_plus()),
        &[],
    );
    said_once(
        dir.path(),
        "late.mkv",
        &format!("{HDR10_PLUS} (seen at 1."),
        &["--chunk-method", "ffms2"],
    );
}

#[test]
fn dolby_vision_that_no_container_announces_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let unit = nal(&[62 << 1, 1], &dolby_vision());
    for (name, first) in [("first.ts", 0), ("late.mov", 20)] {
        hevc(dir.path(), name, first, &[], &unit);
        assert!(
            carrying(&dir.path().join(name), "Dolby Vision RPU") >= 50 - first,
            "{name}"
        );
        said_once(dir.path(), name, DOLBY_VISION, &[]);
    }
}

#[test]
fn dynamic_hdr_is_refused_wherever_the_stream_has_it_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let unit = nal(&[62 << 1, 1], &dolby_vision());
    hevc(dir.path(), "vision.mkv", 40, &[], &unit);
    with_hdr10_plus(dir.path(), "plus.mkv");
    hevc(dir.path(), "none.mkv", 50, &[], &unit);
    let refuse = |name: &str| {
        Run::encode(dir.path(), name, "out.mkv").args(["--dynamic-hdr", "refuse", "--dry-run"])
    };
    for (name, what) in [("vision.mkv", "Dolby Vision"), ("plus.mkv", "HDR10+")] {
        let says = format!("{name} has {what} in its pictures; --dynamic-hdr drop encodes it");
        refuse(name).fails(4).says(&says);
    }
    refuse("none.mkv").succeeds();
    Run::encode(dir.path(), "plus.mkv", "out.mkv")
        .args(["--dynamic-hdr", "drop", "--dry-run"])
        .succeeds();
}

#[test]
fn captions_inside_pictures_are_said_wherever_they_begin() {
    let dir = tempfile::tempdir().unwrap();
    for (name, first) in [("first.ts", 0), ("first.mp4", 0), ("late.mkv", 20)] {
        h264(dir.path(), name, first, &sei(&[6], &captions()));
        assert_eq!(
            carrying(&dir.path().join(name), "A53"),
            50 - first,
            "{name}"
        );
        said_once(dir.path(), name, CAPTIONS, &[]);
    }
}

#[test]
fn what_av1_carries_is_said() {
    let dir = tempfile::tempdir().unwrap();
    for (name, message, words) in [
        ("hdr.mkv", hdr10_plus(), HDR10_PLUS),
        ("captions.webm", captions(), CAPTIONS),
    ] {
        av1(dir.path(), name, &message);
        said_once(dir.path(), name, words, &[]);
    }
}
