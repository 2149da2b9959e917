//! Compares tracks of two files by what is in them: packet by packet where both have the same packets, else sample by
//! sample, else by how it sounds.
//!
//! Both files are read by ffmpeg, the source again from its beginning: neither what mkvmerge has read of it counts, nor what
//! an earlier run of ours has.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::Command,
    thread,
};

use anyhow::{Context, Result, ensure};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    film::media::{Carry, Container, Track, TrackKind},
    finding::{Finding, Property, What},
    os::{
        process::{ToolFailure, outcome},
        words::count,
    },
    source::{
        listener::Listener,
        packets::{Original, filling, keep_clock},
        probe::file_url,
        texts::{self, Text},
    },
};

/// The tracks that are copied, with their places in the output; `film` is whether the picture is there as well.
#[must_use]
pub fn pairs(container: &Container, film: bool) -> Vec<Pair<'_>> {
    // Of those that are not in the file, the numbers count and the places do not.
    let (mut numbers, mut places) = ([0; 3], [0; 3]);
    let is_picture = |track: &Track| track.id == container.video_track.id;
    let tracks = container.tracks();
    let mut pairs = Vec::new();
    for track in tracks
        .into_iter()
        .filter(|track| film || !is_picture(track))
    {
        numbers[track.kind as usize] += 1;
        if !film && container.is_new(track) {
            continue;
        }
        let place = places[track.kind as usize];
        places[track.kind as usize] += 1;
        let letter = match track.kind {
            TrackKind::Video => 'v',
            TrackKind::Audio => 'a',
            TrackKind::Subtitles => 's',
        };
        let copied = !is_picture(track) && !container.is_new(track);
        if copied && track.stream != usize::MAX {
            pairs.push(Pair {
                track,
                output: format!("0:{letter}:{place}"),
                output_codec: "",
                what: what_is_in(track.kind).of_track(numbers[track.kind as usize]),
            });
        }
    }
    pairs
}

/// What is compared of tracks of a kind.
pub(super) fn what_is_in(kind: TrackKind) -> Property {
    match kind {
        TrackKind::Video => Property::VideoTrack,
        TrackKind::Audio => Property::SoundTrack,
        TrackKind::Subtitles => Property::SubtitleTrack,
    }
}

/// A track of the source, and where it is in the output.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// The track of the source.
    pub track: &'a Track,
    /// ffmpeg's name of it in the output: `0:a:1`.
    pub output: String,
    /// What it is encoded with there, where that may be something else.
    pub output_codec: &'a str,
    /// What is compared: `sound track 2`.
    pub what: What,
}

/// Two films whose tracks are compared.
pub struct Films<'a> {
    /// The source.
    pub source: Original<'a>,
    /// The output.
    pub output: Output<'a>,
    /// By how many milliseconds times are later in the output.
    pub later_ms: f64,
}

/// A film that was made of another.
#[derive(Clone, Copy)]
pub enum Output<'a> {
    /// One of ours, by its container's clock.
    Ours(&'a Path),
    /// Any other, by its own.
    Any(Original<'a>),
}

/// Times of one packet in two files differ by rounding to a millisecond, and where several are in one block of Matroska, by
/// what ffmpeg's reader loses when it divides that block.
const SAME_TIME_MS: f64 = 2.01;
/// On average over a track they differ by less.
const SAME_ON_AVERAGE_MS: f64 = 1.0;
/// Lines that one reader may be ahead of the other, so that memory stays bounded.
const AHEAD: usize = 4096;

/// One line of ffmpeg's muxer framehash.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    stream: usize,
    ms: f64,
    /// How long it lasts, in milliseconds; 0 where nobody says.
    lasts_ms: f64,
    hash: String,
}

/// In what the packets of a track may be others than in the source.
#[derive(Debug, Clone, Copy)]
struct Apart {
    /// By how much they are later, in milliseconds.
    later_ms: f64,
    /// So many at the beginning may be missing, if they end before the film begins: an edit list hides them.
    hidden: usize,
}

impl<'a> Films<'a> {
    /// The source of a job, and its output.
    #[must_use]
    pub fn of_job(source: Original<'a>, output: &'a Path) -> Self {
        Self {
            source,
            output: Output::Ours(output),
            later_ms: source.container.clock.offset_us as f64 / 1000.0,
        }
    }

    /// Whoever has ffmpeg read a file of ours.
    fn listener(&self) -> Listener<'a> {
        Listener::of_ours(self.source.tools)
    }

    /// Whoever has ffmpeg read the output.
    fn output_listener(&self) -> Listener<'a> {
        match self.output {
            Output::Ours(_) => self.listener(),
            Output::Any(film) => film.listener(),
        }
    }

    fn read_output(&self) -> Command {
        match self.output {
            Output::Ours(file) => self.reading(file),
            Output::Any(film) => film.reading(),
        }
    }

    /// Has ffmpeg, which reads the output, keep its clock.
    fn keep_output_clock(&self, command: &mut Command) {
        if let Output::Any(film) = self.output {
            keep_clock(command, film.container);
        }
    }

    /// ffmpeg, reading a file of ours.
    fn reading(&self, file: &Path) -> Command {
        let mut command = Command::new(&self.source.tools.ffmpeg);
        command
            .args(["-nostdin", "-hide_banner", "-v", "error", "-copyts", "-i"])
            .arg(file_url(file));
        command
    }

    /// ffmpeg, reading the track of a pair in the source, and in the output.
    fn reading_both(&self, pair: &Pair<'_>) -> [Command; 2] {
        let (mut source, mut output) = (self.source.reading(), self.read_output());
        source.args(["-map", &format!("0:{}", pair.track.stream)]);
        output.args(["-map", &pair.output]);
        [source, output]
    }

    /// Compares all tracks that are copied, one finding for each.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn copied(&self, pairs: &[Pair<'_>]) -> Result<Vec<Finding>> {
        let whole: Vec<&Pair<'_>> = pairs
            .iter()
            .filter(|pair| pair.track.carry == Carry::Copy)
            .collect();
        let mut packets = self.packets(&whole)?.into_iter();
        let finding = |pair: &Pair<'_>| match pair.track.carry {
            Carry::Copy => self.of_copied(pair, &packets.next().unwrap_or_default()),
            _ => self.of_decoded(pair),
        };
        pairs.iter().map(finding).collect()
    }

    /// Compares tracks of which nobody says how they were made: packet by packet, else sample by sample, picture by picture,
    /// word by word. `None`: it is another sound, of which only how it sounds can be compared.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn like(&self, pairs: &[Pair<'_>]) -> Result<Vec<Option<Finding>>> {
        let packets = self.packets(&pairs.iter().collect::<Vec<_>>())?;
        let finding = |(pair, packets): (&Pair<'_>, &Packets)| {
            let of_packets =
                packets.finding(pair.what, "hashes and times of all packets, by ffmpeg");
            // What ffmpeg gets wrong in both is not right.
            let edited = !pair.track.edits.is_empty() || self.edited_output(pair).is_some();
            if packets.agree() && !edited {
                return Ok(Some(of_packets));
            }
            Ok(match pair.track.kind {
                TrackKind::Video => Some(self.frames(pair)?),
                TrackKind::Audio if is_lossless(pair.output_codec) => {
                    Some(self.samples(pair)?).filter(|finding| finding.agrees)
                }
                TrackKind::Audio => None,
                TrackKind::Subtitles => Some(match self.texts(pair) {
                    // Pictures have no words.
                    Err(error) if error.is::<ToolFailure>() => of_packets,
                    texts => texts?,
                }),
            })
        };
        pairs.iter().zip(&packets).map(finding).collect()
    }

    /// Compares the packets of some tracks.
    fn packets(&self, pairs: &[&Pair<'_>]) -> Result<Vec<Packets>> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let (mut source, mut output) = (self.source.reading(), self.read_output());
        for pair in pairs {
            source.args(["-map", &format!("0:{}", pair.track.stream)]);
            output.args(["-map", &pair.output]);
        }
        source.args(["-c", "copy"]);
        for (n, _) in (0..)
            .zip(pairs)
            .filter(|(_, pair)| pair.track.codec == "aac")
        {
            // Transport streams have headers in front of every packet that Matroska has not.
            source.args([&format!("-bsf:{n}"), "aac_adtstoasc"]);
        }
        output.args(["-c", "copy"]);
        for (n, _) in (0..)
            .zip(pairs)
            .filter(|(_, pair)| pair.output_codec == "aac")
        {
            output.args([&format!("-bsf:{n}"), "aac_adtstoasc"]);
        }
        keep_clock(hashed(&mut source), self.source.container);
        self.keep_output_clock(hashed(&mut output));
        let source = (self.source.listener(), source);
        let apart = pairs.iter().map(|pair| self.apart(pair));
        self.in_lockstep(source, output, &apart.collect::<Vec<_>>())
    }

    /// Compares the sound of the file `encoded` with the output's, whose tracks are moved by `sync_ms`, and have these `numbers`
    /// among all sound there, from 0: one finding for each.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn encoded(
        &self,
        encoded: &Path,
        sync_ms: &[i64],
        numbers: &[usize],
    ) -> Result<Vec<Finding>> {
        let (mut source, mut output) = (self.reading(encoded), self.read_output());
        source.args(["-map", "0:a"]);
        for number in numbers {
            output.args(["-map", &format!("0:a:{number}")]);
        }
        for command in [&mut source, &mut output] {
            hashed(command.args(["-c", "copy"]));
        }
        let moved = |ms: &i64| Apart {
            later_ms: *ms as f64,
            hidden: 0,
        };
        let apart: Vec<Apart> = sync_ms.iter().map(moved).collect();
        let compared = self.in_lockstep((self.listener(), source), output, &apart)?;
        let by = "hashes and times of all packets that were encoded, by ffmpeg";
        let finding = |(number, packets): (&usize, &Packets)| {
            packets.finding(Property::SoundPackets.of_track(number + 1), by)
        };
        Ok(numbers.iter().zip(&compared).map(finding).collect())
    }

    /// What comparing the `packets` of a track came to; where they are cut differently, what is in them counts.
    fn of_copied(&self, pair: &Pair<'_>, packets: &Packets) -> Result<Finding> {
        match pair.track.kind {
            // Packets that an edit list hides are copied like all others, and are heard where it has a pause.
            TrackKind::Audio if !packets.agree() || pair.track.hides_in_pause => self.samples(pair),
            TrackKind::Video if !packets.agree() => self.frames(pair),
            _ => Ok(packets.finding(pair.what, "hashes and times of all packets, by ffmpeg")),
        }
    }

    /// Compares what is in a track whose packets are others.
    fn of_decoded(&self, pair: &Pair<'_>) -> Result<Finding> {
        match pair.track.kind {
            TrackKind::Audio => self.samples(pair),
            TrackKind::Video => self.frames(pair),
            TrackKind::Subtitles => self.texts(pair),
        }
    }

    /// In what the packets of a track that is copied may be others.
    fn apart(&self, pair: &Pair<'_>) -> Apart {
        Apart {
            later_ms: self.later_ms,
            hidden: pair.track.hidden as usize,
        }
    }

    /// Compares packets of both, as they come; each stream may be others in one way of `apart`.
    fn in_lockstep(
        &self,
        (of_source, source): (Listener<'_>, Command),
        output: Command,
        apart: &[Apart],
    ) -> Result<Vec<Packets>> {
        let (of_output, restarts) = (self.output_listener(), self.source.container.restarts);
        let ((from_source, ours), (from_output, theirs)) = (bounded(AHEAD), bounded(AHEAD));
        thread::scope(|scope| {
            let a = scope.spawn(move || of_source.stream(source, |text| send(text, &from_source)));
            let b = scope.spawn(move || of_output.stream(output, |text| send(text, &from_output)));
            let packets = compare(&ours, &theirs, apart, restarts);
            drop((ours, theirs));
            outcome(a).context("reading the source's other tracks again")?;
            outcome(b).context("reading the output's other tracks")?;
            Ok(packets)
        })
    }

    /// Compares what `source` and `output` write of one track, packet by packet.
    fn one_track(
        &self,
        pair: &Pair<'_>,
        mut source: Command,
        mut output: Command,
    ) -> Result<Packets> {
        keep_clock(hashed(&mut source), self.source.container);
        self.keep_output_clock(hashed(&mut output));
        let source = (self.source.listener(), source);
        let mut packets = self.in_lockstep(source, output, &[self.apart(pair)])?;
        Ok(packets.pop().unwrap_or_default())
    }

    /// Compares decoded sound, sample by sample.
    fn samples(&self, pair: &Pair<'_>) -> Result<Finding> {
        let [mut source, mut output] = self.reading_both(pair);
        // Of the same samples, the same blocks, whatever packets they come in.
        let blocks = "asetnsamples=n=4800:p=0";
        let (filled, depth) = match pair.track.carry {
            Carry::Decoded => (
                format!("{},{blocks}", filling(self.source.container)),
                "pcm_s24le",
            ),
            _ => (blocks.to_owned(), "pcm_f64le"),
        };
        source.args(["-af", &filled, "-c:a", depth]);
        output.args(["-af", blocks, "-c:a", depth]);
        Ok(self.one_track(pair, source, output)?.of_samples(pair.what))
    }

    /// Compares decoded pictures: packets of some codecs have another form in transport streams.
    fn frames(&self, pair: &Pair<'_>) -> Result<Finding> {
        let [mut source, mut output] = self.reading_both(pair);
        let all = [
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1/1000000",
            "-c:v",
            "rawvideo",
        ];
        source.args(all);
        output.args(all);
        Ok(self.one_track(pair, source, output)?.of_pictures(pair.what))
    }

    /// Compares words and times of subtitles whose form has changed.
    fn texts(&self, pair: &Pair<'_>) -> Result<Finding> {
        let [mut source, mut output] = self.reading_both(pair);
        let offset = format!("{}us", (self.later_ms * 1000.0).round());
        source.args(["-c:s", "srt", "-output_ts_offset", &offset]);
        source.args(["-f", "srt", "pipe:1"]);
        keep_clock(&mut source, self.source.container);
        output.args(["-c:s", "srt", "-f", "srt", "pipe:1"]);
        self.keep_output_clock(&mut output);
        let texts = |listener: Listener<'_>, command| -> Result<Vec<Text>> {
            let read = listener.output(command).context("reading subtitles")?;
            Ok(texts::parse(&String::from_utf8_lossy(&read)))
        };
        let mut ours = match pair.track.edits.is_empty() {
            true => texts(self.source.listener(), source)?,
            false => {
                let moved = |text: Text| (text.0 + self.later_ms, text.1 + self.later_ms, text.2);
                let texts = self.source.texts(pair.track)?;
                texts.into_iter().map(moved).collect()
            }
        };
        let mut theirs = match (self.edited_output(pair), self.output) {
            (Some(track), Output::Any(film)) => film.texts(track)?,
            _ => texts(self.output_listener(), output)?,
        };
        if let Output::Any(_) = self.output {
            (ours, theirs) = (without_markup(ours), without_markup(theirs));
        }
        Ok(of_texts(pair.what, &ours, &theirs))
    }

    /// The track of a pair in an output of any kind, if its texts have an edit list that ffmpeg gets wrong.
    fn edited_output(&self, pair: &Pair<'_>) -> Option<&'a Track> {
        let Output::Any(film) = self.output else {
            return None;
        };
        let mut tracks = film.container.other_tracks.iter();
        let track = tracks.find(|track| format!("0:{}", track.stream) == pair.output)?;
        (!track.edits.is_empty()).then_some(track)
    }
}

/// Whether sound that is encoded with `codec`, by ffmpeg's name or mkvmerge's, has the samples that went in.
fn is_lossless(codec: &str) -> bool {
    const NAMES: [&str; 7] = ["pcm", "flac", "alac", "truehd", "mlp", "wavpack", "tta"];
    let codec = codec.to_ascii_lowercase();
    NAMES.iter().any(|name| codec.starts_with(name))
}

/// Has ffmpeg write a line for every packet.
fn hashed(command: &mut Command) -> &mut Command {
    command.args(["-f", "framehash", "-hash", "murmur3", "pipe:1"])
}

/// Compares the texts of a track of subtitles, by words and times.
pub(super) fn of_texts(what: What, source: &[Text], output: &[Text]) -> Finding {
    let differ = |(a, b): &(&Text, &Text)| {
        (a.0 - b.0).abs() > SAME_TIME_MS || (a.1 - b.1).abs() > 2.0 * SAME_TIME_MS || a.2 != b.2
    };
    let wrong = source.iter().zip(output).find(differ);
    let agrees = source.len() == output.len() && wrong.is_none();
    let shown = |texts: &[Text], wrong: Option<&Text>| {
        let first = wrong.map_or_else(String::new, |(from, _, words)| {
            let words = words.trim_end().replace('\n', " / ");
            format!(", of them `{words}` at {:.3} s", from / 1000.0)
        });
        count(texts.len() as u64, "text") + &first
    };
    let by = "words and times of all, by ffmpeg";
    let source = shown(source, wrong.map(|both| both.0));
    let output = shown(output, wrong.map(|both| both.1));
    Finding::new(what, source, output, by, agrees)
}

/// The words of texts without what says how they look, which every form of subtitles says in its own way: `<i>`, `{\an8}`.
fn without_markup(mut texts: Vec<Text>) -> Vec<Text> {
    for (_, _, words) in &mut texts {
        for (open, close) in [("<", '>'), ("{\\", '}')] {
            while let Some(begin) = words.find(open)
                && let Some(length) = words[begin..].find(close)
            {
                words.replace_range(begin..=begin + length, "");
            }
        }
    }
    texts
}

/// What comparing the packets of a track came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Packets {
    /// Packets that are the same, from the first on.
    same: u64,
    /// By how much these are later in the output, all together, in milliseconds.
    later_ms: f64,
    /// The first that differs, if one does: in the source, in the output.
    differ: Option<(String, String)>,
    /// Packets of the source that are damaged, and have another content or are missing in the output, between others that
    /// are the same.
    damaged: u64,
    /// The time of the first of these, in milliseconds of the output.
    damaged_ms: f64,
}

/// Of so many packets that are the same, one may be damaged in the source. mkvmerge looks for the beginning of every packet
/// of sound by itself, and finds others where bytes are lost.
const TO_ONE_DAMAGED: u64 = 50;
/// So many packets in a row may be.
const DAMAGED_AT_ONCE: usize = 64;

impl Packets {
    fn agree(&self) -> bool {
        self.differ.is_none()
            && self.on_average_ms().abs() <= SAME_ON_AVERAGE_MS
            && self.damaged * TO_ONE_DAMAGED <= self.same
    }

    /// Passes over packets that are damaged in the source, if what follows is the same again.
    fn pass_over(
        &mut self,
        source: &mut VecDeque<Line>,
        output: &mut VecDeque<Line>,
        offset_ms: f64,
    ) -> bool {
        let is = |a: &Line, b: &Line| {
            a.hash == b.hash && (a.ms + offset_ms - b.ms).abs() <= SAME_TIME_MS
        };
        for n in 0..source.len().min(DAMAGED_AT_ONCE) {
            let Some(m) = output
                .iter()
                .take(DAMAGED_AT_ONCE)
                .position(|line| is(&source[n], line))
            else {
                continue;
            };
            if self.damaged == 0 {
                self.damaged_ms = source[0].ms + offset_ms;
            }
            self.damaged += n.max(m) as u64;
            source.drain(..n);
            output.drain(..m);
            return true;
        }
        false
    }

    /// The packets of a track.
    pub(super) fn finding(&self, what: What, by: &str) -> Finding {
        Finding::new(what, self.source(), self.output(), by, self.agree())
    }

    /// Its samples, decoded, in packets of one length.
    pub(super) fn of_samples(&self, what: What) -> Finding {
        let blocks = |text: String| {
            let of = if self.same > 0 {
                " of decoded samples"
            } else {
                ""
            };
            text.replace("packet", "block") + of
        };
        let by = "all samples and their times, decoded by ffmpeg";
        let (source, output) = (blocks(self.source()), blocks(self.output()));
        Finding::new(what, source, output, by, self.agree() && self.same > 0)
    }

    /// Its pictures, decoded, a packet each.
    pub(super) fn of_pictures(&self, what: What) -> Finding {
        let pictures = |text: String| text.replace("packet", "decoded picture");
        let by = "all pictures and their times, decoded by ffmpeg";
        let (source, output) = (pictures(self.source()), pictures(self.output()));
        Finding::new(what, source, output, by, self.agree() && self.same > 0)
    }

    fn on_average_ms(&self) -> f64 {
        self.later_ms / self.same.max(1) as f64
    }

    fn source(&self) -> String {
        self.differ.as_ref().map_or_else(
            || count(self.same + self.damaged, "packet"),
            |(source, _)| self.side(source),
        )
    }

    fn output(&self) -> String {
        let average = self.on_average_ms();
        let later = if self.agree() {
            String::new()
        } else {
            format!(", {average:+.1} ms on average")
        };
        let damaged = match self.damaged {
            0 => String::new(),
            damaged => format!(
                ", and {damaged} that are damaged in the source and not as there, the first at {:.2} s",
                self.damaged_ms / 1000.0
            ),
        };
        let same = || count(self.same, "packet") + &damaged + &later;
        self.differ
            .as_ref()
            .map_or_else(same, |(_, output)| self.side(output))
    }

    fn side(&self, next: &str) -> String {
        format!("after {}, {next}", count(self.same, "packet"))
    }
}

/// What has come of a track and was not compared yet.
struct Waiting {
    source: VecDeque<Line>,
    output: VecDeque<Line>,
    packets: Packets,
    /// Whether the container is one in which packets of sound may be damaged without its reader knowing.
    may_be_damaged: bool,
    apart: Apart,
    /// Packets of the source that were compared or passed over.
    passed: usize,
}

impl Waiting {
    /// Compares what has come of both; `all` is whether nothing more comes.
    fn advance(&mut self, all: bool) {
        let offset_ms = self.apart.later_ms;
        while let (Some(source), Some(output)) = (self.source.front(), self.output.front()) {
            if self.packets.differ.is_some() {
                self.source.clear();
                self.output.clear();
                return;
            }
            let at = source.ms + offset_ms;
            if source.hash == output.hash && (at - output.ms).abs() <= SAME_TIME_MS {
                self.packets.same += 1;
                self.packets.later_ms += output.ms - at;
                self.output.pop_front();
            } else if self.packets.same > 0 && self.may_be_damaged {
                if !all && self.source.len().min(self.output.len()) < 2 * DAMAGED_AT_ONCE {
                    // What follows will tell.
                    return;
                }
                let (at, other) = (at, output.ms);
                if !self
                    .packets
                    .pass_over(&mut self.source, &mut self.output, offset_ms)
                {
                    let place = |ms: f64| format!("a packet at {ms:.1} ms");
                    self.packets.differ =
                        Some((place(at), format!("another {}", &place(other)[2..])));
                }
                continue;
            } else if self.packets.same > 0 || !self.apart.may_lack(self.passed, source) {
                let place = |ms: f64| format!("a packet at {ms:.1} ms");
                let what = |same: bool, ms: f64| {
                    if same {
                        place(ms)
                    } else {
                        format!("another {}", &place(ms)[2..])
                    }
                };
                self.packets.differ =
                    Some((place(at), what(source.hash == output.hash, output.ms)));
            }
            self.source.pop_front();
            self.passed += 1;
        }
    }

    /// Nothing more comes.
    fn end(mut self) -> Packets {
        self.advance(true);
        if self.packets.same == 0 {
            let numbered = (self.passed..).zip(self.source);
            let lacking = numbered.filter(|(n, line)| !self.apart.may_lack(*n, line));
            self.source = lacking.map(|(_, line)| line).collect();
        }
        if self.packets.differ.is_none() && !(self.source.is_empty() && self.output.is_empty()) {
            let rest = |lines: &VecDeque<Line>| match lines.len() {
                0 => "no more".to_owned(),
                more => format!("{more} more"),
            };
            self.packets.differ = Some((rest(&self.source), rest(&self.output)));
        }
        self.packets
    }
}

impl Apart {
    /// Whether the `n`-th packet of the source may be missing at the beginning: nothing in the output can lie before the output,
    /// and what an edit list hides is not missed where it ends before the film begins.
    fn may_lack(&self, n: usize, line: &Line) -> bool {
        let is_hidden = n < self.hidden && line.ms + line.lasts_ms <= SAME_TIME_MS;
        line.ms + self.later_ms < 0.0 || is_hidden
    }
}

/// Compares the lines of some streams from both sides, taking from one side and the other in turn; what is in the output is
/// others as one of `apart` says.
fn compare(
    source: &Receiver<Line>,
    output: &Receiver<Line>,
    apart: &[Apart],
    may_be_damaged: bool,
) -> Vec<Packets> {
    let begin = |apart: &Apart| Waiting {
        source: VecDeque::new(),
        output: VecDeque::new(),
        packets: Packets::default(),
        may_be_damaged,
        apart: *apart,
        passed: 0,
    };
    let mut waiting: Vec<Waiting> = apart.iter().map(begin).collect();
    let (mut from_source, mut from_output) = (true, true);
    while from_source || from_output {
        for (side, lines, is_source) in [
            (&mut from_source, source, true),
            (&mut from_output, output, false),
        ] {
            if !*side {
                continue;
            }
            match lines.recv() {
                Err(_) => *side = false,
                Ok(line) => {
                    if let Some(waiting) = waiting.get_mut(line.stream) {
                        if is_source {
                            &mut waiting.source
                        } else {
                            &mut waiting.output
                        }
                        .push_back(line);
                        waiting.advance(false);
                    }
                }
            }
        }
    }
    waiting.into_iter().map(Waiting::end).collect()
}

/// Reads lines of framehash and passes them on.
fn send(text: &mut dyn Read, to: &Sender<Line>) -> Result<()> {
    let mut tick_ms: Vec<f64> = Vec::new();
    for line in BufReader::with_capacity(1 << 16, text).lines() {
        let line = line?;
        if let Some(rest) = line.strip_prefix("#tb ") {
            let (_, base) = rest
                .split_once(": ")
                .context("a time base belongs to a stream")?;
            let (num, den) = base.split_once('/').context("a time base is a ratio")?;
            tick_ms.push(1000.0 * num.trim().parse::<f64>()? / den.trim().parse::<f64>()?);
        }
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        ensure!(
            fields.len() >= 6,
            "`{line}` is no line of ffmpeg's framehash"
        );
        let stream: usize = fields[0].parse()?;
        let tick = tick_ms
            .get(stream)
            .context("a stream without a time base")?;
        let ticks = |text: &str| text.parse::<i64>().context("a time is a number");
        let pts = ticks(fields[2])?;
        // A packet without a time follows the one before it; its time is that of decoding.
        let pts = if pts == i64::MIN {
            ticks(fields[1])?
        } else {
            pts
        };
        if to
            .send(Line {
                stream,
                ms: pts as f64 * tick,
                lasts_ms: fields[3].parse::<i64>().unwrap_or(0).max(0) as f64 * tick,
                hash: fields[5].to_owned(),
            })
            .is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod examples {
    use super::*;

    pub(super) fn lines_of(text: &str) -> Vec<Line> {
        let (sender, lines) = bounded(1000);
        send(&mut text.as_bytes(), &sender).unwrap();
        drop(sender);
        lines.iter().collect()
    }

    /// Two streams of two packets each.
    pub(in crate::output) const LIST: &str = "#format: frame checksums\n#tb 0: 1/1000\n#tb 1: 1/48000\n\
        0,          0,          0,       40,      100, aa\n1,      -1024,      -1024,     1024,        4, bb\n\
        1,          0,          0,     1024,        4, cc\n0,         40,         40,       40,      100, dd\n";

    /// What comparing two lists of packets comes to, for each of their two streams.
    pub(in crate::output) fn compared(source: &str, output: &str, offset_ms: f64) -> Vec<Packets> {
        let side = |text| {
            let (sender, receiver) = bounded(100);
            lines_of(text)
                .into_iter()
                .for_each(|line| sender.send(line).unwrap());
            receiver
        };
        let apart = Apart {
            later_ms: offset_ms,
            hidden: 1,
        };
        compare(&side(source), &side(output), &[apart; 2], false)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        examples::{LIST, compared, lines_of},
        *,
    };

    #[test]
    fn the_same_packets_at_the_same_times_agree() {
        let same = compared(LIST, LIST, 0.0);
        assert!(same.iter().all(Packets::agree), "{same:?}");
        assert_eq!(same[1].same, 2);
    }

    #[test]
    fn what_an_edit_list_hides_before_the_film_may_be_missing_and_nothing_else() {
        let without = |text: &str| {
            LIST.lines()
                .filter(|line| !line.ends_with(text))
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert!(compared(LIST, &without("bb"), 0.0)[1].agree());
        for lost in ["aa", "cc", "dd"] {
            assert!(
                !compared(LIST, &without(lost), 0.0)
                    .iter()
                    .all(Packets::agree),
                "{lost}"
            );
            assert!(
                !compared(&without(lost), LIST, 0.0)
                    .iter()
                    .all(Packets::agree),
                "{lost} more"
            );
        }
    }

    #[test]
    fn a_packet_in_which_the_film_begins_is_not_missing_and_one_that_ends_before_may_be() {
        let list = |packets: &[(i64, &str)]| {
            let line = |(ms, hash): &(i64, &str)| format!("0, {ms}, {ms}, 20, 4, {hash}\n");
            "#tb 0: 1/1000\n".to_owned() + &packets.iter().map(line).collect::<String>()
        };
        let source = list(&[(-30, "aa"), (-10, "bb"), (10, "cc")]);
        let agrees = |output: &[(i64, &str)]| compared(&source, &list(output), 30.0)[0].agree();
        assert!(agrees(&[(0, "aa"), (20, "bb"), (40, "cc")]));
        assert!(agrees(&[(20, "bb"), (40, "cc")]));
        assert!(!agrees(&[(0, "aa"), (40, "cc")]));
        assert!(!agrees(&[(40, "cc")]));
        // Where no list hides it, none may.
        let agrees_unhidden = {
            let side = |text: &str| {
                let (sender, receiver) = bounded(100);
                let mut lines = lines_of(text).into_iter();
                lines.try_for_each(|line| sender.send(line)).unwrap();
                receiver
            };
            let apart = Apart {
                later_ms: 30.0,
                hidden: 0,
            };
            let output = list(&[(20, "bb"), (40, "cc")]);
            compare(&side(&source), &side(&output), &[apart], false)[0].agree()
        };
        assert!(!agrees_unhidden);
    }

    #[test]
    fn another_content_and_another_time_differ() {
        assert!(!compared(LIST, &LIST.replace("dd", "ee"), 0.0)[0].agree());
        let moved = |by: u32| {
            LIST.replace(
                "        40,         40,",
                &format!("        {0},         {0},", 40 + by),
            )
        };
        assert!(!compared(LIST, &moved(3), 0.0)[0].agree());
        // One that is rounded, but not all of them.
        assert!(compared(LIST, &moved(1), 0.0)[0].agree());
        assert!(!compared(LIST, LIST, 1.5)[0].agree());
    }

    #[test]
    fn damaged_packets_between_good_ones_are_counted_where_a_container_has_such() {
        let list = |change: &dyn Fn(u32) -> Option<String>| {
            let line =
                |n: u32| change(n).map(|hash| format!("0, {0}, {0}, 40, 100, {hash}\n", n * 40));
            "#tb 0: 1/1000\n".to_owned() + &(0..400).filter_map(line).collect::<String>()
        };
        let good = list(&|n| Some(format!("h{n}")));
        let one = |output: &str, may_be_damaged| {
            let side = |text| {
                let (sender, receiver) = bounded(1000);
                lines_of(text)
                    .into_iter()
                    .for_each(|line| sender.send(line).unwrap());
                receiver
            };
            let apart = Apart {
                later_ms: 0.0,
                hidden: 0,
            };
            compare(&side(&good), &side(output), &[apart], may_be_damaged).remove(0)
        };
        let other = list(&|n| {
            Some(if (100..103).contains(&n) {
                format!("x{n}")
            } else {
                format!("h{n}")
            })
        });
        let lost = list(&|n| (n != 200).then(|| format!("h{n}")));
        for (output, damaged, ms) in [(&other, 3, 4000.0), (&lost, 1, 8000.0)] {
            let packets = one(output, true);
            assert!(
                packets.agree() && packets.damaged == damaged && packets.damaged_ms == ms,
                "{packets:?}"
            );
            assert!(!one(output, false).agree());
        }
        // Too many, or all that follows.
        assert!(
            !one(
                &list(&|n| Some(if n % 20 == 3 {
                    "x".to_owned()
                } else {
                    format!("h{n}")
                })),
                true
            )
            .agree()
        );
        assert!(
            !one(
                &list(&|n| Some(if n > 300 {
                    format!("x{n}")
                } else {
                    format!("h{n}")
                })),
                true
            )
            .agree()
        );
        assert!(
            !one(
                &list(&|n| Some(format!("h{}", n + u32::from(n > 200)))),
                true
            )
            .agree(),
            "times"
        );
    }
}
