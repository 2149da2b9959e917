//! The real program on real films, with the real tools; what comes out is examined by other people's tools.
#![allow(clippy::unwrap_used, missing_docs)]

mod check;
mod clips;
mod run;

mod whole;
