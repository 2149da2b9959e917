//! Two grey frames through the real command line, before anything long starts.
//!
//! The frames have the size and depth of the film: what an encoder refuses may depend on them (odd sizes, levels, tiles).
//! With SVT-AV1 4.2.0 on two cores this takes 0.2 s at 1080p and preset 6, 0.7 s at 2160p, and 2 s at 2160p and preset 2;
//! its memory is a seventh of a chunk's, for there is no lookahead to fill.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    encoder::{
        Encoder, Param,
        session::{Ended, Session},
    },
    job::{Job, names::Name},
    os::{exit::UsageError, process::quoted, toolbox::Toolbox},
    plan::recipe::Recipe,
    stream::{
        bitstream::Ivf,
        y4m::{self, Plane},
    },
    work::{cut, decoded::Pictures},
};

/// Frames of a trial: the second is the first that is predicted.
const FRAMES: u64 = 2;
/// Bytes for which there is room where an encoder could have written its pictures: more than two grey frames take.
const ROOM: usize = 1 << 18;

/// What is tried.
pub struct Trial {
    /// The decoder of what the encoder makes.
    pub tools: Toolbox,
    /// The encoder.
    pub encoder: Encoder,
    /// What is asked of it.
    pub recipe: Recipe,
    /// What of that the user has said himself.
    pub user: Vec<Param>,
    /// Where the trial's files are.
    pub job: Arc<Job>,
    /// The frames.
    pub format: y4m::Format,
    /// An encoder that needs longer for them hangs.
    pub patience: Duration,
}

impl Trial {
    /// Whether the encoder takes the recipe, does what the user asks for, and makes pictures of these frames.
    ///
    /// # Errors
    /// A [`UsageError`] with the encoder's own words if it does not; others if it cannot be run, or is killed, or the
    /// disk is full.
    pub fn require_accepted(&self) -> Result<()> {
        let part = self.job.part(Name::Trial)?;
        let tried = self.run();
        cut::forget(&self.job, &self.recipe, 0);
        // What it was good for is known.
        let _ = fs::remove_file(part);
        tried
    }

    fn run(&self) -> Result<()> {
        let encoder = &self.encoder;
        let part = self.job.part(Name::Trial)?;
        let (ended, lines) = self.encode(&part)?;
        if !ended.is_success() {
            self.require_room()?;
        }
        if !ended.is_success() || encoder.has_complained(&ended.words().stderr) {
            let what = format!("options, or pictures of this size{}", self.least_side());
            return Err(self.refused(&what, &ended, &lines).into());
        }
        let check = |ivf: &Ivf| {
            ensure!(ivf.frames == FRAMES, "it made {} frames", ivf.frames);
            Ok(())
        };
        let Ok(ivf) = ended.wrote(&part, check) else {
            self.require_room()?;
            // Some versions of SVT-AV1 say what is wrong, and exit 0 without a picture.
            return Err(self
                .refused("options: it exits without pictures", &ended, &lines)
                .into());
        };
        if let Some(line) = encoder.undone(&self.user, &lines) {
            return Err(UsageError(format!(
                "--video-params: the encoder does not do all that is asked for, and says (tried on {self}):\n{line}"
            ))
            .into());
        }
        self.require_pictures(&ivf, &part).map_err(|error| {
            UsageError(format!(
                "with these options the encoder does not make what was asked for (tried on {self}): {error:#}"
            ))
        })?;
        Ok(())
    }

    /// Has the encoder write the frames into `part`. Returns how it ended, and every line that it has said.
    ///
    /// # Errors
    /// If it cannot be run, or hangs, or is killed.
    fn encode(&self, part: &Path) -> Result<(Ended, Vec<String>)> {
        let Self {
            encoder,
            job,
            format,
            ..
        } = self;
        let video = cut::video(job, &self.recipe, 0, 0)
            .map_err(|error| UsageError(format!("{error:#}")))?;
        let mut command = encoder.chunk_command(&video, job.lp, job.relative(part));
        command.current_dir(job.dir());
        let (said, lines) = mpsc::channel();
        let hear = move |line: &str| {
            let _ = said.send(line.to_owned());
        };
        let children = &self.tools.children;
        let session = Session::start_heard(children, command, hear)?;
        let mut session = session.limited(children, self.patience)?;
        let started = Instant::now();
        // An encoder that refuses does not read; how it ends says more.
        let _ = session.feed(|input| write_grey(input, *format));
        let ended = session.end()?;
        let lines: Vec<String> = lines.into_iter().collect();
        if ended.was_killed() && started.elapsed() >= self.patience {
            let patience = self.patience.as_secs_f64();
            return Err(ended.into_failure()).with_context(|| {
                format!(
                    "the encoder hangs: {self} took it longer than {patience:.0} s (--stall-timeout gives it more or less)"
                )
            });
        }
        if ended.was_killed() {
            return Err(ended.into_failure())
                .with_context(|| format!("trying the encoder on {self}"));
        }
        Ok((ended, lines))
    }

    /// Makes sure that the pictures have the size of the frames, by the word of the file and of a decoder.
    fn require_pictures(&self, ivf: &Ivf, part: &Path) -> Result<()> {
        let size = (self.format.width, self.format.height);
        let said = (ivf.header.width, ivf.header.height);
        ensure!(
            said == size,
            "it writes down pictures of {}x{} instead of {}x{}",
            said.0,
            said.1,
            size.0,
            size.1
        );
        Pictures::of(&self.recipe, size, FRAMES).require(&self.tools, &self.job, part)
    }

    /// That the encoder does not take `what`.
    fn refused(&self, what: &str, ended: &Ended, lines: &[String]) -> UsageError {
        // libaom names what it does not know, and ffmpeg an error of which it knows nothing; libaom's list of what it was
        // asked for has `error` in it as well.
        let is_unknown = |line: &&String| line.ends_with(": Invalid parameter");
        let is_reason = |line: &&String| {
            line.to_ascii_lowercase().contains("error") && !line.contains("g_error_resilient")
        };
        let reason = lines.iter().find(is_unknown);
        let reason = reason
            .or_else(|| lines.iter().find(is_reason))
            .map(|line| format!("{line}\n"));
        UsageError(format!(
            "the encoder does not take these {what} (tried on {self}):\n{}{}",
            reason.unwrap_or_default(),
            ended.words()
        ))
    }

    /// From which size on the encoder takes pictures, if these are too small and it does not say so.
    fn least_side(&self) -> String {
        let least = self.encoder.identity().least_side();
        if self.format.width.min(self.format.height) < least {
            format!(": it begins at {least}x{least}")
        } else {
            String::new()
        }
    }

    /// Makes sure that it was not for want of room that the encoder has written nothing.
    fn require_room(&self) -> Result<()> {
        let part = self.job.part(Name::Trial)?;
        let write = || {
            let mut file = File::create_new(&part)?;
            file.write_all(&[0; ROOM])?;
            file.sync_all()
        };
        let place = quoted(self.job.named().as_os_str());
        write()
            .with_context(|| format!("trying the encoder on {self} in {place} (is the disk full?)"))
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let y4m::Format { width, height, .. } = self.format;
        write!(f, "{FRAMES} grey frames of {width}x{height}")
    }
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
    let luma = row.repeat(height);
    let chroma = row[..row.len() / 2].repeat(height / 2);
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
