//! Everything that reads a film's pictures: by its index, any of them by its number; by ffmpeg in order, what an index gets
//! wrong. Others say what the right pictures are.

use std::{ops, sync::Arc};

use anyhow::{Result, bail};

pub use self::{
    frames::Frame,
    index::{Files, Source},
    library::{
        Tried, Unusable, VSSCRIPT_PATH, VapourSynth, Versions, choose_library, private_dirs,
        read_position, trial, try_out,
    },
    times::{Indexed, ascending, media_info, timing},
};
use self::{index::Reading, linear::Linear, packed::Packed, places::Watch};

mod heard;
pub mod listener;
mod library;
pub mod ending;
pub mod probe;
mod times;
pub mod changes;
pub mod frames;
mod raw;
mod index;
pub mod texts;
pub mod packets;
pub mod strict;
pub mod stretch;
pub mod linear;
pub mod packed;
pub mod places;

/// Who delivers the pictures of a film.
#[derive(Clone)]
pub enum Reader {
    /// FFMS2 in VapourSynth, by number; every picture is looked at on its way, unless whoever takes them knows their hash.
    Indexed(Arc<Source>, Option<Arc<Watch>>),
    /// ffmpeg, in order.
    Linear(Arc<Linear>),
    /// ffmpeg, from a file that holds one chunk.
    Packed(Arc<Packed>),
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
                source.whole(threads)?.read(0..frames),
                0,
                true,
                watch.clone(),
            ),
            Self::Linear(film) => Box::new(film.whole(threads)?),
            Self::Packed(_) => bail!("one chunk is no film"),
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
            Self::Packed(chunk) => {
                let mut part = chunk.part(range).map_err(cannot)?;
                part.try_for_each(&mut take)
            }
        }
    }

    /// Whether frames are known only once they have come.
    #[must_use]
    pub fn linear(&self) -> Option<&Arc<Linear>> {
        match self {
            Self::Indexed(..) | Self::Packed(_) => None,
            Self::Linear(film) => Some(film),
        }
    }
}

/// Looks at pictures from number `first` on, `in_order` if that is the beginning of the film.
fn watched(reading: Reading, first: u64, in_order: bool, watch: Option<Arc<Watch>>) -> Pictures {
    let Some(watch) = watch else {
        return Box::new(reading);
    };
    Box::new(reading.zip(first..).map(move |(frame, n)| {
        let frame = frame?;
        watch.see(n, &frame, in_order)?;
        Ok(frame)
    }))
}
