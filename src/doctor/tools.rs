//! The programs that an encode runs: found, asked, and recognised by what they answer.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{
    advice::{SETUP, System, Thing},
    check::{Check, State},
    wanted::{Inquiry, Wanted},
};
use crate::{
    cli::EncoderName,
    encoder::{self, Capabilities, Encoder, Ffmpegs, Fork, NotFound, svt_av1},
    os::{
        process::{Children, ToolFailure, quoted},
        toolbox::OLDEST_FFMPEG,
        version::Version,
    },
    settings::EncoderChoice,
    source::private_dirs,
};

/// Encoder options without which there is no command line for a chunk, and what for.
const NEEDED_OPTIONS: [(&str, &str); 5] = [
    ("crf", "the quality"),
    ("preset", "the speed"),
    ("keyint", "keyframes only where chunks begin"),
    ("progress", "how far it is"),
    ("lp", "how many processors it takes"),
];

/// A program that was looked for and, if it was found, asked for its version.
pub struct Looked {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub path: Option<PathBuf>,
    /// Where else it lies, if it is not where it would be found.
    pub elsewhere: Option<PathBuf>,
    /// What it answered, or how it failed.
    pub answer: Result<String, String>,
}

/// Looks for `name` in PATH, or for the program `given` by the user, and asks it with `option`.
pub fn look(
    inquiry: Inquiry<'_>,
    name: &'static str,
    given: Option<&Path>,
    option: &str,
) -> Looked {
    let path = which::which(given.unwrap_or(Path::new(name))).ok();
    let answer = path.as_deref().map(|path| {
        let ask = || ask(inquiry.children, path, option);
        let answer = inquiry.cache.answer(path, option, ask);
        answer.map_err(|error| why(&error))
    });
    let elsewhere = if path.is_none() && given.is_none() {
        outside_path(name)
    } else {
        None
    };
    let absent = || match given {
        Some(given) => format!(
            "is given as {}, which is not a program",
            quoted(given.as_os_str())
        ),
        None => "is not in PATH".to_owned(),
    };
    Looked {
        name,
        elsewhere,
        path,
        answer: answer.unwrap_or_else(|| Err(absent())),
    }
}

/// What a program prints when it is given one option.
fn ask(children: &Children, program: &Path, option: &str) -> Result<String> {
    let mut command = Command::new(program);
    command.arg(option);
    let output = children.output(command)?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// What went wrong, in one line.
pub(super) fn why(error: &anyhow::Error) -> String {
    error
        .downcast_ref::<ToolFailure>()
        .map_or_else(|| format!("{error:#}"), ToolFailure::line)
}

/// A program in a directory in which users put programs, and which shells do not always search.
fn outside_path(name: &str) -> Option<PathBuf> {
    let home = env::home_dir().unwrap_or_default();
    let mut dirs = vec![
        home.join(".local/bin"),
        home.join("bin"),
        home.join(".cargo/bin"),
        "/usr/local/bin".into(),
    ];
    dirs.extend(
        entries(Path::new("/opt"))
            .into_iter()
            .map(|dir| dir.join("bin")),
    );
    dirs.into_iter()
        .map(|dir| dir.join(name))
        .find_map(|path| which::which(path).ok())
}

/// What is in a directory; nothing where it cannot be read.
fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A program that is not found, with what to type.
fn absent(looked: &Looked, thing: Thing, system: &System) -> Check {
    match &looked.elsewhere {
        Some(path) => {
            let dir = path.parent().unwrap_or(Path::new("/"));
            Check::missing(looked.name, "is there, but its directory is not in PATH")
                .at(Some(shown(path)))
                .advise([format!("export PATH={}:\"$PATH\"", quoted(dir.as_os_str()))])
        }
        None => {
            let note = looked
                .answer
                .as_ref()
                .err()
                .map_or("is not in PATH", String::as_str);
            Check::missing(looked.name, note).advise(system.install(thing))
        }
    }
}

/// ffmpeg and ffprobe, from their `-version`.
pub fn ffmpeg(looked: &Looked, system: &System) -> Check {
    let Some(path) = &looked.path else {
        return absent(looked, Thing::Ffmpeg, system);
    };
    let broken =
        |note: String| Check::broken(looked.name, note).advise(system.install(Thing::Ffmpeg));
    let check = match &looked.answer {
        Err(why) => broken(format!("does not run: {why}")),
        Ok(answer) => {
            let version = answer
                .split_whitespace()
                .nth(2)
                .unwrap_or("of an unknown version");
            match Version::read(version) {
                Some(found) if found < OLDEST_FFMPEG => {
                    broken(format!("is too old: av1enc needs {OLDEST_FFMPEG} or later"))
                }
                // A build of a moment in the development has no number.
                _ => Check::ok(looked.name),
            }
            .version(version)
        }
    };
    check.at(Some(shown(path)))
}

/// ffmpeg's encoders, from its `-encoders`: the lack of libsvtav1 is worth a word, nothing needs it by default.
pub fn libsvtav1(children: &Children, ffmpeg: &Path) -> Option<Check> {
    ffmpeg_without_svt(&ask(children, ffmpeg, "-encoders").ok()?)
}

/// The ffmpeg that the user names, or else the one in PATH.
pub fn wanted_ffmpeg(wanted: Wanted<'_>) -> Option<PathBuf> {
    which::which(
        wanted
            .programs
            .ffmpeg
            .as_deref()
            .unwrap_or(Path::new("ffmpeg")),
    )
    .ok()
}

fn ffmpeg_without_svt(encoders: &str) -> Option<Check> {
    let has = encoders
        .lines()
        .any(|line| line.split_whitespace().nth(1) == Some("libsvtav1"));
    (!has).then(|| {
        Check::warning(
            "libsvtav1",
            "this ffmpeg is built without it: only an encode through ffmpeg's libsvtav1 needs it",
        )
        .advise(["use another ffmpeg if you want that: ffmpeg -encoders | grep libsvtav1"])
    })
}

/// A program that only few films need, as `film` says: its lack stops no other.
pub fn needed_by_few(check: Check, film: &str) -> Check {
    if !check.state.stops() {
        return check;
    }
    Check {
        state: State::Warning,
        ..check.adding(&format!(": only {film} needs it"))
    }
}

/// mkvmerge or another program of MKVToolNix, from its `--version`: `mkvmerge v74.0.0 ('You Oughta Know') 64-bit`.
pub fn mkvtoolnix(looked: &Looked, system: &System) -> Check {
    let Some(path) = &looked.path else {
        return absent(looked, Thing::Mkvtoolnix, system);
    };
    match &looked.answer {
        Err(why) => Check::broken(looked.name, format!("does not run: {why}"))
            .advise(system.install(Thing::Mkvtoolnix)),
        Ok(answer) => {
            let version = answer
                .split_whitespace()
                .nth(1)
                .unwrap_or("of an unknown version");
            Check::ok(looked.name).version(version.trim_start_matches('v'))
        }
    }
    .at(Some(shown(path)))
}

/// The encoder that is wanted, or the first that works.
pub fn encoder(
    inquiry: Inquiry<'_>,
    wanted: Wanted<'_>,
    system: &System,
) -> (Check, Option<encoder::Found>) {
    let choice = wanted.encoder;
    let ffmpegs = Ffmpegs {
        programs: ffmpegs(wanted),
        params: wanted.params,
    };
    let found = encoder::find(inquiry.children, inquiry.cache, choice, &ffmpegs);
    let found = match found {
        Ok(found) => found,
        Err(error) => return (no_encoder(choice, &error, system), None),
    };
    let capabilities = found.encoder.capabilities();
    let check = match capabilities.identity.family.is_program() {
        true => encoder_that_runs(capabilities, wanted.bit_depth, system),
        false => Check::ok("encoder").version(&capabilities.identity.version),
    };
    let check = check.at(Some(shown(found.encoder.program())));
    let works = !check.state.stops();
    (check, works.then_some(found))
}

/// The ffmpegs whose encoders and filters may be run: the one that the user names; or else PATH's, and that of `./setup`.
pub fn ffmpegs(wanted: Wanted<'_>) -> Vec<PathBuf> {
    let mut programs: Vec<PathBuf> = wanted_ffmpeg(wanted).into_iter().collect();
    if wanted.programs.ffmpeg.is_none() {
        let private = private_dirs().map(|dir| dir.join("ffmpeg-9/bin/ffmpeg"));
        programs.extend(private.filter(|path| path.is_file()));
    }
    programs
}

/// Says in the check of SvtAv1EncApp, if it is among the `checks`, which library it loads: that is the encoder, and may be
/// another than the program was built with.
pub fn name_library(children: &Children, encoder: &Encoder, checks: &mut [Check]) {
    let is_it = |check: &&mut Check| check.name == svt_av1::PROGRAM && check.note.is_none();
    if let Some(check) = checks.iter_mut().find(is_it) {
        check.note = Some(match loaded_library(children, encoder.program()) {
            Some(library) => format!("loads {library}"),
            None => "has its library in itself, or a script starts it".to_owned(),
        });
        if encoder.identity().fork == Fork::Mainline {
            check.advice = vec![format!(
                "{SETUP} --encoder hdr  # if you want SVT-AV1-HDR and its curve 3"
            )];
        }
    }
}

/// The library of SVT-AV1 that the system's loader, or the starter that `./setup` made, gives to a program.
fn loaded_library(children: &Children, program: &Path) -> Option<String> {
    const STEM: &str = "libSvtAv1Enc.so";
    let starter = fs::canonicalize(program).ok()?;
    let beside = starter.parent()?.parent()?.join("root/usr/lib");
    let of_setup = entries(&beside)
        .into_iter()
        .flat_map(|dir| entries(&dir))
        .find(|path| path.to_string_lossy().contains(STEM));
    if let Some(library) = of_setup {
        return Some(shown(&library));
    }
    let mut command = Command::new(program);
    // What ldd does.
    command.env("LD_TRACE_LOADED_OBJECTS", "1");
    let listed = children.output(command).ok()?;
    let listed = String::from_utf8_lossy(&listed);
    let line = listed.lines().find(|line| line.contains(STEM))?;
    Some(
        line.split_once(" => ")?
            .1
            .split_whitespace()
            .next()?
            .to_owned(),
    )
}

/// Why there is no encoder: it is not there, or it fails.
fn no_encoder(choice: &EncoderChoice, error: &anyhow::Error, system: &System) -> Check {
    let is_svt = matches!(
        choice.name,
        EncoderName::Auto | EncoderName::AutoHw | EncoderName::SvtAv1
    );
    let note = encoder::why(error);
    match (&choice.path, error.downcast_ref::<NotFound>()) {
        // Of ffmpeg's encoders, what does not work says itself what to do.
        _ if !is_svt => Check::broken("encoder", note),
        (Some(_), Some(_)) => Check::missing(svt_av1::PROGRAM, note)
            .advise(["leave --encoder-path out, or give the path of the program"]),
        (None, Some(_)) => svt_av1_is_absent(note, system),
        (given, None) => {
            let installed = || svt_av1::installed().into_iter().next();
            let program = given.clone().or_else(installed);
            let near = |name: &str| {
                let program = program.as_deref();
                program.map_or_else(Vec::new, |program| libraries(program, name))
            };
            encoder_that_fails(&why(error), near, system).at(program.as_deref().map(shown))
        }
    }
}

/// SvtAv1EncApp is not in PATH; perhaps it is elsewhere.
fn svt_av1_is_absent(note: String, system: &System) -> Check {
    let looked = Looked {
        name: svt_av1::PROGRAM,
        path: None,
        elsewhere: outside_path(svt_av1::PROGRAM),
        answer: Err(note),
    };
    let mut check = absent(&looked, Thing::SvtAv1, system);
    check.advice.extend(
        looked
            .elsewhere
            .iter()
            .map(|path| format!("av1enc --encoder-path {} INPUT", quoted(path.as_os_str()))),
    );
    check
}

/// An encoder that answers: whether it understands what every chunk is encoded with.
fn encoder_that_runs(capabilities: &Capabilities, bit_depth: u8, system: &System) -> Check {
    const NAME: &str = svt_av1::PROGRAM;
    let lacks: Vec<String> = NEEDED_OPTIONS
        .iter()
        .filter(|(option, _)| !capabilities.has(option))
        .map(|(option, what)| format!("--{option} ({what})"))
        .collect();
    let check = if !lacks.is_empty() {
        Check::broken(NAME, format!("has no option {}", lacks.join(", ")))
            .advise(system.install(Thing::SvtAv1))
    } else if !capabilities.accepts("input-depth", bit_depth.into()) {
        let mut advice = system.install(Thing::SvtAv1);
        if bit_depth == 10 {
            advice.push("av1enc --pix-format yuv420p INPUT  # encodes 8 bit with it".to_owned());
        }
        Check::broken(
            NAME,
            format!("cannot encode {bit_depth} bit (--input-depth {bit_depth})"),
        )
        .advise(advice)
    } else {
        Check::ok(NAME)
    };
    check.version(&capabilities.identity.version)
}

/// An encoder that does not run, by its words; `libraries` finds the files that begin with a name.
fn encoder_that_fails(
    said: &str,
    libraries: impl Fn(&str) -> Vec<PathBuf>,
    system: &System,
) -> Check {
    const NAME: &str = svt_av1::PROGRAM;
    if let Some(library) = missing_library(said) {
        let check = |note| Check::broken(NAME, note);
        let found = libraries(library);
        if let Some(dir) = found
            .iter()
            .find(|path| path.ends_with(library))
            .and_then(|path| path.parent())
        {
            let export = format!("export LD_LIBRARY_PATH={}", quoted(dir.as_os_str()));
            let loader = if dir.starts_with("/usr") {
                Some("sudo ldconfig".to_owned())
            } else {
                None
            };
            return check(format!(
                "does not find its library {library}, which is in {}",
                dir.display()
            ))
            .advise(loader.into_iter().chain([export]));
        }
        let other = found
            .first()
            .map(|other| format!(" (there is {}, of another version)", other.display()));
        return check(format!(
            "does not find its library {library}{}",
            other.unwrap_or_default()
        ))
        .advise(system.install(Thing::SvtAv1));
    }
    let newer = said.contains("GLIBC_") && said.contains("not found");
    let note = if newer {
        format!("was built for a newer system: {said}")
    } else {
        format!("does not run: {said}")
    };
    Check::broken(NAME, note).advise(if newer {
        vec![SETUP.to_owned()]
    } else {
        system.install(Thing::SvtAv1)
    })
}

/// The library that the system's loader did not find: `error while loading shared libraries: libSvtAv1Enc.so.4: cannot
/// open shared object file: No such file or directory`.
fn missing_library(said: &str) -> Option<&str> {
    let rest = said.split_once("error while loading shared libraries: ")?.1;
    let (name, why) = rest.split_once(": ")?;
    why.contains("cannot open shared object file")
        .then_some(name)
}

/// Files of a library near `program` and where libraries are; any version of it, the wanted one first.
fn libraries(program: &Path, wanted: &str) -> Vec<PathBuf> {
    let program = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    let beside = program.parent().unwrap_or(Path::new("/"));
    let home = env::home_dir().unwrap_or_default();
    let mut roots = vec![
        beside.to_owned(),
        beside.join("../lib"),
        beside.join("../lib64"),
    ];
    roots.extend(
        [
            "/usr/local/lib",
            "/usr/local/lib64",
            "/usr/lib",
            "/usr/lib64",
        ]
        .map(PathBuf::from),
    );
    roots.extend([
        home.join(".local/lib"),
        home.join(".local/lib64"),
        home.join("lib"),
    ]);
    roots.extend(
        entries(Path::new("/opt"))
            .into_iter()
            .map(|dir| dir.join("lib")),
    );
    roots.extend(private_dirs().map(|dir| dir.join("svt-av1/root/usr/lib")));
    // Debian's multiarch directories, x86_64-linux-gnu for example.
    let below = |root: &PathBuf| {
        entries(root)
            .into_iter()
            .filter(|dir| dir.to_string_lossy().contains("-linux-"))
    };
    let dirs: Vec<PathBuf> = roots
        .iter()
        .flat_map(|root| below(root).chain([root.clone()]))
        .collect();
    let stem = wanted.split(".so").next().unwrap_or(wanted);
    let is_one = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(&format!("{stem}.so")))
    };
    let mut found: Vec<PathBuf> = dirs
        .iter()
        .filter_map(|dir| fs::canonicalize(dir).ok())
        .flat_map(|dir| entries(&dir))
        .filter(is_one)
        .collect();
    found.sort_by_key(|path| !path.ends_with(wanted));
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        doctor::{advice, check::State},
        encoder::{Family, Identity},
    };

    fn debian() -> System {
        advice::tests::system("ID=debian\n", &[])
    }

    fn answering(name: &'static str, answer: &str) -> Looked {
        Looked {
            name,
            path: Some("/usr/bin/x".into()),
            elsewhere: None,
            answer: Ok(answer.to_owned()),
        }
    }

    #[test]
    fn an_ffmpeg_that_is_too_old_is_told_from_one_that_is_not() {
        for (version, state) in [
            ("4.3.8-0+deb11u3", State::Broken),
            ("4.4", State::Ok),
            ("5.1.9-0+deb12u1", State::Ok),
            ("n7.1.1", State::Ok),
            ("N-118000-gabcdef", State::Ok),
            ("3.4.13", State::Broken),
            ("10.0", State::Ok),
        ] {
            let answer = format!(
                "ffmpeg version {version} Copyright (c) 2000-2025 the FFmpeg developers\nbuilt with gcc"
            );
            let check = ffmpeg(&answering("ffmpeg", &answer), &debian());
            assert_eq!(
                (check.state, check.version.as_deref()),
                (state, Some(version))
            );
            assert_eq!(check.advice.is_empty(), state == State::Ok);
        }
    }

    #[test]
    fn an_ffmpeg_without_libsvtav1_is_worth_a_warning() {
        assert_eq!(
            ffmpeg_without_svt(" V..... libsvtav1            SVT-AV1 encoder (codec av1)\n"),
            None
        );
        let check =
            ffmpeg_without_svt(" V....D libaom-av1           libaom AV1 (codec av1)\n").unwrap();
        assert_eq!(check.state, State::Warning);
    }

    #[test]
    fn a_program_outside_of_path_is_named_with_the_line_that_adds_it() {
        let elsewhere = Some(PathBuf::from("/home/a b/.local/bin/mkvmerge"));
        let check = mkvtoolnix(
            &Looked {
                name: "mkvmerge",
                path: None,
                elsewhere,
                answer: Err(String::new()),
            },
            &debian(),
        );
        assert_eq!(check.state, State::Missing);
        assert_eq!(
            check.advice,
            ["export PATH='/home/a b/.local/bin':\"$PATH\""]
        );
    }

    fn capabilities(depth: (f64, f64), without: &str) -> Capabilities {
        let names = ["crf", "preset", "keyint", "progress", "lp", "input-depth"]
            .into_iter()
            .filter(|name| *name != without);
        let range = |name: &str| (name == "input-depth").then(|| vec![depth]);
        Capabilities {
            identity: Identity {
                family: Family::SvtAv1,
                fork: Fork::Mainline,
                version: "SVT-AV1 v4.2.0".to_owned(),
                number: Version(4, 2),
            },
            options: names
                .map(|name| (name.to_owned(), range(name)))
                .collect::<BTreeMap<_, _>>(),
            quarter_crf: true,
            takes_unknown: false,
        }
    }

    #[test]
    fn an_encoder_lacks_10_bit_or_an_option() {
        assert_eq!(
            encoder_that_runs(&capabilities((8.0, 10.0), ""), 10, &debian()).state,
            State::Ok
        );
        assert_eq!(
            encoder_that_runs(&capabilities((8.0, 8.0), ""), 8, &debian()).state,
            State::Ok
        );
        let check = encoder_that_runs(&capabilities((8.0, 8.0), ""), 10, &debian());
        assert_eq!(check.state, State::Broken);
        assert!(check.note.unwrap().contains("10 bit") && check.advice[2].contains("yuv420p"));
        let check = encoder_that_runs(&capabilities((8.0, 10.0), "keyint"), 10, &debian());
        assert!(check.note.unwrap().contains("--keyint"));
    }

    #[test]
    fn a_library_that_is_not_found_is_named_with_its_directory() {
        let said = "exited with status 127: /x/SvtAv1EncApp: error while loading shared libraries: libSvtAv1Enc.so.4: \
                    cannot open shared object file: No such file or directory";
        let at = |path: &str| encoder_that_fails(said, |_| vec![PathBuf::from(path)], &debian());
        let check = at("/usr/local/lib/libSvtAv1Enc.so.4");
        assert!(
            check
                .note
                .unwrap()
                .ends_with("libSvtAv1Enc.so.4, which is in /usr/local/lib")
        );
        assert_eq!(
            check.advice,
            ["sudo ldconfig", "export LD_LIBRARY_PATH=/usr/local/lib"]
        );
        assert_eq!(
            at("/home/x/lib/libSvtAv1Enc.so.4").advice,
            ["export LD_LIBRARY_PATH=/home/x/lib"]
        );
        let check = at("/usr/lib/libSvtAv1Enc.so.2");
        assert!(
            check
                .note
                .unwrap()
                .contains("there is /usr/lib/libSvtAv1Enc.so.2, of another version")
        );
        assert_eq!(check.advice[0], SETUP);
    }

    #[test]
    fn an_encoder_for_a_newer_system_is_told_from_one_that_crashes() {
        let newer = "exited with status 1: x: /lib/libc.so.6: version `GLIBC_2.38' not found (required by x)";
        let check = encoder_that_fails(newer, |_| Vec::new(), &debian());
        assert!(check.note.unwrap().contains("newer system") && check.advice == [SETUP]);
        let check = encoder_that_fails("was killed by SIGILL", |_| Vec::new(), &debian());
        assert!(check.note.unwrap().contains("SIGILL"));
    }
}
