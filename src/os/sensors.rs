//! What the machine feels: heat, its battery, the speed of its processors, its swap.
//!
//! Everything is read under a root, which is `/` but in tests.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::process::kib_field;

/// A temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// Degrees Celsius.
    pub celsius: f64,
    /// Who says so: `coretemp`.
    pub sensor: String,
}

/// What the machine's batteries say, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Battery {
    /// How full they are.
    pub percent: u32,
    /// Whether the machine lives on them.
    pub is_discharging: bool,
}

/// How fast the processors run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frequency {
    /// Their mean, in kHz.
    pub khz: u64,
    /// The most that the system lets them have now, and the most that they could have, in kHz.
    pub limits: Option<(u64, u64)>,
    /// How often they slowed down for being too hot, if they say.
    pub throttled: Option<u64>,
}

/// Swap, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    /// What is used of it.
    pub used: u64,
    /// What there is.
    pub size: u64,
}

/// Drivers of hwmon, and beginnings of the types of thermal zones, that tell of a processor.
const OF_PROCESSORS: [&str; 8] = [
    "coretemp",
    "k10temp",
    "zenpower",
    "cpu",
    "x86_pkg_temp",
    "soc",
    "scpi_sensors",
    "acpitz",
];
/// Temperatures that are none: a sensor that is not there reads as these.
const POSSIBLE: std::ops::Range<f64> = 1.0..150.0;

/// The hottest sensor of the processors; of all, where none is known as theirs. `None` if there is none.
#[must_use]
pub fn heat(root: &Path) -> Option<Heat> {
    let all: Vec<Heat> = of_hwmon(root).into_iter().chain(of_zones(root)).collect();
    let is_processor = |heat: &&Heat| {
        let mut drivers = OF_PROCESSORS.iter();
        drivers.any(|driver| heat.sensor.starts_with(driver))
    };
    let hottest = |heats: Vec<&Heat>| {
        let heats = heats.into_iter();
        heats
            .max_by(|one, other| one.celsius.total_cmp(&other.celsius))
            .cloned()
    };
    hottest(all.iter().filter(is_processor).collect()).or_else(|| hottest(all.iter().collect()))
}

fn of_hwmon(root: &Path) -> Vec<Heat> {
    let mut heats = Vec::new();
    for chip in entries(&root.join("sys/class/hwmon")) {
        let Some(sensor) = text(&chip.join("name")) else {
            continue;
        };
        let inputs = entries(&chip).into_iter().filter(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("temp") && name.ends_with("_input")
        });
        heats.extend(inputs.filter_map(|file| measured(&file, &sensor)));
    }
    heats
}

fn of_zones(root: &Path) -> Vec<Heat> {
    let zones = entries(&root.join("sys/class/thermal")).into_iter();
    let heat = |zone: PathBuf| measured(&zone.join("temp"), &text(&zone.join("type"))?);
    zones.filter_map(heat).collect()
}

/// Thousandths of a degree in a file.
fn measured(file: &Path, sensor: &str) -> Option<Heat> {
    let thousandths: f64 = text(file)?.parse().ok()?;
    let celsius = thousandths / 1000.0;
    POSSIBLE.contains(&celsius).then(|| Heat {
        celsius,
        sensor: sensor.to_owned(),
    })
}

/// The machine's batteries; `None` if it has none. Those of a mouse are none of its own.
#[must_use]
pub fn battery(root: &Path) -> Option<Battery> {
    let supplies = entries(&root.join("sys/class/power_supply"));
    let is_own = |dir: &PathBuf| {
        text(&dir.join("type")).as_deref() == Some("Battery")
            && text(&dir.join("scope")).as_deref() != Some("Device")
    };
    let batteries: Vec<(u32, bool)> = supplies
        .iter()
        .filter(|dir| is_own(dir))
        .filter_map(|dir| {
            let is_discharging = text(&dir.join("status")).as_deref() == Some("Discharging");
            Some((number(&dir.join("capacity"))? as u32, is_discharging))
        })
        .collect();
    let count = u32::try_from(batteries.len())
        .ok()
        .filter(|count| *count > 0)?;
    Some(Battery {
        percent: batteries.iter().map(|(percent, _)| percent).sum::<u32>() / count,
        is_discharging: batteries.iter().any(|(_, is_discharging)| *is_discharging),
    })
}

/// How fast the `processors` run, where the kernel says.
#[must_use]
pub fn frequency(root: &Path, processors: &BTreeSet<usize>) -> Option<Frequency> {
    let dir = root.join("sys/devices/system/cpu");
    let dirs: Vec<PathBuf> = processors
        .iter()
        .map(|cpu| dir.join(format!("cpu{cpu}")))
        .collect();
    let mean = |file: &str| {
        let all: Option<Vec<u64>> = dirs.iter().map(|dir| number(&dir.join(file))).collect();
        all.filter(|all| !all.is_empty())
            .map(|all| all.iter().sum::<u64>() / all.len() as u64)
    };
    let throttled = dirs
        .iter()
        .filter_map(|dir| number(&dir.join("thermal_throttle/core_throttle_count")));
    let throttled: Vec<u64> = throttled.collect();
    Some(Frequency {
        khz: mean("cpufreq/scaling_cur_freq")?,
        limits: mean("cpufreq/scaling_max_freq").zip(mean("cpufreq/cpuinfo_max_freq")),
        throttled: (!throttled.is_empty()).then(|| throttled.iter().sum()),
    })
}

/// The machine's swap, if it has some.
#[must_use]
pub fn swap(root: &Path) -> Option<Swap> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let size = kib_field(&meminfo, "SwapTotal:").filter(|size| *size > 0)?;
    let free = kib_field(&meminfo, "SwapFree:")?;
    Some(Swap {
        used: size.saturating_sub(free),
        size,
    })
}

/// Whether any disk gives turns by who asks: those without a scheduler take everybody as he comes.
#[must_use]
pub fn disks_heed_turns(root: &Path) -> bool {
    entries(&root.join("sys/block")).iter().any(|disk| {
        let schedulers = text(&disk.join("queue/scheduler")).unwrap_or_default();
        ["[bfq]", "[mq-deadline]", "[cfq]"]
            .iter()
            .any(|scheduler| schedulers.contains(scheduler))
    })
}

pub(super) fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn text(file: &Path) -> Option<String> {
    Some(fs::read_to_string(file).ok()?.trim().to_owned())
}

pub(super) fn number(file: &Path) -> Option<u64> {
    text(file)?.parse().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Files of a machine.
    pub fn write(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    /// A machine that is made of files.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), files);
        root
    }

    fn felt(files: &[(&str, &str)]) -> Option<(String, f64)> {
        heat(machine(files).path()).map(|heat| (heat.sensor, heat.celsius))
    }

    #[test]
    fn the_hottest_sensor_of_the_processors_counts() {
        assert_eq!(felt(&[]), None);
        let disk = [
            ("sys/class/hwmon/hwmon0/name", "nvme\n"),
            ("sys/class/hwmon/hwmon0/temp1_input", "91850\n"),
        ];
        assert_eq!(felt(&disk), Some(("nvme".to_owned(), 91.85)));
        let chip = [
            ("sys/class/hwmon/hwmon1/name", "coretemp\n"),
            ("sys/class/hwmon/hwmon1/temp1_input", "61000\n"),
            ("sys/class/hwmon/hwmon1/temp2_input", "72000\n"),
            ("sys/class/hwmon/hwmon1/temp2_crit", "100000\n"),
            ("sys/class/hwmon/hwmon1/temp3_input", "-128000\n"),
        ];
        let both = [&disk[..], &chip].concat();
        assert_eq!(felt(&both), Some(("coretemp".to_owned(), 72.0)));
        let zone = [
            ("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n"),
            ("sys/class/thermal/thermal_zone0/temp", "74000\n"),
            ("sys/class/thermal/cooling_device0/type", "Processor\n"),
        ];
        let all = [&both[..], &zone].concat();
        assert_eq!(felt(&all), Some(("x86_pkg_temp".to_owned(), 74.0)));
    }

    #[test]
    fn batteries_are_those_of_the_machine() {
        let of = |files: &[(&str, &str)]| battery(machine(files).path());
        let mouse = [
            ("sys/class/power_supply/hid/type", "Battery"),
            ("sys/class/power_supply/hid/scope", "Device"),
            ("sys/class/power_supply/hid/capacity", "5"),
            ("sys/class/power_supply/hid/status", "Discharging"),
            ("sys/class/power_supply/AC/type", "Mains"),
        ];
        assert_eq!(of(&mouse), None);
        let two = [
            ("sys/class/power_supply/BAT0/type", "Battery"),
            ("sys/class/power_supply/BAT0/capacity", "10"),
            ("sys/class/power_supply/BAT0/status", "Discharging"),
            ("sys/class/power_supply/BAT1/type", "Battery"),
            ("sys/class/power_supply/BAT1/capacity", "90"),
            ("sys/class/power_supply/BAT1/status", "Unknown"),
        ];
        let battery = of(&[&mouse[..], &two].concat()).unwrap();
        assert_eq!((battery.percent, battery.is_discharging), (50, true));
    }

    #[test]
    fn speed_swap_and_turns_at_the_disks_are_read_where_the_kernel_tells() {
        let bare = machine(&[]);
        let both = [0, 1].into();
        assert_eq!(frequency(bare.path(), &both), None);
        assert_eq!(swap(bare.path()), None);
        assert!(!disks_heed_turns(bare.path()));
        let cpu = "sys/devices/system/cpu/cpu";
        let [a, b, c] = [
            "0/cpufreq/scaling_cur_freq",
            "1/cpufreq/scaling_cur_freq",
            "1/thermal_throttle/core_throttle_count",
        ]
        .map(|file| format!("{cpu}{file}"));
        let full = machine(&[
            (&a, "1000000"),
            (&b, "3000000"),
            (&c, "7"),
            ("proc/meminfo", "SwapTotal: 100 kB\nSwapFree: 60 kB\n"),
            ("sys/block/sda/queue/scheduler", "none [bfq]\n"),
        ]);
        let frequency = frequency(full.path(), &both).unwrap();
        assert_eq!((frequency.khz, frequency.throttled), (2_000_000, Some(7)));
        assert_eq!(swap(full.path()).unwrap().used, 40 << 10);
        assert!(disks_heed_turns(full.path()));
    }
}
