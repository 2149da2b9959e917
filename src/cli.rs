//! The command line as clap sees it, and nothing else. What the flags mean is in `settings`.

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Arg, Args, CommandFactory, Parser, Subcommand, ValueEnum,
    builder::{Resettable, Styles},
};
use serde::{Deserialize, Serialize};

/// Plain headings: help is read in logs as often as on terminals.
const STYLES: Styles = Styles::styled();

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 output or job exists; 4 left as it is; 5 clip waits; \
6 chunks missing; 7 size missed; 8 never this film; 75 try again; 130, 143, 129 signals.";

/// The heading of options that decide whether and how well a film is encoded.
const DECISIONS: &str = "Decisions";

/// The heading of options that choose among tracks, and say what becomes of sound.
const TRACKS: &str = "Sound and subtitles";

/// The command by which av1enc loads VapourSynth in a process of its own.
pub const TRY_VAPOURSYNTH: &str = "try-vapoursynth";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "av1enc",
    version,
    styles = STYLES,
    about = "Encodes a film to AV1 with many encoders at once, whole and proven",
    after_help = EXIT_CODES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// What else to do; without it, a film is encoded.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to encode.
    #[command(flatten)]
    pub encode: EncodeArgs,
}

impl Cli {
    /// The options of the encode, or of the one that the doctor checks.
    #[must_use]
    pub fn options(&self) -> &EncodeArgs {
        match &self.command {
            Some(Command::Doctor { encode } | Command::Plan { encode }) => encode,
            _ => &self.encode,
        }
    }

    /// Whether only errors are wanted.
    #[must_use]
    pub fn quiet(&self) -> bool {
        match &self.command {
            Some(Command::Chunk(args)) => args.quiet,
            Some(Command::Join(args)) => args.quiet,
            _ => self.options().quiet,
        }
    }

    /// Whether the result is wanted as JSON.
    #[must_use]
    pub fn json(&self) -> bool {
        match &self.command {
            Some(Command::Verify(args)) => args.json,
            Some(Command::Status(args)) => args.json,
            Some(Command::History(args)) => args.json,
            Some(Command::Chunk(args)) => args.json,
            Some(Command::Join(args)) => args.json,
            Some(Command::Submit(args)) => args.json,
            _ => self.options().json,
        }
    }
}

/// What `-h` shows: what is typed every day.
const EVERYDAY: [&str; 18] = [
    "input",
    "output",
    "overwrite",
    "encoder",
    "crf",
    "preset",
    "video_params",
    "audio_params",
    "workers",
    "memory_limit",
    "temp",
    "restart",
    "no_chunks",
    "dry_run",
    "json",
    "quiet",
    "help",
    "version",
];

/// What only the manual shows, and a shell completes: what is typed rarely, and named by the message that brings it up.
const RARE: [&str; 26] = [
    "input_flag",
    "ionice",
    "battery",
    "min_saving",
    "keep_backup",
    "allow_truncated",
    "on_change",
    "color_tags",
    "ffmpeg",
    "ffprobe",
    "device",
    "shared",
    "wait",
    "on_interrupt",
    "stall_timeout",
    "disk_timeout",
    "numa",
    "tier",
    "tables",
    "no_config",
    "stable_secs",
    "sc_only",
    "force_keyframes",
    "verify_decode",
    "proof",
    "progress",
];

/// Commands that `-h` leaves out: `plan` says what comes after it.
const LATER: [&str; 5] = ["chunk", "join", "submit", "tables", "completions"];

/// The command line with short texts: a line for each flag, wherever the terminal has room for it. The manual page has all
/// texts whole, and what is typed rarely as well.
#[must_use]
pub fn command() -> clap::Command {
    let command = without_rare(in_short(Cli::command()));
    command
        .mut_subcommand("doctor", |doctor| without_rare(in_short(doctor)))
        .mut_subcommand("plan", |plan| without_rare(in_short(plan)))
        .mut_subcommand("chunk", in_short)
        .mut_subcommand("join", in_short)
        .mut_subcommand("submit", in_short)
        .mut_subcommand("verify", in_short)
        .mut_subcommand("restore", in_short)
        .mut_subcommand("status", in_short)
        .mut_subcommand("history", in_short)
}

/// The same where only what is typed every day is shown.
#[must_use]
pub fn everyday() -> clap::Command {
    let mut command = only_everyday(command())
        .mut_subcommand("doctor", only_everyday)
        .mut_subcommand("plan", only_everyday);
    for later in LATER {
        command = command.mut_subcommand(later, |later| later.hide(true));
    }
    command
}

fn only_everyday(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let is_hidden = arg.is_hide_set() || !EVERYDAY.contains(&arg.get_id().as_str());
            arg.hide(is_hidden)
        })
        .after_help("`av1enc --help` lists more options, `man av1enc` explains all of them.")
}

/// What a shell completes: what is shown.
#[must_use]
pub fn completed() -> clap::Command {
    let whole = Cli::command();
    let commands = whole.get_subcommands().filter(|sub| !sub.is_hide_set());
    only_shown(&whole)
        .version(env!("CARGO_PKG_VERSION"))
        .subcommands(commands.map(only_shown))
}

fn only_shown(command: &clap::Command) -> clap::Command {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let about = command.get_about().cloned();
    clap::Command::new(command.get_name().to_owned())
        .about(about.unwrap_or_default())
        .args_conflicts_with_subcommands(command.is_args_conflicts_with_subcommands_set())
        .args(shown.cloned())
}

fn without_rare(command: clap::Command) -> clap::Command {
    let before = command.get_after_help().map(|text| format!("{text}\n"));
    let told = "`man av1enc` explains every option, and has some more that are typed rarely.";
    command
        .mut_args(|arg| {
            let is_hidden = arg.is_hide_set() || RARE.contains(&arg.get_id().as_str());
            arg.hide(is_hidden)
        })
        .after_help(format!("{}{told}", before.unwrap_or_default()))
}

fn in_short(command: clap::Command) -> clap::Command {
    command
        .long_about(Resettable::Reset)
        .mut_args(with_its_values)
}

/// A flag whose text is short, and names the values that can be chosen.
fn with_its_values(arg: Arg) -> Arg {
    let arg = arg.long_help(Resettable::Reset);
    let values = arg.get_possible_values();
    let shown = values.iter().filter(|value| !value.is_hide_set());
    let names: Vec<&str> = shown.map(|value| value.get_name()).collect();
    match arg.get_help().cloned() {
        Some(help) if arg.get_action().takes_values() && !names.is_empty() => arg
            .help(with_values(&help.to_string(), &names.join(", ")))
            .hide_possible_values(true),
        _ => arg,
    }
}

/// The text of a flag with the values that can be chosen, before the one that holds where none is.
fn with_values(help: &str, values: &str) -> String {
    match help.split_once(" [default: ") {
        Some((help, default)) => format!("{help}: {values} [default: {default}"),
        None => format!("{help}: {values}"),
    }
}

/// What av1enc does beside encoding.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what an encode lacks on this machine, and what to type
    ///
    /// Looks at everything that an encode needs.
    /// With INPUT, and the options of an encode, also what would be done with that film, and whether it fits.
    #[command(mut_arg("input", |arg| arg.required_unless_present(Resettable::Reset)))]
    Doctor {
        /// The encode that is wanted.
        #[command(flatten)]
        encode: Box<EncodeArgs>,
    },
    /// Compare a film with the one that it was made of
    ///
    /// Pictures, sound and everything else are compared, whoever made the film.
    /// Exits with 0 if the output is the source, with 1 if something differs that --known does not name.
    Verify(VerifyArgs),
    /// Put the original back that `--replace` has kept of a film
    Restore {
        /// The film, as it was named, as it is, or as it is kept
        film: PathBuf,
        /// Where originals are kept [default: beside the film]
        #[arg(long, value_name = "DIR")]
        backup_dir: Option<PathBuf>,
    },
    /// Show what is encoded below a directory, and what was stopped
    ///
    /// Finds every job there: how far it is, how fast, and when it will be done; of one that was stopped or killed, what to
    /// type to go on. It writes nothing, and stands in the way of no run.
    Status(StatusArgs),
    /// Sum up what `--history` has written, as a table or a page
    ///
    /// A film counts once: by its last success, and if it has none, by its last line.
    History(HistoryArgs),
    /// Make the job directory; to look only, `--dry-run`
    ///
    /// The first of three steps that together do what the plain command does: plan, chunk, join. Indexes the film, finds all
    /// scenes, and prints the directory, in which any host then encodes chunks. `av1enc plan INPUT -o OUTPUT [OPTIONS]` takes
    /// all options of an encode.
    #[command(mut_arg("input", |arg| arg.required_unless_present(Resettable::Reset)))]
    Plan {
        /// The encode that is wanted.
        #[command(flatten)]
        encode: Box<EncodeArgs>,
    },
    /// Encode chunks of a job that `av1enc plan` has made, on any host that sees it
    ///
    /// A chunk that is encoded already is left as it is, and two hosts may work on one job. Exits with 75 if the same command
    /// may help later, and with 8 if it never will.
    Chunk(ChunkArgs),
    /// Join the chunks of a job, prove the film, and give it its name
    ///
    /// If chunks are missing it lists them, on standard output with --json, and exits with 6.
    Join(JoinArgs),
    /// Hand the chunks of a job to a scheduler: Slurm, GNU parallel, Kubernetes
    ///
    /// Once more, it sends only what is missing.
    Submit(SubmitArgs),
    /// Print the built-in tables, for a file that --tables names
    Tables,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Load VapourSynth, and print what came of it: av1enc runs this itself, since a broken library takes its process down
    #[command(hide = true, name = TRY_VAPOURSYNTH)]
    TryVapoursynth,
    /// Print the manual page (roff)
    #[command(hide = true)]
    Man,
}

/// What is compared.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The film that is there
    #[arg(value_name = "SOURCE")]
    pub source: PathBuf,

    /// The film that was made of it
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,

    /// What is known to differ: scaled, cropped=W:H:X:Y, deinterlaced, rate, colors, dynamic-hdr, sound (its channels or
    /// loudness), tracks, names (titles, languages, tags), chapters, attachments, damage
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub known: Vec<String>,

    /// Compare pictures at N places only, from the beginning to the end [default: all pictures]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,

    /// Print the findings as one JSON object
    #[arg(long)]
    pub json: bool,

    /// ffmpeg to use [default: the one in PATH]
    #[arg(long, value_name = "PATH")]
    pub ffmpeg: Option<PathBuf>,

    /// ffprobe to use [default: the one in PATH]
    #[arg(long, value_name = "PATH")]
    pub ffprobe: Option<PathBuf>,
}

/// What is looked at, and how it is shown.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Directories below which films are encoded [default: the current one]
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,

    /// Show it again every two seconds, with how busy the machine is; `q` quits, `r` looks at once
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,

    /// Also show what came of the last films, by the file that --history of an encode has written
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,

    /// Remove jobs on which nobody has worked for AGE: 7d
    ///
    /// A job that runs, and a directory with anything in it that av1enc has not made, stays.
    #[arg(long, value_name = "AGE", conflicts_with_all = ["watch", "json", "history"])]
    pub clean: Option<String>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is summed up, and how it is shown.
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// Files that `--history` has written
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Name N finished films to look at, chosen by chance
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,

    /// Choose those of --sample that were chosen with this number
    #[arg(long, value_name = "NUMBER", requires = "sample")]
    pub seed: Option<u64>,

    /// Write one page for a browser, which needs nothing else (`-`: to standard output)
    #[arg(long, value_name = "PAGE", conflicts_with_all = ["json", "sample"])]
    pub html: Option<PathBuf>,

    /// Print the sums as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Which chunks are encoded, and how.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct ChunkArgs {
    /// The job directory, as `av1enc plan` prints it
    #[arg(value_name = "JOB", required_unless_present = "packed")]
    pub job: Option<PathBuf>,

    /// Chunks A to B, from 0; or only A
    #[arg(long, value_name = "A-B", group = "which")]
    pub chunks: Option<String>,

    /// The task with this number in the job's tasks.json; `auto`: the one that a scheduler's environment names
    ///
    /// SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, AWS_BATCH_JOB_ARRAY_INDEX, or PARALLEL_SEQ less one.
    #[arg(long, value_name = "N|auto", group = "which")]
    pub task: Option<String>,

    /// Chunks that nobody encodes, until none is left
    #[arg(long, group = "which")]
    pub any: bool,

    /// A chunk that `--pack` has written, on a host that sees neither job nor source
    ///
    /// Writes the encoded chunk and its record beside FILE.
    #[arg(long, value_name = "FILE", group = "which", conflicts_with_all = ["job", "source", "pack"])]
    pub packed: Option<PathBuf>,

    /// Add this to the number of the task
    #[arg(long, value_name = "N", requires = "task", default_value_t = 0)]
    pub task_offset: usize,

    /// Write the frames of each chunk into one lossless file, and encode nothing
    #[arg(long)]
    pub pack: bool,

    /// Where the source is on this host [default: where the plan has it]
    #[arg(long, value_name = "PATH")]
    pub source: Option<PathBuf>,

    /// Encoders at once [default: by processors and memory]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub workers: Option<u32>,

    /// Memory to stay within, in bytes, or with K, M, G, T [default: what is available]
    #[arg(long, value_name = "SIZE")]
    pub memory_limit: Option<String>,

    /// After so many seconds without a sign of life, a host that encodes a chunk counts as dead
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub lease_timeout: u64,

    /// The group of the job directory works on it
    #[arg(long)]
    pub shared: bool,

    /// Print what happens as JSON lines
    #[arg(long)]
    pub json: bool,

    /// Print only errors
    #[arg(short, long, conflicts_with = "json")]
    pub quiet: bool,
}

/// What is joined, and how it is shown.
#[derive(Debug, Clone, Args)]
pub struct JoinArgs {
    /// The job directory, as `av1enc plan` prints it
    #[arg(value_name = "JOB")]
    pub job: PathBuf,

    /// Where the source is on this host [default: where the plan has it]
    #[arg(long, value_name = "PATH")]
    pub source: Option<PathBuf>,

    /// The group of the job directory works on it
    #[arg(long)]
    pub shared: bool,

    /// Print what happens as JSON lines
    #[arg(long)]
    pub json: bool,

    /// Print only errors
    #[arg(short, long, conflicts_with = "json")]
    pub quiet: bool,
}

/// To whom chunks are handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// An array job of Slurm, and a job that joins
    Slurm,
    /// A line for GNU parallel, over ssh
    Parallel,
    /// The manifest of an indexed job of Kubernetes
    Kubernetes,
}

/// What is handed to whom.
#[derive(Debug, Clone, Args)]
pub struct SubmitArgs {
    /// The job directory, as `av1enc plan` prints it
    #[arg(value_name = "JOB")]
    pub job: PathBuf,

    /// To whom
    #[arg(long, value_enum, value_name = "NAME")]
    pub engine: Engine,

    /// Tasks at once, at most [default: the scheduler's own limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub array_limit: Option<u32>,

    /// Seconds of work that a task has at least, about
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub task_seconds: u64,

    /// Only print what would be done
    #[arg(long)]
    pub print: bool,

    /// Hosts for GNU parallel: names separated by commas, or a file with one in each line
    #[arg(long, value_name = "HOSTS")]
    pub hosts: Option<OsString>,

    /// Chunks go to hosts that do not see the job as packed files (GNU parallel)
    #[arg(long)]
    pub packed: bool,

    /// The container's image (Kubernetes)
    #[arg(long, value_name = "IMAGE", default_value = "av1enc")]
    pub image: String,

    /// The volume claim on which job and source are (Kubernetes)
    #[arg(long, value_name = "NAME", default_value = "films")]
    pub claim: String,

    /// Where av1enc is on the hosts [default: where this one is]
    #[arg(long, value_name = "PATH")]
    pub program: Option<PathBuf>,

    /// After so many seconds without a sign of life, a host that encodes a chunk counts as dead [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub lease_timeout: Option<u64>,

    /// The group of the job directory works on it
    #[arg(long)]
    pub shared: bool,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,

    /// Further options for the scheduler's own command (sbatch, parallel)
    #[arg(last = true, value_name = "OPTIONS")]
    pub further: Vec<OsString>,
}

/// What an option is set to, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The option, without its dashes.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Who says so.
    pub from: Layer,
    /// Where it stands there: `class.remux, 1080p`, or a file and its line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// Who says what an option is set to: each goes before those that are listed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// av1enc itself.
    BuiltIn,
    /// A table.
    Table,
    /// The file of settings.
    Config,
    /// A variable of the environment.
    Environment,
    /// The command line.
    Line,
}

/// What sound is encoded with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// It is not.
    #[default]
    Copy,
    /// libopus.
    Opus,
    /// ffmpeg's AAC.
    Aac,
    /// FLAC.
    Flac,
}

/// What sound of many channels is mixed down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Downmix {
    /// Two channels.
    Stereo,
}

/// The encoder families that can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EncoderName {
    /// The first that works: SvtAv1EncApp, then ffmpeg's libsvtav1, libaom, librav1e.
    Auto,
    /// SvtAv1EncApp.
    #[value(aliases = ["svt_av1", "svt"])]
    SvtAv1,
    /// SVT-AV1 through ffmpeg.
    Libsvtav1,
    /// libaom through ffmpeg.
    #[value(aliases = ["aom", "libaom-av1"])]
    Libaom,
    /// rav1e through ffmpeg.
    #[value(alias = "rav1e")]
    Librav1e,
    /// An Intel GPU through ffmpeg.
    #[value(alias = "av1_qsv")]
    Av1Qsv,
    /// An Intel GPU if there is one that works, else as auto.
    AutoHw,
}

/// The pixel formats that can be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PixFormat {
    /// 4:2:0 of the source's depth: 8 bit, or 10 for whatever has more.
    Auto,
    /// 8 bit 4:2:0.
    #[value(name = "yuv420p")]
    Yuv420p,
    /// 10 bit 4:2:0.
    #[value(name = "yuv420p10le")]
    Yuv420p10le,
}

/// What kind of source a film is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SourceClass {
    /// No class is looked for.
    Off,
    /// By rate, sound, codec and name.
    Auto,
    /// A copy of a disc.
    Remux,
    /// From the web, as it is sold there.
    Web,
    /// A rip of low quality.
    Low,
}

/// The table that says crf and preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CrfTable {
    /// By class of source.
    Class,
    /// By size.
    Size,
    /// By the source's codec, and size.
    Codec,
    /// By size, for those in a hurry.
    Quick,
}

/// How the table by size is changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// As the table has it.
    #[default]
    High,
    /// Slower.
    #[value(alias = "very_high")]
    VeryHigh,
    /// To keep: better and slower.
    Archive,
    /// Faster.
    Fast,
}

/// Why a film is not encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SkipRule {
    /// It is AV1 already.
    Av1,
    /// It is a clean film of the web, in HEVC or VP9.
    HevcWeb,
    /// It has fewer bytes than --min-bytes.
    Small,
    /// FILM.av1skip is beside it.
    Marked,
    /// It is still being written.
    Copying,
    /// It has dynamic HDR, and --dynamic-hdr is refuse.
    DynamicHdr,
    /// av1enc has made it, or has kept it as the original.
    Own,
    /// None of these.
    None,
}

/// What is done with a film that has dynamic HDR metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DynamicHdrChoice {
    /// The film is encoded without them.
    Drop,
    /// The film is not encoded.
    Refuse,
}

/// Who reads the film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChunkMethod {
    /// FFMS2 where it is right, else ffmpeg in order; short films in order at once.
    Auto,
    /// FFMS2 where it is right, else ffmpeg in order.
    Ffms2,
    /// ffmpeg, from beginning to end; needs no VapourSynth.
    Linear,
    /// A method of av1an's, by a plugin of VapourSynth that av1enc does not use.
    #[value(hide = true)]
    Bestsource,
    /// The same.
    #[value(hide = true)]
    Lsmash,
    /// The same.
    #[value(hide = true)]
    Dgdecnv,
    /// A method of av1an's, by ffmpeg alone.
    #[value(hide = true)]
    Hybrid,
    /// The same.
    #[value(hide = true)]
    Select,
    /// The same.
    #[value(hide = true)]
    Segment,
}

/// Where a scene begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitMethod {
    /// Where av-scenechange finds a cut.
    AvScenechange,
    /// Nowhere: chunks are as long as --extra-split says.
    None,
}

/// How av-scenechange looks for cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScMethod {
    /// By what a picture costs that is predicted from the one before.
    Standard,
    /// By the difference between pixels: it misses cuts.
    Fast,
}

/// Which of the scenes that wait is encoded next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ChunkOrder {
    /// The longest, since it would make everybody wait at the end.
    #[default]
    LongToShort,
    /// The shortest.
    ShortToLong,
    /// The first.
    Sequential,
    /// Any.
    Random,
}

/// What the first signal to stop does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnInterrupt {
    /// Running encoders are stopped; their chunks are encoded again when the job goes on.
    Stop,
    /// Running chunks are finished first.
    Finish,
}

/// What is done where the picture's size or its transfer function changes in the middle of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnChange {
    /// The film is refused, with the command that cuts it there.
    Stop,
    /// All pictures are scaled to the size of the first, and tagged as it is.
    Keep,
}

/// What is done about nodes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NumaChoice {
    /// Memory is spread over all nodes.
    Interleave,
    /// Each encoder is kept on one node.
    Node,
}

/// How it is shown how far an encode is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowProgress {
    /// A bar at a terminal, lines elsewhere.
    #[default]
    Auto,
    /// A bar, wherever it goes.
    Bar,
    /// A line for each stage, and for each twentieth of it.
    Lines,
    /// Nothing: notes, warnings and the result are still printed.
    None,
}

/// How to encode.
#[derive(Debug, Clone, Args)]
pub struct EncodeArgs {
    /// The film to encode
    #[arg(
        value_name = "INPUT",
        required_unless_present = "input_flag",
        conflicts_with = "input_flag"
    )]
    pub input: Option<PathBuf>,

    /// The film to encode, as av1an has it
    #[arg(
        short = 'i',
        long = "input",
        value_name = "INPUT",
        allow_hyphen_values = true
    )]
    pub input_flag: Option<PathBuf>,

    /// The file to write, Matroska [default: ./<INPUT's stem>.av1.mkv]
    #[arg(short, long, value_name = "OUTPUT", allow_hyphen_values = true)]
    pub output: Option<PathBuf>,

    /// Overwrite the output if it exists
    #[arg(short = 'y')]
    pub overwrite: bool,

    /// Have the output take INPUT's place (see `av1enc restore`)
    ///
    /// The original is kept as NAME.orig.EXT.
    #[arg(long, conflicts_with_all = ["output", "sc_only"], help_heading = "Replacing the original")]
    pub replace: bool,

    /// Directory for the original [default: INPUT's]
    #[arg(long, value_name = "DIR", help_heading = "Replacing the original")]
    pub backup_dir: Option<PathBuf>,

    /// Keep no original
    #[arg(
        long,
        conflicts_with = "backup_dir",
        help_heading = "Replacing the original"
    )]
    pub no_backup: bool,

    /// Remove originals kept there for longer than AGE: 30d
    ///
    /// Afterwards, and only those that av1enc has kept.
    #[arg(long, value_name = "AGE", help_heading = "Replacing the original")]
    pub keep_backup: Option<String>,

    /// Encoder [default: auto]
    #[arg(
        short,
        long,
        value_enum,
        value_name = "NAME",
        help_heading = "Encoding"
    )]
    pub encoder: Option<EncoderName>,

    /// Quality, lower is better and larger: 0 to 63 [default: 28]
    ///
    /// SVT-AV1 takes 1 to 63, SVT-AV1-HDR up to 70, both in quarters where they say so; av1_qsv takes 1 to 51, and its default
    /// depends on the source.
    #[arg(
        long,
        value_name = "CRF",
        allow_negative_numbers = true,
        help_heading = "Encoding"
    )]
    pub crf: Option<f64>,

    /// Speed, lower is slower and better: 0 to 13 [default: 6]
    ///
    /// The range is that of SVT-AV1; libaom has 0 to 8, rav1e 0 to 10, av1_qsv 1 to 7.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Encoding"
    )]
    pub preset: Option<i32>,

    /// Options of the encoder by its own names; they win over every default
    #[arg(
        short,
        long,
        value_name = "OPTIONS",
        allow_hyphen_values = true,
        help_heading = "Encoding"
    )]
    pub video_params: Option<String>,

    /// Sound, by options of ffmpeg [default: copied]
    ///
    /// For example "-c:a libopus -b:a 128k".
    #[arg(
        short,
        long,
        value_name = "OPTIONS",
        allow_hyphen_values = true,
        help_heading = "Encoding"
    )]
    pub audio_params: Option<String>,

    /// Sound, by its codec [default: copy]
    ///
    /// Opus has 64, 96, 128, 160, 224, 256, 288 and 320 kbit/s for one to eight channels, AAC 64 kbit/s for each channel, FLAC
    /// the depth of the source. What has this codec already is copied, and so is what it cannot carry.
    #[arg(
        long,
        value_enum,
        value_name = "CODEC",
        conflicts_with = "audio_params",
        help_heading = TRACKS
    )]
    pub audio_codec: Option<AudioCodec>,

    /// Sound that becomes Opus: lossless, or 'bitrate>256'
    ///
    /// All other is copied. Rates are kbit/s.
    #[arg(long, value_name = "WHICH", conflicts_with = "audio_params", help_heading = TRACKS)]
    pub opus_if: Option<String>,

    /// Mix sound of more channels down
    ///
    /// Each side is the sum of its front and the centre, and of the surrounds by half, divided so that nothing clips: 0.4 front,
    /// 0.4 centre and 0.2 surround of 5.1. The channel for low frequencies is left out.
    #[arg(
        long,
        value_enum,
        value_name = "LAYOUT",
        conflicts_with = "audio_params",
        help_heading = TRACKS
    )]
    pub downmix: Option<Downmix>,

    /// Loudness of all sound in LUFS, by EBU R128: -23
    ///
    /// Each track is measured first, and then made louder or quieter as a whole. Where its peaks would be above -1 dBTP, ffmpeg's
    /// loudnorm evens it out, which is said.
    #[arg(
        long,
        value_name = "LUFS",
        allow_negative_numbers = true,
        conflicts_with = "audio_params",
        help_heading = TRACKS
    )]
    pub loudness: Option<f64>,

    /// Languages of sound and subtitles to keep: eng,de,und
    ///
    /// Any code of ISO 639, or a tag such as pt-BR; und is what names none. A last sound track stays in any case.
    #[arg(long, value_name = "LANGUAGES", value_delimiter = ',', help_heading = TRACKS)]
    pub languages: Option<Vec<String>>,

    /// Languages of sound and subtitles to drop: rus
    #[arg(long, value_name = "LANGUAGES", value_delimiter = ',', help_heading = TRACKS)]
    pub drop_languages: Option<Vec<String>>,

    /// Drop commentary, by its flag or title
    #[arg(long, help_heading = TRACKS)]
    pub drop_commentary: bool,

    /// Colour tags for a source that has none, as ffmpeg's options
    ///
    /// These are -color_primaries, -color_trc, -colorspace and -color_range.
    #[arg(
        short = 'f',
        value_name = "OPTIONS",
        allow_hyphen_values = true,
        help_heading = "Encoding"
    )]
    pub color_tags: Option<String>,

    /// ffmpeg to use [default: the one in PATH]
    ///
    /// A value that begins with a dash is colour tags, as -f takes them.
    #[arg(
        long,
        value_name = "PATH",
        allow_hyphen_values = true,
        help_heading = "Machine"
    )]
    pub ffmpeg: Option<PathBuf>,

    /// ffprobe to use [default: the one in PATH]
    #[arg(long, value_name = "PATH", help_heading = "Machine")]
    pub ffprobe: Option<PathBuf>,

    /// Render node of the GPU, with -e av1-qsv [default: Intel's first]
    #[arg(long, value_name = "PATH", help_heading = "Machine")]
    pub device: Option<PathBuf>,

    /// Pixel format [default: yuv420p10le]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Encoding")]
    pub pix_format: Option<PixFormat>,

    /// Kind of source [default: off]
    ///
    /// It decides about crf, preset and grain, and about films that are skipped.
    #[arg(long, value_enum, value_name = "CLASS", help_heading = DECISIONS)]
    pub source_class: Option<SourceClass>,

    /// Table for crf and preset
    ///
    /// By default it is that of the class with --source-class, else there is none.
    #[arg(long, value_enum, value_name = "TABLE", help_heading = DECISIONS)]
    pub crf_table: Option<CrfTable>,

    /// For --crf-table size [default: high]
    ///
    /// Slower, better or faster than the table says.
    #[arg(long, value_enum, value_name = "TIER", help_heading = DECISIONS)]
    pub tier: Option<Tier>,

    /// Tables to decide by [default: those of `av1enc tables`]
    #[arg(long, value_name = "FILE", help_heading = DECISIONS)]
    pub tables: Option<PathBuf>,

    /// Settings file [default: ~/.config/av1enc/config.toml]
    ///
    /// What the line says comes before them; the default file need not be there.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "no_config",
        help_heading = DECISIONS
    )]
    pub config: Option<PathBuf>,

    /// Read no settings file
    #[arg(long, help_heading = DECISIONS)]
    pub no_config: bool,

    /// Films to leave as they are (exit code 4)
    ///
    /// By default all of these with --source-class, else none.
    #[arg(
        long,
        value_enum,
        value_name = "RULES",
        value_delimiter = ',',
        help_heading = DECISIONS
    )]
    pub skip: Option<Vec<SkipRule>>,

    /// Encode AV1 again, and HEVC or VP9 of the web
    #[arg(long, help_heading = DECISIONS)]
    pub force_reencode: bool,

    /// Smallest film that --skip small lets through: 2G, or table
    ///
    /// "table": by size of picture.
    #[arg(long, value_name = "SIZE", help_heading = DECISIONS)]
    pub min_bytes: Option<String>,

    /// Time without a change that --skip copying waits for [default: 0]
    ///
    /// A film that was changed since is being copied.
    #[arg(long, value_name = "SECONDS", help_heading = DECISIONS)]
    pub stable_secs: Option<u64>,

    /// HDR10+ and Dolby Vision [default: drop]
    #[arg(long, value_enum, value_name = "WHAT", help_heading = DECISIONS)]
    pub dynamic_hdr: Option<DynamicHdrChoice>,

    /// Write into INPUT.why.txt why it was skipped or failed
    ///
    /// A success removes it.
    #[arg(long, help_heading = DECISIONS)]
    pub why: bool,

    /// Size of the whole output: 4G, 700M
    ///
    /// Parts of the film are tried first, and say with which CRF it begins; what its chunks come to corrects it on the way.
    /// Exit code 7 if it cannot be had.
    #[arg(
        long,
        value_name = "SIZE",
        allow_negative_numbers = true,
        conflicts_with_all = ["crf", "no_chunks", "sc_only"],
        help_heading = DECISIONS
    )]
    pub target_size: Option<String>,

    /// Largest share of INPUT's size for the output: 0.90
    ///
    /// A larger output is removed, with exit code 4: early, where its chunks and copied sound are too large already.
    #[arg(
        long,
        value_name = "RATIO",
        allow_negative_numbers = true,
        conflicts_with_all = ["min_saving", "sc_only"],
        help_heading = DECISIONS
    )]
    pub max_size_ratio: Option<String>,

    /// The same by what the output must save: 5%
    #[arg(
        long,
        value_name = "SHARE",
        allow_negative_numbers = true,
        conflicts_with = "sc_only",
        help_heading = DECISIONS
    )]
    pub min_saving: Option<String>,

    /// Write INPUT.av1skip where the output was too large
    ///
    /// --skip marked leaves such a film alone.
    #[arg(long, help_heading = DECISIONS)]
    pub mark: bool,

    /// Encode a hard stretch first, to be approved [default: 45s]
    ///
    /// It is chosen for being dark, grainy and in motion, and encoded as the film would be. OUTPUT.clip.mkv, the source's own
    /// stretch OUTPUT.clip.source.mkv, pictures and a text are written beside the output; the exit code is 5.
    #[arg(
        long,
        value_name = "TIME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "45s",
        conflicts_with = "sc_only",
        help_heading = DECISIONS
    )]
    pub test_clip: Option<String>,

    /// Who approves it: a command, or auto:VMAF>=93 (or XPSNR)
    ///
    /// The command finds the clip by AV1ENC_CLIP, the source's stretch by AV1ENC_CLIP_SOURCE, and the figures by other such
    /// variables; if it succeeds, the whole film is encoded.
    #[arg(
        long,
        value_name = "CMD",
        conflicts_with = "approved",
        help_heading = DECISIONS
    )]
    pub approve: Option<String>,

    /// Go on: the clip of these settings is good
    ///
    /// Where a setting that changes the picture is another one than that of the clip, there is another clip first.
    #[arg(long, help_heading = DECISIONS)]
    pub approved: bool,

    /// Classes of source of which a test clip comes first, as with --test-clip: remux, web, low
    #[arg(
        long,
        value_name = "CLASSES",
        value_delimiter = ',',
        conflicts_with = "sc_only",
        help_heading = DECISIONS,
        hide = true
    )]
    pub test_clip_for: Option<Vec<String>>,

    /// SvtAv1EncApp to use [default: PATH's, else that of ./setup]
    #[arg(long, value_name = "PATH", help_heading = "Encoding")]
    pub encoder_path: Option<PathBuf>,

    /// Encoders to run at once [default: auto]
    ///
    /// "auto": as many as keep the cores busy and fit into memory.
    #[arg(
        short,
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Machine"
    )]
    pub workers: Option<String>,

    /// Parallelism of each encoder [default: from cores and memory]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Machine"
    )]
    pub lp: Option<u32>,

    /// Memory for the whole run: auto, none, or 12G [default: auto]
    ///
    /// "auto": what is free, less a reserve; "none": memory is not looked at.
    #[arg(long, value_name = "SIZE", help_heading = "Machine")]
    pub memory_limit: Option<String>,

    /// Directory for the job's state [default: OUTPUT.av1enc]
    #[arg(long, value_name = "DIR", help_heading = "Machine")]
    pub temp: Option<PathBuf>,

    /// Keep the job directory after success
    #[arg(short, long, help_heading = "Machine")]
    pub keep: bool,

    /// Throw away what an earlier run has done, and begin anew
    #[arg(long, help_heading = "Machine")]
    pub restart: bool,

    /// Let all of the job directory's group go on with the job
    ///
    /// The accounts work on it one after the other.
    #[arg(long, help_heading = "Machine")]
    pub shared: bool,

    /// If another run works on the job, wait for its end
    ///
    /// If it was killed, or its machine has died, this one goes on with the job. Without --wait, it ends with exit code 3 as long
    /// as the other lives.
    #[arg(long, help_heading = "Machine")]
    pub wait: bool,

    /// After so many seconds without a sign of life, another host that works on the job counts as dead [default: 60]
    #[arg(long, value_name = "SECONDS", help_heading = "Machine", hide = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub lease_timeout: Option<u64>,

    /// What the first Ctrl-C does [default: stop]
    ///
    /// It stops the encoders, or lets them finish their chunks. The second always stops them.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Machine")]
    pub on_interrupt: Option<OnInterrupt>,

    /// After how long an encoder that gets nowhere is started again
    ///
    /// By default that depends on the size of a frame and the preset. A chunk is tried three times in all.
    #[arg(long, value_name = "SECONDS", help_heading = "Machine")]
    pub stall_timeout: Option<u64>,

    /// How long to wait for room on a full disk [default: 600]
    #[arg(long, value_name = "SECONDS", help_heading = "Machine")]
    pub disk_timeout: Option<u64>,

    /// How much av1enc makes way for other programs: 0 to 19
    ///
    /// It holds for encoders, decoders and all else that it starts.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Machine"
    )]
    pub nice: Option<i32>,

    /// When it gets the disks: idle, best-effort:7
    #[arg(long, value_name = "CLASS", help_heading = "Machine")]
    pub ionice: Option<String>,

    /// Processors to use: 0-7,12
    ///
    /// As many workers run as are good for them.
    #[arg(long, value_name = "LIST", help_heading = "Machine")]
    pub cpus: Option<String>,

    /// Nodes of memory
    ///
    /// Memory is spread over them, or each encoder is kept on one of them. With one node nothing is done.
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Machine")]
    pub numa: Option<NumaChoice>,

    /// Pause below this charge, in percent, on battery
    #[arg(long, value_name = "N", help_heading = "Machine")]
    pub battery: Option<u32>,

    /// Hottest that the processor may get: 80
    ///
    /// Above it one worker less runs, after a while again one less, and with one left av1enc pauses; five degrees below it goes
    /// up again. A falling frequency and swap that fills are said as well, with the reason.
    #[arg(long, value_name = "DEGREES", help_heading = "Machine")]
    pub max_temp: Option<f64>,

    /// When to work: 22:00-07:00,sat,sun
    ///
    /// By the local clock. At other times it waits, or pauses.
    #[arg(long, value_name = "WHEN", help_heading = "Machine")]
    pub schedule: Option<String>,

    /// Pause while this command of the shell succeeds
    ///
    /// It is run every two seconds, as `sh -c` takes it.
    #[arg(long, value_name = "CMD", help_heading = "Machine")]
    pub pause_while: Option<String>,

    /// Seconds after which a pause frees the encoders' memory as well [default: 600]
    #[arg(long, value_name = "SECONDS", help_heading = "Machine", hide = true)]
    pub long_pause: Option<u64>,

    /// Encode the film in one go with ffmpeg's libsvtav1
    ///
    /// Neither VapourSynth nor FFMS2 is needed. It is slower on many cores, and begins again after an interruption.
    #[arg(long)]
    pub no_chunks: bool,

    /// Encode what there is of a source that is cut short
    #[arg(long)]
    pub allow_truncated: bool,

    /// If size or transfer function change [default: stop]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_change: Option<OnChange>,

    /// Longest chunk, 0: as long as its scene [default: 240]
    ///
    /// Longer scenes are split at their best place.
    #[arg(
        short = 'x',
        long,
        value_name = "FRAMES",
        allow_negative_numbers = true,
        help_heading = "Scenes"
    )]
    pub extra_split: Option<u64>,

    /// The same in seconds; --extra-split wins
    #[arg(
        long,
        value_name = "SECONDS",
        allow_negative_numbers = true,
        help_heading = "Scenes",
        hide = true
    )]
    pub extra_split_sec: Option<f64>,

    /// Shortest scene in frames [default: 24]
    #[arg(
        long,
        value_name = "FRAMES",
        allow_negative_numbers = true,
        help_heading = "Scenes",
        hide = true
    )]
    pub min_scene_len: Option<u64>,

    /// Who reads the film [default: auto]
    ///
    /// FFMS2 reads frames by number, after its pictures were compared with what ffmpeg decodes; ffmpeg reads from beginning to
    /// end, and needs no VapourSynth.
    #[arg(
        short = 'm',
        long,
        value_enum,
        value_name = "WHO",
        help_heading = "Machine"
    )]
    pub chunk_method: Option<ChunkMethod>,

    /// Who finds scenes [default: av-scenechange]
    #[arg(
        long,
        value_enum,
        value_name = "WHO",
        help_heading = "Scenes",
        hide = true
    )]
    pub split_method: Option<SplitMethod>,

    /// How scenes are found [default: standard]
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        ignore_case = true,
        help_heading = "Scenes",
        hide = true
    )]
    pub sc_method: Option<ScMethod>,

    /// Height at which frames are looked at for scenes: larger ones are halved until they are at most as high [default: 720]
    #[arg(
        long,
        value_name = "LINES",
        allow_negative_numbers = true,
        help_heading = "Scenes",
        hide = true
    )]
    pub sc_downscale_height: Option<usize>,

    /// av1an's file of scenes: read if it is there, else written
    #[arg(
        short,
        long,
        value_name = "FILE",
        allow_hyphen_values = true,
        help_heading = "Scenes"
    )]
    pub scenes: Option<PathBuf>,

    /// Only find the scenes, and write them into --scenes
    #[arg(long, requires = "scenes", help_heading = "Scenes")]
    pub sc_only: bool,

    /// Frames at which a chunk begins in any case: 240,1500
    #[arg(long, value_name = "FRAMES", help_heading = "Scenes")]
    pub force_keyframes: Option<String>,

    /// Which of the scenes that wait is encoded next [default: long-to-short]
    #[arg(long, value_enum, help_heading = "Machine", hide = true)]
    pub chunk_order: Option<ChunkOrder>,

    /// Processors that each encoder is kept on [default: the system chooses]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Machine",
        hide = true
    )]
    pub set_thread_affinity: Option<usize>,

    /// Set no option of the encoder beside those in --video-params, --crf and --preset, which must then be named
    #[arg(long, help_heading = "Encoding", hide = true)]
    pub no_defaults: bool,

    /// Append what happens to this file, as --verbose prints it
    #[arg(
        short,
        long,
        value_name = "FILE",
        allow_hyphen_values = true,
        help_heading = "Output"
    )]
    pub log_file: Option<PathBuf>,

    /// What was typed and has nothing to do here, each with the reason
    #[arg(skip)]
    pub notes: Vec<String>,

    /// What each option is set to, and by whom
    #[arg(skip)]
    pub said: Vec<Setting>,

    /// The words of a plan, as those of an encode, with what was said below them
    #[arg(skip)]
    pub words: Vec<OsString>,

    /// Decode the whole output as well before it gets its name
    #[arg(long, help_heading = "Output")]
    pub verify_decode: bool,

    /// Compare all pictures with the source's before the output gets its name
    #[arg(long, help_heading = "Output")]
    pub verify_source: bool,

    /// Write what was compared to FILE, as `verify --json` has it
    ///
    /// It is written of an output that is not proven as well.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub proof: Option<PathBuf>,

    /// Append what came of the film to FILE, as one line of JSON
    ///
    /// `av1enc history FILE` sums it up.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub history: Option<PathBuf>,

    /// Print the plan and do nothing
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,

    /// How progress is shown [default: auto]
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        conflicts_with_all = ["quiet", "json"],
        help_heading = "Output"
    )]
    pub progress: Option<ShowProgress>,

    /// Print progress and result as JSON lines on standard output
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Print nothing but errors
    #[arg(short, long, conflicts_with_all = ["verbose", "json"], help_heading = "Output")]
    pub quiet: bool,

    /// Print what each chunk does
    #[arg(long, help_heading = "Output")]
    pub verbose: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_here_or_there_only_are_options() {
        let command = Cli::command();
        let of_clap = ["help", "version"];
        for name in EVERYDAY.iter().chain(&RARE) {
            let mut all = command.get_arguments().map(|arg| arg.get_id().as_str());
            assert!(
                of_clap.contains(name) || all.any(|id| id == *name),
                "{name}"
            );
        }
        assert!(EVERYDAY.iter().all(|name| !RARE.contains(name)));
    }
}
