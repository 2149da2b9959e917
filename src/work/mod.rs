//! One piece of work each: who reads, on any host too, what is handed over, cut options, a trial, sound, a chunk, places
//! of a film, a whole one.

pub mod handed;
pub mod reading;
pub mod planned;
pub mod decoded;
pub mod cut;
pub mod trial;
pub mod layout;
pub(crate) mod loudness;
pub mod sound;
pub mod weight;
pub mod shared;
pub mod attempt;
pub mod chunk;
pub mod packed;
pub mod samples;
pub mod whole;
