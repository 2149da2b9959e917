//! When a film is left as it is.

use std::{ffi::OsStr, path::Path, time::Duration};

use super::{
    Film,
    class::{self, Class},
};
use crate::{
    cli::SkipRule,
    film::media::Extra,
    os::words::bytes,
    settings::{
        deciding::{Deciding, Least},
        tables,
    },
};

/// What is known of a film's file before the film is looked into.
#[derive(Debug, Clone)]
pub struct Beside<'a> {
    /// The film.
    pub film: &'a Path,
    /// Bytes in it.
    pub bytes: u64,
    /// How long ago it was changed.
    pub unchanged: Duration,
    /// The file beside it that says to leave it alone.
    pub mark: Option<&'a Path>,
}

/// Names of the files that mark a film: `FILM.mkv.av1skip` and `FILM.av1skip`.
#[must_use]
pub fn marks(film: &Path) -> [std::path::PathBuf; 2] {
    let mut longer = film.as_os_str().to_owned();
    longer.push(".av1skip");
    [longer.into(), film.with_extension("av1skip")]
}

/// Why a film is left as it is, as far as its file shows.
#[must_use]
pub fn by_file(deciding: &Deciding, file: &Beside<'_>) -> Option<String> {
    let own = || {
        Some(format!(
            "{}; --skip none encodes it all the same",
            ours(file.film)?
        ))
    };
    let marked = || {
        let mark = file.mark?.file_name()?.to_string_lossy().into_owned();
        Some(format!(
            "is left alone: {mark} is beside it; remove that to encode it"
        ))
    };
    let copying = || {
        let (age, stable) = (file.unchanged.as_secs(), deciding.stable.as_secs());
        let what =
            format!("was written {age} s ago, and is left alone until that was {stable} s ago");
        (file.unchanged < deciding.stable).then_some(what)
    };
    let small = || match deciding.least {
        Least::Bytes(least) => too_small(file.bytes, least, "--min-bytes"),
        Least::Table => None,
    };
    first(
        [
            (SkipRule::Own, &own),
            (SkipRule::Marked, &marked),
            (SkipRule::Copying, &copying),
            (SkipRule::Small, &small),
        ],
        deciding,
    )
}

/// Why a film is left as it is, as far as its container shows.
#[must_use]
pub fn by_film(deciding: &Deciding, film: &Film<'_>) -> Option<String> {
    let codec = film.container.video.codec.as_str();
    let av1 = || {
        let is_av1 = codec == "av1" && !deciding.force;
        is_av1.then(|| "is AV1 already; --force-reencode encodes it all the same".to_owned())
    };
    let web = || {
        let is_modern = ["hevc", "vp9"].contains(&codec) && !deciding.force;
        let found = is_modern.then(|| class::of(deciding, film))?;
        (found.class == Class::Web).then(|| {
            format!(
                "is of the web and in {codec} already; --force-reencode encodes it all the same. Class: {found}"
            )
        })
    };
    let small = || {
        let size = deciding.tables.size_of(film.pixels());
        let least = tables::at(Some(&deciding.tables.min_bytes), size)?;
        let says = format!("min-bytes of the tables, {size},");
        (deciding.least == Least::Table)
            .then(|| too_small(film.container.bytes, least, &says))
            .flatten()
    };
    first(
        [
            (SkipRule::Av1, &av1),
            (SkipRule::HevcWeb, &web),
            (SkipRule::Small, &small),
        ],
        deciding,
    )
}

/// Why a film is left as it is that carries this in its pictures.
#[must_use]
pub fn by_pictures(deciding: &Deciding, extras: &[Extra]) -> Option<String> {
    let dynamic = [Extra::DolbyVision, Extra::Hdr10Plus];
    let found = extras.iter().find(|extra| dynamic.contains(extra))?;
    let what = format!(
        "has {} in its pictures; --dynamic-hdr drop encodes it without",
        found.name()
    );
    deciding.skips(SkipRule::DynamicHdr).then_some(what)
}

/// What the first of these rules says that holds.
fn first<const N: usize>(
    rules: [(SkipRule, &dyn Fn() -> Option<String>); N],
    deciding: &Deciding,
) -> Option<String> {
    let mut wanted = rules.into_iter().filter(|(rule, _)| deciding.skips(*rule));
    wanted.find_map(|(_, why)| why())
}

fn too_small(found: u64, least: u64, says: &str) -> Option<String> {
    let (has, wants) = (bytes(found), bytes(least));
    (found < least).then(|| format!("has {has}, and {says} wants {wants}"))
}

/// What a file is that av1enc has made, or has kept as the original.
fn ours(film: &Path) -> Option<String> {
    let name = film.file_name()?.to_string_lossy().to_lowercase();
    let is_in_job = film
        .parent()?
        .components()
        .any(|part| has_ending(part.as_os_str(), ".av1enc"));
    let what = if is_in_job {
        "is in a job directory"
    } else if name.ends_with(".av1.mkv") {
        "is av1enc's own output by its name"
    } else if name.contains(".orig.") {
        "is a kept original by its name"
    } else if name.contains(".clip.") {
        "is a test clip by its name"
    } else {
        return None;
    };
    Some(what.to_owned())
}

fn has_ending(name: &OsStr, ending: &str) -> bool {
    name.as_encoded_bytes().ends_with(ending.as_bytes())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{cli::Cli, film::media::examples, settings::Config};

    fn deciding(words: &[&str]) -> Deciding {
        let cli = Cli::try_parse_from(["av1enc", "in.mkv"].iter().chain(words)).unwrap();
        Config::new(&cli.encode).unwrap().deciding
    }

    fn file(film: &str) -> Beside<'_> {
        Beside {
            film: Path::new(film),
            bytes: 1000,
            unchanged: Duration::from_secs(30),
            mark: None,
        }
    }

    const AUTO: [&str; 2] = ["--source-class", "auto"];

    fn says(found: Option<String>, part: Option<&str>, what: &str) {
        let is_right = match (&found, part) {
            (Some(found), Some(part)) => found.contains(part),
            (found, part) => found.is_none() == part.is_none(),
        };
        assert!(is_right, "{what}: {found:?}");
    }

    #[test]
    fn backups_clips_outputs_and_jobs_are_no_sources() {
        for (name, part) in [
            ("/films/a.orig.mkv", Some("kept original")),
            ("/films/a.ORIG.mp4", Some("kept original")),
            ("/films/a.clip.mkv", Some("test clip")),
            ("/films/a.av1.mkv", Some("own output")),
            ("/films/a.mkv.av1enc/others-0.mkv", Some("job directory")),
            ("/films/original.mkv", None),
            ("/films/av1.mkv", None),
        ] {
            says(by_file(&deciding(&AUTO), &file(name)), part, name);
            says(by_file(&deciding(&[]), &file(name)), None, name);
        }
    }

    #[test]
    fn a_film_beside_its_mark_is_left_alone() {
        let film = Path::new("/films/a.b.mkv");
        let names = marks(film);
        assert_eq!(names[0], Path::new("/films/a.b.mkv.av1skip"));
        assert_eq!(names[1], Path::new("/films/a.b.av1skip"));
        let marked = Beside {
            mark: Some(&names[0]),
            ..file("/films/a.b.mkv")
        };
        let found = by_file(&deciding(&AUTO), &marked);
        says(found, Some("a.b.mkv.av1skip is beside it"), "marked");
        says(by_file(&deciding(&[]), &marked), None, "a bare run");
    }

    #[test]
    fn what_is_being_copied_or_too_small_is_left_alone() {
        for (words, part) in [
            (&["--stable-secs", "60"][..], Some("30 s ago")),
            (&["--stable-secs", "30"], None),
            (&["--min-bytes", "1001"], Some("--min-bytes wants")),
            (&["--min-bytes", "1000"], None),
            (&["--stable-secs", "60", "--skip", "av1"], None),
            (&[], None),
        ] {
            let words: Vec<&str> = AUTO.iter().chain(words).copied().collect();
            says(
                by_file(&deciding(&words), &file("/films/a.mkv")),
                part,
                &words.join(" "),
            );
        }
    }

    #[test]
    fn the_table_has_a_least_number_of_bytes_for_each_size() {
        let found = |size: (u32, u32), bytes: u64| {
            let mut container = examples::media().container;
            (container.video.width, container.video.height) = size;
            container.bytes = bytes;
            let film = Film {
                name: "a.mkv",
                container: &container,
                fps: None,
            };
            let words = ["--skip", "small", "--min-bytes", "table"];
            by_film(&deciding(&words), &film).is_some()
        };
        for (size, least) in [((3840, 2160), 5 << 30), ((1920, 1080), 2_u64 << 30)] {
            assert!(found(size, least - 1) && !found(size, least), "{size:?}");
        }
        assert!(!found((720, 576), 1));
    }

    #[test]
    fn modern_codecs_are_left_alone_as_rules_and_classes_say() {
        let force = ["--source-class", "auto", "--force-reencode"];
        for (words, codec, name, part) in [
            (&AUTO[..], "av1", "a.mkv", Some("AV1 already")),
            (&force, "av1", "a.mkv", None),
            (&[], "av1", "a.mkv", None),
            (&["--skip", "av1"], "av1", "a.mkv", Some("AV1 already")),
            (&AUTO, "hevc", "a.WEB-DL.mkv", Some("Class: web (")),
            (&AUTO, "vp9", "a.WEB-DL.mkv", Some("vp9 already")),
            (&AUTO, "hevc", "a.REMUX.mkv", None),
            (&AUTO, "h264", "a.WEB-DL.mkv", None),
            (&force, "hevc", "a.WEB-DL.mkv", None),
            (
                &["--skip", "hevc-web"],
                "hevc",
                "a.WEB-DL.mkv",
                Some("hevc"),
            ),
            (&["--source-class", "remux"], "hevc", "a.WEB-DL.mkv", None),
        ] {
            let mut container = examples::media().container;
            container.video.codec = codec.to_owned();
            let film = Film {
                name,
                container: &container,
                fps: None,
            };
            let found = by_film(&deciding(words), &film);
            says(found, part, &format!("{words:?} {codec} {name}"));
        }
    }

    #[test]
    fn dynamic_hdr_is_refused_by_who_says_so() {
        let extras = [Extra::Captions, Extra::DolbyVision];
        let refuse = deciding(&["--dynamic-hdr", "refuse"]);
        says(
            by_pictures(&refuse, &extras),
            Some("Dolby Vision"),
            "refuse",
        );
        says(by_pictures(&refuse, &extras[..1]), None, "captions");
        says(by_pictures(&deciding(&AUTO), &extras), None, "auto");
        says(by_pictures(&deciding(&[]), &extras), None, "bare");
    }
}
