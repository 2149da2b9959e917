//! What films came to: one line of JSON for each in a file of the user's.

pub mod record;
pub mod file;
