//! `--no-chunks`: the whole film through one ffmpeg, for machines that have no VapourSynth or no FFMS2.
//!
//! It is one chunk whose frames ffmpeg reads itself; everything after it is the same: joining, every proof of the output,
//! its name.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::{Result, anyhow};

use crate::{
    encoder::{
        self,
        ffmpeg::WholeFilm,
        session::{Pulse, Session},
    },
    film::media::Chunk,
    job::Encoded,
    work::{
        attempt::{Attempt, Purpose},
        chunk::{Failure, Workshop, Written},
    },
};

/// The film, as one chunk.
#[must_use]
pub fn chunk(workshop: &Workshop) -> Chunk {
    Chunk {
        index: 0,
        start: 0,
        end: workshop.media.frames,
    }
}

/// Encodes the film and keeps `pulse` up to date.
///
/// # Errors
/// If ffmpeg fails, or what it has written is not the film.
pub fn encode(workshop: &Workshop, pulse: &Arc<Pulse>) -> Result<Encoded> {
    let Workshop {
        job, media, recipe, ..
    } = workshop;
    let started = Instant::now();
    let attempt = Attempt {
        purpose: Purpose::Chunk(0),
        crf: None,
        lp: job.lp,
        number: 1,
    };
    let part = job.part(attempt.purpose.file())?;
    let input_options = media.container.video.input_options();
    let film = WholeFilm {
        file: Path::new(job.source_link()),
        stream: media.container.video.stream,
        input_options: &input_options,
        shape: media.container.video.shape(),
        fps: encoder::rate(media.fps),
    };
    let mut command =
        workshop
            .encoder
            .film_command(&recipe.video, attempt.lp, &film, job.relative(&part));
    command.current_dir(job.dir());
    let ended =
        Session::start(&workshop.tools.children, &workshop.encoder, command, pulse)?.end()?;
    if !ended.is_success() {
        return Err(anyhow!(ended.into_failure()).context("encoding the film"));
    }
    let written = Written {
        attempt,
        chunk: chunk(workshop),
        started,
        pulse,
        ended,
        part,
    };
    workshop.keep(&written).map_err(Failure::into_error)
}
