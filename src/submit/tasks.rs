//! Which chunks become one task. A scheduler's messages are the bottleneck of films with a thousand scenes, so several short
//! ones do; and the longest task begins first, so that nobody waits for it alone in the end.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    film::media::Chunk,
    job::{ChunkRecord, Hints, Task},
};

/// As many finished chunks say what memory one takes. Fewer may all be easy ones.
const ENOUGH: usize = 4;

/// No task is given less memory, in bytes: a shell and the libraries of programs take some in any case.
const LEAST_BYTES: u64 = 256 << 20;

/// What a chunk of a job takes: by what finished ones have taken, else as the host that planned it guesses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// Seconds that a frame takes.
    pub frame_seconds: f64,
    /// Seconds until the first frame of a chunk is there.
    pub start_seconds: f64,
    /// Memory, in bytes, with a margin.
    pub memory_bytes: u64,
}

impl Measure {
    /// By the `hints` of who has planned, and the chunks that are `done`.
    #[must_use]
    pub fn of(hints: &Hints, done: &[&ChunkRecord]) -> Self {
        let frames: u64 = done.iter().map(|record| record.chunk.frames()).sum();
        let seconds: f64 = done.iter().map(|record| record.seconds).sum();
        let peak = done.iter().map(|record| record.peak_memory).max();
        let encoder_bytes = match peak {
            Some(peak) if done.len() >= ENOUGH && peak > 0 => peak,
            _ => hints.encoder_bytes,
        };
        Self {
            frame_seconds: match frames {
                0 => hints.frame_seconds,
                frames => seconds / frames as f64,
            },
            start_seconds: hints.start_seconds,
            memory_bytes: with_margin(encoder_bytes + hints.beside_bytes).max(LEAST_BYTES),
        }
    }

    /// Seconds that a chunk of so many frames takes.
    fn seconds(&self, frames: u64) -> f64 {
        self.start_seconds + self.frame_seconds * frames as f64
    }
}

/// A quarter more: chunks of one film differ by about that.
fn with_margin(bytes: u64) -> u64 {
    bytes + bytes / 4
}

/// A chunk that is not encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Which.
    pub chunk: Chunk,
    /// Memory that it needs at least, in bytes, as far as attempts have shown; 0 where none has died for want of it.
    pub least_bytes: u64,
}

/// How large tasks are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// Seconds that a task has at least, where there are as many.
    pub seconds: f64,
    /// As many tasks may be handed over at once, and no more.
    pub most: usize,
}

/// Makes tasks of missing chunks, which are in the order of the film. Those of one list may take the same
/// memory.
#[must_use]
pub fn pack(missing: &[Missing], measure: &Measure, sizes: Sizes) -> Vec<Vec<Task>> {
    let mut by_memory: BTreeMap<u64, Vec<Chunk>> = BTreeMap::new();
    for one in missing {
        let memory = measure.memory_bytes.max(one.least_bytes);
        by_memory.entry(memory).or_default().push(one.chunk);
    }
    let lists = by_memory.into_iter();
    lists
        .map(|(memory_bytes, chunks)| {
            let measure = Measure {
                memory_bytes,
                ..*measure
            };
            of_one_memory(&chunks, &measure, sizes)
        })
        .collect()
}

/// Tasks of these chunks, the longest one first.
fn of_one_memory(chunks: &[Chunk], measure: &Measure, sizes: Sizes) -> Vec<Task> {
    let mut least = sizes.seconds;
    let mut tasks = loop {
        let tasks = grouped(chunks, measure, least);
        if tasks.len() <= sizes.most.max(1) {
            break tasks;
        }
        least *= 1.25;
    };
    tasks.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    tasks
}

/// Neighbours together until they have so many seconds of work: who reads them in order seeks once.
fn grouped(chunks: &[Chunk], measure: &Measure, least: f64) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    for chunk in chunks {
        let seconds = measure.seconds(chunk.frames());
        if tasks.last().is_none_or(|task| task.seconds >= least) {
            tasks.push(Task {
                chunks: Vec::new(),
                frames: 0,
                seconds: 0.0,
                memory_bytes: measure.memory_bytes,
            });
        }
        if let Some(task) = tasks.last_mut() {
            add(task, chunk.index..chunk.index + 1, chunk.frames(), seconds);
        }
    }
    // What is left at the end may be too little for a task of its own.
    if tasks.len() > 1
        && let Some(rest) = tasks.pop_if(|task| task.seconds < least)
        && let Some(last) = tasks.last_mut()
    {
        for range in rest.chunks {
            add(last, range, 0, 0.0);
        }
        last.frames += rest.frames;
        last.seconds += rest.seconds;
    }
    tasks
}

/// Adds chunks to a task.
fn add(task: &mut Task, chunks: Range<usize>, frames: u64, seconds: f64) {
    match task.chunks.last_mut() {
        Some(last) if last.end == chunks.start => last.end = chunks.end,
        _ => task.chunks.push(chunks),
    }
    task.frames += frames;
    task.seconds += seconds;
}

#[cfg(test)]
mod tests {
    use super::*;

    const HINTS: Hints = Hints {
        encoder_bytes: 600 << 20,
        beside_bytes: 200 << 20,
        threads: 2,
        frame_seconds: 0.5,
        start_seconds: 1.0,
    };

    fn record(index: usize, seconds: f64, peak_memory: u64) -> ChunkRecord {
        let start = 100 * index as u64;
        ChunkRecord {
            chunk: Chunk {
                index,
                start,
                end: start + 100,
            },
            bytes: 1,
            hash: String::new(),
            pictures: String::new(),
            crf: None,
            seconds,
            peak_memory,
            lp: 1,
            encoder: String::new(),
            host: String::new(),
            damage: Vec::new(),
            job: String::new(),
        }
    }

    /// Chunks of so many frames each, one after the other.
    fn missing(frames: &[u64]) -> Vec<Missing> {
        let mut start = 0;
        let chunk = |(index, frames): (usize, &u64)| {
            let chunk = Chunk {
                index,
                start,
                end: start + frames,
            };
            start = chunk.end;
            Missing {
                chunk,
                least_bytes: 0,
            }
        };
        frames.iter().enumerate().map(chunk).collect()
    }

    fn chunks_of(tasks: &[Task]) -> Vec<Vec<usize>> {
        let chunks = |task: &Task| task.chunks.iter().cloned().flatten().collect();
        tasks.iter().map(chunks).collect()
    }

    /// A frame a second, and nothing else.
    const PLAIN: Measure = Measure {
        frame_seconds: 1.0,
        start_seconds: 0.0,
        memory_bytes: 1000,
    };

    #[test]
    fn what_chunks_took_is_believed_more_than_hints() {
        let hinted = Measure::of(&HINTS, &[]);
        assert_eq!((hinted.memory_bytes, hinted.seconds(10)), (1000 << 20, 6.0));
        let record = |n: usize| record(n, 10.0, (97 + n as u64) << 20);
        let records: Vec<_> = (0..4).map(record).collect();
        let some: Vec<&ChunkRecord> = records.iter().collect();
        let measured = Measure::of(&HINTS, &some);
        assert_eq!(measured.seconds(100), 11.0);
        // 100 + 200, and a quarter.
        assert_eq!(measured.memory_bytes, 375 << 20);
        assert_eq!(Measure::of(&HINTS, &some[1..]).memory_bytes, 1000 << 20);
        let small = Hints {
            beside_bytes: 1,
            ..HINTS
        };
        assert_eq!(Measure::of(&small, &some).memory_bytes, LEAST_BYTES);
    }

    #[test]
    fn neighbours_become_one_task_until_they_have_enough_to_do_and_the_longest_is_first() {
        let sizes = Sizes {
            seconds: 30.0,
            most: 1001,
        };
        let all = missing(&[10, 10, 10, 90, 20, 9, 5, 1]);
        let [tasks] = pack(&all, &PLAIN, sizes).try_into().unwrap();
        assert_eq!(
            chunks_of(&tasks),
            [vec![3], vec![4, 5, 6, 7], vec![0, 1, 2]]
        );
        assert_eq!(
            (tasks[1].frames, tasks[1].seconds, tasks[1].memory_bytes),
            (35, 35.0, 1000)
        );
        // Two are done: what is between them is no neighbour.
        let some: Vec<Missing> = [0, 2, 4].map(|n| all[n]).into();
        let [tasks] = pack(&some, &PLAIN, sizes).try_into().unwrap();
        assert_eq!(tasks[0].chunks, [0..1, 2..3, 4..5]);
        assert!(pack(&[], &PLAIN, sizes).is_empty());
    }

    #[test]
    fn there_are_never_more_tasks_than_the_scheduler_takes_and_no_chunk_is_lost() {
        let frames: Vec<u64> = (0..1000).map(|n| 1 + n * 7919 % 50).collect();
        for most in [1, 7, 999, 1001] {
            let sizes = Sizes { seconds: 1.0, most };
            let [tasks] = pack(&missing(&frames), &PLAIN, sizes).try_into().unwrap();
            assert!(tasks.len() <= most, "{} of {most}", tasks.len());
            let ranges = tasks.iter().flat_map(|task| task.chunks.clone());
            let mut all: Vec<usize> = ranges.flatten().collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..1000));
            let sum: u64 = tasks.iter().map(|task| task.frames).sum();
            assert_eq!(sum, frames.iter().sum::<u64>());
            assert!(tasks.is_sorted_by(|a, b| a.seconds >= b.seconds));
        }
    }

    #[test]
    fn a_chunk_that_needs_more_memory_than_others_is_in_a_list_of_its_own() {
        let mut all = missing(&[10, 10, 10]);
        all[1].least_bytes = 2000;
        // It is less than what all get by now.
        all[2].least_bytes = 600;
        let sizes = Sizes {
            seconds: 100.0,
            most: 10,
        };
        let [plain, doubled] = pack(&all, &PLAIN, sizes).try_into().unwrap();
        assert_eq!(chunks_of(&plain), [vec![0, 2]]);
        assert_eq!(chunks_of(&doubled), [vec![1]]);
        assert_eq!(
            (plain[0].memory_bytes, doubled[0].memory_bytes),
            (1000, 2000)
        );
    }
}
