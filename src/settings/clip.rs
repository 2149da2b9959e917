//! The test clip: of which films it comes first, how long it is, and who approves it.

use std::{str::FromStr, time::Duration};

use super::{built_in, typed::words, usage};
use crate::{
    cli::{EncodeArgs, SourceClass},
    os::exit::UsageError,
};

/// How long a clip is where nobody says it.
const USUAL: Duration = Duration::from_secs(45);
/// The shortest clip in which motion is seen, and the longest that is still a test.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

/// Of which films a test clip comes first.
#[derive(Debug, Clone, PartialEq)]
pub struct TestClip {
    /// Whether it is of every film.
    always: bool,
    /// Classes of source, by name, of which it is.
    classes: Vec<String>,
    /// How long it is.
    pub length: Duration,
    /// Who approves it.
    pub approval: Approval,
}

/// Who approves a test clip.
#[derive(Debug, Clone, PartialEq)]
pub enum Approval {
    /// Somebody who has seen it, and types `--approved` then.
    Awaited,
    /// Somebody who has seen it already.
    Given,
    /// A program that succeeds: its words.
    Command(Vec<String>),
    /// A measure.
    Measured(AtLeast),
}

/// How like two films are, measured by one of ffmpeg's filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Netflix's VMAF, 0 to 100: the mean of all pictures.
    Vmaf,
    /// XPSNR of Fraunhofer HHI, in dB: the least of the three planes.
    Xpsnr,
}

impl Measure {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vmaf => "VMAF",
            Self::Xpsnr => "XPSNR",
        }
    }
}

/// The least of a measure that is good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtLeast {
    /// Which.
    pub measure: Measure,
    /// The least.
    pub least: f64,
}

/// `VMAF>=93`.
impl FromStr for AtLeast {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, least) = text.split_once(">=").ok_or(())?;
        let mut measures = [Measure::Vmaf, Measure::Xpsnr].into_iter();
        let measure = measures.find(|measure| measure.name().eq_ignore_ascii_case(name.trim()));
        let least: f64 = least.trim().parse().map_err(|_| ())?;
        let least = Some(least).filter(|least| (0.0..=100.0).contains(least));
        let (measure, least) = measure.zip(least).ok_or(())?;
        Ok(Self { measure, least })
    }
}

impl TestClip {
    /// What a command line says of it.
    ///
    /// # Errors
    /// If a value makes no sense.
    pub(super) fn of(args: &EncodeArgs) -> Result<Self, UsageError> {
        let has_target = args.target_size.is_some();
        if has_target && args.test_clip.is_some() {
            return usage(
                "--test-clip shows one quality, and --target-size gives each chunk its own: \
                 leave one of them out, or name a quality with --crf"
                    .to_owned(),
            );
        }
        let classes = classes(args)?;
        Ok(Self {
            always: args.test_clip.is_some(),
            classes: if has_target { Vec::new() } else { classes },
            length: args.test_clip.as_deref().map_or(Ok(USUAL), length)?,
            approval: approval(args)?,
        })
    }

    /// Whether it comes first of a film of this class, if that has one.
    #[must_use]
    pub fn is_of(&self, class: Option<&str>) -> bool {
        let of_class = |class: &str| self.classes.iter().any(|wanted| wanted == class);
        self.always || class.is_some_and(of_class)
    }

    /// The same settings where nothing but the film itself is encoded.
    #[must_use]
    pub fn none(&self) -> Self {
        Self {
            always: false,
            classes: Vec::new(),
            ..self.clone()
        }
    }
}

fn length(text: &str) -> Result<Duration, UsageError> {
    match humantime::parse_duration(text) {
        Ok(length) if (SHORTEST..=LONGEST).contains(&length) => Ok(length),
        _ => usage(format!(
            "--test-clip={text}: how long the clip is, from 1s to 10m, such as --test-clip=45s"
        )),
    }
}

fn classes(args: &EncodeArgs) -> Result<Vec<String>, UsageError> {
    let classes = args.test_clip_for.clone().unwrap_or_default();
    match classes
        .iter()
        .find(|class| !["remux", "web", "low"].contains(&class.as_str()))
    {
        Some(other) => usage(format!(
            "--test-clip-for {other}: classes of source are remux, web and low"
        )),
        None => Ok(classes),
    }
}

fn approval(args: &EncodeArgs) -> Result<Approval, UsageError> {
    let Some(text) = &args.approve else {
        return Ok(match args.approved {
            true => Approval::Given,
            false => Approval::Awaited,
        });
    };
    if let Some(measured) = text.strip_prefix("auto:") {
        return measured.parse().map(Approval::Measured).or_else(|()| {
            usage(format!(
                "--approve {text}: a measure and its least value, such as --approve 'auto:VMAF>=93' or 'auto:XPSNR>=40'"
            ))
        });
    }
    let words = words("--approve", text)?;
    match words.first() {
        Some(program) if which::which(program).is_err() => usage(format!(
            "--approve: `{program}` is not a program: name one that succeeds if the clip is good, or type --approve 'auto:VMAF>=93'"
        )),
        Some(_) => Ok(Approval::Command(words)),
        None => usage("--approve: name a command, or type --approve 'auto:VMAF>=93'"),
    }
}

/// What of these options has nothing to do, in words.
pub(super) fn in_vain(args: &EncodeArgs) -> Option<String> {
    if args.test_clip.is_some() {
        return None;
    }
    let given = [
        ("--approve", args.approve.is_some()),
        ("--approved", args.approved),
    ];
    let class = args.source_class.unwrap_or(built_in::SOURCE_CLASS);
    match (&args.test_clip_for, class) {
        (Some(_), SourceClass::Off) => Some(
            "--test-clip-for: without --source-class no film has a class, and none a test clip"
                .to_owned(),
        ),
        (Some(_), _) => None,
        (None, _) => {
            let (flag, _) = given.into_iter().find(|(_, given)| *given)?;
            Some(format!("{flag}: without --test-clip there is no clip"))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn args(words: &[&str]) -> EncodeArgs {
        let words = ["av1enc", "in.mkv"].iter().chain(words);
        Cli::try_parse_from(words).unwrap().encode
    }

    fn clip(words: &[&str]) -> Result<TestClip, UsageError> {
        TestClip::of(&args(words))
    }

    #[test]
    fn a_film_of_a_certain_size_has_no_clip() {
        let both = clip(&["--target-size", "4G", "--test-clip"]).unwrap_err();
        assert!(both.to_string().contains("--crf"), "{both}");
        let target = clip(&["--target-size", "4G"]).unwrap();
        assert!(!target.is_of(Some("remux")));
    }

    #[test]
    fn a_clip_is_of_every_film_or_of_some_classes() {
        let bare = clip(&[]).unwrap();
        assert!(!bare.is_of(None) && !bare.is_of(Some("remux")));
        let always = clip(&["--test-clip"]).unwrap();
        assert!(always.is_of(None) && always.is_of(Some("low")) && !always.none().is_of(None));
        assert_eq!(
            (always.length, always.approval),
            (Duration::from_secs(45), Approval::Awaited)
        );
        let classes = clip(&["--test-clip-for", "remux,web"]).unwrap();
        assert!(classes.is_of(Some("remux")) && !classes.is_of(Some("low")));
        assert!(!classes.is_of(None));
        let long = clip(&["--test-clip=1m", "--approved"]).unwrap();
        assert_eq!(long.length, Duration::from_secs(60));
        assert_eq!(long.approval, Approval::Given);
    }

    #[test]
    fn who_approves_is_a_command_without_a_shell_or_a_measure() {
        let approval = |text| clip(&["--test-clip", "--approve", text]).unwrap().approval;
        let words = ["sh", "-c", "exit 0; $(a)", "b c"].map(str::to_owned);
        let command = Approval::Command(words.into());
        assert_eq!(approval("sh -c 'exit 0; $(a)' \"b c\""), command);
        let measured = |measure, least| Approval::Measured(AtLeast { measure, least });
        assert_eq!(approval("auto:VMAF>=93"), measured(Measure::Vmaf, 93.0));
        assert_eq!(
            approval("auto:xpsnr >= 40.5"),
            measured(Measure::Xpsnr, 40.5)
        );
    }

    #[test]
    fn what_makes_no_sense_is_said_with_what_to_type() {
        for (words, says) in [
            (&["--test-clip=0s"][..], "such as --test-clip=45s"),
            (&["--test-clip=long"], "such as --test-clip=45s"),
            (&["--test-clip=11m"], "from 1s to 10m"),
            (&["--test-clip-for", "dvd"], "remux, web and low"),
            (&["--approve", "auto:SSIM>=1"], "'auto:VMAF>=93'"),
            (&["--approve", "auto:VMAF>93"], "'auto:VMAF>=93'"),
            (&["--approve", "auto:VMAF>=101"], "'auto:VMAF>=93'"),
            (&["--approve", "'open"], "a quote is not closed"),
            (&["--approve", ""], "name a command"),
            (&["--approve", "no-such-program x"], "is not a program"),
        ] {
            let error = clip(words).unwrap_err().to_string();
            assert!(error.contains(says), "{words:?}: {error}");
        }
    }

    #[test]
    fn what_has_nothing_to_do_is_said() {
        for (words, says) in [
            (&["--approved"][..], Some("--approved: without --test-clip")),
            (
                &["--approve", "true"],
                Some("--approve: without --test-clip"),
            ),
            (&["--test-clip", "--approved"], None),
            (
                &["--test-clip-for", "remux"],
                Some("without --source-class"),
            ),
            (
                &[
                    "--test-clip-for",
                    "remux",
                    "--source-class",
                    "auto",
                    "--approved",
                ],
                None,
            ),
        ] {
            let said = in_vain(&args(words));
            let is_right = match (&said, says) {
                (Some(said), Some(says)) => said.contains(says),
                (said, says) => said.is_none() == says.is_none(),
            };
            assert!(is_right, "{words:?}: {said:?}");
        }
    }
}
