//! Any two films, of which one is said to be made of the other -> [`Verdict`]. No word of whoever made it is believed: both
//! are read by the same programs, from their beginnings to their ends.

mod attachments;
mod known;
mod shades;
mod pictures;
mod every;
mod said;
mod tracks;

use std::{
    fmt,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use self::attachments::Attached;
pub use self::every::{Every, every};
pub use self::known::{Differences, Known};
use self::pictures::{Compared, Whole, of_holes, of_times};
use self::said::{of_chapters, of_pictures, of_tags, of_title};
use self::tracks::Tracks;
use crate::{
    film::media::Container,
    finding::{Finding, Property},
    os::{handle::Handle, process::outcome, toolbox::Toolbox},
    output::{container::MAX_TIME_ERROR_MS, pictures::compare_ends},
    source::{
        packets::{self, Announced, Original},
        places::{Aside, Film, Seen},
        probe::{self, Found, Probed},
    },
};

/// Two films that are compared.
pub struct Films<'a> {
    /// ffmpeg, ffprobe and mkvmerge.
    pub tools: &'a Toolbox,
    /// The film that is there.
    pub source: &'a Path,
    /// The one that was made of it.
    pub output: &'a Path,
    /// What is known to be another thing in it.
    pub differences: Differences,
    /// At how many places pictures are compared; `None`: all are.
    pub places: Option<usize>,
}

/// What was compared, and what came of it.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// Whether the output is the source, but for what is known.
    pub agrees: bool,
    /// All that was compared.
    pub findings: Vec<Judged>,
    /// What is known besides: of an encode, who read the film and why, what was left out.
    pub notes: Vec<String>,
}

/// A finding, and whether it is known that there is a difference.
#[derive(Debug, Serialize)]
pub struct Judged {
    /// What was compared, and with what.
    #[serde(flatten)]
    pub finding: Finding,
    /// Whether a difference in it was named.
    pub known: bool,
}

impl Verdict {
    /// What these findings come to where the `differences` are known.
    #[must_use]
    pub fn of(findings: Vec<Finding>, differences: &Differences) -> Self {
        let judged = |finding: Finding| Judged {
            known: !finding.agrees && differences.cover(&finding),
            finding,
        };
        let findings: Vec<Judged> = findings.into_iter().map(judged).collect();
        Self {
            agrees: findings.iter().all(|one| one.finding.agrees || one.known),
            findings,
            notes: Vec::new(),
        }
    }
}

/// A line for each finding, and one for all.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for judged in &self.findings {
            writeln!(f, "{judged}")?;
        }
        let number = |which: fn(&Judged) -> bool| {
            let which = self.findings.iter().filter(|judged| which(judged));
            which.count()
        };
        let wrong = number(|judged| !judged.finding.agrees && !judged.known);
        let known = match number(|judged| judged.known) {
            0 => String::new(),
            known => format!(", {known} in which a difference is known"),
        };
        let all = self.findings.len();
        match self.agrees {
            true => write!(f, "The output is the source: {all} things compared{known}."),
            false => write!(
                f,
                "The output is not the source: {wrong} of {all} things differ{known}."
            ),
        }
    }
}

/// `differs  frames                       240 in the source, 239 in the output (all, decoded by ffmpeg)`.
impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding {
            what,
            source,
            output,
            by,
            agrees,
        } = &self.finding;
        let word = match (agrees, self.known) {
            (true, _) => "same",
            (false, true) => "known",
            (false, false) => "differs",
        };
        write!(f, "{word:<8} {what:<28} ")?;
        match source == output {
            true => write!(f, "{source}"),
            false => write!(f, "{source} in the source, {output} in the output"),
        }?;
        match agrees {
            true => Ok(()),
            false => write!(f, " ({by})"),
        }
    }
}

/// One of the two films, opened.
struct Side {
    /// By which tools reach it,
    _handle: Handle,
    /// in this directory,
    dir: PathBuf,
    /// under this name.
    name: String,
    probed: Probed,
    found: Found,
    announced: Announced,
    attached: Vec<Attached>,
}

/// The directory and the name by which tools reach an open film.
fn place_of(handle: &Handle) -> (PathBuf, String) {
    let path = handle.path();
    let name = path.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
    (dir, name)
}

impl Side {
    fn open(tools: &Toolbox, path: &Path) -> Result<Self> {
        let handle =
            Handle::on(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let probed = probe::probe(tools, path)?;
        let (dir, name) = place_of(&handle);
        let container = &probed.container;
        let original = Original {
            tools,
            dir: &dir,
            name: &name,
            container,
        };
        let listed = packets::read(&original, &[])
            .with_context(|| format!("reading the packets of `{}`", path.display()))?;
        let announced = Announced::of(&listed, container.clock.first_ms);
        let found = probe::video_of(tools, path, 0)?;
        let attached = attachments::of_film(tools, &dir.join(&name))?;
        Ok(Self {
            _handle: handle,
            dir,
            name,
            probed,
            found,
            announced,
            attached,
        })
    }

    fn container(&self) -> &Container {
        &self.probed.container
    }

    fn original<'a>(&'a self, tools: &'a Toolbox) -> Original<'a> {
        Original {
            tools,
            dir: &self.dir,
            name: &self.name,
            container: self.container(),
        }
    }

    /// The tags of the film. When a Matroska file was written says nothing of it.
    fn tags(&self) -> Vec<(String, String)> {
        let mut tags = self.found.tags.clone();
        tags.retain(|(name, _)| !self.container().direct || name != "CREATION_TIME");
        tags
    }
}

impl Films<'_> {
    /// Compares them.
    ///
    /// # Errors
    /// If one of them cannot be read, or is no film.
    pub fn compare(&self) -> Result<Verdict> {
        let (source, output) = thread::scope(|scope| {
            let source = scope.spawn(|| Side::open(self.tools, self.source));
            let output = Side::open(self.tools, self.output);
            (outcome(source), output)
        });
        let (source, output) = (source?, output?);
        let mut findings = of_pictures(source.container(), output.container(), &self.differences);
        let (seen, later_ms) = self.pictures(&source, &output)?;
        findings.extend(seen);
        findings.extend(of_film(&source, &output, later_ms));
        let tracks = Tracks::of(source.container(), output.container());
        findings.push(tracks.finding());
        findings.extend(tracks.said());
        let [ours, theirs] = [&source, &output].map(|side| side.original(self.tools));
        findings.extend(tracks.content(ours, theirs, later_ms, &self.differences)?);
        Ok(Verdict::of(findings, &self.differences))
    }

    /// Compares number, times and content of the pictures; also returns by how many milliseconds the output's are later.
    fn pictures(&self, source: &Side, output: &Side) -> Result<(Vec<Finding>, f64)> {
        let ours = Film {
            threads: None,
            crop: self.differences.crop(),
            ..Film::source(source.original(self.tools))
        };
        let theirs = Film {
            threads: None,
            ..Film::source(output.original(self.tools))
        };
        match self.places {
            None => self.all((&ours, source), (&theirs, output)),
            Some(places) => self.some(places, (&ours, source), (&theirs, output)),
        }
    }

    /// Decodes both films whole.
    fn all(
        &self,
        (ours, source): (&Film<'_>, &Side),
        (theirs, output): (&Film<'_>, &Side),
    ) -> Result<(Vec<Finding>, f64)> {
        let Whole {
            compared,
            source: of_source,
            output: of_output,
        } = pictures::whole(ours, theirs, None, self.differences.of_pictures())?;
        let later_ms = compared
            .later_ms()
            .context("one of the films has no picture that can be decoded")?;
        let by = "all, decoded by ffmpeg";
        let leeway = self.differences.of_pictures();
        let mut findings = of_times(&compared.source_ms, &compared.output_ms, later_ms, by);
        findings.extend(of_ends(source, output, &compared, later_ms).filter(|_| !leeway.any_rate));
        findings.extend(
            leeway
                .any_rate
                .then(|| of_holes(&compared.source_ms, &compared.output_ms, later_ms, by)),
        );
        let asides = (&of_source, &of_output);
        findings.push(of_lost((source, output), &compared, asides));
        findings.extend(compared.findings("all pictures"));
        findings.extend(of_asides(&of_source, &of_output));
        Ok((findings, later_ms))
    }

    /// Decodes both films at some places.
    fn some(
        &self,
        places: usize,
        (ours, source): (&Film<'_>, &Side),
        (theirs, output): (&Film<'_>, &Side),
    ) -> Result<(Vec<Finding>, f64)> {
        let times = [source, output].map(|side| &side.announced.times_ms);
        let firsts = [times[0].first(), times[1].first()];
        let [Some(first), Some(made)] = firsts else {
            bail!("one of the films has no pictures");
        };
        let later_ms = made - first;
        let mut findings = of_times(
            times[0],
            times[1],
            later_ms,
            "times of all packets, by ffmpeg",
        );
        let leeway = self.differences.of_pictures();
        let by = "times of all packets, by ffmpeg";
        findings.extend(
            leeway
                .any_rate
                .then(|| of_holes(times[0], times[1], later_ms, by)),
        );
        let (mut compared, mut asides) =
            (Compared::default(), [Aside::default(), Aside::default()]);
        for place in evenly(places, times[0].len()) {
            let range = &times[0][place];
            let (from, until) = (range[0], range[range.len() - 1]);
            let seen = look(ours, &source.announced, from..=until, &mut asides[0])?;
            let later = from + later_ms - MAX_TIME_ERROR_MS..=until + later_ms + MAX_TIME_ERROR_MS;
            let mut shown = look(theirs, &output.announced, later.clone(), &mut asides[1])?;
            shown.retain(|(ms, _)| later.contains(ms));
            let (seen, shown) = (seen.into_iter(), shown.into_iter());
            compared.add(Compared::of(seen, shown, Some(later_ms), leeway));
        }
        findings.extend(compared.findings(&format!("pictures at {places} places")));
        // What decoders complain of at a place may be said of pictures before it, of which they were not given all.
        let [of_source, of_output] = asides;
        findings.push(of_extras(&of_source, &of_output));
        Ok((findings, later_ms))
    }
}

/// Decodes the pictures from one time to another; what else is seen is added to `aside`.
fn look(
    film: &Film<'_>,
    announced: &Announced,
    times_ms: RangeInclusive<f64>,
    aside: &mut Aside,
) -> Result<Vec<Seen>> {
    let looked = film.place(announced, times_ms)?;
    aside.extras.extend(looked.aside.extras);
    Ok(looked.seen)
}

/// Pictures of a place.
const PICTURES: usize = 10;

/// So many places of a film, from its beginning to its end: numbers of pictures.
fn evenly(places: usize, pictures: usize) -> Vec<Range<usize>> {
    let last = pictures.saturating_sub(PICTURES);
    let begins = (0..places).map(|n| last * n / (places - 1).max(1));
    let mut places: Vec<Range<usize>> = begins
        .map(|begin| begin..(begin + PICTURES).min(pictures))
        .collect();
    places.dedup();
    places
}

/// What decoders complain of in both films: pictures that they make up.
#[must_use]
pub fn of_damage(source: &[String], output: &[String]) -> Finding {
    let said = |complaints: &[String]| match complaints {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [first, more @ ..] => format!("{first} (and {} more)", more.len()),
    };
    let silent = source.is_empty() && output.is_empty();
    let what = Property::Complaints;
    Finding::new(what, said(source), said(output), "ffmpeg", silent)
}

/// What the pictures of both carry beside themselves.
fn of_extras(source: &Aside, output: &Aside) -> Finding {
    let carried = |aside: &Aside| {
        let mut names: Vec<&str> = aside.extras.iter().map(|(extra, _)| extra.name()).collect();
        names.sort_unstable();
        names.dedup();
        match names.as_slice() {
            [] => "none".to_owned(),
            names => names.join(", "),
        }
    };
    let (source, output) = (carried(source), carried(output));
    Finding::same(Property::Extras, source, output, "ffmpeg's showinfo")
}

/// What decoders say beside the pictures.
fn of_asides(source: &Aside, output: &Aside) -> Vec<Finding> {
    vec![
        of_damage(&source.complaints, &output.complaints),
        of_extras(source, output),
    ]
}

/// What is said of the films, of which the output is `later_ms` later.
fn of_film(source: &Side, output: &Side, later_ms: f64) -> Vec<Finding> {
    let (ours, theirs) = (source.container(), output.container());
    let mut findings = vec![
        of_title(ours, theirs),
        of_tags(Property::Tags, &source.tags(), &output.found.tags),
        of_tags(
            Property::PictureTags,
            &source.found.video_tags,
            &output.found.video_tags,
        ),
        attachments::finding(&source.attached, &output.attached),
    ];
    findings.extend(of_chapters(ours, theirs, later_ms));
    findings
}

/// When the last picture of both is no longer shown, where packets say so of the one that a decoder shows last.
fn of_ends(source: &Side, output: &Side, compared: &Compared, later_ms: f64) -> Option<Finding> {
    let end = |side: &Side, shown: &[f64]| {
        let (packet, picture) = (side.announced.times_ms.last()?, shown.last()?);
        let ends_ms = side.announced.ends_ms;
        ends_ms.filter(|_| (packet - picture).abs() <= MAX_TIME_ERROR_MS)
    };
    let wanted = end(source, &compared.source_ms)?;
    let found = end(output, &compared.output_ms)? - later_ms;
    Some(compare_ends(
        wanted,
        found,
        "times of all packets, by ffmpeg",
    ))
}

/// Whether a decoder shows all pictures that packets announce, in both. Some coders put what other pictures refer to into
/// packets of its own, of which none is shown: pictures are lost where a decoder complains.
fn of_lost(
    (source, output): (&Side, &Side),
    compared: &Compared,
    (of_source, of_output): (&Aside, &Aside),
) -> Finding {
    let of = |side: &Side, shown: &[f64], aside: &Aside| {
        let (lost, first) = side.announced.lost(shown);
        let at = first.map_or_else(String::new, |ms| format!(" from {:.3} s on", ms / 1000.0));
        match (lost, aside.complaints.is_empty()) {
            (0, _) => (true, "all".to_owned()),
            (lost, true) => (true, format!("all but {lost} that others refer to")),
            (lost, false) => (false, format!("all but {lost}{at}")),
        }
    };
    let (ours, theirs) = (
        of(source, &compared.source_ms, of_source),
        of(output, &compared.output_ms, of_output),
    );
    let by = "packets, and pictures decoded by ffmpeg";
    Finding::new(
        Property::DecodedFrames,
        ours.1,
        theirs.1,
        by,
        ours.0 && theirs.0,
    )
}

#[cfg(test)]
pub(super) mod examples {
    use super::*;
    use crate::{
        film::media::{Extra, examples::media},
        output::pair::known::Leeway,
        source::frames::Small,
    };

    /// A finding of `property` of two films that are alike in it, and of two that are not.
    pub fn two(property: Property) -> [Finding; 2] {
        [false, true].map(|spoil| {
            let mut findings = of(spoil).into_iter();
            findings.find(|finding| finding.is_of(property)).unwrap()
        })
    }

    /// All findings of one film and itself, or of it and one of which something is lost.
    fn of(spoil: bool) -> Vec<Finding> {
        let source = media().container;
        let mut output = source.clone();
        let mut aside = Aside {
            extras: vec![(Extra::Captions, 0.0)],
            ..Aside::default()
        };
        let whole = [
            of_asides(&aside, &aside),
            of_shades(1).into(),
            vec![every::examples::one(false)],
            vec![tracks::of_channels(1, [6; 2], None)],
        ]
        .concat();
        if !spoil {
            let none = Differences::default();
            return [whole, of_pictures(&source, &output, &none)].concat();
        }
        output.video.width /= 2;
        output.video.bit_depth = source.video.bit_depth - 1;
        let seen = std::mem::take(&mut aside.extras);
        aside
            .complaints
            .push("error while decoding MB 3 4".to_owned());
        let before = Aside {
            extras: seen,
            ..Aside::default()
        };
        let none = Differences::default();
        [
            of_asides(&before, &aside),
            of_shades(6).into(),
            vec![every::examples::one(true)],
            vec![tracks::of_channels(1, [6, 2], None)],
            of_pictures(&source, &output, &none),
        ]
        .concat()
    }

    /// What is said of the shades of ten pictures that are as much `brighter`.
    fn of_shades(brighter: u8) -> [Finding; 1] {
        let small = |luma: u8| Small {
            luma: [luma; 576],
            chroma: None,
        };
        let film = |luma: u8| (0..10).map(move |n| (f64::from(n), small(luma)));
        let compared = Compared::of(film(90), film(90 + brighter), None, Leeway::default());
        let [_, shades] = compared.findings("all");
        [shades]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_from_the_first_picture_to_the_last() {
        assert_eq!(evenly(3, 100), [0..10, 45..55, 90..100]);
        let only = |places: Vec<Range<usize>>| (places.len(), places[0].clone());
        assert_eq!(only(evenly(1, 100)), (1, 0..10));
        assert_eq!(only(evenly(4, 5)), (1, 0..5));
    }
}
