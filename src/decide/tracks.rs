//! Which tracks of sound and subtitles are kept, and what becomes of the sound.

use crate::{
    cli::AudioCodec,
    film::{
        fate::{Becomes, Fate, NewSound},
        language::Language,
        media::{Container, SoundFormat, Track, TrackKind},
    },
    settings::{
        sound::SoundOptions,
        tables::SoundRates,
        tracks::{OpusIf, TrackWishes},
    },
};

/// What is in the title of commentary, in small letters: in English, German and its neighbours, the Romance and the Slavic
/// languages, and Japanese.
const COMMENTARY: [&str; 9] = [
    "commentar",
    "kommentar",
    "commentaire",
    "comentari",
    "comentári",
    "commento",
    "komentar",
    "комментари",
    "コメンタリー",
];

/// The most channels that an encoder of these takes.
const MOST_CHANNELS: u32 = 8;
/// The most bits that a sample of FLAC has.
const MOST_BITS: u32 = 24;

/// What was decided of a film's tracks; nothing where the user wants nothing of them.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// What becomes of each.
    pub fates: Vec<Fate>,
    /// ffmpeg's options for the sound that is encoded anew, if some is.
    pub audio_args: Option<SoundOptions>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Decides what becomes of each track of a film, and has the `container` be that of the film as it is encoded: without what
/// is dropped. Sound that is encoded has its rate by the table of `rates`.
pub fn settle(wishes: &TrackWishes, rates: &SoundRates, container: &mut Container) -> Settled {
    if wishes.is_nothing() {
        return Settled::default();
    }
    let (mut fates, mut warnings) = (chosen(wishes, container), Vec::new());
    warnings.extend(keep_a_last_one(&mut fates, container));
    let is_kept_sound =
        |fate: &&mut Fate| fate.kind == TrackKind::Audio && fate.becomes == Becomes::Copied;
    for fate in fates.iter_mut().filter(is_kept_sound) {
        let sound = fate.sound.clone().unwrap_or_default();
        if wishes.by_options {
            fate.becomes = Becomes::ByOptions;
            continue;
        }
        match Encoding::of(wishes, rates, &sound) {
            Encoding::Encoded(new) => {
                fate.why = by(wishes, &new);
                fate.becomes = Becomes::Encoded(new);
            }
            Encoding::Copied(why) => fate.why = why,
            Encoding::Impossible(why) => {
                warnings.push(format!("{} is copied: {why}", fate.name()));
                fate.why = why;
            }
        }
    }
    apply(&fates, container);
    Settled {
        audio_args: options(&fates),
        fates,
        warnings,
    }
}

/// The streams of sound whose rate has to be measured before it can be decided.
#[must_use]
pub fn of_unknown_rate(wishes: &TrackWishes, container: &Container) -> Vec<usize> {
    if !matches!(wishes.opus_if, Some(OpusIf::Above(_))) {
        return Vec::new();
    }
    let is_unknown = |track: &&Track| {
        let sound = track.sound.as_ref();
        sound.is_some_and(|sound| sound.bit_rate.is_none())
    };
    let unknown = container.sound_tracks().filter(is_unknown);
    unknown.map(|track| track.stream).collect()
}

/// All tracks of sound and subtitles, those that are not wanted dropped.
fn chosen(wishes: &TrackWishes, container: &Container) -> Vec<Fate> {
    let mut fates = Vec::new();
    for kind in [TrackKind::Audio, TrackKind::Subtitles] {
        let tracks = container.other_tracks.iter();
        for (number, track) in (1..).zip(tracks.filter(|track| track.kind == kind)) {
            let unwanted = unwanted(wishes, track);
            fates.push(Fate {
                stream: track.stream,
                kind,
                number,
                language: tag(track).unwrap_or("und").to_owned(),
                title: track.title.clone(),
                sound: track.sound.clone(),
                becomes: match unwanted {
                    Some(_) => Becomes::Dropped,
                    None => Becomes::Copied,
                },
                why: unwanted.unwrap_or_default(),
            });
        }
    }
    fates
}

fn tag(track: &Track) -> Option<&str> {
    let tag = track.language_ietf.as_ref().or(track.language.as_ref());
    tag.map(String::as_str)
}

/// By which option a track is not wanted, if it is not.
fn unwanted(wishes: &TrackWishes, track: &Track) -> Option<String> {
    let language = Language::of_track(tag(track));
    let kept = wishes.languages.as_ref();
    let dropped = wishes.dropped.as_ref();
    kept.filter(|named| !named.mean(&language))
        .or(dropped.filter(|named| named.mean(&language)))
        .map(|named| named.said.clone())
        .or((wishes.drop_commentary && is_commentary(track))
            .then(|| "--drop-commentary".to_owned()))
}

/// Whether a track is commentary, by its flag or by its title.
fn is_commentary(track: &Track) -> bool {
    let title = track.title.as_deref().unwrap_or_default().to_lowercase();
    track.flags.commentary || COMMENTARY.iter().any(|word| title.contains(word))
}

/// A film does not lose its last sound: where all is dropped, the track stays that a player would choose, what is no commentary
/// first.
fn keep_a_last_one(fates: &mut [Fate], container: &Container) -> Option<String> {
    let mut sound: Vec<&mut Fate> = fates
        .iter_mut()
        .filter(|fate| fate.kind == TrackKind::Audio)
        .collect();
    if sound.iter().any(|fate| fate.becomes != Becomes::Dropped) {
        return None;
    }
    let rank = |fate: &Fate| {
        let mut tracks = container.sound_tracks();
        let track = tracks.find(|track| track.stream == fate.stream);
        track.map(|track| (is_commentary(track), !track.flags.default))
    };
    let last = sound.iter_mut().min_by_key(|fate| rank(fate))?;
    last.becomes = Becomes::Copied;
    let why = std::mem::replace(&mut last.why, "the last one is not dropped".to_owned());
    Some(format!(
        "{} stays, though {why} drops it: it is the last sound of the film",
        last.name()
    ))
}

/// What becomes of sound that is kept.
enum Encoding {
    Encoded(NewSound),
    /// The user has it copied.
    Copied(String),
    /// It is copied since it cannot be encoded.
    Impossible(String),
}

impl Encoding {
    fn of(wishes: &TrackWishes, rates: &SoundRates, sound: &SoundFormat) -> Self {
        let downmix = wishes.downmix && sound.channels > 2;
        let channels = if downmix { 2 } else { sound.channels };
        let new = NewSound {
            codec: wishes.codec,
            kbits: None,
            bits: None,
            channels: sound.channels,
            downmix,
            loudness: wishes.loudness,
        };
        let is_shaped = downmix || new.loudness.is_some();
        let name = new.codec_name();
        if wishes.codec == AudioCodec::Copy {
            return Self::Copied(String::new());
        }
        if sound.codec == name && !is_shaped {
            return Self::Copied(format!("it is {name} already"));
        }
        if let Some(why) = wishes.opus_if.and_then(|which| not_chosen(which, sound)) {
            return Self::Copied(why);
        }
        if !(1..=MOST_CHANNELS).contains(&sound.channels) {
            return Self::Impossible(format!(
                "{name} is encoded with 1 to {MOST_CHANNELS} channels, and it has {}",
                sound.channels
            ));
        }
        let of_table = |row: &[u32; 8]| row.get(channels as usize - 1).copied();
        match wishes.codec {
            AudioCodec::Flac if sound.is_float() || sound.bits > Some(MOST_BITS) => {
                Self::Impossible(format!(
                    "FLAC has samples of up to {MOST_BITS} bit, and those of {} do not fit",
                    sound.codec
                ))
            }
            AudioCodec::Flac => Self::Encoded(NewSound {
                bits: Some(if sound.bits.is_some_and(|bits| bits <= 16) {
                    16
                } else {
                    MOST_BITS
                }),
                ..new
            }),
            AudioCodec::Aac => Self::Encoded(NewSound {
                kbits: of_table(&rates.aac),
                ..new
            }),
            _ => Self::Encoded(NewSound {
                kbits: of_table(&rates.opus),
                ..new
            }),
        }
    }
}

/// Why `--opus-if` has sound copied, if it has.
fn not_chosen(which: OpusIf, sound: &SoundFormat) -> Option<String> {
    match which {
        OpusIf::Lossless => (!sound.is_lossless()).then(|| "--opus-if lossless".to_owned()),
        OpusIf::Above(least) => (sound.bit_rate.unwrap_or(u64::MAX) <= least)
            .then(|| format!("--opus-if bitrate>{}", least / 1000)),
    }
}

/// By which options sound is encoded.
fn by(wishes: &TrackWishes, new: &NewSound) -> String {
    let mut said = vec![format!("--audio-codec {}", new.codec_name())];
    said.extend(wishes.opus_if.map(|which| match which {
        OpusIf::Lossless => "--opus-if lossless".to_owned(),
        OpusIf::Above(least) => format!("--opus-if bitrate>{}", least / 1000),
    }));
    said.extend(new.downmix.then(|| "--downmix stereo".to_owned()));
    said.extend(new.loudness.map(|lufs| format!("--loudness {lufs}")));
    said.join(" ")
}

/// Takes what is dropped out of the `container`, and says what is encoded anew.
fn apply(fates: &[Fate], container: &mut Container) {
    let streams = |is_it: &dyn Fn(&Fate) -> bool| -> Vec<usize> {
        let those = fates.iter().filter(|fate| is_it(fate));
        those.map(|fate| fate.stream).collect()
    };
    let dropped = streams(&|fate| fate.becomes == Becomes::Dropped);
    let is_new = |fate: &Fate| matches!(fate.becomes, Becomes::Encoded(_) | Becomes::ByOptions);
    container.new_sound = fates.iter().any(is_new);
    if container.new_sound {
        container.copied_sound =
            streams(&|fate| fate.kind == TrackKind::Audio && fate.becomes == Becomes::Copied);
    }
    let mut sound: Vec<usize> = container.sound_tracks().map(|track| track.stream).collect();
    // Their spans are in the order of the file.
    sound.sort_unstable();
    let mut of_sound = sound.into_iter();
    let is_kept = |stream: usize| !dropped.contains(&stream);
    container
        .sound
        .retain(|_| of_sound.next().is_none_or(is_kept));
    container.other_tracks.retain(|track| is_kept(track.stream));
    container.dropped = dropped;
}

/// ffmpeg's options for all sound that is encoded anew.
fn options(fates: &[Fate]) -> Option<SoundOptions> {
    SoundOptions::of_tracks(fates.iter().filter_map(|fate| match &fate.becomes {
        Becomes::Encoded(new) => Some(new),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{cli::Cli, film::media::examples, settings::Config};

    fn sound(codec: &str, channels: u32) -> SoundFormat {
        SoundFormat {
            codec: codec.to_owned(),
            channels,
            rate: Some(48_000),
            ..SoundFormat::default()
        }
    }

    /// A film with sound in three languages, one of them commentary, and two subtitles.
    fn film() -> Container {
        let mut film = examples::media().container;
        let track = |id: u64, kind, language: &str, title: &str| Track {
            language: Some(language.to_owned()),
            title: Some(title.to_owned()),
            sound: (kind == TrackKind::Audio).then(|| sound("ac3", 6)),
            ..examples::track(id, kind)
        };
        let (audio, subtitles) = (TrackKind::Audio, TrackKind::Subtitles);
        film.other_tracks = vec![
            track(1, audio, "eng", "Main"),
            track(2, audio, "ger", "Deutsch"),
            track(3, audio, "eng", "Director's Commentary"),
            track(4, subtitles, "rus", ""),
            track(5, subtitles, "eng", ""),
        ];
        film.sound = vec![film.sound[0]; 3];
        film
    }

    fn settled(words: &[&str], film: &mut Container) -> Settled {
        let cli = Cli::try_parse_from(["av1enc", "in.mkv"].iter().chain(words)).unwrap();
        let config = Config::new(&cli.encode).unwrap();
        settle(&config.tracks, &config.deciding.tables.sound, film)
    }

    #[track_caller]
    fn kept(words: &[&str], streams: &[usize]) -> Settled {
        let mut film = film();
        let settled = settled(words, &mut film);
        let found: Vec<usize> = film.other_tracks.iter().map(|track| track.stream).collect();
        assert_eq!(found, streams, "{words:?}");
        assert_eq!(film.sound.len(), film.sound_tracks().count());
        assert_eq!(film.dropped.len(), 5 - streams.len());
        settled
    }

    #[test]
    fn tracks_are_kept_and_dropped_by_language_and_commentary() {
        assert!(kept(&[], &[1, 2, 3, 4, 5]).fates.is_empty());
        kept(&["--languages", "en"], &[1, 3, 5]);
        kept(&["--languages", "deu,rus"], &[2, 4]);
        kept(&["--drop-languages", "RUS,de"], &[1, 3, 5]);
        kept(&["--drop-commentary"], &[1, 2, 4, 5]);
        let all = ["--languages", "eng", "--drop-commentary"];
        assert!(kept(&all, &[1, 5]).warnings.is_empty());
    }

    #[test]
    fn the_last_sound_stays_and_it_is_what_a_player_would_choose() {
        let words = ["--languages", "jpn"];
        let settled = kept(&words, &[1]);
        assert_eq!(
            settled.warnings,
            [
                "sound track 1 (eng, \"Main\") stays, though --languages jpn drops it: it is the last sound of the film"
            ]
        );
        let mut film = film();
        film.other_tracks[0].flags.default = false;
        film.other_tracks[0].flags.commentary = true;
        super::settle(
            &Config::new(
                &Cli::try_parse_from(["av1enc", "in.mkv", "--languages", "jpn"])
                    .unwrap()
                    .encode,
            )
            .unwrap()
            .tracks,
            &SoundRates::default(),
            &mut film,
        );
        assert_eq!(film.other_tracks[0].stream, 2);
    }

    /// What becomes of one sound track, and ffmpeg's options for it.
    fn becomes(words: &[&str], sound: SoundFormat) -> (String, Vec<String>) {
        let mut film = film();
        film.other_tracks.truncate(1);
        film.sound.truncate(1);
        film.other_tracks[0].sound = Some(sound);
        let settled = settled(words, &mut film);
        let fate = settled.fates[0].to_string();
        let warned = settled.warnings.len();
        assert_eq!(film.new_sound, settled.audio_args.is_some());
        let text = match warned {
            0 => fate,
            _ => format!("{fate} !"),
        };
        let text = text.split_once("\"): ").unwrap().1.to_owned();
        let options = settled.audio_args;
        let args = options.map_or_else(Vec::new, |options| options.args().to_vec());
        (text, args)
    }

    #[test]
    fn opus_has_its_rate_by_channels() {
        for (n, kbits) in (1..).zip([64, 96, 128, 160, 224, 256, 288, 320]) {
            let (_, args) = becomes(&["--audio-codec", "opus"], sound("ac3", n));
            assert_eq!(
                args.join(" "),
                format!("-c:a:0 libopus -b:a:0 {kbits}k"),
                "{n}"
            );
        }
        let (text, args) = becomes(&["--audio-codec", "opus"], sound("pcm_s16le", 12));
        assert!(
            text.ends_with("and it has 12) !") && args.is_empty(),
            "{text}"
        );
        let (text, args) = becomes(&["--audio-codec", "opus"], sound("opus", 6));
        assert_eq!(text, "opus, 6 channels, copied (it is opus already)");
        assert!(args.is_empty());
    }

    #[test]
    fn flac_keeps_the_depth_and_what_it_cannot_carry_is_copied() {
        for (codec, bits, expected) in [
            ("pcm_s16le", Some(16), "-c:a:0 flac -sample_fmt:a:0 s16"),
            (
                "truehd",
                Some(24),
                "-c:a:0 flac -sample_fmt:a:0 s32 -bits_per_raw_sample:a:0 24",
            ),
            (
                "ac3",
                None,
                "-c:a:0 flac -sample_fmt:a:0 s32 -bits_per_raw_sample:a:0 24",
            ),
            ("pcm_s32le", Some(32), ""),
            ("pcm_f32le", Some(32), ""),
        ] {
            let sound = SoundFormat {
                bits,
                ..sound(codec, 2)
            };
            let (text, args) = becomes(&["--audio-codec", "flac"], sound);
            assert_eq!(args.join(" "), expected, "{codec}");
            assert_eq!(text.ends_with('!'), expected.is_empty(), "{text}");
        }
    }

    #[test]
    fn only_what_is_lossless_or_large_becomes_opus_where_that_is_wanted() {
        let of = |which: &str, codec: &str, bit_rate: Option<u64>| {
            let words = ["--audio-codec", "opus", "--opus-if", which];
            let sound = SoundFormat {
                bit_rate,
                ..sound(codec, 2)
            };
            !becomes(&words, sound).1.is_empty()
        };
        assert!(of("lossless", "flac", None) && of("lossless", "pcm_s24le", None));
        assert!(!of("lossless", "ac3", Some(640_000)) && !of("lossless", "pcm_mulaw", None));
        assert!(of("bitrate>256", "ac3", Some(256_001)));
        assert!(!of("bitrate>256", "ac3", Some(256_000)));
    }

    #[test]
    fn what_is_mixed_down_has_the_rate_of_stereo_and_stereo_stays() {
        let words = ["--audio-codec", "opus", "--downmix", "stereo"];
        let (text, args) = becomes(&words, sound("dts", 6));
        assert_eq!(args.join(" "), "-c:a:0 libopus -b:a:0 96k");
        assert_eq!(
            text,
            "dts, 6 channels, becomes opus at 96 kbit/s, mixed down to stereo (--audio-codec opus --downmix stereo)"
        );
        let (text, _) = becomes(&words, sound("dts", 2));
        assert!(!text.contains("mixed"), "{text}");
        // Opus that is to sound otherwise is encoded.
        let (text, _) = becomes(&words, sound("opus", 6));
        assert!(text.contains("becomes"), "{text}");
    }
}
