//! From the words that were typed to a [`Cli`]: what clap says of them, and what it does not know.

use std::{
    ffi::{OsStr, OsString},
    iter,
    path::Path,
};

use clap::{
    CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::av1an::{self, Answers};
use crate::{
    cli::{Cli, TRY_VAPOURSYNTH},
    os::{exit::UsageError, process::quoted},
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
/// [`Unread`], with what to print.
pub fn read(words: &[OsString]) -> Result<Cli, Unread> {
    if let Some(error) = ambiguous(words).or_else(|| misplaced(words)) {
        return Err(Unread::Wrong(error));
    }
    let (mut cli, answers) = parse(words).map_err(|error| {
        if error.use_stderr() {
            Unread::Wrong(UsageError(in_our_words(&error)))
        } else {
            Unread::Answer(error.render().to_string().trim_end().to_owned())
        }
    })?;
    if !answers.refusals.is_empty() {
        return Err(Unread::Wrong(UsageError(answers.refusals.join("\n"))));
    }
    cli.encode.notes = answers.notes;
    Ok(cli)
}

/// What clap makes of these words, and what there is to say of av1an's flags among them.
fn parse(words: &[OsString]) -> Result<(Cli, Answers), clap::Error> {
    let mut command = av1an::with_flags(Cli::command()).mut_subcommand("doctor", av1an::with_flags);
    let mut matches = command.try_get_matches_from_mut(words)?;
    let answers = match matches.subcommand() {
        None => av1an::answers(&matches),
        Some(("doctor", of_encode)) => av1an::answers(of_encode),
        Some(_) => Answers::default(),
    };
    let cli =
        Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, answers))
}

/// What clap says of a wrong command line, and what to use instead of av1an's flags that are not here.
fn in_our_words(error: &clap::Error) -> String {
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue)
        && let Some(why) = av1an::why_not_encoder(value)
    {
        return why;
    }
    let said = error.render().to_string();
    said.strip_prefix("error: ")
        .unwrap_or(&said)
        .trim_end()
        .to_owned()
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

/// Whether clap understands these words, be it as a call for help.
fn can_be_followed(words: &[OsString]) -> bool {
    parse(words).err().is_none_or(|error| !error.use_stderr())
}

/// Whether a word stands by itself: it is no flag's value, and does not come after `--`, which makes a name of anything.
fn is_bare(words: &[OsString], at: usize) -> bool {
    let before = &words[..at];
    let lacks_value = |error: clap::Error| error.kind() == ErrorKind::InvalidValue;
    !before.iter().any(|word| word == "--") && !parse(before).is_err_and(lacks_value)
}

fn is_bare_file(word: &OsStr) -> bool {
    is_command(word) && Path::new(word).is_file()
}

/// A command line as a person types it.
fn shown(words: &[OsString]) -> String {
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
