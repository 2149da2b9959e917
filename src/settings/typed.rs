//! The encoder's options as people type them: in the words of the encoder, of ffmpeg, and of av1an.

use super::{built_in, params::Param};
use crate::{
    cli::{EncodeArgs, EncoderName, PixFormat},
    os::exit::UsageError,
};

/// What `--video-params` holds.
#[derive(Debug, Default)]
pub(super) struct Typed {
    /// The encoder's options, in order.
    pub params: Vec<Param>,
    /// The encoder, where ffmpeg's `-c:v` names it.
    pub encoder: Option<EncoderName>,
}

/// Splits text as a shell splits words; no shell sees it.
pub(super) fn words(flag: &str, text: &str) -> Result<Vec<String>, UsageError> {
    shlex::split(text)
        .ok_or_else(|| UsageError(format!("{flag}: a quote is not closed in `{text}`")))
}

/// Short options of SvtAv1EncApp and what they are called in full.
const SHORT_PARAMS: &[(&str, &str)] = &[
    ("i", "input"),
    ("b", "output"),
    ("c", "config"),
    ("o", "recon"),
    ("w", "width"),
    ("h", "height"),
    ("n", "frames"),
    ("q", "qp"),
];
/// ffmpeg's options that hold a library's own: `key=value:key=value`.
const OF_LIBRARIES: &[&str] = &["svtav1-params", "aom-params", "rav1e-params"];
/// ffmpeg's names for the choice of an encoder.
const CODEC: &[&str] = &["c:v", "codec:v", "vcodec", "c:v:0"];
/// What says the depth of the pictures that are encoded, which --pix-format decides.
const DEPTHS: &[&str] = &["input-depth", "input-bit-depth", "bit-depth"];
/// ffmpeg's name for that format.
const FORMAT: &str = "pix_fmt";

impl Typed {
    /// Reads the options of these arguments.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn of(args: &EncodeArgs) -> Result<Self, Vec<UsageError>> {
        let mut typed = Self::default();
        let Some(text) = &args.video_params else {
            return Ok(typed);
        };
        let mut wrong = Vec::new();
        for param in split(text).map_err(|error| vec![error])? {
            wrong.extend(typed.take(param, args).err());
        }
        if wrong.is_empty() {
            Ok(typed)
        } else {
            Err(wrong)
        }
    }

    fn take(&mut self, param: Param, args: &EncodeArgs) -> Result<(), UsageError> {
        let (name, value) = (param.name.as_str(), param.value.as_deref());
        if CODEC.contains(&name) {
            self.encoder = Some(encoder(value.unwrap_or_default())?);
            return Ok(());
        }
        if DEPTHS.contains(&name) || name == FORMAT {
            return require_format(&param, args.pix_format.unwrap_or(built_in::PIX_FORMAT));
        }
        if OF_LIBRARIES.contains(&name) {
            let pairs = value.unwrap_or_default().split(':');
            return pairs
                .filter(|pair| !pair.is_empty())
                .try_for_each(|pair| self.add(pair_of(name, pair)?));
        }
        self.add(param)
    }

    fn add(&mut self, param: Param) -> Result<(), UsageError> {
        if self.params.iter().any(|known| known.name == param.name) {
            return Err(UsageError(format!(
                "--video-params: --{} is given twice",
                param.name
            )));
        }
        self.params.push(param);
        Ok(())
    }
}

/// `key=value`, as it stands in the `option` of a library.
fn pair_of(option: &str, pair: &str) -> Result<Param, UsageError> {
    let parts = pair
        .split_once('=')
        .map(|(name, value)| Param::new(name, value));
    parts.ok_or_else(|| {
        UsageError(format!(
            "--video-params: --{option}: `{pair}` is no key=value"
        ))
    })
}

/// The options one by one: `--name value`, `--name=value` or `--name`, with one dash or two.
fn split(text: &str) -> Result<Vec<Param>, UsageError> {
    let mut params = Vec::new();
    let mut words = words("--video-params", text)?.into_iter().peekable();
    while let Some(word) = words.next() {
        let Some(name) = word
            .strip_prefix("--")
            .or_else(|| word.strip_prefix('-'))
            .filter(|name| !name.is_empty())
        else {
            return Err(UsageError(format!(
                "--video-params: `{word}` does not belong to an option"
            )));
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            // A negative number is a value, not an option.
            None => (
                name,
                words.next_if(|next| !next.starts_with('-') || next.parse::<f64>().is_ok()),
            ),
        };
        let name = SHORT_PARAMS
            .iter()
            .find(|(short, _)| *short == name)
            .map_or(name, |(_, long)| long);
        params.push(Param {
            name: name.to_owned(),
            value,
        });
    }
    Ok(params)
}

/// The encoder that ffmpeg knows by this name.
fn encoder(name: &str) -> Result<EncoderName, UsageError> {
    match name {
        "libsvtav1" => Ok(EncoderName::Libsvtav1),
        "libaom-av1" => Ok(EncoderName::Libaom),
        "librav1e" => Ok(EncoderName::Librav1e),
        "av1_qsv" => Ok(EncoderName::Av1Qsv),
        _ => Err(UsageError(format!(
            "--video-params: -c:v {name}: av1enc makes AV1 only; of ffmpeg's encoders it has libsvtav1, libaom-av1, librav1e and \
             av1_qsv"
        ))),
    }
}

/// Makes sure that an option which says the format says what --pix-format says.
fn require_format(param: &Param, format: PixFormat) -> Result<(), UsageError> {
    let (same, other) = match format {
        PixFormat::Auto => (["", "auto"], "yuv420p10le"),
        PixFormat::Yuv420p => (["8", "yuv420p"], "yuv420p10le"),
        PixFormat::Yuv420p10le => (["10", "yuv420p10le"], "yuv420p"),
    };
    let value = param.value.as_deref().unwrap_or_default();
    if same.contains(&value) {
        return Ok(());
    }
    Err(UsageError(format!(
        "--video-params: {param}: --pix-format decides, and says {}; leave it out, or type --pix-format {other}",
        same[1]
    )))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn typed(params: &str) -> Result<Typed, Vec<UsageError>> {
        let cli = Cli::try_parse_from(["av1enc", "in.mkv", "-v", params]).unwrap();
        Typed::of(&cli.encode)
    }

    fn shown(params: &str) -> String {
        let params = typed(params).unwrap().params;
        params.iter().map(|param| format!("{param} ")).collect()
    }

    #[test]
    fn options_with_negative_values_keep_them() {
        assert_eq!(
            shown("--keyint -1 --enable-overlays --qp=30"),
            "--keyint -1 --enable-overlays --qp 30 "
        );
    }

    #[test]
    fn ffmpegs_words_are_understood() {
        let line = "-c:v libsvtav1 -crf 28 -preset 6 -svtav1-params \"tune=0:sharpness=1:enable-hdr=1\" -pix_fmt yuv420p10le";
        assert_eq!(
            shown(line),
            "--crf 28 --preset 6 --tune 0 --sharpness 1 --enable-hdr 1 "
        );
        assert_eq!(typed(line).unwrap().encoder, Some(EncoderName::Libsvtav1));
    }

    #[test]
    fn what_says_the_depth_must_agree_and_everything_wrong_is_said_at_once() {
        assert_eq!(shown("--input-depth 10 --bit-depth=10"), "");
        let error =
            typed("--input-depth 8 -c:v libx264 --tune 0 -svtav1-params tune=1").unwrap_err();
        assert_eq!(error.len(), 3);
        let parts = ["--pix-format yuv420p", "AV1 only", "--tune is given twice"];
        for (error, part) in error.iter().zip(parts) {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
    }
}
