//! Everything that reads a film's pictures. Here: VapourSynth and FFMS2: load, index once, open, hand out frames; in the
//! rooms below, ffmpeg, which reads in order what an index gets wrong, and says what the right pictures are.
//!
//! Nothing of VapourSynth is linked: its script library is loaded when a film is opened. File names never become part
//! of a script: filters are called through the API, with the bytes of the path as an argument.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::{CStr, OsStr, OsString, c_char},
    fmt, fs, ops,
    os::unix::ffi::{OsStrExt, OsStringExt},
    panic,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result, bail, ensure};
use crossbeam_channel::{Receiver, Sender, unbounded};
use libloading::Library;
use num_rational::Ratio;
use serde::{Deserialize, Serialize};
use vapoursynth::{
    api::API,
    core::CoreRef,
    format::{ColorFamily, PresetFormat, SampleType},
    map::OwnedMap,
    node::Node,
    plugin::Plugin,
    video_info::Property,
    vsscript::Environment,
};

pub use self::frames::Frame;
use self::{linear::Linear, places::Watch, probe::Probed};
use crate::{
    cli::TRY_VAPOURSYNTH,
    film::media::{Container, MediaInfo, Range, Timing},
    os::{
        exit::UnfitFilm,
        guard::Threadless,
        process::{Children, how_it_ended, quoted},
    },
};

pub mod ending;
pub mod probe;
pub mod changes;
pub mod frames;
pub mod packets;
pub mod linear;
pub mod places;

const STD: &str = "com.vapoursynth.std";
const RESIZE: &str = "com.vapoursynth.resize";
const FFMS2: &str = "com.vapoursynth.ffms2";
/// Where the crate `vapoursynth` looks first for the script library.
pub const VSSCRIPT_PATH: &str = "VSSCRIPT_PATH";
/// Names of the script library, as that crate tries them.
const LIBRARIES: [&str; 2] = ["libvsscript.so", "libvapoursynth-script.so"];

/// The directory in which `./setup` installs what the distribution does not have.
#[must_use]
pub fn private_dir() -> Option<PathBuf> {
    let data = env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute());
    data.or_else(|| Some(env::home_dir()?.join(".local/share")))
        .map(|dir| dir.join("av1enc"))
}

/// The script library in an environment made by `./setup`, if there is one.
fn private_library() -> Option<PathBuf> {
    let python_dirs = fs::read_dir(private_dir()?.join("vapoursynth/lib")).ok()?;
    python_dirs
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

/// libvsscript learns its Python from the user's `vapoursynth.toml`. `./setup` writes the entry; where another
/// configuration directory is in use now, this does it again.
fn configure(children: &Children, library: &Path) {
    let config = env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".config")));
    // Only where there is no such file: `vapoursynth config` empties one that holds what it does not expect.
    if config.is_none_or(|dir| dir.join("vapoursynth/vapoursynth.toml").exists()) {
        return;
    }
    if let Some(environment) = library.ancestors().nth(5) {
        let mut command = Command::new(environment.join("bin/vapoursynth"));
        command.arg("config");
        // If it fails, loading fails, and that says so.
        let _ = children.output(command);
    }
}

/// A running VapourSynth with the FFMS2 plugin. There is one per process, and it is never shut down: threads of its
/// core may run until the very end.
#[derive(Clone, Copy)]
pub struct VapourSynth {
    core: CoreRef<'static>,
    ffms2: Plugin<'static>,
    api: API,
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

    fn invoke(
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

    fn filter(
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

/// A film that can be read frame by frame.
pub struct Source {
    vs: VapourSynth,
    input: Arc<Path>,
    index: PathBuf,
    stream: usize,
    rotation: u16,
    full_range: bool,
    bit_depth: u8,
    decoder_threads: usize,
    idle: Mutex<Vec<Clip>>,
}

/// What is known of the frames, by an index or by their packets.
#[derive(Debug, Clone)]
pub struct Indexed {
    /// Frames that can be read.
    pub frames: u64,
    /// Packets that they are in; more than frames where some are hidden.
    pub packets: u64,
    /// FFMS2's frame rate.
    pub fps: Option<Ratio<u32>>,
    /// Time of each frame in milliseconds, by a clock that begins anywhere.
    pub times_ms: Vec<f64>,
    /// When the last frame is no longer shown, by the clock of the film, if its file says so.
    pub ends_ms: Option<f64>,
    /// Whether the last packet of the file is not whole.
    pub ends_within: bool,
    /// Width in pixels of the frames that are encoded.
    pub width: u32,
    /// Height in pixels of the frames that are encoded.
    pub height: u32,
}

impl Source {
    /// Opens `input` with its `index` for encoding at `bit_depth`; `scratch` is a file that may be written and is
    /// removed again.
    ///
    /// # Errors
    /// What FFMS2 says; frames that are not planar YUV or grey.
    pub fn open(
        vs: VapourSynth,
        input: &Path,
        index: &Path,
        container: &Container,
        bit_depth: u8,
        scratch: &Path,
    ) -> Result<(Self, Indexed)> {
        let source = Self {
            vs,
            input: input.into(),
            index: index.to_owned(),
            stream: container.video.stream,
            rotation: container.video.rotation,
            full_range: container.video.color.range == Some(Range::Full),
            bit_depth,
            decoder_threads: 1,
            idle: Mutex::new(Vec::new()),
        };
        let decoded = source.decoded(1, Some(scratch))?;
        let times =
            fs::read_to_string(scratch).context("reading the frame times that FFMS2 wrote")?;
        fs::remove_file(scratch).context("removing the frame times that FFMS2 wrote")?;
        let info = decoded.info();
        let encoded = source.shaped(&decoded)?.info();
        let Property::Constant(size) = encoded.resolution else {
            bail!("`{}` changes its frame size in the middle", input.display())
        };
        let indexed = Indexed {
            frames: info.num_frames as u64,
            packets: info.num_frames as u64,
            fps: match info.framerate {
                // It calls the rate of a track whose pictures have no duration 1/0.
                Property::Constant(rate) => positive(rate.numerator, rate.denominator),
                Property::Variable => None,
            },
            times_ms: read_timecodes(&times)?,
            ends_ms: None,
            ends_within: false,
            width: u32::try_from(size.width)?,
            height: u32::try_from(size.height)?,
        };
        ensure!(
            indexed.times_ms.len() as u64 == indexed.frames,
            "FFMS2 counts {} frames in `{}`, but wrote the times of {} into `{}` (is the disk full?)",
            indexed.frames,
            input.display(),
            indexed.times_ms.len(),
            scratch.display()
        );
        Ok((source, indexed))
    }

    /// Threads that each decoder of a chunk may use.
    pub fn set_decoder_threads(&mut self, threads: usize) {
        self.decoder_threads = threads.max(1);
    }

    /// The film as it is decoded.
    fn decoded(&self, threads: usize, times: Option<&Path>) -> Result<Node<'static>> {
        let mut args = OwnedMap::new(self.vs.api);
        args.set_data("source", self.input.as_os_str().as_bytes())?;
        args.set_data("cachefile", self.index.as_os_str().as_bytes())?;
        args.set_int("track", i64::try_from(self.stream)?)?;
        args.set_int("threads", i64::try_from(threads)?)?;
        if let Some(times) = times {
            args.set_data("timecodes", times.as_os_str().as_bytes())?;
        }
        self.vs
            .invoke(FFMS2, "Source", &args)
            .with_context(|| format!("cannot open `{}`", self.input.display()))
    }

    /// The film as it is encoded, short of its bit depth: upright and of even size.
    fn shaped(&self, clip: &Node<'static>) -> Result<Node<'static>> {
        let format = clip.info().format;
        ensure!(
            format.sample_type() == SampleType::Integer
                && format.color_family() != ColorFamily::RGB,
            "`{}` is decoded to {}, which is not YUV of whole numbers",
            self.input.display(),
            format.name()
        );
        let mut clip = clip.clone();
        // A quarter turn to the right is a transposition and a flip.
        let steps: &[&str] = match self.rotation {
            90 => &["Transpose", "FlipHorizontal"],
            180 => &["Turn180"],
            270 => &["Transpose", "FlipVertical"],
            _ => &[],
        };
        for step in steps {
            clip = self.vs.filter(STD, step, &clip, &[])?;
        }
        if let Property::Constant(size) = clip.info().resolution
            && (size.width % 2 == 1 || size.height % 2 == 1)
        {
            let crop = [
                ("right", (size.width % 2) as i64),
                ("bottom", (size.height % 2) as i64),
            ];
            clip = self.vs.filter(STD, "Crop", &clip, &crop)?;
        }
        Ok(clip)
    }

    /// The whole film, decoded by `threads`: 4:2:0 at the bit depth of the recipe, or at 8 bit where widening is a shift
    /// of two bits, which is done when a frame is written: a frame that waits then takes half the memory.
    ///
    /// # Errors
    /// What FFMS2 or VapourSynth say.
    pub fn clip(&self, threads: usize) -> Result<Clip> {
        let clip = self.shaped(&self.decoded(threads, None)?)?;
        let (wanted, preset) = match self.bit_depth {
            8 => (8, PresetFormat::YUV420P8),
            _ => (10, PresetFormat::YUV420P10),
        };
        let format = clip.info().format;
        let bits = format.bits_per_sample();
        let is_420 = format.color_family() == ColorFamily::YUV
            && (format.sub_sampling_w(), format.sub_sampling_h()) == (1, 1);
        if is_420 && (bits == wanted || bits == 8 && !self.full_range) {
            return Ok(self.named(clip));
        }
        let mut args = OwnedMap::new(self.vs.api);
        args.set_node("clip", &clip)?;
        args.set_int("format", preset as i64)?;
        if bits > wanted {
            // Rounding alone would draw bands into skies.
            args.set_data("dither_type", b"error_diffusion")?;
        }
        self.vs
            .invoke(RESIZE, "Bicubic", &args)
            .map(|node| self.named(node))
    }

    fn named(&self, node: Node<'static>) -> Clip {
        Clip {
            node,
            input: self.input.clone(),
        }
    }

    /// A clip to read a part of the film from: one that was given back, or a new one.
    ///
    /// # Errors
    /// What FFMS2 or VapourSynth say.
    pub fn take_clip(&self) -> Result<Clip> {
        match self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
        {
            Some(clip) => Ok(clip),
            None => self.clip(self.decoder_threads),
        }
    }

    /// Gives a clip back for the next chunk: its decoder is open and its index read.
    pub fn give_back(&self, clip: Clip) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(clip);
    }
}

/// Frames of a film, in one format.
#[derive(Clone)]
pub struct Clip {
    node: Node<'static>,
    input: Arc<Path>,
}

/// Who delivers the pictures of a film.
#[derive(Clone)]
pub enum Reader {
    /// FFMS2 in VapourSynth, by number; every picture is looked at on its way.
    Indexed(Arc<Source>, Arc<Watch>),
    /// ffmpeg, in order.
    Linear(Arc<Linear>),
}

/// Pictures on their way out of a [`Reader`], in the order of the film. An error is the last item.
pub type Pictures = Box<dyn Iterator<Item = Result<Frame>> + Send>;

impl Reader {
    /// Reads the whole film with `threads` for its decoder. Of an indexed one there are `frames`; the other ends where it
    /// ends.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn whole(&self, threads: usize, frames: u64) -> Result<Pictures> {
        Ok(match self {
            Self::Indexed(source, watch) => watched(
                source.clip(threads)?.read(0..frames),
                0,
                true,
                watch.clone(),
            ),
            Self::Linear(film) => Box::new(film.whole(threads)?),
        })
    }

    /// Has `take` read the pictures of `range`, which were read before.
    ///
    /// # Errors
    /// Those of `take`, or if it cannot be opened.
    pub fn part<E>(
        &self,
        range: ops::Range<u64>,
        mut take: impl FnMut(Result<Frame>) -> Result<(), E>,
        cannot: impl Fn(anyhow::Error) -> E,
    ) -> Result<(), E> {
        match self {
            Self::Indexed(source, watch) => {
                let clip = source.take_clip().map_err(cannot)?;
                watched(clip.read(range.clone()), range.start, false, watch.clone())
                    .try_for_each(&mut take)?;
                source.give_back(clip);
                Ok(())
            }
            Self::Linear(film) => film.part(range).try_for_each(&mut take),
        }
    }

    /// Whether frames are known only once they have come.
    #[must_use]
    pub fn linear(&self) -> Option<&Arc<Linear>> {
        match self {
            Self::Indexed(..) => None,
            Self::Linear(film) => Some(film),
        }
    }
}

/// Looks at pictures from number `first` on, `in_order` if that is the beginning of the film.
fn watched(reading: Reading, first: u64, in_order: bool, watch: Arc<Watch>) -> Pictures {
    Box::new(reading.zip(first..).map(move |(frame, n)| {
        let frame = frame?;
        watch.see(n, &frame, in_order)?;
        Ok(frame)
    }))
}

/// Frames requested ahead of the one that is needed: enough to bridge pauses, few enough not to count as memory.
const REQUESTED_AHEAD: u64 = 4;

impl Clip {
    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        match self.node.info().resolution {
            Property::Constant(size) => (size.width, size.height),
            Property::Variable => (0, 0),
        }
    }

    /// Reads the frames of `range` in order, requested ahead. Reading in order is fast; another place costs the decoding
    /// from the keyframe before it.
    #[must_use]
    pub fn read(&self, range: ops::Range<u64>) -> Reading {
        let (sender, arrived) = unbounded();
        let mut reading = Reading {
            clip: self.clone(),
            next: range.start,
            requested: range.start,
            end: range.end,
            sender,
            arrived,
            early: BTreeMap::new(),
        };
        reading.request();
        reading
    }
}

/// Frames on their way out of a [`Clip`]: an iterator in the order of the film. What the decoder says comes with the file
/// and the number of the frame, and is the last item.
pub struct Reading {
    clip: Clip,
    next: u64,
    requested: u64,
    end: u64,
    sender: Sender<(u64, Result<Frame>)>,
    arrived: Receiver<(u64, Result<Frame>)>,
    /// Frames that were ready before their turn.
    early: BTreeMap<u64, Result<Frame>>,
}

impl Reading {
    fn request(&mut self) {
        while self.requested < self.end.min(self.next + REQUESTED_AHEAD) {
            let n = self.requested;
            self.requested += 1;
            let (sender, input) = (self.sender.clone(), self.clip.input.clone());
            // No film has 2^31 frames: its index would have been refused.
            self.clip
                .node
                .get_frame_async(n as usize, move |frame, _, _| {
                    let frame = frame.map(Frame::of_clip).map_err(|error| {
                        let (input, said) = (quoted(input.as_os_str()), error.into_inner());
                        anyhow::anyhow!(
                            "{input} cannot be read at frame {n}: {}",
                            said.to_string_lossy()
                        )
                    });
                    // Nobody listens any more if reading was given up.
                    let _ = sender.send((n, frame));
                });
        }
    }
}

impl Iterator for Reading {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Result<Frame>> {
        if self.next == self.end {
            return None;
        }
        let frame = loop {
            if let Some(frame) = self.early.remove(&self.next) {
                break frame;
            }
            // We hold a sender ourselves: this waits, and does not fail.
            let (n, frame) = self.arrived.recv().ok()?;
            self.early.insert(n, frame);
        };
        if frame.is_ok() {
            self.next += 1;
            self.request();
        } else {
            self.end = self.next;
        }
        Some(frame)
    }
}

/// Reads a timecode file of format 2: a comment, then a time in milliseconds on each line.
fn read_timecodes(text: &str) -> Result<Vec<f64>> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            line.parse()
                .with_context(|| format!("`{line}` is not a time"))
        })
        .collect()
}

/// Puts together what the container and its frames say, and whether the source is cut short: it ends in the middle of
/// something, or declares more than can be read and is damaged where that should be. `anything_after` is asked whether the
/// file holds anything after a time in seconds, where its video ends early; `complaint_between` what is wrong with the file
/// between two times, where its video pauses or ends early. That it declares more, and nothing else, says nothing: lengths
/// are written before they are known, of what an edit list hides, and of subtitles that have no end.
///
/// # Errors
/// [`UnfitFilm`], if the frame rate is unknown; others if what is asked fails.
pub fn media_info(
    probed: Probed,
    indexed: Indexed,
    anything_after: impl FnOnce(f64) -> Result<bool>,
    complaint_between: impl Fn((f64, f64)) -> Result<Option<String>>,
) -> Result<MediaInfo> {
    let Probed {
        mut container,
        mut rates,
        mut truncated,
        ends_anywhere,
    } = probed;
    let frames = indexed.frames;
    rates.extend(indexed.fps);
    let times = indexed.times_ms;
    let start_ms = container.clock.output_ms(container.clock.first_ms);
    let (timing, fps) = timing(&times, start_ms, &rates)
        .context(UnfitFilm("its frame rate is unknown".to_owned()))?;
    let (source, video) = (
        (container.video.width, container.video.height),
        (indexed.width, indexed.height),
    );
    let turned = container.video.rotation % 180 == 90;
    let upright = if turned { (source.1, source.0) } else { source };
    if upright != video {
        container.warnings.push(format!(
            "{}x{} is encoded as {}x{}: sizes are even in 4:2:0",
            upright.0, upright.1, video.0, video.1
        ));
    }
    if turned {
        container.video.sample_aspect = container.video.sample_aspect.recip();
    }
    let mut info = MediaInfo {
        container,
        frames,
        fps,
        timing,
        ends_ms: None,
        width: video.0,
        height: video.1,
        truncated: None,
    };
    let last_ms = info.time_ms(usize::try_from(frames - 1)?);
    let first_ms = times.first().copied().unwrap_or(0.0);
    let ends_ms = indexed.ends_ms.map(|ms| ms - first_ms + start_ms);
    info.ends_ms = last_picture(&info, last_ms, ends_ms);
    let (last, end) = (last_ms / 1000.0, info.ends_ms.unwrap_or(last_ms) / 1000.0);
    if truncated.is_none() && indexed.ends_within && !ends_anywhere {
        truncated = Some(ending::WITHIN.to_owned());
    }
    let fewer = info
        .container
        .declared_frames
        .filter(|declared| indexed.packets + 1 < *declared);
    let fewer = fewer.map(|declared| {
        format!(
            "it declares {declared} frames, of which {} can be read",
            indexed.packets
        )
    });
    let longer = info
        .container
        .duration_seconds
        .filter(|duration| end + 1.0 < *duration);
    if truncated.is_some() {
        truncated = fewer.or(truncated);
    } else if fewer.is_some() || longer.is_some() {
        let complaint = complaint_between((last, longer.unwrap_or(last).max(last) + 1.0))?;
        if let (Some(complaint), Some(fewer)) = (&complaint, &fewer) {
            truncated = Some(format!("{fewer} ({complaint})"));
        } else if let (Some(complaint), Some(longer)) = (&complaint, longer)
            && !anything_after(end + 1.0)?
        {
            truncated = Some(format!(
                "it declares {longer:.1} s, but ends after {end:.1} s ({complaint})"
            ));
        }
    }
    if truncated.is_none()
        && let Timing::Variable { times_ms } = &info.timing
    {
        for n in pauses(times_ms) {
            let (from, to) = (times_ms[n] / 1000.0, times_ms[n + 1] / 1000.0);
            if let Some(complaint) = complaint_between((from, to))? {
                truncated = Some(format!(
                    "frames are missing after frame {n}, at {from:.1} s ({complaint})"
                ));
                break;
            }
        }
    }
    info.truncated = truncated;
    Ok(info)
}

/// A last picture that is shown longer than this many others has an end of its own.
const LONGER: f64 = 1.5;

/// When the last picture ends, which is shown at `last_ms` and, by its packet, ends at `ends_ms`; `None` where the rate says
/// it, or nothing. It ends with the film, if that has a length.
fn last_picture(info: &MediaInfo, last_ms: f64, ends_ms: Option<f64>) -> Option<f64> {
    let usual_ms = 1000.0 * f64::from(*info.fps.denom()) / f64::from(*info.fps.numer());
    let ends_ms = ends_ms?;
    let declared_ms = info
        .container
        .duration_seconds
        .map(|seconds| info.container.clock.output_ms(seconds * 1000.0));
    let ends_ms = declared_ms.map_or(ends_ms, |declared_ms| {
        ends_ms.min(declared_ms.max(last_ms + usual_ms))
    });
    let own =
        matches!(info.timing, Timing::Variable { .. }) || ends_ms - last_ms > LONGER * usual_ms;
    (ends_ms - last_ms >= 1.0 && own).then_some(ends_ms)
}

/// A frame that is shown longer than this many others is a pause; so many of them are looked at, the longest first.
const PAUSE: f64 = 3.0;
const PAUSES: usize = 8;

/// The frames after which the film pauses: where frames have a rate of their own, or where some are lost.
fn pauses(times_ms: &[f64]) -> Vec<usize> {
    let lasts: Vec<f64> = times_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut sorted = lasts.clone();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let mut found: Vec<usize> = (0..lasts.len())
        .filter(|n| lasts[*n] > usual * PAUSE)
        .collect();
    found.sort_by(|a, b| lasts[*b].total_cmp(&lasts[*a]));
    found.truncate(PAUSES);
    found
}

/// Times that ascend, each at least a millisecond after the one before, as Matroska needs them; and how many were moved.
#[must_use]
pub fn ascending(times_ms: &[f64]) -> (Vec<f64>, usize) {
    let (mut ascending, mut moved) = (Vec::<f64>::with_capacity(times_ms.len()), 0);
    for ms in times_ms {
        let least = ascending
            .last()
            .map_or(f64::NEG_INFINITY, |last| last + 1.0);
        moved += usize::from(*ms < least);
        ascending.push(ms.max(least));
    }
    (ascending, moved)
}

/// Containers round times to a millisecond (Matroska) or a tick; a frame that is further from its place than this
/// belongs to a variable frame rate: rounded itself, and so was the first one.
const TIME_TOLERANCE_MS: f64 = 1.1;

/// Finds the frame rate that explains `times_ms`, or says that there is none; the first frame is shown at `start_ms`.
#[must_use]
pub fn timing(
    times_ms: &[f64],
    start_ms: f64,
    rates: &[Ratio<u32>],
) -> Option<(Timing, Ratio<u32>)> {
    let first = *times_ms.first()?;
    let fits = |rate: &&Ratio<u32>| {
        let frame_ms = 1000.0 * f64::from(*rate.denom()) / f64::from(*rate.numer());
        times_ms
            .iter()
            .enumerate()
            .all(|(n, time)| (time - first - n as f64 * frame_ms).abs() <= TIME_TOLERANCE_MS)
    };
    if let Some(rate) = rates.iter().find(fits) {
        return Some((Timing::Constant { start_ms }, *rate));
    }
    // A single picture has no rate, and needs none.
    let average = if let [_] = times_ms {
        Ratio::from_integer(24)
    } else {
        average(times_ms)?
    };
    let times_ms = times_ms
        .iter()
        .map(|time| time - first + start_ms)
        .collect();
    Some((Timing::Variable { times_ms }, average))
}

/// The rate of frames that have times of their own, in thousandths; `None` if they all have the same. What a container
/// says of it is often the unit of their times.
fn average(times_ms: &[f64]) -> Option<Ratio<u32>> {
    let (first, last) = (times_ms.first()?, times_ms.last()?);
    let seconds = (last - first) / 1000.0;
    let thousandths = (times_ms.len() - 1) as f64 * 1000.0 / seconds;
    (seconds > 0.0)
        .then(|| Ratio::new(thousandths.round().clamp(1.0, u32::MAX.into()) as u32, 1000))
}

/// A rate, if there can be one.
fn positive(num: u64, den: u64) -> Option<Ratio<u32>> {
    let (num, den) = (u32::try_from(num).ok()?, u32::try_from(den).ok()?);
    (num > 0 && den > 0).then(|| Ratio::new(num, den))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rounded_to_milliseconds_are_a_constant_rate() {
        let rate = Ratio::new(24000, 1001);
        let times: Vec<f64> = (0..5000)
            .map(|n| (f64::from(n) * 1001.0 / 24.0).round() + 21.0)
            .collect();
        let (timing, fps) = timing(&times, 21.0, &[Ratio::new(25, 1), rate]).unwrap();
        assert_eq!((timing, fps), (Timing::Constant { start_ms: 21.0 }, rate));
    }

    #[test]
    fn a_late_frame_makes_the_rate_variable_and_its_time_is_kept() {
        let mut times: Vec<f64> = (0..10).map(|n| f64::from(n) * 40.0).collect();
        times[7] += 15.0;
        let (timing, _) = timing(&times, 5.0, &[Ratio::new(25, 1)]).unwrap();
        let Timing::Variable { times_ms } = timing else {
            panic!("{timing:?}")
        };
        assert_eq!((times_ms[0], times_ms[7]), (5.0, 300.0));
    }

    #[test]
    fn frames_with_times_of_their_own_have_the_rate_that_they_come_to() {
        let times: Vec<f64> = [0.0, 30.0, 71.0, 99.0, 133.0, 165.0, 200.0].to_vec();
        let of =
            |times: &[f64], rates: &[Ratio<u32>]| timing(times, 0.0, rates).map(|(_, fps)| fps);
        // Said is the unit of the times, or nothing at all.
        assert_eq!(
            of(&times, &[Ratio::from_integer(1000)]),
            Some(Ratio::from_integer(30))
        );
        assert_eq!(of(&times, &[]), Some(Ratio::from_integer(30)));
        assert_eq!(of(&[0.0, 4e9], &[]), Some(Ratio::new(1, 1000)));
        assert_eq!(of(&[0.0, 1e-9], &[]), Some(Ratio::new(u32::MAX, 1000)));
        assert_eq!(of(&[0.0], &[]), Some(Ratio::from_integer(24)));
        assert_eq!(of(&[40.0, 40.0], &[]), None);
        assert_eq!(of(&[], &[]), None);
        assert_eq!(positive(1, 0), None);
        assert_eq!(positive(0, 0), None);
        assert_eq!(positive(50, 2), Some(Ratio::from_integer(25)));
    }

    #[test]
    fn pauses_are_found_the_longest_first() {
        let mut times: Vec<f64> = (0..100).map(|n| f64::from(n) * 40.0).collect();
        assert!(pauses(&times).is_empty());
        times.drain(70..90);
        times.drain(30..35);
        times.drain(20..21);
        assert_eq!(pauses(&times), [63, 28]);
        assert!(pauses(&[]).is_empty() && pauses(&[0.0]).is_empty());
    }

    #[test]
    fn timecodes_are_read_and_nonsense_is_refused() {
        assert_eq!(
            read_timecodes("# timecode format v2\n0.00\n41.71\n").unwrap(),
            [0.0, 41.71]
        );
        assert!(read_timecodes("# timecode format v2\nsoon\n").is_err());
    }

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
