//! VapourSynth, its Python and FFMS2: recognised by what came of trying them, and by what lies around.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{
    advice::{SETUP, System, Thing},
    check::Check,
    wanted::Inquiry,
};
use crate::{
    os::{
        dirs,
        process::{Children, quoted},
        version::Version,
    },
    source::{self, Tried, Unusable, VSSCRIPT_PATH, Versions, private_dirs},
};

/// The oldest Python for which there is a VapourSynth: its wheels are made for the stable interface of 3.12.
const OLDEST_PYTHON: Version = Version(3, 12);
/// The last release that loads plugins of API 3, such as FFMS2 2.40 of Debian 12.
const LAST_WITH_API_3: i32 = 79;
/// Where VapourSynth looks for plugins besides its own directory: its wheels read the first, and nothing reads the
/// second, which many guides name.
const PLUGIN_DIRS: &str = "VAPOURSYNTH_EXTRA_PLUGIN_PATH";
const UNREAD_PLUGIN_DIRS: &str = "VAPOURSYNTH_PLUGIN_PATH";

/// What lies around VapourSynth, beside what it says itself.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// The script library that `VSSCRIPT_PATH` names.
    library: Option<PathBuf>,
    /// Whether that file is there.
    library_exists: bool,
    /// The Python of that library, as `vapoursynth.toml` says.
    python: Option<Python>,
    /// `PYTHONHOME` or `PYTHONPATH`, where one names what is not there.
    stale: Option<(&'static str, OsString)>,
    /// The newest Python in PATH; looked for only where there is no VapourSynth.
    newest_python: Option<(String, PathBuf)>,
    /// Directories of [`PLUGIN_DIRS`] that are not there or hold no library.
    empty_plugin_dirs: Vec<PathBuf>,
    /// Whether [`UNREAD_PLUGIN_DIRS`] is set.
    unread_plugin_dirs: bool,
}

/// The Python that a script library starts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Python {
    program: PathBuf,
    library: PathBuf,
    library_exists: bool,
}

impl Python {
    /// Its version, from the name of its library: `libpython3.13.so.1.0`.
    fn version(&self) -> Option<Version> {
        let name = self.library.file_name()?.to_str()?;
        Version::read(name.strip_prefix("libpython")?.split(".so").next()?)
    }
}

/// Beginnings of variables that decide what is loaded.
const DECIDING: [&str; 6] = [
    "HOME",
    "LD_",
    "PYTHON",
    "VAPOURSYNTH",
    "VSSCRIPT",
    "XDG_CONFIG_HOME",
];

/// Tries VapourSynth, unless all that was loaded when it last worked lies there unchanged.
///
/// # Errors
/// Why it cannot be used.
pub fn try_out(inquiry: Inquiry<'_>) -> Result<Versions, Unusable> {
    let ask = || -> Result<(Versions, Vec<PathBuf>)> {
        let Tried { versions, loaded } = source::try_out(inquiry.children)?;
        let dirs = loaded
            .iter()
            .filter_map(|file| Some(file.parent()?.to_owned()));
        let read = with_modules(dirs.collect()).into_iter().chain(settings());
        let read = read.filter(|path| path.exists());
        Ok((versions, loaded.iter().cloned().chain(read).collect()))
    };
    let mut variables: Vec<_> = env::vars_os()
        .filter(|(name, _)| {
            DECIDING
                .iter()
                .any(|start| name.to_string_lossy().starts_with(start))
        })
        .collect();
    variables.sort();
    let question = format!("loads VapourSynth? {variables:?}");
    // The link under `/proc` has another name than the program.
    let program = env::current_exe().unwrap_or_default();
    let answer = inquiry.cache.answer_with_files(&program, &question, ask);
    answer.map_err(|error| {
        let said = vec![format!("{error:#}")];
        error.downcast().unwrap_or(Unusable::Crashed { said })
    })
}

/// What the script library, VapourSynth and the system's loader read and do not keep open.
fn settings() -> impl Iterator<Item = PathBuf> {
    let ours = dirs::config().map(|dir| dir.join("vapoursynth/vapoursynth.toml"));
    let plugin_dirs = env::var_os(PLUGIN_DIRS).unwrap_or_default();
    let plugin_dirs: Vec<PathBuf> = env::split_paths(&plugin_dirs).collect();
    ours.into_iter()
        .chain(["/etc/ld.so.cache".into()])
        .chain(plugin_dirs)
}

/// The directories in which loaded libraries lie, and those of plugins and of Python's modules that lie beside them: what
/// is added, exchanged or lost there changes one of them.
fn with_modules(mut dirs: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let above: Vec<PathBuf> = dirs
        .iter()
        .filter_map(|dir| Some(dir.parent()?.to_owned()))
        .collect();
    dirs.extend(
        dirs.iter()
            .map(|dir| dir.join("plugins"))
            .collect::<Vec<_>>(),
    );
    // The first module that every Python loads; some libraries lie in a directory beside it.
    for dir in above.iter().filter(|dir| dir.join("encodings").is_dir()) {
        dirs.extend([dir.clone(), dir.join("encodings")]);
    }
    dirs
}

/// Looks around a VapourSynth with which `trial` came of a try.
pub fn look_around(children: &Children, trial: &Result<Versions, Unusable>) -> Around {
    let library = env::var_os(VSSCRIPT_PATH).map(PathBuf::from);
    let stale = ["PYTHONHOME", "PYTHONPATH"].into_iter().find_map(|name| {
        let value = env::var_os(name).filter(|value| !value.is_empty())?;
        (!env::split_paths(&value).any(|path| path.exists())).then_some((name, value))
    });
    let has_library = |dir: &PathBuf| {
        let entries = fs::read_dir(dir).into_iter().flatten();
        entries
            .filter_map(Result::ok)
            .any(|entry| entry.file_name().to_string_lossy().contains(".so"))
    };
    let plugin_dirs = env::var_os(PLUGIN_DIRS).unwrap_or_default();
    Around {
        library_exists: library.as_deref().is_some_and(Path::exists),
        python: library.as_deref().and_then(python_of),
        library,
        stale,
        newest_python: if *trial == Err(Unusable::NoLibrary) {
            newest_python(children)
        } else {
            None
        },
        empty_plugin_dirs: env::split_paths(&plugin_dirs)
            .filter(|dir| !dir.as_os_str().is_empty() && !has_library(dir))
            .collect(),
        unread_plugin_dirs: env::var_os(UNREAD_PLUGIN_DIRS).is_some(),
    }
}

/// The Python of a script library: its line in the user's `vapoursynth.toml`.
fn python_of(library: &Path) -> Option<Python> {
    let text = fs::read_to_string(dirs::config()?.join("vapoursynth/vapoursynth.toml")).ok()?;
    let mut python = python_in(&text, &library.to_string_lossy())?;
    python.library_exists = python.library.exists();
    Some(python)
}

/// `"path of libvsscript" = ["python","libpython","modification time of python"]`.
fn python_in(toml: &str, library: &str) -> Option<Python> {
    // libvsscript looks for itself under this name.
    let key = library.replace("/lib64/", "/lib/");
    let fields = toml
        .lines()
        .map(|line| line.split('"').collect::<Vec<_>>())
        .find(|fields| fields.get(1) == Some(&&*key))?;
    Some(Python {
        program: fields.get(3)?.into(),
        library: fields.get(5)?.into(),
        library_exists: true,
    })
}

/// The newest Python in PATH and its version, as it says itself: shims exist and yet fail.
fn newest_python(children: &Children) -> Option<(String, PathBuf)> {
    let names = ["python3.14", "python3.13", "python3.12", "python3"];
    names.iter().find_map(|name| {
        let path = which::which(name).ok()?;
        let mut command = Command::new(&path);
        command.arg("--version");
        let said = String::from_utf8(children.output(command).ok()?).ok()?;
        Some((said.trim().strip_prefix("Python ")?.to_owned(), path))
    })
}

/// The checks, from what came of the trial and what lies around.
pub fn checks(trial: &Result<Versions, Unusable>, around: &Around, system: &System) -> Vec<Check> {
    let mut checks = match trial {
        Ok(versions) => vec![
            script_library(versions.core.clone(), versions.library.clone()),
            ffms2(versions),
        ],
        Err(Unusable::NoLibrary) => vec![no_library(around, system)],
        Err(Unusable::Library { path, said }) => {
            vec![does_not_start(path.as_deref(), said, around, system)]
        }
        Err(Unusable::Crashed { said }) => vec![crashed(said, around, system)],
        Err(Unusable::NoPlugin { core }) => {
            vec![
                script_library(format!("R{core}"), library(around)),
                no_plugin(system),
            ]
        }
        Err(Unusable::Refused { core, libraries }) => {
            vec![
                script_library(format!("R{core}"), library(around)),
                refused(*core, libraries, around, system),
            ]
        }
    };
    checks.extend(plugin_dirs(around));
    checks
}

fn library(around: &Around) -> Option<String> {
    around
        .library
        .as_ref()
        .map(|path| path.to_string_lossy().into_owned())
}

fn script_library(core: String, path: Option<String>) -> Check {
    Check::ok("VapourSynth").version(core).at(path)
}

fn ffms2(versions: &Versions) -> Check {
    let check = Check::ok("FFMS2")
        .version(&versions.ffms2)
        .at(versions.plugin.as_deref());
    let in_plugin_dir = versions.plugin.as_deref().is_some_and(|path| {
        let parent = Path::new(path)
            .parent()
            .and_then(Path::file_name)
            .unwrap_or_default();
        parent == "plugins" || parent == "vapoursynth"
    });
    if in_plugin_dir {
        check
    } else {
        check.note("not among VapourSynth's plugins; loaded from where it is")
    }
}

fn no_library(around: &Around, system: &System) -> Check {
    let check = Check::missing("VapourSynth", "is not installed")
        .advise(system.install(Thing::VapourSynth));
    match &around.newest_python {
        Some((found, path))
            if Version::read(found).is_some_and(|version| version < OLDEST_PYTHON) =>
        {
            check
                .note(format!(
                    "is not installed, and needs Python {OLDEST_PYTHON} or later: here is {found} ({})",
                    path.display()
                ))
                .advise(newer_python())
        }
        _ => check,
    }
}

/// What gets a newer Python, which libvsscript loads as a library, and VapourSynth then.
fn newer_python() -> [String; 2] {
    [by_pyenv(), format!("uv python install 3.13 && {SETUP}")]
}

fn by_pyenv() -> String {
    format!("PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install 3.13 && {SETUP}")
}

/// A script library that does not open or start.
fn does_not_start(path: Option<&str>, said: &str, around: &Around, system: &System) -> Check {
    let broken = |note: String| Check::broken("VapourSynth", note).at(path);
    if around.library.is_some() && !around.library_exists {
        return broken(format!(
            "{VSSCRIPT_PATH} names this file, which is not there"
        ))
        .advise([format!("unset {VSSCRIPT_PATH}")]);
    }
    if let Some((name, value)) = &around.stale {
        return stale_python(path, name, value);
    }
    let configure = || {
        // `bin/vapoursynth` of the environment in whose `lib/python3.13/site-packages/vapoursynth` the library is.
        let tool = path
            .and_then(|path| Path::new(path).ancestors().nth(5))
            .map(|dir| dir.join("bin/vapoursynth"));
        let tool = tool
            .filter(|tool| tool.exists())
            .map(|tool| format!("{} config", quoted(tool.as_os_str())));
        tool.into_iter().chain([SETUP.to_owned()])
    };
    match &around.python {
        Some(python)
            if let Some(version) = python.version().filter(|version| *version < OLDEST_PYTHON) =>
        {
            broken(format!(
                "its Python {version} ({}) is too old: VapourSynth needs {OLDEST_PYTHON} or later",
                python.program.display()
            ))
            .advise([SETUP.to_owned(), by_pyenv()])
        }
        Some(python) if !python.library_exists => broken(format!(
            "has lost its Python: {} is not there any more",
            python.library.display()
        ))
        .advise(configure()),
        Some(python) if said.contains("Failed to import") => {
            let install = format!(
                "{} install --only-binary :all: vapoursynth=={LAST_WITH_API_3}",
                pip(around)
            );
            broken(format!(
                "its Python ({}) has no VapourSynth module",
                python.program.display()
            ))
            .advise([SETUP.to_owned(), install])
        }
        None if said.contains("couldn't be determined") => {
            broken("does not know which Python is its own".to_owned()).advise(configure())
        }
        _ => broken(format!("does not start: {}", first_sentence(said)))
            .advise(system.install(Thing::VapourSynth)),
    }
}

fn stale_python(path: Option<&str>, name: &str, value: &OsString) -> Check {
    Check::broken(
        "VapourSynth",
        format!(
            "its Python does not start: {name} names {}, which is not there",
            quoted(value)
        ),
    )
    .at(path)
    .advise([format!("unset {name}")])
}

/// What ends a sentence of libvsscript is advice of its own, for another program.
fn first_sentence(said: &str) -> &str {
    said.split(". ")
        .next()
        .unwrap_or(said)
        .trim_end_matches('.')
}

/// A trial that has died: a library that is cut short kills by SIGBUS, a Python without its modules exits.
fn crashed(said: &[String], around: &Around, system: &System) -> Check {
    let path = library(around);
    if let Some((name, value)) = &around.stale {
        return stale_python(path.as_deref(), name, value);
    }
    let fatal = said
        .iter()
        .find(|line| line.contains("Fatal Python error"))
        .or(said.last());
    let why = fatal.map_or("it says nothing", String::as_str);
    let mut advice = system.install(Thing::VapourSynth);
    if around.python.is_some()
        || private_dirs().any(|dir| around.library.as_ref().is_some_and(|l| l.starts_with(dir)))
    {
        advice = vec![SETUP.to_owned()];
    }
    Check::broken(
        "VapourSynth",
        format!("crashes when it is loaded, the file or its Python is damaged: {why}"),
    )
    .at(path)
    .advise(advice)
}

fn no_plugin(system: &System) -> Check {
    Check::missing(
        "FFMS2",
        "is not installed: VapourSynth reads no films without this plugin",
    )
    .advise(system.install(Thing::Ffms2))
}

/// pip of the environment in which VapourSynth is.
fn pip(around: &Around) -> String {
    let python = around
        .python
        .as_ref()
        .map(|python| quoted(python.program.as_os_str()));
    python.map_or_else(|| "pip".to_owned(), |python| format!("{python} -m pip"))
}

/// Libraries of FFMS2 that VapourSynth refuses: the interfaces of both do not fit, or the file is broken.
fn refused(core: i32, libraries: &[(String, String)], around: &Around, system: &System) -> Check {
    let path = libraries.first().map(|(path, _)| path.as_str());
    let is = |text: &str| libraries.iter().any(|(_, said)| said.contains(text));
    let broken = |note: String| Check::broken("FFMS2", note).at(path);
    let pip = |what: String| format!("{} install --only-binary :all: {what}", pip(around));
    if is("uses API 3") || is("no longer supported") {
        broken(format!(
            "VapourSynth R{core} is too new for it: plugins of API 3, as this one is, are loaded by R{LAST_WITH_API_3} and earlier"
        ))
        .advise([pip(format!("vapoursynth=={LAST_WITH_API_3}"))])
    } else if is("requires API") {
        broken(format!(
            "VapourSynth R{core} is too old for it: this FFMS2 needs a later one"
        ))
        .advise([pip("--upgrade vapoursynth".to_owned())])
    } else {
        let said: Vec<&str> = libraries.iter().map(|(_, said)| said.as_str()).collect();
        broken(format!(
            "VapourSynth R{core} cannot load it: {}",
            said.join("; ")
        ))
        .advise(system.install(Thing::Ffms2))
    }
}

fn plugin_dirs(around: &Around) -> Vec<Check> {
    let empty = around.empty_plugin_dirs.iter().map(|dir| {
        let note = if dir.exists() {
            "holds no plugin"
        } else {
            "is not there"
        };
        Check::warning(
            "plugin path",
            format!("{PLUGIN_DIRS} names this directory, which {note}"),
        )
        .at(Some(dir.to_string_lossy()))
        .advise([format!("unset {PLUGIN_DIRS}")])
    });
    let unread = around.unread_plugin_dirs.then(|| {
        let note = format!("{UNREAD_PLUGIN_DIRS} is set, and VapourSynth does not read it");
        Check::warning("plugin path", note)
            .advise([format!("export {PLUGIN_DIRS}=\"${UNREAD_PLUGIN_DIRS}\"")])
    });
    empty.chain(unread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{advice, check::State};

    fn debian() -> System {
        advice::tests::system("ID=debian\n", &[])
    }

    fn one(trial: Unusable, around: &Around) -> Check {
        let mut checks = checks(&Err(trial), around, &debian());
        checks.pop().unwrap()
    }

    fn with_python(library: &str, library_exists: bool) -> Around {
        Around {
            library: Some("/env/lib/python3.13/site-packages/vapoursynth/libvsscript.so".into()),
            library_exists: true,
            python: Some(Python {
                program: "/env/bin/python3".into(),
                library: library.into(),
                library_exists,
            }),
            ..Around::default()
        }
    }

    fn library_says(said: &str) -> Unusable {
        Unusable::Library {
            path: Some("/env/libvsscript.so".to_owned()),
            said: said.to_owned(),
        }
    }

    #[test]
    fn a_missing_vapoursynth_is_told_from_a_missing_python_for_it() {
        let with = |version: &str| Around {
            newest_python: Some((version.to_owned(), "/usr/bin/python3".into())),
            ..Around::default()
        };
        for (around, advice) in [
            (Around::default(), SETUP),
            (with("3.12.1"), SETUP),
            (with("3.11.2"), "pyenv install 3.13 && ./setup"),
        ] {
            let check = one(Unusable::NoLibrary, &around);
            assert_eq!(check.state, State::Missing);
            assert!(check.advice[0].contains(advice), "{check}");
        }
        let note = one(Unusable::NoLibrary, &with("3.11.2")).note.unwrap();
        assert!(
            note.contains("needs Python 3.12 or later: here is 3.11.2 (/usr/bin/python3)"),
            "{note}"
        );
    }

    #[test]
    fn a_script_library_is_told_from_its_python() {
        let import = "Failed to import the VapourSynth Python module.";
        let unknown = "Python executable and library path couldn't be determined despite automatic configuration. Run it";
        let known = "/p/libpython3.13.so.1.0";
        for (said, around, note) in [
            (
                import,
                with_python(known, true),
                "has no VapourSynth module",
            ),
            (
                import,
                with_python("/p/libpython3.11.so.1.0", true),
                "its Python 3.11 (/env/bin/python3) is too old",
            ),
            (
                "Python library failed to load from /p",
                with_python(known, false),
                "has lost its Python: /p/libpython3.13.so.1.0",
            ),
            (
                unknown,
                Around::default(),
                "does not know which Python is its own",
            ),
            (
                "/x.so: file too short",
                Around::default(),
                "does not start: /x.so: file too short",
            ),
        ] {
            let check = one(library_says(said), &around);
            assert_eq!(check.state, State::Broken);
            assert!(check.note.as_deref().unwrap().contains(note), "{check}");
            assert!(check.advice.contains(&SETUP.to_owned()), "{check}");
        }
        let gone = Around {
            library: Some("/gone".into()),
            ..Around::default()
        };
        assert_eq!(
            one(library_says("/gone: cannot open"), &gone).advice,
            ["unset VSSCRIPT_PATH"]
        );
    }

    #[test]
    fn a_crash_is_told_with_its_reason() {
        let said = [
            "Fatal Python error: Failed to import encodings module",
            "exited with status 1",
        ]
        .map(str::to_owned);
        let check = one(
            Unusable::Crashed {
                said: said.to_vec(),
            },
            &Around::default(),
        );
        assert!(
            check
                .note
                .unwrap()
                .contains("Failed to import encodings module")
        );
        let stale = Around {
            stale: Some(("PYTHONHOME", "/gone".into())),
            ..Around::default()
        };
        let check = one(
            Unusable::Crashed {
                said: said.to_vec(),
            },
            &stale,
        );
        assert!(check.note.unwrap().contains("PYTHONHOME names /gone"));
        assert_eq!(check.advice, ["unset PYTHONHOME"]);
    }

    #[test]
    fn interfaces_that_do_not_fit_are_told_from_a_broken_plugin() {
        for (core, said, note, advice) in [
            (
                80,
                "Plugin /x uses API 3, which is no longer supported.",
                "R80 is too new",
                "vapoursynth==79",
            ),
            (
                65,
                "Core only supports API R4.0 but the loaded plugin requires API R4.1; f",
                "R65 is too old",
                "--upgrade",
            ),
            (
                79,
                "Failed to load /x. Error given: file too short",
                "cannot load it: Failed",
                "sudo apt install '^libffms2",
            ),
        ] {
            let libraries = vec![("/x".to_owned(), said.to_owned())];
            let check = one(Unusable::Refused { core, libraries }, &Around::default());
            assert_eq!((check.name, check.state), ("FFMS2", State::Broken));
            assert!(
                check.note.as_deref().unwrap().contains(note) && check.advice[0].contains(advice),
                "{check}"
            );
        }
        let check = one(Unusable::NoPlugin { core: 79 }, &Around::default());
        assert_eq!((check.name, check.state), ("FFMS2", State::Missing));
    }

    #[test]
    fn an_ffms2_that_is_no_plugin_is_used_and_it_is_said() {
        let at = |plugin: &str| {
            let versions = Versions {
                core: "R79".into(),
                library: None,
                ffms2: "2.40".into(),
                plugin: Some(plugin.into()),
            };
            checks(&Ok(versions), &Around::default(), &debian())
                .pop()
                .unwrap()
        };
        let check = at("/usr/lib/x86_64-linux-gnu/libffms2.so.5");
        assert!(
            check.state == State::Ok && check.note.unwrap().contains("loaded from where it is")
        );
        assert_eq!(at("/usr/lib/vapoursynth/libffms2.so").note, None);
    }

    #[test]
    fn the_python_of_a_library_is_read_from_its_line() {
        let toml = "\"/a.so\" = [\"/a/python3\",\"/a/libpython3.12.so.1.0\",\"1\"]\n\"/e/lib/b.so\" = [\"/b/python3\",\"/b/libpython3.13.so.1.0\",\"2\"]\n";
        let python = python_in(toml, "/e/lib64/b.so").unwrap();
        assert_eq!(
            (python.program.as_path(), python.version()),
            (Path::new("/b/python3"), Some(Version(3, 13)))
        );
        assert_eq!(python_in(toml, "/c.so"), None);
        assert_eq!(python_in("\"/c.so\" = [", "/c.so"), None);
    }

    #[test]
    fn plugin_directories_that_hold_nothing_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let around = Around {
            empty_plugin_dirs: vec![dir.path().to_owned(), "/gone".into()],
            unread_plugin_dirs: true,
            ..Around::default()
        };
        let notes: Vec<String> = plugin_dirs(&around)
            .into_iter()
            .filter_map(|check| check.note)
            .collect();
        assert!(notes[0].ends_with("holds no plugin") && notes[1].ends_with("is not there"));
        assert!(notes[2].contains("does not read it"));
    }
}
