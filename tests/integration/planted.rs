//! What somebody else has put where av1enc reads and writes is refused in words: it is not written through, not waited for,
//! and not run.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, lchown, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    sys::stat::Mode,
    unistd::{geteuid, mkfifo},
};

use crate::{
    chance::Chance,
    clips,
    encoders::script,
    lab::{
        CHUNKS, JOB, all_but_one, copy, encode, encode_of, encode_with, fake_mkvmerge, goes_on,
        snapshot, tells, undisturbed, with_fakes,
    },
    run::{Run, nothing_is_left_running},
};

const MINE: &str = "my only copy\n";

/// A file that nothing may be written into.
fn precious(dir: &Path) -> PathBuf {
    let path = dir.join("precious");
    fs::write(&path, MINE).unwrap();
    path
}

fn in_place(dir: &Path) -> Run {
    encode_of(dir, clips::one_frame()).args(["--temp", "job"])
}

#[test]
fn a_job_directory_that_others_can_write_is_refused_with_the_command_that_ends_that() {
    let dir = tempfile::tempdir().unwrap();
    let job = dir.path().canonicalize().unwrap().join("job");
    fs::create_dir(&job).unwrap();
    for mode in [0o777, 0o775, 0o702] {
        fs::set_permissions(&job, fs::Permissions::from_mode(mode)).unwrap();
        let refused = in_place(dir.path()).ends().exits(3);
        let advice = format!("`chmod go-w {}`", job.display());
        let _ = refused.says("can be written by other users").says(&advice);
        assert_eq!(fs::read_dir(&job).unwrap().count(), 0);
    }
    let chmod = Command::new("chmod").arg("go-w").arg(&job).status();
    assert!(chmod.unwrap().success());
    let _ = in_place(dir.path()).succeeds();
}

#[test]
fn a_job_directory_of_another_user_is_refused_to_root_as_well() {
    if !geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    all_but_one(dir.path());
    let another = |path: &Path| lchown(path, Some(12345), Some(12345)).unwrap();
    let refused = |why: &str| {
        let _ = encode(dir.path()).ends().exits(3).says(why);
    };
    another(&path(JOB));
    refused("belongs to another user");
    refused("and add --shared to yours");
    for args in [&["chunk", JOB, "--any"][..], &["join", JOB]] {
        let ended = Run::bare(dir.path()).args(args).ends().exits(3);
        let ended = ended.says("name the one that `av1enc plan` has printed, or have that user");
        ended.expect(!ended.stderr.contains("--temp"), "they have no such flag");
    }
    // His link to a directory of ours, and his directory in ours.
    lchown(path(JOB), Some(0), Some(0)).unwrap();
    fs::rename(path(JOB), path("elsewhere")).unwrap();
    symlink("elsewhere", path(JOB)).unwrap();
    another(&path(JOB));
    refused("belongs to another user");
    fs::remove_file(path(JOB)).unwrap();
    fs::rename(path("elsewhere"), path(JOB)).unwrap();
    another(&path(JOB).join("chunks"));
    refused("belongs to another user");
    lchown(path(JOB).join("chunks"), Some(0), Some(0)).unwrap();
    // A file of his in it.
    another(&path(JOB).join("scenes.jsonl"));
    let _ = encode(dir.path()).fails(1).says("belongs to another user");
    lchown(path(JOB).join("scenes.jsonl"), Some(0), Some(0)).unwrap();
    goes_on(dir.path(), encode(dir.path()), CHUNKS - 1);
}

#[test]
fn a_file_of_the_job_that_has_a_second_name_is_refused_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    all_but_one(dir.path());
    let precious = precious(dir.path());
    for name in ["lock", "job.json", "scenes.jsonl"] {
        let (path, aside) = (dir.path().join(JOB).join(name), dir.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        fs::hard_link(&precious, &path).unwrap();
        let refused = encode(dir.path()).fails(1);
        let _ = refused.says(name).says("a second name").says("--temp");
        assert_eq!(fs::read_to_string(&precious).unwrap(), MINE, "{name}");
        fs::rename(&aside, &path).unwrap();
    }
    goes_on(dir.path(), encode(dir.path()), CHUNKS - 1);
}

#[test]
fn a_fifo_in_the_place_of_a_file_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    all_but_one(dir.path());
    let fifo = |path: &Path| mkfifo(path, Mode::S_IRWXU).unwrap();
    for name in ["lock", "job.json", "scenes.jsonl"] {
        let (path, aside) = (dir.path().join(JOB).join(name), dir.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        fifo(&path);
        let refused = encode(dir.path()).fails(1);
        let _ = refused.says(name).says("no regular file").says("--temp");
        fs::rename(&aside, &path).unwrap();
    }
    // What can be made again is made again.
    for name in ["chunks/00000.ivf", "chunks/00001.json"] {
        fs::remove_file(dir.path().join(JOB).join(name)).unwrap();
        fifo(&dir.path().join(JOB).join(name));
    }
    for name in ["join.json", "join.part.json", "chunks/00004.part.ivf"] {
        let _ = fs::remove_file(dir.path().join(JOB).join(name));
        fifo(&dir.path().join(JOB).join(name));
    }
    goes_on(dir.path(), encode(dir.path()), CHUNKS - 3);
    fifo(&dir.path().join("job"));
    let _ = in_place(dir.path())
        .arg("-y")
        .ends()
        .exits(3)
        .says("is not a directory");
}

#[test]
fn a_fifo_that_the_command_line_names_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    mkfifo(&dir.path().join("fifo"), Mode::S_IRWXU).unwrap();
    let named = |args: [&str; 2]| encode(dir.path()).args(args);
    for args in [["--scenes", "fifo"], ["-v", "--fgs-table fifo"]] {
        let _ = named(args).fails(2).says("it is no regular file");
    }
    let _ = named(["--log-file", "fifo"])
        .fails(1)
        .says("name another file with --log-file");
}

#[test]
fn scenes_are_not_written_under_the_name_of_the_output() {
    let dir = tempfile::tempdir().unwrap();
    let run = encode(dir.path()).args(["--scenes", "out.mkv"]);
    let _ = run.fails(2).says("that is a film; name another file");
}

#[test]
fn what_takes_the_name_of_the_output_s_part_is_neither_written_nor_published() {
    let dir = tempfile::tempdir().unwrap();
    let precious = precious(dir.path());
    let wait = "touch ../joining; until [ -e ../go ]; do sleep 0.02; done";
    fake_mkvmerge(dir.path(), wait);
    let run = with_fakes(dir.path(), encode(dir.path())).start();
    let run = run.wait_until("it joins", || dir.path().join("joining").exists());
    let names = fs::read_dir(dir.path()).unwrap();
    let mut paths = names.map(|entry| entry.unwrap().path());
    let part = paths
        .find(|path| path.to_str().unwrap().ends_with(".part.mkv"))
        .unwrap();
    fs::remove_file(&part).unwrap();
    symlink(&precious, &part).unwrap();
    fs::write(dir.path().join("go"), "").unwrap();
    let ended = run.ends().exits(1);
    assert_eq!(fs::read_to_string(&precious).unwrap(), MINE);
    ended.expect(!dir.path().join("out.mkv").exists(), "no output");
    goes_on(dir.path(), encode(dir.path()), CHUNKS);
}

#[test]
fn a_job_directory_that_is_a_link_to_one_elsewhere_works_whole() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink("elsewhere", dir.path().join(JOB)).unwrap();
    let encoder = script(dir.path(), "[ $chunk != 00003 ] || exit 9");
    let _ = encode_with(dir.path(), &encoder).fails(1);
    let ended = encode(dir.path()).succeeds();
    ended.expect(
        ended.finished()["resumed_chunks"] == CHUNKS - 1,
        "it goes on",
    );
    ended.expect(ended.warnings().is_empty(), "no warning");
    assert!(fs::read(dir.path().join("out.mkv")).unwrap() == undisturbed());
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    let _ = encode(dir.path()).arg("-y").succeeds();
}

#[test]
fn a_job_directory_that_is_moved_away_in_mid_run_is_worked_in_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let [job, moved, others] = [JOB, "moved", "others"].map(|name| dir.path().join(name));
    fs::create_dir_all(others.join("chunks")).unwrap();
    let wait =
        "[ $chunk != 00002 ] || { touch ../encoding; until [ -e ../go ]; do sleep 0.02; done; }";
    let encoder = script(dir.path(), wait);
    let run = encode_with(dir.path(), &encoder).start();
    let run = run.wait_until("it encodes", || dir.path().join("encoding").exists());
    fs::rename(&job, &moved).unwrap();
    symlink(&others, &job).unwrap();
    fs::write(dir.path().join("go"), "").unwrap();
    let ended = run.ends().exits(0);
    assert!(fs::read(dir.path().join("out.mkv")).unwrap() == undisturbed());
    ended.expect(snapshot(&others).len() == 1, "nothing of it is elsewhere");
    assert_eq!(fs::read_dir(&moved).unwrap().count(), 0);
    nothing_is_left_running(dir.path());
}

#[test]
fn what_fails_once_the_output_has_its_name_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    // In the job directory: a directory in the place of a file cannot be removed as one.
    fake_mkvmerge(dir.path(), "mkdir group-0009.ivf");
    let ended = with_fakes(dir.path(), encode(dir.path())).succeeds();
    tells(&ended, "the output is whole and has its name, but removing");
    assert!(fs::read(dir.path().join("out.mkv")).unwrap() == undisturbed());
    nothing_is_left_running(dir.path());
}

#[test]
fn whatever_is_planted_anywhere_in_a_job_nothing_of_it_is_written_and_no_wrong_film_made() {
    let mut chance = Chance::of(3);
    let dir = tempfile::tempdir().unwrap();
    all_but_one(dir.path());
    let (job, kept) = (dir.path().join(JOB), dir.path().join("kept"));
    fs::rename(&job, &kept).unwrap();
    let precious = precious(dir.path());
    let plants: [fn(&Path, &Path); 4] = [
        |from, to| symlink(from, to).unwrap(),
        |from, to| fs::hard_link(from, to).unwrap(),
        |_, to| mkfifo(to, Mode::S_IRWXU).unwrap(),
        |_, to| fs::create_dir(to).unwrap(),
    ];
    let mut names: Vec<PathBuf> = snapshot(&kept).into_keys().collect();
    // What is not there yet.
    names.extend(["join.json", "join.part.json", "chunks/00004.ivf"].map(|name| kept.join(name)));
    names.extend(["job.part.json", "chunks/00004.part.ivf"].map(|name| kept.join(name)));
    names.retain(|path| !path.is_dir());
    for _ in 0..chance.rounds {
        copy(&kept, &job);
        let name = &names[chance.random.below(names.len())];
        let planted = job.join(name.strip_prefix(&kept).unwrap());
        let _ = fs::remove_file(&planted);
        let kind = chance.random.below(plants.len());
        plants[kind](&precious, &planted);
        let ended = encode(dir.path()).ends().exits_with_one_of(&[0, 1, 3]);
        nothing_is_left_running(dir.path());
        let shown = format!("plant {kind} as {}", planted.display());
        ended.expect(fs::read_to_string(&precious).unwrap() == MINE, &shown);
        let output = dir.path().join("out.mkv");
        if output.exists() {
            ended.expect(fs::read(&output).unwrap() == undisturbed(), &shown);
            fs::remove_file(&output).unwrap();
        }
        let _ = fs::remove_dir_all(&job);
    }
}
