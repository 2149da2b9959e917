//! What is in `examples/` does what it says.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::clips;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

/// PATH with `dir` in front.
fn path_with(dir: &Path) -> OsString {
    let rest = env::var_os("PATH").unwrap();
    let all = [dir.to_owned()].into_iter().chain(env::split_paths(&rest));
    env::join_paths(all).unwrap()
}

/// `examples/batch` on these directories of `dir`.
pub fn batch_of(dir: &Path, films: &str, out: &str) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_av1enc")).parent().unwrap();
    let mut batch = Command::new(example("batch"));
    batch.args([films, out]).current_dir(dir);
    batch
        .env("PATH", path_with(bin))
        .env("AV1ENC_CONFIG", "/dev/null");
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
    fs::create_dir_all(films.join("series")).unwrap();
    fs::copy(clips::one_scene(), films.join("A film.MKV")).unwrap();
    fs::copy(clips::mp4(), films.join("$(b) 'c'.Mp4")).unwrap();
    fs::write(films.join("broken.ts"), "no film").unwrap();
    fs::write(films.join("notes.txt"), "no film").unwrap();
    fs::write(films.join("two\n\x1b[2Jlines"), "no film").unwrap();
    let ended = batch(dir.path(), "-the films", "new/out", &[]);
    let said = [
        "2 encoded, 0 finished before, 1 failed",
        "failed (exit code 8): ./-the films/broken.ts",
        "no film by its name: ./-the films/notes.txt",
        "no film by its name: ./-the films/two??[2Jlines",
        "a directory: ./-the films/series",
    ];
    ends(&ended, 1, &said);
    for name in ["A film.MKV", "$(b) 'c'.Mp4"] {
        let output = dir.path().join("new/out").join(format!("{name}.av1.mkv"));
        assert_eq!(codec(&output), "av1", "{name}");
    }
    fs::remove_file(films.join("broken.ts")).unwrap();
    let again = batch(dir.path(), "-the films", "new/out", &[]);
    ends(&again, 0, &["0 encoded, 2 finished before, 0 failed"]);
    fs::copy(clips::one_scene(), films.join("marked.mkv")).unwrap();
    fs::write(films.join("marked.mkv.av1skip"), "").unwrap();
    let left = batch(dir.path(), "-the films", "new/out", &["--skip", "marked"]);
    ends(
        &left,
        0,
        &[
            "2 finished before, 0 failed",
            "1 left as they are, by the options",
        ],
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

/// What the unit's head tells to type.
fn instructions(unit: &str) -> String {
    let typed = unit.lines().filter_map(|line| line.strip_prefix("#   "));
    typed.map(|line| format!("{line}\n")).collect()
}

/// The words of one of the unit's commands as systemd has them, for the film of an instance.
fn words(unit: &str, key: &str, home: &Path, film: &Path) -> Vec<String> {
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .unwrap();
    let words = shlex::split(line.strip_prefix('=').unwrap().strip_prefix(':').unwrap());
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
