//! VapourSynth with FFMS2: where they are, whether they load, and what was loaded.
//!
//! Nothing of VapourSynth is linked: its script library is loaded when a film is opened. File names never become part
//! of a script: filters are called through the API, with the bytes of the path as an argument.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    env,
    ffi::{CStr, OsStr, OsString, c_char},
    fmt, fs, io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    panic,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use libloading::Library;
use serde::{Deserialize, Serialize};
use vapoursynth::{
    api::API, core::CoreRef, map::OwnedMap, node::Node, plugin::Plugin, vsscript::Environment,
};

use super::heard;
use crate::{
    cli::TRY_VAPOURSYNTH,
    os::{
        dirs, disk,
        guard::Threadless,
        process::{Children, how_it_ended},
    },
};

pub(super) const STD: &str = "com.vapoursynth.std";
pub(super) const RESIZE: &str = "com.vapoursynth.resize";
pub(super) const FFMS2: &str = "com.vapoursynth.ffms2";
/// Where the crate `vapoursynth` looks first for the script library.
pub const VSSCRIPT_PATH: &str = "VSSCRIPT_PATH";
/// Names of the script library, as that crate tries them.
const LIBRARIES: [&str; 2] = ["libvsscript.so", "libvapoursynth-script.so"];

/// Where `./setup --system` installs for all users what the distribution does not have.
const FOR_ALL: &str = "/usr/local/lib/av1enc";

/// The directories in which `./setup` installs what the distribution does not have: the user's own, and that of all users.
pub fn private_dirs() -> impl Iterator<Item = PathBuf> {
    dirs::data()
        .map(|dir| dir.join("av1enc"))
        .into_iter()
        .chain([PathBuf::from(FOR_ALL)])
}

/// The script library in an environment made by `./setup`, if there is one.
fn private_library() -> Option<PathBuf> {
    let python_dirs =
        private_dirs().filter_map(|dir| fs::read_dir(dir.join("vapoursynth/lib")).ok());
    python_dirs
        .flatten()
        .filter_map(|entry| {
            Some(
                entry
                    .ok()?
                    .path()
                    .join("site-packages/vapoursynth/libvsscript.so"),
            )
        })
        .find(|library| library.exists())
}

/// Decides which VapourSynth will be loaded: `VSSCRIPT_PATH`, then the one on PATH, then the one of `./setup`, then
/// whatever the system's loader finds.
pub fn choose_library(alone: &Threadless, children: &Children) {
    if env::var_os("HOME").is_none()
        && let Some(home) = env::home_dir()
    {
        // libvsscript looks for its settings there, and does not ask the system as we do.
        alone.set_var("HOME", home);
    }
    if env::var_os(VSSCRIPT_PATH).is_some() {
        return;
    }
    let mut ask = Command::new("vapoursynth");
    ask.arg("get-vsscript");
    let on_path = || {
        children
            .output(ask)
            .ok()
            .map(|out| PathBuf::from(OsString::from_vec(out.trim_ascii().to_vec())))
    };
    let library = on_path().filter(|library| library.is_file()).or_else(|| {
        let library = private_library()?;
        configure(children, &library);
        Some(library)
    });
    if let Some(library) = library {
        alone.set_var(VSSCRIPT_PATH, library);
    }
}

/// libvsscript learns its Python from the user's `vapoursynth.toml`. `./setup` writes the entry for who runs it; where
/// another configuration directory is in use now, and for the other users of the machine, this does it.
fn configure(children: &Children, library: &Path) {
    let Some((config, environment)) = dirs::config().zip(library.ancestors().nth(5)) else {
        return;
    };
    let file = config.join("vapoursynth/vapoursynth.toml");
    let known = fs::read_to_string(&file);
    if !matches!(&known, Err(error) if error.kind() == io::ErrorKind::NotFound)
        && !known.as_ref().is_ok_and(|known| !names(known, library))
    {
        return;
    }
    // If it fails, loading fails, and that says so.
    let _ = entry(children, environment, &config)
        .and_then(|entry| write(&file, &format!("{entry}{}", known.unwrap_or_default())));
}

/// Whether these settings of libvsscript have an entry for a library.
fn names(settings: &str, library: &Path) -> bool {
    // libvsscript does the same with the path of its own file.
    let key = library.to_string_lossy().replace("/lib64/", "/lib/");
    settings
        .lines()
        .any(|line| line.split('"').nth(1) == Some(&key))
}

/// What `vapoursynth config` writes for the Python of an environment. It gets an empty directory in `config`: where it finds what it
/// does not expect, it empties the file, and with it what other libraries need.
fn entry(children: &Children, environment: &Path, config: &Path) -> Result<String> {
    fs::create_dir_all(config)?;
    let empty = tempfile::tempdir_in(config)?;
    let mut command = Command::new(environment.join("bin/vapoursynth"));
    command.arg("config").env("XDG_CONFIG_HOME", empty.path());
    children.output(command)?;
    Ok(fs::read_to_string(
        empty.path().join("vapoursynth/vapoursynth.toml"),
    )?)
}

/// Puts `settings` in the place of a file, or of the one that it is a link to.
fn write(file: &Path, settings: &str) -> Result<()> {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
    Ok(disk::write_whole(&file, settings.as_bytes())?)
}

/// A running VapourSynth with the FFMS2 plugin. There is one per process, and it is never shut down: threads of its
/// core may run until the very end.
#[derive(Clone, Copy)]
pub struct VapourSynth {
    core: CoreRef<'static>,
    ffms2: Plugin<'static>,
    pub(super) api: API,
}

/// Versions of what was loaded, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// VapourSynth's core, `R79`.
    pub core: String,
    /// The script library.
    pub library: Option<String>,
    /// FFMS2, `2.40.0.0`.
    pub ffms2: String,
    /// The plugin's file.
    pub plugin: Option<String>,
}

/// Why VapourSynth cannot read films here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unusable {
    /// There is no script library.
    NoLibrary,
    /// The script library does not start.
    Library {
        /// Its file, where it is known.
        path: Option<String>,
        /// What it says itself, or the system's loader of it.
        said: String,
    },
    /// The core has no plugin that reads films, and no library of FFMS2 was found.
    NoPlugin {
        /// Release of the core, 79 for example.
        core: i32,
    },
    /// Every library of FFMS2 that was found is refused.
    Refused {
        /// Release of the core.
        core: i32,
        /// Each library, and what the core says of it.
        libraries: Vec<(String, String)>,
    },
    /// The process in which it was tried has died.
    Crashed {
        /// Its last words.
        said: Vec<String>,
    },
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLibrary => write!(f, "VapourSynth is not installed"),
            Self::Library { path, said } => {
                let path = path.as_deref().unwrap_or("libvsscript.so");
                write!(
                    f,
                    "VapourSynth's script library {path} does not start: {said}"
                )
            }
            Self::NoPlugin { core } => {
                write!(f, "VapourSynth R{core} has no plugin that reads films")
            }
            Self::Refused { core, libraries } => {
                let said: Vec<&str> = libraries.iter().map(|(_, said)| said.as_str()).collect();
                write!(
                    f,
                    "VapourSynth R{core} cannot load FFMS2: {}",
                    said.join("; ")
                )
            }
            Self::Crashed { said } => write!(f, "VapourSynth crashes: {}", said.join("; ")),
        }
    }
}

impl std::error::Error for Unusable {}

/// What a try of VapourSynth has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Versions of what was loaded.
    pub versions: Versions,
    /// Every library that came into its process: VapourSynth's, Python's, FFMS2's, and theirs.
    pub loaded: Vec<PathBuf>,
}

/// Loads VapourSynth in this process, and prints what came of it as JSON for [`try_out`].
#[must_use]
pub fn trial() -> String {
    let result = VapourSynth::load().map(|vapoursynth| Tried {
        versions: vapoursynth.versions(),
        loaded: loaded_libraries(),
    });
    // Maps with text as keys: nothing in it can fail to be JSON.
    serde_json::to_string(&result).unwrap_or_default()
}

/// Loads VapourSynth in a process of its own: a library that is cut short, or a Python that has lost its modules, ends
/// the process into which it is loaded, with words that mean nothing to a user.
///
/// # Errors
/// Why it cannot be used.
pub fn try_out(children: &Children) -> Result<Tried, Unusable> {
    let mut command = Command::new("/proc/self/exe");
    command.arg(TRY_VAPOURSYNTH);
    let crashed = |said: Vec<String>| Unusable::Crashed { said };
    let finished = children
        .finish(command)
        .map_err(|error| crashed(vec![format!("{error:#}")]))?;
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|_| {
        let ended = finished
            .failure
            .and_then(|failure| failure.status)
            .map(how_it_ended);
        Err(crashed(finished.stderr.into_iter().chain(ended).collect()))
    })
}

/// The files that this process has in its memory, but for its own.
fn loaded_libraries() -> Vec<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    // `7f3c5a000000-7f3c5a021000 r-xp 00000000 08:01 1234   /usr/lib/libz.so.1`, with a path that may hold blanks.
    let paths = maps
        .lines()
        .filter_map(|line| Some(&line[line.find('/')?..]));
    let mut paths: BTreeSet<PathBuf> = paths.map(PathBuf::from).collect();
    if let Ok(program) = env::current_exe() {
        paths.remove(&program);
    }
    paths.into_iter().collect()
}

impl VapourSynth {
    /// Loads the script library, starts a core, and finds or loads the FFMS2 plugin.
    ///
    /// # Errors
    /// What is missing. What a broken library does to the process is for [`try_out`] to find.
    pub fn load() -> Result<Self, Unusable> {
        let given = env::var_os(VSSCRIPT_PATH).map(PathBuf::from);
        let library = open_library(given.as_deref())?;
        let broken = |said: String| Unusable::Library {
            path: given.as_deref().map(lossy),
            said,
        };
        let api = quietly(API::get)
            .map_err(broken)?
            .ok_or_else(|| broken(last_error(&library)))?;
        let environment = quietly(Environment::new)
            .map_err(broken)?
            .map_err(|error| broken(error.to_string()))?;
        let environment: &'static Environment = Box::leak(Box::new(environment));
        let core = environment
            .get_core()
            .map_err(|error| broken(error.to_string()))?;
        let ffms2 = find_ffms2(api, core)?;
        Ok(Self { core, ffms2, api })
    }

    /// What was loaded.
    #[must_use]
    pub fn versions(&self) -> Versions {
        let version = |map: &OwnedMap<'_>| {
            map.get_data("version")
                .map(|v| String::from_utf8_lossy(v).into_owned())
        };
        Versions {
            core: format!("R{}", self.core.info().core_version),
            library: env::var_os(VSSCRIPT_PATH).map(|path| lossy(Path::new(&path))),
            ffms2: self
                .ffms2
                .invoke("Version", &OwnedMap::new(self.api))
                .ok()
                .and_then(|map| version(&map).ok())
                .unwrap_or_default(),
            plugin: self
                .ffms2
                .path()
                .map(|path| lossy(Path::new(OsStr::from_bytes(path.to_bytes())))),
        }
    }

    /// Begins to listen to what FFMS2's decoders complain of.
    ///
    /// # Errors
    /// If they cannot be listened to.
    pub fn listen(&self) -> Result<()> {
        let path = self.ffms2.path().context("FFMS2 has no file")?;
        heard::listen(Path::new(OsStr::from_bytes(path.to_bytes())))
    }

    /// Limits the core: `cache_bytes` for its frame cache, which by default is half of memory, and `threads`, of which
    /// it needs one for every clip that is read at the same time.
    pub fn limit(&self, cache_bytes: u64, threads: usize) {
        self.core
            .set_max_cache_size(i64::try_from(cache_bytes).unwrap_or(i64::MAX));
        self.core
            .set_thread_count(i32::try_from(threads).unwrap_or(i32::MAX));
    }

    /// Builds the frame index of `input` in `index`. Reads the whole file; [`read_position`] says how far it is.
    ///
    /// # Errors
    /// What FFMS2 says.
    pub fn index(&self, input: &Path, index: &Path) -> Result<()> {
        let mut args = OwnedMap::new(self.api);
        args.set_data("source", input.as_os_str().as_bytes())?;
        args.set_data("cachefile", index.as_os_str().as_bytes())?;
        args.set_int("overwrite", 1)?;
        let result = self.ffms2.invoke("Index", &args)?;
        match result.error() {
            Some(error) => bail!("FFMS2 cannot index `{}`: {error}", input.display()),
            None => Ok(()),
        }
    }

    pub(super) fn invoke(
        &self,
        plugin: &str,
        filter: &str,
        args: &OwnedMap<'static>,
    ) -> Result<Node<'static>> {
        let plugin = self
            .core
            .get_plugin_by_id(plugin)?
            .with_context(|| format!("VapourSynth lacks its plugin {plugin}"))?;
        let result = plugin.invoke(filter, args)?;
        match result.error() {
            Some(error) => bail!("VapourSynth's {filter}: {error}"),
            None => Ok(result.get_video_node("clip")?),
        }
    }

    pub(super) fn filter(
        &self,
        plugin: &str,
        filter: &str,
        clip: &Node<'static>,
        ints: &[(&str, i64)],
    ) -> Result<Node<'static>> {
        let mut args = OwnedMap::new(self.api);
        args.set_node("clip", clip)?;
        for (name, value) in ints {
            args.set_int(name, *value)?;
        }
        self.invoke(plugin, filter, &args)
    }
}

/// Opens the script library by itself, to hear why it does not open where it does not.
fn open_library(given: Option<&Path>) -> Result<Library, Unusable> {
    // SAFETY: what the library does when it is opened, it would do at once anyway: it is what the user wants to run.
    let open = |name: &OsStr| unsafe { Library::new(name) };
    let refused = |path, error: libloading::Error| Unusable::Library {
        path,
        said: format!("{:#}", anyhow::Error::new(error)),
    };
    match given {
        Some(path) => open(path.as_os_str()).map_err(|error| refused(Some(lossy(path)), error)),
        None => LIBRARIES
            .iter()
            .find_map(|name| open(OsStr::new(name)).ok())
            .ok_or(Unusable::NoLibrary),
    }
}

/// What a script library that does not start says of it. Those before VapourSynth R74 say nothing.
fn last_error(library: &Library) -> String {
    type LastError = unsafe extern "C" fn() -> *const c_char;
    // SAFETY: VSScript4.h declares it so; it returns null or a text that stays.
    let said = unsafe {
        let symbol = library.get::<LastError>(b"getVSScriptAPILastError\0").ok();
        let text = symbol
            .map(|last_error| last_error())
            .filter(|text| !text.is_null());
        text.map(|text| CStr::from_ptr(text).to_string_lossy().trim().to_owned())
    };
    said.filter(|said| !said.is_empty())
        .unwrap_or_else(|| "it does not say why".to_owned())
}

/// Runs `f`, which may panic in the crate `vapoursynth` where a library is broken. The panic's message, which means
/// nothing to a user by itself, is not printed but returned.
fn quietly<T>(f: impl FnOnce() -> T + panic::UnwindSafe) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let result = panic::catch_unwind(f);
    panic::set_hook(hook);
    result.map_err(|panicked| match panicked.downcast::<String>() {
        Ok(text) => *text,
        Err(panicked) => panicked
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("it does not say why")
            .to_owned(),
    })
}

fn lossy(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The FFMS2 plugin: the core's own, else the library of the system, which is a plugin as well.
fn find_ffms2(api: API, core: CoreRef<'static>) -> Result<Plugin<'static>, Unusable> {
    let ours = || core.get_plugin_by_id(FFMS2).ok().flatten();
    if let Some(plugin) = ours() {
        return Ok(plugin);
    }
    let release = core.info().core_version;
    let mut refused = Vec::new();
    for library in ffms2_libraries() {
        let load = || -> Result<Option<String>> {
            let std = core
                .get_plugin_by_id(STD)?
                .context("VapourSynth lacks its standard plugin")?;
            let mut args = OwnedMap::new(api);
            args.set_data("path", library.as_os_str().as_bytes())?;
            Ok(std
                .invoke("LoadPlugin", &args)?
                .error()
                .map(Cow::into_owned))
        };
        let said = load().unwrap_or_else(|error| Some(format!("{error:#}")));
        refused.extend(said.map(|said| (lossy(&library), said)));
        if let Some(plugin) = ours() {
            return Ok(plugin);
        }
    }
    Err(match refused.is_empty() {
        true => Unusable::NoPlugin { core: release },
        false => Unusable::Refused {
            core: release,
            libraries: refused,
        },
    })
}

/// Files named `libffms2.so*` where distributions put libraries and plugins; the shortest name of a directory first.
fn ffms2_libraries() -> Vec<PathBuf> {
    let roots = ["/usr/local/lib", "/usr/lib", "/usr/lib64"].map(PathBuf::from);
    // What the user adds comes first.
    let added = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = env::split_paths(&added)
        .filter(|dir| dir.is_absolute())
        .collect();
    for root in roots {
        dirs.push(root.join("vapoursynth"));
        // Debian's multiarch directories, x86_64-linux-gnu for example.
        let below = fs::read_dir(&root)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()));
        dirs.extend(
            below
                .filter(|dir| dir.to_string_lossy().contains("-linux-"))
                .flat_map(|dir| [dir.join("vapoursynth"), dir]),
        );
        dirs.push(root);
    }
    let mut libraries = Vec::new();
    for dir in dirs {
        let mut here: Vec<PathBuf> = fs::read_dir(dir)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name.as_bytes().starts_with(b"libffms2.so"))
            })
            .collect();
        here.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
        // The others are links to the same file, or would be.
        libraries.extend(here.into_iter().next());
    }
    libraries
}

/// How far this process has read in `file`, which a library has opened: bytes from its start.
#[must_use]
pub fn read_position(file: &Path) -> Option<u64> {
    let file = fs::canonicalize(file).ok()?;
    let entries = fs::read_dir("/proc/self/fd").ok()?;
    let positions = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        (fs::read_link(entry.path()).ok()? == file).then_some(())?;
        let info =
            fs::read_to_string(Path::new("/proc/self/fdinfo").join(entry.file_name())).ok()?;
        info.lines()
            .find_map(|line| line.strip_prefix("pos:")?.trim().parse().ok())
    });
    positions.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_file_is_read_can_be_seen() {
        use std::io::{Read, Write};
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[0; 1000]).unwrap();
        let mut open = fs::File::open(file.path()).unwrap();
        open.read_exact(&mut [0; 400]).unwrap();
        // The file is open twice: written to its end, read to 400.
        assert_eq!(read_position(file.path()), Some(1000));
        drop(file.into_file());
    }
}
