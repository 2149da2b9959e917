//! What a film is, as plain data.

pub mod edits;
pub mod hdr;
pub mod language;
pub mod media;
pub mod shape;
pub mod fate;
pub mod tags;
