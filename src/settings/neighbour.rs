//! How av1enc makes way for the machine's other work.

use std::time::Duration;

use super::{schedule::Schedule, usage};
use crate::{
    cli::{EncodeArgs, NumaChoice},
    os::{
        exit::UsageError,
        priority::DiskTurn,
        processors::{self, Numbers},
    },
};

/// How long a pause is until memory is freed as well, unless the user says otherwise.
const LONG_PAUSE: Duration = Duration::from_secs(600);

/// How av1enc makes way for the machine's other work.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// As what it works, from its beginning to its end.
    pub standing: Standing,
    /// When it works less, or not at all.
    pub limits: Limits,
}

/// As what av1enc works, with all that it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// How nice it is.
    pub nice: Option<i32>,
    /// When it gets the disks.
    pub disks: Option<DiskTurn>,
    /// The processors that it uses.
    pub processors: Option<Numbers>,
    /// What is done about nodes of memory.
    pub numa: Option<NumaChoice>,
}

/// When av1enc works less, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Degrees Celsius.
    pub max_temp: Option<f64>,
    /// Percentage of a battery, while the machine lives on it.
    pub battery: Option<u32>,
    /// When it may work.
    pub schedule: Option<Schedule>,
    /// A command of the shell that succeeds while it must not.
    pub pause_while: Option<String>,
    /// How long a pause is until memory is freed as well.
    pub long_pause: Duration,
}

impl Limits {
    /// Whether there is none.
    #[must_use]
    pub fn are_none(&self) -> bool {
        let Self {
            max_temp,
            battery,
            schedule,
            pause_while,
            long_pause: _,
        } = self;
        max_temp.is_none() && battery.is_none() && schedule.is_none() && pause_while.is_none()
    }
}

impl Neighbour {
    /// What a command line says of it.
    ///
    /// # Errors
    /// What in it cannot be.
    pub(super) fn of(args: &EncodeArgs) -> Result<Self, UsageError> {
        if args.numa == Some(NumaChoice::Node) && args.set_thread_affinity.is_some() {
            return usage(
                "--numa node and --set-thread-affinity both say where encoders run: leave one out",
            );
        }
        Ok(Self {
            standing: Standing {
                nice: args.nice.map(nice).transpose()?,
                disks: args.ionice.as_deref().map(turn).transpose()?,
                processors: args.cpus.as_deref().map(cpus).transpose()?,
                numa: args.numa,
            },
            limits: Limits {
                max_temp: args.max_temp.map(degrees).transpose()?,
                battery: args.battery.map(percent).transpose()?,
                schedule: args.schedule.as_deref().map(Schedule::read).transpose()?,
                pause_while: args.pause_while.as_deref().map(command).transpose()?,
                long_pause: args.long_pause.map_or(LONG_PAUSE, Duration::from_secs),
            },
        })
    }
}

fn nice(nice: i32) -> Result<i32, UsageError> {
    match nice {
        0..=19 => Ok(nice),
        _ => usage(format!(
            "--nice {nice}: a number from 0 to 19, which makes way for everybody"
        )),
    }
}

fn turn(text: &str) -> Result<DiskTurn, UsageError> {
    let level = |text: &str| text.parse().ok().filter(|level| *level <= 7);
    match text.split_once(':') {
        None if text == "idle" => Ok(DiskTurn::Idle),
        None if text == "best-effort" => Ok(DiskTurn::BestEffort(4)),
        Some(("best-effort", text)) if level(text).is_some() => {
            Ok(DiskTurn::BestEffort(level(text).unwrap_or_default()))
        }
        _ => usage(format!(
            "--ionice {text}: idle, or best-effort, or best-effort:0 to best-effort:7, which comes last"
        )),
    }
}

/// Processors that there are.
fn cpus(text: &str) -> Result<Numbers, UsageError> {
    let Some(wanted) = processors::read(text) else {
        return usage(format!(
            "--cpus {text}: numbers of processors such as 0-7 or 0-7,12"
        ));
    };
    let allowed = processors::allowed().map_err(|error| UsageError(format!("{error:#}")))?;
    let lacking: Numbers = wanted.difference(&allowed).copied().collect();
    if !lacking.is_empty() {
        return usage(format!(
            "--cpus {text}: there is no processor {} for av1enc; there are {}",
            processors::shown(&lacking),
            processors::shown(&allowed)
        ));
    }
    Ok(wanted)
}

fn degrees(celsius: f64) -> Result<f64, UsageError> {
    match celsius {
        30.0..=120.0 => Ok(celsius),
        _ => usage(format!(
            "--max-temp {celsius}: degrees Celsius, from 30 to 120"
        )),
    }
}

fn percent(percent: u32) -> Result<u32, UsageError> {
    match percent {
        1..=100 => Ok(percent),
        _ => usage(format!("--battery {percent}: percent, from 1 to 100")),
    }
}

fn command(text: &str) -> Result<String, UsageError> {
    match text.trim() {
        "" => usage("--pause-while: a command that succeeds while av1enc must not work"),
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn neighbour(words: &[&str]) -> Result<Neighbour, UsageError> {
        let cli = Cli::try_parse_from(["av1enc", "in.mkv"].iter().chain(words)).unwrap();
        Neighbour::of(&cli.encode)
    }

    #[test]
    fn all_is_off_unless_it_is_asked_for() {
        let bare = neighbour(&[]).unwrap();
        assert_eq!(bare.standing, Standing::default());
        assert!(bare.limits.are_none());
        let first = processors::allowed().unwrap().first().copied().unwrap();
        let all = neighbour(&[
            "--nice",
            "19",
            "--ionice",
            "best-effort:7",
            "--cpus",
            &first.to_string(),
            "--numa",
            "interleave",
            "--battery",
            "20",
            "--max-temp",
            "80",
        ])
        .unwrap();
        assert_eq!(
            all.standing,
            Standing {
                nice: Some(19),
                disks: Some(DiskTurn::BestEffort(7)),
                processors: Some([first].into()),
                numa: Some(NumaChoice::Interleave),
            }
        );
        assert_eq!(
            (all.limits.battery, all.limits.max_temp),
            (Some(20), Some(80.0))
        );
    }

    #[test]
    fn what_cannot_be_is_said_with_what_can() {
        for (words, says) in [
            (&["--nice", "20"][..], "0 to 19"),
            (&["--nice", "-5"], "0 to 19"),
            (&["--ionice", "realtime"], "idle, or best-effort"),
            (&["--ionice", "best-effort:8"], "best-effort:7"),
            (&["--cpus", "all"], "such as 0-7"),
            (&["--cpus", "0-1023"], "; there are "),
            (&["--battery", "0"], "1 to 100"),
            (&["--max-temp", "8"], "30 to 120"),
            (&["--max-temp", "NaN"], "30 to 120"),
            (&["--schedule", "25:00"], "22:00-07:00"),
            (&["--pause-while", " "], "a command"),
            (
                &["--numa", "node", "--set-thread-affinity", "2"],
                "leave one out",
            ),
        ] {
            let error = neighbour(words).unwrap_err().to_string();
            assert!(error.contains(says), "{words:?}: {error}");
        }
    }
}
