//! GNU parallel: the line that runs tasks on hosts that are reached by ssh.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail};

use super::scheduler::{Array, Order, typed};
use crate::os::{exit::UsageError, process::quoted, words::ranges};

/// On which hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts<'a> {
    /// On these, separated by commas.
    Named(&'a OsStr),
    /// On those that a file names, one in each line.
    In(&'a Path),
}

impl Hosts<'_> {
    /// Makes sure that there is a host, and that packed files get to each.
    ///
    /// # Errors
    /// If that is not so, or if the file that names them cannot be read.
    pub fn require_reachable(self, packed: bool) -> Result<()> {
        let names = match self {
            Self::Named(names) => names.to_string_lossy().replace(',', "\n"),
            Self::In(file) => fs::read_to_string(file)
                .with_context(|| format!("reading the hosts in {}", quoted(file.as_os_str())))?,
        };
        let mut names = names.lines().map(str::trim).filter(|name| !name.is_empty());
        // parallel sends no file to where it runs itself.
        let is_here = |name: &str| name.rsplit('/').next() == Some(":");
        if packed && names.clone().any(is_here) {
            bail!(UsageError(
                "--packed with the host `:`, which is this one: it sees the job, and encodes its chunks without it".to_owned()
            ));
        }
        if names.next().is_none() {
            bail!(UsageError(
                "--hosts: no host is named: names separated by commas, or a file with one in each line".to_owned()
            ));
        }
        Ok(())
    }

    fn words(self) -> [OsString; 2] {
        match self {
            Self::Named(names) => ["--sshlogin".into(), names.into()],
            Self::In(file) => ["--sshloginfile".into(), file.into()],
        }
    }
}

/// How often a task is tried, each time on another host.
const TRIES: &str = "3";

/// The lines for a shell that run all tasks, one at a time on each host with all that it has, and then join.
///
/// parallel quotes what it puts into the place of `{1}` and `{2}` for the shell of the host, whatever is in it, if the
/// command does not begin with one of them; a file's name is nowhere else.
#[must_use]
pub fn printed(order: &Order, arrays: &[Array], hosts: Hosts) -> String {
    let mut text = String::new();
    for array in arrays {
        let mut words = begun(order, hosts);
        words.extend(["env", "{1}", "chunk", "{2}"].map(Into::into));
        words.extend(order.options_of_whole_host(array));
        words.push(":::".into());
        words.push(order.program.into());
        words.push(":::".into());
        words.push(order.job.into());
        words.extend(["::::", "-"].map(Into::into));
        text += &format!("seq {} | {}\n", array.tasks.len(), typed(&words));
    }
    text + &typed(&order.join_here()) + "\n"
}

/// The same for hosts that see neither job nor source: each chunk travels as one file, and comes back as two. The lines are
/// run in the job directory, since parallel takes relative names along.
#[must_use]
pub fn printed_packed(order: &Order, chunks: &[usize], hosts: Hosts) -> String {
    let mut text = format!("cd {}\n", quoted(order.job.as_os_str()));
    for range in ranges(chunks).split(", ").filter(|range| !range.is_empty()) {
        let mut pack: Vec<OsString> = vec![order.own.into(), "chunk".into(), ".".into()];
        pack.extend(["--chunks".into(), range.into(), "--pack".into()]);
        text += &(typed(&pack) + "\n");
    }
    let mut words = begun(order, hosts);
    let travel = [
        "--workdir",
        "...",
        "--transferfile",
        "{2}.mkv",
        "--return",
        "{2}.ivf",
        "--return",
        "{2}.json",
        "--cleanup",
        "env",
        "{1}",
        "chunk",
        "--packed",
        "{2}.mkv",
        ":::",
    ];
    words.extend(travel.map(Into::into));
    words.push(order.program.into());
    words.push(":::".into());
    words.extend(
        chunks
            .iter()
            .map(|index| format!("chunks/{index:05}").into()),
    );
    text + &typed(&words) + "\n" + &typed(&order.join_here()) + "\n"
}

fn begun(order: &Order, hosts: Hosts) -> Vec<OsString> {
    let mut words = vec!["parallel".into()];
    words.extend(hosts.words());
    words.extend(["-j1", "--retries", TRIES].map(Into::into));
    words.extend_from_slice(order.further);
    words
}

#[cfg(test)]
mod tests {
    use super::{
        super::scheduler::tests::{array, order},
        *,
    };

    #[test]
    fn names_are_only_where_parallel_quotes_them() {
        let order = order("/films/{} {1} $(x).av1enc");
        let text = printed(&order, &[array()], Hosts::Named("a,b".as_ref()));
        let expected = "seq 12 | parallel --sshlogin 'a,b' -j1 --retries 3 env '{1}' chunk '{2}' --task auto --task-offset 3 \
                        ::: /opt/av1enc ::: '/films/{} {1} $(x).av1enc' :::: -\n\
                        av1enc join '/films/{} {1} $(x).av1enc'\n";
        assert_eq!(text, expected);
        let file = printed(&order, &[], Hosts::In("/etc/hosts of mine".as_ref()));
        assert_eq!(file, "av1enc join '/films/{} {1} $(x).av1enc'\n");
    }

    #[test]
    fn packed_chunks_travel_by_relative_names() {
        let order = order("/films/it's.av1enc");
        let hosts = Hosts::In("/etc/a b".as_ref());
        let text = printed_packed(&order, &[0, 1, 2, 5], hosts);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "cd \"/films/it's.av1enc\"");
        assert_eq!(lines[1], "av1enc chunk . --chunks 0-2 --pack");
        assert_eq!(lines[2], "av1enc chunk . --chunks 5 --pack");
        assert!(
            lines[3].starts_with("parallel --sshloginfile '/etc/a b' -j1 "),
            "{text}"
        );
        assert!(lines[3].ends_with(" ::: chunks/00000 chunks/00001 chunks/00002 chunks/00005"));
        assert_eq!(lines[4], "av1enc join \"/films/it's.av1enc\"");
    }
}
