//! How much memory a chunk needs, by how attempts to encode it have ended.

use super::slurm::Fate;
use crate::job::{AttemptEnd, AttemptRecord, Stand, Task, Tasks};

/// So many attempts that died from outside, nobody knows of what, have died for want of memory.
const SUSPICIOUS: usize = 2;

/// Memory that the chunk needs at least, in bytes: twice what it had when an attempt died for want of it, and 0 if none did.
/// `fate` is what the scheduler says of how a task ended; `usual` is what a chunk gets that was in no task. Nobody must be
/// encoding it for that scheduler.
#[must_use]
pub fn least_bytes(
    stand: &Stand,
    tasks: &Tasks,
    usual: u64,
    fate: impl Fn(&str) -> Option<Fate>,
) -> u64 {
    let index = stand.chunk.index;
    let has_it = |task: &&Task| task.chunks.iter().any(|range| range.contains(&index));
    let told = tasks.tasks.iter().filter(has_it);
    let told = told.map(|task| task.memory_bytes).max().unwrap_or(usual);
    let died = died(&stand.attempts, fate);
    let had = died.map(|attempt| attempt.memory_limit_bytes.unwrap_or(told));
    had.max().unwrap_or(0).saturating_mul(2)
}

/// The attempts that have died for want of memory.
fn died(
    attempts: &[AttemptRecord],
    fate: impl Fn(&str) -> Option<Fate>,
) -> impl Iterator<Item = &AttemptRecord> {
    let mut unexplained = 0;
    attempts
        .iter()
        .filter(move |attempt| match attempt.outcome {
            // Nobody else kills an encoder and lets av1enc live.
            Some(AttemptEnd::Killed) => true,
            Some(_) => false,
            None => match attempt.job.as_deref().and_then(&fate) {
                Some(fate) => fate == Fate::Memory,
                None => {
                    unexplained += 1;
                    unexplained >= SUSPICIOUS
                }
            },
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::media::Chunk;

    fn attempt(job: Option<&str>, outcome: Option<AttemptEnd>) -> AttemptRecord {
        AttemptRecord {
            host: String::new(),
            pid: 1,
            job: job.map(str::to_owned),
            memory_limit_bytes: None,
            outcome,
        }
    }

    fn needs(attempts: Vec<AttemptRecord>) -> u64 {
        let task = |first: usize, memory_bytes| Task {
            chunks: vec![first..first + 1, first + 1..first + 2],
            frames: 1,
            seconds: 1.0,
            memory_bytes,
        };
        let tasks = Tasks {
            tasks: vec![task(0, 100), task(2, 1000)],
            submissions: Vec::new(),
        };
        let stand = Stand {
            chunk: Chunk {
                index: 1,
                start: 1,
                end: 2,
            },
            record: None,
            attempts,
        };
        let fate = |job: &str| match job {
            "1_0" => Some(Fate::Memory),
            "1_1" => Some(Fate::Other),
            _ => None,
        };
        least_bytes(&stand, &tasks, 70, fate)
    }

    #[test]
    fn only_who_has_died_for_want_of_memory_gets_more() {
        use AttemptEnd::{Failed, Killed};
        assert_eq!(needs(vec![]), 0);
        assert_eq!(needs(vec![attempt(None, Some(Failed))]), 0);
        assert_eq!(needs(vec![attempt(None, Some(Killed))]), 200);
        assert_eq!(needs(vec![attempt(Some("1_0"), None)]), 200);
        assert_eq!(needs(vec![attempt(Some("1_1"), None)]), 0);
        let later = |limit| AttemptRecord {
            memory_limit_bytes: Some(limit),
            ..attempt(Some("1_0"), None)
        };
        let both = vec![later(3000), later(400), attempt(Some("1_1"), None)];
        assert_eq!(needs(both), 6000);
        // Once may be a power cut.
        let unknown = || attempt(Some("9_9"), None);
        assert_eq!(needs(vec![unknown()]), 0);
        assert_eq!(needs(vec![unknown(), attempt(None, None)]), 200);
    }
}
