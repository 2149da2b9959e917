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

    /// How a run ends that fails with `error`, whatever stands around it: whoever makes an error of a certain kind says so by
    /// its type. Of several kinds, the one that the list below names first.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        let known = KINDS.iter().find(|kind| (kind.is)(error));
        known.map_or(Self::Failed, |kind| kind.exit)
    }
}

/// A type of errors that has an exit code of its own.
struct Kind {
    /// Whether an error is of it, or has it as its context or its cause.
    is: fn(&anyhow::Error) -> bool,
    exit: Exit,
}

/// Makes the errors that have an exit code of their own: each is a sentence, with what else its reader wants to know. There is no
/// other way to get such a code, and none to be such an error without one.
macro_rules! errors {
    ($($(#[$doc:meta])* $exit:ident: $name:ident $({ $($known:tt)* })?;)+) => {
        $(errors! { @type $(#[$doc])* $exit $name $({ $($known)* })? })+

        const KINDS: &[Kind] = &[$(Kind { is: anyhow::Error::is::<$name>, exit: Exit::$exit }),+];
    };
    (@type $(#[$doc:meta])* $exit:ident $name:ident) => {
        $(#[$doc])*
        #[doc = concat!("[`Exit::", stringify!($exit), "`].")]
        #[derive(Debug, Clone)]
        pub struct $name(pub String);

        errors! { @error $name, 0 }
    };
    (@type $(#[$doc:meta])* $exit:ident $name:ident { $($known:tt)* }) => {
        $(#[$doc])*
        #[doc = concat!("[`Exit::", stringify!($exit), "`].")]
        #[derive(Debug, Clone)]
        pub struct $name {
            $($known)*
            /// For people.
            pub sentence: String,
        }

        errors! { @error $name, sentence }
    };
    (@error $name:ident, $sentence:tt) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.$sentence)
            }
        }

        impl std::error::Error for $name {}
    };
}

errors! {
    /// A command line that cannot be followed.
    Usage: UsageError;
    /// An output or a job that belongs to something else, which stays as it is.
    Taken: Taken;
    /// A film that this command never encodes, as long as the film, the tools and the options stay.
    Film: UnfitFilm;
    /// A host that can never encode chunks of a job.
    Film: UnfitHost;
    /// Chunks that were to be joined are not there.
    Missing: ChunksMissing {
        /// Which, ascending.
        pub chunks: Vec<usize>,
    };
    /// Something is in the way that may not stay.
    Again: TryAgain;
    /// A film that is left as it is, as somebody wanted it.
    Worthless: LeftAlone;
    /// A film whose output is larger than somebody wanted.
    Worthless: TooLarge;
    /// A film whose test clip nobody has approved.
    Approval: Unapproved;
    /// A size that the output cannot have, or has not.
    Missed: Missed;
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

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    /// One of each type, and the code that the README gives it.
    fn one_of_each() -> Vec<(anyhow::Error, u8)> {
        let sentence = || "why".to_owned();
        let missing = ChunksMissing {
            chunks: vec![1],
            sentence: sentence(),
        };
        vec![
            (anyhow!(UsageError(sentence())), 2),
            (anyhow!(Taken(sentence())), 3),
            (anyhow!(LeftAlone(sentence())), 4),
            (anyhow!(TooLarge(sentence())), 4),
            (anyhow!(Unapproved(sentence())), 5),
            (anyhow!(missing), 6),
            (anyhow!(Missed(sentence())), 7),
            (anyhow!(UnfitFilm(sentence())), 8),
            (anyhow!(UnfitHost(sentence())), 8),
            (anyhow!(TryAgain(sentence())), 75),
        ]
    }

    #[test]
    fn every_type_has_its_code_and_is_listed_once() {
        let all = one_of_each();
        assert_eq!(all.len(), KINDS.len());
        for (error, code) in all {
            let listed = KINDS.iter().filter(|kind| (kind.is)(&error)).count();
            assert_eq!((listed, Exit::of(&error).code()), (1, code), "{error:?}");
        }
        assert_eq!(Exit::of(&anyhow!("why")), Exit::Failed);
    }

    #[test]
    fn an_error_keeps_its_code_below_and_above_others() {
        for (error, code) in one_of_each() {
            let shown = error.to_string();
            let error = error.context("where").context("when");
            assert_eq!(Exit::of(&error).code(), code);
            assert_eq!(format!("{error:#}"), format!("when: where: {shown}"));
        }
        let above = Err::<(), _>(anyhow!("why"))
            .with_context(|| UnfitFilm("what".to_owned()))
            .context("when");
        assert_eq!(Exit::of(&above.unwrap_err()), Exit::Film);
    }

    #[test]
    fn of_several_kinds_the_one_that_is_listed_first_says_the_code() {
        let error = anyhow!(TryAgain("why".to_owned())).context(UsageError("what".to_owned()));
        assert_eq!(Exit::of(&error), Exit::Usage);
        let error = anyhow!(UsageError("why".to_owned())).context(TryAgain("what".to_owned()));
        assert_eq!(Exit::of(&error), Exit::Usage);
    }

    #[test]
    fn kinds_are_written_in_small_letters() {
        assert_eq!(serde_json::to_string(&Exit::Film).unwrap(), "\"film\"");
    }
}
