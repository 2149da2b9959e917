//! How much may run: cores and memory of the machine, and the workers that fit.

use std::{fs, path::Path, thread};

use serde::Serialize;

use crate::{
    encoder::Identity,
    os::{process::kib_field, words::gib},
    settings::MemoryLimit,
};

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
    #[must_use]
    pub fn decoder(&self) -> u64 {
        self.pixels() * BYTES_PER_PIXEL * FRAMES_HELD
    }

    /// Memory of the scout and its frames, in bytes.
    fn scout(&self) -> u64 {
        self.pixels() * BYTES_PER_PIXEL * SCOUT_FRAMES
    }

    /// Expected peak memory of a worker at this `lp`, in bytes: encoder and decoder.
    #[must_use]
    pub fn worker(&self, lp: u32) -> u64 {
        self.encoder.memory_estimate(self.size, self.preset, lp) + self.decoder()
    }

    /// Cores that an encoder keeps busy at this `lp`.
    #[must_use]
    pub fn busy_cores(&self, lp: u32) -> f64 {
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
#[must_use]
pub fn reserve(memory: u64) -> u64 {
    (memory / 8).clamp(256 << 20, 2 << 30)
}

/// Chooses workers and lp for the most cores kept busy within memory. What the user demands is kept, but never more
/// workers than fit, unless memory is not to be looked at.
///
/// `likely_chunks` tells how many chunks there can be: a film of one chunk is encoded by one worker.
#[must_use]
pub fn choose(machine: Machine, load: &Load, likely_chunks: u64, demands: Demands) -> Workers {
    let free = machine
        .memory
        .map(|memory| memory.saturating_sub(reserve(memory)));
    let usable = match demands.memory {
        MemoryLimit::None => None,
        MemoryLimit::Available => free,
        MemoryLimit::Bytes(limit) => Some(free.map_or(limit, |free| free.min(limit))),
    };
    let usable = usable.map(|usable| usable.saturating_sub(load.scout()));
    let fitting = |lp: u32| {
        usable
            .map_or(usize::MAX, |usable| {
                usize::try_from(usable / load.worker(lp)).unwrap_or(usize::MAX)
            })
            .max(1)
    };
    let cores = machine.cores.max(1);
    let lps = match demands.lp {
        Some(lp) => lp..=lp,
        None => 1..=load.encoder.max_lp(),
    };
    let least = *lps.start();
    let mut best: Option<(f64, usize, usize, u32)> = None;
    // Where not even one fits, the smallest has to do.
    for lp in
        lps.filter(|lp| *lp == least || usable.is_none_or(|usable| load.worker(*lp) <= usable))
    {
        let busy = load.busy_cores(lp);
        let useful = (cores as f64 / busy).ceil().max(1.0) as usize;
        let chunks = usize::try_from(likely_chunks.max(1)).unwrap_or(usize::MAX);
        let most = demands
            .workers
            .unwrap_or_else(|| useful.min(chunks).min(load.encoder.most_at_once()))
            .max(1);
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
        (MemoryLimit::Bytes(limit), _)
            if usable.is_some_and(|usable| usable + load.scout() == limit) =>
        {
            format!("{} of memory allowed", gib(limit))
        }
        (_, Some(memory)) => format!("{} of memory free", gib(memory)),
        (_, None) => "unknown memory".to_owned(),
    };
    let mut reason = format!(
        "{cores} cores and {memory}, about {} for each worker",
        gib(each)
    );
    match demands.workers {
        Some(wanted) if wanted > workers => {
            reason.push_str(&format!("; {wanted} were asked for, {workers} fit now"))
        }
        None if workers < most => reason.push_str(&format!(
            "; memory is the limit, else there would be {most}"
        )),
        None if lp > 1 && demands.lp.is_none() && fitting(1) < cores => {
            reason.push_str("; fewer workers of more threads, for want of memory");
        }
        _ => (),
    }
    if usable.is_some_and(|usable| usable < each) {
        reason.push_str("; even one may be too many");
    }
    Workers {
        workers,
        most,
        lp,
        bytes_each: each,
        reason,
    }
}

impl Machine {
    /// Looks at this machine.
    #[must_use]
    pub fn look() -> Self {
        let root = Path::new("/");
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            cores,
            memory: available_memory(root),
            pressure: pressure(root),
        }
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
    let full = text
        .lines()
        .find_map(|line| line.strip_prefix("full avg10="));
    full.and_then(|rest| rest.split(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

/// What is left in every memory cgroup from ours up to the root, by version 1 and 2.
fn cgroup_room(root: &Path, cgroups: &str) -> Vec<u64> {
    let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let mut room = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let (mount, limit, usage, cache) = match controllers {
            "" => (
                "sys/fs/cgroup",
                "memory.max",
                "memory.current",
                "inactive_file ",
            ),
            _ if controllers.split(',').any(|name| name == "memory") => (
                "sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file ",
            ),
            _ => continue,
        };
        let base = root.join(mount);
        for level in Path::new(path.trim_start_matches('/')).ancestors() {
            let dir = base.join(level);
            // `max` in version 2 is no number: no limit. Version 1 has a number beyond all memory.
            let (Some(limit), Some(usage)) = (number(&dir.join(limit)), number(&dir.join(usage)))
            else {
                continue;
            };
            // The page cache counts as used, but is given back on demand.
            let stat = fs::read_to_string(dir.join("memory.stat")).unwrap_or_default();
            let cached = stat
                .lines()
                .find_map(|line| line.strip_prefix(cache)?.trim().parse::<u64>().ok())
                .unwrap_or(0);
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
        let encoder = Identity {
            family: Family::SvtAv1,
            fork: Fork::Mainline,
            version,
            number: (4, 2),
        };
        Load {
            encoder,
            size,
            preset: 6,
        }
    }

    fn machine(cores: usize, gib: u64) -> Machine {
        Machine {
            cores,
            memory: Some(gib * GIB),
            pressure: 0.0,
        }
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
                let Workers {
                    workers,
                    lp,
                    bytes_each,
                    ref reason,
                    ..
                } = choice;
                assert!(
                    workers == 1 || workers as u64 * bytes_each < gib * GIB,
                    "{cores} cores, {gib} GiB, {size:?}"
                );
                assert_eq!(
                    (workers, lp),
                    expected,
                    "{cores} cores, {gib} GiB, {size:?}: {reason}"
                );
                assert!(
                    reason.contains(&format!("{cores} cores and {gib}.0 GiB of memory free")),
                    "{reason}"
                );
                assert_eq!(
                    workers < choice.most,
                    reason.contains("memory is the limit"),
                    "{reason}"
                );
            }
        }
    }

    #[test]
    fn the_users_number_holds_unless_it_does_not_fit() {
        let choose = |workers, memory| {
            let demands = Demands {
                workers: Some(workers),
                lp: Some(1),
                memory,
            };
            choose(machine(12, 8), &load(UHD), 1000, demands)
        };
        assert_eq!(choose(1, MemoryLimit::Available).workers, 1);
        let many = choose(50, MemoryLimit::Available);
        assert!(
            many.workers < 50 && many.most == 50 && many.reason.contains("50 were asked for"),
            "{}",
            many.reason
        );
        assert_eq!(choose(50, MemoryLimit::None).workers, 50);
        assert_eq!(choose(50, MemoryLimit::Bytes(4 * GIB)).workers, 1);
        assert_eq!(
            choose(50, MemoryLimit::Bytes(400 * GIB)).workers,
            many.workers
        );
    }

    #[test]
    fn a_film_of_one_chunk_gets_one_worker_with_all_cores() {
        let choice = choose(machine(8, 64), &load(HD), 1, Demands::default());
        assert_eq!((choice.workers, choice.most, choice.lp), (1, 1, 5));
    }

    #[test]
    fn pressure_is_read_where_the_kernel_tells_it() {
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
        file(
            "proc/meminfo",
            "MemTotal: 100 kB\nMemAvailable:    10485760 kB\n",
        );
        assert_eq!(available_memory(root.path()), Some(10 << 30));
        file("proc/self/cgroup", "0::/user/job\n");
        file("sys/fs/cgroup/user/job/memory.max", "max\n");
        file("sys/fs/cgroup/user/job/memory.current", "1000\n");
        file("sys/fs/cgroup/user/memory.max", "5000000\n");
        file("sys/fs/cgroup/user/memory.current", "3000000\n");
        file(
            "sys/fs/cgroup/user/memory.stat",
            "anon 1\ninactive_file 1000000\n",
        );
        assert_eq!(available_memory(root.path()), Some(3_000_000));
        file("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/box\n");
        file("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "900\n");
        file("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "1000\n");
        assert_eq!(available_memory(root.path()), Some(0));
    }
}
