//! Bytes that are written and read: raw video, AV1, the beginning of Matroska, and the index of MP4.

pub mod bitstream;
pub mod boxes;
pub mod ebml;
pub mod y4m;
