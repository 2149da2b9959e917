//! Lines of a user's shell profiles that read a file which is gone, or set what VapourSynth or the system's loader read to
//! what is gone.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::check::Check;
use crate::os::{dirs, process::quoted};

/// Variables whose values are files or directories, and which break programs or are useless when those are gone.
const VARIABLES: [&str; 6] = [
    "VSSCRIPT_PATH",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "VAPOURSYNTH_EXTRA_PLUGIN_PATH",
];

/// What shells read when they start, in the home directory.
const PROFILES: [&str; 7] = [
    ".profile",
    ".bash_profile",
    ".bash_login",
    ".bashrc",
    ".zshenv",
    ".zprofile",
    ".zshrc",
];

const NAME: &str = "shell profile";

/// One check for each line that names something which is not there; where there is none, that.
pub fn checks() -> Vec<Check> {
    let Some(home) = env::home_dir() else {
        return Vec::new();
    };
    let config = dirs::config().unwrap_or_else(|| home.join(".config"));
    let zsh = env::var_os("ZDOTDIR").map_or_else(|| home.clone(), PathBuf::from);
    let dir_of = |name: &str| {
        if name.starts_with(".z") {
            zsh.clone()
        } else {
            home.clone()
        }
    };
    let mut files: Vec<PathBuf> = PROFILES
        .iter()
        .map(|name| dir_of(name).join(name))
        .collect();
    files.push(config.join("fish/config.fish"));
    let snippets = fs::read_dir(config.join("fish/conf.d"))
        .into_iter()
        .flatten();
    files.extend(snippets.filter_map(|entry| Some(entry.ok()?.path())));
    let found: Vec<Check> = files.iter().flat_map(|file| in_file(file, &home)).collect();
    match found.as_slice() {
        [] => vec![Check::ok(NAME).note("no line names what is gone")],
        _ => found,
    }
}

fn in_file(file: &Path, home: &Path) -> Vec<Check> {
    // A profile may be in any encoding.
    let text = fs::read(file)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let found = stale_lines(&text, &home.to_string_lossy(), |path| path.exists());
    let place = quoted(file.as_os_str());
    let shown = |Stale { line, does, path }| {
        let (verb, unset) = match does {
            Does::Reads => ("reads".to_owned(), String::new()),
            Does::Sets(variable) => (format!("sets {variable} to"), format!("; unset {variable}")),
        };
        let note = format!("line {line} {verb} {}, which is not there", path.display());
        Check::warning(NAME, note)
            .at(Some(file.to_string_lossy()))
            .advise([format!("sed -i.bak {line}d {place}{unset}")])
    };
    found.into_iter().map(shown).collect()
}

/// What a line does with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// It sets this variable to it.
    Sets(&'static str),
    /// It has the shell read it.
    Reads,
}

/// A line that names what is not there.
#[derive(Debug, PartialEq, Eq)]
struct Stale {
    /// Counted from 1.
    line: usize,
    does: Does,
    path: PathBuf,
}

/// The lines of `text` that read a file which does not exist, or set one of [`VARIABLES`] to such a path. What only the
/// shell itself can work out is left alone, and so is what is read only under a condition.
fn stale_lines(text: &str, home: &str, exists: impl Fn(&Path) -> bool) -> Vec<Stale> {
    let mut depth = 0_i32;
    let mut stale = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let set = assignment(line).map(|(variable, value)| (Does::Sets(variable), value));
        let read = || Some((Does::Reads, is_read(line)?));
        depth += deeper(line);
        let is_sure = depth == 0;
        let Some((does, value)) = set.or_else(|| read().filter(|_| is_sure)) else {
            continue;
        };
        let whole = [value.as_str()];
        let parts: Vec<&str> = match does {
            Does::Sets(_) => value.split([':', ' ', '\t']).collect(),
            Does::Reads => whole.to_vec(),
        };
        let mut paths = parts.into_iter().filter_map(|path| expanded(path, home));
        if let Some(path) = paths.find(|path| !exists(path)) {
            let line = n + 1;
            stale.push(Stale { line, does, path });
        }
    }
    stale
}

/// The file that a line has the shell read, whatever else there is: `. FILE` and `source FILE`.
fn is_read(line: &str) -> Option<String> {
    let words = shlex::split(line)?;
    match words.as_slice() {
        [reads, file] if [".", "source"].contains(&reads.as_str()) => Some(file.clone()),
        _ => None,
    }
}

/// By how much a line leads into conditions, loops and functions, or out of them.
fn deeper(line: &str) -> i32 {
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || c == ';')
        .take_while(|word| !word.starts_with('#'))
        .collect();
    let of = |names: &[&str]| words.iter().filter(|word| names.contains(word)).count() as i32;
    let opens = of(&[
        "if", "case", "for", "while", "until", "switch", "begin", "function", "{",
    ]);
    opens - of(&["fi", "esac", "done", "end", "}"])
}

/// The variable and its value: `export NAME=value` and `NAME=value` of a POSIX shell, `set -gx NAME value` of fish.
fn assignment(line: &str) -> Option<(&'static str, String)> {
    // A comment, or a line that no shell could read either, has no words.
    let words = shlex::split(line)?;
    let words: Vec<&str> = words
        .iter()
        .map(|word| word.trim_end_matches(';'))
        .collect();
    let known = |name: &str| VARIABLES.into_iter().find(|variable| *variable == name);
    match words.as_slice() {
        ["set", rest @ ..] => {
            let mut rest = rest
                .iter()
                .copied()
                .skip_while(|word| word.starts_with('-'));
            let variable = known(rest.next()?)?;
            Some((variable, rest.collect::<Vec<_>>().join(" ")))
        }
        ["export" | "typeset" | "declare", rest @ ..] => rest.iter().find_map(|word| pair(word)),
        [first, ..] => pair(first),
        [] => None,
    }
}

/// `NAME=value`.
fn pair(word: &str) -> Option<(&'static str, String)> {
    let (name, value) = word.split_once('=')?;
    let variable = VARIABLES.into_iter().find(|variable| *variable == name)?;
    Some((variable, value.to_owned()))
}

/// An absolute path without variables of the shell.
fn expanded(path: &str, home: &str) -> Option<PathBuf> {
    let path = match path.strip_prefix('~') {
        Some(rest) => format!("{home}{rest}"),
        None => path.replace("${HOME}", home).replace("$HOME", home),
    };
    (path.starts_with('/') && !path.contains(['$', '`', '*'])).then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_name_what_is_gone_are_found_in_every_shells_words() {
        for (line, variable, path) in [
            (
                "export VSSCRIPT_PATH=/gone/libvsscript.so",
                "VSSCRIPT_PATH",
                "/gone/libvsscript.so",
            ),
            (
                "  export PYTHONHOME=\"$HOME/gone dir\"  # for vs",
                "PYTHONHOME",
                "/home/me/gone",
            ),
            (
                "LD_PRELOAD='/there/a.so /gone/b.so'",
                "LD_PRELOAD",
                "/gone/b.so",
            ),
            (
                "export EDITOR=vi PYTHONPATH=/there:~/gone:$PYTHONPATH",
                "PYTHONPATH",
                "/home/me/gone",
            ),
            (
                "set -gx VSSCRIPT_PATH /gone/libvsscript.so",
                "VSSCRIPT_PATH",
                "/gone/libvsscript.so",
            ),
            (
                "set -x LD_LIBRARY_PATH /there ${HOME}/gone;",
                "LD_LIBRARY_PATH",
                "/home/me/gone",
            ),
        ] {
            let found = stale_lines(&format!("# comment\n\n{line}\n"), "/home/me", |path| {
                !path.to_string_lossy().contains("gone")
            });
            assert_eq!(
                found,
                [Stale {
                    line: 3,
                    does: Does::Sets(variable),
                    path: path.into()
                }],
                "{line}"
            );
        }
    }

    #[test]
    fn what_is_read_and_gone_is_found_where_nothing_asks_for_it_first() {
        let text = ". \"$HOME/.cargo/env\"\nsource ~/gone dir\nif [ -f ~/.aliases ]; then\n  . ~/.aliases\nfi\n\
                    [ -f ~/.more ] && . ~/.more\nsource '/gone dir/x' # vs\n. $OTHER/env\nf() {\n  . /gone\n}\n. /there/x\n";
        let found = stale_lines(text, "/home/me", |path| path.starts_with("/there"));
        let stale = |line, path: &str| Stale {
            line,
            does: Does::Reads,
            path: path.into(),
        };
        assert_eq!(
            found,
            [stale(1, "/home/me/.cargo/env"), stale(7, "/gone dir/x")]
        );
    }

    #[test]
    fn lines_that_are_right_or_not_ours_are_left_alone() {
        let text = "# export PYTHONHOME=/gone\nexport VSSCRIPT_PATH=/there/x.so\nexport GOPATH=/gone\nexport PYTHONPATH=$OTHER/gone\n\
                    export PYTHONPATH=\nexport LD_PRELOAD=`echo /gone`\nif [ -n \"$x ]; then\nset -e\nalias vs=\"PYTHONHOME=/gone vspipe\"\n";
        assert_eq!(
            stale_lines(text, "/home/me", |path| path.starts_with("/there")),
            []
        );
    }
}
