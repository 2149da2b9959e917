//! From the words that were typed to a [`Cli`]: what clap says of them, and what it does not know.

use std::{
    error::Error,
    ffi::{OsStr, OsString},
    iter,
    ops::Range,
    path::Path,
};

use clap::{
    ArgMatches, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    Config,
    av1an::{self, Answers},
    layers::{self, Below},
    mistakes::{self, Mended, Word},
};
use crate::{
    cli::{self, Cli, EncodeArgs, TRY_VAPOURSYNTH},
    os::{exit::UsageError, process::quoted, words::nearest},
};

/// The name under which everybody has the program, however it was called.
const PROGRAM: &str = "av1enc";

/// A command line that asks for no work.
#[derive(Debug)]
pub enum Unread {
    /// It asks for the help or the version: this is it.
    Answer(String),
    /// It cannot be followed.
    Wrong(UsageError),
}

/// Reads the words of a command line, the program's name first.
///
/// # Errors
/// [`Unread`], with what to print: everything that is wrong with the line, and where it is known what was meant, the line
/// that says it.
pub fn read(words: &[OsString]) -> Result<Cli, Unread> {
    let is_wrong = ambiguous(words).or_else(|| misplaced(words));
    if let Some(error) = is_wrong.or_else(|| no_command(words)) {
        return Err(Unread::Wrong(error));
    }
    let mended = match words.get(1) {
        Some(first) if is_command(first) && !takes_an_encode(first) => Mended {
            words: words.to_vec(),
            ..Mended::default()
        },
        _ => mistakes::mend(words, &known),
    };
    let (mut cli, others) = understood(&mended.words).map_err(Unread::Answer)?;
    let is_all = others.is_empty() && mended.is_whole;
    let mut wrong = mended.wrong;
    wrong.extend(others);
    if let (true, Some(cli)) = (wrong.is_empty(), cli.take()) {
        return layered(&mended.words, cli).map_err(Unread::Wrong);
    }
    let said = UsageError::unless_none(wrong)
        .err()
        .unwrap_or_else(|| UsageError(String::new()));
    let before = if said.0.contains('\n') { "\n" } else { ". " };
    let typed = match is_all {
        true => format!("{before}Type `{}`", shown(&mended.words)),
        false => String::new(),
    };
    Err(Unread::Wrong(UsageError(format!("{said}{typed}"))))
}

/// What these words say, and everything that is wrong with them; or the help, where they ask for it.
fn understood(words: &[OsString]) -> Result<(Option<Cli>, Vec<UsageError>), String> {
    let mut wrong = Vec::new();
    let mut rest = words.to_vec();
    // What is wrong is told and taken out, until the rest can be followed.
    for _ in 0..=words.len() {
        let error = match parse(&rest) {
            Ok((mut cli, answers)) => {
                wrong.extend(answers.refusals.into_iter().map(UsageError));
                cli.encode.notes = answers.notes;
                wrong.extend(wrong_settings(&cli));
                return Ok((Some(cli), wrong));
            }
            Err(error) if !error.use_stderr() => {
                return Err(error.render().to_string().trim_end().to_owned());
            }
            Err(error) => error,
        };
        wrong.push(UsageError(in_our_words(&error)));
        if is_of_the_command(&error) || !take_out(&error, &mut rest) {
            break;
        }
    }
    Ok((None, wrong))
}

/// Whether an error is about a value without which there is no such command: the line without it would be another error.
fn is_of_the_command(error: &clap::Error) -> bool {
    let named = context(error, ContextKind::InvalidArg).unwrap_or_default();
    error.kind() == ErrorKind::InvalidValue && named.starts_with('<')
}

/// What a line says that can be followed, over what is said below it.
fn layered(words: &[OsString], cli: Cli) -> Result<Cli, UsageError> {
    let position = match cli.command {
        None => 1,
        Some(cli::Command::Doctor { .. } | cli::Command::Plan { .. }) => 2,
        Some(_) => return Ok(cli),
    };
    let unreadable = |error: clap::Error| UsageError(in_our_words(&error));
    let typed = matches(words).map_err(unreadable)?;
    let mut below = layers::below(cli.options())?;
    for Below {
        word, name, place, ..
    } in &below
    {
        let alone = [PROGRAM.into(), "INPUT".into(), word.clone()];
        let wrong = |error| UsageError(format!("{place}: {name}: {}", in_our_words(&error)));
        parse(&alone).map_err(wrong)?;
    }
    below.retain(|below| layers::holds(below, of_encode(&typed), cli.options()));
    let mut all = words.to_vec();
    all.splice(
        position..position,
        below.iter().map(|below| below.word.clone()),
    );
    let (mut cli, answers) = parse(&all).map_err(unreadable)?;
    UsageError::unless_none(
        wrong_settings(&cli)
            .into_iter()
            .map(|wrong| placed(wrong, &below)),
    )?;
    let said = layers::said(of_encode(&matches(&all).map_err(unreadable)?), &below);
    cli.encode.notes = answers.notes;
    match &mut cli.command {
        Some(cli::Command::Doctor { encode }) => encode.said = said,
        Some(cli::Command::Plan { encode }) => {
            encode.said = said;
            encode.words = of_encode_alone(all);
        }
        _ => cli.encode.said = said,
    }
    Ok(cli)
}

/// What is wrong with a line, with the place of each setting below it that this is about.
fn placed(UsageError(wrong): UsageError, below: &[Below]) -> UsageError {
    let names = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let named: Vec<String> = wrong.split("--").skip(1).map(names).collect();
    let flag = |below: &&Below| named.contains(&below.name);
    let places: Vec<&str> = below
        .iter()
        .filter(flag)
        .map(|below| below.place.as_str())
        .collect();
    UsageError(match places.is_empty() {
        true => wrong,
        false => format!("{}: {wrong}", places.join(" and ")),
    })
}

/// What clap says of the options of an encode.
fn of_encode(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some(("doctor" | "plan", of_encode)) => of_encode,
        _ => matches,
    }
}

/// The words of a plan as those of an encode.
fn of_encode_alone(mut words: Vec<OsString>) -> Vec<OsString> {
    words.remove(1);
    words
}

/// Reads the words again that a plan was made by: all that was said below them is among them.
///
/// # Errors
/// What of them this av1enc does not understand.
pub fn read_again(words: &[OsString]) -> Result<EncodeArgs, UsageError> {
    let (mut cli, answers) = parse(words).map_err(|error| UsageError(in_our_words(&error)))?;
    cli.encode.notes = answers.notes;
    Ok(cli.encode)
}

/// Whether a command has the options of an encode.
fn takes_an_encode(command: &OsStr) -> bool {
    command == "doctor" || command == "plan"
}

/// What is wrong with the values of a line that clap understands.
fn wrong_settings(cli: &Cli) -> Vec<UsageError> {
    let mut options = cli.options().clone();
    match cli.command {
        None => (),
        // It needs no film.
        Some(cli::Command::Doctor { .. }) if options.input_flag.is_none() => {
            options.input.get_or_insert_with(|| "INPUT".into());
        }
        Some(cli::Command::Doctor { .. } | cli::Command::Plan { .. }) => (),
        Some(_) => return Vec::new(),
    }
    Config::wrong(&options)
}

/// What clap says in this kind of context, as text.
fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        ContextValue::Strings(all) => all.first().map(String::as_str),
        _ => None,
    }
}

/// Takes out of `words` what clap does not understand, or adds what it misses. Returns whether there was something.
fn take_out(error: &clap::Error, words: &mut Vec<OsString>) -> bool {
    let named = context(error, ContextKind::InvalidArg).unwrap_or_default();
    let found = match (error.kind(), context(error, ContextKind::InvalidValue)) {
        (ErrorKind::MissingRequiredArgument, _) if named.contains("INPUT") => {
            words.extend(["-i".into(), "INPUT.mkv".into()]);
            return true;
        }
        (ErrorKind::MissingRequiredArgument, _) => unknown(words, "--sc-only"),
        (ErrorKind::UnknownArgument, _) => unknown(words, named),
        (_, value) => value.and_then(|value| misvalued(words, value)),
    };
    let is_found = found.is_some();
    words.drain(found.unwrap_or_default());
    is_found
}

fn begins(word: &OsStr, text: &str) -> bool {
    word.as_encoded_bytes().starts_with(text.as_bytes())
}

/// Where a flag is that nobody knows, with what follows it, if that is most likely its value.
fn unknown(words: &[OsString], name: &str) -> Option<Range<usize>> {
    let is_it = |word: &OsString| word == name || begins(word, &format!("{name}="));
    let at = 1 + words.iter().skip(1).position(is_it)?;
    let follows = words.get(at + 1).filter(|_| words[at] == name);
    let has_value = follows.is_some_and(|word| mistakes::is_no_name(word));
    Some(at..at + 1 + usize::from(has_value))
}

/// Where a value is that cannot be, with its flag; where there is none, the flag that lacks it.
fn misvalued(words: &[OsString], value: &str) -> Option<Range<usize>> {
    if value.is_empty() {
        return (words.len() > 1).then(|| words.len() - 1..words.len());
    }
    let ends = |word: &OsString| word.as_encoded_bytes().ends_with(value.as_bytes());
    let is_it = |word: &OsString| word == value || begins(word, "-") && ends(word);
    let at = 1 + words.iter().skip(1).position(is_it)?;
    let is_apart = words[at] == value && at > 1 && begins(&words[at - 1], "-");
    Some(at - usize::from(is_apart)..at + 1)
}

/// The command line with av1an's flags, for these words: whoever asks with `-h` wants one screen.
fn command(words: &[OsString]) -> clap::Command {
    let has = |flag: &str| words.iter().any(|word| word == flag);
    let ours = match has("-h") && !has("--help") {
        true => cli::everyday(),
        false => cli::command(),
    };
    let all = av1an::with_flags(ours)
        .mut_subcommand("doctor", av1an::with_flags)
        .mut_subcommand("plan", av1an::with_flags);
    with_numbers(all).mut_subcommands(with_numbers)
}

/// A command whose options all have a number below nought behind them as their value, whether they take such a one or not: it is
/// no option that is unknown.
fn with_numbers(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| {
        let is_option = !arg.is_positional() && arg.get_action().takes_values();
        arg.allow_negative_numbers(is_option)
    })
}

/// What clap says of these words, one by one.
fn matches(words: &[OsString]) -> Result<ArgMatches, clap::Error> {
    command(words).try_get_matches_from_mut(words)
}

/// What clap makes of these words, and what there is to say of av1an's flags among them.
fn parse(words: &[OsString]) -> Result<(Cli, Answers), clap::Error> {
    let mut command = command(words);
    let mut matches = command.try_get_matches_from_mut(words)?;
    let answers = match matches.subcommand() {
        None => av1an::answers(&matches),
        Some(("doctor" | "plan", of_encode)) => av1an::answers(of_encode),
        Some(_) => Answers::default(),
    };
    let cli =
        Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, answers))
}

/// What clap says of a wrong command line, without its usage and its tips.
fn in_our_words(error: &clap::Error) -> String {
    let named = context(error, ContextKind::InvalidArg).unwrap_or_default();
    let value = context(error, ContextKind::InvalidValue);
    let flag = named.split(' ').next().unwrap_or_default();
    match (error.kind(), value) {
        (ErrorKind::UnknownArgument, _) if named.starts_with('-') => {
            let like = context(error, ContextKind::SuggestedArg)
                .filter(|like| strsim::levenshtein(named, like) <= 2);
            match like {
                Some(like) => format!("av1enc has no {named}: did you mean {like}?"),
                None => format!("av1enc has no {named}: `{PROGRAM} --help` lists what it has"),
            }
        }
        (ErrorKind::MissingRequiredArgument, _) if named.contains("INPUT") => {
            format!("no film is named: type `{PROGRAM} INPUT.mkv -o OUTPUT.mkv`")
        }
        (ErrorKind::MissingRequiredArgument, _) if named.contains("OUTPUT") => {
            format!("two films are compared: type `{PROGRAM} verify SOURCE.mkv OUTPUT.mkv`")
        }
        (ErrorKind::MissingRequiredArgument, _) if named.starts_with("--scenes") => {
            "--sc-only needs the file into which the scenes are written: add -s scenes.json"
                .to_owned()
        }
        (ErrorKind::MissingRequiredArgument, _) if named.starts_with("<FILE>") => {
            format!("which history? Type `{PROGRAM} history FILE`, as --history has named it")
        }
        (ErrorKind::MissingRequiredArgument, _) if named.starts_with("--sample") => {
            "--seed chooses again what --sample has chosen: add --sample 5".to_owned()
        }
        (_, Some("")) if named == "[INPUT]" => {
            format!("no film is named: type `{PROGRAM} INPUT.mkv -o OUTPUT.mkv`")
        }
        (_, Some("")) => format!("{flag} needs a value: {named}"),
        (ErrorKind::InvalidValue, Some(value)) => av1an::why_not_encoder(value)
            .unwrap_or_else(|| format!("{flag} {value}: {}", values_of(error))),
        (ErrorKind::ValueValidation, Some(value)) => {
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            let why = match why.as_str() {
                "invalid digit found in string" => "a whole number is needed",
                "invalid float literal" => "a number is needed",
                other => other,
            };
            format!("{flag} {value}: {why}")
        }
        (ErrorKind::MissingRequiredArgument, _) if named.contains("SHELL") => {
            format!("completions of which shell? Type `{PROGRAM} completions bash`, zsh or fish")
        }
        (ErrorKind::ArgumentConflict, _)
            if context(error, ContextKind::PriorArg) == Some(named) =>
        {
            format!("{flag} is given twice: leave one out")
        }
        (ErrorKind::InvalidSubcommand, _) => {
            let word = context(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("av1enc has no command {word}: `{PROGRAM} --help` lists what it has")
        }
        _ => first_paragraph(error),
    }
}

/// The values that a flag may have.
fn values_of(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => format!("one of {}", values.join(", ")),
        _ => first_paragraph(error),
    }
}

/// What clap says before it explains itself.
fn first_paragraph(error: &clap::Error) -> String {
    let said = error.render().to_string();
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    let first = said.split("\n\n").next().unwrap_or_default();
    first.trim_end().to_owned()
}

/// Whether a person can type `word` as the name of a command. What av1enc runs by itself is none: a film of that name
/// must not stop it.
fn is_command(word: &OsStr) -> bool {
    let mut cli = Cli::command();
    cli.build();
    let named = |command: &clap::Command| OsStr::new(command.get_name()) == word;
    cli.get_subcommands().any(named) && word != TRY_VAPOURSYNTH
}

/// Refuses a word that may be a command and a film: a file has its name, and either makes a line that can be followed.
fn ambiguous(words: &[OsString]) -> Option<UsageError> {
    let at = 1 + words.iter().skip(1).position(|word| is_bare_file(word))?;
    let word = &words[at];
    if !is_command(word) || !(at == 1 || is_bare(words, at)) {
        return None;
    }
    let mut as_path = words.to_vec();
    as_path[at] = Path::new(".").join(word).into();
    if !can_be_followed(&as_path) {
        return None;
    }
    let mut as_flag = words.to_vec();
    as_flag.insert(at, "-i".into());
    let word = word.display();
    Some(UsageError(format!(
        "`{word}` is a command of av1enc, and a file here. To encode the file, type `{}` or `{}`; the command runs in a \
         directory without such a file",
        shown(&as_path),
        shown(&as_flag)
    )))
}

/// Refuses a command behind other words, where it would be taken for a film.
fn misplaced(words: &[OsString]) -> Option<UsageError> {
    if words.get(1).is_some_and(|first| is_command(first)) {
        return None;
    }
    let at = (2..words.len()).find(|&at| is_command(&words[at]) && is_bare(words, at))?;
    let mut ordered = words.to_vec();
    ordered[1..=at].rotate_right(1);
    let word = words[at].display();
    Some(UsageError(if can_be_followed(&ordered) {
        format!(
            "`{word}` is a command, and comes first: type `{}`. A file of that name is `./{word}`",
            shown(&ordered)
        )
    } else {
        format!(
            "`{word}` is a command, comes first, and does not take all of this: type `{PROGRAM} {word} --help`. A file of \
             that name is `./{word}`"
        )
    }))
}

/// Refuses a first word that can only be meant as a command, and is none.
fn no_command(words: &[OsString]) -> Option<UsageError> {
    let word = words.get(1)?.to_str()?;
    let is_word = word.chars().all(|c| c.is_ascii_lowercase()) && !word.is_empty();
    if !is_word || is_command(words.get(1)?) || Path::new(word).exists() {
        return None;
    }
    let mut cli = Cli::command();
    cli.build();
    let visible = cli
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let meant = nearest(word, visible.map(clap::Command::get_name));
    Some(UsageError(match meant {
        Some(meant) => {
            let mut mended = words.to_vec();
            mended[1] = meant.into();
            format!(
                "av1enc has no command {word}, and there is no film of that name: did you mean `{}`?",
                shown(&mended)
            )
        }
        None => format!(
            "av1enc has no command {word}, and there is no film of that name: a film is encoded by \
             `{PROGRAM} INPUT.mkv -o OUTPUT.mkv`, and `{PROGRAM} --help` lists the commands"
        ),
    }))
}

/// Whether clap understands these words, be it as a call for help.
fn can_be_followed(words: &[OsString]) -> bool {
    parse(words).err().is_none_or(|error| !error.use_stderr())
}

/// Whether a word stands by itself: it is no flag's value, and does not come after `--`, which makes a name of anything.
fn is_bare(words: &[OsString], at: usize) -> bool {
    let before = &words[..at];
    !before.iter().any(|word| word == "--") && !wants_value(before)
}

/// Whether these words end in a flag whose value is missing.
fn wants_value(words: &[OsString]) -> bool {
    parse(words).is_err_and(|error| lacks_value(&error))
}

fn lacks_value(error: &clap::Error) -> bool {
    error.kind() == ErrorKind::InvalidValue && context(error, ContextKind::InvalidValue) == Some("")
}

/// What is known of a word that stands alone.
fn known(word: &OsStr) -> Word {
    match parse(&[PROGRAM.into(), word.to_owned()]) {
        Err(error) if lacks_value(&error) => Word::NeedsValue,
        Err(error) if error.kind() == ErrorKind::UnknownArgument => Word::Unknown,
        _ => Word::Whole,
    }
}

fn is_bare_file(word: &OsStr) -> bool {
    is_command(word) && Path::new(word).is_file()
}

/// A command line as a person types it.
#[must_use]
pub fn shown(words: &[OsString]) -> String {
    let rest = words.iter().skip(1).map(|word| quoted(word));
    iter::once(PROGRAM.to_owned())
        .chain(rest)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_command_behind_other_words_is_refused_with_the_right_order() {
        for (line, says) in [
            ("av1enc --json doctor", "`av1enc doctor --json`"),
            ("av1enc film.mkv doctor", "`av1enc doctor film.mkv`"),
            (
                "av1enc -i film.mkv --crf 30 doctor",
                "`av1enc doctor -i film.mkv --crf 30`",
            ),
            (
                "av1enc --json completions bash",
                "`av1enc completions --help`",
            ),
            ("av1enc -q man", "`av1enc man --help`"),
        ] {
            let error = misplaced(&words(line)).unwrap().to_string();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    /// What is said of a line that cannot be followed.
    fn refused(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        match read(&words) {
            Err(Unread::Wrong(UsageError(said))) => said,
            Err(Unread::Answer(answer)) => answer,
            Ok(_) => String::new(),
        }
    }

    #[test]
    fn a_number_below_nought_behind_an_option_is_its_value() {
        let all = command(&[]);
        let commands = all.get_subcommands().map(|it| (vec![it.get_name()], it));
        for (named, command) in iter::once((Vec::new(), &all)).chain(commands) {
            let takes_one =
                |arg: &&clap::Arg| arg.get_action().takes_values() && !arg.is_require_equals_set();
            let options = command.get_arguments().filter(takes_one);
            for name in options.filter_map(clap::Arg::get_long) {
                let option = format!("--{name}");
                let line = [&["av1enc"], &named[..], &[&option, "-1"]].concat();
                let kind = all
                    .clone()
                    .try_get_matches_from(line)
                    .map_err(|it| it.kind());
                assert_ne!(
                    kind.err(),
                    Some(ErrorKind::UnknownArgument),
                    "{named:?} {option}"
                );
            }
        }
        let said = refused(&["av1enc", "in.mkv", "--lease-timeout", "-1"]);
        assert!(said.starts_with("--lease-timeout -1: "), "{said}");
    }

    #[test]
    fn what_a_command_is_about_is_asked_for_once() {
        let said = refused(&["av1enc", ""]);
        assert!(said.starts_with("no film is named"), "{said}");
        let said = refused(&["av1enc", "completions", "xx"]);
        assert!(said.contains("zsh") && !said.contains('\n'), "{said}");
    }

    #[test]
    fn a_flag_with_an_optional_value_takes_it_with_an_equals_sign_only() {
        let mut cli = Cli::command();
        cli.build();
        for arg in cli.get_arguments() {
            let values = arg.get_num_args().unwrap_or_default();
            let optional = values.min_values() == 0 && values.max_values() > 0;
            assert!(!optional || arg.is_require_equals_set(), "{}", arg.get_id());
        }
    }

    #[test]
    fn values_and_names_of_films_are_no_commands() {
        for line in [
            "av1enc film.mkv",
            "av1enc --temp doctor film.mkv",
            "av1enc -i doctor -o man.mkv",
            "av1enc -v man film.mkv",
            "av1enc --json ./doctor",
            "av1enc --json -- doctor",
            "av1enc doctor man",
            "av1enc --json try-vapoursynth",
        ] {
            assert!(misplaced(&words(line)).is_none(), "{line}");
        }
    }
}
