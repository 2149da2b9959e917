//! Decides who reads the film, and makes sure that what is delivered is the film, before anything is encoded.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    event::{Event, Stage, detail, note, warn},
    film::media::{Container, MediaInfo, Range, Subsampling},
    job::{Job, ReaderRecord, names::Name},
    os::{
        disk,
        exit::{Taken, UnfitFilm},
        process::quoted,
        processors,
        signal::{self, Interrupted},
        task::{Task, Watch, begin},
        toolbox::Toolbox,
        words::count,
    },
    settings::{Config, Method},
    source::{
        self, Files, Indexed, Reader, Source, VapourSynth,
        changes::{self, Change, Divided},
        frames::{Layout, SMALL},
        linear::{self, Linear},
        packets::{Announced, Packets},
        places::{self, Film, References},
        probe::{self, Probed},
    },
    stream::y4m,
    work::handed::Handing,
};

/// A film with fewer pictures is read in order at once: to build an index and to check it costs more than it can save.
const SHORT: usize = 3000;
/// Frames that VapourSynth may cache for each clip that is read: it is read in order, and nothing of it again.
const CACHED_FRAMES: u64 = 2;
/// Times of one picture by two programs differ by rounding at most, in milliseconds.
const SAME_TIME_MS: f64 = 1.1;

/// A film that can be read.
pub struct Opened {
    /// Who delivers its pictures.
    pub reader: Reader,
    /// What it is. Of a film that is read in order, the pictures are those that its packets announce.
    pub media: Arc<MediaInfo>,
    /// The pictures as its packets announce them.
    pub announced: Arc<Announced>,
    /// What another program shows at some places, where that is known already.
    pub references: Option<References>,
    /// What is known to change on the way, and was said.
    pub changes: Vec<Change>,
}

/// What opening a film takes.
pub struct Opening<'a> {
    /// Signals and events.
    pub watch: &'a Watch<'a>,
    /// What the user wants.
    pub config: &'a Config,
    /// ffmpeg and ffprobe.
    pub tools: &'a Toolbox,
    /// The version of ffmpeg.
    pub ffmpeg: &'a str,
    /// Whether there is a VapourSynth.
    pub has_vapoursynth: bool,
    /// The job.
    pub job: &'a Arc<Job>,
    /// Encoders at once, at most.
    pub workers: usize,
    /// Bits per sample that are encoded.
    pub bit_depth: u8,
    /// What the probe found.
    pub probed: &'a Probed,
}

/// Why FFMS2 does not read a film: not an error, but a sentence for people.
struct NotIndexed(String);

impl fmt::Display for NotIndexed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Opening<'_> {
    fn container(&self) -> &Container {
        &self.probed.container
    }

    /// Begins to read all packets, and to copy the tracks that mkvmerge does not take from the source.
    #[must_use]
    pub fn begin_packets(&self) -> Task<Packets> {
        let (tools, job) = (self.tools.clone(), self.job.clone());
        let (container, sink) = (self.container().clone(), self.watch.sink.clone());
        begin(move || {
            let handing = Handing {
                tools: &tools,
                job: &job,
                container: &container,
                sink: &sink,
            };
            job.room()
                .wait("the film's other tracks", || handing.read())
                .context("reading the film's packets, and copying its other tracks")
        })
    }

    /// Learns from `packets` which pictures there are.
    ///
    /// # Errors
    /// [`UnfitFilm`], if there is none.
    pub fn announced(&self, packets: &Task<Packets>) -> Result<Announced> {
        let packets = self.watch.wait(packets, || None)?;
        let announced = Announced::of(&packets, self.container().clock.first_ms);
        ensure!(
            !announced.times_ms.is_empty(),
            UnfitFilm(format!(
                "{} has no picture",
                quoted(self.config.input.as_os_str())
            ))
        );
        Ok(announced)
    }

    /// Opens the film; what comes of the encoder's `trial` is heard before anything long.
    ///
    /// # Errors
    /// If the film cannot be read, or is cut short.
    pub fn open(&self, trial: Option<Task<()>>) -> Result<Opened> {
        let packets = self.begin_packets();
        let decided = self.decided_before()?;
        let may_index = self.has_vapoursynth
            && decided
                .as_ref()
                .map_or(self.config.method != Method::Linear, |decided| {
                    !decided.linear
                });
        let loading = (may_index && (self.looks_long() || decided.is_some())).then(|| begin(load));
        trial.map_or(Ok(()), |trial| self.watch.wait(&trial, || None))?;
        (self.watch.sink)(Event::Stage {
            stage: Stage::Index,
        });
        let loaded = loading
            .map(|loading| self.watch.wait(&loading, || None))
            .transpose()?;
        // Both read the whole file, and the second finds it in memory.
        let reused = loaded.map(|vapoursynth| self.index(vapoursynth));
        let announced = Arc::new(self.announced(&packets)?);
        let changes = self.changes(&announced)?;
        let wish = match may_index {
            true => self.not_indexed(&decided, &announced, &changes),
            false => Err(decided.as_ref().and_then(|decided| decided.why.clone())),
        };
        let by_index = match wish {
            Err(why) => Err(why),
            Ok(()) => {
                let vapoursynth = loaded.map_or_else(|| self.watch.over(load), Ok)?;
                let reused = reused.unwrap_or_else(|| self.index(vapoursynth));
                let opened = self.by_index(vapoursynth, reused, &announced)?;
                opened
                    .map(|opened| (opened, vapoursynth.versions().ffms2))
                    .map_err(|NotIndexed(why)| Some(why))
            }
        };
        let (opened, reader, why) = match by_index {
            Ok((opened, ffms2)) => (opened, format!("FFMS2 {ffms2}"), None),
            Err(why) => {
                let opened = self.instead_in_order(announced, &decided, &why)?;
                (opened, format!("ffmpeg {}", self.ffmpeg), why)
            }
        };
        if decided.is_none() {
            self.job.record_reader(&ReaderRecord {
                linear: opened.reader.linear().is_some(),
                why,
                reader,
                film: MediaInfo::clone(&opened.media),
            })?;
        }
        Ok(Opened { changes, ..opened })
    }

    /// Why a film that may be indexed is read in order all the same, if somebody knows why.
    fn not_indexed(
        &self,
        decided: &Option<ReaderRecord>,
        announced: &Announced,
        changes: &[Change],
    ) -> Result<(), Option<String>> {
        if decided.is_some() {
            return Ok(());
        }
        let altered = changes.iter().find(|change| change.alters_pictures());
        let doubt = announced.doubt.clone();
        match doubt.or(altered.map(Change::to_string)) {
            Some(doubt) => Err(Some(doubt)),
            None if self.config.method == Method::Auto && announced.times_ms.len() < SHORT => {
                Err(None)
            }
            None => Ok(()),
        }
    }

    /// Opens the film for being read in order, `why` not by an index; says so, unless that was `decided` before.
    fn instead_in_order(
        &self,
        announced: Arc<Announced>,
        decided: &Option<ReaderRecord>,
        why: &Option<String>,
    ) -> Result<Opened> {
        let sink = self.watch.sink;
        let why = why.as_deref().unwrap_or_default();
        match decided {
            // Chunks of an earlier run are of what FFMS2 has delivered.
            Some(decided) if !decided.linear && !why.is_empty() => bail!(
                "{} was read by FFMS2 in the earlier run, and cannot be now ({why}): add --restart",
                quoted(self.config.input.as_os_str())
            ),
            None if !why.is_empty() => note(
                sink,
                format!("{why}: the film is decoded from beginning to end by ffmpeg"),
            ),
            _ => (),
        }
        self.in_order(announced)
    }

    /// ffmpeg reads a film from now on that was `opened` by its index: `why`.
    #[must_use]
    pub fn in_order_from_now_on(&self, opened: &Opened, why: String) -> ReaderRecord {
        ReaderRecord {
            linear: true,
            why: Some(why),
            reader: format!("ffmpeg {}", self.ffmpeg),
            film: MediaInfo::clone(&opened.media),
        }
    }

    /// Who reads the film, if an earlier run has decided that. Where it is no longer known, nothing of what it has encoded is
    /// used: pictures that two readers deliver must not be mixed.
    ///
    /// # Errors
    /// [`Taken`], if that was FFMS2, and the user now wants ffmpeg.
    fn decided_before(&self) -> Result<Option<ReaderRecord>> {
        let decided = self.decided()?;
        if self.config.method == Method::Linear
            && let Some(decided) = decided.as_ref().filter(|decided| !decided.linear)
        {
            bail!(Taken(format!(
                "{} has read the film in the earlier run: leave --chunk-method linear out to go on with that work, or add \
                 --restart to throw it away",
                decided.reader
            )));
        }
        Ok(decided)
    }

    fn decided(&self) -> Result<Option<ReaderRecord>> {
        self.job.reader().or_else(|error| {
            note(
                self.watch.sink,
                format!(
                    "{error:#}: who reads the film is decided again, and all of it encoded again"
                ),
            );
            self.job.forget_from(0)?;
            Ok(None)
        })
    }

    /// Whether what the container says of the film makes it one that is worth an index.
    fn looks_long(&self) -> bool {
        let by_time = self
            .container()
            .duration_seconds
            .map(|seconds| seconds * 24.0);
        let frames = self
            .container()
            .declared_frames
            .map(|frames| frames as f64)
            .or(by_time);
        self.config.method == Method::Ffms2 || frames.is_none_or(|frames| frames >= SHORT as f64)
    }

    /// Builds the frame index, unless an earlier run has; returns whether one has.
    fn index(&self, vapoursynth: VapourSynth) -> Result<bool> {
        let Self {
            job, config, watch, ..
        } = *self;
        if job.is_intact(Name::Index) {
            return Ok(true);
        }
        if job.path(Name::Index).exists() {
            note(
                watch.sink,
                "the index of the earlier run is damaged and is built again",
            );
        }
        let part = job.part(Name::Index)?;
        // FFMS2 opens it by its name: a link in its place would be followed.
        let bytes = fs::metadata(&config.input)?.len();
        let input = config.input.clone();
        let position = || {
            let fraction = source::read_position(&config.input)? as f64 / bytes.max(1) as f64;
            Some(Event::Fraction {
                stage: Stage::Index,
                fraction: fraction.min(1.0),
            })
        };
        let room = job.room().clone();
        let indexing = begin(move || room.wait("the index", || vapoursynth.index(&input, &part)));
        watch.wait(&indexing, position)?;
        job.require_same_source()?;
        job.finish(Name::Index)?;
        job.seal(Name::Index)?;
        Ok(false)
    }

    /// Opens the film by its index, and compares what that delivers with what other programs see.
    fn by_index(
        &self,
        vapoursynth: VapourSynth,
        reused: Result<bool>,
        announced: &Arc<Announced>,
    ) -> Result<Result<Opened, NotIndexed>> {
        let no = |error: anyhow::Error| -> Result<Result<Opened, NotIndexed>> {
            if error.is::<Interrupted>() || self.job.require_same_source().is_err() {
                return Err(error);
            }
            detail(self.watch.sink, format!("FFMS2: {error:#}"));
            Ok(Err(NotIndexed("FFMS2 cannot read it".to_owned())))
        };
        let opened = match reused {
            Err(error) => return no(error),
            Ok(reused) => match self.open_index(vapoursynth, announced) {
                Err(error) if reused && !error.is::<Interrupted>() => {
                    let again = "the index of the earlier run cannot be used and is built again";
                    note(self.watch.sink, format!("{again} ({error:#})"));
                    fs::remove_file(self.job.path(Name::Index))
                        .context("removing the damaged index")?;
                    match self.index(vapoursynth) {
                        Err(error) => return no(error),
                        Ok(_) => self.open_index(vapoursynth, announced),
                    }
                }
                opened => opened,
            },
        };
        let (source, indexed, references) = match opened {
            Err(error) => return no(error),
            Ok(Err(why)) => return Ok(Err(why)),
            Ok(Ok(parts)) => parts,
        };
        let media = self.media(Indexed {
            fps: indexed.fps,
            width: indexed.width,
            height: indexed.height,
            ..self.as_announced(announced)
        })?;
        let watch = Arc::new(places::Watch::new(
            announced.as_ref().clone(),
            references.clone(),
        ));
        let reader = Reader::Indexed(Arc::new(source), Some(watch));
        Ok(Ok(Opened {
            reader,
            media,
            announced: announced.clone(),
            references: Some(references),
            changes: Vec::new(),
        }))
    }

    fn open_index(
        &self,
        vapoursynth: VapourSynth,
        announced: &Arc<Announced>,
    ) -> Result<Result<(Source, Indexed, References), NotIndexed>> {
        let container = self.container().clone();
        let cores = processors::count();
        limit(vapoursynth, &container, self.workers);
        let input = self.config.input.clone();
        let bit_depth = self.bit_depth;
        let threads = cores / self.workers;
        let (tools, job) = (self.tools.clone(), self.job.clone());
        let announced = announced.clone();
        if let Err(why) = vapoursynth.listen() {
            detail(self.watch.sink, format!("FFMS2: {why:#}"));
            let why = "nobody would hear of pictures that FFMS2's decoder makes up";
            return Ok(Err(NotIndexed(why.to_owned())));
        }
        self.watch.over(move || {
            let scratch = job.part(Name::Times)?;
            let files = Files {
                input: &input,
                index: &job.path(Name::Index),
                scratch: &scratch,
            };
            let (mut source, indexed) = Source::open(vapoursynth, &files, &container, bit_depth)?;
            source.set_decoder_threads(threads);
            if let Some(why) = other_pictures(&indexed.times_ms, &announced.times_ms) {
                return Ok(Err(NotIndexed(why)));
            }
            let film = Film::source(job.original(&tools, &container));
            let places = places::choose(&announced);
            let references = References::look(&film, &announced, &places)
                .context("decoding some places of the film")?;
            Ok(match at_places(&source, &announced, &references)? {
                Some(why) => Err(NotIndexed(why)),
                None => Ok((source, indexed, references)),
            })
        })
    }

    /// Opens the film for being decoded from beginning to end.
    fn in_order(&self, announced: Arc<Announced>) -> Result<Opened> {
        let container = self.container();
        let (width, height) = container.video.shape().size();
        ensure!(
            width > 0 && height > 0,
            UnfitFilm(format!(
                "its picture is {width}x{height}, and the smallest of 4:2:0 is 2x2"
            ))
        );
        let layout = Layout {
            width: width as usize,
            height: height as usize,
            bit_depth: held_depth(container, self.bit_depth),
        };
        let keys_ms = announced
            .keys
            .iter()
            .map(|key| announced.times_ms[*key])
            .collect();
        let cores = processors::count();
        let film = self.linear(linear::Reading {
            layout,
            keys_ms,
            usual_ms: self.usual_ms(),
            decoder_threads: (cores / self.workers).max(1),
            only_keyframes: false,
            keep_on: self.config.keep_on_change,
        });
        let media = self.media(self.as_announced(&announced))?;
        let reader = Reader::Linear(film);
        Ok(Opened {
            reader,
            media,
            announced,
            references: None,
            changes: Vec::new(),
        })
    }

    fn usual_ms(&self) -> f64 {
        self.probed.rates.first().map_or(40.0, |rate| {
            1000.0 * f64::from(*rate.denom()) / f64::from(*rate.numer())
        })
    }

    /// The film as ffmpeg reads it in order.
    fn linear(&self, reading: linear::Reading) -> Arc<Linear> {
        let place: (PathBuf, &str) = (self.job.dir().to_owned(), self.job.source_link());
        Arc::new(Linear::new(
            self.tools,
            place,
            self.container().clone(),
            reading,
        ))
    }

    /// What changes on the way, which is said, if the film may be encoded all the same. Where its packets leave that open,
    /// its keyframes are decoded.
    ///
    /// # Errors
    /// [`UnfitFilm`], if that is not wanted.
    pub fn changes(&self, announced: &Announced) -> Result<Vec<Change>> {
        if !announced.may_change {
            return Ok(Vec::new());
        }
        let threads = processors::count();
        let film = self.linear(linear::Reading {
            usual_ms: self.usual_ms(),
            only_keyframes: true,
            // All changes are wanted, and not only the first.
            keep_on: true,
            layout: Layout {
                width: SMALL.0,
                height: SMALL.1,
                bit_depth: 8,
            },
            keys_ms: Vec::new(),
            decoder_threads: threads,
        });
        let changes = self.watch.over(move || {
            for frame in film.whole(threads)? {
                let _ = frame.context("decoding the film's keyframes")?;
            }
            Ok(film.changes())
        })?;
        if !self.config.keep_on_change
            && let Some(divided) = Divided::by(
                &changes,
                self.container(),
                &self.config.input,
                announced.described_anew,
            )
        {
            bail!(UnfitFilm(divided.to_string()));
        }
        changes::warnings(&changes)
            .into_iter()
            .for_each(|warning| warn(self.watch.sink, warning));
        Ok(changes)
    }

    /// The pictures as packets announce them.
    #[must_use]
    pub fn as_announced(&self, announced: &Announced) -> Indexed {
        let (width, height) = self.container().video.shape().size();
        let times_ms = announced.times_ms.clone();
        let Announced {
            packets,
            ends_ms,
            ends_within,
            ..
        } = *announced;
        Indexed {
            frames: times_ms.len() as u64,
            packets,
            fps: None,
            times_ms,
            ends_ms,
            ends_within,
            width,
            height,
        }
    }

    /// Puts together what the container and its frames say of the film.
    ///
    /// # Errors
    /// [`UnfitFilm`], if the film is cut short and that is not allowed.
    pub fn media(&self, indexed: Indexed) -> Result<Arc<MediaInfo>> {
        let tools = self.tools.clone();
        let (input, probed) = (self.config.input.clone(), self.probed.clone());
        let known_warnings = probed.container.warnings.len();
        let media = self
            .watch
            .over(move || media_info(&tools, &input, probed, indexed))?;
        self.refuse_truncated(&media, known_warnings)?;
        Ok(Arc::new(media))
    }

    /// Refuses a film that is cut short, unless it is wanted all the same; passes on what is new to say of it.
    fn refuse_truncated(&self, media: &MediaInfo, known_warnings: usize) -> Result<()> {
        if let Some(truncated) = &media.truncated {
            require_whole(self.watch, self.config, truncated)?;
            let shown = quoted(self.config.input.as_os_str());
            warn(
                self.watch.sink,
                format!("{shown} is cut short: {truncated}"),
            );
        }
        for warning in &media.container.warnings[known_warnings..] {
            warn(self.watch.sink, warning.clone());
        }
        Ok(())
    }
}

/// Refuses a film that is cut short, as `truncated` says, unless it is wanted all the same.
///
/// # Errors
/// [`UnfitFilm`]; those of the disk, if it does not give the film.
pub fn require_whole(watch: &Watch<'_>, config: &Config, truncated: &str) -> Result<()> {
    // What a disk does not give looks the same to ffmpeg.
    let input = config.input.clone();
    watch.over(move || disk::read_through(&input))?;
    if config.allow_truncated {
        return Ok(());
    }
    let shown = quoted(config.input.as_os_str());
    bail!(UnfitFilm(format!(
        "{shown} is cut short or damaged: {truncated}. Add --allow-truncated to encode what there is of it"
    )))
}

/// Keeps VapourSynth from holding more frames of the film than so many `workers` and the scout read.
pub fn limit(vapoursynth: VapourSynth, container: &Container, workers: usize) {
    let cores = processors::count();
    let clips = workers + 1;
    let pixels = u64::from(container.video.width) * u64::from(container.video.height);
    let frame_bytes = y4m::bytes(pixels, 10);
    vapoursynth.limit(
        (frame_bytes * CACHED_FRAMES * clips as u64).max(64 << 20),
        clips.max(cores) + 1,
    );
}

/// Starts VapourSynth. Another process has shown that it starts.
///
/// # Errors
/// If it does not.
pub fn load() -> Result<VapourSynth> {
    let loaded = VapourSynth::load();
    // Embedded Python may have put a handler of its own in place of ours.
    signal::rearm()?;
    loaded.context("loading VapourSynth; `av1enc doctor` may know more")
}

/// Bits per sample of a frame that waits: widening is a shift of two bits, which is done when a frame is written.
fn held_depth(container: &Container, wanted: u8) -> u8 {
    let video = &container.video;
    let plain = video.bit_depth == 8 && video.subsampling == Subsampling::Yuv420;
    if plain && video.color.range != Some(Range::Full) {
        8
    } else {
        wanted
    }
}

/// Puts together what the container and its frames say of the film.
fn media_info(
    tools: &Toolbox,
    input: &Path,
    probed: Probed,
    indexed: Indexed,
) -> Result<MediaInfo> {
    let origin_ms = probed.container.clock.origin_ms;
    let after = |seconds| probe::has_packets_after(tools, input, seconds + origin_ms / 1000.0);
    let complaint = |(from, to)| {
        probe::complaint_between(
            tools,
            input,
            (from + origin_ms / 1000.0, to + origin_ms / 1000.0),
        )
    };
    source::media_info(probed, indexed, after, complaint)
        .with_context(|| format!("{} cannot be read whole", quoted(input.as_os_str())))
}

/// In what the pictures of an index are others than those that packets announce; both in milliseconds, by clocks that
/// begin anywhere.
fn other_pictures(indexed_ms: &[f64], announced_ms: &[f64]) -> Option<String> {
    let indexed = indexed_ms.len();
    let announced = announced_ms.len();
    if indexed != announced {
        return Some(format!(
            "FFMS2 counts {}, and ffmpeg {announced}",
            count(indexed as u64, "picture")
        ));
    }
    let first = indexed_ms.first()?;
    let begin = announced_ms.first()?;
    let pairs = indexed_ms.iter().zip(announced_ms);
    let errors = pairs.map(|(indexed, announced)| (indexed - first - (announced - begin)).abs());
    let (n, worst) = errors.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (worst > SAME_TIME_MS).then(|| format!("FFMS2 shows picture {n} {worst:.0} ms from its time"))
}

/// In what the pictures that the index delivers are others than the `references`.
fn at_places(
    source: &Source,
    announced: &Announced,
    references: &References,
) -> Result<Option<String>> {
    if references.missing() > 0 {
        return Ok(Some(format!(
            "for {} no picture can be decoded",
            count(references.missing() as u64, "packet")
        )));
    }
    let number = |ms: f64| {
        let n = announced
            .times_ms
            .partition_point(|other| *other < ms - SAME_TIME_MS);
        announced
            .times_ms
            .get(n)
            .is_some_and(|other| (other - ms).abs() <= SAME_TIME_MS)
            .then_some(n as u64)
    };
    let numbers: Vec<u64> = references.times_ms().filter_map(number).collect();
    let clip = source.take_clip()?;
    let mut found = Vec::new();
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        for (n, frame) in (run[0]..).zip(clip.read(run[0]..run[0] + run.len() as u64)) {
            found.push((n, frame?.small()));
        }
    }
    source.give_back(clip);
    let at = |ms: f64| {
        found
            .iter()
            .find(|(n, _)| Some(*n) == number(ms))
            .map(|(_, small)| small.clone())
    };
    let compared = references.compare(at);
    Ok((compared.wrong > 0).then(|| {
        let looked = compared.wrong + compared.agree;
        format!(
            "FFMS2 delivers {} of {looked} looked at",
            count(compared.wrong as u64, "wrong picture")
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_with_other_pictures_or_times_is_known_by_them() {
        let times: Vec<f64> = (0..50).map(|n| f64::from(n) * 40.0).collect();
        let later: Vec<f64> = times.iter().map(|ms| ms + 1234.5).collect();
        assert_eq!(other_pictures(&later, &times), None);
        assert_eq!(
            other_pictures(&times[1..], &times).unwrap(),
            "FFMS2 counts 49 pictures, and ffmpeg 50"
        );
        let mut moved = times.clone();
        moved[30] += 17.0;
        assert_eq!(
            other_pictures(&moved, &times).unwrap(),
            "FFMS2 shows picture 30 17 ms from its time"
        );
    }
}
