//! What the times of a film's frames come to: its rate, its length, and whether it is cut short.

use anyhow::{Context, Result};
use num_rational::Ratio;

use super::{ending, probe::Probed};
use crate::{
    film::media::{Container, MediaInfo, Timing},
    os::exit::UnfitFilm,
};

/// What is known of the frames, by an index or by their packets.
#[derive(Debug, Clone)]
pub struct Indexed {
    /// Frames that can be read.
    pub frames: u64,
    /// Packets that they are in; more than frames where some are hidden.
    pub packets: u64,
    /// FFMS2's frame rate.
    pub fps: Option<Ratio<u32>>,
    /// Time of each frame in milliseconds, by a clock that begins anywhere.
    pub times_ms: Vec<f64>,
    /// When the last frame is no longer shown, by the clock of the film, if its file says so.
    pub ends_ms: Option<f64>,
    /// Whether the last packet of the file is not whole.
    pub ends_within: bool,
    /// Width in pixels of the frames that are encoded.
    pub width: u32,
    /// Height in pixels of the frames that are encoded.
    pub height: u32,
}

/// Puts together what the container and its frames say, and whether the source is cut short: it ends in the middle of
/// something, or declares more than can be read and is damaged where that should be. `anything_after` is asked whether the
/// file holds anything after a time in seconds, where its video ends early; `complaint_between` what is wrong with the file
/// between two times, where its video pauses or ends early. That it declares more, and nothing else, says nothing: lengths
/// are written before they are known, of what an edit list hides, and of subtitles that have no end.
///
/// # Errors
/// [`UnfitFilm`], if the frame rate is unknown; others if what is asked fails.
pub fn media_info(
    probed: Probed,
    indexed: Indexed,
    anything_after: impl FnOnce(f64) -> Result<bool>,
    complaint_between: impl Fn((f64, f64)) -> Result<Option<String>>,
) -> Result<MediaInfo> {
    let (container, frames) = (probed.container, indexed.frames);
    let times = indexed.times_ms;
    let start_ms = container.clock.output_ms(container.clock.first_ms);
    let rates: Vec<Ratio<u32>> = probed.rates.into_iter().chain(indexed.fps).collect();
    let (timing, fps) = timing(&times, start_ms, &rates)
        .context(UnfitFilm("its frame rate is unknown".to_owned()))?;
    let (width, height) = (indexed.width, indexed.height);
    let mut info = MediaInfo {
        container: upright(container, (width, height)),
        frames,
        fps,
        timing,
        ends_ms: None,
        width,
        height,
        truncated: None,
    };
    let last_ms = info.time_ms(usize::try_from(frames - 1)?);
    let first_ms = times.first().copied().unwrap_or(0.0);
    let ends_ms = indexed.ends_ms.map(|ms| ms - first_ms + start_ms);
    info.ends_ms = last_picture(&info, last_ms, ends_ms);
    let within = indexed.ends_within && !probed.ends_anywhere;
    let within = within.then(|| ending::WITHIN.to_owned());
    let fewer = fewer_frames(&info.container, indexed.packets);
    info.truncated = match probed.truncated.or(within) {
        Some(truncated) => Some(fewer.unwrap_or(truncated)),
        None => match ends_early(&info, fewer, anything_after, &complaint_between)? {
            Some(truncated) => Some(truncated),
            None => lacks_frames(&info, &complaint_between)?,
        },
    };
    Ok(info)
}

/// The container of a film that is encoded upright, in frames of this size.
fn upright(mut container: Container, encoded: (u32, u32)) -> Container {
    let (width, height) = container.video.shape().upright();
    if (width, height) != encoded {
        container.warnings.push(format!(
            "{width}x{height} is encoded as {}x{}: sizes are even in 4:2:0",
            encoded.0, encoded.1
        ));
    }
    container
}

/// That a container declares more frames than are in these `packets`, if it does.
fn fewer_frames(container: &Container, packets: u64) -> Option<String> {
    let declared = container.declared_frames?;
    (packets + 1 < declared)
        .then(|| format!("it declares {declared} frames, of which {packets} can be read"))
}

/// How a film is cut short that declares more than can be read, if it is: the file is damaged where that should be.
fn ends_early(
    info: &MediaInfo,
    fewer: Option<String>,
    anything_after: impl FnOnce(f64) -> Result<bool>,
    complaint_between: impl Fn((f64, f64)) -> Result<Option<String>>,
) -> Result<Option<String>> {
    let last_ms = info.time_ms(usize::try_from(info.frames - 1)?);
    let (last, end) = (last_ms / 1000.0, info.ends_ms.unwrap_or(last_ms) / 1000.0);
    let declared = info.container.duration_seconds;
    let longer = declared.filter(|declared| end + 1.0 < *declared);
    if fewer.is_none() && longer.is_none() {
        return Ok(None);
    }
    let Some(complaint) = complaint_between((last, longer.unwrap_or(last).max(last) + 1.0))? else {
        return Ok(None);
    };
    Ok(match (fewer, longer) {
        (Some(fewer), _) => Some(format!("{fewer} ({complaint})")),
        (None, Some(longer)) if !anything_after(end + 1.0)? => Some(format!(
            "it declares {longer:.1} s, but ends after {end:.1} s ({complaint})"
        )),
        _ => None,
    })
}

/// Where frames are missing on the way, if somewhere are: the film pauses, and the file is damaged there.
fn lacks_frames(
    info: &MediaInfo,
    complaint_between: impl Fn((f64, f64)) -> Result<Option<String>>,
) -> Result<Option<String>> {
    let Timing::Variable { times_ms } = &info.timing else {
        return Ok(None);
    };
    for n in pauses(times_ms) {
        let (from, to) = (times_ms[n] / 1000.0, times_ms[n + 1] / 1000.0);
        if let Some(complaint) = complaint_between((from, to))? {
            return Ok(Some(format!(
                "frames are missing after frame {n}, at {from:.1} s ({complaint})"
            )));
        }
    }
    Ok(None)
}

/// A last picture that is shown longer than this many others has an end of its own.
const LONGER: f64 = 1.5;

/// When the last picture ends, which is shown at `last_ms` and, by its packet, ends at `ends_ms`; `None` where the rate says
/// it, or nothing. It ends with the film, if that has a length.
fn last_picture(info: &MediaInfo, last_ms: f64, ends_ms: Option<f64>) -> Option<f64> {
    let usual_ms = 1000.0 * f64::from(*info.fps.denom()) / f64::from(*info.fps.numer());
    let ends_ms = ends_ms?;
    let declared_ms = info
        .container
        .duration_seconds
        .map(|seconds| info.container.clock.output_ms(seconds * 1000.0));
    let ends_ms = declared_ms.map_or(ends_ms, |declared_ms| {
        ends_ms.min(declared_ms.max(last_ms + usual_ms))
    });
    let own =
        matches!(info.timing, Timing::Variable { .. }) || ends_ms - last_ms > LONGER * usual_ms;
    (ends_ms - last_ms >= 1.0 && own).then_some(ends_ms)
}

/// A frame that is shown longer than this many others is a pause; so many of them are looked at, the longest first. Both are
/// chosen. A pause says only where ffmpeg is asked whether it complains: at half, films that show pictures two and three times in
/// turn have one everywhere, and the damaged place may not be among those that are looked at; at double, up to five lost frames are
/// no pause. Each one looked at costs a decode of it, when the film is opened.
const PAUSE: f64 = 3.0;
const PAUSES: usize = 8;

/// The frames after which the film pauses: where frames have a rate of their own, or where some are lost.
fn pauses(times_ms: &[f64]) -> Vec<usize> {
    let lasts: Vec<f64> = times_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut sorted = lasts.clone();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let mut found: Vec<usize> = (0..lasts.len())
        .filter(|n| lasts[*n] > usual * PAUSE)
        .collect();
    found.sort_by(|a, b| lasts[*b].total_cmp(&lasts[*a]));
    found.truncate(PAUSES);
    found
}

/// Times that ascend, each at least a millisecond after the one before, as Matroska needs them; and how many were moved.
#[must_use]
pub fn ascending(times_ms: &[f64]) -> (Vec<f64>, usize) {
    let (mut ascending, mut moved) = (Vec::<f64>::with_capacity(times_ms.len()), 0);
    for ms in times_ms {
        let least = ascending
            .last()
            .map_or(f64::NEG_INFINITY, |last| last + 1.0);
        moved += usize::from(*ms < least);
        ascending.push(ms.max(least));
    }
    (ascending, moved)
}

/// Containers round times to a millisecond (Matroska) or a tick; a frame that is further from its place than this
/// belongs to a variable frame rate: rounded itself, and so was the first one.
const TIME_TOLERANCE_MS: f64 = 1.1;

/// Finds the frame rate that explains `times_ms`, or says that there is none; the first frame is shown at `start_ms`.
#[must_use]
pub fn timing(
    times_ms: &[f64],
    start_ms: f64,
    rates: &[Ratio<u32>],
) -> Option<(Timing, Ratio<u32>)> {
    let first = *times_ms.first()?;
    let fits = |rate: &&Ratio<u32>| {
        let frame_ms = 1000.0 * f64::from(*rate.denom()) / f64::from(*rate.numer());
        times_ms
            .iter()
            .enumerate()
            .all(|(n, time)| (time - first - n as f64 * frame_ms).abs() <= TIME_TOLERANCE_MS)
    };
    if let Some(rate) = rates.iter().find(fits) {
        return Some((Timing::Constant { start_ms }, *rate));
    }
    // A single picture has no rate, and needs none.
    let average = if let [_] = times_ms {
        Ratio::from_integer(24)
    } else {
        average(times_ms)?
    };
    let times_ms = times_ms
        .iter()
        .map(|time| time - first + start_ms)
        .collect();
    Some((Timing::Variable { times_ms }, average))
}

/// The rate of frames that have times of their own, in thousandths; `None` if they all have the same. What a container
/// says of it is often the unit of their times.
fn average(times_ms: &[f64]) -> Option<Ratio<u32>> {
    let (first, last) = (times_ms.first()?, times_ms.last()?);
    let seconds = (last - first) / 1000.0;
    let thousandths = (times_ms.len() - 1) as f64 * 1000.0 / seconds;
    (seconds > 0.0)
        .then(|| Ratio::new(thousandths.round().clamp(1.0, u32::MAX.into()) as u32, 1000))
}

/// A rate, if there can be one.
pub(super) fn positive(num: u64, den: u64) -> Option<Ratio<u32>> {
    let (num, den) = (u32::try_from(num).ok()?, u32::try_from(den).ok()?);
    (num > 0 && den > 0).then(|| Ratio::new(num, den))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rounded_to_milliseconds_are_a_constant_rate() {
        let rate = Ratio::new(24000, 1001);
        let times: Vec<f64> = (0..5000)
            .map(|n| (f64::from(n) * 1001.0 / 24.0).round() + 21.0)
            .collect();
        let (timing, fps) = timing(&times, 21.0, &[Ratio::new(25, 1), rate]).unwrap();
        assert_eq!((timing, fps), (Timing::Constant { start_ms: 21.0 }, rate));
    }

    #[test]
    fn a_late_frame_makes_the_rate_variable_and_its_time_is_kept() {
        let mut times: Vec<f64> = (0..10).map(|n| f64::from(n) * 40.0).collect();
        times[7] += 15.0;
        let (timing, _) = timing(&times, 5.0, &[Ratio::new(25, 1)]).unwrap();
        let Timing::Variable { times_ms } = timing else {
            panic!("{timing:?}")
        };
        assert_eq!((times_ms[0], times_ms[7]), (5.0, 300.0));
    }

    #[test]
    fn frames_with_times_of_their_own_have_the_rate_that_they_come_to() {
        let times: Vec<f64> = [0.0, 30.0, 71.0, 99.0, 133.0, 165.0, 200.0].to_vec();
        let of =
            |times: &[f64], rates: &[Ratio<u32>]| timing(times, 0.0, rates).map(|(_, fps)| fps);
        // Said is the unit of the times, or nothing at all.
        assert_eq!(
            of(&times, &[Ratio::from_integer(1000)]),
            Some(Ratio::from_integer(30))
        );
        assert_eq!(of(&times, &[]), Some(Ratio::from_integer(30)));
        assert_eq!(of(&[0.0, 4e9], &[]), Some(Ratio::new(1, 1000)));
        assert_eq!(of(&[0.0, 1e-9], &[]), Some(Ratio::new(u32::MAX, 1000)));
        assert_eq!(of(&[0.0], &[]), Some(Ratio::from_integer(24)));
        assert_eq!(of(&[40.0, 40.0], &[]), None);
        assert_eq!(of(&[], &[]), None);
        assert_eq!(positive(1, 0), None);
        assert_eq!(positive(0, 0), None);
        assert_eq!(positive(50, 2), Some(Ratio::from_integer(25)));
    }

    #[test]
    fn pauses_are_found_the_longest_first() {
        let mut times: Vec<f64> = (0..100).map(|n| f64::from(n) * 40.0).collect();
        assert!(pauses(&times).is_empty());
        times.drain(70..90);
        times.drain(30..35);
        times.drain(20..21);
        assert_eq!(pauses(&times), [63, 28]);
        assert!(pauses(&[]).is_empty() && pauses(&[0.0]).is_empty());
    }
}
