//! What is known to be another thing in an output than in its source, because it was asked for.

use std::str::FromStr;

use crate::{
    film::shape::Crop,
    finding::{Finding, Property},
    metric::likeness::Freedom,
};

/// One kind of such differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Its pictures have another size.
    Scaled,
    /// Its pictures are a part of the source's.
    Cropped(Crop),
    /// Its pictures are not interlaced any more.
    Deinterlaced,
    /// It has another number of pictures for the same time.
    Rate,
    /// It has other colours or another depth: HDR made SDR, for example.
    Colors,
    /// What pictures carry beside themselves is gone.
    DynamicHdr,
    /// Its sound has other channels or another loudness.
    Sound,
    /// It has other tracks: languages that were dropped.
    Tracks,
    /// Its tracks have other titles, languages, flags and tags, and so has the film.
    Names,
    /// It has other chapters.
    Chapters,
    /// It has other attachments.
    Attachments,
    /// One of them is damaged.
    Damage,
}

/// All words for them, but for the crop, which has numbers.
const WORDS: [(&str, Known); 11] = [
    ("scaled", Known::Scaled),
    ("deinterlaced", Known::Deinterlaced),
    ("rate", Known::Rate),
    ("colors", Known::Colors),
    ("dynamic-hdr", Known::DynamicHdr),
    ("sound", Known::Sound),
    ("tracks", Known::Tracks),
    ("names", Known::Names),
    ("chapters", Known::Chapters),
    ("attachments", Known::Attachments),
    ("damage", Known::Damage),
];

impl FromStr for Known {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if let Some(crop) = word.strip_prefix("cropped=") {
            return crop.parse().map(Self::Cropped);
        }
        let known = WORDS.iter().find(|(name, _)| *name == word);
        known.map(|(_, known)| *known).ok_or_else(|| {
            let words: Vec<&str> = WORDS.iter().map(|(name, _)| *name).collect();
            format!("`{word}` is none of cropped=W:H:X:Y, {}", words.join(", "))
        })
    }
}

impl Known {
    /// The properties that are others.
    fn properties(self) -> &'static [Property] {
        match self {
            Self::Scaled => &[Property::PictureSize],
            Self::Cropped(_) => &[],
            Self::Deinterlaced => &[Property::Fields],
            Self::Rate => &[Property::Frames, Property::FrameTimes],
            Self::Colors => &[
                Property::ContainerColors,
                Property::ContainerHdr10,
                Property::BitDepth,
                Property::PictureColors,
            ],
            Self::DynamicHdr => &[Property::Extras],
            Self::Sound => &[Property::Channels],
            Self::Tracks => &[Property::Tracks],
            Self::Names => &[
                Property::Title,
                Property::Tags,
                Property::PictureTags,
                Property::TrackTitle,
                Property::TrackLanguage,
                Property::TrackFlags,
                Property::TrackTags,
            ],
            Self::Chapters => &[Property::Chapters, Property::ChapterTimes],
            Self::Attachments => &[Property::Attachments],
            Self::Damage => &[Property::Complaints, Property::DecodedFrames],
        }
    }
}

/// What pictures may be besides the source's of their own time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Leeway {
    /// One of those beside it.
    pub any_rate: bool,
    /// Brighter or darker, and with another contrast.
    pub any_colors: bool,
}

/// All that is known of one output.
#[derive(Debug, Clone, Default)]
pub struct Differences(pub Vec<Known>);

impl Differences {
    /// Whether what a finding says is among them.
    #[must_use]
    pub fn cover(&self, finding: &Finding) -> bool {
        let mut properties = self.0.iter().flat_map(|known| known.properties());
        properties.any(|property| finding.is_of(*property))
    }

    /// What is left to be judged of the pictures.
    #[must_use]
    pub fn of_pictures(&self) -> Leeway {
        Leeway {
            any_rate: self.0.contains(&Known::Rate),
            any_colors: self.0.contains(&Known::Colors),
        }
    }

    /// Whether pictures may have another size; their shape stays.
    #[must_use]
    pub fn are_scaled(&self) -> bool {
        self.0.contains(&Known::Scaled)
    }

    /// The part of the source's pictures that is left.
    #[must_use]
    pub fn crop(&self) -> Option<Crop> {
        self.0.iter().find_map(|known| match known {
            Known::Cropped(crop) => Some(*crop),
            _ => None,
        })
    }

    /// What is left to be judged of the sound.
    #[must_use]
    pub fn of_sound(&self) -> Freedom {
        if self.0.contains(&Known::Sound) {
            Freedom::Form
        } else {
            Freedom::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_and_a_wrong_one_is_answered_with_all() {
        for (word, known) in WORDS {
            assert_eq!(word.parse(), Ok(known));
        }
        let crop = Crop {
            size: (1920, 800),
            at: (0, 140),
        };
        assert_eq!("cropped=1920:800:0:140".parse(), Ok(Known::Cropped(crop)));
        for wrong in ["cropped=1920:800", "cropped=0:8:0:0", "scale", ""] {
            let said = wrong.parse::<Known>().unwrap_err();
            assert!(said.contains("W:H:X:Y"), "{said}");
        }
    }

    #[test]
    fn a_difference_covers_what_it_is_about_of_every_track_and_nothing_else() {
        let differences = Differences(vec![Known::Names, Known::Rate]);
        let finding = |what: crate::finding::What| Finding::same(what, 1, 2, "");
        for covered in [
            Property::Title.into(),
            Property::Frames.into(),
            Property::TrackTitle.of_track(12),
        ] {
            assert!(differences.cover(&finding(covered)), "{covered}");
        }
        for other in [
            Property::Tracks.into(),
            Property::Pictures.into(),
            Property::DecodedFrames.into(),
            Property::SoundTrack.of_track(1),
        ] {
            assert!(!differences.cover(&finding(other)), "{other}");
        }
    }
}
