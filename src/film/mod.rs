//! What a film is, as plain data.

pub mod hdr;
pub mod media;
pub mod tags;
