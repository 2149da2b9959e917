//! What a scheduler that has started this process says of it.

use std::env;

/// What it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allotment {
    /// What the scheduler calls the task.
    pub task: Option<String>,
    /// Memory that it may take, in bytes.
    pub memory_bytes: Option<u64>,
}

impl Allotment {
    /// That of this process.
    #[must_use]
    pub fn of_this() -> Self {
        Self::read(|name| env::var(name).ok())
    }

    /// What `variable` knows of it, which looks into the environment.
    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name| variable(name)?.parse::<u64>().ok();
        let array = || {
            Some(format!(
                "{}_{}",
                variable("SLURM_ARRAY_JOB_ID")?,
                number("SLURM_ARRAY_TASK_ID")?
            ))
        };
        // Slurm counts in MiB, and says 0 of all memory of a node.
        let of_cpus = || Some(number("SLURM_MEM_PER_CPU")? * number("SLURM_CPUS_ON_NODE")?);
        let mebibytes = number("SLURM_MEM_PER_NODE").or_else(of_cpus);
        Self {
            task: array().or_else(|| variable("SLURM_JOB_ID")),
            memory_bytes: mebibytes.filter(|size| *size > 0).map(|size| size << 20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)]) -> Allotment {
        Allotment::read(|name| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn slurm_says_what_a_task_is_called_and_may_take() {
        assert_eq!(read(&[]), Allotment::default());
        let array = read(&[
            ("SLURM_ARRAY_JOB_ID", "12"),
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("SLURM_JOB_ID", "15"),
            ("SLURM_MEM_PER_NODE", "600"),
        ]);
        let wanted = Allotment {
            task: Some("12_3".to_owned()),
            memory_bytes: Some(600 << 20),
        };
        assert_eq!(array, wanted);
        let of_cpus = read(&[
            ("SLURM_MEM_PER_CPU", "100"),
            ("SLURM_CPUS_ON_NODE", "4"),
            ("SLURM_JOB_ID", "15"),
        ]);
        assert_eq!(of_cpus.memory_bytes, Some(400 << 20));
        assert_eq!(of_cpus.task.as_deref(), Some("15"));
        assert_eq!(read(&[("SLURM_MEM_PER_NODE", "0")]).memory_bytes, None);
    }
}
