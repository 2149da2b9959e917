//! Tools are asked once what they are: what they have answered is kept until the file that answered is another one.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::Command,
};

use crate::{
    clips,
    doctor::{only, wheel},
    lab::{encode_of, tells},
    run::Run,
};

/// Stands in for each tool: writes down a question for its version, and becomes the tool. Not a script: those are asked
/// every time.
const ASKED: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
    const char *slash = strrchr(words[0], '/'), *name = slash ? slash + 1 : words[0];
    if (count == 2) {
        FILE *log = fopen(getenv("ASKED"), "a");
        fprintf(log, "%s\n", name);
        fclose(log);
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("REAL_TOOLS"), name);
    execv(path, words);
    return 127;
}
"#;

/// Counts how often it is loaded: a plugin of VapourSynth that does nothing else.
const LOADED: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <VapourSynth4.h>
VS_EXTERNAL_API(void) VapourSynthPluginInit2(VSPlugin *plugin, const VSPLUGINAPI *api) {
    api->configPlugin("org.example.counts", "counts", "-", 1, VAPOURSYNTH_API_VERSION, 0, plugin);
    FILE *log = fopen(getenv("ASKED"), "a");
    fprintf(log, "VapourSynth\n");
    fclose(log);
}
"#;

/// The tools, in alphabetical order.
const TOOLS: [&str; 4] = ["ffmpeg", "ffprobe", "mkvmerge", "mkvpropedit"];

/// A directory in which av1enc runs, and what it has asked there.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    /// Compiles `source` to the file `name`; what was there is replaced as a package manager does it.
    fn compile(&self, source: &str, options: &[&str], name: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path("source.c"), source).unwrap();
        let new = self.path("new");
        let done = Command::new("cc")
            .arg(self.path("source.c"))
            .args(options)
            .arg("-o")
            .arg(&new)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        fs::rename(new, self.path(name)).unwrap();
    }

    /// Plans an encode with its own cache; returns who was asked meanwhile, in alphabetical order.
    #[track_caller]
    fn asked(&self, prepare: impl FnOnce(Run) -> Run) -> Vec<String> {
        let log = self.path("log");
        fs::write(&log, "").unwrap();
        let run = Run::bare(self.0.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("ASKED", &log);
        prepare(run).succeeds();
        let asked = fs::read_to_string(log).unwrap();
        let mut asked: Vec<String> = asked.lines().map(str::to_owned).collect();
        asked.sort();
        asked
    }
}

fn planned(run: Run) -> Run {
    run.arg(clips::one_frame())
        .args(["--dry-run", "-o", "out.mkv"])
}

#[test]
fn a_tool_is_asked_again_when_it_is_another_file() {
    let place = Place::new();
    let real = only(place.0.path(), &TOOLS);
    for name in TOOLS {
        place.compile(ASKED, &[], &format!("fakes/{name}"));
    }
    let asked = |dirs: &[&str], prepare: &dyn Fn(Run) -> Run| {
        let dirs = dirs.iter().map(|dir| place.path(dir));
        let path: OsString =
            env::join_paths(dirs.chain(env::split_paths(&env::var_os("PATH").unwrap()))).unwrap();
        place.asked(|run| prepare(run.env("PATH", path).env("REAL_TOOLS", &real)))
    };
    assert_eq!(asked(&["fakes"], &planned), TOOLS, "nothing is known");
    assert_eq!(asked(&["fakes"], &planned), [""; 0], "all is known");
    place.compile(ASKED, &[], "fakes/ffprobe");
    assert_eq!(asked(&["fakes"], &planned), ["ffprobe"], "it was replaced");
    place.compile(ASKED, &[], "first/mkvmerge");
    let dirs = ["first", "fakes"];
    assert_eq!(asked(&dirs, &planned), ["mkvmerge"], "another comes first");
    assert_eq!(asked(&dirs, &planned), [""; 0]);
    for entry in fs::read_dir(place.path("cache/av1enc")).unwrap() {
        fs::write(entry.unwrap().path(), "{\"key\":").unwrap();
    }
    assert_eq!(asked(&dirs, &planned), TOOLS, "the cache is damaged");
    let examined = asked(&dirs, &|run| run.arg("doctor"));
    // The doctor finds fault with nothing that it has not just seen.
    assert!(
        TOOLS
            .iter()
            .all(|name| examined.iter().any(|asked| asked == name))
    );
}

#[test]
fn a_tool_behind_a_link_of_another_name_is_asked_every_time() {
    let place = Place::new();
    let real = only(place.0.path(), &TOOLS);
    place.compile(ASKED, &[], "fakes/snap");
    symlink("snap", place.path("fakes/ffprobe")).unwrap();
    let path = format!(
        "{}:{}",
        place.path("fakes").display(),
        env::var("PATH").unwrap()
    );
    let asked = || place.asked(|run| planned(run.env("PATH", &path).env("REAL_TOOLS", &real)));
    assert_eq!([asked(), asked()], [["ffprobe"], ["ffprobe"]]);
}

#[test]
fn vapoursynth_is_tried_again_when_something_that_it_loads_is_another_file() {
    let Some(wheel) = wheel() else { return };
    let place = Place::new();
    let include = wheel.library.with_file_name("include");
    let include = format!("-I{}", include.display());
    let plugin = || place.compile(LOADED, &["-shared", "-fPIC", &include], "plugins/counts.so");
    plugin();
    let asked = || {
        place.asked(|run| {
            let plugins = place.path("plugins");
            planned(run.env("VAPOURSYNTH_EXTRA_PLUGIN_PATH", plugins))
        })
    };
    assert_eq!(asked(), ["VapourSynth"]);
    assert_eq!(asked(), [""; 0]);
    plugin();
    assert_eq!(asked(), ["VapourSynth"], "a plugin was replaced");
    assert_eq!(asked(), [""; 0]);
    fs::write(place.path("plugins/README"), "").unwrap();
    assert_eq!(asked(), ["VapourSynth"], "there is something new beside it");
    assert_eq!(asked(), [""; 0]);
}

#[test]
fn a_short_film_is_encoded_without_loading_vapoursynth_again() {
    let Some(wheel) = wheel() else { return };
    let place = Place::new();
    let include = format!("-I{}", wheel.library.with_file_name("include").display());
    place.compile(LOADED, &["-shared", "-fPIC", &include], "plugins/counts.so");
    let encode = |method: &'static str| {
        place.asked(|run| {
            let run = run.env("VAPOURSYNTH_EXTRA_PLUGIN_PATH", place.path("plugins"));
            let run = run.arg(clips::one_frame()).args(["-o", "out.mkv", "-y"]);
            run.args(["--preset", "12", "--chunk-method", method])
        })
    };
    assert_eq!(encode("auto"), ["VapourSynth"], "it is tried");
    assert_eq!(encode("auto"), [""; 0], "ffmpeg reads the film");
    assert_eq!(encode("ffms2"), ["VapourSynth"], "it reads the film");
}

#[test]
fn a_program_in_the_current_directory_is_not_run_though_path_names_that() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["ffprobe", "mkvmerge", "SvtAv1EncApp"] {
        let path = dir.path().join(name);
        fs::write(&path, "#!/bin/sh\ntouch used\nexit 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let real = env::var("PATH").unwrap();
    for (path, shown) in [
        (format!(":{real}"), "''"),
        (format!(".:{real}:"), "."),
        (format!("./:{real}"), "./"),
    ] {
        let run = encode_of(dir.path(), clips::one_frame()).arg("-y");
        let ended = run.env("PATH", &path).succeeds();
        tells(
            &ended,
            &format!("PATH names {shown}, which is not absolute"),
        );
        ended.expect(!dir.path().join("used").exists(), "they were not run");
        let doctor = Run::bare(dir.path()).arg("doctor").env("PATH", &path);
        let _ = doctor.succeeds().prints("which is not absolute");
        assert!(!dir.path().join("used").exists());
    }
}
