//! Asks a command of the user's, again and again, whether av1enc must not work.

use std::{
    process::{Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    event::{Sink, warn},
    os::{
        process::{Children, how_it_ended},
        task, threads,
    },
};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a shell exits with that does not find a command, or cannot run it.
const NOT_RUN: [i32; 2] = [126, 127];

/// The answers of a command.
pub struct Asking(Arc<AtomicU8>);

/// Not known yet; work; do not work.
const ANSWERS: [u8; 3] = [0, 1, 2];

impl Asking {
    /// Begins to ask `command`, and so long after each answer again. What is wrong with it is told once.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn begin(command: &str, again: Duration, sink: &Sink) -> Result<Self> {
        let (answer, command, sink) =
            (Arc::<AtomicU8>::default(), command.to_owned(), sink.clone());
        let told = Arc::downgrade(&answer);
        threads::start("asking", move || {
            let mut is_known_to_fail = false;
            // Nobody wants to know any more at the end of the run.
            while let Some(answer) = told.upgrade() {
                let (answered, failed) = match ask(&command, PATIENCE) {
                    Ok(succeeds) => (ANSWERS[1 + usize::from(succeeds)], None),
                    Err(why) => (ANSWERS[1], Some(why)),
                };
                answer.store(answered, Ordering::Relaxed);
                if let Some(why) = failed.filter(|_| !is_known_to_fail) {
                    is_known_to_fail = true;
                    warn(
                        &sink,
                        format!("{why:#}: as long as that is so, there is no pause"),
                    );
                }
                thread::sleep(again);
            }
        })?;
        Ok(Self(answer))
    }

    /// Whether it has answered at all.
    pub fn has_answered(&self) -> bool {
        self.0.load(Ordering::Relaxed) != ANSWERS[0]
    }

    /// Whether it says that av1enc must not work.
    pub fn answer(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ANSWERS[2]
    }
}

/// Whether `command` succeeds.
///
/// # Errors
/// If it cannot be run, or does not end in time: then it is killed.
fn ask(command: &str, patience: Duration) -> Result<bool> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command);
    // Tools that are held are others.
    let children = Children::default();
    let of = children.clone();
    let asked = task::begin(move || run(&of, shell));
    let (status, said) = match asked.recv_timeout(patience) {
        Ok(ended) => ended.context("the command of --pause-while cannot be run")?,
        Err(_) => {
            // What has left its process group is not killed, and may hold its output open: nobody waits for that.
            children.close();
            bail!(
                "the command of --pause-while was not done in {} s",
                patience.as_secs()
            );
        }
    };
    match status.code() {
        Some(code) if !NOT_RUN.contains(&code) => Ok(code == 0),
        _ => {
            let said = said.last().map(|last| format!(": {last}"));
            let said = said.unwrap_or_default();
            bail!(
                "the command of --pause-while {}{said}",
                how_it_ended(status)
            )
        }
    }
}

/// Runs `shell` until all that it has started is done: how it ended, and its last words. What it prints is not kept.
fn run(children: &Children, shell: Command) -> Result<(ExitStatus, Vec<String>)> {
    let mut running = children.spawn(shell, Stdio::null())?;
    let (printed, words) = running.drain(|_| ())?;
    drop(printed.join());
    let said = words.join().lines();
    Ok((running.wait()?, said))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_command_that_succeeds_is_a_reason_and_one_that_fails_is_none() {
        let soon = |command| ask(command, PATIENCE);
        assert!(soon("true").unwrap());
        assert!(!soon("exit 3").unwrap());
        assert!(soon("test -e / && ! test -e '/no such file'").unwrap());
        // It succeeds, whatever it says.
        assert!(soon("echo No space left >&2").unwrap());
    }

    #[test]
    fn one_that_cannot_be_run_or_hangs_is_an_error_and_killed() {
        for (command, says) in [
            ("no-such-program-as-this", "127"),
            ("kill -9 $$", "SIGKILL"),
        ] {
            let error = format!("{:#}", ask(command, PATIENCE).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
        let error = ask("sleep 60", Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("not done in"), "{error}");
        let background = ask("sleep 60 & exit 0", Duration::from_millis(100));
        assert!(background.is_err(), "what it leaves behind is waited for");
        // It is not killed, and holds the output.
        let begun = Instant::now();
        let daemon = ask("setsid sleep 4 & exit 0", Duration::from_millis(100));
        let took = begun.elapsed();
        assert!(daemon.is_err() && took < Duration::from_secs(2), "{took:?}");
    }
}
