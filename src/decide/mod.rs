//! What an expert would choose for a film, and whether he would encode it at all: pure functions over the tables.

pub mod class;
pub mod quality;
pub mod skip;
pub mod size;
pub mod stretch;
pub mod target;
pub mod tracks;

use num_rational::Ratio;

use crate::film::media::Container;

/// A film, as far as decisions go by it.
#[derive(Debug, Clone, Copy)]
pub struct Film<'a> {
    /// The name of its file.
    pub name: &'a str,
    /// What its container says.
    pub container: &'a Container,
    /// Frames a second, if that is known.
    pub fps: Option<Ratio<u32>>,
}

impl Film<'_> {
    /// Pixels of a picture.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        let video = &self.container.video;
        u64::from(video.width) * u64::from(video.height)
    }
}
