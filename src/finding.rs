//! What was compared of source and output, with what, and what came of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares [`Property`] and the list of all, so that nothing can be one without being in the list.
macro_rules! properties {
    ($($(#[$doc:meta])+ $name:ident = $words:literal,)+) => {
        /// What can be compared. That of a track is named with the track's number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Property {
            $($(#[$doc])+ $name,)+
        }

        impl Property {
            /// All that can be compared.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name, as `findings` of `--json` have it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }
        }
    };
}

properties! {
    /// How many pictures there are.
    Frames = "frames",
    /// When each is shown.
    FrameTimes = "times of frames",
    /// Until when the last one is shown.
    LastFrameEnd = "end of the last frame",
    /// The pictures as the encoder wrote them.
    EncodedPictures = "encoded pictures",
    /// The pictures as a decoder shows them, at some places.
    Pictures = "pictures at their times",
    /// What a decoder says of each: its size, the shape of its pixels, what its colours mean.
    EachPicture = "size, shape and colours of each picture",
    /// How bright they are, and which colours they have.
    PictureColors = "brightness and colours",
    /// How many pictures a decoder shows.
    DecodedFrames = "frames that can be decoded",
    /// What programs complain of that decode the pictures.
    Complaints = "complaints of decoders",
    /// What the picture is encoded with.
    Codec = "codec",
    /// How large the picture is.
    PictureSize = "size of the picture",
    /// How many bits a sample has.
    BitDepth = "bit depth",
    /// What the pictures carry beside themselves.
    Extras = "metadata inside the pictures",
    /// How wide a pixel is for its height.
    PixelShape = "shape of a pixel",
    /// Whether the picture is interlaced, and in which order.
    Fields = "fields",
    /// How the picture stands in space: stereo, turned, a sphere.
    Space = "picture in space",
    /// The colours that the container names.
    ContainerColors = "colours of the container",
    /// The HDR10 metadata that the container has.
    ContainerHdr10 = "HDR10 of the container",
    /// How long the container says that the film is.
    Duration = "duration",
    /// The film's title.
    Title = "title",
    /// The film's tags.
    Tags = "tags",
    /// The tags of its picture.
    PictureTags = "tags of the picture",
    /// How many chapters there are.
    Chapters = "chapters",
    /// When they begin.
    ChapterTimes = "times of chapters",
    /// How many attachments there are.
    Attachments = "attachments",
    /// Which kinds of tracks there are, in order.
    Tracks = "tracks",
    /// The title of a track.
    TrackTitle = "title of track",
    /// The language of a track.
    TrackLanguage = "language of track",
    /// The flags of a track.
    TrackFlags = "flags of track",
    /// The tags of a track.
    TrackTags = "tags of track",
    /// What is in a further track of pictures.
    VideoTrack = "video track",
    /// What is in a track of sound.
    SoundTrack = "sound track",
    /// The channels of a track of sound.
    Channels = "channels of sound track",
    /// What is in a track of subtitles.
    SubtitleTrack = "subtitle track",
    /// How many tracks of sound that was encoded anew there are.
    SoundTracks = "sound tracks",
    /// The packets of a track of sound that was encoded anew.
    SoundPackets = "packets of sound track",
    /// What a track of sound is encoded with, and how many channels it has.
    SoundForm = "form of sound track",
    /// How loud a track of sound is.
    Loudness = "loudness of sound track",
    /// A track that the user does not want, by its number in the source.
    DroppedTrack = "dropped track",
}

impl Property {
    /// That of the track with this number, counted from 1.
    #[must_use]
    pub fn of_track(self, number: usize) -> What {
        What {
            property: self,
            track: Some(number),
        }
    }
}

/// A property of the film, or of one of its tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct What {
    property: Property,
    track: Option<usize>,
}

impl From<Property> for What {
    fn from(property: Property) -> Self {
        Self {
            property,
            track: None,
        }
    }
}

/// `sound track 1`.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.property.name())?;
        self.track.map_or(Ok(()), |number| write!(f, " {number}"))
    }
}

/// One property of a film: what the source has, what the output has, who says so, and whether they agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was compared: `frames`, `sound track 1`.
    pub what: String,
    /// What the source has, or what was wanted.
    pub source: String,
    /// What the output has.
    pub output: String,
    /// How that was found out.
    pub by: String,
    /// Whether they agree.
    pub agrees: bool,
}

impl Finding {
    /// Two things that have to be the same.
    pub fn same<T: PartialEq + fmt::Display>(
        what: impl Into<What>,
        source: T,
        output: T,
        by: &str,
    ) -> Self {
        let agrees = source == output;
        Self::new(what, source.to_string(), output.to_string(), by, agrees)
    }

    /// Whether it is of this property, of the film or of any of its tracks.
    #[must_use]
    pub fn is_of(&self, property: Property) -> bool {
        let of_track = self.what.strip_prefix(property.name());
        of_track.is_some_and(|rest| {
            let number = rest.strip_prefix(' ').unwrap_or("0");
            (rest.is_empty() || rest.starts_with(' ')) && number.parse::<usize>().is_ok()
        })
    }

    /// Two things, and whether they agree.
    pub fn new(
        what: impl Into<What>,
        source: impl Into<String>,
        output: impl Into<String>,
        by: impl Into<String>,
        agrees: bool,
    ) -> Self {
        Self {
            what: what.into().to_string(),
            source: source.into(),
            output: output.into(),
            by: by.into(),
            agrees,
        }
    }
}

/// `frames: 240 in the source, 239 in the output (packets, counted by ffprobe)`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            source,
            output,
            by,
            ..
        } = self;
        write!(
            f,
            "{what}: {source} in the source, {output} in the output ({by})"
        )
    }
}

/// The output is not what it has to be.
#[derive(Debug)]
pub struct Unproven {
    /// All that was compared.
    pub findings: Vec<Finding>,
    /// When pictures are shown that are others than the source's, in milliseconds of the output.
    pub others_ms: Vec<f64>,
}

impl Unproven {
    /// Whether a property was compared, and agrees.
    #[must_use]
    pub fn agrees_in(&self, property: Property) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.what == property.name() && finding.agrees)
    }
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong: Vec<String> = self
            .findings
            .iter()
            .filter(|finding| !finding.agrees)
            .map(Finding::to_string)
            .collect();
        f.write_str(&wrong.join("\n"))
    }
}

impl std::error::Error for Unproven {}

/// The findings, if all agree.
///
/// # Errors
/// [`Unproven`] if one does not.
pub fn all_agree(findings: Vec<Finding>) -> Result<Vec<Finding>, Unproven> {
    if findings.iter().all(|finding| finding.agrees) {
        Ok(findings)
    } else {
        let others_ms = Vec::new();
        Err(Unproven {
            findings,
            others_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_properties_have_one_name() {
        for (n, property) in Property::ALL.iter().enumerate() {
            let others = Property::ALL[..n].iter();
            assert!(
                others
                    .map(|other| other.name())
                    .all(|name| name != property.name()),
                "{property:?}"
            );
        }
    }

    #[test]
    fn every_finding_that_does_not_agree_is_named() {
        let findings = vec![
            Finding::same(Property::Frames, 240, 240, "counted"),
            Finding::same(Property::Chapters, 3, 2, "counted"),
            Finding::new(
                Property::SoundTrack.of_track(1),
                "1000 packets",
                "999 packets",
                "hashes",
                false,
            ),
        ];
        let error = all_agree(findings.clone()).unwrap_err().to_string();
        assert_eq!(
            error,
            "chapters: 3 in the source, 2 in the output (counted)\n\
             sound track 1: 1000 packets in the source, 999 packets in the output (hashes)"
        );
        assert_eq!(all_agree(findings[..1].to_vec()).unwrap().len(), 1);
    }
}
