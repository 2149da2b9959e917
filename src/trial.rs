//! Two grey frames through the real command line, before anything long starts.
//!
//! The frames have the size and depth of the film: what an encoder refuses may depend on them (odd sizes, levels, tiles).
//! With SVT-AV1 4.2.0 on two cores this takes 0.2 s at 1080p and preset 6, 0.7 s at 2160p, and 2 s at 2160p and preset 2;
//! its memory is a seventh of a chunk's, for there is no lookahead to fill.

use std::{
    fs::{self, File},
    io::{self, BufReader, Write},
    process::Stdio,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use crossbeam_channel::{RecvTimeoutError, bounded};

use crate::{
    bitstream,
    config::UsageError,
    encoder::Encoder,
    job::Job,
    process::{Children, ToolFailure, quoted},
    recipe::Recipe,
    y4m::{self, Plane},
};

/// Frames of a trial: the second is the first that is predicted.
const FRAMES: u64 = 2;
/// An encoder that needs longer for them hangs.
const PATIENCE: Duration = Duration::from_secs(300);
/// Name of what it writes, in the job directory.
const NAME: &str = "trial.ivf";

/// Whether `encoder` takes `recipe` for frames of `format`.
///
/// # Errors
/// A [`UsageError`] with the encoder's own last words if it refuses; others if it cannot be run, is killed, or writes
/// something else than was asked for.
pub fn require_accepted(
    children: &Children,
    encoder: &Encoder,
    recipe: &Recipe,
    format: y4m::Format,
    job: &Job,
) -> Result<()> {
    let part = job.part(NAME)?;
    let tried = try_out(children, encoder, recipe, format, job);
    // What it was good for is known.
    let _ = fs::remove_file(part);
    tried
}

fn try_out(children: &Children, encoder: &Encoder, recipe: &Recipe, format: y4m::Format, job: &Job) -> Result<()> {
    let part = job.part(NAME)?;
    let mut command = encoder.chunk_command(&recipe.params, job.lp, part.strip_prefix(job.dir()).unwrap_or(&part));
    command.current_dir(job.dir());
    let mut running = children.spawn(command, Stdio::piped())?;
    let mut stdin = running.take_stdin().context("the encoder has no input")?;
    let (stdout, stderr) = running.drain(|_| ());
    let command = running.command().to_owned();
    let (ended, end) = bounded::<()>(0);
    let (watched, pid) = (children.clone(), running.pid());
    thread::spawn(move || {
        if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            watched.kill(pid);
        }
    });
    // An encoder that refuses does not read; how it ends says more.
    let _ = write_grey(&mut stdin, format);
    drop(stdin);
    let status = running.wait()?;
    drop(ended);
    let failure =
        ToolFailure { command, status: Some(status), stdout: stdout.join().lines(), stderr: stderr.join().lines() };
    let shown = format!("{FRAMES} grey frames of {}x{}", format.width, format.height);
    if failure.signal().is_some() {
        return Err(failure).with_context(|| format!("trying the encoder on {shown}"));
    }
    if !status.success() || encoder.has_complained(&failure.stderr) {
        let least = encoder.identity().least_side();
        let small = format.width.min(format.height) < least;
        let begins = if small { format!(": it begins at {least}x{least}") } else { String::new() };
        return Err(UsageError(format!(
            "the encoder does not take these options, or pictures of this size{begins} (tried on {shown}):\n{failure}"
        ))
        .into());
    }
    let place = format!("in {} (is the disk full?)", quoted(job.dir().as_os_str()));
    let file = File::open(&part).with_context(|| format!("the encoder wrote no file of {shown} {place}\n{failure}"))?;
    let ivf = bitstream::read_ivf(BufReader::new(file))
        .with_context(|| format!("the encoder wrote a damaged file of {shown} {place}\n{failure}"))?;
    if ivf.frames != FRAMES {
        bail!("the encoder made {} frames of {shown} {place}\n{failure}", ivf.frames);
    }
    Ok(())
}

/// Writes the frames as y4m.
fn write_grey(out: &mut impl Write, format: y4m::Format) -> io::Result<()> {
    let sample: &[u8] = if format.bit_depth == 8 { &[128] } else { &[0, 2] };
    let (width, height) = (format.width as usize, format.height as usize);
    let row = sample.repeat(width);
    // One row is every row.
    let (luma, chroma) = (row.repeat(height), row[..row.len() / 2].repeat(height / 2));
    let plane = |data, row_bytes| Plane { data, stride: row_bytes, row_bytes };
    let chroma = plane(&chroma, row.len() / 2);
    out.write_all(format.header().as_bytes())?;
    for _ in 0..FRAMES {
        y4m::write_frame(out, &[plane(&luma, row.len()), chroma, chroma])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::*;

    #[test]
    fn the_frames_have_the_size_that_their_header_says() {
        for (bit_depth, bytes) in [(8, 64 * 36 * 3 / 2), (10, 64 * 36 * 3)] {
            let format = y4m::Format { width: 64, height: 36, fps: Ratio::new(24, 1), bit_depth };
            let mut out = Vec::new();
            write_grey(&mut out, format).unwrap();
            assert_eq!(out.len(), format.header().len() + FRAMES as usize * (b"FRAME\n".len() + bytes));
        }
    }
}
