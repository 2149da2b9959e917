//! Slurm's commands, run.

use std::{
    collections::HashMap,
    ffi::OsString,
    io::{Seek, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    os::process::{Children, Finished, ToolFailure},
    submit::slurm::{self, Fate},
};

/// What squeue and scontrol say of a job that they have forgotten.
const FORGOTTEN: &str = "Invalid job id";

/// Slurm, by the commands of this host.
pub(super) struct Slurm<'a> {
    children: &'a Children,
    sbatch: PathBuf,
    scontrol: PathBuf,
    squeue: PathBuf,
    /// Only there where somebody keeps accounts.
    sacct: Option<PathBuf>,
}

impl<'a> Slurm<'a> {
    /// Finds its commands.
    ///
    /// # Errors
    /// If one is missing.
    pub fn find(children: &'a Children) -> Result<Self> {
        let find = |name: &str| {
            which::which(name).with_context(|| {
                format!(
                    "Slurm's command {name} is not in PATH: type this on a host from which jobs are handed to Slurm, \
                     or put its directory into PATH"
                )
            })
        };
        Ok(Self {
            children,
            sbatch: find("sbatch")?,
            scontrol: find("scontrol")?,
            squeue: find("squeue")?,
            sacct: which::which("sacct").ok(),
        })
    }

    /// How many tasks an array has at most.
    pub fn most_tasks(&self) -> Result<usize> {
        let mut command = Command::new(&self.scontrol);
        command.args(["show", "config"]);
        let Finished {
            stdout, failure, ..
        } = self.children.finish(command)?;
        if let Some(failure) = failure {
            bail!(
                "asking Slurm for its configuration: {}",
                last_words(&failure)
            );
        }
        slurm::most_tasks(&String::from_utf8_lossy(&stdout))
            .context("`scontrol show config` names no MaxArraySize")
    }

    /// Which of these jobs wait or run.
    pub fn queued(&self, ids: &[String]) -> Result<Vec<String>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = Command::new(&self.squeue);
        command.args(["--noheader", "--format=%F", "--jobs"]);
        command.arg(ids.join(","));
        let Finished {
            stdout, failure, ..
        } = self.children.finish(command)?;
        match failure {
            None => (),
            Some(failure) if last_words(&failure).contains(FORGOTTEN) => return Ok(Vec::new()),
            Some(failure) => bail!("asking Slurm what waits or runs: {}", last_words(&failure)),
        }
        let text = String::from_utf8_lossy(&stdout);
        let is_queued = |id: &&String| text.lines().any(|line| line.trim() == *id);
        Ok(ids.iter().filter(is_queued).cloned().collect())
    }

    /// How the tasks of these jobs have ended, as far as Slurm still knows.
    pub fn fates(&self, jobs: &[String]) -> Result<HashMap<String, Fate>> {
        let mut fates = HashMap::new();
        for job in jobs {
            let mut command = Command::new(&self.scontrol);
            command.args(["--oneliner", "show", "job", job]);
            let seen = slurm::fates_by_scontrol(&self.said(command)?);
            let known = match &self.sacct {
                Some(sacct) if seen.is_empty() => {
                    let mut command = Command::new(sacct);
                    let format = "--format=JobID,State,ExitCode";
                    command.args(["--noheader", "--parsable2", format, "--jobs", job]);
                    slurm::fates_by_sacct(&self.said(command)?)
                }
                _ => seen,
            };
            for (task, fate) in known {
                // Of the lines of one task, the first is of all of it.
                fates.entry(task).or_insert(fate);
            }
        }
        Ok(fates)
    }

    /// What a command prints. One that fails has forgotten what it is asked, or keeps no accounts.
    fn said(&self, command: Command) -> Result<String> {
        let finished = self.children.finish(command)?;
        let text = match finished.failure {
            None => finished.stdout,
            Some(_) => Vec::new(),
        };
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Hands a job over by this line of sbatch; returns its number.
    pub fn hand_over(&self, words: &[OsString]) -> Result<String> {
        let mut script = tempfile::tempfile().context("writing what sbatch reads")?;
        script.write_all(slurm::SCRIPT.as_bytes())?;
        script.rewind()?;
        let mut command = Command::new(&self.sbatch);
        command.args(&words[1..]);
        let mut running = self.children.spawn(command, Stdio::from(script))?;
        let (stdout, stderr) = running.drain(|_| ())?;
        let status = running.wait()?;
        let (printed, said) = (stdout.join().lines(), stderr.join().lines());
        let number = printed.last().and_then(|line| slurm::job_number(line));
        match number {
            Some(number) if status.success() => Ok(number),
            _ => bail!("sbatch refuses: {}", [printed, said].concat().join("; ")),
        }
    }
}

/// How one of Slurm's commands failed, and what it said.
fn last_words(failure: &ToolFailure) -> String {
    let said = [failure.stderr.as_slice(), &failure.stdout].concat();
    format!("`{}` says: {}", failure.command, said.join("; "))
}
