//! The whole command line of av1an, in one table: what each of its flags means here.
//!
//! The flags are those of av1an 0.4, 0.5 and of what comes after it. `tests/integration/av1an.rs` walks what those
//! versions list themselves, and fails on a flag that is not here.

use std::ffi::OsString;

use clap::{
    Arg, ArgAction, ArgMatches, Command, builder::OsStringValueParser, parser::ValueSource,
};

/// What follows a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    One,
    Several,
}

/// What a flag means here.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// av1enc has it.
    Used,
    /// It asks for what is done anyway.
    Done,
    /// It has nothing to do: why.
    Noted(&'static str),
    /// The line cannot be followed: why, and what to use.
    Refused(&'static str),
    /// One of these, by its value.
    ByValue(fn(&str) -> Answer),
}

use Answer::{ByValue, Done, Noted, Refused, Used};

/// A flag of av1an.
#[derive(Debug)]
pub struct Flag {
    short: Option<char>,
    long: Option<&'static str>,
    value: Value,
    answer: Answer,
}

const fn flag(
    short: Option<char>,
    long: Option<&'static str>,
    value: Value,
    answer: Answer,
) -> Flag {
    Flag {
        short,
        long,
        value,
        answer,
    }
}

const fn long(name: &'static str, value: Value, answer: Answer) -> Flag {
    flag(None, Some(name), value, answer)
}

const TARGET: Answer = Refused(
    "av1enc does not search for a quality yet: leave the flags of target quality out, and name one with --crf",
);
const NO_PLOT: Answer = Noted(
    "no VMAF is measured or plotted: the film is the same without; ffmpeg's filter libvmaf measures it afterwards",
);
const GRAIN: Answer = Refused(
    "av1enc makes no tables of photon noise: leave it out, and use the encoder's own grain, -v \"--film-grain 8\" for \
     example, or a table with -v \"--fgs-table FILE\"",
);

/// Every flag of av1an.
const FLAGS: &[Flag] = &[
    flag(Some('i'), None, Value::One, Used),
    flag(Some('o'), None, Value::One, Used),
    flag(Some('y'), None, Value::None, Used),
    flag(Some('q'), Some("quiet"), Value::None, Used),
    flag(Some('k'), Some("keep"), Value::None, Used),
    flag(Some('w'), Some("workers"), Value::One, Used),
    flag(Some('s'), Some("scenes"), Value::One, Used),
    flag(Some('x'), Some("extra-split"), Value::One, Used),
    flag(Some('e'), Some("encoder"), Value::One, Used),
    flag(Some('v'), Some("video-params"), Value::One, Used),
    flag(Some('f'), Some("ffmpeg"), Value::One, Used),
    flag(Some('a'), Some("audio-params"), Value::One, Used),
    flag(Some('m'), Some("chunk-method"), Value::One, Used),
    flag(Some('l'), Some("log-file"), Value::One, Used),
    flag(Some('h'), Some("help"), Value::None, Used),
    flag(Some('V'), Some("version"), Value::None, Used),
    long("temp", Value::One, Used),
    long("verbose", Value::None, Used),
    long("sc-only", Value::None, Used),
    long("split-method", Value::One, Used),
    long("sc-method", Value::One, Used),
    long("sc-downscale-height", Value::One, Used),
    long("extra-split-sec", Value::One, Used),
    long("min-scene-len", Value::One, Used),
    long("force-keyframes", Value::One, Used),
    long("chunk-order", Value::One, Used),
    long("pix-format", Value::One, Used),
    long("no-defaults", Value::None, Used),
    long("set-thread-affinity", Value::One, Used),
    flag(
        Some('r'),
        Some("resume"),
        Value::None,
        Noted("not needed: the same command goes on where it stopped"),
    ),
    flag(
        Some('n'),
        None,
        Value::None,
        Noted("not needed: av1enc never overwrites without -y"),
    ),
    flag(Some('p'), Some("passes"), Value::One, ByValue(passes)),
    flag(Some('c'), Some("concat"), Value::One, ByValue(concat)),
    long("max-tries", Value::One, ByValue(tries)),
    long(
        "force",
        Value::None,
        Noted("options that the encoder does not take are refused all the same"),
    ),
    long(
        "log-level",
        Value::One,
        Noted("--log-file gets all that --verbose prints"),
    ),
    long(
        "sc-pix-format",
        Value::One,
        Noted("scenes are found in luma of 8 bit, whatever the format"),
    ),
    long(
        "scaler",
        Value::One,
        Noted("for finding scenes, frames are halved by the mean of each square of pixels"),
    ),
    long(
        "vspipe-args",
        Value::Several,
        Noted("there is no script that could read them: frames are read in process"),
    ),
    long(
        "cache-mode",
        Value::One,
        Noted("an index is in the job directory, never beside the film"),
    ),
    long(
        "pix-format-converter",
        Value::One,
        Noted("frames are converted in process"),
    ),
    long(
        "ignore-frame-mismatch",
        Value::None,
        Noted("a chunk with a wrong number of frames is encoded again"),
    ),
    long(
        "proxy",
        Value::Several,
        Noted(
            "scenes are found in the film itself, which is decoded once for that and for the encoders",
        ),
    ),
    long("vmaf", Value::None, NO_PLOT),
    long("vmaf-path", Value::One, NO_PLOT),
    long("vmaf-res", Value::One, NO_PLOT),
    long("vmaf-threads", Value::One, NO_PLOT),
    long("vmaf-filter", Value::One, NO_PLOT),
    long(
        "completions",
        Value::One,
        Refused("type `av1enc completions bash`, zsh or fish"),
    ),
    long(
        "tile-auto",
        Value::None,
        Refused("leave it out, and name tiles to the encoder: -v \"--tile-columns 1\" for example"),
    ),
    long("photon-noise", Value::One, GRAIN),
    long("chroma-noise", Value::None, GRAIN),
    long("photon-noise-width", Value::One, GRAIN),
    long("photon-noise-height", Value::One, GRAIN),
    long(
        "zones",
        Value::One,
        Refused("one set of options holds for the whole film: leave it out"),
    ),
    long("target-quality", Value::One, TARGET),
    long("target-metric", Value::One, TARGET),
    long("qp-range", Value::One, TARGET),
    long("min-q", Value::One, TARGET),
    long("max-q", Value::One, TARGET),
    long("probes", Value::One, TARGET),
    long("probing-rate", Value::One, TARGET),
    long("probing-speed", Value::One, TARGET),
    long("probe-slow", Value::None, TARGET),
    long("probe-video-params", Value::One, TARGET),
    long("probe-res", Value::One, TARGET),
    long("interp-method", Value::One, TARGET),
    long("probing-vmaf-features", Value::Several, TARGET),
    long("probing-stat", Value::One, TARGET),
];

fn passes(value: &str) -> Answer {
    match value {
        "1" => Noted("every chunk is encoded in one pass anyway"),
        _ => Refused("chunks are encoded in one pass: leave it out"),
    }
}

fn concat(value: &str) -> Answer {
    match value {
        "mkvmerge" => Done,
        "ffmpeg" | "ivf" => Noted("mkvmerge joins the chunks"),
        _ => Refused("mkvmerge joins the chunks: leave it out"),
    }
}

fn tries(value: &str) -> Answer {
    match value {
        "3" => Done,
        _ => Noted("a chunk is tried three times"),
    }
}

impl Flag {
    /// As clap knows it, where av1enc itself has no such flag.
    fn arg(&self) -> Arg {
        let arg = Arg::new(self.name())
            .hide(true)
            .long(self.long)
            .short(self.short);
        match self.value {
            Value::None => arg.action(ArgAction::Count),
            Value::One => arg
                .action(ArgAction::Append)
                .value_parser(OsStringValueParser::new())
                .allow_hyphen_values(true),
            Value::Several => arg
                .action(ArgAction::Append)
                .value_parser(OsStringValueParser::new())
                .num_args(1..),
        }
    }

    /// As it is typed.
    fn name(&self) -> String {
        match (self.long, self.short) {
            (Some(long), _) => format!("--{long}"),
            (None, short) => format!("-{}", short.unwrap_or_default()),
        }
    }

    /// What it means, as it stands in a command line; `None` if it is not there.
    fn answer_to(&self, matches: &ArgMatches) -> Option<(String, Answer)> {
        let name = self.name();
        if matches.value_source(&name) != Some(ValueSource::CommandLine) {
            return None;
        }
        let values = match self.value {
            Value::None => None,
            _ => matches.get_many::<OsString>(&name),
        };
        let value = values
            .and_then(Iterator::last)
            .map(|value| value.to_string_lossy().into_owned());
        let answer = match self.answer {
            ByValue(answer) => answer(value.as_deref().unwrap_or_default()),
            answer => answer,
        };
        let typed = match (self.value, value) {
            (Value::One, Some(value)) => format!("{name} {value}"),
            _ => name,
        };
        Some((typed, answer))
    }
}

/// The flags of av1an that av1enc itself does not have.
fn foreign() -> impl Iterator<Item = &'static Flag> {
    FLAGS.iter().filter(|flag| !matches!(flag.answer, Used))
}

/// `command` with all flags of av1an; those that it does not have itself are in no help.
#[must_use]
pub fn with_flags(command: Command) -> Command {
    command.args(foreign().map(Flag::arg))
}

/// What is to be said of the flags in a command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// What has nothing to do here, each with the reason.
    pub notes: Vec<String>,
    /// What cannot be followed, each with what to use.
    pub refusals: Vec<String>,
}

/// What is to be said of the flags in `matches`: of those for one purpose, once.
#[must_use]
pub fn answers(matches: &ArgMatches) -> Answers {
    let mut said: Vec<(Vec<String>, bool, &str)> = Vec::new();
    for (typed, answer) in foreign().filter_map(|flag| flag.answer_to(matches)) {
        let (why, refused) = match answer {
            Noted(why) => (why, false),
            Refused(why) => (why, true),
            _ => continue,
        };
        match said.iter_mut().find(|(.., known)| *known == why) {
            Some((all, ..)) => all.push(typed),
            None => said.push((vec![typed], refused, why)),
        }
    }
    let (refusals, notes): (Vec<_>, Vec<_>) =
        said.into_iter().partition(|(_, refused, _)| *refused);
    let words = |said: Vec<(Vec<String>, bool, &str)>| {
        let word =
            |(typed, _, why): (Vec<String>, bool, &str)| format!("{}: {why}", typed.join(", "));
        said.into_iter().map(word).collect()
    };
    Answers {
        notes: words(notes),
        refusals: words(refusals),
    }
}

/// Names by which av1an and its users know encoders that make no AV1.
const OTHER_FORMATS: &[&str] = &["vpx", "x264", "x265", "libx264", "libx265", "libvpx-vp9"];

/// Why this encoder cannot be chosen, if it is one of av1an's.
#[must_use]
pub fn why_not_encoder(name: &str) -> Option<String> {
    OTHER_FORMATS.contains(&name).then(|| {
        format!(
            "-e {name}: av1enc makes AV1 only; of av1an's encoders it has svt-av1, aom and rav1e"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn answers_to(line: &str) -> Answers {
        let words = format!("av1enc in.mkv {line}");
        let command = with_flags(Cli::command());
        answers(&command.try_get_matches_from(words.split(' ')).unwrap())
    }

    #[test]
    fn every_flag_is_there_once_and_those_that_are_used_are_av1encs() {
        let mut command = Cli::command();
        command.build();
        let own: BTreeSet<String> = command
            .get_arguments()
            .flat_map(|arg| {
                [
                    arg.get_long().map(|long| format!("--{long}")),
                    arg.get_short().map(|short| format!("-{short}")),
                ]
            })
            .flatten()
            .collect();
        let mut seen = BTreeSet::new();
        for flag in FLAGS {
            let names = [
                flag.long.map(|long| format!("--{long}")),
                flag.short.map(|short| format!("-{short}")),
            ];
            for name in names.into_iter().flatten() {
                assert_eq!(own.contains(&name), matches!(flag.answer, Used), "{name}");
                assert!(seen.insert(name.clone()), "{name} is there twice");
            }
        }
    }

    #[test]
    fn flags_for_one_purpose_are_answered_once() {
        let answers = answers_to(
            "--target-quality 95 --probes 4 --vmaf --vmaf-res 1920x1080 -r -p 1 -c mkvmerge",
        );
        assert_eq!(answers.refusals.len(), 1);
        assert!(
            answers.refusals[0].starts_with("--target-quality 95, --probes 4: "),
            "{answers:?}"
        );
        assert_eq!(answers.notes.len(), 3, "{answers:?}");
    }

    #[test]
    fn what_a_value_means_decides() {
        assert_eq!(answers_to("-p 2").refusals.len(), 1);
        assert_eq!(answers_to("-c ffmpeg --max-tries 5").notes.len(), 2);
        assert_eq!(answers_to("-c mkvmerge --max-tries 3"), Answers::default());
        assert_eq!(answers_to("-c what").refusals.len(), 1);
    }
}
