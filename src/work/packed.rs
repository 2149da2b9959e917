//! One chunk as a file for hosts that see neither the job nor the source: its frames without loss, and all that was planned of
//! it.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process::{ChildStdin, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::chunk::OtherFrames;
use crate::{
    encoder,
    film::media::{Chunk, MediaInfo},
    job::{Job, digest, names::Name, parse_record},
    os::{
        exit::{Taken, UnfitFilm},
        handle::Handle,
        process::{Running, TailReader, quoted},
        toolbox::Toolbox,
    },
    plan::recipe::Recipe,
    source::{
        Frame, Reader,
        frames::{FramesHash, Layout},
    },
    stream::y4m,
};

/// The format of packed chunks. Others are refused.
const FORMAT: u32 = 1;
/// What the plan is called in the file.
const PLAN: &str = "plan.json";

/// What was planned of a packed chunk: an attachment of its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pack {
    made_by: String,
    format: u32,
    /// Which part of the film.
    pub chunk: Chunk,
    /// The hash of its frames.
    pub frames_hash: String,
    /// How its frames lie in memory.
    pub layout: Layout,
    /// The fingerprint of its job.
    pub job: String,
    /// The encoder's level of parallelism.
    pub lp: u32,
    /// How it is encoded.
    pub recipe: Recipe,
    /// What the film is.
    pub film: MediaInfo,
    /// The content of each file that the recipe names.
    files: Vec<Vec<u8>>,
}

/// What a chunk is packed with.
pub struct Packing<'a> {
    /// The job.
    pub job: &'a Job,
    /// ffmpeg.
    pub tools: &'a Toolbox,
    /// Who delivers the frames.
    pub reader: &'a Reader,
    /// What the film is.
    pub film: &'a MediaInfo,
    /// How it is encoded.
    pub recipe: &'a Recipe,
}

impl Packing<'_> {
    /// Packs the chunk whose frames have this hash, unless that was done.
    ///
    /// # Errors
    /// [`OtherFrames`]; if the source cannot be read or the file not be written.
    pub fn pack(&self, chunk: Chunk, frames_hash: &str) -> Result<()> {
        if self.job.has_packed(chunk.index) {
            return Ok(());
        }
        let name = Name::Packed(chunk.index);
        let part = self.job.part(name)?;
        let packed = self.job.room().wait("a packed chunk", || {
            self.job.part(name)?;
            self.write(chunk, frames_hash, &part)
        });
        packed.with_context(|| format!("packing chunk {}", chunk.index))?;
        self.job.require_same_source()?;
        self.job.finish(name).map(drop)
    }

    fn write(&self, chunk: Chunk, frames_hash: &str, part: &Path) -> Result<()> {
        let mut frames = FramesHash::default();
        let mut writing: Option<Writing> = None;
        let write = |frame: Result<Frame>| -> Result<()> {
            let frame = frame?;
            frames.add(&frame.hash());
            let writing = match &mut writing {
                Some(writing) => writing,
                none => none.insert(self.begin(chunk, frames_hash, &frame, part)?),
            };
            writing.frame(&frame);
            Ok(())
        };
        self.reader
            .part(chunk.start..chunk.end, write, |error| error)?;
        writing.context("a chunk without frames")?.end()?;
        ensure!(frames.take() == frames_hash, OtherFrames(chunk));
        Ok(())
    }

    /// Starts ffmpeg, which writes frames like this one.
    fn begin(&self, chunk: Chunk, hash: &str, frame: &Frame, part: &Path) -> Result<Writing> {
        let plan = Handle::in_memory()?;
        let pack = self.plan(chunk, hash, frame)?;
        fs::write(plan.path(), serde_json::to_vec(&pack)?)?;
        let mut command = Command::new(&self.tools.ffmpeg);
        command
            .current_dir(self.job.dir())
            .args("-hide_banner -nostats -loglevel error -y -f yuv4mpegpipe -i pipe:0".split(' '))
            .arg("-attach")
            .arg(plan.path())
            .args(["-metadata:s:t", "mimetype=application/json"])
            .args(["-metadata:s:t", &format!("filename={PLAN}")])
            .args("-map 0:v -c:v ffv1 -level 3 -g 1 -slicecrc 1 -fps_mode passthrough".split(' '))
            .args(["-f", "matroska"])
            .arg(format!("file:{}", self.job.relative(part).display()));
        let mut running = self.tools.children.spawn(command, Stdio::piped())?;
        let stdin = running.take_stdin().context("ffmpeg has no input")?;
        let (_, stderr) = running.drain(|_| ())?;
        let mut writing = Writing {
            running,
            stdin,
            stderr,
            failed: None,
            _plan: plan,
        };
        let format = y4m::Format {
            width: self.film.width,
            height: self.film.height,
            fps: encoder::rate(self.film.fps),
            bit_depth: frame.bit_depth(),
        };
        writing.failed = writing.stdin.write_all(format.header().as_bytes()).err();
        Ok(writing)
    }

    fn plan(&self, chunk: Chunk, frames_hash: &str, frame: &Frame) -> Result<Pack> {
        let files = self.recipe.files.iter();
        let files = files.filter(|file| !file.is_of_sound());
        Ok(Pack {
            made_by: "av1enc".to_owned(),
            format: FORMAT,
            chunk,
            frames_hash: frames_hash.to_owned(),
            layout: Layout {
                width: self.film.width as usize,
                height: self.film.height as usize,
                bit_depth: frame.bit_depth(),
            },
            job: self.job.fingerprint.clone(),
            lp: self.job.lp,
            recipe: self.recipe.without_sound(),
            film: self.film.clone(),
            files: files.map(|file| file.read()).collect::<Result<_>>()?,
        })
    }
}

/// ffmpeg, which writes a packed chunk.
struct Writing {
    running: Running,
    stdin: ChildStdin,
    stderr: TailReader,
    /// Why it took no more. What it says itself is better.
    failed: Option<io::Error>,
    _plan: Handle,
}

impl Writing {
    fn frame(&mut self, frame: &Frame) {
        if self.failed.is_none() {
            self.failed = y4m::write_frame(&mut self.stdin, &frame.planes()).err();
        }
    }

    fn end(self) -> Result<()> {
        drop(self.stdin);
        self.running.succeed(self.stderr)?;
        self.failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Whether `file` is the chunk of this `pack`, encoded, as the `record` beside it says.
#[must_use]
pub fn is_encoded(pack: &Pack, file: &Path, record: &Path) -> bool {
    let text = fs::read(record).unwrap_or_default();
    let hash = || digest(File::open(file)?);
    let (Ok(record), Ok((bytes, hash))) = (parse_record(&text, pack.chunk), hash()) else {
        return false;
    };
    record.job == pack.job && (record.bytes, record.hash) == (bytes, hash)
}

impl Pack {
    /// Reads what was planned of the chunk in `file`; `at` is a path without anything that ffmpeg would read into it.
    /// What its options name as files is written into `scratch`, a directory of this process alone.
    ///
    /// # Errors
    /// [`UnfitFilm`], if it is no packed chunk; [`Taken`], if it is another av1enc's.
    pub fn read(tools: &Toolbox, file: &Path, at: &Path, scratch: &Path) -> Result<Self> {
        let plan = scratch.join(PLAN);
        let mut command = Command::new(&tools.ffmpeg);
        command
            .args(
                "-nostdin -hide_banner -nostats -loglevel error -y -dump_attachment:t:0".split(' '),
            )
            .arg(&plan)
            .arg("-i")
            .arg(at)
            .args("-map 0:v -frames:v 0 -f null -".split(' '));
        let shown = quoted(file.as_os_str());
        let dumped = tools.children.output(command);
        let text = dumped.and_then(|_| Ok(fs::read(&plan)?));
        let pack = text.and_then(|text| Ok(serde_json::from_slice::<Self>(&text)?));
        let mut pack = pack.map_err(|_| {
            UnfitFilm(format!(
                "{shown} is no chunk that `av1enc chunk --pack` has written"
            ))
        })?;
        ensure!(
            pack.made_by == "av1enc" && pack.format == FORMAT,
            Taken(format!("{shown} was packed by another version of av1enc"))
        );
        pack.put_files(scratch)?;
        Ok(pack)
    }

    /// Writes the files that options name, and has the options name them there.
    fn put_files(&mut self, scratch: &Path) -> Result<()> {
        let contents = std::mem::take(&mut self.files);
        for (n, content) in contents.iter().enumerate() {
            let path = scratch.join(format!("file-{n}"));
            fs::write(&path, content)?;
            let path = path
                .to_str()
                .context("a temporary directory that is no text")?;
            self.recipe.move_file(n, path);
        }
        Ok(())
    }
}
