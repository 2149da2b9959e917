//! The real program on real films, with the real tools; what comes out is examined by other people's tools.
#![allow(clippy::unwrap_used, missing_docs)]

mod check;
mod clips;
mod encoders;
mod run;

mod av1an;
mod failures;
mod hdr;
mod interface;
mod names;
mod resume;
mod sound;
mod whole;
