//! How av1enc ends: the one table of its exit codes, and the errors that have a code of their own.

use std::{fmt, mem};

use serde::Serialize;

/// How a run ends, unless a signal ends it. The number is the exit code, the name in small letters is the `kind` of an
/// error in `--json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// It failed; the same command may help.
    Failed = 1,
    /// The command line cannot be followed.
    Usage = 2,
    /// The output or the job belongs to something else.
    Taken = 3,
    /// The film is left as it is: it is not worth encoding.
    Worthless = 4,
    /// The test clip waits for somebody's approval.
    Approval = 5,
    /// Chunks are missing that were to be joined.
    Missing = 6,
    /// The size that was asked for was not reached.
    Missed = 7,
    /// The film cannot be taken as it is, or not on this host: the same command never helps.
    Film = 8,
    /// Something is in the way that may not stay: the same command may help later.
    Again = 75,
}

impl Exit {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// How a run ends that fails with `error`: whoever makes an error of a certain kind says so by its type.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        if error.is::<UsageError>() {
            Self::Usage
        } else if error.is::<Taken>() {
            Self::Taken
        } else if error.is::<UnfitFilm>() || error.is::<UnfitHost>() {
            Self::Film
        } else if error.is::<ChunksMissing>() {
            Self::Missing
        } else if error.is::<TryAgain>() {
            Self::Again
        } else if error.is::<LeftAlone>() || error.is::<TooLarge>() {
            Self::Worthless
        } else if error.is::<Unapproved>() {
            Self::Approval
        } else if error.is::<Missed>() {
            Self::Missed
        } else {
            Self::Failed
        }
    }
}

/// An error that is one sentence, as the cause or as the context of others.
macro_rules! sentence {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::error::Error for $name {}
    };
}

sentence! {
    /// A command line that cannot be followed: [`Exit::Usage`].
    UsageError
}

impl UsageError {
    /// One error that says all of these, unless there is none.
    ///
    /// # Errors
    /// That one.
    pub fn unless_none(wrong: impl IntoIterator<Item = Self>) -> Result<(), Self> {
        let mut said: Vec<String> = Vec::new();
        for Self(what) in wrong {
            if !said.contains(&what) {
                said.push(what);
            }
        }
        match said.as_mut_slice() {
            [] => Ok(()),
            [one] => Err(Self(mem::take(one))),
            several => Err(Self(format!(
                "{} things in this line cannot be followed:\n  - {}",
                several.len(),
                several.join("\n  - ")
            ))),
        }
    }
}

sentence! {
    /// An output or a job that belongs to something else, which stays as it is: [`Exit::Taken`].
    Taken
}

sentence! {
    /// A film that is left as it is, as somebody wanted it: [`Exit::Worthless`].
    LeftAlone
}

sentence! {
    /// A film whose output is larger than somebody wanted: [`Exit::Worthless`].
    TooLarge
}

sentence! {
    /// A film whose test clip nobody has approved: [`Exit::Approval`].
    Unapproved
}

sentence! {
    /// A size that the output cannot have, or has not: [`Exit::Missed`].
    Missed
}

sentence! {
    /// A film that this command never encodes, as long as the film, the tools and the options stay: [`Exit::Film`].
    UnfitFilm
}

sentence! {
    /// A host that can never encode chunks of a job: [`Exit::Film`].
    UnfitHost
}

sentence! {
    /// Something is in the way that may not stay: [`Exit::Again`].
    TryAgain
}

/// Chunks that were to be joined are not there: [`Exit::Missing`].
#[derive(Debug, Clone)]
pub struct ChunksMissing {
    /// Which, ascending.
    pub chunks: Vec<usize>,
    /// For people.
    pub sentence: String,
}

impl fmt::Display for ChunksMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for ChunksMissing {}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn an_error_keeps_its_exit_below_and_above_others() {
        let sentence = || "why".to_owned();
        for (error, exit) in [
            (anyhow!(UsageError(sentence())), Exit::Usage),
            (anyhow!(Taken(sentence())), Exit::Taken),
            (anyhow!(UnfitFilm(sentence())), Exit::Film),
            (anyhow!(LeftAlone(sentence())), Exit::Worthless),
            (anyhow!(TooLarge(sentence())), Exit::Worthless),
            (anyhow!(Unapproved(sentence())), Exit::Approval),
            (anyhow!(Missed(sentence())), Exit::Missed),
            (anyhow!(UnfitHost(sentence())), Exit::Film),
            (anyhow!(TryAgain(sentence())), Exit::Again),
            (anyhow!("why"), Exit::Failed),
        ] {
            assert_eq!(Exit::of(&error), exit);
            assert_eq!(Exit::of(&error.context("where").context("when")), exit);
        }
        let above = Err::<(), _>(anyhow!("why"))
            .with_context(|| UnfitFilm(sentence()))
            .context("when");
        assert_eq!(Exit::of(&above.unwrap_err()), Exit::Film);
    }

    #[test]
    fn kinds_are_written_in_small_letters() {
        assert_eq!(serde_json::to_string(&Exit::Film).unwrap(), "\"film\"");
    }
}
