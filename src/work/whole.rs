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
    job::{Encoded, names::Name},
    work::chunk::{Attempted, Failure, Manner, Workshop},
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
    let part = job.part(Name::Chunk(0))?;
    let input_options = media.container.video.input_options();
    let film = WholeFilm {
        file: Path::new(job.source_link()),
        stream: media.container.video.stream,
        input_options: &input_options,
        size: (media.width, media.height),
        fps: encoder::rate(media.fps),
    };
    let mut command =
        workshop
            .encoder
            .film_command(&recipe.video, job.lp, &film, job.relative(&part));
    command.current_dir(job.dir());
    let ended =
        Session::start(&workshop.tools.children, &workshop.encoder, command, pulse)?.end()?;
    if !ended.is_success() {
        return Err(anyhow!(ended.into_failure()).context("encoding the film"));
    }
    let attempt = Attempted {
        chunk: chunk(workshop),
        manner: Manner {
            lp: job.lp,
            crf: None,
        },
        started,
        pulse,
    };
    workshop
        .keep(&attempt, &ended, &part)
        .map_err(Failure::into_error)
}
