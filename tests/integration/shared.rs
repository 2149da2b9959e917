//! `--shared`: several accounts of one group work on a job, one after the other, and nobody else does.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
};

use nix::{sys::signal::Signal, unistd::geteuid};

use crate::{clips, run::Run};

/// A group that no account of the machine has by itself.
const GROUP: u32 = 54_321;

/// A directory in which that group may write, with the film and a copy of the program that every account can run.
fn place() -> Option<tempfile::TempDir> {
    if !geteuid().is_root() {
        eprintln!("SKIPPED, nothing is tested here: only root can be other accounts");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &Path, name: &str, mode: u32| {
        let to = dir.path().join(name);
        fs::copy(from, &to).unwrap();
        fs::set_permissions(to, fs::Permissions::from_mode(mode)).unwrap();
    };
    copy(Path::new(env!("CARGO_BIN_EXE_av1enc")), "av1enc", 0o755);
    copy(&clips::five_scenes(), "film.mkv", 0o644);
    chown(dir.path(), None, Some(GROUP)).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o2775)).unwrap();
    Some(dir)
}

/// An encode by the account with this number, as a member of some groups. What root has set up for itself it cannot read, so it
/// takes what the system has.
fn by(account: u32, groups: &str, dir: &Path) -> Run {
    let home = dir.join(format!("home-{account}"));
    fs::create_dir_all(&home).unwrap();
    chown(&home, Some(account), Some(account)).unwrap();
    let account = account.to_string();
    let run = Run::bare(dir).begun_by(&[
        "setpriv",
        "--reuid",
        &account,
        "--regid",
        &account,
        "--groups",
        groups,
        "sh",
        "-c",
        "exec ./av1enc \"$@\"",
    ]);
    run.env("HOME", &home)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("XDG_DATA_HOME", home.join("data"))
        .args(["film.mkv", "--temp", "job", "--json", "-w", "1"])
        .args([
            "--chunk-method",
            "linear",
            "-e",
            "libsvtav1",
            "--preset",
            "8",
        ])
}

#[test]
fn a_job_that_one_account_has_begun_is_finished_by_another_of_its_group_and_by_no_other() {
    let Some(dir) = place() else { return };
    let (dir, group) = (dir.path(), GROUP.to_string());
    let begun = by(1, &group, dir)
        .args(["-o", "out.mkv", "--shared"])
        .start();
    let record = || dir.join("job/chunks/00000.json").exists();
    let begun = begun.wait_until("a chunk is finished", record);
    begun.signal(Signal::SIGTERM);
    begun.ends();
    assert_eq!(
        fs::metadata(dir.join("job")).unwrap().mode() & 0o7777,
        0o2770
    );
    assert_eq!(
        fs::metadata(dir.join("job/job.json")).unwrap().mode() & 0o777,
        0o660
    );
    let stranger = by(3, "3", dir)
        .args(["-o", "home-3/out.mkv", "--shared"])
        .ends()
        .exits(3);
    let _ = stranger.says("belongs to");
    let unasked = by(2, &group, dir).args(["-o", "out.mkv"]).ends().exits(3);
    let _ = unasked.says("add --shared if that group works on it together");
    let finished = by(2, &group, dir)
        .args(["-o", "out.mkv", "--shared"])
        .succeeds();
    let resumed = finished.finished()["resumed_chunks"].as_u64();
    finished.expect(
        resumed >= Some(1),
        "what the first account has made is used",
    );
    assert_eq!(fs::metadata(dir.join("out.mkv")).unwrap().uid(), 2);
    assert!(!dir.join("job").exists());
}

#[test]
fn a_directory_that_everybody_can_write_is_not_shared_but_open() {
    let Some(dir) = place() else { return };
    let job = dir.path().join("job");
    fs::create_dir(&job).unwrap();
    for mode in [0o2777, 0o2772] {
        fs::set_permissions(&job, fs::Permissions::from_mode(mode)).unwrap();
        let refused = by(0, "0", dir.path())
            .args(["-o", "out.mkv", "--shared"])
            .ends()
            .exits(3);
        let _ = refused.says("can be written by other users");
    }
}
