//! What is asked of a machine, and the programs that it then has.

use crate::{
    encoder::Encoder,
    os::{cache::Cache, process::Children, toolbox::Toolbox},
    settings::{EncoderChoice, NamedPrograms, params::Param},
};

/// What an encode is wanted to do, as far as it decides what is needed.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The encoder that the user wants.
    pub encoder: &'a EncoderChoice,
    /// Programs that the user names.
    pub programs: &'a NamedPrograms,
    /// The user's options of it.
    pub params: &'a [Param],
    /// Bits per sample that it has to encode.
    pub bit_depth: u8,
    /// Whether ffmpeg reads the film itself: no VapourSynth is needed.
    pub direct: bool,
}

/// The programs that an encode runs: all there, and asked.
pub struct Programs {
    /// The tools that read and join files.
    pub tools: Toolbox,
    /// The version of ffmpeg.
    pub ffmpeg: String,
    /// The encoder.
    pub encoder: Encoder,
    /// Encoders that would have come before it and do not work.
    pub passed_over: Vec<String>,
}

/// How this machine is asked.
#[derive(Clone, Copy)]
pub(super) struct Inquiry<'a> {
    /// The register of running tools.
    pub(super) children: &'a Children,
    /// What they have answered before.
    pub(super) cache: &'a Cache,
}
