//! Decisions, without any I/O.

pub mod recipe;
pub mod workers;
