//! What is printed for those who run GNU parallel, or Kubernetes.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{self, Path},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Errand, Told};
use crate::{
    os::{exit::UsageError, process::quoted},
    submit::{
        kubernetes::{self, Cluster},
        parallel::{self, Hosts},
    },
};

/// Kubernetes takes this many indexes where each may fail by itself.
const MOST_INDEXES: usize = 100_000;

impl Errand<'_> {
    /// Prints what runs GNU parallel.
    pub(super) fn for_parallel(&self) -> Result<Told> {
        let mut tasks = self.planned.tasks()?;
        let mut missing = self.missing(&tasks, |_| None);
        // A task has all memory of its host, whatever it needs.
        missing.iter_mut().for_each(|one| one.least_bytes = 0);
        let named = self.args.hosts.clone().unwrap_or_default();
        let file = path::absolute(&named).unwrap_or_default();
        let hosts = match file.is_file() {
            true => Hosts::In(&file),
            false => Hosts::Named(&named),
        };
        self.require_lines()?;
        hosts.require_reachable(self.args.packed)?;
        let (text, arrays) = if self.args.packed {
            let chunks: Vec<usize> = missing.iter().map(|one| one.chunk.index).collect();
            let text = parallel::printed_packed(&self.order(), &chunks, hosts);
            (text, Vec::new())
        } else {
            let arrays = self.added(&mut tasks, &missing, usize::MAX);
            self.keep(&tasks, &arrays)?;
            (parallel::printed(&self.order(), &arrays, hosts), arrays)
        };
        let more = json!({"lines": text});
        Ok(self.told(&missing, &arrays, text, more))
    }

    /// Makes sure that every name can stand in a line, for a shell of whichever kind.
    fn require_lines(&self) -> Result<(), UsageError> {
        let [program, own] = &self.programs;
        for path in [&self.dir, program, own] {
            let is_a_line = path
                .to_str()
                .is_some_and(|name| !name.contains(char::is_control));
            if !is_a_line {
                return Err(UsageError(format!(
                    "GNU parallel takes lines of text, and {} is none: name it by a link, such as `ln -s {0} job`",
                    quoted(path.as_os_str())
                )));
            }
        }
        Ok(())
    }

    /// Prints what Kubernetes is given.
    pub(super) fn for_kubernetes(&self) -> Result<Told> {
        let mut tasks = self.planned.tasks()?;
        let missing = self.missing(&tasks, |_| None);
        if missing.is_empty() {
            return Ok(self.told(&missing, &[], String::new(), Value::Null));
        }
        let line = self.planned.line()?;
        let owner = fs::metadata(&self.dir).context("looking at the job directory")?;
        let cluster = Cluster {
            image: &self.args.image,
            claim: &self.args.claim,
            source: Path::new(line.input.as_os()),
            owner: (owner.uid(), owner.gid()),
        };
        let arrays = self.added(&mut tasks, &missing, MOST_INDEXES);
        // Nothing is written before: a name may be one that cannot stand in a manifest.
        let manifest = kubernetes::manifest(&self.order(), &arrays, &cluster)?;
        self.keep(&tasks, &arrays)?;
        let text = serde_json::to_string_pretty(&manifest)?;
        let more = json!({"manifest": manifest});
        Ok(self.told(&missing, &arrays, text, more))
    }
}
