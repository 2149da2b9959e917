//! What is in `examples/` does what it says.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::clips;

pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

/// PATH with `dir` in front.
pub fn path_with(dir: &Path) -> OsString {
    let rest = env::var_os("PATH").unwrap();
    let all = [dir.to_owned()].into_iter().chain(env::split_paths(&rest));
    env::join_paths(all).unwrap()
}

/// One of the examples in `dir`, which finds av1enc.
pub fn example_in(name: &str, dir: &Path) -> Command {
    finding_av1enc(example(name), dir)
}

/// A program in av1enc's source tree, which finds av1enc.
pub fn in_tree(program: &str) -> Command {
    finding_av1enc(program, Path::new(env!("CARGO_MANIFEST_DIR")))
}

/// av1enc in `dir`.
pub fn av1enc(dir: &Path) -> Command {
    finding_av1enc(env!("CARGO_BIN_EXE_av1enc"), dir)
}

fn finding_av1enc(program: impl AsRef<OsStr>, dir: &Path) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_av1enc")).parent().unwrap();
    let mut command = Command::new(program);
    command.current_dir(dir).env("PATH", path_with(bin));
    command.env("AV1ENC_CONFIG", "/dev/null");
    command
}

/// `examples/batch` on these directories of `dir`.
pub fn batch_of(dir: &Path, films: &str, out: &str) -> Command {
    let mut batch = example_in("batch", dir);
    batch.args([films, out]);
    batch
}

/// Runs it with options.
fn batch(dir: &Path, films: &str, out: &str, options: &[&str]) -> Output {
    let mut batch = batch_of(dir, films, out);
    batch.args(["--preset", "12"]).args(options);
    batch.output().unwrap()
}

/// What ffprobe calls the codec of a file's picture.
fn codec(file: &Path) -> String {
    let asked = ["-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"];
    let output = Command::new("ffprobe")
        .args(asked)
        .args(["-show_entries", "stream=codec_name"])
        .arg(file)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[track_caller]
fn ends(output: &Output, code: i32, said: &[&str]) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    for part in said {
        let is_said = out.contains(part) || err.contains(part);
        assert!(is_said, "{part:?} in\n{out}\n{err}");
    }
}

#[test]
fn a_batch_takes_every_film_goes_on_after_a_failure_and_sums_up() {
    let dir = tempfile::tempdir().unwrap();
    let films = dir.path().join("-the films");
    let series = films.join("-a series/one\ntwo");
    fs::create_dir_all(&series).unwrap();
    fs::create_dir_all(films.join("x.av1enc")).unwrap();
    fs::copy(clips::one_scene(), films.join("A film.MKV")).unwrap();
    fs::copy(clips::one_scene(), series.join("3.mkv")).unwrap();
    fs::copy(clips::one_scene(), films.join("x.av1enc/source.mkv")).unwrap();
    symlink("-a series", films.join("link")).unwrap();
    fs::copy(clips::mp4(), films.join("$(b) 'c'.Mp4")).unwrap();
    fs::write(films.join("broken.ts"), "no film").unwrap();
    fs::write(films.join("notes.txt"), "no film").unwrap();
    fs::write(films.join("two\n\x1b[2Jlines"), "no film").unwrap();
    let ended = batch(dir.path(), "-the films", "new/out", &[]);
    let said = [
        "3 encoded, 0 finished before, 1 failed",
        "1 of 4\n./-the films/$(b)",
        "4 of 4, about ",
        "failed (exit code 8): ./-the films/broken.ts",
        "no film by its name: ./-the films/notes.txt",
        "no film by its name: ./-the films/two??[2Jlines",
        "a link to a directory: ./-the films/link",
    ];
    ends(&ended, 1, &said);
    for name in ["A film.MKV", "$(b) 'c'.Mp4", "-a series/one\ntwo/3.mkv"] {
        let output = dir.path().join("new/out").join(format!("{name}.av1.mkv"));
        assert_eq!(codec(&output), "av1", "{name}");
    }
    fs::remove_file(films.join("broken.ts")).unwrap();
    let again = batch(dir.path(), "-the films", "new/out", &[]);
    ends(&again, 0, &["0 encoded, 3 finished before, 0 failed"]);
    fs::copy(clips::one_scene(), films.join("marked.mkv")).unwrap();
    fs::write(films.join("marked.mkv.av1skip"), "").unwrap();
    let left = batch(dir.path(), "-the films", "new/out", &["--skip", "marked"]);
    ends(
        &left,
        0,
        &[
            "3 finished before, 0 failed",
            "1 left as they are, by the options",
        ],
    );
}

#[test]
fn directories_with_names_that_find_takes_for_signs_are_gone_through_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["!", "(", "other"] {
        fs::create_dir(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join("film.ts"), "no film").unwrap();
    }
    let mut batch = example_in("batch", dir.path());
    let said = [
        "failed (exit code 8): ./!/film.ts",
        "failed (exit code 8): ./(/film.ts",
        "2 failed",
    ];
    ends(&batch.args(["!", "(", "out"]).output().unwrap(), 1, &said);
    let found = example_in("find", dir.path())
        .args(["!", "("])
        .output()
        .unwrap();
    ends(&found, 123, &["./!/film.ts", "./(/film.ts"]);
    let others = String::from_utf8_lossy(&found.stderr).contains("other");
    assert!(!others, "{found:?}");
}

#[test]
fn a_batch_that_could_not_read_all_says_so_and_fails() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("films")).unwrap();
    // As find ends that was not let into a directory: root is let into all.
    let find = dir.path().join("find");
    fs::write(&find, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&find, fs::Permissions::from_mode(0o755)).unwrap();
    let mut batch = batch_of(dir.path(), "films", "out");
    let bin = Path::new(env!("CARGO_BIN_EXE_av1enc")).parent().unwrap();
    let path = [bin.as_os_str(), path_with(dir.path()).as_os_str()].join(OsStr::new(":"));
    batch.env("PATH", path);
    ends(
        &batch.output().unwrap(),
        1,
        &["0 encoded", "not all of it could be read: films"],
    );
}

#[test]
fn a_batch_without_a_film_has_nothing_to_do_and_without_a_directory_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("films")).unwrap();
    let empty = batch(dir.path(), "films", "out", &[]);
    ends(&empty, 0, &["0 encoded, 0 finished before, 0 failed"]);
    ends(
        &batch(dir.path(), "flims", "out", &[]),
        2,
        &["flims is no directory"],
    );
    let alone = Command::new(example("batch")).output().unwrap();
    ends(&alone, 2, &["usage: "]);
    // Its own outputs are no films.
    fs::copy(clips::one_scene(), dir.path().join("films/a.mkv")).unwrap();
    ends(&batch(dir.path(), "films", "films", &[]), 0, &["1 encoded"]);
    ends(
        &batch(dir.path(), "films", "films", &[]),
        0,
        &["0 encoded, 1 finished"],
    );
}

#[test]
fn a_batch_takes_several_directories_and_replaces_where_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir_all(path("a/films")).unwrap();
    fs::create_dir_all(path("b/films/c")).unwrap();
    fs::copy(clips::one_scene(), path("a/films/1.mkv")).unwrap();
    fs::copy(clips::mp4(), path("b/films/c/2.mp4")).unwrap();
    let run = |args: &[&str]| {
        let mut batch = example_in("batch", dir.path());
        batch.args(args).args(["--preset", "12"]).output().unwrap()
    };
    let alike = run(&["a/films", "b/films", "out"]);
    ends(
        &alike,
        2,
        &["two directories of one name: b/films and a/films"],
    );
    ends(&run(&["a/films", "b", "out"]), 0, &["2 encoded"]);
    for name in ["out/films/1.mkv.av1.mkv", "out/b/films/c/2.mp4.av1.mkv"] {
        assert_eq!(codec(&path(name)), "av1", "{name}");
    }
    let replaced = run(&["a", "b/films/c/2.mp4", "--replace", "--skip", "own,av1"]);
    ends(&replaced, 0, &["2 encoded", "2 of 2, about "]);
    for name in ["a/films/1.mkv", "b/films/c/2.mkv"] {
        assert_eq!(codec(&path(name)), "av1", "{name}");
    }
    assert!(path("b/films/c/2.orig.mp4").exists());
    let again = run(&["a", "b", "--replace", "--skip", "own,av1"]);
    ends(
        &again,
        0,
        &["0 encoded", "4 left as they are, by the options"],
    );
}

#[test]
fn two_batches_over_the_same_films_encode_each_once() {
    let dir = tempfile::tempdir().unwrap();
    let films = dir.path().join("films");
    fs::create_dir(&films).unwrap();
    for name in ["1.mkv", "2.mkv", "3.mkv"] {
        fs::copy(clips::one_scene(), films.join(name)).unwrap();
    }
    let begin = || {
        let mut batch = batch_of(dir.path(), "films", "out");
        batch.args(["--preset", "8", "-w", "1"]);
        batch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    let two = [begin().unwrap(), begin().unwrap()];
    let ended = two.map(|batch| batch.wait_with_output().unwrap());
    let encoded = ended.iter().map(|output| {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains(" 0 failed"), "{said}");
        let sum = said.lines().find_map(|line| line.split_once(" encoded, "));
        sum.unwrap().0.parse::<usize>().unwrap()
    });
    assert_eq!(encoded.sum::<usize>(), 3, "{ended:?}");
    let left = fs::read_dir(dir.path().join("out")).unwrap().count();
    assert_eq!(left, 3);
}

#[test]
fn a_batch_that_is_ended_passes_that_on() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("films")).unwrap();
    fs::copy(clips::one_scene(), dir.path().join("films/1.mkv")).unwrap();
    let mut batch = batch_of(dir.path(), "films", "out");
    batch.args(["--preset", "0"]).stderr(Stdio::piped());
    let mut running = batch.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Encoding") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it has ended");
    }
    let pid = i32::try_from(running.id()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("stopped by SIGTERM"), "{rest}");
    let ended = running.wait_with_output().unwrap();
    assert_eq!(ended.status.signal(), Some(Signal::SIGTERM as i32));
    let summed = String::from_utf8_lossy(&ended.stdout);
    assert!(
        summed.contains("stopped: the same command goes on from here"),
        "{summed}"
    );
}

#[test]
fn a_batch_that_is_ended_as_the_first_process_of_a_container_says_so_too() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("films")).unwrap();
    fs::copy(clips::one_scene(), dir.path().join("films/1.mkv")).unwrap();
    let path = dir.path().join("av1enc");
    fs::write(&path, "#!/bin/sh\nkill -s TERM 1\nexec sleep 60\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut first = Command::new("unshare");
    first.args(["--user", "--map-root-user", "--pid", "--fork"]);
    if !first.arg("true").status().is_ok_and(|it| it.success()) {
        return eprintln!("SKIPPED, nothing is tested here: this user has no namespaces");
    }
    let mut batch = Command::new("unshare");
    batch.args(["--user", "--map-root-user", "--pid", "--fork"]);
    batch.arg(example("batch")).args(["films", "out"]);
    batch
        .current_dir(dir.path())
        .env("PATH", path_with(dir.path()));
    let ended = batch.output().unwrap();
    ends(
        &ended,
        143,
        &["stopped: the same command goes on from here"],
    );
}

#[test]
fn find_and_xargs_take_every_film_once() {
    let dir = tempfile::tempdir().unwrap();
    let films = dir.path().join("-films/a\nb");
    fs::create_dir_all(&films).unwrap();
    fs::copy(clips::one_scene(), films.join("-1.MKV")).unwrap();
    fs::write(films.join("2.ts"), "no film").unwrap();
    let run = || {
        let mut find = example_in("find", dir.path());
        find.arg("-films").output().unwrap()
    };
    ends(&run(), 123, &["proven", "is not a film"]);
    assert_eq!(codec(&films.join("-1.MKV.av1.mkv")), "av1");
    fs::remove_file(films.join("2.ts")).unwrap();
    let again = run();
    ends(&again, 0, &[]);
    assert!(again.stderr.is_empty(), "{again:?}");
}

#[test]
fn what_comes_into_a_watched_directory_is_encoded() {
    if Command::new("inotifywait").arg("-h").output().is_err() {
        eprintln!("SKIPPED, nothing is tested here: there is no inotifywait");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("films/new")).unwrap();
    fs::copy(clips::one_scene(), dir.path().join("films/1.mkv")).unwrap();
    let mut watch = example_in("watch", dir.path());
    watch.args(["films", "out", "-q"]).stdout(Stdio::piped());
    let mut running = watch.env("WATCH_SECONDS", "3600").spawn().unwrap();
    let mut said = BufReader::new(running.stdout.take().unwrap()).lines();
    let mut next_sum = || {
        let mut lines = said.by_ref().map(Result::unwrap);
        lines.find(|line| line.contains(" encoded, ")).unwrap()
    };
    let first = next_sum();
    assert!(first.starts_with("1 encoded, 0 finished"), "{first}");
    let coming = dir.path().join("coming.mkv");
    fs::copy(clips::one_scene(), &coming).unwrap();
    fs::rename(coming, dir.path().join("films/new/2.mkv")).unwrap();
    let second = next_sum();
    assert!(second.starts_with("1 encoded, 1 finished"), "{second}");
    assert_eq!(codec(&dir.path().join("out/new/2.mkv.av1.mkv")), "av1");
    let pid = i32::try_from(running.id()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(143));
    // Whoever else holds its output would keep it open: nobody is left.
    assert!(said.next().is_none());
}

#[test]
fn the_timer_goes_through_a_library_with_what_it_tells_to_type() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    let bin = dir.path().join("bin");
    fs::create_dir_all(home.join(".cargo/bin")).unwrap();
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_av1enc"), home.join(".cargo/bin/av1enc")).unwrap();
    fs::write(bin.join("systemctl"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(bin.join("systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
    let text = fs::read_to_string(example("av1enc-library.service")).unwrap();
    let mut pasted = Command::new("bash");
    pasted.args(["-ec", &instructions(&text)]);
    pasted.current_dir(env!("CARGO_MANIFEST_DIR"));
    pasted.env("HOME", &home).env("PATH", path_with(&bin));
    ends(&pasted.output().unwrap(), 0, &[]);
    let units = home.join(".config/systemd/user");
    for unit in ["av1enc-library.service", "av1enc-library.timer"] {
        let mut verify = Command::new("systemd-analyze");
        verify
            .args(["verify", "--user", "--man=no"])
            .arg(units.join(unit));
        if let Ok(verified) = verify.output() {
            let said = String::from_utf8_lossy(&verified.stderr);
            assert!(!said.contains("av1enc-library.timer:"), "{said}");
            assert!(!said.contains("av1enc-library.service:"), "{said}");
        }
    }
    fs::copy(clips::one_scene(), home.join("Videos/films/1.mkv")).unwrap();
    let words = words(&text, "ExecStart", &home, Path::new(""));
    let mut run = Command::new(&words[0]);
    run.args(&words[1..]);
    run.env("PATH", path_with(&home.join(".cargo/bin")));
    run.env("AV1ENC_CONFIG", "/dev/null");
    // The film has only just come.
    ends(
        &run.output().unwrap(),
        0,
        &["0 encoded", "1 left as they are"],
    );
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    let film = fs::File::options()
        .write(true)
        .open(home.join("Videos/films/1.mkv"));
    film.unwrap().set_modified(yesterday).unwrap();
    ends(&run.output().unwrap(), 0, &["1 encoded"]);
}

/// What the unit's head tells to type.
fn instructions(unit: &str) -> String {
    let typed = unit.lines().filter_map(|line| line.strip_prefix("#   "));
    typed.map(|line| format!("{line}\n")).collect()
}

/// The words of one of the unit's commands as systemd has them, for the film of an instance.
fn words(unit: &str, key: &str, home: &Path, film: &Path) -> Vec<String> {
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .unwrap();
    let words = shlex::split(line.trim_start_matches(':'));
    let expand = |word: String| {
        let word = word.replace("%f", &film.to_string_lossy());
        word.replace("%h", &home.to_string_lossy())
    };
    words.unwrap().into_iter().map(expand).collect()
}

#[test]
fn what_the_unit_tells_to_type_can_be_pasted_and_encodes_the_film_once() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    let (bin, log) = (dir.path().join("bin"), dir.path().join("log"));
    fs::create_dir_all(home.join(".cargo/bin")).unwrap();
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_av1enc"), home.join(".cargo/bin/av1enc")).unwrap();
    for name in ["systemctl", "journalctl"] {
        let script = "#!/bin/sh\nprintf '%s\\n' \"$@\" >>\"$LOG\"\n";
        fs::write(bin.join(name), script).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let text = fs::read_to_string(example("av1enc@.service")).unwrap();
    if Command::new("systemd-escape")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!("SKIPPED, nothing is tested here: there is no systemd-escape");
        return;
    }
    let pasted = Command::new("bash")
        .args(["-ec", &instructions(&text)])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("HOME", &home)
        .env("LOG", &log)
        .env("PATH", path_with(&bin))
        .output()
        .unwrap();
    ends(&pasted, 0, &[]);
    let typed = fs::read_to_string(log).unwrap();
    let instance = "av1enc@films-A\\x20film.mkv.service";
    assert!(typed.lines().any(|word| word == instance), "{typed}");

    let unit = home.join(".config/systemd/user/av1enc@.service");
    let mut verify = Command::new("systemd-analyze");
    if let Ok(verified) = verify.args(["verify", "--man=no"]).arg(&unit).output() {
        let said = String::from_utf8_lossy(&verified.stderr);
        assert!(
            verified.status.success() && !said.contains("av1enc@"),
            "{said}"
        );
    }
    let film = dir.path().join("A $film.mkv");
    fs::copy(clips::one_scene(), &film).unwrap();
    let run = |key| {
        let words = words(&text, key, &home, &film);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(home.join("Videos"));
        command.output().unwrap()
    };
    ends(&run("ExecCondition"), 0, &[]);
    ends(&run("ExecStart"), 0, &["proven"]);
    ends(&run("ExecCondition"), 1, &[]);
    let output = home.join("Videos/A $film.mkv.av1.mkv");
    assert_eq!(codec(&output), "av1");
}
