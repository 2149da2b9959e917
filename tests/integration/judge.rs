//! An independent judge of what is seen and heard: source and output are decoded by ffmpeg, edit lists honoured, all
//! streams of a file by one process, so that they have one clock. Nothing of the program's own is asked.
//!
//! For it, every picture carries its number as squares along its upper edge, and once more inverted below, so that what
//! is unreadable is not taken for a number; and every half second the sound has a sweep, which tells when, and a tone,
//! which tells which one. What is compared is how everything stands to the pictures; where a file's clock begins is its own affair.

use std::{f64::consts::TAU, fmt::Write, fs, path::Path, process::Command};

use serde_json::Value;

use crate::{
    clips::{ffmpeg, mkvmerge},
    films,
};

/// The size of the judge's films, and the one in which they are looked at.
pub const SIZE: (usize, usize) = (160, 120);
/// Pictures a second in the judge's films.
pub const FPS: u32 = 25;
const SQUARE: usize = 16;
const BITS: usize = 10;

/// From one beep to the next, and where the first one is, in seconds.
const EVERY: f64 = 0.5;
const FIRST: f64 = 0.1;
/// How long the sweep is, and the tone that follows it.
const SWEEP: f64 = 0.04;
const TONE: f64 = 0.06;
/// The sweep goes from 600 to 2600 Hz, so that sound of 8000 Hz has it.
const LOW: f64 = 600.0;
const RISE: f64 = 50_000.0;
const PITCHES: u32 = 14;
const RATE: f64 = 48_000.0;

/// How far something may be off, in milliseconds: that is what a Matroska file rounds to.
const TOLERANCE: f64 = 1.0;
/// A subtitle is rounded twice, by the file and by ffmpeg when it writes it as text.
const TOLERANCE_OF_TEXT: f64 = 2.0;
/// How like a sweep a beep is at least: 1 is alike.
const LIKE: f64 = 0.6;
/// By how many dB a sound may be louder or quieter.
const LOUDER: f64 = 1.0;
/// Mean difference of two pictures, of 255, from which on they are not the same one.
const DIFFERENT: f64 = 20.0;

fn pitch(which: u32) -> f64 {
    700.0 + 150.0 * f64::from(which)
}

/// The graph of the judge's pictures.
pub fn pictures(seconds: f64) -> String {
    let (width, height) = SIZE;
    let (below, end, edge) = (SQUARE, 2 * SQUARE, SQUARE * BITS);
    let bit = format!("mod(floor(N/pow(2,floor(X/{SQUARE}))),2)");
    format!(
        "testsrc2=s={width}x{height}:r={FPS}:d={seconds},format=yuv420p,\
         geq=lum='if(lt(Y,{end})*lt(X,{edge}),if(abs({bit}-lt(Y,{below})),16,235),p(X,Y))':cb='p(X,Y)':cr='p(X,Y)'"
    )
}

/// The graph of the judge's sound.
pub fn sound(seconds: f64) -> String {
    let beep = format!("(mod(t,{EVERY})-{FIRST})");
    let pitch = format!("(700+150*floor(t/{EVERY}))");
    let (tone, end) = (SWEEP, SWEEP + TONE);
    let rise = RISE / 2.0;
    format!(
        "aevalsrc='0.4*(gte({beep},0)*lt({beep},{tone})*sin(2*PI*({LOW}*{beep}+{rise}*{beep}*{beep}))\
         +gte({beep},{tone})*lt({beep},{end})*sin(2*PI*{pitch}*{beep}))':s=48000:d={seconds}"
    )
}

/// A picture: its number, if that can be read, its time in milliseconds, and its luma.
pub struct Picture {
    pub number: Option<u32>,
    pub time: f64,
    luma: Vec<u8>,
}

/// Something that is heard: which beep it is, `None` if it is none, and when it begins, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Beep {
    pub which: Option<u32>,
    pub time: f64,
    /// How like a beep it is, and how long, in milliseconds.
    like: f64,
    length: f64,
    /// How loud its sweep is, of 1.
    level: f64,
}

/// A subtitle or a chapter: when it begins, in milliseconds, and what it says.
pub type Event = (f64, String);

/// What is in a film.
pub struct Seen {
    pub pictures: Vec<Picture>,
    pub tracks: Vec<Vec<Beep>>,
    pub subtitles: Vec<Vec<Event>>,
    pub chapters: Vec<Event>,
}

impl Seen {
    /// The numbers of the pictures that can be read.
    pub fn numbers(&self) -> Vec<u32> {
        self.pictures
            .iter()
            .filter_map(|picture| picture.number)
            .collect()
    }

    /// How far each beep of the first track is from where it stands to the pictures in [`pictures`] and [`sound`], in
    /// milliseconds (positive: the sound is late).
    #[track_caller]
    pub fn sound_is_late_by(&self) -> Vec<f64> {
        let late = self
            .pictures
            .iter()
            .filter_map(|p| Some(p.time - f64::from(p.number?) * 1000.0 / f64::from(FPS)));
        let picture = median(late.collect()).expect("pictures with numbers");
        let late = |beep: &Beep| {
            Some(beep.time - 1000.0 * (EVERY * f64::from(beep.which?) + FIRST) - picture)
        };
        self.tracks[0].iter().filter_map(late).collect()
    }
}

/// Looks at a film, and listens.
#[track_caller]
pub fn look(file: &Path) -> Seen {
    let dir = tempfile::tempdir().unwrap();
    let input = format!("file:{}", file.canonicalize().unwrap().display());
    let probe = [
        "-v",
        "error",
        "-of",
        "json",
        "-show_streams",
        "-show_format",
        "-show_chapters",
        &input,
    ];
    let probe = Command::new("ffprobe").args(probe).output().unwrap();
    let probe: Value = serde_json::from_slice(&probe.stdout).unwrap();
    let streams = probe["streams"]
        .as_array()
        .unwrap_or_else(|| panic!("ffprobe reads {}", file.display()));
    let of_kind = |kind: &'static str| {
        streams
            .iter()
            .filter(move |stream| stream["codec_type"] == kind)
    };

    // Its own thread decodes in order: what comes of damaged packets must not depend on chance.
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.current_dir(dir.path()).args([
        "-nostdin",
        "-hide_banner",
        "-v",
        "info",
        "-threads",
        "1",
        "-i",
        &input,
    ]);
    let (width, height) = SIZE;
    let filter =
        format!("settb=AVTB,showinfo=checksum=0,scale={width}:{height}:flags=area,format=gray");
    ffmpeg.args([
        "-map",
        "0:V:0",
        "-fps_mode",
        "passthrough",
        "-vf",
        &filter,
        "-f",
        "rawvideo",
        "pictures",
    ]);
    for n in 0..of_kind("audio").count() {
        // Silence before and in gaps, so that a sample's index is its time.
        let filter = "aresample=48000:async=1:min_hard_comp=0.005:first_pts=0";
        ffmpeg.args([
            "-map",
            &format!("0:a:{n}"),
            "-af",
            filter,
            "-ac",
            "1",
            "-f",
            "f32le",
            &format!("sound{n}"),
        ]);
    }
    for (n, stream) in of_kind("subtitle").enumerate() {
        let pictures = ["dvd_subtitle", "dvb_subtitle", "hdmv_pgs_subtitle"]
            .map(Value::from)
            .contains(&stream["codec_name"]);
        let how = if pictures {
            ["-c", "copy", "-f", "framecrc"]
        } else {
            ["-c:s", "srt", "-f", "srt"]
        };
        ffmpeg
            .args(["-map", &format!("0:s:{n}")])
            .args(how)
            .arg(format!("subtitles{n}"));
    }
    let said = ffmpeg.output().unwrap();
    let status = said.status;
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(
        status.success(),
        "ffmpeg reads {}: {status}\n{said}",
        file.display()
    );

    let raw = fs::read(dir.path().join("pictures")).unwrap();
    let infos = said
        .lines()
        .filter(|line| line.contains("Parsed_showinfo") && line.contains(" pts_time:"));
    let times: Vec<f64> = infos
        .map(|line| word_after(line, " pts:").parse::<f64>().unwrap() / 1000.0)
        .collect();
    assert_eq!(
        times.len(),
        raw.len() / (width * height),
        "times and pictures of {}",
        file.display()
    );
    let pictures = raw.chunks_exact(width * height).zip(times);
    let pictures = pictures
        .map(|(luma, time)| Picture {
            number: number(luma),
            time,
            luma: luma.to_vec(),
        })
        .collect();

    let track = |n: usize| {
        let bytes = fs::read(dir.path().join(format!("sound{n}"))).unwrap();
        beeps(
            &bytes
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
                .collect::<Vec<_>>(),
        )
    };
    let subtitles =
        |n: usize| events(&fs::read_to_string(dir.path().join(format!("subtitles{n}"))).unwrap());
    // ffmpeg's clock begins where the file does, that of the chapters does not.
    let number = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or_default()
    };
    let begins = number(&probe["format"]["start_time"]);
    let chapter = |chapter: &Value| {
        let title = chapter["tags"]["title"].as_str().unwrap_or_default();
        (
            (number(&chapter["start_time"]) - begins) * 1000.0,
            title.to_owned(),
        )
    };
    Seen {
        pictures,
        tracks: (0..of_kind("audio").count()).map(track).collect(),
        subtitles: (0..of_kind("subtitle").count()).map(subtitles).collect(),
        chapters: probe["chapters"]
            .as_array()
            .unwrap()
            .iter()
            .map(chapter)
            .collect(),
    }
}

fn word_after<'a>(line: &'a str, what: &str) -> &'a str {
    line.split_once(what)
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .unwrap_or_default()
}

/// The number in a picture, if each of its squares is the opposite of the one below.
fn number(luma: &[u8]) -> Option<u32> {
    let square = |x: usize, y: usize| {
        let (from, to) = (SQUARE / 4, SQUARE - SQUARE / 4);
        let rows = (y * SQUARE + from)..(y * SQUARE + to);
        let sum: u32 = rows
            .flat_map(|row| &luma[row * SIZE.0 + x * SQUARE..][from..to])
            .map(|&p| u32::from(p))
            .sum();
        i64::from(sum) / (SQUARE / 2 * SQUARE / 2) as i64
    };
    (0..BITS).try_fold(0, |number, bit| {
        let (upper, lower) = (square(bit, 0), square(bit, 1));
        ((upper - lower).abs() > 80).then_some(number | u32::from(upper > lower) << bit)
    })
}

/// What is heard in a sound of 48000 Hz.
fn beeps(samples: &[f32]) -> Vec<Beep> {
    // What is loud, in pieces of 2 ms; what is quiet for less than 20 ms in between is part of it.
    const PIECE: usize = 96;
    let loud =
        |piece: &[f32]| piece.iter().map(|x| x * x).sum::<f32>() > 0.03 * 0.03 * PIECE as f32;
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    for (n, _) in samples
        .chunks_exact(PIECE)
        .enumerate()
        .filter(|(_, piece)| loud(piece))
    {
        match pieces.last_mut() {
            Some((_, end)) if n <= *end + 10 => *end = n + 1,
            _ => pieces.push((n, n + 1)),
        }
    }
    let sweep: Vec<f32> = (0..(SWEEP * RATE) as usize)
        .map(|n| n as f64 / RATE)
        .map(|t| (TAU * (LOW * t + RISE / 2.0 * t * t)).sin() as f32)
        .collect();
    let size = sweep.iter().map(|x| x * x).sum::<f32>();
    // How like the sweep is what begins at a sample, and how loud.
    let like = |at: usize| {
        let Some(heard) = samples.get(at..at + sweep.len()) else {
            return (0.0, 0.0);
        };
        let (mut both, mut own) = (0.0_f32, 0.0_f32);
        for (x, y) in heard.iter().zip(&sweep) {
            both += x * y;
            own += x * x;
        }
        (
            f64::from(both / (own * size).sqrt().max(1e-3)),
            f64::from((own / size).sqrt()),
        )
    };
    let beep = |&(begin, end): &(usize, usize)| {
        let (begin, end) = (begin * PIECE, end * PIECE);
        let near = begin.saturating_sub(1440)..begin + 1920;
        let (at, (like, level)) = near
            .map(|at| (at, like(at)))
            .max_by(|a, b| a.1.0.total_cmp(&b.1.0))
            .unwrap();
        let which = if like > LIKE {
            samples.get(at + sweep.len()..).and_then(tone)
        } else {
            None
        };
        let at = if which.is_some() { at } else { begin };
        Beep {
            which,
            time: at as f64 * 1000.0 / RATE,
            like,
            length: (end - begin) as f64 * 1000.0 / RATE,
            level,
        }
    };
    pieces.iter().map(beep).collect()
}

/// Which of the tones something begins with.
fn tone(samples: &[f32]) -> Option<u32> {
    let (from, to) = ((0.005 * RATE) as usize, ((TONE - 0.005) * RATE) as usize);
    let samples = samples.get(from..to)?;
    let power = |which: u32| {
        let turn = TAU * pitch(which) / RATE;
        let at = |n: usize, x: f32| {
            (
                (turn * n as f64).cos() * f64::from(x),
                (turn * n as f64).sin() * f64::from(x),
            )
        };
        let sum = samples
            .iter()
            .enumerate()
            .map(|(n, &x)| at(n, x))
            .fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        sum.0 * sum.0 + sum.1 * sum.1
    };
    let mut powers: Vec<(u32, f64)> = (0..PITCHES).map(|which| (which, power(which))).collect();
    powers.sort_by(|a, b| b.1.total_cmp(&a.1));
    (powers[1].1 * 4.0 < powers[0].1).then_some(powers[0].0)
}

/// The events of subtitles that ffmpeg has written, as `srt` or as `framecrc`.
fn events(text: &str) -> Vec<Event> {
    if text.starts_with('#') {
        let base = text
            .lines()
            .find_map(|line| line.strip_prefix("#tb 0: "))
            .unwrap();
        let (num, den) = base.split_once('/').unwrap();
        let unit = 1000.0 * num.parse::<f64>().unwrap() / den.parse::<f64>().unwrap();
        let packets = text.lines().filter(|line| !line.starts_with('#'));
        return packets
            .map(|line| {
                (
                    line.split(',')
                        .nth(2)
                        .unwrap()
                        .trim()
                        .parse::<f64>()
                        .unwrap()
                        * unit,
                    String::new(),
                )
            })
            .collect();
    }
    let text = text.replace('\r', "");
    let event = |event: &str| {
        let (time, text) = event.split_once(" --> ")?;
        let time = time.lines().last()?;
        let time = time
            .split([':', ','])
            .zip([3_600_000.0, 60_000.0, 1000.0, 1.0]);
        let time = time
            .map(|(digits, unit)| digits.parse::<f64>().unwrap() * unit)
            .sum();
        Some((time, text.lines().skip(1).collect::<Vec<_>>().join("\n")))
    };
    text.split("\n\n").filter_map(event).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Numbers for a person: `0-49 49x3 50-99 ?`; what cannot be read is `?`.
fn shown<T: Copy + Into<u64>>(numbers: &[Option<T>]) -> String {
    let numbers: Vec<Option<u64>> = numbers
        .iter()
        .map(|number| number.map(Into::into))
        .collect();
    let mut text = String::new();
    let mut rest = numbers.as_slice();
    while let Some(&first) = rest.first() {
        let rising = first.map_or(1, |first| {
            (first..)
                .zip(rest)
                .take_while(|&(n, is)| *is == Some(n))
                .count()
        });
        let same = rest.iter().take_while(|&&is| is == first).count();
        let name = |number: Option<u64>| {
            number.map_or_else(|| "?".to_owned(), |number| number.to_string())
        };
        let _ = match (rising, same) {
            (1, 1) => write!(text, " {}", name(first)),
            (1, same) => write!(text, " {}x{same}", name(first)),
            (rising, _) => write!(text, " {}-{}", name(first), name(rest[rising - 1])),
        };
        rest = &rest[rising.max(same)..];
    }
    if text.is_empty() {
        " none".into()
    } else {
        text
    }
}

/// In what the output is not the source; nothing, if it is.
pub fn compare(source: &Seen, output: &Seen) -> Vec<String> {
    let mut faults = Vec::new();
    let shift = compare_pictures(source, output, &mut faults);
    if source.tracks.len() != output.tracks.len() {
        faults.push(format!(
            "{} tracks of sound are {}",
            source.tracks.len(),
            output.tracks.len()
        ));
    }
    for (n, (source, output)) in source.tracks.iter().zip(&output.tracks).enumerate() {
        compare_sound(n, source, output, shift, &mut faults);
    }
    if source.subtitles.len() != output.subtitles.len() {
        faults.push(format!(
            "{} tracks of subtitles are {}",
            source.subtitles.len(),
            output.subtitles.len()
        ));
    }
    for (n, (source, output)) in source.subtitles.iter().zip(&output.subtitles).enumerate() {
        compare_events(
            &format!("subtitles {n}"),
            source,
            output,
            shift,
            TOLERANCE_OF_TEXT,
            &mut faults,
        );
    }
    compare_events(
        "chapters",
        &source.chapters,
        &output.chapters,
        shift,
        TOLERANCE,
        &mut faults,
    );
    faults
}

/// Compares the pictures; returns by how much the clock of the output is ahead, in milliseconds.
fn compare_pictures(source: &Seen, output: &Seen, faults: &mut Vec<String>) -> f64 {
    let numbers = |seen: &Seen| {
        seen.pictures
            .iter()
            .map(|picture| picture.number)
            .collect::<Vec<_>>()
    };
    let (of_source, of_output) = (numbers(source), numbers(output));
    // What cannot be read in the source itself is compared by its look.
    let same = |(a, b): (&Picture, &Picture)| match a.number {
        Some(_) => a.number == b.number,
        None => difference(&a.luma, &b.luma) < DIFFERENT,
    };
    let pairs = || source.pictures.iter().zip(&output.pictures);
    if of_source.is_empty() || of_source.len() != of_output.len() || !pairs().all(same) {
        let (a, b) = (shown(&of_source), shown(&of_output));
        faults.push(format!(
            "{} pictures are {}:{a} are{b}",
            of_source.len(),
            of_output.len()
        ));
    }
    // Pictures of the same number, the first of each; without any, those of the same place.
    let first = |seen: &Seen, number: u32| {
        seen.pictures
            .iter()
            .find(|p| p.number == Some(number))
            .map(|p| p.time)
    };
    let of_number = |&number: &u32| Some((number, first(source, number)?, first(output, number)?));
    let mut times: Vec<(u32, f64, f64)> = source.numbers().iter().filter_map(of_number).collect();
    if times.is_empty() {
        times = (0..)
            .zip(pairs())
            .map(|(n, (a, b))| (n, a.time, b.time))
            .collect();
    } else if of_source == of_output {
        times = (0..)
            .zip(pairs())
            .map(|(n, (a, b))| (a.number.unwrap_or(n), a.time, b.time))
            .collect();
    }
    let Some(shift) = median(times.iter().map(|(_, a, b)| b - a).collect()) else {
        return 0.0;
    };
    let off: Vec<(u32, f64)> = times.iter().map(|&(n, a, b)| (n, b - a - shift)).collect();
    let wrong = off.iter().filter(|(_, off)| off.abs() > TOLERANCE).count();
    if let Some((number, most)) = off
        .into_iter()
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
        && wrong > 0
    {
        faults.push(format!(
            "{wrong} pictures have another time, number {number} is off by {most:+.1} ms"
        ));
    }
    shift
}

fn difference(a: &[u8], b: &[u8]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.abs_diff(*b)))
        .sum::<f64>()
        / a.len() as f64
}

fn compare_sound(
    track: usize,
    source: &[Beep],
    output: &[Beep],
    shift: f64,
    faults: &mut Vec<String>,
) {
    let whole = |beeps: &[Beep]| {
        beeps
            .iter()
            .filter(|beep| beep.which.is_some())
            .copied()
            .collect::<Vec<_>>()
    };
    let (of_source, of_output) = (whole(source), whole(output));
    let which = |beeps: &[Beep]| beeps.iter().map(|beep| beep.which).collect::<Vec<_>>();
    if of_source.is_empty() || which(&of_source) != which(&of_output) {
        let (a, b) = (shown(&which(&of_source)), shown(&which(&of_output)));
        faults.push(format!("sound {track}: beeps{a} are{b}"));
    }
    // Beeps of the same name, the n-th with the n-th.
    let mut left = of_output;
    let (mut off, mut louder) = (Vec::new(), Vec::new());
    for beep in &of_source {
        if let Some(n) = left.iter().position(|other| other.which == beep.which) {
            let other = left.remove(n);
            off.push(other.time - beep.time - shift);
            louder.push(20.0 * (other.level / beep.level).log10());
        }
    }
    if let Some(louder) = median(louder)
        && louder.abs() > LOUDER
    {
        faults.push(format!("sound {track} is louder by {louder:+.1} dB"));
    }
    let (least, most) = off
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| {
            (a.min(x), b.max(x))
        });
    if !off.is_empty() && (least < -TOLERANCE || most > TOLERANCE) {
        faults.push(format!(
            "sound {track} is late by {least:+.1} to {most:+.1} ms in {} beeps",
            off.len()
        ));
    }
    // A piece of a beep where a film was cut is in both.
    let scraps = output.iter().filter(|beep| beep.which.is_none());
    let new = scraps.filter(|scrap| {
        source
            .iter()
            .all(|beep| (scrap.time - shift - beep.time).abs() > 60.0)
    });
    for Beep {
        time, like, length, ..
    } in new
    {
        faults.push(format!(
            "sound {track}: at {time:.0} ms {length:.0} ms of what is no beep (likeness {like:.2})"
        ));
    }
}

fn compare_events(
    what: &str,
    source: &[Event],
    output: &[Event],
    shift: f64,
    within: f64,
    faults: &mut Vec<String>,
) {
    let texts = |events: &[Event]| {
        events
            .iter()
            .map(|event| event.1.clone())
            .collect::<Vec<_>>()
    };
    if texts(source) != texts(output) {
        faults.push(format!(
            "{what}: {:?} are {:?}",
            texts(source),
            texts(output)
        ));
        return;
    }
    let off = source.iter().zip(output).map(|(a, b)| b.0 - a.0 - shift);
    if let Some(most) = off.max_by(|a, b| a.abs().total_cmp(&b.abs()))
        && most.abs() > within
    {
        faults.push(format!("{what} are late by up to {most:+.1} ms"));
    }
}

/// In what `output` is not `source`, for a person; nothing, if it is.
#[track_caller]
pub fn faults(source: &Path, output: &Path) -> Vec<String> {
    compare(&look(source), &look(output))
}

/// Fails unless what is seen and heard in `output` is what is seen and heard in `source`, together as it is there.
#[track_caller]
pub fn agree(source: &Path, output: &Path) {
    let faults = faults(source, output);
    assert!(
        faults.is_empty(),
        "{} is not {}:\n{}",
        output.display(),
        source.display(),
        faults.join("\n")
    );
}

// A judge that cannot fail is worth nothing: what follows are pairs that people's tools have made.

/// A film in Matroska: four seconds, lossless sound, subtitles and chapters; then what `make` makes of it.
fn verdict(make: impl Fn(&Path)) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("s.srt"),
        "1\n00:00:00,700 --> 00:00:01,100\nBonjour, ça va ?\n\n2\n00:00:02,800 --> 00:00:03,400\nOui.\n",
    )
    .unwrap();
    fs::write(
        dir.path().join("c.txt"),
        "CHAPTER01=00:00:00.000\nCHAPTER01NAME=One\nCHAPTER02=00:00:02.000\nCHAPTER02NAME=Two\n",
    )
    .unwrap();
    let base = films::base();
    let source = "-map 0 -c:v libx264 -preset veryfast -crf 14 -g 25 -c:a flac film.mkv"
        .split(' ')
        .collect::<Vec<_>>();
    ffmpeg(
        dir.path(),
        &[&["-t", "4", "-i", &base], source.as_slice()].concat(),
    );
    mkvmerge(
        dir.path(),
        &[
            "-o",
            "source.mkv",
            "film.mkv",
            "s.srt",
            "--chapters",
            "c.txt",
        ],
    );
    make(dir.path());
    let source = dir.path().join("source.mkv");
    agree(&source, &source);
    faults(&source, &dir.path().join("output.mkv"))
}

/// Made with mkvmerge of the film, with some of its tracks moved.
fn moved(sync: &[&str]) -> Vec<String> {
    verdict(|dir| {
        mkvmerge(
            dir,
            &[&["-o", "output.mkv"], sync, &["source.mkv"]].concat(),
        )
    })
}

/// Made with ffmpeg of the film, its pictures or its sound filtered.
fn filtered(options: &[&str]) -> Vec<String> {
    verdict(|dir| {
        let encode = [
            "-c:v",
            "libx264",
            "-crf",
            "14",
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1/1000",
            "-c:a",
            "flac",
            "output.mkv",
        ];
        ffmpeg(
            dir,
            &[&["-i", "source.mkv", "-map", "0"], options, &encode].concat(),
        );
    })
}

/// That there is one fault, and that it is said like this.
#[track_caller]
fn only(faults: Vec<String>, said: &str) {
    assert!(
        faults.len() == 1 && faults[0].contains(said),
        "{faults:#?}, not {said:?}"
    );
}

#[test]
fn the_judge_accepts_what_is_the_same_in_another_place_and_codec() {
    assert_eq!(
        moved(&["--sync", "-1:500", "--chapter-sync", "500"]),
        [""; 0]
    );
    assert_eq!(filtered(&[]), [""; 0]);
    // By way of a file of its own: ffmpeg 5.1 itself puts Opus 7 ms early beside a picture in Matroska.
    for (options, sound) in [
        ("-c:a libopus -b:a 96k", "sound.opus"),
        ("-c:a libopus -b:a 32k", "sound.opus"),
        ("-c:a pcm_alaw -ar 16000", "sound.wav"),
    ] {
        let faults = verdict(|dir| {
            let options: Vec<&str> = options.split(' ').collect();
            ffmpeg(
                dir,
                &[
                    &["-i", "source.mkv", "-vn", "-sn"],
                    options.as_slice(),
                    &[sound],
                ]
                .concat(),
            );
            // Matroska and mkvmerge do not know A-law.
            let sound = if sound == "sound.wav" {
                "sound.flac"
            } else {
                sound
            };
            if sound == "sound.flac" {
                ffmpeg(dir, &["-i", "sound.wav", sound]);
            }
            mkvmerge(
                dir,
                &[
                    "-o",
                    "output.mkv",
                    "-A",
                    "source.mkv",
                    "--no-chapters",
                    sound,
                ],
            );
        });
        assert_eq!(faults, [""; 0], "{options}");
    }
}

#[test]
fn the_judge_sees_a_sound_that_is_5_ms_off() {
    only(
        moved(&["--sync", "1:5"]),
        "sound 0 is late by +5.0 to +5.0 ms in 8 beeps",
    );
    only(
        moved(&["--sync", "1:2"]),
        "sound 0 is late by +2.0 to +2.0 ms in 8 beeps",
    );
    assert_eq!(moved(&["--sync", "1:1"]), [""; 0]);
}

#[test]
fn the_judge_sees_a_sound_that_runs_away() {
    only(moved(&["--sync", "1:0,1.005"]), "sound 0 is late by");
}

#[test]
fn the_judge_sees_subtitles_and_chapters_that_are_off() {
    only(
        moved(&["--sync", "2:40"]),
        "subtitles 0 are late by up to +40.0 ms",
    );
    only(
        moved(&["--chapter-sync", "5"]),
        "chapters are late by up to +5.0 ms",
    );
    only(
        verdict(|dir| mkvmerge(dir, &["-o", "output.mkv", "--no-chapters", "source.mkv"])),
        "chapters: [\"One\", \"Two\"] are []",
    );
    only(
        verdict(|dir| mkvmerge(dir, &["-o", "output.mkv", "-S", "source.mkv"])),
        "1 tracks of subtitles are 0",
    );
    only(
        verdict(|dir| mkvmerge(dir, &["-o", "output.mkv", "-A", "source.mkv"])),
        "1 tracks of sound are 0",
    );
}

#[test]
fn the_judge_sees_a_picture_that_is_lost_or_doubled() {
    only(
        filtered(&["-vf", "select=not(eq(n\\,50))"]),
        "100 pictures are 99: 0-99 are 0-49 51-99",
    );
    only(
        filtered(&["-vf", "select=gt(n\\,0)"]),
        "100 pictures are 99: 0-99 are 1-99",
    );
    only(
        filtered(&["-vf", "select=lt(n\\,99)"]),
        "100 pictures are 99: 0-99 are 0-98",
    );
    // In the place of another one: no program that only counts sees it.
    let instead = "split[a][b];[b]setpts=PTS+0.04/TB[c];[a][c]overlay=enable='between(n,50,50)':eof_action=pass";
    only(
        filtered(&["-vf", instead]),
        "100 pictures are 100: 0-99 are 0-49 49 51-99",
    );
}

#[test]
fn the_judge_sees_pictures_that_are_all_one_early() {
    let faults = filtered(&[
        "-vf",
        "trim=start_frame=1,setpts=PTS-STARTPTS,tpad=stop=1:stop_mode=clone",
    ]);
    assert!(
        faults[0].contains("100 pictures are 100: 0-99 are 1-99 99"),
        "{faults:#?}"
    );
}

#[test]
fn the_judge_sees_times_that_are_not_the_pictures_own() {
    // Where the second half is later than the first, everything is off for one of them.
    let faults = filtered(&["-vf", "setpts=PTS+gt(N\\,79)*0.002/TB"]);
    only(faults, "20 pictures have another time, number");
}

#[test]
fn the_judge_hears_a_beep_that_is_missing_added_or_another() {
    let missing = filtered(&["-af", "volume=0:enable='between(t,1.05,1.3)'"]);
    only(missing, "sound 0: beeps 0-7 are 0-1 3-7");
    only(
        filtered(&["-af", "volume=0.7"]),
        "sound 0 is louder by -3.1 dB",
    );
    let noise = "aeval=val(0)+0.3*between(t\\,1.3\\,1.4)*(random(0)-0.5)";
    only(
        filtered(&["-af", noise]),
        "sound 0: at 1300 ms 100 ms of what is no beep",
    );
    let faults = filtered(&["-af", "aeval=val(0)+1.5*(random(0)-0.5)"]);
    assert!(
        faults[0].contains("sound 0: beeps 0-7 are none"),
        "{faults:#?}"
    );
}
