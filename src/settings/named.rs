//! What is named as a film and as its output, and can be neither.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use super::usage;
use crate::os::{exit::UsageError, process::quoted};

/// Bytes of a file's name at most (linux/limits.h: NAME_MAX).
pub(super) const NAME_MAX: usize = 255;

/// Refuses what is no film by its name.
///
/// # Errors
/// What to type instead.
pub(super) fn check_input(input: &Path) -> Result<(), UsageError> {
    refuse_stream(input)?;
    refuse_script(input)
}

/// Names of streams.
const STREAMS: &[&str] = &["/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/null"];

/// Whether a name stands for a stream in the words of other programs.
fn is_stream(name: &Path) -> bool {
    let is_dash = name.file_name() == Some(OsStr::new("-")) && !name.exists();
    is_dash || STREAMS.iter().any(|stream| name == Path::new(stream))
}

/// Refuses what cannot be read at many places at once, with what makes a file of it.
fn refuse_stream(input: &Path) -> Result<(), UsageError> {
    let text = input.to_string_lossy();
    let is_address = ["http://", "https://", "ftp://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    if is_address && !input.exists() {
        return usage(format!(
            "{text} is an address, and the film must be a file, for it is read at many places at once: type \
             `curl -L -o FILM.mkv {}`, then `av1enc FILM.mkv`",
            quoted(input.as_os_str())
        ));
    }
    // What cannot deliver a film at all is refused like any other file.
    if is_stream(input) && input != Path::new("/dev/null") {
        return usage(format!(
            "{text}: the film must be a file, for it is read at many places at once: type `> FILM.mkv && av1enc FILM.mkv` in \
             the place of `| av1enc {text}`"
        ));
    }
    Ok(())
}

/// Refuses a script of VapourSynth, with what makes a film of it.
fn refuse_script(input: &Path) -> Result<(), UsageError> {
    let is_script =
        |ending: &OsStr| ending.eq_ignore_ascii_case("vpy") || ending.eq_ignore_ascii_case("py");
    if !input.extension().is_some_and(is_script) {
        return Ok(());
    }
    // A name that begins with a dash would be an option.
    let script = match input.as_os_str().as_bytes().first() {
        Some(b'-') => Path::new(".").join(input),
        _ => input.to_owned(),
    };
    let (film, script_name) = (script.with_extension("y4m"), quoted(script.as_os_str()));
    let film = quoted(film.as_os_str());
    usage(format!(
        "{script_name}: av1enc reads films, and no scripts of VapourSynth. To make a film of it, type `vspipe -c y4m \
         {script_name} {film}`, then `av1enc {film}`"
    ))
}

/// Refuses what is no name of an output; the `input` tells what would be one.
///
/// # Errors
/// What to type instead.
pub(super) fn check_output(output: &Path, input: &Path) -> Result<(), UsageError> {
    if is_stream(output) {
        // It is absolute by now, and was typed as a dash.
        let is_dash = output.file_name() == Some(OsStr::new("-"));
        let shown = if is_dash {
            OsStr::new("-")
        } else {
            output.as_os_str()
        };
        return usage(format!(
            "-o {}: the film is written into a file, and read back before it gets its name: type `-o OUTPUT.mkv`",
            quoted(shown)
        ));
    }
    if output.is_dir() && !input.is_dir() {
        let stem = input.file_stem().unwrap_or_default();
        let mut name = stem.to_owned();
        name.push(".av1.mkv");
        return usage(format!(
            "the output is a directory: name the file in it, `-o {}`",
            quoted(output.join(name).as_os_str())
        ));
    }
    let length = output.file_name().map_or(0, OsStr::len);
    if length > NAME_MAX {
        return usage(format!(
            "the output's name would have {length} bytes, and a file's name has {NAME_MAX} at most: name a shorter one with -o"
        ));
    }
    if output
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("mkv"))
    {
        return Ok(());
    }
    let name = output.file_name().unwrap_or_default();
    let (matroska, name) = (Path::new(name).with_extension("mkv"), quoted(name));
    let matroska = quoted(matroska.as_os_str());
    usage(format!(
        "the output is Matroska, its name must end in .mkv: `-o {matroska}`, not {name}. To have an MP4 of it then, type \
         `ffmpeg -i {matroska} -map 0:v -map '0:a?' -c copy OUTPUT.mp4`"
    ))
}
