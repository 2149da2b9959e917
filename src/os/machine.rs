//! What the machine has to offer: processors, and the memory that is left, in all cgroups above us.

use std::{fs, os::unix::fs::MetadataExt, path::Path, time::Duration};

use nix::time::{ClockId, clock_gettime};

use super::{process::kib_field, processors};

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

impl Machine {
    /// Looks at this machine.
    #[must_use]
    pub fn look() -> Self {
        let root = Path::new("/");
        let cores = processors::count();
        Self {
            cores,
            memory: available_memory(root),
            pressure: pressure(root),
        }
    }
}

/// The name of this host.
#[must_use]
pub fn host() -> String {
    let name = nix::unistd::gethostname();
    name.map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Which start of this machine's kernel this is: no other, of any machine, has the same. Empty where it does not say.
#[must_use]
pub fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.unwrap_or_default().trim().to_owned()
}

/// By what this installation is told from all others, whatever their hosts are called; `None` where it has no such number.
/// The number itself is not to be shown to others (machine-id(5)): this is made of it, and of nothing else.
#[must_use]
pub fn installation() -> Option<String> {
    let id = fs::read_to_string("/etc/machine-id").ok()?;
    // It is empty in an image, and a word until the first start is done.
    let is_number = |id: &&str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = Some(id.trim()).filter(is_number)?;
    let key = blake3::derive_key("av1enc 2026-11-26 installation", id.as_bytes());
    Some(blake3::Hash::from(key).to_hex()[..16].to_owned())
}

/// In which space of process numbers this process is; 0 where the kernel does not say.
#[must_use]
pub fn pid_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino())
}

/// How long ago the machine was started; time in which it was asleep counts.
#[must_use]
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
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
