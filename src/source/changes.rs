//! What changes in the middle of a film, and holds for the whole of an AV1 film: size, shape of pixels, fields, colours.

use std::{fmt, path::Path};

use crate::film::media::{Color, Container, Extra, HLG, Range, UNSPECIFIED};

/// Something that is said of a picture and holds for the whole of an AV1 film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trait {
    /// Width and height.
    Size,
    /// Shape of a pixel.
    Aspect,
    /// Whether it is interlaced, and which field is shown first.
    Scan,
    /// Depth, and sampling of chroma.
    Format,
    /// Transfer function.
    Transfer,
    /// Range, matrix and primaries.
    Colors,
}

impl Trait {
    const ALL: [Self; 6] = [
        Self::Size,
        Self::Aspect,
        Self::Scan,
        Self::Format,
        Self::Transfer,
        Self::Colors,
    ];
}

impl fmt::Display for Trait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "size",
            Self::Aspect => "aspect ratio of a pixel",
            Self::Scan => "scan",
            Self::Format => "pixel format",
            Self::Transfer => "transfer function",
            Self::Colors => "colour description",
        })
    }
}

/// Something that changes in the middle of a film.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What changes.
    pub what: Trait,
    /// What it was.
    pub from: String,
    /// What it becomes.
    pub to: String,
    /// From when on, in milliseconds of the film's clock.
    pub ms: f64,
}

impl Change {
    /// Whether the film cannot be one AV1 film as it is: pictures of another size, or pictures that would be shown much too
    /// dark or too bright.
    #[must_use]
    pub fn divides(&self) -> bool {
        match self.what {
            Trait::Size => true,
            Trait::Transfer => other_brightness(&self.from, &self.to),
            _ => false,
        }
    }

    /// Whether FFMS2 may deliver other pictures than ffmpeg from here on: it fits all to the first.
    #[must_use]
    pub fn alters_pictures(&self) -> bool {
        matches!(self.what, Trait::Size | Trait::Format)
    }

    /// What becomes of it in the output, for people; `first` is what holds at the film's beginning.
    #[must_use]
    pub fn outcome(&self, first: &str) -> String {
        match self.what {
            Trait::Size => format!("all pictures are scaled to {first}, whatever their shape"),
            Trait::Format => "all pictures are converted to what the film begins with".to_owned(),
            _ => "the output says what holds at the beginning".to_owned(),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, from, to, ms } = self;
        write!(
            f,
            "the picture's {what} changes from {from} to {to} at {:.3} s",
            ms / 1000.0
        )
    }
}

/// Whether pictures of one transfer look wrong if they are shown by the other, both by ffmpeg's names. The curves of SDR
/// differ by less than screens do, and broadcasts change between them and none at every advertisement; that of BT.2020
/// stands for HLG where a receiver may know only that.
fn other_brightness(from: &str, to: &str) -> bool {
    let curve =
        |name: &str| Color::transfer_code(name).filter(|code| Color::is_hdr_transfer(*code));
    let stands_for_hlg = |name: &str| name.starts_with("bt2020-");
    match (curve(from), curve(to)) {
        (Some(HLG), None) => !stands_for_hlg(to),
        (None, Some(HLG)) => !stands_for_hlg(from),
        (from, to) => from != to,
    }
}

/// The first change of each kind, and how often that changes.
pub fn by_kind(changes: &[Change]) -> impl Iterator<Item = (&Change, usize)> {
    Trait::ALL.into_iter().filter_map(|what| {
        let mut of_kind = changes.iter().filter(move |change| change.what == what);
        of_kind.next().map(|first| (first, 1 + of_kind.count()))
    })
}

/// What is said of `changes` in a film that is encoded all the same: one sentence for each kind.
#[must_use]
pub fn warnings(changes: &[Change]) -> Vec<String> {
    let sentence = |(first, times): (&Change, usize)| {
        format!("{first}{}: {}", again(times), first.outcome(&first.from))
    };
    by_kind(changes).map(sentence).collect()
}

/// What is added to the first of so many times.
fn again(times: usize) -> String {
    match times {
        1 => String::new(),
        2 => " and once more".to_owned(),
        times => format!(" and {} times more", times - 1),
    }
}

/// A film that is several films behind one another.
#[derive(Debug)]
pub struct Divided {
    first: Change,
    /// At how many places.
    places: usize,
    cut: String,
}

/// Clocks of programs differ by less. A cut is made at the first keyframe from there on, and no other is so near.
const EARLIER_MS: f64 = 5.0;

impl Divided {
    /// The film `source`, if one of `changes` divides it; `described_anew`, where its container describes each part, and the
    /// parts do not themselves.
    #[must_use]
    pub fn by(
        changes: &[Change],
        container: &Container,
        source: &Path,
        described_anew: bool,
    ) -> Option<Self> {
        let dividing = changes.iter().filter(|change| change.divides());
        let first = dividing.clone().next()?.clone();
        let mut times_ms: Vec<f64> = dividing.map(|change| change.ms).collect();
        times_ms.dedup();
        let clock = if container.direct { "-copyts " } else { "" };
        let cut = match described_anew {
            true => decoded(&times_ms),
            false => copied(&times_ms, clock, extension(source)),
        };
        Some(Self {
            first,
            places: times_ms.len(),
            cut,
        })
    }
}

/// The command that cuts a film, and loses and doubles nothing: at the first keyframe from each of `times_ms` on, by the
/// clock by which the film is read.
fn copied(times_ms: &[f64], clock: &str, extension: &str) -> String {
    let times: Vec<String> = times_ms
        .iter()
        .map(|ms| format!("{:.3}", (ms - EARLIER_MS) / 1000.0))
        .collect();
    format!(
        "ffmpeg {clock}-i INPUT -map 0 -dn -ignore_unknown -c copy -f segment -segment_times {} -reset_timestamps 1 \
         PART%d.{extension}",
        times.join(",")
    )
}

/// The commands that cut a film whose parts cannot be copied, since ffmpeg gives each the container's first description: the
/// picture becomes lossless.
fn decoded(times_ms: &[f64]) -> String {
    let starts = [None].into_iter().chain(times_ms.iter().copied().map(Some));
    let ends = times_ms.iter().copied().map(Some).chain([None]);
    let commands = starts.zip(ends).enumerate().map(|(part, (start, end))| {
        // The last keyframe that is not later: the one at which the part begins.
        let sought_ms = start.map_or(0.0, |ms| ms + EARLIER_MS);
        let seek = start.map_or_else(String::new, |_| format!("-noaccurate_seek -ss {:.3} ", sought_ms / 1000.0));
        let length = end.map_or_else(String::new, |ms| format!("-t {:.3} ", (ms - EARLIER_MS - sought_ms) / 1000.0));
        format!(
            "ffmpeg {seek}-i INPUT -map 0 -dn -ignore_unknown -c copy -c:v:0 ffv1 -fps_mode passthrough \
             -enc_time_base 1/1000 {length}PART{part}.mkv"
        )
    });
    commands.collect::<Vec<_>>().join(" and ")
}

/// The ending that makes ffmpeg write a part of `source` as it is: headers inside the stream stay where they are.
fn extension(source: &Path) -> &'static str {
    let ending = source
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    match ending.as_str() {
        "ts" | "m2ts" | "mts" | "trp" | "tp" | "m2t" => "ts",
        "mpg" | "mpeg" | "m2p" => "mpg",
        "vob" => "vob",
        "mp4" | "m4v" => "mp4",
        "mov" => "mov",
        "avi" => "avi",
        _ => "mkv",
    }
}

impl fmt::Display for Divided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, places, cut } = self;
        let what = first.what;
        write!(
            f,
            "{first}{}, and all pictures of one film have one {what}. Cut it there, and encode the parts: {cut}. Or add \
             --on-change keep: {}",
            again(*places),
            first.outcome(&first.from)
        )
    }
}

/// What pictures carry beside themselves, each with the time of the first that does, in milliseconds of the film's clock.
pub type Extras = Vec<(Extra, f64)>;

/// What is said of one picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Width and height: `1920x1080`.
    pub size: String,
    /// Shape of a pixel: `16/15`, or `0/1` where it is not known.
    pub aspect: String,
    scan: String,
    format: String,
    transfer: String,
    colors: String,
}

impl Look {
    /// What its colours mean.
    #[must_use]
    pub fn color(&self) -> Color {
        let mut names = self.colors.split('/');
        let range = match names.next() {
            Some("tv") => Some(Range::Limited),
            Some("pc") => Some(Range::Full),
            _ => None,
        };
        let mut of = |code: fn(&str) -> Option<u8>| {
            let known = names.next().and_then(code);
            known.unwrap_or(UNSPECIFIED)
        };
        Color {
            matrix: of(Color::matrix_code),
            primaries: of(Color::primaries_code),
            transfer: Color::transfer_code(&self.transfer).unwrap_or(UNSPECIFIED),
            range,
            ..Color::default()
        }
    }
}

/// Follows what ffmpeg's filter showinfo says of every picture.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// The last picture.
    pub before: Option<Look>,
    now: Look,
    ms: f64,
    /// All changes so far.
    pub changes: Vec<Change>,
    /// What pictures have carried beside themselves so far.
    pub extras: Extras,
}

impl Looks {
    /// Takes a line of showinfo: the one that speaks of size and shape, or one behind it, of data beside the picture, or of
    /// colours.
    pub fn hear(&mut self, line: &str, ms: Option<f64>) {
        if let Some((_, name)) = line.split_once("side data - ") {
            let extra = Extra::named(name)
                .filter(|extra| self.extras.iter().all(|(known, _)| known != extra));
            self.extras.extend(extra.map(|extra| (extra, self.ms)));
            return;
        }
        let word = |name: &str| {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix(name))
                .map(str::to_owned)
        };
        if let (Some(size), Some(aspect), Some(format)) = (word("s:"), word("sar:"), word("fmt:")) {
            (self.now.size, self.now.aspect, self.now.format) = (size, aspect, format);
            self.now.scan = scan(word("i:").as_deref()).to_owned();
            self.ms = ms.unwrap_or(self.ms);
            return;
        }
        let colors = ["color_range:", "color_space:", "color_primaries:"].map(word);
        let Some(transfer) = word("color_trc:").filter(|_| colors.iter().all(Option::is_some))
        else {
            return;
        };
        self.now.transfer = transfer;
        self.now.colors = colors.map(Option::unwrap_or_default).join("/");
        let before = self
            .before
            .replace(self.now.clone())
            .unwrap_or_else(|| self.now.clone());
        let pairs = [
            (Trait::Size, before.size, &self.now.size),
            (Trait::Aspect, before.aspect, &self.now.aspect),
            (Trait::Scan, before.scan, &self.now.scan),
            (Trait::Format, before.format, &self.now.format),
            (Trait::Transfer, before.transfer, &self.now.transfer),
            (Trait::Colors, before.colors, &self.now.colors),
        ];
        let changed = pairs.into_iter().filter(|(_, from, to)| from != *to);
        let ms = self.ms;
        self.changes.extend(changed.map(|(what, from, to)| Change {
            what,
            from,
            to: to.clone(),
            ms,
        }));
    }
}

/// What showinfo's letter means.
fn scan(letter: Option<&str>) -> &'static str {
    match letter {
        Some("T") => "interlaced with the top field first",
        Some("B") => "interlaced with the bottom field first",
        _ => "progressive",
    }
}

/// What is heard of pictures of a size, a shape of pixels, a range and a transfer function each, 40 ms apart.
#[cfg(test)]
pub fn heard(pictures: &[[&str; 4]]) -> (Option<Look>, Vec<Change>) {
    let mut looks = Looks::default();
    for (n, [size, sar, range, trc]) in (0..).zip(pictures) {
        looks.hear(
            &format!("[x] n: 1 pts: 1 fmt:yuv420p sar:{sar} s:{size} i:P iskey:1"),
            Some(f64::from(n) * 40.0),
        );
        looks.hear(
            &format!(
                "[x] color_range:{range} color_space:bt709 color_primaries:bt709 color_trc:{trc}"
            ),
            None,
        );
    }
    (looks.before, looks.changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(pictures: &[(&str, &str, &str)]) -> Vec<Change> {
        let pictures: Vec<_> = pictures
            .iter()
            .map(|(size, sar, trc)| [*size, *sar, "tv", *trc])
            .collect();
        heard(&pictures).1
    }

    #[test]
    fn what_changes_in_the_middle_is_known_with_its_time() {
        let changes = changes(&[
            ("320x240", "1/1", "bt709"),
            ("320x240", "1/1", "bt709"),
            ("320x240", "4/3", "bt709"),
            ("320x240", "16/9", "smpte2084"),
            ("240x320", "1/1", "smpte2084"),
        ]);
        let said: Vec<String> = by_kind(&changes)
            .map(|(change, times)| format!("{times}: {change}"))
            .collect();
        assert_eq!(
            said,
            [
                "1: the picture's size changes from 320x240 to 240x320 at 0.160 s",
                "3: the picture's aspect ratio of a pixel changes from 1/1 to 4/3 at 0.080 s",
                "1: the picture's transfer function changes from bt709 to smpte2084 at 0.120 s"
            ]
        );
        assert!(warnings(&changes)[1].contains("at 0.080 s and 2 times more: "));
    }

    #[test]
    fn a_size_and_a_curve_that_is_shown_wrongly_divide_a_film() {
        let divides = |from: &str, to: &str| {
            changes(&[("2x2", "1/1", from), ("2x2", "1/1", to)])
                .iter()
                .any(Change::divides)
        };
        for (from, to) in [
            ("bt709", "smpte2084"),
            ("unknown", "arib-std-b67"),
            ("arib-std-b67", "smpte2084"),
        ] {
            assert!(divides(from, to) && divides(to, from), "{from}, {to}");
        }
        for (from, to) in [
            ("bt709", "unknown"),
            ("bt709", "smpte170m"),
            ("bt2020-10", "arib-std-b67"),
        ] {
            assert!(!divides(from, to) && !divides(to, from), "{from}, {to}");
        }
    }
}
