//! Every way in which a machine is known to be unfit, made by really breaking it: the doctor names it and says what to
//! type, and an encode stops with the same words.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use crate::{
    clips,
    encoders::real,
    fuse::Disk,
    interface::naked,
    lab::{Mount, fake, with_fakes},
    run::{Ended, Run},
};

/// What the doctor says of a machine.
struct Report {
    ended: Ended,
    json: Value,
}

impl Report {
    #[track_caller]
    fn of(run: Run) -> Self {
        let ended = run.ends();
        let json: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
        ended.expect(json["checks"].is_array(), "one JSON object with checks");
        let ended = match json["ok"] == true {
            true => ended.exits(0),
            false => ended.exits_with_one_of(&[1, 8]),
        };
        for text in ["panicked", "RUST_BACKTRACE"] {
            ended.expect(!ended.stderr.contains(text), "it does not show its inside");
        }
        Self { ended, json }
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        self.json["checks"].as_array().unwrap().iter()
    }

    /// The check named `name` whose note holds `note`.
    #[track_caller]
    fn check(&self, name: &str, state: &str, note: &str) -> &Value {
        let is = |check: &&Value| {
            check["name"] == name
                && check["state"] == state
                && check["note"].as_str().unwrap_or("").contains(note)
        };
        let found = self.all().find(is);
        self.ended
            .expect(found.is_some(), &format!("{name} is {state}: {note}"));
        found.unwrap()
    }
}

/// The commands that a check advises.
fn advice(check: &Value) -> Vec<&str> {
    check["advice"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect()
}

/// The doctor finds that `name` is `state` with `note` and advises `command` (a part of a line); an encode stops with
/// the words that the doctor shows to a person. `run` makes av1enc on the broken machine; `options` go with both.
#[track_caller]
fn stops(
    dir: &Path,
    run: impl Fn() -> Run,
    options: &[&OsStr],
    (name, state, note, command): (&str, &str, &str, &str),
) {
    let report = Report::of(run().args(["doctor", "--json"]).args(options));
    let check = report.check(name, state, note);
    report.ended.expect(
        advice(check).iter().any(|line| line.contains(command)),
        &format!("{command:?} is advised"),
    );
    let shown = run().arg("doctor").args(options).ends().exits(1);
    let text = block(
        &shown.stdout,
        &format!("{:<8} {name}", state.to_uppercase()),
    );
    shown.expect(!text.is_empty(), &format!("{name} is shown to be {state}"));
    let film = dir.join("film.mkv");
    if !film.exists() {
        fs::copy(clips::one_frame(), film).unwrap();
    }
    run()
        .arg("film.mkv")
        .args(options)
        .fails(1)
        .says("this machine lacks what an encode needs")
        .says(&text);
}

/// The lines of a check for a person: the one that begins with `head`, and those below it that are indented.
fn block(text: &str, head: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(head));
    let first: Vec<&str> = lines.by_ref().take(1).collect();
    first
        .into_iter()
        .chain(lines.take_while(|line| line.starts_with("  ")))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The doctor warns of `name` with `note` and advises `command`; an encode would still work.
#[track_caller]
fn warns(run: impl Fn() -> Run, (name, note, command): (&str, &str, &str)) {
    let report = Report::of(run().args(["doctor", "--json"]));
    let check = report.check(name, "warning", note);
    report.ended.expect(
        advice(check).iter().any(|line| line.contains(command)),
        &format!("{command:?} is advised"),
    );
    report
        .ended
        .expect(report.json["ok"] == true, "an encode would work");
    run()
        .arg("doctor")
        .succeeds()
        .prints(&format!("warning  {name}"))
        .prints("An encode would work; see the");
}

fn nothing_given() -> [&'static OsStr; 0] {
    []
}

/// `--encoder-path` with the real one, for machines on which it would not be found.
fn with_encoder() -> [&'static OsStr; 2] {
    [OsStr::new("--encoder-path"), real().as_os_str()]
}

/// The VapourSynth wheel that av1enc finds here: its script library, and the Python of that.
pub struct Wheel {
    /// The script library.
    pub library: PathBuf,
    python: PathBuf,
    libpython: PathBuf,
}

fn config_dir() -> PathBuf {
    env::var_os("XDG_CONFIG_HOME")
        .map_or_else(|| env::home_dir().unwrap().join(".config"), PathBuf::from)
}

/// `None`, and a loud word, where VapourSynth is not a wheel.
pub fn wheel() -> Option<&'static Wheel> {
    static WHEEL: OnceLock<Option<Wheel>> = OnceLock::new();
    let wheel = WHEEL.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let report = Report::of(Run::bare(dir.path()).args(["doctor", "--json"]));
        let library = PathBuf::from(report.check("VapourSynth", "ok", "")["path"].as_str()?);
        let toml = fs::read_to_string(config_dir().join("vapoursynth/vapoursynth.toml")).ok()?;
        let line = toml
            .lines()
            .find(|line| line.contains(library.to_str().unwrap()))?;
        let fields: Vec<&str> = line.split('"').collect();
        Some(Wheel {
            library,
            python: fields[3].into(),
            libpython: fields[5].into(),
        })
    });
    if wheel.is_none() {
        eprintln!("SKIPPED, nothing is tested here: the VapourSynth of this machine is no wheel");
    }
    wheel.as_ref()
}

/// Makes a file with its directories.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A configuration in `dir/config` by which the script library `library` starts this Python.
fn configure(dir: &Path, library: &Path, python: &Path, libpython: &Path) {
    let mtime = fs::metadata(python).unwrap().mtime();
    let text = format!(
        "\"{}\" = [\"{}\",\"{}\",\"{mtime}\"]\n",
        library.display(),
        python.display(),
        libpython.display()
    );
    write(&dir.join("config/vapoursynth/vapoursynth.toml"), &text);
}

/// A script library of its own in `dir`, away from its Python module.
fn lone_library(dir: &Path, wheel: &Wheel) -> PathBuf {
    let library = dir.canonicalize().unwrap().join("lone/libvsscript.so");
    fs::create_dir_all(library.parent().unwrap()).unwrap();
    fs::copy(&wheel.library, &library).unwrap();
    library
}

/// av1enc with this script library, and the configuration in `dir/config`.
fn with_library(dir: &Path, library: &Path) -> Run {
    let config = dir.canonicalize().unwrap().join("config");
    Run::bare(dir)
        .env("VSSCRIPT_PATH", library)
        .env("XDG_CONFIG_HOME", config)
}

/// Makes `dir/bin` with these programs of PATH and no others.
pub fn only(dir: &Path, programs: &[&str]) -> PathBuf {
    let bin = dir.canonicalize().unwrap().join("bin");
    if !bin.exists() {
        fs::create_dir(&bin).unwrap();
        for name in programs {
            let path = env::split_paths(&env::var_os("PATH").unwrap())
                .map(|dir| dir.join(name))
                .find(|path| path.is_file());
            symlink(path.unwrap(), bin.join(name)).unwrap();
        }
    }
    bin
}

/// av1enc for a user with an empty home in `dir/home`, who has the VapourSynth of this machine.
fn newcomer(dir: &Path, wheel: &Wheel) -> Run {
    let home = dir.canonicalize().unwrap().join("home");
    fs::create_dir_all(&home).unwrap();
    let run = Run::bare(dir)
        .env("VSSCRIPT_PATH", &wheel.library)
        .env("XDG_CONFIG_HOME", config_dir());
    run.env("HOME", home).without_env("XDG_DATA_HOME")
}

#[test]
fn the_doctor_finds_all_that_is_needed_here() {
    let dir = tempfile::tempdir().unwrap();
    Run::bare(dir.path())
        .arg("doctor")
        .succeeds()
        .prints("An encode would work");
    let report = Report::of(Run::bare(dir.path()).args(["doctor", "--json"]));
    report
        .ended
        .expect(report.json["ok"] == true, "all is well");
    for name in [
        "ffprobe",
        "ffmpeg",
        "mkvmerge",
        "VapourSynth",
        "FFMS2",
        "SvtAv1EncApp",
    ] {
        let check = report.check(name, "ok", "");
        assert!(
            check["version"].is_string() && Path::new(check["path"].as_str().unwrap()).is_file(),
            "{check}"
        );
    }
}

#[test]
fn the_doctor_answers_each_step_of_an_installation_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let shown = Run::bare(dir.path()).arg("doctor").succeeds();
    for (name, said) in [
        ("container", ""),
        ("av1enc", env!("CARGO_PKG_VERSION")),
        ("mkvmerge", ""),
        ("FFMS2", ""),
        ("SvtAv1EncApp", "libSvtAv1Enc.so"),
        ("AV1 in ffmpeg", "libsvtav1, libaom-av1"),
        ("decoders", "H.264, HEVC 10 bit, VP9, AV1, MPEG-2, VC-1"),
        ("shell profile", ""),
    ] {
        let line = shown
            .stdout
            .lines()
            .any(|line| line.get(9..22).map(str::trim) == Some(name));
        shown.expect(line, name);
        shown.expect(shown.stdout.contains(said), said);
    }
    let decoding = "case \"$*\" in *'-f hevc'*) exit 1;; *-decoders*) \"$real\" \"$@\" | grep -v vc1;; *) exec \"$real\" \"$@\";; esac";
    fake(dir.path(), "ffmpeg", decoding);
    warns(
        || with_fakes(dir.path(), Run::bare(dir.path())),
        ("decoders", "does not decode HEVC 10 bit, VC-1: ", "ffmpeg"),
    );
}

#[test]
fn on_a_bare_machine_the_doctor_says_what_to_type() {
    let dir = tempfile::tempdir().unwrap();
    let shown = naked(dir.path())
        .arg("doctor")
        .ends()
        .exits(1)
        .prints("An encode would not work");
    let report = Report::of(naked(dir.path()).args(["doctor", "--json"]));
    for name in [
        "ffmpeg",
        "ffprobe",
        "mkvmerge",
        "VapourSynth",
        "SvtAv1EncApp",
    ] {
        let check = report.check(name, "missing", "");
        assert!(advice(check).contains(&"./setup"), "{check}");
        shown.expect(shown.stdout.contains(&format!("MISSING  {name}")), name);
    }
    for line in shown.stdout.lines() {
        shown.expect(line.chars().count() <= 80, &format!("80 columns: {line}"));
    }
}

#[test]
fn without_a_script_library_vapoursynth_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let run = || {
        Run::bare(dir.path())
            .env("XDG_DATA_HOME", "/nonexistent")
            .without_env("VSSCRIPT_PATH")
    };
    stops(
        dir.path(),
        run,
        &with_encoder(),
        ("VapourSynth", "missing", "is not installed", "./setup"),
    );
}

#[test]
fn a_script_library_that_is_gone_is_a_variable_to_unset() {
    let dir = tempfile::tempdir().unwrap();
    let run = || Run::bare(dir.path()).env("VSSCRIPT_PATH", "/gone/libvsscript.so");
    let expected = (
        "VapourSynth",
        "broken",
        "VSSCRIPT_PATH names this file, which is not there",
        "unset VSSCRIPT_PATH",
    );
    stops(dir.path(), run, &nothing_given(), expected);
}

#[test]
fn a_script_library_that_is_cut_short_crashes_no_one() {
    let Some(wheel) = wheel() else { return };
    let dir = tempfile::tempdir().unwrap();
    let library = lone_library(dir.path(), wheel);
    for (bytes, note) in [
        (100_000, "crashes when it is loaded"),
        (10, "file too short"),
    ] {
        fs::File::options()
            .write(true)
            .open(&library)
            .unwrap()
            .set_len(bytes)
            .unwrap();
        let run = || with_library(dir.path(), &library);
        stops(
            dir.path(),
            run,
            &nothing_given(),
            ("VapourSynth", "broken", note, "./setup"),
        );
    }
}

#[test]
fn a_python_without_the_vapoursynth_module_is_named() {
    let Some(wheel) = wheel() else { return };
    let dir = tempfile::tempdir().unwrap();
    let library = lone_library(dir.path(), wheel);
    // The one from which the environment of the wheel was made.
    let python = fs::canonicalize(&wheel.python).unwrap();
    configure(dir.path(), &library, &python, &wheel.libpython);
    let run = || with_library(dir.path(), &library);
    let expected = (
        "VapourSynth",
        "broken",
        "has no VapourSynth module",
        "-m pip install --only-binary :all: vapoursynth==79",
    );
    stops(dir.path(), run, &nothing_given(), expected);
}

#[test]
fn a_script_library_that_has_lost_its_python_says_which() {
    let Some(wheel) = wheel() else { return };
    let dir = tempfile::tempdir().unwrap();
    configure(
        dir.path(),
        &wheel.library,
        &wheel.python,
        Path::new("/gone/libpython3.13.so.1.0"),
    );
    let run = || with_library(dir.path(), &wheel.library);
    let note = "has lost its Python: /gone/libpython3.13.so.1.0";
    stops(
        dir.path(),
        run,
        &nothing_given(),
        ("VapourSynth", "broken", note, "bin/vapoursynth config"),
    );
}

#[test]
fn a_script_library_that_knows_no_python_is_told_how_to_learn_it() {
    let Some(wheel) = wheel() else { return };
    let dir = tempfile::tempdir().unwrap();
    let library = lone_library(dir.path(), wheel);
    write(&dir.path().join("config/vapoursynth/vapoursynth.toml"), "");
    let run = || with_library(dir.path(), &library);
    let note = "does not know which Python is its own";
    stops(
        dir.path(),
        run,
        &nothing_given(),
        ("VapourSynth", "broken", note, "./setup"),
    );
}

#[test]
fn a_python_that_cannot_start_crashes_no_one() {
    let dir = tempfile::tempdir().unwrap();
    let run = || Run::bare(dir.path()).env("PYTHONHOME", "/gone");
    let note = "PYTHONHOME names /gone, which is not there";
    stops(
        dir.path(),
        run,
        &nothing_given(),
        ("VapourSynth", "broken", note, "unset PYTHONHOME"),
    );
}

/// A Python before 3.12 with a shared library: its program and library. `None`, and a loud word, where there is none.
fn old_python() -> Option<(PathBuf, PathBuf)> {
    let question = "import os, sys, sysconfig; var = sysconfig.get_config_var; assert sys.version_info < (3, 12)\n\
        print(sys.executable, os.path.join(var('LIBDIR'), var('INSTSONAME')), sep='\\n')";
    let path = env::var_os("PATH").unwrap();
    let names = ["python3.11", "python3.10", "python3.9", "python3"];
    let all = env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name)));
    let found = all.filter(|program| program.is_file()).find_map(|program| {
        let output = Command::new(program).args(["-c", question]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let (program, library) = text.trim().split_once('\n')?;
        Some((PathBuf::from(program), PathBuf::from(library)))
            .filter(|(_, library)| library.is_file())
    });
    if found.is_none() {
        eprintln!(
            "SKIPPED, nothing is tested here: there is no Python before 3.12 with a shared library"
        );
    }
    found
}

#[test]
fn a_python_that_is_too_old_for_vapoursynth_is_named_with_its_version() {
    let (Some(wheel), Some((python, libpython))) = (wheel(), old_python()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let library = lone_library(dir.path(), wheel);
    configure(dir.path(), &library, &python, &libpython);
    let run = || with_library(dir.path(), &library);
    let expected = (
        "VapourSynth",
        "broken",
        "is too old: VapourSynth needs 3.12 or later",
        "pyenv install 3.13",
    );
    stops(dir.path(), run, &nothing_given(), expected);
}

#[test]
fn without_vapoursynth_a_python_that_is_too_old_for_it_is_the_first_thing_to_change() {
    let Some((python, _)) = old_python() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let bin = only(dir.path(), &["ffmpeg", "ffprobe", "mkvmerge"]);
    symlink(python, bin.join("python3")).unwrap();
    let run = || naked(dir.path()).env("PATH", &bin);
    let note = "needs Python 3.12 or later: here is 3.";
    stops(
        dir.path(),
        run,
        &with_encoder(),
        ("VapourSynth", "missing", note, "uv python install 3.13"),
    );
}

#[test]
fn a_vapoursynth_that_is_too_new_for_the_plugin_is_told_apart() {
    let data = env::var_os("XDG_DATA_HOME").map_or_else(
        || env::home_dir().unwrap().join(".local/share"),
        PathBuf::from,
    );
    let environment = data.join("av1enc/vapoursynth-80");
    if !environment.join(".complete").exists() {
        eprintln!("SKIPPED, nothing is tested here: ./setup test has made no VapourSynth R80");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    let configured = Command::new(environment.join("bin/python3"))
        .args(["-m", "vapoursynth", "config"])
        .env("XDG_CONFIG_HOME", &config)
        .output()
        .unwrap();
    assert!(configured.status.success(), "{configured:?}");
    let toml = fs::read_to_string(config.join("vapoursynth/vapoursynth.toml")).unwrap();
    let run = || with_library(dir.path(), Path::new(toml.split('"').nth(1).unwrap()));
    let report = Report::of(run().args(["doctor", "--json"]));
    if report
        .all()
        .any(|check| check["name"] == "FFMS2" && check["state"] == "ok")
    {
        eprintln!(
            "SKIPPED, nothing is tested here: the FFMS2 of this machine is a plugin of API 4"
        );
        return;
    }
    stops(
        dir.path(),
        run,
        &nothing_given(),
        (
            "FFMS2",
            "broken",
            "R80 is too new for it",
            "vapoursynth==79",
        ),
    );
}

/// What hides every FFMS2 of the system: a copy of each library directory, of links, without it.
const HIDE_FFMS2: &str = "mkdir -p $PWD/farm; mount -t tmpfs farm $PWD/farm\n\
    for d in /usr/lib/*-linux-gnu /usr/lib64 /usr/lib; do\n\
    [ -d $d ] && [ ! -L $d ] && ls $d | grep -q libffms2 || continue\n\
    n=$(echo $d | tr / _); mkdir $PWD/farm/old$n $PWD/farm/new$n; mount --bind $d $PWD/farm/old$n\n\
    ln -s $PWD/farm/old$n/* $PWD/farm/new$n/; rm -f $PWD/farm/new$n/libffms2*; mount --bind $PWD/farm/new$n $d\n\
    done";

#[test]
fn without_any_source_plugin_nothing_hangs() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("farm")).unwrap();
    if Run::in_namespace(dir.path(), HIDE_FFMS2).is_none() {
        return;
    }
    let run = || Run::in_namespace(dir.path(), HIDE_FFMS2).unwrap();
    stops(
        dir.path(),
        run,
        &nothing_given(),
        (
            "FFMS2",
            "missing",
            "reads no films without this plugin",
            "ffms2",
        ),
    );
}

#[test]
fn a_vapoursynth_that_is_too_old_for_the_plugin_is_told_apart() {
    let Some(wheel) = wheel() else { return };
    let dir = tempfile::tempdir().unwrap();
    let plugins = dir.path().canonicalize().unwrap().join("plugins");
    // A plugin of an interface that no VapourSynth has yet: it takes the place of one of API 4 before one of API 3.
    write(
        &plugins.join("plugin.c"),
        "#include <VapourSynth4.h>\n\
         VS_EXTERNAL_API(void) VapourSynthPluginInit2(VSPlugin *plugin, const VSPLUGINAPI *api) {\n\
         api->configPlugin(\"com.vapoursynth.ffms2\", \"ffms2\", \"-\", 1, VS_MAKE_VERSION(4, 99), 0, plugin); }\n",
    );
    let include = wheel.library.with_file_name("include");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", "libffms2.so", "plugin.c", "-I"])
        .arg(include)
        .current_dir(&plugins)
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    fs::create_dir(dir.path().join("farm")).unwrap();
    if Run::in_namespace(dir.path(), HIDE_FFMS2).is_none() {
        return;
    }
    let run = || {
        Run::in_namespace(dir.path(), HIDE_FFMS2)
            .unwrap()
            .env("LD_LIBRARY_PATH", &plugins)
    };
    stops(
        dir.path(),
        run,
        &nothing_given(),
        ("FFMS2", "broken", "is too old for it", "--upgrade"),
    );
}

#[test]
fn an_ffms2_that_is_no_plugin_is_used_from_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let report = Report::of(Run::bare(dir.path()).args(["doctor", "--json"]));
    let ours = report.check("FFMS2", "ok", "")["path"]
        .as_str()
        .unwrap()
        .to_owned();
    let copy = dir.path().canonicalize().unwrap().join("libffms2.so.5");
    fs::copy(ours, &copy).unwrap();
    let run = || Run::bare(dir.path()).env("LD_LIBRARY_PATH", copy.parent().unwrap());
    let report = Report::of(run().args(["doctor", "--json"]));
    let check = report.check(
        "FFMS2",
        "ok",
        "not among VapourSynth's plugins; loaded from where it is",
    );
    assert_eq!(check["path"], copy.to_str().unwrap());
    fs::copy(clips::one_frame(), dir.path().join("film.mkv")).unwrap();
    run().args(["film.mkv", "--preset", "12"]).succeeds();
}

#[test]
fn an_encoder_that_does_not_find_its_library_is_told_where_it_is() {
    // What `./setup` has unpacked runs only by its starter, which says where the libraries are.
    let unpacked = real()
        .parent()
        .and_then(Path::parent)
        .map(|dir| dir.join("root/usr/bin/SvtAv1EncApp"));
    let Some(unpacked) = unpacked.filter(|path| path.is_file()) else {
        eprintln!("SKIPPED, nothing is tested here: the encoder was not unpacked by ./setup");
        return;
    };
    let library = Command::new("ldd").arg(&unpacked).output().unwrap();
    if !String::from_utf8_lossy(&library.stdout).contains("libSvtAv1Enc.so") {
        eprintln!("SKIPPED, nothing is tested here: the encoder has its library inside");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let run = || Run::bare(dir.path());
    let given = [OsStr::new("--encoder-path"), unpacked.as_os_str()];
    let there = unpacked.parent().unwrap().with_file_name("lib");
    let note = format!(", which is in {}", there.display());
    stops(
        dir.path(),
        run,
        &given,
        ("SvtAv1EncApp", "broken", &note, "export LD_LIBRARY_PATH="),
    );
    // Alone, there is nothing to be found.
    let alone = dir.path().join("SvtAv1EncApp");
    fs::copy(&unpacked, &alone).unwrap();
    let run = || Run::bare(dir.path()).env("XDG_DATA_HOME", "/nonexistent");
    let report = Report::of(
        run()
            .args(["doctor", "--json", "--encoder-path"])
            .arg(&alone),
    );
    report.check(
        "SvtAv1EncApp",
        "broken",
        "does not find its library libSvtAv1Enc.so.",
    );
}

#[test]
fn an_encoder_in_a_directory_of_the_user_is_named_with_the_line_that_adds_it() {
    let Some(wheel) = wheel() else { return };
    let dir = tempfile::tempdir().unwrap();
    let bin = only(dir.path(), &["ffmpeg", "ffprobe", "mkvmerge"]);
    let run = || newcomer(dir.path(), wheel).env("PATH", &bin);
    let local = dir.path().canonicalize().unwrap().join("home/bin");
    fs::create_dir_all(&local).unwrap();
    symlink(real(), local.join("SvtAv1EncApp")).unwrap();
    let export = format!("export PATH={}:\"$PATH\"", local.display());
    let note = "is there, but its directory is not in PATH";
    stops(
        dir.path(),
        run,
        &["-e", "svt-av1"].map(OsStr::new),
        ("SvtAv1EncApp", "missing", note, &export),
    );
    stops(
        dir.path(),
        run,
        &["-e", "svt-av1"].map(OsStr::new),
        ("SvtAv1EncApp", "missing", note, "--encoder-path"),
    );
}

/// An encoder in `dir` that answers as the real one does, but for what `sed` changes in its help.
fn encoder_with_other_help(dir: &Path, sed: &str) -> PathBuf {
    let real = real().display();
    encoder_script(
        dir,
        &format!(
            "case $1 in --help) '{real}' --help 2>&1 | sed '{sed}';; *) exec '{real}' \"$@\";; esac"
        ),
    )
}

/// An encoder in `dir` that answers as the real one does, and does `body` when it is to encode.
fn encoder_that(dir: &Path, body: &str) -> PathBuf {
    let real = real().display();
    encoder_script(
        dir,
        &format!("case $1 in --version | --help) exec '{real}' \"$1\" ;; esac\n{body}"),
    )
}

fn encoder_script(dir: &Path, body: &str) -> PathBuf {
    let path = dir.join("SvtAv1EncApp");
    let text = format!("#!/bin/sh\n{body}\n");
    fs::write(dir.join("new"), text).unwrap();
    fs::set_permissions(dir.join("new"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(dir.join("new"), &path).unwrap();
    path
}

#[test]
fn an_encoder_without_10_bit_encodes_8_bit_only() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = encoder_with_other_help(dir.path(), "/--input-depth/s/, *10/, 8/");
    let given = [OsStr::new("--encoder-path"), encoder.as_os_str()];
    let run = || Run::bare(dir.path());
    let expected = (
        "SvtAv1EncApp",
        "broken",
        "cannot encode 10 bit",
        "--pix-format yuv420p",
    );
    stops(dir.path(), run, &given, expected);
    run()
        .args(["doctor", "--pix-format", "yuv420p"])
        .args(given)
        .succeeds();
}

#[test]
fn an_encoder_without_an_option_that_every_chunk_needs_is_named_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = encoder_with_other_help(dir.path(), "/--keyint /d");
    let given = [OsStr::new("--encoder-path"), encoder.as_os_str()];
    let expected = (
        "SvtAv1EncApp",
        "broken",
        "has no option --keyint",
        "./setup",
    );
    stops(dir.path(), || Run::bare(dir.path()), &given, expected);
}

#[test]
fn an_ffmpeg_that_is_too_old_is_named_with_its_version() {
    let dir = tempfile::tempdir().unwrap();
    fake(
        dir.path(),
        "ffmpeg",
        "case $1 in -version) \"$real\" -version | sed '1s/version [^ ]*/version 4.3.9/';; *) exec \"$real\" \"$@\";; esac",
    );
    let run = || with_fakes(dir.path(), Run::bare(dir.path()));
    let expected = (
        "ffmpeg",
        "broken",
        "is too old: av1enc needs 4.4 or later",
        "ffmpeg",
    );
    stops(dir.path(), run, &nothing_given(), expected);
}

#[test]
fn an_ffmpeg_without_libsvtav1_is_worth_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    fake(
        dir.path(),
        "ffmpeg",
        "case $1 in -encoders) \"$real\" -encoders | grep -v libsvtav1;; *) exec \"$real\" \"$@\";; esac",
    );
    warns(
        || with_fakes(dir.path(), Run::bare(dir.path())),
        ("libsvtav1", "is built without it", "another ffmpeg"),
    );
}

#[test]
fn an_ffprobe_that_does_not_run_is_quoted() {
    let dir = tempfile::tempdir().unwrap();
    fake(
        dir.path(),
        "ffprobe",
        "echo 'ffprobe: symbol lookup error: libavdevice.so.59' >&2; exit 127",
    );
    let run = || with_fakes(dir.path(), Run::bare(dir.path()));
    let expected = (
        "ffprobe",
        "broken",
        "exited with status 127: ffprobe: symbol lookup error",
        "ffmpeg",
    );
    stops(dir.path(), run, &nothing_given(), expected);
}

#[test]
fn without_mkvmerge_its_package_is_named() {
    let Some(wheel) = wheel() else { return };
    let dir = tempfile::tempdir().unwrap();
    let bin = only(dir.path(), &["ffmpeg", "ffprobe"]);
    let run = || newcomer(dir.path(), wheel).env("PATH", &bin);
    stops(
        dir.path(),
        run,
        &with_encoder(),
        ("mkvmerge", "missing", "is not in PATH", "mkvtoolnix"),
    );
}

#[test]
fn each_distribution_is_told_its_own_command() {
    let Some(wheel) = wheel() else { return };
    let dir = tempfile::tempdir().unwrap();
    let bin = only(dir.path(), &["ffmpeg", "ffprobe"]);
    for (id, extra, command) in [
        ("debian", "", "sudo apt install mkvtoolnix"),
        ("fedora", "", "sudo dnf install mkvtoolnix"),
        ("arch", "", "sudo pacman -S mkvtoolnix-cli"),
        (
            "void",
            "",
            "install the package mkvtoolnix as this system does it",
        ),
        // An immutable host: the tools live in a container.
        (
            "fedora",
            "touch /run/ostree-booted",
            "toolbox create; toolbox enter",
        ),
        (
            "fedora",
            "touch /run/ostree-booted /run/.containerenv",
            "sudo dnf install mkvtoolnix",
        ),
    ] {
        fs::write(dir.path().join("release"), format!("ID={id}\n")).unwrap();
        let script =
            format!("mount --bind release /etc/os-release; mount -t tmpfs run /run; {extra}");
        let Some(run) = Run::in_namespace(dir.path(), &script) else {
            return;
        };
        let run = run
            .env("VSSCRIPT_PATH", &wheel.library)
            .env("PATH", bin_and_unshare(&bin));
        let report = Report::of(run.without_env("container").args(["doctor", "--json"]));
        let first = advice(report.check("mkvmerge", "missing", ""))[0].to_owned();
        report.ended.expect(first.starts_with(command), command);
    }
}

/// A PATH with what a namespace is made with, but no mkvmerge.
fn bin_and_unshare(bin: &Path) -> PathBuf {
    for name in ["unshare", "sh", "mount", "touch"] {
        let path = env::split_paths(&env::var_os("PATH").unwrap())
            .map(|dir| dir.join(name))
            .find(|path| path.is_file());
        // Made by an earlier turn.
        let _ = symlink(path.unwrap(), bin.join(name));
    }
    bin.to_owned()
}

#[test]
fn plugin_directories_that_hold_nothing_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let run = || Run::bare(dir.path()).env("VAPOURSYNTH_EXTRA_PLUGIN_PATH", dir.path());
    warns(
        run,
        (
            "plugin path",
            "names this directory, which holds no plugin",
            "unset VAPOURSYNTH_EXTRA_PLUGIN_PATH",
        ),
    );
    let run = || Run::bare(dir.path()).env("VAPOURSYNTH_PLUGIN_PATH", "/usr/lib");
    let note = "VAPOURSYNTH_PLUGIN_PATH is set, and VapourSynth does not read it";
    warns(
        run,
        ("plugin path", note, "export VAPOURSYNTH_EXTRA_PLUGIN_PATH="),
    );
}

#[test]
fn a_line_of_a_shell_profile_that_names_what_is_gone_is_found() {
    let Some(wheel) = wheel() else { return };
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    write(
        &home.join(".bashrc"),
        "alias ll='ls -l'\n\nexport VSSCRIPT_PATH=/gone/libvsscript.so\n. \"$HOME/.cargo/env\"\n",
    );
    write(
        &home.join(".profile"),
        "export LD_PRELOAD=\"$HOME/gone.so\"\n",
    );
    write(&home.join(".zshrc"), "export PYTHONPATH=/usr:$PYTHONPATH\n");
    write(
        &dir.path().join("config/fish/config.fish"),
        "if true\n  set -gx PYTHONHOME /gone\nend\n",
    );
    let library = &wheel.library;
    configure(dir.path(), library, &wheel.python, &wheel.libpython);
    let bin = real().parent().unwrap().display();
    let path = format!("{bin}:{}", env::var("PATH").unwrap());
    let config = dir.path().canonicalize().unwrap().join("config");
    let run = || {
        newcomer(dir.path(), wheel)
            .env("PATH", &path)
            .env("XDG_CONFIG_HOME", &config)
    };
    warns(
        run,
        (
            "shell profile",
            "line 3 sets VSSCRIPT_PATH to /gone/libvsscript.so",
            "sed -i.bak 3d",
        ),
    );
    warns(
        run,
        (
            "shell profile",
            "line 1 sets LD_PRELOAD to",
            "unset LD_PRELOAD",
        ),
    );
    warns(run, ("shell profile", "line 4 reads ", "sed -i.bak 4d"));
    warns(
        run,
        (
            "shell profile",
            "line 2 sets PYTHONHOME to /gone",
            "config.fish",
        ),
    );
    let report = Report::of(run().args(["doctor", "--json"]));
    assert_eq!(
        report
            .all()
            .filter(|check| check["name"] == "shell profile")
            .count(),
        4
    );
}

#[test]
fn a_slow_machine_is_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| write(&dir.path().join(path), text);
    write(
        "cpuinfo",
        "processor\t: 0\nmodel name\t: An Old One\nflags\t\t: fpu sse4_2 avx\n",
    );
    write("cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
    write("node/online", "0-1\n");
    let system = "/sys/devices/system";
    let script = format!(
        "mount --bind cpuinfo /proc/cpuinfo; mount --bind cpu {system}/cpu; mount --bind node {system}/node"
    );
    if Run::in_namespace(dir.path(), &script).is_none() {
        return;
    }
    let run = || Run::in_namespace(dir.path(), &script).unwrap();
    warns(run, ("processor", "has no AVX2", "host"));
    warns(
        run,
        (
            "governor",
            "is powersave on 1 of 1 processors",
            "scaling_governor",
        ),
    );
    warns(run, ("NUMA", "has the nodes 0-1", "--numa interleave"));
}

#[test]
fn a_job_directory_on_a_network_file_system_is_worth_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let nas = dir.path().join("nas");
    let Some(mount) = Mount::served(nas, Disk(None), ("sshfs", "me@nas:/films")) else {
        return;
    };
    let report = Report::of(
        Run::bare(dir.path())
            .args(["doctor", "--json", "--temp"])
            .arg(mount.path().join("job")),
    );
    let check = report.check("job directory", "warning", "is on fuse.sshfs");
    assert!(advice(check)[0].contains("--temp DIR"), "{check}");
    let here = Report::of(Run::bare(dir.path()).args(["doctor", "--json"]));
    here.ended.expect(
        here.all().all(|check| check["name"] != "job directory"),
        "no word of a directory on a disk",
    );
}

#[test]
fn outside_of_the_container_that_holds_the_tools_its_name_is_told() {
    let Some(wheel) = wheel() else { return };
    let dir = tempfile::tempdir().unwrap();
    let bin = only(dir.path(), &["ffmpeg", "ffprobe"]);
    let storage = dir.path().join("home/.local/share/containers/storage");
    write(
        &storage.join("overlay-containers/containers.json"),
        r#"[{"id":"2","names":["av1"],"layer":"bbb"}]"#,
    );
    write(&storage.join("overlay/bbb/diff/usr/bin/mkvmerge"), "");
    symlink("/bin/true", bin.join("toolbox")).unwrap();
    let run = || newcomer(dir.path(), wheel).env("PATH", &bin);
    let report = Report::of(run().args(["doctor", "--json"]).args(with_encoder()));
    let container = report.check(
        "container",
        "warning",
        "mkvmerge is among the programs of the container av1",
    );
    assert_eq!(advice(container), ["toolbox enter av1"]);
    fs::copy(clips::one_frame(), dir.path().join("film.mkv")).unwrap();
    run()
        .arg("film.mkv")
        .args(with_encoder())
        .fails(1)
        .says("toolbox enter av1");
}

/// The doctor's report on a film, with the options of a fast encode.
#[track_caller]
fn film(dir: &Path, film: impl AsRef<OsStr>, options: &[&str]) -> Report {
    let run = Run::bare(dir)
        .args(["doctor", "--json", "--preset", "12", "-w", "2", "-i"])
        .arg(film)
        .args(options);
    Report::of(run)
}

/// A film of 48 frames in `dir`, made by ffmpeg with these options.
fn made(dir: &Path, name: &str, size: &str, options: &[&str]) -> PathBuf {
    let path = dir.canonicalize().unwrap().join(name);
    let output = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            &format!("testsrc2=s={size}:r=24"),
            "-frames:v",
            "48",
        ])
        .args(options)
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    path
}

#[test]
fn of_a_film_it_is_said_what_would_be_done_and_how_long_it_takes() {
    let dir = tempfile::tempdir().unwrap();
    let report = film(dir.path(), clips::hdr10(), &[]);
    report.check(
        "HDR",
        "ok",
        "mastered for 0.0001 to 1000.0000 nit, content light 949,438",
    );
    report.check("frame rate", "ok", "constant");
    report.check("recipe", "ok", "--crf 28 --preset 12");
    report.check("workers", "ok", "2 cores");
    report.check("disk", "ok", "are needed");
    report.check("time", "ok", "a guess from");
    let forecast = &report.json["forecast"];
    assert!(
        forecast["encoder_fps"].as_f64().unwrap() > 0.0
            && forecast["video_bytes"].as_u64().unwrap() > 0
    );
    assert_eq!(report.json["plan"]["recipe"]["preset"], 12);
    assert!(
        fs::read_dir(dir.path()).unwrap().next().is_none(),
        "nothing is written beside"
    );
    Run::bare(dir.path())
        .arg("doctor")
        .arg(clips::film())
        .succeeds()
        .prints("ok       HDR           no HDR10 metadata");
}

#[test]
fn hdr10_that_the_encoder_cannot_write_is_written_all_the_same_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = encoder_with_other_help(dir.path(), "/--mastering-display /d");
    let options = ["--encoder-path", encoder.to_str().unwrap()];
    film(dir.path(), clips::hdr10(), &options).check(
        "HDR",
        "ok",
        "written into the stream by av1enc",
    );
    film(dir.path(), clips::one_frame(), &options).check("HDR", "ok", "");
}

#[test]
fn what_is_odd_about_a_film_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let variable = film(dir.path(), clips::variable_rate(), &[]);
    variable.check("frame rate", "ok", "variable: frames are shown for");
    let x264 = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
    ];
    let interlaced = made(
        dir.path(),
        "interlaced.mkv",
        "320x180",
        &[&x264[..], &["-x264-params", "tff=1"]].concat(),
    );
    film(dir.path(), interlaced, &[]).check("film", "warning", "interlaced");
    let raw = made(
        dir.path(),
        "raw.h264",
        "320x180",
        &[&x264[..], &["-bf", "0"]].concat(),
    );
    let report = film(dir.path(), raw, &[]);
    let check = report.check("film", "warning", "have no time of their own");
    assert!(advice(check)[0].starts_with("mkvmerge -o"));
    let whole = fs::read(clips::film()).unwrap();
    let short = dir.path().join("short.mkv");
    fs::write(dir.path().join("text.mkv"), "no film").unwrap();
    fs::write(&short, &whole[..whole.len() * 3 / 4]).unwrap();
    let check = film(dir.path(), &short, &[])
        .check("film", "broken", "is cut short or damaged")
        .clone();
    assert!(advice(&check)[0].contains("--allow-truncated"));
    for name in ["short.mkv", "text.mkv"] {
        let doctor = Run::bare(dir.path()).args(["doctor", name, "--preset", "12"]);
        let _ = doctor.ends().exits(8).prints("An encode would not work");
    }
    film(dir.path(), &short, &["--allow-truncated"]).check(
        "film",
        "warning",
        "is cut short or damaged",
    );
    film(dir.path(), "text.mkv", &[]).check("film", "broken", "is not a film: it is a text");
}

#[test]
fn a_film_whose_middle_is_noise_is_told_before_hours_are_spent_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(clips::film()).unwrap();
    let (from, to) = (bytes.len() / 3, bytes.len());
    bytes[from..to].fill(0x55);
    fs::write(dir.path().join("noise.mkv"), bytes).unwrap();
    let report = film(dir.path(), "noise.mkv", &[]);
    let told = |check: &&Value| {
        check["state"] != "ok" && matches!(check["name"].as_str(), Some("film" | "trial"))
    };
    report
        .ended
        .expect(report.all().any(|check| told(&check)), "the damage is told");
}

#[test]
fn a_film_that_does_not_fit_on_the_disk_is_told_beforehand() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::tmpfs(dir.path().join("small"), 1) else {
        return;
    };
    mount.fill(4096);
    let job = mount.path().join("job");
    let report = film(
        dir.path(),
        clips::film(),
        &["--temp", job.to_str().unwrap()],
    );
    let disk = report.check("disk", "missing", "are free");
    assert!(advice(disk)[0].contains("--temp DIR"), "{disk}");
}

#[test]
fn a_film_of_which_not_one_worker_fits_into_memory_is_told_beforehand() {
    let dir = tempfile::tempdir().unwrap();
    let options = [
        "-frames:v",
        "1",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
    ];
    let huge = made(dir.path(), "huge.mkv", "8192x8192", &options);
    let report = Report::of(
        Run::bare(dir.path())
            .args(["doctor", "--json", "--preset", "4", "--lp", "6"])
            .arg(huge),
    );
    let available = fs::read_to_string("/proc/meminfo").unwrap();
    let available = available
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .unwrap();
    if available
        .trim_end_matches("kB")
        .trim()
        .parse::<u64>()
        .unwrap()
        > 80 << 20
    {
        eprintln!("SKIPPED, nothing is tested here: this machine has the memory");
        return;
    }
    let memory = report.check("memory", "missing", "even one worker does not fit");
    assert_eq!(advice(memory)[0], "av1enc --lp 1 INPUT");
    assert!(report.json["forecast"].is_null(), "it is not tried");
}

#[test]
fn an_encoder_that_fails_on_the_film_is_told_by_its_trial() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = encoder_that(dir.path(), "echo 'Error: no such thing' >&2; exit 3");
    let report = film(
        dir.path(),
        clips::film(),
        &["--encoder-path", encoder.to_str().unwrap()],
    );
    report.check(
        "trial",
        "broken",
        "SvtAv1EncApp exited with status 3: Error: no such thing",
    );
}

#[test]
fn an_encoder_that_hangs_is_given_up_and_no_one_waits() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = encoder_that(dir.path(), "exec sleep 1000");
    let report = film(
        dir.path(),
        clips::film(),
        &["--encoder-path", encoder.to_str().unwrap()],
    );
    report.check("time", "warning", "did not finish one frame");
}

#[test]
fn an_output_that_exists_is_told_beforehand() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("out.mkv"), "").unwrap();
    film(dir.path(), clips::one_frame(), &["-o", "out.mkv"]).check("output", "broken", "exists");
    film(dir.path(), clips::one_frame(), &["-o", "out.mkv", "-y"]);
}
