//! A film as ffmpeg decodes it from its beginning to its end, through a pipe: picture n is the n-th that the decoder
//! shows, at the time that the decoder gives it.
//!
//! What a part of the film is, is known by then from the first reading: the time and a digest of every picture. A part that
//! has to be read again is sought by its time, and believed only where every digest agrees; where seeking leads elsewhere,
//! the film is decoded from its beginning once more.

use std::{
    fmt,
    ops::Range,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use crossbeam_channel::{Receiver, unbounded};
use serde::{Deserialize, Serialize};

use super::{
    changes::{Change, Divided, Extras, Look, Looks},
    frames::{Frame, Layout},
    listener::{Listener, is_of_the_end},
    packets::{SAME_TIME_MS, is_of_clock, keep_clock},
    raw::{Next, Raw},
};
use crate::{
    film::{
        media::{Container, Range as SampleRange, Subsampling, Video},
        shape::{EVEN, pixel_format},
    },
    os::{
        exit::UnfitFilm,
        process::{Children, Running, TailReader, tells_of_unreadable},
        toolbox::Toolbox,
    },
};

/// What is known of a picture that was read: enough to find it again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// When it is shown, in milliseconds of the film's clock.
    pub ms: f64,
    /// [`Frame::digest`].
    pub digest: u64,
}

/// Bytes of a [`Mark`] in a file.
const MARK_BYTES: usize = 16;

/// A film that is read in order.
pub struct Linear {
    tools: Toolbox,
    /// Where `source` lies.
    dir: PathBuf,
    source: String,
    container: Container,
    layout: Layout,
    /// Times of keyframes by the film's clock, in milliseconds, ascending.
    keys_ms: Vec<f64>,
    /// Duration of a picture that has no time, in milliseconds.
    usual_ms: f64,
    decoder_threads: usize,
    only_keyframes: bool,
    keep_on: bool,
    marks: Mutex<Vec<Mark>>,
    /// What ffmpeg complained of in the whole film: damage, most likely.
    complaints: Mutex<Vec<String>>,
    /// The same of pictures that are shown, or should be.
    damage: Mutex<Vec<String>>,
    /// What changes in the middle of the film.
    changes: Mutex<Vec<Change>>,
    /// What pictures carry beside themselves.
    extras: Mutex<Extras>,
    /// Whether its decoder has one thread, whatever it is given.
    is_damaged: AtomicBool,
}

/// How a film is read, beside what its container says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Size and depth of the frames.
    pub layout: Layout,
    /// Times of keyframes by the film's clock, in milliseconds, ascending.
    pub keys_ms: Vec<f64>,
    /// Duration of a picture that has no time, in milliseconds.
    pub usual_ms: f64,
    /// Threads of the decoder of a part.
    pub decoder_threads: usize,
    /// Whether only keyframes are decoded.
    pub only_keyframes: bool,
    /// Whether a film that is several behind one another is read as one all the same.
    pub keep_on: bool,
}

impl Linear {
    /// The film `source`, a name relative to `dir`.
    #[must_use]
    pub fn new(
        tools: &Toolbox,
        (dir, source): (PathBuf, &str),
        container: Container,
        Reading {
            layout,
            keys_ms,
            usual_ms,
            decoder_threads,
            only_keyframes,
            keep_on,
        }: Reading,
    ) -> Self {
        Self {
            tools: tools.clone(),
            dir,
            source: source.to_owned(),
            container,
            layout,
            keys_ms,
            usual_ms,
            decoder_threads,
            only_keyframes,
            keep_on,
            marks: Mutex::default(),
            complaints: Mutex::default(),
            damage: Mutex::default(),
            changes: Mutex::default(),
            extras: Mutex::default(),
            is_damaged: AtomicBool::new(false),
        }
    }

    /// How it is read.
    #[must_use]
    pub fn reading(&self) -> Reading {
        Reading {
            layout: self.layout,
            keys_ms: self.keys_ms.clone(),
            usual_ms: self.usual_ms,
            decoder_threads: self.decoder_threads,
            only_keyframes: self.only_keyframes,
            keep_on: self.keep_on,
        }
    }

    /// Has all pictures decoded by one thread from now on: what several make of a damaged picture is another one each time.
    pub fn decode_damaged(&self) {
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    /// Whether that is so.
    #[must_use]
    pub fn decodes_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    fn marks(&self) -> MutexGuard<'_, Vec<Mark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Times of the pictures that were read so far, in milliseconds of the film's clock.
    #[must_use]
    pub fn times_ms(&self) -> Vec<f64> {
        self.marks().iter().map(|mark| mark.ms).collect()
    }

    /// What ffmpeg complained of while it read the film: the first and the last of it.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.of_the_film(&self.complaints)
    }

    /// The same, but for pictures at the beginning of a recording that nobody could show: what of the film may be made up.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        self.of_the_film(&self.damage)
    }

    fn of_the_film(&self, kept: &Mutex<Vec<String>>) -> Vec<String> {
        let complaints = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let of_the_film = |said: &&String| !is_of_the_end(&self.container.format, said);
        complaints.iter().filter(of_the_film).cloned().collect()
    }

    /// What changes in the middle of the film: shape of pixels, interlacing, colours.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What makes several films of this one, if `changes` do.
    fn divided(&self, changes: &[Change]) -> Option<Divided> {
        let link = self.dir.join(&self.source);
        let source = link.canonicalize().unwrap_or(link);
        Divided::by(changes, &self.container, &source, false)
    }

    /// What pictures carry beside themselves, and since when.
    #[must_use]
    pub fn extras(&self) -> Extras {
        self.extras
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// All that is known of the pictures, to be kept for a later run.
    #[must_use]
    pub fn known(&self) -> Vec<u8> {
        self.marks()
            .iter()
            .flat_map(|mark| [mark.ms.to_le_bytes(), mark.digest.to_le_bytes()].concat())
            .collect()
    }

    /// Takes over what an earlier run has learnt.
    ///
    /// # Errors
    /// If it is not that.
    pub fn learn(&self, known: &[u8]) -> Result<()> {
        let (marks, rest) = known.as_chunks::<MARK_BYTES>();
        ensure!(
            rest.is_empty() && !marks.is_empty(),
            "the list of pictures is damaged"
        );
        let half = |mark: &[u8; MARK_BYTES], at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&mark[at..at + 8]);
            bytes
        };
        let mark = |bytes| Mark {
            ms: f64::from_le_bytes(half(bytes, 0)),
            digest: u64::from_le_bytes(half(bytes, 8)),
        };
        *self.marks() = marks.iter().map(mark).collect();
        Ok(())
    }

    /// Reads the whole film, with `threads` for its decoder.
    ///
    /// # Errors
    /// If ffmpeg cannot be started.
    pub fn whole(self: &Arc<Self>, threads: usize) -> Result<Whole> {
        self.marks().clear();
        Ok(Whole {
            film: self.clone(),
            pipe: self.decode(threads, None)?.ahead()?,
        })
    }

    /// Reads the pictures of `range` again.
    #[must_use]
    pub fn part(self: &Arc<Self>, range: Range<u64>) -> Part {
        Part {
            film: self.clone(),
            next: range.start as usize,
            end: range.end as usize,
            pipe: None,
            way: Way::Sought,
        }
    }

    /// Starts ffmpeg at the beginning of the film, or at the keyframe before a time by the film's clock.
    fn decode(&self, threads: usize, from_ms: Option<f64>) -> Result<Pipe> {
        let mut command = Command::new(&self.tools.ffmpeg);
        command.current_dir(&self.dir).args([
            "-nostdin",
            "-hide_banner",
            "-nostats",
            "-loglevel",
            "level+info",
            "-y",
        ]);
        let threads = if self.decodes_damaged() { 1 } else { threads };
        command.args(["-threads", &threads.to_string()]);
        let by_container = self.container.direct || from_ms.is_some();
        if by_container {
            command.arg("-copyts");
        }
        if let Some(ms) = from_ms {
            let seconds = format!("{:.6}", (ms + self.container.clock.origin_ms) / 1000.0);
            command.args(["-seek_timestamp", "1", "-noaccurate_seek", "-ss", &seconds]);
        }
        if self.only_keyframes {
            command.args(["-skip_frame", "nokey"]);
        }
        let video = &self.container.video;
        command.args(video.input_options());
        command.arg("-i").arg(format!("file:{}", self.source));
        command.args([
            "-map",
            &format!("0:{}", video.stream),
            "-fps_mode",
            "passthrough",
        ]);
        command.args([
            "-max_error_rate",
            "1",
            "-vf",
            &self.filter(),
            "-f",
            "rawvideo",
            "pipe:1",
        ]);
        if from_ms.is_none() {
            keep_clock(&mut command, &self.container);
        }
        let origin_ms = if by_container {
            self.container.clock.origin_ms
        } else {
            0.0
        };
        Pipe::open(&self.tools.children, command, self.layout, origin_ms)
    }

    /// What is done to every picture: cut to an even size, and brought to 4:2:0 of the depth that is wanted. Where the size
    /// may change, pictures of another one are scaled, as ffmpeg by itself scales them to the size of the first.
    fn filter(&self) -> String {
        let Layout {
            width,
            height,
            bit_depth,
        } = self.layout;
        let range = if self.container.video.color.range == Some(SampleRange::Full) {
            "pc"
        } else {
            "tv"
        };
        let format = pixel_format(bit_depth);
        let cut = match self.keep_on {
            true => EVEN.to_owned(),
            false => format!("min(iw\\,{width}):min(ih\\,{height})"),
        };
        let fields = field_by_field(&self.container.video);
        format!(
            "showinfo=checksum=0,crop={cut}:0:0:exact=1,scale={width}:{height}:in_range={range}:out_range={range}{fields},\
             format={format}"
        )
    }
}

/// What the filter scale is told where it halves the lines of chroma: those of each field by themselves, or each field gets
/// half of the other's colours. Where nothing is said of the whole film, each picture says it of itself.
fn field_by_field(video: &Video) -> &'static str {
    match (video.subsampling, video.fields) {
        (Subsampling::Gray | Subsampling::Yuv420, _) => "",
        (_, Some(_)) => ":interl=1",
        (_, None) => ":interl=-1",
    }
}

impl fmt::Debug for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in {}, decoded in order",
            self.source,
            self.dir.display()
        )
    }
}

/// The whole film on its way through the pipe.
pub struct Whole {
    film: Arc<Linear>,
    pipe: Pipe,
}

impl Iterator for Whole {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Result<Frame>> {
        let next = self.pipe.next();
        if !self.film.keep_on
            && let Some(divided) = self.film.divided(&self.pipe.changes())
        {
            return Some(Err(UnfitFilm(divided.to_string()).into()));
        }
        let listener = Listener::of_source(&self.film.tools, &self.film.container.format);
        if let Err(error) = self.pipe.require_all(listener) {
            return Some(Err(error));
        }
        match next {
            Err(error) => Some(Err(error)),
            Ok(None) => {
                *self
                    .film
                    .changes
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = self.pipe.changes();
                *self
                    .film
                    .extras
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = self.pipe.extras();
                *self
                    .film
                    .complaints
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = self.pipe.complaints();
                *self
                    .film
                    .damage
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = self.pipe.complaints_of_pictures();
                None
            }
            Ok(Some((ms, frame))) => {
                let mut marks = self.film.marks();
                let ms = ms.unwrap_or_else(|| match marks.last() {
                    Some(last) => last.ms + self.film.usual_ms,
                    None => self.film.container.clock.first_ms,
                });
                marks.push(Mark {
                    ms,
                    digest: frame.digest(),
                });
                Some(Ok(frame))
            }
        }
    }
}

/// A part of the film that was read before.
pub struct Part {
    film: Arc<Linear>,
    next: usize,
    end: usize,
    pipe: Option<Pipe>,
    way: Way,
}

/// How a part is read. Each is taken where the one before it has led elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From a keyframe before it.
    Sought,
    /// From the beginning of the film.
    FromStart,
    /// From there, by one thread.
    Singly,
}

impl Part {
    /// Opens the pipe in front of the next picture.
    fn open(&mut self) -> Result<()> {
        let threads = self.film.decoder_threads;
        if self.way != Way::Sought {
            let mut pipe = self.film.decode(threads, None)?;
            for n in 0..self.next {
                pipe.next()?.with_context(|| {
                    format!("the film ends at picture {n}, and had more before")
                })?;
            }
            self.pipe = Some(pipe);
            return Ok(());
        }
        let at = self
            .film
            .marks()
            .get(self.next)
            .copied()
            .context("a picture that was never read")?;
        // The keyframe before the last one: pictures that are shown behind the last one may need what is before it.
        let before = self
            .film
            .keys_ms
            .partition_point(|key| *key <= at.ms)
            .saturating_sub(2);
        for from_ms in seeks(self.film.keys_ms.get(before).copied()).flatten() {
            let mut pipe = self.film.decode(threads, Some(from_ms))?;
            while let Some((ms, frame)) = pipe.next()? {
                let ms = ms.unwrap_or(f64::NEG_INFINITY);
                if ms > at.ms + SAME_TIME_MS {
                    break;
                }
                if (ms - at.ms).abs() <= SAME_TIME_MS && frame.digest() == at.digest {
                    pipe.put_back((Some(ms), frame));
                    self.pipe = Some(pipe);
                    return Ok(());
                }
            }
        }
        bail!("seeking leads elsewhere")
    }

    /// Goes over to the next way to read what could not be read, if there is one.
    fn reads_otherwise(&mut self) -> bool {
        if self.film.tools.children.is_closed() {
            return false;
        }
        self.pipe = None;
        self.way = match self.way {
            Way::Sought => Way::FromStart,
            Way::FromStart => {
                self.film.decode_damaged();
                Way::Singly
            }
            Way::Singly => return false,
        };
        true
    }

    fn read(&mut self) -> Result<Frame> {
        if self.pipe.is_none() {
            self.open()?;
        }
        let mark = self
            .film
            .marks()
            .get(self.next)
            .copied()
            .context("a picture that was never read")?;
        let pipe = self.pipe.as_mut().context("no pipe")?;
        match pipe.next()? {
            Some((_, frame)) if frame.digest() == mark.digest => Ok(frame),
            Some(_) => bail!("picture {} is another one than before", self.next),
            None => bail!(
                "the film ends at picture {}, and had more before",
                self.next
            ),
        }
    }
}

impl Iterator for Part {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Result<Frame>> {
        if self.next == self.end {
            return None;
        }
        let mut frame = self.read();
        while frame.is_err() && self.reads_otherwise() {
            frame = self.read();
        }
        match &frame {
            Ok(_) => self.next += 1,
            Err(_) => self.end = self.next,
        }
        Some(frame)
    }
}

/// How ffmpeg marks what is no mere information (`-loglevel level+info`).
const LEVELS: [&str; 3] = ["[error] ", "[fatal] ", "[panic] "];
/// Complaints of ffmpeg that are kept: the first ones say what it is.
const COMPLAINTS: usize = 8;

/// What ffmpeg goes back by itself from where it is told to seek, in containers whose index has the times of packets and not
/// of pictures: 3/23 of a second (`fftools/ffmpeg_demux.c`). From a keyframe's own time that is one group of pictures too many.
const GOES_BACK_MS: f64 = 3000.0 / 23.0 + 1.0;

/// Where to seek for what is decoded from `from_ms` on. Where a container has no index, seeking goes by the order of
/// packets, in which the keyframe that is wanted may lie behind: then from ever further before it, at last from the
/// beginning.
pub(super) fn seeks(from_ms: Option<f64>) -> impl Iterator<Item = Option<f64>> {
    let before = |by_ms: f64| move |ms: f64| Some(ms - by_ms).filter(|ms| *ms > 0.0);
    let sought =
        from_ms.map(|ms| [-GOES_BACK_MS, 0.0, 1000.0, 10_000.0].map(|by_ms| before(by_ms)(ms)));
    let mut sought: Vec<Option<f64>> = sought.into_iter().flatten().flatten().map(Some).collect();
    sought.push(None);
    sought.into_iter()
}

/// Whether this is what ffmpeg's decoders say of a picture for which no headers came yet.
fn is_of_a_beginning(said: &str) -> bool {
    const WORDS: [&str; 5] = [
        "non-existing PPS",
        "decode_slice_header error",
        "no frame!",
        "PPS id out of range",
        "Error parsing NAL unit",
    ];
    WORDS.iter().any(|words| said.contains(words))
}

/// What showinfo says of a picture.
struct Shown {
    /// When it is shown by its container, in milliseconds.
    ms: Option<f64>,
    /// Whether it is a keyframe.
    key: bool,
}

/// Whether `line` is what ffmpeg says of two pictures that are within one tick of raw video: that has no times, and theirs are
/// heard from showinfo.
fn is_of_ticks(line: &str) -> bool {
    line.starts_with("[rawvideo @ ") && line.contains("non monotonically increasing dts to muxer")
}

/// A decoder, and the frames and times that come out of it.
pub(super) struct Pipe {
    running: Option<Running>,
    raw: Raw,
    said: Option<TailReader>,
    shown: Receiver<Shown>,
    /// Whether the last frame that was taken is a keyframe.
    key: bool,
    complaints: Arc<Mutex<Vec<String>>>,
    /// How many of them came before the first picture.
    early: Arc<OnceLock<usize>>,
    looks: Arc<Mutex<Looks>>,
    origin_ms: f64,
    back: Option<(Option<f64>, Frame)>,
}

impl Pipe {
    /// Starts `command`, which writes frames of `layout` to its standard output and the filter showinfo's words of each
    /// to its standard error. `origin_ms` is taken off their times.
    pub(super) fn open(
        children: &Children,
        command: Command,
        layout: Layout,
        origin_ms: f64,
    ) -> Result<Self> {
        let mut running = children.spawn(command, Stdio::null())?;
        let stdout = running.take_stdout().context("ffmpeg has no output")?;
        let (sender, shown) = unbounded();
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let looks = Arc::new(Mutex::new(Looks::default()));
        let (kept, followed) = (complaints.clone(), looks.clone());
        let (mut tick_ms, mut last_ms) = (None, None);
        let early = Arc::new(OnceLock::new());
        let begun = early.clone();
        let said = running.listen(move |line| {
            let hear = |ms: Option<f64>| {
                let ms = ms.map(|ms| ms - origin_ms);
                followed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .hear(line, ms);
            };
            if let Some(base) = time_base_of(line) {
                tick_ms = Some(base);
            } else if let Some(ticks) = picture_of(line) {
                let key = line.contains(" iskey:1 ");
                begun.get_or_init(|| kept.lock().unwrap_or_else(PoisonError::into_inner).len());
                let ms = ticks
                    .zip(tick_ms)
                    .map(|(ticks, tick_ms)| ticks as f64 * tick_ms);
                hear(ms);
                last_ms = ms.map(|ms| ms - origin_ms).or(last_ms);
                // Nobody listens any more if reading was given up.
                let _ = sender.send(Shown { ms, key });
            } else if showinfo(line).is_some() {
                hear(None);
            }
            let complaint = LEVELS.iter().find_map(|level| line.split_once(level));
            let complaint = complaint.filter(|_| !is_of_clock(line) && !is_of_ticks(line));
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, said)) = complaint
                && (kept.len() < COMPLAINTS || tells_of_unreadable(said))
            {
                let said = said.trim();
                // Decoders are a few pictures ahead of what is shown.
                kept.push(match last_ms {
                    Some(ms) => format!("near {:.2} s: {said}", ms / 1000.0),
                    None => said.to_owned(),
                });
            }
            complaint.is_some()
        })?;
        let (running, said, back) = (Some(running), Some(said), None);
        Ok(Self {
            running,
            raw: Raw::new(stdout, layout),
            said,
            shown,
            key: false,
            complaints,
            early,
            looks,
            origin_ms,
            back,
        })
    }

    /// Has the next frame be read while the last is looked at.
    ///
    /// # Errors
    /// If the system gives no thread.
    fn ahead(self) -> Result<Self> {
        Ok(Self {
            raw: self.raw.ahead()?,
            ..self
        })
    }

    /// The next frame and its time in milliseconds, if it has one; `None` at the end of the film.
    pub(super) fn next(&mut self) -> Result<Option<(Option<f64>, Frame)>> {
        if let Some(back) = self.back.take() {
            return Ok(Some(back));
        }
        let rest = match self.raw.next().context("reading from ffmpeg")? {
            Next::Frame(frame) => {
                let Shown { ms, key } = self
                    .shown
                    .recv()
                    .map_err(|_| anyhow!("ffmpeg gives a frame without saying when it is shown"))?;
                self.key = key;
                return Ok(Some((ms.map(|ms| ms - self.origin_ms), frame)));
            }
            Next::End(rest) => rest,
        };
        if let Some(running) = self.running.take() {
            running.succeed(self.said.take().unwrap_or_default())?;
        }
        ensure!(rest == 0, "ffmpeg's output ends in the middle of a frame");
        Ok(None)
    }

    /// Whether the frame that [`Self::next`] has given last is a keyframe.
    pub(super) fn shows_a_keyframe(&self) -> bool {
        self.key
    }

    /// What has changed so far.
    pub(super) fn changes(&self) -> Vec<Change> {
        self.looks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .changes
            .clone()
    }

    /// What pictures have carried beside themselves so far.
    pub(super) fn extras(&self) -> Extras {
        self.looks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extras
            .clone()
    }

    /// What is said of the last picture.
    pub(super) fn look(&self) -> Option<Look> {
        let looks = self.looks.lock();
        looks.unwrap_or_else(PoisonError::into_inner).before.clone()
    }

    fn put_back(&mut self, frame: (Option<f64>, Frame)) {
        self.back = Some(frame);
    }

    /// What ffmpeg has complained of so far.
    pub(super) fn complaints(&self) -> Vec<String> {
        self.complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The same without what decoders say of pictures at the beginning of a recording for which nothing is there yet that says
    /// what they are: these are not shown.
    pub(super) fn complaints_of_pictures(&self) -> Vec<String> {
        let early = self.early.get().copied().unwrap_or(0);
        let all = self.complaints().into_iter().enumerate();
        all.filter(|(n, said)| *n >= early || !is_of_a_beginning(said))
            .map(|(_, said)| said)
            .collect()
    }

    /// Fails if ffmpeg has said so far that it was not given some of the film.
    pub(super) fn require_all(&self, listener: Listener<'_>) -> Result<()> {
        let complaints = self.complaints.lock();
        listener.require_all(&complaints.unwrap_or_else(PoisonError::into_inner))
    }
}

/// Milliseconds of a tick, where showinfo says what its times are counted in.
fn time_base_of(line: &str) -> Option<f64> {
    let base = showinfo(line)?.split_once("config in time_base: ")?.1;
    let (num, rest) = base.split_once('/')?;
    let den: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(
        1000.0 * num.trim().parse::<f64>().ok()?
            / den.parse::<f64>().ok().filter(|den| *den > 0.0)?,
    )
}

/// Ticks at which a picture is shown, where showinfo speaks of one; the inner `None` is a picture without a time.
fn picture_of(line: &str) -> Option<Option<i64>> {
    let rest = showinfo(line)?.split_once(" n:")?.1;
    let pts = rest.split_once(" pts:")?.1.split_whitespace().next()?;
    Some(pts.parse().ok())
}

fn showinfo(line: &str) -> Option<&str> {
    line.starts_with("[Parsed_showinfo_").then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ffmpeg_says_of_ticks_is_told_from_what_it_says_of_damage() {
        let ticks = "[rawvideo @ 0x5] [warning] Application provided invalid, non monotonically increasing dts to muxer \
                     in stream 0: 2 >= 2";
        assert!(is_of_ticks(ticks));
        assert!(!is_of_ticks(
            "[rawvideo @ 0x5] [error] Invalid buffer size, packet size 10"
        ));
        assert!(!is_of_ticks(
            "[matroska @ 0x5] [warning] non monotonically increasing dts to muxer"
        ));
    }

    #[test]
    fn times_of_pictures_are_read_from_what_showinfo_says() {
        let head = "[Parsed_showinfo_0 @ 0x55b409642e80] [info] ";
        let line = |text: &str| format!("{head}{text}");
        assert_eq!(
            time_base_of(&line("config in time_base: 1/1000, frame_rate: 25/1")),
            Some(1.0)
        );
        assert_eq!(
            time_base_of(&line("config out time_base: 0/0, frame_rate: 0/0")),
            None
        );
        let picture = line(
            "n:   7 pts:  75600 pts_time:0.84    pos:    90428 fmt:yuv420p sar:1/1 s:320x240 i:P iskey:1 type:I ",
        );
        assert_eq!(picture_of(&picture), Some(Some(75600)));
        assert_eq!(
            picture_of(&line("n:   7 pts:  -3 pts_time:-1")),
            Some(Some(-3))
        );
        assert_eq!(
            picture_of(&line("n:   7 pts:  NOPTS pts_time:NOPTS")),
            Some(None)
        );
        assert_eq!(
            picture_of(&line("color_range:unknown color_space:unknown")),
            None
        );
        assert_eq!(picture_of("[h264 @ 0x1] [error] n: 1 pts: 2"), None);
    }
}
