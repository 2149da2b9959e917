//! The frames of one chunk, which another host has packed into a lossless file.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Result, ensure};

use super::{
    frames::{Frame, Layout},
    linear::Pipe,
};
use crate::{film::shape::pixel_format, os::toolbox::Toolbox};

/// A packed chunk.
pub struct Packed {
    tools: Toolbox,
    /// A name without anything that ffmpeg would read into it.
    file: PathBuf,
    layout: Layout,
    /// The film's number of its first frame.
    first: u64,
}

impl Packed {
    /// The chunk in `file`, a path of digits and slashes, that begins with the film's frame `first`.
    #[must_use]
    pub fn new(tools: &Toolbox, file: &Path, layout: Layout, first: u64) -> Self {
        Self {
            tools: tools.clone(),
            file: file.to_owned(),
            layout,
            first,
        }
    }

    /// Reads the frames of `range`, by their numbers in the film.
    ///
    /// # Errors
    /// If ffmpeg cannot be started.
    pub(super) fn part(self: &Arc<Self>, range: Range<u64>) -> Result<Part> {
        ensure!(
            range.start >= self.first,
            "frame {} is not packed in {}",
            range.start,
            self.file.display()
        );
        let mut command = Command::new(&self.tools.ffmpeg);
        let format = pixel_format(self.layout.bit_depth);
        command
            .args("-nostdin -hide_banner -nostats -loglevel level+info -y -i".split(' '))
            .arg(&self.file)
            .args("-map 0:v:0 -fps_mode passthrough -vf".split(' '))
            .arg(format!("showinfo=checksum=0,format={format}"))
            .args(["-f", "rawvideo", "pipe:1"]);
        Ok(Part {
            pipe: Pipe::open(&self.tools.children, command, self.layout, 0.0)?,
            skipped: range.start - self.first,
            left: range.end - range.start,
        })
    }
}

/// Frames of a packed chunk on their way.
pub(super) struct Part {
    pipe: Pipe,
    /// Frames before the first that is wanted.
    skipped: u64,
    left: u64,
}

impl Part {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        while let Some((_, frame)) = self.pipe.next()? {
            if self.skipped == 0 {
                return Ok(Some(frame));
            }
            self.skipped -= 1;
        }
        Ok(None)
    }
}

impl Iterator for Part {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Result<Frame>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let missing = || {
            Err(anyhow::anyhow!(
                "the packed chunk ends before its last frame"
            ))
        };
        Some(
            self.next_frame()
                .and_then(|frame| frame.map_or_else(missing, Ok)),
        )
    }
}
