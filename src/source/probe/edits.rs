//! What the edit lists of QuickTime and MP4 say where ffmpeg does something else.

use std::{fs::File, path::Path};

use anyhow::Result;

use super::ffprobe::{FfChapter, FfFile, FfStream, ffprobe};
use crate::{
    film::{
        edits::{is_plain, shown},
        media::{Carry, Track},
    },
    os::toolbox::Toolbox,
    stream::boxes::{self, Listed},
};

/// The tracks of a film as the index of its file has them; none where it has no index, or a damaged one.
pub(super) struct Lists(Vec<Listed>);

impl Lists {
    /// Those of the `file` that lies at `input`.
    pub(super) fn of(file: &FfFile, input: &Path) -> Self {
        if !file.format.format_name.starts_with("mov,") {
            return Self(Vec::new());
        }
        // Whoever reads the film will say what is wrong with it.
        let read = || {
            let mut file = File::open(input)?;
            let bytes = file.metadata()?.len();
            boxes::tracks(&mut file, bytes)
        };
        Self(read().unwrap_or_default())
    }

    /// The one track that ffprobe calls `stream`.
    fn listed(&self, stream: &FfStream) -> Option<&Listed> {
        let id = u32::from_str_radix(stream.id.as_deref()?.strip_prefix("0x")?, 16).ok()?;
        let mut found = self.0.iter().filter(|listed| listed.id == id);
        found.next().filter(|_| found.next().is_none())
    }

    /// Tells tracks of texts their lists.
    pub(super) fn tell(&self, file: &FfFile, tracks: &mut [Track]) {
        for track in tracks.iter_mut().filter(|track| track.carry == Carry::Srt) {
            let mut streams = file.streams.iter();
            let stream = streams.find(|stream| stream.index == track.stream);
            let listed = stream.and_then(|stream| self.listed(stream));
            if let Some(listed) = listed.filter(|listed| !is_plain(&listed.edits)) {
                track.edits.clone_from(&listed.edits);
            }
        }
    }

    /// The list of the only track that holds names of chapters, if it moves them, and how many it holds.
    fn of_chapters(&self) -> Option<&Listed> {
        let named: Vec<u32> = self
            .0
            .iter()
            .flat_map(|track| track.chapters.clone())
            .collect();
        let is_names = |track: &&Listed| named.contains(&track.id) && &track.kind != b"vide";
        let mut names = self.0.iter().filter(is_names);
        let only = names.next().filter(|_| names.next().is_none());
        only.filter(|track| !is_plain(&track.edits))
    }

    /// The chapters of the film, where the list of the track that holds them shows them.
    pub(super) fn chapters(
        &self,
        tools: &Toolbox,
        input: &Path,
        file: &FfFile,
    ) -> Result<Option<Vec<FfChapter>>> {
        let Some(track) = self.of_chapters() else {
            return Ok(None);
        };
        let alone: FfFile = ffprobe(tools, input, &["-ignore_editlist", "1", "-show_chapters"])?;
        // Chapters of another kind have the numbers behind those.
        let is_listed =
            |chapter: &&FfChapter| chapter.id.is_some_and(|id| id < i64::from(track.samples));
        let others = file.chapters.iter().filter(|chapter| !is_listed(chapter));
        let mut chapters: Vec<FfChapter> = others.cloned().collect();
        for chapter in alone.chapters.iter().filter(is_listed) {
            let ms =
                |text: &Option<String>| text.as_deref()?.parse::<f64>().ok().map(|s| s * 1000.0);
            let span = ms(&chapter.start_time).zip(ms(&chapter.end_time));
            let parts = span
                .map(|span| shown(&track.edits, span))
                .unwrap_or_default();
            chapters.extend(parts.into_iter().map(|(from, to)| chapter.moved(from, to)));
        }
        chapters.sort_by(|a, b| a.begins().total_cmp(&b.begins()));
        // It goes on behind a pause.
        chapters.dedup_by_key(|chapter| chapter.id);
        Ok(Some(chapters))
    }
}
