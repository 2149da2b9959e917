//! A directory of films of all kinds, and of what has only the name of one, goes through `examples/batch`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::symlink,
    },
    path::{Path, PathBuf},
    process::Command,
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use serde_json::Value;

use crate::{
    clips::{ffmpeg, mkvmerge},
    examples, extras, lab,
};

/// How a film is made.
enum Made {
    /// By ffmpeg with these options from the [`base`].
    From(&'static str),
    /// By ffmpeg with these options from another film of the library.
    Of(&'static str, &'static str),
    /// A copy of another.
    Like(&'static str),
    /// The first half of another.
    HalfOf(&'static str),
    /// Another with noise in its middle.
    NoiseIn(&'static str),
    /// Of these bytes.
    Bytes(&'static [u8]),
    /// By these hands, in a directory, under a name.
    By(fn(&Path, &str)),
}

/// What comes of it.
enum Comes {
    /// An output of these tracks: see [`tracks`].
    Encoded(&'static str),
    /// It is left as it is, by the options.
    Left,
    /// A failure with this exit code.
    Failed(i32),
    /// It is not even tried.
    PassedOver,
    /// A name that begins with a dot is none of the loop's.
    Unseen,
}

use Comes::{Encoded, Failed, Left, PassedOver, Unseen};
use Made::{By, Bytes, From, HalfOf, Like, NoiseIn, Of};

/// A name of so many bytes.
const fn of_length<const N: usize>() -> [u8; N] {
    let mut name = [b'l'; N];
    [name[N - 4], name[N - 3], name[N - 2], name[N - 1]] = *b".mkv";
    name
}

/// Name, how it is made, what comes of it, and what must be said of it.
type Row = (&'static [u8], Made, Comes, &'static str);

#[rustfmt::skip]
const LIBRARY: &[Row] = &[
    // Codecs and containers.
    (b"h264.mp4", From("-c:v libx264 -c:a aac -pix_fmt yuv420p"), Encoded("av1 12, aac"), ""),
    (b"hevc.mkv", From("-c:v libx265 -x265-params log-level=none:crf=2 -c:a ac3"), Encoded("av1 12, ac3"), ""),
    (b"vp8.webm", From("-c:v libvpx -c:a libvorbis"), Encoded("av1 12, vorbis"), ""),
    (b"vp9.webm", From("-c:v libvpx-vp9 -cpu-used 8 -crf 4 -b:v 0 -c:a libopus"), Encoded("av1 12, opus"), ""),
    (b"mpeg2.mpg", From("-threads 1 -c:v mpeg2video -q:v 2 -c:a mp2"), Encoded("av1 12, mp2"), ""),
    (b"mpeg4.avi", From("-c:v mpeg4 -q:v 2 -c:a libmp3lame"), Encoded("av1 12, mp3"), ""),
    (b"prores.mov", From("-c:v prores_ks -c:a pcm_s16le"), Encoded("av1 12, pcm_s16le"), "its colours are in 4:2:2"),
    (b"theora.ogv", From("-c:v libtheora -q:v 9 -c:a libvorbis"), Encoded("av1 12, vorbis"), ""),
    (b"wmv2.wmv", From("-c:v wmv2 -q:v 2 -c:a ac3"), Encoded("av1 12, ac3"), ""),
    (b"flv1.flv", From("-c:v flv1 -q:v 2 -an"), Encoded("av1 12"), ""),
    (b"raw.y4m", From("-pix_fmt yuv420p -an"), Encoded("av1 12"), ""),
    (b"interlaced.ts", From("-c:v libx264 -flags +ildct+ilme -vf setfield=tff -c:a aac"), Encoded("av1 12, aac"), "is interlaced"),
    // Sizes, lengths, colours.
    (b"odd.mkv", From("-c:v ffv1 -vf scale=97:63 -an"), Encoded("av1 12"), "97x63 is encoded as 96x62"),
    (b"one-picture.mkv", From("-c:v ffv1 -frames:v 1 -an"), Encoded("av1 1"), ""),
    (b"hdr10.mkv", By(hdr10), Encoded("av1 12 smpte2084"), "HDR10 in bitstream and container"),
    (b"hlg.mkv", By(hlg), Encoded("av1 12 arib-std-b67"), ""),
    (b"hdr10plus.REMUX.mkv", By(extras::with_hdr10_plus), Left, "has HDR10+ in its pictures"),
    (b"dolby-vision.REMUX.mkv", By(extras::with_dolby_vision), Left, "has Dolby Vision in its pictures"),
    // Tracks.
    (b"tracks.mkv", By(with_tracks), Encoded("av1 12, aac jpn, aac eng, subrip fre, font.ttf; 2 chapters"), ""),
    (b"silent.mkv", Of("-map 0:v -c copy", "h264.mp4"), Encoded("av1 12"), ""),
    // Names.
    (b"H.264.MP4", Like("h264.mp4"), Encoded("av1 12, aac"), ""),
    (b"h264.mkv", Of("-c copy", "h264.mp4"), Encoded("av1 12, aac"), ""),
    (b"-i $(touch 'oh') \"no\" & *.mkv", Like("silent.mkv"), Encoded("av1 12"), ""),
    (b"two\nlines\x1b[31m.mkv", Like("silent.mkv"), Encoded("av1 12"), ""),
    (b"latin1 \xe9\xff.mkv", Like("silent.mkv"), Encoded("av1 12"), ""),
    (&of_length::<247>(), Like("silent.mkv"), Encoded("av1 12"), ""),
    (&of_length::<248>(), Like("silent.mkv"), Failed(2), "the output's name would have 256 bytes"),
    (b".hidden.mkv", Like("silent.mkv"), Unseen, ""),
    // What the options leave as it is.
    (b"av1.mkv", From("-c:v libaom-av1 -cpu-used 8 -an"), Left, "is AV1 already"),
    (b"a.WEB-DL.mkv", From("-c:v libx265 -x265-params log-level=none -c:a ac3"), Left, "is of the web and in hevc already"),
    (b"a.av1.mkv", Like("h264.mkv"), Left, "is av1enc's own output by its name"),
    (b"a.orig.mkv", Like("h264.mkv"), Left, "is a kept original by its name"),
    (b"a.clip.mkv", Like("h264.mkv"), Left, "is a test clip by its name"),
    (b"marked.mkv", Like("h264.mkv"), Left, "marked.mkv.av1skip is beside it"),
    (b"copying.mkv", Like("h264.mkv"), Left, "and is left alone until that was 3600 s ago"),
    (b"small.mkv", From("-c:v ffv1 -vf scale=16:16 -frames:v 1 -an"), Left, "and --min-bytes wants"),
    (b"empty.mkv", Bytes(b""), Left, "has 0 B, and --min-bytes wants"),
    // What is damaged, and what is no film.
    (b"damaged.mpg", NoiseIn("mpeg2.mpg"), Encoded("av1 11, mp2"), "not proven, for the source is damaged"),
    (b"half.mkv", HalfOf("h264.mkv"), Failed(8), "is cut short or damaged: it declares"),
    (b"half.mp4", HalfOf("h264.mp4"), Failed(8), "its index (moov) is missing"),
    (b"encrypted.mp4", By(encrypted), Failed(8), "is encrypted"),
    (b"sound.mkv", From("-vn -c:a flac"), Failed(8), "has no video to encode (flac audio)"),
    (b"text.mkv", Bytes(&[b'a'; 4000]), Failed(8), "is not a film: it is a text"),
    (b"zeros.mp4", Bytes(&[0; 4000]), Failed(8), "is not a film: it is nothing but zeroes"),
    (b"list.mkv", By(list), Failed(8), "it is a list of files (ffconcat)"),
    // What lies around.
    (b"link.mkv", By(|dir, name| symlink("../elsewhere.mkv", dir.join(name)).unwrap()), Encoded("av1 12, aac"), ""),
    (b"nowhere.mkv", By(|dir, name| symlink("nowhere", dir.join(name)).unwrap()), Failed(1), "No such file"),
    (b"pipe.mkv", By(|dir, name| mkfifo(&dir.join(name), Mode::S_IRWXU).unwrap()), Failed(8), "is not a regular file"),
    (b"directory.mkv", By(|dir, name| fs::create_dir(dir.join(name)).unwrap()), Unseen, ""),
    (b"a.mkv.av1enc", By(|dir, name| fs::create_dir(dir.join(name)).unwrap()), Unseen, ""),
    (b"marked.mkv.av1skip", Bytes(b""), PassedOver, "no film by its name"),
    (b"cover.jpg", Bytes(b"no film"), PassedOver, "no film by its name"),
];

/// The options of the loop.
const OPTIONS: &str = "--preset 13 -w 2 --skip av1,hevc-web,small,marked,copying,own --min-bytes 2K --stable-secs 3600 \
                       --dynamic-hdr refuse";

/// Twelve pictures with half a second of sound, lossless.
fn base(dir: &Path) {
    let picture = "-f lavfi -i testsrc2=s=96x64:r=25 -f lavfi -i sine=r=48000 -t 0.48";
    by_ffmpeg(
        dir,
        &format!("{picture} -c:v ffv1 -c:a pcm_s16le"),
        "base.mkv",
    );
}

/// What ffmpeg makes with these options, which are separated by spaces.
fn by_ffmpeg(dir: &Path, options: &str, name: &str) {
    let options: Vec<&str> = options.split_whitespace().collect();
    ffmpeg(dir, &[options.as_slice(), &[name]].concat());
}

fn hdr10(dir: &Path, name: &str) {
    let params = "hdr10=1:repeat-headers=1:max-cll=949,438:\
                  master-display=G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(10000000,1)";
    wide_colors(dir, name, "smpte2084", params);
}

fn hlg(dir: &Path, name: &str) {
    wide_colors(dir, name, "arib-std-b67", "repeat-headers=1");
}

fn wide_colors(dir: &Path, name: &str, transfer: &str, params: &str) {
    let codec =
        format!("-an -c:v libx265 -pix_fmt yuv420p10le -x265-params log-level=none:crf=2:{params}");
    let colors = format!("-color_primaries bt2020 -colorspace bt2020nc -color_trc {transfer}");
    by_ffmpeg(dir, &format!("-i base.mkv {codec} {colors}"), name);
}

/// Two languages, subtitles, a font, chapters.
fn with_tracks(dir: &Path, name: &str) {
    let words = "1\n00:00:00,100 --> 00:00:00,300\nBonjour, ça va ?\n";
    fs::write(dir.join("words.srt"), words).unwrap();
    fs::write(dir.join("font.ttf"), b"\0\x01\0\0 no letters").unwrap();
    let chapters =
        "CHAPTER01=00:00:00.000\nCHAPTER01NAME=One\nCHAPTER02=00:00:00.240\nCHAPTER02NAME=Two\n";
    fs::write(dir.join("chapters.txt"), chapters).unwrap();
    let args = "--language 1:jpn h264.mp4 --no-video --language 1:eng h264.mp4 --language 0:fre words.srt \
                --chapters chapters.txt --attachment-mime-type font/ttf --attach-file font.ttf";
    let args: Vec<&str> = args.split_whitespace().collect();
    mkvmerge(dir, &[&["-o", name], args.as_slice()].concat());
}

fn encrypted(dir: &Path, name: &str) {
    let key = "76a6c65c5ea762046bd749a2e632ccbb";
    let scheme =
        format!("-encryption_scheme cenc-aes-ctr -encryption_key {key} -encryption_kid {key}");
    by_ffmpeg(dir, &format!("-i h264.mp4 -c copy {scheme}"), name);
}

/// A list of films for ffmpeg.
fn list(dir: &Path, name: &str) {
    let list = format!(
        "ffconcat version 1.0\nfile h264.mp4\n{}",
        "#\n".repeat(2000)
    );
    fs::write(dir.join(name), list).unwrap();
}

impl Made {
    /// Makes it in `dir`, where those are that stand above it.
    fn make(&self, dir: &Path, name: &OsStr) {
        // What has a hostile name is like another: nobody but the program has to bear it.
        let text = || name.to_str().unwrap();
        let read = |other: &str| fs::read(dir.join(other)).unwrap();
        let write = |bytes: &[u8]| fs::write(dir.join(name), bytes).unwrap();
        match self {
            From(options) => by_ffmpeg(dir, &format!("-i base.mkv {options}"), text()),
            Of(options, other) => by_ffmpeg(dir, &format!("-i {other} {options}"), text()),
            Like(other) => write(&read(other)),
            HalfOf(other) => {
                let bytes = read(other);
                write(&bytes[..bytes.len() / 2]);
            }
            NoiseIn(other) => {
                let mut bytes = read(other);
                let middle = bytes.len() / 2;
                bytes[middle..middle + 40].fill(0x55);
                write(&bytes);
            }
            Bytes(bytes) => write(bytes),
            By(hands) => hands(dir, text()),
        }
    }
}

/// Makes the library in `dir/films`, as if it had been there since yesterday.
fn build(dir: &Path) {
    let (scratch, films) = (dir.join("scratch"), dir.join("films"));
    fs::create_dir(&scratch).unwrap();
    fs::create_dir(&films).unwrap();
    base(&scratch);
    for (name, made, ..) in LIBRARY {
        made.make(&scratch, OsStr::from_bytes(name));
    }
    fs::copy(scratch.join("h264.mkv"), dir.join("elsewhere.mkv")).unwrap();
    for (name, ..) in LIBRARY {
        let name = OsStr::from_bytes(name);
        fs::rename(scratch.join(name), films.join(name)).unwrap();
    }
    let is_old = |row: &&Row| row.0 != b"copying.mkv";
    let old = LIBRARY
        .iter()
        .filter(is_old)
        .map(|row| films.join(OsStr::from_bytes(row.0)));
    let mut touch = Command::new("touch");
    touch.args(["-c", "-d", "yesterday", "--"]).args(old);
    assert!(touch.status().unwrap().success());
    fs::remove_dir_all(scratch).unwrap();
}

/// Tracks as ffprobe shows them: codec, the picture's number of packets and its transfer, language; number of chapters.
fn tracks(file: &Path) -> String {
    let asked = ["-v", "error", "-of", "json", "-count_packets"];
    let output = Command::new("ffprobe")
        .args(asked)
        .args(["-show_streams", "-show_chapters"])
        .arg(file)
        .output()
        .unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let track = |track: &Value| {
        let is_picture = track["codec_type"] == "video";
        let packets = is_picture.then(|| &track["nb_read_packets"]);
        let (codec, transfer) = (&track["codec_name"], &track["color_transfer"]);
        let tags = &track["tags"];
        // An attachment is its name: versions of ffprobe differ in what they call its codec.
        let words = match tags["filename"].as_str() {
            Some(_) => vec![&tags["filename"]],
            None => [codec]
                .into_iter()
                .chain(packets)
                .chain([transfer, &tags["language"]])
                .collect(),
        };
        let words = words.into_iter().filter_map(Value::as_str);
        words.collect::<Vec<_>>().join(" ")
    };
    let tracks = found["streams"].as_array().into_iter().flatten().map(track);
    let tracks = tracks.collect::<Vec<_>>().join(", ");
    match found["chapters"].as_array().map_or(0, Vec::len) {
        0 => tracks,
        chapters => format!("{tracks}; {chapters} chapters"),
    }
}

/// What the loop and the program said: of each film, by its name as it is shown, and of all.
struct Said {
    of: BTreeMap<Vec<u8>, String>,
    sum: String,
}

impl Said {
    /// Reads what the loop wrote.
    fn read(text: &[u8]) -> Self {
        let names: BTreeSet<Vec<u8>> = LIBRARY.iter().map(|row| shown(row.0)).collect();
        let (mut of, mut sum) = (BTreeMap::<_, String>::new(), String::new());
        let mut about = Vec::new();
        for line in text.split(|byte| *byte == b'\n') {
            let at = line.windows(6).position(|window| window == b"films/");
            let (before, name) = at.map_or((line, line), |at| (&line[..at], &line[at + 6..]));
            let is_heading = before.is_empty() || before.starts_with(b"passed over, ");
            if is_heading && names.contains(name) {
                about = name.to_owned();
            }
            let line = String::from_utf8_lossy(line) + "\n";
            if !sum.is_empty() || line.contains(" encoded, ") {
                sum += &line;
            } else {
                *of.entry(about.clone()).or_default() += &line;
            }
        }
        Self { of, sum }
    }
}

/// How the loop shows a name: what moves a terminal is no part of it.
fn shown(name: &[u8]) -> Vec<u8> {
    let shown = |byte: &u8| if byte.is_ascii_control() { b'?' } else { *byte };
    name.iter().map(shown).collect()
}

/// What of a row is not as expected, in words.
fn faults((name, _, comes, must): &Row, said: &Said, out: &Path) -> Vec<String> {
    let shown = shown(name);
    let of = said.of.get(&shown).map_or("", String::as_str);
    let shown = String::from_utf8_lossy(&shown);
    let failed = match comes {
        Failed(code) => format!("failed (exit code {code}): films/{shown}"),
        _ => String::new(),
    };
    let is_said = match comes {
        Encoded(_) => {
            let is_proven = of.contains("  proven: ");
            is_proven != must.starts_with("not proven") && of.contains(must)
        }
        Left => of.contains("skipped: ") && of.contains(must),
        Failed(_) => of.contains("error: ") && of.contains(must),
        PassedOver => of.starts_with(&format!("passed over, {must}: ")),
        Unseen => of.is_empty(),
    };
    let mut sum = said.sum.lines();
    let summed = sum.find(|line| line.ends_with(&format!(": films/{shown}")));
    let output = out.join(output_of(name));
    let found = output.exists().then(|| tracks(&output));
    let wanted = match comes {
        Encoded(tracks) => Some(*tracks),
        _ => None,
    };
    let held = [
        (is_said, format!("{must:?} is not said")),
        (
            summed.unwrap_or_default() == failed,
            format!("the sum says {summed:?}"),
        ),
        (
            found.as_deref() == wanted,
            format!("its output is {found:?}, not {wanted:?}"),
        ),
    ];
    let faults = held.into_iter().filter(|(holds, _)| !holds);
    faults
        .map(|(_, fault)| format!("{shown}: {fault}\n{of}"))
        .collect()
}

/// The name of a film's output.
fn output_of(name: &[u8]) -> OsString {
    OsString::from_vec([name, b".av1.mkv"].concat())
}

/// Runs the loop on the library; what it wrote to both its outputs, and its exit code.
fn run(dir: &Path) -> (Said, Option<i32>) {
    let transcript = dir.join("transcript");
    let written = File::create(&transcript).unwrap();
    let mut batch = examples::batch_of(dir, "films", "out");
    batch
        .args(OPTIONS.split_whitespace())
        .stdout(written.try_clone().unwrap())
        .stderr(written);
    let code = batch.status().unwrap().code();
    let text = fs::read(&transcript).unwrap();
    fs::remove_file(transcript).unwrap();
    (Said::read(&text), code)
}

/// How the sum of the loop begins where what is to be encoded was in part finished before.
fn sum(encoded: usize, before: usize) -> String {
    let count = |is: fn(&Comes) -> bool| LIBRARY.iter().filter(|row| is(&row.2)).count();
    let failed = count(|comes| matches!(comes, Failed(_)));
    let left = count(|comes| matches!(comes, Left));
    format!(
        "{encoded} encoded, {before} finished before, {failed} failed\n{left} left as they are, by the options\n"
    )
}

#[test]
fn a_library_of_all_kinds_comes_out_film_by_film_as_it_should() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (films, out) = (dir.join("films"), dir.join("out"));
    build(dir);
    let (there, originals) = (lab::names(dir), lab::snapshot(&films));
    let (said, code) = run(dir);
    let faults = LIBRARY.iter().flat_map(|row| faults(row, &said, &out));
    let faults: Vec<String> = faults.collect();
    let count = faults.len();
    assert!(faults.is_empty(), "{count} faults\n{}", faults.join("\n"));
    assert_eq!(code, Some(1));

    // The outputs are all that is new, and nothing that was there has changed.
    let encoded = LIBRARY.iter().filter(|row| matches!(row.2, Encoded(_)));
    let outputs: BTreeSet<PathBuf> = encoded.map(|row| out.join(output_of(row.0))).collect();
    let written = lab::snapshot(&out);
    assert!(written.keys().eq(&outputs), "{:#?}", written.keys());
    assert_eq!(lab::names(dir), [there, vec!["out".to_owned()]].concat());
    assert_eq!(lab::snapshot(&films), originals);
    assert!(said.sum.starts_with(&sum(outputs.len(), 0)), "{}", said.sum);

    // The night after, the same films are finished, left as they are, and fail.
    let (again, code) = run(dir);
    assert!(
        again.sum.starts_with(&sum(0, outputs.len())),
        "{}",
        again.sum
    );
    assert_eq!(code, Some(1));
    assert_eq!(
        (lab::snapshot(&out), lab::snapshot(&films)),
        (written, originals)
    );
}
