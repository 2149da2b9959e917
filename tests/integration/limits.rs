//! What a machine limits or lacks beside memory and disks: processes, locales, patience with an encoder that hangs.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process,
};

use nix::sys::signal::Signal;

use crate::{
    check::is_whole,
    clips,
    encoders::{real, script},
    run::{Run, nothing_is_left_running},
};

/// A control group, removed on drop.
pub struct Group(PathBuf);

impl Group {
    /// One in which so many processes and threads may be; `None`, and a loud word, where there can be none.
    fn of(most: usize) -> Option<Self> {
        Self::limited(
            &["/sys/fs/cgroup/pids", "/sys/fs/cgroup"],
            &["pids.max"],
            most as u64,
        )
    }

    /// One that may take so many MiB of memory.
    pub fn of_memory(mib: u64) -> Option<Self> {
        Self::limited(
            &["/sys/fs/cgroup/memory", "/sys/fs/cgroup"],
            &["memory.limit_in_bytes", "memory.max"],
            mib << 20,
        )
    }

    /// One below the first of the `roots` where the first of the `files` that is there takes the limit.
    fn limited(roots: &[&str], files: &[&str], most: u64) -> Option<Self> {
        let made = roots.iter().find_map(|root| {
            let group = Self(Path::new(root).join(format!("av1enc-test-{}-{most}", process::id())));
            fs::create_dir(&group.0).ok()?;
            let mut files = files.iter().map(|file| group.0.join(file));
            let file = files.find(|file| file.exists())?;
            fs::write(file, most.to_string()).ok()?;
            Some(group)
        });
        if made.is_none() {
            eprintln!("SKIPPED, nothing is tested here: no control group can be made");
        }
        made
    }

    /// The same run in the group.
    pub fn holds(&self, run: Run) -> Run {
        let script = "echo $$ >\"$0\" && exec \"$@\"";
        let file = self.0.join("cgroup.procs");
        run.begun_by(&["sh", "-c", script, file.to_str().unwrap()])
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_limit_of_processes_is_met_with_words() {
    for most in [3, 6, 10, 14, 20] {
        let Some(group) = Group::of(most) else { return };
        let dir = tempfile::tempdir().unwrap();
        let run = group.holds(Run::encode(dir.path(), clips::one_frame(), "out.mkv"));
        let _ = run
            .fails(1)
            .says("the system gives av1enc only")
            .says("raise the limit");
        nothing_is_left_running(dir.path());
    }
}

#[test]
fn where_processes_are_just_enough_the_film_is_whole() {
    let Some(group) = Group::of(48) else { return };
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::one_scene(), "out.mkv").args(["--crf", "20"]);
    group.holds(run).succeeds();
    is_whole(&dir.path().join("out.mkv"), &clips::one_scene(), 48);
}

#[test]
fn a_locale_that_is_not_installed_is_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    for (name, locale) in [("LC_ALL", "xx_XX.UTF-8"), ("LANG", "xx_XX")] {
        let run =
            Run::encode(dir.path(), clips::one_frame(), "out.mkv").args(["-y", "--crf", "20"]);
        run.without_env("LC_ALL").env(name, locale).succeeds();
        is_whole(&dir.path().join("out.mkv"), &clips::one_frame(), 1);
        let doctor = Run::bare(dir.path()).arg("doctor");
        let _ = doctor.without_env("LC_ALL").env(name, locale).succeeds();
    }
}

#[test]
fn a_film_with_accents_is_whole_where_there_is_no_locale() {
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("Début.mkv");
    fs::copy(clips::film(), &film).unwrap();
    let run = Run::encode(dir.path(), &film, "été.mkv").env("LC_ALL", "C");
    run.args(["--crf", "20"]).succeeds();
    is_whole(&dir.path().join("été.mkv"), &film, 120);
}

#[test]
fn an_encoder_that_hangs_in_its_trial_is_waited_for_as_long_as_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = dir.path().join("SvtAv1EncApp");
    let real = real().to_str().unwrap();
    let real = shlex::try_quote(real).unwrap();
    let text = format!(
        "#!/bin/sh\ncase $1 in --version | --help) exec {real} \"$1\" ;; esac\nexec sleep 1000000\n"
    );
    // Under its name only when it is whole: another thread's fork must not hold it open for writing at our exec.
    let part = dir.path().join("encoder.new");
    fs::write(&part, text).unwrap();
    fs::set_permissions(&part, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&part, &encoder).unwrap();
    let run = Run::encode(dir.path(), clips::one_frame(), "out.mkv").arg("--encoder-path");
    let run = run.arg(&encoder).args(["--stall-timeout", "2"]);
    let _ = run
        .fails(1)
        .says("the encoder hangs: 2 grey frames of")
        .says("longer than 2 s (--stall-timeout");
}

#[test]
fn what_an_encoder_leaves_behind_as_a_daemon_ends_with_the_run() {
    let daemon =
        "setsid sh -c 'touch ../lab/daemon; sleep 1000000; :' </dev/null >/dev/null 2>&1 &";
    for killed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let encoder = script(dir.path(), daemon);
        let run = Run::encode(dir.path(), clips::one_scene(), "out.mkv").arg("--encoder-path");
        let begun = dir.path().join("lab/daemon");
        let run = run.arg(&encoder).start();
        let run = run.wait_until("a daemon", || begun.exists());
        if killed {
            run.signal(Signal::SIGKILL);
            let _ = run.ends().dies_of(Signal::SIGKILL);
        } else {
            let _ = run.ends().exits(0);
        }
        nothing_is_left_running(dir.path());
    }
}
