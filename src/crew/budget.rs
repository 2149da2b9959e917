//! How much may run: cores and memory of the machine, the workers that fit, and what changes while they run.

use std::{collections::BTreeMap, fs, path::Path, thread};

use serde::Serialize;

use crate::{config::MemoryLimit, encoder::Identity, process::kib_field, words::gib};

/// What the machine offers now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Processors that this process may use.
    pub cores: usize,
    /// Bytes of memory that can be used without taking it from anybody: the least of what the system has available and
    /// what is left in each memory cgroup above us. `None` where the system does not say.
    pub memory: Option<u64>,
    /// Percentage of the last ten seconds in which nothing could run for want of memory (PSI, `full avg10`), where the
    /// kernel says.
    pub pressure: f64,
}

/// What is encoded, as far as it decides about memory.
#[derive(Debug, Clone)]
pub struct Load {
    /// The encoder.
    pub encoder: Identity,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// The encoder's preset.
    pub preset: i32,
}

/// Frames that a decoder, VapourSynth and the pipe hold for one chunk: 16 references of HEVC, and some on the way.
const FRAMES_HELD: u64 = 24;
/// The same for the scout and this program itself: 0.9 GiB were seen at 2160p, and at least so many wait for a worker.
const SCOUT_FRAMES: u64 = 36;
/// Bytes per pixel of 4:2:0 at 10 bit.
const BYTES_PER_PIXEL: u64 = 3;

impl Load {
    fn pixels(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }

    /// Memory of a decoder, in bytes.
    fn decoder(&self) -> u64 {
        self.pixels() * BYTES_PER_PIXEL * FRAMES_HELD
    }

    /// Memory of the scout and its frames, in bytes.
    fn scout(&self) -> u64 {
        self.pixels() * BYTES_PER_PIXEL * SCOUT_FRAMES
    }

    /// Expected peak memory of a worker at this `lp`, in bytes: encoder and decoder.
    fn worker(&self, lp: u32) -> u64 {
        self.encoder.memory_estimate(self.size.0, self.size.1, self.preset, lp) + self.decoder()
    }

    fn busy_cores(&self, lp: u32) -> f64 {
        self.encoder.busy_cores(lp)
    }
}

/// The choice of workers, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workers {
    /// Encoders that fit now.
    pub workers: usize,
    /// Encoders at once, when there is memory for them.
    pub most: usize,
    /// Level of parallelism of each.
    pub lp: u32,
    /// Expected peak memory of one encoder and its decoder, in bytes.
    pub bytes_each: u64,
    /// One sentence for a person.
    pub reason: String,
}

/// What the user demands of the workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demands {
    /// Encoders at once.
    pub workers: Option<usize>,
    /// Level of parallelism of each.
    pub lp: Option<u32>,
    /// Memory of the whole run.
    pub memory: MemoryLimit,
}

/// What is left for the rest of the machine: an eighth, but at least 256 MiB and at most 2 GiB.
fn reserve(memory: u64) -> u64 {
    (memory / 8).clamp(256 << 20, 2 << 30)
}

/// Chooses workers and lp for the most cores kept busy within memory. What the user demands is kept, but never more
/// workers than fit, unless memory is not to be looked at.
///
/// `likely_chunks` tells how many chunks there can be: a film of one chunk is encoded by one worker.
#[must_use]
pub fn choose(machine: Machine, load: &Load, likely_chunks: u64, demands: Demands) -> Workers {
    let free = machine.memory.map(|memory| memory.saturating_sub(reserve(memory)));
    let usable = match demands.memory {
        MemoryLimit::None => None,
        MemoryLimit::Available => free,
        MemoryLimit::Bytes(limit) => Some(free.map_or(limit, |free| free.min(limit))),
    };
    let usable = usable.map(|usable| usable.saturating_sub(load.scout()));
    let fitting = |lp: u32| {
        usable.map_or(usize::MAX, |usable| usize::try_from(usable / load.worker(lp)).unwrap_or(usize::MAX)).max(1)
    };
    let cores = machine.cores.max(1);
    let lps = match demands.lp {
        Some(lp) => lp..=lp,
        None => 1..=load.encoder.max_lp(),
    };
    let least = *lps.start();
    let mut best: Option<(f64, usize, usize, u32)> = None;
    // Where not even one fits, the smallest has to do.
    for lp in lps.filter(|lp| *lp == least || usable.is_none_or(|usable| load.worker(*lp) <= usable)) {
        let busy = load.busy_cores(lp);
        let useful = (cores as f64 / busy).ceil().max(1.0) as usize;
        let chunks = usize::try_from(likely_chunks.max(1)).unwrap_or(usize::MAX);
        let most = demands.workers.unwrap_or_else(|| useful.min(chunks).min(load.encoder.most_at_once())).max(1);
        let workers = most.min(fitting(lp));
        // A little is lost with every level: threads of one encoder wait for each other.
        let gain = (workers as f64 * busy).min(cores as f64) * (1.0 - 0.03 * f64::from(lp - 1));
        if best.is_none_or(|(best, ..)| gain > best + 1e-9) {
            best = Some((gain, workers, most, lp));
        }
    }
    let (_, workers, most, lp) = best.unwrap_or((0.0, 1, 1, 1));
    let each = load.worker(lp);
    let memory = match (demands.memory, machine.memory) {
        (MemoryLimit::None, _) => "no look at memory, as asked".to_owned(),
        (MemoryLimit::Bytes(limit), _) if usable.is_some_and(|usable| usable + load.scout() == limit) => {
            format!("{} of memory allowed", gib(limit))
        }
        (_, Some(memory)) => format!("{} of memory free", gib(memory)),
        (_, None) => "unknown memory".to_owned(),
    };
    let mut reason = format!("{cores} cores and {memory}, about {} for each worker", gib(each));
    match demands.workers {
        Some(wanted) if wanted > workers => reason.push_str(&format!("; {wanted} were asked for, {workers} fit now")),
        None if workers < most => reason.push_str(&format!("; memory is the limit, else there would be {most}")),
        None if lp > 1 && demands.lp.is_none() && fitting(1) < cores => {
            reason.push_str("; fewer workers of more threads, for want of memory");
        }
        _ => (),
    }
    if usable.is_some_and(|usable| usable < each) {
        reason.push_str("; even one may be too many");
    }
    Workers { workers, most, lp, bytes_each: each, reason }
}

/// What a worker of this run takes: first what was measured elsewhere, then what is measured here.
#[derive(Debug)]
pub struct Appetite {
    load: Load,
    /// By lp: the highest peak of an encoder, in bytes, and whether one of them was past its lookahead.
    seen: BTreeMap<u32, (u64, bool)>,
}

/// An encoder that has seen so many frames takes no more memory for more of them: the longest lookahead of SVT-AV1, and a
/// group of pictures.
const PAST_LOOKAHEAD: u64 = 120 + 32;
/// Encoders of the same film differ by so much.
const SPREAD: f64 = 1.1;

impl Appetite {
    /// Nothing is measured yet.
    #[must_use]
    pub fn new(load: Load) -> Self {
        Self { load, seen: BTreeMap::new() }
    }

    /// An encoder with `lp` took `peak` bytes for `frames` frames.
    pub fn learn(&mut self, lp: u32, peak: u64, frames: u64) {
        let (highest, full) = self.seen.entry(lp).or_default();
        *highest = peak.max(*highest);
        *full |= frames >= PAST_LOOKAHEAD;
    }

    /// Expected peak memory of an encoder with this `lp` and its decoder, in bytes: what was measured here, once an
    /// encoder was past its lookahead; before, never less than what was measured elsewhere.
    #[must_use]
    pub fn worker(&self, lp: u32) -> u64 {
        let prior = self.load.worker(lp);
        match self.seen.get(&lp) {
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
    pub fn lp_for_one_of_the_last(&self, cores: usize, most: usize, left: usize, usual: u32) -> u32 {
        if left >= most {
            return usual;
        }
        let share = 2.0 * cores as f64 / (most + left) as f64;
        let enough = |lp: &u32| self.load.busy_cores(*lp) >= share.min(cores as f64);
        (usual..=self.load.encoder.max_lp()).find(enough).unwrap_or(usual)
    }
}

/// A worker's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worker {
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
    /// And be it the only encoder.
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
}

/// Frames of a scene that wait while others are encoded, on average.
const WAITING_FRAMES: u64 = 120;
/// Frames that the detector looks ahead at, and as many as an encoder takes while the scout waits.
const LEAST_FRAMES: u64 = 16;
/// From this pressure on, in percent, memory is short although some is left.
const PRESSED: f64 = 10.0;

impl Budget {
    /// A budget for `most` workers on `machine` as it is before the run; a frame that waits takes `frame_bytes`.
    #[must_use]
    pub fn new(limit: MemoryLimit, machine: Machine, most: usize, frame_bytes: u64) -> Self {
        let shelf = frame_bytes * WAITING_FRAMES * (most as u64 + 1);
        let least_shelf = frame_bytes * LEAST_FRAMES;
        Self { limit, reserve: machine.memory.map_or(0, reserve), shelf, least_shelf }
    }

    /// Judges how much may run on `machine` as it is now, where this run takes `own` bytes in all, of which `held` are
    /// frames that wait. Its `running` workers come first, then those that are missing to `most`, each of `next` bytes,
    /// then frames that wait.
    #[must_use]
    pub fn judge(&self, machine: Machine, own: u64, held: u64, running: &[Worker], most: usize, next: u64) -> Verdict {
        let unlimited = Verdict { more: usize::MAX, shelf: self.shelf, alarm: false, last_resort: false, left: None };
        let (left, allowed) = match self.limit {
            MemoryLimit::None => return unlimited,
            MemoryLimit::Available => (machine.memory, None),
            MemoryLimit::Bytes(limit) => (machine.memory, Some(limit.saturating_sub(own))),
        };
        let beyond_reserve = left.map(|left| left.saturating_sub(self.reserve));
        let Some(usable) = beyond_reserve.into_iter().chain(allowed).min() else { return unlimited };
        let pressed = machine.pressure >= PRESSED && left.is_some_and(|left| left < 2 * self.reserve);
        let growth: u64 = running.iter().map(|worker| worker.expected.saturating_sub(worker.now)).sum();
        let free = usable.saturating_sub(growth);
        let missing = most.saturating_sub(running.len()) as u64;
        let alarm = pressed || left.is_some_and(|left| left < self.reserve / 2) || allowed == Some(0);
        Verdict {
            last_resort: left.is_some_and(|left| left < self.reserve / 4),
            more: if pressed { 0 } else { usize::try_from(free / next.max(1)).unwrap_or(usize::MAX) },
            shelf: if alarm { 0 } else { self.shelf.min(held + free.saturating_sub(missing * next)) }
                .max(self.least_shelf),
            alarm,
            left: left.into_iter().chain(allowed).min(),
        }
    }
}

impl Machine {
    /// Looks at this machine.
    #[must_use]
    pub fn look() -> Self {
        let root = Path::new("/");
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { cores, memory: available_memory(root), pressure: pressure(root) }
    }
}

/// Memory that is available; `root` is `/` but in tests.
fn available_memory(root: &Path) -> Option<u64> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok();
    let system = meminfo.and_then(|text| kib_field(&text, "MemAvailable:"));
    let cgroups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    cgroup_room(root, &cgroups).into_iter().chain(system).min()
}

/// How much of the last ten seconds was lost for want of memory, in percent; `root` is `/` but in tests.
fn pressure(root: &Path) -> f64 {
    let text = fs::read_to_string(root.join("proc/pressure/memory")).unwrap_or_default();
    let full = text.lines().find_map(|line| line.strip_prefix("full avg10="));
    full.and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(0.0)
}

/// What is left in every memory cgroup from ours up to the root, by version 1 and 2.
fn cgroup_room(root: &Path, cgroups: &str) -> Vec<u64> {
    let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let mut room = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let (mount, limit, usage, cache) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
            }
            _ => continue,
        };
        let base = root.join(mount);
        for level in Path::new(path.trim_start_matches('/')).ancestors() {
            let dir = base.join(level);
            // `max` in version 2 is no number: no limit. Version 1 has a number beyond all memory.
            let (Some(limit), Some(usage)) = (number(&dir.join(limit)), number(&dir.join(usage))) else { continue };
            // The page cache counts as used, but is given back on demand.
            let stat = fs::read_to_string(dir.join("memory.stat")).unwrap_or_default();
            let cached =
                stat.lines().find_map(|line| line.strip_prefix(cache)?.trim().parse::<u64>().ok()).unwrap_or(0);
            room.push(limit.saturating_sub(usage.saturating_sub(cached)));
        }
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{Family, Fork};

    const GIB: u64 = 1 << 30;
    const HD: (u32, u32) = (1920, 1080);
    const UHD: (u32, u32) = (3840, 2160);

    fn load(size: (u32, u32)) -> Load {
        let version = "SVT-AV1 v4.2.0".to_owned();
        let encoder = Identity { family: Family::SvtAv1, fork: Fork::Mainline, version, number: (4, 2) };
        Load { encoder, size, preset: 6 }
    }

    fn machine(cores: usize, gib: u64) -> Machine {
        Machine { cores, memory: Some(gib * GIB), pressure: 0.0 }
    }

    #[test]
    fn memory_is_never_overcommitted_and_cores_are_kept_busy() {
        // (cores, GiB) -> workers and lp at 1080p, at 2160p.
        for (cores, gib, hd, uhd) in [
            (4, 8, (4, 1), (1, 2)),
            (4, 32, (4, 1), (4, 1)),
            (4, 128, (4, 1), (4, 1)),
            (24, 8, (2, 5), (1, 2)),
            (24, 32, (24, 1), (2, 5)),
            (24, 128, (24, 1), (24, 1)),
            (64, 8, (2, 6), (1, 2)),
            (64, 32, (11, 4), (3, 6)),
            (64, 128, (64, 1), (11, 4)),
        ] {
            for (size, expected) in [(HD, hd), (UHD, uhd)] {
                let choice = choose(machine(cores, gib), &load(size), 1000, Demands::default());
                let Workers { workers, lp, bytes_each, ref reason, .. } = choice;
                assert!(workers == 1 || workers as u64 * bytes_each < gib * GIB, "{cores} cores, {gib} GiB, {size:?}");
                assert_eq!((workers, lp), expected, "{cores} cores, {gib} GiB, {size:?}: {reason}");
                assert!(reason.contains(&format!("{cores} cores and {gib}.0 GiB of memory free")), "{reason}");
                assert_eq!(workers < choice.most, reason.contains("memory is the limit"), "{reason}");
            }
        }
    }

    #[test]
    fn the_users_number_holds_unless_it_does_not_fit() {
        let choose = |workers, memory| {
            let demands = Demands { workers: Some(workers), lp: Some(1), memory };
            choose(machine(12, 8), &load(UHD), 1000, demands)
        };
        assert_eq!(choose(1, MemoryLimit::Available).workers, 1);
        let many = choose(50, MemoryLimit::Available);
        assert!(many.workers < 50 && many.most == 50 && many.reason.contains("50 were asked for"), "{}", many.reason);
        assert_eq!(choose(50, MemoryLimit::None).workers, 50);
        assert_eq!(choose(50, MemoryLimit::Bytes(4 * GIB)).workers, 1);
        assert_eq!(choose(50, MemoryLimit::Bytes(400 * GIB)).workers, many.workers);
    }

    #[test]
    fn a_film_of_one_chunk_gets_one_worker_with_all_cores() {
        let choice = choose(machine(8, 64), &load(HD), 1, Demands::default());
        assert_eq!((choice.workers, choice.most, choice.lp), (1, 1, 5));
    }

    #[test]
    fn what_is_measured_replaces_the_table_once_an_encoder_is_past_its_lookahead() {
        let mut appetite = Appetite::new(load(HD));
        let prior = appetite.worker(1);
        appetite.learn(1, 100 << 20, 60);
        assert_eq!(appetite.worker(1), prior, "a short chunk takes less than a long one");
        appetite.learn(1, 3 * GIB, 10);
        assert!(appetite.worker(1) > 3 * GIB, "more than expected is believed at once");
        let mut appetite = Appetite::new(load(HD));
        appetite.learn(1, 300 << 20, 240);
        assert!(appetite.worker(1) < prior && appetite.worker(1) > 300 << 20);
        assert_eq!(appetite.worker(2), load(HD).worker(2), "another lp is another thing");
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
            Self { budget, workers: Vec::new(), others: 0 }
        }

        fn left(&self) -> u64 {
            (12 * GIB).checked_sub(self.others + self.workers.iter().sum::<u64>()).expect("the kernel kills somebody")
        }

        /// As the supervisor does; each worker then grows by a quarter of a GiB. Returns how many there are.
        fn steps(&mut self, steps: usize) -> usize {
            for _ in 0..steps {
                let running: Vec<Worker> =
                    self.workers.iter().map(|now| Worker { now: *now, expected: EACH }).collect();
                let seen = Machine { memory: Some(self.left()), ..machine(8, 12) };
                let verdict = self.budget.judge(seen, 0, 0, &running, Self::MOST, EACH);
                if verdict.alarm && self.workers.len() > 1 {
                    self.workers.pop();
                } else if verdict.more > 0 && self.workers.len() < Self::MOST {
                    self.workers.push(0);
                }
                self.workers.iter_mut().for_each(|now| *now = (*now + GIB / 4).min(EACH));
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
        assert_eq!(machine.steps(20), 3, "room for one more, with what is kept for the machine");
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
            let seen = Machine { memory: Some(6 * GIB), ..machine(8, 12) };
            budget.judge(seen, 0, 0, &[Worker { now, expected: EACH }; 2], most, EACH)
        };
        assert_eq!((judge(EACH, 4).more, judge(0, 4).more), (2, 0));
        assert_eq!(judge(0, 4).shelf, 16 << 20, "workers that are missing come first");
        assert_eq!(judge(0, 2).shelf, 1 << 29, "half a GiB beyond the reserve and the growth is nobody's");
        assert_eq!(judge(EACH, 2).shelf, (5 * 120) << 20, "as much as is of use");
    }

    #[test]
    fn a_limit_of_the_users_counts_all_of_the_run() {
        let budget = Budget::new(MemoryLimit::Bytes(5 * GIB), machine(8, 64), 4, 1 << 20);
        let judge = |own| budget.judge(machine(8, 60), own, 0, &[Worker { now: EACH, expected: EACH }], 4, EACH);
        assert_eq!([3 * GIB, 7 * GIB / 2].map(|own| judge(own).more), [1, 0]);
        assert_eq!([3 * GIB, 5 * GIB].map(|own| judge(own).alarm), [false, true]);
        assert!(!judge(5 * GIB).last_resort, "the kernel would kill nobody");
        let none = Budget::new(MemoryLimit::None, machine(8, 1), 4, 1 << 20);
        let verdict = none.judge(machine(8, 0), GIB, 0, &[], 4, EACH);
        assert_eq!((verdict.more, verdict.alarm), (usize::MAX, false));
    }

    #[test]
    fn pressure_counts_only_where_little_is_left() {
        let budget = Budget::new(MemoryLimit::Available, machine(8, 12), 4, 1 << 20);
        let judge = |gib| budget.judge(Machine { pressure: 40.0, ..machine(8, gib) }, 0, 0, &[], 4, GIB);
        assert!(judge(2).alarm && judge(2).more == 0);
        assert!(!judge(8).alarm && judge(8).more > 0);
        assert_eq!([2, 0].map(|gib| judge(gib).last_resort), [false, true]);
        let root = tempfile::tempdir().unwrap();
        assert!(pressure(root.path()).abs() < 1e-9);
        fs::create_dir_all(root.path().join("proc/pressure")).unwrap();
        let text = "some avg10=9.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=12.50 avg60=0.00 avg300=0.00 total=2\n";
        fs::write(root.path().join("proc/pressure/memory"), text).unwrap();
        assert!((pressure(root.path()) - 12.5).abs() < 1e-9);
    }

    #[test]
    fn the_least_room_of_all_cgroups_counts() {
        let root = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("proc/meminfo", "MemTotal: 100 kB\nMemAvailable:    10485760 kB\n");
        assert_eq!(available_memory(root.path()), Some(10 << 30));
        file("proc/self/cgroup", "0::/user/job\n");
        file("sys/fs/cgroup/user/job/memory.max", "max\n");
        file("sys/fs/cgroup/user/job/memory.current", "1000\n");
        file("sys/fs/cgroup/user/memory.max", "5000000\n");
        file("sys/fs/cgroup/user/memory.current", "3000000\n");
        file("sys/fs/cgroup/user/memory.stat", "anon 1\ninactive_file 1000000\n");
        assert_eq!(available_memory(root.path()), Some(3_000_000));
        file("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/box\n");
        file("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "900\n");
        file("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "1000\n");
        assert_eq!(available_memory(root.path()), Some(0));
    }
}
