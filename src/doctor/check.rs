//! One check: what was looked at, how it is, and what to type.

use std::fmt;

use serde::Serialize;

use crate::os::words::plain;

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// There, and works.
    Ok,
    /// An encode works, but not as well as it could, or not in every way.
    Warning,
    /// Not there.
    Missing,
    /// There, and does not work.
    Broken,
}

impl State {
    /// Whether an encode would fail.
    #[must_use]
    pub fn stops(self) -> bool {
        matches!(self, Self::Missing | Self::Broken)
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Missing => "MISSING",
            Self::Broken => "BROKEN",
        }
    }
}

/// One check. Shown as text by [`fmt::Display`], and as it is in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is checked.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// Its version, where it has one.
    pub version: Option<String>,
    /// Where it is.
    pub path: Option<String>,
    /// One sentence: what is wrong, or what should be known.
    pub note: Option<String>,
    /// What to type: the likeliest way first, others after it.
    pub advice: Vec<String>,
}

impl Check {
    fn new(name: &'static str, state: State) -> Self {
        Self {
            name,
            state,
            version: None,
            path: None,
            note: None,
            advice: Vec::new(),
        }
    }

    /// A thing that is there and works.
    #[must_use]
    pub fn ok(name: &'static str) -> Self {
        Self::new(name, State::Ok)
    }

    /// A thing that could be better: `note` says how.
    pub fn warning(name: &'static str, note: impl Into<String>) -> Self {
        Self::new(name, State::Warning).note(note)
    }

    /// A thing that is not there.
    pub fn missing(name: &'static str, note: impl Into<String>) -> Self {
        Self::new(name, State::Missing).note(note)
    }

    /// A thing that does not work: `note` says why.
    pub fn broken(name: &'static str, note: impl Into<String>) -> Self {
        Self::new(name, State::Broken).note(note)
    }

    /// With its version.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// With its place, if it is known.
    #[must_use]
    pub fn at(mut self, path: Option<impl Into<String>>) -> Self {
        self.path = path.map(Into::into);
        self
    }

    /// With something to know.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(plain(&note.into()));
        self
    }

    /// The same with more `words` behind what it says.
    #[must_use]
    pub fn adding(self, words: &str) -> Self {
        Self {
            note: Some(self.note.unwrap_or_default() + words),
            ..self
        }
    }

    /// With what to type.
    #[must_use]
    pub fn advise(mut self, advice: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.advice = advice.into_iter().map(Into::into).collect();
        self
    }
}

/// All checks, and what they come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Whether an encode would work.
    pub ok: bool,
    /// The checks, in the order in which an encode would fail.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// What these checks come to.
    #[must_use]
    pub fn of(checks: Vec<Check>) -> Self {
        Self {
            ok: !checks.iter().any(|check| check.state.stops()),
            checks,
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            writeln!(f, "{check}")?;
        }
        let count =
            |is: fn(State) -> bool| self.checks.iter().filter(|check| is(check.state)).count();
        match (count(State::stops), count(|state| state == State::Warning)) {
            (0, 0) => write!(f, "An encode would work."),
            (0, 1) => write!(f, "An encode would work; see the warning."),
            (0, n) => write!(f, "An encode would work; see the {n} warnings."),
            (1, _) => write!(f, "An encode would not work: 1 thing is missing or broken."),
            (n, _) => write!(
                f,
                "An encode would not work: {n} things are missing or broken."
            ),
        }
    }
}

/// Columns of a terminal that nobody has made wider.
const COLUMNS: usize = 80;
/// Where the text begins, after mark and name.
const TEXT: usize = 23;

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts: Vec<&str> = [&self.version, &self.path]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let width: usize = facts.iter().map(|fact| fact.chars().count() + 2).sum();
        // A path is never broken: who copies it wants it whole.
        let mut lines: Vec<String> = match width > COLUMNS - TEXT {
            false if facts.is_empty() => Vec::new(),
            false => vec![facts.join("  ")],
            true => facts.into_iter().map(str::to_owned).collect(),
        };
        lines.extend(self.note.iter().flat_map(|note| wrapped(note)));
        if lines.is_empty() {
            lines.push(String::new());
        }
        let left = std::iter::once(format!("{:<8} {}", self.state.mark(), self.name))
            .chain(std::iter::repeat_with(String::new));
        let commands = self.advice.iter().enumerate();
        let commands = commands.map(|(n, command)| {
            (
                format!("         {}", if n == 0 { "type" } else { "or" }),
                command.clone(),
            )
        });
        let all: Vec<String> = left
            .zip(lines)
            .chain(commands)
            .map(|(left, text)| format!("{left:<TEXT$}{text}").trim_end().to_owned())
            .collect();
        f.write_str(&all.join("\n"))
    }
}

/// Lines of words for the text column.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines
            .last_mut()
            .filter(|line| line.chars().count() + 1 + word.chars().count() <= COLUMNS - TEXT)
        {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_shown_in_80_columns_with_what_to_type_below_it() {
        let check = Check::broken(
            "VapourSynth",
            "its script library has lost the Python that it was made for, and cannot start",
        )
        .version("R79")
        .at(Some(
            "/home/somebody/.local/share/av1enc/vapoursynth/libvsscript.so",
        ))
        .advise(["./setup", "vapoursynth config"]);
        assert_eq!(
            check.to_string(),
            "BROKEN   VapourSynth   R79\n                       /home/somebody/.local/share/av1enc/vapoursynth/libvsscript.so\n                       its script library has lost the Python that it was made\n                       for, and cannot start\n         type          ./setup\n         or            vapoursynth config"
        );
        assert_eq!(
            Check::ok("ffmpeg")
                .version("5.1.9")
                .at(Some("/usr/bin/ffmpeg"))
                .to_string(),
            "ok       ffmpeg        5.1.9  /usr/bin/ffmpeg"
        );
    }
}
