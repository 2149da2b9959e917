//! What the machine is: processors, memory, and what slows them down.
//!
//! Facts are read from `/proc` and `/sys` under a root that tests replace.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::check::Check;
use crate::{os::machine::Machine, os::words::gib};

/// The checks of this machine; those that do not apply (no frequency to govern) are left out.
pub fn checks(root: &Path, machine: Machine) -> Vec<Check> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let governors = governors(&root.join("sys/devices/system/cpu"));
    let checks = [
        Some(processors(&read("proc/cpuinfo"), machine.cores)),
        governor(&governors),
        machine
            .memory
            .map(|bytes| Check::ok("memory").version(format!("{} free", gib(bytes)))),
    ];
    checks.into_iter().flatten().collect()
}

/// Processors, from `/proc/cpuinfo`. Where it has no `flags` it is another architecture, to which AVX2 means nothing.
fn processors(cpuinfo: &str, cores: usize) -> Check {
    let field = |name: &str| {
        cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_once(':'))
            .map(|(_, v)| v.trim())
    };
    let version = match cores {
        1 => "1 core".to_owned(),
        n => format!("{n} cores"),
    };
    match field("flags") {
        Some(flags) if !flags.split_whitespace().any(|flag| flag == "avx2") => Check::warning(
            "processor",
            "has no AVX2: SVT-AV1 is several times slower without it",
        )
        .advise(["use a machine with AVX2; in a virtual machine, choose the CPU type \"host\""]),
        _ => Check::ok("processor"),
    }
    .version(version)
    .at(field("model name"))
}

/// The frequency governor of each processor under `sys/devices/system/cpu`.
fn governors(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let files =
        entries.filter_map(|entry| Some(entry.ok()?.path().join("cpufreq/scaling_governor")));
    files
        .filter_map(|file: PathBuf| Some(fs::read_to_string(file).ok()?.trim().to_owned()))
        .collect()
}

fn governor(governors: &[String]) -> Option<Check> {
    let mut count = BTreeMap::new();
    for governor in governors {
        *count.entry(governor.as_str()).or_insert(0) += 1;
    }
    let (slowest, processors) = count
        .iter()
        .filter(|(name, _)| **name != "performance")
        .max_by_key(|(_, n)| **n)?;
    let note = format!(
        "is {slowest} on {processors} of {} processors: encoders may run slower",
        governors.len()
    );
    Some(Check::warning("governor", note).advise([
        "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::State;

    /// The checks of a machine that is made of files, by name.
    fn machine(files: &[(&str, &str)]) -> BTreeMap<&'static str, Check> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let machine = Machine {
            cores: 2,
            memory: Some(3 << 30),
            pressure: 0.0,
        };
        checks(root.path(), machine)
            .into_iter()
            .map(|check| (check.name, check))
            .collect()
    }

    #[test]
    fn a_processor_without_avx2_is_slow() {
        let checks = machine(&[(
            "proc/cpuinfo",
            "processor\t: 0\nmodel name\t: Old One\nflags\t\t: fpu avx sse4_2\n",
        )]);
        assert_eq!(checks["processor"].state, State::Warning);
        assert_eq!(checks["processor"].path.as_deref(), Some("Old One"));
        let checks = machine(&[("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu avx avx2\n")]);
        assert_eq!(checks["processor"].state, State::Ok);
        // An ARM has other flags by another name.
        let checks = machine(&[("proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd\n")]);
        assert_eq!(checks["processor"].state, State::Ok);
        assert_eq!(checks["memory"].version.as_deref(), Some("3.0 GiB free"));
    }

    #[test]
    fn a_governor_that_saves_power_is_named() {
        let file = |n: u32| format!("sys/devices/system/cpu/cpu{n}/cpufreq/scaling_governor");
        let [a, b, c] = [0, 1, 2].map(file);
        let checks = machine(&[
            (&a, "powersave\n"),
            (&b, "performance\n"),
            (&c, "powersave\n"),
        ]);
        assert_eq!(checks["governor"].state, State::Warning);
        assert!(
            checks["governor"]
                .note
                .as_deref()
                .unwrap()
                .starts_with("is powersave on 2 of 3 processors")
        );
        assert!(checks["governor"].advice[0].contains("scaling_governor"));
        assert!(!machine(&[(&a, "performance\n")]).contains_key("governor"));
        assert!(!machine(&[]).contains_key("governor"));
    }
}
