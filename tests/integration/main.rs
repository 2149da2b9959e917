//! The real program on real films, with the real tools; what comes out is examined by other people's tools.
#![allow(clippy::unwrap_used, missing_docs)]

mod changes;
mod check;
mod clips;
mod encoders;
mod films;
mod judge;
mod lab;
mod run;

mod advice;
mod av1an;
mod carried;
mod direct;
mod doctor;
mod extras;
mod failures;
mod families;
mod faults;
mod fields;
mod hdr;
mod house;
mod interface;
mod kept;
mod kill;
mod lengths;
mod memory;
mod names;
mod parsers;
mod places;
mod preflight;
mod rates;
mod resume;
mod sound;
mod together;
mod whole;
