//! An attempt: one encoder at one part of the film, and what it is for.

use crate::{job::names::Name, settings::params::Crf};

/// What an attempt is to make of its part of the film. It is also what the attempt is known by: two with one purpose would write the
/// same file, and are never made at once; two at one part with different purposes can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The chunk with this index. It is kept.
    Chunk(usize),
    /// The size of the place with this number. Nothing else of it is kept.
    Sample(usize),
}

impl Purpose {
    /// The file into which its encoder writes.
    #[must_use]
    pub fn file(self) -> Name {
        match self {
            Self::Chunk(index) => Name::Chunk(index),
            Self::Sample(place) => Name::Sample(place),
        }
    }
}

/// One try to encode a part of the film: what the crew schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// What is to come of it.
    pub purpose: Purpose,
    /// A CRF of its own; `None`: that of the recipe.
    pub crf: Option<Crf>,
    /// The encoder's level of parallelism.
    pub lp: u32,
    /// Which try it is, from 1.
    pub number: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_purposes_have_one_file() {
        let purposes = [
            Purpose::Chunk(0),
            Purpose::Chunk(1),
            Purpose::Sample(0),
            Purpose::Sample(1),
        ];
        let mut files: Vec<String> = purposes.map(|purpose| purpose.file().to_string()).into();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), purposes.len(), "{files:?}");
    }
}
