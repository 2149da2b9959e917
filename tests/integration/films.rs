//! Films as phones, cameras, broadcasts and other programs write them, with the pictures and the sound that the
//! [judge](crate::judge) reads. Each is small, and whoever makes it looks whether it is what its name says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    clips::{ffmpeg, kept, mkvmerge},
    judge,
};

/// Makes a film in a directory, under a name.
type Make = Box<dyn Fn(&Path, &str)>;

/// A film, made when it is first asked for; its name is that of its file.
pub struct Film {
    pub name: String,
    make: Make,
}

impl Film {
    fn new(name: impl Into<String>, make: impl Fn(&Path, &str) + 'static) -> Self {
        Self {
            name: name.into(),
            make: Box::new(make),
        }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        kept(RECIPE.as_bytes(), &self.name, |dir| {
            (self.make)(dir, &self.name)
        })
    }
}

const RECIPE: &str = concat!(include_str!("films.rs"), include_str!("judge.rs"));

/// Six seconds of the judge's pictures and sound, lossless: what all films are made of.
pub fn base() -> String {
    let base = kept(RECIPE.as_bytes(), "base.mkv", |dir| {
        let (pictures, sound) = (judge::pictures(6.0), judge::sound(6.0));
        let inputs = ["-f", "lavfi", "-i", &pictures, "-f", "lavfi", "-i", &sound];
        ffmpeg(
            dir,
            &[
                &inputs,
                ["-c:v", "ffv1", "-c:a", "pcm_s16le", "base.mkv"].as_slice(),
            ]
            .concat(),
        );
    });
    base.to_str().unwrap().to_owned()
}

/// Four seconds with the judge's pictures and sound.
pub fn film(dir: &Path, name: &str, options: &[&str]) -> PathBuf {
    let args = [
        "-t",
        "4",
        "-i",
        &base(),
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "14",
        "-g",
        "50",
    ];
    ffmpeg(dir, &[args.as_slice(), options, &[name]].concat());
    dir.join(name)
}

/// H.264 with a keyframe every two seconds and B-pictures between.
const H264: &str =
    "-c:v libx264 -preset veryfast -crf 14 -bf 2 -g 50 -keyint_min 50 -sc_threshold 0";
const MPEG2: &str = "-c:v mpeg2video -q:v 2 -bf 2 -g 12";
const MPEG4: &str = "-c:v mpeg4 -q:v 2 -g 50";
const VP9: &str = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -crf 16 -b:v 0 -g 50";

/// ffmpeg with `inputs`, which are file names, then with what is in `options`, separated by spaces.
fn make(dir: &Path, inputs: &[&str], options: &str, name: &str) {
    ffmpeg(
        dir,
        &[inputs, &options.split(' ').collect::<Vec<_>>(), &[name]].concat(),
    );
}

/// The first four seconds, encoded with `options`.
fn simple(dir: &Path, options: &str, name: &str) {
    make(dir, &["-t", "4", "-i", &base()], options, name);
}

/// What ffprobe shows of each stream, packet or frame that is chosen: `entries` is for example `packet=pts_time,flags`.
#[track_caller]
pub fn probe(path: &Path, streams: &str, entries: &str) -> Vec<String> {
    let args = [
        "-v",
        "error",
        "-select_streams",
        streams,
        "-count_packets",
        "-count_frames",
        "-show_entries",
        entries,
    ];
    let output = Command::new("ffprobe")
        .args(args)
        .args(["-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", path.display());
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = lines
        .lines()
        .map(|line| line.trim().trim_end_matches(',').to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// What ffmpeg says of a file at its most talkative.
fn trace(path: &Path) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "trace"])
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn packets(path: &Path) -> usize {
    probe(path, "v:0", "packet=flags").len()
}

fn decoded(path: &Path) -> usize {
    probe(path, "v:0", "frame=pict_type").len()
}

/// That the sound is late by `expected` milliseconds, negative if it is early. Encoders put some milliseconds before
/// what they encode, and some containers cannot say so.
#[track_caller]
fn sound_is_late_by(path: &Path, expected: f64) {
    let late = judge::look(path).sound_is_late_by();
    let right = !late.is_empty() && late.iter().all(|late| (late - expected).abs() < 60.0);
    assert!(
        right,
        "{}: the sound is late by {late:?} ms, not {expected} ms",
        path.display()
    );
}

/// That the sound has this codec.
#[track_caller]
fn sound_is(path: &Path, codec: &str) {
    assert_eq!(
        probe(path, "a:0", "stream=codec_name")[0],
        codec,
        "{}",
        path.display()
    );
}

/// A container, with codecs that are natural for it: how its files' names end, and what ffmpeg is told.
#[derive(Clone)]
pub struct Container {
    pub end: &'static str,
    options: String,
}

/// All containers that can tell when a track begins.
pub fn containers() -> Vec<Container> {
    let of = |end, options: &[&str]| Container {
        end,
        options: options.join(" "),
    };
    let avchd = "-c:a ac3 -f mpegts -mpegts_m2ts_mode 1";
    vec![
        of(".mp4", &[H264, "-c:a aac"]),
        of(".mov", &[H264, "-c:a aac"]),
        of(".3gp", &[H264, "-c:a aac"]),
        of(".mkv", &[H264, "-c:a aac"]),
        of(".webm", &[VP9, "-c:a libopus"]),
        of(".flv", &[H264, "-c:a aac"]),
        of(".ts", &[H264, "-c:a aac"]),
        of(".m2ts", &[H264, avchd]),
        of(".mts", &[H264, avchd]),
        of(".mpg", &[MPEG2, "-c:a mp2"]),
        of(".vob", &[MPEG2, "-c:a ac3 -f vob"]),
        // Without an index in front it could say where tracks begin only by the first fragment.
        of(
            "-fragmented.mp4",
            &[
                H264,
                "-c:a aac -movflags frag_keyframe+delay_moov+default_base_moof",
            ],
        ),
    ]
}

/// Which track begins first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lead {
    /// None, but for what the encoder puts before the sound.
    None,
    /// The sound, by half a second.
    Sound,
    /// The picture, by half a second.
    Picture,
}

/// A film in a container, with a lead.
pub fn with_lead(container: Container, lead: Lead) -> Film {
    let (what, late) = match lead {
        Lead::None => ("together", 0.0),
        Lead::Sound => ("sound-first", -500.0),
        Lead::Picture => ("picture-first", 500.0),
    };
    Film::new(format!("{what}{}", container.end), move |dir, name| {
        let base = base();
        let (on_time, delayed) = (
            ["-t", "4", "-i", &base],
            ["-itsoffset", "0.5", "-t", "4", "-i", &base],
        );
        let inputs = match lead {
            Lead::None => [on_time.as_slice(), on_time.as_slice()].concat(),
            Lead::Sound => [delayed.as_slice(), on_time.as_slice()].concat(),
            Lead::Picture => [on_time.as_slice(), delayed.as_slice()].concat(),
        };
        make(
            dir,
            &inputs,
            &format!(
                "-map 0:v -map 1:a -fps_mode passthrough {}",
                container.options
            ),
            name,
        );
        let path = dir.join(name);
        sound_is_late_by(&path, late);
        let mut numbers = judge::look(&path).numbers();
        // Repeated pictures are pictures.
        numbers.dedup();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>(), "{name}");
        if name.ends_with("fragmented.mp4") {
            assert!(trace(&path).contains("moof"), "{name}");
        }
        if matches!(
            (lead, container.end),
            (Lead::None, ".mp4" | ".mov" | ".3gp")
        ) {
            assert!(
                trace(&path).contains("edit list 0 - media time: 1024,"),
                "{name} hides the priming"
            );
        }
        if matches!(
            (lead, container.end),
            (Lead::Sound, ".mp4" | ".mov" | ".3gp")
        ) {
            assert!(
                trace(&path).contains("time=-1 "),
                "{name} begins with an empty edit"
            );
        }
    })
}

/// AVI has no times; what ffmpeg writes in their place is looked at as it is.
pub fn avi() -> Vec<Film> {
    let of = |name: &str, options: String| {
        Film::new(name, move |dir: &Path, name: &str| {
            simple(dir, &options, name);
            sound_is_late_by(&dir.join(name), 0.0);
        })
    };
    // ffmpeg has no other way to say that the picture waits than empty packets, and puts them behind the first one.
    let delayed = Film::new("empty-packets.avi", |dir: &Path, name: &str| {
        let (base, options) = (
            base(),
            format!("-map 0:v -map 1:a -fps_mode passthrough {MPEG4} -c:a libmp3lame"),
        );
        make(
            dir,
            &[
                "-itsoffset",
                "0.48",
                "-t",
                "4",
                "-i",
                &base,
                "-t",
                "4",
                "-i",
                &base,
            ],
            &options,
            name,
        );
        let times = probe(&dir.join(name), "v:0", "packet=dts_time");
        assert_eq!(
            (times[0].as_str(), times[1].as_str()),
            ("0.000000", "0.560000"),
            "{name}"
        );
        sound_is_late_by(&dir.join(name), -480.0);
    });
    vec![
        of("together.avi", format!("{MPEG4} -c:a libmp3lame")),
        of("b-pictures.avi", format!("{MPEG4} -bf 2 -c:a ac3")),
        delayed,
    ]
}

/// Films whose sound has a hole of a second: packets are missing, as where a recorder has lost them.
pub fn with_holes() -> Vec<Film> {
    let of = |end: &'static str| {
        Film::new(format!("hole.{end}"), move |dir: &Path, name: &str| {
            make(
                dir,
                &["-i", &base()],
                &format!("{H264} -c:a aac"),
                &format!("whole.{end}"),
            );
            let hole = "-map 0 -c copy -bsf:a noise=drop=between(pts*tb-startpts*tb\\,2\\,3)";
            make(dir, &["-i", &format!("whole.{end}")], hole, name);
            let heard: Vec<u32> = judge::look(&dir.join(name)).tracks[0]
                .iter()
                .filter_map(|beep| beep.which)
                .collect();
            assert_eq!(heard, [0, 1, 2, 3, 6, 7, 8, 9, 10, 11], "{name}");
            sound_is_late_by(&dir.join(name), 0.0);
        })
    };
    vec![of("ts"), of("mkv")]
}

/// Films of which an edit list hides the beginning or the end.
pub fn trimmed() -> Vec<Film> {
    let six = |dir: &Path, end: &str| {
        make(
            dir,
            &["-i", &base()],
            &format!("{H264} -c:a aac"),
            &format!("six.{end}"),
        )
    };
    // As people cut without encoding: what is before stays in the file, from the last keyframe on.
    let beginning = move |end: &'static str, first: u32| {
        Film::new(
            format!("trimmed-beginning-{first}.{end}"),
            move |dir: &Path, name: &str| {
                six(dir, end);
                let at = format!("{:.2}", f64::from(first) / f64::from(judge::FPS));
                make(
                    dir,
                    &["-ss", &at, "-i", &format!("six.{end}"), "-t", "3"],
                    "-c copy",
                    name,
                );
                let path = dir.join(name);
                let hidden = probe(&path, "v:0", "packet=flags")
                    .iter()
                    .filter(|flags| flags.contains('D'))
                    .count();
                assert!(
                    hidden >= first as usize - 50,
                    "{hidden} pictures of {name} are hidden"
                );
                let seen = judge::look(&path).numbers();
                assert_eq!(
                    (seen[0], seen.len()),
                    (first, packets(&path) - hidden),
                    "{name}"
                );
                // ffmpeg's own sound is some milliseconds off here: not a matter of this test.
                sound_is_late_by(&path, 0.0);
            },
        )
    };
    let ending = move |end: &'static str| {
        Film::new(
            format!("trimmed-end.{end}"),
            move |dir: &Path, name: &str| {
                six(dir, end);
                let mut bytes = fs::read(dir.join(format!("six.{end}"))).unwrap();
                // The first and only edit of either track is shortened from 6 to 4 seconds; a movie's unit is the millisecond.
                let lists = positions(&bytes, b"elst");
                assert_eq!(lists.len(), 2);
                for at in lists {
                    let duration = &mut bytes[at + 12..at + 16];
                    assert!(
                        u32::from_be_bytes((&*duration).try_into().unwrap()).abs_diff(6000) < 100
                    );
                    duration.copy_from_slice(&4000_u32.to_be_bytes());
                }
                let path = dir.join(name);
                fs::write(&path, bytes).unwrap();
                let seen = judge::look(&path);
                assert!(
                    seen.numbers()
                        .last()
                        .is_some_and(|last| (99..=102).contains(last)),
                    "{:?}",
                    seen.numbers()
                );
                assert_eq!(
                    seen.tracks[0].last().unwrap().which,
                    Some(7),
                    "what comes after 4 seconds is not heard"
                );
            },
        )
    };
    vec![
        beginning("mp4", 56),
        beginning("mp4", 63),
        beginning("mov", 56),
        ending("mp4"),
        ending("mov"),
    ]
}

/// Where `what` begins in `bytes`.
fn positions(bytes: &[u8], what: &[u8]) -> Vec<usize> {
    bytes
        .windows(what.len())
        .enumerate()
        .filter(|(_, window)| *window == what)
        .map(|(at, _)| at)
        .collect()
}

/// The transport stream `from` without all that comes before its `nth` picture (counted from 0), tables excepted.
fn cut_before(dir: &Path, from: &str, nth: usize, to: &str) {
    const VIDEO: u16 = 256;
    let bytes = fs::read(dir.join(from)).unwrap();
    let parts: Vec<&[u8]> = bytes.chunks_exact(188).collect();
    let pid = |part: &[u8]| u16::from_be_bytes([part[1], part[2]]) & 0x1fff;
    let begins = |part: &[u8]| pid(part) == VIDEO && part[1] & 0x40 != 0;
    let (cut, _) = parts
        .iter()
        .enumerate()
        .filter(|(_, part)| begins(part))
        .nth(nth)
        .unwrap();
    let tables = parts
        .iter()
        .filter(|part| [0, 17, 4096].contains(&pid(part)))
        .take(3);
    let rest: Vec<&[u8]> = tables.chain(&parts[cut..]).copied().collect();
    fs::write(dir.join(to), rest.concat()).unwrap();
}

/// How many packets come before the first keyframe.
fn before_keyframe(path: &Path) -> usize {
    probe(path, "v:0", "packet=flags")
        .iter()
        .position(|flags| flags.contains('K'))
        .unwrap()
}

/// A transport stream that begins `k` packets before a keyframe, with `sound`.
fn mid_gop(dir: &Path, k: usize, sound: &str, name: &str) {
    make(
        dir,
        &["-i", &base()],
        &format!("{H264} -c:a {sound} -muxrate 900k -mpegts_flags resend_headers"),
        "whole.ts",
    );
    cut_before(dir, "whole.ts", 50 - k, name);
    assert_eq!(before_keyframe(&dir.join(name)), k, "{name}");
    assert!(
        judge::look(&dir.join(name)).numbers().len() <= 100,
        "{name}: pictures before the keyframe are not seen"
    );
}

/// Recordings: the recorder was started between two keyframes.
pub fn recordings() -> Vec<Film> {
    let recording = |sound: &'static str| {
        Film::new(
            format!("begins-mid-gop-{sound}.ts"),
            move |dir: &Path, name: &str| mid_gop(dir, 20, sound, name),
        )
    };
    let m2ts = Film::new("begins-mid-gop.m2ts", |dir: &Path, name: &str| {
        mid_gop(dir, 20, "ac3", "cut.ts");
        // Four bytes with a clock of 27 MHz before each packet.
        let bytes = fs::read(dir.join("cut.ts")).unwrap();
        let parts = bytes.chunks_exact(188).zip((0_u32..).step_by(45_120));
        let parts: Vec<u8> = parts
            .flat_map(|(part, clock)| [&(clock & 0x3fff_ffff).to_be_bytes(), part].concat())
            .collect();
        fs::write(dir.join(name), parts).unwrap();
        assert_eq!(before_keyframe(&dir.join(name)), 20);
    });
    // 2^33 units of 90 kHz are 95443.7 s.
    let wraps = |sound: &'static str| {
        Film::new(
            format!("clock-wraps-{sound}.ts"),
            move |dir: &Path, name: &str| {
                simple(
                    dir,
                    &format!("{H264} -c:a {sound} -output_ts_offset 95440"),
                    name,
                );
                let times = clocks(&fs::read(dir.join(name)).unwrap());
                assert!(
                    times[0] > 1 << 32 && *times.last().unwrap() < 1 << 32,
                    "{times:?}"
                );
                sound_is_late_by(&dir.join(name), 0.0);
            },
        )
    };
    // Two recordings one after the other in one file; the clock of the first begins at `from`. What a parser still holds
    // of the old clock comes after the new one's first picture: where the clock goes back by less than ten seconds,
    // ffmpeg 5.1 itself leaves a gap as long as that for AC-3, so there is no such film here.
    let restarts = |sound: &'static str, video: &'static str, from: u32| {
        let what = if from == 0 { "little-" } else { "" };
        Film::new(
            format!("clock-restarts-{what}{sound}.ts"),
            move |dir: &Path, name: &str| {
                let base = base();
                let first = format!("{video} -c:a {sound} -output_ts_offset {from}");
                make(dir, &["-t", "3", "-i", &base], &first, "a.ts");
                make(
                    dir,
                    &["-ss", "3", "-i", &base],
                    &format!("{video} -c:a {sound}"),
                    "b.ts",
                );
                fs::write(
                    dir.join(name),
                    [
                        fs::read(dir.join("a.ts")).unwrap(),
                        fs::read(dir.join("b.ts")).unwrap(),
                    ]
                    .concat(),
                )
                .unwrap();
                let times = clocks(&fs::read(dir.join(name)).unwrap());
                assert!(
                    times.windows(2).any(|two| two[1] + 90_000 < two[0]),
                    "{times:?}"
                );
                sound_is_late_by(&dir.join(name), 0.0);
            },
        )
    };
    vec![
        recording("aac"),
        recording("mp2"),
        recording("ac3"),
        m2ts,
        wraps("aac"),
        wraps("ac3"),
        restarts("aac", H264, 1000),
        restarts("ac3", H264, 1000),
        restarts("mp2", MPEG2, 1000),
        restarts("aac", H264, 0),
        restarts("mp2", MPEG2, 0),
    ]
}

/// The times of the pictures of a transport stream, in its own units.
fn clocks(bytes: &[u8]) -> Vec<u64> {
    let pictures = bytes
        .chunks_exact(188)
        .filter(|part| part[1] & 0x5f == 0x41 && part[2] == 0);
    let time = |part: &[u8]| {
        let at = 4 + if part[3] & 0x20 != 0 {
            1 + usize::from(part[4])
        } else {
            0
        };
        let p = &part[at + 9..at + 14];
        let part = |n: usize, shift: u32| u64::from(p[n] >> 1) << shift;
        (u64::from(p[0]) >> 1 & 7) << 30
            | u64::from(p[1]) << 22
            | part(2, 15)
            | u64::from(p[3]) << 7
            | part(4, 0)
    };
    pictures.map(time).collect()
}

/// Kinds of sound: those that Matroska cannot hold as they are, or that programs write into it wrongly.
pub fn sounds() -> Vec<Film> {
    let of = |name: String, options: String, codec: &str| {
        let codec = codec.to_owned();
        Film::new(name, move |dir: &Path, name: &str| {
            simple(dir, &options, name);
            sound_is(&dir.join(name), &codec);
            sound_is_late_by(&dir.join(name), 0.0);
        })
    };
    let mut films = Vec::new();
    for codec in [
        "f32le", "f64le", "s32le", "s24be", "s24le", "s16be", "s8", "u8", "alaw", "mulaw",
    ] {
        films.push(of(
            format!("pcm-{codec}.mov"),
            format!("{H264} -c:a pcm_{codec}"),
            &format!("pcm_{codec}"),
        ));
    }
    for codec in [
        "pcm_u8",
        "pcm_s16le",
        "pcm_s24le",
        "pcm_f32le",
        "pcm_alaw",
        "pcm_mulaw",
        "adpcm_ima_wav",
        "adpcm_ms",
    ] {
        films.push(of(
            format!("{codec}.avi"),
            format!("{MPEG4} -c:a {codec}"),
            codec,
        ));
    }
    for (name, options, codec) in [
        ("alac.mov", "-c:a alac", "alac"),
        ("alac.mp4", "-c:a alac", "alac"),
        ("flac.mp4", "-c:a flac -strict -2", "flac"),
        ("opus.mp4", "-c:a libopus -strict -2", "opus"),
        ("mp3.mp4", "-c:a libmp3lame", "mp3"),
        ("ac3.mp4", "-c:a ac3", "ac3"),
        ("adpcm.mov", "-c:a adpcm_ima_qt -ar 44100", "adpcm_ima_qt"),
        (
            "pcm-bluray-24.m2ts",
            "-ac 2 -sample_fmt s32 -c:a pcm_bluray -f mpegts -mpegts_m2ts_mode 1",
            "pcm_bluray",
        ),
        ("latm.ts", "-c:a aac -mpegts_flags latm", "aac_latm"),
        ("eac3.ts", "-c:a eac3", "eac3"),
        ("s302m.ts", "-ac 2 -c:a s302m -strict -2", "s302m"),
    ] {
        films.push(of(name.into(), format!("{H264} {options}"), codec));
    }
    films.push(of(
        "lpcm-24.vob".into(),
        format!("{MPEG2} -ac 2 -sample_fmt s32 -c:a pcm_dvd -f vob"),
        "pcm_dvd",
    ));
    eprintln!("SKIPPED, nothing is tested here: AMR, which ffmpeg reads and has nothing to write");
    films
}

/// Films that begin with `k` packets that cannot be decoded.
pub fn undecodable(end: &'static str) -> Vec<Film> {
    let film = |k: usize| {
        Film::new(
            format!("undecodable-{k}.{end}"),
            move |dir: &Path, name: &str| {
                if end == "ts" {
                    return mid_gop(dir, k, "ac3", name);
                }
                make(
                    dir,
                    &["-i", &base()],
                    &format!("{H264} -c:a ac3"),
                    "whole.mkv",
                );
                make(
                    dir,
                    &["-i", "whole.mkv"],
                    &format!("-c copy -bsf:v noise=drop=lt(n\\,{})", 50 - k),
                    name,
                );
                assert_eq!(before_keyframe(&dir.join(name)), k, "{name}");
                assert!(
                    judge::look(&dir.join(name)).numbers().len() <= 100,
                    "{name}"
                );
            },
        )
    };
    (1..=9).map(film).collect()
}

/// Does something `with` the payloads of those packets of the video for which `chosen` says so, of number and payload;
/// returns how many they are. The payload is that of H.264 with the length before each part.
fn damage(
    dir: &Path,
    from: &str,
    to: &str,
    mut chosen: impl FnMut(usize, &[u8]) -> bool,
    with: impl Fn(&mut [u8]),
) -> usize {
    let mut bytes = fs::read(dir.join(from)).unwrap();
    let mut done = 0;
    for (n, packet) in probe(&dir.join(from), "v:0", "packet=size,pos")
        .iter()
        .enumerate()
    {
        let (size, pos) = packet.split_once(',').unwrap();
        let (size, pos): (usize, usize) = (size.parse().unwrap(), pos.parse().unwrap());
        // In Matroska the position is that of the block, whose head comes before the payload.
        let at = (pos..pos + 24)
            .find(|at| parts(&bytes[*at..], size))
            .expect("the payload of a packet");
        if chosen(n, &bytes[at..at + size]) {
            with(&mut bytes[at..at + size]);
            done += 1;
        }
    }
    fs::write(dir.join(to), bytes).unwrap();
    done
}

/// Whether exactly `size` bytes are parts with their lengths before them.
fn parts(bytes: &[u8], size: usize) -> bool {
    let mut at = 0;
    while at < size {
        let Some(four) = bytes.get(at..at + 4) else {
            return false;
        };
        let long = u32::from_be_bytes(four.try_into().unwrap()) as usize;
        if long == 0 {
            return false;
        }
        at += 4 + long;
    }
    at == size
}

/// Films with damaged pictures.
pub fn damaged() -> Vec<Film> {
    // Pictures that no other refers to: only they are lost.
    let alone = |payload: &[u8]| payload[4] == 1;
    let film = move |end: &'static str, many: usize| {
        Film::new(
            format!("damaged-{many}.{end}"),
            move |dir: &Path, name: &str| {
                let whole = format!("whole.{end}");
                simple(
                    dir,
                    &format!("{H264} -x264-params b-pyramid=none -c:a ac3"),
                    &whole,
                );
                let mut seen = 0;
                let chosen = |_: usize, payload: &[u8]| {
                    seen += usize::from(alone(payload));
                    let here = if many == 1 {
                        seen == 31
                    } else {
                        seen > 10 && seen <= 10 + 4 * many && seen.is_multiple_of(4)
                    };
                    here && alone(payload)
                };
                assert_eq!(
                    damage(dir, &whole, name, chosen, |payload| payload.fill(0)),
                    many,
                    "{name}"
                );
                let left = judge::look(&dir.join(name)).pictures.len();
                assert_eq!(left, 100 - many, "{name}: pictures that can be decoded");
            },
        )
    };
    // Nothing but padding in the last packet.
    let last = |end: &'static str| {
        Film::new(
            format!("last-packet-without-picture.{end}"),
            move |dir: &Path, name: &str| {
                let whole = format!("whole.{end}");
                simple(dir, &format!("{H264} -bf 0 -c:a ac3"), &whole);
                let padding = |payload: &mut [u8]| {
                    let long = u32::try_from(payload.len() - 4).unwrap();
                    payload[..4].copy_from_slice(&long.to_be_bytes());
                    payload[4] = 12;
                    payload[5..].fill(0xff);
                };
                let of = packets(&dir.join(&whole));
                assert_eq!(
                    damage(dir, &whole, name, |n, _| n + 1 == of, padding),
                    1,
                    "{name}"
                );
                assert_eq!(
                    (packets(&dir.join(name)), decoded(&dir.join(name))),
                    (100, 99),
                    "{name}"
                );
            },
        )
    };
    vec![
        film("mkv", 1),
        film("mkv", 10),
        film("mp4", 1),
        film("mp4", 10),
        last("mkv"),
        last("mp4"),
    ]
}

/// 600 pictures, of which one is damaged that lies far from the beginning, the end and the middle.
pub fn damaged_far_from_where_it_is_looked_at() -> Film {
    Film::new("damaged-far.mkv".to_owned(), |dir: &Path, name: &str| {
        let (pictures, sound) = (judge::pictures(24.0), judge::sound(24.0));
        let inputs = ["-f", "lavfi", "-i", &pictures, "-f", "lavfi", "-i", &sound];
        make(
            dir,
            &inputs,
            &format!("{H264} -x264-params b-pyramid=none -c:a ac3"),
            "whole.mkv",
        );
        let mut seen = 0;
        let chosen = |_: usize, payload: &[u8]| {
            seen += usize::from(payload[4] == 1);
            payload[4] == 1 && seen == 231
        };
        assert_eq!(
            damage(dir, "whole.mkv", name, chosen, |payload| payload.fill(0)),
            1,
            "{name}"
        );
        assert_eq!(
            (packets(&dir.join(name)), decoded(&dir.join(name))),
            (600, 599),
            "{name}"
        );
    })
}

/// Films whose packets are not their pictures: hidden ones, and those of which it is said that nothing changes.
pub fn hidden() -> Vec<Film> {
    let two_passes = |dir: &Path, codec: &str, name: &str| {
        for (pass, name) in [("1", "first-pass.webm"), ("2", name)] {
            let options =
                format!("{codec} -b:v 900k -auto-alt-ref 1 -lag-in-frames 25 -g 50 -cpu-used 4");
            simple(
                dir,
                &format!("{options} -pass {pass} -passlogfile log -c:a libopus"),
                name,
            );
        }
    };
    let more_packets_than_pictures = |path: &Path| {
        let (packets, decoded) = (packets(path), decoded(path));
        assert!(
            packets > decoded && decoded == 100,
            "{packets} packets, {decoded} pictures of {}",
            path.display()
        );
    };
    let vp8 = Film::new("hidden-vp8.webm", move |dir: &Path, name: &str| {
        two_passes(dir, "-c:v libvpx", name);
        more_packets_than_pictures(&dir.join(name));
    });
    let vp9 = Film::new("hidden-vp9.webm", move |dir: &Path, name: &str| {
        two_passes(dir, "-c:v libvpx-vp9", "whole.webm");
        // ffmpeg would put them together again.
        make(
            dir,
            &["-i", "whole.webm"],
            "-c copy -bsf:v vp9_superframe_split -fflags -autobsf",
            name,
        );
        more_packets_than_pictures(&dir.join(name));
    });
    let packed = Film::new("packed.avi", |dir: &Path, name: &str| {
        simple(dir, "-c:v libxvid -q:v 2 -bf 2 -g 50 -c:a libmp3lame", name);
        let sizes = probe(&dir.join(name), "v:0", "packet=size");
        let empty = sizes
            .iter()
            .filter(|size| size.parse::<u32>().unwrap() < 8)
            .count();
        assert!(
            empty > 10,
            "{empty} packets say that a picture came before: {sizes:?}"
        );
    });
    vec![vp8, vp9, packed]
}

/// AV1, HEVC, MPEG-2 and interlaced H.264, which indexers find hard.
pub fn hard() -> Vec<Film> {
    eprintln!(
        "SKIPPED, nothing is tested here: fields coded separately, which neither x264 nor ffmpeg writes"
    );
    let av1 = |name: &str, codec: &'static str| {
        Film::new(name, move |dir: &Path, name: &str| {
            simple(dir, &format!("{codec} -g 50 -c:a libopus"), name);
            assert_eq!(decoded(&dir.join(name)), 100);
        })
    };
    let open = "-c:v libx265 -preset faster -crf 12 -x265-params open-gop=1:keyint=24:min-keyint=1:bframes=3:b-adapt=0:scenecut=0:\
                repeat-headers=1:log-level=error -c:a ac3";
    let leading = |path: &Path| {
        let times: Vec<f64> = probe(path, "v:0", "packet=pts_time")
            .iter()
            .map(|time| time.parse().unwrap())
            .collect();
        let leading = times.iter().filter(|time| **time < times[0]).count();
        assert!(
            leading > 0,
            "no picture of {} is shown before the first packet's: {times:?}",
            path.display()
        );
    };
    let whole = Film::new("open-gop-hevc.mkv", move |dir: &Path, name: &str| {
        simple(dir, open, name);
        assert_eq!(decoded(&dir.join(name)), 100);
    });
    let cra = Film::new("begins-at-cra.mkv", move |dir: &Path, name: &str| {
        make(dir, &["-i", &base()], open, "whole.mkv");
        let flags = probe(&dir.join("whole.mkv"), "v:0", "packet=flags");
        let second = flags
            .iter()
            .enumerate()
            .filter(|(_, flags)| flags.contains('K'))
            .nth(1)
            .unwrap()
            .0;
        make(
            dir,
            &["-i", "whole.mkv"],
            &format!("-c copy -bsf:v noise=drop=lt(n\\,{second})"),
            name,
        );
        leading(&dir.join(name));
        assert!(
            packets(&dir.join(name)) > decoded(&dir.join(name)),
            "leading pictures are not seen"
        );
    });
    let cra_ts = Film::new("begins-at-cra.ts", move |dir: &Path, name: &str| {
        make(dir, &["-i", &base()], open, "whole.ts");
        let flags = probe(&dir.join("whole.ts"), "v:0", "packet=flags");
        let second = flags
            .iter()
            .enumerate()
            .filter(|(_, flags)| flags.contains('K'))
            .nth(1)
            .unwrap()
            .0;
        cut_before(dir, "whole.ts", second, name);
        leading(&dir.join(name));
    });
    let mpeg2 = Film::new("open-gop-mpeg2.ts", |dir: &Path, name: &str| {
        simple(dir, &format!("{MPEG2} -c:a mp2"), name);
        assert_eq!(decoded(&dir.join(name)), 100);
    });
    let mpeg2_cut = Film::new(
        "begins-at-open-gop-mpeg2.ts",
        move |dir: &Path, name: &str| {
            make(
                dir,
                &["-i", &base()],
                &format!("{MPEG2} -c:a mp2"),
                "whole.ts",
            );
            let flags = probe(&dir.join("whole.ts"), "v:0", "packet=flags");
            let second = flags
                .iter()
                .enumerate()
                .filter(|(_, flags)| flags.contains('K'))
                .nth(1)
                .unwrap()
                .0;
            cut_before(dir, "whole.ts", second, name);
            leading(&dir.join(name));
        },
    );
    let interlaced = |end: &str| {
        Film::new(
            format!("interlaced-h264.{end}"),
            |dir: &Path, name: &str| {
                simple(
                    dir,
                    &format!("{H264} -flags +ilme+ildct -x264-params interlaced=1:tff=1 -c:a ac3"),
                    name,
                );
                assert!(
                    probe(&dir.join(name), "v:0", "frame=interlaced_frame")
                        .iter()
                        .all(|frame| frame == "1"),
                    "{name}"
                );
            },
        )
    };
    vec![
        av1("av1-svt.mkv", "-c:v libsvtav1 -preset 10 -crf 20"),
        av1(
            "av1-aom.mkv",
            "-c:v libaom-av1 -cpu-used 8 -lag-in-frames 25 -crf 16",
        ),
        av1(
            "av1.mp4",
            "-c:v libaom-av1 -cpu-used 8 -lag-in-frames 25 -crf 16",
        ),
        whole,
        cra,
        cra_ts,
        mpeg2,
        mpeg2_cut,
        interlaced("ts"),
        interlaced("mkv"),
    ]
}

const SUBTITLES: &str = "1\n00:00:00,700 --> 00:00:01,100\nBonjour, ça va ?\n\n2\n00:00:02,800 --> 00:00:03,400\nOui.\n";
const CHAPTERS: &str = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=One\n\
                        [CHAPTER]\nTIMEBASE=1/1000\nSTART=2000\nEND=4000\ntitle=Two\n";

const TEXT_MKV: &str = "-c:v libx264 -preset veryfast -crf 14 -c:a ac3 -c:s srt";
const TEXT_MP4: &str = "-c:v libx264 -preset veryfast -crf 14 -c:a aac -c:s mov_text";
const TEXT_WEBM: &str =
    "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -crf 16 -b:v 0 -c:a libopus -c:s webvtt";

/// Films with subtitles and chapters, and a lead; a film of which everything begins late.
pub fn with_texts() -> Vec<Film> {
    let film = |lead: Lead, end: &'static str, codecs: &'static str| {
        let what = if lead == Lead::Sound {
            "sound"
        } else {
            "picture"
        };
        Film::new(
            format!("texts-{what}-first.{end}"),
            move |dir: &Path, name: &str| {
                fs::write(dir.join("s.srt"), SUBTITLES).unwrap();
                fs::write(dir.join("c.txt"), CHAPTERS).unwrap();
                let (base, late) = (base(), ["-itsoffset", "0.5"]);
                let (before, after) = if lead == Lead::Sound {
                    (late.as_slice(), [].as_slice())
                } else {
                    (&[][..], &late[..])
                };
                let film = ["-t", "4", "-i", &base];
                let inputs =
                    [before, &film, after, &film, &["-i", "s.srt", "-i", "c.txt"]].concat();
                let maps = "-map 0:v -map 1:a -map 2:s -map_chapters 3 -fps_mode passthrough";
                make(dir, &inputs, &format!("{maps} {codecs}"), name);
                let seen = judge::look(&dir.join(name));
                assert_eq!(
                    (seen.subtitles[0].len(), seen.chapters.len()),
                    (2, 2),
                    "{name}"
                );
                sound_is_late_by(
                    &dir.join(name),
                    if lead == Lead::Sound { -500.0 } else { 500.0 },
                );
            },
        )
    };
    let late = Film::new("texts-all-late.mkv", |dir: &Path, name: &str| {
        fs::write(dir.join("s.srt"), SUBTITLES).unwrap();
        simple(dir, &format!("{H264} -c:a ac3"), "film.mkv");
        let args = [
            "-o", name, "--sync", "0:700", "--sync", "1:700", "film.mkv", "--sync", "0:700",
            "s.srt",
        ];
        mkvmerge(dir, &args);
        let begins: f64 = probe(&dir.join(name), "v:0", "stream=start_time")[0]
            .split(',')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(begins > 0.69, "{begins}");
    });
    // Texts of MP4 that an edit list cuts are in `edits.rs`: ffmpeg, by which these films are judged, shows them too early.
    vec![
        film(Lead::Sound, "mkv", TEXT_MKV),
        film(Lead::Picture, "mkv", TEXT_MKV),
        film(Lead::Sound, "mp4", TEXT_MP4),
        film(Lead::Picture, "mp4", TEXT_MP4),
        film(Lead::Sound, "mov", TEXT_MP4),
        film(Lead::Sound, "webm", TEXT_WEBM),
        late,
    ]
}
