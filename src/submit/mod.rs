//! Chunks handed to a scheduler: which of them are one task, and what is said to Slurm, GNU parallel and Kubernetes. Pure.

mod tasks;
mod scheduler;
pub mod slurm;
mod deaths;
pub mod parallel;
pub mod kubernetes;

pub use self::{
    deaths::least_bytes,
    scheduler::{Array, Order, added},
    tasks::{Measure, Missing, Sizes, pack},
};
