//! The scenes that wait for a worker, and which of them is next.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{cli::ChunkOrder, film::media::Chunk};

/// How often a chunk is tried.
pub const TRIES: u32 = 3;
/// Pause before a second try; doubled before the third.
const BACK_OFF: Duration = Duration::from_millis(500);

/// A scene, as far as detection has told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene {
    /// Its place in the film, from 0.
    pub index: usize,
    /// Its first frame.
    pub start: u64,
    /// The frame before which it ends, once that is known.
    pub end: Option<u64>,
}

impl Scene {
    /// A scene whose end is known.
    #[must_use]
    pub fn ended(chunk: Chunk) -> Self {
        Self {
            index: chunk.index,
            start: chunk.start,
            end: Some(chunk.end),
        }
    }

    /// Its frames, as people read them: the last one included.
    #[must_use]
    pub fn frames(&self) -> String {
        match self.end {
            Some(end) => format!("frames {} to {}", self.start, end - 1),
            None => format!("frames from {} on", self.start),
        }
    }
}

/// A scene that waits for a worker.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// The scene.
    pub scene: Scene,
    /// How often it was tried.
    pub tries: u32,
    not_before: Option<Instant>,
    /// Whether it is certain that no earlier run has encoded it.
    is_new: bool,
}

/// All scenes that wait.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: BTreeMap<usize, Waiting>,
    order: ChunkOrder,
}

impl Queue {
    /// Nothing waits yet; this is the `order` in which it will be taken.
    #[must_use]
    pub fn new(order: ChunkOrder) -> Self {
        Self {
            waiting: BTreeMap::new(),
            order,
        }
    }

    /// A scene begins; `is_new` if it is certain already that no earlier run has encoded it.
    pub fn begin(&mut self, scene: Scene, is_new: bool) {
        self.waiting.insert(
            scene.index,
            Waiting {
                scene,
                tries: 0,
                not_before: None,
                is_new,
            },
        );
    }

    /// A scene that waits has turned out to be this chunk, and is to be encoded.
    pub fn end(&mut self, chunk: Chunk) {
        if let Some(waiting) = self.waiting.get_mut(&chunk.index) {
            waiting.scene = Scene::ended(chunk);
            waiting.is_new = true;
        }
    }

    /// The scene with this index needs no worker any more.
    pub fn remove(&mut self, index: usize) -> Option<Waiting> {
        self.waiting.remove(&index)
    }

    /// A scene that was tried waits again, for as long as the number of its `tries` demands.
    pub fn retry(&mut self, scene: Scene, tries: u32, now: Instant) {
        let pause = BACK_OFF * 2_u32.pow(tries.saturating_sub(1));
        self.waiting.insert(
            scene.index,
            Waiting {
                scene,
                tries,
                not_before: Some(now + pause),
                is_new: true,
            },
        );
    }

    /// A scene waits again that somebody else encodes: until it is looked at again.
    pub fn leave(&mut self, scene: Scene, tries: u32, until: Instant) {
        self.waiting.insert(
            scene.index,
            Waiting {
                scene,
                tries,
                not_before: Some(until),
                is_new: true,
            },
        );
    }

    /// A scene waits again that was stopped without any fault of its encoder: after so many `tries` as before.
    pub fn put_back(&mut self, scene: Scene, tries: u32) {
        self.waiting.insert(
            scene.index,
            Waiting {
                scene,
                tries,
                not_before: None,
                is_new: true,
            },
        );
    }

    /// The scene that is encoded next, of those that `may` be. One whose end is not known comes last, unless they go in
    /// sequence.
    #[must_use]
    pub fn next(&self, now: Instant, may: impl Fn(usize) -> bool) -> Option<usize> {
        let is_ready = |waiting: &&Waiting| {
            waiting.is_new
                && waiting.not_before.is_none_or(|then| then <= now)
                && may(waiting.scene.index)
        };
        let ready = self
            .waiting
            .values()
            .filter(is_ready)
            .map(|waiting| &waiting.scene);
        ready
            .max_by_key(|scene| (self.rank(scene), Reverse(scene.index)))
            .map(|scene| scene.index)
    }

    /// How early a scene is taken: the larger, the earlier.
    fn rank(&self, scene: &Scene) -> u64 {
        // Odd, and so a different number for every index (Knuth, The Art of Computer Programming 3, 6.4).
        const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
        let Some(end) = scene.end else { return 0 };
        match self.order {
            ChunkOrder::LongToShort => end - scene.start,
            ChunkOrder::ShortToLong => u64::MAX - (end - scene.start),
            ChunkOrder::Sequential => 0,
            ChunkOrder::Random => (scene.index as u64 + 1).wrapping_mul(SCATTER),
        }
    }

    /// The indexes of all scenes that wait.
    pub fn indexes(&self) -> impl Iterator<Item = usize> {
        self.waiting.keys().copied()
    }

    /// How many scenes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no scene waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(index: usize, start: u64, end: Option<u64>) -> Scene {
        Scene { index, start, end }
    }

    fn all(_: usize) -> bool {
        true
    }

    #[test]
    fn a_scene_that_has_to_wait_for_others_is_passed_over() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.begin(scene(0, 0, Some(10)), true);
        queue.begin(scene(1, 10, Some(40)), true);
        assert_eq!(queue.next(now, |index| index < 1), Some(0));
        assert_eq!(queue.next(now, |_| false), None);
    }

    #[test]
    fn the_longest_scene_is_next_and_one_that_is_open_comes_last() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.begin(scene(0, 0, Some(10)), true);
        queue.begin(scene(1, 10, Some(40)), true);
        queue.begin(scene(2, 40, Some(70)), true);
        queue.begin(scene(3, 70, None), true);
        let mut order = Vec::new();
        while let Some(index) = queue.next(now, all) {
            queue.remove(index);
            order.push(index);
        }
        assert_eq!(order, [1, 2, 0, 3]);
    }

    #[test]
    fn scenes_go_in_the_order_that_is_wanted() {
        let now = Instant::now();
        for (wanted, taken) in [
            (ChunkOrder::LongToShort, [1, 0, 2, 3]),
            (ChunkOrder::ShortToLong, [2, 0, 1, 3]),
            (ChunkOrder::Sequential, [0, 1, 2, 3]),
        ] {
            let mut queue = Queue::new(wanted);
            for (index, start, end) in [
                (0, 0, Some(10)),
                (1, 10, Some(40)),
                (2, 40, Some(45)),
                (3, 45, None),
            ] {
                queue.begin(scene(index, start, end), true);
            }
            for index in taken {
                assert_eq!(queue.next(now, all), Some(index), "{wanted:?}");
                queue.remove(index);
            }
        }
    }

    #[test]
    fn a_scene_that_an_earlier_run_may_have_encoded_waits_until_its_end_is_known() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.begin(scene(0, 0, None), false);
        assert_eq!(queue.next(now, all), None);
        queue.end(Chunk {
            index: 0,
            start: 0,
            end: 9,
        });
        assert_eq!(queue.next(now, all), Some(0));
    }

    #[test]
    fn every_further_try_waits_twice_as_long_and_what_was_put_back_does_not() {
        let now = Instant::now();
        for (tries, pause) in [(1, 500), (2, 1000)] {
            let mut queue = Queue::default();
            queue.retry(scene(0, 0, Some(5)), tries, now);
            assert_eq!(
                queue.next(now + Duration::from_millis(pause - 1), all),
                None
            );
            assert_eq!(queue.next(now + Duration::from_millis(pause), all), Some(0));
            queue.put_back(scene(0, 0, Some(5)), tries);
            assert_eq!(queue.next(now, all), Some(0));
        }
    }
}
