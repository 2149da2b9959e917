//! What of a film's pictures is damaged, heard by who hears more of it than the decoder that shows them: ffmpeg's own decoders
//! conceal in silence what they can. Counts for each codec are in benches/RESULTS.md.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Result, ensure};

use super::packets::Original;
use crate::os::words::count;

/// How a codec is listened to.
struct Ear {
    /// ffmpeg's options before the film.
    options: [&'static str; 2],
    /// What a line that tells of damage has in it.
    tells: &'static str,
    /// What the user hears of so many of them.
    means: fn(u64) -> String,
}

/// What ffmpeg says of a picture that a decoder of others refuses.
const REFUSED: &str = "Failed to decode frame";
/// libvpx refuses pictures of VP9 that ffmpeg's own decoder makes something of,
const LIBVPX: Ear = Ear {
    options: ["-c:v", "libvpx-vp9"],
    tells: REFUSED,
    means: |pictures| {
        format!(
            "libvpx cannot decode {}, of which ffmpeg makes something up",
            count(pictures, "picture")
        )
    },
};
/// and so does libaom of AV1, beside dav1d.
const LIBAOM: Ear = Ear {
    options: ["-c:v", "libaom-av1"],
    means: |pictures| {
        format!(
            "libaom cannot decode {}, of which others make something up",
            count(pictures, "picture")
        )
    },
    ..LIBVPX
};
/// Checksums that the encoder of an HEVC film has written beside its pictures (MD5; others are not looked at by ffmpeg).
const CHECKSUMS: Ear = Ear {
    options: ["-err_detect", "crccheck"],
    tells: "mismatching checksum",
    means: |pictures| {
        format!(
            "{} with another checksum than the film says",
            count(pictures, "picture")
        )
    },
};

/// Decodes the whole film once more, if there is somebody for its codec who hears more, on one thread. What is wrong with its
/// pictures, in words.
///
/// # Errors
/// If ffmpeg cannot be run to its end.
pub fn listen(film: &Original<'_>) -> Result<Vec<String>> {
    let Some(ear) = ear(film)? else {
        return Ok(Vec::new());
    };
    let mut command = decoding(film, &ear);
    command.args(["-f", "null", "-"]);
    Ok(match lines_with(film, command, ear.tells)? {
        0 => Vec::new(),
        pictures => vec![(ear.means)(pictures)],
    })
}

/// How this film is listened to, if there is a way.
fn ear(film: &Original<'_>) -> Result<Option<Ear>> {
    Ok(match film.container.video.codec.as_str() {
        "vp9" => takes_first_picture(film, &LIBVPX)?.then_some(LIBVPX),
        "av1" => takes_first_picture(film, &LIBAOM)?.then_some(LIBAOM),
        "hevc" => has_checksums(film)?.then_some(CHECKSUMS),
        _ => None,
    })
}

/// Whether a decoder is there and takes the film's first picture: it may be built without more than 8 bit, or 4:4:4.
fn takes_first_picture(film: &Original<'_>, ear: &Ear) -> Result<bool> {
    let mut command = decoding(film, ear);
    command.args(["-frames:v", "1", "-f", "null", "-"]);
    let tried = film.listener().finish(command)?;
    Ok(tried.failure.is_none() && !tried.stderr.iter().any(|line| line.contains(ear.tells)))
}

/// Whether the first picture has a checksum beside it.
fn has_checksums(film: &Original<'_>) -> Result<bool> {
    let mut command = decoding(film, &CHECKSUMS);
    command.args(["-frames:v", "1", "-f", "null", "-"]);
    command.args(["-loglevel", "debug"]);
    Ok(lines_with(film, command, "Verifying checksum")? > 0)
}

/// How many lines of what ffmpeg says have `word` in them. They are counted as they come: there may be very many.
fn lines_with(film: &Original<'_>, command: Command, word: &'static str) -> Result<u64> {
    let heard = Arc::new(AtomicU64::new(0));
    let mut running = film.tools.children.spawn(command, Stdio::null())?;
    let counted = heard.clone();
    let (_, said) = running.drain(move |line| {
        counted.fetch_add(u64::from(line.contains(word)), Ordering::Relaxed);
    })?;
    let status = running.wait()?;
    let said = said.join().lines();
    film.listener().require_all(&said)?;
    ensure!(
        status.success(),
        "listening for damage in the source: ffmpeg failed ({status}): {}",
        said.last().map_or("it said nothing", String::as_str)
    );
    Ok(heard.load(Ordering::Relaxed))
}

/// ffmpeg, decoding the film as it is listened to.
fn decoding(film: &Original<'_>, ear: &Ear) -> Command {
    let mut command = Command::new(&film.tools.ffmpeg);
    command
        .current_dir(film.dir)
        .args(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "error"])
        .args(["-threads", "1"])
        .args(ear.options);
    command.arg("-i").arg(format!("file:{}", film.name));
    let stream = film.container.video.stream;
    command.args(["-map", &format!("0:{stream}"), "-max_error_rate", "1"]);
    command.args(["-fps_mode", "passthrough"]);
    command
}
