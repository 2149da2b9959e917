//! Which chunks of a job are encoded, as `av1enc chunk` is told.

use std::ops::Range;

use crate::{
    cli::ChunkArgs,
    os::{exit::UsageError, words::count},
};

/// Where schedulers say which task is to be done, and the number of the first one.
const SCHEDULERS: [(&str, usize); 4] = [
    ("SLURM_ARRAY_TASK_ID", 0),
    ("JOB_COMPLETION_INDEX", 0),
    ("AWS_BATCH_JOB_ARRAY_INDEX", 0),
    ("PARALLEL_SEQ", 1),
];

/// Which chunks are encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those of this range.
    Range(Range<usize>),
    /// Those of the task with this number.
    Task(usize),
    /// All that nobody else encodes.
    Any,
}

impl Which {
    /// What the command line says, where `variable` looks into the environment.
    ///
    /// # Errors
    /// If it says nothing that can be followed.
    pub fn of(
        args: &ChunkArgs,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, UsageError> {
        match (&args.chunks, &args.task) {
            (Some(range), _) => parse_range(range).map(Self::Range).ok_or_else(|| {
                UsageError(format!(
                    "--chunks {range}: two numbers from 0 such as 4-7, or one"
                ))
            }),
            (None, Some(task)) => {
                let number = match task.as_str() {
                    "auto" => of_scheduler(variable)?,
                    number => number.parse().map_err(|_| {
                        UsageError(format!("--task {task}: a number from 0, or auto"))
                    })?,
                };
                Ok(Self::Task(number + args.task_offset))
            }
            (None, None) => Ok(Self::Any),
        }
    }
}

/// `4-7` and `4`.
fn parse_range(text: &str) -> Option<Range<usize>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last < usize::MAX).then(|| first..last + 1)
}

fn of_scheduler(variable: impl Fn(&str) -> Option<String>) -> Result<usize, UsageError> {
    let found = SCHEDULERS
        .iter()
        .find_map(|(name, first)| Some((name, first, variable(name)?)));
    let Some((name, first, value)) = found else {
        let names = SCHEDULERS.map(|(name, _)| name).join(", ");
        return Err(UsageError(format!(
            "--task auto: no scheduler says which task this is ({names}); name its number"
        )));
    };
    let number: Option<usize> = value.parse().ok();
    number
        .and_then(|number| number.checked_sub(*first))
        .ok_or_else(|| UsageError(format!("--task auto: {name} is {value}, which is no task")))
}

/// Makes sure that all of a range are chunks of a job that has so many.
///
/// # Errors
/// If some are not.
pub fn require_within(range: &Range<usize>, chunks: usize) -> Result<(), UsageError> {
    if range.end <= chunks {
        return Ok(());
    }
    Err(UsageError(format!(
        "--chunks {}-{}: the job has {}, from 0 to {}",
        range.start,
        range.end - 1,
        count(chunks as u64, "chunk"),
        chunks.saturating_sub(1)
    )))
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn which(words: &[&str], environment: &[(&str, &str)]) -> Result<Which, UsageError> {
        let command = ChunkArgs::augment_args(clap::Command::new("chunk"));
        let words = ["chunk", "JOB"].iter().chain(words);
        let args = ChunkArgs::from_arg_matches(&command.get_matches_from(words)).unwrap();
        let variable = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Which::of(&args, variable)
    }

    #[test]
    fn chunks_are_named_by_numbers() {
        assert_eq!(
            which(&["--chunks", "4-7"], &[]).unwrap(),
            Which::Range(4..8)
        );
        assert_eq!(which(&["--chunks", "4"], &[]).unwrap(), Which::Range(4..5));
        assert_eq!(which(&["--any"], &[]).unwrap(), Which::Any);
        for wrong in ["7-4", "-4", "4-", "x", "", "4-7-9", "1.5"] {
            assert!(
                which(&[&format!("--chunks={wrong}")], &[]).is_err(),
                "{wrong}"
            );
        }
        assert!(require_within(&(2..5), 5).is_ok());
        let UsageError(wrong) = require_within(&(2..6), 5).unwrap_err();
        assert_eq!(wrong, "--chunks 2-5: the job has 5 chunks, from 0 to 4");
    }

    #[test]
    fn a_task_is_the_one_that_the_scheduler_means() {
        let auto = |environment: &[(&str, &str)]| which(&["--task", "auto"], environment);
        for (name, value) in [
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("JOB_COMPLETION_INDEX", "3"),
            ("AWS_BATCH_JOB_ARRAY_INDEX", "3"),
            ("PARALLEL_SEQ", "4"),
        ] {
            assert_eq!(auto(&[(name, value)]).unwrap(), Which::Task(3), "{name}");
        }
        let offset = ["--task", "auto", "--task-offset", "10"];
        let found = which(&offset, &[("SLURM_ARRAY_TASK_ID", "3")]).unwrap();
        assert_eq!(found, Which::Task(13));
        for environment in [&[][..], &[("PARALLEL_SEQ", "0")], &[("PARALLEL_SEQ", "x")]] {
            assert!(auto(environment).is_err(), "{environment:?}");
        }
        assert_eq!(which(&["--task", "2"], &[]).unwrap(), Which::Task(2));
        assert!(which(&["--task", "two"], &[]).is_err());
    }
}
