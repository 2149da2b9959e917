//! The output: joined, proven, and given its name.

pub mod part;
mod kept;
pub mod original;
pub mod join;
pub mod content;
pub mod preflight;
pub mod container;
pub mod pictures;
pub mod pair;
pub mod verify;
