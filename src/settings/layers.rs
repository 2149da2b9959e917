//! What is said below the command line: a file of settings, and paths in the environment.
//!
//! Both become words of a command line that come before those that were typed, and only those that nothing typed has
//! overruled: there is one reader of settings, and one way to be wrong.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Command, CommandFactory, parser::ValueSource};
use toml::{Spanned, Value};

use super::{built_in, tables::line_of, typed::Typed};
use crate::{
    cli::{Cli, EncodeArgs, Layer, Setting},
    os::{dirs, exit::UsageError, process::quoted, words},
};

/// Options that are about one film or one run.
const OF_A_RUN: [&str; 15] = [
    "input",
    "output",
    "config",
    "no-config",
    "restart",
    "approved",
    "dry-run",
    "temp",
    "scenes",
    "sc-only",
    "proof",
    "force-keyframes",
    "allow-truncated",
    "help",
    "version",
];

/// Options whose value is a path, which a variable of the environment may say: `AV1ENC_FFMPEG`.
const PATHS: [(&str, &str); 5] = [
    ("AV1ENC_FFMPEG", "ffmpeg"),
    ("AV1ENC_FFPROBE", "ffprobe"),
    ("AV1ENC_ENCODER_PATH", "encoder-path"),
    ("AV1ENC_DEVICE", "device"),
    ("AV1ENC_TABLES", "tables"),
];
/// The variable that names the file of settings.
const CONFIG: &str = "AV1ENC_CONFIG";

/// Options that the encoder's own may say as well, and how those are called.
const IN_PARAMS: [(&str, &[&str]); 3] = [
    (
        "crf",
        &[
            "crf",
            "cq-level",
            "qp",
            "quantizer",
            "rc",
            "tbr",
            "lossless",
        ],
    ),
    ("preset", &["preset", "cpu-used", "speed"]),
    ("lp", &["lp", "threads"]),
];

/// One option that is set below the command line.
#[derive(Debug, Clone)]
pub(super) struct Below {
    /// Its name without dashes.
    pub name: String,
    /// The word that says it.
    pub word: OsString,
    layer: Layer,
    /// Where it stands, for people.
    pub place: String,
}

/// All that is set below a line with these options.
///
/// # Errors
/// If the file of settings cannot be read, or something in it is no setting.
pub(super) fn below(args: &EncodeArgs) -> Result<Vec<Below>, UsageError> {
    let mut all = of_environment();
    if let Some((file, text)) = file(args)? {
        let of_file = of_file(&file, &text)?;
        let is_new = |below: &Below| all.iter().all(|known| known.name != below.name);
        let of_file: Vec<Below> = of_file.into_iter().filter(is_new).collect();
        all.extend(of_file);
    }
    Ok(all)
}

fn of_environment() -> Vec<Below> {
    let said = |(variable, name): (&str, &str)| {
        let value = env::var_os(variable).filter(|value| !value.is_empty())?;
        let mut word = OsString::from(format!("--{name}="));
        word.push(value);
        Some(Below {
            name: name.to_owned(),
            word,
            layer: Layer::Environment,
            place: variable.to_owned(),
        })
    };
    PATHS.into_iter().filter_map(said).collect()
}

/// The file of settings and its text: the one that is named, or else the user's, if he has one.
fn file(args: &EncodeArgs) -> Result<Option<(PathBuf, String)>, UsageError> {
    if args.no_config {
        return Ok(None);
    }
    let variable = env::var_os(CONFIG).filter(|value| !value.is_empty());
    let named = args.config.clone().or_else(|| variable.map(PathBuf::from));
    let Some(file) = named.clone().or_else(of_user) else {
        return Ok(None);
    };
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some((file, text))),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(UsageError(format!(
            "cannot read the settings of {}: {error}. --no-config reads none",
            quoted(file.as_os_str())
        ))),
    }
}

/// `~/.config/av1enc/config.toml`.
fn of_user() -> Option<PathBuf> {
    Some(dirs::config()?.join("av1enc/config.toml"))
}

/// The settings of a file.
fn of_file(file: &Path, text: &str) -> Result<Vec<Below>, UsageError> {
    let shown = quoted(file.as_os_str());
    let at = |byte: usize| format!("{shown}, line {}", line_of(text, byte));
    let settings: BTreeMap<String, Spanned<Value>> = toml::from_str(text).map_err(|error| {
        let place = at(error.span().unwrap_or_default().start);
        UsageError(format!("{place}: {}", error.message().replace('\n', ", ")))
    })?;
    let command = Cli::command();
    let mut below = Vec::new();
    for (name, value) in settings {
        let place = at(value.span().start);
        let word = word(&command, &name, value.into_inner())
            .map_err(|why| UsageError(format!("{place}: {name}: {why}")))?;
        below.extend(word.map(|word| Below {
            name,
            word,
            layer: Layer::Config,
            place,
        }));
    }
    Ok(below)
}

/// The word of a command line that says a setting; `None` for a switch that is off.
fn word(command: &Command, name: &str, value: Value) -> Result<Option<OsString>, String> {
    let mut arguments = command.get_arguments();
    let known = arguments.find(|arg| arg.get_long() == Some(name));
    let known = known.ok_or_else(|| unknown(command, name))?;
    if OF_A_RUN.contains(&name) {
        return Err("it is about one film or run: type it".to_owned());
    }
    let takes_value = known.get_action().takes_values();
    match (takes_value, value) {
        (false, Value::Boolean(is_on)) => Ok(is_on.then(|| format!("--{name}").into())),
        (false, _) => Err("true or false is needed".to_owned()),
        (true, value) => {
            let value = text(&value).ok_or("a text, a number or a list of them is needed")?;
            Ok(Some(format!("--{name}={value}").into()))
        }
    }
}

/// A value as it would be typed.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Array(values) => {
            let texts: Option<Vec<String>> = values.iter().map(text).collect();
            Some(texts?.join(","))
        }
        _ => None,
    }
}

/// What to say of a key that is no option.
fn unknown(command: &Command, name: &str) -> String {
    let names = command.get_arguments().filter_map(|arg| arg.get_long());
    match words::nearest(name, names) {
        Some(near) => format!("av1enc has no such option: did you mean {near}?"),
        None => "av1enc has no such option: `av1enc --help` lists what it has".to_owned(),
    }
}

/// Whether nothing that was typed, of which clap says `matches`, overrules a setting.
pub(super) fn holds(below: &Below, matches: &ArgMatches, args: &EncodeArgs) -> bool {
    let command = Cli::command();
    let typed: Vec<&clap::Arg> = command
        .get_arguments()
        .filter(|arg| is_typed(matches, arg.get_id().as_str()))
        .collect();
    let mut arguments = command.get_arguments();
    let Some(own) = arguments.find(|arg| arg.get_long() == Some(below.name.as_str())) else {
        return false;
    };
    let contradicts = |other: &&clap::Arg| {
        let conflicts = |one: &clap::Arg, other: &clap::Arg| {
            let conflicts = command.get_arg_conflicts_with(one);
            conflicts.iter().any(|arg| arg.get_id() == other.get_id())
        };
        other.get_id() == own.get_id() || conflicts(own, other) || conflicts(other, own)
    };
    !typed.iter().any(contradicts) && !is_in_params(&below.name, args)
}

/// Whether what was typed for the encoder says an option already.
fn is_in_params(name: &str, args: &EncodeArgs) -> bool {
    let Some((_, names)) = IN_PARAMS.into_iter().find(|(own, _)| *own == name) else {
        return false;
    };
    let params = Typed::of(args).unwrap_or_default().params;
    params
        .iter()
        .any(|param| names.contains(&param.name.as_str()))
}

fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// What each option is set to, and by whom, where clap says `matches` of a line with these words `below`.
pub(super) fn said(matches: &ArgMatches, below: &[Below]) -> Vec<Setting> {
    let (command, built_in) = (Cli::command(), built_in::all());
    let settings = command.get_arguments().filter_map(|arg| {
        let name = match (arg.get_long(), arg.get_short()) {
            (Some(long), _) => long.to_owned(),
            (None, short) => short?.to_string(),
        };
        let value = match matches.try_get_raw(arg.get_id().as_str()).ok()? {
            Some(raw) => {
                let values: Vec<_> = raw.map(OsStr::to_string_lossy).collect();
                values.join(",")
            }
            None => {
                let mut built_in = built_in.iter();
                built_in.find(|(option, _)| *option == name)?.1.clone()
            }
        };
        // A switch that is off says nothing.
        if OF_A_RUN.contains(&name.as_str()) || value == "false" {
            return None;
        }
        let (from, at) = match below.iter().find(|below| below.name == name) {
            Some(below) => (below.layer, Some(below.place.clone())),
            None if is_typed(matches, arg.get_id().as_str()) => (Layer::Line, None),
            None => (Layer::BuiltIn, None),
        };
        Some(Setting {
            name,
            value,
            from,
            at,
        })
    });
    settings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Vec<String>, String> {
        let below = of_file(Path::new("config.toml"), text).map_err(|error| error.to_string())?;
        let words = below.into_iter();
        Ok(words
            .map(|below| below.word.into_string().unwrap())
            .collect())
    }

    #[test]
    fn settings_have_the_names_and_values_of_options() {
        let text = "crf = 24.5\nwhy = true\nkeep = false\nskip = ['av1', 'hevc-web']\nvideo-params = '--film-grain 8'\n\
                    stable-secs = 60";
        let expected = [
            "--crf=24.5",
            "--skip=av1,hevc-web",
            "--stable-secs=60",
            "--video-params=--film-grain 8",
            "--why",
        ];
        assert_eq!(words(text).unwrap(), expected);
    }

    #[test]
    fn a_value_that_is_said_is_told_from_the_same_one_that_is_built_in() {
        let below = of_file(Path::new("config.toml"), "on-change = 'stop'").unwrap();
        let words = [
            "av1enc",
            "--on-change=stop",
            "--pix-format",
            "yuv420p10le",
            "in.mkv",
        ];
        let matches = Cli::command().try_get_matches_from(words).unwrap();
        let said = said(&matches, &below);
        let who = |name: &str| {
            let mut said = said.iter();
            let setting = said.find(|setting| setting.name == name).unwrap();
            (setting.value.as_str(), setting.from)
        };
        assert_eq!(who("pix-format"), ("yuv420p10le", Layer::Line));
        assert_eq!(who("on-change"), ("stop", Layer::Config));
        for (name, value) in built_in::all() {
            if !["pix-format", "on-change"].contains(&name) {
                assert_eq!(who(name), (value.as_str(), Layer::BuiltIn));
            }
        }
        assert!(
            said.iter().all(|setting| setting.name != "crf"),
            "nobody says it"
        );
    }

    #[test]
    fn what_is_no_setting_is_said_with_file_line_and_key() {
        for (text, says) in [
            (
                "\ncfr = 24",
                "config.toml, line 2: cfr: av1enc has no such option",
            ),
            (
                "presets = 4",
                "line 1: presets: av1enc has no such option: did you mean preset?",
            ),
            ("output = 'a.mkv'", "line 1: output: it is about one film"),
            ("why = 'yes'", "line 1: why: true or false"),
            ("crf = true", "line 1: crf: a text, a number"),
            ("crf = 1\n\ncrf = 2", "line 3: duplicate key"),
            ("crf 24", "line 1: "),
        ] {
            let error = words(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }
}
