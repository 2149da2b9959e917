//! What films came to: one line of JSON for each in a file of the user's, summed up, and as a page.

pub mod record;
pub mod file;
pub mod sum;
pub mod page;
