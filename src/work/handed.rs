//! The tracks that ffmpeg hands over, in files of the job: each as it is where that can be, else decoded.

use anyhow::Result;

use crate::{
    event::{Sink, detail, warn},
    film::media::{Container, Track, TrackKind},
    job::{CarriedRecord, Job, names::Name},
    os::{process::ToolFailure, room::is_full, toolbox::Toolbox},
    source::packets::{self, Packets},
};

/// Tracks that are handed over, and to whom.
#[derive(Clone, Copy)]
pub struct Handing<'a> {
    /// ffmpeg and ffprobe.
    pub tools: &'a Toolbox,
    /// The job.
    pub job: &'a Job,
    /// What the source is; how its tracks are carried over, the job knows better.
    pub container: &'a Container,
    /// Where events go.
    pub sink: &'a Sink,
}

impl Handing<'_> {
    /// Reads the packets of the picture, and hands over all tracks that an earlier run has not. Sound that ffmpeg cannot copy
    /// is decoded.
    ///
    /// # Errors
    /// If ffmpeg fails for another reason.
    pub fn read(&self) -> Result<Packets> {
        let known = self.job.carried();
        if known.is_none() {
            self.job.forget_others()?;
        }
        for (stream, why) in known.iter().flat_map(|record| &record.decoded) {
            self.tell(*stream, why);
        }
        for (stream, why) in known.iter().flat_map(|record| &record.left_out) {
            self.tell_of_loss(*stream, why);
        }
        match self.write(&known.unwrap_or_default()) {
            Err(error) if error.is::<ToolFailure>() && !is_full(&error) => {
                let refused = self.not_copied()?;
                if refused.is_empty() {
                    Err(error)
                } else {
                    self.decode(refused)
                }
            }
            read => read,
        }
    }

    /// Hands over all tracks again, without some `streams` as they are, each for a reason: of sound, what can be decoded; no
    /// further pictures and subtitles of these.
    ///
    /// # Errors
    /// If ffmpeg fails.
    pub fn decode(&self, streams: Vec<(usize, String)>) -> Result<Packets> {
        let mut record = self.job.carried().unwrap_or_default();
        for (stream, why) in streams {
            let is_sound = |track: &Track| track.stream == stream;
            if self.container.sound_tracks().any(is_sound) {
                self.tell(stream, &why);
                record.decoded.push((stream, why));
            } else {
                self.tell_of_loss(stream, &why);
                record.left_out.push((stream, why));
            }
        }
        self.job.forget_others()?;
        self.write(&CarriedRecord {
            proven: false,
            ..record
        })
    }

    /// Hands over all tracks once more, each as it was.
    ///
    /// # Errors
    /// If ffmpeg fails.
    pub fn again(&self) -> Result<()> {
        let record = self.job.carried().unwrap_or_default();
        let container = Self::as_carried(self.container, Some(&record));
        if container.handed().is_empty() {
            return Ok(());
        }
        self.job.forget_others()?;
        self.write(&record).map(drop)
    }

    fn tell(&self, stream: usize, why: &str) {
        if let Some(said) = of_decoded(self.container, stream, why) {
            warn(self.sink, said);
        }
    }

    fn tell_of_loss(&self, stream: usize, why: &str) {
        if let Some(said) = of_loss(self.container, stream, why) {
            warn(self.sink, said);
        }
    }

    /// The container, with its tracks carried over as a `record` says.
    #[must_use]
    pub fn as_carried(container: &Container, record: Option<&CarriedRecord>) -> Container {
        let Some(record) = record else {
            return container.clone();
        };
        let among =
            |list: &[(usize, String)], stream| list.iter().any(|(known, _)| *known == stream);
        let mut container = container.with_decoded(|stream| among(&record.decoded, stream));
        container
            .other_tracks
            .retain(|track| !among(&record.left_out, track.stream));
        container
    }

    /// Writes what is missing of the tracks, as the `record` says.
    fn write(&self, record: &CarriedRecord) -> Result<Packets> {
        let Self { tools, job, .. } = *self;
        let container = Self::as_carried(self.container, Some(record));
        let handed = container.handed().into_iter().enumerate();
        let mut names = Vec::new();
        let mut others = Vec::new();
        for (n, handed) in handed.filter(|(n, _)| !job.is_intact(Name::Others(*n))) {
            let part = job.part(Name::Others(n))?;
            others.push((
                handed,
                part.strip_prefix(job.dir()).unwrap_or(&part).to_owned(),
            ));
            names.push(Name::Others(n));
        }
        if !names.is_empty() {
            job.record_carried(&CarriedRecord {
                proven: false,
                ..record.clone()
            })?;
        }
        let packets = packets::read(&job.original(tools, &container), &others)?;
        if !names.is_empty() {
            job.require_same_source()?;
        }
        for name in names {
            job.finish(name)?;
            job.seal(name)?;
        }
        Ok(packets)
    }

    /// Streams of sound of which ffmpeg cannot copy all packets, and why: each is tried by itself.
    fn not_copied(&self) -> Result<Vec<(usize, String)>> {
        let known = self.job.carried();
        let container = Self::as_carried(self.container, known.as_ref());
        let copied = container
            .handed()
            .into_iter()
            .flat_map(|handed| handed.tracks);
        let mut refused = Vec::new();
        for track in copied.filter(|track| track.can_be_decoded()) {
            let source = self.job.original(self.tools, &container);
            let mut command = source.reading();
            command.args([
                "-map",
                &format!("0:{}", track.stream),
                "-c",
                "copy",
                "-f",
                "matroska",
                "/dev/null",
            ]);
            if let Some(failure) = source.listener().finish(command)?.failure {
                detail(
                    self.sink,
                    format!(
                        "ffmpeg, copying stream {}: {}",
                        track.stream,
                        failure.line()
                    ),
                );
                refused.push((
                    track.stream,
                    "packets of it are damaged, so that ffmpeg cannot copy it".to_owned(),
                ));
            }
        }
        Ok(refused)
    }
}

/// What is said of all tracks of a `container` that do not get into the output as they are, by the `record`.
#[must_use]
pub fn not_carried(container: &Container, record: &CarriedRecord) -> Vec<String> {
    let decoded = record.decoded.iter();
    let decoded = decoded.filter_map(|(stream, why)| of_decoded(container, *stream, why));
    let left_out = record.left_out.iter();
    let left_out = left_out.filter_map(|(stream, why)| of_loss(container, *stream, why));
    decoded.chain(left_out).collect()
}

/// What is said of a track of sound that is decoded.
fn of_decoded(container: &Container, stream: usize, why: &str) -> Option<String> {
    let mut tracks = container.sound_tracks().enumerate();
    let (n, Track { codec, .. }) = tracks.find(|(_, track)| track.stream == stream)?;
    let kept = "is decoded and kept as FLAC, with silence where something is missing";
    Some(format!("sound track {} ({codec}) {kept}: {why}", n + 1))
}

/// What is said of a track that is left out.
fn of_loss(container: &Container, stream: usize, why: &str) -> Option<String> {
    let mut tracks = container.other_tracks.iter();
    let Track { kind, codec, .. } = tracks.find(|track| track.stream == stream)?;
    let kind = match kind {
        TrackKind::Video => "video",
        TrackKind::Audio => "audio",
        TrackKind::Subtitles => "subtitle",
    };
    Some(format!(
        "left out, since Matroska does not get it whole: {stream} ({codec} {kind}); {why}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::media::{Carry, examples::media};

    #[test]
    fn tracks_are_carried_as_the_record_says() {
        let mut container = media().container;
        container.other_tracks[1].sync_ms = 5;
        assert_eq!(Handing::as_carried(&container, None), container);
        let because = |stream: usize| vec![(stream, "damaged".to_owned())];
        let record = CarriedRecord {
            decoded: because(2),
            left_out: because(3),
            proven: false,
        };
        let carried = Handing::as_carried(&container, Some(&record));
        let tracks = |container: &Container| -> Vec<(usize, Carry, i64)> {
            let tracks = container.other_tracks.iter();
            tracks
                .map(|track| (track.stream, track.carry, track.sync_ms))
                .collect()
        };
        assert_eq!(
            tracks(&container),
            [
                (0, Carry::Copy, 0),
                (2, Carry::Copy, 5),
                (3, Carry::Copy, 0)
            ]
        );
        // What is decoded is not moved any more, and what does not get through is not there.
        assert_eq!(
            tracks(&carried),
            [(0, Carry::Copy, 0), (2, Carry::Decoded, 0)]
        );
    }
}
