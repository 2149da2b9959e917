//! How much may run: cores and memory of the machine, and the workers that fit.

use std::{fs, path::Path, thread};

use serde::Serialize;

use crate::{
    encoder::{Identity, svt_av1},
    process::kib_field,
};

/// What the machine offers now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Processors that this process may use.
    pub cores: usize,
    /// Bytes of memory that can be used without taking it from anybody: the least of what the system has available and
    /// what is left in each memory cgroup above us. `None` where the system does not say.
    pub memory: Option<u64>,
}

/// The choice of workers, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workers {
    /// Encoders at once.
    pub workers: usize,
    /// Level of parallelism of each.
    pub lp: u32,
    /// Expected peak memory of one encoder and its decoder, in bytes.
    pub bytes_each: u64,
    /// One sentence for a person.
    pub reason: String,
}

/// What is left for the rest of the machine: an eighth, but at least 256 MiB and at most 2 GiB.
fn reserve(memory: u64) -> u64 {
    (memory / 8).clamp(256 << 20, 2 << 30)
}

/// Frames that a decoder, VapourSynth and the pipe hold for one chunk: 16 references of HEVC, and some on the way.
const FRAMES_HELD: u64 = 24;
/// Bytes per pixel of 4:2:0 at 10 bit.
const BYTES_PER_PIXEL: u64 = 3;

/// Chooses workers and lp for the most cores kept busy within memory. What the user demands is kept, but never more
/// workers than fit.
///
/// `frames` and `max_chunk` tell how many chunks there can be: a film of one chunk is encoded by one worker.
#[must_use]
pub fn choose(
    machine: Machine,
    encoder: &Identity,
    (width, height): (u32, u32),
    preset: i32,
    likely_chunks: u64,
    demanded_workers: Option<usize>,
    demanded_lp: Option<u32>,
) -> Workers {
    let decoder = u64::from(width) * u64::from(height) * BYTES_PER_PIXEL * FRAMES_HELD;
    let each = |lp: u32| svt_av1::memory_estimate(encoder, width, height, preset, lp) + decoder;
    // Scene detection decodes as well.
    let usable = machine.memory.map(|memory| memory.saturating_sub(reserve(memory)).saturating_sub(decoder));
    let fitting =
        |lp: u32| usable.map_or(usize::MAX, |usable| usize::try_from(usable / each(lp)).unwrap_or(usize::MAX)).max(1);
    let cores = machine.cores.max(1);
    let lps = match demanded_lp {
        Some(lp) => lp..=lp,
        None => 1..=svt_av1::max_lp(encoder),
    };
    let least = *lps.start();
    let mut best: Option<(f64, usize, u32)> = None;
    // Where not even one fits, the smallest has to do.
    for lp in lps.filter(|lp| *lp == least || usable.is_none_or(|usable| each(*lp) <= usable)) {
        let busy = svt_av1::busy_cores(encoder, lp);
        let useful = (cores as f64 / busy).ceil().max(1.0) as usize;
        let chunks = usize::try_from(likely_chunks.max(1)).unwrap_or(usize::MAX);
        let workers = demanded_workers.unwrap_or_else(|| useful.min(chunks)).min(fitting(lp)).max(1);
        // A little is lost with every level: threads of one encoder wait for each other.
        let gain = (workers as f64 * busy).min(cores as f64) * (1.0 - 0.03 * f64::from(lp - 1));
        if best.is_none_or(|(best, ..)| gain > best + 1e-9) {
            best = Some((gain, workers, lp));
        }
    }
    let (_, workers, lp) = best.unwrap_or((0.0, 1, 1));
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let memory = match machine.memory {
        Some(memory) => format!("{:.1} GiB of memory free", gib(memory)),
        None => "unknown memory".to_owned(),
    };
    let mut reason = format!("{cores} cores and {memory}, about {:.2} GiB for each worker", gib(each(lp)));
    match demanded_workers {
        Some(wanted) if wanted > workers => reason.push_str(&format!("; {wanted} were asked for, {workers} fit")),
        None if fitting(lp) == workers && (workers as f64) * svt_av1::busy_cores(encoder, lp) < cores as f64 => {
            reason.push_str("; memory is the limit");
        }
        _ => (),
    }
    if usable.is_some_and(|usable| usable < each(lp)) {
        reason.push_str("; even one may be too many");
    }
    Workers { workers, lp, bytes_each: each(lp), reason }
}

impl Machine {
    /// Looks at this machine.
    #[must_use]
    pub fn look() -> Self {
        Self { cores: thread::available_parallelism().map_or(1, usize::from), memory: available_memory(Path::new("/")) }
    }
}

/// Memory that is available; `root` is `/` but in tests.
fn available_memory(root: &Path) -> Option<u64> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok();
    let system = meminfo.and_then(|text| kib_field(&text, "MemAvailable:"));
    let cgroups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    cgroup_room(root, &cgroups).into_iter().chain(system).min()
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
    use crate::encoder::Family;

    fn svt() -> Identity {
        Identity { family: Family::Mainline, version: "SVT-AV1 v4.2.0".to_owned(), number: (4, 2) }
    }

    fn on(cores: usize, gib: u64, size: (u32, u32)) -> (usize, u32) {
        let machine = Machine { cores, memory: Some(gib << 30) };
        let choice = choose(machine, &svt(), size, 6, 1000, None, None);
        (choice.workers, choice.lp)
    }

    #[test]
    fn memory_is_never_overcommitted_and_cores_are_kept_busy() {
        const HD: (u32, u32) = (1920, 1080);
        const UHD: (u32, u32) = (3840, 2160);
        // (cores, GiB) -> workers and lp at 1080p, at 2160p.
        for (cores, gib, hd, uhd) in [
            (4, 8, (4, 1), (1, 2)),
            (4, 32, (4, 1), (4, 1)),
            (24, 8, (2, 5), (1, 2)),
            (24, 32, (24, 1), (2, 5)),
            (24, 128, (24, 1), (24, 1)),
            (64, 128, (64, 1), (11, 4)),
        ] {
            for (size, expected) in [(HD, hd), (UHD, uhd)] {
                let (workers, lp) = on(cores, gib, size);
                let machine = Machine { cores, memory: Some(gib << 30) };
                let each = choose(machine, &svt(), size, 6, 1000, Some(1), Some(lp)).bytes_each;
                assert!(workers == 1 || workers as u64 * each < gib << 30, "{cores} cores, {gib} GiB, {size:?}");
                assert_eq!((workers, lp), expected, "{cores} cores, {gib} GiB, {size:?}");
            }
        }
    }

    #[test]
    fn the_users_number_holds_unless_it_does_not_fit() {
        let machine = Machine { cores: 12, memory: Some(8 << 30) };
        let choose = |workers| choose(machine, &svt(), (3840, 2160), 6, 1000, Some(workers), Some(1));
        assert_eq!(choose(1).workers, 1);
        let many = choose(50);
        assert!(many.workers < 50 && many.reason.contains("50 were asked for"), "{}", many.reason);
    }

    #[test]
    fn a_film_of_one_chunk_gets_one_worker_with_all_cores() {
        let machine = Machine { cores: 8, memory: Some(64 << 30) };
        let choice = choose(machine, &svt(), (1920, 1080), 6, 1, None, None);
        assert_eq!((choice.workers, choice.lp), (1, 5));
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
