//! A stretch of a film in a file of its own: the packets of the picture, where they can be cut there and give the same
//! pictures, or else these pictures encoded without loss. And what some pictures look like.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    ops::Range,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::{
    packets::{Announced, Original, SAME_TIME_MS, keep_clock},
    probe::LOOKING_FAR,
};
use crate::{
    film::shape::Turn,
    os::{process::ToolFailure, toolbox::Toolbox},
};

/// How long packets may be stored before one that is shown earlier, in milliseconds.
const REORDERED_MS: f64 = 1000.0;
/// Every picture as it is decoded, with its own time.
const AS_THEY_ARE: [&str; 2] = ["-fps_mode", "passthrough"];

/// A stretch of a film.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// Its pictures.
    pub pictures: Range<usize>,
    /// When the first and the last of them are shown, in milliseconds of the film's clock.
    span_ms: (f64, f64),
    /// The keyframe with which it begins, and the one from which it is decoded, by the same clock; `None`: the film's
    /// first.
    begins_ms: Option<f64>,
    from_ms: Option<f64>,
}

impl Stretch {
    /// These pictures of a film.
    #[must_use]
    pub fn of(film: &Announced, pictures: Range<usize>) -> Self {
        let times = &film.times_ms;
        let before = |back: usize| {
            let behind = film.keys.partition_point(|key| *key <= pictures.start);
            let key = film.keys[behind.checked_sub(1 + back)?];
            (key > 0).then(|| times[key])
        };
        Self {
            span_ms: (times[pictures.start], times[pictures.end - 1]),
            begins_ms: before(0),
            from_ms: before(1),
            pictures,
        }
    }

    /// When it begins, in seconds of the film's clock.
    #[must_use]
    pub fn begins_seconds(&self) -> f64 {
        self.span_ms.0 / 1000.0
    }

    /// How long it is, in seconds, without the time for which the last picture is shown.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        (self.span_ms.1 - self.span_ms.0) / 1000.0
    }

    /// Its first and last time by the clock that ffmpeg shows, in seconds, with room for rounding.
    fn bounds(&self, origin_ms: f64) -> (f64, f64) {
        let (first, last) = self.span_ms;
        let seconds = |ms: f64| (ms + origin_ms) / 1000.0;
        (
            seconds(first - 2.0 * SAME_TIME_MS),
            seconds(last + 2.0 * SAME_TIME_MS),
        )
    }
}

/// How a stretch got into its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// By its packets, as they are.
    Packets,
    /// Encoded anew without loss: packets cannot be cut there.
    Lossless,
}

/// A film of which stretches are looked at and cut out.
#[derive(Clone, Copy)]
pub struct Cutter<'a> {
    /// The film.
    film: Original<'a>,
    /// Whether it is decoded by one thread: what several make of a damaged picture is another one each time.
    singly: bool,
}

impl<'a> Cutter<'a> {
    /// Of this film.
    #[must_use]
    pub fn of(film: Original<'a>) -> Self {
        Self {
            film,
            singly: false,
        }
    }

    /// ffmpeg, reading the film's picture from the keyframe at this time on; returns also what it adds to the film's
    /// clock, in milliseconds.
    fn reading(&self, from_ms: Option<f64>) -> (Command, f64) {
        let Original {
            tools,
            dir,
            name,
            container,
        } = self.film;
        let mut command = Command::new(&tools.ffmpeg);
        command
            .current_dir(dir)
            .args(["-nostdin", "-hide_banner", "-v", "error", "-y"]);
        if self.singly {
            command.args(["-threads", "1"]);
        }
        let has_clock_of_container = container.direct || from_ms.is_some();
        let origin_ms = match has_clock_of_container {
            true => container.clock.origin_ms,
            false => 0.0,
        };
        if has_clock_of_container {
            command.arg("-copyts");
        }
        if let Some(ms) = from_ms {
            let seconds = format!("{:.6}", (ms + origin_ms) / 1000.0);
            command.args(["-seek_timestamp", "1", "-noaccurate_seek", "-ss", &seconds]);
        }
        if container.begins_late {
            command.args(LOOKING_FAR);
        }
        command.args(container.video.input_options());
        command.arg("-i").arg(format!("file:{name}"));
        command.args(["-map", &format!("0:{}", container.video.stream)]);
        (command, origin_ms)
    }

    /// The clock of a film that is read from its beginning needs all its tracks.
    fn keeping_clock(&self, mut command: Command, from_ms: Option<f64>) -> Command {
        if from_ms.is_none() {
            keep_clock(&mut command, self.film.container);
        }
        command
    }

    /// What a few pictures look like from the keyframe at this time on: the mean of them, and of the motion between
    /// them.
    ///
    /// # Errors
    /// If ffmpeg cannot read it.
    pub fn look(&self, key_ms: f64) -> Result<Look> {
        let from_ms = Some(key_ms).filter(|ms| *ms > 0.0);
        let (mut command, _) = self.reading(from_ms);
        command.args(["-frames:v", "3", "-vf", &measuring("null")]);
        command.args(["-f", "null", "-"]);
        let listener = self.film.listener();
        let looks = listener.stream(self.keeping_clock(command, from_ms), parse)?;
        Ok(Look::mean(&looks))
    }

    /// Writes the stretch into `file`.
    ///
    /// # Errors
    /// If ffmpeg cannot read it, or no file of it has its pictures.
    pub fn cut(&self, stretch: &Stretch, file: &Path) -> Result<Kept> {
        for singly in [false, true] {
            let cutter = Cutter { singly, ..*self };
            if let Some(kept) = cutter.cut_once(stretch, file)? {
                return Ok(kept);
            }
        }
        bail!("ffmpeg decodes other pictures of the stretch each time")
    }

    /// Writes the stretch into `file`; returns nothing where that does not have the pictures that were decoded before.
    fn cut_once(&self, stretch: &Stretch, file: &Path) -> Result<Option<Kept>> {
        let (wanted, from_ms) = self.decoded(stretch)?;
        ensure!(
            !wanted.is_empty(),
            "ffmpeg decodes no picture of the stretch"
        );
        // A picture that is turned when it is decoded would lie on its side in another container.
        let is_upright = self.film.container.video.shape().turn() == Turn::None;
        if is_upright && self.copy(stretch, file)? && self.has(file, &wanted).unwrap_or(false) {
            return Ok(Some(Kept::Packets));
        }
        self.encode(stretch, from_ms, file)?;
        Ok(self.has(file, &wanted)?.then_some(Kept::Lossless))
    }

    /// A digest of every picture of the stretch, and from where it was decoded: where seeking leads elsewhere, from the
    /// film's beginning.
    fn decoded(&self, stretch: &Stretch) -> Result<(Vec<String>, Option<f64>)> {
        let mut found = (Vec::new(), None);
        let mut places = vec![stretch.from_ms, None];
        places.dedup();
        for from_ms in places {
            let (mut command, origin_ms) = self.reading(from_ms);
            limit(&mut command, stretch, origin_ms);
            command.args(["-f", "framehash", "-hash", "md5", "pipe:1"]);
            let listener = self.film.listener();
            found = (
                listener.stream(self.keeping_clock(command, from_ms), digests)?,
                from_ms,
            );
            if found.0.len() == stretch.pictures.len() {
                break;
            }
        }
        Ok(found)
    }

    /// Whether a file has these pictures, and no decoder complains of it.
    fn has(&self, file: &Path, wanted: &[String]) -> Result<bool> {
        let mut command = decoding(self.film.tools, file);
        command.args(AS_THEY_ARE);
        command.args(["-f", "framehash", "-hash", "md5", "pipe:1"]);
        let children = &self.film.tools.children;
        let (found, said) = children.stream_and_words(command, digests)?;
        Ok(found == wanted && said.is_empty())
    }

    /// Copies the packets of the stretch, and no other; returns whether ffmpeg could.
    fn copy(&self, stretch: &Stretch, file: &Path) -> Result<bool> {
        let (mut command, origin_ms) = self.reading(stretch.begins_ms);
        let (first, last) = stretch.bounds(origin_ms);
        // Those that are shown earlier and stored behind the first keyframe need what is before it.
        let drop = format!("noise=drop='lt(pts*tb\\,{first:.6})+gt(pts*tb\\,{last:.6})'");
        command.args(["-c", "copy", "-bsf:v", &drop]);
        command.args(["-to", &format!("{:.6}", last + REORDERED_MS / 1000.0)]);
        finish(&mut command, stretch, origin_ms, file);
        let command = self.keeping_clock(command, stretch.begins_ms);
        match self.film.listener().output(command) {
            Ok(_) => Ok(true),
            // It does not get into Matroska as it is, for example.
            Err(error) if error.is::<ToolFailure>() && !is_of_full_disk(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Encodes the pictures of the stretch without loss.
    fn encode(&self, stretch: &Stretch, from_ms: Option<f64>, file: &Path) -> Result<()> {
        let (mut command, origin_ms) = self.reading(from_ms);
        limit(&mut command, stretch, origin_ms);
        command.args(["-c:v", "ffv1", "-level", "3", "-enc_time_base", "-1"]);
        finish(&mut command, stretch, origin_ms, file);
        let command = self.keeping_clock(command, from_ms);
        let listener = self.film.listener();
        listener
            .output(command)
            .context("encoding the stretch without loss")?;
        Ok(())
    }
}

fn is_of_full_disk(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<ToolFailure>()
        .is_some_and(ToolFailure::tells_of_full_disk)
}

/// Has ffmpeg decode the pictures of the stretch, and no other.
fn limit(command: &mut Command, stretch: &Stretch, origin_ms: f64) {
    let (first, last) = stretch.bounds(origin_ms);
    command.args([
        "-vf",
        &format!("select='between(t\\,{first:.6}\\,{last:.6})'"),
    ]);
    command.args(["-frames:v", &stretch.pictures.len().to_string()]);
    command.args(AS_THEY_ARE);
}

/// Has ffmpeg write Matroska whose first picture is at its beginning.
fn finish(command: &mut Command, stretch: &Stretch, origin_ms: f64, file: &Path) {
    let begins = (stretch.span_ms.0 + origin_ms) / 1000.0;
    command.args(["-output_ts_offset", &format!("{:.6}", -begins)]);
    command.args(["-avoid_negative_ts", "disabled", "-map_chapters", "-1"]);
    command.args(["-map_metadata", "-1", "-f", "matroska"]);
    command.arg(file);
}

/// Reads what the muxer framehash writes: a line for each picture, the digest at its end.
fn digests(text: &mut dyn Read) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for line in BufReader::new(text).lines() {
        let line = line?;
        if let Some((_, digest)) = line.rsplit_once(',').filter(|_| !line.starts_with('#')) {
            found.push(digest.trim().to_owned());
        }
    }
    Ok(found)
}

/// What a picture looks like, or the mean of several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Look {
    /// Mean brightness, 0 to 255.
    pub luma: f64,
    /// How far the third lowest bit of its brightness is noise, 0 to 1: grain and fine texture. What is lower is noise
    /// in clean pictures too.
    pub grain: f64,
    /// Mean difference to the picture before it, 0 to 255; 0 for the first that was decoded.
    pub motion: f64,
}

impl Look {
    /// The mean of several; nothing if there is none.
    #[must_use]
    pub fn mean(looks: &[Self]) -> Self {
        let number = looks.len().max(1) as f64;
        let mean = |of: fn(&Self) -> f64| looks.iter().map(of).sum::<f64>() / number;
        Self {
            luma: mean(|look| look.luma),
            grain: mean(|look| look.grain),
            motion: mean(|look| look.motion),
        }
    }
}

/// What pictures of a file look like: the second of two in each group of `every`, with its number.
///
/// # Errors
/// If ffmpeg cannot read it.
pub fn look_through(tools: &Toolbox, file: &Path, every: u64) -> Result<Vec<(u64, Look)>> {
    let mut command = decoding(tools, file);
    let selects = format!("select='lt(mod(n\\,{every})\\,2)'");
    command
        .args(["-vf", &measuring(&selects)])
        .args(AS_THEY_ARE);
    command.args(["-f", "null", "-"]);
    let looks = tools.children.stream(command, parse)?;
    let pairs = looks.chunks(2).enumerate();
    Ok(pairs
        .filter_map(|(n, pair)| Some((n as u64 * every + pair.len() as u64 - 1, *pair.last()?)))
        .collect())
}

/// ffmpeg, reading the picture of a file that is one of ours.
fn decoding(tools: &Toolbox, file: &Path) -> Command {
    let mut command = Command::new(&tools.ffmpeg);
    command.args(["-nostdin", "-hide_banner", "-v", "error", "-i"]);
    let mut name = OsString::from("file:");
    name.push(file);
    command.arg(name).args(["-map", "0:v:0"]);
    command
}

/// ffmpeg's filters that measure pictures, of which `selects` passes some, and print it to standard output.
fn measuring(selects: &str) -> String {
    format!(
        "{selects},scale=sws_dither=none,format=yuv420p,signalstats,bitplanenoise=bitplane=2,metadata=print:file=-"
    )
}

/// Reads what these filters print.
fn parse(text: &mut dyn Read) -> Result<Vec<Look>> {
    let mut seen: Vec<Look> = Vec::new();
    for line in BufReader::new(text).lines() {
        let line = line?;
        if line.starts_with("frame:") {
            seen.push(Look::default());
        }
        let (Some(last), Some((key, value))) = (seen.last_mut(), line.split_once('=')) else {
            continue;
        };
        let field = match key {
            "lavfi.signalstats.YAVG" => &mut last.luma,
            "lavfi.signalstats.YDIF" => &mut last.motion,
            "lavfi.bitplanenoise.0.2" => &mut last.grain,
            _ => continue,
        };
        *field = value.parse().context("a measure is a number")?;
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_filters_print_is_read() {
        let text = "frame:0    pts:0       pts_time:0\nlavfi.signalstats.YAVG=47.5\nlavfi.signalstats.YDIF=0\n\
                    lavfi.bitplanenoise.0.2=0.25\nlavfi.bitplanenoise.1.2=0.5\nframe:1    pts:41      pts_time:0.041\n\
                    lavfi.signalstats.YAVG=48\nlavfi.signalstats.YDIF=1.5\nlavfi.bitplanenoise.0.2=0.75\n";
        let seen = |luma, grain, motion| Look {
            luma,
            grain,
            motion,
        };
        assert_eq!(
            parse(&mut text.as_bytes()).unwrap(),
            [seen(47.5, 0.25, 0.0), seen(48.0, 0.75, 1.5)]
        );
        let broken = "frame:0\nlavfi.signalstats.YAVG=dark\n";
        assert!(parse(&mut broken.as_bytes()).is_err());
    }

    #[test]
    fn digests_are_those_of_the_pictures() {
        let text = "#format: frame checksums\n#tb 0: 1/25\n0,  0,  0,  1, 1382400, aa\n0,  1,  1,  1, 1382400, bb\n";
        assert_eq!(digests(&mut text.as_bytes()).unwrap(), ["aa", "bb"]);
    }

    #[test]
    fn a_stretch_is_decoded_from_the_keyframe_before_its_own() {
        let film = Announced {
            times_ms: (0..100).map(|n| f64::from(n) * 40.0).collect(),
            keys: vec![0, 25, 50, 75],
            ..Announced::default()
        };
        let stretch = Stretch::of(&film, 50..76);
        assert_eq!(
            (stretch.begins_ms, stretch.from_ms),
            (Some(2000.0), Some(1000.0))
        );
        assert_eq!((stretch.begins_seconds(), stretch.seconds()), (2.0, 1.0));
        let early = Stretch::of(&film, 25..51);
        assert_eq!((early.begins_ms, early.from_ms), (Some(1000.0), None));
        let first = Stretch::of(&film, 0..51);
        assert_eq!((first.begins_ms, first.from_ms), (None, None));
    }
}
