//! The other tracks, joined by mkvmerge alone and compared with the source as the output will be: what does not get through
//! shows while the film is encoded, not after it.
//!
//! All tracks that ffmpeg has handed over are tried: which packets mkvmerge drops, joins or moves depends on what is in them.
//! Of those that mkvmerge takes from Matroska itself, it is the sound into whose packets it looks.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::{
    film::media::{Container, Track, TrackKind},
    finding::{self, Finding},
    job::{CarriedRecord, Job, SoundRecord, names::Name},
    os::{disk, exit::UnfitFilm},
    output::{
        content::{self, Films, Pair},
        join,
    },
    work::handed::Handing,
};

/// The container with nothing but those of its other tracks that are tried. Of what mkvmerge takes from the source, that is
/// sound which it looks into; if that has no packet near the film's beginning, it may have none at all, and a file with
/// nothing in it is read by nobody: it is compared when the film is joined.
fn on_trial(container: &Container) -> Container {
    let is_looked_into = |track: &Track| track.is_looked_into() && track.begins_ms.is_some();
    let tried = |track: &&Track| !container.takes_itself(track) || is_looked_into(track);
    let other_tracks = container.other_tracks.iter().filter(tried).cloned();
    Container {
        other_tracks: other_tracks.collect(),
        ..container.clone()
    }
}

/// Whether there are tracks to be tried.
#[must_use]
pub fn is_wanted(container: &Container) -> bool {
    !content::pairs(&on_trial(container), false).is_empty()
}

/// Makes sure that mkvmerge takes all tracks as they are. Sound that it does not take is decoded; further pictures
/// and subtitles are left out.
///
/// # Errors
/// [`UnfitFilm`], if sound does not get through in any way.
pub fn prove(handing: &Handing<'_>) -> Result<()> {
    if !is_wanted(handing.container) {
        return Ok(());
    }
    while !handing.job.carried().is_some_and(|record| record.proven) {
        let refused = refused_again(handing)?;
        if refused.is_empty() {
            let record = handing.job.carried().unwrap_or_default();
            handing.job.record_carried(&CarriedRecord {
                proven: true,
                ..record
            })?;
            continue;
        }
        if let Some(Refused {
            lost: Some(said), ..
        }) = refused.iter().find(|it| it.lost.is_some())
        {
            bail!(UnfitFilm(said.clone()));
        }
        let streams = refused.into_iter().map(|it| (it.stream, it.why));
        handing
            .decode(streams.collect())
            .context("handing over the tracks that do not get into Matroska as they are")?;
    }
    Ok(())
}

/// A track that mkvmerge does not take as it is.
#[derive(PartialEq)]
struct Refused {
    stream: usize,
    why: String,
    /// What is said if the track cannot be kept in another way and must not be left out.
    lost: Option<String>,
}

/// What mkvmerge does not take, each time: whoever reads a file may not be given a part of it, for a moment, and take that for
/// damage or for the end. So all is read again, and tried again, before any track is kept in another way.
fn refused_again(handing: &Handing<'_>) -> Result<Vec<Refused>> {
    let first = refused(handing)?;
    if first.is_empty() {
        return Ok(first);
    }
    handing
        .again()
        .context("handing over the film's other tracks again")?;
    let second = refused(handing)?;
    ensure!(
        second.is_empty() || second == first,
        "the film's other tracks are something else each time they are read: look at the source's disk, and repeat the command"
    );
    Ok(second)
}

/// Tracks that mkvmerge does not take as they are.
fn refused(handing: &Handing<'_>) -> Result<Vec<Refused>> {
    let Handing { tools, job, .. } = *handing;
    let container = on_trial(&Handing::as_carried(
        handing.container,
        job.carried().as_ref(),
    ));
    let pairs = content::pairs(&container, false);
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let file = job.part(Name::OthersJoined)?;
    let sizes = (0..container.handed().len())
        .map(|n| fs::metadata(job.path(Name::Others(n))).map(|m| m.len()));
    disk::require(
        job.named(),
        sizes.sum::<Result<u64, _>>()?,
        "the film's other tracks once more, for a trial",
    )?;
    join::join_others(tools, job, &container, &file)
        .context("joining the film's other tracks, for a trial")?;
    let films = Films::of_job(job.original(tools, &container), &file);
    let findings = films.copied(&pairs);
    remove(job, &file)?;
    let wrong = pairs.iter().zip(findings?);
    Ok(wrong
        .filter(|(_, finding)| !finding.agrees)
        .map(|(pair, finding)| Refused::of(pair, &finding))
        .collect())
}

impl Refused {
    /// The track of a pair, of which something else was found in what mkvmerge makes.
    fn of(pair: &Pair<'_>, finding: &Finding) -> Self {
        let Finding {
            source, output, by, ..
        } = finding;
        let shown = format!("{source} in the source, {output} in what mkvmerge makes of it ({by})");
        let track = pair.track;
        let is_lost = track.kind == TrackKind::Audio && !track.can_be_decoded();
        let lost = format!(
            "{} ({}) does not get into Matroska whole: {shown}. Have the sound encoded anew: add -a \"-c:a libopus\"",
            pair.what, track.codec
        );
        Self {
            stream: track.stream,
            why: format!("as it is, mkvmerge does not take all of it: {shown}"),
            lost: is_lost.then_some(lost),
        }
    }
}

fn remove(job: &Job, file: &Path) -> Result<()> {
    fs::remove_file(file).with_context(|| format!("removing {}", job.shown(file)))
}

/// Makes sure that mkvmerge takes sound that was encoded anew as it is: of some codecs it loses packets, or reckons their times
/// anew.
///
/// # Errors
/// If it does not, twice: the sound is forgotten then. Others if it cannot be tried.
pub fn prove_sound(handing: &Handing<'_>) -> Result<()> {
    let job = handing.job;
    let record = job.sound()?;
    if record.proven {
        return Ok(());
    }
    let mut findings = new_sound(handing, &record)?;
    if findings.iter().any(|finding| !finding.agrees) {
        findings = new_sound(handing, &record)?;
    }
    if let Err(wrong) = finding::all_agree(findings) {
        remove(job, &job.path(Name::Audio))?;
        return Err(anyhow!(wrong).context(
            "the sound that was encoded anew does not get into Matroska as it is: choose another encoder for it, \
             -a \"-c:a flac\" for example",
        ));
    }
    job.record_sound(&SoundRecord {
        proven: true,
        ..record
    })
}

/// Compares sound that was encoded anew, as the `record` says, with what mkvmerge makes of it.
fn new_sound(handing: &Handing<'_>, record: &SoundRecord) -> Result<Vec<Finding>> {
    let Handing {
        tools,
        job,
        container,
        ..
    } = *handing;
    let (sound, file) = (job.path(Name::Audio), job.part(Name::OthersJoined)?);
    disk::require(
        job.named(),
        fs::metadata(&sound)?.len(),
        "the film's new sound once more, for a trial",
    )?;
    join::join_new_sound(tools, job, container, &file)
        .context("joining the sound that was encoded anew, for a trial")?;
    let films = Films::of_job(job.original(tools, container), &file);
    let alone: Vec<usize> = (0..record.sync_ms.len()).collect();
    let findings = films.encoded(&sound, &record.sync_ms, &alone);
    remove(job, &file)?;
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::media::examples::media;

    fn tried(container: &Container) -> Vec<u64> {
        let tracks = on_trial(container).other_tracks;
        assert_eq!(is_wanted(container), !tracks.is_empty());
        tracks.iter().map(|track| track.id).collect()
    }

    #[test]
    fn what_mkvmerge_may_change_is_tried_and_nothing_else() {
        // Of Matroska, sound into whose packets it looks, if there is some near the beginning.
        let mut container = media().container;
        assert_eq!(tried(&container), [0; 0]);
        container.other_tracks[0].codec = "AC-3".to_owned();
        container.other_tracks[1].codec = "AAC".to_owned();
        assert_eq!(tried(&container), [0; 0]);
        for track in &mut container.other_tracks {
            track.begins_ms = Some(0.0);
        }
        assert_eq!(tried(&container), [0]);
        // All that ffmpeg hands over.
        container.direct = false;
        assert_eq!(tried(&container), [0, 2, 3]);
        // Sound that is encoded anew is proven elsewhere.
        container.new_sound = true;
        container.other_tracks.pop();
        assert!(!is_wanted(&container));
    }
}
