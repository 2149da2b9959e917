//! One chunk, start to finish: frames -> encoder -> checked file under its final name.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, ensure};

use crate::{
    encoder::{
        self, Encoder, Quality,
        session::{Ended, Input, Pulse, Session, Unfed},
    },
    film::media::{Chunk, MediaInfo},
    job::{AttemptEnd, Encoded, Job, Made, Sighting, names::Name},
    os::{process::ToolFailure, room::is_full, toolbox::Toolbox},
    plan::recipe::Recipe,
    scenes::reel::{Next, Reel},
    source::{Frame, Reader, frames::FramesHash},
    stream::{
        bitstream::{self, Ivf},
        y4m,
    },
    work::{
        attempt::Attempt,
        cut,
        decoded::{Pictures, Samples},
        shared::{Asked, Shared},
    },
};

/// All that chunks have in common.
pub struct Workshop {
    /// The job.
    pub job: Arc<Job>,
    /// What the film is; what is not known before it was read to its end is what is expected.
    pub media: Arc<MediaInfo>,
    /// How it is encoded.
    pub recipe: Arc<Recipe>,
    /// The encoder.
    pub encoder: Encoder,
    /// The tools, and the register of those that run.
    pub tools: Toolbox,
    /// Which chunks are decoded.
    pub samples: Samples,
    /// Name of this machine.
    pub host: String,
    /// The hash of the frames of each chunk, where it is known.
    pub hashes: Arc<Vec<Option<String>>>,
    /// Where other hosts may encode chunks of the job as well.
    pub shared: Option<Arc<Shared>>,
}

/// The frames of a chunk are others than those with which it was planned.
#[derive(Debug)]
pub struct OtherFrames(pub Chunk);

impl fmt::Display for OtherFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Chunk { index, start, end } = self.0;
        write!(
            f,
            "the frames of chunk {index}, {start} to {}, are others on this host than those that were planned: what decodes \
             the film here is another version, or the film is another one",
            end - 1
        )
    }
}

impl std::error::Error for OtherFrames {}

/// Why a chunk failed, as far as what happens next depends on it.
#[derive(Debug)]
pub enum Failure {
    /// The source cannot be read: trying again will not help.
    Source(anyhow::Error),
    /// The encoder was killed by a signal that we did not send: memory, most likely.
    Killed(anyhow::Error),
    /// Detection has ended before the scene did.
    Abandoned,
    /// The disk is full.
    Full(anyhow::Error),
    /// Somebody else encodes it.
    Held(Sighting),
    /// Anything else: it is tried again.
    Other(anyhow::Error),
}

impl Failure {
    /// What `error` says of the disk, or of none of the others.
    fn of(error: anyhow::Error) -> Self {
        match is_full(&error) {
            true => Self::Full(error),
            false => Self::Other(error),
        }
    }

    /// As an error like others.
    #[must_use]
    pub fn into_error(self) -> anyhow::Error {
        match self {
            Self::Source(error) | Self::Killed(error) | Self::Full(error) | Self::Other(error) => {
                error
            }
            Self::Abandoned | Self::Held(_) => anyhow!("{self}"),
        }
    }

    /// In one line; the whole story is what it displays.
    #[must_use]
    pub fn line(&self) -> String {
        let (Self::Source(error) | Self::Killed(error) | Self::Full(error) | Self::Other(error)) =
            self
        else {
            return self.to_string();
        };
        match error.downcast_ref::<ToolFailure>() {
            Some(failure) => format!("the encoder {}", failure.line()),
            None => format!("{error:#}")
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) | Self::Killed(error) | Self::Full(error) | Self::Other(error) => {
                write!(f, "{error:#}")
            }
            Self::Abandoned => f.write_str("the search for scenes has ended"),
            Self::Held(by) => write!(f, "{by} encodes it"),
        }
    }
}

/// Encodes the scene of `reel`, by an `attempt` whose purpose is that chunk, and keeps `pulse` up to date.
///
/// # Errors
/// What failed, and whether it is worth another try.
pub fn encode(
    workshop: &Workshop,
    reader: &Reader,
    reel: &Reel<Frame>,
    attempt: Attempt,
    pulse: &Arc<Pulse>,
) -> Result<Encoded, Failure> {
    let lease = match workshop.ask(reel)? {
        Some(Asked::Encoded(encoded)) => return Ok(encoded),
        Some(Asked::Held(by)) => return Err(Failure::Held(by)),
        Some(Asked::Ours(lease)) => Some(lease),
        None => None,
    };
    workshop.begun(reel.index)?;
    let encoded = tried(workshop, reader, reel, attempt, pulse);
    workshop.ended(reel.index, &encoded, pulse);
    // The record first: whoever gets the lease next finds it.
    drop(lease);
    encoded
}

/// The same, by who has the right to.
fn tried(
    workshop: &Workshop,
    reader: &Reader,
    reel: &Reel<Frame>,
    attempt: Attempt,
    pulse: &Arc<Pulse>,
) -> Result<Encoded, Failure> {
    let written = workshop.write(reader, reel, attempt, pulse);
    let kept = written.and_then(|written| workshop.keep(&written));
    kept.inspect_err(|_| {
        // It may have failed for want of the very room that its file takes. What cannot be removed now is so before the next
        // attempt.
        for name in [Name::Chunk(reel.index), Name::ChunkWithHdr10(reel.index)] {
            let _ = workshop.job.part(name);
        }
    })
}

/// Encodes the scene of `reel`, by an `attempt` whose purpose is its size, in bytes, and keeps nothing else of it.
///
/// # Errors
/// What failed.
pub fn weigh(
    workshop: &Workshop,
    reader: &Reader,
    reel: &Reel<Frame>,
    attempt: Attempt,
    pulse: &Arc<Pulse>,
) -> Result<u64, Failure> {
    let written = workshop.write(reader, reel, attempt, pulse)?;
    let frames = written.chunk.frames();
    let check = |ivf: &Ivf| {
        ensure!(
            ivf.frames == frames,
            "the encoder wrote {} frames instead of {frames}",
            ivf.frames
        );
        Ok(())
    };
    let weighed = written.ended.wrote(&written.part, check);
    let bytes = weighed.and_then(|_| Ok(fs::metadata(&written.part)?.len()));
    let removed = workshop.job.part(attempt.purpose.file());
    bytes
        .and_then(|bytes| removed.map(|_| bytes))
        .map_err(Failure::of)
}

/// What an encoder has written that exited with 0; whether it is what was to be encoded is not known yet.
pub struct Written<'a> {
    /// By which attempt.
    pub attempt: Attempt,
    /// What was to be encoded.
    pub chunk: Chunk,
    /// When the attempt began.
    pub started: Instant,
    /// How the encoder did.
    pub pulse: &'a Pulse,
    /// How it ended, and what it has said.
    pub ended: Ended,
    /// Where it has written.
    pub part: PathBuf,
}

impl Workshop {
    /// Asks for the scene of `reel`, where other hosts may encode it.
    fn ask(&self, reel: &Reel<Frame>) -> Result<Option<Asked>, Failure> {
        let (Some(shared), Some(chunk)) = (&self.shared, reel.chunk()) else {
            return Ok(None);
        };
        shared.ask(&self.job, chunk).map(Some).map_err(Failure::of)
    }

    fn begun(&self, index: usize) -> Result<(), Failure> {
        let begun = |shared: &Arc<Shared>| shared.begun(&self.job, index, &self.host);
        self.shared.iter().try_for_each(begun).map_err(Failure::of)
    }

    /// Writes down what has come of an attempt. Nothing depends on it but what a scheduler is asked for next.
    fn ended(&self, index: usize, encoded: &Result<Encoded, Failure>, pulse: &Pulse) {
        let outcome = match encoded {
            Ok(_) => AttemptEnd::Encoded,
            Err(_) if self.tools.children.is_closed() => AttemptEnd::Stopped,
            Err(Failure::Killed(_)) => AttemptEnd::Killed,
            Err(_) => AttemptEnd::Failed,
        };
        let peak = pulse.vitals().peak_memory;
        if let Some(shared) = &self.shared {
            let _ = shared.ended(&self.job, index, outcome, peak);
        }
    }

    /// Has an encoder write the scene of `reel` into the part of a file of the job.
    fn write<'a>(
        &self,
        reader: &Reader,
        reel: &Reel<Frame>,
        attempt: Attempt,
        pulse: &'a Arc<Pulse>,
    ) -> Result<Written<'a>, Failure> {
        let started = Instant::now();
        let part = self
            .job
            .part(attempt.purpose.file())
            .map_err(Failure::Other)?;
        let command = self.command(reel, attempt, &part)?;
        let children = &self.tools.children;
        let mut session =
            Session::start(children, &self.encoder, command, pulse).map_err(Failure::Other)?;
        let feeder = Feeder {
            workshop: self,
            reader,
            widened: Vec::new(),
            hashing: self.expected(reel.index).map(|_| FramesHash::default()),
        };
        let fed = match session.feed(|input| feeder.write_all(reel, input)) {
            Ok(chunk) => Ok(chunk),
            Err(Unfed::Refused(error)) => Err(error),
            Err(Unfed::Cut(failure)) => return Err(failure),
        };
        let ended = session.end().map_err(Failure::Other)?;
        cut::forget(&self.job, &self.recipe, reel.index);
        if ended.was_killed() {
            return Err(Failure::Killed(ended.into_failure().into()));
        }
        if !ended.is_success() {
            return Err(Failure::of(ended.into_failure().into()));
        }
        let chunk = fed.map_err(|error| {
            let failure = ended.words().clone();
            Failure::Other(
                anyhow!(failure)
                    .context(format!("the encoder stopped reading its input ({error})")),
            )
        })?;
        Ok(Written {
            attempt,
            chunk,
            started,
            pulse,
            ended,
            part,
        })
    }

    /// The hash of the frames of a chunk, if it is known.
    fn expected(&self, index: usize) -> Option<&String> {
        self.hashes.get(index)?.as_ref()
    }

    /// The encoder's command line for the scene of `reel`.
    fn command(
        &self,
        reel: &Reel<Frame>,
        attempt: Attempt,
        part: &Path,
    ) -> Result<Command, Failure> {
        let video = cut::video(&self.job, &self.recipe, reel.index, reel.start);
        let mut video = video.map_err(|error| match is_full(&error) {
            true => Failure::Full(error),
            false => Failure::Source(error),
        })?;
        if let Some(crf) = attempt.crf {
            video.quality = Quality::Crf(crf);
        }
        let output = self.job.relative(part);
        let mut command = self.encoder.chunk_command(&video, attempt.lp, output);
        command.current_dir(self.job.dir());
        Ok(command)
    }
}

/// What a decoder of ffmpeg complains of among the lines that an encoder has said, if the same process decodes a source of this
/// `codec`: `[h264 @ 0x55d5b1c4e4c0] error while decoding MB 3 4`.
fn damage(lines: &[String], codec: &str) -> Vec<String> {
    let decoders = match codec {
        "av1" => &["av1", "libdav1d", "libaom-av1"][..],
        "vp8" => &["vp8", "libvpx"],
        "vp9" => &["vp9", "libvpx-vp9"],
        _ => &[codec],
    };
    let said = |line: &String| {
        let (name, said) = line.strip_prefix('[')?.split_once(" @ ")?;
        let said = said.split_once("] ").map(|(_, said)| said.to_owned());
        said.filter(|_| decoders.contains(&name))
    };
    lines.iter().filter_map(said).collect()
}

impl Workshop {
    /// Checks what an encoder has written, completes it, and keeps it under its final name.
    ///
    /// # Errors
    /// If it is not what was to be encoded, or the source is not what it was.
    pub fn keep(&self, written: &Written<'_>) -> Result<Encoded, Failure> {
        let Written {
            attempt,
            chunk,
            ended,
            part,
            ..
        } = written;
        if !self.encoder.writes_hdr10() && !self.recipe.video.picture.hdr10.is_empty() {
            let inserted = self.insert_hdr10(chunk.index, part);
            inserted.map_err(|error| match is_full(&error) {
                true => Failure::Full(error),
                false => Failure::Other(anyhow!("{error:#}\n{}", ended.words())),
            })?;
        }
        let check = |ivf: &Ivf| check(&self.media, &self.recipe, *chunk, ivf);
        let ivf = ended.wrote(part, check).map_err(Failure::Other)?;
        self.spot_check(written)
            .map_err(|error| Failure::Other(anyhow!("{error:#}\n{}", ended.words())))?;
        self.job.require_same_source().map_err(Failure::Source)?;
        cut::require_same_files(&self.recipe, chunk.end).map_err(Failure::Source)?;
        let made = Made {
            chunk: *chunk,
            pictures: ivf.pictures,
            seconds: written.started.elapsed().as_secs_f64(),
            peak_memory: written.pulse.vitals().peak_memory,
            lp: attempt.lp,
            crf: attempt.crf,
            encoder: self.recipe.encoder.version.clone(),
            host: self.host.clone(),
            damage: damage(&ended.words().stderr, &self.media.container.video.codec),
        };
        self.job.keep(made).map_err(Failure::of)
    }

    /// Decodes what an encoder has written, if it is one of the samples.
    fn spot_check(&self, written: &Written<'_>) -> Result<()> {
        let size = (self.media.width, self.media.height);
        let mut pictures = Pictures::of(&self.recipe, size, written.chunk.frames());
        if self.recipe.video.is_usual() {
            pictures = pictures.only_beginning();
        }
        let frames = pictures.looked_at();
        let started = Instant::now();
        if !self.samples.wants(frames, written.started.elapsed()) {
            return Ok(());
        }
        pictures
            .require(&self.tools, &self.job, &written.part)
            .inspect_err(|_| self.samples.doubt())?;
        self.samples.paid(frames, started);
        Ok(())
    }

    /// Puts the HDR10 metadata into what an encoder has written that cannot do so itself.
    fn insert_hdr10(&self, index: usize, part: &Path) -> Result<()> {
        let with = self.job.part(Name::ChunkWithHdr10(index))?;
        let from = BufReader::with_capacity(
            1 << 20,
            File::open(part).context("the encoder wrote no file")?,
        );
        let to = File::create_new(&with)
            .with_context(|| format!("writing {}", self.job.shown(&with)))?;
        let to = BufWriter::with_capacity(1 << 20, to);
        bitstream::insert_hdr10(from, to, &self.recipe.video.picture.hdr10)
            .context("inserting the HDR10 metadata")?;
        fs::rename(&with, part).with_context(|| format!("naming {}", self.job.shown(part)))
    }
}

/// Writes a scene's frames to its encoder.
struct Feeder<'a> {
    workshop: &'a Workshop,
    reader: &'a Reader,
    /// Memory for frames whose samples are widened.
    widened: Vec<u8>,
    /// The frames, where their hash is known.
    hashing: Option<FramesHash>,
}

impl Feeder<'_> {
    /// Writes all frames. Returns which part of the film it was.
    fn write_all(mut self, reel: &Reel<Frame>, input: &mut Input<'_>) -> Result<Chunk, Failure> {
        let format = y4m::Format {
            width: self.workshop.media.width,
            height: self.workshop.media.height,
            fps: encoder::rate(self.workshop.media.fps),
            bit_depth: self.workshop.recipe.video.picture.bit_depth,
        };
        // The session knows better what it means that the encoder takes no more.
        let refused = |error: io::Error| Failure::Other(error.into());
        input
            .write_all(format.header().as_bytes())
            .map_err(refused)?;
        loop {
            match reel.take() {
                Next::Frame(held) => self.write(held.frame(), input).map_err(refused)?,
                Next::Decode(range) => {
                    let reader = self.reader;
                    let write = |frame: Result<Frame>| {
                        let frame = frame.map_err(Failure::Source)?;
                        self.write(&frame, input).map_err(refused)
                    };
                    reader.part(range, write, Failure::Source)?;
                }
                Next::End(chunk) => {
                    self.require_planned(chunk).map_err(Failure::Source)?;
                    return Ok(chunk);
                }
                Next::Abandoned => return Err(Failure::Abandoned),
            }
        }
    }

    /// Makes sure that the frames were those with which the chunk was planned.
    fn require_planned(&mut self, chunk: Chunk) -> Result<()> {
        let fed = self.hashing.as_mut().map(FramesHash::take);
        let is_planned = fed.is_none() || fed.as_ref() == self.workshop.expected(chunk.index);
        ensure!(is_planned, OtherFrames(chunk));
        Ok(())
    }

    fn write(&mut self, frame: &Frame, input: &mut Input<'_>) -> io::Result<()> {
        if let Some(hashing) = &mut self.hashing {
            hashing.add(&frame.hash());
        }
        let planes = frame.planes();
        if frame.bit_depth() < self.workshop.recipe.video.picture.bit_depth {
            y4m::write_frame_widened(input, &planes, &mut self.widened)?;
        } else {
            y4m::write_frame(input, &planes)?;
        }
        input.fed_one();
        Ok(())
    }
}

/// Checks that the file holds exactly the chunk's frames, in the format that was asked for.
fn check(media: &MediaInfo, recipe: &Recipe, chunk: Chunk, ivf: &Ivf) -> Result<()> {
    let full = if ivf.frames < chunk.frames() {
        " (is the disk full?)"
    } else {
        ""
    };
    ensure!(
        ivf.frames == chunk.frames(),
        "the encoder wrote {} frames instead of {}{full}",
        ivf.frames,
        chunk.frames()
    );
    let header = &ivf.header;
    ensure!(
        (header.width, header.height) == (media.width, media.height),
        "the encoder wrote {}x{} instead of {}x{}",
        header.width,
        header.height,
        media.width,
        media.height
    );
    match header.disagreement(
        recipe.video.picture.bit_depth,
        &recipe.video.picture.color,
        &recipe.video.picture.hdr10,
    ) {
        Some(disagreement) => Err(anyhow!("the encoder wrote {disagreement}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        film::{
            hdr::Hdr10,
            media::{Color, Range, examples::media},
        },
        plan::recipe::examples::recipe,
        stream::bitstream::Header,
    };

    #[test]
    fn what_the_sources_decoder_says_is_told_from_what_the_encoder_says() {
        let lines = [
            "[h264 @ 0x5582] error while decoding MB 3 4",
            "[libsvtav1 @ 0x5582] a word of the encoder",
            "Svt[info]: SVT [version]",
            "[matroska,webm @ 0x5582] a word of the container",
        ]
        .map(str::to_owned);
        assert_eq!(damage(&lines, "h264"), ["error while decoding MB 3 4"]);
        assert!(damage(&lines, "hevc").is_empty());
    }

    #[test]
    fn a_file_is_the_chunk_with_all_its_frames_in_the_format_that_was_asked_for() {
        let (media, recipe) = (media(), recipe("mainline"));
        let chunk = Chunk {
            index: 1,
            start: 4,
            end: 10,
        };
        let wrong = |spoil: &dyn Fn(&mut Ivf)| {
            let mut ivf = Ivf {
                frames: 6,
                payload_bytes: 100,
                pictures: String::new(),
                header: Header {
                    bit_depth: 10,
                    width: 64,
                    height: 36,
                    color: Color {
                        range: Some(Range::Limited),
                        ..Color::default()
                    },
                    hdr10: Hdr10::default(),
                },
            };
            spoil(&mut ivf);
            check(&media, &recipe, chunk, &ivf)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(wrong(&|_| ()), None);
        let is = |spoil: &dyn Fn(&mut Ivf), why: &str| {
            let said = wrong(spoil).unwrap();
            assert!(said.contains(why), "{said:?} has no {why:?}");
        };
        is(
            &|ivf| ivf.frames = 5,
            "5 frames instead of 6 (is the disk full?)",
        );
        is(&|ivf| ivf.frames = 7, "7 frames instead of 6");
        is(&|ivf| ivf.header.width = 62, "62x36 instead of 64x36");
        is(&|ivf| ivf.header.bit_depth = 8, "8 bit instead of 10");
        is(
            &|ivf| ivf.header.color.primaries = 9,
            "instead of unspecified colours",
        );
    }

    #[test]
    fn a_failure_is_told_in_one_line_and_whole() {
        let failure = Failure::Other(anyhow!("the first\nthe second").context("encoding"));
        assert_eq!(failure.line(), "encoding: the first");
        assert_eq!(failure.to_string(), "encoding: the first\nthe second");
    }
}
