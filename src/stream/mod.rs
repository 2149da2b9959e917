//! Bytes that are written and read: raw video, AV1, and the beginning of Matroska.

pub mod bitstream;
pub mod ebml;
pub mod y4m;
