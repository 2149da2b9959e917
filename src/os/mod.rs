//! The ground: processes, signals, disks and numbers in words. It knows no film.

pub mod words;
pub mod version;
pub mod dirs;
pub mod cache;
pub mod handle;
pub mod pipe;
pub mod exit;
pub mod processors;
pub mod threads;
pub mod guard;
pub mod priority;
pub mod process;
pub mod toolbox;
pub mod signal;
pub mod machine;
pub mod scheduler;
pub mod sensors;
pub mod gauges;
pub mod task;
pub mod room;
pub mod disk;
pub mod terminal;
