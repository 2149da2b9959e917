//! Bytes that are written and read: raw video, and AV1.

pub mod bitstream;
pub mod y4m;
