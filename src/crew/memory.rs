//! What memory allows while encoders run: what each takes, how many more fit, and whom to stop when it is short.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::facts::Seen;
use crate::{
    os::machine::Machine,
    plan::workers::{Load, reserve},
    settings::MemoryLimit,
};

/// A change of what memory allows that lasts so long is said; and so long after an encoder was stopped, memory is looked
/// at before the next one is.
const LASTING: Duration = Duration::from_secs(1);
/// How often the only encoder is stopped for want of memory: where that does not help, stopping it again and again would
/// never end, and it may fit after all.
const LONE_STOPS: usize = 2;
/// How long no encoder at all may run for want of memory, before one is tried in spite of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is known of memory, and what was done for want of it.
#[derive(Debug)]
pub struct Memory {
    /// What a worker takes.
    pub appetite: Appetite,
    budget: Budget,
    told: Told,
    last_stop: Option<Instant>,
    /// How often the encoder that was stopped was the only one.
    lone_stops: usize,
}

/// How many workers memory allows, so that a change is told once it lasts.
#[derive(Debug)]
struct Told {
    told: usize,
    now: usize,
    since: Instant,
}

impl Memory {
    /// For `most` workers of this `appetite`, which begin `now`.
    #[must_use]
    pub fn new(appetite: Appetite, budget: Budget, most: usize, now: Instant) -> Self {
        let told = Told {
            told: most,
            now: most,
            since: now,
        };
        Self {
            appetite,
            budget,
            told,
            last_stop: None,
            lone_stops: 0,
        }
    }

    /// Judges `seen`, where encoders run as `running` tells and the next one would have `lp`. See [`Budget::judge`].
    #[must_use]
    pub fn judge(&self, seen: Seen, running: &[Footprint], most: usize, lp: u32) -> Verdict {
        self.budget
            .judge(seen, running, most, self.appetite.bytes_each(lp))
    }

    /// Whether one encoder may start in spite of all that was seen: one must always run. After a stop for memory, the
    /// pages that it has freed must have had time to show up.
    #[must_use]
    pub fn must_try(&self, now: Instant) -> bool {
        self.last_stop
            .is_none_or(|last| now.saturating_duration_since(last) >= PATIENCE)
    }

    /// Whether an encoder is to be stopped now, of `alive` that run, where so little is left that something must go.
    /// Counts it as stopped.
    pub fn stop_one(&mut self, verdict: &Verdict, alive: usize, now: Instant) -> bool {
        let too_soon = self
            .last_stop
            .is_some_and(|last| now.saturating_duration_since(last) < LASTING);
        let is_lone = alive == 1;
        let stop = alive > 1 || is_lone && verdict.last_resort && self.lone_stops < LONE_STOPS;
        if too_soon || !stop {
            return false;
        }
        self.lone_stops += usize::from(is_lone);
        self.last_stop = Some(now);
        true
    }

    /// Memory allows `allowed` workers now. Returns how many were told of before, if that is news.
    pub fn is_news(&mut self, allowed: usize, now: Instant) -> Option<usize> {
        if allowed != self.told.now {
            self.told.now = allowed;
            self.told.since = now;
        }
        let lasts = now.saturating_duration_since(self.told.since) >= LASTING;
        (self.told.told != allowed && lasts)
            .then(|| std::mem::replace(&mut self.told.told, allowed))
    }
}

/// What a worker of this run takes: first what was measured elsewhere, then what is measured here.
#[derive(Debug)]
pub struct Appetite {
    load: Load,
    /// By lp: the highest peak of an encoder, in bytes, and whether one of them was past its lookahead.
    peaks: BTreeMap<u32, (u64, bool)>,
}

/// An encoder that has seen so many frames takes no more memory for more of them: the longest lookahead of SVT-AV1, and a
/// group of pictures.
const PAST_LOOKAHEAD: u64 = 120 + 32;
/// So many times the highest peak that was seen is expected of an encoder of the same film: the heaviest scene may come later.
/// Chosen. Without it, one encoder too many may be started, which is stopped when memory runs short, and loses its work; with twice
/// the margin, one in ten fewer fit.
const SPREAD: f64 = 1.1;

impl Appetite {
    /// Nothing is measured yet.
    #[must_use]
    pub fn new(load: Load) -> Self {
        Self {
            load,
            peaks: BTreeMap::new(),
        }
    }

    /// An encoder with `lp` took `peak` bytes for `frames` frames.
    pub fn learn(&mut self, lp: u32, peak: u64, frames: u64) {
        let (highest, full) = self.peaks.entry(lp).or_default();
        *highest = peak.max(*highest);
        *full |= frames >= PAST_LOOKAHEAD;
    }

    /// Expected peak memory of an encoder with this `lp` and its decoder, in bytes: what was measured here, once an
    /// encoder was past its lookahead; before, never less than what was measured elsewhere.
    #[must_use]
    pub fn bytes_each(&self, lp: u32) -> u64 {
        let prior = self.load.worker(lp);
        match self.peaks.get(&lp) {
            None => prior,
            Some((peak, full)) => {
                let measured = (*peak as f64 * SPREAD) as u64 + self.load.decoder();
                if *full { measured } else { measured.max(prior) }
            }
        }
    }

    /// The `lp` for one of the last chunks of a film: the cores are shared among it, those that are left, and those that
    /// end meanwhile.
    #[must_use]
    pub fn lp_for_one_of_the_last(
        &self,
        cores: usize,
        most: usize,
        left: usize,
        usual: u32,
    ) -> u32 {
        if left >= most {
            return usual;
        }
        let share = 2.0 * cores as f64 / (most + left) as f64;
        let enough = |lp: &u32| self.load.busy_cores(*lp) >= share.min(cores as f64);
        (usual..=self.load.encoder.max_lp())
            .find(enough)
            .unwrap_or(usual)
    }
}

/// What a worker takes of memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// What its encoder takes now.
    pub now: u64,
    /// What it may come to.
    pub expected: u64,
}

/// How much more may run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Workers that there is room for beside those that run.
    pub more: usize,
    /// Bytes that frames may take that wait for an encoder.
    pub shelf: u64,
    /// So little is left that something must be given up before the kernel chooses.
    pub alarm: bool,
    /// So little that even the only encoder must be stopped.
    pub last_resort: bool,
    /// Bytes that are left, the reserve included; `None` if nothing limits them.
    pub left: Option<u64>,
}

/// What must be left at any time, and what the run may take in all.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    limit: MemoryLimit,
    reserve: u64,
    /// Bytes of frames that are worth holding, and without which a frame could never reach its encoder but by a decoder
    /// of its own, which takes more.
    shelf: u64,
    least_shelf: u64,
    /// What will do where there is one encoder, which takes frames as they come.
    lean_shelf: u64,
    /// Whether little more than one encoder fits.
    lean: bool,
}

/// Frames of a scene that wait while others are encoded, on average.
const WAITING_FRAMES: u64 = 120;
/// Frames that the detector looks ahead at, and as many as an encoder takes while the scout waits.
const LEAST_FRAMES: u64 = 16;
/// Frames that the detector looks ahead at, and two on their way.
const LEAN_FRAMES: u64 = 9;
/// From this pressure on, in percent, memory is short although some is left.
const PRESSED: f64 = 10.0;

impl Budget {
    /// A budget for `most` workers on `machine` as it is before the run; a frame that waits takes `frame_bytes`.
    #[must_use]
    pub fn new(limit: MemoryLimit, machine: Machine, most: usize, frame_bytes: u64) -> Self {
        let shelf = frame_bytes * WAITING_FRAMES * (most as u64 + 1);
        let least_shelf = frame_bytes * LEAST_FRAMES;
        Self {
            limit,
            reserve: machine.memory.map_or(0, reserve),
            shelf,
            least_shelf,
            lean_shelf: frame_bytes * LEAN_FRAMES,
            lean: false,
        }
    }

    /// The same where little more than one encoder fits. To stop the only one, or to let its frames go, would take more: they
    /// would be decoded again, by another decoder.
    #[must_use]
    pub fn lean(self) -> Self {
        Self {
            least_shelf: self.lean_shelf,
            lean: true,
            ..self
        }
    }

    /// Judges how much may run beside what was `seen`. The `running` workers come first, then those that are missing to
    /// `most`, each of `next` bytes, then frames that wait.
    #[must_use]
    pub fn judge(&self, seen: Seen, running: &[Footprint], most: usize, next: u64) -> Verdict {
        let Seen { machine, own, held } = seen;
        let unlimited = Verdict {
            more: usize::MAX,
            shelf: self.shelf,
            alarm: false,
            last_resort: false,
            left: None,
        };
        let (left, allowed) = match self.limit {
            MemoryLimit::None => return unlimited,
            MemoryLimit::Available => (machine.memory, None),
            MemoryLimit::Bytes(limit) => (machine.memory, Some(limit.saturating_sub(own))),
        };
        let beyond_reserve = left.map(|left| left.saturating_sub(self.reserve));
        let Some(usable) = beyond_reserve.into_iter().chain(allowed).min() else {
            return unlimited;
        };
        let pressed =
            machine.pressure >= PRESSED && left.is_some_and(|left| left < 2 * self.reserve);
        let growth: u64 = running
            .iter()
            .map(|worker| worker.expected.saturating_sub(worker.now))
            .sum();
        let free = usable.saturating_sub(growth);
        let missing = most.saturating_sub(running.len()) as u64;
        let is_short =
            pressed || left.is_some_and(|left| left < self.reserve / 2) || allowed == Some(0);
        let is_alone = self.lean && running.len() <= 1;
        let alarm = is_short && !is_alone;
        Verdict {
            last_resort: !is_alone && left.is_some_and(|left| left < self.reserve / 4),
            more: if pressed {
                0
            } else {
                usize::try_from(free / next.max(1)).unwrap_or(usize::MAX)
            },
            shelf: if alarm {
                0
            } else {
                self.shelf.min(held + free.saturating_sub(missing * next))
            }
            .max(self.least_shelf),
            alarm,
            left: left.into_iter().chain(allowed).min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::workers::examples::{GIB, HD, load, machine};

    #[test]
    fn what_is_measured_replaces_the_table_once_an_encoder_is_past_its_lookahead() {
        let mut appetite = Appetite::new(load(HD));
        let prior = appetite.bytes_each(1);
        appetite.learn(1, 100 << 20, 60);
        assert_eq!(
            appetite.bytes_each(1),
            prior,
            "a short chunk takes less than a long one"
        );
        appetite.learn(1, 3 * GIB, 10);
        assert!(
            appetite.bytes_each(1) > 3 * GIB,
            "more than expected is believed at once"
        );
        let mut appetite = Appetite::new(load(HD));
        appetite.learn(1, 300 << 20, 240);
        assert!(appetite.bytes_each(1) < prior && appetite.bytes_each(1) > 300 << 20);
        assert_eq!(
            appetite.bytes_each(2),
            load(HD).worker(2),
            "another lp is another thing"
        );
    }

    #[test]
    fn the_last_chunks_get_the_cores_that_would_be_idle() {
        let appetite = Appetite::new(load(HD));
        let lp = |left| appetite.lp_for_one_of_the_last(24, 24, left, 1);
        assert_eq!([30, 24, 12, 1].map(lp), [1, 1, 2, 2]);
        assert_eq!(appetite.lp_for_one_of_the_last(2, 2, 1, 1), 2);
        assert_eq!(appetite.lp_for_one_of_the_last(24, 2, 1, 5), 6);
    }

    const EACH: u64 = 2 * GIB;

    fn seen(machine: Machine) -> Seen {
        Seen {
            machine,
            own: 0,
            held: 0,
        }
    }

    /// A machine of 12 GiB on which others come and go, seen every quarter of a second.
    struct Simulation {
        budget: Budget,
        /// Of each worker, oldest first.
        workers: Vec<u64>,
        others: u64,
    }

    impl Simulation {
        const MOST: usize = 4;

        fn new() -> Self {
            let budget = Budget::new(MemoryLimit::Available, machine(8, 12), Self::MOST, 4 << 20);
            Self {
                budget,
                workers: Vec::new(),
                others: 0,
            }
        }

        fn left(&self) -> u64 {
            (12 * GIB)
                .checked_sub(self.others + self.workers.iter().sum::<u64>())
                .expect("the kernel kills somebody")
        }

        /// As the supervisor does; each worker then grows by a quarter of a GiB. Returns how many there are.
        fn steps(&mut self, steps: usize) -> usize {
            for _ in 0..steps {
                let running: Vec<Footprint> = self
                    .workers
                    .iter()
                    .map(|now| Footprint {
                        now: *now,
                        expected: EACH,
                    })
                    .collect();
                let machine = Machine {
                    memory: Some(self.left()),
                    ..machine(8, 12)
                };
                let verdict = self.budget.judge(seen(machine), &running, Self::MOST, EACH);
                if verdict.alarm && self.workers.len() > 1 {
                    self.workers.pop();
                } else if verdict.more > 0 && self.workers.len() < Self::MOST {
                    self.workers.push(0);
                }
                self.workers
                    .iter_mut()
                    .for_each(|now| *now = (*now + GIB / 4).min(EACH));
                self.left();
            }
            self.workers.len()
        }
    }

    #[test]
    fn workers_come_and_go_with_the_memory_that_others_leave() {
        let mut machine = Simulation::new();
        assert_eq!(machine.steps(40), 4, "eight of twelve GiB");
        // Takes what is left but half a GiB, and goes on.
        machine.others = machine.left() - GIB / 2;
        assert_eq!(machine.steps(8), 3);
        machine.others += machine.left() - GIB / 2;
        assert_eq!(machine.steps(8), 2);
        machine.others -= 2 * GIB;
        assert_eq!(
            machine.steps(20),
            3,
            "room for one more, with what is kept for the machine"
        );
        machine.others = 0;
        assert_eq!(machine.steps(20), 4);
        machine.others = machine.left() - GIB / 4;
        machine.steps(4);
        machine.others += machine.left() - GIB / 4;
        assert_eq!((machine.steps(2), machine.steps(1)), (2, 2));
    }

    #[test]
    fn growth_that_is_still_to_come_is_kept_free() {
        let budget = Budget::new(MemoryLimit::Available, machine(8, 12), 4, 1 << 20);
        let judge = |now, most| {
            let machine = Machine {
                memory: Some(6 * GIB),
                ..machine(8, 12)
            };
            budget.judge(
                seen(machine),
                &[Footprint {
                    now,
                    expected: EACH,
                }; 2],
                most,
                EACH,
            )
        };
        assert_eq!((judge(EACH, 4).more, judge(0, 4).more), (2, 0));
        assert_eq!(
            judge(0, 4).shelf,
            16 << 20,
            "workers that are missing come first"
        );
        assert_eq!(
            judge(0, 2).shelf,
            1 << 29,
            "half a GiB beyond the reserve and the growth is nobody's"
        );
        assert_eq!(
            judge(EACH, 2).shelf,
            (5 * 120) << 20,
            "as much as is of use"
        );
    }

    #[test]
    fn a_limit_of_the_users_counts_all_of_the_run() {
        let budget = Budget::new(MemoryLimit::Bytes(5 * GIB), machine(8, 64), 4, 1 << 20);
        let judge = |own| {
            budget.judge(
                Seen {
                    own,
                    ..seen(machine(8, 60))
                },
                &[Footprint {
                    now: EACH,
                    expected: EACH,
                }],
                4,
                EACH,
            )
        };
        assert_eq!([3 * GIB, 7 * GIB / 2].map(|own| judge(own).more), [1, 0]);
        assert_eq!(
            [3 * GIB, 5 * GIB].map(|own| judge(own).alarm),
            [false, true]
        );
        assert!(!judge(5 * GIB).last_resort, "the kernel would kill nobody");
        let none = Budget::new(MemoryLimit::None, machine(8, 1), 4, 1 << 20);
        let verdict = none.judge(
            Seen {
                own: GIB,
                ..seen(machine(8, 0))
            },
            &[],
            4,
            EACH,
        );
        assert_eq!((verdict.more, verdict.alarm), (usize::MAX, false));
    }

    #[test]
    fn pressure_counts_only_where_little_is_left() {
        let budget = Budget::new(MemoryLimit::Available, machine(8, 12), 4, 1 << 20);
        let judge = |gib| {
            budget.judge(
                seen(Machine {
                    pressure: 40.0,
                    ..machine(8, gib)
                }),
                &[],
                4,
                GIB,
            )
        };
        assert!(judge(2).alarm && judge(2).more == 0);
        assert!(!judge(8).alarm && judge(8).more > 0);
        assert_eq!([2, 0].map(|gib| judge(gib).last_resort), [false, true]);
    }
    fn memory(at: Instant) -> Memory {
        let budget = Budget::new(MemoryLimit::Available, machine(8, 12), 4, 1 << 20);
        Memory::new(Appetite::new(load(HD)), budget, 4, at)
    }

    #[test]
    fn encoders_are_stopped_one_a_second_and_the_last_one_only_twice() {
        let start = Instant::now();
        let mut memory = memory(start);
        let short = memory.judge(
            seen(Machine {
                memory: Some(GIB / 8),
                ..machine(8, 12)
            }),
            &[],
            4,
            1,
        );
        assert!(short.alarm && short.last_resort);
        let mut stop = |alive, tenths: u64| {
            memory.stop_one(&short, alive, start + Duration::from_millis(tenths * 100))
        };
        assert_eq!([stop(3, 0), stop(2, 9), stop(2, 10)], [true, false, true]);
        assert_eq!(
            [stop(0, 20), stop(1, 20), stop(1, 30), stop(1, 40)],
            [false, true, true, false]
        );
        assert!(stop(2, 50), "of two, one can always go");
        let mild = Verdict {
            last_resort: false,
            ..short
        };
        assert!(!self::memory(start).stop_one(&mild, 1, start));
        assert!(!memory.must_try(start + Duration::from_secs(24)));
        assert!(memory.must_try(start + Duration::from_secs(25)));
    }

    #[test]
    fn a_change_is_news_once_it_lasts() {
        let start = Instant::now();
        let mut memory = memory(start);
        let mut news = |allowed, tenths: u64| {
            memory.is_news(allowed, start + Duration::from_millis(tenths * 100))
        };
        assert_eq!(
            [news(4, 5), news(2, 10), news(3, 15), news(3, 24)],
            [None; 4]
        );
        assert_eq!([news(3, 25), news(3, 30)], [Some(4), None]);
    }
}
