//! How busy the machine is, by what its kernel shows. What cannot be read is left out.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{
    process::kib_field,
    sensors::{self, entries, number},
};

/// What the machine is like now; percentages are of the time since the last reading.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// Percentage of the processors' time in which they worked.
    pub cpu: Option<f64>,
    /// Percentage of it in which they had nothing to do but to wait for a disk.
    pub iowait: Option<f64>,
    /// Percentage of the memory that nobody else can have.
    pub memory: Option<f64>,
    /// Bytes of memory that were put on a disk.
    pub swap: Option<u64>,
    /// How hot it is, by the sensor that `--max-temp` goes by.
    pub celsius: Option<f64>,
    /// Percentage of the time in which the busiest part of an Intel GPU was awake.
    pub gpu: Option<f64>,
}

/// What counts up since the machine began.
struct Counters {
    at: Instant,
    /// Ticks of all processors: all, those in which they did nothing, and those of them in which a disk was waited for.
    cpu: Option<[u64; 3]>,
    /// Milliseconds that each part of a GPU has slept.
    asleep: BTreeMap<PathBuf, u64>,
}

/// Reads these figures, again and again.
pub struct Gauges {
    /// `/`, but in tests.
    root: PathBuf,
    before: Option<Counters>,
}

impl Default for Gauges {
    fn default() -> Self {
        Self::of(Path::new("/"))
    }
}

impl Gauges {
    fn of(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            before: None,
        }
    }

    /// Reads them now. The first time, nothing is known yet that is a share of time.
    pub fn read(&mut self) -> Reading {
        let now = self.counters(Instant::now());
        let before = self.before.replace(now);
        let (Some(before), Some(now)) = (before, &self.before) else {
            return self.levels();
        };
        let share = |of: usize| {
            let (before, now) = (before.cpu?, now.cpu?);
            let ticks = now[0].checked_sub(before[0]).filter(|ticks| *ticks > 0)?;
            Some(100.0 * now[of].saturating_sub(before[of]) as f64 / ticks as f64)
        };
        Reading {
            cpu: share(1).map(|idle| 100.0 - idle),
            iowait: share(2),
            gpu: awake(&before, now),
            ..self.levels()
        }
    }

    /// What needs no second reading.
    fn levels(&self) -> Reading {
        let meminfo = self.text("proc/meminfo").unwrap_or_default();
        let field = |name| kib_field(&meminfo, name);
        let memory = field("MemTotal:").zip(field("MemAvailable:"));
        let taken =
            |(all, free): (u64, u64)| 100.0 * all.saturating_sub(free) as f64 / all.max(1) as f64;
        Reading {
            memory: memory.map(taken),
            swap: sensors::swap(&self.root).map(|swap| swap.used),
            celsius: sensors::heat(&self.root).map(|heat| heat.celsius),
            ..Reading::default()
        }
    }

    fn counters(&self, at: Instant) -> Counters {
        Counters {
            at,
            cpu: self.text("proc/stat").as_deref().and_then(ticks),
            asleep: self.asleep(),
        }
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    /// How long each part of an Intel GPU has slept: of the driver i915, and of xe.
    fn asleep(&self) -> BTreeMap<PathBuf, u64> {
        let mut files = Vec::new();
        for card in all(&self.root.join("sys/class/drm"), "card") {
            let parts = all(&card.join("gt"), "gt").into_iter();
            files.extend(parts.map(|part| part.join("rc6_residency_ms")));
            for tile in all(&card.join("device"), "tile") {
                let parts = all(&tile, "gt").into_iter();
                files.extend(parts.map(|part| part.join("gtidle/idle_residency_ms")));
            }
        }
        let read = |path: PathBuf| Some((path.clone(), number(&path)?));
        files.into_iter().filter_map(read).collect()
    }
}

/// What is in a directory, with a name that begins like this.
fn all(dir: &Path, begins: &str) -> Vec<PathBuf> {
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(begins)
    };
    entries(dir).into_iter().filter(named).collect()
}

/// The first line of `/proc/stat`: all ticks, those in which nothing was done, and those of them that waited for a disk.
fn ticks(text: &str) -> Option<[u64; 3]> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = fields
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    // Those of guests, from the ninth on, are among those of users already.
    let all = fields.iter().take(8).sum();
    let (idle, iowait) = (fields.get(3)?, fields.get(4)?);
    Some([all, idle + iowait, *iowait])
}

/// The percentage of the time between two readings in which the busiest part of a GPU did not sleep.
fn awake(before: &Counters, now: &Counters) -> Option<f64> {
    let ms = (now.at - before.at).as_secs_f64() * 1000.0;
    let slept = |(part, asleep): (&PathBuf, &u64)| asleep.checked_sub(*before.asleep.get(part)?);
    let least = now.asleep.iter().filter_map(slept).min()?;
    Some((100.0 - 100.0 * least as f64 / ms.max(1.0)).clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;
    use crate::os::sensors::tests::write;

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let mut gauges = Gauges::of(root.path());
        assert_eq!([gauges.read(), gauges.read()], [Reading::default(); 2]);
    }

    #[test]
    fn shares_are_of_the_time_between_two_readings() {
        let root = tempfile::tempdir().unwrap();
        let mut gauges = Gauges::of(root.path());
        let gpu = "sys/class/drm/card0/gt/gt0/rc6_residency_ms";
        let media = "sys/class/drm/card1/device/tile0/gt1/gtidle/idle_residency_ms";
        write(
            root.path(),
            &[
                ("proc/stat", "cpu  100 0 100 800 0 0 0 0 7 0\ncpu0 1\n"),
                (
                    "proc/meminfo",
                    "MemTotal: 1000 kB\nMemAvailable: 250 kB\nSwapTotal: 9 kB\nSwapFree: 8 kB\n",
                ),
                ("sys/class/hwmon/hwmon0/name", "nvme\n"),
                ("sys/class/hwmon/hwmon0/temp1_input", "99000\n"),
                ("sys/class/hwmon/hwmon1/name", "coretemp\n"),
                ("sys/class/hwmon/hwmon1/temp1_input", "61000\n"),
                ("sys/class/hwmon/hwmon1/temp1_crit", "100000\n"),
                ("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n"),
                ("sys/class/thermal/thermal_zone0/temp", "71500\n"),
                (gpu, "1000\n"),
                (media, "5000\n"),
            ],
        );
        let first = gauges.read();
        assert_eq!((first.cpu, first.gpu), (None, None));
        assert_eq!((first.memory, first.swap), (Some(75.0), Some(1024)));
        assert_eq!(first.celsius, Some(71.5));
        thread::sleep(Duration::from_millis(20));
        // One part has slept for longer than can be, the other not at all.
        let later = [
            ("proc/stat", "cpu  150 0 120 820 10 0 0 0 9 0\n"),
            (gpu, "9000\n"),
        ];
        write(root.path(), &later);
        let second = gauges.read();
        assert_eq!((second.cpu, second.iowait), (Some(70.0), Some(10.0)));
        assert_eq!(second.gpu, Some(100.0));
    }

    #[test]
    fn this_machine_is_read() {
        let reading = Gauges::default().read();
        let memory = reading.memory.unwrap();
        assert!(memory > 0.0 && memory < 100.0, "{reading:?}");
    }
}
