//! What every scheduler is told: which tasks, where the job is, and the command of one task.

use std::{ffi::OsString, ops::Range, path::Path};

use crate::{
    job::{Task, Tasks},
    os::{process::quoted, words::typed_bytes},
};

/// Tasks that are handed over together, since they may take the same memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Their numbers among all tasks of the job.
    pub tasks: Range<usize>,
    /// Memory that each may take, in bytes.
    pub memory_bytes: u64,
    /// Seconds that the longest one is expected to take.
    pub longest_seconds: f64,
}

/// Adds lists of tasks to those that a job has.
pub fn added(known: &mut Tasks, lists: Vec<Vec<Task>>) -> Vec<Array> {
    let add = |tasks: Vec<Task>| {
        let first = known.tasks.len();
        let array = Array {
            tasks: first..first + tasks.len(),
            memory_bytes: tasks.iter().map(|task| task.memory_bytes).max()?,
            longest_seconds: tasks.iter().map(|task| task.seconds).fold(0.0, f64::max),
        };
        known.tasks.extend(tasks);
        Some(array)
    };
    lists.into_iter().filter_map(add).collect()
}

/// What is wanted of a scheduler.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Where av1enc is on the hosts.
    pub program: &'a Path,
    /// Where this one is.
    pub own: &'a Path,
    /// The job directory, absolute.
    pub job: &'a Path,
    /// Whether it is one of its group.
    pub shared: bool,
    /// After how many seconds without a sign of life a host counts as dead, if somebody says.
    pub lease_timeout: Option<u64>,
    /// Tasks at once, at most.
    pub limit: Option<u32>,
    /// Threads that an encoder keeps busy.
    pub threads: u32,
    /// Options for the scheduler's own command.
    pub further: &'a [OsString],
}

impl Order<'_> {
    /// What a host runs for one task of the array, behind the program's name and the job: it looks into its environment for
    /// which. `alone` says that it has only its share of the host.
    fn options(&self, array: &Array, alone: bool) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["--task", "auto", "--task-offset"].map(Into::into).into();
        words.push(array.tasks.start.to_string().into());
        if alone {
            let memory = typed_bytes(array.memory_bytes);
            words.extend(["--workers", "1", "--memory-limit"].map(Into::into));
            words.push(memory.into());
        }
        if let Some(seconds) = self.lease_timeout {
            words.extend(["--lease-timeout".into(), seconds.to_string().into()]);
        }
        words.extend(self.group());
        words
    }

    fn group(&self) -> Option<OsString> {
        self.shared.then(|| "--shared".into())
    }

    /// The whole command of such a task.
    pub(super) fn chunk(&self, array: &Array) -> Vec<OsString> {
        let mut words = vec![self.program.into(), "chunk".into(), self.job.into()];
        words.extend(self.options(array, true));
        words
    }

    /// The same for a host that has nothing else to do; its first two words are put in by who runs it.
    pub(super) fn options_of_whole_host(&self, array: &Array) -> Vec<OsString> {
        self.options(array, false)
    }

    /// The command by which one of the hosts joins.
    pub(super) fn join(&self) -> Vec<OsString> {
        self.joined_by(self.program)
    }

    /// The same for this host.
    pub(super) fn join_here(&self) -> Vec<OsString> {
        self.joined_by(self.own)
    }

    fn joined_by(&self, program: &Path) -> Vec<OsString> {
        let words = [program.into(), "join".into(), self.job.into()];
        words.into_iter().chain(self.group()).collect()
    }

    /// The film in letters, digits and hyphens, as every scheduler takes them in a name: `av1enc-some-film`.
    pub(super) fn label(&self) -> String {
        let name = self.job.file_stem().unwrap_or_default().to_string_lossy();
        let words = name.split(|c: char| !c.is_ascii_alphanumeric());
        let mut label = "av1enc".to_owned();
        for word in words.filter(|word| !word.is_empty()) {
            if label.len() + 1 + word.len() > LABEL {
                break;
            }
            label += "-";
            label += &word.to_ascii_lowercase();
        }
        label
    }
}

/// Words as a person would type them.
pub(super) fn typed(words: &[OsString]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// Kubernetes takes 63 letters in a name, of which the pods' and the offset take some.
const LABEL: usize = 40;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What tests of the schedulers order.
    pub fn order(job: &str) -> Order<'_> {
        Order {
            program: Path::new("/opt/av1enc"),
            own: Path::new("av1enc"),
            job: Path::new(job),
            shared: false,
            lease_timeout: None,
            limit: None,
            threads: 2,
            further: &[],
        }
    }

    /// Twelve tasks behind three others.
    pub fn array() -> Array {
        Array {
            tasks: 3..15,
            memory_bytes: 1 << 30,
            longest_seconds: 310.0,
        }
    }

    #[test]
    fn later_tasks_are_added_behind_those_that_may_still_begin() {
        let task = |seconds, memory_bytes| Task {
            chunks: Vec::new(),
            frames: 1,
            seconds,
            memory_bytes,
        };
        let mut known = Tasks {
            tasks: vec![task(1.0, 1)],
            submissions: Vec::new(),
        };
        let lists = vec![vec![task(9.0, 5), task(2.0, 5)], vec![task(3.0, 10)]];
        let arrays = added(&mut known, lists);
        let array = |tasks, memory_bytes, longest_seconds| Array {
            tasks,
            memory_bytes,
            longest_seconds,
        };
        assert_eq!(arrays, [array(1..3, 5, 9.0), array(3..4, 10, 3.0)]);
        assert_eq!(known.tasks.len(), 4);
    }

    #[test]
    fn a_film_of_any_name_has_a_label_that_every_scheduler_takes() {
        let label = |job: &str| order(job).label();
        assert_eq!(
            label("/a/Some Film (1999).mkv.av1enc"),
            "av1enc-some-film-1999-mkv"
        );
        assert_eq!(label("/a/\n$(rm -rf).av1enc"), "av1enc-rm-rf");
        assert_eq!(label("/a/映画.av1enc"), "av1enc");
        let long = format!("/a/{}.av1enc", "word ".repeat(40));
        assert!(label(&long).len() <= LABEL && !label(&long).ends_with('-'));
    }
}
