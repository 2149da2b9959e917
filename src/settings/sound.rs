//! ffmpeg's options for sound that is encoded anew: the user's own, or those that follow from what becomes of each track.
//! Which option is for which track is known here alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{typed::words, usage};
use crate::{cli::AudioCodec, film::fate::NewSound, os::exit::UsageError};

/// Options for all sound that is encoded anew, as ffmpeg takes them: an option, and its value if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SoundOptions(Vec<String>);

impl SoundOptions {
    /// Reads what `--audio-params` says; `None` where that only copies, since copied tracks need no ffmpeg.
    ///
    /// # Errors
    /// If something in it is av1enc's own, does nothing, or is no option.
    pub fn read(text: Option<&str>) -> Result<Option<Self>, UsageError> {
        let Some(text) = text else { return Ok(None) };
        let mut words = words("--audio-params", text)?;
        let only_copies = matches!(words.as_slice(), [option, value]
            if ["-c:a", "-codec:a", "-acodec", "-c"].contains(&option.as_str()) && value == "copy");
        if words.is_empty() || only_copies {
            return Ok(None);
        }
        copy_the_rest(&mut words)?;
        require_legal(&words)?;
        Ok(Some(Self(words)))
    }

    /// Those by which the tracks of sound become what is said of each, in their order; `None` where there are none.
    #[must_use]
    pub fn of_tracks<'a>(new: impl Iterator<Item = &'a NewSound>) -> Option<Self> {
        let of_track = |(n, new): (usize, &NewSound)| {
            let options = of_track(new).into_iter();
            options.flat_map(move |(option, value)| [format!("-{option}:a:{n}"), value])
        };
        let args: Vec<String> = new.enumerate().flat_map(of_track).collect();
        (!args.is_empty()).then_some(Self(args))
    }

    /// They as ffmpeg's arguments.
    #[must_use]
    pub fn args(&self) -> &[String] {
        &self.0
    }

    /// The options that filter sound, each with its value: `change` may replace both.
    ///
    /// # Errors
    /// That of `change`.
    pub fn change_filters(
        &mut self,
        mut change: impl FnMut(&mut String, &mut String) -> Result<(), UsageError>,
    ) -> Result<(), UsageError> {
        let mut args = self.0.iter_mut();
        while let Some(option) = args.next() {
            let named = ["-af", "-filter", "-/"];
            if named.iter().any(|name| option.starts_with(name))
                && let Some(value) = args.next()
            {
                change(option, value)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for SoundOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// ffmpeg's options for one track, without dash and track.
fn of_track(new: &NewSound) -> Vec<(&'static str, String)> {
    let codec = match new.codec {
        AudioCodec::Opus => "libopus",
        _ => new.codec_name(),
    };
    let samples = new.bits.map(|bits| if bits <= 16 { "s16" } else { "s32" });
    let bits = new.bits.filter(|bits| *bits > 16);
    let options = [
        Some(("c", codec.to_owned())),
        new.kbits.map(|kbits| ("b", format!("{kbits}k"))),
        samples.map(|samples| ("sample_fmt", samples.to_owned())),
        bits.map(|bits| ("bits_per_raw_sample", bits.to_string())),
    ];
    options.into_iter().flatten().collect()
}

/// Options of sound that av1enc sets itself, without what they are for (`:a:0`), and why a user cannot.
const OURS_OF_SOUND: [(&[&str], &str); 3] = [
    (
        &[
            "-i",
            "-map",
            "-an",
            "-vn",
            "-sn",
            "-dn",
            "-f",
            "-y",
            "-n",
            "-ss",
            "-sseof",
            "-t",
            "-to",
            "-fs",
            "-frames",
            "-aframes",
            "-shortest",
            "-filter_complex",
            "-filter_complex_script",
            "-lavfi",
            "-map_channel",
            "-bsf",
            "-absf",
        ],
        "every sound track is kept whole, none is added",
    ),
    (
        &[
            "-itsoffset",
            "-copyts",
            "-start_at_zero",
            "-output_ts_offset",
            "-avoid_negative_ts",
            "-muxdelay",
            "-muxpreload",
            "-timestamp",
            "-enc_time_base",
        ],
        "sound is heard when it was",
    ),
    (
        &[
            "-metadata",
            "-map_metadata",
            "-map_chapters",
            "-disposition",
            "-attach",
        ],
        "languages, titles, flags, tags and chapters are those of the source; mkvpropedit changes them afterwards",
    ),
];

/// Whether an option of sound is av1enc's own: the list in which it is, and why.
fn ours(word: &str) -> Option<&'static (&'static [&'static str], &'static str)> {
    let mut all = OURS_OF_SOUND.iter();
    all.find(|(ours, _)| ours.contains(&name_of(word)))
}

/// An option of ffmpeg's without what it is for: `-c` of `-c:a:0`.
fn name_of(option: &str) -> &str {
    option.split(':').next().unwrap_or_default()
}

/// Options that choose an encoder of sound.
const CODECS: [&str; 3] = ["-c", "-codec", "-acodec"];
/// Options that filter sound.
const FILTERS: [&str; 3] = ["-af", "-filter", "-filter_script"];

/// Has tracks copied for which no codec is named, where one is for others: ffmpeg would encode them, too, as Vorbis. Where none
/// is named for any, that is what is asked for.
///
/// # Errors
/// If one is named for the picture.
fn copy_the_rest(words: &mut Vec<String>) -> Result<(), UsageError> {
    let of_picture = |word: &&String| CODECS.contains(&name_of(word)) && word.contains(":v");
    if let Some(word) = words.iter().find(of_picture) {
        return usage(format!(
            "--audio-params: {word} is no option of sound: leave it out, --encoder and --video-params are for the picture"
        ));
    }
    // No film has so many tracks: what is for this one is for all.
    let for_all = codec(words, usize::MAX).is_some();
    if !for_all && words.iter().any(|word| CODECS.contains(&name_of(word))) {
        words.splice(..0, ["-c:a", "copy"].map(str::to_owned));
    }
    Ok(())
}

/// Makes sure that the words are options that are the user's to set, and their values.
fn require_legal(words: &[String]) -> Result<(), UsageError> {
    if let Some((word, (_, why))) = words.iter().find_map(|word| Some((word, ours(word)?))) {
        return usage(format!("--audio-params: {word} is set by av1enc: {why}"));
    }
    let is_wavpack = |pair: &&[String]| pair[1] == "wavpack" && CODECS.contains(&name_of(&pair[0]));
    if words.windows(2).any(|pair| is_wavpack(&pair)) {
        return usage(
            "--audio-params: mkvmerge loses the times of WavPack beside a picture: use -c:a flac, which is lossless as well"
                .to_owned(),
        );
    }
    if let Some(filter) = filter_of_a_copy(words) {
        return usage(format!(
            "--audio-params: {filter} cannot change sound that is copied: name an encoder for it, `-c:a flac {filter} ...` for \
             example, or leave out {filter}"
        ));
    }
    // A word that is no option's value would be the name of another output.
    let is_option = |word: &String| word.starts_with('-') && word.parse::<f64>().is_err();
    if let Some(word) =
        (0..words.len()).find(|&n| !is_option(&words[n]) && (n == 0 || !is_option(&words[n - 1])))
    {
        return usage(format!(
            "--audio-params: `{}` does not belong to an option",
            words[word]
        ));
    }
    Ok(())
}

/// The last option of these `names` that is for sound track `n`, and its value: it is the one that counts. `-c:a:1` is for
/// the track 1; what is for no track of a number is for all.
fn last_for<'a>(words: &'a [String], names: &[&str], n: usize) -> Option<(&'a str, &'a str)> {
    let is_for = |option: &str| {
        let (_, of) = option.split_once(':').unwrap_or((option, "a"));
        of == "a" || of.strip_prefix("a:") == Some(n.to_string().as_str())
    };
    let mut pairs = words.windows(2);
    let last = pairs.rfind(|pair| names.contains(&name_of(&pair[0])) && is_for(&pair[0]))?;
    Some((&last[0], &last[1]))
}

/// The codec that ffmpeg's options for sound, `args`, name for sound track `n`.
#[must_use]
pub fn codec(args: &[String], n: usize) -> Option<&str> {
    last_for(args, &CODECS, n).map(|(_, codec)| codec)
}

/// The option that filters a track of sound which these options copy, if there is one.
fn filter_of_a_copy(words: &[String]) -> Option<&str> {
    // One more than is named: all those of which nothing is said.
    let numbers = words
        .iter()
        .filter_map(|word| word.rsplit_once(':')?.1.parse().ok());
    let tracks = numbers.max().map_or(1, |last: usize| last.min(99) + 2);
    (0..tracks).find_map(|n| {
        let (filter, _) = last_for(words, &FILTERS, n)?;
        (codec(words, n) == Some("copy")).then_some(filter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> SoundOptions {
        SoundOptions::read(Some(text)).unwrap().unwrap()
    }

    #[test]
    fn what_filters_a_track_that_is_copied_is_found() {
        let found = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            filter_of_a_copy(&words).map(str::to_owned)
        };
        for (args, filter) in [
            ("-c:a copy -af loudnorm", Some("-af")),
            ("-c copy -filter:a:2 volume=2", Some("-filter:a:2")),
            ("-c:a aac -c:a:1 copy -af volume=2", Some("-af")),
            ("-c:a copy -c:a:0 aac -af volume=2", Some("-af")),
            ("-c:a copy -c:a:0 aac -filter:a:0 volume=2", None),
            ("-c:a copy -c:a aac -af volume=2", None),
            ("-c:a flac -af volume=2", None),
            ("-c:a:0 copy -c:a:1 aac", None),
        ] {
            assert_eq!(found(args).as_deref(), filter, "{args}");
        }
    }

    #[test]
    fn the_last_codec_that_is_for_a_track_is_its() {
        let several = options("-c:a aac -codec:a:1 flac -acodec libopus -c:a:2 copy");
        let codecs = [0, 1, 2, 11].map(|n| codec(several.args(), n));
        assert_eq!(codecs, ["libopus", "libopus", "copy", "libopus"].map(Some));
        assert_eq!(codec(options("-b:a 96k").args(), 0), None);
    }

    #[test]
    fn tracks_for_which_no_codec_is_named_are_copied_where_one_is_for_others() {
        let one = options("-c:a:1 aac -b:a:1 96k");
        assert_eq!(one.to_string(), "-c:a copy -c:a:1 aac -b:a:1 96k");
        for all in ["-ac 2", "-c:a:1 aac -acodec flac"] {
            assert_eq!(options(all).to_string(), all);
        }
        let refused = |text: &str| SoundOptions::read(Some(text)).unwrap_err().to_string();
        assert!(refused("-c:v libx264 -c:a aac").contains("-c:v is no option of sound"));
        assert!(refused("-c:a:1 aac -af volume=2").contains("sound that is copied"));
    }

    #[test]
    fn each_track_has_options_of_its_own_by_its_number() {
        let opus = NewSound {
            codec: AudioCodec::Opus,
            kbits: Some(128),
            bits: None,
            channels: 2,
            downmix: false,
            loudness: None,
        };
        let flac = |bits| NewSound {
            codec: AudioCodec::Flac,
            kbits: None,
            bits: Some(bits),
            ..opus.clone()
        };
        let tracks = [opus.clone(), flac(16), flac(24)];
        let options = SoundOptions::of_tracks(tracks.iter()).unwrap();
        assert_eq!(
            options.to_string(),
            "-c:a:0 libopus -b:a:0 128k -c:a:1 flac -sample_fmt:a:1 s16 -c:a:2 flac -sample_fmt:a:2 s32 \
             -bits_per_raw_sample:a:2 24"
        );
        assert_eq!(SoundOptions::of_tracks([].iter()), None);
    }

    #[test]
    fn a_job_of_any_version_reads_the_options_as_a_list_of_words() {
        let options = options("-c:a libopus -b:a 96k");
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(json, r#"["-c:a","libopus","-b:a","96k"]"#);
        assert_eq!(
            serde_json::from_str::<SoundOptions>(&json).unwrap(),
            options
        );
    }

    #[test]
    fn filters_are_changed_where_they_stand() {
        let mut changed = options("-c:a flac -af volume=2 -filter:a:1 a=b -b:a 1");
        let change = |option: &mut String, value: &mut String| {
            (*option, *value) = (option.to_uppercase(), value.to_uppercase());
            Ok(())
        };
        changed.change_filters(change).unwrap();
        assert_eq!(
            changed.to_string(),
            "-c:a flac -AF VOLUME=2 -FILTER:A:1 A=B -b:a 1"
        );
    }
}
