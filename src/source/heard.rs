//! What the decoders inside FFMS2 complain of. FFMS2 passes on whatever picture a decoder gives, also one of which the
//! decoder had to make parts up: only the log of ffmpeg's libraries says so.
//!
//! These libraries have one log for a whole process, and it does not say which clip a decoder belongs to. A decoder that
//! begins in the middle of a healthy film complains of pictures that it was not given, so that the two have to be told
//! apart: those that read parts have a number of threads that no other has, and the log has each decoder at hand.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    path::Path,
    ptr,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use anyhow::{Context, Result};
use libloading::Library;

/// `AV_LOG_ERROR` of libavutil/log.h; what is worse has a smaller number.
const ERROR: c_int = 16;
/// What stands above the level is a colour.
const LEVEL: c_int = 0xff;
/// Bytes of a complaint that are kept.
const LINE_BYTES: usize = 256;

/// A list of variable arguments as a function is given it. With the processors that Linux runs on it is a pointer, or a
/// structure that is passed by one; it is only passed on.
type Arguments = *mut c_void;
type Hear = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, Arguments);
type SetCallback = unsafe extern "C" fn(Hear);
type FormatLine = unsafe extern "C" fn(
    *mut c_void,
    c_int,
    *const c_char,
    Arguments,
    *mut c_char,
    c_int,
    *mut c_int,
) -> c_int;
type GetInt = unsafe extern "C" fn(*mut c_void, *const c_char, c_int, *mut i64) -> c_int;

/// Functions of the libavutil that FFMS2 uses.
struct Log {
    format_line: FormatLine,
    get_int: GetInt,
}

/// The functions and the complaints lie where a callback finds them that is given nothing of ours.
static LOG: OnceLock<Log> = OnceLock::new();
static COMPLAINTS: Mutex<Complaints> = Mutex::new(Complaints {
    number: 0,
    last: String::new(),
    threads_of_parts: 0,
});

struct Complaints {
    /// How many there were.
    number: u64,
    /// The last one, as ffmpeg prints it.
    last: String,
    /// Threads of decoders that are not listened to.
    threads_of_parts: i64,
}

fn complaints() -> MutexGuard<'static, Complaints> {
    COMPLAINTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to listen to the libraries that the `plugin` uses.
///
/// # Errors
/// If they cannot be listened to: they are a part of the plugin's own file, and not to be reached.
pub fn listen(plugin: &Path) -> Result<()> {
    if LOG.get().is_some() {
        return Ok(());
    }
    // SAFETY: it is loaded already, so that nothing in it is run. The types are those of libavutil/log.h and opt.h, where they
    // have not changed since ffmpeg 2. What is called is never unloaded: VapourSynth is never shut down.
    unsafe {
        let library = Library::new(plugin)?;
        let missing = "its libraries of ffmpeg cannot be listened to";
        let set_callback: SetCallback = *library.get(b"av_log_set_callback\0").context(missing)?;
        let format_line = *library.get(b"av_log_format_line2\0").context(missing)?;
        let get_int = *library.get(b"av_opt_get_int\0").context(missing)?;
        let log = Log {
            format_line,
            get_int,
        };
        LOG.get_or_init(|| log);
        set_callback(hear);
    }
    Ok(())
}

/// Does not listen to decoders of so many threads from now on: they read parts.
pub fn ignore_decoders_of(threads: usize) {
    complaints().threads_of_parts = threads as i64;
}

/// How many complaints there were until now.
#[must_use]
pub fn number() -> u64 {
    complaints().number
}

/// The last complaint, if there were more than `before`.
#[must_use]
pub fn since(before: u64) -> Option<String> {
    let complaints = complaints();
    (complaints.number > before).then(|| complaints.last.clone())
}

/// What the libraries call for all that they have to say, from any of their threads.
unsafe extern "C" fn hear(
    speaker: *mut c_void,
    level: c_int,
    format: *const c_char,
    arguments: Arguments,
) {
    if level & LEVEL > ERROR || speaker.is_null() {
        return;
    }
    let Some(log) = LOG.get() else { return };
    let mut threads = 0;
    // SAFETY: whoever speaks is a structure that begins with its AVClass, which is asked for an option that decoders have. The
    // line is as long as is said, and ends with a zero.
    let line = unsafe {
        if (log.get_int)(speaker, c"threads".as_ptr(), 0, &raw mut threads) < 0 {
            return;
        }
        let mut line: [c_char; LINE_BYTES] = [0; LINE_BYTES];
        let mut prefix = 0;
        (log.format_line)(
            speaker,
            level,
            format,
            arguments,
            line.as_mut_ptr(),
            LINE_BYTES as c_int,
            ptr::from_mut(&mut prefix),
        );
        CStr::from_ptr(line.as_ptr())
            .to_string_lossy()
            .trim()
            .to_owned()
    };
    let mut complaints = complaints();
    if threads != complaints.threads_of_parts {
        complaints.number += 1;
        complaints.last = line;
    }
}
