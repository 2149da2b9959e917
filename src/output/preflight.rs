//! The tracks that ffmpeg has handed over, joined by mkvmerge alone and compared with the source as the output will be: what
//! does not get through shows while the film is encoded, not after it.
//!
//! Every container that ffmpeg reads is tried: which packets mkvmerge drops, joins or moves depends on what is in them.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::job::names::Name;
use crate::{
    film::media::TrackKind,
    finding::Finding,
    job::CarriedRecord,
    os::disk,
    output::{
        content::{self, Films, Pair},
        join,
    },
    work::handed::Handing,
};

/// Makes sure that mkvmerge takes all tracks that were handed over as they are. Sound that it does not take is decoded.
///
/// # Errors
/// If a track does not get through in any way.
pub fn prove(handing: &Handing<'_>) -> Result<()> {
    if handing.container.handed().is_empty() {
        return Ok(());
    }
    while !handing.job.carried().is_some_and(|record| record.proven) {
        let refused = refused(handing)?;
        if refused.is_empty() {
            let record = handing.job.carried().unwrap_or_default();
            handing.job.record_carried(&CarriedRecord {
                proven: true,
                ..record
            })?;
        } else {
            handing
                .decode(refused)
                .context("decoding sound that does not get into Matroska as it is")?;
        }
    }
    Ok(())
}

/// Streams of which mkvmerge does not take all as it is, and why; all of them can be decoded.
fn refused(handing: &Handing<'_>) -> Result<Vec<(usize, String)>> {
    let Handing {
        children,
        tools,
        job,
        ..
    } = *handing;
    let container = Handing::as_carried(handing.container, job.carried().as_ref());
    let pairs = content::pairs(&container, false);
    let file = job.part(Name::OthersJoined)?;
    let sizes = (0..container.handed().len())
        .map(|n| fs::metadata(job.path(Name::Others(n))).map(|m| m.len()));
    disk::require(
        job.dir(),
        sizes.sum::<Result<u64, _>>()?,
        "the film's other tracks once more, for a trial",
    )?;
    join::join_others(children, tools, job, &container, &file)
        .context("joining the film's other tracks, for a trial")?;
    let films = Films {
        children,
        tools,
        source: (job.dir(), job.source_link()),
        container: &container,
        output: &file,
    };
    let findings = films.copied(&pairs);
    fs::remove_file(&file).with_context(|| format!("removing `{}`", file.display()))?;
    let wrong: Vec<(&Pair<'_>, Finding)> = pairs
        .iter()
        .zip(findings?)
        .filter(|(_, finding)| !finding.agrees)
        .collect();
    let shown = |Finding {
                     source, output, by, ..
                 }: &Finding| {
        format!("{source} in the source, {output} in what mkvmerge makes of it ({by})")
    };
    if let Some((pair, finding)) = wrong.iter().find(|(pair, _)| !pair.track.can_be_decoded()) {
        let (name, codec, why) = (&pair.name, &pair.track.codec, shown(finding));
        bail!(
            "{name} ({codec}) does not get into Matroska whole: {why}{}",
            advice(pair)
        );
    }
    let why = |finding: &Finding| {
        format!(
            "as it is, mkvmerge does not take all of it: {}",
            shown(finding)
        )
    };
    Ok(wrong
        .iter()
        .map(|(pair, finding)| (pair.track.stream, why(finding)))
        .collect())
}

/// What may be done about a track that does not get through, even decoded.
fn advice(pair: &Pair<'_>) -> &'static str {
    match pair.track.kind {
        TrackKind::Audio => ". Have the sound encoded anew: add -a \"-c:a libopus\" --restart",
        _ => "",
    }
}
