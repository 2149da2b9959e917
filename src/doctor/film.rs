//! The checks with a film: what would be done with it, whether it fits, and what is odd about it.
//!
//! A film of 50 GB is not read whole for this: ffprobe reads its head and some packets of the beginning, the middle and
//! the end, and ffmpeg decodes a few dozen frames.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::Result;
use num_rational::Ratio;

use super::{
    check::{Check, State},
    forecast::{self, Forecast, UNCERTAINTY},
    tools,
    wanted::Programs,
};
use crate::os::machine::Machine;
use crate::{
    film::hdr::decimal,
    os::{
        disk,
        process::{ToolFailure, quoted},
        words::{bytes, clock, count, gib},
    },
    plan::{recipe::Recipe, workers::Workers},
    source::probe::{self, Probed},
};

/// A film, and what would be done with it.
pub struct Film<'a> {
    /// The file.
    pub input: &'a Path,
    /// What it is.
    pub probed: &'a Probed,
    /// Every decision about the bytes.
    pub recipe: &'a Recipe,
    /// The encoder's command line.
    pub encoder_line: &'a str,
    /// Encoders at once, and why.
    pub workers: &'a Workers,
    /// What was decided that the user should know.
    pub warnings: &'a [String],
    /// Whether it is encoded though it is cut short.
    pub allow_truncated: bool,
    /// Where the job and the output would be.
    pub job_dir: &'a Path,
    /// Where the output would be.
    pub output_dir: &'a Path,
}

/// The checks of a film, and what encoding it would take.
pub fn checks(
    programs: &Programs,
    film: &Film<'_>,
    machine: Machine,
) -> (Vec<Check>, Option<Forecast>) {
    let mut checks = vec![what(film)];
    checks.extend(truncated(film));
    checks.extend(
        film.warnings
            .iter()
            .map(|warning| Check::warning("film", warning)),
    );
    checks.push(hdr(film, programs.encoder.writes_hdr10()));
    checks.extend(samples(programs, film));
    checks.push(Check::ok("recipe").note(film.encoder_line));
    checks.push(
        Check::ok("workers")
            .version(format!(
                "{} with --lp {}",
                count(film.workers.workers as u64, "encoder"),
                film.workers.lp
            ))
            .note(&film.workers.reason),
    );
    checks.push(memory(film.workers, machine.memory));
    // What does not fit into memory is not tried: it would take the machine down.
    let tried =
        (checks.iter().all(|check| !check.state.stops())).then(|| try_it(programs, film, machine));
    let forecast = match tried {
        None => None,
        Some(Ok(forecast)) => {
            checks.extend(disks(
                film,
                forecast.and_then(|forecast| forecast.video_bytes),
            ));
            checks.push(time(forecast.as_ref()));
            forecast
        }
        Some(Err(error)) => {
            checks.push(failed_trial(&error));
            None
        }
    };
    (checks, forecast)
}

fn what(film: &Film<'_>) -> Check {
    let container = &film.probed.container;
    let video = &container.video;
    let [_, sound, subtitles] = container.track_counts().map(|n| n as u64);
    let length = container
        .duration_seconds
        .map_or_else(|| "unknown length".to_owned(), clock);
    Check::ok("film")
        .version(format!(
            "{} {}x{} {}, {length}",
            video.codec, video.width, video.height, video.pixel_format
        ))
        .note(format!(
            "{}, {}; {}, {}, {}, {}",
            container.format,
            bytes(container.bytes),
            count(sound, "sound track"),
            count(subtitles, "subtitle track"),
            count(container.chapters as u64, "chapter"),
            count(container.attachments as u64, "attachment")
        ))
}

fn truncated(film: &Film<'_>) -> Option<Check> {
    let note = format!(
        "is cut short or damaged: {}",
        film.probed.truncated.as_ref()?
    );
    let state = if film.allow_truncated {
        State::Warning
    } else {
        State::Broken
    };
    let check = Check {
        state,
        ..Check::warning("film", note)
    };
    Some(
        check.advise(
            (!film.allow_truncated)
                .then_some("av1enc --allow-truncated INPUT  # encodes what there is of it"),
        ),
    )
}

/// The HDR metadata of the film, and whether the encoder writes it itself.
fn hdr(film: &Film<'_>, encoder_writes: bool) -> Check {
    let hdr10 = &film.recipe.video.picture.hdr10;
    let color = film.recipe.video.picture.color.to_string();
    if hdr10.is_empty() {
        return Check::ok("HDR").version("no HDR10 metadata").note(color);
    }
    let mastering = hdr10.mastering.map(|display| {
        format!(
            "mastered for {} to {} nit",
            decimal(display.min_luminance),
            decimal(display.max_luminance)
        )
    });
    let light = hdr10
        .content_light
        .map(|light| format!("content light {light}"));
    let inserted = (!encoder_writes)
        .then(|| "written into the stream by av1enc, this encoder cannot".to_owned());
    let parts: Vec<String> = [Some(color), mastering, light, inserted]
        .into_iter()
        .flatten()
        .collect();
    Check::ok("HDR").version("HDR10").note(parts.join(", "))
}

/// Packets that are looked at in each place: ten seconds of 24 pictures each. Chosen: twice as many take longer to read, and say no
/// more; of half as many, fewer damaged ones are seen.
const PACKETS: u32 = 240;
/// A keyframe is expected to be this near to any place that is sought, in seconds. Chosen, six times the ten seconds that x264 and
/// x265 have between two by default. At half, the index of a film with very few keyframes is called damaged; at double, one that
/// leads two minutes astray is not.
const NEAR_SECONDS: f64 = 60.0;

/// Looks at packets of the beginning, the middle and the end.
fn samples(programs: &Programs, film: &Film<'_>) -> Vec<Check> {
    let container = &film.probed.container;
    let stream = container.video.stream;
    let duration = container.duration_seconds;
    let looked = forecast::within_limit(|children| -> Result<_> {
        let tools = &programs.tools.with(children);
        let begin = probe::packet_times(tools, film.input, stream, 0.0, PACKETS)?;
        let Some(duration) = duration else {
            return Ok((begin, None));
        };
        let middle = probe::packet_times(tools, film.input, stream, duration / 2.0, PACKETS)?;
        let end = (duration - 5.0).max(0.0);
        let complaint = probe::complaint_between(tools, film.input, (end, duration))?;
        let anything = probe::has_packets_after(tools, film.input, (duration - 5.0).max(0.0))?;
        Ok((begin, Some((duration, middle, complaint, anything))))
    });
    let (begin, rest) = match looked {
        Ok(looked) => looked,
        Err(error) => {
            let why = tools::why(&error);
            return vec![Check::warning(
                "film",
                format!("its packets cannot be looked at, it may be damaged: {why}"),
            )];
        }
    };
    let mut checks = Vec::new();
    let mut parts = vec![begin];
    if let Some((duration, middle, complaint, anything)) = rest {
        checks.extend(index(&middle, duration / 2.0));
        checks.extend(end(complaint, anything));
        parts.push(middle);
    }
    checks.extend(timestamps(&parts));
    checks.push(frame_rate(&parts, &film.probed.rates));
    checks
}

const REMUX: &str = "mkvmerge -o REPAIRED.mkv INPUT  # and encode that";

/// Whether the middle of the film is where its index says; `times` are those of the packets that were found there.
fn index(times: &[Option<f64>], sought: f64) -> Option<Check> {
    let first = times.iter().flatten().copied().next();
    let near = first.is_some_and(|first| (first - sought).abs() <= NEAR_SECONDS);
    (!near && sought > 0.0).then(|| {
        let found = first.map_or_else(
            || "nothing".to_owned(),
            |first| format!("what is shown at {}", clock(first)),
        );
        let note = format!(
            "its index is damaged: at {} it leads to {found}",
            clock(sought)
        );
        Check::warning("film", note).advise([REMUX])
    })
}

fn end(complaint: Option<String>, anything: bool) -> Option<Check> {
    let note = match (complaint, anything) {
        (Some(complaint), _) => {
            format!("ffprobe complains of its end, it may be cut short: {complaint}")
        }
        (None, false) => "nothing can be read of its last seconds: it may be cut short".to_owned(),
        (None, true) => return None,
    };
    Some(Check::warning("film", note))
}

fn timestamps(parts: &[Vec<Option<f64>>]) -> Option<Check> {
    let all = parts.iter().flatten();
    let (without, count) = all.fold((0, 0), |(n, count), time| {
        (n + usize::from(time.is_none()), count + 1)
    });
    (without > 0).then(|| {
        let note =
            format!("{without} of {count} packets that were looked at have no time of their own");
        Check::warning("film", note).advise([REMUX])
    })
}

/// Containers round times to a millisecond (Matroska) or a tick: two roundings apart is the same.
const TOLERANCE_SECONDS: f64 = 0.0032;
/// Frames that are shown in another order than they are stored, at each end of a part.
const REORDERED: usize = 16;

/// Whether frames follow each other at one distance. A frame that is shown for long and the end of a part look alike:
/// its ends are left out.
fn frame_rate(parts: &[Vec<Option<f64>>], rates: &[Ratio<u32>]) -> Check {
    let distances = |part: &Vec<Option<f64>>| {
        let mut times: Vec<f64> = part.iter().flatten().copied().collect();
        times.sort_by(f64::total_cmp);
        let keep = REORDERED.min(times.len() / 4);
        let inner = times.get(keep..times.len() - keep).unwrap_or_default();
        inner
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect::<Vec<_>>()
    };
    let mut all: Vec<f64> = parts.iter().flat_map(distances).collect();
    all.sort_by(f64::total_cmp);
    let check = Check::ok("frame rate");
    let check = match rates.first() {
        Some(rate) => check.version(format!(
            "{:.3} fps",
            f64::from(*rate.numer()) / f64::from(*rate.denom())
        )),
        None => check,
    };
    match (all.first(), all.last()) {
        (Some(least), Some(most)) if most - least > TOLERANCE_SECONDS => check.note(format!(
            "variable: frames are shown for {:.0} to {:.0} ms; each keeps its time",
            least * 1000.0,
            most * 1000.0
        )),
        (Some(_), _) => check.note("constant, as far as was looked"),
        (None, _) => check.note("known only when the film is indexed"),
    }
}

/// Whether one worker fits into memory.
fn memory(workers: &Workers, free: Option<u64>) -> Check {
    let check = Check::ok("memory").version(format!("{} for each worker", gib(workers.bytes_each)));
    match free {
        Some(_) if workers.lean && workers.lacking.is_none() => Check {
            state: State::Warning,
            ..check.note("little more than one encoder fits: nothing runs beside it")
        },
        Some(free) if free < workers.bytes_each => {
            let lower = (workers.lp > 1).then_some("av1enc --lp 1 INPUT");
            let note = format!("even one worker does not fit: {} are free", gib(free));
            Check {
                state: State::Missing,
                ..check.note(note)
            }
            .advise(
                lower
                    .into_iter()
                    .chain(["av1enc --preset 10 INPUT", "close other programs"]),
            )
        }
        Some(free) => check.note(format!("{} are free", gib(free))),
        None => check,
    }
}

/// Encodes some frames of the middle.
fn try_it(programs: &Programs, film: &Film<'_>, machine: Machine) -> Result<Option<Forecast>> {
    let container = &film.probed.container;
    let busy = programs
        .encoder
        .identity()
        .busy_cores(film.workers.lp)
        .min(machine.cores as f64);
    let size = (container.video.width, container.video.height);
    let frames = forecast::frames_to_try(size, film.recipe.video.preset, busy);
    let from = container.duration_seconds.unwrap_or(0.0) / 2.0;
    let part = forecast::Part {
        input: film.input,
        probed: film.probed,
        from,
        frames,
    };
    let trial = forecast::run(programs, part, film.recipe, film.workers.lp)?;
    let encoders = (film.workers.workers as f64)
        .min(machine.cores as f64 / busy)
        .max(1.0);
    Ok(trial.map(|trial| trial.forecast(film_frames(film.probed), encoders)))
}

/// Frames of the film as its container declares them, or as its duration and rate have them.
fn film_frames(probed: &Probed) -> Option<u64> {
    let by_time = || {
        let rate = probed.rates.first()?;
        Some(
            (probed.container.duration_seconds? * f64::from(*rate.numer())
                / f64::from(*rate.denom())) as u64,
        )
    };
    probed.container.declared_frames.or_else(by_time)
}

fn failed_trial(error: &anyhow::Error) -> Check {
    let failure = error.downcast_ref::<ToolFailure>();
    let why = failure.map_or_else(
        || format!("{error:#}"),
        |failure| format!("{} {}", failure.program(), failure.line()),
    );
    let broken = Check::broken(
        "trial",
        format!("some frames of this film could not be encoded: {why}"),
    );
    broken.advise(["av1enc --dry-run INPUT  # shows its command line, with your options in it"])
}

fn time(forecast: Option<&Forecast>) -> Check {
    let Some(forecast) = forecast else {
        let limit = forecast::LIMIT.as_secs();
        return Check::warning(
            "time",
            format!("unknown: the encoder did not finish one frame in {limit} s"),
        )
        .advise([
            "av1enc --preset 10 INPUT  # is faster",
            "wait until this machine is less busy",
        ]);
    };
    let from = format!(
        "from {} frames of the middle, one encoder at {:.1} fps",
        forecast.trial_frames, forecast.encoder_fps
    );
    match forecast.seconds {
        Some(seconds) => Check::ok("time")
            .version(format!("about {}", clock(seconds)))
            .note(format!(
                "a guess {from}: {} to {} are likely",
                clock(seconds / UNCERTAINTY),
                clock(seconds * UNCERTAINTY)
            )),
        None => Check::ok("time")
            .version("unknown")
            .note(format!("the film does not say how long it is; {from}")),
    }
}

/// Room for the chunks and for the output.
fn disks(film: &Film<'_>, video: Option<u64>) -> Vec<Check> {
    let Some(video) = video else {
        return Vec::new();
    };
    // The source is rarely smaller than its video in AV1.
    let video = video.min(film.probed.container.bytes);
    let existing = |dir: &Path| {
        dir.ancestors()
            .find(|dir| dir.is_dir())
            .map(Path::to_path_buf)
    };
    let dirs: Vec<PathBuf> = [film.job_dir, film.output_dir]
        .into_iter()
        .filter_map(existing)
        .collect();
    let device = |dir: &PathBuf| fs::metadata(dir).ok().map(|metadata| metadata.dev());
    let together = dirs.len() == 2 && device(&dirs[0]) == device(&dirs[1]);
    let places = if together { &dirs[1..] } else { &dirs[..] };
    let needed = if together { video * 2 } else { video };
    places
        .iter()
        .filter_map(|dir| Some(room(dir, disk::space(dir).ok()??.room, needed)))
        .chain(largest_file(film.output_dir, video))
        .collect()
}

/// What an output of `video` bytes, a guess, is too large for in `dir`.
fn largest_file(dir: &Path, video: u64) -> Option<Check> {
    let error = disk::require_size(dir, video, "the film's video (a guess)").err()?;
    let check = Check::warning("output", format!("{error:#}"));
    Some(check.advise(["av1enc INPUT -o OUTPUT  # OUTPUT on another file system"]))
}

/// Whether `needed` bytes, a guess, have `room` bytes in `dir`.
fn room(dir: &Path, room: u64, needed: u64) -> Check {
    let note = format!(
        "about {} are needed, {} are free",
        bytes(needed),
        bytes(room)
    );
    let state = if (room as f64) < needed as f64 / UNCERTAINTY {
        State::Missing
    } else if room < needed {
        State::Warning
    } else {
        State::Ok
    };
    let check = Check {
        state,
        ..Check::ok("disk").at(Some(dir.to_string_lossy())).note(note)
    };
    match state {
        State::Ok => check,
        _ => check.advise([
            "av1enc --temp DIR INPUT  # DIR on a disk with more room".to_owned(),
            format!(
                "du -xh --max-depth=1 {} | sort -h  # what fills it",
                quoted(dir.as_os_str())
            ),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(times: impl IntoIterator<Item = f64>) -> Vec<Option<f64>> {
        times.into_iter().map(Some).collect()
    }

    #[test]
    fn a_variable_frame_rate_is_told_from_rounded_and_reordered_times() {
        let constant = part((0..200).map(|n| (f64::from(n) * 1001.0 / 24.0).round() / 1000.0));
        let mut reordered = constant.clone();
        reordered.chunks_mut(4).for_each(|group| group.swap(1, 3));
        let rates = [Ratio::new(24000, 1001)];
        for times in [constant.clone(), reordered] {
            let check = frame_rate(&[times], &rates);
            assert_eq!(check.note.unwrap(), "constant, as far as was looked");
            assert_eq!(check.version.unwrap(), "23.976 fps");
        }
        let mut late = constant;
        late.iter_mut()
            .skip(100)
            .for_each(|time| *time = time.map(|time| time + 0.02));
        assert!(
            frame_rate(&[late], &rates)
                .note
                .unwrap()
                .starts_with("variable: frames are shown for 41 to 62 ms")
        );
        assert!(
            frame_rate(&[vec![None]], &[])
                .note
                .unwrap()
                .contains("indexed")
        );
    }

    #[test]
    fn an_index_that_leads_elsewhere_is_damaged() {
        assert_eq!(index(&part([3590.0, 3591.0]), 3600.0), None);
        assert!(
            index(&part([0.0, 1.0]), 3600.0)
                .unwrap()
                .note
                .unwrap()
                .contains("at 1:00:00 it leads to what is shown at 0:00")
        );
        assert!(
            index(&[], 3600.0)
                .unwrap()
                .note
                .unwrap()
                .contains("leads to nothing")
        );
    }

    #[test]
    fn packets_without_times_and_an_end_that_cannot_be_read_are_told() {
        assert_eq!(timestamps(&[part([0.0, 1.0])]), None);
        assert!(
            timestamps(&[vec![Some(0.0), None]])
                .unwrap()
                .note
                .unwrap()
                .starts_with("1 of 2 packets")
        );
        assert_eq!(end(None, true), None);
        assert!(end(None, false).is_some() && end(Some("invalid NAL".to_owned()), true).is_some());
    }

    #[test]
    fn a_worker_that_does_not_fit_is_missing_memory() {
        let workers = Workers {
            lean: false,
            lacking: None,
            workers: 1,
            most: 1,
            lp: 6,
            bytes_each: 8 << 30,
            reason: String::new(),
        };
        let state = |free| memory(&workers, free).state;
        assert_eq!(
            (state(Some(4 << 30)), state(Some(9 << 30)), state(None)),
            (State::Missing, State::Ok, State::Ok)
        );
        assert_eq!(memory(&workers, Some(1)).advice[0], "av1enc --lp 1 INPUT");
        let lean = Workers {
            lean: true,
            ..workers
        };
        assert_eq!(memory(&lean, Some(4 << 30)).state, State::Warning);
    }

    #[test]
    fn a_disk_is_too_small_only_where_the_guess_leaves_no_doubt() {
        let state = |free| room(Path::new("/x"), free, 1000).state;
        assert_eq!(
            (state(1000), state(600), state(400)),
            (State::Ok, State::Warning, State::Missing)
        );
    }
}
