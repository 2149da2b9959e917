//! `./setup`, as far as it can be tried in a moment and without a network: what is installed where, and wrong usage.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{encoders::private, run::Run};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("setup")
}

/// The directory in which `./setup` puts what is installed, if an encode needs nothing more than what is there.
fn installed() -> Option<PathBuf> {
    private("ffmpeg-9/bin/ffmpeg")?;
    let complete = private("vapoursynth/.complete")?;
    Some(complete.ancestors().nth(3)?.to_owned())
}

#[track_caller]
fn says(output: &Output, code: i32, text: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(text), "{text:?} in {said}");
}

#[test]
fn wrong_usage_of_setup_is_answered_before_anything_is_done() {
    let home = tempfile::tempdir().unwrap();
    for (args, text) in [
        (&["instal"][..], "./setup install [--system]"),
        (
            &["install", "--prefix=/opt"],
            "after install, only --system is known",
        ),
        (
            &["install", "--system", "now"],
            "after install, only --system is known",
        ),
        (
            &["uninstall", "all"],
            "after uninstall, only --system is known",
        ),
        (
            &["--system", "now"],
            "after --system, only --encoder hdr=SOURCE is known",
        ),
        (
            &["--encoder"],
            "only hdr can be built. Type:  ./setup --encoder hdr=SOURCE",
        ),
        (
            &["--encoder", "psy"],
            "only hdr can be built. Type:  ./setup --encoder hdr=SOURCE",
        ),
        (
            &["--encoder", "hdr"],
            "./setup --encoder hdr=svt-av1-hdr.tar.gz",
        ),
        (
            &["--encoder=hdr=gone.tar.gz"],
            "--encoder hdr=gone.tar.gz: there is no such file or directory",
        ),
        (
            &["--encoder", "hdr=.", "now"],
            "nothing comes after --encoder hdr=SOURCE",
        ),
        (
            &["encode", "--crf", "30"],
            "Type:  ./setup encode INPUT --crf 30",
        ),
    ] {
        let output = Command::new(script())
            .args(args)
            .env("HOME", home.path())
            .output();
        says(&output.unwrap(), 2, text);
    }
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        0,
        "nothing is written"
    );
}

#[test]
fn what_is_for_all_users_needs_root() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("setup");
    fs::copy(script(), &copy).unwrap();
    for args in [
        &["--system"][..],
        &["install", "--system"],
        &["uninstall", "--system"],
    ] {
        let mut command = Command::new("setpriv");
        if nix::unistd::geteuid().is_root() {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        }
        let output = command
            .arg(&copy)
            .args(args)
            .current_dir(dir.path())
            .env("HOME", dir.path())
            .output();
        let line = format!("needs root. Type:  sudo ./setup {}", args.join(" "));
        says(&output.unwrap(), 1, &line);
    }
}

#[test]
fn the_program_its_manual_and_its_completions_are_installed_and_removed() {
    let Some(data) = installed() else {
        return eprintln!("SKIPPED: ./setup has not installed all that it installs");
    };
    let dir = tempfile::tempdir().unwrap();
    let (home, bin) = (dir.path().join("home"), dir.path().join("bin"));
    let built = dir.path().join("target/release/av1enc");
    for dir in [&home, &bin, &built.parent().unwrap().to_owned()] {
        fs::create_dir_all(dir).unwrap();
    }
    fs::copy(env!("CARGO_BIN_EXE_av1enc"), &built).unwrap();
    // It was built a moment ago.
    fs::write(bin.join("cargo"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = env::join_paths(
        [bin]
            .into_iter()
            .chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    let setup = |command: &str, data: &Path| {
        let output = Command::new(script())
            .arg(command)
            .env("HOME", &home)
            .env("PATH", &path)
            .env("CARGO_TARGET_DIR", dir.path().join("target"))
            .env("XDG_DATA_HOME", data)
            .env_remove("XDG_CONFIG_HOME")
            .output()
            .unwrap();
        says(&output, 0, "av1enc (");
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    let parts = [
        ("share/man/man1/av1enc.1", "av1enc.1"),
        ("share/bash-completion/completions/av1enc", "av1enc.bash"),
        ("share/zsh/site-functions/_av1enc", "av1enc.zsh"),
        ("share/fish/vendor_completions.d/av1enc.fish", "av1enc.fish"),
    ];
    setup("install", &data);
    let at = |place: &str| home.join(".local").join(place);
    for (place, name) in parts {
        assert_eq!(
            fs::read(at(place)).unwrap(),
            fs::read(here.join(name)).unwrap(),
            "{place}"
        );
    }
    let version = Command::new(at("bin/av1enc"))
        .arg("--version")
        .output()
        .unwrap();
    assert!(version.status.success());
    // Not the one that the tests need.
    let own = home.join(".local/share");
    fs::create_dir_all(own.join("av1enc/svt-av1")).unwrap();
    fs::write(own.join("another"), "").unwrap();
    setup("uninstall", &own);
    for (place, _) in parts
        .into_iter()
        .chain([("bin/av1enc", ""), ("share/av1enc", "")])
    {
        assert!(!at(place).exists(), "{place}");
    }
    assert!(own.join("another").exists());
}

/// Settings of another VapourSynth of this user.
const ANOTHER: &str =
    "\"/opt/vs/libvsscript.so\" = [\"/opt/vs/python3\",\"/opt/vs/libpython3.12.so\",\"1\"]\n";

#[test]
fn a_user_whose_settings_of_vapoursynth_know_another_one_gets_the_line_that_is_missing() {
    let Some(data) = installed() else {
        return eprintln!("SKIPPED: ./setup has not installed all that it installs");
    };
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("vapoursynth/vapoursynth.toml");
    fs::create_dir(settings.parent().unwrap()).unwrap();
    fs::write(&settings, ANOTHER).unwrap();
    let examined = || {
        let run = Run::bare(dir.path())
            .env("XDG_CONFIG_HOME", dir.path())
            .env("XDG_DATA_HOME", &data);
        run.without_env("VSSCRIPT_PATH")
            .arg("doctor")
            .ends()
            .prints("ok       VapourSynth")
    };
    let _ = examined();
    let written = fs::read_to_string(&settings).unwrap();
    let ours = written.strip_suffix(ANOTHER).unwrap();
    assert!(
        ours.starts_with('"') && ours.lines().count() == 1,
        "{written}"
    );
    let _ = examined();
    assert_eq!(fs::read_to_string(&settings).unwrap(), written, "once");
}
