//! Two grey frames through the real command line, before anything long starts.
//!
//! The frames have the size and depth of the film: what an encoder refuses may depend on them (odd sizes, levels, tiles).
//! With SVT-AV1 4.2.0 on two cores this takes 0.2 s at 1080p and preset 6, 0.7 s at 2160p, and 2 s at 2160p and preset 2;
//! its memory is a seventh of a chunk's, for there is no lookahead to fill.

use std::{
    fs,
    io::{self, Write},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{
    encoder::{Encoder, session::Session},
    job::{Job, names::Name},
    os::{
        exit::UsageError,
        process::{Children, quoted},
    },
    plan::recipe::Recipe,
    stream::{
        bitstream::Ivf,
        y4m::{self, Plane},
    },
    work::cut,
};

/// Frames of a trial: the second is the first that is predicted.
const FRAMES: u64 = 2;
/// An encoder that needs longer for them hangs.
const PATIENCE: Duration = Duration::from_secs(300);

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
    let part = job.part(Name::Trial)?;
    let tried = try_out(children, encoder, recipe, format, job);
    // What it was good for is known.
    let _ = fs::remove_file(part);
    tried
}

fn try_out(
    children: &Children,
    encoder: &Encoder,
    recipe: &Recipe,
    format: y4m::Format,
    job: &Job,
) -> Result<()> {
    let part = job.part(Name::Trial)?;
    let video = cut::video(job, recipe, 0, 0).map_err(|error| UsageError(format!("{error:#}")))?;
    let mut command = encoder.chunk_command(&video, job.lp, job.relative(&part));
    command.current_dir(job.dir());
    let session = Session::start(children, encoder, command, Stdio::piped(), &Arc::default())?;
    let mut session = session.limited(children, PATIENCE);
    // An encoder that refuses does not read; how it ends says more.
    let _ = write_grey(&mut session.take_stdin()?, format);
    let ended = session.end()?;
    let shown = format!("{FRAMES} grey frames of {}x{}", format.width, format.height);
    if ended.was_killed() {
        return Err(ended.into_failure()).with_context(|| format!("trying the encoder on {shown}"));
    }
    if !ended.is_success() || encoder.has_complained(&ended.words().stderr) {
        let least = encoder.identity().least_side();
        let small = format.width.min(format.height) < least;
        let begins = if small {
            format!(": it begins at {least}x{least}")
        } else {
            String::new()
        };
        return Err(UsageError(format!(
            "the encoder does not take these options, or pictures of this size{begins} (tried on {shown}):\n{}",
            ended.words()
        ))
        .into());
    }
    let check = |ivf: &Ivf| {
        ensure!(
            ivf.frames == FRAMES,
            "the encoder made {} frames",
            ivf.frames
        );
        Ok(())
    };
    let place = quoted(job.dir().as_os_str());
    ended
        .wrote(&part, check)
        .with_context(|| format!("trying the encoder on {shown} in {place} (is the disk full?)"))?;
    Ok(())
}

/// Writes the frames as y4m.
fn write_grey(out: &mut impl Write, format: y4m::Format) -> io::Result<()> {
    let sample: &[u8] = if format.bit_depth == 8 {
        &[128]
    } else {
        &[0, 2]
    };
    let (width, height) = (format.width as usize, format.height as usize);
    let row = sample.repeat(width);
    // One row is every row.
    let (luma, chroma) = (row.repeat(height), row[..row.len() / 2].repeat(height / 2));
    let plane = |data, row_bytes| Plane {
        data,
        stride: row_bytes,
        row_bytes,
    };
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
            let format = y4m::Format {
                width: 64,
                height: 36,
                fps: Ratio::new(24, 1),
                bit_depth,
            };
            let mut out = Vec::new();
            write_grey(&mut out, format).unwrap();
            assert_eq!(
                out.len(),
                format.header().len() + FRAMES as usize * (b"FRAME\n".len() + bytes)
            );
        }
    }
}
