//! The output, read back by other people's tools, against what the source is and the recipe says -> [`Proof`]: a list of findings.

use std::{path::Path, thread};

use anyhow::{Context, Result};

use crate::{
    event::Proof,
    film::media::MediaInfo,
    finding::{self, Finding, Unproven},
    job::{ChunkRecord, Encoded, Job, names::Name},
    os::{process::outcome, toolbox::Toolbox},
    output::{
        container::Said,
        content::{self, Films},
        pair,
        pictures::{self, AtPlaces, Looked, Shown},
    },
    plan::recipe::Recipe,
    source::{
        packets::Announced,
        places::References,
        probe::{self, Found, Identified},
    },
};

/// What the output is compared with.
pub struct Expected<'a> {
    /// The job, with the link to the source.
    pub job: &'a Job,
    /// What the source is.
    pub media: &'a MediaInfo,
    /// How it was encoded.
    pub recipe: &'a Recipe,
    /// Its chunks, in order.
    pub chunks: &'a [Encoded],
    /// Its pictures as packets announce them.
    pub announced: &'a Announced,
    /// What another program shows at some places of it, if that was looked at already.
    pub references: Option<References>,
    /// What a decoder complained of in it, while it was read.
    pub damage: &'a [String],
    /// What is to be known besides.
    pub notes: &'a [String],
    /// What is to be done besides.
    pub thorough: Thorough,
}

/// What is done besides, if it is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Thorough {
    /// All of the output is decoded (`--verify-decode`).
    pub decode: bool,
    /// All pictures are compared with all of the source's (`--verify-source`).
    pub source: bool,
}

/// Compares `file` with the source.
///
/// # Errors
/// [`Unproven`] with all that is not as it must be; others if a file cannot be read.
pub fn output(tools: &Toolbox, file: &Path, expected: Expected<'_>) -> Result<Proof> {
    let (media, picture) = (expected.media, &expected.recipe.video.picture);
    let container = &media.container;
    let video = container.video_position();
    let joined = pictures::Joined { tools, file, video };
    let (thorough, mut damage) = (expected.thorough, expected.damage.to_vec());
    let mut notes = expected.notes.to_vec();
    let recipe = expected.recipe;
    let read = read_back(&joined, expected)?;
    let (mut findings, max_time_error_ms) = pictures::of_times(&read.shown, media);
    let said = read.said((media, recipe), video);
    let AtPlaces {
        finding,
        mut compared,
        mut others_ms,
    } = read.places;
    findings.extend([read.bits, finding]);
    findings.extend(read.tracks);
    findings.extend(said);
    if thorough.decode {
        findings.push(joined.decoded(media.frames)?);
    }
    let mut of_damaged = Vec::new();
    if let Some(every) = read.every {
        compared = every.comparison;
        let (judged, of_made_up, others) = of_every(every, &mut damage);
        findings.extend(judged);
        others_ms.extend(others);
        of_damaged = of_made_up;
    }
    let mut findings = finding::all_agree(findings).map_err(|unproven| Unproven {
        others_ms,
        ..unproven
    })?;
    // What a decoder makes up is in the output as it was in the source, and nobody knows whether it is right.
    findings.extend(of_damaged);
    let complained = |said: &String| format!("a decoder complained of the source: {said}");
    notes.extend(damage.iter().map(complained));
    findings.extend((!damage.is_empty()).then(|| pair::of_damage(&damage, &[])));
    Ok(Proof {
        frames: media.frames,
        duration_seconds: media.video_seconds(),
        max_time_error_ms,
        tracks: container.track_counts(),
        chapters: container.chapters,
        attachments: container.attachments,
        color: picture.color.to_string(),
        hdr10: !picture.hdr10.is_empty(),
        pictures: compared.agree,
        pictures_alike: compared.alike,
        decoded: thorough.decode,
        all_pictures: thorough.source,
        truncated: media.truncated.clone(),
        damaged: damage.first().cloned(),
        notes,
        findings,
    })
}

/// What came of comparing all pictures: what is judged, what is only said, and when pictures are others. What a decoder makes
/// up of a source with `damage` may be another thing each time: it proves nothing, and disproves nothing.
fn of_every(
    every: pair::Every,
    damage: &mut Vec<String>,
) -> (Vec<Finding>, Vec<Finding>, Vec<f64>) {
    if damage.is_empty() {
        *damage = every.damage;
    }
    match damage.is_empty() {
        true => {
            let judged = [every.of_output, every.of_both].concat();
            (judged, Vec::new(), every.others_ms)
        }
        false => (every.of_output, every.of_both, Vec::new()),
    }
}

/// What tools read in the output, and what came of comparing it where they did.
struct Read {
    identified: Identified,
    found: Found,
    shown: Vec<Shown>,
    bits: Finding,
    tracks: Vec<Finding>,
    places: AtPlaces,
    every: Option<pair::Every>,
}

impl Read {
    /// What the container says, compared with what the film is and how it was to be encoded.
    fn said(&self, (media, recipe): (&MediaInfo, &Recipe), video: usize) -> Vec<Finding> {
        let said = Said {
            identified: &self.identified,
            found: &self.found,
            media,
            picture: &recipe.video.picture,
            video,
            tracks: &recipe.tracks,
        };
        said.findings()
    }
}

/// Reads the output by several tools at once: each reads the whole file, or takes its time to start.
fn read_back(joined: &pictures::Joined<'_>, expected: Expected<'_>) -> Result<Read> {
    let pictures::Joined { tools, file, video } = *joined;
    let (job, media) = (expected.job, expected.media);
    let picture = &expected.recipe.video.picture;
    let source = job.original(tools, &media.container);
    let looked = Looked {
        source,
        announced: expected.announced,
        references: expected.references,
    };
    let films = Films::of_job(source, file);
    let chunks = expected.chunks.iter().map(|chunk| chunk.record().clone());
    let chunks: Vec<ChunkRecord> = chunks.collect();
    thread::scope(|scope| {
        let identified = scope.spawn(|| probe::identify(tools, file));
        let found = scope
            .spawn(|| probe::video_of(tools, file, video).context("reading the output's video"));
        let shown = scope.spawn(|| joined.times());
        let tracks = scope.spawn(|| of_tracks(&films, job));
        let places = scope.spawn(|| looked.compare(joined, media, picture));
        let every = expected.thorough.source.then(|| {
            let every = move || pair::every(joined, source, media, picture);
            scope.spawn(every)
        });
        let bits = joined.bitstream(&chunks, picture);
        Ok(Read {
            identified: outcome(identified)?,
            found: outcome(found)?,
            shown: outcome(shown)?,
            bits: bits?,
            places: outcome(places)?,
            tracks: outcome(tracks)?,
            every: every.map(outcome).transpose()?,
        })
    })
}

/// Compares what is in all tracks beside the picture.
fn of_tracks(films: &Films<'_>, job: &Job) -> Result<Vec<Finding>> {
    let container = films.source.container;
    let mut findings = films.copied(&content::pairs(container, true))?;
    if container.new_sound {
        // What was encoded was compared with the source at once; here, it is what is in the output.
        let record = job.sound()?;
        findings.extend(record.findings);
        let numbers: Vec<usize> = container.new_tracks().map(|(number, _)| number).collect();
        findings.extend(films.encoded(&job.path(Name::Audio), &record.sync_ms, &numbers)?);
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        cli::AudioCodec,
        encoder::Picture,
        film::{
            fate::{Becomes, Fate, NewSound},
            hdr::{ContentLight, Hdr10},
            media::{
                Chunk, Clock, Color, Container, Fields, SoundFormat, TrackKind, examples::media,
            },
        },
        finding::Property,
        metric::likeness::{Freedom, Pair},
        output::content::examples::{LIST, compared},
        source::{frames::Small, places::Seen},
        stream::bitstream::{
            examples::{STILL, ivf},
            read_ivf,
        },
        work::loudness,
    };

    /// What two programs read in an output, and what should be there.
    struct Example {
        identified: Value,
        found: Found,
        media: MediaInfo,
        picture: Picture,
        tracks: Vec<Fate>,
    }

    impl Example {
        /// An output with which nothing is wrong.
        fn new() -> Self {
            let media = media();
            let mut video = media.container.video.clone();
            video.codec = "av1".to_owned();
            let found = Found {
                video,
                container_hdr10: Hdr10::default(),
                duration_seconds: Some(10.0),
                tags: Vec::new(),
                video_tags: media.container.video_tags.clone(),
                track_tags: vec![Vec::new(); 4],
                sound: media.container.sound.clone(),
                sound_formats: Vec::new(),
                chapters: vec![(0.0, "One".to_owned()), (100.0, "Two".to_owned())],
            };
            let track = |id: u64, kind: &str| {
                let properties = json!({"language": "eng", "track_name": format!("number {id}")});
                json!({"id": id, "type": kind, "codec": "x", "properties": properties})
            };
            let tracks = [
                track(0, "audio"),
                track(1, "video"),
                track(2, "audio"),
                track(3, "subtitles"),
            ];
            let properties = json!({"title": "A film"});
            Self {
                identified: json!({
                    "container": {"type": "Matroska", "supported": true, "properties": properties},
                    "tracks": tracks, "chapters": [{"num_entries": 2}], "attachments": [{}],
                    "global_tags": [{"num_entries": 1}]}),
                found,
                media,
                picture: Picture {
                    bit_depth: 10,
                    color: Color::default(),
                    hdr10: Hdr10::default(),
                },
                tracks: Vec::new(),
            }
        }

        /// The same of a film whose first sound is encoded as Opus and mixed down, whose second is copied, and of whose
        /// subtitles a second one was dropped.
        fn of_chosen_tracks(&mut self) {
            let ac3 = |channels| SoundFormat {
                codec: "ac3".to_owned(),
                channels,
                ..SoundFormat::default()
            };
            let stereo = SoundFormat {
                codec: "opus".to_owned(),
                ..ac3(2)
            };
            self.found.sound_formats = vec![stereo, ac3(6)];
            let new = NewSound {
                codec: AudioCodec::Opus,
                kbits: Some(96),
                bits: None,
                channels: 6,
                downmix: true,
                loudness: None,
            };
            let fate = |stream, kind, becomes| Fate {
                stream,
                kind,
                number: 1,
                language: "rus".to_owned(),
                title: Some("number 3".to_owned()),
                sound: (kind == TrackKind::Audio).then(|| ac3(6)),
                becomes,
                why: "--drop-languages rus".to_owned(),
            };
            self.tracks = vec![
                fate(0, TrackKind::Audio, Becomes::Encoded(new)),
                fate(2, TrackKind::Audio, Becomes::Copied),
                fate(4, TrackKind::Subtitles, Becomes::Dropped),
            ];
        }

        /// The same of a source whose tags mkvmerge does not take, with one at the film and one at the first track.
        fn not_direct(&mut self) {
            self.media.container.direct = false;
            self.media.container.tag_list = vec![tag("DATE", "1999")];
            self.media.container.other_tracks[0].tags = vec![tag("ARTIST", "N. N.")];
            self.found.tags = vec![tag("DATE", "1999")];
            self.found.track_tags[0] = vec![tag("ARTIST", "N. N.")];
        }

        /// Property `name` of track `n`, as mkvmerge has it.
        fn track(&mut self, n: usize, name: &str, value: impl Into<Value>) {
            self.identified["tracks"][n]["properties"][name] = value.into();
        }

        fn findings(&self) -> Vec<Finding> {
            let said = Said {
                identified: &serde_json::from_value(self.identified.clone()).unwrap(),
                found: &self.found,
                media: &self.media,
                picture: &self.picture,
                video: 0,
                tracks: &self.tracks,
            };
            said.findings()
        }
    }

    fn tag(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    /// Two of a kind: one with which nothing is wrong, and one with a fault.
    struct Case {
        right: Vec<Finding>,
        wrong: Vec<Finding>,
    }

    impl Case {
        fn of(
            right: impl IntoIterator<Item = Finding>,
            wrong: impl IntoIterator<Item = Finding>,
        ) -> Self {
            Self {
                right: right.into_iter().collect(),
                wrong: wrong.into_iter().collect(),
            }
        }

        /// The output's container as `prepare` leaves it, and as `spoil` does then.
        fn prepared(prepare: impl Fn(&mut Example), spoil: impl Fn(&mut Example)) -> Self {
            let mut example = Example::new();
            prepare(&mut example);
            let right = example.findings();
            spoil(&mut example);
            Self::of(right, example.findings())
        }

        fn said(spoil: impl Fn(&mut Example)) -> Self {
            Self::prepared(|_| (), spoil)
        }

        /// Packets at these times, where `change` says what the film is.
        fn times(ms: &[f64], change: impl Fn(&mut MediaInfo)) -> Self {
            let mut media = media();
            let of = |ms: &[f64], media: &MediaInfo| {
                let shown: Vec<_> = ms.iter().map(|ms| (*ms, 40.0)).collect();
                pictures::of_times(&shown, media).0
            };
            let right = of(&[10.0, 50.4, 90.0, 130.0], &media);
            change(&mut media);
            Self::of(right, of(ms, &media))
        }

        /// Packets in a list, judged by `judge`: the same ones, and such of which one has another content.
        fn packets(judge: impl Fn(&content::Packets) -> Finding) -> Self {
            let other = LIST.replace("cc", "xx");
            let [right, wrong] = [LIST, &other].map(|list| judge(&compared(LIST, list, 0.0)[1]));
            Self::of([right], [wrong])
        }

        /// A bitstream that is not that of two chunks of two and one pictures.
        fn bitstream(units: &[&[u8]], bit_depth: u8) -> Self {
            let chunks = [chunk(0, 0, &[KEY, NEXT]), chunk(1, 2, &[KEY])];
            let of = |units: &[&[u8]], bit_depth| {
                let picture = Picture {
                    bit_depth,
                    color: read_ivf(&*ivf(&[KEY])).unwrap().header.color,
                    hdr10: Hdr10::default(),
                };
                let other = pictures::disagreement(&*ivf(units), &chunks, &picture).unwrap();
                pictures::of_bitstream(other)
            };
            Self::of([of(&[KEY, NEXT, KEY], 8)], [of(units, bit_depth)])
        }

        /// Ten pictures, each of which `wrong` shows as another one, or not at all.
        fn pictures(wrong: impl Fn(usize) -> Option<usize>) -> Self {
            let seen = |n: usize| -> Seen {
                let mut small = Small {
                    luma: [40; 576],
                    chroma: None,
                };
                (0..40).for_each(|x| small.luma[(n * 7 + x) % 576] = 240);
                (n as f64 * 40.0, small)
            };
            let all: Vec<Seen> = (0..10).map(seen).collect();
            let shown: Vec<Seen> = (0..10)
                .filter_map(|n| Some((n as f64 * 40.0, seen(wrong(n)?).1)))
                .collect();
            let mut references = References::default();
            references.add(&all, &[0.0]);
            let clock = Clock {
                offset_us: 0,
                ..media().container.clock
            };
            let [right, wrong] =
                [all, shown].map(|seen| pictures::of_places(&references, &seen, clock).finding);
            Self::of([right], [wrong])
        }

        /// Three seconds of noise, and as much silence.
        fn sound() -> Self {
            let mut state = 1_u32;
            let noise: Vec<i16> = (0..24_000)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 20) as i16
                })
                .collect();
            let silence = vec![0; noise.len()];
            let [right, wrong] = [&noise, &silence].map(|other| {
                let mut pair = Pair::new(0.0, Freedom::Nothing);
                pair.push(0, &noise);
                pair.push(1, other);
                pair.finish().finding(1, Freedom::Nothing, 48_000)
            });
            Self::of([right], [wrong])
        }

        /// A text that begins at this time, or has these words.
        fn texts(begins_ms: f64, words: &str) -> Self {
            let text = |ms: f64, words: &str| [(ms, 2000.0, words.to_owned())];
            let what = Property::SubtitleTrack.of_track(1);
            let hello = text(1000.0, "Hello");
            let [right, wrong] = [hello.clone(), text(begins_ms, words)]
                .map(|output| content::of_texts(what, &hello, &output));
            Self::of([right], [wrong])
        }
    }

    /// A keyframe with its head, and another picture.
    const KEY: &[u8] = &[
        0x12, 0, STILL[0], STILL[1], STILL[2], STILL[3], STILL[4], STILL[5], STILL[6], STILL[7],
        0x32, 2, 7, 7,
    ];
    const NEXT: &[u8] = &[0x12, 0, 0x32, 1, 9];

    fn chunk(index: usize, start: u64, units: &[&[u8]]) -> ChunkRecord {
        ChunkRecord {
            crf: None,
            chunk: Chunk {
                index,
                start,
                end: start + units.len() as u64,
            },
            bytes: 0,
            hash: String::new(),
            pictures: read_ivf(&*ivf(units)).unwrap().pictures,
            seconds: 0.0,
            peak_memory: 0,
            lp: 1,
            encoder: String::new(),
            host: String::new(),
            damage: Vec::new(),
            job: String::new(),
        }
    }

    /// Outputs with which nothing is wrong but a property: the compiler wants some for each.
    fn cases(property: Property) -> Vec<Case> {
        let light = Hdr10 {
            mastering: None,
            content_light: Some(ContentLight {
                max_cll: 949,
                max_fall: 438,
            }),
        };
        match property {
            Property::Frames => vec![
                Case::times(&[10.0, 50.0, 90.0], |_| ()),
                Case::times(&[], |_| ()),
            ],
            Property::FrameTimes => vec![Case::times(&[10.0, 50.0, 92.0, 130.0], |_| ())],
            Property::LastFrameEnd => {
                vec![Case::times(&[10.0, 50.0, 90.0, 130.0], |media| {
                    media.ends_ms = Some(5130.0)
                })]
            }
            Property::EncodedPictures => vec![
                Case::bitstream(&[KEY, NEXT], 8),
                Case::bitstream(&[KEY, NEXT, KEY, NEXT], 8),
                Case::bitstream(&[KEY, KEY, NEXT], 8),
                Case::bitstream(&[KEY, &[0x12, 0, 0x32, 1, 8], KEY], 8),
                Case::bitstream(&[KEY, NEXT, KEY], 10),
            ],
            Property::Pictures => vec![
                Case::pictures(|n| Some(n + 1)),
                Case::pictures(|n| Some(9 - n)),
                Case::pictures(|n| (n < 4).then_some(n)),
            ],
            Property::DecodedFrames => {
                let list = "#dimensions 0: 64x36\n0, 0, 0, 1, 3456, 0x1\n0, 1, 1, 1, 3456, 0x2\n";
                let [right, wrong] = [2, 3].map(|frames| pictures::of_decoded(list, frames));
                vec![Case::of([right], [wrong])]
            }
            Property::Complaints
            | Property::EachPicture
            | Property::Channels
            | Property::PictureColors
            | Property::PictureSize
            | Property::BitDepth
            | Property::Extras => {
                let [right, wrong] = pair::examples::two(property);
                vec![Case::of([right], [wrong])]
            }
            Property::Codec => vec![Case::said(|it| it.found.video.codec = "hevc".to_owned())],
            Property::PixelShape => {
                vec![Case::said(|it| {
                    it.found.video.sample_aspect = Ratio::new(16, 15)
                })]
            }
            Property::Fields => vec![Case::said(|it| it.found.video.fields = Some(Fields::Bb))],
            Property::Space => vec![Case::said(|it| it.track(1, "stereo_mode", 1))],
            Property::ContainerColors => vec![
                Case::said(|it| it.track(1, "color_primaries", 9)),
                Case::said(|it| it.picture.color.range = Some(crate::film::media::Range::Full)),
            ],
            Property::ContainerHdr10 => vec![
                Case::said(|it| it.found.container_hdr10 = light),
                Case::prepared(
                    |it| (it.picture.hdr10, it.found.container_hdr10) = (light, light),
                    |it| it.found.container_hdr10 = Hdr10::default(),
                ),
            ],
            Property::Duration => vec![
                Case::said(|it| it.media.frames = 25 * 60),
                Case::prepared(
                    |it| it.media.frames = 25 * 10,
                    |it| it.found.duration_seconds = None,
                ),
            ],
            Property::Title => {
                vec![Case::said(|it| {
                    it.identified["container"]["properties"]["title"] = "x".into()
                })]
            }
            Property::Tags => vec![
                Case::said(|it| it.identified["global_tags"] = json!([])),
                Case::prepared(Example::not_direct, |it| it.found.tags.clear()),
            ],
            Property::PictureTags => vec![Case::said(|it| it.found.video_tags.clear())],
            Property::Chapters => vec![Case::said(|it| it.identified["chapters"] = json!([]))],
            Property::ChapterTimes => vec![Case::said(|it| it.found.chapters[1].0 = 105.0)],
            Property::Attachments => {
                vec![Case::said(|it| it.identified["attachments"] = json!([]))]
            }
            Property::Tracks => vec![
                Case::said(|it| it.identified["tracks"][0]["type"] = "subtitles".into()),
                Case::said(|it| {
                    it.identified["tracks"].as_array_mut().unwrap().pop();
                }),
            ],
            Property::TrackTitle => vec![Case::said(|it| it.track(2, "track_name", "x"))],
            Property::TrackLanguage => vec![Case::said(|it| it.track(2, "language", "fre"))],
            Property::TrackFlags => vec![
                Case::said(|it| it.track(2, "forced_track", true)),
                Case::said(|it| it.track(2, "default_track", false)),
            ],
            Property::TrackTags => vec![Case::prepared(Example::not_direct, |it| {
                it.found.track_tags[0][0].0 = "PERFORMER".to_owned();
            })],
            Property::VideoTrack => vec![
                Case::packets(|packets| packets.finding(property.of_track(2), "hashes")),
                Case::packets(|packets| packets.of_pictures(property.of_track(2))),
            ],
            Property::SoundTrack => vec![
                Case::packets(|packets| packets.finding(property.of_track(1), "hashes")),
                Case::packets(|packets| packets.of_samples(property.of_track(1))),
                Case::sound(),
            ],
            Property::SubtitleTrack => vec![
                Case::packets(|packets| packets.finding(property.of_track(1), "hashes")),
                Case::texts(1000.0, "Hullo"),
                Case::texts(1010.0, "Hello"),
            ],
            Property::SoundTracks => vec![Case::prepared(
                |it| it.media.container.new_sound = true,
                |it| it.found.sound.clear(),
            )],
            Property::SoundPackets => vec![Case::packets(|packets| {
                packets.finding(property.of_track(1), "hashes")
            })],
            Property::SoundForm => vec![
                Case::prepared(Example::of_chosen_tracks, |it| {
                    it.found.sound_formats[0].channels = 6;
                }),
                Case::prepared(Example::of_chosen_tracks, |it| {
                    it.found.sound_formats[1].codec = "opus".to_owned();
                }),
                Case::prepared(Example::of_chosen_tracks, |it| {
                    it.found.sound_formats.pop();
                }),
            ],
            Property::Loudness => {
                let judge = |found| loudness::examples::judged(found);
                vec![Case::of(judge(-23.2), judge(-22.1))]
            }
            Property::DroppedTrack => vec![Case::prepared(
                |it| {
                    it.of_chosen_tracks();
                    it.media.container.other_tracks[2].language = Some("fre".to_owned());
                    it.track(3, "language", "fre");
                },
                |it| {
                    // The one that was to be dropped, in the place of the one that was not.
                    it.media.container.other_tracks[2].language = None;
                    it.track(3, "language", "rus");
                },
            )],
        }
    }

    #[test]
    fn every_property_that_is_wrong_is_found_and_no_other() {
        for property in Property::ALL {
            let cases = cases(*property);
            assert!(!cases.is_empty(), "{property:?}");
            for (n, Case { right, wrong }) in cases.into_iter().enumerate() {
                let disagree = |findings: Vec<Finding>| -> Vec<Finding> {
                    let wrong = findings.into_iter().filter(|finding| !finding.agrees);
                    wrong.collect()
                };
                let (right, wrong) = (disagree(right), disagree(wrong));
                assert!(right.is_empty(), "{property:?}, {n}: {right:?}");
                let is_it = |finding: &Finding| {
                    let number = finding.what.strip_prefix(property.name());
                    number.is_some_and(|n| n.is_empty() || n.trim().parse::<usize>().is_ok())
                };
                assert!(
                    wrong.len() == 1 && wrong.iter().all(is_it),
                    "{property:?}, {n}: {wrong:?}"
                );
            }
        }
    }

    #[test]
    fn a_frame_that_is_late_is_named() {
        let shown = [(10.0, 40.0), (50.0, 40.0), (92.0, 40.0), (130.0, 40.0)];
        let (findings, worst) = pictures::of_times(&shown, &media());
        assert_eq!(
            findings[1].to_string().split(" (").next(),
            Some(
                "times of frames: frame 2 at 90.0 ms in the source, frame 2 at 92.0 ms in the output"
            )
        );
        assert_eq!(worst, 2.0);
    }

    #[test]
    fn tags_that_mkvmerge_takes_itself_are_not_compared() {
        let mut example = Example::new();
        example.media.container.other_tracks[0].tags = vec![tag("ARTIST", "N. N.")];
        let findings = example.findings();
        assert!(
            findings.iter().all(|finding| finding.agrees),
            "{findings:?}"
        );
    }

    #[test]
    fn tracks_are_compared_with_those_of_their_kind_in_the_order_of_the_film() {
        let mut container = media().container;
        let places = |container: &Container| -> Vec<(usize, String)> {
            content::pairs(container, true)
                .into_iter()
                .map(|pair| (pair.track.stream, pair.output))
                .collect()
        };
        let all = [
            (0, "0:a:0".to_owned()),
            (2, "0:a:1".to_owned()),
            (3, "0:s:0".to_owned()),
        ];
        assert_eq!(places(&container), all);
        // Sound that is encoded anew has other packets.
        container.new_sound = true;
        assert_eq!(places(&container), all[2..]);
    }
}
