//! Words of ffmpeg, HandBrakeCLI and others that are no flags of av1enc, or other ones: what each means here.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

/// What a word of another program means here.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meant {
    /// A flag with the same value.
    Flag(&'static str),
    /// Flags with their own values. Whether the word has one.
    Flags(bool, &'static [&'static str]),
    /// ffmpeg's name of an encoder.
    Encoder,
    /// An option for the sound, with a value.
    Sound,
    /// An option of ffmpeg for the encoder, with a value: its name in ffmpeg.
    Video(&'static str),
    /// An option of the encoder itself, with a value or without.
    Param,
    /// Where a part of the film begins or ends: ffmpeg's own option for it.
    Part(&'static str),
    /// The same, with ffmpeg's options in one value.
    Parts,
    /// A choice among the tracks, with a value or without: what mkvmerge calls it.
    Tracks(bool, &'static [&'static str]),
    /// Nothing: it is done anyway, or by itself. Whether it has a value, and why.
    Needless(bool, &'static str),
    /// A filter of the picture: whether it has a value, and what it is called by ffmpeg.
    Filter(bool, fn(&str) -> String),
    /// What av1enc does not do. Whether it has a value, and what to do instead.
    Impossible(bool, &'static str),
    /// What is done to the film beforehand. Whether it has a value, and by what, with `FILM` in the place of its name.
    Before(bool, &'static str),
    /// One of these, by the word that follows; `None`: it is not a foreign word.
    ByValue(fn(&str) -> Option<Meant>),
}

use Meant::{
    Before, ByValue, Encoder, Filter, Flag, Flags, Impossible, Needless, Param, Part, Parts, Sound,
    Tracks, Video,
};

const WHOLE: &str = "every track, chapter and tag of the film is kept anyway";
const KEYFRAMES: &str =
    "keyframes are only where chunks begin; -x 240 says how long those are at most";
const CORES: &str =
    "cores and memory decide; -w N and --lp N overrule them, and `--cpus 0-3` says which cores";
const MATROSKA: &str = "the output is Matroska anyway";
const TIMES: &str = "every frame keeps its time anyway";
const PROGRESS: &str = "-q prints nothing but errors, --progress chooses how progress is shown";
const DECODERS: &str = "the film is decoded by all cores, and that is not what takes the time";
const SOUND: &str = "sound is copied, encoded with --audio-codec opus, aac or flac, or by ffmpeg's own options: -a \"-c:a libopus \
                     -b:a 128k\"";
const RATE: &str =
    "av1enc encodes at a quality, not at a rate: name it with --crf, or a size with --target-size";
const PASSES: &str = "every chunk is encoded in one pass, at a quality: leave it out";
const DYNAMIC: &str = "HDR10 of the source is written by itself, HDR10+ and Dolby Vision are left out with a warning; \
                       `--dynamic-hdr refuse` leaves such a film alone";
const NICE: &str = "a number from 0 to 19 says how much av1enc makes way for others: `--nice 19`";
const BURN: &str = "subtitles are kept as tracks: to have text subtitles in the picture, make a lossless copy, which is large, \
                    with `ffmpeg -i FILM -map 0:s:0 subtitles.ass && ffmpeg -i FILM -map 0:v -map '0:a?' -c copy -c:v:0 ffv1 \
                    -filter:v:0 subtitles=subtitles.ass BURNT.mkv`, and encode that";
const ADDED: &str = "av1enc adds no tracks: put them into the film with \
                     `mkvmerge -o ADDED.mkv FILM SUBTITLES.srt`, and encode that";
const DISC: &str =
    "av1enc reads files: make one of each title of a disc beforehand, with MakeMKV for example";
const GRAPH: &str =
    "av1enc does not filter: make a lossless copy with ffmpeg and -c:v ffv1, and encode that";
const SHAPE: &str = "the shape of a pixel is kept anyway";
const UNFILTERED: &str = "the picture is not filtered anyway";
const LEVELS: &str = "the encoder chooses profile and level";
const TAGS: &str = "tags are kept as they are: change those of the output with mkvpropedit";
const COLOURS: &str =
    "colours are kept; for a source that has no tags, -f \"-color_primaries bt709\" for example";
const PAUSED: &str = "Ctrl-Z halts the encoders, and `fg` lets them go on; or type Ctrl-C now, and the same line later. \
                      `--pause-while CMD` pauses while a command of yours succeeds";
const NIGHT: &str = "put `timeout --signal=INT 8h` before its name: it is stopped after 8 hours, and the same line goes on the \
                     next night; or name the part of the day, `--schedule 22:00-07:00`, and it pauses by itself";
const AT_NIGHT: &str = "name the part of the day: `--schedule 22:00-07:00`";
const TUNES: &str = "tunes of x264 mean nothing to AV1: leave it out; for film grain there is -v \"--film-grain 8\"";
const CHAPTERS: &str = "av1enc encodes whole films: make a film of each chapter with \
                        `mkvmerge -o CHAPTER.mkv --split chapters:all FILM`, and encode those that you want";
const FRAMES: &str = "av1enc encodes whole films, and cuts by time: name it in seconds";

/// Sound of two channels.
pub(super) const STEREO: [&str; 4] = ["--audio-codec", "opus", "--downmix", "stereo"];

/// Languages by which mkvmerge chooses, where no other is named.
const CHOSEN: &[&str] = &["--audio-tracks eng", "--subtitle-tracks eng"];
const AUDIO: &[&str] = &["--audio-tracks eng"];
const SUBTITLES: &[&str] = &["--subtitle-tracks eng"];

/// What their words mean.
const WORDS: &[(&[&str], Meant)] = &[
    (&["-crf", "--quality"], Flag("--crf")),
    (&["-q"], ByValue(quality)),
    (&["-preset", "--encoder-preset"], Flag("--preset")),
    (&["-pix_fmt"], Flag("--pix-format")),
    (&["--log"], Flag("--log-file")),
    (&["--tmp", "--tmpdir", "--temp-dir"], Flag("--temp")),
    (&["--overwrite"], Flags(false, &["-y"])),
    (
        &["--in-place", "--overwrite-input"],
        Flags(false, &["--replace"]),
    ),
    (
        &["--delete-original"],
        Flags(false, &["--replace", "--no-backup"]),
    ),
    (&["--verify"], Flags(false, &["--verify-source"])),
    (&["--scan"], Flags(false, &["--dry-run"])),
    (&["--10bit"], Flags(false, &["--pix-format", "yuv420p10le"])),
    (&["--8bit"], Flags(false, &["--pix-format", "yuv420p"])),
    (&["--bit-depth"], ByValue(depth)),
    (&["-c:v", "-codec:v", "-vcodec"], Encoder),
    (
        &["-c:a", "-codec:a", "-acodec", "-b:a", "-ac", "-ar", "-af"],
        Sound,
    ),
    (&["-c", "-codec"], ByValue(codec)),
    (&["-svtav1-params", "--encopts"], Video("-svtav1-params")),
    (&["-aom-params"], Video("-aom-params")),
    (&["-rav1e-params"], Video("-rav1e-params")),
    (PARAMS, Param),
    (&["--tune"], ByValue(tune)),
    (&["-tune", "--encoder-tune"], Impossible(true, TUNES)),
    (&["-ss", "--start"], Part("-ss")),
    (&["-to", "--end"], Part("-to")),
    (&["-t", "--duration"], Part("-t")),
    (&["--start-at"], ByValue(begin)),
    (&["--stop-at"], ByValue(length)),
    (&["--chapters"], Before(true, CHAPTERS)),
    (&["--title", "--angle"], Impossible(true, DISC)),
    (&["--main-feature"], Impossible(false, DISC)),
    (&["-map"], ByValue(map)),
    (&["-an", "--no-audio"], Tracks(false, &["--no-audio"])),
    (
        &["-sn", "--no-subtitles"],
        Tracks(false, &["--no-subtitles"]),
    ),
    (&["-N", "--native-language"], Tracks(true, CHOSEN)),
    (&["--audio-lang-list"], Flag("--languages")),
    (&["--audio"], Tracks(true, AUDIO)),
    (&["--first-audio"], Tracks(false, AUDIO)),
    (&["--first-subtitle"], Tracks(false, SUBTITLES)),
    (
        &["--subtitle", "--subtitle-lang-list"],
        Tracks(true, SUBTITLES),
    ),
    (&["-a"], ByValue(audio)),
    (&["-s"], ByValue(size)),
    (&["-m"], ByValue(markers)),
    (
        &[
            "-c:s",
            "-scodec",
            "-map_metadata",
            "-map_chapters",
            "-disposition",
        ],
        Needless(true, WHOLE),
    ),
    (
        &["--all-audio", "--all-subtitles", "--markers"],
        Needless(false, WHOLE),
    ),
    (
        &["-metadata", "-A", "--aname", "-S", "--subname"],
        Impossible(true, TAGS),
    ),
    (&["-hide_banner"], Needless(false, "av1enc prints none")),
    (&["-nostdin"], Needless(false, "av1enc reads nothing there")),
    (&["-stats"], Needless(false, "progress is shown anyway")),
    (&["-loglevel"], Needless(true, PROGRESS)),
    (&["-v"], ByValue(level)),
    (
        &["-hwaccel", "-hwaccel_output_format", "-hwaccel_device"],
        Needless(true, DECODERS),
    ),
    (&["--enable-hw-decoding"], Needless(true, DECODERS)),
    (&["-g", "-keyint_min"], Needless(true, KEYFRAMES)),
    (&["-threads", "--threads"], Needless(true, CORES)),
    (
        &["-movflags"],
        Needless(true, "the output is Matroska, and needs none"),
    ),
    (
        &["-O", "--optimize"],
        Needless(false, "the output is Matroska, and needs none"),
    ),
    (&["-f"], ByValue(format)),
    (&["--format"], ByValue(format)),
    (&["-vsync", "-fps_mode"], Needless(true, TIMES)),
    (&["--vfr", "--cfr", "--pfr"], Needless(false, TIMES)),
    (
        &["--hdr", "--hdr10"],
        Needless(false, "HDR10 of the source is written by itself"),
    ),
    (
        &["--hdr10plus", "--dolby-vision"],
        Impossible(false, DYNAMIC),
    ),
    (&["--hdr-dynamic-metadata"], Impossible(true, DYNAMIC)),
    (
        &["-b", "-b:v", "--vb", "--bitrate", "-maxrate", "-bufsize"],
        Impossible(true, RATE),
    ),
    (&["-pass"], Impossible(true, PASSES)),
    (
        &["--multi-pass", "--two-pass", "-2", "--turbo", "-T"],
        Impossible(false, PASSES),
    ),
    (
        &[
            "-profile:v",
            "-level",
            "--encoder-profile",
            "--encoder-level",
        ],
        Needless(true, LEVELS),
    ),
    (
        &["-color_primaries", "-color_trc", "-colorspace"],
        Impossible(true, COLOURS),
    ),
    (&["-color_range"], Impossible(true, COLOURS)),
    (&["-filter_complex", "-lavfi"], Impossible(true, GRAPH)),
    (&["-vf", "-filter:v"], Filter(true, str::to_owned)),
    (&["--crop"], Filter(true, crop)),
    (
        &["--width", "--maxWidth", "-X"],
        Filter(true, |width| format!("scale={width}:-2")),
    ),
    (
        &["--height", "--maxHeight", "-Y"],
        Filter(true, |height| format!("scale=-2:{height}")),
    ),
    (&["-r"], ByValue(rate)),
    (
        &["--rate", "--fps"],
        Filter(true, |rate| format!("fps={rate}")),
    ),
    (
        &["--deinterlace", "--decomb", "--bwdif", "--yadif"],
        Filter(false, |_| "bwdif".to_owned()),
    ),
    (
        &["--detelecine"],
        Filter(false, |_| "fieldmatch,decimate".to_owned()),
    ),
    (
        &["--denoise", "--hqdn3d"],
        Filter(false, |_| "hqdn3d".to_owned()),
    ),
    (&["--nlmeans"], Filter(false, |_| "nlmeans".to_owned())),
    (&["--rotate"], Filter(false, rotate)),
    (
        &[
            "--no-comb-detect",
            "--no-deinterlace",
            "--no-decomb",
            "--no-detelecine",
        ],
        Needless(false, UNFILTERED),
    ),
    (
        &[
            "--auto-anamorphic",
            "--loose-anamorphic",
            "--keep-display-aspect",
        ],
        Needless(false, SHAPE),
    ),
    (&["--aencoder", "-E"], ByValue(sound_encoder)),
    (&["--mixdown", "-6"], ByValue(mixdown)),
    (
        &["--ab", "-B", "--arate", "-R", "--gain"],
        Impossible(true, SOUND),
    ),
    (
        &["--audio-copy-mask", "--audio-fallback"],
        Needless(true, "sound is copied, unless -a says more"),
    ),
    (
        &["--subtitle-burned", "--subtitle-burn"],
        Before(false, BURN),
    ),
    (&["--srt-file", "--ssa-file"], Before(true, ADDED)),
    (&["-Z"], Impossible(true, NUMBERS)),
    (&["-z", "--preset-list"], Impossible(false, NUMBERS)),
    (&["--preset-import-file"], Impossible(true, NUMBERS)),
    (&["--priority"], Impossible(true, NICE)),
    (&["--pause"], Impossible(false, PAUSED)),
    (&["--at-night", "--night"], Impossible(false, AT_NIGHT)),
    (&["--stop-after"], Impossible(true, NIGHT)),
    (
        &["--recursive"],
        Impossible(
            false,
            "av1enc encodes one film at a time: for all below a directory, type \
             `find . -name '*.mkv' -exec av1enc {} --skip own ';'` there",
        ),
    ),
];

/// Options of SvtAv1EncApp that people type beside those of av1enc.
const PARAMS: &[&str] = &[
    "--ac-bias",
    "--color-primaries",
    "--color-range",
    "--content-light",
    "--enable-dlf",
    "--enable-hdr",
    "--enable-overlays",
    "--enable-qm",
    "--enable-tf",
    "--enable-variance-boost",
    "--fast-decode",
    "--fgs-table",
    "--film-grain",
    "--film-grain-denoise",
    "--keyint",
    "--lookahead",
    "--lossless",
    "--mastering-display",
    "--matrix-coefficients",
    "--noise-norm-strength",
    "--qm-max",
    "--qm-min",
    "--qp-scale-compress-strength",
    "--rc",
    "--scd",
    "--scm",
    "--sharpness",
    "--tbr",
    "--tf-strength",
    "--tile-columns",
    "--tile-rows",
    "--transfer-characteristics",
    "--variance-boost-curve",
    "--variance-boost-strength",
    "--variance-octile",
];

/// ffmpeg's names of encoders, and ours.
const ENCODERS: &[(&str, &str)] = &[
    ("libsvtav1", "libsvtav1"),
    ("libaom-av1", "libaom"),
    ("librav1e", "librav1e"),
    ("av1_qsv", "av1-qsv"),
];

/// HandBrakeCLI's names of encoders that `-e` does not take, and ours.
const OF_HANDBRAKE: &[(&str, &str)] = &[
    ("svt_av1_10bit", "svt-av1"),
    ("qsv_av1", "av1-qsv"),
    ("qsv_av1_10bit", "av1-qsv"),
];

/// Presets of x264 and x265, and the number that is like them here.
const PRESETS: &[(&str, &str)] = &[
    ("placebo", "1"),
    ("veryslow", "2"),
    ("slower", "3"),
    ("slow", "4"),
    ("medium", "6"),
    ("fast", "7"),
    ("faster", "8"),
    ("veryfast", "8"),
    ("superfast", "8"),
    ("ultrafast", "8"),
];

fn ours(table: &[(&str, &'static str)], theirs: &str) -> Option<&'static str> {
    let is_it = |(name, _): &&(&str, &str)| *name == theirs;
    table.iter().find(is_it).map(|(_, ours)| *ours)
}

/// Our name of an encoder of ffmpeg.
pub(super) fn encoder(name: &str) -> Option<&'static str> {
    ours(ENCODERS, name)
}

/// Our name of an encoder that follows HandBrakeCLI's `-e`.
pub(super) fn encoder_of_handbrake(name: &str) -> Option<&'static str> {
    ours(OF_HANDBRAKE, name)
}

/// The number of a preset that is named.
pub(super) fn preset(name: &str) -> Option<&'static str> {
    ours(PRESETS, name)
}

/// What to say of a preset that is named, and has no number.
pub(super) const NUMBERS: &str =
    "presets are numbers, from --preset 0 (slow, best) to 13 (fast); --crf is the quality";

/// What a word means that is followed by `next`, if it is one of another program.
pub(super) fn meaning(word: &OsStr, next: Option<&OsString>) -> Option<Meant> {
    let word = word.to_str()?;
    let (flag, value) = match word.split_once('=') {
        Some((flag, value)) => (flag, Some(value)),
        None => (word, next.and_then(|next| next.to_str())),
    };
    let is_it = |(theirs, _): &&(&[&str], Meant)| theirs.contains(&flag);
    match WORDS.iter().find(is_it)?.1 {
        ByValue(meant) => meant(value.unwrap_or_default()),
        meant => Some(meant),
    }
}

/// Whether a word is what follows an option of the encoder.
pub(super) fn is_value(word: &OsStr) -> bool {
    let begins = |c: char| c.is_ascii_digit() || c == 'G';
    let text = word.to_string_lossy();
    text.strip_prefix('-').unwrap_or(&text).starts_with(begins) && !Path::new(word).exists()
}

fn is_number(value: &str) -> bool {
    value.parse::<f64>().is_ok() && !Path::new(value).exists()
}

/// `-q` is one of ours, and has no value.
fn quality(value: &str) -> Option<Meant> {
    is_number(value).then_some(Flag("--crf"))
}

fn depth(value: &str) -> Option<Meant> {
    Some(match value {
        "8" => Flags(true, &["--pix-format", "yuv420p"]),
        "10" => Flags(true, &["--pix-format", "yuv420p10le"]),
        _ => Impossible(
            true,
            "8 or 10 bit are encoded: --pix-format yuv420p or yuv420p10le",
        ),
    })
}

/// ffmpeg's `-c copy`; av1an's `-c` is how chunks are joined.
fn codec(value: &str) -> Option<Meant> {
    match value {
        "copy" => Some(Needless(true, WHOLE)),
        "libsvtav1" | "libaom-av1" | "librav1e" | "av1_qsv" => Some(Encoder),
        _ => None,
    }
}

/// HandBrakeCLI's `seconds:60`, where its part of the film begins.
fn begin(value: &str) -> Option<Meant> {
    Some(part("-ss", value))
}

/// How long that part is.
fn length(value: &str) -> Option<Meant> {
    Some(part("-t", value))
}

fn part(option: &'static str, value: &str) -> Meant {
    let is_of_time = ["frame", "pts:"]
        .iter()
        .all(|unit| !value.starts_with(unit));
    match is_of_time {
        true => Part(option),
        false => Impossible(true, FRAMES),
    }
}

/// SvtAv1EncApp's tunes are numbers, x264's are not.
fn tune(value: &str) -> Option<Meant> {
    Some(match is_number(value) {
        true => Param,
        false => Impossible(true, TUNES),
    })
}

/// A choice of everything is none.
fn map(value: &str) -> Option<Meant> {
    let is_all = matches!(
        value,
        "0" | "0:v"
            | "0:V"
            | "0:v:0"
            | "0:V:0"
            | "0:0"
            | "0:a"
            | "0:a?"
            | "0:s"
            | "0:s?"
            | "0:t"
            | "0:t?"
    );
    Some(match is_all {
        true => Needless(true, WHOLE),
        false if value.contains(":s") => Tracks(true, SUBTITLES),
        false => Tracks(true, AUDIO),
    })
}

/// HandBrakeCLI's encoder of sound.
fn sound_encoder(value: &str) -> Option<Meant> {
    Some(match value {
        "opus" => Flags(true, &["--audio-codec", "opus"]),
        "aac" | "av_aac" | "fdk_aac" | "ca_aac" => Flags(true, &["--audio-codec", "aac"]),
        "flac" | "flac16" | "flac24" => Flags(true, &["--audio-codec", "flac"]),
        value if value.starts_with("copy") => Needless(true, "sound is copied anyway"),
        _ => Impossible(true, SOUND),
    })
}

/// What HandBrakeCLI mixes sound down to.
fn mixdown(value: &str) -> Option<Meant> {
    Some(match value {
        "stereo" | "dpl1" | "dpl2" => Flags(true, &["--downmix", "stereo"]),
        "none" => Needless(true, "sound keeps its channels anyway"),
        _ => Impossible(true, SOUND),
    })
}

/// HandBrakeCLI's numbers of sound tracks.
fn audio(value: &str) -> Option<Meant> {
    let is_list = !value.is_empty() && value.chars().all(|c| c.is_ascii_digit() || c == ',');
    match value {
        "none" => Some(Tracks(true, &["--no-audio"])),
        _ => is_list.then_some(Tracks(true, AUDIO)),
    }
}

/// ffmpeg's size, HandBrakeCLI's numbers of subtitle tracks; av1an's `-s` is a file of scenes.
fn size(value: &str) -> Option<Meant> {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let is_size = value
        .split_once('x')
        .is_some_and(|(width, height)| is_number(width) && is_number(height));
    if is_size {
        return Some(Filter(true, |size| {
            format!("scale={}", size.replace('x', ":"))
        }));
    }
    if Path::new(value).exists() {
        return None;
    }
    let is_list = value.split(',').all(is_number) || value == "scan";
    match value {
        "none" => Some(Tracks(true, &["--no-subtitles"])),
        _ => is_list.then_some(Tracks(true, SUBTITLES)),
    }
}

/// HandBrakeCLI's `-m` has no value; av1an's names who reads the film.
fn markers(value: &str) -> Option<Meant> {
    (value.is_empty() || value.starts_with('-')).then_some(Needless(false, WHOLE))
}

/// How much ffmpeg says; ours are options of the encoder.
fn level(value: &str) -> Option<Meant> {
    let levels = [
        "quiet", "panic", "fatal", "error", "warning", "info", "verbose", "debug",
    ];
    levels.contains(&value).then_some(Needless(true, PROGRESS))
}

/// A container; av1an's `-f` holds options of ffmpeg.
fn format(value: &str) -> Option<Meant> {
    match value {
        "matroska" | "mkv" | "av_mkv" => Some(Needless(true, MATROSKA)),
        "mp4" | "av_mp4" | "mov" | "webm" | "av_webm" => Some(Impossible(
            true,
            "the output is Matroska: to have an MP4 of it then, type \
             `ffmpeg -i OUTPUT.mkv -map 0:v -map '0:a?' -c copy OUTPUT.mp4`",
        )),
        _ => {
            let (option, _) = value.split_once(' ')?;
            match option {
                "-vf" | "-filter:v" => Some(Filter(true, within)),
                "-ss" | "-to" | "-t" => Some(Parts),
                _ => None,
            }
        }
    }
}

/// The filter of `-vf FILTER`, if that is all.
fn within(options: &str) -> String {
    let words = shlex::split(options).unwrap_or_default();
    words.get(1).cloned().unwrap_or_default()
}

/// ffmpeg's and HandBrakeCLI's rate; av1an's `-r` has no value.
fn rate(value: &str) -> Option<Meant> {
    let is_ratio = value.split('/').all(is_number);
    is_ratio.then_some(Filter(true, |rate| format!("fps={rate}")))
}

/// HandBrake's `--rotate=angle=90:hflip=0`, or a number alone.
fn rotate(how: &str) -> String {
    let flips = how.contains("hflip=1");
    let angle = how.split(':').find(|part| !part.starts_with("hflip="));
    let angle = angle.map_or("0", |angle| angle.trim_start_matches("angle="));
    let turn = match angle {
        "90" => "transpose=clock",
        "270" => "transpose=cclock",
        "0" => "",
        _ => "hflip,vflip",
    };
    match (turn, flips) {
        ("", true) => "hflip".to_owned(),
        (turn, true) => format!("{turn},hflip"),
        ("", false) => "hflip,vflip".to_owned(),
        (turn, false) => turn.to_owned(),
    }
}

/// What HandBrake calls `--crop TOP:BOTTOM:LEFT:RIGHT`, or ffmpeg's own words for it.
fn crop(sides: &str) -> String {
    match sides.split(':').collect::<Vec<_>>()[..] {
        [top, bottom, left, right] => {
            format!("crop=iw-{left}-{right}:ih-{top}-{bottom}:{left}:{top}")
        }
        _ => format!("crop={sides}"),
    }
}
