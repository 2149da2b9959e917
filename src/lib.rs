//! av1enc takes a film and returns the same film in AV1: every frame, every track, the same colours.
//!
//! The modules below are in the order in which they build on each other: a file uses only what is listed above it.
//! The program is [`commands::run`]; what it prints and how it exits is the interface, this library is not.

pub mod cli;
pub mod finding;
pub mod event;
pub mod film;
pub mod os;
pub mod stream;
pub mod settings;
pub mod scenes;
pub mod source;
pub mod metric;
pub mod encoder;
pub mod decide;
pub mod plan;
pub mod job;
pub mod work;
pub mod neighbour;
pub mod crew;
pub mod output;
pub mod doctor;
pub mod history;
pub mod status;
pub mod submit;
pub mod ui;
pub mod commands;
