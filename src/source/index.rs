//! A film that FFMS2 reads by its index: any frame by its number, as it is encoded.

use std::{
    collections::BTreeMap,
    fs, ops,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result, bail, ensure};
use crossbeam_channel::{Receiver, Sender, unbounded};
use vapoursynth::{
    format::{ColorFamily, PresetFormat, SampleType},
    map::OwnedMap,
    node::Node,
    video_info::Property,
};

use super::{
    frames::Frame,
    heard,
    library::{FFMS2, RESIZE, STD, VapourSynth},
    times::{Indexed, positive},
};
use crate::{
    film::{
        media::{Container, Fields, Range},
        shape::{Crop, Shape, Turn},
    },
    os::process::quoted,
};

/// A film that can be read frame by frame.
pub struct Source {
    vs: VapourSynth,
    input: Arc<Path>,
    index: PathBuf,
    stream: usize,
    shape: Shape,
    full_range: bool,
    fields: Option<Fields>,
    bit_depth: u8,
    decoder_threads: usize,
    idle: Mutex<Vec<Clip>>,
}

/// The files of a film that is read by its index.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The film.
    pub input: &'a Path,
    /// Its index.
    pub index: &'a Path,
    /// A file that may be written, and is removed again.
    pub scratch: &'a Path,
}

impl Source {
    /// Opens a film by its index for encoding at `bit_depth`.
    ///
    /// # Errors
    /// What FFMS2 says; frames that are not planar YUV or grey.
    pub fn open(
        vs: VapourSynth,
        files: &Files<'_>,
        container: &Container,
        bit_depth: u8,
    ) -> Result<(Self, Indexed)> {
        let Files {
            input,
            index,
            scratch,
        } = *files;
        let source = Self {
            vs,
            input: input.into(),
            index: index.to_owned(),
            stream: container.video.stream,
            shape: container.video.shape(),
            full_range: container.video.color.range == Some(Range::Full),
            fields: container.video.fields,
            bit_depth,
            decoder_threads: 1,
            idle: Mutex::new(Vec::new()),
        };
        let decoded = source.decoded(1, Some(scratch))?;
        let times =
            fs::read_to_string(scratch).context("reading the frame times that FFMS2 wrote")?;
        fs::remove_file(scratch).context("removing the frame times that FFMS2 wrote")?;
        let info = decoded.info();
        source.shaped(&decoded)?;
        let (width, height) = source.shape.size();
        let indexed = Indexed {
            frames: info.num_frames as u64,
            packets: info.num_frames as u64,
            fps: match info.framerate {
                // It calls the rate of a track whose pictures have no duration 1/0.
                Property::Constant(rate) => positive(rate.numerator, rate.denominator),
                Property::Variable => None,
            },
            times_ms: read_timecodes(&times)?,
            ends_ms: None,
            ends_within: false,
            width,
            height,
        };
        ensure!(
            indexed.times_ms.len() as u64 == indexed.frames,
            "FFMS2 counts {} frames in `{}`, but wrote the times of {} (is the disk full?)",
            indexed.frames,
            input.display(),
            indexed.times_ms.len()
        );
        Ok((source, indexed))
    }

    /// Threads that each decoder of a part may use. A decoder of which they are is not listened to: it begins in the middle
    /// of the film. There are at least two, for decoders that know no threads call that one.
    pub fn set_decoder_threads(&mut self, threads: usize) {
        self.decoder_threads = threads.max(2);
        heard::ignore_decoders_of(self.decoder_threads);
    }

    /// The film as it is decoded.
    fn decoded(&self, threads: usize, times: Option<&Path>) -> Result<Node<'static>> {
        let mut args = OwnedMap::new(self.vs.api);
        args.set_data("source", self.input.as_os_str().as_bytes())?;
        args.set_data("cachefile", self.index.as_os_str().as_bytes())?;
        args.set_int("track", i64::try_from(self.stream)?)?;
        args.set_int("threads", i64::try_from(threads)?)?;
        if let Some(times) = times {
            args.set_data("timecodes", times.as_os_str().as_bytes())?;
        }
        self.vs
            .invoke(FFMS2, "Source", &args)
            .with_context(|| format!("cannot open `{}`", self.input.display()))
    }

    /// The film as it is encoded, short of its bit depth: upright and of even size.
    fn shaped(&self, clip: &Node<'static>) -> Result<Node<'static>> {
        let format = clip.info().format;
        ensure!(
            format.sample_type() == SampleType::Integer
                && format.color_family() != ColorFamily::RGB,
            "`{}` is decoded to {}, which is not YUV of whole numbers",
            self.input.display(),
            format.name()
        );
        let mut clip = clip.clone();
        // A quarter turn to the right is a transposition and a flip.
        let steps: &[&str] = match self.shape.turn() {
            Turn::None => &[],
            Turn::Right => &["Transpose", "FlipHorizontal"],
            Turn::Half => &["Turn180"],
            Turn::Left => &["Transpose", "FlipVertical"],
        };
        for step in steps {
            clip = self.vs.filter(STD, step, &clip, &[])?;
        }
        let Property::Constant(decoded) = clip.info().resolution else {
            bail!(
                "`{}` changes its frame size in the middle",
                self.input.display()
            )
        };
        let decoded = (
            u32::try_from(decoded.width)?,
            u32::try_from(decoded.height)?,
        );
        let upright = self.shape.upright();
        ensure!(
            decoded == upright,
            "`{}` is decoded to pictures of {}x{}, and ffprobe says {}x{}",
            self.input.display(),
            decoded.0,
            decoded.1,
            upright.0,
            upright.1
        );
        let Crop {
            size: (width, height),
            at: (left, top),
        } = self.shape.kept();
        if (width, height) == decoded {
            return Ok(clip);
        }
        let kept = [
            ("width", width),
            ("height", height),
            ("left", left),
            ("top", top),
        ];
        let kept = kept.map(|(name, pixels)| (name, i64::from(pixels)));
        self.vs.filter(STD, "CropAbs", &clip, &kept)
    }

    /// The whole film, decoded by `threads`: 4:2:0 at the bit depth of the recipe, or at 8 bit where widening is a shift
    /// of two bits, which is done when a frame is written: a frame that waits then takes half the memory.
    ///
    /// # Errors
    /// What FFMS2 or VapourSynth say.
    fn clip(&self, threads: usize) -> Result<Clip> {
        let clip = self.shaped(&self.decoded(threads, None)?)?;
        let (wanted, preset) = match self.bit_depth {
            8 => (8, PresetFormat::YUV420P8),
            _ => (10, PresetFormat::YUV420P10),
        };
        let format = clip.info().format;
        let bits = format.bits_per_sample();
        let is_420 = format.color_family() == ColorFamily::YUV
            && (format.sub_sampling_w(), format.sub_sampling_h()) == (1, 1);
        if is_420 && (bits == wanted || bits == 8 && !self.full_range) {
            return Ok(self.named(clip));
        }
        let mut args = OwnedMap::new(self.vs.api);
        args.set_node("clip", &self.field_by_field(clip)?)?;
        args.set_int("format", preset as i64)?;
        if bits > wanted {
            // Rounding alone would draw bands into skies.
            args.set_data("dither_type", b"error_diffusion")?;
        }
        self.vs
            .invoke(RESIZE, "Bicubic", &args)
            .map(|node| self.named(node))
    }

    /// Has the lines of each field halved by themselves, or each gets half of the other's colours. Where nothing is said of
    /// the whole film, each picture says it of itself.
    fn field_by_field(&self, clip: Node<'static>) -> Result<Node<'static>> {
        match self.fields {
            Some(fields) if clip.info().format.sub_sampling_h() == 0 => {
                let order = if fields.top_first() { 2 } else { 1 };
                self.vs
                    .filter(STD, "SetFieldBased", &clip, &[("value", order)])
            }
            _ => Ok(clip),
        }
    }

    fn named(&self, node: Node<'static>) -> Clip {
        Clip {
            node,
            input: self.input.clone(),
        }
    }

    /// The whole film, read in order by about so many `threads`, and listened to: there are not as many as read parts.
    ///
    /// # Errors
    /// What FFMS2 or VapourSynth say.
    pub fn whole(&self, threads: usize) -> Result<Clip> {
        self.clip(threads + usize::from(threads == self.decoder_threads))
    }

    /// A clip to read a part of the film from: one that was given back, or a new one.
    ///
    /// # Errors
    /// What FFMS2 or VapourSynth say.
    pub fn take_clip(&self) -> Result<Clip> {
        match self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
        {
            Some(clip) => Ok(clip),
            None => self.clip(self.decoder_threads),
        }
    }

    /// Gives a clip back for the next chunk: its decoder is open and its index read.
    pub fn give_back(&self, clip: Clip) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(clip);
    }
}

/// Frames of a film, in one format.
#[derive(Clone)]
pub struct Clip {
    node: Node<'static>,
    input: Arc<Path>,
}

/// Frames requested ahead of the one that is needed: enough to bridge pauses, few enough not to count as memory.
const REQUESTED_AHEAD: u64 = 4;

impl Clip {
    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        match self.node.info().resolution {
            Property::Constant(size) => (size.width, size.height),
            Property::Variable => (0, 0),
        }
    }

    /// Reads the frames of `range` in order, requested ahead. Reading in order is fast; another place costs the decoding
    /// from the keyframe before it.
    #[must_use]
    pub fn read(&self, range: ops::Range<u64>) -> Reading {
        let (sender, arrived) = unbounded();
        let mut reading = Reading {
            clip: self.clone(),
            next: range.start,
            requested: range.start,
            end: range.end,
            sender,
            arrived,
            early: BTreeMap::new(),
        };
        reading.request();
        reading
    }
}

/// Frames on their way out of a [`Clip`]: an iterator in the order of the film. What the decoder says comes with the file
/// and the number of the frame, and is the last item.
pub struct Reading {
    clip: Clip,
    next: u64,
    requested: u64,
    end: u64,
    sender: Sender<(u64, Result<Frame>)>,
    arrived: Receiver<(u64, Result<Frame>)>,
    /// Frames that were ready before their turn.
    early: BTreeMap<u64, Result<Frame>>,
}

impl Reading {
    fn request(&mut self) {
        while self.requested < self.end.min(self.next + REQUESTED_AHEAD) {
            let n = self.requested;
            self.requested += 1;
            let (sender, input) = (self.sender.clone(), self.clip.input.clone());
            // No film has 2^31 frames: its index would have been refused.
            self.clip
                .node
                .get_frame_async(n as usize, move |frame, _, _| {
                    let frame = frame.map(Frame::of_clip).map_err(|error| {
                        let (input, said) = (quoted(input.as_os_str()), error.into_inner());
                        anyhow::anyhow!(
                            "{input} cannot be read at frame {n}: {}",
                            said.to_string_lossy()
                        )
                    });
                    // Nobody listens any more if reading was given up.
                    let _ = sender.send((n, frame));
                });
        }
    }
}

impl Iterator for Reading {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Result<Frame>> {
        if self.next == self.end {
            return None;
        }
        let frame = loop {
            if let Some(frame) = self.early.remove(&self.next) {
                break frame;
            }
            // We hold a sender ourselves: this waits, and does not fail.
            let (n, frame) = self.arrived.recv().ok()?;
            self.early.insert(n, frame);
        };
        if frame.is_ok() {
            self.next += 1;
            self.request();
        } else {
            self.end = self.next;
        }
        Some(frame)
    }
}

/// Reads a timecode file of format 2: a comment, then a time in milliseconds on each line.
fn read_timecodes(text: &str) -> Result<Vec<f64>> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            line.parse()
                .with_context(|| format!("`{line}` is not a time"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timecodes_are_read_and_nonsense_is_refused() {
        assert_eq!(
            read_timecodes("# timecode format v2\n0.00\n41.71\n").unwrap(),
            [0.0, 41.71]
        );
        assert!(read_timecodes("# timecode format v2\nsoon\n").is_err());
    }
}
