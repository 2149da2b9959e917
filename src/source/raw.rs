//! Raw pictures out of a pipe, one behind the other.

use std::{
    io::{self, Read},
    process::ChildStdout,
};

use anyhow::Result;
use crossbeam_channel::{Receiver, bounded};

use super::frames::{Frame, Layout};
use crate::os::{pipe, threads};

/// Pictures that wait for whoever takes them, while he looks at the one before and the next is read.
const AHEAD: usize = 1;

/// What comes next out of a pipe.
pub(super) enum Next {
    /// A picture.
    Frame(Frame),
    /// Its end, behind so many bytes that are no whole picture.
    End(usize),
}

/// Pictures on their way out of a pipe.
pub(super) enum Raw {
    /// Read by whoever takes them.
    Here(Pictures),
    /// Read on a thread of their own.
    Ahead(Receiver<io::Result<Next>>),
}

impl Raw {
    /// Pictures of this `layout`.
    pub(super) fn new(pipe: ChildStdout, layout: Layout) -> Self {
        pipe::enlarge(&pipe);
        Self::Here(Pictures { pipe, layout })
    }

    /// Has the next one be read while the last is looked at.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn ahead(self) -> Result<Self> {
        let Self::Here(mut pictures) = self else {
            return Ok(self);
        };
        let (sender, coming) = bounded(AHEAD);
        // It ends with the pipe, or once nobody wants more.
        threads::start("pictures", move || {
            loop {
                let next = pictures.next();
                let is_last = !matches!(next, Ok(Next::Frame(_)));
                if sender.send(next).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self::Ahead(coming))
    }

    /// What comes next.
    ///
    /// # Errors
    /// If the pipe cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        match self {
            Self::Here(pictures) => pictures.next(),
            Self::Ahead(coming) => coming
                .recv()
                .unwrap_or_else(|_| Err(io::Error::other("nobody reads it any more"))),
        }
    }
}

/// Reads pictures.
pub(super) struct Pictures {
    pipe: ChildStdout,
    layout: Layout,
}

impl Pictures {
    fn next(&mut self) -> io::Result<Next> {
        let wanted = self.layout.bytes();
        let mut data = Vec::with_capacity(wanted);
        Read::by_ref(&mut self.pipe)
            .take(wanted as u64)
            .read_to_end(&mut data)?;
        if data.len() < wanted {
            return Ok(Next::End(data.len()));
        }
        Ok(Next::Frame(Frame::of_bytes(data, self.layout)))
    }
}
