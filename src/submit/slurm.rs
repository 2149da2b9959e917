//! Slurm: the lines of sbatch, and what its other commands say.

use std::{ffi::OsString, os::unix::ffi::OsStringExt, path::Path};

use super::scheduler::{Array, Order, typed};

/// What sbatch is given to run. Names of files are not in it: they are its arguments, whatever is in them.
pub const SCRIPT: &str = "#!/bin/sh\nexec \"$@\"\n";

/// From where sbatch reads that.
const FROM: &str = "/dev/stdin";

/// Minutes that a task may take beside what it is expected to, and how often that: a host may be slow.
const SPARE_MINUTES: f64 = 10.0;
const TIMES: f64 = 4.0;

/// Memory that joining takes at least, in bytes: mkvmerge, and a decoder each for the source and the output.
const JOIN_BYTES: u64 = 1 << 30;
/// Minutes that joining may take beside the frames that are looked at, and seconds for each of those.
const JOIN_MINUTES: f64 = 60.0;
const JOIN_FRAME_SECONDS: f64 = 0.1;

/// How many tasks one array has at most, by what `scontrol show config` says.
#[must_use]
pub fn most_tasks(config: &str) -> Option<usize> {
    let value = |line: &str| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "MaxArraySize").then(|| value.trim().parse().ok())?
    };
    config.lines().find_map(value)
}

/// The line of sbatch that hands an array over.
#[must_use]
pub fn encoding(order: &Order, array: &Array) -> Vec<OsString> {
    let last = array.tasks.len().saturating_sub(1);
    let limit = order.limit.map(|limit| format!("%{limit}"));
    let minutes = SPARE_MINUTES + TIMES * array.longest_seconds / 60.0;
    let own = [
        format!("--array=0-{last}{}", limit.unwrap_or_default()),
        "--requeue".to_owned(),
        format!("--job-name={}", order.label()),
    ];
    let log = "slurm-%A_%a.log";
    let mut words = own.map(OsString::from).to_vec();
    words.extend(resources(order, array.memory_bytes, minutes, log));
    sbatch(order, words, order.chunk(array))
}

/// The line of sbatch that hands over what joins so many `frames`, once the jobs with these numbers have ended, however they
/// did: one that waited for their success would wait for ever.
#[must_use]
pub fn joining(order: &Order, frames: u64, memory_bytes: u64, after: &[String]) -> Vec<OsString> {
    let minutes = JOIN_MINUTES + JOIN_FRAME_SECONDS * frames as f64 / 60.0;
    let mut words = vec![format!("--job-name={}-join", order.label()).into()];
    if !after.is_empty() {
        words.push(format!("--dependency=afterany:{}", after.join(":")).into());
    }
    let memory_bytes = memory_bytes.max(JOIN_BYTES);
    words.extend(resources(order, memory_bytes, minutes, "slurm-%j.log"));
    sbatch(order, words, order.join())
}

fn resources(order: &Order, memory_bytes: u64, minutes: f64, log: &str) -> Vec<OsString> {
    let mut words: Vec<OsString> = [
        format!("--cpus-per-task={}", order.threads.max(1)),
        format!("--mem={}M", memory_bytes.div_ceil(1 << 20)),
        format!("--time={}", minutes.ceil() as u64),
        "--open-mode=append".to_owned(),
        "--chdir=/".to_owned(),
    ]
    .map(OsString::from)
    .into();
    words.push(output(order.job, log));
    words
}

/// Where Slurm writes what a task says: into the job directory. It puts numbers in the place of signs after `%`, but not where
/// there is a backslash in the name, by which it takes all signs as they are; then all tasks write one file.
fn output(job: &Path, log: &str) -> OsString {
    let mut path = b"--output=".to_vec();
    let job = job.as_os_str().as_encoded_bytes();
    let is_escaped = job.contains(&b'\\');
    let special = if is_escaped { b'\\' } else { b'%' };
    for byte in job {
        path.push(*byte);
        if *byte == special {
            path.push(*byte);
        }
    }
    path.push(b'/');
    path.extend(if is_escaped { "slurm.log" } else { log }.bytes());
    OsString::from_vec(path)
}

fn sbatch(order: &Order, own: Vec<OsString>, command: Vec<OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["sbatch", "--parsable"].map(Into::into).into();
    words.extend(own);
    // Behind ours: of two, Slurm takes the last.
    words.extend_from_slice(order.further);
    words.push(FROM.into());
    words.extend(command);
    words
}

/// The lines for a shell that hand over all arrays, and what joins.
#[must_use]
pub fn printed(order: &Order, arrays: &[Array], frames: u64, memory_bytes: u64) -> String {
    let here = |words: &[OsString]| format!("{} <<'END'\n{SCRIPT}END\n", typed(words));
    let names: Vec<String> = (1..=arrays.len()).map(|n| format!("array{n}")).collect();
    let mut text = String::new();
    for (name, array) in names.iter().zip(arrays) {
        text += &format!("{name}=$({})\n", here(&encoding(order, array)));
    }
    let mut join = joining(order, frames, memory_bytes, &[]);
    if names.is_empty() {
        return here(&join);
    }
    // The shell puts the numbers in, without the name of the cluster that may be behind them.
    let at = join.iter().position(|word| word == FROM).unwrap_or(1);
    let rest = join.split_off(at);
    let after: String = names
        .iter()
        .map(|name| format!(":${{{name}%%;*}}"))
        .collect();
    let rest = here(&rest);
    text + &format!("{} --dependency=\"afterany{after}\" {rest}", typed(&join))
}

/// The number of a job that `sbatch --parsable` has printed, perhaps with the name of a cluster.
#[must_use]
pub fn job_number(printed: &str) -> Option<String> {
    let number = printed.trim().split(';').next()?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.to_owned())
}

/// What Slurm says of how a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// For want of memory.
    Memory,
    /// In another way, or not yet.
    Other,
}

impl Fate {
    /// By its state and exit code, as `scontrol` and `sacct` have them. Where no cgroup counts the kills, Slurm ends a task that
    /// takes too much by SIGKILL, and says no more than that it failed by it.
    fn of(state: &str, exit_code: &str) -> Self {
        let killed = state == "FAILED" && exit_code.ends_with(":9");
        match state.starts_with("OUT_OF_ME") || killed {
            true => Self::Memory,
            false => Self::Other,
        }
    }
}

/// How tasks ended, each with what Slurm calls it (`12_3`), by what `scontrol --oneliner show job` says.
#[must_use]
pub fn fates_by_scontrol(text: &str) -> Vec<(String, Fate)> {
    let of_line = |line: &str| {
        // A file's name, which may hold anything, is behind all that is looked for.
        let value = |name: &str| {
            let mut words = line.split(' ');
            words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        };
        let job = value("ArrayJobId").or_else(|| value("JobId"))?;
        let task = value("ArrayTaskId").map(|task| format!("_{task}"));
        let fate = Fate::of(value("JobState")?, value("ExitCode")?);
        Some((format!("{job}{}", task.unwrap_or_default()), fate))
    };
    text.lines().filter_map(of_line).collect()
}

/// The same by what `sacct --noheader --parsable2 --format=JobID,State,ExitCode` says.
#[must_use]
pub fn fates_by_sacct(text: &str) -> Vec<(String, Fate)> {
    let of_line = |line: &str| {
        let mut fields = line.split('|');
        let (job, state, code) = (fields.next()?, fields.next()?, fields.next()?);
        // Each step has a line of its own as well: `12_3.batch`.
        let job = job.split('.').next()?;
        Some((job.to_owned(), Fate::of(state, code)))
    };
    text.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::scheduler::tests::{array, order},
        *,
    };

    fn words(line: &[OsString]) -> Vec<&str> {
        line.iter().map(|word| word.to_str().unwrap()).collect()
    }

    #[test]
    fn the_largest_array_is_as_slurm_is_configured() {
        let config = "Configuration data as of 2026\nMaxArrayTasks = 7\nMaxArraySize            = 1001\nMaxJobId = 5\n";
        assert_eq!(most_tasks(config), Some(1001));
        assert_eq!(most_tasks("MaxArraySize = many"), None);
    }

    #[test]
    fn sbatch_is_told_what_tasks_need_and_further_options_come_last() {
        let further = ["--partition=night".into()];
        let order = Order {
            limit: Some(8),
            further: &further,
            ..order("/films/a 100 % $(x).mkv.av1enc")
        };
        let expected = [
            "sbatch",
            "--parsable",
            "--array=0-11%8",
            "--requeue",
            "--job-name=av1enc-a-100-x-mkv",
            "--cpus-per-task=2",
            "--mem=1024M",
            "--time=31",
            "--open-mode=append",
            "--chdir=/",
            "--output=/films/a 100 %% $(x).mkv.av1enc/slurm-%A_%a.log",
            "--partition=night",
            "/dev/stdin",
            "/opt/av1enc",
            "chunk",
            "/films/a 100 % $(x).mkv.av1enc",
            "--task",
            "auto",
            "--task-offset",
            "3",
            "--workers",
            "1",
            "--memory-limit",
            "1024M",
        ];
        assert_eq!(words(&encoding(&order, &array())), expected);
        let join = joining(&order, 3000, 1 << 30, &["12".to_owned(), "14".to_owned()]);
        let join = words(&join);
        assert!(join.contains(&"--dependency=afterany:12:14") && join.contains(&"--time=65"));
        assert_eq!(
            join[join.len() - 2..],
            ["join", "/films/a 100 % $(x).mkv.av1enc"]
        );
    }

    #[test]
    fn a_backslash_in_a_name_turns_the_numbers_off() {
        let output = output(Path::new("/a\\b%j"), "slurm-%j.log");
        assert_eq!(output, "--output=/a\\\\b%j/slurm.log");
    }

    #[test]
    fn what_sbatch_prints_is_a_number() {
        assert_eq!(job_number("12\n").as_deref(), Some("12"));
        assert_eq!(job_number("12;north\n").as_deref(), Some("12"));
        assert_eq!(job_number("Submitted batch job 12"), None);
    }

    #[test]
    fn who_died_for_want_of_memory_is_told_from_who_died_otherwise() {
        let line = |id: &str, state: &str, code: &str| {
            format!(
                "JobId=9{id} ArrayJobId=12 ArrayTaskId={id} JobName=av1enc JobState={state} Reason=None \
                 ExitCode={code} WorkDir=/films/ JobState=OUT_OF_MEMORY Power="
            )
        };
        let text = [
            line("0", "OUT_OF_MEMORY", "0:125"),
            line("1", "FAILED", "0:9"),
            line("2", "FAILED", "75:0"),
            line("3", "TIMEOUT", "0:15"),
            "JobId=13 JobName=av1enc-join JobState=PENDING ExitCode=0:0".to_owned(),
        ];
        let fate = |id: &str, fate| (id.to_owned(), fate);
        let expected = [
            fate("12_0", Fate::Memory),
            fate("12_1", Fate::Memory),
            fate("12_2", Fate::Other),
            fate("12_3", Fate::Other),
            fate("13", Fate::Other),
        ];
        assert_eq!(fates_by_scontrol(&text.join("\n")), expected);
        let text = "12_0|OUT_OF_ME+|0:125\n12_1|CANCELLED by 0|0:15\n12_1.batch|CANCELLED|0:15\n";
        let found = fates_by_sacct(text);
        assert_eq!(
            found[..2],
            [fate("12_0", Fate::Memory), fate("12_1", Fate::Other)]
        );
    }

    #[test]
    fn printed_lines_are_of_the_same_words() {
        let order = order("/films/a'b.av1enc");
        let text = printed(&order, &[array(), array()], 10, 5);
        assert!(
            text.starts_with("array1=$(sbatch --parsable '--array=0-11' "),
            "{text}"
        );
        let after = "--dependency=\"afterany:${array1%%;*}:${array2%%;*}\" /dev/stdin";
        assert!(text.contains(after) && text.ends_with("<<'END'\n#!/bin/sh\nexec \"$@\"\nEND\n"));
        let alone = printed(&order, &[], 10, 5);
        assert!(
            alone.starts_with("sbatch --parsable '--job-name") && !alone.contains("dependency")
        );
    }
}
