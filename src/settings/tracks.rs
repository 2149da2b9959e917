//! Which tracks of sound and subtitles are kept, and what becomes of the sound.

use std::str::FromStr;

use super::{sound::SoundOptions, usage};
use crate::{
    cli::{AudioCodec, EncodeArgs},
    film::language::Language,
    os::exit::UsageError,
};

/// What the user wants of the tracks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrackWishes {
    /// What sound is encoded with.
    pub codec: AudioCodec,
    /// Which sound becomes Opus; `None`: all.
    pub opus_if: Option<OpusIf>,
    /// Whether sound of more than two channels is mixed down.
    pub downmix: bool,
    /// How loud sound is to be, in LUFS.
    pub loudness: Option<f64>,
    /// The languages that are kept; `None`: all.
    pub languages: Option<Named>,
    /// The languages that are dropped.
    pub dropped: Option<Named>,
    /// Whether commentary is dropped.
    pub drop_commentary: bool,
    /// Whether the user's own options for ffmpeg say what becomes of the sound.
    pub by_options: bool,
}

/// Languages that an option names.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// The languages.
    pub languages: Vec<Language>,
    /// The option, as it was typed.
    pub said: String,
}

impl Named {
    fn of(option: &str, tags: Option<&Vec<String>>) -> Result<Option<Self>, UsageError> {
        let Some(tags) = tags else { return Ok(None) };
        let languages: Result<Vec<Language>, String> = tags.iter().map(|tag| tag.parse()).collect();
        match languages {
            Ok(languages) => Ok(Some(Self {
                languages,
                said: format!("{option} {}", tags.join(",")),
            })),
            Err(why) => usage(format!("{option}: {why}")),
        }
    }

    /// Whether the language of a track is among them.
    #[must_use]
    pub fn mean(&self, track: &Language) -> bool {
        self.languages.iter().any(|language| language.means(track))
    }
}

/// Which sound becomes Opus; all other is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpusIf {
    /// What is as it was recorded.
    Lossless,
    /// What has more than so many bits a second.
    Above(u64),
}

/// `lossless`, or `bitrate>256`: kbit/s.
impl FromStr for OpusIf {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "lossless" {
            return Ok(Self::Lossless);
        }
        let rate = text.strip_prefix("bitrate>").ok_or(())?.trim();
        let kbits: u64 = rate.trim_end_matches(['k', 'K']).parse().map_err(|_| ())?;
        match kbits {
            1..=100_000 => Ok(Self::Above(kbits * 1000)),
            _ => Err(()),
        }
    }
}

/// What loudnorm takes, in LUFS.
const LOUDNESS: std::ops::RangeInclusive<f64> = -70.0..=-5.0;

impl TrackWishes {
    /// What a command line says of them.
    ///
    /// # Errors
    /// What makes no sense, or contradicts itself.
    pub(super) fn of(args: &EncodeArgs) -> Result<Self, UsageError> {
        let wishes = Self {
            codec: args.audio_codec.unwrap_or_default(),
            opus_if: opus_if(args)?,
            downmix: args.downmix.is_some(),
            loudness: loudness(args)?,
            languages: Named::of("--languages", args.languages.as_ref())?,
            dropped: Named::of("--drop-languages", args.drop_languages.as_ref())?,
            drop_commentary: args.drop_commentary,
            by_options: false,
        };
        let shaping = [
            (wishes.downmix, "--downmix stereo"),
            (wishes.loudness.is_some(), "--loudness"),
        ];
        let copied = shaping
            .iter()
            .find(|(wanted, _)| *wanted && wishes.codec == AudioCodec::Copy);
        if let Some((_, option)) = copied {
            return usage(format!(
                "{option} changes the sound, and sound that is copied cannot be changed: add --audio-codec opus, aac or flac"
            ));
        }
        Ok(wishes)
    }

    /// The same beside the user's own options for ffmpeg, if he has some.
    #[must_use]
    pub fn beside(self, audio_args: Option<&SoundOptions>) -> Self {
        Self {
            by_options: audio_args.is_some(),
            ..self
        }
    }

    /// Whether nothing is wanted but what is done anyway.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        let by_options = self.by_options;
        *self
            == Self {
                by_options,
                ..Self::default()
            }
    }
}

fn opus_if(args: &EncodeArgs) -> Result<Option<OpusIf>, UsageError> {
    let Some(text) = &args.opus_if else {
        return Ok(None);
    };
    match (text.parse(), args.audio_codec) {
        (Err(()), _) => usage(format!(
            "--opus-if {text}: lossless, or a rate in kbit/s: 'bitrate>256', in quotes for the shell"
        )),
        (Ok(_), codec) if codec != Some(AudioCodec::Opus) => usage(format!(
            "--opus-if {text} says which sound becomes Opus: add --audio-codec opus"
        )),
        (Ok(opus_if), _) => Ok(Some(opus_if)),
    }
}

fn loudness(args: &EncodeArgs) -> Result<Option<f64>, UsageError> {
    match args.loudness {
        Some(lufs) if !LOUDNESS.contains(&lufs) => usage(format!(
            "--loudness {lufs}: LUFS from -70 to -5; EBU R128 has -23"
        )),
        lufs => Ok(lufs),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn wishes(words: &[&str]) -> Result<TrackWishes, UsageError> {
        let cli = Cli::try_parse_from(["av1enc", "in.mkv"].iter().chain(words)).unwrap();
        TrackWishes::of(&cli.encode)
    }

    #[test]
    fn a_bare_run_wants_nothing_of_tracks() {
        assert!(wishes(&[]).unwrap().is_nothing());
        assert!(wishes(&["--audio-codec", "copy"]).unwrap().is_nothing());
    }

    #[test]
    fn which_sound_becomes_opus_is_said_by_kind_or_rate() {
        for (text, expected) in [
            ("lossless", OpusIf::Lossless),
            ("bitrate>256", OpusIf::Above(256_000)),
            ("bitrate>1500k", OpusIf::Above(1_500_000)),
        ] {
            let found = wishes(&["--audio-codec", "opus", "--opus-if", text]).unwrap();
            assert_eq!(found.opus_if, Some(expected));
        }
    }

    #[test]
    fn what_cannot_be_followed_is_said_with_what_to_type() {
        for (words, says) in [
            (&["--downmix", "stereo"][..], "add --audio-codec opus"),
            (&["--loudness", "-23"], "add --audio-codec opus"),
            (&["--audio-codec", "aac", "--loudness", "23"], "has -23"),
            (&["--opus-if", "lossless"], "add --audio-codec opus"),
            (
                &["--audio-codec", "aac", "--opus-if", "lossless"],
                "add --audio-codec opus",
            ),
            (
                &["--audio-codec", "opus", "--opus-if", "bitrate<3"],
                "'bitrate>256'",
            ),
            (&["--languages", "eng,english"], "`english` is no code"),
            (&["--drop-languages", "xx"], "--drop-languages: `xx`"),
        ] {
            let error = wishes(words).unwrap_err().to_string();
            assert!(error.contains(says), "{words:?}: {error}");
        }
    }
}
