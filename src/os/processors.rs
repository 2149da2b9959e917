//! Processors by their numbers: lists of them, those that this process may use, and the nodes of memory that they belong to.

use std::{collections::BTreeSet, fs, io, path::Path, thread};

use anyhow::{Context, Result};
use nix::{
    libc,
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// Numbers of processors, or of nodes.
pub type Numbers = BTreeSet<usize>;

/// A list as the kernel and people write it: `0-7,12`. `None` if it is none, or has a number that no processor can have.
#[must_use]
pub fn read(text: &str) -> Option<Numbers> {
    let mut numbers = Numbers::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first > last || last >= CpuSet::count() {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// The list that is read as these numbers.
#[must_use]
pub fn shown(numbers: &Numbers) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in numbers.iter().copied() {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(",")
}

/// How many processors this thread and what it starts can use at once: the least of those that it is kept on and of the
/// share of time that its cgroups give it, both of which the standard library asks for. One, where the system does not say.
#[must_use]
pub fn count() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The processors that this thread may use.
///
/// # Errors
/// If the system does not say.
pub fn allowed() -> Result<Numbers> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).context("asking for our processors")?;
    let is_set = |cpu: &usize| allowed.is_set(*cpu).unwrap_or(false);
    Ok((0..CpuSet::count()).filter(is_set).collect())
}

/// Keeps this thread, and what it starts from now on, on these processors.
///
/// # Errors
/// If the system refuses.
pub fn keep_on(processors: &Numbers) -> Result<()> {
    let keep = || -> nix::Result<()> {
        let mut set = CpuSet::new();
        processors.iter().try_for_each(|cpu| set.set(*cpu))?;
        sched_setaffinity(Pid::from_raw(0), &set)
    };
    keep().with_context(|| format!("keeping to the processors {}", shown(processors)))
}

/// A node: memory, and the processors that are near to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub number: usize,
    /// Its processors; none, if it is memory alone.
    pub processors: Numbers,
}

/// The nodes of this machine; `root` is `/` but in tests. None where the system tells of none.
#[must_use]
pub fn nodes(root: &Path) -> Vec<Node> {
    let dir = root.join("sys/devices/system/node");
    let list = |path: String| read(&fs::read_to_string(dir.join(path)).ok()?);
    let node = |number: usize| Node {
        number,
        processors: list(format!("node{number}/cpulist")).unwrap_or_default(),
    };
    let online = list("online".to_owned()).unwrap_or_default();
    online.into_iter().map(node).collect()
}

/// linux/mempolicy.h.
const MPOL_INTERLEAVE: libc::c_long = 3;

/// Spreads the memory of this thread, and of what it starts from now on, over these `nodes`.
///
/// # Errors
/// If the system refuses, as containers do.
pub fn interleave(nodes: &[Node]) -> Result<()> {
    const BITS: usize = libc::c_ulong::BITS as usize;
    let most = nodes.iter().map(|node| node.number).max().unwrap_or(0);
    let mut mask: Vec<libc::c_ulong> = vec![0; most / BITS + 1];
    for node in nodes {
        mask[node.number / BITS] |= 1 << (node.number % BITS);
    }
    // SAFETY: the kernel reads as many bits as it is told of, one less than their number, from memory that lives.
    let refused = unsafe {
        let bits = mask.len() * BITS + 1;
        libc::syscall(
            libc::SYS_set_mempolicy,
            MPOL_INTERLEAVE,
            mask.as_ptr(),
            bits,
        )
    };
    match refused {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error())
            .context("spreading memory over the nodes (containers may not): leave --numa out"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_shown() {
        for (text, numbers) in [
            ("0-3,12\n", &[0, 1, 2, 3, 12][..]),
            ("5", &[5]),
            ("1, 0", &[0, 1]),
            ("2-2", &[2]),
        ] {
            assert_eq!(read(text).unwrap(), numbers.iter().copied().collect());
        }
        assert_eq!(shown(&read("12,0-2,3").unwrap()), "0-3,12");
        for text in ["", "a", "3-1", "1-", "-1", "0,,1", "0-99999999"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn nodes_have_the_processors_that_the_system_tells_of() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(nodes(root.path()), []);
        let dir = root.path().join("sys/devices/system/node");
        for (file, text) in [
            ("online", "0,2\n"),
            ("node0/cpulist", "0-1\n"),
            ("node2/cpulist", "\n"),
        ] {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let node = |number, processors: &[usize]| Node {
            number,
            processors: processors.iter().copied().collect(),
        };
        assert_eq!(nodes(root.path()), [node(0, &[0, 1]), node(2, &[])]);
    }

    #[test]
    fn a_thread_keeps_to_one_of_its_processors() {
        let one: Numbers = allowed().unwrap().into_iter().take(1).collect();
        let kept = one.clone();
        std::thread::spawn(move || {
            keep_on(&kept).unwrap();
            assert_eq!((allowed().unwrap(), count()), (kept, 1));
        })
        .join()
        .unwrap();
        assert!(allowed().unwrap().is_superset(&one));
    }
}
