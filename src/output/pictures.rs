//! The pictures of the output: how many there are and when, what the encoder wrote of them, and what a decoder shows.

use std::{
    borrow::Cow,
    io::{BufReader, Read},
    ops::Range,
    path::Path,
    process::Command,
    thread,
};

use anyhow::{Context, Result};

use crate::{
    encoder::Picture,
    film::media::{self, Clock, Container, MediaInfo},
    finding::{Finding, Property},
    job::ChunkRecord,
    os::{process::outcome, toolbox::Toolbox, words::count},
    output::container::MAX_TIME_ERROR_MS,
    source::{
        listener::Listener,
        packets::{Announced, Original},
        places::{self, Comparison, Film, References, Seen},
        probe::file_url,
    },
    stream::bitstream::Units,
};

/// Places that are decoded at once.
const AT_ONCE: usize = 3;
/// Pictures that are further apart than this, in milliseconds, are of two places.
const PLACE_MS: f64 = 1500.0;

/// The track of pictures that was encoded.
#[derive(Clone, Copy)]
pub struct Joined<'a> {
    /// ffmpeg and ffprobe.
    pub tools: &'a Toolbox,
    /// The output.
    pub file: &'a Path,
    /// Its place among the video tracks.
    pub video: usize,
}

/// When a picture is shown, and for how long, in milliseconds.
pub type Shown = (f64, f64);

impl Joined<'_> {
    /// Times of all packets, ascending.
    ///
    /// # Errors
    /// If ffprobe cannot read them.
    pub fn times(&self) -> Result<Vec<Shown>> {
        let mut command = Command::new(&self.tools.ffprobe);
        let stream = format!("v:{}", self.video);
        command.args(["-v", "error", "-select_streams", &stream]);
        command.args(["-show_entries", "packet=pts_time,duration_time"]);
        command
            .args(["-of", "csv=p=0", "-i"])
            .arg(file_url(self.file));
        let output = self
            .tools
            .children
            .output(command)
            .context("reading the output's frames")?;
        let ms = |text: Option<&str>| Some(text?.trim().parse::<f64>().ok()? * 1000.0);
        let packet = |line: &str| {
            let mut fields = line.split(',');
            Some((ms(fields.next())?, ms(fields.next()).unwrap_or(0.0)))
        };
        let text = String::from_utf8_lossy(&output);
        let mut found: Vec<Shown> = text.lines().filter_map(packet).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(found)
    }

    /// ffmpeg, reading the track.
    fn reading(&self, options: &[&str]) -> Command {
        let mut command = Command::new(&self.tools.ffmpeg);
        command
            .args(["-nostdin", "-v", "error"])
            .args(options)
            .arg("-i")
            .arg(file_url(self.file));
        command.args(["-map", &format!("0:v:{}", self.video)]);
        command
    }

    /// Reads the whole bitstream, and compares it with the `chunks` and with how the `picture` should be.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub fn bitstream(&self, chunks: &[ChunkRecord], picture: &Picture) -> Result<Finding> {
        let mut command = self.reading(&[]);
        command.args(["-c", "copy", "-f", "ivf", "-"]);
        let other = |ivf: &mut dyn Read| disagreement(ivf, chunks, picture);
        let listener = Listener::of_ours(self.tools);
        Ok(of_bitstream(listener.stream(command, other)?))
    }

    /// Decodes every frame; there should be as many as `frames`.
    ///
    /// # Errors
    /// If one cannot be decoded.
    pub fn decoded(&self, frames: u64) -> Result<Finding> {
        let mut command = self.reading(&["-xerror"]);
        command.args(["-fps_mode", "passthrough", "-f", "framecrc", "-"]);
        let output = Listener::of_ours(self.tools)
            .output(command)
            .context("decoding the output")?;
        Ok(of_decoded(&String::from_utf8_lossy(&output), frames))
    }

    /// Its name, without where it is.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        self.file.file_name().unwrap_or_default().to_string_lossy()
    }

    /// It as a film that is decoded by its `name`; `full`, if its samples have full range. It is cropped as the `source` is.
    #[must_use]
    pub fn film<'a>(&'a self, name: &'a str, full: bool, source: &Container) -> Film<'a> {
        Film {
            tools: self.tools,
            dir: self.file.parent().unwrap_or(Path::new("/")),
            name,
            stream: format!("0:v:{}", self.video),
            container: None,
            origin_ms: 0.0,
            full_range: full,
            threads: None,
            crop: None,
            crops: source.video.crops,
        }
    }

    /// Decodes the pictures at the places of some `references`.
    fn at_places(
        &self,
        references: &References,
        media: &MediaInfo,
        full: bool,
    ) -> Result<Vec<Seen>> {
        let name = self.name();
        let film = self.film(&name, full, &media.container);
        let clock = media.container.clock;
        let look = |run: &Range<f64>| {
            let (from, until) = (clock.output_ms(run.start), clock.output_ms(run.end));
            let from = (from > media.time_ms(0)).then_some(from);
            film.look(from, until)
                .map(|looked| looked.seen)
                .context("decoding some places of the output")
        };
        let mut seen = Vec::new();
        for runs in references.runs(PLACE_MS).chunks(AT_ONCE) {
            let looked: Vec<_> = thread::scope(|scope| {
                let begun: Vec<_> = runs.iter().map(|run| scope.spawn(|| look(run))).collect();
                begun.into_iter().map(outcome).collect()
            });
            for place in looked {
                seen.extend(place?);
            }
        }
        Ok(seen)
    }
}

/// What came of comparing pictures at some places.
pub struct AtPlaces {
    /// Whether they are the source's.
    pub finding: Finding,
    /// How many are.
    pub compared: Comparison,
    /// When those are shown that are not, in milliseconds of the output.
    pub others_ms: Vec<f64>,
}

/// Where the source's pictures are looked at.
pub struct Looked<'a> {
    /// The source.
    pub source: Original<'a>,
    /// The pictures as packets announce them.
    pub announced: &'a Announced,
    /// What another program shows, if that was looked at already.
    pub references: Option<References>,
}

impl Looked<'_> {
    /// Compares pictures at some places with what the source's decoder shows at the same times.
    ///
    /// # Errors
    /// If either cannot be decoded.
    pub fn compare(
        self,
        joined: &Joined<'_>,
        media: &MediaInfo,
        picture: &Picture,
    ) -> Result<AtPlaces> {
        let references = match self.references {
            Some(references) => references,
            None => References::look(
                &Film::source(self.source),
                self.announced,
                &places::choose(self.announced),
            )
            .context("decoding some places of the source")?,
        };
        let full = picture.color.range == Some(media::Range::Full);
        let seen = joined.at_places(&references, media, full)?;
        Ok(of_places(&references, &seen, media.container.clock))
    }
}

/// Compares the pictures of the `references` with those that were `seen` in the output.
pub(super) fn of_places(references: &References, seen: &[Seen], clock: Clock) -> AtPlaces {
    let near = |ms: f64| {
        let at = clock.output_ms(ms);
        let distance = |seen: &&Seen| (seen.0 - at).abs();
        let nearest = seen
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        (distance(&nearest) <= MAX_TIME_ERROR_MS).then(|| nearest.1.clone())
    };
    let compared = references.compare(near);
    let looked = compared.agree + compared.wrong;
    let source = format!(
        "{} at {}",
        count(looked as u64, "picture"),
        count(references.runs(PLACE_MS).len() as u64, "place")
    );
    let alike = match compared.alike {
        0 => String::new(),
        alike => format!(", {alike} not told from those beside them"),
    };
    let output = format!(
        "{} nearest to the picture of their own time{alike}",
        compared.agree
    );
    let by = "small luma of both, decoded by ffmpeg";
    let each = references
        .groups()
        .iter()
        .all(|group| references.compare_within(group, near).is_the_place());
    let agrees = each && looked + compared.alike > 0;
    let others = references.others_ms(near).into_iter();
    AtPlaces {
        finding: Finding::new(Property::Pictures, source, output, by, agrees),
        compared,
        others_ms: others.map(|ms| clock.output_ms(ms)).collect(),
    }
}

/// Compares number and time of all frames; also returns the largest difference of a time in milliseconds.
#[must_use]
pub fn of_times(found: &[Shown], media: &MediaInfo) -> (Vec<Finding>, f64) {
    const BY: &str = "times of all packets, by ffprobe";
    let wanted: Vec<f64> = (0..media.frames as usize)
        .map(|n| media.time_ms(n))
        .collect();
    let times: Vec<f64> = found.iter().map(|(time, _)| *time).collect();
    let (mut findings, worst) = compare_times(&wanted, &times, BY);
    if let (false, Some(ends_ms), Some((last, lasts))) =
        (worst.is_nan(), media.ends_ms, found.last())
    {
        findings.push(compare_ends(ends_ms, last + lasts, "ffprobe"));
    }
    (findings, worst)
}

/// Compares number and times of pictures, in milliseconds; also returns the largest difference, which is no number where the
/// numbers differ, or there is none.
pub(super) fn compare_times(wanted: &[f64], found: &[f64], by: &str) -> (Vec<Finding>, f64) {
    let (wanted_count, found_count) = (wanted.len() as u64, found.len() as u64);
    let count = Finding::same(Property::Frames, wanted_count, found_count, by);
    let pairs = wanted.iter().zip(found);
    let errors = pairs
        .map(|(wanted, found)| (found - wanted).abs())
        .enumerate();
    let Some((frame, worst)) = errors
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|_| count.agrees)
    else {
        return (vec![count], f64::NAN);
    };
    let at = |ms: f64| format!("frame {frame} at {ms:.1} ms");
    let (source, output) = (at(wanted[frame]), at(found[frame]));
    let near = worst <= MAX_TIME_ERROR_MS;
    let most = Finding::new(Property::FrameTimes, source, output, by, near);
    (vec![count, most], worst)
}

/// Compares until when the last picture is shown, in milliseconds.
pub(super) fn compare_ends(wanted: f64, found: f64, by: &str) -> Finding {
    let end = |ms: f64| format!("{ms:.1} ms");
    let near = (wanted - found).abs() <= 2.0 * MAX_TIME_ERROR_MS;
    Finding::new(Property::LastFrameEnd, end(wanted), end(found), by, near)
}

/// In what a bitstream is another one than that of the `chunks`, in their order, bit for bit, with a head that says the
/// colours and HDR10 of the `picture`.
pub(super) fn disagreement(
    ivf: impl Read,
    chunks: &[ChunkRecord],
    picture: &Picture,
) -> Result<Option<String>> {
    let mut units =
        Units::new(BufReader::with_capacity(1 << 20, ivf)).context("reading the output's video")?;
    for chunk in chunks {
        let mut pictures = blake3::Hasher::new();
        for n in chunk.chunk.start..chunk.chunk.end {
            let there = units
                .next_unit(&mut pictures)
                .with_context(|| format!("frame {n} of the output is damaged"))?;
            if !there {
                return Ok(Some(format!("its end before frame {n}")));
            }
        }
        if pictures.finalize().to_hex().as_str() != chunk.pictures {
            let (start, end) = (chunk.chunk.start, chunk.chunk.end - 1);
            return Ok(Some(format!("others for frames {start} to {end}")));
        }
    }
    if units.next_unit(&mut blake3::Hasher::new())? {
        return Ok(Some("more than were encoded".to_owned()));
    }
    let header = units
        .header
        .as_ref()
        .context("the output's video has no sequence header")?;
    Ok(header.disagreement(picture.bit_depth, &picture.color, &picture.hdr10))
}

/// The bitstream, in which something is as it should not be, or nothing.
pub(super) fn of_bitstream(other: Option<String>) -> Finding {
    let agrees = other.is_none();
    let output = other.unwrap_or_else(|| "the same, bit for bit".to_owned());
    let by = "hashes of all encoded pictures, and the sequence header";
    let (what, wanted) = (Property::EncodedPictures, "those of the chunks");
    Finding::new(what, wanted, output, by, agrees)
}

/// Compares the number of frames that ffmpeg lists as decoded.
pub(super) fn of_decoded(list: &str, frames: u64) -> Finding {
    let decoded = list.lines().filter(|line| !line.starts_with('#')).count() as u64;
    let by = "all, decoded by ffmpeg";
    Finding::same(Property::DecodedFrames, frames, decoded, by)
}
