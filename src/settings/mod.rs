//! From the command line to a [`Config`]: every value in it is legal, alone and with the others.

pub mod built_in;
pub mod av1an;
pub mod cuts;
pub mod params;
pub mod tables;
pub mod size;
pub mod deciding;
pub mod schedule;
pub mod neighbour;
mod typed;
pub mod sound;
pub mod tracks;
pub mod clip;
pub mod which;
mod foreign;
mod mistakes;
mod layers;
pub mod line;
mod replacing;
mod named;

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;

pub use self::replacing::{Replacing, original_of, output_of};
use self::{
    clip::TestClip,
    cuts::Cuts,
    deciding::Deciding,
    named::NAME_MAX,
    neighbour::Neighbour,
    params::{Crf, Param},
    sound::SoundOptions,
    tracks::TrackWishes,
    typed::{Typed, words},
};
use crate::{
    cli::{
        ChunkMethod, ChunkOrder, EncodeArgs, EncoderName, OnChange, OnInterrupt, PixFormat, Setting,
    },
    film::{
        hdr::{ContentLight, MasteringDisplay},
        media::{ChromaLocation, CodePoint, Color, Range},
    },
    os::{exit::UsageError, process::quoted, room},
};

fn usage<T>(message: impl Into<String>) -> Result<T, UsageError> {
    Err(UsageError(message.into()))
}

/// What the user wants; every value is legal, alone and with the others.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which steps are taken.
    pub step: Step,
    /// The film, as an absolute path: a name like `-x.mkv` or `concat:x` can then be nothing but a file.
    pub input: PathBuf,
    /// The file to write, as an absolute path.
    pub output: PathBuf,
    /// Whether an existing output may be replaced.
    pub overwrite: bool,
    /// What becomes of the input, if the output takes its place.
    pub replacing: Option<Replacing>,
    /// The job directory, as an absolute path.
    pub job_dir: PathBuf,
    /// Whether the job directory stays after success.
    pub keep: bool,
    /// Whether earlier work of this job is thrown away.
    pub restart: bool,
    /// Whether the accounts of the job directory's group work on the job together.
    pub shared: bool,
    /// Whether the end of another run of this job is waited for.
    pub waits: bool,
    /// After how long without a sign of life a run of this job on another host counts as dead.
    pub lease_timeout: Duration,
    /// Encoders at once; `None`: as many as the machine carries.
    pub workers: Option<usize>,
    /// Memory that the whole run may take.
    pub memory: MemoryLimit,
    /// The encoder.
    pub encoder: EncoderChoice,
    /// Programs given by the user.
    pub programs: NamedPrograms,
    /// What decides about the bytes of the video.
    pub video: VideoConfig,
    /// How it is decided what is not said, and whether the film is encoded at all.
    pub deciding: Deciding,
    /// Of which films a test clip comes first.
    pub test_clip: TestClip,
    /// Where it is cut.
    pub cuts: Cuts,
    /// ffmpeg's options for sound; `None`: sound is copied, unless `tracks` says otherwise.
    pub audio_args: Option<SoundOptions>,
    /// Which tracks are kept, and what becomes of the sound.
    pub tracks: TrackWishes,
    /// Whether ffmpeg encodes the film in one go, without VapourSynth.
    pub direct: bool,
    /// Who reads the film.
    pub method: Method,
    /// Whether the first signal to stop lets running chunks finish.
    pub finish_chunks: bool,
    /// How long an encoder may make no progress; `None`: from frame size and preset.
    pub stall_timeout: Option<Duration>,
    /// How long a full disk is waited for.
    pub disk_patience: Duration,
    /// Whether a source that is cut short is encoded.
    pub allow_truncated: bool,
    /// Whether a film whose size or transfer function changes is encoded as what it is at its beginning.
    pub keep_on_change: bool,
    /// Whether the whole output is decoded before it gets its name.
    pub verify_decode: bool,
    /// Whether all pictures of the output are compared with all of the source's.
    pub verify_source: bool,
    /// Where all that was compared is written, as an absolute path.
    pub proof: Option<PathBuf>,
    /// Where it is appended what came of the film, as an absolute path.
    pub history: Option<PathBuf>,
    /// Whether only the plan is printed.
    pub dry_run: bool,
    /// Which scene is encoded next.
    pub order: ChunkOrder,
    /// Processors that each encoder is kept on.
    pub pinned_to: Option<usize>,
    /// How it makes way for the machine's other work.
    pub neighbour: Neighbour,
    /// Where what happens is written as well.
    pub log_file: Option<PathBuf>,
    /// What was typed and has nothing to do here, each with the reason.
    pub notes: Vec<String>,
    /// What each option is set to, and by whom.
    pub said: Vec<Setting>,
    /// The words of a plan, as those of an encode, with what was said below them.
    pub words: Vec<OsString>,
}

/// Which of the steps that make a film a run takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Step {
    /// All of them.
    #[default]
    All,
    /// Everything that comes before the first chunk is encoded.
    Plan,
    /// Everything that comes after the last chunk was encoded.
    Join,
}

/// Memory that a run may take: all its processes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MemoryLimit {
    /// What is available, less a reserve for the machine.
    #[default]
    Available,
    /// So many bytes, and no more than is available.
    Bytes(u64),
    /// Memory is not looked at.
    None,
}

impl MemoryLimit {
    /// What `--memory-limit` says.
    ///
    /// # Errors
    /// If it says nothing of memory.
    pub fn parse(text: &str) -> Result<Self, UsageError> {
        match text {
            "auto" => Ok(Self::Available),
            "none" => Ok(Self::None),
            // As everywhere where memory is limited, a G is 2^30 bytes.
            size => match parse_size::Config::new().with_binary().parse_size(size) {
                Ok(bytes @ 1..) => Ok(Self::Bytes(bytes)),
                _ => usage(format!(
                    "--memory-limit {size}: a size such as 12G or 6000M, auto, or none"
                )),
            },
        }
    }
}

/// The encoder that the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderChoice {
    /// Which.
    pub name: EncoderName,
    /// SvtAv1EncApp given by the user.
    pub path: Option<PathBuf>,
    /// Render node given by the user.
    pub device: Option<PathBuf>,
}

impl Default for EncoderChoice {
    fn default() -> Self {
        Self {
            name: EncoderName::Auto,
            path: None,
            device: None,
        }
    }
}

/// Programs that are used in place of those in PATH.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedPrograms {
    /// ffmpeg.
    pub ffmpeg: Option<PathBuf>,
    /// ffprobe.
    pub ffprobe: Option<PathBuf>,
}

/// Who reads the film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// FFMS2 where it is right and worth its index, else ffmpeg in order.
    Auto,
    /// FFMS2 where it is right, else ffmpeg in order.
    Ffms2,
    /// ffmpeg, in order.
    Linear,
}

/// What decides about the bytes of the video.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoConfig {
    /// Constant rate factor, in steps of a quarter.
    pub crf: Option<Crf>,
    /// Encoder preset.
    pub preset: Option<i32>,
    /// Level of parallelism of each encoder.
    pub lp: Option<u32>,
    /// The user's encoder options, in order.
    pub params: Vec<Param>,
    /// Colours that the user set among the encoder options: they go to the encoder and to the container.
    pub forced_color: ForcedColor,
    /// Colours for a source that has none.
    pub fallback_color: ColorTags,
    /// Bits per sample to encode, 8 or 10; `None`: 8 where the source has 8, else 10.
    pub bit_depth: Option<u8>,
    /// Whether options that the user does not name are set, where av1enc has a better value than the encoder.
    pub defaults: bool,
}

/// Colours for a source that has none, and the flag by which the user gave them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColorTags {
    /// The flag, as it was typed.
    pub flag: &'static str,
    /// The colours.
    pub color: ForcedColor,
}

/// av1an's flag for options of ffmpeg.
const TAGS_FLAG: &str = "-f";
/// The same flag by its long name, which here may name a program as well.
const FFMPEG_FLAG: &str = "--ffmpeg";

/// The colours that a user named; `None` where nothing was said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForcedColor {
    /// Colour primaries.
    pub primaries: Option<CodePoint>,
    /// Transfer characteristics.
    pub transfer: Option<CodePoint>,
    /// Matrix coefficients.
    pub matrix: Option<CodePoint>,
    /// Range.
    pub range: Option<Range>,
    /// Chroma location; `Some(None)`: the user says that it is unknown.
    pub chroma_location: Option<Option<ChromaLocation>>,
    /// Mastering display.
    pub mastering: Option<MasteringDisplay>,
    /// Content light level; `Some(None)`: the user says that there is none.
    pub content_light: Option<Option<ContentLight>>,
}

impl Config {
    /// Reads a parsed command line.
    ///
    /// # Errors
    /// Everything that is wrong with it, and what to type instead.
    pub fn new(args: &EncodeArgs) -> Result<Self, UsageError> {
        Self::read(args).map_err(|wrong| match UsageError::unless_none(wrong) {
            Err(error) => error,
            Ok(()) => UsageError("this line cannot be followed".to_owned()),
        })
    }

    /// Everything that is wrong with a parsed command line.
    #[must_use]
    pub fn wrong(args: &EncodeArgs) -> Vec<UsageError> {
        Self::read(args).err().unwrap_or_default()
    }

    fn read(args: &EncodeArgs) -> Result<Self, Vec<UsageError>> {
        let parts = Parts::read(args)?;
        let Names {
            input,
            output,
            job_dir,
            log_file,
            proof,
            history,
            replacing,
        } = parts.names;
        Ok(Self {
            step: Step::All,
            input,
            job_dir,
            output,
            log_file,
            proof,
            history,
            overwrite: args.overwrite && !args.replace,
            replacing,
            keep: args.keep,
            restart: args.restart,
            shared: args.shared,
            waits: args.wait,
            lease_timeout: Duration::from_secs(args.lease_timeout.unwrap_or(60)),
            workers: parts.workers,
            memory: parts.memory,
            encoder: parts.encoder,
            programs: parts.programs,
            video: parts.video,
            deciding: parts.deciding,
            test_clip: parts.test_clip,
            tracks: parts.tracks.beside(parts.audio_args.as_ref()),
            audio_args: parts.audio_args,
            direct: args.no_chunks,
            cuts: parts.cuts,
            method: method(args.chunk_method.unwrap_or(built_in::CHUNK_METHOD)),
            finish_chunks: args.on_interrupt.unwrap_or(built_in::ON_INTERRUPT)
                == OnInterrupt::Finish,
            stall_timeout: args
                .stall_timeout
                .map(|seconds| Duration::from_secs(seconds.max(1))),
            disk_patience: args
                .disk_timeout
                .map_or(room::PATIENCE, Duration::from_secs),
            allow_truncated: args.allow_truncated,
            keep_on_change: args.on_change.unwrap_or(built_in::ON_CHANGE) == OnChange::Keep,
            verify_decode: args.verify_decode,
            verify_source: args.verify_source,
            dry_run: args.dry_run,
            order: args.chunk_order.unwrap_or(built_in::CHUNK_ORDER),
            pinned_to: parts.pinned_to,
            neighbour: parts.neighbour,
            notes: notes(args),
            said: args.said.clone(),
            words: args.words.clone(),
        })
    }
}

/// What of a command line may be wrong.
struct Parts {
    names: Names,
    encoder: EncoderChoice,
    programs: NamedPrograms,
    video: VideoConfig,
    deciding: Deciding,
    test_clip: TestClip,
    workers: Option<usize>,
    memory: MemoryLimit,
    cuts: Cuts,
    pinned_to: Option<usize>,
    neighbour: Neighbour,
    audio_args: Option<SoundOptions>,
    tracks: TrackWishes,
}

impl Parts {
    /// Reads all of them, though one be wrong: who has to mend a line wants to know everything at once.
    fn read(args: &EncodeArgs) -> Result<Self, Vec<UsageError>> {
        let mut wrong = Wrong::default();
        let cwd = current_dir().map_err(|gone| vec![gone])?;
        let typed = Typed::of(args).unwrap_or_else(|errors| {
            wrong.0.extend(errors);
            Typed::default()
        });
        let names = wrong.unless(Names::of(args, &cwd));
        let encoder = wrong.unless(encoder_choice(args, typed.encoder, &cwd));
        let video = wrong.unless(video_config(args, typed.params));
        let deciding = wrong.unless(Deciding::of(args, &cwd));
        let test_clip = wrong.unless(TestClip::of(args));
        let workers = wrong.unless(workers(
            args.workers.as_deref().unwrap_or(built_in::WORKERS),
        ));
        let memory = wrong.unless(MemoryLimit::parse(
            args.memory_limit
                .as_deref()
                .unwrap_or(built_in::MEMORY_LIMIT),
        ));
        let cuts = wrong.unless(Cuts::of(args, &cwd));
        let pinned_to = wrong.unless(pinned_to(args.set_thread_affinity));
        let neighbour = wrong.unless(Neighbour::of(args));
        let audio_args = wrong.unless(SoundOptions::read(args.audio_params.as_deref()));
        let sound = audio_args.zip(wrong.unless(TrackWishes::of(args)));
        let named = wrong.unless(ffmpeg_or_tags(args));
        let all = (
            names, encoder, video, deciding, test_clip, named, workers, memory, cuts, pinned_to,
            neighbour, sound,
        );
        let (
            Some(names),
            Some(encoder),
            Some(mut video),
            Some(deciding),
            Some(test_clip),
            Some((ffmpeg, tags)),
            Some(workers),
            Some(memory),
            Some(cuts),
            Some(pinned_to),
            Some(neighbour),
            Some((audio_args, tracks)),
        ) = all
        else {
            return Err(wrong.0);
        };
        video.fallback_color = tags;
        let programs = NamedPrograms {
            ffmpeg: ffmpeg.map(|path| program(&cwd, path)),
            ffprobe: args.ffprobe.as_deref().map(|path| program(&cwd, path)),
        };
        let parts = Self {
            names,
            encoder,
            programs,
            video,
            deciding,
            test_clip,
            workers,
            memory,
            cuts,
            pinned_to,
            neighbour,
            audio_args,
            tracks,
        };
        if wrong.0.is_empty() {
            Ok(parts)
        } else {
            Err(wrong.0)
        }
    }
}

/// Where relative paths begin.
fn current_dir() -> Result<PathBuf, UsageError> {
    let gone = |error| UsageError(format!("the current directory is gone: {error}"));
    env::current_dir().map_err(gone)
}

/// What is wrong with a command line.
#[derive(Default)]
struct Wrong(Vec<UsageError>);

impl Wrong {
    /// What was read, unless that was wrong.
    fn unless<T>(&mut self, read: Result<T, UsageError>) -> Option<T> {
        read.map_err(|error| self.0.push(error)).ok()
    }
}

/// Where everything is, as absolute paths.
struct Names {
    input: PathBuf,
    output: PathBuf,
    job_dir: PathBuf,
    log_file: Option<PathBuf>,
    proof: Option<PathBuf>,
    history: Option<PathBuf>,
    replacing: Option<Replacing>,
}

impl Names {
    fn of(args: &EncodeArgs, cwd: &Path) -> Result<Self, UsageError> {
        let Some(input) = args.input.as_ref().or(args.input_flag.as_ref()) else {
            return usage("no film is named: type `av1enc INPUT.mkv -o OUTPUT.mkv`");
        };
        if input.as_os_str().is_empty() {
            return usage("the input's name is empty");
        }
        named::check_input(input)?;
        let output = match args.replace {
            true => replacing::output_of(&cwd.join(input)),
            false => cwd.join(output(args, input)?),
        };
        named::check_output(&output, input)?;
        let input = cwd.join(input);
        let replacing = Replacing::of(args, &input, cwd)?;
        let log_file = args.log_file.as_ref().map(|file| cwd.join(file));
        let proof = args.proof.as_ref().map(|proof| cwd.join(proof));
        let history = args.history.as_ref().map(|file| cwd.join(file));
        if proof
            .as_ref()
            .is_some_and(|proof| [&output, &input].contains(&proof))
        {
            return usage("--proof names the film itself: name another file for what was compared");
        }
        let is_film = |file: &PathBuf| {
            let is_same = |other: &Path| {
                file == other
                    || fs::canonicalize(file)
                        .is_ok_and(|file| fs::canonicalize(other).is_ok_and(|other| file == other))
            };
            is_same(&input) || is_same(&output)
        };
        let scenes = args.scenes.as_ref().map(|file| cwd.join(file));
        for (option, file) in [
            ("--log-file", &log_file),
            ("--history", &history),
            ("--scenes", &scenes),
        ] {
            if let Some(file) = file.as_ref().filter(|file| is_film(file)) {
                return usage(format!(
                    "{option} {}: that is a film; name another file",
                    quoted(file.as_os_str())
                ));
            }
        }
        Ok(Self {
            job_dir: args
                .temp
                .as_ref()
                .map_or_else(|| job_dir_of(&output), |temp| cwd.join(temp)),
            input,
            output,
            log_file,
            proof,
            history,
            replacing,
        })
    }
}

/// Who reads the film: of av1an's methods, those that need ffmpeg alone are `linear`, and the others FFMS2's equals.
fn method(named: ChunkMethod) -> Method {
    match named {
        ChunkMethod::Auto
        | ChunkMethod::Bestsource
        | ChunkMethod::Lsmash
        | ChunkMethod::Dgdecnv => Method::Auto,
        ChunkMethod::Ffms2 => Method::Ffms2,
        ChunkMethod::Linear | ChunkMethod::Hybrid | ChunkMethod::Select | ChunkMethod::Segment => {
            Method::Linear
        }
    }
}

/// What was typed and has nothing to do here.
fn notes(args: &EncodeArgs) -> Vec<String> {
    let named = args.chunk_method.unwrap_or(built_in::CHUNK_METHOD);
    let method = match method(named) {
        _ if matches!(
            named,
            ChunkMethod::Auto | ChunkMethod::Ffms2 | ChunkMethod::Linear
        ) =>
        {
            None
        }
        Method::Linear => Some("ffmpeg reads the film from beginning to end, as with -m linear"),
        _ => Some(match named {
            ChunkMethod::Bestsource => {
                "FFMS2 or ffmpeg reads the film, as with -m auto: BestSource decodes all of it once more for its index \
                 (benches/RESULTS.md, Readers)"
            }
            ChunkMethod::Lsmash => {
                "FFMS2 or ffmpeg reads the film, as with -m auto: L-SMASH-Works doubles pictures where a film begins between \
                 keyframes (benches/RESULTS.md, Readers)"
            }
            _ => "FFMS2 or ffmpeg reads the film, as with -m auto",
        }),
    };
    let named = named.to_possible_value();
    let named = named.as_ref().map_or("", |value| value.get_name());
    let method = method.map(|what| format!("--chunk-method {named}: {what}"));
    let idle = deciding::idle(args);
    args.notes
        .iter()
        .cloned()
        .chain(method)
        .chain(idle)
        .chain(replacing::in_vain(args))
        .chain(clip::in_vain(args))
        .collect()
}

fn pinned_to(processors: Option<usize>) -> Result<Option<usize>, UsageError> {
    match processors {
        Some(0) => usage("--set-thread-affinity 0: a number of processors from 1 on"),
        processors => Ok(processors),
    }
}

/// The output's name: the one that is given, or that of the `input` with another ending, in the current directory.
fn output(args: &EncodeArgs, input: &Path) -> Result<PathBuf, UsageError> {
    match (&args.output, input.file_stem()) {
        (Some(output), _) => Ok(output.clone()),
        (None, Some(stem)) => {
            let mut name = stem.to_owned();
            name.push(".av1.mkv");
            Ok(PathBuf::from(name))
        }
        (None, None) => usage(format!("`{}` has no file name", input.display())),
    }
}

/// The number of workers that `--workers` names; `None` for as many as are good.
fn workers(text: &str) -> Result<Option<usize>, UsageError> {
    match (text, text.parse()) {
        ("auto" | "0", _) => Ok(None),
        (_, Ok(n @ 1..=1024)) => Ok(Some(n)),
        _ => usage(format!(
            "--workers {text}: a number from 1 to 1024, or auto, by cores and memory"
        )),
    }
}

/// What `--ffmpeg` names: a program, or, as in av1an and as with `-f`, options.
fn ffmpeg_or_tags(args: &EncodeArgs) -> Result<(Option<&Path>, ColorTags), UsageError> {
    let tags = args.color_tags.as_deref();
    match &args.ffmpeg {
        Some(value) if value.as_os_str().as_encoded_bytes().starts_with(b"-") => {
            match (value.to_str(), tags) {
                (_, Some(_)) => usage("--ffmpeg and -f both hold colour tags; leave one out"),
                (None, _) => usage("--ffmpeg: these options are not text"),
                (Some(tags), None) => Ok((None, color_tags(FFMPEG_FLAG, tags)?)),
            }
        }
        path => Ok((
            path.as_deref(),
            color_tags(TAGS_FLAG, tags.unwrap_or_default())?,
        )),
    }
}

/// A program as a shell finds it: a plain name in PATH, all else from here.
fn program(cwd: &Path, path: &Path) -> PathBuf {
    if path.components().count() > 1 {
        cwd.join(path)
    } else {
        path.to_owned()
    }
}

/// The encoder that is wanted, where ffmpeg's own words may have `named` one, too.
fn encoder_choice(
    args: &EncodeArgs,
    named: Option<EncoderName>,
    cwd: &Path,
) -> Result<EncoderChoice, UsageError> {
    let encoder = match (args.encoder.unwrap_or(built_in::ENCODER), named) {
        (EncoderName::Auto, Some(named)) => named,
        (chosen, Some(named)) if chosen != named => {
            return usage("-c:v in --video-params names another encoder than -e: leave one out");
        }
        (chosen, _) => chosen,
    };
    if args.encoder_path.is_some() && !matches!(encoder, EncoderName::Auto | EncoderName::SvtAv1) {
        return usage(
            "--encoder-path names an SvtAv1EncApp; the encoders of ffmpeg are chosen with -e and --ffmpeg PATH",
        );
    }
    if args.device.is_some() && !matches!(encoder, EncoderName::Av1Qsv | EncoderName::AutoHw) {
        return usage("--device names a GPU, which encodes only with -e av1-qsv or -e auto-hw");
    }
    let name = match (args.no_chunks, encoder) {
        (false, name) => name,
        (true, EncoderName::Auto | EncoderName::Libsvtav1) if args.encoder_path.is_none() => {
            EncoderName::Libsvtav1
        }
        (true, _) => {
            return usage(
                "--no-chunks encodes with ffmpeg's libsvtav1: leave -e and --encoder-path out",
            );
        }
    };
    if args.no_chunks && args.workers.as_ref().is_some_and(|n| n != "auto") {
        return usage("--no-chunks is one encoder: leave --workers out");
    }
    Ok(EncoderChoice {
        name,
        path: args.encoder_path.as_ref().map(|path| cwd.join(path)),
        device: args.device.as_ref().map(|path| cwd.join(path)),
    })
}

/// The job directory of an output: beside it, with `.av1enc` behind its name. Where that would be too long, the end of the
/// output's name gives way to a hash of all of it.
#[must_use]
pub fn job_dir_of(output: &Path) -> PathBuf {
    const ENDING: &[u8] = b".av1enc";
    let name = output.file_name().unwrap_or_default().as_bytes();
    if name.len() + ENDING.len() <= NAME_MAX {
        return output.with_file_name(OsStr::from_bytes(&[name, ENDING].concat()));
    }
    let hash = blake3::hash(name).to_hex();
    let tail = [b"-", &hash.as_bytes()[..12], ENDING].concat();
    let is_within_character = |at: usize| name[at] & 0xc0 == 0x80;
    let mut end = NAME_MAX - tail.len();
    while end > 0 && is_within_character(end) {
        end -= 1;
    }
    output.with_file_name(OsStr::from_bytes(&[&name[..end], &tail].concat()))
}

fn video_config(args: &EncodeArgs, params: Vec<Param>) -> Result<VideoConfig, UsageError> {
    for (flag, given, param) in [
        ("--crf", args.crf.is_some(), "crf"),
        ("--preset", args.preset.is_some(), "preset"),
        ("--lp", args.lp.is_some(), "lp"),
    ] {
        if given && params.iter().any(|p| p.name == param) {
            return usage(format!(
                "{flag} is given twice: by itself and inside --video-params; leave one out"
            ));
        }
    }
    let crf = match args.crf.map(|crf| (crf, Crf::try_from(crf))) {
        None => None,
        Some((_, Ok(crf))) => Some(crf),
        Some((crf, Err(none))) => return usage(format!("--crf {crf}: {none}")),
    };
    Ok(VideoConfig {
        crf,
        preset: args.preset,
        lp: args.lp,
        forced_color: color_of_params(&params)?,
        params,
        fallback_color: ColorTags::default(),
        bit_depth: match args.pix_format.unwrap_or(built_in::PIX_FORMAT) {
            PixFormat::Auto => None,
            PixFormat::Yuv420p => Some(8),
            PixFormat::Yuv420p10le => Some(10),
        },
        defaults: !args.no_defaults,
    })
}

/// The colours among the user's encoder options.
fn color_of_params(params: &[Param]) -> Result<ForcedColor, UsageError> {
    let mut color = ForcedColor::default();
    for param in params {
        let value = param.value.as_deref().unwrap_or("");
        let wrong =
            |why: &str| UsageError(format!("--video-params: --{} {value}: {why}", param.name));
        let code = |named: Option<CodePoint>| {
            named
                .or_else(|| value.parse().ok())
                .ok_or_else(|| wrong("not a code point of H.273"))
        };
        match param.name.as_str() {
            "color-primaries" => color.primaries = Some(code(Color::primaries_code(value))?),
            "transfer-characteristics" => color.transfer = Some(code(Color::transfer_code(value))?),
            "matrix-coefficients" => color.matrix = Some(code(Color::matrix_code(value))?),
            "color-range" => {
                color.range = Some(match value {
                    "0" | "studio" => Range::Limited,
                    "1" | "full" => Range::Full,
                    _ => return Err(wrong("0 (studio) or 1 (full)")),
                });
            }
            "chroma-sample-position" => {
                color.chroma_location = Some(match value {
                    "0" | "unknown" => None,
                    "1" | "vertical" | "left" => Some(ChromaLocation::Left),
                    "2" | "colocated" | "topleft" => Some(ChromaLocation::TopLeft),
                    _ => return Err(wrong("unknown, left or topleft")),
                });
            }
            "mastering-display" => {
                color.mastering = Some(MasteringDisplay::parse(value).map_err(|why| wrong(&why))?)
            }
            "content-light" => {
                color.content_light = Some(ContentLight::parse(value).map_err(|why| wrong(&why))?)
            }
            _ => (),
        }
    }
    Ok(color)
}

/// Reads the colour tags that are the value of `flag`.
fn color_tags(flag: &'static str, text: &str) -> Result<ColorTags, UsageError> {
    let mut color = ForcedColor::default();
    let mut words = words(flag, text)?.into_iter();
    while let Some(word) = words.next() {
        let option = word.strip_suffix(":v").unwrap_or(&word);
        if ![
            "-color_primaries",
            "-color_trc",
            "-colorspace",
            "-color_range",
        ]
        .contains(&option)
        {
            return usage(format!(
                "{flag}: `{word}` is not supported: no ffmpeg runs between source and encoder. Only colour tags are \
                 taken here (-color_primaries, -color_trc, -colorspace, -color_range); filter the source beforehand"
            ));
        }
        let value = words
            .next()
            .ok_or_else(|| UsageError(format!("{flag}: {option} has no value")))?;
        let known = |code: Option<CodePoint>| {
            code.map(Some).ok_or_else(|| {
                UsageError(format!("{flag}: {option} {value}: no such name in ffmpeg"))
            })
        };
        match option {
            "-color_primaries" => color.primaries = known(Color::primaries_code(&value))?,
            "-color_trc" => color.transfer = known(Color::transfer_code(&value))?,
            "-colorspace" => color.matrix = known(Color::matrix_code(&value))?,
            _ => {
                color.range = Some(match value.as_str() {
                    "tv" | "mpeg" | "limited" => Range::Limited,
                    "pc" | "jpeg" | "full" => Range::Full,
                    _ => return usage(format!("{flag}: -color_range {value}: tv or pc")),
                });
            }
        }
    }
    Ok(ColorTags { flag, color })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn config(args: &[&str]) -> Result<Config, UsageError> {
        Config::new(
            &Cli::try_parse_from(["av1enc"].iter().chain(args))
                .unwrap()
                .encode,
        )
    }

    const AV1AN_HDR: &[&str] = &[
        "-i",
        "-a film's \"name\".mkv",
        "-o",
        "-out.mkv",
        "-e",
        "svt-av1",
        "-w",
        "2",
        "--chunk-method",
        "ffms2",
        "--split-method",
        "av-scenechange",
        "-x",
        "240",
        "--pix-format",
        "yuv420p10le",
        "-v",
        "--crf 28 --preset 6 --tune 0 --lp 4 --color-primaries 9 --transfer-characteristics 16 --matrix-coefficients 9 \
         --mastering-display G(0.1700,0.7970)B(0.1310,0.0460)R(0.7080,0.2920)WP(0.3127,0.3290)L(1000.0,0.0001) \
         --content-light 949,438 --variance-boost-curve 3",
        "-f",
        "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc",
        "-a",
        "-c:a copy",
        "--verbose",
    ];

    #[test]
    fn an_av1an_line_is_understood_with_hostile_names() {
        let config = config(AV1AN_HDR).unwrap();
        assert!(config.input.ends_with("-a film's \"name\".mkv") && config.input.is_absolute());
        assert_eq!(
            (config.workers, config.memory),
            (Some(2), MemoryLimit::Available)
        );
        assert_eq!(config.audio_args, None);
        let forced = &config.video.forced_color;
        assert_eq!(
            (forced.primaries, forced.transfer, forced.matrix),
            (Some(9), Some(16), Some(9))
        );
        assert_eq!(
            forced.content_light,
            Some(Some(ContentLight {
                max_cll: 949,
                max_fall: 438
            }))
        );
        assert!((forced.mastering.unwrap().min_luminance - 0.0001).abs() < 1e-12);
        assert_eq!(config.video.params[2], Param::new("tune", 0));
        assert_eq!(config.video.fallback_color.color.transfer, Some(16));
    }

    #[test]
    fn the_name_ffmpeg_means_a_program_or_as_in_av1an_its_options() {
        let named =
            config(&["a.mkv", "--ffmpeg", "ffmpeg-9", "--ffprobe", "/opt/ffprobe"]).unwrap();
        assert_eq!(
            named.programs.ffmpeg.as_deref(),
            Some(Path::new("ffmpeg-9")),
            "a plain name is in PATH"
        );
        assert_eq!(
            named.programs.ffprobe.as_deref(),
            Some(Path::new("/opt/ffprobe"))
        );
        let here = config(&["a.mkv", "--ffmpeg", "bin/ffmpeg"]).unwrap();
        assert_eq!(
            here.programs.ffmpeg,
            Some(env::current_dir().unwrap().join("bin/ffmpeg"))
        );
        let options = config(&["a.mkv", "--ffmpeg", "-color_trc bt709"]).unwrap();
        assert_eq!(
            (
                options.programs.ffmpeg,
                options.video.fallback_color.color.transfer
            ),
            (None, Some(1))
        );
    }

    #[test]
    fn without_an_output_the_name_is_made_from_the_inputs() {
        let config = config(&["/films/A film.mp4"]).unwrap();
        assert_eq!(
            config.output,
            env::current_dir().unwrap().join("A film.av1.mkv")
        );
        assert!(
            config
                .job_dir
                .to_string_lossy()
                .ends_with("A film.av1.mkv.av1enc")
        );
    }

    #[test]
    fn a_job_has_a_name_however_long_that_of_its_output_is() {
        let job = |name: &str| job_dir_of(&Path::new("/films").join(name));
        let of = |characters: usize, letter: &str| format!("{}.mkv", letter.repeat(characters));
        assert_eq!(job("a.mkv"), Path::new("/films/a.mkv.av1enc"));
        let longest = of(244, "a");
        assert_eq!(
            job(&longest),
            PathBuf::from(format!("/films/{longest}.av1enc"))
        );
        let names = [
            of(245, "a"),
            of(251, "a"),
            of(83, "片"),
            of(83, "片") + ".mkv",
        ];
        let jobs = names.map(|name| {
            assert_eq!(job(&name), job(&name));
            let job = job(&name).file_name().unwrap().to_str().unwrap().to_owned();
            assert!(job.len() <= NAME_MAX && job.ends_with(".av1enc"), "{job}");
            job
        });
        let different: BTreeSet<_> = jobs.iter().collect();
        assert_eq!(different.len(), jobs.len());
    }

    #[test]
    fn what_cannot_be_followed_is_said_with_what_to_type() {
        for (args, reason) in [
            (&["a.mkv", "-o", "b.mp4"][..], "must end in .mkv"),
            (&["a.mkv", "-w", "many"], "or auto"),
            (&["a.mkv", "--memory-limit", "much"], "12G"),
            (&["a.mkv", "--memory-limit", "0"], "12G"),
            (&["a.mkv", "--crf", "28.1"], "steps of 0.25"),
            (&["a.mkv", "--crf", "20", "-v", "--crf 21"], "given twice"),
            (&["a.mkv", "-v", "--crf 20 --crf 21"], "given twice"),
            (&["a.mkv", "-v", "28"], "does not belong"),
            (&["a.mkv", "-v", "--mastering-display bogus"], "has no `(`"),
            (&["a.mkv", "-v", "--content-light 1"], "MAXCLL"),
            (&["a.mkv", "-v", "\"open"], "quote"),
            (&["a.mkv", "-f", "-vf crop=1920:800"], "-f: `-vf`"),
            (&["a.mkv", "-f", "-color_trc sepia"], "-f: -color_trc sepia"),
            (
                &["a.mkv", "--ffmpeg", "-vf crop=1920:800"],
                "--ffmpeg: `-vf`",
            ),
            (
                &[
                    "a.mkv",
                    "--ffmpeg",
                    "-color_trc bt709",
                    "-f",
                    "-color_trc bt709",
                ],
                "both hold",
            ),
            (&["a.mkv", "--device", "/dev/dri/renderD128"], "-e av1-qsv"),
            (&["a.mkv", "--no-chunks", "-e", "libaom"], "libsvtav1"),
            (&["a.mkv", "--no-chunks", "-w", "2"], "one encoder"),
            (
                &["a.mkv", "-e", "libaom", "--encoder-path", "aomenc"],
                "--ffmpeg PATH",
            ),
            (&["a.mkv", "-a", "-c:a libopus -map 0:1"], "-map"),
            (&["a.mkv", "-a", "-c:a flac -frames:a:0 9"], "kept whole"),
            (&["a.mkv", "-a", "-c:a flac -bsf:a noise"], "kept whole"),
            (&["a.mkv", "-a", "-c:a:1 wavpack"], "use -c:a flac"),
            (&["a.mkv", "-a", "-c:a flac -muxdelay 2"], "when it was"),
            (
                &["a.mkv", "-a", "-c:a flac -metadata:s:a:0 language=ger"],
                "mkvpropedit",
            ),
            (&["a.mkv", "-a", "-c:a libopus stray.mka"], "stray.mka"),
            (&["a.mkv", "-a", "stray.mka"], "stray.mka"),
            (&["a.mkv", "--sc-downscale-height", "0"], "360"),
            (&["a.mkv", "--extra-split-sec", "-1"], "seconds"),
            (&["a.mkv", "--force-keyframes", "1,x"], "`x`"),
            (&["a.mkv", "--no-chunks", "-s", "s.json"], "in one go"),
            (&["a.mkv", "--set-thread-affinity", "0"], "from 1 on"),
        ] {
            let error = config(args).unwrap_err().to_string();
            assert!(error.contains(reason), "{args:?}: {error}");
        }
    }
}
