//! How alike two recordings are.

pub mod likeness;
pub mod score;
