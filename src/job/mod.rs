//! The job directory: all state of a job, and the only one.
//!
//! Every file is written as `NAME.part`, synced, renamed, and its directory synced: a final name is a finished thing.
//! Files are created exclusively, so that a link in the place of one of ours is never followed.

pub mod names;

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use nix::libc::O_NOFOLLOW;
use serde::{Deserialize, Serialize};

use self::names::{CHUNKS, Name};
use crate::{
    film::media::{Chunk, Container},
    finding::Finding,
    os::{exit::Taken, process::quoted, toolbox::Toolbox},
    plan::recipe::Recipe,
    source::packets::Original,
};

/// Format of the job directory. A newer one is refused, an older one is read.
const FORMAT: u32 = 2;
/// Hashed around the places that are looked at: head, tail and parts in between.
const SAMPLE_BYTES: u64 = 1 << 20;
const SAMPLES: u64 = 16;

/// What a source is by its content, whatever its name and date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceIdentity {
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 of the size, the first and the last MiB, and 16 parts of a MiB in between.
    pub hash: String,
}

impl SourceIdentity {
    /// Reads the identity of a file; at most 18 MiB of it are read.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        let read = || -> std::io::Result<Self> {
            let mut file = File::open(path)?;
            let bytes = file.metadata()?.len();
            let mut hasher = blake3::Hasher::new();
            hasher.update(&bytes.to_le_bytes());
            let mut buffer = Vec::new();
            let span = bytes.saturating_sub(SAMPLE_BYTES);
            for sample in 0..=SAMPLES + 1 {
                let at =
                    u64::try_from(u128::from(span) * u128::from(sample) / u128::from(SAMPLES + 1))
                        .unwrap_or(span);
                file.seek(SeekFrom::Start(at))?;
                buffer.clear();
                (&mut file).take(SAMPLE_BYTES).read_to_end(&mut buffer)?;
                hasher.update(&buffer);
            }
            Ok(Self {
                bytes,
                hash: hasher.finalize().to_hex().to_string(),
            })
        };
        read().with_context(|| format!("reading `{}`", path.display()))
    }
}

/// What the file system says of a file. Whatever changes its content changes this as well, and it costs nothing to ask.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// `job.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    /// Says that the directory is ours.
    made_by: String,
    format: u32,
    source: SourceIdentity,
    /// Level of parallelism of the first run, where the bytes depend on it.
    lp: u32,
    recipe: Recipe,
}

/// What is known of a finished chunk: `chunks/00012.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// Which part of the film.
    #[serde(flatten)]
    pub chunk: Chunk,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// BLAKE3 of the file.
    pub hash: String,
    /// BLAKE3 of its pictures, whatever container they are in.
    pub pictures: String,
    /// Seconds that encoding took.
    pub seconds: f64,
    /// Highest resident memory of the encoder that was seen, in bytes.
    pub peak_memory: u64,
    /// Level of parallelism that it had; 0 where an earlier version of av1enc has not recorded it.
    #[serde(default)]
    pub lp: u32,
    /// The encoder's version.
    pub encoder: String,
    /// Name of the machine.
    pub host: String,
}

/// A chunk whose encoder exited 0 and whose file holds exactly its frames, is on the disk and has its final name. Only a
/// job makes one: of what was encoded now, or of what an earlier run has recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded(ChunkRecord);

impl Encoded {
    /// What is known of it.
    #[must_use]
    pub fn record(&self) -> &ChunkRecord {
        &self.0
    }
}

/// What is known of a chunk whose file was checked and has no final name yet. For the fields see [`ChunkRecord`].
#[derive(Debug)]
#[allow(missing_docs, reason = "they are those of the record")]
pub struct Made {
    pub chunk: Chunk,
    pub pictures: String,
    pub seconds: f64,
    pub peak_memory: u64,
    pub lp: u32,
    pub encoder: String,
    pub host: String,
}

/// Who reads the film, and why: `reader.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderRecord {
    /// Whether ffmpeg reads it in order, or else FFMS2 by number.
    pub linear: bool,
    /// Why not the other one, in words.
    pub why: Option<String>,
}

/// What is known of the sound that was encoded anew: `sound.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundRecord {
    /// By how many milliseconds each track is moved when it is joined with the picture.
    pub sync_ms: Vec<i64>,
    /// What came of comparing each with the source's.
    pub findings: Vec<Finding>,
}

/// How the tracks get into the output that ffmpeg hands over: `others-carried.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedRecord {
    /// Those that are decoded because they do not get through as they are: the stream, and why not.
    pub decoded: Vec<(usize, String)>,
    /// Those that do not get through in any way, and that a film can do without: the stream, and why not.
    #[serde(default)]
    pub left_out: Vec<(usize, String)>,
    /// Whether mkvmerge was seen to take all of all.
    pub proven: bool,
}

/// What a finished file holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    bytes: u64,
    hash: String,
}

/// A line of `scenes.jsonl`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum SceneLine {
    Chunk(Chunk),
    Complete { complete: u64 },
}

/// What an earlier run knows of the scenes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KnownScenes {
    /// Chunks from the beginning of the film on.
    pub chunks: Vec<Chunk>,
    /// Whether these are all.
    pub complete: bool,
}

/// An open job. While it lives, no other process opens the same one.
#[derive(Debug)]
pub struct Job {
    dir: PathBuf,
    /// Level of parallelism that every chunk of this job is encoded with.
    pub lp: u32,
    /// Whether an earlier run has begun it.
    pub resumed: bool,
    /// Identity of the source.
    pub source: SourceIdentity,
    input: PathBuf,
    /// Of the source, from before its identity was read.
    stamp: Stamp,
    _lock: File,
}

/// What a run wants of a job directory.
#[derive(Debug)]
pub struct Claim<'a> {
    /// The directory.
    pub dir: &'a Path,
    /// The source.
    pub input: &'a Path,
    /// The output.
    pub output: &'a Path,
    /// How the source is encoded.
    pub recipe: &'a Recipe,
    /// Level of parallelism that this run would use.
    pub lp: u32,
    /// Whether the user demands that one; it must then agree with the job's where the bytes depend on it.
    pub lp_demanded: bool,
    /// Whether what an earlier run has done is removed first.
    pub restart: bool,
}

impl Claim<'_> {
    /// Whether work of `state` can be gone on with; else in what it is another job's.
    fn differences(&self, state: &State, source: &SourceIdentity) -> Vec<String> {
        let mut differences = Vec::new();
        if state.source != *source {
            differences.push("the source's content".to_owned());
        }
        differences.extend(state.recipe.differences(self.recipe));
        if self.recipe.depends_on_lp() && self.lp_demanded && self.lp != state.lp {
            differences.push(format!("--lp: {} there, {} now", state.lp, self.lp));
        }
        differences
    }
}

impl Job {
    /// Opens a job directory, or makes it.
    ///
    /// # Errors
    /// A [`Taken`] if the directory is not ours, is in use, or belongs to another source or recipe; other errors if
    /// it cannot be made or read.
    pub fn open(claim: &Claim<'_>) -> Result<Self> {
        let Claim {
            dir,
            input,
            recipe,
            restart,
            ..
        } = *claim;
        let stamp = Stamp::of(input).with_context(|| format!("reading `{}`", input.display()))?;
        let source = SourceIdentity::of(input)?;
        make_dir(dir)?;
        if let Known::Nothing = read_state(dir)? {
            require_empty(dir)?;
        }
        let lock = lock(dir)?;
        // Another run may have finished, or begun, before we held the lock.
        let earlier = match read_state(dir)? {
            Known::Nothing => None,
            _ if restart => {
                clear(dir)?;
                None
            }
            Known::Unusable(why) => return Err(Taken(why).into()),
            Known::State(state) => Some(state),
        };
        if let Some(state) = &earlier {
            let differences = claim.differences(state, &source);
            if !differences.is_empty() {
                return Err(Taken(format!(
                    "{} holds work of another job: {}. Repeat that command to go on with it, add --restart to throw its \
                     work away, or name another directory with --temp",
                    quoted(dir.as_os_str()),
                    differences.join("; ")
                ))
                .into());
            }
        }
        let lp = earlier
            .as_ref()
            .filter(|_| recipe.depends_on_lp())
            .map_or(claim.lp, |state| state.lp);
        let (dir, input) = (dir.to_owned(), input.to_owned());
        let job = Self {
            dir,
            lp,
            resumed: earlier.is_some(),
            source: source.clone(),
            input,
            stamp,
            _lock: lock,
        };
        if !job.resumed {
            let state = State {
                made_by: "av1enc".to_owned(),
                format: FORMAT,
                source,
                lp,
                recipe: recipe.clone(),
            };
            job.write(Name::Job, &serde_json::to_vec_pretty(&state)?)?;
        }
        job.furnish(claim.output)?;
        Ok(job)
    }

    /// Makes what every job directory has.
    fn furnish(&self, output: &Path) -> Result<()> {
        let chunks = self.dir.join(CHUNKS);
        match fs::symlink_metadata(&chunks) {
            Ok(metadata) => ensure!(
                metadata.is_dir(),
                "`{}` is not a directory",
                chunks.display()
            ),
            Err(_) => DirBuilder::new()
                .mode(0o700)
                .create(&chunks)
                .with_context(|| format!("making `{}`", chunks.display()))?,
        }
        self.link(Name::Source, &self.input)?;
        self.link(Name::OutputDir, output.parent().unwrap_or(Path::new("/")))
    }

    /// Makes sure that the source is still the one that the job is of. What was made of a source is recorded only
    /// after this: nothing of another film gets into the job, though the source be put back afterwards.
    ///
    /// # Errors
    /// If it is gone or has another content.
    pub fn require_same_source(&self) -> Result<()> {
        if Stamp::of(&self.input).is_ok_and(|now| now == self.stamp) {
            return Ok(());
        }
        let now = SourceIdentity::of(&self.input).context(
            "the source is gone: put it back and repeat the command, finished work is kept",
        )?;
        ensure!(
            now == self.source,
            "{} has changed while it was encoded. Put back what it was and repeat the command, finished work is kept; or \
             add --restart to encode what it is now",
            quoted(self.input.as_os_str())
        );
        Ok(())
    }

    fn link(&self, name: Name, target: &Path) -> Result<()> {
        let link = self.path(name);
        if fs::symlink_metadata(&link).is_ok_and(|metadata| metadata.is_symlink()) {
            fs::remove_file(&link).with_context(|| format!("replacing `{}`", link.display()))?;
        }
        symlink(target, &link)
            .with_context(|| format!("linking `{}` in the job directory", target.display()))
    }

    /// The directory. Tools run in it, with names relative to it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The source, as ffmpeg reads it by the link in the directory; `container` is what it is.
    #[must_use]
    pub fn original<'a>(&'a self, tools: &'a Toolbox, container: &'a Container) -> Original<'a> {
        Original {
            tools,
            dir: &self.dir,
            name: self.source_link(),
            container,
        }
    }

    /// Name of the link to the source, relative to the directory.
    #[must_use]
    pub fn source_link(&self) -> &'static str {
        names::SOURCE
    }

    /// A path in the directory, relative to it: the name of the directory may be anything.
    #[must_use]
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.dir).unwrap_or(path)
    }

    /// Where a file of the job is, or will be.
    #[must_use]
    pub fn path(&self, name: Name) -> PathBuf {
        self.dir.join(name.to_string())
    }

    /// Where something may be written to which [`Job::finish`] then gives its final name.
    ///
    /// # Errors
    /// If something of an earlier run is in its place and cannot be removed.
    pub fn part(&self, name: Name) -> Result<PathBuf> {
        let part = self.dir.join(name.part());
        remove_if_there(&part)?;
        Ok(part)
    }

    /// Gives what was written as `name`'s part its final name, after it has reached the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(&self, name: Name) -> Result<PathBuf> {
        self.finish_as(&name.to_string())
    }

    fn finish_as(&self, name: &str) -> Result<PathBuf> {
        let (part, last) = (self.dir.join(names::part(name)), self.dir.join(name));
        let finish = || -> std::io::Result<()> {
            OpenOptions::new()
                .read(true)
                .custom_flags(O_NOFOLLOW)
                .open(&part)?
                .sync_all()?;
            fs::rename(&part, &last)?;
            File::open(last.parent().unwrap_or(&self.dir))?.sync_all()
        };
        finish().with_context(|| format!("finishing `{}`", last.display()))?;
        Ok(last)
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, name: Name, bytes: &[u8]) -> Result<()> {
        self.write_as(&name.to_string(), bytes)
    }

    fn write_as(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let part = self.dir.join(names::part(name));
        remove_if_there(&part)?;
        let write = || {
            let mut options = OpenOptions::new();
            options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&part)?
                .write_all(bytes)
        };
        write().with_context(|| format!("writing `{}`", part.display()))?;
        self.finish_as(name).map(|_| ())
    }

    /// What is known of the sound that was encoded anew.
    ///
    /// # Errors
    /// If nothing is.
    pub fn sound(&self) -> Result<SoundRecord> {
        let text = read(&self.path(Name::Sound)).context("reading `sound.json` of the job")?;
        serde_json::from_slice(&text).context("`sound.json` of the job is damaged")
    }

    /// Records what is known of the sound that was encoded anew.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_sound(&self, record: &SoundRecord) -> Result<()> {
        self.write(Name::Sound, &serde_json::to_vec_pretty(record)?)
    }

    /// How the tracks get into the output that ffmpeg hands over, if that was decided.
    #[must_use]
    pub fn carried(&self) -> Option<CarriedRecord> {
        read(&self.path(Name::Carried))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
    }

    /// Records how the tracks get into the output that ffmpeg hands over.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_carried(&self, record: &CarriedRecord) -> Result<()> {
        self.write(Name::Carried, &serde_json::to_vec_pretty(record)?)
    }

    /// Forgets that the tracks are there that ffmpeg hands over: there are others to come.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget_others(&self) -> Result<()> {
        let mut n = 0;
        while self.path(Name::Others(n)).exists() {
            remove_if_there(&self.dir.join(Name::Others(n).seal()))?;
            n += 1;
        }
        Ok(())
    }

    /// Who reads the film, if that was decided.
    ///
    /// # Errors
    /// If what is recorded is damaged.
    pub fn reader(&self) -> Result<Option<ReaderRecord>> {
        match read(&self.path(Name::Reader)) {
            Ok(text) => Ok(Some(
                serde_json::from_slice(&text).context("`reader.json` of the job is damaged")?,
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("reading `reader.json` of the job"),
        }
    }

    /// Records who reads the film: a later run must not mix in what another reader delivers.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_reader(&self, record: &ReaderRecord) -> Result<()> {
        self.write(Name::Reader, &serde_json::to_vec(record)?)
    }

    /// What is known of the pictures of a film that was read in order to its end.
    ///
    /// # Errors
    /// If nothing is.
    pub fn pictures(&self) -> Result<Vec<u8>> {
        read(&self.path(Name::Pictures)).context("reading `pictures.bin` of the job")
    }

    /// Keeps what is known of the pictures.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep_pictures(&self, pictures: &[u8]) -> Result<()> {
        self.write(Name::Pictures, pictures)
    }

    /// Forgets all scenes and chunks that do not end before frame `end`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget_from(&self, end: u64) -> Result<()> {
        let known = self.scenes()?.chunks;
        let kept = known.iter().take_while(|chunk| chunk.end < end);
        let mut text = Vec::new();
        for chunk in kept.clone() {
            text.extend(serde_json::to_vec(&SceneLine::Chunk(*chunk))?);
            text.push(b'\n');
        }
        for chunk in &known[kept.count()..] {
            remove_if_there(&self.path(Name::Record(chunk.index)))?;
            remove_if_there(&self.path(Name::Chunk(chunk.index)))?;
        }
        self.write(Name::Scenes, &text)
    }

    /// Records what a finished file holds, so that a later run knows whether it is still that.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn seal(&self, name: Name) -> Result<()> {
        let (bytes, hash) =
            hash(&self.path(name)).with_context(|| format!("reading `{name}` of the job"))?;
        self.write_as(&name.seal(), &serde_json::to_vec(&Seal { bytes, hash })?)
    }

    /// Whether a finished file is there and holds what it held when it was sealed.
    #[must_use]
    pub fn is_intact(&self, name: Name) -> bool {
        let seal = read(&self.dir.join(name.seal()))
            .ok()
            .and_then(|text| serde_json::from_slice::<Seal>(&text).ok());
        let found = hash(&self.path(name))
            .ok()
            .map(|(bytes, hash)| Seal { bytes, hash });
        seal.is_some() && seal == found
    }

    /// Whether an earlier run has finished any chunk.
    #[must_use]
    pub fn has_chunks(&self) -> bool {
        let Ok(entries) = fs::read_dir(self.dir.join(CHUNKS)) else {
            return false;
        };
        entries.flatten().any(|entry| {
            Path::new(&entry.file_name())
                .extension()
                .is_some_and(|end| end == "json")
        })
    }

    /// Gives a chunk's file its final name, and records what is known of it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep(&self, made: Made) -> Result<Encoded> {
        let path = self.finish(Name::Chunk(made.chunk.index))?;
        let (bytes, hash) = hash(&path).with_context(|| format!("reading `{}`", path.display()))?;
        let Made {
            chunk,
            pictures,
            seconds,
            peak_memory,
            lp,
            encoder,
            host,
        } = made;
        let record = ChunkRecord {
            chunk,
            bytes,
            hash,
            pictures,
            seconds,
            peak_memory,
            lp,
            encoder,
            host,
        };
        self.write(
            Name::Record(chunk.index),
            &serde_json::to_vec_pretty(&record)?,
        )?;
        Ok(Encoded(record))
    }

    /// Whether an earlier run may have finished the chunk with this index.
    #[must_use]
    pub fn has_record(&self, index: usize) -> bool {
        fs::symlink_metadata(self.path(Name::Record(index))).is_ok()
    }

    /// A chunk that an earlier run has finished, if its file is what its record says.
    ///
    /// # Errors
    /// As a sentence fragment: what is wrong with a chunk that has a record.
    pub fn finished(&self, chunk: Chunk) -> Result<Option<Encoded>, String> {
        let text = match read(&self.path(Name::Record(chunk.index))) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("its record: {error}")),
        };
        let record = parse_record(&text, chunk)?;
        let (bytes, hash) = hash(&self.path(Name::Chunk(chunk.index)))
            .map_err(|error| format!("its file: {error}"))?;
        if bytes != record.bytes {
            return Err(format!(
                "its file has {bytes} bytes instead of {}",
                record.bytes
            ));
        }
        if hash != record.hash {
            return Err("its file has another content than was written".to_owned());
        }
        Ok(Some(Encoded(record)))
    }

    /// What an earlier run knows of the scenes. A last line that was not finished is left out, and cut off.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn scenes(&self) -> Result<KnownScenes> {
        let path = self.path(Name::Scenes);
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(KnownScenes::default()),
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("reading `{}`; --restart begins anew", path.display())
                });
            }
        };
        let (known, good) = parse_scenes(&text);
        if good < text.len() {
            let file = OpenOptions::new()
                .write(true)
                .custom_flags(O_NOFOLLOW)
                .open(&path);
            file.and_then(|file| file.set_len(good as u64))
                .with_context(|| format!("repairing `{}`", path.display()))?;
        }
        Ok(known)
    }

    /// Opens the list of scenes for appending.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn scene_log(&self) -> Result<SceneLog> {
        let path = self.path(Name::Scenes);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(O_NOFOLLOW)
            .open(&path);
        Ok(SceneLog(
            file.with_context(|| format!("opening `{}`", path.display()))?,
            path,
        ))
    }

    /// Removes the directory and everything in it that av1enc has made.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(&self) -> Result<()> {
        clear(&self.dir)?;
        let _ = fs::remove_file(self.dir.join(Name::Lock.to_string()));
        match fs::remove_dir(&self.dir) {
            Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => {
                Err(error).with_context(|| format!("removing `{}`", self.dir.display()))
            }
            _ => Ok(()),
        }
    }
}

/// The list of scenes, open for appending.
#[derive(Debug)]
pub struct SceneLog(File, PathBuf);

impl SceneLog {
    /// Appends a chunk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn chunk(&mut self, chunk: Chunk) -> Result<()> {
        self.line(&SceneLine::Chunk(chunk))
    }

    /// Says that the chunks are all, and cover `frames` frames.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn complete(&mut self, frames: u64) -> Result<()> {
        self.line(&SceneLine::Complete { complete: frames })
    }

    fn line(&mut self, line: &SceneLine) -> Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let written = self.0.write_all(&text).and_then(|()| self.0.sync_data());
        written.with_context(|| format!("writing `{}`", self.1.display()))
    }
}

/// Reads the record of `chunk`.
///
/// # Errors
/// As a sentence fragment: why it is none.
pub fn parse_record(text: &[u8], chunk: Chunk) -> Result<ChunkRecord, String> {
    let record: ChunkRecord =
        serde_json::from_slice(text).map_err(|_| "its record is damaged".to_owned())?;
    if record.chunk == chunk {
        Ok(record)
    } else {
        Err("its record is of other frames".to_owned())
    }
}

/// Reads a list of scenes as far as it is whole and without gap; also returns how many bytes that is.
#[must_use]
pub fn parse_scenes(text: &[u8]) -> (KnownScenes, usize) {
    let mut known = KnownScenes::default();
    let mut good = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let expected = (
            known.chunks.len(),
            known.chunks.last().map_or(0, |chunk| chunk.end),
        );
        match serde_json::from_slice(line) {
            Ok(SceneLine::Chunk(chunk))
                if line.ends_with(b"\n")
                    && (chunk.index, chunk.start) == expected
                    && chunk.end > chunk.start =>
            {
                known.chunks.push(chunk);
            }
            Ok(SceneLine::Complete { complete })
                if line.ends_with(b"\n") && complete == expected.1 =>
            {
                known.complete = true
            }
            _ => break,
        }
        good += line.len();
        if known.complete {
            break;
        }
    }
    (known, good)
}

/// Reads a file of ours; a link in its place is not followed.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW)
        .open(path)?
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Size and BLAKE3 of a file.
///
/// # Errors
/// Those of the file system.
pub fn hash(path: &Path) -> std::io::Result<(u64, String)> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW)
        .open(path)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
}

fn make_dir(dir: &Path) -> Result<()> {
    let shown = dir.display();
    match fs::metadata(dir) {
        Ok(metadata) => {
            ensure!(
                metadata.is_dir(),
                Taken(format!(
                    "`{shown}` is not a directory: name another one with --temp"
                ))
            );
            let uid = nix::unistd::geteuid().as_raw();
            ensure!(
                metadata.uid() == uid || uid == 0,
                Taken(format!(
                    "`{shown}` belongs to another user: name another directory with --temp"
                ))
            );
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => DirBuilder::new()
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("cannot make the job directory `{shown}`")),
        Err(error) => {
            Err(error).with_context(|| format!("cannot read the job directory `{shown}`"))
        }
    }
}

/// Makes sure that nothing of somebody else's is in a directory that has no job file.
fn require_empty(dir: &Path) -> Result<()> {
    let shown = quoted(dir.as_os_str());
    let mut entries = fs::read_dir(dir).with_context(|| format!("reading {shown}"))?;
    // A directory of ours whose making was interrupted holds the lock, or a half-written job file.
    let half_written = Name::Job.part();
    let is_ours =
        |name: &OsStr| name == OsStr::new(&Name::Lock.to_string()) || name == half_written.as_str();
    if entries.any(|entry| entry.is_ok_and(|entry| !is_ours(&entry.file_name()))) {
        let why = format!(
            "{shown} exists and is not a job directory of av1enc: name another one with --temp"
        );
        return Err(Taken(why).into());
    }
    Ok(())
}

/// What a directory says of the job in it.
enum Known {
    /// It has no job file.
    Nothing,
    /// It is ours, and cannot be gone on with: why, and what to type.
    Unusable(String),
    State(Box<State>),
}

/// # Errors
/// A [`Taken`] if the directory is none of ours.
fn read_state(dir: &Path) -> Result<Known> {
    let path = dir.join(Name::Job.to_string());
    let shown = quoted(path.as_os_str());
    let foreign = |what: &str| {
        Taken(format!(
            "{shown} {what}: name another directory with --temp"
        ))
    };
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Known::Nothing),
        Err(_) if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) => {
            return Err(foreign("is a link, which av1enc does not make").into());
        }
        Err(error) => return Err(error).with_context(|| format!("reading {shown}")),
    };
    match parse_state(&text) {
        Ok(state) => Ok(Known::State(Box::new(state))),
        // Half of a file is no JSON; what we have locked is ours.
        Err(unusable)
            if unusable.is_ours
                || dir.join(Name::Lock.to_string()).exists() && unusable.is_damaged =>
        {
            let why = unusable.why;
            Ok(Known::Unusable(format!(
                "{shown} {why}: add --restart to throw its work away, or name another directory with --temp"
            )))
        }
        Err(unusable) => Err(foreign(&unusable.why).into()),
    }
}

/// Why a job file is of no use.
#[derive(Debug, PartialEq, Eq)]
pub struct UnusableState {
    /// As the rest of a sentence about it.
    pub why: String,
    /// Whether an av1enc has made it of which all names of files are known.
    pub is_ours: bool,
    /// Whether it is no JSON at all.
    pub is_damaged: bool,
}

/// Reads `job.json`.
///
/// # Errors
/// Why it is of no use.
pub fn parse_state(text: &[u8]) -> Result<State, UnusableState> {
    let unusable = |why: &str, is_ours, is_damaged| UnusableState {
        why: why.to_owned(),
        is_ours,
        is_damaged,
    };
    let json: serde_json::Value = serde_json::from_slice(text)
        .map_err(|_| unusable("is damaged, or not a job file of av1enc", false, true))?;
    if json["made_by"] != "av1enc" {
        return Err(unusable("is not a job file of av1enc", false, false));
    }
    match json["format"].as_u64() {
        // What a newer one has put there, we do not know.
        Some(format) if format > FORMAT.into() => {
            Err(unusable("was made by a newer av1enc", false, false))
        }
        Some(format) if format < FORMAT.into() => {
            Err(unusable("was made by an older av1enc", true, false))
        }
        _ => serde_json::from_value(json).map_err(|_| unusable("is damaged", true, true)),
    }
}

/// Takes the lock of the directory; the kernel gives it back when this process ends, however it ends.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join(Name::Lock.to_string());
    let open = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(O_NOFOLLOW)
        .open(&path);
    let mut file = open.with_context(|| format!("opening `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => {
            let named = file
                .set_len(0)
                .and_then(|()| writeln!(file, "{}", std::process::id()));
            named.with_context(|| format!("writing `{}`", path.display()))?;
            Ok(file)
        }
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)
                .with_context(|| format!("reading `{}`", path.display()))?;
            Err(Taken(format!(
                "another av1enc (process {}) works on {} right now",
                holder.trim(),
                quoted(dir.as_os_str())
            ))
            .into())
        }
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking `{}`", path.display()))
        }
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes what av1enc makes in a job directory, by name; the lock stays.
fn clear(dir: &Path) -> Result<()> {
    let chunks = dir.join(CHUNKS);
    if fs::symlink_metadata(&chunks).is_ok_and(|metadata| metadata.is_dir()) {
        clear_folder(dir, &chunks)?;
        // If something of somebody else's is in it, it stays.
        let _ = fs::remove_dir(&chunks);
    }
    clear_folder(dir, dir)?;
    // Last: a directory without it is no longer known as ours.
    remove_if_there(&dir.join(Name::Job.part()))?;
    remove_if_there(&dir.join(Name::Job.to_string()))
}

/// Removes what is ours in one `folder` of the job directory `dir`, but what says that it is a job.
fn clear_folder(dir: &Path, folder: &Path) -> Result<()> {
    let stays = [
        Name::Lock.to_string(),
        Name::Job.to_string(),
        Name::Job.part(),
    ];
    for entry in fs::read_dir(folder).with_context(|| format!("reading `{}`", folder.display()))? {
        let path = entry?.path();
        let relative = path.strip_prefix(dir).unwrap_or(&path);
        if names::is_ours(relative) && !stays.iter().any(|name| relative == Path::new(name)) {
            remove_if_there(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(index: usize, start: u64, end: u64) -> Chunk {
        Chunk { index, start, end }
    }

    #[test]
    fn a_list_of_scenes_is_read_as_far_as_it_is_whole() {
        let text = b"{\"index\":0,\"start\":0,\"end\":50}\n{\"index\":1,\"start\":50,\"end\":99}\n";
        let known = KnownScenes {
            chunks: vec![chunk(0, 0, 50), chunk(1, 50, 99)],
            complete: false,
        };
        assert_eq!(parse_scenes(text), (known, text.len()));
        for end in [
            "{\"ind",
            "{\"index\":3,\"start\":99,\"end\":120}\n",
            "{\"index\":2,\"start\":98,\"end\":120}\n",
            "{\"complete\":98}\n",
            "{\"complete\":99}",
            "\0\0\0\n",
        ] {
            let (known, good) = parse_scenes(&[text, end.as_bytes()].concat());
            assert_eq!(
                (known.chunks.len(), known.complete, good),
                (2, false, text.len()),
                "{end}"
            );
        }
        let (known, _) = parse_scenes(&[text, b"{\"complete\":99}\n".as_slice()].concat());
        assert!(known.complete);
    }

    #[test]
    fn the_identity_of_a_source_is_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let mut bytes = vec![7; 40 << 20];
        fs::write(&a, &bytes).unwrap();
        fs::copy(&a, &b).unwrap();
        assert_eq!(
            SourceIdentity::of(&a).unwrap(),
            SourceIdentity::of(&b).unwrap()
        );
        bytes[(40 << 20) - 1] = 8;
        fs::write(&b, &bytes).unwrap();
        assert_ne!(
            SourceIdentity::of(&a).unwrap(),
            SourceIdentity::of(&b).unwrap()
        );
        fs::write(&b, b"").unwrap();
        assert_eq!(SourceIdentity::of(&b).unwrap().bytes, 0);
    }

    #[test]
    fn only_what_is_ours_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(CHUNKS)).unwrap();
        let hdr10 = [
            Name::ChunkWithHdr10(2).to_string(),
            Name::ChunkWithHdr10(3).part(),
        ];
        let names = [
            "job.json",
            "source.ffindex",
            "chunks/00000.ivf",
            "chunks/00001.part.ivf",
            "chunks/00000.json",
        ];
        for name in names.into_iter().chain(hdr10.iter().map(String::as_str)) {
            fs::write(dir.path().join(name), "").unwrap();
        }
        for foreign in ["holiday.mkv", "chunks/notes.txt"] {
            fs::write(dir.path().join(foreign), "").unwrap();
        }
        clear(dir.path()).unwrap();
        let left = |dir: &Path| {
            let mut names: Vec<_> = fs::read_dir(dir)
                .unwrap()
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(left(dir.path()), ["chunks", "holiday.mkv"]);
        assert_eq!(left(&dir.path().join(CHUNKS)), ["notes.txt"]);
    }
}
