//! What the edit lists of QuickTime and MP4 say where ffmpeg does something else.

use std::{fs::File, path::Path};

use anyhow::{Result, ensure};

use super::ffprobe::{FfChapter, FfFile, FfStream, ffprobe};
use crate::{
    film::{
        edits::{is_plain, late_pause, shown},
        media::{Carry, Track, TrackKind},
    },
    os::{exit::UnfitFilm, toolbox::Toolbox},
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

    /// Refuses a film with a pause in which ffmpeg shows what its list hides: it takes the time -1, which means that nothing is
    /// shown, for one of the track, but for pauses before everything else.
    pub(super) fn refuse_pauses(&self, file: &FfFile, input: &Path) -> Result<()> {
        let seen =
            |stream: &&FfStream| matches!(stream.kind(), Some(TrackKind::Video | TrackKind::Audio));
        for stream in file.tracks().filter(seen) {
            let listed = self.listed(stream);
            let pause = listed.and_then(|listed| late_pause(&listed.edits));
            let said = pause.map(|(at_ms, lasts_ms)| {
                format!(
                    "`{}` cannot be encoded: the edit list of its stream {} ({}) has a pause of {:.2} s at {:.2} s, and ffmpeg, which \
                     reads the film, shows there what the list hides. {}",
                    input.display(),
                    stream.index,
                    stream.what(),
                    lasts_ms / 1000.0,
                    at_ms / 1000.0,
                    self.way_out(file)
                )
            });
            ensure!(said.is_none(), UnfitFilm(said.unwrap_or_default()));
        }
        Ok(())
    }

    /// What makes a film of this one that has no lists.
    fn way_out(&self, file: &FfFile) -> String {
        let streams = file
            .tracks()
            .filter(|stream| stream.kind() != Some(TrackKind::Subtitles));
        let filters = streams.map(|stream| Some((stream, self.filter(stream)?)));
        let Some(filters) = filters.collect::<Option<Vec<_>>>() else {
            return "Have the program in which it was cut write it anew, without a list".to_owned();
        };
        let (mut maps, mut chains) = (String::new(), String::new());
        for (n, (stream, filter)) in filters.iter().enumerate() {
            maps += &format!(" -map 0:{}", stream.index);
            chains += &format!(" -filter:{n} \"{filter}\"");
        }
        format!(
            "Its picture and sound without the list, and nothing else of it: ffmpeg -ignore_editlist 1 -copyts -i INPUT{maps}{chains} \
             -c:v ffv1 -c:a flac -fps_mode passthrough -enc_time_base:v 1/1000 WITHOUT.mkv"
        )
    }

    /// The filter by which a stream, read without its list, is shown as the list says; `None` where the list does not go
    /// forward.
    fn filter(&self, stream: &FfStream) -> Option<String> {
        let sound = stream.kind() == Some(TrackKind::Audio);
        let edits = self.listed(stream).map_or(&[][..], |listed| &listed.edits);
        if edits.is_empty() {
            return Some(if sound { "anull" } else { "null" }.to_owned());
        }
        let (mut at, mut reached) = (0.0, f64::NEG_INFINITY);
        let (mut parts, mut moves, mut ends) = (Vec::new(), String::new(), 0);
        for edit in edits {
            let lasts = edit.lasts_ms / 1000.0;
            if let Some(begins) = edit.begins_ms.map(|ms| ms / 1000.0) {
                let end = begins + lasts;
                if begins < reached {
                    return None;
                }
                reached = end;
                parts.push(format!("gte(t,{begins:.6})*lt(t,{end:.6})"));
                moves += &format!("if(lt(T,{end:.6}),{:.6},", at - begins);
                ends += 1;
            }
            at += lasts;
        }
        let parts = parts.join("+");
        let moves = format!("PTS+{moves}0{}/TB", ")".repeat(ends));
        Some(match sound {
            // Cut to a millisecond.
            true => format!(
                "asetnsamples=n=48:p=0,aselect='{parts}',asetpts='{moves}',aresample=async=1:min_hard_comp=0.002"
            ),
            false => format!("select='{parts}',setpts='{moves}'"),
        })
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
