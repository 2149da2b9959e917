//! The command line as clap sees it, and nothing else. What the flags mean is in `settings`.

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{Resettable, Styles},
};
use serde::Serialize;

/// Plain headings: help is read in logs as often as on terminals.
const STYLES: Styles = Styles::styled();

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed, the same command may help; 2 wrong usage; 3 refused (the output exists, the job belongs to \
another source or other settings); 8 this film cannot be taken as it is; 130, 143, 129 stopped by SIGINT, SIGTERM, SIGHUP: \
the same command goes on where it stopped.";

/// The heading of options that decide whether and how well a film is encoded.
const DECISIONS: &str = "Decisions";

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
            Some(Command::Doctor { encode }) => encode,
            _ => &self.encode,
        }
    }

    /// Whether the result is wanted as JSON.
    #[must_use]
    pub fn json(&self) -> bool {
        match &self.command {
            Some(Command::Verify(args)) => args.json,
            _ => self.options().json,
        }
    }
}

/// What av1enc does beside encoding.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check that everything an encode needs is here, and say what to type where it is not
    ///
    /// With INPUT, and the options of an encode, also what would be done with that film, and whether it fits.
    #[command(mut_arg("input", |arg| arg.required_unless_present(Resettable::Reset)))]
    Doctor {
        /// The encode that is wanted.
        #[command(flatten)]
        encode: Box<EncodeArgs>,
    },
    /// Compare a film with the one that it was made of, whoever made it: pictures, sound, everything else
    ///
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

/// What an option is set to, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The option, without its dashes.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Who says so.
    pub from: Layer,
    /// Where it stands there: `class.remux, 1080p`, or a file and its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// Who says what an option is set to: each goes before those that are listed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
    /// Nobody asks.
    Off,
    /// What rate, sound, codec and name say.
    Auto,
    /// As it is on a disc.
    Remux,
    /// As it is sold on the web.
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

/// What is added to what the table by size says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// Nothing.
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

    /// The film to encode (as av1an has it)
    #[arg(
        short = 'i',
        long = "input",
        value_name = "INPUT",
        allow_hyphen_values = true
    )]
    pub input_flag: Option<PathBuf>,

    /// The file to write, Matroska [default: <INPUT's stem>.av1.mkv in the current directory]
    #[arg(short, long, value_name = "OUTPUT", allow_hyphen_values = true)]
    pub output: Option<PathBuf>,

    /// Overwrite the output if it exists
    #[arg(short = 'y')]
    pub overwrite: bool,

    /// Have the output take the place of INPUT, which is kept as NAME.orig.EXT (see `av1enc restore`)
    #[arg(long, conflicts_with_all = ["output", "sc_only"], help_heading = "Replacing the original")]
    pub replace: bool,

    /// Directory for the original [default: INPUT's]
    #[arg(
        long,
        value_name = "DIR",
        requires = "replace",
        help_heading = "Replacing the original"
    )]
    pub backup_dir: Option<PathBuf>,

    /// Keep no original
    #[arg(
        long,
        requires = "replace",
        conflicts_with = "backup_dir",
        help_heading = "Replacing the original"
    )]
    pub no_backup: bool,

    /// Afterwards, remove originals that av1enc has kept there for longer than AGE, such as 30d
    #[arg(
        long,
        value_name = "AGE",
        requires = "replace",
        help_heading = "Replacing the original"
    )]
    pub keep_backup: Option<String>,

    /// Encoder
    #[arg(
        short,
        long,
        value_enum,
        default_value = "auto",
        help_heading = "Encoding"
    )]
    pub encoder: EncoderName,

    /// Constant rate factor, lower is better [default: 28]
    #[arg(
        long,
        value_name = "CRF",
        allow_negative_numbers = true,
        help_heading = "Encoding"
    )]
    pub crf: Option<f64>,

    /// Encoder preset, lower is slower and better [default: 6]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Encoding"
    )]
    pub preset: Option<i32>,

    /// Encoder options, as the encoder itself calls them; they win over every default
    #[arg(
        short,
        long,
        value_name = "OPTIONS",
        allow_hyphen_values = true,
        help_heading = "Encoding"
    )]
    pub video_params: Option<String>,

    /// Sound options, as ffmpeg takes them, for example "-c:a libopus -b:a 128k" [default: sound is copied]
    #[arg(
        short,
        long,
        value_name = "OPTIONS",
        allow_hyphen_values = true,
        help_heading = "Encoding"
    )]
    pub audio_params: Option<String>,

    /// Colour tags for a source that has none: -color_primaries, -color_trc, -colorspace, -color_range
    #[arg(
        short = 'f',
        value_name = "OPTIONS",
        allow_hyphen_values = true,
        help_heading = "Encoding"
    )]
    pub color_tags: Option<String>,

    /// ffmpeg to use [default: the one in PATH]. A value that begins with a dash is colour tags, as -f takes them
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

    /// Render node of the GPU that encodes, with -e av1-qsv [default: the first of Intel's]
    #[arg(long, value_name = "PATH", help_heading = "Machine")]
    pub device: Option<PathBuf>,

    /// Pixel format to encode
    #[arg(
        long,
        value_enum,
        default_value = "yuv420p10le",
        help_heading = "Encoding"
    )]
    pub pix_format: PixFormat,

    /// Kind of source, which decides about crf, preset and grain, and about films that are skipped
    #[arg(long, value_enum, value_name = "CLASS", default_value = "off", help_heading = DECISIONS)]
    pub source_class: SourceClass,

    /// Table for crf and preset [default: class with --source-class, else none]
    #[arg(long, value_enum, value_name = "TABLE", help_heading = DECISIONS)]
    pub crf_table: Option<CrfTable>,

    /// Slower, better or faster than --crf-table size says
    #[arg(long, value_enum, value_name = "TIER", default_value = "high", help_heading = DECISIONS)]
    pub tier: Tier,

    /// Tables to decide by, in place of those that `av1enc tables` prints
    #[arg(long, value_name = "FILE", help_heading = DECISIONS)]
    pub tables: Option<PathBuf>,

    /// Settings below those of this line [default: ~/.config/av1enc/config.toml, if it is there]
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "no_config",
        help_heading = DECISIONS
    )]
    pub config: Option<PathBuf>,

    /// Read no file of settings
    #[arg(long, help_heading = DECISIONS)]
    pub no_config: bool,

    /// Films to leave as they are (exit code 4) [default: all of these with --source-class, else none]
    #[arg(
        long,
        value_enum,
        value_name = "RULES",
        value_delimiter = ',',
        help_heading = DECISIONS
    )]
    pub skip: Option<Vec<SkipRule>>,

    /// Encode films in AV1, and those of the web in HEVC or VP9, all the same
    #[arg(long, help_heading = DECISIONS)]
    pub force_reencode: bool,

    /// Smallest film that --skip small lets through: a size such as 2G, or "table", by size of picture
    #[arg(long, value_name = "SIZE", help_heading = DECISIONS)]
    pub min_bytes: Option<String>,

    /// How long a film must not have changed, so that --skip copying lets it through
    #[arg(long, value_name = "SECONDS", default_value_t = 0, help_heading = DECISIONS)]
    pub stable_secs: u64,

    /// What is done with a film that has HDR10+ or Dolby Vision in its pictures
    #[arg(long, value_enum, value_name = "WHAT", default_value = "drop", help_heading = DECISIONS)]
    pub dynamic_hdr: DynamicHdrChoice,

    /// Write into INPUT.why.txt why a film was skipped or failed; a success removes it
    #[arg(long, help_heading = DECISIONS)]
    pub why: bool,

    /// SvtAv1EncApp to use [default: the one in PATH, else the one that ./setup installed]
    #[arg(long, value_name = "PATH", help_heading = "Encoding")]
    pub encoder_path: Option<PathBuf>,

    /// Encoders to run at once, or "auto"
    #[arg(
        short,
        long,
        value_name = "N",
        default_value = "auto",
        allow_negative_numbers = true,
        help_heading = "Machine"
    )]
    pub workers: String,

    /// Level of parallelism of each encoder [default: from cores and memory]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Machine"
    )]
    pub lp: Option<u32>,

    /// Memory that the whole run may take, for example 12G; "auto": what is free now, less a reserve; "none": memory is
    /// not looked at
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "auto",
        help_heading = "Machine"
    )]
    pub memory_limit: String,

    /// Directory for the job's state [default: OUTPUT.av1enc]
    #[arg(long, value_name = "DIR", help_heading = "Machine")]
    pub temp: Option<PathBuf>,

    /// Keep the job directory after success
    #[arg(short, long, help_heading = "Machine")]
    pub keep: bool,

    /// Throw away what an earlier run of this job has done, and begin anew
    #[arg(long, help_heading = "Machine")]
    pub restart: bool,

    /// Let all accounts of the job directory's group work on the job, one after the other
    #[arg(long, help_heading = "Machine")]
    pub shared: bool,

    /// What the first Ctrl-C does: stop the encoders, or let them finish their chunks. The second always stops
    #[arg(long, value_enum, default_value = "stop", help_heading = "Machine")]
    pub on_interrupt: OnInterrupt,

    /// How long an encoder may make no progress before its chunk is tried again [default: from frame size and preset]
    #[arg(long, value_name = "SECONDS", help_heading = "Machine")]
    pub stall_timeout: Option<u64>,

    /// How long to wait for room on a full disk before giving up [default: 600]
    #[arg(long, value_name = "SECONDS", help_heading = "Machine")]
    pub disk_timeout: Option<u64>,

    /// Encode the whole film in one go with ffmpeg's libsvtav1, where VapourSynth or FFMS2 cannot be had
    #[arg(long)]
    pub no_chunks: bool,

    /// Encode what there is of a source that is cut short
    #[arg(long)]
    pub allow_truncated: bool,

    /// What is done where the picture's size or its transfer function changes in the middle of the film
    #[arg(long, value_enum, default_value = "stop")]
    pub on_change: OnChange,

    /// Longest chunk in frames; longer scenes are split at their best place. 0: never [default: 240]
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

    /// Shortest scene in frames
    #[arg(
        long,
        value_name = "FRAMES",
        allow_negative_numbers = true,
        default_value_t = 24,
        help_heading = "Scenes"
    )]
    pub min_scene_len: u64,

    /// Who reads the film: FFMS2 by number, after its pictures were compared with what ffmpeg decodes, or ffmpeg from
    /// beginning to end, which needs no VapourSynth
    #[arg(
        short = 'm',
        long,
        value_enum,
        default_value = "auto",
        help_heading = "Machine"
    )]
    pub chunk_method: ChunkMethod,

    /// Find scenes, or cut only where chunks would be too long
    #[arg(
        long,
        value_enum,
        default_value = "av-scenechange",
        help_heading = "Scenes"
    )]
    pub split_method: SplitMethod,

    /// How scenes are found
    #[arg(
        long,
        value_enum,
        default_value = "standard",
        ignore_case = true,
        help_heading = "Scenes"
    )]
    pub sc_method: ScMethod,

    /// Height at which frames are looked at for scenes: larger ones are halved until they are at most as high [default: 720]
    #[arg(
        long,
        value_name = "LINES",
        allow_negative_numbers = true,
        help_heading = "Scenes",
        hide = true
    )]
    pub sc_downscale_height: Option<usize>,

    /// av1an's file of scenes (JSON): read if it is there, and written if it is not
    #[arg(
        short,
        long,
        value_name = "FILE",
        allow_hyphen_values = true,
        help_heading = "Scenes"
    )]
    pub scenes: Option<PathBuf>,

    /// Only find the scenes, and write them into the file that --scenes names
    #[arg(long, requires = "scenes", help_heading = "Scenes")]
    pub sc_only: bool,

    /// Frames at which a chunk begins in any case, for example 240,1500
    #[arg(long, value_name = "FRAMES", help_heading = "Scenes")]
    pub force_keyframes: Option<String>,

    /// Which of the scenes that wait is encoded next
    #[arg(
        long,
        value_enum,
        default_value = "long-to-short",
        help_heading = "Machine",
        hide = true
    )]
    pub chunk_order: ChunkOrder,

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

    /// Write what happens into this file as well, as --verbose prints it; appended to what is there
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

    /// Decode the whole output as well before it gets its name
    #[arg(long, help_heading = "Output")]
    pub verify_decode: bool,

    /// Write what was compared of source and output to FILE as well, as `av1enc verify --json` has it, proven or not
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub proof: Option<PathBuf>,

    /// Print the plan and do nothing
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,

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
