//! What the output's container says of the film and its tracks, against what the source's says and the recipe wants.

use num_rational::Ratio;

use crate::{
    cli::AudioCodec,
    encoder::Picture,
    film::{
        fate::{Becomes, Fate},
        language::Language,
        media::{Carry, Color, Container, Fields, MediaInfo, Track, TrackKind},
    },
    finding::{Finding, Property},
    source::probe::{Found, Identified, IdentifiedTrack},
    stream::bitstream::hdr_disagreement,
};

/// Matroska rounds times to a millisecond, and the source's were rounded before; what is further off is wrong.
pub const MAX_TIME_ERROR_MS: f64 = 1.6;
/// A container may be shorter than its pictures by this much, in seconds: a last one may have no duration. Chosen: the times of all
/// pictures are compared one by one beside it. At half, a film of one picture a second is refused for its last one; at double, a
/// container that says two seconds too few passes.
const DURATION_TOLERANCE: f64 = 1.0;
/// Containers give the shape of pixels by whole numbers.
pub(super) const ASPECT_TOLERANCE: f64 = 0.01;

/// Who says what the container says.
const MKVMERGE: &str = "mkvmerge -J";
const FFPROBE: &str = "ffprobe";

/// What two programs read in the output's container, and what should be there.
pub struct Said<'a> {
    /// What mkvmerge reads.
    pub identified: &'a Identified,
    /// What ffprobe reads.
    pub found: &'a Found,
    /// What the source is.
    pub media: &'a MediaInfo,
    /// How its picture should be.
    pub picture: &'a Picture,
    /// The picture's place among the video tracks.
    pub video: usize,
    /// What becomes of the tracks of sound and subtitles, where the user chooses among them.
    pub tracks: &'a [Fate],
}

impl Said<'_> {
    /// Compares all of it.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = self.of_tracks();
        findings.extend(self.of_film());
        findings.extend(self.of_picture());
        findings.extend(self.track_tags());
        findings.extend(self.sound_tracks());
        findings.extend(self.forms_of_sound());
        findings.extend(self.dropped());
        findings
    }

    fn container(&self) -> &Container {
        &self.media.container
    }

    /// The list of tracks, in order.
    fn of_tracks(&self) -> Vec<Finding> {
        let wanted = self.container().tracks();
        let found = self.identified.tracks.iter();
        let found: Vec<Track> = found.filter_map(IdentifiedTrack::track).collect();
        let mut findings = vec![Finding::same(
            Property::Tracks,
            kinds(wanted.iter().copied()),
            kinds(&found),
            MKVMERGE,
        )];
        for (n, (wanted, found)) in (1..).zip(wanted.into_iter().zip(&found)) {
            findings.extend(of_track(n, wanted, found));
        }
        findings
    }

    /// What is said of the film.
    fn of_film(&self) -> Vec<Finding> {
        let (container, identified) = (self.container(), self.identified);
        let chapters: usize = identified
            .chapters
            .iter()
            .map(|chapters| chapters.num_entries)
            .sum();
        let title = &identified.container.properties.title;
        let attachments = identified.attachments.len();
        let mut findings = vec![
            Finding::same(Property::Chapters, container.chapters, chapters, MKVMERGE),
            Finding::same(
                Property::Attachments,
                container.attachments,
                attachments,
                MKVMERGE,
            ),
            Finding::same(
                Property::Title,
                text(&container.title),
                text(title),
                MKVMERGE,
            ),
            self.duration(),
            self.tags(),
        ];
        findings.extend(self.chapter_times());
        findings
    }

    /// What the source says of its length is a hint; what its tracks hold is compared one by one.
    fn duration(&self) -> Finding {
        let (end, output) = (
            self.media.video_seconds(),
            self.found.duration_seconds.unwrap_or(0.0),
        );
        let seconds = |seconds: f64| format!("{seconds:.1} s");
        let agrees = output + DURATION_TOLERANCE >= end;
        Finding::new(
            Property::Duration,
            seconds(end),
            seconds(output),
            FFPROBE,
            agrees,
        )
    }

    /// The film's tags: mkvmerge takes those of a Matroska film itself.
    fn tags(&self) -> Finding {
        let (container, identified) = (self.container(), self.identified);
        if container.direct {
            let found = identified.tag_count();
            Finding::same(Property::Tags, container.tags, found, MKVMERGE)
        } else {
            let (wanted, found) = (tag_text(&container.tag_list), tag_text(&self.found.tags));
            Finding::same(Property::Tags, wanted, found, FFPROBE)
        }
    }

    /// Where chapters begin; how many there are is a finding of its own.
    fn chapter_times(&self) -> Option<Finding> {
        let (container, found) = (self.container(), &self.found.chapters);
        let wanted: Vec<f64> = container
            .chapter_list
            .iter()
            .map(|(ms, _)| container.clock.output_ms(*ms))
            .collect();
        if wanted.len() != found.len() {
            return None;
        }
        let error = |(found, wanted): (&(f64, String), &f64)| (found.0 - wanted.max(0.0)).abs();
        let (n, worst) = found
            .iter()
            .zip(&wanted)
            .map(error)
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        let at = |ms: f64| format!("chapter {} at {ms:.1} ms", n + 1);
        Some(Finding::new(
            Property::ChapterTimes,
            at(wanted[n]),
            at(found[n].0),
            FFPROBE,
            worst <= MAX_TIME_ERROR_MS,
        ))
    }

    /// What is said of the picture.
    fn of_picture(&self) -> Vec<Finding> {
        let (container, found) = (self.container(), self.found);
        let scan = |fields: Option<Fields>| {
            fields.map_or("progressive".to_owned(), |fields| fields.to_string())
        };
        let same = |property, wanted, found| Finding::same(property, wanted, found, FFPROBE);
        let mut findings = vec![
            Finding::same(Property::Codec, "av1", &found.video.codec, FFPROBE),
            self.pixel_shape(),
            same(
                Property::Fields,
                scan(container.video.fields),
                scan(found.video.fields),
            ),
            same(
                Property::PictureTags,
                tag_text(&container.video_tags),
                tag_text(&found.video_tags),
            ),
            Finding::same(
                Property::Space,
                container.space.to_string(),
                self.identified.space(self.video).to_string(),
                MKVMERGE,
            ),
            self.colors(),
        ];
        findings.extend(self.hdr10());
        findings
    }

    fn pixel_shape(&self) -> Finding {
        let (wanted, found) = (
            self.container().sample_aspect(self.found.video.crops),
            self.found.video.shape().sample_aspect(),
        );
        let shape = |aspect: Ratio<u32>| f64::from(*aspect.numer()) / f64::from(*aspect.denom());
        let agrees = (shape(found) / shape(wanted) - 1.0).abs() <= ASPECT_TOLERANCE;
        Finding::new(
            Property::PixelShape,
            wanted.to_string(),
            found.to_string(),
            FFPROBE,
            agrees,
        )
    }

    fn colors(&self) -> Finding {
        let wanted = &self.picture.color;
        let found = self.identified.video_color(self.video).unwrap_or_default();
        let codes = |color: &Color| [color.primaries, color.transfer, color.matrix];
        let agrees = codes(&found) == codes(wanted)
            && (wanted.range.is_none() || found.range == wanted.range);
        Finding::new(
            Property::ContainerColors,
            wanted.to_string(),
            found.to_string(),
            MKVMERGE,
            agrees,
        )
    }

    /// HDR10, where there should be any or is.
    fn hdr10(&self) -> Option<Finding> {
        let wrong = hdr_disagreement(&self.found.container_hdr10, &self.picture.hdr10);
        (wrong.is_some() || !self.picture.hdr10.is_empty()).then(|| {
            let agrees = wrong.is_none();
            let output = wrong.unwrap_or_else(|| "the same".to_owned());
            Finding::new(
                Property::ContainerHdr10,
                "as planned",
                output,
                FFPROBE,
                agrees,
            )
        })
    }

    /// The tags of the tracks that mkvmerge does not take from the source itself.
    fn track_tags(&self) -> Vec<Finding> {
        let container = self.container();
        let ours = |track: &Track| {
            let new = container.is_new(track);
            track.id != container.video_track.id && (new || !container.direct)
        };
        let tracks = container.tracks().into_iter().zip(&self.found.track_tags);
        (1..)
            .zip(tracks)
            .filter(|(_, (track, _))| ours(track))
            .map(|(n, (track, found))| {
                let what = Property::TrackTags.of_track(n);
                Finding::same(what, tag_text(&track.tags), tag_text(found), FFPROBE)
            })
            .collect()
    }

    /// The number of tracks of sound that was encoded anew; what is in them is another finding.
    fn sound_tracks(&self) -> Option<Finding> {
        let (wanted, found) = (self.container().sound.len(), self.found.sound.len());
        self.container()
            .new_sound
            .then(|| Finding::same(Property::SoundTracks, wanted, found, FFPROBE))
    }

    /// What each track of sound is encoded with, where the user chooses among them.
    fn forms_of_sound(&self) -> Vec<Finding> {
        let is_kept = |fate: &&Fate| {
            fate.kind == TrackKind::Audio
                && ![Becomes::Dropped, Becomes::ByOptions].contains(&fate.becomes)
        };
        let kept = self.tracks.iter().filter(is_kept);
        let mut found = self.found.sound_formats.iter();
        let finding = |(n, fate): (usize, &Fate)| {
            let (is, found) = (fate.sound.clone().unwrap_or_default(), found.next());
            let (codec, channels, how) = match &fate.becomes {
                Becomes::Encoded(new) => {
                    let channels = if new.downmix { 2 } else { new.channels };
                    (new.codec_name(), channels, format!("becomes {new}"))
                }
                _ => (is.codec.as_str(), is.channels, "is copied".to_owned()),
            };
            let agrees = found.is_some_and(|found| {
                let same_codec = found.codec == codec || self.is_carried_otherwise(fate.stream);
                same_codec && self.has_channels(fate, channels, found.channels)
            });
            let by = match fate.why.as_str() {
                "" => format!("{FFPROBE}: it {how}"),
                why => format!("{FFPROBE}: it {how}, {why}"),
            };
            let what = Property::SoundForm.of_track(n);
            let found = found.map_or_else(|| "nothing".to_owned(), ToString::to_string);
            Finding::new(what, is.to_string(), found, by, agrees)
        };
        (1..).zip(kept).map(finding).collect()
    }

    /// Whether a copied track is in the output by another codec with the same samples.
    fn is_carried_otherwise(&self, stream: usize) -> bool {
        let mut tracks = self.container().sound_tracks();
        tracks.any(|track| track.stream == stream && track.carry != Carry::Copy)
    }

    /// Whether so many channels were to be `found` of a track that is to have `wanted`: Opus and AAC have silent ones where they
    /// have no layout without them, and fewer where they have no place for those in between or above. What is in them is another
    /// finding.
    fn has_channels(&self, fate: &Fate, wanted: u32, found: u32) -> bool {
        let may_have_others = match &fate.becomes {
            Becomes::Encoded(new) => {
                [AudioCodec::Opus, AudioCodec::Aac].contains(&new.codec) && !new.downmix
            }
            _ => false,
        };
        let has_silent = (3..8).contains(&wanted) && found > wanted;
        let is_mixed = (6..=8).contains(&wanted) && (4..wanted).contains(&found);
        found == wanted || may_have_others && (has_silent || is_mixed)
    }

    /// Whether each track that was to be dropped is not there.
    fn dropped(&self) -> Vec<Finding> {
        let wanted = self.container().tracks();
        let found = self.identified.tracks.iter();
        let found: Vec<Track> = found.filter_map(IdentifiedTrack::track).collect();
        let found: Vec<&Track> = found.iter().collect();
        let dropped = self.tracks.iter();
        let dropped = dropped.filter(|fate| fate.becomes == Becomes::Dropped);
        dropped
            .map(|fate| {
                let is_gone = alike(&found, fate) == alike(&wanted, fate);
                let output = if is_gone { "dropped" } else { "there" };
                let what = Property::DroppedTrack.of_track(fate.stream + 1);
                let by = format!("{MKVMERGE}: {}", fate.why);
                Finding::new(what, fate.name(), output, by, is_gone)
            })
            .collect()
    }
}

/// Tracks by which a dropped one would be known.
fn alike(tracks: &[&Track], fate: &Fate) -> usize {
    let wanted = Language::of_track(Some(&fate.language));
    let is_it = |track: &&&Track| {
        let tag = track.language_ietf.as_ref().or(track.language.as_ref());
        let language = Language::of_track(tag.map(String::as_str));
        (track.kind, &track.title) == (fate.kind, &fate.title) && wanted.means(&language)
    };
    tracks.iter().filter(is_it).count()
}

/// What is said of the track with number `n`, counted from 1.
pub(super) fn of_track(n: usize, wanted: &Track, found: &Track) -> Vec<Finding> {
    let same = |property: Property, wanted: String, found: String| {
        Finding::same(property.of_track(n), wanted, found, MKVMERGE)
    };
    let mut findings = vec![same(
        Property::TrackTitle,
        text(&wanted.title),
        text(&found.title),
    )];
    let language = |track: &Track| track.language.clone().unwrap_or_else(|| "und".to_owned());
    // mkvmerge takes no language for English nowhere: what is not said is not set.
    if wanted.language.is_some() {
        findings.push(same(
            Property::TrackLanguage,
            language(wanted),
            language(found),
        ));
    }
    findings.push(same(Property::TrackFlags, flags(wanted), flags(found)));
    findings
}

/// The kinds of some tracks.
pub(super) fn kinds<'a>(tracks: impl IntoIterator<Item = &'a Track>) -> String {
    let kinds: Vec<String> = tracks
        .into_iter()
        .map(|track| format!("{:?}", track.kind).to_lowercase())
        .collect();
    kinds.join(", ")
}

/// A text, or that there is none.
pub(super) fn text(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "none".to_owned())
}

/// The flags that are set.
fn flags(track: &Track) -> String {
    let f = track.flags;
    let all = [
        ("default", f.default),
        ("forced", f.forced),
        ("enabled", f.enabled),
        ("original", f.original),
        ("commentary", f.commentary),
        ("hearing impaired", f.hearing_impaired),
        ("visual impaired", f.visual_impaired),
        ("text descriptions", f.text_descriptions),
    ];
    let set: Vec<&str> = all
        .iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| *name)
        .collect();
    if set.is_empty() {
        "none".to_owned()
    } else {
        set.join(", ")
    }
}

/// Names and values of tags, or that there are none.
pub(super) fn tag_text(tags: &[(String, String)]) -> String {
    let tags: Vec<String> = tags
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    if tags.is_empty() {
        "none".to_owned()
    } else {
        tags.join(", ")
    }
}
