//! All names in a job directory, in one list: nothing else is ever written there, and nothing else removed.

use std::{fmt, path::Path};

/// A file or link of a job directory. It displays as its path, relative to the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// What the job is. Without it, a directory is not known as ours.
    Job,
    /// Held by whoever works on the job; stays when all else is removed.
    Lock,
    /// Who that is, for hosts that the lock does not reach.
    Lease,
    /// The same on its way there or away, by the number of who moves it.
    LeaseBeside(u64),
    /// What a run does right now.
    Standing,
    /// A link to the source: tools cannot be trusted with every name.
    Source,
    /// FFMS2's index.
    Index,
    /// The scenes, one a line.
    Scenes,
    /// Who reads the film.
    Reader,
    /// What is known of pictures that were read in order.
    Pictures,
    /// What decoders complained of while these pictures were read.
    Damage,
    /// The encoder's trial.
    Trial,
    /// What is known of the size of the film, where one is wanted.
    Size,
    /// A place of the film that is tried for that.
    Sample(usize),
    /// Sound that is encoded anew.
    Audio,
    /// What is known of that sound.
    Sound,
    /// How loud the source's sound is.
    Loudness,
    /// By which it is found out how a delay is written.
    DelayTrial,
    /// Further tracks that ffmpeg hands over.
    Others(usize),
    /// How they get into the output.
    Carried,
    /// They are joined by themselves, to see what comes through.
    OthersJoined,
    /// mkvmerge's options for that.
    OthersJoin,
    /// A chunk.
    Chunk(usize),
    /// A chunk into which HDR10 metadata is put.
    ChunkWithHdr10(usize),
    /// What of a file a chunk's encoder reads, which is one of several files.
    ChunkOption(usize, usize),
    /// What is known of a chunk.
    Record(usize),
    /// Some chunks, joined.
    Group(usize),
    /// The whole film, where it cannot be joined in its place.
    Joined,
    /// The times of pictures.
    Times,
    /// The times of a track's packets: number of the file, and of the track in it.
    SoundTimes(usize, usize),
    /// The same of a track of the source, by its number there.
    SourceTimes(usize),
    /// Chapters.
    Chapters,
    /// Tags of the film.
    Tags,
    /// Tags of the track with this number in the source.
    TrackTags(u64),
    /// mkvmerge's options.
    Join,
    /// The command line by which the job was planned for other hosts.
    Line,
    /// What a host is expected to need for a chunk.
    Hints,
    /// Which chunks are one task of a scheduler.
    Tasks,
    /// How a film is read that is read in order.
    Reading,
    /// Who encodes a chunk right now.
    ChunkLease(usize),
    /// The same on its way there or away, by the number of who moves it.
    ChunkLeaseBeside(usize, u64),
    /// What has been tried of a chunk, by whom.
    Attempts(usize),
    /// The frames of a chunk, for a host that does not see the source.
    Packed(usize),
    /// What is said by a task of Slurm: number of the job, and of the task.
    SlurmTask(usize, usize),
    /// What is said by a job of Slurm that is none of several, by its number.
    SlurmJob(usize),
    /// What is said by all of them, where Slurm does not put numbers into the name.
    Slurm,
}

/// Where chunks are.
pub const CHUNKS: &str = "chunks";

impl Name {
    /// One of each kind.
    const ALL: [Self; 46] = [
        Self::Job,
        Self::Lock,
        Self::Lease,
        Self::LeaseBeside(0),
        Self::Standing,
        Self::Source,
        Self::Index,
        Self::Scenes,
        Self::Reader,
        Self::Pictures,
        Self::Damage,
        Self::Trial,
        Self::Size,
        Self::Sample(0),
        Self::Audio,
        Self::Sound,
        Self::Loudness,
        Self::DelayTrial,
        Self::Others(0),
        Self::Carried,
        Self::OthersJoined,
        Self::OthersJoin,
        Self::Chunk(0),
        Self::ChunkWithHdr10(0),
        Self::ChunkOption(0, 0),
        Self::Record(0),
        Self::Group(0),
        Self::Joined,
        Self::Times,
        Self::SoundTimes(0, 0),
        Self::SourceTimes(0),
        Self::Chapters,
        Self::Tags,
        Self::TrackTags(0),
        Self::Join,
        Self::Line,
        Self::Hints,
        Self::Tasks,
        Self::Reading,
        Self::ChunkLease(0),
        Self::ChunkLeaseBeside(0, 0),
        Self::Attempts(0),
        Self::Packed(0),
        Self::SlurmTask(0, 0),
        Self::SlurmJob(0),
        Self::Slurm,
    ];

    /// The name under which it is written: `chunks/00012.ivf` -> `chunks/00012.part.ivf`. The ending stays, since tools
    /// go by it.
    #[must_use]
    pub fn part(self) -> String {
        part(&self.to_string(), None)
    }

    /// A name beside that of a lease, for whoever moves it there or away.
    pub(super) fn beside(self, nonce: u64) -> Self {
        match self {
            Self::ChunkLease(index) => Self::ChunkLeaseBeside(index, nonce),
            _ => Self::LeaseBeside(nonce),
        }
    }

    /// The name of what was recorded of its content: `source.ffindex` -> `source.ffindex.json`.
    #[must_use]
    pub(super) fn seal(self) -> String {
        format!("{self}.json")
    }
}

/// The same for the name of a seal, and with a `mark` where several hosts may write the same file.
pub(super) fn part(name: &str, mark: Option<u32>) -> String {
    let mark = mark.map_or_else(String::new, |mark| mark.to_string());
    match name.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}.part{mark}.{ending}"),
        None => format!("{name}.part{mark}"),
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match self {
            Self::Others(n) => return write!(f, "others-{n}.mkv"),
            Self::Sample(n) => return write!(f, "sample-{n:02}.ivf"),
            Self::Chunk(index) => return write!(f, "{CHUNKS}/{index:05}.ivf"),
            Self::ChunkWithHdr10(index) => return write!(f, "{CHUNKS}/{index:05}.hdr10.ivf"),
            Self::ChunkOption(index, n) => return write!(f, "{CHUNKS}/{index:05}.option-{n}.txt"),
            Self::Record(index) => return write!(f, "{CHUNKS}/{index:05}.json"),
            Self::ChunkLease(index) => return write!(f, "{CHUNKS}/{index:05}.lease"),
            Self::ChunkLeaseBeside(index, n) => return write!(f, "{CHUNKS}/{index:05}.{n}.lease"),
            Self::LeaseBeside(n) => return write!(f, "lease.{n}"),
            Self::Attempts(index) => return write!(f, "{CHUNKS}/{index:05}.attempts.jsonl"),
            Self::Packed(index) => return write!(f, "{CHUNKS}/{index:05}.mkv"),
            Self::SlurmTask(job, task) => return write!(f, "slurm-{job}_{task}.log"),
            Self::SlurmJob(job) => return write!(f, "slurm-{job}.log"),
            Self::Group(n) => return write!(f, "group-{n:04}.ivf"),
            Self::SourceTimes(id) => return write!(f, "source-times-{id}.txt"),
            Self::SoundTimes(file, track) => return write!(f, "times-{file}-{track}.txt"),
            Self::TrackTags(id) => return write!(f, "track-tags-{id}.xml"),
            Self::Job => "job.json",
            Self::Lock => "lock",
            Self::Lease => "lease",
            Self::Standing => "state.json",
            Self::Source => "source",
            Self::Index => "source.ffindex",
            Self::Scenes => "scenes.jsonl",
            Self::Reader => "reader.json",
            Self::Pictures => "pictures.bin",
            Self::Damage => "damage.json",
            Self::Trial => "trial.ivf",
            Self::Size => "size.json",
            Self::Audio => "audio.mka",
            Self::Sound => "sound.json",
            Self::Loudness => "loudness.json",
            Self::DelayTrial => "delay.mka",
            Self::Carried => "others-carried.json",
            Self::OthersJoined => "others-joined.mkv",
            Self::OthersJoin => "others-join.json",
            Self::Times => "times.txt",
            Self::Chapters => "chapters.txt",
            Self::Tags => "tags.xml",
            Self::Joined => "joined.mkv",
            Self::Join => "join.json",
            Self::Line => "line.json",
            Self::Hints => "hints.json",
            Self::Tasks => "tasks.json",
            Self::Reading => "reading.json",
            Self::Slurm => "slurm.log",
        };
        f.write_str(plain)
    }
}

/// Whether we may have made a file of this path, relative to the directory: under a name of ours, as a part of one, or as
/// a seal of one.
#[must_use]
pub fn is_ours(relative: &Path) -> bool {
    let Some(given) = relative.to_str().map(without_numbers) else {
        return false;
    };
    Name::ALL.into_iter().any(|name| {
        [name.to_string(), name.seal()].into_iter().any(|name| {
            [part(&name, None), part(&name, Some(0)), name]
                .map(|name| without_numbers(&name))
                .contains(&given)
        })
    })
}

/// Whether a path is that of the lease of the job, or on its way there or away.
pub(super) fn is_lease(relative: &Path) -> bool {
    let given = relative.to_str().map(without_numbers);
    let names = [Name::Lease, Name::LeaseBeside(0)].map(|name| name.to_string());
    given.is_some_and(|given| names.contains(&given))
}

/// A name in which every number has become a zero: names of one kind differ in nothing else.
fn without_numbers(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '0'..='9' if text.ends_with('0') => (),
            '0'..='9' => text.push('0'),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_ours_in_every_state_and_no_two_are_alike() {
        let mut all = BTreeSet::new();
        for name in Name::ALL {
            for text in [
                name.to_string(),
                name.part(),
                name.seal(),
                part(&name.seal(), None),
                part(&name.to_string(), Some(4_000_000_000)),
            ] {
                assert!(is_ours(Path::new(&text)), "{text}");
            }
            assert!(all.insert(name.to_string()), "{name} is there twice");
        }
        for text in [
            "chunks/12345.hdr10.part.ivf",
            "chunks/12345.option-1.part.txt",
            "others-12.mkv",
            "track-tags-7.part.xml",
        ] {
            assert!(is_ours(Path::new(text)), "{text}");
        }
    }

    #[test]
    fn names_that_only_look_alike_are_somebody_elses() {
        for text in [
            "holiday.mkv",
            "chunks/notes.txt",
            "00000.ivf",
            "chunks/x.ivf",
            "others-.mkv",
            "part.job.json",
            "",
        ] {
            assert!(!is_ours(Path::new(text)), "{text}");
        }
    }
}
