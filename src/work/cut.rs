//! What one chunk gets of the options that count the film's pictures.

use std::{fs::File, io::Write};

use anyhow::{Context, Result};

use crate::{
    encoder::{
        Param, Video,
        files::{self, Meaning, NamedFile},
    },
    job::{Job, names::Name},
    plan::recipe::Recipe,
};

/// What is asked for of the chunk `index`, which begins with picture `start`. What it is to read of files is written
/// into the job directory.
///
/// # Errors
/// If a file has changed, says nothing of that picture, or cannot be cut; if nothing can be written.
pub fn video(job: &Job, recipe: &Recipe, index: usize, start: u64) -> Result<Video> {
    let mut video = recipe.video.clone();
    let cut = |param: &Param| -> Result<Option<Param>> {
        let meaning = recipe.encoder.meaning(&param.name);
        let value = param.value.as_deref().unwrap_or_default();
        let value = match (meaning, file(recipe, param)) {
            (None | Some(Meaning::File | Meaning::Grain), _) => return Ok(Some(param.clone())),
            (Some(meaning), None) => files::part(meaning, value, start)?,
            (Some(meaning), Some((n, file))) => match files::part(meaning, &file.text()?, start)? {
                Some(part) => Some(write(job, Name::ChunkOption(index, n), &part)?),
                None => None,
            },
        };
        Ok(value.map(|value| Param::new(&param.name, value)))
    };
    let cut = |param: &Param| cut(param).with_context(|| format!("{param}"));
    let extra: Result<Vec<_>> = video.extra.iter().map(cut).collect();
    video.extra = extra?.into_iter().flatten().collect();
    Ok(video)
}

/// Removes what [`video`] has written: an encoder has read it.
pub fn forget(job: &Job, recipe: &Recipe, index: usize) {
    for n in 0..recipe.files.len() {
        // What stays behind is in nobody's way, and goes with the directory.
        let _ = job.part(Name::ChunkOption(index, n));
    }
}

/// Makes sure that the files are the ones that the job is of, and that they say something of every picture up to `end`.
///
/// # Errors
/// If one has changed, or has no line for a picture that was encoded.
pub fn require_same_files(recipe: &Recipe, end: u64) -> Result<()> {
    for file in &recipe.files {
        file.read()?;
    }
    for param in &recipe.video.extra {
        if let (Some(Meaning::Pictures), Some((_, file))) =
            (recipe.encoder.meaning(&param.name), file(recipe, param))
        {
            files::require_line(&file.text()?, end.saturating_sub(1))
                .with_context(|| param.to_string())?;
        }
    }
    Ok(())
}

fn file<'a>(recipe: &'a Recipe, param: &Param) -> Option<(usize, &'a NamedFile)> {
    let mut files = recipe.files.iter().enumerate();
    files.find(|(_, file)| file.is_named_by(param))
}

/// Writes what a chunk's encoder is to read; returns its name as the encoder, which runs in the job directory, has it.
fn write(job: &Job, name: Name, text: &str) -> Result<String> {
    let path = job.part(name)?;
    let mut file =
        File::create_new(&path).with_context(|| format!("writing {}", job.shown(&path)))?;
    file.write_all(text.as_bytes())?;
    let relative = job.relative(&path).to_str();
    Ok(relative
        .context("a name of ours that is no text")?
        .to_owned())
}
