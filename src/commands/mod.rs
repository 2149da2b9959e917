//! The commands, one file each: they read like the README's "How it works".

pub mod encode;
