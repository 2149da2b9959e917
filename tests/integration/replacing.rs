//! An output that takes the place of its original: there is no moment without a film, and the original comes back.

use std::{
    fs::{self, File, FileTimes, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use nix::{sys::signal::Signal, unistd::geteuid};
use serde_json::Value;

use crate::{
    chance::Chance,
    check::File as Checked,
    clips, films,
    lab::{Mount, names},
    run::{Run, nothing_is_left_running},
};

/// A directory with a film of this name.
fn place(name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::one_frame(), dir.path().join(name)).unwrap();
    dir
}

fn replace(dir: &Path, name: &str) -> Run {
    Run::bare(dir).args([name, "--replace", "--preset", "12"])
}

fn restore(dir: &Path, name: &str) -> Run {
    Run::bare(dir).args(["restore", name])
}

fn original() -> Vec<u8> {
    fs::read(clips::one_frame()).unwrap()
}

/// The attribute by which a backup says since when and for what it is kept.
const KEPT: &str = "user.av1enc.kept";

fn kept_for(backup: &Path) -> Option<Vec<u8>> {
    xattr::get(backup, KEPT).ok().flatten()
}

/// Makes a backup as old as can be; whether there is what says how old it is.
fn is_aged(backup: &Path) -> bool {
    let Some(text) = kept_for(backup) else {
        return false;
    };
    let mut kept: serde_json::Value = serde_json::from_slice(&text).unwrap();
    kept["since"] = 1.into();
    xattr::set(backup, KEPT, kept.to_string().as_bytes()).is_ok()
}

fn is_av1(path: &Path) -> bool {
    Checked::open(path).video()["codec_name"] == "av1"
}

#[test]
fn the_output_has_the_place_and_the_belongings_of_its_original_which_comes_back() {
    let dir = place("film.mkv");
    let [film, kept, other] = ["film.mkv", "film.orig.mkv", "other"].map(|it| dir.path().join(it));
    fs::hard_link(&film, &other).unwrap();
    fs::set_permissions(&film, Permissions::from_mode(0o640)).unwrap();
    let has_attributes = xattr::set(&film, "user.note", b"mine").is_ok();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let times = FileTimes::new().set_modified(time);
    File::options()
        .write(true)
        .open(&film)
        .unwrap()
        .set_times(times)
        .unwrap();
    if geteuid().is_root() {
        std::os::unix::fs::chown(&film, Some(1), Some(2)).unwrap();
    }
    let before = fs::metadata(&film).unwrap();
    let ended = replace(dir.path(), "film.mkv").succeeds();
    let _ = ended.says("has 2 names (hard links)");
    assert!(is_av1(&film) && fs::read(&kept).unwrap() == original());
    assert_eq!(names(dir.path()), ["film.mkv", "film.orig.mkv", "other"]);
    let after = fs::metadata(&film).unwrap();
    let belongings = |it: &fs::Metadata| (it.uid(), it.gid(), it.mode(), it.mtime());
    assert_eq!(belongings(&after), belongings(&before));
    if has_attributes {
        assert_eq!(xattr::get(&film, "user.note").unwrap().unwrap(), b"mine");
    }
    assert_eq!(
        fs::metadata(&other).unwrap().ino(),
        fs::metadata(&kept).unwrap().ino()
    );
    // Once more: the first original is in no danger.
    let again = replace(dir.path(), "film.mkv").ends().exits(3);
    let _ = again.says("was replaced before").says("`av1enc restore ");
    let again = replace(dir.path(), "film.orig.mkv").ends().exits(2);
    let _ = again.says("is an original that --replace has kept");
    let _ = restore(dir.path(), "film.mkv").succeeds();
    assert_eq!(fs::read(&film).unwrap(), original());
    assert_eq!(names(dir.path()), ["film.mkv", "other"]);
    let _ = restore(dir.path(), "film.mkv")
        .ends()
        .exits(1)
        .says("no original of");
}

#[test]
fn a_film_that_is_no_matroska_gets_another_name_and_comes_back_to_its_own() {
    let dir = place("film.mp4");
    let _ = replace(dir.path(), "film.mp4").succeeds();
    assert_eq!(names(dir.path()), ["film.mkv", "film.orig.mp4"]);
    assert!(is_av1(&dir.path().join("film.mkv")));
    if kept_for(&dir.path().join("film.orig.mp4")).is_some() {
        // Under either name: it is not encoded once more.
        for name in ["film.mkv", "film.mp4"] {
            let again = replace(dir.path(), name).ends().exits(3);
            let _ = again.says("was replaced before").says("`av1enc restore ");
        }
    }
    let _ = restore(dir.path(), "film.mkv").succeeds();
    assert_eq!(names(dir.path()), ["film.mp4"]);
    assert_eq!(fs::read(dir.path().join("film.mp4")).unwrap(), original());
    // Of another film, nothing is touched.
    fs::write(dir.path().join("film.mkv"), "mine").unwrap();
    let _ = replace(dir.path(), "film.mp4").arg("-y").ends().exits(3);
    assert_eq!(fs::read(dir.path().join("film.mkv")).unwrap(), b"mine");
}

#[test]
fn originals_go_elsewhere_or_nowhere_and_are_removed_in_time_and_others_never() {
    let dir = place("film.mkv");
    let disk = Mount::tmpfs(dir.path().join("disk"), 16);
    let elsewhere = dir.path().join("disk");
    let run = replace(dir.path(), "film.mkv").args(["--backup-dir", "disk"]);
    let _ = run.succeeds();
    assert_eq!(names(&elsewhere), ["film.orig.mkv"]);
    assert_eq!(
        fs::read(elsewhere.join("film.orig.mkv")).unwrap(),
        original()
    );
    // Two more that are as old as can be: of a film that nobody has made of it, and of one that is gone.
    for name in ["mine.orig.mkv", "gone.orig.mkv"] {
        fs::write(elsewhere.join(name), "mine").unwrap();
    }
    fs::write(dir.path().join("mine.mkv"), "mine").unwrap();
    let has_attributes = ["gone.orig.mkv", "mine.orig.mkv"].iter().all(|name| {
        let kept = kept_for(&elsewhere.join("film.orig.mkv"));
        kept.is_some_and(|kept| xattr::set(elsewhere.join(name), KEPT, &kept).is_ok())
            && is_aged(&elsewhere.join(name))
    });
    fs::copy(clips::one_frame(), dir.path().join("b.mkv")).unwrap();
    let next = |age: &str| {
        fs::copy(clips::one_frame(), dir.path().join("b.mkv")).unwrap();
        let run = replace(dir.path(), "b.mkv").args(["--backup-dir", "disk"]);
        let ended = run.args(["--keep-backup", age]).succeeds();
        fs::remove_file(elsewhere.join("b.orig.mkv")).unwrap();
        ended
    };
    let _ = next("1h");
    assert_eq!(names(&elsewhere).len(), 3);
    if has_attributes {
        assert!(is_aged(&elsewhere.join("film.orig.mkv")));
        let _ = next("1h").says("it was kept long enough");
        assert_eq!(names(&elsewhere), ["gone.orig.mkv", "mine.orig.mkv"]);
    }
    let _ = restore(dir.path(), "b.mkv")
        .args(["--backup-dir", "disk"])
        .ends()
        .exits(1);
    fs::copy(clips::one_frame(), dir.path().join("c.mkv")).unwrap();
    let _ = replace(dir.path(), "c.mkv").arg("--no-backup").succeeds();
    assert!(is_av1(&dir.path().join("c.mkv")) && !dir.path().join("c.orig.mkv").exists());
    drop(disk);
}

#[test]
fn an_original_of_many_names_and_another_owner_is_kept_on_another_disk_with_all_its_belongings() {
    let dir = place("film.mkv");
    let film = dir.path().join("film.mkv");
    let Some(disk) = Mount::tmpfs(dir.path().join("disk"), 16) else {
        return;
    };
    fs::hard_link(&film, dir.path().join("other")).unwrap();
    std::os::unix::fs::chown(&film, Some(1), Some(2)).unwrap();
    let note = xattr::set(&film, "user.note", b"mine");
    let run = replace(dir.path(), "film.mkv").args(["--backup-dir", "disk"]);
    let _ = run.succeeds();
    let kept = disk.path().join("film.orig.mkv");
    assert_eq!(fs::read(&kept).unwrap(), original());
    assert_eq!(fs::metadata(&kept).unwrap().uid(), 1);
    if note.is_ok() && xattr::set(disk.path(), "user.note", b"").is_ok() {
        assert_eq!(xattr::get(&kept, "user.note").unwrap().unwrap(), b"mine");
    }
    let _ = restore(dir.path(), "film.mkv")
        .args(["--backup-dir", "disk"])
        .succeeds();
    assert_eq!(fs::read(&film).unwrap(), original());
    assert_eq!(names(disk.path()), [""; 0]);
}

#[test]
fn what_is_nobodys_output_is_not_overwritten_by_an_original() {
    let dir = place("film.mkv");
    let _ = replace(dir.path(), "film.mkv").succeeds();
    let film = dir.path().join("film.mkv");
    // Another film of that name, and an original of the user's own.
    fs::remove_file(&film).unwrap();
    for name in ["film.mkv", "cut.mkv", "cut.orig.mkv"] {
        fs::write(dir.path().join(name), "mine").unwrap();
    }
    for name in ["film.mkv", "cut.mkv"] {
        let refused = restore(dir.path(), name).ends().exits(3);
        let _ = refused.says("nothing tells that av1enc has made it");
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), b"mine");
    }
    assert_eq!(fs::read(dir.path().join("cut.orig.mkv")).unwrap(), b"mine");
    fs::remove_file(&film).unwrap();
    let _ = restore(dir.path(), "film.mkv").succeeds();
    assert_eq!(fs::read(&film).unwrap(), original());
}

#[test]
fn a_film_that_takes_the_name_of_a_killed_runs_source_stays() {
    let tools = tempfile::tempdir().unwrap();
    let library = library(tools.path());
    let dir = place("film.mp4");
    // Once the output has its name, and before the original is removed.
    let run = replace(dir.path(), "film.mp4").arg("--no-backup");
    let run = run.env("KILLED_AT", "1").env("LD_PRELOAD", &library);
    let _ = run.ends().dies_of(Signal::SIGKILL);
    assert!(is_av1(&dir.path().join("film.mkv")));
    fs::write(dir.path().join("film.mp4"), "another film").unwrap();
    let again = replace(dir.path(), "film.mp4").arg("--no-backup").arg("-y");
    let _ = again.ends().exits(3).says("film.mkv exists");
    assert_eq!(
        fs::read(dir.path().join("film.mp4")).unwrap(),
        b"another film"
    );
}

#[test]
fn the_second_night_leaves_alone_what_the_first_has_replaced() {
    let dir = place("film.mkv");
    let night = |name: &str| replace(dir.path(), name).args(["--skip", "av1,own"]).ends();
    let _ = night("film.mkv").exits(0);
    let _ = night("film.mkv").exits(4).says("its original is");
    let _ = night("film.orig.mkv")
        .exits(4)
        .says("is a kept original by its name");
    // Settings of a file hold where something is replaced, and are no error where nothing is.
    fs::write(dir.path().join("c.toml"), "backup-dir = 'kept'\n").unwrap();
    fs::create_dir(dir.path().join("kept")).unwrap();
    fs::copy(clips::one_frame(), dir.path().join("b.mkv")).unwrap();
    let with = |args: &[&str]| {
        Run::bare(dir.path())
            .args(["b.mkv", "--config", "c.toml"])
            .args(args)
    };
    let _ = with(&["--dry-run"])
        .succeeds()
        .says("--backup-dir: nothing is replaced");
    let _ = with(&["--replace", "--preset", "12"]).succeeds();
    assert_eq!(names(&dir.path().join("kept")), ["b.orig.mkv"]);
    let kept = restore(dir.path(), "kept/b.orig.mkv").succeeds();
    let _ = kept.prints("b.mkv is the original again");
    assert_eq!(fs::read(dir.path().join("b.mkv")).unwrap(), original());
    fs::copy(clips::one_frame(), dir.path().join("noext")).unwrap();
    let _ = replace(dir.path(), "noext")
        .ends()
        .exits(2)
        .says("has no ending");
}

#[test]
fn a_film_of_which_nothing_was_encoded_is_not_replaced_by_what_lies_beside_it() {
    let dir = place("film.mp4");
    let beside = dir.path().join("film.webm");
    fs::copy(clips::one_scene(), &beside).unwrap();
    let run = Run::bare(dir.path()).args(["film.mp4", "-o", "film.mkv", "--preset", "12"]);
    let _ = run.arg("--keep").succeeds();
    for name in ["film.webm", "film.mp4"] {
        let run = replace(dir.path(), name).arg("--no-backup");
        let _ = run.ends().exits(3).says("film.mkv exists");
    }
    assert_eq!(
        fs::read(&beside).unwrap(),
        fs::read(clips::one_scene()).unwrap()
    );
    assert_eq!(fs::read(dir.path().join("film.mp4")).unwrap(), original());
}

#[test]
fn what_takes_the_backups_name_meanwhile_is_no_backup() {
    let dir = place("film.mkv");
    let run = replace(dir.path(), "film.mkv").start();
    let job = dir.path().join("film.mkv.av1enc/job.json");
    let run = run.wait_until("it has begun", || job.exists());
    fs::write(dir.path().join("film.orig.mkv"), "mine").unwrap();
    let _ = run.ends().exits(3).says("film.mkv stays as it was");
    assert_eq!(fs::read(dir.path().join("film.mkv")).unwrap(), original());
    assert_eq!(fs::read(dir.path().join("film.orig.mkv")).unwrap(), b"mine");
}

#[test]
fn what_is_not_proven_replaces_nothing_and_is_encoded_beside_its_source_by_what_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (film, damaged) = (
        dir.path().join("film.mkv"),
        films::damaged().remove(1).path(),
    );
    fs::copy(&damaged, &film).unwrap();
    let run = replace(dir.path(), "film.mkv").arg("--no-backup");
    let refused = run.ends().exits(8).says("film.mkv stays as it was");
    let (_, told) = refused.stderr.split_once("--temp ").unwrap();
    let job = told.split('`').next().unwrap();
    assert_eq!(fs::read(&film).unwrap(), fs::read(&damaged).unwrap());
    let beside = Run::encode(dir.path(), "film.mkv", "beside.mkv").args(["--temp", job]);
    let _ = beside
        .succeeds()
        .prints("not proven, for the source is damaged");
}

/// Makes no hard links of films, and exchanges no names of theirs.
const REFUSES: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
static int is_film(const char *path) { return strstr(path, "/film.") != NULL; }
int linkat(int a, const char *from, int b, const char *to, int flags) {
    int (*real)(int, const char *, int, const char *, int) = dlsym(RTLD_NEXT, "linkat");
    if (!is_film(to)) return real(a, from, b, to, flags);
    errno = EPERM;
    return -1;
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    int (*real)(int, const char *, int, const char *, unsigned) = dlsym(RTLD_NEXT, "renameat2");
    if (!(flags & 2) || !is_film(to)) return real(a, from, b, to, flags);
    errno = EPERM;
    return -1;
}
"#;

#[test]
fn where_names_cannot_be_exchanged_the_output_keeps_none() {
    let tools = tempfile::tempdir().unwrap();
    let library = compiled(tools.path(), REFUSES);
    let dir = place("film.mkv");
    let run = replace(dir.path(), "film.mkv").env("LD_PRELOAD", &library);
    let _ = run
        .ends()
        .exits(1)
        .says("film.mkv stays as it was")
        .says("exchanging");
    assert_eq!(names(dir.path()), ["film.mkv", "film.mkv.av1enc"]);
    assert_eq!(fs::read(dir.path().join("film.mkv")).unwrap(), original());
    let _ = replace(dir.path(), "film.mkv").succeeds();
    assert_eq!(names(dir.path()), ["film.mkv", "film.orig.mkv"]);
}

#[test]
fn what_cannot_be_replaced_is_left_as_it_was() {
    let dir = place("film.mkv");
    let film = dir.path().join("film.mkv");
    let asked = replace(dir.path(), "film.mkv")
        .args(["-o", "x.mkv"])
        .ends()
        .exits(2);
    let _ = asked.says("--replace");
    std::os::unix::fs::symlink("film.mkv", dir.path().join("link.mkv")).unwrap();
    let _ = replace(dir.path(), "link.mkv")
        .ends()
        .exits(3)
        .says("is a link");
    let missing = replace(dir.path(), "film.mkv").args(["--backup-dir", "nowhere"]);
    let _ = missing.ends().exits(1).says("cannot keep the original");
    let _ = replace(dir.path(), "film.mkv")
        .args(["--keep-backup", "30"])
        .ends()
        .exits(2)
        .says("30d");
    assert_eq!(names(dir.path()), ["film.mkv", "link.mkv"]);
    // Changed while it is encoded.
    let run = replace(dir.path(), "film.mkv").start();
    let job = dir.path().join("film.mkv.av1enc/job.json");
    let run = run.wait_until("it has begun", || job.exists());
    fs::write(&film, "another film").unwrap();
    let _ = run.ends().exits_with_one_of(&[1, 8]);
    assert_eq!(fs::read(&film).unwrap(), b"another film");
    assert!(!dir.path().join("film.orig.mkv").exists());
}

/// Kills the process before or after the call by which the `KILLED_AT`th change is made to a film's name.
const KILLS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void tick(const char *path) {
    static int seen = 0;
    const char *end = strrchr(path, '/'), *at = getenv("KILLED_AT");
    if (at && end && !strncmp(end, "/film.", 6) && seen++ == atoi(at)) kill(getpid(), SIGKILL);
}
#define WRAP(name, params, args, path) \
    int name params { \
        int (*real) params = dlsym(RTLD_NEXT, #name); \
        tick(path); \
        int done = real args; \
        tick(path); \
        return done; \
    }
WRAP(rename, (const char *a, const char *b), (a, b), b)
WRAP(link, (const char *a, const char *b), (a, b), b)
WRAP(linkat, (int c, const char *a, int d, const char *b, int e), (c, a, d, b, e), b)
WRAP(renameat2, (int c, const char *a, int d, const char *b, unsigned e), (c, a, d, b, e), b)
WRAP(unlink, (const char *a), (a), a)
"#;

fn library(dir: &Path) -> PathBuf {
    compiled(dir, KILLS)
}

fn compiled(dir: &Path, source: &str) -> PathBuf {
    let library = dir.join("preloaded.so");
    fs::write(dir.join("preloaded.c"), source).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-w", "-o"])
        .arg(&library)
        .arg(dir.join("preloaded.c"))
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(built.success());
    library
}

/// Every film has at least so many steps.
const STEPS: usize = 4;

/// Replaces a film of this name in `dir` and is killed at some step of it, as often as chance has rounds; the same command
/// ends it.
fn killed_at_a_step(dir: &Path, library: &Path, name: &str, chance: &mut Chance) {
    let backup = name.replace("film.", "film.orig.");
    for _ in 0..chance.rounds {
        fs::copy(clips::one_frame(), dir.join(name)).unwrap();
        let step = chance.random.below(STEPS).to_string();
        let history = library.with_file_name("history.jsonl");
        let replace = || replace(dir, name).arg("--history").arg(&history);
        let run = replace().env("KILLED_AT", &step);
        let ended = run.env("LD_PRELOAD", library).ends();
        let ended = ended.dies_of(Signal::SIGKILL);
        nothing_is_left_running(dir);
        let has_film = |path: &str| fs::read(dir.join(path)).is_ok_and(|it| it == original());
        // The original is there, under one name or another.
        ended.expect(has_film(name) || has_film(&backup), "the original");
        let again = replace().succeeds();
        again.expect(has_film(&backup), "the original is kept");
        let told = fs::read_to_string(&history).unwrap();
        let line: Value = serde_json::from_str(&told).unwrap_or_default();
        let sizes =
            [backup.as_str(), "film.mkv"].map(|film| fs::metadata(dir.join(film)).unwrap().len());
        again.expect(
            [&line["original_bytes"], &line["new_bytes"]] == sizes && line["status"] == "Success",
            &format!("one line, of the sizes {sizes:?}: {told}"),
        );
        fs::remove_file(&history).unwrap();
        assert!(is_av1(&dir.join("film.mkv")));
        assert_eq!(names(dir).len(), 2, "{:?}", names(dir));
        for left in ["film.mkv", &backup] {
            fs::remove_file(dir.join(left)).unwrap();
        }
    }
}

#[test]
fn killed_at_any_step_there_is_a_film_and_the_same_command_ends_it() {
    let mut chance = Chance::of(2);
    let tools = tempfile::tempdir().unwrap();
    let library = library(tools.path());
    for name in ["film.mkv", "film.mp4"] {
        let dir = tempfile::tempdir().unwrap();
        killed_at_a_step(dir.path(), &library, name, &mut chance);
    }
    let disk = tempfile::tempdir().unwrap();
    if let Some(disk) = Mount::exfat(disk.path()) {
        killed_at_a_step(disk.path(), &library, "film.mkv", &mut chance);
    }
}
