//! Sound that is encoded anew: ffmpeg, from the source into the job directory; then it is compared with the source's.

use std::{path::Path, process::Command, sync::Arc};

use anyhow::{Context, Result, anyhow, ensure};

use crate::{
    event::{Sink, detail, warn},
    film::{
        fate::NewSound,
        media::{Container, Track, TrackKind},
    },
    finding::{self, Finding, Property},
    job::{Job, LoudnessRecord, SoundRecord, names::Name},
    metric::likeness::{Freedom, Likeness, Other, Sounds, longest_seconds},
    os::{exit::UsageError, process::Finished, toolbox::Toolbox},
    source::{
        listener::is_of_the_end,
        packets::{self, ON_TIME, Original, keep_clock},
        probe::{self, IdentifiedTrack, LOOKING_FAR, file_url},
    },
    work::{layout, loudness},
};

/// How much later than it is to be heard the sound is written, in milliseconds: encoders begin with a few samples of
/// their own before the first one, and a time below zero cannot be written.
const LATER_MS: i64 = 1000;

/// Samples at 48 kHz that libopus is heard later than it is decoded, and with `-application lowdelay`.
const OPUS_DELAY: u32 = 312;
const OPUS_DELAY_LOW: u32 = 120;

/// How much of the film is read for a trial, in seconds;
const TRIED: &str = "20";
/// and within which time after the picture's beginning all sound must begin, in milliseconds, for one.
const TRIED_MS: f64 = 10_000.0;

/// How sound is encoded anew.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// ffmpeg's options, for the tracks that are encoded anew.
    pub args: Vec<String>,
    /// What each of these becomes, where that was chosen by tracks; else the options are the user's own.
    pub shapes: Vec<NewSound>,
}

impl Wanted {
    /// Options by which the tracks of `container` fit their encoders, with filters that mix down.
    fn fitted(
        &self,
        tools: &Toolbox,
        job: &Job,
        container: &Container,
        sink: &Sink,
    ) -> Result<Vec<String>> {
        let mixed_down: Vec<bool> = self.shapes.iter().map(|shape| shape.downmix).collect();
        let sound = layout::Sound {
            input: &job.dir().join(job.source_link()),
            kept: &streams(container),
            args: &self.args,
            mixed_down: &mixed_down,
        };
        sound.options(tools, sink)
    }

    /// The option that holds them, where ffmpeg does not take them.
    fn option(&self) -> &'static str {
        match self.shapes.is_empty() {
            true => "--audio-params",
            false => "--audio-codec",
        }
    }

    /// How loud track `n` is to be, in LUFS.
    fn loudness(&self, n: usize) -> Option<f64> {
        self.shapes.get(n)?.loudness
    }
}

/// The streams of sound that are encoded anew, in order, each with its number among all sound.
fn streams(container: &Container) -> Vec<(usize, usize)> {
    let tracks = container.new_tracks();
    tracks
        .map(|(number, track)| (number, track.stream))
        .collect()
}

/// Makes sure that ffmpeg encodes the beginning of every sound track of the source as it is `wanted`. A film in which one
/// begins late is not tried.
///
/// # Errors
/// A [`UsageError`] with ffmpeg's own words if it does not; others if ffmpeg cannot be run or is killed.
pub fn try_out(tools: &Toolbox, job: &Job, container: &Container, wanted: &Wanted) -> Result<()> {
    let begins = |track: &Track| track.begins_ms.is_some_and(|ms| ms < TRIED_MS);
    let has_sound = job.is_intact(Name::Audio) && job.sound().is_ok();
    if has_sound && job.other_sound.is_none() || !container.sound_tracks().all(begins) {
        return Ok(());
    }
    let kept = streams(container);
    let args = &wanted.args;
    // What is to be said of the tracks is said when they are encoded.
    let silent: Sink = Arc::new(|_| ());
    let fitted = wanted.fitted(tools, job, container, &silent)?;
    let mut command = Command::new(&tools.ffmpeg);
    command.current_dir(job.dir());
    command.args(["-nostdin", "-hide_banner", "-v", "error", "-y", "-t", TRIED]);
    if container.begins_late {
        command.args(LOOKING_FAR);
    }
    command.arg("-i").arg(format!("file:{}", job.source_link()));
    for (_, stream) in &kept {
        command.args(["-map", &format!("0:{stream}")]);
    }
    command.args(["-map_chapters", "-1", "-map_metadata:g", "-1"]);
    command.args(on_time([args.as_slice(), &fitted].concat(), kept.len()));
    // Some filters give sound for ever. No disk can be full of what nobody keeps.
    command.args(["-t", TRIED, "-f", "matroska", "/dev/null"]);
    let listener = job.original(tools, container).listener();
    let tried = listener.finish(command);
    match tried.context("trying to encode the sound")?.failure {
        None => Ok(()),
        Some(failure) if failure.signal().is_some() => {
            Err(anyhow!(failure).context("trying to encode the sound"))
        }
        Some(failure) => Err(UsageError(format!(
            "{}: ffmpeg does not encode the sound of this film with these options, and says:\n{}",
            wanted.option(),
            failure.stderr.join("\n")
        ))
        .into()),
    }
}

/// Encodes every sound track of the source as it is `wanted`, unless an earlier run has.
///
/// # Errors
/// If ffmpeg fails or a track is missing afterwards: a film must not lose its sound in silence.
pub fn encode(
    tools: &Toolbox,
    job: &Job,
    container: &Container,
    wanted: &Wanted,
    sink: &Sink,
) -> Result<()> {
    if job.is_intact(Name::Audio) && job.sound().is_ok() {
        return Ok(());
    }
    let kept = streams(container);
    let delay_ms = match delay_ms(&wanted.args, kept.len()) {
        Some(delay_ms) if !writes_delays(tools, job)? => delay_ms,
        _ => 0.0,
    };
    let mut work = Work {
        source: job.original(tools, container),
        job,
        fitted: wanted.fitted(tools, job, container, sink)?,
        kept,
        wanted,
        args: &wanted.args,
        delay_ms,
        measured: Vec::new(),
    };
    work.level(sink)?;
    let part = job.part(Name::Audio)?;
    let Finished {
        stderr, failure, ..
    } = work
        .source
        .listener()
        .finish(work.command(job.relative(&part)))
        .context("encoding the sound")?;
    if let Some(failure) = failure {
        return Err(anyhow!(failure).context("encoding the sound"));
    }
    tell_of_complaints(&container.format, &stderr, sink);
    let record = work.prove(&part, sink)?;
    for finding in &record.findings {
        detail(sink, finding.to_string());
    }
    job.require_same_source()?;
    job.record_sound(&record)?;
    job.finish(Name::Audio)?;
    job.seal(Name::Audio)
}

/// Sound tracks that are encoded anew.
struct Work<'a> {
    source: Original<'a>,
    job: &'a Job,
    /// The streams of the source, in order, each with its number among all sound.
    kept: Vec<(usize, usize)>,
    /// How they are encoded: with these options,
    wanted: &'a Wanted,
    args: &'a [String],
    /// and those by which they fit these tracks.
    fitted: Vec<String>,
    /// How loud each is, where they are to be as loud as the user says.
    measured: Vec<LoudnessRecord>,
    /// By how much this ffmpeg writes what libopus encodes too early, in milliseconds.
    delay_ms: f64,
}

impl Work<'_> {
    /// ffmpeg, encoding them into a file of the job.
    fn command(&self, file: &Path) -> Command {
        let container = self.source.container;
        let rates = self.rates();
        let mut command = self.source.reading();
        for (_, stream) in &self.kept {
            command.args(["-map", &format!("0:{stream}")]);
        }
        command.args(["-map_chapters", "-1", "-map_metadata:g", "-1"]);
        command
            .args(on_time([self.args, &self.fitted].concat(), self.kept.len()))
            .args(at_one_rate(self.args, &rates))
            .args(from_the_beginning(self.args, self.kept.len()))
            .args(self.end().into_iter().flatten());
        let delay_us = (self.delay_ms * 1000.0).round() as i64;
        let offset_us = container.clock.offset_us + LATER_MS * 1000 + delay_us;
        command.args(["-output_ts_offset", &format!("{offset_us}us")]);
        command.args(["-avoid_negative_ts", "disabled"]);
        // Without it the tracks have random numbers, which mkvmerge keeps: the film would be another one each time.
        command
            .args(["-fflags", "+bitexact", "-f", "matroska"])
            .arg(file);
        keep_clock(&mut command, container);
        command
    }

    /// Samples a second of each track, where the source says.
    fn rates(&self) -> Vec<Option<u32>> {
        let tracks = self.source.container.new_tracks();
        tracks
            .map(|(_, track)| track.sound.as_ref()?.rate)
            .collect()
    }

    /// Measures the tracks that are to be as loud as the user says, and has them become that.
    fn level(&mut self, sink: &Sink) -> Result<()> {
        let mut known = self.job.loudness();
        let rates = self.rates();
        for (n, (number, stream)) in self.kept.iter().enumerate() {
            let Some(lufs) = self.wanted.loudness(n) else {
                continue;
            };
            let filters = filters_before(&self.fitted, n);
            let is_it =
                |record: &LoudnessRecord| record.stream == *stream && record.filters == filters;
            if !known.iter().any(is_it) {
                known.push(loudness::measure(&self.source, *stream, &filters)?);
                self.job.require_same_source()?;
                self.job.record_loudness(&known)?;
            }
            let Some(record) = known.iter().find(|record| is_it(record)) else {
                continue;
            };
            if let Some(said) = loudness::remark(record, lufs) {
                warn(sink, format!("sound track {}: {said}", number + 1));
            }
            let levelling = loudness::filter(record, lufs, rates.get(n).copied().flatten());
            if let Some(filter) = levelling {
                add_filter(&mut self.fitted, n, &filter);
            }
            self.measured.push(record.clone());
        }
        Ok(())
    }

    /// Where it ends in any case, if the user's options may make it longer: some filters give sound for ever.
    fn end(&self) -> Option<[String; 2]> {
        let is_free = (0..self.kept.len()).any(|n| Freedom::of(self.args, n) != Freedom::Nothing);
        let seconds = self.source.container.duration_seconds?;
        is_free.then(|| ["-t".to_owned(), longest_seconds(seconds).to_string()])
    }

    /// Compares what was encoded with the source: how it gets into the output.
    fn prove(&self, encoded: &Path, sink: &Sink) -> Result<SoundRecord> {
        let tracks = self.kept.len();
        let identified = probe::identify(self.source.tools, encoded)?;
        let found: Vec<TrackKind> = identified
            .tracks
            .iter()
            .filter_map(IdentifiedTrack::track)
            .map(|t| t.kind)
            .collect();
        ensure!(
            found == vec![TrackKind::Audio; tracks],
            "encoding the sound: {tracks} sound tracks went in, {} tracks came out",
            found.len()
        );
        let later_ms: Vec<f64> = identified
            .tracks
            .iter()
            .map(|track| self.later_ms(track))
            .collect();
        let freedoms: Vec<Freedom> = (0..tracks)
            .map(|n| freedom(self.args, &self.fitted, n))
            .collect();
        let sounds = Sounds {
            source: self.source,
            streams: self.kept.iter().map(|(_, stream)| *stream).collect(),
            other: Other::All(encoded),
            later_ms: &later_ms,
        };
        let likenesses = sounds.compare(&freedoms)?;
        let finding = |(n, likeness): (usize, &Likeness)| {
            let rate = identified.tracks[n].sampling_rate();
            likeness.finding(self.kept[n].0 + 1, freedoms[n], rate)
        };
        let mut findings: Vec<Finding> = likenesses.iter().enumerate().map(finding).collect();
        findings.extend(self.prove_loudness(encoded, sink)?);
        match finding::all_agree(findings) {
            Ok(findings) => Ok(SoundRecord {
                sync_ms: later_ms.iter().map(|ms| -(*ms as i64)).collect(),
                findings,
                codecs: identified.tracks.iter().map(|t| t.codec.clone()).collect(),
                proven: false,
            }),
            Err(wrong) => {
                self.job.part(Name::Audio)?;
                Err(anyhow!(wrong).context("the sound that was encoded anew is not the source's"))
            }
        }
    }

    /// Measures what was levelled again.
    fn prove_loudness(&self, encoded: &Path, sink: &Sink) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for (n, (number, stream)) in self.kept.iter().enumerate() {
            let measured = self.measured.iter().find(|record| record.stream == *stream);
            if let Some((record, lufs)) = measured.zip(self.wanted.loudness(n)) {
                let found = loudness::of_encoded(self.source.tools, encoded, n)?;
                let what = Property::Loudness.of_track(number + 1);
                if let Some(said) = loudness::remark_after(record, lufs, found) {
                    warn(sink, format!("{what}: {said}"));
                }
                findings.extend(loudness::finding(what, record, lufs, found));
            }
        }
        Ok(findings)
    }

    /// By how many milliseconds a track was written later than it is to be heard. What was added for all is right for those
    /// with the delay of libopus.
    fn later_ms(&self, track: &IdentifiedTrack) -> f64 {
        let wrong_ms = if self.delay_ms > 0.0 {
            track.codec_delay_ms() - self.delay_ms
        } else {
            0.0
        };
        LATER_MS as f64 - wrong_ms.round()
    }
}

/// What ffmpeg says of layouts that FLAC itself has no number for. Matroska, into which it is written, has them beside it:
/// the output is read back with them.
const OF_LAYOUT: &str =
    "Channel layout not supported by Flac, output stream will have incorrect channel layout.";

/// Says what ffmpeg complained of, of a film of this `format`: it goes on over damage that it can pass over.
fn tell_of_complaints(format: &str, stderr: &[String], sink: &Sink) {
    let complaints: Vec<&String> = stderr
        .iter()
        .filter(|line| !packets::is_of_clock(line) && !is_of_the_end(format, line))
        .filter(|line| !line.ends_with(OF_LAYOUT))
        .collect();
    if let Some(first) = complaints.first() {
        // `[aac @ 0x55d5b1c4e4c0] invalid band type`
        let said = first
            .split_once("] ")
            .map_or(first.as_str(), |(_, said)| said);
        let silent = "what it could not decode of it is silent";
        warn(
            sink,
            format!("ffmpeg complained while it encoded the sound, and {silent}: {said}"),
        );
    }
    for line in complaints {
        detail(sink, format!("ffmpeg, while encoding the sound: {line}"));
    }
}

/// The delay of the first of `tracks` that libopus encodes, in milliseconds.
fn delay_ms(args: &[String], tracks: usize) -> Option<f64> {
    (0..tracks).any(|n| layout::is_opus(args, n)).then(|| {
        let low = args
            .windows(2)
            .any(|pair| pair[0].starts_with("-application") && pair[1] == "lowdelay");
        f64::from(if low { OPUS_DELAY_LOW } else { OPUS_DELAY }) / 48.0
    })
}

/// Whether this ffmpeg adds the delay of a decoder to the times of packets in Matroska, as it has to be: 5.1 does not, 9
/// does.
fn writes_delays(tools: &Toolbox, job: &Job) -> Result<bool> {
    let file = job.part(Name::DelayTrial)?;
    let mut command = Command::new(&tools.ffmpeg);
    command.args([
        "-nostdin",
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        "anullsrc=r=48000:cl=mono",
        "-t",
        "0.1",
    ]);
    command.args([
        "-c:a",
        "libopus",
        "-output_ts_offset",
        "1",
        "-avoid_negative_ts",
        "disabled",
        "-f",
        "matroska",
    ]);
    command.arg(file_url(&file));
    let failed = tools.children.finish(command)?.failure.is_some();
    // What it lacks it will say of the sound itself.
    let identified = if failed {
        None
    } else {
        Some(probe::identify(tools, &file)?)
    };
    job.part(Name::DelayTrial)?;
    let first = identified
        .as_ref()
        .and_then(|identified| identified.tracks.first());
    Ok(first
        .and_then(IdentifiedTrack::minimum_ms)
        .is_some_and(|ms| ms > 999.0))
}

/// Has Vorbis begin with the film. The first packet of an encoder lies before the first sample and gives no sound, but where
/// mkvmerge drops it as one from before the film, it reckons the times of all others wrongly. It is what Matroska gets where
/// the user names no encoder.
fn from_the_beginning(args: &[String], tracks: usize) -> Vec<String> {
    let may_be_vorbis = |n: &usize| {
        let codec = layout::codec(args, *n);
        codec.is_none_or(|codec| codec.contains("vorbis"))
    };
    let of_track = |n: usize| [format!("-bsf:a:{n}"), r"noise=drop=lt(pts\,0)".to_owned()];
    (0..tracks)
        .filter(may_be_vorbis)
        .flat_map(of_track)
        .collect()
}

/// Rates that every encoder takes, in Hz.
const COMMON_RATES: [u32; 3] = [32_000, 44_100, 48_000];

/// The rates of tracks that would get another one, where the user has said none. Opus is always decoded at 48 kHz, and that
/// is the rate by which ffmpeg 5.1 writes its delay. The filter loudnorm gives 192 kHz, of which nobody has anything: that
/// becomes the rate that the track has in the source, one of `rates`.
fn at_one_rate(args: &[String], rates: &[Option<u32>]) -> Vec<String> {
    if args
        .iter()
        .any(|arg| arg == "-ar" || arg.starts_with("-ar:"))
    {
        return Vec::new();
    }
    let rate = |(n, rate): (usize, &Option<u32>)| match rate {
        _ if layout::is_opus(args, n) => Some((n, 48_000)),
        Some(rate) if COMMON_RATES.contains(rate) && ends_with_loudnorm(args, n) => {
            Some((n, *rate))
        }
        _ => None,
    };
    let rates = rates.iter().enumerate().filter_map(rate);
    rates
        .flat_map(|(n, rate)| [format!("-ar:a:{n}"), rate.to_string()])
        .collect()
}

/// Whether the filters that `args` name for sound track `n`, the last of which count, leave it at the rate of loudnorm.
fn ends_with_loudnorm(args: &[String], n: usize) -> bool {
    let of_all = ["-af", "-filter:a"].map(str::to_owned);
    let names: Vec<String> = of_all
        .into_iter()
        .chain([format!("-filter:a:{n}"), format!("-filter:{n}")])
        .collect();
    let filters = args
        .windows(2)
        .rfind(|pair| names.contains(&pair[0]))
        .map_or("", |pair| pair[1].as_str());
    let after = filters.rsplit_once("loudnorm").map(|(_, after)| after);
    after.is_some_and(|after| !after.contains("aresample") && !after.contains("aformat"))
}

/// What is left to be judged of sound track `n`.
fn freedom(args: &[String], fitted: &[String], n: usize) -> Freedom {
    let users = Freedom::of(args, n);
    let is_another = |filters: &str| filters.starts_with("pan=") || filters.contains("loudnorm=");
    let mixed = is_another(&filters_before(fitted, n));
    if mixed && users == Freedom::Nothing {
        Freedom::Form
    } else {
        users
    }
}

/// The filters that `fitted` has for track `n`.
fn filters_before(fitted: &[String], n: usize) -> String {
    let name = format!("-filter:a:{n}");
    let mut pairs = fitted.windows(2);
    let found = pairs.find(|pair| pair[0] == name);
    found.map_or_else(String::new, |pair| pair[1].clone())
}

/// Adds a filter for track `n` to what `fitted` has, behind those that are there.
fn add_filter(fitted: &mut Vec<String>, n: usize, filter: &str) {
    let name = format!("-filter:a:{n}");
    match fitted.iter().position(|option| *option == name) {
        Some(at) => fitted[at + 1] = format!("{},{filter}", fitted[at + 1]),
        None => fitted.extend([name, filter.to_owned()]),
    }
}

/// The options with a filter before all others that keeps holes; where there is none, it is the only one. Of the `tracks`,
/// those that are copied have none.
fn on_time(args: Vec<String>, tracks: usize) -> Vec<String> {
    let is_filter = |option: &str| {
        let (name, of) = option.split_once(':').unwrap_or((option, "a"));
        name == "-af" || name == "-filter" && of.starts_with('a')
    };
    let is_copied = |n: &usize| layout::codec(&args, *n) == Some("copy");
    let of_tracks = match (0..tracks).any(|n| is_copied(&n)) {
        true => (0..tracks)
            .filter(|n| !is_copied(n))
            .map(|n| format!(":{n}"))
            .collect(),
        false => vec![String::new()],
    };
    // The last option that is for a track counts.
    let mut all: Vec<String> = of_tracks
        .into_iter()
        .flat_map(|of| [format!("-filter:a{of}"), ON_TIME.to_owned()])
        .collect();
    let mut filters = false;
    for arg in args {
        let option = is_filter(&arg);
        all.push(if filters {
            after_hole_filling(&arg)
        } else {
            arg
        });
        filters = option;
    }
    all
}

/// Filters of a user's, after the one that keeps holes, unless he has it himself.
fn after_hole_filling(filters: &str) -> String {
    if filters.contains("async=") {
        filters.to_owned()
    } else if filters.contains("[in]") {
        format!(
            "[in]{ON_TIME}[on_time];{}",
            filters.replace("[in]", "[on_time]")
        )
    } else if filters.trim_start().starts_with('[') {
        filters.to_owned()
    } else {
        format!("{ON_TIME},{filters}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn holes_are_filled_before_any_other_filter() {
        for (args, becomes) in [
            ("-c:a aac", "-filter:a @ -c:a aac"),
            (
                "-c:a flac -af loudnorm",
                "-filter:a @ -c:a flac -af @,loudnorm",
            ),
            ("-filter:a:1 volume=2", "-filter:a @ -filter:a:1 @,volume=2"),
            ("-af aresample=48000", "-filter:a @ -af @,aresample=48000"),
            (
                "-af aresample=async=100",
                "-filter:a @ -af aresample=async=100",
            ),
            (
                "-af [in]volume=2[out]",
                "-filter:a @ -af [in]@[on_time];[on_time]volume=2[out]",
            ),
            ("-filter:v x", "-filter:a @ -filter:v x"),
            (
                "-c:a flac -c:a:1 copy",
                "-filter:a:0 @ -filter:a:2 @ -c:a flac -c:a:1 copy",
            ),
        ] {
            assert_eq!(
                on_time(words(args), 3).join(" "),
                becomes.replace('@', ON_TIME),
                "{args}"
            );
        }
    }

    #[test]
    fn the_delay_of_opus_is_known_before_it_is_encoded() {
        assert_eq!(delay_ms(&words("-c:a libopus -b:a 96k"), 2), Some(6.5));
        assert_eq!(
            delay_ms(&words("-c:a libopus -application lowdelay"), 1),
            Some(2.5)
        );
        assert_eq!(delay_ms(&words("-c:a aac -c:a:1 libopus"), 2), Some(6.5));
        assert_eq!(delay_ms(&words("-c:a aac"), 2), None);
    }

    #[test]
    fn a_track_keeps_its_rate_unless_opus_or_the_user_has_another_one() {
        let rates = [Some(44_100), Some(96_000), None];
        for (args, becomes) in [
            ("-c:a aac -c:a:1 libopus", "-ar:a:1 48000"),
            ("-c:a libopus -ar 16000", ""),
            ("-c:a flac -af volume=2", ""),
            // Not every encoder takes 96 kHz.
            ("-c:a flac -af loudnorm", "-ar:a:0 44100"),
            (
                "-c:a libopus -af loudnorm=I=-16",
                "-ar:a:0 48000 -ar:a:1 48000 -ar:a:2 48000",
            ),
            ("-c:a flac -filter:a:0 loudnorm,volume=2", "-ar:a:0 44100"),
            ("-c:a flac -filter:a:1 loudnorm", ""),
            ("-c:a flac -af loudnorm -af volume=2", ""),
            ("-c:a flac -af loudnorm,aresample=96000", ""),
            ("-c:a flac -af aresample=48000,loudnorm", "-ar:a:0 44100"),
            ("-c:a flac -af loudnorm -ar 96000", ""),
        ] {
            assert_eq!(
                at_one_rate(&words(args), &rates).join(" "),
                becomes,
                "{args}"
            );
        }
    }

    #[test]
    fn what_is_mixed_for_opus_may_have_another_level() {
        let fitted = words("-filter:a:1 pan=5.1|FL=FL -filter:a:2 channelmap=map=SL-BL");
        let of = |args: &str, n| freedom(&words(args), &fitted, n);
        assert_eq!(
            [0, 1, 2].map(|n| of("-c:a libopus", n)),
            [Freedom::Nothing, Freedom::Form, Freedom::Nothing]
        );
    }
}
